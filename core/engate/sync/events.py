"""Taking in what happened in the storefront: each page of events is durable, with the wake of its orders, before it is acknowledged."""

from __future__ import annotations

import sqlalchemy as sa

from engate.boundary import Received
from engate.model import OrderEvent, Query
from engate.plugins import closing
from engate.store import archive, lanes, orders
from engate.sync import quarantine
from engate.sync.work import Later, Work

ORDER_PRIORITY = 0


def lane_of(order_key: str) -> str:
    return f"order/{order_key}"


async def events_slice(work: Work) -> Later:
    """Reads until the storefront has nothing more to tell, or the slice is over. Also while inactive: feeds die if nobody reads them."""
    async with closing(work.coupling.storefront.read_order_events(Query())) as pages:
        async for page in pages:
            await work.store.durably(lambda c, page=page: _receive(c, work, page))
            if work.time_is_up():
                return Later(due=work.now())
    return Later(due=work.now() + work.snapshot.every["orders"])


def _receive(c: sa.Connection, work: Work, page: Received[OrderEvent]) -> None:
    events = _ours(c, work, page.items + quarantine.events_of(page.broken, work.now()))
    orders.receive(c, work.tenant_id, work.integration_id, events, work.now())
    # also while inactive: the lane does nothing then, and an activation that commits just now must not miss it
    work.wake(c, *((lane_of(event.order), ORDER_PRIORITY) for event in {e.order: e for e in events}.values()))


def _ours(c: sa.Connection, work: Work, events: list[OrderEvent]) -> list[OrderEvent]:
    """An archived integration takes no new orders; another one of its shop hands on what happens to its open ones."""
    keys = {event.order for event in events}
    if work.snapshot.archived:
        known = archive.known(c, work.integration_id, keys)
        return [event for event in events if event.order in known]
    owners = archive.owners(c, work.tenant_id, work.snapshot.sides[1][0], keys)
    for event in events:
        owner = owners.get(event.order)
        if owner is not None:
            orders.receive(c, work.tenant_id, owner, [event], work.now())
            lanes.wake(c, [lanes.Wake(work.tenant_id, owner, lane_of(event.order), ORDER_PRIORITY, work.now())])
    return [event for event in events if event.order not in owners]
