"""A process that is told to end does so in a stated time, whatever hangs; and one whose HTTP server is gone does not live on."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import sqlalchemy as sa
from api.tests.conftest import INSTALLATION_KEY
from api.tests.test_cli import environment, ready, serving
from api.tests.test_hangs import family, stopped
from api.tests.test_starting import Relay
from api.tests.test_watched import KEY, started, until

from engate.errors import EngateError
from engate.testing import services
from engate_api.ending import LONGEST, ended
from engate_api.server import address, served

SLACK = 20.0
"""Seconds more that a loaded machine may need."""
pytestmark = pytest.mark.timeout(150)


class Scale(NamedTuple):
    """`given`: the environment of a process of scale mode. `postgres`: the server's process."""

    given: dict[str, str]
    postgres: int


@pytest.fixture(scope="module")
def scale(tmp_path_factory: pytest.TempPathFactory) -> Generator[Scale]:
    folder = tmp_path_factory.mktemp("ending")
    with services.postgres(folder / "pg", fast=True) as database, services.valkey(folder / "valkey") as redis:
        urls = {"ENGATE_DATABASE_URL": database, "ENGATE_REDIS_URL": redis}
        keys = {"ENGATE_SECRET_KEY": KEY, "ENGATE_INSTALLATION_KEY": INSTALLATION_KEY}
        given = environment(folder / "data", **urls, **keys, ENGATE_LOG_FORMAT="json")
        with sa.create_engine(database, poolclass=sa.NullPool).connect() as c:
            pid = int(c.exec_driver_sql("SELECT pg_read_file('postmaster.pid')").scalar_one().splitlines()[0])
        yield Scale(given, pid)


def ends(process: subprocess.Popen[str], within: float = LONGEST) -> int:
    """Its exit code, which comes in time after SIGTERM."""
    process.send_signal(signal.SIGTERM)
    return process.wait(within + SLACK)


def asked(url: str, path: str, key: str, announced: int = 0) -> socket.socket:
    """A request that nobody reads the answer of. `announced`: bytes of a body that do not come."""
    host, port = url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=SLACK)
    lines = ["Host: x", f"Authorization: Bearer {key}", "Content-Type: application/json", f"Content-Length: {announced}"]
    connection.sendall("\r\n".join([f"POST {path} HTTP/1.1", *lines, "", ""]).encode())
    return connection


@contextmanager
def silent() -> Iterator[tuple[str, socket.socket]]:
    """A platform that takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(SLACK)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", listener


# ---- told to end ----


@pytest.mark.trap("engine.end-client")
def test_serve_ends_in_time_though_a_client_and_a_platform_hang(tmp_path: Path) -> None:
    with silent() as (platform, listener), serving(tmp_path, ENGATE_INSTALLATION_KEY=INSTALLATION_KEY) as (url, process):
        ready(url)
        key = _call(url, "/tenants", INSTALLATION_KEY, {"name": "Loja"})["admin_key"]
        settings = {"base_url": platform, "login": "INTEGRACAO", "branches": ["1"]}
        erp = {"name": "ERP", "platform": "winthor", "settings": settings, "secrets": {"password": "x"}}
        id = _call(url, "/connections", key, erp)["id"]
        with asked(url, f"/connections/{id}/test", key), listener.accept()[0], asked(url, "/tenants", INSTALLATION_KEY, announced=100):
            assert ends(process) == 0


def _call(url: str, path: str, key: str, body: dict[str, Any]) -> Any:
    return httpx.post(url + path, json=body, headers={"authorization": f"Bearer {key}"}).raise_for_status().json()


@pytest.mark.trap("engine.end-database")
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_process_ends_in_time_though_the_database_hangs(tmp_path: Path, scale: Scale, command: str) -> None:
    with started(tmp_path, command, [command, "--port", "0"], scale.given) as (url, process):
        until(lambda: httpx.get(url + "/ready").is_success)
        with stopped(family(scale.postgres)):
            until(lambda: httpx.get(url + "/ready", timeout=5).status_code == 503)
            assert ends(process) == 0
        assert '"end_cut"' in (tmp_path / f"{command}.log").read_text()


BLOCKED = {
    "a plugin that keeps the event loop": "time.sleep(3600)",
    "a thread that nobody can end": "asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)",
}


@pytest.mark.trap("engine.end-forced")
@pytest.mark.parametrize("blocked", BLOCKED.values(), ids=BLOCKED.keys())
def test_what_does_not_end_by_itself_is_broken_off(blocked: str) -> None:
    program = f"""
