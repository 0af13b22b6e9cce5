"""Runs and readings: one trigger of one flow, and how far each kind has been read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from engate.domain.reasons import Reason
from engate.errors import NO_HINT, EngateError
from engate.logs import say_after
from engate.model.kinds import KINDS, SHARED
from engate.store.conditions import one_of
from engate.store.db import insert_of
from engate.store.pushes import MOVING
from engate.store.tables import cause, flow, reading, record, run
from engate.text import Text


def error_of(error: EngateError) -> dict[str, Any]:
    return {"code": error.code, "text": msgspec.to_builtins(error.text), "hint": msgspec.to_builtins(error.hint)}


QUIET = ("schedule", "webhook")
"""Triggers of runs that no person asked for: they are shown only if they changed something."""


class Reading(NamedTuple):
    """A reading of one kind (of one scope) that a run began: a row of its table. `only`: these keys (None: all)."""

    integration_id: int
    kind: str
    scope: str
    watermark: str | None
    ahead: str | None
    full: bool
    only: list[str] | None
    cursor: str | None
    under_way: bool
    run_id: int
    entities: int
    total: int | None
    known: int | None
    short: int | None
    started_at: float


class Kept(NamedTuple):
    """How far a list has been read that belongs to no run: the shop's own."""

    watermark: str | None
    cursor: str | None
    ahead: str | None
    entities: int
    total: int | None


class Run(NamedTuple):
    """A run: a row of its table. `only`: kind -> keys (None: all); `error`: code, text and hint of why it is incomplete."""

    id: int
    tenant_id: int
    integration_id: int
    flow: str
    trigger: str
    full: bool
    only: dict[str, list[str]] | None
    state: str
    started_at: float
    ended_at: float | None
    entities: int
    changed: int
    pushed: int
    error: dict[str, Any] | None


class Asked(NamedTuple):
    """What a run is to read. `keys`: kind -> only these keys (None: everything)."""

    flow: str
    kinds: Sequence[str]
    trigger: str
    full: bool
    keys: dict[str, list[str]] | None


def start(c: sa.Connection, tenant_id: int, integration_id: int, asked: Asked, now: float) -> int:
    """Starts a run, with a reading under way for each kind. Returns its id. A run that was reading the same flow is superseded; where a
    smaller reading supersedes a full one, the full one stays due (`full_at` is cleared)."""
    lock(c, integration_id, asked.flow)
    full, keys = asked.full, asked.keys
    before = {"of_integration": integration_id, "of_flow": asked.flow}
    if (keys is not None or not full) and c.execute(_FULL_BEFORE, before).first():
        c.execute(sa.update(flow).where(flow.c.integration_id == integration_id, flow.c.name == asked.flow).values(full_at=None))
    c.execute(_SUPERSEDE, before | {"of_now": now})
    new = {
        "tenant_id": tenant_id, "integration_id": integration_id, "flow": asked.flow, "trigger": asked.trigger, "full": full, "only": keys,
        "state": "reading", "started_at": now,
    }  # fmt: skip
    made = c.execute(_NEW_RUN, new).scalar_one()
    fresh = [
        {
            "integration_id": integration_id, "kind": kind, "scope": "", "full": full, "only": (keys or {}).get(kind), "cursor": None,
            "under_way": keys is None or kind in keys, "run_id": made, "entities": 0, "total": None, "started_at": now, "ahead": None,
        }
        for kind in asked.kinds
    ]  # fmt: skip
    c.execute(_upsert_of(c.dialect.name, FRESH), fresh)
    c.execute(_NO_SCOPES, {"of_integration": integration_id, "of_kinds": list(asked.kinds)})
    if asked.trigger not in QUIET:
        say_after(c, "run_started", integration=integration_id, run=made, flow=asked.flow, trigger=asked.trigger)
    return made


