"""The support desk's work queue: what holds up most comes first, with what it is about, over one integration and over all."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from api.tests.doors import KEY, Doored, doored

from engate.testing.facts import Change


async def causes(house: Doored, asked: str = "", at: str = "") -> list[Any]:
    return (await house.api("GET", f"{at}/causes{asked}"))["items"]


async def stuck(house: Doored) -> None:
    """Stock of a branch that nobody has mapped waits, and later two orders that the ERP refuses."""
    first = min(house.shop.state(), key=lambda sku: sku.key)
    house.erp.change([Change(first.key, stock={"9": 5})])
    await house.api("POST", f"/integrations/{house.id}/resync", {"flows": ["stock"]})

    async def waits(n: int) -> bool:
        return len(await causes(house, "?owner=person")) == n

    await house.until(lambda: waits(1))
    house.erp.switches.refuses = "Cliente bloqueado"
    for number in (1, 2):
        house.sell(number)
    await house.until(lambda: waits(2))

    async def both() -> bool:
        return (await causes(house, "?owner=person"))[0]["orders"] == 2  # the same question: an answer may be some moments old

    await house.until(both)


@pytest.mark.trap("engine.queue-money-first")
async def test_money_comes_before_what_waits_longer(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        await stuck(house)
        orders, stock = await causes(house, "?owner=person")
        placed = (await house.api("GET", f"/integrations/{house.id}/orders"))["items"]
        assert orders["orders"] == 2 and Decimal(orders["money"]) == sum(Decimal(each["total"]) for each in placed) > 0
        assert orders["first"] == {"kind": "order", "key": min(each["key"] for each in placed), "name": ""}
        assert (stock["orders"], stock["records"], stock["first"]["kind"]) == (0, {"stock": 1}, "stock")
        assert {each["integration_name"] for each in (orders, stock)} == {"par"}
        assert [each["id"] for each in await causes(house, "?owner=person&sort=age")] == [stock["id"], orders["id"]]


@pytest.mark.trap("engine.queue-own")
async def test_one_integration_owners_and_pages(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        await stuck(house)
        every = await causes(house)
        assert await causes(house, at=f"/integrations/{house.id}") == every
        assert {each["owner"] for each in await causes(house, "?owner=engate")} <= {"engate"}
        paged: list[Any] = []
        cursor = ""
        while cursor is not None:
            page = await house.api("GET", f"/causes?limit=1{cursor and f'&cursor={cursor}'}")
            paged, cursor = paged + page["items"], page["next_cursor"]
        assert [each["id"] for each in paged] == [each["id"] for each in every]
        other = (await house.api("POST", "/tenants", {"name": "Outra"}, key=KEY))["admin_key"]
        assert (await house.api("GET", "/causes", key=other))["items"] == []
