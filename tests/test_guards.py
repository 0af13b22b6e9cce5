"""Whoever loses a lane does nothing more outside: the lease is looked at right before every call that may have an effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest
import sqlalchemy as sa
from tests.support.goods import goods
from tests.support.selling import asleep, entered, sell, skus, told
from tests.support.stage import SHORT, Stage, faked

from engate import batch
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.store import config, lanes
from engate.store.lanes import Wake
from engate.store.tables import lane
from engate.testing.connect import ObservedTransport
from engate.testing.contracts import Exchange
from engate.testing.facts import Change, Fault
from engate.testing.fake_shop.plugin import FAKE_SHOP, FakeShop
from engate.testing.fakes import lacking

FAR = 9_999_999_999.0
KEY = "F00001"
LANE = f"order/{KEY}"
NO_BEAT = msgspec.structs.replace(SHORT, beat=10.0)
"""The heartbeat ends a slice whose lane is lost: here the look before each call must."""


class Effect(NamedTuple):
    """`call`: how the platform counts it. `before`: how the platforms are while the order comes to the step before; `asked`: what makes
    this step the next one."""

    name: str
    side: str
    call: str
    asked: Callable[[Stage], object]
    before: Callable[[Stage], None] = lambda stage: None


def _cut_and_invoice(stage: Stage) -> None:
    [order] = stage.erp.taken.values()
    [(sku, price), *_] = skus(stage)
    stage.erp.cut(order.key, {sku: 1})
    stage.erp.invoice(order.key, value=order.total - type(order.total)(price))


def _taken(stage: Stage) -> str:
    [order] = stage.erp.taken.values()
    return order.key


def _first_state(stage: Stage) -> None:
    stage.erp.switches.first_state = "unknown"


EFFECTS = (
    Effect("import_order", "erp", "POST /orders", sell),
    Effect("finish_order", "erp", "POST /orders/{key}/finish", lambda stage: stage.erp.faults.set([])),
    Effect("import_cancellation", "erp", "POST /orders/{key}/cancel", lambda stage: stage.shop.cancel([KEY], "Desisti")),
    Effect("import_order_change", "erp", "POST /orders/{key}/change", lambda stage: stage.shop.edit(KEY, {"1": 1})),
    Effect("send_handling", "shop", "POST /orders/{key}/handling", lambda stage: stage.erp.progress("in_erp", None), _first_state),
    Effect("send_order_change", "shop", "POST /orders/{key}/change", _cut_and_invoice),
    Effect("send_invoice", "shop", "POST /orders/{key}/invoice", lambda stage: stage.erp.progress("invoiced", None)),
    Effect("send_tracking", "shop", "POST /orders/{key}/shipment", lambda stage: stage.erp.progress("shipped", None)),
    Effect("send_delivery", "shop", "POST /orders/{key}/delivery", lambda stage: stage.erp.progress("delivered", None)),
    Effect("send_cancellation", "shop", "POST /orders/{key}/cancel", lambda stage: stage.erp.cancel([_taken(stage)], "Sem estoque")),
    Effect(
        "send_cancel_refusal", "shop", "POST /orders/{key}/cancel-refusal", lambda stage: stage.shop.progress("cancel_requested", [KEY])
    ),
)
INVOICED_BEFORE = ("send_tracking", "send_delivery", "send_cancel_refusal")
TOLD_BY_ERP = ("send_handling", "send_order_change", "send_invoice", "send_tracking", "send_delivery", "send_cancellation")
TOLD_BY_SHOP = ("import_order", "import_cancellation", "import_order_change", "send_cancel_refusal")


class Thief:
    """Somebody who takes the lane while the order is read from the shop, as after a pause longer than the lease."""

    def __init__(self) -> None:
        self.lies_in_wait = False
        self.stage: Stage | None = None

    def told(self, exchange: Exchange) -> None:
        if self.lies_in_wait and exchange.method == "GET" and exchange.path == f"/orders/{KEY}":
            assert self.stage is not None
            take(self.stage, LANE)
            self.lies_in_wait = False


def take(stage: Stage, name: str) -> None:
    with stage.store.write() as c:
        c.execute(sa.update(lane).where(lane.c.name == name).values(lease="thief", lease_until=FAR))


def let_go(stage: Stage) -> None:
    with stage.store.write() as c:
        c.execute(sa.update(lane).where(lane.c.lease == "thief").values(lease=None, lease_until=0))


@pytest.mark.trap(
    "engine.permit",
    "engine.permit",
    "engine.permit-finish-order",
    "engine.permit-import-cancellation",
    "engine.permit-send-cancellation",
    "engine.permit-send-cancel-refusal",
    "engine.permit-send-handling",
    "engine.permit-send-invoice",
    "engine.permit-send-tracking",
    "engine.permit-send-delivery",
    "engine.permit-import-order-change",
    "engine.permit-send-order-change",
    "engine.promise-held",
)
@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)
async def test_who_lost_the_lane_of_an_order_does_nothing_more_outside(sqlite_database: str, effect: Effect) -> None:
    thief = Thief()
    async with faked(sqlite_database, seed=goods(1), on_exchange=thief.told, delays=NO_BEAT) as stage:
        thief.stage = stage
        await stage.selling()
        await _step_before(stage, effect)
        box = stage.erp if effect.side == "erp" else stage.shop
        known = await _said(stage)
        effect.asked(stage)
        await stage.until(lambda: _heard(stage, effect, known))
        before = box.counts.writes[effect.call]
        thief.lies_in_wait = True
        await _wake(stage, effect)
        await stage.until(lambda: not thief.lies_in_wait)
        await stage.until(lambda: not stage.runner.busy)
        assert box.counts.writes[effect.call] == before, "sent by one who no longer had the lane"
        let_go(stage)
        await stage.until(lambda: box.counts.writes[effect.call] > before)


async def _said(stage: Stage) -> list[Any]:
    """What the ERP said of the order."""
    return await stage.sql("select erp_state, erp_doc from part order by id")


async def _heard(stage: Stage, effect: Effect, known: list[Any]) -> bool:
    """Whether what makes the step the next one has arrived: a slice before that would find nothing to do, whoever has the lane."""
    if effect.name in TOLD_BY_ERP:
        return await _said(stage) != known
    if effect.name in TOLD_BY_SHOP:
        return bool(await stage.sql("select id from inbox where order_key = :key and handled_at is null", key=KEY))
    return bool(await stage.sql("select id from lane where name = :name and due_at is not null", name=LANE))


async def _step_before(stage: Stage, effect: Effect) -> None:
    """Everything up to there is done, and the order's lane sleeps."""
    effect.before(stage)
    if effect.name == "import_order":
        await stage.store.writing(lambda c: lanes.wake(c, [Wake(stage.tenant_id, stage.integration_id, LANE, 0, FAR)]))
    elif effect.name == "finish_order":
        stage.erp.faults.set([Fault("500", effect.call, times=10_000)])
        sell(stage, 2)
        await stage.until(lambda: stage.erp.counts.injected["500"])
    else:
        sell(stage, 2)
        await stage.until(lambda: stage.erp.taken)
        if effect.name != "send_handling":
            await entered(stage, KEY)
        if effect.name in INVOICED_BEFORE:
            stage.erp.progress("invoiced", None)
            await stage.until(lambda: stage.shop.placed[KEY].state == "invoiced")
        if effect.name == "send_delivery":
            stage.erp.progress("shipped", None)
            await stage.until(lambda: told(stage, KEY, "shipment"))
        await asleep(stage, KEY)
    await stage.stop()
    await stage.store.writing(lambda c: c.execute(sa.update(lane).where(lane.c.name == LANE).values(not_before=FAR)))
    stage.start()


