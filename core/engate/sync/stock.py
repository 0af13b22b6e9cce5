"""Decides anew what the shop should offer, after an order moved stock or a SKU was switched on or off."""

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
"""Flows that decide, while they are on, whether a SKU is for sale."""


def decide_anew(c: sa.Connection, work: SliceContext, skus: Sequence[str]) -> None:
    """Decides the stock of these SKUs anew: their pending units have changed, or whether they are for sale."""
    levels.lock(c, work.integration_id, skus)  # before pending units and sale state are read: another transaction may be changing them
    work.must_be_current(c)
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
    """Documents were read that may switch SKUs off or on. A shop that fetches everything but stock learns it at once from the stock."""
    if not work.pair.stock_tells_all:
        return
    skus = {doc.key if isinstance(doc, Sku) else doc.sku for doc in docs if isinstance(doc, Sku | Price)}
    products = [doc.key for doc in docs if isinstance(doc, Product)]
    skus.update(families.skus_of(c, work.integration_id, products) if products else ())
    if skus:
        decide_anew(c, work, sorted(skus))


def stock_moved(c: sa.Connection, work: SliceContext, skus: list[str]) -> None:
    """After an order step at which a shop may move its stock by itself (it adds a cancelled order's units back): pushes the stock again,
    whatever the shop accepted last."""
    if pushes.resend(c, work.integration_id, STOCK.name, skus):
        work.wake(c, (f"push/{STOCK.name}", STOCK.priority))


class Share(NamedTuple):
    """The part of an order that one branch delivers."""

    order_id: int
    branch: str


def follow(c: sa.Connection, work: SliceContext, share: Share, state: str) -> None:
    """Follows the ERP's state of a part. Once the ERP reserves the units, its own number excludes them; if it cancelled before that, they
    are for sale again."""
    if state == "cancelled":
        freed = units.free_part(c, share.order_id, share.branch)
        if freed:
            decide_anew(c, work, sorted(set(freed)))
    elif state != "rejected" and (state != "held" or work.coupling.reserves_held):
        units.taken_over(c, share.order_id, share.branch, work.now())
