"""Lanes instead of jobs: one row per (integration, name); events coalesce into it; one claim statement for both databases.

Due times are on the injected clock (`now`); leases are on real time (the database's own where several machines share it).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from engate.store.db import insert
from engate.store.tables import integration, lane, slice_count

ROWS = 500
SEEN_EVERY, ALIVE = 5.0, 15.0
"""Seconds between two signs of life of a worker, and how long one counts."""
REMEMBERED = 86400.0

SPARE = 16
"""Candidates of one integration beyond the number asked for: on PostgreSQL another process may be taking the first ones."""

OF_ACCOUNT, OF_TENANT = 1, 3
"""How many times the free slots of a runner the integrations of one ERP account, and of one tenant, may hold."""


class Claim(NamedTuple):
    """A lane that is ours until its lease ends."""

    id: int
    tenant_id: int
    integration_id: int
    name: str
    prio: int
    wanted: int
    tries: int
    trouble_of: int | None = None  # the connection that its last failure was due to


class Take(NamedTuple):
    """What a runner asks for. `room`: its free slots, of which an account and a tenant may have only a share."""

    now: float
    rows: int
    mine: str  # the lease
    ttl: float
    most: int = 9  # the last priority it wants
    room: int = 1_000_000


class Wake(NamedTuple):
    tenant_id: int
    integration_id: int
    name: str
    prio: int
    due_at: float


def _real(c: sa.Connection) -> Any:
    return sa.literal(time.time(), sa.Double) if c.dialect.name == "sqlite" else sa.extract("epoch", sa.func.statement_timestamp())


# Statements of the hot path are built once: building one costs more than running it.


def _param(name: str, kind: Any = sa.Double) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=kind)


def _now_of(dialect: str) -> Any:
    return _param("real") if dialect == "sqlite" else sa.extract("epoch", sa.func.statement_timestamp())


def _given(c: sa.Connection, **values: Any) -> dict[str, Any]:
    """The parameters, with real time where the database's own is not used."""
    return values | {"real": time.time()} if c.dialect.name == "sqlite" else values


@cache
def _wake_of(dialect: str) -> Any:
    s = sqlite.insert(lane) if dialect == "sqlite" else postgresql.insert(lane)
    earlier = sa.case((lane.c.due_at.is_(None) | (lane.c.due_at > s.excluded.due_at), s.excluded.due_at), else_=lane.c.due_at)
    return s.on_conflict_do_update(index_elements=["integration_id", "name"], set_={"wanted": lane.c.wanted + 1, "due_at": earlier})


def _within(held: Any, nth: Any, weight: int) -> Any:
    """The dynamic threshold of shared buffers: one that would hold more than `weight` times the free slots gets no more. One alone leaves a
    part free for others; several have equal parts, which shrink as more come. One that holds nothing may always have one."""
    return (held + (1 + weight) * nth <= weight * _param("room", sa.Integer)) | ((held == 0) & (nth == 1))


def _first_of_each(dialect: str, free: Callable[[Any], Any]) -> Any:
    """The first lanes of each integration, by an index: thousands of due orders of one integration cost no more than a few."""
    waiting = sa.select(lane.c.integration_id).where(lane.c.ready_at <= _param("now")).distinct().subquery("waiting")
    first, same = lane.alias("first"), lane.alias("same")
    top = sa.select(first.c.id).where(first.c.integration_id == waiting.c.integration_id, first.c.ready_at.is_not(None), free(first))
    top = top.order_by(first.c.prio, first.c.ready_at).limit(_param("rows", sa.Integer) + (0 if dialect == "sqlite" else SPARE))
    if dialect == "sqlite":  # SQLite has no LATERAL, but seeks by the list of a correlated subquery
        return sa.select(same).select_from(waiting.join(same, same.c.id.in_(top.correlate(waiting)))).cte("first_of_each")
    beside = top.correlate(waiting).lateral("top")
    source = waiting.join(beside, sa.true()).join(same, same.c.id == beside.c.id)
    return sa.select(same).select_from(source).cte("first_of_each")


def _in_hand(real: Any) -> Any:
    """(tenant, ERP account, lanes held by anybody, lanes held under this lease)"""
    account = integration.c.erp_id.label("account")
    own = sa.func.count().filter(lane.c.lease == _param("mine", sa.String))
    found = sa.select(lane.c.tenant_id, account, sa.func.count().label("held"), own.label("own"))
    return (
        found.join(integration, integration.c.id == lane.c.integration_id)
        .where(lane.c.lease_until >= real)
        .group_by(lane.c.tenant_id, account)
        .cte("in_hand")
    )


