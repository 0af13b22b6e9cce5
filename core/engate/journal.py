"""Prometheus: what was called, how long it took, and (set when somebody scrapes) how much waits. No label grows with data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

MOST_OPERATIONS = 400
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """One process's. Implements `engate.http.Journal`."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ("method", "operation")
        self._calls = Counter("engate_platform_calls", "Calls to platforms that ended", (*labels, "status"), registry=self._registry)
        self._seconds = Histogram("engate_platform_call_seconds", "How long they took", labels, buckets=BUCKETS, registry=self._registry)
        self._lanes = Gauge("engate_lanes_due", "Lanes that are due and that nobody works on", registry=self._registry)
        self._records = Gauge("engate_records", "Records by kind and state", ("kind", "state"), registry=self._registry)
        self._orders = Gauge("engate_orders", "Orders by state", ("state",), registry=self._registry)
        self._known: set[tuple[str, str]] = set()
        self._timer, self._counter = cache(self._seconds.labels), cache(self._calls.labels)
        """Looking up a child by its labels costs as much as counting."""

    def note(self, method: str, operation: str, status: int, seconds: float) -> None:
        """`status` 0: no answer. A plugin that names operations after data ends up in "other"."""
        place = (method, operation)
        if place not in self._known:
            if len(self._known) >= MOST_OPERATIONS:
                place = (method, "other")
            else:
                self._known.add(place)
        self._counter(*place, str(status)).inc()
        self._timer(*place).observe(seconds)

    def scraped(self, lanes_due: int, records: Mapping[tuple[str, str], int], orders: Mapping[str, int]) -> bytes:
        """Everything in the text format, with the gauges as just counted."""
        self._lanes.set(lanes_due)
        for gauge, counts in ((self._records, records), (self._orders, {(state,): n for state, n in orders.items()})):
            gauge.clear()
            for labels, count in counts.items():
                gauge.labels(*labels).set(count)
        return generate_latest(self._registry)
