"""One slice of one order: read it from the shop when an event came, decide, act, one step at a time. The lane makes its steps serial."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from engate import personal
from engate.domain import reasons, settlement, told
from engate.domain.channels import with_fields
from engate.domain.next_step import (
    FINAL,
    Action,
    Situation,
    change_is_due,
    next_action,
    refused,
    state_of,
    state_of_order,
    state_without_parts,
)
from engate.domain.orders import Part, Stored, Task
from engate.domain.reasons import Reason
from engate.domain.settlement import ERP_TOTAL, SETTLEMENT
from engate.domain.splitting import by_branch, split
from engate.errors import AuthFailed, CapabilityMissing, EngateError, Forbidden, Rejected
from engate.logs import say_after
from engate.model import Order, PartItem
from engate.store import inbox, links, orders, tasks, units, waits
from engate.sync import mailing
from engate.sync.outbox import KeyedOrder, Waiting, order_waits, outlet_of
from engate.sync.sharing import chosen
from engate.sync.steps import STEPS, TITLES, Outcome, Step
from engate.sync.stock import decide_anew, stock_moved
from engate.sync.work import NextTurn, SliceContext
from engate.text import Text
from engate.titles import SHOP_STATES

MOST_STEPS = 30
NO_SUCH_ORDER = ("order.missing", "http.404")
OPTIONAL = (
    "import_cancellation", "import_order_change", "finish_order", "send_handling", "send_order_change", "send_invoice", "send_tracking",
    "send_delivery", "send_cancellation", "send_cancel_refusal",
)  # fmt: skip
OF_MONEY = (SETTLEMENT, ERP_TOTAL)
"""Codes of the tasks that an order's money opens and closes."""
TRIES = 2
"""So often a step may fail before people are told: most failures end with the next tries."""


async def order_slice(work: SliceContext, key: str) -> NextTurn:
    """Does what can be done for this order now. A part that must wait, or whose step fails, does not hold up the others."""
    situation, order = await _begun(work, key)
    waiting: dict[int, NextTurn | Reason] = {}
    failed: list[tuple[Action, EngateError]] = []
    for _ in range(MOST_STEPS):
        if order is None:
            return NextTurn()
        await _show(work, order)  # before the next step, which may fail
        step = _next_step(order, waiting, situation)
        if step is None:
            break
        part, action = step
        outcome = action if isinstance(action, Reason) else await _perform(Step(work, order, part, situation), action, failed)
        if outcome is not None:
            waiting[part.id] = outcome
        order = await work.store.reading(lambda c: orders.load(c, work.integration_id, key))
    else:
        return NextTurn(due=work.now())
    reason = next((outcome for outcome in waiting.values() if isinstance(outcome, Reason)), None)
    await _settle(work, order, situation)
    await _attention(work, order, reason or _failing(work, order, failed), over=not waiting)
    if failed:
        raise failed[0][1]
    if reason is None and order.cause_id is None and order.told_cause is not None:
        await work.store.durably(lambda c: orders.set_cause(c, work.order_row(order.id), None, work.now()))
    dues = [outcome.due for outcome in waiting.values() if isinstance(outcome, NextTurn) and outcome.due is not None]
    return NextTurn(due=min(dues, default=None))


def _situation(c: sa.Connection, work: SliceContext) -> Situation:
    coupling = work.coupling
    return Situation(
        work.snapshot.mapping,
        work.snapshot.options,
        frozenset(hook for hook in OPTIONAL if coupling.can(hook)),
        coupling.unavailable,
        coupling.fiscal,
        orders.companies(c, work.integration_id),
    )


def _next_step(order: Stored, waiting: Container[int], situation: Situation) -> tuple[Part, Action | Reason] | None:
    """The first part that need not wait: its action, or why a person must decide."""
    for part in order.parts:
        action = next_action(order, part, situation) if part.id not in waiting else None
        if action is not None:
            return part, action
    return None


