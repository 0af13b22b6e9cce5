"""What an order's part needs next. Pure: all logic of orders is here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from engate.domain import settlement
from engate.domain.mapping import PairMapping
from engate.domain.options import Options
from engate.domain.orders import Document, Part, Stored
from engate.domain.reasons import Reason, own
from engate.domain.settlement import BILLED
from engate.domain.splitting import may_enter
from engate.hooks import Fiscal
from engate.model import Invoice, Shipment, plain, valid_key
from engate.text import Text

Action = Literal[
    "resolve",  # an import went out, effect unknown: look for the order
    "import",
    "finish",  # what the ERP needs after the import
    "forget",  # cancelled or expired before the ERP had it
    "cancel_in_erp",
    "cancel_in_shop",
    "refuse_cancel",  # the ERP has invoiced what the buyer asked to cancel
    "change_in_erp",  # the shop changed the order
    "handling",
    "documents",  # invoiced: get the fiscal documents
    "change_in_shop",  # take what the ERP did not attend out of the shop's order
    "invoice",
    "tracking",
    "delivery",
]
FINAL = frozenset({"delivered", "cancelled", "expired", "ignored"})
RESERVED = frozenset({"held", "in_erp", "picking", "partly_invoiced"}) | BILLED
NOTHING_YET = Text("", "")


class Situation(msgspec.Struct, frozen=True):
    """What decisions depend on besides the order. `hooks`: the optional hooks that this pair offers; `why`: hook -> why this account lacks
    it; `companies`: companies whose notes count (none known: all)."""

    mapping: PairMapping = PairMapping()
    options: Options = Options()
    hooks: frozenset[str] = frozenset()
    why: Mapping[str, Text] = {}
    fiscal: Fiscal = "nfe"
    companies: frozenset[str] = frozenset()

    def gate(self, invoice: Invoice, part: Part) -> Reason | None:
        return gate(invoice, self.fiscal, self.companies, part.reference)

    def good(self, part: Part) -> list[Invoice]:
        """The part's notes that count."""
        return [d.invoice for d in part.documents if self.gate(d.invoice, part) is None]

    def good_of(self, order: Stored) -> list[Invoice]:
        return [note for part in order.parts for note in self.good(part)]


def next_action(order: Stored, part: Part, s: Situation) -> Action | Reason | None:
    """The next action, the reason why a person must decide, or None: nothing to do until something happens."""
    shop = order.doc.state
    if part.state in FINAL and part.erp_state != "cancelled":
        late = part.state in ("expired", "cancelled") and part.erp_key is None and shop in ("ready", "handling", "invoiced")
        return PAID_LATE if late else None
    if part.sending:
        return "resolve"
    if part.erp_key is None:
        return _not_in_erp(order, part, s)
    if part.erp_state == "cancelled":
        return _cancelled_in_erp(order, part, s)
    if part.erp_state == "rejected":
        return "forget" if shop == "cancelled" else _rejected_by_erp(part)
    if part.finished_at is None and "finish_order" in s.hooks:
        return "finish"
    if shop in ("cancelled", "cancel_requested"):
        return _cancelled_in_shop(order, part, s)
    if part.erp_state not in BILLED and settlement.differs(order, part):
        return _changed_in_shop(order, part, s)
    if part.handling_sent_at is None and part.erp_state in RESERVED and shop not in ("received", "awaiting_payment"):
        # if sent too early, the shop says "handling", and the rest of the order looks as if another system had taken it
        return "handling" if all(other.erp_state in RESERVED or other.state in FINAL for other in order.parts) else None
    if part.erp_state in BILLED or part.erp_state == "partly_invoiced":
        return _billed(order, part, s)
    return WENT_BACK if latest_sent(part) is not None else None


def refused(*parts: Part) -> bool:
    """Whether the ERP refused one of them. That stays until a person asks for a retry, whatever else happens to the order."""
    return any(part.state == "rejected" and part.erp_key is None for part in parts)


def _not_in_erp(order: Stored, part: Part, s: Situation) -> Action | Reason | None:
    shop = order.doc.state
    if shop == "cancelled":
        return "forget"
    if part.state == "rejected":
        return None  # the ERP refused it: nothing until a person asks for a retry
    if may_enter(order.doc, s.mapping) or (shop == "handling" and any(other.erp_key for other in order.parts)):
        return "import"
    return HANDLED_ELSEWHERE if shop in ("handling", "invoiced") else None


# ---- cancellations ----


