"""Links that people say at the same time, and sums that change while they are handed out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

import pytest
import sqlalchemy as sa
from tests.support.stage import Stage, faked
from tests.test_sharing import WAITS, both

from engate.domain.sheet import Line
from engate.door import Reply
from engate.model import Price, Product, Sku, StockLevel
from engate.operations import linking, trigger
from engate.operations.linking import Wrong
from engate.store import config, levels
from engate.store.rows import RecordSet
from engate.store.tables import record
from engate.sync.sharing import Shared
from engate.sync.work import pair_of, rules_of
from tests.test_served import SERVES, House

D = Decimal


@pytest.mark.trap("engine.linked-at-once")
async def test_of_two_who_say_one_id_at_once_one_is_told_so(new_database: Callable[..., str]) -> None:
    """An order could not know which of two SKUs it sold. (SQLite has one writer anyway.)"""
    async with faked(new_database("postgresql", tables=True), run=False, settings=SERVES) as stage:
        house = House(stage)
        await house.read(Product("p0", "P"), *(Sku(f"s{n}", "p0", "S", weight_kg=D(1)) for n in range(2)))
        of = RecordSet(stage.tenant_id, stage.integration_id, "sku")

        def say(c: sa.Connection, key: str) -> list[Wrong]:
            return linking.link_all(c, of, [Line(2, key, "900")], house.now)

        with stage.store.engine.begin() as first:
            assert say(first, "s0") == []
            second = asyncio.create_task(stage.store.writing(lambda c: say(c, "s1")))
            await stage.until(lambda: _waits_or_done(stage, second))
        [wrong] = await second
        assert "'s0'" in wrong.text.en


async def _waits_or_done(stage: Stage, task: asyncio.Task[list[Wrong]]) -> bool:
    return task.done() or bool(await stage.sql(WAITS))


@pytest.mark.trap("engine.sharing-turn")
async def test_a_sum_that_changes_while_it_is_handed_out_is_not_held(sqlite_database: str) -> None:
    async with faked(sqlite_database, run=False, settings=SERVES, mapping=both) as stage:
        house = House(stage)
        await house.live()
        await house.emptied()
        await house.read(Product("p0", "P"), Sku("s0", "p0", "S", weight_kg=D(1)), Price("s0", "s0", D(1)))
        await house.read(StockLevel("s0@1", "s0", "1", D(5)), StockLevel("s0@2", "s0", "2", D(5)))
        await _counted(house)
        desk = await house.call()
        assert await _sum(house, desk) == 10
        await house.read(StockLevel("s0@2", "s0", "2", D(0)))  # sold in the ERP meanwhile
        await _counted(house)
        await desk.close(Reply(200))
        await house.told_apart()
        states = {row.key: row.state for row in await stage.sql("select key, state from record where kind = 'stock'")}
        assert states == {"s0@1": "waiting", "s0@2": "settled"}, "what left is not what the shop should offer"
        assert await _sum(house, await house.call()) == 5


@pytest.mark.trap("engine.relinked-turn")
async def test_what_hangs_on_a_sku_that_is_relinked_while_it_is_handed_out_is_not_held(sqlite_database: str) -> None:
    async with faked(sqlite_database, run=False, settings=SERVES) as stage:
        house = House(stage)
        await house.live()
        await house.emptied()
        await house.read(Product("p0", "P"), Sku("s0", "p0", "S", weight_kg=D(1)), Price("s0", "s0", D(1)))
        of = RecordSet(stage.tenant_id, stage.integration_id, "sku")
        await stage.store.writing(lambda c: trigger.link_by_hand(c, of, "s0", "old", house.now))
        desk = await house.call()
        whole = await desk.product("p0")
        assert whole is not None and [sku.sku.remote for sku in whole.skus] == ["old"]
        await stage.store.writing(lambda c: trigger.link_by_hand(c, of, "s0", "new", house.now))
        await desk.close(Reply(200))
        states = {(row.kind, row.key): row.state for row in await stage.sql("select kind, key, state from record")}
        assert states["price", "s0"] == states["sku", "s0"] == "to_send", "the new place was told nothing"


async def _counted(house: House) -> None:
    """What the lane does with the branch that carries nothing."""
    stage = house.stage
    pair = pair_of(await stage.registry.coupling(stage.integration_id))

    def go(c: sa.Connection) -> None:
        snapshot = config.snapshot(c, stage.integration_id)
        assert snapshot is not None
        shared = Shared(c, stage.integration_id, rules_of(c, snapshot, pair, "stock", ["s0"]), {"s0"})
        row = c.execute(sa.select(record.c.id, record.c.state).where(record.c.key == "s0@2")).one()
        if row.state != "settled":
            levels.send_anew(c, shared.stale([house.docs["stock", "s0@2"]], set()))
            levels.counted(c, [row.id], house.now)

    await stage.store.writing(go)
    await house.told_apart()


async def _sum(house: House, desk: object) -> Decimal:
    whole = await desk.product("p0")  # type: ignore[attr-defined]
    return sum((item.want.quantity for sku in whole.skus for item in sku.stock), D(0))
