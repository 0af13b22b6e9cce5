"""What was charged for an order compared with what was invoiced and refunded; what of a part was not attended. Pure.

At the end of every order: charged = invoiced + refunded + a task that a person closes.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engate.domain.orders import Part, Stored, Task
from engate.model import CENT, Cut, Invoice, OrderChange, PartItem
from engate.text import Text

SETTLEMENT = "order.settlement"
ERP_TOTAL = "order.erp_total"
NOTHING = Decimal("0.00")
NO_UNITS = Decimal(0)
BILLED = frozenset({"invoiced", "shipped", "delivered"})


class Money(msgspec.Struct, frozen=True):
    """Reais. `invoiced`: by final notes, or still to be invoiced by parts that go on. `gap`: charged and not accounted for."""

    charged: Decimal
    invoiced: Decimal
    given_back: Decimal

    @property
    def gap(self) -> Decimal:
        return self.charged - self.invoiced - self.given_back


def money(order: Stored, good: Iterable[Invoice], due: Iterable[tuple[Part, OrderChange]] = (), *, bear: bool = False) -> Money | None:
    """The order's sums; None where no parts were made yet. `good`: the notes that count (`next_step.gate` lets them pass).
    `due`: changes that the shop was or will be asked for. `bear`: the retailer bears what is invoiced above the charge."""
    if order.charged is None:
        return None
    counted = {note.id for note in good}
    charged = max(order.charged, order.doc.total)
    invoiced = sum((_invoiced(order, part, counted, bear) for part in order.parts), NOTHING)
    return Money(charged, invoiced, _given_back(order, charged, list(due)))


def _given_back(order: Stored, charged: Decimal, due: list[tuple[Part, OrderChange]]) -> Decimal:
    """The largest of: what the shop tells, what its total shows, and the changes it took. A stored change may be in the total already or
    not, so it is added to what had been refunded before it."""
    if order.doc.state == "cancelled":
        return charged
    told = order.doc.refunded - order.refunded_before
    asked = {part.id for part, _ in due} | {part.id for part in order.parts if part.change_sent_at is not None}
    with_ours = [part.given_back_before + part.change.refund for part in order.parts if part.change is not None and part.id in asked]
    still_to_ask = sum((change.refund for part, change in due if part.change is None), NOTHING)
    return max([told, charged - order.doc.total, *with_ours]) + still_to_ask


def under_way(order: Stored) -> list[tuple[Part, OrderChange]]:
    """Changes that the shop was asked for and that it has not shown yet."""
    return [(part, part.change) for part in order.parts if part.change is not None and part.change_sent_at is None]


def _invoiced(order: Stored, part: Part, counted: set[str], bear: bool) -> Decimal:
    if part.erp_key is None:
        return NOTHING if order.doc.state == "cancelled" else part.doc.total
    if part.erp_state == "cancelled":
        return NOTHING
    notes = [d.invoice for d in part.documents if d.invoice.id in counted]
    if part.erp_state in BILLED and notes:  # a note that does not count may be issued anew, so the amount still counts
        value = sum((note.value for note in notes), NOTHING)
        # taxes on top (ST, IPI) make a note larger than the charge; goods beyond the order are recognised by `above`
        return value if value < part.doc.total or (above(part, notes) and not bear) else part.doc.total
    if order.doc.state == "cancelled":
        return NOTHING
    # a part that goes on counts in full; if the shop's order has changed, it counts with the total of the ERP's order
    changed = _held(part) != _asked(order, part) and part.erp is not None and part.erp.total is not None
    return part.erp.total if changed and part.erp is not None and part.erp.total is not None else part.doc.total


def above(part: Part, notes: list[Invoice]) -> bool:
    """Whether more was invoiced than ordered: by quantity where the notes say it, else by value."""
    if notes and all(note.items for note in notes):
        ordered = _units((item.sku, item.quantity) for item in part.doc.items)
        billed = _units((item.sku, item.quantity) for note in notes for item in note.items)
        return any(quantity > ordered.get(sku, NO_UNITS) for sku, quantity in billed.items())
    return sum((note.value for note in notes), NOTHING) > part.doc.total


def task(order: Stored, found: Money) -> Task | None:
    """The task for a gap; None where the sums agree."""
    gap = found.gap
    if gap == 0:
        return None
    charged, invoiced, back = (reais(value) for value in (found.charged, found.invoiced, found.given_back))
    sums_pt = f"Cobrado {charged}, faturado {invoiced}, devolvido {back}"
    sums_en = f"Charged {charged}, invoiced {invoiced}, given back {back}"
    if gap > 0:
        text = Text(f"{sums_pt}: faltam {reais(gap)} que o cliente pagou e não vai receber.",
                    f"{sums_en}: {reais(gap)} that the buyer paid and will not get are missing.")  # fmt: skip
        hint = Text("Devolva o valor ao cliente na loja; depois encerre esta pendência no pedido, dizendo o que foi feito.",
                    "Give the money back in the shop; then close this task of the order, saying what was done.")  # fmt: skip
    else:
        text = Text(f"{sums_pt}: {reais(-gap)} a mais do que o cliente pagou.", f"{sums_en}: {reais(-gap)} more than the buyer paid.")
        hint = Text("Confira os dois lados: ajuste o pedido ou a nota no ERP, ou assuma a diferença e encerre esta pendência.",
                    "Check both sides: adjust the ERP's order or note, or bear the difference and close this task.")  # fmt: skip
    return Task(SETTLEMENT, gap, text, hint)


def disagreement(order: Stored, cents: int) -> Task | None:
    """The task where totals of the ERP's orders differ from the charge by more than `cents` for each line. Orders whose lines differ from
    those sent (a cut, a change) are left out: their notes will show the amount."""
    if order.doc.state == "cancelled":
        return None
    found = [(part, part.erp.total) for part in order.parts if part.erp is not None and part.erp.total is not None and _as_sent(part)]
    wrong = [(part, total) for part, total in found if abs(total - part.doc.total) > CENT * cents * len(part.doc.items)]
    if not wrong:
        return None
    pt = "; ".join(f"pedido {part.erp_key} com {reais(total)}, cobrado {reais(part.doc.total)}" for part, total in wrong)
    en = "; ".join(f"order {part.erp_key} of {reais(total)}, charged {reais(part.doc.total)}" for part, total in wrong)
    return Task(
        ERP_TOTAL, sum((part.doc.total - total for part, total in wrong), NOTHING),
        Text(f"O total no ERP não é o cobrado na loja: {pt}.", f"The total in the ERP is not what the shop charged: {en}."),
        Text("Acerte o pedido no ERP antes de faturar; ou, se a diferença está certa, encerre esta pendência no pedido. O que se tolera "
             "está na opção 'Diferença aceita no total do ERP'.",
             "Adjust the order in the ERP before it is invoiced; or, if the difference is right, close this task of the order. What is "
             "tolerated says the option 'Accepted difference in the ERP's total'."),
    )  # fmt: skip


def _as_sent(part: Part) -> bool:
    """Whether the ERP's order, as far as known, has the lines that were sent."""
    if part.erp is None or part.erp_state in ("cancelled", "rejected"):
        return False
    said = _units((item.sku, item.quantity) for item in part.erp.items)
    return not said or said == _units((item.sku, item.quantity) for item in part.doc.items)


