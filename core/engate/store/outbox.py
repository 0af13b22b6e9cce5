"""What is to be told to somebody outside: written in the transaction of the step that it tells of, kept until somebody has told it.

Every function works inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.store import lanes
from engate.store.db import insert_of
from engate.store.tables import outbox

LANE = "outbox/"
"""How the lanes begin: one of each target, so that none waits for another."""
PRIORITY = 8
KEPT = 7 * 86400.0
"""Seconds for which what was told stays to be seen."""
GIVEN_UP_KEPT = 30 * 86400.0
"""Seconds for which a person may still ask for a retry."""
PURGED = 500
"""Rows that one transaction deletes."""


class Target(NamedTuple):
    """Who is told, by one integration. `kind`: observer | mail | webhook."""

    integration_id: int
    kind: str
    name: str

    @property
    def lane(self) -> str:
        return f"{LANE}{self.kind}/{self.name}"


class Message(NamedTuple):
    """`key`: the same for the same thing; the second of a key is no new message."""

    target: Target
    key: str
    payload: dict[str, Any]


def target_of(integration_id: int, lane: str) -> Target:
    """Whose lane this is."""
    kind, _, name = lane.removeprefix(LANE).partition("/")
    return Target(integration_id, kind, name)


# built once: every step that is told of asks
_OF_TARGET = (
    (outbox.c.integration_id == sa.bindparam("of_integration"))
    & (outbox.c.kind == sa.bindparam("of_kind"))
    & (outbox.c.target == sa.bindparam("of_target"))
)
_UNSENT = outbox.c.sent_at.is_(None) & outbox.c.cause_id.is_(None)
_NEXT = sa.select(outbox).where(_OF_TARGET, _UNSENT, outbox.c.due_at <= sa.bindparam("of_now")).order_by(outbox.c.id).limit(1)
_NEXT_DUE = sa.select(sa.func.min(outbox.c.due_at)).where(_OF_TARGET, _UNSENT)
_ROW = sa.update(outbox).where(outbox.c.id == sa.bindparam("of_id"))
_FAILED = _ROW.values(tries=outbox.c.tries + 1, due_at=sa.bindparam("until"), error=sa.bindparam("said"))
_GIVE_UP = sa.update(outbox).where(_OF_TARGET, _UNSENT, outbox.c.created_at <= sa.bindparam("of_before"))
_AGAIN = (
    sa.update(outbox)
    .where(outbox.c.cause_id == sa.bindparam("of_cause"), outbox.c.integration_id == sa.bindparam("of_integration"))
    .returning(outbox.c.kind, outbox.c.target)
)


@cache
def _write_of(dialect: str) -> Any:
    return insert_of(dialect, outbox).on_conflict_do_nothing(index_elements=["integration_id", "kind", "target", "key"])


def _of(target: Target) -> dict[str, Any]:
    return {"of_integration": target.integration_id, "of_kind": target.kind, "of_target": target.name}


def write(c: sa.Connection, tenant_id: int, messages: Sequence[Message], now: float) -> None:
    """To be told as soon as this transaction is durable."""
    if not messages:
        return
    rows = [
        {
            "tenant_id": tenant_id,
            "integration_id": each.target.integration_id,
            "kind": each.target.kind,
            "target": each.target.name,
            "key": each.key,
            "payload": each.payload,
            "created_at": now,
            "due_at": now,
        }
        for each in messages
    ]
    c.execute(_write_of(c.dialect.name), rows)
    wake(c, tenant_id, {each.target for each in messages}, now)


def wake(c: sa.Connection, tenant_id: int, targets: set[Target], now: float) -> None:
    lanes.wake(c, [lanes.Wake(tenant_id, each.integration_id, each.lane, PRIORITY, now) for each in sorted(targets)])


def next_of(c: sa.Connection, target: Target, now: float) -> Any | None:
    """The oldest that is due."""
    return c.execute(_NEXT, _of(target) | {"of_now": now}).first()


def next_due(c: sa.Connection, target: Target) -> float | None:
    return c.execute(_NEXT_DUE, _of(target)).scalar()


def sent(c: sa.Connection, id: int, now: float) -> None:
    c.execute(_ROW, {"of_id": id, "sent_at": now, "error": ""})


def failed(c: sa.Connection, id: int, until: float, why: str) -> None:
    """It was not told, or nobody knows: again, not before `until`."""
    c.execute(_FAILED, {"of_id": id, "until": until, "said": why[:300]})


def give_up(c: sa.Connection, target: Target, before: float, cause_id: int) -> int:
    """Whatever is as old as this waits for a person. Returns how many."""
    return c.execute(_GIVE_UP, _of(target) | {"of_before": before, "cause_id": cause_id}).rowcount


def again(c: sa.Connection, integration_id: int, cause_id: int, now: float) -> list[Target]:
    """A person wants what waits for this cause told after all: whose it was, once for each."""
    asked = {"of_cause": cause_id, "of_integration": integration_id, "cause_id": None, "tries": 0, "due_at": now}
    return [Target(integration_id, row.kind, row.target) for row in c.execute(_AGAIN, asked)]


def waiting(c: sa.Connection, integration_id: int) -> bool:
    """Whether something is still to be told."""
    found = sa.select(outbox.c.id).where(outbox.c.integration_id == integration_id, _UNSENT)
    return c.execute(found.limit(1)).first() is not None


def move(c: sa.Connection, tenant_id: int, old: int, new: int) -> None:
    """Another integration tells what this one has not told yet."""
    there = outbox.alias("there")
    same = (there.c.kind == outbox.c.kind) & (there.c.target == outbox.c.target) & (there.c.key == outbox.c.key)
    known = sa.select(there.c.id).where(there.c.integration_id == new, same).exists()
    moved = sa.update(outbox).where(outbox.c.integration_id == old, outbox.c.sent_at.is_(None), ~known)
    moved = moved.values(integration_id=new, cause_id=None).returning(outbox.c.kind, outbox.c.target)
    wake(c, tenant_id, {Target(new, row.kind, row.target) for row in c.execute(moved)}, 0.0)


def purge(c: sa.Connection, now: float) -> bool:
    """Takes away what was told, or given up, long ago, some of it at a time. True: there may be more."""
    old = sa.select(outbox.c.id).where(outbox.c.sent_at < now - KEPT).order_by(outbox.c.sent_at).limit(PURGED)
    given_up = sa.select(outbox.c.id).where(outbox.c.cause_id.is_not(None), outbox.c.created_at < now - GIVEN_UP_KEPT).limit(PURGED)
    return any(c.execute(sa.delete(outbox).where(outbox.c.id.in_(which))).rowcount == PURGED for which in (old, given_up))
