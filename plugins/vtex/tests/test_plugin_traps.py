"""What VTEX does that no other test of the plugin meets: see docs/traps.md."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from engate_vtex.endpoints import Endpoint

SKU = "/api/catalog/pvt/stockkeepingunit"
INVENTORY = Endpoint("PUT", "/api/logistics/pvt/inventory/skus/{sku}/warehouses/{warehouse}")


@pytest.mark.trap("vtex.not-in-the-trade-policy", "vtex.sku-stays-inactive")
async def test_what_was_pushed_can_be_bought(shop: Any) -> None:
    """Product, SKU, image, price and stock as the engine pushes them, and nothing done by hand."""
    await shop.sellable("1001-1")
    [state] = await shop.control("state")
    assert (state["key"], state.get("visible", True), state.get("missing", [])) == ("1001-1", True, [])


@pytest.mark.trap("vtex.locked")
async def test_an_update_that_met_a_lock_goes_again(shop: Any) -> None:
    """Of updates that come at once the platform takes the first alone, and says 423 to the others."""
    sku = await shop.sku()
    shop.calls()

    async def update(quantity: int) -> None:
        body = {"quantity": quantity, "unlimitedQuantity": False, "leadTime": "1.00:00:00"}
        await shop.front._vtex.call(INVENTORY, sku=sku, warehouse="1_main", body=body)

    answers: list[str] = []
    for _ in range(50):  # the lock lasts some milliseconds of real time: on a busy machine the second may come too late for it
        await asyncio.gather(update(5), update(6))
        answers = [call.rpartition(" ")[2] for call in shop.calls()]
        if "423" in answers:
            break
    assert "423" in answers and len(answers) - answers.count("423") == 2
    inventory = await shop.call("GET", f"/api/logistics/pvt/inventory/skus/{sku}")
    assert next(entry["totalQuantity"] for entry in inventory["balance"] if entry["warehouseId"] == "1_main") in (5, 6)


@pytest.mark.trap("vtex.unit-multiplier")
async def test_an_order_with_a_unit_multiplier_adds_up(shop: Any) -> None:
    """Sold by the box of 2.5 m²: the item's price is of one m², what was sold are boxes."""
    sku = await shop.sellable("1001-1", price="100.00")
    body = await shop.call("GET", f"{SKU}/{sku}")
    whole = {name: value for name, value in body.items() if value is not None} | {"UnitMultiplier": 2.5, "MeasurementUnit": "m²"}
    await shop.call("PUT", f"{SKU}/{sku}", whole)
    order = await shop.front.read_order(await shop.sell(("1001-1", 2, "100.00")))
    assert [(item.quantity, item.price) for item in order.items] == [(2, Decimal("100.00"))]
    assert (order.items_total, order.discount, order.interest, order.total) == (Decimal(200), 0, 0, Decimal(200))


@pytest.mark.trap("vtex.cancellation-spelt")
async def test_a_buyer_who_asks_to_cancel_is_heard(shop: Any) -> None:
    await shop.sellable()
    key = await shop.sell(("1001-1", 1, "100.00"))
    await shop.call("POST", f"/api/oms/pvt/orders/{key}/start-handling")
    await shop.control("cancel", {"keys": [key]})
    order = await shop.front.read_order(key)
    assert (order.raw_state, order.state) == ("cancellation-requested", "cancel_requested")
