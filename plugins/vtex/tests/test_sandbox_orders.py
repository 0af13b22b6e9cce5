"""An order from its sale to its delivery or cancellation, in integer cents."""

from typing import Any

import httpx
import pytest

from engate_vtex_sandbox import VtexSandbox

OMS = "/api/oms/pvt/orders"
TRACKING = {
    "trackingNumber": "BR1",
    "trackingUrl": "https://t.example/BR1",
    "dispatchedDate": "2026-11-28T10:00:00Z",
    "courier": "Correios",
}
EVENT = {"city": "Santos", "state": "SP", "description": "Saiu para entrega", "date": "2026-11-29"}
DELIVERED = {"isDelivered": True, "deliveredDate": "2026-11-29 15:30", "events": [EVENT]}


@pytest.fixture
async def sku(api: Any) -> int:
    return await api.create_visible(stock=50)


async def phase(api: Any, key: str) -> dict[str, Any]:
    orders = (await api.client.get("/_sandbox/orders")).json()
    return next(order for order in orders if order["key"] == key)


# ---- the document ----


async def test_an_order_in_cents(api: Any, sku: int) -> None:
    key = await api.sell(
        items=[{"sku": "S1", "quantity": 3, "price": "33.33", "freight": "12.50"}, {"sku": "S1", "quantity": 1, "price": "0.10"}],
        discount="10.00",
        payments=[{"tag": "credit_card", "value": "90.00", "installments": 3}, {"tag": "voucher", "value": "12.59"}],
        shipping="express",
    )
    order = await api.order(key)
    assert key.endswith("-01")
    assert (order["orderId"], order["orderGroup"], order["sequence"]) == (key, key[:-3], "502556")
    assert order["value"] == 10_259
    assert {total["id"]: total["value"] for total in order["totals"]} == {"Items": 10_009, "Discounts": -1_000, "Shipping": 1_250, "Tax": 0}
    first, second = order["items"]
    assert first["id"] == second["id"] == str(sku)
    assert first["uniqueId"] != second["uniqueId"]
    assert (first["refId"], first["price"], first["quantity"], first["unitMultiplier"]) == ("S1", 3_333, 3, 1)
    shares = [tag["value"] for item in order["items"] for tag in item["priceTags"]]
    assert (sum(shares), all(share < 0 for share in shares)) == (-1_000, True)
    assert sum(item["priceDefinition"]["total"] for item in order["items"]) == 9_009
    for item in order["items"]:
        exact = item["priceDefinition"]
        assert sum(price["value"] * price["quantity"] for price in exact["sellingPrices"]) == exact["total"]
        assert sum(price["quantity"] for price in exact["sellingPrices"]) == item["quantity"]
    shipping = order["shippingData"]["logisticsInfo"]
    assert [(line["itemIndex"], line["price"]) for line in shipping] == [(0, 1_250), (1, 0)]
    delivery = shipping[0]["deliveryIds"][0]
    assert (delivery["warehouseId"], delivery["dockId"], delivery["quantity"]) == ("1_main", "dock_main", 3)
    assert delivery["courierId"] == api.sandbox.describe().choices["carriers"]["express"]["shipping"]
    payments = order["paymentData"]["transactions"][0]["payments"]
    assert [(one["paymentSystem"], one["group"], one["value"], one["installments"]) for one in payments] == [
        ("2", "creditCard", 9_000, 3), ("16", "giftCard", 1_259, 1),
    ]  # fmt: skip
    assert [card["value"] for card in order["paymentData"]["giftCards"]] == [1_259]