async def _wake(stage: Stage, effect: Effect) -> None:
    """Its next slice reads the order anew."""
    if effect.name == "import_order":
        await stage.store.writing(lambda c: lanes.lift(c, stage.integration_id, [LANE]))
        stage.runner.poke()
    else:
        await stage.retry_order(KEY)


@pytest.mark.trap("engine.push-held", "engine.push-doubt")
async def test_who_lost_the_lane_of_a_push_sends_no_further_batch(sqlite_database: str) -> None:
    """The first batch was on its way when the lane was lost; what it changed is doubted, and sent again by whoever has the lane now."""
    stolen: list[str] = []
    stages: list[Stage] = []

    @batch(max=20)
    async def small(self: FakeShop, batch: Any) -> None:
        await FakeShop.push_stock(self, batch)

    def told(exchange: Exchange) -> None:
        if stages and not stolen and exchange.method == "PUT" and exchange.path.startswith("/stock/"):
            stolen.append(exchange.path)
            take(stages[0], "push/stock")

    manifests = (lacking(FAKE_SHOP, push_stock=small),)
    async with faked(sqlite_database, seed=goods(60), on_exchange=told, manifests=manifests) as stage:
        await stage.selling()
        stages.append(stage)
        before = len(stage.shop.puts)
        stage.erp.change([Change(sku.key, stock={"1": 3}) for sku in stage.erp.state()])
        await stage.resync(["stock"])
        await stage.until(lambda: stolen)
        await stage.until(lambda: not stage.runner.busy)
        sent = [key for kind, key in stage.shop.puts[before:] if kind == "stock"]
        assert len(sent) == 20, "only the batch that was on its way"
        held: Any = await stage.sql("select count(*) as n from record where kind = 'stock' and have is not null")
        assert held[0].n == 40, "of those that were sent nobody knows: somebody else may have pushed them meanwhile"
        let_go(stage)
        await stage.until(lambda: all(sku.stock == {"main": 3} for sku in stage.shop.state()))
        await stage.quiet()


