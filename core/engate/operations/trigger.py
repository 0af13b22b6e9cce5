"""What people ask of an integration: activate, deactivate, resync, cancel a run, retry. All within the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from engate.domain.flows import FLOWS
from engate.domain.reasons import Reason, own
from engate.errors import Invalid
from engate.model import OrderEvent
from engate.model.kinds import CALLED, KINDS, OF_A_SKU, referring
from engate.operations.scope import Scope
from engate.store import asleep, causes, config, inbox, lanes, links, moved, orders, outbox, pushes, runs, tasks, waits
from engate.store.blobs import pack
from engate.store.causes import ensure
from engate.store.lanes import Wake
from engate.store.rows import RecordSet
from engate.store.runs import Asked, Run
from engate.store.tables import cause, flow, link, order, record, run
from engate.sync.events import ORDER_PRIORITY, lane_of
from engate.sync.imports import FATE_UNKNOWN
from engate.sync.lanes import EVENTS, PROBES, SAFETY, lanes_of_flow
from engate.text import Text

LOADS = tuple(name for name, flow in FLOWS.items() if flow.kinds)
"""Flows that run over records; orders and fulfilment are only woken."""


class Activation(NamedTuple):
    """`pilot`: the only SKUs to push at first (None: all). `go_live_at`: orders placed before are ignored (None: stays as it is)."""

    flows: Sequence[str]
    pilot: Sequence[str] | None = None
    go_live_at: float | None = None


def activate(scope: Scope, how: Activation) -> list[int]:
    """Activates and reads: flows never read whole are read whole, others as a delta. Waiting orders go on. Returns the run ids."""
    c, tenant_id, id, now = scope
    whole = _read_whole(scope)
    values: dict[str, Any] = {"active": True, "activated_at": now, "pilot": list(how.pilot) if how.pilot is not None else None}
    if how.go_live_at is not None:
        values["go_live_at"] = how.go_live_at
    config.claim_shop(c, tenant_id, id)
    config.update_integration(c, tenant_id, id, **values)
    asleep.wake(c, tenant_id, id, now)
    made = [_start(scope, _asked(name, "activation", full=name not in whole, keys=None)) for name in how.flows if name in LOADS]
    wake_all(scope, how.flows)
    wake(scope, PROBES)
    # last: nobody claims a lane of these before the commit, and puts it off because the integration is still inactive
    lanes.lift(c, id, {*lanes.backing_off(c, id), *(f"refresh/{name}" for name in KINDS)})
    return made


def _read_whole(scope: Scope) -> frozenset[str]:
    """Flows that were read whole once: a delta finds what a pause missed. (A pilot reads everything and limits only the pushes.)"""
    c, tenant_id, id, _ = scope
    if config.integration_row(c, tenant_id, id, to_change=True).activated_at is None:
        return frozenset()
    return frozenset(c.execute(sa.select(flow.c.name).where(flow.c.integration_id == id, flow.c.full_at.is_not(None))).scalars())


def wake_all(scope: Scope, flows: Iterable[str]) -> None:
    """Wakes every lane of these flows, and of every order that is not over."""
    c, id = scope.c, scope.integration_id
    wake(scope, [lane for name in flows for lane in lanes_of_flow(name)])
    waiting = inbox.orders(c, id)
    live = c.execute(
        sa.select(order.c.key).where(order.c.integration_id == id, order.c.state.not_in(("delivered", "cancelled", "expired", "ignored")))
    ).scalars()
    wake(scope, [(lane_of(key), ORDER_PRIORITY) for key in {*waiting, *live}])


def deactivate(scope: Scope) -> None:
    """Deactivates: nothing is pushed or imported any more, and work under way is asked to end. Events are still taken in."""
    c, tenant_id, id, _ = scope
    config.update_integration(c, tenant_id, id, active=False)
    ask_to_end(c, id, but=(EVENTS, SAFETY))


def ask_to_end(c: sa.Connection, id: int, but: Iterable[str] = ()) -> None:
    """Asks lanes in hand to end, except these and those of the outbox: a target that is being told would be told twice."""
    on = frozenset(but)
    lanes.ask_to_cancel(c, id, [name for name in lanes.in_hand(c, id) if name not in on and not name.startswith(outbox.LANE)])


class Resync(NamedTuple):
    """What a person wants read anew. `skus`: only these SKUs (ERP keys), with the products they belong to."""

    flows: Sequence[str]
    full: bool = True
    skus: Sequence[str] | None = None


def resync(scope: Scope, what: Resync) -> list[int]:
    """Starts one run for each flow. Returns their ids."""
    made: list[int] = []
    keys = _keys(scope.c, scope.integration_id, what.skus) if what.skus is not None else None
    for name in what.flows:
        mine = {kind.name: keys[kind.name] for kind in FLOWS[name].kinds if kind.name in keys} if keys is not None else None
        if keys is not None and not mine:
            continue
        made.append(_start(scope, _asked(name, "request", full=what.full, keys=mine)))
    ask(scope, what.flows)
    return made


def ask(scope: Scope, flows: Iterable[str]) -> None:
    """A person wants these flows read now: wakes their lanes and ends their back-off."""
    names = [lane for name in flows for lane in lanes_of_flow(name)]
    pushes.lift(scope.c, scope.integration_id, [kind.name for name in flows for kind in FLOWS[name].kinds])
    wake(scope, names)


def _keys(c: sa.Connection, id: int, skus: Sequence[str]) -> dict[str, list[str]]:
    """Kind -> keys to read so that these SKUs are read completely."""
    known = c.execute(
        sa.select(record.c.key, record.c.parent).where(record.c.integration_id == id, record.c.kind == "sku", record.c.key.in_(skus))
    ).all()
    missing = sorted(set(skus) - {row.key for row in known})
    if missing:
        raise Invalid(
            Text(f"SKUs desconhecidos: {', '.join(missing[:10])}.", f"Unknown SKUs: {', '.join(missing[:10])}."),
            Text(
                "Use o código do SKU no ERP; um SKU novo entra pela carga de produtos.",
                "Use the ERP's SKU key; a new SKU comes with the products' load.",
            ),
            where="skus",
        )
    children = c.execute(
        sa.select(record.c.kind, record.c.key).where(
            record.c.integration_id == id,
            record.c.parent.in_(skus),
            record.c.kind.in_(list(OF_A_SKU)),
        )
    ).all()
    found: dict[str, list[str]] = {"sku": list(skus), "product": sorted({row.parent for row in known})}
    for row in children:
        found.setdefault(row.kind, []).append(row.key)
    return found


def _asked(name: str, trigger: str, *, full: bool, keys: dict[str, list[str]] | None) -> Asked:
    return Asked(name, [kind.name for kind in FLOWS[name].kinds], trigger, full, keys)


def _start(scope: Scope, asked: Asked) -> int:
    c, tenant_id, id, now = scope
    causes.release(c, id, [_cancelled(asked.flow).key])
    made = runs.start(c, tenant_id, id, asked, now)
    wake(scope, [(f"push/{kind.name}", kind.priority) for kind in FLOWS[asked.flow].kinds])
    return made


def cancel_run(c: sa.Connection, run: Run, now: float) -> list[str]:
    """Stops a run: nothing more of it is read or pushed. Returns the lanes to wait for (calls under way end by themselves)."""
    flow = FLOWS[run.flow]
    runs.cancel(c, run.id, now)
    reason = _cancelled(run.flow)
    cause_id = ensure(c, run.tenant_id, run.integration_id, {reason}, now)[reason.key]
    # also records under way: unanswered ones are not sent again before somebody asks
    c.execute(sa.update(record).where(record.c.run_id == run.id, record.c.state.in_(("to_send", "sent"))).values(cause_id=cause_id))
    names = [flow.lane, *(f"push/{kind.name}" for kind in flow.kinds)]
    lanes.ask_to_cancel(c, run.integration_id, names)
    return names


def _cancelled(flow: str) -> Reason:
    return own(
        "run.cancelled", flow,
        Text("A carga foi cancelada por um operador.", "The run was cancelled by an operator."),
        Text("Peça uma nova sincronização quando quiser retomar.", "Ask for a resync when it should go on."),
    )  # fmt: skip


def changed(scope: Scope, flows: Iterable[str]) -> None:
    """Options, mapping or links of these flows changed: their records and waiting orders are decided anew."""
    c, id = scope.c, scope.integration_id
    names = set(flows)
    if "prices" in names:  # prices of an unmapped table were not stored: they are read now
        c.execute(sa.update(flow).where(flow.c.integration_id == id, flow.c.name == "prices").values(full_at=None))
        wake(scope, [(FLOWS["prices"].lane, FLOWS["prices"].priority)])
    wakes = [(f"refresh/{kind.name}", kind.priority) for kind in KINDS.values() if kind.flow in names]
    if "orders" in names:
        waiting = c.execute(sa.select(order.c.key).where(order.c.integration_id == id, order.c.cause_id.is_not(None))).scalars()
        wakes += [(lane_of(key), ORDER_PRIORITY) for key in waiting]
    wake(scope, wakes)


class Retried(NamedTuple):
    """What a person wants tried again: everything that waits for one cause, or these records."""

    cause_id: int | None = None
    record_ids: Sequence[int] = ()


class Again(NamedTuple):
    """How many things are tried again, and how many of them are messages. `more`: there may be more, for another transaction."""

    things: int
    messages: int
    more: bool


def retry(scope: Scope, what: Retried) -> Again:
    """Tries these again, and ends the back-off of lanes involved."""
    c, tenant_id, id, now = scope
    cause_id = what.cause_id
    mine = (record.c.tenant_id == tenant_id) & (record.c.integration_id == id)
    which = record.c.cause_id == cause_id if cause_id is not None else record.c.id.in_(list(what.record_ids))
    kinds = c.execute(sa.select(record.c.kind).where(mine, which).distinct()).scalars().all()
    count = c.execute(sa.update(record).where(mine, which).values(cause_id=None, tries=0, not_before=0)).rowcount
    woken = {(f"push/{kind}", KINDS[kind].priority) for kind in kinds}
    messages, more = 0, False
    if cause_id is not None:
        keys = waits.orders_for(c, id, [cause_id])
        for key in keys:
            retry_order(scope, key)
        flows = config.flows_waiting_for(c, id, cause_id)
        ask(scope, flows)
        told = outbox.again(c, id, cause_id, now)
        woken |= {(each.lane, outbox.PRIORITY) for each in told.targets}
        messages, more = told.messages, told.more
        count += len(keys) + len(flows) + messages
        if not more:
            c.execute(sa.delete(cause).where(cause.c.id == cause_id, cause.c.tenant_id == tenant_id))
    wake(scope, sorted(woken))
    return Again(count, messages, more)


def retry_order(scope: Scope, key: str) -> None:
    """Works on the order again, beginning with the shop's order. A refused part may be sent once more."""
    c, tenant_id, id, now = scope
    stored = orders.load(c, id, key, to_change=True)  # what the ERP says meanwhile must not be overwritten
    if stored is None:
        raise config.not_found("Pedido", "order")
    looked = waits.for_code(c, stored.id, FATE_UNKNOWN)  # a person has looked for it in the ERP; the import looks again
    for part in stored.parts:
        if part.sending and looked:
            orders.update_part(c, part.id, sending=False, attempt=0)
        if part.change_refused is not None:
            orders.update_part(c, part.id, change_refused=None)  # a refused change may be accepted now
        if part.erp is not None and part.erp.invoices is not None:
            orders.update_part(c, part.id, erp_doc=pack(msgspec.structs.replace(part.erp, invoices=None)))  # its notes are looked for again
        if part.erp_key is None and part.state in ("rejected", "expired", "cancelled"):
            orders.update_part(c, part.id, state="ready", attempt=0)  # made anew from the shop's order and the current mapping
    orders.set_cause(c, orders.OrderRow(tenant_id, id, stored.id), None, now)
    asked = OrderEvent(f"retry/{key}/{now}"[:200], key, stored.doc.state, "retry")
    inbox.receive(c, tenant_id, id, [asked], now)
    wake(scope, [(lane_of(key), ORDER_PRIORITY)])


