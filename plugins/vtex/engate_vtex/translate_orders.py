"""From VTEX's order to the model's, and the bodies of what is told to an order. Pure.

VTEX's money in orders is integer cents; the invoice's value is a string of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from math import ceil
from typing import Any, NamedTuple

from engate import Rejected, Text, Unavailable
from engate.model import (
    Address,
    Buyer,
    Invoice,
    Order,
    OrderEvent,
    OrderItem,
    OrderPart,
    PartItem,
    Payment,
    ShopState,
    Tracking,
    is_whole,
    plain,
    whole_units,
)

Body = dict[str, Any]

CALLED: dict[str, Text] = {
    "order-created": Text("Processando", "Processing"),
    "on-order-completed": Text("Processando", "Processing"),
    "payment-pending": Text("Pagamento pendente", "Payment pending"),
    "approve-payment": Text("Aprovando pagamento", "Approving payment"),
    "payment-approved": Text("Pagamento aprovado", "Payment approved"),
    "window-to-cancel": Text("Carência para cancelamento", "Window to cancel"),
    "waiting-for-authorization": Text("Aguardando autorização", "Waiting for authorization"),
    "authorize-fulfillment": Text("Aguardando autorização para despachar", "Authorize fulfillment"),
    "ready-for-handling": Text("Pronto para o manuseio", "Ready for handling"),
    "start-handling": Text("Iniciar manuseio", "Start handling"),
    "handling": Text("Preparando entrega", "Handling shipping"),
    "waiting-for-fulfillment": Text("Aguardando fulfillment", "Waiting for fulfillment"),
    "invoice": Text("Verificando fatura", "Verifying invoice"),
    "invoiced": Text("Faturado", "Invoiced"),
    "request-cancel": Text("Solicitação de cancelamento", "Cancellation requested"),
    "waiting-for-seller-decision": Text("Aguardando decisão do vendedor", "Waiting for the seller's decision"),
    "cancel": Text("Cancelando", "Cancelling"),
    "canceled": Text("Cancelado", "Canceled"),
}
"""States as the Admin calls them."""


def inner(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside a document; empty where VTEX has none."""
    return raw.get(name) or {}


