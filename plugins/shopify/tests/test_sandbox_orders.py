"""Orders: reading, shipping, editing, cancelling, refunds, returns."""

from typing import Any

import pytest
from plugins.shopify.tests.conftest import BUYER

from engate_shopify_sandbox import access

ORDER = """query($id: ID!) { order(id: $id) {
  id name test edited cancelledAt cancelReason updatedAt displayFinancialStatus displayFulfillmentStatus email
  totalPriceSet { shopMoney { amount currencyCode } } currentTotalPriceSet { shopMoney { amount } }
    totalOutstandingSet { shopMoney { amount } }
  totalShippingPriceSet { shopMoney { amount } } totalRefundedSet { shopMoney { amount } }
  localizedFields(first: 5) { nodes { key countryCode purpose value } }
  shippingAddress { name address1 address2 city provinceCode zip countryCodeV2 }
  shippingLines(first: 2) { nodes { title code discountedPriceSet { shopMoney { amount } } } }
  paymentGatewayNames
  transactions(first: 5) { kind status gateway amountSet { shopMoney { amount } }
    paymentDetails { ... on CardPaymentDetails { company } ... on LocalPaymentMethodsPaymentDetails { paymentMethodName } } }
  lineItems(first: 5) { nodes { id sku quantity currentQuantity unfulfilledQuantity originalUnitPriceSet { shopMoney { amount } }
    discountedUnitPriceAfterAllDiscountsSet { shopMoney { amount } } discountAllocations { allocatedAmountSet { shopMoney { amount } } } } }
  fulfillmentOrders(first: 3) { nodes { id status assignedLocation { location { id } } fulfillmentHolds { reason }
    lineItems(first: 5) { nodes { id remainingQuantity sku } } } }
  refunds(first: 3) { totalRefundedSet { shopMoney { amount } } refundLineItems(first: 3) { nodes {
    quantity restockType lineItem { sku } } } }
} }"""
FULFIL = """mutation($f: FulfillmentInput!) { fulfillmentCreate(fulfillment: $f) {
  fulfillment { id status trackingInfo(first: 3) { company number url } } userErrors { field message } } }"""
EVENT = """mutation($e: FulfillmentEventInput!) { fulfillmentEventCreate(fulfillmentEvent: $e) { fulfillmentEvent {
  status } userErrors { field message } } }"""
CANCEL = """mutation($id: ID!, $r: Boolean! = true, $s: Boolean! = true) { orderCancel(orderId: $id, reason: INVENTORY, restock: $s,
  refundMethod: {originalPaymentMethodsRefund: $r}, staffNote: "ERP") { job { id done } orderCancelUserErrors { code field message } } }"""
JOB = "query($id: ID!) { job(id: $id) { id done } }"
BEGIN = """mutation($id: ID!) { orderEditBegin(id: $id) { calculatedOrder { id lineItems(first: 5) { nodes {
  id sku quantity editableQuantity } } }
  orderEditSession { id } userErrors { field message } } }"""
QUANTITY = """mutation($id: ID!, $l: ID!, $q: Int!, $r: Boolean) {
  orderEditSetQuantity(id: $id, lineItemId: $l, quantity: $q, restock: $r) {
  calculatedOrder { totalPriceSet { shopMoney { amount } } } userErrors { field message } } }"""
COMMIT = "mutation($id: ID!) { orderEditCommit(id: $id, notifyCustomer: false) { order { id edited } userErrors { field message } } }"
LISTED = """query($q: String, $a: String) { orders(first: 10, after: $a, query: $q, sortKey: UPDATED_AT) {
  nodes { id updatedAt } pageInfo { hasNextPage endCursor } } }"""


async def read(api: Any, key: str) -> dict[str, Any]:
    return await api.ok(ORDER, id=key)


def amount(shown: dict[str, Any]) -> str:
    return shown["shopMoney"]["amount"]


def whole(order: dict[str, Any], **tracking: Any) -> dict[str, Any]:
    """Everything of the first fulfilment order."""
    given: dict[str, Any] = {"lineItemsByFulfillmentOrder": [{"fulfillmentOrderId": order["fulfillmentOrders"]["nodes"][0]["id"]}]}
    return {**given, "trackingInfo": tracking} if tracking else given


