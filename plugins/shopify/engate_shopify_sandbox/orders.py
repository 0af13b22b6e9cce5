"""Reading orders (FACTS sections 8 and 9), and the writes that change little: notes, tags, payment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from engate_shopify_sandbox import metafields
from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.errors import Invalid, user_error
from engate_shopify_sandbox.order import NONE, FulfillmentOrder, Line, Order, ShippingLine, Transaction, bag
from engate_shopify_sandbox.paging import ordered, page
from engate_shopify_sandbox.products import count
from engate_shopify_sandbox.registry import Answers, Resolver, field, mutation, query
from engate_shopify_sandbox.search import Fields, matcher
from engate_shopify_sandbox.shop import CURRENCY, Shop

OLD = timedelta(days=60)
STATES = {"AC": "Acre", "BA": "Bahia", "MG": "Minas Gerais", "PR": "Paraná", "RJ": "Rio de Janeiro", "RS": "Rio Grande do Sul",
          "SC": "Santa Catarina", "SP": "São Paulo"}  # fmt: skip


# ---- finding ----


def visible(context: Context, order: Order) -> bool:
    """Orders older than 60 days ask a scope of their own, and are left out without it."""
    return order.created_at > context.shop.now() - OLD or context.token.may("read_all_orders")


def listed_stamp(shop: Shop, order: Order) -> Any:
    """The stamp as the index knows it: it may be late. None: not indexed yet."""
    until = shop.now() - timedelta(seconds=shop.settings.index_delay)
    return max((stamp for stamp in order.stamps if stamp <= until), default=None)


def _state(order: Order) -> list[str]:
    state = "cancelled" if order.cancelled_at else "closed" if order.closed_at else "open"
    return [state, "any", *(["not_closed"] if state == "open" else [])]


def _fields(shop: Shop) -> Fields:
    return {
        "id": lambda one: one.legacy_resource_id, "name": lambda one: [one.name, str(one.number)],
        "created_at": lambda one: one.created_at, "processed_at": lambda one: one.processed_at,
        "updated_at": lambda one: listed_stamp(shop, one), "status": _state, "test": lambda one: str(one.test),
        "financial_status": lambda one: one.display_financial_status, "fulfillment_status": lambda one: one.display_fulfillment_status,
        "tag": lambda one: one.tags, "email": lambda one: one.buyer.email, "sku": lambda one: [line.sku for line in one.lines],
        "gateway": gateways, "source_name": lambda one: one.channel, "return_status": lambda one: one.return_status,
    }  # fmt: skip


def _search(context: Context, text: str | None) -> list[Order]:
    shop = context.shop
    matches = matcher(text, _fields(shop), lambda one: f"{one.name} {one.buyer.email} {one.buyer.name}")
    return [one for one in shop.all("Order") if listed_stamp(shop, one) and visible(context, one) and matches(one)]


@query("orders")
def orders(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    shop = context.shop
    sorts: Answers = {
        "UPDATED_AT": lambda one: listed_stamp(shop, one), "CREATED_AT": lambda one: one.created_at, "ORDER_NUMBER": lambda one: one.number,
        "ID": lambda one: one.legacy_resource_id, "TOTAL_PRICE": lambda one: one.total,
    }  # fmt: skip
    key = sorts.get(args.get("sortKey", "PROCESSED_AT"), lambda one: one.processed_at)
    found = ordered(_search(context, args.get("query")), key)
    return page(found, args, shop.settings.pages_reach)


@query("ordersCount")
def orders_count(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    return count(len(_search(context, args.get("query"))), args, context.shop.settings.pages_reach)


@query("order")
def order(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    found = context.shop.find(args["id"], "Order")
    return found if found is not None and visible(context, found) else None


@query("orderByIdentifier")
def order_by_identifier(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return metafields.identified(context.shop, args["identifier"], "Order", "ORDER")


# ---- money ----

SUMS: Answers = {
    "subtotalPriceSet": lambda one: one.subtotal, "totalPriceSet": lambda one: one.total, "originalTotalPriceSet": lambda one: one.total,
    "totalShippingPriceSet": lambda one: one.freight, "totalTaxSet": lambda one: NONE, "totalDiscountsSet": lambda one: one.discount,
    "totalOutstandingSet": lambda one: one.outstanding, "totalReceivedSet": lambda one: one.received,
    "totalRefundedSet": lambda one: one.refunded, "totalRefundedShippingSet": lambda one: one.freight - one.current_freight,
    "netPaymentSet": lambda one: one.received - one.refunded, "currentSubtotalPriceSet": lambda one: one.current_subtotal,
    "currentTotalPriceSet": lambda one: one.current_total, "currentTotalDiscountsSet": lambda one: one.current_discount,
    "currentTotalTaxSet": lambda one: NONE, "currentShippingPriceSet": lambda one: one.current_freight,
    "totalTipReceivedSet": lambda one: NONE, "cartDiscountAmountSet": lambda one: one.discount,
    "currentCartDiscountAmountSet": lambda one: one.current_discount,
}  # fmt: skip
LINE_SUMS: Answers = {
    "originalUnitPriceSet": lambda one: one.price, "originalTotalSet": lambda one: one.price * one.quantity,
    "discountedUnitPriceSet": lambda one: one.price, "discountedTotalSet": lambda one: one.price * one.quantity,
    "discountedUnitPriceAfterAllDiscountsSet": lambda one: one.unit_after_discounts, "totalDiscountSet": lambda one: NONE,
    "unfulfilledOriginalTotalSet": lambda one: one.price * one.unfulfilled_quantity,
    "unfulfilledDiscountedTotalSet": lambda one: one.price * one.unfulfilled_quantity,
}  # fmt: skip
"""An order's discount is no discount of the line: only `discountAllocations` and the price after all discounts know of it."""
SHIPPING_SUMS: Answers = {
    "originalPriceSet": lambda one: one.price, "discountedPriceSet": lambda one: one.price,
    "currentDiscountedPriceSet": lambda one: one.price - one.refunded,
}  # fmt: skip


