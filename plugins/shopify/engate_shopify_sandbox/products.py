"""Products: reading, creating, updating (FACTS section 5). `productSet` has a module of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from engate_shopify_sandbox import media, metafields, variants
from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.errors import Invalid, user_error
from engate_shopify_sandbox.ids import kind_of
from engate_shopify_sandbox.paging import ordered, page
from engate_shopify_sandbox.registry import Answers, field, inner, listed, mutation, query
from engate_shopify_sandbox.scopes import check_owner
from engate_shopify_sandbox.search import Fields, matcher, values_of_only
from engate_shopify_sandbox.shop import CURRENCY, DOMAIN, ONLINE_STORE, Shop
from engate_shopify_sandbox.things import DEFAULT, Option, Product, Variant, slug

TITLE_LENGTH = 255
PLAIN = (
    ("title", "title"), ("vendor", "vendor"), ("productType", "product_type"), ("descriptionHtml", "description_html"), ("tags", "tags"),
    ("status", "status"), ("category", "category"), ("seo", "seo"), ("templateSuffix", "template_suffix"),
)  # fmt: skip


# ---- writing ----


def free_handle(shop: Shop, wished: str, kind: str) -> str:
    found, number = wished, 0
    while (kind, found) in shop.handles:
        number += 1
        found = f"{wished}-{number}"
    return found


def handle_of(shop: Shop, given: dict[str, Any], own: Any | None, at: str) -> str | None:
    """The handle an input asks for; None: it asks for none. One that is taken is refused."""
    wished = given.get("handle")
    if not wished:
        return None
    if shop.handles.get(("Product", slug(wished)), own) is not own:
        message = f"Handle '{slug(wished)}' already in use. Please provide a new handle."
        raise Invalid(user_error(f"{at}.handle", message, "HANDLE_NOT_UNIQUE"))
    return slug(wished)


def check(shop: Shop, own: Product | None, given: dict[str, Any], at: str) -> None:
    if (own is None or "title" in given) and not (given.get("title") or "").strip():
        raise Invalid(user_error(f"{at}.title", "Title can't be blank", "INVALID_PRODUCT"))
    if len(given.get("title") or "") > TITLE_LENGTH:
        raise Invalid(user_error(f"{at}.title", "Title is too long (maximum is 255 characters)", "INVALID_PRODUCT"))
    category = given.get("category")
    if category and not category.startswith("gid://shopify/TaxonomyCategory/"):
        raise Invalid(user_error(f"{at}.category", "Product category is invalid", "INVALID_PRODUCT"))
    for name in ("collectionsToJoin", "collectionsToLeave", "collections"):
        for index, key in enumerate(given.get(name) or ()):
            if shop.find(key, "Collection") is None:
                raise Invalid(user_error(f"{at}.{name}.{index}", "Collection does not exist", "INVALID_PRODUCT"))
    owner = own if own is not None else _BLANK
    for index, one in enumerate(given.get("metafields") or ()):
        metafields.check(shop, owner, one, [*at.split("."), "metafields", str(index)])


class _Blank:
    typename = "Product"

    def __init__(self) -> None:
        self.metafields: dict[tuple[str, str], Any] = {}


_BLANK = _Blank()


def write(shop: Shop, product: Product, given: dict[str, Any]) -> None:
    """What is named is set, what is not stays. `tags` is the whole list."""
    for name, attribute in PLAIN:
        if name in given and given[name] is not None:
            setattr(product, attribute, given[name])
    if given.get("handle"):
        shop.name(product, slug(given["handle"]))
    for key in given.get("collectionsToJoin") or ():
        shop.things[key].products.setdefault(product.id, product)
    for key in given.get("collectionsToLeave") or ():
        shop.things[key].products.pop(product.id, None)


def new(shop: Shop, given: dict[str, Any], at: str) -> Product:
    handle = handle_of(shop, given, None, at) or free_handle(shop, slug(given["title"]), "Product")
    product = shop.add(Product(shop.new_id("Product"), given["title"], handle, shop.now()))
    shop.name(product, handle)
    product.vendor = "Loja Engate"
    write(shop, product, given)
    return product


@mutation("productCreate")
def create(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    """With options, the variant of their first values; without, the one default variant."""
    shop, given = context.shop, inner(args, "product")
    check(shop, None, given, "product")
    options = listed(given, "productOptions")
    variants.check_options(options, "product.productOptions")
    files = args.get("media") or ()
    handle_of(shop, given, None, "product")
    product = new(shop, given, "product")
    product.options = [variants.new_option(shop, product, one["name"], [value["name"] for value in one["values"]]) for one in options]
    only = variants.new(shop, product)
    if product.options:
        only.values = {option.name: next(iter(option.by_name)) for option in product.options}
    else:
        product.options = [variants.default_option(shop, product)]
        only.values = {variants.TITLE: DEFAULT}
    metafields.put_all(shop, product, given.get("metafields"), "product.metafields")
    for index, one in enumerate(files):
        media.attach(product, media.create(shop, one, ["media", str(index)]))
    shop.tell("PRODUCTS_CREATE", product)
    return {"product": product}


@mutation("productUpdate")
def update(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    """The product by `identifier`, else by the input's id. Metafields are merged, media added."""
    shop, given = context.shop, inner(args, "product")
    identifier = args.get("identifier") or ({"id": given["id"]} if given.get("id") else None)
    if identifier is None:
        raise Invalid(user_error("product.id", "Product id or identifier is required"))
    product = metafields.identified(shop, identifier, "Product", "PRODUCT")
    if product is None:
        raise Invalid(user_error("identifier" if args.get("identifier") else "id", "Product does not exist"))
    check(shop, product, given, "product")
    handle_of(shop, given, product, "product")
    files = [media.create(shop, one, ["media", str(index)]) for index, one in enumerate(args.get("media") or ())]
    write(shop, product, given)
    metafields.put_all(shop, product, given.get("metafields"), "product.metafields")
    for file in files:
        media.attach(product, file)
    variants.touched(shop, product)
    return {"product": product}


