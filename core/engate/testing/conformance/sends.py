"""Checks of every `send_*` hook: a repeat changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from engate import boundary
from engate.errors import EngateError, NotSent, PluginFault, Rejected
from engate.model import Invoice, Order, OrderEvent, OrderPart, PartItem, Query, Shipment, ShopOrderRef, Tracking, check_digit
from engate.plugins import closing, implemented
from engate.testing.conformance.pushes import stocked
from engate.testing.conformance.readings import newest_of
from engate.testing.conformance.trial import ALWAYS, Check, NotTried, Trial
from engate.testing.facts import Fault
from engate.testing.goods import sale

STEPS = ("send_handling", "send_invoice", "send_tracking", "send_delivery")
FEW = 3
"""Orders of an account that are read."""
LATE = timedelta(minutes=20)
"""How late a list of orders may be."""
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
        """Calls the hook until it is through, as the engine does."""
        for _ in range(ASKED):
            ref = await self.ref()
            try:
                return await self.once(hook, ref)
            except NotSent:
                self.trial.sandbox.advanced()
        raise AssertionError(f"{hook} was not through after {ASKED} times")

    async def ref(self) -> ShopOrderRef:
        """The order as it is now."""
        shop: Any = self.trial.connection
        return ShopOrderRef(self.key, await shop.read_order(self.key))

    async def once(self, hook: str, ref: ShopOrderRef) -> None:
        shop: Any = self.trial.connection
        match hook:
            case "send_handling":
                await shop.send_handling(ref)
            case "send_invoice":
                await shop.send_invoice(ref, self.note, self.part)
            case "send_tracking":
                await shop.send_tracking(ref, self.part, self.shipment, self.note)
            case "send_delivery":
                await shop.send_delivery(ref, self.part, datetime.now(UTC).isoformat(), self.note)
            case _:
                await shop.send_cancellation(ref, "Sem estoque")

    def shown(self) -> Any:
        """The order as the shop's sandbox holds it."""
        return next(order for order in self.trial.sandbox.orders() if order.key == self.key)


async def sold(trial: Trial) -> Sold:
    await stocked(trial)
    shop: Any = trial.connection
    async for _ in shop.read_order_events(Query()):
        pass  # configures feeds that need it; they tell only later events
    sku = next(sku for sku in trial.sandbox.state() if sku.price is not None)
    [key] = trial.sandbox.sell([sale(1, (sku.key, 2, str(sku.price or Decimal(1))))]).values()
    return Sold(trial, await shop.read_order(key))


async def _brought_to(trial: Trial, hook: str) -> Sold:
    """An order for which this step is the next one."""
    order = await sold(trial)
    offered = implemented(type(trial.connection))
    before = STEPS[: STEPS.index(hook)] if hook in STEPS else ()
    for step in before:
        if step in offered:
            await order.send(step)
    return order


async def lost_answer(trial: Trial, hook: str) -> None:
    """The shop took it and the answer is lost: that is not a definite refusal, and sent again it is there once."""
    order = await _brought_to(trial, hook)
    ref = await order.ref()
    for times in (1, ALWAYS):  # what is safe to repeat the client itself repeats
        trial.sick(Fault("reset_applied", times=times))
        try:
            await order.once(hook, ref)
        except EngateError as error:
            trial.hides(error)
            assert not isinstance(error, Rejected), f"a lost answer was taken for a refusal: {error}"
    trial.sick()
    await order.send(hook)
    shown = order.shown()
    assert len(shown.invoices) <= 1 and len(shown.tracking) <= 1, f"{hook} is there twice: {shown.invoices} {shown.tracking}"
    await order.send(hook)
    assert order.shown() == shown, f"{hook} again changed the order"


async def repeatable(trial: Trial, hook: str) -> None:
    """All earlier steps, then this step twice."""
    order = await _brought_to(trial, hook)
    await order.send(hook)
    once = order.shown()
    await order.send(hook)
    assert order.shown() == once, f"{hook} again changed the order"


