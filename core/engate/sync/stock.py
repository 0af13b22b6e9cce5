"""Stock that an order moved, or whose SKU is sold otherwise than before: what the shop should offer is decided anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.model import Price, Product, Sku
from engate.model.kinds import KINDS
from engate.store import desired, families, levels, pushes, units
from engate.store.desired import Decided, Part
from engate.sync.work import SliceContext

STOCK = KINDS["stock"]
SAYING = frozenset({"products", "prices"})
"""Flows that say, while they are on, whether a SKU is for sale."""


def decide_anew(c: sa.Connection, work: SliceContext, skus: Sequence[str]) -> None:
    """What the shop should offer of these SKUs: units of orders that the ERP does not hold yet changed, or whether they are for sale."""
    work.must_be_current(c)
    levels.lock(c, work.integration_id, skus)  # before it is looked up what speaks against them: somebody may be changing just that
    rules = work.rules(c, STOCK.name, skus)

    def decide(doc: Any, read_at: float) -> Decided:
        found = rules.effective(STOCK.name, doc, read_at)
        return Decided(found.digest, found.reason, found.awaiting)

    changed, after = 0, 0
    while after is not None:
        more, after = desired.revisit(c, work.records_of(STOCK.name), decide, Part(skus, after), work.now())
        changed += more
    if changed:
        work.wake(c, (f"push/{STOCK.name}", STOCK.priority))


def sold_otherwise(c: sa.Connection, work: SliceContext, docs: Sequence[Any]) -> None:
    """What was read of these may have switched SKUs off or on. A shop that fetches all but their stock hears of it by that at once."""
    if not work.pair.stock_tells_all:
        return
    skus = {doc.key if isinstance(doc, Sku) else doc.sku for doc in docs if isinstance(doc, Sku | Price)}
    products = [doc.key for doc in docs if isinstance(doc, Product)]
    skus.update(families.skus_of(c, work.integration_id, products) if products else ())
    if skus:
        decide_anew(c, work, sorted(skus))


def stock_moved(c: sa.Connection, work: SliceContext, skus: list[str]) -> None:
    """An order step by which a shop may move its stock by itself (it gives a cancelled order's units back): pushed anew, and decided when
    it is, whatever the shop accepted last."""
    if pushes.resend(c, work.integration_id, STOCK.name, skus):
        work.wake(c, (f"push/{STOCK.name}", STOCK.priority))


class Share(NamedTuple):
    """The part of an order that a branch delivers."""

    order_id: int
    branch: str


def follow(c: sa.Connection, work: SliceContext, share: Share, state: str) -> None:
    """What the ERP says of a part: from when it reserves the units they are out of its own number; of what it cancelled before that they
    are for sale again."""
    if state == "cancelled":
        freed = units.free_part(c, share.order_id, share.branch)
        if freed:
            decide_anew(c, work, sorted(set(freed)))
    elif state != "rejected" and (state != "held" or work.coupling.reserves_held):
        units.taken_over(c, share.order_id, share.branch, work.now())
