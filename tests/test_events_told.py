"""Events that remember where they were read to, and that may carry the order they tell of; items that nobody linked."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import pytest
from tests.support.goods import goods
from tests.support.selling import asleep, entered, in_erp, sell
from tests.support.stage import Stage, faked

from engate.model import OrderEvent
from engate.sync.events import Ear, take_in

READ = "GET /orders/{key}"


def looked(stage: Stage) -> int:
    """How often the shop was asked for an order."""
    return sum(stage.shop.counts.by_operation.get(READ, {}).values())


async def shop_says(stage: Stage, key: str, wanted: str) -> bool:
    """Whether this is the state of the order in the shop as it is stored."""
    return (await stage.sql("select shop_state from shop_order where key = :key", key=key))[0].shop_state == wanted


@pytest.mark.trap("engine.feed-memory")
async def test_a_journal_is_read_on_from_where_it_was_left(sqlite_database: str) -> None:
    """No event is asked for twice, not even by the process that comes after."""
    async with faked(sqlite_database, seed=goods(2)) as stage:
        stage.shop.switches.journal = True
        await stage.selling()
        keys = [sell(stage, number=number) for number in range(1, 14)]
        for key in keys:
            await entered(stage, key)
        await stage.until(lambda: stage.shop.counts.effects["rows_listed"] >= len(stage.shop.queue))
        await asleep(stage, keys[-1])  # no page is on its way: one that is cut off is asked for again
        await stage.stop()
        last = sell(stage, number=14)
        stage.start()
        await entered(stage, last)
        await asleep(stage, last)
        await stage.until(lambda: stage.shop.counts.effects["rows_listed"] >= len(stage.shop.queue))
        assert stage.shop.counts.effects["rows_listed"] == len(stage.shop.queue) >= 28
        assert len(stage.erp.taken) == 14


@pytest.mark.trap("engine.news-alone")
async def test_what_is_told_again_wakes_nobody(sqlite_database: str) -> None:
    """A shop whose events are a window over its orders tells the same ones at every reading."""
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        key = sell(stage, number=1)
        await entered(stage, key)
        await asleep(stage, key)
        await stage.stop()
        [shop] = await stage.sql("select storefront_id from integration")
        ear = Ear(stage.tenant_id, stage.integration_id, shop.storefront_id)
        told = [OrderEvent(row.key, key, "handling", row.raw_state) for row in await stage.sql("select * from inbox")]

        async def woken(events: list[OrderEvent]) -> bool:
            await stage.store.writing(lambda c: c.exec_driver_sql("update lane set due_at = null"))  # the ERP's answers wake it too
            await stage.store.writing(lambda c: take_in(c, ear, events, stage.clock.now().timestamp()))
            return (await stage.sql("select due_at from lane where name = :name", name=f"order/{key}"))[0].due_at is not None

        assert told
        assert not await woken(told)
        assert await woken([*told, OrderEvent("new", key, "handling", "handling")])
        assert await woken(told), "nobody has acted on the new one yet"


async def test_a_mark_moves_with_its_page_and_not_without(sqlite_database: str) -> None:
    """What a plugin did not say stays as it was: a feed that is acknowledged has no mark."""
    async with faked(sqlite_database, seed=goods(1)) as stage:
        stage.shop.switches.journal = True
        await stage.selling()
        await entered(stage, sell(stage))
        mark = "select watermark from reading where kind = 'order_event'"
        before = (await stage.sql(mark))[0].watermark
        assert before.startswith("mark-")
        stage.shop.switches.journal = False
        stage.shop.queue.clear()
        await entered(stage, sell(stage, number=2))
        assert (await stage.sql(mark))[0].watermark == before


async def test_an_event_that_carries_its_order_costs_no_reading_of_it(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(2)) as stage:
        stage.shop.switches.whole = True
        await stage.selling()
        key = sell(stage, 2, 1)
        await entered(stage, key)
        await stage.until(partial(shop_says, stage, key, "handling"))
        await asleep(stage, key)
        assert looked(stage) == 0
        assert not await stage.sql("select id from inbox where doc is not null"), "kept only until the event is handled"
        await stage.retry_order(key)
        await stage.until(lambda: looked(stage) == 1)


@pytest.mark.trap("engine.carried-order-old")
async def test_an_order_that_comes_late_overwrites_nothing(sqlite_database: str) -> None:
    """The first event of an order is told again after all others: the platform's own stamp says that it is the oldest."""
    async with faked(sqlite_database, seed=goods(1)) as stage:
        stage.shop.switches.whole = True
        await stage.selling()
        await stage.stop()
        key = sell(stage, paid=False)
        first: Any = stage.shop.queue[-1]
        stage.shop.progress("paid", [key])
        stage.shop.queue.reverse()
        stage.start()
        await entered(stage, key)
        await asleep(stage, key)
        stage.shop.queue.append(msgspec.structs.replace(first, key="again"))
        await stage.until(lambda: not stage.shop.queue)
        await asleep(stage, key)
        assert await shop_says(stage, key, "handling")
        assert looked(stage) == 0 and len(in_erp(stage, key)) == 1