async def test_the_buyer_and_the_address(api: Any, sku: int) -> None:
    order = await api.order(await api.sell())
    person, address = order["clientProfileData"], order["shippingData"]["address"]
    assert (person["firstName"], person["lastName"], person["documentType"], person["document"], person["isCorporate"]) == (
        "Maria", "da Silva", "cpf", "52998224725", False,
    )  # fmt: skip
    assert (address["postalCode"], address["city"], address["state"], address["street"], address["number"]) == (
        "01001000", "São Paulo", "SP", "Rua A", "10",
    )  # fmt: skip
    buyer = api.sale()["buyer"] | {"document": "12ABC34501DE35", "name": "Acme Ltda"}
    company = (await api.order(await api.sell(number=2, buyer=buyer)))["clientProfileData"]
    assert (company["documentType"], company["corporateDocument"], company["corporateName"], company["isCorporate"]) == (
        "cnpj", "12ABC34501DE35", "Acme Ltda", True,
    )  # fmt: skip


async def test_a_unit_multiplier_makes_items_differ_from_the_total(api: Any) -> None:
    await api.create_visible("M2", UnitMultiplier=2.5, MeasurementUnit="m²")
    order = await api.order(await api.sell(items=[{"sku": "M2", "quantity": 2, "price": "100.00"}]))
    item = order["items"][0]
    assert (item["unitMultiplier"], item["price"], item["sellingPrice"], order["value"]) == (2.5, 4_000, 10_000, 20_000)
    assert item["price"] * item["quantity"] != order["value"]


async def test_a_line_comes_from_one_warehouse_if_it_can_else_from_several(api: Any) -> None:
    sku = await api.create_visible(stock=2)
    await api.ok("PATCH", f"{api.inventory(sku, api.second)}/quantity", {"quantity": 3, "unlimitedQuantity": False})
    sold = [{"sku": "S1", "quantity": 3, "price": "100.00"}, {"sku": "S1", "quantity": 2, "price": "100.00"}]
    one = await api.order(await api.sell(items=[sold[0]]))
    assert [part["warehouseId"] for part in one["shippingData"]["logisticsInfo"][0]["deliveryIds"]] == ["1_second"]
    await api.ok("PATCH", f"{api.inventory(sku, api.second)}/quantity", {"quantity": 5, "unlimitedQuantity": False})
    two = await api.order(await api.sell(number=2, items=[sold[0] | {"quantity": 4}]))
    parts = two["shippingData"]["logisticsInfo"][0]["deliveryIds"]
    assert [(part["warehouseId"], part["quantity"]) for part in parts] == [("1_main", 2), ("1_second", 2)]


async def test_an_unknown_order_is_404(api: Any) -> None:
    for method, rest in (("GET", ""), ("POST", "/start-handling"), ("POST", "/cancel"), ("POST", "/invoice"),
                         ("GET", "/payment-transaction"), ("PATCH", "/invoice/1"), ("PUT", "/invoice/1/tracking")):  # fmt: skip
        assert (await api(method, f"{OMS}/1-01{rest}", {})).status_code == 404


async def test_the_payment_transaction(api: Any, sku: int) -> None:
    paid, unpaid = await api.sell(), await api.sell(number=2, paid=False)
    read = await api.ok("GET", f"{OMS}/{paid}/payment-transaction")
    assert (read["status"], read["payments"][0]["paymentSystem"], read["payments"][0]["value"]) == ("Finished", "125", 10_000)
    assert (await api.ok("GET", f"{OMS}/{unpaid}/payment-transaction"))["status"] == "Started"


# ---- the flow ----


async def test_a_paid_order_is_ready_and_an_unpaid_one_waits(api: Any, sku: int) -> None:
    paid, unpaid = await api.sell(), await api.sell(number=2, paid=False)
    assert [(await api.order(key))["status"] for key in (paid, unpaid)] == ["ready-for-handling", "payment-pending"]
    assert (await api.order(paid))["authorizedDate"] is not None
    assert (await api.order(unpaid))["authorizedDate"] is None
    assert await api.control("progress", {"to": "paid"}) == {"moved": 1}
    assert (await api.order(unpaid))["status"] == "ready-for-handling"


async def test_a_payment_can_expire(api: Any, sku: int) -> None:
    keys = [await api.sell(number=number, paid=False) for number in (1, 2)]
    assert await api.control("progress", {"to": "expired", "keys": keys[:1]}) == {"moved": 1}
    assert [(await api.order(key))["status"] for key in keys] == ["canceled", "payment-pending"]
    assert (await api.client.post("/_sandbox/progress", json={"to": "invoiced"})).status_code == 422


