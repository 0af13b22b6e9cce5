"""The HTTP client's promises, against servers that break: no silent resend, errors are exactly what they say, no way to elsewhere."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from core.tests.http_client import UNSAFE, answering, client
from core.tests.raw_server import Answerer, Asked, free_port, raw_server, reset, say

from engate.answers import redacted
from engate.errors import Answered, EngateError, Invalid, NotSent, Unavailable, Unknown
from engate.http import Http

pytestmark = pytest.mark.usefixtures("no_pauses")


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
