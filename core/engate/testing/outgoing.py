"""The one HTTP client of the sandboxes: what a platform sends out by itself (webhooks, questions), never what a plugin asks.

An address that cannot be reached, or is too slow, is `None`: the platform tries again later.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

import aiohttp
from aiohttp import web

TIMEOUT = 5.0
"""Seconds from the first attempt to connect to the last byte of the answer."""
TURN = 1.0
"""Seconds of real time between two checks of what is due."""


class Told(NamedTuple):
    """An answer. `headers`: by their names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outgoing:
    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def exchange(self, url: str, body: bytes, headers: Mapping[str, str]) -> Told | None:
        """The whole answer to a POST, of a platform that asks; None where there was none in time."""
        assert self._session is not None, "use it as a context"
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                named = {name.lower(): value for name, value in answer.headers.items()}
                return Told(answer.status, named, await answer.read())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int | None:
        """The status of the answer; None where there was none in time. Redirects are not followed."""
        told = await self.exchange(url, body, headers)
        return told.status if told is not None else None


class Due(Protocol):
    """Something that a platform will send. `due`: on the sandbox's clock."""

    due: datetime


D = TypeVar("D", bound=Due)


class Pump(Generic[D]):
    """What a platform will send, each thing when it is due. Due things are sent at the same time: their order is not guaranteed.

    `send` puts things to try again back with another `due`. `waiting` may be replaced to take things back.
    """

    def __init__(self, now: Callable[[], datetime], send: Callable[[Outgoing, D], Awaitable[None]]) -> None:
        self._now, self._send = now, send
        self.waiting: list[D] = []
        self.outgoing: Outgoing | None = None
        self._woken: asyncio.Event | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    def put(self, *things: D) -> None:
        self.waiting += things
        self.wake()

    def wake(self) -> None:
        """Something may be due now."""
        if self._woken is not None:
            self._woken.set()

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """While the server listens (of aiohttp's `cleanup_ctx`)."""
        self._woken = asyncio.Event()
        async with Outgoing() as self.outgoing:
            pump = asyncio.create_task(self._run(self.outgoing, self._woken))
            yield
            pump.cancel()
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(pump, *self._under_way, return_exceptions=True)
        self.outgoing = self._woken = None

    async def _run(self, outgoing: Outgoing, woken: asyncio.Event) -> None:
        while True:
            woken.clear()
            now = self._now()
            due = [one for one in self.waiting if one.due <= now]
            self.waiting = [one for one in self.waiting if one.due > now]
            for one in due:
                task = asyncio.ensure_future(self._send(outgoing, one))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            try:
                await asyncio.wait_for(woken.wait(), TURN)
            except TimeoutError:
                continue