@mutation("productOptionsCreate")
def create_options(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    """New options; variants that exist take the first value of each (strategy LEAVE_AS_IS)."""
    shop = context.shop
    product = shop.find(args["productId"], "Product")
    if product is None:
        raise Invalid(user_error("productId", "Product does not exist", "PRODUCT_DOES_NOT_EXIST"))
    if args.get("variantStrategy") == "CREATE":
        raise Invalid(user_error("variantStrategy", "Only LEAVE_AS_IS is served here.", "UNSUPPORTED_COMBINED_LISTING_PARENT_OPERATION"))
    variants.check_options(args["options"], "options")
    alone = product.has_only_default_variant
    kept: list[Option] = [] if alone else product.options
    if len(kept) + len(args["options"]) > variants.OPTIONS:
        raise Invalid(user_error("options", "Can only specify a maximum of 3 options", "OPTIONS_OVER_LIMIT"))
    if {one["name"] for one in args["options"]} & {option.name for option in kept}:
        raise Invalid(user_error("options", "Option already exists.", "OPTION_ALREADY_EXISTS"))
    made = [variants.new_option(shop, product, one["name"], [value["name"] for value in one["values"]]) for one in args["options"]]
    product.options = [*kept, *made]
    for one in product.variants:
        old: dict[str, str] = {} if alone else one.values
        one.values = {**old, **{option.name: next(iter(option.by_name)) for option in made}}
    variants.touched(shop, product)
    return {"product": product}


# ---- tags, of products and orders ----


@mutation("tagsAdd")
def add_tags(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    return _tag(context, args, "tagsAdd")


@mutation("tagsRemove")
def remove_tags(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    return _tag(context, args, "tagsRemove")


def _tag(context: Context, args: dict[str, Any], name: str) -> dict[str, Any]:
    check_owner(context, name, kind_of(args["id"]))
    thing = context.shop.find(args["id"], "Product", "Order")
    if thing is None:
        raise Invalid(user_error("id", "Resource does not exist"))
    given = [tag.strip() for text in args["tags"] for tag in text.split(",")]
    rest = [tag for tag in thing.tags if tag not in given]
    thing.tags = sorted({*rest, *given}) if name == "tagsAdd" else rest
    if thing.typename == "Order":
        thing.touch()
    else:
        variants.touched(context.shop, thing)
    return {"node": thing}


# ---- reading ----

FIELDS: Fields = {
    "id": lambda one: one.legacy_resource_id, "title": lambda one: one.title, "handle": lambda one: one.handle,
    "status": lambda one: one.status, "vendor": lambda one: one.vendor, "product_type": lambda one: one.product_type,
    "tag": lambda one: one.tags, "created_at": lambda one: one.created_at, "updated_at": lambda one: one.updated_at,
    "published_at": lambda one: one.published_at, "sku": lambda one: [variant.sku for variant in one.variants],
    "barcode": lambda one: [variant.barcode for variant in one.variants],
    "published_status": lambda one: "published" if ONLINE_STORE in one.publications else "unpublished",
}  # fmt: skip
SORTS: Answers = {
    "ID": lambda one: one.legacy_resource_id, "CREATED_AT": lambda one: one.created_at, "UPDATED_AT": lambda one: one.updated_at,
    "TITLE": lambda one: one.title, "VENDOR": lambda one: one.vendor, "PRODUCT_TYPE": lambda one: one.product_type,
    "INVENTORY_TOTAL": lambda one: one.total_inventory,
}  # fmt: skip
VARIANT_FIELDS: Fields = {
    "id": lambda one: one.legacy_resource_id, "sku": lambda one: one.sku, "barcode": lambda one: one.barcode,
    "product_id": lambda one: one.product.legacy_resource_id, "title": lambda one: one.title, "updated_at": lambda one: one.updated_at,
    "product_status": lambda one: one.product.status, "inventory_quantity": lambda one: one.inventory_quantity,
    "vendor": lambda one: one.product.vendor,
}  # fmt: skip


def search(shop: Shop, query_text: str | None) -> list[Product]:
    matches = matcher(query_text, _with_metafields(shop, FIELDS), lambda one: f"{one.title} {one.vendor} {one.product_type}")
    return [one for one in shop.all("Product") if matches(one) and indexed(shop, one, query_text)]


def indexed(shop: Shop, thing: Any, query_text: str | None) -> bool:
    """What was made just now may be missing in a search; a look by id, handle or custom id finds it at once."""
    return not query_text or thing.created_at <= shop.now() - timedelta(seconds=shop.settings.index_delay)


def _with_metafields(shop: Shop, fields: Fields) -> Fields:
    """`metafields.<namespace>.<key>` of every definition there is."""
    found = dict(fields)
    for _, namespace, key in shop.definitions:
        found[f"metafields.{namespace}.{key}"] = lambda one, where=(namespace, key): (
            one.metafields[where].value if where in one.metafields else None
        )
    return found


@query("products")
def products(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    key = SORTS.get(args.get("sortKey", "ID"), SORTS["ID"])
    return page(ordered(search(context.shop, args.get("query")), key), args, context.shop.settings.pages_reach)


@query("productsCount")
def products_count(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    return count(len(search(context.shop, args.get("query"))), args, context.shop.settings.pages_reach)


def count(found: int, args: dict[str, Any], reach: int) -> dict[str, Any]:
    """Counting stops somewhere too."""
    most = args.get("limit") or 10_000
    most = min(most, reach)
    return {"count": min(found, most), "precision": "EXACT" if found <= most else "AT_LEAST"}


@query("product")
def product(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return context.shop.find(args["id"], "Product")


@query("productByIdentifier")
def product_by_identifier(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return metafields.identified(context.shop, args["identifier"], "Product", "PRODUCT")


@query("productVariants")
def product_variants(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    sorts: Answers = {
        "SKU": lambda one: one.sku or "",
        "TITLE": lambda one: one.title,
        "INVENTORY_QUANTITY": lambda one: one.inventory_quantity,
    }
    text, shop = args.get("query"), context.shop
    matches = matcher(text, _with_metafields(shop, VARIANT_FIELDS), lambda one: f"{one.display_name} {one.sku}")
    wanted = values_of_only("sku", text)  # the common question has an index
    pool = (
        shop.all("ProductVariant") if wanted is None else list({one.id: one for sku in wanted for one in shop.skus.get(sku, ())}.values())
    )
    found = [one for one in pool if matches(one) and indexed(shop, one, text)]
    key = sorts.get(args.get("sortKey", "ID"), lambda one: one.legacy_resource_id)
    return page(ordered(found, key), args, context.shop.settings.pages_reach)


@field("Product.variants")
def variants_of(context: Context, source: Product, args: dict[str, Any]) -> Any:
    del context
    return page(source.variants, args)


@field("Product.variantsCount")
def variants_count(context: Context, source: Product, args: dict[str, Any]) -> dict[str, Any]:
    del context, args
    return {"count": len(source.variants), "precision": "EXACT"}


@field("Product.media")
def media_of(context: Context, source: Product, args: dict[str, Any]) -> Any:
    del context
    return page(source.media, args)


@field("ProductVariant.media")
def media_of_variant(context: Context, source: Variant, args: dict[str, Any]) -> Any:
    del context
    return page(source.media, args)


@field("Product.mediaCount")
def media_count(context: Context, source: Product, args: dict[str, Any]) -> dict[str, Any]:
    del context, args
    return {"count": len(source.media), "precision": "EXACT"}


@field("Product.featuredMedia")
def featured(context: Context, source: Product, args: dict[str, Any]) -> Any:
    del context, args
    return source.media[0] if source.media else None


@field("Product.options")
def options_of(context: Context, source: Product, args: dict[str, Any]) -> list[Option]:
    del context
    return source.options[: args.get("first") or None]


@field("ProductOption.values")
def values_of(context: Context, source: Option, args: dict[str, Any]) -> list[str]:
    del context, args
    return list(source.by_name)


@field("ProductOption.optionValues")
def option_values(context: Context, source: Option, args: dict[str, Any]) -> list[dict[str, Any]]:
    del context, args
    used = {one.values.get(source.name) for one in source.product.variants}
    return [{"id": key, "name": name, "hasVariants": name in used} for name, key in source.by_name.items()]


@field("ProductOption.position")
def option_position(context: Context, source: Option, args: dict[str, Any]) -> int:
    del context, args
    return source.product.options.index(source) + 1


@field("Product.collections")
def collections_of(context: Context, source: Product, args: dict[str, Any]) -> Any:
    return page([one for one in context.shop.all("Collection") if source.id in one.products], args)


@field("Product.inCollection")
def in_collection(context: Context, source: Product, args: dict[str, Any]) -> bool:
    found = context.shop.find(args["id"], "Collection")
    return found is not None and source.id in found.products


@field("Product.category")
def category(context: Context, source: Product, args: dict[str, Any]) -> dict[str, Any] | None:
    del context, args
    if source.category is None:
        return None
    name = source.category.rpartition("/")[2]
    return {"id": source.category, "name": name, "fullName": name, "isLeaf": True}


@field("Product.description")
def description(context: Context, source: Product, args: dict[str, Any]) -> str:
    del context
    return source.description[: args.get("truncateAt") or None]


@field("Product.onlineStoreUrl")
def online_url(context: Context, source: Product, args: dict[str, Any]) -> str | None:
    del context, args
    visible = source.status == "ACTIVE" and ONLINE_STORE in source.publications
    return f"https://{DOMAIN}/products/{source.handle}" if visible else None


@field("Product.priceRangeV2")
def price_range(context: Context, source: Product, args: dict[str, Any]) -> dict[str, Any]:
    del context, args
    prices = [one.price for one in source.variants]
    return {"minVariantPrice": {"amount": min(prices), "currencyCode": CURRENCY},
            "maxVariantPrice": {"amount": max(prices), "currencyCode": CURRENCY}}  # fmt: skip
