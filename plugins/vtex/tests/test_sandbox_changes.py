"""Changes of an order in handling: asynchronous, one at a time, never beside an invoice."""

from typing import Any

import httpx
import pytest

from engate_vtex_sandbox.server import ACCOUNT

CHANGES = "/api/order-system/orders/{}/changes"


@pytest.fixture
async def sku(api: Any) -> int:
    return await api.create_visible(stock=50)


async def setting(api: Any, text: str) -> None:
    await api.control("corrupt", {"kind": "setting", "key": text})


async def lines(api: Any, key: str) -> list[dict[str, Any]]:
    return (await api.order(key))["items"]


async def ask(api: Any, key: str, **body: Any) -> httpx.Response:
    return await api("PATCH", f"{CHANGES.format(key)}?accountName={ACCOUNT}", {"reason": "Sem estoque", **body})


async def asked(api: Any, key: str, **body: Any) -> str:
    answer = await ask(api, key, **body)
    assert answer.status_code == 202, answer.text
    return answer.json()["requestId"]


async def history(api: Any, key: str) -> list[dict[str, Any]]:
    return (await api.ok("GET", f"{CHANGES.format(key)}?an={ACCOUNT}"))["requests"]


async def status(api: Any, key: str, change: str) -> str:
    return (await api.ok("GET", f"{CHANGES.format(key)}/{change}?an={ACCOUNT}"))["status"]


async def remove(api: Any, key: str, units: int, line: int = 0, **fields: Any) -> dict[str, Any]:
    item = (await lines(api, key))[line]
    return {"remove": {"items": [{"id": item["id"], "uniqueId": item["uniqueId"], "quantity": units, **fields}]}}


def code(answer: httpx.Response) -> str:
    assert answer.status_code >= 400, answer.text
    return answer.json()["error"]["code"]


THREE = [{"sku": "S1", "quantity": 3, "price": "14.31", "freight": "5.00"}]


async def test_units_that_go_take_their_money_with_them(api: Any, sku: int) -> None:
    key = await api.handling(items=THREE)
    available = (await api.ok("GET", f"{api.inventory(sku).replace('/skus/', '/items/')}"))[0]["availableQuantity"]
    await asked(api, key, **(await remove(api, key, 2)))
    order = await api.order(key)
    assert (order["value"], [(item["quantity"], item["priceDefinition"]["total"]) for item in order["items"]]) == (1931, [(1, 1431)])
    assert {total["id"]: total["value"] for total in order["totals"]} == {
        "Items": 4293, "Discounts": 0, "Shipping": 500, "Tax": 0, "Change": -2862,
    }  # fmt: skip
    (told,) = order["changesAttachment"]["changesData"]
    assert (told["reason"], told["discountValue"], told["incrementValue"]) == ("Sem estoque", 2862, 0)
    assert [(item["id"], item["quantity"], item["price"]) for item in told["itemsRemoved"]] == [(str(sku), 2, 1431)]
    assert order["status"] == "handling"
    still = (await api.ok("GET", f"{api.inventory(sku).replace('/skus/', '/items/')}"))[0]["availableQuantity"]
    assert still == available, "the stock is not adjusted"


async def test_a_line_that_goes_whole_leaves_the_document(api: Any, sku: int) -> None:
    key = await api.handling(items=[*THREE, {"sku": "S1", "quantity": 1, "price": "10.00"}])
    gone = (await lines(api, key))[0]["uniqueId"]
    await asked(api, key, **(await remove(api, key, 3)))
    order = await api.order(key)
    assert [item["quantity"] for item in order["items"]] == [1] and order["items"][0]["uniqueId"] != gone
    assert [info["itemIndex"] for info in order["shippingData"]["logisticsInfo"]] == [0]
    assert order["value"] == 1000 + 500  # the freight stays


async def test_units_whose_price_does_not_divide(api: Any, sku: int) -> None:
    """3 for 30.00 - 0.01: two cost 1000 and one 999; what is named as the price is what is taken off."""
    key = await api.handling(items=[{"sku": "S1", "quantity": 3, "price": "10.00"}], discount="0.01")
    await asked(api, key, **(await remove(api, key, 2, price=1000)))
    order = await api.order(key)
    assert (order["value"], order["items"][0]["priceDefinition"]["total"]) == (999, 999)


