"""Lanes: one worker at a time each, no event lost, nothing forgotten, orders first, tenants fair. On both databases."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engate.store import lanes
from engate.store.db import Store
from engate.store.lanes import Claim, Take, Wake
from engate.store.tables import connection, integration, lane, metadata, tenant


def furnished(url: str, tenants: int = 3) -> Store:
    """Tenants 1…n, each with integration 1…n of the same number."""
    store = Store(url)
    metadata.create_all(store.engine)
    with store.write() as c:
        for n in range(1, tenants + 1):
            c.execute(sa.insert(tenant).values(id=n, name=f"t{n}", created_at=0))
            c.execute(sa.insert(connection).values(id=n, tenant_id=n, name="c", platform="p", role="erp", settings={}, created_at=0))
            c.execute(
                sa.insert(integration).values(id=n, tenant_id=n, name="i", erp_id=n, storefront_id=n, options={}, mapping={}, created_at=0)
            )
    return store


@pytest.fixture
def store(database: str) -> Generator[Store]:
    made = furnished(database)
    yield made
    made.close()


def wake(store: Store, *names: str, prio: int = 5, at: float = 0.0, integration: int = 1) -> None:
    with store.write() as c:
        lanes.wake(c, [Wake(integration, integration, name, prio, at) for name in names])


def claim(store: Store, now: float = 10.0, limit: int = 10, lease: str = "me", ttl: float = 30.0, **more: int) -> list[Claim]:
    with store.write() as c:
        return lanes.claim(c, Take(now, limit, lease, ttl, **more))


def test_a_lane_is_claimed_once_until_its_lease_ends(store: Store) -> None:
    wake(store, "a")
    assert [claimed.name for claimed in claim(store, ttl=0.0)] == ["a"]
    assert [claimed.name for claimed in claim(store, lease="other")] == ["a"]  # that lease was over at once: the sweeper is the claim
    assert claim(store, lease="third") == []


@pytest.mark.trap("engine.settle-ours")
def test_who_lost_the_lease_can_no_longer_settle_and_hears_of_it(store: Store) -> None:
    wake(store, "a")
    [first] = claim(store, ttl=0.0)
    [second] = claim(store, lease="other")
    with store.write() as c:
        assert not lanes.leased(c, first.id, "me") and lanes.leased(c, second.id, "other")
        assert lanes.beat(c, [first.id], "me", 30) == {}
        assert not lanes.settle(c, first, "me")
        assert not lanes.back_off(c, first, "me", 99)
        assert lanes.leased(c, second.id, "other")
        assert lanes.settle(c, second, "other")


def test_an_event_during_the_work_keeps_the_lane_due(store: Store) -> None:
    wake(store, "a")
    [claimed] = claim(store)
    wake(store, "a", at=10.0)
    with store.write() as c:
        lanes.settle(c, claimed, "me")
    assert [again.name for again in claim(store)] == ["a"]


def test_settled_without_a_new_event_rests_until_it_is_due(store: Store) -> None:
    wake(store, "a")
    [claimed] = claim(store)
    with store.write() as c:
        lanes.settle(c, claimed, "me", 50.0)
    assert claim(store, now=49.9) == []
    assert [again.name for again in claim(store, now=50.0)] == ["a"]


def test_a_new_event_does_not_jump_over_a_back_off(store: Store) -> None:
    wake(store, "a")
    [claimed] = claim(store)
    with store.write() as c:
        lanes.back_off(c, claimed, "me", 60.0)
    wake(store, "a", at=11.0)
    assert claim(store, now=59.0) == []
    assert [again.tries for again in claim(store, now=60.0)] == [2]


@pytest.mark.trap("engine.lift-in-hand")
def test_a_person_lifts_a_back_off_also_of_a_lane_that_is_just_failing(store: Store) -> None:
    wake(store, "a", "b", "c")
    for one in claim(store):
        with store.write() as c:
            lanes.back_off(c, one, "me", 60.0)
    with store.write() as c:
        lanes.lift(c, 1, ["a"])
    [lifted] = claim(store, now=11.0)
    assert (lifted.name, lifted.tries) == ("a", 1)
    with store.write() as c:
        assert sorted(lanes.backing_off(c, 1)) == ["a", "b", "c"]
        lanes.lift(c, 1, ["a"])
        assert lanes.back_off(c, lifted, "me", 900.0)
    assert [again.name for again in claim(store, now=12.0)] == ["a"]


def test_an_earlier_event_brings_the_due_time_forward_and_a_later_one_does_not_push_it_back(store: Store) -> None:
    wake(store, "a", at=100.0)
    wake(store, "a", at=20.0)
    wake(store, "a", at=300.0)
    assert claim(store, now=19.0) == [] and len(claim(store, now=20.0)) == 1


def test_orders_come_first_and_some_places_are_theirs_alone(store: Store) -> None:
    wake(store, *(f"push/{n}" for n in range(5)), prio=6)
    wake(store, "order/1", prio=0, at=9.0)
    assert [claimed.name for claimed in claim(store, limit=1)] == ["order/1"]
    assert claim(store, most=1) == []


def test_a_tenant_with_a_thousand_lanes_does_not_make_the_others_wait(store: Store) -> None:
    wake(store, *(f"order/{n}" for n in range(300)), prio=0, at=1.0)
    wake(store, "order/x", "order/y", prio=0, at=2.0, integration=2)
    wake(store, "order/z", prio=0, at=3.0, integration=3)
    assert Counter(claimed.tenant_id for claimed in claim(store, limit=6)) == {1: 3, 2: 2, 3: 1}


def fill(store: Store, slots: int, lease: str = "me") -> Counter[int]:
    """Claims as a runner does until nothing more is given, at most half of what is free at a time. Integration -> lanes."""
    got: Counter[int] = Counter()
    while more := claim(store, limit=max(1, (slots - got.total()) // 2), lease=lease, room=slots - got.total()):
        got.update(one.integration_id for one in more)
    return got


@pytest.mark.trap("engine.account-share")
def test_one_alone_leaves_half_of_the_slots_free_and_whoever_comes_has_them(store: Store) -> None:
    wake(store, *(f"order/{n}" for n in range(40)), prio=0)
    assert fill(store, 16) == {1: 8}
    wake(store, *(f"order/{n}" for n in range(40)), prio=0, at=5.0, integration=2)
    wake(store, "read/stock", prio=2, at=6.0, integration=3)
    with store.write() as c:
        assert lanes.claim(c, Take(10.0, 4, "me", 30.0, room=8))[0].tenant_id == 2
    assert {one.tenant_id for one in claim(store, limit=4, room=4)} == {3}, "its stock comes before the ninth order of the others"


@pytest.mark.trap("engine.share-of-one")
def test_who_holds_nothing_may_have_the_last_slot(store: Store) -> None:
    wake(store, *(f"order/{n}" for n in range(40)), prio=0)
    claim(store, limit=5)
    wake(store, "push/image", prio=7, integration=2)
    assert [one.tenant_id for one in claim(store, limit=1, room=1)] == [2]


@pytest.mark.trap("engine.held-elsewhere")
def test_what_other_runners_hold_counts(store: Store) -> None:
    """The one whose lanes are held elsewhere comes after the one who has none."""
    wake(store, *(f"order/{n}" for n in range(40)), prio=0, at=1.0)
    wake(store, *(f"order/{n}" for n in range(40)), prio=0, at=2.0, integration=2)
    assert {one.tenant_id for one in claim(store, limit=3, lease="other", room=16)} == {1, 2}
    with store.write() as c:
        c.execute(sa.update(lane).where(lane.c.tenant_id == 2).values(lease=None, lease_until=0))
        c.execute(sa.update(lane).where(lane.c.lease.is_(None), lane.c.tenant_id == 1).values(due_at=0.5))
    assert [one.tenant_id for one in claim(store, limit=2, room=16)] == [2, 2]


@pytest.mark.trap("engine.tenant-share")
def test_a_tenant_of_many_accounts_leaves_a_quarter_free_and_its_accounts_share(store: Store) -> None:
    with store.write() as c:
        for n in range(11, 21):
            c.execute(sa.insert(connection).values(id=n, tenant_id=1, name=f"c{n}", platform="p", role="erp", settings={}, created_at=0))
            c.execute(
                sa.insert(integration).values(
                    id=n, tenant_id=1, name=f"i{n}", erp_id=n, storefront_id=n, options={}, mapping={}, created_at=0
                )
            )
            lanes.wake(c, [Wake(1, n, f"order/{m}", 0, 0.0) for m in range(40)])
    got = fill(store, 64)
    assert got.total() == 48 and len(got) == 10 and max(got.values()) - min(got.values()) <= 1


def test_the_integrations_of_one_erp_account_share_its_part(store: Store) -> None:
    with store.write() as c:
        c.execute(sa.update(integration).where(integration.c.id == 2).values(erp_id=1, tenant_id=1, name="second"))
    for n in (1, 2):
        wake(store, *(f"order/{m}" for m in range(40)), prio=0, integration=n)
    with store.write() as c:
        c.execute(sa.update(lane).values(tenant_id=1))
    assert fill(store, 16).total() == 8


@pytest.mark.trap("engine.first-of-each")
def test_thousands_of_due_orders_of_one_do_not_hide_the_others(store: Store) -> None:
    wake(store, *(f"order/{n}" for n in range(2000)), prio=0, at=1.0)
    wake(store, "order/x", prio=0, at=9.0, integration=2)
    assert {one.tenant_id for one in claim(store, limit=2, room=16)} == {1, 2}


@pytest.mark.trap("engine.turn-of-tenants")
def test_a_tenant_of_many_accounts_comes_no_more_often(store: Store) -> None:
    with store.write() as c:
        for n in (11, 12):
            c.execute(sa.insert(connection).values(id=n, tenant_id=1, name=f"c{n}", platform="p", role="erp", settings={}, created_at=0))
            c.execute(
                sa.insert(integration).values(
                    id=n, tenant_id=1, name=f"i{n}", erp_id=n, storefront_id=n, options={}, mapping={}, created_at=0
                )
            )  # fmt: skip
        lanes.wake(c, [Wake(1, n, "order/1", 0, 1.0) for n in (1, 11, 12)])
    wake(store, "order/x", prio=0, at=9.0, integration=2)
    assert {one.tenant_id for one in claim(store, limit=2, room=16)} == {1, 2}


def test_who_is_asked_to_cancel_hears_it_at_the_next_beat(store: Store) -> None:
    wake(store, "a", "b")
    claimed = {one.name: one for one in claim(store)}
    with store.write() as c:
        lanes.ask_to_cancel(c, 1, ["a"])
        assert lanes.beat(c, [one.id for one in claimed.values()], "me", 30) == {claimed["a"].id: True, claimed["b"].id: False}


def test_a_sleeper_knows_when_something_is_due(store: Store) -> None:
    with store.read() as c:
        assert lanes.next_due(c) is None
    wake(store, "a", at=70.0)
    wake(store, "b", at=40.0)
    with store.write() as c:
        assert lanes.next_due(c) == 40.0
        c.execute(sa.update(lane).where(lane.c.name == "b").values(not_before=90.0))
        assert lanes.next_due(c) == 70.0


def test_many_workers_never_hold_the_same_lane_and_lose_no_event(store: Store) -> None:
    """Threads wake, claim and settle at random. Whatever was wished before a claim was committed is worked on at or after that wish."""
    names = [f"order/{n}" for n in range(6)]
    busy: Counter[str] = Counter()
    wished: Counter[str] = Counter()
    worked_up_to: Counter[str] = Counter()
    lock, doubles = threading.Lock(), list[str]()
    stop = threading.Event()

    def waker(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(40):
            name = chance.choice(names)
            with lock:
                wished[name] += 1  # before the wake: work that begins after the wake sees it
            wake(store, name, prio=0, at=1.0)

    def worker(number: int) -> None:
        lease = f"w{number}"
        while True:
            last = stop.is_set()
            claimed = claim(store, limit=2, lease=lease)
            for one in claimed:
                with lock:
                    busy[one.name] += 1
                    if busy[one.name] > 1:
                        doubles.append(one.name)
                    worked_up_to[one.name] = wished[one.name]
                with lock:
                    busy[one.name] -= 1
                with store.write() as c:
                    assert lanes.settle(c, one, lease)
            if not claimed and last:
                return

    with ThreadPoolExecutor(6) as pool:
        wakers = [pool.submit(waker, seed) for seed in range(2)]
        workers = [pool.submit(worker, n) for n in range(4)]
        for future in wakers:
            future.result()
        stop.set()
        for future in workers:
            future.result()
    assert doubles == []
    assert worked_up_to == wished
    with store.read() as c:
        assert lanes.next_due(c) is None


NAMES = st.sampled_from(["order/1", "order/2", "read/stock", "push/price"])


class Model(RuleBasedStateMachine):
    """Random histories against the few lines that a lane means: owed work is never forgotten, never done by two, never before its time."""

    def __init__(self) -> None:
        super().__init__()
        self.store = furnished("sqlite://" + "/" + self.folder() + "/lanes.db", tenants=1)
        self.now = 0.0
        self.due: dict[str, float | None] = {}
        self.not_before: dict[str, float] = {}
        self.held: dict[str, tuple[Claim, str]] = {}
        self.woken_since: dict[str, bool] = {}
        self.leases = 0

    def folder(self) -> str:
        import tempfile

        self.temporary = tempfile.TemporaryDirectory()
        return self.temporary.name

    def teardown(self) -> None:
        self.store.close()
        self.temporary.cleanup()

    @rule(name=NAMES, later=st.sampled_from([0.0, 0.0, 5.0]))
    def wake(self, name: str, later: float) -> None:
        wake(self.store, name, at=self.now + later, prio=0 if name.startswith("order") else 5)
        due = self.due.get(name)
        self.due[name] = self.now + later if due is None else min(due, self.now + later)
        self.woken_since[name] = True

    @rule(seconds=st.sampled_from([1.0, 3.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(limit=st.integers(1, 4))
    def claim(self, limit: int) -> None:
        self.leases += 1
        lease = f"l{self.leases}"
        ready = {
            name for name, due in self.due.items()
            if due is not None and due <= self.now and self.not_before.get(name, 0) <= self.now and name not in self.held
        }  # fmt: skip
        claimed = claim(self.store, now=self.now, limit=limit, lease=lease, ttl=3600)
        names = [one.name for one in claimed]
        assert set(names) <= ready and len(names) == min(limit, len(ready))
        if any(not name.startswith("order") for name in names):
            assert {name for name in ready if name.startswith("order")} <= set(names)
        for one in claimed:
            self.held[one.name] = (one, lease)
            self.woken_since[one.name] = False

    @precondition(lambda self: self.held)
    @rule(data=st.data(), again=st.sampled_from([None, 2.0]))
    def settle(self, data: st.DataObject, again: float | None) -> None:
        name = data.draw(st.sampled_from(sorted(self.held)))
        one, lease = self.held.pop(name)
        due = None if again is None else self.now + again
        with self.store.write() as c:
            assert lanes.settle(c, one, lease, due)
        if not self.woken_since[name]:
            self.due[name] = due
        self.not_before[name] = 0.0

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def back_off(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.held)))
        one, lease = self.held.pop(name)
        with self.store.write() as c:
            assert lanes.back_off(c, one, lease, self.now + 4)
        self.not_before[name] = self.now + 4

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        """The worker is killed: its lease runs out on real time, which is set back here instead of waiting."""
        name = data.draw(st.sampled_from(sorted(self.held)))
        one, lease = self.held.pop(name)
        with self.store.write() as c:
            c.execute(sa.update(lane).where(lane.c.id == one.id).values(lease_until=0))
            assert not lanes.leased(c, one.id, lease)

    @invariant()
    def nobody_forgot_anything(self) -> None:
        with self.store.read() as c:
            rows = {row.name: row for row in c.execute(sa.select(lane))}
        for name, due in self.due.items():
            if name not in self.held:
                assert rows[name].due_at == due, name


TestModel = Model.TestCase
TestModel.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
