"""What other installations do: lists without an envelope, without paging, without order; filters that are ignored; odd answers."""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web

from engate import NotSent, Unavailable, Unknown
from engate.clock import ManualClock
from engate.model import Absent, Buyer, Found, PartRef, Query, Unsure

BRANDS = "/api/purchases/v1/productBrands/"
PRODUCTS = "/api/purchases/v1/products/"
PRICES = "/api/wholesale/v1/price/list"
STOCK = "/api/stock-vtex/v1/available/list"
ORDERS = "/api/wholesale/v1/orders/list"
ONE_ORDER = "/api/wholesale/v1/orders/"
CUSTOMERS = "/api/wholesale/v1/customer/list"
INVOICE = "/winthor/fiscal/v1/documentosfiscais/nfe/invoiceDocument"
LOGIN = "/winthor/autenticacao/v1/login"
Row = dict[str, Any]


def brand(number: int) -> Row:
    return {"id": number, "name": f"Marca {number}", "lastChange": "2026-11-20T10:00:00"}


def paged(rows: Callable[[], list[Row]], *, envelope: bool = True, most: int = 1000) -> Callable[[web.Request], Any]:
    """A list as WinThor pages it; `most`: the server's own limit of a page."""

    def answer(request: web.Request) -> Any:
        size = min(int(request.query["pageSize"]), most)
        start = (int(request.query["page"]) - 1) * size
        found = rows()
        items = found[start : start + size]
        return {"first": start == 0, "items": items, "hasNext": start + size < len(found)} if envelope else items

    return answer


async def brands(erp: Any, query: Query = Query()) -> list[str]:  # noqa: B008
    return [item.key async for page in erp.list_brands(query) for item in page.items]


# ---- paging ----


@pytest.mark.parametrize("envelope", [True, False])
@pytest.mark.parametrize("most", [3, 1000])
async def test_every_page_is_read_whatever_its_size(quirky: Any, envelope: bool, most: int) -> None:
    """A server that gives fewer rows than asked for is not at its end."""
    quirky.answers[BRANDS] = paged(lambda: [brand(n) for n in range(1, 11)], envelope=envelope, most=most)
    async with quirky.connection(page_size=5) as erp:
        assert await brands(erp) == [str(n) for n in range(1, 11)]


async def test_an_array_without_paging_ends(quirky: Any) -> None:
    quirky.answers[BRANDS] = lambda _: [brand(n) for n in range(1, 4)]
    async with quirky.connection() as erp:
        assert await brands(erp) == ["1", "2", "3"]


@pytest.mark.trap("winthor.repeated-page")
async def test_a_list_that_repeats_its_page_is_an_error_and_no_endless_loop(quirky: Any) -> None:
    quirky.answers[BRANDS] = lambda _: {"items": [brand(1)], "hasNext": True}
    async with quirky.connection() as erp:
        with pytest.raises(Unavailable) as caught:
            await brands(erp)
        assert caught.value.code == "contract"


async def test_no_content_is_an_empty_list(quirky: Any) -> None:
    quirky.answers[BRANDS] = lambda _: web.Response(status=204)
    async with quirky.connection() as erp:
        assert await brands(erp) == []


@pytest.mark.trap("winthor.error-with-200")
@pytest.mark.parametrize("body", [{"code": "1", "message": "Erro interno"}, {"items": None}, "ok"])
async def test_an_error_told_with_200_is_no_empty_list(quirky: Any, body: object) -> None:
    """An assortment that is suddenly empty would be taken out of the shop."""
    quirky.answers[BRANDS] = lambda _: body
    async with quirky.connection() as erp:
        with pytest.raises(Unavailable):
            await brands(erp)


async def test_sorted_pages_are_read_once(quirky: Any) -> None:
    numbers = [2, 9, 10, 11, *range(100, 120)]
    quirky.answers[BRANDS] = paged(lambda: [brand(n) for n in numbers])
    async with quirky.connection(page_size=10) as erp:
        assert await brands(erp) == [str(n) for n in numbers]
        assert [asked["page"] for asked in quirky.queries(BRANDS)] == ["1", "2", "3"] and quirky.queries(BRANDS)[0]["order"] == "id"