@cache
def _claim_of(dialect: str) -> Any:
    real = _now_of(dialect)

    def free(of: Any) -> Any:
        return (of.c.ready_at <= _param("now")) & (of.c.lease_until < real) & (of.c.prio <= _param("most", sa.SmallInteger))

    in_hand = _in_hand(real)
    by_tenant = (
        sa.select(in_hand.c.tenant_id, sa.func.sum(in_hand.c.held).label("held"), sa.func.sum(in_hand.c.own).label("own"))
        .group_by(in_hand.c.tenant_id)
        .cte("by_tenant")
    )
    first, account = _first_of_each(dialect, free), integration.c.erp_id
    due = (
        sa.select(
            first.c.id,
            first.c.tenant_id,
            first.c.prio,
            first.c.ready_at,
            sa.func.coalesce(in_hand.c.held, 0).label("held"),
            sa.func.coalesce(in_hand.c.own, 0).label("own"),
            sa.func.row_number().over(partition_by=account, order_by=(first.c.prio, first.c.ready_at)).label("nth"),
        )
        .select_from(first.join(integration, integration.c.id == first.c.integration_id).outerjoin(in_hand, in_hand.c.account == account))
        .cte("due")
    )
    turn = sa.func.row_number().over(partition_by=due.c.tenant_id, order_by=(due.c.prio, due.c.held + due.c.nth, due.c.ready_at))
    fair = sa.select(due.c.id, due.c.tenant_id, turn.label("turn")).where(_within(due.c.own, due.c.nth, OF_ACCOUNT)).cte("fair")
    held, own = sa.func.coalesce(by_tenant.c.held, 0), sa.func.coalesce(by_tenant.c.own, 0)
    pick = (
        sa.select(lane.c.id)
        .select_from(lane.join(fair, fair.c.id == lane.c.id).outerjoin(by_tenant, by_tenant.c.tenant_id == fair.c.tenant_id))
        .where(free(lane))  # repeated: PostgreSQL rechecks only this level after waiting for a row lock
        .where(_within(own, fair.c.turn, OF_TENANT))
        .order_by(lane.c.prio, held + fair.c.turn, lane.c.ready_at)
        .limit(_param("rows", sa.Integer))
        .with_for_update(skip_locked=True, of=lane)
        .cte("pick")
    )
    return (
        sa.update(lane)
        .where(lane.c.id.in_(sa.select(pick.c.id)))
        .values(lease=_param("mine", sa.String), lease_until=real + _param("ttl"), tries=lane.c.tries + 1)
        .returning(*(lane.c[name] for name in Claim._fields))
    )


@cache
def _leased_of(dialect: str) -> Any:
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
_BACK_OFF = (
    sa.update(lane)
    .where(_OURS)
    # a lane in hand has 0 tries only if `lift` was called meanwhile
    .values(not_before=sa.case((lane.c.tries == 0, 0.0), else_=_param("until")), lease=None, lease_until=0, cancel=False)
)
_NEXT_DUE = sa.select(lane.c.ready_at).where(lane.c.ready_at.is_not(None), lane.c.lease.is_(None)).order_by(lane.c.ready_at).limit(1)


def wake(c: sa.Connection, wakes: Iterable[Wake]) -> None:
    """Makes these lanes due. The earlier due time wins."""
    rows = [w._asdict() for w in wakes]
    if rows:
        c.execute(_wake_of(c.dialect.name), rows)


def claim(c: sa.Connection, take: Take) -> list[Claim]:
    """Claims lanes that are due. Lanes with an expired lease count as free."""
    rows = c.execute(_claim_of(c.dialect.name), _given(c, **take._asdict()))
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


def leased(c: sa.Connection, id: int, lease: str) -> bool:
    """Whether the lease is still ours. Ask in the transaction that permits an outside effect."""
    return c.execute(_leased_of(c.dialect.name), _given(c, lane=id, mine=lease)).first() is not None


def settle(c: sa.Connection, claimed: Claim, lease: str, next_due: float | None = None) -> bool:
    """The work of the claim is done; an event that came meanwhile keeps the lane due. False: the lease was lost."""
    return c.execute(_SETTLE, {"lane": claimed.id, "mine": lease, "seen": claimed.wanted, "due": next_due}).rowcount == 1


def back_off(c: sa.Connection, claimed: Claim, lease: str, until: float) -> bool:
    """The work is not done: the lane stays due, but not before `until`, whatever arrives. False: the lease was lost."""
    return c.execute(_BACK_OFF, {"lane": claimed.id, "mine": lease, "until": until}).rowcount == 1


def lift(c: sa.Connection, integration_id: int, names: Iterable[str]) -> None:
    """A person wants these lanes tried now: ends their back-off and resets their tries, also while they are in hand."""
    wanted = list(names)
    for start in range(0, len(wanted), ROWS):
        these = lane.c.name.in_(wanted[start : start + ROWS])
        c.execute(sa.update(lane).where(lane.c.integration_id == integration_id, these).values(not_before=0, tries=0))


def give_back(c: sa.Connection, lease: str) -> None:
    """Frees the lanes held under this lease. They stay as due as they were."""
    c.execute(sa.update(lane).where(lane.c.lease == lease).values(lease=None, lease_until=0))


def free_all(c: sa.Connection) -> None:
    """Frees all lanes. Call when no process works: lanes in hand were left behind."""
    c.execute(sa.update(lane).where(lane.c.lease.is_not(None)).values(lease=None, lease_until=0, cancel=False))


