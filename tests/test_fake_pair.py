"""The fake pair stands for any two platforms: catalogue there, orders, notes and shipments back, changes and cancellations both ways."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.support.goods import goods, sale
from tests.support.stage import Stage, faked

D = Decimal


def sell(stage: Stage, number: int = 1, *quantities: int, **more: Any) -> str:
    """An order of the first SKUs."""
    skus = sorted(stage.shop.state(), key=lambda sku: sku.key)
    lines = [(sku.key, quantity, str(sku.price)) for sku, quantity in zip(skus, quantities or (1,), strict=False)]
    return stage.shop.sell([sale(number, *lines, **more)])[str(number)]


async def phase(stage: Stage, key: str, wanted: str) -> None:
    await stage.until(lambda: any(order.key == key and order.phase == wanted for order in stage.shop.orders()))


async def test_goods_there_and_an_order_back_to_the_door(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(3)) as stage:
        await stage.selling()
        assert {sku.key: (sku.price, sku.stock["main"]) for sku in stage.shop.state()} == {
            sku.key: (sku.price, sku.stock["1"]) for sku in stage.erp.state()
        }
        key = sell(stage, 1, 2, 1)
        await phase(stage, key, "in_erp")
        stage.erp.progress("invoiced", None)
        await phase(stage, key, "invoiced")
        stage.erp.progress("shipped", None)
        await stage.until(lambda: stage.shop.orders()[0].tracking)
        stage.erp.progress("delivered", None)
        await phase(stage, key, "delivered")
        [order] = stage.erp.orders()
        assert order.total == stage.shop.orders()[0].total and (await stage.order(key)).cause is None
