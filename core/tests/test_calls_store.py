"""The journal of calls on both databases: what is kept, how much of it, for how long, and of whom no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
import sqlalchemy as sa
from core.tests.orders_made import AT
from core.tests.orders_made import order as made_order

from engate import doing
from engate.answers import Call, Response
from engate.calls import Exchange
from engate.clock import ManualClock
from engate.metrics import Metrics
from engate.model import Query
from engate.store import calls as kept
from engate.store import orders
from engate.store.blobs import pack, unpack
from engate.store.db import Store
from engate.store.orders import Shop
from engate.store.tables import call, call_record, connection, integration, metadata, order, tenant
from engate.sync import calls as journal
from engate.sync.calls import Account, Calls
from engate.transcript import Said
from engate.views import calls as views
from engate.views.calls import Filters
from engate.views.paging import Window

NOW = AT.timestamp()
DAY = 86400.0


@pytest.fixture
def store(database: str) -> Generator[Store]:
    made = Store(database)
    with made.write() as c:
        c.execute(sa.insert(tenant).values(id=1, name="Loja", created_at=NOW))
        for id, role in ((1, "erp"), (2, "storefront"), (3, "storefront")):
            about = {"tenant_id": 1, "name": f"{role} {id}", "platform": "p", "role": role, "settings": {}, "created_at": NOW}
            c.execute(sa.insert(connection).values(id=id, **about))
        pair = {"tenant_id": 1, "erp_id": 1, "options": {}, "mapping": {}, "created_at": NOW}
        c.execute(sa.insert(integration).values(id=1, name="par", storefront_id=2, **pair))
        c.execute(sa.insert(integration).values(id=2, name="par 2", storefront_id=3, **pair))
    yield made
    made.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.fromtimestamp(NOW, UTC))


def made(status: int, path: str = "/things/1", answer: bytes = b"{}") -> Exchange:
    """One that has ended."""
    asked = Call("POST", httpx.URL(f"https://x{path}"), "/things/{id}", safe=False, content=b'{"name": "Maria da Silva"}')
    exchange = Exchange(None, asked)
    exchange.seconds, exchange.response = 0.1, Response(status, {"content-type": "application/json"}, answer)
    exchange.error = None if status < 400 else ValueError()
    return exchange


def ends(account: Account, exchange: Exchange, hook: str = "push_stock", order: str | None = None, integration_id: int = 1) -> None:
    """In a slice of this integration."""
    doing.watched(integration_id, order).enter(hook, None)
    account.ended(exchange)


def rows(store: Store) -> list[Any]:
    with store.read() as c:
        return list(c.execute(sa.select(call).order_by(call.c.id)))


@pytest.mark.trap("engine.calls-chosen")
async def test_kept_is_what_did_not_end_well_what_is_about_an_order_and_a_few_examples(store: Store, clock: ManualClock) -> None:
    calls = Calls(store, clock, Metrics())
    account = calls.of(1, [])
    for _ in range(500):
        ends(account, made(200))
        ends(account, made(200), "read_order_events")
    for _ in range(20):
        ends(account, made(200), "import_order", "o1")
        ends(account, made(500))
    await calls.flush()
    found = rows(store)
    assert sum(row.order_key == "o1" for row in found) == 20 and sum(row.outcome == "unknown" for row in found) == 20
    examples = [row.hook for row in found if row.example]
    assert sorted(examples) == ["push_stock"] * journal.EXAMPLES + ["read_order_events"] * journal.FEW_EXAMPLES


async def test_all_calls_of_an_account_are_kept_while_somebody_looks_and_no_longer(store: Store, clock: ManualClock) -> None:
    calls, other = Calls(store, clock, Metrics()), Calls(store, clock, Metrics())
    with store.write() as c:
        kept.watch(c, 1, NOW + 60)
    running = asyncio.create_task(other.run())
    async with asyncio.timeout(10):
        while not other.keeps_all(1):  # noqa: ASYNC110  # the database
            await asyncio.sleep(0.02)
    calls.watch(1, NOW + 60)
    for each in (calls, other):
        for nth in range(30):
            ends(each.of(1, []), made(200, f"/things/{nth}"))
        assert not each.keeps_all(2)
        await each.flush()
    assert len(rows(store)) == 60
    clock.advance(timedelta(seconds=61))
    assert not calls.keeps_all(1) and not other.keeps_all(1)
    running.cancel()
    await asyncio.wait([running])


@pytest.mark.trap("engine.calls-room")
async def test_what_there_is_no_room_for_is_counted_and_nobody_waits(store: Store, clock: ManualClock) -> None:
    metrics = Metrics()
    calls = Calls(store, clock, metrics, everything=True)
    account = calls.of(1, [])
    for _ in range(journal.MOST_WAITING + 7):
        ends(account, made(200))
    assert b"engate_calls_dropped_total 7.0" in metrics.scraped({})
    await calls.flush()
    assert len(rows(store)) == journal.MOST_WAITING
    large = bytes(4_000)
    for _ in range(journal.MOST_BYTES // 3_000):
        ends(account, made(500, answer=large))
    await calls.flush()
    assert b"engate_calls_dropped_total 7.0" not in metrics.scraped({})


async def test_a_database_that_is_away_is_waited_for(database: str, clock: ManualClock) -> None:
    store = Store(database)
    metrics = Metrics()
    calls = Calls(store, clock, metrics, everything=True)
    ends(calls.of(1, []), made(200))
    store.close()
    await calls.flush()
    assert len(calls._waiting) == 1 and b"engate_calls_dropped_total 0.0" in metrics.scraped({})  # pyright: ignore[reportPrivateUsage]


@pytest.mark.trap("engine.calls-bound", "engine.calls-examples-first")
async def test_one_sick_platform_fills_no_disk_and_examples_go_first(store: Store, clock: ManualClock) -> None:
    """What is too much when a process begins to write goes with what it writes."""
    about = {"tenant_id": 1, "connection_id": 1, "hook": "", "method": "GET", "operation": "", "status": 500, "ms": 1, "attempt": 1}
    words = {**about, "outcome": "failed", "at": NOW, "said": pack(Said())}
    with store.write() as c:
        for at in range(0, kept.MOST, 500):
            c.execute(sa.insert(call), [{**words, "example": int(at >= kept.MOST - 1_500)} for _ in range(500)])
    calls = Calls(store, clock, Metrics(), everything=True)
    account = calls.of(1, [])
    for _ in range(journal.TRIM_AFTER):
        ends(account, made(500))
    await calls.flush()
    found = rows(store)
    assert len(found) == kept.MOST and sum(row.example for row in found) == 1_500 - journal.TRIM_AFTER
    for _ in range(2 * journal.TRIM_AFTER):
        ends(account, made(500))
    await calls.flush()
    left = rows(store)
    assert len(left) == kept.MOST and not any(row.example for row in left) and left[0].id > found[0].id


@pytest.mark.trap("engine.calls-purged")
async def test_calls_go_after_their_days(store: Store, clock: ManualClock) -> None:
    calls = Calls(store, clock, Metrics(), everything=True)
    ends(calls.of(1, []), made(200))
    await calls.flush()
    clock.advance(timedelta(days=8))
    ends(calls.of(1, []), made(200))
    await calls.flush()
    with store.write() as c:
        assert not kept.purge(c, NOW + DAY)
    assert [row.at for row in rows(store)] == [NOW + 8 * DAY]


async def test_records_are_found_and_go_with_their_calls(store: Store, clock: ManualClock) -> None:
    calls = Calls(store, clock, Metrics(), everything=True)
    account = calls.of(1, [])
    doing.watched(1).enter("list_skus", Query(keys=("s1", "s2")))
    account.ended(made(200))
    doing.watched(2).enter("list_skus", Query(keys=("s2",)))
    account.ended(made(500))
    await calls.flush()
    with store.read() as c:
        for filters, hits in (
            (Filters(record=views.RecordKey("sku", "s1")), 1),
            (Filters(record=views.RecordKey("sku", "s2")), 2),
            (Filters(record=views.RecordKey("sku", "s2"), outcome="ok"), 1),
            (Filters(record=views.RecordKey("product", "s2")), 0),
            (Filters(integration=2), 1),
            (Filters(connection=1, since=NOW - 1, until=NOW + 1), 2),
            (Filters(since=NOW + 1), 0),
            (Filters(connection=99), 0),
        ):
            assert len(views.listed(c, 1, Window(), filters).items) == hits, filters
            assert views.listed(c, 2, Window(), filters).items == []
        page = views.listed(c, 1, Window(1), Filters(record=views.RecordKey("sku", "s2")))
        assert [each.integration for each in page.items] == [2] and page.next
        rest = views.listed(c, 1, Window(1, page.next), Filters(record=views.RecordKey("sku", "s2")))
        assert [each.integration for each in rest.items] == [1] and rest.next is None
        assert [(each.kind, each.key) for each in rest.items[0].records] == [("sku", "s1"), ("sku", "s2")]
    with store.write() as c:
        kept.purge(c, NOW + 1)
        assert c.execute(sa.select(sa.func.count()).select_from(call_record)).scalar_one() == 0


@pytest.mark.trap("engine.calls-deleted")
async def test_what_was_deleted_meanwhile_has_no_calls(store: Store, clock: ManualClock) -> None:
    calls = Calls(store, clock, Metrics(), everything=True)
    ends(calls.of(1, []), made(200), "import_order", "o1", integration_id=2)
    ends(calls.of(3, []), made(200), "read_order", "o1", integration_id=2)
    ends(calls.of(2, []), made(200))
    with store.write() as c:
        c.execute(sa.delete(integration).where(integration.c.id == 2))
        c.execute(sa.delete(connection).where(connection.c.id == 3))
    await calls.flush()
    assert [(row.connection_id, row.integration_id) for row in rows(store)] == [(2, 1)]


def stored(store: Store, key: str) -> int:
    doc = msgspec.structs.replace(made_order(), key=key)
    with store.write() as c:
        orders.keep(c, Shop(1, 1), doc, "delivered", NOW)
        return c.execute(sa.select(order.c.id).where(order.c.key == key)).scalar_one()


@pytest.mark.trap("engine.calls-of-erased")
async def test_what_is_said_of_an_order_is_gone_with_its_buyer_also_if_it_was_not_written_yet(store: Store, clock: ManualClock) -> None:
    id, _ = stored(store, "o1"), stored(store, "o2")
    calls = Calls(store, clock, Metrics())
    for key in ("o1", "o2", "o3"):
        ends(calls.of(1, []), made(200), "import_order", key)
    with store.write() as c:
        c.execute(sa.update(order).where(order.c.id == id).values(erased_at=NOW))
    await calls.flush()
    said = {row.order_key: unpack(row.said, Said) for row in rows(store)}
    assert said["o1"] == Said() and "Maria" in said["o2"].request and "Maria" in said["o3"].request
    with store.write() as c:
        kept.erase(c, 1, 1, "o2")
        kept.erase(c, 1, 2, "o3")  # another integration's
    said = {row.order_key: unpack(row.said, Said) for row in rows(store)}
    assert said["o2"] == Said() and "Maria" in said["o3"].request


@pytest.mark.trap("engine.calls-erased-now")
async def test_an_order_that_somebody_erases_just_now_is_come_back_to(postgres_database: str, clock: ManualClock) -> None:
    store = Store(postgres_database)
    metadata.create_all(store.engine)
    with store.write() as c:
        c.execute(sa.insert(tenant).values(id=1, name="Loja", created_at=NOW))
        about = {"tenant_id": 1, "platform": "p", "settings": {}, "created_at": NOW}
        c.execute(sa.insert(connection), [{**about, "id": id, "name": str(id), "role": "erp"} for id in (1, 2)])
        pair = {"tenant_id": 1, "name": "par", "erp_id": 1, "storefront_id": 2, "options": {}, "mapping": {}, "created_at": NOW}
        c.execute(sa.insert(integration).values(id=1, **pair))
    id = stored(store, "o1")
    calls = Calls(store, clock, Metrics())
    ends(calls.of(1, []), made(200), "import_order", "o1")
    ends(calls.of(1, []), made(500))
    with store.read() as erasing:
        erasing.execute(sa.select(order).where(order.c.id == id).with_for_update())
        erasing.execute(sa.update(order).where(order.c.id == id).values(erased_at=NOW))
        await calls.flush()
        assert [row.order_key for row in rows(store)] == [None]
    await calls.flush()
    assert [unpack(row.said, Said) == Said() for row in rows(store)] == [False, True]
    store.close()