async def reached(trial: Trial, hook: str) -> None:
    """Events and the order itself have the same key, which fits into a URL and which `read_order` takes."""
    order = await sold(trial)
    shop: Any = trial.connection
    try:
        events = [event for page in await trial.read(hook, Query()) for event in boundary.page(hook, OrderEvent, page).items]
        read = boundary.answer("read_order", Order, await shop.read_order(order.key))
    except PluginFault as fault:
        raise AssertionError(f"{fault.text.en} {fault.hint.en}") from fault
    assert order.key in {event.order for event in events}, f"the order {order.key} is in none of {len(events)} events"
    assert read.key == order.key, f"the event says {order.key}, the order {read.key}"


async def sums(trial: Trial, hook: str) -> None:
    """What was charged is the sum of lines, freight and interest, less the discount, to the cent, and what was paid."""
    order = await sold(trial)
    sku = next(sku for sku in trial.sandbox.state() if sku.price is not None)
    shop: Any = trial.connection
    for number, (quantity, freight, discount) in enumerate(((3, "0", "0"), (3, "9.99", "0"), (1, "19.90", "1.01")), 2):
        made = sale(number, (sku.key, quantity, str(sku.price)), freight=freight)
        charged = made.payments[0].value - Decimal(discount)
        paid = (msgspec.structs.replace(made.payments[0], value=charged),)
        [key] = trial.sandbox.sell([msgspec.structs.replace(made, discount=Decimal(discount), payments=paid)]).values()
        read = await shop.read_order(key)
        add_up(read)
        assert read.total == charged, f"charged {charged}, read {read.total}"
    add_up(await shop.read_order(order.key))


def add_up(order: Order) -> None:
    lines = sum((item.value for item in order.items), Decimal(0))
    assert lines == order.items_total, f"order {order.key}: its lines are {lines}, its goods {order.items_total}"
    total = order.items_total + order.freight + order.interest - order.discount
    assert total == order.total, f"order {order.key}: goods, freight and interest less the discount are {total}, its total {order.total}"


async def known(trial: Trial, hook: str) -> None:
    """The shop's own list tells of an order by the key by which it is read, and its sums agree."""
    shop: Any = trial.connection
    since, own = None, None
    if not trial.live:
        since = newest_of(await trial.read(hook, Query()))
        own = (await sold(trial)).key
        trial.sandbox.clock.advance(LATE)
    pages = [boundary.page(hook, OrderEvent, page) for page in await trial.read(hook, Query(since=since))]
    keys = list(dict.fromkeys(event.order for page in pages for event in page.items))
    assert own is None or own in keys, f"the order {own} is in none of {len(keys)} events"
    if not keys:
        raise NotTried("the list is empty")
    for key in keys[:FEW]:
        order = boundary.answer("read_order", Order, await shop.read_order(key))
        assert order.key == key, f"the event says {key}, the order {order.key}"
        add_up(order)


async def feed(trial: Trial, hook: str) -> None:
    """The first page of an account's feed, and the first of its orders. Whatever the platform does not tell again is gone with it."""
    shop: Any = trial.connection
    async with closing(shop.read_order_events(Query())) as pages:
        page = await anext(pages, None)
    if page is None or not page.items:
        raise NotTried("the feed is empty")
    events = boundary.page(hook, OrderEvent, page)
    assert not events.broken, events.broken[0].problem.text.en
    order = boundary.answer("read_order", Order, await shop.read_order(events.items[0].order))
    assert order.key == events.items[0].order, f"the event says {events.items[0].order}, the order {order.key}"
    add_up(order)


EVENTS: dict[str, Check] = {"keys": reached}
LISTED: dict[str, Check] = {"known": known}
ORDERS: dict[str, Check] = {"sums": sums}
CHECKS: dict[str, Check] = {"repeatable": repeatable, "lost answer": lost_answer}
