"""A shop that shows no SKU without an image: people hear of those that have none, and who asks is told that nobody can buy (R15)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.goods import goods
from tests.support.stage import Stage, faked

from engate.store import config
from engate.testing.fake_shop.plugin import FAKE_SHOP
from engate.testing.fakes import FAKE_ERP, lacking
from engate.views import explain, summary

HIDES = lacking(FAKE_SHOP, hides_without_image=True)
WITH, WITHOUT = "1000-50000", "1001-50001"


async def said(stage: Stage) -> list[tuple[str, str, str]]:
    rows = await stage.sql("select r.key, c.code, c.owner from record r join cause c on c.id = r.cause_id order by r.key")
    return [tuple(row) for row in rows]


async def decided(stage: Stage) -> bool:
    """Whatever was to be decided anew is."""
    return not await stage.sql("select id from lane where name like 'refresh/%' and (due_at is not null or lease is not null)")


async def asked(stage: Stage, key: str) -> explain.SkuExplained:
    def look(c: Any) -> explain.SkuExplained:
        snapshot = config.snapshot(c, stage.integration_id)
        assert snapshot is not None
        return explain.sku(c, snapshot, key)

    return await stage.store.reading(look)


async def loaded(stage: Stage) -> None:
    await stage.activate()
    await stage.quiet()
    await stage.pushed()
    await stage.until(lambda: decided(stage))


def without(stage: Stage, sku: str) -> Any:
    """Takes its images out of the ERP."""
    keys = [key for key, (doc, _) in stage.erp.rows["image"].items() if doc.sku == sku]
    docs = [stage.erp.doc("image", key) for key in keys]
    for key in keys:
        stage.erp.remove("image", key)
    return docs[0]


@pytest.mark.trap("engine.no-image", "engine.no-image-ends", "engine.no-image-sells")
async def test_a_sku_that_the_shop_hides_for_want_of_an_image_is_said_until_it_has_one(database: str) -> None:
    async with faked(database, seed=goods(2), manifests=(HIDES,)) as stage:
        image = without(stage, WITHOUT)
        await loaded(stage)
        assert await said(stage) == [(WITHOUT, "sku.image", "storefront")]
        found = await asked(stage, WITHOUT)
        assert not found.buyable and "imagem" in found.verdict.text.pt and found.verdict.hint.pt
        assert (await asked(stage, WITH)).buyable

        def count(c: Any) -> summary.Skus:
            snapshot = config.snapshot(c, stage.integration_id)
            assert snapshot is not None
            return summary.summary(c, snapshot, 0.0).skus

        skus = await stage.store.reading(count)
        assert (skus.awaiting, skus.settled, skus.attention) == (1, 1, {})
        puts = stage.shop.puts.count(("sku", WITHOUT))
        stage.erp.put("image", image)
        await stage.resync(["images"], full=False)
        await stage.quiet()
        await stage.until(lambda: decided(stage))
        assert await said(stage) == []
        assert (await asked(stage, WITHOUT)).buyable
        assert stage.shop.puts.count(("sku", WITHOUT)) == puts, "the shop has the SKU as it should be"


@pytest.mark.trap("engine.no-image-new")
async def test_a_sku_that_comes_later_without_an_image_is_said_too_and_stays_said(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), manifests=(HIDES,)) as stage:
        await loaded(stage)
        assert await said(stage) == []
        images = dict(stage.erp.rows["image"])
        stage.erp.seed(goods(2))
        stage.erp.rows["image"] = images
        await stage.resync(["products", "prices", "stock"], full=False)
        await stage.quiet()
        await stage.pushed()
        assert await said(stage) == [(WITHOUT, "sku.image", "storefront")]
        await stage.resync()
        await stage.quiet()
        await stage.until(lambda: decided(stage))
        assert await said(stage) == [(WITHOUT, "sku.image", "storefront")]


@pytest.mark.parametrize("pair", [(), (HIDES, lacking(FAKE_ERP, "list_images"))], ids=["a shop that shows it", "an erp without images"])
async def test_nothing_is_said_where_the_shop_shows_it_or_nobody_sends_images(sqlite_database: str, pair: tuple[Any, ...]) -> None:
    async with faked(sqlite_database, seed=goods(1), manifests=pair) as stage:
        without(stage, WITH)
        await loaded(stage)
        assert await said(stage) == []
        assert (await asked(stage, WITH)).buyable