def lock(c: sa.Connection, integration_id: int, flow_name: str) -> None:
    """Locks the flow: no other run of it starts before this transaction ends. Else neither would supersede the other."""
    c.execute(_LOCK, {"of_integration": integration_id, "of_name": flow_name})


def _said(c: sa.Connection, row: Run, state: str, now: float) -> None:
    """Logs the end of the run."""
    about = {"integration": row.integration_id, "run": row.id, "flow": row.flow, "trigger": row.trigger, "state": state}
    counts = {"read": row.entities, "changed": row.changed, "pushed": row.pushed, "seconds": round(now - row.started_at, 1)}
    say_after(c, "run_ended", **about, **counts)


# Statements that every reading needs are built once: building one costs more than running it.

_BEFORE = (run.c.integration_id == sa.bindparam("of_integration")) & (run.c.flow == sa.bindparam("of_flow")) & (run.c.state == "reading")
_FULL_BEFORE = sa.select(run.c.id).where(_BEFORE, run.c.full, run.c.only.is_(None)).limit(1)
SUPERSEDED = EngateError(
    Text("Uma carga mais nova tomou o lugar desta.", "A newer run took the place of this one."), NO_HINT, code="superseded"
)
_SUPERSEDE = sa.update(run).where(_BEFORE).values(state="cancelled", ended_at=sa.bindparam("of_now"), error=error_of(SUPERSEDED))
_NEW_RUN = sa.insert(run).returning(run.c.id)
_OF_FLOW = (flow.c.integration_id == sa.bindparam("of_integration")) & (flow.c.name == sa.bindparam("of_name"))
_LOCK = sa.select(flow.c.name).where(_OF_FLOW).with_for_update(key_share=True)
_OF_KIND = (reading.c.integration_id == sa.bindparam("of_integration")) & (reading.c.kind == sa.bindparam("of_kind"))
_UNDER_WAY = sa.select(reading).where(
    reading.c.integration_id == sa.bindparam("of_integration"),
    reading.c.kind.in_(sa.bindparam("of_kinds", expanding=True)),
    reading.c.under_way,
)
# the earlier run's scopes: the new one is split into its own
_NO_SCOPES = (
    sa.update(reading)
    .where(
        reading.c.integration_id == sa.bindparam("of_integration"),
        reading.c.kind.in_(sa.bindparam("of_kinds", expanding=True)),
        reading.c.scope != "",
        reading.c.under_way,
    )
    .values(under_way=False, cursor=None, ahead=None, only=None)
)
_PLACE_OF = sa.select(*(reading.columns[name] for name in Kept._fields)).where(_OF_KIND)
_WATERMARK_OF = sa.select(reading.c.watermark).where(_OF_KIND, reading.c.scope == sa.bindparam("of_scope"))
_EVER_READ = sa.select(reading.c.kind).where(_OF_KIND, reading.c.watermark.is_not(None)).limit(1)
_RUN = sa.select(run).where(run.c.id == sa.bindparam("of_run"))
_PUSHES = sa.update(run).where(run.c.id == sa.bindparam("of_run"), run.c.state == "reading").values(state="pushing")
_DROP = sa.delete(run).where(run.c.id == sa.bindparam("of_run"))
_LAST_RUN = (
    sa.select(run)
    .where(run.c.integration_id == sa.bindparam("of_integration"), run.c.flow == sa.bindparam("of_name"))
    .order_by(run.c.id.desc())
    .limit(1)
)
FRESH = frozenset(("full", "only", "cursor", "under_way", "run_id", "entities", "total", "started_at", "ahead"))
_FULL_AT, _READ_AT = sa.select(flow.c.full_at).where(_OF_FLOW), sa.select(flow.c.read_at).where(_OF_FLOW)


@cache
def _upsert_of(dialect: str, names: frozenset[str]) -> Any:
    """The upsert of one kind's reading with these columns."""
    s = insert_of(dialect, reading)
    return s.on_conflict_do_update(index_elements=["integration_id", "kind", "scope"], set_={name: s.excluded[name] for name in names})


