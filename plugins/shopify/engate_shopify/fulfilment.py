"""What the ERP did with an order: the note as metafields, shipments as fulfilments, the delivery as an event, the cancellation as a job."""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import suppress
from datetime import datetime
from typing import Any

from engate import EngateError, Forbidden, NotSent, Rejected, Text
from engate.model import Invoice, OrderPart, Shipment, ShopOrderRef, is_whole, plain
from engate_shopify import operations as op
from engate_shopify import translate as translate_items
from engate_shopify import translate_orders as translate
from engate_shopify.catalog import define
from engate_shopify.client import Shopify, faults_of, refused
from engate_shopify.orders import missing
from engate_shopify.translate import NAMESPACE

Units = dict[str, int]
"""line -> units"""
OPEN = ("OPEN", "IN_PROGRESS")
NOTE = re.compile(r"nfe_key(?:_(\d+))?")


class Fulfilment:
    def __init__(self, shop: Shopify) -> None:
        self._shop = shop
        self._defined: set[str] = set()
        self._jobs: dict[str, str] = {}
        """order -> the cancellation that its metafield could not be given"""

    async def send_handling(self, shop_order: ShopOrderRef) -> None:
        """Sets a tag. Adding a tag that is there changes nothing."""
        await self._shop.do(op.TAG, "tag", id=translate.gid(shop_order.key), tags=[translate.TAG])

    # ---- the note ----

    async def send_invoice(self, shop_order: ShopOrderRef, invoice: Invoice) -> None:
        """Writes the note into metafields of ours, a second note of an order beside the first. The same note overwrites itself."""
        order = translate.gid(shop_order.key)
        held = await self._shop.graphql(op.ORDER_NOTES, id=order)
        if held is None:
            raise missing(shop_order.key)
        fields = {node["key"]: node["value"] for node in held["metafields"]["nodes"]}
        suffix = _place(fields, invoice.id)
        await self._define(suffix)
        values = {"nfe_key": invoice.id, "nfe_number": invoice.number, "nfe_series": invoice.series}
        rows = [
            {"ownerId": order, "namespace": NAMESPACE, "key": name + suffix, "type": "single_line_text_field", "value": value}
            for name, value in values.items()
            if value and fields.get(name + suffix) != value
        ]
        if rows:
            await self._shop.do(op.METAFIELDS_SET, "invoice", metafields=rows)

    async def _define(self, suffix: str) -> None:
        """Makes the definitions of a note's metafields, once a process for each suffix. They only make the fields visible in the Admin, so
        a note is sent without them too."""
        if suffix in self._defined:
            return
        for field in translate_items.NOTE_FIELDS:
            with suppress(Rejected, Forbidden):
                await define(self._shop, translate_items.note_definition(field, suffix))
        self._defined.add(suffix)

    # ---- shipments ----

    async def send_tracking(self, shop_order: ShopOrderRef, part: OrderPart, shipment: Shipment) -> None:
        """A creation is not safe to repeat, so an equal fulfilment is looked for first."""
        raw = await self._fulfilment(shop_order)
        wanted = _units(part)
        for lines in _by_location(raw, _left(raw, wanted, shipment.tracking.code)):
            body: dict[str, Any] = {
                "lineItemsByFulfillmentOrder": lines,
                "notifyCustomer": self._shop.settings.notify_customer,
            }
            tracking = {"company": shipment.tracking.carrier, "number": shipment.tracking.code, "url": shipment.tracking.url}
            if given := {name: value for name, value in tracking.items() if value}:
                body["trackingInfo"] = given
            await self._shop.do(op.FULFILMENT_CREATE, "fulfilment", fulfillment=body)

    async def send_delivery(self, shop_order: ShopOrderRef, part: OrderPart, delivered_at: str) -> None:
        raw = await self._fulfilment(shop_order)
        lines = set(_units(part))
        ours = [one for one in _live(raw) if lines & set(_lines(one))]
        if not ours:
            raise NotSent(
                Text("O envio ainda não está na Shopify.", "The shipment is not in Shopify yet."),
                Text("O engate tenta de novo sozinho.", "engate tries again by itself."),
                code="delivery.early",
            )
        at = translate.stamp(datetime.fromisoformat(delivered_at))
        for one in ours:
            if one["deliveredAt"] is None and one["displayStatus"] != "DELIVERED":
                event = {"fulfillmentId": one["id"], "status": "DELIVERED", "happenedAt": at}
                await self._shop.do(op.FULFILMENT_EVENT, "delivery", event=event)

    async def _fulfilment(self, shop_order: ShopOrderRef) -> dict[str, Any]:
        raw: dict[str, Any] | None = await self._shop.graphql(op.FULFILMENT, id=translate.gid(shop_order.key))
        if raw is None:
            raise missing(shop_order.key)
        if _cut_off(raw):
            raise Rejected(
                Text("O pedido tem linhas demais para o envio automático.", "The order has too many lines to be shipped by engate."),
                Text("Registre o envio no Admin da Shopify.", "Enter the shipment in Shopify's Admin."),
                code="shipment.large",
            )
        return raw

    # ---- the cancellation ----

    async def send_cancellation(self, shop_order: ShopOrderRef, reason: str) -> None:
        """Cancels by a job. It is done when the order says so, and is asked for again only when the last job has ended without that.

        A metafield of the order holds the job's id: the next attempt, also after a restart, looks at that job.
        """
        key = translate.gid(shop_order.key)
        raw = await self._cancel_state(key)
        if raw["cancelledAt"]:
            return
        if job := self._jobs.get(key) or translate.inner(raw, "metafield").get("value"):
            asked = await self._shop.graphql(op.JOB, id=job)
            if asked is not None and not asked["done"]:
                raise _requested()
            if (await self._cancel_state(key))["cancelledAt"]:
                return
        refund = {"originalPaymentMethodsRefund": True} if translate.money(raw["totalReceivedSet"]) > 0 else None
        payload = await self._shop.graphql(op.CANCEL, id=key, reason="OTHER", refund=refund, note=reason[:255] or None)
        if faults := faults_of(payload):
            if (await self._cancel_state(key))["cancelledAt"]:  # a job of an earlier process ended meanwhile
                return
            raise refused("cancellation", faults)
        if payload["job"] is not None:
            await self._keep_job(key, payload["job"]["id"])
        raise _requested()

    async def _keep_job(self, order: str, job: str) -> None:
        """Stores the job's id in the order; where that fails, in this process: the cancellation was asked for."""
        kept = {"ownerId": order, "namespace": NAMESPACE, "key": "cancel_job", "type": "single_line_text_field", "value": job}
        try:
            await self._shop.do(op.METAFIELDS_SET, "cancellation", metafields=[kept])
            self._jobs.pop(order, None)
        except EngateError:
            self._jobs[order] = job

    async def _cancel_state(self, order: str) -> dict[str, Any]:
        raw: dict[str, Any] | None = await self._shop.graphql(op.CANCEL_STATE, id=order)
        if raw is None:
            raise missing(translate.number(order))
        return raw


