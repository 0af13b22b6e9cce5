"""Orders that a shop hands in whole, and what it gets when it asks for them.

Such a shop may tell things twice, late, and to several processes of engate, and cannot be asked what holds now. So an order is taken
once, and what is told of it later is stored with its row locked: the last write counts, not the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
import sqlalchemy as sa

from engate.domain import told
from engate.domain.orders import Stored
from engate.door import Known, Note, Placed
from engate.model import Invoice, Order, OrderEvent, ShopState
from engate.store import archive, deliveries, inbox, orders
from engate.store.deliveries import Came, Hearer
from engate.store.orders import Place, Shop
from engate.store.tables import integration
from engate.sync.events import hear


class Move(NamedTuple):
    """A change of state that the shop tells by itself."""

    key: str
    state: ShopState
    raw_state: str


def place(c: sa.Connection, came: Came, order: Order) -> tuple[Placed | None, set[int]]:
    """Takes an order in. Returns engate's number of it (its row is made at once) and the integrations that have something to do now."""
    known = _place_of(c, came, order.key)
    if known is not None:
        return _again(c, came, known, order), set()
    key, hearer = _event_key(order), _hearer(c, came)
    number = orders.first(c, Shop(came.tenant_id, hearer.id), order, came.at) if hearer is not None else None
    if hearer is not None and number is None:  # another process has just stored it
        return place(c, came, order)
    said = came._replace(body=msgspec.json.encode(order))  # the call's own body is not kept: it may hold a token beside the order
    delivery = deliveries.keep(c, said, key, {"orders": [order.key], "changed": {}, deliveries.HANDED_IN: True})
    if delivery is not None:
        deliveries.ended(c, delivery, "taken" if hearer is not None else "unheard")
    if hearer is None or number is None:
        return None, set()
    _hear(c, Shop(came.tenant_id, hearer.id), key, order, came.at)
    return Placed(number, differs=False), {hearer.id}


def _again(c: sa.Connection, came: Came, known: Place, order: Order) -> Placed:
    """Counts the repeated delivery. `differs`: the order says something else now, which may be older or newer."""
    key = _event_key(order)
    deliveries.again(c, came, key)
    stored = orders.load(c, known.integration_id, known.key)
    same = inbox.heard(c, known.integration_id, key) or (stored is not None and _said(_latest(c, known, stored)) == _said(order))
    return Placed(known.id, differs=not same)


def move(c: sa.Connection, came: Came, said: Move) -> tuple[bool, set[int]]:
    """Stores a change of state. Returns whether it was taken, and the integrations that have something to do now."""
    known = _place_of(c, came, said.key)
    locked = orders.locked(c, known.id) if known is not None else None
    stored = orders.load(c, locked.integration_id, locked.key) if locked is not None else None
    if locked is None or stored is None:
        return False, set()
    doc = _latest(c, locked, stored)
    if (doc.state, doc.raw_state) == (said.state, said.raw_state):
        return True, set()  # told before
    paid_at = doc.paid_at or (datetime.fromtimestamp(came.at, UTC) if said.state == "ready" else None)
    doc = msgspec.structs.replace(doc, state=said.state, raw_state=said.raw_state, paid_at=paid_at)
    key = f"move/{said.key[:150]}/{uuid4().hex}"  # a random key: the same state may come back, and each time counts
    words = came._replace(body=msgspec.json.encode({"order": said.key, "state": said.state, "raw_state": said.raw_state}))
    deliveries.keep(c, words, key, {"orders": [said.key], "changed": {}})
    _hear(c, Shop(came.tenant_id, locked.integration_id), key, doc, came.at)
    return True, {locked.integration_id}


def replay(c: sa.Connection, came: Came, row: Any) -> bool:
    """Takes in the order of a delivery (its row) that came while nobody listened. False: the order is stored already, or nobody listens."""
    hearer = _hearer(c, came)
    try:
        order = msgspec.json.decode(deliveries.body(row), type=Order)
    except msgspec.DecodeError:
        return False  # written by an older version
    if hearer is None or _place_of(c, came, order.key) is not None:
        return False
    owner = Shop(came.tenant_id, hearer.id)
    if orders.first(c, owner, order, came.at) is None:
        return False
    deliveries.ended(c, row.id, "taken")
    _hear(c, owner, _event_key(order), order, came.at)
    return True


