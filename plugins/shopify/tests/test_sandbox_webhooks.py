"""Webhooks: subscriptions, signed deliveries, retries, loss, and the end of a subscription."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from engate_shopify_sandbox import access, webhooks

CREATE = """mutation($t: WebhookSubscriptionTopic!, $w: WebhookSubscriptionInput!) { webhookSubscriptionCreate(topic: $t,
  webhookSubscription: $w) { webhookSubscription { id topic uri apiVersion { handle } } userErrors { field message } } }"""
LIST = "{ webhookSubscriptions(first: 10) { nodes { id topic uri includeFields filter } } }"
NOTE = "mutation($id: ID!, $n: String!) { orderUpdate(input: {id: $id, note: $n}) { userErrors { message } } }"
WAIT = 20


class Receiver:
    """What somebody who subscribed sees. `status`: what he answers."""

    def __init__(self) -> None:
        self.status = 200
        self.got: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.put_nowait((dict(request.headers), await request.read()))
        return web.Response(status=self.status)

    async def next(self) -> tuple[dict[str, str], dict[str, Any]]:
        headers, body = await asyncio.wait_for(self.got.get(), WAIT)
        return headers, json.loads(body)

    async def raw(self) -> tuple[dict[str, str], bytes]:
        return await asyncio.wait_for(self.got.get(), WAIT)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/hook", made.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


async def subscribe(api: Any, receiver: Receiver, topic: str = "ORDERS_CREATE", **fields: Any) -> str:
    made = await api.ok(CREATE, t=topic, w={"uri": receiver.url, "format": "JSON", **fields})
    return made["webhookSubscription"]["id"]


def signed(body: bytes, secret: str = access.CLIENT_SECRET) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


async def test_a_delivery_is_signed_over_its_raw_bytes(api: Any, receiver: Receiver) -> None:
    await api.sellable()
    await subscribe(api, receiver)
    key = await api.sell()
    headers, body = await receiver.raw()
    assert headers["X-Shopify-Hmac-Sha256"] == signed(body)
    assert headers["X-Shopify-Topic"] == "orders/create" and headers["X-Shopify-Shop-Domain"].endswith(".myshopify.com")
    assert headers["X-Shopify-API-Version"] == "2026-10" and headers["X-Shopify-Webhook-Id"] and headers["X-Shopify-Event-Id"]
    assert headers["X-Shopify-Triggered-At"] == "2026-11-27T12:00:00Z"
    order = json.loads(body)
    assert order["admin_graphql_api_id"] == key and isinstance(order["id"], int)
    assert order["line_items"][0]["sku"] == "S1" and order["total_price"] == "100.00" and order["financial_status"] == "paid"
    assert b"52998224725" not in body  # no CPF in a webhook


async def test_a_secret_was_rotated(api: Any, receiver: Receiver) -> None:
    await api.sellable()
    await subscribe(api, receiver)
    await api.setting("secret=new")
    secrets = []
    for number in (1, 2):
        await api.sell(number)
        headers, body = await receiver.raw()
        secrets += [name for name in (access.CLIENT_SECRET, "new") if headers["X-Shopify-Hmac-Sha256"] == signed(body, name)]
    assert sorted(secrets) == sorted([access.CLIENT_SECRET, "new"])
    await api.advance(3600)
    await api.sell(3)
    headers, body = await receiver.raw()
    assert headers["X-Shopify-Hmac-Sha256"] == signed(body, "new")


async def test_one_change_is_one_event_under_several_topics(api: Any, receiver: Receiver) -> None:
    await api.sellable()
    key = await api.sell()
    for topic in ("ORDERS_EDITED", "ORDERS_UPDATED"):
        await subscribe(api, receiver, topic)
    begin = """mutation($id: ID!) { orderEditBegin(id: $id) { calculatedOrder { id lineItems(first: 1) { nodes { id } }
      } userErrors { message } } }"""
    edit = (await api.ok(begin, id=key))["calculatedOrder"]
    text = "mutation($id: ID!, $l: ID!) { orderEditSetQuantity(id: $id, lineItemId: $l, quantity: 2) { userErrors { message } } }"
    await api.ok(text, id=edit["id"], l=edit["lineItems"]["nodes"][0]["id"])
    await api.ok("mutation($id: ID!) { orderEditCommit(id: $id) { userErrors { message } } }", id=edit["id"])
    got = dict([(headers["X-Shopify-Topic"], (headers, body)) for headers, body in (await receiver.next(), await receiver.next())])
    assert set(got) == {"orders/edited", "orders/updated"}
    (edited_headers, edited), (updated_headers, _) = got["orders/edited"], got["orders/updated"]
    assert edited_headers["X-Shopify-Event-Id"] == updated_headers["X-Shopify-Event-Id"]
    assert edited_headers["X-Shopify-Webhook-Id"] != updated_headers["X-Shopify-Webhook-Id"]
    number = int(key.rpartition("/")[2])
    assert edited["order_edit"]["order_id"] == number != edited["order_edit"]["id"]
    assert edited["order_edit"]["line_items"]["additions"][0]["delta"] == 1


@pytest.mark.parametrize(
    ("topic", "shown"),
    [
        ("ORDERS_PAID", "orders/paid"), ("ORDERS_CANCELLED", "orders/cancelled"), ("REFUNDS_CREATE", "refunds/create"),
        ("INVENTORY_LEVELS_UPDATE", "inventory_levels/update"), ("ORDERS_UPDATED", "orders/updated"),
    ],
)  # fmt: skip
async def test_topics(api: Any, receiver: Receiver, topic: str, shown: str) -> None:
    await api.sellable()
    await subscribe(api, receiver, topic)
    key = await api.sell()
    await api.control("cancel", {"keys": [key], "reason": "x"})
    headers, body = await receiver.next()
    assert headers["X-Shopify-Topic"] == shown and body["admin_graphql_api_id"]


async def test_fields_and_filters(api: Any, receiver: Receiver) -> None:
    await api.sellable(stock=100)
    await subscribe(api, receiver, includeFields=["id", "updated_at"], filter="total_price:>150")
    await api.sell(1)
    await api.sell(2, items=[{"sku": "S1", "quantity": 2, "price": "100.00"}])
    _, body = await receiver.next()
    assert set(body) == {"id", "updated_at"} and (await api.look("ledger"))["effects"]["events_emitted"] == 1


async def test_who_bought_is_not_in_it_where_the_plan_protects_it(api: Any, receiver: Receiver) -> None:
    await api.sellable()
    await api.setting("protected_data=off")
    await subscribe(api, receiver)
    await api.sell()
    _, body = await receiver.next()
    assert body["email"] is None and body["shipping_address"] is None


async def test_a_delivery_that_failed_comes_again_with_the_same_bytes(api: Any, receiver: Receiver) -> None:
    await api.sellable()
    await subscribe(api, receiver)
    receiver.status = 500
    key = await api.sell()
    first = await receiver.raw()
    await api.ok(NOTE, id=key, n="later")
    receiver.status = 200
    await api.advance(60)
    again = await receiver.raw()
    assert again[1] == first[1] and again[0]["X-Shopify-Webhook-Id"] == first[0]["X-Shopify-Webhook-Id"]
    assert len((await api.ok(LIST))["nodes"]) == 1


async def test_after_eight_retries_the_subscription_is_gone(api: Any, receiver: Receiver) -> None:
    await api.sellable()
    await subscribe(api, receiver)
    receiver.status = 503
    await api.sell()
    await receiver.raw()
    for pause in webhooks.RETRIES:
        assert len((await api.ok(LIST))["nodes"]) == 1
        await api.advance(pause.total_seconds())
        await receiver.raw()
    async with asyncio.timeout(WAIT):
        while (await api.look("ledger"))["effects"].get("subscriptions_removed") != 1:
            continue
    assert (await api.ok(LIST))["nodes"] == []
    assert sum(pause.total_seconds() for pause in webhooks.RETRIES) == 4 * 3600


async def test_loss_duplicates_and_wrong_order(api: Any, receiver: Receiver) -> None:
    await api.sellable(stock=100)
    await subscribe(api, receiver)
    await api.faults({"kind": "drop_event"})
    await api.sell(1)
    await api.faults({"kind": "duplicate_event"})
    await api.sell(2)
    ids = {(await receiver.next())[0]["X-Shopify-Webhook-Id"] for _ in range(2)}
    assert len(ids) == 1  # the same delivery, twice
    await api.faults({"kind": "reorder_event", "rate": 1.0})
    first = await api.sell(3)
    await api.faults()
    second = await api.sell(4)
    assert [(await receiver.next())[1]["admin_graphql_api_id"] for _ in range(2)] == [second, first]
    effects = (await api.look("ledger"))["effects"]
    assert (effects["events_dropped"], effects["events_duplicated"], effects["events_reordered"], effects["events_emitted"]) == (1, 1, 1, 3)


async def test_corrupt_loses_what_is_on_its_way(api: Any, receiver: Receiver) -> None:
    await api.sellable()
    await subscribe(api, receiver)
    receiver.status = 500
    key = await api.sell()
    await receiver.raw()
    async with asyncio.timeout(WAIT):
        while (await api.look("ledger"))["effects"].get("webhooks_failed") != 1:
            continue
    assert (await api.control("corrupt", {"kind": "order", "key": key})) == {"events_lost": 1}


async def test_subscriptions_are_listed_changed_and_deleted(api: Any, receiver: Receiver) -> None:
    made = await subscribe(api, receiver)
    assert "already been taken" in (await api.faulty(CREATE, t="ORDERS_CREATE", w={"uri": receiver.url}))[0]["message"]
    assert "not supported" in (await api.faulty(CREATE, t="ORDERS_PAID", w={"uri": "http://example.com/x"}))[0]["message"]
    update = """mutation($id: ID!, $w: WebhookSubscriptionInput!) { webhookSubscriptionUpdate(id: $id, webhookSubscription: $w) {
      webhookSubscription { includeFields } userErrors { message } } }"""
    assert (await api.ok(update, id=made, w={"includeFields": ["id"]}))["webhookSubscription"] == {"includeFields": ["id"]}
    delete = "mutation($id: ID!) { webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId userErrors { message } } }"
    assert (await api.ok(delete, id=made))["deletedWebhookSubscriptionId"] == made
    assert (await api.ok(LIST))["nodes"] == [] and await api.faulty(delete, id=made)
