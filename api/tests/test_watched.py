"""A worker tells how it is: alive, ready, measured, at a port of its own; and what each process says when its database goes away."""

from __future__ import annotations

import base64
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import sqlalchemy as sa
from api.tests.test_cli import environment

from engate.store.tables import slice_count
from engate.testing import services
from engate.testing.stage import PATIENCE
from engate.version import VERSION
from engate_api.installation import process_name

KEY = base64.b64encode(secrets.token_bytes(32)).decode()


class Scale(NamedTuple):
    """One API and one worker, real processes. `log`: what the worker wrote."""

    api: str
    worker: str
    database: str
    postgres: int
    log: Path


@contextmanager
def started(folder: Path, name: str, arguments: list[str], given: dict[str, str]) -> Generator[tuple[str, subprocess.Popen[str]]]:
    """Its address, once it has said it."""
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "engate_api.cli", *arguments], env=given, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert process.stdout is not None
        said = ""
        while not (found := re.search(r"http://\S+", said)):
            said = process.stdout.readline()
            assert said, (folder / f"{name}.log").read_text()
        yield found[0], process
    finally:
        process.kill()  # its database is gone: how it ends in good order is shown elsewhere
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="module")
def scale(tmp_path_factory: pytest.TempPathFactory) -> Generator[Scale]:
    folder = tmp_path_factory.mktemp("watched")
    with services.postgres(folder / "pg", fast=True) as database, services.valkey(folder / "valkey") as redis:
        given = environment(
            folder / "data", ENGATE_DATABASE_URL=database, ENGATE_REDIS_URL=redis, ENGATE_SECRET_KEY=KEY, ENGATE_LOG_FORMAT="json"
        )
        with (
            started(folder, "api", ["serve", "--port", "0"], given) as (api, _),
            started(folder, "worker", ["worker", "--port", "0"], given) as (worker, _),
        ):
            engine = sa.create_engine(database, poolclass=sa.NullPool)
            with engine.connect() as c:
                pid = int(c.exec_driver_sql("SELECT pg_read_file('postmaster.pid')").scalar_one().splitlines()[0])
            until(lambda: httpx.get(worker + "/ready").json() == {"status": "ok"})
            until(lambda: httpx.get(api + "/ready").json() == {"status": "ok"})
            yield Scale(api, worker, database, pid, folder / "worker.log")


def until(check: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if found := check():
                return found
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)


def metrics(url: str) -> dict[str, float]:
    answer = httpx.get(url + "/metrics", timeout=8)
    assert answer.status_code == 200
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in answer.text.splitlines() if not line.startswith("#")}


@pytest.mark.trap("engine.worker-shown")
def test_a_worker_tells_how_it_is_and_counts_what_it_alone_knows(scale: Scale) -> None:
    assert httpx.get(scale.worker + "/health").json() == {"status": "ok"}
    mine, whole = metrics(scale.worker), metrics(scale.api)
    assert {name: mine[f'engate_dependency_up{{dependency="{name}"}}'] for name in ("database", "redis", "storage")} == {
        "database": 1, "redis": 1, "storage": 1,
    }  # fmt: skip
    # what is one for the whole installation is told once: summed over processes it would be a multiple
    assert whole["engate_workers_alive"] == 1 and "engate_workers_alive" not in mine and "engate_lanes_due" not in mine
    assert "process_resident_memory_bytes" in mine
    version = f'engate_build_info{{version="{VERSION}"}}'
    assert mine[version] == whole[version] == 1
    assert httpx.get(scale.worker + "/me").status_code == 404  # and nothing else of the API


def test_a_worker_speaks_of_itself_alone(scale: Scale) -> None:
    """One whose runner stands still says so, whoever else works."""
    engine = sa.create_engine(scale.database, poolclass=sa.NullPool)
    other = {"worker": "machine/2", "slices": 1, "seen_at": time.time()}

    def unheard() -> bool:
        with engine.begin() as c:  # until it is next heard of, within seconds
            c.execute(sa.delete(slice_count))
            c.execute(sa.insert(slice_count).values(other))
        return httpx.get(scale.worker + "/ready").json()["status"] == "degraded"

    until(unheard)
    assert httpx.get(scale.api + "/ready").json() == {"status": "ok"}
    until(lambda: httpx.get(scale.worker + "/ready").json() == {"status": "ok"})


@pytest.mark.trap("engine.metrics-without-database")
def test_without_the_database_all_is_told_that_needs_none(scale: Scale) -> None:
    """The last of these: the server is gone for good."""
    os.kill(scale.postgres, signal.SIGQUIT)
    for url in (scale.api, scale.worker):
        until(lambda url=url: metrics(url)['engate_dependency_up{dependency="database"}'] == 0, 20)
        began = time.monotonic()
        refused = httpx.get(url + "/ready", timeout=5)
        assert time.monotonic() - began < 5 and refused.status_code == 503
        assert [error["where"] for error in refused.json()["errors"]] == ["database"]
        assert httpx.get(url + "/health").status_code == 200
    assert "engate_lanes_due" not in metrics(scale.api)  # not as they were
    until(lambda: "worker_interrupted" in scale.log.read_text() or "beat_failed" in scale.log.read_text())


def test_a_port_that_is_taken_ends_a_worker_in_words(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        given = environment(
            tmp_path, ENGATE_DATABASE_URL="postgresql+psycopg://a:b@127.0.0.1:1/c", ENGATE_REDIS_URL="redis://127.0.0.1:1/0"
        )
        command = [sys.executable, "-m", "engate_api.cli", "worker", "--port", str(taken.getsockname()[1])]
        ran = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 1 and "--port" in ran.stderr and "Traceback" not in ran.stderr


@pytest.mark.trap("engine.process-name")
def test_a_machine_of_a_long_name_works_on_lanes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "engate-worker-7d9f8b6c5-x2v4q.production.svc.cluster.local.example.com")
    assert len(process_name()) + len("/") + 12 <= 60
