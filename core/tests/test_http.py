"""The HTTP client's promises, against servers that break: no silent resend, errors are exactly what they say, one login for all."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from core.tests.raw_server import Answerer, Asked, RawServer, free_port, raw_server, reset, say

from engate.answers import Response, redacted
from engate.clock import ManualClock
from engate.errors import Answered, AuthFailed, EngateError, Forbidden, Invalid, NotSent, RateLimited, Rejected, Unavailable, Unknown
from engate.http import Http, Services, Terms, Token, Transport
from engate.limits import Governor, Meter, Rate
from engate.testing.connect import CountingJournal, MemoryTokens
from engate.text import Text

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


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries at once: the pauses are not what these tests are about."""
    monkeypatch.setattr("engate.http._pause", lambda *_: 0.0)


# ---- what happened to a call that was not answered ----


@pytest.mark.parametrize("method", ["GET", *UNSAFE])
async def test_a_refused_connection_is_not_sent(method: str) -> None:
    async with client(f"http://127.0.0.1:{free_port()}") as http:
        with pytest.raises(NotSent) as caught:
            await http.call(method, "/x", body={"a": 1}, safe=False)
    assert caught.value.code == "unreachable" and caught.value.connection_id == 7


async def closes(asked: Asked, writer: asyncio.StreamWriter) -> bool:
    return False


async def resets(asked: Asked, writer: asyncio.StreamWriter) -> bool:
    return reset(writer)


async def talks_garbage(asked: Asked, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"\x16\x03\x01 what is this\r\n\r\n")
    return False


