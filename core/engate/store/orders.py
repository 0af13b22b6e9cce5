"""Orders as stored: the shop's order, its parts, the ERP's facts about them, documents, and a timeline of every step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from engate.domain.orders import Document, Part, Stored
from engate.domain.reasons import Reason
from engate.logs import say_after
from engate.model import Address, Buyer, ErpOrder, Invoice, Order, OrderChange, OrderPart, Warehouse
from engate.store import tasks
from engate.store.blobs import pack, readable, unpack
from engate.store.causes import ensure, waited
from engate.store.conditions import is_, one_of
from engate.store.db import insert_of
from engate.store.tables import document, key_index, order, part, record, shipment, step
from engate.text import Text, squeezed


class Shop(NamedTuple):
    """The orders of one integration."""

    tenant_id: int
    integration_id: int


class OrderRow(NamedTuple):
    """Ids of an order's row, its tenant and its integration."""

    tenant_id: int
    integration_id: int
    id: int


class Line(NamedTuple):
    """A line of the timeline, about one part or the whole order."""

    name: str
    text: Text
    part_no: int | None = None


_ORDER = sa.select(order).where(is_(order.c.integration_id, "of_integration"), is_(order.c.key, "of_key"))
_ORDER_TO_CHANGE = _ORDER.with_for_update(key_share=True)
_RAW_STATES = sa.select(order.c.key, order.c.raw_state).where(is_(order.c.integration_id, "of_integration"), one_of(order.c.key, "of_keys"))
_DOCUMENTS = sa.select(document).where(is_(document.c.order_id, "of_id")).order_by(document.c.id)
_PARTS = sa.select(part).where(is_(part.c.order_id, "of_id")).order_by(part.c.no)
_SHIPPED = sa.select(shipment).join(part, part.c.id == shipment.c.part_id).where(is_(part.c.order_id, "of_id"))
_TO_ORDER = sa.update(order).where(is_(order.c.id, "of_id"))
_TO_PART = sa.update(part).where(is_(part.c.id, "of_part"))
_UNENTERED = _TO_PART.where(part.c.erp_key.is_(None))
_TO_PROMISE = _TO_PART.where(part.c.erp_key.is_(None), ~part.c.sending, is_(part.c.attempt, "of_attempt"))
_UNSENT_PARTS = sa.delete(part).where(is_(part.c.order_id, "of_id"), part.c.erp_key.is_(None), part.c.attempt == 0)
_CAUSE = _TO_ORDER.where(order.c.cause_id.is_distinct_from(sa.bindparam("of_cause", type_=order.c.cause_id.type)))
_OVER = _TO_ORDER.where(
    order.c.cause_id.is_distinct_from(sa.bindparam("of_cause", type_=order.c.cause_id.type)) | order.c.told_cause.is_not(None)
).values(told_cause=None)
_TOLD = _TO_ORDER.where(order.c.told_cause.is_distinct_from(order.c.cause_id)).values(told_cause=order.c.cause_id)
_KEY = sa.select(order.c.key).where(is_(order.c.id, "of_id"))
_NOTE = sa.insert(step)


@cache
def _keep_of(dialect: str, names: tuple[str, ...]) -> Any:
    s = insert_of(dialect, order)
    again = {name: s.excluded[name] for name in names}
    return s.on_conflict_do_update(index_elements=["integration_id", "key"], set_=again).returning(order.c.id)


@cache
def _add_part_of(dialect: str) -> Any:
    return insert_of(dialect, part).on_conflict_do_nothing(index_elements=["order_id", "no"])


@cache
def _shipped_of(dialect: str) -> Any:
    return insert_of(dialect, shipment).on_conflict_do_nothing()


@cache
def _index_of(dialect: str) -> Any:
    return insert_of(dialect, key_index).on_conflict_do_nothing()


