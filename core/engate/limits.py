"""The governor: keeps every account within its rates, orders first, and learns from the platform's answers.

One `Governor` per account and process. Each endpoint group has a token bucket with three states: flowing (credits left), slowed (paced
at 97 % of the rate), stopped (until the platform's own `Retry-After`, or for a doubling pause). Calls that wait for credits are queued by
class and turn, and take their whole cost at once. Rates use real time, never the injected clock.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Coroutine, Iterable
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

import msgspec

PACE = 0.97
"""Share of the documented rate used after the burst is spent: clocks drift, and a refusal costs more than 3 %."""

LONGEST = 60.0
"""Longest pause in seconds, unless the rate has a longer one."""

priority: ContextVar[int] = ContextVar("priority", default=5)
"""0 = orders, then stock and prices, then the catalogue. Set by the lane runner, read when a call waits for its turn."""


class Rate(msgspec.Struct, frozen=True):
    """`per_second` credits on average after a `burst` of them; a call takes one, or its `cost`. `pause`: seconds to stop after a refusal
    without a time (doubled while refusals go on, up to a minute)."""

    per_second: float
    burst: float = 1.0
    pause: float = 1.0


class Meter(msgspec.Struct, frozen=True):
    """What an answer says of its groups' credits; None: not told. `limit`: the maximum; `remaining`: after this call; `restore`: credits
    per second; `spent`: by this call. `refused`: there were too few, and nothing was done; `asked`: as many are needed for it."""

    limit: float | None = None
    remaining: float | None = None
    restore: float | None = None
    spent: float | None = None
    refused: bool = False
    asked: float | None = None


class Ask(NamedTuple):
    """One process asks for credits: at least `least` at once, up to `want`. `rank`: its class, 0 first; `waited`: seconds so far; `who`:
    the process, so that its next try is recognised."""

    least: float
    want: float
    rank: int = 5
    waited: float = 0.0
    who: str = ""


UNKNOWN = -1.0
"""Credits granted while the rate has not been learnt yet."""


class Budget(Protocol):
    """The rates of all processes together, where there are several (`engate_api.budget` keeps them in Redis)."""

    async def take(self, key: str, rate: Rate | None, ask: Ask) -> tuple[float, float]:
        """(credits granted, seconds to wait when none was). Never raises: without Redis it answers from the share of one process.
        `rate` None: the learnt one, else UNKNOWN is granted."""
        ...

    async def learn(self, key: str, meter: Meter, back: float) -> None:
        """Stores what an answer said, with `remaining` reduced by calls under way; `back`: credits that were taken and not spent."""
        ...

    async def stop(self, key: str, seconds: float) -> None:
        """The platform refused: no process calls for so many seconds."""
        ...


Rank = tuple[int, int]
"""Class and turn; the lower goes first."""


class _Waiter:
    __slots__ = ("cost", "rank", "since", "turn")

    def __init__(self, rank: Rank, cost: float) -> None:
        self.rank, self.cost, self.since = rank, cost, time.monotonic()
        self.turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __lt__(self, other: _Waiter) -> bool:
        return self.rank < other.rank


class _Bucket:
    """The credits of one group in this process. `rate` None: it is learnt from an answer. Until then one call at a time is sent, and any
    number once an answer did not tell it."""

    def __init__(self, rate: Rate | None) -> None:
        self.rate: Rate | None = rate
        self.level = rate.burst if rate is not None else 0.0
        self.at = time.monotonic()
        self.stopped_until = 0.0
        self.pause = 0.0
        self._flying = 0.0  # credits of calls that are under way
        self._learning = self._unmetered = False
        self._queue: list[_Waiter] = []
        self._changed = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    # ---- taking ----

    async def take(self, cost: float, rank: Rank) -> None:
        """Takes the whole cost: at once if no call waits and there is enough, else in turn."""
        if self._queue or self.wait(cost, time.monotonic()) > 0:
            await self._queued(_Waiter(rank, cost))
        self._flying += cost

    async def _queued(self, waiter: _Waiter) -> None:
        heapq.heappush(self._queue, waiter)
        self._changed.set()
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())
        try:
            await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.done() and not waiter.turn.cancelled():
                self.level += waiter.cost
            self._changed.set()
            raise

    async def _serve(self) -> None:
        """The first in the queue waits for its whole cost, and the others wait behind it: otherwise small calls would take every credit
        that a large one waits for."""
        while self._queue:
            first = self._queue[0]
            if first.turn.done():
                heapq.heappop(self._queue)
                continue
            self._changed.clear()
            seconds = await self._seconds(first)
            if seconds <= 0:
                if first.turn.done():
                    self.level += first.cost  # the call was cancelled meanwhile
                else:
                    first.turn.set_result(None)
                continue
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _seconds(self, first: _Waiter) -> float:
        """Seconds until it may go; 0.0: its cost has been taken."""
        return self.wait(first.cost, time.monotonic())

    def wait(self, cost: float, now: float) -> float:
        """Seconds until a call of this cost may go; 0.0: the cost has been taken. One that costs more than the maximum goes when all are
        there."""
        if now < self.stopped_until:
            return self.stopped_until - now
        if self.rate is None:
            return self._unknown()
        self._refill(now)
        needed = min(cost, self.rate.burst)
        if self.level >= needed:
            self.level -= cost
            return 0.0
        return (needed - self.level) / (self.rate.per_second * PACE)

    def _unknown(self) -> float:
        if self._learning and not self._unmetered:
            return LONGEST  # the answer of a call under way ends the wait
        self._learning = True
        return 0.0

    def _refill(self, now: float) -> None:
        assert self.rate is not None
        self.level = min(self.rate.burst, self.level + (now - self.at) * self.rate.per_second * PACE)
        self.at = now

    # ---- the outcome ----

    def give_back(self, cost: float) -> None:
        """Gives back the cost of a call that was not sent."""
        self._flying -= cost
        self.level += cost
        self._learning = False
        self._changed.set()

    def over(self, cost: float, meter: Meter | None, *, answered: bool) -> None:
        """The call has ended; `meter`: what its answer said of the credits."""
        self._flying -= cost
        if meter is not None:
            self._learn(meter, _back(cost, meter))
        self._learning = False
        self._unmetered = self._unmetered or (answered and self.rate is None)
        self._changed.set()

    def _learn(self, meter: Meter, back: float) -> None:
        """`remaining` includes what other programs spend of the account. It only lowers the level: answers overtake each other, and a
        fuller bucket also fills up here."""
        now = time.monotonic()
        before = self.rate
        limit = meter.limit if meter.limit is not None else before.burst if before is not None else None
        restore = meter.restore if meter.restore is not None else before.per_second if before is not None else None
        if before is not None:
            self._refill(now)
        self.level += back
        if limit is not None and restore is not None and restore > 0:
            self.rate = Rate(restore, limit, before.pause if before is not None else 1.0)
            self.at = now
            if before is None:
                self.level = limit
        if meter.remaining is not None:
            self.level = min(self.level, meter.remaining - self._flying)

    def stop(self, retry_after: float | None) -> None:
        """A refusal: no call before the platform's own time, or without one for the rate's pause (1, 2, 4… seconds)."""
        now = time.monotonic()
        if retry_after is None and now < self.stopped_until:
            return  # it was under way when the group was stopped
        if retry_after is None:
            first = self.rate.pause if self.rate is not None else 1.0
            self.pause = min(max(LONGEST, first), self.pause * 2 or first)
            retry_after = self.pause
        self.stopped_until = max(self.stopped_until, now + retry_after)
        self.level = min(0.0, self.level)

    @property
    def paced(self) -> bool:
        """Whether a call that lacks credits waits here until there are enough."""
        return self.rate is not None

    def state(self, now: float) -> str:
        if now < self.stopped_until:
            return "stopped"
        if self.rate is None:
            return "flowing"
        return "flowing" if self.level + (now - self.at) * self.rate.per_second >= 1 else "slowed"


class _Shared(_Bucket):
    """Credits fetched from the budget of all processes: in blocks for about a tenth of a second, or only what a call needs where answers
    tell how many are left."""

    def __init__(self, rate: Rate | None, key: str, budget: Budget, *, metered: bool) -> None:
        super().__init__(rate)
        self.key, self._budget, self._metered = key, budget, metered
        self._who = uuid4().hex
        self.level = 0.0
        self._telling: set[asyncio.Task[None]] = set()

    def wait(self, cost: float, now: float) -> float:
        if now < self.stopped_until:
            return self.stopped_until - now
        if self.level < cost:
            return LONGEST
        self.level -= cost
        return 0.0

    async def _seconds(self, first: _Waiter) -> float:
        now = time.monotonic()
        seconds = self.wait(first.cost, now)
        if seconds <= 0 or now < self.stopped_until:
            return seconds
        least = first.cost - self.level
        block = 0.0 if self._metered or self.rate is None else float(max(1, int(self.rate.per_second / 10)))
        granted, seconds = await self._budget.take(
            self.key, self.rate, Ask(least, max(least, block), first.rank[0], now - first.since, self._who)
        )
        if granted == UNKNOWN:
            return self._unknown()
        if granted <= 0:
            return seconds
        self.level += granted - first.cost
        return 0.0

    def _learn(self, meter: Meter, back: float) -> None:
        if meter.limit is not None and meter.restore is not None:
            self.rate = Rate(meter.restore, meter.limit, self.rate.pause if self.rate is not None else 1.0)
        if meter.remaining is not None:
            meter = msgspec.structs.replace(meter, remaining=meter.remaining - self._flying - self.level)
        self.tell(self._budget.learn(self.key, meter, back))

    def stop(self, retry_after: float | None) -> None:
        super().stop(retry_after)
        self.tell(self._budget.stop(self.key, self.stopped_until - time.monotonic()))

    def tell(self, what: Coroutine[Any, Any, None]) -> None:
        telling = asyncio.create_task(what)
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)


def _back(cost: float, meter: Meter) -> float:
    if meter.spent is not None:
        return cost - meter.spent
    return cost if meter.refused else 0.0


class Governor:
    """Groups without a rate are only limited by `at_once`, unless answers tell one (`metered`). `budget`: for several processes that share
    the account."""

    def __init__(
        self, rates: dict[str, Rate], at_once: int, *, account: str = "", budget: Budget | None = None, metered: bool = False
    ) -> None:
        self._account, self._budget, self._metered = account, budget, metered
        self._buckets: dict[str, _Bucket] = {name: self._made(name, rate) for name, rate in rates.items()}
        self._free = at_once
        self._waiting: list[tuple[Rank, asyncio.Future[None]]] = []
        self._turn = itertools.count()

    def _made(self, name: str, rate: Rate | None) -> _Bucket:
        if self._budget is None:
            return _Bucket(rate)
        return _Shared(rate, f"{self._account}/{name}", self._budget, metered=self._metered)

    def turn(self) -> int:
        """A place in the queue. A call that keeps it has the same place when it tries again."""
        return next(self._turn)

    async def enter(self, groups: Iterable[str], cost: float = 1.0, turn: int | None = None) -> None:
        """Waits for the cost in each group, then for a place in flight. Must be followed by `leave`."""
        rank = (priority.get(), self.turn() if turn is None else turn)
        taken: list[_Bucket] = []
        try:
            for name in groups:
                bucket = self._buckets.get(name)
                if bucket is None and self._metered:
                    bucket = self._buckets[name] = self._made(name, None)
                if bucket is not None:
                    await bucket.take(cost, rank)
                    taken.append(bucket)
            await self._place(rank)
        except BaseException:
            for bucket in taken:
                bucket.give_back(cost)
            raise

    def leave(self, groups: Iterable[str] = (), cost: float = 1.0, meter: Meter | None = None, *, answered: bool = True) -> None:
        """The call has ended; `meter`: what its answer said of the credits."""
        for name in groups:
            bucket = self._buckets.get(name)
            if bucket is not None:
                bucket.over(cost, meter, answered=answered)
        while self._waiting:
            _, place = heapq.heappop(self._waiting)
            if not place.done():
                place.set_result(None)
                return
        self._free += 1

    async def _place(self, rank: Rank) -> None:
        if self._free > 0:
            self._free -= 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()
            raise

    def paced(self, groups: Iterable[str]) -> bool:
        """Whether a call waits by itself until these groups have enough credits."""
        return any(bucket.paced for name in groups if (bucket := self._buckets.get(name)) is not None)

    def refused(self, groups: Iterable[str], retry_after: float | None) -> None:
        """Handles a 429. An unknown group gets a bucket, so that it stops too."""
        for name in groups:
            bucket = self._buckets.get(name)
            if bucket is None:
                bucket = self._buckets[name] = self._made(name, Rate(1000.0, 1000.0))
            bucket.stop(retry_after)

    def went_well(self, groups: Iterable[str]) -> None:
        for name in groups:
            bucket = self._buckets.get(name)
            if bucket is not None:
                bucket.pause = 0.0

    def states(self) -> dict[str, str]:
        now = time.monotonic()
        return {name: bucket.state(now) for name, bucket in self._buckets.items()}