def _sums(kind: str, sums: dict[str, Any]) -> None:
    for name, read in sums.items():
        field(f"{kind}.{name}")(lambda context, source, args, read=read: bag(read(source)))


_sums("Order", SUMS)
_sums("LineItem", LINE_SUMS)
_sums("ShippingLine", SHIPPING_SUMS)


# ---- fields of an order ----


def gateways(source: Order) -> list[str]:
    return list(dict.fromkeys(one.gateway for one in source.transactions))


SIMPLE: Answers = {
    "cancellation": lambda one: {"staffNote": one.staff_note} if one.cancelled_at else None,
    "closed": lambda one: one.closed_at is not None,
    "confirmed": lambda one: True, "confirmationNumber": lambda one: f"{one.number:09X}", "sourceName": lambda one: one.channel,
    "sourceIdentifier": lambda one: None, "currencyCode": lambda one: CURRENCY, "presentmentCurrencyCode": lambda one: CURRENCY,
    "fullyPaid": lambda one: one.received >= one.current_total, "unpaid": lambda one: not one.received,
    "fulfillable": lambda one: any(line.unfulfilled_quantity for line in one.lines) and not one.cancelled_at,
    "refundable": lambda one: one.received > one.refunded, "taxesIncluded": lambda one: True, "taxLines": lambda one: [],
    "currentSubtotalLineItemsQuantity": lambda one: sum(line.current_quantity for line in one.lines),
    "subtotalLineItemsQuantity": lambda one: sum(line.quantity for line in one.lines),
    "discountCodes": lambda one: ["DESCONTO"] if one.discount else [], "paymentGatewayNames": gateways,
    "paymentTerms": lambda one: one.terms, "shippingLine": lambda one: one.shipping[0] if one.shipping else None,
    "fulfillmentsCount": lambda one: {"count": len(one.fulfillments), "precision": "EXACT"},
    "transactionsCount": lambda one: {"count": len(one.transactions), "precision": "EXACT"},
    "risk": lambda one: {"recommendation": "NONE", "assessments": []}, "retailLocation": lambda one: None,
    "canMarkAsPaid": lambda one: not one.cancelled_at and one.outstanding > 0,
}  # fmt: skip
for _name, _read in SIMPLE.items():
    field(f"Order.{_name}")(lambda context, source, args, read=_read: read(source))


def _protected(what: str, read: Callable[[Order], Any]) -> Resolver:
    def resolver(context: Context, source: Order, args: dict[str, Any]) -> Any:
        context.need_protected_data(what)
        return read(source)

    return resolver


