"""Orders against the sandbox: created once, found again, followed to the invoice, cancelled or not."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from engate import AuthFailed, Forbidden, Invalid, NotSent, Rejected, Unknown
from engate.model import Absent, Address, Buyer, Found, PartItem, PartRef, Query, Unsure, valid_key
from engate.settings import load
from engate.testing.world import Fault
from engate_winthor import manifest

Gather = Callable[[Any], Awaitable[list[Any]]]
CREATE = "POST /api/wholesale/v1/orders/"
LIST = "GET /api/wholesale/v1/orders/list"
CUSTOMER = "POST /api/wholesale/v1/customer/"
INVOICE = "GET /winthor/fiscal/v1/documentosfiscais/nfe/invoiceDocument"


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


@pytest.mark.parametrize("missing", ["billing", "plan", "branch"])
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


# ---- following ----


async def single(erp: Any, key: str, branch: str = "2") -> Any:
    [found] = [item async for page in erp.list_fulfilment(Query(keys=(f"{branch}/{key}",))) for item in page.items]
    return found


@pytest.mark.trap("winthor.note-not-published", "winthor.key-in-the-xml")
async def test_from_the_erp_to_the_buyers_door(erp: Any, control: Any, part: Any) -> None:
    made = await erp.import_order(part())
    found = await single(erp, made.key)
    assert (found.state, found.raw_state, found.reference, found.invoices) == ("in_erp", "L", "v100-01", ())
    assert found.total == Decimal("27.40") and [(item.sku, item.quantity, item.cut) for item in found.items] == [("7891000100103-1", 2, 0)]
    assert await control.count(INVOICE) == 0

    await control("progress", {"to": "assembled"})
    assert (await single(erp, made.key)).state == "picking"

    await control("progress", {"to": "invoiced"})
    found = await single(erp, made.key)
    assert found.state == "invoiced" and found.invoices == ()  # invoiced, but its XML is not published yet

    await control("advance", {"seconds": 3600})
    found = await single(erp, made.key)
    [invoice] = found.invoices
    assert valid_key(invoice.key) and invoice.key in invoice.xml and invoice.issuer == "11222333000262"
    assert (invoice.value, invoice.kind, invoice.authorised, invoice.production, invoice.model) == (
        Decimal("27.40"),
        "sale",
        True,
        True,
        "55",
    )
    assert found.delivered_at is None

    await control("progress", {"to": "shipped"})
    found = await single(erp, made.key)
    [shipment] = found.shipments
    assert shipment.tracking.code and shipment.tracking.carrier == "501" and found.delivered_at is None

    await control("progress", {"to": "delivered"})
    found = await single(erp, made.key)
    assert found.delivered_at is not None and found.delivered_at.tzinfo is not None


async def noted(erp: Any, control: Any, part: Any, *spoil: tuple[str, str], **given: Any) -> Any:
    """An order that was spoilt before it was invoiced (what names an item) or after (what names a note), with its notes."""
    made = await erp.import_order(part(**given))
    for kind, what in spoil:
        if not kind.startswith("note"):
            await control("corrupt", {"kind": kind, "key": f"{made.key}{what}"})
    await control("progress", {"to": "invoiced"})
    for kind, what in spoil:
        if kind.startswith("note"):
            await control("corrupt", {"kind": kind, "key": f"{made.key}{what}"})
    await control("advance", {"seconds": 3600})
    return await single(erp, made.key, given.get("branch", "2"))


@pytest.mark.trap("winthor.note-lines")
async def test_a_note_says_what_it_invoices(erp: Any, control: Any, part: Any) -> None:
    """Three sold, one attended."""
    three = (PartItem("0", "7891000100103-1", Decimal(3), Decimal("11.20")),)
    found = await noted(erp, control, part, ("cut", "/1=1"), items=three, total=Decimal("38.60"))
    assert [(item.sku, item.quantity, item.cut) for item in found.items] == [("7891000100103-1", 1, 2)]
    [note] = found.invoices
    assert ([(item.sku, item.quantity) for item in note.items], note.value) == ([("7891000100103-1", 1)], Decimal("16.20"))


@pytest.mark.trap("winthor.weighed")
@pytest.mark.parametrize(("weight", "cut", "value"), [("0.95", "0.05", "10.64"), ("1.08", "0", "12.10")])
async def test_a_note_by_weight(erp: Any, control: Any, part: Any, weight: str, cut: str, value: str) -> None:
    one = (PartItem("0", "7891000100103-1", Decimal(1), Decimal("11.20")),)
    found = await noted(erp, control, part, ("weighed", f"/1={weight}"), items=one, freight=Decimal(0), total=Decimal("11.20"))
    assert [(item.quantity, item.cut) for item in found.items] == [(Decimal(weight), Decimal(cut))]
    [note] = found.invoices
    assert ([(item.sku, item.quantity) for item in note.items], note.value) == ([("7891000100103-1", Decimal(weight))], Decimal(value))


@pytest.mark.trap("winthor.packaging-on-a-note")
async def test_two_packagings_of_one_product_on_two_notes(erp: Any, control: Any, part: Any) -> None:
    """The second note names no EAN, and the codes of both packagings are one: which of them it holds is not guessed."""
    both = (
        PartItem("0", "7891000061190-5", Decimal(2), Decimal("15.10")),
        PartItem("1", "17891000061197-5", Decimal(1), Decimal("110.25")),
    )
    given: dict[str, Any] = {"items": both, "branch": "1", "freight": Decimal(0), "total": Decimal("140.45")}
    found = await noted(erp, control, part, ("note_split", "=2"), **given)
    assert [[(item.sku, item.quantity) for item in note.items] for note in found.invoices] == [[("7891000061190-5", 2)], []]
    assert sum(note.value for note in found.invoices) == Decimal("140.45")


@pytest.mark.trap("winthor.unreadable-note")
async def test_a_note_that_cannot_be_read_does_not_hide_the_others(erp: Any, control: Any, part: Any) -> None:
    found = await noted(erp, control, part, ("note_unreadable", ""), ("note_foreign", ""))
    good, foreign, broken = found.invoices
    assert (good.authorised, good.issuer, foreign.issuer) == (True, "11222333000262", "99888777000161")
    assert [(item.sku, item.quantity) for item in good.items] == [("7891000100103-1", 2)]
    assert (broken.authorised, broken.number, valid_key(broken.key)) == (False, "2", True)


@pytest.mark.trap("winthor.own-branch")
async def test_an_order_is_asked_for_in_its_own_branch(erp: Any, part: Any) -> None:
    made = await erp.import_order(part(branch="2"))
    assert [item async for page in erp.list_fulfilment(Query(keys=(f"1/{made.key}",))) for item in page.items] == []
    assert (await single(erp, made.key, "2")).branch == "2"


async def test_the_listing_of_every_branch_with_its_watermark(erp: Any, control: Any, part: Any) -> None:
    keys = [(await erp.import_order(part(f"v{branch}", branch=branch))).key for branch in ("1", "2")]
    pages = [page async for page in erp.list_fulfilment(Query())]
    assert sorted(item.key for page in pages for item in page.items) == sorted(keys)
    assert all(item.invoices is None for page in pages for item in page.items)
    mark = pages[-1].watermark
    assert mark and len(mark) == 19
    await control("advance", {"seconds": 4 * 3600})
    await control("cancel", {"keys": [keys[0]]})
    beyond = erp.client.local(erp.client.instant(mark) + timedelta(hours=3))
    changed = [item async for page in erp.list_fulfilment(Query(since=beyond)) for item in page.items]
    assert [(item.key, item.state) for item in changed] == [(keys[0], "cancelled")]


# ---- cancelling ----


@pytest.mark.trap("winthor.message-to-seller")
async def test_a_cancellation(erp: Any, control: Any, part: Any) -> None:
    made = await erp.import_order(part())
    ref = PartRef(made.key, "2", "v100-01")
    await erp.import_cancellation(ref, "Desistência")
    assert [held["phase"] for held in await control("orders")] == ["cancelled"]
    await erp.import_cancellation(ref, "Desistência")  # cancelled already: fine


@pytest.mark.trap("winthor.reason-of-cancelling")
async def test_a_cancellation_needs_a_reason_so_it_always_has_one(erp: Any, control: Any, part: Any) -> None:
    made = await erp.import_order(part())
    await erp.import_cancellation(PartRef(made.key, "2", "v100-01"), "  ")
    assert [held["phase"] for held in await control("orders")] == ["cancelled"]


@pytest.mark.trap("winthor.page-with-200")
@pytest.mark.parametrize("kind", ["reset_applied", "500_applied", "html"])
async def test_a_cancellation_whose_answer_is_lost(erp: Any, control: Any, part: Any, kind: Any) -> None:
    made = await erp.import_order(part())
    await control("faults", [Fault(kind, "DELETE /api/wholesale/v1/orders")])
    await erp.import_cancellation(PartRef(made.key, "2", "v100-01"), "x")
    assert [held["phase"] for held in await control("orders")] == ["cancelled"]


@pytest.mark.trap("winthor.invoiced-needs-return")
async def test_an_invoiced_order_cannot_be_cancelled(erp: Any, control: Any, part: Any) -> None:
    made = await erp.import_order(part())
    await control("progress", {"to": "invoiced"})
    with pytest.raises(Rejected) as caught:
        await erp.import_cancellation(PartRef(made.key, "2", "v100-01"), "x")
    assert caught.value.code == "erp.invoiced" and "devolução" in caught.value.hint.pt


async def test_an_order_that_is_not_there_cannot_be_cancelled(erp: Any) -> None:
    with pytest.raises(Rejected) as caught:
        await erp.import_cancellation(PartRef("999999", "2", "v1"), "x")
    assert caught.value.code == "erp.not_found"


# ---- the connection ----


@pytest.mark.trap("winthor.password-hash", "winthor.password-case")
async def test_every_line_of_a_good_connection(erp: Any, control: Any) -> None:
    checks = await erp.test_connection()
    assert all(check.ok for check in checks), checks
    assert [check.name for check in checks] == [
        "service.gateway", "service.orders", "service.products", "service.stock", "login", "branch.1", "branch.2", "orders",
    ]  # fmt: skip
    assert (await control("ledger"))["writes"].keys() <= {"POST /winthor/autenticacao/v1/login"}


async def test_a_branch_that_does_not_exist_is_a_line(connect: Any) -> None:
    async with connect(branches=["1", "77"]) as erp:
        lines = {check.name: check for check in await erp.test_connection()}
        assert lines["branch.1"].ok and not lines["branch.77"].ok and lines["branch.77"].hint.pt


@pytest.mark.trap("winthor.user-locked")
async def test_a_wrong_password_is_a_line_and_is_tried_once(connect: Any, control: Any) -> None:
    async with connect(password="errada") as erp:
        lines = {check.name: check for check in await erp.test_connection()}
        assert (
            lines["service.orders"].ok
            and not lines["login"].ok
            and not any(name.startswith("branch") for name in lines)
            and "WTA" in lines["login"].hint.pt
        )
        for _ in range(3):
            with pytest.raises(AuthFailed):
                await erp.identity()
        assert await control.count("POST /winthor/autenticacao/v1/login") == 1  # more could lock the user
        assert not (await erp.test_connection())[4].ok
        assert await control.count("POST /winthor/autenticacao/v1/login") == 2  # a person may always try


@pytest.mark.trap("winthor.health-page")
@pytest.mark.parametrize("kind", ["html", "500", "reset"])
async def test_a_service_that_is_down_is_a_line(erp: Any, control: Any, kind: Any) -> None:
    await control("faults", [Fault(kind, "GET /api/stock-vtex/v1/health")])
    lines = {check.name: check for check in await erp.test_connection()}
    assert not lines["service.stock"].ok and lines["service.orders"].ok and lines["login"].ok


async def test_a_login_service_that_is_down_is_a_line(erp: Any, control: Any) -> None:
    await control("faults", [Fault("html", "POST /winthor/autenticacao/v1/login")])
    lines = {check.name: check for check in await erp.test_connection()}
    assert not lines["login"].ok and "812" in lines["login"].hint.pt


async def test_branches_that_cannot_be_read_are_a_line(erp: Any, connect: Any) -> None:
    async with connect(contract={"branches.path": "/not/installed"}) as other:
        lines = {check.name: check for check in await other.test_connection()}
        assert lines["login"].ok and not lines["branches"].ok


async def test_an_unknown_zone_or_contract_is_named_at_once(connect: Any) -> None:
    for wrong, where in (
        ({"timezone": "Brasil/Nenhures"}, "timezone"),
        ({"contract": {"orders.nothing": "x"}}, "contract.orders.nothing"),
        ({"base_url": "file:///etc/passwd"}, "base_url"),
        ({"image_url": "javascript:alert(1)"}, "image_url"),
    ):
        with pytest.raises(Invalid) as caught:
            async with connect(**wrong):
                pass
        assert caught.value.where == where


@pytest.mark.trap("winthor.contract-path")
@pytest.mark.parametrize("name", ["login.path", "orders.path", "create_order", "health.stock"])
@pytest.mark.parametrize("path", ["@evil:1/x", "//evil/x", "http://evil/x", "x", "", "/x\r\nHost: evil", "\\\\evil"])
async def test_an_overridden_path_stays_on_the_erp(settings: Any, name: str, path: str) -> None:
    """Refused when it is saved: the password's hash would be sent to another host."""
    with pytest.raises(Invalid) as caught:
        load(manifest.settings, {**settings, "contract": {name: path}})
    assert caught.value.where == f"contract.{name}"
    assert load(manifest.settings, {**settings, "contract": {name: "/outro/caminho"}})


