"""Orders that a shop hands in whole, and what it is told of them when it asks."""

from __future__ import annotations

from hashlib import blake2b

import msgspec
import sqlalchemy as sa

from engate.door import Known
from engate.model import Order, OrderEvent
from engate.store import archive, deliveries, orders
from engate.store.deliveries import Came, Hearer
from engate.store.orders import Shop, Stored
from engate.sync.events import Ear, take_in


def place(c: sa.Connection, came: Came, order: Order) -> tuple[str | None, set[int]]:
    """Our number of the order (of its row, which it has at once), and the integrations that have something to do now."""
    hearer = _hearer(c, came)
    key = _event_key(order)
    delivery = deliveries.keep(c, came, key, {"orders": [order.key], "changed": {}})
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
    return str(orders.first(c, Shop(came.tenant_id, owner), order, came.at)), woken


def _event_key(order: Order) -> str:
    """The same order said again is the same event; one that has changed is another."""
    return f"place/{order.key[:150]}/{blake2b(msgspec.json.encode(order), digest_size=12).hexdigest()}"


def _hearer(c: sa.Connection, came: Came) -> Hearer | None:
    """There is at most one: a storefront's connection has one integration, and a shop is read by one of an installation."""
    found = (each for each in deliveries.hearers(c, came.connection_id) if deliveries.hears(each, came) and not each.archived)
    return next(found, None)


def known(c: sa.Connection, came: Came, key: str) -> Known | None:
    """Also of an integration that is inactive or archived: its orders go on."""
    for each in deliveries.hearers(c, came.connection_id):
        stored = orders.load(c, each.id, key) if each.storefront_id == came.connection_id else None
        if stored is not None:
            return _known(stored)
    return None


def _known(stored: Stored) -> Known:
    notes = {document.invoice.id: document.invoice for part in stored.parts for document in part.documents}
    shipments = [shipment for part in stored.parts if part.erp is not None for shipment in part.erp.shipments]
    return Known(
        str(stored.id),
        stored.state,
        tuple(part.erp_key for part in stored.parts if part.erp_key is not None),
        tuple(notes.values()),
        tuple(shipment.tracking for shipment in shipments),
    )