@pytest.mark.trap("winthor.row-over-the-edge")
async def test_a_row_that_leaves_an_earlier_page_takes_no_other_with_it(quirky: Any) -> None:
    """Switched off for the shop while page 2 is asked for: the first row of page 2 moves to page 1."""
    numbers, calls = list(range(1, 21)), 0

    def leaving() -> list[Row]:
        nonlocal calls
        calls += 1
        if calls == 2:
            numbers.remove(3)
        return [brand(n) for n in numbers]

    quirky.answers[BRANDS] = paged(leaving)
    async with quirky.connection(page_size=5) as erp:
        assert set(await brands(erp)) == {str(n) for n in range(1, 21)}


@pytest.mark.trap("winthor.rows-that-move")
@pytest.mark.parametrize("by", ["lastChange", "lastChange, newest first"])
async def test_a_row_that_moves_while_we_read_hides_no_other(quirky: Any, by: str) -> None:
    """The server ignores `order` and sorts by change: a row changed between two pages moves, and pushes another over their edge."""
    rows = [{**brand(n), "lastChange": f"2026-11-20T10:00:{position:02}"} for position, n in enumerate((7, 3, 9, 1, 8, 2, 6, 4))]
    calls = 0

    def moving() -> list[Row]:
        nonlocal calls
        calls += 1
        if calls == 2:
            rows[0 if by == "lastChange" else -1]["lastChange"] = "2026-11-20T11:00:00"
        return sorted(rows, key=lambda row: row["lastChange"], reverse=by != "lastChange")

    quirky.answers[BRANDS] = paged(moving)
    async with quirky.connection(page_size=2) as erp:
        pages = [page async for page in erp.list_brands(Query())]
        keys = [item.key for page in pages for item in page.items]
        assert sorted(set(keys)) == ["1", "2", "3", "4", "6", "7", "8", "9"]
        assert pages[-1].cursor is None and all(page.cursor for page in pages[:-1])


async def test_a_resumed_reading_of_an_unsorted_list_reads_the_beginning_too(quirky: Any) -> None:
    quirky.answers[BRANDS] = paged(lambda: [brand(n) for n in (7, 3, 9, 1, 8, 2)])
    async with quirky.connection(page_size=2) as erp:
        assert set(await brands(erp, Query(cursor="2"))) == {"7", "3", "9", "1", "8", "2"}


async def test_an_unsorted_list_longer_than_every_slice_of_time_ends_too(quirky: Any) -> None:
    """The engine stops a reading after some seconds and goes on from the cursor, with nothing remembered."""
    quirky.answers[BRANDS] = paged(lambda: [brand(n) for n in (7, 3, 9, 1, 2, 8)])
    found: set[str] = set()
    cursor: str | None = "1"
    slices = 0
    async with quirky.connection(page_size=3) as erp:
        while cursor is not None:
            page = await anext(erp.list_brands(Query(cursor=cursor)))
            found.update(item.key for item in page.items)
            cursor, slices = page.cursor, slices + 1
            assert slices < 30
    assert slices > 2  # what the first slice found out is not forgotten: the last page alone looks sorted
    assert found == {"7", "3", "9", "1", "8", "2"}


async def test_a_key_comes_once_a_page(quirky: Any) -> None:
    rows = [{"id": 1, "name": name, "isVisible": True} for name in ("Filial 1", "Filial 2")]
    quirky.answers[PRODUCTS] = paged(lambda: rows)
    quirky.answers[PRICES] = paged(lambda: [{"branchId": "1", "skuId": "A-1", "price": price} for price in (1, 2)])
    async with quirky.connection() as erp:
        assert [item.name async for page in erp.list_products(Query()) for item in page.items] == ["Filial 2"]
        assert [item.base async for page in erp.list_prices(Query()) for item in page.items] == [2]


