"""Orders of the WinThor sandbox (FACTS 9)."""

from __future__ import annotations

from typing import Any

import pytest

ORDERS, LIST = "/api/wholesale/v1/orders/", "/api/wholesale/v1/orders/list"
PEN, BOX, NOTEBOOK = "7891234567895-101", "77101-101", "7899876543217-102"
START = "2026-11-27T09:00:00"


async def refused(api: Any, order: dict[str, Any]) -> str:
    """The field a refusal names; a refused order leaves no trace."""
    before = await api.stock()
    answer = await api.post(order)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"code", "message", "detailedMessage"}
    assert answer.json()["code"] == "ORDER_INVALID"
    assert await api.control("orders") == []
    assert await api.stock() == before
    return answer.json()["detailedMessage"].split(":")[0]


async def listed(api: Any, **query: Any) -> list[str]:
    return [row["orderId"] for row in await api.items(LIST, **{"branchId": "1,2"} | query)]


# ---- what is taken ----


async def test_accepted_order_reads_back(api: Any) -> None:
    await api.advance(5)
    answer = await api.post(api.order((PEN, 3, 2.45), (BOX, 1, 27.9), otherExpenses=12.34, carrierId=501, observation="portaria"))
    assert answer.status_code == 200
    number = answer.json()["orderId"]
    assert isinstance(number, str)
    row = await api.read(number)
    assert (row["orderId"], row["orderIdHube"], row["orderStatus"], row["branchId"]) == (number, "v1000-01", "L", "1")
    assert (row["createData"], row["lastChange"], row["deliveryDate"]) == ("2026-11-27T09:00:05",) * 2 + ("1900-01-01T00:00:00",)
    assert row["totalValue"] == "47.59"  # a text; 3 x 2.45 + 27.90 + 12.34 of other expenses inside
    assert (row["otherExpenses"], row["carrierId"], row["trackingNumber"], row["observation"]) == (12.34, 501, None, "portaria")
    assert row["customer"] == {"id": 1, "name": "CONSUMIDOR FINAL", "personIdentificationNumber": "111.444.777-35"}
    assert row["listOfOrderItem"] == [
        {"productId": 101, "packingId": "7891234567895", "productSKUERPReferenceKey": PEN, "sequence": 1, "warehouseBranchId": "1",
         "quantity": 3, "wantageQuantity": 0, "sellPrice": 2.45, "tablePrice": 2.5, "sellPriceST": 0, "sellPriceIPI": 0,
         "deliveryStatus": "PENDENTE"},
        {"productId": 101, "packingId": "77101", "productSKUERPReferenceKey": BOX, "sequence": 2, "warehouseBranchId": "1",
         "quantity": 1, "wantageQuantity": 0, "sellPrice": 27.9, "tablePrice": 27.9, "sellPriceST": 0, "sellPriceIPI": 0,
         "deliveryStatus": "PENDENTE"},
    ]  # fmt: skip
    assert await api.items(LIST, branchId="1") == [row]


async def test_every_accepted_post_is_a_new_order(api: Any) -> None:
    numbers = {await api.place((PEN, 2, 2.5), hub="v1-01") for _ in range(3)}
    assert len(numbers) == 3
    assert [order["storefront_key"] for order in await api.control("orders")] == ["v1-01"] * 3
    assert await api.quantity(PEN) == 114
    assert (await api.effects())["orders_created"] == 3
    assert (await api.control("ledger"))["writes"] == {"POST /api/wholesale/v1/orders/": 3}


async def test_numbers_may_come_as_text(api: Any) -> None:
    order = api.order((PEN, "2", "2.50"), customer={"id": "1"}, seller="1", saleType="1", paymentPlanId="1")  # type: ignore[arg-type]
    number = (await api.post(order)).json()["orderId"]
    assert (await api.read(number))["totalValue"] == "5.00"


