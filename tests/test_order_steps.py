"""The steps of an order on any two platforms: what one of them lacks, what fails again and again, and what the ERP tells in its own way."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from tests.support.goods import BUYER, goods, sale
from tests.support.selling import asleep, entered, in_erp, sell, skus, state, tasks, told
from tests.support.stage import SHORT, Stage, faked

from engate.domain.mapping import PairMapping, PaymentRow
from engate.model import ErpOrder, OrderEvent
from engate.store import config, lanes
from engate.store.tables import part
from engate.testing.facts import Fault, Sale, SaleItem, SalePayment
from engate.testing.fake_erp.plugin import FAKE_ERP
from engate.testing.fake_shop.plugin import FAKE_SHOP
from engate.testing.fakes import lacking
from engate.views import explain
from engate.views.orders import one_order

D = Decimal


async def words(stage: Stage, key: str) -> str:
    """What the order waits for, in Portuguese, with the hint."""
    [row] = await stage.sql("select c.text, c.hint from shop_order o join cause c on c.id = o.cause_id where o.key = :key", key=key)
    text, hint = (each if isinstance(each, dict) else json.loads(each) for each in (row.text, row.hint))
    return f"{text['pt']} {hint['pt']}"


async def offered_in_shop(stage: Stage, quantity: int) -> None:
    await stage.until(lambda: stage.shop.state()[0].stock["main"] == quantity)


async def nothing_to_push(stage: Stage) -> None:
    async def rests() -> bool:
        return not await stage.sql("select id from lane where name = 'push/stock' and (due_at is not null or lease is not null)")

    await stage.until(rests)


def reads_of_orders(stage: Stage) -> int:
    return stage.shop.counts.by_operation["GET /orders/{key}"]["200"]


# ---- what one side does not offer (F2, F7) ----


@pytest.mark.trap("engine.hook-not-offered")
async def test_an_erp_that_cannot_cancel_leaves_it_to_a_person_and_goes_on_when_it_is_done(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), manifests=(lacking(FAKE_ERP, "import_cancellation"),), selling=True) as stage:
        key = sell(stage)
        [order] = await entered(stage, key)
        stage.shop.cancel([key], "Desisti")
        await stage.until(lambda: stage.waits(key, "order.step_not_offered"))
        assert f"Cancele o pedido {order.key} no ERP" in await words(stage, key)
        await asleep(stage, key)  # it is not tried again and again
        stage.erp.cancel([order.key], "Cancelado à mão")
        await state(stage, key, "cancelled")
        await stage.until(lambda: stage.waits(key, None))


async def test_a_shop_that_cannot_be_told_of_a_cancellation_leaves_it_to_a_person(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), manifests=(lacking(FAKE_SHOP, "send_cancellation"),), selling=True) as stage:
        key = sell(stage)
        [order] = await entered(stage, key)
        stage.erp.cancel([order.key], "Sem estoque")
        await stage.until(lambda: stage.waits(key, "order.step_not_offered"))
        assert "na loja" in await words(stage, key)
        stage.shop.cancel([key], "Cancelado à mão")
        await state(stage, key, "cancelled")
        await stage.until(lambda: stage.waits(key, None))


@pytest.mark.parametrize("hook", ["send_handling", "send_invoice", "send_tracking", "send_delivery", "finish_order"])
async def test_without_an_optional_hook_the_order_goes_its_way(sqlite_database: str, hook: str) -> None:
    manifests = (lacking(FAKE_ERP if hook == "finish_order" else FAKE_SHOP, hook),)
    async with faked(sqlite_database, seed=goods(1), manifests=manifests, selling=True) as stage:
        key = sell(stage)
        await stage.until(lambda: in_erp(stage, key))
        await state(stage, key, "in_erp")
        for to in ("invoiced", "shipped", "delivered"):
            stage.erp.progress(to, None)
        await state(stage, key, "delivered")
        await asleep(stage, key)
        assert (await stage.order(key)).cause is None and await tasks(stage, key) == {}
        expected = {"send_handling": "handling", "send_invoice": "invoice", "send_tracking": "shipment", "send_delivery": "delivery"}
        missing = {verb for verb in expected.values() if not told(stage, key, verb)}
        assert missing == {expected[hook]} if hook in expected else missing == set()


async def test_without_invoices_the_erps_cancellation_reaches_the_shop(sqlite_database: str) -> None:
    """Fulfilment needs only that the ERP's orders can be listed."""
    async with faked(sqlite_database, seed=goods(1), manifests=(lacking(FAKE_SHOP, "send_invoice"),), selling=True) as stage:
        key = sell(stage)
        [order] = await entered(stage, key)
        stage.erp.cancel([order.key], "Sem estoque")
        await stage.until(lambda: stage.shop.placed[key].state == "cancelled")


