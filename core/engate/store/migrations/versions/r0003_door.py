"""Platforms that call us, events that carry their order, facts about an account."""

# pyright: standard

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def altered(table: str) -> Any:
    """SQLite keeps the text of a CREATE TABLE: made anew, it says what a new database says."""
    return op.batch_alter_table(table, recreate="always" if op.get_bind().dialect.name == "sqlite" else "never")


def upgrade() -> None:
    _events()


def _events() -> None:
    """An event may carry the whole order: kept with it until somebody has acted on it."""
    with altered("inbox") as table:
        table.add_column(sa.Column("doc", sa.LargeBinary()))
