"""Bench 4: the governor at a limit that a server enforces on its own: how much of it is used, how often it is overstepped."""

from __future__ import annotations

import asyncio
import os
import time

from benchmarks.harness import Result
from benchmarks.prepared import Answer, answer, platform
from engate.clock import SystemClock
from engate.context import Context
from engate.errors import RateLimited
from engate.http import Services, Transport
from engate.limits import Rate
from engate.testing.connect import CountingJournal, MemoryTokens
from engate.testing.sandbox import RateWindow
from engate_api import loop
from engate_vtex.endpoints import DEFAULT_RATES

SECONDS = float(os.environ.get("BENCH_GOVERNOR_SECONDS", "120"))
PER_SECOND, BURST = 2_000 / 60, 500
"""What the pricing API documents for writes."""
AT_ONCE = 32


def limited() -> Answer:
    window = RateWindow(PER_SECOND, BURST)
    yes = answer(b"true")
    no = answer(b"", "429 Too Many Requests").replace(b"content-length: 0", b"retry-after: 1\r\ncontent-length: 0")

    def reply(method: str, target: str, body: bytes) -> bytes:
        del method, target, body
        return yes if window.take(time.monotonic()) == 0 else no

    return reply


async def run() -> list[Result]:
    journal = CountingJournal()
    marks: dict[str, int] = {}
    with platform(limited) as url:
        transport = Transport()
        services = Services(account="bench", clock=SystemClock(), transport=transport, tokens=MemoryTokens(), journal=journal)
        rate: Rate = DEFAULT_RATES["pricing_write"]
        http = Context(None, services).http(url, rates={"pricing_write": rate}, at_once=AT_ONCE)  # pyright: ignore[reportArgumentType]
        stop = False

        async def worker() -> None:
            while not stop:
                try:
                    await http.call("PUT", "/pricing/prices/1", groups=("pricing_write",), body={"basePrice": 10})
                except RateLimited:
                    continue

        async with transport, asyncio.TaskGroup() as group:
            tasks = [group.create_task(worker()) for _ in range(AT_ONCE)]
            while len(journal.calls) < BURST * 1.2:  # the burst is spent
                await asyncio.sleep(0.1)
            marks["from"] = len(journal.calls)
            began = time.monotonic()
            await asyncio.sleep(SECONDS)
            seconds = time.monotonic() - began
            marks["to"] = len(journal.calls)
            stop = True
            await asyncio.wait(tasks)
    window = [status for _, _, status in journal.calls[marks["from"] : marks["to"]]]
    fine, refused = sum(s == 200 for s in window), sum(s == 429 for s in window)
    used = fine / (PER_SECOND * seconds)
    return [
        Result("4 governor: share of the allowed rate used", used, 0.95, f"{fine} calls in {seconds:.0f} s", least=True),
        Result("4 governor: share of calls answered 429", refused / max(1, len(window)), 0.001, f"{refused} of {len(window)}"),
    ]


def main() -> list[Result]:
    return loop.run(run())
