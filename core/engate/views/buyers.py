"""Buyers' orders: looked up to mask what people see, and with everything stored about one buyer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from engate.model import Invoice, Order
from engate.store import deliveries
from engate.store.blobs import readable
from engate.store.tables import document, inbox, integration, order, order_cause
from engate.store.whose import Held
from engate.views import calls, orders
from engate.views.calls import BuyersCall
from engate.views.causes import shown_doc
from engate.views.orders import OrderView
from engate.views.paging import instant


class Note(msgspec.Struct):
    """A fiscal document as the ERP gave it."""

    key: str
    xml: str


class BuyersOrder(msgspec.Struct):
    """An order with everything stored about it. `order` null: the shop has told it and it is not stored yet; `told`: what the shop told.
    `calls`: the calls about it, as long as they are kept."""

    integration: int
    integration_name: str
    order: OrderView | None
    notes: list[Note]
    told: list[dict[str, Any]]
    calls: list[BuyersCall]


class BuyersDelivery(msgspec.Struct):
    """A delivery, as it came."""

    id: int
    connection: int
    received_at: datetime | None
    path: str
    body: str


def of_orders(c: sa.Connection, tenant_id: int, places: Iterable[tuple[int, str]]) -> dict[tuple[int, str], list[Order]]:
    """(integration id, key) -> the order, if it can be read, and the orders that waited first for its cause."""
    by_integration: dict[int, list[str]] = {}
    for id, key in places:
        by_integration.setdefault(id, []).append(key)
    rows: list[Any] = []
    for id, keys in by_integration.items():
        mine = (order.c.tenant_id == tenant_id) & (order.c.integration_id == id) & order.c.key.in_(keys)
        rows += c.execute(sa.select(order.c.integration_id, order.c.key, order.c.cause_id, order.c.doc).where(mine))
    waited = of_causes(c, tenant_id, {row.cause_id for row in rows if row.cause_id is not None})
    return {(row.integration_id, row.key): [*_read([row.doc]), *waited.get(row.cause_id, ())] for row in rows}


def _read(blobs: Iterable[bytes]) -> list[Order]:
    return [doc for blob in blobs if (doc := readable(blob, Order)) is not None]


FEW = 10
"""Orders read for one cause: its text is in the words about the order that waited first."""


def of_causes(c: sa.Connection, tenant_id: int, cause_ids: Iterable[int]) -> dict[int, list[Order]]:
    """Cause id -> the first orders that waited for it, if they can be read."""
    found: dict[int, list[Order]] = {}
    for id in cause_ids:
        waited = sa.select(order.c.doc).join(order_cause, order_cause.c.order_id == order.c.id)
        mine = (order_cause.c.cause_id == id) & (order.c.tenant_id == tenant_id)
        found[id] = _read(c.execute(waited.where(mine).order_by(order_cause.c.id).limit(FEW)).scalars())
    return found


def whole_order(c: sa.Connection, tenant_id: int, held: Held) -> BuyersOrder:
    rows = c.execute(sa.select(document.c.key, document.c.doc).where(document.c.order_id == held.id).order_by(document.c.id))
    notes = [Note(row.key, note.xml) for row in rows if (note := readable(row.doc, Invoice)) is not None and note.xml]
    shown = orders.one_order(c, tenant_id, held.integration_id, held.key)
    said = calls.of_order(c, tenant_id, held.integration_id, held.key)
    return BuyersOrder(held.integration_id, _name(c, held.integration_id), shown, notes, _told(c, held.integration_id, held.key), said)


def told_order(c: sa.Connection, place: tuple[int, str]) -> BuyersOrder:
    """An order that the shop has told and that is not stored yet."""
    id, key = place
    return BuyersOrder(id, _name(c, id), None, [], _told(c, id, key), [])


def _told(c: sa.Connection, integration_id: int, key: str) -> list[dict[str, Any]]:
    mine = (inbox.c.integration_id == integration_id) & (inbox.c.order_key == key) & inbox.c.doc.is_not(None)
    docs = [shown_doc(readable(row.doc, Order)) for row in c.execute(sa.select(inbox.c.doc).where(mine).order_by(inbox.c.id))]
    return [doc for doc in docs if doc is not None]


def _name(c: sa.Connection, id: int) -> str:
    return c.execute(sa.select(integration.c.name).where(integration.c.id == id)).scalar_one()


def whole_delivery(row: Any) -> BuyersDelivery:
    return BuyersDelivery(row.id, row.connection_id, instant(row.received_at), row.path, deliveries.body(row).decode("utf-8", "replace"))
