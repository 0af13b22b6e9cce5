"""Orders that events carry: which of them may stand for a reading of the order.

Events come in any order and more than once, so the one that came last is not the newest. Only the platform's own stamp
(`Order.changed_at`, which sorts as text) tells. Where it does not, the shop is asked for the order as it is now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from engate.model import Order

Verdict = Order | Literal["ask", "known"]


def newest(told: Sequence[Order | None], stored: Order | None) -> Verdict:
    """What the unhandled events of one order amount to: the order as it is to be kept, "known" where what is stored is newer, or "ask"
    where only the shop can say. `told`: what each event carries; `stored`: the order as it was last kept."""
    docs = [doc for doc in told if doc is not None]
    if not docs or len(docs) < len(told):
        return "ask"  # an event that carries nothing may be the newest
    rivals = [*docs, *([stored] if stored is not None else [])]
    if len(rivals) == 1:
        return docs[0]
    if not all(doc.changed_at for doc in rivals):
        return "ask"
    stamp = max(doc.changed_at for doc in rivals)
    first, *others = [doc for doc in rivals if doc.changed_at == stamp]
    if any(other != first for other in others):
        return "ask"  # two states of one instant
    return "known" if first is stored or first == stored else first


def last(told: Sequence[Order | None], stored: Order) -> Order:
    """The same of a shop that hands its orders in and cannot be asked: of several of one instant, or without a stamp, the one that came
    last counts. `told`: in the order in which they came."""
    newest = stored
    for doc in told:
        if doc is not None and doc.changed_at >= newest.changed_at:
            newest = doc
    return newest
