"""Taking in events of the storefront: each page is stored, and the lanes of its orders woken, before the page is acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from engate.boundary import Received
from engate.model import OrderEvent, Query
from engate.plugins import closing
from engate.store import archive, inbox, lanes, orders, runs
from engate.store.orders import Shop
from engate.sync import quarantine, whole
from engate.sync.work import NextTurn, SliceContext

ORDER_PRIORITY = 0
LISTED = "shop_order"
"""The reading of the shop's list of orders."""
TOLD = "order_event"
"""The reading of the shop's events."""


def lane_of(order_key: str) -> str:
    return f"order/{order_key}"


async def events_slice(work: SliceContext) -> NextTurn:
    """Reads until the storefront has nothing more to tell, or the slice is over. Also while inactive: a feed that is not read expires."""
    row = await work.store.reading(lambda c: runs.place_of(c, work.integration_id, TOLD))
    since = row.watermark if row is not None else None
    async with closing(work.coupling.storefront.read_order_events(Query(since=since))) as pages:
        async for page in pages:
            await work.store.durably(lambda c, page=page: _receive(c, work, page))
            if work.time_is_up():
                return NextTurn(due=work.now())
    return NextTurn(due=work.now() + work.snapshot.every["orders"])


class Listing(NamedTuple):
    """Where the reading of the shop's list of orders is; `total`: the least that the shop said it has."""

    cursor: str | None = None
    ahead: str | None = None
    entities: int = 0
    total: int | None = None


async def safety_slice(work: SliceContext) -> NextTurn:
    """Reads the shop's own list of orders at intervals: it finds events that a feed or a webhook lost. Resumable."""
    row = await work.store.reading(lambda c: runs.place_of(c, work.integration_id, LISTED))
    since = row.watermark if row is not None else None
    at = Listing(row.cursor, row.ahead, row.entities, row.total) if row is not None and row.cursor else Listing()
    async with closing(work.coupling.storefront.read_orders(Query(since=since, cursor=at.cursor))) as pages:
        async for page in pages:
            at = Listing(
                page.cursor,
                max(filter(None, (at.ahead, page.watermark)), default=None),
                at.entities + len(page.items) + len(page.broken),
                min((said for said in (at.total, page.total) if said is not None), default=None),
            )
            await work.store.durably(lambda c, page=page, at=at: _listed(c, work, page, at))
            if work.time_is_up() and page.cursor is not None:
                return NextTurn(due=work.now())
    await work.store.durably(lambda c: _all_listed(c, work, at, since))
    return NextTurn(due=work.now() + work.delays.orders_again)


def _listed(c: sa.Connection, work: SliceContext, page: Received[OrderEvent], at: Listing) -> None:
    """Takes in the orders whose state is not the stored one, and keeps the place."""
    known = orders.raw_states(c, work.integration_id, [event.order for event in page.items])
    _take_in(c, work, [event for event in page.items if known.get(event.order) != event.raw_state])
    runs.keep_place(c, work.integration_id, LISTED, **at._asdict())


def _all_listed(c: sa.Connection, work: SliceContext, at: Listing, since: str | None) -> None:
    whole_list = at.total is None or at.entities >= at.total
    runs.keep_place(c, work.integration_id, LISTED, **Listing()._asdict(), watermark=(at.ahead or since) if whole_list else since)
    if whole_list:
        whole.unsay(c, work, LISTED)
    else:
        assert at.total is not None
        whole.say(c, work, "orders", whole.of_count(LISTED, at.entities, at.total))


def _receive(c: sa.Connection, work: SliceContext, page: Received[OrderEvent]) -> None:
    events = page.items + quarantine.events_of(page.broken, work.now())
    _take_in(c, work, events)
    if page.watermark is not None:
        # not compared with the last one: the watermarks of a feed need not sort
        runs.keep_place(c, work.integration_id, TOLD, watermark=page.watermark)


class Ear(NamedTuple):
    """An integration that hears of orders."""

    tenant_id: int
    integration_id: int
    storefront_id: int


def _take_in(c: sa.Connection, work: SliceContext, heard: list[OrderEvent]) -> None:
    ear = Ear(work.tenant_id, work.integration_id, work.snapshot.sides[1][0])
    take_in(c, ear, heard, work.now())


def take_in(c: sa.Connection, ear: Ear, heard: Sequence[OrderEvent], now: float) -> set[int]:
    """Stores the events and wakes the lanes of the orders that have news. Returns the integrations that have something to do now."""
    owned = _owned(c, ear, heard).items()
    return {owner for owner, events in owned if hear(c, Shop(ear.tenant_id, owner), events, now)}


def hear(c: sa.Connection, owner: Shop, events: Sequence[OrderEvent], now: float) -> bool:
    """The same for the integration whose orders these are. Returns whether it has something to do now."""
    inbox.receive(c, owner.tenant_id, owner.integration_id, events, now)
    # also while inactive: the lane does nothing then, but an activation that commits at this moment must not miss it
    keys = inbox.with_unhandled(c, owner.integration_id, {event.order for event in events})  # a feed with a time window repeats its events
    lanes.wake(c, [lanes.Wake(owner.tenant_id, owner.integration_id, lane_of(key), ORDER_PRIORITY, now) for key in sorted(keys)])
    return bool(keys)


def _owned(c: sa.Connection, ear: Ear, events: Sequence[OrderEvent]) -> dict[int, list[OrderEvent]]:
    """Integration id -> its events. An archived integration takes no new orders; the shop's other one hands on events of its open ones.

    Decided in the transaction that stores the events: the integration may have been deleted since the reading began."""
    keys = {event.order for event in events}
    if archive.is_archived(c, ear.integration_id):
        known = archive.known(c, ear.integration_id, keys)
        return {ear.integration_id: [event for event in events if event.order in known]}
    owners = archive.owners(c, ear.tenant_id, ear.storefront_id, keys)
    found: dict[int, list[OrderEvent]] = {}
    for event in events:
        found.setdefault(owners.get(event.order, ear.integration_id), []).append(event)
    return found
