"""The sandbox on loopback with a small company in it, a raw HTTP client for it; and the plugin connected to a sandbox, or to a server of a
few lines that behaves as some installations do."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import httpx
import msgspec
import pytest
from aiohttp import web

from engate.clock import Clock, ManualClock
from engate.model import Address, Buyer, Order, OrderItem, OrderPart, Page, PartItem, Payment
from engate.testing.connect import PLAIN, CountingJournal, connected
from engate.testing.facts import Seed, SeedBranch, SeedBrand, SeedCategory, SeedProduct, SeedSku
from engate_winthor import manifest
from engate_winthor.erp import Winthor
from engate_winthor_sandbox import WinthorSandbox, sandbox

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


class Api:
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


async def running(**given: Any) -> AsyncIterator[Api]:
    clock = ManualClock(START)
    async with (
        WinthorSandbox(clock=clock, **given).listening() as sandbox,
        httpx.AsyncClient(base_url=sandbox.base_url, verify=PLAIN) as http,
    ):
        yield Api(sandbox, clock, http)


@pytest.fixture
async def empty_api() -> AsyncIterator[Api]:
    """Nobody logged in, nothing seeded."""
    async for api in running():
        yield api


@pytest.fixture
async def api(empty_api: Api) -> Api:
    """Logged in, with the small shop."""
    await empty_api.control("seed", small_shop())
    await empty_api.login()
    return empty_api


# ---- the plugin ----

PLACED = datetime.now(UTC)
EANS = {1: "7891000100103", 2: "7891000315507", 3: "7891000053508", 4: "7891000244203", 5: "7891000061190"}


def products() -> tuple[SeedProduct, ...]:
    """1 and 2: sound; 3: without any link; 4: not for the shop; 5: two packagings."""
    made: list[SeedProduct] = []
    for number, ean in EANS.items():
        skus = [SeedSku(ean, ean, "UN", 1, Decimal("10.10") + number, {"1": 10 + number, "2": 3})]
        if number == 5:
            skus.append(SeedSku("17891000061197", "", "CX 12", 12, Decimal("110.25"), {"1": 2, "2": 0}))
        link = None if number == 3 else "1"
        made.append(
            SeedProduct(
                str(number),
                f"Produto {number}",
                f"Descrição {number}",
                link,
                link,
                link,
                link,
                Decimal("1.255"),
                Decimal("10.5"),
                Decimal(20),
                Decimal(30),
                tuple(skus),
                for_web=number != 4,
            )  # fmt: skip
        )
    return tuple(made)


SEED = Seed(
    branches=(SeedBranch("1", "Matriz", "11222333000181"), SeedBranch("2", "Filial Dois", "11222333000262")),
    categories=(
        SeedCategory("1", "Bebidas", "department"),
        SeedCategory("1", "Sucos", "section", "1"),
        SeedCategory("1", "Sucos de uva", "category", "1"),
    ),
    brands=(SeedBrand("1", "Boa Uva"),),
    products=products(),
)


class Control:
    """The sandbox's control protocol."""

    def __init__(self, base_url: str, session: aiohttp.ClientSession) -> None:
        self.base_url, self._session = base_url, session

    async def __call__(self, name: str, body: object = None) -> Any:
        """A POST with a body, else a GET."""
        url = f"{self.base_url}/_sandbox/{name}"
        call = self._session.get(url) if body is None else self._session.post(url, data=msgspec.json.encode(body))
        async with call as answer:
            assert answer.status == 200, await answer.text()
            return msgspec.json.decode(await answer.read())

    async def count(self, operation: str) -> int:
        """How often an operation was called, whatever came of it."""
        ledger = await self("ledger")
        return sum(ledger["by_operation"].get(operation, {}).values())


@pytest.fixture
async def control() -> AsyncIterator[Control]:
    async with sandbox().listening() as served, aiohttp.ClientSession() as session:
        made = Control(served.base_url, session)
        await made("seed", SEED)
        yield made


Connect = Callable[..., AbstractAsyncContextManager[Winthor]]


