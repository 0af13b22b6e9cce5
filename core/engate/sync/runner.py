"""Running lanes: claim, work one slice, settle. Any number of runners in any number of processes share one database."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
import structlog

from engate.clock import Clock
from engate.errors import AuthFailed, EngateError, Unavailable
from engate.limits import priority
from engate.store import config, lanes, records, runs
from engate.store.db import Store
from engate.store.lanes import Claim
from engate.sync.lanes import EVENTS, slice_of
from engate.sync.registry import Registry
from engate.sync.work import Later, LeaseLost, Outdated, Windows, Work

TTL = 15.0
BEAT = 3.0
LONGEST_SLEEP = 0.25
ORDER_PRIORITY = 1
REAUTH_WAIT = 60.0
SHARE_PAUSE = 0.2
SHARE_AT_ONCE = 2
log = structlog.get_logger("engate.runner")


class Runner:
    """`slots` lanes at once, of which `order_slots` serve only orders: a catalogue load never makes an order wait.

    `shared`: other runners work on the same database. Then a runner takes a few lanes at a time and the busier it is the longer it waits
    before it takes more, so that an idle one gets its share.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        clock: Clock,
        *,
        windows: Windows,
        worker: str,
        slots: int = 16,
        order_slots: int = 4,
        shared: bool = False,
    ) -> None:
        self._shared = shared
        self._store, self._registry, self._clock, self._windows = store, registry, clock, windows
        self._worker, self._slots, self._order_slots = worker, slots, order_slots
        self._lease = f"{worker}/{uuid4().hex[:12]}"
        self._running: dict[int, tuple[Claim, asyncio.Task[None]]] = {}
        self._poked = asyncio.Event()
        self._slices = 0
        self._counted_at = 0.0

    def poke(self) -> None:
        """Something may be due: do not sleep on."""
        self._poked.set()

    async def run(self) -> None:
        """Until cancelled. Leases are given back on the way out."""
        beating = asyncio.create_task(self._beat())
        try:
            await self._store.durably(records.read_broken_again)
            while True:
                self._poked.clear()
                claimed = await self._claim()
                for claim in claimed:
                    before = self._running.get(claim.id)
                    task = asyncio.create_task(self._work(claim, before[1] if before is not None else None))
                    self._running[claim.id] = (claim, task)
                await self._count()
                if not claimed:
                    await self._sleep()
        finally:
            beating.cancel()
            tasks = [task for _, task in self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # a claim that was committed while we were being stopped never became a task: after it in the queue, this gives it back
            await self._store.durably(lambda c: lanes.give_back(c, self._lease))
            await self._count(now=True)

    @property
    def busy(self) -> bool:
        return bool(self._running)

    async def _claim(self) -> list[Claim]:
        free = self._slots - len(self._running)
        if free <= 0:
            return []
        orders_only = min(self._order_slots, free)
        if self._shared:
            await asyncio.sleep(SHARE_PAUSE * len(self._running) / self._slots)
            free, orders_only = min(free, orders_only + SHARE_AT_ONCE), min(orders_only, SHARE_AT_ONCE)
        now = self._clock.now().timestamp()

        def take(c: Any) -> list[Claim]:
            found = lanes.claim(c, now, free - orders_only, self._lease, TTL) if free > orders_only else list[Claim]()
            return found + lanes.claim(c, now, orders_only, self._lease, TTL, max_prio=ORDER_PRIORITY)

        return await self._store.durably(take)

    async def _sleep(self) -> None:
        due = await self._store.reading(lanes.next_due)
        seconds = LONGEST_SLEEP if due is None else min(LONGEST_SLEEP, max(0.01, due - self._clock.now().timestamp()))
        if len(self._running) >= self._slots:
            seconds = LONGEST_SLEEP
        try:
            async with asyncio.timeout(seconds):
                await self._poked.wait()
        except TimeoutError:
            pass

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT if self._running else 0.2)
            running = list(self._running)
            if not running:
                continue
            try:
                alive = await self._store.durably(lambda c, running=running: lanes.beat(c, running, self._lease, TTL))
            except Exception as error:  # the next beat may get through; if none does, the leases end and every promise fails
                log.error("beat_failed", exc_info=error)
                continue
            for id in running:
                found = self._running.get(id)
                if found is not None and alive.get(id, True) is not False:  # lost, or asked to cancel
                    found[1].cancel()

    async def _count(self, *, now: bool = False) -> None:
        if self._slices and (now or time.monotonic() - self._counted_at > 1.0):
            slices, self._slices, self._counted_at = self._slices, 0, time.monotonic()
            at = self._clock.now().timestamp()
            await self._store.durably(lambda c: lanes.count_slices(c, self._worker, slices, at))

    # ---- one slice ----

    async def _work(self, claim: Claim, before: asyncio.Task[None] | None) -> None:
        """`before`: our own work on the same lane that has just settled and is about to end, or whose lease ran out while the database
        stood still. One after the other, and only if the lane is ours then."""
        try:
            if before is not None:
                try:
                    await asyncio.wait([before])
                except asyncio.CancelledError:
                    before.cancel()
                    await asyncio.wait([before])
                    raise
                if not await self._store.reading(lambda c: lanes.held(c, claim.id, self._lease)):
                    return
            await self._work_on(claim)
        finally:
            if self._running[claim.id][1] is asyncio.current_task():
                del self._running[claim.id]
            self.poke()

    async def _work_on(self, claim: Claim) -> None:
        priority.set(claim.prio)
        self._slices += 1
        try:
            later = await self._slice(claim)
        except asyncio.CancelledError:
            # cancelled by a person or by our own end: the lane goes on when somebody claims it
            now = self._clock.now().timestamp()
            await asyncio.shield(self._store.durably(lambda c: lanes.settle(c, claim, self._lease, now)))
            raise
        except LeaseLost:
            log.warning("lease_lost", lane=claim.name)
            return
        if later.back_off is not None:
            until = later.back_off
            await self._store.durably(lambda c: lanes.back_off(c, claim, self._lease, until))
        else:
            await self._store.durably(lambda c: lanes.settle(c, claim, self._lease, later.due))

    async def _slice(self, claim: Claim) -> Later:
        snapshot = await self._store.reading(lambda c: config.snapshot(c, claim.integration_id))
        if snapshot is None:
            return Later()
        now = self._clock.now().timestamp()
        try:
            if not snapshot.connected:
                return Later()  # settings that nobody has tested: a passed test wakes every lane
            if snapshot.refused:
                return Later(back_off=now + REAUTH_WAIT)
            coupling = await self._registry.coupling_of(snapshot)
            work = Work(
                store=self._store,
                clock=self._clock,
                windows=self._windows,
                snapshot=snapshot,
                coupling=coupling,
                claim=claim,
                lease=self._lease,
            )
            try:
                later = await slice_of(work)
            finally:
                for hook, event in work.happened:
                    await coupling.tell(hook, **event)
            if snapshot.degraded:
                await self._recovered(work)
            return later
        except Outdated:
            return Later(due=now)
        except AuthFailed as error:
            await self._unhealthy(claim, error, "reauth_required")
            return Later(back_off=now + REAUTH_WAIT)
        except EngateError as error:
            log.warning("slice_failed", lane=claim.name, integration=claim.integration_id, code=error.code, error=error.text.en)
            if isinstance(error, Unavailable) or claim.tries > 2:
                await self._unhealthy(claim, error, "degraded")
        except Exception as error:
            log.error("slice_broke", lane=claim.name, integration=claim.integration_id, exc_info=error)
        pause = min(self._windows.retry_most, self._windows.retry_first * 2 ** min(claim.tries, 10))
        return Later(back_off=now + pause)

    async def _recovered(self, work: Work) -> None:
        """What answered this slice is well again; a storefront that only lets its events be read is not."""
        claim, (erp, shop) = work.claim, work.snapshot.sides

        def note(c: sa.Connection) -> None:
            if claim.name.startswith("read/"):
                config.healthy(c, claim.integration_id, erp[0], "read/%", claim.id)
            elif work.answered or (claim.name == EVENTS and not records.in_doubt(c, claim.integration_id)):
                config.healthy(c, claim.integration_id, shop[0], "push/%", claim.id)

        await self._store.durably(note)

    async def _unhealthy(self, claim: Claim, error: EngateError, health: str) -> None:
        if error.connection_id is None:
            return
        id, said = error.connection_id, runs.error_of(error)
        await self._store.durably(lambda c: config.set_health(c, id, health, said))
