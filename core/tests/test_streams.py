"""Answers and bodies of any length in flat memory: 50 MB each way, against a server that counts what it gets."""

from __future__ import annotations

import asyncio
import gzip
import tempfile
import tracemalloc
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any

import pytest
from core.tests.http_client import Sessions, client
from core.tests.raw_server import Asked, raw_server, reset, say

from engate.errors import Answered, NotSent, Unavailable, Unknown

LINES, LENGTH = 50_000, 1_000
MEGABYTES = LINES * (LENGTH + 1) / 2**20
FLAT = 4 * 2**20
"""Bytes that may be held at once, of 50 MB."""

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engate.http._pause", lambda *_: 0.0)


@asynccontextmanager
async def server(serve: Serve) -> AsyncGenerator[str]:
    tasks: set[asyncio.Task[Any]] = set()

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        finally:
            writer.close()

    made = await asyncio.start_server(serving, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{made.sockets[0].getsockname()[1]}"
    finally:
        made.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def flat() -> Generator[None]:
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < FLAT, f"{peak / 2**20:.1f} MB at once, of {MEGABYTES:.0f}"


HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n{more}\r\n"


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def dump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """50 MB of lines, in pieces that end anywhere."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD.format(more="").encode())
    hundred = (b"x" * LENGTH + b"\n") * 100
    cut = 777
    for _ in range(LINES // 100):
        writer.write(chunk(hundred[:cut]) + chunk(hundred[cut:]))
        await writer.drain()
    writer.write(b"0\r\n\r\n")


@pytest.mark.trap("engine.lines-flat")
async def test_an_answer_of_fifty_megabytes_is_read_line_by_line_in_flat_memory() -> None:
    async with server(dump) as url, client(url, patience=10.0) as http:
        count = 0
        with flat():
            async for line in http.lines("GET", "/result"):
                assert len(line) == LENGTH
                count += 1
        assert count == LINES


async def many_lines() -> AsyncIterator[bytes]:
    for _ in range(LINES // 100):
        yield (b"x" * LENGTH + b"\n") * 100


class Sink:
    """A server that counts the bytes of each body, chunked or with its length, and keeps none."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.heads: list[str] = []
        self.refuse_first = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            self.heads.append(head)
            size = 0
            if "transfer-encoding: chunked" in head:
                while length := int(await reader.readline(), 16):
                    await reader.readexactly(length + 2)
                    size += length
                await reader.readline()
            else:
                left = int(next(line for line in head.splitlines() if line.startswith("content-length")).partition(":")[2])
                while left:
                    piece = await reader.read(min(left, 65536))
                    left -= len(piece)
                    size += len(piece)
            self.sizes.append(size)
            refused = self.refuse_first and len(self.sizes) == 1
            say(writer, 503 if refused else 200, "{}")
            await writer.drain()


@pytest.mark.trap("engine.body-flat")
@pytest.mark.parametrize("what", ["iterator", "maker", "file"])
async def test_a_body_of_fifty_megabytes_is_sent_as_it_comes_in_flat_memory(what: str) -> None:
    sink = Sink()
    with tempfile.TemporaryFile() as file:
        if what == "file":
            for _ in range(LINES // 100):
                file.write((b"x" * LENGTH + b"\n") * 100)
            file.seek(0)
        content: Any = {"iterator": many_lines(), "maker": many_lines, "file": file}[what]
        async with server(sink.serve) as url, client(url, patience=10.0) as http:
            with flat():
                await http.call("POST", "/upload", content=content)
    assert sink.sizes == [LINES * (LENGTH + 1)]
    assert ("content-length" in sink.heads[0]) == (what == "file"), "a length that is known is told"


@pytest.mark.trap("engine.body-again")
@pytest.mark.parametrize("what", ["iterator", "maker", "file"])
async def test_what_can_be_sent_again_is_and_an_iterator_is_not(what: str) -> None:
    sink = Sink()
    sink.refuse_first = True

    async def few() -> AsyncIterator[bytes]:
        yield b"a" * 10

    with tempfile.TemporaryFile() as file:
        file.write(b"-----" + b"a" * 10)
        file.seek(5)
        content: Any = {"iterator": few(), "maker": few, "file": file}[what]
        async with server(sink.serve) as url, client(url) as http:
            if what == "iterator":
                with pytest.raises(Unknown):
                    await http.call("POST", "/upload", content=content, safe=True)
            else:
                await http.call("POST", "/upload", content=content, safe=True)
    assert sink.sizes == ([10] if what == "iterator" else [10, 10])


async def test_an_iterator_that_met_a_dead_session_says_so_and_the_next_call_has_a_new_one() -> None:
    auth = Sessions()

    async def few() -> AsyncIterator[bytes]:
        yield b"a"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            if "chunked" in head:
                await reader.readuntil(b"0\r\n\r\n")
            elif "content-length" in head:
                await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r")[0]))
            say(writer, 401 if "authorization: token-1" in head else 200, "{}")

    async with server(serve) as url, client(url, auth=auth) as http:
        with pytest.raises(NotSent):
            await http.call("POST", "/upload", content=few())
        assert (await http.call("POST", "/upload", content=few())).status == 200 and auth.logins == 2


async def lines_of(http: Any, **more: Any) -> list[bytes]:
    return [line async for line in http.lines("GET", "/lines", **more)]


@pytest.mark.parametrize("packed", [False, True])
async def test_lines_have_no_ends_and_the_last_one_needs_none(packed: bool) -> None:
    body = b'{"a": 1}\r\n\n{"b": 2}\n{"c": 3}'

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD.format(more="Content-Encoding: gzip\r\n" if packed else "").encode())
        writer.write(b"".join(chunk(bytes([byte])) for byte in (gzip.compress(body) if packed else body)) + b"0\r\n\r\n")

    async with server(serve) as url, client(url) as http:
        assert await lines_of(http) == [b'{"a": 1}', b'{"b": 2}', b'{"c": 3}']


@pytest.mark.trap("engine.line-most")
async def test_a_line_without_end_is_left_early() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD.format(more="").encode())
        for _ in range(200):
            writer.write(chunk(b"x" * 100_000))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async with server(serve) as url, client(url) as http:
        with pytest.raises(Unavailable) as caught:
            await lines_of(http)
        assert caught.value.code == "too_large" and caught.value.connection_id == 7


