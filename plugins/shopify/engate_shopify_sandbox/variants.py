"""Variants: their input, their options, and the mutations that touch them alone (FACTS section 5)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engate_shopify_sandbox import media, metafields, stock
from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.errors import Invalid, UserError, user_error
from engate_shopify_sandbox.registry import field, inner, mutation, query
from engate_shopify_sandbox.shop import Shop
from engate_shopify_sandbox.things import DEFAULT, Option, Product, Variant

MOST = 2048
OPTIONS = 3
SKU_LENGTH = 255
TITLE = "Title"
ITEM = (
    ("tracked", "tracked"), ("requiresShipping", "requires_shipping"), ("cost", "cost"),
    ("harmonizedSystemCode", "harmonized_system_code"), ("countryCodeOfOrigin", "country_code_of_origin"),
)  # fmt: skip


# ---- options ----


def new_option(shop: Shop, product: Product, name: str, values: list[str]) -> Option:
    return Option(shop.new_id("ProductOption"), product, name, {value: shop.new_id("ProductOptionValue") for value in values})


def default_option(shop: Shop, product: Product) -> Option:
    return new_option(shop, product, TITLE, [DEFAULT])


def check_options(given: list[dict[str, Any]], at: str) -> None:
    if len(given) > OPTIONS:
        raise Invalid(user_error(at, f"Can only specify a maximum of {OPTIONS} options", "OPTIONS_OVER_LIMIT"))
    names = [one.get("name") for one in given]
    if len(set(names)) < len(names):
        raise Invalid(user_error(at, "Duplicated option name.", "DUPLICATED_OPTION_NAME"))
    for index, one in enumerate(given):
        values = [value.get("name") for value in one.get("values") or ()]
        if not values:
            raise Invalid(user_error(f"{at}.{index}", "Each option must have at least one option value.", "OPTION_VALUES_MISSING"))
        if len(set(values)) < len(values):
            raise Invalid(user_error(f"{at}.{index}", "Duplicated option value.", "DUPLICATED_OPTION_VALUE"))


def chosen(shop: Shop, product: Product, given: list[dict[str, Any]], at: list[str], *, adds: bool) -> dict[str, str]:
    """option -> value as an input names them, by name or id; `adds`: a value that is not there yet is made."""
    found: dict[str, str] = {}
    for index, one in enumerate(given):
        option = next((held for held in product.options if held.id == one.get("optionId") or held.name == one.get("optionName")), None)
        where = [*at, "optionValues", str(index)]
        if option is None:
            raise Invalid(user_error(where, "Option does not exist", "OPTION_DOES_NOT_EXIST"))
        value = one.get("name") or next((name for name, key in option.by_name.items() if key == one.get("id")), None)
        if not value or (value not in option.by_name and not adds):
            raise Invalid(user_error(where, "Option value does not exist", "OPTION_VALUE_DOES_NOT_EXIST"))
        option.by_name.setdefault(value, shop.new_id("ProductOptionValue"))
        found[option.name] = value
    missing = [option.name for option in product.options if option.name not in found]
    if missing:
        raise Invalid(user_error(at, f"You need to add option values for {', '.join(missing)}", "NEED_TO_ADD_OPTION_VALUES"))
    return {option.name: found[option.name] for option in product.options}


def refuse_taken(product: Product, values: dict[str, str], own: Variant | None, at: list[str]) -> None:
    if any(other.values == values and other is not own for other in product.variants):
        message = f"The variant '{' / '.join(values.values())}' already exists."
        raise Invalid(user_error(at, message, "VARIANT_ALREADY_EXISTS"))


# ---- one variant ----


def new(shop: Shop, product: Product) -> Variant:
    """Stocked at the shop's first location, as every new item is, with nothing."""
    variant = Variant(shop.new_id("ProductVariant"), shop.new_id("InventoryItem"), product, shop.now())
    shop.add(variant)
    shop.add(variant.inventory_item)
    stock.activate(shop, variant.inventory_item, shop.all("Location")[0])
    product.variants.append(variant)
    return variant


def remove(shop: Shop, variant: Variant) -> None:
    metafields.forget_owner(shop, variant)
    shop.stock_keep(variant, None)
    for level in variant.inventory_item.levels.values():
        shop.remove(level)
    shop.remove(variant.inventory_item)
    shop.remove(variant)
    variant.product.variants.remove(variant)


