"""What is to be told to somebody outside, kept until it has been told."""

# pyright: standard

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("target", sa.String(200), nullable=False),
        sa.Column("key", sa.String(320), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("error", sa.String(300), nullable=False, server_default=""),
        sa.Column("sent_at", sa.Double()),
        sa.Column("cause_id", ID),
        sa.Column("given_up_at", sa.Double()),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_outbox_tenant_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_outbox_integration_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["cause_id"], ["cause.id"], name="fk_outbox_cause_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("integration_id", "kind", "target", "key", name="uq_outbox_integration_id_kind_target_key"),
        sqlite_autoincrement=True,
    )
    op.add_column("shop_order", sa.Column("told_cause", ID))
    _index("ix_outbox_unsent", ["integration_id", "kind", "target", "due_at", "id"], "sent_at IS NULL AND cause_id IS NULL")
    _index("ix_outbox_sent", ["sent_at"], "sent_at IS NOT NULL")
    _index("ix_outbox_cause", ["cause_id"], "cause_id IS NOT NULL")


def _index(name: str, columns: list[str], only: str) -> None:
    where = sa.text(only)
    op.create_index(name, "outbox", columns, sqlite_where=where, postgresql_where=where)
