"""Waiting for an instant of the sandbox's clock, which runs by itself or is moved by the control protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

TURN = 1.0
"""Seconds of real time after which the clock is looked at again: it may run otherwise than real time."""


class Alarm:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Whoever waits looks again: the clock was moved, or there is something to do."""
        self._rung.set()
        self._rung = asyncio.Event()

    async def until(self, at: datetime) -> None:
        while (left := (at - self.now()).total_seconds()) > 0:
            await self.look(left)

    async def look(self, seconds: float = TURN) -> None:
        """Until it rings, or the next turn."""
        rung = self._rung
        with suppress(TimeoutError):
            await asyncio.wait_for(rung.wait(), min(seconds, TURN))
