"""Which fields of a product travel to a shop that is sent its products, and which balance its stock is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from tests.support.goods import goods
from tests.support.stage import Stage, faked, staged

from engate.domain.mapping import PairMapping, WarehouseRow
from engate.domain.options import PRODUCT_FIELDS, Options, ProductField
from engate.model import StockLevel
from engate.testing.facts import Change
from engate.views import records

D = Decimal
PRODUCT, SKU = "1000", "1000-50000"


def without(*names: ProductField, **more: Any) -> Options:
    return Options(product_fields=tuple(name for name in PRODUCT_FIELDS if name not in names), **more)


def held(stage: Stage, kind: str = "product", key: str = PRODUCT) -> dict[str, Any]:
    return stage.shop.held[kind][key]["want"]


async def say(stage: Stage, kind: str, key: str, **fields: Any) -> None:
    """Somebody changes this in the ERP, and it is read."""
    stage.erp.put(kind, replace(stage.erp.doc(kind, key), **fields))
    await stage.resync(["products", "stock"])
    await stage.quiet()


async def test_what_the_erp_says_of_a_product_reaches_the_shop(sqlite_database: str) -> None:
    async with faked(sqlite_database) as stage:
        stage.erp.switches.details = True
        stage.erp.seed(goods(1, unit="KG", net_weight_kg=D("1.2"), ncm="10063021", preparation_days=2))
        await stage.selling()
        want = held(stage)
        assert (want["unit"], want["net_weight_kg"], want["ncm"], want["preparation_days"]) == ("KG", "1.2", "10063021", 2)


@pytest.mark.trap("engine.field-kept", "engine.field-unsent")
async def test_a_field_that_is_not_ticked_goes_with_the_creation_alone(sqlite_database: str) -> None:
    options = without("name", "description", "gross_weight")
    async with faked(sqlite_database, seed=goods(1), options=options) as stage:
        await stage.selling()
        name, description = held(stage)["name"], held(stage)["description"]
        assert (name, description, held(stage, "sku", SKU)["weight_kg"]) == ("Produto 0", "Descrição do produto 0", "1.5")
        puts = len(stage.shop.puts)
        await say(stage, "product", PRODUCT, name="Outro", description="Outra")
        await say(stage, "sku", SKU, name="OUTRO", weight_kg=D(3))
        assert len(stage.shop.puts) == puts, "there is nothing to send"
        await say(stage, "product", PRODUCT, ncm="10063021")
        await say(stage, "sku", SKU, height_cm=D(11))
        assert (held(stage)["ncm"], held(stage)["name"], held(stage)["description"]) == ("10063021", name, description)
        assert (held(stage, "sku", SKU)["height_cm"], held(stage, "sku", SKU)["weight_kg"]) == ("11", "1.5")
        await stage.change(options=Options(), flows=["products"])
        await stage.until(lambda: (held(stage)["name"], held(stage)["description"]) == ("Outro", "Outra"))
        await stage.until(lambda: held(stage, "sku", SKU)["weight_kg"] == "3")


async def last_sent(stage: Stage) -> dict[str, Any]:
    found = await stage.store.viewing(lambda c: records.detail(c, stage.integration_id, "product", PRODUCT))
    assert found is not None and found.last_sent is not None
    return found.last_sent


BULK: dict[str, dict[str, object]] = {"fake_shop": {"bulk": ["product"], "ask_after": 0.05}}


@pytest.mark.trap("engine.field-unheld", "engine.field-unheld-bulk", "engine.field-unshown")
@pytest.mark.parametrize("settings", [{}, BULK], ids=["calls", "operation"])
async def test_of_what_is_the_shops_own_nobody_says_that_the_shop_holds_it(
    sqlite_database: str, settings: dict[str, dict[str, object]]
) -> None:
    """However it is sent: by calls, or as an operation."""
    options = without("name", overwrite_enriched=False)
    async with faked(sqlite_database, options=options, settings=settings) as stage:
        stage.erp.switches.details = True
        stage.erp.seed(goods(1, unit="KG"))
        await stage.selling()
        shown = await last_sent(stage)
        assert "name" not in shown and (shown["unit"], shown["description"]) == ("KG", "Descrição do produto 0"), "made with its text"
        await say(stage, "product", PRODUCT, description="Outra", unit="UN")
        await stage.until(lambda: held(stage)["unit"] == "UN")
        await stage.until(lambda: settled(stage))
        shown = await last_sent(stage)
        assert not {"name", "description"} & set(shown) and shown["unit"] == "UN"
        await stage.change(options=Options(), flows=["products"])
        await stage.until(lambda: sent_as(stage, "Produto 0", "Outra"))


async def sent_as(stage: Stage, name: str, description: str) -> bool:
    shown = await last_sent(stage)
    return (shown.get("name"), shown.get("description")) == (name, description)


async def settled(stage: Stage) -> bool:
    return not await stage.sql("select id from record where state <> 'settled'")


async def test_days_of_preparation_stay_where_the_option_says_so(sqlite_database: str) -> None:
    async with faked(sqlite_database, options=Options(send_preparation_days=False)) as stage:
        stage.erp.switches.details = True
        stage.erp.seed(goods(1, preparation_days=2))
        await stage.selling()
        await say(stage, "product", PRODUCT, preparation_days=5, ncm="1")
        assert (held(stage)["ncm"], held(stage)["preparation_days"]) == ("1", 2)
        await stage.change(options=Options(), flows=["products"])
        await stage.until(lambda: held(stage)["preparation_days"] == 5)


async def test_the_shops_own_description_stays_and_comes_back_when_it_is_ticked(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1), options=without("description"), selling=True) as stage:
        [before] = stage.shop.state()
        stage.erp.change([Change(before.key, name="Outro nome", description="Outra")])
        await stage.resync(["products"])
        await stage.until(lambda: stage.shop.state()[0].product_name == "Outro nome")
        assert stage.shop.state()[0].description == before.description
        await stage.change(options=Options(), flows=["products"])
        await stage.until(lambda: stage.shop.state()[0].description == "Outra")


# ---- stock ----


def offered(stage: Stage) -> list[tuple[str, str]]:
    """(warehouse, units) of the SKU: one number, whichever balance it is."""
    rows = stage.shop.held.get("stock", {}).values()
    assert not [row for row in rows if "physical" in row["want"]]
    return sorted((row["refs"]["warehouse"], str(row["want"]["quantity"])) for row in rows)


async def physical(stage: Stage, branch: str, available: int, house: int | None) -> None:
    stage.erp.put("stock", StockLevel(f"{SKU}@{branch}", SKU, branch, D(available), physical=None if house is None else D(house)))
    await stage.resync(["stock"])
    await stage.quiet()


@pytest.mark.trap("engine.physical")
async def test_the_balance_that_is_told_is_the_one_that_was_chosen(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), options=Options(stock_buffer=1)) as stage:
        await stage.selling()
        await physical(stage, "1", 5, 8)
        assert offered(stage) == [("main", "4")]
        await stage.change(options=Options(stock_buffer=1, stock_sent="physical"), flows=["stock"])
        await stage.until(lambda: offered(stage) == [("main", "7")])
        await physical(stage, "1", 3, 8)
        assert offered(stage) == [("main", "7")], "what the ERP reserves is still in the house"
        await physical(stage, "1", 3, None)
        assert offered(stage) == [("main", "2")], "what is not known cannot be told"
        await stage.change(options=Options(), flows=["stock"])
        await stage.until(lambda: offered(stage) == [("main", "3")])


async def test_of_branches_that_are_one_warehouse_the_sum_of_that_balance_is_told(sqlite_database: str) -> None:
    def both(mapping: PairMapping) -> PairMapping:
        return replace(mapping, warehouses=(WarehouseRow("1", "main"), WarehouseRow("2", "main")))

    async with faked(sqlite_database, seed=goods(1), mapping=both, options=Options(stock_sent="physical")) as stage:
        await stage.selling()
        await physical(stage, "1", 5, 8)
        await physical(stage, "2", 7, None)
        await stage.until(lambda: ("main", "15") in offered(stage))
