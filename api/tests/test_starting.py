"""A start that comes before PostgreSQL or Redis, workers that are not there, and a server that everybody opens connections to."""

from __future__ import annotations

import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import sqlalchemy as sa
from api.tests.conftest import INSTALLATION_KEY
from api.tests.test_cli import ready, serving
from litestar.testing import TestClient

from engate.clock import SystemClock
from engate.errors import EngateError
from engate.store import lanes
from engate.store.db import Store
from engate.store.migrate import upgrade
from engate.testing import services
from engate_api.app import create_app
from engate_api.embedded import opened
from engate_api.patience import wait_for_servers
from engate_api.settings import Settings


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with services.valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


class Relay:
    """A port that nobody listens on until `open`: then it is the server behind it."""

    def __init__(self, url: str) -> None:
        made = sa.make_url(url)
        self._to = (made.host or "", made.port or 0)
        self._listener = socket.socket()
        self._passing: list[socket.socket] = []
        self._listener.bind(("127.0.0.1", 0))
        self.url = made.set(port=self._listener.getsockname()[1], host="127.0.0.1").render_as_string(hide_password=False)

    def open(self) -> None:
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in (self._listener, *self._passing):
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._to)
            self._passing += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pass, args=(one, other), daemon=True).start()


def _pass(one: socket.socket, other: socket.socket) -> None:
    try:
        while got := one.recv(65536):
            other.sendall(got)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def settings(folder: Path, **more: Any) -> Settings:
    return Settings(data=folder, installation_key=INSTALLATION_KEY, **more)


@pytest.mark.trap("engine.start-waits")
@pytest.mark.parametrize("which", ["PostgreSQL", "Redis"])
def test_a_start_waits_for_its_servers_and_says_so(tmp_path: Path, postgres_database: str, redis_url: str, which: str) -> None:
    relay = Relay(postgres_database if which == "PostgreSQL" else redis_url)
    urls = {"database_url": postgres_database, "redis_url": redis_url}
    urls["database_url" if which == "PostgreSQL" else "redis_url"] = relay.url
    said: list[Any] = []

    def say(event: str, **fields: Any) -> None:
        said.append({"event": event, **fields})
        if len(said) == 3:
            relay.open()

    wait_for_servers(settings(tmp_path, start_wait=30.0, **urls), say, pause=0.05)
    relay.close()
    assert len(said) >= 3 and {(line["event"], line["what"]) for line in said} == {("start_waits", which)}
    assert all(line["error"] and line["seconds"] for line in said)
    password = sa.make_url(postgres_database).password
    assert password and password not in str(said)


def test_a_start_that_waited_long_enough_ends_in_words(tmp_path: Path, postgres_database: str, redis_url: str) -> None:
    for which, setting in (("database_url", "ENGATE_DATABASE_URL"), ("redis_url", "ENGATE_REDIS_URL")):
        relay = Relay({"database_url": postgres_database, "redis_url": redis_url}[which])
        urls = {"database_url": postgres_database, "redis_url": redis_url, which: relay.url}
        said: list[str] = []
        with pytest.raises(EngateError) as caught:
            wait_for_servers(settings(tmp_path, start_wait=1.0, **urls), lambda event, said=said, **_: said.append(event), pause=0.1)
        relay.close()
        assert setting in caught.value.hint.pt and "ENGATE_START_WAIT" in caught.value.hint.en and 2 <= len(said) <= 11


async def test_a_start_that_fails_makes_no_key_that_nobody_saw(tmp_path: Path) -> None:
    """It is shown once; only its hash is stored."""
    first = Settings(data=tmp_path, database_url=f"sqlite:///{tmp_path}/engate.db")
    with pytest.raises(RuntimeError):
        async with opened(msgspec.structs.replace(first, redis_url="http://nothing.example"), SystemClock()):
            pass
    async with opened(first, SystemClock()) as installation:
        assert installation.new_key is not None


# ---- workers ----


@contextmanager
def scaled(folder: Path, database: str, redis: str) -> Iterator[tuple[TestClient[Any], Store, dict[str, str]]]:
    store = Store(database)
    upgrade(store)
    with TestClient(create_app(settings(folder, database_url=database, redis_url=redis)), raise_server_exceptions=False) as client:
        key = client.post("/tenants", json={"name": "Loja"}, headers={"authorization": f"Bearer {INSTALLATION_KEY}"}).json()["admin_key"]
        yield client, store, {"authorization": f"Bearer {key}"}
    store.close()


@pytest.mark.trap("engine.no-worker")
def test_without_a_worker_it_says_degraded_and_who_was_last_seen(tmp_path: Path, postgres_database: str, redis_url: str) -> None:
    with scaled(tmp_path, postgres_database, redis_url) as (client, store, admin):
        told = client.get("/ready")
        assert (told.status_code, told.json()["status"]) == (200, "degraded") and "worker" in told.json()["detail"]
        now = time.time()
        with store.write() as c:
            lanes.count_slices(c, "machine/1", 7, now - 3600)
            lanes.count_slices(c, "machine/2", 5, now)
        assert client.get("/ready").json() == {"status": "ok"}
        workers = client.get("/workers", headers=admin).json()["workers"]
        assert [(each["name"], each["slices"], each["alive"]) for each in workers] == [("machine/2", 5, True), ("machine/1", 7, False)]
        assert workers[0]["seen_at"] > workers[1]["seen_at"]


@pytest.mark.trap("engine.worker-forgotten")
def test_a_worker_of_yesterday_is_forgotten(tmp_path: Path, postgres_database: str, redis_url: str) -> None:
    store = Store(postgres_database)
    upgrade(store)
    with store.write() as c:
        lanes.count_slices(c, "machine/1", 7, time.time() - 90_000)
        lanes.count_slices(c, "machine/2", 5, time.time() - 80_000)
    with scaled(tmp_path, postgres_database, redis_url) as (client, _, admin):
        deadline = time.monotonic() + 10
        while list(client.get("/workers", headers=admin).json()["slices"]) != ["machine/2"]:
            assert time.monotonic() < deadline
    store.close()


# ---- the server ----


HALF_OPEN = 2_049


@pytest.fixture
def files() -> Iterator[None]:
    """This process may open as many as it takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * HALF_OPEN:
        pytest.skip(f"at most {hard} open files here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * HALF_OPEN), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.trap("engine.half-open", "engine.header-time")
def test_connections_that_say_nothing_do_not_keep_others_out(tmp_path: Path, files: None) -> None:
    with serving(tmp_path) as (url, _), ExitStack() as open_:
        ready(url)
        host, port = url.removeprefix("http://").split(":")
        silent = [open_.enter_context(socket.create_connection((host, int(port)), timeout=12)) for _ in range(HALF_OPEN)]
        for each in silent[::2]:
            each.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        assert httpx.get(url + "/health", timeout=2).status_code == 200
        for each in silent[:2]:  # and they are closed before long
            got = each.recv(1000)
            assert got == b"" or b" 408 " in got


# ---- services ----


@pytest.mark.trap("engine.services-again")
def test_a_server_of_ours_that_ends_by_itself_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    with services.valkey(tmp_path, said=said.append) as url:
        first = _pid(url)
        os.kill(first, signal.SIGKILL)
        _until(lambda: len(said) == 2)
        assert _pid(url) != first and all("Valkey" in line for line in said)


def _pid(url: str) -> int:
    with socket.create_connection(("127.0.0.1", sa.make_url(url).port or 0), timeout=5) as connection:
        connection.sendall(b"INFO server\r\n")
        return int(connection.recv(65536).decode().split("process_id:")[1].split()[0])


def _until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.05)