async def test_order_without_a_hub_id(api: Any) -> None:
    order = api.order()
    del order["orderIdHube"]
    number = (await api.post(order)).json()["orderId"]
    linked = await api.place(hub="v2-01")
    assert await listed(api, hasOrderIdHube="true") == [linked]
    assert await listed(api, hasOrderIdHube="false") == [number]


# ---- what is refused ----


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"branchId": None}, "branchId"),
        ({"branchId": 1}, "branchId"),
        ({"branchId": ""}, "branchId"),
        ({"branchId": "3"}, "branchId"),
        ({"branchId": "99"}, "branchId"),
        ({"customer": None}, "customer.id"),
        ({"customer": {"id": 77}}, "customer.id"),
        ({"customer": {"id": "x"}}, "customer.id"),
        ({"seller": None}, "seller"),
        ({"seller": 77}, "seller"),
        ({"saleOrigin": None}, "saleOrigin"),
        ({"saleOrigin": "X"}, "saleOrigin"),
        ({"saleType": None}, "saleType"),
        ({"saleType": 2}, "saleType"),
        ({"chargingId": None}, "chargingId"),
        ({"chargingId": "XX"}, "chargingId"),
        ({"paymentPlanId": None}, "paymentPlanId"),
        ({"paymentPlanId": 77}, "paymentPlanId"),
        ({"chargingId": "CH", "paymentPlanId": 8}, "paymentPlanId"),  # inactive
        ({"chargingId": "PIX", "paymentPlanId": 2}, "paymentPlanId"),  # not a plan of that billing code
        ({"saleType": 5}, "saleType"),
        ({"saleType": 5, "chargingId": "D"}, "saleType"),
        ({"permissions": None}, "permissions.acceptOrderWithoutTax"),
        ({"permissions": {}}, "permissions.acceptOrderWithoutTax"),
        ({"permissions": {"acceptOrderWithoutTax": "true"}}, "permissions.acceptOrderWithoutTax"),
        ({"listOfOrderItem": None}, "listOfOrderItem"),
        ({"listOfOrderItem": []}, "listOfOrderItem"),
        ({"listOfOrderItem": ["x"]}, "listOfOrderItem"),
        ({"warehouseBranchId": "9"}, "warehouseBranchId"),
    ],
)
async def test_refusals(api: Any, given: dict[str, Any], field: str) -> None:
    assert await refused(api, api.order(**given)) == field


@pytest.mark.parametrize("field", ["branchId", "customer", "seller", "saleOrigin", "saleType", "chargingId", "paymentPlanId",
                                   "permissions", "listOfOrderItem"])  # fmt: skip
async def test_required_fields(api: Any, field: str) -> None:
    order = api.order()
    del order[field]
    assert (await refused(api, order)).startswith(field)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"productSKUERPReferenceKey": None}, "productSKUERPReferenceKey"),
        ({"productSKUERPReferenceKey": "101"}, "productSKUERPReferenceKey"),  # a product is no packaging
        ({"productSKUERPReferenceKey": "1-1"}, "productSKUERPReferenceKey"),
        ({"quantity": None}, "quantity"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": -1}, "quantity"),
        ({"quantity": 1.5}, "quantity"),
        ({"quantity": "muitos"}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"sellPrice": None}, "sellPrice"),
        ({"sellPrice": 0}, "sellPrice"),
        ({"sellPrice": -2.5}, "sellPrice"),
        ({"sellPrice": "NaN"}, "sellPrice"),
        ({"warehouseBranchId": "9"}, "warehouseBranchId"),
    ],
)
async def test_refused_items(api: Any, given: dict[str, Any], field: str) -> None:
    good = {"productSKUERPReferenceKey": NOTEBOOK, "quantity": 1, "sellPrice": 19.9}
    assert await refused(api, api.order(listOfOrderItem=[good, good | given])) == field


async def test_half_a_box_is_no_quantity_even_if_its_units_are_whole(api: Any) -> None:
    assert await refused(api, api.order((BOX, 0.5, 27.9))) == "quantity"


