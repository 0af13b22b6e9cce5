"""The scopes that a kind is read by: an ERP may list prices by table and stock by branch (`Erp.scoped`)."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from engate.model.kinds import KINDS, Kind
from engate.store import runs
from engate.store.runs import Reading
from engate.sync.work import SliceContext


def of(work: SliceContext, kind: Kind) -> list[str]:
    """The scopes that are mapped. The default price table ("") has no row; without a mapped branch, one reading without a scope says so."""
    mapping = work.snapshot.mapping
    match work.coupling.scoped.get(kind.list_hook):
        case "branches":
            return sorted({row.branch for row in mapping.warehouses}) or [""]
        case "price_tables":
            return ["", *tables(work)]
        case _:
            return [""]


def tables(work: SliceContext) -> tuple[str, ...]:
    """The price tables that are mapped, besides the default one."""
    return tuple(sorted(row.table for row in work.snapshot.mapping.price_lists))


async def split(work: SliceContext, todo: Sequence[Reading]) -> bool:
    """Splits each reading of a scoped kind into one for each scope; scopes no longer mapped are forgotten. True: `todo` has changed."""
    rows = [row for row in todo if not row.scope and KINDS[row.kind].list_hook in work.coupling.scoped]
    if rows:
        await work.store.writing(lambda c: _split(c, work, rows))
    return bool(rows)


def _split(c: sa.Connection, work: SliceContext, rows: Sequence[Reading]) -> None:
    work.must_have_lease(c)
    work.must_be_current(c)
    for row in rows:
        if runs.still_asked(c, row):
            runs.split(c, row, of(work, KINDS[row.kind]))
