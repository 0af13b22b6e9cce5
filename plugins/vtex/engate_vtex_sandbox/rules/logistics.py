"""Rules of the Logistics API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engate.shapes import is_object
from engate_vtex_sandbox import refusals
from engate_vtex_sandbox.rules.common import INT32, SPAN, instant

if TYPE_CHECKING:
    from engate_vtex_sandbox.shop import Shop, Stock

LOCK_SECONDS = 0.020  # "within milliseconds"
MOST_RESERVATIONS = 2_000
PLACE = re.compile(r"\S+")


def refuse_place_id(key: object) -> None:
    """Ids of warehouses and docks hold no spaces."""
    if not isinstance(key, str) or not PLACE.fullmatch(key):
        raise refusals.error(400, "1", "The id must be a text without spaces")


def refuse_place_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise refusals.error(400, "1", "The name is required")


def refuse_warehouse_dock(dock: object) -> None:
    names = ("dockId", "name", "time", "cost", "translateDays", "costToDisplay")
    if not is_object(dock) or any(not isinstance(dock.get(name), str) for name in names):
        raise refusals.error(400, "1", f"Each entry of warehouseDocks needs the texts {', '.join(names)}")


def refuse_span(span: object) -> None:
    if not isinstance(span, str) or not SPAN.fullmatch(span):
        raise refusals.error(400, "1", "A time must be dd.hh:mm:ss")


def refuse_cost(cost: str) -> None:
    if not re.fullmatch(r"\d+(\.\d+)?", cost):
        raise refusals.error(400, "1", "cost must be a number in a text")


def refuse_unknown_warehouse(shop: Shop, key: str) -> None:
    if key not in shop.warehouses:
        raise refusals.error(404, "1", f"Warehouse {key} not found")


def refuse_unknown_dock(shop: Shop, key: str) -> None:
    if key not in shop.docks:
        raise refusals.error(404, "1", f"Dock {key} not found")


def refuse_leading_zero(sku: str) -> None:
    """Known issue 427610."""
    if sku.startswith("0"):
        raise refusals.error(400, "1", "The SKU id must not start with 0")


def refuse_inventory_sku(shop: Shop, sku: str) -> None:
    """The inventory operations document 400 alone."""
    if not sku.isascii() or not sku.isdigit() or int(sku) not in shop.skus:
        raise refusals.error(400, "1", f"SKU {sku} not found")


def refuse_inventory_warehouse(shop: Shop, key: str) -> None:
    if key not in shop.warehouses:
        raise refusals.error(400, "1", f"Warehouse {key} not found")


def refuse_quantity(quantity: object) -> None:
    """An int32, not negative."""
    if not isinstance(quantity, int) or isinstance(quantity, bool) or not 0 <= quantity <= INT32:
        raise refusals.error(400, "1", "quantity must be a 32-bit integer, not negative")


def refuse_unlimited(value: object) -> None:
    if not isinstance(value, bool):
        raise refusals.error(400, "1", "unlimitedQuantity must be true or false")


def refuse_balance_date(value: object) -> None:
    if value and instant(value) is None:
        raise refusals.error(400, "1", "dateUtcOnBalanceSystem must be ISO 8601")


def refuse_absent_quantity(body: Mapping[str, Any]) -> None:
    """PATCH .../quantity: unlike PUT, nothing is assumed."""
    if body.get("quantity") is None or body.get("unlimitedQuantity") is None:
        raise refusals.error(400, "1", "quantity and unlimitedQuantity are required")


def refuse_locked(shop: Shop, stock: Stock, sku: int, warehouse: str, now: float) -> None:
    """Updates of one SKU in one warehouse within milliseconds: the first wins, the others are discarded."""
    if stock.updated_at is not None and now - stock.updated_at < LOCK_SECONDS:
        raise refusals.plain(423, f"Unable to acquire lock for key: {shop.account}_item_logistics_{sku}_{warehouse}.")


def refuse_many_reservations(count: int) -> None:
    if count > MOST_RESERVATIONS:
        raise refusals.error(400, "1", f"More than {MOST_RESERVATIONS} active reservations")


def refuse_unknown_reservation(found: object) -> None:
    if not found:
        raise refusals.error(404, "1", "Reservation not found")


def refuse_unknown_shipping_policy(found: object) -> None:
    if found is None:
        raise refusals.error(404, "1", "Shipping policy not found")
