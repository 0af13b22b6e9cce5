"""A SKU whose key changes in the ERP: everything stored under the old key goes on under the new one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from engate.model import ErpOrder, Invoice, OrderPart, Sku
from engate.model.kinds import OF_A_SKU
from engate.store.blobs import pack, readable, unpack
from engate.store.conditions import one_of
from engate.store.db import insert
from engate.store.tables import document, integration, key_index, link, part, record, unit

OVER = ("delivered", "cancelled", "expired", "ignored")


def siblings(c: sa.Connection, integration_id: int, skus: Sequence[Sku]) -> list[Sku]:
    """The SKUs of the same products that are known under other keys; [] where none of these SKUs is new."""
    keys = {sku.key for sku in skus}
    mine = (record.c.integration_id == integration_id) & (record.c.kind == "sku")
    known = set(c.execute(sa.select(record.c.key).where(mine, record.c.key.in_(keys))).scalars())
    products = {sku.product for sku in skus if sku.key not in known}
    if not products:
        return []
    found = c.execute(sa.select(record.c.doc).where(mine, record.c.parent.in_(products), record.c.key.not_in(keys))).scalars()
    return [sku for sku in (readable(blob, Sku) for blob in found) if sku is not None]


def unknown(c: sa.Connection, integration_id: int, keys: Iterable[str]) -> set[str]:
    """Of these SKU keys, those that have no record."""
    asked = set(keys)
    mine = sa.select(record.c.key).where(record.c.integration_id == integration_id, record.c.kind == "sku", record.c.key.in_(asked))
    return asked - set(c.execute(mine).scalars())


def rename(c: sa.Connection, integration_id: int, old: str, new: str) -> None:
    """Renames record, link, children, pending units, open orders and look-ups."""
    for kind in OF_A_SKU.values():
        rows = c.execute(_mine(integration_id, kind.name).where(record.c.parent == old)).all()
        for row in rows:
            key = new + row.key.removeprefix(old) if row.key.startswith(old) else row.key
            doc = readable(row.doc, kind.struct)
            if doc is None:
                c.execute(sa.delete(record).where(record.c.id == row.id))  # the ERP lists it under the new key
                continue
            _move(c, row, key, {"parent": new, "doc": pack(msgspec.structs.replace(doc, key=key, sku=new))})
    row = c.execute(_mine(integration_id, "sku").where(record.c.key == old)).one()
    _move(c, row, new, {"doc": pack(msgspec.structs.replace(unpack(row.doc, Sku), key=new))})
    c.execute(sa.update(unit).where(unit.c.integration_id == integration_id, unit.c.sku == old).values(sku=new))
    _orders(c, integration_id, {old: new})
    _look_ups(c, integration_id, old, new)
    pilot = c.execute(sa.select(integration.c.pilot).where(integration.c.id == integration_id)).scalar()
    if pilot and old in pilot:
        named = [new if key == old else key for key in pilot]
        c.execute(sa.update(integration).where(integration.c.id == integration_id).values(pilot=named))


def _mine(integration_id: int, kind: str) -> Any:
    found = sa.select(record.c.id, record.c.integration_id, record.c.kind, record.c.key, record.c.doc)
    return found.where(record.c.integration_id == integration_id, record.c.kind == kind)


def _move(c: sa.Connection, row: Any, key: str, values: dict[str, Any]) -> None:
    """Renames one record and its link. Where the new key has a record already, that one stays and takes over the link."""
    if key != row.key and c.execute(_mine(row.integration_id, row.kind).where(record.c.key == key)).first() is not None:
        c.execute(sa.delete(record).where(record.c.id == row.id))
    else:
        c.execute(sa.update(record).where(record.c.id == row.id).values(key=key, **values))
    links = (link.c.integration_id == row.integration_id) & (link.c.kind == row.kind)
    if key != row.key and c.execute(sa.select(link.c.id).where(links, link.c.key == row.key)).first() is not None:
        c.execute(sa.delete(link).where(links, link.c.key == key))
        c.execute(sa.update(link).where(links, link.c.key == row.key).values(key=key))


def _look_ups(c: sa.Connection, integration_id: int, old: str, new: str) -> None:
    """Look-ups that found the old key find the new one, and so does the old key itself."""
    mine = (key_index.c.integration_id == integration_id) & (key_index.c.kind == "sku") & (key_index.c.target == old)
    keys = {old, *c.execute(sa.select(key_index.c.key).where(mine)).scalars()}
    c.execute(sa.delete(key_index).where(mine))
    rows = [{"integration_id": integration_id, "key": key, "kind": "sku", "target": new} for key in sorted(keys)]
    c.execute(insert(c, key_index).on_conflict_do_nothing(), rows)


def _orders(c: sa.Connection, integration_id: int, names: dict[str, str]) -> None:
    """Renames in open orders: those not in the ERP yet ask for the new key, the others are compared with the ERP under it."""
    rows = c.execute(sa.select(part.c.id, part.c.doc).where(part.c.integration_id == integration_id, part.c.state.not_in(OVER))).all()
    for row in c.execute(_PARTS, {"of_ids": [row.id for row in rows if _sells(row, names)]}).all():
        doc = unpack(row.doc, OrderPart)
        values: dict[str, Any] = {"doc": pack(msgspec.structs.replace(doc, items=_items(doc.items, names)))}
        if row.erp_doc:
            values["erp_doc"] = pack(_erp_order(unpack(row.erp_doc, ErpOrder), names))
        c.execute(sa.update(part).where(part.c.id == row.id).values(**values))
        for note in c.execute(sa.select(document.c.id, document.c.doc).where(document.c.part_id == row.id).with_for_update()).all():
            c.execute(sa.update(document).where(document.c.id == note.id).values(doc=pack(_invoice(unpack(note.doc, Invoice), names))))


_PARTS = sa.select(part.c.id, part.c.doc, part.c.erp_doc).where(one_of(part.c.id, "of_ids")).order_by(part.c.id).with_for_update()
"""Locked: what the ERP says meanwhile must not be overwritten."""


def _sells(row: Any, names: dict[str, str]) -> bool:
    return any(item.sku in names for item in unpack(row.doc, OrderPart).items)


# ---- what an ERP says under a former key ----


def as_now(c: sa.Connection, integration_id: int, said: Sequence[ErpOrder]) -> list[ErpOrder]:
    """The ERP's orders with current keys: an order keeps the code that its item had when it was placed."""
    keys = unknown(c, integration_id, {sku for order in said for sku in _named(order)})
    if not keys:
        return list(said)
    mine = sa.select(key_index.c.key, key_index.c.target).where(
        key_index.c.integration_id == integration_id, key_index.c.kind == "sku", key_index.c.key.in_(keys)
    )
    targets: dict[str, set[str]] = {}
    for row in c.execute(mine):
        targets.setdefault(row.key, set()).add(row.target)
    names = {key: next(iter(found)) for key, found in targets.items() if len(found) == 1}
    return [_erp_order(order, names) for order in said] if names else list(said)


def _named(order: ErpOrder) -> list[str]:
    inside = (order.items, *(shipment.items for shipment in order.shipments), *(note.items for note in order.invoices or ()))
    return [item.sku for items in inside for item in items]


def _items(items: tuple[Any, ...], names: dict[str, str]) -> tuple[Any, ...]:
    return tuple(msgspec.structs.replace(item, sku=names.get(item.sku, item.sku)) for item in items)


def _erp_order(order: ErpOrder, names: dict[str, str]) -> ErpOrder:
    notes = order.invoices if order.invoices is None else tuple(_invoice(note, names) for note in order.invoices)
    shipments = tuple(msgspec.structs.replace(shipment, items=_items(shipment.items, names)) for shipment in order.shipments)
    return msgspec.structs.replace(order, items=_items(order.items, names), invoices=notes, shipments=shipments)


def _invoice(note: Invoice, names: dict[str, str]) -> Invoice:
    return msgspec.structs.replace(note, items=_items(note.items, names))