# ---- reading ----


async def test_an_order_as_a_buyer_placed_it(api: Any) -> None:
    await api.sellable("S1", stock=10)
    await api.sellable("S2", stock=5)
    items = [{"sku": "S1", "quantity": 3, "price": "10.00", "freight": "5.00"}, {"sku": "S2", "quantity": 1, "price": "70.00"}]
    order = await read(api, await api.sell(items=items, discount="1.00", shipping="express"))
    assert (order["name"], order["test"], order["displayFinancialStatus"], order["displayFulfillmentStatus"]) == (
        "#1001",
        False,
        "PAID",
        "UNFULFILLED",
    )
    assert order["totalPriceSet"]["shopMoney"] == {"amount": "104.0", "currencyCode": "BRL"}
    assert amount(order["totalShippingPriceSet"]) == "5.0" and amount(order["totalOutstandingSet"]) == "0.0"
    assert order["shippingAddress"] == {
        "name": "Maria da Silva", "address1": "Rua A, 10", "address2": "ap 2, Centro", "city": "São Paulo", "provinceCode": "SP",
        "zip": "01001-000", "countryCodeV2": "BR",
    }  # fmt: skip
    [line] = order["shippingLines"]["nodes"]
    assert (line["code"], amount(line["discountedPriceSet"])) == ("envio-expresso", "5.0")
    one, two = order["lineItems"]["nodes"]
    assert [amount(row["discountAllocations"][0]["allocatedAmountSet"]) for row in (one, two)] == ["0.3", "0.7"]
    assert amount(one["discountedUnitPriceAfterAllDiscountsSet"]) == "9.9"
    [place] = order["fulfillmentOrders"]["nodes"]
    assert place["status"] == "OPEN" and place["assignedLocation"]["location"]["id"] == api.main
    assert [(row["sku"], row["remainingQuantity"]) for row in place["lineItems"]["nodes"]] == [("S1", 3), ("S2", 1)]
    [payment] = order["transactions"]
    assert (payment["kind"], payment["status"], payment["gateway"], amount(payment["amountSet"])) == ("SALE", "SUCCESS", "Pix", "104.0")
    assert payment["paymentDetails"] == {"paymentMethodName": "pix"} and order["paymentGatewayNames"] == ["Pix"]


async def test_the_document_comes_with_or_without_punctuation(api: Any) -> None:
    await api.sellable()
    for number, shown in ((1, "52998224725"), (2, "529.982.247-25")):
        fields = (await read(api, await api.sell(number)))["localizedFields"]["nodes"]
        assert fields == [
            {"key": "TAX_CREDENTIAL_BR", "countryCode": "BR", "purpose": "TAX", "value": shown},
            {"key": "SHIPPING_CREDENTIAL_BR", "countryCode": "BR", "purpose": "SHIPPING", "value": shown},
        ]


async def test_the_discount_is_exact_in_cents_and_unit_prices_need_not_be(api: Any) -> None:
    await api.sellable("S1")
    order = await read(api, await api.sell(items=[{"sku": "S1", "quantity": 3, "price": "10.00"}], discount="1.00"))
    [line] = order["lineItems"]["nodes"]
    assert amount(line["discountedUnitPriceAfterAllDiscountsSet"]) == "9.67"  # times three is not 29.00
    assert amount(order["totalPriceSet"]) == "29.0"


async def test_pix_and_boleto_start_pending_and_are_paid_or_expire(api: Any) -> None:
    await api.sellable()
    keys = [await api.sell(number, paid=False) for number in (1, 2)]
    first = await read(api, keys[0])
    assert first["displayFinancialStatus"] == "PENDING" and amount(first["totalOutstandingSet"]) == "100.0"
    assert first["transactions"][0]["status"] == "PENDING"
    assert (await api.control("progress", {"to": "paid", "keys": [keys[0]]})) == {"moved": 1}
    assert (await api.control("progress", {"to": "expired", "keys": None})) == {"moved": 1}
    assert [(await read(api, key))["displayFinancialStatus"] for key in keys] == ["PAID", "EXPIRED"]
    text = "mutation($id: ID!) { orderMarkAsPaid(input: {id: $id}) { order { displayFinancialStatus } userErrors { message } } }"
    assert (await api.ok(text, id=keys[1]))["order"]["displayFinancialStatus"] == "PAID"
    assert await api.faulty(text, id=keys[1])


