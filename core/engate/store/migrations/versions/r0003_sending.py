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
    _operations()
    _second_keys()


def _turns() -> None:
    """10, then 8, then 10 again are three decisions; a retry is none."""
    op.add_column("record", sa.Column("turn", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("record", sa.Column("operation_id", ID))
    op.add_column("record", sa.Column("turn_of", sa.LargeBinary()))


def _second_keys() -> None:
    """Some storefronts know one thing by two keys (a variant and its inventory item)."""
    key = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")
    op.add_column("link", sa.Column("more", key, nullable=False, server_default=""))


def _operations() -> None:
    """What a storefront works on after it has answered; its records wait for it."""
    op.create_table(
        "operation",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("ticket", sa.String(400), nullable=False),
        sa.Column("items", sa.LargeBinary(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_operation_tenant_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_operation_integration_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_operation"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_operation_integration", "operation", ["integration_id"])
    there = sa.text("operation_id IS NOT NULL")
    op.create_index("ix_record_operation", "record", ["operation_id"], sqlite_where=there, postgresql_where=there)
