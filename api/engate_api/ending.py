"""How a process ends: in order, and within a time that is stated, whatever hangs: a platform, the database, a client, a plugin."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager
from queue import SimpleQueue
from typing import Any

from engate.logs import say

LONGEST = 30.0
"""Seconds from SIGTERM to the end of the process. What is done in order takes less; whoever started us (systemd, Docker) waits longer."""
HTTP, WORK = 5.0, 8.0
"""Seconds of them for requests that are being answered, and for work that is being given back. The database's own are in its store."""


class End:
    """Of one process, made in its event loop. It begins with SIGTERM or SIGINT, or when somebody calls `begin`."""

    def __init__(self, longest: float = LONGEST) -> None:
        # a signal may come at any line, also while another thread holds a lock: this queue has none that would matter
        self._asked: SimpleQueue[None] = SimpleQueue()
        self._begun = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._watch, args=(longest,), daemon=True, name="end").start()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._signalled)

    def _signalled(self, _number: int, _frame: object) -> None:
        self.begin()

    def begin(self) -> None:
        self._asked.put(None)

    async def begun(self) -> None:
        await self._begun.wait()

    def _watch(self, longest: float) -> None:
        """In a thread of its own: the event loop may be what hangs."""
        self._asked.get()
        self._loop.call_soon_threadsafe(self._begun.set)
        time.sleep(longest)
        # in a thread of its own: writing the log may hang too
        saying = threading.Thread(target=lambda: say("end_forced", seconds=longest), daemon=True)
        saying.start()
        saying.join(1.0)
        os._exit(1)


@asynccontextmanager
async def working(*work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Runs tasks beside the block, and cancels them at its end."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        await ended(tasks)


async def ended(tasks: Sequence[asyncio.Task[Any]], again: float = 5.0, longest: float = WORK) -> None:
    """Cancels a task again that does not end: a library may swallow a cancellation, and the process would go on after SIGTERM. A task
    that has not ended after `longest` seconds is left alone: what it waits for is closed next."""
    until = time.monotonic() + longest
    while left := [task for task in tasks if not task.done()]:
        if time.monotonic() >= until:
            say("end_cut", what="work", seconds=longest)
            return
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=min(again, max(0.0, until - time.monotonic())))
