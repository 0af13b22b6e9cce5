"""Several branches of the ERP that are one warehouse of the shop: it offers their sum, and an order goes to one of them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from msgspec.structs import replace
from tests.support.goods import goods as seed_of
from tests.support.goods import gtin, product, sale
from tests.support.stage import Stage, faked

from engate.domain.mapping import PairMapping, WarehouseRow
from engate.domain.options import Options
from engate.model import StockLevel
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.store import config, levels
from engate.store.blobs import unpack
from engate.store.tables import integration, record
from engate.testing.facts import Change, SeedSku

SKU, OTHER = "1000-UN", "1000-CX"


def both(mapping: PairMapping) -> PairMapping:
    """Branches 1 and 2 are the shop's warehouse `main`, in this order."""
    return replace(mapping, warehouses=(WarehouseRow("1", "main"), WarehouseRow("2", "main")))


def goods(first: dict[str, int], other: dict[str, int] | None = None) -> Any:
    skus = [SeedSku("UN", gtin(0), "UN", 1, Decimal(10), first)]
    if other is not None:
        skus.append(SeedSku("CX", gtin(1), "CX", 1, Decimal(10), other))
    base = seed_of(0)
    branches = (base.branches[0], *(replace(base.branches[0], key=key, name=f"Filial {key}") for key in ("2", "3")))
    return replace(base, branches=branches, products=(product(0, skus=tuple(skus)),))


def offered(stage: Stage, sku: str = SKU) -> list[tuple[str, int]]:
    """(warehouse, units) of every level that the shop holds of a SKU."""
    held = stage.shop.held.get("stock", {}).values()
    return sorted((each["refs"]["warehouse"], int(Decimal(each["want"]["quantity"]))) for each in held if each["want"]["sku"] == sku)


async def until(stage: Stage, *levels: tuple[str, int], sku: str = SKU) -> None:
    await stage.until(lambda: offered(stage, sku) == list(levels))
    await stage.quiet()
    assert offered(stage, sku) == list(levels)


@pytest.mark.trap("engine.sharing-sum", "engine.sharing-stale", "engine.sharing-buffer")
async def test_a_warehouse_offers_the_sum_of_its_branches_whichever_of_them_changes(database: str) -> None:
    async with faked(database, seed=goods({"1": 5, "2": 7}), mapping=both, options=Options(stock_buffer=2)) as stage:
        await stage.activate()
        await until(stage, ("main", 10))
        for stock, sum in (({"2": 1}, 4), ({"1": 0}, 0), ({"2": 9}, 7), ({"1": 3, "2": 4}, 5)):
            stage.erp.change([Change(SKU, stock=stock)])
            await stage.resync(["stock"], full=False)
            await until(stage, ("main", sum))


async def test_an_unchanged_reading_sends_nothing(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods({"1": 5, "2": 7}), mapping=both) as stage:
        await stage.activate()
        await until(stage, ("main", 12))
        before = sum(sum(counts.values()) for name, counts in stage.shop.counts.by_operation.items() if name.startswith("PUT"))
        await stage.resync(["stock"])
        await stage.quiet()
        assert sum(sum(counts.values()) for name, counts in stage.shop.counts.by_operation.items() if name.startswith("PUT")) == before


async def test_a_branch_that_alone_has_a_sku_carries_it(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods({"2": 7}), mapping=both) as stage:
        await stage.activate()
        await until(stage, ("main", 7))
        stage.erp.change([Change(SKU, stock={"1": 3})])
        await stage.resync(["stock"], full=False)
        await stage.until(lambda: ("main", 10) in offered(stage))


@pytest.mark.trap("engine.sharing-members")
async def test_a_branch_that_leaves_the_warehouse_takes_its_units_along(sqlite_database: str) -> None:
    three = (*both(PairMapping()).warehouses, WarehouseRow("3", "main"))
    async with faked(sqlite_database, seed=goods({"1": 5, "2": 7, "3": 4}), mapping=lambda m: replace(m, warehouses=three)) as stage:
        await stage.activate()
        await until(stage, ("main", 16))
        for left, sum in ((2, 12), (1, 5)):
            await mapped(stage, three[:left])
            await until(stage, ("main", sum))


async def mapped(stage: Stage, rows: tuple[WarehouseRow, ...]) -> None:
    def change(c: sa.Connection) -> None:
        snapshot = config.snapshot(c, stage.integration_id)
        assert snapshot is not None
        mapping = replace(snapshot.mapping, warehouses=rows)
        values = {"mapping": msgspec.to_builtins(mapping), "revision": integration.c.revision + 1}
        c.execute(sa.update(integration).where(integration.c.id == stage.integration_id).values(**values))
        trigger.changed(Scope(c, stage.tenant_id, stage.integration_id, stage.clock.now().timestamp()), ["stock"])

    await stage.store.writing(change)
    stage.runner.poke()


