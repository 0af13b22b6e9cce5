"""Operations of a storefront that outlast the call that began them: stored from the answer to that call until the last item is settled."""

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
    """One record as it was sent: what is needed to rebuild its item and to settle it. `doc`: packed. `awaiting`: the cause to show once
    it is accepted. `own`: fields that do not count as held once it is accepted."""

    id: int
    key: str
    doc: bytes
    digest: bytes
    turn: int
    remote: str | None = None
    more: str = ""
    refs: dict[str, str] = {}
    uncertain: bool = False
    unfinished: bool = msgspec.field(default=False, name="made")  # stored under its former name
    kept: tuple[str, ...] = ()
    tries: int = 0
    awaiting: Reason | bool = False  # a bool: stored by an older version, which had one reason only
    as_read: bool = False
    turned: bool = False
    own: tuple[str, ...] = ()


class Open(NamedTuple):
    """An open operation. `keys`: record id -> current key, of the records that still wait for it."""

    id: int
    kind: str
    ticket: str
    sent: list[Sent]
    started_at: float
    until: float
    keys: dict[int, str]


class Begun(NamedTuple):
    """An operation begun by a push. `marked_at`: when its records were marked as sent."""

    kind: str
    ticket: str
    sent: list[Sent]
    marked_at: float
    now: float
    until: float


def keep(c: sa.Connection, tenant_id: int, integration_id: int, begun: Begun) -> int | None:
    """Stores the operation; its records are not claimed until it is over. Returns its id. None: others have sent all of them meanwhile."""
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
    # records that another process claimed after this one lost the lane do not wait for this operation
    ours = record.c.id.in_(ids) & (record.c.sent_at == begun.marked_at) & record.c.operation_id.is_(None)
    if c.execute(sa.update(record).where(ours).values(operation_id=id)).rowcount == 0:
        c.execute(sa.delete(operation).where(operation.c.id == id))
        return None
    _sweep(c, integration_id, begun.kind)
    return id


def _sweep(c: sa.Connection, integration_id: int, kind: str) -> None:
    """Deletes lanes of operations that are over."""
    over = lane.c.due_at.is_(None) & lane.c.lease.is_(None) & lane.c.trouble_of.is_(None)
    c.execute(sa.delete(lane).where(lane.c.integration_id == integration_id, lane.c.name.like(f"{LANE}/{kind}/%"), over))


def find(c: sa.Connection, integration_id: int, id: int) -> Open | None:
    """The open operation with this id. None: it is over."""
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
    """These records have their outcome and no longer wait for the operation."""
    if ids:
        c.execute(sa.update(record).where(record.c.operation_id == id, record.c.id.in_(ids)).values(operation_id=None))


def end(c: sa.Connection, id: int) -> None:
    """Deletes the operation: no record waits for it any more."""
    c.execute(sa.update(record).where(record.c.operation_id == id).values(operation_id=None))
    c.execute(sa.delete(operation).where(operation.c.id == id))


def lane_of(kind: str, id: int) -> str:
    return f"{LANE}/{kind}/{id}"
