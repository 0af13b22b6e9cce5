"""The feed, the order as it is read, and what the ERP tells it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from engate import NotSent, Rejected
from engate.model import Invoice, Order, OrderPart, PartItem, Query, Shipment, ShopOrderRef, Tracking
from engate_vtex.orders import Orders

CONFIG = "/api/orders/feed/config"
FEED = "/api/orders/feed"
ORDER = "/api/oms/pvt/orders/{order}"
KEY = "35261112345678000190550010000001231000001239"
OTHER_KEY = "35261112345678000271550010000001231000001230"


async def opened(shop: Any) -> None:
    """The feed exists from here on: VTEX replays nothing from before."""
    async for _ in shop.front.read_order_events(Query()):
        raise AssertionError("nothing has happened yet")


async def events(shop: Any) -> list[Any]:
    return [event async for page in shop.front.read_order_events(Query()) for event in page.items]


async def raw(shop: Any, key: str) -> dict[str, Any]:
    return await shop.call("GET", f"/api/oms/pvt/orders/{key}")


async def ref(shop: Any, key: str) -> ShopOrderRef:
    return ShopOrderRef(key, await shop.front.read_order(key))


def invoice(value: Decimal, key: str = KEY, **changes: Any) -> Invoice:
    base: dict[str, Any] = {
        "key": key,
        "number": "123",
        "series": "1",
        "model": "55",
        "issued_at": datetime(2026, 11, 21, 18, 0, tzinfo=UTC),
        "value": value,
        "issuer": key[6:20],
        "xml": f'<?xml version="1.0"?><NFe><infNFe Id="NFe{key}"/></NFe>',
    }
    return Invoice(**{**base, **changes})


def part(order: Order, *, lines: slice = slice(None), freight: Decimal | None = None, **changes: Any) -> OrderPart:
    """The part of the order that some of its lines make."""
    items = order.items[lines]
    freight = order.freight if freight is None else freight
    total = sum((item.price * item.quantity for item in items), Decimal(0)) + freight + order.interest - order.discount
    base: dict[str, Any] = {
        "reference": order.key,
        "order": order,
        "branch": "1",
        "items": tuple(PartItem(item.line, item.reference, item.quantity, item.price) for item in items),
        "freight": freight,
        "discount": order.discount,
        "interest": order.interest,
        "total": total,
    }
    return OrderPart(**{**base, **changes})


async def handled(shop: Any, *items: tuple[str, int, str], **sale: Any) -> ShopOrderRef:
    """An order in handling."""
    key = await shop.sell(*items, **sale)
    await shop.front.send_handling(await ref(shop, key))
    return await ref(shop, key)


# ---- the feed ----


@pytest.mark.trap("vtex.capital-letter", "vtex.filter-by-orders")
async def test_the_feed_is_configured_by_workflow_with_our_states(shop: Any) -> None:
    await opened(shop)
    config = await shop.call("GET", CONFIG)
    assert config["filter"]["type"] == "FromWorkflow"
    assert {"ready-for-handling", "canceled", "invoiced", "window-to-cancel"} <= set(config["filter"]["status"])
    assert config["queue"]["visibilityTimeoutInSeconds"] == 240
    assert config["queue"]["messageRetentionPeriodInSeconds"] == 1_209_600


async def test_a_feed_as_it_should_be_is_left_alone(shop: Any) -> None:
    await opened(shop)
    shop.front = await shop.connect()
    shop.calls()
    await opened(shop)
    assert shop.calls() == [f"GET {CONFIG} 200", f"GET {FEED} 200"]


@pytest.mark.trap("vtex.feed-of-somebody-else")
async def test_a_feed_that_tells_too_little_or_keeps_it_otherwise_is_configured_again(shop: Any) -> None:
    queue = {"visibilityTimeoutInSeconds": 240, "MessageRetentionPeriodInSeconds": 1_209_600}
    await shop.call("POST", CONFIG, {"filter": {"type": "FromWorkflow", "status": ["invoiced"]}, "queue": queue})
    await opened(shop)
    assert "ready-for-handling" in (await shop.call("GET", CONFIG))["filter"]["status"]
    shop.front = await shop.connect(feed_visibility=600)
    await opened(shop)
    assert (await shop.call("GET", CONFIG))["queue"]["visibilityTimeoutInSeconds"] == 600


@pytest.mark.trap("vtex.feed-gone")
async def test_a_feed_that_has_gone_is_made_again(shop: Any) -> None:
    await opened(shop)
    await shop.call("DELETE", CONFIG)
    assert await events(shop) == []
    await shop.sellable()
    key = await shop.sell(("1001-1", 1, "100.00"))
    assert {event.order for event in await events(shop)} == {key}


@pytest.mark.trap("vtex.state-misspelt", "vtex.lot-too-large")
async def test_events_come_in_lots_and_end_with_the_feed(shop: Any) -> None:
    await opened(shop)
    await shop.sellable(stock=50)
    keys = {await shop.sell(("1001-1", 1, "100.00"), number=number) for number in range(1, 8)}
    pages = [page async for page in shop.front.read_order_events(Query())]
    assert len(pages) > 1 and all(0 < len(page.items) <= 10 for page in pages)
    found = [event for page in pages for event in page.items]
    assert {event.order for event in found} == keys
    assert len({event.key for event in found}) == len(found)
    assert {event.state for event in found} >= {"awaiting_payment", "ready"}
    assert {event.raw_state for event in found} >= {"payment-pending", "ready-for-handling"}
    assert await events(shop) == []


@pytest.mark.trap("vtex.committed-too-early")
async def test_a_page_is_acknowledged_only_when_the_next_one_is_asked_for(shop: Any) -> None:
    await opened(shop)
    await shop.sellable()
    await shop.sell(("1001-1", 1, "100.00"))
    shop.calls()
    reading = shop.front.read_order_events(Query())
    first = await anext(reading)
    assert f"POST {FEED} 200" not in shop.calls()
    await reading.aclose()  # whoever asked died before the page was durable
    assert f"POST {FEED} 200" not in shop.calls()
    await shop.control("advance", {"seconds": 241})
    again = await events(shop)
    assert {event.key for event in again} == {event.key for event in first.items}
    assert f"POST {FEED} 200" in shop.calls()
    await shop.control("advance", {"seconds": 241})
    assert await events(shop) == []


@pytest.mark.trap("vtex.uncommitted-come-back")
async def test_duplicates_are_all_acknowledged(shop: Any) -> None:
    await opened(shop)
    await shop.sellable()
    await shop.faults({"kind": "duplicate_event", "times": 99})
    await shop.sell(("1001-1", 1, "100.00"))
    found = await events(shop)
    assert len({(event.order, event.raw_state, event.at) for event in found}) < len(found)
    await shop.control("advance", {"seconds": 300})
    assert await events(shop) == []


async def test_a_feed_that_vtex_does_not_keep_gets_a_plain_word(shop: Any) -> None:
    await opened(shop)

    class Forgetful(Orders):
        async def _configure_feed(self) -> None:
            """VTEX says yes and keeps nothing."""

    orders = Forgetful(shop.front._vtex)
    orders._configured = True
    await shop.call("DELETE", CONFIG)
    with pytest.raises(NotSent) as raised:
        await anext(orders.events())
    assert raised.value.code == "feed.missing"


# ---- the order ----


@pytest.mark.trap("vtex.order-in-cents")
async def test_an_order_is_read_whole_and_in_reais(shop: Any) -> None:
    sku = await shop.sellable()
    sale = {
        "items": [{"sku": "1001-1", "quantity": 2, "price": "33.35", "freight": "10.01"}],
        "payments": [{"tag": "credit_card", "value": "76.71", "installments": 3}],
    }
    key = await shop.sell(("1001-1", 2, "33.35"), **sale)
    order = await shop.front.read_order(key)
    assert (order.key, order.state, order.raw_state) == (key, "ready", "ready-for-handling")
    assert (order.items_total, order.freight, order.discount, order.interest, order.total) == (
        Decimal("66.70"),
        Decimal("10.01"),
        Decimal(0),
        Decimal(0),
        Decimal("76.71"),
    )
    (item,) = order.items
    assert (item.sku, item.reference, item.quantity, item.price, item.freight) == (sku, "1001-1", 2, Decimal("33.35"), Decimal("10.01"))
    assert item.warehouse == "1_main"
    (payment,) = order.payments
    assert (payment.form, payment.name, payment.value, payment.installments) == ("2", "Visa", Decimal("76.71"), 3)
    assert payment.tid and payment.nsu and payment.authorisation
    assert order.shipping in {choice.key async for page in shop.front.read_choices("shippings") for choice in page.items}
    assert (order.buyer.name, order.buyer.document, order.buyer.company) == ("Maria da Silva", "84513427019", False)
    assert (order.delivery.zip_code, order.delivery.state, order.delivery.receiver) == ("01304000", "SP", "Maria da Silva")
    assert order.placed_at.tzinfo is not None and order.paid_at is not None


@pytest.mark.trap("vtex.sku-twice")
async def test_one_sku_twice_is_two_lines(shop: Any) -> None:
    await shop.sellable()
    order = await shop.front.read_order(await shop.sell(("1001-1", 1, "100.00"), ("1001-1", 2, "90.00")))
    assert len({item.line for item in order.items}) == 2
    assert {(item.sku, item.quantity, item.price) for item in order.items} == {("1", 1, Decimal("100.00")), ("1", 2, Decimal("90.00"))}


async def test_a_discount_that_does_not_divide_adds_up_to_the_cent(shop: Any) -> None:
    await shop.sellable()
    order = await shop.front.read_order(await shop.sell(("1001-1", 3, "33.35"), discount="10.00"))
    lines = sum((item.price * item.quantity for item in order.items), Decimal(0))
    assert order.total == Decimal("90.05")
    assert lines == order.items_total
    assert order.items_total + order.freight + order.interest - order.discount == order.total
    assert order.discount >= 0 and order.interest >= 0


async def test_a_company_with_letters_in_its_cnpj(shop: Any) -> None:
    await shop.sellable()
    buyer = {
        "name": "Comércio de Cafés Ltda",
        "document": "12ABC34501DE35",
        "email": "c@example.com",
        "phone": "1133334444",
        "street": "Rua A",
        "number": "S/N",
        "district": "Centro",
        "city": "Campinas",
        "state": "SP",
        "zip_code": "13010000",
    }
    order = await shop.front.read_order(await shop.sell(("1001-1", 1, "100.00"), buyer=buyer))
    assert order.buyer.document == "12ABC34501DE35"
    assert order.buyer.company and order.buyer.company_name == "Comércio de Cafés Ltda"


async def test_an_order_that_does_not_exist_is_said_so(shop: Any) -> None:
    with pytest.raises(Rejected) as raised:
        await shop.front.read_order("9999999999999-01")
    assert raised.value.code == "order.missing"


# ---- handling ----


@pytest.mark.trap("vtex.handling-already")
async def test_handling_starts_once_and_again_is_fine(shop: Any) -> None:
    await shop.sellable()
    order = await ref(shop, await shop.sell(("1001-1", 1, "100.00")))
    shop.calls()
    await shop.front.send_handling(order)
    assert shop.calls() == [f"POST {ORDER}/start-handling 204"]
    await shop.front.send_handling(order)
    assert shop.calls() == [f"POST {ORDER}/start-handling 409", f"GET {ORDER} 200"]
    assert (await raw(shop, order.key))["status"] == "handling"


async def test_handling_whose_answer_was_lost_is_done(shop: Any) -> None:
    await shop.sellable()
    order = await ref(shop, await shop.sell(("1001-1", 1, "100.00")))
    await shop.faults({"kind": "reset_applied", "operation": "POST /api/oms", "times": 1})
    await shop.front.send_handling(order)
    assert (await raw(shop, order.key))["status"] == "handling"


async def test_handling_of_an_order_that_is_not_paid_yet_waits(shop: Any) -> None:
    await shop.sellable()
    order = await ref(shop, await shop.sell(("1001-1", 1, "100.00"), paid=False))
    assert order.order.state == "awaiting_payment"
    with pytest.raises(NotSent) as raised:
        await shop.front.send_handling(order)
    assert raised.value.code == "order.not_ready"


@pytest.mark.trap("vtex.only-204")
async def test_handling_of_a_cancelled_order_is_refused(shop: Any) -> None:
    await shop.sellable()
    order = await ref(shop, await shop.sell(("1001-1", 1, "100.00")))
    await shop.control("cancel", {"keys": [order.key]})
    with pytest.raises(Rejected) as raised:
        await shop.front.send_handling(order)
    assert raised.value.code == "order.cancelled"


# ---- invoices ----


@pytest.mark.trap("vtex.invoice-value-text", "vtex.invoice-unit-price", "vtex.invoice-without-items")
async def test_an_invoice_closes_the_order(shop: Any) -> None:
    sku = await shop.sellable()
    order = await handled(shop, ("1001-1", 2, "33.35"), discount="0.70")
    await shop.front.send_invoice(order, invoice(order.order.total, key=KEY), part(order.order))
    now = await raw(shop, order.key)
    assert now["status"] == "invoiced"
    (package,) = now["packageAttachment"]["packages"]
    assert (package["invoiceNumber"], package["invoiceValue"], package["invoiceKey"]) == ("123", 6600, KEY)
    assert package["embeddedInvoice"].startswith("<?xml")
    assert [(item["itemIndex"], item["quantity"], item["price"]) for item in package["items"]] == [(0, 2, 3300)]
    assert sku == now["items"][0]["id"]


async def test_the_same_note_again_changes_nothing(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 1, "100.00"))
    note = invoice(Decimal("100.00"))
    await shop.front.send_invoice(order, note, part(order.order))
    before = await raw(shop, order.key)
    shop.calls()
    await shop.front.send_invoice(order, note, part(order.order))
    assert shop.calls() == [f"GET {ORDER} 200"]
    assert await raw(shop, order.key) == before


async def test_a_note_whose_answer_was_lost_is_there_once(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 1, "100.00"))
    await shop.faults({"kind": "500_applied", "operation": "POST /api/oms", "times": 1})
    await shop.front.send_invoice(order, invoice(Decimal("100.00")), part(order.order))
    assert len((await raw(shop, order.key))["packageAttachment"]["packages"]) == 1


@pytest.mark.trap("vtex.invoice-number", "vtex.key-with-prefix")
async def test_a_note_with_a_prefix_and_a_slashed_number_goes_plain(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 1, "100.00"))
    note = invoice(Decimal("100.00"), key=f"NFe{KEY}", number="000.123/1", issuer="12345678000190")
    await shop.front.send_invoice(order, note, part(order.order))
    (package,) = (await raw(shop, order.key))["packageAttachment"]["packages"]
    assert (package["invoiceNumber"], package["invoiceKey"]) == ("0001231", KEY)


@pytest.mark.trap("vtex.number-only-renews")
async def test_two_branches_with_one_note_number_both_reach_the_order(shop: Any) -> None:
    await shop.sellable("1001-1")
    await shop.sellable("1002-1")
    order = await handled(shop, ("1001-1", 1, "100.00"), ("1002-1", 2, "33.35"))
    first, second = part(order.order, lines=slice(0, 1)), part(order.order, lines=slice(1, 2))
    await shop.front.send_invoice(order, invoice(first.total, key=KEY), first)
    assert (await raw(shop, order.key))["status"] == "handling"
    await shop.front.send_invoice(order, invoice(second.total, key=OTHER_KEY), second)
    now = await raw(shop, order.key)
    assert now["status"] == "invoiced"
    assert [package["invoiceKey"] for package in now["packageAttachment"]["packages"]] == [KEY, OTHER_KEY]
    assert len({package["invoiceNumber"] for package in now["packageAttachment"]["packages"]}) == 2


@pytest.mark.trap("vtex.note-above-the-order")
async def test_a_note_with_taxes_on_top_closes_the_order_at_its_value(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 1, "100.00"))
    await shop.front.send_invoice(order, invoice(Decimal("112.34")), part(order.order))
    now = await raw(shop, order.key)
    assert (now["status"], now["packageAttachment"]["packages"][0]["invoiceValue"]) == ("invoiced", 10000)


async def test_a_note_of_less_leaves_the_order_partly_invoiced(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 2, "50.00"))
    await shop.front.send_invoice(order, invoice(Decimal("50.00")), part(order.order))
    now = await raw(shop, order.key)
    assert (now["status"], now["packageAttachment"]["packages"][0]["invoiceValue"]) == ("handling", 5000)


async def test_a_note_more_than_the_order_takes_is_for_a_person(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 1, "100.00"))
    await shop.front.send_invoice(order, invoice(Decimal("100.00")), part(order.order))
    with pytest.raises(Rejected) as raised:
        await shop.front.send_invoice(order, invoice(Decimal("100.00"), key=OTHER_KEY), part(order.order))
    assert raised.value.code == "invoice.closed" and raised.value.hint.pt


@pytest.mark.trap("vtex.note-without-a-key")
async def test_notes_without_a_key_are_told_apart(shop: Any) -> None:
    """An ERP of plain notes: no key of one is no key of the other; each goes once."""
    await shop.sellable("1001-1")
    await shop.sellable("1002-1")
    order = await handled(shop, ("1001-1", 1, "100.00"), ("1002-1", 2, "33.35"))
    for _ in range(2):
        for minute, lines in enumerate((slice(0, 1), slice(1, 2))):
            own = part(order.order, lines=lines)
            plain = {"key": "", "issuer": "", "xml": "", "issued_at": datetime(2026, 11, 21, 18, minute, tzinfo=UTC)}
            await shop.front.send_invoice(order, invoice(own.total, **plain), own)
    now = await raw(shop, order.key)
    assert now["status"] == "invoiced"
    assert [package["invoiceValue"] for package in now["packageAttachment"]["packages"]] == [10000, 6670]


# ---- tracking and delivery ----


@pytest.mark.trap("vtex.delivery-date")
async def test_tracking_and_delivery_reach_the_note(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 1, "100.00"))
    note = invoice(Decimal("100.00"))
    await shop.front.send_invoice(order, note, part(order.order))
    tracking = Tracking("BR123", "https://rastro.example/BR123", "Correios", datetime(2026, 11, 22, 9, 0, tzinfo=UTC))
    await shop.front.send_tracking(order, part(order.order), Shipment("1", tracking), note)
    await shop.front.send_delivery(order, part(order.order), "2026-11-24T15:30:00-03:00", note)
    (package,) = (await raw(shop, order.key))["packageAttachment"]["packages"]
    assert (package["trackingNumber"], package["trackingUrl"], package["courier"]) == ("BR123", "https://rastro.example/BR123", "Correios")
    assert package["courierStatus"]["finished"] is True
    assert package["courierStatus"]["deliveredDate"].replace("T", " ").startswith("2026-11-24 15:30")


@pytest.mark.trap("vtex.tracking-fields")
async def test_tracking_by_the_shops_own_fleet_has_no_code(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 1, "100.00"))
    note = invoice(Decimal("100.00"))
    await shop.front.send_invoice(order, note, part(order.order))
    await shop.front.send_tracking(order, part(order.order), Shipment("1", Tracking(carrier="Frota própria")), note)
    (package,) = (await raw(shop, order.key))["packageAttachment"]["packages"]
    assert (package["trackingNumber"], package["courier"]) == ("", "Frota própria")


async def test_tracking_finds_the_note_that_got_another_number(shop: Any) -> None:
    await shop.sellable("1001-1")
    await shop.sellable("1002-1")
    order = await handled(shop, ("1001-1", 1, "100.00"), ("1002-1", 2, "33.35"))
    first, second = part(order.order, lines=slice(0, 1)), part(order.order, lines=slice(1, 2))
    notes = [invoice(first.total, key=KEY), invoice(second.total, key=OTHER_KEY)]
    await shop.front.send_invoice(order, notes[0], first)
    await shop.front.send_invoice(order, notes[1], second)
    await shop.front.send_tracking(order, second, Shipment("1", Tracking("BR2")), notes[1])
    packages = (await raw(shop, order.key))["packageAttachment"]["packages"]
    assert {package["invoiceKey"]: package["trackingNumber"] or "" for package in packages} == {KEY: "", OTHER_KEY: "BR2"}


@pytest.mark.parametrize("given", [None, invoice(Decimal("100.00"))], ids=["no note yet", "one that is not in the shop"])
async def test_tracking_before_the_note_waits(shop: Any, given: Invoice | None) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 1, "100.00"))
    with pytest.raises(NotSent) as raised:
        await shop.front.send_tracking(order, part(order.order), Shipment("1", Tracking("BR1")), given)
    assert raised.value.code == "invoice.missing"


# ---- cancellation ----


@pytest.mark.trap("vtex.cancel-twice")
async def test_a_cancellation_ends_at_cancelled_though_it_takes_two_calls(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 1, "100.00"))
    requested = 0
    for _ in range(4):
        try:
            await shop.front.send_cancellation(order, "Falta no estoque")
            break
        except NotSent as error:
            assert error.code == "cancel.requested"
            requested += 1
    assert requested == 1
    assert (await raw(shop, order.key))["status"] == "canceled"
    shop.calls()
    await shop.front.send_cancellation(order, "Falta no estoque")
    assert shop.calls() == [f"GET {ORDER} 200"]


async def test_a_cancellation_whose_answer_was_lost_is_read_again(shop: Any) -> None:
    await shop.sellable()
    order = await ref(shop, await shop.sell(("1001-1", 1, "100.00")))
    await shop.faults({"kind": "reset_applied", "operation": "POST /api/oms", "times": 1})
    await shop.front.send_cancellation(order, "Falta no estoque")
    assert (await raw(shop, order.key))["status"] == "canceled"


async def test_an_invoiced_order_is_not_cancelled(shop: Any) -> None:
    await shop.sellable()
    order = await handled(shop, ("1001-1", 1, "100.00"))
    await shop.front.send_invoice(order, invoice(Decimal("100.00")), part(order.order))
    with pytest.raises(Rejected) as raised:
        await shop.front.send_cancellation(order, "Falta no estoque")
    assert raised.value.code == "order.not_cancellable" and raised.value.hint.pt