async def test_an_answer_that_breaks_off_is_no_end() -> None:
    """What came before is given; then it fails, for a half file must not pass for a whole one."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD.format(more="").encode() + chunk(b"one\ntwo\nthr"))
        await writer.drain()
        await asyncio.sleep(0.05)
        reset(writer)

    async with server(serve) as url, client(url) as http:
        got: list[bytes] = []
        with pytest.raises(Unavailable):
            async for line in http.lines("GET", "/lines"):
                got.append(line)
        assert got == [b"one", b"two"]


async def test_lines_may_come_for_longer_than_the_deadline_and_silence_may_not() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD.format(more="").encode())
        for _ in range(12):
            writer.write(chunk(b"line\n"))
            await writer.drain()
            await asyncio.sleep(0.1)
        if b"/silent" in asked:
            await asyncio.sleep(30)
        writer.write(b"0\r\n\r\n")

    async with server(serve) as url, client(url, patience=0.5, deadline=0.5) as http:
        assert len(await lines_of(http)) == 12
        with pytest.raises(Unavailable):
            async for _ in http.lines("GET", "/silent"):
                pass


@pytest.mark.trap("engine.lines-place")
async def test_lines_hold_a_place_in_flight_until_they_are_closed() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked = await reader.readuntil(b"\r\n\r\n")
            if b"/lines" in asked:
                writer.write(HEAD.format(more="").encode() + chunk(b"one\n"))
            else:
                say(writer, 200, "{}")
            await writer.drain()

    async with server(serve) as url, client(url, at_once=1) as http:
        async with aclosing(http.lines("GET", "/lines")) as lines:
            assert await anext(lines) == b"one"
            waiting = asyncio.create_task(http.call("GET", "/x"))
            await asyncio.sleep(0.05)
            assert not waiting.done()
        async with asyncio.timeout(2):
            assert (await waiting).status == 200


async def test_a_no_before_the_first_line_is_said_as_of_any_call() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> bool:
        if asked.nth == 1:
            return say(writer, 503)
        return say(writer, 404, '{"error": "gone"}')

    async with raw_server(answer) as made, client(made.url) as http:
        with pytest.raises(Answered) as caught:
            await lines_of(http)
        assert caught.value.status == 404 and len(made.asked) == 2
