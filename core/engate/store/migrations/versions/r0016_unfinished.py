"""A link to what a push made and did not finish says so by the word that plugins use."""

# pyright: standard

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision: str | None = "0015"


def upgrade() -> None:
    op.execute(sa.text("UPDATE link SET origin = 'unfinished' WHERE origin = 'made'"))
