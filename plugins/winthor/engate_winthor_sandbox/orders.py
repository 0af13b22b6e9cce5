"""Sales orders (`/api/wholesale/v1/orders`): every accepted POST is a new order, whatever its orderIdHube says.

posicao: L released, P pending, B blocked, M assembled, F invoiced, C cancelled. L, P, B and M hold a reservation of stock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from engate.shapes import is_array, is_object
from engate.testing.sandbox import Answer, Call, LedgerCounts
from engate_winthor_sandbox import rules
from engate_winthor_sandbox.catalog import Sku
from engate_winthor_sandbox.company import SELLERS, punctuated_document
from engate_winthor_sandbox.customers import Customer, Customers
from engate_winthor_sandbox.stock import Stock
from engate_winthor_sandbox.wire import (
    EMPTY_DATE,
    STAMP,
    ErpTime,
    Table,
    body_of,
    branches_of,
    dumps,
    encoded,
    number,
    page_of,
    paged,
    since_of,
)

CENT = Decimal("0.01")
FIRST_NUMBER = 5_000_001  # NUMPED
OPEN = ("L", "P", "B", "M")
STATES = (*OPEN, "F", "C")
PENDING, TRAVELLING, DELIVERED = "PENDENTE", "EM TRANSITO", "ENTREGUE"


@dataclass(slots=True)
class Item:
    """PCPEDI. `quantity` is what the stock could attend (QT), `cut` what was missing (QTFALTA), both in packagings."""

    sku: Sku
    warehouse: str
    sequence: int
    quantity: Decimal
    cut: Decimal
    price: Decimal
    table_price: Decimal
    delivery: str = PENDING

    @property
    def value(self) -> Decimal:
        return (self.price * self.quantity).quantize(CENT, ROUND_HALF_UP)


@dataclass(slots=True)
class Invoice:
    """PCNFSAID: published (its XML can be read) a while after it is issued."""

    transaction: int
    number: int
    series: int
    key: str
    issued: datetime  # local, aware
    published: datetime
    xml: str = ""
    sequences: frozenset[int] | None = None  # the items on it; None: all of the order


@dataclass(slots=True)
class Order:
    """PCPEDC."""

    id: int
    hub: str
    branch: str
    customer: Customer
    seller: int
    origin: str
    sale_type: str
    charging: str
    plan: str
    items: list[Item]
    other_expenses: Decimal
    consumer: dict[str, Any] | None
    created: str
    last_change: str
    state: str = "L"
    carrier: Any = None
    observation: str = ""
    delivery_date: str = EMPTY_DATE
    tracking: str = ""
    cancel_reason: str = ""
    invoice: Invoice | None = None
    more: list[Invoice] = field(default_factory=list[Invoice])  # notes beside it
    raw: bytes | None = None

    @property
    def notes(self) -> list[Invoice]:
        return [self.invoice, *self.more] if self.invoice is not None else []

    @property
    def total(self) -> Decimal:
        """Freight and other expenses are inside; prices are net of discounts."""
        return sum((item.value for item in self.items), self.other_expenses).quantize(CENT)

    def encode(self) -> bytes:
        return dumps({
            "orderId": str(self.id),
            "orderIdHube": self.hub or None,
            "orderStatus": self.state,
            "branchId": self.branch,
            "createData": self.created,
            "lastChange": self.last_change,
            "deliveryDate": self.delivery_date,
            "totalValue": f"{self.total:.2f}",
            "otherExpenses": number(self.other_expenses),
            "customer": {"id": self.customer.id, "name": self.customer.name,
                         "personIdentificationNumber": punctuated_document(self.customer.document)},
            "seller": self.seller,
            "saleOrigin": self.origin,
            "saleType": self.sale_type,
            "chargingId": self.charging,
            "paymentPlanId": self.plan,
            "carrierId": self.carrier,
            "trackingNumber": self.tracking or None,
            "observation": self.observation,
            "listOfOrderItem": [
                {"productId": item.sku.product.id, "packingId": item.sku.ean or str(item.sku.code),
                 "productSKUERPReferenceKey": item.sku.key, "sequence": item.sequence, "warehouseBranchId": item.warehouse,
                 "quantity": number(item.quantity), "wantageQuantity": number(item.cut), "sellPrice": number(item.price),
                 "tablePrice": number(item.table_price), "sellPriceST": 0, "sellPriceIPI": 0, "deliveryStatus": item.delivery}
                for item in self.items
            ],
        })  # fmt: skip


class Orders:
    def __init__(self, time: ErpTime, counts: LedgerCounts, stock: Stock, customers: Customers) -> None:
        self.time = time
        self.counts = counts
        self.company = stock.company
        self.catalog = stock.catalog
        self.stock = stock
        self.customers = customers
        self.rows: Table[Order] = Table()
        self._next = FIRST_NUMBER

    def get(self, number: str) -> Order | None:
        return self.rows.rows.get(int(number)) if number.isascii() and number.isdigit() else None

    def moved(self, order: Order, state: str | None = None) -> None:
        """Something about the order changed: lastChange moves."""
        if state is not None:
            order.state = state
            self.rows.reshaped()
        self.rows.touch(order.id, self.time.stamp())

    def cancel(self, order: Order, reason: str) -> None:
        """To C: every reservation is freed."""
        for item in order.items:
            self.stock.free(item.warehouse, item.sku, item.quantity)
        order.cancel_reason = reason
        self.counts.effects["orders_cancelled"] += 1
        self.moved(order, "C")

    # ---- operations ----

    def create(self, call: Call) -> Answer:
        order = self.accept(body_of(call))
        return Answer(body={"orderId": str(order.id), "branchId": order.branch, "orderIdHube": order.hub or None})

    def accept(self, body: dict[str, Any]) -> Order:
        """Checks everything first, then reserves and registers: a refused order leaves no trace."""
        branch = body.get("branchId")
        rules.order_branch_is_text(branch)
        rules.order_branch_known(self.company.has_branch(str(branch)), branch)
        customer = self._customer(body.get("customer"))
        seller = body.get("seller")
        rules.order_seller_known(str(seller).isdigit() and int(str(seller)) in SELLERS, seller)
        rules.order_origin(body.get("saleOrigin"))
        sale_type = str(body.get("saleType", ""))
        rules.order_sale_type(sale_type)
        charging, plan = self._terms(body, sale_type)
        permissions = body.get("permissions")
        rules.order_tax_permission_given(permissions)
        lines = self._lines(body, str(branch), bool(permissions and permissions.get("acceptOrderWithoutTax")))
        items = [self._item(position, *line) for position, line in enumerate(lines, 1)]
        stamp = self.time.stamp()
        order = Order(
            self._next, str(body.get("orderIdHube") or ""), str(branch), customer, int(str(seller)), str(body.get("saleOrigin")), sale_type,
            charging, plan, items, decimal(body.get("otherExpenses") or 0), _consumer(body), stamp, stamp,
            carrier=body.get("carrierId"), observation=str(body.get("observation") or ""),
        )  # fmt: skip
        self._next += 1
        order.state = self._first_state(order)
        self.rows.put(order.id, order)
        self.counts.effects["orders_created"] += 1
        if any(item.cut for item in items):
            self.counts.effects["orders_cut"] += 1
        return order

    def _customer(self, given: object) -> Customer:
        wanted: Any = given.get("id") if is_object(given) else None
        customer = self.customers.get(wanted)
        rules.order_customer_known(customer is not None, wanted)
        return customer  # pyright: ignore

    def _terms(self, body: dict[str, Any], sale_type: str) -> tuple[str, str]:
        charging = self.company.chargings.get(str(body.get("chargingId")))
        rules.order_charging_known(charging is not None, body.get("chargingId"))
        plan = self.company.plans.get(str(body.get("paymentPlanId")))
        rules.order_plan_known(plan is not None and plan.active, body.get("paymentPlanId"))
        assert charging is not None and plan is not None
        rules.order_plan_allowed(plan.code in charging.plans, plan.code, charging.code)
        rules.order_bonus_terms(sale_type, charging.code, plan.kind)
        return charging.code, plan.code

    def _lines(self, body: dict[str, Any], branch: str, without_tax: bool) -> list[tuple[Sku, str, Decimal, Decimal]]:
        items = body.get("listOfOrderItem")
        rules.order_has_items(items)
        lines: list[tuple[Sku, str, Decimal, Decimal]] = []
        for given in items or ():
            key = given.get("productSKUERPReferenceKey")
            sku = self.catalog.by_key.get(key) if isinstance(key, str) else None
            rules.item_product_known(sku is not None, key)
            assert sku is not None
            rules.item_product_active(not sku.product.deleted, key)
            quantity, price = decimal(given.get("quantity")), decimal(given.get("sellPrice"))
            rules.item_quantity_positive(quantity)
            rules.item_quantity_whole(quantity)
            rules.item_quantity_multiple(quantity * sku.units, sku.product.multiple)
            rules.item_price_positive(price)
            rules.item_taxed(sku.tax_figure != 0, without_tax, key)
            warehouse = given.get("warehouseBranchId") or body.get("warehouseBranchId") or branch
            rules.order_warehouse_known(self.company.has_branch(warehouse), warehouse)
            lines.append((sku, warehouse, quantity, price))
        return lines

    def _item(self, sequence: int, sku: Sku, warehouse: str, quantity: Decimal, price: Decimal) -> Item:
        attended = self.stock.reserve(warehouse, sku, quantity)
        return Item(sku, warehouse, sequence, attended, quantity - attended, price, sku.price)

    def _first_state(self, order: Order) -> str:
        """B for a blocked customer; P when the stock attends nothing of it; else released."""
        if order.customer.blocked:
            return "B"
        return "L" if any(item.quantity for item in order.items) else "P"

    def read(self, call: Call) -> Answer:
        """One branch only: an order of another one looks absent."""
        wanted, branch = call.query.get("orderId"), call.query.get("branchId", "")
        rules.parameter_given("orderId", wanted)
        rules.branch_given(branch)
        order = self.get(wanted or "")
        rules.order_found(order is not None and order.branch == branch)
        return Answer(body=encoded(order))  # pyright: ignore

    def list(self, call: Call) -> Answer:
        query = call.query
        branches, page, since = branches_of(query), page_of(query), since_of(query)
        tests: list[Callable[[Order], bool]] = []
        if states := query.get("orderStatus"):
            wanted_states = tuple(state.strip() for state in states.split(","))
            for state in wanted_states:
                rules.one_of("orderStatus", state, STATES)
            tests.append(lambda order: order.state in wanted_states)
        if days := query.get("daysOfSearch"):
            rules.whole_number("daysOfSearch", days)
            oldest = (self.time.local() - timedelta(days=int(days))).strftime(STAMP)
            tests.append(lambda order: order.created >= oldest)
        if linked := query.get("hasOrderIdHube"):
            rules.one_of("hasOrderIdHube", linked, ("true", "false"))
            tests.append(lambda order: bool(order.hub) == (linked == "true"))
        if origin := query.get("saleOrigin"):
            tests.append(lambda order: order.origin == origin)
        if customer := query.get("customerId"):
            tests.append(lambda order: str(order.customer.id) == customer)
        if wanted := query.get("orderId"):
            tests.append(lambda order: str(order.id) == wanted)

        def keep(order: Order) -> bool:
            return order.branch in branches and all(test(order) for test in tests)

        name = (branches, states, days and self.time.stamp(), days, linked, origin, customer, wanted)
        return paged(self.rows.select(name, keep, since), page)

    def delete(self, call: Call) -> Answer:
        """Cancels an order, or with productCode and sequence one item of it. Cancelling again changes nothing."""
        query = call.query
        wanted, message, reason = query.get("id", ""), query.get("sendMessageRca", ""), query.get("reasonCancellation", "")
        for name in ("id", "sendMessageRca", "reasonCancellation"):
            rules.parameter_given(name, query.get(name))
        rules.whole_number("id", wanted)
        rules.cancel_flag(message)
        product, sequence = query.get("productCode"), query.get("sequence")
        rules.cancel_item_pair(product, sequence)
        order = self.get(wanted)
        rules.order_found(order is not None)
        assert order is not None
        rules.order_not_invoiced(order.state == "F")
        if order.state == "C":
            return Answer(body={"message": "Pedido cancelado com sucesso"}, wrote=False)
        if product and sequence:
            self._cancel_item(order, product, sequence, reason)
        else:
            self.cancel(order, reason)
        return Answer(body={"message": "Pedido cancelado com sucesso"})

    def _cancel_item(self, order: Order, product: str, sequence: str, reason: str) -> None:
        item = next((item for item in order.items if (str(item.sku.product.id), str(item.sequence)) == (product, sequence)), None)
        rules.found(item is not None, "Item do pedido")
        assert item is not None
        self.cancel_item(order, item, reason)

    def cancel_item(self, order: Order, item: Item, reason: str) -> None:
        if len(order.items) == 1:
            self.cancel(order, reason)
            return
        self.stock.free(item.warehouse, item.sku, item.quantity)
        order.items.remove(item)
        self.moved(order)


def decimal(value: object) -> Decimal:
    """A JSON number (or a number in a string) as it was written; anything else is no quantity and no price: 0."""
    if isinstance(value, bool) or value is None:
        return Decimal(0)
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return Decimal(0)
    return found if found.is_finite() else Decimal(0)


def _consumer(body: dict[str, Any]) -> dict[str, Any] | None:
    given = body.get("listConsumerData")
    return given[0] if is_array(given) and given and is_object(given[0]) else None
