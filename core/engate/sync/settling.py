"""Stores what a push hook, or a later check of its operation, reported: accepted, refused, not sent, or unknown."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.domain import reasons
from engate.domain.reasons import Reason
from engate.domain.splitting import ITEM_UNMAPPED
from engate.errors import EngateError, NotYet, Rejected, Unknown
from engate.model import Batch, Item, Outcome
from engate.model.kinds import KINDS, Kind
from engate.store import links, pushes, runs, waits
from engate.store.links import Origin
from engate.store.pushes import Settled
from engate.sync import after, outbox
from engate.sync.events import ORDER_PRIORITY, lane_of
from engate.sync.work import SliceContext
from engate.text import Text

NOBODY_SAID = Unknown(
    Text("O plugin não informou o resultado deste item.", "The plugin reported no result for this item."),
    Text("O engate confere antes de reenviar.", "engate looks before sending again."),
)


class Was(NamedTuple):
    """One record that was sent, by its current key. `doc`: what counts as held once it is accepted: the sent document without the fields in
    `own`, which are the shop's. `remote`, `more`: the link before the push. `turned`: the push changes whether a buyer can buy."""

    id: int
    key: str
    doc: Any
    digest: bytes
    remote: str | None
    more: str
    tries: int
    awaiting: Reason | None
    as_read: bool
    turned: bool
    own: frozenset[str]


class Told(NamedTuple):
    """`was`: what was sent, by the item's key. `rest`: the error of items that were not reported; None: they are still under way."""

    batch: Batch[Any]
    was: dict[str, Was]
    rest: EngateError | None


def settle(c: sa.Connection, work: SliceContext, kind: Kind, told: Told) -> list[int]:
    """Stores every outcome. Returns the ids of the records that have one."""
    now = work.now()
    accepted: list[Settled] = []
    refused: list[tuple[int, Reason]] = []
    again: list[tuple[int, float, bool, str]] = []
    untried: list[int] = []
    found = _Links()
    done: list[int] = []
    for item in told.batch.items:
        was = told.was[item.key]
        outcome = told.batch.outcomes.get(item.key) or _unreported(told.rest)
        if outcome is None or outcome.state != "accepted":
            found.note(was, item)
        if outcome is None:
            continue
        done.append(was.id)
        if outcome.state == "accepted":
            accepted.append(_settled(was, outcome))
            continue
        assert outcome.error is not None
        if isinstance(outcome.error, NotYet):
            if not item.uncertain:
                untried.append(was.id)  # an uncertain record stays as it was
        elif outcome.state == "rejected":
            refused.append((was.id, reasons.of_error(outcome.error)))
        else:
            unknown = outcome.state == "unknown"
            until = now + work.delays.unknown_after if unknown else work.retry_at(was.tries)
            again.append((was.id, until, unknown, outcome.error.text.en))
    new_links = pushes.accept(c, work.records_of(kind.name), accepted, now)
    found.keep(c, work, kind)
    pushes.wait_for(c, work.records_of(kind.name), refused, now, answered=True)
    outbox.records_wait(c, work, kind.name, [id for id, _ in refused])
    pushes.again(c, again, now)
    heard = told.rest is None or any(outcome.state in ("accepted", "rejected") for outcome in told.batch.outcomes.values())
    pushes.put_back(c, untried, 0.0 if heard else work.retry_at(0))  # a plugin that reported no result is called again only after a pause
    if accepted:
        runs.pushed(c, [row.id for row in accepted])
        after.there(c, work, kind)
    if new_links or any(found.half_made.values()):
        wake_children(c, work, kind)
    return done


def _unreported(rest: EngateError | None) -> Outcome | None:
    return None if rest is None else Outcome("rejected" if isinstance(rest, Rejected) else "unknown", error=rest)


def _settled(was: Was, outcome: Outcome) -> Settled:
    return Settled(
        was.id,
        was.key,
        was.digest,
        was.doc,
        outcome.remote,
        was.remote == outcome.remote,
        outcome.answer,
        was.awaiting,
        was.as_read,
        was.turned,
        outcome.more,
        was.more,
    )


class _Links:
    """Keys of the storefront that became known although the push of their item did not finish."""

    def __init__(self) -> None:
        self.half_made: dict[Origin, list[tuple[str, str, str]]] = {"engate": [], "unfinished": []}
        self._second_keys: list[tuple[str, str | None, str]] = []

    def note(self, was: Was, item: Item[Any]) -> None:
        if item.remote and item.remote != was.remote:
            self.half_made["unfinished" if item.unfinished else "engate"].append((was.key, item.remote, item.more))
        elif item.more != was.more:
            self._second_keys.append((was.key, was.remote, item.more))

    def keep(self, c: sa.Connection, work: SliceContext, kind: Kind) -> None:
        for origin, found in self.half_made.items():
            links.linked(c, work.records_of(kind.name), found, work.now(), origin)
        links.second_keys(c, work.integration_id, kind.name, self._second_keys)


def wake_children(c: sa.Connection, work: SliceContext, kind: Kind) -> None:
    """Wakes what waited for new links of this kind."""
    waiting = [each for each in KINDS.values() if each.parent_kind == kind.name or kind.name in each.refers_to]
    work.wake(c, *((f"push/{each.name}", each.priority) for each in waiting))
    if kind.sold:
        unmapped = waits.orders_with(c, work.integration_id, ITEM_UNMAPPED)
        work.wake(c, *((lane_of(key), ORDER_PRIORITY) for key in unmapped))
