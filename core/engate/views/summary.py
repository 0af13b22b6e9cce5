"""Where an integration stands, in numbers.

Each SKU counts once, under the first reason in its chain: its product's before its own before its price's, stock's and images'.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from engate.domain.snapshot import Snapshot
from engate.model.kinds import KINDS, Kind
from engate.store.tables import cause, inbox, link, order, record
from engate.sync import pilot
from engate.views.paging import instant
from engate.views.running import Live, orders_of, records_of

LINK = "own:waiting.link:"
STEP = 1 << 40
ROWS = 500


class Skus(msgspec.Struct):
    """`attention`: by cause code, a person must act; `awaiting`: the storefront's people; `waiting`: on its way; the rest is settled."""

    total: int
    attention: dict[str, int]
    awaiting: int
    waiting: int
    settled: int


class Summary(msgspec.Struct):
    """`moving`: records that can still move by themselves."""

    records: dict[str, Live]
    skus: Skus
    moving: int
    orders: dict[str, int]
    orders_attention: dict[str, int]
    inbox_unhandled: int
    counted_at: datetime | None


def summary(c: sa.Connection, snapshot: Snapshot, now: float) -> Summary:
    id = snapshot.id
    attention = (
        sa.select(cause.c.code, sa.func.count().label("n"))
        .select_from(order.join(cause, cause.c.id == order.c.cause_id))
        .where(order.c.integration_id == id, order.c.cause_id.is_not(None), cause.c.owner == "person")
        .group_by(cause.c.code)
    )
    unhandled = sa.select(sa.func.count()).where(inbox.c.integration_id == id, inbox.c.handled_at.is_(None))
    records = records_of(c, id)
    return Summary(
        records,
        _skus(c, id, records),
        _moving(c, snapshot, records),
        orders_of(c, id),
        {row.code: row.n for row in c.execute(attention)},
        c.execute(unhandled).scalar_one(),
        instant(now),
    )


# ---- SKUs under their first cause ----


def _skus(c: sa.Connection, id: int, records: dict[str, Live]) -> Skus:
    own = records.get("sku", Live())
    total = own.to_send + own.sent + own.waiting + own.settled
    counts: dict[int | None, int] = {}
    for first, n in c.execute(_FIRST, {"id": id, "step": STEP}):
        cause_id = None if first is None else first % STEP
        counts[cause_id] = counts.get(cause_id, 0) + n
    attention: dict[str, int] = {}
    awaiting, waiting = 0, counts.pop(None, 0)
    causes = _causes(c, id, {each for each in counts if each is not None})
    for cause_id, n in counts.items():
        found = causes.get(cause_id) if cause_id is not None else None
        if found is not None and waits_for(found.key) is not None:
            found = first_of(c, id, cause_id)
        if found is None or found.owner == "engate":
            waiting += n
        elif found.owner == "storefront":
            awaiting += n
        else:
            attention[found.code] = attention.get(found.code, 0) + n
    return Skus(total, attention, awaiting, waiting, total - awaiting - waiting - sum(attention.values()))


_FIRST = sa.text("""
SELECT first, count(*) FROM (
  SELECT min(CASE WHEN cause_id IS NOT NULL THEN CAST(rank AS BIGINT) * :step + cause_id END) AS first FROM (
    SELECT sku.key AS sku, 1 AS rank, open.cause_id FROM record AS open CROSS JOIN record AS sku
    WHERE open.integration_id = :id AND open.kind = 'product' AND open.state IN ('to_send', 'sent', 'waiting')
      AND sku.integration_id = :id AND sku.kind = 'sku' AND sku.parent = open.key
    UNION ALL
    SELECT key, 2, cause_id FROM record WHERE integration_id = :id AND kind = 'sku' AND state IN ('to_send', 'sent', 'waiting')
    UNION ALL
    SELECT sku.key, CASE open.kind WHEN 'price' THEN 3 WHEN 'stock' THEN 4 ELSE 5 END, open.cause_id
    FROM record AS open CROSS JOIN record AS sku
    WHERE open.integration_id = :id AND open.kind IN ('price', 'stock', 'image') AND open.state IN ('to_send', 'sent', 'waiting')
      AND sku.integration_id = :id AND sku.kind = 'sku' AND sku.key = open.parent
  ) AS troubles GROUP BY sku
) AS firsts GROUP BY first""")
"""How many SKUs have which first trouble: of everything unsettled in a SKU's chain the smallest (rank, cause) in one number, null where
nothing waits for a cause. The product's reasons rank before the SKU's own, its price's, its stock's and its images'. CROSS JOIN makes
SQLite begin with the left table: the few open records."""


def _causes(c: sa.Connection, id: int, ids: set[int]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    rest = sorted(ids)
    while rest:
        some, rest = rest[:ROWS], rest[ROWS:]
        rows = sa.select(cause.c.id, cause.c.key, cause.c.code, cause.c.owner).where(cause.c.integration_id == id, cause.c.id.in_(some))
        found |= {row.id: row for row in c.execute(rows)}
    return found


def first_of(c: sa.Connection, id: int, cause_id: int | None) -> Any | None:
    """The first cause of a chain: from a cause that only says "waits for category X" to the cause that X waits for."""
    seen: set[int] = set()
    row = None
    while cause_id is not None and cause_id not in seen:
        seen.add(cause_id)
        row = c.execute(sa.select(cause).where(cause.c.integration_id == id, cause.c.id == cause_id)).first()
        target = waits_for(row.key) if row is not None else None
        if target is None:
            return row
        cause_id = c.execute(
            sa.select(record.c.cause_id).where(record.c.integration_id == id, record.c.kind == target[0], record.c.key == target[1])
        ).scalar()
    return row


def waits_for(cause_key: str) -> tuple[str, str] | None:
    """(kind, key) of the record whose link a cause waits for; else None."""
    if not cause_key.startswith(LINK):
        return None
    kind, _, key = cause_key.removeprefix(LINK).partition("/")
    return kind, key


# ---- what can still move ----


def _moving(c: sa.Connection, snapshot: Snapshot, records: dict[str, Live]) -> int:
    if not snapshot.active:
        return 0
    kinds = [kind for kind in KINDS.values() if kind.flow in snapshot.enabled and kind.name in records]
    return sum(_moving_of(c, snapshot, kind, records[kind.name]) for kind in kinds)


def _moving_of(c: sa.Connection, snapshot: Snapshot, kind: Kind, live: Live) -> int:
    if live.to_send == 0:
        return live.sent
    ready = sa.select(sa.func.count()).where(
        record.c.integration_id == snapshot.id,
        record.c.kind == kind.name,
        record.c.state == "to_send",
        ~blocked(kind),
    )
    if snapshot.pilot is not None:
        ready = ready.where(record.c.key.in_(pilot.allowed(c, snapshot, kind)))
    return live.sent + c.execute(ready).scalar_one()


def blocked(kind: Kind) -> sa.ColumnElement[bool]:
    """Condition: the record's parent is not in the storefront yet."""
    if kind.parent_kind is None:
        return sa.false()
    return ~sa.exists().where(
        link.c.integration_id == record.c.integration_id, link.c.kind == kind.parent_kind, link.c.key == record.c.parent
    )
