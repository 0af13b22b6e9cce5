"""The shop itself, the app's installation, versions, locations, publications, and `node`."""

from __future__ import annotations

from typing import Any

from engate_shopify_sandbox import access, ids
from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.metafields import OWN
from engate_shopify_sandbox.paging import ordered, page
from engate_shopify_sandbox.registry import field, query
from engate_shopify_sandbox.scopes import BUSINESS, ORDERS, PRODUCTS, SHIPS
from engate_shopify_sandbox.shop import CURRENCY, DOMAIN, ONLINE_STORE, Shop
from engate_shopify_sandbox.things import Location, Owner

PLAN_NAMES = {"standard": "Basic", "advanced": "Advanced", "plus": "Shopify Plus", "enterprise": "Shopify Plus"}
NODE_SCOPES = {"Product": PRODUCTS, "ProductVariant": PRODUCTS, "Collection": PRODUCTS, "Order": ORDERS, "FulfillmentOrder": SHIPS,
               "Company": BUSINESS, "CompanyLocation": BUSINESS}  # fmt: skip
POINT_OF_SALE = ids.gid("Publication", 2)


class ThisShop(Owner):
    typename = "Shop"
    name = "Loja Engate"
    email = "contato@loja-engate.example"


class Publication:
    typename = "Publication"

    def __init__(self, key: str, name: str) -> None:
        self.id, self.name = key, name
        self.auto_publish = False
        self.supports_future_publishing = key == ONLINE_STORE
        self.catalog = None


def furnish(shop: Shop) -> tuple[Location, Location]:
    """What every shop has before anybody connects: itself, two locations, two publications."""
    now = shop.now()
    shop.add(ThisShop(ids.gid("Shop", 61_000_000_001), now))
    shop.add(Publication(ONLINE_STORE, "Online Store"))
    shop.add(Publication(POINT_OF_SALE, "Point of Sale"))
    main = shop.add(Location(shop.new_id("Location"), "Loja principal", now))
    second = shop.add(Location(shop.new_id("Location"), "Segundo depósito", now))
    return main, second


@query("shop")
def this_shop(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    del args
    own = context.shop.all("Shop")[0]
    plan = context.shop.settings.plan
    return {
        "__typename": "Shop", "id": own.id, "name": own.name, "email": own.email, "myshopifyDomain": DOMAIN, "currencyCode": CURRENCY,
        "ianaTimezone": "America/Sao_Paulo", "timezoneOffset": "-0300", "taxesIncluded": True, "taxShipping": False,
        "plan": {"partnerDevelopment": False, "publicDisplayName": PLAN_NAMES[plan], "shopifyPlus": plan in ("plus", "enterprise")},
        "features": {"sellsSubscriptions": False, "storefront": True}, "weightUnit": "KILOGRAMS", "url": f"https://{DOMAIN}",
        "primaryDomain": {"id": ids.gid("Domain", 1), "host": DOMAIN, "url": f"https://{DOMAIN}", "sslEnabled": True},
        "enabledPresentmentCurrencies": [CURRENCY], "createdAt": own.created_at, "updatedAt": own.updated_at,
    }  # fmt: skip


@field("Shop.metafield")
def shop_metafield(context: Context, _source: Any, args: dict[str, Any]) -> Any:

    return context.shop.all("Shop")[0].metafields.get((args.get("namespace") or OWN, args["key"]))


@query("currentAppInstallation")
def installation(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    del args
    app = {"__typename": "App", "id": ids.gid("App", 2_209_467), "apiKey": access.CLIENT_ID, "handle": "engate", "title": "engate",
           "developerName": "engate", "embedded": False}  # fmt: skip
    scopes = [{"handle": handle, "description": handle.replace("_", " ").capitalize()} for handle in context.token.handles()]
    return {"__typename": "AppInstallation", "id": ids.gid("AppInstallation", 4_401), "accessScopes": scopes, "app": app,
            "launchUrl": f"https://{DOMAIN}/admin/apps/engate"}  # fmt: skip


@query("publicApiVersions")
def versions(context: Context, _source: Any, args: dict[str, Any]) -> list[dict[str, Any]]:
    del args
    found = access.released(context.shop.now())
    shown: list[dict[str, Any]] = [{"handle": one, "displayName": one, "supported": True} for one in found]
    shown[-1]["displayName"] += " (Latest)"
    return [*shown, {"handle": "unstable", "displayName": "unstable", "supported": False}]


@query("locations")
def locations(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    found = [one for one in context.shop.all("Location") if one.is_active]
    return page(ordered(found, lambda one: one.name), args)


@query("location")
def location(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    if args.get("id") is None:
        return context.shop.all("Location")[0]
    return context.shop.find(args["id"], "Location")


@field("Location.hasActiveInventory")
def has_stock(context: Context, source: Location, args: dict[str, Any]) -> bool:
    del args
    return any(level.location is source for level in context.shop.all("InventoryLevel"))


@query("publications")
def publications(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return page(context.shop.all("Publication"), args)


@query("node")
def node(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    kind = ids.kind_of(args["id"])
    if kind in NODE_SCOPES:
        context.need_scope("node", *NODE_SCOPES[kind])
    if kind == "Job":
        return None  # a Job is no Node
    found = context.shop.find(args["id"])
    return this_shop(context, None, {}) if isinstance(found, ThisShop) else found


@query("nodes")
def nodes(context: Context, _source: Any, args: dict[str, Any]) -> list[Any]:
    return [node(context, None, {"id": key}) for key in args["ids"]]
