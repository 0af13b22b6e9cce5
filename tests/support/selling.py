"""What tests of orders on the fake pair do again and again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.support.goods import sale
from tests.support.stage import Stage

from engate.testing.fake_shop.sandbox import FakeShopSandbox


def skus(stage: Stage) -> list[tuple[str, str]]:
    """(ERP key, price) of what the shop sells."""
    return [(sku.key, str(sku.price)) for sku in sorted(stage.shop.state(), key=lambda sku: sku.key)]


def sell(stage: Stage, *quantities: Any, number: int = 1, **more: Any) -> str:
    """An order of the first SKUs, so many of each."""
    lines = [(key, quantity, price) for (key, price), quantity in zip(skus(stage), quantities or (1,), strict=False)]
    return stage.shop.sell([sale(number, *lines, **more)])[str(number)]


def in_erp(stage: Stage, key: str) -> list[Any]:
    """The ERP's own orders of a shop order, in the order of its parts."""
    found = [order for order in stage.erp.taken.values() if order.reference.partition("/")[0] == key]
    return sorted(found, key=lambda order: order.reference)


def told(stage: Stage, key: str, verb: str) -> list[Any]:
    """What the shop was told of an order, by this verb."""
    return [body for said, body in stage.shop.told.get(key, []) if said == verb]


async def entered(stage: Stage, key: str, parts: int = 1) -> list[Any]:
    await stage.until(lambda: len(in_erp(stage, key)) >= parts)
    await stage.until(lambda: stage.shop.placed[key].state in ("handling", "invoiced"))
    return in_erp(stage, key)


async def state(stage: Stage, key: str, wanted: str) -> None:
    async def there() -> bool:
        return (await stage.order(key)).state == wanted

    await stage.until(there)


async def tasks(stage: Stage, key: str) -> dict[str, Decimal]:
    """What stands open of an order: code -> amount."""
    rows = await stage.sql(
        "select t.code, t.amount from task t join shop_order o on o.id = t.order_id where o.key = :key and t.closed_at is null", key=key
    )
    return {row.code: Decimal(str(row.amount)).quantize(Decimal("0.01")) for row in rows}


async def asleep(stage: Stage, key: str) -> None:
    """Until nothing of the order is due, and the fake shop has no more to say of it: an event that is still on its way wakes it later."""
    queue = isinstance(stage.shop, FakeShopSandbox) and not stage.shop.switches.journal

    async def is_asleep() -> bool:
        if queue and any(event.order == key for event in stage.shop.queue):
            return False  # looked at before the inbox: an event leaves the queue when it stands there
        inbox = await stage.sql("select id from inbox where order_key = :key and handled_at is null", key=key)
        lane = await stage.sql("select id from lane where name = :name and (due_at is not null or lease is not null)", name=f"order/{key}")
        return not inbox and not lane

    await stage.until(is_asleep)
