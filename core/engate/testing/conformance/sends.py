"""What every `send_*` hook must hold: the same again changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from engate import boundary
from engate.errors import NotSent, PluginFault
from engate.model import Invoice, Order, OrderEvent, OrderPart, PartItem, Query, Shipment, ShopOrderRef, Tracking, check_digit
from engate.plugins import implemented
from engate.testing.conformance.pushes import stocked
from engate.testing.conformance.trial import Check, Trial
from engate.testing.goods import sale

STEPS = ("send_handling", "send_invoice", "send_tracking", "send_delivery")
ASKED = 30
"""How often a step that is only requested so far is asked for again."""


class Sold:
    """One order of two units, and what the ERP would say of it."""

    def __init__(self, trial: Trial, order: Order) -> None:
        self.trial, self.key = trial, order.key
        items = tuple(PartItem(item.line, item.reference, item.quantity, item.price) for item in order.items)
        self.part = OrderPart(order.key, order, "1", items, order.freight, order.discount, order.interest, order.total)
        body = "352611112223330001815500100000000110000000".ljust(43, "0")
        self.note = Invoice(body + str(check_digit(body)), "1", "1", "55", datetime.now(UTC), order.total, "11222333000181")
        self.shipment = Shipment("1", Tracking("BR123456789BR", "https://rastreio.example/BR123456789BR", "Correios"))

    async def send(self, hook: str) -> None:
        """Until it is through, as the engine does."""
        shop: Any = self.trial.connection
        for _ in range(ASKED):
            ref = ShopOrderRef(self.key, await shop.read_order(self.key))
            try:
                match hook:
                    case "send_handling":
                        return await shop.send_handling(ref)
                    case "send_invoice":
                        return await shop.send_invoice(ref, self.note, self.part)
                    case "send_tracking":
                        return await shop.send_tracking(ref, self.part, self.shipment, self.note)
                    case "send_delivery":
                        return await shop.send_delivery(ref, self.part, datetime.now(UTC).isoformat(), self.note)
                    case _:
                        return await shop.send_cancellation(ref, "Sem estoque")
            except NotSent:
                self.trial.sandbox.advanced()
        raise AssertionError(f"{hook} was not through after {ASKED} times")

    def shown(self) -> Any:
        """The order as the shop's sandbox holds it."""
        return next(order for order in self.trial.sandbox.orders() if order.key == self.key)


async def sold(trial: Trial) -> Sold:
    await stocked(trial)
    shop: Any = trial.connection
    async for _ in shop.read_order_events(Query()):
        pass  # feeds that must be configured are, and tell only of what comes after
    sku = next(sku for sku in trial.sandbox.state() if sku.price is not None)
    [key] = trial.sandbox.sell([sale(1, (sku.key, 2, str(sku.price or Decimal(1))))]).values()
    return Sold(trial, await shop.read_order(key))


async def repeatable(trial: Trial, hook: str) -> None:
    """Everything before it, then this step twice."""
    order = await sold(trial)
    offered = implemented(type(trial.connection))
    before = STEPS[: STEPS.index(hook)] if hook in STEPS else ()
    for step in before:
        if step in offered:
            await order.send(step)
    await order.send(hook)
    once = order.shown()
    await order.send(hook)
    assert order.shown() == once, f"{hook} again changed the order"


async def reached(trial: Trial, hook: str) -> None:
    """Events and the order itself name it by one key, with which it can be reached in an address; and `read_order` takes it."""
    order = await sold(trial)
    shop: Any = trial.connection
    try:
        events = [event for page in await trial.read(hook, Query()) for event in boundary.page(hook, OrderEvent, page).items]
        read = boundary.answer("read_order", Order, await shop.read_order(order.key))
    except PluginFault as fault:
        raise AssertionError(f"{fault.text.en} {fault.hint.en}") from fault
    assert order.key in {event.order for event in events}, f"the order {order.key} is in none of {len(events)} events"
    assert read.key == order.key, f"the event says {order.key}, the order {read.key}"


EVENTS: dict[str, Check] = {"keys": reached}
CHECKS: dict[str, Check] = {"repeatable": repeatable}
