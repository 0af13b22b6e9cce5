"""The list of orders by date, for what the feed lost or the hook never told.

The list is late by minutes, shows at most 30 pages of 100, and has no filter by the last change. So it is asked for orders that were
created, then for those that were paid, in spans of time that fit into 30 pages.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from engate import Text, Unavailable
from engate.clock import Clock
from engate.model import OrderEvent, Page, Query
from engate_vtex import endpoints as at
from engate_vtex import translate_orders as translate
from engate_vtex.client import Vtex

DATES = ("creationDate", "authorizedDate")
SIZE = 100
PAGES = 30
SHORTEST = timedelta(seconds=1)
AHEAD = timedelta(hours=1)
"""How far a span reaches beyond our clock: VTEX's clock may be ahead of it."""


class Span(msgspec.Struct, array_like=True):
    """Where the reading is: a page of the orders whose date lies in a span. `mark`: VTEX's own time when the reading began."""

    since: datetime
    until: datetime
    start: datetime
    end: datetime
    mark: datetime
    date: int = 0
    page: int = 1

    def halved(self) -> Span:
        return msgspec.structs.replace(self, end=self.start + (self.end - self.start) / 2)

    def next(self, total: int) -> Span | None:
        if self.page * SIZE < total and self.page < PAGES:
            return msgspec.structs.replace(self, page=self.page + 1)
        if self.end < self.until:
            return msgspec.structs.replace(self, start=self.end, end=self.until, page=1)
        if self.date + 1 < len(DATES):
            return msgspec.structs.replace(self, start=self.since, end=self.until, date=self.date + 1, page=1)
        return None


class OrderList:
    def __init__(self, vtex: Vtex, clock: Clock, overlap: float) -> None:
        self._vtex, self._clock, self._overlap = vtex, clock, timedelta(seconds=overlap)

    async def pages(self, query: Query) -> AsyncGenerator[Page[OrderEvent]]:
        span: Span | None = msgspec.json.decode(query.cursor, type=Span) if query.cursor else self._first(query.since)
        while span is not None:
            response = await self._vtex.call(at.ORDERS, query=_asked(span))
            if not query.cursor and span.date == 0 and span.start == span.since and response.date is not None:
                span.mark = min(span.mark, response.date)
            answer = response.json(dict[str, Any])
            total = int(answer["paging"]["total"])
            if span.page == 1 and total > SIZE * PAGES and span.end - span.start > SHORTEST:
                span = span.halved()
                continue
            rows = translate.rows(answer, "list")
            if not rows and (span.page - 1) * SIZE < total:
                raise Unavailable(
                    Text("A lista de pedidos da VTEX terminou cedo demais.", "VTEX's list of orders ended too early."),
                    Text("O engate lê de novo sozinho.", "engate reads it again by itself."),
                    code="orders.short",
                )
            mark, span = span.mark, span.next(total)
            cursor = msgspec.json.encode(span).decode() if span is not None else None
            yield Page([translate.listed(row) for row in rows], cursor, translate.stamp(mark))

    def _first(self, since: str | None) -> Span:
        now = self._clock.now().astimezone(UTC)
        start = (datetime.fromisoformat(since) if since else now) - self._overlap
        return Span(start, now + AHEAD, start, now + AHEAD, now)


def _asked(span: Span) -> dict[str, str | int]:
    name = DATES[span.date]
    return {
        f"f_{name}": f"{name}:[{translate.stamp(span.start)} TO {translate.stamp(span.end)}]",
        "orderBy": "creationDate,asc",
        "page": span.page,
        "per_page": SIZE,
    }
