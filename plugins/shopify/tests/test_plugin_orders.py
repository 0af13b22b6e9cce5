"""Orders in and out."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from engate import NotSent
from engate.model import (
    Category,
    Cut,
    Invoice,
    Item,
    Order,
    OrderChange,
    OrderPart,
    PartItem,
    Query,
    Shipment,
    ShopOrderRef,
    Tracking,
)
from engate_shopify import operations as op
from engate_shopify import translate_orders as translate

START = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
NOTE = Invoice("3526" + "1" * 40, "12", "1", "55", datetime(2026, 11, 27, tzinfo=UTC), Decimal(100), "11222333000181")


def part_of(order: Order, units: int | None = None) -> OrderPart:
    items = tuple(PartItem(i.line, i.reference, Decimal(units or i.quantity), i.price) for i in order.items)
    return OrderPart(order.key, order, "1", items, order.freight, order.discount, order.interest, order.total)


async def ordered(shop: Any, **fields: Any) -> Order:
    await shop.sellable()
    return await shop.front.read_order(await shop.sell(**fields))


def shown(shop: Any, order: Order) -> Any:
    return next(one for one in shop.api.sandbox.orders() if one.key == order.key)


@pytest.mark.trap("shopify.order-number", "shopify.cpf")
async def test_an_order_as_the_model_has_it(shop: Any) -> None:
    items = [{"sku": "S1", "quantity": 2, "price": "100.00", "freight": "15.50"}]
    order = await ordered(shop, items=items, discount="20.00")
    assert order.key.isdigit() and order.state == "ready" and order.buyer.document == "52998224725"
    assert (order.items[0].reference, order.items[0].quantity, order.items[0].warehouse) == ("S1", 2, shop.api.main)
    assert order.total == order.items_total + order.freight + order.interest - order.discount == Decimal("195.50")
    assert sum(payment.value for payment in order.payments) == order.total
    assert (order.delivery.street, order.delivery.number, order.delivery.district, order.delivery.state) == ("Rua A", "10", "Centro", "SP")
    assert order.delivery.zip_code == "01001000" and order.paid_at is not None and order.changed_at


@pytest.mark.trap("shopify.many-payments")
async def test_an_order_may_be_paid_in_many_pieces(shop: Any) -> None:
    """Vouchers and gift cards: the public catalogue's orders have up to 29. One that is not seen makes the sums disagree."""
    order = await ordered(shop, payments=[{"tag": "voucher", "value": f"{value}.00"} for value in (*[1] * 29, 71)])
    assert len(order.payments) == 30 and sum(payment.value for payment in order.payments) == order.total == Decimal(100)


@pytest.mark.parametrize(("step", "state"), [("held", "held"), ("test", "ready")])
@pytest.mark.trap("shopify.hold", "shopify.test-order")
async def test_states(shop: Any, step: str, state: str) -> None:
    await shop.sellable()
    key = await shop.sell()
    await shop.api.control("progress", {"keys": [key], "to": step})
    order = await shop.front.read_order(key)
    assert order.state == state and order.test is (step == "test")


@pytest.mark.trap("shopify.pending")
async def test_a_pix_that_nobody_has_paid_waits(shop: Any) -> None:
    order = await ordered(shop, paid=False)
    assert order.state == "awaiting_payment" and order.paid_at is None
    await shop.api.control("progress", {"keys": [order.key], "to": "paid"})
    paid = await shop.front.read_order(order.key)
    assert paid.state == "ready" and paid.paid_at is not None


@pytest.mark.trap("shopify.cancelled")
async def test_a_cancelled_order(shop: Any) -> None:
    await shop.sellable()
    key = await shop.sell()
    await shop.api.control("cancel", {"keys": [key]})
    order = await shop.front.read_order(key)
    assert order.state == "cancelled"
    assert order.refunded == Decimal("100.00")


