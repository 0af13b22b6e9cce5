"""A tenant's mail server, and letters to buyers; a message may have a cause and still be tried."""

# pyright: standard

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNSENT = sa.text("sent_at IS NULL AND (given_up_at IS NULL OR cause_id IS NULL)")


def upgrade() -> None:
    op.create_table(
        "mail_server",
        sa.Column("tenant_id", ID, nullable=False, autoincrement=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("password", sa.LargeBinary()),
        sa.Column("revision", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("refused", sa.JSON(none_as_null=True)),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_mail_server_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_mail_server"),
    )
    op.add_column("shop_order", sa.Column("mail_shipped_at", sa.Double()))
    op.add_column("shop_order", sa.Column("mail_delivered_at", sa.Double()))
    op.drop_index("ix_outbox_unsent", "outbox")
    columns = ["integration_id", "kind", "target", "due_at", "id"]
    op.create_index("ix_outbox_unsent", "outbox", columns, sqlite_where=UNSENT, postgresql_where=UNSENT)
