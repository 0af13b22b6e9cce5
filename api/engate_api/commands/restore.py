"""`engate restore <file>`: the database from a backup, with nobody at work. The file is read to its end before anything is replaced; so
are its version and key checked on SQLite, while on PostgreSQL a wrong one is told afterwards, with the way back. What comes out of a
backup is asleep from its first moment: it may be a copy of an installation that is at work elsewhere."""

from __future__ import annotations

import re
import shlex
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from engate import private
from engate.errors import Invalid
from engate.store import asleep
from engate.store.db import Store
from engate.store.engines import file_of
from engate.store.migrate import upgrade
from engate.store.tables import metadata
from engate.store.vault import open_vault
from engate.text import Text
from engate_api.commands import tools
from engate_api.commands.backup import copy_database, dump
from engate_api.environment import parser, told
from engate_api.installation import FolderLock
from engate_api.settings import Settings

BESIDE = ("-wal", "-shm")


def main(argv: list[str]) -> int:
    asked = parser("engate restore", "Into SQLite by itself, into PostgreSQL with pg_restore and psql.")
    asked.add_argument("file", type=Path)
    asked.add_argument("--key", type=Path, metavar="FILE", help="the secret key, where neither the data folder nor the environment has it")
    asked.add_argument("--replace", action="store_true", help="a database that is there already is kept under another name and replaced")
    given, settings = told(asked, argv)
    file: Path = given.file.absolute()
    if not file.is_file():
        raise Invalid(Text(f"Não há arquivo {file}.", f"There is no file {file}."), code="no_file")
    lock = FolderLock(settings.data)
    try:
        made = _take_key(settings, given.key)
        try:
            active = _into_file(settings, file, given.replace) if settings.sqlite else _into_server(settings, file, given.replace)
        except BaseException:
            if made is not None:
                made.unlink(missing_ok=True)
            raise
    finally:
        lock.release()
    print(
        f"{active} integrações estavam ativas. Todas voltaram Inativas: ative cada uma quando nenhuma outra cópia estiver no ar.\n"
        f"{active} integrations were active. All came back inactive: activate each once no other copy is at work."
    )
    return 0


def _take_key(settings: Settings, key: Path | None) -> Path | None:
    """The key file that was made just now."""
    if key is None or settings.key_file is None:
        return None
    secret = key.read_bytes()
    if settings.key_file.exists() and settings.key_file.read_bytes().strip() != secret.strip():
        raise Invalid(
            Text(f"Já há outra chave em {settings.key_file}.", f"There is another key at {settings.key_file} already."),
            Text("Se não serve mais, mova-a para outro lugar.", "If it is of no use any more, move it elsewhere."),
            where="--key", code="exists",
        )  # fmt: skip
    if settings.key_file.exists():
        return None
    private.write_new(settings.key_file, secret)
    return settings.key_file


def _already(where: str) -> Invalid:
    return Invalid(
        Text(f"Já existe um banco em {where}.", f"There is a database at {where} already."),
        Text("Use --replace: o atual fica guardado com outro nome.", "Use --replace: the present one is kept under another name."),
        code="exists",
    )


def _no_backup(file: Path) -> Invalid:
    text = Text(f"{file} não é um backup deste banco, ou está danificado.", f"{file} is no backup of such a database, or is damaged.")
    return Invalid(text, Text("Escolha outro arquivo.", "Choose another file."), code="no_backup")


def _put_to_sleep(url: str, key_file: Path | None) -> int:
    """Brings it to this version, lets nothing of it go live by itself, and then makes sure that its secrets can be opened with the key at
    hand. Returns how many integrations were active."""
    store = Store(url)
    try:
        upgrade(store)
        with store.write() as c:
            active = asleep.put_all(c)
        open_vault(store, key_file)
    finally:
        store.close()
    return active


# ---- SQLite ----


def _into_file(settings: Settings, file: Path, replace: bool) -> int:
    target = file_of(settings.database_url)
    assert target is not None
    _check(file)
    if target.exists() and not replace:
        raise _already(str(target))
    staged = target.with_name(target.name + ".restoring")
    _forget(staged)
    try:
        copy_database(file, staged)
        active = _put_to_sleep(f"sqlite:///{staged}", settings.key_file)
        if target.exists():
            # moved without reading it: it may be damaged
            before = _free_name(target.with_name(target.name + ".before"))
            for ending in [each for each in ("", *BESIDE) if _beside(target, each).exists()]:
                _beside(target, ending).rename(_beside(before, ending))
            print(f"antes / before: {before}")
        staged.rename(target)
    finally:
        _forget(staged)
    print(f"engate: {target}")
    return active


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(file.name + ending)


def _forget(file: Path) -> None:
    for ending in ("", *BESIDE):
        _beside(file, ending).unlink(missing_ok=True)


