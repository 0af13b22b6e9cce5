"""Buyers' orders: placed and paid by the control protocol, as a checkout would."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from engate.testing.facts import Sale
from engate_shopify_sandbox import edits, orders
from engate_shopify_sandbox.ids import gid
from engate_shopify_sandbox.order import CENT, NONE, FulfillmentOrder, Line, Order, ShippingLine, SliceContext, Transaction
from engate_shopify_sandbox.shop import Shop
from engate_shopify_sandbox.things import Variant

FIRST_NUMBER = 1001
LATER = ("pix", "boleto")
"""Paid some time after the order: it starts PENDING."""
METHODS = {"pix": "pix", "boleto": "boleto_bancario", "voucher": "gift_card"}
CPF = 11


def whole(quantity: Any) -> int:
    if quantity < 1 or quantity % 1:
        raise ValueError(f"quantity {quantity}")
    return int(quantity)


def check(shop: Shop, sale: Sale, shippings: dict[str, tuple[str, str]], missing: Callable[[Variant], tuple[str, ...]]) -> None:
    """ValueError where it cannot be bought so."""
    where = f"sale {sale.number}"
    if not sale.items or not sale.payments:
        raise ValueError(f"{where}: needs items and payments")
    if sale.shipping not in shippings:
        raise ValueError(f"{where}: no shipping {sale.shipping}")
    total = sum((item.price * whole(item.quantity) + item.freight for item in sale.items), NONE) - sale.discount
    for item in sale.items:
        absent = missing(variant(shop, item.sku))
        if absent:
            raise ValueError(f"{where}: SKU {item.sku} cannot be bought: {', '.join(absent)}")
    items = sum((item.price * whole(item.quantity) for item in sale.items), NONE)
    if not 0 <= sale.discount <= items:
        raise ValueError(f"{where}: a discount of {sale.discount} on items of {items}")
    if sale.buyer.state_inscription:
        raise ValueError(f"{where}: an order has no place for a state inscription here")
    for payment in sale.payments:
        if payment.tag not in shop.settings.gateways:
            raise ValueError(f"{where}: no payment form {payment.tag}")
    paid = sum((payment.value for payment in sale.payments), NONE)
    if paid != total:
        raise ValueError(f"{where}: the payments are {paid}, the order is {total}")


def variant(shop: Shop, sku: str) -> Variant:
    found = shop.skus.get(sku.casefold(), [])
    if not found:
        raise ValueError(f"no SKU {sku}")
    return found[0]


def place(shop: Shop, sale: Sale, shipping: tuple[str, str]) -> Order:
    _refuse_short(shop, sale)
    shop.begin()
    placed_at = sale.placed_at or shop.now()
    number = FIRST_NUMBER + len(shop.all("Order"))
    order = Order(shop.new_id("Order"), number, sale.buyer, placed_at, shop.tell)
    order.now, order.sale = shop.now, sale.number
    order.customer_key = shop.customers.get(sale.buyer.email) or shop.new_id("Customer")
    shop.customers[sale.buyer.email] = order.customer_key
    order.address_key = shop.new_id("MailingAddress")
    order.discount = sale.discount
    order.channel = sale.channel or order.channel
    for item in sale.items:
        made = Line(shop.new_id("LineItem"), order, variant(shop, item.sku), whole(item.quantity), item.price)
        order.lines.append(shop.add(made))
    _spread(order)
    freight = sum((item.freight for item in sale.items), NONE)
    order.shipping.append(ShippingLine(shop.new_id("ShippingLine"), *shipping, freight))
    order.localized = _documents(sale)
    for line in order.lines:
        _route(shop, order, line)
    shop.add(order)
    for payment in sale.payments:
        _charge(shop, order, payment.tag, payment.value, paid=sale.paid)
    rows = [(line, line.quantity, line.total_of(line.quantity)) for line in order.lines]
    order.agreements.append(edits.agreement(shop, order, "OrderAgreement", "ORDER", rows))
    shop.tell("ORDERS_CREATE", order)
    if sale.paid:
        shop.tell("ORDERS_PAID", order)
    order.touch()
    return order


def _refuse_short(shop: Shop, sale: Sale) -> None:
    """A checkout sells no more than there is, where the variant says so."""
    wanted: dict[str, int] = {}
    for item in sale.items:
        one = variant(shop, item.sku)
        wanted[one.id] = wanted.get(one.id, 0) + whole(item.quantity)
        bound = one.inventory_item.tracked and one.inventory_policy == "DENY"
        if bound and wanted[one.id] > one.inventory_quantity:
            raise ValueError(f"sale {sale.number}: of SKU {item.sku} there are {one.inventory_quantity}")


def _spread(order: Order) -> None:
    """The order's discount over its lines by value; the cents that do not divide go to the first ones with room."""
    values = [line.price * line.quantity for line in order.lines]
    total = sum(values, NONE)
    for line, value in zip(order.lines, values, strict=True):
        line.discount = (order.discount * value / total).quantize(CENT, "ROUND_DOWN") if total else NONE
    left = order.discount - sum((line.discount for line in order.lines), NONE)
    for line, value in zip(order.lines, values, strict=True):
        extra = min(left, value - line.discount)
        line.discount += extra
        left -= extra


