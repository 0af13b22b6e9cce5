"""Orders as stored: the shop's order, its parts, what the ERP says of them, documents, and a timeline of every step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa

from engate.model import Address, Buyer, ErpOrder, Invoice, Order, OrderChange, OrderEvent, OrderItem, OrderPart
from engate.store import tasks
from engate.store.blobs import pack, readable, unpack
from engate.store.causes import Reason, ensure
from engate.store.db import insert
from engate.store.tables import cause, document, inbox, key_index, link, order, part, record, shipment, step, unit
from engate.text import Text

# ---- inbox ----


def receive(c: sa.Connection, tenant_id: int, integration_id: int, events: Sequence[OrderEvent], now: float) -> None:
    """Events are stored once, whatever is delivered twice."""
    if events:
        c.execute(
            insert(c, inbox).on_conflict_do_nothing(index_elements=["integration_id", "key"]),
            [
                {
                    "tenant_id": tenant_id,
                    "integration_id": integration_id,
                    "key": e.key,
                    "order_key": e.order,
                    "raw_state": e.raw_state,
                    "received_at": now,
                    "doc": pack(e.doc) if e.doc is not None else None,
                }
                for e in events
            ],
        )


def with_unhandled(c: sa.Connection, integration_id: int, keys: Iterable[str]) -> set[str]:
    """Those of these orders that have an event which nobody has acted on."""
    waits = (inbox.c.integration_id == integration_id) & inbox.c.order_key.in_(list(keys)) & inbox.c.handled_at.is_(None)
    return set(c.execute(sa.select(inbox.c.order_key).where(waits).distinct()).scalars())


def raw_states(c: sa.Connection, integration_id: int, keys: Sequence[str]) -> dict[str, str]:
    """The shop's own word of each of these orders, as we last read it."""
    found = sa.select(order.c.key, order.c.raw_state).where(order.c.integration_id == integration_id, order.c.key.in_(keys))
    return {row.key: row.raw_state for row in c.execute(found)}


def unhandled(c: sa.Connection, integration_id: int, order_key: str) -> tuple[int | None, list[Order | None]]:
    """(the newest event of the order that nobody has acted on, the order as each of these events told it: None where it did not)"""
    rows = c.execute(_UNHANDLED, {"of_integration": integration_id, "of_key": order_key}).all()
    return (rows[-1].id if rows else None), [readable(row.doc, Order) for row in rows]


def handled(c: sa.Connection, integration_id: int, order_key: str, up_to: int, now: float) -> None:
    c.execute(_HANDLED, {"of_integration": integration_id, "of_key": order_key, "of_last": up_to, "of_at": now})


# ---- orders and parts ----


class Part(msgspec.Struct):
    """A part as a slice of work sees it."""

    id: int
    no: int
    reference: str
    branch: str
    doc: OrderPart
    state: str
    erp_key: str | None
    sending: bool
    sent_at: float | None
    attempt: int
    looks: int
    erp_state: str | None
    erp: ErpOrder | None
    handling_sent_at: float | None
    tracking_sent_at: float | None
    delivery_sent_at: float | None
    cancel_sent_at: float | None
    documents: list[Document]
    finished_at: float | None = None
    change: OrderChange | None = None
    change_sent_at: float | None = None
    change_refused: Text | None = None
    given_back_before: Decimal = Decimal(0)  # what the buyer had back before the change
    shipped: frozenset[str] = frozenset()  # keys of the shipments that the shop knows


class Document(msgspec.Struct):
    id: int
    invoice: Invoice
    sent_at: float | None


class Stored(msgspec.Struct):
    """An order as a slice of work sees it. `charged`: what the buyer paid when its parts were made, None where none were;
    `refunded_before`: what the shop had given back by then."""

    id: int
    key: str
    state: str
    doc: Order
    was_ready: bool
    cause_id: int | None
    parts: list[Part]
    charged: Decimal | None = None
    refunded_before: Decimal = Decimal(0)
    refusal_sent_at: float | None = None
    tasks: list[tuple[str, Decimal]] = []
    """(code, amount) of what stands: open, or closed by a person who has seen to just that."""
    seen_to: frozenset[str] = frozenset()
    """Codes of the tasks that a person closed."""


