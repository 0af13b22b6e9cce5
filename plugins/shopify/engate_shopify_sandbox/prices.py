"""Prices per company: catalogs, their price lists, and companies where B2B is on (FACTS section 7)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.errors import Invalid, refuse, user_error
from engate_shopify_sandbox.ids import gid
from engate_shopify_sandbox.paging import page
from engate_shopify_sandbox.registry import field, listed, mutation, query
from engate_shopify_sandbox.shop import CURRENCY, Shop

MARKET = gid("Market", 1)


class Company:
    typename = "Company"

    def __init__(self, key: str, name: str, external_id: str, now: datetime) -> None:
        self.id, self.name, self.external_id, self.note = key, name, external_id, None
        self.created_at = self.updated_at = now
        self.places: list[CompanyLocation] = []


class CompanyLocation:
    typename = "CompanyLocation"

    def __init__(self, key: str, company: Company, tax_id: str, now: datetime) -> None:
        self.id, self.company, self.name, self.external_id = key, company, company.name, company.external_id
        self.created_at = self.updated_at = now
        self.currency = CURRENCY
        self.tax_settings = {"taxRegistrationId": tax_id, "taxExempt": False}


class Catalog:
    def __init__(self, key: str, title: str, status: str, places: list[CompanyLocation]) -> None:
        self.typename = "CompanyLocationCatalog" if places else "MarketCatalog"
        self.id, self.title, self.status, self.places = key, title, status, places
        self.price_list: PriceList | None = None
        self.publication = None


class PriceList:
    typename = "PriceList"

    def __init__(self, key: str, name: str, currency: str, adjustment: dict[str, Any]) -> None:
        self.id, self.name, self.currency = key, name, currency
        self.parent = {"adjustment": adjustment}
        self.catalog: Catalog | None = None
        self.fixed: dict[str, dict[str, Any]] = {}  # variant -> PriceListPrice

    @property
    def fixed_prices_count(self) -> int:
        return len(self.fixed)

    def relative(self, variant: Any) -> dict[str, Any]:
        kind, value = self.parent["adjustment"]["type"], Decimal(str(self.parent["adjustment"]["value"]))
        share = (100 + value if kind == "PERCENTAGE_INCREASE" else 100 - value) / 100
        amount = (variant.price * share).quantize(Decimal("0.01"))
        return {"variant": variant, "price": _money(amount), "compareAtPrice": None, "originType": "RELATIVE"}


def _money(amount: Decimal) -> dict[str, Any]:
    return {"amount": amount, "currencyCode": CURRENCY}


def furnish(shop: Shop) -> CompanyLocation:
    """One company that buys, as a merchant would have made it."""
    company = shop.add(Company(shop.new_id("Company"), "Atacado do Zé Ltda", "atacado", shop.now()))
    place = shop.add(CompanyLocation(shop.new_id("CompanyLocation"), company, "11222333000181", shop.now()))
    company.places.append(place)
    return place


def new_catalog(shop: Shop, title: str, status: str, places: list[CompanyLocation]) -> Catalog:
    made = Catalog("", title, status, places)
    made.id = shop.new_id(made.typename)
    return shop.add(made)


def new_price_list(shop: Shop, name: str, catalog: Catalog | None, adjustment: dict[str, Any] | None = None) -> PriceList:
    made = PriceList(shop.new_id("PriceList"), name, CURRENCY, adjustment or {"type": "PERCENTAGE_DECREASE", "value": 0.0})
    if catalog is not None:
        made.catalog, catalog.price_list = catalog, made
    return shop.add(made)


# ---- companies ----


def _need_b2b(context: Context) -> None:
    if not context.shop.settings.b2b:
        raise refuse("ACCESS_DENIED", "This feature is not available on the shop's plan.")


@query("companies")
def companies(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    _need_b2b(context)
    return page(context.shop.all("Company"), args)


@query("companyLocations")
def company_locations(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    _need_b2b(context)
    return page(context.shop.all("CompanyLocation"), args)


@field("Company.locations")
def places(context: Context, source: Company, args: dict[str, Any]) -> Any:
    del context
    return page(source.places, args)


@field("Company.locationsCount")
def places_count(context: Context, source: Company, args: dict[str, Any]) -> dict[str, Any]:
    del context, args
    return {"count": len(source.places), "precision": "EXACT"}


@field("CompanyLocation.catalogs")
def catalogs_of(context: Context, source: CompanyLocation, args: dict[str, Any]) -> Any:
    return page([one for one in context.shop.all("CompanyLocationCatalog") if source in one.places], args)


@field("CompanyLocation.inCatalog")
def in_catalog(context: Context, source: CompanyLocation, args: dict[str, Any]) -> bool:
    found = context.shop.find(args["catalogId"], "CompanyLocationCatalog", "MarketCatalog")
    return found is not None and source in found.places


# ---- catalogs and price lists ----

CATALOGS = ("CompanyLocationCatalog", "MarketCatalog")


@query("catalogs")
def catalogs(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return page(context.shop.all(*CATALOGS), args)


@query("catalog")
def catalog(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return context.shop.find(args["id"], *CATALOGS)


@field("CompanyLocationCatalog.companyLocations")
def catalog_places(context: Context, source: Catalog, args: dict[str, Any]) -> Any:
    del context
    return page(source.places, args)


@field("CompanyLocationCatalog.companyLocationsCount")
def catalog_places_count(context: Context, source: Catalog, args: dict[str, Any]) -> dict[str, Any]:
    del context, args
    return {"count": len(source.places), "precision": "EXACT"}


@mutation("catalogCreate")
def create_catalog(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    shop, given = context.shop, args["input"]
    wished, markets = listed(given["context"], "companyLocationIds"), listed(given["context"], "marketIds")
    if bool(wished) == bool(markets):
        raise Invalid(user_error("input.context", "Must provide exactly one context type.", "MUST_PROVIDE_EXACTLY_ONE_CONTEXT_TYPE"))
    if wished and not shop.settings.b2b:
        message = "Catalogs of company locations are not available on the shop's plan."
        raise Invalid(user_error("input.context.companyLocationIds", message, "UNPERMITTED_ENTITLEMENTS_DIRECT_CATALOG_ASSIGNMENT"))
    found = shop.several(wished, "CompanyLocation")
    if len(found) < len(wished):
        raise Invalid(user_error("input.context.companyLocationIds", "Company location was not found.", "COMPANY_LOCATION_NOT_FOUND"))
    if any(key != MARKET for key in markets):
        raise Invalid(user_error("input.context.marketIds", "Market was not found.", "MARKET_NOT_FOUND"))
    if not given["title"].strip():
        raise Invalid(user_error("input.title", "Title can't be blank.", "BLANK"))
    made = new_catalog(shop, given["title"], given["status"], found)
    if given.get("priceListId"):
        held = shop.find(given["priceListId"], "PriceList")
        if held is None:
            raise Invalid(user_error("input.priceListId", "Price list was not found.", "PRICE_LIST_NOT_FOUND"))
        made.price_list, held.catalog = held, made
    return {"catalog": made}


@mutation("priceListCreate")
def create_price_list(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    shop, given = context.shop, args["input"]
    found = shop.find(given["catalogId"], *CATALOGS) if given.get("catalogId") else None
    if given.get("catalogId") and found is None:
        raise Invalid(user_error("input.catalogId", "Catalog does not exist.", "CATALOG_DOES_NOT_EXIST"))
    if found is not None and found.price_list is not None:
        raise Invalid(user_error("input.catalogId", "Catalog has already been taken.", "CATALOG_TAKEN"))
    if any(one.name == given["name"] for one in shop.all("PriceList")):
        raise Invalid(user_error("input.name", "Name has already been taken.", "TAKEN"))
    if given["currency"] != CURRENCY:
        raise Invalid(user_error("input.currency", "Currency is not supported.", "CURRENCY_NOT_SUPPORTED"))
    return {"priceList": new_price_list(shop, given["name"], found, given["parent"]["adjustment"])}


@query("priceLists")
def price_lists(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return page(context.shop.all("PriceList"), args)


@query("priceList")
def price_list(context: Context, _source: Any, args: dict[str, Any]) -> Any:
    return context.shop.find(args["id"], "PriceList")


@field("PriceList.prices")
def prices(context: Context, source: PriceList, args: dict[str, Any]) -> Any:
    """Fixed ones as they were given, of every other variant the adjusted base price."""
    found = [source.fixed.get(one.id) or source.relative(one) for one in context.shop.all("ProductVariant")]
    wanted = args.get("originType")
    return page([one for one in found if wanted in (None, one["originType"])], args, context.shop.settings.pages_reach)


@mutation("priceListFixedPricesAdd")
def add_prices(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    """Creates or replaces; all or none."""
    held = _list(context.shop, args)
    made = _checked(context.shop, held, args["prices"], "prices")
    held.fixed.update(made)
    return {"prices": list(made.values())}


@mutation("priceListFixedPricesUpdate")
def update_prices(context: Context, _source: Any, args: dict[str, Any]) -> dict[str, Any]:
    held = _list(context.shop, args)
    made = _checked(context.shop, held, args["pricesToAdd"], "pricesToAdd")
    for index, key in enumerate(args["variantIdsToDelete"]):
        if key not in held.fixed:
            raise Invalid(user_error(f"variantIdsToDelete.{index}", "Only fixed prices can be deleted.", "PRICE_NOT_FIXED"))
    for key in args["variantIdsToDelete"]:
        held.fixed.pop(key, None)
    held.fixed.update(made)
    return {"priceList": held, "pricesAdded": list(made.values()), "deletedFixedPriceVariantIds": args["variantIdsToDelete"]}


def _list(shop: Shop, args: dict[str, Any]) -> PriceList:
    held = shop.find(args["priceListId"], "PriceList")
    if held is None:
        raise Invalid(user_error("priceListId", "Price list does not exist.", "PRICE_LIST_NOT_FOUND"))
    return held


def _checked(shop: Shop, held: PriceList, given: list[dict[str, Any]], at: str) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    for index, one in enumerate(given):
        variant = shop.find(one["variantId"], "ProductVariant")
        if variant is None:
            raise Invalid(user_error(f"{at}.{index}.variantId", "Variant does not exist.", "VARIANT_NOT_FOUND"))
        if one["price"]["currencyCode"] != held.currency:
            message = "The currency of the price does not match the price list."
            raise Invalid(user_error(f"{at}.{index}.price.currencyCode", message, "PRICE_LIST_CURRENCY_MISMATCH"))
        compare = one.get("compareAtPrice")
        made[variant.id] = {"variant": variant, "price": one["price"], "compareAtPrice": compare, "originType": "FIXED"}
    return made
