"""What sending to a storefront needs: decisions are numbered, and a thing may have a second key."""

# pyright: standard

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Columns are added, never a table made anew: that would copy a computed column and drop triggers."""
    _turns()
    _second_keys()


def _turns() -> None:
    """10, then 8, then 10 again are three decisions; a retry is none."""
    op.add_column("record", sa.Column("turn", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("record", sa.Column("turn_of", sa.LargeBinary()))


def _second_keys() -> None:
    """Some storefronts know one thing by two keys (a variant and its inventory item)."""
    key = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")
    op.add_column("link", sa.Column("more", key, nullable=False, server_default=""))
