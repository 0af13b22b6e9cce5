"""A shop that had products before engate, and tells which of the ERP's they are by their SKUs alone: nothing is made a second time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.goods import goods as seed_of
from tests.support.goods import gtin, product
from tests.support.stage import Stage, faked

from engate import batch
from engate.model import Listing, Page, Query
from engate.operations import links, trigger
from engate.store.rows import RecordSet
from engate.testing.facts import Change, Fault, SeedSku
from engate.testing.fake_shop.plugin import FAKE_SHOP, FakeShop
from engate.testing.fakes import lacking

BY_SKU = lacking(FAKE_SHOP, products_by_sku=True)


def sku(n: int, code: str) -> SeedSku:
    return SeedSku(code, gtin(n), code, 1, Decimal(10), {"1": 5})


def goods(*products: Any) -> Any:
    return msgspec.structs.replace(seed_of(0), products=products)


TWO = goods(product(0, skus=(sku(0, "UN"), sku(1, "CX"))), product(1, skus=(sku(2, "UN"),)))
"""Products 1000 (SKUs 1000-UN, 1000-CX) and 1001 (1001-UN)."""


@asynccontextmanager
async def shop_with(had: dict[str, tuple[str, ...]], url: str, **more: Any) -> AsyncGenerator[Stage]:
    """`had`: the shop's own products (its key -> SKUs by their reference)."""
    async with faked(url, seed=TWO, manifests=(BY_SKU,), **more) as stage:
        for key, skus in had.items():
            stage.shop.had(key, skus)
        yield stage


def names(stage: Stage) -> dict[str, str]:
    """SKU -> the shop's own key of the product that it is in now."""
    return {key: held["refs"]["product"] for key, held in stage.shop.held["sku"].items()}


@pytest.mark.trap("engine.listed-first")
async def test_a_product_that_is_there_is_updated_and_not_made_again(database: str) -> None:
    async with shop_with({"antigo": ("1000-UN",)}, database) as stage:
        there = stage.shop.ids["product", "antigo"]
        await stage.selling()
        assert names(stage) == {"1000-UN": there, "1000-CX": there, "1001-UN": stage.shop.ids["product", "1001"]}
        assert len(stage.shop.held["product"]) == 2
        kept = await stage.sql("select kind, key, remote from link where kind in ('product', 'sku') and key in ('1000', '1000-UN')")
        assert {tuple(row) for row in kept} == {("product", "1000", there), ("sku", "1000-UN", stage.shop.ids["sku", "1000-UN"])}


async def test_an_empty_shop_is_looked_at_once_and_waits_for_nothing(sqlite_database: str) -> None:
    async with shop_with({}, sqlite_database) as stage:
        await stage.selling()
        await stage.resync()
        await stage.quiet()
        assert stage.shop.counts.by_operation["GET /listing"].total() == 1


@pytest.mark.trap("engine.listed-apart")
async def test_two_products_of_the_erp_in_one_of_the_shop_wait_for_a_person(sqlite_database: str) -> None:
    """One of them has it. The other is not made anew beside its SKU, which is there; a person says where it belongs."""
    async with shop_with({"junto": ("1000-UN", "1001-UN")}, sqlite_database) as stage:
        await stage.activate()
        causes = "select r.key, c.code, c.owner from record r join cause c on c.id = r.cause_id where c.owner = 'person'"
        [waits] = await stage.until(lambda: stage.sql(causes))
        assert (waits.key, waits.code, waits.owner) == ("1001", "link.product", "person")
        await stage.quiet()
        assert len(stage.shop.held["product"]) == 1
        stage.shop.had("separado", ())
        remote = stage.shop.ids["product", "separado"]
        await link(stage, "product", "1001", remote)
        await stage.until(lambda: names(stage).get("1001-UN") == remote)


@pytest.mark.trap("engine.listed-by-hand")
async def test_a_sku_that_a_person_linked_keeps_its_product_from_being_made_anew(sqlite_database: str) -> None:
    """The shop knows it by another code, so that no list tells which product it is in."""
    async with shop_with({"antigo": ("outro-código",)}, sqlite_database) as stage:
        await stage.activate(pilot=("1001-UN",))
        await stage.until(lambda: "1001-UN" in stage.shop.held["sku"])
        await stage.quiet()
        await link(stage, "sku", "1000-UN", stage.shop.ids["sku", "outro-código"])
        await stage.activate()
        await stage.until(lambda: stage.sql("select r.id from record r join cause c on c.id = r.cause_id where c.code = 'link.product'"))
        await stage.quiet()
        assert set(stage.shop.held["product"]) == {"antigo", "1001"}
        there = stage.shop.ids["product", "antigo"]
        await link(stage, "product", "1000", there)
        await stage.until(lambda: names(stage).get("1000-CX") == there)


