"""Importing one part, exactly once in effect: look, promise, send; when the effect is unknown, wait and look again before any resend."""

from __future__ import annotations

import sqlalchemy as sa

from engate.domain import reasons
from engate.domain.next_step import refused
from engate.domain.orders import Part, Stored, Task
from engate.domain.reasons import Reason
from engate.errors import AuthFailed, EngateError, NotSent, Rejected
from engate.logs import say_after
from engate.model import Found, Imported, Unsure
from engate.store import orders, tasks
from engate.sync.outbox import Entered, KeyedOrder, Waiting, order_waits, outlet_of
from engate.sync.stock import Share, follow
from engate.sync.work import LeaseLost, NextTurn, SliceContext
from engate.text import Text

FATE_UNKNOWN = "order.fate_unknown"
TWICE = "order.twice_in_erp"
LOOKS = 2
"""How often an order of unknown fate must be found absent, after the bound, before it is sent again."""


async def import_part(work: SliceContext, order: Stored, part: Part) -> NextTurn | None:
    """Looks before sending, also the first time. An answer of Unsure never permits a send."""
    found = await _look(work, order, part)
    if isinstance(found, NextTurn):
        return found
    if found is not None:
        await _enter(work, order, part, found)
        return None
    return await _send(work, order, part)


async def resolve_part(work: SliceContext, order: Stored, part: Part) -> NextTurn | Reason | None:
    """An import went out and was not answered (or the process died). Found is definite at any time. Absent counts only after the ERP's
    bound; found absent `LOOKS` times, the part may go again. Where the ERP declares no bound, a person decides."""
    bound = work.delays.settles_within if work.delays.settles_within is not None else work.coupling.settles_within
    if part.sent_at is None:
        # the process died while sending: when the call left is unknown, but it was before now
        await work.store.durably(lambda c: orders.update_part(c, part.id, sent_at=work.now()))
    sent_at = part.sent_at or work.now()
    found = await _look(work, order, part)
    if isinstance(found, NextTurn):
        return found
    if found is not None:
        await _enter(work, order, part, found)
        return None
    if bound is None:
        return _fate_unknown(part)
    if work.now() < sent_at + bound:
        return NextTurn(due=sent_at + bound)  # it may still arrive: absent means nothing yet
    looks = part.looks + 1
    again = looks >= LOOKS
    await work.store.durably(lambda c: _absent(c, work, part, looks, again))
    return None if again else NextTurn(due=work.now() + work.delays.look_pause)


def _absent(c: sa.Connection, work: SliceContext, part: Part, looks: int, again: bool) -> None:
    """The search did not find the order. If a listing of the ERP's orders found it meanwhile, that stands."""
    work.must_have_lease(c)
    orders.update_unentered(c, part.id, looks=looks, sending=not again)


async def _look(work: SliceContext, order: Stored, part: Part) -> Found | NextTurn | None:
    found = await work.coupling.erp.find_order(part.doc)
    if isinstance(found, Unsure):
        text = Text("O ERP não disse com certeza se já tem o pedido.", "The ERP did not say for certain whether it has the order.")
        await _waits(work, order, part, "order.unsure", text)
        return NextTurn(due=work.now() + work.delays.unknown_after)
    return found if isinstance(found, Found) else None


async def _waits(work: SliceContext, order: Stored, part: Part, code: str, text: Text) -> None:
    """Says why the order waits, though nobody has to act. A cause that it already has stays."""
    if order.cause_id is not None:
        return
    hint = Text("O engate tenta de novo sozinho.", "engate tries again by itself.")
    reason = reasons.own(code, part.reference, text, hint, "engate")
    await work.store.durably(lambda c: orders.set_cause(c, work.order_row(order.id), reason, work.now()))


async def _send(work: SliceContext, order: Stored, part: Part) -> NextTurn | None:
    await work.store.durably(lambda c: _promise(c, work, part))
    try:
        imported = await work.coupling.erp.import_order(part.doc)
    except NotSent as error:
        failure = error
        left = await work.store.durably(lambda c: orders.update_unentered(c, part.id, sending=False))
        if isinstance(failure, AuthFailed):
            raise
        if not left:
            return None
        await _waits(work, order, part, "order.not_sent", failure.text)
        return NextTurn(due=work.retry_at(part.attempt))
    except Rejected as error:
        reason = reasons.of_error(error)
        await work.store.durably(lambda c: _refused(c, work, order, part, reason))
        return NextTurn()
    except EngateError as error:
        text = error.text
        await work.store.durably(lambda c: _uncertain(c, work, order, part, text))
        return None  # the part is still `sending`: the next decision is to resolve it
    await _enter(work, order, part, imported)
    return None