@pytest.mark.trap("winthor.unreadable-value")
async def test_an_unreadable_date_keeps_its_own_price_back_and_no_other(quirky: Any) -> None:
    offer = {"offerPrice": 1, "offerStartDate": "2020-01-01T00:00:00"}
    ends = {"A-1": "2062-01-01T00:00:00", "B-2": "30/11/2026", "C-3": "1900-01-01T00:00:00"}
    quirky.answers[PRICES] = paged(
        lambda: [{"branchId": "1", "skuId": key, "price": 2, **offer, "offerEndDate": end} for key, end in ends.items()]
    )
    async with quirky.connection() as erp:
        found = {item.key: item async for page in erp.list_prices(Query()) for item in page.items}
    assert {key: item.base for key, item in found.items() if not item.problems} == {"A-1": 1, "C-3": 1}
    [problem] = found["B-2"].problems
    assert problem.code == "value.unreadable" and "offerEndDate = 30/11/2026" in problem.text.pt


@pytest.mark.trap("winthor.restless-list")
async def test_a_list_that_never_holds_still_does_not_permit_an_order(quirky: Any, part: Any) -> None:
    calls = 0

    def restless() -> list[Row]:
        nonlocal calls
        calls += 1
        return [
            {"orderId": str(number * 37 % 101 + calls * 1000), "orderStatus": "L", "branchId": "1", "orderIdHube": None}
            for number in range(6)
        ]

    quirky.answers[ORDERS] = paged(restless)
    async with quirky.connection(page_size=2) as erp:
        assert isinstance(await erp.find_order(part()), Unsure)


async def test_a_reading_of_a_list_that_never_holds_still_ends(quirky: Any) -> None:
    calls = 0

    def restless() -> list[Row]:
        nonlocal calls
        calls += 1
        return [brand(number * 37 % 101 + calls * 1000) for number in range(6)]

    quirky.answers[BRANDS] = paged(restless)
    async with quirky.connection(page_size=2) as erp:
        pages = [page async for page in erp.list_brands(Query())]
        assert pages[-1].cursor is None and len(pages) < 30


# ---- time ----


@pytest.mark.trap("winthor.stamp-of-2062")
async def test_a_record_of_2062_does_not_silence_the_flow(quirky: Any) -> None:
    answered = {"Date": "Sat, 21 Nov 2026 15:00:00 GMT"}
    body = msgspec.json.encode({"items": [{**brand(1), "lastChange": "2062-01-01T00:00:00"}], "hasNext": False})
    quirky.answers[BRANDS] = lambda _: web.Response(body=body, content_type="application/json", headers=answered)
    async with quirky.connection() as erp:
        assert [page.watermark async for page in erp.list_brands(Query())] == ["2026-11-21T12:00:00"]  # the ERP's clock, in its zone


async def test_rows_left_out_move_the_watermark_all_the_same(quirky: Any) -> None:
    quirky.answers[PRODUCTS] = lambda _: {"items": [{"id": 1, "isVisible": False, "lastChange": "2026-11-20T10:00:00"}], "hasNext": False}
    async with quirky.connection() as erp:
        assert [(page.items, page.watermark) async for page in erp.list_products(Query())] == [([], "2026-11-20T10:00:00")]
        assert quirky.queries(PRODUCTS)[0]["callOrigin"] == "T"


async def test_the_since_of_a_reading_goes_as_winthor_wants_it(quirky: Any) -> None:
    quirky.answers[BRANDS] = paged(list)
    async with quirky.connection() as erp:
        await brands(erp, Query(since="2026-11-21T12:00:00"))
        await brands(erp, Query())
        first, second = quirky.queries(BRANDS)
        assert first["lastChange"] == "2026-11-21T10:00:00" and "lastChange" not in second


