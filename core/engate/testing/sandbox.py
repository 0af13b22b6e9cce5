"""The base of every platform's sandbox: a real HTTP server with state, a clock, faults, a ledger and one control protocol.

A sandbox is written from the platform's contract (its FACTS), never from the plugin. It declares operations; this base routes them,
counts them in the ledger, injects faults and serves the control protocol under `/_sandbox/`:

    GET  describe | ledger | state | orders | health      POST seed | change | sell | cancel | progress | advance | faults | corrupt | reset
"""

from __future__ import annotations

import asyncio
import inspect
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from email.utils import format_datetime
from hashlib import blake2b
from typing import Any, ClassVar, Literal, NamedTuple, cast

import msgspec
from aiohttp import web

from engate.clock import ManualClock, ShiftedClock
from engate.testing.facts import Change, Description, Fault, Ledger, OrderState, Sale, Seed, SkuState

JSON = "application/json"
MAX_BODY = 64 * 1024 * 1024  # a seed of 30,000 products


class Answer(NamedTuple):
    """What an operation answers. `body`: bytes as they are, str as text where `content_type` is no JSON, anything else as JSON (None =
    empty). `headers`: besides Content-Type ({"Retry-After": "5"}). `wrote`: whether it changed state, for the ledger; None: a 2xx of what
    is no GET did. `rows`: of a listing, how many rows this answer holds.
    """

    status: int = 200
    body: object = None
    headers: dict[str, str] | None = None
    content_type: str = JSON
    wrote: bool | None = None
    rows: int = 0