async def test_quantity_is_a_multiple_of_the_products_base_units(api: Any) -> None:
    await api.corrupt("multiple", f"{PEN}=6")
    assert await refused(api, api.order((PEN, 4, 2.5))) == "quantity"
    await api.place((PEN, 12, 2.5))
    await api.place((BOX, 1, 27.9))


async def test_deleted_product(api: Any) -> None:
    await api.corrupt("deleted", NOTEBOOK)
    assert await refused(api, api.order((NOTEBOOK, 1, 19.9))) == "productSKUERPReferenceKey"


async def test_product_without_a_tax_figure(api: Any) -> None:
    await api.items("/api/wholesale/v1/price/list", branchId="1")
    await api.corrupt("tax_figure", NOTEBOOK)
    rows = {row["skuId"]: row["taxFigureId"] for row in await api.items("/api/wholesale/v1/price/list", branchId="1")}
    assert (rows[NOTEBOOK], rows[PEN]) == (0, 1)
    assert await refused(api, api.order((NOTEBOOK, 1, 19.9))) == "productSKUERPReferenceKey"
    await api.place((NOTEBOOK, 1, 19.9), permissions={"acceptOrderWithoutTax": True})


async def test_bonus_sale_needs_its_code_and_plan(api: Any) -> None:
    number = await api.place(saleType=5, chargingId="BNF", paymentPlanId=9)
    assert (await api.read(number))["saleType"] == "5"


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
async def test_body_is_a_json_object(api: Any, content: str) -> None:
    answer = await api.http.post(ORDERS, content=content)
    assert (answer.status_code, answer.json()["code"]) == (400, "BODY_INVALID")


# ---- stock ----


async def test_what_the_stock_does_not_have_is_cut(api: Any) -> None:
    number = await api.place((NOTEBOOK, 8, 10), (PEN, 1, 2.5))
    row = await api.read(number)
    assert row["orderStatus"] == "L"
    assert [(item["quantity"], item["wantageQuantity"]) for item in row["listOfOrderItem"]] == [(5, 3), (1, 0)]
    assert row["totalValue"] == "52.50"
    assert await api.quantity(NOTEBOOK) == 0
    assert (await api.effects())["orders_cut"] == 1


async def test_an_order_cut_to_nothing_is_pending(api: Any) -> None:
    await api.change(NOTEBOOK, stock={"1": 0})
    row = await api.read(await api.place((NOTEBOOK, 1, 19.9)))
    assert (row["orderStatus"], row["totalValue"]) == ("P", "0.00")


async def test_two_lines_of_one_sku_share_its_stock(api: Any) -> None:
    row = await api.read(await api.place((NOTEBOOK, 4, 10), (NOTEBOOK, 4, 10)))
    assert [(item["quantity"], item["wantageQuantity"]) for item in row["listOfOrderItem"]] == [(4, 0), (1, 3)]


async def test_stock_is_reserved_until_invoiced_and_freed_by_a_cancel(api: Any) -> None:
    assert await api.quantity(NOTEBOOK) == 5
    await api.advance(10)
    first, second = await api.place((NOTEBOOK, 2, 19.9)), await api.place((NOTEBOOK, 1, 19.9))
    assert await api.quantity(NOTEBOOK) == 2
    assert list(await api.stock(lastChange="2026-11-27T09:00:10")) == [NOTEBOOK]
    await api.progress("assembled", first)
    assert await api.quantity(NOTEBOOK) == 2
    await api.progress("invoiced", first)
    assert await api.quantity(NOTEBOOK) == 2  # left QTESTGER and the reservation together
    pool = api.sandbox.world.stock.pool("1", api.sandbox.world.catalog.products.rows[102])
    assert (pool.on_hand, pool.reserved) == (3, 1)
    await api.advance(10)
    await api.cancel(second)
    assert await api.quantity(NOTEBOOK) == 3
    assert list(await api.stock(lastChange="2026-11-27T09:00:20")) == [NOTEBOOK]