def under_way(c: sa.Connection, integration_id: int, kinds: Sequence[str]) -> list[Reading]:
    rows = [Reading(*row) for row in c.execute(_UNDER_WAY, {"of_integration": integration_id, "of_kinds": kinds})]
    order = list(KINDS)
    return sorted(rows, key=lambda row: (order.index(row.kind), row.scope))


def watermark_of(c: sa.Connection, integration_id: int, kind: str, scope: str = "") -> str | None:
    return c.execute(_WATERMARK_OF, {"of_integration": integration_id, "of_kind": kind, "of_scope": scope}).scalar()


def ever_read(c: sa.Connection, integration_id: int, kind: str) -> bool:
    """Whether a delta of the kind is possible: it was read before, in at least one scope."""
    return c.execute(_EVER_READ, {"of_integration": integration_id, "of_kind": kind}).first() is not None


def split(c: sa.Connection, row: Reading, scopes: Sequence[str]) -> None:
    """Splits the reading of a kind into one for each of these scopes. Repeating it for the same run changes nothing. Other scopes are
    forgotten: one that is mapped again is read whole."""
    of_kind = (reading.c.integration_id == row.integration_id) & (reading.c.kind == row.kind)
    c.execute(sa.delete(reading).where(of_kind, reading.c.scope.not_in(["", *scopes])))
    known = set(c.execute(sa.select(reading.c.scope).where(of_kind, reading.c.run_id == row.run_id)).scalars())
    fresh = [
        {"integration_id": row.integration_id, "kind": row.kind, "scope": scope}
        | {name: getattr(row, name) for name in FRESH}
        | {"cursor": None, "ahead": None, "total": None, "entities": 0, "under_way": True}
        for scope in scopes
        if scope not in known
    ]
    if fresh:
        c.execute(_upsert_of(c.dialect.name, FRESH), fresh)
    if "" not in scopes:
        nowhere = {"under_way": False, "cursor": None, "ahead": None, "only": None, "watermark": None}
        c.execute(sa.update(reading).where(_MINE).values(**nowhere), _of(row))


_MINE = (
    (reading.c.integration_id == sa.bindparam("of_integration"))
    & (reading.c.kind == sa.bindparam("of_kind"))
    & (reading.c.scope == sa.bindparam("of_scope"))
    & (reading.c.run_id == sa.bindparam("of_run"))
)
_STILL_ASKED = sa.select(reading.c.kind).where(_MINE, reading.c.under_way).with_for_update()
_PAGE = (
    sa.update(reading)
    .where(_MINE)
    .values(
        cursor=sa.bindparam("next"),
        ahead=sa.bindparam("newest"),
        entities=reading.c.entities + sa.bindparam("more", type_=sa.BigInteger),
        total=sa.bindparam("total", type_=sa.BigInteger),
    )
)
_PAGE_OF_RUN = (
    sa.update(run)
    .where(run.c.id == sa.bindparam("of_run"))
    .values(
        entities=run.c.entities + sa.bindparam("more", type_=sa.BigInteger),
        changed=run.c.changed + sa.bindparam("new", type_=sa.BigInteger),
    )
)


def _of(row: Reading) -> dict[str, Any]:
    return {"of_integration": row.integration_id, "of_kind": row.kind, "of_scope": row.scope, "of_run": row.run_id}


def still_asked(c: sa.Connection, row: Reading) -> bool:
    """Whether this reading still goes on: it was not cancelled or superseded."""
    return c.execute(_STILL_ASKED, _of(row)).first() is not None


class Place(NamedTuple):
    """How far a reading has come. `total`: the smallest count of the list that the platform told."""

    cursor: str | None
    ahead: str | None
    total: int | None


def page_done(c: sa.Connection, row: Reading, place: Place, *, items: int, changed: int) -> None:
    """Stores that pages were kept: the reading continues after them."""
    c.execute(_PAGE, _of(row) | {"next": place.cursor, "newest": place.ahead, "total": place.total, "more": items})
    brought(c, row, items=items, changed=changed)


