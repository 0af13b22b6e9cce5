"""Publications: nothing is to be seen before it is published to one (FACTS section 5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.errors import Invalid, user_error
from engate_shopify_sandbox.paging import page
from engate_shopify_sandbox.registry import field, listed, mutation

BOTH = ("Product", "Collection")
MOST = 50
"""Publishables of one update."""


def _fields(name: str) -> tuple[str, ...]:
    return tuple(f"{kind}.{name}" for kind in BOTH)


@field(*_fields("publishedOnPublication"))
def published_on(context: Context, source: Any, args: dict[str, Any]) -> bool:
    at = source.publications.get(args["publicationId"])
    return at is not None and at <= context.shop.now()


@field(*_fields("availablePublicationsCount"))
def publications_count(context: Context, source: Any, args: dict[str, Any]) -> dict[str, Any]:
    del args
    return {"count": sum(at <= context.shop.now() for at in source.publications.values()), "precision": "EXACT"}


@field(*_fields("resourcePublications"), *_fields("resourcePublicationsV2"))
def resource_publications(context: Context, source: Any, args: dict[str, Any]) -> Any:
    context.need_scope("resourcePublications", "read_publications", "read_products")
    now = context.shop.now()
    found = [
        {"publication": context.shop.things[key], "publishDate": at, "isPublished": at <= now}
        for key, at in source.publications.items()
        if at <= now or not args.get("onlyPublished", True)
    ]
    return page(found, args)


@mutation("publishablePublish")
def publish(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    return _change(context, args, publishes=True)


@mutation("publishableUnpublish")
def unpublish(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    return _change(context, args, publishes=False)


@mutation("publicationUpdate")
def update(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    """Up to fifty at once; all or none."""
    publication, given = context.shop.find(args["id"], "Publication"), args["input"]
    if publication is None:
        raise Invalid(user_error("id", "Publication not found.", "PUBLICATION_NOT_FOUND"))
    add, remove = listed(given, "publishablesToAdd"), listed(given, "publishablesToRemove")
    if len(add) + len(remove) > MOST:
        raise Invalid(user_error("input", f"At most {MOST} publishables at once.", "PUBLICATION_UPDATE_LIMIT_EXCEEDED"))
    for name, keys in (("publishablesToAdd", add), ("publishablesToRemove", remove)):
        for index, key in enumerate(keys):
            if context.shop.things.get(key) is None or context.shop.things[key].typename not in BOTH:
                raise Invalid(user_error(f"input.{name}.{index}", "Invalid publishable id.", "INVALID_PUBLISHABLE_ID"))
    for key in add:
        context.shop.things[key].publications.setdefault(publication.id, context.shop.now())
    for key in remove:
        context.shop.things[key].publications.pop(publication.id, None)
    if given.get("autoPublish") is not None:
        publication.auto_publish = given["autoPublish"]
    return {"publication": publication}


def _change(context: Context, args: dict[str, Any], *, publishes: bool) -> dict[str, Any]:
    thing = context.shop.find(args["id"], *BOTH)
    if thing is None:
        raise Invalid(user_error("id", "Resource does not exist or is not publishable."))
    wished: dict[str, datetime] = {}
    for index, given in enumerate(args["input"]):
        key = given.get("publicationId")
        if key is None or context.shop.find(key, "Publication") is None:
            raise Invalid(user_error(f"input.{index}.publicationId", "Publication does not exist or is not publishable."))
        wished[key] = given.get("publishDate") or context.shop.now()
    for key, at in wished.items():
        if publishes:
            thing.publications.setdefault(key, at)
        else:
            thing.publications.pop(key, None)
    thing.updated_at = context.shop.now()
    return {"publishable": thing, "shop": None}
