"""`make faults`: a platform that drips, lies, never ends, forbids or is half dead, of either side of two pairs, beside a healthy tenant.

Through all of it the healthy one is never slower than twice undisturbed; the sick one says why within a minute; and when its platform is
well again, everything is equal on both sides. Seeded, under five minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import sqlalchemy as sa
from tests.support.goods import goods, sale
from tests.support.stage import Stage, neighbour, staged

from engate.logs import configure
from engate.model import Check
from engate.operations import links, trigger
from engate.operations.scope import Scope
from engate.store import config
from engate.sync.work import Delays
from engate.testing.facts import Change, Fault
from engate.testing.sandbox import Sandbox
from engate.text import Text

PAIRS = (("fake_erp", "fake_shop"), ("winthor", "vtex"))
SIDES = ("erp", "shop")
FAST = Delays(
    unknown_after=0.5, retry_first=0.1, retry_most=1.0, invoice_retry=0.2, settles_within=0.5, look_pause=0.1, forbidden_wait=1.0,
    slow_after=1.5, slice_most=5.0,
)  # fmt: skip
SLOTS = 16
SAYS_WITHIN = 60.0
RECOVERS_WITHIN = 150.0
"""After a refusal VTEX wants a minute's rest, and the last one may come just before it is well again."""
HIDDEN = timedelta(minutes=5)
JITTER = 0.5
"""Seconds that a loaded machine takes from anybody."""

ALWAYS = 1_000_000


def _dripping(box: Sandbox) -> list[Fault]:
    del box
    return [Fault("drip", times=ALWAYS, milliseconds=5000)]


def _lying(box: Sandbox) -> list[Fault]:
    del box
    return [Fault("html", times=ALWAYS)]


def _huge(box: Sandbox) -> list[Fault]:
    """One answer that floods, and all others that trickle on for ever."""
    flood = box.describe().operations.get("import_order", "")
    floods = [Fault("huge", flood, megabytes=65)] if flood else []
    return [*floods, Fault("huge", times=ALWAYS, megabytes=1)]


def _forbidden(box: Sandbox) -> list[Fault]:
    del box
    return [Fault("403", times=ALWAYS)]


def _half_dead(box: Sandbox) -> list[Fault]:
    """Some calls fail, some have their effect and no answer, and some hang."""
    del box
    return [
        Fault("500_applied", rate=0.3, times=2, seed=1), Fault("reset", rate=0.5, times=3, seed=2),
        Fault("hang", rate=0.3, times=1, seed=3), Fault("429", rate=0.3, times=2, seed=4),
    ]  # fmt: skip


SICKNESSES: dict[str, Callable[[Sandbox], list[Fault]]] = {
    "dripping": _dripping, "lying": _lying, "huge": _huge, "forbidden": _forbidden, "half dead": _half_dead,
}  # fmt: skip


class Endured(NamedTuple):
    """One sickness of one side. `slowest`: of the healthy tenant's trades; `said`: seconds until a reason was shown, `words` of it."""

    name: str
    slowest: float
    said: float
    words: str
    recovered: float

    def line(self) -> str:
        return f"{self.name}: healthy {self.slowest:.2f} s, said after {self.said:.1f} s ({self.words}), well after {self.recovered:.1f} s"


