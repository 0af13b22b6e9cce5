"""Records: what engate knows of one entity, why it waits, and the keys that find it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from engate.model.kinds import KINDS
from engate.store.blobs import readable
from engate.store.tables import cause, key_index, link, record
from engate.text import Text
from engate.views.causes import UNREADABLE, Cause, shown_doc
from engate.views.paging import Rows, Window, begins, cut, instant


class RecordRef(msgspec.Struct):
    kind: str
    key: str


class Record(msgspec.Struct, kw_only=True):
    """`state`: to_send | sent | waiting | settled. `waits_for`: to_send, but its parent is not in the storefront yet.
    `answer`: the storefront's last words. `turned_at`: since when what the shop holds lets a buyer buy or not."""

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
    turned_at: datetime | None
    sent_at: datetime | None
    read_at: datetime | None
    retry_at: datetime | None
    tries: int
    run: int | None


class Detail(Record, kw_only=True):
    """`doc`: as last read from the ERP, empty where it cannot be read; `last_sent`: as the storefront last accepted it, without the shop's
    own fields, whose values engate does not know."""

    doc: dict[str, Any]
    last_sent: dict[str, Any] | None


PARENT_KIND: dict[str, str] = {kind.name: kind.parent_kind for kind in KINDS.values() if kind.parent_kind}


class Filters(msgspec.Struct, frozen=True):
    """Filters; None: any."""

    kind: str | None = None
    state: str | None = None
    cause_id: int | None = None
    q: str | None = None

    @property
    def kinds(self) -> list[str]:
        return [self.kind] if self.kind is not None else list(KINDS)

    def where(self) -> list[sa.ColumnElement[bool]]:
        found: list[sa.ColumnElement[bool]] = []
        if self.state is not None:
            found.append(record.c.state == self.state)
        if self.cause_id is not None:
            found.append(record.c.cause_id == self.cause_id)
        return found


def listing(c: sa.Connection, integration_id: int, window: Window, filters: Filters) -> Rows[Record]:
    """Kind by kind; within a kind by key, or by id with a filter on state or cause: always in the order of an index."""
    after = _place(c, integration_id, window.after)
    if window.after is not None and after is None:
        return Rows([])
    search = _Search(c, integration_id, filters, window.limit + 1)
    ids = search.found_by(filters.q, after) if filters.q else search.in_order(after)
    shown = _by_id(c, integration_id, ids[: window.limit])
    more = len(ids) > window.limit or search.cut
    return Rows(shown, ids[: window.limit][-1] if more and ids else search.last if more else None)


class _Place(NamedTuple):
    id: int
    kind: str
    key: str


def _place(c: sa.Connection, integration_id: int, id: int | None) -> _Place | None:
    """Where the last page ended."""
    found = sa.select(record.c.id, record.c.kind, record.c.key).where(record.c.integration_id == integration_id, record.c.id == id)
    row = c.execute(found).first() if id is not None else None
    return _Place(*row) if row is not None else None


WALK = 2_000
"""Keys that one page of a search reads where there is also a filter on state or cause: the page may then be short or empty."""


