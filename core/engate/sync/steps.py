"""The steps of an order's part: each calls one side and ends with what happened durable. `engate.domain.next_step` says which is next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import sqlalchemy as sa

from engate import personal
from engate.domain import reasons, settlement
from engate.domain.next_step import Action, Situation, latest_sent, next_shipment, refused, to_send
from engate.domain.orders import Part, Stored
from engate.domain.reasons import Reason
from engate.domain.splitting import split
from engate.errors import Rejected
from engate.model import ErpOrder, PartRef, Query, ShopOrderRef
from engate.plugins import closing
from engate.store import links, orders, renames, units
from engate.store.blobs import pack
from engate.sync import mailing
from engate.sync.imports import import_part, resolve_part
from engate.sync.sharing import kept
from engate.sync.stock import Share, follow, stock_moved
from engate.sync.work import NextTurn, SliceContext
from engate.text import Text
from engate.titles import HOOKS


class Step(msgspec.Struct, frozen=True):
    """The arguments of a step."""

    work: SliceContext
    order: Stored
    part: Part
    situation: Situation

    @property
    def shop_order(self) -> ShopOrderRef:
        return ShopOrderRef(self.order.key, self.order.doc)

    @property
    def erp_order(self) -> PartRef:
        assert self.part.erp_key is not None
        return PartRef(self.part.erp_key, self.part.branch, self.part.reference)

    @property
    def skus(self) -> list[str]:
        return sorted({item.sku for item in self.part.doc.items})

    async def done(self, name: str, text: Text, **values: Any) -> None:
        """Stores the step and its line in the timeline, and ends any earlier cause of the order."""
        await self.work.store.durably(lambda c: self.keep(c, name, text, **values))

    def keep(self, c: sa.Connection, name: str, text: Text, **values: Any) -> None:
        work, order, part = self.work, self.order, self.part
        work.must_have_lease(c)
        if values:
            orders.update_part(c, part.id, **values)
        orders.note(c, work.order_row(order.id), orders.Line(name, text, part.no), work.now())
        if order.cause_id is not None and not refused(*order.parts):
            orders.set_cause(c, work.order_row(order.id), None, work.now())


Outcome = NextTurn | Reason | None
"""What a step returns. None: it is done, decide again; a reason: a person must decide."""


# ---- before and after the ERP has it ----


async def _import(step: Step) -> Outcome:
    return await import_part(step.work, step.order, step.part)


async def _resolve(step: Step) -> Outcome:
    return await resolve_part(step.work, step.order, step.part)


async def _finish(step: Step) -> Outcome:
    await step.work.permit()
    await step.work.coupling.erp.finish_order(step.erp_order)
    text = Text(f"Pedido {step.part.erp_key} concluído no ERP.", f"Order {step.part.erp_key} finished in the ERP.")
    await step.done("finished", text, finished_at=step.work.now())
    return None


async def _forget(step: Step) -> Outcome:
    state = "cancelled" if step.order.was_paid else "expired"
    text = Text("Cancelado na loja antes de entrar no ERP.", "Cancelled in the shop before it entered the ERP.")

    def done(c: sa.Connection) -> None:
        units.free(c, step.order.id)
        stock_moved(c, step.work, step.skus)
        step.keep(c, "cancelled", text, state=state)

    await step.work.store.durably(done)
    return None


# ---- cancellations ----


async def _cancel_in_erp(step: Step) -> Outcome:
    reason = "Cancelado na loja"
    await step.work.permit()
    await step.work.coupling.erp.import_cancellation(step.erp_order, reason)
    text = Text(f"Pedido {step.part.erp_key} cancelado no ERP.", f"Order {step.part.erp_key} cancelled in the ERP.")
    # where the shop only asked, it still has to hear of it; where it cancelled, that is the end
    values: dict[str, Any] = {"erp_state": "cancelled"}
    if step.order.doc.state == "cancelled":
        values["state"] = "cancelled"

    def done(c: sa.Connection) -> None:
        step.keep(c, "erp_cancelled", text, **values)
        follow(c, step.work, Share(step.order.id, step.part.branch), "cancelled")
        stock_moved(c, step.work, step.skus)

    await step.work.store.durably(done)
    return None


async def _cancel_in_shop(step: Step) -> Outcome:
    reason = (step.part.erp.reason if step.part.erp else "") or "Cancelado no ERP"
    if step.work.coupling.calls("send_cancellation"):
        await step.work.permit()
        await step.work.coupling.storefront.send_cancellation(step.shop_order, reason)
    text = _told(step.work, "send_cancellation", Text("Cancelamento do ERP", "The ERP's cancellation"))

    def done(c: sa.Connection) -> None:
        for each in step.order.parts:
            orders.update_part(c, each.id, state="cancelled", cancel_sent_at=step.work.now())
        orders.shop_cancelled(c, step.order.id, step.order.doc)
        step.keep(c, "shop_cancelled", text)
        stock_moved(c, step.work, sorted({item.sku for each in step.order.parts for item in each.doc.items}))

    await step.work.store.durably(done)
    return None


async def _refuse_cancel(step: Step) -> Outcome:
    reason = "Pedido já faturado"
    await step.work.permit()
    await step.work.coupling.storefront.send_cancel_refusal(step.shop_order, reason)
    text = Text("Loja avisada: o pedido já está faturado e segue.", "Shop told: the order is invoiced already and goes on.")

    def done(c: sa.Connection) -> None:
        orders.refusal_sent(c, step.order.id, step.work.now())
        step.keep(c, "cancel_refused", text)

    await step.work.store.durably(done)
    return None


# ---- changes ----


async def _change_in_erp(step: Step) -> Outcome:
    """Changes the ERP's order to what the shop's order now asks of this part. If nothing is left, it is cancelled."""
    work, order, part = step.work, step.order, step.part
    skus = await work.store.reading(lambda c: links.sku_of(c, work.integration_id, order.doc.items))
    made = split(order.doc, work.snapshot.mapping, skus, kept(work.snapshot.mapping, part.branch))
    if isinstance(made, Reason):
        return made
    wanted = next((doc for doc in made if doc.branch == part.branch), None)
    if wanted is None:
        return await _cancel_in_erp(step)
    # values that the mapping gave at import stay: a row changed since is for later orders
    held = part.doc
    wanted = msgspec.structs.replace(
        wanted, reference=part.reference, charge=held.charge, terms=held.terms, carrier=held.carrier, fields=held.fields
    )
    await work.permit()
    try:
        await work.coupling.erp.import_order_change(step.erp_order, wanted)
    except Rejected as error:
        words = msgspec.to_builtins(error.text)
        await step.done("erp_change_refused", error.text, change_refused=words)
        return None
    text = Text(
        f"Alteração da loja feita no pedido {part.erp_key} do ERP.", f"The shop's change was made in the ERP's order {part.erp_key}."
    )

    def done(c: sa.Connection) -> None:
        orders.part_changed(c, part.id, wanted)
        if units.free_part(c, order.id, part.branch):  # the ERP has not reserved it yet
            units.withhold(c, work.integration_id, order.id, {part.branch: wanted.items})
        step.keep(c, "erp_changed", text)
        stock_moved(c, work, sorted({*step.skus, *(item.sku for item in wanted.items)}))

    await work.store.durably(done)
    return None


async def _change_in_shop(step: Step) -> Outcome:
    """The change is stored before it is sent: the shop's later event of it must not be taken for a change by the shop."""
    work, part = step.work, step.part
    reason = (part.erp.reason if part.erp else "") or "Item não atendido"
    good = step.situation.good_of(step.order)
    wanted = part.change or settlement.change(step.order, part, good, reason)
    assert wanted is not None
    await work.permit()
    if part.change is None:
        found = settlement.money(step.order, good, settlement.under_way(step.order))
        before = found.given_back if found is not None else settlement.NOTHING
        await work.store.durably(lambda c: orders.update_part(c, part.id, change=pack(wanted), given_back_before=before))
    try:
        await work.coupling.storefront.send_order_change(step.shop_order, part.doc, wanted)
    except Rejected as error:
        await step.done("shop_change_refused", error.text, change=None, change_refused=msgspec.to_builtins(error.text))
        return None
    amount = settlement.reais(wanted.refund)
    text = Text(f"Loja alterou o pedido: {amount} devolvidos ao cliente.", f"The shop changed the order: {amount} given back to the buyer.")

    def done(c: sa.Connection) -> None:
        step.keep(c, "shop_changed", text, change_sent_at=work.now())
        stock_moved(c, work, step.skus)
        work.wake(c, (work.claim.name, work.claim.prio))

    await work.store.durably(done)
    return None