async def test_a_payment_is_authorised_and_captured_or_voided(api: Any) -> None:
    await api.sellable()
    keys = [await api.sell(number, paid=False) for number in (1, 2)]
    await api.control("progress", {"to": "authorized", "keys": None})
    assert [(await read(api, key))["displayFinancialStatus"] for key in keys] == ["AUTHORIZED", "AUTHORIZED"]
    await api.control("progress", {"to": "paid", "keys": [keys[0]]})
    await api.ok(CANCEL, id=keys[1])
    await api.advance(5)
    orders = [await read(api, key) for key in keys]
    assert [one["displayFinancialStatus"] for one in orders] == ["PAID", "VOIDED"]
    assert [[paid["kind"] for paid in one["transactions"]] for one in orders] == [["AUTHORIZATION", "CAPTURE"], ["AUTHORIZATION", "VOID"]]


async def test_who_bought_is_protected(api: Any) -> None:
    await api.sellable()
    key = await api.sell()
    await api.setting("protected_data=off")
    body = await api(ORDER, id=key)
    assert {error["extensions"]["code"] for error in body["errors"]} == {"ACCESS_DENIED"}
    assert body["data"]["order"] is None or body["data"]["order"]["email"] is None
    assert (await api.ok("query($id: ID!) { order(id: $id) { name } }", id=key)) == {"name": "#1001"}
    assert (await api.refused("query($id: ID!) { order(id: $id) { customer { id } } }", id=key))["code"] == "ACCESS_DENIED"


async def test_orders_are_listed_by_their_change(api: Any) -> None:
    await api.sellable()
    keys = []
    for number in (1, 2, 3):
        keys.append(await api.sell(number))
        await api.advance(60)
    since = "updated_at:>='2026-11-27T12:01:00Z'"
    assert [one["id"] for one in (await api.ok(LISTED, q=since))["nodes"]] == keys[1:]
    await api.ok(
        "mutation($i: OrderInput!) { orderUpdate(input: $i) { order { id } userErrors { message } } }", i={"id": keys[0], "note": "x"}
    )
    assert [one["id"] for one in (await api.ok(LISTED, q=since))["nodes"]] == [*keys[1:], keys[0]]
    assert len((await api.ok(LISTED, q="financial_status:paid status:open"))["nodes"]) == 3
    assert (await api.ok(LISTED, q="financial_status:pending OR status:cancelled"))["nodes"] == []
    assert (await api.ok('{ ordersCount(query: "name:#1002") { count precision } }')) == {"count": 1, "precision": "EXACT"}


async def test_the_index_can_lag(api: Any) -> None:
    await api.setting("index_delay=120")
    await api.sellable()
    key = await api.sell()
    assert (await api.ok(LISTED))["nodes"] == [] and (await read(api, key))["name"] == "#1001"
    await api.advance(120)
    assert len((await api.ok(LISTED))["nodes"]) == 1


async def test_the_same_buyer_is_the_same_customer(api: Any) -> None:
    await api.sellable()
    text = "query($id: ID!) { order(id: $id) { customer { id displayName defaultEmailAddress { emailAddress } } } }"
    one, two = [(await api.ok(text, id=await api.sell(number)))["customer"] for number in (1, 2)]
    assert one == two == {"id": one["id"], "displayName": "Maria da Silva", "defaultEmailAddress": {"emailAddress": "maria@example.com"}}


async def test_old_orders_ask_a_scope_of_their_own(api: Any) -> None:
    await api.sellable()
    old = await api.sell(1, placed_at="2026-09-01T12:00:00Z")
    assert (await read(api, old))["name"] == "#1001"
    await api.setting("revoke=read_all_orders")
    assert (await read(api, old)) is None and (await api.ok(LISTED))["nodes"] == []


