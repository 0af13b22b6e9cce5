"""Orders by channel and by when they were placed. (Of those that are stored the channel is known when the shop tells of them again.)"""

# pyright: standard

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"


WAITING = sa.text("cause_id IS NOT NULL")


def upgrade() -> None:
    op.add_column("shop_order", sa.Column("channel", sa.String(100), nullable=False, server_default=""))
    op.create_index("ix_shop_order_placed", "shop_order", ["integration_id", "placed_at", "id", "cause_id", "channel"])
    columns = ["integration_id", "id", "cause_id", "channel"]
    op.drop_index("ix_shop_order_newest", "shop_order")
    op.create_index("ix_shop_order_newest", "shop_order", columns)
    op.drop_index("ix_shop_order_waiting", "shop_order")
    op.create_index("ix_shop_order_waiting", "shop_order", columns, sqlite_where=WAITING, postgresql_where=WAITING)
