"""Upkeep of the database: planner statistics of grown tables, and deletion of old data.

A planner without statistics takes the tables for empty and reads them whole: on PostgreSQL a first load took 41 s instead of 26 s, and a
summary 29.7 s instead of 0.07 s.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.logs import say
from engate.store import audit, buyers, calls, deliveries, lanes, outbox
from engate.store.db import Store
from engate.store.noted import note, noted
from engate.store.tables import order as shop_order
from engate.store.tables import record_count

EVERY = 2.0
FIRST, TIMES = 500, 4
"""Rows at which statistics are made first; then each time there are four times as many."""
CATALOGUE = ("record", "link", "cause", "run", "record_count")
SELLING = (
    "lane",
    "inbox",
    "shop_order",
    "part",
    "unit",
    "document",
    "step",
    "order_cause",
    "key_index",
    "delivery",
    "told_key",
    "outbox",
    "call",
    "call_record",
)
"""Each group counts its own growth: statistics of twenty lanes, made while a catalogue was loaded, made a claim at 2,000 orders take 29 ms
instead of 0.3 ms. No statistics are better than those of a small table."""
LOOKED_AT = 1_000
"""Rows of an index that SQLite samples: some milliseconds, however large the table is."""
PURGE_EVERY = 600.0
CLEAN_EVERY = 30 * 86400.0
"""Seconds after which a SQLite file is rebuilt, if buyers were erased meanwhile."""
LOCK = 0x656E67616E  # one process at a time makes them on PostgreSQL


async def keep(store: Store, buyers_kept: float, calls_kept: float) -> None:
    """Runs until cancelled; of several processes one does the work. `buyers_kept`: seconds after which an order that is over is erased;
    `calls_kept`: seconds after which a call is deleted."""
    purged_at = -PURGE_EVERY
    while True:
        try:
            if await store.reading(_due):
                await store.writing(refresh)
            if time.monotonic() > purged_at + PURGE_EVERY:
                purged_at = time.monotonic()
                for purge in (deliveries.purge, outbox.purge, audit.purge, lanes.forget_workers):
                    while await store.writing(lambda c, purge=purge: purge(c, time.time())):
                        pass
                while await store.writing(lambda c: calls.purge(c, time.time() - calls_kept)):
                    pass
                await forget_buyers(store, buyers_kept, time.time())
                await clean(store)
        except Exception as error:  # the lanes do not need it
            say("upkeep_failed", error=type(error).__name__)
        await asyncio.sleep(EVERY)


async def forget_buyers(store: Store, kept: float, now: float) -> None:
    """Erases the buyers of orders that were placed `kept` seconds ago and are over. Writers wait only for a few orders at a time."""
    erased, after = 0, buyers.FIRST
    while after is not None:
        old = await store.reading(lambda c, after=after: buyers.old_ones(c, now - kept, after))
        for at in range(0, len(old.ids), buyers.ERASED_AT_ONCE):
            some = old.ids[at : at + buyers.ERASED_AT_ONCE]
            erased += len(await store.writing(lambda c, some=some: buyers.erase(c, some, now)))
        after = old.after
    if erased:
        await store.cleaning(whole=await store.writing(lambda c: _a_month_ago(c, "cleaned", now)))


async def clean(store: Store) -> bool:
    """Removes data erased on request from the database's files. False: a reader is active, so it is still there."""
    since = await store.reading(buyers.unclean)
    if since is None:
        return True
    done = await store.cleaning(whole=True)
    if done:
        await store.writing(lambda c: buyers.cleaned(c, since))
    return done


def _a_month_ago(c: sa.Connection, name: str, now: float) -> bool:
    """Whether this was last due a month ago. If so, the month starts again now."""
    last = noted(c, name)
    if last is not None and last > now - CLEAN_EVERY:
        return False
    note(c, name, now)
    return True


def refresh(c: sa.Connection) -> bool:
    """Makes statistics of tables that have grown much since they were last made. Returns whether it did."""
    due = [growing for growing in GROUPS if growing.is_due(c)]
    if not due:
        return False
    if c.dialect.name == "sqlite":
        c.exec_driver_sql(f"PRAGMA analysis_limit={LOOKED_AT}")
    elif not c.execute(sa.select(sa.func.pg_try_advisory_xact_lock(LOCK))).scalar():
        return False
    for growing in due:
        for table in growing.tables:
            c.exec_driver_sql(f"ANALYZE {table}")
        note(c, growing.name, growing.rows(c))
    return True


def _due(c: sa.Connection) -> bool:
    return any(growing.is_due(c) for growing in GROUPS)


class Growing(NamedTuple):
    """Tables that grow together. `name`: under which their last number of rows is stored; `counted`: about how many they have."""

    name: str
    tables: tuple[str, ...]
    counted: sa.ScalarSelect[Any]

    def rows(self, c: sa.Connection) -> int:
        return int(c.execute(sa.select(sa.func.coalesce(self.counted, 0))).scalar_one())

    def is_due(self, c: sa.Connection) -> bool:
        return self.rows(c) >= max(FIRST, TIMES * (noted(c, self.name) or 0))


GROUPS = (
    Growing("analysed", CATALOGUE, sa.select(sa.func.sum(record_count.c.n)).scalar_subquery()),
    Growing("analysed_orders", SELLING, sa.select(sa.func.max(shop_order.c.id)).scalar_subquery()),
)
