"""The orders' part of the demo: sold in the storefront, seen in the ERP, and seen back in the storefront as the ERP moves them on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from engate.testing.world import Fault, OrderState
from engate_api.demo import checks
from engate_api.demo.driver import Demo, listed

PER_SALE = 50  # orders placed in one request
AHEAD = 200  # orders sold and not yet in the ERP, at most
HELD_MILLISECONDS = 200  # how long a connection is held before it drops


def orders(demo: Demo) -> None:
    """Every order ends delivered or cancelled, on both sides, whatever was duplicated or timed out on its way."""
    inject(demo)
    _sell(demo)
    _wait_for(demo, "Seeing the orders in the ERP", list(demo.keys.values()), ("in_erp",))
    demo.erp.post("/_sandbox/faults", [])
    cancelled = _cancel(demo)
    left = [key for key in demo.keys.values() if key not in cancelled]
    _move(demo, "Invoicing", ("assembled", "invoiced"), left, ("invoiced", "shipped", "delivered"))
    _move(demo, "Shipping", ("shipped",), left, ("shipped", "delivered"))
    _move(demo, "Delivering", ("delivered",), left, ("delivered",))
    demo.shop.post("/_sandbox/faults", [])


def inject(demo: Demo) -> None:
    """Every order has one event doubled and some have all of theirs; a few imports are applied and then time out."""
    demo.shop.post("/_sandbox/faults", [
        Fault("duplicate_event", rate=1.0, times=1),
        Fault("duplicate_event", rate=0.2, times=1_000, seed=1),
    ])  # fmt: skip
    demo.erp.post("/_sandbox/faults", [
        Fault(
            "timeout_applied", operation=demo.erp_says.operations["import_order"], rate=min(1.0, max(0.03, 5 / demo.tour.orders)),
            milliseconds=HELD_MILLISECONDS,
        ),
    ])  # fmt: skip


def _sell(demo: Demo) -> None:
    demo.show.step("Selling")
    count = demo.tour.orders
    sales = demo.catalog.sales(count, listed(demo), datetime.now(UTC))
    for start in range(0, len(sales), PER_SALE):
        demo.keys.update(demo.shop.post("/_sandbox/sell", sales[start : start + PER_SALE]))
        sold = len(demo.keys)

        def look(sold: int = sold) -> tuple[int, int, bool]:
            there = demo.erp_ledger().effects.get("orders_created", 0)
            return sold, count, sold - there <= AHEAD

        demo.wait("selling", look)


def _cancel(demo: Demo) -> set[str]:
    """Some in the shop, some in the ERP: both always after the ERP has them."""
    tour = demo.tour
    in_shop = {key for number, key in demo.keys.items() if int(number) % tour.cancelled_in_shop == 0}
    in_erp = {key for number, key in demo.keys.items() if int(number) % tour.cancelled_in_erp == 0} - in_shop
    if not in_shop and not in_erp:
        return set()
    parts = demo.paired_orders().parts
    demo.shop.post("/_sandbox/cancel", {"keys": sorted(in_shop), "reason": "Cliente desistiu"})
    theirs = [part.key for key in sorted(in_erp) for part in parts[key]]
    demo.erp.post("/_sandbox/cancel", {"keys": theirs, "reason": "Mercadoria avariada"})
    _wait_for(demo, "Cancelling", in_shop | in_erp, ("cancelled",))
    return in_shop | in_erp


def _move(demo: Demo, step: str, to: tuple[str, ...], keys: Collection[str], phases: tuple[str, ...]) -> None:
    """The ERP moves the orders on; the storefront is to show it."""
    parts = demo.paired_orders().parts
    mine = [part.key for key in keys for part in parts[key]]
    for state in to:
        demo.erp.post("/_sandbox/progress", {"to": state, "keys": mine})
    _wait_for(demo, step, keys, phases)


def _wait_for(demo: Demo, step: str, keys: Collection[str], phases: tuple[str, ...]) -> None:
    """Until the storefront shows each of these orders in one of the phases, and the ERP has it in one of them too."""
    demo.show.step(step)
    asked = set(keys)

    def there(order: OrderState, pairs: checks.Orders) -> bool:
        parts = pairs.parts.get(order.key, [])
        return order.phase in phases and bool(parts) and all(part.phase in phases for part in parts)

    def look() -> tuple[int, int, bool]:
        pairs = demo.paired_orders()
        done = sum(there(order, pairs) for order in pairs.shop if order.key in asked)
        return done, len(asked), done == len(asked)

    demo.wait(step.lower(), look)
