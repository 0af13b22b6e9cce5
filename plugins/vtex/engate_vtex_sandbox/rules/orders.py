"""Rules of the Orders API: the order's flow, invoices, tracking, lists, the feed and the hook."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult

from engate.shapes import is_array, is_object
from engate_vtex_sandbox import refusals
from engate_vtex_sandbox.rules.common import instant

if TYPE_CHECKING:
    from engate_vtex_sandbox.order import Order

INVOICE_NUMBER = re.compile(r"[A-Za-z0-9]+")
CENTS = re.compile(r"0*[1-9]\d*")
DELIVERED = "%Y-%m-%d %H:%M"
INVOICEABLE = ("ready-for-handling", "handling")
MOST_PAGES = 30
MOST_ON_A_PAGE = 100
MOST_IN_A_LOT = 10
RETENTION = (345_600, 1_209_600)  # 4 to 14 days
VISIBILITY = (1, 43_200)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SPAN = re.compile(r"(\w+):\[(\S+) TO (\S+)\]")


def refuse_unknown_order(found: Order | None, key: str) -> None:
    if found is None:
        raise refusals.error(404, "OMS007", f"Order {key} not found")


# ---- the flow ----


def refuse_not_ready(order: Order) -> None:
    """The documented 409 of start-handling."""
    if order.state != "ready-for-handling":
        raise refusals.error(409, "OMS003", "Order status should be ready-for-handling to perform this action")


def refuse_cancel_of_invoiced(order: Order) -> None:
    if order.invoices:
        raise refusals.error(400, "OMS009", "An order that is invoiced, or partially invoiced, cannot be canceled")


def refuse_cancel_of_canceled(order: Order) -> None:
    if order.state == "canceled":
        raise refusals.error(400, "OMS010", "The order is already canceled")


# ---- invoices ----


def refuse_invoice_type(kind: object) -> None:
    if kind not in ("Output", "Input"):
        raise refusals.error(400, "OMS011", "type must be Output or Input")


def refuse_invoice_number(number: object) -> None:
    """Letters and digits only (known issues 631970, 953285, 1302085)."""
    if not isinstance(number, str) or not INVOICE_NUMBER.fullmatch(number):
        raise refusals.error(400, "OMS012", "invoiceNumber takes letters and digits only")


def refuse_invoice_value(value: object) -> None:
    """A text of integer cents, greater than zero."""
    if not isinstance(value, str) or not CENTS.fullmatch(value):
        raise refusals.error(400, "OMS013", "invoiceValue must be a text of integer cents greater than 0")


def refuse_issuance_date(value: object) -> None:
    if instant(value) is None:
        raise refusals.error(400, "OMS014", "issuanceDate must be a date and time")


def refuse_invoice_without_items(items: object) -> None:
    if not isinstance(items, list) or not items:
        raise refusals.error(400, "OMS015", "items is required")


def refuse_foreign_item(item: object, order: Order) -> None:
    if not is_object(item) or item.get("id") not in {str(line.sku.id) for line in order.live}:
        raise refusals.error(400, "OMS016", "An item of the invoice is not in the order")


def refuse_item_price(item: Mapping[str, Any]) -> None:
    """Integer cents of one unit."""
    price = item.get("price")
    if not isinstance(price, int) or isinstance(price, bool) or price < 0:
        raise refusals.error(400, "OMS017", "The price of an item must be integer cents")


def refuse_item_quantity(item: Mapping[str, Any]) -> None:
    quantity = item.get("quantity")
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
        raise refusals.error(400, "OMS018", "The quantity of an item must be an integer from 1")


def refuse_not_invoiceable(order: Order, kind: str) -> None:
    """A return (Input) needs the full invoice first."""
    if order.state not in INVOICEABLE if kind == "Output" else order.state != "invoiced":
        raise refusals.error(409, "OMS019", f"An order in {order.state} takes no {kind} invoice")


def refuse_unknown_invoice(found: object) -> None:
    if found is None:
        raise refusals.error(404, "OMS020", "Invoice not found")


def refuse_tracking_number(number: object) -> None:
    if not isinstance(number, str):
        raise refusals.error(400, "OMS021", "trackingNumber must be a text")


def refuse_untracked(tracked: bool) -> None:
    """Tracking events go to an invoice whose tracking number is registered."""
    if not tracked:
        raise refusals.error(400, "OMS022", "The invoice has no tracking number yet")


def refuse_delivered_flag(value: object) -> None:
    if not isinstance(value, bool):
        raise refusals.error(400, "OMS023", "isDelivered must be true or false")


def refuse_delivered_date(value: object) -> None:
    """`yyyy-mm-dd hh:mm` or null."""
    if value is None:
        return
    try:
        datetime.strptime(str(value), DELIVERED)  # noqa: DTZ007
    except ValueError as failure:
        raise refusals.error(400, "OMS024", "deliveredDate must be yyyy-mm-dd hh:mm or null") from failure


def refuse_tracking_events(events: object) -> None:
    names = ("city", "state", "description", "date")
    if not is_array(events) or not all(is_object(event) and all(isinstance(event.get(name), str) for name in names) for event in events):
        raise refusals.error(400, "OMS025", f"Each of events needs the texts {', '.join(names)}")


# ---- the list ----


def refuse_page(page: int) -> None:
    if not 1 <= page <= MOST_PAGES:
        raise refusals.error(400, "OMS026", f"page goes from 1 to {MOST_PAGES}")


def refuse_page_size(size: int) -> None:
    if not 1 <= size <= MOST_ON_A_PAGE:
        raise refusals.error(400, "OMS027", f"per_page goes from 1 to {MOST_ON_A_PAGE}")


def refuse_date_filter(name: str, text: str) -> None:
    found = SPAN.fullmatch(text)
    if not found or found[1] != name or instant(found[2]) is None or instant(found[3]) is None:
        raise refusals.error(400, "OMS028", f"f_{name} must be {name}:[from TO to]")


# ---- the feed ----


def refuse_no_feed(found: object) -> None:
    if found is None:
        raise refusals.error(404, "1", "There is no feed configuration for this app key")


def refuse_filter(body: object) -> None:
    if not is_object(body) or not isinstance(body.get("type"), str):
        raise refusals.error(400, "1", "filter.type is required")


def refuse_filter_type(kind: object) -> None:
    if kind not in ("FromWorkflow", "FromOrders"):
        raise refusals.error(400, "1", "filter.type must be FromWorkflow or FromOrders")


def refuse_mixed_filter(body: Mapping[str, Any]) -> None:
    """`status` belongs to FromWorkflow, `expression` and `disableSingleFire` to FromOrders: a mix is a 409."""
    workflow = "status" in body
    orders = body.get("expression") is not None or "disableSingleFire" in body
    if (orders and body["type"] == "FromWorkflow") or (workflow and body["type"] == "FromOrders"):
        raise refusals.error(409, "1", "The filter mixes FromWorkflow and FromOrders")


def refuse_expressions(kind: str) -> None:
    """The one thing of the feed this sandbox does not do: README.md."""
    if kind == "FromOrders":
        raise refusals.error(400, "1", "This sandbox does not evaluate JSONata: use FromWorkflow")


def refuse_status_list(status: object) -> None:
    """A list of texts; their spelling is not checked, as on the platform."""
    if not is_array(status) or not all(isinstance(name, str) for name in status):
        raise refusals.error(400, "1", "filter.status must be a list of texts")


def refuse_queue(queue: object) -> None:
    if not isinstance(queue, dict):
        raise refusals.error(400, "1", "queue is required")


def refuse_visibility(seconds: object) -> None:
    if not _within(seconds, VISIBILITY):
        raise refusals.error(400, "1", f"visibilityTimeoutInSeconds goes from {VISIBILITY[0]} to {VISIBILITY[1]}")


def refuse_retention(seconds: object) -> None:
    if not _within(seconds, RETENTION):
        raise refusals.error(400, "1", f"MessageRetentionPeriodInSeconds goes from {RETENTION[0]} to {RETENTION[1]}")


def _within(value: object, limits: tuple[int, int]) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and limits[0] <= value <= limits[1]


def refuse_lot(text: str | None) -> None:
    if text is None or not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_IN_A_LOT:
        raise refusals.error(400, "1", f"maxlot is required and goes from 1 to {MOST_IN_A_LOT}")


def refuse_handles(handles: object) -> None:
    if not is_array(handles) or not handles or not all(isinstance(handle, str) for handle in handles):
        raise refusals.error(400, "1", "handles must be a list of texts")


def filter_of(wanted: Any) -> dict[str, Any]:
    """The filter of a feed or a hook as it is kept; every rule of it is held."""
    refuse_filter(wanted)
    refuse_filter_type(wanted["type"])
    refuse_mixed_filter(wanted)
    refuse_expressions(wanted["type"])
    status = wanted.get("status", [])
    refuse_status_list(status)
    return {"type": wanted["type"], "status": status}


# ---- the hook ----


def refuse_no_hook(found: object) -> None:
    if found is None:
        raise refusals.error(404, "1", "There is no hook configuration for this app key")


def refuse_hook(hook: object) -> None:
    """`url`, and `headers`: texts by their names, of which the schema requires `key`."""
    headers = hook.get("headers") if is_object(hook) else None
    if not is_object(hook) or not isinstance(hook.get("url"), str) or not is_object(headers):
        raise refusals.error(400, "1", "hook.url and hook.headers are required")
    if "key" not in headers or not all(isinstance(value, str) for value in headers.values()):
        raise refusals.error(400, "1", "hook.headers must hold texts, key among them")


def refuse_insecure_hook(url: SplitResult) -> None:
    """https only; this machine's own addresses are let through, or nobody could try it."""
    if not url.hostname or (url.scheme != "https" and not (url.scheme == "http" and url.hostname in LOOPBACK)):
        raise refusals.error(400, "1", "hook.url must be an https address")


def refuse_hook_that_does_not_answer(status: int | None) -> None:
    """The ping has to be answered with 200."""
    if status != 200:
        raise refusals.error(400, "1", f"The hook did not answer the ping with 200 but with {status or 'nothing'}")
