"""A login that was refused, remembered: some platforms lock the user after a few wrong tries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from engate.clock import Clock
from engate.errors import AuthFailed


class Refused:
    """Kept by an `Auth`. While the refusal is younger than `cooling`, it is raised again without asking the platform."""

    def __init__(self, clock: Clock, cooling: timedelta) -> None:
        self._clock, self._cooling = clock, cooling
        self._error: AuthFailed | None = None
        self._at = datetime.min.replace(tzinfo=UTC)

    def check(self) -> None:
        """Call before a login. Raises the last refusal while it is remembered."""
        if self._error is not None and self._clock.now() < self._at + self._cooling:
            raise self._error

    def keep(self, error: AuthFailed) -> AuthFailed:
        """Remembers a refusal. Returns the error to raise."""
        self._error, self._at = error, self._clock.now()
        return error

    def forget(self) -> None:
        """Forgets the refusal: a login worked, or a person asks for a new try."""
        self._error = None
