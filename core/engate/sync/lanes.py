"""Which work each lane name stands for."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import sqlalchemy as sa

from engate.domain.flows import FLOWS, offered
from engate.errors import CapabilityMissing
from engate.model.kinds import KINDS, Kind
from engate.store import archive, desired, lanes, levels
from engate.store.blobs import Unreadable
from engate.store.desired import Decided, Part
from engate.store.tables import integration
from engate.sync import nodes
from engate.sync.events import events_slice, safety_slice
from engate.sync.fulfilment import fulfilment_slice
from engate.sync.mending import mend_order
from engate.sync.operations import check_slice
from engate.sync.orders import order_slice
from engate.sync.probe import SIDES, probe_slice
from engate.sync.pushing import push_slice
from engate.sync.reading import read_slice
from engate.sync.work import NextTurn, SliceContext

EVENTS = "events"
SAFETY = "safety"
FULFILMENT = "read/fulfilment"


PROBES = [(f"probe/{side}", 8) for side in SIDES]
"""(lane, priority) of the probes of the two connections."""


def lanes_of_flow(name: str) -> list[tuple[str, int]]:
    """(lane, priority) of all lanes of a flow except those of single orders."""
    flow = FLOWS[name]
    if name == "orders":
        return [(EVENTS, 0), (SAFETY, 1)]
    if name == "fulfilment":
        return [(FULFILMENT, 1)]
    return [(flow.lane, flow.priority), *((f"push/{kind.name}", kind.priority) for kind in flow.kinds)]


def flow_of(lane: str) -> str:
    """The flow that a lane belongs to."""
    head, _, rest = lane.partition("/")
    if head in (EVENTS, SAFETY, "order", "probe"):
        return "orders"
    return rest if head == "read" else KINDS[rest.partition("/")[0]].flow


def order_of(lane: str) -> str | None:
    """The order (the shop's key) whose lane this is."""
    head, _, rest = lane.partition("/")
    return rest if head == "order" else None


def slice_of(work: SliceContext) -> Awaitable[NextTurn]:
    """The slice that this lane runs now."""
    head, _, rest = work.claim.name.partition("/")
    match head:
        case "events":
            return events_slice(work) if _hears(work) else _nothing()
        case "safety":
            return safety_slice(work) if _reads_orders(work) else _nothing()
        case _ if work.snapshot.archived:
            return _archived(work, head, rest)
        case "check":
            return check_slice(work, rest)  # also while inactive: it asks about what was sent and sends nothing
        case "probe":
            return _probe(work, rest)  # also while inactive: configured connections are kept working
        case "refresh" if not work.snapshot.active:
            return _postponed(work)
        case _ if not work.snapshot.active:
            return _nothing()  # inactive: nothing is pushed or imported; activation wakes every lane
        case "order":
            return _order(work, rest)
        case "read" if rest == "fulfilment":
            return fulfilment_slice(work) if _offers(work, "fulfilment") else _nothing()
        case "read":
            return read_slice(work, FLOWS[rest]) if _offers(work, rest) else _nothing()
        case "push":
            kind = KINDS[rest]
            return push_slice(work, kind) if _pushes(work, kind) else _nothing()
        case "refresh":
            return _refresh(work, rest)
        case _:
            raise CapabilityMissing(work.claim.name)


async def _probe(work: SliceContext, side: str) -> NextTurn:
    later, learned = await probe_slice(work, side)
    if learned:
        # flows that were not offered may be offered now, in every integration of the connection
        await work.store.durably(lambda c: _wake_flows(c, work, work.snapshot.sides[SIDES.index(side)][0]))
    return later


def _wake_flows(c: sa.Connection, work: SliceContext, connection_id: int) -> None:
    uses = (integration.c.erp_id == connection_id) | (integration.c.storefront_id == connection_id)
    live = sa.select(integration.c.id).where(uses, integration.c.activated_at.is_not(None), integration.c.deleted_at.is_(None))
    names = dict(lane for flow in FLOWS for lane in lanes_of_flow(flow))
    for id in c.execute(live).scalars().all():
        lanes.wake(c, [lanes.Wake(work.tenant_id, id, name, prio, work.now()) for name, prio in names.items()])


async def _archived(work: SliceContext, head: str, rest: str) -> NextTurn:
    """An archived integration works on its open orders and is removed when the last one has ended."""
    later = NextTurn()
    if head == "order":
        later = await _order(work, rest)
    elif (head, rest) == ("read", "fulfilment") and _offers(work, "fulfilment"):
        later = await fulfilment_slice(work)
    await work.store.durably(lambda c: archive.remove_if_over(c, work.integration_id, work.claim.id))
    return later


def _offers(work: SliceContext, flow: str) -> bool:
    return flow in work.snapshot.enabled and offered(work.coupling)[flow] is None


def _hears(work: SliceContext) -> bool:
    return work.snapshot.listens and _offers(work, "orders") and not work.coupling.hands_in_orders


def _reads_orders(work: SliceContext) -> bool:
    return _hears(work) and work.coupling.can("read_orders")


def _pushes(work: SliceContext, kind: Kind) -> bool:
    """Whether the kind is pushed. engate's own nodes (`nodes`) go even where the ERP has none of the kind."""
    return kind.flow in work.snapshot.enabled and work.coupling.can(kind.push_hook)


async def _order(work: SliceContext, key: str) -> NextTurn:
    try:
        return await order_slice(work, key)
    except Unreadable:
        return await mend_order(work, key)


async def _nothing() -> NextTurn:
    return NextTurn()


POSTPONED = 86400.0
"""Seconds. An activation comes first: it lifts the back-off."""


async def _postponed(work: SliceContext) -> NextTurn:
    """What changed while the integration is inactive counts when it is active again, also for what the ERP does not list anew."""
    return NextTurn(back_off=work.now() + POSTPONED)


async def _refresh(work: SliceContext, name: str) -> NextTurn:
    """Options, mapping or links changed: decides the records anew from the stored documents. The ERP is not asked."""
    kind = KINDS[name]
    await work.store.writing(lambda c: nodes.want(c, work))
    after: int | None = 0
    while after is not None:
        after = await work.store.writing(lambda c, after=after: _refresh_some(c, work, name, after))
    await work.store.writing(lambda c: work.wake(c, (f"push/{kind.name}", kind.priority)))
    return NextTurn()


def _refresh_some(c: sa.Connection, work: SliceContext, name: str, after: int) -> int | None:
    work.must_be_current(c)
    of, part = work.records_of(name), Part(after=after)
    kind = KINDS[name]
    skus = desired.parents(c, of, part) if kind.counted else desired.keys(c, of, part) if kind.sold else ()
    if kind.counted and skus:
        levels.lock(c, work.integration_id, skus)  # as in `engate.sync.stock`
    rules = work.rules(c, name, skus)
    ignored: list[str] = []

    def decide(doc: Any, read_at: float) -> Decided:
        if rules.ignores(doc):
            ignored.append(doc.key)
        found = rules.effective(name, doc, read_at)
        return Decided(found.digest, found.reason, found.awaiting)

    _, more = desired.revisit(c, of, decide, part, work.now())
    desired.forget(c, work.integration_id, name, ignored)
    return more
