"""The pilot: on a shop that is not empty, only the tenant's listed SKUs (and what they need) are pushed until the tenant widens it."""

from __future__ import annotations

from typing import TypeVar

import sqlalchemy as sa

from engate.domain.effective import BRAND_FOR_ALL, PLACEHOLDER
from engate.domain.snapshot import Snapshot
from engate.model import Category, Product
from engate.model.kinds import KINDS, Kind
from engate.store.blobs import readable
from engate.store.tables import record

T = TypeVar("T")


def allowed(c: sa.Connection, snapshot: Snapshot, kind: Kind) -> set[str]:
    """The keys of this kind that the pilot may push."""
    skus = set(snapshot.pilot or ())
    if kind.name == "sku":
        return skus
    if kind.name == "warehouse":
        return {row.branch for row in snapshot.mapping.warehouses}
    if kind.parent_kind == "sku":
        return set(c.execute(_of(snapshot, kind.name, record.c.key).where(record.c.parent.in_(skus))).scalars())
    products = set(c.execute(_of(snapshot, "sku", record.c.parent).where(record.c.key.in_(skus))).scalars())
    if kind.name == "product":
        return products
    blobs = c.execute(_of(snapshot, "product", record.c.doc).where(record.c.key.in_(products))).scalars()
    docs = [doc for blob in blobs if (doc := readable(blob, Product)) is not None]
    if kind.name == "brand":
        return {doc.brand for doc in docs if doc.brand} | {PLACEHOLDER, BRAND_FOR_ALL}
    return _with_ancestors(c, snapshot, {doc.category for doc in docs if doc.category}) | {PLACEHOLDER}


def held_back(c: sa.Connection, snapshot: Snapshot) -> sa.ColumnElement[bool] | None:
    """The records that the pilot keeps here; None without a pilot."""
    if snapshot.pilot is None:
        return None
    return sa.or_(*((record.c.kind == kind.name) & record.c.key.not_in(allowed(c, snapshot, kind)) for kind in KINDS.values()))


def _with_ancestors(c: sa.Connection, snapshot: Snapshot, keys: set[str]) -> set[str]:
    found: set[str] = set()
    while keys:
        found |= keys
        blobs = c.execute(_of(snapshot, "category", record.c.doc).where(record.c.key.in_(keys))).scalars()
        keys = {doc.parent for blob in blobs if (doc := readable(blob, Category)) is not None and doc.parent} - found
    return found


def _of(snapshot: Snapshot, kind: str, column: sa.Column[T]) -> sa.Select[T]:
    assert kind in KINDS
    return sa.select(column).where(record.c.integration_id == snapshot.id, record.c.kind == kind)
