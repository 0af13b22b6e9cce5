"""From Shopify's order to the model's. Pure. Money is what the shop was paid in: `shopMoney`, strings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from engate import Text, Unavailable
from engate.model import Address, Buyer, Order, OrderEvent, OrderItem, Payment, ShopState, valid_document

GID = "gid://shopify/Order/"
ZERO = Decimal("0.00")
AWAITING = frozenset({"PENDING", "PARTIALLY_PAID", "EXPIRED"})
"""Pix and boleto begin as PENDING."""
PAID = frozenset({"PAID", "PARTIALLY_REFUNDED"})
HELD = frozenset({"AUTHORIZED", "VOIDED", "REFUNDED"})
"""Not captured, or nothing of it left: neither may enter the ERP, and neither is a cancellation."""
FULFILMENT: Mapping[str, ShopState] = {
    "UNFULFILLED": "ready",
    "OPEN": "ready",
    "PENDING_FULFILLMENT": "ready",
    "RESTOCKED": "ready",
    "REQUEST_DECLINED": "ready",
    "FULFILLMENT_NOT_REQUIRED": "ready",
    "ON_HOLD": "held",
    "SCHEDULED": "held",
    "IN_PROGRESS": "handling",
    "PARTIALLY_FULFILLED": "handling",
    "FULFILLED": "invoiced",
}
TAG = "engate"
"""The tag of orders that the ERP has: people of the shop see it and can search for it."""
CREDENTIALS = ("TAX_CREDENTIAL_BR", "SHIPPING_CREDENTIAL_BR")
ATTRIBUTES = ("cpf", "cnpj", "cpf/cnpj", "cpf_cnpj", "documento")
COUNTRIES = {"BR": "BRA"}


def inner(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside an answer; empty where the shop has none."""
    return raw[name] or {}


def gid(key: str) -> str:
    return f"{GID}{key}"


def number(gid: str) -> str:
    """An order's key: what stands in the address of its page in the Admin. Shopify's own id holds slashes."""
    return gid.removeprefix(GID).partition("?")[0]


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def money(bag: Mapping[str, Any] | None) -> Decimal:
    return Decimal(bag["shopMoney"]["amount"]).quantize(ZERO) if bag else ZERO


def document(text: str | None) -> str:
    """A CPF or CNPJ without its punctuation; a CNPJ may hold letters."""
    return re.sub(r"[^0-9A-Z]", "", (text or "").upper())


def state(cancelled: object, financial: str | None, fulfilment: str | None) -> ShopState:
    """The state of an order. Payment counts first: an unpaid order is not shipped, whatever its fulfilment says."""
    if cancelled:
        return "cancelled"
    if financial in AWAITING:
        return "awaiting_payment"
    if financial in HELD:
        return "held"
    return FULFILMENT.get(fulfilment or "", "unknown") if financial in PAID else "unknown"


def raw_state(cancelled: object, financial: str | None, fulfilment: str | None) -> str:
    return "CANCELLED" if cancelled else f"{financial or '?'}/{fulfilment or '?'}"


def event(row: Mapping[str, Any]) -> OrderEvent:
    """The same order in the same state at the same instant is the same event: in Shopify's instants, whole seconds, much happens."""
    facts = (row["cancelledAt"], row["displayFinancialStatus"], row["displayFulfillmentStatus"])
    told, raw = marked(state(*facts), row["tags"]), raw_state(*facts)
    return OrderEvent(f"{row['id']}/{row['updatedAt']}/{told}/{raw}", number(row["id"]), told, raw, at=row["updatedAt"])


def marked(told: ShopState, tags: Iterable[str]) -> ShopState:
    """A ready order that carries our tag is one that the ERP has."""
    return "handling" if told == "ready" and TAG in {tag.casefold() for tag in tags} else told


# ---- the order ----


def order(raw: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]) -> Order:
    """`Unavailable` (code "contract") where it lacks what every order has."""
    try:
        return _order(raw, list(lines))
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise Unavailable(
            Text(f"Pedido {raw.get('id')} fora do contrato: {error!r}", f"Order {raw.get('id')} outside the contract: {error!r}"),
            Text("Veja o pedido no Admin da Shopify; se estiver certo lá, avise o suporte.", "See the order in Shopify's Admin."),
            code="contract",
        ) from error


def _order(raw: Mapping[str, Any], lines: list[Mapping[str, Any]]) -> Order:
    facts = (raw["cancelledAt"], raw["displayFinancialStatus"], raw["displayFulfillmentStatus"])
    places = _places(raw)
    items = tuple(_item(line, places) for line in lines if line["currentQuantity"] > 0 or facts[0])
    paid = [one for one in raw["transactions"] if one["kind"] in ("SALE", "CAPTURE")]
    done = [one for one in paid if one["status"] == "SUCCESS"]
    total, freight = money(raw["currentTotalPriceSet"]), money(raw["currentShippingPriceSet"])
    if facts[0]:
        freight = ZERO if total == 0 else freight
    items_total = sum((item.value for item in items), ZERO)
    discount, interest = sums(raw, items_total + freight, total)
    shipping = inner(raw, "shippingLine")
    return Order(
        key=number(raw["id"]),
        state=marked(state(*facts), raw["tags"]),
        raw_state=raw_state(*facts),
        placed_at=datetime.fromisoformat(raw["createdAt"]),
        paid_at=instant(done[-1]["processedAt"]) if done else None,
        buyer=_buyer(raw),
        delivery=_address(raw["shippingAddress"] or inner(raw, "billingAddress")),
        items=items,
        payments=tuple(_payments(raw, done or paid)),
        items_total=items_total,
        freight=freight,
        discount=discount,
        interest=interest,
        total=total,
        shipping=shipping.get("code") or shipping.get("title") or "",
        channel=raw["sourceName"] or "",
        test=raw["test"],
        refunded=money(raw["totalRefundedSet"]),
        changed_at=raw["updatedAt"],
        number=raw.get("name") or "",
    )


