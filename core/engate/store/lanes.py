"""Lanes instead of jobs: one row per (integration, name); events coalesce into it; one claim statement for both databases.

Due times are on the injected clock (`now`); leases are on real time (the database's own where several machines share it).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from engate.store.db import insert
from engate.store.tables import lane, slice_count


class Claim(NamedTuple):
    """A lane that is ours until its lease ends."""

    id: int
    tenant_id: int
    integration_id: int
    name: str
    prio: int
    wanted: int
    tries: int


class Wake(NamedTuple):
    tenant_id: int
    integration_id: int
    name: str
    prio: int
    due_at: float


def _real(c: sa.Connection) -> Any:
    return sa.literal(time.time(), sa.Double) if c.dialect.name == "sqlite" else sa.extract("epoch", sa.func.clock_timestamp())


# Statements of the hot path are built once: building one costs more than running it.


def _param(name: str, kind: Any = sa.Double) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=kind)


def _now_of(dialect: str) -> Any:
    return _param("real") if dialect == "sqlite" else sa.extract("epoch", sa.func.clock_timestamp())


def _given(c: sa.Connection, **values: Any) -> dict[str, Any]:
    """The parameters, with real time where the database's own is not used."""
    return values | {"real": time.time()} if c.dialect.name == "sqlite" else values


@cache
def _wake_of(dialect: str) -> Any:
    s = sqlite.insert(lane) if dialect == "sqlite" else postgresql.insert(lane)
    earlier = sa.case((lane.c.due_at.is_(None) | (lane.c.due_at > s.excluded.due_at), s.excluded.due_at), else_=lane.c.due_at)
    return s.on_conflict_do_update(index_elements=["integration_id", "name"], set_={"wanted": lane.c.wanted + 1, "due_at": earlier})


@cache
def _claim_of(dialect: str) -> Any:
    real, now = _now_of(dialect), _param("now")
    free = (
        (lane.c.due_at <= now) & (lane.c.not_before <= now) & (lane.c.lease_until < real) & (lane.c.prio <= _param("most", sa.SmallInteger))
    )
    turn = sa.func.row_number().over(partition_by=(lane.c.tenant_id, lane.c.prio), order_by=lane.c.due_at)
    due = sa.select(lane.c.id, turn.label("turn")).where(free).cte("due")
    pick = (
        sa.select(lane.c.id)
        .join(due, due.c.id == lane.c.id)
        .where(free)  # repeated: PostgreSQL rechecks only this level after waiting for a row lock
        .order_by(lane.c.prio, due.c.turn, lane.c.due_at)
        .limit(_param("rows", sa.Integer))
        .with_for_update(skip_locked=True, of=lane)
        .cte("pick")
    )
    return (
        sa.update(lane)
        .where(lane.c.id.in_(sa.select(pick.c.id)))
        .values(lease=_param("mine", sa.String), lease_until=real + _param("ttl"), tries=lane.c.tries + 1)
        .returning(lane.c.id, lane.c.tenant_id, lane.c.integration_id, lane.c.name, lane.c.prio, lane.c.wanted, lane.c.tries)
    )


@cache
def _held_of(dialect: str) -> Any:
    ours = (lane.c.id == _param("lane", sa.BigInteger)) & (lane.c.lease == _param("mine", sa.String))
    return sa.select(lane.c.id).where(ours, lane.c.lease_until >= _now_of(dialect))


_OURS = (lane.c.id == _param("lane", sa.BigInteger)) & (lane.c.lease == _param("mine", sa.String))
_SETTLE = (
    sa.update(lane)
    .where(_OURS)
    .values(
        due_at=sa.case((lane.c.wanted > _param("seen", sa.BigInteger), lane.c.due_at), else_=_param("due")),
        not_before=0,
        tries=0,
        lease=None,
        lease_until=0,
        cancel=False,
    )
)
_BACK_OFF = sa.update(lane).where(_OURS).values(not_before=_param("until"), lease=None, lease_until=0, cancel=False)
_NEXT_DUE = sa.select(sa.func.min(sa.case((lane.c.not_before > lane.c.due_at, lane.c.not_before), else_=lane.c.due_at))).where(
    lane.c.due_at.is_not(None), lane.c.lease.is_(None)
)


