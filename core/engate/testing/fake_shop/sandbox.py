"""The fake storefront's server. `switches` say how it behaves; the methods below the control protocol are what its people do."""

# pyright: standard
from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Literal, Self, cast

import msgspec

from engate.model import Address, Buyer, Choice, Listing, Order, OrderEvent, OrderItem, Payment
from engate.testing.facts import Change, Description, OrderState, Sale, Seed, SkuState
from engate.testing.outgoing import Outgoing
from engate.testing.sandbox import Answer, Call, Operation, RateWindow, Sandbox

TOKEN = "token-da-loja-fake"  # noqa: S105
HOOK_SECRET = "segredo-dos-avisos"  # noqa: S105
CHOICES = {"warehouses": ("main", "second"), "payments": ("pix", "card", "voucher"), "shippings": ("post",), "price_lists": ("p2",)}
FORMS = {"pix": "pix", "credit_card": "card", "voucher": "voucher"}
NEEDED = ("product", "sku", "price", "stock")


@dataclass
class Switches:
    reserves: bool = True  # an order takes its units out of what is offered
    releases: bool = True  # … and a cancelled one gives them back by itself
    changes: Literal["at_once", "later", "refused"] = "at_once"
    needs_brand: bool = False
    needs_price: bool = False  # before it takes any stock of a SKU
    busy: frozenset[str] = frozenset()  # verbs that it does not take now, and says so
    lot: int = 10  # events one reading of the feed gives
    tells: bool = True  # the feed; what happens while it is dead is never told
    journal: bool = False  # the feed is a journal: nothing is acknowledged, it is asked for what comes after a mark
    whole: bool = False  # events carry the order
    plan: str = "plus"  # "basic" takes no images
    scope: bool = True  # the app was given every right that it asks for
    calls: bool = False  # it calls the address it was told of at each event, beside the feed
    twice: bool = False  # … and each time twice, with the same delivery id
    forged: bool = False  # … with a signature that is somebody else's
    list_ends: int | None = None  # rows after which the list of orders ends too early
    remembers: bool = False  # a call with an idempotency key it has seen changes nothing and answers as the first did
    cost: dict[str, tuple[float, float]] = field(default_factory=dict)  # kind -> (points a put asks for, points it takes)
    points: tuple[float, float] = (100.0, 1000.0)  # how many come back a second, and the most there can be
    works: bool = True  # on the operations it took; else they run for ever
    drops: frozenset[str] = frozenset()  # keys of which an operation says nothing
    refuses: frozenset[str] = frozenset()  # keys that an operation refuses
    serves: frozenset[str] = frozenset()  # kinds that it fetches, and nobody puts
    hands_in: bool = False  # its orders come by its own calls alone
    asks: bool = False  # it asks what became of them
    second_keys: bool = False  # a SKU has a second key, and its stock is put by that one alone


def _number(event: OrderEvent) -> int:
    return int(event.key.removeprefix("e"))


