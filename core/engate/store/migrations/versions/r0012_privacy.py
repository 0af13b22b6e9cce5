"""When an order's buyer was erased from it. (A SQLite file is made anew after this: what was deleted before stood in it still.)"""

# pyright: standard

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision: str | None = "0011"

HELD = sa.text("erased_at IS NULL")


def upgrade() -> None:
    op.add_column("shop_order", sa.Column("erased_at", sa.Double()))
    op.create_index("ix_shop_order_held", "shop_order", ["placed_at"], sqlite_where=HELD, postgresql_where=HELD)
