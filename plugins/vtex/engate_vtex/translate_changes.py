"""What the ERP does not attend as VTEX's order modification. Pure.

Every request carries the part's reference in its reason: VTEX gives a request no other name that we choose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from math import ceil
from typing import Any, Literal

from engate import Rejected, Text
from engate.model import Cut, OrderChange, OrderPart, is_whole, plain, whole_units
from engate_vtex import translate_orders as orders
from engate_vtex.translate_orders import PIECE, Body, cents

CHANGEABLE = ("handling", "waiting-for-fulfillment", "ready-for-invoicing")
UNDER_WAY = b"SalesOrderSystem014"
"""VTEX's code for "there is a change in progress already"."""
Outcome = Literal["done", "canceled", "under_way"]
PLACES = Decimal("0.0001")


def tag(reference: str) -> str:
    """The part's reference in brackets: without them the reference of one part may be the beginning of another's."""
    return f"[{reference}]"


def newest(history: Iterable[Mapping[str, Any]], reference: str) -> Mapping[str, Any] | None:
    """The last request of this part in the order's history."""
    ours = [request for request in history if tag(reference) in (request.get("reason") or "")]
    return max(ours, key=lambda request: request.get("date") or "", default=None)


def outcome(request: Mapping[str, Any]) -> Outcome:
    match request.get("status"):
        case "done":
            return "done"
        case "canceled" | "cancelled":
            return "canceled"
        case _:
            return "under_way"


def told(raw: Mapping[str, Any], reference: str) -> bool:
    """Whether the order's own list of changes names this part's."""
    return any(tag(reference) in (entry.get("reason") or "") for entry in orders.changes(raw))


def shows(raw: Mapping[str, Any], part: OrderPart, change: OrderChange) -> bool:
    """Whether the order shows a change that VTEX calls done: it names the change, or its value has fallen by that much."""
    return told(raw, change.reference) or orders.order(raw).total <= part.order.total - change.refund


# ---- the request ----


def body(raw: Mapping[str, Any], change: OrderChange) -> Body:
    """The request. `raw`: the order as VTEX holds it now. Its value falls by exactly what is to be given back: the value of the removed
    units in the order, and the rest as an amount."""
    lines = {item["uniqueId"]: item for item in raw["items"]}
    removed: list[Body] = []
    replaced: list[Body] = []
    worth = 0
    for cut in change.cuts:
        item = lines.get(cut.line)
        if item is None or cut.quantity > item["quantity"]:
            raise _not_there(change)
        if is_whole(cut.quantity):
            price, units = cents(orders.unit_price(item)), whole_units(cut.quantity)
            removed.append({**_named(item), "quantity": units, "price": price})
            worth += price * units
        else:
            pair, value = _weighed_off(item, cut)
            replaced.append(pair)
            worth += value
    rest = cents(change.refund) - worth
    made: Body = {"reason": f"{change.reason.strip() or 'Item não atendido'} {tag(change.reference)}"}
    if removed:
        made["remove"] = {"items": removed}
    if replaced:
        made["replace"] = replaced
    if rest:
        made["manualDiscountValue" if rest > 0 else "manualIncrementValue"] = abs(rest)
    return made


def _named(item: Mapping[str, Any]) -> Body:
    return {"id": str(item["id"]), "uniqueId": item["uniqueId"]}


def _weighed_off(item: Mapping[str, Any], cut: Cut) -> tuple[Body, int]:
    """(the pair of `replace` that leaves less of a weighed line, what that takes off): VTEX has whole units, each of some measure."""
    unit = item.get("measurementUnit") or ""
    if unit in PIECE:
        raise Rejected(
            Text(
                f"O ERP deixou de atender {plain(cut.quantity)} de {item.get('name')}, e a VTEX só altera unidades inteiras desse item.",
                f"The ERP does not attend {plain(cut.quantity)} of {item.get('name')}, and VTEX changes whole units of this item only.",
            ),
            Text(
                "Devolva a diferença pelo Admin da VTEX (Alterar pedido > desconto). Se o item é vendido por peso, corrija a unidade de"
                " medida do SKU.",
                "Give the difference back in VTEX's Admin (Change order > discount). If it is sold by weight, correct the SKU's unit of"
                " measure.",
            ),
            code="change.fraction",
        )
    sold = Decimal(item["quantity"])
    left = sold - cut.quantity
    count, each = measured(left, Decimal(str(item.get("unitMultiplier") or 1)))
    defined = orders.inner(item, "priceDefinition").get("total")
    total = cents(orders.unit_price(item) * sold) if defined is None else int(defined)
    kept = int((total * left / sold).quantize(Decimal(1), ROUND_HALF_UP))
    old, new = {**_named(item), "quantity": item["quantity"]}, {**_named(item), "quantity": count}
    new |= {"measurementUnit": unit, "unitMultiplier": float(each)}
    return {"from": {"items": [old]}, "to": {"items": [new]}}, total - kept


def measured(units: Decimal, multiplier: Decimal) -> tuple[int, Decimal]:
    """(whole units, the measure of each) that make `units` of this multiplier; one unit where it does not divide."""
    count = ceil(units)
    each = units * multiplier / count
    return (count, each) if each == each.quantize(PLACES) else (1, units * multiplier)


def _not_there(change: OrderChange) -> Rejected:
    return Rejected(
        Text(
            f"O que o ERP não atendeu da parte {change.reference} não está mais no pedido da VTEX.",
            f"What the ERP did not attend of part {change.reference} is no longer in VTEX's order.",
        ),
        Text(
            f"O pedido já foi alterado na VTEX: confira em Alterar pedido, no Admin, se {_reais(change.refund)} foram devolvidos.",
            f"The order was changed in VTEX already: check under Change order in the Admin that {_reais(change.refund)} were given back.",
        ),
        code="change.refused",
    )


def refused(order: str, change: OrderChange, words: Text) -> Rejected:
    """The refusal of a change: VTEX's words, and what a person can do instead."""
    return Rejected(
        Text(f"A VTEX não alterou o pedido {order}: {words.pt}", f"VTEX did not change the order {order}: {words.en}"),
        Text(
            f"Abra o pedido no Admin da VTEX, use Alterar pedido e devolva {_reais(change.refund)} ao comprador.",
            f"Open the order in VTEX's Admin, use Change order and give {_reais(change.refund)} back to the buyer.",
        ),
        code="change.refused",
    )


def _reais(value: Decimal) -> str:
    return f"R$ {value:.2f}".replace(".", ",")