def _item(line: Mapping[str, Any], places: Mapping[str, str]) -> OrderItem:
    """The line as it is after edits and refunds. Of a cancelled order, as it was."""
    return OrderItem(
        line=line["id"],
        sku=inner(line, "variant").get("id") or "",
        reference=line["sku"] or "",
        name=line["name"],
        quantity=Decimal(line["currentQuantity"] or line["quantity"]),
        price=money(line["discountedUnitPriceSet"]),
        warehouse=places.get(line["id"], places.get("", "")),
    )


def _places(raw: Mapping[str, Any]) -> dict[str, str]:
    """line -> location. "" stands for all of them where there is only one."""
    found: dict[str, str] = {}
    for fulfilment in raw["fulfillmentOrders"]["nodes"]:
        location = inner(fulfilment["assignedLocation"], "location").get("id") or ""
        if location and fulfilment["status"] != "CANCELLED":
            found |= {node["lineItem"]["id"]: location for node in fulfilment["lineItems"]["nodes"]}
    if len(set(found.values())) == 1:
        found[""] = next(iter(found.values()))
    return found


def sums(raw: Mapping[str, Any], gross: Decimal, total: Decimal) -> tuple[Decimal, Decimal]:
    """(discount, interest): the difference of the lines and the freight from the total.

    Only within what Shopify says of discounts and taxes. Where the difference is larger, Shopify's own figures are kept, and the order's
    sums disagree.
    """
    rest = total - gross
    tax = ZERO if raw["taxesIncluded"] else money(raw["currentTotalTaxSet"])
    if raw["cancelledAt"]:
        return max(ZERO, -rest), max(ZERO, rest)
    if -money(raw["currentTotalDiscountsSet"]) <= rest <= tax:
        return max(ZERO, -rest), max(ZERO, rest)
    return money(raw["currentTotalDiscountsSet"]), tax


def _payments(raw: Mapping[str, Any], paid: list[Mapping[str, Any]]) -> Iterator[Payment]:
    """The payments, also pending ones (a Pix that is not paid yet). Without any, the first gateway that the order names."""
    for one in paid:
        gateway = one["gateway"] or next(iter(raw["paymentGatewayNames"]), "")
        yield Payment(form=gateway, name=gateway, value=money(one["amountSet"]), tid=one["paymentId"] or "")
    if not paid:
        for gateway in raw["paymentGatewayNames"][:1]:
            yield Payment(form=gateway, name=gateway, value=money(raw["currentTotalPriceSet"]))


def _documents(raw: Mapping[str, Any]) -> Iterator[str | None]:
    """Where a CPF or CNPJ can stand, best first: Shopify's own field, a gateway's attribute, the company's name."""
    fields = {field["key"]: field["value"] for field in raw["localizedFields"]["nodes"]}
    yield from (fields.get(key) for key in CREDENTIALS)
    attributes = {one["key"].strip().casefold(): one["value"] for one in raw["customAttributes"]}
    yield from (attributes.get(name) for name in ATTRIBUTES)
    yield from (inner(raw, name).get("company") for name in ("billingAddress", "shippingAddress"))


def _buyer(raw: Mapping[str, Any]) -> Buyer:
    billing, delivery, customer = inner(raw, "billingAddress"), inner(raw, "shippingAddress"), inner(raw, "customer")
    held = [document(text) for text in _documents(raw)]
    number = next((one for one in held if valid_document(one)), next((one for one in held if one[:11].isdigit()), ""))
    company = len(number) == 14
    firm = billing.get("company") or delivery.get("company") or ""
    named = " ".join(part for part in (customer.get("firstName"), customer.get("lastName")) if part)
    return Buyer(
        name=billing.get("name") or named or delivery.get("name") or firm,
        document=number,
        email=raw["email"] or "",
        phone=raw["phone"] or delivery.get("phone") or billing.get("phone") or "",
        company=company,
        company_name=firm if company and document(firm) != number else "",
    )


NUMBERED = re.compile(r"^(?P<street>.*?)[,\s]+(?:n[ºo°.]*\s*)?(?P<number>\d+[A-Za-z]?(?:-\d+)?|s/?n)\s*$", re.IGNORECASE)


def _address(raw: Mapping[str, Any]) -> Address:
    """Shopify has two lines: street and number in the first, complement and district in the second."""
    first, second = (raw.get("address1") or "").strip(), (raw.get("address2") or "").strip()
    numbered = NUMBERED.match(first)
    complement, _, district = second.rpartition(",")
    country = raw.get("countryCodeV2") or "BR"
    return Address(
        street=numbered["street"].strip(" ,") if numbered else first,
        number=numbered["number"] if numbered else "",
        complement=complement.strip(),
        district=district.strip(),
        city=raw.get("city") or "",
        state=raw.get("provinceCode") or "",
        zip_code=re.sub(r"\D", "", raw.get("zip") or ""),
        country=COUNTRIES.get(country, country),
        receiver=raw.get("name") or "",
    )
