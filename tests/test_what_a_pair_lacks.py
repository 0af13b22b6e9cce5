"""What one side of a pair does not have is not waited for: it is left out, an option stands for it, or one cause says so for all."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.goods import goods
from tests.support.stage import Stage, faked, staged

from engate.domain.mapping import PairMapping
from engate.domain.options import Options
from engate.model import Price
from engate.testing.fakes import FAKE_ERP, FAKE_SHOP, lacking

D = Decimal


async def causes(stage: Stage) -> list[tuple[str, str, int]]:
    """(code, owner, records that wait for it)"""
    rows = await stage.sql(
        "select c.code, c.owner, count(r.id) as n from cause c join record r on r.cause_id = c.id "
        "group by c.id, c.code, c.owner order by c.code"
    )
    return [(row.code, row.owner, row.n) for row in rows]


def products(stage: Stage) -> dict[str, Any]:
    shop: Any = stage.shop
    return {key: body["refs"] for key, body in shop.held.get("product", {}).items()}


@pytest.mark.trap("engine.refs-not-offered")
@pytest.mark.parametrize(
    ("lacks", "left"),
    [
        (lacking(FAKE_SHOP, "push_brands"), {"category"}),
        (lacking(FAKE_ERP, "list_categories"), {"brand"}),
        (lacking(FAKE_SHOP, "push_brands", "push_categories"), set()),
    ],
)  # fmt: skip
async def test_a_reference_to_what_this_pair_does_not_offer_is_left_out(sqlite_database: str, lacks: Any, left: set[str]) -> None:
    async with faked(sqlite_database, seed=goods(3), manifests=(lacks,)) as stage:
        await stage.selling()
        assert [set(refs) for refs in products(stage).values()] == [left] * 3 and await causes(stage) == []


@pytest.mark.trap("engine.one-cause-for-all")
async def test_a_shop_that_requires_a_brand_says_so_once_for_all_products(sqlite_database: str) -> None:
    needs = lacking(FAKE_SHOP, requires=frozenset({"brand"}))
    async with faked(sqlite_database, manifests=(needs, lacking(FAKE_ERP, "list_brands"))) as stage:
        erp: Any = stage.erp
        erp.switches.brands, stage.shop.switches.needs_brand = False, True
        erp.seed(goods(7))
        await stage.activate()
        await stage.until(lambda: waiting(stage, 7))
        assert await causes(stage) == [("brand.required", "person", 7)]
        [row] = await stage.sql("select hint from cause")
        assert "Marca para todos" in str(row.hint) and not products(stage)
        await stage.change(options=Options(brand_for_all="Minha Marca"), flows=["brands", "products"])
        await stage.until(lambda: len(products(stage)) == 7)
        await stage.quiet()
        shop: Any = stage.shop
        assert [body["want"]["name"] for body in shop.held["brand"].values()] == ["Minha Marca"]
        [brand] = {refs["brand"] for refs in products(stage).values()}
        assert brand in shop.ids.values() and await causes(stage) == []


async def waiting(stage: Stage, count: int) -> bool:
    return [n for _, _, n in await causes(stage)] == [count]


async def test_one_brand_for_those_that_have_none_leaves_the_others_theirs(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(3), options=Options(brand_for_all="Minha Marca")) as stage:
        erp: Any = stage.erp
        bare = sorted(erp.rows["product"])[0]
        erp.put("product", msgspec.structs.replace(erp.doc("product", bare), brand=None))
        await stage.selling()
        refs, shop = products(stage), stage.shop
        ids: Any = shop.ids  # pyright: ignore[reportAttributeAccessIssue]
        assert {key: refs[key]["brand"] == ids["brand", "5"] for key in refs} == {key: key != bare for key in refs}


async def test_winthors_products_without_a_brand_go_to_vtex_under_the_one_for_all(sqlite_database: str) -> None:
    seed = goods(4, brand=None)
    async with staged(sqlite_database, seed=seed, options=Options(brand_for_all="Minha Marca")) as stage:
        await stage.activate()
        await stage.until(lambda: len(stage.shop.state()) == 4 and all(sku.visible for sku in stage.shop.state()))
        assert await causes(stage) == []


@pytest.mark.trap("engine.tables-unasked")
async def test_a_price_in_a_table_that_nobody_mapped_is_nobodys_task(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(2)) as stage:
        erp: Any = stage.erp
        key = sorted(sku.key for sku in erp.state())[0]
        erp.put("price", Price(f"{key}@T2", key, D("5.55"), table="T2"))
        await stage.selling()
        assert await causes(stage) == [] and not await stage.sql("select id from record where state = 'waiting'")
        shop: Any = stage.shop
        assert f"{key}@T2" not in shop.held["price"]
        [row] = await stage.sql("select mapping from integration")
        held = msgspec.json.decode(row.mapping) if isinstance(row.mapping, str) else row.mapping
        pair = msgspec.convert(held | {"price_lists": [{"table": "T2", "list": "p2"}]}, PairMapping)
        await stage.change(mapping=pair, flows=["prices"])
        await stage.until(lambda: f"{key}@T2" in shop.held["price"])
        assert shop.held["price"][f"{key}@T2"]["refs"]["price_list"] == "p2"
        await stage.quiet()
        puts = len(shop.puts)
        await stage.change(mapping=msgspec.structs.replace(pair, price_lists=()), flows=["prices"])
        await stage.until(lambda: gone(stage, f"{key}@T2"))
        erp.put("price", Price(f"{key}@T2", key, D("6.66"), table="T2"))
        await stage.resync(["prices"], full=False)
        await stage.quiet()
        assert len(shop.puts) == puts and await causes(stage) == []


async def gone(stage: Stage, key: str) -> bool:
    return not await stage.sql("select id from record where key = :key", key=key)
