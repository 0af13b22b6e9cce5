"""Money of an order, whatever happens to it: charged = invoiced + given back + a task, to the cent, over random histories."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from core.tests.orders_made import AT, MAPPING, D, invoice, item, order
from hypothesis import given
from hypothesis import strategies as st

from engate.domain import settlement
from engate.domain.next_step import Situation, change_is_due
from engate.domain.orders import Document, Part, Stored
from engate.domain.splitting import split
from engate.model import ErpItem, ErpOrder, ErpState, InvoiceItem, Order

ALL = frozenset({"send_invoice", "send_order_change", "send_cancellation"})
prices = st.integers(1, 5000).map(lambda cents: D(cents) / 100)
quantities = st.integers(1, 5000).map(lambda n: D(n) / 1000) | st.integers(1, 9).map(D)


@st.composite
def placed(draw: Any) -> Order:
    """An order of one to five lines in one or two branches, with freight and a discount."""
    lines = [
        item(str(n), quantity=draw(quantities), price=str(draw(prices)), sku=f"s{n}", warehouse=draw(st.sampled_from(["main", "second"])))
        for n in range(draw(st.integers(1, 5)))
    ]
    goods = sum((line.value for line in lines), D(0))
    discount = draw(st.integers(0, int(goods * 100))) / D(100) if goods else D(0)
    return order(*lines, freight=str(draw(prices)), discount=str(min(discount, goods)), state="handling")


def stored(draw: Any, doc: Order) -> Stored:
    """Imported, and each part cancelled, cut or invoiced in full by the ERP, in one or two notes."""
    skus = {line.sku: f"ref-{line.sku}" for line in doc.items}
    made = split(doc, MAPPING, skus)
    assert isinstance(made, list)
    parts: list[Part] = []
    for no, part_doc in enumerate(made, 1):
        fate = draw(st.sampled_from(["cancelled", "cut", "full", "open"]))
        state: ErpState = "cancelled" if fate == "cancelled" else "in_erp" if fate == "open" else "invoiced"
        attended = {line.sku: line.quantity for line in part_doc.items}
        value = part_doc.total
        if fate == "cut":
            attended = {sku: draw(st.sampled_from([D(0), quantity / 2, quantity])) for sku, quantity in attended.items()}
            value = draw(st.integers(0, int(part_doc.total * 100))) / D(100) if part_doc.total > 0 else D(0)
        documents = _notes(draw, no, attended, value) if state == "invoiced" else []
        said = ErpOrder(f"7{no}", part_doc.branch, state, state, items=tuple(ErpItem(sku, quantity) for sku, quantity in attended.items()))
        parts.append(
            Part(no, no, part_doc.reference, part_doc.branch, part_doc, "in_erp", f"7{no}", False, None, 1, 0, state, said, 1.0, None, None,
                 None, documents)
        )  # fmt: skip
    return Stored(1, doc.key, "in_erp", doc, True, None, parts, charged=doc.total)


def _notes(draw: Any, no: int, attended: dict[str, Decimal], value: Decimal) -> list[Document]:
    items = tuple(InvoiceItem(sku, quantity) for sku, quantity in attended.items() if quantity)
    first = draw(st.integers(0, int(value * 100))) / D(100) if len(items) > 1 else value
    shares = [(items, value)] if first == value else [(items[:1], first), (items[1:], value - first)]
    notes = [invoice(str(10 * no + n), value=worth, items=lines) for n, (lines, worth) in enumerate(shares)]
    return [Document(10 * no + n, note, None) for n, note in enumerate(notes)]


@given(st.data())
def test_charged_is_invoiced_and_given_back_and_a_task(data: st.DataObject) -> None:
    found = stored(data.draw, data.draw(placed()))
    s = Situation(MAPPING, hooks=ALL - {"send_order_change"})
    good = s.good_of(found)
    money = settlement.money(found, good)
    assert money is not None
    task = settlement.task(found, money)
    assert money.charged == money.invoiced + money.given_back + (task.amount if task else 0)
    ended = [part for part in found.parts if part.erp_state != "in_erp"]
    billed = sum((note.value for note in good), D(0))
    goes_on = sum((part.doc.total for part in found.parts if part.erp_state == "in_erp"), D(0))
    assert (task.amount if task else 0) == found.doc.total - billed - goes_on, [part.erp_state for part in ended]


@given(st.data())
def test_what_leaves_the_shops_order_is_what_is_nobodys(data: st.DataObject) -> None:
    """The shop takes every change: then nothing is left to a person, and it was asked to give back what nobody invoices, to the cent."""
    found = stored(data.draw, data.draw(placed()))
    s = Situation(MAPPING, hooks=ALL)
    good = s.good_of(found)
    before = settlement.money(found, good)
    assert before is not None
    # the shop may have given some of it back by itself: its total shows that
    given_back = data.draw(st.integers(0, int(max(before.gap, D(0)) * 100))) / D(100) if before.gap > 0 else D(0)
    found.doc = msgspec.structs.replace(found.doc, total=found.doc.total - given_back, refunded=given_back)
    for part in found.parts:
        if not change_is_due(found, part, s):
            continue
        change = settlement.change(found, part, good, "corte")
        assert change is not None and change.refund > 0
        held = {line.line: line.quantity for line in part.doc.items}
        assert all(0 < cut.quantity <= held[cut.line] for cut in change.cuts)
        money = settlement.money(found, good)
        assert money is not None and money.given_back == given_back
        part.given_back_before, part.change, part.change_sent_at = given_back, change, 1.0
        given_back += change.refund
        stale = settlement.money(found, good)
        assert stale is not None and stale.given_back == given_back, "counted although the order has not been read anew"
        asked = {cut.line: cut.quantity for cut in change.cuts}
        lines = tuple(msgspec.structs.replace(line, quantity=line.quantity - asked.get(line.line, 0)) for line in found.doc.items)
        total = found.doc.total - change.refund
        found.doc = msgspec.structs.replace(
            found.doc, items=tuple(line for line in lines if line.quantity), total=total, refunded=given_back
        )
    after = settlement.money(found, good)
    assert after is not None and after.gap == 0 and given_back == before.gap
    for part in found.parts:
        if part.erp_state == "in_erp":
            assert not settlement.differs(found, part), "our own changes of other parts are no change of the shop's"


@given(st.data())
def test_the_lines_of_a_parts_notes_add_up_to_what_was_invoiced(data: st.DataObject) -> None:
    found = stored(data.draw, data.draw(placed()))
    for part in found.parts:
        earlier: list[Any] = []
        billed: dict[str, Decimal] = {}
        for document in part.documents:
            if document.invoice.items:
                for line in settlement.invoiced_items(part, document.invoice, earlier):
                    billed[line.sku] = billed.get(line.sku, D(0)) + line.quantity
            earlier.append(document.invoice)
        wanted: dict[str, Decimal] = {}
        for document in part.documents:
            for each in document.invoice.items:
                wanted[each.sku] = wanted.get(each.sku, D(0)) + each.quantity
        assert billed == wanted
    assert found.doc.placed_at == AT


def test_a_note_that_does_not_count_gives_nothing_back() -> None:
    """Denied or of another company: it may be issued anew, so the shop keeps the order whole and nobody owes anything."""
    doc = order(state="handling")
    [made] = split(doc, MAPPING, {"s1": "ref-s1"})  # type: ignore[misc]
    denied = Document(1, invoice(authorised=False), None)
    said = ErpOrder("7", "1", "invoiced", "F", items=(ErpItem("ref-s1", D(1)),))
    part = Part(1, 1, "o1", "1", made, "in_erp", "7", False, None, 1, 0, "invoiced", said, 1.0, None, None, None, [denied])  # type: ignore[arg-type]
    found = Stored(1, "o1", "in_erp", doc, True, None, [part], charged=doc.total)
    s = Situation(MAPPING, hooks=ALL)
    money = settlement.money(found, s.good_of(found))
    assert not change_is_due(found, part, s) and money is not None and money.gap == 0
