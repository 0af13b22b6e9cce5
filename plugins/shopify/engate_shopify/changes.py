"""What the ERP does not attend: an order edit, and a refund.

Neither can be repeated blindly. So the quantities that the lines are to have are written into a metafield of the order first, and a second
try compares with them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from engate import Rejected, Text
from engate.model import OrderChange, ShopOrderRef, is_whole
from engate_shopify import operations as op
from engate_shopify import translate_orders as translate
from engate_shopify.client import Shopify, refused
from engate_shopify.orders import missing
from engate_shopify.translate import NAMESPACE, amount, idempotency_key


class Plan(msgspec.Struct):
    """`lines`: the quantity that each line is to have. `back`: the total that is to be refunded."""

    lines: dict[str, int]
    back: Decimal


class Changes:
    def __init__(self, shop: Shopify) -> None:
        self._shop = shop

    async def send(self, shop_order: ShopOrderRef, change: OrderChange) -> None:
        order = translate.gid(shop_order.key)
        raw = await self._state(order)
        plan = await self._plan(raw, change)
        held = {line["id"]: line["currentQuantity"] for line in raw["lineItems"]["nodes"]}
        todo = {line: units for line, units in plan.lines.items() if held.get(line) != units}
        if todo:
            await self._edit(raw, todo, change.reason)
            raw = await self._state(order)
        await self._pay_back(raw, plan, change)

    async def _state(self, order: str) -> dict[str, Any]:
        raw: dict[str, Any] | None = await self._shop.graphql(op.EDIT_STATE, id=order)
        if raw is None:
            raise missing(translate.number(order))
        return raw

    async def _plan(self, raw: dict[str, Any], change: OrderChange) -> Plan:
        name = "change_" + idempotency_key(change.reference, sorted((cut.line, str(cut.quantity)) for cut in change.cuts))[:16]
        kept = next((node["value"] for node in raw["metafields"]["nodes"] if node["key"] == name), None)
        if kept is not None:
            return msgspec.json.decode(kept, type=Plan)
        held = {line["id"]: line["currentQuantity"] for line in raw["lineItems"]["nodes"]}
        plan = Plan(_targets(held, change), translate.money(raw["totalRefundedSet"]) + change.refund)
        row = {"ownerId": raw["id"], "namespace": NAMESPACE, "key": name, "type": "json", "value": msgspec.json.encode(plan).decode()}
        await self._shop.do(op.METAFIELDS_SET, "change", metafields=[row])
        return plan

    async def _edit(self, raw: dict[str, Any], lines: dict[str, int], reason: str) -> None:
        """Nothing is changed before the commit: an edit that breaks off leaves the order as it was."""
        begun = (await self._shop.do(op.EDIT_BEGIN, "edit", id=raw["id"]))["calculatedOrder"]
        calculated = _calculated(raw["lineItems"]["nodes"], begun["lineItems"]["nodes"])
        if not set(lines) <= set(calculated):
            raise _does_not_fit()
        for line, units in lines.items():
            await self._shop.do(op.EDIT_QUANTITY, "edit", id=begun["id"], line=calculated[line], quantity=units)
        await self._shop.do(op.EDIT_COMMIT, "edit", id=begun["id"], note=reason[:255] or None)

    async def _pay_back(self, raw: dict[str, Any], plan: Plan, change: OrderChange) -> None:
        due = plan.back - translate.money(raw["totalRefundedSet"])
        if due <= 0:
            return
        paid = [one for one in raw["transactions"] if one["kind"] in ("SALE", "CAPTURE") and one["status"] == "SUCCESS"]
        if not paid:
            return  # nothing was paid: nothing is due back
        first = next((one for one in paid if translate.money(one["amountSet"]) >= due), None)
        if first is None:
            raise refused("refund", [{"message": "several payments", "field": ["transactions"]}])
        back = {"amount": amount(due), "gateway": first["gateway"], "kind": "REFUND", "orderId": raw["id"], "parentId": first["id"]}
        body = {"orderId": raw["id"], "note": change.reason[:255], "transactions": [back]}
        await self._shop.do(op.REFUND, "refund", input=body, key=idempotency_key("refund", raw["id"], change.reference, str(plan.back)))


def _targets(held: dict[str, int], change: OrderChange) -> dict[str, int]:
    targets: dict[str, int] = {}
    for cut in change.cuts:
        left = targets.get(cut.line, held.get(cut.line, 0)) - cut.quantity
        if not is_whole(cut.quantity) or left < 0:
            raise _does_not_fit()
        targets[cut.line] = int(left)
    return targets


def _calculated(lines: list[dict[str, Any]], edited: list[dict[str, Any]]) -> dict[str, str]:
    """line -> its line in the edit. The edit does not name the original line, so lines are matched by variant and quantity, in their
    order."""
    free = list(edited)
    found: dict[str, str] = {}
    for line in lines:
        same = (line["variant"], line["sku"], line["currentQuantity"])
        match = next((one for one in free if (one["variant"], one["sku"], one["quantity"]) == same), None)
        if match is not None:
            free.remove(match)
            found[line["id"]] = match["id"]
    return found


def _does_not_fit() -> Rejected:
    return Rejected(
        Text("O corte não cabe no pedido da Shopify.", "The cut does not fit Shopify's order."),
        Text("Altere o pedido e devolva o valor no Admin da Shopify.", "Edit the order and refund in Shopify's Admin."),
        code="change.cut",
    )
