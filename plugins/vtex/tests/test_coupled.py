"""VTEX's hook and a whole installation: orders enter as they are told, once, also where people change how they arrive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from api.tests.doors import Doored, doored
from tests.support.goods import sale

from engate_vtex_sandbox import VtexSandbox


def sold(house: Doored, number: int) -> str:
    first = min(house.shop.state(), key=lambda sku: sku.key)
    return house.shop.sell([sale(number, (first.key, 1, str(first.price)))])[str(number)]


async def hook_of(house: Doored) -> Any:
    hooks = house.shop.hooks.hooks
    return next(iter(hooks.values())) if hooks else None


async def arrive_by(house: Doored, how: str) -> None:
    await house.api("PATCH", f"/connections/{house.shop_id}", {"settings": {"orders_by": how}})
    assert (await house.api("POST", f"/connections/{house.shop_id}/test", {}))["passed"]


async def test_orders_enter_by_the_hook_and_none_twice_when_it_is_changed(tmp_path: Path) -> None:
    async with doored(tmp_path, shop_class=VtexSandbox) as house:
        await arrive_by(house, "hook")
        await house.api("POST", f"/integrations/{house.id}/activate", {})
        await house.until(lambda: house.shop.state() and all(sku.visible for sku in house.shop.state()), 30.0)
        await house.until(lambda: hook_of(house))
        await house.until(house.idle)
        first = sold(house, 1)
        await house.until(lambda: house.in_erp(first))  # nothing is read by schedule

        await house.api("PATCH", f"/integrations/{house.id}/flows/orders", {"every": 0.2})
        await arrive_by(house, "feed")
        await house.until(lambda: house.shop.feed.queues)
        second = sold(house, 2)
        await house.until(lambda: house.in_erp(second))
        await arrive_by(house, "hook")
        await house.until(lambda: not house.shop.feed.queues, 45.0)  # once all that it held was told
        third = sold(house, 3)
        await house.until(lambda: house.in_erp(third))
        assert [len(house.in_erp(key)) for key in (first, second, third)] == [1, 1, 1]