def next_due(c: sa.Connection) -> float | None:
    """When a lane is due next, for a runner that sleeps."""
    return c.execute(_NEXT_DUE).scalar()


class Overdue(NamedTuple):
    """Lanes that are due and not in hand. `since`: when the first of them was due; None: there is none."""

    lanes: int
    since: float | None


def overdue(c: sa.Connection, now: float) -> Overdue:
    """Counts overdue lanes. Lanes of a killed process count once their lease has ended."""
    found = sa.select(sa.func.count(), sa.func.min(lane.c.ready_at)).where(lane.c.ready_at <= now, lane.c.lease_until < _real(c))
    return Overdue(*c.execute(found).one())


def ask_to_cancel(c: sa.Connection, integration_id: int, names: Iterable[str]) -> None:
    c.execute(
        sa.update(lane)
        .where(lane.c.integration_id == integration_id, lane.c.name.in_(list(names)), lane.c.lease.is_not(None))
        .values(cancel=True)
    )


def in_hand(c: sa.Connection, integration_id: int) -> list[str]:
    """The lanes that have a lease."""
    return list(c.execute(sa.select(lane.c.name).where(lane.c.integration_id == integration_id, lane.c.lease.is_not(None))).scalars())


def backing_off(c: sa.Connection, integration_id: int) -> list[str]:
    """The lanes that back off, or are in hand and may back off."""
    waits = (lane.c.not_before > 0) | (lane.c.tries > 0)
    return list(c.execute(sa.select(lane.c.name).where(lane.c.integration_id == integration_id, waits)).scalars())


def asked_to_cancel(c: sa.Connection, lease: str) -> list[int]:
    """Ids of the lanes under this lease that were asked to cancel."""
    return list(c.execute(sa.select(lane.c.id).where(lane.c.lease == lease, lane.c.cancel, lane.c.lease_until >= _real(c))).scalars())


def busy(c: sa.Connection, integration_id: int, names: Iterable[str]) -> bool:
    """Whether one of these lanes is being worked on now."""
    found = sa.select(lane.c.id).where(
        lane.c.integration_id == integration_id, lane.c.name.in_(list(names)), lane.c.lease_until >= _real(c)
    )
    return c.execute(found.limit(1)).first() is not None


def in_work(c: sa.Connection, integration_id: int, names: Iterable[str]) -> set[str]:
    """Those of these lanes that are being worked on now. The others are locked: nobody claims them before this transaction ends."""
    mine = (lane.c.integration_id == integration_id) & lane.c.name.in_(list(names))
    at_it = (lane.c.lease_until >= _real(c)).label("at_it")
    rows = c.execute(sa.select(lane.c.name, at_it).where(mine).order_by(lane.c.id).with_for_update())
    return {row.name for row in rows if row.at_it}


def cancelling(c: sa.Connection, integration_id: int, names: Iterable[str] | None = None) -> bool:
    """Whether a slice that was asked to cancel is still running. (A later claim of the same lane does not count.)"""
    found = sa.select(lane.c.id).where(lane.c.integration_id == integration_id, lane.c.cancel, lane.c.lease_until >= _real(c))
    if names is not None:
        found = found.where(lane.c.name.in_(list(names)))
    return c.execute(found.limit(1)).first() is not None


def count_slices(c: sa.Connection, worker: str, slices: int, now: float) -> None:
    s = insert(c, slice_count).values(worker=worker, slices=slices, seen_at=now)
    # never moved back: a stamp that lies ahead shows that a clock was set back (`clocks.ahead`)
    latest = sa.case((slice_count.c.seen_at > s.excluded.seen_at, slice_count.c.seen_at), else_=s.excluded.seen_at)
    values = {"slices": slice_count.c.slices + s.excluded.slices, "seen_at": latest}
    c.execute(s.on_conflict_do_update(index_elements=["worker"], set_=values))


class Worker(NamedTuple):
    """A process that works on lanes, as of its last sign of life."""

    name: str
    slices: int
    seen_at: float


def workers(c: sa.Connection) -> list[Worker]:
    """The stored workers, the latest first. `forget_workers` deletes those not heard of for a day."""
    found = sa.select(slice_count.c.worker, slice_count.c.slices, slice_count.c.seen_at).order_by(slice_count.c.seen_at.desc())
    return [Worker(*row) for row in c.execute(found)]


def forget_workers(c: sa.Connection, now: float) -> bool:
    """Deletes workers not heard of for a day. Returns False: there are no more."""
    c.execute(sa.delete(slice_count).where(slice_count.c.seen_at < now - REMEMBERED))
    return False


def workers_alive(c: sa.Connection, since: float, name: str | None = None) -> int:
    """How many workers were heard of since then; `name`: counts only this one."""
    found = sa.select(sa.func.count()).select_from(slice_count).where(slice_count.c.seen_at >= since)
    return int(c.execute(found if name is None else found.where(slice_count.c.worker == name)).scalar_one())
