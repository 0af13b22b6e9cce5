"""Quantities: exact decimals that go out as the plainest number there is."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engate.domain.digests import digest
from engate.domain.effective import Against, Rules
from engate.domain.mapping import PairMapping, WarehouseRow
from engate.domain.options import Options
from engate.model import StockLevel, plain, whole_units, worth
from engate.store.blobs import pack, unpack

D = Decimal
amounts = st.decimals(0, 10**9, allow_nan=False, allow_infinity=False, places=3)


@pytest.mark.parametrize(("given", "said"), [("5", "5"), ("5.000", "5"), ("1E+2", "100"), ("0.950", "0.95"), ("0.0", "0")])
def test_a_whole_quantity_goes_out_as_an_integer(given: str, said: str) -> None:
    shown = plain(D(given))
    assert str(shown) == said and isinstance(shown, int if "." not in said else Decimal)


@given(amounts)
def test_what_goes_out_is_the_quantity(quantity: Decimal) -> None:
    assert plain(quantity) == quantity and 0 <= quantity - whole_units(quantity) < 1


@given(amounts, st.decimals(0, 10**6, allow_nan=False, allow_infinity=False, places=2))
def test_a_line_is_worth_its_exact_value_but_for_half_a_cent(quantity: Decimal, price: Decimal) -> None:
    value = worth(price, quantity)
    assert value == value.quantize(D("0.01")) and abs(value - price * quantity) <= D("0.005")


@given(amounts)
def test_the_scale_changes_no_digest(quantity: Decimal) -> None:
    one, other = (StockLevel("k@1", "k", "1", value) for value in (quantity, quantity.quantize(D("0.000001"))))
    assert digest(one, {}) == digest(other, {}) and one == other
    assert unpack(pack(one), StockLevel) == one


def test_a_level_stored_as_an_integer_is_still_read() -> None:
    """As releases before decimal quantities stored it."""
    import msgspec

    old = b"\0" + msgspec.msgpack.encode({"key": "k@1", "sku": "k", "warehouse": "1", "quantity": 5})
    assert unpack(old, StockLevel) == StockLevel("k@1", "k", "1", D(5))


def test_pending_fractions_and_the_buffer_come_off_what_is_offered() -> None:
    mapping = PairMapping(warehouses=(WarehouseRow("1", "main"),))
    rules = Rules(Options(stock_buffer=1), mapping, {}, Against({("k", "1"): [(None, D("0.95")), (None, D("0.3")), (5.0, D("2"))]}))
    found = rules.effective("stock", StockLevel("k@1", "k", "1", D("7.5")), read_at=10.0)
    assert found.doc.quantity == D("5.25")
    assert rules.effective("stock", StockLevel("k@1", "k", "1", D("2.1")), read_at=10.0).doc.quantity == 0