def wake(c: sa.Connection, wakes: Iterable[Wake]) -> None:
    """Something happened. The earlier due time wins."""
    rows = [w._asdict() for w in wakes]
    if rows:
        c.execute(_wake_of(c.dialect.name), rows)


def claim(c: sa.Connection, now: float, limit: int, lease: str, ttl: float, max_prio: int = 9) -> list[Claim]:
    """The sweeper too: an expired lease is simply free again."""
    rows = c.execute(_claim_of(c.dialect.name), _given(c, now=now, most=max_prio, rows=limit, mine=lease, ttl=ttl))
    return sorted((Claim(*row) for row in rows), key=lambda claimed: claimed.prio)


def beat(c: sa.Connection, ids: list[int], lease: str, ttl: float) -> dict[int, bool]:
    """Heartbeat: id -> asked to cancel. A missing id means that the lease is lost: stop before the next outside call."""
    rows = c.execute(
        sa.update(lane)
        .where(lane.c.id.in_(ids), lane.c.lease == lease)
        .values(lease_until=_real(c) + ttl)
        .returning(lane.c.id, lane.c.cancel)
    )
    return {row.id: row.cancel for row in rows}


def held(c: sa.Connection, id: int, lease: str) -> bool:
    """Whether the lease is still ours: asked in the transaction that permits an outside effect."""
    return c.execute(_held_of(c.dialect.name), _given(c, lane=id, mine=lease)).first() is not None


def settle(c: sa.Connection, claimed: Claim, lease: str, next_due: float | None = None) -> bool:
    """Done up to what was claimed; an event that came meanwhile keeps the lane due. False: the lease was lost."""
    return c.execute(_SETTLE, {"lane": claimed.id, "mine": lease, "seen": claimed.wanted, "due": next_due}).rowcount == 1


def back_off(c: sa.Connection, claimed: Claim, lease: str, until: float) -> bool:
    """Not done: due as before, but not before `until`, whatever arrives."""
    return c.execute(_BACK_OFF, {"lane": claimed.id, "mine": lease, "until": until}).rowcount == 1


def next_due(c: sa.Connection) -> float | None:
    """When something is due next, for a sleeper."""
    return c.execute(_NEXT_DUE).scalar()


def ask_to_cancel(c: sa.Connection, integration_id: int, names: Iterable[str]) -> None:
    c.execute(
        sa.update(lane)
        .where(lane.c.integration_id == integration_id, lane.c.name.in_(list(names)), lane.c.lease.is_not(None))
        .values(cancel=True)
    )


def busy(c: sa.Connection, integration_id: int, names: Iterable[str]) -> bool:
    """Whether one of these lanes is being worked on now."""
    found = sa.select(lane.c.id).where(
        lane.c.integration_id == integration_id, lane.c.name.in_(list(names)), lane.c.lease_until >= _real(c)
    )
    return c.execute(found.limit(1)).first() is not None


def cancelling(c: sa.Connection, integration_id: int, names: Iterable[str] | None = None) -> bool:
    """Whether a slice that was asked to cancel is still at it. (A lane may be taken for other work meanwhile: that does not count.)"""
    found = sa.select(lane.c.id).where(lane.c.integration_id == integration_id, lane.c.cancel, lane.c.lease_until >= _real(c))
    if names is not None:
        found = found.where(lane.c.name.in_(list(names)))
    return c.execute(found.limit(1)).first() is not None


def count_slices(c: sa.Connection, worker: str, slices: int, now: float) -> None:
    s = insert(c, slice_count).values(worker=worker, slices=slices, seen_at=now)
    c.execute(
        s.on_conflict_do_update(
            index_elements=["worker"], set_={"slices": slice_count.c.slices + s.excluded.slices, "seen_at": s.excluded.seen_at}
        )
    )


def slices_by_worker(c: sa.Connection) -> dict[str, int]:
    return {row.worker: row.slices for row in c.execute(sa.select(slice_count.c.worker, slice_count.c.slices))}


def workers_alive(c: sa.Connection, since: float) -> int:
    return int(c.execute(sa.select(sa.func.count()).select_from(slice_count).where(slice_count.c.seen_at >= since)).scalar_one())
