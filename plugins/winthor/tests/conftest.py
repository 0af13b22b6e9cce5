"""A running WinThor sandbox on a clock that only moves when told, a small shop in it, and a raw HTTP client: no plugin."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest

from engate.clock import ManualClock
from engate.testing.connect import PLAIN
from engate.testing.facts import Seed, SeedBranch, SeedBrand, SeedCategory, SeedProduct, SeedSku
from engate_winthor_sandbox import WinthorSandbox

START = datetime(2026, 11, 27, 12, 0, 0, tzinfo=UTC)  # 09:00 in São Paulo
LOGIN = "/winthor/autenticacao/v1/login"
PURCHASES, STOCK, WHOLESALE = "/api/purchases/v1", "/api/stock-vtex/v1", "/api/wholesale/v1"
PEN = "7891234567895-101"


def product(key: str, **given: Any) -> SeedProduct:
    """A product with one packaging, whose code is its key; fields by name."""
    sku = SeedSku(code=key, ean="", packaging="UN", units=1, price=Decimal("5.00"), stock={"1": 10})
    fields: dict[str, Any] = {
        "key": key, "name": f"Produto {key}", "description": f"Descrição {key}", "department": "1", "section": "10", "category": "100",
        "brand": "7", "weight_kg": Decimal("0.5"), "height_cm": Decimal(10), "width_cm": Decimal(5), "length_cm": Decimal("2.5"),
        "skus": (sku,),
    }  # fmt: skip
    return SeedProduct(**(fields | given))


def small_shop() -> Seed:
    pen = (
        SeedSku("77100", "7891234567895", "UN", 1, Decimal("2.50"), {"1": 120, "2": 7}),
        SeedSku("77101", "", "CX C/12", 12, Decimal("27.90"), {"1": 10}),
    )
    notebook = (SeedSku("77200", "7899876543217", "UN", 1, Decimal("19.90"), {"1": 5}),)
    offered = (SeedSku("105", "", "UN", 1, Decimal("8.00"), {"1": 10}, list_price=Decimal("10.00")),)
    return Seed(
        branches=(
            SeedBranch("1", "MATRIZ", "11222333000181"),
            SeedBranch("2", "FILIAL COM LETRAS", "12ABC34501DE35", "Curitiba", "PR"),
        ),
        categories=(
            SeedCategory("1", "PAPELARIA", "department"), SeedCategory("2", "LIMPEZA", "department"),
            SeedCategory("10", "ESCRITA", "section", "1"), SeedCategory("20", "PISO", "section", "2"),
            SeedCategory("100", "CANETAS", "category", "10"), SeedCategory("200", "PANOS", "category", "20"),
        ),
        brands=(SeedBrand("7", "ACME"), SeedBrand("8", "BETA")),
        products=(
            product("101", name="Caneta azul", skus=pen),
            product("102", name="Caderno", skus=notebook, weight_kg=Decimal(0), brand="8"),
            product("103", category=None),
            product("104", for_web=False),
            product("105", skus=offered),
        ),
    )  # fmt: skip


class Erp:
    """The sandbox, its clock, and HTTP as an integrator speaks it."""

    product = staticmethod(product)

    def __init__(self, sandbox: WinthorSandbox, clock: ManualClock, http: httpx.AsyncClient) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.http = http

    def hashed(self, password: str = "Senha-do-wta", *, upper: bool = True) -> str:
        return hashlib.md5((password.upper() if upper else password).encode()).hexdigest().upper()

    async def login(self) -> str:
        """Logs in and sends the token from now on."""
        answer = await self.http.post(LOGIN, json={"login": "INTEGRACAO", "senha": self.hashed()})
        assert answer.status_code == 200, answer.text
        token = answer.json()["accessToken"]
        self.http.headers["Authorization"] = f"Bearer {token}"
        return token

    async def control(self, name: str, body: object = None) -> Any:
        """A call of the control protocol; without a body it reads."""
        path = f"/_sandbox/{name}"
        answer = await (self.http.get(path) if body is None else self.http.post(path, content=msgspec.json.encode(body)))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def corrupt(self, kind: str, key: str) -> None:
        await self.control("corrupt", {"kind": kind, "key": key})

    async def advance(self, seconds: float) -> None:
        """The clock moves; over a token's lifetime a new one is fetched."""
        await self.control("advance", {"seconds": seconds})
        if seconds >= 14_400:
            await self.login()

    async def change(self, sku: str, **fields: Any) -> None:
        await self.control("change", [{"sku": sku, **fields}])

    async def progress(self, to: str, *keys: str) -> int:
        return (await self.control("progress", {"to": to, "keys": list(keys) or None}))["moved"]

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def items(self, path: str, **query: Any) -> list[Any]:
        return (await self.get(path, **{"pageSize": 1000} | query))["items"]

    async def stock(self, branch: str = "1", **query: Any) -> dict[str, Any]:
        """SKU key -> the row of the list, in packaging mode."""
        rows = await self.items(f"{STOCK}/available/list", branchId=branch, **{"usesPackagingSales": "true"} | query)
        return {row["productId"]: row for row in rows}

    async def quantity(self, sku: str, branch: str = "1") -> int:
        return (await self.stock(branch))[sku]["quantity"]

    def order(self, *items: tuple[str, float, float], hub: str = "v1000-01", **given: Any) -> dict[str, Any]:
        lines = [
            {"productSKUERPReferenceKey": sku, "quantity": units, "sellPrice": price} for sku, units, price in items or ((PEN, 2, 2.5),)
        ]
        return {
            "branchId": "1", "customer": {"id": 1}, "seller": 1, "saleOrigin": "W", "saleType": 1, "chargingId": "PIX",
            "paymentPlanId": 1, "orderIdHube": hub, "listOfOrderItem": lines, "permissions": {"acceptOrderWithoutTax": False},
        } | given  # fmt: skip

    async def post(self, order: dict[str, Any]) -> httpx.Response:
        return await self.http.post(f"{WHOLESALE}/orders/", json=order)

    async def place(self, *items: tuple[str, float, float], **given: Any) -> str:
        """An order that is accepted; its number."""
        answer = await self.post(self.order(*items, **given))
        assert answer.status_code == 200, answer.text
        return answer.json()["orderId"]

    async def read(self, number: str, branch: str = "1") -> dict[str, Any]:
        return await self.get(f"{WHOLESALE}/orders/", orderId=number, branchId=branch)

    async def cancel(self, number: str, **given: Any) -> httpx.Response:
        query = {"id": number, "sendMessageRca": "false", "reasonCancellation": "desistiu"} | given
        return await self.http.delete(f"{WHOLESALE}/orders", params={name: value for name, value in query.items() if value is not None})

    def customer(self, **given: Any) -> dict[str, Any]:
        return {
            "name": "Ana Souza", "personIdentificationNumber": "529.982.247-25", "stateInscription": "ISENTO", "billingAddress": "Rua A",
            "billingZipCode": "01310-100", "businessDistrict": "Bela Vista", "commercialAddress": "Rua A", "commercialZipCode": "01310100",
            "email": "ana@example.com", "squareId": 1, "customerOrigin": "VT", "businessPhone": "11987654321",
        } | given  # fmt: skip

    async def effects(self) -> dict[str, int]:
        return (await self.control("ledger"))["effects"]


async def running(**given: Any) -> AsyncIterator[Erp]:
    clock = ManualClock(START)
    async with (
        WinthorSandbox(clock=clock, **given).listening() as sandbox,
        httpx.AsyncClient(base_url=sandbox.base_url, verify=PLAIN) as http,
    ):
        yield Erp(sandbox, clock, http)


@pytest.fixture
async def empty_erp() -> AsyncIterator[Erp]:
    """Nobody logged in, nothing seeded."""
    async for erp in running():
        yield erp


@pytest.fixture
async def erp(empty_erp: Erp) -> Erp:
    """Logged in, with the small shop."""
    await empty_erp.control("seed", small_shop())
    await empty_erp.login()
    return empty_erp
