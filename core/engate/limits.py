"""The governor: keeps every account inside its documented rates, orders first, and learns from what the platform answers.

One `Governor` per account and process. Each endpoint group has a token bucket with three states: flowing (credits left), slowed (paced
at 97 % of the rate), stopped (until the platform's own `Retry-After`, or a pause that doubles). Rates are real time, never the injected
clock.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Protocol

import msgspec

PACE = 0.97
"""Share of the documented rate that is used once the burst is spent: clocks drift, and a refusal costs more than 3 %."""

LONGEST = 60.0
"""Seconds that a pause grows to, where the rate does not say a longer one."""

priority: ContextVar[int] = ContextVar("priority", default=5)
"""0 = orders, then stock and prices, then the catalogue: set by the lane runner, read when a call waits for its turn."""


class Rate(msgspec.Struct, frozen=True):
    """`per_second` requests on average after a `burst` of credits. `pause`: seconds to stop after a refusal that names no time of its own
    (doubled while refusals go on, up to a minute)."""

    per_second: float
    burst: float = 1.0
    pause: float = 1.0


class Budget(Protocol):
    """The rates of all processes together, where there are several (`engate_api.budget` keeps them in Redis)."""

    async def take(self, key: str, rate: Rate, want: int) -> tuple[int, float]:
        """(credits granted, seconds to wait when none was). Never raises: without Redis it answers from the share of one process."""
        ...

    async def stop(self, key: str, seconds: float) -> None:
        """The platform refused: nobody goes before then."""
        ...


class _Bucket:
    """The credits of one group in this process."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.level = rate.burst
        self.at = time.monotonic()
        self.stopped_until = 0.0
        self.pause = 0.0

    def wait(self, now: float) -> float:
        """Seconds until one request may go; 0.0 takes it."""
        if now < self.stopped_until:
            return self.stopped_until - now
        pace = self.rate.per_second * PACE
        self.level = min(self.rate.burst, self.level + (now - self.at) * pace)
        self.at = now
        if self.level >= 1:
            self.level -= 1
            return 0.0
        return (1 - self.level) / pace

    def stop(self, retry_after: float | None) -> None:
        """A refusal: nothing goes before the platform's own time, or where it names none the rate's pause (1, 2, 4… seconds)."""
        now = time.monotonic()
        if retry_after is None and now < self.stopped_until:
            return  # it was on its way when the group was stopped
        if retry_after is None:
            self.pause = min(max(LONGEST, self.rate.pause), self.pause * 2 or self.rate.pause)
            retry_after = self.pause
        self.stopped_until = max(self.stopped_until, now + retry_after)
        self.level = 0.0

    def state(self, now: float) -> str:
        if now < self.stopped_until:
            return "stopped"
        return "flowing" if self.level + (now - self.at) * self.rate.per_second >= 1 else "slowed"


class _Shared(_Bucket):
    """Credits fetched in blocks of about a tenth of a second from the budget of all processes."""

    def __init__(self, rate: Rate, key: str, budget: Budget) -> None:
        super().__init__(rate)
        self.key, self._budget = key, budget
        self.level = 0.0
        self._fetching = asyncio.Lock()

    async def fetch(self) -> float:
        """Seconds until one request may go; 0.0 takes it."""
        async with self._fetching:
            now = time.monotonic()
            if now < self.stopped_until:
                return self.stopped_until - now
            if self.level < 1:
                granted, seconds = await self._budget.take(self.key, self.rate, max(1, int(self.rate.per_second / 10)))
                if granted == 0:
                    return seconds
                self.level += granted
            self.level -= 1
            return 0.0


class Governor:
    """Groups without a rate are only bounded by `at_once`. `budget`: where several processes share the account."""

    def __init__(self, rates: dict[str, Rate], at_once: int, *, account: str = "", budget: Budget | None = None) -> None:
        self._account, self._budget = account, budget
        self._stops: set[asyncio.Task[None]] = set()
        self._buckets: dict[str, _Bucket] = {
            name: _Bucket(rate) if budget is None else _Shared(rate, f"{account}/{name}", budget) for name, rate in rates.items()
        }
        self._free = at_once
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._turn = itertools.count()

    async def enter(self, groups: Iterable[str]) -> None:
        """Waits for a credit in each group, then for a place in flight. Must be followed by `leave`."""
        for name in groups:
            bucket = self._buckets.get(name)
            if bucket is None:
                continue
            while (seconds := await bucket.fetch() if isinstance(bucket, _Shared) else bucket.wait(time.monotonic())) > 0:  # noqa: ASYNC110  # a credit is time alone
                # Lower classes wait a little longer, so that an order overtakes them at the next credit.
                await asyncio.sleep(seconds * (1 + 0.2 * priority.get()))
        await self._place()

    def leave(self) -> None:
        while self._waiting:
            _, _, place = heapq.heappop(self._waiting)
            if not place.done():
                place.set_result(None)
                return
        self._free += 1

    async def _place(self) -> None:
        if self._free > 0:
            self._free -= 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority.get(), next(self._turn), place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()
            raise

    def refused(self, groups: Iterable[str], retry_after: float | None) -> None:
        """A 429. A group unknown so far gets a bucket, so that it stops too."""
        for name in groups:
            bucket = self._buckets.setdefault(name, _Bucket(Rate(1000.0, 1000.0)))
            bucket.stop(retry_after)
            if self._budget is not None:
                stopping = asyncio.create_task(self._budget.stop(f"{self._account}/{name}", bucket.stopped_until - time.monotonic()))
                self._stops.add(stopping)
                stopping.add_done_callback(self._stops.discard)

    def went_well(self, groups: Iterable[str]) -> None:
        for name in groups:
            bucket = self._buckets.get(name)
            if bucket is not None:
                bucket.pause = 0.0

    def states(self) -> dict[str, str]:
        now = time.monotonic()
        return {name: bucket.state(now) for name, bucket in self._buckets.items()}