def load(c: sa.Connection, integration_id: int, key: str, *, to_change: bool = False) -> Stored | None:
    """The stored order, or None. `to_change`: locks it until this transaction ends. Raises Unreadable."""
    row = c.execute(_ORDER_TO_CHANGE if to_change else _ORDER, {"of_integration": integration_id, "of_key": key}).first()
    if row is None:
        return None
    documents: dict[int, list[Document]] = {}
    for d in c.execute(_DOCUMENTS, {"of_id": row.id}):
        # an unreadable note that was not sent is read from the ERP again; one that was sent must not be
        invoice = readable(d.doc, Invoice) if d.sent_at is None else unpack(d.doc, Invoice)
        if invoice is not None:
            documents.setdefault(d.part_id, []).append(Document(d.id, invoice, d.sent_at))
    shipped: dict[int, set[str]] = {}
    for s in c.execute(_SHIPPED, {"of_id": row.id}):
        shipped.setdefault(s.part_id, set()).add(s.key)
    doc = unpack(row.doc, Order)
    parts = [
        Part(
            p.id, p.no, p.reference, p.branch, msgspec.structs.replace(unpack(p.doc, OrderPart), order=doc, attempt=p.attempt),
            p.state, p.erp_key, p.sending, p.sent_at, p.attempt, p.looks,
            p.erp_state, readable(p.erp_doc, ErpOrder),
            p.handling_sent_at, p.tracking_sent_at, p.delivery_sent_at, p.cancel_sent_at,
            documents.get(p.id, []), p.finished_at,
            unpack(p.change, OrderChange) if p.change else None, p.change_sent_at, Text(**p.change_refused) if p.change_refused else None,
            p.given_back_before, frozenset(shipped.get(p.id, ())),
        )
        for p in c.execute(_PARTS, {"of_id": row.id})
    ]  # fmt: skip
    standing = [t for t in tasks.of_order(c, row.id) if t.closed_at is None or t.closed_by == "person"]
    return Stored(
        row.id, row.key, row.state, doc, row.was_ready, row.cause_id, parts, row.charged, row.refunded_before, row.refusal_sent_at,
        [(t.code, t.amount) for t in standing], frozenset(t.code for t in standing if t.closed_at is not None), row.told_cause,
        row.erased_at is not None,
    )  # fmt: skip


def raw_states(c: sa.Connection, integration_id: int, keys: Sequence[str]) -> dict[str, str]:
    """Key -> the shop's own word for the state of each of these orders, as last read."""
    return {row.key: row.raw_state for row in c.execute(_RAW_STATES, {"of_integration": integration_id, "of_keys": keys})}


def keep(c: sa.Connection, of: Shop, doc: Order, state: str, now: float) -> int:
    """Stores the order as just read from the shop. Returns its id."""
    values: dict[str, Any] = {
        "shop_state": doc.state, "raw_state": doc.raw_state, "doc": pack(doc), "total": doc.total, "placed_at": doc.placed_at.timestamp(),
        "read_at": now, "changed_at": now, "channel": doc.channel[:100],
    }  # fmt: skip
    if doc.state == "ready":
        values["was_ready"] = True
    if doc.state != "cancel_requested":
        values["refusal_sent_at"] = None  # a later request is a new one
    row = {"tenant_id": of.tenant_id, "integration_id": of.integration_id, "key": doc.key, "state": state, "created_at": now}
    id = c.execute(_keep_of(c.dialect.name, tuple(values)), row | values).scalar_one()
    buyer = (doc.buyer.document, squeezed(doc.buyer.name)[:200], squeezed(doc.buyer.email)[:200])
    index(c, of.integration_id, "order", doc.key, [doc.key, doc.number.removeprefix("#"), *buyer])
    return id


@cache
def _first_of(dialect: str) -> Any:
    return insert_of(dialect, order).on_conflict_do_nothing(index_elements=["integration_id", "key"]).returning(order.c.id)


_ID = sa.select(order.c.id).where(is_(order.c.integration_id, "of_integration"), is_(order.c.key, "of_key"))
_ERASED_AT = _ORDER.with_only_columns(order.c.erased_at).with_for_update(key_share=True)
_PLACE = sa.select(order.c.id, order.c.integration_id, order.c.key).where(one_of(order.c.integration_id, "of_integrations"))
_BY_KEY = _PLACE.where(is_(order.c.key, "of_key"))
_BY_NUMBER = _PLACE.where(is_(order.c.id, "of_id"))
_OF_DOCUMENT = _PLACE.join(document, document.c.order_id == order.c.id).where(is_(document.c.id, "of_document"))
_LOCK = sa.select(order.c.id, order.c.integration_id, order.c.key).where(is_(order.c.id, "of_id")).with_for_update()


