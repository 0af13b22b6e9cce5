"""Orders as people see them: parts, documents, what they wait for, and everything that happened."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa

from engate import titles
from engate.domain.splitting import said_of_forms
from engate.model import ErpOrder, Invoice, Order, OrderPart
from engate.store import config, tasks
from engate.store.blobs import readable
from engate.store.tables import cause, document, inbox, key_index, order, part, step
from engate.text import NO_TEXT, Text, squeezed
from engate.views.causes import UNREADABLE, Cause, shown_doc
from engate.views.paging import LAST, Rows, Window, cut, instant, page


class PartLine(msgspec.Struct):
    no: int
    branch: str
    state: str
    erp_key: str | None
    state_title: Text = NO_TEXT

    def __post_init__(self) -> None:
        self.state_title = titles.state(titles.ORDER_STATES, self.state)


class OrderLine(msgspec.Struct, kw_only=True):
    """`state`: engate's; `shop_state`, `raw_state`: what the storefront last said. `attention`: a person must act. `number`: what people in
    the shop call it, if that is not its key."""

    key: str
    number: str
    state: str
    shop_state: str
    raw_state: str
    total: Decimal
    channel: str
    placed_at: datetime | None
    read_at: datetime | None
    changed_at: datetime | None
    attention: bool
    cause: Cause | None
    parts: list[PartLine]
    state_title: Text = NO_TEXT

    def __post_init__(self) -> None:
        self.state_title = titles.state(titles.ORDER_STATES, self.state)


class DocumentView(msgspec.Struct):
    """A fiscal document; `sent_at`: when the storefront got it. One that cannot be read has only its key."""

    key: str
    number: str
    series: str
    model: str
    kind: str
    issued_at: datetime | None
    value: Decimal | None
    issuer: str
    authorised: bool
    production: bool
    has_xml: bool
    received_at: datetime | None
    sent_at: datetime | None


class PartView(msgspec.Struct):
    """The share of the order that is one ERP order. `uncertain`: an import was sent and its effect is not known yet."""

    no: int
    reference: str
    branch: str
    state: str
    erp_key: str | None
    erp_state: str | None
    uncertain: bool
    attempts: int
    sent_at: datetime | None
    handling_sent_at: datetime | None
    tracking_sent_at: datetime | None
    delivery_sent_at: datetime | None
    cancel_sent_at: datetime | None
    doc: dict[str, Any]
    erp: dict[str, Any] | None
    documents: list[DocumentView]
    state_title: Text = NO_TEXT

    def __post_init__(self) -> None:
        self.state_title = titles.state(titles.ORDER_STATES, self.state)


class Step(msgspec.Struct):
    """`title`: the name in words."""

    at: datetime | None
    part: int | None
    name: str
    text: Text
    title: Text = NO_TEXT

    def __post_init__(self) -> None:
        self.title = titles.state(titles.STEPS, self.name)


class TaskView(msgspec.Struct):
    """A task of an order. `amount`: reais that were charged and are neither invoiced nor refunded (negative: too much was).
    `closed_by`: person | engate (the shop shows that it is settled)."""

    code: str
    amount: Decimal
    text: Text
    hint: Text
    opened_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    note: str | None
    title: Text = NO_TEXT

    def __post_init__(self) -> None:
        self.title = titles.cause(self.code)


class OrderView(OrderLine, kw_only=True):
    """`doc`: the order as last read from the storefront. `charged`: what the buyer paid when it was taken in. `several_forms`: with
    several payment forms, which charge the ERP gets. `erased_at`: when its buyer was erased."""

    doc: dict[str, Any]
    erased_at: datetime | None
    charged: Decimal | None
    several_forms: Text | None
    tasks: list[TaskView]
    parts: list[PartView]  # pyright: ignore[reportIncompatibleVariableOverride]
    timeline: list[Step]


class Filters(msgspec.Struct, frozen=True):
    """Filters; None: any."""

    state: str | None = None
    attention: bool | None = None
    q: str | None = None
    cause: int | None = None
    channel: str | None = None
    placed_from: float | None = None
    placed_before: float | None = None

    @property
    def of_a_period(self) -> bool:
        return self.placed_from is not None or self.placed_before is not None

    def where(self) -> list[sa.ColumnElement[bool]]:
        found: list[sa.ColumnElement[bool]] = []
        if self.state is not None:
            found.append(order.c.state == self.state)
        if self.cause is not None:
            found.append(order.c.cause_id == self.cause)
        if self.channel is not None:
            found.append(order.c.channel == self.channel)
        if self.placed_from is not None:
            found.append(order.c.placed_at >= self.placed_from)
        if self.placed_before is not None:
            found.append(order.c.placed_at < self.placed_before)
        if self.attention is not None:
            asked = cause.c.owner == "person"
            # the second implies the first, which lets the index skip orders that wait for nothing
            found += [order.c.cause_id.is_not(None), asked] if self.attention else [sa.or_(cause.c.owner.is_(None), ~asked)]
        return found


def listing(c: sa.Connection, tenant_id: int, integration_id: int, window: Window, filters: Filters) -> Rows[OrderLine]:
    """Newest first; of a period, those placed last first; those that a search finds by the beginning of their key, by key, descending."""
    query = _select(tenant_id, integration_id)
    if filters.q:
        rows = _searched(c, tenant_id, integration_id, window, filters)
    else:
        ids = sa.select(order.c.id).where(order.c.integration_id == integration_id, *filters.where())
        if filters.attention is not None:
            ids = ids.outerjoin(cause, cause.c.id == order.c.cause_id)
        rows = _by_time(c, integration_id, ids, query, window) if filters.of_a_period else page(c, ids, query, window, newest_first=True)
    parts = _part_lines(c, [row.id for row in rows.items])
    return Rows([OrderLine(**_fields(row), parts=parts.get(row.id, [])) for row in rows.items], rows.next)


def _by_time(c: sa.Connection, integration_id: int, ids: sa.Select[Any], query: sa.Select[Any], window: Window) -> Rows[Any]:
    if window.after is not None:
        mine = (order.c.integration_id == integration_id) & (order.c.id == window.after)
        last = c.execute(sa.select(order.c.placed_at).where(mine)).scalar()
        ids = ids.where(sa.tuple_(order.c.placed_at, order.c.id) < sa.tuple_(sa.literal(last), sa.literal(window.after)))
    found = c.execute(ids.order_by(order.c.placed_at.desc(), order.c.id.desc()).limit(window.limit + 1)).scalars().all()
    by_id = {row.id: row for row in c.execute(query.where(order.c.id.in_(found)))}
    return cut([by_id[id] for id in found if id in by_id], window, lambda row: row)


WALK = 2_000
"""Keys that one page of a search reads where there are other filters: the page may then be short or empty."""


def _searched(c: sa.Connection, tenant_id: int, integration_id: int, window: Window, filters: Filters) -> Rows[Any]:
    """First orders found by another of their keys, then those whose key begins with the text."""
    query, q, where = _select(tenant_id, integration_id), filters.q or "", filters.where()
    mine = order.c.integration_id == integration_id
    after = c.execute(sa.select(order.c.id, order.c.key).where(mine, order.c.id == window.after)).first()
    if window.after is not None and after is None:
        return Rows([])
    rows: list[Any] = []
    if after is None or not after.key.startswith(q):
        named = c.execute(query.where(order.c.key.in_(_targets(c, integration_id, q)), *where)).all()
        rows = sorted((row for row in named if not row.key.startswith(q)), key=lambda row: -row.id)
        rows = [row for row in rows if after is None or row.id < after.id][: window.limit + 1]
    before = after.key if after is not None and after.key.startswith(q) else q + LAST
    left = window.limit + 1 - len(rows)
    walked = sa.select(order.c.id).where(mine, order.c.key >= q, order.c.key < before).order_by(order.c.key.desc())
    ids = list(c.execute(walked.limit(WALK if where else left)).scalars()) if left else []
    fit = ids
    if where and ids:
        of_filters = sa.select(order.c.id).outerjoin(cause, cause.c.id == order.c.cause_id).where(order.c.id.in_(ids), *where)
        known = set(c.execute(of_filters).scalars())
        fit = [id for id in ids if id in known]
    by_id = {row.id: row for row in c.execute(query.where(order.c.id.in_(fit[:left])))} if fit else {}
    found = cut([*rows, *(by_id[id] for id in fit[:left] if id in by_id)], window, lambda row: row)
    if found.next is None and where and len(ids) == WALK:
        found.next = ids[-1]
    return found


def one_order(c: sa.Connection, tenant_id: int, integration_id: int, key: str) -> OrderView:
    row = c.execute(_select(tenant_id, integration_id).where(order.c.key == key)).first()
    if row is None:
        raise config.not_found("Pedido", "order")
    doc, (parts, whole) = readable(row.doc, Order), _parts(c, row.id)
    todo = [_task(each) for each in tasks.of_order(c, row.id)]
    fields: dict[str, Any] = _fields(row)
    if not whole or doc is None:
        fields["cause"] = UNREADABLE
    charge = parts[0].doc.get("charge", "") if parts else ""
    forms = said_of_forms(doc, charge) if doc is not None and charge else None
    said: dict[str, Any] = {
        "charged": row.charged,
        "erased_at": instant(row.erased_at),
        "several_forms": forms,
        "tasks": todo,
        "timeline": _timeline(c, row.id),
    }
    return OrderView(**fields, doc=shown_doc(doc) or {}, parts=parts, **said)


def line(c: sa.Connection, tenant_id: int, integration_id: int, key: str) -> OrderLine:
    """One existing order, as lists show it."""
    row = c.execute(_select(tenant_id, integration_id).where(order.c.key == key)).one()
    return OrderLine(**_fields(row), parts=_part_lines(c, [row.id]).get(row.id, []))


def keys_by(c: sa.Connection, integration_id: int, any_key: str) -> list[str]:
    """Keys of the orders that this key stands for, newest first: the shop's, the ERP's, a note's number or key, the buyer's CPF or CNPJ."""
    named = {any_key, *_targets(c, integration_id, any_key)}
    rows = c.execute(sa.select(order.c.id, order.c.key).where(order.c.integration_id == integration_id, order.c.key.in_(named))).all()
    return [row.key for row in sorted(rows, key=lambda row: (row.key != any_key, -row.id))][:MOST_MEANT]


def told_at(c: sa.Connection, integration_id: int, key: str) -> float | None:
    """When the storefront first told an order, whether or not it has been read."""
    return c.execute(
        sa.select(sa.func.min(inbox.c.received_at)).where(inbox.c.integration_id == integration_id, inbox.c.order_key == key)
    ).scalar()


MOST_MEANT = 50


def _targets(c: sa.Connection, integration_id: int, any_key: str) -> set[str]:
    """Keys of the orders that also have this key."""
    plain = squeezed(any_key)  # 111.222.333-44 is a CPF too
    indexed = sa.select(key_index.c.target).where(
        key_index.c.integration_id == integration_id, key_index.c.kind == "order", key_index.c.key.in_({any_key, plain})
    )
    found = set(c.execute(indexed.limit(500)).scalars())
    for column in (part.c.reference, part.c.erp_key):
        of_part = sa.select(order.c.key).join(part, part.c.order_id == order.c.id)
        found.update(c.execute(of_part.where(part.c.integration_id == integration_id, column == any_key).limit(500)).scalars())
    return found


def _select(tenant_id: int, integration_id: int) -> sa.Select[Any]:
    return (
        sa.select(order, cause.c.code, cause.c.owner, cause.c.text, cause.c.hint, cause.c.since)
        .select_from(order.outerjoin(cause, cause.c.id == order.c.cause_id))
        .where(order.c.tenant_id == tenant_id, order.c.integration_id == integration_id)
    )


def _fields(row: Any) -> dict[str, Any]:
    why = Cause(row.cause_id, row.code, row.owner, Text(**row.text), Text(**row.hint), instant(row.since)) if row.code else None
    doc = readable(row.doc, Order)
    return {
        "key": row.key,
        "number": doc.number if doc is not None else "",
        "state": row.state,
        "shop_state": row.shop_state,
        "raw_state": row.raw_state,
        "total": row.total,
        "channel": row.channel,
        "placed_at": instant(row.placed_at),
        "read_at": instant(row.read_at),
        "changed_at": instant(row.changed_at),
        "attention": row.owner == "person",
        "cause": why,
    }


def _part_lines(c: sa.Connection, order_ids: list[int]) -> dict[int, list[PartLine]]:
    found: dict[int, list[PartLine]] = {}
    rows = sa.select(part.c.order_id, part.c.no, part.c.branch, part.c.state, part.c.erp_key).where(part.c.order_id.in_(order_ids))
    for row in sorted(c.execute(rows), key=lambda row: row.no):
        found.setdefault(row.order_id, []).append(PartLine(row.no, row.branch, row.state, row.erp_key))
    return found


def _parts(c: sa.Connection, order_id: int) -> tuple[list[PartView], bool]:
    """(the parts, whether all their documents can be read)"""
    documents: dict[int, list[DocumentView]] = {}
    whole = True
    for row in c.execute(sa.select(document).where(document.c.order_id == order_id).order_by(document.c.id)):
        note = readable(row.doc, Invoice)
        whole = whole and note is not None
        documents.setdefault(row.part_id, []).append(_document(row, note))
    found: list[PartView] = []
    for row in c.execute(sa.select(part).where(part.c.order_id == order_id).order_by(part.c.no)):
        doc, erp = shown_doc(readable(row.doc, OrderPart)), shown_doc(readable(row.erp_doc, ErpOrder))
        whole = whole and doc is not None and (erp is not None or row.erp_doc is None)
        found.append(
            PartView(
                row.no,
                row.reference,
                row.branch,
                row.state,
                row.erp_key,
                row.erp_state,
                row.sending,
                row.attempt,
                instant(row.sent_at),
                instant(row.handling_sent_at),
                instant(row.tracking_sent_at),
                instant(row.delivery_sent_at),
                instant(row.cancel_sent_at),
                _without(doc or {}, "order"),
                _without(erp, "invoices") if erp is not None else None,
                documents.get(row.id, []),
            )
        )
    return found, whole


def _without(doc: dict[str, Any], name: str) -> dict[str, Any]:
    """The document without a field that the answer shows elsewhere."""
    return {key: value for key, value in doc.items() if key != name}


def _document(row: Any, note: Invoice | None) -> DocumentView:
    at = (instant(row.created_at), instant(row.sent_at))
    if note is None:
        return DocumentView(row.key, "", "", "", "", None, None, "", False, False, False, *at)
    return DocumentView(
        note.key,
        note.number,
        note.series,
        note.model,
        note.kind,
        note.issued_at,
        note.value,
        note.issuer,
        note.authorised,
        note.production,
        bool(note.xml),
        *at,
    )


def _task(row: Any) -> TaskView:
    return TaskView(
        row.code, row.amount, Text(**row.text), Text(**row.hint), instant(row.opened_at), instant(row.closed_at), row.closed_by, row.note
    )  # fmt: skip


def _timeline(c: sa.Connection, order_id: int) -> list[Step]:
    rows = c.execute(sa.select(step).where(step.c.order_id == order_id).order_by(step.c.id))
    return [Step(instant(row.at), row.part_no, row.name, Text(**row.text)) for row in rows]
