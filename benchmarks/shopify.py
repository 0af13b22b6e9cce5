"""Benches 6 to 8: a storefront that counts points. When an operation is worth it, how much of the budget a load uses, calls of a delta.

Bench 6 runs on simulated time: the sandbox's own bucket, which moves its clock on by just what a caller would have to wait. Bench 7 is of
the governor, which lives on real time.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from benchmarks.harness import Result
from engate.clock import SystemClock
from engate.errors import EngateError
from engate.hooks import Storefront
from engate.model import Batch, Category, Image, Item, Outcome, Price, Product, Sku, StockLevel
from engate.testing.connect import CountingJournal, connected
from engate_api import loop
from engate_shopify import bulk, manifest, stock
from engate_shopify.images import Images
from engate_shopify.pricing import Prices
from engate_shopify.skus import Skus
from engate_shopify.storefront import ShopifyStorefront
from engate_shopify_sandbox import ShopifySandbox
from engate_shopify_sandbox.cost import PLANS, Bucket

SECONDS = float(os.environ.get("BENCH_POINTS_SECONDS", "120"))
SIZES = (50, 100, 250, 1000)
NEVER = 10**9
"""No batch is that large: all goes by calls."""
DELTA = 500
"""1 % of 50,000 SKUs."""
ENTRIES = 250
Found = dict[str, Outcome]


class Waiting(Bucket):
    """Tells of no limit, and keeps the Standard plan's all the same: who has too few points waits, in simulated seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0
        super().__init__(lambda: self.seconds)

    def take(self, cost: float) -> bool:
        if self.level < cost:
            self.seconds += (cost - self.level) / self.restore + 1e-6
        return super().take(cost)

    def status(self) -> dict[str, Any]:
        most, restore = PLANS["unlimited"]
        return {"maximumAvailable": float(most), "currentlyAvailable": most, "restoreRate": float(restore)}


@dataclass
class Shop:
    sandbox: ShopifySandbox
    front: Storefront
    journal: CountingJournal
    location: str
    category: str = ""
    made: dict[str, Found] = field(default_factory=dict)

    async def push(self, kind: str, items: list[Item[Any]]) -> Found:
        """As the engine does it: batches that may become an operation, or batches of calls."""
        found: Found = {}
        size = largest_of(kind) if bulk.WORTH < NEVER else bulk.AT_A_TIME
        for start in range(0, len(items), size):
            batch: Batch[Any] = Batch(items[start : start + size])
            await getattr(self.front, f"push_{kind}")(batch)
            await self._settle(kind, batch)
            found |= batch.outcomes
        return found

    async def _settle(self, kind: str, batch: Batch[Any]) -> None:
        while batch.ticket is not None and batch.unreported():
            while not all(operation.finished for operation in self.sandbox.bulk.operations.values()):
                await asyncio.sleep(0.01)  # the time that passes is simulated, the work is not
            self._pass(batch.ticket[1])
            check: Batch[Any] = Batch(batch.unreported())
            seconds = await getattr(self.front, f"check_{kind}")(batch.ticket[0], check)
            batch.outcomes |= check.outcomes
            batch.ticket = (batch.ticket[0], seconds or 0.0)

    def _pass(self, seconds: float) -> None:
        if isinstance(self.sandbox.bucket, Waiting):
            self.sandbox.bucket.seconds += seconds

    # ---- goods ----

    def products(self, name: str, count: int) -> list[Item[Product]]:
        text = "Torra média, moída na hora. " * 10
        refs = {"category": self.category, "brand": "Nossa Marca"}
        return [Item(f"{name}{n}", Product(f"{name}{n}", f"Produto {name}{n}", text, "c", "b"), refs=refs) for n in range(count)]

    def skus(self, products: Found) -> list[Item[Sku]]:
        return [Item(k, Sku(k, k, f"{k} UN", weight_kg=Decimal("0.5")), refs={"product": o.remote}) for k, o in products.items()]

    def prices(self, skus: Found, value: str = "10.00") -> list[Item[Price]]:
        return [Item(k, Price(k, k, Decimal(value)), refs={"sku": o.remote}) for k, o in skus.items()]

    def levels(self, skus: Found, units: int, have: int | None = None) -> list[Item[StockLevel]]:
        def level(key: str, quantity: int) -> StockLevel:
            return StockLevel(f"{key}/1", key, "1", Decimal(quantity))

        return [
            Item(
                f"{k}/1",
                level(k, units),
                have=None if have is None else level(k, have),
                refs={"sku": o.remote, "sku.more": o.more, "warehouse": self.location},
                turn=units,
            )
            for k, o in skus.items()
        ]

    def images(self, skus: Found) -> list[Item[Image]]:
        return [Item(f"{k}/0", Image(f"{k}/0", k, f"https://img.example/{k}.jpg", k), refs={"sku": o.remote}) for k, o in skus.items()]


