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
