"""How often this side may ask: what x-limit-api tells, by the minute, and a few batch calls of those (Olist FACTS section 1)."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from engate_webstore_sandbox.alarm import Alarm

MINUTE = timedelta(seconds=60)
BATCHES_A_MINUTE = 5
SHARE_AT_ONCE = 4
"""Of the limit, this part may be under way at the same time."""


class Window:
    """Calls of the last minute, of at most `most`; None: nobody has told yet."""

    def __init__(self, most: int | None) -> None:
        self.most = most
        self.taken: deque[datetime] = deque()

    def free_at(self, now: datetime) -> datetime:
        """When one more may go: now or later."""
        while self.taken and self.taken[0] <= now - MINUTE:
            self.taken.popleft()
        if not self.most or len(self.taken) < self.most:
            return now
        return self.taken[len(self.taken) - self.most] + MINUTE


class Pace:
    def __init__(self, alarm: Alarm) -> None:
        self.alarm = alarm
        self.all, self.batches = Window(None), Window(BATCHES_A_MINUTE)
        self.waits = 0

    def learn(self, told: str | None) -> None:
        """The header of an answer. 0, or what is no number, limits nothing."""
        if told is not None and told.strip().isascii() and told.strip().isdigit():
            self.all.most = int(told)

    async def turn(self, *, batch: bool) -> None:
        windows = [self.all, self.batches] if batch else [self.all]
        while True:
            now = self.alarm.now()
            free = max(window.free_at(now) for window in windows)
            if free <= now:
                break
            self.waits += 1
            await self.alarm.until(free)
        for window in windows:
            window.taken.append(now)

    def most_at_once(self, wanted: int) -> int:
        return max(1, min(wanted, self.all.most // SHARE_AT_ONCE)) if self.all.most else wanted
