"""Orders that a shop hands in whole, and what it is told of them when it asks."""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from engate.door import Known
from engate.model import Order, OrderEvent, ShopState
from engate.store import archive, deliveries, orders
from engate.store.deliveries import Came, Hearer
from engate.store.orders import Shop, Stored
from engate.sync import told
from engate.sync.events import Ear, take_in


class Move(NamedTuple):
    """What the shop says of an order by itself: its state, and when that began (sorts as `Order.changed_at`)."""

    key: str
    state: ShopState
    raw_state: str
    changed_at: str


def place(c: sa.Connection, came: Came, order: Order) -> tuple[int | None, set[int]]:
    """Our number of the order (of its row, which it has at once), and the integrations that have something to do now."""
    hearer = _hearer(c, came)
    key = _event_key(order)
    said = came._replace(body=msgspec.json.encode(order))  # of the call itself nothing is kept: its token may stand beside the order
    delivery = deliveries.keep(c, said, key, {"orders": [order.key], "changed": {}})
    if hearer is None:
        if delivery is not None:
            deliveries.ended(c, delivery, "unheard")
        return None, set()
    if delivery is not None:
        deliveries.ended(c, delivery, "taken")
    ear = Ear(came.tenant_id, hearer.id, hearer.storefront_id, archived=False)
    woken = take_in(c, ear, [OrderEvent(key, order.key, order.state, order.raw_state, doc=order)], came.at)
    # what an archived integration has open goes on there
    owner = archive.owners(c, came.tenant_id, came.connection_id, [order.key]).get(order.key, hearer.id)
    return orders.first(c, Shop(came.tenant_id, owner), order, came.at), woken


def move(c: sa.Connection, came: Came, said: Move) -> tuple[bool, set[int]]:
    """Whether the order is known, and the integrations that have something to do now. What was handed in last has the new state."""
    stored = _stored(c, came, said.key)
    if stored is None:
        return False, set()
    doc = msgspec.structs.replace(stored.doc, state=said.state, raw_state=said.raw_state, changed_at=said.changed_at)
    return True, place(c, came, doc)[1]


def _event_key(order: Order) -> str:
    """The same order said again is the same event; one that has changed is another."""
    return f"place/{order.key[:150]}/{blake2b(msgspec.json.encode(order), digest_size=12).hexdigest()}"


def _hearer(c: sa.Connection, came: Came) -> Hearer | None:
    """There is at most one: a storefront's connection has one integration, and a shop is read by one of an installation."""
    found = (each for each in deliveries.hearers(c, came.connection_id) if deliveries.hears(each, came) and not each.archived)
    return next(found, None)


def known(c: sa.Connection, came: Came, of: str | int) -> Known | None:
    """Also of an integration that is inactive or archived: its orders go on."""
    stored = _stored(c, came, of)
    return _known(stored) if stored is not None else None


def _stored(c: sa.Connection, came: Came, of: str | int) -> Stored | None:
    """The order with this key or this number, in whichever integration of this shop has it, and as the shop last told it."""
    for each in deliveries.hearers(c, came.connection_id):
        if each.storefront_id != came.connection_id:
            continue
        key = of if isinstance(of, str) else orders.key_of(c, each.id, of)
        stored = orders.load(c, each.id, key) if key is not None else None
        if stored is not None:
            _, docs = orders.unhandled(c, each.id, stored.key)
            stored.doc = told.last(docs, stored.doc)
            return stored
    return None


def _known(stored: Stored) -> Known:
    notes = {document.invoice.id: document.invoice for part in stored.parts for document in part.documents}
    shipments = [shipment for part in stored.parts if part.erp is not None for shipment in part.erp.shipments]
    return Known(
        stored.id,
        stored.doc,
        stored.state,
        tuple(part.erp_key for part in stored.parts if part.erp_key is not None),
        tuple(notes.values()),
        tuple(shipment.tracking for shipment in shipments),
    )