# ---- the ERP's facts ----


async def _handling(step: Step) -> Outcome:
    work = step.work
    if step.order.doc.state != "ready" or not work.coupling.calls("send_handling"):  # the shop knows it, asks by itself, or cannot be told
        await work.store.durably(lambda c: orders.update_part(c, step.part.id, handling_sent_at=work.now()))
        return None
    await work.permit()
    await work.coupling.storefront.send_handling(step.shop_order)
    await step.done("handling", Text("Loja avisada: em preparação.", "Shop told: handling."), handling_sent_at=work.now())
    return None


def _told(work: SliceContext, hook: str, what: Text) -> Text:
    """Timeline text: whether the shop is told, asks by itself, or does not learn of it."""
    if work.coupling.calls(hook):
        return Text(f"{what.pt}: a loja foi informada.", f"{what.en}: the shop was told.")
    if work.coupling.can(hook):
        return Text(f"{what.pt}: à disposição da loja, que a consulta.", f"{what.en}: there for the shop, which asks for it.")
    return Text(f"{what.pt}: não há como informar a loja.", f"{what.en}: the shop cannot be told.")


NOT_PUBLISHED = reasons.own(
    "order.note_not_published", "erp",
    Text("Faturado, mas o ERP ainda não publicou a nota.", "Invoiced, but the ERP has not published the note yet."),
    Text("O engate pergunta de novo sozinho; se demorar, veja a emissão da nota no ERP.",
         "engate asks again by itself; if it takes long, see the note's emission in the ERP."),
    "engate",
)  # fmt: skip