async def stops_in_the_head(asked: Asked, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Ty")
    return False


async def stops_in_the_body(asked: Asked, writer: asyncio.StreamWriter) -> bool:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"id":')
    return False


async def resets_in_the_body(asked: Asked, writer: asyncio.StreamWriter) -> bool:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"id":')
    await writer.drain()
    return reset(writer)


async def breaks_a_chunk(asked: Asked, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n")
    return False


async def lies_about_gzip(asked: Asked, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope")
    return False


async def says_nothing(asked: Asked, writer: asyncio.StreamWriter) -> bool:
    await asyncio.sleep(5)
    return False


async def never_ends_the_body(asked: Asked, writer: asyncio.StreamWriter) -> bool:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"id":')
    await writer.drain()
    await asyncio.sleep(5)
    return False


BROKEN: list[Answerer] = [
    closes, resets, talks_garbage, stops_in_the_head, stops_in_the_body, resets_in_the_body, breaks_a_chunk, lies_about_gzip,
    says_nothing, never_ends_the_body,
]  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=lambda f: f.__name__)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_broken_answer_is_unknown_and_nothing_is_sent_twice(method: str, broken: Answerer) -> None:
    async with raw_server(broken) as server, client(server.url, patience=0.15) as http:
        with pytest.raises(Unknown) as caught:
            await http.call(method, "/order", body={"n": 1}, safe=False)
        assert caught.value.code == "unknown"
        assert len(server.asked) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_kept_connection_that_died_is_not_used_to_send_again(method: str) -> None:
    """aiohttp sends PUT and DELETE once more on a reused connection that was closed: this pins the switch that forbids it."""

    async def dies_on_the_second(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        return say(writer, 200, "{}") if asked.nth == 1 else False

    async with raw_server(dies_on_the_second) as server, client(server.url) as http:
        await http.call(method, "/first", body={}, safe=False)
        with pytest.raises(Unknown):
            await http.call(method, "/second", body={}, safe=False)
        assert [asked.path for asked in server.asked] == ["/first", "/second"]
        assert server.connections == 1


@pytest.mark.parametrize("broken", BROKEN[:8], ids=lambda f: f.__name__)
async def test_a_safe_call_goes_again_until_it_is_answered(broken: Answerer) -> None:
    async def recovers(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        return say(writer, 200, "[1]") if asked.nth == 3 else await broken(asked, writer)

    async with raw_server(recovers) as server, client(server.url) as http:
        assert (await http.call("GET", "/list")).json() == [1]
        assert len(server.asked) == 3


async def test_a_safe_call_gives_up_after_a_few_attempts() -> None:
    async with raw_server(closes) as server, client(server.url) as http:
        with pytest.raises(EngateError):
            await http.call("GET", "/list")
        assert len(server.asked) == 5


# ---- answers that are no answers ----


def answering(status: int, body: str = "{}", **headers: str) -> Answerer:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        return say(writer, status, body, **headers)

    return answer


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
async def test_a_server_error_after_a_write_is_unknown_and_of_a_reading_unavailable(status: int) -> None:
    async with raw_server(answering(status)) as server, client(server.url) as http:
        with pytest.raises(Unknown):
            await http.call("POST", "/order", body={})
        assert len(server.asked) == 1
        with pytest.raises(Unavailable):
            await http.call("GET", "/list")
        assert len(server.asked) == 1 + 5


HTML = {"Content_Type": "text/html; charset=utf-8"}


@pytest.mark.parametrize("status", [200, 201, 408, 500, 502, 503, 504])
async def test_a_page_of_html_is_never_a_yes(status: int) -> None:
    """A proxy's page: a write may have happened."""
    page = answering(status, "<html><body>Service temporarily unavailable</body></html>", **HTML)
    async with raw_server(page) as server, client(server.url) as http:
        with pytest.raises(Unknown):
            await http.call("POST", "/order", body={})
        assert len(server.asked) == 1
        with pytest.raises(Unavailable):
            await http.call("GET", "/list")


@pytest.mark.parametrize("status", [400, 404, 405, 409, 413, 422])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_4xx_is_a_definite_no_whatever_it_is_written_in(status: int, method: str) -> None:
    page = answering(status, "<html><h1>Bad Request</h1> campo <b>total</b> senha=s3cr3t " + "x" * 900, **HTML)
    async with raw_server(page) as server, client(server.url) as http:
        with pytest.raises(Answered) as caught:
            await http.call(method, "/x", body={})
        assert len(server.asked) == 1
    assert caught.value.status == status and "Bad Request campo total" in caught.value.text.pt
    assert "s3cr3t" not in str(caught.value) and len(caught.value.text.pt) < 400


async def test_a_definite_no_is_answered_once_with_its_words() -> None:
    async with raw_server(answering(422, '{"message": "RefId repetido", "token": "abc123"}')) as server, client(server.url) as http:
        with pytest.raises(Answered) as caught:
            await http.call("PUT", "/sku", operation="/sku/{id}", body={})
        assert len(server.asked) == 1
    assert caught.value.status == 422 and caught.value.code == "http.422"
    assert "RefId repetido" in caught.value.text.pt and "abc123" not in str(caught.value)


async def test_an_expected_status_is_handed_back() -> None:
    async with raw_server(answering(404)) as server, client(server.url) as http:
        assert (await http.call("GET", "/x", expect=(404,))).status == 404
        assert len(server.asked) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 409, 423, 500, 503])
async def test_an_expected_status_is_handed_back_whatever_its_body_is(status: int) -> None:
    page = answering(status, "<html><body>nada aqui</body></html>", **HTML)
    async with raw_server(page) as server, client(server.url) as http:
        answer = await http.call("POST", "/x", body={}, expect=(status,))
        assert (answer.status, answer.html) == (status, True)
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({"a": [1, 2], "b": "x"}, "?a=1&a=2&b=x"), ({"a": ("x", None, "y")}, "?a=x&a=y"), ({"a": None, "b": 1}, "?b=1"),
        ({"a": []}, ""), ({"a": None}, ""), ({"a": "1,2"}, "?a=1,2"), ({"a": "x y&z=1"}, "?a=x+y%26z%3D1"), ({}, ""),
    ],
)  # fmt: skip
async def test_parameters_repeat_and_none_is_left_out(params: dict[str, Any], query: str) -> None:
    async with raw_server(answering(200)) as server, client(server.url) as http:
        await http.call("GET", "/x", params=params)
        assert server.asked[0].path == "/x" + query


async def test_an_empty_answer_of_any_kind_is_fine() -> None:
    async with raw_server(answering(204, "", Content_Type="text/plain")) as server, client(server.url) as http:
        assert (await http.call("POST", "/x", body={})).body == b""