def brought(c: sa.Connection, row: Reading, *, items: int, changed: int) -> None:
    """Adds a page's counts to the run; `items`: those of the run's own flow."""
    c.execute(_PAGE_OF_RUN, {"of_run": row.run_id, "more": items, "new": changed})


class Counted(NamedTuple):
    """Numbers of entities. `entities`: read so far; `total`: the platform's own count; `known`: of the last whole full reading; `short`: of
    the last full reading that was too short to be believed."""

    entities: int
    total: int | None
    known: int | None
    short: int | None


def counted(c: sa.Connection, row: Reading) -> Counted:
    found = c.execute(sa.select(reading.c.entities, reading.c.total, reading.c.known, reading.c.short).where(_MINE), _of(row)).one()
    return Counted(*found)


def reading_done(c: sa.Connection, row: Reading, *, ahead: str | None, read: int) -> None:
    """The reading is complete: only now the watermark moves (never for a partial reading, never for one of some keys)."""
    values: dict[str, Any] = {"under_way": False, "cursor": None, "ahead": None, "only": None}
    if row.only is None and ahead is not None:
        values["watermark"] = ahead
    if row.only is None and row.full:
        values |= {"known": read, "short": None}
    c.execute(sa.update(reading).where(_MINE).values(**values), _of(row))


def reading_short(c: sa.Connection, row: Reading, *, read: int) -> None:
    """The reading ended without everything there is: the next one reads what this one should have read."""
    values: dict[str, Any] = {"under_way": False, "cursor": None, "ahead": None}
    if row.full:
        values["short"] = read
    c.execute(sa.update(reading).where(_MINE).values(**values), _of(row))


def kind_brought(c: sa.Connection, row: Reading, *, by: str) -> None:
    """A complete reading of the kind `by` stood for this one: this kind gets its watermark."""
    values = {"under_way": False, "cursor": None, "ahead": None, "watermark": watermark_of(c, row.integration_id, by)}
    c.execute(sa.update(reading).where(_MINE).values(**values), _of(row))


def kind_is_read(c: sa.Connection, row: Reading) -> bool:
    """Whether no scope of the row's kind is being read any more."""
    return not under_way(c, row.integration_id, [row.kind])


SHORT = "reading.short"


def fell_short(c: sa.Connection, run_id: int, reason: Reason) -> None:
    error = {"code": reason.code, "text": msgspec.to_builtins(reason.text), "hint": msgspec.to_builtins(reason.hint)}
    c.execute(sa.update(run).where(run.c.id == run_id).values(error=error))


def is_short(row: Run | None) -> bool:
    """Whether a list that this run read ended too early."""
    error: dict[str, Any] = (row.error if row is not None else None) or {}
    return error.get("code") == SHORT


def flow_short(c: sa.Connection, integration_id: int, flow_name: str, cause_id: int) -> None:
    """Points the flow to the cause: what was read counts, but the flow is not up to date."""
    c.execute(sa.update(flow).where(flow.c.integration_id == integration_id, flow.c.name == flow_name).values(cause_id=cause_id))


def of_id(c: sa.Connection, run_id: int) -> Run | None:
    row = c.execute(_RUN, {"of_run": run_id}).first()
    return Run(*row) if row is not None else None


def pushes(c: sa.Connection, run_id: int) -> None:
    """The run has read everything: it goes on until its records are settled."""
    c.execute(_PUSHES, {"of_run": run_id})


def flow_read(c: sa.Connection, integration_id: int, flow_name: str, *, full: bool, now: float) -> None:
    """Every kind of the flow has been read."""
    c.execute(_FULLY_READ if full else _FLOW_READ, {"of_integration": integration_id, "of_name": flow_name, "of_now": now})