def _cancelled_in_erp(order: Stored, part: Part, s: Situation) -> Action | Reason | None:
    """The shop's order is cancelled with its last part. A single part is taken out of it once others are sure to go on, which is when one
    of them is invoiced; what the shop cannot take out becomes a task (`settlement`)."""
    if order.doc.state == "cancelled":
        return None
    if all(other.erp_state == "cancelled" or other.state in ("cancelled", "expired") for other in order.parts):
        return "cancel_in_shop" if "send_cancellation" in s.hooks else _not_offered("send_cancellation", part, s)
    goes_on = any(other.erp_state in BILLED for other in order.parts)
    return "change_in_shop" if goes_on and change_is_due(order, part, s) else None


def _rejected_by_erp(part: Part) -> Reason:
    why = part.erp.reason if part.erp else ""
    return own(
        "order.erp_rejected", part.reference,
        Text(f"O ERP recebeu o pedido {part.erp_key} e depois o recusou. {why}".strip(),
             f"The ERP took order {part.erp_key} in and refused it later. {why}".strip()),
        Text("Corrija no ERP o que ele aponta e reprocesse o pedido lá.", "Fix in the ERP what it names and process the order again."),
    )  # fmt: skip


def _cancelled_in_shop(order: Stored, part: Part, s: Situation) -> Action | Reason | None:
    billed = part.erp_state in BILLED or part.erp_state == "partly_invoiced"
    if billed and order.doc.state == "cancel_requested" and "send_cancel_refusal" in s.hooks:
        return "refuse_cancel" if order.refusal_sent_at is None else _billed(order, part, s)
    if billed:
        return own(
            "order.cancelled_after_invoice", part.reference,
            Text("Cancelado na loja depois de faturado no ERP: URGENTE.",
                 "Cancelled in the shop after it was invoiced in the ERP: URGENT."),
            Text("Cancele a nota dentro do prazo legal do estado (em geral 24 h) ou faça a devolução.",
                 "Cancel the note within the state's legal deadline (mostly 24 h) or make a return."),
        )  # fmt: skip
    if part.erp_state == "picking" and s.options.cancel_while_picking == "ask":
        return own(
            "order.cancel_while_picking", part.reference,
            Text("Cancelado na loja com o pedido em separação no ERP.",
                 "Cancelled in the shop while the ERP is picking it."),
            Text("Cancele o pedido no ERP, ou recuse o cancelamento na loja.",
                 "Cancel the order in the ERP, or decline the cancellation in the shop."),
        )  # fmt: skip
    return "cancel_in_erp" if "import_cancellation" in s.hooks else _not_offered("import_cancellation", part, s)


# ---- changes ----


def _changed_in_shop(order: Stored, part: Part, s: Situation) -> Action | Reason:
    """Changes the ERP's order if it takes changes; else a reason for a person that shows both versions."""
    if part.change_refused is None and "import_order_change" in s.hooks and not settlement.unknown_lines(order):
        return "change_in_erp"
    held = ", ".join(f"{plain(item.quantity)} × {item.sku}" for item in part.doc.items)
    lines = {item.line for item in part.doc.items}
    asked = ", ".join(f"{plain(item.quantity)} × {item.name}" for item in order.doc.items if item.line in lines) or "0"
    added = ", ".join(settlement.unknown_lines(order)) or "0"
    why = part.change_refused or s.why.get("import_order_change", NOTHING_YET)
    return own(
        "order.changed_in_shop", f"{part.reference}/{asked}",
        Text(f"O pedido mudou na loja depois de entrar no ERP. No ERP ({part.erp_key}): {held}. "
             f"Na loja: {asked}; itens novos: {added}. {why.pt}".strip(),
             f"The order was changed in the shop after it entered the ERP. In the ERP ({part.erp_key}): {held}. "
             f"In the shop: {asked}; new items: {added}. {why.en}".strip()),
        Text(f"Altere o pedido {part.erp_key} no ERP antes da separação, ou cancele-o no ERP e na loja.",
             f"Change order {part.erp_key} in the ERP before it is picked, or cancel it on both sides."),
    )  # fmt: skip


def change_is_due(order: Stored, part: Part, s: Situation) -> bool:
    """Whether the shop should be asked to take out what was not attended. It is asked once, and not again after a refusal."""
    if "send_order_change" not in s.hooks or part.change_sent_at is not None or part.change_refused is not None:
        return False
    return part.change is not None or settlement.change(order, part, s.good_of(order), "") is not None


def _another_is_changing(order: Stored, part: Part) -> bool:
    """Whether another part's change is on its way: a change and a note never go to the shop at the same time."""
    return any(p.id != part.id and p.change is not None and p.change_sent_at is None and p.change_refused is None for p in order.parts)