def check(shop: Shop, own: Variant | None, given: dict[str, Any], at: list[str]) -> None:
    """What can be said before anything is changed."""
    price, compare = given.get("price"), given.get("compareAtPrice")
    for name, money in (("price", price), ("compareAtPrice", compare)):
        if money is not None and money < 0:
            raise Invalid(user_error([*at, name], "Price must be greater than or equal to 0", "GREATER_THAN_OR_EQUAL_TO"))
    item = inner(given, "inventoryItem")
    for sku in (given.get("sku"), item.get("sku")):
        if sku is not None and len(sku) > SKU_LENGTH:
            raise Invalid(user_error([*at, "sku"], "SKU is too long", "TOO_LONG"))
    if (cost := item.get("cost")) is not None and cost < 0:
        raise Invalid(user_error([*at, "inventoryItem", "cost"], "Cost must be positive", "INVALID_INPUT"))
    owner = own if own is not None else _Blank()
    for index, one in enumerate(given.get("metafields") or ()):
        metafields.check(shop, owner, one, [*at, "metafields", str(index)])


class _Blank:
    """A variant that is not there yet."""

    typename = "ProductVariant"

    def __init__(self) -> None:
        self.metafields: dict[tuple[str, str], Any] = {}


def write(shop: Shop, variant: Variant, given: dict[str, Any], at: list[str]) -> None:
    """What is named is set, what is not stays; list fields are for the caller."""
    now = shop.now()
    if given.get("price") is not None:
        variant.price = given["price"]
    variant.compare_at_price = given.get("compareAtPrice", variant.compare_at_price)
    for name, attribute in (("barcode", "barcode"), ("taxable", "taxable"), ("inventoryPolicy", "inventory_policy"),
                            ("requiresComponents", "requires_components")):  # fmt: skip
        if name in given:
            setattr(variant, attribute, given[name])
    if "sku" in given:
        shop.stock_keep(variant, given["sku"])
    _write_item(shop, variant, given.get("inventoryItem") or {})
    metafields.put_all(shop, variant, given.get("metafields"), ".".join([*at, "metafields"]))
    variant.updated_at = now


def _write_item(shop: Shop, variant: Variant, given: dict[str, Any]) -> None:
    item = variant.inventory_item
    if "sku" in given:
        shop.stock_keep(variant, given["sku"])
    for name, attribute in ITEM:
        if name in given:
            setattr(item, attribute, given[name])
    weight = inner(given, "measurement").get("weight")
    if weight is not None:
        item.weight = weight
    if given:
        item.updated_at = shop.now()


# ---- reading ----


@field("ProductVariant.selectedOptions")
def selected(context: Context, source: Variant, args: dict[str, Any]) -> list[dict[str, Any]]:
    del context, args
    by_name = {option.name: option for option in source.product.options}
    return [
        {"name": name, "value": value, "optionValue": {"id": by_name[name].by_name[value], "name": value, "hasVariants": True}}
        for name, value in (source.values or {TITLE: DEFAULT}).items()
    ]


