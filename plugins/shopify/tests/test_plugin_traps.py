"""Traps of the platform that no other test of the plugin walks into."""

from __future__ import annotations

from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any

import pytest
from plugins.shopify.tests.test_plugin_orders import ordered, part_of
from plugins.shopify.tests.test_plugin_webhooks import told
from tests.support.desk import Door

from engate import Rejected, Unknown
from engate.model import Cut, Item, OrderChange, Price, Query, Shipment, ShopOrderRef, Sku, Tracking
from engate_shopify import operations as op


@pytest.mark.trap("shopify.too-dear")
async def test_a_query_that_costs_too_much_is_not_sent_again(shop: Any) -> None:
    product = await shop.product()
    shop.calls()
    with pytest.raises(Rejected) as error:
        await shop.front._shop.graphql(op.PRODUCT_VARIANTS, id=product, first=250, after=None)
    assert error.value.code == "shopify.cost" and shop.calls() == ["product"]


@pytest.mark.trap("shopify.internal-error")
async def test_an_internal_error_inside_a_200_is_a_doubt(shop: Any) -> None:
    """What was asked may have been done: a no would make it a person's, and nobody would look."""
    await shop.api.setting("internal_applied=1")
    with pytest.raises(Unknown):
        await shop.front._shop.do(op.PRODUCT_CREATE, "product", product={"title": "Café"})
    assert [product.title for product in shop.api.sandbox.shop.all("Product")] == ["Café"]


@pytest.mark.trap("shopify.other-user-errors")
async def test_a_cancellation_that_is_refused_is_said(shop: Any) -> None:
    """Its refusals stand under another name than those of every other call."""
    order = await ordered(shop)
    await shop.front.send_tracking(ShopOrderRef(order.key, order), part_of(order), Shipment("1", Tracking("BR1", "", "Correios")), None)
    with pytest.raises(Rejected) as error:
        await shop.front.send_cancellation(ShopOrderRef(order.key, order), "Sem estoque")
    assert error.value.code == "shopify.cancellation"


@pytest.mark.trap("shopify.not-published")
async def test_what_is_made_is_published_and_can_be_bought(shop: Any) -> None:
    await shop.sellable()
    assert shop.state("S1").visible


@pytest.mark.trap("shopify.struck-price")
async def test_a_struck_price_of_the_shops_own_stays(shop: Any) -> None:
    sku = await shop.sellable(price="10.00")
    found = await shop.api.ok("query($id: ID!) { productVariant(id: $id) { product { id } } }", id=sku)
    await shop.api.ok(
        "mutation($p: ID!, $v: [ProductVariantsBulkInput!]!) { productVariantsBulkUpdate(productId: $p, variants: $v) {"
        " userErrors { message } } }", p=found["product"]["id"], v=[{"id": sku, "compareAtPrice": "15.00"}],
    )  # fmt: skip
    have, want = Price("S1", "S1", Decimal(10)), Price("S1", "S1", Decimal(11))
    await shop.accepted("prices", Item("S1", want, have=have, refs={"sku": sku}))
    held = await shop.api.ok("query($id: ID!) { productVariant(id: $id) { price compareAtPrice } }", id=sku)
    assert held == {"price": "11.00", "compareAtPrice": "15.00"}


@pytest.mark.trap("shopify.moving-list")
async def test_an_order_that_moves_while_the_list_is_read_hides_no_other(shop: Any) -> None:
    await shop.sellable(stock=1000)
    keys = list((await shop.api.control("sell", [shop.api.sale(n) for n in range(1, 121)])).values())
    await shop.api.advance(60)
    await shop.api.control("stage", [{"operation": "POST graphql orders", "verb": "cancel", "body": {"keys": keys[:3], "reason": "x"}}])
    events = [event async for page in shop.front.read_orders(Query()) for event in page.items]
    assert {event.order for event in events} == set(keys)


@pytest.mark.trap("shopify.edit-id", "shopify.refund-id")
async def test_an_edit_and_a_refund_are_told_of_their_order(shop: Any) -> None:
    """Both carry an id of their own."""
    door = Door(lambda: shop.front)
    async with AsyncExitStack() as stack:
        url = await door.opened(stack)
        order = await ordered(shop, items=[{"sku": "S1", "quantity": 3, "price": "100.00"}])
        await shop.front.install_webhooks(url)
        change = OrderChange(order.key, (Cut(order.items[0].line, Decimal(1), Decimal(100)),), Decimal("100.00"), "Sem estoque")
        await shop.front.send_order_change(ShopOrderRef(order.key, order), part_of(order, 2), change)
        for topic in ("orders/edited", "refunds/create"):
            await told(door, topic)
    assert {event.order for event in door.desk.events.values()} == {order.key} and not door.desk.refused


@pytest.mark.trap("shopify.subscription-gone")
async def test_a_subscription_that_shopify_took_away_is_made_again(shop: Any) -> None:
    await shop.front.install_webhooks("https://engate.example/a")
    held = await shop.api.ok("query { webhookSubscriptions(first: 20) { nodes { id topic } } }")
    await shop.api.ok("mutation($id: ID!) { webhookSubscriptionDelete(id: $id) { userErrors { message } } }", id=held["nodes"][0]["id"])
    shop.calls()
    await shop.front.install_webhooks("https://engate.example/a")
    assert shop.calls() == ["webhookSubscriptions", "webhookSubscriptionCreate"]


@pytest.mark.trap("shopify.sku-elsewhere")
async def test_a_variant_that_people_moved_to_another_product_is_not_made_twice(shop: Any) -> None:
    sku = await shop.sellable("S1")
    other = await shop.product("P-other")
    want = Sku("S1", "P-other", "S1 UN")
    assert (await shop.refused("skus", Item("S1", want, remote=sku, refs={"product": other}))).code == "sku.elsewhere"
