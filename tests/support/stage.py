"""The stage of engine tests: a real ERP sandbox and a real storefront sandbox over loopback, a real database, and runners."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from tests.platforms import MANIFESTS, SANDBOXES
from tests.support.loaded import LOADED, Loaded, kept

from engate.clock import Clock, SystemClock
from engate.hooks import Observer
from engate.model import Check
from engate.plugins import Manifest
from engate.secrets import Vault
from engate.store import config
from engate.store.config import Given, NewConnection, NewIntegration
from engate.store.db import Store
from engate.store.tables import metadata
from engate.sync import trigger
from engate.sync.flows import FLOWS, offered
from engate.sync.mapping import PairMapping
from engate.sync.options import Options
from engate.sync.registry import Registry
from engate.sync.runner import SLOTS, Runner
from engate.sync.work import Windows
from engate.testing.connect import CountingJournal, ObservedTransport
from engate.testing.contracts import Exchange
from engate.testing.sandbox import Sandbox
from engate.text import Text

PAUSE = 0.02
"""Seconds before a client's first retry: what fails for good is known after a second, not after ten."""
SHORT = Windows(unknown_after=1.0, retry_first=0.05, retry_most=1.0, invoice_retry=0.2, settles_within=0.4, look_pause=0.1)


class OrderRow(NamedTuple):
    state: str
    cause: str | None
    parts: list[str]


