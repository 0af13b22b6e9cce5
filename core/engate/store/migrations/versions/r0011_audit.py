"""What people changed over REST."""

# pyright: standard

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision: str | None = "0010"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("key_id", ID),
        sa.Column("key_name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(12), nullable=False),
        sa.Column("what", sa.String(40), nullable=False),
        sa.Column("thing", sa.String(240), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("integration_id", ID),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_audit_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_tenant", "audit", ["tenant_id", "id"])
    op.create_index("ix_audit_at", "audit", ["at"])
