"""The orders' part of the demo: sold in the storefront, seen in the ERP, and seen back in the storefront as the ERP moves them on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from engate.testing.facts import Fault, OrderState
from engate_demo import checks
from engate_demo.driver import Demo, listed

PER_SALE = 50  # orders placed in one request
AHEAD = 200  # orders sold and not yet in the ERP, at most
HELD_MILLISECONDS = 200  # how long a connection is held before it drops


def sell(demo: Demo) -> None:
    """Every order enters the ERP once, although events are doubled or lost and imports time out."""
    inject(demo)
    _sell(demo)
    demo.list_is_current()
    there = ("in_erp",) if "send_handling" in demo.hooks else ("in_erp", "open")
    _wait_for(demo, "Seeing the orders in the ERP", list(demo.keys.values()), there)
    demo.erp.post("/_sandbox/faults", [])


def inject(demo: Demo) -> None:
    """Every order has one event doubled and some have all of theirs. Where the storefront calls, a few are never told of, and some late.
    A few imports are applied and then time out."""
    lost = [
        Fault("drop_event", rate=_share(demo, 0.06), times=1_000, seed=2),
        Fault("reorder_event", rate=_share(demo, 0.06), times=1, seed=3),
    ] if demo.called else []  # fmt: skip
    demo.shop.post("/_sandbox/faults", [
        Fault("duplicate_event", rate=1.0, times=1),
        Fault("duplicate_event", rate=0.2, times=1_000, seed=1),
        *lost,
    ])  # fmt: skip
    demo.erp.post("/_sandbox/faults", [
        Fault(
            "timeout_applied", operation=demo.erp_says.operations["import_order"], rate=_share(demo, 0.03), milliseconds=HELD_MILLISECONDS,
        ),
    ])  # fmt: skip


def _share(demo: Demo, share: float) -> float:
    """The share, raised where there are few orders, so that at least some are hit."""
    return min(1.0, max(share, 5 / demo.tour.orders))


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


def cancel_in_shop(demo: Demo) -> None:
    keys = _every(demo, demo.tour.cancelled_in_shop)
    demo.shop.post("/_sandbox/cancel", {"keys": sorted(keys), "reason": "Cliente desistiu"})
    demo.list_is_current()
    _cancelled(demo, keys)


def cancel_in_erp(demo: Demo) -> None:
    keys = _every(demo, demo.tour.cancelled_in_erp)
    parts = demo.paired_orders().parts
    theirs = [part.key for key in sorted(keys) for part in parts[key]]
    demo.erp.post("/_sandbox/cancel", {"keys": theirs, "reason": "Mercadoria avariada"})
    _cancelled(demo, keys)


def _every(demo: Demo, so_many: int) -> set[str]:
    """The orders of every so many sales that nobody cancelled yet."""
    return {key for number, key in demo.keys.items() if int(number) % so_many == 0} - demo.cancelled


def _cancelled(demo: Demo, keys: set[str]) -> None:
    if keys:
        _wait_for(demo, "Cancelling", keys, ("cancelled",))
        demo.cancelled |= keys
        if "read_order" in demo.hooks:
            _heard(demo, keys)


def _heard(demo: Demo, keys: set[str]) -> None:
    """Until engate has heard it from the storefront: whose stock it sends anew then. The event may have been lost on its way."""

    def look() -> tuple[int, int, bool]:
        rows = demo.operator.items(f"{demo.path}/orders", state="cancelled")
        done = len(keys & {row["key"] for row in rows if row["shop_state"] == "cancelled"})
        return done, len(keys), done == len(keys)

    demo.wait("cancelling", look)


def invoice(demo: Demo) -> None:
    _move(demo, "Invoicing", ("assembled", "invoiced"), ("invoiced", "shipped", "delivered"))


def ship(demo: Demo) -> None:
    _move(demo, "Shipping", ("shipped",), ("shipped", "delivered"))


def deliver(demo: Demo) -> None:
    _move(demo, "Delivering", ("delivered",), ("delivered",))


def _move(demo: Demo, step: str, to: tuple[str, ...], phases: tuple[str, ...]) -> None:
    """The ERP moves the orders on that nobody cancelled; the storefront is to show it."""
    parts = demo.paired_orders().parts
    keys = [key for key in demo.keys.values() if key not in demo.cancelled]
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
