"""A TCP server that does to HTTP requests what a test says, byte by byte."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple


class Asked(NamedTuple):
    """One request as it reached the server; `nth` of all, from 1."""

    nth: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answerer = Callable[[Asked, asyncio.StreamWriter], Awaitable[bool]]
"""Writes an answer; True keeps the connection."""


class RawServer:
    def __init__(self, answer: Answerer) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.connections = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, path, _ = head[0].split(" ")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                asked = Asked(len(self.asked) + 1, method, path, headers, body)
                self.asked.append(asked)
                if not await self.answer(asked, writer):
                    break
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def raw_server(answer: Answerer) -> AsyncGenerator[RawServer]:
    made = RawServer(answer)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        await asyncio.sleep(0)


def say(writer: asyncio.StreamWriter, status: int, body: str = "", **headers: str) -> bool:
    """A whole answer; True: the connection stays."""
    sent = {"Content-Type": "application/json", "Content-Length": str(len(body.encode()))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n{body}".encode())
    return True


def reset(writer: asyncio.StreamWriter) -> bool:
    """RST, as a dying proxy sends it."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