def _free_name(wanted: Path) -> Path:
    nth, found = 1, wanted
    while found.exists():
        nth += 1
        found = wanted.with_name(f"{wanted.name}-{nth}")
    return found


def _check(file: Path) -> None:
    """A whole SQLite file that engate made."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as opened:
            whole = opened.execute("PRAGMA quick_check").fetchone()[0] == "ok"
            ours = opened.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('installation', 'tenant')").fetchone()[0] == 2
    except sqlite3.DatabaseError:
        whole = ours = False
    if not (whole and ours):
        raise _no_backup(file)


# ---- PostgreSQL ----


OURS = frozenset({*metadata.tables, "alembic_version"})


def _into_server(settings: Settings, file: Path, replace: bool) -> int:
    url = settings.database_url
    entries = tools.contents(file)
    if entries is None or not all(
        any(re.search(rf" TABLE DATA \S+ {name} ", each) for each in entries) for name in ("installation", "tenant")
    ):
        raise _no_backup(file)
    engine = sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)
    with engine.connect() as c:
        _nobody_else(c)
        there = sorted(OURS.intersection(sa.inspect(c).get_table_names()))
        others = [f" {row.schema} {row.name} " for row in c.exec_driver_sql(STRANGERS, {"ours": there})]
    if there and not {"alembic_version", "installation"} <= set(there):
        raise Invalid(
            Text("O banco tem tabelas com nossos nomes, de outro programa.", "The database holds tables of our names, of another program."),
            Text("Use um banco vazio (ENGATE_DATABASE_URL).", "Use an empty database (ENGATE_DATABASE_URL)."),
            code="database_foreign",
        )
    if there and not replace:
        raise _already("ENGATE_DATABASE_URL")
    before = _free_name(settings.data / "engate.before") if there else None
    if before is not None:
        dump(url, before)
        print(f"antes / before: {before}")
        with engine.connect() as c:
            _nobody_else(c)
    wanted = [entry for entry in entries if not any(other in entry for other in others)]
    active = int(tools.Refill(url, file, wanted).run(_drop(engine, there), asleep.FROM_THE_FIRST))
    try:
        _put_to_sleep(url, None)
    except BaseException:
        print(_replaced(before))
        raise
    print("engate: ENGATE_DATABASE_URL")
    return active


def _drop(engine: sa.Engine, there: list[str]) -> list[str]:
    """Without CASCADE: what hangs on them and is not ours (a view, a foreign key, a table of a newer version) makes it fail."""
    names = ", ".join(engine.dialect.identifier_preparer.quote(name) for name in there)
    functions = ", ".join(f"record_count_{each}()" for each in ("insert", "delete", "update"))
    return [*([f"DROP TABLE {names}"] if there else []), f"DROP FUNCTION IF EXISTS {functions}"]


def _replaced(before: Path | None) -> str:
    pt, en = "O banco já é o do backup, com tudo Inativo.", "The database is the backup's already, with all inactive."
    if before is None:
        return f"{pt}\n{en}"
    again = f"engate restore --replace {shlex.quote(str(before))}"
    return f"{pt} Para voltar ao de antes (também Inativo): {again}\n{en} Back to the one before (inactive, too): {again}"


STRANGERS = """
SELECT n.nspname AS schema, r.relname AS name FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace
WHERE n.nspname !~ '^pg_|^information_schema$'
AND NOT (r.relname = ANY(%(ours)s) AND pg_table_is_visible(r.oid))
AND NOT EXISTS (
  SELECT FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
  WHERE i.indexrelid = r.oid AND t.relname = ANY(%(ours)s) AND pg_table_is_visible(t.oid))
AND NOT EXISTS (
  SELECT FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
  WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.objid = r.oid AND d.deptype IN ('a', 'i')
  AND t.relname = ANY(%(ours)s) AND pg_table_is_visible(t.oid))
"""
"""Tables and the like of other programs in the same database. They are left as they are, also where the backup holds them."""

OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND coalesce(backend_type, 'client backend') = 'client backend'"
)


GONE_WITHIN = 5.0
"""Seconds that the server may still list a session after it was closed, as that of the dump."""


def _nobody_else(c: sa.Connection) -> None:
    deadline = time.monotonic() + GONE_WITHIN
    while others := int(c.exec_driver_sql(OTHERS).scalar_one()):
        if time.monotonic() < deadline:
            c.rollback()  # within a transaction the answer stays the same
            time.sleep(0.1)
            continue
        raise Invalid(
            Text(f"O banco está em uso: {others} conexões.", f"The database is in use: {others} connections."),
            Text("Pare antes todos os engate serve e engate worker, em todas as máquinas.",
                 "Stop every engate serve and engate worker first, on all machines."),
            code="in_use",
        )  # fmt: skip