async def test_orders_are_found_by_a_custom_id(api: Any) -> None:
    await api.define("ORDER")
    await api.sellable()
    key = await api.sell()
    row = {"ownerId": key, "namespace": "engate", "key": "erp_id", "value": "PED-9"}
    await api.ok("mutation($m: [MetafieldsSetInput!]!) { metafieldsSet(metafields: $m) { userErrors { code message } } }", m=[row])
    text = 'query($v: String!) { orderByIdentifier(identifier: {customId: {namespace: "engate", key: "erp_id", value: $v}}) { id } }'
    assert (await api.ok(text, v="PED-9")) == {"id": key} and (await api.ok(text, v="PED-8")) is None


async def test_an_order_over_two_locations(api: Any) -> None:
    sku = await api.sellable(stock=2)
    text = """mutation($i: ID!, $l: ID!) { inventoryActivate(inventoryItemId: $i, locationId: $l, available: 5)
      @idempotent(key: "k") { userErrors { message } } }"""
    await api.ok(text, i=sku["item"], l=api.second)
    order = await read(api, await api.sell(items=[{"sku": "S1", "quantity": 6, "price": "100.00"}]))
    places = order["fulfillmentOrders"]["nodes"]
    assert [(one["assignedLocation"]["location"]["id"], one["lineItems"]["nodes"][0]["remainingQuantity"]) for one in places] == [
        (api.main, 2),
        (api.second, 4),
    ]
    given = {"lineItemsByFulfillmentOrder": [{"fulfillmentOrderId": one["id"]} for one in places]}
    [error] = await api.faulty(FULFIL, f=given)
    assert "same location" in error["message"]


# ---- shipping ----


async def test_what_is_sent_cannot_be_sent_again(api: Any) -> None:
    await api.sellable()
    key = await api.sell(items=[{"sku": "S1", "quantity": 3, "price": "100.00"}])
    order = await read(api, key)
    place = order["fulfillmentOrders"]["nodes"][0]
    part = whole(order, company="Correios", number="BR1", url="https://rastreamento.example/BR1")
    part["lineItemsByFulfillmentOrder"][0]["fulfillmentOrderLineItems"] = [{"id": place["lineItems"]["nodes"][0]["id"], "quantity": 2}]
    made = (await api.ok(FULFIL, f=part))["fulfillment"]
    assert made["status"] == "SUCCESS" and made["trackingInfo"] == [
        {"company": "Correios", "number": "BR1", "url": "https://rastreamento.example/BR1"}
    ]
    order = await read(api, key)
    assert order["displayFulfillmentStatus"] == "PARTIALLY_FULFILLED" and order["fulfillmentOrders"]["nodes"][0]["status"] == "IN_PROGRESS"
    assert "quantity requested" in (await api.faulty(FULFIL, f=part))[0]["message"]
    await api.ok(FULFIL, f=whole(order))
    assert (await read(api, key))["displayFulfillmentStatus"] == "FULFILLED"
    [error] = await api.faulty(FULFIL, f=whole(order))
    assert "unfulfillable status= closed" in error["message"]
    [state] = await api.look("orders")
    assert (state["phase"], state["tracking"]) == ("shipped", ["BR1"])


async def test_delivery_is_an_event_of_the_fulfilment(api: Any) -> None:
    await api.sellable()
    key = await api.sell()
    made = (await api.ok(FULFIL, f=whole(await read(api, key))))["fulfillment"]
    for status in ("IN_TRANSIT", "DELIVERED"):
        await api.ok(EVENT, e={"fulfillmentId": made["id"], "status": status})
    body = await api.ok(
        "query($id: ID!) { fulfillment(id: $id) { displayStatus deliveredAt events(first: 5) { nodes { status } } } }", id=made["id"]
    )
    assert (body["displayStatus"], body["deliveredAt"]) == ("DELIVERED", "2026-11-27T12:00:00Z") and len(body["events"]["nodes"]) == 2
    assert (await api.look("orders"))[0]["phase"] == "delivered"
    update = """mutation($id: ID!) { fulfillmentTrackingInfoUpdate(fulfillmentId: $id, trackingInfoInput: {numbers: ["A", "B"]}) {
      fulfillment { trackingInfo { number } } userErrors { message } } }"""
    assert (await api.ok(update, id=made["id"]))["fulfillment"]["trackingInfo"] == [{"number": "A"}, {"number": "B"}]
    cancel = "mutation($id: ID!) { fulfillmentCancel(id: $id) { fulfillment { status } userErrors { message } } }"
    assert "delivered" in (await api.faulty(cancel, id=made["id"]))[0]["message"]


