"""VTEX's list of orders by date: what the feed lost, in spans that fit into 30 pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engate.model import Query
from engate_vtex import order_list

LATE = 300  # the index is four minutes late
LIST = "/api/oms/pvt/orders"


def since(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


async def found(shop: Any, query: Query) -> tuple[list[Any], list[Any]]:
    pages = [page async for page in shop.front.read_orders(query)]
    return pages, [event for page in pages for event in page.items]


@pytest.mark.parametrize("stop", [None, 1, 2, 5])
async def test_a_span_of_more_than_fits_is_split_and_goes_on_after_any_page(
    shop: Any, monkeypatch: pytest.MonkeyPatch, stop: int | None
) -> None:
    monkeypatch.setattr(order_list, "SIZE", 3)
    monkeypatch.setattr(order_list, "PAGES", 2)
    await shop.sellable(stock=100)
    now = datetime.now(UTC)
    keys = []
    for number in range(1, 26):
        placed = (now - timedelta(minutes=4 * number)).isoformat()
        keys.append(await shop.sell(("1001-1", 1, "10.00"), number=number, placed_at=placed))
    await shop.control("advance", {"seconds": LATE})
    asked = Query(since=since(minutes=1))
    pages, events = await found(shop, asked)
    if stop is not None:
        _, rest = await found(shop, Query(since=asked.since, cursor=pages[stop - 1].cursor))
        events = [event for page in pages[:stop] for event in page.items] + rest
    assert {event.order for event in events} == set(keys)
    assert pages[-1].cursor is None and all(page.watermark and page.watermark > since(hours=1) for page in pages)
    assert len({event.key for event in events}) == 25 and {event.raw_state for event in events} == {"ready-for-handling"}


async def test_an_order_of_last_week_that_is_paid_now_is_found(shop: Any) -> None:
    await shop.sellable(stock=100)
    placed = (datetime.now(UTC) - timedelta(days=6)).isoformat()
    key = await shop.sell(("1001-1", 1, "10.00"), placed_at=placed, paid=False)
    await shop.control("advance", {"seconds": LATE})
    assert (await found(shop, Query(since=since(minutes=1))))[1] == []
    await shop.control("progress", {"to": "paid", "keys": [key]})
    await shop.control("advance", {"seconds": LATE})
    assert {event.order for event in (await found(shop, Query(since=since(minutes=1))))[1]} == {key}


async def test_the_first_time_only_the_overlap_is_read(shop: Any) -> None:
    await shop.sellable(stock=100)
    old = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    await shop.sell(("1001-1", 1, "10.00"), number=1, placed_at=old, paid=False)
    recent = await shop.sell(("1001-1", 1, "10.00"), number=2)
    await shop.control("advance", {"seconds": LATE})
    pages, events = await found(shop, Query())
    assert {event.order for event in events} == {recent} and shop.calls()[-1].startswith(f"GET {LIST} ") and len(pages) == 2
