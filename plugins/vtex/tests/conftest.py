"""The sandbox on loopback, a raw HTTP client for it, short ways to a shop that sells; and the plugin connected to such a shop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import aiohttp
import httpx
import msgspec
import pytest
from aiohttp import web

from engate.clock import ManualClock
from engate.model import Batch, Brand, Category, Image, Item, Price, Product, Sku, StockLevel
from engate.testing import contracts
from engate.testing.connect import PLAIN, CountingJournal, connected
from engate.testing.contracts import Exchange
from engate_vtex import manifest
from engate_vtex.storefront import VtexStorefront
from engate_vtex_sandbox import VtexSandbox

START = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
CATEGORY = {
    "Name": "Ferramentas", "Keywords": "", "Title": "Ferramentas", "Description": "", "AdWordsRemarketingCode": None,
    "LomadeeCampaignCode": None, "FatherCategoryId": None, "GlobalCategoryId": 0, "ShowInStoreFront": True, "IsActive": True,
    "ActiveStoreFrontLink": True, "ShowBrandFilter": True, "Score": None, "StockKeepingUnitSelectionMode": "LIST",
}  # fmt: skip
IMAGE = {"Name": "frente", "Url": "https://img.example/1.jpg", "IsMain": True}
BUYER = {
    "name": "Maria da Silva", "document": "52998224725", "email": "maria@example.com", "phone": "+5511999990000", "street": "Rua A",
    "number": "10", "district": "Centro", "city": "São Paulo", "state": "SP", "zip_code": "01001000",
}  # fmt: skip
PVT = "/api/catalog/pvt"
LOGISTICS = "/api/logistics/pvt"


class Api:
    """Sends what a connector sends. `create_*` fail the test unless the platform accepts."""

    main = "1_main"
    second = "1_second"

    def __init__(self, client: httpx.AsyncClient, sandbox: VtexSandbox) -> None:
        self.client = client
        self.sandbox = sandbox
        self.account = sandbox.describe().settings["account"]
        secrets = sandbox.describe().secrets
        self.headers = {
            "X-VTEX-API-AppKey": secrets["app_key"],
            "X-VTEX-API-AppToken": secrets["app_token"],
            "Content-Type": "application/json",
            "Accept": "application/json",
        }

    async def __call__(self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None) -> httpx.Response:
        content = body if isinstance(body, bytes) else msgspec.json.encode(body) if body is not None else None
        return await self.client.request(method, path, content=content, headers=self.headers if headers is None else headers)

    async def ok(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self(method, path, body)
        assert answer.status_code in (200, 204), f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def control(self, name: str, body: Any) -> Any:
        answer = await self.client.post(f"/_sandbox/{name}", content=msgspec.json.encode(body))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def advance(self, seconds: float) -> None:
        await self.control("advance", {"seconds": seconds})

    def prices(self, sku: int, rest: str = "") -> str:
        return f"/{self.account}/pricing/prices/{sku}{rest}"

    def inventory(self, sku: int, warehouse: str = main) -> str:
        return f"{LOGISTICS}/inventory/skus/{sku}/warehouses/{warehouse}"

    # ---- a catalogue ----

    async def create_category(self, **fields: Any) -> int:
        return (await self.ok("POST", f"{PVT}/category", {**CATEGORY, **fields}))["Id"]

    async def create_brand(self, key: int = 1, **fields: Any) -> int:
        return (await self.ok("POST", f"{PVT}/brand", {"Id": key, "Name": f"Marca {key}", "Active": True, **fields}))["Id"]

    def product_body(self, category: int, brand: int, **fields: Any) -> dict[str, Any]:
        return {"Name": "Furadeira", "CategoryId": category, "BrandId": brand, "IsActive": True, "IsVisible": True, "RefId": "P1"} | fields

    async def create_product(self, category: int | None = None, brand: int | None = None, **fields: Any) -> int:
        if category is None:
            category = next(iter(self.sandbox.shop.categories), None) or await self.create_category()
        if brand is None:
            brand = next(iter(self.sandbox.shop.brands), None) or await self.create_brand()
        return (await self.ok("POST", f"{PVT}/product", self.product_body(category, brand, **fields)))["Id"]

    def sku_body(self, product: int, **fields: Any) -> dict[str, Any]:
        return {
            "ProductId": product, "IsActive": False, "ActivateIfPossible": True, "Name": "110V", "RefId": "S1", "PackagedHeight": 10,
            "PackagedLength": 20.5, "PackagedWidth": 30, "PackagedWeightKg": 1500,
        } | fields  # fmt: skip

    async def create_sku(self, product: int | None = None, **fields: Any) -> int:
        product = await self.create_product() if product is None else product
        return (await self.ok("POST", f"{PVT}/stockkeepingunit", self.sku_body(product, **fields)))["Id"]

    async def create_visible(self, ref: str = "S1", *, stock: int = 10, price: float = 100.0, **fields: Any) -> int:
        """A SKU that can be bought, made as a connector makes it."""
        product = await self.create_product(RefId=f"P-{ref}")
        await self.ok("POST", f"{PVT}/product/{product}/salespolicy/1")
        sku = await self.create_sku(product, RefId=ref, **fields)
        await self.ok("POST", f"{PVT}/stockkeepingunit/{sku}/file", IMAGE)
        await self.ok("PUT", self.prices(sku), {"basePrice": price, "costPrice": price})
        await self.ok("PATCH", f"{self.inventory(sku)}/quantity", {"quantity": stock, "unlimitedQuantity": False})
        return sku

    # ---- sales ----

    def sale(self, number: int = 1, items: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
        """One unit of S1 for 100.00, paid by Pix, unless told otherwise; the payment follows the total."""
        items = items or [{"sku": "S1", "quantity": 1, "price": "100.00"}]
        total = sum(float(item["price"]) * item["quantity"] + float(item.get("freight", 0)) for item in items)
        total -= float(fields.get("discount", 0))
        return {"number": number, "buyer": BUYER, "items": items, "payments": [{"tag": "pix", "value": f"{total:.2f}"}]} | fields

    async def sell(self, *args: Any, **fields: Any) -> str:
        sale = self.sale(*args, **fields)
        return (await self.control("sell", [sale]))[str(sale["number"])]

    async def order(self, key: str) -> dict[str, Any]:
        return await self.ok("GET", f"/api/oms/pvt/orders/{key}")

    async def handling(self, **fields: Any) -> str:
        """An order that is being handled."""
        key = await self.sell(**fields)
        await self.ok("POST", f"/api/oms/pvt/orders/{key}/start-handling")
        return key

    def invoice(self, sku: int, **fields: Any) -> dict[str, Any]:
        return {
            "type": "Output", "issuanceDate": "2026-11-27T09:00:00-03:00", "invoiceNumber": "1234", "invoiceValue": "10000",
            "items": [{"id": str(sku), "price": 10000, "quantity": 1}],
        } | fields  # fmt: skip

    # ---- the feed ----

    async def configure_feed(self, *status: str, visibility: int = 240, retention: int = 345_600) -> None:
        queue = {"visibilityTimeoutInSeconds": visibility, "MessageRetentionPeriodInSeconds": retention}
        await self.ok("POST", "/api/orders/feed/config", {"filter": {"type": "FromWorkflow", "status": list(status)}, "queue": queue})

    async def feed(self, most: int = 10) -> list[dict[str, Any]]:
        return await self.ok("GET", f"/api/orders/feed?maxlot={most}")

    async def commit(self, events: list[dict[str, Any]]) -> None:
        await self.ok("POST", "/api/orders/feed", {"handles": [event["handle"] for event in events]})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def sandbox(clock: ManualClock) -> VtexSandbox:
    return VtexSandbox(clock=clock)


@pytest.fixture
async def api(sandbox: VtexSandbox) -> AsyncIterator[Api]:
    async with sandbox.listening(), httpx.AsyncClient(base_url=sandbox.base_url, verify=PLAIN) as client:
        yield Api(client, sandbox)


# ---- for the hook's tests ----


class Listener:
    """An address of somebody's: what came in, and what it is answered with."""

    def __init__(self) -> None:
        self.status, self.url, self.came = 200, "", list[tuple[dict[str, Any], dict[str, str]]]()

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.came.append((msgspec.json.decode(await request.read()), headers))
        return web.Response(status=self.status)

    async def heard(self, count: int) -> list[dict[str, Any]]:
        for _ in range(500):
            if len(self.came) >= count:
                return [body for body, _ in self.came]
            await asyncio.sleep(0.01)
        raise AssertionError(f"{len(self.came)} of {count}")


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    made, app = Listener(), web.Application()
    app.router.add_post("/{tail:.*}", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/orders"
    yield made
    await runner.cleanup()


# ---- for the plugin's tests ----

FAST: dict[str, object] = {
    group: {"per_second": 100_000.0, "burst": 100_000.0} for group in ("catalog", "catalog_endpoint", "pricing_write", "orders")
}


class Shop:
    """`front`: the plugin. `call`: somebody of the shop using VTEX directly. `control`: the sandbox's own protocol."""

    def __init__(self, base_url: str, described: dict[str, Any], session: aiohttp.ClientSession) -> None:
        self.base_url, self.described, self._session = base_url, described, session
        self.journal = CountingJournal()
        self.front = cast(VtexStorefront, None)
        self.stack = AsyncExitStack()
        self.a_product, self.a_sku = a_product, a_sku
        self.traffic = contracts.traffic("vtex")
        self.against_the_contract: list[str] = []

    def _hold(self, exchange: Exchange) -> None:
        if self.traffic is not None:
            self.against_the_contract += self.traffic.hold(exchange)

    async def connect(self, **settings: object) -> VtexStorefront:
        values = {**self.described["settings"], **self.described["secrets"], "rates": FAST, **settings}
        connection = await self.stack.enter_async_context(connected(manifest, values, journal=self.journal, on_exchange=self._hold))
        assert isinstance(connection, VtexStorefront)
        return connection

    async def control(self, name: str, body: object = None) -> Any:
        url = f"{self.base_url}/_sandbox/{name}"
        content = msgspec.json.encode(body) if body is not None else None
        async with self._session.request("GET" if body is None else "POST", url, data=content) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def call(self, method: str, path: str, body: object = None, *, fine: bool = True) -> Any:
        secrets = self.described["secrets"]
        headers = {
            "x-vtex-api-appkey": secrets["app_key"],
            "x-vtex-api-apptoken": secrets["app_token"],
            "content-type": "application/json",
            "accept": "application/json",
        }
        base = self.described["settings"]["pricing_url"] if path.startswith("/pricing") else self.base_url
        content = msgspec.json.encode(body) if body is not None else None
        async with self._session.request(method, base + path, data=content, headers=headers) as answer:
            text = await answer.text()
            assert answer.status < 300 or not fine, f"{answer.status} {text}"
            return msgspec.json.decode(text) if text else None

    async def faults(self, *rules: dict[str, object]) -> None:
        await self.control("faults", list(rules))

    async def writes(self) -> dict[str, int]:
        return (await self.control("ledger"))["writes"]

    # ---- what the plugin did ----

    def calls(self) -> list[str]:
        """Every call since the last time, as "METHOD /path/{template} status"."""
        made = [f"{method} {operation} {status}" for method, operation, status in self.journal.calls]
        self.journal.calls.clear()
        return made

    async def push(self, kind: str, *items: Item[Any]) -> Batch[Any]:
        batch: Batch[Any] = Batch(items)
        await getattr(self.front, f"push_{kind}")(batch)
        assert not batch.unreported()
        return batch

    async def accepted(self, kind: str, *items: Item[Any]) -> str:
        """Pushes; every item must be accepted. Answers the first one's VTEX key."""
        batch = await self.push(kind, *items)
        for item in batch.items:
            outcome = batch.outcomes[item.key]
            assert outcome.state == "accepted", f"{item.key}: {outcome.state} {outcome.error}"
        return batch.outcomes[items[0].key].remote

    async def refused(self, kind: str, item: Item[Any]) -> Any:
        """Pushes; the item must not be accepted. Answers its error."""
        outcome = (await self.push(kind, item)).outcomes[item.key]
        assert outcome.state != "accepted"
        return outcome.error

    # ---- a shop with something in it ----

    async def category(self, name: str = "Bebidas") -> str:
        return await self.accepted("categories", Item(name, Category(name, name)))

    async def brand(self, name: str = "Nossa Marca") -> str:
        return await self.accepted("brands", Item(name, Brand(name, name)))

    async def product(self, want: Product | None = None) -> str:
        want = want or a_product()
        return await self.accepted("products", Item(want.key, want, refs={"category": await self.category(), "brand": await self.brand()}))

    async def sku(self, want: Sku | None = None) -> str:
        want = want or a_sku()
        product = await self.product(a_product(key=want.product))
        return await self.accepted("skus", Item(want.key, want, refs={"product": product}))

    async def sellable(self, key: str = "1001-1", price: str = "100.00", stock: int = 10) -> str:
        """A SKU that can be bought. Answers its VTEX key."""
        sku = await self.sku(a_sku(key=key, product=key.partition("-")[0], ean=""))
        await self.accepted("images", Item(f"{key}/0", Image(f"{key}/0", key, "https://img.example/a.jpg", "Café"), refs={"sku": sku}))
        await self.accepted("prices", Item(key, Price(key, key, Decimal(price)), refs={"sku": sku}))
        level = StockLevel(f"{key}@1", key, "1", Decimal(stock))
        await self.accepted("stock", Item(level.key, level, refs={"sku": sku, "warehouse": "1_main"}))
        return sku

    async def sell(self, *items: tuple[str, int, str], number: int = 1, **changes: Any) -> str:
        """An order somebody places and pays. `items`: (ERP SKU key, quantity, unit price). Answers the order's key."""
        total = sum((Decimal(price) * quantity for _, quantity, price in items), Decimal(0)) - Decimal(changes.get("discount", "0"))
        sale = {
            "number": number,
            "buyer": {
                "name": "Maria da Silva",
                "document": "84513427019",
                "email": "maria@example.com",
                "phone": "+5511999990000",
                "street": "Rua Augusta",
                "number": "100",
                "district": "Consolação",
                "city": "São Paulo",
                "state": "SP",
                "zip_code": "01304-000",
            },
            "items": [{"sku": sku, "quantity": quantity, "price": price} for sku, quantity, price in items],
            "payments": [{"tag": "pix", "value": str(total)}],
            **changes,
        }
        return (await self.control("sell", [sale]))[str(number)]


def a_product(**changes: Any) -> Product:
    return Product(**{"key": "1001", "name": "Café Torrado 500g", "description": "Torra média", "category": "c", "brand": "b", **changes})


def a_sku(**changes: Any) -> Sku:
    base: dict[str, Any] = {
        "key": "1001-1",
        "product": "1001",
        "name": "Café Torrado 500g UN",
        "ean": "7891000100103",
        "weight_kg": Decimal("0.55"),
        "height_cm": Decimal(20),
        "width_cm": Decimal("10.5"),
        "length_cm": Decimal(6),
    }
    return Sku(**{**base, **changes})


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    box = VtexSandbox(limits=False)
    async with box.listening(), aiohttp.ClientSession() as session:
        made = Shop(box.base_url, {}, session)
        made.described = await made.control("describe")
        async with made.stack:
            made.front = await made.connect()
            yield made
        assert made.against_the_contract == []
