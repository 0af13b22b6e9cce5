"""Writes what happened into the outbox, in the transaction in which it becomes true. `engate.sync.telling` sends it.

Nothing is written where there is no target.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

import sqlalchemy as sa

from engate.domain.reasons import Reason
from engate.logs import say_after
from engate.observers import Observers
from engate.store import orders, outbox, pushes, runs
from engate.store.orders import OrderRow
from engate.store.outbox import Message, Target
from engate.store.runs import Run
from engate.sync.work import SliceContext

OBSERVER = "observer"


class Entered(NamedTuple):
    """A part of an order (the shop's key) that the ERP has."""

    order: str
    no: int
    erp_key: str


class Waiting(NamedTuple):
    """What waits ("order/<key>", "<kind>/<key>"), and the code of its cause."""

    what: str
    cause: str


class Event(NamedTuple):
    """`key`: identifies the event within its integration; `said`: the other arguments of the observer's hook."""

    key: str
    said: dict[str, Any]


class Outlet(NamedTuple):
    """Where one integration writes what happened."""

    observers: Observers
    tenant_id: int
    integration_id: int

    def imported(self, c: sa.Connection, part: Entered, now: float) -> None:
        say_after(c, "order_in_erp", integration=self.integration_id, order=part.order, part=part.no, erp_key=part.erp_key)
        said = {"order": part.order, "erp_keys": [part.erp_key]}
        self._observed(c, "on_order_imported", [Event(f"imported/{part.order}/{part.no}/{part.erp_key}", said)], now)

    def attention(self, c: sa.Connection, waiting: Iterable[Waiting], now: float) -> None:
        if self.wanted("on_attention"):
            # a random key: the same thing may wait for the same reason again later
            self._observed(c, "on_attention", [Event(f"attention/{uuid4().hex}", each._asdict()) for each in waiting], now)

    def run_finished(self, c: sa.Connection, run: Run, now: float) -> None:
        if not self.wanted("on_run_finished"):
            return
        counts = {"read": run.entities, "changed": run.changed, "pushed": run.pushed, "waiting": runs.waiting(c, run.id)}
        said = {"run": run.id, "flow": run.flow, "counts": counts}
        self._observed(c, "on_run_finished", [Event(f"run/{run.id}", said)], now)

    def wanted(self, hook: str) -> bool:
        return bool(self.observers.of(hook))

    def _observed(self, c: sa.Connection, hook: str, events: Sequence[Event], now: float) -> None:
        """Writes a message for each observer, so that one that fails does not hold up the others."""
        targets = [Target(self.integration_id, OBSERVER, name) for name in self.observers.of(hook)]
        # observers hear of all integrations, and two integrations may have an order of the same number
        payloads = [(key, {"hook": hook, "event": {**said, "event": f"{self.integration_id}/{key}"}}) for key, said in events]
        outbox.write(c, self.tenant_id, [Message(target, key, payload) for key, payload in payloads for target in targets], now)


def outlet_of(work: SliceContext) -> Outlet:
    return Outlet(work.registry.observers, work.tenant_id, work.integration_id)


class KeyedOrder(NamedTuple):
    """An order and the shop's key of it."""

    row: OrderRow
    key: str


def order_waits(c: sa.Connection, outlet: Outlet, order: KeyedOrder, reason: Reason | None, now: float) -> bool:
    """Stores why the order waits. False: it waited for this already, and people have been told."""
    is_new = orders.set_cause(c, order.row, reason, now)
    if is_new and reason is not None:
        about = {"integration": order.row.integration_id, "order": order.key, "cause": reason.code, "owner": reason.owner}
        say_after(c, "order_waits", **about, error=reason.text.en)
    if reason is None or reason.owner != "person" or not is_new:
        return is_new
    if not orders.told(c, order.row):
        return False
    outlet.attention(c, [Waiting(f"order/{order.key}", reason.code)], now)
    return True


def records_wait(c: sa.Connection, work: SliceContext, kind: str, ids: Sequence[int]) -> None:
    """Tells observers that the storefront has refused these records."""
    outlet = outlet_of(work)
    if ids and outlet.wanted("on_attention"):
        waiting = [Waiting(f"{kind}/{key}", code) for key, code in pushes.waiting_for_people(c, ids)]
        outlet.attention(c, waiting, work.now())
