"""Backup and restore: nothing is overwritten, the key goes elsewhere, nobody is at work, and what comes out of a backup is asleep."""

from __future__ import annotations

import base64
import os
import re
import secrets
import shutil
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from api.tests.conftest import INSTALLATION_KEY, SHORT, House, Live, migrated
from litestar.testing import TestClient
from tests.support.goods import goods, sale

from engate.store import backups
from engate.store.db import Store
from engate.store.tables import connection, installation, integration, tenant
from engate.store.vault import open_vault
from engate.testing import services
from engate_api.app import create_app
from engate_api.cli import main
from engate_api.installation import open_store
from engate_api.settings import Settings, from_environment

KEY = base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The commands work on this data folder from now on."""

    def at_(data: Path, **more: str) -> None:
        for name in [name for name in os.environ if name.startswith("ENGATE_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("ENGATE_DATA", str(data))
        for name, value in more.items():
            monkeypatch.setenv(name, value)

    return at_


def furnished(data: Path) -> Path:
    """An installation with one tenant, and its key in a file."""
    settings = Settings(data=data, database_url=f"sqlite:///{data}/engate.db", installation_key=INSTALLATION_KEY)
    data.mkdir()
    (data / "engate.db").write_bytes(migrated())
    with TestClient(create_app(settings)) as client:
        made = client.post("/tenants", json={"name": "Loja"}, headers={"authorization": f"Bearer {INSTALLATION_KEY}"})
        assert made.status_code == 201
    return data


def tenants(data: Path) -> list[str]:
    store = Store(f"sqlite:///{data}/engate.db")
    with store.read() as c:
        names = list(c.execute(sa.select(tenant.c.name)).scalars())
    store.close()
    return names


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


@contextmanager
def watched(folder: Path) -> Iterator[list[tuple[str, int]]]:
    """Every file that anybody could have read the moment it was made."""
    seen: list[tuple[str, int]] = []
    real = os.open

    def opened(path: Any, flags: int, *more: Any, **named: Any) -> int:
        made = real(path, flags, *more, **named)
        if flags & os.O_CREAT and str(path).startswith(str(folder)):
            seen.append((str(path), stat.S_IMODE(os.fstat(made).st_mode)))
        return made

    os.open = opened
    before = os.umask(0o022)
    try:
        yield seen
    finally:
        os.open = real
        os.umask(before)


@pytest.mark.trap("engine.private-database", "engine.private-key")
def test_what_is_stored_is_closed_to_others_from_its_first_byte(tmp_path: Path, at: Callable[..., None]) -> None:
    at(tmp_path / "data")
    with watched(tmp_path) as made:
        furnished_new = Settings(data=tmp_path / "data", database_url=f"sqlite:///{tmp_path}/data/engate.db")
        with TestClient(create_app(furnished_new)) as client:
            assert client.get("/ready").status_code == 200
            assert {path.name: oct(mode(path)) for path in (tmp_path / "data").iterdir() if mode(path) & 0o077} == {}
        (tmp_path / "elsewhere").mkdir()
        assert main(["backup", str(tmp_path / "b.db"), "--key", str(tmp_path / "elsewhere" / "key")]) == 0
        at(tmp_path / "other")
        assert main(["restore", str(tmp_path / "b.db"), "--key", str(tmp_path / "elsewhere" / "key")]) == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"engate.db", "secret.key", "b.db", "key"} <= {path.name for path in files}
    assert [path for path in files if mode(path) & 0o077] == []
    assert [(path, oct(mode_)) for path, mode_ in made if mode_ & 0o077] == []


def test_a_database_that_was_open_to_others_is_closed_at_the_start(tmp_path: Path) -> None:
    data = furnished(tmp_path / "data")
    (data / "engate.db").chmod(0o644)
    open_store(Settings(data=data, database_url=f"sqlite:///{data}/engate.db")).close()
    assert mode(data / "engate.db") == 0o600


def test_a_backup_overwrites_nothing_and_needs_its_folder(
    tmp_path: Path, at: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    data = furnished(tmp_path / "data")
    at(data, ENGATE_SECRET_KEY=KEY)
    file = tmp_path / "b.db"
    assert main(["backup", str(file)]) == 0
    first = file.read_bytes()
    capsys.readouterr()
    for target in (file, data / "engate.db"):
        before = target.read_bytes()
        assert main(["backup", str(target)]) == 1
        said = capsys.readouterr().err
        assert str(target) in said and "sobrescrito" in said and "Traceback" not in said
        assert target.read_bytes() == before
    assert file.read_bytes() == first
    assert main(["backup", str(tmp_path / "none" / "b.db")]) == 1
    said = capsys.readouterr().err
    assert str(tmp_path / "none") in said and "Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.db", "data"]


@pytest.mark.trap("engine.backup-key-apart")
def test_the_key_goes_into_another_folder_and_only_if_asked(
    tmp_path: Path, at: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    at(tmp_path / "new")
    with TestClient(create_app(from_environment())):
        pass
    key = (tmp_path / "new" / "secret.key").read_bytes()
    assert main(["backup", str(tmp_path / "b.db")]) == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "new" and key in path.read_bytes()] == []
    assert str(tmp_path / "new" / "secret.key") in capsys.readouterr().out, "it says where the key is"
    assert main(["backup", str(tmp_path / "c.db"), "--key", str(tmp_path / "c.key")]) == 1
    assert "--key" in capsys.readouterr().err and not (tmp_path / "c.db").exists()
    (tmp_path / "safe").mkdir()
    assert main(["backup", str(tmp_path / "c.db"), "--key", str(tmp_path / "safe" / "key")]) == 0
    assert (tmp_path / "safe" / "key").read_bytes() == key
    assert main(["backup", str(tmp_path / "d.db"), "--key", str(tmp_path / "safe" / "key")]) == 1  # nor is a key overwritten
    at(tmp_path / "elsewhere")
    assert main(["restore", str(tmp_path / "c.db")]) == 1
    assert not (tmp_path / "elsewhere" / "engate.db").exists()
    assert main(["restore", str(tmp_path / "c.db"), "--key", str(tmp_path / "safe" / "key")]) == 0
    assert (tmp_path / "elsewhere" / "secret.key").read_bytes() == key


@pytest.mark.trap("engine.restore-keeps")
def test_what_a_restore_replaces_is_kept_however_often_and_however_damaged(tmp_path: Path, at: Callable[..., None]) -> None:
    data = furnished(tmp_path / "data")
    at(data, ENGATE_SECRET_KEY=os.environ["ENGATE_SECRET_KEY"])
    file = tmp_path / "b.db"
    assert main(["backup", str(file)]) == 0
    assert main(["restore", str(file)]) == 1
    assert main(["restore", "--replace", str(file)]) == 0
    (data / "engate.db").write_bytes(b"damaged " * 1000)
    assert main(["restore", "--replace", str(file)]) == 0
    assert tenants(data) == ["Loja"]
    assert (data / "engate.db.before").exists() and (data / "engate.db.before-2").read_bytes() == b"damaged " * 1000


def test_a_backup_of_another_version_is_brought_to_this_one_and_a_newer_one_replaces_nothing(
    tmp_path: Path, at: Callable[..., None]
) -> None:
    data = furnished(tmp_path / "data")
    at(data, ENGATE_SECRET_KEY=os.environ["ENGATE_SECRET_KEY"])
    file = tmp_path / "newer.db"
    shutil.copy(data / "engate.db", file)
    with sqlite3.connect(file) as c:
        c.execute("UPDATE alembic_version SET version_num = '9999'")
    c.close()
    before = (data / "engate.db").read_bytes()
    assert main(["restore", "--replace", str(file)]) == 1
    assert (data / "engate.db").read_bytes() == before
    assert sorted(path.name for path in data.iterdir()) == ["engate.db", "engate.lock"]


# ---- a restored copy starts inactive ----


def restarted(folder: Path) -> Settings:
    return Settings(data=folder, database_url=f"sqlite:///{folder}/engate.db", installation_key=INSTALLATION_KEY, delays=SHORT)


DAYS = timedelta(days=2)


class DaysLater:
    """By then the accounts would be tested again, and the platforms told where we are."""

    def now(self) -> datetime:
        return datetime.now(UTC) + DAYS


@pytest.mark.trap("engine.restored-asleep", "engine.restored-awake")
def test_a_restored_copy_calls_nobody_until_it_is_activated(selling: Callable[..., Live], tmp_path: Path, at: Callable[..., None]) -> None:
    """It may be a copy: the shop's events must not be taken from the one that is at work."""
    live = selling(goods(2), stock=0.2)
    house, key = live.house, os.environ["ENGATE_SECRET_KEY"]
    at(tmp_path, ENGATE_SECRET_KEY=key)
    copy, file = tmp_path / "copy", tmp_path / "b.db"
    assert main(["backup", str(file)]) == 0
    live.admin.delete(f"/integrations/{live.id}", confirm="par")  # the first one leaves them alone from now on
    at(copy, ENGATE_SECRET_KEY=key)
    assert main(["restore", str(file)]) == 0
    path = f"/integrations/{live.id}"
    with TestClient(create_app(restarted(copy), clock=DaysLater()), raise_server_exceptions=False) as client:
        again = House(client, house.erp, house.shop, house.seen)
        admin = again.caller(live.admin.key)
        calls = {box: box.get("ledger")["requests"] for box in (house.erp, house.shop)}
        sold = house.shop.post("sell", [sale(1, (house.shop.get("state")[0]["key"], 1, house.shop.get("state")[0]["price"]))])["1"]
        again.until(lambda: _idle(client))
        assert admin.get(path)["status"] == "Inativa"
        assert {box: box.get("ledger")["requests"] for box in (house.erp, house.shop)} == calls
        admin.post(f"{path}/activate", {})
        assert admin.get(path)["status"] == "Ativa"
        again.until(lambda: [each for each in house.erp.get("orders") if each["storefront_key"] == sold])


