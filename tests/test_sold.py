"""Stock of what is switched on or off at the very moment at which its stock is decided."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
import sqlalchemy as sa
from msgspec.structs import replace
from tests.support.goods import goods, sale
from tests.support.stage import Stage, faked
from tests.test_sharing import WAITS

from engate.domain.sheet import Line
from engate.model import Price
from engate.operations import linking, trigger
from engate.operations.scope import Scope
from engate.store import levels
from engate.store.blobs import pack
from engate.store.rows import RecordSet
from engate.store.tables import record

SERVES: dict[str, dict[str, object]] = {"fake_shop": {"serves": ["product", "sku", "price", "image"]}}
SKU = "1000-50000"


def units(stage: Stage) -> list[int]:
    """What the shop holds of the SKU."""
    return [int(row["want"]["quantity"]) for row in stage.shop.held.get("stock", {}).values()]


async def linked(stage: Stage) -> None:
    """Loaded, and the shop holds 5 of it."""
    await stage.activate()
    await stage.until(lambda: stage.sql("select id from record where kind = 'price'"))
    of = RecordSet(stage.tenant_id, stage.integration_id, "sku")
    await stage.until(lambda: stage.sql("select id from record where kind = 'sku'"))
    await stage.store.writing(lambda c: linking.link_all(c, of, [Line(2, SKU, "900")], stage.clock.now().timestamp()))
    stage.runner.poke()
    await restock(stage, 5)
    await stage.until(lambda: units(stage) == [5])


async def restock(stage: Stage, quantity: int) -> None:
    level = stage.erp.doc("stock", f"{SKU}@1")
    stage.erp.put("stock", replace(level, quantity=Decimal(quantity)))
    await stage.resync(["stock"])


async def cost(stage: Stage, base: int) -> Price:
    price = replace(stage.erp.doc("price", SKU), base=Decimal(base))
    stage.erp.put("price", price)
    return price


def on_sale(c: sa.Connection, stage: Stage, price: Price) -> None:
    """As a reading of prices does: it holds the SKU's stock and has read the price, and is not through."""
    levels.lock(c, stage.integration_id, [SKU])
    c.execute(sa.update(record).where(record.c.kind == "price", record.c.key == SKU).values(doc=pack(price)))


AFTER = {"reading": 6, "refresh": 5, "order": 4}
"""What decides the stock meanwhile -> the units that the shop is told then."""


@pytest.mark.trap("engine.off-held-reading", "engine.off-held-refresh", "engine.off-held-order")
@pytest.mark.parametrize("by", AFTER)
async def test_what_goes_on_sale_while_its_stock_is_decided_is_told_with_it(new_database: Callable[..., str], by: str) -> None:
    """Else its stock stays 0 until units move next. (SQLite has one writer anyway.)"""
    async with faked(new_database("postgresql", tables=True), seed=goods(1), settings=SERVES) as stage:
        await linked(stage)
        await cost(stage, 0)
        await stage.resync(["prices"])
        await stage.until(lambda: units(stage) == [0])
        await stage.quiet()
        await stage.pushed()
        price = await cost(stage, 7)
        with stage.store.engine.begin() as other:
            on_sale(other, stage, price)
            if by == "reading":
                await restock(stage, 6)
            elif by == "order":
                stage.shop.ids["sku", SKU] = "900"  # it made it of what it fetched
                stage.shop.sell([sale(1, (SKU, 1, "7.00"))])
            else:
                now = stage.clock.now().timestamp()
                await stage.store.writing(lambda c: trigger.changed(Scope(c, stage.tenant_id, stage.integration_id, now), ["stock"]))
                stage.runner.poke()
            await stage.until(lambda: stage.sql(WAITS))
        await stage.until(lambda: units(stage) == [AFTER[by]], 6)
