"""Collections: the merchant's navigation, where an ERP's categories go (FACTS section 5). Only those without rules are served."""

from __future__ import annotations

from typing import Any

from engate_shopify_sandbox import metafields, products
from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.errors import Invalid, user_error
from engate_shopify_sandbox.ids import number_of
from engate_shopify_sandbox.paging import ordered, page
from engate_shopify_sandbox.registry import Answers, field, inner, mutation, query
from engate_shopify_sandbox.search import matcher
from engate_shopify_sandbox.shop import Shop
from engate_shopify_sandbox.things import Collection, slug

PLAIN = (("title", "title"), ("descriptionHtml", "description_html"), ("sortOrder", "sort_order"), ("seo", "seo"))


def new(shop: Shop, title: str, handle: str | None = None) -> Collection:
    wished = products.free_handle(shop, slug(handle or title), "Collection")
    made = shop.add(Collection(shop.new_id("Collection"), title, wished, shop.now()))
    shop.name(made, wished)
    return made


class _Blank:
    typename = "Collection"

    def __init__(self) -> None:
        self.metafields: dict[tuple[str, str], Any] = {}


def _check(shop: Shop, own: Collection | None, given: dict[str, Any]) -> None:
    if (own is None or "title" in given) and not (given.get("title") or "").strip():
        raise Invalid(user_error("collection.title", "Title can't be blank"))
    if given.get("handle") and shop.handles.get(("Collection", slug(given["handle"])), own) is not own:
        raise Invalid(user_error("collection.handle", "Handle has already been taken"))
    owner = own if own is not None else _Blank()
    for index, one in enumerate(given.get("metafields") or ()):
        metafields.check(shop, owner, one, ["collection", "metafields", str(index)])


@mutation("collectionCreate")
def create(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    shop, given = context.shop, inner(args, "collection")
    _check(shop, None, given)
    made = new(shop, given["title"], given.get("handle"))
    return {"collection": _write(shop, made, given)}


@mutation("collectionUpdate")
def update(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    shop, given = context.shop, inner(args, "collection")
    found = shop.find(given["id"], "Collection") if given.get("id") else None
    if found is None:
        raise Invalid(user_error("collection.id", "Collection does not exist"))
    _check(shop, found, given)
    if given.get("handle"):
        shop.name(found, slug(given["handle"]))
    return {"collection": _write(shop, found, given), "job": None}


def _write(shop: Shop, collection: Collection, given: dict[str, Any]) -> Collection:
    for name, attribute in PLAIN:
        if given.get(name) is not None:
            setattr(collection, attribute, given[name])
    metafields.put_all(shop, collection, given.get("metafields"), "collection.metafields")
    collection.updated_at = shop.now()
    return collection


# ---- reading ----


@query("collection")
def collection(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return context.shop.find(args["id"], "Collection")


@query("collectionByIdentifier")
def by_identifier(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return metafields.identified(context.shop, args["identifier"], "Collection", "COLLECTION")


@query("collections")
def collections(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    fields: Answers = {
        "title": lambda one: one.title, "handle": lambda one: one.handle, "updated_at": lambda one: one.updated_at,
        "id": lambda one: number_of(one.id), "collection_type": lambda one: "custom",
    }  # fmt: skip
    matches = matcher(args.get("query"), fields, lambda one: one.title)
    sorts: Answers = {"TITLE": lambda one: one.title, "UPDATED_AT": lambda one: one.updated_at}
    found = [one for one in context.shop.all("Collection") if matches(one)]
    return page(
        ordered(found, sorts.get(args.get("sortKey", "ID"), lambda one: number_of(one.id))), args, context.shop.settings.pages_reach
    )


@field("Collection.products")
def products_of(context: Context, source: Collection, args: dict[str, Any]) -> Any:
    return page(list(source.products.values()), args, context.shop.settings.pages_reach)


@field("Collection.productsCount")
def products_count(context: Context, source: Collection, args: dict[str, Any]) -> dict[str, Any]:
    return products.count(len(source.products), args, context.shop.settings.pages_reach)


@field("Collection.hasProduct")
def has_product(context: Context, source: Collection, args: dict[str, Any]) -> bool:
    del context
    return args["id"] in source.products
