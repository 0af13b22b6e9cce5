"""Database failures as errors that say what to do. Of the driver's words only those that hold no values are shown."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import exc

from engate.errors import EngateError
from engate.text import Text


class Broken(EngateError):
    """The database cannot work, whatever the statement. Code "database" where the failure may be short."""

    code = "database"


FULL = Text("Não há mais espaço em disco para o banco de dados.", "There is no space left on the disk of the database.")
FREE = Text("Libere espaço no disco: o engate segue sozinho.", "Free some space: engate goes on by itself.")
DAMAGED = Text("O arquivo do banco de dados está danificado ou não é um banco.", "The database file is damaged, or is no database.")
RESTORE = Text(
    "Pare o engate e restaure o último backup: engate restore --replace ARQUIVO.",
    "Stop engate and restore the last backup: engate restore --replace FILE.",
)
UNREACHED = Text("O arquivo do banco de dados não pode ser aberto ou gravado.", "The database file cannot be opened or written.")
OWNED = Text(
    "Confira o dono e as permissões da pasta de dados (ENGATE_DATA).", "Check who owns the data folder, and its permissions (ENGATE_DATA)."
)
SICK = Text("O disco do banco de dados falhou ao ler ou gravar.", "The disk of the database failed to read or write.")
DISK = Text("Confira o disco; faça um backup enquanto ele lê.", "Check the disk; make a backup while it still reads.")
BUSY = Text("Outro processo segura o arquivo do banco de dados.", "Another process holds the database file.")
ALONE = Text("Feche o que mais usa o arquivo.", "Close whatever else uses the file.")

OF_FILE = {  # by SQLite's primary result codes
    3: ("database_closed", UNREACHED, OWNED),
    5: ("database", BUSY, ALONE),
    6: ("database", BUSY, ALONE),
    8: ("database_closed", UNREACHED, OWNED),
    10: ("disk_failed", SICK, DISK),
    11: ("database_damaged", DAMAGED, RESTORE),
    13: ("disk_full", FULL, FREE),
    14: ("database_closed", UNREACHED, OWNED),
    26: ("database_damaged", DAMAGED, RESTORE),
}
OF_SERVER = {  # by SQLSTATE
    "53100": ("disk_full", FULL, FREE),
    "58030": ("disk_failed", SICK, DISK),
    "XX001": ("database_damaged", DAMAGED, RESTORE),
    "XX002": ("database_damaged", DAMAGED, RESTORE),
}
ELSEWHERE = Text(
    "Confira ENGATE_DATABASE_URL e se o banco de dados está no ar.", "Check ENGATE_DATABASE_URL, and whether the database is up."
)
STOPPING = Text("O engate está parando.", "engate is stopping.")
AGAIN = Text("Tente de novo em instantes.", "Try again in a moment.")


def broken(error: BaseException) -> Broken | None:
    """The `Broken` for this error. None: the statement was wrong, not the database."""
    if isinstance(error, Broken):
        return error
    said: Any = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(said, sqlite3.DatabaseError):
        code = getattr(said, "sqlite_errorcode", 26 if "not a database" in str(said) else None)
        return _made(OF_FILE.get(code & 0xFF)) if code is not None else None
    known = OF_SERVER.get(getattr(said, "sqlstate", None) or "")
    if known is not None:
        return _made(known)
    if not isinstance(error, exc.OperationalError | exc.InterfaceError | exc.TimeoutError):
        return None
    words = shortly(error)
    return Broken(
        Text(f"O banco de dados não atendeu: {words}", f"The database did not serve: {words}"),
        ELSEWHERE,
    )


def stopping() -> Broken:
    """The database has been closed: this process ends."""
    return Broken(STOPPING, AGAIN)


def lasts(error: Broken) -> bool:
    """Whether health checks must show the error although reads still work."""
    return error.code != Broken.code


def shortly(error: BaseException) -> str:
    """The first line of the driver's words, which holds no statement and no value."""
    said = getattr(error, "orig", None) or error
    return (str(said).strip().splitlines() or [type(said).__name__])[0][:200]


def _made(known: tuple[str, Text, Text] | None) -> Broken | None:
    return Broken(known[1], known[2], code=known[0]) if known is not None else None
