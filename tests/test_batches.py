"""What a push hook is given at a time, and when a storefront counts as silent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from tests.support.goods import goods
from tests.support.stage import SHORT, Stage, faked

from engate import NotSent, NotYet, Text, Unknown, batch
from engate.testing.facts import Change
from engate.testing.fake_shop.plugin import FAKE_SHOP, FakeShop
from engate.testing.fakes import lacking

STUBBORN = msgspec.structs.replace(SHORT, retry_first=3600.0, retry_most=3600.0, unknown_after=3600.0)


@pytest.mark.trap("engine.batch-most", "engine.push-goes-on")
async def test_a_hook_gets_at_most_what_it_says_and_no_less_while_there_is_more(sqlite_database: str) -> None:
    sizes: list[int] = []

    @batch(max=7)
    async def push_stock(self: FakeShop, batch: Any) -> None:
        sizes.append(len(batch.items))
        await FakeShop.push_stock(self, batch)

    async with faked(sqlite_database, seed=goods(20), manifests=(lacking(FAKE_SHOP, push_stock=push_stock),)) as stage:
        await stage.selling()
        sizes.clear()
        stage.erp.change([Change(sku.key, stock={"1": 3}) for sku in stage.erp.state()])
        await stage.resync(["stock"])
        await stage.until(lambda: all(sku.stock == {"main": 3} for sku in stage.shop.state()))
        assert sizes == [7, 7, 6]


@pytest.mark.trap("engine.not-asked")
async def test_what_a_plugin_chose_not_to_send_does_not_make_the_storefront_silent(sqlite_database: str) -> None:
    """Four that wait for something and one that nobody answered: the next records are tried all the same, and nobody is alarmed."""
    tried: list[str] = []
    quiet: list[bool] = []

    async def push_stock(self: FakeShop, batch: Any) -> None:
        if not quiet:
            await FakeShop.push_stock(self, batch)
            return
        tried.extend(item.key for item in batch.items)
        for n, item in enumerate(batch.items):
            error = Unknown(Text("?", "?")) if n == 0 else NotSent(Text("Espera.", "Waits."))
            batch.failed(item, error)

    async with faked(sqlite_database, seed=goods(5), delays=STUBBORN, manifests=(lacking(FAKE_SHOP, push_stock=push_stock),)) as stage:
        await stage.selling()
        quiet.append(True)
        stage.erp.change([Change(sku.key, stock={"1": 3}) for sku in stage.erp.state()])
        await stage.resync(["stock"])
        await stage.until(lambda: len(tried) == 5)
        await stage.until(lambda: not stage.runner.busy)
        assert await stage.sql("select name from lane where name = 'push/stock' and not_before > 0") == []
        assert await stage.sql("select id from connection where health <> 'ok'") == []


@pytest.mark.trap("engine.not-yet", "engine.push-goes-on-with-the-rest")
async def test_what_a_plugin_did_not_come_to_goes_on_at_once_and_counts_as_no_try(sqlite_database: str) -> None:
    """With pauses of an hour between tries: a load that is taken in pieces must not wait for one."""
    pieces: list[int] = []

    async def push_stock(self: FakeShop, batch: Any) -> None:
        rest = batch.items[3:] if pieces else []
        for item in rest:
            batch.failed(item, NotYet(Text("Ainda não.", "Not yet.")))
        pieces.append(len(batch.items) - len(rest))
        whole, batch.items = batch.items, batch.unreported()
        await FakeShop.push_stock(self, batch)
        batch.items = whole

    async with faked(sqlite_database, seed=goods(10), delays=STUBBORN, manifests=(lacking(FAKE_SHOP, push_stock=push_stock),)) as stage:
        await stage.selling()
        pieces[:] = [0]
        stage.erp.change([Change(sku.key, stock={"1": 3}) for sku in stage.erp.state()])
        await stage.resync(["stock"])
        await stage.until(lambda: all(sku.stock == {"main": 3} for sku in stage.shop.state()))
        await stage.quiet()
        assert pieces == [0, 3, 3, 3, 1]


@pytest.mark.trap("engine.not-yet-doubt")
async def test_a_doubt_that_a_plugin_did_not_come_to_stays_one(sqlite_database: str) -> None:
    seen: list[bool] = []

    async def push_stock(self: FakeShop, batch: Any) -> None:
        for item in batch.items:
            seen.append(item.uncertain)
            batch.failed(item, NotYet(Text("?", "?")) if len(seen) % 2 == 0 else Unknown(Text("?", "?")))

    hasty = msgspec.structs.replace(SHORT, unknown_after=0.1)
    async with faked(sqlite_database, seed=goods(1), delays=hasty, manifests=(lacking(FAKE_SHOP, push_stock=push_stock),)) as stage:
        await stage.activate()
        await stage.until(lambda: len(seen) >= 5)
        assert seen[:5] == [False, True, True, True, True]


@pytest.mark.trap("engine.broken-is-not-silent")
async def test_a_plugin_that_breaks_on_every_item_is_not_a_silent_storefront(sqlite_database: str) -> None:
    broken: list[bool] = []

    async def push_stock(self: FakeShop, batch: Any) -> None:
        async def push(item: Any) -> str:
            return str(int("no number")) if broken else item.key

        await batch.each(push)

    async with faked(sqlite_database, seed=goods(6), delays=STUBBORN, manifests=(lacking(FAKE_SHOP, push_stock=push_stock),)) as stage:
        await stage.activate()
        await stage.quiet()
        broken.append(True)
        stage.erp.change([Change(sku.key, stock={"1": 3}) for sku in stage.erp.state()])
        await stage.resync(["stock"])
        await stage.until(lambda: _unknown(stage, 6))
        await stage.until(lambda: not stage.runner.busy)
        assert await stage.sql("select name from lane where name = 'push/stock' and not_before > 0") == []


async def test_health_has_the_words_of_the_last_silence(sqlite_database: str) -> None:
    """The first reason is not shown for ever."""
    words = ["primeira"]

    async def push_stock(self: FakeShop, batch: Any) -> None:
        for item in batch.items:
            batch.failed(item, Unknown(Text(f"Erro: {words[0]}", words[0])))

    hasty = msgspec.structs.replace(SHORT, unknown_after=0.1)
    async with faked(sqlite_database, seed=goods(6), delays=hasty, manifests=(lacking(FAKE_SHOP, push_stock=push_stock),)) as stage:
        await stage.activate()
        await stage.until(lambda: _said(stage, "primeira"))
        words[0] = "segunda"
        await stage.until(lambda: _said(stage, "segunda"))


async def _unknown(stage: Stage, count: int) -> bool:
    return len(await stage.sql("select id from record where kind = 'stock' and state = 'sent' and tries > 0")) == count


async def _said(stage: Stage, words: str) -> bool:
    rows = await stage.sql("select health_cause from connection where health = 'degraded'")
    return any(words in str(row.health_cause) for row in rows)


@pytest.mark.trap("engine.through")
async def test_a_push_that_only_waits_is_no_recovery(sqlite_database: str) -> None:
    """Its records back off each on its own: a slice in which none is due has asked nothing."""
    slow = msgspec.structs.replace(SHORT, unknown_after=1.0, retry_first=0.05)

    async def push_stock(self: FakeShop, batch: Any) -> None:
        for item in batch.items:
            batch.failed(item, Unknown(Text("Nada.", "Nothing.")))

    async with faked(sqlite_database, seed=goods(6), delays=slow, manifests=(lacking(FAKE_SHOP, push_stock=push_stock),)) as stage:
        await stage.activate()
        await stage.until(lambda: _said(stage, "Nothing"))
        for _ in range(20):
            await stage.until(lambda: _rests(stage))
            assert await _said(stage, "Nothing")


async def _rests(stage: Stage) -> bool:
    """The lane has been through a slice since it was last asked to go at once."""
    now = stage.clock.now().timestamp()
    trigger_ = "update lane set due_at = :now, not_before = 0 where name = 'push/stock' and lease is null and due_at > :now"
    return bool(await stage.store.writing(lambda c: c.execute(sa.text(trigger_), {"now": now}).rowcount))
