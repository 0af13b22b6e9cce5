"""A hook that reads one branch or price table at a time is asked once for each that is mapped, and for no other."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.goods import goods
from tests.support.scoped import SCOPED
from tests.support.stage import Stage, faked

from engate.domain.mapping import PairMapping, PriceListRow
from engate.model import Price, StockLevel
from engate.testing.facts import Change

D = Decimal


def one_branch(mapping: PairMapping) -> PairMapping:
    return msgspec.structs.replace(mapping, warehouses=mapping.warehouses[:1])


async def marks(stage: Stage, kind: str) -> dict[str, str | None]:
    """Scope -> how far it has been read."""
    rows = await stage.sql("select scope, watermark from reading where kind = :kind order by scope", kind=kind)
    return {row.scope: row.watermark for row in rows}


def asked(stage: Stage, kind: str) -> list[str]:
    """With which scope the ERP was asked for its lists of a kind, first pages alone."""
    return [query["scope"] for of, query in stage.erp.lists if of == kind and query["after"] == "0"]


def since(stage: Stage, kind: str) -> dict[str, str | None]:
    """Scope -> since when the ERP was asked for it."""
    return {query["scope"]: query.get("since") for of, query in stage.erp.lists if of == kind}


async def saved(stage: Stage) -> PairMapping:
    [row] = await stage.sql("select mapping from integration")
    held = msgspec.json.decode(row.mapping) if isinstance(row.mapping, str) else row.mapping
    return msgspec.convert(held, PairMapping)


@pytest.mark.trap("engine.scopes-mapped")
async def test_stock_is_read_once_for_each_mapped_branch_and_each_has_its_own_watermark(database: str) -> None:
    async with faked(database, seed=goods(3), manifests=(SCOPED,), mapping=one_branch) as stage:
        key = sorted(sku.key for sku in stage.erp.state())[0]
        stage.erp.put("stock", StockLevel(f"{key}@2", key, "2", D(70)))
        await stage.selling()
        assert set(asked(stage, "stock")) == {"1"}
        assert not await stage.sql("select id from record where kind = 'stock' and key like '%@2'")
        first = (await marks(stage, "stock"))["1"]
        assert first is not None

        mapping = await saved(stage)
        [row] = mapping.warehouses
        both = msgspec.structs.replace(mapping, warehouses=(row, msgspec.structs.replace(row, branch="2", warehouse="second")))
        await stage.change(mapping=both, flows=["warehouses", "stock"])
        await stage.resync(["stock"], full=False)
        await stage.until(lambda: any(sku.stock.get("second") == 70 for sku in stage.shop.state()))
        await stage.quiet()
        marked = {scope: mark for scope, mark in (await marks(stage, "stock")).items() if scope}
        assert marked["1"] is not None and marked["2"] is not None
        stage.erp.lists.clear()
        stage.erp.change([Change(key, stock={"2": 71})])
        await stage.resync(["stock"], full=False)
        await stage.until(lambda: any(sku.stock.get("second") == 71 for sku in stage.shop.state()))
        await stage.quiet()
        assert since(stage, "stock") == marked


async def test_what_is_mapped_again_is_read_whole(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(2), manifests=(SCOPED,)) as stage:
        await stage.selling()
        both = await saved(stage)
        assert set(await marks(stage, "stock")) >= {"1", "2"}
        await stage.change(mapping=one_branch(both), flows=["stock"])
        await stage.resync(["stock"], full=False)
        await stage.quiet()
        assert "2" not in await marks(stage, "stock")
        await stage.change(mapping=both, flows=["stock"])
        stage.erp.lists.clear()
        await stage.resync(["stock"], full=False)
        await stage.quiet()
        assert since(stage, "stock")["2"] is None and since(stage, "stock")["1"] is not None


async def test_prices_are_read_of_the_default_table_and_of_those_that_are_mapped(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(2), manifests=(SCOPED,)) as stage:
        erp: Any = stage.erp
        key = sorted(sku.key for sku in erp.state())[0]
        for table in ("T1", "T2"):
            erp.put("price", Price(f"{key}@{table}", key, D("5.55"), table=table))
        await stage.selling()
        assert set(asked(stage, "price")) == {""}
        mapping = msgspec.structs.replace(await saved(stage), price_lists=(PriceListRow("T2", "p2"),))
        await stage.change(mapping=mapping, flows=["prices"])
        shop: Any = stage.shop
        await stage.until(lambda: f"{key}@T2" in shop.held["price"])
        await stage.quiet()
        assert set(asked(stage, "price")) == {"", "T2"} and f"{key}@T1" not in shop.held["price"]


@pytest.mark.trap("engine.scope-short")
async def test_a_branch_whose_list_ends_too_early_is_said_though_another_is_whole(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(6), manifests=(SCOPED,)) as stage:
        for key in sorted(sku.key for sku in stage.erp.state()):
            stage.erp.put("stock", StockLevel(f"{key}@2", key, "2", D(7)))
        await stage.selling()
        before = await marks(stage, "stock")
        stage.erp.switches.page_size = 2
        stage.erp.switches.truncate["stock/1"] = 2
        stage.erp.change([Change(sorted(sku.key for sku in stage.erp.state())[0], stock={"1": 3, "2": 4})])
        await stage.resync(["stock"])
        await stage.quiet()
        after = await marks(stage, "stock")
        assert after["1"] == before["1"] and after["2"] != before["2"]
        [cause] = await stage.sql("select c.key from cause c join flow f on f.cause_id = c.id where f.name = 'stock'")
        assert cause.key.endswith("stock/1")
        stage.erp.switches.truncate.clear()
        await stage.resync(["stock"])
        await stage.quiet()
        assert not await stage.sql("select name from flow where cause_id is not null")


@pytest.mark.trap("engine.scope-from-the-start")
async def test_a_branch_that_is_mapped_while_another_is_read_begins_at_its_first_row(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(2), manifests=(SCOPED,), run=False) as stage:
        erp: Any = stage.erp
        key = sorted(sku.key for sku in erp.state())[0]
        for number in range(6):
            erp.put("price", Price(f"{key}@T2/{number}", key, D(number + 1), table="T2"))
        await stage.activate()
        await stage.store.writing(
            lambda c: c.exec_driver_sql("update reading set cursor = '2', entities = 2 where kind = 'price'")
        )  # the default table is half read
        mapping = msgspec.structs.replace(await saved(stage), price_lists=(PriceListRow("T2", "p2"),))
        await stage.change(mapping=mapping, flows=["prices"])
        stage.start()
        await stage.quiet()
        assert next(query["after"] for kind, query in erp.lists if kind == "price" and query["scope"] == "T2") == "0"
        [row] = await stage.sql("select entities from reading where kind = 'price' and scope = 'T2'")
        assert row.entities == 6


@pytest.mark.trap("engine.scope-superseded")
async def test_scopes_of_a_run_that_another_takes_the_place_of_are_read_no_more(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(2), manifests=(SCOPED,)) as stage:
        await stage.selling()
        await stage.stop()
        await stage.store.writing(lambda c: c.exec_driver_sql("update reading set under_way = 1 where kind = 'stock' and scope <> ''"))
        await stage.resync(["stock"])
        assert [row.scope for row in await stage.sql("select scope from reading where kind = 'stock' and under_way")] == [""]
