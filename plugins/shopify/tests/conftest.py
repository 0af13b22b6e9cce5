"""The sandbox on loopback, a raw GraphQL client for it; and the plugin connected to it, its every call held against the vendor's schema."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import httpx
import msgspec
import pytest
from plugins.shopify.tests.loads import Load, products, skus

from engate.clock import ManualClock
from engate.model import Batch, Brand, Category, Item, Outcome, Price, Product, Sku, StockLevel
from engate.testing import contracts
from engate.testing.connect import PLAIN, CountingJournal, connected
from engate.testing.contracts import Exchange
from engate_shopify import bulk, manifest, stock
from engate_shopify import operations as op
from engate_shopify.storefront import ShopifyStorefront
from engate_shopify_sandbox import ShopifySandbox
from engate_shopify_sandbox.contract import GraphContract

START = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
VERSION = "2026-10"
BUYER = {
    "name": "Maria da Silva", "document": "52998224725", "email": "maria@example.com", "phone": "+5511999990000", "street": "Rua A",
    "number": "10", "complement": "ap 2", "district": "Centro", "city": "São Paulo", "state": "SP", "zip_code": "01001000",
}  # fmt: skip
SET_STOCK = """mutation($i: InventorySetQuantitiesInput!, $k: String!) { inventorySetQuantities(input: $i) @idempotent(key: $k) {
  inventoryAdjustmentGroup { id } userErrors { code field message } } }"""


class Api:
    """Sends what a connector sends. `ok` fails the test on any error, top-level or of the user."""

    def __init__(self, client: httpx.AsyncClient, sandbox: ShopifySandbox) -> None:
        self.client, self.sandbox = client, sandbox
        self.token = sandbox.describe().secrets["access_token"]
        self.main, self.second = (row["warehouse"] for row in sandbox.describe().choices["warehouses"].values())
        self.online = sandbox.describe().settings["publication"]
        self.served: list[tuple[str, dict[str, Any]]] = []
        self._keys = 0

    async def post(self, query: str, variables: Any = None, *, version: str = VERSION, token: str | None = None) -> httpx.Response:
        headers = {"X-Shopify-Access-Token": self.token if token is None else token}
        return await self.client.post(
            f"/admin/api/{version}/graphql.json", json={"query": query, "variables": variables or {}}, headers=headers
        )

    async def __call__(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer of a call that was served, errors and all."""
        answer = await self.post(query, variables)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        if "errors" not in body:
            self.served.append((query, variables))
        return body

    async def ok(self, query: str, **variables: Any) -> Any:
        """The value of the one root field; no errors of either kind."""
        body = await self(query, **variables)
        assert "errors" not in body, body
        [value] = body["data"].values()
        assert not (isinstance(value, dict) and any(held for name, held in value.items() if name.endswith("serErrors"))), value
        return value

    async def refused(self, query: str, **variables: Any) -> dict[str, Any]:
        """The first top-level error."""
        body = await self(query, **variables)
        return {"code": body["errors"][0].get("extensions", {}).get("code"), "message": body["errors"][0]["message"]}

    async def faulty(self, query: str, **variables: Any) -> list[dict[str, Any]]:
        """The user errors of the one root field."""
        body = await self(query, **variables)
        assert "errors" not in body, body
        [value] = body["data"].values()
        return next(held for name, held in value.items() if name.endswith("serErrors"))

    async def control(self, name: str, body: Any) -> Any:
        answer = await self.client.post(f"/_sandbox/{name}", content=msgspec.json.encode(body))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def look(self, name: str) -> Any:
        return (await self.client.get(f"/_sandbox/{name}")).json()

    async def advance(self, seconds: float) -> None:
        await self.control("advance", {"seconds": seconds})

    async def setting(self, text: str) -> None:
        await self.control("corrupt", {"kind": "setting", "key": text})

    async def faults(self, *rules: dict[str, Any]) -> None:
        await self.control("faults", list(rules))

    def key(self) -> str:
        self._keys += 1
        return f"key-{self._keys}"

    # ---- a catalogue ----

    async def define(self, owner: str = "PRODUCT", key: str = "erp_id", kind: str = "id") -> None:
        definition = {"name": key, "namespace": "engate", "key": key, "type": kind, "ownerType": owner}
        await self.ok(
            "mutation($d: MetafieldDefinitionInput!) { metafieldDefinitionCreate(definition: $d) {"
            " createdDefinition { id } userErrors { code message } } }", d=definition,
        )  # fmt: skip

    async def product(self, title: str = "Café", **fields: Any) -> dict[str, Any]:
        return (await self.ok(
            "mutation($p: ProductCreateInput!) { productCreate(product: $p) { product { id handle status"
            " variants(first: 3) { nodes { id inventoryItem { id } } } } userErrors { field message } } }",
            p={"title": title, **fields},
        ))["product"]  # fmt: skip

    async def sellable(self, sku: str = "S1", *, price: str = "100.00", stock: int = 10) -> dict[str, str]:
        """A SKU that can be bought, made as a connector makes it: {product, variant, item}."""
        made = await self.product(f"Produto {sku}")
        variant = made["variants"]["nodes"][0]
        item = variant["inventoryItem"]["id"]
        await self.ok(
            "mutation($p: ID!, $v: [ProductVariantsBulkInput!]!) { productVariantsBulkUpdate(productId: $p, variants: $v) {"
            " userErrors { code field message } } }",
            p=made["id"], v=[{"id": variant["id"], "price": price, "barcode": f"789{sku}", "inventoryItem": {"sku": sku, "tracked": True}}],
        )  # fmt: skip
        await self.ok(
            "mutation($id: ID!, $p: ID!) { publishablePublish(id: $id, input: [{publicationId: $p}]) { userErrors { message } } }",
            id=made["id"], p=self.online,
        )  # fmt: skip
        await self.set_stock([(item, stock)])
        return {"product": made["id"], "variant": variant["id"], "item": item}

    def quantities(self, rows: list[tuple[str, int]], **fields: Any) -> dict[str, Any]:
        made = [
            {"inventoryItemId": item, "locationId": self.main, "quantity": quantity, "changeFromQuantity": None} for item, quantity in rows
        ]
        return {"name": "available", "reason": "correction", "quantities": made, **fields}

    async def set_stock(self, rows: list[tuple[str, int]]) -> Any:
        return await self.ok(SET_STOCK, i=self.quantities(rows), k=self.key())

    # ---- sales ----

    def sale(self, number: int = 1, items: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
        """One unit of S1 for 100.00, paid by Pix, unless told otherwise; the payment follows the total."""
        items = items or [{"sku": "S1", "quantity": 1, "price": "100.00"}]
        total = sum(float(item["price"]) * item["quantity"] + float(item.get("freight", 0)) for item in items)
        total -= float(fields.get("discount", 0))
        return {"number": number, "buyer": BUYER, "items": items, "payments": [{"tag": "pix", "value": f"{total:.2f}"}]} | fields

    async def sell(self, *args: Any, **fields: Any) -> str:
        """Its gid, as calls want it."""
        sale = self.sale(*args, **fields)
        return f"gid://shopify/Order/{(await self.control('sell', [sale]))[str(sale['number'])]}"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def sandbox(clock: ManualClock) -> ShopifySandbox:
    return ShopifySandbox(clock=clock)


@pytest.fixture
async def api(sandbox: ShopifySandbox, request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    """What the sandbox serves without an error, the vendor's schema must allow."""
    failed = request.session.testsfailed
    async with sandbox.listening(), httpx.AsyncClient(base_url=sandbox.base_url, verify=PLAIN) as client:
        made = Api(client, sandbox)
        yield made
    if request.session.testsfailed == failed and made.served and (vendor := schema()) is not None:
        assert [wrong for query, variables in made.served for wrong in vendor.call(query, variables)] == []


# ---- for the plugin's tests ----


def schema() -> GraphContract | None:
    """The vendor's; None where it is not beside the repository. Reading it takes seconds: asked for when there is something to hold."""
    held = contracts.traffic("shopify")
    return None if held is None else cast(GraphContract, held.contracts)


OPERATIONS = {each.text: each for each in op.ALL}


def _asked(body: bytes) -> float:
    """The points that a call asked for, as its answer tells; 0 where it tells none."""
    try:
        return float(msgspec.json.decode(body)["extensions"]["cost"]["requestedQueryCost"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return 0.0


class Shop:
    """`front`: the plugin. `api`: somebody of the shop, and the sandbox's control protocol."""

    def __init__(self, api: Api, front: ShopifyStorefront, journal: CountingJournal) -> None:
        self.api, self.front, self.journal = api, front, journal
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.dearer: set[str] = set()
        """Operations that cost more than the plugin says: where orders are many, each of their calls would be refused first."""

    def hold(self, exchange: Exchange) -> None:
        if exchange.path.endswith("graphql.json"):
            body = msgspec.json.decode(exchange.request_body)
            self.sent.append((body["query"], body["variables"]))
            asked = _asked(exchange.answer_body)
            if asked > OPERATIONS[body["query"]].asks(body["variables"]):
                self.dearer.add(f"{body['query'].split('{')[0]}: {asked}")

    def calls(self) -> list[str]:
        """The root field of every call since the last time."""
        made = [operation.removeprefix("graphql ") for _, operation, _ in self.journal.calls]
        self.journal.calls.clear()
        return made

    async def push(self, kind: str, *items: Item[Any]) -> Batch[Any]:
        batch: Batch[Any] = Batch(items)
        await getattr(self.front, f"push_{kind}")(batch)
        assert not batch.unreported()
        return batch

    async def accepted(self, kind: str, *items: Item[Any]) -> str:
        """Every item must be accepted. Answers the first one's key."""
        batch = await self.push(kind, *items)
        for item in batch.items:
            outcome = batch.outcomes[item.key]
            assert outcome.state == "accepted", f"{item.key}: {outcome.state} {outcome.error}"
        return batch.outcomes[items[0].key].remote

    async def refused(self, kind: str, item: Item[Any]) -> Any:
        outcome = (await self.push(kind, item)).outcomes[item.key]
        assert outcome.state != "accepted"
        return outcome.error

    async def product(self, key: str = "P1", **fields: Any) -> str:
        category = await self.accepted("categories", Item("100", Category("100", "Cafés"), uncertain=True))
        brand = await self.accepted("brands", Item("5", Brand("5", "Nossa Marca")))
        want = Product(key, f"Produto {key}", "Torra média", "100", "5", **fields)
        return await self.accepted("products", Item(key, want, refs={"category": category, "brand": brand}))

    async def sellable(self, key: str = "S1", *, price: str = "100.00", stock: int = 10) -> str:
        """A SKU that can be bought. Answers its variant."""
        product = await self.product(f"P-{key}")
        want = Sku(key, f"P-{key}", f"{key} UN", weight_kg=Decimal("0.5"))
        sku = await self.accepted("skus", Item(key, want, refs={"product": product}))
        await self.accepted("prices", Item(key, Price(key, key, Decimal(price)), refs={"sku": sku}))
        await self.accepted("stock", self.level(key, sku, stock))
        return sku

    def level(self, key: str, sku: str, units: int | Decimal, *, turn: int = 1) -> Item[StockLevel]:
        want = StockLevel(f"{key}/1", key, "1", Decimal(units))
        return Item(want.key, want, refs={"sku": sku, "warehouse": str(self.api.main)}, turn=turn)

    async def sell(self, *args: Any, **fields: Any) -> str:
        """The key of an order as the plugin has it."""
        return (await self.api.sell(*args, **fields)).rpartition("/")[2]

    def state(self, key: str) -> Any:
        return next(sku for sku in self.api.sandbox.state() if sku.key == key)

    async def connect(self, stack: Any, **settings: object) -> ShopifyStorefront:
        said = self.api.sandbox.describe()
        values = {**said.settings, **said.secrets, **settings}
        made = await stack.enter_async_context(connected(manifest, values, clock=self.api.sandbox.clock))
        assert isinstance(made, ShopifyStorefront)
        return made


@pytest.fixture
async def shop(api: Api, request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    failed = request.session.testsfailed
    said, journal = api.sandbox.describe(), CountingJournal()
    made: list[Shop] = []

    def hold(exchange: Exchange) -> None:
        made[0].hold(exchange)

    values = {**said.settings, **said.secrets}
    told = connected(manifest, values, clock=api.sandbox.clock, journal=journal, on_exchange=hold)
    async with told as front:
        assert isinstance(front, ShopifyStorefront)
        made.append(Shop(api, front, journal))
        yield made[0]
    if request.session.testsfailed > failed:
        return  # it has said enough, and the vendor's schema takes seconds to read
    assert made[0].dearer == set()
    if (vendor := schema()) is not None:
        sent = [*made[0].sent, *in_files(api.sandbox)]
        assert [wrong for query, variables in sent for wrong in vendor.call(query, variables)] == []


def in_files(sandbox: ShopifySandbox) -> list[tuple[str, dict[str, Any]]]:
    """The first calls of every bulk operation."""
    return [(one.query, msgspec.json.decode(line)) for one in sandbox.bulk.operations.values() for line in one.lines[:2]]


@pytest.fixture
def vendor() -> GraphContract:
    if (held := schema()) is None:
        pytest.skip("no contracts (ENGATE_CONTRACTS)")
    return held


# ---- many at a time ----


@pytest.fixture
def few_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few levels are worth an operation that a test can make them."""
    monkeypatch.setattr(stock, "WORTH", bulk.WORTH)


@pytest.fixture
async def catalogue(shop: Shop) -> AsyncIterator[dict[str, Outcome]]:
    """The outcomes of a load of products and their SKUs, made by operations."""
    made = await Load(shop, "products", products()).accepted()
    yield await Load(shop, "skus", skus(made)).accepted()