async def test_blocked_and_pending_orders_reserve_too(api: Any) -> None:
    await api.corrupt("customer_blocked", "1")
    number = await api.place((NOTEBOOK, 2, 19.9))
    assert (await api.read(number))["orderStatus"] == "B"
    assert await api.quantity(NOTEBOOK) == 3
    assert await api.progress("assembled") == 0  # a blocked order does not move by itself
    await api.corrupt("customer_released", "1")
    assert await api.progress("released", number) == 1
    assert (await api.read(number))["orderStatus"] == "L"
    assert (await api.read(await api.place()))["orderStatus"] == "L"


async def test_another_warehouse(api: Any) -> None:
    number = await api.place((PEN, 3, 2.5), warehouseBranchId="2")
    assert (await api.quantity(PEN, "1"), await api.quantity(PEN, "2")) == (120, 4)
    assert (await api.read(number))["listOfOrderItem"][0]["warehouseBranchId"] == "2"
    item = {"productSKUERPReferenceKey": PEN, "quantity": 1, "sellPrice": 2.5, "warehouseBranchId": "2"}
    await api.post(api.order(listOfOrderItem=[item]))
    assert await api.quantity(PEN, "2") == 3


# ---- reading ----


async def test_an_order_of_another_branch_looks_absent(api: Any) -> None:
    number = await api.place(branchId="2")
    assert (await api.read(number, "2"))["branchId"] == "2"
    for query in ({"orderId": number, "branchId": "1"}, {"orderId": number, "branchId": "1,2"}, {"orderId": "1", "branchId": "1"},
                  {"orderId": "x", "branchId": "1"}):  # fmt: skip
        answer = await api.http.get(ORDERS, params=query)
        assert (answer.status_code, answer.json()["code"]) == (404, "ORDER_NOT_FOUND")


@pytest.mark.parametrize("missing", ["orderId", "branchId"])
async def test_single_read_needs_both(api: Any, missing: str) -> None:
    query = {"orderId": await api.place(), "branchId": "1"}
    del query[missing]
    answer = await api.http.get(ORDERS, params=query)
    assert (answer.status_code, answer.json()["detailedMessage"].split(":")[0]) == (400, missing)


async def test_list_of_branches(api: Any) -> None:
    first, second = await api.place(), await api.place(branchId="2")
    assert await listed(api) == [first, second]
    assert await listed(api, branchId="1") == [first]
    assert await listed(api, branchId="2") == [second]
    assert await listed(api, branchId="9") == []


async def test_list_of_changes(api: Any) -> None:
    first = await api.place()
    await api.advance(60)
    second = await api.place()
    assert await listed(api, lastChange="2026-11-27T09:01:00") == [second]
    await api.advance(60)
    await api.progress("assembled", first)
    assert await listed(api, lastChange="2026-11-27T09:02:00") == [first]
    assert await listed(api, lastChange="2026-11-27T09:01:00") == [first, second]


async def test_list_filters(api: Any) -> None:
    customer = (await api.http.post("/api/wholesale/v1/customer/", json=api.customer())).json()["id"]
    web, sales_force, cancelled = await api.place(), await api.place(saleOrigin="F", customer={"id": customer}), await api.place()
    await api.cancel(cancelled)
    assert await listed(api, orderStatus="L") == [web, sales_force]
    assert await listed(api, orderStatus="F,C") == [cancelled]
    assert await listed(api, saleOrigin="F") == [sales_force]
    assert await listed(api, customerId=customer) == [sales_force]
    assert await listed(api, orderId=web) == [web]
    assert await listed(api, orderStatus="L", lastChange=START, saleOrigin="W") == [web]
    for wrong in ({"orderStatus": "L,X"}, {"hasOrderIdHube": "S"}, {"daysOfSearch": "x"}, {"daysOfSearch": "-1"}):
        answer = await api.http.get(LIST, params={"branchId": "1"} | wrong)
        assert (answer.status_code, answer.json()["detailedMessage"].split(":")[0]) == (400, next(iter(wrong)))


