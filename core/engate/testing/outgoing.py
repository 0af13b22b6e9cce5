"""The one HTTP client of the sandboxes: what a platform sends out by itself (webhooks, questions), never what a plugin asks.

An address that cannot be reached, or is too slow, is `None`: the platform tries again later.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Self

import aiohttp

TIMEOUT = 5.0
"""Seconds from the first attempt to connect to the last byte of the answer."""


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
