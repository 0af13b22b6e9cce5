"""Orders between a shop and an ERP: each enters once, whole and to the cent, and both sides hear of what the other did."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.goods import BUYER, goods, gtin, product, sale
from tests.support.stage import SHORT, Stage, staged
from tests.support.unbounded import UNBOUNDED

from engate.domain.mapping import PairMapping
from engate.domain.options import Options
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.store import config
from engate.store.rows import RecordSet
from engate.testing.facts import Change, Fault, Sale, SaleItem, SalePayment, SeedBranch, SeedSku

IMPORT = "POST /api/wholesale/v1/orders/"
D = Decimal


def skus(stage: Stage) -> list[tuple[str, str]]:
    """(ERP key, price) of what the shop sells."""
    return [(sku.key, str(sku.price)) for sku in sorted(stage.shop.state(), key=lambda sku: sku.key)]


def sell(stage: Stage, number: int = 1, quantity: int = 1, **more: Any) -> str:
    key, price = skus(stage)[0]
    return stage.shop.sell([sale(number, (key, quantity, price), **more)])[str(number)]


def in_erp(stage: Stage, key: str) -> list[Any]:
    """The ERP's orders of a shop order, of all its parts."""
    return [order for order in stage.erp.orders() if order.storefront_key.partition("/")[0] == key]


def in_shop(stage: Stage, key: str) -> Any:
    return next(order for order in stage.shop.orders() if order.key == key)


def publish_at_once(stage: Stage) -> None:
    """The ERP publishes the XML of a note as soon as it is issued."""
    stage.erp.corrupt("parameter", "invoice_window=0")


async def entered(stage: Stage, key: str, parts: int = 1) -> list[Any]:
    await stage.until(lambda: len(in_erp(stage, key)) >= parts)
    await stage.until(lambda: in_shop(stage, key).phase == "in_erp")
    return in_erp(stage, key)


# ---- one ERP order each ----


@pytest.mark.trap("winthor.no-deduplication")
async def test_an_order_whose_answer_was_lost_is_found_by_its_reference(sqlite_database: str) -> None:
    """No list of the ERP's orders is read meanwhile: that would find it too."""
    async with staged(sqlite_database, seed=goods(1), selling=True, run=False) as stage:
        await stage.store.writing(lambda c: config.set_flow(c, stage.integration_id, "fulfilment", enabled=False))
        stage.start()
        stage.erp.faults.set([Fault("timeout_applied", IMPORT, times=1, milliseconds=5)])
        key = sell(stage)
        await stage.until(lambda: in_shop(stage, key).phase == "in_erp")
        assert stage.erp.counts.injected["timeout_applied"] and len(in_erp(stage, key)) == 1


@pytest.mark.parametrize(("database", "runners"), [("sqlite", 1), ("sqlite", 2), ("postgresql", 2)], indirect=["database"])
async def test_whatever_happens_to_the_import_there_is_one_erp_order(database: str, runners: int) -> None:
    """Every kind of lost or false answer, over many orders, with one runner and with two that share the database."""
    async with staged(database, seed=goods(2), runners=runners) as stage:
        await stage.selling()
        kinds = ("timeout_applied", "500_applied", "reset_applied", "reset", "500", "html")
        stage.erp.faults.set([Fault(kind, IMPORT, rate=0.3, seed=n, milliseconds=5) for n, kind in enumerate(kinds)])
        (key, price), (other, other_price) = skus(stage)
        sales = [sale(n, (key, 1 + n % 3, price), (other, 1, other_price)) for n in range(1, 25)]
        keys = stage.shop.sell(sales)
        await stage.until(lambda: len({order.storefront_key for order in stage.erp.orders()}) == 24, 40)
        await stage.until(lambda: all(order.phase == "in_erp" for order in stage.shop.orders()), 40)
        copies = Counter(order.storefront_key for order in stage.erp.orders())
        assert set(copies) == set(keys.values()) and set(copies.values()) == {1}
        totals = {order.key: order.total for order in stage.shop.orders()}
        assert {order.storefront_key: order.total for order in stage.erp.orders()} == totals
        assert len([kind for kind in kinds if stage.erp.counts.injected[kind]]) == 6


