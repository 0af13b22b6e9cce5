"""The doors of the store: durable, isolated from one another's failures, and nothing lost under threads. On both databases."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from engate.store import db
from engate.store.broken import Broken
from engate.store.db import Store
from engate.store.tables import installation, metadata


@pytest.fixture
def store(database: str) -> Generator[Store]:
    made = Store(database)
    metadata.create_all(made.engine)
    yield made
    made.close()


def put(c: sa.Connection, name: str, value: bytes = b"x") -> None:
    c.execute(sa.insert(installation).values(name=name, value=value))


def names(store: Store) -> set[str]:
    with store.read() as c:
        return names_in(c)


def names_in(c: sa.Connection) -> set[str]:
    return set(c.execute(sa.select(installation.c.name)).scalars())


async def test_a_change_that_fails_harms_none_of_its_neighbours(store: Store) -> None:
    def broken(c: sa.Connection) -> None:
        put(c, "broken")
        raise ValueError("no")

    def twice(c: sa.Connection) -> None:
        put(c, "twice")
        put(c, "twice")  # the database itself refuses

    async def change(n: int) -> Any:
        work = broken if n % 5 == 0 else twice if n % 5 == 1 else lambda c: put(c, f"good-{n}")
        try:
            return await store.durably(work)
        except Exception as error:
            return type(error).__name__

    said = await asyncio.gather(*(change(n) for n in range(60)))
    assert [said[n] for n in range(0, 60, 5)] == ["ValueError"] * 12
    assert [said[n] for n in range(1, 60, 5)] == ["IntegrityError"] * 12
    assert names(store) == {f"good-{n}" for n in range(60) if n % 5 > 1}


async def test_what_was_answered_durably_is_there_for_others(store: Store, database: str) -> None:
    await asyncio.gather(*(store.durably(lambda c, n=n: put(c, f"n{n}")) for n in range(200)))
    other = Store(database)
    try:
        assert len(names(other)) == 200
    finally:
        other.close()


async def test_changes_from_many_places_share_commits(store: Store) -> None:
    """Group commit: many at once cost far fewer transactions than there are changes."""
    begun: list[int] = []
    event.listen(store.engine, "begin", lambda c: begun.append(1))
    await asyncio.gather(*(store.durably(lambda c, n=n: put(c, f"n{n}")) for n in range(300)))
    assert len(names(store)) == 300
    assert len(begun) < 60


def test_read_modify_write_under_threads_loses_nothing(store: Store) -> None:
    """SELECT then UPDATE inside one `write()`. On PostgreSQL the reader says FOR UPDATE, on SQLite the door itself serialises."""
    with store.write() as c:
        put(c, "counter", b"0")

    def add(_: int) -> None:
        with store.write() as c:
            row = c.execute(sa.select(installation.c.value).where(installation.c.name == "counter").with_for_update()).scalar_one()
            c.execute(sa.update(installation).where(installation.c.name == "counter").values(value=str(int(row) + 1).encode()))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(200)))
    with store.read() as c:
        assert c.execute(sa.select(installation.c.value).where(installation.c.name == "counter")).scalar_one() == b"200"


def test_two_processes_do_not_lose_each_others_writes_on_sqlite(sqlite_database: str) -> None:
    """Two stores on one file, as two processes have it: our lock does not reach over, BEGIN IMMEDIATE does."""
    stores = [Store(sqlite_database), Store(sqlite_database)]
    metadata.create_all(stores[0].engine)
    with stores[0].write() as c:
        put(c, "counter", b"0")

    def add(n: int) -> None:
        with stores[n % 2].write() as c:
            row = c.execute(sa.select(installation.c.value)).scalar_one()
            c.execute(sa.update(installation).values(value=str(int(row) + 1).encode()))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(100)))
    with stores[0].read() as c:
        assert c.execute(sa.select(installation.c.value)).scalar_one() == b"100"
    for store in stores:
        store.close()


async def test_a_cancelled_caller_leaves_no_open_transaction(store: Store) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow(c: sa.Connection) -> None:
        put(c, "slow")
        inside.set()
        go_on.wait(5)

    task = asyncio.create_task(store.writing(slow))
    await asyncio.to_thread(inside.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await store.writing(lambda c: put(c, "next"))
    assert names(store) == {"slow", "next"}  # the transaction ended as it would have


async def test_a_deadlock_is_tried_again_and_not_told(postgres_database: str) -> None:
    """Two transactions that lock rows in opposite orders: PostgreSQL ends one of them; its work simply runs again."""
    store = Store(postgres_database)
    metadata.create_all(store.engine)
    with store.write() as c:
        put(c, "a", b"")
        put(c, "b", b"")
    meeting = threading.Barrier(2)

    def crossing(order: tuple[str, str], mark: bytes) -> Any:
        first_time = [True]

        def work(c: sa.Connection) -> None:
            for name in order:
                value = installation.c.value.op("||")(sa.literal(mark))
                c.execute(sa.update(installation).where(installation.c.name == name).values(value=value))
                if first_time[0] and name == order[0]:
                    first_time[0] = False
                    meeting.wait(5)

        return work

    try:
        await asyncio.gather(store.writing(crossing(("a", "b"), b"1")), store.writing(crossing(("b", "a"), b"2")))
        await asyncio.gather(store.durably(crossing(("a", "b"), b"3")), store.writing(crossing(("b", "a"), b"4")))
        with store.read() as c:
            values = c.execute(sa.select(installation.c.value).order_by(installation.c.name)).scalars().all()
        assert [sorted(value) for value in values] == [sorted(b"1234")] * 2
    finally:
        store.close()


def test_nobody_waits_for_ever_on_postgresql(postgres_database: str) -> None:
    """Every connection has its limits, and those that the URL sets go first."""
    store = Store(postgres_database)
    other = Store(postgres_database + "?options=-c%20statement_timeout%3D7s")
    try:
        for door, statement, lock in ((store.read, "1min", "15s"), (store.look, "15s", "5s"), (other.read, "7s", "0")):
            with door() as c:
                assert c.exec_driver_sql("SHOW statement_timeout").scalar_one() == statement
                assert c.exec_driver_sql("SHOW lock_timeout").scalar_one() == lock
                info = c.connection.driver_connection.info  # type: ignore[union-attr]
                assert {"connect_timeout", "tcp_user_timeout", "keepalives_idle"} <= info.get_parameters().keys()
    finally:
        store.close()
        other.close()


ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(3600)",
}


async def test_closing_lets_go_of_what_does_not_end(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for it hears of it, and nobody is taken in any more."""
    monkeypatch.setattr(db, "CLOSE_SECONDS", 0.2)
    made = Store(database)
    begun: list[str] = []

    def endless(c: sa.Connection) -> None:
        begun.append("")
        c.exec_driver_sql(ENDLESS[c.dialect.name]).all()

    waiting = [asyncio.create_task(door(endless)) for door in (made.reading, made.viewing, made.writing, made.durably)]
    async with asyncio.timeout(20):
        while len(begun) < 3:  # noqa: ASYNC110  # on SQLite the second writer waits for the first
            await asyncio.sleep(0.01)
    since = time.monotonic()
    made.close()
    assert time.monotonic() - since < 20
    for error in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(error, Exception | asyncio.CancelledError)
    for door in (made.reading, made.durably):
        with pytest.raises(Broken):
            await door(names_in)


async def test_closing_waits_for_what_was_asked_before(database: str) -> None:
    made = Store(database)
    waiting = [
        asyncio.create_task(door(lambda c, name=f"{kind}-{n}": put(c, name)))
        for kind, door in (("apart", made.writing), ("together", made.durably))
        for n in range(30)
    ]
    await asyncio.sleep(0)  # they have asked
    made.close()
    await asyncio.gather(*waiting)
    other = Store(database)
    assert len(names(other)) == 60
    other.close()
