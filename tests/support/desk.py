"""A desk of which nothing may be asked: tests override what their plugin uses. A desk in memory; and an address that stands for ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from engate import Asked, Desk, Known, Placed, Reply, Sight, Whole, Wholes
from engate.door import ALL, NOTHING
from engate.model import Order, OrderEvent, ShopState


class Unasked(Desk):
    async def deliver(
        self, key: str, events: Sequence[OrderEvent] = (), changed: Mapping[str, Sequence[str]] = NOTHING, orders: Sequence[Order] = ()
    ) -> bool:
        raise AssertionError(key)

    async def changed(self, kind: str, keys: Sequence[str]) -> None:
        raise AssertionError((kind, keys))

    async def refuse(self, reason: str, *, keep: bool = True) -> Reply:
        raise AssertionError(reason)

    async def reject(self, key: str, why: str, body: bytes) -> None:
        raise AssertionError(key, why)

    async def products(self, page: int = 1, limit: int = 100, since: datetime | None = None, sight: Sight = ALL) -> Wholes:
        raise AssertionError(page)

    async def product(self, of: str | int, sight: Sight = ALL) -> Whole | None:
        raise AssertionError(of)

    async def having(self, ean: str, sight: Sight = ALL) -> tuple[Whole, ...]:
        raise AssertionError(ean)

    async def sku(self, id: int) -> str | None:
        raise AssertionError(id)

    async def place(self, order: Order) -> Placed | None:
        raise AssertionError(order.key)

    async def order_of_note(self, id: int) -> Known | None:
        raise AssertionError(id)

    async def move(self, key: str, state: ShopState, raw_state: str) -> bool:
        raise AssertionError(key)

    async def order(self, of: str | int) -> Known | None:
        raise AssertionError(of)


class Kept(Unasked):
    """Remembers the event of each delivery, and what was refused."""

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
    """Our address: hands every call to the plugin (`front` of the moment), as the engine does. `asked`: all of them."""

    def __init__(self, front: Callable[[], Any]) -> None:
        self.front, self.desk, self.asked, self.url = front, Kept(), list[Asked](), ""

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Asked(request.method, "", {}, headers, await request.read(), datetime.now(UTC)))
        reply = await self.front().answer(self.asked[-1], self.desk)
        return web.Response(status=reply.status, body=reply.body)

    async def opened(self, stack: AsyncExitStack) -> str:
        """Its URL."""
        app = web.Application()
        app.router.add_post("/{tail:.*}", self.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/in/1/a"
        return self.url

    async def until(self, heard: Callable[[], object]) -> None:
        """Of what a sandbox sends by itself."""
        for _ in range(3_000):
            if heard():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("nothing came")
