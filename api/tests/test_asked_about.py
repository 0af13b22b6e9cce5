"""A shop that asks what became of its orders is told nothing of them by itself, and their way is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from api.tests.doors import Doored, doored
from api.tests.test_placed import known, order, place


async def row(house: Doored, key: str) -> Any:
    return await house.api("GET", f"/integrations/{house.id}/orders/{key}")


async def moved(house: Doored, key: str, state: str) -> Any:
    """Once the ERP was read again, the order as people see it."""
    await house.api("POST", f"/integrations/{house.id}/resync", {"flows": ["fulfilment"]})

    async def there() -> Any:
        found = await row(house, key)
        return found if found["state"] == state else None

    return await house.until(there)


@pytest.mark.trap("engine.asked-about-not-told")
async def test_nothing_is_sent_to_a_shop_that_asks(tmp_path: Path) -> None:
    async with doored(tmp_path, coupled=False) as house:
        house.shop.switches.hands_in = house.shop.switches.asks = True
        await house.couple()
        await house.live()
        goes, dies = order(house, 1), order(house, 2)
        for each in (goes, dies):
            assert (await place(house, each))[0] == 200
            await house.until(lambda key=each.key: house.in_erp(key))
        [entered], [cancelled] = house.in_erp(goes.key), house.in_erp(dies.key)
        house.erp.cancel([cancelled.key], "Mercadoria avariada")
        house.erp.progress("invoiced", [entered.key])
        house.erp.ship(entered.key, "BR1")
        house.erp.progress("delivered", [entered.key])
        seen = await moved(house, goes.key, "delivered")
        assert "à disposição da loja" in str(seen["timeline"])
        said = await known(house, goes.key)
        assert (said["state"], said["tracking"][0]["code"], len(said["notes"])) == ("delivered", "BR1", 1)
        await moved(house, dies.key, "cancelled")
        assert (await known(house, dies.key))["state"] == "cancelled"
        assert [name for name in house.shop.counts.by_operation if "/orders/{key}" in name] == []
        assert (await house.api("GET", f"/integrations/{house.id}/orders?attention=true"))["items"] == []
