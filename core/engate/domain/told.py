"""Orders that events carry: which of them can replace a reading of the order.

Events come in any order and more than once, so the last one is not always the newest. Only the platform's own stamp
(`Order.changed_at`, which sorts as text) tells. Without one, the shop is asked for the order as it is now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from engate.model import Order

Verdict = Order | Literal["ask", "known"]


def newest(told: Sequence[Order | None], stored: Order | None) -> Verdict:
    """What follows from the unhandled events of one order: the order to store, "known" where the stored one is newer, or "ask" where only
    the shop knows. `told`: what each event carries; `stored`: the order as last stored."""
    docs = [doc for doc in told if doc is not None]
    if not docs or len(docs) < len(told):
        return "ask"  # an event without an order may be the newest
    rivals = [*docs, *([stored] if stored is not None else [])]
    if len(rivals) == 1:
        return docs[0]
    if not all(doc.changed_at for doc in rivals):
        return "ask"
    stamp = max(doc.changed_at for doc in rivals)
    first, *others = [doc for doc in rivals if doc.changed_at == stamp]
    if any(other != first for other in others):
        return "ask"  # two different orders with the same stamp
    return "known" if first is stored or first == stored else first


def last(told: Sequence[Order | None], stored: Order) -> Order:
    """The same for a shop that hands orders in and cannot be asked: of several with the same stamp, or without one, the one that came last
    counts. `told`: in the order in which they came."""
    newest = stored
    for doc in told:
        if doc is not None and doc.changed_at >= newest.changed_at:
            newest = doc
    return newest
