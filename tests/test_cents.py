"""A price with more than two places: shops ask whole cents, rounded half up by the one rule, and the explanation shows both (T16)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.goods import goods
from tests.support.stage import Stage, faked, staged

from engate.model import Price
from engate.store import config
from engate.testing.facts import Change
from engate.views import explain

D = Decimal


async def explained(stage: Stage, sku: str) -> str:
    def look(c: Any) -> str:
        snapshot = config.snapshot(c, stage.integration_id)
        assert snapshot is not None
        return explain.sku(c, snapshot, sku).verdict.text.pt

    return await stage.store.reading(look)


@pytest.mark.trap("engine.half-up")
@pytest.mark.parametrize(("said", "asked"), [("10.005", "10.01"), ("10.0049", "10.00"), ("10.015", "10.02"), ("10.1", "10.1")])
async def test_a_price_goes_in_cents_rounded_half_up(sqlite_database: str, said: str, asked: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        key = stage.shop.state()[0].key
        stage.erp.put("price", Price(key, key, D(said), D("12.345")))
        await stage.resync(["prices"], full=False)
        await stage.quiet()
        want = stage.shop.held["price"][key]["want"]
        assert (want["base"], want["list_price"]) == (asked, "12.35")
        told = "informa R$ " in await explained(stage, key)
        assert told == (said != asked)
        puts = len(stage.shop.puts)
        await stage.resync(["prices"])
        await stage.quiet()
        assert len(stage.shop.puts) == puts, "the same price again is nothing to send"


@pytest.mark.trap("engine.rounding-shown")
async def test_the_explanation_shows_what_the_erp_said_and_what_the_shop_asks(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        key = stage.shop.state()[0].key
        stage.erp.put("price", msgspec.structs.replace(stage.erp.doc("price", key), base=D("10.005")))
        await stage.resync(["prices"], full=False)
        await stage.until(lambda: stage.shop.state()[0].price == D("10.01"))
        await stage.quiet()
        said = await explained(stage, key)
        assert "por R$ 10,01" in said and "O ERP informa R$ 10,005, que vai à loja arredondado: R$ 10,01." in said


async def test_on_winthor_and_vtex_too(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        key = stage.shop.state()[0].key
        stage.erp.change([Change(key, price=D("10.005"))])
        await stage.resync(["prices"])
        await stage.until(lambda: stage.shop.state()[0].price == D("10.01"))