def _not_offered(hook: str, part: Part, s: Situation) -> Reason:
    """The reason for a cancellation that this pair cannot do: a person does it."""
    side_pt, side_en = ("no ERP", "in the ERP") if hook.startswith("import") else ("na loja", "in the shop")
    why = s.why.get(hook, NOTHING_YET)
    return own(
        "order.step_not_offered", f"{hook}/{part.reference}",
        Text(f"O pedido foi cancelado, e o engate não pode cancelá-lo {side_pt}. {why.pt}".strip(),
             f"The order was cancelled, and engate cannot cancel it {side_en}. {why.en}".strip()),
        Text(f"Cancele o pedido {part.erp_key} {side_pt}; o engate percebe e segue.",
             f"Cancel order {part.erp_key} {side_en}; engate notices and goes on."),
    )  # fmt: skip


# ---- what the ERP invoiced and shipped ----


def _billed(order: Stored, part: Part, s: Situation) -> Action | Reason | None:
    said = part.erp.invoices if part.erp is not None else None
    if said is None and _more_notes_to_come(part, s):
        return "documents"  # again after the ERP changed the order: a refused note may have been issued anew
    notes_go = "send_invoice" in s.hooks
    if notes_go and not part.documents:
        return "documents"
    final = part.erp_state in BILLED
    if final and notes_go and latest_sent(part) is None and _must_be_asked(order, part, s):
        return _above(part, s)
    if final and change_is_due(order, part, s):
        return "change_in_shop"
    if notes_go and to_send(part, s) is not None:
        return None if _another_is_changing(order, part) else "invoice"
    if notes_go and latest_sent(part) is None:
        return s.gate(part.documents[-1].invoice, part)
    if next_shipment(part) is not None:
        return "tracking"
    if _delivered(part) and part.delivery_sent_at is None:
        return "delivery"
    return None


def _more_notes_to_come(part: Part, s: Situation) -> bool:
    if part.erp_state == "partly_invoiced" or not part.documents:
        return True
    covered = sum((note.value for note in s.good(part)), settlement.NOTHING)
    taken_out = part.change.refund if part.change is not None and part.change_sent_at is not None else settlement.NOTHING
    return covered < part.doc.total - taken_out


def _must_be_asked(order: Stored, part: Part, s: Situation) -> bool:
    """Whether more was invoiced than charged and no person has accepted the difference."""
    return s.options.invoiced_above_charge == "ask" and settlement.SETTLEMENT not in order.seen_to and settlement.above(part, s.good(part))


def _above(part: Part, s: Situation) -> Reason:
    value = sum((note.value for note in s.good(part)), settlement.NOTHING)
    return own(
        "order.invoiced_above", part.reference,
        Text(f"Faturado mais do que o cliente pagou: nota de {settlement.reais(value)}, cobrado {settlement.reais(part.doc.total)}.",
             f"More was invoiced than the buyer paid: note of {settlement.reais(value)}, charged {settlement.reais(part.doc.total)}."),
        Text("Cancele a nota no ERP e fature o que foi pago; ou encerre a pendência do pedido para assumir a diferença.",
             "Cancel the note in the ERP and invoice what was paid; or close the order's task to bear the difference."),
    )  # fmt: skip


def next_shipment(part: Part) -> Shipment | None:
    """The next shipment that the shop does not know, or None."""
    shipments = part.erp.shipments if part.erp is not None else ()
    return next((shipment for shipment in shipments if shipment.key[:100] not in part.shipped), None)


def _delivered(part: Part) -> bool:
    """Whether the part was delivered. Some ERPs change the state, others keep "invoiced" and tell the day of delivery."""
    return part.erp_state == "delivered" or (part.erp is not None and part.erp.delivered_at is not None)


