"""Changes of an order that is handled (`/api/order-system/orders/{id}/changes`): asked for, under way for a while, done or canceled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any, Literal
from uuid import UUID

from engate.testing.sandbox import Answer, Call
from engate_vtex_sandbox.order import Line, Order
from engate_vtex_sandbox.payments import FORMS
from engate_vtex_sandbox.rules import changes as rules
from engate_vtex_sandbox.rules.common import document as body_of
from engate_vtex_sandbox.shop import decimal, number, stamp_with_zone

WEIGHED = "kg", "g", "m", "m²", "m2", "cm", "l", "ml"


@dataclass(slots=True)
class Knobs:
    """How the account behaves. `window`: seconds of the sandbox clock a change takes (None: until `progress`); `outcome` of the next
    ones; `enabled` False: 403; `history` "all" shows those under way too."""

    window: float | None = 0.0
    outcome: Literal["done", "canceled"] = "done"
    enabled: bool = True
    history: Literal["finished", "all"] = "finished"


@dataclass(slots=True)
class After:
    """What a line becomes: its quantity (0: it leaves), what it costs in all, the measure of one."""

    line: Line
    quantity: int
    total: int
    multiplier: Decimal


@dataclass(slots=True)
class Change:
    id: str
    workflow: str
    body: dict[str, Any]
    after: list[After]
    taken_off: int  # cents by which the order's value falls
    asked_at: datetime
    origin: dict[str, str]
    outcome: Literal["done", "canceled"]
    status: str = "waiting-acknowledgement"
    removed: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def open(self) -> bool:
        return self.status.startswith("waiting")


class Changes:
    def __init__(
        self, account: str, find: Callable[[str], Order], now: Callable[[], datetime], applied: Callable[[Order], None], random: Random
    ) -> None:
        """`find` answers an order by its id or refuses; `applied` is told of an order that a change has reached."""
        self.account, self.find, self.now, self.applied, self.random = account, find, now, applied, random
        self.knobs = Knobs()
        self.by_order: dict[str, list[Change]] = {}

    # ---- the flow of a change ----

    def under_way(self, order: Order) -> Change | None:
        return next((change for change in self.by_order.get(order.key, ()) if change.open), None)

    def settle(self, order: Order) -> None:
        """Moves the change that is under way on, as far as its window has gone."""
        change, window = self.under_way(order), self.knobs.window
        if change is None or window is None:
            return
        gone = (self.now() - change.asked_at).total_seconds()
        if gone >= window:
            self.finish(order, change.outcome)
        elif gone >= window / 2:
            change.status = "waiting-confirmation"

    def finish(self, order: Order, outcome: Literal["done", "canceled"]) -> bool:
        """Ends the change that is under way, if there is one."""
        change = self.under_way(order)
        if change is None:
            return False
        change.status = outcome
        if outcome == "done":
            self._apply(order, change)
        return True

    def _apply(self, order: Order, change: Change) -> None:
        """The stock is not adjusted."""
        order.keep_totals()
        for after in change.after:
            line = after.line
            measure = after.multiplier / line.multiplier
            line.price, line.multiplier = half_up(line.price * measure), after.multiplier
            line.quantity, line.discount = after.quantity, line.price * after.quantity - after.total
        order.taken_off += change.taken_off
        order.changed_at = self.now()
        order.changes_data.append({
            "reason": change.body["reason"], "discountValue": max(0, change.taken_off), "incrementValue": max(0, -change.taken_off),
            "itemsAdded": [], "itemsRemoved": change.removed,
            "receipt": {"date": stamp_with_zone(self.now()), "orderId": order.key, "receipt": change.id},
        })  # fmt: skip
        self.applied(order)

    # ---- operations ----

    def create(self, call: Call) -> Answer:
        order = self._order(call, "accountName")
        body = body_of(call)
        rules.refuse_change_reason(body.get("reason"))
        rules.refuse_additions(body)
        for name in ("manualDiscountValue", "manualIncrementValue"):
            rules.refuse_change_cents(name, body.get(name, 0))
        rules.refuse_unchangeable(order)
        rules.refuse_second_change(self.under_way(order) is not None)
        change = self._planned(order, body)
        self.by_order.setdefault(order.key, []).append(change)
        return Answer(202, self._shown(change, "accepted"))

    def history(self, call: Call) -> Answer:
        order = self._order(call, "an")
        everything = self.knobs.history == "all"
        shown = [change for change in self.by_order.get(order.key, ()) if everything or not change.open]
        return Answer(200, {"requests": [self._shown(change, "history") for change in shown], "actions": []})

    def detail(self, call: Call) -> Answer:
        order = self._order(call, "an")
        found = next((change for change in self.by_order.get(order.key, ()) if change.id == call.params["changeRequestId"]), None)
        rules.refuse_unknown_change(found)
        assert found is not None
        return Answer(200, {**self._shown(found, "detail"), "status": found.status, "inProgress": found.open})

    def _order(self, call: Call, account: str) -> Order:
        rules.refuse_changes_off(self.knobs.enabled)
        rules.refuse_foreign_account(call.query.get(account), self.account)
        order = self.find(call.params["changeOrderId"])
        self.settle(order)
        return order

    # ---- what a request amounts to ----

    def _planned(self, order: Order, body: dict[str, Any]) -> Change:
        after: dict[str, After] = {}
        for given in rules.items_of(body.get("remove"), "remove"):
            self._take(order, after, given, rules.quantity_of(given))
        for pair in rules.pairs_of(body.get("replace")):
            self._replace(order, after, *pair)
        discount, increment = body.get("manualDiscountValue", 0), body.get("manualIncrementValue", 0)
        rules.refuse_empty_change(bool(after), discount, increment)
        taken_off = sum(one.line.total - one.total for one in after.values()) + discount - increment
        rules.refuse_increase(taken_off, [FORMS[payment.tag].group for payment in order.payments])
        rules.refuse_more_than_the_order(taken_off, order.value)
        rules.refuse_to_empty(any((after[line.unique_id].quantity if line.unique_id in after else line.quantity) for line in order.lines))
        removed = [
            {"id": str(one.line.sku.id), "name": one.line.sku.product.doc["Name"], "quantity": one.line.quantity - one.quantity,
             "price": half_up(Decimal(one.line.total) / one.line.quantity), "unitMultiplier": None}
            for one in after.values() if one.quantity < one.line.quantity
        ]  # fmt: skip
        origin = {"account": self.account, "orderId": order.key, "component": "MarketplaceComponent"}
        return Change(self._id(), self._id(), body, list(after.values()), taken_off, self.now(), origin, self.knobs.outcome,
                      removed=removed)  # fmt: skip

    def _line(self, order: Order, after: dict[str, After], given: dict[str, Any]) -> After:
        """The line an item of the request means: by its uniqueId, else the first of its SKU that is left."""
        wanted, sku = given.get("uniqueId"), given.get("id")
        line = next((one for one in order.lines if one.quantity and str(one.sku.id) == sku and wanted in (None, one.unique_id)), None)
        rules.refuse_item_not_there(line)
        assert line is not None
        rules.refuse_invoiced_item(line)
        return after.setdefault(line.unique_id, After(line, line.quantity, line.total, line.multiplier))

    def _take(self, order: Order, after: dict[str, After], given: dict[str, Any], units: int) -> None:
        one = self._line(order, after, given)
        rules.refuse_more_than_there_is(units, one.quantity)
        rules.refuse_other_price(given.get("price"), Decimal(one.total) / one.quantity)
        left = one.quantity - units
        kept = half_up(Decimal(one.total * left) / one.quantity) if given.get("price") is None else one.total - given["price"] * units
        one.quantity, one.total = left, max(0, kept) if left else 0

    def _replace(self, order: Order, after: dict[str, After], old: dict[str, Any], new: dict[str, Any]) -> None:
        """Another quantity of the same SKU, or another measure of it (weighed goods)."""
        one = self._line(order, after, old)
        rules.refuse_another_sku(old, new)
        before, now = rules.quantity_of(old), rules.quantity_of(new)
        rules.refuse_more_than_there_is(before, one.quantity)
        measure = decimal(new.get("unitMultiplier", one.multiplier))
        rules.refuse_measure(measure, one.multiplier, one.line.sku.doc["MeasurementUnit"] in WEIGHED, before == one.quantity)
        left = one.quantity - before + now
        sold, kept = one.quantity * one.multiplier, left * measure
        one.total, one.quantity, one.multiplier = half_up(one.total * kept / sold), left, measure

    def _id(self) -> str:
        return str(UUID(int=self.random.getrandbits(128), version=4))

    # ---- what is answered ----

    def _shown(self, change: Change, where: Literal["accepted", "history", "detail"]) -> dict[str, Any]:
        """Three shapes of one thing: the schemas want `totals`, `remove` and `settings` otherwise in each."""
        removed = change.body.get("remove")
        own: dict[str, Any] = {"customPaymentSystemsAllowed": []}
        old = {"items": [_from(item) for item in removed["items"]], **_NOTHING_ELSE} if removed else None
        return {
            "requestId": change.id,
            "workflowId": change.workflow,
            "reason": change.body["reason"],
            "manualDiscountValue": change.body.get("manualDiscountValue", 0),
            "manualIncrementValue": change.body.get("manualIncrementValue", 0),
            "totalChangeValue": -change.taken_off,
            "totals": [] if where == "accepted" else [{"id": "Change", "name": "Change Total", "value": -change.taken_off}],
            "add": None,
            "remove": old if where == "history" or old is None else [old],
            "replace": [
                {"from": {"items": [_from(item) for item in pair["from"]["items"]], **_NOTHING_ELSE},
                 "to": {"items": [_to(item) for item in pair["to"]["items"]], "receiptData": None, **_NOTHING_ELSE}}
                for pair in change.body.get("replace") or ()
            ],
            "date": stamp_with_zone(change.asked_at),
            "origin": change.origin,
            "settings": {"paymentConfiguration": own} if where == "accepted" else own,
        }  # fmt: skip


_NOTHING_ELSE: dict[str, Any] = {"paymentData": {"transactions": []}, "shippingData": {"logisticsInfo": []}}


def _from(item: dict[str, Any]) -> dict[str, Any]:
    return {"id": item["id"], "quantity": item["quantity"], "price": None, "measurementUnit": None, "unitMultiplier": 0,
            "sellingPrice": item.get("price", 0), "name": None, "detailUrl": None, "imageUrl": None}  # fmt: skip


def _to(item: dict[str, Any]) -> dict[str, Any]:
    nothing = dict.fromkeys((
        "productId", "productRefId", "refId", "ean", "name", "skuName", "modalType", "parentItemIndex", "parentAssemblyBinding",
        "priceValidUntil", "price", "listPrice", "manualPrice", "manualPriceAppliedBy", "sellingPrice", "preSaleDate",
        "productCategoryIds", "seller", "imageUrl", "detailUrl", "availability", "manufacturerCode", "priceDefinition",
    ))  # fmt: skip
    names = ("assemblies", "sellerChain", "components", "bundleItems", "attachments", "attachmentOfferings", "offerings", "priceTags")
    lists: dict[str, Any] = {name: [] for name in names}
    info = dict.fromkeys((
        "dimension", "brandName", "brandId", "offeringInfo", "offeringType", "offeringTypeId", "categoriesIds", "productClusterId",
        "commercialConditionId",
    ))  # fmt: skip
    return {
        **nothing, **lists, "uniqueId": item.get("uniqueId", ""), "id": item["id"], "quantity": item["quantity"], "tax": 0,
        "rewardValue": 0, "isGift": False, "additionalInfo": info, "productCategories": {},
        "measurementUnit": item.get("measurementUnit", "un"), "unitMultiplier": number(decimal(item.get("unitMultiplier", 1))),
    }  # fmt: skip


def half_up(cents: Decimal) -> int:
    return int(cents.quantize(Decimal(1), ROUND_HALF_UP))
