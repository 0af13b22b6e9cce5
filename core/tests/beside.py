"""Two transactions at once."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from engate.store.db import Store


def waits_or_done(store: Store, work: Future[Any]) -> None:
    """Until it stands still before a lock on PostgreSQL, if it does."""
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with store.read() as watching:
        while not work.done() and not watching.exec_driver_sql(waits).scalar_one():
            watching.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
