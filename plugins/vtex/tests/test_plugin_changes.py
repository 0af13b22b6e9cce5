"""What the ERP does not attend: told to the order once, for exactly the amount that is due, and only then the note."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engate import Forbidden, NotSent, Rejected, Unknown
from engate.model import Cut, Invoice, Order, OrderChange, OrderPart, PartItem, ShopOrderRef
from engate_vtex import translate_changes, translate_orders

D = Decimal
CHANGES = "/api/order-system/orders/{order}/changes"
ORDER = "/api/oms/pvt/orders/{order}"
KEY = "35261112345678000190550010000001231000001239"


async def raw(shop: Any, key: str) -> dict[str, Any]:
    return await shop.call("GET", f"/api/oms/pvt/orders/{key}")


async def setting(shop: Any, text: str) -> None:
    await shop.control("corrupt", {"kind": "setting", "key": text})


async def handled(shop: Any, *items: tuple[str, int, str], **sale: Any) -> ShopOrderRef:
    """An order in handling."""
    key = await shop.sell(*items, **sale)
    await shop.front.send_handling(ShopOrderRef(key, await shop.front.read_order(key)))
    return ShopOrderRef(key, await shop.front.read_order(key))


def part(order: Order, reference: str = "") -> OrderPart:
    items = tuple(PartItem(item.line, item.reference, item.quantity, item.price) for item in order.items)
    return OrderPart(reference or order.key, order, "1", items, order.freight, order.discount, order.interest, order.total)


def cut(order: Order, quantity: Any, refund: str, *, line: int = 0, reference: str = "") -> OrderChange:
    """`quantity` of one line is not attended."""
    item = order.items[line]
    return OrderChange(reference or order.key, (Cut(item.line, D(quantity), item.price),), D(refund), "Sem estoque")


def amount(order: Order, refund: str, reference: str = "") -> OrderChange:
    return OrderChange(reference or order.key, (), D(refund), "Nota menor que o pedido")


async def asked(shop: Any, key: str) -> int:
    """How many changes VTEX took for this order, whatever came of them."""
    await setting(shop, "change_history=all")
    return len((await shop.call("GET", f"/api/order-system/orders/{key}/changes?an=lojaengate"))["requests"])


def note(value: str) -> Invoice:
    return Invoice(KEY, "123", "1", "55", datetime(2026, 11, 21, 18, 0, tzinfo=UTC), D(value), KEY[6:20], xml="<NFe/>")


# ---- the amount ----


@pytest.mark.trap("vtex.change-to-the-cent", "vtex.change-in-the-totals")
@pytest.mark.parametrize(
    ("price", "discount", "units", "refund"),
    [
        ("14.31", "0", 2, "28.62"),  # what the units cost
        ("14.31", "0", 2, "22.02"),  # less: the note has more freight
        ("14.31", "0", 2, "30.00"),  # more
        ("10.00", "0.01", 2, "19.99"),  # units that do not divide
        ("10.00", "0.01", 1, "10.00"),
    ],
)
async def test_the_value_falls_by_exactly_what_is_due(shop: Any, price: str, discount: str, units: int, refund: str) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 3, price), discount=discount)
    await shop.front.send_order_change(order, part(order.order), cut(order.order, units, refund))
    now = await shop.front.read_order(order.key)
    assert (now.total, now.refunded) == (order.order.total - D(refund), D(refund))
    assert [item.quantity for item in now.items] == [3 - units]
    assert now.items_total + now.freight + now.interest - now.discount == now.total
    assert sum((item.price * item.quantity for item in now.items), D(0)) == now.items_total


async def test_an_amount_without_units_is_given_back(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 2, "50.00"))
    await shop.front.send_order_change(order, part(order.order), amount(order.order, "1.50"))
    now = await shop.front.read_order(order.key)
    assert (now.total, now.refunded, now.items) == (D("98.50"), D("1.50"), order.order.items)


async def test_a_line_that_is_not_attended_at_all_leaves_the_order(shop: Any) -> None:
    await shop.sellable("1001-1")
    await shop.sellable("1002-1")
    order = await handled(shop, ("1001-1", 1, "100.00"), ("1002-1", 2, "30.00"))
    await shop.front.send_order_change(order, part(order.order), cut(order.order, 2, "60.00", line=1))
    now = await shop.front.read_order(order.key)
    assert [item.reference for item in now.items] == ["1001-1"] and now.total == D("100.00")


async def test_the_note_of_what_is_left_closes_the_order(shop: Any) -> None:
    """T3: three sold, one attended, a note of 20.91 for 42.93."""
    await shop.sellable()
    order = await handled(shop, ("1001-1", 3, "14.31"))
    whole = part(order.order)
    await shop.front.send_order_change(order, whole, cut(order.order, 2, "22.02"))
    (item,) = whole.items
    invoiced = OrderPart(
        whole.reference, whole.order, "1", (PartItem(item.line, item.sku, D(1), item.price),), D(0), D(0), D(0), whole.total
    )
    await shop.front.send_invoice(order, note("20.91"), invoiced)
    now = await raw(shop, order.key)
    (package,) = now["packageAttachment"]["packages"]
    assert (now["status"], package["invoiceValue"], package["items"][0]["quantity"]) == ("invoiced", 2091, 1)


@given(
    prices=st.lists(st.tuples(st.integers(1, 9999), st.integers(1, 9)), min_size=1, max_size=4),
    taken=st.lists(st.integers(0, 9), min_size=4, max_size=4),
    refund=st.integers(1, 99999),
)
def test_what_is_asked_for_sums_to_what_is_due(prices: list[tuple[int, int]], taken: list[int], refund: int) -> None:
    items = [
        {"uniqueId": str(n), "id": str(n), "quantity": units, "priceDefinition": {"total": total}}
        for n, (total, units) in enumerate(prices)
    ]
    cuts = tuple(
        Cut(str(n), D(min(units, wanted)), D(0)) for n, ((_, units), wanted) in enumerate(zip(prices, taken, strict=False)) if wanted
    )
    body = translate_changes.body({"items": items}, OrderChange("r", cuts, D(refund) / 100, ""))
    worth = sum(item["price"] * item["quantity"] for item in body.get("remove", {"items": []})["items"])
    assert worth + body.get("manualDiscountValue", 0) - body.get("manualIncrementValue", 0) == refund


# ---- once ----


@pytest.mark.trap("vtex.change-takes-its-time", "vtex.change-asked-twice")
async def test_a_change_under_way_is_waited_for(shop: Any) -> None:
    await setting(shop, "change_window=manual")
    await shop.sellable()
    order = await handled(shop, ("1001-1", 3, "14.31"))
    change = cut(order.order, 2, "28.62")
    for _ in range(3):
        with pytest.raises(NotSent) as raised:
            await shop.front.send_order_change(order, part(order.order), change)
        assert raised.value.code == "change.requested"
    assert await asked(shop, order.key) == 1
    await shop.control("progress", {"to": "changed"})
    shop.calls()
    await shop.front.send_order_change(order, part(order.order), change)
    assert not [call for call in shop.calls() if call.startswith("PATCH")]
    assert (await shop.front.read_order(order.key)).total == D("14.31")


@pytest.mark.trap("vtex.change-asked-twice", "vtex.change-beside-another")
@pytest.mark.parametrize("kind", ["reset_applied", "500_applied", "timeout_applied"])
@pytest.mark.parametrize("history", ["finished", "all"])
async def test_a_change_whose_answer_was_lost_is_made_once(shop: Any, kind: str, history: str) -> None:
    await setting(shop, f"change_history={history}")
    await setting(shop, "change_window=manual")
    await shop.sellable()
    order = await handled(shop, ("1001-1", 3, "14.31"))
    change = cut(order.order, 2, "28.62")
    await shop.faults({"kind": kind, "operation": "PATCH /api/order-system", "times": 1})
    with pytest.raises(Unknown):
        await shop.front.send_order_change(order, part(order.order), change)
    with pytest.raises(NotSent):  # where the history does not show it yet, VTEX refuses a second one beside it
        await shop.front.send_order_change(order, part(order.order), change)
    await shop.control("progress", {"to": "changed"})
    await shop.front.send_order_change(order, part(order.order), change)
    assert await asked(shop, order.key) == 1
    assert (await shop.front.read_order(order.key)).total == D("14.31")


@pytest.mark.trap("vtex.change-of-another-part")
async def test_the_change_of_one_part_is_not_that_of_another(shop: Any) -> None:
    """The reference of the first is the beginning of the second's."""
    await shop.sellable("1001-1")
    await shop.sellable("1002-1")
    order = await handled(shop, ("1001-1", 2, "50.00"), ("1002-1", 2, "30.00"))
    first, tenth = f"{order.key}-1", f"{order.key}-10"
    await shop.front.send_order_change(order, part(order.order, tenth), cut(order.order, 1, "50.00", reference=tenth))
    change = cut(order.order, 1, "30.00", line=1, reference=first)
    await shop.front.send_order_change(order, part(order.order, first), change)
    await shop.front.send_order_change(order, part(order.order, first), change)
    assert (await shop.front.read_order(order.key)).total == D("80.00")
    assert await asked(shop, order.key) == 2


