"""Tasks: what a person has to do about an order, whatever its steps do. Every function works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from engate.domain.orders import Task
from engate.store.db import insert
from engate.store.tables import order, task
from engate.text import Text

# built once: used for every step of an order
_OF_ORDER = sa.select(task).where(task.c.order_id == sa.bindparam("of_order")).order_by(task.c.id)
_TO_SETTLE = _OF_ORDER.with_for_update()  # a person may be closing one of them
_STILL_OPEN = _OF_ORDER.where(task.c.closed_at.is_(None))
_TO_TASK = sa.update(task).where(task.c.id == sa.bindparam("of_id"))
_CLOSE = sa.update(task).where(
    task.c.order_id == sa.bindparam("of_order"), task.c.code.in_(sa.bindparam("of_codes", expanding=True)), task.c.closed_at.is_(None)
)


def of_order(c: sa.Connection, order_id: int) -> list[Any]:
    return list(c.execute(_OF_ORDER, {"of_order": order_id}))


def still_open(c: sa.Connection, order_id: int) -> list[Task]:
    """The order's open tasks, oldest first."""
    return [Task(row.code, row.amount, Text(**row.text), Text(**row.hint)) for row in c.execute(_STILL_OPEN, {"of_order": order_id})]


def settle(c: sa.Connection, order_id: int, codes: Sequence[str], wanted: Sequence[Task], now: float) -> list[Task]:
    """Opens and closes tasks so that of these codes exactly the wanted ones are open. Returns those that were opened (again).

    A task that a person closed stays closed while its amount is the same. Another amount opens it again."""
    known = {row.code: row for row in c.execute(_TO_SETTLE, {"of_order": order_id})}
    opened: list[Task] = []
    for each in wanted:
        before = known.get(each.code)
        values: dict[str, Any] = {"amount": each.amount, "text": msgspec.to_builtins(each.text), "hint": msgspec.to_builtins(each.hint)}
        if before is None:
            _add(c, order_id, each.code, values, now)
        elif before.closed_at is not None and (before.closed_by != "person" or before.amount != each.amount):
            reopened = {"opened_at": now, "closed_at": None, "closed_by": None, "note": None}
            c.execute(_TO_TASK, {"of_id": before.id, **values, **reopened})
        else:
            if before.closed_at is None and before.amount != each.amount:
                c.execute(_TO_TASK, {"of_id": before.id, **values})
            continue
        opened.append(each)
    over = sorted(set(codes) - {each.code for each in wanted})
    c.execute(_CLOSE, {"of_order": order_id, "of_codes": over, "closed_at": now, "closed_by": "engate"})
    return opened


def close(c: sa.Connection, order_id: int, codes: Sequence[str], note: str, now: float) -> int:
    """A person closes the tasks. Returns how many were open."""
    closed = {"closed_at": now, "closed_by": "person", "note": note[:500] or None}
    return c.execute(_CLOSE, {"of_order": order_id, "of_codes": list(codes), **closed}).rowcount


def _add(c: sa.Connection, order_id: int, code: str, values: dict[str, Any], now: float) -> None:
    """Inserts a task with the order's tenant and integration."""
    mine = sa.select(order.c.tenant_id, order.c.integration_id).where(order.c.id == order_id)
    row = c.execute(mine).one()
    c.execute(
        insert(c, task).values(
            tenant_id=row.tenant_id, integration_id=row.integration_id, order_id=order_id, code=code, opened_at=now, **values
        )
    )
