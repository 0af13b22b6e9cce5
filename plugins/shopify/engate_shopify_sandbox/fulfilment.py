"""Shipping: fulfilment orders say what is to be sent from where, fulfilments what was (FACTS section 8)."""

from __future__ import annotations

from typing import Any

from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.errors import Invalid, user_error
from engate_shopify_sandbox.order import Fulfillment, FulfillmentOrder, Line, SliceContext, bag
from engate_shopify_sandbox.paging import page
from engate_shopify_sandbox.registry import field, mutation, query
from engate_shopify_sandbox.shop import Shop

Chosen = list[tuple[FulfillmentOrder, SliceContext, int]]
OPEN = ("OPEN", "IN_PROGRESS")
IN_TRANSIT = ("IN_TRANSIT", "OUT_FOR_DELIVERY", "CARRIER_PICKED_UP")


# ---- reading ----


@query("fulfillmentOrder")
def fulfillment_order(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return context.shop.find(args["id"], "FulfillmentOrder")


@query("fulfillment")
def fulfillment(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return context.shop.find(args["id"], "Fulfillment")


@field("FulfillmentOrder.assignedLocation")
def assigned(context: Context, source: FulfillmentOrder, args: dict[str, Any]) -> dict[str, Any]:
    del context, args
    place = source.location.address
    return {
        "name": source.location.name, "location": source.location, "address1": place["address1"], "address2": None, "city": place["city"],
        "countryCode": "BR", "phone": "", "province": place["province"], "zip": place["zip"],
    }  # fmt: skip


@field("FulfillmentOrder.lineItems")
def work_lines(context: Context, source: FulfillmentOrder, args: dict[str, Any]) -> Any:
    del context
    return page(source.works, args)


@field("FulfillmentOrder.fulfillments")
def fulfillments_of(context: Context, source: FulfillmentOrder, args: dict[str, Any]) -> Any:
    del context
    return page([one for one in source.order.fulfillments if any(work[0] is source for work in one.works)], args)


@field("FulfillmentOrder.supportedActions")
def actions(context: Context, source: FulfillmentOrder, args: dict[str, Any]) -> list[dict[str, Any]]:
    del context, args
    names = {"OPEN": ["CREATE_FULFILLMENT", "HOLD", "MOVE"], "IN_PROGRESS": ["CREATE_FULFILLMENT"], "ON_HOLD": ["RELEASE_HOLD"]}
    return [{"action": name, "externalUrl": None} for name in names.get(source.status, [])]


@field("FulfillmentOrder.deliveryMethod")
def delivery_method(context: Context, source: FulfillmentOrder, args: dict[str, Any]) -> dict[str, Any]:
    del context, args
    code = source.order.shipping[0].code if source.order.shipping else None
    return {"id": source.id.replace("FulfillmentOrder", "DeliveryMethod"), "methodType": "SHIPPING", "serviceCode": code}


@field("Fulfillment.trackingInfo")
def tracking(context: Context, source: Fulfillment, args: dict[str, Any]) -> list[dict[str, Any]]:
    del context
    return source.tracking[: args.get("first") or None]


@field("Fulfillment.fulfillmentLineItems")
def sent_lines(context: Context, source: Fulfillment, args: dict[str, Any]) -> Any:
    del context
    key = source.id.replace("Fulfillment", "FulfillmentLineItem")
    rows = [
        {"__typename": "FulfillmentLineItem", "id": f"{key}{index}", "lineItem": line, "quantity": quantity,
         "originalTotalSet": bag(line.price * quantity), "discountedTotalSet": bag(line.total_of(quantity))}
        for index, (line, quantity) in enumerate(source.lines)
    ]  # fmt: skip
    return page(rows, args)


@field("Fulfillment.fulfillmentOrders")
def orders_of(context: Context, source: Fulfillment, args: dict[str, Any]) -> Any:
    del context
    return page(list({work[0].id: work[0] for work in source.works}.values()), args)


@field("Fulfillment.events")
def events(context: Context, source: Fulfillment, args: dict[str, Any]) -> Any:
    del context
    return page(source.events, args)


# ---- creating ----


@mutation("fulfillmentCreate")
def create(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    """Nothing keeps the same fulfilment from being made twice but the quantities that are left."""
    given, shop = args["fulfillment"], context.shop
    chosen: Chosen = []
    for index, one in enumerate(given["lineItemsByFulfillmentOrder"]):
        chosen += _chosen(shop, one, index)
    if not chosen:
        raise Invalid(user_error("fulfillment", "Fulfillment requires line items"))
    at = ["fulfillment"]
    if len({work[0].order.id for work in chosen}) > 1:
        raise Invalid(user_error(at, "All fulfillment orders must belong to the same order."))
    if len({work[0].location.id for work in chosen}) > 1:
        raise Invalid(user_error(at, "All fulfillment orders must be assigned to the same location."))
    made = fulfil(shop, chosen, track(given.get("trackingInfo")))
    return {"fulfillment": made}


def _chosen(shop: Shop, given: dict[str, Any], index: int) -> Chosen:
    at = ["fulfillment", "lineItemsByFulfillmentOrder", str(index)]
    found: FulfillmentOrder | None = shop.find(given["fulfillmentOrderId"], "FulfillmentOrder")
    if found is None:
        raise Invalid(user_error([*at, "fulfillmentOrderId"], "Fulfillment order does not exist."))
    if found.status not in OPEN:
        number = found.id.rpartition("/")[2]
        message = f"Fulfillment order {number} has an unfulfillable status= {found.status.lower()}."
        raise Invalid(user_error([*at, "fulfillmentOrderId"], message))
    rows = given.get("fulfillmentOrderLineItems")
    if not rows:
        return [(found, work, work.remaining_quantity) for work in found.works if work.remaining_quantity]
    chosen: Chosen = []
    for number, row in enumerate(rows):
        where = [*at, "fulfillmentOrderLineItems", str(number)]
        work = next((one for one in found.works if one.id == row["id"]), None)
        if work is None:
            raise Invalid(user_error([*where, "id"], "Fulfillment order line item does not exist."))
        if not 1 <= row["quantity"] <= work.remaining_quantity or any(held is work for _, held, _ in chosen):
            raise Invalid(user_error([*where, "quantity"], "Invalid fulfillment order line item quantity requested."))
        chosen.append((found, work, row["quantity"]))
    return chosen


def track(given: dict[str, Any] | None) -> list[dict[str, Any]]:
    if not given:
        return []
    numbers = given.get("numbers") or ([given["number"]] if given.get("number") else [])
    urls = given.get("urls") or ([given["url"]] if given.get("url") else [])
    count = max(len(numbers), len(urls), 1 if given.get("company") else 0)
    return [
        {"company": given.get("company"), "number": numbers[n] if n < len(numbers) else None, "url": urls[n] if n < len(urls) else None}
        for n in range(count)
    ]


def fulfil(shop: Shop, chosen: Chosen, tracked: list[dict[str, Any]]) -> Fulfillment:
    first, now = chosen[0][0], shop.now()
    order = first.order
    sums: dict[str, tuple[Line, int]] = {}
    for source, work, quantity in chosen:
        work.remaining_quantity -= quantity
        source.updated_at = now
        level = work.variant.inventory_item.levels.get(source.location.id)
        if level is not None:
            level.committed -= quantity
        line = work.line_item
        sums[line.id] = (line, quantity + (sums[line.id][1] if line.id in sums else 0))
    made = shop.add(Fulfillment(shop.new_id("Fulfillment"), order, first.location, list(sums.values()), now))
    made.tracking, made.works = tracked, chosen
    order.fulfillments.append(made)
    shop.tell("FULFILLMENTS_CREATE", made)
    if order.display_fulfillment_status == "FULFILLED":
        shop.tell("ORDERS_FULFILLED", order)
    else:
        shop.tell("ORDERS_PARTIALLY_FULFILLED", order)
    order.touch()
    return made


# ---- afterwards ----


def _live(shop: Shop, key: str, at: str) -> Fulfillment:
    found = shop.find(key, "Fulfillment")
    if found is None:
        raise Invalid(user_error(at, "Fulfillment does not exist."))
    if found.status == "CANCELLED":
        raise Invalid(user_error(at, "Fulfillment is cancelled."))
    return found


def _changed(shop: Shop, made: Fulfillment) -> None:
    made.updated_at = shop.now()
    shop.tell("FULFILLMENTS_UPDATE", made)
    made.order.touch()


@mutation("fulfillmentTrackingInfoUpdate")
def update_tracking(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    made = _live(context.shop, args["fulfillmentId"], "fulfillmentId")
    made.tracking = track(args["trackingInfoInput"])
    _changed(context.shop, made)
    return {"fulfillment": made}


@mutation("fulfillmentCancel")
def cancel(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    """What was sent is to be sent again: by the same fulfilment orders, simpler than the platform, which opens new ones."""
    made = _live(context.shop, args["id"], "id")
    if made.delivered_at is not None:
        raise Invalid(user_error("id", "A delivered fulfillment cannot be cancelled."))
    made.status, made.display_status = "CANCELLED", "CANCELED"
    for source, work, quantity in made.works:
        work.remaining_quantity += quantity
        level = work.variant.inventory_item.levels.get(source.location.id)
        if level is not None:
            level.committed += quantity
    _changed(context.shop, made)
    return {"fulfillment": made}


@mutation("fulfillmentEventCreate")
def create_event(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    given, shop = args["fulfillmentEvent"], context.shop
    made = _live(shop, given["fulfillmentId"], "fulfillmentEvent.fulfillmentId")
    at = given.get("happenedAt") or shop.now()
    event = {
        "__typename": "FulfillmentEvent", "id": shop.new_id("FulfillmentEvent"), "createdAt": shop.now(), "happenedAt": at,
        **{name: given.get(name) for name in ("status", "message", "city", "province", "country", "zip", "estimatedDeliveryAt")},
    }  # fmt: skip
    made.events.append(event)
    made.display_status = given["status"] if given["status"] != "FAILURE" else "NOT_DELIVERED"
    if given["status"] == "DELIVERED":
        made.delivered_at = at
    elif given["status"] in IN_TRANSIT:
        made.in_transit_at = made.in_transit_at or at
    made.estimated_delivery_at = given.get("estimatedDeliveryAt") or made.estimated_delivery_at
    _changed(shop, made)
    return {"fulfillmentEvent": event}
