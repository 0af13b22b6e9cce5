"""Taking in what happened in the storefront: each page of events is durable, with the wake of its orders, before it is acknowledged."""

from __future__ import annotations

import sqlalchemy as sa

from engate.boundary import Received
from engate.model import OrderEvent, Query
from engate.plugins import closing
from engate.store import orders
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
    events = page.items + quarantine.events_of(page.broken, work.now())
    orders.receive(c, work.tenant_id, work.integration_id, events, work.now())
    # also while inactive: the lane does nothing then, and an activation that commits just now must not miss it
    work.wake(c, *((lane_of(event.order), ORDER_PRIORITY) for event in {e.order: e for e in events}.values()))