def reais(value: Decimal) -> str:
    return f"R$ {value:.2f}".replace(".", ",")


def of_cancelled(order: Stored) -> Text | None:
    """What the buyer of a cancelled order had paid and what the shop shows as refunded; None where that was nothing or is unknown. The
    shop's total is not used, because it may fall with the cancellation."""
    charged, before = order.charged, order.refunded_before
    if not charged:  # cancelled before engate took it in
        charged, before = sum((payment.value for payment in order.doc.payments), NOTHING), NOTHING
    if not order.was_paid or not charged:
        return None
    paid, back = reais(charged), order.doc.refunded - before
    if back <= 0:
        return Text(f"O cliente tinha pago {paid}. A loja não mostra devolução: confira lá.",
                    f"The buyer had paid {paid}. The shop shows no refund: check it there.")  # fmt: skip
    if back >= charged:
        return Text(f"O cliente tinha pago {paid}, que a loja mostra devolvidos.",
                    f"The buyer had paid {paid}, which the shop shows as given back.")  # fmt: skip
    return Text(f"O cliente tinha pago {paid}; a loja mostra {reais(back)} devolvidos: confira lá a devolução.",
                f"The buyer had paid {paid}; the shop shows {reais(back)} given back: check the refund there.")  # fmt: skip


# ---- what was not attended ----


def change(order: Stored, part: Part, good: list[Invoice], reason: str) -> OrderChange | None:
    """What the shop should take out of its order: the lines that were not invoiced, and the amount due to the buyer that was not refunded
    yet. None: nothing. `good`: the order's notes that count."""
    found = money(order, good, under_way(order))
    mine = {d.invoice.id for d in part.documents}
    notes = [note for note in good if note.id in mine]
    if part.erp_state != "cancelled" and not notes:
        return None
    billed = NOTHING if part.erp_state == "cancelled" else sum((note.value for note in notes), NOTHING)
    refund = min(part.doc.total - billed, found.gap) if found is not None else NOTHING
    return OrderChange(part.reference, _cuts(order, part, notes), refund, reason) if refund > 0 else None


