"""engate's own categories and brands: the placeholders, and the brand of products that have none in the ERP."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from engate.domain.effective import BRAND_FOR_ALL, PLACEHOLDER, PLACEHOLDER_NAME
from engate.domain.options import Options, classified_in_the_shop, one_for_all
from engate.model.kinds import SHARED, Kind
from engate.store import desired
from engate.store.desired import Wanted
from engate.sync.work import SliceContext


def wanted(options: Options, kind: Kind) -> list[Any]:
    found: list[Any] = []
    if classified_in_the_shop(options, kind):
        found.append(kind.struct(key=PLACEHOLDER, name=PLACEHOLDER_NAME, active=False))
    if name := one_for_all(options, kind):
        found.append(kind.struct(key=BRAND_FOR_ALL, name=name))
    return found


def want(c: sa.Connection, work: SliceContext, *, run_id: int = 0) -> None:
    """Stores them as the options say, whether or not the ERP has nodes of the kind."""
    for name, kind in SHARED.items():
        pushed = work.coupling.can(kind.push_hook) and not work.serves(kind)
        docs = wanted(work.snapshot.options, kind) if pushed else []
        if not docs:
            continue
        rules = work.rules(c, name)
        found = [(doc, rules.effective(name, doc, work.now())) for doc in docs]
        rows = [Wanted(doc.key, None, doc, effective.digest, effective.reason, work.now()) for doc, effective in found]
        if desired.want(c, work.records_of(name), rows, run_id=run_id, now=work.now()):
            work.wake(c, (f"push/{name}", kind.priority))
