"""A storefront that counts cost: calls wait for their credits, and orders do not wait behind the catalogue."""

from __future__ import annotations

import pytest
from tests.support.goods import goods
from tests.support.stage import Stage, faked

from engate.testing.facts import Change

ASKS, TAKES = 100.0, 20.0
COSTLY = {"fake_shop": {"cost": {"stock": ASKS}}}


async def restocked(stage: Stage) -> None:
    stage.shop.switches.cost = {"stock": (ASKS, TAKES)}
    stage.erp.change([Change(sku.key, stock={"1": 3}) for sku in stage.erp.state()])
    await stage.resync(["stock"])
    await stage.until(lambda: all(sku.stock == {"main": 3} for sku in stage.shop.state()))


@pytest.mark.trap("engine.cost-taken")
async def test_a_load_stays_within_the_credits_that_the_answers_tell_of(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(40), settings=COSTLY) as stage:
        await stage.selling()
        stage.shop.switches.points = (2000.0, 300.0)
        await restocked(stage)
        # before the switch nothing told of credits: at most what was let go at once then is refused
        assert stage.shop.counts.effects["throttled"] <= 16
        before = stage.shop.counts.effects["throttled"]
        stage.erp.change([Change(sku.key, stock={"1": 4}) for sku in stage.erp.state()])
        await stage.resync(["stock"])
        await stage.until(lambda: all(sku.stock == {"main": 4} for sku in stage.shop.state()))
        assert stage.shop.counts.effects["throttled"] == before


async def test_a_rate_that_is_told_from_the_first_answer_on_is_never_overstepped(sqlite_database: str) -> None:
    async with faked(sqlite_database, run=False, settings=COSTLY) as stage:
        stage.shop.switches.points = (2000.0, 300.0)
        stage.shop.switches.cost = {kind: (1.0, 1.0) for kind in ("warehouse", "category", "brand", "product", "sku", "image", "price")}
        stage.shop.switches.cost["stock"] = (ASKS, TAKES)
        stage.erp.seed(goods(30))
        stage.start()
        await stage.selling()
        assert stage.shop.counts.effects["throttled"] == 0