async def test_a_cancelled_fulfilment_is_to_be_sent_again(api: Any) -> None:
    await api.sellable()
    key = await api.sell()
    made = (await api.ok(FULFIL, f=whole(await read(api, key))))["fulfillment"]
    await api.ok("mutation($id: ID!) { fulfillmentCancel(id: $id) { userErrors { message } } }", id=made["id"])
    order = await read(api, key)
    assert order["displayFulfillmentStatus"] == "UNFULFILLED" and order["fulfillmentOrders"]["nodes"][0]["status"] == "OPEN"


async def test_what_is_held_is_not_sent(api: Any) -> None:
    await api.sellable()
    key = await api.sell()
    await api.control("progress", {"to": "held", "keys": [key]})
    order = await read(api, key)
    place = order["fulfillmentOrders"]["nodes"][0]
    assert (place["status"], order["displayFulfillmentStatus"], place["fulfillmentHolds"]) == (
        "ON_HOLD",
        "ON_HOLD",
        [{"reason": "HIGH_RISK_OF_FRAUD"}],
    )
    assert "on_hold" in (await api.faulty(FULFIL, f=whole(order)))[0]["message"]
    await api.control("progress", {"to": "released", "keys": [key]})
    await api.ok(FULFIL, f=whole(order))


# ---- editing ----


async def test_an_edit_changes_nothing_before_its_commit(api: Any) -> None:
    sku = await api.sellable(stock=10)
    key = await api.sell(items=[{"sku": "S1", "quantity": 3, "price": "100.00"}])
    edit = (await api.ok(BEGIN, id=key))["calculatedOrder"]
    [row] = edit["lineItems"]["nodes"]
    assert (row["quantity"], row["editableQuantity"]) == (3, 3)
    shown = (await api.ok(QUANTITY, id=edit["id"], l=row["id"], q=1, r=True))["calculatedOrder"]
    assert amount(shown["totalPriceSet"]) == "100.0"
    assert (await read(api, key))["lineItems"]["nodes"][0]["currentQuantity"] == 3
    await api.advance(60)
    await api.ok(COMMIT, id=edit["id"])
    order = await read(api, key)
    [line] = order["lineItems"]["nodes"]
    assert (line["quantity"], line["currentQuantity"], order["edited"]) == (3, 1, True)
    assert amount(order["totalPriceSet"]) == "300.0" and amount(order["currentTotalPriceSet"]) == "100.0"
    assert amount(order["totalOutstandingSet"]) == "-200.0" and amount(order["totalRefundedSet"]) == "0.0"  # nothing was given back
    assert order["fulfillmentOrders"]["nodes"][0]["lineItems"]["nodes"][0]["remainingQuantity"] == 1
    assert (await api.look("state"))[0]["stock"] == {api.main: 9}
    text = (
        "query($id: ID!) { order(id: $id) { agreements(first: 5) { nodes { reason sales(first: 5) { nodes { actionType quantity } } } } } }"
    )
    nodes = (await api.ok(text, id=key))["agreements"]["nodes"]
    assert [(one["reason"], one["sales"]["nodes"]) for one in nodes] == [
        ("ORDER", [{"actionType": "ORDER", "quantity": 3}]), ("ORDER_EDIT", [{"actionType": "UPDATE", "quantity": -2}]),
    ]  # fmt: skip
    assert "does not exist" in (await api.faulty(COMMIT, id=edit["id"]))[0]["message"]
    assert sku