@pytest.mark.trap("engine.sharing-order")
@pytest.mark.parametrize(("choice", "branch"), [("first", "1"), ("stock", "2")])
async def test_an_order_goes_to_the_first_branch_or_to_the_first_that_has_all_of_it(sqlite_database: str, choice: Any, branch: str) -> None:
    seed = goods({"1": 9, "2": 9}, {"1": 0, "2": 9})
    async with faked(sqlite_database, seed=seed, mapping=both, options=Options(branch_of_order=choice)) as stage:
        await stage.activate()
        await until(stage, ("main", 18))
        await until(stage, ("main", 9), sku=OTHER)
        stage.shop.sell([sale(1, (SKU, 1, "10.00"), (OTHER, 2, "10.00"))])
        await stage.until(lambda: stage.erp.taken)
        assert [order.branch for order in stage.erp.taken.values()] == [branch]
        await until(stage, ("main", 17))
        await until(stage, ("main", 7), sku=OTHER)


@pytest.mark.trap("engine.sharing-unread")
async def test_where_no_stock_is_read_an_order_goes_to_the_first_branch(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods({"1": 0, "2": 9}), mapping=both, options=Options(branch_of_order="stock")) as stage:
        await stage.activate()
        await until(stage, ("main", 9))
        await stage.change(options=Options(branch_of_order="stock", stock_sent="off"), flows=["stock"])
        stage.shop.sell([sale(1, (SKU, 2, "10.00"))])
        await stage.until(lambda: stage.erp.taken)
        assert [order.branch for order in stage.erp.taken.values()] == ["1"], "what was read once says nothing of today"


@pytest.mark.trap("engine.sharing-under-way")
async def test_what_changes_while_the_sum_is_under_way_is_sent_after_it(database: str) -> None:
    """What the shop accepted last says nothing while another number is under way to it."""
    fake = {"fake_shop": {"bulk": ["stock"]}}
    async with faked(database, seed=goods({"1": 5, "2": 5}), mapping=both, settings=fake) as stage:
        await stage.activate()
        await until(stage, ("main", 10))
        stage.shop.switches.works = False  # the shop's operation lasts
        begun = len(stage.shop.operated)
        for units in (9, 5):  # … so that the sum is again what the shop accepted last
            stage.erp.change([Change(SKU, stock={"2": units})])
            await stage.resync(["stock"], full=False)
            await stage.until(lambda units=units: seen(stage, "2", units))
            await stage.until(lambda: len(stage.shop.operated) > begun)
        stage.shop.switches.works = True
        await stage.until(lambda: over(stage))
        await until(stage, ("main", 10))
        assert stage.shop.operated[list(stage.shop.operated)[begun]][1][0]["want"]["quantity"] == 14


async def over(stage: Stage) -> bool:
    return not await stage.sql("select id from operation")


async def seen(stage: Stage, branch: str, units: int) -> bool:
    """This branch's record counts these units, and is done with."""

    def look(c: sa.Connection) -> bool:
        row = c.execute(sa.select(record.c.doc, record.c.state).where(record.c.kind == "stock", record.c.key.endswith(branch))).one()
        return unpack(row.doc, StockLevel).quantity == units and row.state == "settled"

    return await stage.store.reading(look)


@pytest.mark.trap("engine.sharing-own-units")
async def test_an_order_that_is_paid_later_stays_at_the_branch_that_has_it(sqlite_database: str) -> None:
    """Its own reservation is no reason to send it elsewhere."""
    async with faked(sqlite_database, seed=goods({"1": 3, "2": 9}), mapping=both, options=Options(branch_of_order="stock")) as stage:
        await stage.activate()
        await until(stage, ("main", 12))
        key = stage.shop.sell([replace(sale(1, (SKU, 8, "10.00")), paid=False)])["1"]
        await stage.until(lambda: stage.sql("select id from unit"))
        assert [row.branch for row in await stage.sql("select branch from unit")] == ["2"]
        stage.shop.progress("paid", [key])
        await stage.until(lambda: stage.erp.taken)
        assert [order.branch for order in stage.erp.taken.values()] == ["2"]
        await until(stage, ("main", 4))


@pytest.mark.trap("engine.sharing-two-orders")
async def test_two_orders_at_once_choose_one_after_the_other(new_database: Callable[..., str]) -> None:
    """Who chooses holds what it chooses by until its units are stored. (SQLite has one writer anyway.)"""
    url = new_database("postgresql", tables=True)
    async with faked(url, seed=goods({"1": 5, "2": 5}), mapping=both, options=Options(branch_of_order="stock")) as stage:
        await stage.activate()
        await until(stage, ("main", 10))
        stage.shop.sell([replace(sale(1, (SKU, 5, "10.00")), paid=False)])
        await stage.until(lambda: stage.sql("select id from unit"))
        await until(stage, ("main", 5))
        await stage.pushed()
        with stage.store.engine.begin() as other:  # the first order moves to branch 2 while the second one chooses
            levels.lock(other, stage.integration_id, [SKU])
            other.execute(sa.text("update unit set branch = '2'"))
            stage.shop.sell([replace(sale(2, (SKU, 5, "10.00")), paid=False)])
            await stage.until(lambda: stage.sql(WAITS))
        rows = await stage.until(lambda: stage.sql("select branch from unit order by order_id offset 1"))
        assert [row.branch for row in rows] == ["1"]


WAITS = """select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()
           and query not like '%not_before%'"""
"""Somebody else than who claims what is to be pushed."""