class Done(NamedTuple):
    """A person closes tasks of an order, with a note."""

    key: str
    note: str


def close_tasks(scope: Scope, done: Done) -> int:
    """Closes tasks of an order for a person. Returns how many."""
    c, tenant_id, id, now = scope
    key, note = done
    stored = orders.load(c, id, key)
    if stored is None:
        raise config.not_found("Pedido", "order")
    closed = tasks.close(c, stored.id, [code for code, _ in stored.tasks], note, now)
    if closed:
        text = Text(f"Pendência encerrada: {note}", f"Task closed: {note}")
        orders.note(c, orders.OrderRow(tenant_id, id, stored.id), orders.Line("task_closed", text), now)
        orders.set_cause(c, orders.OrderRow(tenant_id, id, stored.id), None, now)
        wake(scope, [(lane_of(key), ORDER_PRIORITY)])
    return closed


def link_by_hand(c: sa.Connection, of: RecordSet, key: str, remote: str, now: float) -> None:
    """A person links a record: what waited for the link goes on. A product or SKU can be linked to one thing only."""
    if KINDS[of.kind].own_link:
        links.lock(c, of.integration_id)
        _one_to_one(c, of.integration_id, of.kind, key, remote)
    links_said(c, of, [(key, remote)], now)


def links_said(c: sa.Connection, of: RecordSet, pairs: Sequence[tuple[str, str]], now: float) -> None:
    """Stores links that people set: at most 500 checked pairs (the ERP's key, the shop's)."""
    tenant_id, id, kind = of
    scope = Scope(c, tenant_id, id, now)
    mine = (record.c.integration_id == id) & (record.c.kind == kind)
    # records that a shop fetched before they had a link are held there; what was sent under another link does not count
    moving = links.still_linked(c, id, kind, [key for key, _ in pairs])
    links.linked(c, of, pairs, now, origin="person")
    c.execute(sa.update(record).where(mine, record.c.key.in_([key for key, _ in pairs])).values(cause_id=None))
    if moving:
        c.execute(sa.update(record).where(mine, record.c.key.in_(moving)).values(**moved.FOREIGN))
    affected = {each.name: each for each in (KINDS[kind], *referring(kind))}
    wake(scope, [(f"refresh/{name}", each.priority) for name, each in affected.items()])
    children = [k for k in KINDS.values() if k.parent_kind == kind]
    wake(scope, [(f"push/{k.name}", k.priority) for k in (*children, KINDS[kind])])
    if KINDS[kind].sold:
        gone = [f"own:order.item_unmapped:sku/{remote}" for _, remote in pairs]
        ids = c.execute(sa.select(cause.c.id).where(cause.c.integration_id == id, cause.c.key.in_(gone))).scalars().all()
        wake(scope, [(lane_of(order_key), ORDER_PRIORITY) for order_key in waits.orders_for(c, id, ids)])


