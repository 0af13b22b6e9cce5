"""What a sandbox sends out by itself: the status, or nothing where nobody answered in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from engate.testing.outgoing import Outgoing


class House:
    def __init__(self) -> None:
        self.url = ""
        self.got: list[tuple[bytes, str]] = []
        self.leave = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((await request.read(), request.headers["X-Mark"]))
        return web.Response(status=int(request.query.get("status", "200")), headers={"Location": "/elsewhere"}, text="said")

    async def sleep(self, request: web.Request) -> web.Response:
        del request
        await self.leave.wait()
        return web.Response()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    app = web.Application()
    app.router.add_post("/take", made.take)
    app.router.add_post("/sleep", made.sleep)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    made.leave.set()
    await runner.cleanup()


@pytest.mark.parametrize("status", [200, 302, 410, 503])
async def test_bytes_and_headers_arrive_as_they_are_and_the_status_comes_back(house: House, status: int) -> None:
    async with Outgoing() as outgoing:
        assert await outgoing.post(f"{house.url}/take?status={status}", b'{"a": 1 }', {"X-Mark": "m"}) == status
    assert house.got == [(b'{"a": 1 }', "m")]  # a redirect is not followed


@pytest.mark.parametrize("status", [200, 302, 503])
async def test_a_question_gets_the_whole_answer(house: House, status: int) -> None:
    async with Outgoing() as outgoing:
        told = await outgoing.exchange(f"{house.url}/take?status={status}", b"x", {"X-Mark": "m"})
    assert told is not None
    assert (told.status, told.body, told.headers["location"]) == (status, b"said", "/elsewhere")


async def test_nobody_answers(house: House) -> None:
    async with Outgoing(timeout=0.1) as outgoing:
        assert await outgoing.post(f"{house.url}/sleep", b"", {}) is None
        assert await outgoing.post("http://127.0.0.1:1/", b"", {}) is None
        assert await outgoing.post("nowhere", b"", {}) is None
        assert await outgoing.exchange(f"{house.url}/sleep", b"", {}) is None
        assert await outgoing.exchange("http://127.0.0.1:1/", b"", {}) is None
