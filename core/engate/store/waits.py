"""Queries about the causes that orders wait for. Every function works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from engate.store.conditions import is_
from engate.store.tables import cause, order

_WAITS = sa.select(order.c.id).join(cause, cause.c.id == order.c.cause_id).where(is_(order.c.id, "of_id"))
_WAITS_FOR_TASK = _WAITS.where(cause.c.key.startswith("task:"))
_WAITS_FOR = _WAITS.where(is_(cause.c.code, "of_code"))
_WAITING = (
    sa.select(order.c.id, cause.c.key, cause.c.owner)
    .outerjoin(cause, cause.c.id == order.c.cause_id)
    .where(is_(order.c.integration_id, "of_integration"), is_(order.c.key, "of_key"))
)
_WAITING_WITH = (
    sa.select(order.c.key)
    .join(cause, cause.c.id == order.c.cause_id)
    .where(is_(order.c.integration_id, "of_integration"), is_(cause.c.code, "of_code"))
)


def for_task(c: sa.Connection, order_id: int) -> bool:
    """Whether the order waits for one of its tasks (open or closed)."""
    return c.execute(_WAITS_FOR_TASK, {"of_id": order_id}).first() is not None


def for_code(c: sa.Connection, order_id: int, code: str) -> bool:
    """Whether the order waits for a cause of this code."""
    return c.execute(_WAITS_FOR, {"of_id": order_id, "of_code": code}).first() is not None


def of_order(c: sa.Connection, integration_id: int, key: str) -> Any | None:
    """(id, the key and owner of its cause or None) of a stored order."""
    return c.execute(_WAITING, {"of_integration": integration_id, "of_key": key}).first()


def orders_with(c: sa.Connection, integration_id: int, code: str) -> list[str]:
    """Keys of the orders that wait for any cause of this code."""
    return list(c.execute(_WAITING_WITH, {"of_integration": integration_id, "of_code": code}).scalars())


def orders_for(c: sa.Connection, integration_id: int, cause_ids: Sequence[int]) -> list[str]:
    """Keys of the orders that point to these causes."""
    found = sa.select(order.c.key).where(order.c.integration_id == integration_id, order.c.cause_id.in_(cause_ids))
    return list(c.execute(found).scalars())
