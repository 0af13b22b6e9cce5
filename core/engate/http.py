"""The HTTP client every plugin uses, and the only place that imports an HTTP library.

It guarantees: no silent resend; errors are exactly `NotSent` or `Unknown` (or a definite answer); safe calls are retried with a
doubling pause, unsafe ones only when the platform certainly did not process them; one login at a time however many calls need it;
every call within the governor; no secret in an exception or a log.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, Protocol, cast
from urllib.parse import urlencode

import aiohttp
import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport

from engate import answers, bodies
from engate.address import wrong_base, wrong_path
from engate.answers import Call, Response
from engate.bodies import MOST_BYTES, MOST_LINE
from engate.calls import Exchange, Listener
from engate.clock import Clock
from engate.errors import AuthFailed, EngateError, Forbidden, Invalid, NotSent, RateLimited, Unknown
from engate.limits import Budget, Governor, Meter, Rate
from engate.logs import say
from engate.streams import Body, Content
from engate.text import Text

WireRequest = httpx.Request
WireResponse = httpx.Response
"""The transport's request and answer, for code that observes one."""
ATTEMPTS = 5
PAUSE = 0.2
"""Seconds before the first retry, doubling."""
LONGEST_WAIT = 30.0
DEADLINE = 120.0
"""Seconds a platform may take for one call, all attempts together."""
FINAL = frozenset({"too_large", "too_slow"})
"""Codes of errors that a retry would only repeat."""
PLAIN = frozenset({"accept", "accept-encoding", "accept-language", "content-type", "user-agent"})
"""Headers that hold no credentials."""
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


@cache
def _tls() -> ssl.SSLContext:
    """One for each process: reading the system's certificates takes longer than ten calls."""
    return ssl.create_default_context()


class Transport(AiohttpTransport):
    """httpx over aiohttp that never resends by itself and tells "not sent" from "unknown".

    As shipped, a POST whose connection is closed or reset raises ConnectTimeout, like a refused one, and aiohttp silently resends PUT and
    DELETE on a reused connection that died: both would double an effect.
    """

    def __init__(self, *, limit: int = 256, keepalive: float = 15.0) -> None:
        def session() -> aiohttp.ClientSession:
            connector = aiohttp.TCPConnector(limit=limit, keepalive_timeout=keepalive, ttl_dns_cache=300, ssl=_tls())
            made = aiohttp.ClientSession(connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar())
            made._retry_connection = False  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]  # no public switch; a test pins it
            return made

        super().__init__(verify=_tls(), client=session)

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


def body_of(request: WireRequest) -> bytes:
    """The request's body; empty for a streamed one, because reading would consume it."""
    try:
        return request.content
    except httpx.RequestNotRead:
        return b""


def unread(answer: WireResponse, body: bytes) -> WireResponse:
    """The same answer with its body unread again."""
    headers = [(name, value) for name, value in answer.headers.raw if name.lower() not in (b"content-encoding", b"transfer-encoding")]
    return httpx.Response(answer.status_code, headers=headers, stream=httpx.ByteStream(body))


class Token(msgspec.Struct, frozen=True):
    """A session at the platform: `value` is secret; `expires_at` aware, None where the platform does not say. Give it a minute early,
    so that no session ends during a call."""

    value: str
    expires_at: datetime | None = None


class Auth(Protocol):
    """A platform with sessions: `context.http(..., auth=Login(settings, context.clock))`. (Credentials sent with every call are
    simply `headers` of the client.) Any object with these two methods is one.

        class Login:
            def __init__(self, settings, clock):
                self._settings, self._clock = settings, clock

            async def login(self, http):
                body = {"id": self._settings.client_id, "secret": self._settings.client_secret.reveal()}
                answer = await http.plain("POST", "/token", body=body)
                if answer.status == 429:
                    raise RateLimited(Text("Limite de chamadas.", "Rate limit."), retry_after=float(answer.headers.get("retry-after", "5")))
                if 400 <= answer.status < 500:
                    raise AuthFailed(Text("A chave foi recusada.", "The key was refused."), Text("Gere outra chave.", "Make another key."))
                if answer.status != 200 or answer.html:
                    raise Unavailable(Text("O login não abriu a sessão.", "The login opened no session."))
                granted = answer.json(Granted)
                return Token(granted.access_token, self._clock.now() + timedelta(seconds=granted.expires_in - 60))

            def headers(self, token):
                return {"authorization": f"Bearer {token.value}"}
    """

    async def login(self, http: Http) -> Token:
        """A new session, by `http.plain(...)`, whose statuses it judges itself: `AuthFailed` where the credentials are wrong (a person
        has to renew them), `RateLimited` or `Unavailable` for what passes. Called by one renewer at a time: when there is no token, when
        its `expires_at` is over, and after a 401. A login whose answer is lost counts as `Unavailable`: its call was not sent.
        Where wrong tries lock the user, keep a refusal with `engate.refusals.Refused`.
        """
        ...

    def headers(self, token: Token) -> Mapping[str, str]:
        """Headers of each call, besides the client's own `headers`."""
        ...