@query("productVariant")
def variant(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return context.shop.find(args["id"], "ProductVariant")


@query("productVariantByIdentifier")
def variant_by_identifier(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return metafields.identified(context.shop, args["identifier"], "ProductVariant", "PRODUCTVARIANT")


# ---- writing many ----


def _product(context: Context, args: dict[str, Any]) -> Product:
    product = context.shop.find(args["productId"], "Product")
    if product is None:
        raise Invalid(user_error("productId", "Product does not exist", "PRODUCT_DOES_NOT_EXIST"))
    return product


@mutation("productVariantsBulkCreate")
def create_many(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    shop, product, given = context.shop, _product(context, args), args["variants"]
    alone = product.has_only_default_variant
    strategy = args.get("strategy", "DEFAULT")
    if len(product.variants) + len(given) > MOST:
        raise Invalid(user_error("variants", f"You can only have {MOST} variants", "SUBSCRIPTION_VIOLATION"))
    made: list[dict[str, str]] = []
    for index, one in enumerate(given):
        at = ["variants", str(index)]
        check(shop, None, one, at)
        values = chosen(shop, product, one.get("optionValues") or [], at, adds=True)
        refuse_taken(product, values, None, at)
        if values in made:
            raise Invalid(user_error(at, f"The variant '{' / '.join(values.values())}' already exists.", "VARIANT_ALREADY_EXISTS"))
        made.append(values)
        for quantity in one.get("inventoryQuantities") or ():
            if shop.find(quantity["locationId"], "Location") is None:
                raise Invalid(user_error([*at, "inventoryQuantities"], "Location does not exist", "TRACKED_VARIANT_LOCATION_NOT_FOUND"))
    if strategy == "REMOVE_STANDALONE_VARIANT" and len(product.variants) == 1 or (strategy == "DEFAULT" and alone):
        remove(shop, product.variants[0])
    found = [_create(shop, product, one, values, index) for index, (one, values) in enumerate(zip(given, made, strict=True))]
    _attach(shop, product, args)
    touched(shop, product)
    return {"product": product, "productVariants": found}


def _create(shop: Shop, product: Product, given: dict[str, Any], values: dict[str, str], index: int) -> Variant:
    found = new(shop, product)
    found.values = values
    write(shop, found, given, ["variants", str(index)])
    _media(shop, product, found, given)
    for quantity in given.get("inventoryQuantities") or ():
        level = stock.activate(shop, found.inventory_item, shop.things[quantity["locationId"]])
        level.available = quantity["availableQuantity"]
    return found


def _media(shop: Shop, product: Product, found: Variant, given: dict[str, Any]) -> None:
    file = shop.find(given["mediaId"], "MediaImage") if given.get("mediaId") else None
    sources = given.get("mediaSrc") or ()
    file = file or next((one for one in product.media if one.source in sources), None)
    if file is not None:
        found.media = [file]


def _attach(shop: Shop, product: Product, args: dict[str, Any]) -> None:
    for index, one in enumerate(args.get("media") or ()):
        media.attach(product, media.create(shop, one, ["media", str(index)]))


@mutation("productVariantsBulkUpdate")
def update_many(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    """All or none, unless partial updates are allowed."""
    shop, product = context.shop, _product(context, args)
    errors: list[UserError] = []
    fit: list[tuple[Variant, dict[str, Any], dict[str, str], list[str]]] = []
    for index, one in enumerate(args["variants"]):
        try:
            fit.append(_fit(shop, product, one, index))
        except Invalid as invalid:
            errors += invalid.errors
    if errors and not args.get("allowPartialUpdates"):
        raise Invalid(*errors)
    for found, one, values, at in fit:
        found.values = values
        write(shop, found, one, at)
    _attach(shop, product, args)
    for found, one, _, _ in fit:
        _media(shop, product, found, one)
    if fit:
        touched(shop, product)
    return {"product": product, "productVariants": [one[0] for one in fit], "userErrors": errors}


def _fit(shop: Shop, product: Product, given: dict[str, Any], index: int) -> tuple[Variant, dict[str, Any], dict[str, str], list[str]]:
    at = ["variants", str(index)]
    if not given.get("id"):
        raise Invalid(user_error([*at, "id"], "Product variant is missing ID attribute", "PRODUCT_VARIANT_ID_MISSING"))
    found = shop.find(given["id"], "ProductVariant")
    if found is None or found.product is not product:
        raise Invalid(user_error([*at, "id"], "Product variant does not exist", "PRODUCT_VARIANT_DOES_NOT_EXIST"))
    if given.get("inventoryQuantities") is not None:
        message = "Inventory quantities can only be provided during create."
        raise Invalid(user_error([*at, "inventoryQuantities"], message, "NO_INVENTORY_QUANTITIES_ON_VARIANTS_UPDATE"))
    check(shop, found, given, at)
    values = found.values
    if given.get("optionValues") is not None:
        values = chosen(shop, product, given["optionValues"], at, adds=True)
        refuse_taken(product, values, found, at)
    return found, given, values, at


@mutation("productVariantsBulkDelete")
def delete_many(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    shop, product = context.shop, _product(context, args)
    found: list[Variant] = []
    for index, key in enumerate(args["variantsIds"]):
        one = shop.find(key, "ProductVariant")
        if one is None or one.product is not product:
            message = "At least one variant does not belong to the product"
            raise Invalid(user_error(f"variantsIds.{index}", message, "AT_LEAST_ONE_VARIANT_DOES_NOT_BELONG_TO_THE_PRODUCT"))
        found.append(one)
    if len(found) == len(product.variants):
        raise Invalid(user_error("variantsIds", "Cannot delete the last variant of a product", "CANNOT_DELETE_LAST_VARIANT"))
    for one in found:
        remove(shop, one)
    touched(shop, product)
    return {"product": product}


def touched(shop: Shop, product: Product) -> None:
    product.updated_at = shop.now()
    shop.tell("PRODUCTS_UPDATE", product)


def money(value: Decimal | None) -> dict[str, Any] | None:
    return None if value is None else {"amount": value, "currencyCode": "BRL"}
