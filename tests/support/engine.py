"""An engine of its own, to be killed: `python -m tests.support.engine DATABASE_URL` works on what a stage has set up, until it dies."""

from __future__ import annotations

import asyncio
import base64
import os
import sys

import msgspec
from tests.platforms import MANIFESTS
from tests.support.stage import SHORT

from engate.clock import SystemClock
from engate.secrets import Vault
from engate.store import lanes
from engate.store.db import Store
from engate.sync.registry import Registry
from engate.sync.runner import Runner
from engate.testing.connect import CountingJournal


async def main(url: str) -> None:
    store, clock = Store(url), SystemClock()
    registry = Registry(store, Vault(base64.b64decode(os.environ["ENGATE_SECRET_KEY"])), clock, CountingJournal())
    for manifest in MANIFESTS.values():
        registry.add(manifest)
    await store.durably(lanes.free_all)  # as at every start: nobody else works
    windows = msgspec.structs.replace(SHORT, unknown_after=2.0)
    await Runner(store, registry, clock, windows=windows, worker="killed").run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