@pytest.mark.trap("vtex.change-beside-another")
async def test_a_change_beside_a_persons_waits(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 3, "14.31"))
    await setting(shop, "change_window=manual")
    await shop.call(
        "PATCH", f"/api/order-system/orders/{order.key}/changes?accountName=lojaengate", {"reason": "SAC", "manualDiscountValue": 100}
    )
    change = cut(order.order, 2, "28.62")
    with pytest.raises(NotSent) as raised:
        await shop.front.send_order_change(order, part(order.order), change)
    assert raised.value.code == "change.requested"
    with pytest.raises(NotSent) as raised:
        await shop.front.send_invoice(order, note("14.31"), part(order.order))
    assert raised.value.code == "change.requested"
    await shop.control("progress", {"to": "changed"})
    await setting(shop, "change_window=0")
    await shop.front.send_order_change(order, part(order.order), change)
    now = await shop.front.read_order(order.key)
    assert (now.total, now.refunded) == (D("13.31"), D("29.62"))


# ---- what VTEX does not do ----


@pytest.mark.trap("vtex.change-canceled")
async def test_a_change_that_vtex_cancels_is_for_a_person(shop: Any) -> None:
    await setting(shop, "change_outcome=canceled")
    await shop.sellable()
    order = await handled(shop, ("1001-1", 3, "14.31"))
    for _ in range(2):
        with pytest.raises(Rejected) as raised:
            await shop.front.send_order_change(order, part(order.order), cut(order.order, 2, "28.62"))
        assert raised.value.code == "change.refused" and "Alterar pedido" in raised.value.hint.pt and "28,62" in raised.value.hint.pt
    assert await asked(shop, order.key) == 1