async def test_the_window_to_cancel_runs_on_the_sandbox_clock(api: Any, clock: Any) -> None:
    sandbox = VtexSandbox(clock=clock, window_to_cancel=1800)
    async with sandbox.listening(), httpx.AsyncClient(base_url=sandbox.base_url) as client:
        api = type(api)(client, sandbox)
        await api.create_visible()
        await api.configure_feed()
        key = await api.sell()
        other = await api.sell(number=2)
        await api.control("cancel", {"keys": [other]})
        assert (await api.order(key))["status"] == "window-to-cancel"
        await api.advance(1799)
        assert (await api.order(key))["status"] == "window-to-cancel"
        await api.advance(1)
        assert [(await api.order(one))["status"] for one in (key, other)] == ["ready-for-handling", "canceled"]
        states = [event["state"] for event in [*await api.feed(), *await api.feed()] if event["orderId"] == key]
        assert states == ["order-created", "payment-pending", "payment-approved", "window-to-cancel", "ready-for-handling"]


async def test_start_handling_is_204_once(api: Any, sku: int) -> None:
    key = await api.sell()
    answer = await api("POST", f"{OMS}/{key}/start-handling")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await api.order(key))["status"] == "handling"
    again = await api("POST", f"{OMS}/{key}/start-handling")
    assert again.status_code == 409
    assert again.json()["error"] == {
        "code": "OMS003", "message": "Order status should be ready-for-handling to perform this action", "exception": None,
    }  # fmt: skip


async def test_start_handling_before_the_payment_is_409(api: Any, sku: int) -> None:
    assert (await api("POST", f"{OMS}/{await api.sell(paid=False)}/start-handling")).status_code == 409


# ---- cancellation ----


async def test_before_handling_one_call_cancels(api: Any, sku: int) -> None:
    key = await api.sell()
    receipt = await api.ok("POST", f"{OMS}/{key}/cancel", {"reason": "Sem estoque"})
    assert receipt["orderId"] == key
    order = await api.order(key)
    assert (order["status"], order["cancelReason"], order["cancellationData"]["Reason"]) == ("canceled", "Sem estoque", "Sem estoque")
    assert (await phase(api, key))["phase"] == "cancelled"


async def test_in_handling_it_takes_two_calls_and_is_final(api: Any, sku: int) -> None:
    key = await api.handling()
    await api.ok("POST", f"{OMS}/{key}/cancel", {"reason": "x"})
    assert (await api.order(key))["status"] == "cancellation-requested"
    assert (await phase(api, key))["phase"] == "in_erp"
    await api.ok("POST", f"{OMS}/{key}/cancel", {"reason": "x"})
    assert (await api.order(key))["status"] == "canceled"
    assert (await api("POST", f"{OMS}/{key}/cancel", {"reason": "x"})).status_code == 400
    assert (await api("POST", f"{OMS}/{key}/start-handling")).status_code == 409
    assert (await api("POST", f"{OMS}/{key}/invoice", api.invoice(sku))).status_code == 409


async def test_the_buyer_cancels_too(api: Any, sku: int) -> None:
    early, late = await api.sell(), await api.handling(number=2)
    await api.control("cancel", {"keys": [early, late], "reason": "Desisti"})
    assert [(await api.order(key))["status"] for key in (early, late)] == ["canceled", "cancellation-requested"]
    await api.control("cancel", {"keys": [late]})
    assert (await api.order(late))["status"] == "canceled"
    for key in (late, "none"):
        assert (await api.client.post("/_sandbox/cancel", json={"keys": [key]})).status_code == 422


@pytest.mark.parametrize("value", ["1", "10000"])
async def test_no_cancel_after_an_invoice_even_a_partial_one(api: Any, sku: int, value: str) -> None:
    key = await api.handling()
    await api.ok("POST", f"{OMS}/{key}/invoice", api.invoice(sku, invoiceValue=value))
    assert (await api("POST", f"{OMS}/{key}/cancel", {"reason": "x"})).status_code == 400
    assert (await api.client.post("/_sandbox/cancel", json={"keys": [key]})).status_code == 422
    assert (await api.order(key))["allowCancellation"] is False