# ---- a step that fails again and again (W1) ----


@pytest.mark.trap("engine.step-failing")
async def test_a_step_that_fails_again_and_again_is_said_and_the_state_is_true(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        key = sell(stage)
        [order] = await entered(stage, key)
        stage.shop.switches.busy = frozenset({"shipment"})
        stage.erp.progress("invoiced", None)
        stage.erp.progress("shipped", None)
        stage.erp._state_of(order.key, "shipped")
        await stage.until(lambda: stage.waits(key, "order.step_failing"))
        assert "enviar o rastreio à loja" in await words(stage, key)
        assert (await stage.order(key)).state == "shipped", "the ERP says so, whatever the shop takes"
        stage.shop.switches.busy = frozenset()
        await stage.until(lambda: told(stage, key, "shipment"))
        await stage.until(lambda: stage.waits(key, None))


# ---- shipments (W3) ----


@pytest.mark.trap("engine.every-shipment")
async def test_each_shipment_goes_once_with_its_own_lines(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        sku, _ = skus(stage)[0]
        key = sell(stage, 5)
        [order] = await entered(stage, key)
        stage.erp.invoice(order.key)
        stage.erp.ship(order.key, "BR1", {sku: 2})
        await stage.until(lambda: told(stage, key, "shipment"))
        stage.erp.ship(order.key, "BR2", {sku: 3})
        await stage.until(lambda: len(told(stage, key, "shipment")) == 2)
        await asleep(stage, key)
        said = [(body["code"], [(line, D(quantity)) for line, quantity in body["items"]]) for body in told(stage, key, "shipment")]
        assert said == [("BR1", [("1", D(2))]), ("BR2", [("1", D(3))])]
        assert stage.shop.counts.by_operation["POST /orders/{key}/shipment"] == {"200": 2}


# ---- stock that the shop moves by itself (W2) ----


@pytest.mark.trap("engine.stock-after-cancellation")
async def test_after_a_cancellation_the_stock_is_pushed_whatever_was_accepted_last(sqlite_database: str) -> None:
    """The shop gives the units back by itself after engate pushed the ERP's own number: it must not offer them twice."""
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        sku, _ = skus(stage)[0]
        stage.shop.switches.releases = False
        key = sell(stage, 5)
        [order] = await entered(stage, key)
        await stage.resync(["stock"])
        await stage.quiet()
        await offered_in_shop(stage, 95)
        stage.erp.cancel([order.key], "Sem estoque")
        await state(stage, key, "cancelled")
        await stage.resync(["stock"])
        await stage.quiet()
        await offered_in_shop(stage, 100)
        await asleep(stage, key)
        stage.shop.held["stock"][f"{sku}@1"]["want"]["quantity"] += 5  # the shop's own release, after engate's push, and its event
        stage.shop._move(stage.shop.placed[key])
        await offered_in_shop(stage, 100)


@pytest.mark.trap("engine.stock-of-a-late-event")
async def test_a_cancelled_order_that_is_read_again_unchanged_moves_no_stock(sqlite_database: str) -> None:
    """Events come late and twice: one of an earlier state says nothing of units that went back."""
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        key = sell(stage, 5)
        await entered(stage, key)
        stage.shop.cancel([key], "Desisti")
        await state(stage, key, "cancelled")
        await asleep(stage, key)
        await stage.resync(["stock"])
        await offered_in_shop(stage, 100)
        await nothing_to_push(stage)
        written, reads = len(stage.shop.puts), reads_of_orders(stage)
        stage.shop.queue.append(OrderEvent("late", key, "handling", "handling"))
        await stage.until(lambda: reads_of_orders(stage) > reads)
        await asleep(stage, key)
        await nothing_to_push(stage)
        assert stage.shop.puts[written:] == []


# ---- an order that the ERP holds without reserving it (V7) ----


async def _read_stock(stage: Stage) -> None:
    await stage.resync(["stock"])
    await stage.quiet()
    await nothing_to_push(stage)


@pytest.mark.trap("engine.held-is-not-reserved", "engine.reserved-when-it-goes-on")
async def test_units_of_a_held_order_are_off_until_the_erp_reserves_them(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        stage.erp.switches.first_state = "held"
        before = stage.erp.state()[0].stock["1"]
        key = sell(stage, 3)
        [order] = await entered(stage, key)
        await _read_stock(stage)
        assert stage.erp.state()[0].stock["1"] == before, "a draft reserves nothing"
        assert stage.shop.state()[0].stock["main"] == before - 3
        stage.shop.edit(key, {"1": 2})
        await stage.until(lambda: in_erp(stage, key)[0].items[0].quantity == 2)
        await asleep(stage, key)
        await _read_stock(stage)
        assert stage.shop.state()[0].stock["main"] == before - 2
        stage.erp.release(order.key)
        await state(stage, key, "in_erp")
        await _read_stock(stage)
        assert stage.shop.state()[0].stock["main"] == before - 2 == stage.erp.state()[0].stock["1"], "now it is the ERP's own number"


async def test_a_held_order_that_the_erp_cancels_gives_its_units_back(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        stage.erp.switches.first_state = "held"
        before = stage.erp.state()[0].stock["1"]
        key = sell(stage, 3)
        [order] = await entered(stage, key)
        await _read_stock(stage)
        stage.erp.cancel([order.key], "Sem crédito")
        await state(stage, key, "cancelled")
        await offered_in_shop(stage, before)  # though nothing of the ERP's own number changed


async def test_an_erp_that_reserves_what_it_holds_is_believed(sqlite_database: str) -> None:
    """Its own number has the units out already: they are not taken off twice."""
    reserving = lacking(FAKE_ERP, reserves_held=True)
    async with faked(sqlite_database, seed=goods(1), manifests=(reserving,), selling=True) as stage:
        stage.erp.switches.first_state = "held"
        key = sell(stage, 3)
        [order] = await entered(stage, key)
        stage.erp._move_stock(order.items, "1", -1)
        await _read_stock(stage)
        assert stage.shop.state()[0].stock["main"] == stage.erp.state()[0].stock["1"]


# ---- notes (T9, R16) ----


@pytest.mark.trap("engine.foreign-note")
@pytest.mark.parametrize("foreign_first", [True, False])
async def test_of_several_notes_in_one_answer_each_is_judged_on_its_own(sqlite_database: str, foreign_first: bool) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        key = sell(stage)
        [order] = await entered(stage, key)
        await stage.stop()
        for foreign in (True, False) if foreign_first else (False, True):
            stage.erp.invoice(order.key, **({"issuer": "99888777000166"} if foreign else {}))
        stage.start()
        await stage.until(lambda: stage.shop.placed[key].state == "invoiced")
        await asleep(stage, key)
        right = next(note for note in stage.erp.taken[order.key].invoices or () if note.issuer != "99888777000166")
        assert [body["id"] for body in told(stage, key, "invoice")] == [right.id]
        assert len(await stage.sql("select id from document")) == 2, "both are kept and shown"


async def test_two_notes_of_one_part_go_with_their_own_lines(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        sku, price = skus(stage)[0]
        key = sell(stage, 3)
        [order] = await entered(stage, key)
        first = stage.erp.invoice(order.key, value=D(price), items={sku: 1}, more=True)
        await stage.until(lambda: len(told(stage, key, "invoice")) == 1)
        await state(stage, key, "partly_invoiced")
        stage.erp.invoice(order.key, value=order.total - first.value, items={sku: 2})
        await stage.until(lambda: stage.shop.placed[key].state == "invoiced")
        said = [[(line, D(quantity)) for line, quantity in body["items"]] for body in told(stage, key, "invoice")]
        assert said == [[("1", D(1))], [("1", D(2))]]
        await asleep(stage, key)
        assert await tasks(stage, key) == {}


@pytest.mark.parametrize("fiscal", ["nfe", "plain"])
async def test_an_erp_without_nfe_says_which_notes_count(sqlite_database: str, fiscal: str) -> None:
    async with faked(sqlite_database, seed=goods(1), manifests=(lacking(FAKE_ERP, fiscal=fiscal),), selling=True) as stage:
        stage.erp.switches.nfe = False
        keys = [sell(stage, number=n) for n in (1, 2)]
        for key in keys:
            await entered(stage, key)
        stage.erp.progress("invoiced", None)
        for key in keys:
            if fiscal == "nfe":
                await stage.until(lambda key=key: stage.waits(key, "invoice.refused"))
            else:
                await stage.until(lambda key=key: stage.shop.placed[key].state == "invoiced")

        async def as_said() -> bool:
            rows = await stage.sql("select cause_id from shop_order")
            return len({row.cause_id for row in rows}) == (2 if fiscal == "nfe" else 1)

        await stage.until(as_said)  # an event of the shop lets both be decided anew at once: they wait for nothing meanwhile


@pytest.mark.trap("engine.cause-of-each-note")
async def test_notes_of_two_orders_with_one_number_are_two_causes_in_plain_words(sqlite_database: str) -> None:
    """Plain notes have no key, perhaps no series: each branch may count its own from 1."""
    async with faked(sqlite_database, seed=goods(1), manifests=(lacking(FAKE_ERP, fiscal="plain"),), selling=True) as stage:
        stage.erp.switches.nfe = False
        keys = [sell(stage, number=n) for n in (1, 2)]
        for key in keys:
            [order] = await entered(stage, key)
            made = stage.erp.invoice(order.key, kind="return")
            note = msgspec.structs.replace(made, number="2", series="")
            stage.erp._put_order(msgspec.structs.replace(stage.erp.taken[order.key], invoices=(note,)))
        for key in keys:
            await stage.until(lambda key=key: stage.waits(key, "invoice.refused"))
            assert "A nota 2 não foi enviada" in await words(stage, key)
        assert len({row.cause_id for row in await stage.sql("select cause_id from shop_order")}) == 2


async def test_notes_that_come_in_a_listing_are_kept(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        stage.erp.switches.notes_in_lists = True
        key = sell(stage)
        [order] = await entered(stage, key)
        stage.erp.invoice(order.key)
        await stage.until(lambda: stage.shop.placed[key].state == "invoiced")


# ---- an import that was not answered (W5) ----


@pytest.mark.trap("engine.found-at-once")
@pytest.mark.parametrize("killed", [False, True])
async def test_what_the_erp_took_is_found_at_once_whatever_its_bound(sqlite_database: str, killed: bool) -> None:
    """The answer was lost, or the process was killed before it noted it. No list of the ERP's orders is read meanwhile."""
    patient = msgspec.structs.replace(SHORT, settles_within=3600.0)
    async with faked(sqlite_database, seed=goods(1), delays=patient, selling=True) as stage:
        await stage.store.writing(lambda c: config.set_flow(c, stage.integration_id, "fulfilment", enabled=False))
        kind = "timeout_applied" if killed else "reset_applied"
        stage.erp.faults.set([Fault(kind, "POST /orders", times=1, milliseconds=2_000)])
        key = sell(stage)
        await stage.until(lambda: in_erp(stage, key))
        if killed:
            await stage.stop()
            await stage.store.durably(lanes.free_all)
            stage.start()
        await entered(stage, key)
        assert len(in_erp(stage, key)) == 1


@pytest.mark.trap("engine.absent-within-the-bound")
async def test_what_the_erp_does_not_have_yet_is_not_sent_again_before_its_bound(sqlite_database: str) -> None:
    patient = msgspec.structs.replace(SHORT, settles_within=3600.0)
    async with faked(sqlite_database, seed=goods(1), delays=patient, selling=True) as stage:
        stage.erp.faults.set([Fault("500", "POST /orders", times=1)])
        key = sell(stage)
        await state(stage, key, "importing")
        for n in range(4):  # each event of the shop is a look at the ERP
            stage.shop.refund(key, D("0.01") * n)
            await stage.until(lambda: _nothing_unhandled(stage))
        assert stage.erp.counts.by_operation["GET /orders"]["200"] >= 4
        assert sum(stage.erp.counts.by_operation["POST /orders"].values()) == 1 and in_erp(stage, key) == []


async def _nothing_unhandled(stage: Stage) -> bool:
    rows = await stage.sql("select id from inbox where handled_at is null")
    return not rows and not stage.shop.queue and not await stage.sql("select id from lane where name like 'order/%' and lease is not null")


# ---- an ERP that cannot be searched (D14) ----

NO_SEARCH = {"fake_erp": {"search": False}}


async def test_an_erp_without_a_search_takes_an_order_that_was_never_sent(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), settings=NO_SEARCH, selling=True) as stage:
        key = sell(stage)
        [order] = await entered(stage, key)
        assert stage.erp.finished == [order.key]


@pytest.mark.trap("engine.adopted")
@pytest.mark.parametrize("kind", ["500_applied", "no number"])
async def test_an_order_whose_number_nobody_told_is_adopted_by_its_reference(sqlite_database: str, kind: Any) -> None:
    """The ERP took it; the answer was lost, or held no number. The listing of its orders shows our reference."""
    patient = msgspec.structs.replace(SHORT, settles_within=3600.0)
    async with faked(sqlite_database, seed=goods(1), settings=NO_SEARCH, delays=patient, selling=True) as stage:
        stage.erp.switches.number = kind != "no number"
        stage.erp.faults.set([Fault(kind, "POST /orders", times=1)] if kind != "no number" else [])
        key = sell(stage)
        [order] = await entered(stage, key)
        await asleep(stage, key)
        assert len(in_erp(stage, key)) == 1 and set(stage.erp.finished) == {order.key}
        assert await stage.sql("select id from unit where freed_at is null") == []


@pytest.mark.trap("engine.adopted-before-the-answer")
async def test_an_order_that_is_listed_before_its_import_is_answered_enters_once_and_as_it_is_now(database: str) -> None:
    async with faked(database, seed=goods(1), selling=True) as stage:
        stage.erp.faults.set([Fault("late", "POST /orders", milliseconds=1_500)])
        key = sell(stage)
        await stage.until(lambda: in_erp(stage, key))
        stage.erp.progress("picking", None)
        await stage.until(lambda: stage.sql("select id from part where erp_key is not null"))
        await state(stage, key, "picking")
        await entered(stage, key)
        await asleep(stage, key)
        assert (await stage.order(key)).state == "picking"
        assert await _entries(stage) == ["found"], "the listing was first, and the answer did not enter it again"


async def _entries(stage: Stage) -> list[str]:
    return [row.name for row in await stage.sql("select name from step where name in ('found', 'imported', 'rejected') order by id")]


def _slip_in(stage: Stage, key: str, number: str) -> None:
    """The ERP has an order with our reference that it told nobody of."""
    total = stage.shop.placed[key].total
    stage.erp._put_order(ErpOrder(number, "1", "in_erp", "in_erp", key, total, (), ()))


@pytest.mark.trap("engine.adopted-while-searched")
async def test_an_order_that_is_listed_while_it_is_searched_goes_on(sqlite_database: str) -> None:
    """The search looked before the order was there, and answers after the listing has shown it."""
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        stage.erp.faults.set([Fault("500", "POST /orders", times=1)])
        key = sell(stage)
        await stage.until(lambda: stage.sql("select id from part where sending"))
        stage.erp.faults.set([Fault("late", "GET /orders", milliseconds=1_500, times=1)])
        await stage.until(lambda: stage.erp.counts.in_flight["GET /orders"])
        _slip_in(stage, key, "6999")
        await stage.until(lambda: stage.sql("select id from part where erp_key = '6999'"))
        before = sum(stage.erp.counts.by_operation["GET /orders"].values())
        await state(stage, key, "in_erp")
        await asleep(stage, key)
        assert await stage.sql("select id from part where sending") == [] and await _entries(stage) == ["found"]
        assert sum(stage.erp.counts.by_operation["GET /orders"].values()) == before + 1, "nobody searches for what has a number"


@pytest.mark.trap("engine.sending-ends-with-a-number")
async def test_a_part_that_was_left_under_way_with_its_number_goes_on(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        key = sell(stage)
        await entered(stage, key)
        await asleep(stage, key)
        await stage.store.writing(lambda c: c.execute(sa.update(part).values(sending=True)))
        await stage.retry_order(key)
        await stage.until(lambda: _nothing_under_way(stage))
        stage.erp.progress("picking", None)
        await state(stage, key, "picking")


async def _nothing_under_way(stage: Stage) -> bool:
    return not await stage.sql("select id from part where sending")


@pytest.mark.trap("engine.twice-in-the-erp")
async def test_two_numbers_for_one_order_are_a_persons_task_and_both_are_found(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        stage.erp.faults.set([Fault("late", "POST /orders", milliseconds=1_500)])
        key = sell(stage)
        await stage.until(lambda: in_erp(stage, key))
        stage.erp.taken.clear()
        _slip_in(stage, key, "6999")
        await stage.until(lambda: stage.sql("select id from part where erp_key = '6999'"))
        await stage.until(lambda: stage.waits(key, "order.twice_in_erp"))
        assert "6999 e 7000" in await words(stage, key) and "Cancele no ERP o 7000" in await words(stage, key)
        numbers = await stage.sql("select key from key_index where kind = 'order' and target = :key", key=key)
        assert {"6999", "7000"} <= {row.key for row in numbers}


@pytest.mark.trap("engine.refused-and-listed")
async def test_a_refusal_of_an_order_that_is_listed_stays_in_its_timeline(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        stage.erp.switches.refuses = "Cliente bloqueado"
        stage.erp.faults.set([Fault("late", "POST /orders", milliseconds=1_500)])
        key = sell(stage)
        await stage.until(lambda: stage.erp.counts.in_flight["POST /orders"])
        _slip_in(stage, key, "6999")
        await stage.until(lambda: stage.sql("select id from part where erp_key = '6999'"))
        await stage.until(lambda: _refusal_said(stage))
        await state(stage, key, "in_erp")


async def _refusal_said(stage: Stage) -> bool:
    return await _entries(stage) == ["found", "rejected"]


async def test_without_search_and_without_references_a_person_decides(sqlite_database: str) -> None:
    endless = msgspec.structs.replace(SHORT, settles_within=None)
    manifests = (lacking(FAKE_ERP, settles_within=None),)
    async with faked(sqlite_database, seed=goods(1), settings=NO_SEARCH, delays=endless, manifests=manifests, selling=True) as stage:
        stage.erp.switches.references = False
        stage.erp.faults.set([Fault("500", "POST /orders", times=1)])
        key = sell(stage)
        await stage.until(lambda: stage.waits(key, "order.unsure"))
        assert stage.erp.taken == {}


# ---- cancellation that comes too late ----


@pytest.mark.trap("engine.paid-and-cancelled")
async def test_a_paid_order_that_is_cancelled_before_anybody_read_it_is_cancelled_and_its_refund_is_said(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        await stage.stop()
        paid, unpaid = sell(stage, 1), sell(stage, 1, number=2, paid=False)
        stage.shop.cancel([paid], "Desisti")
        stage.shop.refund(paid, -stage.shop.placed[paid].refunded)  # nothing went back yet
        stage.shop.progress("expired", [unpaid])
        stage.start()
        await state(stage, paid, "cancelled")
        await state(stage, unpaid, "expired")
        total = f"R$ {stage.shop.placed[paid].total:.2f}".replace(".", ",")
        found = await stage.store.reading(lambda c: explain.order_of(c, stage.tenant_id, stage.integration_id, paid))
        assert found.verdict.text.pt == f"Cancelado. O cliente tinha pago {total}. A loja não mostra devolução: confira lá."
        stage.shop.refund(paid, D(1))
        await stage.until(lambda: _explained(stage, paid, f"tinha pago {total}; a loja mostra R$ 1,00 devolvidos: confira"))
        assert in_erp(stage, paid) == []
        stage.shop.refund(paid, stage.shop.placed[paid].total - 1)
        await stage.until(lambda: _explained(stage, paid, f"tinha pago {total}, que a loja mostra devolvidos"))


async def _explained(stage: Stage, key: str, words: str) -> bool:
    found = await stage.store.reading(lambda c: explain.order_of(c, stage.tenant_id, stage.integration_id, key))
    return words in found.verdict.text.pt


async def test_a_requested_cancellation_of_an_invoiced_order_is_refused_in_the_shop(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        key = sell(stage)
        [order] = await entered(stage, key)
        stage.erp.progress("picking", None)
        await state(stage, key, "picking")
        stage.shop.progress("cancel_requested", [key])
        await stage.until(lambda: stage.waits(key, "order.cancel_while_picking"))
        stage.erp.invoice(order.key)
        await stage.until(lambda: told(stage, key, "cancel-refusal"))
        await stage.until(lambda: stage.shop.placed[key].state == "invoiced")
        await asleep(stage, key)
        assert len(told(stage, key, "cancel-refusal")) == 1 and (await stage.order(key)).cause is None


# ---- what an order must have (T6, T8) ----


@pytest.mark.trap("engine.buyer-document")
@pytest.mark.parametrize("document", ["52998224724", "12ABC34501DE34", "123"])
async def test_a_buyer_with_a_wrong_document_is_attention_before_the_import(sqlite_database: str, document: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        (sku, price), *_ = skus(stage)
        buyer = msgspec.structs.replace(BUYER, document=document)
        key = stage.shop.sell([msgspec.structs.replace(sale(1, (sku, 1, price)), buyer=buyer)])["1"]
        await stage.until(lambda: stage.waits(key, "buyer.document"))
        assert document not in await words(stage, key), "personal data does not stand in a cause"
        assert stage.erp.taken == {}
        order = stage.shop.placed[key]
        stage.shop._move(order, buyer=msgspec.structs.replace(order.buyer, document="52998224725"))
        await entered(stage, key)


async def test_a_gift_and_an_order_of_nothing_enter_where_the_form_is_mapped(sqlite_database: str) -> None:
    """A line at 0.00, and an order without any payment: its form is "" and can be mapped."""

    def free(pair: PairMapping) -> PairMapping:
        return msgspec.structs.replace(pair, payments=(*pair.payments, PaymentRow("", "FREE", "1")))

    seen: list[PairMapping] = []
    async with faked(sqlite_database, seed=goods(2), mapping=lambda pair: seen.append(pair) or pair) as stage:
        await stage.selling()
        (sku, price), (gift, _) = skus(stage)
        with_gift = stage.shop.sell([sale(1, (sku, 1, price), (gift, 1, "0.00"))])["1"]
        assert [len(order.items) for order in await entered(stage, with_gift)] == [2]
        nothing = stage.shop.sell([Sale(2, BUYER, (SaleItem(gift, 1, D("0.00")),), ())])["2"]
        await stage.until(lambda: stage.waits(nothing, "mapping.payment"))
        assert "sem pagamento" in await words(stage, nothing)
        await stage.change(mapping=free(seen[0]), flows=["orders"])
        [order] = await entered(stage, nothing)
        assert order.total == 0


# ---- several payment forms (T15) ----


@pytest.mark.trap("engine.leading-form")
async def test_of_several_forms_the_erp_gets_the_charge_of_the_one_that_carries_most_and_the_order_says_so(sqlite_database: str) -> None:
    """Two payments by card carry more than the one by Pix, though neither does alone."""
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        [(sku, _)] = skus(stage)
        paid = (SalePayment("pix", D("20.00")), SalePayment("credit_card", D("15.00")), SalePayment("credit_card", D("5.01")))
        items = (SaleItem(sku, 1, D("40.01")),)
        key = stage.shop.sell([Sale(1, BUYER, items, paid)])["1"]
        [order] = await entered(stage, key)
        assert stage.erp.mapped[order.key][0] == "CARD" and order.total == D("40.01")
        shown = await stage.store.reading(lambda c: one_order(c, stage.tenant_id, stage.integration_id, key))
        assert shown.several_forms is not None
        assert (
            "cobrança CARD" in shown.several_forms.pt
            and "card (R$ 20,01" in shown.several_forms.pt
            and "pix (R$ 20,00" in shown.several_forms.pt
        )
        alone = sell(stage, 1, number=2)
        await entered(stage, alone)
        assert (await stage.store.reading(lambda c: one_order(c, stage.tenant_id, stage.integration_id, alone))).several_forms is None
