"""Orders against the sandbox: created once, found again, with their customer and their money."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from engate import AuthFailed, Forbidden, NotSent, Rejected, Unknown
from engate.model import Absent, Address, Buyer, Found, PartItem, Query, Unsure
from engate.testing.facts import Fault

Gather = Callable[[Any], Awaitable[list[Any]]]
CREATE = "POST /api/wholesale/v1/orders/"
LIST = "GET /api/wholesale/v1/orders/list"
CUSTOMER = "POST /api/wholesale/v1/customer/"


async def raw_orders(erp: Any, branches: str = "1,2") -> list[dict[str, Any]]:
    """What the ERP itself lists."""
    answer = await erp.client.guarded.call("GET", "/api/wholesale/v1/orders/list", params={"branchId": branches, "daysOfSearch": 60})
    return answer.json()["items"]


# ---- creating and finding ----


@pytest.mark.trap("winthor.customer-origin", "winthor.tax-permission")
async def test_an_order_enters_with_everything_the_erp_needs(erp: Any, control: Any, part: Any) -> None:
    wanted = part()
    assert await erp.find_order(wanted) == Absent()
    made = await erp.import_order(wanted)
    assert made.key and made.state == "in_erp"
    assert await erp.find_order(wanted) == Found(made.key, "in_erp")
    [held] = await control("orders")
    assert (held["key"], held["storefront_key"], held["total"]) == (made.key, "v100-01", "27.40")
    [row] = await raw_orders(erp)
    assert (row["branchId"], row["chargingId"], str(row["paymentPlanId"]), row["saleOrigin"], row["carrierId"]) == (
        "2",
        "PIX",
        "1",
        "W",
        501,
    )
    assert "Rua A, S/N, apto 3" in row["observation"] and row["customer"]["personIdentificationNumber"] == "390.533.447-05"


async def test_a_channel_may_have_a_seller_an_origin_and_a_type_of_sale_of_its_own(erp: Any, part: Any) -> None:
    """What its row leaves out is as the connection says."""
    await erp.import_order(part("v1-01", fields={"seller": "2", "sale_origin": "T", "sale_type": 8}))
    await erp.import_order(part("v2-01", fields={"seller": "2"}))
    await erp.import_order(part("v3-01"))
    rows = {row["orderIdHube"]: (row["seller"], row["saleOrigin"], row["saleType"]) for row in await raw_orders(erp)}
    assert rows == {"v1-01": (2, "T", "8"), "v2-01": (2, "W", "1"), "v3-01": (1, "W", "1")}


async def test_fields_of_another_version_are_refused_before_anything_is_sent(erp: Any, control: Any, part: Any) -> None:
    with pytest.raises(Rejected) as caught:
        await erp.import_order(part(fields={"cgo": "800"}))
    assert caught.value.code == "order.fields" and "Canais de venda" in caught.value.hint.pt
    assert await control.count(CREATE) == await control.count(CUSTOMER) == 0


@pytest.mark.trap("winthor.freight-inside", "winthor.discount-in-prices")
async def test_the_erps_total_is_what_was_charged(erp: Any, control: Any, part: Any) -> None:
    items = (
        PartItem("0", "7891000100103-1", Decimal(3), Decimal("11.10")),
        PartItem("1", "17891000061197-5", Decimal(1), Decimal("110.25")),
    )
    made = part(
        branch="1", items=items, freight=Decimal("12.34"), interest=Decimal("1.01"), discount=Decimal("10.00"), total=Decimal("146.90")
    )
    await erp.import_order(made)
    [held] = await control("orders")
    assert held["total"] == "146.90"
    assert sum(quantity for sku, quantity, _ in held["items"] if sku == "7891000100103-1") == 3


LOGIN = "POST /winthor/autenticacao/v1/login"


async def test_a_right_that_is_missing_is_named_and_the_session_goes_on(erp: Any, control: Any, part: Any, gather: Gather) -> None:
    await control("faults", [Fault("403", CREATE)])
    with pytest.raises(Forbidden) as caught:
        await erp.import_order(part())
    assert caught.value.operation == CREATE and "Acesso negado" in caught.value.text.pt
    assert await control.count(CREATE) == 1
    assert len(await gather(erp.list_brands(Query()))) == 1
    assert await control.count(LOGIN) == 1


@pytest.mark.parametrize("kind", ["403", "401"])
async def test_looking_for_an_order_does_not_hide_what_a_person_must_do(connect: Any, control: Any, part: Any, kind: Any) -> None:
    async with connect(password="errada" if kind == "401" else (await control("describe"))["secrets"]["password"]) as erp:
        await control("faults", [Fault("403", LIST, times=9)])
        with pytest.raises(Forbidden if kind == "403" else AuthFailed):
            await erp.find_order(part())


async def test_a_look_up_that_nobody_waits_for_any_more_is_ended_and_the_next_one_asks_anew(erp: Any, control: Any, part: Any) -> None:
    """One reading of the list serves many; it ends when the last of them does (its platform hangs, its integration is switched off)."""
    await control("faults", [Fault("hang", LIST, times=9)])
    looking = [asyncio.create_task(erp.find_order(part())) for _ in range(2)]
    await _until(lambda: _in_flight(control, 1))
    looking[0].cancel()
    await asyncio.sleep(0)
    assert await _in_flight(control, 1), "the other one still waits for it"
    looking[1].cancel()
    await asyncio.gather(*looking, return_exceptions=True)
    await _until(lambda: _in_flight(control, 0))
    await control("faults", [])
    async with asyncio.timeout(10):
        assert await erp.find_order(part()) == Absent()


async def _in_flight(control: Any, count: int) -> bool:
    return (await control("ledger"))["in_flight"].get(LIST, 0) == count


async def _until(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await check():  # noqa: ASYNC110  # what the other side sees
            await asyncio.sleep(0.02)


async def test_a_session_that_another_system_ends_twice_does_not_lose_the_order(erp: Any, control: Any, part: Any) -> None:
    await control("faults", [Fault("401", CREATE, times=2)])
    assert (await erp.import_order(part())).key
    assert len(await control("orders")) == 1 and await control.count(LOGIN) == 3


@pytest.mark.parametrize("missing", ["charge", "terms", "branch"])
async def test_an_unmapped_order_is_not_sent(erp: Any, control: Any, part: Any, missing: str) -> None:
    with pytest.raises(Rejected) as caught:
        await erp.import_order(part(**{missing: ""}))
    assert caught.value.code == f"order.{missing}" and caught.value.hint.pt
    assert await control.count(CREATE) == 0


async def test_an_order_that_does_not_add_up_is_not_sent(erp: Any, control: Any, part: Any) -> None:
    with pytest.raises(Rejected):
        await erp.import_order(part(total=Decimal("20.00")))
    assert await control.count(CREATE) == 0


async def test_freight_without_a_field_for_it_is_not_dropped(connect: Any, control: Any, part: Any) -> None:
    async with connect(contract={"order_body.freight": ""}) as erp:
        with pytest.raises(Rejected) as caught:
            await erp.import_order(part())
        assert caught.value.code == "order.freight" and await control.count(CREATE) == 0


@pytest.mark.trap("winthor.every-post-is-an-order")
@pytest.mark.parametrize("kind", ["reset_applied", "500_applied", "timeout_applied"])
async def test_a_lost_answer_is_unknown_and_never_sent_again(erp: Any, control: Any, part: Any, kind: Any) -> None:
    await control("faults", [Fault(kind, CREATE)])
    with pytest.raises(Unknown) as caught:
        await erp.import_order(part())
    assert not isinstance(caught.value, NotSent)
    assert await control.count(CREATE) == 1
    found = await erp.find_order(part())
    assert isinstance(found, Found) and [held["key"] for held in await control("orders")] == [found.key]


@pytest.mark.parametrize("kind", ["reset", "500", "html"])
async def test_a_failure_that_did_nothing_is_unknown_too(erp: Any, control: Any, part: Any, kind: Any) -> None:
    await control("faults", [Fault(kind, CREATE)])
    with pytest.raises(Unknown):
        await erp.import_order(part())
    assert await control.count(CREATE) == 1 and await erp.find_order(part()) == Absent()


async def test_half_a_packaging_is_refused_before_anything_is_sent(erp: Any, control: Any, part: Any) -> None:
    with pytest.raises(Rejected) as caught:
        await erp.import_order(part(items=(PartItem("0", "7891000100103-1", Decimal("0.95"), Decimal("11.20")),), total=Decimal("15.64")))
    assert caught.value.code == "order.fraction" and "0.95" in caught.value.text.pt and caught.value.hint.pt
    assert await control("orders") == []


@pytest.mark.trap("winthor.reason-nobody-shows")
async def test_a_refusal_has_the_erps_words(erp: Any, part: Any) -> None:
    with pytest.raises(Rejected) as caught:
        await erp.import_order(part(items=(PartItem("0", "123-999", Decimal(2), Decimal("11.20")),)))
    assert caught.value.code.startswith("erp.http_4") and "WinThor" in caught.value.text.pt and caught.value.hint.pt
    assert await erp.find_order(part()) == Absent()


async def test_a_seller_that_the_erp_does_not_know_is_named_with_where_he_stands(erp: Any, part: Any) -> None:
    with pytest.raises(Rejected) as caught:
        await erp.import_order(part(fields={"seller": "77"}))
    assert (
        caught.value.text.pt == "O WinThor recusou: Vendedor não cadastrado: 77"
        and "77" in caught.value.hint.pt
        and "Canais de venda" in caught.value.hint.pt
    )


@pytest.mark.trap("winthor.search-every-branch")
async def test_an_order_is_found_in_every_configured_branch(erp: Any, connect: Any, part: Any) -> None:
    made = await erp.import_order(part(branch="2"))
    assert await erp.find_order(part(branch="1")) == Found(made.key, "in_erp")
    async with connect(branches=["1"]) as narrow:
        assert await narrow.find_order(part(branch="2")) == Found(made.key, "in_erp")  # the part's own branch counts too


async def test_a_reference_is_found_whole_only(erp: Any, part: Any) -> None:
    await erp.import_order(part("v100-01-1"))
    assert await erp.find_order(part("v100-01")) == Absent() and await erp.find_order(part("v100-01-10")) == Absent()


@pytest.mark.trap("winthor.search-of-days")
async def test_an_order_of_days_ago_is_found(erp: Any, control: Any, part: Any) -> None:
    """Created while we were down: a search of two days would call it absent, and it would enter twice."""
    wanted = part()
    made = await erp.import_order(wanted)
    await control("advance", {"seconds": 4 * 86400})
    placed_at = wanted.order.placed_at - timedelta(days=4)  # the ERP's clock is ahead by four days, so to it the order was placed then
    assert await erp.find_order(part(placed_at=placed_at)) == Found(made.key, "in_erp")


async def test_an_order_on_a_later_page_is_found(connect: Any, part: Any) -> None:
    async with connect(page_size=1) as erp:
        keys = [(await erp.import_order(part(f"v{number}", branch="1"))).key for number in range(4)]
        assert await erp.find_order(part("v3")) == Found(keys[3], "in_erp")


async def test_of_several_the_living_one_counts(erp: Any, control: Any, part: Any) -> None:
    first = await erp.import_order(part())
    await control("cancel", {"keys": [first.key]})
    assert await erp.find_order(part()) == Found(first.key, "cancelled")
    second = await erp.import_order(part())
    assert await erp.find_order(part()) == Found(second.key, "in_erp")


@pytest.mark.trap("winthor.search-that-fails")
async def test_a_search_that_fails_is_unsure(erp: Any, control: Any, part: Any) -> None:
    await control("faults", [Fault("html", LIST, times=9)])
    found = await erp.find_order(part())
    assert isinstance(found, Unsure) and found.reason


# ---- customers ----


@pytest.mark.trap("winthor.punctuation")
async def test_a_customer_is_created_once_and_then_found(erp: Any, control: Any, part: Any) -> None:
    await erp.import_order(part("v1"))
    await erp.import_order(part("v2"))
    assert await control.count(CUSTOMER) == 1
    first, second = await raw_orders(erp)
    assert first["customer"]["id"] == second["customer"]["id"]


@pytest.mark.trap("winthor.customer-upsert")
async def test_a_customer_that_exists_is_never_changed(erp: Any, control: Any, part: Any) -> None:
    await erp.import_order(part("v1"))
    before = (
        await erp.client.guarded.call("GET", "/api/wholesale/v1/customer/list", params={"personIdentificationNumber": "39053344705"})
    ).json()
    moved = part("v2", delivery=Address("Rua Nova", "99", "", "Bairro", "Campinas", "SP", "13000-000"))
    await erp.import_order(moved)
    after = (
        await erp.client.guarded.call("GET", "/api/wholesale/v1/customer/list", params={"personIdentificationNumber": "39053344705"})
    ).json()
    assert after == before and await control.count(CUSTOMER) == 1
    assert "Rua Nova, 99" in (await raw_orders(erp))[1]["observation"]


@pytest.mark.trap("winthor.letters-in-cnpj")
async def test_a_company_with_letters_in_its_cnpj(erp: Any, part: Any) -> None:
    buyer = Buyer("Loja", "12ABC34501DE35", "a@b.com.br", "1133334444", True, "Loja Ltda", "111222333444")
    await erp.import_order(part("v1", buyer=buyer))
    await erp.import_order(part("v2", buyer=buyer))
    first, second = await raw_orders(erp)
    assert first["customer"]["id"] == second["customer"]["id"]


@pytest.mark.trap("winthor.field-lengths")
async def test_what_was_cut_stands_in_the_observation(erp: Any, part: Any) -> None:
    street = "Avenida do Almirante que Descobriu o Caminho das Índias"
    await erp.import_order(part(delivery=Address(street, "10", "", "Centro", "São Paulo", "SP", "01001-000")))
    assert f"Endereço: {street}" in (await raw_orders(erp))[0]["observation"]


@pytest.mark.parametrize("kind", ["reset_applied", "500_applied", "reset"])
async def test_a_customer_whose_answer_is_lost_is_simply_sent_again(erp: Any, control: Any, part: Any, kind: Any) -> None:
    await control("faults", [Fault(kind, CUSTOMER)])
    await erp.import_order(part())
    assert await control.count(CUSTOMER) == 2 and len(await control("orders")) == 1


async def test_trouble_with_the_customer_leaves_the_order_certainly_unsent(erp: Any, control: Any, part: Any) -> None:
    await control("faults", [Fault("500", CUSTOMER, times=9)])
    with pytest.raises(NotSent):
        await erp.import_order(part())
    assert await control.count(CREATE) == 0


async def test_a_customer_the_erp_refuses_is_the_records_cause(connect: Any, control: Any, part: Any) -> None:
    async with connect(contract={"customer_body.square": ""}) as erp:
        with pytest.raises(Rejected) as caught:
            await erp.import_order(part())
        assert caught.value.code.startswith("erp.http_4") and await control.count(CREATE) == 0


async def test_orders_under_the_default_customer_carry_the_buyer(connect: Any, control: Any, part: Any) -> None:
    async with connect(customer_policy="default_customer", default_customer="1") as erp:
        await erp.import_order(part())
        assert str((await raw_orders(erp))[0]["customer"]["id"]) == "1" and await control.count(CUSTOMER) == 0
    async with connect(customer_policy="default_customer", default_customer="") as erp:
        with pytest.raises(Rejected) as caught:
            await erp.import_order(part("v2"))
        assert caught.value.code == "customer.default"


@pytest.mark.trap("winthor.no-document")
@pytest.mark.parametrize("document", ["", "   ", "123", "3905334470", "39053344706", "00000000000", "11111111111", "12ABC34501DE34"])
async def test_a_buyer_without_a_document_is_booked_on_nobody(quirky: Any, part: Any, document: str) -> None:
    """The ERP has customers without one, and with part of one; an empty filter lists them all."""
    rows = [
        {"id": number, "personIdentificationNumber": held, "stateInscription": "ISENTO", "active": True}
        for number, held in ((777, ""), (778, None), (779, document))
    ]
    quirky.answers["/api/wholesale/v1/customer/list"] = lambda _: {"items": rows, "hasNext": False}
    async with quirky.connection() as erp:
        with pytest.raises(Rejected) as caught:
            await erp.import_order(part(document=document))
    assert caught.value.code == "buyer.document" and "CPF" in caught.value.text.pt and "cliente padrão" in caught.value.hint.pt
    assert document.strip() == "" or document not in caught.value.text.pt
    assert quirky.queries("/api/wholesale/v1/customer/list") == quirky.queries("/api/wholesale/v1/orders/") == []


async def test_under_the_default_customer_a_buyer_needs_no_document(connect: Any, control: Any, part: Any) -> None:
    async with connect(customer_policy="default_customer", default_customer="1") as erp:
        await erp.import_order(part(document=""))
        assert str((await raw_orders(erp))[0]["customer"]["id"]) == "1" and await control.count(CUSTOMER) == 0


@pytest.mark.trap("winthor.no-reference")
async def test_orders_that_others_placed_are_nobodys(erp: Any, control: Any, part: Any) -> None:
    """They have no reference; what is looked for without one is not all of them."""
    made = await erp.import_order(part())
    body = {"branchId": "2", "customer": {"id": 1}, "seller": 1, "saleOrigin": "F", "saleType": 1, "chargingId": "PIX", "paymentPlanId": 1,
            "listOfOrderItem": [{"productSKUERPReferenceKey": "7891000100103-1", "quantity": 1, "sellPrice": 9}],
            "permissions": {"acceptOrderWithoutTax": False}}  # fmt: skip
    await erp.client.send("POST", "/api/wholesale/v1/orders/", body, safe=False)
    assert isinstance(await erp.find_order(part("")), Unsure)
    with pytest.raises(Rejected) as caught:
        await erp.import_order(part(""))
    assert caught.value.code == "order.reference" and made.key
    assert [item async for page in erp.list_fulfilment(Query(keys=("2/",))) for item in page.items] == []


# ---- money ----


@pytest.mark.trap("winthor.zero-price")
@pytest.mark.parametrize(
    ("items", "total", "discount"),
    [
        ((("0", "7891000100103-1", 1, "10.00"), ("1", "7891000315507-2", 1, "0.00")), "10.00", "0"),
        ((("0", "7891000100103-1", 2, "11.20"),), "0.00", "22.40"),
    ],
)
async def test_what_would_cost_nothing_is_said_before_anything_is_sent(
    erp: Any, control: Any, part: Any, items: Any, total: str, discount: str
) -> None:
    lines = tuple(PartItem(line, sku, Decimal(quantity), Decimal(price)) for line, sku, quantity, price in items)
    with pytest.raises(Rejected) as caught:
        await erp.import_order(part(items=lines, freight=Decimal(0), discount=Decimal(discount), total=Decimal(total)))
    assert caught.value.code == "order.zero_price" and caught.value.owner == "person" and "bonificação" in caught.value.hint.pt
    assert "Produto 1" in caught.value.text.pt or "7891000315507-2" in caught.value.text.pt
    assert await control.count(CREATE) == await control.count(CUSTOMER) == 0


@pytest.mark.trap("winthor.cent-a-unit")
async def test_a_discount_of_nearly_everything_leaves_every_line_a_cent(erp: Any, control: Any, part: Any) -> None:
    items = (PartItem("0", "7891000100103-1", Decimal(1), Decimal("100.00")), PartItem("1", "7891000315507-2", Decimal(3), Decimal("0.10")))
    await erp.import_order(part(items=items, freight=Decimal(0), discount=Decimal("99.30"), total=Decimal("1.00")))
    [held] = await control("orders")
    assert (held["total"], [price for _, _, price in held["items"]]) == ("1.00", ["0.97", "0.01"])