async def test_a_reason_is_a_text(api: Any, sku: int) -> None:
    assert (await api("POST", f"{OMS}/{await api.sell()}/cancel", {"reason": 5})).status_code == 400


# ---- invoices ----


async def test_an_invoice_of_the_whole_order(api: Any, sku: int) -> None:
    key = await api.handling()
    await api.ok("POST", f"{OMS}/{key}/invoice", api.invoice(sku, invoiceKey="NFe35", embeddedInvoice="<NFe/>"))
    order = await api.order(key)
    package = order["packageAttachment"]["packages"][0]
    assert (order["status"], order["invoicedDate"] is not None) == ("invoiced", True)
    assert (package["invoiceNumber"], package["invoiceValue"], package["invoiceKey"], package["embeddedInvoice"]) == (
        "1234", 10_000, "NFe35", "<NFe/>",
    )  # fmt: skip
    seen = await phase(api, key)
    assert (seen["phase"], seen["invoices"], seen["total"]) == ("invoiced", ["NFe35"], "100")


async def test_partial_invoices_add_up(api: Any, sku: int) -> None:
    key = await api.handling(items=[{"sku": "S1", "quantity": 2, "price": "100.00"}])
    await api.ok("POST", f"{OMS}/{key}/invoice", api.invoice(sku, invoiceNumber="1", invoiceValue="9999"))
    assert (await api.order(key))["status"] == "handling"
    await api.ok("POST", f"{OMS}/{key}/invoice", api.invoice(sku, invoiceNumber="2", invoiceValue="10001"))
    assert (await api.order(key))["status"] == "invoiced"


async def test_invoices_above_the_total_do_not_close_the_order(api: Any, sku: int) -> None:
    key = await api.handling()
    await api.ok("POST", f"{OMS}/{key}/invoice", api.invoice(sku, invoiceValue="10001"))
    assert (await api.order(key))["status"] == "handling"


async def test_a_repeated_number_only_renews_the_receipt(api: Any, sku: int) -> None:
    key = await api.handling()
    first = await api.ok("POST", f"{OMS}/{key}/invoice", api.invoice(sku))
    again = await api.ok("POST", f"{OMS}/{key}/invoice", api.invoice(sku, invoiceValue="1", invoiceKey="other"))
    assert first["receipt"] != again["receipt"]
    packages = (await api.order(key))["packageAttachment"]["packages"]
    assert [(package["invoiceValue"], package["invoiceKey"]) for package in packages] == [(10_000, None)]
    ledger = (await api.client.get("/_sandbox/ledger")).json()
    assert ledger["writes"][f"POST {OMS}/{{orderId}}/invoice"] == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"invoiceNumber": "12-3"}, {"invoiceNumber": "12 3"}, {"invoiceNumber": "1/2"}, {"invoiceNumber": ""}, {"invoiceNumber": 123},
        {"invoiceValue": "0"}, {"invoiceValue": "100.00"}, {"invoiceValue": "100,00"}, {"invoiceValue": 10000}, {"invoiceValue": "-1"},
        {"type": "Saida"}, {"issuanceDate": "2026-11-27"}, {"issuanceDate": "27/11/2026"}, {"issuanceDate": None}, {"items": []},
        {"items": None}, {"items": ["x"]},
    ],
)  # fmt: skip
async def test_an_invoice_is_refused(api: Any, sku: int, fields: dict[str, Any]) -> None:
    key = await api.handling()
    assert (await api("POST", f"{OMS}/{key}/invoice", api.invoice(sku, **fields))).status_code == 400
    assert (await api.order(key))["packageAttachment"]["packages"] == []


