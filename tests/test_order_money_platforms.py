"""WinThor and VTEX together: what one does not attend, the other gives back; every order ends with its money accounted for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.support.goods import goods, sale
from tests.support.stage import Stage, staged

from engate.views import explain

D = Decimal
CHANGE = "PATCH /api/order-system/orders/{changeOrderId}/changes"


def sell(stage: Stage, *quantities: int) -> str:
    """An order of the first SKUs, so many of each."""
    known = sorted((sku.key, str(sku.price)) for sku in stage.shop.state())
    lines = [(key, quantity, price) for (key, price), quantity in zip(known, quantities, strict=False)]
    return stage.shop.sell([sale(1, *lines)])["1"]


def in_shop(stage: Stage, key: str) -> Any:
    return next(order for order in stage.shop.orders() if order.key == key)


async def entered(stage: Stage, key: str) -> str:
    """The ERP's number of an order that the shop knows to be there."""
    await stage.until(lambda: in_shop(stage, key).phase == "in_erp")
    [order] = stage.erp.orders()
    return order.key


def invoiced(stage: Stage) -> None:
    stage.erp.corrupt("parameter", "invoice_window=0")
    stage.erp.progress("invoiced", None)


async def tasks(stage: Stage, key: str) -> dict[str, Decimal]:
    rows = await stage.sql(
        "select t.code, t.amount from task t join shop_order o on o.id = t.order_id where o.key = :key and t.closed_at is null", key=key
    )
    return {row.code: D(str(row.amount)).quantize(D("0.01")) for row in rows}


@pytest.mark.parametrize(("corrupt", "what"), [("cut", "/1=1"), ("weighed", "/1=1")])
async def test_what_the_erp_does_not_attend_is_given_back_and_the_shop_closes(sqlite_database: str, corrupt: str, what: str) -> None:
    """T3: three sold, one attended; the note of less closes the order, whose value is that of the note."""
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        key = sell(stage, 3)
        charged = in_shop(stage, key).total
        number = await entered(stage, key)
        stage.erp.corrupt(corrupt, f"{number}{what}")
        invoiced(stage)
        await stage.until(lambda: in_shop(stage, key).phase == "invoiced")
        [order] = stage.erp.orders()
        shown = in_shop(stage, key)
        assert (shown.total, [quantity for _, quantity, _ in shown.items]) == (order.total, [1])
        assert charged - shown.total == 2 * D("10.00")
        assert await tasks(stage, key) == {}


async def test_an_order_that_winthor_totals_otherwise_is_a_task_until_it_is_put_right(sqlite_database: str) -> None:
    """W4: somebody adds an expense to the order in WinThor, whose total has it inside."""
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        key = sell(stage, 1)
        number = await entered(stage, key)
        orders: Any = stage.erp.world.orders
        for added, due in ((D("0.05"), {"order.erp_total": D("-0.05")}), (D("-0.05"), {})):
            order = orders.get(number)
            order.other_expenses += added
            orders.moved(order)
            await stage.until(lambda due=due: _due(stage, key, due))


async def _due(stage: Stage, key: str, due: dict[str, Decimal]) -> bool:
    return await tasks(stage, key) == due


async def test_a_change_that_takes_its_time_keeps_the_note_waiting(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        stage.shop.corrupt("setting", "change_window=manual")
        key = sell(stage, 3)
        number = await entered(stage, key)
        stage.erp.corrupt("cut", f"{number}/1=1")
        invoiced(stage)
        await stage.until(lambda: stage.shop.counts.by_operation.get(CHANGE))
        assert in_shop(stage, key).invoices == ()
        stage.shop.progress("changed", None)
        await stage.until(lambda: in_shop(stage, key).phase == "invoiced")
        assert stage.shop.counts.by_operation[CHANGE] == {"202": 1}
        assert await tasks(stage, key) == {}


async def test_a_change_that_the_shop_cancels_is_a_persons_task(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        stage.shop.corrupt("setting", "change_outcome=canceled")
        key = sell(stage, 3)
        number = await entered(stage, key)
        stage.erp.corrupt("cut", f"{number}/1=1")
        invoiced(stage)

        async def stands_open() -> bool:
            return await tasks(stage, key) == {"order.settlement": D("20.00")}

        await stage.until(stands_open)
        await stage.until(lambda: len(in_shop(stage, key).invoices) == 1)


async def test_of_several_notes_only_the_companys_own_go(sqlite_database: str) -> None:
    """T9: a foreign and a broken one beside two of our own, which close the order together."""
    async with staged(sqlite_database, seed=goods(2), selling=True) as stage:
        key = sell(stage, 1, 2)
        number = await entered(stage, key)
        await stage.stop()
        invoiced(stage)
        for kind, what in (("note_split", "=2"), ("note_foreign", ""), ("note_unreadable", "")):
            stage.erp.corrupt(kind, f"{number}{what}")
        stage.start()
        await stage.until(lambda: in_shop(stage, key).phase == "invoiced")
        [order] = stage.erp.orders()
        assert in_shop(stage, key).invoices == order.invoices[:2]
        assert len(await stage.sql("select id from document")) == 4


@pytest.mark.trap("engine.cancelled-explained")
async def test_a_cancelled_order_is_explained_by_what_it_is_not_by_an_old_word_of_the_shop(sqlite_database: str) -> None:
    """The buyer asked for it while the order was in handling, and engate had it cancelled on both sides. VTEX shows no refund."""
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        key = sell(stage, 1)
        number = await entered(stage, key)
        paid = f"R$ {in_shop(stage, key).total:.2f}".replace(".", ",")
        stage.shop.cancel([key], "Desisti")
        said = f"Cancelado. O cliente tinha pago {paid}. A loja não mostra devolução: confira lá. Número no ERP: {number}."
        await stage.until(lambda: _explained(stage, key, said))


async def _explained(stage: Stage, key: str, said: str) -> bool:
    found = await stage.store.reading(lambda c: explain.order_of(c, stage.tenant_id, stage.integration_id, key))
    return found.verdict.text.pt == said