class FakeShopSandbox(Sandbox):
    platform: ClassVar[str] = "fake_shop"
    role: ClassVar[Literal["erp", "storefront"]] = "storefront"

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.switches = Switches()
        self.held: dict[str, dict[str, Any]] = {}  # kind -> the ERP's key -> what was last put
        self.ids: dict[tuple[str, str], str] = {}
        self.puts: list[tuple[str, str]] = []
        self.fetched: list[list[tuple[str, str]]] = []  # of every page that it fetched: (kind, the ERP's key), what it served or not
        self.seen: dict[str, Answer] = {}  # idempotency key -> the first answer
        self._points: RateWindow | None = None
        self.operated: dict[str, tuple[str, list[dict[str, Any]]]] = {}  # ticket -> kind, lines as they were submitted
        self._outcomes: dict[str, list[dict[str, Any]]] = {}  # of those that were worked on
        self.placed: dict[str, Order] = {}
        self.queue: list[OrderEvent] = []
        self.moved: dict[str, int] = {}  # order -> when it last moved, by number of event
        self.told: dict[str, list[tuple[str, Any]]] = {}  # order -> what was told of it: (verb, body), in order
        self.pending: dict[str, Any] = {}  # changes that were requested and are not through
        self.changed: dict[str, set[str]] = {}  # order -> changes that are through
        self._events = 0
        self.hooks: dict[str, str] = {}  # topic -> the address it calls
        self.called: list[tuple[str, int | None]] = []  # (delivery, status) of every call it made, in order
        self._calls: asyncio.Queue[tuple[str, str, bytes]] = asyncio.Queue()
        self._deliveries = 0

    # ---- the calls it makes ----

    @asynccontextmanager
    async def listening(self, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[Self]:
        async with Outgoing() as outgoing, super().listening(host, port):
            calling = asyncio.create_task(self._call_out(outgoing))
            try:
                yield self
            finally:
                calling.cancel()
                self._calls = asyncio.Queue()  # the old one holds on to the loop

    async def _call_out(self, outgoing: Outgoing) -> None:
        """One after the other; what is not answered with a 2xx is not told again."""
        while True:
            delivery, topic, body = await self._calls.get()
            await self.call(outgoing, delivery, topic, body)

    async def call(self, outgoing: Outgoing, delivery: str, topic: str, body: bytes) -> None:
        self.called.append((delivery, await outgoing.post(self.hooks[topic], body, self._signed(delivery, body))))

    def _signed(self, delivery: str, body: bytes) -> dict[str, str]:
        key = "somebody else" if self.switches.forged else HOOK_SECRET
        signature = hmac.digest(key.encode(), body, "sha256").hex()
        return {"x-delivery": delivery, "x-signature": signature, "content-type": "application/json"}

    # ---- what it fetches ----

    async def ask(self, url: str, question: object) -> tuple[int | None, Any]:
        """Asks at this address; the status, and what the answer says."""
        body = msgspec.json.encode(question)
        async with Outgoing() as outgoing:
            told = await outgoing.exchange(url, body, self._signed("", body))
        if told is None:
            return None, None
        return told.status, msgspec.json.decode(told.body) if told.status == 200 and told.body else None

    async def fetch(self, url: str, *, since: str | None = None, limit: int = 100) -> str | None:
        """Page after page to the end; answers when it began, by our clock. None: it was refused."""
        began: str | None = None
        page, pages = 0, 1
        while page < pages:
            page += 1
            _, said = await self.ask(f"{url}/products", {"page": page, "limit": limit, "since": since})
            if said is None:
                return None
            began, pages = began or said["now"], said["pages"]
            self.take(said["lines"])
        return began

    def take(self, lines: list[dict[str, Any]]) -> None:
        """What came with one page."""
        self.fetched.append([(line["kind"], line["key"]) for line in lines])
        for line in lines:
            if line["kind"] in self.switches.serves:
                self._keep(line["kind"], line["key"], line)

    def tell(self, topic: str, body: bytes, *, twice: bool = False) -> None:
        """Calls whoever asked for this topic."""
        self._deliveries += 1
        for _ in range((2 if self.switches.twice or twice else 1) if topic in self.hooks else 0):
            self._calls.put_nowait((f"d{self._deliveries}", topic, body))

    # ---- the wire ----

    def operations(self) -> Iterable[Operation]:
        yield Operation("GET", "/me", self._me)
        yield Operation("GET", "/choices/{kind}", self._choices)
        yield Operation("GET", "/listing", lambda call: Answer(body=self._listing()))
        yield Operation("POST", "/bulk/{kind}", self._submit)
        yield Operation("GET", "/bulk/{ticket}", self._progress_of)
        yield Operation("GET", "/bulk/{ticket}/lines", self._lines_of)
        yield Operation("PUT", "/{kind}/{key:.+}", self._put, key=lambda call: call.params["key"])
        yield Operation("GET", "/feed", self._feed)
        yield Operation("POST", "/feed", self._acknowledge)
        yield Operation("PUT", "/hooks/{topic}", self._hook)
        yield Operation("GET", "/listed", self._list)
        yield Operation("GET", "/orders/{key}", self._read, key=lambda call: call.params["key"])
        for verb in ("handling", "invoice", "change", "shipment", "delivery", "cancel", "cancel-refusal"):
            yield Operation("POST", f"/orders/{{key}}/{verb}", self._told(verb), key=lambda call: call.params["key"])

    def authorise(self, call: Call) -> Answer | None:
        return None if call.headers.get("authorization") == TOKEN else Answer(401, {})

    def _choices(self, call: Call) -> Answer:
        return Answer(body=[Choice(key, key) for key in CHOICES.get(call.params["kind"], ())])

    def _listing(self) -> list[Listing]:
        return [
            Listing(self.ids["sku", key], key, sku["want"].get("ean", ""), product=sku["refs"].get("product", ""))
            for key, sku in self.held.get("sku", {}).items()
        ]

    def _put(self, call: Call) -> Answer:
        known = self.seen.get(call.headers["idempotency-key"]) if self.switches.remembers else None
        if known is not None:
            return known
        asked, taken = self.switches.cost.get(call.params["kind"], (0.0, 0.0))
        if not asked:
            answer = self._take(call)
        else:
            if self._points is None:
                self._points = RateWindow(*self.switches.points)
            refused = self._points.take(time.monotonic(), asked) > 0
            if refused:
                self.counts.effects["throttled"] += 1
                return Answer(body={"error": "THROTTLED", "cost": self._cost(asked, None)}, wrote=False)
            answer = self._take(call)
            self._points.take(time.monotonic(), taken - asked)
            answer = answer._replace(body={**cast("dict[str, Any]", answer.body), "cost": self._cost(asked, taken)})
        if answer.status < 300:
            self.seen[call.headers["idempotency-key"]] = answer
        return answer

    def _cost(self, asked: float, taken: float | None) -> dict[str, Any]:
        restore, most = self.switches.points
        assert self._points is not None
        return {"asked": asked, "taken": taken, "bucket": {"most": most, "left": self._points.level, "restore": restore}}

    def _take(self, call: Call) -> Answer:
        kind, key = call.params["kind"], call.params["key"]
        if kind == "product" and self.switches.needs_brand and "brand" not in call.json()["refs"]:
            return Answer(422, {"error": "a product needs a brand"})
        body = call.json()
        if kind == "stock" and self.switches.second_keys and body["refs"].get("sku.more") != f"stock-of-{body['refs']['sku']}":
            return Answer(422, {"error": "stock is put by the second key of its SKU"})
        if kind == "stock" and self.switches.needs_price and body["want"]["sku"] not in self.held.get("price", {}):
            return Answer(422, {"error": "a SKU without a price has no stock"})
        id = self._hold(kind, key, body)
        more = {"more": f"stock-of-{id}"} if self.switches.second_keys and kind == "sku" else {}
        return Answer(body={"id": id, **more})

    def _hold(self, kind: str, key: str, body: dict[str, Any]) -> str:
        self.puts.append((kind, key))
        return self._keep(kind, key, body)

    def _keep(self, kind: str, key: str, body: dict[str, Any]) -> str:
        before = self.held.get(kind, {}).get(key, {"want": {}})["want"]
        for name in body.get("kept", ()):  # its people's own
            body["want"].pop(name, None)
            body["want"] |= {name: before[name]} if name in before else {}
        if kind == "stock":
            body["want"]["quantity"] = Decimal(str(body["want"]["quantity"]))
        for old in [old for (of, old), id in self.ids.items() if (of, id) == (kind, body.get("remote")) and old != key]:
            self.ids[kind, key] = self.ids.pop((kind, old))  # the same thing under another reference
            self.held.get(kind, {}).pop(old, None)
        self.held.setdefault(kind, {})[key] = body
        return self.ids.setdefault((kind, key), f"{kind}-{len(self.ids) + 1}")

    def _submit(self, call: Call) -> Answer:
        """One line a record; it is worked on when somebody asks how it goes."""
        ticket = f"bulk-{len(self.operated) + 1}"
        self.operated[ticket] = (call.params["kind"], [msgspec.json.decode(line) for line in call.body.splitlines()])
        return Answer(202, {"ticket": ticket})

    def _progress_of(self, call: Call) -> Answer:
        ticket = call.params["ticket"]
        if not self.switches.works:
            return Answer(body={"done": False})
        if ticket not in self._outcomes:
            kind, lines = self.operated[ticket]
            self._outcomes[ticket] = [self._worked(kind, line) for line in lines if line["key"] not in self.switches.drops]
        return Answer(body={"done": True})

    def _worked(self, kind: str, line: dict[str, Any]) -> dict[str, Any]:
        if line["key"] in self.switches.refuses:
            return {"key": line["key"], "error": "refused"}
        return {"key": line["key"], "id": self._hold(kind, line["key"], line)}

    def _lines_of(self, call: Call) -> Answer:
        lines = b"".join(msgspec.json.encode(line) + b"\n" for line in self._outcomes[call.params["ticket"]])
        return Answer(body=lines, content_type="application/jsonl")

    def _list(self, call: Call) -> Answer:
        """What moved since, page by page; without a `since` nothing."""
        since = int(call.query["since"] or self._events + 1)
        found = [(key, self.placed[key]) for key, at in self.moved.items() if at >= since]
        start, size = int(call.query["after"]), self.switches.lot
        last = min(len(found), len(found) if self.switches.list_ends is None else self.switches.list_ends)
        shown = found[start : min(start + size, last)]
        body = {
            "items": [OrderEvent(f"list/{key}/{order.raw_state}", key, order.state, order.raw_state) for key, order in shown],
            "next": str(start + size) if start + size < last else None, "now": f"{self._events:012d}", "total": len(found),
        }  # fmt: skip
        return Answer(body=body)

    def _feed(self, call: Call) -> Answer:
        if not self.switches.journal:
            return Answer(body={"events": self.queue[: self.switches.lot], "mark": None})
        since = int(call.query["since"].removeprefix("mark-") or 0)
        found = [event for event in self.queue if _number(event) > since][: self.switches.lot]
        return Answer(body={"events": found, "mark": f"mark-{_number(found[-1])}" if found else None}, rows=len(found))

    def _me(self, call: Call) -> Answer:
        return Answer(body={"shop": "fake", "plan": self.switches.plan, "scope": "all" if self.switches.scope else "some"})

    def _hook(self, call: Call) -> Answer:
        wrote = self.hooks.get(call.params["topic"]) != call.json()["url"]
        self.hooks[call.params["topic"]] = call.json()["url"]
        return Answer(body={}, wrote=wrote)

    def _acknowledge(self, call: Call) -> Answer:
        self.queue = [event for event in self.queue if event.key not in call.json()]
        return Answer(body={})

    def _read(self, call: Call) -> Answer:
        order = self.placed.get(call.params["key"])
        return Answer(body=order) if order is not None else Answer(404, {})

    def _told(self, verb: str) -> Any:
        def handle(call: Call) -> Answer:
            key, body = call.params["key"], call.json()
            if verb in self.switches.busy:
                return Answer(body={"busy": True}, wrote=False)
            answer = getattr(self, "_on_" + verb.replace("-", "_"))(self.placed[key], body)
            if answer.status < 300 and (verb, body) not in self.told.setdefault(key, []):
                self.told[key].append((verb, body))
            return answer

        return handle

    def _on_handling(self, order: Order, body: Any) -> Answer:
        if order.state == "ready":
            self._move(order, state="handling")
        return Answer(body={})

    def _on_invoice(self, order: Order, body: Any) -> Answer:
        notes = {said["id"]: Decimal(said["value"]) for verb, said in self.told.get(order.key, []) if verb == "invoice"}
        total = sum((notes | {body["id"]: Decimal(body["value"])}).values())
        if total > order.total:
            return Answer(422, {"error": f"notes of {total} for an order of {order.total}"})
        if total == order.total and order.state != "invoiced":
            self._move(order, state="invoiced")
        return Answer(body={})

    def _on_change(self, order: Order, body: Any) -> Answer:
        if self.switches.changes == "refused":
            return Answer(422, {"error": "this order cannot be changed"})
        if body["reference"] in self.changed.setdefault(order.key, set()):
            return Answer(body={"pending": False})
        self.pending[order.key] = body
        if self.switches.changes == "at_once":
            self.settle_changes()
            return Answer(body={"pending": False})
        return Answer(body={"pending": True})

    def _on_shipment(self, order: Order, body: Any) -> Answer:
        return Answer(body={})

    def _on_delivery(self, order: Order, body: Any) -> Answer:
        return Answer(body={})

    def _on_cancel(self, order: Order, body: Any) -> Answer:
        if order.state != "cancelled":
            self.cancel([order.key], body["reason"])
        return Answer(body={})

    def _on_cancel_refusal(self, order: Order, body: Any) -> Answer:
        if order.state == "cancel_requested":
            self._move(order, state="handling")
        return Answer(body={})

    # ---- the control protocol ----

    def describe(self) -> Description:
        choices: dict[str, dict[str, dict[str, object]]] = {
            "warehouses": {tag: {"warehouse": tag} for tag in ("main", "second")},
            "payments": {tag: {"form": form} for tag, form in FORMS.items()},
            "carriers": {"standard": {"shipping": "post"}},
        }
        settings: dict[str, object] = {"base_url": self.base_url}
        if self.switches.serves:
            settings["serves"] = sorted(self.switches.serves)
        settings |= {name: True for name in ("hands_in", "asks") if getattr(self.switches, name)}
        return Description(self.platform, self.role, settings, {"token": TOKEN, "hook_secret": HOOK_SECRET}, choices)

    def seed(self, seed: Seed) -> dict[str, object]:
        raise NotImplementedError

    def change(self, changes: list[Change]) -> dict[str, object]:
        raise NotImplementedError

    def sell(self, sales: list[Sale]) -> dict[str, str]:
        return {str(sale.number): self._place(sale) for sale in sales}

    def _place(self, sale: Sale) -> str:
        key, buyer = f"F{sale.number:05d}", sale.buyer
        warehouse = {item.sku: self._warehouse_of(item.sku) for item in sale.items}
        items = tuple(
            OrderItem(
                str(n), self.ids["sku", item.sku], item.sku, item.sku, Decimal(item.quantity), item.price, item.freight, warehouse[item.sku]
            )
            for n, item in enumerate(sale.items, 1)
        )
        goods = sum((item.price * item.quantity for item in items), Decimal(0))
        freight = sum((item.freight for item in items), Decimal(0))
        payments = tuple(Payment(FORMS[paid.tag], FORMS[paid.tag], paid.value, paid.installments) for paid in sale.payments)
        who = Buyer(buyer.name, buyer.document, buyer.email, buyer.phone, state_inscription=buyer.state_inscription)
        self.placed[key] = Order(
            key, "received", "received", sale.placed_at or self.clock.now(), who,
            Address(buyer.street, buyer.number, buyer.complement, buyer.district, buyer.city, buyer.state, buyer.zip_code), items, payments,
            goods, freight, sale.discount, Decimal(0), goods + freight - sale.discount, shipping="post", channel=sale.channel,
        )  # fmt: skip
        self.counts.effects["orders_created"] += 1
        self._move_stock(self.placed[key], -1 if self.switches.reserves else 0)
        self._move(self.placed[key], state="ready" if sale.paid else "awaiting_payment")
        return key

    def cancel(self, keys: list[str], reason: str) -> dict[str, object]:
        for key in keys:
            order = self.placed[key]
            self._move_stock(order, 1 if self.switches.reserves and self.switches.releases else 0)
            self._move(order, state="cancelled", refunded=sum((paid.value for paid in order.payments), Decimal(0)))
        return {"cancelled": len(keys)}

    def progress(self, to: str, keys: list[str] | None) -> dict[str, object]:
        """To "paid" | "expired" | "cancel_requested"."""
        states: dict[str, Any] = {"paid": "ready", "expired": "cancelled"}
        for key in keys if keys is not None else list(self.placed):
            self._move(self.placed[key], state=states.get(to, to))
        return {}

    def state(self) -> list[SkuState]:
        found: list[SkuState] = []
        for key, sku in self.held.get("sku", {}).items():
            product = self.held.get("product", {}).get(sku["want"]["product"])
            price = self.held.get("price", {}).get(key)
            stock = {
                row["refs"]["warehouse"]: row["want"]["quantity"]
                for row in self.held.get("stock", {}).values()
                if row["want"]["sku"] == key
            }
            missing = tuple(kind for kind, there in zip(NEEDED, (product, sku, price, stock), strict=True) if not there)
            name, text = (product["want"].get(field, "") if product else "" for field in ("name", "description"))
            base = Decimal(price["want"]["base"]) if price else None
            found.append(SkuState(key, sku["want"]["product"], sku["want"]["name"], name, text, sku["want"].get("ean", ""), base, stock,
                                  not missing, missing, self.ids["sku", key]))  # fmt: skip
        return found

    def orders(self) -> list[OrderState]:
        def shown(order: Order) -> OrderState:
            said = self.told.get(order.key, [])
            phases: dict[str, Any] = {"handling": "in_erp", "invoiced": "invoiced", "cancelled": "cancelled"}
            items = tuple((item.reference, item.quantity, item.price) for item in order.items)
            notes = tuple(body["id"] for verb, body in said if verb == "invoice")
            codes = tuple(body["code"] for verb, body in said if verb == "shipment")
            phase = "delivered" if any(verb == "delivery" for verb, _ in said) else phases.get(order.state, "open")
            return OrderState(order.key, order.key, order.state, phase, order.total, items, int(order.key[1:]), notes, codes)

        return [shown(order) for order in self.placed.values()]

    # ---- what its people do ----

    def had(self, product: str, skus: tuple[str, ...]) -> None:
        """They make a product of their own, with SKUs that carry the ERP's references."""
        id = self._hold("product", product, {"want": {"key": product, "name": product}, "refs": {}})
        for key in skus:
            self._hold("sku", key, {"want": {"key": key, "product": product, "name": key}, "refs": {"product": id}})

    def edit(self, key: str, quantities: Mapping[str, Any]) -> None:
        """A line gets another quantity (by its number); what is less is given back to the buyer."""
        order = self.placed[key]
        items = tuple(msgspec.structs.replace(item, quantity=quantities.get(item.line, item.quantity)) for item in order.items)
        self._reprice(order, tuple(item for item in items if item.quantity), None)

    def refund(self, key: str, amount: Decimal) -> None:
        """Money back without a change of the order."""
        order = self.placed[key]
        self._move(order, refunded=order.refunded + amount)

    def settle_changes(self) -> None:
        """What was requested goes through."""
        for key, body in list(self.pending.items()):
            order = self.placed[key]
            left = {cut["line"]: Decimal(cut["quantity"]) for cut in body["cuts"]}
            items = tuple(msgspec.structs.replace(item, quantity=item.quantity - left.get(item.line, Decimal(0))) for item in order.items)
            self._reprice(order, tuple(item for item in items if item.quantity), Decimal(body["refund"]))
            self.changed[key].add(body["reference"])
            del self.pending[key]

    def _reprice(self, order: Order, items: tuple[OrderItem, ...], refund: Decimal | None) -> None:
        goods = sum((item.price * item.quantity for item in items), Decimal(0))
        total = goods + order.freight - order.discount if refund is None else order.total - refund
        discount = order.discount if refund is None else goods + order.freight - total
        back = order.total - total
        self._move(order, items=items, items_total=goods, discount=discount, total=total, refunded=order.refunded + back)

    def _move(self, order: Order, **values: Any) -> None:
        """The order as it is now, and the event that tells of it."""
        self._events += 1
        if values.get("state") == "ready":
            values["paid_at"] = order.paid_at or self.clock.now()
        values = {"raw_state": values.get("state", order.state), "changed_at": f"{self._events:06d}"} | values
        now = msgspec.structs.replace(order, **values)
        self.placed[order.key] = now
        self.moved[order.key] = self._events
        kept = self.switches.tells and not self.faults.event("drop_event", order.key)
        if kept:
            doc = now if self.switches.whole else None
            event = OrderEvent(f"e{self._events}", order.key, now.state, now.raw_state, doc=doc)
            twice = self.faults.event("duplicate_event", order.key)
            self.counts.effects["events_duplicated"] += twice
            self.queue += [event] * (1 + twice)
            if self.switches.calls:
                self.tell("orders", msgspec.json.encode(event), twice=twice)
        self.counts.effects["events_emitted" if kept else "events_dropped"] += 1

    def _warehouse_of(self, sku: str) -> str:
        held = [row for row in self.held.get("stock", {}).values() if row["want"]["sku"] == sku]
        return max(held, key=lambda row: row["want"]["quantity"])["refs"]["warehouse"] if held else "main"

    def _move_stock(self, order: Order, sign: int) -> None:
        for item in order.items:
            for row in self.held.get("stock", {}).values():
                if (row["want"]["sku"], row["refs"]["warehouse"]) == (item.reference, item.warehouse):
                    row["want"]["quantity"] += sign * item.quantity
