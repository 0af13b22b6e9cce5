"""Orders of the WinThor sandbox (FACTS 9)."""

from __future__ import annotations

from typing import Any

import pytest

ORDERS, LIST = "/api/wholesale/v1/orders/", "/api/wholesale/v1/orders/list"
PEN, BOX, NOTEBOOK = "7891234567895-101", "77101-101", "7899876543217-102"
START = "2026-11-27T09:00:00"


async def refused(erp: Any, order: dict[str, Any]) -> str:
    """The field a refusal names; a refused order leaves no trace."""
    before = await erp.stock()
    answer = await erp.post(order)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"code", "message", "detailedMessage"}
    assert answer.json()["code"] == "ORDER_INVALID"
    assert await erp.control("orders") == []
    assert await erp.stock() == before
    return answer.json()["detailedMessage"].split(":")[0]


async def listed(erp: Any, **query: Any) -> list[str]:
    return [row["orderId"] for row in await erp.items(LIST, **{"branchId": "1,2"} | query)]


# ---- what is taken ----


async def test_accepted_order_reads_back(erp: Any) -> None:
    await erp.advance(5)
    answer = await erp.post(erp.order((PEN, 3, 2.45), (BOX, 1, 27.9), otherExpenses=12.34, carrierId=501, observation="portaria"))
    assert answer.status_code == 200
    number = answer.json()["orderId"]
    assert isinstance(number, str)
    row = await erp.read(number)
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
    assert await erp.items(LIST, branchId="1") == [row]


async def test_every_accepted_post_is_a_new_order(erp: Any) -> None:
    numbers = {await erp.place((PEN, 2, 2.5), hub="v1-01") for _ in range(3)}
    assert len(numbers) == 3
    assert [order["storefront_key"] for order in await erp.control("orders")] == ["v1-01"] * 3
    assert await erp.quantity(PEN) == 114
    assert (await erp.effects())["orders_created"] == 3
    assert (await erp.control("ledger"))["writes"] == {"POST /api/wholesale/v1/orders/": 3}


async def test_numbers_may_come_as_text(erp: Any) -> None:
    order = erp.order((PEN, "2", "2.50"), customer={"id": "1"}, seller="1", saleType="1", paymentPlanId="1")  # type: ignore[arg-type]
    number = (await erp.post(order)).json()["orderId"]
    assert (await erp.read(number))["totalValue"] == "5.00"


async def test_order_without_a_hub_id(erp: Any) -> None:
    order = erp.order()
    del order["orderIdHube"]
    number = (await erp.post(order)).json()["orderId"]
    linked = await erp.place(hub="v2-01")
    assert await listed(erp, hasOrderIdHube="true") == [linked]
    assert await listed(erp, hasOrderIdHube="false") == [number]


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
async def test_refusals(erp: Any, given: dict[str, Any], field: str) -> None:
    assert await refused(erp, erp.order(**given)) == field


@pytest.mark.parametrize("field", ["branchId", "customer", "seller", "saleOrigin", "saleType", "chargingId", "paymentPlanId",
                                   "permissions", "listOfOrderItem"])  # fmt: skip
async def test_required_fields(erp: Any, field: str) -> None:
    order = erp.order()
    del order[field]
    assert (await refused(erp, order)).startswith(field)


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
async def test_refused_items(erp: Any, given: dict[str, Any], field: str) -> None:
    good = {"productSKUERPReferenceKey": NOTEBOOK, "quantity": 1, "sellPrice": 19.9}
    assert await refused(erp, erp.order(listOfOrderItem=[good, good | given])) == field


async def test_half_a_box_is_no_quantity_even_if_its_units_are_whole(erp: Any) -> None:
    assert await refused(erp, erp.order((BOX, 0.5, 27.9))) == "quantity"


async def test_quantity_is_a_multiple_of_the_products_base_units(erp: Any) -> None:
    await erp.corrupt("multiple", f"{PEN}=6")
    assert await refused(erp, erp.order((PEN, 4, 2.5))) == "quantity"
    await erp.place((PEN, 12, 2.5))
    await erp.place((BOX, 1, 27.9))


