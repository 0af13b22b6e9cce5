"""`make many`: 200 integrations on one process, each platform answering in 300 ms, on the default schedules. Is any reading of the stock
late, and what does an idle integration cost?

The platforms are the fake pair in a process of their own, and so is whoever watches the lanes: only the engine's own CPU is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.goods import goods
from tests.support.stage import Pair, merged_mapping

from engate.clock import SystemClock
from engate.domain.flows import FLOWS
from engate.logs import configure
from engate.metrics import Metrics
from engate.model import Check
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.secrets import Vault
from engate.store import config
from engate.store.config import Given, NewConnection, NewIntegration
from engate.store.db import Store
from engate.store.tables import metadata
from engate.sync.registry import Registry
from engate.sync.runner import Runner
from engate.sync.work import Delays
from engate.testing.facts import Fault
from engate.testing.fakes import MANIFESTS, SANDBOXES
from engate.text import Text

ANSWER_MS = 300
MOST_OVERDUE = 5.0
MOST_CPU = 0.09
"""Seconds a minute and integration."""


def pairs(count: int) -> list[Pair]:
    return [Pair(SANDBOXES["fake_erp"](limits=False), SANDBOXES["fake_shop"](limits=False)) for _ in range(count)]


async def serve(count: int) -> None:
    """All platforms in this process, until it is ended; prints their addresses."""
    async with AsyncExitStack() as open_:
        made = pairs(count)
        for pair in made:
            pair.erp.seed(goods(2))
            for box in (pair.erp, pair.shop):
                box.faults.set([Fault("latency", times=10**9, milliseconds=ANSWER_MS)])
                await open_.enter_async_context(box.listening())
        print(msgspec.json.encode([(pair.erp.base_url, pair.shop.base_url) for pair in made]).decode(), flush=True)
        await asyncio.Event().wait()


def watch(url: str, seconds: float) -> None:
    """Prints by how much a reading of the stock was late at most, while nobody had it in hand."""
    engine = sa.create_engine(url)
    late = sa.text("select max(:now - ready_at) from lane where name = 'read/stock' and lease is null and ready_at <= :now")
    worst, until = 0.0, time.monotonic() + seconds
    while time.monotonic() < until:
        with engine.connect() as c:
            worst = max(worst, c.execute(late, {"now": time.time()}).scalar() or 0.0)
        time.sleep(0.2)
    print(worst, flush=True)


@asynccontextmanager
async def engine(url: str, places: list[tuple[str, str]]) -> AsyncGenerator[Store]:
    """Every pair coupled and activated, on the schedules that flows have by default."""
    store = Store(url)
    metadata.create_all(store.engine)
    clock, vault = SystemClock(), Vault(secrets.token_bytes(32))
    registry = Registry(store, vault, clock, Metrics(), observers={})
    for manifest in MANIFESTS.values():
        registry.add(manifest)
    now = clock.now().timestamp()
    for n, (pair, place) in enumerate(zip(pairs(len(places)), places, strict=True)):
        pair.erp.base_url, pair.shop.base_url = place
        await store.writing(lambda c, n=n, pair=pair: _couple(c, registry, f"Loja {n}", pair, now))
    runner = Runner(store, registry, clock, delays=Delays(), worker="many")
    running = asyncio.create_task(runner.run())
    try:
        yield store
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await registry.close()
        store.close()


def _couple(c: sa.Connection, registry: Registry, name: str, pair: Pair, now: float) -> None:
    tenant_id, _ = config.create_tenant(c, name, now)
    ids: list[int] = []
    for box in (pair.erp, pair.shop):
        said = box.describe()
        manifest = registry.manifest(said.platform)
        new = NewConnection(manifest.key, Given(manifest, {**said.settings, **said.secrets}))
        id = config.create_connection(c, registry.vault, tenant_id, new, now)
        config.tested(c, id, 1, config.Tested([Check("all", True, Text("", ""))]), now)
        ids.append(id)
    mapping = merged_mapping(pair.erp.describe(), pair.shop.describe())
    integration_id = config.create_integration(c, tenant_id, NewIntegration("par", ids[0], ids[1], pair.options, mapping), now)
    trigger.activate(Scope(c, tenant_id, integration_id, now), trigger.Activation(list(FLOWS)))


async def measured(options: argparse.Namespace, url: str, places: list[tuple[str, str]]) -> tuple[float, float]:
    """(seconds of delay at most, seconds of CPU a minute and integration)"""
    began = time.monotonic()
    async with engine(url, places) as store:
        open_runs = sa.text("select count(*) from run where state in ('reading', 'pushing')")
        while await store.reading(lambda c: c.execute(open_runs).scalar_one()):  # noqa: ASYNC110  # the database tells nobody
            await asyncio.sleep(0.5)
        print(f"{len(places)} integrations loaded in {time.monotonic() - began:.0f} s", flush=True)
        await asyncio.sleep(options.settle)  # what the load made late has caught up
        watcher = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--watch", url, "--seconds", str(options.seconds), stdout=asyncio.subprocess.PIPE
        )
        used = _cpu()
        began = time.monotonic()
        said, _ = await watcher.communicate()
        minutes = (time.monotonic() - began) / 60
        return float(said), (_cpu() - used) / minutes / len(places)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--integrations", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--settle", type=float, default=60.0)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--watch", help=argparse.SUPPRESS)
    options = parser.parse_args()
    configure("WARNING", json=True)
    if options.serve:
        asyncio.run(serve(options.serve))
        return 0
    if options.watch:
        watch(options.watch, options.seconds)
        return 0
    asking = [sys.executable, __file__, "--serve", str(options.integrations)]
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(asking, stdout=subprocess.PIPE, text=True) as platforms:
        try:
            assert platforms.stdout is not None
            places = msgspec.json.decode(platforms.stdout.readline(), type=list[tuple[str, str]])
            late, cpu = asyncio.run(measured(options, f"sqlite:///{folder}/engate.db", places))
        finally:
            platforms.terminate()
    print(f"stock late by at most {late:.1f} s (at most {MOST_OVERDUE}); CPU {cpu:.3f} s a minute and integration (at most {MOST_CPU})")
    wrong = late > MOST_OVERDUE or cpu > MOST_CPU
    print("many: wrong" if wrong else "many: ok")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
