"""Events that the storefront tells again after they were taken in."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.goods import goods, sale
from tests.support.stage import staged

from engate_vtex_sandbox.feed import Message, Queue


@pytest.mark.trap("vtex.doubled-events")
async def test_events_whose_acknowledgement_was_lost_come_back_and_are_put_away(sqlite_database: str) -> None:
    """The same events once more: they are stored already, and must neither enter the order again nor stop the feed."""
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        await stage.stop()
        shop: Any = stage.shop
        [queue] = shop.feed.queues.values()
        first = shop.state()[0]
        key = shop.sell([sale(1, (first.key, 1, str(first.price)))])["1"]
        told = [message.event for message in queue.messages()]
        assert told
        stage.start()
        await stage.until(lambda: not list(queue.messages()) and _phase(shop, key) == "in_erp")
        for event in told:
            queue.put(Message(event, shop.clock.now()), shop.clock.now())
        await stage.until(lambda: _empty(queue), 6.0)
        await stage.until(lambda: stage.waits(key, None))
        assert [order.storefront_key for order in stage.erp.orders()] == [key]


def _phase(shop: Any, key: str) -> str:
    return next(order.phase for order in shop.orders() if order.key == key)


def _empty(queue: Queue) -> bool:
    return not list(queue.messages())
