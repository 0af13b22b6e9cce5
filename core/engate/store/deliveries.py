"""Deliveries: what platforms told by themselves. Each is stored once, with its raw body, for a month."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.store import config
from engate.store.db import insert, insert_of
from engate.store.tables import connection, delivery, integration

KEPT = 30 * 86400.0
PURGED = 500
"""Rows that one transaction deletes."""
REASONS = 20
"""Different reasons kept for one connection; further ones share a row."""
OF_REFUSED = 2048
"""Bytes kept of a call that did not come from the platform: the last one for each reason."""


HANDED_IN = "handed_in"
"""Marks a delivery whose body is the order itself."""


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
            "body": packed(body),
            "size": len(self.body),
            "about": {},
            **more,
        }


class Hearer(NamedTuple):
    """An integration of a connection. `listens`: it reads the shop's orders."""

    id: int
    storefront_id: int
    archived: bool
    listens: bool


# built once: used for every call of a platform
_USES = (integration.c.erp_id == sa.bindparam("of_connection")) | (integration.c.storefront_id == sa.bindparam("of_connection"))
_DOOR = sa.select(connection).where(connection.c.id == sa.bindparam("of_connection"), sa.select(integration.c.id).where(_USES).exists())
_HEARERS = sa.select(integration.c.id, integration.c.storefront_id, integration.c.deleted_at, integration.c.shop).where(_USES)
_MINE = (delivery.c.connection_id == sa.bindparam("of_connection")) & (delivery.c.key == sa.bindparam("of_key"))
_AGAIN = sa.update(delivery).where(_MINE).values(times=delivery.c.times + 1)
_UNHEARD = sa.select(delivery.c.id).where(_MINE, delivery.c.outcome == "unheard")
_CONTACTED = sa.update(connection).where(connection.c.id == sa.bindparam("of_connection")).values(contacted_at=sa.bindparam("of_at"))
_ENDED = sa.update(delivery).where(delivery.c.id == sa.bindparam("of_id"))


@cache
def _keep_of(dialect: str) -> Any:
    s = insert_of(dialect, delivery)
    return s.on_conflict_do_nothing(index_elements=["connection_id", "key"]).returning(delivery.c.id)


def door_of(c: sa.Connection, connection_id: int) -> Any | None:
    """The row of a connection whose door is open: an integration uses it, or an archived one with open orders."""
    return c.execute(_DOOR, {"of_connection": connection_id}).first()


def hearers(c: sa.Connection, connection_id: int) -> list[Hearer]:
    rows = c.execute(_HEARERS, {"of_connection": connection_id})
    return [Hearer(row.id, row.storefront_id, row.deleted_at is not None, row.shop is not None) for row in rows]


def hears(each: Hearer, came: Came) -> bool:
    """Whether the integration went live and the caller is its shop."""
    return each.listens and each.storefront_id == came.connection_id


def keep(c: sa.Connection, came: Came, key: str, about: dict[str, Any]) -> int | None:
    """Stores a delivery. Returns its id if it is to be acted on: it is new, or no integration listened when it came before."""
    made = c.execute(_keep_of(c.dialect.name), came.row(key, came.body, outcome="taken", about=about)).scalar()
    if made is not None:
        return made
    mine = {"of_connection": came.connection_id, "of_key": key}
    c.execute(_AGAIN, mine)
    return c.execute(_UNHEARD, mine).scalar()


def again(c: sa.Connection, came: Came, key: str) -> None:
    """Counts a repeated delivery; its content is not stored."""
    c.execute(_AGAIN, {"of_connection": came.connection_id, "of_key": key})


def packed(body: bytes) -> bytes:
    return zlib.compress(body, 1)


def body(row: Any) -> bytes:
    """The body of a delivery (its row)."""
    return zlib.decompress(row.body)


def alone(row: Any) -> bool:
    """Whether this delivery (its row) is an order that came while no integration listened: stored nowhere else, it can be replayed."""
    return row.outcome == "unheard" and bool(row.about.get(HANDED_IN))


def contacted(c: sa.Connection, came: Came) -> None:
    """Notes that the platform called and was answered."""
    c.execute(_CONTACTED, {"of_connection": came.connection_id, "of_at": came.at})


def ended(c: sa.Connection, id: int, outcome: str) -> None:
    c.execute(_ENDED, {"of_id": id, "outcome": outcome})


def refused(c: sa.Connection, came: Came, reason: str) -> None:
    """Notes a refused call. One row for each reason, however often: strangers must not fill the disk."""
    reason = _one_of_few(c, came.connection_id, reason[:200])
    key = f"refused/{sha256(reason.encode()).hexdigest()[:32]}"
    s = insert(c, delivery).values(came.row(key, came.body[:OF_REFUSED], outcome="refused", reason=reason))
    again = {name: s.excluded[name] for name in ("received_at", "method", "path", "body", "size")} | {"times": delivery.c.times + 1}
    c.execute(s.on_conflict_do_update(index_elements=["connection_id", "key"], set_=again))


def rejected(c: sa.Connection, came: Came, key: str, reason: str) -> None:
    """Notes a call of the platform that cannot be used: one row however often it is repeated."""
    s = insert(c, delivery).values(came.row(key, came.body, outcome="rejected", reason=reason[:200]))
    again = {name: s.excluded[name] for name in ("received_at", "reason")} | {"times": delivery.c.times + 1}
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
    """Deletes some deliveries older than a month. True: there may be more."""
    old = sa.select(delivery.c.id).where(delivery.c.received_at < now - KEPT).order_by(delivery.c.received_at).limit(PURGED)
    return c.execute(sa.delete(delivery).where(delivery.c.id.in_(old))).rowcount == PURGED
