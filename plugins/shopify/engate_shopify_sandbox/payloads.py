"""Bodies of webhooks: REST-shaped JSON, which knows less than GraphQL does; no CPF or CNPJ in it (FACTS sections 9 and 10)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from engate_shopify_sandbox.graph import show_instant, show_money
from engate_shopify_sandbox.ids import number_of
from engate_shopify_sandbox.order import Fulfillment, Line, Order, Refund
from engate_shopify_sandbox.orders import address, gateways
from engate_shopify_sandbox.shop import CURRENCY
from engate_shopify_sandbox.things import Level, Product

FULFILMENT = {"FULFILLED": "fulfilled", "PARTIALLY_FULFILLED": "partial"}


def _bag(amount: Decimal) -> dict[str, Any]:
    one = {"amount": show_money(amount), "currency_code": CURRENCY}
    return {"shop_money": one, "presentment_money": one}


def _stamp(value: Any) -> str | None:
    return show_instant(value) if value is not None else None


def _line(line: Line) -> dict[str, Any]:
    left = line.unfulfilled_quantity
    return {
        "id": number_of(line.id), "admin_graphql_api_id": line.id, "sku": line.sku, "title": line.title, "name": line.name,
        "variant_title": line.variant_title, "variant_id": number_of(line.variant.id), "product_id": number_of(line.product.id),
        "quantity": line.quantity, "current_quantity": line.current_quantity, "fulfillable_quantity": left, "vendor": line.vendor,
        "price": show_money(line.price), "price_set": _bag(line.price), "total_discount": "0.00", "requires_shipping": True,
        "taxable": True,
        "discount_allocations": [{"amount": show_money(line.discount), "amount_set": _bag(line.discount),
                                  "discount_application_index": 0}] if line.discount else [],
        "fulfillment_status": None if left == line.current_quantity else "partial" if left else "fulfilled", "properties": [],
        "tax_lines": [],
    }  # fmt: skip


def _rest_address(order: Order) -> dict[str, Any]:
    shown = address(order)
    return {
        "first_name": shown["firstName"], "last_name": shown["lastName"], "name": shown["name"], "company": shown["company"],
        "address1": shown["address1"], "address2": shown["address2"], "city": shown["city"], "province": shown["province"],
        "province_code": shown["provinceCode"], "country": shown["country"], "country_code": "BR", "zip": shown["zip"],
        "phone": shown["phone"],
    }  # fmt: skip


def order(source: Order, *, protected: bool) -> dict[str, Any]:
    """`protected`: the app may see who bought."""
    buyer = source.buyer
    return {
        "id": number_of(source.id), "admin_graphql_api_id": source.id, "name": source.name, "order_number": source.number,
        "number": source.number - 1000, "created_at": _stamp(source.created_at), "updated_at": _stamp(source.updated_at),
        "processed_at": _stamp(source.processed_at), "cancelled_at": _stamp(source.cancelled_at), "closed_at": _stamp(source.closed_at),
        "cancel_reason": source.cancel_reason.lower() if source.cancel_reason else None, "test": source.test, "currency": CURRENCY,
        "financial_status": source.display_financial_status.lower(),
        "fulfillment_status": FULFILMENT.get(source.display_fulfillment_status), "note": source.note, "tags": ", ".join(source.tags),
        "note_attributes": [{"name": one["key"], "value": one["value"]} for one in source.custom_attributes],
        "payment_gateway_names": gateways(source), "source_name": source.channel, "confirmed": True,
        "email": buyer.email if protected else None, "phone": buyer.phone if protected else None,
        "subtotal_price": show_money(source.subtotal), "total_price": show_money(source.total), "total_price_set": _bag(source.total),
        "current_total_price": show_money(source.current_total), "current_subtotal_price": show_money(source.current_subtotal),
        "total_discounts": show_money(source.discount), "total_outstanding": show_money(source.outstanding), "total_tax": "0.00",
        "total_shipping_price_set": _bag(source.freight),
        "customer": {"id": number_of(source.customer_key), "email": buyer.email, "first_name": buyer.name.partition(" ")[0],
                     "last_name": buyer.name.partition(" ")[2]} if protected else None,
        "shipping_address": _rest_address(source) if protected else None, "billing_address": _rest_address(source) if protected else None,
        "line_items": [_line(line) for line in source.lines],
        "shipping_lines": [{"id": number_of(one.id), "code": one.code, "title": one.title, "price": show_money(one.price)}
                           for one in source.shipping],
        "fulfillments": [fulfillment(one) for one in source.fulfillments], "refunds": [refund(one) for one in source.refunds],
    }  # fmt: skip


def fulfillment(source: Fulfillment) -> dict[str, Any]:
    numbers = [row["number"] for row in source.tracking if row["number"]]
    urls = [row["url"] for row in source.tracking if row["url"]]
    return {
        "id": number_of(source.id), "admin_graphql_api_id": source.id, "order_id": number_of(source.order.id), "name": source.name,
        "status": source.status.lower(), "shipment_status": source.display_status.lower() if source.events else None,
        "created_at": _stamp(source.created_at), "updated_at": _stamp(source.updated_at), "location_id": number_of(source.location.id),
        "tracking_company": source.tracking[0]["company"] if source.tracking else None, "tracking_number": numbers[0] if numbers else None,
        "tracking_numbers": numbers, "tracking_url": urls[0] if urls else None, "tracking_urls": urls,
        "line_items": [{**_line(line), "quantity": quantity} for line, quantity in source.lines],
    }  # fmt: skip


def refund(source: Refund) -> dict[str, Any]:
    return {
        "id": number_of(source.id), "admin_graphql_api_id": source.id, "order_id": number_of(source.order.id),
        "created_at": _stamp(source.created_at), "processed_at": _stamp(source.processed_at), "note": source.note,
        "refund_line_items": [
            {"id": number_of(row["id"]), "line_item_id": number_of(row["lineItem"].id), "quantity": row["quantity"],
             "restock_type": row["restockType"].lower(), "subtotal": show_money(row["subtotalSet"]["shopMoney"]["amount"])}
            for row in source.rows
        ],
        "transactions": [
            {"id": number_of(one.id), "kind": "refund", "status": "success", "gateway": one.gateway, "amount": show_money(one.amount)}
            for one in source.payments
        ],
    }  # fmt: skip


def edit(source: Any) -> dict[str, Any]:
    """Of an edit: its own id, the order's beside it; what was added and taken away."""
    changed, key, moved = source

    def rows(sign: int) -> list[dict[str, int]]:
        return [{"id": number_of(line.id), "delta": delta * sign} for line, delta in moved if delta * sign > 0]

    body: dict[str, Any] = {
        "id": number_of(key), "app_id": None, "order_id": number_of(changed.id), "created_at": _stamp(changed.now()),
        "notify_customer": False,
        "staff_note": "", "line_items": {"additions": rows(1), "removals": rows(-1)},
        "discounts": {"line_item": {"additions": [], "removals": []}}, "shipping_lines": {"additions": [], "removals": []},
    }  # fmt: skip
    return {"order_edit": body}


