"""`engate backup <file>`: a consistent copy of the SQLite database, taken while it is in use, and its secret key beside it."""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from engate.errors import Invalid
from engate.secrets import ENVIRONMENT
from engate.text import Text
from engate_api.settings import Settings, from_environment


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="engate backup", description="SQLite only; for PostgreSQL it says which command to run.")
    parser.add_argument("file", type=Path)
    given = parser.parse_args(argv)
    settings = from_environment()
    file: Path = given.file.absolute()
    copy_database(database_file(settings, f"pg_dump --format=custom --file={file}"), file)
    print(f"engate: {file}")
    print(_keep_key(settings, file))
    return 0


def database_file(settings: Settings, command: str) -> Path:
    """Where the SQLite database is; `Invalid` names the command for any other."""
    url = sa.make_url(settings.database_url)
    if settings.sqlite and url.database:
        return Path(url.database)
    shown = url.set(drivername="postgresql", password=None).render_as_string()
    raise Invalid(
        Text("O banco não é SQLite.", "The database is not SQLite."),
        Text(f"Rode: {command} '{shown}' (senha em PGPASSWORD)", f"Run: {command} '{shown}' (password in PGPASSWORD)"),
        code="not_sqlite",
    )


def copy_database(source: Path, target: Path) -> None:
    """By SQLite's online backup, into a file that appears whole or not at all, readable only by us."""
    if not source.exists():
        raise Invalid(Text(f"Não há banco em {source}.", f"There is no database at {source}."), code="no_database")
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as live, closing(sqlite3.connect(part)) as copy:
            live.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def key_copy(file: Path) -> Path:
    return file.with_name(file.name + ".key")


def _keep_key(settings: Settings, file: Path) -> str:
    """Copies the key file, if the key is in one, and says how to keep the key."""
    made = settings.key_file
    if os.environ.get(ENVIRONMENT) or made is None or not made.exists():
        return (
            f"A chave está em {ENVIRONMENT}: guarde-a também; sem ela as credenciais guardadas se perdem.\n"
            f"The key is in {ENVIRONMENT}: keep it too; without it the stored credentials are lost."
        )
    copy = key_copy(file)
    copy.unlink(missing_ok=True)
    shutil.copyfile(made, copy)
    copy.chmod(0o600)
    return (
        f"chave / key: {copy}\n"
        "Guarde a chave longe do banco: quem tem os dois lê as credenciais; sem ela elas se perdem.\n"
        "Keep the key apart from the database: who has both can read the credentials; without it they are lost."
    )