async def test_days_of_search_count_from_the_making(api: Any) -> None:
    old = await api.place()
    await api.advance(3 * 86_400)
    new = await api.place()
    await api.progress("assembled", old)
    assert await listed(api, daysOfSearch=2) == [new]
    assert await listed(api, daysOfSearch=3) == [old, new]
    await api.advance(86_400)
    assert await listed(api, daysOfSearch=3) == [new]
    assert await listed(api) == [old, new]


# ---- cancelling ----


async def test_cancel(api: Any) -> None:
    number = await api.place()
    await api.advance(5)
    answer = await api.cancel(number)
    assert answer.status_code == 200
    row = await api.read(number)
    assert (row["orderStatus"], row["lastChange"]) == ("C", "2026-11-27T09:00:05")
    assert (await api.effects())["orders_cancelled"] == 1
    assert (await api.cancel(number)).status_code == 200  # again: nothing more happens
    assert (await api.effects())["orders_cancelled"] == 1
    assert await api.quantity(PEN) == 120
    assert (await api.control("ledger"))["writes"]["DELETE /api/wholesale/v1/orders"] == 1


@pytest.mark.parametrize("state", ["L", "M", "B"])
async def test_every_order_that_is_not_invoiced_can_be_cancelled(api: Any, state: str) -> None:
    if state == "B":
        await api.corrupt("customer_blocked", "1")
    number = await api.place()
    if state == "M":
        await api.progress("assembled")
    assert (await api.read(number))["orderStatus"] == state
    assert (await api.cancel(number)).status_code == 200
    assert await api.quantity(PEN) == 120


@pytest.mark.parametrize("missing", ["id", "sendMessageRca", "reasonCancellation"])
@pytest.mark.parametrize("value", [None, ""])
async def test_cancel_needs_all_three(api: Any, missing: str, value: str | None) -> None:
    number = await api.place()
    answer = await api.cancel(number, **{missing: value})
    assert (answer.status_code, answer.json()["detailedMessage"].split(":")[0]) == (400, missing)
    assert (await api.read(number))["orderStatus"] == "L"


@pytest.mark.parametrize("given", [{"id": "x"}, {"sendMessageRca": "S"}, {"productCode": "101"}, {"sequence": "1"}])
async def test_cancel_parameters_have_types(api: Any, given: dict[str, str]) -> None:
    number = await api.place((PEN, 1, 2.5), (NOTEBOOK, 1, 19.9))
    assert (await api.cancel(number, **given)).status_code == 400
    assert len((await api.read(number))["listOfOrderItem"]) == 2


async def test_cancel_of_nothing(api: Any) -> None:
    answer = await api.cancel("1")
    assert (answer.status_code, answer.json()["message"]) == (404, "Pedido de Venda não Localizado")


async def test_invoiced_needs_a_return(api: Any) -> None:
    number = await api.place()
    await api.progress("invoiced")
    answer = await api.cancel(number)
    assert (answer.status_code, answer.json()["message"]) == (400, "Cancelamento de Pedido Faturado")
    assert (await api.read(number))["orderStatus"] == "F"
    assert "orders_cancelled" not in await api.effects()


async def test_one_item_is_cancelled(api: Any) -> None:
    number = await api.place((PEN, 1, 2.5), (NOTEBOOK, 2, 19.9))
    await api.advance(5)
    missing = await api.cancel(number, productCode="101", sequence="2")
    assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
    assert (await api.cancel(number, productCode="102", sequence="2")).status_code == 200
    row = await api.read(number)
    assert (row["orderStatus"], row["totalValue"], row["lastChange"]) == ("L", "2.50", "2026-11-27T09:00:05")
    assert await api.quantity(NOTEBOOK) == 5
    await api.cancel(number, productCode="101", sequence="1")
    assert (await api.read(number))["orderStatus"] == "C"
