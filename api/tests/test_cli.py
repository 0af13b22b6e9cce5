"""The command: a server as a process of its own, one per data folder; and the way back from a backup."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path

import httpx
import pytest
from litestar.testing import TestClient

from engate.testing.stage import PATIENCE
from engate_api.app import create_app
from engate_api.cli import main
from engate_api.settings import from_environment

KEY = base64.b64encode(secrets.token_bytes(32)).decode()


def environment(data: Path, **more: str) -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if not name.startswith("ENGATE_")}, "ENGATE_DATA": str(data), **more}


@contextmanager
def serving(data: Path, *arguments: str, **more: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "engate_api.cli", "serve", "--port", "0", *arguments],
        env=environment(data, **more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("engate: http://"), process.communicate()
        yield first.split()[1], process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def ready(url: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if httpx.get(url + "/ready").is_success:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_port_that_is_taken_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """Two servers of one kind would share it, and each would get half of the requests."""
    with serving(tmp_path / "one") as (url, _):
        ready(url)
        port = url.rpartition(":")[2]
        command = [sys.executable, "-m", "engate_api.cli", "serve", "--port", port]
        other = subprocess.run(command, check=False, env=environment(tmp_path / "two"), capture_output=True, text=True, timeout=60)
        assert other.returncode == 1 and "--port" in other.stderr and "Traceback" not in other.stderr
        assert not (tmp_path / "two").exists()


def test_a_first_start_a_second_process_a_backup_and_the_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    with serving(data) as (url, process):
        assert process.stdout is not None
        key = process.stdout.readline().split()[-1]
        ready(url)
        made = httpx.post(url + "/tenants", json={"name": "Loja"}, headers={"authorization": f"Bearer {key}"})
        assert made.status_code == 201, made.text
        admin = made.json()["admin_key"]
        for name, value in environment(data).items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("ENGATE_SECRET_KEY", raising=False)
        assert main(["serve", "--port", "0"]) == 1
        assert str(data) in capsys.readouterr().err
        file = tmp_path / "backup.db"
        safe = tmp_path / "safe"
        safe.mkdir()
        assert main(["backup", str(file), "--key", str(safe / "key")]) == 0  # while it is in use
        assert main(["restore", str(file)]) == 1  # not while it is in use
    assert process.returncode == 0
    assert "secret" not in capsys.readouterr().err.lower()
    assert file.stat().st_mode & 0o077 == 0 and (safe / "key").stat().st_mode & 0o077 == 0
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("ENGATE_DATA", str(elsewhere))
    assert main(["restore", str(file)]) == 1  # without the key its credentials could not be opened
    assert main(["restore", str(file), "--key", str(safe / "key")]) == 0
    assert main(["restore", str(file)]) == 1
    assert main(["restore", "--replace", str(file)]) == 0
    with TestClient(create_app(from_environment())) as client:
        assert client.get("/me", headers={"authorization": f"Bearer {admin}"}).json()["tenant"]["name"] == "Loja"


def test_what_restore_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ENGATE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ENGATE_SECRET_KEY", KEY)
    assert main(["restore", str(tmp_path / "none")]) == 1
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as c:
        c.execute("CREATE TABLE something (a)")
    c.close()
    assert main(["restore", str(other)]) == 1
    other.write_bytes(b"no database at all, whatever its name may say" * 100)
    assert main(["restore", str(other)]) == 1
    assert not (tmp_path / "data" / "engate.db").exists()
    monkeypatch.setenv("ENGATE_DATABASE_URL", "postgresql+psycopg://engate:very-secret@db/engate")
    assert main(["backup", str(tmp_path / "b")]) == 1
    said = capsys.readouterr().err
    assert "pg_dump" in said and "very-secret" not in said
    assert "very-secret" not in repr(from_environment())


def test_sandboxes_come_and_go_with_the_server(tmp_path: Path) -> None:
    with serving(tmp_path, "--sandboxes", ENGATE_INSTALLATION_KEY="eng_given") as (url, process):
        assert process.stdout is not None
        ready(url)
        found: list[str] = []
        while len(found) < len(entry_points(group="engate.sandboxes")):
            line = process.stdout.readline()
            assert line, "the server ended"
            found += [line.split()[2]] if line.startswith("sandbox ") else []
            assert "eng_given" not in line
        assert {httpx.get(box + "/_sandbox/describe").json()["role"] for box in found} == {"erp", "storefront"}
        process.kill()  # in whatever way
        process.wait(10)
        deadline = time.monotonic() + 10
        while True:
            try:
                httpx.get(found[0] + "/_sandbox/health")
            except httpx.TransportError:
                break
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "serve" in capsys.readouterr().out
    assert main(["fly"]) == 2
    assert "serve" in capsys.readouterr().err
