"""One tenant's dripping platform harms nobody else, is named while it still hangs, and lets go when it is told to."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from tests.support.goods import goods, sale
from tests.support.stage import SHORT, Stage, faked, neighbour

from engate.operations import trigger
from engate.operations.scope import Scope
from engate.testing.facts import Change, Fault

DRIP = Fault("drip", times=1_000_000, milliseconds=5000)
ENDLESS = msgspec.structs.replace(SHORT, slow_after=1.0, slice_most=3600.0)


async def test_a_dripping_erp_of_one_tenant_keeps_no_other_waiting(sqlite_database: str) -> None:
    """Each of its calls would last for minutes, and it has more orders than there are slots."""
    async with faked(sqlite_database, seed=goods(2), delays=ENDLESS, run=False) as sick:
        sick.slots = 16
        sick.start()
        await sick.selling()
        async with neighbour(sick, "Vizinha", seed=goods(2)) as well:
            await well.selling()
            undisturbed = max([await _trade(well, n) for n in (101, 102)])
            sick.erp.faults.set([DRIP])
            await _sell(sick, range(1, 41))
            await sick.until(lambda: _held(sick, least=8))
            assert await _trade(well, 103) < max(2 * undisturbed, 2.0)
            assert await _trade(well, 104) < max(2 * undisturbed, 2.0)


@pytest.mark.trap("engine.order-slots", "engine.orders-alone")
async def test_an_order_enters_though_the_catalogues_of_many_tenants_hold_every_other_slot(sqlite_database: str) -> None:
    async with AsyncExitStack() as open_, faked(sqlite_database, seed=goods(1), delays=ENDLESS, run=False) as well:
        well.slots = 4
        well.start()
        await well.selling()
        for n in range(4):
            sick = await open_.enter_async_context(neighbour(well, f"Lenta {n}", seed=goods(1)))
            sick.erp.faults.set([Fault("hang", times=1_000_000)])
            await sick.activate()
        await well.until(lambda: _all_held(well, 3))
        await well.until(lambda: _readings_due(well, 4))
        for n in (1, 2, 3):
            [key] = await _sell(well, [n])
            await well.until(lambda key=key: any(order.storefront_key == key for order in well.erp.orders()))


async def _readings_due(stage: Stage, least: int) -> bool:
    """The others' readings of ERP orders, which come right after the orders."""
    rows = await stage.sql(
        "select id from lane where name = 'read/fulfilment' and due_at <= :now and tenant_id <> :mine",
        now=stage.clock.now().timestamp(), mine=stage.tenant_id,
    )  # fmt: skip
    return len(rows) >= least


async def _all_held(stage: Stage, slots: int) -> bool:
    """By the catalogues of the others."""
    return len(await stage.sql("select id from lane where lease is not null and tenant_id <> :mine", mine=stage.tenant_id)) >= slots


@pytest.mark.trap("engine.slow-is-shown")
async def test_what_hangs_is_named_in_health_while_it_hangs_and_forgotten_when_it_is_well(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), delays=msgspec.structs.replace(ENDLESS, slice_most=2.5), selling=True) as stage:
        stage.erp.faults.set([msgspec.structs.replace(DRIP, operation="GET /orders")])
        await _sell(stage, [1])
        said = await stage.until(lambda: _health(stage, "fake_erp", "degraded"))
        [lane] = await stage.sql("select tries, lease from lane where name = 'order/F00001'")
        assert lane.tries == 1 and lane.lease is not None, "said while the first try hangs, not when it was ended"
        assert said["code"] == "slow" and "procurar o pedido no ERP" in said["text"]["pt"] and "looking for the order" in said["text"]["en"]
        assert await _health(stage, "fake_shop", "ok")
        await stage.until(lambda: _tried_again(stage, "order/F00001"))
        assert await _health(stage, "fake_erp", "degraded"), "a slice that was ended is no recovery, and neither is a reading that works"
        stage.erp.faults.set([])
        await stage.until(stage.erp.orders)
        await stage.until(lambda: _health(stage, "fake_erp", "ok"))


