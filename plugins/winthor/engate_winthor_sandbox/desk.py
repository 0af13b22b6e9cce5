"""What the ERP's people do to an order at their desks: cut it, weigh it, split its notes. Nothing here is an operation of the API.

An item is named "order/sequence": "5000001/2" is the second item of order 5000001.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from engate_winthor_sandbox.orders import OPEN, Item, Order, decimal
from engate_winthor_sandbox.world import World


def cut(world: World, text: str) -> None:
    """Of the item in "5000001/1=1" only 1 is attended; the rest of what was sold is cut, its reservation given back."""
    order, item, value = _item(world, text)
    attended = decimal(value)
    if not 0 <= attended <= item.quantity:
        raise ValueError(f"{text}: from 0 to {item.quantity}")
    world.stock.free(item.warehouse, item.sku, item.quantity - attended)
    item.quantity, item.cut = attended, item.cut + item.quantity - attended
    world.orders.moved(order)


def weigh(world: World, text: str) -> None:
    """The item in "5000001/1=0.95" weighs 0.95 (what is less than was sold is cut), or 1.08."""
    order, item, value = _item(world, text)
    weight, sold = decimal(value), item.quantity + item.cut
    if weight <= 0:
        raise ValueError(f"{text}: a weight above 0")
    item.quantity, item.cut = weight, max(Decimal(0), sold - weight)
    world.orders.moved(order)


def cancel_item(world: World, text: str) -> None:
    """The item "5000001/1" leaves the order; with the last one the order is cancelled."""
    order, item, _ = _item(world, text)
    world.orders.cancel_item(order, item, "Item cancelado")


def split_notes(world: World, text: str) -> None:
    """The items of "5000001=2,3" stand on a second note of the order."""
    number, _, sequences = text.partition("=")
    order = _invoiced(world, number)
    second = frozenset(int(sequence) for sequence in sequences.split(","))
    everything = frozenset(item.sequence for item in order.items)
    if not second < everything:
        raise ValueError(f"{text}: some of {sorted(everything)}")
    world.fiscal.split(order, second)


def foreign_note(world: World, number: str) -> None:
    """A note of another company in the order's answer."""
    world.fiscal.foreign(_invoiced(world, number))


def unreadable_note(world: World, number: str) -> None:
    """A note whose XML was stored without its end."""
    world.fiscal.unreadable(_invoiced(world, number))


VERBS: dict[str, Callable[[World, str], None]] = {
    "cut": cut, "weighed": weigh, "item_cancelled": cancel_item, "note_split": split_notes, "note_foreign": foreign_note,
    "note_unreadable": unreadable_note,
}  # fmt: skip


def _item(world: World, text: str) -> tuple[Order, Item, str]:
    """(order, item, what stands behind "=") of an order that is not invoiced yet."""
    named, _, value = text.partition("=")
    number, _, sequence = named.partition("/")
    order = world.orders.get(number)
    if order is None or order.state not in OPEN:
        raise KeyError(f"open order {number}")
    item = next((item for item in order.items if str(item.sequence) == sequence), None)
    if item is None:
        raise KeyError(f"item {named}")
    return order, item, value


def _invoiced(world: World, number: str) -> Order:
    order = world.orders.get(number)
    if order is None or order.invoice is None:
        raise KeyError(f"invoiced order {number}")
    return order