def _documents(sale: Sale) -> list[dict[str, Any]]:
    """With punctuation or without, as buyers type it: FACTS section 9."""
    document = sale.buyer.document
    if sale.number % 2 == 0:
        document = _punctuated(document)
    return [orders.localized(key, document) for key in ("TAX_CREDENTIAL_BR", "SHIPPING_CREDENTIAL_BR")]


def _punctuated(text: str) -> str:
    if len(text) == CPF:
        return f"{text[:3]}.{text[3:6]}.{text[6:9]}-{text[9:]}"
    return f"{text[:2]}.{text[2:5]}.{text[5:8]}/{text[8:12]}-{text[12:]}"


def _route(shop: Shop, order: Order, line: Line) -> None:
    """The first location that has all of it; else from each what it has; what is left over, from the first."""
    levels = list(line.variant.inventory_item.levels.values())
    left = line.quantity
    enough = [level for level in levels if level.available >= left]
    plan = [(enough[0], left)] if enough else []
    for level in levels if not plan else ():
        part = min(left - sum(taken for _, taken in plan), max(0, level.available))
        if part:
            plan.append((level, part))
    rest = left - sum(taken for _, taken in plan)
    if rest:
        plan.append((levels[0], rest))
    for level, part in plan:
        level.available -= part
        level.committed += part
        home = next((one for one in order.fulfillment_orders if one.location is level.location), None)
        if home is None:
            home = shop.add(FulfillmentOrder(shop.new_id("FulfillmentOrder"), order, level.location, shop.now()))
            order.fulfillment_orders.append(home)
        home.works.append(shop.add(SliceContext(shop.new_id("FulfillmentOrderLineItem"), line, part)))
        shop.tell("INVENTORY_LEVELS_UPDATE", level)


def _charge(shop: Shop, order: Order, tag: str, value: Decimal, *, paid: bool) -> None:
    gateway = shop.settings.gateways[tag]
    made = Transaction(shop.new_id("OrderTransaction"), order, "SALE", gateway, value)
    made.status = "SUCCESS" if paid else "PENDING"
    made.created_at = made.processed_at = order.created_at
    if tag.endswith("card"):
        made.payment_details = {
            "__typename": "CardPaymentDetails", "company": "Visa", "number": "•••• •••• •••• 1111", "name": order.buyer.name,
            "paymentMethodName": "card", "expirationMonth": 12, "expirationYear": 2030, "bin": "411111",
        }  # fmt: skip
    else:
        name = METHODS.get(tag, tag)
        made.payment_details = {"__typename": "LocalPaymentMethodsPaymentDetails", "paymentMethodName": name, "paymentDescriptor": None}
    order.transactions.append(shop.add(made))


def company_buys(order: Order, place_of: Any) -> None:
    """The order is a company's, on terms."""
    order.company = place_of
    order.terms = {
        "__typename": "PaymentTerms", "id": gid("PaymentTerms", order.legacy_resource_id), "due": False, "dueInDays": 30, "overdue": False,
        "paymentTermsName": "Net 30", "paymentTermsType": "NET",
    }  # fmt: skip
