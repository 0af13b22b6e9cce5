"""Random histories of orders on a whole pair: cuts, splits, cancellations, edits and refunds, through the engine and over HTTP.

At the end of every order: charged = invoiced + given back + what stands as a task, to the cent, and whatever differs is a task.
"""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.goods import goods, gtin, product
from tests.support.selling import asleep, in_erp, sell, state, tasks, told
from tests.support.stage import Stage, faked, staged

from engate.testing.facts import SeedBranch, SeedSku

D = Decimal
ORDERS = 8
ENDED = ("delivered", "cancelled", "expired")


def two_branches() -> Any:
    """Two SKUs in each of two branches."""
    seed = goods(4)
    apart = tuple(
        product(n, skus=(SeedSku(str(50000 + n), gtin(n), "UN", 1, D("10.01") + n, {branch: 500}),))
        for n, branch in ((0, "1"), (1, "2"), (2, "1"), (3, "2"))
    )
    return msgspec.structs.replace(seed, branches=(*seed.branches, SeedBranch("2", "Filial", "11222333000262")), products=apart)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_happens_the_money_of_every_order_adds_up(sqlite_database: str, seed: int) -> None:
    dice = random.Random(seed)
    async with faked(sqlite_database, seed=two_branches(), selling=True) as stage:
        stage.shop.switches.changes = dice.choice(["at_once", "refused"])
        keys = [sell(stage, *(dice.randint(1, 4) for _ in range(dice.randint(1, 4))), number=n) for n in range(1, ORDERS + 1)]
        for key in keys:
            await stage.until(lambda key=key: stage.shop.placed[key].state == "handling", 40)
        charged = {key: stage.shop.placed[key].total for key in keys}
        for key in dice.sample(keys, ORDERS // 2):
            _edited(stage, key, dice)
        for key in keys:
            await asleep(stage, key)
        for key in keys:
            for order in in_erp(stage, key):
                _end(stage, order.key, dice)
        for key in keys:
            await _ended(stage, key)
        for key in keys:
            await asleep(stage, key)
            open_tasks = sum((await tasks(stage, key)).values(), D(0))
            assert charged[key] == _invoiced(stage, key) + _given_back(stage, key) + open_tasks, (key, stage.shop.told.get(key))


def _edited(stage: Stage, key: str, dice: random.Random) -> None:
    """The shop takes a unit off a line, or gives money back."""
    order = stage.shop.placed[key]
    line = dice.choice(order.items)
    if dice.random() < 0.7:
        stage.erp.switches.changes = dice.random() < 0.5
        stage.shop.edit(key, {line.line: line.quantity - 1})
    else:
        stage.shop.refund(key, D("1.23"))


def _end(stage: Stage, erp_key: str, dice: random.Random) -> None:
    """The ERP ends its order in one of many ways."""
    order = stage.erp.taken[erp_key]
    if order.state == "cancelled":
        return
    fate = dice.choice(["cancel", "cut", "full", "two notes", "full", "cut"])
    if fate == "cancel":
        stage.erp.cancel([erp_key], "Sem estoque")
        return
    units = {item.sku: item.quantity for item in order.items}
    if fate == "cut":
        sku = dice.choice(sorted(units))
        attended = dice.randint(0, int(units[sku]) - 1) if units[sku] else 0
        stage.erp.cut(erp_key, {sku: attended})
        value = (order.total * D(dice.randint(10, 99)) / 100).quantize(D("0.01"))
        stage.erp.invoice(erp_key, value=value)
    elif fate == "two notes" and len(units) > 1:
        first, *rest = sorted(units)
        half = (order.total / 2).quantize(D("0.01"))
        stage.erp.invoice(erp_key, value=half, items={first: units[first]}, more=True)
        stage.erp.invoice(erp_key, value=order.total - half, items={sku: units[sku] for sku in rest})
    else:
        stage.erp.invoice(erp_key)
    stage.erp.ship(erp_key, f"BR{erp_key}")
    stage.erp.progress("delivered", [erp_key])


async def _ended(stage: Stage, key: str) -> None:
    if all(order.state == "cancelled" for order in in_erp(stage, key)):
        await state(stage, key, "cancelled")
        return

    async def over() -> bool:
        row = await stage.order(key)
        return row.state in ENDED or row.cause is not None

    await stage.until(over, 40)


def _invoiced(stage: Stage, key: str) -> Decimal:
    """What the ERP's notes of the order bill."""
    notes = [note for order in in_erp(stage, key) if order.state != "cancelled" for note in order.invoices or ()]
    return sum((note.value for note in notes), D(0))


def _given_back(stage: Stage, key: str) -> Decimal:
    order = stage.shop.placed[key]
    assert order.state != "cancelled" or told(stage, key, "invoice") == []
    return order.refunded


# ---- the same on WinThor and VTEX ----


@pytest.mark.parametrize("seed", [1, 2])
async def test_on_winthor_and_vtex_too(sqlite_database: str, seed: int) -> None:
    dice = random.Random(seed)
    async with staged(sqlite_database, seed=two_branches()) as stage:
        stage.erp.corrupt("parameter", "invoice_window=0")
        await stage.selling()
        keys = [sell(stage, *(dice.randint(1, 4) for _ in range(dice.randint(1, 4))), number=n) for n in range(1, ORDERS + 1)]
        for key in keys:
            await stage.until(lambda key=key: _shown(stage, key).phase == "in_erp", 40)
        charged = {key: _shown(stage, key).total for key in keys}
        for order in stage.erp.orders():
            fate = dice.choice(["cancel", "cut", "full", "cut"])
            if fate == "cancel":
                stage.erp.cancel([order.key], "Sem estoque")
            elif fate == "cut" and order.items[0][1] > 1:
                stage.erp.corrupt("cut", f"{order.key}/1={dice.randint(1, int(order.items[0][1]) - 1)}")
        stage.erp.progress("invoiced", None)
        for key in keys:
            await stage.until(lambda key=key: _shown(stage, key).phase in ("invoiced", "cancelled"), 40)
            await asleep(stage, key)
            billed = sum((order.total for order in stage.erp.orders() if _of(order, key) and order.phase != "cancelled"), D(0))
            shown = _shown(stage, key)
            given_back = charged[key] if shown.phase == "cancelled" else charged[key] - shown.total
            open_tasks = sum((await tasks(stage, key)).values(), D(0))
            assert charged[key] == billed + given_back + open_tasks, key
            assert open_tasks == 0, "VTEX takes every change"


def _shown(stage: Stage, key: str) -> Any:
    return next(order for order in stage.shop.orders() if order.key == key)


def _of(order: Any, key: str) -> bool:
    return order.storefront_key.partition("/")[0] == key
