"""Whoever loses a lane does nothing more outside: the lease is looked at right before every call that may have an effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from tests.support.goods import goods, sale
from tests.support.stage import Stage, staged

from engate.store.tables import lane
from engate.testing.contracts import Exchange
from engate.testing.world import Fault

WHOLESALE = "/api/wholesale/v1"
ORDER = "/api/oms/pvt/orders/{orderId}"
FAR = 9_999_999_999.0


class Effect(NamedTuple):
    """`held_up`: the operation whose refusal keeps the effect from happening; `call`: the effect itself; `asked`: what leads to it."""

    name: str
    side: str
    call: str
    asked: Callable[[Stage, str], None]
    held_up: str = ""


def _nothing(stage: Stage, key: str) -> None:
    del stage, key


def _progress(*through: str) -> Callable[[Stage, str], None]:
    def move(stage: Stage, key: str) -> None:
        del key
        for to in through:
            stage.erp.progress(to, None)

    return move


def _cancelled_in_shop(stage: Stage, key: str) -> None:
    stage.shop.cancel([key], "Desisti")


def _cancelled_in_erp(stage: Stage, key: str) -> None:
    stage.erp.cancel([order.key for order in stage.erp.orders() if order.storefront_key == key], "Sem estoque")


EFFECTS = (
    Effect("import_order", "erp", f"POST {WHOLESALE}/orders/", _nothing, f"GET {WHOLESALE}/orders"),
    Effect("import_cancellation", "erp", f"DELETE {WHOLESALE}/orders", _cancelled_in_shop),
    Effect("send_handling", "shop", f"POST {ORDER}/start-handling", _nothing),
    Effect("send_invoice", "shop", f"POST {ORDER}/invoice", _progress("invoiced")),
    Effect("send_tracking", "shop", f"PATCH {ORDER}/invoice/{{invoiceNumber}}", _progress("invoiced", "shipped")),
    Effect("send_delivery", "shop", f"PUT {ORDER}/invoice/{{invoiceNumber}}/tracking", _progress("invoiced", "shipped", "delivered")),
    Effect("send_cancellation", "shop", f"POST {ORDER}/cancel", _cancelled_in_erp),
)
ALWAYS = 10_000


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)
async def test_who_lost_the_lane_of_an_order_does_nothing_more_outside(sqlite_database: str, effect: Effect) -> None:
    """Somebody else takes the lane while the order is read from the shop, as after a pause longer than the lease."""
    thief: list[Callable[[], None]] = []
    stolen: list[str] = []

    def told(exchange: Exchange) -> None:
        if thief and exchange.method == "GET" and "/oms/pvt/orders/" in exchange.path:
            thief.pop()()
            stolen.append(exchange.path)

    async with staged(sqlite_database, seed=goods(1), told=told) as stage:
        stage.erp.corrupt("parameter", "invoice_window=0")
        await stage.selling()
        box = stage.erp if effect.side == "erp" else stage.shop
        first = stage.shop.state()[0]
        box.faults.set([Fault("500", effect.held_up or effect.call, times=ALWAYS)])
        key = stage.shop.sell([sale(1, (first.key, 1, str(first.price)))])["1"]
        if effect.asked is not _nothing:
            await stage.until(lambda: _phase(stage, key) == "in_erp")
            effect.asked(stage, key)
        await stage.until(lambda: box.books.injected["500"])
        await stage.stop()
        box.faults.set([])
        before = box.books.writes[effect.call]
        await stage.retry_order(key)
        await stage.store.writing(lambda c: c.execute(sa.update(lane).values(not_before=0, tries=0)))
        thief.append(lambda: _take(stage, f"order/{key}"))
        stage.start()
        await stage.until(lambda: stolen)
        await stage.until(lambda: not stage.runner.busy)
        assert box.books.writes[effect.call] == before, "sent by one who no longer had the lane"
        await stage.store.writing(lambda c: c.execute(sa.update(lane).where(lane.c.lease == "thief").values(lease=None, lease_until=0)))
        await stage.until(lambda: box.books.writes[effect.call] > before)


def _phase(stage: Stage, key: str) -> str:
    return next(order.phase for order in stage.shop.orders() if order.key == key)


def _take(stage: Stage, name: str) -> None:
    with stage.store.write() as c:
        c.execute(sa.update(lane).where(lane.c.name == name).values(lease="thief", lease_until=FAR))