def rows(raw: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """A list of objects inside a document; empty where VTEX has none."""
    return raw.get(name) or ()


def called(status: str | None) -> Text:
    """The state in quotes, as the Admin shows it. One that is not in the table stays VTEX's own word."""
    said = CALLED.get(status or "") or Text(status or "?", status or "?")
    return Text(f"'{said.pt}'", f"'{said.en}'")


STATES: dict[str, ShopState] = {
    "on-order-completed": "received",
    "on-order-completed-ffm": "received",
    "order-accepted": "received",
    "order-created": "awaiting_payment",
    "payment-pending": "awaiting_payment",
    "approve-payment": "held",
    "payment-approved": "held",
    "window-to-cancel": "held",
    "window-to-change-seller": "held",
    "authorize-fulfillment": "held",
    "waiting-for-authorization": "held",
    "waiting-ffmt-authorization": "held",
    "waiting-for-manual-authorization": "held",
    "waiting-for-mkt-authorization": "held",
    "waiting-for-order-authorization": "held",
    "waiting-seller-handling": "held",
    "ready-for-handling": "ready",
    "start-handling": "handling",
    "handling": "handling",
    "ready-for-invoicing": "handling",
    "waiting-for-fulfillment": "handling",
    "invoice": "handling",
    "invoice-after-cancellation-deny": "handling",
    "invoiced": "invoiced",
    "request-cancel": "cancel_requested",
    "cancel": "cancel_requested",
    "waiting-for-seller-decision": "cancel_requested",
    "cancellation-requested": "cancel_requested",
    "cancelation-requested": "cancel_requested",
    "cancelation-request": "cancel_requested",
    "cancellation-request": "cancel_requested",
    "canceled": "cancelled",
    "cancelled": "cancelled",
}
"""VTEX's own pages spell the states of cancellation in several ways. A state that is not here is "unknown" and is shown by its own word."""

FEED_STATES = (
    "order-created",
    "payment-pending",
    "waiting-for-order-authorization",
    "payment-approved",
    "waiting-for-authorization",
    "waiting-ffmt-authorization",
    "waiting-for-manual-authorization",
    "waiting-for-mkt-authorization",
    "waiting-seller-handling",
    "window-to-cancel",
    "window-to-change-seller",
    "order-create-error",
    "order-creation-error",
    "ready-for-handling",
    "handling",
    "invoice-after-cancellation-deny",
    "invoiced",
    "replaced",
    "request-cancel",
    "waiting-for-seller-decision",
    "cancellation-requested",
    "cancel",
    "canceled",
)
"""The states that the feed tells us of, in the schema's spelling, which VTEX does not check. States that an order only passes through are
left out."""


def state(raw: str | None) -> ShopState:
    return STATES.get(raw or "", "unknown")


def money(cents: int | float | None) -> Decimal:
    """Integer cents as reais with two places."""
    return Decimal(int(cents or 0)).scaleb(-2)


def cents(value: Decimal) -> int:
    return int((value * 100).quantize(Decimal(1), ROUND_HALF_UP))


def instant(text: str | None) -> datetime | None:
    """VTEX stamps carry seven fractional digits and an offset."""
    return datetime.fromisoformat(text) if text else None


def document(text: str | None) -> str:
    """A CPF or CNPJ without its punctuation; a CNPJ may hold letters."""
    return re.sub(r"[^0-9A-Z]", "", (text or "").upper())


# ---- the feed ----


def event(raw: Mapping[str, Any]) -> OrderEvent:
    return OrderEvent(
        key=raw["eventId"],
        order=raw["orderId"],
        state=state(raw.get("state")),
        raw_state=raw.get("state") or "",
        at=raw.get("currentChange") or "",
    )


def notified(raw: Mapping[str, Any]) -> OrderEvent | None:
    """A notification of the hook; None: it names no order. It has no id: the same order that came into the same state at the same time is
    the same event, however often it is sent."""
    order, status, changed = (raw.get(name) or "" for name in ("OrderId", "State", "LastChange"))
    if not all(isinstance(value, str) for value in (order, status, changed)) or not order:
        return None
    return OrderEvent(f"hook/{order}/{status}/{changed}", order, state(status), status, at=changed)


def listed(raw: Mapping[str, Any]) -> OrderEvent:
    """A line of the list of orders: the same order in the same state is the same event."""
    status = raw.get("status") or ""
    return OrderEvent(f"list/{raw['orderId']}/{status}", raw["orderId"], state(status), status, at=raw.get("creationDate") or "")


def stamp(moment: datetime) -> str:
    """As VTEX's filters want it: UTC, to the millisecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def feed_config(visibility: int, retention: int) -> Body:
    """The retention's capital M is the schema's, in the request only."""
    return {
        "filter": _filter(),
        "queue": {"visibilityTimeoutInSeconds": visibility, "MessageRetentionPeriodInSeconds": retention},
    }


def _filter() -> Body:
    """The type FromWorkflow: FromOrders skips events."""
    return {"type": "FromWorkflow", "status": list(FEED_STATES)}


def hook_config(url: str, headers: Mapping[str, str]) -> Body:
    return {"filter": _filter(), "hook": {"url": url, "headers": dict(headers)}}


def tells_all(config: Mapping[str, Any]) -> bool:
    """Whether a feed or a hook that exists tells everything we need."""
    chosen = inner(config, "filter")
    return chosen.get("type") == "FromWorkflow" and set(FEED_STATES) <= set(chosen.get("status") or ())


def keeps(config: Mapping[str, Any], visibility: int, retention: int) -> bool:
    """Whether it holds events as long as the connection's settings say (the reading spells the retention in lower case)."""
    queue = inner(config, "queue")
    return queue.get("visibilityTimeoutInSeconds") == visibility and queue.get("messageRetentionPeriodInSeconds") == retention


# ---- the order ----


def order(raw: Mapping[str, Any]) -> Order:
    """VTEX's order as the model's; `Unavailable` (code "contract") where it lacks what every order has."""
    try:
        return _order(raw)
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(
            Text(
                f"Pedido {raw.get('orderId')} fora do contrato da VTEX: {type(error).__name__} {error}",
                f"Order {raw.get('orderId')} outside VTEX's contract: {type(error).__name__} {error}",
            ),
            Text(
                "Veja o pedido no Admin da VTEX; se estiver certo lá, avise o suporte.",
                "See the order in VTEX's Admin; if it is right there, tell support.",
            ),
            code="contract",
        ) from error


def _order(raw: Mapping[str, Any]) -> Order:
    shipping = inner(raw, "shippingData")
    logistics = {info["itemIndex"]: info for info in rows(shipping, "logisticsInfo")}
    items = tuple(_item(item, logistics.get(index, {})) for index, item in enumerate(raw["items"]))
    payments = tuple(_payments(inner(raw, "paymentData")))
    sums = charged(raw, items)
    placed = instant(raw["creationDate"])
    if placed is None:
        raise ValueError("creationDate")
    return Order(
        key=raw["orderId"],
        state=state(raw.get("status")),
        raw_state=raw.get("status") or "",
        placed_at=placed,
        paid_at=instant(raw.get("authorizedDate")),
        buyer=_buyer(inner(raw, "clientProfileData")),
        delivery=_address(inner(shipping, "address")),
        items=items,
        payments=payments,
        shipping=next((name for info in logistics.values() if (name := _shipping(info))), ""),
        channel=raw.get("affiliateId") or raw.get("salesChannel") or "",
        changed_at=raw.get("lastChange") or "",
        number=str(raw.get("sequence") or ""),
        items_total=sums.items,
        freight=sums.freight,
        discount=sums.discount,
        interest=sums.interest,
        total=sums.total,
        refunded=given_back(raw),
    )


def _item(raw: Mapping[str, Any], logistics: Mapping[str, Any]) -> OrderItem:
    """`price`: of one unit, after the item's discounts."""
    return OrderItem(
        line=raw["uniqueId"],
        sku=str(raw["id"]),
        reference=raw.get("refId") or "",
        name=raw.get("name") or "",
        quantity=Decimal(int(raw["quantity"])),
        price=unit_price(raw),
        freight=money(logistics.get("price")),
        warehouse=_served_by(logistics).get("warehouseId") or "",
    )


def _served_by(logistics: Mapping[str, Any]) -> Mapping[str, Any]:
    """The delivery that takes most of an item's units."""
    nobody: Mapping[str, Any] = {}
    return max(rows(logistics, "deliveryIds"), key=lambda delivery: delivery.get("quantity") or 0, default=nobody)


def _shipping(logistics: Mapping[str, Any]) -> str:
    """The shipping policy, which names the carrier; a pickup has none, only the method that was chosen."""
    return _served_by(logistics).get("courierId") or logistics.get("selectedSla") or ""


def unit_price(raw: Mapping[str, Any]) -> Decimal:
    """The price of one unit that is sold. From the line's own total, as VTEX advises: `sellingPrice` may be rounded, or be the price of one
    measure."""
    defined = inner(raw, "priceDefinition")
    if defined.get("total") is not None:
        return (money(defined["total"]) / int(raw["quantity"])).quantize(Decimal("0.01"), ROUND_HALF_UP)
    multiplier = Decimal(str(raw.get("unitMultiplier") or 1))
    return (money(raw["sellingPrice"]) * multiplier).quantize(Decimal("0.01"), ROUND_HALF_UP)


class Sums(NamedTuple):
    items: Decimal
    freight: Decimal
    discount: Decimal
    interest: Decimal
    total: Decimal


def charged(raw: Mapping[str, Any], items: Iterable[OrderItem]) -> Sums:
    """items + freight + interest - discount = total, to the cent, whatever VTEX put into the unit prices.

    VTEX's totals are the truth. Its Items are before discounts and our lines after them, so what the lines do not show of the discounts is
    the order's discount; a cent that lines and totals disagree by, taxes and changes fall on discount or interest, by their sign. `value`
    may or may not hold the card's interest: what the payments charge over their reference value is added where it does not.

    Where lines, totals and value disagree by more than a cent a unit, nothing is made to fit: these are the totals as VTEX says them,
    which the lines then do not add up to. The units that a change took out are in the totals and not in the lines, and may be worth more
    than it gave back: then the lines may be worth anything less.
    """
    items = tuple(items)
    totals = {entry["id"]: int(entry["value"]) for entry in raw.get("totals") or ()}
    value, net = int(raw["value"]), sum(totals.values())
    interest = sum(
        max(0, paid["value"] - paid["referenceValue"]) for paid in _paid(inner(raw, "paymentData")) if paid.get("referenceValue")
    )
    total = value + interest if abs(value - net) < abs(value - net - interest) else value
    lines = cents(sum((item.value for item in items), Decimal(0)))
    gross, freight = totals.get("Items", 0), totals.get("Shipping", 0)
    others = [value for name, value in totals.items() if name not in ("Items", "Shipping")]
    less, more = -sum(value for value in others if value < 0), sum(value for value in others if value > 0)
    fees, rounding = interest + more, sum(whole_units(item.quantity) for item in items)
    fits = (0 if "Change" in totals else gross - less - rounding) <= lines <= gross + more + rounding
    if not fits or abs(gross + freight + fees - less - total) > rounding:
        return Sums(money(gross), money(freight), money(less), money(fees), money(total))
    rest = total - lines - freight
    discount = max(0, fees - rest)
    return Sums(money(lines), money(freight), money(discount), money(rest + discount), money(total))


def given_back(raw: Mapping[str, Any]) -> Decimal:
    """The amount given back, in reais: what changes took off (the total named Change, else the sum of the changes), and what returns gave
    back."""
    changed = [-int(entry["value"]) for entry in raw.get("totals") or () if entry["id"] == "Change"]
    if not changed:
        changed = [int(entry.get("discountValue") or 0) - int(entry.get("incrementValue") or 0) for entry in changes(raw)]
    return money(max(0, sum(changed)) + sum(_restituted(package) for package in packages(raw, "Input")))


def changes(raw: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The order modifications that went through."""
    return rows(inner(raw, "changesAttachment"), "changesData")


def _restituted(package: Mapping[str, Any]) -> int:
    """The cents that a return gave back: those that VTEX states, else the value of its note."""
    said = [one["value"] for one in inner(package, "restitutions").values() if one and one.get("value") is not None]
    return sum(said) if said else int(package.get("invoiceValue") or 0)


def _paid(data: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """The payments that count: an inactive transaction was given up."""
    for transaction in data.get("transactions") or ():
        if transaction.get("isActive", True):
            yield from transaction.get("payments") or ()


def _payments(data: Mapping[str, Any]) -> Iterable[Payment]:
    for paid in _paid(data):
        answers = {name.lower(): value for name, value in inner(paid, "connectorResponses").items() if value}
        yield Payment(
            form=str(paid.get("paymentSystem") or ""),
            name=paid.get("paymentSystemName") or "",
            value=money(paid.get("value")),
            installments=int(paid.get("installments") or 1),
            authorisation=str(answers.get("authid") or answers.get("authorizationid") or ""),
            nsu=str(answers.get("nsu") or ""),
            tid=str(paid.get("tid") or answers.get("tid") or ""),
        )


def _buyer(raw: Mapping[str, Any]) -> Buyer:
    company = bool(raw.get("isCorporate"))
    name = " ".join(part for part in (raw.get("firstName"), raw.get("lastName")) if part)
    company_name = (raw.get("corporateName") or raw.get("tradeName") or "") if company else ""
    return Buyer(
        name=name or company_name,
        document=document((raw.get("corporateDocument") if company else None) or raw.get("document")),
        email=raw.get("email") or "",
        phone=(raw.get("corporatePhone") if company else None) or raw.get("phone") or "",
        company=company,
        company_name=company_name,
        state_inscription=(raw.get("stateInscription") or "") if company else "",
    )


def _address(raw: Mapping[str, Any]) -> Address:
    return Address(
        street=raw.get("street") or "",
        number=raw.get("number") or "",
        complement=", ".join(part for part in (raw.get("complement"), raw.get("reference")) if part),
        district=raw.get("neighborhood") or "",
        city=raw.get("city") or "",
        state=raw.get("state") or "",
        zip_code=re.sub(r"\D", "", raw.get("postalCode") or ""),
        country=raw.get("country") or "BRA",
        receiver=raw.get("receiverName") or "",
    )


# ---- invoices ----


def access_key(key: str) -> str:
    """The 44 characters, without the prefix that an XML's `Id` carries."""
    return re.sub(r"^(NFe|NFCe|CFe)", "", key.strip(), flags=re.IGNORECASE)


def plain_number(number: str) -> str:
    """Letters and digits: VTEX breaks on spaces and slashes in an invoice number."""
    return re.sub(r"[^0-9A-Za-z]", "", number)


def packages(raw: Mapping[str, Any], kind: str = "Output") -> list[Mapping[str, Any]]:
    """The notes the order has: of sale (Output) or of returns (Input)."""
    attached = rows(inner(raw, "packageAttachment"), "packages")
    return [package for package in attached if package.get("type", "Output") == kind]


def package_of(raw: Mapping[str, Any], invoice: Invoice) -> Mapping[str, Any] | None:
    """The order's note with this access key. A note without a key is recognised by its number and instant."""
    wanted = access_key(invoice.key)
    if wanted:
        return next((package for package in packages(raw) if access_key(package.get("invoiceKey") or "") == wanted), None)
    alike = (package for package in packages(raw) if not package.get("invoiceKey") and package.get("invoiceNumber") in _numbers(invoice))
    return next((package for package in alike if instant(package.get("issuanceDate")) == invoice.issued_at), None)


def free_number(raw: Mapping[str, Any], invoice: Invoice) -> str:
    """A number for the note that the order does not have yet: two branches may have issued the same one, and VTEX takes a repeated number
    for the first note again."""
    taken = {package.get("invoiceNumber") for package in packages(raw)}
    candidates = _numbers(invoice)
    return next((candidate for candidate in candidates if candidate not in taken), candidates[-1])


def _numbers(invoice: Invoice) -> tuple[str, ...]:
    number, series = plain_number(invoice.number), plain_number(invoice.series)
    return number, f"{number}S{series}", f"{number}S{series}E{plain_number(invoice.issuer)}"


def invoiced_value(raw: Mapping[str, Any], invoice: Invoice, part: OrderPart) -> int:
    """The note's value in cents: at most the note's total, what the part was charged, and what the order still lacks.

    VTEX closes the order when its notes sum to its value. ICMS-ST or IPI on the note and the card's interest would exceed that.
    """
    sent = sum(int(package.get("invoiceValue") or 0) for package in packages(raw))
    return min(cents(invoice.value), cents(part.total), int(raw["value"]) - sent)


def invoice_body(raw: Mapping[str, Any], invoice: Invoice, part: OrderPart) -> Body:
    """`raw`: the order as VTEX holds it now. Items by VTEX's SKU id, with unit prices."""
    lines: dict[str, Mapping[str, Any]] = {item["uniqueId"]: item for item in raw["items"]}
    return {
        "type": "Output",
        "issuanceDate": invoice.issued_at.isoformat(),
        "invoiceNumber": free_number(raw, invoice),
        "invoiceValue": str(invoiced_value(raw, invoice, part)),
        "invoiceKey": access_key(invoice.key),
        "embeddedInvoice": invoice.xml or None,
        "trackingNumber": "",
        "trackingUrl": "",
        "items": [_invoiced(_line_of(lines, item.line), item) for item in part.items],
    }


PIECE = ("", "un")
"""Measurement units of what is sold by the piece, so of which there are no fractions."""


def _invoiced(line: Mapping[str, Any], item: PartItem) -> Body:
    """An item of the note in whole units, as VTEX has them. Part of a weighed unit counts as one, at the price of what it weighed."""
    units, each = whole_units(item.quantity), item.price
    if not is_whole(item.quantity):
        if (line.get("measurementUnit") or "") in PIECE:
            raise _fraction(line, item)
        units = min(ceil(item.quantity), int(line["quantity"]))
        each = item.value / units
    return {"id": str(line["id"]), "price": cents(each), "quantity": units}


def _fraction(line: Mapping[str, Any], item: PartItem) -> Rejected:
    return Rejected(
        Text(
            f"A nota tem {plain(item.quantity)} de {line.get('name') or item.sku}, e a VTEX só recebe unidades inteiras desse item.",
            f"The note has {plain(item.quantity)} of {line.get('name') or item.sku}, and VTEX takes whole units of this item only.",
        ),
        Text(
            "Lance a nota no Admin da VTEX. Se o item é vendido por peso, corrija a unidade de medida do SKU.",
            "Enter the note in VTEX's Admin. If the item is sold by weight, correct the SKU's unit of measure.",
        ),
        code="invoice.fraction",
    )


def _line_of(lines: Mapping[str, Mapping[str, Any]], line: str) -> Mapping[str, Any]:
    if line not in lines:
        raise Rejected(
            Text(f"A linha {line} da nota não está mais no pedido da VTEX.", f"The note's line {line} is no longer in VTEX's order."),
            Text(
                "O pedido foi alterado na VTEX: confira as alterações no Admin.",
                "The order was changed in VTEX: check its changes in the Admin.",
            ),
            code="invoice.line",
        )
    return lines[line]


def tracking_body(tracking: Tracking) -> Body:
    """All four fields always go; a delivery by the shop's own fleet has no code."""
    return {
        "trackingNumber": tracking.code,
        "trackingUrl": tracking.url or None,
        "courier": tracking.carrier or None,
        "dispatchedDate": tracking.dispatched_at.isoformat() if tracking.dispatched_at else None,
    }


def delivery_body(delivered_at: str) -> Body:
    """VTEX takes a wall time without an offset: the one that was reported."""
    return {"isDelivered": True, "deliveredDate": datetime.fromisoformat(delivered_at).strftime("%Y-%m-%d %H:%M"), "events": []}
