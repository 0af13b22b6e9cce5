"""What the shop should have: records as reading, options and mapping decide them. Every function works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.domain.reasons import AWAITED, Reason
from engate.model.kinds import KINDS, Kind
from engate.store.blobs import pack, readable
from engate.store.causes import ensure
from engate.store.conditions import one_of
from engate.store.db import insert_of
from engate.store.many import execute_many
from engate.store.rows import ROWS, RecordSet, upsert
from engate.store.tables import cause, key_index, reading, record
from engate.text import Text


class Wanted(NamedTuple):
    """One entity as read: its document and what follows from it. `read_at`: when its page was asked for. `awaiting`: a cause to show
    although the shop has the record as it should be."""

    key: str
    parent: str | None
    doc: Any
    digest: bytes
    reason: Reason | None
    read_at: float
    awaiting: Reason | None = None


class Decided(NamedTuple):
    """What follows from a document as last read: see `Wanted`."""

    digest: bytes
    reason: Reason | None
    awaiting: Reason | None = None


def want(c: sa.Connection, of: RecordSet, rows: Sequence[Wanted], *, run_id: int, now: float) -> int:
    """Stores entities of pages. Returns how many records changed. An unchanged row costs one read and no write."""
    changed = 0
    for start in range(0, len(rows), ROWS):
        changed += _want(c, of, rows[start : start + ROWS], run_id, now)
    return changed


def _want(c: sa.Connection, of: RecordSet, rows: Sequence[Wanted], run_id: int, now: float) -> int:
    # the last one counts where an ERP lists an entity twice; sorted by key, so that two readers do not deadlock
    by_key = {row.key: row for row in sorted(rows, key=lambda row: row.key)}
    asked = {"of_integration": of.integration_id, "of_kind": of.kind, "of_keys": list(by_key)}
    known = {row[0]: row for row in c.execute(_KNOWN, asked).all()}
    reasons = ensure(c, of.tenant_id, of.integration_id, {row.reason for row in by_key.values() if row.reason}, now)
    kind = KINDS[of.kind]
    upserts: list[dict[str, Any]] = []
    anew: list[dict[str, Any]] = []
    heard: list[tuple[int, Reason | None]] = []
    for row in by_key.values():
        old = known.get(row.key)
        blob = pack(row.doc)
        cause_key = row.reason.key if row.reason else None
        if old is not None and old.want == row.digest and old.parent == row.parent:
            old_key = old.cause_key
            # a refusal by the storefront stays with unchanged data; what reading itself found follows the reading
            if old_key == cause_key or (cause_key is None and not (old_key or "").startswith(("erp:", "own:mapping", "own:run"))):
                if old.doc != blob and readable(old.doc, kind.struct) != row.doc:  # 5 and 5.0 are the same
                    anew.append(
                        {
                            "of_integration": of.integration_id,
                            "of_kind": of.kind,
                            "of_key": row.key,
                            "b_doc": blob,
                            "b_read_at": row.read_at,
                        }
                    )
                if cause_key is None and _hears_otherwise(old, row.awaiting):
                    heard.append((old.id, row.awaiting))
                continue
        upserts.append(
            {
                "tenant_id": of.tenant_id,
                "integration_id": of.integration_id,
                "kind": of.kind,
                "key": row.key,
                "parent": row.parent,
                "doc": blob,
                "want": row.digest,
                "cause_id": reasons[cause_key] if cause_key else None,
                "run_id": run_id,
                "read_at": row.read_at,
                "tries": 0,
                "not_before": 0,
            }
        )
    if anew:
        execute_many(c, _READ_ANEW, anew)
    _hear(c, of, heard, now)
    if upserts:
        upsert(c, record, _READ, upserts)
        _index(c, of.integration_id, kind, [by_key[each["key"]] for each in upserts])
    return len(upserts)


def _hears_otherwise(old: Any, awaiting: Reason | None) -> bool:
    """Whether the cause shown for a record that the shop has must change: a code that the shop never got was replaced or removed."""
    said = old.cause_key
    return said != (awaiting.key if awaiting else None) and old.have == old.want and (said is None or said.startswith(AWAITED))


def _hear(c: sa.Connection, of: RecordSet, heard: Sequence[tuple[int, Reason | None]], now: float) -> None:
    """Points these records (by id) to the causes to show. Nothing is sent for it."""
    if not heard:
        return
    ids = ensure(c, of.tenant_id, of.integration_id, {awaiting for _, awaiting in heard if awaiting}, now)
    execute_many(c, _HEAR, [{"of_id": id, "b_cause": ids[awaiting.key] if awaiting else None} for id, awaiting in heard])


_HEAR = sa.update(record).where(record.c.id == sa.bindparam("of_id")).values(cause_id=sa.bindparam("b_cause"))
_KNOWN = (
    sa.select(
        record.c.key,
        record.c.id,
        record.c.doc,
        record.c.want,
        record.c.have,
        record.c.parent,
        cause.c.key.label("cause_key"),
    )  # fmt: skip
    .select_from(record.outerjoin(cause, record.c.cause_id == cause.c.id))
    .where(
        record.c.integration_id == sa.bindparam("of_integration"),
        record.c.kind == sa.bindparam("of_kind"),
        one_of(record.c.key, "of_keys"),
    )
)
_READ_ANEW = (
    # the same for the shop now (a buffer, pending units, a default hide the difference), but a later decision may differ
    sa.update(record)
    .where(
        record.c.integration_id == sa.bindparam("of_integration"),
        record.c.kind == sa.bindparam("of_kind"),
        record.c.key == sa.bindparam("of_key"),
    )
    .values(doc=sa.bindparam("b_doc"), read_at=sa.bindparam("b_read_at"))
)
_READ = ("parent", "doc", "want", "cause_id", "run_id", "read_at", "tries", "not_before")


@cache
def _index_of(dialect: str) -> Any:
    return insert_of(dialect, key_index).on_conflict_do_nothing()


def _index(c: sa.Connection, integration_id: int, kind: Kind, rows: Sequence[Wanted]) -> None:
    """Makes a SKU findable by its EAN. Former EANs still find it."""
    if kind.also is None:
        return
    found = ((kind.also(row.doc), row.key) for row in rows)
    values = [{"integration_id": integration_id, "key": key[:200], "kind": kind.name, "target": target} for key, target in found if key]
    if values:
        execute_many(c, _index_of(c.dialect.name), values)


class Part(NamedTuple):
    """Which records are decided anew: those of these parents (None: all), with ids above `after`, up to `limit`."""

    parents: Sequence[str] | None = None
    after: int = 0
    limit: int = ROWS


def parents(c: sa.Connection, of: RecordSet, part: Part) -> list[str]:
    """Parents of the records that `revisit` decides anew in this part."""
    mine = (record.c.integration_id == of.integration_id) & (record.c.kind == of.kind) & (record.c.id > part.after)
    some = sa.select(record.c.parent).where(mine).order_by(record.c.id).limit(part.limit).subquery()
    return list(c.execute(sa.select(some.c.parent).distinct()).scalars())


def keys(c: sa.Connection, of: RecordSet, part: Part) -> list[str]:
    """Keys of the records that `revisit` decides anew in this part."""
    mine = (record.c.integration_id == of.integration_id) & (record.c.kind == of.kind) & (record.c.id > part.after)
    return list(c.execute(sa.select(record.c.key).where(mine).order_by(record.c.id).limit(part.limit)).scalars())


def revisit(c: sa.Connection, of: RecordSet, decide: Callable[[Any, float], Decided], part: Part, now: float) -> tuple[int, int | None]:
    """Decides records anew from the documents as last read, after a change of options, mapping or pending orders.
    Returns (how many changed, the id to continue after or None)."""
    mine = (record.c.integration_id == of.integration_id) & (record.c.kind == of.kind) & (record.c.id > part.after)
    if part.parents is not None:
        mine &= record.c.parent.in_(part.parents)
    # locked first and read afterwards, as in `claim`
    ids = c.execute(sa.select(record.c.id).where(mine).order_by(record.c.id).limit(part.limit).with_for_update()).scalars().all()
    rows = c.execute(_TO_DECIDE, {"of_ids": ids}).all()
    changed = 0
    spoilt: list[int] = []
    heard: list[tuple[int, Reason | None]] = []
    for row in rows:
        doc = readable(row.doc, KINDS[of.kind].struct)
        if doc is None:
            if row.cause_key != UNREADABLE.key:
                spoilt.append(row.id)
            continue
        digest, reason, awaiting = decide(doc, row.read_at)
        own_cause = (row.cause_key or "").startswith(("erp:", "own:")) and not (row.cause_key or "").startswith(AWAITED)
        if digest == row.want and (row.cause_key if own_cause else None) == (reason.key if reason else None):
            if reason is None and _hears_otherwise(row, awaiting):
                heard.append((row.id, awaiting))
            continue
        values: dict[str, Any] = {"want": digest}
        if reason is not None:
            values["cause_id"] = ensure(c, of.tenant_id, of.integration_id, {reason}, now)[reason.key]
        elif own_cause or digest != row.want:
            values["cause_id"] = None
        c.execute(sa.update(record).where(record.c.id == row.id).values(**values))
        changed += 1
    _hear(c, of, heard, now)
    unreadable(c, of, spoilt, now)
    return changed, rows[-1].id if len(rows) == part.limit else None


_TO_DECIDE = (
    sa.select(record.c.id, record.c.doc, record.c.read_at, record.c.want, record.c.have, record.c.cause_id, cause.c.key.label("cause_key"))
    .select_from(record.outerjoin(cause, record.c.cause_id == cause.c.id))
    .where(one_of(record.c.id, "of_ids"))
    .order_by(record.c.id)
)
UNREADABLE = Reason(
    "erp:record.unreadable", "record.unreadable", "engate",
    Text("O dado guardado deste item não pôde ser lido.", "The stored data of this item could not be read."),
    Text("O engate o lê de novo do ERP na próxima leitura do fluxo.", "engate reads it from the ERP again with the flow's next reading."),
)  # fmt: skip
"""Its key begins like those of problems found by reading, so the next sound reading ends it."""
BROKEN = "plugin.item"
"""The code of items that a plugin built wrongly."""


def docs_of(c: sa.Connection, integration_id: int, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
    """Stored documents by key."""
    mine = (record.c.integration_id == integration_id) & (record.c.kind == kind) & record.c.key.in_(keys)
    return {row.key: row.doc for row in c.execute(sa.select(record.c.key, record.c.doc).where(mine))}


def unreadable(c: sa.Connection, of: RecordSet, ids: Sequence[int], now: float) -> None:
    """These records' documents cannot be read: they wait, and the next reading of the kind is a full one."""
    if not ids:
        return
    cause_id = ensure(c, of.tenant_id, of.integration_id, {UNREADABLE}, now)[UNREADABLE.key]
    # records under way stay so: their effect is unknown as before
    c.execute(sa.update(record).where(record.c.id.in_(ids)).values(cause_id=cause_id))
    mine = (reading.c.integration_id == of.integration_id) & (reading.c.kind == of.kind)
    c.execute(sa.update(reading).where(mine).values(watermark=None))


def read_broken_again(c: sa.Connection) -> None:
    """At the start of a process: kinds with wrongly built items are read whole again, because the plugin may have been corrected."""
    waits = sa.select(record.c.id).join(cause, cause.c.id == record.c.cause_id).where(cause.c.code == BROKEN)
    mine = (record.c.integration_id == reading.c.integration_id) & (record.c.kind == reading.c.kind)
    c.execute(sa.update(reading).where(sa.exists(waits.where(mine).correlate(reading))).values(watermark=None))


def count(c: sa.Connection, integration_id: int, kind: str, *, but: Sequence[str]) -> int:
    """How many records of a kind there are, without these keys."""
    mine = (record.c.integration_id == integration_id) & (record.c.kind == kind) & record.c.key.not_in(but)
    return int(c.execute(sa.select(sa.func.count()).select_from(record).where(mine)).scalar_one())


def forget(c: sa.Connection, integration_id: int, kind: str, keys: Sequence[str]) -> None:
    """Deletes these records. What the storefront has of them stays as it is."""
    if keys:
        mine = (record.c.integration_id == integration_id) & (record.c.kind == kind) & record.c.key.in_(keys)
        c.execute(sa.delete(record).where(mine))
