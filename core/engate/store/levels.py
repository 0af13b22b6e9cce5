"""Stock of the same SKUs in several branches. Every function works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa

from engate.model import StockLevel
from engate.store.blobs import readable
from engate.store.tables import record


class Level(NamedTuple):
    """As last read from the ERP, and what the storefront holds of it. `had` None: nobody knows, or another number is under way to it."""

    id: int
    doc: StockLevel
    had: StockLevel | None
    read_at: float


def of_skus(c: sa.Connection, integration_id: int, skus: Collection[str]) -> dict[tuple[str, str], Level]:
    """(SKU, branch) -> its level; what cannot be read is left out."""
    mine = (record.c.integration_id == integration_id) & (record.c.kind == "stock") & record.c.parent.in_(skus)
    found: dict[tuple[str, str], Level] = {}
    for row in c.execute(sa.select(record.c.id, record.c.doc, record.c.have, record.c.have_doc, record.c.read_at).where(mine)):
        doc = readable(row.doc, StockLevel)
        if doc is not None:
            # what it last accepted is kept while another number is under way; `have` is not
            had = readable(row.have_doc, StockLevel) if row.have is not None else None
            found[doc.sku, doc.warehouse] = Level(row.id, doc, had, row.read_at)
    return found


def lock(c: sa.Connection, integration_id: int, skus: Collection[str]) -> None:
    """Nobody else decides about the stock of these SKUs until this transaction ends: as `desired.revisit` locks them."""
    mine = (record.c.integration_id == integration_id) & (record.c.kind == "stock") & record.c.parent.in_(skus)
    c.execute(sa.select(record.c.id).where(mine).order_by(record.c.id).with_for_update())


def counted(c: sa.Connection, ids: Collection[int], now: float) -> None:
    """These go to the storefront with another branch's number, and with nothing of their own."""
    settled = {"have": record.c.want, "have_doc": record.c.doc, "sent": None, "sent_at": None, "turn_of": None, "cause_id": None}
    c.execute(sa.update(record).where(record.c.id.in_(ids)).values(**settled, answered_at=now, tries=0, not_before=0))


def send_anew(c: sa.Connection, ids: Collection[int]) -> None:
    """Whatever the storefront accepted last of these is not what it should offer now. The turn goes on, so that whoever looked at one of
    them before sees that its number is another, also where nothing was accepted yet."""
    c.execute(sa.update(record).where(record.c.id.in_(ids)).values(have=None, turn_of=None, turn=record.c.turn + 1))
