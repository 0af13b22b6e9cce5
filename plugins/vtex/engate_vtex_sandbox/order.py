"""An order as the shop holds it, money in integer cents, and the document that shows it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from engate.testing.facts import Buyer
from engate_vtex_sandbox.payments import FORMS
from engate_vtex_sandbox.shop import Reservation, Shop, Sku, number, stamp_with_zone
from engate_vtex_sandbox.shop import decimal as exact

DESCRIPTIONS = {
    "order-created": "Pedido criado",
    "payment-pending": "Pagamento Pendente",
    "payment-approved": "Pagamento Aprovado",
    "window-to-cancel": "Carência para Cancelamento",
    "ready-for-handling": "Pronto para o manuseio",
    "handling": "Preparando Entrega",
    "cancellation-requested": "Cancelamento solicitado",
    "invoiced": "Faturado",
    "canceled": "Cancelado",
}
CURRENCY = {"CurrencyDecimalDigits": 2, "CurrencyDecimalSeparator": ",", "CurrencyGroupSeparator": ".", "CurrencyGroupSize": 3,
            "StartsWithCurrencySymbol": True}  # fmt: skip
NO_PICKUP = {"additionalInfo": None, "address": None, "dockId": None, "friendlyName": None, "isPickupStore": False}
DELIVERY_DAYS = 4


class Line:
    """`price`: what the buyer pays for one (before the discount of the order); `discount` and `freight`: of the whole line, positive.

    `quantity` 0: a change took it out. `multiplier`: the measure of one, as it was sold or changed. `invoiced`: units on notes.
    """

    __slots__ = ("discount", "freight", "invoiced", "multiplier", "price", "quantity", "reservations", "sku", "unique_id")

    def __init__(self, unique_id: str, sku: Sku, quantity: int, price: int, freight: int) -> None:
        self.unique_id, self.sku, self.quantity, self.price, self.freight = unique_id, sku, quantity, price, freight
        self.discount = self.invoiced = 0
        self.multiplier = exact(sku.doc["UnitMultiplier"])
        self.reservations: list[Reservation] = []

    @property
    def total(self) -> int:
        return self.price * self.quantity - self.discount


class Payment:
    __slots__ = ("id", "installments", "tag", "tid", "value")

    def __init__(self, key: str, tag: str, value: int, installments: int) -> None:
        self.id, self.tag, self.value, self.installments = key, tag, value, installments
        self.tid = str(int(key[:8], 16))


class Order:
    def __init__(self, key: str, number_of_sale: int, sequence: int, buyer: Buyer, created_at: datetime) -> None:
        self.key = key
        self.group = key.rpartition("-")[0]
        self.number = number_of_sale
        self.sequence = sequence
        self.buyer = buyer
        self.created_at = created_at
        self.lines: list[Line] = []
        self.payments: list[Payment] = []
        self.discount = 0
        self.shipping: dict[str, Any] = {}  # the shipping policy
        self.channel = "1"  # the trade policy
        self.state = ""
        self.history: list[tuple[datetime, str]] = []
        self.changed_at = created_at
        self.authorized_at: datetime | None = None
        self.invoiced_at: datetime | None = None
        self.cancel_reason: str | None = None
        self.cancelled_at: datetime | None = None
        self.invoices: dict[str, dict[str, Any]] = {}  # packages of type Output, by number
        self.returns: dict[str, dict[str, Any]] = {}  # of type Input
        self.tracked: set[str] = set()
        self.receipts = 0
        self.changes_data: list[dict[str, Any]] = []  # changes that went through
        self.taken_off = 0  # by them
        self._as_sold: tuple[int, int] | None = None

    @property
    def lock_id(self) -> str:
        return f"00-{self.key}"

    @property
    def live(self) -> list[Line]:
        """The lines that are left."""
        return [line for line in self.lines if line.quantity]

    def keep_totals(self) -> None:
        """Before a change: totals stay as they were sold, and the change is a total of its own."""
        self._as_sold = self._as_sold or (self.items_total, self.freight)

    @property
    def items_total(self) -> int:
        return self._as_sold[0] if self._as_sold else sum(line.price * line.quantity for line in self.lines)

    @property
    def freight(self) -> int:
        return self._as_sold[1] if self._as_sold else sum(line.freight for line in self.lines)

    @property
    def value(self) -> int:
        return self.items_total - self.discount + self.freight - self.taken_off

    def state_at(self, instant: datetime) -> str | None:
        """The state as it was; None: the order was not there yet."""
        return next((state for at, state in reversed(self.history) if at <= instant), None)

    def package(self, invoice: str) -> dict[str, Any] | None:
        return self.invoices.get(invoice) or self.returns.get(invoice)


def document(order: Order, shop: Shop, base_url: str) -> dict[str, Any]:
    """GET /api/oms/pvt/orders/{orderId}."""
    buyer = order.buyer
    first, _, last = buyer.name.partition(" ")
    return {
        **_head(order, shop, base_url),
        "checkedInPickupPointId": None,
        "totals": totals(order),
        "sellers": [
            {"id": "1", "name": shop.account, "logo": None, "fulfillmentEndpoint": f"{base_url}/api/fulfillment?an={shop.account}"}
        ],
        "clientPreferencesData": {"locale": "pt-BR", "optinNewsLetter": False},
        "cancellationData": _cancellation(order),
        "taxData": None,
        "subscriptionData": None,
        "itemMetadata": {"Items": [_metadata(line) for line in order.live]},
        "marketplace": {"baseURL": f"{base_url}/api/oms?an={shop.account}", "isCertified": None, "name": shop.account},
        "storePreferencesData": {
            "countryCode": "BRA", "currencyCode": "BRL", "currencyFormatInfo": CURRENCY, "currencyLocale": 1046, "currencySymbol": "R$",
            "timeZone": "E. South America Standard Time",
        },
        "customData": None,
        "commercialConditionData": None,
        "openTextField": None,
        "invoiceData": None,
        "changesAttachment": {"id": "changeAttachment", "changesData": order.changes_data} if order.changes_data else None,
        "callCenterOperatorData": None,
        "packageAttachment": {"packages": [*order.invoices.values(), *order.returns.values()]},
        "paymentData": {"giftCards": _gift_cards(order), "transactions": [transaction(order, shop.account)]},
        "shippingData": _shipping(order, first, last),
        "ratesAndBenefitsData": {"id": "ratesAndBenefitsData", "rateAndBenefitsIdentifiers": []},
        "marketingData": None,
        "giftRegistryData": None,
        "clientProfileData": {"id": "clientProfileData", "email": buyer.email, "firstName": first, "lastName": last, **_documents(buyer),
                              "userProfileId": order.group, "userProfileVersion": None, "customerClass": None, "customerCode": None},
        "items": [_item(line, order, shop) for line in order.live],
        "marketplaceItems": [],
    }  # fmt: skip


def _head(order: Order, shop: Shop, base_url: str) -> dict[str, Any]:
    """Which order it is, where it stands, and since when."""
    return {
        "orderId": order.key,
        "sequence": str(order.sequence),
        "marketplaceOrderId": "",
        "marketplaceServicesEndpoint": f"{base_url}/api/oms?an={shop.account}",
        "sellerOrderId": f"00-{order.key}",
        "origin": "Marketplace",
        "affiliateId": "",
        "salesChannel": order.channel,
        "merchantName": None,
        "status": order.state,
        "workflowIsInError": False,
        "statusDescription": DESCRIPTIONS.get(order.state, order.state),
        "value": order.value,
        "creationDate": stamp_with_zone(order.created_at),
        "lastChange": stamp_with_zone(order.changed_at),
        "orderGroup": order.group,
        "followUpEmail": f"{order.group}@ct.vtex.com.br",
        "lastMessage": None,
        "hostname": shop.account,
        "isCompleted": True,
        "roundingError": 0,
        "orderFormId": order.lines[0].unique_id.lower(),
        "allowCancellation": not order.invoices and order.state != "canceled",
        "allowEdition": False,
        "isCheckedIn": False,
        "authorizedDate": _stamp(order.authorized_at),
        "invoicedDate": _stamp(order.invoiced_at),
        "cancelReason": order.cancel_reason,
    }


def totals(order: Order) -> list[dict[str, Any]]:
    return [
        {"id": "Items", "name": "Total dos Itens", "value": order.items_total},
        {"id": "Discounts", "name": "Total dos Descontos", "value": -order.discount},
        {"id": "Shipping", "name": "Total do Frete", "value": order.freight},
        {"id": "Tax", "name": "Total da Taxa", "value": 0},
        *([{"id": "Change", "name": "Total das mudanças", "value": -order.taken_off}] if order.changes_data else []),
    ]


def transaction(order: Order, account: str) -> dict[str, Any]:
    key = order.payments[0].id[::-1]
    return {
        "isActive": True,
        "transactionId": key,
        "merchantName": account.upper(),
        "payments": [_payment(payment) for payment in order.payments],
    }


def _payment(payment: Payment) -> dict[str, Any]:
    form = FORMS[payment.tag]
    is_card, is_gift = form.group in ("creditCard", "debitCard"), form.group == "giftCard"
    return {
        "id": payment.id, "paymentSystem": str(form.id), "paymentSystemName": form.name, "value": payment.value,
        "installments": payment.installments, "referenceValue": payment.value, "cardHolder": None, "cardNumber": None,
        "firstDigits": "444433" if is_card else None, "lastDigits": "1111" if is_card else None, "cvv2": None, "expireMonth": None,
        "expireYear": None, "url": None, "giftCardId": payment.tid if is_gift else None, "giftCardName": form.name if is_gift else None,
        "giftCardCaption": None, "redemptionCode": f"VALE-{payment.tid}" if is_gift else None, "group": form.group, "tid": payment.tid,
        "dueDate": None,
        "connectorResponses": {"Tid": payment.tid, "ReturnCode": "200", "Message": "approved", "authId": payment.tid[-6:],
                               "nsu": payment.tid[:6], "acquirer": "sandbox" if is_card else ""},
        "giftCardProvider": None, "giftCardAsDiscount": False if is_gift else None, "koinUrl": None, "accountId": None,
        "parentAccountId": None, "bankIssuedInvoiceIdentificationNumber": None, "bankIssuedInvoiceIdentificationNumberFormatted": None,
        "bankIssuedInvoiceBarCodeNumber": None, "bankIssuedInvoiceBarCodeType": None, "billingAddress": None, "paymentOrigin": None,
    }  # fmt: skip


def _gift_cards(order: Order) -> list[dict[str, Any]]:
    return [
        {"id": payment.tid, "redemptionCode": f"VALE-{payment.tid}", "name": None, "caption": None, "value": payment.value, "balance": 0,
         "provider": "VtexGiftCard", "groupName": None, "inUse": True, "isSpecialCard": False}
        for payment in order.payments if FORMS[payment.tag].group == "giftCard"
    ]  # fmt: skip


def is_company(buyer: Buyer) -> bool:
    """A CNPJ has 14 characters, letters allowed."""
    return len(buyer.document) == 14  # noqa: PLR2004


def _documents(buyer: Buyer) -> dict[str, Any]:
    corporate = is_company(buyer)
    inscription = buyer.state_inscription or "ISENTO"
    return {
        "documentType": "cnpj" if corporate else "cpf", "document": buyer.document, "phone": buyer.phone,
        "corporateName": buyer.name if corporate else None, "tradeName": buyer.name if corporate else None,
        "corporateDocument": buyer.document if corporate else None, "stateInscription": inscription if corporate else None,
        "corporatePhone": buyer.phone if corporate else None, "isCorporate": corporate,
    }  # fmt: skip


def _cancellation(order: Order) -> dict[str, Any] | None:
    if order.cancelled_at is None:
        return None
    return {
        "RequestedByUser": True,
        "RequestedBySystem": False,
        "RequestedBySellerNotification": False,
        "RequestedByPaymentNotification": False,
        "Reason": order.cancel_reason,
        "CancellationDate": stamp_with_zone(order.cancelled_at),
    }


def _metadata(line: Line) -> dict[str, Any]:
    sku, product = line.sku, line.sku.product
    return {"Id": str(sku.id), "Seller": "1", "Name": product.doc["Name"], "SkuName": sku.doc["Name"], "ProductId": str(product.id),
            "RefId": sku.ref, "Ean": sku.eans[0] if sku.eans else "", "ImageUrl": sku.files[0]["Url"] if sku.files else "",
            "DetailUrl": f"/{product.doc['LinkId']}/p", "AssemblyOptions": []}  # fmt: skip


def _item(line: Line, order: Order, shop: Shop) -> dict[str, Any]:
    """With a unit multiplier, `price` is of one unit of measure and `sellingPrice` of what is sold: their sums differ from the totals."""
    sku, product = line.sku, line.sku.product
    multiplier = line.multiplier
    return {
        "uniqueId": line.unique_id,
        "id": str(sku.id),
        "productId": str(product.id),
        "ean": sku.eans[0] if sku.eans else None,
        "lockId": order.lock_id,
        "itemAttachment": {"content": {}, "name": None},
        "attachments": [],
        "quantity": line.quantity,
        "seller": "1",
        "name": f"{product.doc['Name']} {sku.doc['Name']}",
        "refId": sku.ref,
        "price": int((line.price / multiplier).to_integral_value()),
        "listPrice": int((line.price / multiplier).to_integral_value()),
        "manualPrice": None,
        "priceTags": _price_tags(line),
        "imageUrl": sku.files[0]["Url"] if sku.files else "",
        "detailUrl": f"/{product.doc['LinkId']}/p",
        "components": [],
        "bundleItems": [],
        "params": [],
        "offerings": [],
        "attachmentOfferings": [],
        "sellerSku": str(sku.id),
        "priceValidUntil": None,
        "commission": 0,
        "tax": 0,
        "preSaleDate": None,
        "additionalInfo": _additional_info(line, shop),
        "measurementUnit": sku.doc["MeasurementUnit"],
        "unitMultiplier": number(multiplier),
        "sellingPrice": round(line.total / line.quantity),
        "isGift": False,
        "shippingPrice": None,
        "rewardValue": 0,
        "freightCommission": 0,
        "priceDefinition": _price_definition(line),
        "taxCode": product.doc["TaxCode"],
        "parentItemIndex": None,
        "parentAssemblyBinding": None,
        "callCenterOperator": None,
        "serialNumbers": None,
        "assemblies": [],
        "costPrice": line.price,
    }  # fmt: skip


def _additional_info(line: Line, shop: Shop) -> dict[str, Any]:
    """Brand, categories and measures of what was sold."""
    sku, product = line.sku, line.sku.product
    chain = shop.categories[product.doc["CategoryId"]].chain()
    return {
        "brandName": shop.brands[product.doc["BrandId"]]["Name"], "brandId": str(product.doc["BrandId"]),
        "categoriesIds": "/" + "/".join(str(node.id) for node in chain) + "/",
        "categories": [{"id": node.id, "name": node.doc["Name"]} for node in chain[::-1]], "productClusterId": "",
        "commercialConditionId": str(sku.doc["CommercialConditionId"]), "offeringInfo": None, "offeringType": None,
        "offeringTypeId": None,
        "dimension": {
            "cubicweight": sku.doc["CubicWeight"], "height": round(sku.doc["PackagedHeight"]),
            "length": round(sku.doc["PackagedLength"]), "weight": sku.doc["PackagedWeightKg"],
            "width": round(sku.doc["PackagedWidth"]),
        },
    }  # fmt: skip


def _price_definition(line: Line) -> dict[str, Any]:
    """What each unit cost: where the line's total does not divide evenly, some cost a cent more."""
    each, extra = divmod(line.total, line.quantity)
    prices = [{"value": each, "quantity": line.quantity - extra}, {"value": each + 1, "quantity": extra}]
    return {
        "sellingPrices": [price for price in prices if price["quantity"]],
        "calculatedSellingPrice": round(line.total / line.quantity),
        "total": line.total,
        "reason": None,
    }