import asyncio, time
from engate.logs import configure
from engate_api.ending import End
from engate_api.loop import run

async def main():
    end = End(1.0)
    print("up", flush=True)
    {blocked}
    await end.begun()

configure()
run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        assert ends(process, 1.0) == 1
        assert process.stderr is not None and "end_forced" in process.stderr.read()
    finally:
        process.kill()
        process.communicate()


async def test_a_cancellation_that_a_library_swallows_is_repeated() -> None:
    async def deaf() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(600)
        await asyncio.sleep(600)

    tasks = [asyncio.create_task(deaf()), asyncio.create_task(asyncio.sleep(600))]
    await asyncio.sleep(0)
    await ended(tasks, again=0.01)
    assert all(task.cancelled() for task in tasks)


@pytest.mark.trap("engine.end-work")
async def test_what_never_hears_of_its_end_is_let_go() -> None:
    heard = asyncio.Event()

    async def deaf() -> None:
        while not heard.is_set():
            with suppress(asyncio.CancelledError):
                await heard.wait()

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(SLACK):
            await ended([task], again=0.01, longest=0.05)
        assert not task.done()
    finally:
        heard.set()
        await task


# ---- the HTTP server ----


@pytest.mark.trap("engine.port-taken-later")
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_port_that_is_taken_while_a_start_waits_ends_it_in_words(tmp_path: Path, scale: Scale, command: str) -> None:
    relay = Relay(scale.given["ENGATE_DATABASE_URL"])
    at = address("127.0.0.1", 0)
    log = tmp_path / "log"
    with log.open("w") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "engate_api.cli", command, "--port", str(at.port)],
            env=scale.given | {"ENGATE_DATABASE_URL": relay.url}, stdout=subprocess.DEVNULL, stderr=written, text=True,
        )  # fmt: skip
    try:
        until(lambda: "start_waits" in log.read_text())
        with socket.socket() as taken:
            taken.bind(at)
            taken.listen()
            relay.open()
            assert process.wait(LONGEST + SLACK) == 1
    finally:
        process.kill()
        process.wait()
        relay.close()
    said = log.read_text()
    assert str(at.port) in said and "--port" in said and "Traceback" not in said


async def _app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.trap("engine.server-died")
async def test_a_server_that_ends_by_itself_ends_its_process_in_words() -> None:
    at, died = address("127.0.0.1", 0), asyncio.Event()
    with pytest.raises(EngateError) as caught:
        async with served(_app, at, died.set):
            async with httpx.AsyncClient() as client:
                await _answers(client, at.url)
            [library] = [task for task in asyncio.all_tasks() if "spawn" in getattr(task.get_coro(), "__qualname__", "")]
            library.cancel()
            async with asyncio.timeout(SLACK):
                await died.wait()
    assert str(at.port) in caught.value.text.en and caught.value.code == "http_ended"


async def _answers(client: httpx.AsyncClient, url: str) -> None:
    until_ = time.monotonic() + SLACK
    while True:
        try:
            assert (await client.get(url)).status_code == 204
            return
        except httpx.TransportError:
            assert time.monotonic() < until_
            await asyncio.sleep(0.02)


async def test_a_server_that_is_left_says_nothing_of_it() -> None:
    at = address("127.0.0.1", 0)
    async with served(_app, at, lambda: None), httpx.AsyncClient() as client:  # it would raise
        await _answers(client, at.url)
    assert address(at.host, at.port).port == at.port, "it is free again"
