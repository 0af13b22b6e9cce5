"""A plugin on the stage: coupled to its sandbox, and to a partner, with a real engine and a real database between them.

    async with staged(f"sqlite:///{tmp_path}/engate.db", erp=Side(manifest, AcmeSandbox), seed=goods(3)) as stage:
        await stage.activate()
        await stage.quiet()
        assert await stage.waiting() == []
        assert {sku.key for sku in stage.shop.state() if sku.visible} == {sku.key for sku in stage.erp.state()}

The partner is the fake one of the other role (`engate.testing.fakes`) where no other is named: it takes everything and refuses nothing,
as its `switches` say. Everything travels over HTTP on loopback.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import msgspec
import sqlalchemy as sa

from engate.clock import Clock, SystemClock
from engate.domain.flows import FLOWS, offered
from engate.domain.mapping import PairMapping
from engate.domain.options import Options
from engate.hooks import Observer
from engate.model import Check
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.plugins import PLATFORMS, Manifest
from engate.secrets import ENVIRONMENT, Vault
from engate.store import config
from engate.store.config import Given, NewConnection, NewIntegration
from engate.store.db import Store
from engate.store.tables import metadata
from engate.sync.registry import Registry
from engate.sync.runner import SLOTS, Runner
from engate.sync.work import Delays
from engate.testing.connect import CountingJournal, ObservedTransport, values_of
from engate.testing.contracts import Exchange
from engate.testing.facts import Seed
from engate.testing.fakes import MANIFESTS, SANDBOXES
from engate.testing.sandbox import Sandbox
from engate.text import Text

S = TypeVar("S")
GROUP = "engate.sandboxes"
PAUSE = 0.02
"""Seconds before a client's first retry: what fails for good is known after a second, not after ten."""
SHORT = Delays(unknown_after=1.0, retry_first=0.05, retry_most=1.0, invoice_retry=0.2, settles_within=0.4, look_pause=0.1)
OFTEN = (("orders", 0.2), ("fulfilment", 0.3))
"""How often, in seconds, a stage reads these flows; the others as an installation does, or when `resync` asks."""
PATIENCE = 45.0
"""Seconds that a wait lasts at most: a machine that does something else besides is no fault of what is tested."""


class Side(NamedTuple):
    """A platform as a stage couples it."""

    manifest: Manifest
    sandbox: type[Sandbox]


def side(platform: str) -> Side:
    """One of the fake pair ("fake_erp", "fake_shop"), or a platform that is installed."""
    if platform in MANIFESTS:
        return Side(MANIFESTS[platform], SANDBOXES[platform])
    return Side(entry_points(group=PLATFORMS)[platform].load(), entry_points(group=GROUP)[platform].load())


class OrderRow(NamedTuple):
    """An order as engate holds it: its state, why it waits (a cause's code, or None), the states of its parts. `state` "": not known."""

    state: str
    cause: str | None
    parts: list[str]


class Waiting(NamedTuple):
    """A record or an order that waits: which, the cause's code, and its words."""

    kind: str
    key: str
    code: str
    text: Text


