"""What happens to an order is told when it happens, in its turn; lost, doubled and reordered as faults say (keyed by the sale)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from engate.testing.sandbox import Faults, LedgerCounts
from engate_webstore_sandbox.alarm import Alarm
from engate_webstore_sandbox.sales import Order


class Event(NamedTuple):
    order: Order
    times: int


class Events:
    def __init__(self, faults: Faults, alarm: Alarm, counts: Callable[[], LedgerCounts]) -> None:
        self.faults, self.alarm, self.counts = faults, alarm, counts
        self.waiting: deque[Event] = deque()
        self.held: list[Event] = []  # reordered: they go after the next one

    def tell(self, order: Order) -> None:
        key, effects = str(order.sale), self.counts().effects
        if self.faults.event("drop_event", key):
            effects["events_dropped"] += 1
            return
        effects["events_emitted"] += 1
        twice = self.faults.event("duplicate_event", key)
        effects["events_duplicated"] += twice
        event = Event(order, 2 if twice else 1)
        if self.faults.event("reorder_event", key):
            effects["events_reordered"] += 1
            self.held.append(event)
            return
        self.waiting += [event, *self.held]
        self.held.clear()
        self.alarm.ring()

    def release(self) -> None:
        """The clock moved: what waited for another event goes now."""
        self.waiting += self.held
        self.held.clear()

    def next(self) -> Event | None:
        return self.waiting.popleft() if self.waiting else None

    def holds(self, order: Order) -> bool:
        return any(event.order is order for event in (*self.waiting, *self.held))

    def lose(self, order: Order) -> int:
        before = len(self.waiting) + len(self.held)
        self.waiting = deque(event for event in self.waiting if event.order is not order)
        self.held = [event for event in self.held if event.order is not order]
        return before - len(self.waiting) - len(self.held)