def product(source: Product) -> dict[str, Any]:
    return {
        "id": number_of(source.id), "admin_graphql_api_id": source.id, "title": source.title, "handle": source.handle,
        "vendor": source.vendor,
        "product_type": source.product_type, "status": source.status.lower(), "tags": ", ".join(source.tags),
        "body_html": source.description_html, "created_at": _stamp(source.created_at), "updated_at": _stamp(source.updated_at),
        "published_at": _stamp(source.published_at),
        "variants": [
            {"id": number_of(one.id), "product_id": number_of(source.id), "sku": one.sku, "barcode": one.barcode, "title": one.title,
             "price": show_money(one.price), "inventory_item_id": number_of(one.inventory_item.id),
             "inventory_quantity": one.inventory_quantity}
            for one in source.variants
        ],
    }  # fmt: skip


def level(source: Level) -> dict[str, Any]:
    return {
        "inventory_item_id": number_of(source.item.id), "location_id": number_of(source.location.id), "available": source.available,
        "updated_at": _stamp(source.updated_at), "admin_graphql_api_id": source.id,
    }  # fmt: skip


def bulk(source: Any) -> dict[str, Any]:
    return {
        "admin_graphql_api_id": source.id, "completed_at": _stamp(source.completed_at), "created_at": _stamp(source.created_at),
        "error_code": source.error_code.lower() if source.error_code else None, "status": source.state.lower(),
        "type": source.type.lower(),
    }  # fmt: skip


_BY_PREFIX: tuple[tuple[str, Callable[[Any], dict[str, Any]]], ...] = (
    ("ORDERS_EDITED", edit), ("REFUNDS_", refund), ("FULFILLMENTS_", fulfillment), ("PRODUCTS_", product), ("INVENTORY_LEVELS_", level),
    ("BULK_", bulk),
)  # fmt: skip


def of(topic: str, source: Any, *, protected: bool) -> dict[str, Any]:
    for prefix, build in _BY_PREFIX:
        if topic.startswith(prefix):
            return build(source)
    return order(source, protected=protected)


def sale_of(topic: str, source: Any) -> int | None:
    """The number of the sale that an event concerns: what its faults are keyed by."""
    if topic == "ORDERS_EDITED":
        return source[0].sale
    owner = source if isinstance(source, Order) else getattr(source, "order", None)
    return owner.sale if isinstance(owner, Order) else None
