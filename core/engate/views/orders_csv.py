"""Orders as a spreadsheet that opens in Portuguese: semicolons, commas in numbers, local time."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from engate import titles
from engate.domain import sheet
from engate.local import when
from engate.views.orders import OrderLine

HEADER = ("Pedido", "Número na loja", "Feito em", "Estado", "Total (R$)", "Canal", "Número no ERP", "O que espera", "O que fazer")
CUT = "A lista continua: escolha um período menor."


def written(lines: Iterable[OrderLine], zone: ZoneInfo, *, cut: bool = False) -> bytes:
    """The CSV. `zone`: of its times. `cut`: there are more orders; the last line says so."""
    rows = [_row(line, zone) for line in lines]
    return sheet.table(HEADER, [*rows, (CUT,)] if cut else rows)


def _row(line: OrderLine, zone: ZoneInfo) -> tuple[str, ...]:
    return (
        sheet.as_text(line.key),
        sheet.as_text(line.number),
        when(line.placed_at, zone).pt if line.placed_at is not None else "",
        titles.state(titles.ORDER_STATES, line.state).pt,
        f"{line.total:.2f}".replace(".", ","),
        sheet.harmless(line.channel),
        sheet.as_text(" ".join(part.erp_key for part in line.parts if part.erp_key)),
        sheet.harmless(line.cause.text.pt) if line.cause is not None else "",
        sheet.harmless(line.cause.hint.pt) if line.cause is not None else "",
    )