# built once: building a statement costs more than running it
_ORDER = sa.select(order).where(order.c.integration_id == sa.bindparam("of_integration"), order.c.key == sa.bindparam("of_key"))
_DOCUMENTS = sa.select(document).where(document.c.order_id == sa.bindparam("of_id")).order_by(document.c.id)
_PARTS = sa.select(part).where(part.c.order_id == sa.bindparam("of_id")).order_by(part.c.no)
_SHIPPED = sa.select(shipment).join(part, part.c.id == shipment.c.part_id).where(part.c.order_id == sa.bindparam("of_id"))
_UNHANDLED = (
    sa.select(inbox.c.id, inbox.c.doc)
    .where(
        inbox.c.integration_id == sa.bindparam("of_integration"), inbox.c.order_key == sa.bindparam("of_key"), inbox.c.handled_at.is_(None)
    )
    .order_by(inbox.c.id)
)
_HANDLED = (
    sa.update(inbox)
    .where(
        inbox.c.integration_id == sa.bindparam("of_integration"),
        inbox.c.order_key == sa.bindparam("of_key"),
        inbox.c.id <= sa.bindparam("of_last"),
        inbox.c.handled_at.is_(None),
    )
    .values(handled_at=sa.bindparam("of_at"), doc=None)
)
_NOTE = sa.insert(step)


def load(c: sa.Connection, integration_id: int, key: str) -> Stored | None:
    row = c.execute(_ORDER, {"of_integration": integration_id, "of_key": key}).first()
    if row is None:
        return None
    documents: dict[int, list[Document]] = {}
    for d in c.execute(_DOCUMENTS, {"of_id": row.id}):
        # one that was never sent is asked for again; one that was must not be
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
        [(t.code, t.amount) for t in standing], frozenset(t.code for t in standing if t.closed_at is not None),
    )  # fmt: skip


def keep(c: sa.Connection, tenant_id: int, integration_id: int, doc: Order, *, state: str, now: float) -> int:
    """The order as just read from the shop."""
    values: dict[str, Any] = {
        "shop_state": doc.state, "raw_state": doc.raw_state, "doc": pack(doc), "total": doc.total, "placed_at": doc.placed_at.timestamp(),
        "read_at": now, "changed_at": now,
    }  # fmt: skip
    if doc.state == "ready":
        values["was_ready"] = True
    if doc.state != "cancel_requested":
        values["refusal_sent_at"] = None  # the next request is another one
    s = insert(c, order).values(tenant_id=tenant_id, integration_id=integration_id, key=doc.key, state=state, created_at=now, **values)
    id = c.execute(s.on_conflict_do_update(index_elements=["integration_id", "key"], set_=values).returning(order.c.id)).scalar_one()
    index(c, integration_id, "order", doc.key, [doc.key, doc.buyer.document])
    return id


_0 = Decimal(0)
_NONE = Order("", "unknown", "", datetime.fromtimestamp(0, UTC), Buyer("", ""), Address(), (), (), _0, _0, _0, _0, _0)
"""Stands for the order inside a stored part: the order itself is stored once, beside its parts."""


def add_parts(c: sa.Connection, tenant_id: int, integration_id: int, order_id: int, docs: Sequence[OrderPart], state: str) -> None:
    for no, doc in enumerate(docs, 1):
        c.execute(
            insert(c, part)
            .values(
                tenant_id=tenant_id, integration_id=integration_id, order_id=order_id, no=no, reference=doc.reference, branch=doc.branch,
                doc=pack(msgspec.structs.replace(doc, order=_NONE)), state=state,
            )
            .on_conflict_do_nothing(index_elements=["order_id", "no"])
        )  # fmt: skip


def replace_parts(c: sa.Connection, tenant_id: int, integration_id: int, order_id: int, docs: Sequence[OrderPart], state: str) -> None:
    """Parts decided anew: only while none of them has ever gone out."""
    c.execute(sa.delete(part).where(part.c.order_id == order_id, part.c.erp_key.is_(None), part.c.attempt == 0))
    add_parts(c, tenant_id, integration_id, order_id, docs, state)


def forget_unreadable_parts(c: sa.Connection, order_id: int) -> bool:
    """Parts that never went out are made anew. False: one that did cannot be read."""
    spoilt = [row for row in c.execute(_PARTS, {"of_id": order_id}) if readable(row.doc, OrderPart) is None]
    if any(row.attempt or row.erp_key for row in spoilt):
        return False
    c.execute(sa.delete(part).where(part.c.id.in_([row.id for row in spoilt])))
    sent = (document.c.order_id == order_id) & document.c.sent_at.is_not(None)
    return all(readable(row.doc, Invoice) is not None for row in c.execute(sa.select(document.c.doc).where(sent)))


def update_part(c: sa.Connection, part_id: int, **values: Any) -> None:
    c.execute(sa.update(part).where(part.c.id == part_id).values(**values))


