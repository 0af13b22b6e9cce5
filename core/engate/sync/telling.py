"""Sends what the outbox holds, at least once, with a lane for each target. Observers are called, buyers get an e-mail.

A failed message is tried again with growing pauses. Those behind it are told meanwhile; if the next ones fail too, the target is at fault
and its lane backs off. A message that fails for days is given up until a person asks for a retry.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.clock import Clock
from engate.domain import reasons
from engate.domain.reasons import Reason
from engate.domain.snapshot import Snapshot
from engate.errors import AuthFailed, EngateError
from engate.logs import say, say_after
from engate.observers import NotToldError
from engate.store import archive, causes, lanes, orders, outbox
from engate.store.db import Store
from engate.store.lanes import Claim
from engate.store.orders import Line
from engate.store.outbox import Failure, Target
from engate.sync import mailing
from engate.sync.mailing import MAIL, Mailman
from engate.sync.registry import Registry
from engate.sync.work import SLICE, Delays, LeaseLost, NextTurn
from engate.text import Text

ILL = 2
"""So many failures in a row mean that the target fails, not the messages."""
TRIES = 5
"""Nothing is given up before so many tries, however old it is: engate itself may have been stopped."""
LOOK_AGAIN = 1.0
"""Seconds after which to look again whether an archived integration can be removed."""
GIVEN_UP = "outbox.given_up"
BROKE = EngateError(
    Text("O engate não conseguiu montar a mensagem.", "engate could not make the message."),
    Text("Veja o log do engate.", "See engate's log."),
    code="outbox.broke",
)


class Post(NamedTuple):
    """The context of an outbox slice. It needs neither platform: messages are sent whatever state the platforms are in."""

    store: Store
    clock: Clock
    delays: Delays
    snapshot: Snapshot
    claim: Claim
    lease: str
    registry: Registry

    @property
    def mailman(self) -> Mailman:
        return Mailman(self.store, self.registry.vault, self.snapshot)

    @property
    def busy(self) -> bool:
        """Whether other slices already use the target's share of slots."""
        if self.target.kind == MAIL:
            return self.registry.letters[self.snapshot.tenant_id] >= mailing.TOGETHER
        return self.registry.observers.is_busy(self.target.name)

    @property
    def target(self) -> Target:
        return outbox.target_of(self.snapshot.id, self.claim.name)

    def now(self) -> float:
        return self.clock.now().timestamp()

    def longer(self) -> NextTurn:
        """The next turn after a pause that grows with each failed try in a row."""
        return NextTurn(back_off=self.now() + self.delays.pause(self.claim.tries))


class Told(NamedTuple):
    """`error`: why it was not told; None: it was told, or no longer needed. `line`: the line for the order's timeline."""

    error: NotToldError | EngateError | None = None
    line: Line | None = None


class Tried(NamedTuple):
    """`failures`: how many in a row, including this one."""

    row: Any
    told: Told
    failures: int


class Next(NamedTuple):
    held: bool
    row: Any = None


async def outbox_slice(post: Post) -> NextTurn:
    """Sends one message after the other, oldest first, until nothing is due or the slice is over."""
    until, failures = time.monotonic() + SLICE, 0
    tried: Tried | None = None
    while True:
        held, row = await post.store.durably(lambda c, tried=tried: _next(c, post, tried))
        if not held:
            raise LeaseLost(post.claim.name)
        if row is None:
            return NextTurn(due=await post.store.durably(lambda c: _end(c, post)))
        if failures == ILL or post.busy:
            return post.longer()
        if not failures and time.monotonic() >= until:
            return NextTurn(due=post.now())
        told = await _tell(post, row)
        failures = 0 if told.error is None else failures + 1
        tried = Tried(row, told, failures)


async def _tell(post: Post, row: Any) -> Told:
    try:
        if row.kind == MAIL:
            return Told(line=await _mail(post, row))
        await post.registry.observers.tell(row.target, row.payload["hook"], row.payload["event"])
    except (NotToldError, EngateError) as error:
        return Told(error)
    except Exception as error:  # a letter that cannot be written does not hold up the others
        say("message_broke", integration=post.snapshot.id, kind=row.kind, error=type(error).__name__)
        return Told(BROKE)
    return Told()


async def _mail(post: Post, row: Any) -> Line | None:
    letters, tenant_id = post.registry.letters, post.snapshot.tenant_id
    letters[tenant_id] += 1
    try:
        return await mailing.post(post.mailman, row, post.clock.now())
    finally:
        letters[tenant_id] -= 1


