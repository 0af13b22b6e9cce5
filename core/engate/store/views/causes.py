"""Causes as people see them: what waits, why, and what to do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from engate.store.desired import UNREADABLE as SPOILT
from engate.store.tables import cause, flow, order, outbox, record
from engate.store.views.paging import Rows, Window, each, instant, page
from engate.text import Text


class Cause(msgspec.Struct):
    """`owner`: who can end it: person (attention) | storefront (awaiting) | engate (waiting)."""

    id: int
    code: str
    owner: str
    text: Text
    hint: Text
    since: datetime | None


class CauseCounted(Cause):
    """With what points to it: records by kind, orders, and messages that nobody took."""

    records: dict[str, int] = {}
    orders: int = 0
    messages: int = 0


UNREADABLE = Cause(0, SPOILT.code, SPOILT.owner, SPOILT.text, SPOILT.hint, None)
"""Of a stored document that cannot be read (any more): seen when it is shown, whether or not a lane has met it."""


def shown_doc(doc: msgspec.Struct | None) -> dict[str, Any] | None:
    """Under the names of the model, whatever a field is stored as."""
    if doc is None:
        return None
    names = {field.encode_name: field.name for field in msgspec.structs.fields(doc)}
    stored: dict[str, Any] = msgspec.to_builtins(doc)
    return {names.get(name, name): value for name, value in stored.items()}


def shown(row: Any) -> Cause:
    return Cause(row.id, row.code, row.owner, Text(**row.text), Text(**row.hint), instant(row.since))


def causes_by_id(c: sa.Connection, integration_id: int, ids: set[int]) -> dict[int, Cause]:
    if not ids:
        return {}
    return {row.id: shown(row) for row in c.execute(sa.select(cause).where(cause.c.integration_id == integration_id, cause.c.id.in_(ids)))}


def _first_of(table: sa.Table) -> sa.ColumnElement[bool]:
    mine = sa.select(table.c.cause_id).where(table.c.cause_id == cause.c.id)
    return mine.limit(1).scalar_subquery().is_not(None)


def listing(c: sa.Connection, integration_id: int, window: Window) -> Rows[CauseCounted]:
    """The causes that something points to."""
    # not EXISTS: PostgreSQL would gather all that wait first, to ask that for each
    used = sa.or_(*(_first_of(table) for table in (record, order, flow, outbox)))
    found = page(c, sa.select(cause.c.id).where(cause.c.integration_id == integration_id, used), sa.select(cause), window)
    return each(found, lambda row: _counted(c, shown(row)))


_RECORDS = sa.select(record.c.kind, sa.func.count()).where(record.c.cause_id == sa.bindparam("of_cause")).group_by(record.c.kind)
_ORDERS = sa.select(sa.func.count()).where(order.c.cause_id == sa.bindparam("of_cause"))
_MESSAGES = sa.select(sa.func.count()).where(outbox.c.cause_id == sa.bindparam("of_cause"))


def _counted(c: sa.Connection, why: Cause) -> CauseCounted:
    of = {"of_cause": why.id}
    by_kind = {kind: n for kind, n in c.execute(_RECORDS, of)}
    sold, untold = (c.execute(counted, of).scalar_one() for counted in (_ORDERS, _MESSAGES))
    return CauseCounted(why.id, why.code, why.owner, why.text, why.hint, why.since, by_kind, sold, untold)
