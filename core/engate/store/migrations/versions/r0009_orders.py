"""Orders by channel and by when they were placed. (Of those that are stored the channel is known when the shop tells of them again.)"""

# pyright: standard

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"


def upgrade() -> None:
    op.add_column("shop_order", sa.Column("channel", sa.String(100), nullable=False, server_default=""))
    op.create_index("ix_shop_order_placed", "shop_order", ["integration_id", "placed_at", "id"])
    op.create_index("ix_shop_order_channel", "shop_order", ["integration_id", "channel", "id"])
