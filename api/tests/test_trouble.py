"""What keeps engate from starting or working is one sentence that says what to do, and whoever asks whether all is well hears of it."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import shutil
import sqlite3
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from api.tests.conftest import House, migrated
from sqlalchemy import event, exc
from tests.support.goods import goods

from engate.errors import Invalid
from engate.store.tables import installation
from engate_api.cli import main
from engate_api.installation import open_store
from engate_api.settings import Settings, from_environment


@pytest.mark.trap("engine.settings-checked")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENGATE_LOG_LEVEL", "loud"),
        ("ENGATE_SLOTS", "0"),
        ("ENGATE_SLOTS", "1"),
        ("ENGATE_SLOTS", "-4"),
        ("ENGATE_SLOTS", "many"),
        ("ENGATE_KEEP_BUYERS_DAYS", "29"),
        ("ENGATE_KEEP_BUYERS_DAYS", "five years"),
        ("ENGATE_WINDOWS", '{"settles_within": 3600}'),
        ("ENGATE_DELAYS", '{"retry_first": -1}'),
        ("ENGATE_DELAYS", '{"slow_after": 0}'),
        ("ENGATE_DELAYS", '{"beat": 20}'),
        ("ENGATE_DELAYS", '{"retry_frist": 5}'),
        ("ENGATE_DELAYS", "[]"),
        ("ENGATE_DELAYS", "[" * 100_000),
        ("ENGATE_DATABASE_URL", "postgres://engate:very-secret@db/engate"),
        ("ENGATE_DATABASE_URL", "mysql://engate:very-secret@db/engate"),
        ("ENGATE_DATABASE_URL", "very-secret"),
        ("ENGATE_DATABASE_URL", "postgresql+psycopg://engate:very-secret@db:port/engate"),
        ("ENGATE_DATABASE_URL", "sqlite://"),
        ("ENGATE_REDIS_URL", "http://:very-secret@redis"),
        ("ENGATE_REDIS_URL", "redis://:very-secret@redis"),  # beside SQLite
        ("ENGATE_REDIS_URL", "redis://:very-secret@redis:port"),
        ("ENGATE_PUBLIC_URL", "ftp://engate.example.com"),
    ],
)
def test_a_setting_that_cannot_be_is_named_and_its_value_is_not(name: str, value: str) -> None:
    with pytest.raises(Invalid) as caught:
        from_environment({name: value})
    assert caught.value.where == name
    assert name in caught.value.text.en and name in caught.value.text.pt
    assert "very-secret" not in f"{caught.value.text} {caught.value.hint}"


def test_a_misspelt_window_is_told_the_names_there_are() -> None:
    with pytest.raises(Invalid) as caught:
        from_environment({"ENGATE_DELAYS": '{"retry_frist": 5}'})
    assert "retry_frist" in caught.value.text.en and "retry_first" in caught.value.hint.en


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Starts the server on a data folder, which must be refused; what was said of it."""
    monkeypatch.delenv("ENGATE_SECRET_KEY", raising=False)
    monkeypatch.setenv("ENGATE_DATA", str(tmp_path / "data"))

    def started() -> str:
        capsys.readouterr()
        assert main(["serve", "--port", "0"]) == 1
        said = capsys.readouterr().err
        assert said.startswith("engate: ") and "Traceback" not in said and len(said.splitlines()) == 2, said
        return said

    return started


def furnished(data: Path) -> Path:
    data.mkdir()
    (data / "engate.db").write_bytes(migrated())
    (data / "secret.key").write_bytes(base64.b64encode(secrets.token_bytes(32)))
    return data


@pytest.mark.trap("engine.key-file-binary")
@pytest.mark.parametrize("content", [b"\xff\xfe\x00key", "chave é".encode(), b"", b"c2hvcnQ="])
def test_a_key_file_that_holds_no_key_is_named(tmp_path: Path, start: Any, content: bytes) -> None:
    file = furnished(tmp_path / "data") / "secret.key"
    file.write_bytes(content)
    assert str(file) in start()


