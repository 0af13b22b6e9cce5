"""The HTTP client every plugin uses, and the only place that imports an HTTP library.

What it promises: no silent resend; errors are exactly `NotSent` or `Unknown` (or a definite answer); safe calls are retried with a
doubling pause, unsafe ones only when the platform certainly did not process them; one login at a time however many calls need it;
every call inside the governor; nothing secret in an exception or a log.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, Protocol, TypeVar
from urllib.parse import urlencode

import aiohttp
import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport

from engate.clock import Clock
from engate.errors import Answered, AuthFailed, EngateError, NotSent, RateLimited, Unavailable, Unknown
from engate.limits import Budget, Governor, Rate
from engate.text import Text

T = TypeVar("T")
WireRequest = httpx.Request
WireResponse = httpx.Response
"""What a transport is given and gives, for those who watch one."""
ATTEMPTS = 5
PAUSE = 0.2
"""Seconds before the first retry, doubling."""
LONGEST_WAIT = 30.0
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
_SECRET = re.compile(
    r'("?(?:senha|password|token|access_?token|app_?token|app_?key|secret|authorization|api_?key|refresh_?token|login)"?\s*[:=]\s*)'
    r'("(?:[^"\\]|\\.)*"?|(?:bearer|basic)\s+[^\s,;&}]+|[^\s,;&}]+)',
    re.IGNORECASE,
)
_TAGS = re.compile(r"(?:<[^>]+>|\s)+")


def redacted(body: bytes, limit: int = 300) -> str:
    """A short, single-line excerpt of an answer with anything that looks like a credential blanked."""
    text = _TAGS.sub(" ", body[:4000].decode("utf-8", "replace")).strip()
    return _SECRET.sub(r"\1***", text)[:limit]


class Transport(AiohttpTransport):
    """httpx over aiohttp that never resends by itself and tells "not sent" from "unknown".

    As shipped, a POST whose connection is closed or reset raises ConnectTimeout, like a refused one, and aiohttp silently resends PUT and
    DELETE on a reused connection that died: both would double an effect.
    """

    def __init__(self, *, limit: int = 256, keepalive: float = 15.0) -> None:
        def session() -> aiohttp.ClientSession:
            connector = aiohttp.TCPConnector(limit=limit, keepalive_timeout=keepalive, ttl_dns_cache=300)
            made = aiohttp.ClientSession(connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar())
            made._retry_connection = False  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]  # no public switch; a test pins it
            return made

        super().__init__(client=session)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except (httpx.TransportError, aiohttp.ClientError) as error:
            cause = error if isinstance(error, aiohttp.ClientError) else error.__cause__
            if isinstance(cause, _NOT_SENT):
                raise httpx.ConnectError("not sent", request=request) from None
            if isinstance(cause, asyncio.TimeoutError):
                raise httpx.ReadTimeout("timed out", request=request) from None
            raise httpx.RemoteProtocolError(type(cause).__name__, request=request) from None


class Token(msgspec.Struct, frozen=True):
    """A session at the platform: `value` is secret; `expires_at` aware, None where the platform does not say."""

    value: str
    expires_at: datetime | None = None


class Auth(Protocol):
    """A platform with sessions. (Credentials that travel with every call are simply `headers` of the client.)"""

    async def login(self, http: Http) -> Token:
        """A new session, by `http.plain(...)`: called by one renewer at a time. `AuthFailed` where the credentials are wrong."""
        ...

    def headers(self, token: Token) -> Mapping[str, str]: ...


class Tokens(Protocol):
    """Where a session lives between processes, with compare-and-set on its generation (`engate.store.tokens`)."""

    async def load(self) -> tuple[int, Token | None]: ...

    async def replace(self, seen: int, login: Callable[[], Any]) -> Token: ...


class Journal(Protocol):
    """Told of every call that ended: method, path template, status (0 = none), seconds."""

    def note(self, method: str, operation: str, status: int, seconds: float) -> None: ...


class Services:
    """What the engine lends a connection's clients. `account` names it in logs and metrics."""

    def __init__(
        self,
        *,
        account: str,
        clock: Clock,
        transport: httpx.AsyncBaseTransport,
        tokens: Tokens,
        journal: Journal,
        connection_id: int | None = None,
        budget: Budget | None = None,
        pause: float = PAUSE,
    ) -> None:
        self.budget, self.pause = budget, pause
        self.connection_id = connection_id
        self.account, self.clock, self.transport, self.tokens, self.journal = account, clock, transport, tokens, journal