async def test_a_redirect_is_not_followed() -> None:
    async with raw_server(answering(302, "", Location="http://127.0.0.1:1/elsewhere")) as server, client(server.url) as http:
        with pytest.raises(EngateError):
            await http.call("POST", "/x", body={})
        assert len(server.asked) == 1


async def test_an_answer_of_another_shape_is_outside_the_contract() -> None:
    async with raw_server(answering(200, '{"id": "seven"}')) as server, client(server.url) as http:
        answer = await http.call("GET", "/x")
        with pytest.raises(Unavailable) as caught:
            answer.json(list[int])
    assert caught.value.code == "contract"


# ---- rates ----


async def test_a_refusal_by_rate_goes_again_also_for_a_write_because_nothing_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float | None] = []
    monkeypatch.setattr("engate.http._pause", lambda first, attempt, retry_after: waits.append(retry_after) or 0.0)

    async def once(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        return say(writer, 429, Retry_After="0.05") if asked.nth == 1 else say(writer, 200, "{}")

    async with raw_server(once) as server, client(server.url, rates={"pricing": Rate(1000, 1000)}) as http:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await http.call("POST", "/x", body={}, groups=("pricing",))
        assert len(server.asked) == 2
        assert loop.time() - started >= 0.05  # the governor held the whole group for as long as the platform said
    assert waits == [0.05]


async def test_retry_after_as_the_platform_says_it() -> None:
    async with raw_server(answering(429, Retry_After="7")) as server, client(server.url) as http:
        http.governor.refused = lambda groups, retry_after: None  # type: ignore[method-assign]
        with pytest.raises(RateLimited) as caught:
            await http.call("GET", "/x")
        assert len(server.asked) == 5
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize(("pause", "waits"), [(1.0, [1, 2, 4, 8, 16, 32, 60, 60]), (60.0, [60, 60]), (90.0, [90, 90])])
def test_a_refusal_without_a_time_is_the_pause_of_its_rate(monkeypatch: pytest.MonkeyPatch, pause: float, waits: list[float]) -> None:
    now = 1000.0
    monkeypatch.setattr("engate.limits.time", SimpleNamespace(monotonic=lambda: now))
    governor = Governor({"orders": Rate(100, 100, pause), "other": Rate(100, 100)}, at_once=1)
    for seconds in waits:
        governor.refused(["orders"], None)
        now += seconds - 0.5
        assert governor.states() == {"orders": "stopped", "other": "flowing"}
        now += 0.5
        assert governor.states()["orders"] != "stopped"
    governor.went_well(["orders"])
    governor.refused(["orders"], None)
    now += pause
    assert governor.states()["orders"] != "stopped"  # it begins anew after a yes
    governor.refused(["orders"], 7.0)
    now += 7
    assert governor.states()["orders"] != "stopped"  # the platform's own word counts


@pytest.mark.trap("engine.one-refusal")
def test_a_burst_that_is_refused_together_is_one_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty calls were on their way when the first was refused: the pause begins once, and is not doubled thirty times."""
    now = 1000.0
    monkeypatch.setattr("engate.limits.time", SimpleNamespace(monotonic=lambda: now))
    governor = Governor({"orders": Rate(100, 100, 1.0)}, at_once=32)
    for _ in range(30):
        governor.refused(["orders"], None)
        now += 0.01
    now += 0.8
    assert governor.states()["orders"] != "stopped"
    governor.refused(["orders"], None)
    now += 1.5
    assert governor.states()["orders"] == "stopped", "the next refusal is another one"


async def test_rates_are_kept() -> None:
    async with raw_server(answering(200)) as server, client(server.url, rates={"slow": Rate(50, 2)}) as http:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await asyncio.gather(*(http.call("GET", "/x", groups=("slow",)) for _ in range(8)))
        took = loop.time() - started
    assert took >= 6 / 50 * 0.9  # two at once, six paced


# ---- sessions ----


def guarded(valid: Callable[[Asked], bool]) -> Answerer:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        if asked.path == "/login":
            return say(writer, 200)
        return say(writer, 200, "{}") if valid(asked) else say(writer, 401)

    return answer


def calls(server: RawServer, path: str) -> int:
    return sum(asked.path == path for asked in server.asked)


async def test_a_dead_session_is_renewed_once_however_many_calls_wait() -> None:
    alive = {"token-1"}
    auth = Sessions()
    async with raw_server(guarded(lambda asked: asked.headers["authorization"] in alive)) as server, client(server.url, auth=auth) as http:
        await asyncio.gather(*(http.call("GET", f"/{n}") for n in range(20)))
        assert auth.logins == 1
        alive.clear()
        alive.add("token-2")
        await asyncio.gather(*(http.call("POST", f"/again/{n}", body={}) for n in range(20)))
        assert auth.logins == 2 and calls(server, "/login") == 2


async def test_an_expired_session_is_renewed_before_it_is_used() -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    auth = Sessions(lasts=timedelta(minutes=30), clock=clock)
    async with raw_server(guarded(lambda asked: True)) as server, client(server.url, auth=auth, clock=clock) as http:
        await http.call("GET", "/a")
        clock.advance(timedelta(minutes=31))
        await asyncio.gather(*(http.call("GET", "/b") for _ in range(5)))
        assert auth.logins == 2
        assert not [asked for asked in server.asked if asked.path == "/b" and asked.headers["authorization"] == "token-1"]


@pytest.mark.trap("engine.session-taken")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_session_that_somebody_else_ends_again_and_again_is_not_the_credentials_fault(method: str) -> None:
    """Every login succeeds, so the credentials are good: a few more sessions with pauses, then a failure that passes."""
    auth = Sessions()
    async with raw_server(guarded(lambda asked: False)) as server, client(server.url, auth=auth) as http:
        with pytest.raises(Unavailable) as caught:
            await http.call(method, "/x", body={})
        assert auth.logins == calls(server, "/x") == 1 + 5
    assert caught.value.code == "session_taken" and "outro sistema" in caught.value.text.pt and caught.value.connection_id == 7


@pytest.mark.trap("engine.session-taken")
@pytest.mark.parametrize("taken", [1, 2, 4])
async def test_a_call_goes_through_as_soon_as_its_session_lasts(taken: int) -> None:
    auth = Sessions()

    def lasts(asked: Asked) -> bool:
        return asked.headers["authorization"] == f"token-{taken + 1}"

    async with raw_server(guarded(lasts)) as server, client(server.url, auth=auth) as http:
        await http.call("POST", "/x", body={})
        assert auth.logins == calls(server, "/x") == taken + 1


async def test_a_login_that_is_refused_when_the_session_ends_is_the_credentials_fault() -> None:
    auth, refused = Sessions(), False

    async def changed(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        return say(writer, 401 if refused else 200, "{}")

    async with raw_server(changed) as server, client(server.url, auth=auth) as http:
        await http.call("GET", "/x")
        refused = True
        with pytest.raises(AuthFailed):
            await http.call("GET", "/x")
        assert calls(server, "/login") == 2


async def test_credentials_that_travel_with_every_call_are_tried_once() -> None:
    async with raw_server(answering(401)) as server, client(server.url, headers={"key": "segredo"}) as http:
        with pytest.raises(AuthFailed) as caught:
            await http.call("GET", "/x")
        assert len(server.asked) == 1
    assert caught.value.code == "auth_failed"


@pytest.mark.trap("engine.forbidden")
@pytest.mark.parametrize("sessions", [True, False])
@pytest.mark.parametrize("media", ["application/json", "text/html"])
async def test_a_permission_that_is_missing_is_named_and_costs_no_login(sessions: bool, media: str) -> None:
    auth = Sessions() if sessions else None

    async def forbids(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        if asked.path == "/login":
            return say(writer, 200)
        return say(writer, 403, '{"message": "Falta a rotina 316", "token": "s3cr3t"}', Content_Type=media)

    async with raw_server(forbids) as server, client(server.url, auth=auth) as http:
        with pytest.raises(Forbidden) as caught:
            await http.call("PATCH", "/stock/7/quantity", operation="/stock/{sku}/quantity", body={}, safe=True)
        assert calls(server, "/stock/7/quantity") == 1 and calls(server, "/login") == (1 if sessions else 0)
    error = caught.value
    assert error.operation == "PATCH /stock/{sku}/quantity"
    assert error.operation in error.text.pt and error.operation in error.hint.pt and "s3cr3t" not in str(error.text)
    assert ("Falta a rotina 316" in error.text.pt) == (media == "application/json")
    assert error.connection_id == 7


async def test_a_refused_login_is_tried_once_and_never_leaks_the_password() -> None:
    async with raw_server(answering(401, '{"password": "segredo"}')) as server, client(server.url, auth=Sessions()) as http:
        with pytest.raises(AuthFailed) as caught:
            await http.call("GET", "/x")
        assert len(server.asked) == 1
    assert "segredo" not in str(caught.value) + str(caught.value.text) + repr(caught.value)


# ---- answers that only the plugin can read ----

DENIED = Forbidden(Text("sem acesso", "denied"), operation="products")


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


@pytest.mark.trap("engine.judge")
@pytest.mark.parametrize("status", [200, 400, 403])
async def test_a_session_that_dies_inside_an_answer_is_renewed_and_the_call_goes_again(status: int) -> None:
    auth = Sessions()

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        if asked.path == "/login":
            return say(writer, 200)
        dead = asked.headers["authorization"] == "token-1"
        return say(writer, status if dead else 200, '{"error": "UNAUTHENTICATED"}' if dead else '{"data": 1}')

    async with raw_server(answer) as server, client(server.url, auth=auth, judge=graph) as http:
        assert (await http.call("POST", "/graph", body={})).json() == {"data": 1}
        assert calls(server, "/graph") == 2 and auth.logins == 2


async def test_a_dead_session_of_credentials_that_cannot_be_renewed_is_their_fault() -> None:
    async with raw_server(answering(200, '{"error": "UNAUTHENTICATED"}')) as server, client(server.url, judge=graph) as http:
        with pytest.raises(AuthFailed):
            await http.call("POST", "/graph", body={})
        assert len(server.asked) == 1


@pytest.mark.trap("engine.judge")
async def test_throttling_inside_an_answer_stops_the_group() -> None:
    async def once(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        return say(writer, 200, '{"error": "THROTTLED"}' if asked.nth == 1 else '{"data": 1}')

    async with raw_server(once) as server, client(server.url, judge=graph, rates={"graph": Rate(1000, 1000)}) as http:
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert (await http.call("POST", "/graph", body={}, groups=("graph",))).json() == {"data": 1}
        assert len(server.asked) == 2 and loop.time() - started >= 0.05


@pytest.mark.parametrize(("word", "kind"), [("FORBIDDEN", Forbidden), ("NO", Rejected)])
async def test_a_no_inside_an_answer_is_raised_once(word: str, kind: type[EngateError]) -> None:
    async with raw_server(answering(200, f'{{"error": "{word}"}}')) as server, client(server.url, judge=graph) as http:
        with pytest.raises(kind) as caught:
            await http.call("GET", "/graph")
        assert len(server.asked) == 1 and caught.value.connection_id == 7


@pytest.mark.trap("engine.judge-broke")
async def test_a_judge_that_cannot_read_an_answer_leaves_a_doubt_and_never_a_second_order() -> None:
    """It raises Unavailable, which says that nothing was done: of a write whose answer nobody understands, that is not known."""
    async with raw_server(answering(200, "[1")) as server, client(server.url, judge=graph) as http:
        with pytest.raises(Unknown):
            await http.call("POST", "/order", body={})
        assert len(server.asked) == 1


@pytest.mark.trap("engine.judge-any-status")
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_judge_sees_answers_of_every_status(status: int) -> None:
    """Some say with a 500 that the session ended (SOAP faults), or with a 429 what kind of limit it is."""
    auth = Sessions()

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        if asked.path == "/login":
            return say(writer, 200)
        dead = asked.headers["authorization"] == "token-1"
        return say(writer, status if dead else 200, '{"error": "UNAUTHENTICATED"}' if dead else '{"data": 1}')

    async with raw_server(answer) as server, client(server.url, auth=auth, judge=graph) as http:
        assert (await http.call("POST", "/graph", body={})).json() == {"data": 1}
        assert calls(server, "/graph") == 2 and auth.logins == 2


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (502, Unknown)])
async def test_what_a_judge_cannot_read_of_a_gateway_means_what_its_status_says(status: int, kind: type[EngateError]) -> None:
    async with raw_server(answering(status, "busy")) as server, client(server.url, judge=graph) as http:
        with pytest.raises(kind):
            await http.call("POST", "/graph", body={})
        assert server.asked


# ---- credits that answers tell of ----


def metered(response: Response) -> Meter | None:
    """As of a platform that counts cost, and refuses inside a 200."""
    said = response.json()
    left = said.get("left")
    return None if left is None else Meter(1000, left, 1000, said.get("spent"), said.get("error") == "THROTTLED")


@pytest.mark.trap("engine.meter-refused")
async def test_a_call_refused_for_its_cost_waits_for_as_many_credits_as_it_needs() -> None:
    async def once(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        return say(writer, 200, '{"error": "THROTTLED", "left": 50}' if asked.nth == 1 else '{"left": 50, "spent": 30}')

    async with raw_server(once) as server, client(server.url, judge=graph, meter=metered) as http:
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert (await http.call("POST", "/graph", body={}, groups=("graph",), cost=200)).json() == {"left": 50, "spent": 30}
        assert len(server.asked) == 2 and 0.14 <= loop.time() - started < 1.0
        assert http.governor.states() == {"graph": "flowing"}, "a refusal for its cost stops nobody else"


async def test_a_call_that_is_always_refused_for_its_cost_ends() -> None:
    async with raw_server(answering(200, '{"error": "THROTTLED", "left": 1000}')) as server, client(server.url, meter=metered) as http:
        with pytest.raises(RateLimited):
            await http.call("POST", "/graph", body={}, groups=("graph",), cost=10)
        assert len(server.asked) == 5


async def test_a_refusal_that_tells_no_rate_pauses_as_a_429_does() -> None:
    async def once(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        return say(writer, 200, '{"error": "THROTTLED"}' if asked.nth == 1 else "{}")

    def refusing(response: Response) -> Meter | None:
        return Meter(refused=True) if response.json().get("error") else None

    async with raw_server(once) as server, client(server.url, meter=refusing) as http:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await http.call("POST", "/graph", body={}, groups=("graph",))
        assert len(server.asked) == 2 and loop.time() - started >= 0.9


async def test_a_meter_that_breaks_says_nothing_and_spoils_no_answer() -> None:
    def broken(response: Response) -> Meter | None:
        raise KeyError("cost")

    async with raw_server(answering(200, '{"data": 1}')) as server, client(server.url, meter=broken) as http:
        for _ in range(3):
            assert (await http.call("POST", "/graph", body={}, groups=("graph",))).json() == {"data": 1}
        assert len(server.asked) == 3


# ---- too slow, too large ----


def dripping(head: str) -> Answerer:
    async def drip(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        for byte in head.encode():
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0.02)
        return False

    return drip


LONG = "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n" + "1" * 1000
DRIPS = {"in the head": "HTTP/1.1 200 OK\r\nX-Slow: " + "x" * 1000, "in the body": "HTTP/1.1 200 OK\r\n" + LONG}


@pytest.mark.trap("engine.deadline")
@pytest.mark.parametrize("where", DRIPS)
@pytest.mark.parametrize(("method", "kind"), [("GET", Unavailable), ("POST", Unknown)])
async def test_an_answer_that_drips_ends_at_the_deadline(where: str, method: str, kind: type[EngateError]) -> None:
    async with raw_server(dripping(DRIPS[where])) as server, client(server.url, patience=0.2, deadline=0.4, at_once=1) as http:
        with pytest.raises(kind) as caught:
            await http.call(method, "/orders/7", operation="/orders/{id}", body={})
        assert len(server.asked) == 1
        with pytest.raises(kind):
            await http.call(method, "/again", body={})
        assert len(server.asked) == 2, "its place in flight is free again"
    assert caught.value.code == "too_slow" and f"{method} /orders/{{id}}" in caught.value.text.pt


@pytest.mark.trap("engine.deadline-of-attempts")
async def test_the_deadline_is_of_all_attempts_together() -> None:
    async def late_and_down(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(0.3)
        return say(writer, 503)

    async with raw_server(late_and_down) as server, client(server.url, patience=0.5, deadline=0.5) as http:
        with pytest.raises(Unavailable) as caught:
            await http.call("GET", "/x")
        assert len(server.asked) <= 2, "each attempt alone stays below the deadline"
    assert caught.value.code == "too_slow"


async def test_a_login_has_a_deadline_too() -> None:
    async with raw_server(dripping(DRIPS["in the body"])) as server, client(server.url, patience=0.1, deadline=0.2) as http:
        with pytest.raises(Unknown) as caught:
            await http.plain("POST", "/login", body={})
        assert len(server.asked) == 1
    assert caught.value.code == "too_slow"


async def test_our_own_waiting_for_a_rate_is_not_the_platforms_slowness() -> None:
    async with raw_server(answering(200)) as server, client(server.url, patience=0.2, deadline=0.2, rates={"slow": Rate(4, 1)}) as http:
        for _ in range(2):
            await http.call("GET", "/x", groups=("slow",))
        assert len(server.asked) == 2


class Sending:
    """Never stops until the client leaves; counts what went out."""

    def __init__(self, piece: bytes, encoding: str = "identity") -> None:
        self.piece, self.encoding, self.sent = piece, encoding, 0

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: {self.encoding}\r\n\r\n".encode())
        while self.sent < 4 * 2**30:
            writer.write(self.piece)
            await writer.drain()
            self.sent += len(self.piece)
        return False


@cache
def bomb() -> bytes:
    """Gzip of 256 MB of zeros: a quarter of a MB."""
    packer = zlib.compressobj(1, wbits=31)
    return b"".join([*(packer.compress(bytes(2**20)) for _ in range(256)), packer.flush()])


@pytest.mark.trap("engine.most-bytes")
@pytest.mark.parametrize(("method", "kind"), [("GET", Unavailable), ("POST", Unknown)])
@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_without_end_is_left_early_and_fills_no_memory(method: str, kind: type[EngateError], packed: bool) -> None:
    sending = Sending(bomb(), "gzip") if packed else Sending(b" " * 65536)
    tracemalloc.start()
    async with raw_server(sending) as server, client(server.url, most_bytes=4 * 2**20) as http:
        with pytest.raises(kind) as caught:
            await http.call(method, "/list", body={})
        assert len(server.asked) == 1
    assert caught.value.code == "too_large" and "4 MB" in caught.value.text.pt and f"{method} /list" in caught.value.text.pt
    assert sending.sent < 64 * 2**20
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 24 * 2**20


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "raw deflate", "identity", ""])
@pytest.mark.parametrize("size", [0, 1, 1000, 256 * 1024, 256 * 1024 + 1, 3 * 2**20])
async def test_a_packed_answer_is_unpacked_whole(encoding: str, size: int) -> None:
    body = msgspec.json.encode("x" * size)
    wbits = {"gzip": 31, "x-gzip": 31, "deflate": 15, "raw deflate": -15}.get(encoding)
    packer = zlib.compressobj(wbits=wbits) if wbits else None
    sent = packer.compress(body) + packer.flush() if packer else body

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        assert asked.headers["accept-encoding"] == "gzip, deflate"
        name = f"Content-Encoding: {encoding.removeprefix('raw ')}\r\n" if encoding else ""
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{name}Content-Length: {len(sent)}\r\n\r\n".encode())
        writer.write(sent)
        return True

    async with raw_server(answer) as server:
        async with client(server.url, most_bytes=len(body)) as http:
            assert (await http.call("GET", "/x")).body == body
        async with client(server.url, most_bytes=len(body) - 1) as http:
            with pytest.raises(Unavailable):
                await http.call("GET", "/x")


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
async def test_an_answer_packed_as_nobody_asked_for_is_no_answer(encoding: str) -> None:
    async with raw_server(answering(200, "{}", Content_Encoding=encoding)) as server, client(server.url) as http:
        with pytest.raises(Unknown):
            await http.call("POST", "/x", body={})


async def test_half_of_a_packed_answer_is_no_answer() -> None:
    half = gzip.compress(b'{"id": 1}' * 1000)[:-12]

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {len(half)}\r\n\r\n"
        writer.write(head.encode() + half)
        return True

    async with raw_server(answer) as server, client(server.url) as http:
        with pytest.raises(Unknown):
            await http.call("POST", "/x", body={})


# ---- nowhere else ----

ELSEWHERE = [
    "@127.0.0.1:{port}/x", "//127.0.0.1:{port}/x", "http://127.0.0.1:{port}/x", "\\\\127.0.0.1:{port}/x", "/\\127.0.0.1:{port}/x",
    ":{port}/x", ".127.0.0.1:{port}", "x", "", "/x\r\nHost: evil", "/x\nX: 1", "/x y", "/x#y", "/\t/x", "\x00", "?a=1", "#",
]  # fmt: skip


@pytest.mark.trap("engine.origin")
@pytest.mark.parametrize("path", ELSEWHERE)
@pytest.mark.parametrize("login", [False, True])
async def test_a_path_never_leads_to_another_address(path: str, login: bool) -> None:
    """Where a path comes from a setting, the secret would be sent to whoever wrote it."""
    async with raw_server(answering(200)) as evil, raw_server(answering(200)) as server, client(server.url) as http:
        asked = path.format(port=evil.url.rpartition(":")[2])
        with pytest.raises(NotSent) as caught:
            await (http.plain("POST", asked, body={}) if login else http.call("GET", asked))
        assert not evil.asked and not server.asked
    assert caught.value.code == "address" and caught.value.hint.pt


@pytest.mark.parametrize("path", ["/x@y", "/a/../b", "/x;y=1", "/x%2F%2Fy", "/a//b", "/x?y=http://evil/", "/ação", "/x:1/y"])
async def test_a_path_may_hold_what_stays_on_the_host(path: str) -> None:
    async with raw_server(answering(200)) as server, client(server.url) as http:
        await http.call("GET", path)
        assert len(server.asked) == 1


@pytest.mark.trap("engine.base-address")
@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://host/x", "host:80", "", "//host", "http://", "https:///x", "http://user:pw@host", "http://user@host",
        "http://host:notaport", "http://host:99999", "http://ho st", "http://host\r\n/x", "http://host/?a=1", "http://host#x",
        "http://a\\@b/", "javascript:alert(1)", "http://[::1", "http://%65vil/",
    ],
)  # fmt: skip
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        async with client(url):
            pass
    assert caught.value.text.pt and "pw" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://host", "https://host:8180/", "http://127.0.0.1:1/base", "http://[::1]:80", "https://loja.com.br/a/b"]
)
async def test_an_address_that_is_one(url: str) -> None:
    async with client(url) as made:
        assert isinstance(made, Http)


# ---- nothing secret in an excerpt ----


@pytest.mark.parametrize(
    "body",
    [
        '{"senha":"s3cr3t"}', '{"password" : "s3cr3t"}', '{"access_token":"s3cr3t","x":1}', "appToken=s3cr3t&y=1", "api_key: s3cr3t",
        '{"Authorization":"Bearer s3cr3t"}', "Authorization: Bearer s3cr3t", '{"X-VTEX-API-AppToken":"s3cr3t"}', 
        '{"client_secret":"s3cr3t"}',
        '{"refreshToken":"s3cr3t"}', '{"token":"a\\"s3cr3t"}',
    ],
)  # fmt: skip
def test_what_looks_like_a_credential_is_blanked(body: str) -> None:
    assert "s3cr3t" not in redacted(body.encode())


def test_an_excerpt_is_short_and_of_one_line() -> None:
    text = redacted(b"<html>\n<b>Erro</b>\r\n no pedido " + b"x" * 5000)
    assert text.startswith("Erro no pedido") and "\n" not in text and len(text) <= 300