def _promise(c: sa.Connection, work: SliceContext, part: Part) -> None:
    """Before the call: `sending` marks that an order may be on its way. Only one process can promise."""
    work.must_have_lease(c)
    work.must_be_current(c)
    if not orders.promise(c, part.id, part.attempt):
        raise LeaseLost(work.claim.name)


def _uncertain(c: sa.Connection, work: SliceContext, order: Stored, part: Part, text: Text) -> None:
    """The effect is unknown. The ERP's bound counts from now: look-ups and retries may have passed since the promise."""
    if not orders.update_unentered(c, part.id, sent_at=work.now()):
        return
    say_after(c, "order_uncertain", integration=work.integration_id, order=order.key, part=part.no, error=text.en)
    orders.note(c, work.order_row(order.id), orders.Line("uncertain", text, part.no), work.now())


async def _enter(work: SliceContext, order: Stored, part: Part, where: Found | Imported) -> None:
    await work.store.durably(lambda c: _entered(c, work, order, part, where))


def _entered(c: sa.Connection, work: SliceContext, order: Stored, part: Part, where: Found | Imported) -> None:
    """The ERP has the order: stores its key and the next step in one transaction."""
    if not orders.update_unentered(c, part.id, erp_key=where.key, erp_state=where.state, sending=False, state="in_erp"):
        _entered_before(c, work, order, part, where.key)
        return
    follow(c, work, Share(order.id, part.branch), where.state)
    orders.index(c, work.integration_id, "order", order.key, [where.key])
    outlet_of(work).imported(c, Entered(order.key, part.no, where.key), work.now())
    if isinstance(where, Imported):
        line = orders.Line("imported", Text(f"Entrou no ERP com o número {where.key}.", f"Entered the ERP as {where.key}."), part.no)
    else:
        line = orders.Line("found", Text(f"Encontrado no ERP com o número {where.key}.", f"Found in the ERP as {where.key}."), part.no)
    orders.note(c, work.order_row(order.id), line, work.now())
    if order.cause_id is not None and not refused(*(other for other in order.parts if other.id != part.id)):
        orders.set_cause(c, work.order_row(order.id), None, work.now())


def _entered_before(c: sa.Connection, work: SliceContext, order: Stored, part: Part, key: str) -> None:
    """A listing of the ERP's orders brought the part's number first, with facts that may be newer than the answer. A different number means
    a second order in the ERP: only a person can tell which one counts."""
    first = orders.erp_key_of(c, part.id)
    orders.update_part(c, part.id, sending=False)
    if first == key:
        return
    orders.index(c, work.integration_id, "order", order.key, [key])
    text = Text(f"O ERP tem dois pedidos deste: {first} e {key}.", f"The ERP has two orders for this one: {first} and {key}.")
    hint = Text(f"Cancele no ERP o {key}; o engate acompanha o {first}. Depois encerre a pendência.",
                f"Cancel {key} in the ERP; engate follows {first}. Then close the task.")  # fmt: skip
    for task in tasks.settle(c, order.id, [], [Task(TWICE, part.doc.total, text, hint)], work.now()):
        orders.note(c, work.order_row(order.id), orders.Line("task", task.text, part.no), work.now())
        outlet_of(work).attention(c, [Waiting(f"order/{order.key}", task.code)], work.now())


def _refused(c: sa.Connection, work: SliceContext, order: Stored, part: Part, reason: reasons.Reason) -> None:
    if orders.update_unentered(c, part.id, sending=False, state="rejected"):
        order_waits(c, outlet_of(work), KeyedOrder(work.order_row(order.id), order.key), reason, work.now())
    orders.note(c, work.order_row(order.id), orders.Line("rejected", reason.text, part.no), work.now())


def _fate_unknown(part: Part) -> Reason:
    return reasons.own(
        FATE_UNKNOWN, part.reference,
        Text("O ERP não respondeu à importação e o pedido não foi encontrado.",
             "The ERP did not answer the import and the order was not found."),
        Text("Confira no ERP; se não existir, peça o reenvio.", "Check in the ERP; if it does not exist, ask for a retry."),
    )  # fmt: skip
