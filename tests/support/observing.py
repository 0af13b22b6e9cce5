"""Observers of tests: one that remembers what it is told, and does not take all of it; one that writes it to a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from engate.hooks import Observer

FILE = "ENGATE_TEST_TOLD"


class Watching(Observer):
    """`heard`: every call, in order; `events`: which each was of. `takes`: what it does with one before it is taken."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.taken: list[tuple[str, Any]] = []
        self.events: list[str] = []
        self.takes: Callable[[str], Awaitable[None]] | None = None

    async def on_order_imported(self, order: str, erp_keys: list[str], event: str) -> None:
        await self._hear(f"order/{order}", erp_keys, event)

    async def on_attention(self, what: str, cause: str, event: str) -> None:
        await self._hear(f"attention/{what}", (cause, event), event)

    async def on_run_finished(self, run: int, flow: str, counts: dict[str, int], event: str) -> None:
        await self._hear(f"run/{flow}", counts, event)

    async def _hear(self, what: str, more: Any, event: str) -> None:
        self.heard.append((what, more))
        self.events.append(event)
        if self.takes is not None:
            await self.takes(what)
        self.taken.append((what, more))

    def orders(self) -> list[str]:
        """What it has taken of orders, in order."""
        return [what for what, _ in self.taken if what.startswith("order/")]

    def attention(self) -> list[tuple[str, str, str]]:
        return [(what.removeprefix("attention/"), *more) for what, more in self.taken if what.startswith("attention/")]


class Selling(Observer):
    """Wants to know of orders alone."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def on_order_imported(self, order: str, erp_keys: list[str], event: str) -> None:
        self.taken.append(order)


class Dying(Observer):
    """In a process that is killed: writes the event to the file, then hangs as long as there is one of that name and `.hold`."""

    async def on_attention(self, what: str, cause: str, event: str) -> None:
        file = Path(os.environ[FILE])
        _add(file, f"{what} {cause} {event}")
        if _is_held(file):
            await asyncio.Event().wait()


class Filing(Observer):
    """In a process that is killed: writes to the file, and hangs as long as there is one of that name and `.hold`."""

    async def on_order_imported(self, order: str, erp_keys: list[str], event: str) -> None:
        file = Path(os.environ[FILE])
        if _is_held(file):
            await asyncio.Event().wait()
        _add(file, order)


def _is_held(file: Path) -> bool:
    return file.with_suffix(".hold").exists()


def _add(file: Path, line: str) -> None:
    with file.open("a") as lines:
        lines.write(f"{line}\n")


async def breaks(what: str) -> None:
    raise RuntimeError(f"an extension broke at {what}")


def hangs(until: asyncio.Event | None = None) -> Callable[[str], Awaitable[None]]:
    """Takes nothing before then; None: ever."""
    ends = until or asyncio.Event()

    async def wait(what: str) -> None:
        del what
        await ends.wait()

    return wait