class House:
    """A sick tenant, a healthy one, and what is asked of both."""

    def __init__(self, sick: Stage, well: Stage, chance: random.Random) -> None:
        self.sick, self.well, self._chance = sick, well, chance
        self._numbers = iter(range(1, 1_000_000))

    async def undisturbed(self) -> float:
        return max([await self._trade() for _ in range(4)])

    async def endure(self, side: str, sickness: str, orders: int) -> Endured:
        box = self.sick.erp if side == "erp" else self.sick.shop
        box.faults.set(SICKNESSES[sickness](box))
        began = time.monotonic()
        self._busy(orders)
        await self.sick.resync()
        slowest = max([await self._trade() for _ in range(3)])
        words = await self.sick.until(self._words, SAYS_WITHIN)
        said = time.monotonic() - began
        slowest = max(slowest, await self._trade())
        box.faults.set([])
        began = time.monotonic()
        # what a feed gave out and nobody acknowledged comes back after the time that the shop keeps it hidden
        self.sick.shop.clock.advance(HIDDEN)
        await self._mended()
        try:
            await self.sick.until(self._equal, RECOVERS_WITHIN)
        except AssertionError:
            left = "; ".join(await self._unequal())
            raise AssertionError(f"{side} {sickness}: {RECOVERS_WITHIN:.0f} s after it was well again: {left}") from None
        return Endured(f"{type(box).platform} {sickness}", slowest, said, words, time.monotonic() - began)

    def _busy(self, orders: int) -> None:
        """Orders and changes of the sick tenant."""
        skus = [sku for sku in self.sick.shop.state() if sku.visible]
        for _ in range(orders):
            sku = self._chance.choice(skus)
            self.sick.shop.sell([sale(next(self._numbers), (sku.key, 1, str(sku.price)))])
        self.sick.erp.change([Change(sku.key, price=Decimal(self._chance.randint(1000, 9999)) / 100) for sku in self.sick.erp.state()])

    async def _trade(self) -> float:
        """Seconds until an order of the healthy tenant is in its ERP and a changed stock in its shop."""
        began, well, number = time.monotonic(), self.well, next(self._numbers)
        first, *_, last = sorted(well.shop.state(), key=lambda sku: sku.key)
        key = well.shop.sell([sale(number, (first.key, 1, str(first.price)))])[str(number)]
        left = self._chance.randint(1000, 9000)
        well.erp.change([Change(last.key, stock={"1": left})])
        await well.resync(["stock"])
        await well.until(lambda: any(order.storefront_key == key for order in well.erp.orders()), 60)
        await well.until(lambda: _stock(well.shop, last.key) == left, 60)
        return time.monotonic() - began

    async def _words(self) -> str:
        """Why it does not go on, as the sick tenant sees it: health first, then causes; or that there is nothing to say."""
        rows = await self.sick.sql(
            "select c.health_cause as said from connection c where c.tenant_id = :id and c.health <> 'ok'", id=self.sick.tenant_id
        )
        rows += await self.sick.sql(
            "select text as said from cause where tenant_id = :id and owner <> 'storefront'", id=self.sick.tenant_id
        )
        if rows:
            return str(rows[0].said)[:90]
        return "nothing: it got through" if await self._equal() else ""

    async def _mended(self) -> None:
        """The platform is well again: somebody tests both connections, and asks again for what was refused."""
        sick, now = self.sick, self.sick.clock.now().timestamp()

        def test(c: sa.Connection) -> None:
            row = config.integration_row(c, sick.tenant_id, sick.integration_id)
            for id in (row.erp_id, row.storefront_id):
                revision = config.connection_row(c, sick.tenant_id, id).revision
                config.tested(c, id, revision, config.Tested([Check("all", True, Text("", ""))]), now)
            links.revive(c, sick.tenant_id, [sick.integration_id], now)

        await sick.store.writing(test)
        waiting = await sick.sql(
            "select key from shop_order where integration_id = :id and cause_id is not null and state = 'rejected'", id=sick.integration_id
        )
        for row in waiting:
            await sick.store.writing(lambda c, key=row.key: trigger.retry_order(Scope(c, sick.tenant_id, sick.integration_id, now), key))
        await sick.resync()

    async def _equal(self) -> bool:
        return not await self._unequal()

    async def _unequal(self) -> list[str]:
        """What is not the same on both sides: prices, stock, orders that are not in the ERP just once; and what is not well again."""
        erp, shop = self.sick.erp, self.sick.shop
        wanted, there = ({sku.key: (sku.price, sum(sku.stock.values())) for sku in box.state()} for box in (erp, shop))
        found = [
            f"{key}: {there.get(key)} in the shop, {wanted.get(key)} in the ERP"
            for key in {*wanted, *there}
            if wanted.get(key) != there.get(key)
        ]
        entered = Counter(order.storefront_key for order in erp.orders())
        sold = {order.key for order in shop.orders()}
        found += [f"order {key}: {entered[key]} times in the ERP" for key in {*sold, *entered} if entered[key] != 1 or key not in sold]
        rows = await self.sick.sql(
            "select platform, health from connection where tenant_id = :id and health <> 'ok'", id=self.sick.tenant_id
        )
        waiting = await self.sick.sql(
            "select r.kind, r.key, r.state, c.code from record r left join cause c on c.id = r.cause_id "
            "where r.tenant_id = :id and (r.state <> 'settled' or r.cause_id is not null)", id=self.sick.tenant_id,
        )  # fmt: skip
        why = [f"{row.kind} {row.key} is {row.state} ({row.code})" for row in waiting]
        return found + [f"{row.platform} is {row.health}" for row in rows] + (why if found else [])


def _stock(box: Any, key: str) -> Any:
    return next(sum(sku.stock.values()) for sku in box.state() if sku.key == key)


async def run(url: str, pair: tuple[str, str], cases: Sequence[tuple[str, str]], *, seed: int, orders: int) -> tuple[float, list[Endured]]:
    """Every case (side, sickness) in turn: (seconds of a trade undisturbed, what was endured)."""
    erp_name, shop_name = pair
    async with staged(url, erp_name=erp_name, shop_name=shop_name, seed=goods(3), delays=FAST, run=False) as sick:
        sick.slots = SLOTS
        sick.start()
        await sick.selling()
        async with neighbour(sick, "Vizinha", seed=goods(3)) as well:
            await well.selling()
            house = House(sick, well, random.Random(seed))
            undisturbed = await house.undisturbed()
            return undisturbed, [await house.endure(side, sickness, orders) for side, sickness in cases]


def wrong(undisturbed: float, endured: Sequence[Endured]) -> list[str]:
    most = 2 * undisturbed + JITTER
    return [
        f"{each.name}: the healthy tenant took {each.slowest:.2f} s, {undisturbed:.2f} undisturbed"
        for each in endured
        if each.slowest > most
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--orders", type=int, default=24)
    parser.add_argument("--pair", choices=[" ".join(pair) for pair in PAIRS], help="only this one")
    options = parser.parse_args()
    configure("ERROR", json=True)
    began, problems = time.monotonic(), list[str]()
    cases = [(side, sickness) for side in SIDES for sickness in SICKNESSES]
    for pair in [pair for pair in PAIRS if options.pair in (None, " ".join(pair))]:
        with tempfile.TemporaryDirectory() as folder:
            undisturbed, endured = asyncio.run(run(f"sqlite:///{folder}/engate.db", pair, cases, seed=options.seed, orders=options.orders))
        print(f"{' and '.join(pair)}: {undisturbed:.2f} s undisturbed")
        for each in endured:
            print(f"  {each.line()}", flush=True)
        problems += wrong(undisturbed, endured)
    for problem in problems:
        print(f"WRONG: {problem}")
    print(f"faults: {'wrong' if problems else 'ok'} in {time.monotonic() - began:.0f} s (seed {options.seed})")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