async def _documents(step: Step) -> Outcome:
    """Reads and stores the fiscal documents of an invoiced order. "Not published yet" is no error. Each is stored independently."""
    work, part = step.work, step.part
    found: ErpOrder | None = None
    async with closing(work.coupling.erp.list_fulfilment(Query(keys=(f"{part.branch}/{part.erp_key}",)))) as pages:
        async for page in pages:
            found = next((o for o in page.items if o.key == part.erp_key), found)
    awaited = "send_invoice" in step.situation.hooks
    said = found if found is not None or awaited else part.erp
    if said is None:
        return await _not_published(step)
    whole = msgspec.structs.replace(said, invoices=(found.invoices if found is not None else None) or ())
    [fresh] = await work.store.reading(lambda c: renames.as_now(c, work.integration_id, [whole]))
    fresh = personal.erased_erp(fresh) if step.order.erased else fresh

    def keep(c: sa.Connection) -> bool:
        new = orders.keep_documents(c, work.order_row(step.order.id), part.id, fresh.invoices or (), work.now())
        for invoice in new:
            orders.index(c, work.integration_id, "order", step.order.key, [invoice.key, invoice.number])
            text = Text(f"Nota {invoice.title} recebida do ERP.", f"Note {invoice.title} received from the ERP.")
            orders.note(c, work.order_row(step.order.id), orders.Line("document", text, part.no), work.now())
        orders.update_part(c, part.id, erp_doc=pack(fresh), erp_state=fresh.state)
        return bool(new)

    more = await work.store.durably(keep)
    return None if more or part.documents or not awaited else await _not_published(step)


async def _not_published(step: Step) -> Outcome:
    work, order = step.work, step.order
    if order.cause_id is None:
        await work.store.durably(lambda c: orders.set_cause(c, work.order_row(order.id), NOT_PUBLISHED, work.now()))
    return NextTurn(due=work.now() + work.delays.invoice_retry)


