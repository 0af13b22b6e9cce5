"""Where an integration stands, in numbers.

Each SKU counts once, under the first reason in its chain: its product's before its own before its price's, stock's and images'.
"""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from engate.model.kinds import KINDS, Kind
from engate.store.tables import cause, inbox, link, order, record
from engate.store.views.running import Live
from engate.sync import pilot
from engate.sync.work import Snapshot

UNSETTLED = ("to_send", "sent", "waiting")
RANKED = {"price": 3, "stock": 4, "image": 5}
"""What hangs on a SKU, in the order in which its reasons count; its product's come first (1), then its own (2)."""
LINK = "own:waiting.link:"
STEP = 1 << 40


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


def summary(c: sa.Connection, snapshot: Snapshot) -> Summary:
    id = snapshot.id
    orders = sa.select(order.c.state, sa.func.count().label("n")).where(order.c.integration_id == id).group_by(order.c.state)
    attention = (
        sa.select(cause.c.code, sa.func.count().label("n"))
        .select_from(order.join(cause, cause.c.id == order.c.cause_id))
        .where(order.c.integration_id == id, cause.c.owner == "person")
        .group_by(cause.c.code)
    )
    unhandled = sa.select(sa.func.count()).where(inbox.c.integration_id == id, inbox.c.handled_at.is_(None))
    records = _records(c, id)
    return Summary(
        records,
        _skus(c, id, records),
        _moving(c, snapshot, records),
        {row.state: row.n for row in c.execute(orders)},
        {row.code: row.n for row in c.execute(attention)},
        c.execute(unhandled).scalar_one(),
    )


def _records(c: sa.Connection, id: int) -> dict[str, Live]:
    counted = sa.select(record.c.kind, record.c.state, sa.func.count().label("n")).where(record.c.integration_id == id)
    found: dict[str, Live] = {}
    for row in c.execute(counted.group_by(record.c.kind, record.c.state)):
        setattr(found.setdefault(row.kind, Live()), row.state, row.n)
    return {kind: found[kind] for kind in KINDS if kind in found}


# ---- SKUs under their first cause ----


def _skus(c: sa.Connection, id: int, records: dict[str, Live]) -> Skus:
    own = records.get("sku", Live())
    total = own.to_send + own.sent + own.waiting + own.settled
    troubles = sa.union_all(*_troubles(id)).subquery()
    # the least (rank, cause) of each SKU in one number; null: nothing but things on their way
    first = sa.func.min(
        sa.case(
            (
                troubles.c.cause_id.is_not(None),
                sa.cast(troubles.c.rank, sa.BigInteger) * sa.literal(STEP, sa.BigInteger) + troubles.c.cause_id,
            )
        )
    ).label("first")
    each = sa.select(first).group_by(troubles.c.sku).subquery()
    counts: dict[int | None, int] = {}
    for row in c.execute(sa.select(each.c.first, sa.func.count().label("n")).group_by(each.c.first)):
        cause_id = None if row.first is None else row.first % STEP
        counts[cause_id] = counts.get(cause_id, 0) + row.n
    attention: dict[str, int] = {}
    awaiting, waiting = 0, counts.pop(None, 0)
    for cause_id, n in counts.items():
        found = first_of(c, id, cause_id)
        if found is None or found.owner == "engate":
            waiting += n
        elif found.owner == "storefront":
            awaiting += n
        else:
            attention[found.code] = attention.get(found.code, 0) + n
    return Skus(total, attention, awaiting, waiting, total - awaiting - waiting - sum(attention.values()))


def _troubles(id: int) -> list[sa.Select[*tuple[Any, ...]]]:
    """(sku, rank, cause_id) of everything in a SKU's chain that is not settled."""
    sku = record.alias("sku")
    mine = (record.c.integration_id == id) & record.c.state.in_(UNSETTLED)
    of_product = (sku.c.integration_id == id) & (sku.c.kind == "sku") & (sku.c.parent == record.c.key)
    of_child = (sku.c.integration_id == id) & (sku.c.kind == "sku") & (sku.c.key == record.c.parent)
    rank = sa.case(RANKED, value=record.c.kind)
    return [
        sa.select(sku.c.key.label("sku"), sa.literal(1).label("rank"), record.c.cause_id)
        .select_from(record.join(sku, of_product))
        .where(mine, record.c.kind == "product"),
        sa.select(record.c.key, sa.literal(2), record.c.cause_id).where(mine, record.c.kind == "sku"),
        sa.select(sku.c.key, rank, record.c.cause_id).select_from(record.join(sku, of_child)).where(mine, record.c.kind.in_(RANKED)),
    ]


def first_of(c: sa.Connection, id: int, cause_id: int | None) -> Any | None:
    """The cause at the start: one that only says "waits for category X" leads to whatever X waits for."""
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
    """(kind, key) of the record that a cause only refers to."""
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
        record.c.effective_at.is_(None),
        ~blocked(kind),
    )
    if snapshot.pilot is not None:
        ready = ready.where(record.c.key.in_(pilot.allowed(c, snapshot, kind)))
    return live.sent + c.execute(ready).scalar_one()


def blocked(kind: Kind) -> sa.ColumnElement[bool]:
    """Whether a record's parent is not in the storefront yet."""
    if kind.parent_kind is None:
        return sa.false()
    return ~sa.exists().where(
        link.c.integration_id == record.c.integration_id, link.c.kind == kind.parent_kind, link.c.key == record.c.parent
    )
