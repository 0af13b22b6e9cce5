"""Finds orders by the reference they carry.

No filter for it is known, so the list is read. One reading serves all who look at that time.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

import msgspec

from engate import Text
from engate_winthor.client import Client
from engate_winthor.rows import OrderRow, text

SEARCH_DAYS = 2
NO_REFERENCE = Text(
    "A lista de pedidos do WinThor não mostra a referência da loja.",
    "WinThor's list of orders does not show the shop's reference.",
)


class Listed(msgspec.Struct):
    """The orders of all asked branches and days by reference. `whole`: nothing can have slipped between its pages."""

    orders: dict[str, list[OrderRow]]
    whole: bool

    @property
    def blind(self) -> bool:
        """Whether orders are listed, and none has the field of the reference. Such a list cannot say that an order is absent."""
        return bool(self.orders) and all(row.reference is msgspec.UNSET for rows in self.orders.values() for row in rows)


class _Reading:
    """One reading of the list, and how many wait for it."""

    def __init__(self, reading: Coroutine[Any, Any, Listed]) -> None:
        self.task = asyncio.create_task(reading)
        self.waiting = 0


class OrderSearch:
    """Whoever asks while a reading is under way waits for the next one, so an answer is never older than its question.

    A reading that nobody waits for any more is ended: a call that hangs would keep all later ones waiting.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._reading = asyncio.Lock()
        self._next: _Reading | None = None
        self._branches: dict[str, None] = {}
        self._days = 0

    async def listed(self, branches: Iterable[str], days: int) -> Listed:
        """All orders of these branches of the last `days` days, and perhaps more."""
        self._branches.update(dict.fromkeys(branches))
        self._days = max(self._days, days)
        if self._next is None:
            self._next = _Reading(self._read())
        mine = self._next
        mine.waiting += 1
        try:
            return await asyncio.shield(mine.task)
        finally:
            mine.waiting -= 1
            if not mine.waiting and not mine.task.done():
                mine.task.cancel()
                self._next = None if self._next is mine else self._next

    async def _read(self) -> Listed:
        async with self._reading:
            self._next, branches, days, self._days = None, ",".join(self._branches), self._days, 0
            call, names = self._client.contract.orders, self._client.contract.order_params
            found = Listed({}, whole=False)
            async for page in self._client.pages(call, self._client.rows.order, order_key, {call.branch: branches, names.days: days}):
                for row in page.rows:
                    found.orders.setdefault(text(row.reference), []).append(row)
                found.whole = page.whole
            return found


def order_key(row: OrderRow) -> str:
    return text(row.number)
