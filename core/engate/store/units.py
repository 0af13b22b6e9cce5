"""Units of stored orders that the ERP does not reserve yet: they are not for sale, though it still counts them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from engate.domain.effective import Pending
from engate.model import PartItem
from engate.store.conditions import is_, one_of
from engate.store.tables import unit


def pending(c: sa.Connection, integration_id: int, skus: Sequence[str]) -> Pending:
    """Units of stored orders that the ERP does not reserve yet, or did not when an older reading was asked for."""
    return _found(c.execute(_UNITS_OF, {"of_integration": integration_id, "of_skus": skus}))


def of_others(c: sa.Connection, integration_id: int, skus: Sequence[str], order_id: int) -> Pending:
    """The same without those of one order, whose own units are no reason against it."""
    return _found(c.execute(_UNITS_OF_OTHERS, {"of_integration": integration_id, "of_skus": skus, "of_order": order_id}))


def _found(rows: Iterable[Any]) -> Pending:
    found: Pending = {}
    for row in rows:
        found.setdefault((row.sku, row.branch), []).append((row.freed_at, row.quantity))
    return found


_UNITS_OF = sa.select(unit.c.sku, unit.c.branch, unit.c.freed_at, unit.c.quantity).where(
    is_(unit.c.integration_id, "of_integration"), one_of(unit.c.sku, "of_skus")
)
_UNITS_OF_OTHERS = _UNITS_OF.where(unit.c.order_id != sa.bindparam("of_order"))


def forget(c: sa.Connection, integration_id: int, branch: str, before: float) -> None:
    """A complete reading of the branch's stock ("" = of every branch) was asked for after these were taken over: no reading needs them any
    more."""
    of_branch = sa.true() if not branch else unit.c.branch == branch
    c.execute(sa.delete(unit).where(unit.c.integration_id == integration_id, unit.c.freed_at < before, of_branch))


_RESERVE = sa.insert(unit)
_FREE = sa.delete(unit).where(is_(unit.c.order_id, "of_id")).returning(unit.c.sku)
_FREE_PART = _FREE.where(is_(unit.c.branch, "of_branch"), unit.c.freed_at.is_(None))
_TAKEN_OVER = sa.update(unit).where(is_(unit.c.order_id, "of_id"), is_(unit.c.branch, "of_branch"), unit.c.freed_at.is_(None))


def reserve(c: sa.Connection, integration_id: int, order_id: int, items: Mapping[str, Sequence[PartItem]]) -> list[str]:
    """Until the ERP has the order, its units are subtracted from what the shop offers. `items`: by branch. Returns the SKUs of what it had
    reserved before."""
    freed = free(c, order_id)
    withhold(c, integration_id, order_id, items)
    return freed


def withhold(c: sa.Connection, integration_id: int, order_id: int, items: Mapping[str, Sequence[PartItem]]) -> None:
    """These units are not for sale though the ERP does not reserve them."""
    rows = [
        {"integration_id": integration_id, "order_id": order_id, "sku": item.sku, "branch": branch, "quantity": item.quantity}
        for branch, each in items.items()
        for item in each
    ]
    if rows:
        c.execute(_RESERVE, rows)


def free(c: sa.Connection, order_id: int) -> list[str]:
    """The order will not enter the ERP: its units are for sale again. Returns their SKUs."""
    return list(c.execute(_FREE, {"of_id": order_id}).scalars())


def free_part(c: sa.Connection, order_id: int, branch: str) -> list[str]:
    """Of one part, what the ERP has not reserved: for sale again. Returns their SKUs."""
    return list(c.execute(_FREE_PART, {"of_id": order_id, "of_branch": branch}).scalars())


def taken_over(c: sa.Connection, order_id: int, branch: str, now: float) -> None:
    """The ERP reserves these units now: readings asked for from here on have them out already."""
    c.execute(_TAKEN_OVER, {"of_id": order_id, "of_branch": branch, "freed_at": now})
