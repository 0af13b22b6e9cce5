"""Runs with the live state of their records, and what the workers did."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from engate.store import config
from engate.store.tables import lane, order, record, run
from engate.store.views.paging import Rows, Window, instant, page


class Live(msgspec.Struct):
    """Records whose wanted state this run set last, by what they are now."""

    to_send: int = 0
    sent: int = 0
    waiting: int = 0
    settled: int = 0


class Run(msgspec.Struct):
    """`read`: entities read; `changed`: of these, to be pushed anew; `pushed`: accepted by the storefront."""

    id: int
    integration: int
    flow: str
    trigger: str  # schedule | request | activation | options
    full: bool
    state: str  # reading | pushing | done | failed | cancelled
    started_at: datetime | None
    ended_at: datetime | None
    read: int
    changed: int
    pushed: int
    live: Live
    error: dict[str, Any] | None


def runs(c: sa.Connection, tenant_id: int, integration_id: int, window: Window) -> Rows[Run]:
    """Newest first."""
    rows = page(
        c, config.mine(run, tenant_id, run.c.integration_id == integration_id), run.c.id, window, lambda row: row, newest_first=True
    )
    live = _live(c, [row.id for row in rows.items])
    return Rows([_shown(row, live.get(row.id, Live())) for row in rows.items], rows.next)


def one_run(c: sa.Connection, row: Any) -> Run:
    return _shown(row, _live(c, [row.id]).get(row.id, Live()))


def _live(c: sa.Connection, ids: Iterable[int]) -> dict[int, Live]:
    counted = sa.select(record.c.run_id, record.c.state, sa.func.count().label("n")).where(record.c.run_id.in_(list(ids)))
    found: dict[int, Live] = {}
    for row in c.execute(counted.group_by(record.c.run_id, record.c.state)):
        setattr(found.setdefault(row.run_id, Live()), row.state, row.n)
    return found


def _shown(row: Any, live: Live) -> Run:
    return Run(
        row.id,
        row.integration_id,
        row.flow,
        row.trigger,
        row.full,
        row.state,
        instant(row.started_at),
        instant(row.ended_at),
        row.entities,
        row.changed,
        row.pushed,
        live,
        row.error,
    )


class Gauges(msgspec.Struct):
    """The whole installation, for whoever runs it."""

    lanes_due: int
    records: dict[tuple[str, str], int]
    orders: dict[str, int]


def gauges(c: sa.Connection, now: float) -> Gauges:
    due = sa.select(sa.func.count()).where(lane.c.due_at <= now, lane.c.not_before <= now, lane.c.lease.is_(None))
    records = sa.select(record.c.kind, record.c.state, sa.func.count().label("n")).group_by(record.c.kind, record.c.state)
    orders = sa.select(order.c.state, sa.func.count().label("n")).group_by(order.c.state)
    return Gauges(
        c.execute(due).scalar_one(),
        {(row.kind, row.state): row.n for row in c.execute(records)},
        {row.state: row.n for row in c.execute(orders)},
    )