def largest_of(kind: str) -> int:
    """Items of the largest batch that the hook pushes at once on the Standard plan."""
    most = int(vars(getattr(ShopifyStorefront, f"push_{kind}")).get("engate_bulk") or bulk.AT_A_TIME)
    points = POINTS.get(kind)
    return most if points is None else min(most, bulk.room(points, PLANS["standard"][1]))


POINTS = {"skus": Skus.points, "prices": Prices.points, "images": Images.points}


@asynccontextmanager
async def a_shop(bucket: Bucket | None = None) -> AsyncIterator[Shop]:
    sandbox = ShopifySandbox()
    if bucket is not None:
        sandbox.bucket = sandbox.engine.bucket = bucket
    sandbox.shop.settings.media_polls = 0
    journal = CountingJournal()
    async with sandbox.listening():
        said = sandbox.describe()
        async with connected(manifest, {**said.settings, **said.secrets}, clock=SystemClock(), journal=journal) as front:
            assert isinstance(front, Storefront)
            shop = Shop(sandbox, front, journal, str(said.choices["warehouses"]["main"]["warehouse"]))
            shop.category = (await shop.push("categories", [Item("c", Category("c", "Cafés"))]))["c"].remote
            yield shop


# ---- 6: when an operation is worth it ----


async def worth() -> tuple[list[str], dict[str, int]]:
    """A table of seconds, by calls and as one operation, and from which size on the operation is sooner done (bucket full)."""
    lines = [f"{'kind':<9} {'items':>6} {'calls, bucket full':>19} {'empty':>8} {'operation, full':>16} {'empty':>8}"]
    sooner: dict[str, int] = {}
    for size in SIZES:
        rows: dict[str, list[float]] = {}
        for least in (NEVER, 1):
            bulk.WORTH = stock.WORTH = least
            for spent in (False, True):
                for kind, seconds in (await _load(size, spent=spent)).items():
                    rows.setdefault(kind, []).append(seconds)
        for kind, (calls, calls_spent, operation, operation_spent) in rows.items():
            lines.append(f"{kind:<9} {size:>6} {calls:>19.1f} {calls_spent:>8.1f} {operation:>16.1f} {operation_spent:>8.1f}")
            if operation < calls:
                sooner.setdefault(kind, size)
    return lines, sooner


async def _load(size: int, *, spent: bool) -> dict[str, float]:
    bucket = Waiting()
    seconds: dict[str, float] = {}
    async with a_shop(bucket) as shop:

        async def timed(kind: str, items: list[Item[Any]]) -> Found:
            seconds[kind], found = await _timed(shop, bucket, kind, items, spent=spent)
            return found

        skus = await timed("skus", shop.skus(await timed("products", shop.products("p", size))))
        await timed("prices", shop.prices(skus))
        await timed("stock", shop.levels(skus, 5))
        await timed("images", shop.images(skus))
    return seconds


async def _timed(shop: Shop, bucket: Waiting, kind: str, items: list[Item[Any]], *, spent: bool) -> tuple[float, Found]:
    bucket.seconds += 0 if spent else bucket.maximum / bucket.restore  # it fills up between two kinds
    if spent:
        bucket.take(bucket.level)
    before = bucket.seconds
    found = await shop.push(kind, items)
    return bucket.seconds - before, found