def _cuts(order: Stored, part: Part, notes: list[Invoice]) -> tuple[Cut, ...]:
    """The cuts of lines that the shop's order still asks for; () where neither the notes nor the ERP tell their lines."""
    attended = _attended(part, notes)
    if attended is None:
        return ()
    left = {item.line: item.quantity for item in _taken(part.doc.items, attended)}
    asked = {item.line: item.quantity for item in order.doc.items}
    cuts = ((item, asked.get(item.line, NO_UNITS) - left.get(item.line, NO_UNITS)) for item in part.doc.items)
    return tuple(Cut(item.line, quantity, item.price) for item, quantity in cuts if quantity > 0)


def _attended(part: Part, notes: list[Invoice]) -> dict[str, Decimal] | None:
    """SKU -> units invoiced; None where it is unknown."""
    if part.erp_state == "cancelled":
        return {}
    if notes and all(note.items for note in notes):
        return _units((item.sku, item.quantity) for note in notes for item in note.items)
    if part.erp is not None and part.erp.items:
        return _units((item.sku, item.quantity) for item in part.erp.items)
    return None


def invoiced_items(part: Part, invoice: Invoice, earlier: Iterable[Invoice]) -> tuple[PartItem, ...]:
    """The part's lines that this note invoices, after those of `earlier` notes."""
    if not invoice.items:
        alone = not any(True for _ in earlier)
        attended = _attended(part, []) if alone and part.erp_state in BILLED else None
        return _taken(part.doc.items, attended) if attended else part.doc.items
    rest = _without(part.doc.items, _units((item.sku, item.quantity) for note in earlier for item in note.items))
    return _taken(rest, _units((item.sku, item.quantity) for item in invoice.items)) or part.doc.items


def shipped_items(part: Part, units: Iterable[tuple[str, Decimal]]) -> tuple[PartItem, ...]:
    """The part's lines in a shipment; all of them where it does not tell its items."""
    asked = _units(units)
    return _taken(part.doc.items, asked) if asked else part.doc.items


def _taken(items: Iterable[PartItem], units: dict[str, Decimal]) -> tuple[PartItem, ...]:
    """These lines up to the given units, line after line: several lines may have the same SKU."""
    left = dict(units)
    found: list[PartItem] = []
    for item in items:
        quantity = min(item.quantity, left.get(item.sku, NO_UNITS))
        if quantity > 0:
            left[item.sku] -= quantity
            found.append(msgspec.structs.replace(item, quantity=quantity))
    return tuple(found)


def _without(items: Iterable[PartItem], units: dict[str, Decimal]) -> tuple[PartItem, ...]:
    gone = {item.line: item.quantity for item in _taken(tuple(items), units)}
    left = (msgspec.structs.replace(item, quantity=item.quantity - gone.get(item.line, NO_UNITS)) for item in items)
    return tuple(item for item in left if item.quantity > 0)


def _units(pairs: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for sku, quantity in pairs:
        found[sku] = found.get(sku, NO_UNITS) + quantity
    return found


# ---- what the shop changed ----


def differs(order: Stored, part: Part) -> bool:
    """Whether the shop's order asks for something else than this part has in the ERP, or for lines that no part has."""
    held, asked = _held(part), _asked(order, part)
    if held == asked:
        return bool(unknown_lines(order))
    units = _units((item.sku, asked[item.line]) for item in part.doc.items)
    said = _units((item.sku, item.quantity) for item in part.erp.items) if part.erp is not None and part.erp.items else None
    return said is None or any(
        said.get(sku, NO_UNITS) != quantity for sku, quantity in units.items()
    )  # somebody may have changed the ERP's order


def _held(part: Part) -> dict[str, Decimal]:
    """Line -> units of the part, without what the shop took out at engate's request."""
    cut = {each.line: each.quantity for each in part.change.cuts} if part.change is not None and part.change_sent_at is not None else {}
    return {item.line: item.quantity - cut.get(item.line, NO_UNITS) for item in part.doc.items}


def _asked(order: Stored, part: Part) -> dict[str, Decimal]:
    """Line -> units that the shop's order asks for now, for the part's lines."""
    asked = {item.line: item.quantity for item in order.doc.items}
    return {item.line: asked.get(item.line, NO_UNITS) for item in part.doc.items}


def unknown_lines(order: Stored) -> list[str]:
    """Names of lines added in the shop after the order entered the ERP."""
    known = {item.line for part in order.parts for item in part.doc.items}
    return [item.name for item in order.doc.items if item.line not in known]