def _price_tags(line: Line) -> list[dict[str, Any]]:
    """The line's share of the discount, as a negative number of cents."""
    if not line.discount:
        return []
    return [{"name": "DISCOUNT@MARKETPLACE", "value": -line.discount, "isPercentual": False, "identifier": "sandbox-promotion",
             "rawValue": -line.discount / 100, "rate": None, "jurisCode": None, "jurisType": None, "jurisName": None}]  # fmt: skip


def _shipping(order: Order, first: str, last: str) -> dict[str, Any]:
    buyer = order.buyer
    address: dict[str, Any] = {
        "addressType": "residential", "receiverName": buyer.name, "addressId": order.group, "versionId": None, "entityId": None,
        "postalCode": buyer.zip_code, "city": buyer.city, "state": buyer.state, "country": "BRA", "street": buyer.street,
        "number": buyer.number, "neighborhood": buyer.district, "complement": buyer.complement, "reference": None, "geoCoordinates": [],
    }  # fmt: skip
    return {
        "id": "shippingData",
        "address": address,
        "logisticsInfo": [_logistics(line, index, order) for index, line in enumerate(order.live)],
        "trackingHints": None,
        "selectedAddresses": [address],
        "contactInformation": [
            {"id": "0", "email": buyer.email, "firstName": first, "lastName": last, "phone": buyer.phone, "document": buyer.document,
             "documentType": _documents(buyer)["documentType"]}
        ],
    }  # fmt: skip


