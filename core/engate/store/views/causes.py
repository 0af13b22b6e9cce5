"""Causes as people see them: what waits, why, and what to do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from engate.store.tables import cause, flow, order, record
from engate.store.views.paging import Rows, Window, instant, page
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
    """With what points to it: records by kind, and orders."""

    records: dict[str, int] = {}
    orders: int = 0


def shown(row: Any) -> Cause:
    return Cause(row.id, row.code, row.owner, Text(**row.text), Text(**row.hint), instant(row.since))


def causes_by_id(c: sa.Connection, integration_id: int, ids: set[int]) -> dict[int, Cause]:
    if not ids:
        return {}
    return {row.id: shown(row) for row in c.execute(sa.select(cause).where(cause.c.integration_id == integration_id, cause.c.id.in_(ids)))}


def listing(c: sa.Connection, integration_id: int, window: Window) -> Rows[CauseCounted]:
    """The causes that something points to."""
    orders = {
        row.cause_id: row.n
        for row in c.execute(
            sa.select(order.c.cause_id, sa.func.count().label("n"))
            .where(order.c.integration_id == integration_id, order.c.cause_id.is_not(None))
            .group_by(order.c.cause_id)
        )
    }
    flows = sa.select(flow.c.cause_id).where(flow.c.integration_id == integration_id, flow.c.cause_id.is_not(None))
    used = sa.exists().where(record.c.cause_id == cause.c.id) | cause.c.id.in_(list(orders)) | cause.c.id.in_(flows)
    found = page(c, sa.select(cause).where(cause.c.integration_id == integration_id, used), cause.c.id, window, shown)
    counts = c.execute(
        sa.select(record.c.cause_id, record.c.kind, sa.func.count().label("n"))
        .where(record.c.cause_id.in_([each.id for each in found.items]))
        .group_by(record.c.cause_id, record.c.kind)
    ).all()
    items = [
        CauseCounted(
            each.id,
            each.code,
            each.owner,
            each.text,
            each.hint,
            each.since,
            {row.kind: row.n for row in counts if row.cause_id == each.id},
            orders.get(each.id, 0),
        )
        for each in found.items
    ]
    return Rows(items, found.next)
