"""Extensions are told what happened, and one that breaks harms nobody."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.goods import goods, gtin, product, sale
from tests.support.stage import faked, staged

from engate.hooks import Observer
from engate.views.paging import Window
from engate.views.running import runs


class Watching(Observer):
    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    async def on_order_imported(self, order: str, erp_keys: list[str], event: str) -> None:
        self.told.append(("imported", (order, erp_keys)))

    async def on_attention(self, what: str, cause: str, event: str) -> None:
        self.told.append(("attention", (what, cause)))

    async def on_run_finished(self, run: int, flow: str, counts: dict[str, int], event: str) -> None:
        self.told.append(("run", (flow, counts)))


class Broken(Observer):
    async def on_run_finished(self, run: int, flow: str, counts: dict[str, int], event: str) -> None:
        raise RuntimeError("an extension broke")

    async def on_order_imported(self, order: str, erp_keys: list[str], event: str) -> None:
        raise RuntimeError("an extension broke")


async def test_observers_hear_of_runs_attention_and_orders(tmp_path: Path) -> None:
    watching = Watching()
    seed = goods(3)
    weightless = product(7, weight_kg=Decimal(0))
    async with staged(
        f"sqlite:///{tmp_path}/engate.db", seed=type(seed)(seed.branches, seed.categories, seed.brands, (*seed.products, weightless)),
        observers={"broken": Broken(), "watching": watching},
    ) as stage:  # fmt: skip
        await stage.activate()
        await stage.until(lambda: sum(sku.visible for sku in stage.shop.state()) == 3)
        await stage.quiet()
        first = next(sku for sku in stage.shop.state() if sku.visible)
        key = stage.shop.sell([sale(1, (first.key, 1, str(first.price)))])["1"]
        await stage.until(lambda: any(kind == "imported" for kind, _ in watching.told))
    erp_key = stage.erp.orders()[0].key
    assert ("imported", (key, [erp_key])) in watching.told
    assert {flow: counts["read"] for kind, (flow, counts) in watching.told if kind == "run"}["products"] == 8
    assert [what for kind, what in watching.told if kind == "attention"] == [(f"sku/{gtin(7)}-1007", "sku.weight")]


@pytest.mark.trap("engine.run-says-what-waits")
async def test_a_run_that_is_done_says_how_much_of_it_waits(sqlite_database: str) -> None:
    """Two products without a name: neither they nor their SKUs can go, and the run is over all the same."""
    watching = Watching()
    seed = goods(3)
    nameless = tuple(msgspec.structs.replace(each, name="") for each in seed.products[:2])
    given = msgspec.structs.replace(seed, products=(*nameless, *seed.products[2:]))
    async with faked(sqlite_database, seed=given, observers={"watching": watching}) as stage:
        await stage.activate()
        await stage.quiet()
        shown = await stage.store.reading(lambda c: runs(c, stage.tenant_id, stage.integration_id, Window(limit=50)))
        [run] = [each for each in shown.items if each.flow == "products"]
        assert (run.state, run.read, run.waits, run.live.settled) == ("done", 6, 4, 2)
        await stage.until(lambda: [counts for kind, (flow, counts) in watching.told if kind == "run" and flow == "products"])
    [counts] = [counts for kind, (flow, counts) in watching.told if kind == "run" and flow == "products"]
    assert counts == {"read": 6, "changed": 6, "pushed": 2, "waiting": 4}