@pytest.mark.trap("winthor.offer-over")
async def test_an_offer_runs_by_the_erps_clock(quirky: Any) -> None:
    row = {
        "branchId": "1",
        "skuId": "A-1",
        "price": 20,
        "offerPrice": 10,
        "offerStartDate": "2026-11-27T00:00:00",
        "offerEndDate": "2026-11-27T00:00:00",
    }
    body = msgspec.json.encode({"items": [row], "hasNext": False})

    def at(date: str) -> Callable[[web.Request], web.Response]:
        return lambda _: web.Response(body=body, content_type="application/json", headers={"Date": date})

    async with quirky.connection() as erp:
        for date, base in (
            ("Fri, 27 Nov 2026 02:59:59 GMT", 20),
            ("Fri, 27 Nov 2026 03:00:00 GMT", 10),
            ("Sat, 28 Nov 2026 03:00:00 GMT", 20),
        ):
            quirky.answers[PRICES] = at(date)
            assert [item.base async for page in erp.list_prices(Query()) for item in page.items] == [base]


# ---- prices and stock ----


@pytest.mark.trap("winthor.price-of-region")
async def test_prices_of_the_configured_branch_and_region(quirky: Any) -> None:
    rows = [
        {"branchId": branch, "skuId": "A-1", "price": price, "priceRegion": region}
        for branch, region, price in (("1", 1, 10), ("1", 2, 20), ("2", 2, 30))
    ]
    quirky.answers[PRICES] = paged(lambda: rows)
    async with quirky.connection(price_region="2") as erp:
        assert [item.base async for page in erp.list_prices(Query()) for item in page.items] == [20]
        assert quirky.queries(PRICES)[0]["multiRegionPrice"] == "true" and quirky.queries(PRICES)[0]["branchId"] == "1"


def regional(default: int) -> Callable[[web.Request], Any]:
    """One packaging of three regions; asked for one region, the `default` is what comes."""

    def rows(request: web.Request) -> Any:
        wanted = (1, 2, 3) if request.query.get("multiRegionPrice") == "true" else (default,)
        found = [{"branchId": "1", "skuId": "A-1", "price": 10 * region, "priceRegion": region} for region in wanted]
        return {"items": found, "hasNext": False}

    return rows


@pytest.mark.trap("winthor.price-tables")
@pytest.mark.parametrize(("own", "asked"), [("2", ["true"]), ("", [None, "true"])])
async def test_prices_of_other_regions_come_where_somebody_mapped_them(quirky: Any, own: str, asked: list[str | None]) -> None:
    """Without a region of the connection's own, only an answer for one region says which price is the default."""
    quirky.answers[PRICES] = regional(2)
    async with quirky.connection(price_region=own) as erp:
        found = [item async for page in erp.list_prices(Query(tables=("3",))) for item in page.items]
        assert {(item.key, item.sku, item.table, item.base) for item in found} == {("A-1", "A-1", "", 20), ("A-1@3", "A-1", "3", 30)}
        assert [query.get("multiRegionPrice") for query in quirky.queries(PRICES)] == asked


async def test_a_reading_of_regions_goes_on_where_it_was_and_gives_just_the_keys_that_are_asked_for(quirky: Any) -> None:
    quirky.answers[PRICES] = regional(2)
    async with quirky.connection() as erp:
        pages = [page async for page in erp.list_prices(Query(tables=("1", "3")))]
        assert pages[0].cursor is not None and pages[-1].cursor is None
        rest = [page async for page in erp.list_prices(Query(cursor=pages[0].cursor, tables=("1", "3")))]
        assert rest == pages[1:]
        picked = [item async for page in erp.list_prices(Query(keys=("A-1@3",), tables=("1", "3"))) for item in page.items]
        assert [(item.key, item.base) for item in picked] == [("A-1@3", 30)]


