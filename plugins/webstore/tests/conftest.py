"""The stand-in on loopback beside a small ERP, both in this process; a client of the control protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from plugins.webstore.tests.erp import Erp

from engate.clock import ManualClock
from engate.testing.connect import PLAIN
from engate_webstore_sandbox import WebstoreSandbox

START = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
WAIT = 20
BUYER = {
    "name": "Maria da Silva", "document": "52998224725", "email": "maria@example.com", "phone": "11999990000", "street": "Rua A",
    "number": "10", "complement": "ap 2", "district": "Centro", "city": "São Paulo", "state": "SP", "zip_code": "01001000",
}  # fmt: skip


class Store:
    """Drives the stand-in as a demo does."""

    def __init__(self, client: httpx.AsyncClient, sandbox: WebstoreSandbox, erp: Erp) -> None:
        self.client, self.sandbox, self.erp = client, sandbox, erp

    async def told(self, verb: str, body: Any = None) -> httpx.Response:
        return await self.client.post(f"/_sandbox/{verb}", json=body) if body is not None else await self.client.post(f"/_sandbox/{verb}")

    async def do(self, verb: str, body: Any = None) -> Any:
        answer = await self.told(verb, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def look(self, name: str) -> Any:
        return (await self.client.get(f"/_sandbox/{name}")).json()

    async def set(self, **settings: Any) -> Any:
        return await self.do("configure", settings)

    async def advance(self, seconds: float) -> None:
        await self.do("advance", {"seconds": seconds})

    async def effects(self) -> dict[str, int]:
        return (await self.look("ledger"))["effects"]

    async def until(self, check: Callable[[], bool]) -> None:
        """Of what the store does by itself."""
        async with asyncio.timeout(WAIT):
            while not check():  # noqa: ASYNC110  # nobody is told
                await asyncio.sleep(0.01)

    async def sell(self, number: int = 1, sku: str = "C1", quantity: int = 1, price: str = "10.50", **fields: Any) -> str:
        freight = Decimal(str(fields.pop("freight", "0")))
        total = Decimal(price) * quantity + freight - Decimal(str(fields.get("discount", "0")))
        items = [{"sku": sku, "quantity": quantity, "price": price, "freight": str(freight)}]
        sale = {"number": number, "buyer": BUYER, "items": items, "payments": [{"tag": "pix", "value": str(total)}], **fields}
        return (await self.do("sell", [sale]))[str(number)]

    def order(self, key: str) -> Any:
        return self.sandbox.sales.orders[key]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def erp() -> AsyncIterator[Erp]:
    async with Erp().listening() as made:
        yield made


@pytest.fixture
async def store(clock: ManualClock, erp: Erp) -> AsyncIterator[Store]:
    """It knows the ERP, does nothing by itself, and does not try again."""
    sandbox = WebstoreSandbox(clock=clock, timeout=5.0)
    async with sandbox.listening(), httpx.AsyncClient(base_url=sandbox.base_url, verify=PLAIN, timeout=WAIT) as client:
        made = Store(client, sandbox, erp)
        await made.set(url=erp.url, push_at_once=False, tries=1)
        yield made
        assert "routines_failed" not in await made.effects()