async def link(stage: Stage, kind: str, key: str, remote: str) -> None:
    now = stage.clock.now().timestamp()
    await stage.store.writing(lambda c: trigger.link_by_hand(c, RecordSet(stage.tenant_id, stage.integration_id, kind), key, remote, now))
    stage.runner.poke()


async def test_a_link_that_is_forgotten_is_found_again_by_the_listing(sqlite_database: str) -> None:
    async with shop_with({"antigo": ("1000-UN",)}, sqlite_database) as stage:
        await stage.selling()
        there, read = stage.shop.ids["product", "1000"], stage.shop.counts.by_operation["GET /listing"].total()
        now = stage.clock.now().timestamp()
        await stage.store.writing(lambda c: links.unlink(c, RecordSet(stage.tenant_id, stage.integration_id, "product"), "1000", now))
        stage.runner.poke()
        await stage.until(lambda: stage.sql("select id from link where kind = 'product' and key = '1000'"))
        await stage.quiet()
        assert stage.shop.counts.by_operation["GET /listing"].total() > read
        assert len(stage.shop.held["product"]) == 2 and stage.shop.ids["product", "1000"] == there


@pytest.mark.trap("engine.listed-again")
async def test_a_link_that_is_forgotten_while_products_are_pushed_is_found_before_the_next_one_goes(sqlite_database: str) -> None:
    @batch(max=1)
    async def push_products(self: FakeShop, batch: Any) -> None:
        await FakeShop.push_products(self, batch)

    # a full batch: the same slice looks for the next one
    one_by_one = lacking(FAKE_SHOP, products_by_sku=True, push_products=push_products)
    async with faked(sqlite_database, seed=TWO, manifests=(one_by_one,)) as stage:
        stage.shop.had("antigo", ("1000-UN",))
        await stage.selling()
        stage.shop.faults.set([Fault("latency", "PUT /{kind}/{key:.+}", milliseconds=500)])
        stage.erp.change([Change("1001-UN", name="Outro nome")])
        await stage.resync(["products"], full=False)
        await stage.until(lambda: stage.shop.counts.in_flight["PUT /{kind}/{key:.+}"])
        now = stage.clock.now().timestamp()
        await stage.store.writing(lambda c: links.unlink(c, RecordSet(stage.tenant_id, stage.integration_id, "product"), "1000", now))
        [found] = await stage.until(lambda: stage.sql("select origin from link where kind = 'product' and key = '1000'"))
        assert found.origin == "listed", "the shop's list told of it, before it was pushed"


@pytest.mark.trap("engine.listed-anew")
async def test_a_link_that_is_forgotten_while_the_list_is_read_is_found_by_reading_it_anew(sqlite_database: str) -> None:
    forget: list[Any] = []

    async def by_pages(self: Any, query: Query) -> AsyncIterator[Page[Listing]]:
        rows = (await self.http.call("GET", "/listing")).json(list[Listing])
        if query.cursor is None:
            yield Page(rows[:1], "1")
            if forget:
                await forget.pop()()
        yield Page(rows[1:])

    manifests = (lacking(FAKE_SHOP, products_by_sku=True, read_listing=by_pages),)
    async with faked(sqlite_database, seed=TWO, manifests=manifests) as stage:
        for n, key in enumerate(("antigo", "outro")):
            stage.shop.had(key, (f"100{n}-UN",))
        there = stage.shop.ids["product", "antigo"]

        async def unlink() -> None:
            now = stage.clock.now().timestamp()
            await stage.store.writing(lambda c: links.unlink(c, RecordSet(stage.tenant_id, stage.integration_id, "product"), "1000", now))

        forget.append(unlink)
        await stage.selling()
        assert not forget and names(stage)["1000-UN"] == there and len(stage.shop.held["product"]) == 2


@pytest.mark.trap("engine.listed-wakes")
async def test_prices_that_were_read_before_the_list_go_when_it_links_their_skus(sqlite_database: str) -> None:
    async def late(self: Any, query: Query) -> AsyncIterator[Page[Listing]]:
        rows = (await self.http.call("GET", "/listing")).json(list[Listing])
        yield Page(rows[:1], "1")
        await stages[0].until(lambda: stages[0].sql(RESTING))
        yield Page(rows[1:])

    manifests = (lacking(FAKE_SHOP, products_by_sku=True, read_listing=late),)
    stages: list[Stage] = []
    async with faked(sqlite_database, seed=TWO, manifests=manifests) as stage:
        stages.append(stage)
        for n, key in enumerate(("antigo", "outro")):
            stage.shop.had(key, (f"100{n}-UN",))
        await stage.selling()
        assert {"1000-UN", "1000-CX", "1001-UN"} <= set(stage.shop.held["price"])


RESTING = """select 1 from lane join record using (integration_id) where lane.name = 'push/price' and lane.ready_at is null
    and record.kind = 'price' and record.key = '1000-CX' and record.state = 'settled'"""
"""The prices of what is linked have gone, and nobody asks for more of them."""
