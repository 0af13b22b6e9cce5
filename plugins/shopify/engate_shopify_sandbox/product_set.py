"""`productSet`: the upsert of a whole product. What a list leaves out is deleted (FACTS section 5)."""

from __future__ import annotations

from typing import Any

from engate_shopify_sandbox import codes, media, metafields, products, stock, variants
from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.errors import Invalid, user_error
from engate_shopify_sandbox.registry import field, mutation, query
from engate_shopify_sandbox.shop import Shop
from engate_shopify_sandbox.things import DEFAULT, Option, Product, Variant

QUANTITIES = 50_000


class Operation:
    """An asynchronous productSet: done when somebody asks for it a second time."""

    typename = "ProductSetOperation"

    def __init__(self, key: str, product: Product | None, errors: list[Any]) -> None:
        self.id, self.made, self.errors = key, product, errors
        self.looks = 0


@mutation("productSet")
def product_set(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    shop = context.shop
    if args.get("synchronous", True) or context.in_bulk:
        return {"product": apply(shop, args), "productSetOperation": None}
    try:
        product, errors = apply(shop, args), []
    except Invalid as invalid:
        product, errors = None, codes.fit("productSet", invalid.errors)
    operation = shop.add(Operation(shop.new_id("ProductSetOperation"), product, errors))
    return {"product": None, "productSetOperation": operation}


@query("productOperation")
def operation(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    found = context.shop.find(args["id"], "ProductSetOperation")
    if found is not None:
        found.looks += 1
    return found


@field("ProductSetOperation.status")
def operation_status(context: Context, source: Operation, args: dict[str, Any]) -> str:
    del context, args
    return ("CREATED", "ACTIVE", "COMPLETE")[min(source.looks, 2)]


@field("ProductSetOperation.product")
def operation_product(context: Context, source: Operation, args: dict[str, Any]) -> Any:
    return source.made if operation_status(context, source, args) == "COMPLETE" else None


@field("ProductSetOperation.userErrors")
def operation_errors(context: Context, source: Operation, args: dict[str, Any]) -> list[Any]:
    return source.errors if operation_status(context, source, args) == "COMPLETE" else []


def apply(shop: Shop, args: dict[str, Any]) -> Product:
    """Everything is checked first, then everything is written."""
    given, identifier = args["input"], args.get("identifier")
    product = metafields.identified(shop, identifier, "Product", "PRODUCT") if identifier else None
    if product is None and identifier and identifier.get("id"):
        raise Invalid(user_error("identifier.id", "Product does not exist", "PRODUCT_DOES_NOT_EXIST"))
    _check_identifier(given, identifier)
    products.check(shop, product, given, "input")
    products.handle_of(shop, given, product, "input")
    _check_lists(given)
    plan = _plan_variants(shop, product, given)
    _check_files(shop, given)
    if product is None:
        product = products.new(shop, given, "input")
    else:
        products.write(shop, product, given)
    _write_options(shop, product, given)
    _write_variants(shop, product, given, plan)
    _write_metafields(shop, product, given, identifier)
    _write_files(shop, product, given)
    _write_collections(shop, product, given)
    product.updated_at = shop.now()
    shop.tell("PRODUCTS_UPDATE", product)
    return product


# ---- checks ----


def _check_identifier(given: dict[str, Any], identifier: dict[str, Any] | None) -> None:
    if not identifier:
        return
    if identifier.get("handle") and given.get("handle") not in (None, identifier["handle"]):
        message = "The identifier value does not match the value of the corresponding field in the input."
        raise Invalid(user_error("input.handle", message, "INPUT_MISMATCH"))
    if identifier.get("handle") and not given.get("handle"):
        raise Invalid(user_error("input.handle", "The input field corresponding to the identifier is required.", "MISSING_FIELD_REQUIRED"))
    custom = identifier.get("customId")
    if custom and given.get("metafields") is not None:
        wanted = (custom.get("namespace") or metafields.OWN, custom["key"], custom["value"])
        held = [(one.get("namespace") or metafields.OWN, one.get("key"), one.get("value")) for one in given["metafields"]]
        if wanted not in held:
            message = "The input argument `metafields` (if present) must contain the `customId` value."
            raise Invalid(user_error("input.metafields", message, "METAFIELD_MISMATCH"))


def _check_lists(given: dict[str, Any]) -> None:
    rows, options = given.get("variants"), given.get("productOptions")
    if rows is not None and options is None:
        message = "Must specify product options when updating variants."
        raise Invalid(user_error("input.productOptions", message, "PRODUCT_OPTIONS_INPUT_MISSING"))
    if options is not None and rows is None:
        raise Invalid(user_error("input.variants", "Must specify variants when updating options.", "VARIANTS_INPUT_MISSING"))
    if options is not None:
        variants.check_options(options, "input.productOptions")
    if rows is not None and len(rows) > variants.MOST:
        raise Invalid(user_error("input.variants", "Number of product variants exceeds shop limit.", "VARIANTS_OVER_LIMIT"))
    if sum(len(one.get("inventoryQuantities") or ()) for one in rows or ()) > QUANTITIES:
        message = f"Inventory quantity input exceeds the limit of {QUANTITIES}."
        raise Invalid(user_error("input.variants", message, "INVENTORY_QUANTITIES_LIMIT_EXCEEDED"))


Planned = list[tuple[Variant | None, dict[str, str]]]


def _plan_variants(shop: Shop, product: Product | None, given: dict[str, Any]) -> Planned:
    """For each row of the input: the variant it means (by id, else by its option values), and its values."""
    rows, options = given.get("variants"), given.get("productOptions")
    if rows is None or options is None:
        return []
    allowed = {one["name"]: [value.get("name") for value in one["values"]] for one in options}
    plan: Planned = []
    taken: set[tuple[str, ...]] = set()
    for index, row in enumerate(rows):
        at = ["input", "variants", str(index)]
        values = _values(row, allowed, at)
        if any(values == other for _, other in plan):
            raise Invalid(user_error(at, f"The variant '{' / '.join(values.values())}' already exists.", "INVALID_VARIANT"))
        own = _meant(shop, product, row, values, at)
        variants.check(shop, own, row, at)
        _check_unique(shop, row, taken, at)
        _check_quantities(shop, own, row, at)
        plan.append((own, values))
    return plan


def _values(row: dict[str, Any], allowed: dict[str, list[Any]], at: list[str]) -> dict[str, str]:
    found = {one.get("optionName"): one.get("name") for one in row["optionValues"]}
    for name, value in found.items():
        if name not in allowed:
            raise Invalid(user_error([*at, "optionValues"], f"Option '{name}' does not exist", "OPTION_DOES_NOT_EXIST"))
        if value not in allowed[name]:
            raise Invalid(user_error([*at, "optionValues"], f"Option value '{value}' does not exist", "OPTION_VALUE_DOES_NOT_EXIST"))
    if found.keys() != allowed.keys():
        raise Invalid(user_error([*at, "optionValues"], "A variant needs a value of every option", "INVALID_VARIANT"))
    return {name: str(found[name]) for name in allowed}


def _meant(shop: Shop, product: Product | None, row: dict[str, Any], values: dict[str, str], at: list[str]) -> Variant | None:
    if row.get("id"):
        found = shop.find(row["id"], "ProductVariant")
        if found is None or found.product is not product:
            raise Invalid(user_error([*at, "id"], "Product variant does not exist.", "PRODUCT_VARIANT_DOES_NOT_EXIST"))
        return found
    return next((one for one in product.variants if one.values == values), None) if product is not None else None


def _check_unique(shop: Shop, row: dict[str, Any], taken: set[tuple[str, ...]], at: list[str]) -> None:
    """Two variants of one input with the same custom id."""
    for one in row.get("metafields") or ():
        where = ("PRODUCTVARIANT", one.get("namespace") or metafields.OWN, one["key"])
        definition = shop.definitions.get(where)
        if definition is None or not definition.unique:
            continue
        if (*where, one["value"]) in taken:
            raise Invalid(user_error([*at, "metafields"], "Value has already been assigned to another metafield.", "INVALID_METAFIELD"))
        taken.add((*where, one["value"]))


def _check_quantities(shop: Shop, own: Variant | None, row: dict[str, Any], at: list[str]) -> None:
    for index, one in enumerate(row.get("inventoryQuantities") or ()):
        where = [*at, "inventoryQuantities", str(index)]
        if one["name"] not in stock.NAMES:
            raise Invalid(user_error([*where, "name"], "Quantity name must be available or on_hand", "INVALID_INPUT"))
        if shop.find(one["locationId"], "Location") is None:
            raise Invalid(user_error([*where, "locationId"], "Location does not exist", "INVALID_INPUT"))
        if own is not None and one["locationId"] not in own.inventory_item.levels:
            message = "Quantities of an existing variant can only be set at locations where it is stocked."
            raise Invalid(user_error([*where, "locationId"], message, "INVALID_INPUT"))


def _check_files(shop: Shop, given: dict[str, Any]) -> None:
    rows = [(f"input.files.{index}", one) for index, one in enumerate(given.get("files") or ())]
    rows += [(f"input.variants.{index}.file", one["file"]) for index, one in enumerate(given.get("variants") or ()) if one.get("file")]
    for at, one in rows:
        if one.get("id"):
            if shop.find(one["id"], "MediaImage") is None:
                raise Invalid(user_error(f"{at}.id", "File does not exist", "INVALID_INPUT"))
        elif not (one.get("originalSource") or "").startswith(("http://", "https://")):
            raise Invalid(user_error(f"{at}.originalSource", "Image URL is invalid", "INVALID_INPUT"))
        elif one.get("duplicateResolutionMode") == "REPLACE" and not one.get("filename"):
            raise Invalid(user_error(f"{at}.filename", "Missing filename argument for REPLACE", "INVALID_INPUT"))


# ---- writing ----


def _write_options(shop: Shop, product: Product, given: dict[str, Any]) -> None:
    asked = given.get("productOptions")
    if asked is None:
        if not product.options:
            product.options = [variants.default_option(shop, product)]
        return
    old = {option.name: option for option in product.options}
    made: list[Option] = []
    for one in asked:
        names = [value["name"] for value in one["values"]]
        held = old.get(one["name"])
        if held is None:
            made.append(variants.new_option(shop, product, one["name"], names))
            continue
        held.by_name = {name: held.by_name.get(name) or shop.new_id("ProductOptionValue") for name in names}
        made.append(held)
    product.options = made


def _write_variants(shop: Shop, product: Product, given: dict[str, Any], plan: Planned) -> None:
    if given.get("variants") is None:
        if not product.variants:
            variants.new(shop, product).values = {variants.TITLE: DEFAULT}
        return
    kept = {id(own) for own, _ in plan if own is not None}
    for one in [one for one in product.variants if id(one) not in kept]:
        variants.remove(shop, one)
    order: list[Variant] = []
    for index, (row, (own, values)) in enumerate(zip(given["variants"], plan, strict=True)):
        at = ["input", "variants", str(index)]
        found = own if own is not None else variants.new(shop, product)
        found.values = values
        _forget_metafields(shop, found, row)
        variants.write(shop, found, row, at)
        _write_quantities(shop, found, row)
        if row.get("file"):
            file = _file(shop, row["file"], [*at, "file"])
            media.attach(product, file)
            found.media = [file]
        order.append(found)
    product.variants = order


def _forget_metafields(shop: Shop, owner: Any, given: dict[str, Any]) -> None:
    if given.get("metafields") is None:
        return
    named = {(one.get("namespace") or metafields.OWN, one.get("key")) for one in given["metafields"]}
    for where in [where for where in owner.metafields if where not in named]:
        metafields.drop(shop, owner, where)


def _write_quantities(shop: Shop, variant: Variant, row: dict[str, Any]) -> None:
    for one in row.get("inventoryQuantities") or ():
        level = stock.activate(shop, variant.inventory_item, shop.things[one["locationId"]])
        level.available = one["quantity"] - (level.committed if one["name"] == "on_hand" else 0)
        stock.moved(shop, level)


def _write_metafields(shop: Shop, product: Product, given: dict[str, Any], identifier: dict[str, Any] | None) -> None:
    _forget_metafields(shop, product, given)
    metafields.put_all(shop, product, given.get("metafields"), "input.metafields")
    custom = (identifier or {}).get("customId")
    if custom and (custom.get("namespace") or metafields.OWN, custom["key"]) not in product.metafields:
        metafields.put(shop, product, custom, ["identifier", "customId"])


def _file(shop: Shop, given: dict[str, Any], at: list[str]) -> Any:
    return shop.things[given["id"]] if given.get("id") else media.create(shop, given, at)


def _write_files(shop: Shop, product: Product, given: dict[str, Any]) -> None:
    if given.get("files") is None:
        return
    of_variants = [file for one in product.variants for file in one.media]
    listed = [_file(shop, one, ["input", "files", str(index)]) for index, one in enumerate(given["files"])]
    product.media = list(dict.fromkeys([*listed, *of_variants]))


def _write_collections(shop: Shop, product: Product, given: dict[str, Any]) -> None:
    if given.get("collections") is None:
        return
    for collection in shop.all("Collection"):
        if collection.id in given["collections"]:
            collection.products.setdefault(product.id, product)
        else:
            collection.products.pop(product.id, None)
