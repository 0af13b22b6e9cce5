"""A connection outside any integration: for a plugin's own tests and the conformance suite."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from engate.clock import Clock, SystemClock
from engate.context import Context
from engate.hooks import Connection
from engate.http import Services, Token, Transport, WireRequest, WireResponse, body_of, unread
from engate.plugins import Manifest
from engate.settings import belongs, load
from engate.testing.contracts import Exchange
from engate.testing.facts import Description

QUICK = 0.01
"""Retries of a test do not wait."""
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of sandboxes, without encryption: otherwise every client reads the system's certificates, for 20 ms."""


class MemoryTokens:
    """The sessions of one process."""

    def __init__(self) -> None:
        self.generation, self.token = 0, None

    async def load(self) -> tuple[int, Token | None]:
        return self.generation, self.token

    async def replace(self, seen: int, login: Callable[[], Any]) -> Token:
        if seen == self.generation or self.token is None:
            self.token = await login()
            self.generation += 1
        return self.token


class CountingJournal:
    """Counts calls: (method, operation) -> how many, and the statuses in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, int]] = []

    def note(self, method: str, operation: str, status: int, seconds: float) -> None:
        del seconds
        self.calls.append((method, operation, status))


class ObservedTransport(Transport):
    """Reports every exchange that had an answer, if its URL is below `only`."""

    def __init__(self, on_exchange: Callable[[Exchange], None], *, only: str = "") -> None:
        super().__init__()
        self._on_exchange, self._only = on_exchange, only

    async def handle_async_request(self, request: WireRequest) -> WireResponse:
        answer = await super().handle_async_request(request)
        if str(request.url).startswith(self._only):
            body = await answer.aread()
            path = request.url.raw_path.decode()
            sent = body_of(request)
            self._on_exchange(Exchange(request.method, path, request.headers, sent, answer.status_code, answer.headers, body))
            return unread(answer, body)
        return answer


def values_of(manifest: Manifest, said: Description) -> dict[str, object]:
    """What a sandbox says of the connection that reaches it, its rates lifted: settings and secrets together. A name that is none of the
    manifest's, or stands in the wrong half, is `Invalid`, as it is to REST."""
    belongs(manifest.settings, (*said.settings, *said.unlimited), said.secrets)
    return {**said.settings, **said.unlimited, **said.secrets}


@asynccontextmanager
async def connected(
    manifest: Manifest,
    values: dict[str, object],
    *,
    clock: Clock | None = None,
    journal: CountingJournal | None = None,
    on_exchange: Callable[[Exchange], None] | None = None,
    deadline: float | None = None,
) -> AsyncGenerator[Connection]:
    """The platform's connection with these settings (secrets among them), over real HTTP. `on_exchange`: hears of every exchange.
    `deadline`: seconds that any call may take, less than the plugin's own."""
    transport = Transport() if on_exchange is None else ObservedTransport(on_exchange)
    services = Services(
        account=manifest.key,
        clock=clock or SystemClock(),
        transport=transport,
        tokens=MemoryTokens(),
        journal=journal or CountingJournal(),
        pause=QUICK,
        deadline=deadline,
    )
    async with transport:
        yield manifest.connection_class()(Context(load(manifest.settings, values), services))
