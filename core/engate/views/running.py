"""Runs with the current states of their records, and gauges of the installation."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, get_args

import msgspec
import sqlalchemy as sa

from engate import titles
from engate.errors import Owner
from engate.model.kinds import KINDS
from engate.store import backups, config, health, lanes
from engate.store.runs import Run as RunRow
from engate.store.tables import cause, connection, integration, order, record, record_count, run
from engate.text import NO_TEXT, Text
from engate.views.paging import Rows, Window, each, instant, page

UNSETTLED = ("to_send", "sent", "waiting")


class Live(msgspec.Struct):
    """Records that this run changed last, by their current state."""

    to_send: int = 0
    sent: int = 0
    waiting: int = 0
    settled: int = 0


class Run(msgspec.Struct):
    """`read`: entities read; `changed`: of these, to be pushed anew; `pushed`: accepted by the storefront; `waits`: records that are
    not in the shop as they should be, also after the run is done: `causes` says why. `*_title`: the field before it in words."""

    id: int
    integration: int
    flow: str
    trigger: str  # schedule | request | activation | options | webhook
    full: bool
    state: str  # reading | pushing | done | failed | cancelled
    started_at: datetime | None
    ended_at: datetime | None
    read: int
    changed: int
    pushed: int
    waits: int
    live: Live
    error: dict[str, Any] | None
    state_title: Text = NO_TEXT
    trigger_title: Text = NO_TEXT

    def __post_init__(self) -> None:
        self.state_title = titles.state(titles.RUN_STATES, self.state)
        self.trigger_title = titles.state(titles.TRIGGERS, self.trigger)


def runs(c: sa.Connection, tenant_id: int, integration_id: int, window: Window) -> Rows[Run]:
    """Newest first."""
    ids = sa.select(run.c.id).where(run.c.integration_id == integration_id)
    rows = page(c, ids, config.mine(run, tenant_id), window, newest_first=True)
    live = _live(c, [row.id for row in rows.items])
    return each(rows, lambda row: _shown(RunRow(*row), live[row.id]))


def one_run(c: sa.Connection, row: RunRow) -> Run:
    return _shown(row, _live(c, [row.id])[row.id])


def _live(c: sa.Connection, ids: Iterable[int]) -> dict[int, Live]:
    """Run id -> its records by state. Unsettled ones are counted by their index; the total is stored in `record_count`."""
    asked = list(ids)
    counted = sa.select(record.c.run_id, record.c.state, sa.func.count().label("n"))
    found = {id: Live() for id in asked}
    for row in c.execute(
        counted.where(record.c.run_id.in_(asked), record.c.state.in_(UNSETTLED)).group_by(record.c.run_id, record.c.state)
    ):
        setattr(found[row.run_id], row.state, row.n)
    totals = sa.select(record_count.c.run_id, sa.func.sum(record_count.c.n)).where(record_count.c.run_id.in_(asked))
    for run_id, n in c.execute(totals.group_by(record_count.c.run_id)):
        found[run_id].settled = _rest(int(n), found[run_id])
    return found


def _rest(total: int, live: Live) -> int:
    return total - live.to_send - live.sent - live.waiting


def _shown(row: RunRow, live: Live) -> Run:
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
        live.to_send + live.sent + live.waiting,
        live,
        row.error,
    )


class Gauges(msgspec.Struct):
    """The whole installation, for its operator. `lanes_due_seconds`: how long the lane that waits longest has been due.
    `backup_at`: when the last backup was made; 0 if none was."""

    lanes_due: int
    lanes_due_seconds: float
    workers_alive: int
    records: dict[tuple[str, str], int]
    orders: dict[str, int]
    connections: dict[str, int]
    causes: dict[str, int]
    backup_at: float


def gauges(c: sa.Connection, now: float) -> Gauges:
    due = lanes.overdue(c, now)
    records: dict[tuple[str, str], int] = {}
    orders: dict[str, int] = {}
    waits = dict.fromkeys(OWNERS, 0)
    for id in c.execute(sa.select(integration.c.id)).scalars().all():
        for kind, live in records_of(c, id).items():
            for state in LIVE:
                records[kind, state] = records.get((kind, state), 0) + getattr(live, state)
        for state, n in orders_of(c, id).items():
            orders[state] = orders.get(state, 0) + n
        for owner, n in zip(OWNERS, c.execute(_CAUSES, {"of_integration": id}).one(), strict=True):
            waits[owner] += n
    return Gauges(
        due.lanes,
        now - due.since if due.since is not None else 0.0,
        lanes.workers_alive(c, now - lanes.ALIVE),
        {at: n for at, n in records.items() if n},
        orders,
        _connections(c),
        waits,
        backups.last(c),
    )


OWNERS = get_args(Owner)


_CAUSES = sa.select(*(sa.func.count().filter(cause.c.owner == owner) for owner in OWNERS)).where(
    cause.c.integration_id == sa.bindparam("of_integration")
)


def _connections(c: sa.Connection) -> dict[str, int]:
    """Connections by health; 0 where none has it, so that an alert can see the first one."""
    counted = sa.select(connection.c.health, sa.func.count()).group_by(connection.c.health)
    return {**dict.fromkeys(health.STATES, 0), **{state: n for state, n in c.execute(counted)}}


LIVE = ("to_send", "sent", "waiting", "settled")


def records_of(c: sa.Connection, integration_id: int) -> dict[str, Live]:
    """The records of an integration by kind, in the order of a load."""
    totals = sa.select(record_count.c.kind, sa.func.sum(record_count.c.n)).where(record_count.c.integration_id == integration_id)
    kinds = {kind: int(n) for kind, n in c.execute(totals.group_by(record_count.c.kind)) if n}
    counts = iter(c.execute(_OPEN, {"of_integration": integration_id}).one())
    found: dict[str, Live] = {}
    for kind in KINDS:
        live = Live(**{state: next(counts) for state in UNSETTLED})
        if kind in kinds:
            live.settled = _rest(kinds[kind], live)
            found[kind] = live
    return found


def _count_of(kind: str, state: str) -> Any:
    mine = (record.c.integration_id == sa.bindparam("of_integration")) & (record.c.kind == kind) & (record.c.state == state)
    return sa.select(sa.func.count()).where(mine).scalar_subquery()


_OPEN = sa.select(*(_count_of(kind, state) for kind in KINDS for state in UNSETTLED))
"""One count by the index for each; grouping would sort every row."""


def orders_of(c: sa.Connection, integration_id: int) -> dict[str, int]:
    """Orders by state."""
    counted = sa.select(order.c.state, sa.func.count().label("n")).where(order.c.integration_id == integration_id)
    return {row.state: row.n for row in c.execute(counted.group_by(order.c.state))}
