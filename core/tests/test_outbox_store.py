"""The table of what is to be told: written once, oldest first of each target, gone when it is old."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from core.tests.beside import waits_or_done

from engate.domain import reasons
from engate.store import archive, causes, outbox
from engate.store.db import Store
from engate.store.outbox import Failure, Heir, Message, Target
from engate.store.tables import connection, integration, lane, metadata, tenant
from engate.store.tables import outbox as table
from engate.text import Text

A, B = Target(1, "observer", "a"), Target(1, "mail", "b")
DAY = 86400.0


@pytest.fixture
def store(database: str) -> Generator[Store]:
    made = Store(database)
    metadata.create_all(made.engine)
    with made.write() as c:
        c.execute(sa.insert(tenant).values(id=1, name="t", created_at=0))
        for id, role in ((1, "erp"), (2, "storefront"), (3, "storefront")):
            c.execute(
                sa.insert(connection).values(id=id, tenant_id=1, name=f"{role}{id}", platform="p", role=role, settings={}, created_at=0)
            )
        for id, shop in ((1, 2), (2, 3)):
            about = {"id": id, "tenant_id": 1, "name": f"i{id}", "erp_id": 1, "storefront_id": shop}
            c.execute(sa.insert(integration).values(about | {"options": {}, "mapping": {}, "created_at": 0}))
    yield made
    made.close()


def write(store: Store, *messages: tuple[Target, str], now: float = 10.0) -> None:
    with store.write() as c:
        outbox.write(c, 1, [Message(target, key, {"n": key}) for target, key in messages], now)


def keys(store: Store) -> list[tuple[int, str, str]]:
    with store.read() as c:
        return [(row.integration_id, row.target, row.key) for row in c.execute(sa.select(table).order_by(table.c.id))]


def test_the_same_thing_is_written_once_for_each_target(store: Store) -> None:
    write(store, (A, "1"), (B, "1"))
    write(store, (A, "1"), (A, "2"))
    assert keys(store) == [(1, "a", "1"), (1, "b", "1"), (1, "a", "2")]
    with store.read() as c:
        lanes = {(row.name, row.due_at) for row in c.execute(sa.select(lane))}
    assert lanes == {("outbox/observer/a", 10.0), ("outbox/mail/b", 10.0)}


async def test_a_step_that_comes_to_nothing_tells_nothing_though_others_share_its_transaction(store: Store) -> None:
    async def written(key: str, *, breaks: bool) -> None:
        def step(c: sa.Connection) -> None:
            outbox.write(c, 1, [Message(A, key, {})], 10.0)
            if breaks:
                raise RuntimeError(key)

        await store.durably(step)

    steps = [written(f"{n}", breaks=n % 2 == 1) for n in range(6)]
    said = await asyncio.gather(*steps, return_exceptions=True)
    assert [str(each) for each in said if each is not None] == ["1", "3", "5"]
    assert sorted(key for *_, key in keys(store)) == ["0", "2", "4"]


def test_the_oldest_that_is_due_comes_first_of_each_target(store: Store) -> None:
    write(store, (B, "0"), (A, "1"), (A, "2"))
    with store.write() as c:
        first = outbox.next_of(c, A, 10.0)
        assert first is not None and (first.key, first.payload) == ("1", {"n": "1"})
        outbox.failed(c, first.id, 15.0, Failure("x" * 400))
        second = outbox.next_of(c, A, 10.0)
        assert second is not None and second.key == "2"
        outbox.sent(c, second.id, 11.0)
        assert outbox.next_of(c, A, 14.9) is None and outbox.next_due(c, A) == 15.0
        again = outbox.next_of(c, A, 15.0)
        assert again is not None and (again.key, again.tries, again.error) == ("1", 1, "x" * 300)
        outbox.sent(c, again.id, 16.0)
        assert outbox.next_due(c, A) is None and outbox.waiting(c, 1)
        assert outbox.next_due(c, B) == 10.0 and not outbox.waiting(c, 2)


def test_what_was_given_up_waits_for_a_person(store: Store) -> None:
    write(store, (A, "1"), (B, "1"))
    write(store, (A, "2"), now=20.0)
    reason = reasons.own("outbox.given_up", "observer/a", Text("a", "a"), Text("b", "b"))
    with store.write() as c:
        cause = causes.ensure(c, 1, 1, {reason}, 30.0)[reason.key]
        outbox.give_up(c, outbox.as_old_as(c, A, 15.0), cause, 30.0)
        left = outbox.next_of(c, A, 99.0)
        assert left is not None and left.key == "2"
        assert outbox.waiting(c, 1)
        assert outbox.again(c, 2, cause, 40.0) == (0, set(), False), "of another integration"
        assert outbox.again(c, 1, cause, 40.0) == (1, {A}, False)
        outbox.sent(c, left.id, 40.0)
        back = outbox.next_of(c, A, 99.0)
        assert back is not None and (back.key, back.tries, back.due_at, back.since, back.given_up_at) == ("1", 0, 40.0, 40.0, None)


def given_up(store: Store, *keys: str) -> int:
    """The cause that these wait for."""
    reason = reasons.own("outbox.given_up", "observer/a", Text("a", "a"), Text("b", "b"))
    with store.write() as c:
        cause = causes.ensure(c, 1, 1, {reason}, 0.0)[reason.key]
        ids = c.execute(sa.select(table.c.id).where(table.c.key.in_(keys))).scalars().all()
        outbox.give_up(c, ids, cause, 5 * DAY)
    return cause


@pytest.mark.trap("engine.outbox-told-waits")
def test_what_was_told_after_all_waits_for_nobody(store: Store) -> None:
    """By a process that had lost the lane, while another gave it up."""
    write(store, (A, "1"))
    cause = given_up(store, "1")
    with store.write() as c:
        outbox.sent(c, c.execute(sa.select(table.c.id)).scalar_one(), 6 * DAY)
        assert outbox.again(c, 1, cause, 7 * DAY).messages == 0


def test_a_person_has_much_told_again_in_pieces(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "AGAIN", 2)
    write(store, (A, "1"), (A, "2"), (B, "3"), now=0.0)
    cause = given_up(store, "1", "2", "3")
    found = []
    for _ in range(2):
        with store.write() as c:
            found.append(outbox.again(c, 1, cause, 40.0))
    assert [(each.messages, each.more) for each in found] == [(2, True), (1, False)]
    assert found[0].targets | found[1].targets == {A, B}
    with store.read() as c:
        assert not c.execute(sa.select(table.c.id).where(table.c.cause_id.is_not(None))).all()


def test_another_integration_takes_over_what_is_not_told(store: Store) -> None:
    write(store, (A, "1"), (A, "2"), (A, "3"))
    write(store, (Target(2, "observer", "a"), "2"))
    with store.write() as c:
        first = outbox.next_of(c, A, 10.0)
        assert first is not None
        outbox.sent(c, first.id, 11.0)
        outbox.move(c, Heir(1, 1, 2), 20.0)
        woken = sa.select(lane.c.due_at).where(lane.c.integration_id == 2, lane.c.name == A.lane)
        assert c.execute(woken).scalar_one() == 10.0
    assert sorted(keys(store)) == [(1, "a", "1"), (1, "a", "2"), (2, "a", "2"), (2, "a", "3")]


@pytest.mark.trap("engine.outbox-adopt-open")
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_is_written_while_an_archive_is_adopted_is_taken_over_too(store: Store) -> None:
    """On PostgreSQL a transaction of the archive may be open all the while."""
    with store.write() as c:
        archive.put_away(c, 1, 1, 5.0)
        c.execute(sa.update(integration).where(integration.c.id == 2).values(storefront_id=2))

    def adopts() -> int:
        with store.write() as c:
            return archive.adopt(c, 1, 2, 20.0)

    with ThreadPoolExecutor(1) as beside:
        with store.write() as c:
            outbox.write(c, 1, [Message(A, "late", {})], 10.0)
            adopting = beside.submit(adopts)
            waits_or_done(store, adopting)
        adopting.result(20)
    assert keys(store) == [(2, "a", "late")]


@pytest.mark.trap("engine.outbox-purge-asked")
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_a_person_asks_for_while_it_is_purged_stays(store: Store) -> None:
    write(store, (A, "1"), (A, "2"), now=0.0)
    wanted = given_up(store, "1")

    def purges() -> bool:
        with store.write() as c:
            return outbox.purge(c, 40 * DAY)

    with ThreadPoolExecutor(1) as beside:
        with store.write() as c:
            assert outbox.again(c, 1, wanted, 40 * DAY).messages == 1
            purging = beside.submit(purges)
            waits_or_done(store, purging)
            assert not purging.done(), "it waits for the row that is asked for"
        purging.result(20)
    assert [key for *_, key in keys(store)] == ["1", "2"]


@pytest.mark.trap("engine.outbox-archive-ends")
def test_an_archive_that_has_told_all_goes_though_another_of_its_lanes_tells_still(store: Store) -> None:
    """Each would leave it to the other; the lane of an order may have more to say."""
    with store.write() as c:
        archive.put_away(c, 1, 1, 5.0)
        rows = [{"tenant_id": 1, "integration_id": 1, "prio": 8} | {"name": name} for name in (A.lane, B.lane, "order/1")]
        made = [c.execute(sa.insert(lane).values(row | {"lease": "somebody", "lease_until": 99.0})).inserted_primary_key for row in rows]
        ids = [key[0] for key in made if key is not None]
        assert not archive.remove_if_over(c, 1, ids[0]), "an order's lane is in hand"
        c.execute(sa.update(lane).where(lane.c.id == ids[2]).values(lease=None))
        assert archive.remove_if_over(c, 1, ids[0])


@pytest.mark.trap("engine.outbox-purged")
def test_what_was_told_goes_after_some_days_and_nothing_else(store: Store) -> None:
    write(store, *((A, f"{n}") for n in range(6)), now=0.0)
    given_up(store, "3")
    with store.write() as c:
        ids = list(c.execute(sa.select(table.c.id).order_by(table.c.id)).scalars())
        for id, at in zip(ids, (1 * DAY, 2 * DAY, 3 * DAY), strict=False):
            outbox.sent(c, id, at)
        c.execute(sa.delete(lane))
    for day, left in ((8.5, ["1", "2", "3", "4", "5"]), (9.5, ["2", "3", "4", "5"]), (34.0, ["3", "4", "5"]), (36.0, ["4", "5"])):
        with store.write() as c:
            assert not outbox.purge(c, day * DAY)
        assert [key for *_, key in keys(store)] == left, day
    with store.read() as c:
        assert c.execute(sa.select(lane.c.name)).scalars().all() == [A.lane], "an archive that was kept for it may go"


def test_a_long_past_goes_in_pieces(store: Store) -> None:
    write(store, *((A, f"{n}") for n in range(outbox.PURGED + 1)), now=0.0)
    with store.write() as c:
        c.execute(sa.update(table).values(sent_at=0.0))
        assert outbox.purge(c, 8 * DAY)
    with store.write() as c:
        assert not outbox.purge(c, 8 * DAY)
    assert keys(store) == []
