"""A VTEX shop to test against: the sandbox over real HTTP, the plugin connected to it, and the shop's own people acting beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any, cast

import aiohttp
import msgspec
import pytest

from engate.model import Batch, Brand, Category, Image, Item, Price, Product, Sku, StockLevel
from engate.testing.connect import CountingJournal, connected
from engate_vtex import manifest
from engate_vtex.storefront import VtexStorefront
from engate_vtex_sandbox import sandbox

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

    async def connect(self, **settings: object) -> VtexStorefront:
        values = {**self.described["settings"], **self.described["secrets"], "rates": FAST, **settings}
        connection = await self.stack.enter_async_context(connected(manifest, values, journal=self.journal))
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
        level = StockLevel(f"{key}@1", key, "1", stock)
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
    box = sandbox(limits=False)
    async with box.listening(), aiohttp.ClientSession() as session:
        made = Shop(box.base_url, {}, session)
        made.described = await made.control("describe")
        async with made.stack:
            made.front = await made.connect()
            yield made
