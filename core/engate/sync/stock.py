"""Stock that an order moved: what the shop should offer is decided anew, and sent whatever it accepted last."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from engate.model.kinds import KINDS
from engate.store import desired, pushes
from engate.store.causes import Reason
from engate.store.desired import Part
from engate.sync.work import Work

STOCK = KINDS["stock"]


def pending_changed(c: sa.Connection, work: Work, skus: list[str]) -> None:
    """Units of orders that the ERP does not hold yet changed: what the shop should offer of these SKUs is decided anew."""
    work.must_be_current(c)
    rules = work.rules(c, STOCK.name, skus)

    def decide(doc: Any, read_at: float) -> tuple[bytes, Reason | None]:
        found = rules.effective(STOCK.name, doc, read_at)
        return found.digest, found.reason

    changed, after = 0, 0
    while after is not None:
        more, after = desired.revisit(c, work.records_of(STOCK.name), decide, Part(skus, after), work.now())
        changed += more
    if changed:
        work.wake(c, (f"push/{STOCK.name}", STOCK.priority))


def stock_moved(c: sa.Connection, work: Work, skus: list[str]) -> None:
    """An order step by which a shop may move its stock by itself (it gives a cancelled order's units back): pushed anew, and decided when
    it is, whatever the shop accepted last."""
    if pushes.resend(c, work.integration_id, STOCK.name, skus):
        work.wake(c, (f"push/{STOCK.name}", STOCK.priority))
