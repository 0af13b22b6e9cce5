"""What an order needs next: the state machine of an order's parts, row by row, and its invariants over every combination."""

from __future__ import annotations

from itertools import product
from typing import Any, get_args

import pytest
from core.tests.orders_made import AT, MAPPING, D, invoice, part, stored

from engate.domain.next_step import FINAL, RESERVED, Situation, gate, next_action, state_of, state_of_order
from engate.domain.options import Options
from engate.domain.orders import Part, Stored
from engate.domain.reasons import Reason
from engate.domain.settlement import BILLED
from engate.model import ErpState, Shipment, ShopState, Tracking

ASK, ACCEPT = Options(), Options(cancel_while_picking="accept")
INVOICED = BILLED | {"partly_invoiced"}
SHOP_STATES: tuple[ShopState, ...] = get_args(ShopState)
ERP_STATES: tuple[ErpState, ...] = get_args(ErpState)
DONE: dict[str, Any] = {"handling_sent_at": 1.0}


CLASSIC = frozenset({"import_cancellation", "send_handling", "send_invoice", "send_tracking", "send_delivery", "send_cancellation"})


def said(order: Stored, part: Part, options: Options = ASK, hooks: frozenset[str] = CLASSIC) -> str | None:
    """The action, or the reason's code in brackets."""
    found = next_action(order, part, Situation(MAPPING, options, hooks))
    return f"({found.code})" if isinstance(found, Reason) else found


def alone(state: ShopState, one: Part, options: Options = ASK, **more: Any) -> str | None:
    return said(stored(state, one, **more), one, options)


# ---- before the ERP has it ----


@pytest.mark.parametrize(
    ("shop", "expected"),
    [
        ("received", None), ("awaiting_payment", None), ("held", None), ("unknown", None), ("cancel_requested", None),
        ("ready", "import"), ("cancelled", "forget"),
        ("handling", "(order.handled_elsewhere)"), ("invoiced", "(order.handled_elsewhere)"),
    ],
)  # fmt: skip
def test_before_the_erp_has_it(shop: ShopState, expected: str | None) -> None:
    assert alone(shop, part()) == expected


@pytest.mark.parametrize(
    ("shop", "expected"),
    [
        ("received", "import"),
        ("awaiting_payment", "import"),
        ("held", None),
        ("ready", "import"),
        ("cancelled", "forget"),
        ("unknown", None),
    ],
)
def test_an_order_on_terms_enters_when_it_is_placed(shop: ShopState, expected: str | None) -> None:
    assert alone(shop, part(), form="terms") == expected


def test_an_import_of_unknown_fate_is_looked_for_whatever_the_shop_says() -> None:
    for shop in SHOP_STATES:
        assert alone(shop, part(sending=True, attempt=1)) == "resolve"


def test_what_the_erp_refused_waits_for_a_person_unless_the_shop_cancels_it() -> None:
    for shop in SHOP_STATES:
        assert alone(shop, part(state="rejected", attempt=1)) == ("forget" if shop == "cancelled" else None)


def test_nothing_ended_is_ever_imported_and_a_late_payment_is_shown() -> None:
    for shop, state in product(SHOP_STATES, ("expired", "cancelled")):
        late = shop in ("ready", "handling", "invoiced")
        assert alone(shop, part(state=state)) == ("(order.paid_late)" if late else None), (shop, state)


# ---- in the ERP ----


@pytest.mark.parametrize("erp", ERP_STATES)
def test_handling_is_sent_only_once_the_erp_reserved(erp: ErpState) -> None:
    expected = (
        "handling" if erp in RESERVED else "cancel_in_shop" if erp == "cancelled" else "(order.erp_rejected)" if erp == "rejected" else None
    )
    assert alone("ready", part(key="7", erp=erp)) == expected


@pytest.mark.parametrize("shop", ["received", "awaiting_payment"])
def test_an_order_on_terms_is_handled_when_the_shop_lets_it(shop: ShopState) -> None:
    """Imported before it is paid: told now, the shop would refuse; told never, the reservation would stay."""
    assert alone(shop, part(key="7", erp="in_erp")) is None
    assert alone("ready", part(key="7", erp="in_erp")) == "handling"


def test_handling_waits_for_every_part_of_a_split_order() -> None:
    first, second = part(1, key="7", erp="in_erp"), part(2)
    assert said(stored("ready", first, second), first) is None
    assert said(stored("ready", first, second), second) == "import"
    second = part(2, key="8", erp="held")
    assert said(stored("ready", first, second), first) == "handling"