@pytest.mark.parametrize(
    "fields", [{"id": "999"}, {"price": 100.5}, {"price": "10000"}, {"price": -1}, {"quantity": 0}, {"quantity": 1.5}, {"quantity": "1"}]
)
async def test_an_item_of_an_invoice_is_refused(api: Any, sku: int, fields: dict[str, Any]) -> None:
    key = await api.handling()
    item = {"id": str(sku), "price": 10_000, "quantity": 1} | fields
    assert (await api("POST", f"{OMS}/{key}/invoice", api.invoice(sku, items=[item]))).status_code == 400


@pytest.mark.parametrize("name", ["type", "issuanceDate", "invoiceNumber", "invoiceValue", "items"])
async def test_required_fields_of_an_invoice(api: Any, sku: int, name: str) -> None:
    key = await api.handling()
    body = {key: value for key, value in api.invoice(sku).items() if key != name}
    assert (await api("POST", f"{OMS}/{key}/invoice", body)).status_code == 400


async def test_an_order_that_is_not_invoiceable_refuses(api: Any, sku: int) -> None:
    unpaid = await api.sell(paid=False)
    assert (await api("POST", f"{OMS}/{unpaid}/invoice", api.invoice(sku))).status_code == 409
    invoiced = await api.handling(number=2)
    await api.ok("POST", f"{OMS}/{invoiced}/invoice", api.invoice(sku))
    assert (await api("POST", f"{OMS}/{invoiced}/invoice", api.invoice(sku, invoiceNumber="2"))).status_code == 409


async def test_a_return_needs_the_full_invoice(api: Any, sku: int) -> None:
    key = await api.handling()
    entry = api.invoice(sku, type="Input", invoiceNumber="E1", invoiceValue="5000")
    assert (await api("POST", f"{OMS}/{key}/invoice", entry)).status_code == 409
    await api.ok("POST", f"{OMS}/{key}/invoice", api.invoice(sku))
    await api.ok("POST", f"{OMS}/{key}/invoice", entry)
    package = (await api.order(key))["packageAttachment"]["packages"][1]
    assert (package["type"], package["restitutions"]["Refund"]["value"]) == ("Input", 5_000)
    assert (await api.order(key))["status"] == "invoiced"


# ---- tracking ----


async def invoiced(api: Any, sku: int) -> str:
    key = await api.handling()
    await api.ok("POST", f"{OMS}/{key}/invoice", api.invoice(sku, invoiceKey="K"))
    return f"{OMS}/{key}/invoice/1234"


async def test_tracking_then_delivery(api: Any, sku: int) -> None:
    path = await invoiced(api, sku)
    key = path.split("/")[-3]
    assert (await api("PUT", f"{path}/tracking", DELIVERED)).status_code == 400  # no tracking number yet
    await api.ok("PATCH", path, TRACKING)
    assert (await phase(api, key))["phase"] == "shipped"
    await api.ok("PUT", f"{path}/tracking", {"isDelivered": False, "deliveredDate": None, "events": [EVENT]})
    assert (await phase(api, key))["phase"] == "shipped"
    await api.ok("PUT", f"{path}/tracking", DELIVERED)
    seen = await phase(api, key)
    assert (seen["phase"], seen["tracking"]) == ("delivered", ["BR1"])
    package = (await api.order(key))["packageAttachment"]["packages"][0]
    assert (package["courier"], package["trackingNumber"], package["trackingUrl"]) == ("Correios", "BR1", "https://t.example/BR1")
    assert (package["courierStatus"]["finished"], package["courierStatus"]["deliveredDate"]) == (True, "2026-11-29 15:30")
    assert package["courierStatus"]["data"][0]["city"] == "Santos"


async def test_a_tracking_number_may_come_with_the_invoice(api: Any, sku: int) -> None:
    key = await api.handling()
    await api.ok("POST", f"{OMS}/{key}/invoice", api.invoice(sku, trackingNumber="BR9"))
    await api.ok("PUT", f"{OMS}/{key}/invoice/1234/tracking", DELIVERED)
    assert (await phase(api, key))["phase"] == "delivered"


