"""Looking for orders by the reference they carry. No filter for it is known, so the list is read; one reading serves many who look."""

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from engate_winthor.client import Client
from engate_winthor.rows import OrderRow, text


class Listed(msgspec.Struct):
    """The orders of all asked branches and days by reference. `whole`: nothing can have slipped between its pages."""

    orders: dict[str, list[OrderRow]]
    whole: bool

    @property
    def blind(self) -> bool:
        """Orders are listed, and none has the field of the reference: such a list cannot say that one is absent."""
        return bool(self.orders) and all(row.reference is msgspec.UNSET for rows in self.orders.values() for row in rows)


class OrderSearch:
    """Whoever asks while a reading is under way waits for the next one: an answer is never older than its question."""

    def __init__(self, client: Client, key: Callable[[OrderRow], str]) -> None:
        self._client, self._key = client, key
        self._reading = asyncio.Lock()
        self._next: asyncio.Task[Listed] | None = None
        self._branches: dict[str, None] = {}
        self._days = 0

    async def listed(self, branches: Iterable[str], days: int) -> Listed:
        """All orders of these branches of the last `days` days, and perhaps more."""
        self._branches.update(dict.fromkeys(branches))
        self._days = max(self._days, days)
        if self._next is None:
            self._next = asyncio.create_task(self._read())
        return await asyncio.shield(self._next)

    async def _read(self) -> Listed:
        async with self._reading:
            self._next, branches, days, self._days = None, ",".join(self._branches), self._days, 0
            call, names = self._client.contract.orders, self._client.contract.order_params
            found = Listed({}, whole=False)
            async for page in self._client.pages(call, self._client.rows.order, self._key, {call.branch: branches, names.days: days}):
                for row in page.rows:
                    found.orders.setdefault(text(row.reference), []).append(row)
                found.whole = page.whole
            return found
