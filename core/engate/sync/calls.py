"""The journal of calls of one process: calls to keep wait in memory for a moment and are written in batches, beside the work.

A first load makes hundreds of thousands of calls. Kept are those that did not end well, those about an order, and examples of the others;
all calls while somebody looks. No call waits for the journal or fails because of it: calls that find no room are counted and dropped.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple

from engate import doing
from engate.calls import Exchange
from engate.clock import Clock
from engate.hidden import Hidden
from engate.logs import say
from engate.metrics import Metrics
from engate.store import calls
from engate.store.broken import broken, shortly
from engate.store.calls import Call
from engate.store.db import Store
from engate.transcript import CATALOGUE, Line, Taken, about, readable, taken

EVERY = 1.0
"""Seconds between two batches."""
AT_ONCE = 250
"""Calls that one transaction writes."""
MOST_WAITING, MOST_BYTES = 4_000, 16 * 2**20
"""Calls, and their bytes, that may wait to be written."""
TRIM_AFTER = 1_000
"""After this many calls of a tenant it is checked whether too many are stored."""
PERIOD = 60.0
EXAMPLES, FEW_EXAMPLES = 10, 1
"""Examples kept of each hook of a connection in `PERIOD` seconds: of the catalogue's hooks, and of the others."""


class Waits(NamedTuple):
    """A call that is to be written."""

    account: Account
    taken: Taken


class Account:
    """Takes the calls of one connection: implements `engate.calls.Listener`."""

    def __init__(self, journal: Calls, connection_id: int, secrets: Iterable[str]) -> None:
        self._journal, self.connection_id, self.hidden = journal, connection_id, Hidden(secrets)
        self._since, self._examples = 0.0, dict[str, int]()

    def hide(self, *secrets: str) -> None:
        self.hidden.learn(secrets)

    def ended(self, exchange: Exchange) -> None:
        current = doing.current()
        ok = exchange.outcome == "ok"
        order = current is not None and current.order is not None
        if ok and not order and not self._journal.keeps_all(self.connection_id) and not self._may_show(current.hook if current else ""):
            return
        self._journal.take(Waits(self, taken(exchange, about(current), self._journal.now(), example=ok and not order)))

    def _may_show(self, hook: str) -> bool:
        """Whether another example of this hook is wanted."""
        now = time.monotonic()
        if now > self._since + PERIOD:
            self._since = now
            self._examples.clear()
        shown = self._examples.get(hook, 0)
        if shown >= (EXAMPLES if hook in CATALOGUE else FEW_EXAMPLES):
            return False
        self._examples[hook] = shown + 1
        return True


class Calls:
    """`everything`: all calls of all connections are kept. `told`: is called with each call that was kept."""

    def __init__(
        self, store: Store, clock: Clock, metrics: Metrics, *, everything: bool = False, told: Callable[[Line], None] | None = None
    ) -> None:
        self._store, self._clock, self._metrics, self._told = store, clock, metrics, told
        self._everything = everything
        self._watched: dict[int, float] = {}
        self._waiting: deque[Waits] = deque()
        self._bytes = 0
        self._writing = asyncio.Lock()
        self._written: dict[int, int] = {}

    def of(self, connection_id: int, secrets: Iterable[str]) -> Account:
        """For the clients of this connection."""
        return Account(self, connection_id, secrets)

    def now(self) -> float:
        return self._clock.now().timestamp()

    def keeps_all(self, connection_id: int) -> bool:
        until = self._watched.get(connection_id)
        return self._everything or (until is not None and until > self.now())

    def watch(self, connection_id: int, until: float | None) -> None:
        """Keeps all calls of this connection until then (None: no longer). Other processes learn it from the database."""
        self._watched.pop(connection_id, None)
        if until is not None:
            self._watched[connection_id] = until

    def take(self, one: Waits) -> None:
        """Queues a call to be written; drops it where there is no room."""
        weight = one.taken.weight
        if len(self._waiting) >= MOST_WAITING or self._bytes + weight > MOST_BYTES:
            self._metrics.calls_dropped(1)
            return
        self._waiting.append(one)
        self._bytes += weight

    async def run(self) -> None:
        """Runs until cancelled. Waiting calls are written before it ends."""
        try:
            while True:
                await asyncio.sleep(EVERY)
                await self._look()
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Writes the calls that wait now. If the database fails, they go on waiting."""
        await asyncio.shield(self._flush())  # a cancelled caller leaves nothing half written

    async def _look(self) -> None:
        try:
            self._watched = await self._store.reading(lambda c: calls.watched(c, self.now()))
        except Exception as error:
            say("calls_not_kept", error=shortly(error))

    async def _flush(self) -> None:
        async with self._writing:
            try:
                await self._write_all()
                await self._trim()
            except Exception as error:
                say("calls_not_kept", error=shortly(error))

    async def _write_all(self) -> None:
        left = len(self._waiting)
        while left > 0:
            some = list(islice(self._waiting, min(left, AT_ONCE)))
            left -= len(some)
            later: list[Waits] = []
            try:
                later = await self._write(some)
            except Exception as error:
                if broken(error) is not None:
                    raise
                say("call_not_kept", error=type(error).__name__)
                self._metrics.calls_dropped(len(some))  # one bad call must not hold up the next ones
            for _ in some:
                self._bytes -= self._waiting.popleft().taken.weight
            for one in later:
                self.take(one)

    async def _write(self, some: list[Waits]) -> list[Waits]:
        """Returns the calls to try again later."""
        lines = await asyncio.to_thread(lambda: [readable(each.taken, each.account.hidden) for each in some])
        rows = [Call(each.account.connection_id, line) for each, line in zip(some, lines, strict=True)]
        counts, busy = await self._store.writing(lambda c: calls.keep(c, rows))
        for tenant_id, count in counts.items():
            self._written[tenant_id] = self._written.get(tenant_id, 0) + count
        again = {id(each.line) for each in busy}
        if self._told is not None:
            for line in lines:
                if id(line) not in again:
                    self._told(line)
        return [one for one, line in zip(some, lines, strict=True) if id(line) in again]

    async def _trim(self) -> None:
        """Deletes calls beyond the tenant's bound: a failing platform must not fill the disk."""
        for tenant_id in [id for id, count in self._written.items() if count >= TRIM_AFTER]:
            self._written[tenant_id] = 0
            while await self._store.writing(lambda c, tenant_id=tenant_id: calls.trim(c, tenant_id)):
                pass
