"""The vault of an installation. A check value in the database shows a wrong key at start, before it does harm."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from engate.secrets import Vault, key_of
from engate.store.db import Store, insert
from engate.store.tables import installation, tenant

_CHECK = b"engate"


def open_vault(store: Store, key_file: Path | None) -> Vault:
    """The installation's vault. `key_file`: where a key may be made (SQLite with an empty database only) or was made."""
    with store.read() as c:
        sealed = c.execute(sa.select(installation.c.value).where(installation.c.name == "secret_check")).scalar()
        empty = sealed is None and c.execute(sa.select(tenant.c.id).limit(1)).first() is None
    vault = Vault(key_of(key_file, may_make=empty and store.sqlite))
    if sealed is None:
        with store.write() as c:  # another process may be starting too: the first check value counts
            mine = insert(c, installation).values(name="secret_check", value=vault.seal(_CHECK, "check"))
            c.execute(mine.on_conflict_do_nothing(index_elements=["name"]))
            sealed = c.execute(sa.select(installation.c.value).where(installation.c.name == "secret_check")).scalar_one()
    vault.open(sealed, "check")
    return vault
