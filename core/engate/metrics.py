"""Prometheus: what this process called and worked on and how long it took, and (counted at each scrape) gauges of the installation. No
label grows with data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest

from engate.version import VERSION

MOST_OPERATIONS = 400
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "engate_dependency_up": ("1: it does its work; 0: it does not (storage: what is to be stored can be)", ("dependency",)),
    "engate_workers_alive": ("Processes that work on lanes and were heard of within the last seconds", ()),
    "engate_lanes_due": ("Lanes that are due and that nobody works on", ()),
    "engate_lanes_due_seconds": ("How long the one that waits longest has been due", ()),
    "engate_records": ("Records by kind and state", ("kind", "state")),
    "engate_orders": ("Orders by state", ("state",)),
    "engate_connections": ("Connections by health", ("health",)),
    "engate_causes": ("What is waited for, by who can end it", ("owner",)),
    "engate_backup_timestamp_seconds": ("When the last backup was made (seconds since 1970); 0: none yet", ()),
}
"""Gauges counted at each scrape: text and labels."""

Dependency = Literal["database", "storage", "redis"]
Outcome = Literal["done", "failed", "dropped", "lost", "cancelled"]
"""Of a slice."""
Counts = Mapping[Any, float]
"""The values of one gauge, by its labels: `{(): 3}` where it has none."""


class Metrics:
    """The metrics of one process. Implements `engate.http.Journal`."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ("method", "operation")
        self._calls = Counter("engate_platform_calls", "Calls to platforms that ended", (*labels, "status"), registry=self._registry)
        self._seconds = Histogram("engate_platform_call_seconds", "How long they took", labels, buckets=BUCKETS, registry=self._registry)
        self._slices = Counter("engate_slices", "Pieces of work that ended", ("lane", "outcome"), registry=self._registry)
        self._slice_seconds = Histogram("engate_slice_seconds", "How long they took", ("lane",), buckets=BUCKETS, registry=self._registry)
        self._dropped = Counter("engate_calls_dropped", "Calls that the journal of calls had no room for", registry=self._registry)
        ProcessCollector(registry=self._registry)
        Info("engate_build", "The version that this process runs", registry=self._registry).info({"version": VERSION})
        self._known: set[tuple[str, str]] = set()
        self._timer, self._counter = cache(self._seconds.labels), cache(self._calls.labels)
        """Looking up a child by its labels costs as much as counting."""

    def note(self, method: str, operation: str, status: int, seconds: float) -> None:
        """Counts a call. `status` 0: no answer. Operations that a plugin names after data are counted as "other"."""
        place = (method, operation)
        if place not in self._known:
            if len(self._known) >= MOST_OPERATIONS:
                place = (method, "other")
            else:
                self._known.add(place)
        self._counter(*place, str(status)).inc()
        self._timer(*place).observe(seconds)

    def worked(self, lane: str, outcome: Outcome, seconds: float) -> None:
        """Counts a slice, by the lane's name up to its first slash: the rest may be an order's key."""
        kind = lane.partition("/")[0]
        self._slices.labels(kind, outcome).inc()
        self._slice_seconds.labels(kind).observe(seconds)

    def calls_dropped(self, count: int) -> None:
        self._dropped.inc(count)

    def scraped(self, counted: Mapping[str, Counts]) -> bytes:
        """Everything in the text format, with these of `GAUGES` as just counted: one that is not given is not told."""
        now = CollectorRegistry()
        for name, counts in counted.items():
            words, labels = GAUGES[name]
            gauge = Gauge(name, words, labels, registry=now)
            for at, value in counts.items():
                (gauge.labels(*at) if labels else gauge).set(value)
        return generate_latest(self._registry) + generate_latest(now)
