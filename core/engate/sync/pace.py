"""How many records a push gets at a time: as many as the storefront's hook takes, or fewer where each takes long, but never a crumb."""

from __future__ import annotations

TARGET = 2.5
"""Seconds that a batch should take: half a slice, so that a lane gives way soon and is still mostly at work."""

SHARE = 8
"""A batch is at least this part of what the hook takes: a storefront that takes bulk loads is not fed in crumbs because it is slow."""

FIRST = 40
"""Nothing is known yet."""

PROBE = 5
"""After the storefront answered nothing at all, it is asked with a few."""

Key = tuple[int, str]
"""(integration, kind)"""


class Pace:
    """What one runner has measured. Several of them learn on their own."""

    def __init__(self) -> None:
        self._each: dict[Key, float] = {}  # seconds a record, of the last batches
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
        """A batch was answered."""
        self._doubtful.discard(key)
        each, before = seconds / records, self._each.get(key)
        self._each[key] = each if before is None else (each + before) / 2

    def silent(self, key: Key) -> None:
        """Nothing was answered: how long it took says nothing."""
        self._doubtful.add(key)