class Refused(Exception):
    """Raised anywhere below an operation to refuse: carries the platform's own answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Call:
    """One platform request as an operation sees it.

    `method`, `path` (without the query), `params` (what stood in the braces of the operation's path), `query` (a mapping of texts, the
    first of a name; `query.getall(name)` gives each), `headers` (found in any case), `body` (bytes) and `operation`: the operation's name,
    "POST /orders/{id}".
    """

    __slots__ = ("_json", "body", "headers", "method", "operation", "params", "path", "query")

    def __init__(self, request: web.Request, operation: str, body: bytes) -> None:
        self.method = request.method
        self.path = request.path
        self.params: dict[str, str] = dict(request.match_info)
        self.query = request.query
        self.headers = request.headers
        self.body = body
        self.operation = operation
        self._json: Any = msgspec.UNSET

    def json(self) -> Any:
        """The decoded body; None when empty; raises msgspec.DecodeError when it is not JSON."""
        if self._json is msgspec.UNSET:
            self._json = msgspec.json.decode(self.body) if self.body else None
        return self._json


Handler = Callable[[Call], Answer | Awaitable[Answer]]


@dataclass(slots=True)
class Operation:
    """One endpoint. `handler(call)` answers, or raises `Refused`; it may be a coroutine. Its `name` is "METHOD /path/{param}"; `group`: the
    platform's rate-limit group, for `Sandbox.rate`; `key`: what tells a call from others of its operation, for faults (default: its path).
    `reads`: None: a GET reads; True of a POST that only searches; or a function of the call.

    Where one address serves many operations (GraphQL), `named` tells from a call which one it is: ledger and faults go by that name.
    """

    method: str
    path: str
    handler: Handler
    group: str = ""
    key: Callable[[Call], str] | None = None
    reads: bool | Callable[[Call], bool] | None = None
    named: Callable[[Call], str] | None = None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(slots=True)
class LedgerCounts:
    """The mutable ledger."""

    requests: int = 0
    by_operation: dict[str, Counter[str]] = field(default_factory=dict)
    writes: Counter[str] = field(default_factory=Counter)
    rate_limited: int = 0
    injected: Counter[str] = field(default_factory=Counter)
    aborted: Counter[str] = field(default_factory=Counter)
    in_flight: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)

    def note(self, operation: str, status: str) -> None:
        self.by_operation.setdefault(operation, Counter())[status] += 1

    def report(self) -> Ledger:
        return Ledger(
            requests=self.requests,
            by_operation={name: dict(counts) for name, counts in self.by_operation.items()},
            writes=dict(self.writes),
            rate_limited=self.rate_limited,
            injected=dict(self.injected),
            aborted=dict(self.aborted),
            in_flight={name: n for name, n in self.in_flight.items() if n},
            effects=dict(self.effects),
        )


class Faults:
    """Which call is hit follows from (seed, kind, key) alone; each key is hit `times` times."""

    def __init__(self, counts: LedgerCounts) -> None:
        self._counts = counts
        self._rules: list[Fault] = []
        self._hits: Counter[tuple[int, str]] = Counter()

    def set(self, rules: Iterable[Fault]) -> None:
        self._rules = list(rules)
        self._hits.clear()

    def pick(self, operation: str, key: str, kinds: Iterable[str] | None = None) -> Fault | None:
        """The first rule that hits this call now; the hit is counted."""
        for index, rule in enumerate(self._rules):
            if kinds is None:
                if rule.kind.endswith("_event"):
                    continue
            elif rule.kind not in kinds:
                continue
            if rule.operation and not operation.startswith(rule.operation):
                continue
            if self._hits[index, key] >= rule.times or not _chosen(rule, key):
                continue
            self._hits[index, key] += 1
            self._counts.injected[rule.kind] += 1
            return rule
        return None

    def event(self, kind: Literal["duplicate_event", "reorder_event", "drop_event"], key: str) -> bool:
        return self.pick("", key, (kind,)) is not None


def _chosen(rule: Fault, key: str) -> bool:
    if rule.rate >= 1:
        return True
    digest = blake2b(f"{rule.seed}|{rule.kind}|{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 < rule.rate


class RateWindow:
    """A token bucket that a platform enforces, for `Sandbox.rate`: `rate` credits a second, up to `burst` of them, on real time (rates are
    the one thing that real time owns).

        wait = self._window.take(time.monotonic())
        return Answer(429, {"error": "too many"}, {"Retry-After": str(math.ceil(wait))}) if wait else None
    """

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._level = burst
        self._at: float | None = None

    def take(self, now: float, cost: float = 1.0) -> float:
        """0.0 when taken; else the seconds until it could be. `now`: `time.monotonic()`."""
        if self._at is not None:
            self._level = min(self.burst, self._level + (now - self._at) * self.rate)
        self._at = now
        if self._level >= cost:
            self._level -= cost
            return 0.0
        return (cost - self._level) / self.rate

    @property
    def level(self) -> float:
        return self._level


def by_query(*names: str) -> Callable[[Call], str]:
    """What tells a call from others of its operation, for faults: the first of these query parameters that it has, else its path."""
    return lambda call: next((call.query[name] for name in names if call.query.get(name)), call.path)


def by_body(name: str) -> Callable[[Call], str]:
    """The same by a field of its JSON body."""

    def key(call: Call) -> str:
        try:
            body = call.json()
        except msgspec.DecodeError:
            return call.path
        found: Any = cast("dict[str, Any]", body).get(name) if isinstance(body, dict) else None
        return str(found or call.path)

    return key


class Staged(msgspec.Struct, forbid_unknown_fields=True):
    """A control call that happens by itself, once `calls` more calls of an operation (or of those that begin so) have been answered:
    a row that leaves page 1 while page 2 is on its way. `body`: of the verb, as JSON."""

    operation: str
    verb: str
    body: msgspec.Raw
    calls: int = 1


class Sandbox:
    """Subclass it: fill `operations`, `authorise` and `describe`, and the control methods below that your role has. What is not there is
    answered with 501. An ERP's has `seed`, `change`, `cancel`, `progress`, `state` and `orders` (an empty list where the plugin takes no
    orders), a storefront's `sell`, `cancel`, `state` and `orders`.

    `limits`: whether the platform's rates are enforced; the suite and the stage switch them off, a demo does not. `clock`: what the sandbox
    goes by (`self.clock.now()`, aware, UTC), also for the stamps of its rows: the control verb `advance` and tests move it. `seed`: of
    `self.random`. Constructor parameters of your own have defaults and hand the rest on (`**options`). `self.base_url` is known once it
    listens; `self.counts.effects[...]` counts what the ledger shows besides.
    """

    platform: ClassVar[str]
    role: ClassVar[Literal["erp", "storefront"]]

    def __init__(self, *, limits: bool = True, clock: ManualClock | ShiftedClock | None = None, seed: int = 0) -> None:
        self.limits = limits
        self.clock = clock or ShiftedClock()
        self.random = random.Random(seed)
        self._date = (0, "")  # the Date header of a second
        self.counts = LedgerCounts()
        self.faults = Faults(self.counts)
        self.base_url = ""  # known once it listens
        self._staged: list[Staged] = []

    # ---- what a platform's sandbox writes ----

    def operations(self) -> Iterable[Operation]:
        """Every endpoint of the contract that the sandbox serves. A path may hold `{params}`; where the platform's addresses begin with a
        path ("/v2"), each has it, and `base_url` in `describe` ends with it."""
        raise NotImplementedError

    def authorise(self, call: Call) -> Answer | None:
        """None to let the call pass, else the platform's own refusal (401, 403). Asked before everything else, of the login too."""
        raise NotImplementedError

    def rate(self, operation: Operation, call: Call) -> Answer | None:
        """None to let the call pass, else the platform's own 429 (see `RateWindow`): the base enforces no rate. Not asked when limits are
        off."""
        del operation, call
        return None

    def too_many(self, operation: Operation) -> Answer:
        """The platform's 429 for an injected fault."""
        del operation
        return Answer(429, "Too Many Requests", content_type="text/plain")

    def refused(self, status: Literal[401, 403]) -> Answer:
        """The platform's 401 (no session) or 403 (no right to this operation) for an injected fault."""
        return Answer(status, {"message": "Unauthorized" if status == 401 else "Forbidden"})

    def server_error(self) -> Answer:
        """The platform's 500 for an injected fault."""
        return Answer(500, {"message": "Internal Server Error"})

    def describe(self) -> Description:
        """What reaches this sandbox. Settings and secrets are those of the manifest, each in its half."""
        raise NotImplementedError

    def seed(self, seed: Seed) -> dict[str, object]:
        """ERP: adds to the state, the rows stamped now. Storefront: an already existing shop (products, SKUs with prices and stock). What
        it answers is for people. Prices in tables besides the default one are the sandbox's own: where the plugin reads prices table by
        table, each seeded SKU has another price there."""
        raise NotImplementedError

    def change(self, changes: list[Change]) -> dict[str, object]:
        """ERP: what a user changes there; None leaves a field as it is. What it answers is for people."""
        raise NotImplementedError

    def sell(self, sales: list[Sale]) -> dict[str, str]:
        """Storefront: places (and pays) orders; answers {str(sale number): the shop's order key}."""
        raise NotImplementedError

    def cancel(self, keys: list[str], reason: str) -> dict[str, object]:
        """Somebody cancels these orders on this side (keys as this side knows them)."""
        raise NotImplementedError

    def progress(self, to: str, keys: list[str] | None) -> dict[str, object]:
        """ERP: moves orders on, to "assembled" | "invoiced" | "shipped" | "delivered"; None = every order that can. Answers {moved: n}."""
        raise NotImplementedError

    def advanced(self) -> None:
        """Called after the clock moved: let what is due happen."""

    def state(self) -> list[SkuState]:
        """Every SKU as this side holds it."""
        raise NotImplementedError

    def orders(self) -> list[OrderState]:
        """Every order as this side holds it."""
        raise NotImplementedError

    def corrupt(self, kind: str, key: str) -> dict[str, object]:
        """For tests of whoever checks us: silently spoils a "stock" | "price" | "text" of a SKU or an "order" (drops its delivery)."""
        raise NotImplementedError

    def stage(self, *acts: Staged) -> None:
        """What happens between two calls of a client: see `Staged`."""
        self._staged += acts

    def _play(self, operation: str) -> None:
        for act in [act for act in self._staged if operation.startswith(act.operation)]:
            act.calls -= 1
            if act.calls <= 0:
                self._staged.remove(act)
                self._writers()[act.verb](act.body)

    # ---- the server ----

    def application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY)
        for operation in self.operations():
            app.router.add_route(operation.method, operation.path, self._serve(operation))
        for name, reader in self._readers().items():
            app.router.add_get(f"/_sandbox/{name}", _reader(reader))
        for name, writer in self._writers().items():
            app.router.add_post(f"/_sandbox/{name}", _writer(writer))
        app.on_response_prepare.append(self._dated)
        return app

    def http_date(self) -> str:
        """The `Date` header: the platform's own clock, which plugins take watermarks from."""
        return format_datetime(self.clock.now().astimezone(UTC), usegmt=True)

    async def _dated(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        del request
        second = int(self.clock.now().timestamp())
        if self._date[0] != second:
            self._date = (second, self.http_date())
        response.headers["Date"] = self._date[1]

    def _readers(self) -> dict[str, Callable[[], object]]:
        """What GET answers under `/_sandbox/`. A platform that has more to show adds to it."""
        return {
            "describe": self.describe, "ledger": self.counts.report, "state": self.state, "orders": self.orders,
            "health": lambda: {"platform": self.platform, "role": self.role},
        }  # fmt: skip

    def _writers(self) -> dict[str, Callable[[bytes], object]]:
        """What POST does under `/_sandbox/`. A platform that can be told more adds to it; what it returns may be awaitable,
        but not where it is staged."""
        return {
            "seed": self._seed, "change": self._change, "sell": self._sell, "cancel": self._cancel, "progress": self._progress,
            "advance": self._advance, "faults": self._faults, "corrupt": self._corrupt, "reset": self._reset, "stage": self._stage,
        }  # fmt: skip

    def _serve(self, operation: Operation) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        is_async = inspect.iscoroutinefunction(operation.handler)
        asked = operation.method in ("GET", "HEAD") if operation.reads is None else operation.reads

        async def perform(call: Call) -> Answer:
            try:
                answer: Any = operation.handler(call)
                return await answer if is_async else answer
            except Refused as refused:
                return refused.answer

        async def serve(request: web.Request) -> web.StreamResponse:
            counts, name = self.counts, operation.name
            counts.requests += 1
            counts.in_flight[name] += 1
            status = "reset"
            try:
                call = Call(request, name, await request.read())
                if operation.named is not None:
                    counts.in_flight[name] -= 1
                    name = call.operation = operation.named(call)
                    counts.in_flight[name] += 1
                reads = asked(call) if callable(asked) else asked
                answer = self.authorise(call)
                if answer is None and self.limits:
                    answer = self.rate(operation, call)
                    if answer is not None:
                        counts.rate_limited += 1
                if answer is None:
                    fault = self.faults.pick(name, operation.key(call) if operation.key else call.path)
                    if fault is not None:
                        answer = await self._injected(fault, operation, call, perform)
                        if answer is None:
                            if fault.kind.endswith("_applied"):
                                counts.writes[name] += 1
                            return _abort(request)
                    else:
                        answer = await perform(call)
                    wrote = answer.wrote if answer.wrote is not None else (not reads and 200 <= answer.status < 300)
                    if wrote:
                        counts.writes[name] += 1
                    if fault is not None and fault.kind in _ENDLESS:
                        await _ENDLESS[fault.kind](request, fault, answer)
                        counts.aborted[name] += 1
                        return _abort(request)
                status = str(answer.status)
                if answer.rows:
                    counts.effects["rows_listed"] += answer.rows
                if request.transport is None or request.transport.is_closing():
                    counts.aborted[name] += 1
                return _response(answer)
            except (ConnectionResetError, asyncio.CancelledError):
                counts.aborted[name] += 1
                raise
            finally:
                counts.in_flight[name] -= 1
                counts.note(name, status)
                self._play(name)

        return serve

    async def _injected(
        self, fault: Fault, operation: Operation, call: Call, perform: Callable[[Call], Awaitable[Answer]]
    ) -> Answer | None:
        """The answer of a faulty call; None: the connection is dropped without one."""
        match fault.kind:
            case "latency":
                await asyncio.sleep(fault.milliseconds / 1000)
                return await perform(call)
            case "late":
                answer = await perform(call)
                await asyncio.sleep(fault.milliseconds / 1000)
                return answer
            case "401" | "403":
                return self.refused(401 if fault.kind == "401" else 403)
            case "429":
                return self.too_many(operation)
            case "500":
                return self.server_error()
            case "500_applied":
                applied = await perform(call)
                return self.server_error()._replace(wrote=applied.status < 300)
            case "timeout_applied":
                await perform(call)
                await asyncio.sleep(fault.milliseconds / 1000)
                return None
            case "reset_applied":
                await perform(call)
                return None
            case "drip":
                return await perform(call)
            case "huge" | "hang":
                return Answer(wrote=False)
            case "html":
                return Answer(200, "<html><body>Service temporarily unavailable</body></html>", content_type="text/html", wrote=False)
            case _:
                return None

    # ---- control protocol ----

    def _seed(self, body: bytes) -> object:
        return self.seed(msgspec.json.decode(body, type=Seed))

    def _change(self, body: bytes) -> object:
        return self.change(msgspec.json.decode(body, type=list[Change]))

    def _sell(self, body: bytes) -> object:
        return self.sell(msgspec.json.decode(body, type=list[Sale]))

    def _cancel(self, body: bytes) -> object:
        asked = msgspec.json.decode(body, type=_Cancel)
        return self.cancel(asked.keys, asked.reason)

    def _progress(self, body: bytes) -> object:
        asked = msgspec.json.decode(body, type=_Progress)
        return self.progress(asked.to, asked.keys)

    def _advance(self, body: bytes) -> object:
        self.clock.advance(timedelta(seconds=msgspec.json.decode(body, type=_Advance).seconds))
        self.advanced()
        return {"now": self.clock.now()}

    def _faults(self, body: bytes) -> object:
        self.faults.set(msgspec.json.decode(body, type=list[Fault]))
        return {}

    def _corrupt(self, body: bytes) -> object:
        asked = msgspec.json.decode(body, type=_Corrupt)
        return self.corrupt(asked.kind, asked.key)

    def _stage(self, body: bytes) -> object:
        self.stage(*msgspec.json.decode(body, type=list[Staged]))
        return {}

    def _reset(self, body: bytes) -> object:
        """Zeroes the ledger; the platform's state stays."""
        del body
        in_flight = self.counts.in_flight
        self.counts.__init__()
        self.counts.in_flight = in_flight
        return {}

    @asynccontextmanager
    async def listening(self, host: str = "127.0.0.1", port: int = 0):
        """`async with sandbox.listening():` serves until the block ends; `base_url` is set. In a test's own process (`engate sandbox` is
        one of its own)."""
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port, backlog=1024)
            await site.start()
            bound = runner.addresses[0]
            self.base_url = f"http://{bound[0]}:{bound[1]}"
            yield self
        finally:
            await runner.cleanup()