async def test_deleted_product(erp: Any) -> None:
    await erp.corrupt("deleted", NOTEBOOK)
    assert await refused(erp, erp.order((NOTEBOOK, 1, 19.9))) == "productSKUERPReferenceKey"


async def test_product_without_a_tax_figure(erp: Any) -> None:
    await erp.items("/api/wholesale/v1/price/list", branchId="1")
    await erp.corrupt("tax_figure", NOTEBOOK)
    rows = {row["skuId"]: row["taxFigureId"] for row in await erp.items("/api/wholesale/v1/price/list", branchId="1")}
    assert (rows[NOTEBOOK], rows[PEN]) == (0, 1)
    assert await refused(erp, erp.order((NOTEBOOK, 1, 19.9))) == "productSKUERPReferenceKey"
    await erp.place((NOTEBOOK, 1, 19.9), permissions={"acceptOrderWithoutTax": True})


async def test_bonus_sale_needs_its_code_and_plan(erp: Any) -> None:
    number = await erp.place(saleType=5, chargingId="BNF", paymentPlanId=9)
    assert (await erp.read(number))["saleType"] == "5"


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
async def test_body_is_a_json_object(erp: Any, content: str) -> None:
    answer = await erp.http.post(ORDERS, content=content)
    assert (answer.status_code, answer.json()["code"]) == (400, "BODY_INVALID")


# ---- stock ----


async def test_what_the_stock_does_not_have_is_cut(erp: Any) -> None:
    number = await erp.place((NOTEBOOK, 8, 10), (PEN, 1, 2.5))
    row = await erp.read(number)
    assert row["orderStatus"] == "L"
    assert [(item["quantity"], item["wantageQuantity"]) for item in row["listOfOrderItem"]] == [(5, 3), (1, 0)]
    assert row["totalValue"] == "52.50"
    assert await erp.quantity(NOTEBOOK) == 0
    assert (await erp.effects())["orders_cut"] == 1


async def test_an_order_cut_to_nothing_is_pending(erp: Any) -> None:
    await erp.change(NOTEBOOK, stock={"1": 0})
    row = await erp.read(await erp.place((NOTEBOOK, 1, 19.9)))
    assert (row["orderStatus"], row["totalValue"]) == ("P", "0.00")


async def test_two_lines_of_one_sku_share_its_stock(erp: Any) -> None:
    row = await erp.read(await erp.place((NOTEBOOK, 4, 10), (NOTEBOOK, 4, 10)))
    assert [(item["quantity"], item["wantageQuantity"]) for item in row["listOfOrderItem"]] == [(4, 0), (1, 3)]


async def test_stock_is_reserved_until_invoiced_and_freed_by_a_cancel(erp: Any) -> None:
    assert await erp.quantity(NOTEBOOK) == 5
    await erp.advance(10)
    first, second = await erp.place((NOTEBOOK, 2, 19.9)), await erp.place((NOTEBOOK, 1, 19.9))
    assert await erp.quantity(NOTEBOOK) == 2
    assert list(await erp.stock(lastChange="2026-11-27T09:00:10")) == [NOTEBOOK]
    await erp.progress("assembled", first)
    assert await erp.quantity(NOTEBOOK) == 2
    await erp.progress("invoiced", first)
    assert await erp.quantity(NOTEBOOK) == 2  # left QTESTGER and the reservation together
    pool = erp.sandbox.world.stock.pool("1", erp.sandbox.world.catalog.products.rows[102])
    assert (pool.on_hand, pool.reserved) == (3, 1)
    await erp.advance(10)
    await erp.cancel(second)
    assert await erp.quantity(NOTEBOOK) == 3
    assert list(await erp.stock(lastChange="2026-11-27T09:00:20")) == [NOTEBOOK]


