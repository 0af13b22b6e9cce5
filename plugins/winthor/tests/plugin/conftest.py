"""The plugin against its platform: the sandbox over HTTP, or a server of a few lines that behaves as some installations do."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from engate.clock import Clock, ManualClock
from engate.model import Address, Buyer, Order, OrderItem, OrderPart, Page, PartItem, Payment
from engate.testing.connect import CountingJournal, connected
from engate.testing.facts import Seed, SeedBranch, SeedBrand, SeedCategory, SeedProduct, SeedSku
from engate_winthor import manifest
from engate_winthor.erp import Winthor
from engate_winthor_sandbox import sandbox

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
