"""The pilot: on a shop that is not empty, only the tenant's listed SKUs (and what they need) are pushed until the tenant widens it."""

from __future__ import annotations

from typing import TypeVar

import sqlalchemy as sa

from engate.domain.effective import BRAND_FOR_ALL, PLACEHOLDER
from engate.domain.snapshot import Snapshot
from engate.model.kinds import KINDS, OF_A_SKU, Kind
from engate.store.blobs import readable
from engate.store.tables import record

T = TypeVar("T")
SKU, PRODUCT = KINDS["sku"], KINDS["product"]


def allowed(c: sa.Connection, snapshot: Snapshot, kind: Kind) -> set[str]:
    """The keys of this kind that the pilot may push."""
    skus = set(snapshot.pilot or ())
    if kind.sold:
        return skus
    if kind.name in OF_A_SKU:
        return set(c.execute(_of(snapshot, kind, record.c.key).where(record.c.parent.in_(skus))).scalars())
    if not kind.shared and not kind.has_refs:
        return {row.branch for row in snapshot.mapping.warehouses}
    products = set(c.execute(_of(snapshot, SKU, record.c.parent).where(record.c.key.in_(skus))).scalars())
    return products if not kind.shared else _referred_to(c, snapshot, kind, products) | {PLACEHOLDER, BRAND_FOR_ALL}


def outside(c: sa.Connection, snapshot: Snapshot) -> sa.ColumnElement[bool] | None:
    """Condition for the records that the pilot holds back; None without a pilot."""
    if snapshot.pilot is None:
        return None
    return sa.or_(*((record.c.kind == kind.name) & record.c.key.not_in(allowed(c, snapshot, kind)) for kind in KINDS.values()))


def _referred_to(c: sa.Connection, snapshot: Snapshot, kind: Kind, products: set[str]) -> set[str]:
    """Keys of this kind that these products refer to, and that those refer to in turn (a category's parents)."""
    found: set[str] = set()
    of, keys = PRODUCT, products
    while keys:
        blobs = c.execute(_of(snapshot, of, record.c.doc).where(record.c.key.in_(keys))).scalars()
        docs = [doc for blob in blobs if (doc := readable(blob, of.struct)) is not None]
        keys = {key for doc in docs if of.refs is not None for _, named, key in of.refs(doc) if named == kind.name} - found
        found |= keys
        of = kind
    return found


def _of(snapshot: Snapshot, kind: Kind, column: sa.Column[T]) -> sa.Select[T]:
    return sa.select(column).where(record.c.integration_id == snapshot.id, record.c.kind == kind.name)