field("Order.email")(_protected("Order", lambda one: one.buyer.email))
field("Order.phone")(_protected("Order", lambda one: one.buyer.phone))


def address(source: Order) -> dict[str, Any]:
    """Brazil: street and number in the first line, complement and district in the second."""
    buyer = source.buyer
    first, _, last = buyer.name.partition(" ")
    zip_code = f"{buyer.zip_code[:5]}-{buyer.zip_code[5:]}" if len(buyer.zip_code) == len("01001000") else buyer.zip_code
    second = ", ".join(part for part in (buyer.complement, buyer.district) if part)
    return {
        "__typename": "MailingAddress", "id": f"{source.address_key}?model_name=Address", "name": buyer.name, "firstName": first,
        "lastName": last, "company": buyer.name if len(buyer.document) > len("52998224725") else None,
        "address1": f"{buyer.street}, {buyer.number}", "address2": second or None, "city": buyer.city,
        "province": STATES.get(buyer.state, buyer.state), "provinceCode": buyer.state, "country": "Brazil", "countryCodeV2": "BR",
        "zip": zip_code, "phone": buyer.phone,
        "formatted": [f"{buyer.street}, {buyer.number}", second, f"{buyer.city} {buyer.state}", zip_code, "Brazil"],
    }  # fmt: skip


for _name in ("shippingAddress", "billingAddress", "displayAddress"):
    field(f"Order.{_name}")(_protected("MailingAddress", address))


@field("Order.customer")
def customer(context: Context, source: Order, args: dict[str, Any]) -> dict[str, Any]:
    del args
    context.need_scope("customer", "read_customers")
    context.need_protected_data("Customer")
    first, _, last = source.buyer.name.partition(" ")
    return {
        "__typename": "Customer", "id": source.customer_key, "firstName": first, "lastName": last, "displayName": source.buyer.name,
        "defaultEmailAddress": {"emailAddress": source.buyer.email}, "defaultPhoneNumber": {"phoneNumber": source.buyer.phone},
        "legacyResourceId": source.customer_key.rpartition("/")[2], "note": None, "tags": [], "createdAt": source.created_at,
        "updatedAt": source.created_at, "verifiedEmail": True,
    }  # fmt: skip


@field("Order.purchasingEntity")
def purchasing_entity(context: Context, source: Order, args: dict[str, Any]) -> Any:
    if source.company is None:
        return customer(context, source, args)
    return {"__typename": "PurchasingCompany", "company": source.company.company, "location": source.company}


@field("Order.localizedFields")
def localized_fields(context: Context, source: Order, args: dict[str, Any]) -> Any:
    context.need_protected_data("LocalizedField")
    return page(source.localized, args)


@field("Order.lineItems")
def line_items(context: Context, source: Order, args: dict[str, Any]) -> Any:
    del context
    return page(source.lines, args)


@field("Order.shippingLines")
def shipping_lines(context: Context, source: Order, args: dict[str, Any]) -> Any:
    del context
    return page(source.shipping, args)


@field("Order.transactions")
def transactions(context: Context, source: Order, args: dict[str, Any]) -> list[Transaction]:
    del context
    return source.transactions[: args.get("first") or None]


@field("Order.refunds")
def refunds(context: Context, source: Order, args: dict[str, Any]) -> list[Any]:
    del context
    return source.refunds[: args.get("first") or None]


@field("Order.fulfillments")
def fulfillments(context: Context, source: Order, args: dict[str, Any]) -> list[Any]:
    del context
    return source.fulfillments[: args.get("first") or None]


@field("Order.fulfillmentOrders")
def fulfillment_orders(context: Context, source: Order, args: dict[str, Any]) -> Any:
    """Only those of locations that the app may serve."""
    if not any(context.token.may(scope) for scope in ("read_merchant_managed_fulfillment_orders", "read_assigned_fulfillment_orders",
                                                       "read_third_party_fulfillment_orders")):  # fmt: skip
        return page([], args)
    return page(source.fulfillment_orders, args)


@field("Order.returns")
def returns(context: Context, source: Order, args: dict[str, Any]) -> Any:
    context.need_scope("returns", "read_returns")
    return page(source.returns, args)