class _Cancel(msgspec.Struct, forbid_unknown_fields=True):
    keys: list[str]
    reason: str = "Cancelado pelo cliente"


class _Progress(msgspec.Struct, forbid_unknown_fields=True):
    to: str
    keys: list[str] | None = None


class _Advance(msgspec.Struct, forbid_unknown_fields=True):
    seconds: float


class _Corrupt(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    key: str


def _reader(read: Callable[[], object]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(_request: web.Request) -> web.Response:
        try:
            return web.Response(body=msgspec.json.encode(read()), content_type=JSON)
        except NotImplementedError:
            return _not_offered()

    return handle


def _writer(write: Callable[[bytes], object]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            made = write(await request.read())
            if inspect.isawaitable(made):
                made = await made
            return web.Response(body=msgspec.json.encode(made), content_type=JSON)
        except (msgspec.DecodeError, KeyError, ValueError) as error:
            return web.Response(status=422, body=msgspec.json.encode({"error": f"{type(error).__name__}: {error}"}), content_type=JSON)
        except NotImplementedError:
            return _not_offered()

    return handle


def _not_offered() -> web.Response:
    """A platform's sandbox writes what its role has (an ERP sells nothing); the rest answers so."""
    return web.Response(status=501, body=msgspec.json.encode({"error": "this sandbox does not offer it"}), content_type=JSON)


def _response(answer: Answer) -> web.Response:
    body = answer.body
    if body is None:
        return web.Response(status=answer.status, headers=answer.headers)
    if isinstance(body, str) and answer.content_type != JSON:
        return web.Response(status=answer.status, text=body, headers=answer.headers, content_type=answer.content_type)
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return web.Response(status=answer.status, body=raw, headers=answer.headers, content_type=answer.content_type)


async def _drip(request: web.Request, fault: Fault, answer: Answer) -> None:
    """A server that is just quick enough for every timeout of a single read."""
    whole = _response(answer)
    body = whole.body if isinstance(whole.body, bytes) else b""
    slow = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type, "Content-Length": str(len(body))})
    with suppress(ConnectionResetError):
        await slow.prepare(request)
        for byte in body:
            await slow.write(bytes((byte,)))
            await asyncio.sleep(fault.milliseconds / 1000)
    await _hang(request, fault, answer)


async def _huge(request: web.Request, fault: Fault, answer: Answer) -> None:
    """JSON that would be valid if it ever ended."""
    del answer
    endless = web.StreamResponse(headers={"Content-Type": JSON})
    with suppress(ConnectionResetError):
        await endless.prepare(request)
        await endless.write(b"[")
        for _ in range(fault.megabytes * 16):
            await endless.write(b" " * 65536)
        while True:
            await endless.write(b" " * 1024)
            await asyncio.sleep(0.01)


async def _hang(request: web.Request, fault: Fault, answer: Answer) -> None:
    del fault, answer
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110  # a server is not told when a client leaves
        await asyncio.sleep(0.02)


_ENDLESS = {"drip": _drip, "huge": _huge, "hang": _hang}
"""Faults that last until the client leaves."""


def _abort(request: web.Request) -> web.StreamResponse:
    """Drops the connection without an answer, as a dying server or proxy does."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=499)


async def serve(sandbox: Sandbox, host: str, port: int) -> None:
    """The sandbox as a process of its own: prints its address on the first line, then serves until it is stopped."""
    async with sandbox.listening(host, port):
        print(sandbox.base_url, flush=True)  # noqa: T201
        await asyncio.Event().wait()
