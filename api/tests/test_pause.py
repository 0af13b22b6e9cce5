"""A pause and its end: what changed meanwhile is read, not everything; and what a pause does not allow is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from api.tests.doors import Doored, doored

from engate.testing.facts import Change


async def runs(house: Doored) -> list[Any]:
    return (await house.api("GET", f"/integrations/{house.id}/runs"))["items"]


async def pause(house: Doored) -> None:
    await house.api("POST", f"/integrations/{house.id}/deactivate", {})


async def resume(house: Doored, **how: Any) -> list[Any]:
    """The runs that it makes, when they are over. (The list of runs may be some moments old.)"""
    made = (await house.api("POST", f"/integrations/{house.id}/activate", how))["runs"]

    async def over() -> list[Any] | None:
        found = [run for run in await runs(house) if run["id"] in made and run["state"] == "done"]
        return found if len(found) == len(made) else None

    return await house.until(over)


@pytest.mark.trap("engine.resume-reads-deltas")
async def test_after_a_pause_only_what_changed_is_read(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        await house.until(house.idle)
        [sku, *_] = sorted(house.shop.state(), key=lambda each: each.key)
        await pause(house)
        house.erp.change([Change(sku.key, price=Decimal("98.70"))])
        before = len(house.shop.puts)
        made = await resume(house)
        assert made and not any(run["full"] for run in made)
        assert {each.key: each.price for each in house.shop.state()}[sku.key] == Decimal("98.70")
        assert len(house.shop.puts) == before + 1


async def test_who_goes_from_a_pilot_to_everything_has_it_all_in_the_shop(tmp_path: Path) -> None:
    """A pilot reads all and sends little: the rest goes without being read once more."""
    async with doored(tmp_path) as house:
        keys = sorted(each.key for each in house.erp.state())
        made = await resume(house, pilot=keys[:1])
        assert made and all(run["full"] for run in made)
        assert [each.key for each in house.shop.state() if each.visible] == keys[:1]
        made = await resume(house, everything=True)
        assert made and not any(run["full"] for run in made)

        def all_there() -> bool:
            return sorted(each.key for each in house.shop.state() if each.visible) == keys

        await house.until(all_there)


async def test_while_it_is_paused_nothing_is_retried(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        house.erp.switches.refuses = "Cliente bloqueado"
        key = house.sell(1)

        async def waits() -> Any:
            return next((each for each in (await house.api("GET", "/causes"))["items"] if each["orders"]), None)

        cause = await house.until(waits)
        await pause(house)
        refused = [
            await house.api("POST", f"/integrations/{house.id}/records/retry", {"cause": cause["id"]}, status=409),
            await house.api("POST", f"/integrations/{house.id}/orders/{key}/retry", {}, status=409),
        ]
        assert {each["code"] for each in refused} == {"inactive"} and "Ative a integração" in refused[0]["hint"]
        assert (await waits())["id"] == cause["id"], "what waited still does, and says why"
