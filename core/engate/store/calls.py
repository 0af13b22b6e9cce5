"""The journal of calls: rows kept for some days, bounded for each tenant, without data of erased buyers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.store.blobs import pack
from engate.store.tables import call, call_record, connection, integration, order
from engate.transcript import Line, Said

MOST = 50_000
"""Calls kept of one tenant: about 60 MB. Beyond it examples are deleted first, then others, the oldest first."""
TRIMMED = PURGED = 500
"""Rows that one transaction deletes."""
NOTHING = pack(Said())
EXAMPLE = sa.text("example = 1")
"""Written as in its partial index: with a bound value the planner could not use the index."""


class Call(NamedTuple):
    """A call to be kept."""

    connection_id: int
    line: Line


def keep(c: sa.Connection, calls: Sequence[Call]) -> tuple[dict[int, int], list[Call]]:
    """Returns (tenant -> how many were kept, the calls to try again later). Calls of deleted connections and integrations are dropped.
    Calls to try again are of an order that another transaction is writing to, and may be erasing."""
    tenants = _tenants(c, {each.connection_id for each in calls})
    living = _living(c, {each.line.integration_id for each in calls if each.line.integration_id is not None})
    here = [each for each in calls if each.connection_id in tenants and (each.line.integration_id or 0) in living]
    erased, busy = _orders(c, here)
    rows: list[dict[str, Any]] = []
    records: list[tuple[tuple[str, str], ...]] = []
    counts: dict[int, int] = {}
    for each in here:
        if _place(each) not in busy:
            tenant_id = tenants[each.connection_id]
            rows.append(_row(tenant_id, each, NOTHING if _place(each) in erased else pack(each.line.said)))
            records.append(each.line.records)
            counts[tenant_id] = counts.get(tenant_id, 0) + 1
    if rows:
        ids = c.execute(sa.insert(call).returning(call.c.id, sort_by_parameter_order=True), rows).scalars().all()
        about = [
            {"tenant_id": row["tenant_id"], "kind": kind, "key": key, "call_id": id}
            for id, row, named in zip(ids, rows, records, strict=True)
            for kind, key in named
        ]
        if about:
            c.execute(sa.insert(call_record), about)
    return counts, [each for each in here if _place(each) in busy]


def _tenants(c: sa.Connection, ids: set[int]) -> dict[int, int]:
    """Connection id -> tenant id. Locked: the connections are not deleted before this transaction ends."""
    found = sa.select(connection.c.id, connection.c.tenant_id).where(connection.c.id.in_(sorted(ids))).order_by(connection.c.id)
    return {row.id: row.tenant_id for row in c.execute(found.with_for_update(read=True, key_share=True))}


def _living(c: sa.Connection, ids: set[int]) -> set[int]:
    """Those of these integrations that exist, and 0 (no integration)."""
    found = sa.select(integration.c.id).where(integration.c.id.in_(sorted(ids))).order_by(integration.c.id)
    return {0, *c.execute(found.with_for_update(read=True, key_share=True)).scalars()} if ids else {0}


Place = tuple[int | None, str | None]
"""The integration, and the shop's key of an order."""


def _place(each: Call) -> Place:
    return each.line.integration_id, each.line.order


def _orders(c: sa.Connection, calls: Sequence[Call]) -> tuple[set[Place], set[Place]]:
    """(erased orders, orders that another transaction writes to). The others are locked: not erased before this transaction ends."""
    erased, busy = set[Place](), set[Place]()
    keys: dict[int, set[str]] = {}
    for each in calls:
        if each.line.integration_id is not None and each.line.order is not None:
            keys.setdefault(each.line.integration_id, set()).add(each.line.order)
    for integration_id, named in sorted(keys.items()):
        mine = (order.c.integration_id == integration_id) & order.c.key.in_(sorted(named))
        there = set(c.execute(sa.select(order.c.key).where(mine)).scalars())
        held = c.execute(sa.select(order.c.key, order.c.erased_at).where(mine).with_for_update(read=True, skip_locked=True)).all()
        erased |= {(integration_id, row.key) for row in held if row.erased_at is not None}
        busy |= {(integration_id, key) for key in there - {row.key for row in held}}
    return erased, busy


def _row(tenant_id: int, each: Call, said: bytes) -> dict[str, Any]:
    line = each.line
    return {
        "tenant_id": tenant_id, "connection_id": each.connection_id, "integration_id": line.integration_id, "at": line.at,
        "hook": line.hook[:40], "method": line.method[:10], "operation": line.operation, "status": line.status,
        "outcome": line.outcome, "error": line.error, "ms": line.ms, "attempt": line.attempt, "order_key": line.order,
        "example": int(line.example), "said": said,
    }  # fmt: skip


# ---- deleting ----


def trim(c: sa.Connection, tenant_id: int) -> bool:
    """Deletes up to `TRIMMED` calls beyond the bound. True: there may be more."""
    mine = call.c.tenant_id == tenant_id
    beyond = c.execute(sa.select(sa.func.count()).select_from(call).where(mine)).scalar_one() - MOST
    if beyond <= 0:
        return False
    gone = 0
    for which in (mine & EXAMPLE, mine):
        oldest = sa.select(call.c.id).where(which).order_by(call.c.id).limit(min(beyond, TRIMMED) - gone)
        gone += c.execute(sa.delete(call).where(call.c.id.in_(oldest))).rowcount
        if gone >= min(beyond, TRIMMED):
            break
    return beyond > gone


def purge(c: sa.Connection, before: float) -> bool:
    """Deletes up to `PURGED` calls older than this. True: there may be more."""
    old = sa.select(call.c.id).where(call.c.at < before).order_by(call.c.at).limit(PURGED)
    return c.execute(sa.delete(call).where(call.c.id.in_(old))).rowcount == PURGED


def erase(c: sa.Connection, tenant_id: int, integration_id: int, order_key: str) -> None:
    """Empties the content of the calls about this order. Their rows stay."""
    c.execute(sa.update(call).where(of_order(tenant_id, integration_id, order_key)).values(said=NOTHING))


def of_order(tenant_id: int, integration_id: int, order_key: str) -> sa.ColumnElement[bool]:
    """Condition for calls about an order. Written so that the planner uses the index of orders, not the integration's large one."""
    return (call.c.tenant_id == tenant_id) & (call.c.order_key == order_key) & (call.c.integration_id + 0 == integration_id)


def move(c: sa.Connection, old: int, new: int) -> None:
    """Moves the calls about orders to the integration that has adopted them."""
    mine = (call.c.integration_id == old) & call.c.order_key.is_not(None)
    c.execute(sa.update(call).where(mine).values(integration_id=new))


# ---- whose calls are kept whole for a while ----


def watched(c: sa.Connection, now: float) -> dict[int, float]:
    """Connection id -> until when all its calls are kept."""
    looked_at = sa.select(connection.c.id, connection.c.calls_until).where(connection.c.calls_until > now)
    return {row.id: row.calls_until for row in c.execute(looked_at)}


def watch(c: sa.Connection, connection_id: int, until: float | None) -> None:
    c.execute(sa.update(connection).where(connection.c.id == connection_id).values(calls_until=until))