async def test_the_stock_of_one_branch_is_asked_for_alone(quirky: Any) -> None:
    rows = [{"productId": "A-1", "quantity": 4, "warehouseBranchId": branch} for branch in ("1", "2")]
    quirky.answers[STOCK] = paged(lambda: rows)
    async with quirky.connection() as erp:
        found = [item async for page in erp.list_stock(Query(scope="2")) for item in page.items]
        assert [item.key for item in found] == ["A-1@2"] and quirky.queries(STOCK)[0]["branchId"] == "2"
        assert [page.items async for page in erp.list_stock(Query(scope="9"))] == [[]]
        assert len(quirky.queries(STOCK)) == 1


async def test_stock_is_asked_for_per_packaging_in_every_branch(quirky: Any) -> None:
    rows = [{"productId": "A-1", "quantity": 0, "unlimitedQuantity": True, "warehouseBranchId": branch} for branch in ("1", "2", "3")]
    quirky.answers[STOCK] = paged(lambda: rows)
    async with quirky.connection() as erp:
        found = [item async for page in erp.list_stock(Query()) for item in page.items]
        assert [(item.key, item.quantity, item.unlimited) for item in found] == [("A-1@1", 0, False), ("A-1@2", 0, False)]
        assert quirky.queries(STOCK)[0]["usesPackagingSales"] == "true" and quirky.queries(STOCK)[0]["branchId"] == "1,2"


async def test_the_stock_filter_may_take_the_products_code(quirky: Any) -> None:
    row = {"productId": "789-5", "quantity": 4, "warehouseBranchId": "1"}
    quirky.answers[STOCK] = lambda request: {"items": [row] if request.query.get("productId") == "5" else [], "hasNext": False}
    async with quirky.connection() as erp:
        found = [item async for page in erp.list_stock(Query(keys=("789-5@1",))) for item in page.items]
        assert [(item.key, item.quantity) for item in found] == [("789-5@1", 4)]


@pytest.mark.trap("winthor.filter-ignored")
async def test_a_filter_that_is_ignored_is_noticed(quirky: Any) -> None:
    rows = [{"branchId": "1", "skuId": f"A-{number}", "price": number} for number in range(1, 9)]
    quirky.answers[PRICES] = paged(lambda: rows)
    async with quirky.connection(page_size=4) as erp:
        found = [item async for page in erp.list_prices(Query(keys=("A-2", "A-7"))) for item in page.items]
        assert sorted((item.key, item.base) for item in found) == [("A-2", 2), ("A-7", 7)]
        assert len(quirky.queries(PRICES)) == 3  # one page to notice, then the list once


# ---- customers ----


def order_number(_: web.Request) -> Any:
    return {"orderId": "501"}


@pytest.mark.trap("winthor.other-buyer")
async def test_another_buyers_record_is_never_used(quirky: Any, part: Any) -> None:
    """A server that ignores the document filter answers somebody."""
    quirky.answers[CUSTOMERS] = paged(lambda: [{"id": 7, "personIdentificationNumber": "111.444.777-35"}])
    quirky.answers["/api/wholesale/v1/customer/"] = lambda _: {"id": 88}
    bodies: list[Any] = []

    async def keep(request: web.Request) -> None:
        bodies.append(msgspec.json.decode(await request.read()))

    quirky.answers[ONE_ORDER] = order_number
    async with quirky.connection() as erp:
        await erp.import_order(part())
        await keep(next(request for request in quirky.asked if request.path == ONE_ORDER))
    assert bodies[0]["customer"] == {"id": 88}


@pytest.mark.parametrize("form", ["39053344705", "390.533.447-05"])
async def test_a_customer_is_found_in_either_form_of_the_document(quirky: Any, part: Any, form: str) -> None:
    found = {"id": 7, "personIdentificationNumber": "390.533.447-05"}
    asked_by = "personIdentificationNumber"
    quirky.answers[CUSTOMERS] = lambda request: {"items": [found] if request.query[asked_by] == form else [], "hasNext": False}
    quirky.answers[ONE_ORDER] = order_number
    async with quirky.connection() as erp:
        assert (await erp.import_order(part())).key == "501"
    assert not any(request.path == "/api/wholesale/v1/customer/" for request in quirky.asked)