def promise(c: sa.Connection, part_id: int, attempt: int) -> bool:
    """The part is about to go out as attempt + 1; `sent_at` stays open until the call has ended. False: somebody else was quicker."""
    mine = sa.update(part).where(part.c.id == part_id, part.c.erp_key.is_(None), ~part.c.sending, part.c.attempt == attempt)
    return c.execute(mine.values(sending=True, sent_at=None, attempt=attempt + 1, looks=0, state="importing")).rowcount == 1


def set_state(c: sa.Connection, order_id: int, state: str, now: float) -> None:
    c.execute(sa.update(order).where(order.c.id == order_id).values(state=state, changed_at=now))


def charged(c: sa.Connection, order_id: int, doc: Order) -> None:
    """What its parts were made from: what engate answers for from here on."""
    c.execute(sa.update(order).where(order.c.id == order_id).values(charged=doc.total, refunded_before=doc.refunded))


def part_changed(c: sa.Connection, part_id: int, doc: OrderPart) -> None:
    """The ERP's order holds this now."""
    update_part(c, part_id, doc=pack(msgspec.structs.replace(doc, order=_NONE)))


def shop_cancelled(c: sa.Connection, order_id: int, doc: Order) -> None:
    """The shop has confirmed it; its own event of that comes later."""
    cancelled = msgspec.structs.replace(doc, state="cancelled")
    c.execute(sa.update(order).where(order.c.id == order_id).values(doc=pack(cancelled), shop_state="cancelled"))


def refusal_sent(c: sa.Connection, order_id: int, now: float) -> None:
    c.execute(sa.update(order).where(order.c.id == order_id).values(refusal_sent_at=now))


def shipped(c: sa.Connection, part_id: int, key: str, now: float) -> None:
    """The shop knows of this shipment."""
    c.execute(insert(c, shipment).values(part_id=part_id, key=key[:100], sent_at=now).on_conflict_do_nothing())


def set_cause(c: sa.Connection, tenant_id: int, integration_id: int, order_id: int, reason: Reason | None, now: float) -> bool:
    """Why the order waits for somebody (attention is orthogonal to its state). False: it waited for this already.
    Without a reason of its own it waits for its oldest open task."""
    if reason is None or reason.owner != "person":
        todo = tasks.still_open(c, order_id)
        key = c.execute(sa.select(order.c.key).where(order.c.id == order_id)).scalar_one() if todo else ""
        reason = todo[0].reason(key) if todo else reason
    cause_id = ensure(c, tenant_id, integration_id, {reason}, now)[reason.key] if reason else None
    changed = sa.update(order).where(order.c.id == order_id, order.c.cause_id.is_distinct_from(cause_id)).values(cause_id=cause_id)
    return c.execute(changed).rowcount == 1


def note(
    c: sa.Connection, tenant_id: int, integration_id: int, order_id: int, part_no: int | None, name: str, text: Text, now: float
) -> None:
    """One line of the timeline."""
    c.execute(
        _NOTE,
        {
            "tenant_id": tenant_id,
            "integration_id": integration_id,
            "order_id": order_id,
            "part_no": part_no,
            "name": name,
            "text": msgspec.to_builtins(text),
            "at": now,
        },
    )


def index(c: sa.Connection, integration_id: int, kind: str, target: str, keys: Iterable[str]) -> None:
    """So that any of these keys finds the target."""
    rows = [{"integration_id": integration_id, "key": key, "kind": kind, "target": target} for key in {k for k in keys if k}]
    if rows:
        c.execute(insert(c, key_index).on_conflict_do_nothing(), rows)


# ---- units not yet in the ERP ----


def reserve(c: sa.Connection, integration_id: int, order_id: int, docs: Sequence[OrderPart]) -> None:
    """Until the ERP has the order, its units are subtracted from what the shop offers."""
    free(c, order_id)
    rows = [
        {"integration_id": integration_id, "order_id": order_id, "sku": item.sku, "branch": doc.branch, "quantity": item.quantity}
        for doc in docs
        for item in doc.items
    ]
    if rows:
        c.execute(sa.insert(unit), rows)


def free(c: sa.Connection, order_id: int) -> None:
    """The order will not enter the ERP: its units are for sale again."""
    c.execute(sa.delete(unit).where(unit.c.order_id == order_id))


def taken_over(c: sa.Connection, order_id: int, branch: str, now: float) -> None:
    """The ERP reserves these units now: readings asked for from here on have them out already."""
    c.execute(sa.update(unit).where(unit.c.order_id == order_id, unit.c.branch == branch, unit.c.freed_at.is_(None)).values(freed_at=now))


# ---- what the ERP says ----


def part_by_erp(c: sa.Connection, integration_id: int, erp_keys: Sequence[str]) -> list[Any]:
    """(part id, order id, order key, part no, erp_key, branch, erp_doc) of the parts that are these ERP orders."""
    return list(c.execute(_BY_ERP.where(part.c.integration_id == integration_id, part.c.erp_key.in_(erp_keys))))