def _one_to_one(c: sa.Connection, id: int, kind: str, key: str, remote: str) -> None:
    known = sa.select(record.c.id).where(record.c.integration_id == id, record.c.kind == kind, record.c.key == key)
    if c.execute(known).first() is None:
        raise Invalid(
            Text(f"O ERP não tem {CALLED[kind].pt} '{key}'.", f"The ERP has no {CALLED[kind].en} '{key}'."),
            Text("Use o código do ERP como em GET /records.", "Use the ERP's key as in GET /records."),
            where="key",
        )
    taken = sa.select(link.c.key).where(link.c.integration_id == id, link.c.kind == kind, link.c.remote == remote, link.c.key != key)
    other = c.execute(taken).scalar()
    if other is not None:
        raise Invalid(
            Text(f"'{remote}' da loja já está ligado a '{other}'.", f"The shop's '{remote}' is already linked to '{other}'."),
            Text(
                "Desfaça aquela ligação antes: um pedido não saberia qual item vendeu.",
                "Delete that link first: an order would not know which item it sold.",
            ),
            where="remote",
            code="in_use",
        )


def run_row(c: sa.Connection, tenant_id: int, run_id: int) -> Run:
    row = c.execute(config.mine(run, tenant_id, run.c.id == run_id)).first()
    if row is None:
        raise config.not_found("Carga", "run")
    return Run(*row)


def wake(scope: Scope, names: Iterable[tuple[str, int]]) -> None:
    """Wakes these lanes and ends their back-off: a person's request does not wait for it."""
    c, tenant_id, id, now = scope
    unique = dict(names)
    lanes.lift(c, id, unique)
    lanes.wake(c, [Wake(tenant_id, id, name, prio, now) for name, prio in unique.items()])
