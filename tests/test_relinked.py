"""A SKU that a person links to another thing of the shop: what hangs on it goes there, whatever was accepted of it before."""

from __future__ import annotations

import pytest
from tests.support.stage import Stage, faked
from tests.test_sharing import goods, over

from engate.operations import links, trigger
from engate.store.rows import RecordSet
from engate.testing.facts import Change

SKU, ELSEWHERE = "1000-UN", "sku-elsewhere"
BELOW = ("price", "stock", "image")


def places(stage: Stage) -> set[str]:
    """The shop's keys of the SKU under which it was last told what hangs on it."""
    held = [each for kind in BELOW for each in stage.shop.held.get(kind, {}).values()]
    return {each["refs"]["sku"] for each in held if each["want"]["sku"] == SKU}


async def link(stage: Stage, remote: str) -> None:
    stage.shop.ids["sku", SKU] = remote  # what it answers when it is told of that SKU
    now = stage.clock.now().timestamp()
    of = RecordSet(stage.tenant_id, stage.integration_id, "sku")
    await stage.store.writing(lambda c: trigger.link_by_hand(c, of, SKU, remote, now))
    stage.runner.poke()


@pytest.mark.trap("engine.relinked")
async def test_what_hangs_on_a_sku_goes_where_it_is_linked_now(database: str) -> None:
    async with faked(database, seed=goods({"1": 5})) as stage:
        await stage.selling()
        there = stage.shop.ids["sku", SKU]
        assert places(stage) == {there}
        await link(stage, ELSEWHERE)
        await stage.until(lambda: places(stage) == {ELSEWHERE})
        await stage.quiet()
        assert places(stage) == {ELSEWHERE}
        stage.shop.ids["sku", SKU] = there
        of, now = RecordSet(stage.tenant_id, stage.integration_id, "sku"), stage.clock.now().timestamp()
        await stage.store.writing(lambda c: links.unlink(c, of, SKU, now))
        stage.runner.poke()
        await stage.until(lambda: places(stage) == {there})


@pytest.mark.trap("engine.relinked-under-way")
async def test_what_is_under_way_to_the_old_place_goes_to_the_new_one_afterwards(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods({"1": 5}), settings={"fake_shop": {"bulk": ["stock"]}}) as stage:
        await stage.selling()
        stage.shop.switches.works = False
        begun = len(stage.shop.operated)
        stage.erp.change([Change(SKU, stock={"1": 9})])
        await stage.resync(["stock"], full=False)
        await stage.until(lambda: len(stage.shop.operated) > begun)
        await link(stage, ELSEWHERE)
        stage.shop.switches.works = True
        await stage.until(lambda: over(stage))
        await stage.until(lambda: places(stage) == {ELSEWHERE})