async def _perform(step: Step, action: Action, failed: list[tuple[Action, EngateError]]) -> Outcome:
    """One action. A failure of it is kept for the end of the slice: the other parts go on."""
    try:
        return await STEPS[action](step)
    except (Rejected, CapabilityMissing) as error:
        return reasons.of_error(error)
    except AuthFailed:
        raise
    except EngateError as error:
        failed.append((action, error))
        return NextTurn()


def _failing(work: SliceContext, order: Stored, failed: list[tuple[Action, EngateError]]) -> Reason | None:
    """The reason shown for a step that fails repeatedly, in the words of the side that refuses; engate goes on trying."""
    if not failed or work.claim.tries <= TRIES or isinstance(failed[0][1], Forbidden):
        return None  # a missing permission is shown by the runner from the first time on
    action, error = failed[0]
    title = TITLES[action]
    return reasons.own(
        "order.step_failing", f"{action}/{order.key}",
        Text(f"Não foi possível {title.pt}: {error.text.pt}", f"{title.en.capitalize()} failed: {error.text.en}"),
        Text(f"O engate continua tentando. {error.hint.pt}".strip(), f"engate goes on trying. {error.hint.en}".strip()),
    )  # fmt: skip


# ---- the shop's side ----


class Heard(NamedTuple):
    """What is known of an order when its slice begins. `events`: ids of the unhandled events; `told`: the order that each of them carries.
    `order`: as stored; also None where an event carries no order, because the shop is asked then."""

    events: list[int]
    told: list[Order | None]
    order: Stored | None


async def _begun(work: SliceContext, key: str) -> tuple[Situation, Stored | None]:
    """The situation, and the order to work on."""
    situation, heard = await work.store.reading(lambda c: (_situation(c, work), _heard(c, work, key)))
    return situation, await _read_when_told(work, key, heard)


def _heard(c: sa.Connection, work: SliceContext, key: str) -> Heard:
    events, docs = inbox.unhandled(c, work.integration_id, key)
    asked = None in docs and not work.coupling.hands_in_orders
    return Heard(events, docs, None if asked else orders.load(c, work.integration_id, key))


async def _read_when_told(work: SliceContext, key: str, heard: Heard) -> Stored | None:
    """Reads the order if it has an unhandled event. Decides it anew if it waits for a rule that may hold by now, and before it is sent for
    the first time, as options or mapping may have been corrected since."""
    events, order = heard.events, heard.order
    if not events and order is not None:
        if any(part.erp_key or part.sending for part in order.parts) or (order.cause_id is None and not _unsent(order)):
            return order
        return await work.store.durably(lambda c: _keep(c, work, order.doc, []))
    if work.coupling.hands_in_orders:
        doc = _handed_in(heard)
    else:
        doc = told.newest(heard.told, order.doc if order is not None and not orders.untouched(order) else None)
    if doc == "ask":
        doc = await _ask(work, key)
    if isinstance(doc, Order):
        return await work.store.durably(lambda c: _keep(c, work, doc, events))
    return await work.store.durably(lambda c: _let_go(c, work, key, events))


def _unsent(order: Stored) -> bool:
    """Whether it has parts, none of which was ever sent."""
    return bool(order.parts) and not _acted_on(order)


def _acted_on(order: Stored) -> bool:
    return any(part.erp_key or part.attempt or part.state in FINAL for part in order.parts)


def _handed_in(heard: Heard) -> Order | None:
    """The order of a shop that hands orders in and cannot be asked: what it said last counts."""
    return told.last(heard.told, heard.order.doc) if heard.order is not None else None


def _let_go(c: sa.Connection, work: SliceContext, key: str, events: list[int]) -> Stored | None:
    """Marks the events as handled: they say nothing new."""
    inbox.handled(c, events, work.now())
    return orders.load(c, work.integration_id, key)


