"""Metafields, their definitions, and custom ids: the one way to find a thing by an ERP's key (FACTS sections 5 and 9)."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from typing import Any

from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.errors import Invalid, UserError, refuse, user_error
from engate_shopify_sandbox.ids import kind_of, number_of
from engate_shopify_sandbox.paging import ordered, page
from engate_shopify_sandbox.registry import field, inner, mutation, query
from engate_shopify_sandbox.scopes import check_owner
from engate_shopify_sandbox.search import matcher
from engate_shopify_sandbox.shop import Shop

OWN = "app--2209467"
"""The namespace of the app, where none is named."""
OWNERS = {
    "Product": "PRODUCT", "ProductVariant": "PRODUCTVARIANT", "Collection": "COLLECTION", "Order": "ORDER", "Customer": "CUSTOMER",
    "Location": "LOCATION", "Company": "COMPANY", "Shop": "SHOP",
}  # fmt: skip
MOST_AT_ONCE = 25
TYPES = {
    "id": r"\S(.{0,254}\S)?", "single_line_text_field": r"[^\r\n]+", "multi_line_text_field": r"[\s\S]+",
    "url": r"(https?|mailto|sms|tel):.+",
    "number_integer": r"-?\d+", "number_decimal": r"-?\d+(\.\d{1,9})?", "boolean": r"true|false", "json": r"[\s\S]+",
    "date": r"\d{4}-\d\d-\d\d", "date_time": r"\d{4}-\d\d-\d\dT.+",
}  # fmt: skip


class Definition:
    typename = "MetafieldDefinition"

    def __init__(self, key: str, given: dict[str, Any], namespace: str) -> None:
        self.id, self.name, self.key, self.namespace = key, given["name"], given["key"], namespace
        self.type_name, self.owner_type = given["type"], given["ownerType"]
        self.description = given.get("description")
        self.pinned_position = 1 if given.get("pin") else None
        wished = inner(inner(given, "capabilities"), "uniqueValues")
        self.unique = self.type_name == "id" or bool(wished.get("enabled"))

    @property
    def capabilities(self) -> dict[str, Any]:
        return {"uniqueValues": {"enabled": self.unique, "eligible": True}, "adminFilterable": {"enabled": False, "eligible": True}}


class Metafield:
    typename = "Metafield"

    def __init__(self, key: str, owner: Any, namespace: str, name: str, now: datetime) -> None:
        self.id, self.owner, self.namespace, self.key = key, owner, namespace, name
        self.created_at = self.updated_at = now
        self.type = ""
        self.value = ""

    @property
    def owner_type(self) -> str:
        return OWNERS[self.owner.typename]

    @property
    def compare_digest(self) -> str:
        return hashlib.sha256(self.value.encode()).hexdigest()

    @property
    def json_value(self) -> Any:
        try:
            return json.loads(self.value)
        except ValueError:
            return self.value

    @property
    def legacy_resource_id(self) -> int:
        return number_of(self.id)


# ---- writing ----


def put(shop: Shop, owner: Any, given: dict[str, Any], at: list[str]) -> Metafield:
    """Sets one metafield of an owner; `at`: where the input stands, for user errors."""
    namespace, name, kind = check(shop, owner, given, at)
    now, value = shop.now(), given["value"]
    held = owner.metafields.get((namespace, name))
    if held is None:
        held = owner.metafields[namespace, name] = shop.add(Metafield(shop.new_id("Metafield"), owner, namespace, name, now))
    where = (OWNERS[owner.typename], namespace, name)
    shop.unique.pop((*where, held.value), None)
    held.type, held.value, held.updated_at = kind, value, now
    if (found := shop.definitions.get(where)) is not None and found.unique:
        shop.unique[(*where, value)] = owner
    return held


def check(shop: Shop, owner: Any, given: dict[str, Any], at: list[str]) -> tuple[str, str, str]:
    """(namespace, key, type), or Invalid."""
    namespace, name, value = given.get("namespace") or OWN, given.get("key"), given.get("value")
    if not name:
        raise Invalid(user_error([*at, "key"], "Key can't be blank", "BLANK"))
    if not value or not value.strip():
        raise Invalid(user_error([*at, "value"], "Value can't be blank", "BLANK"))
    where = (OWNERS[owner.typename], namespace, name)
    definition = shop.definitions.get(where)
    held = owner.metafields.get((namespace, name))
    kind = given.get("type") or (definition.type_name if definition else held.type if held else None)
    if kind is None:
        raise Invalid(user_error([*at, "type"], "Type can't be blank", "BLANK"))
    if definition is not None and kind != definition.type_name:
        message = f"Type '{kind}' must be consistent with the definition's type: '{definition.type_name}'."
        raise Invalid(user_error([*at, "type"], message, "INVALID_TYPE"))
    if kind not in TYPES:
        raise Invalid(user_error([*at, "type"], f"Type must be one of the following: {', '.join(TYPES)}.", "INCLUSION"))
    if not re.fullmatch(TYPES[kind], value):
        raise Invalid(user_error([*at, "value"], f"Value is not a valid {kind}.", "INVALID_VALUE"))
    if kind == "id" and definition is None:
        raise Invalid(user_error([*at, "type"], "A metafield of type 'id' needs a definition.", "INVALID_TYPE"))
    other = shop.unique.get((*where, value))
    if definition is not None and definition.unique and other is not None and other is not owner:
        raise Invalid(user_error([*at, "value"], "Value has already been assigned to another metafield.", "TAKEN"))
    return namespace, name, kind


def drop(shop: Shop, owner: Any, where: tuple[str, str]) -> None:
    held = owner.metafields.pop(where)
    shop.unique.pop((OWNERS[owner.typename], *where, held.value), None)
    shop.remove(held)


def forget_owner(shop: Shop, owner: Any) -> None:
    for where in list(owner.metafields):
        drop(shop, owner, where)


def put_all(shop: Shop, owner: Any, given: list[dict[str, Any]] | None, at: str) -> None:
    for index, one in enumerate(given or ()):
        put(shop, owner, one, [*at.split("."), str(index)])


def by_custom_id(shop: Shop, owner_type: str, identifier: dict[str, Any]) -> Any | None:
    """The owner of a custom id; refused where no definition of type `id` is there for it."""
    where = (owner_type, identifier.get("namespace") or OWN, identifier["key"])
    definition = shop.definitions.get(where)
    if definition is None or definition.type_name != "id":
        raise refuse("BAD_REQUEST", "Metafield definition of type 'id' is required when using custom ids.")
    return shop.unique.get((*where, identifier["value"]))


def identified(shop: Shop, identifier: dict[str, Any], kind: str, owner_type: str) -> Any | None:
    """By id, handle or custom id."""
    if identifier.get("id") is not None:
        return shop.find(identifier["id"], kind)
    if identifier.get("handle") is not None:
        return shop.handles.get((kind, identifier["handle"]))
    return by_custom_id(shop, owner_type, identifier["customId"])


@mutation("metafieldDefinitionCreate")
def create_definition(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    shop, given = context.shop, args["definition"]
    namespace = given.get("namespace") or OWN
    where = (given["ownerType"], namespace, given["key"])
    if where in shop.definitions:
        message = f"Key is in use for {given['ownerType'].title()} metafields on the '{namespace}' namespace."
        raise Invalid(user_error("definition.key", message, "TAKEN"))
    if given["type"] not in TYPES:
        raise Invalid(user_error("definition.type", f"Type must be one of: {', '.join(TYPES)}.", "INCLUSION"))
    owners = [one for one in shop.definitions.values() if one.owner_type == given["ownerType"]]
    if len(owners) >= shop.settings.definitions_most:
        message = "Stores can only have so many definitions for each owner type."
        raise Invalid(user_error("definition", message, "RESOURCE_TYPE_LIMIT_EXCEEDED"))
    if given.get("pin") and sum(one.pinned_position is not None for one in owners) >= shop.settings.pins_most:
        raise Invalid(user_error("definition", "Limit of pinned definitions reached.", "PINNED_LIMIT_REACHED"))
    made = shop.definitions[where] = shop.add(Definition(shop.new_id("MetafieldDefinition"), given, namespace))
    return {"createdDefinition": made}


@mutation("metafieldsSet")
def set_many(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    """Atomic: one that is wrong leaves all as they are."""
    given = args["metafields"]
    if len(given) > MOST_AT_ONCE:
        message = f"Exceeded the maximum metafields input limit of {MOST_AT_ONCE}."
        raise Invalid(user_error("metafields", message, "LESS_THAN_OR_EQUAL_TO"))
    errors: list[UserError] = []
    owners: list[Any] = []
    for index, one in enumerate(given):
        try:
            owners.append(_owner(context, one, index))
        except Invalid as invalid:
            for error in invalid.errors:
                error["elementIndex"] = index
                errors.append(error)
    if errors:
        raise Invalid(*errors)
    made = [put(context.shop, owner, one, ["metafields", str(n)]) for n, (owner, one) in enumerate(zip(owners, given, strict=True))]
    for owner in dict.fromkeys(owners):
        if owner.typename == "Order":
            owner.touch()
    return {"metafields": made}


def _owner(context: Context, one: dict[str, Any], index: int) -> Any:
    at = ["metafields", str(index)]
    check_owner(context, "metafieldsSet", kind_of(one["ownerId"]))
    owner = context.shop.find(one["ownerId"])
    if owner is None or owner.typename not in OWNERS:
        raise Invalid(user_error([*at, "ownerId"], "Owner does not exist.", "INVALID"))
    namespace, name, _ = check(context.shop, owner, one, at)
    if "compareDigest" in one:
        held = owner.metafields.get((namespace, name))
        if one["compareDigest"] != (held.compare_digest if held is not None else None):
            raise Invalid(user_error([*at, "compareDigest"], "The resource has been updated since it was loaded.", "STALE_OBJECT"))
    return owner


# ---- reading ----

WITH_METAFIELDS = ("Product", "ProductVariant", "Collection", "Order", "Location")


@field(*(f"{kind}.metafield" for kind in WITH_METAFIELDS))
def one_metafield(context: Context, source: Any, args: dict[str, Any]) -> Any:
    del context
    return source.metafields.get((args.get("namespace") or OWN, args["key"]))


@field("Product.metafields", "ProductVariant.metafields", "Collection.metafields", "Order.metafields")
def metafields(context: Context, source: Any, args: dict[str, Any]) -> Any:
    names = args.get("keys")
    wanted = [
        held
        for (namespace, key), held in source.metafields.items()
        if args.get("namespace") in (None, namespace) and (names is None or f"{namespace}.{key}" in names or key in names)
    ]
    return page(wanted, args, context.shop.settings.pages_reach)


@field("Metafield.definition")
def definition(context: Context, source: Metafield, args: dict[str, Any]) -> Any:
    del args
    return context.shop.definitions.get((source.owner_type, source.namespace, source.key))


@field("MetafieldDefinition.type")
def definition_type(context: Context, source: Definition, args: dict[str, Any]) -> dict[str, str]:
    del context, args
    return {"name": source.type_name, "category": "ID" if source.type_name == "id" else "TEXT"}


@field("MetafieldDefinition.metafieldsCount")
def definition_uses(context: Context, source: Definition, args: dict[str, Any]) -> int:
    del args
    return sum((one.owner_type, one.namespace, one.key) == (source.owner_type, source.namespace, source.key)
               for one in context.shop.all("Metafield"))  # fmt: skip


@query("metafieldDefinitions")
def definitions(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    matches = matcher(args.get("query"), {"key": lambda one: one.key, "namespace": lambda one: one.namespace}, lambda one: one.name)
    found = [
        one for one in context.shop.all("MetafieldDefinition")
        if one.owner_type == args["ownerType"] and args.get("namespace") in (None, one.namespace) and args.get("key") in (None, one.key)
        and matches(one)
    ]  # fmt: skip
    return page(ordered(found, lambda one: one.id), args, context.shop.settings.pages_reach)