async def test_a_variant_is_added(api: Any) -> None:
    await api.sellable("S1")
    other = await api.sellable("S2", price="30.00")
    key = await api.sell()
    edit = (await api.ok(BEGIN, id=key))["calculatedOrder"]["id"]
    text = """mutation($id: ID!, $v: ID!) { orderEditAddVariant(id: $id, variantId: $v, quantity: 2) {
      calculatedLineItem { sku quantity } userErrors { message } } }"""
    assert (await api.ok(text, id=edit, v=other["variant"]))["calculatedLineItem"] == {"sku": "S2", "quantity": 2}
    await api.ok(COMMIT, id=edit)
    order = await read(api, key)
    assert [(line["sku"], line["currentQuantity"]) for line in order["lineItems"]["nodes"]] == [("S1", 1), ("S2", 2)]
    assert (order["displayFinancialStatus"], amount(order["totalOutstandingSet"])) == ("PARTIALLY_PAID", "60.0")


async def test_only_what_is_not_sent_can_be_edited(api: Any) -> None:
    await api.sellable()
    key = await api.sell(items=[{"sku": "S1", "quantity": 2, "price": "100.00"}])
    order = await read(api, key)
    part = whole(order)
    part["lineItemsByFulfillmentOrder"][0]["fulfillmentOrderLineItems"] = [
        {"id": order["fulfillmentOrders"]["nodes"][0]["lineItems"]["nodes"][0]["id"], "quantity": 1}
    ]
    await api.ok(FULFIL, f=part)
    edit = (await api.ok(BEGIN, id=key))["calculatedOrder"]
    row = edit["lineItems"]["nodes"][0]
    assert (await api.faulty(QUANTITY, id=edit["id"], l=row["id"], q=0))[0]["message"] == "Fulfilled items cannot be removed."
    assert (await api.faulty(QUANTITY, id=edit["id"], l=row["id"], q=-1))[0]["field"] == ["quantity"]
    assert (await api.faulty(COMMIT, id=edit["id"]))[0]["message"] == "There are no changes to commit."
    await api.ok(FULFIL, f=whole(order))
    assert "no unfulfilled items" in (await api.faulty(BEGIN, id=key))[0]["message"]
    archived = await api.sell(2)
    await api.control("progress", {"to": "archived", "keys": [archived]})
    assert "archived" in (await api.faulty(BEGIN, id=archived))[0]["message"]


# ---- cancelling, refunds ----


async def test_a_cancellation_is_a_job(api: Any) -> None:
    await api.sellable(stock=10)
    key = await api.sell()
    job = (await api.ok(CANCEL, id=key))["job"]
    assert job["done"] is False and (await read(api, key))["cancelledAt"] is None
    assert (await api.faulty(CANCEL, id=key))[0]["code"] == "INVALID"  # one is under way
    assert [(await api.ok(JOB, id=job["id"]))["done"] for _ in range(2)] == [False, True]
    order = await read(api, key)
    assert (order["cancelReason"], order["displayFinancialStatus"], amount(order["totalRefundedSet"])) == ("INVENTORY", "REFUNDED", "100.0")
    assert order["refunds"][0]["refundLineItems"]["nodes"] == [{"quantity": 1, "restockType": "CANCEL", "lineItem": {"sku": "S1"}}]
    assert (await api.look("state"))[0]["stock"] == {api.main: 10}
    assert order["fulfillmentOrders"]["nodes"][0]["status"] == "CANCELLED"
    assert (await api.faulty(CANCEL, id=key))[0]["message"] == "Order has already been cancelled."
    assert (await api.look("orders"))[0]["phase"] == "cancelled"


async def test_a_cancellation_ends_by_itself_and_gives_back_only_if_asked(api: Any) -> None:
    await api.sellable(stock=10)
    key = await api.sell()
    await api.ok(CANCEL, id=key, r=False, s=False)
    await api.advance(5)
    order = await read(api, key)
    assert order["cancelledAt"] == "2026-11-27T12:00:05Z" and order["displayFinancialStatus"] == "PAID"
    assert (await api.look("state"))[0]["stock"] == {api.main: 9}


async def test_what_was_sent_or_taken_back_is_not_cancelled(api: Any) -> None:
    await api.sellable()
    key = await api.sell()
    job = (await api.ok(CANCEL, id=key))["job"]
    await api.ok(FULFIL, f=whole(await read(api, key)))  # meanwhile
    await api.advance(5)
    assert (await api.ok(JOB, id=job["id"]))["done"] and (await read(api, key))["cancelledAt"] is None
    [error] = await api.faulty(CANCEL, id=key)
    assert error["code"] == "INVALID" and "fulfillments" in error["message"]
    assert (await api.faulty(CANCEL, id="gid://shopify/Order/1"))[0]["code"] == "NOT_FOUND"