async def test_a_refusal_has_vtexs_words(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 1, "100.00"))
    with pytest.raises(Rejected) as raised:
        await shop.front.send_order_change(order, part(order.order), cut(order.order, 1, "100.00"))
    assert raised.value.code == "change.refused" and "No item would be left" in raised.value.text.pt
    assert "Alterar pedido" in raised.value.hint.pt


@pytest.mark.trap("vtex.change-not-allowed")
async def test_a_key_that_may_not_change_orders_is_told_so(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 3, "14.31"))
    await setting(shop, "changes=off")
    with pytest.raises(Forbidden) as raised:
        await shop.front.send_order_change(order, part(order.order), cut(order.order, 2, "28.62"))
    assert raised.value.operation == "Change order" and "Change order" in raised.value.hint.pt
    await shop.front.send_invoice(order, note("42.93"), part(order.order))  # which needs no such permission


async def test_an_order_that_is_not_handled_yet_waits_and_one_that_is_over_is_refused(shop: Any) -> None:
    await shop.sellable()
    key = await shop.sell(("1001-1", 3, "14.31"))
    order = ShopOrderRef(key, await shop.front.read_order(key))
    change = cut(order.order, 2, "28.62")
    with pytest.raises(NotSent) as waits:
        await shop.front.send_order_change(order, part(order.order), change)
    assert waits.value.code == "order.not_ready"
    await shop.front.send_handling(order)
    await shop.front.send_invoice(order, note("42.93"), part(order.order))
    with pytest.raises(Rejected) as over:
        await shop.front.send_order_change(order, part(order.order), change)
    assert over.value.code == "change.refused" and "'Faturado'" in over.value.text.pt and "'Invoiced'" in over.value.text.en
    assert await asked(shop, key) == 0


