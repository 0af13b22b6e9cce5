"""The contract: every path, parameter name and field name of WinThor stands here and nowhere else in the plugin.

Much of it is not public, so each leaf can be overridden by the connection's setting `contract`, by its dotted name:
`{"orders.path": "/x", "product.visible": "enviaEcommerce", "order_body.freight": ""}`. A comma separates names tried in turn; an empty
request field is not sent.
"""

from __future__ import annotations

import msgspec

from engate.overrides import overridden


class Paged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A list. `order`: the immutable field it is sorted by. `fixed`: parameters that every call has. `only`: the parameter that asks for
    one thing."""

    path: str
    order: str = ""
    fixed: str = ""
    page: str = "page"
    size: str = "pageSize"
    since: str = "lastChange"
    branch: str = "branchId"
    only: str = ""


class LoginNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str = "/winthor/autenticacao/v1/login"
    user: str = "login"
    password: str = "senha"  # noqa: S105  # the name of the field
    token: str = "accessToken"  # noqa: S105


class HealthPaths(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The health addresses of the four services that are needed. They answer plain text, without a session."""

    gateway: str = "/winthor/autenticacao/v1/health"
    orders: str = "/api/wholesale/v1/health"
    products: str = "/api/purchases/v1/health"
    stock: str = "/api/stock-vtex/v1/health"


class OrderParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of the order calls. `cancel_*`: all three are mandatory."""

    days: str = "daysOfSearch"
    documents: str = "viewDocument"
    number: str = "orderId"
    branch: str = "branchId"
    cancel_number: str = "id"
    cancel_notify: str = "sendMessageRca"
    cancel_reason: str = "reasonCancellation"


class OrderBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fields of an order as it is created. `freight` (interest is in it) was seen in use but is not documented."""

    branch: str = "branchId"
    customer: str = "customer"
    customer_id: str = "id"
    seller: str = "seller"
    origin: str = "saleOrigin"
    kind: str = "saleType"
    billing: str = "chargingId"
    plan: str = "paymentPlanId"
    reference: str = "orderIdHube"
    items: str = "listOfOrderItem"
    item_sku: str = "productSKUERPReferenceKey"
    item_quantity: str = "quantity"
    item_price: str = "sellPrice"
    freight: str = "otherExpenses"
    carrier: str = "carrierId"
    observation: str = "observation"
    permissions: str = "permissions"
    without_tax: str = "acceptOrderWithoutTax"
    consumers: str = "listConsumerData"


class ConsumerBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The buyer of an order under the default customer. The names of the delivery fields are not documented beyond their prefix."""

    document: str = "taxId"
    name: str = "customerName"
    email: str = "email"
    street: str = "deliveryAddress"
    number: str = "deliveryAddressNumber"
    complement: str = "deliveryComplement"
    district: str = "deliveryDistrict"
    city: str = "deliveryCity"
    state: str = "deliveryState"
    zip_code: str = "deliveryZipCode"
    phone: str = "deliveryPhone"


class CustomerBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fields of a customer as it is created. `complement` is documented only as "complement*": unmapped, it goes to the observation."""

    name: str = "name"
    trade_name: str = "tradeName"
    document: str = "personIdentificationNumber"
    inscription: str = "stateInscription"
    billing_street: str = "billingAddress"
    billing_number: str = "billingAddressNumber"
    billing_zip: str = "billingZipCode"
    billing_phone: str = "billingPhone"
    district: str = "businessDistrict"
    commercial_street: str = "commercialAddress"
    commercial_number: str = "commercialAddressNumber"
    commercial_zip: str = "commercialZipCode"
    commercial_phone: str = "commercialPhone"
    complement: str = ""
    city_id: str = "cityId"
    city: str = "city"
    state: str = "state"
    email: str = "email"
    square: str = "squareId"
    seller: str = "sellerId"
    activity: str = "activityId"
    country: str = "countryId"
    origin: str = "customerOrigin"
    billing: str = "billingId"
    corporate: str = "corporate"
    contributor: str = "contributor"
    final_consumer: str = "finalCostumer"  # (sic)


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Calls by subject, names of what is sent, and names of what an answer may hold."""

    login: LoginNames = LoginNames()
    health: HealthPaths = HealthPaths()

    branches: Paged = Paged("/api/branch/v1/", order="id")
    regions: Paged = Paged("/winthor/cliente/v1/regiao", size="pagesize")
    plans: Paged = Paged("/winthor/venda/v0/planos-pagamentos", page="pagina", size="tamanho", since="dataUltimaAlteracao")
    billings: Paged = Paged(
        "/winthor/venda/v0/tipos-cobrancas/pdv-sync", fixed="statusPlPag=A", page="pagina", size="tamanho", since="dataUltimaAlteracao"
    )

    departments: Paged = Paged("/api/purchases/v1/productDepartments", order="id")
    sections: Paged = Paged("/api/purchases/v1/productSections", order="id")
    categories: Paged = Paged("/api/purchases/v1/productCategories/", order="id")
    brands: Paged = Paged("/api/purchases/v1/productBrands/", order="id")
    products: Paged = Paged("/api/purchases/v1/products/", order="id", fixed="callOrigin=T")
    one_product: str = "/api/purchases/v1/products/{id}"
    skus: Paged = Paged("/api/purchases/v1/skus/", order="id", fixed="useAllPackages=Y", only="productId")
    prices: Paged = Paged(
        "/api/wholesale/v1/price/list", order="skuId", fixed="useMultiplePricesPerProductPackage=true", only="productSKUERPReferenceKey"
    )
    price_regions: str = "multiRegionPrice"
    stock: Paged = Paged(
        "/api/stock-vtex/v1/available/list", order="productId,warehouseBranchId", fixed="usesPackagingSales=true", only="productId"
    )

    customers: Paged = Paged("/api/wholesale/v1/customer/list", order="id", only="personIdentificationNumber")
    create_customer: str = "/api/wholesale/v1/customer/"
    orders: Paged = Paged("/api/wholesale/v1/orders/list", order="orderId")
    one_order: str = "/api/wholesale/v1/orders/"
    create_order: str = "/api/wholesale/v1/orders/"
    cancel_order: str = "/api/wholesale/v1/orders"
    invoice: str = "/winthor/fiscal/v1/documentosfiscais/nfe/invoiceDocument"
    invoice_order: str = "orderId"
    invoice_base64: str = "returnBase64"

    order_params: OrderParams = OrderParams()
    order_body: OrderBody = OrderBody()
    consumer_body: ConsumerBody = ConsumerBody()
    customer_body: CustomerBody = CustomerBody()

    order_number: str = "orderId,id,numped,orderNumber,data.orderId,data.id,data.numped,data.orderNumber"
    order_status: str = "orderStatus,data.orderStatus"
    customer_number: str = "id,customerId,data.id,data.customerId"
    delivered_words: str = "ENTREGUE,DELIVERED"


ROWS: dict[str, dict[str, str]] = {
    "department": {"id": "id", "name": "name", "description": "description", "active": "active", "changed": "lastChange"},
    "section": {"id": "id", "description": "description", "name": "name", "department": "department", "changed": "lastChange"},
    "category": {"id": "id", "name": "name", "section": "section", "changed": "lastChange"},
    "brand": {"id": "id", "name": "name", "changed": "lastChange"},
    "product": {
        "id": "id", "name": "name", "description": "description", "department": "departmentId", "section": "sectionId",
        "category": "categoryId", "brand": "brandId", "visible": "isVisible", "active": "isActive",
        "show_without_stock": "showWithoutStock", "unit": "unity", "net_weight": "netWeightKg", "changed": "lastChange",
    },
    "sku": {
        "code": "id", "product": "productRootId", "key": "productSKUId", "name": "name", "product_name": "nameproduct",
        "eans": "listOfEAN", "units": "unitMultiplier", "is_active": "isActive", "active": "active",
        "real_weight": "realWeightKg", "real_height": "realHeight", "real_width": "realWidth", "real_length": "realLength",
        "weight": "weightKg", "height": "height", "width": "width", "length": "length", "changed": "lastChange",
    },
    "price": {
        "branch": "branchId", "sku": "skuId", "price": "price", "fixed": "fixedPrice", "region": "priceRegion",
        "offer": "offerPrice", "offer_start": "offerStartDate", "offer_end": "offerEndDate",
    },
    "stock": {"sku": "productId", "quantity": "quantity", "branch": "warehouseBranchId", "changed": "lastChange"},
    "branch": {"id": "id", "name": "corporateName", "alias": "aliasName", "document": "corporateIdentificationNumber"},
    "region": {"id": "regionId", "branch": "branchId", "description": "description", "status": "status"},
    "plan": {"id": "codigo", "description": "descricao", "branch": "codigoFilial", "active": "ativo"},
    "billing": {"id": "id", "name": "cobranca", "branch": "codFilial"},
    "customer": {"id": "id", "document": "personIdentificationNumber", "inscription": "stateInscription", "active": "active"},
    "order": {
        "number": "orderId", "status": "orderStatus", "branch": "branchId", "reference": "orderIdHube", "changed": "lastChange",
        "delivery": "deliveryDate", "total": "totalValue", "tracking": "trackingNumber", "carrier": "carrierId",
        "items": "listOfOrderItem",
    },
    "order_item": {
        "product": "productId", "packing": "packingId", "quantity": "quantity", "cut": "wantageQuantity", "delivery": "deliveryStatus",
    },
    "invoice_document": {"xml": "invoiceXml"},
}  # fmt: skip
"""Fields of the rows that are read: our name -> WinThor's."""


def load(overrides: dict[str, str]) -> tuple[Contract, dict[str, dict[str, str]]]:
    """The contract and the row fields with an installation's overrides; `Invalid` names an override that fits nothing."""
    return overridden(Contract(), ROWS, overrides, "WinThor")