@field("Order.agreements")
def agreements(context: Context, source: Order, args: dict[str, Any]) -> Any:
    del context
    return page(source.agreements, args)


@field("OrderAgreement.sales", "OrderEditAgreement.sales")
def sales(context: Context, source: dict[str, Any], args: dict[str, Any]) -> Any:
    del context
    return page(source["sales"], args)


# ---- fields of a line, of shipping ----


@field("LineItem.discountAllocations")
def allocations(context: Context, source: Line, args: dict[str, Any]) -> list[dict[str, Any]]:
    del context, args
    return [{"allocatedAmountSet": bag(source.discount)}] if source.discount else []


@field("LineItem.taxLines", "ShippingLine.taxLines", "ShippingLine.discountAllocations")
def nothing(context: Context, source: Any, args: dict[str, Any]) -> list[Any]:
    del context, source, args
    return []


SHIPPING_SIMPLE = {"source": "shopify", "custom": False, "carrierIdentifier": None, "deliveryCategory": None, "phone": None}
for _name, _value in SHIPPING_SIMPLE.items():
    field(f"ShippingLine.{_name}")(lambda context, source, args, value=_value: value)


@field("ShippingLine.isRemoved")
def removed(context: Context, source: ShippingLine, args: dict[str, Any]) -> bool:
    del context, args
    return bool(source.price) and source.refunded >= source.price


# ---- small writes ----


@mutation("orderUpdate")
def update(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    """Note, tags and attributes are replaced whole."""
    shop, given = context.shop, args["input"]
    found = shop.find(given["id"], "Order")
    if found is None:
        raise Invalid(user_error("id", "Order does not exist"))
    for index, one in enumerate(given.get("metafields") or ()):
        metafields.check(shop, found, one, ["input", "metafields", str(index)])
    for name, attribute in (("note", "note"), ("tags", "tags"), ("customAttributes", "custom_attributes"), ("poNumber", "po_number")):
        if name in given:
            setattr(found, attribute, given[name])
    for one in given.get("localizedFields") or ():
        held = [row for row in found.localized if row["key"] != one["key"]]
        found.localized = [*held, localized(one["key"], one["value"])]
    metafields.put_all(shop, found, given.get("metafields"), "input.metafields")
    found.touch()
    return {"order": found}


def localized(key: str, value: str) -> dict[str, Any]:
    purpose = "TAX" if key.startswith("TAX") else "SHIPPING"
    return {"key": key, "countryCode": "BR", "purpose": purpose, "title": "CPF/CNPJ", "value": value}


@mutation("orderMarkAsPaid")
def mark_as_paid(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    shop = context.shop
    found: Order | None = shop.find(args["input"]["id"], "Order")
    if found is None:
        raise Invalid(user_error("id", "Order does not exist"))
    if found.cancelled_at or found.outstanding <= 0:
        raise Invalid(user_error("id", "Order cannot be marked as paid."))
    pay(shop, found)
    return {"order": found}


def pay(shop: Shop, source: Order) -> None:
    """What is open is received: each authorised or pending payment, or the rest by hand."""
    waiting = [(one, "CAPTURE") for one in source.uncaptured] + [(one, "SALE") for one in source.transactions if one.status == "PENDING"]
    for one, kind in waiting:
        made = Transaction(shop.new_id("OrderTransaction"), source, kind, one.gateway, one.amount)
        made.parent_transaction, made.payment_details = one, one.payment_details
        if kind == "SALE":
            one.status = "UNKNOWN"
        source.transactions.append(shop.add(made))
    if not waiting:
        made = Transaction(shop.new_id("OrderTransaction"), source, "SALE", "manual", source.outstanding)
        source.transactions.append(shop.add(made))
    source.expired = False
    source.tell("ORDERS_PAID", source)
    source.touch()


def authorise(source: Order) -> None:
    """What was pending is promised by the bank and not yet taken."""
    for one in source.transactions:
        if one.status == "PENDING":
            one.kind, one.status = "AUTHORIZATION", "SUCCESS"
    source.touch()


def hold(source: FulfillmentOrder, reason: str, key: str) -> None:
    words = reason.replace("_", " ").capitalize()
    source.holds.append(
        {"__typename": "FulfillmentHold", "id": key, "reason": reason, "reasonNotes": None, "displayReason": words, "handle": None}
    )