async def test_units_that_a_person_took_out_already(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 3, "14.31"))
    (item,) = (await raw(shop, order.key))["items"]
    removed = {"items": [{"id": item["id"], "uniqueId": item["uniqueId"], "quantity": 2}]}
    path = f"/api/order-system/orders/{order.key}/changes?accountName=lojaengate"
    await shop.call("PATCH", path, {"reason": "Cliente desistiu", "remove": removed})
    with pytest.raises(Rejected) as raised:
        await shop.front.send_order_change(order, part(order.order), cut(order.order, 2, "28.62"))
    assert raised.value.code == "change.refused" and "28,62" in raised.value.hint.pt


# ---- weighed goods ----


async def weighed(shop: Any, unit: str = "kg", multiplier: float = 1.0) -> None:
    sku = await shop.sellable("1001-1", price="29.90")
    body = await shop.call("GET", f"/api/catalog/pvt/stockkeepingunit/{sku}")
    whole = {name: value for name, value in body.items() if value is not None}
    await shop.call("PUT", f"/api/catalog/pvt/stockkeepingunit/{sku}", whole | {"MeasurementUnit": unit, "UnitMultiplier": multiplier})


@pytest.mark.trap("vtex.change-by-weight")
@pytest.mark.parametrize(
    ("sold", "multiplier", "missing", "refund", "shown"),
    [
        (1, 1.0, "0.05", "1.50", (1, 0.95)),  # 0.95 kg of 1 kg
        (2, 0.5, "0.1", "2.99", (2, 0.475)),
        (3, 0.5, "1.4", "41.86", (2, 0.4)),
        (3, 1.0, "0.1", "2.99", (1, 2.9)),  # 2.9 by 3 is no measure
    ],
)
async def test_what_weighs_less_is_changed_by_its_measure(
    shop: Any, sold: int, multiplier: float, missing: str, refund: str, shown: tuple[int, float]
) -> None:
    await weighed(shop, multiplier=multiplier)
    order = await handled(shop, ("1001-1", sold, "29.90"))
    await shop.front.send_order_change(order, part(order.order), cut(order.order, D(missing), refund))
    now = await shop.front.read_order(order.key)
    (item,) = (await raw(shop, order.key))["items"]
    assert (item["quantity"], item["unitMultiplier"]) == shown
    assert (now.total, now.refunded) == (order.order.total - D(refund), D(refund))
    assert now.items_total + now.freight + now.interest - now.discount == now.total


@pytest.mark.trap("vtex.change-part-of-a-piece")
async def test_part_of_a_piece_is_for_a_person(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 1, "29.90"))
    with pytest.raises(Rejected) as raised:
        await shop.front.send_order_change(order, part(order.order), cut(order.order, D("0.05"), "1.49"))
    assert raised.value.code == "change.fraction" and "Alterar pedido" in raised.value.hint.pt
    assert await asked(shop, order.key) == 0


def as_invoiced(order: Order, quantity: Any) -> OrderPart:
    (item,) = order.items
    whole = part(order)
    return OrderPart(
        whole.reference, order, "1", (PartItem(item.line, item.reference, quantity, item.price),), D(0), D(0), D(0), whole.total
    )


@pytest.mark.trap("vtex.invoice-whole-units")
@pytest.mark.parametrize(
    ("quantity", "value", "price", "state"), [("0.95", "28.41", 2841, "handling"), ("1.08", "32.29", 3229, "invoiced")]
)
async def test_a_note_by_weight_goes_in_whole_units(shop: Any, quantity: str, value: str, price: int, state: str) -> None:
    """More than was charged closes the order at its value; less leaves it open."""
    await weighed(shop)
    order = await handled(shop, ("1001-1", 1, "29.90"))
    await shop.front.send_invoice(order, note(value), as_invoiced(order.order, D(quantity)))
    now = await raw(shop, order.key)
    (package,) = now["packageAttachment"]["packages"]
    assert [(item["quantity"], item["price"]) for item in package["items"]] == [(1, price)]
    assert (now["status"], package["invoiceValue"]) == (state, min(2990, int(D(value) * 100)))