async def test_a_part_of_unknown_fate_does_not_keep_the_other_out(sqlite_database: str) -> None:
    patient = msgspec.structs.replace(SHORT, settles_within=3600.0)
    async with staged(sqlite_database, seed=two_branches(), delays=patient, selling=True) as stage:
        (first, price), (second, other) = skus(stage)
        stage.erp.faults.set([Fault("500", IMPORT, rate=0.5, seed=2, times=1)])  # it hits the first part
        key = stage.shop.sell([sale(1, (first, 1, price), (second, 1, other))])["1"]
        await stage.until(lambda: in_erp(stage, key))
        await stage.until(lambda: _states(stage, key, ["importing", "in_erp"]))
        assert [order.storefront_key for order in in_erp(stage, key)] == [f"{key}/2"]


async def _states(stage: Stage, key: str, parts: list[str]) -> bool:
    return (await stage.order(key)).parts == parts


@pytest.mark.parametrize("by_cause", [False, True])
async def test_where_the_erp_knows_no_bound_a_person_looks_and_then_it_goes_again(sqlite_database: str, by_cause: bool) -> None:
    endless = msgspec.structs.replace(SHORT, settles_within=None)
    async with staged(sqlite_database, seed=goods(1), delays=endless, run=False) as stage:
        stage.registry.add(UNBOUNDED)
        stage.start()
        await stage.selling()
        stage.erp.faults.set([Fault("500", IMPORT, times=1)])
        key = sell(stage)
        await stage.until(lambda: stage.waits(key, "order.fate_unknown"))
        assert stage.erp.orders() == []
        await _retry(stage, key, by_cause)
        await entered(stage, key)
        assert len(in_erp(stage, key)) == 1 and (await stage.order(key)).cause is None


async def _retry(stage: Stage, key: str, by_cause: bool) -> None:
    """The order alone, or everything that waits for the same cause."""
    if not by_cause:
        await stage.retry_order(key)
        return
    [row] = await stage.sql("select cause_id from shop_order where key = :key", key=key)
    now = stage.clock.now().timestamp()
    asked = trigger.Retried(row.cause_id)
    again = await stage.store.writing(lambda c: trigger.retry(Scope(c, stage.tenant_id, stage.integration_id, now), asked))
    assert again == trigger.Again(1, messages=0, more=False)
    stage.runner.poke()


