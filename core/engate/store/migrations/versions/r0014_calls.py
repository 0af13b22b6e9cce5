"""The journal of calls."""

# pyright: standard

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision: str | None = "0013"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("connection", sa.Column("calls_until", sa.Double()))
    op.create_table(
        "call",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("connection_id", ID, nullable=False),
        sa.Column("integration_id", ID),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("hook", sa.String(40), nullable=False),
        sa.Column("method", sa.String(10), nullable=False),
        sa.Column("operation", sa.String(200), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(8), nullable=False),
        sa.Column("error", sa.String(80), nullable=False, server_default=""),
        sa.Column("ms", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("order_key", KEY),
        sa.Column("example", sa.Integer(), nullable=False),
        sa.Column("said", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_call_tenant_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name="fk_call_connection_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_call_integration_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_call"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_call_tenant", "call", ["tenant_id", "id", "outcome", "at"])
    op.create_index("ix_call_connection", "call", ["connection_id", "id", "tenant_id", "outcome", "at"])
    op.create_index("ix_call_integration", "call", ["integration_id", "id", "tenant_id", "outcome", "at"])
    _index("ix_call_order", ["tenant_id", "order_key", "id"], "order_key IS NOT NULL")
    _index("ix_call_example", ["tenant_id", "id"], "example = 1")
    op.create_index("ix_call_at", "call", ["at"])
    op.create_table(
        "call_record",
        sa.Column("tenant_id", ID, nullable=False, autoincrement=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("call_id", ID, nullable=False, autoincrement=False),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name="fk_call_record_call_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "key", "call_id", name="pk_call_record"),
    )
    op.create_index("ix_call_record_call", "call_record", ["call_id"])


def _index(name: str, columns: list[str], only: str) -> None:
    where = sa.text(only)
    op.create_index(name, "call", columns, sqlite_where=where, postgresql_where=where)