async def test_of_several_records_the_active_one_of_the_buyers_inscription(quirky: Any, part: Any) -> None:
    def record(number: int, inscription: str, active: bool) -> Row:
        return {"id": number, "personIdentificationNumber": "39053344705", "stateInscription": inscription, "active": active}

    quirky.answers[CUSTOMERS] = paged(
        lambda: [record(5, "ISENTO", False), record(6, "123", True), record(9, "ISENTO", True), record(8, "ISENTO", True)]
    )
    quirky.answers[ONE_ORDER] = order_number
    async with quirky.connection() as erp:
        await erp.import_order(part())
    body = msgspec.json.decode(await next(request for request in quirky.asked if request.path == ONE_ORDER).read())
    assert body["customer"] == {"id": 8}


@pytest.mark.trap("winthor.customer-exempt")
@pytest.mark.parametrize("stated", ["ISENTO", "Isenta", "-", "000000", "NÃO CONTRIBUINTE", ""])
@pytest.mark.parametrize("held", ["ISENTO", "Isento", ""])
async def test_of_several_records_the_exempt_one_where_the_buyer_has_no_inscription(quirky: Any, part: Any, stated: str, held: str) -> None:
    """However the buyer, or whoever registered him, wrote that."""
    quirky.answers[CUSTOMERS] = paged(
        lambda: [
            {"id": id, "personIdentificationNumber": "11222333000181", "stateInscription": inscription, "active": True}
            for id, inscription in ((5, "123.456.789"), (9, held))
        ]
    )
    quirky.answers[ONE_ORDER] = order_number
    buyer = Buyer("Loja", "11222333000181", "a@b.c", company=True, state_inscription=stated)
    async with quirky.connection() as erp:
        await erp.import_order(part(buyer=buyer))
    body = msgspec.json.decode(await next(request for request in quirky.asked if request.path == ONE_ORDER).read())
    assert body["customer"] == {"id": 9}


async def test_a_new_customer_whose_answer_holds_no_number_is_looked_up(quirky: Any, part: Any) -> None:
    created = False

    def create(_: web.Request) -> Any:
        nonlocal created
        created = True
        return {"message": "ok"}

    quirky.answers[CUSTOMERS] = lambda _: {
        "items": [{"id": 7, "personIdentificationNumber": "39053344705"}] if created else [],
        "hasNext": False,
    }
    quirky.answers["/api/wholesale/v1/customer/"] = create
    quirky.answers[ONE_ORDER] = order_number
    async with quirky.connection() as erp:
        assert (await erp.import_order(part())).key == "501"


async def test_a_new_customer_that_cannot_be_named_leaves_the_order_unsent(quirky: Any, part: Any) -> None:
    quirky.answers[CUSTOMERS] = lambda _: {"items": [], "hasNext": False}
    quirky.answers["/api/wholesale/v1/customer/"] = lambda _: {}
    quirky.answers[ONE_ORDER] = order_number
    async with quirky.connection() as erp:
        with pytest.raises(NotSent):
            await erp.import_order(part())
    assert not quirky.queries(ONE_ORDER)


# ---- orders ----


def with_customer(quirky: Any) -> None:
    quirky.answers[CUSTOMERS] = lambda _: {"items": [{"id": 7, "personIdentificationNumber": "39053344705"}], "hasNext": False}


@pytest.mark.trap("winthor.yes-without-number")
@pytest.mark.parametrize("body", [b"", b"Pedido gerado", b"{}", b'{"message": "ok"}'])
async def test_a_yes_without_a_number_is_unknown(quirky: Any, part: Any, body: bytes) -> None:
    """Only looking for the order tells its number: it may well exist."""
    with_customer(quirky)
    quirky.answers[ONE_ORDER] = lambda _: web.Response(body=body, content_type="text/plain")
    async with quirky.connection() as erp:
        with pytest.raises(Unknown):
            await erp.import_order(part())


