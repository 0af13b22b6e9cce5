"""Splitting an order into parts: money exact to the cent, never negative, never partial."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from core.tests.orders_made import MAPPING, D, item, order
from hypothesis import given
from hypothesis import strategies as st

from engate.domain.mapping import PairMapping, WarehouseRow
from engate.domain.reasons import Reason
from engate.domain.splitting import may_enter, share, split
from engate.model import OrderPart, Payment

CENT = D("0.01")
cents = st.integers(0, 10_000_000).map(lambda n: D(n) / 100)
weights = st.integers(1, 5_000_000).map(lambda n: D(n) / 1000) | st.integers(1, 5).map(D)
"""What is weighed, to the gram, and what is counted."""
SKUS = {f"s{n}": f"erp-{n}" for n in range(10)}


@given(cents, st.lists(cents, min_size=1, max_size=12))
def test_shares_are_whole_cents_sum_exactly_and_none_is_negative(amount: Decimal, weights: list[Decimal]) -> None:
    shares = share(amount, weights)
    assert sum(shares) == amount and len(shares) == len(weights)
    assert all(part >= 0 and part == part.quantize(CENT) for part in shares)


@given(cents, st.lists(cents, min_size=1, max_size=12))
def test_a_share_differs_from_its_exact_value_by_less_than_a_cent(amount: Decimal, weights: list[Decimal]) -> None:
    total = sum(weights, D(0))
    if total:
        for part, weight in zip(share(amount, weights), weights, strict=True):
            assert abs(part - amount * weight / total) < CENT


@given(cents, st.lists(cents, min_size=1, max_size=12))
def test_negative_amounts_are_shared_alike(amount: Decimal, weights: list[Decimal]) -> None:
    assert sum(share(-amount, weights)) == -amount


@st.composite
def orders(draw: st.DrawFn):
    """An order whose totals agree: lines at net prices or with a discount of the whole order, over up to three warehouses."""
    n = draw(st.integers(1, 6))
    items = tuple(
        item(
            str(line), quantity=str(draw(weights)), price=str(draw(st.integers(1, 50_000)) / D(100)),
            warehouse=draw(st.sampled_from(["main", "second", "third"])), sku=f"s{draw(st.integers(0, 9))}",
        )
        for line in range(n)
    )  # fmt: skip
    goods = sum((i.value for i in items), D(0))
    discount = draw(st.integers(0, int(goods * 100))) / D(100)
    return order(
        *items, freight=str(draw(cents)), interest=str(draw(cents)), discount=str(discount),
        total=None,
    )  # fmt: skip


THREE = msgspec.structs.replace(MAPPING, warehouses=(*MAPPING.warehouses, WarehouseRow("3", "third")))


def parts_of(made: list[OrderPart] | Reason) -> list[OrderPart]:
    assert not isinstance(made, Reason), made
    return made


@given(orders())
def test_the_parts_of_an_order_sum_to_it(one) -> None:  # pyright: ignore[reportMissingParameterType]
    parts = parts_of(split(one, THREE, SKUS))
    assert sum(part.total for part in parts) == one.total
    assert sum(part.freight for part in parts) == one.freight
    assert sum(part.interest for part in parts) == one.interest
    assert sum(part.discount for part in parts) == one.discount
    assert sorted(i.line for part in parts for i in part.items) == sorted(i.line for i in one.items)
    assert sum(i.quantity for part in parts for i in part.items) == sum(i.quantity for i in one.items)
    for part in parts:
        goods = sum((i.value for i in part.items), D(0))
        assert part.total == goods + part.freight + part.interest - part.discount
        assert part.freight >= 0 and part.interest >= 0 and part.discount >= 0
        assert part.total >= 0
        assert all(money == money.quantize(CENT) for money in (goods, part.total, part.freight, part.interest, part.discount))
    assert len({part.reference for part in parts}) == len({part.branch for part in parts}) == len(parts)


@given(orders())
def test_splitting_again_gives_the_same(one) -> None:  # pyright: ignore[reportMissingParameterType]
    """References must not change between two decisions: the ERP order is found again by them."""
    assert split(one, THREE, SKUS) == split(one, THREE, SKUS)


def code(made: list[OrderPart] | Reason) -> str:
    assert isinstance(made, Reason)
    return made.code


def test_one_unmapped_item_stops_the_whole_order() -> None:
    assert code(split(order(item(), item("2", sku="s99")), MAPPING, SKUS)) == "order.item_unmapped"
    alone = msgspec.structs.replace(item(), sku="")
    made = split(order(alone), MAPPING, {**SKUS, "": "p", alone.reference: "p"})
    assert isinstance(made, Reason) and made.code == "order.item_unmapped" and alone.reference in made.text.en, "no id of the shop's"
    assert [each.sku for each in parts_of(split(order(alone), MAPPING, {alone.named: "p"}))[0].items] == ["p"]


def test_an_unmapped_payment_form_is_never_given_a_default() -> None:
    assert code(split(order(form="crypto"), MAPPING, SKUS)) == "mapping.payment"
    two = (Payment("pix", "Pix", D("9.99")), Payment("voucher", "Vale", D("0.01")))
    assert code(split(order(payments=two), MAPPING, SKUS)) == "mapping.payment"


def test_an_unmapped_warehouse_stops_it() -> None:
    assert code(split(order(item(warehouse="elsewhere")), MAPPING, SKUS)) == "mapping.warehouse"
    assert code(split(order(item(warehouse="")), PairMapping(payments=MAPPING.payments), SKUS)) == "mapping.warehouse"


def test_an_item_without_a_warehouse_goes_to_the_first_branch() -> None:
    assert [part.branch for part in parts_of(split(order(item(warehouse="")), MAPPING, SKUS))] == ["1"]


@pytest.mark.parametrize(
    ("charged", "paid"),
    [("10.01", "10.01"), ("9.99", "9.99"), ("10.00", "10.01"), ("10.00", "9.99")],
)
def test_totals_that_do_not_agree_stop_it(charged: str, paid: str) -> None:
    one = order(item(price="10.00"), payments=(Payment("pix", "Pix", D(paid)),))
    assert code(split(msgspec.structs.replace(one, total=D(charged)), MAPPING, SKUS)) == "order.totals"


def test_the_shops_totals_are_the_truth_where_lines_differ_by_rounding() -> None:
    """3 units for R$ 10.00: the shop says 3.33 each. A cent each may be lost that way, more may not."""
    one = order(item(quantity=3, price="3.33"), total="10.00")
    near = msgspec.structs.replace(one, items_total=D("10.00"))
    [part] = parts_of(split(near, MAPPING, SKUS))
    assert part.total == D("10.00")
    far = msgspec.structs.replace(one, items_total=D("10.10"), total=D("10.10"), payments=(Payment("pix", "Pix", D("10.10")),))
    assert code(split(far, MAPPING, SKUS)) == "order.totals"


def test_a_line_of_weighed_goods_is_worth_its_price_times_its_weight_rounded_half_up() -> None:
    [part] = parts_of(split(order(item(quantity="0.95", price="12.90"), item("2", quantity="0.335", price="10.00")), MAPPING, SKUS))
    assert [i.value for i in part.items] == [D("12.26"), D("3.35")] and [i.quantity for i in part.items] == [D("0.95"), D("0.335")]
    assert part.total == D("15.61")
    assert item(quantity="0.5", price="0.01").value == D("0.01")


@pytest.mark.parametrize(("quantity", "charged", "fits"), [("0.1", "10.01", True), ("0.1", "10.02", False), ("2.5", "250.03", True),
                                                           ("2.5", "250.04", False)])  # fmt: skip
def test_rounding_explains_a_cent_for_each_unit_or_part_of_one(quantity: str, charged: str, fits: bool) -> None:
    one = order(item(quantity=quantity, price="100.00"), total=charged)
    made = split(msgspec.structs.replace(one, items_total=D(charged)), MAPPING, SKUS)
    if fits:
        assert [part.total for part in parts_of(made)] == [D(charged)]
    else:
        assert code(made) == "order.totals"


def test_ten_off_three_units_with_freight_interest_and_a_gift_card() -> None:
    """Scenario 5."""
    mapping = msgspec.structs.replace(MAPPING, payments=(*MAPPING.payments, msgspec.structs.replace(MAPPING.payments[0], form="gift")))
    payments = (Payment("pix", "Pix", D("20.77")), Payment("gift", "Vale", D("15.00")))
    one = order(item(quantity=3, price="11.99"), freight="9.90", interest="0.10", discount="10.00")
    one = msgspec.structs.replace(one, payments=(msgspec.structs.replace(payments[0], value=one.total - D("15.00")), payments[1]))
    [part] = parts_of(split(one, mapping, SKUS))
    assert part.total == one.total == D("35.97") + D("9.90") + D("0.10") - D("10.00")
    assert part.discount == D("10.00") and part.charge == "PIX"


def test_the_same_sku_twice_stays_two_lines() -> None:
    [part] = parts_of(split(order(item("1", price="10.00"), item("2", price="9.00")), MAPPING, SKUS))
    assert [(i.line, i.sku, i.price) for i in part.items] == [("1", "erp-1", D("10.00")), ("2", "erp-1", D("9.00"))]


def test_one_part_carries_the_shops_own_key_and_several_their_number() -> None:
    assert [part.reference for part in parts_of(split(order(), MAPPING, SKUS))] == ["o1"]
    both = order(item("1"), item("2", warehouse="second", sku="s2"))
    assert [part.reference for part in parts_of(split(both, MAPPING, SKUS))] == ["o1/1", "o1/2"]


def test_import_when_paid_or_placed() -> None:
    assert may_enter(order(state="ready"), MAPPING) and not may_enter(order(state="awaiting_payment"), MAPPING)
    assert may_enter(order(state="awaiting_payment", form="terms"), MAPPING)
    mixed = order(state="awaiting_payment", payments=(Payment("terms", "", D(5)), Payment("pix", "", D(5))))
    assert not may_enter(mixed, MAPPING)
    assert not may_enter(order(state="held", form="terms"), MAPPING)
