"""Quantities and values of lines: exact decimals, never floats. Pure arithmetic that every plugin needs."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from math import floor

CENT = Decimal("0.01")


def in_cents(value: Decimal) -> Decimal:
    """The one rule for an amount sent to a platform of whole cents: rounded half up. An amount in whole cents stays as it is."""
    exponent = value.as_tuple().exponent
    return value if isinstance(exponent, int) and exponent >= -2 else value.quantize(CENT, ROUND_HALF_UP)


def worth(price: Decimal, quantity: Decimal) -> Decimal:
    """The one rule for the value of a line: price times quantity, rounded half up to whole cents."""
    return (price * quantity).quantize(CENT, ROUND_HALF_UP)


def is_whole(quantity: Decimal) -> bool:
    return quantity % 1 == 0


def whole_units(quantity: Decimal) -> int:
    """Rounded down, for a platform that sells only whole units: a part of one is not for sale."""
    return floor(quantity)


def plain(quantity: Decimal) -> int | Decimal:
    """The form for a platform: 5, never 5.0 or 1E+2; a fraction without trailing zeros."""
    return int(quantity) if is_whole(quantity) else quantity.normalize()
