"""Orders: a part as the body WinThor creates an order from, and WinThor's orders as `ErpOrder`. Pure functions."""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from math import ceil
from typing import Any

import msgspec

from engate import Answered, Rejected, Text
from engate.answers import NOT_JSON
from engate.model import CENT, ErpItem, ErpOrder, ErpState, OrderPart, PartItem, Shipment, Tracking, is_whole, plain, whole_units
from engate.nfe import Sold
from engate.shapes import is_array, is_object
from engate_winthor.endpoints import Contract
from engate_winthor.order_fields import asked
from engate_winthor.rows import OrderItemRow, OrderRow, text
from engate_winthor.settings import Settings

STATES: dict[str, ErpState] = {"L": "in_erp", "P": "held", "B": "held", "M": "picking", "F": "invoiced", "C": "cancelled"}
"""posicao: released, pending, blocked (credit, limit, margin), assembled, invoiced, cancelled."""


def state(posicao: str | None) -> ErpState:
    return STATES.get((posicao or "").strip().upper(), "unknown")


# ---- reading ----


def erp_order(row: OrderRow, instant: Callable[[str | None], datetime | None], delivered_words: tuple[str, ...]) -> ErpOrder:
    """One row of /orders/list. `instant` reads the ERP's local stamps."""
    code = text(row.tracking)
    items = row.items or []
    return ErpOrder(
        key=text(row.number),
        branch=text(row.branch),
        state=state(row.status),
        raw_state=(row.status or "").strip(),
        reference=text(row.reference),
        total=row.total,
        items=tuple(_item(item) for item in items),
        shipments=(Shipment(code, Tracking(code, carrier=text(row.carrier))),) if code else (),
        delivered_at=instant(row.delivery) if _delivered(items, delivered_words) else None,
        changed_at=row.changed or "",
    )


def _item(row: OrderItemRow) -> ErpItem:
    return ErpItem(_sku(row), _counted(row.quantity), _counted(row.cut))


def _sku(row: OrderItemRow) -> str:
    return f"{text(row.packing)}-{text(row.product)}"


def _counted(value: Decimal | None) -> Decimal:
    """The quantity of a line. A weighed item has the weight that was delivered: 0.95 of 1."""
    return value if value is not None and value.is_finite() else Decimal(0)


def sold(row: OrderRow) -> list[Sold]:
    """The items of the order, by which the lines of its notes are recognised."""
    return [Sold(_sku(item), text(item.product), text(item.packing), _counted(item.quantity)) for item in row.items or []]


def _delivered(items: list[OrderItemRow], words: tuple[str, ...]) -> bool:
    """Whether every item says that it was delivered: `deliveryDate` alone is a promise, made when the order is placed."""
    return bool(items) and all(text(item.delivery).upper() in words for item in items)


def number(body: bytes, names: str) -> str:
    """The first of these names that holds a value in a JSON answer ("data.id": inside); "" where none does or it is no JSON."""
    try:
        answer = msgspec.json.decode(body)
    except NOT_JSON:
        return ""
    for name in names.split(","):
        held: Any = answer
        for step in name.strip().split("."):
            held = held.get(step) if is_object(held) else None
        if isinstance(held, (str, int)) and not isinstance(held, bool) and text(held):
            return text(held)
    return ""


# ---- creating ----


def body(part: OrderPart, customer: str, notes: list[str], contract: Contract, settings: Settings) -> dict[str, Any]:
    """The order as POST /orders/ wants it. The ERP's total must become what was charged, to the cent."""
    names, fields = contract.order_body, asked(part)
    lines, expenses = money(part)
    made: dict[str, Any] = {
        names.branch: part.branch,
        names.customer: {names.customer_id: code(customer)},
        names.seller: code(fields.seller or settings.seller),
        names.origin: fields.sale_origin or settings.sale_origin,
        names.kind: fields.sale_type or settings.sale_type,
        names.billing: part.charge,
        names.plan: code(part.terms),
        names.reference: part.reference,
        names.items: [
            {names.item_sku: sku, names.item_quantity: plain(quantity), names.item_price: price} for sku, quantity, price in lines
        ],
        names.permissions: {names.without_tax: settings.accept_without_tax},
    }
    if expenses:
        made[_freight_field(names.freight, part)] = expenses
    if part.carrier and names.carrier:
        made[names.carrier] = code(part.carrier)
    if notes and names.observation:
        made[names.observation] = " | ".join(notes)
    return made