def is_erased(c: sa.Connection, integration_id: int, key: str) -> bool:
    """Whether the order was erased. Locked: it is not erased before this transaction commits."""
    return c.execute(_ERASED_AT, {"of_integration": integration_id, "of_key": key}).scalar() is not None


def id_of(c: sa.Connection, integration_id: int, key: str) -> int | None:
    return c.execute(_ID, {"of_integration": integration_id, "of_key": key}).scalar()


class Place(NamedTuple):
    """Where an order is stored: its row's id (engate's number of it), its integration, and the shop's key."""

    id: int
    integration_id: int
    key: str


def place_of(c: sa.Connection, integration_ids: Sequence[int], of: str | int) -> Place | None:
    """The order with this key (text) or id (number), in the first of these integrations that has it."""
    asked = (_BY_KEY, {"of_key": of}) if isinstance(of, str) else (_BY_NUMBER, {"of_id": of})
    return _first_place(c, integration_ids, *asked)


def place_of_document(c: sa.Connection, integration_ids: Sequence[int], document_id: int) -> Place | None:
    """The order that this fiscal document belongs to."""
    return _first_place(c, integration_ids, _OF_DOCUMENT, {"of_document": document_id})


def _first_place(c: sa.Connection, integration_ids: Sequence[int], query: Any, given: dict[str, Any]) -> Place | None:
    found = [Place(*row) for row in c.execute(query, {"of_integrations": list(integration_ids), **given})]
    return min(found, key=lambda place: integration_ids.index(place.integration_id), default=None)


def locked(c: sa.Connection, id: int) -> Place | None:
    """Locks the order until this transaction ends. Returns its place anew: its integration may have changed meanwhile."""
    row = c.execute(_LOCK, {"of_id": id}).first()
    return Place(*row) if row is not None else None


def first(c: sa.Connection, of: Shop, doc: Order, now: float) -> int | None:
    """Makes the row of a new order and returns its id; None: it has one. Another transaction with the same order waits for this one.
    The order's lane goes on from this row (`untouched`)."""
    row = {
        "tenant_id": of.tenant_id, "integration_id": of.integration_id, "key": doc.key, "state": RECEIVED, "shop_state": doc.state,
        "raw_state": doc.raw_state, "doc": pack(doc), "total": doc.total, "placed_at": doc.placed_at.timestamp(), "read_at": now,
        "created_at": now, "changed_at": now,
    }  # fmt: skip
    id = c.execute(_first_of(c.dialect.name), row).scalar()
    if id is not None:
        say_after(c, "order_taken_in", integration=of.integration_id, order=doc.key, state=doc.state)
    return id


RECEIVED = "received"


def untouched(stored: Stored) -> bool:
    """Whether its lane has not worked on it yet: the stored order is then only the first one told, and later events replace it."""
    return stored.state == RECEIVED and not stored.parts and stored.cause_id is None


_0 = Decimal(0)
_NONE = Order("", "unknown", "", datetime.fromtimestamp(0, UTC), Buyer("", ""), Address(), (), (), _0, _0, _0, _0, _0)
"""Placeholder for the order inside a stored part: the order is stored once, beside its parts."""


def add_parts(c: sa.Connection, row: OrderRow, docs: Sequence[OrderPart], state: str) -> None:
    whose = {"tenant_id": row.tenant_id, "integration_id": row.integration_id, "order_id": row.id, "state": state}
    rows = [
        whose | {"no": no, "reference": doc.reference, "branch": doc.branch, "doc": pack(msgspec.structs.replace(doc, order=_NONE))}
        for no, doc in enumerate(docs, 1)
    ]
    if rows:
        c.execute(_add_part_of(c.dialect.name), rows)


def replace_parts(c: sa.Connection, row: OrderRow, docs: Sequence[OrderPart], state: str) -> None:
    """Replaces the parts. Only while none of them was ever sent."""
    c.execute(_UNSENT_PARTS, {"of_id": row.id})
    add_parts(c, row, docs, state)


def forget_unreadable_parts(c: sa.Connection, order_id: int) -> bool:
    """Deletes unreadable parts that were never sent; they are made anew. False: a sent part or note cannot be read."""
    spoilt = [row for row in c.execute(_PARTS, {"of_id": order_id}) if readable(row.doc, OrderPart) is None]
    if any(row.attempt or row.erp_key for row in spoilt):
        return False
    c.execute(sa.delete(part).where(part.c.id.in_([row.id for row in spoilt])))
    sent = (document.c.order_id == order_id) & document.c.sent_at.is_not(None)
    return all(readable(row.doc, Invoice) is not None for row in c.execute(sa.select(document.c.doc).where(sent)))


