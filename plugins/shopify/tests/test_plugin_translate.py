"""What needs no shop: documents and addresses of buyers, names, keys."""

from __future__ import annotations

from typing import Any

import pytest

from engate.model import Image, Order
from engate_shopify import translate, translate_orders

MONEY = {"shopMoney": {"amount": "10.0", "currencyCode": "BRL"}}
NOTHING = {"shopMoney": {"amount": "0.0", "currencyCode": "BRL"}}
LINE = {
    "id": "L", "name": "Café", "sku": "S1", "quantity": 2, "currentQuantity": 1, "variant": {"id": "V"},
    "originalUnitPriceSet": MONEY, "discountedUnitPriceSet": MONEY,
}  # fmt: skip


def read(**fields: Any) -> Order:
    raw: dict[str, Any] = {
        "id": "gid://shopify/Order/1", "createdAt": "2026-11-27T12:00:00Z", "updatedAt": "2026-11-27T12:00:00Z", "cancelledAt": None,
        
        "test": False, "tags": [], "sourceName": "web", "taxesIncluded": True, "email": None, "phone": None,
        "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "UNFULFILLED", "currentTotalPriceSet": MONEY, "currentShippingPriceSet": NOTHING,
        "currentTotalDiscountsSet": NOTHING, "currentTotalTaxSet": NOTHING, "totalRefundedSet": NOTHING, "paymentGatewayNames": ["Pix"],
        "shippingLine": None, "customAttributes": [], "customer": None, "billingAddress": None, "shippingAddress": None,
        "localizedFields": {"nodes": []}, "transactions": [], "fulfillmentOrders": {"nodes": []},
    }  # fmt: skip
    return translate_orders.order(raw | fields, [LINE])


def fields(**values: str) -> dict[str, Any]:
    return {"nodes": [{"key": key, "value": value} for key, value in values.items()]}


@pytest.mark.parametrize(
    ("raw", "document"),
    [
        ({"localizedFields": fields(TAX_CREDENTIAL_BR="529.982.247-25")}, "52998224725"),
        ({"localizedFields": fields(SHIPPING_CREDENTIAL_BR="52998224725")}, "52998224725"),
        ({"customAttributes": [{"key": "CPF", "value": "529.982.247-25"}]}, "52998224725"),
        ({"billingAddress": {"company": "11.222.333/0001-81"}}, "11222333000181"),
        ({"billingAddress": {"company": "Padaria Boa"}}, ""),
        ({"localizedFields": fields(TAX_CREDENTIAL_BR="111"), "customAttributes": [{"key": "cpf", "value": "52998224725"}]}, "52998224725"),
    ],
)
def test_where_a_document_can_stand(raw: dict[str, Any], document: str) -> None:
    buyer = read(**raw).buyer
    assert buyer.document == document and buyer.company is (len(document) == 14)


def test_an_orders_key_is_the_number_in_the_address_of_its_page() -> None:
    assert read().key == "1"
    assert translate_orders.gid(translate_orders.number("gid://shopify/Order/7900000000001?x=y")) == "gid://shopify/Order/7900000000001"


def test_what_an_edit_left_of_a_line_counts() -> None:
    order = read()
    assert order.items[0].quantity == 1 and order.total == order.items_total


def test_sums_that_disagree_are_not_made_to_fit() -> None:
    order = read(currentTotalPriceSet={"shopMoney": {"amount": "7.00", "currencyCode": "BRL"}})
    assert order.total != order.items_total + order.freight + order.interest - order.discount


@pytest.mark.parametrize(
    ("financial", "fulfilment", "state"),
    [
        ("PENDING", "UNFULFILLED", "awaiting_payment"), ("PARTIALLY_PAID", "UNFULFILLED", "awaiting_payment"),
        ("EXPIRED", "UNFULFILLED", "awaiting_payment"), ("AUTHORIZED", "UNFULFILLED", "held"), ("VOIDED", "UNFULFILLED", "held"),
        ("PAID", "ON_HOLD", "held"), ("PAID", "PARTIALLY_FULFILLED", "handling"), ("PARTIALLY_REFUNDED", "FULFILLED", "invoiced"),
        ("NEWWORD", "UNFULFILLED", "unknown"), ("PAID", "NEWWORD", "unknown"),
    ],
)  # fmt: skip
def test_states(financial: str, fulfilment: str, state: str) -> None:
    order = read(displayFinancialStatus=financial, displayFulfillmentStatus=fulfilment)
    assert (order.state, order.raw_state) == (state, f"{financial}/{fulfilment}")


def test_our_tag_says_that_the_erp_has_it() -> None:
    assert read(tags=["Engate"]).state == "handling"
    assert read(tags=["engate"], displayFinancialStatus="PENDING").state == "awaiting_payment"


def test_an_idempotency_key_is_of_the_decision_and_its_variables() -> None:
    keys = {translate.idempotency_key("set", rows, turns) for rows in ([1], [2]) for turns in ([1], [2])}
    assert len(keys) == 4 and translate.idempotency_key("set", [1], [1]) in keys


def test_a_file_is_known_by_the_images_key() -> None:
    first, moved = Image("S1/0", "S1", "https://a/b.PNG?v=1", "x"), Image("S1/0", "S1", "https://c/d.png", "x")
    assert translate.file_name(first) == translate.file_name(moved) != translate.file_name(Image("S1/1", "S1", "https://a/b.png", "x"))