def part_by_reference(c: sa.Connection, integration_id: int, references: Sequence[str]) -> list[Any]:
    """The same of the parts that are not known to be in the ERP and carry these references."""
    mine = (part.c.integration_id == integration_id) & part.c.reference.in_(references) & part.c.erp_key.is_(None)
    return list(c.execute(_BY_ERP.add_columns(part.c.reference).where(mine)))


_BY_ERP = sa.select(part.c.id, part.c.order_id, order.c.key, part.c.no, part.c.erp_key, part.c.branch, part.c.erp_doc).join(
    order, order.c.id == part.c.order_id
)


def keep_documents(
    c: sa.Connection, tenant_id: int, integration_id: int, order_id: int, part_id: int, invoices: Sequence[Invoice], now: float
) -> list[Invoice]:
    """Stores documents not seen before; returns the new ones. One that was not sent is replaced by what the ERP says of it now."""
    new: list[Invoice] = []
    for invoice in invoices:
        c.execute(
            sa.update(document)
            .where(document.c.part_id == part_id, document.c.key == invoice.id, document.c.sent_at.is_(None))
            .values(doc=pack(invoice))
        )
        made = c.execute(
            insert(c, document)
            .values(
                tenant_id=tenant_id,
                integration_id=integration_id,
                order_id=order_id,
                part_id=part_id,
                key=invoice.id[:60],
                doc=pack(invoice),
                created_at=now,
            )
            .on_conflict_do_nothing(index_elements=["part_id", "key", "version"])
        )
        if made.rowcount == 1:
            new.append(invoice)
    return new


def document_sent(c: sa.Connection, document_id: int, now: float) -> None:
    c.execute(sa.update(document).where(document.c.id == document_id).values(sent_at=now))


# ---- mapping helpers ----


def sku_of(c: sa.Connection, integration_id: int, items: Sequence[OrderItem]) -> dict[str, str]:
    """Storefront SKU id -> the ERP's SKU key: by our links, else by the reference that the item carries, if it is a SKU of ours."""
    remotes = [item.sku for item in items]
    linked = c.execute(
        sa.select(link.c.remote, link.c.key).where(
            link.c.integration_id == integration_id, link.c.kind == "sku", link.c.remote.in_(remotes)
        )
    )
    found = {row.remote: row.key for row in linked}
    carried = {item.sku: item.reference for item in items if item.sku not in found and item.reference}
    known = known_skus(c, integration_id, list(carried.values())) if carried else set[str]()
    return found | {remote: key for remote, key in carried.items() if key in known}


def known_skus(c: sa.Connection, integration_id: int, keys: Sequence[str]) -> set[str]:
    found = sa.select(record.c.key).where(record.c.integration_id == integration_id, record.c.kind == "sku", record.c.key.in_(keys))
    return set(c.execute(found).scalars())


def waits_for_task(c: sa.Connection, order_id: int) -> bool:
    """Whether the order waits for one of its tasks (open or not any more)."""
    found = sa.select(order.c.id).join(cause, cause.c.id == order.c.cause_id).where(order.c.id == order_id, cause.c.key.startswith("task:"))
    return c.execute(found).first() is not None


def waits_for(c: sa.Connection, order_id: int, code: str) -> bool:
    """Whether the order waits for a cause of this code."""
    found = sa.select(order.c.id).join(cause, cause.c.id == order.c.cause_id).where(order.c.id == order_id, cause.c.code == code)
    return c.execute(found).first() is not None


def waiting(c: sa.Connection, integration_id: int, key: str) -> Any | None:
    """(id, the key and owner of its cause or None) of a stored order."""
    found = sa.select(order.c.id, cause.c.key, cause.c.owner).outerjoin(cause, cause.c.id == order.c.cause_id)
    return c.execute(found.where(order.c.integration_id == integration_id, order.c.key == key)).first()


def waiting_with(c: sa.Connection, integration_id: int, code: str) -> list[str]:
    """Keys of the orders that wait for any cause of this code."""
    found = sa.select(order.c.key).join(cause, cause.c.id == order.c.cause_id)
    return list(c.execute(found.where(order.c.integration_id == integration_id, cause.c.code == code)).scalars())


def waiting_for(c: sa.Connection, integration_id: int, cause_ids: Sequence[int]) -> list[str]:
    """Keys of the orders that point to these causes."""
    found = sa.select(order.c.key).where(order.c.integration_id == integration_id, order.c.cause_id.in_(cause_ids))
    return list(c.execute(found).scalars())
