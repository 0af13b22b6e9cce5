"""The order hook: one address per app key, called at every change of state that its filter lets through.

The configuration is tried with a ping. A call that is not answered with 200 in time is made again, at gaps that double. A configuration
without a notification for three days is gone. All of it runs on the sandbox clock.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from engate.testing.outgoing import Outgoing, Pump
from engate.testing.sandbox import Answer, Call, Faults, LedgerCounts
from engate_vtex_sandbox.feed import Step
from engate_vtex_sandbox.rules import common as common_rules
from engate_vtex_sandbox.rules import orders as order_rules
from engate_vtex_sandbox.rules.common import KEY_HEADER, document

KEPT = timedelta(days=3)
FIRST_GAP = timedelta(seconds=60)
ATTEMPTS = 9
"""The gaps between them double: the last one is after four hours."""
LATE = timedelta(seconds=10)
"""What is reordered comes so much later than it would."""
PING = b'{"hookConfig":"ping"}'
JSON = {"Content-Type": "application/json; charset=utf-8"}

NO_STEP = Step("", "", "", "")
"""The schema has a configuration answered with the shape of a notification."""


class Hook:
    """Of one app key."""

    def __init__(self, key: str, config: dict[str, Any], now: datetime) -> None:
        self.key, self.config, self.last_event_at = key, config, now

    @property
    def url(self) -> str:
        return self.config["hook"]["url"]

    def wants(self, state: str) -> bool:
        status = self.config["filter"]["status"]
        return not status or state in status


class Notice:
    """One notification. Every attempt sends the same bytes."""

    def __init__(self, hook: Hook, order: str, body: bytes, due: datetime) -> None:
        self.hook, self.order, self.body, self.due = hook, order, body, due
        self.attempts = 0


class Hooks:
    def __init__(self, account: str, now: Callable[[], datetime], faults: Faults, counts: Callable[[], LedgerCounts]) -> None:
        self.account, self.now, self.faults, self.counts = account, now, faults, counts
        self.hooks: dict[str, Hook] = {}
        self.pump: Pump[Notice] = Pump(now, self._send)

    # ---- operations ----

    async def configure(self, call: Call) -> Answer:
        body = document(call)
        common_rules.refuse_absent(body, "filter", "hook")
        chosen, hook = order_rules.filter_of(body["filter"]), body["hook"]
        order_rules.refuse_hook(hook)
        url: str = hook["url"]
        order_rules.refuse_insecure_hook(urlsplit(url))
        assert self.pump.outgoing is not None
        order_rules.refuse_hook_that_does_not_answer(await self.pump.outgoing.post(url, PING, JSON))
        key = call.headers[KEY_HEADER]
        config = {"filter": chosen, "hook": {"url": url, "headers": hook["headers"]}}
        self.forget(key)
        self.hooks[key] = Hook(key, config, self.now())
        return Answer(200, self._body(self.hooks[key], "", NO_STEP))

    def configuration(self, call: Call) -> Answer:
        return Answer(200, self._hook(call).config)

    def unconfigure(self, call: Call) -> Answer:
        self.forget(self._hook(call).key)
        return Answer(200)

    def _hook(self, call: Call) -> Hook:
        found = self._living(call.headers.get(KEY_HEADER, ""))
        order_rules.refuse_no_hook(found)
        assert found is not None
        return found

    def _living(self, key: str) -> Hook | None:
        hook = self.hooks.get(key)
        if hook is not None and self.now() - hook.last_event_at >= KEPT:
            self.forget(key)
            return None
        return hook

    def forget(self, key: str) -> None:
        self.hooks.pop(key, None)
        self.pump.waiting = [one for one in self.pump.waiting if one.hook.key != key]

    # ---- notifications ----

    def emit(self, number: int, order: str, step: Step, at: datetime) -> None:
        """One change of state. Event faults are keyed by the number of the sale."""
        for key in list(self.hooks):
            hook = self._living(key)
            if hook is None or not hook.wants(step.state):
                continue
            body = msgspec.json.encode(self._body(hook, order, step))
            self._notify(Notice(hook, order, body, at), str(number))

    def _body(self, hook: Hook, order: str, step: Step) -> dict[str, Any]:
        return {
            "Domain": "Fulfillment", "OrderId": order, "State": step.state, "LastState": step.last_state, "LastChange": step.last_change,
            "CurrentChange": step.current_change, "Origin": {"Account": self.account, "Key": hook.key},
        }  # fmt: skip

    def _notify(self, notice: Notice, number: str) -> None:
        effects = self.counts().effects
        if self.faults.event("drop_event", number):
            effects["events_dropped"] += 1
            return
        effects["events_emitted"] += 1
        if self.faults.event("reorder_event", number):
            effects["events_reordered"] += 1
            notice.due += LATE
        self.pump.put(notice)
        if self.faults.event("duplicate_event", number):
            effects["events_duplicated"] += 1
            self.pump.put(Notice(notice.hook, notice.order, notice.body, notice.due))

    async def _send(self, outgoing: Outgoing, notice: Notice) -> None:
        hook, effects = notice.hook, self.counts().effects
        if self.hooks.get(hook.key) is not hook:
            return
        status = await outgoing.post(hook.url, notice.body, {**JSON, **hook.config["hook"]["headers"]})
        notice.attempts += 1
        if status == 200:
            effects["webhooks_delivered"] += 1
            hook.last_event_at = self.now()
            return
        effects["webhooks_failed"] += 1
        if notice.attempts < ATTEMPTS:
            notice.due = self.now() + FIRST_GAP * 2 ** (notice.attempts - 1)
            self.pump.put(notice)

    def drop(self, order: str) -> int:
        """Loses every notification of an order that is on its way."""
        before = len(self.pump.waiting)
        self.pump.waiting = [one for one in self.pump.waiting if one.order != order]
        return before - len(self.pump.waiting)
