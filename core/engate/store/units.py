"""Units of stored orders that the ERP does not reserve yet: they are not for sale, though it still counts them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import sqlalchemy as sa

from engate.store.tables import unit

Pending = dict[tuple[str, str], list[tuple[float | None, Decimal]]]
"""(SKU, branch) -> (when the ERP took them over, units)."""


def pending(c: sa.Connection, integration_id: int, skus: Sequence[str] | None = None) -> Pending:
    """Units of stored orders that the ERP does not reserve yet, or did not when an older reading was asked for."""
    found: Pending = {}
    query, given = (_UNITS, {}) if skus is None else (_UNITS_OF, {"of_skus": skus})
    for row in c.execute(query, {"of_integration": integration_id, **given}):
        found.setdefault((row.sku, row.branch), []).append((row.freed_at, row.quantity))
    return found


_UNITS = sa.select(unit.c.sku, unit.c.branch, unit.c.freed_at, unit.c.quantity).where(
    unit.c.integration_id == sa.bindparam("of_integration")
)
_UNITS_OF = _UNITS.where(unit.c.sku.in_(sa.bindparam("of_skus", expanding=True)))


def forget(c: sa.Connection, integration_id: int, before: float) -> None:
    """A complete reading of the stock was asked for after these were taken over: no reading needs them any more."""
    c.execute(sa.delete(unit).where(unit.c.integration_id == integration_id, unit.c.freed_at < before))
