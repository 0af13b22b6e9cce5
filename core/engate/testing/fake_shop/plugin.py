"""The fake storefront's plugin: the wire is the model, so nothing is translated."""

# pyright: standard
from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from engate import Asked, Context, Desk, Manifest, Meter, NotSent, Rejected, Reply, Response, Secret, Sight, Storefront, Text, Whole
from engate.errors import Answered
from engate.model import (
    Batch,
    Brand,
    Category,
    Check,
    Choice,
    Image,
    Invoice,
    Item,
    Listing,
    Order,
    OrderChange,
    OrderEvent,
    OrderPart,
    Page,
    Price,
    Product,
    Query,
    Shipment,
    ShopOrderRef,
    Sku,
    StockLevel,
    Warehouse,
)  # fmt: skip
from engate.model.kinds import KINDS


class Settings(msgspec.Struct, frozen=True):
    base_url: str
    token: Secret
    hook_secret: Secret
    at_once: int = 16
    timeout: float = 30.0
    cost: dict[str, float] = {}  # kind -> points that a put asks for
    bulk: frozenset[str] = frozenset()  # kinds that go as one operation
    ask_after: float = 0.05
    serves: frozenset[str] = frozenset()  # kinds that the shop fetches
    hands_in: bool = False  # it hands its orders in, and cannot be asked for them
    asks: bool = False  # it asks what became of its orders, and is told nothing of them


POINTS = "points"
HANDS_IN = ("read_order_events", "read_order")
ASKS = ("send_handling", "send_invoice", "send_tracking", "send_delivery", "send_cancellation")


class Bucket(msgspec.Struct):
    most: float
    left: float
    restore: float


class Cost(msgspec.Struct):
    asked: float
    taken: float | None
    bucket: Bucket


STOCK = Sight(frozenset({"stock"}), frozenset({"stock"}))


class Fetch(msgspec.Struct):
    """What the shop asks for: a page of products."""

    page: int = 1
    limit: int = 100
    since: datetime | None = None


class Put(msgspec.Struct):
    id: str = ""
    more: str = ""
    error: str = ""
    cost: Cost | None = None


def metered(answer: Response) -> Meter | None:
    """Of the answers that carry their cost."""
    if b'"cost"' not in answer.body:
        return None
    said = answer.json(Put)
    if said.cost is None:
        return None
    bucket = said.cost.bucket
    return Meter(bucket.most, bucket.left, bucket.restore, said.cost.taken, said.error == "THROTTLED")


def _body(item: Item[Any]) -> dict[str, Any]:
    return {"want": item.want, "refs": item.refs, "remote": item.remote, "kept": sorted(item.kept)}


def _line(kind: str, item: Item[Any]) -> dict[str, Any]:
    return {"kind": kind, "key": item.key, **_body(item)}


def _lines(whole: Whole) -> Iterator[dict[str, Any]]:
    """One a record, as a push would put it."""
    path = [category.name for category in whole.categories]
    yield {**_line("product", whole.product), "path": path, "brand": whole.brand.name if whole.brand is not None else None}
    for each in whole.skus:
        yield _line("sku", each.sku)
        for kind, items in (("price", each.prices), ("stock", each.stock), ("image", each.images)):
            yield from (_line(kind, item) for item in items)


