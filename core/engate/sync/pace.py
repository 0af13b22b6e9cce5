"""How many records a push gets at a time: as many as the storefront's hook takes, or fewer where each takes long, but not too few."""

from __future__ import annotations

TARGET = 2.5
"""Seconds that a batch should take: half a slice, so that a lane ends its slice soon and overhead stays small."""

SHARE = 8
"""A batch is at least this fraction of what the hook takes: a slow storefront that takes bulk loads still gets large batches."""

FIRST = 40
"""Seconds for one record while nothing has been measured yet."""

PROBE = 5
"""Size of the next batch after the storefront answered nothing at all."""

Key = tuple[int, str]
"""(integration, kind)"""


class Pace:
    """What one runner has measured. Each runner measures on its own."""

    def __init__(self) -> None:
        self._each: dict[Key, float] = {}  # seconds for one record, over the last batches
        self._doubtful: set[Key] = set()

    def size(self, key: Key, most: int) -> int:
        if key in self._doubtful:
            return min(PROBE, most)
        least = max(1, most // SHARE)
        each = self._each.get(key)
        wanted = FIRST if each is None else most if each * most <= TARGET else int(TARGET / each)
        return max(least, min(wanted, most))

    def doubtful(self, key: Key) -> bool:
        return key in self._doubtful

    def took(self, key: Key, records: int, seconds: float) -> None:
        """A batch of so many records was answered in so many seconds."""
        self._doubtful.discard(key)
        each, before = seconds / records, self._each.get(key)
        self._each[key] = each if before is None else (each + before) / 2

    def silent(self, key: Key) -> None:
        """Nothing was answered: its time is not a measurement."""
        self._doubtful.add(key)
