"""Lanes beside other transactions on PostgreSQL: each sees what had been committed when its statement began. (SQLite has one writer.)"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest
import sqlalchemy as sa
from core.tests.orders_made import order
from tests.support.goods import goods
from tests.support.stage import Stage, faked

from engate.domain.options import Options
from engate.model import PartItem
from engate.store import config, levels, orders, runs, units
from engate.store.orders import Shop
from engate.store.runs import Asked
from engate.store.tables import flow, lane, record

SKU = "1000-50000"
WAITS = "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"


def offers(stage: Stage) -> list[int]:
    return [int(Decimal(each["want"]["quantity"])) for each in stage.shop.held["stock"].values()]


def taken(c: sa.Connection, stage: Stage, quantity: int) -> None:
    """An order that is not paid yet takes units."""
    id = orders.keep(c, Shop(stage.tenant_id, stage.integration_id), order(), "received", stage.clock.now().timestamp())
    units.withhold(c, stage.integration_id, id, {"1": [PartItem("1", SKU, Decimal(quantity), Decimal(10))]})


async def scheduled(stage: Stage) -> None:
    """The next reading of stock is due."""
    due = sa.update(lane).where(lane.c.name == "read/stock").values(due_at=stage.clock.now().timestamp())
    await stage.store.writing(lambda c: c.execute(due))
    stage.runner.poke()


@pytest.mark.trap("engine.pending-while-read")
async def test_units_that_an_order_takes_while_stock_is_read_are_not_offered(new_database: Callable[..., str]) -> None:
    """The reading brings what the shop holds already: decided without them it would count as settled."""
    async with faked(new_database("postgresql", tables=True), seed=goods(1)) as stage:
        await stage.selling()
        [offered] = offers(stage)
        await stage.pushed()
        later = sa.update(record).where(record.c.kind == "stock").values(want=b"what the shop is to be told later")
        await stage.store.writing(lambda c: (c.execute(later), c.execute(sa.update(flow).values(full_at=None))))
        with stage.store.engine.begin() as other:
            levels.lock(other, stage.integration_id, [SKU])
            taken(other, stage, 5)
            await scheduled(stage)
            await stage.until(lambda: stage.sql(WAITS))
        await stage.until(lambda: offers(stage) == [offered - 5], 10)


@pytest.mark.trap("engine.outdated-while-read")
async def test_what_was_decided_by_new_options_is_not_decided_by_the_old_ones_again(new_database: Callable[..., str]) -> None:
    """A reading that began before waits for what another process decides anew."""
    async with faked(new_database("postgresql", tables=True), seed=goods(1)) as stage:
        await stage.selling()
        [offered] = offers(stage)
        await stage.pushed()
        await stage.store.writing(lambda c: c.execute(sa.update(flow).values(full_at=None)))
        with stage.store.engine.begin() as other:
            levels.lock(other, stage.integration_id, [SKU])
            await scheduled(stage)
            await stage.until(lambda: stage.sql(WAITS))
            more = {"options": msgspec.to_builtins(Options(stock_buffer=2))}
            await stage.store.writing(lambda c: config.update_integration(c, stage.tenant_id, stage.integration_id, **more))
            other.execute(sa.update(record).where(record.c.kind == "stock").values(want=b"by the new options"))
        await stage.until(lambda: offers(stage) == [offered - 2], 10)


@pytest.mark.trap("engine.asked-while-scheduled")
async def test_what_a_person_asks_for_while_the_schedule_starts_is_read(new_database: Callable[..., str]) -> None:
    async with faked(new_database("postgresql", tables=True), seed=goods(1)) as stage:
        await stage.selling()
        with stage.store.engine.begin() as other:
            some = Asked("stock", ["stock"], "request", full=False, keys={"stock": [f"{SKU}@1"]})
            asked = runs.start(other, stage.tenant_id, stage.integration_id, some, stage.clock.now().timestamp())
            await scheduled(stage)
            await stage.until(lambda: stage.sql(WAITS))
        await stage.until(lambda: stage.sql("select id from run where id = :id and state = 'done'", id=asked), 10)
