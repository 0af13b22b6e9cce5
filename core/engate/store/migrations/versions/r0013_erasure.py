"""For which causes an order has ever waited; keys of the search by what they find; causes that nobody waits for any more are gone.

What platforms said of orders stood in those causes too: from here on a buyer is looked for in the causes of their own orders.
"""

# pyright: standard

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision: str | None = "0012"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

FORGOTTEN = """DELETE FROM cause WHERE
  NOT EXISTS (SELECT 1 FROM record WHERE record.cause_id = cause.id)
  AND NOT EXISTS (SELECT 1 FROM shop_order WHERE shop_order.cause_id = cause.id)
  AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.cause_id = cause.id)
  AND id NOT IN (SELECT cause_id FROM flow WHERE cause_id IS NOT NULL)
  AND id NOT IN (SELECT told_cause FROM shop_order WHERE told_cause IS NOT NULL)"""
WAITED = (
    "SELECT shop_order.id, cause.id FROM shop_order JOIN cause ON cause.id = shop_order.cause_id WHERE true",
    "SELECT shop_order.id, cause.id FROM shop_order JOIN cause ON cause.id = shop_order.told_cause WHERE true",
    *(
        f"""SELECT shop_order.id, outbox.cause_id FROM outbox JOIN shop_order
      ON shop_order.integration_id = outbox.integration_id AND shop_order.key = substr(outbox.key, {len(what) + 1})
      WHERE outbox.kind = 'mail' AND outbox.cause_id IS NOT NULL AND substr(outbox.key, 1, {len(what)}) = '{what}'"""  # noqa: S608
        for what in ("shipped/", "delivered/")
    ),
)


def upgrade() -> None:
    op.create_table(
        "order_cause",
        sa.Column("id", ID, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("cause_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name="fk_order_cause_order_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["cause_id"], ["cause.id"], name="fk_order_cause_cause_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_order_cause"),
        sa.UniqueConstraint("order_id", "cause_id", name="uq_order_cause_order_id_cause_id"),
    )
    op.create_index("ix_order_cause_cause", "order_cause", ["cause_id", "id"])
    op.create_index("ix_key_index_target", "key_index", ["integration_id", "target", "kind", "key"])
    op.execute(FORGOTTEN)
    for found in WAITED:
        op.execute(f"INSERT INTO order_cause (order_id, cause_id) {found} ON CONFLICT DO NOTHING")  # noqa: S608