class _Search:
    """Finds the ids of one page and one more if there is one. `cut`: it stopped at `last` before the end."""

    def __init__(self, c: sa.Connection, integration_id: int, filters: Filters, most: int) -> None:
        self._c, self._id, self._filters, self._most = c, integration_id, filters, most
        self.cut, self.last = False, 0

    def in_order(self, after: _Place | None) -> list[int]:
        column: sa.ColumnElement[Any] = record.c.id if self._filters.where() else record.c.key
        found: list[int] = []
        for kind, here in self._from(after):
            if len(found) < self._most:
                where = [record.c.kind == kind, *self._filters.where()]
                if here is not None:
                    where.append(column > (here.id if column is record.c.id else here.key))
                found += self._ids(where, column, self._most - len(found))
        return found

    def found_by(self, q: str, after: _Place | None) -> list[int]:
        """First records found by the storefront's key or another of their keys, then those whose key begins with the text."""
        begun = after is not None and after.key.startswith(q)
        found = [] if begun else self._named(q, after.id if after is not None else 0)
        for kind, here in self._from(after if begun else None):
            if len(found) < self._most and not self.cut:
                found += self._beginning(q, kind, here.key if here is not None else "", self._most - len(found))
        return found

    def _from(self, after: _Place | None) -> list[tuple[str, _Place | None]]:
        """The kinds to read, and where to begin in each."""
        kinds = self._filters.kinds
        if after is None:
            return [(kind, None) for kind in kinds]
        rest = kinds[kinds.index(after.kind) :] if after.kind in kinds else []
        return [(kind, after if kind == after.kind else None) for kind in rest]

    def _ids(self, where: Sequence[sa.ColumnElement[bool]], column: sa.ColumnElement[Any], most: int) -> list[int]:
        found = sa.select(record.c.id).where(record.c.integration_id == self._id, *where).order_by(column).limit(most)
        return list(self._c.execute(found).scalars())

    def _named(self, q: str, after: int) -> list[int]:
        """Records found by another of their keys, at most a page: such a key stands for few records."""
        of_link = record.join(
            link, (record.c.integration_id == link.c.integration_id) & (record.c.kind == link.c.kind) & (record.c.key == link.c.key)
        )
        linked = (link.c.integration_id == self._id) & link.c.kind.in_(self._filters.kinds) & (link.c.remote == q)
        of_key = record.join(
            key_index,
            (record.c.integration_id == key_index.c.integration_id)
            & (record.c.kind == key_index.c.kind)
            & (record.c.key == key_index.c.target),
        )
        keyed = (key_index.c.integration_id == self._id) & (key_index.c.key == q) & key_index.c.kind.in_(self._filters.kinds)
        found: set[int] = set()
        for source, where in ((of_link, linked), (of_key, keyed)):
            query = sa.select(record.c.id, record.c.key).select_from(source).where(where, *self._filters.where()).limit(500)
            found |= {row.id for row in self._c.execute(query) if row.id > after and not row.key.startswith(q)}
        return sorted(found)[: self._most]

    def _beginning(self, q: str, kind: str, after: str, most: int) -> list[int]:
        where = [record.c.kind == kind, begins(record.c.key, q), record.c.key > after]
        if not self._filters.where():
            return self._ids(where, record.c.key, most)
        walked = (
            sa.select(record.c.id, record.c.state, record.c.cause_id)
            .where(record.c.integration_id == self._id, *where)
            .order_by(record.c.key)
            .limit(WALK)
        )
        rows = self._c.execute(walked).all()
        asked = self._filters
        fit = [
            row.id
            for row in rows
            if (asked.state is None or row.state == asked.state) and (asked.cause_id is None or row.cause_id == asked.cause_id)
        ]
        if len(rows) == WALK and len(fit) < most:
            self.cut, self.last = True, rows[-1].id
        return fit[:most]


def _by_id(c: sa.Connection, integration_id: int, ids: list[int]) -> list[Record]:
    rows = {row.id: row for row in c.execute(_select(integration_id).where(record.c.id.in_(ids)))}
    return [_record(rows[id]) for id in ids if id in rows]


def details(c: sa.Connection, integration_id: int, *where: sa.ColumnElement[bool]) -> list[Detail]:
    return sorted((_detail(row) for row in c.execute(_select(integration_id).where(*where))), key=lambda each: each.key)


def detail(c: sa.Connection, integration_id: int, kind: str, key: str) -> Detail | None:
    return next(iter(details(c, integration_id, record.c.kind == kind, record.c.key == key)), None)


def document(c: sa.Connection, integration_id: int, kind: str, key: str) -> Any | None:
    """The struct as last read; None also where it cannot be read any more."""
    blob = c.execute(
        sa.select(record.c.doc).where(record.c.integration_id == integration_id, record.c.kind == kind, record.c.key == key)
    ).scalar()
    return readable(blob, KINDS[kind].struct)


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


