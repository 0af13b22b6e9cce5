"""An order and what belongs to it: lines, payments, fulfilment orders, fulfilments, refunds. Sums are exact in cents (FACTS section 8)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from engate.testing.facts import Buyer
from engate_shopify_sandbox.ids import number_of
from engate_shopify_sandbox.shop import CURRENCY
from engate_shopify_sandbox.things import Location, Owner, Variant

CENT = Decimal("0.01")
NONE = Decimal(0)


def money(amount: Decimal) -> dict[str, Any]:
    return {"amount": amount, "currencyCode": CURRENCY}


def bag(amount: Decimal) -> dict[str, Any]:
    """The shop's currency and the buyer's are the same here."""
    return {"shopMoney": money(amount), "presentmentMoney": money(amount)}


class Line:
    """`quantity` as sold, `current_quantity` after edits and refunds; `discount`: the order's discount on the whole line as sold."""

    typename = "LineItem"

    def __init__(self, key: str, order: Order, variant: Variant, quantity: int, price: Decimal) -> None:
        self.id, self.order, self.variant = key, order, variant
        self.sku, self.title, self.variant_title = variant.sku, variant.product.title, variant.title
        self.vendor = variant.product.vendor
        self.quantity = self.current_quantity = quantity
        self.price = price
        self.discount = NONE
        self.refunded = 0
        self.requires_shipping = self.taxable = self.restockable = True
        self.is_gift_card = False
        self.custom_attributes: list[dict[str, Any]] = []
        self.non_fulfillable_quantity = 0

    @property
    def name(self) -> str:
        return self.title if self.variant_title == "Default Title" else f"{self.title} - {self.variant_title}"

    @property
    def product(self) -> Any:
        return self.variant.product

    @property
    def fulfilled(self) -> int:
        return sum(quantity for one in self.order.fulfillments if one.status == "SUCCESS" for line, quantity in one.lines if line is self)

    @property
    def unfulfilled_quantity(self) -> int:
        return max(0, self.current_quantity - self.fulfilled)

    @property
    def refundable_quantity(self) -> int:
        return self.current_quantity

    @property
    def merchant_editable(self) -> bool:
        return self.unfulfilled_quantity > 0 and self.order.merchant_editable

    def discount_of(self, quantity: int) -> Decimal:
        """What the order's discount takes off so many of it; what does not divide stays with the last ones."""
        if not self.quantity:
            return NONE
        return (self.discount * quantity / self.quantity).quantize(CENT, ROUND_HALF_UP)

    def total_of(self, quantity: int) -> Decimal:
        return self.price * quantity - self.discount_of(quantity)

    @property
    def unit_after_discounts(self) -> Decimal:
        """Rounded to cents: times the quantity it need not be the line's total."""
        return (self.total_of(self.quantity) / self.quantity).quantize(CENT, ROUND_HALF_UP) if self.quantity else NONE


class ShippingLine:
    typename = "ShippingLine"

    def __init__(self, key: str, code: str, title: str, price: Decimal) -> None:
        self.id, self.code, self.title, self.price = key, code, title, price
        self.refunded = NONE


class Transaction:
    typename = "OrderTransaction"

    def __init__(self, key: str, order: Order, kind: str, gateway: str, amount: Decimal) -> None:
        self.id, self.order, self.kind, self.gateway, self.amount = key, order, kind, gateway, amount
        self.status = "SUCCESS"
        self.created_at = self.processed_at = order.now()
        self.test = order.test
        self.parent_transaction: Transaction | None = None
        self.authorization_expires_at: datetime | None = None
        self.error_code: str | None = None
        self.payment_details: dict[str, Any] | None = None
        self.manual_payment_gateway = False

    @property
    def formatted_gateway(self) -> str:
        return self.gateway.replace("_", " ").title()

    @property
    def payment_id(self) -> str:
        return f"{self.order.name}.{self.order.transactions.index(self) + 1}"

    @property
    def amount_set(self) -> dict[str, Any]:
        return bag(self.amount)