class Stage:
    """One integration. `erp` and `shop` are the two sandboxes: `state()`, `orders()`, `change(...)`, `sell(...)`, `progress(...)`; of a
    fake one also `switches`. `clock`: the engine's; `registry`, `store`, `tenant_id` and `integration_id`: what it runs on."""

    slots = SLOTS

    def __init__(self, registry: Registry, erp: Any, shop: Any, ids: tuple[int, int], delays: Delays = SHORT) -> None:
        self.registry, self.erp, self.shop, self.delays = registry, erp, shop, delays
        self.store, self.clock = registry.store, registry.clock
        self.tenant_id, self.integration_id = ids
        self._running: list[asyncio.Task[None]] = []
        self.runner = self._new_runner()

    def _new_runner(self) -> Runner:
        return Runner(self.store, self.registry, self.clock, delays=self.delays, worker=f"test-{len(self._running)}", slots=self.slots)

    def start(self) -> None:
        """Starts one more runner, like another process."""
        self.runner = self._new_runner()
        self._running.append(asyncio.create_task(self.runner.run()))

    async def stop(self) -> None:
        """Stops all runners, whatever they are doing."""
        tasks, self._running = self._running, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def flows(self) -> list[str]:
        """The flows that this pair offers."""
        coupling = await self.registry.coupling(self.integration_id)
        return [name for name, why in offered(coupling).items() if why is None]

    async def activate(self, **more: Any) -> None:
        """Activates the integration with every flow that the pair offers; it begins to load."""
        flows = await self.flows()
        now = self.clock.now().timestamp()
        how = trigger.Activation(flows, **more)
        await self.store.writing(lambda c: trigger.activate(Scope(c, self.tenant_id, self.integration_id, now), how))
        self.runner.poke()

    async def resync(self, flows: list[str] | None = None, *, full: bool = True, skus: list[str] | None = None) -> list[int]:
        """Reads these flows (None: all) again: whole, since their watermarks (`full=False`), or of these SKUs alone. Answers the runs."""
        now = self.clock.now().timestamp()
        names = flows or [name for name in FLOWS if name in trigger.LOADS]
        made = await self.store.writing(
            lambda c: trigger.resync(Scope(c, self.tenant_id, self.integration_id, now), trigger.Resync(names, full, skus))
        )
        self.runner.poke()
        return made

    async def selling(self) -> None:
        """Active, loaded, and with a feed that takes orders in."""
        await self.activate()
        await self.until(lambda: self.shop.state() and all(sku.visible for sku in self.shop.state()))
        await self.quiet()

    async def change(self, *, mapping: PairMapping | None = None, options: Options | None = None, flows: Sequence[str]) -> None:
        """A tenant saves other options or another mapping. `flows`: those that it touches, whose records are decided anew."""
        for flow in flows:
            if flow not in FLOWS:
                raise ValueError(f"there is no flow {flow!r}; there are {', '.join(FLOWS)}")
        given: dict[str, Any] = {}
        if mapping is not None:
            given["mapping"] = msgspec.to_builtins(_of(PairMapping, "mapping", mapping))
        if options is not None:
            given["options"] = msgspec.to_builtins(_of(Options, "options", options))
        now = self.clock.now().timestamp()

        def save(c: sa.Connection) -> None:
            config.update_integration(c, self.tenant_id, self.integration_id, **given)
            trigger.changed(Scope(c, self.tenant_id, self.integration_id, now), flows)

        await self.store.writing(save)
        self.runner.poke()

    async def retry_order(self, key: str) -> None:
        """What a person does with an order that waits, when its reason is gone."""
        now = self.clock.now().timestamp()
        await self.store.writing(lambda c: trigger.retry_order(Scope(c, self.tenant_id, self.integration_id, now), key))
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
        """Whether the order is known and waits for this (None: for nothing)."""
        row = await self.order(key)
        return row.state != "" and row.cause == code

    async def waiting(self) -> list[Waiting]:
        """What waits, for a person, the shop or engate itself, and why: the first thing to look at where something did not arrive."""
        rows = await self.sql(
            "select r.kind, r.key, c.code, c.text from record r join cause c on c.id = r.cause_id where r.integration_id = :id union all "
            "select 'order', o.key, c.code, c.text from shop_order o join cause c on c.id = o.cause_id where o.integration_id = :id",
            id=self.integration_id,
        )
        return sorted((Waiting(row.kind, row.key, row.code, _text(row.text)) for row in rows), key=lambda waiting: waiting[:3])

    async def sql(self, text: str, **values: object) -> list[Any]:
        """Rows of the database, for what nothing else tells: `sql("select state from part where id = :id", id=1)`."""
        return await self.store.reading(lambda c: list(c.execute(sa.text(text), values)))

    async def until(self, check: Any, seconds: float = PATIENCE) -> Any:
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

    async def quiet(self, seconds: float = PATIENCE) -> None:
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
    """The mapping made of both halves of each row, by tag."""
    rows = {
        kind: [{**halves[tag], **shop.choices.get(kind, {})[tag]} for tag in halves if tag in shop.choices.get(kind, {})]
        for kind, halves in erp.choices.items()
    }
    return msgspec.convert(rows, PairMapping)


class Pair(NamedTuple):
    """Two sandboxes, and how they are coupled."""

    erp: Sandbox
    shop: Sandbox
    options: Options = Options()
    settings: Mapping[str, dict[str, object]] = {}
    mapping: Callable[[PairMapping], PairMapping] | None = None


