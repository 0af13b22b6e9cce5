"""Each tenant has a time zone, in which its people read times."""

# pyright: standard

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"


def upgrade() -> None:
    op.add_column("tenant", sa.Column("zone", sa.String(40), nullable=False, server_default="America/Sao_Paulo"))
