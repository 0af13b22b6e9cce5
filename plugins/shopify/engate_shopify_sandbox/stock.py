"""Stock: an inventory item at a location is a level; a level must exist before it holds anything (FACTS section 6)."""

from __future__ import annotations

import re
from typing import Any

from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.errors import Invalid, UserError, refuse, user_error
from engate_shopify_sandbox.paging import page
from engate_shopify_sandbox.registry import Answers, field, mutation, query
from engate_shopify_sandbox.search import matcher
from engate_shopify_sandbox.shop import Shop
from engate_shopify_sandbox.things import Item, Level, Location

NAMES = ("available", "on_hand")
SHOWN = (*NAMES, "committed", "reserved", "incoming", "damaged", "quality_control", "safety_stock")
REASONS = frozenset(
    {
        "correction", "cycle_count_available", "damaged", "movement_canceled", "movement_created", "movement_received", "movement_updated",
        "other", "promotion", "quality_control", "received", "reservation_created", "reservation_deleted", "reservation_updated",
        "restock", "safety_stock", "shrinkage",
    }
)  # fmt: skip
HIGHEST = 1_000_000_000


def activate(shop: Shop, item: Item, location: Location) -> Level:
    level = item.levels.get(location.id)
    if level is None:
        number = f"{location.id.rpartition('/')[2]}?inventory_item_id={item.id.rpartition('/')[2]}"
        level = item.levels[location.id] = Level(f"gid://shopify/InventoryLevel/{number}", item, location, shop.now())
        shop.add(level)
        shop.tell("INVENTORY_LEVELS_CONNECT", level)
    return level


def moved(shop: Shop, level: Level) -> None:
    level.updated_at = shop.now()
    shop.tell("INVENTORY_LEVELS_UPDATE", level)


# ---- reading ----


@field("InventoryItem.measurement")
def measurement(context: Context, source: Item, args: dict[str, Any]) -> dict[str, Any]:
    del context, args
    return {"id": source.id.replace("InventoryItem", "InventoryItemMeasurement"), "weight": source.weight}


@field("InventoryItem.unitCost")
def unit_cost(context: Context, source: Item, args: dict[str, Any]) -> dict[str, Any] | None:
    del context, args
    return None if source.cost is None else {"amount": source.cost, "currencyCode": "BRL"}


@field("InventoryItem.inventoryLevel")
def item_level(context: Context, source: Item, args: dict[str, Any]) -> Any:
    location = context.shop.find(args["locationId"], "Location")
    return source.levels.get(location.id) if location is not None else None


@field("InventoryItem.inventoryLevels")
def item_levels(context: Context, source: Item, args: dict[str, Any]) -> Any:
    del context
    return page(list(source.levels.values()), args)


@field("InventoryItem.locationsCount")
def locations_count(context: Context, source: Item, args: dict[str, Any]) -> dict[str, Any]:
    del context, args
    return {"count": len(source.levels), "precision": "EXACT"}


@field("InventoryItem.variants")
def item_variants(context: Context, source: Item, args: dict[str, Any]) -> Any:
    del context
    return page([source.variant], args)


@field("InventoryItem.duplicateSkuCount")
def duplicate_skus(context: Context, source: Item, args: dict[str, Any]) -> int:
    del args
    return max(0, len(context.shop.skus.get((source.sku or "").casefold(), ())) - 1)


@field("Location.inventoryLevel")
def location_level(context: Context, source: Location, args: dict[str, Any]) -> Any:
    item = context.shop.find(args["inventoryItemId"], "InventoryItem")
    return item.levels.get(source.id) if item is not None else None


@field("Location.inventoryLevels")
def location_levels(context: Context, source: Location, args: dict[str, Any]) -> Any:
    return page([one for one in context.shop.all("InventoryLevel") if one.location is source], args, context.shop.settings.pages_reach)


@field("InventoryLevel.quantities")
def quantities(context: Context, source: Level, args: dict[str, Any]) -> list[dict[str, Any]]:
    del context
    for name in args["names"]:
        if name not in SHOWN:
            raise refuse("BAD_REQUEST", f"The quantity name '{name}' is invalid.")
    return [
        {"id": f"{source.id}&name={name}", "name": name, "quantity": source.quantity(name), "updatedAt": source.updated_at}
        for name in args["names"]
    ]