async def largest() -> list[str]:
    """A table of seconds: the largest batch of each kind as one operation, with an empty bucket."""
    bulk.WORTH = stock.WORTH = 1
    lines = [f"{'kind':<9} {'largest':>7} {'operation, empty':>17}"]
    bucket = Waiting()
    async with a_shop(bucket) as shop:

        async def timed(kind: str, items: list[Item[Any]]) -> Found:
            seconds, found = await _timed(shop, bucket, kind, items[: largest_of(kind)], spent=True)
            lines.append(f"{kind:<9} {len(found):>7} {seconds:>17.1f}")
            return found | await shop.push(kind, items[largest_of(kind) :]) if kind == "skus" else found

        skus = await timed("skus", shop.skus(await timed("products", shop.products("p", bulk.MOST))))
        await timed("prices", shop.prices(skus))
        await timed("stock", shop.levels(skus, 5))
        await timed("images", shop.images(skus))
    return lines


# ---- 7: the budget of a load ----


class Counting(Bucket):
    """What was paid for in the end, and how often there was too little."""

    paid = 0.0
    calls = refused = 0

    def take(self, cost: float) -> bool:
        done = super().take(cost)
        self.calls += 1
        self.refused += not done
        self.paid += cost if done else 0
        return done

    def give_back(self, cost: float) -> None:
        self.paid -= cost
        super().give_back(cost)


async def budget() -> list[Result]:
    """New products, their SKUs, prices and levels by calls, as fast as the points come back."""
    bucket = Counting()
    async with a_shop(bucket) as shop:
        stop = False

        async def lane(name: str) -> None:
            n = 0
            while not stop:
                n += 1
                try:
                    products = await shop.push("products", shop.products(f"{name}.{n}.", 10))
                    skus = await shop.push("skus", shop.skus(products))
                    await shop.push("prices", shop.prices(skus))
                    await shop.push("stock", shop.levels(skus, 5))
                except EngateError:
                    continue

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(lane(name)) for name in "abcd"]
            while bucket.level > bucket.restore:  # until it is spent
                await asyncio.sleep(0.1)
            paid, calls, refused, began = bucket.paid, bucket.calls, bucket.refused, time.monotonic()
            await asyncio.sleep(SECONDS)
            used = (bucket.paid - paid) / (bucket.restore * (time.monotonic() - began))
            calls, refused = bucket.calls - calls, bucket.refused - refused
            stop = True
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
    return [
        Result("7 points: share of what is restored used", used, 0.95, f"{calls} calls in {SECONDS:.0f} s", least=True),
        Result("7 points: share of calls THROTTLED", refused / max(1, calls), 0.005, f"{refused} of {calls}"),
    ]


# ---- 8: the calls of a delta ----


async def delta() -> list[Result]:
    """Prices and levels of 500 SKUs change. An operation takes a place, an upload, a start, a look and its result: 5 calls; a price also
    has to be found its product, 250 a call."""
    async with a_shop(Waiting()) as shop:
        shop.sandbox.shop.settings.bulk_polls = 0  # done when it is first asked for
        skus = await shop.push("skus", shop.skus(await shop.push("products", shop.products("p", DELTA))))
        await shop.push("prices", shop.prices(skus))
        await shop.push("stock", shop.levels(skus, 5))
        shop.journal.calls.clear()
        await shop.push("prices", shop.prices(skus, "11.00"))
        await shop.push("stock", shop.levels(skus, 7, have=5))
        calls = len(shop.journal.calls)
        right = sum(sku.price == Decimal(11) and sku.stock.get(shop.location) == 7 for sku in shop.sandbox.state())
    assert right == DELTA, f"{right} of {DELTA}"
    least = math.ceil(DELTA / ENTRIES) + 5 + 5
    return [
        Result(
            "8 delta: calls over the least", calls / least, 1.1, f"{calls} calls; least = ⌈{DELTA}/{ENTRIES}⌉ + 5 for prices + 5 = {least}"
        )
    ]


def main() -> list[Result]:
    normal = (bulk.WORTH, stock.WORTH)
    lines, sooner = loop.run(worth())
    lines += loop.run(largest())
    bulk.WORTH, stock.WORTH = normal
    print("\n".join(lines), flush=True)
    words = ", ".join(f"{kind} {size}" for kind, size in sooner.items())
    found = [
        Result(
            "6 operation: threshold over the earliest size", normal[0] / max(1, min(sooner.values(), default=1)), 1.0, f"sooner: {words}"
        )
    ]
    return [*found, *loop.run(budget()), *loop.run(delta())]


if __name__ == "__main__":
    for result in main():
        print(result.line(), flush=True)
