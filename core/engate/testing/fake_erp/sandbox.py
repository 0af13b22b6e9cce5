"""The fake ERP's server. `switches` say how it behaves; the methods below the control protocol are what its users do."""

# pyright: standard
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal

import msgspec

from engate.model import (
    Brand,
    Category,
    Choice,
    ErpItem,
    ErpOrder,
    Image,
    Invoice,
    InvoiceItem,
    Price,
    Product,
    Shipment,
    Sku,
    StockLevel,
    Tracking,
    Warehouse,
    check_digit,
)  # fmt: skip
from engate.testing.facts import Change, Description, OrderState, Seed, SeedProduct, SkuState
from engate.testing.sandbox import Answer, Call, Operation, Sandbox

PASSWORD = "senha-do-fake"  # noqa: S105
CNPJ = "11222333000181"
CHOICES = {
    "branches": ("1", "2"), "charges": ("PIX", "CARD", "FREE"), "terms": ("1",), "carriers": ("10",), "price_tables": ("T2",),
    "natures": ("sale", "resale", "export"),
}  # fmt: skip
SCOPE_OF: dict[str, Callable[[Any], str]] = {"stock": lambda level: level.warehouse, "price": lambda price: price.table}
PHASES = {"held": "in_erp", "picking": "in_erp", "partly_invoiced": "in_erp", "rejected": "open"}


@dataclass
class Switches:
    page_size: int = 100
    truncate: dict[str, int] = field(default_factory=dict)  # kind, or kind/scope -> rows after which the list ends too early
    totals: bool = True  # a list says how many rows it has
    brands: bool = True
    tables: tuple[str, ...] = ()  # price tables besides the default one that have a price of every SKU
    options: bool = False  # SKUs say what a buyer chooses by
    details: bool = False  # products say their unit, net weight, NCM and days of preparation
    number: bool = True  # an accepted order's answer holds its number
    references: bool = True  # a listing of orders shows our reference
    search: bool = True
    first_state: str = "in_erp"
    reserves: bool = True  # an order that is not held takes its units out of the stock that is listed
    cancels: bool = True
    changes: bool = True
    nfe: bool = True  # notes have an access key
    notes_in_lists: bool = False  # a listing of orders carries the notes
    dead_session: bool = False  # a session that ended answers 200 with nothing in it
    refuses: str = ""  # words with which it refuses every order
    adds: Decimal = Decimal(0)  # to the total of every order it takes


