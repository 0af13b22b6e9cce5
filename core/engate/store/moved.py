"""Records below a product or SKU whose link has changed: they are sent to the new place, whatever was accepted before. Every function works
inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from engate.model.kinds import KINDS, OF_A_SKU
from engate.store import lanes
from engate.store.rows import RecordSet
from engate.store.tables import cause, link, record

BELOW: dict[str, Sequence[str]] = {
    "product": ["sku"],
    "sku": list(OF_A_SKU),
}
_TURN = record.c.turn + 1  # where nothing was accepted yet, it alone tells a process that hands the record out of the change
ELSEWHERE = b""
"""As `turn_of`: what is under way goes to the former place. Its acceptance says nothing of the new one."""
FOREIGN: dict[str, Any] = {"have": None, "have_doc": None, "turn_of": ELSEWHERE, "turn": _TURN}
"""What the new place holds is unknown."""
UNDECIDED = sa.case((record.c.turn_of == ELSEWHERE, record.c.turn_of), else_=None)
"""As `turn_of`: what is under way does not settle `have`. That it goes to a former place stays known."""
DOUBTED: dict[str, Any] = {"have": None, "turn_of": UNDECIDED, "turn": _TURN}
"""The place is the same, but the keys sent along have changed."""


def accepted_here(doc: Any) -> Any:
    """The document as accepted, or None where it was accepted at a former place."""
    return sa.case((record.c.turn_of == ELSEWHERE, None), else_=doc)


def again(c: sa.Connection, of: RecordSet, keys: Collection[str], now: float) -> None:
    """The storefront's keys of these records changed or are unknown now: sends the records below them again."""
    if not keys or of.kind not in BELOW:
        return
    below = BELOW[of.kind]
    _reset(c, of, below, keys, FOREIGN if KINDS[of.kind].sold else DOUBTED)
    if KINDS[of.kind].sold:
        hanging = sa.select(record.c.key).where(*_hanging(of, below, keys))
        # an image's link belongs to the SKU that it was on
        c.execute(sa.delete(link).where(link.c.integration_id == of.integration_id, link.c.kind.in_(below), link.c.key.in_(hanging)))
    else:
        skus = c.execute(sa.select(record.c.key).where(*_hanging(of, below, keys))).scalars().all()
        _reset(c, of, BELOW["sku"], skus, DOUBTED)
        below = [*below, *BELOW["sku"]]
    wakes = [lanes.Wake(of.tenant_id, of.integration_id, f"push/{name}", KINDS[name].priority, now) for name in below]
    lanes.wake(c, wakes)


def _hanging(of: RecordSet, kinds: Sequence[str], parents: Collection[str]) -> list[sa.ColumnElement[bool]]:
    return [record.c.integration_id == of.integration_id, record.c.kind.in_(kinds), record.c.parent.in_(parents)]


def _reset(c: sa.Connection, of: RecordSet, kinds: Sequence[str], parents: Collection[str], values: dict[str, Any]) -> None:
    mine = _hanging(of, kinds, parents)
    c.execute(sa.update(record).where(*mine).values(**values))
    # the refusals were answers about the old place
    refused = sa.select(cause.c.id).where(cause.c.integration_id == of.integration_id, cause.c.key.startswith("answer:"))
    c.execute(sa.update(record).where(*mine, record.c.cause_id.in_(refused)).values(cause_id=None, tries=0, not_before=0))
