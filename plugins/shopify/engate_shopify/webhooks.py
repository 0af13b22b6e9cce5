"""Webhooks: Shopify says that something happened to an order.

What the order is, is read by GraphQL: a payload lacks the CPF and may be old.
"""

from __future__ import annotations

import base64
import hmac
from typing import Any

import msgspec

from engate import Asked, Desk, EngateError, Reply, Text
from engate.answers import NOT_JSON
from engate.model import Check, OrderEvent
from engate_shopify import operations as op
from engate_shopify import translate_orders as translate
from engate_shopify.client import Shopify
from engate_shopify.settings import ShopifySettings

TOPICS = {
    "ORDERS_CREATE": "orders/create",
    "ORDERS_UPDATED": "orders/updated",
    "ORDERS_EDITED": "orders/edited",
    "ORDERS_PAID": "orders/paid",
    "ORDERS_CANCELLED": "orders/cancelled",
    "REFUNDS_CREATE": "refunds/create",
}


NO_SECRET = Check(
    "webhooks",
    False,
    Text(
        "Sem a chave secreta do app, os avisos da loja não podem ser conferidos.",
        "Without the app's secret the shop's webhooks cannot be verified.",
    ),
    Text(
        "Preencha a chave secreta do app na conexão. Até lá os pedidos são achados só por leitura, com alguns minutos de atraso.",
        "Enter the app's client secret in the connection. Until then orders are found by reading alone, some minutes late.",
    ),
)


def signed(settings: ShopifySettings, asked: Asked) -> bool:
    """Whether the raw bytes are signed, with either secret while one is being rotated."""
    given = asked.headers.get("x-shopify-hmac-sha256", "").encode()
    secrets = [one.reveal().encode() for one in (settings.client_secret, settings.old_client_secret) if one]
    rights = [base64.b64encode(hmac.digest(secret, asked.body, "sha256")) for secret in secrets]
    return any([hmac.compare_digest(right, given) for right in rights])


async def answer(settings: ShopifySettings, asked: Asked, desk: Desk) -> Reply:
    if not signed(settings, asked):
        return await desk.refuse("signature")
    delivery = asked.headers.get("x-shopify-webhook-id", "")
    try:
        body = msgspec.json.decode(asked.body, type=dict[str, Any])
    except NOT_JSON:
        body = {}
    order = order_of(asked.headers.get("x-shopify-topic", ""), body)
    if not delivery or order is None:
        return await desk.refuse("content")
    raw = _raw(body)
    event = OrderEvent(f"hook/{delivery}", order, translate.state(*raw), translate.raw_state(*raw), at=str(body.get("updated_at") or ""))
    await desk.deliver(delivery, events=[event])
    return Reply(200)


def order_of(topic: str, body: dict[str, Any]) -> str | None:
    """The order's id in a notification: an edit and a refund have an id of their own beside it."""
    match topic:
        case "orders/edited":
            edit: dict[str, Any] = body.get("order_edit") or {}
            number = edit.get("order_id")
        case "refunds/create":
            number = body.get("order_id")
        case _ if topic in TOPICS.values():
            number = body.get("id")
        case _:
            return None
    return str(number) if isinstance(number, int) else None


def _raw(body: dict[str, Any]) -> tuple[object, str | None, str | None]:
    """The REST words are those of GraphQL in lower case; an unfulfilled order has none."""
    financial, fulfilment = body.get("financial_status"), body.get("fulfillment_status")
    words = {"partial": "PARTIALLY_FULFILLED", "fulfilled": "FULFILLED", None: "UNFULFILLED"}
    return body.get("cancelled_at"), str(financial).upper() if financial else None, words.get(fulfilment, str(fulfilment).upper())


async def install(shop: Shopify, url: str) -> list[Check]:
    """Makes one subscription a topic, to our address only. Shopify deletes subscriptions that failed too often."""
    if not shop.settings.client_secret:
        return [NO_SECRET]
    try:
        held = [node async for page in shop.pages(op.HOOKS) for node in page]
        there = {node["topic"] for node in held if node["uri"] == url}
        for topic in TOPICS:
            if topic not in there:
                await shop.do(op.HOOK_CREATE, "webhook", topic=topic, uri=url)
        for node in held:
            if node["topic"] in TOPICS and node["uri"] != url:
                await shop.do(op.HOOK_DELETE, "webhook", id=node["id"])
    except EngateError as error:
        return [Check("webhooks", False, error.text, error.hint)]
    return [Check("webhooks", True, Text(f"{len(TOPICS)} avisos instalados.", f"{len(TOPICS)} webhooks installed."))]