async def couple(registry: Registry, name: str, pair: Pair) -> tuple[int, int]:
    """A tenant of this name with one integration of the pair, tested and not yet active: (tenant, integration)."""
    store, vault = registry.store, registry.vault
    now = registry.clock.now().timestamp()
    tenant_id, _ = await store.writing(lambda c: config.create_tenant(c, name, now))
    ids: list[int] = []
    for box in (pair.erp, pair.shop):
        said = box.describe()
        manifest = registry.manifest(said.platform)
        values = {**values_of(manifest, said), **pair.settings.get(said.platform, {})}
        new = NewConnection(manifest.key, Given(manifest, values))
        id = await store.writing(lambda c, new=new: config.create_connection(c, vault, tenant_id, new, now))
        await store.writing(lambda c, id=id: config.tested(c, id, 1, config.Tested([Check("stage", True, Text("", ""))]), now))
        ids.append(id)
    rows = merged_mapping(pair.erp.describe(), pair.shop.describe())
    rows = _of(PairMapping, "mapping", pair.mapping(rows)) if pair.mapping is not None else rows
    made = NewIntegration("par", ids[0], ids[1], _of(Options, "options", pair.options), rows)
    integration_id = await store.writing(lambda c: config.create_integration(c, tenant_id, made, now))
    for flow, every in OFTEN:
        await store.writing(lambda c, f=flow, e=every: config.set_flow(c, integration_id, f, every=e))
    return tenant_id, integration_id


@asynccontextmanager
async def installed(
    url: str, manifests: Iterable[Manifest], clock: Clock | None = None, observers: Mapping[str, Observer] = MappingProxyType({})
) -> AsyncGenerator[Registry]:
    """An installation on this database, with the platforms that are installed and these. Secrets are sealed with the environment's key; one
    is set where there is none, so that a process that is started from here can open them."""
    key = os.environ.setdefault(ENVIRONMENT, base64.b64encode(secrets.token_bytes(32)).decode())
    store = Store(url)
    metadata.create_all(store.engine)
    registry = Registry(store, Vault(base64.b64decode(key)), clock or SystemClock(), CountingJournal(), observers=observers)
    registry.pause = PAUSE
    for manifest in manifests:
        registry.add(manifest)
    try:
        yield registry
    finally:
        await registry.close()
        store.close()


@asynccontextmanager
async def played(stage: Stage, runners: int = 1) -> AsyncGenerator[Stage]:
    """The stage with so many runners at work, like so many processes."""
    try:
        for _ in range(runners):
            stage.start()
        yield stage
    finally:
        await stage.stop()


@asynccontextmanager
async def staged(
    url: str,
    *,
    erp: Side | str = "fake_erp",
    shop: Side | str = "fake_shop",
    seed: Seed | None = None,
    options: Options | None = None,
    settings: Mapping[str, dict[str, object]] = MappingProxyType({}),
    mapping: Callable[[PairMapping], PairMapping] | None = None,
    clock: Clock | None = None,
    delays: Delays = SHORT,
    runners: int = 1,
    observers: Mapping[str, Observer] = MappingProxyType({}),
    on_exchange: Callable[[Exchange], None] | None = None,
) -> AsyncGenerator[Stage]:
    """A pair, coupled and not yet active. `url`: of a database, `sqlite:///FILE`; one that is empty gets its tables.

    `erp`, `shop`: a `Side`, or the name of one (see `side`). `seed`: what the ERP holds. `settings`: by a platform's key, what its
    connection has besides what the sandbox describes. `options`: what the tenant decides (`engate.domain.options.Options`). `mapping`: a
    function that changes the pair mapping, which is made of both sandboxes' halves (see below). `clock`: an `engate.clock.ManualClock`,
    what due times, watermarks and delays go by. `on_exchange`: hears of every exchange with the shop. `runners`: 0 = nothing is worked on.
    """
    sides = [side(each) if isinstance(each, str) else each for each in (erp, shop)]
    left, right = (each.sandbox(limits=False) for each in sides)
    async with left.listening(), right.listening(), installed(url, [each.manifest for each in sides], clock, observers) as registry:
        if seed is not None:
            left.seed(seed)
        if on_exchange is not None:
            registry.transport = ObservedTransport(on_exchange, only=right.base_url)
        ids = await couple(registry, "Loja", Pair(left, right, options or Options(), settings, mapping))
        async with played(Stage(registry, left, right, ids, delays), runners) as stage:
            yield stage


def _of(kind: type[S], name: str, given: object) -> S:
    """Checks the type of an argument: another one would be stored and silently ignored."""
    if not isinstance(given, kind):
        raise TypeError(f"{name}: not {given!r:.80}; give {kind.__name__}, from {kind.__module__}")
    return given


def _text(stored: Any) -> Text:
    """A stored text as SQL returns it: SQLite's JSON is text."""
    said = msgspec.json.decode(stored) if isinstance(stored, str) else stored
    return msgspec.convert(said, Text)
