"""What the examination asked for."""

# pyright: standard

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def altered(table: str) -> Any:
    """SQLite keeps the text of a CREATE TABLE: made anew, it says what a new database says."""
    return op.batch_alter_table(table, recreate="always" if op.get_bind().dialect.name == "sqlite" else "never")


def upgrade() -> None:
    """Columns and tables are added below, each with the reason beside it."""
    _orders()
    _quantities()
    _readings()
    _lanes()


def _lanes() -> None:
    """When a lane may go is one indexed number; who holds how many is an index too; what a lane met is kept until it gets through."""
    ready = "CASE WHEN not_before > due_at THEN not_before ELSE due_at END"
    op.drop_index("ix_lane_due", "lane")
    with altered("lane") as table:
        table.add_column(sa.Column("trouble_of", ID))
        table.add_column(sa.Column("trouble", sa.JSON()))
        table.add_column(sa.Column("ready_at", sa.Double(), sa.Computed(ready, persisted=True)))
    op.create_index("ix_lane_ready", "lane", ["ready_at", "integration_id"])
    scheduled = sa.text("ready_at IS NOT NULL")
    op.create_index("ix_lane_first", "lane", ["integration_id", "prio", "ready_at"], sqlite_where=scheduled, postgresql_where=scheduled)
    op.create_index("ix_lane_lease", "lane", ["lease_until"])
    op.create_index("ix_lane_trouble", "lane", ["trouble_of"])


def _orders() -> None:
    """Charged = invoiced + given back + a task, at the end of every order; and the step some ERPs need after an import."""
    with altered("shop_order") as table:
        table.add_column(sa.Column("charged", sa.Numeric(14, 2)))
        table.add_column(sa.Column("refunded_before", sa.Numeric(14, 2), nullable=False, server_default="0"))
        table.add_column(sa.Column("refusal_sent_at", sa.Double()))
    with altered("part") as table:
        table.add_column(sa.Column("finished_at", sa.Double()))
        table.add_column(sa.Column("change", sa.LargeBinary()))
        table.add_column(sa.Column("change_sent_at", sa.Double()))
        table.add_column(sa.Column("change_refused", sa.JSON()))
    op.create_table(
        "shipment",
        sa.Column("part_id", ID, nullable=False),
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("sent_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["part_id"], ["part.id"], name="fk_shipment_part_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("part_id", "key", name="pk_shipment"),
    )
    op.create_table(
        "task",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("code", sa.String(80), nullable=False),
        sa.Column("amount", sa.Numeric(14, 2), nullable=False),
        sa.Column("text", sa.JSON(), nullable=False),
        sa.Column("hint", sa.JSON(), nullable=False),
        sa.Column("opened_at", sa.Double(), nullable=False),
        sa.Column("closed_at", sa.Double()),
        sa.Column("closed_by", sa.String(12)),
        sa.Column("note", sa.String(500)),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_task_tenant_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_task_integration_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name="fk_task_order_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_task"),
        sa.UniqueConstraint("order_id", "code", name="uq_task_order_id_code"),
    )


def _quantities() -> None:
    """Quantities are exact decimals: 0.95 kg."""
    exact = sa.Numeric(18, 6).with_variant(sa.String(40), "sqlite")
    with altered("unit") as table:
        table.alter_column("quantity", existing_type=sa.Integer(), type_=exact, existing_nullable=False)


def _readings() -> None:
    """A list that ends too early is told from one that is whole."""
    with altered("reading") as table:
        table.add_column(sa.Column("total", sa.BigInteger()))
        table.add_column(sa.Column("known", sa.BigInteger()))
        table.add_column(sa.Column("short", sa.BigInteger()))