async def test_events_are_told_once_in_windows_that_move(shop: Any) -> None:
    await shop.sellable(stock=1000)
    keys = list((await shop.api.control("sell", [shop.api.sale(n) for n in range(1, 121)])).values())
    first = [page async for page in shop.front.read_order_events(Query())]
    assert sorted(event.order for page in first for event in page.items) == sorted(keys)
    assert len(first) > 1 and first[-1].cursor is None
    again = [event async for page in shop.front.read_order_events(Query(cursor=first[0].cursor)) for event in page.items]
    assert {event.key for event in again} >= {event.key for page in first[1:] for event in page.items}
    mark = first[-1].watermark
    await shop.api.advance(3 * 3600)
    await shop.api.control("cancel", {"keys": [keys[0]]})
    news = [event async for page in shop.front.read_orders(Query(since=mark)) for event in page.items]
    assert (keys[0], "cancelled") in {(event.order, event.state) for event in news}


@pytest.mark.trap("shopify.same-second")
async def test_what_changes_in_the_second_of_another_change_is_news(shop: Any) -> None:
    """Shopify's instants are whole seconds."""
    await shop.sellable()
    key = await shop.sell()

    async def heard() -> set[str]:
        return {event.key async for page in shop.front.read_order_events(Query()) for event in page.items if event.order == key}

    before = await heard()
    assert await heard() == before
    await shop.api.control("cancel", {"keys": [key]})  # the sandbox's clock stands still
    assert len(await heard() - before) == 1


@pytest.mark.trap("shopify.second-note")
async def test_two_notes_stand_beside_each_other(shop: Any) -> None:
    order = await ordered(shop)
    ref, other = ShopOrderRef(order.key, order), Invoice("3526" + "2" * 40, "13", "1", "55", START, Decimal(1), "1")
    for note in (NOTE, other, NOTE):
        await shop.front.send_invoice(ref, note, part_of(order))
    assert len(shown(shop, order).invoices) == 2


@pytest.mark.trap("shopify.shipped-twice")
async def test_a_shipment_and_its_delivery_are_told_once(shop: Any) -> None:
    order = await ordered(shop)
    ref, part = ShopOrderRef(order.key, order), part_of(order)
    with pytest.raises(NotSent):
        await shop.front.send_delivery(ref, part, START.isoformat(), None)
    for _ in range(2):
        await shop.front.send_tracking(ref, part, Shipment("1", Tracking("BR1", "https://r.example/BR1", "Correios")), None)
    for _ in range(2):
        await shop.front.send_delivery(ref, part, (START + timedelta(hours=1)).isoformat(), None)
    calls = shop.calls()
    assert calls.count("fulfillmentCreate") == 1 and calls.count("fulfillmentEventCreate") == 1
    assert (await shop.front.read_order(order.key)).state == "invoiced"


async def test_ones_own_fleet_has_no_code(shop: Any) -> None:
    order = await ordered(shop)
    for _ in range(2):
        await shop.front.send_tracking(ShopOrderRef(order.key, order), part_of(order), Shipment("1"), None)
    assert shop.calls().count("fulfillmentCreate") == 1


async def test_a_cancellation_is_asked_for_once(shop: Any) -> None:
    order = await ordered(shop)
    ref = ShopOrderRef(order.key, order)
    with pytest.raises(NotSent):
        await shop.front.send_cancellation(ref, "Sem estoque")
    for _ in range(10):
        try:
            await shop.front.send_cancellation(ref, "Sem estoque")
            break
        except NotSent:
            continue
    assert shop.calls().count("orderCancel") == 1
    assert (await shop.front.read_order(order.key)).state == "cancelled"


@pytest.mark.trap("shopify.current-quantity", "shopify.edit-again", "shopify.edit-refund")
async def test_what_is_not_attended_leaves_the_order_and_is_paid_back_once(shop: Any) -> None:
    order = await ordered(shop, items=[{"sku": "S1", "quantity": 3, "price": "100.00"}])
    change = OrderChange(order.key, (Cut(order.items[0].line, Decimal(1), Decimal(100)),), Decimal("100.00"), "Sem estoque")
    for _ in range(2):
        await shop.front.send_order_change(ShopOrderRef(order.key, order), part_of(order, 2), change)
    now = await shop.front.read_order(order.key)
    assert now.items[0].quantity == 2 and now.refunded == Decimal("100.00") and now.total == Decimal("200.00")
    calls = shop.calls()
    assert calls.count("orderEditCommit") == 1 and calls.count("refundCreate") == 1