async def test_an_amount_without_units(api: Any, sku: int) -> None:
    key = await api.handling()
    await asked(api, key, manualDiscountValue=150)
    order = await api.order(key)
    assert (order["value"], order["items"][0]["quantity"], order["items"][0]["priceDefinition"]["total"]) == (9850, 1, 10000)


async def test_a_weight_changes_with_its_multiplier(api: Any, sku: int) -> None:
    body = await api.ok("GET", f"/api/catalog/pvt/stockkeepingunit/{sku}")
    whole = {name: value for name, value in body.items() if value is not None} | {"MeasurementUnit": "kg"}
    await api.ok("PUT", f"/api/catalog/pvt/stockkeepingunit/{sku}", whole)
    key = await api.handling(items=[{"sku": "S1", "quantity": 1, "price": "29.90"}])
    (item,) = await lines(api, key)
    old = {"id": item["id"], "uniqueId": item["uniqueId"], "quantity": 1}
    new = {**old, "measurementUnit": "kg", "unitMultiplier": 0.95}
    await asked(api, key, replace=[{"from": {"items": [old]}, "to": {"items": [new]}}])
    order = await api.order(key)
    (item,) = order["items"]
    assert (item["quantity"], item["unitMultiplier"], item["priceDefinition"]["total"], order["value"]) == (1, 0.95, 2841, 2841)


async def test_a_change_takes_its_time(api: Any, sku: int) -> None:
    await setting(api, "change_window=60")
    key = await api.handling(items=THREE)
    change = await asked(api, key, **(await remove(api, key, 1)))
    assert await status(api, key, change) == "waiting-acknowledgement"
    assert await history(api, key) == []
    await api.advance(40)
    assert await status(api, key, change) == "waiting-confirmation"
    assert (await api.order(key))["value"] == 4793
    await setting(api, "change_history=all")
    assert [one["requestId"] for one in await history(api, key)] == [change]
    await api.advance(40)
    assert await status(api, key, change) == "done"
    assert (await api.order(key))["value"] == 3362


@pytest.mark.parametrize(("to", "end", "value"), [("changed", "done", 3362), ("change_canceled", "canceled", 4793)])
async def test_a_change_ends_when_told(api: Any, sku: int, to: str, end: str, value: int) -> None:
    await setting(api, "change_window=manual")
    key = await api.handling(items=THREE)
    change = await asked(api, key, **(await remove(api, key, 1)))
    await api.advance(10_000)
    assert await status(api, key, change) == "waiting-acknowledgement"
    assert await api.control("progress", {"to": to, "keys": [key]}) == {"moved": 1}
    assert (await status(api, key, change), (await api.order(key))["value"]) == (end, value)
    assert await api.control("progress", {"to": to, "keys": [key]}) == {"moved": 0}


async def test_a_change_can_end_canceled_by_itself(api: Any, sku: int) -> None:
    await setting(api, "change_outcome=canceled")
    key = await api.handling(items=THREE)
    change = await asked(api, key, **(await remove(api, key, 1)))
    assert await status(api, key, change) == "canceled"
    order = await api.order(key)
    assert (order["value"], order["changesAttachment"]) == (4793, None)


async def test_one_change_at_a_time_and_no_invoice_beside_it(api: Any, sku: int) -> None:
    await setting(api, "change_window=manual")
    key = await api.handling(items=THREE)
    await asked(api, key, **(await remove(api, key, 1)))
    assert code(await ask(api, key, **(await remove(api, key, 1)))) == "SalesOrderSystem014"
    body = api.invoice(sku, invoiceValue="1931")
    assert code(await api("POST", f"/api/oms/pvt/orders/{key}/invoice", body)) == "SalesOrderSystem014"
    await api.control("progress", {"to": "changed"})
    await api.ok("POST", f"/api/oms/pvt/orders/{key}/invoice", body)


async def test_a_note_of_what_is_left_closes_the_order(api: Any, sku: int) -> None:
    key = await api.handling(items=THREE)
    await asked(api, key, **(await remove(api, key, 2)))
    items = [{"id": str(sku), "price": 1431, "quantity": 1}]
    await api.ok("POST", f"/api/oms/pvt/orders/{key}/invoice", api.invoice(sku, invoiceValue="1931", items=items))
    assert (await api.order(key))["status"] == "invoiced"


