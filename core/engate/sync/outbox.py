"""The outbox: what happened is written in the transaction in which it becomes true, and a lane of each target tells it, at least once.

Nothing is written where nobody wants to know. A message that fails goes again, later each time; those behind it are told meanwhile, unless
the next one fails too: then it is the target that is ill, and its lane backs off. Who does not take a message for days is left alone until
a person asks for a retry.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import uuid4

import sqlalchemy as sa
import structlog

from engate.clock import Clock
from engate.observers import NotToldError, Observers
from engate.store import archive, causes, lanes, orders, outbox, pushes
from engate.store.causes import Reason
from engate.store.db import Store
from engate.store.lanes import Claim
from engate.store.orders import OrderRow
from engate.store.outbox import Message, Target
from engate.sync.work import SLICE, Later, LeaseLost, Snapshot, Windows, Work
from engate.text import Text

OBSERVER = "observer"
ILL = 2
"""So many failures in a row are the target's doing, not the messages'."""
TRIES = 5
"""A message is not given up before so many tries, however old it is: engate itself may have been away."""
BUSY_PAUSE = 1.0
GIVEN_UP = "outbox.given_up"
log = structlog.get_logger("engate.outbox")


# ---- writing: inside the transaction of the step ----


class Outlet(NamedTuple):
    """Where an integration says what happened."""

    observers: Observers
    tenant_id: int
    integration_id: int

    def imported(self, c: sa.Connection, part: tuple[str, int], erp_key: str, now: float) -> None:
        """`part`: the shop's key of the order, and its number."""
        order, no = part
        self._observed(c, f"imported/{order}/{no}/{erp_key}", ("on_order_imported", {"order": order, "erp_keys": [erp_key]}), now)

    def attention(self, c: sa.Connection, what: str, cause: str, now: float) -> None:
        event = uuid4().hex  # the same thing may wait for the same reason again, later
        self._observed(c, f"attention/{event}", ("on_attention", {"what": what, "cause": cause, "event": event}), now)

    def run_finished(self, c: sa.Connection, run: Any, now: float) -> None:
        counts = {"read": run.entities, "changed": run.changed, "pushed": run.pushed}
        self._observed(c, f"run/{run.id}", ("on_run_finished", {"run": run.id, "flow": run.flow, "counts": counts}), now)

    def wanted(self, hook: str) -> bool:
        return bool(self.observers.of(hook))

    def _observed(self, c: sa.Connection, key: str, told: tuple[str, dict[str, Any]], now: float) -> None:
        """A message for each, so that one who fails keeps no other."""
        hook, event = told
        targets = [Target(self.integration_id, OBSERVER, name) for name in self.observers.of(hook)]
        outbox.write(c, self.tenant_id, [Message(each, key, {"hook": hook, "event": event}) for each in targets], now)


def outlet_of(work: Work) -> Outlet:
    return Outlet(work.registry.observers, work.tenant_id, work.integration_id)


def order_waits(c: sa.Connection, outlet: Outlet, order: tuple[OrderRow, str], reason: Reason | None, now: float) -> bool:
    """Why the order (its row, its key) waits. False: it waited for this already."""
    row, key = order
    is_new = orders.set_cause(c, row, reason, now)
    if is_new and reason is not None and reason.owner == "person":
        outlet.attention(c, f"order/{key}", reason.code, now)
    return is_new


def records_wait(c: sa.Connection, work: Work, kind: str, ids: Sequence[int]) -> None:
    """The storefront has refused these."""
    outlet = outlet_of(work)
    if ids and outlet.wanted("on_attention"):
        for key, code in pushes.waiting_for_people(c, ids):
            outlet.attention(c, f"{kind}/{key}", code, work.now())


# ---- telling: a lane of each target ----


class Post(NamedTuple):
    """What a slice of such a lane is given. It needs neither platform: what happened is told whatever state they are in."""

    store: Store
    clock: Clock
    windows: Windows
    snapshot: Snapshot
    claim: Claim
    lease: str
    observers: Observers

    @property
    def target(self) -> Target:
        return outbox.target_of(self.snapshot.id, self.claim.name)

    def now(self) -> float:
        return self.clock.now().timestamp()


class Tried(NamedTuple):
    """`error`: why it counts as not told; None: it was told."""

    row: Any
    error: str | None


class Next(NamedTuple):
    held: bool
    row: Any = None


async def outbox_slice(post: Post) -> Later:
    """Tells one after the other, oldest first, until nothing is due or the slice is over."""
    until, failures = time.monotonic() + SLICE, 0
    tried: Tried | None = None
    while True:
        held, row = await post.store.durably(lambda c, tried=tried: _next(c, post, tried))
        if not held:
            raise LeaseLost(post.claim.name)
        if row is None:
            return Later(due=await post.store.durably(lambda c: _end(c, post)))
        if failures == ILL:
            return Later(back_off=post.now() + post.windows.pause(post.claim.tries))
        if post.observers.is_busy(post.target.name):
            return Later(due=post.now() + BUSY_PAUSE)
        if not failures and time.monotonic() >= until:
            return Later(due=post.now())
        tried = Tried(row, await _tell(post, row))
        failures = 0 if tried.error is None else failures + 1


async def _tell(post: Post, row: Any) -> str | None:
    """None: told. Else why not."""
    if row.kind != OBSERVER:
        return f"a {row.kind} is nothing that this version can send"
    try:
        await post.observers.tell(row.target, row.payload["hook"], row.payload["event"])
    except NotToldError as error:
        return str(error)
    return None


def _next(c: sa.Connection, post: Post, tried: Tried | None) -> Next:
    """Keeps what became of the last one; then the next, if the lane is still ours."""
    if tried is not None and tried.error is None:
        outbox.sent(c, tried.row.id, post.now())  # also where somebody else has the lane by now: it was told
    if not lanes.held(c, post.claim.id, post.lease):
        return Next(held=False)
    if tried is not None and tried.error is not None:
        _failed(c, post, tried.row, tried.error)
    return Next(True, outbox.next_of(c, post.target, post.now()))


def _failed(c: sa.Connection, post: Post, row: Any, error: str) -> None:
    now = post.now()
    outbox.failed(c, row.id, now + post.windows.pause(row.tries), error)
    before = now - post.windows.outbox_most
    if row.tries + 1 < TRIES or row.created_at > before:
        return
    reason = _given_up(post.target)
    cause_id = causes.ensure(c, post.snapshot.tenant_id, post.snapshot.id, {reason}, now)[reason.key]
    count = outbox.give_up(c, post.target, before, cause_id)
    log.error("outbox_given_up", integration=post.snapshot.id, kind=post.target.kind, target=post.target.name, count=count, error=error)


def _end(c: sa.Connection, post: Post) -> float | None:
    """When something is due next. An archived integration that has told everything may go."""
    if post.snapshot.archived:
        archive.remove_if_over(c, post.snapshot.id, post.claim.id)
    return outbox.next_due(c, post.target)


def _given_up(target: Target) -> Reason:
    name = target.name
    return causes.own(
        GIVEN_UP, f"{target.kind}/{name}",
        Text(f"'{name}' não recebe o que o engate tem a avisar: as mensagens mais antigas não são mais tentadas.",
             f"'{name}' does not take what engate has to tell: the oldest messages are not tried any more."),
        Text("Corrija a extensão (o log do engate diz o erro) e peça nova tentativa: tudo será avisado.",
             "Mend the extension (engate's log has the error), then ask for a retry: everything will be told."),
    )  # fmt: skip