async def test_events_doubled_out_of_order_or_lost_change_nothing(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        stage.shop.faults.set(
            [
                Fault("duplicate_event", rate=0.7, times=9, seed=1), Fault("reorder_event", rate=0.7, times=1, seed=2),
                Fault("drop_event", rate=0.5, times=1, seed=3),
            ]
        )  # fmt: skip
        keys = [sell(stage, n) for n in range(1, 11)]
        await stage.until(lambda: len(stage.erp.orders()) >= 10)
        await stage.until(lambda: all(order.phase == "in_erp" for order in stage.shop.orders()))
        assert sorted(order.storefront_key for order in stage.erp.orders()) == sorted(keys)
        assert stage.shop.counts.effects["events_duplicated"] and stage.shop.counts.effects["events_dropped"]


async def test_an_event_of_an_order_that_the_shop_does_not_have_is_put_away(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        key = sell(stage, paid=False)
        await stage.until(lambda: stage.waits(key, None))
        await stage.stop()
        stage.shop.progress("paid", [key])
        order = stage.shop.orders_api.orders.pop(key)  # pyright: ignore[reportAttributeAccessIssue]
        stage.start()
        await stage.until(lambda: _none_unhandled(stage))
        stage.shop.orders_api.orders[key] = order  # pyright: ignore[reportAttributeAccessIssue]


async def _none_unhandled(stage: Stage) -> bool:
    rows = await stage.sql("select raw_state, handled_at from inbox")
    return any("ready" in row.raw_state for row in rows) and all(row.handled_at is not None for row in rows)


# ---- rules before the import ----


async def test_an_unmapped_item_keeps_the_whole_order_out_until_it_is_linked(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(2)) as stage:
        stage.shop.seed(
            msgspec.structs.replace(goods(0), products=(product(7, skus=(SeedSku("antigo", gtin(990), "UN", 1, D(5), {"1": 50}),)),))
        )
        await stage.selling()
        mine, price = next((key, price) for key, price in skus(stage) if key != "antigo")
        keys = [stage.shop.sell([sale(n, (mine, 1, price), ("antigo", n, "5.00"))])[str(n)] for n in (1, 2)]
        for key in keys:
            await stage.until(lambda key=key: stage.waits(key, "order.item_unmapped"))
        assert stage.erp.orders() == []
        remote = next(sku.remote for sku in stage.shop.state() if sku.key == "antigo")
        now = stage.clock.now().timestamp()
        erp_key = next(key for key, _ in skus(stage) if key not in (mine, "antigo"))
        await stage.store.writing(
            lambda c: trigger.link_by_hand(c, RecordSet(stage.tenant_id, stage.integration_id, "sku"), erp_key, remote, now)
        )
        for key in keys:
            [order] = await entered(stage, key)
            assert len(order.items) == 2
            assert (await stage.order(key)).cause is None


@pytest.mark.parametrize("by_cause", [False, True])
async def test_a_retry_before_the_mapping_is_mended_loses_nothing(sqlite_database: str, by_cause: bool) -> None:
    """The retry finds the same again; the mapping that comes afterwards lets the order in."""
    seen: list[PairMapping] = []
    forget = lambda pair: seen.append(pair) or msgspec.structs.replace(pair, payments=())  # noqa: E731
    async with staged(sqlite_database, seed=goods(1), mapping=forget) as stage:
        await stage.selling()
        key = sell(stage)
        await stage.until(lambda: stage.waits(key, "mapping.payment"))
        await _retry(stage, key, by_cause)
        await stage.until(lambda: _asleep(stage, key))
        assert (await stage.order(key)).cause == "mapping.payment"
        await stage.change(mapping=seen[0], flows=["orders"])
        await entered(stage, key)


async def test_an_unmapped_payment_form_waits_for_its_mapping(sqlite_database: str) -> None:
    def without_pix(pair: PairMapping) -> PairMapping:
        return msgspec.structs.replace(pair, payments=tuple(row for row in pair.payments if row.charge != "PIX"))

    seen: list[PairMapping] = []
    async with staged(sqlite_database, seed=goods(1), mapping=lambda pair: seen.append(pair) or without_pix(pair)) as stage:
        await stage.selling()
        key = sell(stage)
        await stage.until(lambda: stage.waits(key, "mapping.payment"))
        assert stage.erp.orders() == []
        await stage.change(mapping=seen[0], flows=["orders"])
        await entered(stage, key)
        assert (await stage.order(key)).cause is None


async def test_totals_that_do_not_agree_are_attention(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        key = sell(stage, paid=False)
        stage.shop.orders_api.orders[key].payments[0].value -= 1  # pyright: ignore[reportAttributeAccessIssue]
        stage.shop.progress("paid", [key])
        await stage.until(lambda: stage.waits(key, "order.totals"))
        assert stage.erp.orders() == []


@pytest.mark.trap("vtex.lines-and-totals")
@pytest.mark.parametrize("cents", [500, -500])
async def test_lines_that_are_not_what_the_totals_say_are_attention(sqlite_database: str, cents: int) -> None:
    """A line of less is no interest of the buyer's, and a line of more no discount."""
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        key = sell(stage, paid=False)
        stage.shop.orders_api.orders[key].lines[0].discount = cents  # pyright: ignore[reportAttributeAccessIssue]
        stage.shop.progress("paid", [key])
        await stage.until(lambda: stage.waits(key, "order.totals"))
        assert stage.erp.orders() == []


@pytest.mark.parametrize("by_cause", [False, True])
async def test_what_the_erp_refuses_waits_for_a_person_and_the_fixed_mapping_counts(sqlite_database: str, by_cause: bool) -> None:
    """Terms that do not go with the charge. New events do not hide the refusal; the retry takes the mapping of then."""

    def wrong_plan(pair: PairMapping) -> PairMapping:
        return msgspec.structs.replace(pair, payments=tuple(msgspec.structs.replace(row, terms="4") for row in pair.payments))

    seen: list[PairMapping] = []
    async with staged(sqlite_database, seed=goods(1), mapping=lambda pair: seen.append(pair) or wrong_plan(pair)) as stage:
        await stage.selling()
        key = sell(stage)
        await stage.until(lambda: _rejected(stage, key))
        code = (await stage.order(key)).cause
        await stage.change(mapping=seen[0], flows=["orders"])
        await stage.until(lambda: _asleep(stage, key))
        assert (await stage.order(key)).cause == code and stage.erp.orders() == []
        await _retry(stage, key, by_cause)
        await entered(stage, key)
        assert (await stage.order(key)).cause is None


async def _rejected(stage: Stage, key: str) -> bool:
    row = await stage.order(key)
    return row.parts == ["rejected"] and row.cause is not None


async def _asleep(stage: Stage, key: str) -> bool:
    """It is nobody's turn and in nobody's hand: a slice that is at work has no due time either."""
    return not await stage.sql("select id from lane where name = :name and (due_at is not null or lease is not null)", name=f"order/{key}")


async def test_the_same_sku_twice_in_an_order(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1)) as stage:
        publish_at_once(stage)
        await stage.selling()
        sku, price = skus(stage)[0]
        key = stage.shop.sell([sale(1, (sku, 2, price), (sku, 1, "1.00"))])["1"]
        [order] = await entered(stage, key)
        assert sorted(quantity for _, quantity, _ in order.items) == [1, 2] and order.total == in_shop(stage, key).total
        stage.erp.progress("invoiced", None)
        await stage.until(lambda: in_shop(stage, key).phase == "invoiced")


async def test_discount_freight_and_interest_enter_to_the_cent(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(2)) as stage:
        publish_at_once(stage)
        await stage.selling()
        (first, price), (second, other) = skus(stage)
        lines = (SaleItem(first, 3, D(price), D("7.77")), SaleItem(second, 1, D(other)))
        total = 3 * D(price) + D(other) + D("7.77") - D("10.00")
        payments = (SalePayment("credit_card", total - D("5.00"), 3), SalePayment("voucher", D("5.00")))
        key = stage.shop.sell([Sale(1, BUYER, lines, payments, discount=D("10.00"))])["1"]
        [order] = await entered(stage, key)
        assert order.total == total == in_shop(stage, key).total
        stage.erp.progress("invoiced", None)
        await stage.until(lambda: in_shop(stage, key).phase == "invoiced")


# ---- two branches ----


def two_branches() -> Any:
    """Each SKU is in stock in one branch only."""
    seed = goods(2)
    apart = tuple(
        product(n, skus=(SeedSku(str(50000 + n), gtin(n), "UN", 1, D("10.01") + n, {branch: 10}),)) for n, branch in ((0, "1"), (1, "2"))
    )
    return msgspec.structs.replace(seed, branches=(*seed.branches, SeedBranch("2", "Filial", "11222333000262")), products=apart)


async def test_items_of_two_branches_are_two_erp_orders_and_two_invoices(sqlite_database: str) -> None:
    """Scenario 3. The shop hears of handling when both have entered, and is invoiced only after both notes."""
    async with staged(sqlite_database, seed=two_branches()) as stage:
        publish_at_once(stage)
        await stage.selling()
        (first, price), (second, other) = skus(stage)
        lines = (SaleItem(first, 1, D(price), D("3.33")), SaleItem(second, 2, D(other)))
        total = D(price) + 2 * D(other) + D("3.33") - D("1.00")
        stage.erp.faults.set([Fault("500", IMPORT, rate=1.0, times=1)])
        key = stage.shop.sell([Sale(1, BUYER, lines, (SalePayment("pix", total),), discount=D("1.00"))])["1"]
        orders = await entered(stage, key, 2)
        assert sorted(order.storefront_key for order in orders) == [f"{key}/1", f"{key}/2"]
        assert sum(order.total for order in orders) == total
        one, two = sorted(orders, key=lambda order: order.storefront_key)
        stage.erp.progress("invoiced", [one.key])
        await stage.until(lambda: len(in_shop(stage, key).invoices) == 1)
        assert in_shop(stage, key).phase == "in_erp"
        stage.erp.progress("invoiced", [two.key])
        await stage.until(lambda: in_shop(stage, key).phase == "invoiced")
        assert len(in_shop(stage, key).invoices) == 2


async def test_the_rest_of_an_order_enters_though_the_shop_says_handling(sqlite_database: str) -> None:
    """Somebody starts handling by hand while one branch's order is still on its way: it is not taken for another system's doing."""
    async with staged(sqlite_database, seed=two_branches(), selling=True) as stage:
        (first, price), (second, other) = skus(stage)
        key = stage.shop.sell([sale(1, (first, 1, price), (second, 1, other), paid=False)])["1"]
        stage.erp.faults.set([Fault("500", IMPORT, rate=1.0, times=3)])
        stage.shop.progress("paid", [key])
        await stage.until(lambda: stage.erp.counts.injected["500"])
        api: Any = stage.shop
        api.orders_api.move(api.orders_api.orders[key], "start-handling")
        api.orders_api.move(api.orders_api.orders[key], "handling")
        await stage.until(lambda: _read_as(stage, key, "handling"))
        stage.erp.faults.set([])
        await stage.until(lambda: len(in_erp(stage, key)) == 2 or _handled_elsewhere(stage, key))
        row = await stage.order(key)
        assert len(in_erp(stage, key)) in (0, 2), "never a part alone"
        assert (row.cause == "order.handled_elsewhere") == (not in_erp(stage, key))


async def _read_as(stage: Stage, key: str, state: str) -> bool:
    return bool(await stage.sql("select id from shop_order where key = :key and raw_state = :state", key=key, state=state))


async def _handled_elsewhere(stage: Stage, key: str) -> bool:
    return (await stage.order(key)).cause == "order.handled_elsewhere"


# ---- cancellations ----


@pytest.mark.trap("vtex.not-paid-yet")
async def test_cancelled_before_the_import_never_enters(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        key = sell(stage, paid=False, quantity=3)
        await stage.until(lambda: _state(stage, key, "awaiting_payment"))
        stage.shop.progress("expired", [key])
        await stage.until(lambda: _state(stage, key, "expired"))
        assert stage.erp.orders() == [] and await stage.sql("select id from unit") == []


async def _state(stage: Stage, key: str, state: str) -> bool:
    return (await stage.order(key)).state == state


async def test_a_paid_order_that_is_cancelled_before_it_was_read_is_no_expired_one(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        await stage.stop()
        paid, unpaid = sell(stage), sell(stage, 2, paid=False)
        stage.shop.cancel([paid], "Desisti")
        stage.shop.progress("expired", [unpaid])
        stage.start()
        await stage.until(lambda: _state(stage, paid, "cancelled"))
        await stage.until(lambda: _state(stage, unpaid, "expired"))
        assert stage.erp.orders() == []


async def test_an_order_without_parts_shows_what_the_shop_says(sqlite_database: str) -> None:
    """An order that could not be split (an unmapped form) and is cancelled in the shop: over, and nobody waits for anything."""
    async with staged(sqlite_database, seed=goods(1), mapping=lambda pair: msgspec.structs.replace(pair, payments=())) as stage:
        await stage.selling()
        key = sell(stage, paid=False)
        await stage.until(lambda: stage.waits(key, "mapping.payment"))
        await stage.until(lambda: _state(stage, key, "awaiting_payment"))
        stage.shop.progress("expired", [key])
        await stage.until(lambda: _state(stage, key, "expired"))
        assert (await stage.order(key)).cause is None


async def test_cancelled_in_the_shop_after_the_import_is_cancelled_in_the_erp(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        key = sell(stage)
        await entered(stage, key)
        stage.shop.cancel([key], "Desisti")
        await stage.until(lambda: in_erp(stage, key)[0].phase == "cancelled")
        await stage.until(lambda: in_shop(stage, key).phase == "cancelled")
        await stage.until(lambda: _state(stage, key, "cancelled"))
        assert await stage.sql("select id from unit") == [] or (await _units(stage)) == 0


async def _units(stage: Stage) -> int:
    return len(await stage.sql("select id from unit where freed_at is null"))


@pytest.mark.parametrize("policy", ["ask", "accept"])
async def test_cancelled_in_the_shop_while_the_erp_is_picking(sqlite_database: str, policy: Any) -> None:
    async with staged(sqlite_database, seed=goods(1), options=Options(cancel_while_picking=policy), selling=True) as stage:
        key = sell(stage)
        [order] = await entered(stage, key)
        stage.erp.progress("assembled", None)
        await stage.until(lambda: _state(stage, key, "picking"))
        stage.shop.cancel([key], "Desisti")
        if policy == "ask":
            await stage.until(lambda: stage.waits(key, "order.cancel_while_picking"))
            assert in_erp(stage, key)[0].phase == "in_erp"
            stage.erp.cancel([order.key], "Operador aceitou")
        await stage.until(lambda: in_erp(stage, key)[0].phase == "cancelled")
        await stage.until(lambda: in_shop(stage, key).phase == "cancelled")
        await stage.until(lambda: stage.waits(key, None))


async def test_cancelled_in_the_shop_after_the_invoice_is_attention_and_nothing_is_sent(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1)) as stage:
        stage.erp.corrupt("parameter", "invoice_window=3600")
        await stage.selling()
        key = sell(stage)
        await entered(stage, key)
        stage.erp.progress("invoiced", None)
        await stage.until(lambda: _state(stage, key, "invoiced"))
        stage.shop.cancel([key], "Desisti")
        await stage.until(lambda: stage.waits(key, "order.cancelled_after_invoice"))
        assert in_erp(stage, key)[0].phase == "invoiced" and in_shop(stage, key).invoices == ()


async def test_cancelled_in_the_erp_is_cancelled_in_the_shop(sqlite_database: str) -> None:
    """VTEX asks twice while it is handling."""
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        key = sell(stage)
        [order] = await entered(stage, key)
        stage.erp.cancel([order.key], "Sem estoque")
        await stage.until(lambda: in_shop(stage, key).phase == "cancelled")
        await stage.until(lambda: _state(stage, key, "cancelled"))
        assert stage.shop.counts.by_operation["POST /api/oms/pvt/orders/{orderId}/cancel"] == {"200": 2}


# ---- stock ----


@pytest.mark.trap("vtex.sold-and-offered-again")
async def test_a_unit_that_is_sold_is_never_offered_again(sqlite_database: str) -> None:
    """Scenario 1: one unit, the order cannot enter the ERP yet, which goes on answering 1; after it entered, the ERP's word counts."""
    one = (SeedSku("50000", gtin(0), "UN", 1, D("10.00"), {"1": 1}),)
    async with staged(sqlite_database, seed=msgspec.structs.replace(goods(0), products=(product(0, skus=one),)), selling=True) as stage:
        sku, price = skus(stage)[0]
        stage.erp.faults.set([Fault("500", "GET /api/wholesale/v1/orders", times=10_000), Fault("500", IMPORT, times=10_000)])
        key = stage.shop.sell([sale(1, (sku, 1, price))])["1"]
        await stage.until(lambda: stage.shop.state()[0].stock["1_main"] == 0)
        await stage.resync(["stock"])
        await stage.quiet()
        assert stage.erp.state()[0].stock == {"1": 1} and stage.erp.orders() == []
        assert stage.shop.state()[0].stock["1_main"] == 0
        with pytest.raises(ValueError, match="cannot be bought"):
            stage.shop.sell([sale(2, (sku, 1, price))])
        stage.erp.faults.set([])
        await entered(stage, key)
        assert stage.erp.state()[0].stock == {"1": 0}
        await stage.resync(["stock"])
        await stage.quiet()
        assert stage.shop.state()[0].stock["1_main"] == 0
        stage.erp.change([Change(sku, stock={"1": 4})])
        await stage.resync(["stock"])
        await stage.until(lambda: stage.shop.state()[0].stock["1_main"] == stage.erp.state()[0].stock["1"] > 0)
        await stage.quiet()
        assert await stage.sql("select id from unit") == []


async def test_units_sold_stay_out_of_the_shop_after_the_erp_has_taken_them_out_itself(sqlite_database: str) -> None:
    """The ERP says 7 where 10 − 3 was pushed: nothing changes for the shop, but the next order must be taken off 7 and not off 10."""
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        (key, price), *_ = skus(stage)
        stage.erp.change([Change(key, stock={"1": 10})])
        await stage.resync(["stock"])
        await stage.until(lambda: _offered(stage) == 10)
        first = stage.shop.sell([sale(1, (key, 3, price))])["1"]
        await entered(stage, first)
        await stage.until(lambda: _offered(stage) == 7)
        for _ in range(2):
            await stage.resync(["stock"])
            await stage.quiet()
        stage.erp.faults.set([Fault("latency", IMPORT, milliseconds=600)])
        second = stage.shop.sell([sale(2, (key, 1, price))])["2"]
        await stage.until(lambda: stage.sql("select id from shop_order where key = :key", key=second))
        await stage.until(lambda: _offered(stage) == 6)
        await entered(stage, second)
        await stage.quiet()
        assert _offered(stage) == 6


def _offered(stage: Stage) -> int:
    return int(next(iter(stage.shop.state()[0].stock.values())))


async def test_a_cancelled_order_gives_its_units_back(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        before = stage.shop.state()[0].stock["1_main"]
        key = sell(stage, paid=False, quantity=5)
        await stage.until(lambda: stage.shop.state()[0].stock["1_main"] == before - 5)
        stage.shop.progress("expired", [key])
        await stage.until(lambda: stage.shop.state()[0].stock["1_main"] == before)


# ---- inactive ----


async def test_while_inactive_events_are_taken_in_and_afterwards_all_orders_enter_once(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        await stage.store.writing(lambda c: trigger.deactivate(Scope(c, stage.tenant_id, stage.integration_id, 0.0)))
        keys = [sell(stage, n) for n in range(1, 6)]
        await stage.until(lambda: _taken_in(stage, len(keys)))
        queue: Any = stage.shop
        await stage.until(lambda: not any(list(q.messages()) for q in queue.feed.queues.values()))
        assert stage.erp.orders() == []
        await stage.activate()
        await stage.until(lambda: len(stage.erp.orders()) >= 5)
        await stage.until(lambda: all(order.phase == "in_erp" for order in stage.shop.orders()))
        assert sorted(order.storefront_key for order in stage.erp.orders()) == sorted(keys)


async def _taken_in(stage: Stage, orders: int) -> bool:
    return len(await stage.sql("select distinct order_key from inbox")) == orders


# ---- fiscal documents ----


async def test_a_note_that_is_not_published_yet_is_sent_when_it_is(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1)) as stage:
        stage.erp.corrupt("parameter", "invoice_window=600")
        await stage.selling()
        key = sell(stage)
        await entered(stage, key)
        stage.erp.progress("invoiced", None)
        await stage.until(lambda: stage.waits(key, "order.note_not_published"))
        stage.erp.clock.advance(timedelta(minutes=11))
        await stage.until(lambda: in_shop(stage, key).phase == "invoiced")
        await stage.until(lambda: stage.waits(key, None))
        asked = stage.erp.counts.by_operation["GET /winthor/fiscal/v1/documentosfiscais/nfe/invoiceDocument"]
        assert asked["404"] >= 1 and in_shop(stage, key).invoices == in_erp(stage, key)[0].invoices


@pytest.mark.parametrize(("wrong", "right"), [("<tpAmb>2<", "<tpAmb>1<"), ("<cStat>110<", "<cStat>100<")], ids=["homologation", "denied"])
async def test_a_note_that_the_gate_refuses_is_attention_until_a_right_one_comes(sqlite_database: str, wrong: str, right: str) -> None:
    async with staged(sqlite_database, seed=goods(1)) as stage:
        publish_at_once(stage)
        await stage.selling()
        key = sell(stage)
        [order] = await entered(stage, key)
        await stage.stop()
        stage.erp.progress("invoiced", None)
        _spoil(stage, order.key, right, wrong)
        stage.start()
        await stage.until(lambda: stage.waits(key, "invoice.refused"))
        assert in_shop(stage, key).invoices == ()
        assert len(await stage.sql("select id from document")) == 1  # kept and shown
        stage.erp.progress("undone", [order.key])
        await stage.until(lambda: _state(stage, key, "picking"))
        stage.erp.progress("invoiced", [order.key])
        await stage.until(lambda: in_shop(stage, key).phase == "invoiced")
        assert in_shop(stage, key).invoices == in_erp(stage, key)[0].invoices
        await stage.until(lambda: stage.waits(key, None))


def _spoil(stage: Stage, erp_key: str, right: str, wrong: str) -> None:
    """The ERP's own XML of this note, with one field changed."""
    from engate_winthor_sandbox.fiscal import document

    world: Any = stage.erp.world  # pyright: ignore[reportAttributeAccessIssue]
    order = world.orders.get(erp_key)
    xml = document(order, order.invoice, world.company.branches.rows[order.branch])
    assert right in xml
    order.invoice.xml = xml.replace(right, wrong)


@pytest.mark.trap("winthor.note-of-another-company")
async def test_a_note_of_another_company_never_reaches_the_shop(sqlite_database: str) -> None:
    """It stays here until the ERP has one of its own branch and a person asks for a retry."""
    async with staged(sqlite_database, seed=goods(1)) as stage:
        publish_at_once(stage)
        await stage.selling()
        key = sell(stage)
        [order] = await entered(stage, key)
        await stage.stop()
        stage.erp.progress("invoiced", None)
        _spoil(stage, order.key, "<CNPJ>11222333000181<", "<CNPJ>99888777000166<")
        stage.start()
        await stage.until(lambda: stage.waits(key, "invoice.issuer"))
        assert in_shop(stage, key).invoices == ()
        world: Any = stage.erp.world  # pyright: ignore[reportAttributeAccessIssue]
        world.orders.get(order.key).invoice.xml = ""
        await stage.retry_order(key)
        await stage.until(lambda: in_shop(stage, key).phase == "invoiced")
        await stage.until(lambda: stage.waits(key, None))


async def test_a_retry_looks_at_the_notes_again(sqlite_database: str) -> None:
    """A denied note that was authorised later, with nothing else changed in the ERP: the operator asks, and it goes."""
    async with staged(sqlite_database, seed=goods(1)) as stage:
        publish_at_once(stage)
        await stage.selling()
        key = sell(stage)
        [order] = await entered(stage, key)
        await stage.stop()
        stage.erp.progress("invoiced", None)
        _spoil(stage, order.key, "<cStat>100<", "<cStat>110<")
        stage.start()
        await stage.until(lambda: stage.waits(key, "invoice.refused"))
        world: Any = stage.erp.world  # pyright: ignore[reportAttributeAccessIssue]
        world.orders.get(order.key).invoice.xml = ""
        await stage.retry_order(key)
        await stage.until(lambda: in_shop(stage, key).phase == "invoiced")


async def test_an_alphanumeric_cnpj_travels_unchanged(sqlite_database: str) -> None:
    """Scenario 10: of the buyer and of the issuer, whose note has letters in its key."""
    cnpj = "12ABC34501DE35"
    seed = goods(1)
    seed = msgspec.structs.replace(seed, branches=(SeedBranch("1", "Matriz", cnpj),))
    async with staged(sqlite_database, seed=seed) as stage:
        publish_at_once(stage)
        await stage.selling()
        sku, price = skus(stage)[0]
        buyer = msgspec.structs.replace(BUYER, name="Empresa Nova Ltda", document=cnpj)
        key = stage.shop.sell([msgspec.structs.replace(sale(1, (sku, 1, price)), buyer=buyer)])["1"]
        [order] = await entered(stage, key)
        world: Any = stage.erp.world  # pyright: ignore[reportAttributeAccessIssue]
        assert world.orders.get(order.key).customer.document.replace(".", "").replace("/", "").replace("-", "") == cnpj
        stage.erp.progress("invoiced", None)
        await stage.until(lambda: in_shop(stage, key).phase == "invoiced")
        [note] = in_shop(stage, key).invoices
        assert "12ABC34501DE35" in note and note == in_erp(stage, key)[0].invoices[0]
