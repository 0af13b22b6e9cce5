"""A whole installation that platforms can call: engate on a port of its own, coupled to the fake pair."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx
import msgspec
import sqlalchemy as sa
from api.tests.conftest import migrated
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from litestar import Litestar
from tests.support.goods import goods, sale
from tests.support.loaded import Loaded, kept
from tests.support.stage import SHORT, merged_mapping

from engate.clock import Clock, SystemClock
from engate.store.db import Store
from engate.testing.connect import PLAIN
from engate.testing.fake_erp.sandbox import FakeErpSandbox
from engate.testing.fake_shop.sandbox import FakeShopSandbox
from engate.testing.fakes import MANIFESTS
from engate.testing.outgoing import Outgoing
from engate.testing.stage import PATIENCE
from engate_api.app import create_app
from engate_api.embedded import opened
from engate_api.installation import Installation
from engate_api.settings import Settings

os.environ.setdefault("ENGATE_SECRET_KEY", base64.b64encode(secrets.token_bytes(32)).decode())
KEY = "eng_installation_" + secrets.token_urlsafe(16)
SELDOM = 3600.0


class Doored:
    """An installation with one tenant, whose integration nothing reads by schedule: what happens, happens because somebody called."""

    def __init__(self, client: httpx.AsyncClient, installation: Installation, erp: FakeErpSandbox, shop: Any) -> None:
        self.client, self.installation, self.erp, self.shop = client, installation, erp, shop
        self.key, self.id, self.erp_id, self.shop_id = "", 0, 0, 0

    async def api(self, method: str, path: str, body: object = None, *, key: str | None = None, status: int | None = None) -> Any:
        headers = {"authorization": f"Bearer {key or self.key}", "content-type": "application/json"}
        answer = await self.client.request(method, path, headers=headers, content=msgspec.json.encode(body) if body is not None else None)
        assert answer.status_code == status if status is not None else answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def couple(self, tenant: str = "Loja") -> None:
        self.key = (await self.api("POST", "/tenants", {"name": tenant}, key=KEY))["admin_key"]
        ids: list[int] = []
        for box in (self.erp, self.shop):
            said = box.describe()
            body = {
                "name": said.platform,
                "platform": said.platform,
                "settings": {**said.settings, **said.unlimited},
                "secrets": said.secrets,
            }
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

    async def idle(self) -> bool:
        """Every run has ended."""
        return all(run["state"] == "done" for run in (await self.api("GET", f"/integrations/{self.id}/runs"))["items"])

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

    async def until(self, check: Any, seconds: float = PATIENCE) -> Any:
        """Polls the real system."""
        value = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    value = check()
                    value = await value if asyncio.iscoroutine(value) else value
                    if value:
                        return value
                    await asyncio.sleep(0.03)
        except TimeoutError:
            raise AssertionError(f"not within {seconds} s: {value!r}; {await self._standing()}") from None

    async def _standing(self) -> dict[str, list[Any]]:
        """Where everything is: what somebody looks at first who sees a test that waited in vain."""
        asked = {
            "lanes": "select name, due_at, not_before, tries, lease from lane",
            "runs": "select id, flow, state from run",
            "records": "select kind, key, r.state, r.run_id, c.code from record r left join cause c on c.id = r.cause_id",
        }
        return {name: await self.installation.store.reading(lambda c, q=q: [tuple(row) for row in c.execute(sa.text(q))])
                for name, q in asked.items()}  # fmt: skip


class Known(NamedTuple):
    """An installation that was live, to be copied. `url`: where the shop found it."""

    pair: Loaded
    key: str
    connections: tuple[int, int]
    url: str

    def moved(self, database: str, boxes: tuple[Any, Any], url: str) -> None:
        store = Store(database)
        with store.write() as c:
            self.pair.moved(c, boxes, {})
        store.close()
        shop = boxes[1]
        shop.hooks = {topic: address.replace(self.url, url) for topic, address in shop.hooks.items()}


KNOWN: list[Known] = []
"""Of this process: none or one."""
APPS: list[Litestar] = []
"""Applications that nobody uses just now. One takes a quarter of a second to make, and all it holds is the installation it is given."""


async def _known() -> Known:
    if not KNOWN:
        with TemporaryDirectory() as folder:
            async with doored(Path(folder)) as first:
                await first.live()
                await first.until(first.idle)
                tenant = (await first.api("GET", "/me"))["tenant"]["id"]
            pair = kept(_database(Path(folder)), (first.erp, first.shop), (tenant, first.id), [])
            KNOWN.append(Known(pair, first.key, (first.erp_id, first.shop_id), str(first.client.base_url)))
    return KNOWN[0]


def _database(folder: Path) -> str:
    return f"sqlite:///{folder}/engate.db"


@asynccontextmanager
async def doored(
    folder: Path,
    *,
    public: bool = True,
    coupled: bool = True,
    live: bool = False,
    shop_class: type[Any] = FakeShopSandbox,
    clock: Clock | None = None,
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> AsyncGenerator[Doored]:
    """`live`: as after `Doored.live()`, which is a copy of what went live once (with the fake shop)."""
    known = await _known() if live else None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, database = f"http://127.0.0.1:{port}", _database(folder)
    if known is None:
        (folder / "engate.db").write_bytes(migrated())
        boxes: Any = FakeErpSandbox(limits=False), shop_class(limits=False)
    else:
        boxes = known.pair.copied(database)
    told = Settings(data=folder, database_url=database, installation_key=KEY, delays=SHORT, public_url=url if public else None)
    told = msgspec.structs.replace(told, **settings)
    async with AsyncExitStack() as open_:
        erp, shop = [await open_.enter_async_context(box.listening()) for box in boxes]
        if known is None:
            erp.seed(goods(2))
        else:
            known.moved(database, boxes, url)
        installation = await open_.enter_async_context(opened(told, clock or SystemClock()))
        client = await open_.enter_async_context(httpx.AsyncClient(base_url=url, timeout=20, verify=PLAIN))
        for manifest in MANIFESTS.values():
            installation.registry.add(manifest)
        app = APPS.pop() if APPS else create_app(told)
        app.state.installation = installation
        server = Server(app, "127.0.0.1", port, interface=Interfaces.ASGINL, websockets=False, log_level=LogLevels.error)
        serving = asyncio.create_task(server.serve())
        made = Doored(client, installation, erp, shop)
        try:
            await made.until(lambda: _answers(client))
            if known is not None:
                made.key, made.id, (made.erp_id, made.shop_id) = known.key, known.pair.integration_id, known.connections
            elif coupled:
                await made.couple()
            yield made
        finally:
            server.stop()
            await serving
            APPS.append(app)


async def _answers(client: httpx.AsyncClient) -> bool:
    with suppress(httpx.TransportError):
        return (await client.get("/health")).is_success
    return False