async def test_blocked_and_pending_orders_reserve_too(erp: Any) -> None:
    await erp.corrupt("customer_blocked", "1")
    number = await erp.place((NOTEBOOK, 2, 19.9))
    assert (await erp.read(number))["orderStatus"] == "B"
    assert await erp.quantity(NOTEBOOK) == 3
    assert await erp.progress("assembled") == 0  # a blocked order does not move by itself
    await erp.corrupt("customer_released", "1")
    assert await erp.progress("released", number) == 1
    assert (await erp.read(number))["orderStatus"] == "L"
    assert (await erp.read(await erp.place()))["orderStatus"] == "L"


async def test_another_warehouse(erp: Any) -> None:
    number = await erp.place((PEN, 3, 2.5), warehouseBranchId="2")
    assert (await erp.quantity(PEN, "1"), await erp.quantity(PEN, "2")) == (120, 4)
    assert (await erp.read(number))["listOfOrderItem"][0]["warehouseBranchId"] == "2"
    item = {"productSKUERPReferenceKey": PEN, "quantity": 1, "sellPrice": 2.5, "warehouseBranchId": "2"}
    await erp.post(erp.order(listOfOrderItem=[item]))
    assert await erp.quantity(PEN, "2") == 3


# ---- reading ----


async def test_an_order_of_another_branch_looks_absent(erp: Any) -> None:
    number = await erp.place(branchId="2")
    assert (await erp.read(number, "2"))["branchId"] == "2"
    for query in ({"orderId": number, "branchId": "1"}, {"orderId": number, "branchId": "1,2"}, {"orderId": "1", "branchId": "1"},
                  {"orderId": "x", "branchId": "1"}):  # fmt: skip
        answer = await erp.http.get(ORDERS, params=query)
        assert (answer.status_code, answer.json()["code"]) == (404, "ORDER_NOT_FOUND")


@pytest.mark.parametrize("missing", ["orderId", "branchId"])
async def test_single_read_needs_both(erp: Any, missing: str) -> None:
    query = {"orderId": await erp.place(), "branchId": "1"}
    del query[missing]
    answer = await erp.http.get(ORDERS, params=query)
    assert (answer.status_code, answer.json()["detailedMessage"].split(":")[0]) == (400, missing)


async def test_list_of_branches(erp: Any) -> None:
    first, second = await erp.place(), await erp.place(branchId="2")
    assert await listed(erp) == [first, second]
    assert await listed(erp, branchId="1") == [first]
    assert await listed(erp, branchId="2") == [second]
    assert await listed(erp, branchId="9") == []


async def test_list_of_changes(erp: Any) -> None:
    first = await erp.place()
    await erp.advance(60)
    second = await erp.place()
    assert await listed(erp, lastChange="2026-11-27T09:01:00") == [second]
    await erp.advance(60)
    await erp.progress("assembled", first)
    assert await listed(erp, lastChange="2026-11-27T09:02:00") == [first]
    assert await listed(erp, lastChange="2026-11-27T09:01:00") == [first, second]


async def test_list_filters(erp: Any) -> None:
    customer = (await erp.http.post("/api/wholesale/v1/customer/", json=erp.customer())).json()["id"]
    web, sales_force, cancelled = await erp.place(), await erp.place(saleOrigin="F", customer={"id": customer}), await erp.place()
    await erp.cancel(cancelled)
    assert await listed(erp, orderStatus="L") == [web, sales_force]
    assert await listed(erp, orderStatus="F,C") == [cancelled]
    assert await listed(erp, saleOrigin="F") == [sales_force]
    assert await listed(erp, customerId=customer) == [sales_force]
    assert await listed(erp, orderId=web) == [web]
    assert await listed(erp, orderStatus="L", lastChange=START, saleOrigin="W") == [web]
    for wrong in ({"orderStatus": "L,X"}, {"hasOrderIdHube": "S"}, {"daysOfSearch": "x"}, {"daysOfSearch": "-1"}):
        answer = await erp.http.get(LIST, params={"branchId": "1"} | wrong)
        assert (answer.status_code, answer.json()["detailedMessage"].split(":")[0]) == (400, next(iter(wrong)))


