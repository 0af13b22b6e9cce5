"""`engate serve`: one process with the API and, without Redis, the lanes."""

from __future__ import annotations

import argparse
import asyncio
import resource
import signal
import socket
from contextlib import ExitStack
from typing import Any

import msgspec
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from engate.clock import SystemClock
from engate.logs import configure, say
from engate_api.app import create_app
from engate_api.commands.sandbox import Beside, beside
from engate_api.embedded import opened
from engate_api.loop import run
from engate_api.patience import wait_for_servers
from engate_api.settings import Settings, from_environment


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="engate serve", description="Settings come from ENGATE_* variables; see the README.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0: any free one")
    parser.add_argument("--sandboxes", action="store_true", help="start every installed sandbox beside it")
    given = parser.parse_args(argv)
    settings = from_environment()
    configure(settings.log_level, json=settings.log_format == "json")
    if given.port and not _is_free(given.host, given.port):
        print(
            f"engate: a porta {given.port} está em uso; escolha outra com --port. / Port {given.port} is taken: choose another with --port."
        )
        return 1
    wait_for_servers(settings)
    port = given.port or _free_port(given.host)
    if given.sandboxes and settings.public_url is None:  # the sandboxes reach us where we are
        settings = msgspec.structs.replace(settings, public_url=f"http://{given.host}:{port}")
    with ExitStack() as stack:
        return run(_serve(settings, given.host, port, stack, sandboxes=given.sandboxes))


async def _serve(settings: Settings, host: str, port: int, stack: ExitStack, *, sandboxes: bool) -> int:
    """Stops on SIGINT and SIGTERM: no new requests, then the lanes' slices end, then the database closes."""
    async with opened(settings, SystemClock()) as installation:
        print(f"engate: http://{host}:{port}", flush=True)
        say("serve_started", address=f"http://{host}:{port}")
        app = create_app(settings)
        app.state.installation = installation
        # in this very process: a kill takes API and lanes together, and nobody is left behind with the folder's lock
        server = _server(app, host, port)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
        if installation.new_key is not None:
            print(f"installation key (shown this once, it creates tenants): {installation.new_key}", flush=True)
        if sandboxes:
            running = await asyncio.to_thread(stack.enter_context, beside(host, port + 1))
            print(_reached(f"http://{host}:{port}", installation.new_key, running), flush=True)
        await server.serve()
    say("serve_ended")
    return 0


HEADER_MS = 5_000
"""A request says what it wants within this time, or its connection is closed: one that says nothing keeps a place."""
BACKLOG, CONNECTIONS, FILES_LEFT = 1_024, 8_192, 512
"""Connections at once, as far as the system lets this process open files; so many files are left for everything else."""


def _server(app: Any, host: str, port: int) -> Server:
    """HTTP/1 alone: what speaks more than that stands in front."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + FILES_LEFT
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return Server(
        app, host, port, interface=Interfaces.ASGINL, websockets=False, log_level=LogLevels.error, http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MS), backlog=BACKLOG,
        backpressure=max(64, min(CONNECTIONS, soft - FILES_LEFT)),
    )  # fmt: skip


def _reached(api: str, key: str | None, sandboxes: list[Beside]) -> str:
    """What to paste into another terminal to follow the README."""
    lines = [
        f"sandbox {each.platform}: {each.url or 'did not start'}" + (f" ({each.skus} SKUs)" if each.skus else "") for each in sandboxes
    ]
    lines += ["", "# to follow the README, paste this into another terminal:", f"export ENGATE={api}"]
    lines += [f"export {each.platform.upper()}={each.url}" for each in sandboxes]
    lines.append(f"export INSTALLATION_KEY={key}" if key else "# INSTALLATION_KEY: as printed when this data folder was new")
    return "\n".join(lines)


def _is_free(host: str, port: int) -> bool:
    """The server would share a port with another of its kind and each would get half of the requests."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]
