"""What happened to orders: from the feed, or, where VTEX calls us, from its list of orders what it may not have told."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

from engate.clock import Clock
from engate.model import OrderEvent, Page, Query
from engate_vtex import webhooks
from engate_vtex.client import Vtex
from engate_vtex.order_list import OrderList
from engate_vtex.orders import Orders

SELDOM = timedelta(seconds=30)
"""Where VTEX calls us: how often it is asked whether the hook is still there, and for orders that the hook may have missed."""
OVERLAP = 900.0
"""Seconds: the list is some four minutes late."""


class Events:
    def __init__(self, vtex: Vtex, orders: Orders, clock: Clock) -> None:
        self._vtex, self._orders, self._clock = vtex, orders, clock
        self._unheard = OrderList(vtex, clock, OVERLAP)
        self._again = datetime.min.replace(tzinfo=UTC)

    async def pages(self, query: Query) -> AsyncGenerator[Page[OrderEvent]]:
        """The feed keeps its own position, so the query's cursor does not matter to it."""
        now = self._clock.now()
        if now < self._again:
            return
        called = await webhooks.calls_us(self._vtex)
        async with aclosing(self._orders.left() if called else self._orders.events()) as pages:
            async for page in pages:
                yield page
        if not called:
            return
        async with aclosing(self._unheard.pages(query)) as pages:
            async for page in pages:  # the list is not in the order of what happened: only its end says that all was told
                yield page if page.cursor is None else Page(page.items, page.cursor)
        self._again = now + SELDOM