class SliceContext:
    """A line of a fulfilment order."""

    typename = "FulfillmentOrderLineItem"

    def __init__(self, key: str, line: Line, quantity: int) -> None:
        self.id, self.line_item = key, line
        self.total_quantity = self.remaining_quantity = quantity

    @property
    def inventory_item_id(self) -> str:
        return self.line_item.variant.inventory_item.id

    @property
    def variant(self) -> Variant:
        return self.line_item.variant

    @property
    def sku(self) -> str | None:
        return self.line_item.sku

    @property
    def product_title(self) -> str:
        return self.line_item.title

    @property
    def variant_title(self) -> str:
        return self.line_item.variant_title

    @property
    def vendor(self) -> str:
        return self.line_item.vendor

    @property
    def requires_shipping(self) -> bool:
        return True


class FulfillmentOrder:
    typename = "FulfillmentOrder"

    def __init__(self, key: str, order: Order, location: Location, now: datetime) -> None:
        self.id, self.order, self.location = key, order, location
        self.created_at = self.updated_at = self.fulfill_at = now
        self.fulfill_by = None
        self.works: list[SliceContext] = []
        self.holds: list[dict[str, Any]] = []
        self.cancelled = False
        self.request_status = "UNSUBMITTED"

    @property
    def status(self) -> str:
        if self.cancelled:
            return "CANCELLED"
        if not any(work.remaining_quantity for work in self.works):
            return "CLOSED"
        if self.holds:
            return "ON_HOLD"
        begun = any(work.remaining_quantity < work.total_quantity for work in self.works)
        return "IN_PROGRESS" if begun else "OPEN"

    @property
    def fulfillment_holds(self) -> list[dict[str, Any]]:
        return self.holds

    @property
    def order_id(self) -> str:
        return self.order.id

    @property
    def order_name(self) -> str:
        return self.order.name


class Fulfillment:
    typename = "Fulfillment"

    def __init__(self, key: str, order: Order, location: Location, lines: list[tuple[Line, int]], now: datetime) -> None:
        self.id, self.order, self.location, self.lines = key, order, location, lines
        self.created_at = self.updated_at = now
        self.status = "SUCCESS"
        self.display_status = "FULFILLED"
        self.tracking: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.works: list[tuple[FulfillmentOrder, SliceContext, int]] = []
        self.delivered_at: datetime | None = None
        self.in_transit_at: datetime | None = None
        self.estimated_delivery_at: datetime | None = None
        self.name = f"{order.name}-F{len(order.fulfillments) + 1}"
        self.requires_shipping = True

    @property
    def legacy_resource_id(self) -> int:
        return number_of(self.id)

    @property
    def total_quantity(self) -> int:
        return sum(quantity for _, quantity in self.lines)


class Refund:
    typename = "Refund"

    def __init__(self, key: str, order: Order, note: str | None, now: datetime) -> None:
        self.id, self.order, self.note = key, order, note
        self.created_at = self.updated_at = self.processed_at = now
        self.rows: list[dict[str, Any]] = []
        self.payments: list[Transaction] = []
        self.of_return: Return | None = None

    @property
    def legacy_resource_id(self) -> int:
        return number_of(self.id)

    @property
    def total(self) -> Decimal:
        return sum((one.amount for one in self.payments if one.status == "SUCCESS"), NONE)


class Return:
    typename = "Return"

    def __init__(self, key: str, order: Order, rows: list[tuple[Fulfillment, Line, int]], now: datetime) -> None:
        self.id, self.order, self.rows = key, order, rows
        self.created_at, self.closed_at = now, None
        self.status = "OPEN"
        self.name = f"{order.name}-R{len(order.returns) + 1}"
        self.refunds: list[Refund] = []
        self.exchanges: list[dict[str, Any]] = []

    @property
    def total_quantity(self) -> int:
        return sum(quantity for _, _, quantity in self.rows)


