"""Benches 1, 3 and 5: reading a catalogue to settled records, reading it again unchanged, and memory as it grows tenfold."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import httpx
import msgspec

from benchmarks.harness import COUNTING, TIMES, Counting, Engine, Result, engine, median, peak_mib, timed
from benchmarks.prepared import erp, platform
from engate.http import Transport
from engate_winthor import manifest as winthor
from engate_winthor.client import Envelope
from engate_winthor.rows import PriceRow, ProductRow, SkuRow, StockRow

PAGE = 100
FLOWS = ["products", "prices", "stock"]
LISTS = (
    ("/api/purchases/v1/products/", "callOrigin=T&branchId=1&order=id", ProductRow),
    ("/api/purchases/v1/skus/", "useAllPackages=Y&branchId=1&order=id", SkuRow),
    ("/api/wholesale/v1/price/list", "branchId=1", PriceRow),
    ("/api/stock-vtex/v1/available/list", "branchId=1&usesPackagingSales=true", StockRow),
)


def account(url: str) -> dict[str, Any]:
    return {"base_url": url, "login": "bench", "password": "bench", "branches": ["1"], "page_size": PAGE}


async def bare(url: str) -> int:
    """The same pages over the same transport, decoded into the same rows, and nothing else."""
    rows = 0
    async with httpx.AsyncClient(transport=Transport(), base_url=url, timeout=60) as client:

        async def one(path: str, fixed: str, kind: Any) -> None:
            nonlocal rows
            decode, page, more = msgspec.json.Decoder(Envelope[kind]).decode, 0, True
            while more:
                page += 1
                found = decode((await client.get(f"{path}?{fixed}&page={page}&pageSize={PAGE}")).content)
                rows += len(found.items)
                more = bool(found.has_next)

        await asyncio.gather(*(one(*each) for each in LISTS))
    return rows


async def load(made: Engine) -> None:
    await made.activate(FLOWS)
    await made.done()


async def again(made: Engine) -> None:
    await made.resync(FLOWS)
    await made.done()


async def run(count: int = 33_000) -> list[Result]:
    bares: list[float] = []
    loads: list[float] = []
    resyncs: list[float] = []
    wrote = 0
    with platform(erp, count) as url:
        await bare(url)  # the rows are encoded once, before anything is measured
        for _ in range(TIMES):
            bares.append((await timed(lambda: bare(url)))[0])
            async with engine((winthor, account(url)), (COUNTING, {})) as made:
                loads.append((await timed(lambda made=made: load(made)))[0])
                before = Counting.pushed
                resyncs.append((await timed(lambda made=made: again(made)))[0])
                wrote += Counting.pushed - before
    floor = median(bares)
    return [
        Result(
            "1 read 4 × 33,000 to settled, wall ÷ bare loop", median(loads) / floor, 2.2,
            f"{median(loads):.2f} s against {floor:.2f} s, {PAGE} rows a page",
        ),
        Result(
            "3 unchanged full resync, wall ÷ bare loop", median(resyncs) / floor, 2.5,
            f"{median(resyncs):.2f} s; {wrote} written",
        ),
    ]  # fmt: skip


# ---- memory: each reading in a process of its own ----


async def _grow(what: str, count: int) -> dict[str, float]:
    with platform(erp, count) as url:
        async with engine((winthor, account(url)), (COUNTING, {})) as made:
            idle = peak_mib()
            if what == "bare":
                await bare(url)
            else:
                await load(made)
            return {"idle": idle, "peak": peak_mib()}


def grown(what: str, count: int) -> float:
    """MiB over idle at the peak of a fresh process."""
    arguments = [sys.executable, "-m", "benchmarks.reading", what, str(count)]
    said = json.loads(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    return said["peak"] - said["idle"]


def memory() -> list[Result]:
    small, loop, large = grown("engine", 33_000), grown("bare", 33_000), grown("engine", 330_000)
    return [
        Result("1 memory over idle − the bare loop's, MiB", small - loop, 40, f"{small:.0f} MiB against {loop:.0f} MiB"),
        Result("5 peak growth, 330,000 ÷ 33,000 products", large / small, 1.2, f"{large:.0f} MiB against {small:.0f} MiB"),
    ]  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_grow(sys.argv[1], int(sys.argv[2])))))
