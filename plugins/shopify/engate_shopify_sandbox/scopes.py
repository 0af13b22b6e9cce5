"""The scopes that each root field asks (FACTS section 2), and where a payload keeps its user errors."""

from __future__ import annotations

from engate_shopify_sandbox.context import Context

PRODUCTS, WRITE_PRODUCTS = ("read_products",), ("write_products",)
STOCK, ORDERS, WRITE_ORDERS = ("read_inventory",), ("read_orders",), ("write_orders",)
EDITS = ("write_order_edits",)
SHIPS = (
    "read_merchant_managed_fulfillment_orders", "read_assigned_fulfillment_orders", "read_third_party_fulfillment_orders",
)  # fmt: skip
WRITE_SHIPS = tuple(scope.replace("read_", "write_", 1) for scope in SHIPS)
BUSINESS = ("read_companies", "read_customers")
FREE: tuple[str, ...] = ()

ROOT: dict[str, tuple[str, ...]] = {
    "shop": FREE, "currentAppInstallation": FREE, "publicApiVersions": FREE, "node": FREE, "nodes": FREE, "job": FREE,
    "locations": ("read_locations",), "location": ("read_locations",), "publications": ("read_publications",),
    "products": PRODUCTS, "product": PRODUCTS, "productByIdentifier": PRODUCTS, "productsCount": PRODUCTS, "productVariants": PRODUCTS,
    "productVariant": PRODUCTS, "productVariantByIdentifier": PRODUCTS, "productOperation": PRODUCTS, "collections": PRODUCTS,
    "collection": PRODUCTS, "collectionByIdentifier": PRODUCTS, "files": ("read_files",), "metafieldDefinitions": FREE,
    "inventoryItem": (*STOCK, *PRODUCTS), "inventoryItems": (*STOCK, *PRODUCTS), "inventoryLevel": STOCK,
    "priceList": PRODUCTS, "priceLists": PRODUCTS, "catalog": PRODUCTS, "catalogs": PRODUCTS,
    "companies": BUSINESS, "companyLocations": BUSINESS,
    "orders": ORDERS, "order": ORDERS, "orderByIdentifier": ORDERS, "ordersCount": ORDERS, "refund": ORDERS, "return": ("read_returns",),
    "fulfillmentOrder": SHIPS, "fulfillment": (*SHIPS, *ORDERS),
    "webhookSubscription": FREE, "webhookSubscriptions": FREE, "bulkOperation": FREE, "bulkOperations": FREE,
    "productCreate": WRITE_PRODUCTS, "productUpdate": WRITE_PRODUCTS, "productSet": WRITE_PRODUCTS,
    "productVariantsBulkCreate": WRITE_PRODUCTS, "productVariantsBulkUpdate": WRITE_PRODUCTS,
    "productVariantsBulkDelete": WRITE_PRODUCTS, "productOptionsCreate": WRITE_PRODUCTS, "collectionCreate": WRITE_PRODUCTS,
    "collectionUpdate": WRITE_PRODUCTS, "metafieldDefinitionCreate": FREE, "metafieldsSet": FREE, "tagsAdd": FREE, "tagsRemove": FREE,
    "publicationUpdate": ("write_publications",), "publishablePublish": ("write_publications",),
    "publishableUnpublish": ("write_publications",),
    "fileCreate": ("write_files",), "fileUpdate": ("write_files",),
    "inventoryActivate": ("write_inventory",), "inventorySetQuantities": ("write_inventory",),
    "catalogCreate": WRITE_PRODUCTS, "priceListCreate": WRITE_PRODUCTS, "priceListFixedPricesAdd": WRITE_PRODUCTS,
    "priceListFixedPricesUpdate": WRITE_PRODUCTS,
    "orderUpdate": WRITE_ORDERS, "orderCancel": WRITE_ORDERS, "orderMarkAsPaid": WRITE_ORDERS, "refundCreate": WRITE_ORDERS,
    "orderEditBegin": EDITS, "orderEditSetQuantity": EDITS, "orderEditAddVariant": EDITS, "orderEditCommit": EDITS,
    "fulfillmentCreate": WRITE_SHIPS, "fulfillmentCancel": WRITE_SHIPS, "fulfillmentTrackingInfoUpdate": WRITE_SHIPS,
    "fulfillmentEventCreate": (*WRITE_SHIPS, "write_fulfillments"),
    "webhookSubscriptionCreate": FREE, "webhookSubscriptionUpdate": FREE, "webhookSubscriptionDelete": FREE,
    "stagedUploadsCreate": FREE, "bulkOperationRunMutation": FREE, "bulkOperationRunQuery": FREE, "bulkOperationCancel": FREE,
}  # fmt: skip
"""Any one of these; none: every app may."""

OWNERS = {
    "Product": WRITE_PRODUCTS, "ProductVariant": WRITE_PRODUCTS, "Collection": WRITE_PRODUCTS, "Order": WRITE_ORDERS,
    "Customer": ("write_customers",), "Company": ("write_companies", "write_customers"), "Location": ("write_locations",), "Shop": FREE,
}  # fmt: skip
"""Writing metafields and tags asks the scope of the owner."""

USER_ERRORS = {"orderCancel": "orderCancelUserErrors"}


def check(context: Context, name: str) -> None:
    wanted = ROOT[name]
    if wanted:
        context.need_scope(name, *wanted)


def check_owner(context: Context, name: str, kind: str) -> None:
    wanted = OWNERS.get(kind, FREE)
    if wanted:
        context.need_scope(name, *wanted)
