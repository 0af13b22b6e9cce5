"""Answers of costly counts are kept for a while, so that counting takes at most a twentieth of the time, however many ask. The time of
garbage collections is left out: they are of the whole process."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import sqlalchemy as sa

from engate.store.db import Store

T = TypeVar("T")
FREE = 0.010
"""Seconds. Answers that cost less are not kept."""
TIMES = 20
"""An answer that cost more is good for so many times as long as it took: 300 ms for 6 s."""
MOST = 500


class _Collections(threading.local):
    """Seconds that this thread has spent collecting garbage. Python charges a whole collection, which takes a second where there are
    millions of objects, to whoever made the last of them."""

    spent = began = 0.0

    def note(self, phase: str, _: object) -> None:
        now = time.thread_time()
        if phase == "start":
            self.began = now
        else:
            self.spent += now - self.began


COLLECTIONS = _Collections()
gc.callbacks.append(COLLECTIONS.note)


class Tempered:
    """Answers of costly counts, kept for a time that grows with their cost. One per process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._under_way: dict[Hashable, asyncio.Task[Any]] = {}
        self._known: dict[Hashable, tuple[float, Any]] = {}  # what was asked -> (until when it is good, the answer)

    async def get(self, asked: Hashable, work: Callable[[sa.Connection], T]) -> T:
        """Those who ask the same at once share one answer. `asked` names tenant and integration: nobody gets another's."""
        known = self._known.get(asked)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        task = self._under_way.get(asked)
        if task is None:
            task = self._under_way[asked] = asyncio.create_task(self._count(asked, work))
            task.add_done_callback(lambda done: self._ended(asked, done))
        return await asyncio.shield(task)

    async def _count(self, asked: Hashable, work: Callable[[sa.Connection], T]) -> T:
        def timed(c: sa.Connection) -> tuple[T, float]:
            # SQLite works in this thread: CPU time of the thread does not depend on the load of the machine
            clock = time.thread_time if self._store.sqlite else time.monotonic
            began, collecting = clock(), COLLECTIONS.spent
            found = work(c)
            return found, clock() - began - (COLLECTIONS.spent - collecting)

        found, took = await self._store.viewing(timed)
        self._known.pop(asked, None)
        if took > FREE:
            if len(self._known) >= MOST:
                self._known.pop(next(iter(self._known)))
            self._known[asked] = (time.monotonic() + TIMES * took, found)
        return found

    def _ended(self, asked: Hashable, done: asyncio.Task[Any]) -> None:
        del self._under_way[asked]
        if not done.cancelled():
            done.exception()  # marks the exception as retrieved: the callers get it from the task