async def test_a_change_after_a_note_of_less_closes_the_order(api: Any, sku: int) -> None:
    key = await api.handling(items=THREE)
    await api.ok("POST", f"/api/oms/pvt/orders/{key}/invoice", api.invoice(sku, invoiceValue="4000"))
    await asked(api, key, manualDiscountValue=793)
    assert (await api.order(key))["status"] == "invoiced"


async def test_an_item_on_a_note_is_not_changed(api: Any, sku: int) -> None:
    key = await api.handling(items=[*THREE, {"sku": "S1", "quantity": 1, "price": "10.00"}])
    await api.ok("POST", f"/api/oms/pvt/orders/{key}/invoice", api.invoice(sku, invoiceValue="1000"))
    assert code(await ask(api, key, **(await remove(api, key, 1)))) == "SalesOrderSystem015"
    await asked(api, key, **(await remove(api, key, 1, line=1)))


async def test_only_an_order_that_is_handled_is_changed(api: Any, sku: int) -> None:
    key = await api.sell(items=THREE)
    body = await remove(api, key, 1)
    assert code(await ask(api, key, **body)) == "SalesOrderSystem008"
    await api.ok("POST", f"/api/oms/pvt/orders/{key}/start-handling")
    await api.ok("POST", f"/api/oms/pvt/orders/{key}/invoice", api.invoice(sku, invoiceValue="4793"))
    assert code(await ask(api, key, **body)) == "SalesOrderSystem008"


async def test_an_account_or_key_without_the_permission(api: Any, sku: int) -> None:
    key = await api.handling(items=THREE)
    await setting(api, "changes=off")
    answer = await ask(api, key, **(await remove(api, key, 1)))
    assert (answer.status_code, code(answer)) == (403, "SalesOrderSystem003")
    assert (await api("GET", f"{CHANGES.format(key)}?an={ACCOUNT}")).status_code == 403
    await setting(api, "changes=on")
    await asked(api, key, **(await remove(api, key, 1)))


async def test_what_a_request_must_be(api: Any, sku: int) -> None:
    key = await api.handling(items=THREE)
    (item,) = await lines(api, key)
    one = {"id": item["id"], "uniqueId": item["uniqueId"], "quantity": 1}

    def replaced(**new: Any) -> dict[str, Any]:
        return {"replace": [{"from": {"items": [one | {"quantity": 3}]}, "to": {"items": [one | new]}}]}

    for body, wanted in (
        ({"reason": " "}, "005"),
        ({"add": {"items": [one]}}, "006"),
        ({"manualDiscountValue": -1}, "007"),
        ({}, "009"),
        ({"manualIncrementValue": 1}, "010"),
        ({"manualDiscountValue": 4794}, "011"),
        ({"remove": {"items": [one | {"quantity": 3}]}}, "012"),
        ({"remove": {"items": [one | {"id": "999"}]}}, "013"),
        ({"remove": {"items": [one | {"uniqueId": "X"}]}}, "013"),
        ({"remove": {"items": [one | {"quantity": 4}]}}, "016"),
        ({"remove": {"items": [one | {"price": 1000}]}}, "017"),
        (replaced(id="999"), "018"),
        (replaced(unitMultiplier=0.95), "019"),
        ({"remove": [one]}, "021"),
        ({"remove": {"items": [one | {"quantity": 0}]}}, "021"),
        ({"remove": {"items": [one | {"quantity": 0.5}]}}, "021"),
        ({"replace": {"from": one, "to": one}}, "021"),
    ):
        assert code(await ask(api, key, **body)) == f"SalesOrderSystem{wanted}", body
    assert await history(api, key) == []
    assert code(await api("PATCH", CHANGES.format(key), {"reason": "x", "manualDiscountValue": 1})) == "SalesOrderSystem004"
    assert code(await api("GET", f"{CHANGES.format(key)}/nothing?an={ACCOUNT}")) == "SalesOrderSystem020"
    assert (await api("GET", f"{CHANGES.format('0-01')}?an={ACCOUNT}")).status_code == 404


async def test_a_card_may_be_charged_more(api: Any, sku: int) -> None:
    key = await api.handling(payments=[{"tag": "credit_card", "value": "100.00"}])
    await asked(api, key, manualIncrementValue=50)
    assert (await api.order(key))["value"] == 10_050


async def test_a_setting_nobody_has(api: Any) -> None:
    answer = await api.client.post("/_sandbox/corrupt", json={"kind": "setting", "key": "colour=blue"})
    assert answer.status_code == 422
