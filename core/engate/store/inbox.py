"""Events of orders: each is stored once and handled once. Every function works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.model import Order, OrderEvent
from engate.store.blobs import pack, readable
from engate.store.conditions import is_, one_of
from engate.store.db import insert_of
from engate.store.tables import inbox


@cache
def _receive_of(dialect: str) -> Any:
    return insert_of(dialect, inbox).on_conflict_do_nothing(index_elements=["integration_id", "key"])


_ORDERS = sa.select(inbox.c.order_key).where(is_(inbox.c.integration_id, "of_integration"), inbox.c.handled_at.is_(None)).distinct()
_WITH_UNHANDLED = (
    sa.select(inbox.c.order_key)
    .where(is_(inbox.c.integration_id, "of_integration"), one_of(inbox.c.order_key, "of_keys"), inbox.c.handled_at.is_(None))
    .distinct()
)
_UNHANDLED = (
    sa.select(inbox.c.id, inbox.c.doc)
    .where(is_(inbox.c.integration_id, "of_integration"), is_(inbox.c.order_key, "of_key"), inbox.c.handled_at.is_(None))
    .order_by(inbox.c.id)
)
_HANDLED = (
    sa.update(inbox).where(one_of(inbox.c.id, "of_ids"), inbox.c.handled_at.is_(None)).values(handled_at=sa.bindparam("of_at"), doc=None)
)


def receive(c: sa.Connection, tenant_id: int, integration_id: int, events: Sequence[OrderEvent], now: float) -> None:
    """Stores events; one that is delivered twice is stored once."""
    if events:
        c.execute(
            _receive_of(c.dialect.name),
            [
                {
                    "tenant_id": tenant_id,
                    "integration_id": integration_id,
                    "key": e.key,
                    "order_key": e.order,
                    "raw_state": e.raw_state,
                    "received_at": now,
                    "doc": pack(e.doc) if e.doc is not None else None,
                }
                for e in events
            ],
        )


def with_unhandled(c: sa.Connection, integration_id: int, keys: Iterable[str]) -> set[str]:
    """Those of these orders that have an unhandled event."""
    return set(c.execute(_WITH_UNHANDLED, {"of_integration": integration_id, "of_keys": list(keys)}).scalars())


def orders(c: sa.Connection, integration_id: int) -> list[str]:
    """Keys of all orders that have an unhandled event."""
    return list(c.execute(_ORDERS, {"of_integration": integration_id}).scalars())


class Unhandled(NamedTuple):
    """Unhandled events of one order, in the order in which they came. `docs`: the order as each of them carries it; None where it carries
    none."""

    ids: list[int]
    docs: list[Order | None]


def unhandled(c: sa.Connection, integration_id: int, order_key: str) -> Unhandled:
    rows = c.execute(_UNHANDLED, {"of_integration": integration_id, "of_key": order_key}).all()
    return Unhandled([row.id for row in rows], [readable(row.doc, Order) for row in rows])


_HEARD = sa.select(inbox.c.id).where(is_(inbox.c.integration_id, "of_integration"), is_(inbox.c.key, "of_key"))


def heard(c: sa.Connection, integration_id: int, key: str) -> bool:
    """Whether this event has come before, handled or not."""
    return c.execute(_HEARD, {"of_integration": integration_id, "of_key": key}).first() is not None


def handled(c: sa.Connection, ids: Sequence[int], now: float) -> None:
    """These events were handled. Not simply all up to the last one: ids are drawn before commits, so an event with a lower one may be
    stored later, and nobody has seen it."""
    if ids:
        c.execute(_HANDLED, {"of_ids": ids, "of_at": now})
