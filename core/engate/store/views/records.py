"""Records: what engate knows of one entity, why it waits, and by which keys it is found."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from engate.model.kinds import KINDS
from engate.store.blobs import unpack
from engate.store.tables import cause, key_index, link, record
from engate.store.views.causes import Cause
from engate.store.views.paging import Rows, Window, instant, page
from engate.text import Text


class RecordRef(msgspec.Struct):
    kind: str
    key: str


class Record(msgspec.Struct, kw_only=True):
    """`state`: to_send | sent | waiting | settled. `waits_for`: to_send, but its parent is not in the storefront yet.
    `answer`: the storefront's last words."""

    id: int
    kind: str
    key: str
    name: str
    state: str
    remote: str | None
    parent: str | None
    waits_for: RecordRef | None
    cause: Cause | None
    answer: str | None
    answered_at: datetime | None
    sent_at: datetime | None
    read_at: datetime | None
    retry_at: datetime | None
    effective_at: datetime | None
    tries: int
    run: int | None


class Detail(Record, kw_only=True):
    """`doc`: as last read from the ERP; `last_sent`: as the storefront last accepted it."""

    doc: dict[str, Any]
    last_sent: dict[str, Any] | None


PARENT_KIND: dict[str, str] = {kind.name: kind.parent_kind for kind in KINDS.values() if kind.parent_kind}


def listing(
    c: sa.Connection,
    integration_id: int,
    window: Window,
    *,
    kind: str | None = None,
    state: str | None = None,
    cause_id: int | None = None,
    q: str | None = None,
) -> Rows[Record]:
    query = _select(integration_id)
    if kind is not None:
        query = query.where(record.c.kind == kind)
    if state is not None:
        query = query.where(record.c.state == state)
    if cause_id is not None:
        query = query.where(record.c.cause_id == cause_id)
    if q:
        query = query.where(_found_by(integration_id, q))
    return page(c, query, record.c.id, window, _record)


def details(c: sa.Connection, integration_id: int, *where: sa.ColumnElement[bool]) -> list[Detail]:
    rows = c.execute(_select(integration_id).where(*where).order_by(record.c.key)).all()
    return [_detail(row) for row in rows]


def detail(c: sa.Connection, integration_id: int, kind: str, key: str) -> Detail | None:
    return next(iter(details(c, integration_id, record.c.kind == kind, record.c.key == key)), None)


def document(c: sa.Connection, integration_id: int, kind: str, key: str) -> Any | None:
    """The struct as last read."""
    blob = c.execute(
        sa.select(record.c.doc).where(record.c.integration_id == integration_id, record.c.kind == kind, record.c.key == key)
    ).scalar()
    return unpack(blob, KINDS[kind].struct) if blob is not None else None


def _select(integration_id: int) -> sa.Select[Any]:
    own, above = link.alias("own"), link.alias("above")
    parent_kind = sa.case(PARENT_KIND, value=record.c.kind, else_="")
    source = (
        record.outerjoin(cause, cause.c.id == record.c.cause_id)
        .outerjoin(own, (own.c.integration_id == record.c.integration_id) & (own.c.kind == record.c.kind) & (own.c.key == record.c.key))
        .outerjoin(
            above, (above.c.integration_id == record.c.integration_id) & (above.c.kind == parent_kind) & (above.c.key == record.c.parent)
        )
    )
    return (
        sa.select(
            record,
            own.c.remote,
            above.c.remote.label("parent_remote"),
            cause.c.code,
            cause.c.owner,
            cause.c.text.label("cause_text"),
            cause.c.hint,
            cause.c.since,
        )
        .select_from(source)
        .where(record.c.integration_id == integration_id)
    )


def _found_by(integration_id: int, q: str) -> sa.ColumnElement[bool]:
    """By its own key (or how it begins), the storefront's key, or any key of the index."""
    linked = sa.exists().where(
        link.c.integration_id == integration_id, link.c.kind == record.c.kind, link.c.key == record.c.key, link.c.remote == q
    )
    indexed = sa.exists().where(
        key_index.c.integration_id == integration_id,
        key_index.c.key == q,
        key_index.c.kind == record.c.kind,
        key_index.c.target == record.c.key,
    )
    return record.c.key.startswith(q, autoescape=True) | linked | indexed


