"""A client against servers that break: what the tests of the HTTP client share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from core.tests.raw_server import Answerer, Asked, RawServer, say

from engate.answers import Response
from engate.clock import ManualClock
from engate.errors import AuthFailed, Forbidden, RateLimited, Rejected
from engate.http import Http, Services, Terms, Token, Transport
from engate.testing.connect import CountingJournal, MemoryTokens
from engate.text import Text

DENIED = Forbidden(Text("sem acesso", "denied"), operation="products")
UNSAFE = ["POST", "PUT", "DELETE", "PATCH"]


class Sessions:
    """A platform with sessions: each login gives the next token."""

    def __init__(self, *, lasts: timedelta | None = None, clock: ManualClock | None = None) -> None:
        self.logins = 0
        self.refuses = False
        self._lasts, self._clock = lasts, clock

    async def login(self, http: Http) -> Token:
        self.logins += 1
        answer = await http.plain("POST", "/login", body={"password": "segredo"})
        if answer.status != 200:
            raise AuthFailed(Text("recusado", "refused"))
        expires = self._clock.now() + self._lasts if self._lasts and self._clock else None
        return Token(f"token-{self.logins}", expires)

    def headers(self, token: Token) -> Mapping[str, str]:
        return {"Authorization": token.value}


@asynccontextmanager
async def client(
    url: str,
    *,
    auth: Sessions | None = None,
    patience: float = 2.0,
    clock: ManualClock | None = None,
    tokens: MemoryTokens | None = None,
    **terms: Any,
) -> AsyncGenerator[Http]:
    async with Transport() as transport:
        services = Services(
            account="test", clock=clock or ManualClock(datetime(2026, 1, 1, tzinfo=UTC)), transport=transport,
            tokens=tokens or MemoryTokens(), journal=CountingJournal(), connection_id=7,
        )  # fmt: skip
        yield Http(services, url, Terms(auth=auth, timeout=patience, at_once=terms.pop("at_once", 64), **terms))


def answering(status: int, body: str = "{}", **headers: str) -> Answerer:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        return say(writer, status, body, **headers)

    return answer


def guarded(valid: Callable[[Asked], bool]) -> Answerer:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        if asked.path == "/login":
            return say(writer, 200)
        return say(writer, 200, "{}") if valid(asked) else say(writer, 401)

    return answer


def calls(server: RawServer, path: str) -> int:
    return sum(asked.path == path for asked in server.asked)


def graph(response: Response) -> Any:
    """As of a platform that answers everything with 200."""
    match response.json().get("error"):
        case "UNAUTHENTICATED":
            return "renew"
        case "THROTTLED":
            return RateLimited(Text("devagar", "slow down"), retry_after=0.05)
        case "FORBIDDEN":
            return DENIED
        case "NO":
            return Rejected(Text("não", "no"), code="no")
        case _:
            return None
