"""The suite on an account: what changes nothing is tried, the rest is named with its reason, and what is wrong fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.test_conformance_catches import _all, _any_choice, _as_people_write, _behind, _from_the_start, _remembers

from engate.errors import Invalid
from engate.hooks import HOOK_API
from engate.model import Page, Query
from engate.plugins import Manifest
from engate.testing.conformance.live import Result, account
from engate.testing.conformance.report import About, markdown
from engate.testing.facts import Change
from engate.testing.fake_erp.plugin import FakeErp
from engate.testing.fake_erp.sandbox import PASSWORD, FakeErpSandbox
from engate.testing.fake_shop.sandbox import FakeShopSandbox
from engate.testing.fakes import FAKE_ERP, FAKE_SHOP, lacking
from engate.testing.goods import goods
from engate.testing.sandbox import Sandbox

READS = ("GET", "POST /login")


async def tried(manifest: Manifest, box: Sandbox, *, writes: bool = False, **given: Any) -> dict[str, Result]:
    """The account is the sandbox, of which the suite is told nothing but the settings."""
    async with box.listening():
        said = box.describe()
        async with account(manifest, {**said.settings, **said.secrets, **given}) as found:
            return {f"{result.hook}-{result.check}": result async for result in found.results(writes=writes)}


def erp() -> FakeErpSandbox:
    box = FakeErpSandbox(limits=False)
    box.seed(goods(230))
    return box


async def test_an_erp_is_read_and_nothing_of_it_is_changed() -> None:
    box = erp()
    results = await tried(FAKE_ERP, box)
    assert [result for result in results.values() if result.state == "failed"] == []
    ok = {name for name, result in results.items() if result.state == "ok"}
    assert ok >= {
        "test_connection-lines", "identity-same", "learn-facts", "list_choices-choices", "list_products-resumes", "list_products-keys",
        "list_products-killed", "list_prices-since", "texts-words",
    }  # fmt: skip
    assert all(operation.startswith(READS) for operation in box.counts.by_operation), box.counts.by_operation
    untried = {result.why for result in results.values() if result.state == "not tried"}
    assert untried == {"needs the platform's sandbox"}
    assert results["import_order-found"].why == "needs the platform's sandbox"


async def test_a_shop_is_written_to_only_where_that_is_said() -> None:
    box = FakeShopSandbox(limits=False)
    results = await tried(FAKE_SHOP, box)
    assert [result for result in results.values() if result.state == "failed"] == []
    assert all(operation.startswith("GET") for operation in box.counts.by_operation) and "GET /feed" not in box.counts.by_operation
    assert {name for name, result in results.items() if result.why == "changes the account: --write"} == {
        "read_order_events-feed", "push_categories-twice", "push_brands-twice",
    }  # fmt: skip
    results = await tried(FAKE_SHOP, box, writes=True)
    assert [result for result in results.values() if result.state == "failed"] == []
    assert results["push_brands-twice"].state == results["push_categories-twice"].state == "ok"
    assert results["read_order_events-feed"].why == "the feed is empty"
    assert {kind: list(held) for kind, held in box.held.items()} == {"category": ["engate-conformance"], "brand": ["engate-conformance"]}


async def test_an_account_that_cannot_is_not_asked() -> None:
    box = FakeShopSandbox(limits=False)
    box.switches.plan, box.switches.serves = "basic", frozenset({"stock"})
    results = await tried(FAKE_SHOP, box)
    assert "basic plan" in results["push_images-twice"].why
    assert results["push_stock-twice"].why == "the shop does this by calling engate"


async def test_where_the_connection_fails_nothing_else_is_tried() -> None:
    """A wrong password that is sent again and again locks an account."""
    box = erp()
    results = await tried(FAKE_ERP, box, password="errada")
    assert results["test_connection-lines"].state == "failed" and "refused" in results["test_connection-lines"].why
    assert {result.state for name, result in results.items() if name != "test_connection-lines"} == {"not tried"}
    assert box.counts.requests <= 4 and "errada" not in repr(results)


async def _leaks(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
    raise ValueError(f"no stock with {self.settings.password.reveal()}")
    yield Page([])


WRONG: tuple[tuple[str, dict[str, Any]], ...] = (
    ("list_products-resumes", {"list_products": _from_the_start}),
    ("list_products-keys", {"list_products": _all}),
    ("list_products-killed", {"list_products": _remembers}),
    ("list_prices-since", {"list_prices": _behind}),
    ("list_choices-choices", {"list_choices": _any_choice}),
    ("list_stock-resumes", {"list_stock": _leaks}),
)


@pytest.mark.parametrize(("name", "wrong"), WRONG, ids=[name for name, _ in WRONG])
async def test_what_is_wrong_fails_without_a_sandbox_too(name: str, wrong: dict[str, Any]) -> None:
    results = await tried(lacking(FAKE_ERP, **wrong), erp())
    assert results[name].state == "failed", results[name]
    assert PASSWORD not in repr(results)


async def test_stamps_that_begin_with_the_day_are_seen_where_a_month_has_passed() -> None:
    box = erp()
    for day in range(1, 31):
        box.clock.advance(timedelta(days=1))
        box.change([Change(sku.key, stock=dict.fromkeys(sku.stock, day)) for sku in box.state()[day * 5 : day * 5 + 5]])
    box.switches.page_size = 50
    results = await tried(lacking(FAKE_ERP, list_stock=_as_people_write(FakeErp.list_stock)), box)
    assert results["list_stock-since"].state == "failed" and "sorts before" in results["list_stock-since"].why, results["list_stock-since"]
    assert (await tried(FAKE_ERP, box))["list_stock-since"].state == "ok"


async def test_a_setting_that_is_wrong_is_named() -> None:
    with pytest.raises(Invalid) as refused:
        async with account(FAKE_ERP, {"base_url": 7, "password": "x"}):
            pass
    assert refused.value.where == "base_url"


def test_the_report_can_be_published() -> None:
    about = About.of(FAKE_ERP, ("engate-fake", "1.2"), "0.1", datetime(2026, 11, 28, tzinfo=UTC))
    results = [Result("list_brands", "resumes", "ok", seconds=0.25), Result("list_stock", "keys", "failed", "a | b"),
               Result("import_order", "found", "not tried", "needs the platform's sandbox")]  # fmt: skip
    said = markdown(about, results)
    assert (
        "engate-fake 1.2" in said and f"hook API {HOOK_API}" in said and "1 ok, 1 failed, 1 not tried" in said and "`list_brands`" in said
    )
    rows = [line.split(" | ") for line in said.replace("\\|", "/").splitlines() if line.startswith("| ")][2:]
    assert [len(row) for row in rows] == [5, 5, 5] and "a / b" in rows[1][-1]
    assert msgspec.json.decode(msgspec.json.encode(about))["hooks"]
