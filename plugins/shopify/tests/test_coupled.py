"""Through the engine: a shop that had products before engate, and one in which people go on working."""

from __future__ import annotations

import base64
import os
import secrets
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.engine import engine
from tests.support.goods import goods, gtin, product, sale
from tests.support.stage import Stage, staged

from engate.store.config import NotFound
from engate.testing.facts import SeedSku
from engate.views import explain
from engate_shopify import bulk
from engate_shopify_sandbox import cancelling

os.environ.setdefault("ENGATE_SECRET_KEY", base64.b64encode(secrets.token_bytes(32)).decode())


def seed(*skus: SeedSku, **more: Any) -> Any:
    return msgspec.structs.replace(goods(0), products=(product(0, skus=skus, **more),))


def sku(n: int, code: str, units: int = 5) -> SeedSku:
    return SeedSku(code, gtin(n), code, 1, Decimal(10), {"1": units})


@pytest.mark.trap("shopify.product-made-twice", "shopify.people-hide")
async def test_a_product_that_people_made_is_updated_and_stays_theirs(sqlite_database: str) -> None:
    """Its SKU carries the ERP's code. Its name, its state and where it is shown are the people's; price and stock the ERP's."""
    erp = seed(sku(0, "UN", 7), sku(1, "CX"))
    async with staged(sqlite_database, erp_name="fake_erp", shop_name="shopify", seed=erp) as stage:
        stage.shop.seed(seed(sku(0, "1000-UN"), name="Nome da loja", for_web=False))
        shop: Any = stage.shop
        [theirs] = shop.shop.all("Product")
        theirs.publications.clear()
        await stage.activate()
        await stage.until(lambda: len(stage.shop.state()) == 2)
        await stage.quiet()
        assert [one.id for one in shop.shop.all("Product")] == [theirs.id]
        assert {one.key: (one.product, one.stock.get(shop.control.main.id)) for one in stage.shop.state()} == {
            "1000-UN": ("1000", 7),
            "1000-CX": ("1000", 5),
        }
        assert (theirs.title, theirs.status, theirs.publications) == ("Nome da loja", "DRAFT", {})


async def phase(stage: Stage, wanted: str) -> None:
    await stage.until(lambda: [order.phase for order in stage.shop.orders()] == [wanted])


def calls(stage: Stage, name: str) -> int:
    return sum(stage.shop.counts.by_operation.get(f"POST graphql {name}", {}).values())


async def test_an_order_there_and_back_and_the_echo_of_our_own_writes_is_read_once(sqlite_database: str) -> None:
    """Every write of ours moves the order's stamp, so that it comes back as changed: that costs a reading, and no write."""
    async with staged(sqlite_database, erp_name="fake_erp", shop_name="shopify", seed=seed(sku(0, "UN"))) as stage:
        await stage.activate()
        await stage.until(lambda: [one for one in stage.shop.state() if one.visible])
        await stage.quiet()
        price = stage.shop.state()[0].price
        [key] = stage.shop.sell([sale(1, ("1000-UN", 2, str(price)))]).values()
        await phase(stage, "in_erp")
        stage.erp.progress("invoiced", None)
        await phase(stage, "invoiced")
        stage.erp.progress("shipped", None)
        await phase(stage, "shipped")
        stage.erp.progress("delivered", None)
        await phase(stage, "delivered")
        [there] = stage.erp.orders()
        assert (there.storefront_key, there.total) == (key, stage.shop.orders()[0].total)
        assert (await stage.order(key)).cause is None

        async def at_rest() -> bool:
            waits = await stage.sql("select id from inbox where handled_at is null")
            return not waits and (await stage.order(key)).state == "delivered"

        await stage.until(at_rest)
        await listened(stage)
        read, writes = calls(stage, "order"), sum(stage.shop.counts.writes.values())
        await listened(stage)
        assert calls(stage, "order") - read <= 1 and sum(stage.shop.counts.writes.values()) == writes


async def listened(stage: Stage) -> None:
    """Until the shop has been asked three times what happened."""
    before = calls(stage, "orders")
    await stage.until(lambda: calls(stage, "orders") >= before + 3)


SLOWLY = 90.0
"""Seconds: a process of its own has to start first."""


@pytest.mark.timeout(200)
async def test_a_process_that_is_killed_while_an_operation_runs_submits_nothing_twice(sqlite_database: str) -> None:
    """The shop has the operation and works on it: the next process asks for the same ticket."""
    count = bulk.WORTH + 10
    async with staged(sqlite_database, erp_name="fake_erp", shop_name="shopify", seed=goods(count), run=False) as stage:
        with engine(sqlite_database) as killed:
            stage.shop.shop.settings.bulk_paused = True
            await stage.activate()
            killed.start()

            async def waits() -> bool:
                return bool(await stage.sql("select id from operation"))

            await stage.until(waits, SLOWLY)
            begun = calls(stage, "bulkOperationRunMutation")
            killed.kill()
            stage.shop.shop.settings.bulk_paused = False
            killed.start()
            await stage.until(lambda: len(stage.shop.state()) == count and all(one.visible for one in stage.shop.state()), SLOWLY)
            await stage.quiet()
        assert begun == 1 and len(stage.shop.shop.all("Product")) == count
        lines = [(one.query, line) for one in stage.shop.bulk.operations.values() for line in one.lines]
        assert len(lines) == len(set(lines)) >= count


@pytest.mark.trap("engine.charged-before-the-cancellation")
async def test_what_a_cancelled_order_had_paid_is_said_though_its_total_is_nothing_now(sqlite_database: str) -> None:
    """The current total falls with the cancellation, to the freight where nothing is given back. Once engate had taken the order in,
    and once it had not."""
    async with staged(sqlite_database, erp_name="fake_erp", shop_name="shopify", seed=seed(sku(0, "UN"))) as stage:
        await stage.activate()
        await stage.until(lambda: [one for one in stage.shop.state() if one.visible])
        await stage.quiet()
        price = stage.shop.state()[0].price
        [known] = stage.shop.sell([sale(1, ("1000-UN", 2, str(price)))]).values()
        await phase(stage, "in_erp")
        written = stage.clock.now().timestamp()  # the shop's stamps are of whole seconds: a change within the same one is no other event
        await stage.until(lambda: stage.clock.now().timestamp() > written + 2)
        [unread] = stage.shop.sell([sale(2, ("1000-UN", 1, str(price)))]).values()
        paid = {order.key: f"R$ {order.total:.2f}".replace(".", ",") for order in stage.shop.orders()}
        stage.shop.cancel([known], "Desisti")  # nobody could ask the shop between the sale and this
        shop: Any = stage.shop
        cancelling.apply(shop.shop, shop.control.order(unread), cancelling.Wish("CUSTOMER", refunds=False, restock=True))
        back = ", que a loja mostra devolvidos."
        for key, then in ((known, back), (unread, ". A loja não mostra devolução: confira lá.")):
            await stage.until(lambda said=f"O cliente tinha pago {paid[key]}{then}", key=key: _explained(stage, key, said))


async def _explained(stage: Stage, key: str, words: str) -> bool:
    try:
        found = await stage.store.reading(lambda c: explain.order_of(c, stage.tenant_id, stage.integration_id, key))
    except NotFound:
        return False
    return words in found.verdict.text.pt