async def test_an_unpaid_order_is_voided(api: Any) -> None:
    await api.sellable()
    key = await api.sell(paid=False)
    await api.ok(CANCEL, id=key)
    await api.advance(5)
    assert (await read(api, key))["displayFinancialStatus"] == "VOIDED"


REFUND = """mutation($i: RefundInput!, $k: String!) { refundCreate(input: $i) @idempotent(key: $k) { refund { id }
  userErrors { field message } } }"""


async def test_a_refund_needs_a_key_and_lowers_the_quantity(api: Any) -> None:
    await api.sellable()
    key = await api.sell(items=[{"sku": "S1", "quantity": 2, "price": "100.00"}])
    line = (await read(api, key))["lineItems"]["nodes"][0]["id"]
    given = {
        "orderId": key, "refundLineItems": [{"lineItemId": line, "quantity": 1, "restockType": "CANCEL"}],
        "transactions": [{"orderId": key, "kind": "REFUND", "gateway": "Pix", "amount": "100.00"}],
    }  # fmt: skip
    text = REFUND.replace("@idempotent(key: $k) ", "").replace(", $k: String!", "")
    assert (await api.refused(text, i=given))["code"] == "BAD_REQUEST"
    first = await api.ok(REFUND, i=given, k="k")
    assert (await api.ok(REFUND, i=given, k="k")) == first
    order = await read(api, key)
    assert order["lineItems"]["nodes"][0]["currentQuantity"] == 1 and len(order["refunds"]) == 1
    assert (order["displayFinancialStatus"], amount(order["totalOutstandingSet"])) == ("PARTIALLY_REFUNDED", "0.0")
    given["transactions"][0]["amount"] = "500.00"
    assert "greater than the amount" in (await api.faulty(REFUND, i=given, k="l"))[0]["message"]


async def test_a_return_is_read(api: Any) -> None:
    await api.sellable()
    key = await api.sell()
    await api.ok(FULFIL, f=whole(await read(api, key)))
    await api.control("progress", {"to": "returned", "keys": [key]})
    text = """query($id: ID!) { order(id: $id) { returnStatus returns(first: 5) { nodes { name status totalQuantity
      returnLineItems(first: 5) { nodes { quantity ... on ReturnLineItem { fulfillmentLineItem { lineItem { sku } } } } }
      exchangeLineItems(first: 5) { nodes { quantity } } refunds(first: 5) { nodes { totalRefundedSet { shopMoney {
        amount } } } } } } } }"""
    body = await api.ok(text, id=key)
    [one] = body["returns"]["nodes"]
    assert (body["returnStatus"], one["status"], one["totalQuantity"]) == ("RETURNED", "CLOSED", 1)
    assert one["returnLineItems"]["nodes"] == [{"quantity": 1, "fulfillmentLineItem": {"lineItem": {"sku": "S1"}}}]
    assert amount(one["refunds"]["nodes"][0]["totalRefundedSet"]) == "100.0"


# ---- what a connector writes on an order ----


async def test_a_fiscal_document_is_a_metafield_of_the_order(api: Any) -> None:
    await api.sellable()
    key = await api.sell()
    note = "35" + "1" * 42
    row = {"ownerId": key, "namespace": "engate", "key": "nfe_key", "type": "single_line_text_field", "value": note}
    text = "mutation($m: [MetafieldsSetInput!]!) { metafieldsSet(metafields: $m) { userErrors { code message } } }"
    await api.advance(60)
    await api.ok(text, m=[row])
    [state] = await api.look("orders")
    assert (state["phase"], state["invoices"]) == ("invoiced", [note])
    assert (await read(api, key))["updatedAt"] == "2026-11-27T12:01:00Z"
    api.token = access.CATALOGUE_ONLY
    assert (await api.refused(text, m=[row]))["code"] == "ACCESS_DENIED"