def _logistics(line: Line, index: int, order: Order) -> dict[str, Any]:
    policy = order.shipping
    sla = {
        "id": policy["shippingMethod"], "name": policy["shippingMethod"], "shippingEstimate": f"{DELIVERY_DAYS}bd", "deliveryWindow": None,
        "price": line.freight, "deliveryChannel": "delivery", "pickupStoreInfo": NO_PICKUP, "polygonName": None, "lockTTL": "10d",
        "pickupPointId": "", "transitTime": f"{DELIVERY_DAYS}d", "pickupDistance": 0,
    }  # fmt: skip
    return {
        "itemIndex": index,
        "selectedSla": policy["shippingMethod"],
        "lockTTL": "10d",
        "price": line.freight,
        "listPrice": line.freight,
        "sellingPrice": line.freight,
        "deliveryWindow": None,
        "deliveryCompany": policy["name"],
        "shippingEstimate": f"{DELIVERY_DAYS}bd",
        "shippingEstimateDate": stamp_with_zone(order.created_at + timedelta(days=DELIVERY_DAYS)),
        "slas": [sla],
        "shipsTo": ["BRA"],
        "deliveryIds": [
            {"courierId": policy["id"], "courierName": policy["name"], "dockId": held.dock, "quantity": held.quantity,
             "warehouseId": held.warehouse, "accountCarrierName": "", "kitItemDetails": []}
            for held in line.reservations
        ],
        "deliveryChannels": [{"id": "delivery", "stockBalance": 0}],
        "deliveryChannel": "delivery",
        "selectedDeliveryChannel": "delivery",
        "pickupStoreInfo": NO_PICKUP | {"address": None},
        "addressId": order.group,
        "versionId": None,
        "entityId": None,
        "polygonName": None,
        "pickupPointId": None,
        "transitTime": f"{DELIVERY_DAYS}d",
    }  # fmt: skip


def _stamp(at: datetime | None) -> str | None:
    return stamp_with_zone(at) if at is not None else None
