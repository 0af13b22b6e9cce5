"""Barcodes as ERPs hold them: a zero that was lost is put back, what is no GTIN reaches no shop and is somebody's to mend (T12)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.goods import goods, gtin, product
from tests.support.stage import Stage, faked

from engate.domain.options import PRODUCT_FIELDS, Options, ProductField
from engate.store import config
from engate.testing.facts import SeedSku
from engate.views import explain

WRONG, LOST, WHOLE = "7891000100104", "75678164125", "075678164125"
ANOTHER = "7891000100105"
NO_CODES: tuple[ProductField, ...] = tuple(name for name in PRODUCT_FIELDS if name != "gtin")
SKU = "1000-A"
BULK: dict[str, dict[str, object]] = {"fake_shop": {"bulk": ["sku"]}}


def with_ean(ean: str) -> Any:
    only = product(0, skus=(SeedSku("A", ean, "UN", 1, Decimal(10), {"1": 5}),))
    return msgspec.structs.replace(goods(1), products=(only,))


async def causes(stage: Stage) -> list[tuple[str, str]]:
    rows = await stage.sql("select r.key, c.code from record r join cause c on c.id = r.cause_id")
    return [(row.key, row.code) for row in rows]


def ean_in_shop(stage: Stage) -> str:
    return stage.shop.state()[0].ean


@pytest.mark.trap("engine.wrong-gtin", "engine.wrong-gtin-stays", "engine.wrong-gtin-in-bulk")
@pytest.mark.parametrize("by", ["calls", "bulk"])
async def test_a_code_that_is_no_gtin_is_said_and_the_sku_sells_without_it(sqlite_database: str, by: str) -> None:
    async with faked(sqlite_database, seed=with_ean(WRONG), settings=BULK if by == "bulk" else {}, selling=True) as stage:
        assert ean_in_shop(stage) == "" and await causes(stage) == [(SKU, "sku.gtin")]
        puts = len(stage.shop.puts)
        await stage.resync()
        await stage.quiet()
        await stage.change(options=Options(default_weight_grams=7), flows=("products",))  # decides every SKU anew
        await stage.until(lambda: _refreshed(stage))
        assert await causes(stage) == [(SKU, "sku.gtin")] and len(stage.shop.puts) == puts
        found = await stage.store.reading(lambda c: _explained(c, stage))
        assert (found.buyable, found.verdict.owner) == (True, "person") and WRONG in found.verdict.text.pt
        assert "vende como antes" not in found.verdict.text.pt, "it sells as it should, but for the code"
        stage.erp.put("sku", msgspec.structs.replace(stage.erp.doc("sku", SKU), ean=gtin(1)))
        await stage.resync(full=False)
        await stage.until(lambda: ean_in_shop(stage) == gtin(1))
        await stage.quiet()
        assert await causes(stage) == []


def _explained(c: Any, stage: Stage) -> explain.SkuExplained:
    snapshot = config.snapshot(c, stage.integration_id)
    assert snapshot is not None
    return explain.sku(c, snapshot, SKU)


async def _refreshed(stage: Stage) -> bool:
    return not await stage.sql("select id from lane where name like 'refresh/%' and (due_at is not null or lease is not null)")


@pytest.mark.trap("engine.wrong-gtin-ends", "engine.wrong-gtin-ends-anew")
async def test_a_bad_code_that_is_taken_out_or_replaced_is_no_longer_said(sqlite_database: str) -> None:
    """What the shop gets is the same each time: no code. What is said follows the reading all the same, and so does an option."""
    async with faked(sqlite_database, seed=with_ean(WRONG), selling=True) as stage:
        puts = len(stage.shop.puts)
        for ean, said in ((ANOTHER, [ANOTHER]), ("", []), (WRONG, [WRONG])):
            stage.erp.put("sku", msgspec.structs.replace(stage.erp.doc("sku", SKU), ean=ean))
            await stage.resync(full=False)
            await stage.quiet()
            assert await codes_said(stage) == said
        await stage.change(options=Options(product_fields=NO_CODES), flows=("products",))
        await stage.until(lambda: _refreshed(stage))
        assert await causes(stage) == [] and len(stage.shop.puts) == puts


async def codes_said(stage: Stage) -> list[str]:
    rows = await stage.sql("select c.key from record r join cause c on c.id = r.cause_id where c.code = 'sku.gtin'")
    return [row.key.rpartition("/")[2] for row in rows]


async def test_a_zero_that_a_number_lost_is_put_back_and_nobody_is_asked(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=with_ean(LOST), selling=True) as stage:
        assert ean_in_shop(stage) == WHOLE and await causes(stage) == []


async def test_who_does_not_send_codes_hears_nothing_of_them(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=with_ean(WRONG), options=Options(product_fields=NO_CODES), selling=True) as stage:
        assert await causes(stage) == []
