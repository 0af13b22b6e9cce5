"""What a demo ends with: one object of counts, as JSON or as lines."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

import msgspec


class CatalogCounts(msgspec.Struct):
    """`attention`: SKUs by the code of their first cause (REST); the rest is what the sandboxes hold, but for `awaiting` (REST)."""

    products_in_erp: int = 0
    skus_in_erp: int = 0
    skus_visible: int = 0
    awaiting: int = 0
    attention: dict[str, int] = {}


class OrdersCounts(msgspec.Struct):
    """Storefront orders; `duplicated_in_erp`: those that more than one ERP order was made of by mistake."""

    placed: int = 0
    duplicated_events: int = 0
    lost_events: int = 0
    timeouts_injected: int = 0
    in_erp: int = 0
    duplicated_in_erp: int = 0
    invoiced: int = 0
    tracked: int = 0
    delivered: int = 0
    cancelled: int = 0


class Delta(msgspec.Struct):
    """`changed`: values changed in the ERP; `pushed`: records that changed in the storefront; `writes`: calls that wrote there."""

    changed: int = 0
    pushed: int = 0
    writes: int = 0


class Unchanged(msgspec.Struct):
    """`read`: rows that the ERP's listings gave; `writes`: calls that wrote into the storefront."""

    read: int = 0
    writes: int = 0


class Report(msgspec.Struct):
    """`requests` and `rate_limited` (429): of both sandboxes, over the whole demo. `bulk_operations`: what
    the storefront worked off by itself, where it can. `slices_by_worker`: pieces of work, by process."""

    pair: str
    catalog: CatalogCounts = msgspec.field(default_factory=CatalogCounts)
    orders: OrdersCounts = msgspec.field(default_factory=OrdersCounts)
    delta: Delta = msgspec.field(default_factory=Delta)
    unchanged_resync: Unchanged = msgspec.field(default_factory=Unchanged)
    requests: int = 0
    rate_limited: int = 0
    refused: dict[str, str] = {}
    bulk_operations: int = 0
    slices_by_worker: dict[str, int] = {}
    seconds: dict[str, float] = {}

    def json(self) -> str:
        return msgspec.json.format(msgspec.json.encode(self)).decode()

    def lines(self) -> list[str]:
        """The same counts, one group a line."""
        return [f"{name}: {_words(value)}" for name, value in msgspec.to_builtins(self).items()]


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {'{' + _words(inner) + '}' if isinstance(inner, dict) else inner}" for name, inner in value.items())
    return str(value)


def bare_rate(address: str, *, seconds: float = 1.0, at_once: int = 32) -> float:
    """Requests a second that this machine manages between two processes with nothing to do: a loop over kept connections against a
    server's lightest answer. What a connector reaches is a part of this."""
    return asyncio.run(_bare_rate(address, seconds, at_once))


async def _bare_rate(address: str, seconds: float, at_once: int) -> float:
    parts = urlsplit(address)
    asked = f"GET /_sandbox/health HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    until = time.monotonic() + seconds

    async def one() -> int:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        count = 0
        while time.monotonic() < until:
            writer.write(asked)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))
            count += 1
        writer.close()
        return count

    started = time.monotonic()
    counts = await asyncio.gather(*(one() for _ in range(at_once)))
    return sum(counts) / (time.monotonic() - started)