def _fields(row: Any, doc: Any) -> dict[str, Any]:
    why = Cause(row.cause_id, row.code, row.owner, Text(**row.cause_text), Text(**row.hint), instant(row.since)) if row.code else None
    waits_for = None
    if row.state == "to_send" and row.kind in PARENT_KIND and row.parent_remote is None and row.parent is not None:
        waits_for = RecordRef(PARENT_KIND[row.kind], row.parent)
    return {
        "id": row.id,
        "kind": row.kind,
        "key": row.key,
        "name": getattr(doc, "name", ""),
        "state": row.state,
        "remote": row.remote,
        "parent": row.parent,
        "waits_for": waits_for,
        "cause": why,
        "answer": row.answer,
        "answered_at": instant(row.answered_at),
        "sent_at": instant(row.sent_at),
        "read_at": instant(row.read_at),
        "retry_at": instant(row.not_before) if row.not_before else None,
        "effective_at": instant(row.effective_at),
        "tries": row.tries,
        "run": row.run_id,
    }


def _record(row: Any) -> Record:
    return Record(**_fields(row, unpack(row.doc, KINDS[row.kind].struct)))


def _detail(row: Any) -> Detail:
    struct = KINDS[row.kind].struct
    doc = unpack(row.doc, struct)
    sent = unpack(row.have_doc, struct) if row.have_doc is not None else None
    return Detail(**_fields(row, doc), doc=msgspec.to_builtins(doc), last_sent=msgspec.to_builtins(sent) if sent is not None else None)


# ---- links ----


class Link(msgspec.Struct):
    """`key`: the ERP's; `remote`: the storefront's; `origin`: engate, or a person."""

    kind: str
    key: str
    remote: str
    origin: str
    at: datetime | None


def links(c: sa.Connection, integration_id: int, window: Window, kind: str | None) -> Rows[Link]:
    query = sa.select(link).where(link.c.integration_id == integration_id)
    if kind is not None:
        query = query.where(link.c.kind == kind)
    return page(c, query, link.c.id, window, _link)


def one_link(c: sa.Connection, integration_id: int, kind: str, key: str) -> Link | None:
    row = c.execute(sa.select(link).where(link.c.integration_id == integration_id, link.c.kind == kind, link.c.key == key)).first()
    return _link(row) if row is not None else None


def _link(row: Any) -> Link:
    return Link(row.kind, row.key, row.remote, "person" if row.origin == "person" else "engate", instant(row.at))


# ---- any key ----


def skus_by(c: sa.Connection, integration_id: int, any_key: str) -> list[str]:
    """The SKUs that this key means: the SKU's own, its EAN, the shop's id of it; else those of the product with this key or shop id."""
    mine = (record.c.integration_id == integration_id) & (record.c.kind == "sku")
    own = c.execute(sa.select(record.c.key).where(mine, record.c.key == any_key)).scalars().all()
    if own:
        return list(own)
    linked = sa.select(link.c.key).where(link.c.integration_id == integration_id, link.c.remote == any_key)
    indexed = sa.select(key_index.c.target).where(
        key_index.c.integration_id == integration_id, key_index.c.key == any_key, key_index.c.kind == "sku"
    )
    found = (
        c.execute(
            sa.select(record.c.key)
            .where(mine, record.c.key.in_(indexed) | record.c.key.in_(linked.where(link.c.kind == "sku")))
            .order_by(record.c.key)
        )
        .scalars()
        .all()
    )
    if found:
        return list(found)
    of_product = (record.c.parent == any_key) | record.c.parent.in_(linked.where(link.c.kind == "product"))
    return list(c.execute(sa.select(record.c.key).where(mine, of_product).order_by(record.c.key).limit(50)).scalars())
