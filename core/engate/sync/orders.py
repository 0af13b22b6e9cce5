"""One slice of one order: read it from the shop when told, decide, act, one step at a time. The lane makes its steps serial."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container
from typing import Any

import sqlalchemy as sa

from engate.errors import Rejected
from engate.model import ErpOrder, PartRef, Query, ShopOrderRef, valid_key
from engate.model.kinds import KINDS
from engate.plugins import closing
from engate.store import causes, orders, records
from engate.store.blobs import pack, unpack
from engate.store.causes import Reason
from engate.store.orders import Part, Stored
from engate.store.tables import record
from engate.sync.decide import FINAL, Action, latest_sent, next_action, refused, state_of, state_of_order, state_without_parts, to_send
from engate.sync.imports import import_part, resolve_part
from engate.sync.parts import split
from engate.sync.work import Later, Work
from engate.text import Text

MOST_STEPS = 30
NO_SUCH_ORDER = ("order.missing", "http.404")


async def order_slice(work: Work, key: str) -> Later:
    """Does what can be done for this order now. A part that must wait does not keep the others."""
    await _read_when_told(work, key)
    waiting: dict[int, Later | Reason] = {}
    for _ in range(MOST_STEPS):
        order = await work.store.reading(lambda c: orders.load(c, work.integration_id, key))
        step = _next_step(work, order, waiting) if order is not None else None
        if order is None or step is None:
            break
        part, action = step
        outcome = action if isinstance(action, Reason) else await _perform(work, order, part, action)
        if outcome is not None:
            waiting[part.id] = outcome
    else:
        return Later(due=work.now())
    if order is None:
        return Later()
    reason = next((outcome for outcome in waiting.values() if isinstance(outcome, Reason)), None)
    if reason is not None:
        await _attention(work, order, reason)
    if _states(order) is not None:
        await work.store.durably(lambda c: _show_state(c, work, key))
    dues = [outcome.due for outcome in waiting.values() if isinstance(outcome, Later) and outcome.due is not None]
    return Later(due=min(dues, default=None))


def _next_step(work: Work, order: Stored, waiting: Container[int]) -> tuple[Part, Action | Reason] | None:
    """The first part that need not wait: its action, or why a person must decide."""
    for part in order.parts:
        action = next_action(order, part, work.snapshot.mapping, work.snapshot.options) if part.id not in waiting else None
        if action is not None:
            return part, action
    return None


async def _perform(work: Work, order: Stored, part: Part, action: Action) -> Later | Reason | None:
    """One action. None: it is done, decide again; a reason: a person must decide."""
    try:
        return await ACTIONS[action](work, order, part)
    except Rejected as error:
        return causes.of_error(error)


# ---- the shop's side ----


async def _read_when_told(work: Work, key: str) -> None:
    """Reads the order when an event has not been acted on, or when it waits for a rule that may hold by now."""
    newest, order = await work.store.reading(
        lambda c: (orders.unhandled(c, work.integration_id, key), orders.load(c, work.integration_id, key))
    )
    if newest is None and order is not None:
        if order.cause_id is not None and not any(part.erp_key or part.sending for part in order.parts):
            await work.store.durably(lambda c: _keep(c, work, order.doc, None))
        return
    try:
        doc = await work.coupling.storefront.read_order(key)
    except Rejected as error:
        if error.code not in NO_SUCH_ORDER:
            raise
        # an event of an order that the shop does not have (any more): nothing can be done with it
        await work.store.durably(lambda c: orders.handled(c, work.integration_id, key, newest or 0, work.now()))
        return
    await work.store.durably(lambda c: _keep(c, work, doc, newest))


def _keep(c: sa.Connection, work: Work, doc: Any, newest: int | None) -> None:
    """The order as read, its parts where they can be made, and its units out of what the shop may sell."""
    now = work.now()
    before = orders.load(c, work.integration_id, doc.key)
    id = orders.keep(c, work.tenant_id, work.integration_id, doc, state=before.state if before else "received", now=now)
    if before is None or before.doc.raw_state != doc.raw_state:
        text = Text(f"A loja diz: {doc.raw_state}", f"The shop says: {doc.raw_state}")
        orders.note(c, work.tenant_id, work.integration_id, id, None, "shop", text, now)
    untouched = before is None or not any(part.erp_key or part.attempt or part.state in FINAL for part in before.parts)
    if untouched:
        _make_parts(c, work, id, doc, now)
    elif before is not None and before.cause_id is not None and not refused(*before.parts):
        orders.set_cause(c, work.tenant_id, work.integration_id, id, None, now)
    if newest is not None:
        orders.handled(c, work.integration_id, doc.key, newest, now)


def _make_parts(c: sa.Connection, work: Work, id: int, doc: Any, now: float) -> None:
    ignored = _ignored(work, doc)
    if ignored is not None:
        orders.set_state(c, id, "ignored", now)
        orders.note(c, work.tenant_id, work.integration_id, id, None, "ignored", ignored, now)
        return
    remotes = [item.sku for item in doc.items]
    made = split(doc, work.snapshot.mapping, orders.sku_of(c, work.integration_id, remotes))
    if isinstance(made, Reason):
        live = doc.state != "cancelled"
        orders.set_cause(c, work.tenant_id, work.integration_id, id, made if live else None, now)
        orders.replace_parts(c, work.tenant_id, work.integration_id, id, (), "received")
        if not live:
            orders.free(c, id)
        return
    orders.set_cause(c, work.tenant_id, work.integration_id, id, None, now)
    orders.replace_parts(c, work.tenant_id, work.integration_id, id, made, "received")
    if doc.state != "cancelled":
        orders.reserve(c, work.integration_id, id, made)
        _stock_changed(c, work, sorted({item.sku for part in made for item in part.items}))


def _ignored(work: Work, doc: Any) -> Text | None:
    if doc.test:
        return Text("Pedido de teste: não entra no ERP.", "Test order: it does not enter the ERP.")
    go_live = work.snapshot.go_live_at
    if go_live is not None and doc.placed_at.timestamp() < go_live:
        return Text("Anterior à entrada em produção da integração.", "Placed before the integration went live.")
    return None


def _stock_changed(c: sa.Connection, work: Work, skus: list[str]) -> None:
    """Pending units changed: what the shop should offer of these SKUs is decided anew."""
    work.must_be_current(c)
    rules = work.rules(c, "stock", skus)

    def decide(doc: Any, read_at: float) -> tuple[bytes, Reason | None]:
        found = rules.effective("stock", doc, read_at)
        return found.digest, found.reason

    kind = KINDS["stock"]
    changed, after = 0, 0
    while after is not None:
        more, after = records.revisit(c, work.tenant_id, work.integration_id, kind, decide, parents=skus, after=after, now=work.now())
        changed += more
    if changed:
        work.wake(c, (f"push/{kind.name}", kind.priority))


async def _attention(work: Work, order: Stored, reason: Reason) -> None:
    def note(c: sa.Connection) -> bool:
        is_new = orders.set_cause(c, work.tenant_id, work.integration_id, order.id, reason, work.now())
        if is_new:
            orders.note(c, work.tenant_id, work.integration_id, order.id, None, "attention", reason.text, work.now())
        return is_new

    if await work.store.durably(note):
        work.happened.append(("on_attention", {"what": f"order/{order.key}", "cause": reason.code}))


def _states(order: Stored) -> tuple[list[str], str] | None:
    """The states that the parts and the order should show; None where they do already."""
    parts = [state_of(order, part) for part in order.parts]
    without = "ignored" if order.state == "ignored" else state_without_parts(order)
    whole = state_of_order(parts) if parts else without
    shown = [part.state for part in order.parts]
    return None if (parts, whole) == (shown, order.state) else (parts, whole)


def _show_state(c: sa.Connection, work: Work, key: str) -> None:
    order = orders.load(c, work.integration_id, key)
    states = _states(order) if order is not None else None
    if order is None or states is None:
        return
    for part, state in zip(order.parts, states[0], strict=True):
        if state != part.state:
            orders.update_part(c, part.id, state=state)
    orders.set_state(c, order.id, states[1], work.now())


# ---- actions: each ends with the step durable ----


async def _forget(work: Work, order: Stored, part: Part) -> Later | None:
    state = "cancelled" if order.was_ready else "expired"
    text = Text("Cancelado na loja antes de entrar no ERP.", "Cancelled in the shop before it entered the ERP.")

    def done(c: sa.Connection) -> None:
        orders.free(c, order.id)
        orders.set_cause(c, work.tenant_id, work.integration_id, order.id, None, work.now())
        _stock_changed(c, work, sorted({item.sku for item in part.doc.items}))
        _done(c, work, order, part, "cancelled", text, state=state)

    await work.store.durably(done)
    return None


async def _cancel_in_erp(work: Work, order: Stored, part: Part) -> Later | None:
    assert part.erp_key is not None
    reason = f"Cancelado na loja ({order.doc.raw_state})"
    await work.permit()
    await work.coupling.erp.import_cancellation(PartRef(part.erp_key, part.branch, part.reference), reason)
    text = Text(f"Pedido {part.erp_key} cancelado no ERP.", f"Order {part.erp_key} cancelled in the ERP.")
    # where the shop only asked, it still has to hear of it; where it cancelled, that is the end
    values: dict[str, Any] = {"erp_state": "cancelled"}
    if order.doc.state == "cancelled":
        values["state"] = "cancelled"
    await work.store.durably(lambda c: _done(c, work, order, part, "erp_cancelled", text, **values))
    return None


async def _cancel_in_shop(work: Work, order: Stored, part: Part) -> Later | None:
    if order.doc.state != "cancelled":
        reason = (part.erp.reason if part.erp else "") or "Cancelado no ERP"
        await work.permit()
        await work.coupling.storefront.send_cancellation(_ref(order), reason)
    text = Text("Cancelamento do ERP informado à loja.", "The ERP's cancellation was sent to the shop.")

    def done(c: sa.Connection) -> None:
        for each in order.parts:
            orders.update_part(c, each.id, state="cancelled", cancel_sent_at=work.now())
        _done(c, work, order, part, "shop_cancelled", text, state="cancelled", cancel_sent_at=work.now())

    await work.store.durably(done)
    return None


async def _handling(work: Work, order: Stored, part: Part) -> Later | None:
    if order.doc.state != "ready" or not work.coupling.can("send_handling"):  # it knows already, or cannot be told
        await work.store.durably(lambda c: orders.update_part(c, part.id, handling_sent_at=work.now()))
        return None
    await work.permit()
    await work.coupling.storefront.send_handling(_ref(order))
    text = Text("Loja avisada: em preparação.", "Shop told: handling.")
    await work.store.durably(lambda c: _done(c, work, order, part, "handling", text, handling_sent_at=work.now()))
    return None


NOT_PUBLISHED = causes.own(
    "order.note_not_published", "erp",
    Text("Faturado, mas o ERP ainda não publicou a nota.", "Invoiced, but the ERP has not published the note yet."),
    Text("O engate pergunta de novo sozinho; se demorar, veja a emissão da nota no ERP.",
         "engate asks again by itself; if it takes long, see the note's emission in the ERP."),
    "engate",
)  # fmt: skip


async def _documents(work: Work, order: Stored, part: Part) -> Later | None:
    """The fiscal documents of an invoiced order; not published yet is no error."""
    found: ErpOrder | None = None
    query = Query(keys=(f"{part.branch}/{part.erp_key}",))
    async with closing(work.coupling.erp.list_fulfilment(query)) as pages:
        async for page in pages:
            found = next((o for o in page.items if o.key == part.erp_key), found)
    if found is None or not found.invoices:
        if found is not None:
            fresh = found
            await work.store.durably(lambda c: orders.update_part(c, part.id, erp_doc=pack(fresh), erp_state=fresh.state))
        if order.cause_id is None:
            await work.store.durably(
                lambda c: orders.set_cause(c, work.tenant_id, work.integration_id, order.id, NOT_PUBLISHED, work.now())
            )
        return Later(due=work.now() + work.windows.invoice_retry)
    erp, invoices = found, found.invoices

    def keep(c: sa.Connection) -> None:
        wrong = next((i for i in invoices if not _issued_by_us(c, work, i.issuer)), None)
        new = orders.keep_documents(c, work.tenant_id, work.integration_id, order.id, part.id, invoices, work.now())
        for invoice in new:
            orders.index(c, work.integration_id, "order", order.key, [invoice.key, invoice.number])
            text = Text(
                f"Nota {invoice.number}/{invoice.series} recebida do ERP.", f"Note {invoice.number}/{invoice.series} received from the ERP."
            )
            orders.note(c, work.tenant_id, work.integration_id, order.id, part.no, "document", text, work.now())
        orders.update_part(c, part.id, erp_doc=pack(erp), erp_state=erp.state)
        if wrong is not None:
            raise Rejected(
                Text(
                    f"A nota {wrong.number} foi emitida por outra empresa ({wrong.issuer}).",
                    f"Note {wrong.number} was issued by another company ({wrong.issuer}).",
                ),
                Text("Confira a filial do pedido no ERP.", "Check the order's branch in the ERP."),
                code="invoice.issuer",
            )

    await work.store.durably(keep)
    return None


def _issued_by_us(c: sa.Connection, work: Work, issuer: str) -> bool:
    """Whether one of the connection's companies issued it (where the ERP tells their CNPJ)."""
    blobs = c.execute(sa.select(record.c.doc).where(record.c.integration_id == work.integration_id, record.c.kind == "warehouse")).scalars()
    ours = {doc.document for doc in (unpack(blob, KINDS["warehouse"].struct) for blob in blobs) if doc.document}
    return not ours or issuer in ours


