"""Running lanes: claim, work one slice, settle. Any number of runners in any number of processes share one database."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from engate import doing
from engate.clock import Clock
from engate.domain.snapshot import Snapshot
from engate.limits import priority
from engate.logs import say
from engate.metrics import Metrics, Outcome
from engate.store import clocks, config, desired, health, lanes, outbox
from engate.store.broken import broken, shortly
from engate.store.db import Store
from engate.store.lanes import Claim, Take
from engate.sync import failing
from engate.sync.failing import Failed
from engate.sync.lanes import order_of, slice_of
from engate.sync.pace import Pace
from engate.sync.registry import Registry
from engate.sync.telling import Post, outbox_slice
from engate.sync.work import Delays, LeaseLost, NextTurn, Outdated, SliceContext

TTL = 15.0
LONGEST_SLEEP = 0.25
LONGEST_LOOK = 1.0
LOOK_PAUSE = 0.02
"""Seconds between two looks at what is due: one look follows up all slices that ended together."""
TICK = 0.25
"""A schedule's next time is a multiple of these seconds: lanes due together are claimed in one transaction, and settled in few."""
CLOCK_EVERY = SWEEP_EVERY = COUNT_EVERY = 2.0
ORDERS_ALONE = 0
"""The priority of orders. Lanes that read from an ERP come after it: if the ERP hung, they would block the slots kept for orders."""
SHARE_PAUSE = 0.2
SHARE_AT_ONCE = 2
SLOTS = 64


class Slice:
    """One claimed lane, as the watching tasks see it. `standing`: its integration's, as of the claim (`config.standing`)."""

    def __init__(self, claim: Claim, standing: Any) -> None:
        self.claim, self.standing = claim, standing
        self.task: asyncio.Task[None] | None = None
        self.doing = doing.Doing()
        self.snapshot: Snapshot | None = None
        self.troubled = claim.trouble_of is not None
        self.settled = False

    def cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()


