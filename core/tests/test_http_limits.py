"""The HTTP client's limits: rates, credits, time and size."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from functools import cache
from types import SimpleNamespace

import msgspec
import pytest
from core.tests.http_client import answering, client, graph
from core.tests.raw_server import Answerer, Asked, raw_server, say

from engate.answers import Response
from engate.errors import EngateError, RateLimited, Unavailable, Unknown
from engate.limits import Governor, Meter, Rate

pytestmark = pytest.mark.usefixtures("no_pauses")


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


# ---- credits that answers tell of ----


def metered(response: Response) -> Meter | None:
    """As of a platform that counts cost, and refuses inside a 200."""
    said = response.json()
    left = said.get("left")
    return None if left is None else Meter(1000, left, 1000, said.get("spent"), said.get("error") == "THROTTLED", said.get("asked"))


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


@pytest.mark.trap("engine.meter-asked")
async def test_a_call_that_costs_more_than_was_thought_is_refused_once() -> None:
    async def once(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        return say(writer, 200, '{"error": "THROTTLED", "left": 50, "asked": 350}' if asked.nth == 1 else '{"left": 50, "spent": 30}')

    async with raw_server(once) as server, client(server.url, judge=graph, meter=metered) as http:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await http.call("POST", "/graph", body={}, groups=("graph",), cost=10)
        assert len(server.asked) == 2 and loop.time() - started >= 0.29, "it waits for as many credits as its refusal told"


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