@pytest.mark.parametrize("name", list(TRACKING))
async def test_a_patch_needs_its_four_fields_and_three_may_be_null(api: Any, sku: int, name: str) -> None:
    path = await invoiced(api, sku)
    assert (await api("PATCH", path, {key: value for key, value in TRACKING.items() if key != name})).status_code == 400
    assert (await api("PATCH", path, TRACKING | {name: 5})).status_code == 400
    assert (await api("PATCH", path, TRACKING | {name: None})).status_code == (400 if name == "trackingNumber" else 200)


@pytest.mark.parametrize(
    "fields",
    [{"isDelivered": "yes"}, {"isDelivered": None}, {"deliveredDate": "2026-11-29T15:30:00Z"}, {"deliveredDate": "29/11/2026"},
     {"events": None},     {"events": [{"city": "Santos"}]}, {"events": [EVENT | {"date": 5}]}, {"events": ["x"]}],
)  # fmt: skip
async def test_a_tracking_event_is_refused(api: Any, sku: int, fields: dict[str, Any]) -> None:
    path = await invoiced(api, sku)
    await api.ok("PATCH", path, TRACKING)
    assert (await api("PUT", f"{path}/tracking", DELIVERED | fields)).status_code == 400
    name = next(iter(fields))
    assert (await api("PUT", f"{path}/tracking", {key: value for key, value in DELIVERED.items() if key != name})).status_code == 400


async def test_an_unknown_invoice_is_404(api: Any, sku: int) -> None:
    path = (await invoiced(api, sku)).replace("1234", "99")
    assert (await api("PATCH", path, TRACKING)).status_code == 404
    assert (await api("PUT", f"{path}/tracking", DELIVERED)).status_code == 404


# ---- the list ----


async def test_the_list_is_four_minutes_late_and_has_no_items(api: Any, sku: int) -> None:
    key = await api.sell()
    await api.advance(239)
    assert (await api.ok("GET", OMS))["list"] == []
    await api.ok("POST", f"{OMS}/{key}/start-handling")
    await api.advance(1)
    listed = await api.ok("GET", OMS)
    assert [(line["orderId"], line["status"], line["items"], line["totalValue"]) for line in listed["list"]] == [
        (key, "ready-for-handling", None, 10_000)
    ]
    assert listed["stats"]["stats"]["totalValue"]["Sum"] == 10_000
    await api.advance(240)
    assert (await api.ok("GET", OMS))["list"][0]["status"] == "handling"


async def test_the_list_is_filtered_sorted_and_paged(api: Any, sku: int) -> None:
    keys = []
    for number in range(3):
        keys.append(await api.sell(number=number, paid=number != 1))
        await api.advance(3600)
    read = await api.ok("GET", f"{OMS}?per_page=2&page=2")
    assert ([line["orderId"] for line in read["list"]], read["paging"]) == (
        [keys[0]], {"total": 3, "pages": 2, "currentPage": 2, "perPage": 2},
    )  # fmt: skip
    ascending = await api.ok("GET", f"{OMS}?orderBy=creationDate,asc")
    assert [line["orderId"] for line in ascending["list"]] == keys
    waiting = await api.ok("GET", f"{OMS}?f_status=payment-pending,canceled")
    assert [line["orderId"] for line in waiting["list"]] == [keys[1]]
    span = "creationDate:[2026-11-27T12:30:00.000Z TO 2026-11-27T13:30:00.000Z]"
    answer = await api.client.get(OMS, params={"f_creationDate": span}, headers=api.headers)
    assert [line["orderId"] for line in answer.json()["list"]] == [keys[1]]


@pytest.mark.parametrize("query", ["page=31", "page=0", "per_page=101", "per_page=0", "page=x", "f_creationDate=today",
                                   "f_creationDate=creationDate:[a TO b]"])  # fmt: skip
async def test_a_list_is_refused(api: Any, query: str) -> None:
    assert (await api("GET", f"{OMS}?{query}")).status_code == 400


async def test_thirty_pages_of_a_hundred_are_the_most(api: Any) -> None:
    await api.ok("GET", f"{OMS}?page=30&per_page=100")