Line = tuple[str, Decimal, Decimal]
"""(SKU key, quantity, unit price)"""


def money(part: OrderPart) -> tuple[list[Line], Decimal]:
    """(lines, other expenses) that add up to exactly what was charged.

    Expenses are freight and interest. What goods and expenses exceed the total by is discount. It is computed from the total, because item
    prices may have it in already: then only cents of rounding are left. It goes into the prices, the one money field of an order that every
    installation has. An order whose sum differs by more than its own discount and rounding explain is refused.
    """
    goods = sum((item.value for item in part.items), Decimal(0))
    expenses = part.freight + part.interest
    discount = goods + expenses - part.total
    rounding = CENT * sum(ceil(item.quantity) for item in part.items)
    if not min(part.discount, 0) - rounding <= discount <= max(part.discount, 0) + rounding:
        raise Rejected(
            Text(
                f"O pedido soma {goods + expenses - part.discount} e foi cobrado {part.total}.",
                f"The order adds up to {goods + expenses - part.discount} and {part.total} was charged.",
            ),
            Text("Confira itens, frete, juros e descontos na loja.", "Check items, freight, interest and discounts in the shop."),
            code="order.total",
        )
    if discount <= 0:
        return _sellable(part, [(item.sku, item.quantity, item.price) for item in part.items]), expenses - discount
    least = CENT * sum(whole_units(item.quantity) for item in part.items if item.price > 0)
    on_goods = min(discount, max(goods - least, discount - expenses))
    return _sellable(part, discounted(part.items, goods, goods - on_goods)), expenses - (discount - on_goods)


def discounted(items: tuple[PartItem, ...], goods: Decimal, target: Decimal) -> list[Line]:
    """The lines worth `goods` repriced to be worth `target`, each by its share of the value, in cents that sum exactly.

    A line whose cents do not divide by its quantity becomes two, one cent a unit apart: 3 for R$ 20,00 is 2 of 6,67 and 1 of 6,66.
    What costs something keeps a cent a unit, as far as there are cents: WinThor sells nothing for 0.
    """
    lines: list[Line] = []
    shares = _floored(_shares(items, goods, target), [whole_units(item.quantity) if item.price > 0 else 0 for item in items])
    for item, share in zip(items, shares, strict=True):
        low, more = divmod(share, whole_units(item.quantity))
        for quantity, cents in ((item.quantity - more, low), (Decimal(more), low + 1)):
            if quantity:
                lines.append((item.sku, quantity, cents * CENT))
    return lines


def _shares(items: tuple[PartItem, ...], goods: Decimal, target: Decimal) -> list[int]:
    """The target split by the items' value, in cents that sum exactly: differences of rounded running totals."""
    shares: list[int] = []
    value = before = Decimal(0)
    for item in items:
        value += item.value
        upto = (target * value / goods).quantize(CENT, ROUND_HALF_UP) if goods else Decimal(0)
        shares.append(int((upto - before) / CENT))
        before = upto
    return shares


def _floored(shares: list[int], least: list[int]) -> list[int]:
    """Shares raised to their least; the cents are taken from those with most above theirs. Unchanged where there are too few cents."""
    if sum(shares) < sum(least):
        return shares
    raised = [max(share, floor) for share, floor in zip(shares, least, strict=True)]
    short = sum(raised) - sum(shares)
    for index in sorted(range(len(raised)), key=lambda i: raised[i] - least[i], reverse=True):
        taken = min(short, raised[index] - least[index])
        raised[index] -= taken
        short -= taken
    return raised


def _sellable(part: OrderPart, lines: list[Line]) -> list[Line]:
    """WinThor refuses a price of 0. A bonus is a sale of another type, with its own terms: a person enters it."""
    free = {sku for sku, _, price in lines if price <= 0}
    if not free:
        return lines
    named = {item.line: item.name for item in part.order.items}
    names = ", ".join(dict.fromkeys(named.get(item.line) or item.sku for item in part.items if item.sku in free))
    raise Rejected(
        Text(f"Sai por R$ 0,00 e o WinThor não vende de graça: {names}.", f"Costs nothing, and WinThor sells nothing for free: {names}."),
        Text(
            "Lance este pedido no WinThor à mão, com o brinde como bonificação (tipo de venda 5, cobrança BNF, plano do tipo B). Para os"
            " próximos, dê ao brinde um preço a partir de R$ 0,01 na loja.",
            "Enter this order in WinThor by hand, with the gift as a bonus sale (type 5, charge BNF, terms of type B). For those to come,"
            " give the gift a price from R$ 0.01 in the shop.",
        ),
        code="order.zero_price",
    )


