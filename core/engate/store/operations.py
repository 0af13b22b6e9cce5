"""Operations of a storefront that outlast the call that began them: kept from the answer to that call until the last item is settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from engate.domain.reasons import Reason
from engate.store.blobs import pack, unpack
from engate.store.tables import lane, operation, record

LANE = "check"


class Sent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record as it was sent: what its item is made of again, and what settling it needs. `doc`: packed. `awaiting`: what it
    waits for once it is accepted. `own`: fields that do not count as held once it is accepted."""

    id: int
    key: str
    doc: bytes
    digest: bytes
    turn: int
    remote: str | None = None
    more: str = ""
    refs: dict[str, str] = {}
    uncertain: bool = False
    unfinished: bool = msgspec.field(default=False, name="made")  # stored by this name before it had its own
    kept: tuple[str, ...] = ()
    tries: int = 0
    awaiting: Reason | bool = False  # a bool: of an older version, which knew one reason alone
    as_read: bool = False
    turned: bool = False
    own: tuple[str, ...] = ()


class Open(NamedTuple):
    """One operation that is not over. `keys`: the keys of today of the records that still wait for it, by their id."""

    id: int
    kind: str
    ticket: str
    sent: list[Sent]
    started_at: float
    until: float
    keys: dict[int, str]


class Begun(NamedTuple):
    """What began with a push. `marked_at`: when its records were marked as sent."""

    kind: str
    ticket: str
    sent: list[Sent]
    marked_at: float
    now: float
    until: float


def keep(c: sa.Connection, tenant_id: int, integration_id: int, begun: Begun) -> int | None:
    """From now on nobody claims these records. None: somebody else has sent them all meanwhile."""
    values = {
        "tenant_id": tenant_id,
        "integration_id": integration_id,
        "kind": begun.kind,
        "ticket": begun.ticket,
        "items": pack(begun.sent),
        "started_at": begun.now,
        "until": begun.until,
    }
    id = c.execute(sa.insert(operation).values(**values).returning(operation.c.id)).scalar_one()
    ids = [each.id for each in begun.sent]
    # those that somebody claimed anew after us (we had lost the lane) are no longer ours to wait for
    ours = record.c.id.in_(ids) & (record.c.sent_at == begun.marked_at) & record.c.operation_id.is_(None)
    if c.execute(sa.update(record).where(ours).values(operation_id=id)).rowcount == 0:
        c.execute(sa.delete(operation).where(operation.c.id == id))
        return None
    _sweep(c, integration_id, begun.kind)
    return id


def _sweep(c: sa.Connection, integration_id: int, kind: str) -> None:
    """Lanes of operations that are over."""
    over = lane.c.due_at.is_(None) & lane.c.lease.is_(None) & lane.c.trouble_of.is_(None)
    c.execute(sa.delete(lane).where(lane.c.integration_id == integration_id, lane.c.name.like(f"{LANE}/{kind}/%"), over))


def find(c: sa.Connection, integration_id: int, id: int) -> Open | None:
    """None: it is over."""
    row: Any = c.execute(sa.select(operation).where(operation.c.integration_id == integration_id, operation.c.id == id)).first()
    if row is None:
        return None
    keys = {each.id: each.key for each in c.execute(sa.select(record.c.id, record.c.key).where(record.c.operation_id == id))}
    sent = [each for each in unpack(row.items, list[Sent]) if each.id in keys]
    return Open(row.id, row.kind, row.ticket, sent, row.started_at, row.until, keys)


def any_open(c: sa.Connection, integration_id: int, kind: str) -> bool:
    mine = (operation.c.integration_id == integration_id) & (operation.c.kind == kind)
    return c.execute(sa.select(operation.c.id).where(mine).limit(1)).first() is not None


def release(c: sa.Connection, id: int, ids: Sequence[int]) -> None:
    """These records have their answer."""
    if ids:
        c.execute(sa.update(record).where(record.c.operation_id == id, record.c.id.in_(ids)).values(operation_id=None))


def end(c: sa.Connection, id: int) -> None:
    """It is over: nobody waits for it."""
    c.execute(sa.update(record).where(record.c.operation_id == id).values(operation_id=None))
    c.execute(sa.delete(operation).where(operation.c.id == id))


def lane_of(kind: str, id: int) -> str:
    return f"{LANE}/{kind}/{id}"
