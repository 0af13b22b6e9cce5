"""An ERP that tells several kinds in one answer is read once: what a hook's pages bring besides its own kind is kept with them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from tests.support.goods import goods
from tests.support.stage import Stage, faked

from engate.model import Image
from engate.testing.facts import Fault
from engate.testing.fakes import FAKE_ERP, lacking

IMAGES = lacking(FAKE_ERP, together={"list_skus": frozenset({"image"})})
ALL = lacking(FAKE_ERP, together={"list_products": frozenset({"sku", "image"})})


def lists(stage: Stage) -> dict[str, int]:
    """How many lists of each kind the ERP was asked for."""
    return Counter(kind for kind, query in stage.erp.lists if query["after"] == "0")


async def loaded(stage: Stage) -> None:
    await stage.selling()
    shop: Any = stage.shop
    await stage.until(lambda: len(shop.held.get("image", {})) == len(stage.shop.state()))
    await stage.quiet()


@pytest.mark.trap("engine.together-once")
async def test_images_that_come_with_their_skus_are_not_read_again(database: str) -> None:
    async with faked(database, seed=goods(5), manifests=(IMAGES,)) as stage:
        stage.erp.switches.page_size = 2
        await loaded(stage)
        assert lists(stage)["sku"] == 1 and "image" not in lists(stage)
        flows = {row.name: row for row in await stage.sql("select name, read_at, full_at from flow")}
        assert flows["images"].read_at is not None and flows["images"].full_at is not None
        [run] = await stage.sql("select state, entities, pushed from run where flow = 'images'")
        assert (run.state, run.entities, run.pushed) == ("done", 5, 5)

        await stage.resync(["images"])  # asked for alone, they are read by themselves
        await stage.quiet()
        assert lists(stage)["image"] == 1


async def test_a_changed_image_comes_with_the_next_reading_of_the_skus(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(3), manifests=(IMAGES,)) as stage:
        await loaded(stage)
        erp, shop = stage.erp, stage.shop
        key = sorted(sku.key for sku in erp.state())[0]
        other = Image(f"{key}/0", key, "https://imagens.example.com/outra.jpg", "0")
        erp.put("image", other)
        erp.put("sku", erp.doc("sku", key))  # what changes is stamped with the SKU
        await stage.resync(["products"], full=False)
        await stage.until(lambda: shop.held["image"][other.key]["want"]["url"] == other.url)
        assert "image" not in lists(stage)


@pytest.mark.trap("engine.together-later")
async def test_a_resync_of_images_that_is_asked_for_later_is_not_taken_for_done(sqlite_database: str) -> None:
    """The SKUs' reading began before: what it read may be older than the question."""
    async with faked(sqlite_database, seed=goods(6), manifests=(IMAGES,)) as stage:
        await loaded(stage)
        stage.erp.faults.set([Fault("latency", "GET /list/{kind}", milliseconds=100, times=1000)])
        await stage.resync(["products"])
        await stage.resync(["images"])
        await stage.quiet()
        assert lists(stage)["image"] == 1


async def test_a_product_may_bring_everything_that_hangs_on_it(database: str) -> None:
    async with faked(database, seed=goods(5), manifests=(ALL,)) as stage:
        stage.erp.switches.page_size = 2
        await loaded(stage)
        assert not {"sku", "image"} & lists(stage).keys() and lists(stage)["product"] == 1
        assert all(sku.visible and sku.stock["main"] > 0 for sku in stage.shop.state())


@pytest.mark.trap("engine.together-delta")
async def test_what_a_delta_brings_says_nothing_of_what_changed_before_it(sqlite_database: str) -> None:
    """The images were last read long before the SKUs were: only a reading of their own finds what is between."""
    async with faked(sqlite_database, seed=goods(3), manifests=(ALL,)) as stage:
        await loaded(stage)
        of_images = "select watermark from reading where kind = 'image'"
        await stage.store.writing(
            lambda c: c.exec_driver_sql("update reading set watermark = '000000000001' where kind in ('image', 'sku')")
        )
        erp = stage.erp
        key = sorted(sku.key for sku in erp.state())[0]
        erp.put("product", erp.doc("product", erp.doc("sku", key).product))
        erp.lists.clear()
        await stage.resync(["products"], full=False)
        await stage.quiet()
        assert [row.watermark for row in await stage.sql(of_images)] == ["000000000001"]
        assert [query.get("since") for kind, query in erp.lists if kind == "sku"] == ["000000000001"]


@pytest.mark.trap("engine.together-off")
async def test_of_a_flow_that_is_off_nothing_is_kept(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(2), manifests=(IMAGES,), run=False) as stage:
        await stage.store.writing(lambda c: c.exec_driver_sql("update flow set enabled = false where name = 'images'"))
        stage.start()
        await stage.activate()
        await stage.until(lambda: stage.sql("select id from run where flow = 'products' and state = 'done'"))
        assert await stage.sql("select id from record where kind = 'sku'")
        assert not await stage.sql("select id from record where kind = 'image'")
