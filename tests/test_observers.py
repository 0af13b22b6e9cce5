"""Extensions are told what happened, and one that breaks harms nobody."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.support.goods import goods, gtin, product, sale
from tests.support.stage import staged

from engate.hooks import Observer


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
