"""Platforms that call us, events that carry their order, facts about an account."""

# pyright: standard

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"

DAY = 86400
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def altered(table: str) -> Any:
    """SQLite keeps the text of a CREATE TABLE: made anew, it says what a new database says."""
    return op.batch_alter_table(table, recreate="always" if op.get_bind().dialect.name == "sqlite" else "never")


def altered_with_ids(table: str) -> Any:
    """The same of a table that gives no id away twice."""
    recreate = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    return op.batch_alter_table(table, recreate=recreate, table_kwargs={"sqlite_autoincrement": True})


def upgrade() -> None:
    _events()
    _connections()
    _probes()
    _deliveries()
    _told_keys()


def _events() -> None:
    """An event may carry the whole order: kept with it until somebody has acted on it."""
    with altered("inbox") as table:
        table.add_column(sa.Column("doc", sa.LargeBinary()))


def _connections() -> None:
    """The address that a platform calls; what is known of an account; when it was last looked after."""
    with altered_with_ids("connection") as table:
        table.add_column(sa.Column("facts", sa.JSON()))
        table.add_column(sa.Column("learned", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("probed_at", sa.Double()))
        table.add_column(sa.Column("door", sa.Integer(), nullable=False, server_default="1"))


def _probes() -> None:
    """Lanes that look after both connections of what is live already: within a day, not all at once."""
    ready = op.get_bind().execute(
        sa.text("SELECT id, tenant_id FROM integration WHERE activated_at IS NOT NULL AND deleted_at IS NULL ORDER BY id")
    )
    rows = [
        {
            "tenant_id": row.tenant_id,
            "integration_id": row.id,
            "name": f"probe/{side}",
            "prio": 8,
            "due_at": time.time() + row.id * 599 % DAY,
        }
        for row in ready.all()
        for side in ("erp", "storefront")
    ]
    columns = [sa.column(name) for name in ("tenant_id", "integration_id", "name", "prio", "due_at")]
    if rows:
        op.bulk_insert(sa.table("lane", *columns), rows)


def _deliveries() -> None:
    """What a platform told by itself, each once, for a month."""
    op.create_table(
        "delivery",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("connection_id", ID, nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.Column("method", sa.String(10), nullable=False),
        sa.Column("path", sa.String(200), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False, server_default=""),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False, server_default="1"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_delivery_tenant_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name="fk_delivery_connection_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint("connection_id", "key", name="uq_delivery_connection_id_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_delivery_connection", "delivery", ["connection_id", "id"])
    op.create_index("ix_delivery_received", "delivery", ["received_at"])


def _told_keys() -> None:
    """What the ERP said has changed, until it has been read."""
    key = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")
    op.create_table(
        "told_key",
        sa.Column("integration_id", ID, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("key", key, nullable=False),
        sa.Column("run_id", ID),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name="fk_told_key_integration_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("integration_id", "kind", "key", name="pk_told_key"),
    )
