"""When the last backup was made: monitoring shows when backups stop."""

from __future__ import annotations

import sqlalchemy as sa

from engate.store.noted import note, noted

NAME = "backup_at"


def made(c: sa.Connection, now: float) -> None:
    note(c, NAME, now)


def last(c: sa.Connection) -> float:
    """Seconds since 1970; 0 if there was none."""
    return noted(c, NAME) or 0.0