class FakeErpSandbox(Sandbox):
    platform: ClassVar[str] = "fake_erp"
    role: ClassVar[Literal["erp", "storefront"]] = "erp"

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.switches = Switches()
        self.rows: dict[str, dict[str, tuple[Any, int]]] = {f"choice-{k}": self._choices(v) for k, v in CHOICES.items()}
        self.taken: dict[str, ErpOrder] = {}
        self.finished: list[str] = []
        self.fields: dict[str, Any] = {}  # order -> what came with it besides its lines
        self.mapped: dict[str, list[str]] = {}  # order -> charge, terms, carrier
        self.lists: list[tuple[str, dict[str, str]]] = []  # (kind, with which words) of every page that was asked for
        self.session = 0
        self._stamp = 0
        self._began = self.clock.now()

    @staticmethod
    def _choices(keys: Iterable[str]) -> dict[str, tuple[Any, int]]:
        return {key: (Choice(key, key), 0) for key in keys}

    # ---- the wire ----

    def operations(self) -> Iterable[Operation]:
        yield Operation("POST", "/login", self._login)
        yield Operation("GET", "/me", lambda call: Answer(body={"company": CNPJ}))
        yield Operation("GET", "/list/{kind}", self._list, key=lambda call: f"{call.params['kind']}/{call.query.get('after')}")
        yield Operation("GET", "/orders", self._find, key=lambda call: call.query["reference"])
        yield Operation("POST", "/orders", self._take, key=lambda call: call.json()["reference"])
        for verb in ("cancel", "change", "finish"):
            yield Operation("POST", f"/orders/{{key}}/{verb}", getattr(self, f"_{verb}_order"), key=lambda call: call.params["key"])

    def authorise(self, call: Call) -> Answer | None:
        if call.path == "/login" or call.headers.get("authorization") == f"session-{self.session}":
            return None
        return Answer(200, {"items": [], "next": None, "newest": None}) if self.switches.dead_session else Answer(401, {})

    def _login(self, call: Call) -> Answer:
        if call.json()["password"] != PASSWORD:
            return Answer(401, {"error": "wrong password"})
        return Answer(body={"token": f"session-{self.session}"})

    def _list(self, call: Call) -> Answer:
        kind, query = call.params["kind"], call.query
        rows = self._orders_listed(query) if kind == "order" else sorted(self.rows.get(kind, {}).items())
        if "since" in query:
            rows = [(key, row) for key, row in rows if row[1] >= int(query["since"])]
        if "keys" in query and kind != "order":
            rows = [(key, row) for key, row in rows if key in query["keys"].split("|")]
        if query.get("scope") or ("scope" in query and kind == "price"):  # "": the default table; of stock every branch
            rows = [(key, row) for key, row in rows if SCOPE_OF[kind](row[0]) == query["scope"]]
        start, end = int(query["after"]), int(query["after"]) + self.switches.page_size
        self.lists.append((kind, dict(query)))
        cut = f"{kind}/{query['scope']}" if query.get("scope") else kind
        last = min(len(rows), self.switches.truncate.get(cut, len(rows)))
        page = rows[start : min(end, last)]
        newest = max((row[1] for _, row in page), default=None)
        body = {
            "items": [doc for _, (doc, _) in page],
            "next": str(end) if end < last else None,
            "newest": f"{newest:012d}" if newest is not None else None,
            "now": f"{self._now():012d}",
            "total": len(rows) if self.switches.totals else None,
            "also": {name: self._hanging(name, {key for key, _ in page}) for name in filter(None, query.get("also", "").split("|"))},
        }
        return Answer(body=body, rows=len(page))

    def _hanging(self, kind: str, keys: set[str]) -> list[Any]:
        """The documents of a kind that belong to these products or SKUs."""
        skus = keys | {key for key, (sku, _) in self.rows.get("sku", {}).items() if sku.product in keys}
        return [doc for doc, _ in self.rows.get(kind, {}).values() if (doc.product if kind == "sku" else doc.sku) in skus | keys]

    def _orders_listed(self, query: Mapping[str, str]) -> list[tuple[str, tuple[Any, int]]]:
        asked = query["keys"].split("|") if "keys" in query else None
        found: list[tuple[str, tuple[Any, int]]] = []
        for key, order in self.taken.items():
            if asked is not None and f"{order.branch}/{key}" not in asked:
                continue
            shown = order if asked is not None or self.switches.notes_in_lists else msgspec.structs.replace(order, invoices=None)
            if not self.switches.references:
                shown = msgspec.structs.replace(shown, reference="")
            found.append((key, (shown, int(order.changed_at))))
        return found

    def _find(self, call: Call) -> Answer:
        return Answer(body=[order for order in self.taken.values() if order.reference == call.query["reference"]])

    def _take(self, call: Call) -> Answer:
        if self.switches.refuses:
            return Answer(422, {"error": self.switches.refuses})
        body, key = call.json(), str(7000 + len(self.taken))
        items = msgspec.convert(body["items"], list[ErpItem], strict=False)
        total = Decimal(body["total"]) + self.switches.adds
        self.fields[key], self.mapped[key] = body.get("fields"), body["mapped"]
        state: Any = self.switches.first_state
        self._put_order(ErpOrder(key, body["branch"], state, state, body["reference"], total, tuple(items), ()))
        self.counts.effects["orders_created"] += 1
        if self.switches.reserves and state != "held":
            self._move_stock(items, body["branch"], -1)
        return Answer(201, {"key": key if self.switches.number else "", "state": state})

    def _cancel_order(self, call: Call) -> Answer:
        order = self.taken[call.params["key"]]
        if not self.switches.cancels or order.state in ("invoiced", "shipped", "delivered"):
            return Answer(422, {"error": f"the order is {order.state}"})
        self.cancel([order.key], call.json()["reason"])
        return Answer(body={})

    def _change_order(self, call: Call) -> Answer:
        order, body = self.taken[call.params["key"]], call.json()
        if not self.switches.changes or order.state not in ("held", "in_erp"):
            return Answer(422, {"error": f"the order is {order.state}"})
        items = msgspec.convert(body["items"], list[ErpItem], strict=False)
        self.fields[order.key], self.mapped[order.key] = body.get("fields"), body["mapped"]
        if order.state != "held":
            self._move_stock(order.items, order.branch, 1)
            self._move_stock(items, order.branch, -1)
        self._put_order(msgspec.structs.replace(order, items=tuple(items), total=Decimal(body["total"])))
        return Answer(body={})

    def _finish_order(self, call: Call) -> Answer:
        self.finished.append(call.params["key"])
        return Answer(body={})

    # ---- the control protocol ----

    def describe(self) -> Description:
        settings: dict[str, object] = {"base_url": self.base_url, "search": self.switches.search}
        payments = {"pix": {"charge": "PIX", "terms": "1"}, "credit_card": {"charge": "CARD", "terms": "1"}}
        choices: dict[str, dict[str, dict[str, object]]] = {
            "warehouses": {"main": {"branch": "1"}, "second": {"branch": "2"}},
            "payments": {tag: dict(row) for tag, row in payments.items()},
            "carriers": {"standard": {"carrier": "10"}},
        }
        operations = {"import_order": "POST /orders"}
        return Description(self.platform, self.role, settings, {"password": PASSWORD}, choices, operations=operations)

    def seed(self, seed: Seed) -> dict[str, object]:
        for branch in seed.branches:
            self.put("warehouse", Warehouse(branch.key, branch.name, branch.cnpj))
        for node in seed.categories:
            self.put("category", Category(node.key, node.name, node.parent))
        for brand in seed.brands if self.switches.brands else ():
            self.put("brand", Brand(brand.key, brand.name))
        for product in seed.products:
            brand = product.brand if self.switches.brands else None
            self.put("product", Product(product.key, product.name, product.description, product.category, brand, **self._details(product)))
            for sku in product.skus:
                key = f"{product.key}-{sku.code}"
                weight = product.weight_kg if sku.weight_kg is None else sku.weight_kg
                size = (weight, product.height_cm, product.width_cm, product.length_cm)
                options = (("Embalagem", sku.packaging),) if self.switches.options else ()
                self.put("sku", Sku(key, product.key, sku.packaging, sku.ean, Decimal(sku.units), *size, options=options))
                self.put("image", Image(f"{key}/0", key, f"https://imagens.example.com/{key}.jpg", "0"))
                self.put("price", Price(key, key, sku.price))
                for n, table in enumerate(self.switches.tables, 1):
                    self.put("price", Price(f"{key}/{table}", key, sku.price + n, table=table))
                for branch, quantity in sku.stock.items():
                    self.put("stock", StockLevel(f"{key}@{branch}", key, branch, Decimal(quantity)))
        return {"products": len(self.rows.get("product", {})), "skus": len(self.rows.get("sku", {}))}

    def _details(self, product: SeedProduct) -> dict[str, Any]:
        if not self.switches.details:
            return {}
        net = product.weight_kg if product.net_weight_kg is None else product.net_weight_kg
        return {"unit": product.unit, "net_weight_kg": net, "ncm": product.ncm, "preparation_days": product.preparation_days}

    def change(self, changes: list[Change]) -> dict[str, object]:
        for asked in changes:
            if asked.price is not None:
                self.put("price", msgspec.structs.replace(self.doc("price", asked.sku), base=asked.price), touch=asked.touch)
            for branch, quantity in (asked.stock or {}).items():
                self.put("stock", StockLevel(f"{asked.sku}@{branch}", asked.sku, branch, Decimal(quantity)), touch=asked.touch)
            if asked.name is not None:
                product = self.doc("product", self.doc("sku", asked.sku).product)
                self.put("product", msgspec.structs.replace(product, name=asked.name), touch=asked.touch)
        return {"changed": len(changes)}

    def cancel(self, keys: list[str], reason: str) -> dict[str, object]:
        for key in keys:
            order = self.taken[key]
            if order.state != "cancelled":
                if order.state != "held":
                    self._move_stock(order.items, order.branch, 1)
                self._put_order(msgspec.structs.replace(order, state="cancelled", raw_state="cancelled", reason=reason))
        return {"cancelled": len(keys)}

    def progress(self, to: str, keys: list[str] | None) -> dict[str, object]:
        """To "picking" | "invoiced" (everything that is left of it) | "shipped" | "delivered"."""
        orders = [order for order in self.taken.values() if (keys is None or order.key in keys) and order.state != "cancelled"]
        for order in orders:
            if to == "invoiced":
                self.invoice(order.key)
            elif to == "shipped":
                self.ship(order.key, f"BR{order.key}")
            else:
                self._state_of(order.key, to)
        return {"moved": len(orders)}

    def state(self) -> list[SkuState]:
        found: list[SkuState] = []
        for key, (sku, _) in self.rows.get("sku", {}).items():
            product, price = self.doc("product", sku.product), self.rows["price"].get(key)
            stock = {level.warehouse: level.quantity for level, _ in self.rows["stock"].values() if level.sku == key}
            base = price[0].base if price else None
            found.append(SkuState(key, sku.product, sku.name, product.name, product.description, sku.ean, base, stock))
        return found

    def orders(self) -> list[OrderState]:
        def shown(order: ErpOrder) -> OrderState:
            notes = tuple(note.id for note in order.invoices or ())
            codes = tuple(shipment.tracking.code for shipment in order.shipments)
            phase: Any = PHASES.get(order.state, order.state)
            items = tuple((item.sku, item.quantity, Decimal(0)) for item in order.items)
            return OrderState(order.key, order.reference, order.state, phase, order.total or Decimal(0), items, 0, notes, codes)

        return [shown(order) for order in self.taken.values()]

    def corrupt(self, kind: str, key: str) -> dict[str, object]:
        """ "mute": the list of this kind comes empty from now on; nothing else."""
        assert kind == "mute"
        self.switches.truncate[key] = 0
        return {}

    # ---- what its users do ----

    def put(self, kind: str, doc: Any, *, touch: bool = True) -> None:
        """Any row of any kind, also one that is wrong in itself."""
        before = self.rows.setdefault(kind, {}).get(doc.key)
        self.rows[kind][doc.key] = (doc, self._next() if touch or before is None else before[1])

    def doc(self, kind: str, key: str) -> Any:
        return self.rows[kind][key][0]

    def remove(self, kind: str, key: str) -> None:
        del self.rows[kind][key]

    def cut(self, key: str, attended: Mapping[str, Any]) -> None:
        """Of these SKUs only so many units are attended."""
        order = self.taken[key]
        items = tuple(
            msgspec.structs.replace(i, quantity=attended.get(i.sku, i.quantity), cut=i.cut + i.quantity - attended.get(i.sku, i.quantity))
            for i in order.items
        )
        self._put_order(msgspec.structs.replace(order, items=items))

    def invoice(
        self, key: str, *, value: Decimal | None = None, items: Mapping[str, Any] | None = None, more: bool = False, **note: Any
    ) -> Invoice:
        """One more note. `items`: what it invoices (None: what the order attends); `more`: others will follow."""
        order = self.taken[key]
        number = f"{len(order.invoices or ()) + 1 + 10 * int(key)}"
        body = f"352611{CNPJ}55001{int(number):09d}1{int(number):08d}"
        given: dict[str, Any] = {
            "issuer": CNPJ,
            "key": body + str(check_digit(body)) if self.switches.nfe else "",
            "model": "55" if self.switches.nfe else "",
        } | note
        lines = {item.sku: item.quantity for item in order.items if item.quantity} if items is None else items
        made = Invoice(
            number=number, series="1", issued_at=datetime(2026, 11, 26, 12, tzinfo=UTC),
            value=(order.total or Decimal(0)) if value is None else value,
            items=tuple(InvoiceItem(sku, quantity) for sku, quantity in lines.items()), **given,
        )  # fmt: skip
        state = "partly_invoiced" if more else "invoiced"
        self._put_order(msgspec.structs.replace(order, invoices=(*(order.invoices or ()), made), state=state, raw_state=state))
        return made

    def ship(self, key: str, code: str, items: Mapping[str, Any] | None = None) -> None:
        """One more shipment. `items`: what is in it (None: everything)."""
        order = self.taken[key]
        lines = tuple(ErpItem(sku, quantity) for sku, quantity in (items or {}).items())
        made = Shipment(str(len(order.shipments) + 1), Tracking(code), lines)
        self._put_order(msgspec.structs.replace(order, shipments=(*order.shipments, made)))

    def release(self, key: str) -> None:
        """A held order goes on, and has its units reserved from now on."""
        order = self.taken[key]
        self._move_stock(order.items, order.branch, -1)
        self._put_order(msgspec.structs.replace(order, state="in_erp", raw_state="in_erp"))

    def _state_of(self, key: str, state: str) -> None:
        order = self.taken[key]
        at = datetime(2026, 11, 27, 12, tzinfo=UTC) if state == "delivered" else order.delivered_at
        self._put_order(msgspec.structs.replace(order, state=state, raw_state=state, delivered_at=at))

    def _put_order(self, order: ErpOrder) -> None:
        self.taken[order.key] = msgspec.structs.replace(order, changed_at=f"{self._next():012d}")

    def _move_stock(self, items: Iterable[ErpItem], branch: str, sign: int) -> None:
        for item in items:
            found = self.rows.get("stock", {}).get(f"{item.sku}@{branch}")
            if found is not None:
                self.put("stock", msgspec.structs.replace(found[0], quantity=found[0].quantity + sign * item.quantity))

    def _next(self) -> int:
        """Greater each time, and by as many as seconds have passed."""
        self._stamp = max(self._stamp + 1, self._now())
        return self._stamp

    def _now(self) -> int:
        """No stamp so far is greater."""
        return max(self._stamp, int((self.clock.now() - self._began).total_seconds()))
