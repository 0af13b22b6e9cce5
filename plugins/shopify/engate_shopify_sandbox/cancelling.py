"""Cancellations and refunds (FACTS section 8). A cancellation is a job: it is refused at once, or done later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from engate_shopify_sandbox import edits
from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.errors import Invalid, user_error
from engate_shopify_sandbox.order import NONE, Fulfillment, Line, Order, Refund, Return, Transaction, bag
from engate_shopify_sandbox.paging import page
from engate_shopify_sandbox.registry import field, inner, mutation, query
from engate_shopify_sandbox.shop import Shop

NOTE = 255


class Job:
    """A cancellation under way: done after so many looks, or after so long."""

    typename = "Job"

    def __init__(self, key: str, order: Order, args: dict[str, Any], now: datetime) -> None:
        self.id, self.order, self.args, self.since = key, order, args, now
        self.looks = 0
        self.done = False


# ---- cancelling ----


def why_not(order: Order) -> str | None:
    """What keeps an order from being cancelled; None: nothing."""
    if order.cancelled_at is not None:
        return "Order has already been cancelled."
    if order.live:
        return "Cannot cancel an order with fulfillments that cannot be cancelled."
    if any(one.status == "OPEN" for one in order.returns):
        return "Cannot cancel an order with returns in progress."
    if any(one.kind == "AUTHORIZATION" and one.status == "PENDING" for one in order.transactions):
        return "Cannot cancel an order with a pending payment authorization."
    return None


@mutation("orderCancel")
def cancel(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    shop = context.shop
    order: Order | None = shop.find(args["orderId"], "Order")
    if order is None:
        raise Invalid(user_error("orderId", "Order does not exist", "NOT_FOUND"))
    if len(args.get("staffNote") or "") > NOTE:
        raise Invalid(user_error("staffNote", "Staff note is too long (maximum is 255 characters)", "INVALID"))
    reason = why_not(order)
    if reason is not None or any(job.order is order and not job.done for job in shop.all("Job")):
        raise Invalid(user_error("orderId", reason or "The order is being cancelled already.", "INVALID"))
    number = f"{shop.random.getrandbits(128):032x}"
    uuid = "-".join((number[:8], number[8:12], number[12:16], number[16:20], number[20:]))
    job = shop.add(Job(f"gid://shopify/Job/{uuid}", order, args, shop.now()))
    return {"job": job}


def settle(shop: Shop) -> None:
    """Lets every cancellation happen whose time has come."""
    for job in shop.all("Job"):
        late = shop.now() >= job.since + timedelta(seconds=shop.settings.job_seconds)
        if not job.done and (job.looks >= shop.settings.job_polls or late):
            job.done = True
            if why_not(job.order) is None:  # something else may have happened meanwhile: then nothing is done
                args = job.args
                refunds = bool(inner(args, "refundMethod").get("originalPaymentMethodsRefund"))
                apply(shop, job.order, Wish(args["reason"], refunds, args["restock"], args.get("staffNote")))


@query("job")
def job(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    found = context.shop.find(args["id"], "Job")
    if found is not None:
        found.looks += 1
        settle(context.shop)
    return found


@dataclass(frozen=True)
class Wish:
    """How an order is cancelled."""

    reason: str
    refunds: bool
    restock: bool
    note: str | None = None


def apply(shop: Shop, order: Order, wish: Wish) -> None:
    """The order is cancelled: what was paid goes back if asked, what was reserved is free again or gone."""
    shop.begin()
    for one in order.transactions:
        if one.status == "PENDING":
            one.status = "FAILURE"
    for one in order.uncaptured:
        void = Transaction(shop.new_id("OrderTransaction"), order, "VOID", one.gateway, one.amount)
        void.parent_transaction = one
        order.transactions.append(shop.add(void))
    back = order.received - order.refunded
    if wish.refunds and back > 0:
        made = shop.add(Refund(shop.new_id("Refund"), order, wish.note, shop.now()))
        for line in order.lines:
            if line.current_quantity:
                made.rows.append(_row(shop, line, line.current_quantity, "CANCEL" if wish.restock else "NO_RESTOCK"))
        _pay_back(shop, order, made, back)
        for one in order.shipping:
            one.refunded = one.price
        order.refunds.append(made)
        shop.tell("REFUNDS_CREATE", made)
    for line in order.lines:
        edits.less(order, line, line.unfulfilled_quantity, restock=wish.restock)
        line.current_quantity = line.fulfilled
    for one in order.fulfillment_orders:
        one.cancelled = True
        one.updated_at = shop.now()
    order.cancelled_at, order.cancel_reason, order.staff_note = shop.now(), wish.reason, wish.note
    shop.tell("ORDERS_CANCELLED", order)
    order.touch()


# ---- refunds ----


def _row(shop: Shop, line: Line, quantity: int, restock: str) -> dict[str, Any]:
    amount = line.total_of(quantity)
    return {
        "id": shop.new_id("RefundLineItem"), "lineItem": line, "quantity": quantity, "restockType": restock,
        "restocked": restock in ("CANCEL", "RETURN"), "priceSet": bag(line.unit_after_discounts), "subtotalSet": bag(amount),
        "totalTaxSet": bag(NONE), "location": None,
    }  # fmt: skip


def _pay_back(shop: Shop, order: Order, refund: Refund, amount: Decimal) -> None:
    """By the payments that were received, in their order."""
    for paid in [one for one in order.transactions if one.status == "SUCCESS" and one.kind in ("SALE", "CAPTURE")]:
        gone = sum((one.amount for one in order.transactions if one.kind == "REFUND" and one.parent_transaction is paid), NONE)
        part = min(amount, paid.amount - gone)
        if part > 0:
            made = shop.add(Transaction(shop.new_id("OrderTransaction"), order, "REFUND", paid.gateway, part))
            made.parent_transaction = paid
            order.transactions.append(made)
            refund.payments.append(made)
            amount -= part


@mutation("refundCreate")
def create_refund(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    shop, given = context.shop, args["input"]
    order: Order | None = shop.find(given["orderId"], "Order")
    if order is None:
        raise Invalid(user_error("orderId", "Order does not exist"))
    amount = sum((one["amount"] for one in given.get("transactions") or () if one["kind"] == "REFUND"), NONE)
    if amount > order.received - order.refunded:
        raise Invalid(user_error("transactions", "Refund amount cannot be greater than the amount received."))
    chosen: list[tuple[Line, int, str]] = []
    for index, one in enumerate(given.get("refundLineItems") or ()):
        line = next((held for held in order.lines if held.id == one["lineItemId"]), None)
        if line is None or not 1 <= one["quantity"] <= line.refundable_quantity:
            raise Invalid(user_error(f"refundLineItems.{index}", "Refund quantity is not available."))
        chosen.append((line, one["quantity"], one.get("restockType") or "NO_RESTOCK"))
    if not amount and not chosen:
        raise Invalid(user_error(None, "Refund must have lines or transactions."))
    return {"refund": refund(shop, order, amount, chosen, given.get("note")), "order": order}


def refund(shop: Shop, order: Order, amount: Decimal, chosen: list[tuple[Line, int, str]], note: str | None) -> Refund:
    made = shop.add(Refund(shop.new_id("Refund"), order, note, shop.now()))
    for line, quantity, restock in chosen:
        made.rows.append(_row(shop, line, quantity, restock))
        open_units = min(quantity, line.unfulfilled_quantity)
        line.current_quantity -= quantity
        edits.less(order, line, open_units, restock=restock == "CANCEL")
        if restock == "RETURN":
            level = next(iter(line.variant.inventory_item.levels.values()))
            level.available += quantity
    _pay_back(shop, order, made, amount)
    order.refunds.append(made)
    shop.tell("REFUNDS_CREATE", made)
    order.touch()
    return made


@query("refund")
def read_refund(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return context.shop.find(args["id"], "Refund")


@field("Refund.refundLineItems")
def refund_rows(context: Context, source: Refund, args: dict[str, Any]) -> Any:
    del context
    return page(source.rows, args)


@field("Refund.totalRefundedSet")
def refund_total(context: Context, source: Refund, args: dict[str, Any]) -> dict[str, Any]:
    del context, args
    return bag(source.total)


@field("Refund.transactions")
def refund_payments(context: Context, source: Refund, args: dict[str, Any]) -> Any:
    del context
    return page(source.payments, args)


@field("Refund.return")
def refund_return(context: Context, source: Refund, args: dict[str, Any]) -> Any:
    del context, args
    return source.of_return


# ---- returns: made by the merchant, read by a connector ----


def take_back(shop: Shop, order: Order) -> Return:
    """One unit of the first line that was sent comes back, and is paid back."""
    sent: Fulfillment = order.live[0]
    line, _ = sent.lines[0]
    made = shop.add(Return(shop.new_id("Return"), order, [(sent, line, 1)], shop.now()))
    order.returns.append(made)
    paid = refund(shop, order, line.total_of(1), [(line, 1, "RETURN")], "Devolução")
    paid.of_return = made
    made.refunds.append(paid)
    made.status, made.closed_at = "CLOSED", shop.now()
    return made


@query("return")
def read_return(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return context.shop.find(args["id"], "Return")


@field("Return.returnLineItems")
def return_rows(context: Context, source: Return, args: dict[str, Any]) -> Any:
    del context
    rows = [
        {"__typename": "ReturnLineItem", "id": source.id.replace("Return", "ReturnLineItem"), "quantity": quantity,
         "refundableQuantity": 0, "refundedQuantity": quantity, "processedQuantity": quantity, "unprocessedQuantity": 0,
         "fulfillmentLineItem": {"__typename": "FulfillmentLineItem", "id": sent.id.replace("Fulfillment", "FulfillmentLineItem") + "0",
                                 "lineItem": line, "quantity": quantity, "originalTotalSet": bag(line.price * quantity),
                                 "discountedTotalSet": bag(line.total_of(quantity))}}
        for sent, line, quantity in source.rows
    ]  # fmt: skip
    return page(rows, args)


@field("Return.exchangeLineItems")
def exchange_rows(context: Context, source: Return, args: dict[str, Any]) -> Any:
    del context
    return page(source.exchanges, args)


@field("Return.refunds")
def return_refunds(context: Context, source: Return, args: dict[str, Any]) -> Any:
    del context
    return page(source.refunds, args)