@pytest.fixture
async def settings(control: Control) -> dict[str, Any]:
    described = await control("describe")
    return {**described["settings"], **described["secrets"], "branches": ["1", "2"]}


@pytest.fixture
def connect(settings: dict[str, Any]) -> Connect:
    """A connection to the sandbox, with other settings where a test names some."""

    @asynccontextmanager
    async def make(*, clock: Clock | None = None, journal: CountingJournal | None = None, **other: Any) -> AsyncIterator[Winthor]:
        async with connected(manifest, {**settings, **other}, clock=clock, journal=journal) as erp:
            assert isinstance(erp, Winthor)
            yield erp

    return make


@pytest.fixture
async def erp(connect: Connect) -> AsyncIterator[Winthor]:
    async with connect() as made:
        yield made


@pytest.fixture
def gather() -> Callable[[AsyncIterator[Page[Any]]], Awaitable[list[Any]]]:
    """All items of a hook's pages."""

    async def items(pages: AsyncIterator[Page[Any]]) -> list[Any]:
        return [item async for page in pages for item in page.items]

    return items


@pytest.fixture
def part() -> Callable[..., OrderPart]:
    """A part of an order of 2 × 11.20 with 5.00 freight, as the pair mapping leaves it."""

    def make(reference: str = "v100-01", *, document: str = "39053344705", buyer: Buyer | None = None, **other: Any) -> OrderPart:
        item = PartItem("0", f"{EANS[1]}-1", Decimal(2), Decimal("11.20"))
        order = Order(
            key=reference,
            state="ready",
            raw_state="ready-for-handling",
            placed_at=other.pop("placed_at", PLACED),
            buyer=buyer or Buyer("Ana Lima", document, "ana@example.com", "+55 (11) 99999-0000"),
            delivery=other.pop("delivery", Address("Rua A", "", "apto 3", "Centro", "São Paulo", "SP", "01001-000")),
            items=(OrderItem("0", "900", item.sku, "Produto 1", Decimal(2), Decimal("11.20")),),
            payments=(Payment("125", "Pix", Decimal("27.40")),),
            items_total=Decimal("22.40"),
            freight=Decimal("5.00"),
            discount=Decimal(0),
            interest=Decimal(0),
            total=Decimal("27.40"),
        )
        values: dict[str, Any] = {
            "branch": "2", "items": (item,), "freight": Decimal("5.00"), "discount": Decimal(0), "interest": Decimal(0),
            "total": Decimal("27.40"), "charge": "PIX", "terms": "1", "carrier": "501", **other,
        }  # fmt: skip
        return OrderPart(reference=reference, order=order, **values)

    return make


class Quirky:
    """A WTA of a few lines: `answers["/path"]` is called with the request; what it returns is the JSON answer (or a web.Response)."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[web.Request], Any]] = {
            "/winthor/autenticacao/v1/login": lambda _: {"accessToken": "token"},
        }
        self.asked: list[web.Request] = []
        self.base_url = ""

    async def serve(self, request: web.Request) -> web.Response:
        await request.read()
        self.asked.append(request)
        answer = self.answers.get(request.path)
        if answer is None:
            return web.json_response({"code": "404", "message": "Not found", "detailedMessage": ""}, status=404)
        made = answer(request)
        return made if isinstance(made, web.Response) else web.Response(body=msgspec.json.encode(made), content_type="application/json")

    def queries(self, path: str) -> list[dict[str, str]]:
        return [dict(request.query) for request in self.asked if request.path == path]

    @asynccontextmanager
    async def connection(self, **other: Any) -> AsyncIterator[Winthor]:
        values: dict[str, Any] = {"base_url": self.base_url, "login": "ENGATE", "password": "segredo", "branches": ["1", "2"], **other}
        clock = values.pop("clock", None) or ManualClock(PLACED)
        async with connected(manifest, values, clock=clock) as erp:
            assert isinstance(erp, Winthor)
            yield erp


@pytest.fixture
async def quirky() -> AsyncIterator[Quirky]:
    made = Quirky()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield made
    finally:
        await runner.cleanup()
