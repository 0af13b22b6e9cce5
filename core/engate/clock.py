"""Time as a parameter: due dates, watermarks and delays read a Clock; leases and request rates read real time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told; for tests and for sandboxes under their control protocol. `start`: aware."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("ManualClock needs an aware datetime")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        """Forward by a `timedelta`. (The control protocol's `advance` takes seconds.)"""
        if by < timedelta(0):
            raise ValueError("time only moves forward")
        self._now += by


class ShiftedClock:
    """Real time plus an offset that can be advanced: a sandbox on real time whose delays can still be skipped."""

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self._offset = offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def advance(self, by: timedelta) -> None:
        """Forward by a `timedelta`."""
        if by < timedelta(0):
            raise ValueError("time only moves forward")
        self._offset += by