def test_the_rest_of_a_split_order_enters_though_the_shop_is_told_already() -> None:
    """One part is in the ERP: the shop says handling because of us, not of another system."""
    first, second = part(1, key="7", erp="in_erp", **DONE), part(2)
    assert said(stored("handling", first, second), second) == "import"


@pytest.mark.parametrize(
    ("erp", "options", "expected"),
    [
        ("held", ASK, "cancel_in_erp"), ("in_erp", ASK, "cancel_in_erp"), ("unknown", ASK, "cancel_in_erp"),
        ("picking", ASK, "(order.cancel_while_picking)"), ("picking", ACCEPT, "cancel_in_erp"),
        ("invoiced", ACCEPT, "(order.cancelled_after_invoice)"), ("shipped", ACCEPT, "(order.cancelled_after_invoice)"),
        ("delivered", ACCEPT, "(order.cancelled_after_invoice)"), ("rejected", ASK, "forget"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shop", ["cancelled", "cancel_requested"])
def test_cancelled_in_the_shop(shop: ShopState, erp: ErpState, options: Options, expected: str) -> None:
    if (shop, erp) == ("cancel_requested", "rejected"):
        expected = "(order.erp_rejected)"
    assert alone(shop, part(key="7", erp=erp, **DONE), options) == expected


def test_cancelled_in_the_erp() -> None:
    assert alone("handling", part(key="7", erp="cancelled", **DONE)) == "cancel_in_shop"
    assert alone("cancelled", part(key="7", erp="cancelled", **DONE)) is None


def test_the_shop_order_is_cancelled_only_when_every_part_is() -> None:
    gone = part(1, key="7", erp="cancelled", **DONE)
    for other, expected in (
        (part(2, key="8", erp="cancelled", **DONE), "cancel_in_shop"),
        (part(2, state="cancelled"), "cancel_in_shop"),
        (part(2, state="expired"), "cancel_in_shop"),
        (part(2, key="8", erp="in_erp", **DONE), None),  # what was paid for it is a task: test_settlement.py
        (part(2, key="8", erp="invoiced", **DONE), None),
        (part(2, key="8", erp="delivered", state="delivered", **DONE), None),
    ):
        assert said(stored("handling", gone, other), gone) == expected, other.state


# ---- invoiced ----


def billed(erp: ErpState = "invoiced", **more: Any) -> Part:
    return part(key="7", erp=erp, **DONE, **more)


def test_invoice_tracking_delivery_in_this_order() -> None:
    tracked = {"shipments": (Shipment("1", Tracking("BR1")),)}
    delivered = tracked | {"delivered_at": AT}
    assert alone("handling", billed()) == "documents"
    assert alone("handling", billed(documents=((invoice(), False),))) == "invoice"
    sent = ((invoice(), True),)
    assert alone("handling", billed(documents=sent)) is None
    assert alone("handling", billed(documents=sent, said=tracked)) == "tracking"
    assert alone("handling", billed(documents=sent, said=delivered)) == "tracking"
    assert alone("handling", billed(documents=sent, said=delivered, shipped=frozenset({"1"}))) == "delivery"
    assert alone("handling", billed("delivered", documents=sent)) == "delivery"  # without tracking: by its own fleet
    assert alone("invoiced", billed("delivered", documents=sent, delivery_sent_at=1.0)) is None


@pytest.mark.parametrize(
    "more",
    [
        {"model": "57"}, {"kind": "return"}, {"kind": "other"}, {"production": False}, {"authorised": False},
        {"key": "1" * 44}, {"key": ""},
        {"key": invoice().key[:-1] + str((int(invoice().key[-1]) + 1) % 10)},
    ],
    ids=str,
)  # fmt: skip
def test_only_a_right_sale_note_passes_the_gate(more: dict[str, Any]) -> None:
    assert gate(invoice()) is None and gate(invoice(model="65")) is None
    refused = invoice(**more)
    assert gate(refused) is not None
    assert alone("handling", billed(documents=((refused, False),))) == "(invoice.refused)"


def test_a_refused_note_beside_a_right_one_holds_nothing_up() -> None:
    other, right = invoice("2", kind="other"), invoice("1")
    assert alone("handling", billed(documents=((other, False), (right, False)))) == "invoice"
    assert alone("handling", billed(documents=((other, False), (right, True)))) is None
    assert (
        alone("handling", billed(documents=((other, False), (right, True)), said={"shipments": (Shipment("1", Tracking("BR1")),)}))
        == "tracking"
    )


def test_a_refused_note_is_looked_for_again_once_the_erp_changed_the_order() -> None:
    refused = ((invoice(production=False), False),)
    assert alone("handling", billed(documents=refused)) == "(invoice.refused)"
    assert alone("handling", billed(documents=refused, said={"invoices": None})) == "documents"
    assert alone("handling", billed(documents=((invoice(), True),), said={"invoices": None})) is None


def test_as_long_as_notes_do_not_cover_the_part_further_ones_are_looked_for() -> None:
    half = invoice(value=D("4.00"))
    assert alone("handling", billed(documents=((half, True),), said={"invoices": None})) == "documents"
    assert alone("handling", billed("partly_invoiced", documents=((half, False),))) == "invoice"


def test_an_alphanumeric_key_passes() -> None:
    from engate.model import check_digit

    body = "352611" + "12ABC34501DE35"[:14] + "550010000000011000000010"[:23]
    body = body.ljust(43, "0")[:43]
    assert gate(invoice(key=body + str(check_digit(body)))) is None


def test_an_erp_that_goes_backwards_after_its_note_was_sent_is_shown() -> None:
    for erp in ("held", "in_erp", "picking", "unknown"):
        assert alone("handling", billed(erp, documents=((invoice(), True),))) == "(order.erp_went_back)", erp
        assert alone("handling", billed(erp, documents=((invoice(), False),))) is None


# ---- invariants over everything ----


def combinations() -> list[tuple[ShopState, Part]]:
    found: list[tuple[ShopState, Part]] = []
    states = ("received", "ready", "importing", "rejected", "in_erp", "cancelled", "expired", "delivered")
    for shop, state, erp, sending, handled in product(SHOP_STATES, states, (None, *ERP_STATES), (False, True), (None, 1.0)):
        key = "7" if erp is not None else None
        if sending and key:
            continue
        for documents in ((), ((invoice(), False),), ((invoice(), True),)):
            if documents and erp is None:
                continue
            found.append((shop, part(state=state, key=key, erp=erp, sending=sending, handling_sent_at=handled, documents=documents)))
    return found


def test_invariants_of_every_combination() -> None:
    for (shop, one), options in product(combinations(), (ASK, ACCEPT)):
        what = alone(shop, one, options)
        about = (shop, one.state, one.erp_state, one.sending, [d.sent_at for d in one.documents], what)
        if one.state in FINAL and one.erp_state != "cancelled":
            assert what is None or what == "(order.paid_late)", about
        if what == "import":
            assert one.erp_key is None and not one.sending and shop in ("ready",), about
        if what == "handling":
            assert one.erp_state in RESERVED and shop not in ("cancelled", "cancel_requested"), about
        if what == "cancel_in_erp":
            assert shop in ("cancelled", "cancel_requested") and one.erp_state not in INVOICED, about
        if what == "cancel_in_shop":
            assert one.erp_state == "cancelled", about
        if what in ("invoice", "tracking", "delivery"):
            assert one.erp_state in INVOICED and shop not in ("cancelled", "cancel_requested"), about
        if shop in ("cancelled", "cancel_requested") and one.erp_state in INVOICED and one.state not in FINAL:
            assert what == "(order.cancelled_after_invoice)" or one.sending, about


# ---- what is shown ----


@pytest.mark.parametrize(
    ("shop", "one", "expected"),
    [
        ("awaiting_payment", part(), "awaiting_payment"), ("held", part(), "held"), ("ready", part(), "ready"),
        ("unknown", part(), "received"), ("ready", part(sending=True), "importing"), ("ready", part(state="rejected"), "rejected"),
        ("handling", part(key="7", erp="held"), "erp_held"), ("handling", part(key="7", erp="in_erp"), "in_erp"),
        ("handling", part(key="7", erp="picking"), "picking"), ("cancel_requested", part(key="7", erp="picking"), "cancel_requested"),
        ("invoiced", billed(), "invoiced"), ("invoiced", billed(tracking_sent_at=1.0), "shipped"),
        ("invoiced", billed(delivery_sent_at=1.0), "delivered"), ("handling", part(key="7", erp="rejected"), "rejected"),
        ("handling", part(key="7", erp="in_erp", state="rejected"), "in_erp"),
        ("ready", part(state="expired"), "expired"), ("handling", part(state="cancelled"), "cancelled"),
    ],
)  # fmt: skip
def test_the_state_that_is_shown(shop: ShopState, one: Part, expected: str) -> None:
    assert state_of(stored(shop, one), one) == expected


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["in_erp", "invoiced"], "in_erp"), (["cancelled", "picking"], "picking"), (["delivered", "cancelled"], "delivered"),
        (["cancelled", "cancelled"], "cancelled"), (["expired"], "expired"), (["ready", "importing"], "ready"), ([], "received"),
    ],
)  # fmt: skip
def test_an_order_shows_its_least_advanced_live_part(states: list[str], expected: str) -> None:
    assert state_of_order(states) == expected