def _fields(row: Any, doc: Any) -> dict[str, Any]:
    why = Cause(row.cause_id, row.code, row.owner, Text(**row.cause_text), Text(**row.hint), instant(row.since)) if row.code else None
    if doc is None:
        why = UNREADABLE
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
        "turned_at": instant(row.turned_at),
        "sent_at": instant(row.sent_at),
        "read_at": instant(row.read_at),
        "retry_at": instant(row.not_before) if row.not_before else None,
        "tries": row.tries,
        "run": row.run_id,
    }


def _record(row: Any) -> Record:
    return Record(**_fields(row, readable(row.doc, KINDS[row.kind].struct)))


def _detail(row: Any) -> Detail:
    struct = KINDS[row.kind].struct
    doc, sent = readable(row.doc, struct), readable(row.have_doc, struct)
    return Detail(**_fields(row, doc), doc=shown_doc(doc) or {}, last_sent=_known(shown_doc(sent)))


def _known(sent: dict[str, Any] | None) -> dict[str, Any] | None:
    """Leaves out empty fields: the shop's own ones are blank in `have_doc` (`engate.domain.effective.blank`). Other empty fields are left
    out already, and an empty name was never sent."""
    return {name: value for name, value in sent.items() if value != ""} if sent is not None else None


# ---- links ----


class Link(msgspec.Struct):
    """`key`: the ERP's; `remote`: the storefront's; `origin`: engate, or a person."""

    kind: str
    key: str
    remote: str
    origin: str
    at: datetime | None


def links(c: sa.Connection, integration_id: int, window: Window, kind: str | None) -> Rows[Link]:
    """Kind by kind, oldest first."""
    after = c.execute(sa.select(link.c.kind).where(link.c.integration_id == integration_id, link.c.id == window.after)).scalar()
    kinds = [kind] if kind is not None else list(KINDS)
    if window.after is not None:
        kinds = kinds[kinds.index(after) :] if after in kinds else []
    rows: list[Any] = []
    for each in kinds:
        left = window.limit + 1 - len(rows)
        query = sa.select(link).where(link.c.integration_id == integration_id, link.c.kind == each)
        if each == after:
            query = query.where(link.c.id > window.after)
        rows += c.execute(query.order_by(link.c.id).limit(left)).all() if left else []
    return cut(rows, window, _link)


def one_link(c: sa.Connection, integration_id: int, kind: str, key: str) -> Link | None:
    row = c.execute(sa.select(link).where(link.c.integration_id == integration_id, link.c.kind == kind, link.c.key == key)).first()
    return _link(row) if row is not None else None


def _link(row: Any) -> Link:
    return Link(row.kind, row.key, row.remote, "person" if row.origin == "person" else "engate", instant(row.at))


# ---- any key ----


def skus_by(c: sa.Connection, integration_id: int, any_key: str) -> list[str]:
    """Keys of the SKUs that this key stands for: the SKU's own, its EAN, the shop's id; else those of the product with this key or id."""
    sku = (record.c.integration_id == integration_id) & (record.c.kind == "sku")

    def known(keys: set[str]) -> list[str]:
        return list(c.execute(sa.select(record.c.key).where(sku, record.c.key.in_(keys)).order_by(record.c.key)).scalars()) if keys else []

    if own := known({any_key}):
        return own
    indexed = sa.select(key_index.c.target).where(
        key_index.c.integration_id == integration_id, key_index.c.key == any_key, key_index.c.kind == "sku"
    )
    if found := known({*c.execute(indexed).scalars(), *_linked(c, integration_id, "sku", any_key)}):
        return found
    products = [any_key, *_linked(c, integration_id, "product", any_key)]
    return list(c.execute(sa.select(record.c.key).where(sku, record.c.parent.in_(products)).limit(50)).scalars())


def _linked(c: sa.Connection, integration_id: int, kind: str, remote: str) -> list[str]:
    """The ERP's keys linked to this key of the storefront."""
    found = sa.select(link.c.key).where(link.c.integration_id == integration_id, link.c.kind == kind, link.c.remote == remote)
    return list(c.execute(found).scalars())
