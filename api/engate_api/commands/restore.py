"""`engate restore <file>`: the database from a backup, with nobody at work; the key is checked before anything is replaced."""

from __future__ import annotations

import argparse
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from engate.errors import Invalid
from engate.secrets import open_vault
from engate.store.db import Store
from engate.text import Text
from engate_api.commands.backup import copy_database, database_file, key_copy
from engate_api.installation import FolderLock
from engate_api.settings import from_environment


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="engate restore", description="SQLite only; for PostgreSQL it says which command to run.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--replace", action="store_true", help="a database that is there already is kept as *.before and replaced")
    given = parser.parse_args(argv)
    settings = from_environment()
    file: Path = given.file.absolute()
    target = database_file(settings, f"pg_restore --clean --if-exists {file} --dbname")
    lock = FolderLock(settings.data)
    try:
        _check(file)
        if target.exists() and not given.replace:
            raise Invalid(
                Text(f"Já existe um banco em {target}.", f"There is a database at {target} already."),
                Text("Use --replace: o atual fica como *.before.", "Use --replace: the present one is kept as *.before."),
                code="exists",
            )
        if settings.key_file is not None and key_copy(file).exists() and not settings.key_file.exists():
            shutil.copyfile(key_copy(file), settings.key_file)
            settings.key_file.chmod(0o600)
        staged = target.with_name(target.name + ".restoring")
        copy_database(file, staged)
        try:
            _check_key(staged, settings.key_file)
            if target.exists():
                copy_database(target, target.with_name(target.name + ".before"))
            for name in (target, staged):
                for leftover in ("-wal", "-shm"):
                    name.with_name(name.name + leftover).unlink(missing_ok=True)
            staged.replace(target)
        finally:
            staged.unlink(missing_ok=True)
    finally:
        lock.release()
    print(f"engate: {target}")
    return 0


def _check(file: Path) -> None:
    """A whole SQLite file that engate made."""
    if not file.exists():
        raise Invalid(Text(f"Não há arquivo {file}.", f"There is no file {file}."), code="no_file")
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as opened:
            whole = opened.execute("PRAGMA quick_check").fetchone()[0] == "ok"
            ours = opened.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('installation', 'tenant')").fetchone()[0] == 2
    except sqlite3.DatabaseError:
        whole = ours = False
    if not (whole and ours):
        raise Invalid(
            Text(f"{file} não é um backup do engate, ou está danificado.", f"{file} is no engate backup, or is damaged."), code="no_backup"
        )


def _check_key(file: Path, key_file: Path | None) -> None:
    """`Invalid` if the secrets in this database cannot be opened with the key at hand."""
    store = Store(f"sqlite:///{file}")
    try:
        open_vault(store, key_file)
    finally:
        store.close()