class Response:
    """A definite 2xx answer (or one of the statuses the caller expected)."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: httpx.Headers, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def json(self, kind: type[T] | Any = Any) -> Any:
        """The body decoded as `kind`; a body of another shape is `Unavailable` (the platform did not keep its contract)."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.DecodeError as error:
            raise Unavailable(
                Text(f"Resposta fora do contrato: {error}", f"Answer outside the contract: {error}"),
                Text("Tente de novo; se persistir, avise o suporte da plataforma.", "Try again; if it lasts, tell the platform's support."),
                code="contract",
            ) from None

    @property
    def date(self) -> datetime | None:
        """The server's own clock, from its `Date` header."""
        stamp = self.headers.get("date")
        try:
            return parsedate_to_datetime(stamp) if stamp else None
        except ValueError:
            return None


class Http:
    """Calls to one host of one account."""

    def __init__(
        self,
        services: Services,
        base_url: str,
        *,
        auth: Auth | None,
        rates: dict[str, Rate],
        at_once: int,
        timeout: float,
        headers: Mapping[str, str],
    ) -> None:
        self._services = services
        self._base = base_url.rstrip("/")
        self._auth = auth
        self.governor = Governor(rates, at_once, account=services.account, budget=services.budget)
        self._timeout = {"connect": min(timeout, 10.0), "read": timeout, "write": timeout, "pool": timeout}
        self._headers = dict(headers)
        self._token: Token | None = None
        self._generation = -1
        self._renewing = asyncio.Lock()

    async def call(
        self,
        method: str,
        path: str,
        *,
        operation: str = "",
        groups: tuple[str, ...] = (),
        params: Mapping[str, Any] | None = None,
        body: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        safe: bool | None = None,
        expect: tuple[int, ...] = (),
        media: str = "application/json",
    ) -> Response:
        """One call. `operation`: the path template for metrics. `body`: encoded as JSON. `safe` (default: GET, HEAD, PUT, DELETE):
        repeating it changes nothing more, so it is retried on anything passing. `expect`: other statuses to hand back instead of raising.
        `media`: what the answer must be; "" = anything but HTML (a page from a proxy is never a success).

        Raises AuthFailed, RateLimited, NotSent, Unavailable, Unknown (unsafe calls only) or Answered (a 4xx).
        """
        repeatable = method in ("GET", "HEAD", "PUT", "DELETE") if safe is None else safe
        operation = operation or path
        if content is None and body is not None:
            content = msgspec.json.encode(body)
        url = self._base + path + ("?" + urlencode(params, safe=",") if params else "")
        try:
            return await self._attempts(method, url, operation, groups, content, headers, repeatable, expect, media)
        except EngateError as error:
            error.connection_id = self._services.connection_id
            raise

    async def _attempts(
        self,
        method: str,
        url: str,
        operation: str,
        groups: tuple[str, ...],
        content: bytes | None,
        headers: Mapping[str, str] | None,
        repeatable: bool,
        expect: tuple[int, ...],
        media: str,
    ) -> Response:
        attempt = 0
        renewed = False
        while True:
            attempt += 1
            try:
                generation, token = await self._session()
                response = await self._once(method, url, operation, groups, token, content, headers)
                if (
                    response.status in (401, 403)
                    and response.status not in expect
                    and self._auth is not None
                    and token is not None
                    and not renewed
                ):
                    renewed = True
                    await self._renew(generation)
                    attempt -= 1
                    continue
                return self._judge(response, method, operation, groups, expect, media, repeatable)
            except RateLimited as error:
                self.governor.refused(groups or (operation,), error.retry_after)
                if attempt >= ATTEMPTS:
                    raise
                await asyncio.sleep(_pause(self._services.pause, attempt, error.retry_after))
            except AuthFailed:
                raise
            except (NotSent, Unknown) as error:
                if attempt >= ATTEMPTS or not (repeatable or isinstance(error, NotSent)):
                    raise
                await asyncio.sleep(_pause(self._services.pause, attempt, None))

    async def plain(self, method: str, path: str, *, body: object = None, headers: Mapping[str, str] | None = None) -> Response:
        """One call without a session and without a retry, whatever the status: for a login, where a wrong try may lock a user."""
        content = msgspec.json.encode(body) if body is not None else None
        return await self._once(method, self._base + path, path, (), None, content, headers)

    # ---- one exchange ----

    async def _once(
        self,
        method: str,
        url: str,
        operation: str,
        groups: tuple[str, ...],
        token: Token | None,
        content: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> Response:
        sent = {"accept": "application/json", **self._headers}
        if content is not None or "content-type" not in sent:
            sent["content-type"] = "application/json"
        if self._auth is not None and token is not None:
            sent.update(self._auth.headers(token))
        if headers:
            sent.update(headers)
        request = httpx.Request(method, url, headers=sent, content=content or b"", extensions={"timeout": self._timeout})
        await self.governor.enter(groups)
        started = time.perf_counter()
        status = 0
        try:
            answer = await self._services.transport.handle_async_request(request)
            try:
                body = await answer.aread()
            finally:
                await answer.aclose()
            status = answer.status_code
            return Response(status, answer.headers, body)
        except httpx.ConnectError:
            raise Unavailable(
                Text(f"Sem conexão com a plataforma ({method} {operation}).", f"No connection to the platform ({method} {operation})."),
                Text("Verifique o endereço e se o serviço está no ar.", "Check the address and whether the service is up."),
                code="unreachable",
            ) from None
        except (httpx.TransportError, httpx.StreamError, httpx.DecodingError) as error:
            raise _unknown(method, operation, type(error).__name__) from None
        finally:
            self.governor.leave()
            self._services.journal.note(method, operation, status, time.perf_counter() - started)

    def _judge(
        self,
        response: Response,
        method: str,
        operation: str,
        groups: tuple[str, ...],
        expect: tuple[int, ...],
        media: str,
        repeatable: bool,
    ) -> Response:
        """A definite answer, or the error it amounts to."""
        status = response.status
        if status == 429:
            raise RateLimited(
                Text(f"Limite de chamadas atingido ({method} {operation}).", f"Rate limit reached ({method} {operation})."),
                retry_after=_seconds(response.headers.get("retry-after")),
            )
        html = "html" in response.headers.get("content-type", "")
        if status in expect and not html:
            return response
        if 200 <= status < 300:
            if not response.body or (not html and media in response.headers.get("content-type", media)):
                self.governor.went_well(groups)
                return response
            self._doubtful(method, operation, f"{status} {'HTML' if html else 'unexpected media'}", repeatable)
        if status in (401, 403):
            raise AuthFailed(
                Text(
                    f"A plataforma recusou as credenciais ({status} em {operation}).",
                    f"The platform refused the credentials ({status} at {operation}).",
                ),
                Text(
                    "Renove as credenciais da conexão ou dê a permissão que falta.",
                    "Renew the connection's credentials or grant the missing role.",
                ),
                code="auth_failed" if status == 401 else "forbidden",
            )
        if status in (408, 423, 425) or status >= 500 or html:
            if status in (423, 425):
                raise NotSent(Text(f"Recurso ocupado ({operation}).", f"Resource locked ({operation})."), code="locked")
            self._doubtful(method, operation, str(status), repeatable)
        raise Answered(method, operation, status, response.body, redacted(response.body))

    def _doubtful(self, method: str, operation: str, what: str, repeatable: bool) -> NoReturn:
        if repeatable and method in ("GET", "HEAD"):
            raise Unavailable(Text(f"Plataforma indisponível ({what} em {operation}).", f"Platform unavailable ({what} at {operation})."))
        raise _unknown(method, operation, what)

    # ---- one renewer ----

    async def _session(self) -> tuple[int, Token | None]:
        if self._auth is None:
            return self._generation, None
        token = self._token
        if token is None or _expired(token, self._services.clock):
            await self._renew(self._generation)
        return self._generation, self._token

    async def _renew(self, seen: int) -> None:
        """Logs in once, however many calls in however many processes found the session dead."""
        assert self._auth is not None
        async with self._renewing:
            if self._generation != seen:
                return
            generation, token = await self._services.tokens.load()
            if token is None or generation == seen or _expired(token, self._services.clock):
                auth = self._auth
                made = await self._services.tokens.replace(generation, lambda: auth.login(self))
                generation, token = (await self._services.tokens.load())[0], made
            self._generation, self._token = generation, token


def _expired(token: Token, clock: Clock) -> bool:
    return token.expires_at is not None and token.expires_at <= clock.now()


def _unknown(method: str, operation: str, what: str) -> EngateError:
    return Unknown(
        Text(
            f"Sem resposta certa da plataforma ({what} em {method} {operation}).",
            f"No certain answer from the platform ({what} at {method} {operation}).",
        ),
        Text("O engate confere antes de reenviar.", "engate looks before sending again."),
    )


def _pause(first: float, attempt: int, retry_after: float | None) -> float:
    if retry_after is not None:
        return min(LONGEST_WAIT, retry_after)
    return min(LONGEST_WAIT, first * 2**attempt) * random.uniform(0.75, 1.25)


def _seconds(value: str | None) -> float | None:
    try:
        return max(0.0, float(value)) if value else None
    except ValueError:
        return None
