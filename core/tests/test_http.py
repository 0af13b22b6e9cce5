"""The HTTP client's promises, against servers that break: no silent resend, errors are exactly what they say, one login for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from core.tests.raw_server import Answerer, Asked, RawServer, free_port, raw_server, reset, say

from engate.clock import ManualClock
from engate.errors import Answered, AuthFailed, EngateError, NotSent, RateLimited, Unavailable, Unknown
from engate.http import Http, Services, Token, Transport, redacted
from engate.limits import Governor, Rate
from engate.testing.connect import CountingJournal, MemoryTokens

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
            from engate.text import Text

            raise AuthFailed(Text("recusado", "refused"))
        expires = self._clock.now() + self._lasts if self._lasts and self._clock else None
        return Token(f"token-{self.logins}", expires)

    def headers(self, token: Token) -> Mapping[str, str]:
        return {"Authorization": token.value}


@asynccontextmanager
async def client(
    url: str, *, auth: Sessions | None = None, patience: float = 2.0, rates: dict[str, Rate] | None = None, clock: ManualClock | None = None
) -> AsyncGenerator[Http]:
    async with Transport() as transport:
        services = Services(
            account="test", clock=clock or ManualClock(datetime(2026, 1, 1, tzinfo=UTC)), transport=transport, tokens=MemoryTokens(),
            journal=CountingJournal(), connection_id=7,
        )  # fmt: skip
        yield Http(services, url, auth=auth, rates=rates or {}, at_once=64, timeout=patience, headers={})


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


@pytest.mark.parametrize("status", [200, 201, 400, 404, 503])
async def test_a_page_of_html_is_never_an_answer(status: int) -> None:
    """A proxy's page, whatever status it comes with: a write may have happened."""
    page = answering(status, "<html><body>Service temporarily unavailable</body></html>", Content_Type="text/html; charset=utf-8")
    async with raw_server(page) as server, client(server.url) as http:
        with pytest.raises(Unknown):
            await http.call("POST", "/order", body={}, expect=(404,))
        assert len(server.asked) == 1
        with pytest.raises(Unavailable):
            await http.call("GET", "/list", expect=(404,))


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


async def test_credentials_that_are_refused_are_not_tried_in_a_loop() -> None:
    """A new session that is refused too: one renewal, then AuthFailed."""
    auth = Sessions()
    async with raw_server(guarded(lambda asked: False)) as server, client(server.url, auth=auth) as http:
        with pytest.raises(AuthFailed):
            await http.call("GET", "/x")
        assert auth.logins == 2 and calls(server, "/x") == 2


async def test_a_refused_login_is_tried_once_and_never_leaks_the_password() -> None:
    async with raw_server(answering(401, '{"password": "segredo"}')) as server, client(server.url, auth=Sessions()) as http:
        with pytest.raises(AuthFailed) as caught:
            await http.call("GET", "/x")
        assert len(server.asked) == 1
    assert "segredo" not in str(caught.value) + str(caught.value.text) + repr(caught.value)


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
