"""Units of stored orders that the ERP does not reserve yet: they are not for sale, though it still counts them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from engate.store.tables import unit

Pending = dict[tuple[str, str], list[tuple[float | None, Decimal]]]
"""(SKU, branch) -> (when the ERP took them over, units)."""


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
    unit.c.integration_id == sa.bindparam("of_integration"), unit.c.sku.in_(sa.bindparam("of_skus", expanding=True))
)
_UNITS_OF_OTHERS = _UNITS_OF.where(unit.c.order_id != sa.bindparam("of_order"))


def forget(c: sa.Connection, integration_id: int, before: float) -> None:
    """A complete reading of the stock was asked for after these were taken over: no reading needs them any more."""
    c.execute(sa.delete(unit).where(unit.c.integration_id == integration_id, unit.c.freed_at < before))
