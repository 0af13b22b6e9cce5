"""Money: whatever the ERP cuts, cancels or splits and the shop edits, charged = invoiced + given back + a task a person closes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from tests.support.goods import goods, gtin, product
from tests.support.selling import asleep, entered, in_erp, sell, skus, state, tasks, told
from tests.support.stage import Stage, faked

from engate.domain.options import Options
from engate.model import ErpOrder
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.store.blobs import readable
from engate.testing.facts import SeedBranch, SeedSku
from engate.testing.fake_erp.plugin import FAKE_ERP
from engate.testing.fake_shop.plugin import FAKE_SHOP
from engate.testing.fakes import lacking

D = Decimal
DUE = "order.settlement"
NO_CHANGES = (lacking(FAKE_SHOP, "send_order_change"),)


def two_branches() -> Any:
    """Each SKU is in stock in one branch only."""
    seed = goods(2)
    apart = tuple(
        product(n, skus=(SeedSku(str(50000 + n), gtin(n), "UN", 1, D("10.01") + n, {branch: 10}),)) for n, branch in ((0, "1"), (1, "2"))
    )
    return msgspec.structs.replace(seed, branches=(*seed.branches, SeedBranch("2", "Filial", "11222333000262")), products=apart)


async def close(stage: Stage, key: str) -> None:
    """A person says that the order's task is done."""
    now = stage.clock.now().timestamp()
    await stage.store.writing(
        lambda c: trigger.close_tasks(Scope(c, stage.tenant_id, stage.integration_id, now), trigger.Done(key, "Pix devolvido"))
    )
    stage.runner.poke()


# ---- cuts (T3) ----


