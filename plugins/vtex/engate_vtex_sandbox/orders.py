"""Orders: their flow, reading, handling, invoices, tracking and cancellation."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from engate.testing.sandbox import Answer, Call, LedgerCounts
from engate_vtex_sandbox import order_list
from engate_vtex_sandbox.changes import Changes
from engate_vtex_sandbox.feed import Feed, Step
from engate_vtex_sandbox.hook import Hooks
from engate_vtex_sandbox.logistics import Logistics
from engate_vtex_sandbox.order import Order, document, transaction
from engate_vtex_sandbox.rules import changes as change_rules
from engate_vtex_sandbox.rules import common as common_rules
from engate_vtex_sandbox.rules import orders as order_rules
from engate_vtex_sandbox.rules.common import document as body_of
from engate_vtex_sandbox.shop import stamp_with_zone

UNPAID = "payment-pending"
WINDOW = "window-to-cancel"
READY = "ready-for-handling"
HANDLING = "handling"
CANCEL_REQUESTED = "cancellation-requested"
CANCELED = "canceled"


class Waits(NamedTuple):
    """`window_to_cancel`: how long a paid order can still be cancelled by its buyer (zero: the state is skipped); `index_delay`: how late
    the list of orders is."""

    window_to_cancel: timedelta
    index_delay: timedelta


class Orders:
    def __init__(
        self,
        logistics: Logistics,
        now: Callable[[], datetime],
        counts: Callable[[], LedgerCounts],
        base_url: Callable[[], str],
        waits: Waits,
    ) -> None:
        self.shop = logistics.shop
        self.logistics = logistics
        self.now = now
        self.counts = counts
        self.base_url = base_url
        self.window_to_cancel = waits.window_to_cancel
        self.index_delay = waits.index_delay
        self.orders: dict[str, Order] = {}
        self.waiting: deque[Order] = deque()  # in the window, first due first
        self.feed: Feed
        self.hooks: Hooks
        self.changes: Changes

    # ---- the flow ----

    def add(self, order: Order) -> None:
        self.orders[order.key] = order
        self.counts().effects["orders_created"] += 1
        self.move(order, "order-created")
        self.move(order, UNPAID)

    def move(self, order: Order, state: str) -> None:
        """One step of the flow, and its event."""
        now = self.now()
        last_state, last_change = order.state, order.changed_at
        order.state, order.changed_at = state, now
        order.history.append((now, state))
        step = Step(last_state, state, _zulu(last_change), _zulu(now))
        self.feed.emit(order.number, order.key, step, now)
        self.hooks.emit(order.number, order.key, step, now)

    def pay(self, order: Order) -> None:
        self.move(order, "payment-approved")
        order.authorized_at = self.now()
        self.logistics.confirm(order.lock_id)
        if self.window_to_cancel:
            self.move(order, WINDOW)
            self.waiting.append(order)
        else:
            self.move(order, READY)

    def settle(self) -> None:
        """Moves on every order whose window has ended."""
        while self.waiting and (self.waiting[0].state != WINDOW or self.waiting[0].changed_at + self.window_to_cancel <= self.now()):
            order = self.waiting.popleft()
            if order.state == WINDOW:  # else it was cancelled meanwhile
                self.move(order, READY)

    def start_handling(self, call: Call) -> Answer:
        order = self.order(call)
        order_rules.refuse_not_ready(order)
        self.move(order, "start-handling")
        self.move(order, HANDLING)
        self.logistics.acknowledge(order.lock_id)
        return Answer(204)

    def cancel(self, call: Call) -> Answer:
        order = self.order(call)
        body = body_of(call)
        common_rules.refuse_type(body, str, "reason")
        order_rules.refuse_cancel_of_canceled(order)
        order_rules.refuse_cancel_of_invoiced(order)
        self.cancel_order(order, body.get("reason"))
        return self._receipt(order)

    def cancel_order(self, order: Order, reason: str | None) -> None:
        """An order in handling needs it twice: the first time the cancellation is only requested."""
        order.cancel_reason = reason
        if order.state == HANDLING:
            self.move(order, CANCEL_REQUESTED)
            return
        self.move(order, "cancel")
        self.move(order, CANCELED)
        order.cancelled_at = self.now()
        self.logistics.release(order.lock_id)

    # ---- reading ----

    def order(self, call: Call) -> Order:
        order = self.find(call.params["orderId"])
        self.changes.settle(order)
        return order

    def find(self, key: str) -> Order:
        self.settle()
        found = self.orders.get(key)
        order_rules.refuse_unknown_order(found, key)
        assert found is not None
        return found

    def changed(self, order: Order) -> None:
        """A change went through: what is left may be invoiced already."""
        self._close_when_invoiced(order)

    def read(self, call: Call) -> Answer:
        return Answer(200, document(self.order(call), self.shop, self.base_url()))

    def payment_transaction(self, call: Call) -> Answer:
        order = self.order(call)
        doc = transaction(order, self.shop.account)
        for payment in doc["payments"]:
            payment["firstDigits"] = payment["firstDigits"] or ""
            payment["lastDigits"] = payment["lastDigits"] or ""
        return Answer(200, {"status": "Finished" if order.authorized_at else "Started", **doc})

    def listing(self, call: Call) -> Answer:
        self.settle()
        return order_list.answer(call, self.orders, self.now() - self.index_delay)

    # ---- invoices and tracking ----

    def invoice(self, call: Call) -> Answer:
        order = self.order(call)
        body = body_of(call)
        common_rules.refuse_absent(body, "type", "issuanceDate", "invoiceNumber", "invoiceValue")
        order_rules.refuse_invoice_type(body["type"])
        order_rules.refuse_invoice_number(body["invoiceNumber"])
        order_rules.refuse_invoice_value(body["invoiceValue"])
        order_rules.refuse_issuance_date(body["issuanceDate"])
        order_rules.refuse_invoice_without_items(body.get("items"))
        for item in body["items"]:
            order_rules.refuse_foreign_item(item, order)
            order_rules.refuse_item_price(item)
            order_rules.refuse_item_quantity(item)
        if order.package(body["invoiceNumber"]) is not None:
            return self._receipt(order, wrote=False)  # known already: only the receipt is renewed
        change_rules.refuse_invoice_during_change(self.changes.under_way(order) is not None)
        order_rules.refuse_not_invoiceable(order, body["type"])
        package = _package(body, order)
        if body["type"] == "Input":
            order.returns[body["invoiceNumber"]] = package
            package["restitutions"] = {"Refund": {"value": package["invoiceValue"], "giftCardData": None, "items": []}}
            return self._receipt(order)
        order.invoices[body["invoiceNumber"]] = package
        if body.get("trackingNumber"):
            order.tracked.add(body["invoiceNumber"])
        for item in body["items"]:
            _mark_invoiced(order, item["id"], item["quantity"])
        self._close_when_invoiced(order)
        return self._receipt(order)

    def _close_when_invoiced(self, order: Order) -> None:
        if order.invoices and sum(one["invoiceValue"] for one in order.invoices.values()) == order.value:
            self.move(order, "invoice")
            self.move(order, "invoiced")
            order.invoiced_at = self.now()

    def patch_invoice(self, call: Call) -> Answer:
        order, package = self._invoice(call)
        body = body_of(call)
        common_rules.refuse_absent(body, "trackingNumber", "trackingUrl", "dispatchedDate", "courier")
        order_rules.refuse_tracking_number(body["trackingNumber"])
        common_rules.refuse_type(body, str, "trackingUrl", "dispatchedDate", "courier")
        package.update(trackingNumber=body["trackingNumber"], trackingUrl=body["trackingUrl"], courier=body["courier"])
        order.tracked.add(package["invoiceNumber"])
        return self._receipt(order)

    def put_tracking(self, call: Call) -> Answer:
        order, package = self._invoice(call)
        body = body_of(call)
        common_rules.refuse_absent(body, "isDelivered", "deliveredDate", "events")
        order_rules.refuse_untracked(package["invoiceNumber"] in order.tracked)
        order_rules.refuse_delivered_flag(body["isDelivered"])
        order_rules.refuse_delivered_date(body["deliveredDate"])
        order_rules.refuse_tracking_events(body["events"])
        now = stamp_with_zone(self.now())
        package["courierStatus"] = {
            "status": "ok",
            "finished": body["isDelivered"],
            "deliveredDate": body["deliveredDate"] or (now if body["isDelivered"] else ""),
            "data": [
                {"lastChange": now, "city": event["city"], "state": event["state"], "description": event["description"],
                 "createDate": event["date"]}
                for event in body["events"]
            ],
        }  # fmt: skip
        return self._receipt(order)

    def _invoice(self, call: Call) -> tuple[Order, dict[str, Any]]:
        order = self.order(call)
        package = order.package(call.params["invoiceNumber"])
        order_rules.refuse_unknown_invoice(package)
        assert package is not None
        return order, package

    def _receipt(self, order: Order, *, wrote: bool | None = None) -> Answer:
        order.receipts += 1
        receipt = f"{order.sequence:016x}{order.receipts:016x}"
        return Answer(200, {"date": stamp_with_zone(self.now()), "orderId": order.key, "receipt": receipt}, wrote=wrote)


def _mark_invoiced(order: Order, sku: str, quantity: int) -> None:
    """A note names SKUs: of several lines of one, the first that is not on a note yet."""
    lines = [line for line in order.live if str(line.sku.id) == sku]
    line = next((line for line in lines if not line.invoiced), lines[0])
    line.invoiced += quantity


def _package(body: dict[str, Any], order: Order) -> dict[str, Any]:
    lines = [str(line.sku.id) for line in order.live]
    return {
        "items": [
            {"itemIndex": lines.index(item["id"]), "quantity": item["quantity"], "price": item["price"],
             "description": item.get("description"), "unitMultiplier": None}
            for item in body["items"]
        ],
        "courier": body.get("courier"),
        "invoiceNumber": body["invoiceNumber"],
        "invoiceValue": int(body["invoiceValue"]),
        "invoiceUrl": body.get("invoiceUrl"),
        "issuanceDate": body["issuanceDate"],
        "trackingNumber": body.get("trackingNumber"),
        "invoiceKey": body.get("invoiceKey"),
        "trackingUrl": body.get("trackingUrl"),
        "embeddedInvoice": body.get("embeddedInvoice") or "",
        "type": body["type"],
        "courierStatus": None,
        "cfop": None,
        "restitutions": {},
        "volumes": 1,
        "EnableInferItems": None,
    }  # fmt: skip


def _zulu(at: datetime) -> str:
    """As the feed writes an instant."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