async def test_the_order_as_it_is_sent(quirky: Any, part: Any) -> None:
    with_customer(quirky)
    quirky.answers[ONE_ORDER] = lambda _: {"data": {"numped": 501, "orderStatus": "B"}}
    async with quirky.connection(accept_without_tax=True, seller="33") as erp:
        made = await erp.import_order(part())
        assert (made.key, made.state) == ("501", "held")
    sent = await next(request for request in quirky.asked if request.path == ONE_ORDER).read()
    assert b'"sellPrice":11.20' in sent and b'"otherExpenses":5.00' in sent  # numbers, with all their places
    assert msgspec.json.decode(sent) == {
        "branchId": "2", "customer": {"id": 7}, "seller": 33, "saleOrigin": "W", "saleType": 1, "chargingId": "PIX", "paymentPlanId": 1,
        "orderIdHube": "v100-01", "listOfOrderItem": [{"productSKUERPReferenceKey": "7891000100103-1", "quantity": 2, "sellPrice": 11.2}],
        "permissions": {"acceptOrderWithoutTax": True}, "otherExpenses": 5.0, "carrierId": 501,
        "observation": "Entrega: Rua A, S/N, apto 3, Centro, São Paulo/SP, CEP 01001000",
    }  # fmt: skip


async def test_the_buyer_under_the_default_customer(quirky: Any, part: Any) -> None:
    quirky.answers[ONE_ORDER] = order_number
    async with quirky.connection(customer_policy="default_customer", default_customer="1") as erp:
        await erp.import_order(part())
    sent = msgspec.json.decode(await next(request for request in quirky.asked if request.path == ONE_ORDER).read())
    assert sent["customer"] == {"id": 1}
    [buyer] = sent["listConsumerData"]
    assert (buyer["taxId"], buyer["customerName"], buyer["email"], buyer["deliveryAddress"], buyer["deliveryZipCode"]) == (
        "39053344705", "Ana Lima", "ana@example.com", "Rua A", "01001000",
    )  # fmt: skip


async def test_the_search_reaches_back_to_the_day_the_order_was_placed(quirky: Any, part: Any) -> None:
    quirky.answers[ORDERS] = paged(list)
    wanted = part()
    async with quirky.connection(clock=ManualClock(wanted.order.placed_at + timedelta(days=10))) as erp:
        assert await erp.find_order(wanted) == Absent()
    async with quirky.connection(clock=ManualClock(wanted.order.placed_at)) as erp:
        assert await erp.find_order(part(branch="3")) == Absent()
    late, soon = quirky.queries(ORDERS)
    assert int(late["daysOfSearch"]) >= 11 and soon["daysOfSearch"] == "2"
    assert late["branchId"] == "1,2" and soon["branchId"] == "1,2,3"


@pytest.mark.trap("winthor.list-without-references")
async def test_a_list_without_references_does_not_permit_an_order(quirky: Any, part: Any) -> None:
    """A field that no row has is not a field that is empty: the order may be any of them."""
    rows: list[Row] = [{"orderId": str(number), "orderStatus": "L", "branchId": "1"} for number in (501, 502)]
    quirky.answers[ORDERS] = paged(lambda: rows)
    quirky.answers["/api/branch/v1/"] = lambda _: []
    async with quirky.connection() as erp:
        assert isinstance(await erp.find_order(part()), Unsure)
        lines = {check.name: check for check in await erp.test_connection()}
        assert not lines["orders"].ok and "referência" in lines["orders"].text.pt and lines["orders"].hint.pt
        for other in (None, "v2"):
            rows[1]["orderIdHube"] = other
            assert await erp.find_order(part()) == Absent()
            assert {check.name: check for check in await erp.test_connection()}["orders"].ok
        rows.clear()
        assert await erp.find_order(part()) == Absent()