class Order(Owner):
    typename = "Order"

    def __init__(self, key: str, number: int, buyer: Buyer, placed_at: datetime, tell: Callable[[str, Any], None]) -> None:
        super().__init__(key, placed_at)
        self.processed_at = placed_at
        self.number, self.name = number, f"#{number}"
        self.buyer = buyer
        self.sale = 0
        self.now: Callable[[], datetime] = lambda: placed_at
        self.tell = tell
        self.lines: list[Line] = []
        self.shipping: list[ShippingLine] = []
        self.transactions: list[Transaction] = []
        self.fulfillment_orders: list[FulfillmentOrder] = []
        self.fulfillments: list[Fulfillment] = []
        self.refunds: list[Refund] = []
        self.returns: list[Return] = []
        self.agreements: list[dict[str, Any]] = []
        self.localized: list[dict[str, Any]] = []
        self.discount = NONE
        self.cancelled_at: datetime | None = None
        self.cancel_reason: str | None = None
        self.staff_note: str | None = None
        self.closed_at: datetime | None = None
        self.edited = self.test = False
        self.note: str | None = None
        self.tags: list[str] = []
        self.custom_attributes: list[dict[str, Any]] = []
        self.po_number: str | None = None
        self.channel = "web"
        self.expired = False
        self.customer_key = self.address_key = ""
        self.company: Any = None  # a location of a company that buys
        self.terms: dict[str, Any] | None = None
        self.stamps = [placed_at]  # when it changed

    # ---- changing ----

    def touch(self) -> None:
        """The order changed: its stamp, and whoever subscribed to changes."""
        self.updated_at = self.now()
        self.stamps.append(self.updated_at)
        self.tell("ORDERS_UPDATED", self)

    # ---- money ----

    @property
    def received(self) -> Decimal:
        return sum((one.amount for one in self.transactions if one.status == "SUCCESS" and one.kind in ("SALE", "CAPTURE")), NONE)

    @property
    def refunded(self) -> Decimal:
        return sum((one.amount for one in self.transactions if one.status == "SUCCESS" and one.kind == "REFUND"), NONE)

    @property
    def uncaptured(self) -> list[Transaction]:
        """Payments that were authorised and neither taken nor given up."""
        used = [one.parent_transaction for one in self.transactions if one.kind in ("CAPTURE", "VOID")]
        return [one for one in self.transactions if one.kind == "AUTHORIZATION" and one.status == "SUCCESS" and one not in used]

    @property
    def freight(self) -> Decimal:
        return sum((one.price for one in self.shipping), NONE)

    @property
    def current_freight(self) -> Decimal:
        return sum((one.price - one.refunded for one in self.shipping), NONE)

    @property
    def subtotal(self) -> Decimal:
        return sum((line.total_of(line.quantity) for line in self.lines), NONE)

    @property
    def current_subtotal(self) -> Decimal:
        return sum((line.total_of(line.current_quantity) for line in self.lines), NONE)

    @property
    def current_discount(self) -> Decimal:
        return sum((line.discount_of(line.current_quantity) for line in self.lines), NONE)

    @property
    def total(self) -> Decimal:
        return self.subtotal + self.freight

    @property
    def current_total(self) -> Decimal:
        return self.current_subtotal + self.current_freight

    @property
    def outstanding(self) -> Decimal:
        """What is still to be paid; below zero: too much was paid, and an edit gave nothing back."""
        return NONE if self.cancelled_at else self.current_total - (self.received - self.refunded)

    # ---- states ----

    @property
    def display_financial_status(self) -> str:
        received, refunded = self.received, self.refunded
        if received:
            if refunded:
                return "REFUNDED" if refunded >= received else "PARTIALLY_REFUNDED"
            return "PAID" if received >= self.current_total else "PARTIALLY_PAID"
        if self.expired:
            return "EXPIRED"
        if self.cancelled_at:
            return "VOIDED"
        return "AUTHORIZED" if self.uncaptured else "PENDING"

    @property
    def display_fulfillment_status(self) -> str:
        if any(one.status == "ON_HOLD" for one in self.fulfillment_orders):
            return "ON_HOLD"
        sent = sum(line.fulfilled for line in self.lines)
        left = sum(line.unfulfilled_quantity for line in self.lines)
        if sent and not left:
            return "FULFILLED"
        return "PARTIALLY_FULFILLED" if sent else "UNFULFILLED"

    @property
    def return_status(self) -> str:
        if not self.returns:
            return "NO_RETURN"
        return "IN_PROGRESS" if any(one.status == "OPEN" for one in self.returns) else "RETURNED"

    @property
    def merchant_editable(self) -> bool:
        return not self.merchant_editable_errors

    @property
    def merchant_editable_errors(self) -> list[str]:
        if self.cancelled_at:
            return ["The order is cancelled."]
        if self.closed_at:
            return ["The order is archived."]
        if not any(line.unfulfilled_quantity for line in self.lines):
            return ["The order has no unfulfilled items."]
        return []

    @property
    def live(self) -> list[Fulfillment]:
        return [one for one in self.fulfillments if one.status == "SUCCESS"]
