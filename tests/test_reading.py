"""Reading what the ERP has: a list that is not whole moves no watermark and is said, and a row that moves while it is read is not lost."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.goods import goods, sale
from tests.support.stage import Stage, faked

from engate.domain.flows import offered
from engate.testing.facts import Change, Fault
from engate.views import configured


async def mark(stage: Stage, kind: str) -> tuple[str | None, float | None]:
    """(watermark of the kind, when its flow was last read in full)"""
    flow = {"order": "fulfilment"}.get(kind, kind)
    marks = await stage.sql("select watermark from reading where kind = :kind", kind=kind)
    full = await stage.sql("select full_at from flow where name = :flow", flow=flow)
    return marks[0].watermark if marks else None, full[0].full_at if full else None


async def told(stage: Stage, flow: str) -> dict[str, Any] | None:
    """What the API says keeps this flow from being right."""
    why = offered(await stage.registry.coupling(stage.integration_id))
    shown = await stage.store.reading(lambda c: configured.one_integration(c, stage.tenant_id, stage.integration_id, why, 0))
    return next(one.error for one in shown.flows if one.name == flow)


def offers(stage: Stage, key: str) -> Any:
    return next(sku.stock.get("main") for sku in stage.shop.state() if sku.key == key)


@pytest.mark.trap("engine.short-of-total")
async def test_a_list_that_ends_before_the_erps_own_count_moves_no_watermark(database: str) -> None:
    async with faked(database, seed=goods(20), selling=True) as stage:
        stage.erp.switches.page_size = 5
        last = max(sku.key for sku in stage.erp.state())
        before = await mark(stage, "stock")
        stage.erp.change([Change(last, stock={"1": 7})])
        stage.erp.switches.truncate["stock"] = 10
        [run] = await stage.resync(["stock"])
        await stage.quiet()
        assert await mark(stage, "stock") == before
        [row] = await stage.sql("select state, error from run where id = :id", id=run)
        assert row.state == "failed" and "reading.short" in str(row.error)
        error = await told(stage, "stock")
        assert error is not None and error["code"] == "reading.short" and "10" in error["text"]["pt"] and "20" in error["text"]["pt"]
        stage.erp.switches.truncate.clear()
        await stage.resync(["stock"], full=False)
        await stage.until(lambda: offers(stage, last) == 7)
        await stage.quiet()
        assert await mark(stage, "stock") != before and await told(stage, "stock") is None


async def test_a_platforms_own_count_is_never_overruled(sqlite_database: str) -> None:
    """However often the list ends at the same place."""
    async with faked(sqlite_database, seed=goods(20), selling=True) as stage:
        before = await mark(stage, "stock")
        stage.erp.switches.truncate["stock"] = 12
        for _ in range(3):
            await stage.resync(["stock"])
            await stage.quiet()
        assert await mark(stage, "stock") == before and (await told(stage, "stock") or {})["code"] == "reading.short"


@pytest.mark.trap("engine.short-of-known")
async def test_half_of_what_is_known_is_not_believed_at_once(sqlite_database: str) -> None:
    """An ERP that does not count: an empty first page, or a session that died inside a 200. The same again is true."""
    async with faked(sqlite_database, seed=goods(20)) as stage:
        stage.erp.switches.totals = False
        await stage.selling()
        before = await mark(stage, "stock")
        stage.erp.switches.truncate["stock"] = 9
        await stage.resync(["stock"])
        await stage.quiet()
        error = await told(stage, "stock")
        assert await mark(stage, "stock") == before and error is not None and "9" in error["text"]["pt"] and error["hint"]["pt"]
        stage.erp.switches.truncate["stock"] = 3
        await stage.resync(["stock"])
        await stage.quiet()
        assert await mark(stage, "stock") == before and await told(stage, "stock") is not None
        await stage.resync(["stock"])
        await stage.quiet()
        after = await mark(stage, "stock")
        assert after[1] != before[1] and await told(stage, "stock") is None
        await stage.resync(["stock"])
        await stage.quiet()
        assert await told(stage, "stock") is None and (await mark(stage, "stock"))[1] != after[1]


@pytest.mark.trap("engine.owed-reading")
async def test_a_full_reading_that_a_smaller_one_took_the_place_of_stays_owed(database: str) -> None:
    async with faked(database, seed=goods(2), selling=True) as stage:
        await stage.stop()
        await stage.resync(["stock"])
        assert (await mark(stage, "stock"))[1] is not None
        await stage.resync(["stock"], full=False)
        assert (await mark(stage, "stock"))[1] is None, "it is due at once"
        stage.start()
        await stage.until(lambda: stage.sql("select name from flow where name = 'stock' and full_at is not null"))


async def test_an_empty_list_of_a_full_erp_is_not_believed_at_once(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(20), selling=True) as stage:
        before = await mark(stage, "stock")
        stage.erp.switches.dead_session, stage.erp.session = True, 1
        await stage.resync(["products", "stock"])
        await stage.quiet()
        assert await mark(stage, "stock") == before
        assert [(await told(stage, flow) or {})["code"] for flow in ("products", "stock")] == ["reading.short"] * 2


async def test_an_erp_with_nothing_in_it_is_not_short(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(0)) as stage:
        await stage.activate()
        await stage.quiet()
        await stage.until(lambda: stage.sql("select name from flow where name = 'stock' and full_at is not null"))
        assert await told(stage, "stock") is None


SKU_NOT_PRODUCT = 3
"""A seed that hits the list of SKUs and not that of products."""


@pytest.mark.trap("engine.short-outlasts")
async def test_a_short_list_is_not_forgotten_when_the_next_one_fails_for_a_while(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(20), selling=True) as stage:
        before = (await mark(stage, "products"))[1]
        stage.erp.switches.truncate["product"] = 12
        stage.erp.faults.set([Fault("500", "GET /list", rate=0.5, seed=SKU_NOT_PRODUCT, times=6)])
        await stage.resync(["products"])
        await stage.quiet()
        assert stage.erp.counts.injected["500"] and (await told(stage, "products") or {})["code"] == "reading.short"
        assert (await mark(stage, "products"))[1] == before


@pytest.mark.trap("engine.short-fulfilment")
async def test_a_truncated_list_of_erp_orders_moves_no_watermark(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(3), selling=True) as stage:
        skus = sorted(stage.shop.state(), key=lambda sku: sku.key)
        stage.shop.sell([sale(n, (skus[0].key, 1, str(skus[0].price))) for n in (1, 2)])
        await stage.until(lambda: [order.phase for order in stage.shop.orders()] == ["in_erp"] * 2)
        stage.erp.switches.truncate["order"] = 0
        stage.erp.progress("invoiced", None)
        await stage.until(lambda: _short(stage))
        before = await mark(stage, "order")  # what was being read when the lists became short was whole
        stage.erp.switches.truncate["order"] = 1
        await stage.until(lambda: any(order.phase == "invoiced" for order in stage.shop.orders()))
        assert (await mark(stage, "order"))[0] == before[0]
        stage.erp.switches.truncate.clear()
        await stage.until(lambda: all(order.phase == "invoiced" for order in stage.shop.orders()))
        await stage.until(lambda: _whole(stage))


async def _short(stage: Stage) -> bool:
    return (await told(stage, "fulfilment") or {}).get("code") == "reading.short"


async def _whole(stage: Stage) -> bool:
    return await told(stage, "fulfilment") is None