@pytest.mark.trap("engine.off-ends-calls", "engine.off-at-once")
async def test_deactivating_ends_calls_in_flight_at_once(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), delays=ENDLESS, selling=True) as stage:
        stage.erp.faults.set([DRIP])
        await _sell(stage, range(1, 6))
        await stage.until(lambda: _held(stage, least=5))
        await _beaten(stage)  # so that the next heartbeat is three seconds away
        asked = time.monotonic()
        await stage.store.writing(lambda c: trigger.deactivate(Scope(c, stage.tenant_id, stage.integration_id, 0.0)))
        stage.runner.poke()
        await stage.until(lambda: _held(stage, most=0), 10)
        assert time.monotonic() - asked < 2.0, "not only at the next heartbeat"
        await stage.until(lambda: not any(stage.erp.counts.in_flight.values()))


async def test_an_import_that_is_ended_in_flight_is_looked_for_before_it_is_sent_again(sqlite_database: str) -> None:
    """The ERP took it, and answers so slowly that the slice is ended: the order is there once, whatever happens to the answer."""
    async with faked(sqlite_database, seed=goods(1), delays=msgspec.structs.replace(ENDLESS, slice_most=2.0), selling=True) as stage:
        stage.erp.faults.set([msgspec.structs.replace(DRIP, operation="POST /orders", times=1)])
        [key] = await _sell(stage, [1])
        await stage.until(stage.erp.orders)
        assert (await stage.order(key)).parts == ["importing"]
        await stage.until(lambda: _in_erp(stage, key))
        assert len(stage.erp.orders()) == 1


@pytest.mark.trap("engine.slice-most")
async def test_a_push_that_is_ended_in_flight_is_sent_again(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), delays=msgspec.structs.replace(ENDLESS, slice_most=2.0), selling=True) as stage:
        stage.shop.faults.set([msgspec.structs.replace(DRIP, operation="PUT", times=1)])
        [sku] = stage.erp.state()
        stage.erp.change([Change(sku.key, stock={"1": 3})])
        await stage.resync(["stock"])
        await stage.until(lambda: stage.sql("select id from record where kind = 'stock' and state = 'sent' and tries > 0"))
        await stage.until(lambda: stage.sql("select id from record where kind = 'stock' and state = 'settled'"))
        assert stage.shop.state()[0].stock == {"main": 3}


async def _sell(stage: Stage, numbers: Any) -> list[str]:
    first = stage.shop.state()[0]
    keys = stage.shop.sell([sale(n, (first.key, 1, str(first.price))) for n in numbers])
    stage.runner.poke()
    return list(keys.values())


async def _trade(stage: Stage, number: int) -> float:
    """Seconds until an order is in the ERP and a changed stock in the shop."""
    began = time.monotonic()
    [key] = await _sell(stage, [number])
    other = max(stage.erp.state(), key=lambda sku: sku.key)
    left = other.stock["1"] - 1
    stage.erp.change([Change(other.key, stock={"1": left})])
    await stage.resync(["stock"])
    await stage.until(lambda: any(order.storefront_key == key for order in stage.erp.orders()), 15)
    await stage.until(lambda: next(sku for sku in stage.shop.state() if sku.key == other.key).stock["main"] == left, 15)
    return time.monotonic() - began


async def _held(stage: Stage, *, least: int = 0, most: int = 10_000) -> bool:
    """How many of its lanes are in hand, those of its events apart."""
    rows = await stage.sql(
        "select id from lane where integration_id = :id and lease is not null and name <> 'events'", id=stage.integration_id
    )
    return least <= len(rows) <= most


async def _beaten(stage: Stage) -> None:
    """Until the heartbeat has just been given."""

    async def until_when() -> set[float]:
        return {row.lease_until for row in await stage.sql("select lease_until from lane where lease is not null and name like 'order/%'")}

    before = await until_when()

    async def later() -> bool:
        return not before & await until_when()

    await stage.until(later)


async def _health(stage: Stage, platform: str, wanted: str) -> Any:
    """What the connection says of itself ({} where nothing) if it is as wanted."""
    [row] = await stage.sql("select health, health_cause from connection where platform = :platform", platform=platform)
    if row.health != wanted:
        return None
    return (msgspec.json.decode(row.health_cause) if isinstance(row.health_cause, str) else row.health_cause) or {"code": ""}


async def _tried_again(stage: Stage, name: str) -> bool:
    return bool(await stage.sql("select id from lane where name = :name and tries > 1", name=name))


async def _in_erp(stage: Stage, key: str) -> bool:
    return (await stage.order(key)).state == "in_erp"
