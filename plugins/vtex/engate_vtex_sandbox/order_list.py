"""GET /api/oms/pvt/orders: late by the index delay, 30 pages of up to 100, without items."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from statistics import fmean, pstdev
from typing import Any

from engate.testing.sandbox import Answer, Call
from engate_vtex_sandbox.order import DESCRIPTIONS, Order
from engate_vtex_sandbox.payments import FORMS
from engate_vtex_sandbox.rules import orders as order_rules
from engate_vtex_sandbox.rules.common import whole
from engate_vtex_sandbox.shop import stamp_with_zone


def answer(call: Call, orders: dict[str, Order], indexed_at: datetime) -> Answer:
    """`indexed_at`: the index shows the orders as they were then."""
    page = whole(call, "page") if "page" in call.query else 1
    size = whole(call, "per_page") if "per_page" in call.query else 15
    order_rules.refuse_page(page)
    order_rules.refuse_page_size(size)
    found = [(order, state) for order in orders.values() if (state := order.state_at(indexed_at)) is not None]
    if "f_status" in call.query:
        wanted = set(call.query["f_status"].split(","))
        found = [(order, state) for order, state in found if state in wanted]
    for name in ("creationDate", "authorizedDate"):
        if (text := call.query.get(f"f_{name}")) is not None:
            order_rules.refuse_date_filter(name, text)
            first, last = (datetime.fromisoformat(part) for part in text[len(f"{name}:[") : -1].split(" TO "))
            dates = ((order, state, order.created_at if name == "creationDate" else order.authorized_at) for order, state in found)
            found = [(order, state) for order, state, at in dates if at is not None and first <= at <= last]
    found.sort(key=lambda pair: (pair[0].created_at, pair[0].sequence), reverse=call.query.get("orderBy") != "creationDate,asc")
    paging = {"total": len(found), "pages": -(-len(found) // size), "currentPage": page, "perPage": size}
    lines = [_line(order, state) for order, state in found[(page - 1) * size : page * size]]
    stats = {"totalValue": _stats(order.value for order, _ in found), "totalItems": _stats(len(order.lines) for order, _ in found)}
    return Answer(200, {"list": lines, "facets": [], "paging": paging, "stats": {"stats": stats}})


def _line(order: Order, state: str) -> dict[str, Any]:
    return {
        "orderId": order.key, "creationDate": stamp_with_zone(order.created_at), "clientName": order.buyer.name, "items": None,
        "totalValue": order.value, "paymentNames": ",".join(FORMS[payment.tag].name for payment in order.payments), "status": state,
        "statusDescription": DESCRIPTIONS.get(state, state), "marketPlaceOrderId": None, "sequence": str(order.sequence),
        "salesChannel": order.channel, "affiliateId": "", "origin": "Marketplace", "workflowInErrorState": False, "workflowInRetry": False,
        "lastMessageUnread": None, "ShippingEstimatedDate": None, "ShippingEstimatedDateMax": None, "ShippingEstimatedDateMin": None,
        "orderIsComplete": True, "listId": None, "listType": None, "callCenterOperatorName": None, "totalItems": len(order.lines),
        "authorizedDate": stamp_with_zone(order.authorized_at) if order.authorized_at else None, "currencyCode": "BRL",
    }  # fmt: skip


def _stats(values: Iterable[int]) -> dict[str, Any]:
    """Over every order found; all of them come from the shop's own checkout, in reais."""
    found = list(values)
    return {
        **_figures(found),
        "Facets": {
            "origin": {"Fulfillment": {**_figures([]), "Facets": None}, "Marketplace": {**_figures(found), "Facets": None}},
            "currencyCode": {"BRL": {**_figures(found), "Facets": None}},
        },
    }


def _figures(values: list[int]) -> dict[str, Any]:
    return {
        "Count": len(values), "Max": max(values, default=0), "Mean": fmean(values) if values else 0, "Min": min(values, default=0),
        "Missing": 0, "StdDev": pstdev(values) if values else 0, "Sum": sum(values), "SumOfSquares": sum(value * value for value in values),
    }  # fmt: skip