@pytest.mark.trap("engine.cut-before-note")
async def test_what_was_not_attended_leaves_the_shops_order_before_the_note(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        sku, price = skus(stage)[0]
        key = sell(stage, 3)
        [order] = await entered(stage, key)
        value = order.total - 2 * D(price)
        stage.erp.cut(order.key, {sku: 1})
        stage.erp.invoice(order.key, value=value)
        await stage.until(lambda: stage.shop.placed[key].state == "invoiced")
        [change], [note] = told(stage, key, "change"), told(stage, key, "invoice")
        assert (D(change["refund"]), [(cut["line"], D(cut["quantity"])) for cut in change["cuts"]]) == (2 * D(price), [("1", D(2))])
        assert (D(note["value"]), [(line, D(quantity)) for line, quantity in note["items"]]) == (value, [("1", D(1))])
        assert [verb for verb, _ in stage.shop.told[key]][-2:] == ["change", "invoice"]
        await asleep(stage, key)
        assert await tasks(stage, key) == {} and (await stage.order(key)).cause is None


async def test_a_change_that_is_only_requested_holds_the_note_until_it_is_through(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        stage.shop.switches.changes = "later"
        sku, price = skus(stage)[0]
        key = sell(stage, 2)
        [order] = await entered(stage, key)
        stage.erp.cut(order.key, {sku: 1})
        stage.erp.invoice(order.key, value=order.total - D(price))
        await stage.until(lambda: stage.shop.pending)
        await stage.until(lambda: len([verb for verb in stage.shop.counts.by_operation if verb.endswith("/change")]) and _asked(stage) >= 3)
        assert told(stage, key, "invoice") == [] and await tasks(stage, key) == {}
        stage.shop.settle_changes()
        await stage.until(lambda: stage.shop.placed[key].state == "invoiced")
        assert len(told(stage, key, "change")) == 1


async def _documents(stage: Stage, count: int) -> bool:
    return len(await stage.sql("select id from document")) == count


def _asked(stage: Stage) -> int:
    return sum(stage.shop.counts.by_operation["POST /orders/{key}/change"].values())


@pytest.mark.trap("engine.no-note-while-changing", "engine.change-stored-first")
async def test_a_note_of_another_part_waits_for_a_change_that_is_under_way(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=two_branches(), selling=True) as stage:
        stage.shop.switches.changes = "later"
        key = sell(stage, 2, 1)
        one, two = await entered(stage, key, 2)
        stage.erp.cut(one.key, {one.items[0].sku: 1})
        stage.erp.invoice(one.key, value=one.total - D("10.01"))
        await stage.until(lambda: stage.shop.pending)
        stage.erp.invoice(two.key)
        await stage.until(lambda: _documents(stage, 2))
        before = _asked(stage)
        await stage.until(lambda: _asked(stage) >= before + 2)
        assert told(stage, key, "invoice") == []
        stage.shop.settle_changes()
        await stage.until(lambda: stage.shop.placed[key].state == "invoiced")


@pytest.mark.trap("engine.task-stays")
@pytest.mark.parametrize("by", ["refused", "not offered"])
async def test_a_cut_that_the_shop_cannot_take_is_a_task_until_the_money_is_back(sqlite_database: str, by: str) -> None:
    async with faked(sqlite_database, seed=goods(1), manifests=NO_CHANGES if by == "not offered" else (), selling=True) as stage:
        stage.shop.switches.changes = "refused"
        sku, price = skus(stage)[0]
        key = sell(stage, 3)
        [order] = await entered(stage, key)
        stage.erp.cut(order.key, {sku: 1})
        stage.erp.invoice(order.key, value=order.total - 2 * D(price))
        await stage.until(lambda: told(stage, key, "invoice"))
        await stage.until(lambda: stage.waits(key, DUE))
        assert await tasks(stage, key) == {DUE: 2 * D(price)}
        stage.erp.progress("shipped", None)
        stage.erp.progress("delivered", None)
        await state(stage, key, "delivered")
        await asleep(stage, key)
        assert (await stage.order(key)).cause == DUE, "no step of the order closes it"
        stage.shop.refund(key, 2 * D(price))
        await stage.until(lambda: stage.waits(key, None))
        assert await tasks(stage, key) == {}


async def test_a_person_closes_a_task_and_it_stays_closed(database: str) -> None:
    async with faked(database, seed=goods(1), manifests=NO_CHANGES, selling=True) as stage:
        sku, price = skus(stage)[0]
        key = sell(stage, 2)
        [order] = await entered(stage, key)
        stage.erp.cut(order.key, {sku: 1})
        stage.erp.invoice(order.key, value=order.total - D(price))
        await stage.until(lambda: stage.waits(key, DUE))
        await close(stage, key)
        await stage.until(lambda: stage.waits(key, None))
        stage.erp.progress("shipped", None)
        stage.erp.progress("delivered", None)
        await state(stage, key, "delivered")
        await asleep(stage, key)
        assert (await stage.order(key)).cause is None and await tasks(stage, key) == {}
        [row] = await stage.sql("select closed_by, note from task")
        assert (row.closed_by, row.note) == ("person", "Pix devolvido")


# ---- a part is cancelled (T2) ----


async def test_a_cancelled_part_is_a_task_while_the_other_goes_on_to_the_door(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=two_branches(), manifests=NO_CHANGES, selling=True) as stage:
        key = sell(stage, 1, 1)
        one, two = await entered(stage, key, 2)
        stage.erp.cancel([one.key], "Sem estoque")
        await stage.until(lambda: stage.waits(key, DUE))
        assert await tasks(stage, key) == {DUE: one.total}
        stage.erp.invoice(two.key)
        stage.erp.ship(two.key, "BR2")
        stage.erp.progress("delivered", [two.key])
        await state(stage, key, "delivered")
        await asleep(stage, key)
        assert (await stage.order(key)).cause == DUE and await tasks(stage, key) == {DUE: one.total}
        stage.shop.refund(key, one.total)
        await stage.until(lambda: stage.waits(key, None))


async def test_a_cancelled_part_leaves_the_shops_order_when_another_is_invoiced(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=two_branches(), selling=True) as stage:
        key = sell(stage, 1, 1)
        one, two = await entered(stage, key, 2)
        stage.erp.cancel([one.key], "Sem estoque")
        await asleep(stage, key)
        assert told(stage, key, "change") == [] and await tasks(stage, key) == {}
        stage.erp.invoice(two.key)
        await stage.until(lambda: stage.shop.placed[key].state == "invoiced")
        [change] = told(stage, key, "change")
        assert D(change["refund"]) == one.total and [item.line for item in stage.shop.placed[key].items] == ["2"]
        await asleep(stage, key)
        assert await tasks(stage, key) == {}


@pytest.mark.trap("engine.held-and-cancelled")
async def test_a_held_part_that_is_cancelled_gives_its_units_back_while_the_other_goes_on(database: str) -> None:
    """The ERP never reserved them, and the shop's order stays as it is: nothing else would say that they are for sale again."""
    async with faked(database, seed=two_branches(), selling=True) as stage:
        stage.erp.switches.first_state = "held"
        key = sell(stage, 1, 1)
        one, two = await entered(stage, key, 2)
        first = one.items[0].sku
        await stage.resync(["stock"])
        await stage.until(lambda: _offered(stage, first) == 9)
        await stage.quiet()
        stage.erp.release(two.key)
        stage.erp.cancel([one.key], "Sem crédito")
        await stage.until(lambda: _offered(stage, first) == 10)


def _offered(stage: Stage, sku: str) -> Decimal:
    return sum((D(str(body["want"]["quantity"])) for body in stage.shop.held["stock"].values() if body["want"]["sku"] == sku), D(0))


async def test_when_every_part_is_cancelled_the_shops_order_is(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=two_branches(), selling=True) as stage:
        key = sell(stage, 1, 1)
        one, two = await entered(stage, key, 2)
        stage.erp.cancel([one.key], "Sem estoque")
        await asleep(stage, key)
        stage.erp.cancel([two.key], "Sem estoque")
        await stage.until(lambda: stage.shop.placed[key].state == "cancelled")
        await state(stage, key, "cancelled")
        await asleep(stage, key)
        assert await tasks(stage, key) == {} and (await stage.order(key)).cause is None


# ---- the shop changes the order (T4, F3) ----


@pytest.mark.trap("engine.changed-in-shop")
async def test_a_change_in_the_shop_is_made_in_the_erp(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(2), selling=True) as stage:
        key = sell(stage, 3, 1)
        await entered(stage, key)
        stage.shop.edit(key, {"1": 1})
        await stage.until(lambda: in_erp(stage, key)[0].total == stage.shop.placed[key].total)
        await asleep(stage, key)
        assert [item.quantity for item in in_erp(stage, key)[0].items] == [1, 1]
        stage.erp.progress("invoiced", None)
        await stage.until(lambda: stage.shop.placed[key].state == "invoiced")
        await asleep(stage, key)
        assert await tasks(stage, key) == {} and (await stage.order(key)).cause is None


@pytest.mark.trap("engine.changed-in-shop")
@pytest.mark.parametrize("by", ["refused", "not offered"])
async def test_a_change_that_the_erp_cannot_take_is_attention_with_both_versions(sqlite_database: str, by: str) -> None:
    manifests = (lacking(FAKE_ERP, "import_order_change"),) if by == "not offered" else ()
    async with faked(sqlite_database, seed=goods(1), manifests=manifests, selling=True) as stage:
        stage.erp.switches.changes = False
        sku, price = skus(stage)[0]
        key = sell(stage, 3)
        [order] = await entered(stage, key)
        stage.shop.edit(key, {"1": 1})
        await stage.until(lambda: stage.waits(key, "order.changed_in_shop"))
        [row] = await stage.sql("select c.text from shop_order o join cause c on c.id = o.cause_id")
        said = row.text if isinstance(row.text, dict) else json.loads(row.text)
        assert f"3 × {sku}" in said["pt"] and f"1 × {sku}" in said["pt"]
        assert await tasks(stage, key) == {DUE: -2 * D(price)}
        # the operator changes it in the ERP by hand
        stage.erp._put_order(
            msgspec.structs.replace(order, items=(msgspec.structs.replace(order.items[0], quantity=1),), total=stage.shop.placed[key].total)
        )
        await stage.until(lambda: stage.waits(key, None))
        assert await tasks(stage, key) == {}


async def test_an_item_added_in_the_shop_is_attention(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(2), selling=True) as stage:
        key = sell(stage, 1)
        await entered(stage, key)
        order = stage.shop.placed[key]
        more = msgspec.structs.replace(order.items[0], line="9", name="Brinde")
        total = order.total + more.price
        stage.shop._move(order, items=(*order.items, more), items_total=order.items_total + more.price, total=total)
        await stage.until(lambda: stage.waits(key, "order.changed_in_shop"))
        assert len(in_erp(stage, key)[0].items) == 1


async def test_a_line_that_is_gone_from_the_shop_cancels_a_part_of_which_nothing_is_left(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=two_branches(), selling=True) as stage:
        key = sell(stage, 1, 1)
        await entered(stage, key, 2)
        stage.shop.edit(key, {"1": 0})
        await stage.until(lambda: in_erp(stage, key)[0].state == "cancelled")
        stage.erp.progress("invoiced", None)
        await stage.until(lambda: stage.shop.placed[key].state == "invoiced")
        await asleep(stage, key)
        [change] = told(stage, key, "change")
        assert await tasks(stage, key) == {} and change["cuts"] == [] and D(change["refund"]) > 0, "its share of the freight goes back"


# ---- the ERP's own total (W4) ----


@pytest.mark.trap("engine.erp-total", "engine.erp-total-of-what-was-sent")
async def test_an_erp_order_of_another_total_is_a_task_with_both_sums_until_it_is_put_right(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(2), selling=True) as stage:
        stage.erp.switches.adds = D("0.03")
        key = sell(stage, 1, 1)
        [order] = await entered(stage, key)
        await stage.until(lambda: stage.waits(key, "order.erp_total"))
        assert await tasks(stage, key) == {"order.erp_total": D("-0.03")}
        [row] = await stage.sql("select text from task")
        said = (row.text if isinstance(row.text, dict) else json.loads(row.text))["pt"]
        charged = stage.shop.placed[key].total
        assert f"{charged:.2f}".replace(".", ",") in said and f"{order.total:.2f}".replace(".", ",") in said and order.key in said
        stage.erp._put_order(msgspec.structs.replace(order, total=charged))
        await stage.until(lambda: stage.waits(key, None))
        assert await tasks(stage, key) == {}
        stage.erp.cut(order.key, {order.items[0].sku: 0})
        stage.erp._put_order(msgspec.structs.replace(stage.erp.taken[order.key], total=D("12.00")))
        await _said(stage, D("12.00"))
        await asleep(stage, key)
        assert await tasks(stage, key) == {}, "what was cut, the notes will tell"


async def _said(stage: Stage, total: Decimal) -> None:
    """Until the engine has read this total of the only order."""

    async def there() -> bool:
        [row] = await stage.sql("select erp_doc from part")
        said = readable(row.erp_doc, ErpOrder)
        return said is not None and said.total == total

    await stage.until(there)


@pytest.mark.trap("engine.erp-total-tolerated")
@pytest.mark.parametrize(("cents", "adds", "due"), [(1, "0.02", False), (1, "-0.02", False), (0, "0.01", True), (1, "-0.03", True)])
async def test_what_is_tolerated_counts_by_line(sqlite_database: str, cents: int, adds: str, due: bool) -> None:
    async with faked(sqlite_database, seed=goods(2), options=Options(erp_total_cents=cents), selling=True) as stage:
        stage.erp.switches.adds = D(adds)
        key = sell(stage, 1, 1)
        [order] = await entered(stage, key)
        await _said(stage, order.total)
        await asleep(stage, key)
        assert await tasks(stage, key) == ({"order.erp_total": -D(adds)} if due else {})


# ---- more than was charged ----


@pytest.mark.trap("engine.above-the-charge")
@pytest.mark.parametrize("policy", ["ask", "loss"])
async def test_more_than_was_charged_is_asked_or_borne_and_never_silent(sqlite_database: str, policy: Any) -> None:
    async with faked(sqlite_database, seed=goods(1), options=Options(invoiced_above_charge=policy), selling=True) as stage:
        sku, price = skus(stage)[0]
        key = sell(stage, 1)
        [order] = await entered(stage, key)
        stage.erp.invoice(order.key, value=order.total + D(price), items={sku: 2})
        if policy == "ask":
            await stage.until(lambda: stage.waits(key, "order.invoiced_above"))
            assert told(stage, key, "invoice") == [] and await tasks(stage, key) == {DUE: -D(price)}
            await close(stage, key)
        await stage.until(lambda: stage.shop.placed[key].state == "invoiced")
        await asleep(stage, key)
        assert (await stage.order(key)).cause is None and await tasks(stage, key) == {}
        assert D(told(stage, key, "invoice")[0]["value"]) == order.total


@pytest.mark.trap("engine.taxes-on-top")
async def test_taxes_on_top_of_the_note_are_not_the_buyers(sqlite_database: str) -> None:
    """ICMS-ST or IPI make the note larger than the charge, with the quantities as ordered."""
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        key = sell(stage, 1)
        [order] = await entered(stage, key)
        stage.erp.invoice(order.key, value=order.total + D("3.21"))
        await stage.until(lambda: stage.shop.placed[key].state == "invoiced")
        await asleep(stage, key)
        assert await tasks(stage, key) == {} and (await stage.order(key)).cause is None


async def test_an_order_of_nothing_or_before_go_live_has_no_money_to_settle(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        key = sell(stage, 1, paid=False)
        await state(stage, key, "awaiting_payment")
        stage.shop.progress("expired", [key])
        await state(stage, key, "expired")
        assert await stage.store.reading(lambda c: c.execute(sa.text("select count(*) from task")).scalar()) == 0
