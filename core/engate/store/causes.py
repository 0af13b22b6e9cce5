"""Causes: one row for every reason to wait, however many records point to it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from engate.domain.reasons import Reason
from engate.store.db import insert_of
from engate.store.tables import cause, order_cause

# built once: used for every order
# shared lock: nobody ends a cause between finding it and pointing to it
_FOUND = (
    sa.select(cause.c.key, cause.c.id)
    .where(cause.c.integration_id == sa.bindparam("of_integration"), cause.c.key.in_(sa.bindparam("of_keys", expanding=True)))
    .with_for_update(read=True)
)


@cache
def _add_of(dialect: str) -> Any:
    return insert_of(dialect, cause).on_conflict_do_nothing(index_elements=["integration_id", "key"])


def ensure(c: sa.Connection, tenant_id: int, integration_id: int, reasons: set[Reason], now: float) -> dict[str, int]:
    """Makes rows for these reasons where they are missing. Returns key -> id."""
    if not reasons:
        return {}
    asked = {"of_integration": integration_id, "of_keys": sorted({reason.key for reason in reasons})}
    known = {row.key: row.id for row in c.execute(_FOUND, asked)}
    missing = [reason for reason in reasons if reason.key not in known]
    if missing:
        c.execute(
            _add_of(c.dialect.name),
            [
                {
                    "tenant_id": tenant_id,
                    "integration_id": integration_id,
                    "key": reason.key,
                    "code": reason.code,
                    "owner": reason.owner,
                    "text": msgspec.to_builtins(reason.text),
                    "hint": msgspec.to_builtins(reason.hint),
                    "since": now,
                }
                for reason in {reason.key: reason for reason in missing}.values()
            ],
        )
        known = {row.key: row.id for row in c.execute(_FOUND, asked)}
    return known


@cache
def _waited_of(dialect: str) -> Any:
    return insert_of(dialect, order_cause).on_conflict_do_nothing(index_elements=["order_id", "cause_id"])


def waited(c: sa.Connection, order_id: int, cause_id: int) -> None:
    """Notes that the order, or a letter of it, has waited for this cause: its buyer may be named there from now on."""
    c.execute(_waited_of(c.dialect.name), {"order_id": order_id, "cause_id": cause_id})


def id_of(c: sa.Connection, integration_id: int, key: str) -> int | None:
    """The id of the cause with this key, or None."""
    return c.execute(sa.select(cause.c.id).where(cause.c.integration_id == integration_id, cause.c.key == key)).scalar()


def release(c: sa.Connection, integration_id: int, keys: Sequence[str]) -> None:
    """Ends these causes. What pointed to them goes on (the foreign keys are set to null)."""
    c.execute(_RELEASE, {"of_integration": integration_id, "of_keys": list(keys)})


_RELEASE = sa.delete(cause).where(
    cause.c.integration_id == sa.bindparam("of_integration"), cause.c.key.in_(sa.bindparam("of_keys", expanding=True))
)


def become(c: sa.Connection, id: int, reason: Reason) -> None:
    """Gives this cause another owner and other words. It keeps its key, and what points to it."""
    said = {"text": msgspec.to_builtins(reason.text), "hint": msgspec.to_builtins(reason.hint)}
    c.execute(sa.update(cause).where(cause.c.id == id).values(code=reason.code, owner=reason.owner, **said))


def end(c: sa.Connection, id: int) -> None:
    """Ends this cause. What pointed to it goes on."""
    c.execute(sa.delete(cause).where(cause.c.id == id))
