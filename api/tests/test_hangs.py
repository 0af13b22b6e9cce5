"""A server that hangs (it takes connections and never answers) is told apart from one that works, and nobody waits long for it."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import socket
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from litestar.testing import TestClient
from redis.asyncio import Redis
from sqlalchemy import make_url

from engate.limits import Ask, Rate
from engate.testing import services
from engate_api.app import create_app
from engate_api.budget import RedisBudget
from engate_api.settings import Settings
from engate_api.worker import open_dispatch

INSTALLATION = "eng_" + secrets.token_urlsafe(32)


class Scale(NamedTuple):
    client: TestClient[Any]
    postgres: list[int]
    valkey: int
    redis_url: str
    admin: dict[str, str]


def valkey_pid(url: str) -> int:
    with socket.create_connection(("127.0.0.1", make_url(url).port or 0), timeout=5) as connection:
        connection.sendall(b"INFO server\r\n")
        said = connection.recv(65536).decode()
    return int(said.split("process_id:")[1].split()[0])


def family(pid: int) -> list[int]:
    """A process and its children."""
    parents = {int(entry.name): _parent(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    return [pid, *(child for child, parent in parents.items() if parent == pid)]


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def scale(tmp_path_factory: pytest.TempPathFactory) -> Generator[Scale]:
    folder = tmp_path_factory.mktemp("hangs")
    os.environ.setdefault("ENGATE_SECRET_KEY", base64.b64encode(secrets.token_bytes(32)).decode())
    with services.postgres(folder / "pg", fast=True) as url, services.valkey(folder / "valkey") as redis_url:
        settings = Settings(data=folder / "data", database_url=url, redis_url=redis_url, installation_key=INSTALLATION)
        with TestClient(create_app(settings), raise_server_exceptions=False) as client:
            key = client.post("/tenants", json={"name": "Loja"}, headers={"authorization": f"Bearer {INSTALLATION}"}).json()["admin_key"]
            store = client.app.state.installation.store
            with store.read() as c:
                pid = int(c.exec_driver_sql("SELECT pg_read_file('postmaster.pid')").scalar_one().splitlines()[0])
            yield Scale(client, [pid], valkey_pid(redis_url), redis_url, {"authorization": f"Bearer {key}"})


def asked(scale: Scale, path: str, within: float) -> Any:
    began = time.monotonic()
    answer = scale.client.get(path, headers=scale.admin)
    assert time.monotonic() - began < within, path
    return answer


def well(scale: Scale) -> None:
    deadline = time.monotonic() + 20
    while scale.client.get("/ready").status_code != 200:
        assert time.monotonic() < deadline
    assert asked(scale, "/me", 20).status_code == 200


@pytest.mark.trap("engine.ready-in-time")
def test_a_database_that_hangs_is_named_within_two_seconds(scale: Scale) -> None:
    assert asked(scale, "/ready", 2).status_code == 200
    with stopped(family(scale.postgres[0])):
        for _ in range(2):  # also when every connection waits already
            answer = asked(scale, "/ready", 2)
            assert answer.status_code == 503
            assert "banco" in answer.json()["detail"] and "Redis" not in answer.json()["detail"]
            assert [error["where"] for error in answer.json()["errors"]] == ["database"]
            assert asked(scale, "/health", 1).status_code == 200
    well(scale)


def test_a_request_does_not_wait_for_a_database_that_hangs(scale: Scale) -> None:
    with stopped(family(scale.postgres[0])):
        refused = asked(scale, "/me", 6)
        assert refused.status_code == 503 and refused.json()["code"] == "database"
        assert refused.json()["hint"]
    well(scale)


def test_a_redis_that_hangs_is_a_redis_that_is_lost(scale: Scale) -> None:
    with stopped([scale.valkey]):
        answer = asked(scale, "/ready", 2)
        assert answer.status_code == 503
        assert "Redis" in answer.json()["detail"] and "banco" not in answer.json()["detail"]
        assert asked(scale, "/me", 2).status_code == 200
    well(scale)


@pytest.mark.trap("engine.redis-lost")
async def test_work_goes_on_without_a_redis_that_hangs(scale: Scale) -> None:
    """Wakes are given up, and each worker keeps to its share of the rate: neither waits for Redis again and again."""
    dispatch = await open_dispatch(scale.redis_url)
    redis = Redis.from_url(scale.redis_url, socket_timeout=1.0)
    budget = RedisBudget(redis, lambda: 1)
    try:
        await dispatch.wake(1)
        with stopped([scale.valkey]):
            began = time.monotonic()
            for id in range(20):
                await dispatch.wake(id)
                await budget.take("x", Rate(100.0), Ask(1, 1))
                await budget.stop("x", 1.0)
            assert time.monotonic() - began < 5
        assert await dispatch.ready()
    finally:
        await dispatch.close()
        await redis.aclose()


async def test_a_password_of_redis_may_hold_any_character(tmp_path: Path) -> None:
    """It is written as in any address: `%` and two digits for what means something there."""
    with services.valkey(tmp_path) as url:
        redis = Redis.from_url(url)
        await redis.config_set("requirepass", "p$w#d /@")
        await redis.aclose()
        dispatch = await open_dispatch(url.replace("://", "://:p$w%23d%20%2F%40@"))
        assert await dispatch.ready()
        await dispatch.close()


@pytest.mark.trap("engine.database-down")
def test_a_database_that_is_down_is_a_503(tmp_path: Path, scale: Scale) -> None:
    with services.postgres(tmp_path / "pg", fast=True) as url:
        settings = Settings(data=tmp_path / "data", database_url=url, redis_url=scale.redis_url, installation_key=INSTALLATION)
        with TestClient(create_app(settings), raise_server_exceptions=False) as client:
            key = client.post("/tenants", json={"name": "Loja"}, headers={"authorization": f"Bearer {INSTALLATION}"}).json()["admin_key"]
            with client.app.state.installation.store.read() as c:
                pid = int(c.exec_driver_sql("SELECT pg_read_file('postmaster.pid')").scalar_one().splitlines()[0])
            os.kill(pid, signal.SIGQUIT)
            down = Scale(client, [pid], scale.valkey, scale.redis_url, {"authorization": f"Bearer {key}"})
            for path in ("/me", "/connections", "/ready"):
                answer = asked(down, path, 6)
                assert answer.status_code == 503 and answer.json()["hint"], path
            assert asked(down, "/health", 1).status_code == 200
