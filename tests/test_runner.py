"""Runners come and go: what one held, the next has at once."""

from __future__ import annotations

import asyncio

from tests.support.goods import goods, sale
from tests.support.stage import staged

from engate.sync.runner import TICK


async def test_a_runner_that_is_stopped_gives_every_lane_back(database: str) -> None:
    """Wherever it is: also between the claim in the database and the start of the work."""
    async with staged(database, seed=goods(2), run=False) as stage:
        await stage.activate()
        for n in range(40):
            stage.start()
            await asyncio.sleep(n / 1000)
            await stage.stop()
            held = await stage.sql("select name, lease from lane where lease is not null")
            assert held == [], f"after {n} ms"
        stage.start()
        await stage.until(lambda: len([sku for sku in stage.shop.state() if sku.visible]) == 2)


async def test_runners_of_one_database_share_the_work_and_an_order_enters_once(postgres_database: str) -> None:
    async with staged(postgres_database, seed=goods(3), runners=3) as stage:
        await stage.selling()
        first = stage.shop.state()[0]
        keys = stage.shop.sell([sale(n, (first.key, 1, str(first.price))) for n in range(1, 31)])
        await stage.until(lambda: all(order.phase == "in_erp" for order in stage.shop.orders()))
        assert sorted(order.storefront_key for order in stage.erp.orders()) == sorted(keys.values())


async def test_schedules_come_due_together(sqlite_database: str) -> None:
    """Each at a moment of its own would cost a claim and a commit of its own."""
    async with staged(sqlite_database, seed=goods(2)) as stage:
        await stage.selling()
        later = "select due_at from lane where name like 'read/%' and lease is null and due_at > :soon"
        rows = await stage.until(lambda: stage.sql(later, soon=stage.clock.now().timestamp() + 10))
        assert [row.due_at % TICK for row in rows] == [0] * len(rows)