def _idle(client: TestClient[Any]) -> bool:
    """Nothing is due and nothing is in hand."""
    store = client.app.state.installation.store
    with store.read() as c:
        due = c.exec_driver_sql("SELECT count(*) FROM lane WHERE lease IS NOT NULL OR ready_at <= ?", (DaysLater().now().timestamp(),))
        return due.scalar_one() == 0


# ---- PostgreSQL ----


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump and pg_restore, from the wheel that brings the server."""
    monkeypatch.setenv("PATH", f"{services.postgres_binaries()}{os.pathsep}{os.environ['PATH']}")


def on_server(url: str, data: Path) -> None:
    settings = Settings(data=data, database_url=url)
    store = open_store(settings)
    open_vault(store, None)
    with store.write() as c:
        c.execute(sa.insert(tenant).values(name="Loja", created_at=0))
    store.close()


def noted(url: str) -> float:
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as c:
        return backups.last(c)


def names(url: str) -> list[str]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as c:
        return list(c.execute(sa.select(tenant.c.name)).scalars())


@pytest.mark.trap("engine.restore-alone")
def test_postgresql_is_backed_up_and_restored_with_nobody_at_work(
    tmp_path: Path, postgres_database: str, at: Callable[..., None], tools: None, capsys: pytest.CaptureFixture[str]
) -> None:
    at(tmp_path, ENGATE_DATABASE_URL=postgres_database, ENGATE_SECRET_KEY=KEY)
    on_server(postgres_database, tmp_path)
    file = tmp_path / "b.dump"
    assert main(["backup", str(file)]) == 0, capsys.readouterr().err
    assert mode(file) == 0o600 and noted(postgres_database)
    assert main(["backup", str(file)]) == 1
    password = sa.make_url(postgres_database).password
    with sa.create_engine(postgres_database, poolclass=sa.NullPool).begin() as c:
        c.execute(sa.insert(tenant).values(name="Depois", created_at=0))
        c.exec_driver_sql("CREATE TABLE of_a_newer_version (a int)")
    assert main(["restore", str(file)]) == 1  # there is one already
    worker = sa.create_engine(postgres_database)
    with worker.connect() as c:
        c.exec_driver_sql("SELECT 1")
        capsys.readouterr()
        assert main(["restore", "--replace", str(file)]) == 1
        said = capsys.readouterr().err
        assert "engate worker" in said and "Traceback" not in said
    worker.dispose()
    assert names(postgres_database) == ["Loja", "Depois"]
    assert main(["restore", "--replace", str(file)]) == 0, capsys.readouterr().err
    assert names(postgres_database) == ["Loja"]
    [before] = tmp_path.glob("engate.before*")
    assert mode(before) == 0o600 and before.stat().st_size > 1000
    said = capsys.readouterr()
    assert password and password not in said.out + said.err


@pytest.mark.trap("engine.backup-noted")
def test_whoever_watches_hears_when_the_last_backup_was_made(tmp_path: Path, at: Callable[..., None]) -> None:
    """Of a backup beside a server at work; 0 where there was none, so that nobody takes silence for a backup."""
    at(tmp_path / "data", ENGATE_INSTALLATION_KEY=INSTALLATION_KEY)
    furnished(tmp_path / "data")
    with TestClient(create_app(from_environment())) as client:

        def told() -> float:
            return float(re.findall(r"^engate_backup_timestamp_seconds (\S+)$", client.get("/metrics").text, re.MULTILINE)[0])

        assert told() == 0
        before = time.time()
        assert main(["backup", str(tmp_path / "b.db")]) == 0
        deadline = time.monotonic() + 20  # what is costly to count is counted now and then
        while not told():
            assert time.monotonic() < deadline
        assert before <= told() <= time.time()


def test_a_backup_that_cannot_be_noted_is_one_all_the_same(
    tmp_path: Path, at: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    at(tmp_path / "data")
    data = furnished(tmp_path / "data")
    with sqlite3.connect(data / "engate.db") as c:
        c.execute("CREATE TRIGGER full BEFORE INSERT ON installation BEGIN SELECT RAISE(ABORT, 'no room'); END")
    c.close()
    assert main(["backup", str(tmp_path / "b.db")]) == 0
    said = capsys.readouterr().err
    assert "/metrics" in said and "no room" in said and (tmp_path / "b.db").stat().st_size > 1000


def test_without_the_tools_the_command_that_is_shown_works_as_it_stands(
    tmp_path: Path, at: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at(tmp_path, ENGATE_DATABASE_URL="postgresql+psycopg://engate:very-secret@db:5433/engate", ENGATE_SECRET_KEY=KEY)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["backup", str(tmp_path / "b.dump")]) == 1
    said = capsys.readouterr().err
    assert "pg_dump --format=custom" in said and "postgresql://engate@db:5433/engate" in said
    assert "very-secret" not in said and "***" not in said
    assert not (tmp_path / "b.dump").exists()


def test_a_file_that_is_no_dump_replaces_nothing(tmp_path: Path, postgres_database: str, at: Callable[..., None], tools: None) -> None:
    at(tmp_path, ENGATE_DATABASE_URL=postgres_database, ENGATE_SECRET_KEY=KEY)
    on_server(postgres_database, tmp_path)
    (tmp_path / "b.dump").write_bytes(b"no dump at all")
    assert main(["restore", "--replace", str(tmp_path / "b.dump")]) == 1
    assert names(postgres_database) == ["Loja"]


def run(url: str, *statements: str) -> list[Any]:
    """The rows of the last one."""
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as c:
        *first, last = statements
        for statement in first:
            c.exec_driver_sql(statement)
        answered = c.exec_driver_sql(last)
        return [tuple(row) for row in answered] if answered.returns_rows else []


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["restore", *arguments]) == 1
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return said.out + said.err


@pytest.mark.trap("engine.restore-whole-file")
@pytest.mark.parametrize("left", [0.1, 0.5, 0.9])
def test_a_dump_that_was_cut_off_changes_nothing(
    left: float, tmp_path: Path, postgres_database: str, at: Callable[..., None], tools: None, capsys: pytest.CaptureFixture[str]
) -> None:
    at(tmp_path, ENGATE_DATABASE_URL=postgres_database, ENGATE_SECRET_KEY=KEY)
    on_server(postgres_database, tmp_path)
    file = tmp_path / "b.dump"
    many = "INSERT INTO tenant (name, created_at) SELECT md5(n::text), 0 FROM generate_series(1, 3000) n"
    run(postgres_database, many)  # more than the table of contents, which comes first
    assert main(["backup", str(file)]) == 0
    run(postgres_database, "DELETE FROM tenant WHERE name <> 'Loja'", "UPDATE tenant SET name = 'Depois'")
    file.write_bytes(file.read_bytes()[: int(left * file.stat().st_size)])
    assert str(file) in _refused(capsys, "--replace", str(file))
    assert names(postgres_database) == ["Depois"]
    assert list(tmp_path.glob("engate.before*")) == []


@pytest.mark.trap("engine.restore-strangers")
def test_what_is_not_ours_stays_as_it_is_in_the_same_database(
    tmp_path: Path, postgres_database: str, at: Callable[..., None], tools: None, capsys: pytest.CaptureFixture[str]
) -> None:
    at(tmp_path, ENGATE_DATABASE_URL=postgres_database, ENGATE_SECRET_KEY=KEY)
    on_server(postgres_database, tmp_path)
    file = tmp_path / "b.dump"
    run(
        postgres_database,
        "CREATE TABLE stranger (id serial PRIMARY KEY, word text UNIQUE)",
        "INSERT INTO stranger (word) VALUES ('old')",
        "CREATE VIEW words AS SELECT word FROM stranger",
        'CREATE SCHEMA "of a stranger"',
    )
    assert main(["backup", str(file)]) == 0
    run(postgres_database, "UPDATE stranger SET word = 'new'", "CREATE TABLE later (a int)", 'DROP SCHEMA "of a stranger"')
    assert main(["restore", "--replace", str(file)]) == 0, capsys.readouterr().err
    assert run(postgres_database, "SELECT word FROM words") == [("new",)]
    assert run(postgres_database, "SELECT count(*) FROM later") == [(0,)]
    run(postgres_database, "UPDATE tenant SET name = 'Depois'")
    [before] = tmp_path.glob("engate.before")
    assert main(["restore", "--replace", str(before)]) == 0, "the copy of before is a backup like any other"
    assert names(postgres_database) == ["Loja"]


@pytest.mark.trap("engine.restore-at-once")
def test_a_restore_that_fails_on_the_way_leaves_the_database_as_it_was(
    tmp_path: Path, postgres_database: str, at: Callable[..., None], tools: None, capsys: pytest.CaptureFixture[str]
) -> None:
    at(tmp_path, ENGATE_DATABASE_URL=postgres_database, ENGATE_SECRET_KEY=KEY)
    on_server(postgres_database, tmp_path)
    file = tmp_path / "b.dump"
    run(postgres_database, "CREATE FUNCTION in_the_way() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    assert main(["backup", str(file)]) == 0
    run(postgres_database, "UPDATE tenant SET name = 'Depois'")
    said = _refused(capsys, "--replace", str(file))
    assert "in_the_way" in said and "ficou como estava" in said and "banco vazio" in said
    assert names(postgres_database) == ["Depois"]
    run(postgres_database, "DROP FUNCTION in_the_way", "CREATE VIEW hanging AS SELECT name FROM tenant")
    said = _refused(capsys, "--replace", str(file))
    assert "view hanging" in said and "ficou como estava" in said
    assert run(postgres_database, "SELECT name FROM hanging") == [("Depois",)]


@pytest.mark.trap("engine.restore-leave")
def test_a_session_that_is_about_to_end_is_waited_for(
    tmp_path: Path, postgres_database: str, at: Callable[..., None], tools: None, capsys: pytest.CaptureFixture[str]
) -> None:
    at(tmp_path, ENGATE_DATABASE_URL=postgres_database, ENGATE_SECRET_KEY=KEY)
    on_server(postgres_database, tmp_path)
    file = tmp_path / "b.dump"
    assert main(["backup", str(file)]) == 0
    last = threading.Thread(target=run, args=(postgres_database, "SELECT pg_sleep(1)"))
    last.start()
    while run(postgres_database, "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(1)'") == [(0,)]:
        assert last.is_alive()
    assert main(["restore", "--replace", str(file)]) == 0, capsys.readouterr().err
    last.join()


def test_tables_of_our_names_of_another_program_are_not_replaced(
    tmp_path: Path, postgres_database: str, at: Callable[..., None], tools: None, capsys: pytest.CaptureFixture[str]
) -> None:
    at(tmp_path, ENGATE_DATABASE_URL=postgres_database, ENGATE_SECRET_KEY=KEY)
    on_server(postgres_database, tmp_path)
    file = tmp_path / "b.dump"
    assert main(["backup", str(file)]) == 0
    run(postgres_database, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "CREATE TABLE connection (a int)")
    assert "banco vazio" in _refused(capsys, "--replace", str(file))
    assert run(postgres_database, "SELECT count(*) FROM connection") == [(0,)]


SLEEPING = sa.select(installation.c.name).where(installation.c.name.like("asleep/%"))


@pytest.mark.trap("engine.restore-asleep-first", "engine.restore-key-last")
@pytest.mark.parametrize("what", ["wrong key", "no key", "newer"])
def test_a_restore_that_fails_at_its_end_leaves_the_copy_asleep_and_says_the_way_back(
    what: str, tmp_path: Path, postgres_database: str, at: Callable[..., None], tools: None, capsys: pytest.CaptureFixture[str]
) -> None:
    at(tmp_path, ENGATE_DATABASE_URL=postgres_database, ENGATE_SECRET_KEY=KEY)
    on_server(postgres_database, tmp_path)
    engine = sa.create_engine(postgres_database, poolclass=sa.NullPool)
    with engine.begin() as c:
        for id, role in ((1, "erp"), (2, "storefront")):
            c.execute(sa.insert(connection).values(id=id, tenant_id=1, name=role, platform="p", role=role, settings={}, created_at=0))
        both = {"erp_id": 1, "storefront_id": 2, "options": {}, "mapping": {}}
        c.execute(sa.insert(integration).values(id=7, tenant_id=1, name="par", active=True, shop="loja", created_at=0, **both))
        if what == "newer":
            c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    file = tmp_path / "b.dump"
    assert main(["backup", str(file)]) == 0
    if what == "newer":
        run(postgres_database, "UPDATE alembic_version SET version_num = '0001'")
    elif what == "no key":
        at(tmp_path, ENGATE_DATABASE_URL=postgres_database)
    else:
        at(tmp_path, ENGATE_DATABASE_URL=postgres_database, ENGATE_SECRET_KEY=base64.b64encode(b"x" * 32).decode())
    said = _refused(capsys, "--replace", str(file))
    assert f"engate restore --replace {tmp_path / 'engate.before'}" in said and "já é o do backup" in said
    with engine.connect() as c:
        # a version that cannot be read is not changed but for what keeps it asleep
        shop = "loja" if what == "newer" else None
        assert [tuple(row) for row in c.execute(sa.select(integration.c.active, integration.c.shop))] == [(False, shop)]
        assert list(c.execute(SLEEPING).scalars()) == ["asleep/7"]