READINGS = (
    ("read/stock", "/list/stock", lambda stage: stage.erp.change([Change(sku.key, stock={"1": 3}) for sku in stage.erp.state()])),
    ("read/fulfilment", "/list/order", lambda stage: stage.erp.progress("invoiced", None)),
)


@pytest.mark.trap("engine.page-held", "engine.facts-held")
@pytest.mark.parametrize(("name", "path", "change"), READINGS, ids=[name for name, *_ in READINGS])
async def test_who_lost_the_lane_of_a_reading_keeps_no_page_of_it(
    sqlite_database: str, name: str, path: str, change: Callable[[Stage], object]
) -> None:
    """Whoever has it now may have read newer ones, which these would put back."""
    stages: list[Stage] = []
    stolen: list[str] = []

    def told(exchange: Exchange) -> None:
        if stages and not stolen and exchange.path.startswith(path):
            stolen.append(exchange.path)
            take(stages[0], name)

    async with faked(sqlite_database, seed=goods(1), run=False) as stage:
        stage.registry.transport = ObservedTransport(told)
        stage.start()
        await stage.selling()
        sell(stage)
        await entered(stage, KEY)
        await asleep(stage, KEY)
        await stage.stop()
        before = await _known(stage)
        change(stage)
        stages.append(stage)
        flow = name.removeprefix("read/")
        await stage.store.writing(
            lambda c: trigger.ask(Scope(c, stage.tenant_id, stage.integration_id, stage.clock.now().timestamp()), [flow])
        )
        stage.start()
        await stage.until(lambda: stolen)
        await stage.until(lambda: not stage.runner.busy)
        assert await _known(stage) == before
        let_go(stage)
        await stage.until(lambda: _knows_more(stage, before))


async def _known(stage: Stage) -> list[Any]:
    """What the ERP is known to say of its stock and orders."""
    stock = await stage.sql("select doc from record where kind = 'stock'")
    return [*stock, *await stage.sql("select erp_state from part")]


async def _knows_more(stage: Stage, before: list[Any]) -> bool:
    return await _known(stage) != before


