"""Through the engine: a shop that had products before engate, and one in which people go on working."""

from __future__ import annotations

import base64
import os
import secrets
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.goods import goods, gtin, product
from tests.support.stage import staged

from engate.testing.world import SeedSku

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
