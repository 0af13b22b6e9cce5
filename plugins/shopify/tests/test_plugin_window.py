"""The window over changed orders, where many of them changed in one second."""

from __future__ import annotations

from typing import Any

from engate.model import Query

LONGEST = 400
"""Characters of a cursor that engate keeps."""


async def test_many_orders_of_one_second_leave_a_cursor_that_can_be_kept(shop: Any) -> None:
    await shop.sellable(stock=500)
    placed = [await shop.api.sell(number) for number in range(1, 231)]
    told: set[str] = set()
    pages = 0
    async for page in shop.front.read_orders(Query(since="2026-11-27T11:00:00Z")):
        told |= {event.order for event in page.items}
        pages += 1
        assert page.cursor is None or len(page.cursor) <= LONGEST
    assert pages >= 3 and {key.rpartition("/")[2] for key in told} == {key.rpartition("/")[2] for key in placed}


async def test_it_goes_on_from_such_a_cursor(shop: Any) -> None:
    await shop.sellable(stock=500)
    placed = [await shop.api.sell(number) for number in range(1, 231)]
    told: set[str] = set()
    cursor: str | None = None
    for _ in range(10):  # each page by a reading of its own, as after a crash
        page = await anext(shop.front.read_orders(Query(since="2026-11-27T11:00:00Z", cursor=cursor)))
        told |= {event.order for event in page.items}
        cursor = page.cursor
        if cursor is None:
            break
    assert cursor is None and {key.rpartition("/")[2] for key in told} == {key.rpartition("/")[2] for key in placed}