def update_part(c: sa.Connection, part_id: int, **values: Any) -> None:
    c.execute(_TO_PART, {"of_part": part_id, **values})


def update_unentered(c: sa.Connection, part_id: int, **values: Any) -> bool:
    """The same for a part without a number of the ERP. False: an answer or a listing of the ERP's orders brought one meanwhile, and nothing
    is changed."""
    return c.execute(_UNENTERED, {"of_part": part_id, **values}).rowcount == 1


def erp_key_of(c: sa.Connection, part_id: int) -> str | None:
    return c.execute(sa.select(part.c.erp_key).where(part.c.id == part_id)).scalar_one()


def promise(c: sa.Connection, part_id: int, attempt: int) -> bool:
    """Marks the part as being sent, as attempt + 1. `sent_at` stays null until the call has ended. False: another process did it first."""
    promised = {"sending": True, "sent_at": None, "attempt": attempt + 1, "looks": 0, "state": "importing"}
    return c.execute(_TO_PROMISE, {"of_part": part_id, "of_attempt": attempt, **promised}).rowcount == 1


def _update(c: sa.Connection, order_id: int, **values: Any) -> None:
    c.execute(_TO_ORDER, {"of_id": order_id, **values})


def set_state(c: sa.Connection, order_id: int, state: str, now: float) -> None:
    _update(c, order_id, state=state, changed_at=now)


_MAIL = {
    what: _TO_ORDER.where(column.is_(None)).values({column: sa.bindparam("of_now")})
    for what, column in (("shipped", order.c.mail_shipped_at), ("delivered", order.c.mail_delivered_at))
}


def mail_owed(c: sa.Connection, order_id: int, what: str, now: float) -> bool:
    """Marks the letter `what` as written. False: it was marked before."""
    return c.execute(_MAIL[what], {"of_id": order_id, "of_now": now}).rowcount == 1


def charged(c: sa.Connection, order_id: int, doc: Order) -> None:
    """Stores the charge and the refunds at the time when the parts were made: the base of the order's settlement."""
    _update(c, order_id, charged=doc.total, refunded_before=doc.refunded)


def part_changed(c: sa.Connection, part_id: int, doc: OrderPart) -> None:
    """Stores the part as the ERP's order holds it now."""
    update_part(c, part_id, doc=pack(msgspec.structs.replace(doc, order=_NONE)))


def shop_cancelled(c: sa.Connection, order_id: int, doc: Order) -> None:
    """The shop has confirmed the cancellation; its own event comes later."""
    cancelled = msgspec.structs.replace(doc, state="cancelled")
    _update(c, order_id, doc=pack(cancelled), shop_state="cancelled")


def refusal_sent(c: sa.Connection, order_id: int, now: float) -> None:
    _update(c, order_id, refusal_sent_at=now)


def shipped(c: sa.Connection, part_id: int, key: str, now: float) -> None:
    """Stores that the shop knows this shipment."""
    c.execute(_shipped_of(c.dialect.name), {"part_id": part_id, "key": key[:100], "sent_at": now})


def set_cause(c: sa.Connection, row: OrderRow, reason: Reason | None, now: float) -> bool:
    """Stores why the order waits (attention is orthogonal to its state). False: it waited for this already. `reason` None: the earlier
    cause is over, and would be news again. Without a reason the order waits for its oldest open task."""
    return _set_cause(c, row, reason, now, _CAUSE if reason is not None else _OVER)


def look_again(c: sa.Connection, row: OrderRow, now: float) -> None:
    """The order's cause may be over: it is decided again, and is no news if it stays."""
    _set_cause(c, row, None, now, _CAUSE)


def told(c: sa.Connection, row: OrderRow) -> bool:
    """Marks that people are told of the order's cause. False: they were told before, and it has not ended since."""
    return c.execute(_TOLD, {"of_id": row.id}).rowcount == 1