async def _invoice(step: Step) -> Outcome:
    """Sends the note with the part's lines that it invoices."""
    work, part = step.work, step.part
    document = to_send(part, step.situation)
    assert document is not None
    note = document.invoice
    earlier = [d.invoice for d in part.documents if d.sent_at is not None]
    left = part.doc.total - sum((each.value for each in earlier), settlement.NOTHING)
    if part.change is not None and part.change_sent_at is not None:
        left -= part.change.refund
    lines = msgspec.structs.replace(part.doc, items=settlement.invoiced_items(part, note, earlier), total=left)
    if work.coupling.calls("send_invoice"):
        await work.permit()
        await work.coupling.storefront.send_invoice(step.shop_order, note, lines)
    text = _told(work, "send_invoice", Text(f"Nota {note.number}", f"Note {note.number}"))

    def done(c: sa.Connection) -> None:
        orders.document_sent(c, document.id, work.now())
        step.keep(c, "invoice_sent", text)

    await work.store.durably(done)
    return None


async def _tracking(step: Step) -> Outcome:
    work, part = step.work, step.part
    shipment = next_shipment(part)
    assert shipment is not None
    sent = latest_sent(part)
    lines = msgspec.structs.replace(part.doc, items=settlement.shipped_items(part, [(item.sku, item.quantity) for item in shipment.items]))
    if work.coupling.calls("send_tracking"):
        await work.permit()
        await work.coupling.storefront.send_tracking(step.shop_order, lines, shipment, sent.invoice if sent else None)
    code = shipment.tracking.code
    text = _told(work, "send_tracking", Text(f"Rastreio {code or 'sem código'}", f"Tracking {code or 'without code'}"))

    def done(c: sa.Connection) -> None:
        orders.shipped(c, part.id, shipment.key, work.now())
        step.keep(c, "tracking_sent", text, tracking_sent_at=work.now())
        if step.order.state == "shipped":
            mailing.owe(c, work, step.order, "shipped")  # the last missing item may have been shipped now

    await work.store.durably(done)
    return None


async def _delivery(step: Step) -> Outcome:
    work, part = step.work, step.part
    sent = latest_sent(part)
    at = (part.erp.delivered_at if part.erp is not None else None) or work.clock.now()
    if work.coupling.calls("send_delivery"):
        await work.permit()
        await work.coupling.storefront.send_delivery(step.shop_order, part.doc, at.isoformat(), sent.invoice if sent else None)
    text = _told(work, "send_delivery", Text("Entrega", "Delivery"))
    await step.done("delivered", text, delivery_sent_at=work.now(), state="delivered")
    return None


STEPS: dict[Action, Callable[[Step], Awaitable[Outcome]]] = {
    "resolve": _resolve,
    "import": _import,
    "finish": _finish,
    "forget": _forget,
    "cancel_in_erp": _cancel_in_erp,
    "cancel_in_shop": _cancel_in_shop,
    "refuse_cancel": _refuse_cancel,
    "change_in_erp": _change_in_erp,
    "change_in_shop": _change_in_shop,
    "handling": _handling,
    "documents": _documents,
    "invoice": _invoice,
    "tracking": _tracking,
    "delivery": _delivery,
}
TITLES: dict[Action, Text] = {
    "resolve": HOOKS["find_order"],
    "import": HOOKS["import_order"],
    "finish": HOOKS["finish_order"],
    "forget": Text("encerrar o pedido", "closing the order"),
    "cancel_in_erp": HOOKS["import_cancellation"],
    "cancel_in_shop": HOOKS["send_cancellation"],
    "refuse_cancel": HOOKS["send_cancel_refusal"],
    "change_in_erp": HOOKS["import_order_change"],
    "change_in_shop": HOOKS["send_order_change"],
    "handling": HOOKS["send_handling"],
    "documents": Text("buscar a nota no ERP", "getting the note from the ERP"),
    "invoice": HOOKS["send_invoice"],
    "tracking": HOOKS["send_tracking"],
    "delivery": HOOKS["send_delivery"],
}
"""What each step does, as shown when it fails repeatedly."""