@pytest.mark.trap("shopify.cancel-job")
async def test_a_cancellation_is_not_asked_for_again_after_a_restart(shop: Any) -> None:
    order = await ordered(shop)
    ref = ShopOrderRef(order.key, order)
    await shop.api.setting("job_polls=5")
    with pytest.raises(NotSent):
        await shop.front.send_cancellation(ref, "Sem estoque")
    async with AsyncExitStack() as stack:
        for _ in range(10):
            fresh = await shop.connect(stack)
            try:
                await fresh.send_cancellation(ref, "Sem estoque")
                break
            except NotSent:
                continue
    ledger = await shop.api.look("ledger")
    assert sum(ledger["by_operation"]["POST graphql orderCancel"].values()) == 1
    assert (await shop.front.read_order(order.key)).state == "cancelled"


async def test_a_cancellation_whose_job_could_not_be_kept_was_asked_for(shop: Any) -> None:
    order = await ordered(shop)
    ref = ShopOrderRef(order.key, order)
    await shop.api.faults({"kind": "500", "operation": "POST graphql metafieldsSet", "times": 99})
    for _ in range(2):
        with pytest.raises(NotSent) as error:
            await shop.front.send_cancellation(ref, "Sem estoque")
        assert error.value.code == "cancel.requested"
    await shop.api.advance(60)
    await shop.front.send_cancellation(ref, "Sem estoque")
    assert shop.calls().count("orderCancel") == 1


@pytest.mark.trap("shopify.note-pins")
@pytest.mark.parametrize(("limit", "shown"), [("pins_most=0", 3), ("definitions_most=0", 0)])
async def test_a_note_goes_also_where_its_definitions_do_not(shop: Any, limit: str, shown: int) -> None:
    """The pins of a shop, or its definitions, may be used up."""
    order = await ordered(shop)
    await shop.api.setting(limit)
    await shop.front.send_invoice(ShopOrderRef(order.key, order), NOTE, part_of(order))
    found = await shop.api.ok("query { metafieldDefinitions(ownerType: ORDER, first: 20) { nodes { pinnedPosition } } }")
    assert [node["pinnedPosition"] for node in found["nodes"]] == [None] * shown
    held = await shop.api.ok(op.ORDER_NOTES.text, id=translate.gid(order.key))
    assert {node["key"]: node["value"] for node in held["metafields"]["nodes"]} == {
        "nfe_key": NOTE.id,
        "nfe_number": NOTE.number,
        "nfe_series": NOTE.series,
    }


async def test_definitions_that_lookups_need_are_not_gone_without(shop: Any) -> None:
    await shop.api.setting("definitions_most=0")
    error = await shop.refused("categories", Item("1", Category("1", "Cafés")))
    assert error.code == "shopify.definition" and "engate.erp_id" in error.text.en and not shop.api.sandbox.shop.all("Collection")


@pytest.mark.trap("shopify.note-unseen")
async def test_a_note_is_shown_in_the_admin(shop: Any) -> None:
    """By definitions of its fields, made once."""
    order = await ordered(shop)
    ref, other = ShopOrderRef(order.key, order), Invoice("3526" + "2" * 40, "13", "1", "55", START, Decimal(1), "1")
    for note in (NOTE, other, NOTE):
        await shop.front.send_invoice(ref, note, part_of(order))
    assert shop.calls().count("metafieldDefinitionCreate") == 2 * 3 + 2
    found = await shop.api.ok(
        "query { metafieldDefinitions(ownerType: ORDER, first: 20) { nodes { key name type { name } pinnedPosition } } }"
    )
    shown = {node["key"]: node["pinnedPosition"] is not None for node in found["nodes"]}
    assert shown == {f"nfe_{name}{suffix}": not suffix for name in ("key", "number", "series") for suffix in ("", "_2")}
