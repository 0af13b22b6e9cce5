"""Every GraphQL text that the plugin sends. A test holds each one, and its variables, against the vendor's schema.

`cost`: the points that it may ask for at most, as Shopify counts them. A test holds it against each call. With fewer, calls go out that the
bucket cannot pay: each is refused, and goes again when as many points are there as its refusal told.
`safe`: sending it twice changes nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Operation(msgspec.Struct, frozen=True):
    name: str
    text: str
    cost: float
    safe: bool
    reads: bool
    each: float = 0.0  # points of every id that is asked for

    def asks(self, variables: Mapping[str, Any]) -> float:
        """The points of a call with these variables."""
        return self.cost + self.each * len(variables.get("ids", ())) + float(variables.get("first", 0)) * self.each


def _query(name: str, cost: float, text: str, *, each: float = 0.0) -> Operation:
    return Operation(name, text, cost, True, True, each)


def _mutation(name: str, text: str, *, cost: float = 10, safe: bool = False) -> Operation:
    return Operation(name, text, cost, safe, False)


ERRORS = "userErrors { field message }"
CODED = "userErrors { code field message }"

# ---- the connection ----

SHOP = _query("shop", 2, "query shop { shop { id name myshopifyDomain currencyCode } }")
PLAN = _query("shop", 2, "query plan { shop { plan { publicDisplayName } } }")
VERSIONS = _query("publicApiVersions", 10, "query versions { publicApiVersions { handle supported } }")
SCOPES = _query("currentAppInstallation", 10, "query scopes { currentAppInstallation { accessScopes { handle } } }")
LOCATIONS = _query(
    "locations",
    52,
    "query locations($after: String) { locations(first: 50, after: $after) {"
    " nodes { id name isActive } pageInfo { hasNextPage endCursor } } }",
)
PUBLICATIONS = _query("publications", 102, "query publications { publications(first: 50) { nodes { id catalog { title } } } }")
PRICE_LISTS = _query(
    "priceLists",
    52,
    "query priceLists($after: String) { priceLists(first: 50, after: $after) {"
    " nodes { id name currency } pageInfo { hasNextPage endCursor } } }",
)
GATEWAYS = _query(
    "orders", 202, "query seen { orders(first: 100, reverse: true) { nodes { paymentGatewayNames shippingLine { code title } } } }"
)
LAST_ORDER = _query(
    "orders", 10, "query lastOrder { orders(first: 1, reverse: true) { nodes { id email localizedFields(first: 1) { nodes { key } } } } }"
)

# ---- the catalogue ----

DEFINE = _mutation(
    "metafieldDefinitionCreate",
    f"mutation define($definition: MetafieldDefinitionInput!) {{ metafieldDefinitionCreate(definition: $definition) {{ {CODED} }} }}",
    safe=True,
)
COLLECTION_BY_ID = _query(
    "collectionByIdentifier",
    2,
    "query collection($identifier: CollectionIdentifierInput!) { collectionByIdentifier(identifier: $identifier) { id title } }",
)
COLLECTION_CREATE = _mutation(
    "collectionCreate",
    "mutation makeCollection($collection: CollectionCreateInput!) {"
    f" collectionCreate(collection: $collection) {{ collection {{ id }} {ERRORS} }} }}",
)
COLLECTION_UPDATE = _mutation(
    "collectionUpdate",
    "mutation changeCollection($collection: CollectionUpdateInput!) {"
    f" collectionUpdate(collection: $collection) {{ collection {{ id }} {ERRORS} }} }}",
    safe=True,
)
PRODUCT_BY_ID = _query(
    "productByIdentifier",
    2,
    "query product($identifier: ProductIdentifierInput!) { productByIdentifier(identifier: $identifier) { id } }",
)
PRODUCT_CREATE = _mutation(
    "productCreate",
    f"mutation makeProduct($product: ProductCreateInput!) {{ productCreate(product: $product) {{ product {{ id }} {ERRORS} }} }}",
)
PRODUCT_UPDATE = _mutation(
    "productUpdate",
    f"mutation changeProduct($product: ProductUpdateInput!) {{ productUpdate(product: $product) {{ product {{ id }} {ERRORS} }} }}",
    safe=True,
)
PUBLISH = _mutation(
    "publishablePublish",
    "mutation publish($id: ID!, $input: [PublicationInput!]!) {"
    f" publishablePublish(id: $id, input: $input) {{ publishable {{ availablePublicationsCount {{ count }} }} {ERRORS} }} }}",
    safe=True,
)
PRODUCT_VARIANTS = _query(
    "product",
    8,
    """query variants($id: ID!, $first: Int!, $after: String) {
  product(id: $id) {
    id
    hasOnlyDefaultVariant
    options { name }
    variants(first: $first, after: $after) {
      nodes { id sku barcode selectedOptions { name value } inventoryItem { id tracked measurement { weight { value unit } } } }
      pageInfo { hasNextPage endCursor }
    }
  }
}""",
    each=5,
)
OPTIONS_CREATE = _mutation(
    "productOptionsCreate",
    "mutation options($id: ID!, $options: [OptionCreateInput!]!) {"
    f" productOptionsCreate(productId: $id, options: $options, variantStrategy: LEAVE_AS_IS) {{ product {{ id }} {CODED} }} }}",
)
VARIANTS_CREATE = _mutation(
    "productVariantsBulkCreate",
    "mutation makeVariants($id: ID!, $variants: [ProductVariantsBulkInput!]!) {"
    " productVariantsBulkCreate(productId: $id, variants: $variants, strategy: PRESERVE_STANDALONE_VARIANT) {"
    f" productVariants {{ id sku inventoryItem {{ id }} }} {CODED} }} }}",
)
VARIANTS_UPDATE = _mutation(
    "productVariantsBulkUpdate",
    "mutation changeVariants($id: ID!, $variants: [ProductVariantsBulkInput!]!) {"
    " productVariantsBulkUpdate(productId: $id, variants: $variants, allowPartialUpdates: true) {"
    f" productVariants {{ id }} {CODED} }} }}",
    safe=True,
)
VARIANTS = _query(
    "nodes",
    1,
    """query variantsById($ids: [ID!]!) {
  nodes(ids: $ids) { ... on ProductVariant { id price compareAtPrice product { id } } }
}""",
    each=2,
)
PRICES_ADD = _mutation(
    "priceListFixedPricesAdd",
    "mutation fixedPrices($list: ID!, $prices: [PriceListPriceInput!]!) {"
    f" priceListFixedPricesAdd(priceListId: $list, prices: $prices) {{ prices {{ variant {{ id }} }} {CODED} }} }}",
    cost=300,
    safe=True,
)
LEVELS = _query(
    "nodes",
    1,
    """query levels($ids: [ID!]!, $location: ID!) {
  nodes(ids: $ids) {
    ... on ProductVariant {
      id
      requiresComponents
      inventoryItem {
        id
        tracked
        inventoryLevel(locationId: $location) { id isActive quantities(names: ["available"]) { name quantity } }
      }
    }
  }
}""",
    each=6,
)
STOCK_SET = _mutation(
    "inventorySetQuantities",
    "mutation setStock($input: InventorySetQuantitiesInput!, $key: String!) {"
    f" inventorySetQuantities(input: $input) @idempotent(key: $key) {{ inventoryAdjustmentGroup {{ id }} {CODED} }} }}",
    safe=True,
)
STOCK_ACTIVATE = _mutation(
    "inventoryActivate",
    "mutation activate($item: ID!, $location: ID!, $available: Int!, $key: String!) {"
    " inventoryActivate(inventoryItemId: $item, locationId: $location, available: $available) @idempotent(key: $key) {"
    f" inventoryLevel {{ id }} {ERRORS} }} }}",
    safe=True,
)
LISTING = _query(
    "productVariants",
    502,
    """query listing($query: String) {
  productVariants(first: 250, query: $query, sortKey: ID) {
    nodes { id legacyResourceId sku barcode displayName product { id status } }
    pageInfo { hasNextPage }
  }
}""",
)

# ---- bulk: one call over the lines of a file ----

STAGE = _mutation(
    "stagedUploadsCreate",
    "mutation stage($input: [StagedUploadInput!]!) { stagedUploadsCreate(input: $input) {"
    f" stagedTargets {{ url parameters {{ name value }} }} {ERRORS} }} }}",
    safe=True,
)
BULK_RUN = _mutation(
    "bulkOperationRunMutation",
    "mutation bulk($mutation: String!, $path: String!) {"
    f" bulkOperationRunMutation(mutation: $mutation, stagedUploadPath: $path) {{ bulkOperation {{ id }} {CODED} }} }}",
)
BULK = _query(
    "bulkOperation",
    1,
    "query bulkState($id: ID!) { bulkOperation(id: $id) { id status errorCode createdAt url partialDataUrl } }",
)
BULK_RUNNING = _query(
    "bulkOperations",
    12,
    "query bulkRunning { bulkOperations("
    'first: 10, query: "operation_type:mutation AND (status:created OR status:running OR status:canceling)") {'
    " nodes { id status query } } }",
)
PUBLISH_MANY = _mutation(
    "publicationUpdate",
    "mutation publishMany($id: ID!, $input: PublicationUpdateInput!) {"
    f" publicationUpdate(id: $id, input: $input) {{ publication {{ id }} {CODED} }} }}",
    safe=True,
)
PRODUCTS_CREATE = _mutation(
    "productCreate",
    "mutation makeProducts($product: ProductCreateInput!) { productCreate(product: $product) {"
    f' product {{ id metafield(namespace: "engate", key: "erp_id") {{ value }} }} {ERRORS} }} }}',
)
PRODUCTS_UPDATE = _mutation(
    "productUpdate",
    f"mutation changeProducts($product: ProductUpdateInput!) {{ productUpdate(product: $product) {{ product {{ id }} {ERRORS} }} }}",
    safe=True,
)
FRESH = _query(
    "nodes",
    1,
    """query fresh($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Product {
      id
      hasOnlyDefaultVariant
      mediaCount { count }
      variants(first: 1) { nodes { sku barcode } }
      metafield(namespace: "engate", key: "erp_id") { id }
    }
  }
}""",
    each=4,
)
PRODUCT_SET = _mutation(
    "productSet",
    "mutation setVariants($id: ID!, $input: ProductSetInput!) {"
    " productSet(identifier: {id: $id}, input: $input, synchronous: true) {"
    f" product {{ id variants(first: 100) {{ nodes {{ id sku inventoryItem {{ id }} }} }} }} {CODED} }} }}",
    cost=1000,
)
STOCK_SET_ONE = _mutation(
    "inventorySetQuantities",
    "mutation setLevel($input: InventorySetQuantitiesInput!, $key: String!) {"
    " inventorySetQuantities(input: $input) @idempotent(key: $key) {"
    f" inventoryAdjustmentGroup {{ changes {{ name item {{ id }} location {{ id }} }} }} {CODED} }} }}",
    safe=True,
)
VARIANTS_CHANGE = _mutation(
    "productVariantsBulkUpdate",
    "mutation changeMany($id: ID!, $variants: [ProductVariantsBulkInput!]!) {"
    " productVariantsBulkUpdate(productId: $id, variants: $variants, allowPartialUpdates: true) {"
    f" productVariants {{ id sku media(first: 1) {{ nodes {{ id }} }} inventoryItem {{ id }} }} {CODED} }} }}",
    safe=True,
)

# ---- images ----

FILE_CREATE = _mutation(
    "fileCreate",
    f"mutation makeFile($files: [FileCreateInput!]!) {{ fileCreate(files: $files) {{ files {{ id fileStatus }} {CODED} }} }}",
    safe=True,
)
FILE_UPDATE = _mutation(
    "fileUpdate",
    f"mutation attachFile($files: [FileUpdateInput!]!) {{ fileUpdate(files: $files) {{ files {{ id fileStatus }} {CODED} }} }}",
    safe=True,
)
FILES = _query(
    "nodes",
    1,
    """query filesById($ids: [ID!]!) {
  nodes(ids: $ids) { ... on MediaImage { id fileStatus } }
}""",
    each=1,
)
PRODUCT_MEDIA = _query("product", 255, "query media($id: ID!) { product(id: $id) { media(first: 250) { nodes { id } } } }")

# ---- orders ----

MONEY = "{ shopMoney { amount currencyCode } }"
ORDERS = _query(
    "orders",
    102,
    """query changed($query: String!, $after: String) {
  orders(first: 100, query: $query, sortKey: UPDATED_AT, after: $after) {
    nodes { id updatedAt cancelledAt displayFinancialStatus displayFulfillmentStatus tags }
    pageInfo { hasNextPage endCursor }
  }
}""",
)
ORDER = _query(
    "order",
    880,
    f"""query order($id: ID!) {{
  order(id: $id) {{
    id name createdAt updatedAt cancelledAt closed test tags sourceName taxesIncluded email phone
    displayFinancialStatus displayFulfillmentStatus
    currentTotalPriceSet {MONEY} currentShippingPriceSet {MONEY} currentTotalDiscountsSet {MONEY}
    currentTotalTaxSet {MONEY} totalRefundedSet {MONEY}
    paymentGatewayNames
    shippingLine {{ code title }}
    customAttributes {{ key value }}
    customer {{ firstName lastName }}
    billingAddress {{ ...address }}
    shippingAddress {{ ...address }}
    localizedFields(first: 10) {{ nodes {{ key value }} }}
    transactions(first: 100) {{ kind status gateway processedAt paymentId amountSet {MONEY} }}
    lineItems(first: 50) {{
      nodes {{ id name sku quantity currentQuantity variant {{ id }} originalUnitPriceSet {MONEY} discountedUnitPriceSet {MONEY} }}
      pageInfo {{ hasNextPage endCursor }}
    }}
    fulfillmentOrders(first: 4) {{
      nodes {{ status assignedLocation {{ location {{ id }} }} lineItems(first: 30) {{ nodes {{ lineItem {{ id }} }} }} }}
    }}
  }}
}}
fragment address on MailingAddress {{
  name firstName lastName company address1 address2 city provinceCode zip countryCodeV2 phone
}}""",
)
ORDER_LINES = _query(
    "order",
    602,
    f"""query lines($id: ID!, $after: String) {{
  order(id: $id) {{
    lineItems(first: 100, after: $after) {{
      nodes {{ id name sku quantity currentQuantity variant {{ id }} originalUnitPriceSet {MONEY} discountedUnitPriceSet {MONEY} }}
      pageInfo {{ hasNextPage endCursor }}
    }}
  }}
}}""",
)
ORDER_NOTES = _query(
    "order",
    60,
    'query notes($id: ID!) { order(id: $id) { id metafields(first: 50, namespace: "engate") { nodes { key value } } } }',
)
METAFIELDS_SET = _mutation(
    "metafieldsSet",
    f"mutation keep($metafields: [MetafieldsSetInput!]!) {{ metafieldsSet(metafields: $metafields) {{ metafields {{ id }} {CODED} }} }}",
    safe=True,
)
TAG = _mutation(
    "tagsAdd",
    f"mutation tag($id: ID!, $tags: [String!]!) {{ tagsAdd(id: $id, tags: $tags) {{ node {{ id }} {ERRORS} }} }}",
    safe=True,
)
FULFILMENT = _query(
    "order",
    700,
    """query fulfilment($id: ID!) {
  order(id: $id) {
    id
    fulfillments(first: 5) {
      id status deliveredAt displayStatus
      trackingInfo(first: 5) { company number url }
      fulfillmentLineItems(first: 30) { nodes { quantity lineItem { id } } pageInfo { hasNextPage } }
    }
    fulfillmentOrders(first: 5) {
      nodes {
        id status assignedLocation { location { id } }
        lineItems(first: 30) { nodes { id remainingQuantity lineItem { id } } pageInfo { hasNextPage } }
      }
      pageInfo { hasNextPage }
    }
  }
}""",
)
FULFILMENT_CREATE = _mutation(
    "fulfillmentCreate",
    "mutation ship($fulfillment: FulfillmentInput!) {"
    f" fulfillmentCreate(fulfillment: $fulfillment) {{ fulfillment {{ id }} {ERRORS} }} }}",
)
FULFILMENT_EVENT = _mutation(
    "fulfillmentEventCreate",
    "mutation tell($event: FulfillmentEventInput!) {"
    f" fulfillmentEventCreate(fulfillmentEvent: $event) {{ fulfillmentEvent {{ id }} {ERRORS} }} }}",
)
CANCEL_STATE = _query(
    "order",
    11,
    f"query cancelState($id: ID!) {{ order(id: $id) {{"
    f' id cancelledAt totalReceivedSet {MONEY} metafield(namespace: "engate", key: "cancel_job") {{ value }} }} }}',
)
CANCEL = _mutation(
    "orderCancel",
    "mutation cancel($id: ID!, $reason: OrderCancelReason!, $refund: OrderCancelRefundMethodInput, $note: String) {"
    " orderCancel(orderId: $id, reason: $reason, refundMethod: $refund, restock: true, notifyCustomer: true, staffNote: $note) {"
    " job { id done } orderCancelUserErrors { code field message } } }",
)
JOB = _query("job", 1, "query job($id: ID!) { job(id: $id) { id done } }")
EDIT_STATE = _query(
    "order",
    556,
    f"""query editState($id: ID!) {{
  order(id: $id) {{
    id
    totalRefundedSet {MONEY}
    totalOutstandingSet {MONEY}
    lineItems(first: 100) {{ nodes {{ id sku currentQuantity variant {{ id }} }} }}
    transactions(first: 100) {{ id kind status gateway amountSet {MONEY} }}
    metafields(first: 50, namespace: "engate") {{ nodes {{ key value }} }}
  }}
}}""",
)
EDIT_BEGIN = _mutation(
    "orderEditBegin",
    "mutation beginEdit($id: ID!) {"
    f" orderEditBegin(id: $id) {{ calculatedOrder {{"
    f" id lineItems(first: 100) {{ nodes {{ id sku quantity variant {{ id }} }} }} }} {ERRORS} }} }}",
    cost=220,
    safe=True,
)
EDIT_QUANTITY = _mutation(
    "orderEditSetQuantity",
    "mutation editQuantity($id: ID!, $line: ID!, $quantity: Int!) {"
    f" orderEditSetQuantity(id: $id, lineItemId: $line, quantity: $quantity, restock: true) {{ calculatedOrder {{ id }} {ERRORS} }} }}",
    safe=True,
)
EDIT_COMMIT = _mutation(
    "orderEditCommit",
    "mutation commitEdit($id: ID!, $note: String) {"
    f" orderEditCommit(id: $id, notifyCustomer: false, staffNote: $note) {{ order {{ id }} {ERRORS} }} }}",
)
REFUND = _mutation(
    "refundCreate",
    "mutation refund($input: RefundInput!, $key: String!) {"
    f" refundCreate(input: $input) @idempotent(key: $key) {{ refund {{ id }} {ERRORS} }} }}",
    safe=True,
)

# ---- webhooks ----

HOOKS = _query(
    "webhookSubscriptions",
    102,
    "query hooks($after: String) { webhookSubscriptions(first: 100, after: $after) {"
    " nodes { id topic uri } pageInfo { hasNextPage endCursor } } }",
)
HOOK_CREATE = _mutation(
    "webhookSubscriptionCreate",
    "mutation hook($topic: WebhookSubscriptionTopic!, $uri: String!) {"
    f" webhookSubscriptionCreate(topic: $topic, webhookSubscription: {{uri: $uri}}) {{ webhookSubscription {{ id }} {ERRORS} }} }}",
)
HOOK_DELETE = _mutation(
    "webhookSubscriptionDelete",
    f"mutation unhook($id: ID!) {{ webhookSubscriptionDelete(id: $id) {{ deletedWebhookSubscriptionId {ERRORS} }} }}",
    safe=True,
)

ALL = tuple(value for value in list(globals().values()) if isinstance(value, Operation))