@pytest.mark.trap("engine.lost-is-cancelled")
async def test_a_call_in_flight_ends_when_its_lane_is_somebody_elses(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        stage.erp.faults.set([Fault("hang", "GET /orders", times=10_000)])
        sell(stage)
        await stage.until(lambda: stage.erp.counts.in_flight["GET /orders"])
        take(stage, LANE)
        await stage.until(lambda: not stage.erp.counts.in_flight["GET /orders"], 12)


@pytest.mark.trap("engine.permit")
@pytest.mark.parametrize("effect", [EFFECTS[0], EFFECTS[6]], ids=lambda effect: effect.name)
async def test_what_was_decided_by_an_older_configuration_is_not_sent(sqlite_database: str, effect: Effect) -> None:
    """Somebody switches the integration off while the order is read from the shop."""
    off: list[Callable[[], None]] = []

    def told(exchange: Exchange) -> None:
        if off and exchange.method == "GET" and exchange.path == f"/orders/{KEY}":
            off.pop()()

    async with faked(sqlite_database, seed=goods(1), on_exchange=told) as stage:
        await stage.selling()
        await _step_before(stage, effect)
        box = stage.erp if effect.side == "erp" else stage.shop
        effect.asked(stage)
        await stage.until(lambda: stage.sql("select id from lane where name = :name and due_at is not null", name=LANE))
        off.append(lambda: _switch(stage, active=False))
        await _wake(stage, effect)
        await stage.until(lambda: not off)
        await stage.until(lambda: stage.sql("select id from lane where name = :name and due_at is null and lease is null", name=LANE))
        assert box.counts.writes[effect.call] == 0
        _switch(stage, active=True)
        now = stage.clock.now().timestamp()
        await stage.store.writing(lambda c: trigger.wake_all(Scope(c, stage.tenant_id, stage.integration_id, now), ["orders"]))
        stage.runner.poke()
        await stage.until(lambda: box.counts.writes[effect.call])


def _switch(stage: Stage, *, active: bool) -> None:
    with stage.store.write() as c:
        config.update_integration(c, stage.tenant_id, stage.integration_id, active=active)


@pytest.mark.trap("engine.push-current")
async def test_a_batch_is_decided_by_the_options_of_then(sqlite_database: str) -> None:
    """They change while the first batch is on its way: the second is not sent as the first was."""
    stages: list[Stage] = []

    def told(exchange: Exchange) -> None:
        if stages and exchange.method == "PUT" and exchange.path.startswith("/stock/"):
            with stages.pop().store.write() as c:
                config.update_integration(c, 1, 1, options={"stock_buffer": 2})

    @batch(max=5)
    async def small(self: FakeShop, batch: Any) -> None:
        await FakeShop.push_stock(self, batch)

    manifests = (lacking(FAKE_SHOP, push_stock=small),)
    async with faked(sqlite_database, seed=goods(15), on_exchange=told, manifests=manifests) as stage:
        await stage.selling()
        stages.append(stage)
        stage.erp.change([Change(sku.key, stock={"1": 10}) for sku in stage.erp.state()])
        await stage.resync(["stock"])
        await stage.until(lambda: len({row["want"]["sku"] for row in _sent(stage, (10, 8))}) == 15)
        assert len(_sent(stage, (10,))) == 5, "what was on its way"


def _sent(stage: Stage, quantities: tuple[int, ...]) -> list[Any]:
    """What the shop holds of its stock with one of these quantities."""
    return [row for row in stage.shop.held["stock"].values() if row["want"]["quantity"] in quantities]


@pytest.mark.trap("engine.page-current")
async def test_a_reading_that_began_before_the_options_changed_is_decided_by_the_new_ones(sqlite_database: str) -> None:
    """By the old ones nothing would be new, and nothing sent."""
    stages: list[Stage] = []

    def told(exchange: Exchange) -> None:
        if stages and exchange.path.startswith("/list/stock"):
            with stages.pop().store.write() as c:
                config.update_integration(c, 1, 1, options={"stock_buffer": 2})

    async with faked(sqlite_database, seed=goods(1), run=False) as stage:
        stage.registry.transport = ObservedTransport(told)
        stage.start()
        await stage.selling()
        before = {key: row["want"]["quantity"] for key, row in stage.shop.held["stock"].items()}
        stages.append(stage)
        await stage.resync(["stock"])
        await stage.until(lambda: not stages)
        await stage.quiet()
        assert {key: row["want"]["quantity"] for key, row in stage.shop.held["stock"].items()} == {
            key: quantity - 2 for key, quantity in before.items()
        }
