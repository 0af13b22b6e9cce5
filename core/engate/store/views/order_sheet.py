"""Orders as a spreadsheet that opens in Portuguese: semicolons, commas in numbers, local time."""

from __future__ import annotations

from collections.abc import Iterable

from engate.local import when
from engate.store.views.orders import OrderLine
from engate.sync import sheet
from engate.text import Text

HEADER = ("Pedido", "Número na loja", "Feito em", "Estado", "Total (R$)", "Canal", "Número no ERP", "O que espera", "O que fazer")
STATES = {
    "received": Text("Recebido", "Received"),
    "awaiting_payment": Text("Aguardando pagamento", "Awaiting payment"),
    "held": Text("Retido na loja", "Held in the shop"),
    "ready": Text("Pronto para o ERP", "Ready for the ERP"),
    "rejected": Text("Recusado pelo ERP", "Refused by the ERP"),
    "importing": Text("Entrando no ERP", "Entering the ERP"),
    "erp_held": Text("Bloqueado no ERP", "Held in the ERP"),
    "in_erp": Text("No ERP", "In the ERP"),
    "picking": Text("Em separação", "Being picked"),
    "partly_invoiced": Text("Faturado em parte", "Partly invoiced"),
    "invoiced": Text("Faturado", "Invoiced"),
    "shipped": Text("Enviado", "Shipped"),
    "delivered": Text("Entregue", "Delivered"),
    "cancel_requested": Text("Cancelamento pedido", "Cancellation requested"),
    "cancelled": Text("Cancelado", "Cancelled"),
    "expired": Text("Expirado sem pagamento", "Expired unpaid"),
    "ignored": Text("Fora do ERP por regra", "Kept out of the ERP by rule"),
}


CUT = "A lista continua: escolha um período menor."


def written(lines: Iterable[OrderLine], *, cut: bool = False) -> bytes:
    """`cut`: there are more; the last line says so."""
    rows = [_row(line) for line in lines]
    return sheet.table(HEADER, [*rows, (CUT,)] if cut else rows)


def _row(line: OrderLine) -> tuple[str, ...]:
    return (
        sheet.as_text(line.key),
        sheet.as_text(line.number),
        when(line.placed_at).pt if line.placed_at is not None else "",
        STATES[line.state].pt if line.state in STATES else line.state,
        f"{line.total:.2f}".replace(".", ","),
        sheet.harmless(line.channel),
        sheet.as_text(" ".join(part.erp_key for part in line.parts if part.erp_key)),
        sheet.harmless(line.cause.text.pt) if line.cause is not None else "",
        sheet.harmless(line.cause.hint.pt) if line.cause is not None else "",
    )
