"""The HTTP server of `engate serve`, and of a worker that was given a port."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server
from litestar.types import ASGIApp

from engate.errors import EngateError, Invalid
from engate.logs import say
from engate.store.broken import shortly
from engate.text import Text
from engate_api.ending import HTTP

HEADER_MS = 5_000
"""A request says what it wants within this time, or its connection is closed: one that says nothing keeps a place."""
BACKLOG, CONNECTIONS, FILES_LEFT = 1_024, 8_192, 512
"""Connections at once, as far as the system lets this process open files; so many files are left for everything else."""


class Address(NamedTuple):
    """Where a process answers."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


def address(host: str, port: int) -> Address:
    """`port` 0: any free one. Raises `Invalid` where somebody has it: the server would share it with another of its kind, and each would
    get half of the requests."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OverflowError:
            raise Invalid(Text(f"Não há porta {port}.", f"There is no port {port}."), CHOOSE, where="--port") from None
        except OSError as error:
            raise Invalid(
                Text(f"A porta {port} de {host} está em uso, ou não é desta máquina.",
                     f"Port {port} of {host} is taken, or is not this machine's."),
                CHOOSE, where="--port", code="port_taken",
            ) from error  # fmt: skip
        return Address(host, probe.getsockname()[1])


CHOOSE = Text("Escolha outra com --port.", "Choose another with --port.")


@asynccontextmanager
async def served(app: ASGIApp, at: Address, died: Callable[[], None]) -> AsyncGenerator[None]:
    """While this lasts, it answers. `died` is called where it does not any more, and the end says why: a process that nobody can ask is
    started again by whoever watches it."""
    address(at.host, at.port)  # checked again: another process may have taken the port since the start
    server = _server_of(app, at)
    serving = asyncio.create_task(server.serve())
    serving.add_done_callback(lambda _: died())
    try:
        yield
    finally:
        alone = serving.done()
        server.stop()
        await asyncio.wait([serving], timeout=HTTP)  # the library itself waits for open connections without a limit
        if not serving.done():
            say("end_cut", what="http", seconds=HTTP)
            serving.cancel()
    if alone:
        error = None if serving.cancelled() else serving.exception()
        why = f" ({shortly(error)})" if error is not None else ""
        raise EngateError(
            Text(f"O servidor HTTP da porta {at.port} parou sozinho{why}.", f"The HTTP server of port {at.port} ended by itself{why}."),
            Text("O processo termina, para que o iniciem de novo (systemd e Docker o fazem).",
                 "The process ends, so that it is started again (systemd and Docker do so)."),
            code="http_ended",
        ) from error  # fmt: skip


def _server_of(app: ASGIApp, at: Address) -> Server:
    """HTTP/1 only. A proxy in front speaks the newer versions."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + FILES_LEFT
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return Server(
        app, at.host, at.port, interface=Interfaces.ASGINL, websockets=False, log_level=LogLevels.error, http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MS), backlog=BACKLOG,
        backpressure=max(64, min(CONNECTIONS, soft - FILES_LEFT)),
    )  # fmt: skip
