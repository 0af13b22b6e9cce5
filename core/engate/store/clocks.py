"""A clock that was ahead and has been corrected: its stamps are moved back, or nothing would be due until the time they say."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from engate.store.tables import connection, flow, lane, operation, outbox, part, reading, record, run, slice_count, told_key, unit

SLACK = 5.0
"""Seconds by which clocks of machines may differ."""

PLANNED = ((lane.c.due_at, lane.c.not_before), (record.c.not_before,), (operation.c.until,), (outbox.c.due_at,))
"""Columns that say when something is to be done: not moved before now."""

PAST = (
    (record.c.sent_at,),
    (record.c.read_at,),
    (part.c.sent_at,),
    (unit.c.freed_at,),
    (flow.c.read_at, flow.c.full_at),
    (reading.c.started_at,),
    (run.c.started_at, run.c.ended_at),
    (connection.c.probed_at,),
    (told_key.c.at,),
    (outbox.c.since, outbox.c.sent_at, outbox.c.given_up_at),
)
"""Columns that say when something happened and that are compared with the present."""


def ahead(c: sa.Connection, now: float) -> float:
    """Seconds by which a worker's clock was ahead of this one, else 0. Only stamps of workers count: a price may have a future date."""
    seen = c.execute(sa.select(sa.func.max(slice_count.c.seen_at))).scalar()
    return seen - now if seen is not None and seen > now + SLACK else 0.0


def pull_back(c: sa.Connection, seconds: float, now: float) -> None:
    """Moves every future stamp back by this many seconds. (A correct one moves too: what is planned is done early.)"""
    for columns in PLANNED:
        _move(c, columns, seconds, now, now)
    for columns in PAST:
        _move(c, columns, seconds, now, None)
    c.execute(sa.update(slice_count).where(slice_count.c.seen_at > now).values(seen_at=now))


def _move(c: sa.Connection, columns: tuple[sa.Column[Any], ...], seconds: float, now: float, least: float | None) -> None:
    for column in columns:
        moved = column - seconds
        value = moved if least is None else sa.case((moved < least, least), else_=moved)
        c.execute(sa.update(column.table).where(column > now).values({column: value}))
