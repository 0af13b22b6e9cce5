"""An engine of its own, to be killed: `python -m tests.support.engine DATABASE_URL [NAME=MODULE:CLASS]` works on what a stage has set up,
with that observer, until it dies."""

from __future__ import annotations

import asyncio
import base64
import importlib
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from tests.support.stage import SHORT

from engate.clock import SystemClock
from engate.hooks import Observer
from engate.secrets import Vault
from engate.store import lanes
from engate.store.db import Store
from engate.sync.registry import Registry
from engate.sync.runner import Runner
from engate.testing.connect import CountingJournal
from engate.testing.fakes import MANIFESTS

ROOT = Path(__file__).resolve().parents[2]


class Engine:
    """A process that works on the stage's database."""

    def __init__(self, url: str, *observers: str) -> None:
        self._given = (url, *observers)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "tests.support.engine", *self._given], cwd=ROOT)

    def kill(self) -> None:
        if self._process is not None:
            assert self._process.poll() is None, f"the engine ended by itself: {self._process.returncode}"
            self._process.kill()
            self._process.wait()


@contextmanager
def engine(url: str, *observers: str) -> Generator[Engine]:
    """`observers`: "name=module:Class"."""
    made = Engine(url, *observers)
    try:
        yield made
    finally:
        made.kill()


async def main(url: str, *observers: str) -> None:
    store, clock = Store(url), SystemClock()
    registry = Registry(
        store, Vault(base64.b64decode(os.environ["ENGATE_SECRET_KEY"])), clock, CountingJournal(), observers=dict(map(_observer, observers))
    )
    for manifest in MANIFESTS.values():
        registry.add(manifest)
    await store.durably(lanes.free_all)  # as at every start: nobody else works
    delays = msgspec.structs.replace(SHORT, unknown_after=2.0)
    await Runner(store, registry, clock, delays=delays, worker="killed").run()


def _observer(said: str) -> tuple[str, Observer]:
    name, _, where = said.partition("=")
    module, _, cls = where.partition(":")
    return name, getattr(importlib.import_module(module), cls)()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
