"""The walking skeleton, on both databases: products there, one order and its invoice back."""

from __future__ import annotations

from tests.support.goods import goods, sale
from tests.support.stage import staged

from engate.testing import contracts


async def test_products_go_there_and_an_order_comes_back(database: str) -> None:
    traffic = contracts.traffic("vtex")
    against: list[str] = []
    told = (lambda exchange: against.extend(traffic.hold(exchange))) if traffic is not None else None
    async with staged(database, seed=goods(8), on_exchange=told) as stage:
        stage.erp.corrupt("parameter", "invoice_window=0")
        await stage.activate()
        await stage.until(lambda: sum(sku.visible for sku in stage.shop.state()) == 8)
        await stage.quiet()
        first = stage.shop.state()[0]
        keys = stage.shop.sell([sale(1, (first.key, 2, str(first.price)))])
        key = keys["1"]
        await stage.until(lambda: [o for o in stage.erp.orders() if o.storefront_key == key])
        stage.erp.progress("invoiced", None)
        await stage.until(lambda: next(o for o in stage.shop.orders() if o.key == key).phase == "invoiced")
        stage.erp.progress("shipped", None)
        stage.erp.progress("delivered", None)
        await stage.until(lambda: next(o for o in stage.shop.orders() if o.key == key).phase == "delivered")
        assert [o.phase for o in stage.erp.orders()] == ["delivered"]
    assert against == []
