"""`engate backup <file>`: a consistent copy of the database, taken while it is in use. The secret key goes elsewhere, and only if asked."""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from engate import private
from engate.errors import Invalid
from engate.secrets import ENVIRONMENT
from engate.store import backups
from engate.store.broken import shortly
from engate.store.db import Store
from engate.store.engines import file_of
from engate.text import Text
from engate_api.commands import tools
from engate_api.environment import parser, told
from engate_api.settings import Settings

ELSEWHERE = Text("Escolha outro nome: nada é sobrescrito.", "Choose another name: nothing is overwritten.")


def main(argv: list[str]) -> int:
    asked = parser("engate backup", "Of SQLite by itself, of PostgreSQL with pg_dump.")
    asked.add_argument("file", type=Path, help="made anew; nothing is overwritten")
    asked.add_argument("--key", type=Path, metavar="FILE", help="also the secret key, into this file in another folder")
    given, settings = told(asked, argv)
    file: Path = given.file.absolute()
    key: Path | None = given.key.absolute() if given.key is not None else None
    for each in filter(None, (file, key)):
        must_be_new(each)
    if key is not None and key.parent == file.parent:
        raise Invalid(
            Text("A chave não fica na pasta do backup.", "The key does not go into the backup's folder."),
            Text("Quem tem os dois lê as credenciais: dê a --key outra pasta, de outro disco.",
                 "Who has both can read the credentials: give --key another folder, on another disk."),
            where="--key", code="key_beside",
        )  # fmt: skip
    secret = _secret(settings) if key is not None else b""
    database = file_of(settings.database_url)
    if database is not None:
        copy_database(database, file)
    else:
        dump(settings.database_url, file)
    print(f"engate: {file}")
    if key is not None:
        private.write_new(key, secret)
        print(f"chave / key: {key}")
    _note(settings.database_url)
    print(_keep_apart(settings))
    return 0


def must_be_new(file: Path) -> None:
    if not file.parent.is_dir():
        text = Text(f"A pasta {file.parent} não existe.", f"There is no folder {file.parent}.")
        raise Invalid(text, Text("Crie-a antes, ou escolha outra.", "Make it first, or choose another."), code="no_folder")
    if file.exists():
        raise Invalid(Text(f"{file} já existe.", f"{file} is there already."), ELSEWHERE, code="exists")


def copy_database(source: Path, target: Path) -> None:
    """By SQLite's online backup. The file appears only when it is complete, is readable by its owner alone, and replaces no other
    file."""
    if not source.exists():
        raise Invalid(Text(f"Não há banco em {source}.", f"There is no database at {source}."), code="no_database")
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    private.write_new(part)
    try:
        with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as live, closing(sqlite3.connect(part)) as copy:
            live.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        _name(part, target)
    finally:
        part.unlink(missing_ok=True)


def _name(part: Path, target: Path) -> None:
    try:
        os.link(part, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        must_be_new(target)  # the file system has no hard links
        part.rename(target)


def dump(url: str, file: Path) -> None:
    """The same by pg_dump. If it is interrupted, nothing that looks like a backup is left."""
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    private.write_new(part)
    try:
        tools.dump(url, part)
        _name(part, file)
    finally:
        part.unlink(missing_ok=True)


def _secret(settings: Settings) -> bytes:
    given = os.environ.get(ENVIRONMENT)
    if given:
        return os.fsencode(given)
    if settings.key_file is None or not settings.key_file.exists():
        raise Invalid(Text("Esta instalação ainda não tem chave.", "This installation has no key yet."), where="--key", code="no_key")
    return settings.key_file.read_bytes()


def _note(url: str) -> None:
    """Notes the time of the backup, for `/metrics`. A backup that cannot be noted is still a good one."""
    try:
        store = Store(url)
        try:
            with store.write() as c:
                backups.made(c, time.time())
        finally:
            store.close()
    except (SQLAlchemyError, OSError) as error:
        said = shortly(error)
        pt, en = "O backup está pronto, mas /metrics não o mostrará", "The backup is made, but /metrics will not show it"
        print(f"{pt}: {said}\n{en}: {said}", file=sys.stderr)


def _keep_apart(settings: Settings) -> str:
    where = ENVIRONMENT if os.environ.get(ENVIRONMENT) or settings.key_file is None else settings.key_file
    return (
        f"Guarde também a chave ({where}), longe do backup: quem tem os dois lê as credenciais; sem ela elas se perdem.\n"
        f"Keep the key ({where}) too, apart from the backup: who has both can read the credentials; without it they are lost."
    )
