"""Editing an order: begin, change, commit (FACTS section 8). Nothing is changed before the commit, nothing is given back by it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.errors import Invalid, user_error
from engate_shopify_sandbox.fulfilment import OPEN
from engate_shopify_sandbox.order import NONE, FulfillmentOrder, Line, Order, SliceContext, bag
from engate_shopify_sandbox.paging import page
from engate_shopify_sandbox.registry import Answers, field, mutation
from engate_shopify_sandbox.shop import Shop
from engate_shopify_sandbox.things import Variant


class Row:
    """A line of an edit under way. `line` is None: it is added."""

    typename = "CalculatedLineItem"

    def __init__(self, key: str, line: Line | None, variant: Variant, quantity: int, price: Decimal) -> None:
        self.id, self.line, self.variant, self.quantity, self.price = key, line, variant, quantity, price
        self.before = quantity if line is not None else 0
        self.restock = False

    @property
    def fulfilled(self) -> int:
        return self.line.fulfilled if self.line is not None else 0

    @property
    def total(self) -> Decimal:
        return self.line.total_of(self.quantity) if self.line is not None else self.price * self.quantity


class Edit:
    typename = "CalculatedOrder"

    def __init__(self, key: str, order: Order, rows: list[Row]) -> None:
        self.id, self.original_order, self.rows = key, order, rows
        self.session = key.replace("CalculatedOrder", "OrderEditSession")
        self.seen = len(order.stamps)

    @property
    def total(self) -> Decimal:
        return sum((row.total for row in self.rows), NONE) + self.original_order.current_freight


# ---- reading ----


@field("CalculatedOrder.lineItems")
def rows(context: Context, source: Edit, args: dict[str, Any]) -> Any:
    del context
    return page(source.rows, args)


@field("CalculatedOrder.addedLineItems")
def added_rows(context: Context, source: Edit, args: dict[str, Any]) -> Any:
    del context
    return page([row for row in source.rows if row.line is None], args)


EDIT: Answers = {
    "subtotalLineItemsQuantity": lambda one: sum(row.quantity for row in one.rows),
    "subtotalPriceSet": lambda one: bag(one.total - one.original_order.current_freight), "totalPriceSet": lambda one: bag(one.total),
    "totalOutstandingSet": lambda one: bag(one.total - one.original_order.received + one.original_order.refunded),
    "cartDiscountAmountSet": lambda one: bag(one.original_order.current_discount),
}  # fmt: skip
ROW: Answers = {
    "title": lambda one: one.variant.product.title, "sku": lambda one: one.variant.sku, "variantTitle": lambda one: one.variant.title,
    "editableQuantity": lambda one: one.quantity - one.fulfilled, "editableQuantityBeforeChanges": lambda one: one.before - one.fulfilled,
    "restockable": lambda one: True, "restocking": lambda one: one.restock, "originalUnitPriceSet": lambda one: bag(one.price),
    "discountedUnitPriceSet": lambda one: bag(one.price),
    "editableSubtotalSet": lambda one: bag(one.price * (one.quantity - one.fulfilled)),
    "uneditableSubtotalSet": lambda one: bag(one.price * one.fulfilled), "hasStagedLineItemDiscount": lambda one: False,
}  # fmt: skip
for _kind, _table in (("CalculatedOrder", EDIT), ("CalculatedLineItem", ROW)):
    for _name, _read in _table.items():
        field(f"{_kind}.{_name}")(lambda context, source, args, read=_read: read(source))


# ---- the steps ----


@mutation("orderEditBegin")
def begin(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    shop = context.shop
    order: Order | None = shop.find(args["id"], "Order")
    if order is None:
        raise Invalid(user_error("id", "The order does not exist."))
    if order.merchant_editable_errors:
        raise Invalid(user_error("id", f"The order cannot be edited. {' '.join(order.merchant_editable_errors)}"))
    made = [Row(shop.new_id("CalculatedLineItem"), line, line.variant, line.current_quantity, line.price) for line in order.lines]
    edit = shop.add(Edit(shop.new_id("CalculatedOrder"), order, made))
    shop.things[edit.session] = edit
    return _told(edit)


def _told(edit: Edit, row: Row | None = None) -> dict[str, Any]:
    return {"calculatedOrder": edit, "calculatedLineItem": row, "orderEditSession": {"__typename": "OrderEditSession", "id": edit.session}}


def _edit(shop: Shop, key: str) -> Edit:
    edit = shop.find(key, "CalculatedOrder", "OrderEditSession")
    if edit is None:
        raise Invalid(user_error("id", "The calculated order does not exist."))
    return edit


@mutation("orderEditSetQuantity")
def set_quantity(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    edit = _edit(context.shop, args["id"])
    row = next((one for one in edit.rows if one.id == args["lineItemId"]), None)
    if row is None:
        raise Invalid(user_error("lineItemId", "The line item does not exist."))
    if args["quantity"] < 0:
        raise Invalid(user_error("quantity", "Quantity must be greater than or equal to 0."))
    if args["quantity"] < row.fulfilled:
        raise Invalid(user_error("quantity", "Fulfilled items cannot be removed."))
    row.quantity, row.restock = args["quantity"], bool(args.get("restock"))
    return _told(edit, row)


@mutation("orderEditAddVariant")
def add_variant(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    edit = _edit(context.shop, args["id"])
    variant: Variant | None = context.shop.find(args["variantId"], "ProductVariant")
    if variant is None:
        raise Invalid(user_error("variantId", "The variant does not exist."))
    if args["quantity"] < 1:
        raise Invalid(user_error("quantity", "Quantity must be greater than 0."))
    if any(row.variant is variant for row in edit.rows) and not args.get("allowDuplicates"):
        raise Invalid(user_error("variantId", "The variant is on the order already."))
    row = Row(context.shop.new_id("CalculatedLineItem"), None, variant, args["quantity"], variant.price)
    edit.rows.append(row)
    return _told(edit, row)


@mutation("orderEditCommit")
def commit(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    shop = context.shop
    edit = _edit(shop, args["id"])
    order = edit.original_order
    if order.merchant_editable_errors:
        raise Invalid(user_error("id", f"The order cannot be edited. {' '.join(order.merchant_editable_errors)}"))
    if edit.seen != len(order.stamps):
        raise Invalid(user_error("id", "The order has been changed since the edit began."))
    changed = [row for row in edit.rows if row.quantity != row.before]
    if not changed:
        raise Invalid(user_error("id", "There are no changes to commit."))
    rows_of_sale = [_apply(shop, order, row) for row in changed]
    order.agreements.append(agreement(shop, order, "OrderEditAgreement", "ORDER_EDIT", rows_of_sale))
    order.edited = True
    shop.remove(edit)
    shop.things.pop(edit.session, None)
    shop.tell("ORDERS_EDITED", (order, edit.id, [(row.line, row.quantity - row.before) for row in changed]))
    order.touch()
    return {"order": order, "successMessages": ["Order updated"]}


def agreement(shop: Shop, order: Order, kind: str, reason: str, rows_of_sale: list[tuple[Line, int, Decimal]]) -> dict[str, Any]:
    """What an order, or an edit of it, agreed to sell: `rows_of_sale` is (line, how many more, for how much more)."""
    action = "ORDER" if reason == "ORDER" else "UPDATE"
    made = [
        {"__typename": "ProductSale", "id": shop.new_id("ProductSale"), "actionType": action, "lineType": "PRODUCT", "quantity": quantity,
         "totalAmount": bag(amount), "totalDiscountAmountAfterTaxes": bag(NONE), "totalDiscountAmountBeforeTaxes": bag(NONE),
         "totalTaxAmount": bag(NONE), "lineItem": line}
        for line, quantity, amount in rows_of_sale
    ]  # fmt: skip
    return {"__typename": kind, "id": shop.new_id(kind), "happenedAt": shop.now(), "reason": reason, "sales": made, "order": order}


def _apply(shop: Shop, order: Order, row: Row) -> tuple[Line, int, Decimal]:
    delta = row.quantity - row.before
    if row.line is None:
        line = row.line = shop.add(Line(shop.new_id("LineItem"), order, row.variant, row.quantity, row.price))
        order.lines.append(line)
        _more(shop, order, line, row.quantity)
        return line, delta, row.price * delta
    line = row.line
    before = line.total_of(line.current_quantity)
    line.current_quantity = row.quantity
    if delta > 0:
        line.quantity += delta
        _more(shop, order, line, delta)
    else:
        less(order, line, -delta, restock=row.restock)
    return line, delta, line.total_of(line.current_quantity) - before


def _more(shop: Shop, order: Order, line: Line, quantity: int) -> None:
    open_one = next((one for one in order.fulfillment_orders if one.status in OPEN), order.fulfillment_orders[0])
    work = next((one for one in open_one.works if one.line_item is line), None)
    if work is None:
        work = shop.add(SliceContext(shop.new_id("FulfillmentOrderLineItem"), line, 0))
        open_one.works.append(work)
    work.total_quantity += quantity
    work.remaining_quantity += quantity
    level = line.variant.inventory_item.levels.get(open_one.location.id)
    if level is not None:
        level.available -= quantity
        level.committed += quantity


def less(order: Order, line: Line, quantity: int, *, restock: bool) -> None:
    """So many units of a line are not sent any more."""
    places: list[tuple[FulfillmentOrder, SliceContext]] = [
        (one, work) for one in reversed(order.fulfillment_orders) for work in one.works if work.line_item is line
    ]
    for source, work in places:
        taken = min(quantity, work.remaining_quantity)
        work.remaining_quantity -= taken
        work.total_quantity -= taken
        quantity -= taken
        level = line.variant.inventory_item.levels.get(source.location.id)
        if level is not None:
            level.committed -= taken
            level.available += taken if restock else 0
