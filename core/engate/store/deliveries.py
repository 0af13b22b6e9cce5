"""What platforms told by themselves: each delivery once, with its raw body, for a month."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.store import config
from engate.store.db import insert
from engate.store.tables import connection, delivery, integration

KEPT = 30 * 86400.0
PURGED = 500
"""Rows that one transaction deletes."""
REASONS = 20
"""Reasons of a connection that are told apart; the rest are one."""
OF_REFUSED = 2048
"""Bytes that are kept of a call that is no platform's: the last one of each reason."""


class Came(NamedTuple):
    """One call as it is kept."""

    tenant_id: int
    connection_id: int
    at: float
    method: str
    path: str
    body: bytes

    def row(self, key: str, body: bytes, **more: Any) -> dict[str, Any]:
        return {
            "tenant_id": self.tenant_id,
            "connection_id": self.connection_id,
            "key": key,
            "received_at": self.at,
            "method": self.method[:10],
            "path": self.path[:200],
            "body": zlib.compress(body, 1),
            "size": len(self.body),
            "about": {},
            **more,
        }


class Hearer(NamedTuple):
    """An integration of a connection. `listens`: it reads the orders of the shop."""

    id: int
    storefront_id: int
    archived: bool
    listens: bool


def door_of(c: sa.Connection, connection_id: int) -> Any | None:
    """The row of a connection that somebody may call: an integration uses it (one that is archived needs it while it has open orders)."""
    uses = (integration.c.erp_id == connection_id) | (integration.c.storefront_id == connection_id)
    used = sa.select(integration.c.id).where(uses).exists()
    return c.execute(sa.select(connection).where(connection.c.id == connection_id, used)).first()


def hearers(c: sa.Connection, connection_id: int) -> list[Hearer]:
    uses = (integration.c.erp_id == connection_id) | (integration.c.storefront_id == connection_id)
    rows = c.execute(
        sa.select(integration.c.id, integration.c.storefront_id, integration.c.deleted_at, integration.c.shop).where(uses)
    ).all()
    return [Hearer(row.id, row.storefront_id, row.deleted_at is not None, row.shop is not None) for row in rows]


def keep(c: sa.Connection, came: Came, key: str, about: dict[str, Any]) -> int | None:
    """The id of the delivery if it is to be acted on: it is new, or nobody listened when it came before."""
    made = c.execute(
        insert(c, delivery)
        .values(came.row(key, came.body, outcome="taken", about=about))
        .on_conflict_do_nothing(index_elements=["connection_id", "key"])
        .returning(delivery.c.id)
    ).scalar()
    if made is not None:
        return made
    mine = (delivery.c.connection_id == came.connection_id) & (delivery.c.key == key)
    c.execute(sa.update(delivery).where(mine).values(times=delivery.c.times + 1))
    return c.execute(sa.select(delivery.c.id).where(mine, delivery.c.outcome == "unheard")).scalar()


def ended(c: sa.Connection, id: int, outcome: str) -> None:
    c.execute(sa.update(delivery).where(delivery.c.id == id).values(outcome=outcome))


def refused(c: sa.Connection, came: Came, reason: str) -> None:
    """One row for each reason, however often: a stranger fills no disk."""
    reason = _one_of_few(c, came.connection_id, reason[:200])
    key = f"refused/{sha256(reason.encode()).hexdigest()[:32]}"
    s = insert(c, delivery).values(came.row(key, came.body[:OF_REFUSED], outcome="refused", reason=reason))
    again = {name: s.excluded[name] for name in ("received_at", "method", "path", "body", "size")} | {"times": delivery.c.times + 1}
    c.execute(s.on_conflict_do_update(index_elements=["connection_id", "key"], set_=again))


def _one_of_few(c: sa.Connection, connection_id: int, reason: str) -> str:
    mine = (delivery.c.connection_id == connection_id) & (delivery.c.outcome == "refused")
    known = set(c.execute(sa.select(delivery.c.reason).where(mine)).scalars())
    return reason if reason in known or len(known) < REASONS else "…"


def one(c: sa.Connection, tenant_id: int, connection_ids: Sequence[int], id: int) -> Any:
    row = c.execute(config.mine(delivery, tenant_id, delivery.c.id == id, delivery.c.connection_id.in_(connection_ids))).first()
    if row is None:
        raise config.not_found("Entrega", "delivery")
    return row


def purge(c: sa.Connection, now: float) -> bool:
    """Takes away what is older than a month, some of it at a time. True: there may be more."""
    old = sa.select(delivery.c.id).where(delivery.c.received_at < now - KEPT).order_by(delivery.c.received_at).limit(PURGED)
    return c.execute(sa.delete(delivery).where(delivery.c.id.in_(old))).rowcount == PURGED
