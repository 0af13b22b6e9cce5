"""What the examination asked for."""

# pyright: standard

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    """Columns and tables are added below, each with the reason beside it."""
    # quantities are exact decimals: 0.95 kg
    exact = sa.Numeric(18, 6).with_variant(sa.String(40), "sqlite")
    with op.batch_alter_table("unit") as table:
        table.alter_column("quantity", existing_type=sa.Integer(), type_=exact, existing_nullable=False)