class Tokens(Protocol):
    """Stores a session for all processes, with compare-and-set on its generation (`engate.store.tokens`)."""

    async def load(self) -> tuple[int, Token | None]: ...

    async def replace(self, seen: int, login: Callable[[], Any]) -> Token: ...


class Journal(Protocol):
    """Told of every call that ended: method, path template, status (0 = none), seconds."""

    def note(self, method: str, operation: str, status: int, seconds: float) -> None: ...


@dataclass(kw_only=True, eq=False, repr=False)
class Services:
    """What the engine gives a connection's clients. `account`: its name in logs and metrics. `deadline`: a test's own, for every call.
    `calls`: is told of every exchange."""

    account: str
    clock: Clock
    transport: httpx.AsyncBaseTransport
    tokens: Tokens
    journal: Journal
    connection_id: int | None = None
    budget: Budget | None = None
    pause: float = PAUSE
    deadline: float | None = None
    calls: Listener | None = None


Judge = Callable[[Response], "Literal['renew'] | EngateError | None"]
"""A plugin's own judgement of an answer that is no HTML, called before it is returned: None where the status is enough, "renew" where the
session has ended and nothing was done, else the error that the answer means (`RateLimited` stops the call's groups like a 429)."""

MeterOf = Callable[[Response], Meter | None]
"""Reads the credits of the call's groups from an answer, called first; None: the answer does not tell them."""


class Terms(msgspec.Struct, frozen=True):
    """How a client behaves: see `engate.context.Context.http`."""

    auth: Auth | None = None
    rates: Mapping[str, Rate] = {}
    at_once: int = 32
    timeout: float = 30.0
    deadline: float = DEADLINE
    most_bytes: int = MOST_BYTES
    headers: Mapping[str, str] = {}
    judge: Judge | None = None
    meter: MeterOf | None = None


class _Spent:
    """Seconds that the platform has used for one call; intended waits do not count. `exchange`: the one under way."""

    exchange: Exchange

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = 0.0

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.monotonic() - self._since


class _Flow:
    """An answer whose body is read while it comes, after the call has returned: its exchange ends with the body."""

    answer: WireResponse | None = None
    since: float = 0.0
    cost: float = 0.0
    exchange: Exchange | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, *raised: Any) -> None:
        if self.exchange is not None:
            self.exchange.__exit__(*raised)


