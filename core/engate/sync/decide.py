"""What an order's part needs next. Pure: the whole order logic in one page."""

from __future__ import annotations

from typing import Literal

from engate.model import Invoice, valid_key
from engate.store.causes import Reason, own
from engate.store.orders import Document, Part, Stored
from engate.sync.options import Options, PairMapping
from engate.sync.parts import may_enter
from engate.text import Text

Action = Literal[
    "resolve",  # an import went out and nobody knows: look for the order
    "import",
    "forget",  # cancelled or expired before the ERP had it
    "cancel_in_erp",
    "cancel_in_shop",
    "handling",
    "documents",  # invoiced: get the fiscal documents
    "invoice",
    "tracking",
    "delivery",
]
FINAL = frozenset({"delivered", "cancelled", "expired", "ignored"})
BILLED = frozenset({"invoiced", "shipped", "delivered"})
RESERVED = frozenset({"held", "in_erp", "picking"}) | BILLED


def next_action(order: Stored, part: Part, mapping: PairMapping, options: Options) -> Action | Reason | None:
    """The next action, a reason why a person must decide, or None: nothing to do until something happens."""
    shop = order.doc.state
    if part.state in FINAL:
        late = part.state in ("expired", "cancelled") and part.erp_key is None and shop in ("ready", "handling", "invoiced")
        return PAID_LATE if late else None
    if part.sending:
        return "resolve"
    if part.erp_key is None:
        if shop == "cancelled":
            return "forget"
        if part.state == "rejected":
            return None  # the ERP said no: until a person asks for a retry
        if may_enter(order.doc, mapping) or (shop == "handling" and any(other.erp_key for other in order.parts)):
            return "import"
        return HANDLED_ELSEWHERE if shop in ("handling", "invoiced") else None
    if part.erp_state == "cancelled":
        return _cancelled_in_erp(order)
    if part.erp_state == "rejected":
        return "forget" if shop == "cancelled" else _rejected_by_erp(part)
    if shop in ("cancelled", "cancel_requested"):
        return _cancelled_in_shop(part, options)
    if part.handling_sent_at is None and part.erp_state in RESERVED and shop not in ("received", "awaiting_payment"):
        # told too early, the shop says "handling" and the rest of the order looks as if another system had taken it
        return "handling" if all(other.erp_state in RESERVED or other.state in FINAL for other in order.parts) else None
    if part.erp_state in BILLED:
        return _billed(part)
    return WENT_BACK if latest_sent(part) is not None else None


def refused(*parts: Part) -> bool:
    """Whether the ERP said no to one of them: that stands until a person asks for a retry, whatever else happens to the order."""
    return any(part.state == "rejected" and part.erp_key is None for part in parts)


def _cancelled_in_erp(order: Stored) -> Action | Reason:
    if all(part.erp_state == "cancelled" or part.state in ("cancelled", "expired") for part in order.parts):
        return "cancel_in_shop"
    return own(
        "order.part_cancelled", order.key,
        Text("Uma parte do pedido foi cancelada no ERP; as outras seguem.",
             "One part of the order was cancelled in the ERP; the others go on."),
        Text("Decida com o cliente: cancelar o resto ou reembolsar a parte.", "Decide with the buyer: cancel the rest or refund the part."),
    )  # fmt: skip


def _rejected_by_erp(part: Part) -> Reason:
    why = part.erp.reason if part.erp else ""
    return own(
        "order.erp_rejected", part.reference,
        Text(f"O ERP recebeu o pedido {part.erp_key} e depois o recusou. {why}".strip(),
             f"The ERP took order {part.erp_key} in and refused it later. {why}".strip()),
        Text("Corrija no ERP o que ele aponta e reprocesse o pedido lá.", "Fix in the ERP what it names and process the order again."),
    )  # fmt: skip