def _requested() -> NotSent:
    return NotSent(
        Text("Cancelamento pedido à Shopify.", "Shopify was asked for the cancellation."),
        Text("O engate confere sozinho se ele passou.", "engate looks by itself whether it went through."),
        code="cancel.requested",
    )


def _place(fields: dict[str, str], note: str) -> str:
    """The suffix of this note's fields: its own, or the next free one ("" for the first)."""
    taken = {found[1] or "1": value for name, value in fields.items() if (found := NOTE.fullmatch(name))}
    mine = next((number for number, value in taken.items() if value == note), None)
    number = mine or next(str(n) for n in range(1, 1000) if str(n) not in taken)
    return "" if number == "1" else f"_{number}"


def _units(part: OrderPart) -> Units:
    found: dict[str, int] = defaultdict(int)
    for item in part.items:
        if not is_whole(item.quantity):
            raise Rejected(
                Text(f"{plain(item.quantity)} de {item.sku}: a Shopify só envia unidades inteiras.", f"{item.sku}: whole units only."),
                Text("Registre o envio no Admin da Shopify.", "Enter the shipment in Shopify's Admin."),
                code="shipment.fraction",
            )
        found[item.line] += int(item.quantity)
    return dict(found)


def _live(raw: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in raw["fulfillments"] if one["status"] not in ("CANCELLED", "ERROR", "FAILURE")]


def _lines(fulfilment: dict[str, Any]) -> Units:
    return {node["lineItem"]["id"]: node["quantity"] for node in fulfilment["fulfillmentLineItems"]["nodes"]}


def _cut_off(raw: dict[str, Any]) -> bool:
    """Whether the answer was cut off. A fulfilment that is not seen must not be made twice."""
    orders = raw["fulfillmentOrders"]
    held = [one["lineItems"] for one in orders["nodes"]] + [one["fulfillmentLineItems"] for one in raw["fulfillments"]]
    return any(connection["pageInfo"]["hasNextPage"] for connection in (orders, *held))


def _left(raw: dict[str, Any], wanted: Units, code: str) -> Units:
    """The units of the shipment that are not fulfilled yet. Its fulfilments are recognised by the tracking code, or by their lines where
    there is no code (the shop's own fleet).

    A shipment from two locations is two fulfilments, of which an earlier attempt may have made the first.
    """
    left = dict(wanted)
    for one in _live(raw):
        codes = {info["number"] for info in one["trackingInfo"] if info["number"]}
        lines = _lines(one)
        if not code and not codes and lines == wanted:
            return {}
        if code and code in codes:
            left = {line: max(0, units - lines.get(line, 0)) for line, units in left.items()}
    return left


def _by_location(raw: dict[str, Any], wanted: Units) -> list[list[dict[str, Any]]]:
    """What to fulfil, one entry a location: a fulfilment has one. `Rejected` where less is open than was shipped."""
    left, places = dict(wanted), defaultdict[str, list[dict[str, Any]]](list)
    for order in raw["fulfillmentOrders"]["nodes"]:
        if order["status"] not in OPEN:
            continue
        lines: list[dict[str, Any]] = []
        for node in order["lineItems"]["nodes"]:
            line = node["lineItem"]["id"]
            units = min(left.get(line, 0), node["remainingQuantity"])
            if units > 0:
                left[line] -= units
                lines.append({"id": node["id"], "quantity": units})
        if lines:
            location = translate.inner(order["assignedLocation"], "location").get("id") or ""
            places[location].append({"fulfillmentOrderId": order["id"], "fulfillmentOrderLineItems": lines})
    if any(left.values()):
        raise Rejected(
            Text("A Shopify não tem em aberto tudo o que foi enviado.", "Shopify has less open than was shipped."),
            Text(
                "Veja no Admin se o pedido está retido ou já foi enviado.",
                "See in the Admin whether the order is on hold or was fulfilled.",
            ),
            code="shipment.open",
        )
    return list(places.values())