def _hear(c: sa.Connection, owner: Shop, key: str, order: Order, now: float) -> None:
    hear(c, owner, [OrderEvent(key, order.key, order.state, order.raw_state, doc=order)], now)


def _event_key(order: Order) -> str:
    """A key made from what the order says."""
    return f"place/{order.key[:150]}/{blake2b(_said(order), digest_size=12).hexdigest()}"


_NEVER = datetime.fromtimestamp(0, UTC)


def _said(order: Order) -> bytes:
    """The order without its instants: where the shop does not tell them, they are those of the call."""
    return msgspec.json.encode(msgspec.structs.replace(order, placed_at=_NEVER, paid_at=None, changed_at=""))


def _latest(c: sa.Connection, at: Place, stored: Stored) -> Order:
    """The order as the shop last told it."""
    return told.last(inbox.unhandled(c, at.integration_id, at.key).docs, stored.doc)


# ---- whose it is ----


def _hearer(c: sa.Connection, came: Came) -> Hearer | None:
    """The integration that hears this call. There is at most one: a shop is read by one integration of an installation."""
    found = (each for each in deliveries.hearers(c, came.connection_id) if deliveries.hears(each, came) and not each.archived)
    return next(found, None)


def _owners(c: sa.Connection, came: Came) -> list[int]:
    """Ids of the integrations that may have orders of this shop: archived ones before the active one, which takes none of theirs. Those
    that do not listen are included: they still own their orders."""
    mine = [each for each in deliveries.hearers(c, came.connection_id) if each.storefront_id == came.connection_id]
    return [*archive.of_shop(c, came.tenant_id, came.connection_id), *(each.id for each in mine if not each.archived)]


def _place_of(c: sa.Connection, came: Came, of: str | int) -> Place | None:
    return orders.place_of(c, _owners(c, came), of)


# ---- what it is told ----


class Looked(NamedTuple):
    """An order as it is stored, the ERP's connection of its integration, and the companies of that ERP."""

    stored: Stored
    erp_id: int
    companies: frozenset[str]


def known(c: sa.Connection, came: Came, of: str | int) -> Looked | None:
    """The order with this key or number, also of an inactive or archived integration: its orders go on."""
    return _looked(c, _place_of(c, came, of))


def of_note(c: sa.Connection, came: Came, id: int) -> Looked | None:
    return _looked(c, orders.place_of_document(c, _owners(c, came), id))


def _looked(c: sa.Connection, at: Place | None) -> Looked | None:
    stored = orders.load(c, at.integration_id, at.key) if at is not None else None
    if at is None or stored is None:
        return None
    stored.doc = _latest(c, at, stored)
    erp_id = c.execute(sa.select(integration.c.erp_id).where(integration.c.id == at.integration_id)).scalar_one()
    return Looked(stored, erp_id, orders.companies(c, at.integration_id))


def shown(stored: Stored, counts: Callable[[Invoice], bool]) -> Known:
    """The order as a shop sees it. `counts`: whether a note may go to the shop."""
    documents = sorted((document for part in stored.parts for document in part.documents), key=lambda document: document.id)
    told_of = [part.erp for part in stored.parts if part.erp is not None]
    delivered = [erp.delivered_at for erp in told_of if erp.delivered_at is not None]
    return Known(
        stored.id,
        stored.doc,
        stored.state,
        tuple(part.erp_key for part in stored.parts if part.erp_key is not None),
        tuple(Note(document.id, document.invoice) for document in documents if counts(document.invoice)),
        tuple(shipment.tracking for erp in told_of for shipment in erp.shipments),
        max(delivered) if delivered and len(delivered) == len(stored.parts) else None,
    )