async def test_a_note_with_part_of_a_piece_is_for_a_person(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 1, "29.90"))
    with pytest.raises(Rejected) as raised:
        await shop.front.send_invoice(order, note("28.41"), as_invoiced(order.order, D("0.95")))
    assert raised.value.code == "invoice.fraction" and raised.value.hint.pt


async def test_a_decimal_of_whole_units_is_whole(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 3, "14.31"))
    await shop.front.send_order_change(order, part(order.order), cut(order.order, D("2.000"), "28.62"))
    await shop.front.send_invoice(order, note("14.31"), as_invoiced(order.order, D("1.0000")))
    now = await raw(shop, order.key)
    assert (now["status"], now["packageAttachment"]["packages"][0]["items"][0]["quantity"]) == ("invoiced", 1)


# ---- what an order says was given back ----


@pytest.mark.trap("vtex.given-back")
async def test_a_return_counts_as_given_back(shop: Any) -> None:
    sku = await shop.sellable()
    order = await handled(shop, ("1001-1", 2, "50.00"))
    await shop.front.send_invoice(order, note("100.00"), part(order.order))
    entry = {
        "type": "Input", "issuanceDate": "2026-11-27T09:00:00-03:00", "invoiceNumber": "E1", "invoiceValue": "5000",
        "items": [{"id": sku, "price": 5000, "quantity": 1}],
    }  # fmt: skip
    await shop.call("POST", f"/api/oms/pvt/orders/{order.key}/invoice", entry)
    now = await shop.front.read_order(order.key)
    assert (now.total, now.refunded) == (D("100.00"), D("50.00"))


@pytest.mark.parametrize(
    ("items", "totals", "discount"),
    [
        ([("A", 1, 1431)], {"Items": 1431, "Change": 0}, "0"),  # the lines and their total are reduced
        ([("A", 1, 1431)], {"Items": 4293, "Change": -2862}, "0"),  # the lines are, the total is as sold
        ([("A", 3, 4293)], {"Items": 4293, "Change": -2862}, "28.62"),  # both are as sold
    ],
)
def test_every_way_of_showing_a_change_adds_up(items: list[tuple[str, int, int]], totals: dict[str, int], discount: str) -> None:
    """The contract has one example, of the third; how the modifications of today are shown it leaves open."""
    document = {
        "orderId": "1-01", "status": "handling", "value": 1431, "creationDate": "2026-11-21T10:00:00+00:00",
        "items": [
            {"uniqueId": line, "id": "9", "quantity": units, "priceDefinition": {"total": total}, "sellingPrice": 1431}
            for line, units, total in items
        ],
        "totals": [{"id": name, "value": value} for name, value in totals.items()],
    }  # fmt: skip
    order = translate_orders.order(document)
    assert (order.total, order.discount) == (D("14.31"), D(discount))
    assert sum((item.price * item.quantity for item in order.items), D(0)) == order.items_total
    assert order.items_total + order.freight + order.interest - order.discount == order.total


CHANGED = {"changesData": [{"reason": "x", "discountValue": 3290, "incrementValue": 290}, {"reason": "y", "discountValue": 100}]}


@pytest.mark.parametrize(
    ("fields", "refunded"),
    [
        ({}, "0"),
        ({"totals": [{"id": "Items", "value": 3290}, {"id": "Change", "value": -3290}]}, "32.90"),
        ({"totals": [{"id": "Change", "value": 100}]}, "0"),
        ({"totals": [{"id": "Items", "value": 100}], "changesAttachment": CHANGED}, "31.00"),
        ({"totals": [{"id": "Change", "value": -3100}], "changesAttachment": CHANGED}, "31.00"),
        ({"packageAttachment": {"packages": [{"type": "Input", "invoiceValue": 500, "restitutions": None}]}}, "5.00"),
        ({"packageAttachment": {"packages": [{"type": "Input", "invoiceValue": 500, "restitutions": {"Refund": {"value": 450}}}]}}, "4.50"),
        ({"packageAttachment": {"packages": [{"type": "Output", "invoiceValue": 500}]}}, "0"),
    ],
)
def test_what_a_document_says_was_given_back(fields: dict[str, Any], refunded: str) -> None:
    assert translate_orders.given_back(fields) == D(refunded)