class Stage:
    """An integration of two sandboxes (any two: what they offer besides the base is their own), with what a test needs to watch it."""

    slots = SLOTS

    def __init__(
        self,
        store: Store,
        registry: Registry,
        erp: Any,
        shop: Any,
        tenant_id: int,
        integration_id: int,
        clock: Clock,
        windows: Windows,
    ) -> None:
        self.store, self.registry, self.erp, self.shop = store, registry, erp, shop
        self.tenant_id, self.integration_id, self.clock, self.windows = tenant_id, integration_id, clock, windows
        self._running: list[asyncio.Task[None]] = []
        self.runner = self._new_runner()

    def _new_runner(self) -> Runner:
        return Runner(self.store, self.registry, self.clock, windows=self.windows, worker=f"test-{len(self._running)}", slots=self.slots)

    def start(self) -> None:
        """One more runner, as another process is."""
        self.runner = self._new_runner()
        self._running.append(asyncio.create_task(self.runner.run()))

    async def stop(self) -> None:
        """All runners, wherever they are."""
        tasks, self._running = self._running, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def flows(self) -> list[str]:
        """What this pair offers."""
        coupling = await self.registry.coupling(self.integration_id)
        return [name for name, why in offered(coupling).items() if why is None]

    async def activate(self, **more: Any) -> None:
        flows = await self.flows()
        now = self.clock.now().timestamp()
        how = trigger.Activation(flows, **more)
        await self.store.writing(lambda c: trigger.activate(c, self.tenant_id, self.integration_id, how, now))
        self.runner.poke()

    async def resync(self, flows: list[str] | None = None, *, full: bool = True, skus: list[str] | None = None) -> list[int]:
        now = self.clock.now().timestamp()
        names = flows or [name for name in FLOWS if name in trigger.LOADS]
        made = await self.store.writing(
            lambda c: trigger.resync(c, self.tenant_id, self.integration_id, trigger.Resync(names, full, skus), now)
        )
        self.runner.poke()
        return made

    async def selling(self) -> None:
        """Active, loaded, and with a feed that takes orders in."""
        await self.activate()
        await self.until(lambda: self.shop.state() and all(sku.visible for sku in self.shop.state()))
        await self.quiet()

    async def change(self, *, mapping: PairMapping | None = None, options: Options | None = None, flows: Sequence[str]) -> None:
        """A tenant saves other options or another mapping."""
        values = {"mapping": mapping, "options": options}
        given = {name: msgspec.to_builtins(value) for name, value in values.items() if value is not None}
        now = self.clock.now().timestamp()

        def save(c: sa.Connection) -> None:
            config.update_integration(c, self.tenant_id, self.integration_id, **given)
            trigger.changed(c, self.tenant_id, self.integration_id, flows, now)

        await self.store.writing(save)
        self.runner.poke()

    async def retry_order(self, key: str) -> None:
        now = self.clock.now().timestamp()
        await self.store.writing(lambda c: trigger.retry_order(c, self.tenant_id, self.integration_id, key, now))
        self.runner.poke()

    async def order(self, key: str) -> OrderRow:
        """The order as stored: its state, why it waits (the cause's code or None), its parts' states."""
        rows = await self.sql(
            "select o.state, c.code, p.state as part from shop_order o left join cause c on c.id = o.cause_id "
            "left join part p on p.order_id = o.id where o.key = :key order by p.no",
            key=key,
        )
        return OrderRow(rows[0].state, rows[0].code, [row.part for row in rows if row.part]) if rows else OrderRow("", None, [])

    async def waits(self, key: str, code: str | None) -> bool:
        row = await self.order(key)
        return row.state != "" and row.cause == code

    async def sql(self, text: str, **values: object) -> list[Any]:
        return await self.store.reading(lambda c: list(c.execute(sa.text(text), values)))

    async def until(self, check: Any, seconds: float = 20.0) -> Any:
        """Polls a real system until `check()` (sync or async) is truthy."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            value = check()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            if asyncio.get_running_loop().time() > deadline:
                lanes = await self.sql("select name, due_at, not_before, tries, lease from lane")
                raise AssertionError(f"not within {seconds} s: {value!r}; lanes {lanes}")
            await asyncio.sleep(0.02)

    async def quiet(self, seconds: float = 30.0) -> None:
        """Until every run has ended."""
        await self.until(self._no_run, seconds)

    async def pushed(self) -> None:
        """Until nothing is to be pushed and no push is in hand: a test may then lock what they would take."""
        await self.until(self._no_push)

    async def _no_push(self) -> bool:
        return not await self.sql("select id from lane where name like 'push/%' and (due_at is not null or lease is not null)")

    async def _no_run(self) -> bool:
        return not await self.sql("select id from run where state in ('reading', 'pushing')")


def merged_mapping(erp: Any, shop: Any) -> PairMapping:
    """Both halves of each row, by tag."""
    rows = {
        kind: [{**halves[tag], **shop.choices.get(kind, {})[tag]} for tag in halves if tag in shop.choices.get(kind, {})]
        for kind, halves in erp.choices.items()
    }
    return msgspec.convert(rows, PairMapping)


def sandbox_class(name: str) -> type[Sandbox]:
    return SANDBOXES.get(name) or entry_points(group="engate.sandboxes")[name].load()


class Pair(NamedTuple):
    """Two sandboxes, and how they are coupled."""

    erp: Sandbox
    shop: Sandbox
    options: Options = Options()
    settings: Mapping[str, dict[str, object]] = {}
    mapping: Callable[[PairMapping], PairMapping] | None = None


async def couple(store: Store, registry: Registry, vault: Vault, name: str, pair: Pair) -> tuple[int, int]:
    """A tenant of this name with one integration of the pair, tested and not yet active: (tenant, integration)."""
    now = registry.clock.now().timestamp()
    tenant_id, _ = await store.writing(lambda c: config.create_tenant(c, name, now))
    ids: list[int] = []
    for box in (pair.erp, pair.shop):
        said = box.describe()
        values = {**said.settings, **said.unlimited, **said.secrets, **pair.settings.get(said.platform, {})}
        manifest = registry.manifest(said.platform)
        new = NewConnection(manifest.key, Given(manifest, values))
        id = await store.writing(lambda c, new=new: config.create_connection(c, vault, tenant_id, new, now))
        await store.writing(lambda c, id=id: config.tested(c, id, 1, config.Tested([Check("stage", True, Text("", ""))]), now))
        ids.append(id)
    rows = merged_mapping(pair.erp.describe(), pair.shop.describe())
    rows = pair.mapping(rows) if pair.mapping is not None else rows
    made = NewIntegration("par", ids[0], ids[1], pair.options, rows)
    integration_id = await store.writing(lambda c: config.create_integration(c, tenant_id, made, now))
    for flow, every in (("orders", 0.2), ("fulfilment", 0.3)):
        await store.writing(lambda c, f=flow, e=every: config.set_flow(c, integration_id, f, every=e))
    return tenant_id, integration_id


@asynccontextmanager
async def staged(
    url: str,
    *,
    erp_name: str = "winthor",
    shop_name: str = "vtex",
    seed: Any = None,
    options: Options | None = None,
    clock: Clock | None = None,
    windows: Windows = SHORT,
    settings: dict[str, dict[str, object]] | None = None,
    mapping: Callable[[PairMapping], PairMapping] | None = None,
    run: bool = True,
    runners: int = 1,
    observers: Mapping[str, Observer] = MappingProxyType({}),
    manifests: tuple[Manifest, ...] = (),
    told: Callable[[Exchange], None] | None = None,
    selling: bool = False,
) -> AsyncGenerator[Stage]:
    """`manifests`: in the place of those of the same key (`tests.platforms.lacking`). `told`: hears of every exchange with the shop.
    `selling`: as after `Stage.selling()`; on SQLite that is a copy of a pair that was loaded once, by the platforms as they are."""
    os.environ.setdefault("ENGATE_SECRET_KEY", base64.b64encode(secrets.token_bytes(32)).decode())
    clock = clock or SystemClock()
    loaded = None
    if selling and url.startswith("sqlite") and mapping is None:
        loaded = await _loaded((erp_name, shop_name), {"seed": seed, "options": options, "settings": settings, "windows": windows})
    boxes = loaded.copied(url) if loaded else (sandbox_class(erp_name)(limits=False), sandbox_class(shop_name)(limits=False))
    store = Store(url)
    if loaded is None:
        metadata.create_all(store.engine)
    async with boxes[0].listening() as erp, boxes[1].listening() as shop:
        if seed is not None and loaded is None:
            erp.seed(seed)
        vault = Vault(base64.b64decode(os.environ["ENGATE_SECRET_KEY"]))
        registry = Registry(store, vault, clock, CountingJournal(), observers=observers)
        registry.pause = PAUSE
        for manifest in (*MANIFESTS.values(), *manifests):
            registry.add(manifest)
        if told is not None:
            registry.transport = ObservedTransport(told, only=shop.base_url)
        if loaded is None:
            pair = Pair(erp, shop, options or Options(), settings or {}, mapping)
            ids = await couple(store, registry, vault, "Loja", pair)
        else:
            ids = loaded.tenant_id, loaded.integration_id
            await store.writing(lambda c: loaded.moved(c, boxes, settings or {}))
        stage = Stage(store, registry, erp, shop, *ids, clock, windows)
        try:
            if loaded is not None:
                assert await stage.flows() == loaded.flows, "the manifests of this test offer others: call stage.selling()"
            for _ in range(runners if run else 0):
                stage.start()
            if selling and loaded is None:
                await stage.selling()
            yield stage
        finally:
            await stage.stop()
            await registry.close()
            store.close()


async def _loaded(pair: tuple[str, str], given: dict[str, Any]) -> Loaded:
    made_of = (pair, msgspec.json.encode(given))
    if made_of not in LOADED:
        with TemporaryDirectory() as folder:
            url = f"sqlite:///{Path(folder) / 'loaded.db'}"
            async with staged(url, erp_name=pair[0], shop_name=pair[1], **given) as first:
                await first.selling()
                flows = await first.flows()
            LOADED[made_of] = kept(url, (first.erp, first.shop), (first.tenant_id, first.integration_id), flows)
    return LOADED[made_of]


@asynccontextmanager
async def faked(url: str, **more: Any) -> AsyncGenerator[Stage]:
    """The same with the fake pair (`tests.platforms`): `stage.erp.switches` and `stage.shop.switches` say how they behave."""
    async with staged(url, erp_name="fake_erp", shop_name="fake_shop", **more) as stage:
        yield stage


@asynccontextmanager
async def neighbour(
    stage: Stage, name: str, *, seed: Any, erp_name: str = "fake_erp", shop_name: str = "fake_shop"
) -> AsyncGenerator[Stage]:
    """Another tenant of the same installation, whose lanes the same runners work on."""
    async with sandbox_class(erp_name)(limits=False).listening() as erp, sandbox_class(shop_name)(limits=False).listening() as shop:
        erp.seed(seed)
        tenant_id, integration_id = await couple(stage.store, stage.registry, stage.registry.vault, name, Pair(erp, shop))
        other = Stage(stage.store, stage.registry, erp, shop, tenant_id, integration_id, stage.clock, stage.windows)
        other.runner = stage.runner
        yield other
