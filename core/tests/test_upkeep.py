"""Statistics are made once for each step of growth, and plans follow them; a view keeps no lane waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from engate.store import upkeep
from engate.store.db import Store
from engate.store.tables import connection, installation, integration, lane, metadata, order, record, tenant


@pytest.fixture
def store(database: str) -> Generator[Store]:
    made = Store(database)
    metadata.create_all(made.engine)
    with made.write() as c:
        c.execute(sa.insert(tenant).values(id=1, name="t", created_at=0))
        for id, role in ((1, "erp"), (2, "storefront")):
            c.execute(sa.insert(connection).values(id=id, tenant_id=1, name=role, platform="p", role=role, settings={}, created_at=0))
        values = {"id": 1, "tenant_id": 1, "name": "i", "erp_id": 1, "storefront_id": 2, "options": {}, "mapping": {}, "created_at": 0}
        c.execute(sa.insert(integration).values(values))
    yield made
    made.close()


def grow(store: Store, first: int, count: int) -> None:
    row = {"tenant_id": 1, "integration_id": 1, "kind": "stock", "doc": b"", "want": b"", "read_at": 0.0}
    with store.write() as c:
        c.execute(sa.insert(record), [row | {"key": f"{n}"} for n in range(first, first + count)])


def sell(store: Store, first: int, count: int) -> None:
    """Orders, each with its lane."""
    row = {"tenant_id": 1, "integration_id": 1}
    of_order = row | {"state": "received", "shop_state": "ready", "raw_state": "", "doc": b"", "total": 0, "placed_at": 0.0}
    with store.write() as c:
        for n in range(first, first + count):
            c.execute(sa.insert(order).values(of_order | {"key": f"{n}", "read_at": 0.0, "created_at": 0.0, "changed_at": 0.0}))
            c.execute(sa.insert(lane).values(row | {"name": f"order/{n}", "prio": 0}))


def known(store: Store, table: str = "record", index: str = "ix_record_state") -> int:
    """How many rows the planner thinks there are; 0: it knows nothing."""
    with store.read() as c:
        if store.sqlite:
            if not c.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").first():
                return 0
            stat = c.execute(sa.text("SELECT stat FROM sqlite_stat1 WHERE idx = :name"), {"name": index}).scalar()
            return int(stat.split()[0]) if stat else 0
        return max(0, int(c.execute(sa.text("SELECT reltuples FROM pg_class WHERE relname = :name"), {"name": table}).scalar_one()))


def refreshed(store: Store) -> bool:
    with store.write() as c:
        return upkeep.refresh(c)


def test_statistics_follow_growth_step_by_step(store: Store) -> None:
    assert not refreshed(store)
    grow(store, 0, 600)
    assert refreshed(store)
    assert known(store) == 600
    grow(store, 600, 600)
    assert not refreshed(store), "twice as many is no step yet"
    grow(store, 1_200, 1_300)
    assert refreshed(store)
    assert not refreshed(store), "once a step"
    assert known(store) > 2_000, "about as many as there are"


@pytest.mark.trap("engine.statistics-of-orders")
def test_statistics_of_orders_follow_the_orders_not_the_catalogue(store: Store) -> None:
    """Made of the few lanes that a first load has, they would make every later claim read all lanes."""
    sell(store, 0, 20)
    grow(store, 0, 600)
    assert refreshed(store)
    assert known(store, "lane", "ix_lane_ready") == 0
    sell(store, 20, 600)
    assert refreshed(store)
    assert known(store, "lane", "ix_lane_ready") == 620


@pytest.mark.trap("engine.statistics")
async def test_whoever_keeps_them_notices_by_itself(store: Store) -> None:
    grow(store, 0, 600)
    task = asyncio.create_task(upkeep.keep(store, 1e9, 1e9))
    try:
        async with asyncio.timeout(20):
            while known(store) != 600:  # noqa: ASYNC110  # the database's own statistics
                await asyncio.sleep(0.02)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert known(store) == 600


@pytest.mark.trap("engine.views-apart")
async def test_views_keep_neither_lanes_nor_glances_waiting(store: Store) -> None:
    """More slow views than there are threads for them: the engine reads and writes, and a key is looked up, all the same."""
    go_on, inside = threading.Event(), threading.Semaphore(0)

    def slow(c: sa.Connection) -> int:
        inside.release()
        go_on.wait(20)
        return c.execute(sa.select(sa.func.count()).select_from(tenant)).scalar_one()

    views = [asyncio.create_task(store.viewing(slow)) for _ in range(8)]
    try:
        await asyncio.to_thread(inside.acquire)
        async with asyncio.timeout(10):
            for _ in range(10):
                assert await store.reading(lambda c: c.execute(sa.select(tenant.c.name)).scalar_one()) == "t"
                assert await store.glancing(lambda c: c.execute(sa.select(tenant.c.id)).scalar_one()) == 1
            await store.writing(lambda c: c.execute(sa.insert(installation).values(name="x", value=b"")))
            await store.durably(lambda c: c.execute(sa.insert(installation).values(name="y", value=b"")))
        assert not any(view.done() for view in views)
    finally:
        go_on.set()
    assert await asyncio.gather(*views) == [1] * 8


async def test_a_view_writes_nothing(store: Store) -> None:
    for door in (store.viewing, store.glancing):
        with pytest.raises(DBAPIError):
            await door(lambda c: c.execute(sa.insert(installation).values(name="x", value=b"")))
    with store.read() as c:
        assert c.execute(sa.select(installation.c.name)).all() == []
