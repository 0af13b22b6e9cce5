"""Rules of the Pricing API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from engate_vtex_sandbox import refusals

if TYPE_CHECKING:
    from engate_vtex_sandbox.shop import Shop, Sku

BASE_FIELDS = ("basePrice", "costPrice", "markup")


def refuse_unknown_item(shop: Shop, key: int) -> None:
    if key not in shop.skus:
        raise refusals.message(404, f"Item {key} not found")


def refuse_price_fields(body: Mapping[str, Any]) -> None:
    """Exactly two of basePrice, costPrice and markup; the notes of the fields also allow basePrice alone."""
    given = {name for name in BASE_FIELDS if body.get(name) is not None}
    if len(given) != 2 and given != {"basePrice"}:  # noqa: PLR2004
        raise refusals.message(400, "Send exactly two of basePrice, costPrice and markup, or basePrice alone")


def refuse_negative(body: Mapping[str, Any], *names: str) -> None:
    for name in names:
        value = body.get(name)
        if value is not None and value < 0:
            raise refusals.message(400, f"{name} must not be negative")


def refuse_no_price(sku: Sku) -> None:
    if sku.price is None:
        raise refusals.message(404, f"Price of item {sku.id} not found")


def refuse_fixed_entry(entry: object) -> None:
    if not isinstance(entry, dict):
        raise refusals.message(400, "A fixed price must be an object")


def refuse_price_table(table: object) -> None:
    """The id of a trade policy, as text, or the name of a price table."""
    if not isinstance(table, str) or not table:
        raise refusals.message(400, "tradePolicyId must be a text")


def refuse_fixed_value(value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        raise refusals.message(400, "value must be a number and not negative")


def refuse_min_quantity(quantity: object) -> None:
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
        raise refusals.message(400, "minQuantity must be an integer from 1")


def refuse_date_range(start: datetime | None, end: datetime | None) -> None:
    """Both RFC 3339 with an offset, and `to` after `from`."""
    if start is None or end is None or start.tzinfo is None or end.tzinfo is None or end <= start:
        raise refusals.message(400, "dateRange needs from and to in RFC 3339, to after from")