async def test_days_of_search_count_from_the_making(erp: Any) -> None:
    old = await erp.place()
    await erp.advance(3 * 86_400)
    new = await erp.place()
    await erp.progress("assembled", old)
    assert await listed(erp, daysOfSearch=2) == [new]
    assert await listed(erp, daysOfSearch=3) == [old, new]
    await erp.advance(86_400)
    assert await listed(erp, daysOfSearch=3) == [new]
    assert await listed(erp) == [old, new]


# ---- cancelling ----


async def test_cancel(erp: Any) -> None:
    number = await erp.place()
    await erp.advance(5)
    answer = await erp.cancel(number)
    assert answer.status_code == 200
    row = await erp.read(number)
    assert (row["orderStatus"], row["lastChange"]) == ("C", "2026-11-27T09:00:05")
    assert (await erp.effects())["orders_cancelled"] == 1
    assert (await erp.cancel(number)).status_code == 200  # again: nothing more happens
    assert (await erp.effects())["orders_cancelled"] == 1
    assert await erp.quantity(PEN) == 120
    assert (await erp.control("ledger"))["writes"]["DELETE /api/wholesale/v1/orders"] == 1


@pytest.mark.parametrize("state", ["L", "M", "B"])
async def test_every_order_that_is_not_invoiced_can_be_cancelled(erp: Any, state: str) -> None:
    if state == "B":
        await erp.corrupt("customer_blocked", "1")
    number = await erp.place()
    if state == "M":
        await erp.progress("assembled")
    assert (await erp.read(number))["orderStatus"] == state
    assert (await erp.cancel(number)).status_code == 200
    assert await erp.quantity(PEN) == 120


@pytest.mark.parametrize("missing", ["id", "sendMessageRca", "reasonCancellation"])
@pytest.mark.parametrize("value", [None, ""])
async def test_cancel_needs_all_three(erp: Any, missing: str, value: str | None) -> None:
    number = await erp.place()
    answer = await erp.cancel(number, **{missing: value})
    assert (answer.status_code, answer.json()["detailedMessage"].split(":")[0]) == (400, missing)
    assert (await erp.read(number))["orderStatus"] == "L"


@pytest.mark.parametrize("given", [{"id": "x"}, {"sendMessageRca": "S"}, {"productCode": "101"}, {"sequence": "1"}])
async def test_cancel_parameters_have_types(erp: Any, given: dict[str, str]) -> None:
    number = await erp.place((PEN, 1, 2.5), (NOTEBOOK, 1, 19.9))
    assert (await erp.cancel(number, **given)).status_code == 400
    assert len((await erp.read(number))["listOfOrderItem"]) == 2


async def test_cancel_of_nothing(erp: Any) -> None:
    answer = await erp.cancel("1")
    assert (answer.status_code, answer.json()["message"]) == (404, "Pedido de Venda não Localizado")


async def test_invoiced_needs_a_return(erp: Any) -> None:
    number = await erp.place()
    await erp.progress("invoiced")
    answer = await erp.cancel(number)
    assert (answer.status_code, answer.json()["message"]) == (400, "Cancelamento de Pedido Faturado")
    assert (await erp.read(number))["orderStatus"] == "F"
    assert "orders_cancelled" not in await erp.effects()


async def test_one_item_is_cancelled(erp: Any) -> None:
    number = await erp.place((PEN, 1, 2.5), (NOTEBOOK, 2, 19.9))
    await erp.advance(5)
    missing = await erp.cancel(number, productCode="101", sequence="2")
    assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
    assert (await erp.cancel(number, productCode="102", sequence="2")).status_code == 200
    row = await erp.read(number)
    assert (row["orderStatus"], row["totalValue"], row["lastChange"]) == ("L", "2.50", "2026-11-27T09:00:05")
    assert await erp.quantity(NOTEBOOK) == 5
    await erp.cancel(number, productCode="101", sequence="1")
    assert (await erp.read(number))["orderStatus"] == "C"