def _next(c: sa.Connection, post: Post, tried: Tried | None) -> Next:
    """Stores the outcome of the last message. Returns the next one if the lane is still ours."""
    if tried is not None and tried.told.error is None:
        # also where another process has the lane by now: it was told
        outbox.sent(c, tried.row.id, post.now())
        if tried.row.cause_id is not None:
            causes.end(c, tried.row.cause_id)  # others that still fail make the cause anew
        if tried.told.line is not None:
            post.mailman.line(c, tried.row, tried.told.line, post.now())
    if not lanes.leased(c, post.claim.id, post.lease):
        return Next(held=False)
    if tried is not None and tried.told.error is not None:
        _failed(c, post, tried, tried.told.error)
    return Next(True, outbox.next_of(c, post.target, post.now()))


def _failed(c: sa.Connection, post: Post, tried: Tried, error: NotToldError | EngateError) -> None:
    now = post.now()
    shown = _shown(error, tried)
    cause_id = _cause(c, post, shown) if shown is not None else None
    if cause_id is not None and tried.row.kind == MAIL:
        _about(c, post, tried, cause_id)
    outbox.failed(c, tried.row.id, now + post.delays.pause(tried.row.tries), Failure(str(error), cause_id))
    about = {"integration": post.snapshot.id, "kind": post.target.kind, "target": post.target.name}
    say_after(c, "message_failed", **about, tries=tried.row.tries + 1, error=str(error))
    if isinstance(error, AuthFailed) and cause_id is not None:
        outbox.give_up(c, [tried.row.id], cause_id, now)  # a person must correct the server first; a retry brings the message back
        return
    hopeless = _hopeless(c, post, tried, now - post.delays.outbox_most)
    if not hopeless:
        return
    target = post.target
    outbox.give_up(c, hopeless, _cause(c, post, _given_up(target)), now)
    say_after(c, "outbox_given_up", **about, count=len(hopeless), error=str(error))


def _about(c: sa.Connection, post: Post, tried: Tried, cause_id: int) -> None:
    """Links the cause to the order: the server's words in it may name the buyer."""
    order_id = orders.id_of(c, post.snapshot.id, tried.row.payload["order"])
    if order_id is not None:
        causes.waited(c, order_id, cause_id)


def _cause(c: sa.Connection, post: Post, reason: Reason) -> int:
    return causes.ensure(c, post.snapshot.tenant_id, post.snapshot.id, {reason}, post.now())[reason.key]


def _shown(error: NotToldError | EngateError, tried: Tried) -> Reason | None:
    """Why letters do not go out, shown from the second failure on. For observers only messages that were given up are shown."""
    if isinstance(error, NotToldError) or (tried.row.tries == 0 and not isinstance(error, AuthFailed)):
        return None
    return mailing.reason_of(error)


def _hopeless(c: sa.Connection, post: Post, tried: Tried, before: float) -> list[int]:
    """Ids to give up: a message that has failed for days. Where the target takes nothing at all: all as old, some at a time."""
    if tried.failures >= ILL and post.claim.tries >= TRIES:
        return outbox.as_old_as(c, post.target, before)
    row = tried.row
    return [row.id] if row.tries + 1 >= TRIES and row.since <= before else []


def _end(c: sa.Connection, post: Post) -> float | None:
    """Returns when something is due next. Removes an archived integration that has told everything."""
    id = post.snapshot.id
    if post.snapshot.archived and not archive.remove_if_over(c, id, post.claim.id) and archive.is_over(c, id):
        return post.now() + LOOK_AGAIN  # another of its lanes is ending now, and may have looked before the last message was told
    return outbox.next_due(c, post.target)


def _given_up(target: Target) -> Reason:
    name = target.name
    if target.kind == MAIL:
        return reasons.own(
            GIVEN_UP, MAIL,
            Text("O servidor de e-mail não aceita o que o engate tem a enviar aos clientes: os e-mails mais antigos não são mais tentados.",
                 "The mail server does not take what engate has to send to buyers: the oldest e-mails are not tried any more."),
            Text("Confira o servidor de e-mail e peça nova tentativa: todos serão enviados.",
                 "Check the mail server, then ask for a retry: all will be sent."),
        )  # fmt: skip
    return reasons.own(
        GIVEN_UP, f"{target.kind}/{name}",
        Text(f"'{name}' não recebe o que o engate tem a avisar: as mensagens mais antigas não são mais tentadas.",
             f"'{name}' does not take what engate has to tell: the oldest messages are not tried any more."),
        Text("Corrija a extensão (o log do engate diz o erro) e peça nova tentativa: tudo será avisado.",
             "Mend the extension (engate's log has the error), then ask for a retry: everything will be told."),
    )  # fmt: skip