def gate(invoice: Invoice, fiscal: Fiscal = "nfe", companies: frozenset[str] = frozenset(), of: str = "") -> Reason | None:
    """Why a note must not go to the storefront; None: it may. Only authorised production sale notes of the tenant's companies may; others
    are stored and shown. `of`: the part's reference, because plain notes of two orders may have the same number, or none."""
    why: Text | None = None
    if fiscal == "nfe" and invoice.model not in ("55", "65"):
        why = Text(f"modelo {invoice.model} não é NF-e nem NFC-e", f"model {invoice.model} is neither NF-e nor NFC-e")
    elif invoice.kind != "sale":
        why = Text("não é nota de venda", "it is not a sale note")
    elif not invoice.production:
        why = Text("emitida em homologação", "issued in the test environment")
    elif not invoice.authorised:
        why = Text("não está autorizada", "it is not authorised")
    elif fiscal == "nfe" and not valid_key(invoice.key):
        why = Text("a chave de acesso não confere", "its access key does not check")
    elif not invoice.number:
        why = Text("não tem número", "it has no number")
    if why is not None:
        return own(
            "invoice.refused", f"{of}/{invoice.id}",
            Text(f"A nota {invoice.title} não foi enviada: {why.pt}.",
                 f"Note {invoice.title} was not sent: {why.en}."),
            Text("Corrija ou reemita a nota no ERP.", "Fix or re-issue the note in the ERP."),
        )  # fmt: skip
    if companies and invoice.issuer and invoice.issuer not in companies:
        return own(
            "invoice.issuer", f"{of}/{invoice.id}",
            Text(f"A nota {invoice.number} foi emitida por outra empresa ({invoice.issuer}).",
                 f"Note {invoice.number} was issued by another company ({invoice.issuer})."),
            Text("Confira a filial do pedido no ERP.", "Check the order's branch in the ERP."),
        )  # fmt: skip
    return None


def to_send(part: Part, s: Situation) -> Document | None:
    """The next document for the storefront. One that the gate refuses does not hold up the others."""
    return next((d for d in part.documents if d.sent_at is None and s.gate(d.invoice, part) is None), None)


def latest_sent(part: Part) -> Document | None:
    sent = [d for d in part.documents if d.sent_at is not None]
    return sent[-1] if sent else None


BEFORE_THE_ERP = {
    "awaiting_payment": "awaiting_payment", "held": "held", "ready": "ready", "cancel_requested": "cancel_requested",
    "handling": "ready", "invoiced": "ready",
}  # fmt: skip


def state_without_parts(order: Stored) -> str:
    """The state of an order that could not be split (yet)."""
    if order.doc.state == "cancelled":
        return "cancelled" if order.was_paid else "expired"
    return BEFORE_THE_ERP.get(order.doc.state, "received")


def state_of(order: Stored, part: Part) -> str:
    """The part's state as operators see it."""
    if part.state in FINAL or (part.state == "rejected" and part.erp_key is None):
        return part.state
    if part.sending:
        return "importing"
    shop = order.doc.state
    if part.erp_key is None:
        return BEFORE_THE_ERP.get(shop, "received")
    if part.delivery_sent_at is not None:
        return "delivered"
    if shop == "cancel_requested":
        return "cancel_requested"
    if part.erp_state == "delivered" or (part.erp_state == "invoiced" and part.tracking_sent_at is not None):
        return "shipped"  # "delivered" ends an order, so it is shown only when the shop knows it
    # an order delivered in the ERP ends when the shop knows it: until then it is shown as shipped
    return {"held": "erp_held", "unknown": "in_erp", "delivered": "shipped", None: "in_erp"}.get(part.erp_state, part.erp_state or "in_erp")


ORDER = (
    "received", "awaiting_payment", "held", "ready", "importing", "rejected", "erp_held", "in_erp", "cancel_requested", "picking",
    "partly_invoiced", "invoiced", "shipped", "delivered",
)  # fmt: skip


def state_of_order(states: list[str]) -> str:
    """The state of the least advanced part that is not final; the first part's where all are final."""
    live = [state for state in states if state in ORDER]
    return min(live, key=ORDER.index) if live else (states[0] if states else "received")


PAID_LATE = own(
    "order.paid_late", "shop",
    Text("A loja reabriu um pedido que já tinha sido cancelado ou expirado.",
         "The shop reopened an order that had been cancelled or expired."),
    Text("Confira o pagamento e o estoque; para importar mesmo assim, peça o reenvio.",
         "Check payment and stock; to import it all the same, ask for a retry."),
)  # fmt: skip
WENT_BACK = own(
    "order.erp_went_back", "erp",
    Text("O ERP desfez o faturamento de um pedido cuja nota já está na loja.",
         "The ERP undid the invoice of an order whose note is in the shop already."),
    Text("Uma nota reemitida não substitui a enviada: confira o pedido na loja.",
         "A note issued anew does not replace the one sent: check the order in the shop."),
)  # fmt: skip
HANDLED_ELSEWHERE = own(
    "order.handled_elsewhere", "shop",
    Text("A loja diz que o pedido já está em preparação, mas o engate não o importou.",
         "The shop says the order is being handled, but engate did not import it."),
    Text("Outro sistema consome os pedidos desta loja? Crie uma chave só para o engate.",
         "Does another system take this shop's orders? Make a key just for engate."),
)  # fmt: skip