async def _ask(work: SliceContext, key: str) -> Order | None:
    """The order as the shop has it now; None where the shop does not have it (any more)."""
    try:
        return await work.coupling.storefront.read_order(key)
    except Rejected as error:
        if error.code not in NO_SUCH_ORDER:
            raise
        return None


def _keep(c: sa.Connection, work: SliceContext, doc: Order, events: list[int]) -> Stored | None:
    """Stores the order as read, makes its parts where possible, and takes its units off sale. Returns the order as stored."""
    now = work.now()
    before = orders.load(c, work.integration_id, doc.key, to_change=True)
    doc = personal.erased(doc) if before is not None and before.erased else doc
    id = orders.keep(c, work.orders_of, doc, before.state if before else "received", now)
    if before is None:
        say_after(c, "order_taken_in", integration=work.integration_id, order=doc.key, state=doc.state)
    if before is None or orders.untouched(before) or before.doc.raw_state != doc.raw_state or _gave_back(before.doc, doc):
        known = msgspec.structs.replace(before, doc=doc) if before else Stored(id, doc.key, "received", doc, False, None, [])
        orders.note(c, work.order_row(id), orders.Line("shop", _said(known)), now)
    if before is None or not _acted_on(before):
        _make_parts(c, work, id, doc, now)
    elif before.cause_id is not None and not refused(*before.parts):
        orders.look_again(c, work.order_row(id), now)
    if before is not None and (before.doc.items != doc.items or (doc.state == "cancelled" and before.doc != doc)):
        # a shop may add the units of a cancelled order back after the ERP's own number was pushed
        stock_moved(c, work, sorted({item.sku for part in before.parts for item in part.doc.items}))
    inbox.handled(c, events, now)
    return orders.load(c, work.integration_id, doc.key)


def _gave_back(before: Order, doc: Order) -> bool:
    """Whether the shop has refunded more or less of a cancelled order than before."""
    return doc.state == "cancelled" and doc.refunded != before.refunded


def _said(order: Stored) -> Text:
    """The timeline's text of what the shop says; of a paid order that was cancelled, also what is known of the refund."""
    state = shop_state(order.doc)
    text = Text(f"A loja diz: {state.pt}.", f"The shop says: {state.en}.")
    money = settlement.of_cancelled(order) if order.doc.state == "cancelled" else None
    return Text(f"{text.pt} {money.pt}", f"{text.en} {money.en}") if money is not None else text


def shop_state(doc: Order) -> Text:
    """The title of the shop's state; an unknown state is shown in the shop's own word."""
    return SHOP_STATES.get(doc.state) or Text(f"'{doc.raw_state}'", f"'{doc.raw_state}'")


def _make_parts(c: sa.Connection, work: SliceContext, id: int, doc: Order, now: float) -> None:
    ignored = _ignored(work, doc)
    if ignored is not None:
        orders.set_state(c, id, "ignored", now)
        orders.note(c, work.order_row(id), orders.Line("ignored", ignored), now)
        return
    mapping = work.snapshot.mapping
    skus = links.sku_of(c, work.integration_id, doc.items)
    branches = chosen(c, work, id, doc, skus)
    made = split(doc, mapping, skus, branches)
    if not isinstance(made, Reason):
        made = with_fields(made, doc, mapping, work.coupling.order_fields)
    live = doc.state != "cancelled"
    # an order that waits for a rule is sold too: its units must not be offered to the next buyer
    _hold_units(c, work, id, by_branch(doc, mapping, skus, branches) if live else {})
    if isinstance(made, Reason):
        order_waits(c, outlet_of(work), KeyedOrder(work.order_row(id), doc.key), made if live else None, now)
        orders.replace_parts(c, work.order_row(id), (), "received")
        return
    orders.look_again(c, work.order_row(id), now)
    orders.replace_parts(c, work.order_row(id), made, "received")
    if live:  # a cancellation may lower the total: the charge before it is kept
        orders.charged(c, id, doc)


