"""What counts cost: an answer that was dear is kept for a while, whatever else happened to the thread that made it."""

from __future__ import annotations

import gc
import time

import pytest
import sqlalchemy as sa

from engate.store.db import Store
from engate_api.tempered import FREE, Tempered


class Counted:
    """A count whose cost is what `costs` does."""

    def __init__(self, costs: object) -> None:
        self.times, self._costs = 0, costs

    def __call__(self, c: sa.Connection) -> int:
        self.times += 1
        assert callable(self._costs)
        self._costs()
        return self.times


def works() -> None:
    until = time.thread_time() + 4 * FREE
    while time.thread_time() < until:
        pass


def collects() -> None:
    """Garbage that others made is collected here."""
    until = time.thread_time() + 20 * FREE
    while time.thread_time() < until:
        gc.collect()


async def asked_twice(url: str, costs: object) -> Counted:
    store, counted = Store(url), Counted(costs)
    try:
        tempered = Tempered(store)
        for _ in range(2):
            await tempered.get("what", counted)
    finally:
        store.close()
    return counted


async def test_what_is_dear_is_not_counted_for_everybody_who_asks(sqlite_database: str) -> None:
    assert (await asked_twice(sqlite_database, works)).times == 1


@pytest.mark.trap("api.count-without-collections")
async def test_a_collection_of_garbage_is_no_cost_of_a_count(sqlite_database: str) -> None:
    """A list that took a millisecond stood still for half a minute, because its thread collected the garbage of the whole process."""
    assert (await asked_twice(sqlite_database, collects)).times == 2
