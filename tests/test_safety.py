"""What the shop never told is found in its list of orders: a feed that was dead, an event that got lost."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection
from tests.support.goods import goods, sale
from tests.support.selling import entered, sell, skus
from tests.support.stage import SHORT, Stage, faked, staged

from engate.domain.flows import offered
from engate.model import OrderEvent
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.store import archive
from engate.sync.events import Ear, take_in
from engate.testing.facts import Fault
from engate.testing.fakes import FAKE_SHOP, lacking
from engate.views import configured

ORDER = "GET /orders/{key}"
OFTEN = msgspec.structs.replace(SHORT, orders_again=0.3)


async def listed_once(stage: Stage) -> None:
    await stage.until(lambda: stage.sql("select kind from reading where kind = 'shop_order' and watermark is not null"))


async def told(stage: Stage) -> str | None:
    why = offered(await stage.registry.coupling(stage.integration_id))
    shown = await stage.store.reading(lambda c: configured.one_integration(c, stage.tenant_id, stage.integration_id, why, 0))
    error = next(flow.error for flow in shown.flows if flow.name == "orders")
    return error["code"] if error else None


@pytest.mark.trap("engine.never-told")
async def test_an_order_sold_while_the_feed_was_dead_is_found(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(3), delays=OFTEN) as stage:
        shop: Any = stage.shop
        await stage.selling()
        await listed_once(stage)
        shop.switches.tells = False
        keys = [sell(stage, number=number) for number in range(1, 26)]
        await stage.until(lambda: len(stage.erp.orders()) == len(keys))
        events = await stage.sql("select key from inbox")
        assert all(row.key.startswith("list/") for row in events) and not shop.counts.by_operation.get("POST /feed")


@pytest.mark.trap("engine.known-already")
async def test_it_takes_in_once_and_reads_nothing_that_is_known(sqlite_database: str) -> None:
    """However often the list names an order, and whatever the feed told before."""
    async with faked(sqlite_database, seed=goods(3), delays=OFTEN, selling=True) as stage:
        await listed_once(stage)
        key = sell(stage)
        await stage.until(lambda: [order.phase for order in stage.shop.orders()] == ["in_erp"])
        for _ in range(2):  # a list that was on its way may still have said "ready" when we knew better: one more look
            await stage.until(lambda: _settled(stage, key))
            await _lists(stage, 2)
        await stage.store.writing(lambda c: c.exec_driver_sql("delete from inbox where key like 'list/%'"))  # of before we knew
        reads = stage.shop.counts.by_operation[ORDER]["200"]
        await _lists(stage, 4)
        assert await stage.sql("select key from inbox where key like 'list/%'") == []
        assert stage.shop.counts.by_operation[ORDER]["200"] == reads > 0 and len(stage.erp.orders()) == 1
        assert len({row.key for row in await stage.sql("select key from inbox")}) == len(await stage.sql("select key from inbox"))


async def test_an_archived_integration_hears_of_its_orders_though_the_feed_is_dead(sqlite_database: str) -> None:
    """And takes no new ones in."""
    async with faked(sqlite_database, seed=goods(1), delays=OFTEN, selling=True) as stage:
        await listed_once(stage)
        key = sell(stage)
        await entered(stage, key)
        stage.shop.switches.tells = False
        now = stage.clock.now().timestamp()
        await stage.store.writing(lambda c: archive.put_away(c, stage.tenant_id, stage.integration_id, now))
        sell(stage, number=2)
        stage.shop.cancel([key], "desistiu")
        await stage.until(lambda: [order.phase for order in stage.erp.orders()] == ["cancelled"])


@pytest.mark.trap("engine.archived-takes-none")
async def test_what_was_listed_before_a_deletion_and_is_taken_in_after_it_takes_no_new_order_in(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), delays=OFTEN, selling=True) as stage:
        await entered(stage, key := sell(stage))
        [row] = await stage.sql("select storefront_id from integration")
        now = stage.clock.now().timestamp()
        listed = [OrderEvent(f"list/{order}", order, "ready", "ready") for order in (key, "F00099")]

        def deleted_meanwhile(c: Connection) -> None:
            archive.put_away(c, stage.tenant_id, stage.integration_id, now)
            take_in(c, Ear(stage.tenant_id, stage.integration_id, row.storefront_id), listed, now)

        await stage.store.writing(deleted_meanwhile)
        taken = await stage.sql("select distinct order_key from inbox where key like 'list/%'")
        assert [event.order_key for event in taken] == [key]


async def _lists(stage: Stage, more: int) -> None:
    done = stage.shop.counts.by_operation["GET /listed"]
    before = done["200"]
    await stage.until(lambda: done["200"] >= before + more)


async def _settled(stage: Stage, key: str) -> bool:
    """What we hold of the order is what the shop says of it."""
    shop: Any = stage.shop
    rows = await stage.sql("select raw_state from shop_order where key = :key", key=key)
    open_events = await stage.sql("select id from inbox where handled_at is null")
    return [row.raw_state for row in rows] == [shop.placed[key].raw_state] and not open_events


@pytest.mark.trap("engine.short-orders")
async def test_a_list_of_orders_that_ends_too_early_is_read_again(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(3), delays=OFTEN) as stage:
        shop: Any = stage.shop
        await stage.selling()
        await listed_once(stage)
        shop.switches.tells, shop.switches.list_ends = False, 2
        keys = [sell(stage, number=number) for number in range(1, 6)]
        await stage.until(lambda: _told_short(stage))
        [before] = await stage.sql("select watermark from reading where kind = 'shop_order'")
        shop.switches.list_ends = None
        await stage.until(lambda: len(stage.erp.orders()) == len(keys))
        await stage.until(lambda: _told_nothing(stage))
        [after] = await stage.sql("select watermark from reading where kind = 'shop_order'")
        assert after.watermark > before.watermark


async def _told_short(stage: Stage) -> bool:
    return await told(stage) == "reading.short"


async def _told_nothing(stage: Stage) -> bool:
    return await told(stage) is None


async def test_switching_on_again_reads_the_list_at_once(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(3)) as stage:
        shop: Any = stage.shop
        await stage.selling()
        await listed_once(stage)
        await stage.store.writing(lambda c: trigger.deactivate(Scope(c, stage.tenant_id, stage.integration_id, 0.0)))
        shop.switches.tells = False
        sell(stage)
        await stage.activate()
        await stage.until(lambda: len(stage.erp.orders()) == 1)


async def test_a_shop_without_such_a_list_goes_on_as_it_is(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(3), delays=OFTEN, manifests=(lacking(FAKE_SHOP, "read_orders"),)) as stage:
        await stage.selling()
        sell(stage)
        await stage.until(lambda: [order.phase for order in stage.shop.orders()] == ["in_erp"])
        assert "GET /listed" not in stage.shop.counts.by_operation


@pytest.mark.trap("vtex.lost-events")
async def test_an_order_whose_events_vtex_lost_is_found_in_its_list(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(3), delays=OFTEN) as stage:
        shop: Any = stage.shop
        shop.orders_api.index_delay *= 0
        await stage.selling()
        await listed_once(stage)
        shop.faults.set([Fault("drop_event", times=10_000)])
        [(sku, price)] = skus(stage)[:1]
        key = stage.shop.sell([sale(1, (sku, 1, price))])["1"]
        await stage.until(lambda: [order.storefront_key for order in stage.erp.orders()] == [key])
