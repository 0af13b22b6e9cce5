"""Every VTEX path this plugin calls, its host, its rate group, and whether repeating it is harmless. Paths stand nowhere else.

Sources: VTEX's public schemas (catalog, pricing, logistics, orders; commit in the contract's SOURCE.md) and, for the list of payment
forms, the public Payments Gateway API. Rates: the schemas' own "rate limit" notes.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

import msgspec

from engate.limits import Rate

Host = Literal["commerce", "pricing", "payments"]

DEFAULT_RATES: dict[str, Rate] = {
    "catalog": Rate(750.0, 750.0),  # 45,000 a minute per account
    "catalog_endpoint": Rate(250.0, 250.0),  # 15,000 a minute for each endpoint
    "pricing_write": Rate(2000 / 60, 450.0),  # 2,000 a minute, 500 burst credits: some are left for calls that bunch up on their way
    "orders": Rate(100.0, 100.0, 60.0),  # readings of an order: 6,000 a minute per account; after a 429 VTEX wants a minute's rest
}
PER_ENDPOINT = "catalog_endpoint"
ORDERS_APIS = ("/api/oms/", "/api/orders/", "/api/order-system/")


class Endpoint(msgspec.Struct, frozen=True):
    """`safe` None: as the method says (GET, PUT, DELETE). True only where a repeat leaves the same state."""

    method: str
    path: str
    group: str = ""
    host: Host = "commerce"
    safe: bool | None = None

    @property
    def groups(self) -> tuple[str, ...]:
        """A call outside VTEX's published limits still has a group of its own, so that a 429 stops the calls like it."""
        if self.group == "catalog":
            return ("catalog", self.own_group)
        return (self.group or self.own_group,)

    @property
    def own_group(self) -> str:
        return f"{self.method} {self.path}"

    def at(self, **parts: str | int) -> str:
        """The path with its {names} filled in, each quoted whole."""
        return self.path.format(**{name: quote(str(value), safe="") for name, value in parts.items()})


def _catalog(method: str, path: str, safe: bool | None = None) -> Endpoint:
    return Endpoint(method, path, "catalog", safe=safe)


CATEGORY_TREE = _catalog("GET", "/api/catalog_system/pub/category/tree/{levels}")
CATEGORY = _catalog("GET", "/api/catalog/pvt/category/{category}")
CATEGORY_CREATE = _catalog("POST", "/api/catalog/pvt/category")
CATEGORY_UPDATE = _catalog("PUT", "/api/catalog/pvt/category/{category}")

BRANDS = _catalog("GET", "/api/catalog_system/pvt/brand/pagedlist")
BRAND = _catalog("GET", "/api/catalog/pvt/brand/{brand}")
BRAND_CREATE = _catalog("POST", "/api/catalog/pvt/brand")
BRAND_UPDATE = _catalog("PUT", "/api/catalog/pvt/brand/{brand}")

PRODUCT_BY_REF = _catalog("GET", "/api/catalog_system/pvt/products/productgetbyrefid/{ref}")
PRODUCT = _catalog("GET", "/api/catalog/pvt/product/{product}")
PRODUCT_CREATE = _catalog("POST", "/api/catalog/pvt/product")
PRODUCT_UPDATE = _catalog("PUT", "/api/catalog/pvt/product/{product}")
PRODUCT_POLICY = _catalog("POST", "/api/catalog/pvt/product/{product}/salespolicy/{policy}", safe=True)
POLICIES = _catalog("GET", "/api/catalog_system/pvt/saleschannel/list")

SKU_BY_REF = _catalog("GET", "/api/catalog/pvt/stockkeepingunit")
SKU = _catalog("GET", "/api/catalog/pvt/stockkeepingunit/{sku}")
SKU_CREATE = _catalog("POST", "/api/catalog/pvt/stockkeepingunit")
SKU_UPDATE = _catalog("PUT", "/api/catalog/pvt/stockkeepingunit/{sku}")
SKU_IDS = _catalog("GET", "/api/catalog_system/pvt/sku/stockkeepingunitids")
SKU_CONTEXT = _catalog("GET", "/api/catalog_system/pvt/sku/stockkeepingunitbyid/{sku}")
EANS = _catalog("GET", "/api/catalog/pvt/stockkeepingunit/{sku}/ean")
EAN_CREATE = _catalog("POST", "/api/catalog/pvt/stockkeepingunit/{sku}/ean/{ean}")
EAN_DELETE = _catalog("DELETE", "/api/catalog/pvt/stockkeepingunit/{sku}/ean/{ean}")
FILES = _catalog("GET", "/api/catalog/pvt/stockkeepingunit/{sku}/file")
FILE_CREATE = _catalog("POST", "/api/catalog/pvt/stockkeepingunit/{sku}/file")
FILE_UPDATE = _catalog("PUT", "/api/catalog/pvt/stockkeepingunit/{sku}/file/{file}")

