"""A whole installation that platforms can call: engate on a port of its own, coupled to the fake pair."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from tests.platforms import MANIFESTS
from tests.platforms.fake_erp.sandbox import FakeErpSandbox
from tests.platforms.fake_shop.sandbox import FakeShopSandbox
from tests.support.goods import goods, sale
from tests.support.stage import SHORT, merged_mapping

from engate.clock import SystemClock
from engate.testing.outgoing import Outgoing
from engate_api.app import create_app
from engate_api.embedded import opened
from engate_api.installation import Installation
from engate_api.settings import Settings

os.environ.setdefault("ENGATE_SECRET_KEY", base64.b64encode(secrets.token_bytes(32)).decode())
KEY = "eng_installation_" + secrets.token_urlsafe(16)
SELDOM = 3600.0


class Doored:
    """An installation with one tenant, whose integration nothing reads by schedule: what happens, happens because somebody called."""

    def __init__(self, client: httpx.AsyncClient, installation: Installation, erp: FakeErpSandbox, shop: FakeShopSandbox) -> None:
        self.client, self.installation, self.erp, self.shop = client, installation, erp, shop
        self.key, self.id, self.erp_id, self.shop_id = "", 0, 0, 0

    async def api(self, method: str, path: str, body: object = None, *, key: str | None = None, status: int | None = None) -> Any:
        headers = {"authorization": f"Bearer {key or self.key}", "content-type": "application/json"}
        answer = await self.client.request(method, path, headers=headers, content=msgspec.json.encode(body) if body is not None else None)
        assert answer.status_code == status if status is not None else answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def couple(self) -> None:
        self.key = (await self.api("POST", "/tenants", {"name": "Loja"}, key=KEY))["admin_key"]
        ids: list[int] = []
        for box in (self.erp, self.shop):
            said = box.describe()
            body = {"name": said.platform, "platform": said.platform, "settings": said.settings, "secrets": said.secrets}
            id = (await self.api("POST", "/connections", body))["id"]
            assert (await self.api("POST", f"/connections/{id}/test", {}))["passed"]
            ids.append(id)
        self.erp_id, self.shop_id = ids
        await self.pair("par")

    async def pair(self, name: str) -> None:
        mapping = msgspec.to_builtins(merged_mapping(self.erp.describe(), self.shop.describe()))
        body = {"name": name, "erp_connection": self.erp_id, "storefront_connection": self.shop_id, "mapping": mapping}
        self.id = (await self.api("POST", "/integrations", body))["id"]
        for flow in ("orders", "stock"):
            await self.api("PATCH", f"/integrations/{self.id}/flows/{flow}", {"every": SELDOM})

    async def live(self) -> None:
        """Active, loaded, and called by the shop."""
        await self.api("POST", f"/integrations/{self.id}/activate", {"everything": True})
        await self.until(lambda: self.shop.hooks and self.shop.state() and all(sku.visible for sku in self.shop.state()))
        self.shop.switches.calls = True

    async def url(self) -> str:
        return (await self.api("GET", f"/connections/{self.shop_id}"))["webhook_url"]

    async def call(self, delivery: str, path: str, body: bytes) -> int | None:
        """The shop calls this path below our address; its status."""
        self.shop.hooks["test"] = f"{await self.url()}/{path}"
        async with Outgoing() as outgoing:
            await self.shop.call(outgoing, delivery, "test", body)
        return self.shop.called[-1][1]

    def sell(self, number: int = 1) -> str:
        first = min(self.shop.state(), key=lambda sku: sku.key)
        return self.shop.sell([sale(number, (first.key, 1, str(first.price)))])[str(number)]

    def in_erp(self, key: str) -> list[Any]:
        return [order for order in self.erp.taken.values() if order.reference == key]

    async def deliveries(self) -> list[Any]:
        return (await self.api("GET", f"/integrations/{self.id}/deliveries"))["items"]

    async def until(self, check: Any, seconds: float = 20.0) -> Any:
        """Polls the real system."""
        async with asyncio.timeout(seconds):
            while True:
                value = check()
                value = await value if asyncio.iscoroutine(value) else value
                if value:
                    return value
                await asyncio.sleep(0.03)


@asynccontextmanager
async def doored(folder: Path, *, public: bool = True, coupled: bool = True) -> AsyncGenerator[Doored]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    settings = Settings(
        data=folder, database_url=f"sqlite:///{folder}/engate.db", installation_key=KEY, windows=SHORT, public_url=url if public else None
    )
    async with (
        FakeErpSandbox(limits=False).listening() as erp,
        FakeShopSandbox(limits=False).listening() as shop,
        opened(settings, SystemClock()) as installation,
        httpx.AsyncClient(base_url=url, timeout=20) as client,
    ):
        for manifest in MANIFESTS.values():
            installation.registry.add(manifest)
        erp.seed(goods(2))
        app = create_app(settings)
        app.state.installation = installation
        server = Server(app, "127.0.0.1", port, interface=Interfaces.ASGINL, websockets=False, log_level=LogLevels.error)
        serving = asyncio.create_task(server.serve())
        made = Doored(client, installation, erp, shop)
        try:
            await made.until(lambda: _answers(client))
            if coupled:
                await made.couple()
            yield made
        finally:
            server.stop()
            await serving


async def _answers(client: httpx.AsyncClient) -> bool:
    with suppress(httpx.TransportError):
        return (await client.get("/health")).is_success
    return False
