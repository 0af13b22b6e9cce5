"""Webhooks (FACTS section 10): subscriptions made by the API, signed deliveries, retries, and their end after eight failures.

Deliveries go out at the same time, so their order is nobody's promise. Faults of events are keyed by the number of the sale.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from engate.testing.outgoing import Outgoing, Pump
from engate.testing.sandbox import Faults, LedgerCounts
from engate_shopify_sandbox import payloads
from engate_shopify_sandbox.access import Access, released
from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.errors import Invalid, user_error
from engate_shopify_sandbox.graph import show_instant
from engate_shopify_sandbox.ids import number_of
from engate_shopify_sandbox.paging import page
from engate_shopify_sandbox.registry import Answers, field, mutation, query
from engate_shopify_sandbox.search import matcher
from engate_shopify_sandbox.shop import DOMAIN, Shop

RETRIES = tuple(timedelta(seconds=seconds) for seconds in (60, 120, 300, 600, 1200, 2400, 4200, 5520))
"""Eight of them over four hours; when the last one has failed too, the subscription is gone."""
OVERLAP = timedelta(hours=1)
"""After a rotation of the secret, deliveries may still be signed with the old one."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
ORDERS = ("ORDERS_", "REFUNDS_", "FULFILLMENTS_")


def topic_of(name: str) -> str:
    """ORDERS_CREATE -> orders/create, INVENTORY_LEVELS_UPDATE -> inventory_levels/update."""
    head, _, tail = name.lower().rpartition("_")
    return "orders/partially_fulfilled" if name == "ORDERS_PARTIALLY_FULFILLED" else f"{head}/{tail}"


class Subscription:
    typename = "WebhookSubscription"

    def __init__(self, key: str, topic: str, given: dict[str, Any], now: datetime) -> None:
        self.id, self.topic, self.uri = key, topic, given["uri"]
        self.created_at = self.updated_at = now
        self.format = given.get("format") or "JSON"
        self.last_success: datetime | None = None
        self.write(given)

    def write(self, given: dict[str, Any]) -> None:
        self.uri = given.get("uri") or self.uri
        self.filter: str | None = given.get("filter")
        self.include_fields: list[str] = given.get("includeFields") or []
        self.metafield_namespaces: list[str] = given.get("metafieldNamespaces") or []
        self.name: str | None = given.get("name")

    @property
    def legacy_resource_id(self) -> int:
        return number_of(self.id)


class Delivery:
    """One event for one subscription. Every attempt sends the same bytes under the same id."""

    def __init__(self, subscription: Subscription, body: bytes, headers: dict[str, str], now: datetime) -> None:
        self.subscription, self.body, self.headers = subscription, body, headers
        self.first = self.due = now
        self.attempts = 0
        self.tried = asyncio.Event()
        self.after: Delivery | None = None  # reordered: it waits until that one was tried