@pytest.mark.trap("engine.start-in-words")
@pytest.mark.parametrize("spoilt", [b"no database at all " * 1000, migrated()[:4096], migrated()[: len(migrated()) // 2]])
def test_a_database_that_is_damaged_or_cut_off_is_told_apart_and_leads_to_the_backup(tmp_path: Path, start: Any, spoilt: bytes) -> None:
    (furnished(tmp_path / "data") / "engate.db").write_bytes(spoilt)
    said = start()
    assert "danificado" in said and "engate restore" in said


@pytest.mark.trap("engine.database-gone")
@pytest.mark.parametrize("emptied", [True, False])
def test_a_database_that_is_gone_is_not_begun_anew_in_silence(tmp_path: Path, emptied: bool) -> None:
    data = furnished(tmp_path / "data")
    file = data / "engate.db"
    file.write_bytes(b"") if emptied else file.unlink()
    with pytest.raises(Invalid) as caught:
        open_store(Settings(data=data, database_url=f"sqlite:///{file}"))
    assert str(file) in caught.value.text.en and "engate restore" in caught.value.hint.en
    assert not file.exists() or file.stat().st_size == 0


def test_a_worker_without_redis_is_told_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENGATE_DATA", str(tmp_path / "data"))
    assert main(["worker"]) == 1
    said = capsys.readouterr().err
    assert "ENGATE_REDIS_URL" in said and "Traceback" not in said and not (tmp_path / "data").exists()


def test_a_data_folder_that_is_none_is_named(tmp_path: Path, start: Any) -> None:
    (tmp_path / "data").write_text("a file")
    assert str(tmp_path / "data") in start()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path, start: Any) -> None:
    furnished(tmp_path / "data").chmod(0o500)
    assert str(tmp_path / "data") in start()


def filled(house: House) -> None:
    """The disk is full: no page can be added to the database any more."""
    store = house.client.app.state.installation.store

    def full(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA max_page_count=1")

    event.listen(store.engine, "connect", full)
    store.engine.dispose()
    large = sa.insert(installation).values(name="large", value=sa.func.zeroblob(20_000_000))
    with pytest.raises(exc.OperationalError):
        asyncio.run(store.writing(lambda c: c.execute(large)))


@pytest.mark.trap("engine.ready-disk")
def test_a_full_disk_is_told_though_the_database_still_answers(house: House) -> None:
    assert house.nobody.get("/ready") == {"status": "ok"}
    filled(house)
    refused = house.nobody.refused("GET", "/ready", 503)
    assert "disco" in refused["detail"] and refused["hint"] and [error["where"] for error in refused["errors"]] == ["database"]
    told = house.nobody.get("/health")
    assert told["status"] == "degraded" and "disco" in told["detail"] and "disk" in told["detail_en"]


@pytest.mark.trap("engine.ready-disk-soon")
def test_a_disk_that_is_nearly_full_is_told_before_anything_fails(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 1000, 1000))
    assert "disco" in house.nobody.refused("GET", "/ready", 503)["detail"]
    assert house.nobody.get("/health")["status"] == "degraded"


def test_a_database_that_was_damaged_meanwhile_is_a_503_with_what_to_do(house: House, tmp_path: Path) -> None:
    admin = house.tenant("Loja")
    store = house.client.app.state.installation.store
    file = tmp_path / "engate.db"
    file.write_bytes(file.read_bytes()[:100] + b"\xff" * (file.stat().st_size - 100))
    (tmp_path / "engate.db-wal").write_bytes(b"")
    store.engine.dispose()
    store.views.dispose()
    refused = admin.refused("GET", "/me", 503)
    assert refused["code"] == "database_damaged" and "engate restore" in refused["hint"]
    assert "danificado" in house.nobody.refused("GET", "/ready", 503)["detail"]


@pytest.mark.trap("engine.no-values-in-errors")
def test_an_error_of_the_database_says_nothing_of_what_was_to_be_stored(house: House) -> None:
    store = house.client.app.state.installation.store
    twice = sa.insert(installation).values(name="maria@example.com", value=b"")
    with store.write() as c:
        c.execute(twice)
    with pytest.raises(exc.IntegrityError) as caught, store.write() as c:
        c.execute(twice)
    assert "example" not in str(caught.value)


@pytest.mark.trap("engine.disk-blames-nobody")
def test_a_full_disk_is_no_fault_of_a_platform_nor_of_engate(house: House) -> None:
    """The words are those of the disk, and no connection shows as sick; what waited goes on once there is space."""
    house.erp.post("seed", goods(2))
    admin = house.tenant("Loja")
    id = house.couple(admin)
    engine = house.client.app.state.installation.store.engine

    def full(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO record "):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = 13
            raise error

    event.listen(engine, "before_cursor_execute", full)
    with structlog.testing.capture_logs() as logged:
        admin.post(f"/integrations/{id}/activate", {})
        house.until(lambda: [each for each in logged if each["event"] == "slice_failed" and each["tries"] > 3])
        assert {(each["code"], each.get("connection")) for each in logged if each["event"] == "slice_failed"} == {("disk_full", None)}
        assert [each for each in logged if each["event"] == "slice_broke"] == []
        assert {each["health"]["state"] for each in admin.get("/connections")["items"]} == {"ok"}
        event.remove(engine, "before_cursor_execute", full)
        house.quiet(admin, id)
    assert len(house.shop.get("state")) == 2