async def test_a_list_whose_reference_has_another_name(quirky: Any, part: Any) -> None:
    quirky.answers[ORDERS] = lambda _: [{"orderId": 501, "numPedHub": "v100-01", "orderStatus": "L", "branchId": "1"}]
    async with quirky.connection() as erp:
        assert isinstance(await erp.find_order(part()), Unsure)
    async with quirky.connection(contract={"order.reference": "numPedHub"}) as erp:
        assert await erp.find_order(part()) == Found("501", "in_erp")


async def test_a_bare_array_of_orders_is_searched_too(quirky: Any, part: Any) -> None:
    quirky.answers[ORDERS] = lambda _: [{"orderId": 501, "orderIdHube": "v100-01", "orderStatus": "L", "branchId": "1"}]
    async with quirky.connection() as erp:
        assert await erp.find_order(part()) == Found("501", "in_erp")


@pytest.mark.parametrize("shape", ["object", "array", "envelope"])
async def test_a_single_order_in_any_shape(quirky: Any, shape: str) -> None:
    row = {"orderId": "501", "orderStatus": "L", "branchId": "1"}
    quirky.answers[ONE_ORDER] = lambda _: {"object": row, "array": [row], "envelope": {"items": [row], "hasNext": False}}[shape]
    async with quirky.connection() as erp:
        [found] = [item async for page in erp.list_fulfilment(Query(keys=("1/501",))) for item in page.items]
        assert found.key == "501"


async def test_an_answer_about_another_order_is_not_taken_for_ours(quirky: Any) -> None:
    quirky.answers[ONE_ORDER] = lambda _: [{"orderId": "999", "orderStatus": "F", "branchId": "1"}]
    async with quirky.connection() as erp:
        assert [item async for page in erp.list_fulfilment(Query(keys=("1/501",))) for item in page.items] == []


async def test_an_invoice_in_base64(quirky: Any) -> None:
    key = "35261111222333000262550010000000011950079195"
    xml = (
        f'<NFe xmlns="http://www.portalfiscal.inf.br/nfe"><infNFe Id="NFe{key}"><ide><mod>55</mod><serie>1</serie><nNF>1</nNF>'
        "<dhEmi>2026-11-21T15:55:11-03:00</dhEmi><tpNF>1</tpNF><tpAmb>1</tpAmb><finNFe>1</finNFe></ide><emit><CNPJ>11222333000262</CNPJ></emit>"
        "<total><ICMSTot><vNF>1.00</vNF></ICMSTot></total></infNFe></NFe>"
    )
    quirky.answers[ONE_ORDER] = lambda _: {"orderId": "501", "orderStatus": "F", "branchId": "1"}
    quirky.answers[INVOICE] = lambda _: {"invoiceXml": base64.b64encode(xml.encode()).decode()}
    async with quirky.connection() as erp:
        [found] = [item async for page in erp.list_fulfilment(Query(keys=("1/501",))) for item in page.items]
        assert found.invoices is not None and [(note.key, note.xml, note.authorised) for note in found.invoices] == [(key, xml, False)]


async def test_a_cancellation_sends_all_three_parameters(quirky: Any) -> None:
    quirky.answers["/api/wholesale/v1/orders"] = lambda _: {}
    async with quirky.connection() as erp:
        await erp.import_cancellation(PartRef("501", "1", "v1"), " ")
    assert quirky.queries("/api/wholesale/v1/orders") == [
        {"id": "501", "sendMessageRca": "false", "reasonCancellation": "Cancelado na loja"}
    ]


async def test_a_cancellation_refused_for_another_reason_has_its_words(quirky: Any) -> None:
    quirky.answers["/api/wholesale/v1/orders"] = lambda _: web.json_response({"message": "Pedido em separação"}, status=400)
    quirky.answers[ONE_ORDER] = lambda _: {"orderId": "501", "orderStatus": "M", "branchId": "1"}
    async with quirky.connection() as erp:
        with pytest.raises(Exception, match="separação"):
            await erp.import_cancellation(PartRef("501", "1", "v1"), "x")


# ---- login ----