class Http:
    """Calls to one host of one account."""

    def __init__(self, services: Services, base_url: str, terms: Terms) -> None:
        wrong = wrong_base(base_url)
        if wrong is None and "?" in base_url:
            wrong = Text("O endereço não pode ter '?'.", "The address must not hold a '?'.")
        if wrong is not None:
            raise Invalid(wrong, Text("Corrija o endereço da conexão.", "Correct the connection's address."), code="address")
        self._services = services
        self._base = base_url.rstrip("/")
        self._origin = _origin(httpx.URL(self._base))
        self._auth, self._judge, self._meter = terms.auth, terms.judge, terms.meter
        self.governor = Governor(
            dict(terms.rates), terms.at_once, account=services.account, budget=services.budget, metered=terms.meter is not None
        )
        timeout = terms.timeout
        self._timeout = {"connect": min(timeout, 10.0), "read": timeout, "write": timeout, "pool": timeout}
        self._deadline, self._most_bytes = services.deadline or max(terms.deadline, timeout), terms.most_bytes
        self._headers = {"accept": "application/json", "accept-encoding": bodies.ENCODINGS, **terms.headers}
        self._hide(terms.headers)
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
        cost: float = 1.0,
        params: Mapping[str, Any] | None = None,
        body: object = None,
        content: Content | None = None,
        headers: Mapping[str, str] | None = None,
        safe: bool | None = None,
        expect: tuple[int, ...] = (),
        media: str = "application/json",
    ) -> Response:
        """One call. `path`: begins with "/" and stays on the client's host. `operation`: the path template for metrics and messages.
        `cost`: credits it takes from each group (where a platform counts cost, the most it may take; the rest is given back, see `Meter`).
        `params`: a list repeats its name, None is left out. `body`: encoded as JSON. `safe` (default: GET, HEAD, PUT, DELETE):
        repeating it has no further effect, so it is retried after temporary failures. `expect`: other statuses to return instead of
        raising, whatever their body (`Response.html` shows a proxy's page). `media`: what a 2xx must be; "" = anything but HTML.
        `content`: the body as it is; a file or an iterator is sent as it comes, however large (see `engate.streams`; an iterator can be
        sent once, so such a call is not retried).

        Raises AuthFailed, Forbidden (403), RateLimited, NotSent, Unavailable, Unknown (not of a reading) or Answered (any other 4xx).
        """
        call = Call(
            method,
            self._url(path, params),
            operation or path,
            method in ("GET", "HEAD", "PUT", "DELETE") if safe is None else safe,
            groups,
            msgspec.json.encode(body) if content is None and body is not None else _content(content),
            headers or {},
            expect,
            media,
            cost,
        )
        try:
            return await self._attempts(call)
        except EngateError as error:
            error.connection_id = self._services.connection_id
            raise

    async def lines(
        self,
        method: str,
        path: str,
        *,
        operation: str = "",
        groups: tuple[str, ...] = (),
        cost: float = 1.0,
        params: Mapping[str, Any] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        most_line: int = MOST_LINE,
    ) -> AsyncGenerator[bytes]:
        """The lines of an answer of any length (NDJSON), as they come, without empty ones. It may take any time, as long as data comes
        within the client's `timeout`. Only for reads: a failure before the first line is retried. Close it (`aclosing`) where you may leave
        early.
        """
        content = msgspec.json.encode(body) if body is not None else None
        call = Call(method, self._url(path, params), operation or path, True, groups, content, headers or {}, cost=cost, media="")
        flow = _Flow()
        try:
            with flow:
                try:
                    await self._attempts(call, flow)
                    assert flow.answer is not None
                    async with aclosing(flow.answer) as answer:
                        encoding = answer.headers.get("content-encoding", "")
                        async for line in bodies.lines(answer.aiter_raw(), encoding, most_line):
                            yield line
                except bodies.TooLarge:
                    raise answers.too_large(call, most_line) from None
                except (httpx.TransportError, httpx.StreamError, bodies.Undecodable) as error:
                    raise answers.doubt(call, type(error).__name__) from None
                finally:
                    self._flown(call, flow)
        except EngateError as error:
            error.connection_id = self._services.connection_id
            raise

    async def _attempts(self, call: Call, flow: _Flow | None = None) -> Response:
        attempt = renewals = 0
        spent = _Spent()
        turn = self.governor.turn()
        while True:
            attempt += 1
            waits = False
            try:
                with spent:
                    generation, token = await self._session()
                spent.exchange = Exchange(self._services.calls, call, attempt)
                with spent.exchange:
                    response, meter = await self._once(call, token, spent, turn, flow)
                    if flow is not None and flow.answer is not None:
                        return response  # its body is still to come: only the status is judged
                    if meter is not None and meter.refused:
                        waits = self.governor.paced(call.groups)
                        call = answers.dearer(call, meter.asked)
                        raise answers.throttled(call)
                    verdict = self._verdict(call, response)
                    if verdict is None:
                        if response.status not in call.expect:
                            self.governor.went_well(call.groups)
                        return response
                    if verdict != "renew":
                        raise verdict
                    if token is None:
                        raise answers.refused(call, response.status)
                    spent.exchange.session_over = True
                renewals += 1
                if renewals > 1 and (attempt >= ATTEMPTS or spent.seconds >= self._deadline):
                    raise answers.session_taken(call)
                with spent:
                    await self._renew(generation)
                if not call.again:
                    raise answers.sent_once(call)
                if renewals == 1:
                    attempt -= 1  # the first renewal of a session is no failed attempt
                    continue
                raise answers.session_taken(call)
            except (AuthFailed, Forbidden):
                raise
            except RateLimited as error:
                if not waits:
                    self.governor.refused(call.groups or (call.operation,), error.retry_after)
                if attempt >= ATTEMPTS or not call.again:
                    raise
                if not waits:  # else it waits for credits in its old place
                    await asyncio.sleep(_pause(self._services.pause, attempt, error.retry_after))
            except (NotSent, Unknown) as error:
                again = error.code not in FINAL and call.again and attempt < ATTEMPTS and spent.seconds < self._deadline
                if not again or not (call.safe or isinstance(error, NotSent)):
                    raise
                await asyncio.sleep(_pause(self._services.pause, attempt, None))

    async def plain(self, method: str, path: str, *, body: object = None, headers: Mapping[str, str] | None = None) -> Response:
        """One call without session and retry: for a login, where a wrong try may lock a user. The answer is returned whatever its status
        and body. It counts against no rate group. Raises `Unavailable` where the platform cannot be reached; where no answer came,
        `Unavailable` for a GET and `Unknown` for other methods.
        """
        content = msgspec.json.encode(body) if body is not None else None
        call = Call(method, self._url(path, None), path, method in ("GET", "HEAD"), content=content, headers=headers or {})
        spent = _Spent()
        spent.exchange = Exchange(self._services.calls, call, login=True)
        with spent.exchange:
            response, _ = await self._once(call, None, spent, self.governor.turn())
        return response

    # ---- one exchange ----

    def _url(self, path: str, params: Mapping[str, Any] | None) -> httpx.URL:
        """The URL below the client's base. Raises for other paths, which may come from a setting or another system's data."""
        wrong = wrong_path(path)
        if wrong is not None:
            raise _elsewhere(wrong)
        url = f"{self._base}{path}"
        if params:
            given = [(name, each) for name, value in params.items() for each in _each(value) if each is not None]
            url += ("&" if "?" in path else "?") + urlencode(given, safe=",") if given else ""
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:
            raise _elsewhere(Text("O caminho não é válido.", "The path is not valid.")) from None
        if _origin(parsed) != self._origin:
            raise _elsewhere(Text("O caminho leva a outro endereço.", "The path leads to another address."))
        return parsed

    async def _once(
        self, call: Call, token: Token | None, spent: _Spent, turn: int, flow: _Flow | None = None
    ) -> tuple[Response, Meter | None]:
        sent = dict(self._headers)
        if call.content is not None or "content-type" not in sent:
            sent["content-type"] = "application/json"
        if self._auth is not None and token is not None:
            sent.update(self._auth.headers(token))
        sent.update(call.headers)
        content = call.content.pieces() if isinstance(call.content, Body) else call.content or b""
        if isinstance(call.content, Body) and call.content.size is not None:
            sent["content-length"] = str(call.content.size)
        request = httpx.Request(call.method, call.url, headers=sent, content=content, extensions={"timeout": self._timeout})
        await self.governor.enter(call.groups, call.cost, turn)
        started = time.perf_counter()
        status = 0
        meter: Meter | None = None
        limit = asyncio.timeout(max(0.0, self._deadline - spent.seconds))
        try:
            with spent:
                async with limit:
                    answer = await self._services.transport.handle_async_request(request)
                    headers = answers.Headers(answer.headers.raw)
                    if flow is not None and 200 <= answer.status_code < 300 and "html" not in headers.get("content-type", ""):
                        flow.answer, flow.since, flow.cost, flow.exchange = answer, started, call.cost, spent.exchange
                        return Response(answer.status_code, headers, b""), None
                    async with aclosing(answer):
                        body = await bodies.read(answer.aiter_raw(), headers.get("content-encoding", ""), self._most_bytes)
            status = answer.status_code
            response = spent.exchange.response = Response(status, headers, body)
            meter = self._metered(response)
            return response, meter
        except httpx.ConnectError:
            raise answers.unreachable(call) from None
        except bodies.TooLarge:
            raise answers.too_large(call, self._most_bytes) from None
        except TimeoutError:
            if not limit.expired():
                raise
            raise answers.too_slow(call, self._deadline) from None
        except (httpx.TransportError, httpx.StreamError, bodies.Undecodable) as error:
            raise answers.doubt(call, type(error).__name__) from None
        finally:
            if flow is None or flow.answer is None:
                self.governor.leave(call.groups, call.cost, meter, answered=status != 0)
                seconds = spent.exchange.seconds = time.perf_counter() - started
                self._services.journal.note(call.method, call.operation, status, seconds)

    def _flown(self, call: Call, flow: _Flow) -> None:
        """The body of a streamed answer has ended, in whatever way."""
        if flow.answer is None or flow.exchange is None:
            return
        self.governor.leave(call.groups, flow.cost, answered=False)  # its credits were not read
        seconds = flow.exchange.seconds = time.perf_counter() - flow.since
        flow.exchange.response = Response(flow.answer.status_code, answers.Headers(flow.answer.headers.raw), b"")
        self._services.journal.note(call.method, call.operation, flow.answer.status_code, seconds)

    def _hide(self, headers: Mapping[str, str]) -> None:
        """Hides credentials in these headers from logs and the journal of calls."""
        if self._services.calls is not None:
            self._services.calls.hide(*(value for name, value in headers.items() if name.lower() not in PLAIN))

    def _metered(self, response: Response) -> Meter | None:
        """The credits of an answer; None where its shape is unknown to the plugin (the verdict on it is separate)."""
        if self._meter is None:
            return None
        try:
            return self._meter(response)
        except Exception as error:
            say("meter_failed", account=self._services.account, error=type(error).__name__)
            return None

    def _verdict(self, call: Call, response: Response) -> EngateError | Literal["renew"] | None:
        """None: it is a definite answer; "renew": the session has ended and nothing was done; else the error that it means."""
        if self._judge is not None and not response.html:
            try:
                said = self._judge(response)
            except Exception as error:
                if response.status < 500 and response.status != 429:  # a shape unknown to the judge: there may have been an effect
                    return answers.doubt(call, f"{response.status}, {type(error).__name__}")
                said = None  # a gateway's answer: the status is enough
            if said is not None:
                return said
        if response.status == 401 and response.status not in call.expect:
            return "renew"
        return answers.problem(call, response)

    # ---- one renewer ----

    async def _session(self) -> tuple[int, Token | None]:
        if self._auth is None:
            return self._generation, None
        token = self._token
        if token is None or _expired(token, self._services.clock):
            await self._renew(self._generation)
        return self._generation, self._token

    async def _renew(self, seen: int) -> None:
        """Logs in once, however many calls in however many processes found the session ended."""
        assert self._auth is not None
        async with self._renewing:
            if self._generation != seen:
                return
            generation, token = await self._services.tokens.load()
            if token is None or generation == seen or _expired(token, self._services.clock):
                auth = self._auth
                made = await self._services.tokens.replace(generation, lambda: self._login(auth))
                generation, token = (await self._services.tokens.load())[0], made
            self._generation, self._token = generation, token
            self._hide({"": token.value, **self._auth.headers(token)})

    async def _login(self, auth: Auth) -> Token:
        """Logs in. If it fails, the call that needs it was certainly not sent, so it is retried with another login."""
        try:
            return await auth.login(self)
        except Unknown as error:
            raise answers.no_session(error) from None


def _content(given: Content | None) -> bytes | Body | None:
    return given if given is None or isinstance(given, bytes) else Body(given)


def _expired(token: Token, clock: Clock) -> bool:
    return token.expires_at is not None and token.expires_at <= clock.now()


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _each(value: object) -> list[Any]:
    return [*cast("list[Any]", value)] if isinstance(value, list | tuple) else [value]


def _elsewhere(wrong: Text) -> NotSent:
    return NotSent(
        Text(f"Chamada não enviada. {wrong.pt}", f"Call not sent. {wrong.en}"),
        Text(
            "Corrija os caminhos nos ajustes do contrato da conexão; se não há nenhum, avise o autor do plugin.",
            "Correct the paths in the connection's contract overrides; if it has none, tell the plugin's author.",
        ),
        code="address",
    )


def _pause(first: float, attempt: int, retry_after: float | None) -> float:
    if retry_after is not None:
        return min(LONGEST_WAIT, retry_after)
    return min(LONGEST_WAIT, first * 2**attempt) * random.uniform(0.75, 1.25)
