"""Shops that call us for what they hold: when one was last here."""

# pyright: standard

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"


def upgrade() -> None:
    op.add_column("connection", sa.Column("contacted_at", sa.Double()))
    op.add_column("connection", sa.Column("calls_us", sa.Boolean, nullable=False, server_default=sa.false()))
    op.drop_column("integration", "installed")  # nobody ever set it: what it said is known of the connection
