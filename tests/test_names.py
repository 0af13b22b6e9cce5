"""A thing that has lost its name in the ERP keeps the one that it has in the shop, and a person hears of it (U7)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.support.goods import goods
from tests.support.stage import Stage, faked, staged

from engate.testing.facts import Change

FLOWS = {"category": "categories", "brand": "brands", "product": "products", "sku": "products"}


async def waiting(stage: Stage) -> list[tuple[str, str, str]]:
    rows = await stage.sql("select r.kind, c.code, c.owner from record r join cause c on c.id = r.cause_id")
    return [(row.kind, row.code, row.owner) for row in rows]


async def waits(stage: Stage, kind: str) -> bool:
    return await waiting(stage) == [(kind, "name.missing", "person")]


@pytest.mark.trap("engine.name-missing")
@pytest.mark.parametrize("blank", ["", "  "])
@pytest.mark.parametrize("kind", list(FLOWS))
async def test_what_has_no_name_in_the_erp_keeps_the_shops(sqlite_database: str, kind: str, blank: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        [(key, held)] = [(key, body["want"]["name"]) for key, body in stage.shop.held[kind].items()][-1:]
        before: Any = stage.erp.doc(kind, key)
        stage.erp.put(kind, msgspec.structs.replace(before, name=blank))
        await stage.resync([FLOWS[kind]], full=False)
        await stage.until(lambda: waits(stage, kind))
        await stage.quiet()
        assert stage.shop.held[kind][key]["want"]["name"] == held
        stage.erp.put(kind, before)
        await stage.resync([FLOWS[kind]], full=False)
        await stage.quiet()
        assert await waiting(stage) == [] and stage.shop.held[kind][key]["want"]["name"] == held


@pytest.mark.trap("winthor.no-name")
async def test_a_product_without_a_name_in_winthor_is_not_renamed_to_its_code(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        sku = stage.erp.state()[0]
        stage.erp.change([Change(sku.key, name="")])
        await stage.resync(["products"], full=False)
        await stage.until(lambda: waits(stage, "product"))
        await stage.quiet()
        assert [each.product_name for each in stage.shop.state()] == [sku.product_name]
