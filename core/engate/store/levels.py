"""Stock of the same SKUs in several branches. Every function works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa

from engate.model import StockLevel
from engate.store import moved
from engate.store.blobs import readable
from engate.store.conditions import is_, one_of
from engate.store.tables import record


class Level(NamedTuple):
    """A level as last read from the ERP. `had`: what the storefront holds of it; None: unknown, or another number is under way."""

    id: int
    doc: StockLevel
    had: StockLevel | None
    read_at: float


def of_skus(c: sa.Connection, integration_id: int, skus: Collection[str]) -> dict[tuple[str, str], Level]:
    """(SKU, branch) -> its level. Levels whose document cannot be read are left out."""
    mine = (record.c.integration_id == integration_id) & (record.c.kind == "stock") & record.c.parent.in_(skus)
    found: dict[tuple[str, str], Level] = {}
    for row in c.execute(sa.select(record.c.id, record.c.doc, record.c.have, record.c.have_doc, record.c.read_at).where(mine)):
        doc = readable(row.doc, StockLevel)
        if doc is not None:
            # `have_doc` is kept while another number is under way; `have` is cleared
            had = readable(row.have_doc, StockLevel) if row.have is not None else None
            found[doc.sku, doc.warehouse] = Level(row.id, doc, had, row.read_at)
    return found


def lock(c: sa.Connection, integration_id: int, skus: Collection[str]) -> None:
    """Locks the stock records of these SKUs, as `desired.revisit` does: nobody else decides about them until this transaction ends."""
    if c.dialect.name != "sqlite":  # which has one writer at a time
        c.execute(_LOCK, {"of_integration": integration_id, "of_skus": skus})


# built once: used for every page of stock
_LOCK = (
    sa.select(record.c.id)
    .where(is_(record.c.integration_id, "of_integration"), record.c.kind == "stock", one_of(record.c.parent, "of_skus"))
    .order_by(record.c.id)
    .with_for_update()
)


def counted(c: sa.Connection, ids: Collection[int], now: float) -> None:
    """Marks these levels as done: they are part of the sum that another branch's record carries."""
    settled = {"have": record.c.want, "have_doc": record.c.doc, "sent": None, "sent_at": None, "turn_of": None, "cause_id": None}
    c.execute(sa.update(record).where(record.c.id.in_(ids)).values(**settled, answered_at=now, tries=0, not_before=0))


def send_anew(c: sa.Connection, ids: Collection[int]) -> None:
    """Sends these levels again, whatever the storefront accepted last. The turn is raised, so that a process that read one before sees that
    its number has changed, also where nothing was accepted yet."""
    c.execute(sa.update(record).where(record.c.id.in_(ids)).values(**moved.DOUBTED))