PRICE = Endpoint("GET", "/pricing/prices/{sku}", host="pricing")
PRICE_UPDATE = Endpoint("PUT", "/pricing/prices/{sku}", "pricing_write", host="pricing")
PRICE_FIXED = Endpoint("PATCH", "/pricing/prices/{sku}/fixed", "pricing_write", host="pricing", safe=True)
PRICE_TABLES = Endpoint("GET", "/pricing/tables", host="pricing")

WAREHOUSES = Endpoint("GET", "/api/logistics/pvt/configuration/warehouses")
WAREHOUSE_CREATE = Endpoint("POST", "/api/logistics/pvt/configuration/warehouses", safe=True)  # an upsert by id
DOCKS = Endpoint("GET", "/api/logistics/pvt/configuration/docks")
STOCK_QUANTITY = Endpoint(
    "PATCH", "/api/logistics/pvt/inventory/skus/{sku}/warehouses/{warehouse}/quantity", safe=True
)  # an absolute total
SHIPPING_POLICIES = Endpoint("GET", "/api/logistics/pvt/shipping-policies")

FEED_CONFIG = Endpoint("GET", "/api/orders/feed/config")
FEED_CONFIGURE = Endpoint("POST", "/api/orders/feed/config", safe=True)  # the same configuration again
FEED_DROP = Endpoint("DELETE", "/api/orders/feed/config")
FEED = Endpoint("GET", "/api/orders/feed")
FEED_COMMIT = Endpoint("POST", "/api/orders/feed", safe=True)
HOOK_CONFIG = Endpoint("GET", "/api/orders/hook/config")
HOOK_CONFIGURE = Endpoint("POST", "/api/orders/hook/config", safe=True)  # the same configuration again
HOOK_DROP = Endpoint("DELETE", "/api/orders/hook/config")
ORDERS = Endpoint("GET", "/api/oms/pvt/orders")
ORDER = Endpoint("GET", "/api/oms/pvt/orders/{order}", "orders")
START_HANDLING = Endpoint("POST", "/api/oms/pvt/orders/{order}/start-handling", safe=True)  # a repeat is a 409 that we read
INVOICE = Endpoint("POST", "/api/oms/pvt/orders/{order}/invoice", safe=True)  # a repeated number only renews the receipt
TRACKING = Endpoint("PATCH", "/api/oms/pvt/orders/{order}/invoice/{invoice}", safe=True)
DELIVERY = Endpoint("PUT", "/api/oms/pvt/orders/{order}/invoice/{invoice}/tracking")
CHANGE = Endpoint("PATCH", "/api/order-system/orders/{order}/changes")  # each one that is taken changes the order again
CHANGES = Endpoint("GET", "/api/order-system/orders/{order}/changes")
CHANGE_DETAIL = Endpoint("GET", "/api/order-system/orders/{order}/changes/{change}")
CANCEL = Endpoint("POST", "/api/oms/pvt/orders/{order}/cancel", safe=True)  # a second call only confirms the first

PAYMENT_SYSTEMS = Endpoint("GET", "/api/pvt/merchants/payment-systems", host="payments")

ALL: tuple[Endpoint, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Endpoint))


def rates(overrides: dict[str, Rate]) -> dict[str, Rate]:
    """The budget of every group: VTEX's published limits, the connection's own over them (a pause is never shortened). Each catalog
    endpoint has its own bucket, and so has each call to an order beside its reading: without a limit, but with the pause of orders."""
    chosen = DEFAULT_RATES | {
        name: msgspec.structs.replace(rate, pause=max(rate.pause, DEFAULT_RATES.get(name, rate).pause)) for name, rate in overrides.items()
    }
    each = chosen.pop(PER_ENDPOINT)
    free = Rate(1000.0, 1000.0, chosen["orders"].pause)
    return {
        **{endpoint.own_group: each for endpoint in ALL if endpoint.group == "catalog"},
        **{endpoint.own_group: free for endpoint in ALL if not endpoint.group and endpoint.path.startswith(ORDERS_APIS)},
        **chosen,
    }
