"""What the examination asked for."""

# pyright: standard

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    """Columns and tables are added below, each with the reason beside it."""
    _lanes()


def _lanes() -> None:
    """When a lane may go is one indexed number; who holds how many is an index too; what a lane met is kept until it gets through."""
    ready = "CASE WHEN not_before > due_at THEN not_before ELSE due_at END"
    op.drop_index("ix_lane_due", "lane")
    with op.batch_alter_table("lane") as table:
        table.add_column(sa.Column("trouble_of", sa.BigInteger().with_variant(sa.Integer, "sqlite")))
        table.add_column(sa.Column("trouble", sa.JSON))
        table.add_column(sa.Column("ready_at", sa.Double, sa.Computed(ready, persisted=True)))
    op.create_index("ix_lane_ready", "lane", ["ready_at", "integration_id"])
    scheduled = sa.text("ready_at IS NOT NULL")
    op.create_index("ix_lane_first", "lane", ["integration_id", "prio", "ready_at"], sqlite_where=scheduled, postgresql_where=scheduled)
    op.create_index("ix_lane_lease", "lane", ["lease_until"])
    op.create_index("ix_lane_trouble", "lane", ["trouble_of"])