class Webhooks:
    def __init__(self, shop: Shop, access: Access, faults: Faults, counts: Callable[[], LedgerCounts]) -> None:
        self.shop, self.access, self.faults, self.counts = shop, access, faults, counts
        self.subscriptions: dict[str, Subscription] = {}
        self.pump: Pump[Delivery] = Pump(shop.now, self._send)
        self.held: list[Delivery] = []  # reordered: they go after the next one
        self.event_id = ""
        self._rotated = 0

    # ---- what happened ----

    def begin(self) -> None:
        """What one call causes is one event, whatever its topics."""
        self.event_id = self._uuid()

    def tell(self, topic: str, thing: Any) -> None:
        wanted = [one for one in self.subscriptions.values() if one.topic == topic]
        if not wanted:
            return
        body = payloads.of(topic, thing, protected=self.shop.settings.protected_data)
        number = payloads.sale_of(topic, thing)
        for one in wanted:
            if self._passes(one, body):
                self._emit(one, body, str(number) if number is not None else topic)

    def _passes(self, subscription: Subscription, body: dict[str, Any]) -> bool:
        fields: Answers = {name: (lambda source, name=name: source[name]) for name in body}
        return matcher(subscription.filter, fields, lambda source: "")(body)

    def _emit(self, subscription: Subscription, body: dict[str, Any], key: str) -> None:
        effects = self.counts().effects
        if self.faults.event("drop_event", key):
            effects["events_dropped"] += 1
            return
        effects["events_emitted"] += 1
        shown = {name: body[name] for name in subscription.include_fields if name in body} if subscription.include_fields else body
        made = self._delivery(subscription, msgspec.json.encode(shown))
        if self.faults.event("reorder_event", key):
            effects["events_reordered"] += 1
            self.held.append(made)
            return
        for late in self.held:
            late.after = made
        self.pump.put(made, *self.held)
        self.held.clear()
        if self.faults.event("duplicate_event", key):
            effects["events_duplicated"] += 1
            self.pump.put(Delivery(subscription, made.body, made.headers, made.due))

    def _delivery(self, subscription: Subscription, body: bytes) -> Delivery:
        now = self.shop.now()
        headers = {
            "Content-Type": "application/json", "X-Shopify-Topic": topic_of(subscription.topic),
            "X-Shopify-Shop-Domain": DOMAIN, "X-Shopify-API-Version": released(now)[-1], "X-Shopify-Triggered-At": show_instant(now),
            "X-Shopify-Webhook-Id": self._uuid(), "X-Shopify-Event-Id": self.event_id or self._uuid(),
            "X-Shopify-Hmac-Sha256": self._sign(body, now),
        }  # fmt: skip
        return Delivery(subscription, body, headers, now)

    def _sign(self, body: bytes, now: datetime) -> str:
        secret = self.access.client_secret
        if self.access.old_secret and now < self.access.rotated_at + OVERLAP:
            self._rotated += 1
            secret = self.access.old_secret if self._rotated % 2 else secret
        return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()

    def _uuid(self) -> str:
        text = f"{self.shop.random.getrandbits(128):032x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    # ---- sending ----

    def wake(self) -> None:
        """The clock moved: what waited for another event goes now, and so do retries."""
        self.pump.put(*self.held)
        self.held.clear()

    async def _send(self, outgoing: Outgoing, delivery: Delivery) -> None:
        subscription, effects = delivery.subscription, self.counts().effects
        if subscription.id not in self.subscriptions:
            return
        if delivery.after is not None:
            await delivery.after.tried.wait()
        status = await outgoing.post(subscription.uri, delivery.body, delivery.headers)
        delivery.attempts += 1
        delivery.tried.set()
        if status is not None and 200 <= status < 300:  # noqa: PLR2004
            effects["webhooks_delivered"] += 1
            subscription.last_success = self.shop.now()
            return
        effects["webhooks_failed"] += 1
        if delivery.attempts <= len(RETRIES):
            delivery.due = self.shop.now() + RETRIES[delivery.attempts - 1]
            self.pump.put(delivery)
            return
        if subscription.last_success is None or subscription.last_success < delivery.first:
            self.remove(subscription)
            effects["subscriptions_removed"] += 1

    def remove(self, subscription: Subscription) -> None:
        self.subscriptions.pop(subscription.id, None)
        self.shop.remove(subscription)
        self.pump.waiting = [one for one in self.pump.waiting if one.subscription is not subscription]

    def lose(self, sale: int) -> int:
        """Drops what is on its way of an order. Answers how many deliveries."""
        order = next((one for one in self.shop.all("Order") if one.sale == sale), None)
        mark = str(number_of(order.id)).encode() if order is not None else b"?"
        before = len(self.pump.waiting) + len(self.held)
        self.pump.waiting = [one for one in self.pump.waiting if mark not in one.body]
        self.held = [one for one in self.held if mark not in one.body]
        return before - len(self.pump.waiting) - len(self.held)


# ---- the API ----


@field("WebhookSubscription.apiVersion")
def api_version(context: Context, source: Subscription, args: dict[str, Any]) -> dict[str, Any]:
    del source, args
    handle = released(context.shop.now())[-1]
    return {"handle": handle, "displayName": handle, "supported": True}


@query("webhookSubscription")
def subscription(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return context.shop.find(args["id"], "WebhookSubscription")


@query("webhookSubscriptions")
def subscriptions(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    found = [
        one for one in context.webhooks.subscriptions.values()
        if args.get("topics") in (None, []) or one.topic in args["topics"] if args.get("uri") in (None, one.uri)
    ]  # fmt: skip
    return page(found, args)


def _check(webhooks: Webhooks, topic: str, given: dict[str, Any], own: Subscription | None) -> None:
    uri = given.get("uri") or (own.uri if own is not None else "")
    url = urlsplit(uri)
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in LOOPBACK):
        raise Invalid(user_error("webhookSubscription.uri", "Address protocol http:// is not supported"))
    if given.get("format") == "XML":
        raise Invalid(user_error("webhookSubscription.format", "Only JSON is served here."))
    taken = any(one.topic == topic and one.uri == uri and one is not own for one in webhooks.subscriptions.values())
    if taken:
        raise Invalid(user_error("webhookSubscription.uri", "Address for this topic has already been taken"))


@mutation("webhookSubscriptionCreate")
def create(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    given, topic = args["webhookSubscription"], args["topic"]
    _check(context.webhooks, topic, given, None)
    if topic.startswith(ORDERS):
        context.need_scope("webhookSubscriptionCreate", "read_orders")
    made = context.shop.add(Subscription(context.shop.new_id("WebhookSubscription"), topic, given, context.shop.now()))
    context.webhooks.subscriptions[made.id] = made
    return {"webhookSubscription": made}


@mutation("webhookSubscriptionUpdate")
def update(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    held: Subscription | None = context.shop.find(args["id"], "WebhookSubscription")
    if held is None:
        raise Invalid(user_error("id", "Webhook subscription does not exist"))
    _check(context.webhooks, held.topic, args["webhookSubscription"], held)
    held.write(args["webhookSubscription"])
    held.updated_at = context.shop.now()
    return {"webhookSubscription": held}


@mutation("webhookSubscriptionDelete")
def delete(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    held: Subscription | None = context.shop.find(args["id"], "WebhookSubscription")
    if held is None:
        raise Invalid(user_error("id", "Webhook subscription does not exist"))
    context.webhooks.remove(held)
    return {"deletedWebhookSubscriptionId": held.id}
