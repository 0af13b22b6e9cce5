"""The outbox: messages to targets outside, written in the transaction of the step that they tell of and kept until they are told.

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
"""Prefix of the lanes: one for each target, so that none waits for another."""
PRIORITY = 8
KEPT = 7 * 86400.0
"""Seconds for which told messages are kept."""
GIVEN_UP_KEPT = 30 * 86400.0
"""Seconds for which a person may still ask for a retry."""
PURGED = 500
"""Rows that one transaction deletes."""
GIVEN_UP = 500
"""Most rows that one failure gives up."""
AGAIN = 5_000
"""Most rows that one retry transaction brings back."""


class Target(NamedTuple):
    """Who is told by one integration. `kind`: observer | mail."""

    integration_id: int
    kind: str
    name: str

    @property
    def lane(self) -> str:
        return f"{LANE}{self.kind}/{self.name}"


class Message(NamedTuple):
    """`key`: identifies what is told; a second message with the key is not written."""

    target: Target
    key: str
    payload: dict[str, Any]


def target_of(integration_id: int, lane: str) -> Target:
    """The target of this lane."""
    kind, _, name = lane.removeprefix(LANE).partition("/")
    return Target(integration_id, kind, name)


# built once: used for every step that is told
_OF_TARGET = (
    (outbox.c.integration_id == sa.bindparam("of_integration"))
    & (outbox.c.kind == sa.bindparam("of_kind"))
    & (outbox.c.target == sa.bindparam("of_target"))
)
_UNSENT = outbox.c.sent_at.is_(None) & (outbox.c.given_up_at.is_(None) | outbox.c.cause_id.is_(None))
_NEXT = (
    sa.select(outbox)
    .where(_OF_TARGET, _UNSENT, outbox.c.due_at <= sa.bindparam("of_now"))
    .order_by(outbox.c.due_at, outbox.c.id)  # failed messages come after untried ones
    .limit(1)
)
_NEXT_DUE = sa.select(sa.func.min(outbox.c.due_at)).where(_OF_TARGET, _UNSENT)
_ROW = sa.update(outbox).where(outbox.c.id == sa.bindparam("of_id"))
_FAILED = _ROW.values(tries=outbox.c.tries + 1, due_at=sa.bindparam("until"), error=sa.bindparam("said"), cause_id=sa.bindparam("why"))
_OLD = sa.select(outbox.c.id).where(_OF_TARGET, _UNSENT, outbox.c.since <= sa.bindparam("of_before")).limit(GIVEN_UP)


@cache
def _write_of(dialect: str) -> Any:
    return insert_of(dialect, outbox).on_conflict_do_nothing(index_elements=["integration_id", "kind", "target", "key"])


def _of(target: Target) -> dict[str, Any]:
    return {"of_integration": target.integration_id, "of_kind": target.kind, "of_target": target.name}


def write(c: sa.Connection, tenant_id: int, messages: Sequence[Message], now: float) -> None:
    """Writes messages; they are told once this transaction has committed."""
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
            "since": now,
            "due_at": now,
        }
        for each in messages
    ]
    c.execute(_write_of(c.dialect.name), rows)
    wake(c, tenant_id, {each.target for each in messages}, now)


def wake(c: sa.Connection, tenant_id: int, targets: set[Target], now: float) -> None:
    lanes.wake(c, [lanes.Wake(tenant_id, each.integration_id, each.lane, PRIORITY, now) for each in sorted(targets)])


def next_of(c: sa.Connection, target: Target, now: float) -> Any | None:
    """The oldest message that is due, or None."""
    return c.execute(_NEXT, _of(target) | {"of_now": now}).first()


def next_due(c: sa.Connection, target: Target) -> float | None:
    return c.execute(_NEXT_DUE, _of(target)).scalar()


def sent(c: sa.Connection, id: int, now: float) -> None:
    c.execute(_ROW, {"of_id": id, "sent_at": now, "error": "", "cause_id": None})  # another process may have given it up meanwhile


class Failure(NamedTuple):
    """`cause_id`: the cause shown while the message is tried again."""

    words: str
    cause_id: int | None = None


def failed(c: sa.Connection, id: int, until: float, why: Failure) -> None:
    """The message was not told, or its effect is unknown: it is tried again, not before `until`."""
    c.execute(_FAILED, {"of_id": id, "until": until, "said": why.words[:300], "why": why.cause_id})


def as_old_as(c: sa.Connection, target: Target, before: float) -> list[int]:
    """Ids of messages untold since before then, up to a limit."""
    return list(c.execute(_OLD, _of(target) | {"of_before": before}).scalars())


def give_up(c: sa.Connection, ids: Sequence[int], cause_id: int, now: float) -> None:
    """Gives these messages up: they wait for a person."""
    c.execute(sa.update(outbox).where(outbox.c.id.in_(ids)).values(cause_id=cause_id, given_up_at=now))


class Again(NamedTuple):
    """The result of a retry: how many messages, and of which targets. `more`: there may be more, for another transaction."""

    messages: int
    targets: set[Target]
    more: bool


def again(c: sa.Connection, integration_id: int, cause_id: int, now: float) -> Again:
    """A person asks for a retry of the messages that wait for this cause, up to `AGAIN` at a time. Their age counts anew."""
    some = sa.select(outbox.c.id).where(outbox.c.cause_id == cause_id, outbox.c.integration_id == integration_id).limit(AGAIN)
    anew = sa.update(outbox).where(outbox.c.id.in_(some)).values(cause_id=None, given_up_at=None, tries=0, due_at=now, since=now)
    back = c.execute(anew.returning(outbox.c.kind, outbox.c.target)).all()
    return Again(len(back), {Target(integration_id, row.kind, row.target) for row in back}, len(back) == AGAIN)


def causes_of(c: sa.Connection, integration_id: int, kind: str) -> list[int]:
    """Ids of the causes that untold messages of this kind wait for."""
    mine = (outbox.c.integration_id == integration_id) & (outbox.c.kind == kind) & outbox.c.sent_at.is_(None)
    return list(c.execute(sa.select(outbox.c.cause_id).where(mine, outbox.c.cause_id.is_not(None)).distinct()).scalars())


def waiting(c: sa.Connection, integration_id: int) -> bool:
    """Whether a message has not been told. Given-up ones count: a person may still ask for a retry."""
    found = sa.select(outbox.c.id).where(outbox.c.integration_id == integration_id, outbox.c.sent_at.is_(None))
    return c.execute(found.limit(1)).first() is not None


class Heir(NamedTuple):
    """The integration (`new`) that takes over from another one (`old`)."""

    tenant_id: int
    old: int
    new: int


def move(c: sa.Connection, heir: Heir, now: float) -> None:
    """Moves untold messages, including given-up ones, to the new integration. Their age counts anew."""
    tenant_id, old, new = heir
    there = outbox.alias("there")
    same = (there.c.kind == outbox.c.kind) & (there.c.target == outbox.c.target) & (there.c.key == outbox.c.key)
    known = sa.select(there.c.id).where(there.c.integration_id == new, same).exists()
    mine = (outbox.c.integration_id == old) & outbox.c.sent_at.is_(None) & ~known
    found = c.execute(sa.select(outbox.c.kind, outbox.c.target).where(mine).distinct()).all()
    c.execute(sa.update(outbox).where(mine).values(integration_id=new, cause_id=None, given_up_at=None, tries=0, since=now))
    wake(c, tenant_id, {Target(new, row.kind, row.target) for row in found}, now)


def purge(c: sa.Connection, now: float) -> bool:
    """Deletes some messages that were told or given up long ago. True: there may be more."""
    told = outbox.c.sent_at < now - KEPT
    old = sa.select(outbox.c.id).where(told).order_by(outbox.c.sent_at).limit(PURGED)
    if c.execute(sa.delete(outbox).where(outbox.c.id.in_(old))).rowcount == PURGED:
        return True
    given_up = outbox.c.cause_id.is_not(None) & (outbox.c.given_up_at < now - GIVEN_UP_KEPT)
    these = outbox.c.id.in_(sa.select(outbox.c.id).where(given_up).limit(PURGED))
    # repeated: PostgreSQL rechecks only this level after waiting for a row that a retry is changing
    whose = (outbox.c.tenant_id, outbox.c.integration_id, outbox.c.kind, outbox.c.target)
    gone = c.execute(sa.delete(outbox).where(these, given_up).returning(*whose)).all()
    for tenant_id in {row.tenant_id for row in gone}:
        # an archived integration that was kept only for these may be removed
        wake(c, tenant_id, {Target(*row[1:]) for row in gone if row.tenant_id == tenant_id}, 0.0)
    return len(gone) == PURGED