def _freight_field(name: str, part: OrderPart) -> str:
    if not name:
        raise Rejected(
            Text(
                f"O pedido {part.reference} tem frete, e o contrato desta instalação não diz em que campo enviar.",
                f"Order {part.reference} has freight, and this installation's contract names no field for it.",
            ),
            Text("Preencha 'order_body.freight' nos ajustes do contrato.", "Fill in 'order_body.freight' in the contract overrides."),
            code="order.freight",
        )
    return name


def complete(part: OrderPart) -> None:
    """Refuses a part that lacks what WinThor requires, before anything is sent."""
    asked(part)
    payments = Text("Preencha em 'Pagamentos' da integração e reenvie.", "Fill it in under the integration's 'Payments', then retry.")
    branches = Text("Preencha em 'Filiais e depósitos' da integração e reenvie.", "Fill it in under 'Branches and warehouses', then retry.")
    for value, what, called, hint in (
        (part.charge, "charge", Text("cobrança", "charge"), payments),
        (part.terms, "terms", Text("plano de pagamento", "payment terms"), payments),
        (part.branch, "branch", Text("filial", "branch"), branches),
        (part.reference, "reference", Text("referência", "reference"), Text("Avise o suporte do engate.", "Tell engate's support.")),
    ):
        if not value:
            raise Rejected(
                Text(f"O pedido {part.reference} não tem {called.pt} do WinThor.", f"Order {part.reference} has no WinThor {called.en}."),
                hint,
                code=f"order.{what}",
            )
    fraction = next((item for item in part.items if not is_whole(item.quantity)), None)
    if fraction is not None:
        raise Rejected(
            Text(
                f"O WinThor vende a embalagem {fraction.sku} inteira, e o pedido traz {plain(fraction.quantity)}.",
                f"WinThor sells packaging {fraction.sku} whole, and the order has {plain(fraction.quantity)}.",
            ),
            Text(
                "Na loja, venda este item por unidade inteira; lance este pedido no WinThor à mão ou altere a quantidade na loja.",
                "In the shop, sell this item by whole units; enter this order in WinThor by hand, or change its quantity in the shop.",
            ),
            code="order.fraction",
        )


def code(value: str) -> int | str:
    """WinThor's numeric codes travel as numbers."""
    return int(value) if value.isascii() and value.isdigit() else value


# ---- refusals ----


class _Error(msgspec.Struct):
    message: Any = None
    description: Any = None
    detail: Any = msgspec.field(name="detailedMessage", default=None)
    details: Any = None


def refusal(answer: Answered, seller: str = "") -> Rejected:
    """WinThor's own words for a refusal, in whatever shape they came, with what to do next. `seller`: the one that a row of channels gives,
    if any."""
    words = _words(answer.body)
    if not words:
        return answer
    return Rejected(
        Text(f"O WinThor recusou: {words}", f"WinThor refused: {words}"),
        _hint(words, seller),
        code=f"erp.http_{answer.status}",
    )


def _hint(words: str, seller: str) -> Text:
    if seller and re.search(r"vendedor|\brca\b", words, re.IGNORECASE):
        return Text(
            f"O vendedor {seller} vem de 'Canais de venda' da integração: corrija-o ali, ou cadastre-o no WinThor, e reenvie.",
            f"Seller {seller} comes from the integration's 'Sales channels': fix it there, or register it in WinThor, then retry.",
        )
    return Text(
        "Corrija no WinThor o que a mensagem aponta (cliente, cobrança, plano, produto ou tributação) e reenvie.",
        "Fix in WinThor what the message names (customer, charge, payment terms, product or tax figure), then retry.",
    )


def _words(body: bytes) -> str:
    try:
        error = msgspec.json.decode(body, type=_Error)
    except NOT_JSON:
        return ""
    found = [error.message or error.description, error.detail]
    for inner in error.details if is_array(error.details) else []:
        found += [inner.get("message"), inner.get("detailedMessage")] if is_object(inner) else [inner]
    unique = dict.fromkeys(re.sub(r"\s+", " ", word).strip() for word in found if isinstance(word, str) and word.strip())
    return "; ".join(word for word in unique if FIELD.sub("", word) == word or FIELD.sub("", word) not in unique)[:500]


FIELD = re.compile(r"^[\w.\[\]]+: ")
"""The name of a field before a message. Operators do not know it, and often the message stands there without it too."""
