"""A clock that was an hour ahead and is set right: nothing sleeps until it gets there again, with or without a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from tests.support.goods import goods, sale
from tests.support.stage import SHORT, Stage, faked

from engate.testing.facts import Change, Fault

HOUR = 3600.0
PATIENT = msgspec.structs.replace(SHORT, retry_first=0.5, retry_most=2.0)


class Adjusted:
    """The machine's clock, as somebody sets it."""

    def __init__(self, ahead: float) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)


@pytest.mark.trap("engine.clock-set-back")
@pytest.mark.parametrize(
    ("database", "restart"),
    [("sqlite", False), ("sqlite", True), ("postgresql", True)],
    indirect=["database"],
    ids=["sqlite-running", "sqlite-restarted", "postgresql-restarted"],
)
async def test_after_the_clock_is_set_right_everything_is_due_again(database: str, restart: bool) -> None:
    clock = Adjusted(HOUR)
    async with faked(database, seed=goods(2), clock=clock, delays=PATIENT) as stage:
        await stage.selling()
        first, second = stage.erp.state()
        # one import and one push of unknown effect, one push that backs off: all stamped by the wrong clock
        stage.erp.faults.set([Fault("500_applied", "POST /orders")])
        stage.shop.faults.set([Fault("500", "PUT", times=1_000)])
        stage.shop.sell([sale(1, (first.key, 1, str(first.price)))])
        stage.erp.change([Change(second.key, price=Decimal("55.00"))])
        await stage.resync(["prices"])
        await stage.until(stage.erp.orders)
        await stage.until(lambda: stage.sql("select id from record where kind = 'price' and tries > 0"))
        if restart:
            await stage.stop()
        clock.ahead = 0.0
        stage.erp.faults.set([])
        stage.shop.faults.set([])
        if restart:
            stage.start()
        await stage.until(lambda: _in_erp(stage, "F00001"))
        await stage.until(lambda: next(sku for sku in stage.shop.state() if sku.key == second.key).price == Decimal("55.00"))
        stage.shop.sell([sale(2, (first.key, 1, str(first.price)))])
        await stage.until(lambda: len(stage.erp.orders()) == 2)
        assert await _asleep(stage) == []


async def _in_erp(stage: Stage, key: str) -> bool:
    return (await stage.order(key)).state == "in_erp"


async def _asleep(stage: Stage) -> list[str]:
    """Stamps that still lie ahead of what they may."""
    now = stage.clock.now().timestamp()
    looks = {
        "events due": ("select name from lane where name = 'events' and ready_at > :at", now + 1),
        "a lane backing off": ("select name from lane where not_before > :at", now + PATIENT.retry_most + 1),
        "stock due": ("select name from lane where name = 'read/stock' and due_at > :at", now + 61),
        "a record backing off": ("select key from record where not_before > :at", now + PATIENT.retry_most + 1),
        "read": ("select key from record where read_at > :at", now + 1),
        "freed": ("select sku from unit where freed_at > :at", now + 1),
        "flows": ("select name from flow where read_at > :at or full_at > :at", now + 1),
        "runs": ("select id from run where ended_at > :at", now + 1),
        "seen": ("select worker from slice_count where seen_at > :at", now + 1),
    }
    return [what for what, (query, at) in looks.items() if await stage.sql(query, at=at)]


async def _pulled_back(stage: Stage) -> bool:
    return not await _asleep(stage)
