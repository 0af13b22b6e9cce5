"""Units of stored orders that the ERP does not reserve yet: they are not for sale, though the ERP still counts them."""

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
    """The same without the units of one order, which it may use itself."""
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
    """Deletes units that the ERP took over before `before`: a complete reading of the branch's stock ("" = every branch) was asked for
    then, so no reading needs them any more."""
    of_branch = sa.true() if not branch else unit.c.branch == branch
    c.execute(sa.delete(unit).where(unit.c.integration_id == integration_id, unit.c.freed_at < before, of_branch))


_RESERVE = sa.insert(unit)
_FREE = sa.delete(unit).where(is_(unit.c.order_id, "of_id")).returning(unit.c.sku)
_FREE_PART = _FREE.where(is_(unit.c.branch, "of_branch"), unit.c.freed_at.is_(None))
_TAKEN_OVER = sa.update(unit).where(is_(unit.c.order_id, "of_id"), is_(unit.c.branch, "of_branch"), unit.c.freed_at.is_(None))


def reserve(c: sa.Connection, integration_id: int, order_id: int, items: Mapping[str, Sequence[PartItem]]) -> list[str]:
    """Subtracts the order's units from what the shop offers until the ERP has the order. `items`: by branch. Returns the SKUs that it had
    reserved before."""
    freed = free(c, order_id)
    withhold(c, integration_id, order_id, items)
    return freed


def withhold(c: sa.Connection, integration_id: int, order_id: int, items: Mapping[str, Sequence[PartItem]]) -> None:
    """Takes these units off sale although the ERP does not reserve them."""
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
    """Units of one part that the ERP has not reserved are for sale again. Returns their SKUs."""
    return list(c.execute(_FREE_PART, {"of_id": order_id, "of_branch": branch}).scalars())


def taken_over(c: sa.Connection, order_id: int, branch: str, now: float) -> None:
    """The ERP reserves these units now: its number excludes them in readings asked for from now on."""
    c.execute(_TAKEN_OVER, {"of_id": order_id, "of_branch": branch, "freed_at": now})