class Runner:
    """`slots` lanes at once, of which the last quarter serve only orders: a catalogue load never makes an order wait.

    `shared`: other runners work on the same database. Then a runner takes a few lanes at a time, and waits longer before taking more the
    busier it is, so that an idle one gets its share.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        clock: Clock,
        *,
        delays: Delays,
        worker: str,
        slots: int = SLOTS,
        shared: bool = False,
        metrics: Metrics | None = None,
    ) -> None:
        self._shared, self._metrics = shared, metrics or Metrics()
        self._store, self._registry, self._clock, self._delays = store, registry, clock, delays
        self._worker, self._slots, self._order_slots = worker, slots, max(1, slots // 4)
        self._lease = f"{worker}/{uuid4().hex[:12]}"
        self._running: dict[int, Slice] = {}
        self._poked, self._asked = asyncio.Event(), asyncio.Event()
        self._pace = Pace()
        self._slices = 0
        self._counted_at = self._mind_at = self._sweep_at = 0.0
        self._looked_at = 0.0
        self._due: float | None = None
        self._look = True
        """Whether something may be due that `_due` does not know: `_due` is as of this runner's last transaction."""
        self._snapshots: dict[int, Snapshot] = {}

    def poke(self) -> None:
        """Wakes the runner: something may be due, or a cancellation was asked for."""
        self._look = True
        self._poked.set()
        self._asked.set()

    async def run(self) -> None:
        """Runs until cancelled. Leases are given back at the end."""
        say("worker_started", worker=self._worker, slots=self._slots)
        watching = [asyncio.create_task(self._beat()), asyncio.create_task(self._watch())]
        try:
            await self._store.durably(desired.read_broken_again)
            while True:
                self._poked.clear()
                claimed = await self._claim() if self._may_be_due() else []
                for each in claimed:
                    self._begin(each)
                await self._count()
                await self._mind_the_clock()
                if not (claimed and self._is_due()):
                    await self._sleep()
        finally:
            tasks = [*watching, *(each.task for each in self._running.values() if each.task is not None)]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # a claim that was committed during the stop never became a task: queued behind it, this gives it back
            try:
                await self._store.durably(lambda c: lanes.give_back(c, self._lease))
                await self._count(now=True)
            except Exception as error:  # the leases run out by themselves; stopping must not wait for a broken database
                say("worker_interrupted", what="end", error=shortly(error))
            say("worker_ended", worker=self._worker)

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def _is_due(self) -> bool:
        return self._due is not None and self._due <= self._clock.now().timestamp()

    def _may_be_due(self) -> bool:
        """Whether to look for due lanes. Also true at intervals, for lanes of other processes whose leases have ended."""
        return self._look or self._is_due() or time.monotonic() > self._sweep_at

    async def _claim(self) -> list[Slice]:
        """Looks whether something is due, which costs less than a claim, and claims it in the same transaction."""
        await asyncio.sleep(max(0.0, self._looked_at + LOOK_PAUSE - time.monotonic()))
        self._looked_at = time.monotonic()
        self._look = False
        free = self._slots - len(self._running)
        if free <= 0:
            return []
        # only half of the free slots at a time: shares are counted anew in between
        for_orders = min(self._order_slots, free)
        for_all, for_orders = _half(free - for_orders), _half(for_orders)
        if self._shared:
            await asyncio.sleep(SHARE_PAUSE * len(self._running) / self._slots)
            for_all, for_orders = min(for_all, SHARE_AT_ONCE), min(for_orders, SHARE_AT_ONCE)
        now = self._clock.now().timestamp()
        sweep = time.monotonic() > self._sweep_at
        if sweep:
            self._sweep_at = time.monotonic() + SWEEP_EVERY

        def claim(c: Any) -> list[Claim]:
            found = lanes.claim(c, Take(now, for_all, self._lease, TTL, room=free)) if for_all else list[Claim]()
            left = free - len(found)
            if len(found) < for_all:
                return found  # this claim would have taken orders too
            return found + lanes.claim(c, Take(now, for_orders, self._lease, TTL, ORDERS_ALONE, left))

        def take(c: Any) -> tuple[list[Slice], float | None]:
            due = lanes.next_due(c)
            if not sweep and (due is None or due > now):
                return [], due
            found = claim(c)
            if not found:
                return [], due
            standing = config.standing(c, {each.integration_id for each in found})
            return [Slice(each, standing.get(each.integration_id)) for each in found], lanes.next_due(c)

        claimed, self._due = await self._store.durably(take)
        return claimed

    async def _sleep(self) -> None:
        ahead = self._due - self._clock.now().timestamp() if self._due is not None else LONGEST_SLEEP
        # due lanes that were not claimed are beyond a share or taken by another process: pause before asking again
        seconds = min(LONGEST_SLEEP, ahead) if ahead > 0 else LONGEST_SLEEP
        try:
            async with asyncio.timeout(seconds):
                await self._poked.wait()
        except TimeoutError:
            self._look = True

    # ---- watching what is in hand ----

    async def _beat(self) -> None:
        while True:
            idle = not self._running
            await asyncio.sleep(0.2 if idle else self._delays.beat)
            running = list(self._running)
            if idle or not running:
                continue  # what began meanwhile has a lease of just now
            try:
                alive = await self._store.durably(lambda c, running=running: lanes.beat(c, running, self._lease, TTL))
            except Exception as error:  # the next beat may succeed; if none does, the leases end and every promise fails
                say("beat_failed", exc_info=error)
                continue
            self._cancel(id for id in running if alive.get(id, True) is not False)  # lost, or asked to cancel

    async def _watch(self) -> None:
        """Cancels slices at once when asked to, and shows those that hang."""
        while True:
            try:
                async with asyncio.timeout(min(LONGEST_LOOK, self._delays.slow_after / 4)):
                    await self._asked.wait()
            except TimeoutError:
                pass
            asked = self._asked.is_set()
            self._asked.clear()
            try:
                if asked and self._running:
                    self._cancel(await self._store.reading(lambda c: lanes.asked_to_cancel(c, self._lease)))
                await self._show_slow()
            except Exception as error:
                say("watch_failed", exc_info=error)
                await asyncio.sleep(LONGEST_LOOK)

    def _cancel(self, ids: Iterable[int]) -> None:
        for id in list(ids):
            found = self._running.get(id)
            if found is not None:
                found.cancel()

    async def _show_slow(self) -> None:
        for each in list(self._running.values()):
            seconds = each.doing.seconds()
            if each.troubled or each.snapshot is None or seconds < self._delays.slow_after:
                continue
            each.troubled = True
            trouble = failing.slow(each.snapshot, each.doing.hook, seconds)
            say("slice_slow", lane=each.claim.name, integration=each.claim.integration_id, hook=each.doing.hook, seconds=round(seconds, 1))
            await self._store.durably(lambda c, id=each.claim.id, trouble=trouble: health.met(c, id, trouble))

    async def _count(self, *, now: bool = False) -> None:
        """Stores the count of slices, and at intervals that this worker is alive."""
        ago = time.monotonic() - self._counted_at
        if (self._slices and (now or ago > COUNT_EVERY)) or ago > lanes.SEEN_EVERY:
            slices, self._slices, self._counted_at = self._slices, 0, time.monotonic()
            at = self._clock.now().timestamp()
            await self._store.durably(lambda c: lanes.count_slices(c, self._worker, slices, at))

    async def _mind_the_clock(self) -> None:
        """At the start and every few seconds: if this or an earlier process worked by a clock that was ahead, pulls its stamps back."""
        if time.monotonic() < self._mind_at:
            return
        self._mind_at = time.monotonic() + CLOCK_EVERY
        now = self._clock.now().timestamp()
        seconds = await self._store.reading(lambda c: clocks.ahead(c, now))
        if seconds:
            say("clock_set_back", seconds=round(seconds))
            await self._store.writing(lambda c: clocks.pull_back(c, seconds, now))
            self._poked.set()

    # ---- one slice ----

    def _begin(self, mine: Slice) -> None:
        before = self._running.get(mine.claim.id)
        self._running[mine.claim.id] = mine
        mine.task = asyncio.create_task(self._work(mine, before.task if before is not None else None))

    async def _work(self, mine: Slice, before: asyncio.Task[None] | None) -> None:
        """`before`: this runner's own task on the same lane, which has just settled or whose lease ran out while the database hung. The new
        work waits for it, and runs only if the lease is still ours."""
        id = mine.claim.id
        try:
            if before is not None:
                try:
                    await asyncio.wait([before])
                except asyncio.CancelledError:
                    before.cancel()
                    await asyncio.wait([before])
                    raise
                if not await self._store.reading(lambda c: lanes.leased(c, id, self._lease)):
                    return
                mine.standing = None  # as it was before that work
            await self._work_on(mine)
        except Exception as error:  # its outcome could not be stored: the lease runs out, and the lane is claimed again
            unknown = None if broken(error) else error
            say("lane_dropped", lane=mine.claim.name, integration=mine.claim.integration_id, error=shortly(error), exc_info=unknown)
        finally:
            if self._running[id] is mine:
                del self._running[id]
            self._look = self._look or not mine.settled
            self._poked.set()

    async def _work_on(self, mine: Slice) -> None:
        claim = mine.claim
        priority.set(claim.prio)
        mine.doing = doing.watched(claim.integration_id, order_of(claim.name))
        self._slices += 1
        began = time.monotonic()
        outcome: Outcome = "dropped"
        try:
            turn = await self._slice(mine)
        except asyncio.CancelledError:
            outcome = "cancelled"
            # cancelled by a person or because this process ends: the lane goes on with its next claim
            now = self._clock.now().timestamp()
            await asyncio.shield(self._store.durably(lambda c: lanes.settle(c, claim, self._lease, now)))
            raise
        except LeaseLost:
            outcome = "lost"
            say("lease_lost", lane=claim.name, integration=claim.integration_id)
        except Exception as error:
            outcome = "failed"
            await self._failed(mine, error)
        else:
            self._due = await self._store.durably(lambda c: self._settle(c, mine, turn))
            mine.settled, outcome = True, "done"
        finally:
            self._metrics.worked(claim.name, outcome, time.monotonic() - began)

    def _settle(self, c: Any, mine: Slice, turn: NextTurn) -> float | None:
        """Settles the lane. Returns when something is due next."""
        if turn.back_off is not None:
            lanes.back_off(c, mine.claim, self._lease, turn.back_off)
        elif lanes.settle(c, mine.claim, self._lease, _on_tick(turn.due, self._clock.now().timestamp())) and turn.through and mine.troubled:
            health.got_through(c, mine.claim.integration_id, mine.claim.id)
        return lanes.next_due(c)

    async def _failed(self, mine: Slice, error: Exception) -> None:
        if mine.snapshot is None:
            raise error  # the database does not answer: the lease runs out, and the lane is claimed again
        met = broken(error) or error  # a database error, if it was one, whatever hook ran
        failed = Failed(mine.claim, mine.snapshot, mine.doing.hook, met, self._registry.observers)
        now = self._clock.now().timestamp()
        until = failing.back_off(failed, self._delays, now)
        failing.tell(failed, until - now)
        await self._store.durably(lambda c: failing.keep(c, self._lease, failed, until, now))

    async def _slice(self, mine: Slice) -> NextTurn:
        claim = mine.claim
        snapshot = config.renewed(self._snapshots.get(claim.integration_id), mine.standing)
        if snapshot is None:
            snapshot = await self._store.reading(lambda c: config.snapshot(c, claim.integration_id))
        mine.snapshot = snapshot
        if snapshot is None:
            self._snapshots.pop(claim.integration_id, None)
            return NextTurn()
        self._snapshots[claim.integration_id] = snapshot
        if snapshot.asleep:
            return NextTurn(through=False)  # activating it wakes every lane
        if claim.name.startswith(outbox.LANE):
            post = Post(
                store=self._store,
                clock=self._clock,
                delays=self._delays,
                snapshot=snapshot,
                claim=claim,
                lease=self._lease,
                registry=self._registry,
            )
            return await outbox_slice(post)
        now = self._clock.now().timestamp()
        if not snapshot.connected or snapshot.refused:
            return NextTurn(back_off=now + failing.REAUTH_WAIT)  # stays due: a passed test lifts it, whatever the lane is for
        coupling = await self._registry.coupling_of(snapshot)
        work = SliceContext(
            store=self._store,
            clock=self._clock,
            delays=self._delays,
            snapshot=snapshot,
            coupling=coupling,
            claim=claim,
            lease=self._lease,
            pace=self._pace,
            registry=self._registry,
        )
        whole = asyncio.timeout(self._delays.slice_most)
        try:
            async with whole:
                return await slice_of(work)
        except Outdated:
            return NextTurn(due=now, through=False)
        except TimeoutError:
            if not whole.expired():
                raise
            raise failing.overstayed(mine.doing.hook, self._delays.slice_most) from None


def _on_tick(due: float | None, now: float) -> float | None:
    """Rounds a due time up to the next tick, unless it is now or nearly so."""
    return due if due is None or due <= now + TICK else math.ceil(due / TICK) * TICK


def _half(slots: int) -> int:
    return (slots + 1) // 2
