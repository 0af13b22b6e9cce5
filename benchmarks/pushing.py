"""Bench 2: pushing a catalogue, against a bare loop that replays the very same requests over the same transport."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from benchmarks.harness import TIMES, Engine, Result, engine, median, timed
from benchmarks.prepared import erp, platform, shop
from benchmarks.reading import account
from engate.http import Transport
from engate.sync.registry import Registry
from engate_vtex import manifest as vtex
from engate_winthor import manifest as winthor

FLOWS = ["products", "images", "prices", "stock"]
AT_ONCE = 32
FAST = {"per_second": 1e6, "burst": 1e6}
Recorded = list[tuple[str, str, dict[str, str], bytes]]


class Recording(Transport):
    """Keeps every request that goes out."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: Recorded = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append((request.method, str(request.url), dict(request.headers), request.content))
        return await super().handle_async_request(request)


def store_account(url: str) -> dict[str, Any]:
    return {
        "account": "bench", "app_key": "k", "app_token": "t", "base_url": url, "pricing_url": url, "payments_url": url, "at_once": AT_ONCE,
        "rates": dict.fromkeys(("catalog", "catalog_endpoint", "pricing_write", "orders"), FAST),
    }  # fmt: skip


async def read_only(made: Engine) -> None:
    """Everything read, nothing pushed: an empty pilot."""
    await made.activate(FLOWS, pilot=[])
    while not await made.all_read(FLOWS):
        await asyncio.sleep(0.02)


async def push(made: Engine) -> None:
    await made.widen()
    await made.done()


async def replay(sent: Recorded) -> None:
    """The requests again, so many at once, each answer read to its end."""
    todo = iter(sent)
    async with httpx.AsyncClient(transport=Transport(), timeout=60) as client:

        async def worker() -> None:
            for method, url, headers, content in todo:
                await client.request(method, url, headers=headers, content=content)

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


async def once(erp_url: str, shop_url: str, transport: Transport | None = None) -> tuple[float, float]:
    settings = {**account(erp_url), "image_url": "https://images.example/{ean}.jpg"}
    async with engine((winthor, settings), (vtex, store_account(shop_url))) as made:
        await read_only(made)
        if transport is not None:
            use(made.registry, transport)
        return await timed(lambda: push(made))


def use(registry: Registry, transport: Transport) -> None:
    """The storefront's calls go through this transport."""
    registry.transport = transport
    registry.forget()


async def run(count: int = 3_300) -> list[Result]:
    ours: list[float] = []
    theirs: list[float] = []
    with platform(erp, count) as erp_url, platform(shop) as shop_url:
        recording = Recording()
        await once(erp_url, shop_url, recording)
        await recording.aclose()
        sent = [call for call in recording.sent if call[1].startswith(shop_url)]
        for _ in range(TIMES):
            ours.append((await once(erp_url, shop_url))[1])
            theirs.append((await timed(lambda: replay(sent)))[1])
    return [
        Result(
            f"2 push {count:,} products, client CPU ÷ bare replay", median(ours) / median(theirs), 1.6,
            f"{median(ours):.2f} s against {median(theirs):.2f} s CPU for {len(sent):,} requests",
        )
    ]  # fmt: skip
