"""What is told of every call: how it ended by the contract of errors, each attempt by itself, and no secret in any form."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from core.tests.http_client import Sessions, answering
from core.tests.raw_server import Answerer, Asked, free_port, raw_server, say

from engate import doing
from engate.calls import Exchange
from engate.clock import ManualClock
from engate.doing import naming
from engate.errors import EngateError
from engate.hidden import Hidden
from engate.http import Http, Services, Terms, Transport
from engate.logs import masked, without_secrets
from engate.model import Batch, Item, Price, Query
from engate.testing.connect import CountingJournal, MemoryTokens
from engate.transcript import MOST, Line, about, readable, taken

pytestmark = pytest.mark.usefixtures("no_pauses")
SECRET = 'pa/ss "wörd" & <more>'


class Ear:
    """Keeps every call as people read it."""

    def __init__(self, *secrets: str, breaks: bool = False) -> None:
        self.hidden, self.breaks, self._taken = Hidden(secrets), breaks, list[Any]()

    def hide(self, *secrets: str) -> None:
        self.hidden.learn(secrets)

    def ended(self, exchange: Exchange) -> None:
        if self.breaks:
            raise ValueError(SECRET)
        self._taken.append(taken(exchange, about(doing.current()), 0.0, example=False))

    @property
    def lines(self) -> list[Line]:
        return [readable(each, self.hidden) for each in self._taken]

    def said(self) -> list[tuple[str, str, int]]:
        return [(line.outcome, line.error, line.attempt) for line in self.lines]


@asynccontextmanager
async def client(url: str, ear: Ear, **terms: Any) -> AsyncGenerator[Http]:
    async with Transport() as transport:
        services = Services(
            account="test", clock=ManualClock(datetime(2026, 1, 1, tzinfo=UTC)), transport=transport, tokens=MemoryTokens(),
            journal=CountingJournal(), calls=ear,
        )  # fmt: skip
        yield Http(services, url, Terms(timeout=2.0, **terms))


async def closes(asked: Asked, writer: asyncio.StreamWriter) -> bool:
    return False


OUTCOMES: list[tuple[str, Answerer, dict[str, Any], list[tuple[str, str, int]]]] = [
    ("GET", answering(200), {}, [("ok", "", 1)]),
    ("GET", answering(404), {"expect": (404,)}, [("ok", "", 1)]),
    ("POST", answering(422), {}, [("refused", "http.422", 1)]),
    ("POST", answering(403), {}, [("refused", "forbidden", 1)]),
    ("POST", answering(401), {}, [("refused", "auth_failed", 1)]),
    ("GET", answering(500), {}, [("failed", "unavailable", nth) for nth in range(1, 6)]),
    ("POST", answering(500), {"safe": False}, [("unknown", "unknown", 1)]),
    ("POST", closes, {"safe": False}, [("unknown", "unknown", 1)]),
    ("PUT", closes, {}, [("unknown", "unknown", nth) for nth in range(1, 6)]),
    ("POST", answering(429), {}, [("refused", "rate_limited", nth) for nth in range(1, 6)]),
]


@pytest.mark.parametrize(("method", "answer", "how", "expected"), OUTCOMES)
async def test_each_attempt_is_told_with_how_it_ended(
    method: str, answer: Answerer, how: dict[str, Any], expected: list[tuple[str, str, int]]
) -> None:
    ear = Ear()
    async with raw_server(answer) as server, client(server.url, ear) as http:
        with suppress(EngateError):
            await http.call(method, "/things/7?a=1", operation="/things/{id}", body={"x": 1} if method != "GET" else None, **how)
        assert ear.said() == expected
        [*_, last] = ear.lines
        assert (last.method, last.operation, last.said.path) == (method, "/things/{id}", "/things/7?a=1")
        assert last.said.request == ('{"x":1}' if method != "GET" else "") and last.ms >= 0


async def test_what_nobody_took_had_no_effect() -> None:
    ear = Ear()
    async with client(f"http://127.0.0.1:{free_port()}", ear) as http:
        with pytest.raises(EngateError):
            await http.call("POST", "/x", body={}, safe=False)
    assert {(line.outcome, line.error, line.status) for line in ear.lines} == {("failed", "unreachable", 0)}


@pytest.mark.parametrize(("method", "outcome"), [("GET", "failed"), ("POST", "unknown")])
async def test_a_call_that_is_ended_from_outside_is_told_too(method: str, outcome: str) -> None:
    began = asyncio.Event()

    async def hangs(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        began.set()
        await asyncio.sleep(60)
        return False

    ear = Ear()
    async with raw_server(hangs) as server, client(server.url, ear) as http:
        calling = asyncio.create_task(http.call(method, "/x"))
        await began.wait()
        calling.cancel()
        await asyncio.wait([calling])
        assert ear.said() == [(outcome, "cancelled", 1)]


async def test_an_answer_that_is_read_line_by_line_is_told_when_it_is_over() -> None:
    ear = Ear()
    async with raw_server(answering(200, "one\ntwo\n")) as server, client(server.url, ear) as http:
        async for _ in http.lines("GET", "/lines"):
            assert ear.lines == []
        assert ear.said() == [("ok", "", 1)] and ear.lines[0].status == 200


# ---- secrets ----


@pytest.mark.trap("engine.calls-login")
async def test_a_login_is_told_without_what_it_carries_and_its_session_is_never_shown() -> None:
    session = "session-of-the-platform-1"

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        if asked.path == "/login":
            return say(writer, 200, json.dumps({"session": session, "user": "INTEGRACAO"}))
        if asked.nth < 4:
            return say(writer, 401)
        return say(writer, 200, json.dumps({"you": asked.headers["authorization"], "again": session}))

    class Named(Sessions):
        async def login(self, http: Http) -> Any:
            made = await super().login(http)
            return type(made)(session, None)

    ear = Ear("segredo")
    async with raw_server(answer) as server, client(server.url, ear, auth=Named()) as http:
        with naming("list_products"):
            await http.call("GET", "/x")
        assert [(line.method, line.operation, line.outcome) for line in ear.lines] == [
            ("POST", "/login", "ok"), ("GET", "/x", "refused"), ("POST", "/login", "ok"), ("GET", "/x", "ok"),
        ]  # fmt: skip
        assert "segredo" not in str(ear.lines) and session not in str(ear.lines) and "INTEGRACAO" not in str(ear.lines)
        assert ear.lines[-1].said.answer == '{"you": "***", "again": "***"}' and ear.lines[0].said.answer.startswith("(62 bytes")


FORMS = [
    SECRET, SECRET.upper(), json.dumps(SECRET)[1:-1],
    json.dumps(SECRET, ensure_ascii=False)[1:-1].replace("/", "\\/"), quote(SECRET, safe=""),
    quote_plus(SECRET), base64.b64encode(SECRET.encode()).decode(), "pa/ss &quot;wörd&quot; &amp; &lt;more&gt;",
]  # fmt: skip


@pytest.mark.trap("engine.calls-secret")
@pytest.mark.parametrize("form", FORMS)
async def test_a_secret_is_shown_in_none_of_its_forms(form: str) -> None:
    ear = Ear(SECRET)
    body = f"<p>before {form} after</p>"
    async with raw_server(answering(422, body, content_type="text/xml")) as server, client(server.url, ear) as http:
        with naming("push_stock"), pytest.raises(EngateError):
            await http.call("POST", f"/x?k={quote(SECRET)}", content=f"{form}".encode(), headers={"content-type": "text/plain"})
    [line] = ear.lines
    assert "before *** after" in line.said.answer and line.said.request == "***"
    for shown in (form, SECRET, quote(SECRET), quote(SECRET, safe="")):
        assert shown not in str(line)


@pytest.mark.trap("engine.calls-credentials")
async def test_credentials_that_travel_with_every_call_are_shown_nowhere() -> None:
    async def echoes(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        return say(writer, 400, json.dumps({"headers": asked.headers}), x_request_id=asked.headers["x-app-credential"])

    ear = Ear()
    headers = {"authorization": "Basic dXNlcjpwYXNzd29yZA==", "x-app-credential": "made-of-several-secrets", "x-flag": "true"}
    async with raw_server(echoes) as server, client(server.url, ear, headers=headers) as http:
        with naming("push_stock"), pytest.raises(EngateError):
            await http.call("POST", "/x", body={"true": True, "senha": "outra", "note": "https://user:pass@x/"})
    [line] = ear.lines
    assert "dXNlcjpwYXNzd29yZA" not in str(line) and "several-secrets" not in str(line) and "true" in line.said.answer
    assert "outra" not in line.said.request and "user:pass" not in line.said.request and line.said.headers["x-request-id"] == "***"


@pytest.mark.trap("engine.calls-cut")
@pytest.mark.parametrize("before", [*range(MOST - 20, MOST + 2), *range(2 * MOST - 20, 2 * MOST + 2)])
async def test_a_secret_at_the_place_of_the_cut_is_not_shown_in_part(before: int) -> None:
    ear = Ear("0123456789abcdef")
    lead = "0123456789abcdef " * 200 if before > MOST + 100 else ""  # what is masked makes the text shorter
    body = lead + "." * (before - len(lead)) + "0123456789abcdef" + "." * 5_000
    async with raw_server(answering(422, body, content_type="text/plain")) as server, client(server.url, ear) as http:
        with naming("push_stock"), pytest.raises(EngateError):
            await http.call("POST", "/x", body={})
    answer = ear.lines[0].said.answer
    assert "0123" not in answer and f"… ({len(body)} bytes)" in answer and len(answer) < MOST + 40


LIKE_SECRETS = [
    "https://user:very-secret@erp.example", "POST /in/3/very-secret/orders", "eng_very-secret", "shpat_verysecret", "eyJvery-secret.eyJ.x",
    "Bearer very-secret-1", "basic very-secret-1", '{"Password": "very-secret"}', "passwd=very-secret", "<ns:SENHA>very-secret</ns:SENHA>",
    "client_secret: very-secret", "ACCESS_TOKEN=very-secret", *(f"{name}=very-secret" for name in ("apiKey", "api-key", "API_KEY")),
    *(f"{name}%3Dvery-secret" for name in ("appKey", "app-key", "APP_KEY", "Authorization")),
]  # fmt: skip


@pytest.mark.parametrize("text", LIKE_SECRETS)
def test_what_looks_like_a_secret_is_masked_whatever_it_looks_like(text: str) -> None:
    assert "very-secret" not in without_secrets(text) and "verysecret" not in without_secrets(text)
    assert without_secrets(text) == masked(text), "the signs hide nothing from a pattern"


# ---- nothing of it is in the way ----


@pytest.mark.trap("engine.calls-never-fail")
async def test_no_call_fails_because_somebody_listens() -> None:
    async with raw_server(answering(200, '{"a": 1}')) as server, client(server.url, Ear(breaks=True)) as http:
        assert (await http.call("GET", "/x")).json() == {"a": 1}
        assert [line async for line in http.lines("GET", "/x")] == [b'{"a": 1}']


# ---- what it was about ----


def prices(*keys: str) -> Batch[Price]:
    return Batch([Item(f"{key}/1", Price(f"{key}/1", key, Decimal(1)), remote=f"r{key}") for key in keys])


@pytest.mark.parametrize(
    ("path", "asked", "records"),
    [
        ("/prices/r2", prices("1", "2", "22"), {("price", "2/1"), ("sku", "2")}),
        ("/prices/1%2F1", prices("1", "2"), {("price", "1/1"), ("sku", "1")}),
        ("/prices", prices("1", "2"), {("price", "1/1"), ("sku", "1"), ("price", "2/1"), ("sku", "2")}),
        ("/prices", Query(keys=("7/1",)), {("price", "7/1")}),
        ("/prices", Query(), set()),
    ],
)
async def test_a_call_is_about_the_records_that_it_names(path: str, asked: object, records: set[tuple[str, str]]) -> None:
    ear = Ear()
    async with raw_server(answering(200)) as server, client(server.url, ear) as http:
        with naming("push_prices" if isinstance(asked, Batch) else "list_prices", asked):
            await http.call("PUT", path)
    [line] = ear.lines
    assert set(line.records) == records


async def test_the_slice_says_for_which_order_it_works() -> None:
    ear = Ear()
    async with raw_server(answering(200, '{"buyer": "Maria"}')) as server, client(server.url, ear) as http:
        made = doing.watched(5, "1234-01")
        made.enter("import_order", None)
        await http.call("POST", "/orders", body={"cpf": "52998224725"})
    [line] = ear.lines
    assert (line.integration_id, line.order, line.hook) == (5, "1234-01", "import_order")
    assert "Maria" in line.said.answer and "52998224725" in line.said.request


@pytest.mark.trap("engine.calls-buyers")
@pytest.mark.parametrize("status", [200, 422])
async def test_what_may_name_buyers_that_nobody_would_find_is_not_kept_or_masked(status: int) -> None:
    ear = Ear()
    body = json.dumps({"orders": [{"cpf": "529.982.247-25", "mail": "maria@example.com"}]})
    async with raw_server(answering(status, body)) as server, client(server.url, ear) as http:
        with naming("read_orders"), suppress(EngateError):
            await http.call("POST", "/orders?mail=maria@example.com", body={"cpf": "52998224725"})
    [line] = ear.lines
    assert "529" not in str(line.said) and "maria" not in str(line.said)
    assert ("bytes" in line.said.answer) is (status == 200)
