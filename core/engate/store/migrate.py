"""The schema of the database, brought to the version of this code by the revisions in `migrations/` (Alembic). `tables.py` says what the
newest looks like; a test keeps the two equal.

A new revision: change `tables.py`, copy the newest file of `migrations/versions/` under the next number, name the old one in
`down_revision`, write the `op` calls out. Revisions only go up; the way back is the backup (`engate backup`).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from engate.errors import Invalid
from engate.store.db import Store
from engate.text import Text

SCRIPTS = Path(__file__).parent / "migrations"
ADVISORY_LOCK = 0x656E67617465  # "engate": one upgrade at a time in a PostgreSQL database
DELETED_STAYS = "0012"
"""Before this revision, deleted data stayed in a SQLite file until its space was used again."""
WAIT_MS = 120_000
"""Seconds that a process waits for another one's upgrade of the same SQLite file."""


def upgrade(store: Store, scripts: Path = SCRIPTS) -> None:
    """Makes or upgrades the schema, in one transaction; does nothing when it is current. Any number of processes may call it at once.

    Raises Invalid: `database_newer` (made by a newer engate, nothing is touched), `database_foreign` (tables of our names that no
    revision made).
    """
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    with _alone(store) as c:
        _check(c, ScriptDirectory.from_config(config))
        before = revision(c)
        config.attributes["connection"] = c
        command.upgrade(config, "head")
    if store.sqlite and before is not None and before < DELETED_STAYS:
        store.clean(whole=True)


def revision(c: sa.Connection) -> str | None:
    """The revision a database is at; None where no upgrade ever ran."""
    return MigrationContext.configure(c).get_current_revision()


@contextmanager
def _alone(store: Store) -> Generator[sa.Connection]:
    """A write transaction that excludes other upgrades."""
    with store.engine.connect() as plain:
        c = plain.execution_options(writes=True)
        if not store.sqlite:
            with c.begin():
                c.exec_driver_sql("SET LOCAL statement_timeout = 0")  # a large table takes long
                c.exec_driver_sql("SET LOCAL lock_timeout = 0")
                c.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
                yield c
            return
        # SQLite alters a table by making it anew, and dropping the old one would delete what points to it: no foreign keys
        # meanwhile (which can only be said outside a transaction), but all are checked before the commit.
        raw = c.connection.cursor()
        raw.execute("PRAGMA foreign_keys=OFF")
        raw.execute(f"PRAGMA busy_timeout={WAIT_MS}")
        try:
            with c.begin():
                yield c
                broken = c.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(5)
                if broken:
                    raise RuntimeError(f"the upgrade broke foreign keys: {[tuple(row) for row in broken]}")
        finally:
            raw.close()
            c.invalidate()  # the next user gets a connection with the usual pragmas


def _check(c: sa.Connection, known: ScriptDirectory) -> None:
    current = revision(c)
    if current is None:
        if sa.inspect(c).has_table("installation"):
            raise Invalid(
                Text(
                    "O banco tem tabelas com nossos nomes que nenhuma versão do engate criou.",
                    "The database holds tables of our names that no engate release made.",
                ),
                Text(
                    "Use um banco vazio (ENGATE_DATABASE_URL ou ENGATE_DATA).",
                    "Use an empty database (ENGATE_DATABASE_URL or ENGATE_DATA).",
                ),
                code="database_foreign",
            )
    elif current not in {script.revision for script in known.walk_revisions()}:
        raise Invalid(
            Text(
                f"O banco é de uma versão mais nova do engate (revisão {current}).",
                f"The database was made by a newer engate (revision {current}).",
            ),
            Text(
                "Instale a versão mais nova, ou restaure um backup feito com esta.",
                "Install the newer version, or restore a backup made with this one.",
            ),
            code="database_newer",
        )
