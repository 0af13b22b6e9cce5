"""What every benchmark shares: an engine on a throw-away database, bare loops over the same transport, and how figures are compared."""

from __future__ import annotations

import asyncio
import base64
import gc
import os
import re
import secrets
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from engate.clock import SystemClock
from engate.domain.mapping import PairMapping
from engate.domain.options import Options
from engate.hooks import Storefront
from engate.model import Batch, Brand, Category, Check, Image, Price, Product, Sku, StockLevel, Warehouse
from engate.model.kinds import KINDS
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.plugins import Manifest
from engate.secrets import Vault
from engate.settings import Secret
from engate.store import config, lanes, links, pushes, runs
from engate.store.config import Given, NewConnection, NewIntegration
from engate.store.db import Store
from engate.store.rows import RecordSet
from engate.store.tables import metadata, record
from engate.sync.registry import Registry
from engate.sync.runner import Runner
from engate.sync.work import Delays
from engate.testing.connect import CountingJournal
from engate.text import Text

PASSWORD = Secret("x")
TIMES = int(os.environ.get("BENCH_TIMES", "5"))


class Result(msgspec.Struct):
    """One line of the table. `goal`: what `ratio` may be at most (at least, where `least`)."""

    name: str
    ratio: float
    goal: float
    detail: str
    least: bool = False

    @property
    def ok(self) -> bool:
        return self.ratio >= self.goal if self.least else self.ratio <= self.goal

    def line(self) -> str:
        sign = "≥" if self.least else "≤"
        return f"{'ok  ' if self.ok else 'over'}  {self.name:<46} {self.ratio:>7.3f}  {sign} {self.goal:<6}  {self.detail}"


class NoSettings(msgspec.Struct):
    pass


class Counting(Storefront):
    """A storefront that takes everything at once and only counts."""

    pushed = 0

    async def test_connection(self) -> list[Check]:
        return [Check("counting", True, Text("Só conta.", "Only counts."))]

    async def identity(self) -> str:
        return "counting"

    async def _take(self, batch: Batch[Any]) -> None:
        Counting.pushed += len(batch.items)
        for item in batch.items:
            batch.accepted(item, item.remote or item.key)

    async def push_warehouses(self, batch: Batch[Warehouse]) -> None:
        await self._take(batch)

    async def push_categories(self, batch: Batch[Category]) -> None:
        await self._take(batch)

    async def push_brands(self, batch: Batch[Brand]) -> None:
        await self._take(batch)

    async def push_products(self, batch: Batch[Product]) -> None:
        await self._take(batch)

    async def push_skus(self, batch: Batch[Sku]) -> None:
        await self._take(batch)

    async def push_images(self, batch: Batch[Image]) -> None:
        await self._take(batch)

    async def push_prices(self, batch: Batch[Price]) -> None:
        await self._take(batch)

    async def push_stock(self, batch: Batch[StockLevel]) -> None:
        await self._take(batch)


COUNTING = Manifest("counting", "Counting", "storefront", NoSettings, "benchmarks.harness:Counting", hook_api=4)
MAPPING = msgspec.convert({"warehouses": [{"branch": "1", "warehouse": "1"}]}, PairMapping)
"""No price table is mapped: WinThor's price list would be read a second time for it, and the floor reads it once."""


class Engine:
    """An integration on a fresh SQLite database (synchronous=FULL, as shipped)."""

    def __init__(self, store: Store, registry: Registry, runner: Runner, tenant_id: int, id: int) -> None:
        self.store, self.registry, self.runner, self.tenant_id, self.id = store, registry, runner, tenant_id, id

    async def prepare_links(self) -> None:
        """Categories and brands as if they were in the shop already: they are not what is measured."""
        pairs = {"category": [f"category/{100 + n}" for n in range(70)], "brand": [str(5 + n) for n in range(40)]}
        for kind, keys in pairs.items():
            await self.store.writing(
                lambda c, kind=kind, keys=keys: links.linked(
                    c, RecordSet(self.tenant_id, self.id, kind), [(key, key.rpartition("/")[2]) for key in keys], 0.0
                )
            )

    async def activate(self, flows: list[str], pilot: list[str] | None = None) -> None:
        how = trigger.Activation(flows, pilot)
        await self.store.writing(lambda c: trigger.activate(Scope(c, self.tenant_id, self.id, time.time()), how))
        self.runner.poke()

    async def all_read(self, flows: list[str]) -> bool:
        """Whether each of these flows has been read to its end."""
        return await self.store.reading(lambda c: all(runs.full_at(c, self.id, flow) is not None for flow in flows))

    async def widen(self) -> None:
        """Everything may be pushed now."""

        def change(c: sa.Connection) -> None:
            config.update_integration(c, self.tenant_id, self.id, pilot=None)
            lanes.wake(c, [lanes.Wake(self.tenant_id, self.id, f"push/{k.name}", k.priority, time.time()) for k in KINDS.values()])

        await self.store.writing(change)
        self.runner.poke()

    async def resync(self, flows: list[str]) -> None:
        await self.store.writing(lambda c: trigger.resync(Scope(c, self.tenant_id, self.id, time.time()), trigger.Resync(flows)))
        self.runner.poke()

    async def done(self) -> None:
        """Every run has ended and no record can move by itself."""

        def over(c: sa.Connection) -> bool:
            moving = pushes.MOVING.where(record.c.integration_id == self.id).limit(1)
            return not config.open_runs(c, self.id) and c.execute(moving).first() is None

        while not await self.store.reading(over):
            await asyncio.sleep(0.1)


@asynccontextmanager
async def engine(erp: tuple[Manifest, dict[str, Any]], shop: tuple[Manifest, dict[str, Any]]) -> AsyncGenerator[Engine]:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder)}/bench.db")
        metadata.create_all(store.engine)
        key = secrets.token_bytes(32)
        os.environ["ENGATE_SECRET_KEY"] = base64.b64encode(key).decode()
        vault, clock = Vault(key), SystemClock()
        registry = Registry(store, vault, clock, CountingJournal())
        registry.add(COUNTING)
        tenant_id, _ = await store.writing(lambda c: config.create_tenant(c, "bench", 0.0))
        news = [NewConnection(manifest.key, Given(manifest, values)) for manifest, values in (erp, shop)]
        ids = [await store.writing(lambda c, new=new: config.create_connection(c, vault, tenant_id, new, 0.0)) for new in news]
        for each in ids:
            await store.writing(lambda c, id=each: config.tested(c, id, 1, config.Tested([Check("bench", True, Text("", ""))]), 0.0))
        new = NewIntegration("bench", ids[0], ids[1], Options(), MAPPING)
        id = await store.writing(lambda c: config.create_integration(c, tenant_id, new, 0.0))
        runner = Runner(store, registry, clock, delays=Delays(), worker="bench")
        made = Engine(store, registry, runner, tenant_id, id)
        await made.prepare_links()
        task = asyncio.create_task(runner.run())
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await registry.close()
            store.close()


async def timed(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """(wall seconds, CPU seconds of this process)."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    return time.perf_counter() - wall, time.process_time() - cpu


def median(values: list[float]) -> float:
    return statistics.median(values)


def peak_mib() -> float:
    """Of this program: `ru_maxrss` would begin with the parent's."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024  # pyright: ignore[reportOptionalSubscript]
