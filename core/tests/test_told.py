"""Which of the orders that events carry may be kept without asking the shop."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from engate.domain.told import last, newest
from engate.model import Address, Buyer, Order

ZERO = Decimal(0)
AT = datetime(2026, 11, 21, 9, tzinfo=UTC)


def order(stamp: str, state: str = "ready") -> Order:
    plain = Order("1", "ready", state, AT, Buyer("Maria", ""), Address(), (), (), ZERO, ZERO, ZERO, ZERO, ZERO)
    return msgspec.structs.replace(plain, changed_at=stamp)


def test_the_first_that_is_ever_heard_of_an_order_has_nothing_to_overwrite() -> None:
    assert newest([order("")], None) == order("")


def test_the_platforms_stamp_says_which_is_the_newest_whatever_came_last() -> None:
    assert newest([order("2", "paid"), order("1", "placed")], None) == order("2", "paid")
    assert newest([order("2", "paid")], order("1", "placed")) == order("2", "paid")


def test_what_is_stored_may_be_newer_than_all_that_was_told() -> None:
    assert newest([order("1", "placed"), order("2", "paid")], order("3", "cancelled")) == "known"
    assert newest([order("2", "paid")], order("2", "paid")) == "known"


def test_where_no_stamp_tells_the_shop_is_asked() -> None:
    assert newest([order("", "placed"), order("", "paid")], None) == "ask"
    assert newest([order("2")], order("")) == "ask"
    assert newest([order("")], order("1")) == "ask"


def test_two_states_of_one_instant_are_asked_for() -> None:
    assert newest([order("2", "paid"), order("2", "cancelled")], None) == "ask"
    assert newest([order("2", "paid")], order("2", "cancelled")) == "ask"
    assert newest([order("2", "paid"), order("2", "paid")], order("1")) == order("2", "paid")


def test_an_event_that_carries_nothing_may_be_the_newest() -> None:
    assert newest([], None) == newest([None], None) == newest([order("9"), None], order("1")) == "ask"


@pytest.mark.trap("engine.handed-in-last")
def test_of_a_shop_that_cannot_be_asked_what_came_last_counts_unless_its_own_stamp_is_older() -> None:
    assert last([order("", "placed"), None, order("", "paid")], order("", "first")) == order("", "paid")
    assert last([order("2", "paid"), order("1", "placed")], order("1", "first")) == order("2", "paid")
    assert last([order("1", "placed")], order("2", "paid")) == order("2", "paid")
    assert last([], order("", "first")) == last([None], order("", "first")) == order("", "first")
