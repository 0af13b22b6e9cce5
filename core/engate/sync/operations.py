"""Operations that outlast the call that began them: the storefront accepted a batch and works on it, and a lane asks for the outcome.

The ticket is stored in the transaction that settles the push, before its records can be claimed again. While the operation is open they
are under way, and a changed `want` waits until it is over. If the process dies between the call and that transaction, the effect on the
records is unknown, as after every push.
"""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from engate.domain.effective import AWAITING, blank
from engate.domain.reasons import Reason
from engate.errors import EngateError, PluginFault, Unknown
from engate.model import Batch, Item
from engate.model.kinds import KINDS, Kind
from engate.store import lanes, operations
from engate.store.blobs import pack, readable
from engate.store.operations import Begun, Open, Sent
from engate.sync.settling import NOBODY_SAID, Told, Was, settle
from engate.sync.work import LeaseLost, NextTurn, SliceContext
from engate.text import Text


def uncheckable(work: SliceContext, kind: Kind) -> PluginFault | None:
    """The fault of a plugin that defers a push but cannot check its outcome; None where it can."""
    if work.coupling.can(kind.check_hook):
        return None
    return PluginFault(
        Text(
            f"O plugin deixou o envio com a loja e não tem {kind.check_hook}, que diria o resultado.",
            f"The plugin left the push with the storefront and has no {kind.check_hook}, which would tell its outcome.",
        ),
        Text("Avise o autor do plugin.", "Tell the plugin's author."),
    )


def any_open(c: sa.Connection, integration_id: int, kind: Kind) -> bool:
    return operations.any_open(c, integration_id, kind.name)


def keep(c: sa.Connection, work: SliceContext, kind: Kind, told: Told, marked_at: float) -> None:
    """Stores the operation. The records that the push hook deferred wait for it."""
    assert told.batch.ticket is not None
    ticket, due = told.batch.ticket
    sent = [_sent(item, told.was[item.key]) for item in told.batch.unreported()]
    if not sent:
        return
    now = work.now()
    begun = Begun(kind.name, ticket, sent, marked_at, now, now + work.delays.operation_most)
    id = operations.keep(c, work.tenant_id, work.integration_id, begun)
    if id is not None:
        work.wake(c, (operations.lane_of(kind.name, id), kind.priority), at=now + due)


def _sent(item: Item[object], was: Was) -> Sent:
    return Sent(
        was.id,
        item.key,
        pack(item.want),
        was.digest,
        item.turn,
        item.remote,
        item.more,
        dict(item.refs),
        item.uncertain,
        item.unfinished,
        tuple(sorted(item.kept)),
        was.tries,
        was.awaiting or False,
        was.as_read,
        was.turned,
        tuple(sorted(was.own)),
    )


async def check_slice(work: SliceContext, rest: str) -> NextTurn:
    """Asks once for the outcome. `rest`: kind and number of the operation."""
    name, _, number = rest.partition("/")
    kind = KINDS[name]
    found = await work.store.reading(lambda c: operations.find(c, work.integration_id, int(number)))
    if found is None:
        return NextTurn()
    told = _told(kind, found)
    if work.now() >= found.until or not told.batch.items:
        given_up = told._replace(rest=_endless(found))
        await work.store.durably(lambda c: _end(c, work, kind, found, given_up))
        return NextTurn()
    await work.store.durably(work.must_have_lease)
    seconds: float | None = 0.0
    failure: EngateError | None = None
    held = False
    try:
        seconds = await getattr(work.coupling.storefront, kind.check_hook)(found.ticket, told.batch)
        if seconds is None:
            told = told._replace(rest=NOBODY_SAID)
    except EngateError as error:
        failure = error
    finally:
        # outcomes reported before a failure or a cancellation count
        held = await asyncio.shield(work.store.durably(lambda c: _end(c, work, kind, found, told)))
    if not held:
        raise LeaseLost(work.claim.name)
    if failure is not None:
        raise failure
    work.answered = True
    return NextTurn(due=None if seconds is None else work.now() + seconds)


def _told(kind: Kind, found: Open) -> Told:
    items: list[Item[object]] = []
    was: dict[str, Was] = {}
    for each in found.sent:
        doc = readable(each.doc, kind.struct)
        if doc is None:
            continue  # released with unknown effect when the operation ends
        items.append(
            Item(
                each.key,
                doc,
                remote=each.remote,
                refs=each.refs,
                uncertain=each.uncertain,
                unfinished=each.unfinished,
                kept=frozenset(each.kept),
                id=each.id,
                more=each.more,
                turn=each.turn,
            )
        )
        awaiting = each.awaiting if isinstance(each.awaiting, Reason) else AWAITING if each.awaiting else None
        own = frozenset(each.own)
        accepted = blank(doc, own)
        was[each.key] = Was(
            each.id,
            found.keys[each.id],
            accepted,
            each.digest,
            each.remote,
            each.more,
            each.tries,
            awaiting,
            each.as_read,
            each.turned,
            own,
        )
    return Told(Batch(items, ticket=(found.ticket, 0.0)), was, None)


def _end(c: sa.Connection, work: SliceContext, kind: Kind, found: Open, told: Told) -> bool:
    """Settles the items that have an outcome; with none left the operation is over. False: another process has the lane and asks again."""
    if not lanes.leased(c, work.claim.id, work.lease):
        return False
    if operations.find(c, work.integration_id, found.id) is None:
        return True
    done = settle(c, work, kind, told)
    operations.release(c, found.id, done)
    over = told.rest is not None or len(done) == len(told.batch.items)
    if over:
        operations.end(c, found.id)
    if done or over:  # records that changed or gathered meanwhile can go, and a run may be over
        work.wake(c, (f"push/{kind.name}", kind.priority))
    return True


def _endless(found: Open) -> Unknown:
    hours = (found.until - found.started_at) / 3600
    return Unknown(
        Text(
            f"A loja não terminou a operação {found.ticket} em {hours:g} h: não se sabe o que ela fez.",
            f"The storefront did not end the operation {found.ticket} within {hours:g} h: what it did is not known.",
        ),
        Text("O engate confere antes de reenviar.", "engate looks before sending again."),
        code="operation.endless",
    )
