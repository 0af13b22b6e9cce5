"""Order feed v3: one queue per app key, at least once, unordered.

Only events after the configuration enter it. What is read stays invisible for the visibility timeout and comes back unless it is
committed by the handle of that very reading. Events die after the retention period, and so does a configuration without new events.
All of it runs on the sandbox clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from engate.testing.sandbox import Answer, Call, Faults, LedgerCounts
from engate_vtex_sandbox.rules import common as common_rules
from engate_vtex_sandbox.rules import orders as order_rules
from engate_vtex_sandbox.rules.common import KEY_HEADER, document


class Message:
    __slots__ = ("at", "event", "handle", "readings", "visible_at")

    def __init__(self, event: dict[str, str], at: datetime) -> None:
        self.event = event
        self.at = at
        self.visible_at = at
        self.handle = ""
        self.readings = 0


class Queue:
    def __init__(self, config: dict[str, Any], now: datetime) -> None:
        self.config = config
        self.last_event_at = now
        self.ready: deque[Message] = deque()
        self.hidden: deque[Message] = deque()
        self.held: Message | None = None  # a reordered event waits for the next one to overtake it

    @property
    def visibility(self) -> timedelta:
        return timedelta(seconds=self.config["queue"]["visibilityTimeoutInSeconds"])

    @property
    def retention(self) -> timedelta:
        return timedelta(seconds=self.config["queue"]["messageRetentionPeriodInSeconds"])

    def wants(self, state: str) -> bool:
        status = self.config["filter"]["status"]
        return not status or state in status

    def put(self, message: Message, now: datetime) -> None:
        self.last_event_at = now
        self.ready.append(message)
        if self.held is not None:
            self.ready.append(self.held)
            self.held = None

    def hold(self, message: Message, now: datetime) -> None:
        before, self.held = self.held, None
        if before is not None:
            self.put(before, now)
        self.last_event_at = now
        self.held = message

    def read(self, most: int, now: datetime) -> list[Message]:
        self._surface(now)
        found: list[Message] = []
        while self.ready and len(found) < most:
            message = self.ready.popleft()
            if now - message.at >= self.retention:
                continue
            message.readings += 1
            message.handle = f"{message.event['eventId']}.{message.readings}"
            message.visible_at = now + self.visibility
            self.hidden.append(message)
            found.append(message)
        return found

    def commit(self, handles: set[str]) -> int:
        """By the handles of the last reading; as long as nobody read it again, also after the timeout."""
        before = len(self.hidden)
        self.hidden = deque(message for message in self.hidden if message.handle not in handles)
        done = before - len(self.hidden)
        if done < len(handles):
            before = len(self.ready)
            self.ready = deque(message for message in self.ready if message.handle not in handles)
            done += before - len(self.ready)
        return done

    def drop(self, order: str) -> int:
        """Loses every event of an order."""
        before = len(list(self.messages()))
        self.ready = deque(message for message in self.ready if message.event["orderId"] != order)
        self.hidden = deque(message for message in self.hidden if message.event["orderId"] != order)
        if self.held is not None and self.held.event["orderId"] == order:
            self.held = None
        return before - len(list(self.messages()))

    def messages(self) -> Iterator[Message]:
        yield from self.ready
        yield from self.hidden
        if self.held is not None:
            yield self.held

    def _surface(self, now: datetime) -> None:
        """Lets what was read and not committed come back."""
        if self.held is not None and not self.ready:
            self.ready.append(self.held)
            self.held = None
        still: deque[Message] = deque()
        for message in self.hidden:
            (self.ready if message.visible_at <= now else still).append(message)
        self.hidden = still


class Step(NamedTuple):
    """One change of an order's state, and when it and the one before were."""

    last_state: str
    state: str
    last_change: str
    current_change: str


