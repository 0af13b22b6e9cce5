"""Latency: a price that changed in the ERP is in the shop, and a paid order is in the ERP, one interval of its flow later at most, and a
second for the work. With one and with fifty active integrations in one process.

The fake pairs stand in a process of their own, which changes them and sees what arrives; what is measured is all that lies between.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from decimal import Decimal
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks.harness import Result
from engate.domain.flows import FLOWS
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.store import config
from engate.sync.runner import Runner
from engate.sync.work import Delays
from engate.testing.facts import Change
from engate.testing.fakes import MANIFESTS, SANDBOXES
from engate.testing.goods import goods, sale
from engate.testing.stage import Pair, couple, installed
from engate_api import loop

EVERY = 5.0
"""Seconds between two readings of the prices and two of the shop's events: short, so that the benchmark is. A default of 300 s only adds
to both sides."""
WORK = 1.0
ROUNDS = {1: 20, 50: 6}
"""Changes and orders of each integration, by how many there are."""
LONGEST = 60.0


class Seen(NamedTuple):
    """Seconds that each change and each order took."""

    prices: list[float]
    orders: list[float]


# ---- the process of the pairs ----


def pairs(count: int) -> list[Pair]:
    return [Pair(SANDBOXES["fake_erp"](limits=False), SANDBOXES["fake_shop"](limits=False)) for _ in range(count)]


async def serve(count: int) -> None:
    """Prints the addresses; changes everything and prints what it saw once a line comes in."""
    async with AsyncExitStack() as open_:
        made: list[Any] = pairs(count)
        for pair in made:
            pair.erp.seed(goods(2))
            for box in (pair.erp, pair.shop):
                await open_.enter_async_context(box.listening())
        print(msgspec.json.encode([(pair.erp.base_url, pair.shop.base_url) for pair in made]).decode(), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        seen = Seen([], [])
        await asyncio.gather(*(watched(pair, random.Random(number), ROUNDS[count], seen) for number, pair in enumerate(made)))
        print(msgspec.json.encode(seen).decode(), flush=True)


async def watched(pair: Any, at_random: random.Random, rounds: int, seen: Seen) -> None:
    """One price and one order a round, at any moment of the interval. What does not arrive ends the benchmark."""
    key = pair.erp.state()[0].key
    for number in range(1, rounds + 1):
        await asyncio.sleep(at_random.uniform(0, EVERY))
        price = Decimal(100 + number)
        pair.erp.change([Change(key, price=price)])
        seen.prices.append(await until(lambda price=price: any(sku.key == key and sku.price == price for sku in pair.shop.state())))
        await asyncio.sleep(at_random.uniform(0, EVERY))
        sold = pair.shop.sell([sale(number, (key, 1, str(price)))])[str(number)]
        seen.orders.append(await until(lambda sold=sold: any(order.reference == sold for order in pair.erp.taken.values())))


async def until(there: Callable[[], bool]) -> float:
    began = time.perf_counter()
    while not there():
        if time.perf_counter() - began > LONGEST:
            raise SystemExit(f"not there after {LONGEST:.0f} s")
        await asyncio.sleep(0.02)
    return time.perf_counter() - began


# ---- the engine ----


@contextmanager
def another(count: int) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "benchmarks.latency", str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


@asynccontextmanager
async def running(folder: str, places: list[tuple[str, str]]) -> AsyncGenerator[None]:
    """Every pair coupled, active and loaded."""
    async with installed(f"sqlite:///{folder}/engate.db", MANIFESTS.values()) as registry:
        store, now = registry.store, time.time()
        runner = Runner(store, registry, registry.clock, delays=Delays(), worker="latency")
        for number, (pair, place) in enumerate(zip(pairs(len(places)), places, strict=True)):
            pair.erp.base_url, pair.shop.base_url = place
            tenant_id, id = await couple(registry, f"Loja {number}", pair)
            for flow in FLOWS.values():
                every = EVERY if flow.name in ("prices", "orders") else flow.every
                await store.writing(lambda c, id=id, name=flow.name, every=every: config.set_flow(c, id, name, every=every))
            how = trigger.Activation(list(FLOWS))
            await store.writing(lambda c, t=tenant_id, id=id, how=how: trigger.activate(Scope(c, t, id, now), how))
        task = asyncio.create_task(runner.run())
        try:
            while await store.reading(lambda c: any(config.open_runs(c, id) for id in range(1, len(places) + 1))):
                await asyncio.sleep(0.1)
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def measured(count: int) -> Seen:
    with tempfile.TemporaryDirectory() as folder, another(count) as child:
        assert child.stdin is not None and child.stdout is not None
        places = msgspec.json.decode(child.stdout.readline(), type=list[tuple[str, str]])
        async with running(folder, places):
            child.stdin.write("go\n")
            child.stdin.flush()
            return msgspec.json.decode(await asyncio.to_thread(child.stdout.readline), type=Seen)


def p95(values: list[float]) -> float:
    """No more than one in twenty took longer."""
    return sorted(values)[ceil(0.95 * len(values)) - 1]


async def run() -> list[Result]:
    found: list[Result] = []
    for count in (1, 50):
        seen = await measured(count)
        for what, values in (("a price to the shop", seen.prices), ("an order to the ERP", seen.orders)):
            found.append(
                Result(
                    f"9 {what}, {count} active, p95 in s", p95(values), EVERY + WORK,
                    f"most {max(values):.2f} s, of {len(values)}; read every {EVERY:.0f} s",
                )
            )  # fmt: skip
    return found


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    loop.run(serve(int(sys.argv[1])))
