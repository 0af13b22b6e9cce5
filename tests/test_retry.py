"""What a person asks for is tried now, however long engate itself would have waited."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from tests.support.goods import goods, sale
from tests.support.stage import SHORT, Stage, faked

from engate.model import Check
from engate.operations import links, trigger
from engate.operations.scope import Scope
from engate.store import config, pushes
from engate.testing.facts import Change, Fault
from engate.text import Text

STUBBORN = msgspec.structs.replace(SHORT, retry_first=3600.0, retry_most=7200.0, unknown_after=0.5)
DOWN = Fault("500", times=1_000_000)

Ask = Callable[[sa.Connection, Stage], Any]


def _now(stage: Stage) -> float:
    return stage.clock.now().timestamp()


def _records(c: sa.Connection, stage: Stage) -> None:
    ids = c.execute(sa.text("select id from record where kind = 'stock'")).scalars().all()
    trigger.retry(Scope(c, stage.tenant_id, stage.integration_id, _now(stage)), trigger.Retried(None, ids))


def _resync(c: sa.Connection, stage: Stage) -> None:
    trigger.resync(Scope(c, stage.tenant_id, stage.integration_id, _now(stage)), trigger.Resync(["stock"]))


def _tested(c: sa.Connection, stage: Stage) -> None:
    for id in (1, 2):
        config.tested(c, id, 1, config.Tested([Check("all", True, Text("", ""))]), _now(stage))
    links.revive(c, stage.tenant_id, [stage.integration_id], _now(stage))


def _not_tried(c: sa.Connection, until: float) -> None:
    """As what certainly did not leave: the lane is not all that waits."""
    pushes.put_back(c, c.execute(sa.text("select id from record where kind = 'stock'")).scalars().all(), until)


@pytest.mark.trap("engine.lift-records")
@pytest.mark.parametrize("ask", [_records, _resync, _tested], ids=["retry", "resync", "test"])
async def test_a_push_that_backs_off_for_an_hour_goes_when_a_person_asks(sqlite_database: str, ask: Ask) -> None:
    async with faked(sqlite_database, seed=goods(8), delays=STUBBORN, selling=True) as stage:
        stage.shop.faults.set([msgspec.structs.replace(DOWN, operation="PUT")])
        stage.erp.change([Change(sku.key, stock={"1": 3}) for sku in stage.erp.state()])
        await stage.resync(["stock"])
        await stage.until(lambda: _backs_off(stage, "push/stock"))
        stage.shop.faults.set([])
        await stage.store.writing(lambda c: _not_tried(c, _now(stage) + 7200))
        await stage.store.writing(lambda c: ask(c, stage))
        stage.runner.poke()
        await stage.until(lambda: all(sku.stock == {"main": 3} for sku in stage.shop.state()))


@pytest.mark.trap("engine.lift")
@pytest.mark.parametrize("ask", [_resync, _tested], ids=["resync", "test"])
async def test_a_reading_that_backs_off_for_an_hour_goes_when_a_person_asks(sqlite_database: str, ask: Ask) -> None:
    async with faked(sqlite_database, seed=goods(1), delays=STUBBORN, selling=True) as stage:
        stage.erp.faults.set([DOWN])
        await stage.resync(["stock"])
        await stage.until(lambda: _backs_off(stage, "read/stock"))
        stage.erp.faults.set([])
        stage.erp.change([Change(sku.key, stock={"1": 3}) for sku in stage.erp.state()])
        await stage.store.writing(lambda c: ask(c, stage))
        stage.runner.poke()
        await stage.until(lambda: all(sku.stock == {"main": 3} for sku in stage.shop.state()))


@pytest.mark.parametrize("ask", ["order", "test"])
async def test_an_order_that_backs_off_for_an_hour_goes_when_a_person_asks(sqlite_database: str, ask: str) -> None:
    async with faked(sqlite_database, seed=goods(1), delays=STUBBORN, selling=True) as stage:
        stage.erp.faults.set([msgspec.structs.replace(DOWN, operation="GET /orders")])
        [sku] = stage.shop.state()
        key = stage.shop.sell([sale(1, (sku.key, 1, str(sku.price)))])["1"]
        await stage.until(lambda: _backs_off(stage, f"order/{key}"))
        stage.erp.faults.set([])
        if ask == "order":
            await stage.retry_order(key)
        else:
            await stage.store.writing(lambda c: _tested(c, stage))
            stage.runner.poke()
        await stage.until(stage.erp.orders)


async def _backs_off(stage: Stage, name: str) -> bool:
    now = stage.clock.now().timestamp()
    rows = await stage.sql("select id from lane where name = :name and lease is null and not_before > :later", name=name, later=now + 1000)
    waiting = await stage.sql("select id from record where kind = 'stock' and state = 'to_send' and not_before > :later", later=now + 1000)
    return bool(rows or (name == "push/stock" and waiting))