_LACKING = sa.select(cause.c.id).where(cause.c.integration_id == sa.bindparam("of_integration"), cause.c.code == "forbidden")
# a reading does not end the cause of a missing permission: the lane that lacks it does when it gets through
_FLOW_READ = (
    sa.update(flow)
    .where(_OF_FLOW)
    .values(read_at=sa.bindparam("of_now"), cause_id=sa.case((flow.c.cause_id.in_(_LACKING), flow.c.cause_id), else_=None))
)
_FULLY_READ = _FLOW_READ.values(full_at=sa.bindparam("of_now"))


_PUSHING = sa.select(run).where(run.c.integration_id == sa.bindparam("of_integration"), run.c.state == "pushing")
_UNSETTLED = MOVING.where(record.c.run_id == sa.bindparam("of_run")).limit(1)
_WAITING = sa.select(sa.func.count()).where(record.c.run_id == sa.bindparam("of_run"), record.c.state.in_(("to_send", "sent", "waiting")))
_SHARED_MOVE = MOVING.where(record.c.integration_id == sa.bindparam("of_integration"), record.c.kind.in_(list(SHARED))).limit(1)
_OWNER = sa.select(cause.c.owner).where(cause.c.id == record.c.cause_id).scalar_subquery()
_UNFINISHED = (
    sa.select(record.c.id)
    .where(
        record.c.run_id == sa.bindparam("of_run"),
        (record.c.state == "to_send") | ((record.c.state == "waiting") & (_OWNER == "engate")),
    )
    .limit(1)
)


def finish(c: sa.Connection, integration_id: int, now: float, *, idle: sa.ColumnElement[bool] | None) -> list[Run]:
    """Ends the runs none of whose records can still move, and returns them. `idle`: condition for records that never move (None: there are
    none). Scheduled runs that changed nothing are deleted."""
    pushing = [Run(*row) for row in c.execute(_PUSHING, {"of_integration": integration_id})]
    if not pushing:
        return []
    ended: list[Run] = []
    reading_now = {row.kind for row in under_way(c, integration_id, list(KINDS))}
    shared_move = _there_is(c, _SHARED_MOVE, idle, of_integration=integration_id)
    for row in pushing:
        # a record whose parent has not been read yet would seem unable to go
        if ANCESTORS[row.flow] & reading_now or unsettled(c, row.id, idle):
            continue
        # … and so would one that waits for a category or brand which is under way
        if shared_move and ANCESTORS[row.flow] & SHARED.keys() and unfinished(c, row.id, idle):
            continue
        short = is_short(row)
        if row.trigger in QUIET and row.changed == 0 and not short:
            c.execute(_DROP, {"of_run": row.id})
            continue
        state = "failed" if short else "done"
        c.execute(sa.update(run).where(run.c.id == row.id).values(state=state, ended_at=now))
        _said(c, row, state, now)
        ended.append(row)
    return ended


def waiting(c: sa.Connection, run_id: int) -> int:
    """How many records of the run are not in the shop as they should be; once the run is over, these wait for a cause."""
    return c.execute(_WAITING, {"of_run": run_id}).scalar_one()


def unsettled(c: sa.Connection, run_id: int, idle: sa.ColumnElement[bool] | None) -> bool:
    """Whether a record of the run can still move by itself."""
    return _there_is(c, _UNSETTLED, idle, of_run=run_id)


def unfinished(c: sa.Connection, run_id: int, idle: sa.ColumnElement[bool] | None) -> bool:
    """Whether a record of the run is still to be sent, or waits for a cause whose owner is engate."""
    return _there_is(c, _UNFINISHED, idle, of_run=run_id)


def _there_is(c: sa.Connection, found: sa.Select[tuple[int]], idle: sa.ColumnElement[bool] | None, **of: int) -> bool:
    return c.execute(found if idle is None else found.where(~idle), of).first() is not None


def failed(c: sa.Connection, run_id: int, error: EngateError, now: float) -> None:
    """Stores the error of a reading. An earlier "ended too early" stays."""
    if is_short(of_id(c, run_id)):
        return
    c.execute(sa.update(run).where(run.c.id == run_id).values(error=error_of(error)))


