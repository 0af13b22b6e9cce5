"""Orders in: which ones changed, by the instant of the change, and the order itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from engate import Rejected, Text
from engate.model import Order, OrderEvent, Page, Query
from engate_shopify import operations as op
from engate_shopify import translate_orders as translate
from engate_shopify.client import Shopify

EVENTS_OVERLAP = 600.0
"""Seconds. Shopify's index lags by minutes, which `read_orders` catches up with at the latest."""


LONGEST_CURSOR = 400


class Window(msgspec.Struct, array_like=True):
    """Where the reading is: all that changed at or after `start`. `seen`: which of that very instant have been told.

    A window moves with every page. Numbered pages would lose an order as soon as one before it changes, and end at 25,000.
    """

    start: str
    seen: list[str] = []
    after: str | None = None


class Orders:
    def __init__(self, shop: Shopify) -> None:
        self._shop = shop

    async def changed(self, query: Query, overlap: float) -> AsyncIterator[Page[OrderEvent]]:
        window = msgspec.json.decode(query.cursor, type=Window) if query.cursor else self._first(query.since, overlap)
        while True:
            asked = f"updated_at:>='{window.start}' AND status:any"
            found = await self._shop.graphql(op.ORDERS, query=asked, after=window.after)
            rows: list[dict[str, Any]] = found["nodes"]
            more = bool(found["pageInfo"]["hasNextPage"] and rows)
            known = set(window.seen)
            events = [translate.event(row) for row in rows if row["id"] not in known]
            newest = max((row["updatedAt"] for row in rows), default=query.since or window.start)
            if more:
                window = _moved(window, rows, found["pageInfo"]["endCursor"])
            yield Page(events, _cursor(window) if more else None, max(newest, query.since or ""))
            if not more:
                return

    def _first(self, since: str | None, overlap: float) -> Window:
        start = datetime.fromisoformat(since) if since else self._shop.clock.now()
        return Window(translate.stamp(start - timedelta(seconds=overlap)))

    async def read(self, key: str) -> Order:
        raw = await self._shop.graphql(op.ORDER, id=translate.gid(key))
        if raw is None:
            raise missing(key)
        lines = list(raw["lineItems"]["nodes"])
        info = raw["lineItems"]["pageInfo"]
        while info["hasNextPage"]:
            page = (await self._shop.graphql(op.ORDER_LINES, id=raw["id"], after=info["endCursor"]))["lineItems"]
            lines += page["nodes"]
            info = page["pageInfo"]
        return translate.order(raw, lines)


def _moved(window: Window, rows: list[dict[str, Any]], end: str) -> Window:
    """The window after this page begins at its last instant. Shopify's own cursor is used only where one instant fills a page."""
    last = rows[-1]["updatedAt"]
    same = [row["id"] for row in rows if row["updatedAt"] == last]
    if last == window.start:
        return Window(last, [*window.seen, *same], end)
    return Window(last, same)


def _cursor(window: Window) -> str:
    """The window as text, no longer than engate stores. Of many orders of one instant only some are remembered; the others are told
    twice."""
    seen = window.seen
    while len(text := msgspec.json.encode(Window(window.start, seen, window.after)).decode()) > LONGEST_CURSOR and seen:
        seen = seen[len(seen) // 2 + 1 :]
    return text


def missing(key: str) -> Rejected:
    return Rejected(
        Text(f"A Shopify não tem o pedido {key}.", f"Shopify has no order {key}."),
        Text("Veja o pedido no Admin da Shopify.", "See the order in Shopify's Admin."),
        code="order.missing",
    )
