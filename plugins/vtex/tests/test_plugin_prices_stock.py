"""Prices that keep the shop's fixed prices, stock that keeps its lead times, warehouses that are never doubled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from engate import Meter, Rejected, Response, Unknown
from engate.clock import ManualClock
from engate.model import Item, Price, StockLevel, Warehouse
from engate_vtex.client import credits_left
from engate_vtex.skus import FreshSkus

QUANTITY = "/api/logistics/pvt/inventory/skus/{sku}/warehouses/{warehouse}/quantity"
WAREHOUSES = "/api/logistics/pvt/configuration/warehouses"
FIXED = [
    {"tradePolicyId": "2", "value": 80.5, "minQuantity": 1},
    {
        "tradePolicyId": "1",
        "value": 95,
        "minQuantity": 3,
        "listPrice": 110.5,
        "dateRange": {"from": "2026-12-01T00:00:00Z", "to": "2026-12-31T00:00:00Z"},
    },
]


def price(base: str = "100.00", **changes: Any) -> Price:
    return Price(**{"key": "1001-1", "sku": "1001-1", "base": Decimal(base), **changes})


async def read_price(shop: Any, sku: str) -> dict[str, Any]:
    return await shop.call("GET", f"/pricing/prices/{sku}")


async def balance(shop: Any, sku: str, warehouse: str = "1_main") -> dict[str, Any]:
    inventory = await shop.call("GET", f"/api/logistics/pvt/inventory/skus/{sku}")
    return next(entry for entry in inventory["balance"] if entry["warehouseId"] == warehouse)


# ---- prices ----


@pytest.mark.trap("vtex.pricing-host", "vtex.price-in-reais")
async def test_the_first_price_of_a_sku_just_made_costs_one_call(shop: Any) -> None:
    sku = await shop.sku()
    shop.calls()
    await shop.accepted("prices", Item("1001-1", price("10.10", list_price=Decimal("12.5")), refs={"sku": sku}))
    assert shop.calls() == ["PUT /pricing/prices/{sku} 200"]
    made = await read_price(shop, sku)
    assert (made["basePrice"], made["listPrice"]) == (10.1, 12.5)


@pytest.mark.parametrize(
    ("headers", "said"),
    [({"ratelimit-remaining": "3", "ratelimit-limit": "500"}, Meter(remaining=3)), ({}, None), ({"ratelimit-remaining": "soon"}, None)],
)
def test_pricing_says_how_many_credits_others_of_the_account_have_left(headers: dict[str, str], said: Meter | None) -> None:
    assert credits_left(Response(200, headers, b"")) == said


async def fixed_by_the_shop(shop: Any) -> str:
    sku = await shop.sku()
    await shop.call("PUT", f"/pricing/prices/{sku}", {"basePrice": 90, "costPrice": 40, "fixedPrices": FIXED})
    return sku


@pytest.mark.trap("vtex.fixed-prices-deleted", "vtex.three-prices")
async def test_a_price_change_keeps_the_fixed_prices_and_the_cost(shop: Any) -> None:
    sku = await fixed_by_the_shop(shop)
    before = await read_price(shop, sku)
    await shop.accepted("prices", Item("1001-1", price("105.90"), have=price("90"), refs={"sku": sku}))
    now = await read_price(shop, sku)
    assert now["basePrice"] == 105.9
    assert now["fixedPrices"] == before["fixedPrices"] and len(now["fixedPrices"]) == 2
    assert now["costPrice"] == 40


@pytest.mark.trap("vtex.first-price-of-an-old-sku")
async def test_the_first_price_of_a_sku_that_the_shop_had_keeps_its_fixed_prices(shop: Any) -> None:
    sku = await fixed_by_the_shop(shop)
    shop.front = await shop.connect()  # another process: it has not made this SKU
    await shop.accepted("prices", Item("1001-1", price("105.90"), refs={"sku": sku}))
    assert len((await read_price(shop, sku))["fixedPrices"]) == 2


async def test_a_price_whose_sending_got_no_answer_keeps_the_fixed_prices(shop: Any) -> None:
    sku = await fixed_by_the_shop(shop)
    await shop.accepted("prices", Item("1001-1", price("105.90"), uncertain=True, refs={"sku": sku}))
    assert len((await read_price(shop, sku))["fixedPrices"]) == 2


async def test_a_price_that_stands_is_not_written(shop: Any) -> None:
    sku = await fixed_by_the_shop(shop)
    shop.calls()
    await shop.accepted("prices", Item("1001-1", price("90"), have=price("91"), refs={"sku": sku}))
    assert shop.calls() == ["GET /pricing/prices/{sku} 200"]


async def test_the_shops_own_list_price_stays_until_the_erp_gives_or_withdraws_one(shop: Any) -> None:
    sku = await shop.sku()
    await shop.call("PUT", f"/pricing/prices/{sku}", {"basePrice": 90, "listPrice": 120})
    await shop.accepted("prices", Item("1001-1", price("80"), have=price("90"), refs={"sku": sku}))
    assert (await read_price(shop, sku))["listPrice"] == 120
    await shop.accepted("prices", Item("1001-1", price("80", list_price=Decimal(99)), have=price("80"), refs={"sku": sku}))
    assert (await read_price(shop, sku))["listPrice"] == 99
    await shop.accepted("prices", Item("1001-1", price("80"), have=price("80", list_price=Decimal(99)), refs={"sku": sku}))
    assert (await read_price(shop, sku))["listPrice"] is None


async def test_a_price_table_gets_an_entry_and_loses_none(shop: Any) -> None:
    sku = await fixed_by_the_shop(shop)
    await shop.accepted("prices", Item("t", price("77.70", table="ATACADO"), refs={"sku": sku, "price_list": "2"}))
    now = await read_price(shop, sku)
    assert now["basePrice"] == 90
    values = {(fixed["tradePolicyId"], fixed["minQuantity"]): fixed["value"] for fixed in now["fixedPrices"]}
    assert values == {("2", 1): 77.7, ("1", 3): 95}


@pytest.mark.trap("vtex.price-of-nothing")
async def test_a_price_of_nothing_is_refused_before_any_call(shop: Any) -> None:
    for item in (Item("1", price("0"), refs={"sku": "1"}), Item("1", price("0"), refs={"sku": "1", "price_list": "2"})):
        error = await shop.refused("prices", item)
        assert isinstance(error, Rejected) and error.code == "price.value"
    assert shop.calls() == []


async def test_a_500_after_a_price_was_applied_ends_well(shop: Any) -> None:
    sku = await shop.sku()
    await shop.faults({"kind": "500_applied", "operation": "PUT /pricing", "times": 1})
    await shop.accepted("prices", Item("1001-1", price("10.10"), refs={"sku": sku}))
    assert (await read_price(shop, sku))["basePrice"] == 10.1


def test_a_sku_is_fresh_for_minutes_only() -> None:
    clock = ManualClock(datetime(2026, 11, 27, tzinfo=UTC))
    fresh = FreshSkus(clock)
    fresh.add("1")
    assert "1" in fresh and "2" not in fresh
    clock.advance(timedelta(minutes=11))
    assert "1" not in fresh
    fresh.add("2")
    assert "2" in fresh and len(fresh._made) == 1


# ---- stock ----


def level(quantity: int | str, **changes: Any) -> StockLevel:
    return StockLevel(**{"key": "1001-1@1", "sku": "1001-1", "warehouse": "1", "quantity": Decimal(quantity), **changes})


def stock_refs(sku: str) -> dict[str, str]:
    return {"sku": sku, "warehouse": "1_main"}


@pytest.mark.trap("vtex.lead-time-zero")
async def test_stock_is_an_absolute_total_and_leaves_the_lead_time(shop: Any) -> None:
    sku = await shop.sku()
    path = f"/api/logistics/pvt/inventory/skus/{sku}/warehouses/1_main"
    await shop.call("PUT", path, {"quantity": 3, "unlimitedQuantity": False, "leadTime": "2.00:00:00"})
    shop.calls()
    await shop.accepted("stock", Item("1001-1@1", level(8), refs=stock_refs(sku)))
    assert shop.calls() == [f"PATCH {QUANTITY} 204"]
    now = await balance(shop, sku)
    assert (now["totalQuantity"], now["hasUnlimitedQuantity"], now["leadTime"]) == (8, False, "2.00:00:00")


@pytest.mark.trap("vtex.unlimited-said")
async def test_stock_is_unlimited_only_where_the_record_says_so(shop: Any) -> None:
    sku = await shop.sku()
    await shop.accepted("stock", Item("1001-1@1", level(8, unlimited=True), refs=stock_refs(sku)))
    assert (await balance(shop, sku))["hasUnlimitedQuantity"] is True
    await shop.accepted("stock", Item("1001-1@1", level(0), refs=stock_refs(sku)))
    now = await balance(shop, sku)
    assert (now["hasUnlimitedQuantity"], now["totalQuantity"]) == (False, 0)


@pytest.mark.parametrize(("held", "offered"), [("2.5", 2), ("0.999", 0), ("5.000", 5), ("1E+2", 100)])
async def test_a_part_of_a_unit_is_not_for_sale(shop: Any, held: str, offered: int) -> None:
    sku = await shop.sku()
    await shop.accepted("stock", Item("1001-1@1", level(held), refs=stock_refs(sku)))
    assert (await balance(shop, sku))["totalQuantity"] == offered


async def test_a_negative_reading_offers_nothing(shop: Any) -> None:
    sku = await shop.sku()
    await shop.accepted("stock", Item("1001-1@1", level(-4), refs=stock_refs(sku)))
    assert (await balance(shop, sku))["totalQuantity"] == 0


@pytest.mark.trap("vtex.applied-500")
async def test_a_500_after_stock_was_applied_ends_well(shop: Any) -> None:
    sku = await shop.sku()
    await shop.faults({"kind": "500_applied", "operation": "PATCH", "times": 1})
    await shop.accepted("stock", Item("1001-1@1", level(8), refs=stock_refs(sku)))
    assert (await balance(shop, sku))["totalQuantity"] == 8


@pytest.mark.trap("vtex.leading-zeros")
async def test_a_sku_id_goes_without_leading_zeros(shop: Any) -> None:
    sku = await shop.sku()
    await shop.accepted("stock", Item("1001-1@1", level(5), refs=stock_refs(f"00{sku}")))
    assert (await balance(shop, sku))["totalQuantity"] == 5


async def test_stock_of_an_unknown_warehouse_is_the_platforms_words(shop: Any) -> None:
    sku = await shop.sku()
    error = await shop.refused("stock", Item("1001-1@1", level(5), refs={"sku": sku, "warehouse": "nenhum"}))
    assert isinstance(error, Rejected) and not isinstance(error, Unknown) and error.text.pt


# ---- warehouses ----


async def warehouses(shop: Any) -> dict[str, dict[str, Any]]:
    return {warehouse["id"]: warehouse for warehouse in await shop.call("GET", WAREHOUSES)}


async def test_a_branch_mapped_to_a_warehouse_leaves_it_as_it_is(shop: Any) -> None:
    before = await warehouses(shop)
    branch = Item("1", Warehouse("1", "MATRIZ"), refs={"warehouse": "1_MAIN"})
    assert await shop.accepted("warehouses", branch) == "1_main"
    assert await warehouses(shop) == before


@pytest.mark.trap("vtex.warehouse-spaces", "vtex.dock-cost-text")
async def test_a_branch_without_a_mapping_gets_a_warehouse_with_the_dock(shop: Any) -> None:
    shop.front = await shop.connect(dock="dock_second")
    made = await shop.accepted("warehouses", Item("F 3", Warehouse("F 3", "Filial 3")))
    assert made == "f-3"
    warehouse = (await warehouses(shop))["f-3"]
    assert (warehouse["name"], warehouse["isActive"]) == ("Filial 3", True)
    assert [dock["dockId"] for dock in warehouse["warehouseDocks"]] == ["dock_second"]


@pytest.mark.trap("vtex.warehouse-case")
async def test_a_warehouse_that_exists_in_another_case_is_not_doubled(shop: Any) -> None:
    body = {
        "id": "Filial-3",
        "name": "Da loja",
        "warehouseDocks": [
            {"dockId": "dock_main", "name": "d", "time": "0.00:00:00", "cost": "0.00", "translateDays": "dias", "costToDisplay": "0,00"}
        ],
        "isActive": True,
    }
    await shop.call("POST", WAREHOUSES, body)
    before = await warehouses(shop)
    assert await shop.accepted("warehouses", Item("FILIAL-3", Warehouse("FILIAL-3", "Filial"))) == "Filial-3"
    assert await warehouses(shop) == before


async def test_a_mapped_warehouse_that_does_not_exist_is_for_a_person(shop: Any) -> None:
    error = await shop.refused("warehouses", Item("1", Warehouse("1", "MATRIZ"), refs={"warehouse": "sumiu"}))
    assert isinstance(error, Rejected) and error.code == "warehouse.missing" and "sumiu" in error.text.pt
    assert "sumiu" not in await warehouses(shop)


async def test_one_of_two_docks_is_not_guessed(shop: Any) -> None:
    error = await shop.refused("warehouses", Item("3", Warehouse("3", "Filial 3")))
    assert isinstance(error, Rejected) and error.code == "warehouse.dock"
    assert "3" not in await warehouses(shop)