def _hold_units(c: sa.Connection, work: SliceContext, id: int, items: Mapping[str, Sequence[PartItem]]) -> None:
    freed = units.reserve(c, work.integration_id, id, items)
    if items:
        decide_anew(c, work, sorted({*freed, *(item.sku for each in items.values() for item in each)}))
    elif freed:
        stock_moved(c, work, sorted(set(freed)))  # no step of a part will do it


def _ignored(work: SliceContext, doc: Order) -> Text | None:
    if doc.test:
        return Text("Pedido de teste: não entra no ERP.", "Test order: it does not enter the ERP.")
    go_live = work.snapshot.go_live_at
    if go_live is not None and doc.placed_at.timestamp() < go_live:
        return Text("Anterior à entrada em produção da integração.", "Placed before the integration went live.")
    return None


# ---- what people see ----


async def _attention(work: SliceContext, order: Stored, reason: Reason | None, *, over: bool) -> None:
    """Stores why the order waits now. `over`: no part waits, so an earlier cause is over (an open task is not)."""
    if reason is None and not (over and order.parts and not refused(*order.parts) and (order.cause_id is not None or order.tasks)):
        return

    def note(c: sa.Connection) -> None:
        is_new = order_waits(c, outlet_of(work), KeyedOrder(work.order_row(order.id), order.key), reason, work.now())
        if is_new and reason is not None:
            orders.note(c, work.order_row(order.id), orders.Line("attention", reason.text), work.now())

    await work.store.durably(note)


async def _show(work: SliceContext, order: Stored) -> None:
    """Stores the current states of the parts and the order."""
    found = _states(order)
    if found is None:
        return
    states, whole = found

    def show(c: sa.Connection) -> None:
        for part, state in zip(order.parts, states, strict=True):
            if state != part.state:
                orders.update_part(c, part.id, state=state)
        orders.set_state(c, order.id, whole, work.now())
        if whole != order.state:
            say_after(c, "order_moved", integration=work.integration_id, order=order.key, state=whole)
            mailing.owe(c, work, order, whole)

    await work.store.durably(show)


async def _settle(work: SliceContext, order: Stored, situation: Situation) -> None:
    """When nothing more can be done now: opens a task for money that is not accounted for, or closes it."""
    wanted = _settlement(order, situation)
    if [(task.code, task.amount) for task in wanted] != [standing for standing in order.tasks if standing[0] in OF_MONEY]:
        await work.store.durably(lambda c: _settled(c, work, order, wanted))


def _settled(c: sa.Connection, work: SliceContext, order: Stored, wanted: list[Task]) -> None:
    opened = tasks.settle(c, order.id, OF_MONEY, wanted, work.now())
    for task in opened:
        orders.note(c, work.order_row(order.id), orders.Line("task", task.text), work.now())
        outlet_of(work).attention(c, [Waiting(f"order/{order.key}", task.code)], work.now())
    if waits.for_task(c, order.id) or opened:
        orders.set_cause(c, work.order_row(order.id), None, work.now())


def _settlement(order: Stored, situation: Situation) -> list[Task]:
    good = situation.good_of(order)
    asked = [
        (part, part.change or settlement.change(order, part, good, "")) for part in order.parts if change_is_due(order, part, situation)
    ]
    due = [(part, change) for part, change in asked if change is not None]
    found = settlement.money(order, good, due, bear=situation.options.invoiced_above_charge == "loss")
    task = settlement.task(order, found) if found is not None else None
    task = task or settlement.disagreement(order, situation.options.erp_total_cents)
    return [task] if task is not None else []


def _states(order: Stored) -> tuple[list[str], str] | None:
    """The states that the parts and the order should show; None where they are stored already."""
    parts = [state_of(order, part) for part in order.parts]
    without = "ignored" if order.state == "ignored" else state_without_parts(order)
    whole = state_of_order(parts) if parts else without
    shown = [part.state for part in order.parts]
    return None if (parts, whole) == (shown, order.state) else (parts, whole)
