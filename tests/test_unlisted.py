"""References to a category or brand that the ERP does not list (any more): attention with both names, not a wait without end (T13)."""

from __future__ import annotations

import json

import msgspec
import pytest
from tests.support.goods import goods
from tests.support.stage import Stage, faked

from engate.model import Category

FLOWS = {"category": "categories", "brand": "brands"}


async def causes(stage: Stage) -> list[tuple[str, str]]:
    rows = await stage.sql("select code, owner from cause where code in ('link.unlisted', 'waiting.link') order by code")
    return [(row.code, row.owner) for row in rows]


async def said(stage: Stage) -> str:
    [row] = await stage.sql("select text from cause where code = 'link.unlisted'")
    return (row.text if isinstance(row.text, dict) else json.loads(row.text))["pt"]


async def is_said(stage: Stage) -> bool:
    return ("link.unlisted", "person") in await causes(stage)


async def is_over(stage: Stage) -> bool:
    return await causes(stage) == []


@pytest.mark.trap("engine.reference-to-nothing")
@pytest.mark.parametrize(("kind", "key", "waits"), [("category", "10", "'Arroz' (100)"), ("brand", "5", "'Produto 0' (1000)")])
async def test_what_refers_to_nothing_in_the_erp_is_a_persons_with_both_names(database: str, kind: str, key: str, waits: str) -> None:
    """The section above the category, or the brand of the product, was deleted in the ERP."""
    async with faked(database, seed=goods(1)) as stage:
        doc = stage.erp.doc(kind, key)
        stage.erp.remove(kind, key)
        await stage.activate()
        await stage.until(lambda: _read(stage))
        await stage.resync([FLOWS[kind]])  # the products may have been read after the brands: this tells for certain
        await stage.until(lambda: is_said(stage))
        assert waits in await said(stage) and f" {key}, que o ERP não lista" in await said(stage)
        await stage.quiet()  # no run waits for what will not come
        stage.erp.put(kind, doc)
        await stage.resync([FLOWS[kind]], full=False)
        await stage.until(lambda: stage.shop.state() and stage.shop.state()[0].visible)
        await stage.until(lambda: is_over(stage))


@pytest.mark.trap("engine.reference-listed-again")
@pytest.mark.parametrize(("kind", "key"), [("category", "10"), ("brand", "5")])
async def test_what_the_erp_lists_again_but_cannot_go_is_a_wait_for_it_and_no_wrong_reference(database: str, kind: str, key: str) -> None:
    """It came back without its name: that is what a person has to mend, and not the reference to it."""
    async with faked(database, seed=goods(1)) as stage:
        doc = stage.erp.doc(kind, key)
        stage.erp.remove(kind, key)
        await stage.activate()
        await stage.until(lambda: _read(stage))
        await stage.resync([FLOWS[kind]])
        await stage.until(lambda: is_said(stage))
        stage.erp.put(kind, msgspec.structs.replace(doc, name=""))
        await stage.resync([FLOWS[kind]], full=False)
        await stage.until(lambda: _only_waits(stage))
        rows = await stage.sql("select code, owner from cause where code = 'name.missing'")
        assert [(row.code, row.owner) for row in rows] == [("name.missing", "person")]
        stage.erp.put(kind, doc)
        await stage.resync([FLOWS[kind]], full=False)
        await stage.until(lambda: is_over(stage))


async def _only_waits(stage: Stage) -> bool:
    return set(await causes(stage)) == {("waiting.link", "engate")}


async def _read(stage: Stage) -> bool:
    return bool(await stage.sql("select name from flow where name = 'products' and read_at is not null"))


@pytest.mark.trap("engine.reference-not-read-yet")
async def test_a_reference_to_what_was_not_read_yet_is_no_persons_task(sqlite_database: str) -> None:
    """A product of a new category comes before the category's own list is read again."""
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        stage.erp.put("category", Category("200", "Feijão", "10"))
        stage.erp.put("product", msgspec.structs.replace(stage.erp.doc("product", "1000"), category="200"))
        await stage.resync(["products"], full=False)
        await stage.until(lambda: _waits(stage))
        await stage.until(lambda: _asleep(stage))
        assert await causes(stage) == [("waiting.link", "engate")]
        await stage.resync(["categories"], full=False)
        await stage.until(lambda: is_over(stage))
        await stage.quiet()


async def _waits(stage: Stage) -> bool:
    return await causes(stage) != []


async def _asleep(stage: Stage) -> bool:
    busy = "select id from lane where (name = 'read/products' or name = 'push/product') and (lease is not null or due_at <= :now)"
    return not await stage.sql(busy, now=stage.clock.now().timestamp())
