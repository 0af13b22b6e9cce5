"""Benches 1, 3 and 5: reading a catalogue to settled records, reading it again unchanged, and memory as it grows tenfold."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks.harness import COUNTING, TIMES, Counting, Engine, Result, engine, median, peak_mib, timed
from benchmarks.prepared import erp, platform
from engate.http import Transport
from engate_api import loop
from engate_winthor import manifest as winthor
from engate_winthor.client import Envelope
from engate_winthor.rows import PriceRow, ProductRow, SkuRow, StockRow

PAGE = 100
ROWS = 500
"""Of one transaction of the durable floor."""
FLOWS = ["products", "prices", "stock"]
LISTS = (
    ("/api/purchases/v1/products/", "callOrigin=T&branchId=1&order=id", ProductRow),
    ("/api/purchases/v1/skus/", "useAllPackages=Y&branchId=1&order=id", SkuRow),
    ("/api/wholesale/v1/price/list", "branchId=1", PriceRow),
    ("/api/stock-vtex/v1/available/list", "branchId=1&usesPackagingSales=true", StockRow),
)


KEYS: dict[type, tuple[str, ...]] = {ProductRow: ("id",), SkuRow: ("key",), PriceRow: ("sku", "region"), StockRow: ("sku", "branch")}
"""What tells the rows of a list apart."""


def account(url: str) -> dict[str, Any]:
    return {"base_url": url, "login": "bench", "password": "bench", "branches": ["1"], "page_size": PAGE}


Keep = Callable[[str, list[Any]], None]


async def bare(url: str, keep: Keep = lambda path, items: None) -> int:
    """The same pages over the same transport, decoded into the same rows, and nothing else but `keep`."""
    rows = 0
    async with httpx.AsyncClient(transport=Transport(), base_url=url, timeout=60) as client:

        async def one(path: str, fixed: str, kind: Any) -> None:
            nonlocal rows
            decode, page, more = msgspec.json.Decoder(Envelope[kind]).decode, 0, True
            while more:
                page += 1
                found = decode((await client.get(f"{path}?{fixed}&page={page}&pageSize={PAGE}")).content)
                keep(path, found.items)
                rows += len(found.items)
                more = bool(found.has_next)

        await asyncio.gather(*(one(*each) for each in LISTS))
    return rows


class Durable:
    """The least that a program does which forgets nothing: every row in one table, with its digest, and whether it is settled."""

    def __init__(self, file: Path) -> None:
        self._c = sqlite3.connect(file, isolation_level=None)
        self._c.execute("PRAGMA journal_mode=WAL")
        self._c.execute("PRAGMA synchronous=FULL")
        self._c.execute(
            "CREATE TABLE IF NOT EXISTS row "
            "(kind TEXT, key TEXT, digest BLOB, doc BLOB, settled INT, PRIMARY KEY (kind, key)) WITHOUT ROWID"
        )
        self._waiting: list[tuple[str, str, bytes, bytes]] = []
        self.wrote = 0

    def keep(self, path: str, items: list[Any]) -> None:
        for item in items:
            doc = msgspec.msgpack.encode(item)
            self._waiting.append((path, _key(item), blake2b(doc, digest_size=16).digest(), doc))
        if len(self._waiting) >= ROWS:
            self.flush()

    def flush(self) -> None:
        """What differs from what is stored, in one transaction; then that it is settled, in another."""
        rows, self._waiting = self._waiting, []
        known: dict[tuple[str, str], bytes] = {}
        for path in {row[0] for row in rows}:
            keys = json.dumps([row[1] for row in rows if row[0] == path])
            found = self._c.execute("SELECT key, digest FROM row WHERE kind = ? AND key IN (SELECT value FROM json_each(?))", (path, keys))
            known |= {(path, key): digest for key, digest in found}
        new = [row for row in rows if known.get(row[:2]) != row[2]]
        if not new:
            return
        self.wrote += len(new)
        self._c.execute("BEGIN IMMEDIATE")
        self._c.executemany("INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?, 0)", new)
        self._c.execute("COMMIT")
        self._c.execute("BEGIN IMMEDIATE")
        self._c.executemany("UPDATE row SET settled = 1 WHERE kind = ? AND key = ?", [row[:2] for row in new])
        self._c.execute("COMMIT")

    def close(self) -> None:
        self._c.close()


def _key(row: Any) -> str:
    return "/".join(str(getattr(row, name)) for name in KEYS[type(row)])


async def durable(url: str, file: Path) -> int:
    """The bare loop that also keeps what it reads; how many rows it wrote."""
    kept = Durable(file)
    await bare(url, kept.keep)
    kept.flush()
    kept.close()
    return kept.wrote


async def load(made: Engine) -> None:
    await made.activate(FLOWS)
    await made.done()


async def again(made: Engine) -> None:
    await made.resync(FLOWS)
    await made.done()


async def run(count: int = 33_000) -> list[Result]:
    bares: list[float] = []
    durables: list[float] = []
    unchanged: list[float] = []
    loads: list[float] = []
    resyncs: list[float] = []
    wrote = 0
    with platform(erp, count) as url:
        await bare(url)  # the rows are encoded once, before anything is measured
        for _ in range(TIMES):
            bares.append((await timed(lambda: bare(url)))[0])
            with tempfile.TemporaryDirectory() as folder:
                for into in (durables, unchanged):
                    into.append((await timed(lambda file=Path(folder) / "floor.db": durable(url, file)))[0])
            async with engine((winthor, account(url)), (COUNTING, {})) as made:
                loads.append((await timed(lambda made=made: load(made)))[0])
                before = Counting.pushed
                resyncs.append((await timed(lambda made=made: again(made)))[0])
                wrote += Counting.pushed - before
    first, again_floor = median(durables), median(unchanged)
    loop = f"{median(loads) / median(bares):.1f} × the loop without a database, {median(bares):.2f} s"
    return [
        Result(
            "1 read 4 × 33,000 to settled, wall ÷ durable floor", median(loads) / first, 3.0,
            f"{median(loads):.2f} s against {first:.2f} s, {PAGE} rows a page; {loop}",
        ),
        Result(
            "3 unchanged full resync, wall ÷ durable floor", median(resyncs) / again_floor, 2.0,
            f"{median(resyncs):.2f} s against {again_floor:.2f} s; {wrote} written",
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
    print(json.dumps(loop.run(_grow(sys.argv[1], int(sys.argv[2])))))