async def _invoice(work: Work, order: Stored, part: Part) -> Later | None:
    document = to_send(part)
    assert document is not None and valid_key(document.invoice.key)
    await work.permit()
    await work.coupling.storefront.send_invoice(_ref(order), document.invoice, part.doc)
    number = document.invoice.number
    text = Text(f"Nota {number} enviada à loja.", f"Note {number} sent to the shop.")

    def done(c: sa.Connection) -> None:
        orders.document_sent(c, document.id, work.now())
        _done(c, work, order, part, "invoice_sent", text)

    await work.store.durably(done)
    return None


async def _tracking(work: Work, order: Stored, part: Part) -> Later | None:
    assert part.erp is not None and part.erp.shipments
    document = latest_sent(part)
    assert document is not None
    shipment = part.erp.shipments[0]
    if work.coupling.can("send_tracking"):
        await work.permit()
        await work.coupling.storefront.send_tracking(_ref(order), part.doc, shipment, document.invoice)
    code = shipment.tracking.code
    text = Text(f"Rastreio {code or 'sem código'} enviado à loja.", f"Tracking {code or 'without code'} sent to the shop.")
    await work.store.durably(lambda c: _done(c, work, order, part, "tracking_sent", text, tracking_sent_at=work.now()))
    return None


async def _delivery(work: Work, order: Stored, part: Part) -> Later | None:
    assert part.erp is not None
    document = latest_sent(part)
    assert document is not None
    at = part.erp.delivered_at or work.clock.now()
    if work.coupling.can("send_delivery"):
        await work.permit()
        await work.coupling.storefront.send_delivery(_ref(order), part.doc, at.isoformat(), document.invoice)
    text = Text("Entrega informada à loja.", "Delivery sent to the shop.")
    await work.store.durably(lambda c: _done(c, work, order, part, "delivered", text, delivery_sent_at=work.now(), state="delivered"))
    return None


def _ref(order: Stored) -> ShopOrderRef:
    return ShopOrderRef(order.key, order.doc)


def _done(c: sa.Connection, work: Work, order: Stored, part: Part, name: str, text: Text, **values: Any) -> None:
    """The step is durable, in the timeline, and any earlier reason to wait is over."""
    work.must_hold(c)
    if values:
        orders.update_part(c, part.id, **values)
    orders.note(c, work.tenant_id, work.integration_id, order.id, part.no, name, text, work.now())
    if order.cause_id is not None and not refused(*order.parts):
        orders.set_cause(c, work.tenant_id, work.integration_id, order.id, None, work.now())


ACTIONS: dict[Action, Callable[[Work, Stored, Part], Awaitable[Later | Reason | None]]] = {
    "resolve": resolve_part,
    "import": import_part,
    "forget": _forget,
    "cancel_in_erp": _cancel_in_erp,
    "cancel_in_shop": _cancel_in_shop,
    "handling": _handling,
    "documents": _documents,
    "invoice": _invoice,
    "tracking": _tracking,
    "delivery": _delivery,
}