def _cancelled_in_shop(part: Part, options: Options) -> Action | Reason:
    if part.erp_state in BILLED:
        return own(
            "order.cancelled_after_invoice", part.reference,
            Text("Cancelado na loja depois de faturado no ERP: URGENTE.",
                 "Cancelled in the shop after it was invoiced in the ERP: URGENT."),
            Text("Cancele a nota dentro do prazo legal do estado (em geral 24 h) ou faça a devolução.",
                 "Cancel the note within the state's legal deadline (mostly 24 h) or make a return."),
        )  # fmt: skip
    if part.erp_state == "picking" and options.cancel_while_picking == "ask":
        return own(
            "order.cancel_while_picking", part.reference,
            Text("Cancelado na loja com o pedido em separação no ERP.",
                 "Cancelled in the shop while the ERP is picking it."),
            Text("Cancele o pedido no ERP, ou recuse o cancelamento na loja.",
                 "Cancel the order in the ERP, or decline the cancellation in the shop."),
        )  # fmt: skip
    return "cancel_in_erp"


def _billed(part: Part) -> Action | Reason | None:
    if latest_sent(part) is None and (not part.documents or part.erp is None or part.erp.invoices is None):
        return "documents"  # also again after the ERP changed the order: a refused note may have been issued anew
    unsent = [d for d in part.documents if d.sent_at is None]
    if to_send(part) is not None:
        return "invoice"
    if len(unsent) == len(part.documents):
        return gate(unsent[-1].invoice)
    if part.erp and part.erp.shipments and part.tracking_sent_at is None:
        return "tracking"
    if _delivered(part) and part.delivery_sent_at is None:
        return "delivery"
    return None


def _delivered(part: Part) -> bool:
    """Some ERPs move on, others keep "invoiced" and tell the day it was delivered."""
    return part.erp_state == "delivered" or (part.erp is not None and part.erp.delivered_at is not None)


def gate(invoice: Invoice) -> Reason | None:
    """Only an authorised production sale note with a right key goes to the storefront; others are stored and shown."""
    why: Text | None = None
    if invoice.model not in ("55", "65"):
        why = Text(f"modelo {invoice.model} não é NF-e nem NFC-e", f"model {invoice.model} is neither NF-e nor NFC-e")
    elif invoice.kind != "sale":
        why = Text("não é nota de venda", "it is not a sale note")
    elif not invoice.production:
        why = Text("emitida em homologação", "issued in the test environment")
    elif not invoice.authorised:
        why = Text("não está autorizada", "it is not authorised")
    elif not valid_key(invoice.key):
        why = Text("a chave de acesso não confere", "its access key does not check")
    if why is None:
        return None
    return own(
        "invoice.refused", invoice.key,
        Text(f"A nota {invoice.number}/{invoice.series} não foi enviada: {why.pt}.",
             f"Note {invoice.number}/{invoice.series} was not sent: {why.en}."),
        Text("Corrija ou reemita a nota no ERP.", "Fix or re-issue the note in the ERP."),
    )  # fmt: skip


def to_send(part: Part) -> Document | None:
    """The next document for the storefront; one that the gate refuses is stored and shown, and holds no other up."""
    return next((d for d in part.documents if d.sent_at is None and gate(d.invoice) is None), None)


def latest_sent(part: Part) -> Document | None:
    sent = [d for d in part.documents if d.sent_at is not None]
    return sent[-1] if sent else None


BEFORE_THE_ERP = {
    "awaiting_payment": "awaiting_payment", "held": "held", "ready": "ready", "cancel_requested": "cancel_requested",
    "handling": "ready", "invoiced": "ready",
}  # fmt: skip


def state_without_parts(order: Stored) -> str:
    """Of an order that could not be split (yet)."""
    if order.doc.state == "cancelled":
        return "cancelled" if order.was_ready else "expired"
    return BEFORE_THE_ERP.get(order.doc.state, "received")


def state_of(order: Stored, part: Part) -> str:
    """The part's state as operators know it (`domain`, section 3)."""
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
    if part.erp_state == "invoiced" and part.tracking_sent_at is not None:
        return "shipped"
    return {"held": "erp_held", "unknown": "in_erp", None: "in_erp"}.get(part.erp_state, part.erp_state or "in_erp")


ORDER = (
    "received", "awaiting_payment", "held", "ready", "importing", "rejected", "erp_held", "in_erp", "cancel_requested", "picking",
    "invoiced", "shipped", "delivered",
)  # fmt: skip


def state_of_order(states: list[str]) -> str:
    """The least advanced live part's; a final one when all are."""
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