class Feed:
    def __init__(self, now: Callable[[], datetime], settle: Callable[[], None], faults: Faults, counts: Callable[[], LedgerCounts]) -> None:
        """`settle` lets every order whose window has ended move on, before anything is read."""
        self.now = now
        self.settle = settle
        self.faults = faults
        self.counts = counts
        self.queues: dict[str, Queue] = {}
        self._events = 0

    # ---- operations ----

    def configure(self, call: Call) -> Answer:
        body = document(call)
        common_rules.refuse_absent(body, "filter", "queue")
        chosen, queue = order_rules.filter_of(body["filter"]), body["queue"]
        order_rules.refuse_queue(queue)
        order_rules.refuse_visibility(queue.get("visibilityTimeoutInSeconds"))
        order_rules.refuse_retention(queue.get("MessageRetentionPeriodInSeconds"))
        config = {
            "filter": chosen,
            "queue": {
                "visibilityTimeoutInSeconds": queue["visibilityTimeoutInSeconds"],
                "messageRetentionPeriodInSeconds": queue["MessageRetentionPeriodInSeconds"],
            },
        }
        known = self._queue(call)
        if known is None:
            self.queues[call.headers[KEY_HEADER]] = Queue(config, self.now())
        else:
            known.config = config
        return Answer(200)

    def configuration(self, call: Call) -> Answer:
        queue = self.queue(call)
        now = self.now()
        ages = [(now - message.at).total_seconds() for message in queue.messages()]
        return Answer(200, {**queue.config, "quantity": len(ages), "approximateAgeOfOldestMessageInSeconds": max(ages, default=0.0)})

    def unconfigure(self, call: Call) -> Answer:
        self.queue(call)
        del self.queues[call.headers[KEY_HEADER]]
        return Answer(200)

    def read(self, call: Call) -> Answer:
        order_rules.refuse_lot(call.query.get("maxlot"))
        queue = self.queue(call)
        found = queue.read(int(call.query["maxlot"]), self.now())
        return Answer(200, [{**message.event, "handle": message.handle} for message in found])

    def commit(self, call: Call) -> Answer:
        """Handles that are unknown or out of date are passed over."""
        queue = self.queue(call)
        body = document(call)
        order_rules.refuse_handles(body.get("handles"))
        self.counts().effects["events_committed"] += queue.commit(set(body["handles"]))
        return Answer(200, wrote=False)  # an acknowledgement: nothing of the shop changed

    def queue(self, call: Call) -> Queue:
        self.settle()
        queue = self._queue(call)
        order_rules.refuse_no_feed(queue)
        assert queue is not None
        return queue

    def _queue(self, call: Call) -> Queue | None:
        """The queue of the caller's app key; a configuration without new events for the retention period is gone."""
        key = call.headers.get(KEY_HEADER, "")
        queue = self.queues.get(key)
        if queue is not None and self.now() - queue.last_event_at >= queue.retention:
            del self.queues[key]
            return None
        return queue

    # ---- events ----

    def emit(self, number: int, order: str, step: Step, at: datetime) -> None:
        """One change of state, into every queue whose filter lets it through. Event faults are keyed by the number of the sale."""
        self._events += 1
        state = step.state
        event = {
            "eventId": f"{self._events:032X}", "domain": "Fulfillment", "state": state, "lastState": step.last_state, "orderId": order,
            "lastChange": step.last_change, "currentChange": step.current_change,
        }  # fmt: skip
        effects = self.counts().effects
        for queue in self.queues.values():
            if at - queue.last_event_at >= queue.retention or not queue.wants(state):
                continue
            key = str(number)
            if self.faults.event("drop_event", key):
                effects["events_dropped"] += 1
                continue
            effects["events_emitted"] += 1
            if self.faults.event("reorder_event", key):
                queue.hold(Message(event, at), at)
                continue
            queue.put(Message(event, at), at)
            if self.faults.event("duplicate_event", key):
                effects["events_duplicated"] += 1
                self._events += 1
                queue.put(Message({**event, "eventId": f"{self._events:032X}"}, at), at)