@query("inventoryItem")
def inventory_item(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return context.shop.find(args["id"], "InventoryItem")


@query("inventoryItems")
def inventory_items(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    fields: Answers = {"sku": lambda one: one.sku, "id": lambda one: one.legacy_resource_id, "updated_at": lambda one: one.updated_at}
    matches = matcher(args.get("query"), fields, lambda one: one.sku or "")
    return page([one for one in context.shop.all("InventoryItem") if matches(one)], args, context.shop.settings.pages_reach)


@query("inventoryLevel")
def inventory_level(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return context.shop.things.get(args["id"])


# ---- writing ----


@mutation("inventoryActivate")
def activate_level(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    shop = context.shop
    item, location = shop.find(args["inventoryItemId"], "InventoryItem"), shop.find(args["locationId"], "Location")
    if item is None:
        raise Invalid(user_error("inventoryItemId", "The product couldn't be stocked because it wasn't found."))
    if location is None:
        raise Invalid(user_error("locationId", "The product couldn't be stocked because the location wasn't found."))
    available, on_hand = args.get("available"), args.get("onHand")
    if location.id in item.levels and (available is not None or on_hand is not None):
        name, words = ("available", "available") if available is not None else ("onHand", "on_hand")
        raise Invalid(user_error(name, f"Not allowed to set {words} quantity when the item is already active at the location."))
    level = activate(shop, item, location)
    if available is not None or on_hand is not None:
        level.available = available if available is not None else on_hand or 0
        moved(shop, level)
    return {"inventoryLevel": level}


@mutation("inventorySetQuantities")
def set_quantities(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    """One bad item fails the batch: nothing of it is set."""
    given, shop = args["input"], context.shop
    for index, one in enumerate(given["quantities"]):
        if "changeFromQuantity" not in one:
            message = f"The changeFromQuantity argument is required (input.quantities.{index})."
            raise refuse("INVALID_FIELD_ARGUMENTS", message)
    errors = _header_errors(given)
    seen: set[tuple[str, str]] = set()
    levels: list[Level] = []
    for index, one in enumerate(given["quantities"]):
        pair = (one["inventoryItemId"], one["locationId"])
        problem = _problem(shop, given["name"], one, ["input", "quantities", str(index)], again=pair in seen)
        seen.add(pair)
        if problem is not None:
            errors.append(problem)
        else:
            levels.append(shop.things[pair[0]].levels[pair[1]])
    if errors:
        raise Invalid(*errors)
    changes: list[dict[str, Any]] = []
    for level, one in zip(levels, given["quantities"], strict=True):
        changes += _set(shop, level, given["name"], one["quantity"])
    group = {
        "__typename": "InventoryAdjustmentGroup", "id": shop.new_id("InventoryAdjustmentGroup"), "createdAt": shop.now(),
        "reason": given["reason"], "referenceDocumentUri": given.get("referenceDocumentUri"), "changes": changes,
    }  # fmt: skip
    return {"inventoryAdjustmentGroup": group if changes else None}


def _header_errors(given: dict[str, Any]) -> list[UserError]:
    errors: list[UserError] = []
    if given["name"] not in NAMES:
        errors.append(user_error("input.name", "The quantity name must be either 'available' or 'on_hand'.", "INVALID_NAME"))
    if given["reason"] not in REASONS:
        message = f"The specified reason is invalid. Valid values are: {', '.join(sorted(REASONS))}."
        errors.append(user_error("input.reason", message, "INVALID_REASON"))
    document = given.get("referenceDocumentUri")
    if document is not None and not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:\S+", document):
        errors.append(
            user_error("input.referenceDocumentUri", "The specified reference document is invalid.", "INVALID_REFERENCE_DOCUMENT")
        )
    return errors


def _problem(shop: Shop, name: str, one: dict[str, Any], at: list[str], *, again: bool) -> UserError | None:
    item, location = shop.find(one["inventoryItemId"], "InventoryItem"), shop.find(one["locationId"], "Location")
    if again:
        message = "The combination of inventoryItemId and locationId must be unique."
        return user_error([*at, "locationId"], message, "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR")
    if item is None:
        return user_error([*at, "inventoryItemId"], "The specified inventory item could not be found.", "INVALID_INVENTORY_ITEM")
    if item.variant.requires_components:
        return user_error(
            [*at, "inventoryItemId"], "The specified inventory item is not allowed to be adjusted.", "NON_MUTABLE_INVENTORY_ITEM"
        )
    if location is None:
        return user_error([*at, "locationId"], "The specified location could not be found.", "INVALID_LOCATION")
    level = item.levels.get(location.id)
    if level is None:
        return user_error([*at, "locationId"], "The specified inventory item is not stocked at the location.", "INVALID_LOCATION")
    if one["quantity"] < 0:
        return user_error([*at, "quantity"], "The quantity can't be negative.", "INVALID_QUANTITY_NEGATIVE")
    if one["quantity"] > HIGHEST:
        return user_error([*at, "quantity"], f"The quantity can't be higher than {HIGHEST}.", "INVALID_QUANTITY_TOO_HIGH")
    before = one["changeFromQuantity"]
    if before is not None and before != level.quantity(name):
        message = "The changeFromQuantity argument no longer matches the persisted quantity."
        return user_error([*at, "changeFromQuantity"], message, "CHANGE_FROM_QUANTITY_STALE")
    return None


def _set(shop: Shop, level: Level, name: str, quantity: int) -> list[dict[str, Any]]:
    delta = quantity - level.quantity(name)
    if not delta:
        return []
    level.available += delta
    moved(shop, level)
    return [
        {"name": changed, "delta": delta, "item": level.item, "location": level.location, "ledgerDocumentUri": None,
         "quantityAfterChange": level.quantity(changed)}
        for changed in NAMES
    ]  # fmt: skip
