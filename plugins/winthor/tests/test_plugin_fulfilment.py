"""Orders against the sandbox: followed to the invoice, cancelled or not."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from engate import Rejected
from engate.model import PartItem, PartRef, Query, valid_key
from engate.testing.facts import Fault

INVOICE = "GET /winthor/fiscal/v1/documentosfiscais/nfe/invoiceDocument"


# ---- following ----


async def single(erp: Any, key: str, branch: str = "2") -> Any:
    [found] = [item async for page in erp.list_fulfilment(Query(keys=(f"{branch}/{key}",))) for item in page.items]
    return found


@pytest.mark.trap("winthor.note-not-published", "winthor.key-in-the-xml")
async def test_from_the_erp_to_the_buyers_door(erp: Any, control: Any, part: Any) -> None:
    made = await erp.import_order(part())
    found = await single(erp, made.key)
    assert (found.state, found.raw_state, found.reference, found.invoices) == ("in_erp", "L", "v100-01", ())
    assert found.total == Decimal("27.40") and [(item.sku, item.quantity, item.cut) for item in found.items] == [("7891000100103-1", 2, 0)]
    assert await control.count(INVOICE) == 0

    await control("progress", {"to": "assembled"})
    assert (await single(erp, made.key)).state == "picking"

    await control("progress", {"to": "invoiced"})
    found = await single(erp, made.key)
    assert found.state == "invoiced" and found.invoices == ()  # invoiced, but its XML is not published yet

    await control("advance", {"seconds": 3600})
    found = await single(erp, made.key)
    [invoice] = found.invoices
    assert valid_key(invoice.key) and invoice.key in invoice.xml and invoice.issuer == "11222333000262"
    assert (invoice.value, invoice.kind, invoice.authorised, invoice.production, invoice.model) == (
        Decimal("27.40"),
        "sale",
        True,
        True,
        "55",
    )
    assert found.delivered_at is None

    await control("progress", {"to": "shipped"})
    found = await single(erp, made.key)
    [shipment] = found.shipments
    assert shipment.tracking.code and shipment.tracking.carrier == "501" and found.delivered_at is None

    await control("progress", {"to": "delivered"})
    found = await single(erp, made.key)
    assert found.delivered_at is not None and found.delivered_at.tzinfo is not None


async def noted(erp: Any, control: Any, part: Any, *spoil: tuple[str, str], **given: Any) -> Any:
    """An order that was spoilt before it was invoiced (what names an item) or after (what names a note), with its notes."""
    made = await erp.import_order(part(**given))
    for kind, what in spoil:
        if not kind.startswith("note"):
            await control("corrupt", {"kind": kind, "key": f"{made.key}{what}"})
    await control("progress", {"to": "invoiced"})
    for kind, what in spoil:
        if kind.startswith("note"):
            await control("corrupt", {"kind": kind, "key": f"{made.key}{what}"})
    await control("advance", {"seconds": 3600})
    return await single(erp, made.key, given.get("branch", "2"))


@pytest.mark.trap("winthor.note-lines")
async def test_a_note_says_what_it_invoices(erp: Any, control: Any, part: Any) -> None:
    """Three sold, one attended."""
    three = (PartItem("0", "7891000100103-1", Decimal(3), Decimal("11.20")),)
    found = await noted(erp, control, part, ("cut", "/1=1"), items=three, total=Decimal("38.60"))
    assert [(item.sku, item.quantity, item.cut) for item in found.items] == [("7891000100103-1", 1, 2)]
    [note] = found.invoices
    assert ([(item.sku, item.quantity) for item in note.items], note.value) == ([("7891000100103-1", 1)], Decimal("16.20"))


@pytest.mark.trap("winthor.weighed")
@pytest.mark.parametrize(("weight", "cut", "value"), [("0.95", "0.05", "10.64"), ("1.08", "0", "12.10")])
async def test_a_note_by_weight(erp: Any, control: Any, part: Any, weight: str, cut: str, value: str) -> None:
    one = (PartItem("0", "7891000100103-1", Decimal(1), Decimal("11.20")),)
    found = await noted(erp, control, part, ("weighed", f"/1={weight}"), items=one, freight=Decimal(0), total=Decimal("11.20"))
    assert [(item.quantity, item.cut) for item in found.items] == [(Decimal(weight), Decimal(cut))]
    [note] = found.invoices
    assert ([(item.sku, item.quantity) for item in note.items], note.value) == ([("7891000100103-1", Decimal(weight))], Decimal(value))


@pytest.mark.trap("winthor.packaging-on-a-note")
async def test_two_packagings_of_one_product_on_two_notes(erp: Any, control: Any, part: Any) -> None:
    """The second note names no EAN, and the codes of both packagings are one: which of them it holds is not guessed."""
    both = (
        PartItem("0", "7891000061190-5", Decimal(2), Decimal("15.10")),
        PartItem("1", "17891000061197-5", Decimal(1), Decimal("110.25")),
    )
    given: dict[str, Any] = {"items": both, "branch": "1", "freight": Decimal(0), "total": Decimal("140.45")}
    found = await noted(erp, control, part, ("note_split", "=2"), **given)
    assert [[(item.sku, item.quantity) for item in note.items] for note in found.invoices] == [[("7891000061190-5", 2)], []]
    assert sum(note.value for note in found.invoices) == Decimal("140.45")


@pytest.mark.trap("winthor.unreadable-note")
async def test_a_note_that_cannot_be_read_does_not_hide_the_others(erp: Any, control: Any, part: Any) -> None:
    found = await noted(erp, control, part, ("note_unreadable", ""), ("note_foreign", ""))
    good, foreign, broken = found.invoices
    assert (good.authorised, good.issuer, foreign.issuer) == (True, "11222333000262", "99888777000161")
    assert [(item.sku, item.quantity) for item in good.items] == [("7891000100103-1", 2)]
    assert (broken.authorised, broken.number, valid_key(broken.key)) == (False, "2", True)


@pytest.mark.trap("winthor.own-branch")
async def test_an_order_is_asked_for_in_its_own_branch(erp: Any, part: Any) -> None:
    made = await erp.import_order(part(branch="2"))
    assert [item async for page in erp.list_fulfilment(Query(keys=(f"1/{made.key}",))) for item in page.items] == []
    assert (await single(erp, made.key, "2")).branch == "2"


async def test_the_listing_of_every_branch_with_its_watermark(erp: Any, control: Any, part: Any) -> None:
    keys = [(await erp.import_order(part(f"v{branch}", branch=branch))).key for branch in ("1", "2")]
    pages = [page async for page in erp.list_fulfilment(Query())]
    assert sorted(item.key for page in pages for item in page.items) == sorted(keys)
    assert all(item.invoices is None for page in pages for item in page.items)
    mark = pages[-1].watermark
    assert mark and len(mark) == 19
    await control("advance", {"seconds": 4 * 3600})
    await control("cancel", {"keys": [keys[0]]})
    beyond = erp.client.local(erp.client.instant(mark) + timedelta(hours=3))
    changed = [item async for page in erp.list_fulfilment(Query(since=beyond)) for item in page.items]
    assert [(item.key, item.state) for item in changed] == [(keys[0], "cancelled")]


# ---- cancelling ----


@pytest.mark.trap("winthor.message-to-seller")
async def test_a_cancellation(erp: Any, control: Any, part: Any) -> None:
    made = await erp.import_order(part())
    ref = PartRef(made.key, "2", "v100-01")
    await erp.import_cancellation(ref, "Desistência")
    assert [held["phase"] for held in await control("orders")] == ["cancelled"]
    await erp.import_cancellation(ref, "Desistência")  # cancelled already: fine


@pytest.mark.trap("winthor.reason-of-cancelling")
async def test_a_cancellation_needs_a_reason_so_it_always_has_one(erp: Any, control: Any, part: Any) -> None:
    made = await erp.import_order(part())
    await erp.import_cancellation(PartRef(made.key, "2", "v100-01"), "  ")
    assert [held["phase"] for held in await control("orders")] == ["cancelled"]


@pytest.mark.trap("winthor.page-with-200")
@pytest.mark.parametrize("kind", ["reset_applied", "500_applied", "html"])
async def test_a_cancellation_whose_answer_is_lost(erp: Any, control: Any, part: Any, kind: Any) -> None:
    made = await erp.import_order(part())
    await control("faults", [Fault(kind, "DELETE /api/wholesale/v1/orders")])
    await erp.import_cancellation(PartRef(made.key, "2", "v100-01"), "x")
    assert [held["phase"] for held in await control("orders")] == ["cancelled"]


@pytest.mark.trap("winthor.invoiced-needs-return")
async def test_an_invoiced_order_cannot_be_cancelled(erp: Any, control: Any, part: Any) -> None:
    made = await erp.import_order(part())
    await control("progress", {"to": "invoiced"})
    with pytest.raises(Rejected) as caught:
        await erp.import_cancellation(PartRef(made.key, "2", "v100-01"), "x")
    assert caught.value.code == "erp.invoiced" and "devolução" in caught.value.hint.pt


async def test_an_order_that_is_not_there_cannot_be_cancelled(erp: Any) -> None:
    with pytest.raises(Rejected) as caught:
        await erp.import_cancellation(PartRef("999999", "2", "v1"), "x")
    assert caught.value.code == "erp.not_found"
