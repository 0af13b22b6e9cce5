"""Records and links as rows: which set is meant, and how many are stored at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from engate.store.many import execute_many
from engate.store.tables import metadata

ROWS = 500
"""Rows of one statement."""


class RecordSet(NamedTuple):
    """The records (and links) of one kind in one integration."""

    tenant_id: int
    integration_id: int
    kind: str


def upsert(c: sa.Connection, table: sa.Table, fields: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Inserts records or links; existing ones get these fields. On PostgreSQL it is one statement for all, so triggers run once."""
    if c.dialect.name == "sqlite":
        execute_many(c, _one_by_one(table.name, tuple(fields)), rows)
        return
    unique = {(row["integration_id"], row["kind"], row["key"]): row for row in rows}
    names = tuple(rows[0])
    c.execute(_all_at_once(table.name, tuple(fields), names), {name: [row[name] for row in unique.values()] for name in names})


@cache
def _one_by_one(table: str, fields: tuple[str, ...]) -> Any:
    s = sqlite.insert(metadata.tables[table])
    return s.on_conflict_do_update(index_elements=["integration_id", "kind", "key"], set_={name: s.excluded[name] for name in fields})


@cache
def _all_at_once(table: str, fields: tuple[str, ...], names: tuple[str, ...]) -> Any:
    columns = metadata.tables[table].columns
    types = {name: columns[name].type.compile(postgresql.dialect()).partition(" COLLATE ")[0] for name in names}
    arrays = ", ".join(f"CAST(:{name} AS {types[name]}[])" for name in names)
    listed = ", ".join(f'"{name}"' for name in names)
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in fields)
    return sa.text(
        f"INSERT INTO {table} ({listed}) SELECT * FROM unnest({arrays}) "  # noqa: S608  # names of columns
        f"ON CONFLICT (integration_id, kind, key) DO UPDATE SET {changes}"
    )
