"""Compares what the two sandboxes hold. Pure functions: no store, no API, no calls."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from engate.testing.facts import Count, OrderState, SkuState

Cell = tuple[str, str, str]
"""One thing that can differ: ("product" | "sku" | "price" | "stock", the ERP's key, field or warehouse)."""


class Sides(NamedTuple):
    """What both sandboxes hold at one moment. `warehouses`: ERP branch -> storefront warehouse, as the pair mapping says; several branches
    may be one warehouse."""

    erp: list[SkuState]
    shop: list[SkuState]
    warehouses: Mapping[str, str]


# ---- the catalogue ----


def catalog_problems(sides: Sides) -> list[str]:
    """Every visible SKU whose price, stock, texts or EAN differ from the ERP's, and every SKU that should be visible and is not."""
    found: list[str] = []
    erp = {sku.key: sku for sku in sides.erp}
    twice = [key for key, count in Counter(sku.key for sku in sides.shop).items() if count > 1]
    found += [f"SKU {key} stands more than once in the storefront" for key in twice]
    shop = {sku.key: sku for sku in sides.shop}
    for key, theirs in shop.items():
        if theirs.visible and key not in erp:
            found.append(f"SKU {key} is visible in the storefront and unknown to the ERP")
    for key, ours in erp.items():
        theirs = shop.get(key)
        if theirs is not None and theirs.visible:
            found += [f"SKU {key}: {what}" for what in _differences(ours, theirs, sides.warehouses)]
        elif ours.visible and not ours.missing:
            why = f"lacks {', '.join(theirs.missing) or 'nothing'} there" if theirs is not None else "is not there"
            found.append(f"SKU {key} lacks nothing in the ERP and is not visible in the storefront: it {why}")
    return found


def _differences(ours: SkuState, theirs: SkuState, warehouses: Mapping[str, str]) -> list[str]:
    pairs: list[tuple[str, object, object]] = [
        ("price", ours.price, theirs.price),
        ("name", ours.name, theirs.name),
        ("product name", ours.product_name, theirs.product_name),
        ("description", ours.description, theirs.description),
        ("EAN", ours.ean, theirs.ean),
    ]
    pairs += [(f"stock of {place}", quantity, theirs.stock.get(place, 0)) for place, quantity in _sums(ours, warehouses).items()]
    return [f"{what} is {mine!s} in the ERP and {other!s} in the storefront" for what, mine, other in pairs if mine != other]


def _sums(ours: SkuState, warehouses: Mapping[str, str]) -> dict[str, Count]:
    """The stock that each warehouse should offer: the sum over its branches."""
    found: dict[str, Count] = {}
    for branch, quantity in ours.stock.items():
        if branch in warehouses:
            found[warehouses[branch]] = found.get(warehouses[branch], 0) + quantity
    return found


def sum_problems(erp: list[SkuState], visible: int, awaiting: int, attention: Mapping[str, int]) -> list[str]:
    """Whether every SKU of the ERP is accounted for. (Those that lack nothing and are not visible, `catalog_problems` names.)"""
    listed = [sku for sku in erp if sku.visible]
    told = visible + awaiting + sum(attention.values())
    if told == len(listed):
        return []
    incomplete = [sku.key for sku in listed if sku.missing]
    return [
        f"{len(listed)} SKUs in the ERP, but {visible} visible + {awaiting} awaiting + {sum(attention.values())} in attention = {told}; "
        f"{len(incomplete)} SKUs lack something in the ERP: {some(incomplete)}"
    ]


def cells(skus: Iterable[SkuState], warehouses: Mapping[str, str] | None = None) -> dict[Cell, object]:
    """Every comparable value of one side, stock by warehouse: `warehouses` is given for an ERP, whose stock is by branch."""
    found: dict[Cell, object] = {}
    for sku in skus:
        found["product", sku.product, "name"] = sku.product_name
        found["product", sku.product, "description"] = sku.description
        found["sku", sku.key, "name"] = sku.name
        found["sku", sku.key, "ean"] = sku.ean
        found["price", sku.key, ""] = sku.price
        for place, quantity in (_sums(sku, warehouses) if warehouses is not None else sku.stock).items():
            found["stock", sku.key, place] = quantity
    return found


def changed(before: dict[Cell, object], after: dict[Cell, object]) -> dict[Cell, object]:
    """The cells whose value differs, with their new value (None: gone)."""
    return {cell: after.get(cell) for cell in before.keys() | after.keys() if before.get(cell) != after.get(cell)}


def travel_problems(asked: dict[Cell, object], came: dict[Cell, object], what: str) -> list[str]:
    """Whether exactly what changed in the ERP changed in the storefront, to the same value."""
    found = [f"{what}: {_name(cell)} changed in the ERP and not in the storefront" for cell in asked.keys() - came.keys()]
    found += [f"{what}: {_name(cell)} changed in the storefront and not in the ERP" for cell in came.keys() - asked.keys()]
    found += [
        f"{what}: {_name(cell)} became {asked[cell]} in the ERP and {came[cell]} in the storefront"
        for cell in asked.keys() & came.keys()
        if asked[cell] != came[cell]
    ]
    return sorted(found)


def _name(cell: Cell) -> str:
    kind, key, detail = cell
    if kind in ("product", "sku"):
        return f"{'product' if kind == 'product' else 'SKU'} {key}, {detail}"
    return f"SKU {key}, {kind} {detail}".rstrip()


# ---- orders ----


class Orders(NamedTuple):
    """The storefront's orders, and for each the ERP orders made of it (its parts, in any number)."""

    shop: list[OrderState]
    parts: dict[str, list[OrderState]]  # storefront key -> ERP orders
    doubles: list[str]  # storefront keys (of orders or parts) that more than one ERP order carries
    strangers: list[str]  # ERP orders of no order of the storefront


def paired(shop: list[OrderState], erp: list[OrderState]) -> Orders:
    """A part carries the storefront's key, followed by "/" and its number where the order has several."""
    keys = {order.key for order in shop}
    parts: dict[str, list[OrderState]] = defaultdict(list)
    strangers: list[str] = []
    for order in erp:
        key = order.storefront_key if order.storefront_key in keys else order.storefront_key.rpartition("/")[0]
        if key in keys:
            parts[key].append(order)
        else:
            strangers.append(order.key)
    carried = Counter(order.storefront_key for order in erp)
    return Orders(shop, parts, [key for key, count in carried.items() if count > 1], strangers)


class OrderCounts(NamedTuple):
    in_erp: int
    duplicated_in_erp: int
    invoiced: int
    tracked: int
    delivered: int
    cancelled: int


def order_counts(orders: Orders) -> OrderCounts:
    """`duplicated_in_erp`: storefront orders or parts with more than one ERP order; the rest counts orders as the storefront shows them."""
    return OrderCounts(
        in_erp=sum(order.key in orders.parts for order in orders.shop),
        duplicated_in_erp=len(orders.doubles),
        invoiced=sum(bool(order.invoices) for order in orders.shop),
        tracked=sum(bool(order.tracking) for order in orders.shop),
        delivered=sum(order.phase == "delivered" for order in orders.shop),
        cancelled=sum(order.phase == "cancelled" for order in orders.shop),
    )


class Ends(NamedTuple):
    """How far a pair can bring an order: the phase of those that nobody cancelled, and what the storefront is told of by then."""

    phase: str = "delivered"
    invoices: bool = True
    tracking: bool = True


DELIVERED = Ends()


def order_problems(orders: Orders, ends: Ends = DELIVERED) -> list[str]:
    found = [f"order {key} is more than once in the ERP" for key in orders.doubles]
    found += [f"ERP order {key} belongs to no order of the storefront" for key in orders.strangers]
    for order in orders.shop:
        found += [f"order {order.key}: {what}" for what in _order_differences(order, orders.parts.get(order.key, []), ends)]
    return found


def _order_differences(order: OrderState, parts: list[OrderState], ends: Ends) -> list[str]:
    if not parts:
        return ["it is not in the ERP"]
    found: list[str] = []
    phases = sorted({part.phase for part in parts})
    if order.phase not in (ends.phase, "cancelled"):
        found.append(f"neither {ends.phase} nor cancelled: the storefront says {order.state}, the ERP {', '.join(phases)}")
    elif phases != [order.phase]:
        found.append(f"the storefront says {order.phase}, the ERP {', '.join(phases)}")
    if _units(order) != _units(*parts):
        found.append("its items in the ERP are others than in the storefront")
    total = sum((part.total for part in parts), Decimal(0))
    if order.total != total:
        found.append(f"its total is {order.total} in the storefront and {total} in the ERP")
    for what, told, theirs, ours in (
        ("invoices", ends.invoices, order.invoices, (key for part in parts for key in part.invoices)),
        ("tracking codes", ends.tracking, order.tracking, (code for part in parts for code in part.tracking)),
    ):
        if told and order.phase != "cancelled" and sorted(theirs) != sorted(ours):
            found.append(f"the {what} of the storefront are not those of the ERP")
    return found


def _units(*orders: OrderState) -> dict[str, Count]:
    units: dict[str, Count] = {}
    for order in orders:
        for sku, quantity, _ in order.items:
            units[sku] = units.get(sku, 0) + quantity
    return units


def some(keys: list[str], most: int = 10) -> str:
    return ", ".join(keys[:most]) + (f" and {len(keys) - most} more" if len(keys) > most else "")