async def test_order_update_replaces_tags_and_attributes(api: Any) -> None:
    await api.sellable()
    key = await api.sell()
    text = """mutation($i: OrderInput!) { orderUpdate(input: $i) { order { tags note customAttributes { key value } }
      userErrors { message } } }"""
    await api.ok(text, i={"id": key, "tags": ["a"], "customAttributes": [{"key": "k", "value": "v"}]})
    body = await api.ok(text, i={"id": key, "tags": ["b"], "note": "n", "localizedFields": [{"key": "TAX_CREDENTIAL_BR", "value": "1"}]})
    assert body["order"] == {"tags": ["b"], "note": "n", "customAttributes": [{"key": "k", "value": "v"}]}


# ---- the control protocol ----


async def test_test_orders_and_those_of_companies(api: Any) -> None:
    await api.sellable()
    key = await api.sell()
    for to in ("test", "company"):
        await api.control("progress", {"to": to, "keys": [key]})
    text = """query($id: ID!) { order(id: $id) { test paymentTerms { paymentTermsType dueInDays }
      purchasingEntity { ... on PurchasingCompany { company { externalId } location { taxSettings { taxRegistrationId } } } } } }"""
    body = await api.ok(text, id=key)
    assert body["test"] and body["paymentTerms"] == {"paymentTermsType": "NET", "dueInDays": 30}
    assert body["purchasingEntity"]["location"]["taxSettings"]["taxRegistrationId"] == "11222333000181"


async def test_a_buyer_cancels(api: Any) -> None:
    await api.sellable(stock=10)
    key = await api.sell()
    await api.control("cancel", {"keys": [key], "reason": "Desisti"})
    order = await read(api, key)
    assert (order["cancelReason"], order["displayFinancialStatus"]) == ("CUSTOMER", "REFUNDED")
    answer = await api.client.post("/_sandbox/cancel", json={"keys": [key], "reason": "x"})
    assert answer.status_code == 422 and "already been cancelled" in answer.text


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"items": [{"sku": "none", "quantity": 1, "price": "1.00"}]}, "no SKU none"),
        ({"items": [{"sku": "S1", "quantity": 1, "price": "1.00"}], "payments": [{"tag": "pix", "value": "2.00"}]}, "the payments are"),
        ({"shipping": "rocket"}, "no shipping"),
        ({"items": [{"sku": "S1", "quantity": 11, "price": "1.00"}]}, "there are 10"),
        ({"discount": "200.00", "payments": [{"tag": "pix", "value": "-100.00"}]}, "a discount of"),
        ({"items": [{"sku": "S1", "quantity": 0, "price": "1.00"}]}, "quantity"),
        ({"buyer": {**BUYER, "state_inscription": "110042490114"}}, "no place for a state inscription"),
    ],
)
async def test_sales_that_cannot_be(api: Any, fields: dict[str, Any], why: str) -> None:
    await api.sellable()
    answer = await api.client.post("/_sandbox/sell", json=[api.sale(**fields)])
    assert answer.status_code == 422 and why in answer.text
    assert await api.look("orders") == []


async def test_a_sale_of_another_channel(api: Any) -> None:
    await api.sellable()
    for number, channel in ((1, "pos"), (2, "")):
        key = await api.sell(number, channel=channel)
        told = await api.ok("query($id: ID!) { order(id: $id) { sourceName } }", id=key)
        assert told["sourceName"] == (channel or "web")


async def test_faults_of_order_operations_are_keyed_by_the_sale(api: Any) -> None:
    await api.sellable(stock=100)
    keys = {number: await api.sell(number) for number in range(1, 21)}
    await api.faults({"kind": "reset_applied", "operation": "POST graphql fulfillmentCreate", "rate": 0.4, "seed": 3})
    lost = set()
    for number, key in keys.items():
        order = await read(api, key)
        try:
            await api.ok(FULFIL, f=whole(order))
        except Exception:  # noqa: BLE001  # whatever the client calls a lost connection
            lost.add(number)
    ledger = await api.look("ledger")
    assert 0 < len(lost) < 20 and ledger["injected"] == {"reset_applied": len(lost)}
    assert all([(await read(api, key))["displayFulfillmentStatus"] == "FULFILLED" for key in keys.values()])
    assert ledger["writes"]["POST graphql fulfillmentCreate"] == 20
    assert ledger["effects"]["orders_created"] == 20
