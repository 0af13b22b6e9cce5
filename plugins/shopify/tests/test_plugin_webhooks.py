"""The door: what Shopify sends us, as the sandbox sends it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from aiohttp import web
from tests.support.desk import Unasked

from engate import Asked, Reply
from engate.door import NOTHING
from engate.model import Order, OrderEvent


class Kept(Unasked):
    """A desk in memory."""

    def __init__(self) -> None:
        self.events: dict[str, OrderEvent] = {}
        self.refused: list[str] = []

    async def deliver(
        self, key: str, events: Sequence[OrderEvent] = (), changed: Mapping[str, Sequence[str]] = NOTHING, orders: Sequence[Order] = ()
    ) -> bool:
        assert not changed and not orders
        new = key not in self.events
        self.events |= {key: events[0]} if new else {}
        return new

    async def refuse(self, reason: str, *, keep: bool = True) -> Reply:
        assert keep
        self.refused.append(reason)
        return Reply(401)


class Door:
    """Our address: hands every call to the plugin, as the engine does."""

    def __init__(self, front: Any) -> None:
        self.front, self.desk, self.asked = front, Kept(), list[Asked]()

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Asked(request.method, "", {}, headers, await request.read(), datetime.now(UTC)))
        reply = await self.front.answer(self.asked[-1], self.desk)
        return web.Response(status=reply.status, body=reply.body)


async def opened(door: Door, stack: Any) -> str:
    app = web.Application()
    app.router.add_post("/{tail:.*}", door.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    return f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/abc"


async def told(door: Door, topic: str = "") -> None:
    """Until the sandbox has sent something (of this topic)."""
    for _ in range(100):
        if any(topic in asked.headers["x-shopify-topic"] for asked in door.asked):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nothing came")


@pytest.mark.trap("shopify.forged", "shopify.rotated-secret", "shopify.told-twice")
async def test_an_order_that_is_placed_is_told_and_verified(shop: Any) -> None:
    door = Door(shop.front)
    async with AsyncExitStack() as stack:
        url = await opened(door, stack)
        await shop.sellable()
        assert all(check.ok for check in await shop.front.install_webhooks(url))
        key = await shop.sell()
        await told(door)
        assert {event.order for event in door.desk.events.values()} == {key}
        assert not door.desk.refused
        asked = door.asked[0]
        await shop.front.answer(asked, door.desk)
        assert len(door.desk.events) == len({asked.headers["x-shopify-webhook-id"] for asked in door.asked})

        forged = msgspec.structs.replace(asked, body=asked.body + b" ")
        assert (await shop.front.answer(forged, door.desk)).status == 401
        unsigned = msgspec.structs.replace(asked, headers={})
        assert (await shop.front.answer(unsigned, door.desk)).status == 401
        assert door.desk.refused == ["signature", "signature"]
        rotated = await shop.connect(stack, client_secret="new", old_client_secret=shop.api.sandbox.describe().secrets["client_secret"])
        assert (await rotated.answer(asked, door.desk)).status == 200


@pytest.mark.trap("shopify.old-address")
async def test_webhooks_are_installed_once_and_those_of_another_address_go(shop: Any) -> None:
    assert all(check.ok for check in await shop.front.install_webhooks("https://engate.example/a"))
    shop.calls()
    await shop.front.install_webhooks("https://engate.example/a")
    assert shop.calls() == ["webhookSubscriptions"]
    await shop.front.install_webhooks("https://engate.example/b")
    calls = shop.calls()
    assert calls.count("webhookSubscriptionCreate") == calls.count("webhookSubscriptionDelete") == 6


async def test_without_the_secret_it_is_said_and_nothing_is_subscribed(shop: Any) -> None:
    async with AsyncExitStack() as stack:
        front = await shop.connect(stack, client_secret="", client_id="")
        [check] = await front.install_webhooks("https://engate.example/a")
    assert not check.ok and "chave secreta" in check.text.pt and "chave secreta" in check.hint.pt
    assert "POST graphql webhookSubscriptionCreate" not in (await shop.api.look("ledger"))["by_operation"]