async def test_the_identity_is_the_company(erp: Any, connect: Any) -> None:
    assert await erp.identity() == "CNPJ 11222333"
    async with connect(branches=["77"], price_branch="77") as other:
        with pytest.raises(Rejected) as caught:
            await other.identity()
        assert caught.value.code == "branch.unknown"


@pytest.mark.trap("winthor.session-ends")
async def test_a_session_that_ended_is_renewed_once(erp: Any, control: Any, gather: Gather) -> None:
    await gather(erp.list_brands(Query()))
    await control("advance", {"seconds": 86400})  # the ERP's clock only: our side thinks that the token lives
    assert len(await gather(erp.list_brands(Query()))) == 1
    assert await control.count("POST /winthor/autenticacao/v1/login") == 2


@pytest.mark.parametrize("kind", ["reset", "html", "500"])
async def test_a_login_that_fails_leaves_the_order_certainly_unsent(erp: Any, control: Any, part: Any, kind: Any) -> None:
    """Even an answer that was lost: it was the login's, and the order never left."""
    await control("faults", [Fault(kind, "POST /winthor/autenticacao/v1/login")])
    with pytest.raises(NotSent):
        await erp.client.login.login(erp.client.open)
    await erp.import_order(part())
    assert len(await control("orders")) == 1


async def test_how_long_an_order_may_stay_undecided_is_a_setting(erp: Any, connect: Any) -> None:
    assert erp.settles_within == 120.0
    async with connect(settles_within=30) as other:
        assert other.settles_within == 30.0