class FakeShop(Storefront):
    id_form = r"[0-9A-Za-z-]+"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.settings: Settings = context.settings
        headers = {"authorization": self.settings.token.reveal()}
        terms: dict[str, Any] = {"headers": headers, "at_once": self.settings.at_once, "timeout": self.settings.timeout}
        self.http = context.http(self.settings.base_url, meter=metered, **terms)

    async def test_connection(self) -> list[Check]:
        me = (await self.http.call("GET", "/me")).json(dict[str, str])
        scope = me["scope"] == "all"
        missing = Text("Falta o direito de alterar pedidos.", "The right to change orders is missing.")
        words = Text("Todos os direitos.", "Every right.") if scope else missing
        return [Check("access", True, Text("Acesso aceito.", "Access granted.")), Check("scope", scope, words)]

    async def learn(self) -> dict[str, str]:
        return {"plan": (await self.http.call("GET", "/me")).json(dict[str, str])["plan"]}

    def unavailable(self) -> Mapping[str, Text]:
        if self.context.facts.get("plan") != "basic":
            return {}
        return {"push_images": Text("O plano básico não tem imagens.", "The basic plan has no images.")}

    fetches = frozenset((*(kind.push_hook for kind in KINDS.values()), *HANDS_IN, *ASKS))

    def served(self) -> frozenset[str]:
        hands_in = HANDS_IN if self.settings.hands_in else ()
        asks = ASKS if self.settings.asks else ()
        return frozenset((*(KINDS[kind].push_hook for kind in self.settings.serves), *hands_in, *asks))

    async def identity(self) -> str:
        return (await self.http.call("GET", "/me")).json(dict[str, str])["shop"]

    # ---- the door ----

    async def install_webhooks(self, url: str) -> list[Check]:
        for topic in ("orders", "stock"):
            await self.http.call("PUT", f"/hooks/{topic}", operation="install hook", body={"url": f"{url}/{topic}"}, safe=True)
        return [Check("webhooks", True, Text("Avisos instalados.", "Webhooks installed."))]

    async def answer(self, asked: Asked, desk: Desk) -> Reply:
        right = hmac.digest(self.settings.hook_secret.reveal().encode(), asked.body, "sha256").hex()
        if not hmac.compare_digest(right.encode(), asked.headers.get("x-signature", "").encode()):
            return await desk.refuse("signature")
        delivery = asked.headers["x-delivery"]
        match asked.path:
            case "orders":
                await desk.deliver(delivery, events=[msgspec.json.decode(asked.body, type=OrderEvent)])
            case "stock":
                await desk.deliver(delivery, changed=msgspec.json.decode(asked.body, type=dict[str, list[str]]))
            case "products" | "products/broken":
                page = await desk.products(**msgspec.structs.asdict(msgspec.json.decode(asked.body, type=Fetch)))
                lines = [line for whole in page.items for line in _lines(whole)]
                body = msgspec.json.encode({"lines": lines, "pages": page.pages, "now": asked.at})
                return Reply(200 if asked.path == "products" else 503, body, "application/json")
            case "level":
                key = msgspec.json.decode(asked.body, type=str)
                whole = await desk.product(key, STOCK)
                found = [item for sku in whole.skus if sku.sku.key == key for item in sku.stock] if whole else []
                return Reply(200, msgspec.json.encode([_line("stock", item) for item in found]), "application/json")
            case "place":
                placed = await desk.place(msgspec.json.decode(asked.body, type=Order))
                status = 409 if placed is None else 422 if placed.differs else 200
                return Reply(status, msgspec.json.encode(placed and placed.number), "application/json")
            case "product":
                whole = await desk.product(msgspec.json.decode(asked.body, type=str | int))
                return Reply(200, msgspec.json.encode(list(_lines(whole)) if whole else []), "application/json")
            case "move":
                moved = await desk.move(**msgspec.json.decode(asked.body))
                return Reply(200 if moved else 404)
            case "order":
                known = await desk.order(msgspec.json.decode(asked.body, type=str | int))
                return Reply(200, msgspec.json.encode(known._asdict() if known else None), "application/json")
            case "slow":
                await desk.deliver(delivery)
                await asyncio.sleep(3600)
            case "reply":
                return Reply(**msgspec.json.decode(asked.body))
            case _:
                return Reply(404)
        return Reply(200, b"ok")

    # ---- master data: one call a record, PUT by the ERP's key ----

    async def _put(self, kind: str, batch: Batch[Any]) -> None:
        async def push(item: Item[Any]) -> str:
            once = {"idempotency-key": f"{kind}/{item.key}/{item.turn}"}
            path, asked, body = f"/{kind}/{item.key}", self.settings.cost.get(kind, 1.0), _body(item)
            answer = await self.http.call("PUT", path, operation=f"PUT {kind}", groups=(POINTS,), cost=asked, body=body, headers=once)
            said = answer.json(Put)
            batch.linked(item, said.id, more=said.more)
            return said.id

        await batch.each(push, at_once=self.settings.at_once)

    async def _bulk(self, kind: str, batch: Batch[Any]) -> None:
        """One operation for all of them, or one call each."""
        if kind not in self.settings.bulk:
            await self._put(kind, batch)
            return

        async def lines() -> AsyncIterator[bytes]:
            for item in batch.items:
                yield msgspec.json.encode({"key": item.key, **_body(item)}) + b"\n"

        answer = await self.http.call("POST", f"/bulk/{kind}", operation=f"bulk {kind}", content=lines)
        batch.deferred(answer.json(dict[str, str])["ticket"], self.settings.ask_after)

    async def _ask(self, ticket: str, batch: Batch[Any]) -> float | None:
        if not (await self.http.call("GET", f"/bulk/{ticket}", operation="GET bulk")).json(dict[str, bool])["done"]:
            return self.settings.ask_after
        items = {item.key: item for item in batch.items}
        async for line in self.http.lines("GET", f"/bulk/{ticket}/lines", operation="GET bulk lines"):
            said = msgspec.json.decode(line, type=dict[str, str])
            item = items.get(said["key"])
            if item is None:
                continue  # it had its outcome before
            if "error" in said:
                batch.failed(item, Rejected(Text(said["error"], said["error"]), code="fake.line"))
            else:
                batch.accepted(item, said["id"])
        return None

    async def check_products(self, ticket: str, batch: Batch[Product]) -> float | None:
        return await self._ask(ticket, batch)

    async def check_skus(self, ticket: str, batch: Batch[Sku]) -> float | None:
        return await self._ask(ticket, batch)

    async def check_prices(self, ticket: str, batch: Batch[Price]) -> float | None:
        return await self._ask(ticket, batch)

    async def check_stock(self, ticket: str, batch: Batch[StockLevel]) -> float | None:
        return await self._ask(ticket, batch)

    async def push_warehouses(self, batch: Batch[Warehouse]) -> None:
        await self._put("warehouse", batch)

    async def push_categories(self, batch: Batch[Category]) -> None:
        await self._put("category", batch)

    async def push_brands(self, batch: Batch[Brand]) -> None:
        await self._put("brand", batch)

    async def push_products(self, batch: Batch[Product]) -> None:
        await self._bulk("product", batch)

    async def push_skus(self, batch: Batch[Sku]) -> None:
        await self._bulk("sku", batch)

    async def push_images(self, batch: Batch[Image]) -> None:
        await self._put("image", batch)

    async def push_prices(self, batch: Batch[Price]) -> None:
        await self._bulk("price", batch)

    async def push_stock(self, batch: Batch[StockLevel]) -> None:
        await self._bulk("stock", batch)

    # ---- what the shop has ----

    async def read_choices(self, kind: str) -> AsyncIterator[Page[Choice]]:
        yield Page((await self.http.call("GET", f"/choices/{kind}")).json(list[Choice]))

    async def read_listing(self, query: Query) -> AsyncIterator[Page[Listing]]:
        del query
        yield Page((await self.http.call("GET", "/listing")).json(list[Listing]))

    async def read_order_events(self, query: Query) -> AsyncIterator[Page[OrderEvent]]:
        """A feed: what is acknowledged does not come again. Or a journal, which is read from where it was left."""
        since = query.since or ""
        while True:
            said = (await self.http.call("GET", "/feed", params={"since": since})).json(dict[str, Any])
            events = msgspec.convert(said["events"], list[OrderEvent])
            if not events:
                return
            yield Page(events, watermark=said["mark"])
            if said["mark"] is None:
                await self.http.call("POST", "/feed", operation="acknowledge", body=[event.key for event in events], safe=True)
            else:
                since = said["mark"]

    async def read_orders(self, query: Query) -> AsyncIterator[Page[OrderEvent]]:
        """The first time nothing but where we are."""
        cursor = query.cursor or "0"
        while cursor is not None:
            params = {"since": query.since or "", "after": cursor}
            said = (await self.http.call("GET", "/listed", params=params)).json(dict[str, Any])
            rows = msgspec.convert(said["items"], list[OrderEvent])
            cursor = said["next"]
            yield Page(rows, cursor, said["now"], said["total"])

    async def read_order(self, key: str) -> Order:
        answer = await self.http.call("GET", f"/orders/{key}", operation="GET order", expect=(404,))
        if answer.status == 404:
            raise Rejected(Text("A loja não tem o pedido.", "The shop has no such order."), code="order.missing")
        return answer.json(Order)

    # ---- what the ERP did ----

    async def _tell(self, shop_order: ShopOrderRef, what: str, body: object) -> dict[str, Any]:
        try:
            path = f"/orders/{shop_order.key}/{what}"
            said = (await self.http.call("POST", path, operation=what, body=body, safe=True)).json(dict[str, Any])
            if said.get("busy"):
                raise NotSent(Text("A loja está ocupada.", "The shop is busy."), code="fake.busy")
            return said
        except Answered as error:
            raise Rejected(error.text, Text("Resolva na loja.", "Settle it in the shop."), code=f"fake.{what}") from None

    async def send_handling(self, shop_order: ShopOrderRef) -> None:
        await self._tell(shop_order, "handling", {})

    async def send_invoice(self, shop_order: ShopOrderRef, invoice: Invoice, part: OrderPart) -> None:
        items = [(item.line, item.quantity) for item in part.items]
        value = min(invoice.value, part.total)  # taxes on top of the note are not the buyer's
        await self._tell(shop_order, "invoice", {"id": invoice.id, "value": value, "items": items})

    async def send_order_change(self, shop_order: ShopOrderRef, part: OrderPart, change: OrderChange) -> None:
        del part
        said = await self._tell(shop_order, "change", change)
        if said["pending"]:
            raise NotSent(Text("Alteração em andamento.", "The change is under way."), code="change.requested")

    async def send_tracking(self, shop_order: ShopOrderRef, part: OrderPart, shipment: Shipment, invoice: Invoice | None) -> None:
        items = [(item.line, item.quantity) for item in part.items]
        body = {"key": f"{part.reference}/{shipment.key}", "code": shipment.tracking.code, "items": items, "note": invoice and invoice.id}
        await self._tell(shop_order, "shipment", body)

    async def send_delivery(self, shop_order: ShopOrderRef, part: OrderPart, delivered_at: str, invoice: Invoice | None) -> None:
        del invoice
        await self._tell(shop_order, "delivery", {"part": part.reference, "at": delivered_at})

    async def send_cancellation(self, shop_order: ShopOrderRef, reason: str) -> None:
        await self._tell(shop_order, "cancel", {"reason": reason})

    async def send_cancel_refusal(self, shop_order: ShopOrderRef, reason: str) -> None:
        await self._tell(shop_order, "cancel-refusal", {"reason": reason})


FAKE_SHOP = Manifest("fake_shop", "Fake shop", "storefront", Settings, "engate.testing.fake_shop.plugin:FakeShop", hook_api=4)
