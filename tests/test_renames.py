"""A SKU's key changes in the ERP (it often holds the EAN): the link moves, open orders go on, and nothing is sold under two keys."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.goods import goods, gtin, sale
from tests.support.stage import Stage, faked, staged

from engate.model import Image, Price, Sku, StockLevel
from engate.testing.facts import Change
from engate.testing.sandbox import Staged

D = Decimal
UN = ("10000", "1000")


def keys(box: Any) -> list[str]:
    return sorted(sku.key for sku in box.state())


def recode(erp: Any, old: str, new: str, **more: Any) -> None:
    """What an ERP shows whose key holds the EAN: every row of the SKU under another key."""
    sku: Sku = erp.doc("sku", old)
    price, image = erp.doc("price", old), erp.doc("image", f"{old}/0")
    for kind, key in (("sku", old), ("price", old), ("image", f"{old}/0")):
        erp.remove(kind, key)
    erp.put("sku", msgspec.structs.replace(sku, key=new, ean=gtin(777), **more))
    erp.put("price", Price(new, new, price.base))
    erp.put("image", Image(f"{new}/0", new, image.url, "0"))
    for key in [key for key in erp.rows["stock"] if key.startswith(f"{old}@")]:
        level: StockLevel = erp.doc("stock", key)
        erp.remove("stock", key)
        erp.put("stock", msgspec.structs.replace(level, key=f"{new}@{level.warehouse}", sku=new))


async def read(stage: Stage) -> None:
    for flows in (["products"], ["images", "prices", "stock"]):
        await stage.resync(flows, full=False)
        await stage.quiet()


@pytest.mark.trap("engine.key-moves")
@pytest.mark.parametrize(("database", "packaging"), [("sqlite", "UN/1"), ("postgresql", "UN/1"), ("sqlite", "")], indirect=["database"])
async def test_a_new_key_of_the_same_packaging_takes_everything_over(database: str, packaging: str) -> None:
    async with faked(database, seed=goods(3)) as stage:
        erp: Any = stage.erp
        shop: Any = stage.shop
        old = keys(erp)[1]
        erp.put("sku", msgspec.structs.replace(erp.doc("sku", old), packaging=packaging))
        await stage.selling()
        id = shop.ids["sku", old]
        price = str(next(sku.price for sku in shop.state() if sku.key == old))
        order = shop.sell([sale(1, (old, 2, price), paid=False)])["1"]
        await stage.until(lambda: stage.sql("select id from part"))
        recode(erp, old, "new-1", packaging=packaging)
        await read(stage)
        assert keys(shop) == keys(erp) and shop.ids["sku", "new-1"] == id and ("sku", old) not in shop.ids
        assert {sku.key: (sku.price, sku.stock["main"], sku.ean) for sku in shop.state()}["new-1"] == (D(price), 99, gtin(777))
        assert not await stage.sql("select id from record where parent = :old or key = :old", old=old)
        assert [row.target for row in await stage.sql("select target from key_index where key = :old and kind = 'sku'", old=old)] == [
            "new-1"
        ]
        shop.progress("paid", [order])
        await stage.until(erp.orders)
        [taken] = erp.orders()
        assert [(sku, quantity) for sku, quantity, _ in taken.items] == [("new-1", 2)] and (await stage.order(order)).cause is None


async def test_an_order_whose_item_has_the_old_code_in_the_erp_goes_on(database: str) -> None:
    async with faked(database, seed=goods(3)) as stage:
        erp: Any = stage.erp
        shop: Any = stage.shop
        await stage.selling()
        old = keys(erp)[1]
        price = str(next(sku.price for sku in shop.state() if sku.key == old))
        order = shop.sell([sale(1, (old, 2, price))])["1"]
        await stage.until(lambda: [o.phase for o in shop.orders()] == ["in_erp"])
        recode(erp, old, "new-1")
        await read(stage)
        erp.progress("invoiced", None)
        await stage.until(lambda: [o.phase for o in shop.orders()] == ["invoiced"])
        await stage.until(lambda: stage.waits(order, None))
        assert not await stage.sql("select id from task where closed_at is null")


@pytest.mark.trap("engine.key-unclear")
async def test_what_may_be_the_same_is_for_a_person_and_the_old_one_sells_no_more(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(3)) as stage:
        erp: Any = stage.erp
        shop: Any = stage.shop
        await stage.selling()
        old = keys(erp)[1]
        recode(erp, old, "new-1", name="Tamanho M")
        await read(stage)
        [row] = await stage.sql(
            "select r.key, c.code, c.owner, c.text from record r join cause c on c.id = r.cause_id where r.kind = 'sku'"
        )
        assert (
            (row.key, row.code, row.owner) == ("new-1", "sku.key_changed", "person") and old in str(row.text) and "new-1" in str(row.text)
        )
        assert "new-1" not in keys(shop)
        await stage.until(lambda: {sku.key: sku.stock["main"] for sku in shop.state()}[old] == 0)


@pytest.mark.trap("engine.key-still-there")
async def test_one_more_sku_of_a_product_moves_nothing(sqlite_database: str) -> None:
    """Sizes of one product look alike: as long as the ERP has the old key, the new one is another SKU."""
    async with faked(sqlite_database, seed=goods(2)) as stage:
        erp: Any = stage.erp
        await stage.selling()
        old = keys(erp)[0]
        erp.put("sku", msgspec.structs.replace(erp.doc("sku", old), key="more", ean=""))
        erp.put("price", Price("more", "more", D("9.90")))
        erp.put("stock", StockLevel("more@1", "more", "1", D(5)))
        await read(stage)
        shop: Any = stage.shop
        assert keys(shop) == keys(erp) and shop.ids["sku", old] != shop.ids["sku", "more"]


@pytest.mark.trap("engine.key-asked-together")
async def test_an_answer_without_either_key_proves_nothing(sqlite_database: str) -> None:
    """The ERP fails between the page and the question whether it still has the old key."""
    async with faked(sqlite_database, seed=goods(2)) as stage:
        erp: Any = stage.erp
        shop: Any = stage.shop
        await stage.selling()
        old = keys(erp)[0]
        id = shop.ids["sku", old]
        erp.put("sku", msgspec.structs.replace(erp.doc("sku", old), key="more", ean=""))
        erp.stage(Staged("GET /list/{kind}", "corrupt", msgspec.Raw(b'{"kind": "mute", "key": "sku"}'), calls=2))
        await stage.resync(["products"], full=False)
        await stage.until(lambda: erp.switches.truncate.get("sku") == 0)
        await stage.until(lambda: stage.sql("select id from run where error is not null"))
        assert shop.ids["sku", old] == id and "more" not in keys(shop)


async def test_winthor_and_vtex_take_a_new_ean_as_the_same_sku(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(3), selling=True) as stage:
        before = {sku.key: sku for sku in stage.shop.state()}
        old = sorted(before)[0]
        stage.erp.corrupt("recoded", f"{old}={gtin(555)}")
        new = f"{gtin(555)}-{old.rpartition('-')[2]}"
        stage.erp.change([Change(new, stock={"1": 42})])
        await read(stage)
        after = {sku.key: sku for sku in stage.shop.state()}
        assert sorted(after) == sorted({*before, new} - {old})
        assert (after[new].remote, after[new].ean, after[new].stock["1_main"]) == (before[old].remote, gtin(555), 42)