@pytest.mark.trap("engine.carried-order")
async def test_a_carried_order_that_is_another_one_is_not_believed(sqlite_database: str) -> None:
    """The event still says of which order it is: that one is read."""
    async with faked(sqlite_database, seed=goods(1)) as stage:
        stage.shop.switches.whole = True
        await stage.selling()
        await stage.stop()
        key, other = sell(stage), sell(stage, number=2)
        stage.shop.queue = [msgspec.structs.replace(stage.shop.queue[0], doc=stage.shop.placed[other])]
        stage.start()
        await entered(stage, key)
        await asleep(stage, key)
        assert looked(stage) >= 1
        assert not await stage.sql("select id from shop_order where key = :key", key=other)


@pytest.mark.trap("engine.item-by-reference")
async def test_an_item_without_a_link_is_found_by_the_reference_it_carries(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(2), selling=True) as stage:
        await stage.store.writing(lambda c: c.exec_driver_sql("delete from link where kind = 'sku'"))
        key = sell(stage, 1, 2)
        [order] = await entered(stage, key)
        assert [(item.sku, item.quantity) for item in order.items] == [
            (item.reference, item.quantity) for item in stage.shop.placed[key].items
        ]


@pytest.mark.trap("engine.item-reference-unknown")
async def test_a_reference_that_is_no_sku_of_ours_stands_for_nothing(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        await stage.stop()
        key = sell(stage)
        order = stage.shop.placed[key]
        strange = tuple(msgspec.structs.replace(item, sku="gift", reference="GIFT") for item in order.items)
        stage.shop.placed[key] = msgspec.structs.replace(order, items=strange)
        stage.start()
        await stage.until(lambda: stage.waits(key, "order.item_unmapped"))
        assert not in_erp(stage, key)


async def test_an_order_of_an_unlinked_sku_enters_when_engate_links_it(sqlite_database: str) -> None:
    """The item carries no reference either: nobody could say which SKU it is."""
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        await stage.store.writing(lambda c: c.exec_driver_sql("delete from link where kind = 'sku'"))
        await stage.stop()
        key = sell(stage)
        order = stage.shop.placed[key]
        bare = tuple(msgspec.structs.replace(item, reference="") for item in order.items)
        stage.shop.placed[key] = msgspec.structs.replace(order, items=bare)
        stage.start()
        await stage.until(lambda: stage.waits(key, "order.item_unmapped"))
        assert not in_erp(stage, key)
        await stage.store.writing(lambda c: c.exec_driver_sql("update record set have = null, have_doc = null where kind = 'sku'"))
        await stage.resync(["products"])
        assert len(await entered(stage, key)) == 1 and (await stage.order(key)).cause is None