def _set_cause(c: sa.Connection, row: OrderRow, reason: Reason | None, now: float, how: Any) -> bool:
    if reason is None or reason.owner != "person":
        todo = tasks.still_open(c, row.id)
        reason = todo[0].reason(c.execute(_KEY, {"of_id": row.id}).scalar_one()) if todo else reason
    cause_id = ensure(c, row.tenant_id, row.integration_id, {reason}, now)[reason.key] if reason else None
    is_new = c.execute(how, {"of_id": row.id, "of_cause": cause_id, "cause_id": cause_id}).rowcount == 1
    if is_new and cause_id is not None:
        waited(c, row.id, cause_id)
    return is_new


def note(c: sa.Connection, row: OrderRow, line: Line, now: float) -> None:
    """Writes a line of the timeline."""
    whose = {"tenant_id": row.tenant_id, "integration_id": row.integration_id, "order_id": row.id}
    said = {"part_no": line.part_no, "name": line.name, "text": msgspec.to_builtins(line.text), "at": now}
    c.execute(_NOTE, whose | said)


def index(c: sa.Connection, integration_id: int, kind: str, target: str, keys: Iterable[str]) -> None:
    """Makes the target findable by these keys."""
    rows = [{"integration_id": integration_id, "key": key, "kind": kind, "target": target} for key in {k for k in keys if k}]
    if rows:
        c.execute(_index_of(c.dialect.name), rows)


# ---- what the ERP says ----

_OF_ERP = (
    sa.select(part.c.id, part.c.order_id, order.c.key, part.c.no, part.c.erp_key, part.c.branch, part.c.erp_doc, order.c.erased_at)
    .join(order, order.c.id == part.c.order_id)
    .with_for_update(read=True, of=order)  # the order is not erased before this transaction commits
)
_BY_ERP = _OF_ERP.where(is_(part.c.integration_id, "of_integration"), one_of(part.c.erp_key, "of_keys"))
_BY_REFERENCE = _OF_ERP.add_columns(part.c.reference).where(
    is_(part.c.integration_id, "of_integration"), one_of(part.c.reference, "of_references"), part.c.erp_key.is_(None)
)
_WAREHOUSES = sa.select(record.c.doc).where(is_(record.c.integration_id, "of_integration"), record.c.kind == "warehouse")
_SAID_ANEW = sa.update(document).where(is_(document.c.part_id, "of_part"), is_(document.c.key, "of_key"), document.c.sent_at.is_(None))
_SENT = sa.update(document).where(is_(document.c.id, "of_id"))


@cache
def _document_of(dialect: str) -> Any:
    return insert_of(dialect, document).on_conflict_do_nothing(index_elements=["part_id", "key"])


def part_by_erp(c: sa.Connection, integration_id: int, erp_keys: Sequence[str]) -> list[Any]:
    """(part id, order id, order key, part no, erp_key, branch, erp_doc, erased_at) of the parts that are these ERP orders."""
    return list(c.execute(_BY_ERP, {"of_integration": integration_id, "of_keys": erp_keys}))


def part_by_reference(c: sa.Connection, integration_id: int, references: Sequence[str]) -> list[Any]:
    """The same for parts without an ERP number that carry these references."""
    return list(c.execute(_BY_REFERENCE, {"of_integration": integration_id, "of_references": references}))


def keep_documents(c: sa.Connection, row: OrderRow, part_id: int, invoices: Sequence[Invoice], now: float) -> list[Invoice]:
    """Stores documents not seen before and returns them. One that was not sent is replaced by the ERP's current version."""
    whose = {"tenant_id": row.tenant_id, "integration_id": row.integration_id, "order_id": row.id, "part_id": part_id, "created_at": now}
    new: list[Invoice] = []
    for invoice in invoices:
        c.execute(_SAID_ANEW, {"of_part": part_id, "of_key": invoice.id, "doc": pack(invoice)})
        made = c.execute(_document_of(c.dialect.name), whose | {"key": invoice.id[:60], "doc": pack(invoice)})
        if made.rowcount == 1:
            new.append(invoice)
    return new


def companies(c: sa.Connection, integration_id: int) -> frozenset[str]:
    """Documents of the companies that may issue notes, as the ERP's branches tell."""
    blobs = c.execute(_WAREHOUSES, {"of_integration": integration_id}).scalars()
    return frozenset(doc.document for blob in blobs if (doc := readable(blob, Warehouse)) is not None and doc.document)


def document_sent(c: sa.Connection, document_id: int, now: float) -> None:
    c.execute(_SENT, {"of_id": document_id, "sent_at": now})