def pushed(c: sa.Connection, ids: Sequence[int]) -> None:
    """Counts accepted records on the runs that wanted them."""
    for run_id, count in c.execute(_BY_RUN, {"of_ids": ids}).all():
        c.execute(_PUSHED, {"of_id": run_id, "more": count})


_BY_RUN = sa.select(record.c.run_id, sa.func.count()).where(one_of(record.c.id, "of_ids")).group_by(record.c.run_id)
_PUSHED = sa.update(run).where(run.c.id == sa.bindparam("of_id")).values(pushed=run.c.pushed + sa.bindparam("more"))


def cancel(c: sa.Connection, run_id: int, now: float) -> None:
    """Stops the reading and ends the run as cancelled."""
    c.execute(sa.update(reading).where(reading.c.run_id == run_id).values(under_way=False, cursor=None, ahead=None, only=None))
    c.execute(sa.update(run).where(run.c.id == run_id).values(state="cancelled", ended_at=now))
    row = of_id(c, run_id)
    if row is not None:
        _said(c, row, "cancelled", now)


def switched_off(c: sa.Connection, integration_id: int, flow_name: str, now: float) -> None:
    """The flow was switched off: its runs end. Their records are sent when it is switched on again."""
    mine = (run.c.integration_id == integration_id) & (run.c.flow == flow_name) & run.c.state.in_(("reading", "pushing"))
    for id in c.execute(sa.select(run.c.id).where(mine)).scalars().all():
        cancel(c, id, now)
        c.execute(sa.update(run).where(run.c.id == id).values(error={"code": "switched_off"}))


def stopped_at(c: sa.Connection, integration_id: int, flow_name: str) -> float | None:
    """When a person cancelled the flow's last run; None where it ended in another way."""
    row = c.execute(_LAST_RUN, {"of_integration": integration_id, "of_name": flow_name}).first()
    return row.ended_at if row is not None and row.state == "cancelled" and row.error is None else None


def full_at(c: sa.Connection, integration_id: int, flow_name: str) -> float | None:
    return c.execute(_FULL_AT, {"of_integration": integration_id, "of_name": flow_name}).scalar()


def full_is_due(c: sa.Connection, integration_id: int, flow_name: str, every: float | None, now: float) -> bool:
    """Whether a full reading is due by its schedule (`every`: seconds; None: never)."""
    at = full_at(c, integration_id, flow_name) if every is not None else None
    return every is not None and (at is None or at + every <= now)


def read_at(c: sa.Connection, integration_id: int, flow_name: str) -> float | None:
    """When the flow was last read by its schedule, or because a person asked."""
    return c.execute(_READ_AT, {"of_integration": integration_id, "of_name": flow_name}).scalar()


def keep_place(c: sa.Connection, integration_id: int, kind: str, **place: Any) -> None:
    """Stores the place of a reading without a run: `cursor` and `ahead` while it is under way, `watermark` when it is whole."""
    row = {"integration_id": integration_id, "kind": kind, "scope": "", **place}
    c.execute(_upsert_of(c.dialect.name, frozenset(place)), row)


def place_of(c: sa.Connection, integration_id: int, kind: str) -> Kept | None:
    row = c.execute(_PLACE_OF, {"of_integration": integration_id, "of_kind": kind}).first()
    return Kept(*row) if row is not None else None


def _ancestors(kind: str) -> set[str]:
    parent = KINDS[kind].parent_kind
    shared = {"product": {"category", "brand"}, "category": {"category"}}.get(kind, set[str]())
    return {*shared, parent, *_ancestors(parent)} if parent else {*shared}


ANCESTORS: dict[str, set[str]] = {}
for _kind in KINDS.values():
    ANCESTORS.setdefault(_kind.flow, set()).update(_ancestors(_kind.name))
