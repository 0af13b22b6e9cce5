"""The catalogue from an ERP into a shop: nothing twice, nothing forgotten, everything explained."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from tests.support.goods import goods, gtin, product
from tests.support.stage import SHORT, Stage, faked, staged

from engate.domain.options import Options
from engate.model import Check
from engate.operations import links, trigger
from engate.operations.scope import Scope
from engate.store import config
from engate.store.rows import RecordSet
from engate.store.tables import record
from engate.testing.facts import Change, Fault, SeedSku
from engate.testing.sandbox import Staged
from engate.text import Text

D = Decimal
PRICE_PUT = "PUT /lojaengate/pricing/prices/{itemId}"
PATIENT = msgspec.structs.replace(SHORT, unknown_after=0.3)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries of single calls at once."""
    monkeypatch.setattr("engate.http._pause", lambda *_: 0.01)


def by_key(states: list[Any]) -> dict[str, Any]:
    return {state.key: state for state in states}


async def causes(stage: Stage) -> dict[str, str]:
    """kind/key -> the code it waits for"""
    rows = await stage.sql("select r.kind, r.key, c.code from record r join cause c on c.id = r.cause_id")
    return {f"{row.kind}/{row.key}": row.code for row in rows}


async def caused(stage: Stage, code: str) -> bool:
    return code in (await causes(stage)).values()


def writes(stage: Stage) -> dict[str, int]:
    return {name: n for name, n in stage.shop.counts.writes.items() if "/feed" not in name}


def forget_counts(stage: Stage) -> None:
    for box in (stage.shop, stage.erp):
        box.counts.writes.clear()
        box.counts.by_operation.clear()
        box.counts.requests = 0


def same(stage: Stage) -> None:
    """Both sides hold the same prices, stocks and texts."""
    erp, shop = by_key(stage.erp.state()), by_key(stage.shop.state())
    assert erp.keys() == shop.keys()
    for key, said in erp.items():
        held = shop[key]
        assert held.price == said.price and list(held.stock.values()) == list(said.stock.values()), key
        assert held.product_name == said.product_name and held.ean == said.ean, key


# ---- reading ----


async def test_a_full_resync_of_an_unchanged_catalogue_writes_nothing(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(5), selling=True) as stage:
        same(stage)
        forget_counts(stage)
        made = await stage.resync()
        await stage.quiet()
        assert writes(stage) == {}
        rows = await stage.sql("select id, state, changed, pushed from run")
        assert {row.state for row in rows if row.id in made} == {"done"}
        assert {(row.changed, row.pushed) for row in rows if row.id in made} == {(0, 0)}


async def test_a_change_outside_any_watermark_is_found_by_a_full_reading_only(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(2), selling=True) as stage:
        first, other = (sku.key for sku in stage.erp.state())
        stage.erp.clock.advance(timedelta(hours=9))  # past any overlap
        stage.erp.change([Change(other, stock={"1": 5}, name="Outro")])
        await stage.resync(["products", "stock"], full=False)
        await stage.quiet()
        stage.erp.change([Change(first, name="Nome novo", stock={"1": 77}, touch=False)])
        await stage.resync(["products", "stock"], full=False)
        await stage.quiet()
        assert by_key(stage.shop.state())[first].product_name != "Nome novo"
        await stage.resync(["products", "stock"], full=True)
        await stage.quiet()
        assert by_key(stage.shop.state())[first].product_name == "Nome novo"
        assert by_key(stage.shop.state())[first].stock == {"1_main": 77}


async def test_a_change_is_found_by_the_delta(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(3), selling=True) as stage:
        forget_counts(stage)
        key = stage.erp.state()[1].key
        stage.erp.change([Change(key, stock={"1": 3}, price=D("7.77"), name="Outro")])
        await stage.resync(["products", "prices", "stock"], full=False)
        await stage.quiet()
        same(stage)
        assert sum(writes(stage).values()) <= 4, "only what changed was written"


async def test_the_watermark_never_moves_on_a_reading_that_broke_off(sqlite_database: str) -> None:
    """The second page fails for good: what the first said is kept, the watermark is not, and later the reading ends whole."""
    settings: dict[str, dict[str, object]] = {"winthor": {"page_size": 2}}
    async with staged(sqlite_database, seed=goods(12), settings=settings, selling=True) as stage:
        before = await stage.sql("select watermark from reading where kind = 'stock'")
        for n, sku in enumerate(stage.erp.state()):
            stage.erp.change([Change(sku.key, stock={"1": 500 + n})])
        stage.erp.faults.set([Fault("html", "GET /api/stock-vtex", seed=3, rate=0.6, times=10_000)])
        await stage.resync(["stock"], full=False)
        await stage.until(lambda: stage.erp.counts.injected["html"] >= 5)
        await stage.until(lambda: stage.sql("select id from run where error is not null"))
        assert await stage.sql("select watermark from reading where kind = 'stock'") == before
        goes_on = await stage.sql("select cursor from reading where kind = 'stock' and under_way")
        assert [row.cursor for row in goes_on] != [None], "what was read before the fault is not read again"
        stage.erp.faults.set([])
        await stage.until(lambda: all(sku.stock["1_main"] >= 500 for sku in stage.shop.state()))
        await stage.quiet()
        assert await stage.sql("select watermark from reading where kind = 'stock'") != before


async def test_a_resync_of_one_sku_reads_and_writes_only_what_it_is_about(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(4), selling=True) as stage:
        first, second = (sku.key for sku in stage.erp.state()[:2])
        stage.erp.change([Change(key, stock={"1": 1}, price=D("1.11"), touch=False) for key in (first, second)])
        before = await stage.sql("select kind, watermark from reading where kind != 'order' order by kind")
        forget_counts(stage)
        await stage.resync(["products", "prices", "stock"], skus=[first])
        await stage.quiet()
        shop = by_key(stage.shop.state())
        assert shop[first].stock == {"1_main": 1} and shop[first].price == D("1.11")
        assert shop[second].stock != {"1_main": 1} and shop[second].price != D("1.11")
        assert sum(writes(stage).values()) == 2
        assert await stage.sql("select kind, watermark from reading where kind != 'order' order by kind") == before


async def test_a_resync_of_one_sku_does_not_cost_a_full_load_under_way(sqlite_database: str) -> None:
    """Somebody resyncs a SKU in the middle of the first load: the rest of the catalogue still arrives, at once."""
    settings: dict[str, dict[str, object]] = {"winthor": {"page_size": 2}}
    async with staged(sqlite_database, seed=goods(8), settings=settings) as stage:
        stage.erp.faults.set([Fault("latency", "GET /api/stock-vtex", milliseconds=150, times=3)])
        await stage.activate()
        await stage.until(lambda: stage.sql("select id from link where kind = 'sku'"))
        await stage.until(lambda: stage.sql("select id from record where kind = 'stock'"))
        key = (await stage.sql("select key from record where kind = 'sku' order by key"))[0].key
        await stage.resync(["stock"], skus=[key])
        await stage.until(lambda: len([sku for sku in stage.shop.state() if sku.visible]) == 8)
        await stage.quiet()
        same(stage)


# ---- attention ----


async def test_a_sku_without_weight_waits_until_the_erp_has_it_or_the_option_says_what_it_is(sqlite_database: str) -> None:
    seed = msgspec.structs.replace(goods(2), products=(product(0, weight_kg=D(0)), product(1)))
    async with staged(sqlite_database, seed=seed) as stage:
        await stage.activate()
        await stage.quiet()
        waiting = {key: code for key, code in (await causes(stage)).items() if key.startswith("sku/")}
        assert len(waiting) == 1, await causes(stage)
        before = catalogue_calls(stage)
        await stage.change(options=Options(default_weight_grams=350), flows=["products"])
        await stage.until(lambda: len([sku for sku in stage.shop.state() if sku.visible]) == 2)
        assert await causes(stage) == {}
        assert catalogue_calls(stage) == before, "decided anew from what was read"


def catalogue_calls(stage: Stage) -> Counter[str]:
    return Counter({name: sum(n.values()) for name, n in stage.erp.counts.by_operation.items() if "/purchases/" in name})


async def test_a_missing_category_is_attention_and_ends_when_the_erp_is_fixed(sqlite_database: str) -> None:
    seed = msgspec.structs.replace(goods(2), products=(product(0, category=None), product(1)))
    async with staged(sqlite_database, seed=seed) as stage:
        await stage.activate()
        await stage.quiet()
        codes = await causes(stage)
        assert list(codes) == ["product/1000"] and len([sku for sku in stage.shop.state() if sku.visible]) == 1
        owner = (await stage.sql("select owner from cause"))[0].owner
        assert owner == "person"
        sku = next(sku.key for sku in stage.erp.state() if sku.product == "1000")
        stage.erp.change([Change(sku, category="100")])
        await stage.resync(["products"], full=False)
        await stage.until(lambda: len([sku for sku in stage.shop.state() if sku.visible]) == 2)
        assert await causes(stage) == {}


async def test_what_the_shop_refuses_stays_until_the_data_change_or_somebody_retries(sqlite_database: str) -> None:
    """A name that is longer than the shop takes."""
    seed = msgspec.structs.replace(goods(2), products=(product(0, name="Nome longo " * 20), product(1)))
    async with staged(sqlite_database, seed=seed) as stage:
        await stage.activate()
        await stage.until(lambda: _refused(stage))
        await stage.quiet()
        [(what, code)] = (await causes(stage)).items()
        assert what == "product/1000"
        await stage.resync(["products"])
        await stage.quiet()
        assert await causes(stage) == {what: code}
        [cause] = await stage.sql("select id from cause where code = :code", code=code)
        now = stage.clock.now().timestamp()
        await stage.store.writing(lambda c: trigger.retry(Scope(c, stage.tenant_id, stage.integration_id, now), trigger.Retried(cause.id)))
        await stage.until(lambda: _refused(stage))
        assert list(await causes(stage)) == [what]  # refused again: the data are the same
        sku = next(sku.key for sku in stage.erp.state() if sku.product == "1000")
        stage.erp.change([Change(sku, name="Nome curto")])
        await stage.resync(["products"], full=False)
        await stage.until(lambda: len([sku for sku in stage.shop.state() if sku.visible]) == 2)
        assert await causes(stage) == {}


async def test_what_was_left_half_made_in_the_shop_gets_the_erps_later_changes(sqlite_database: str) -> None:
    """A SKU whose EAN another SKU of the shop has: made, linked and refused, then changed in the ERP, and put right in the shop."""
    other = product(7, skus=(SeedSku("antigo", gtin(0), "UN", 1, D(5), {"1": 50}),))
    async with staged(sqlite_database, seed=goods(1)) as stage:
        stage.shop.seed(msgspec.structs.replace(goods(0), products=(other,)))
        await stage.activate()
        await stage.until(lambda: caused(stage, "sku.ean"))
        await stage.quiet()
        [key] = [sku.key for sku in stage.erp.state()]
        stage.erp.change([Change(key, weight_kg=D(9))])
        await stage.resync(["products"], full=False)
        await stage.quiet()
        shop: Any = stage.shop
        half = next(sku for sku in shop.shop.skus.values() if sku.ref == key)
        shop.shop.drop_eans(next(sku for sku in shop.shop.skus.values() if sku.ref == "antigo"), [gtin(0)])
        [cause] = await stage.sql("select id from cause where code = 'sku.ean'")
        now = stage.clock.now().timestamp()
        await stage.store.writing(lambda c: trigger.retry(Scope(c, stage.tenant_id, stage.integration_id, now), trigger.Retried(cause.id)))
        stage.runner.poke()
        await stage.until(lambda: half.eans == [gtin(0)])
        await stage.quiet()
        assert half.doc["PackagedWeightKg"] == 9000
        assert await causes(stage) == {}


async def _refused(stage: Stage) -> bool:
    return bool(await stage.sql("select id from cause where key like 'answer:%'"))


# ---- options, mapping, pilot ----


@pytest.mark.trap("vtex.active-placeholder")
async def test_new_categories_go_to_the_placeholder_until_they_are_linked_by_hand(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(2), options=Options(new_categories="placeholder")) as stage:
        await stage.activate()
        await stage.quiet()
        api: Any = stage.shop
        [node] = api.shop.categories.values()
        assert node.doc["Name"] == "Integração" and not node.doc["IsActive"]
        products = await stage.sql("select r.key, r.have, c.owner from record r join cause c on c.id = r.cause_id where r.kind = 'product'")
        assert [row.key for row in products] == ["1000", "1001"] and {row.owner for row in products} == {"storefront"}
        assert all(row.have is not None for row in products)
        await stage.until(lambda: len(stage.shop.state()) == 2)
        from engate_vtex_sandbox.catalog import new_category

        mine = api.shop.add_category(new_category(api.shop, "Cereais", None)).id
        now = stage.clock.now().timestamp()
        await stage.store.writing(
            lambda c: trigger.link_by_hand(c, RecordSet(stage.tenant_id, stage.integration_id, "category"), "category/100", str(mine), now)
        )
        stage.runner.poke()
        await stage.until(lambda: {p.doc["CategoryId"] for p in api.shop.products.values()} == {mine})
        await stage.until(lambda: _settled(stage, "product"))
        assert not [key for key in await causes(stage) if key.startswith("product/")]


async def _settled(stage: Stage, kind: str) -> bool:
    return not await stage.sql("select id from record where kind = :kind and state != 'settled'", kind=kind)


async def test_a_pilot_pushes_its_skus_and_what_they_need_and_widening_it_the_rest(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(4)) as stage:
        chosen = stage.erp.state()[2].key
        await stage.activate(pilot=[chosen])
        await stage.until(lambda: [sku.key for sku in stage.shop.state() if sku.visible] == [chosen])
        await stage.quiet()
        assert [sku.key for sku in stage.shop.state()] == [chosen]
        api: Any = stage.shop
        assert len(api.shop.products) == 1
        assert len(await stage.sql("select id from record where kind = 'sku'")) == 4  # the others are known, not pushed
        await stage.activate(pilot=None)
        await stage.until(lambda: len([sku for sku in stage.shop.state() if sku.visible]) == 4)
        await stage.quiet()
        same(stage)


@pytest.mark.trap("engine.snapshot-anew")
async def test_a_changed_buffer_is_applied_from_what_was_read_without_asking_the_erp(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(2)) as stage:
        await stage.selling()
        asked = Counter({name: sum(n.values()) for name, n in stage.erp.counts.by_operation.items() if "stock" in name})
        await stage.change(options=Options(stock_buffer=40), flows=["stock"])
        await stage.until(lambda: sorted(sku.stock["1_main"] for sku in stage.shop.state()) == [60, 61])
        now = Counter({name: sum(n.values()) for name, n in stage.erp.counts.by_operation.items() if "stock" in name})
        assert now == asked


async def test_an_unmapped_branch_is_attention_until_it_is_mapped(sqlite_database: str) -> None:
    seen: list[Any] = []
    async with staged(
        sqlite_database, seed=goods(1), mapping=lambda pair: seen.append(pair) or msgspec.structs.replace(pair, warehouses=())
    ) as stage:
        await stage.activate()
        await stage.until(lambda: caused(stage, "mapping.warehouse"))
        await stage.quiet()
        assert stage.shop.state()[0].stock.get("1_main", 0) == 0
        await stage.change(mapping=seen[0], flows=["stock", "warehouses"])
        await stage.until(lambda: stage.shop.state()[0].stock.get("1_main") == 100)
        assert not await caused(stage, "mapping.warehouse")


# ---- cancelling, stopping, dying ----


async def test_a_cancelled_run_makes_no_more_calls_until_somebody_asks(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(40)) as stage:
        stage.shop.faults.set([Fault("latency", PRICE_PUT, milliseconds=100)])
        await stage.activate()
        await stage.until(lambda: stage.shop.counts.in_flight[PRICE_PUT])
        [run] = await stage.sql("select id from run where flow = 'prices' and state in ('reading', 'pushing')")
        now = stage.clock.now().timestamp()
        row = await stage.store.reading(lambda c: trigger.run_row(c, stage.tenant_id, run.id))
        await stage.store.writing(lambda c: trigger.cancel_run(c, row, now))
        await stage.until(lambda: not stage.shop.counts.in_flight[PRICE_PUT])
        await stage.until(lambda: _at_rest(stage, "push/price", "read/prices"))
        asked = Counter(stage.shop.counts.by_operation[PRICE_PUT])
        await stage.quiet()
        assert stage.shop.counts.by_operation[PRICE_PUT] == asked
        assert {row.state for row in await stage.sql("select state from run where id = :id", id=run.id)} == {"cancelled"}
        await stage.resync(["prices"])
        await stage.until(lambda: len([sku for sku in stage.shop.state() if sku.visible]) == 40)


async def _at_rest(stage: Stage, *names: str) -> bool:
    rows = await stage.sql("select name, lease, due_at from lane")
    return all(row.lease is None for row in rows if row.name in names)


async def test_what_a_cancelled_run_had_under_way_is_not_sent_again_by_itself(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(4), selling=True) as stage:
        for sku in stage.erp.state():
            stage.erp.change([Change(sku.key, price=D("0.01"))])
        stage.shop.faults.set([Fault("latency", PRICE_PUT, milliseconds=6_000, times=10_000)])
        [made] = await stage.resync(["prices"])
        await stage.until(lambda: stage.sql("select id from record where kind = 'price' and state = 'sent'"))
        row = (await stage.sql("select * from run where id = :id", id=made))[0]
        now = stage.clock.now().timestamp()
        await stage.store.writing(lambda c: trigger.cancel_run(c, row, now))
        stage.runner.poke()
        await stage.until(lambda: stage.sql("select id from lane where name = 'push/price' and lease is null"))
        stage.shop.faults.set([])
        forget_counts(stage)
        unanswered = "select id from record where kind = 'price' and state = 'sent' and sent_at + :after < :now"
        await stage.until(lambda: stage.sql(unanswered, after=SHORT.unknown_after + 0.5, now=stage.clock.now().timestamp()))
        assert not writes(stage)
        await stage.resync(["prices"])
        await stage.until(lambda: all(sku.price == D("0.01") for sku in stage.shop.state()))


async def test_a_cancelled_reading_does_not_begin_anew_by_itself(sqlite_database: str) -> None:
    settings: dict[str, dict[str, object]] = {"winthor": {"page_size": 2}}
    async with staged(sqlite_database, seed=goods(20), settings=settings) as stage:
        stage.erp.faults.set([Fault("latency", "GET /api/stock-vtex", milliseconds=400)])
        await stage.activate()
        await stage.until(lambda: stage.sql("select id from record where kind = 'stock'"))
        [run] = await stage.sql("select id from run where flow = 'stock' and state = 'reading'")
        now = stage.clock.now().timestamp()
        row = await stage.store.reading(lambda c: trigger.run_row(c, stage.tenant_id, run.id))
        await stage.store.writing(lambda c: trigger.cancel_run(c, row, now))
        await stage.until(lambda: _at_rest(stage, "read/stock"))
        await stage.quiet()
        known = await stage.sql("select count(*) as n from record where kind = 'stock'")
        assert known[0].n < 20
        assert not await stage.sql("select id from run where flow = 'stock' and state != 'cancelled'")
        assert sum(bool(sku.stock.get("1_main")) for sku in stage.shop.state()) <= known[0].n


async def test_a_runner_that_dies_in_mid_push_loses_nothing(sqlite_database: str) -> None:
    """Killed with prices on their way, some applied: another runner ends the load, and the shop holds what the ERP says."""
    async with staged(sqlite_database, seed=goods(12), delays=PATIENT) as stage:
        stage.shop.faults.set([Fault("latency", PRICE_PUT, milliseconds=200)])
        await stage.activate()
        await stage.until(lambda: stage.shop.counts.in_flight[PRICE_PUT] > 2)
        await stage.stop()
        stage.shop.faults.set([])
        held = await stage.sql("select name from lane where lease is not null")
        assert held == [], "leases are given back on the way out"
        stage.start()
        await stage.until(lambda: len([sku for sku in stage.shop.state() if sku.visible]) == 12)
        await stage.quiet()
        same(stage)
        assert not await stage.sql("select id from record where state in ('to_send', 'sent')")


async def test_what_was_under_way_when_the_power_went_is_sent_again(sqlite_database: str) -> None:
    """No clean end at all: records marked as sent by a runner that is no more, lanes leased by it."""
    async with staged(sqlite_database, seed=goods(3), delays=PATIENT, selling=True) as stage:
        await stage.stop()

        def power_cut(c: sa.Connection) -> None:
            """As the database looks when a runner died between the claim and the answer: 8 is said to be on its way, nobody knows."""
            c.execute(
                sa.update(record)
                .where(record.c.kind == "stock")
                .values(sent=record.c.want, have=None, sent_at=stage.clock.now().timestamp())
            )
            c.execute(sa.text("update lane set lease = 'dead/1', lease_until = 0, due_at = 0"))

        await stage.store.writing(power_cut)
        for sku in stage.shop.state():
            stage.shop.corrupt("stock", sku.key)  # what the dead runner did to the shop
        stage.start()
        await stage.until(lambda: _settled(stage, "stock"))
        same(stage)


async def test_a_run_is_not_done_while_its_records_wait_for_links_on_their_way(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(3)) as stage:
        stage.shop.faults.set([Fault("latency", "POST /api/catalog/pvt/category", milliseconds=150)])
        await stage.activate()
        await stage.quiet()
        assert len([sku for sku in stage.shop.state() if sku.visible]) == 3
        rows = await stage.sql("select flow, state, changed, pushed from run")
        assert {row.flow: row.pushed for row in rows} == {row.flow: row.changed for row in rows}


# ---- effects nobody heard of ----


@pytest.mark.parametrize("kind", ["500_applied", "reset_applied", "timeout_applied"])
async def test_effects_that_were_not_answered_are_neither_lost_nor_doubled(sqlite_database: str, kind: Any) -> None:
    """Every first write of every product, SKU, image, price and stock is applied, and its answer is lost."""
    operations = (
        "POST /api/catalog/pvt/product", "POST /api/catalog/pvt/stockkeepingunit", "POST /api/catalog/pvt/category",
        "POST /api/catalog/pvt/brand", PRICE_PUT, "PUT /api/logistics/pvt/inventory",
    )  # fmt: skip
    async with staged(sqlite_database, seed=goods(6), delays=PATIENT) as stage:
        stage.shop.faults.set([Fault(kind, operation, rate=0.7, seed=n, milliseconds=5) for n, operation in enumerate(operations)])
        await stage.activate()
        await stage.until(lambda: len([sku for sku in stage.shop.state() if sku.visible]) == 6, 30)
        await stage.quiet()
        same(stage)
        api: Any = stage.shop
        assert len(api.shop.products) == len(api.shop.skus) == 6
        assert {len(sku.files) for sku in api.shop.skus.values()} == {1}
        assert len(api.shop.brands) == 1 and len(api.shop.categories) == 3
        assert stage.shop.counts.injected[kind] > 12
        assert not await stage.sql("select id from record where state != 'settled'")


async def test_a_storefront_that_answers_no_push_is_degraded_until_it_does(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(6), selling=True) as stage:
        stage.shop.faults.set([Fault("500", PRICE_PUT, times=10_000)])
        for sku in stage.erp.state():
            stage.erp.change([Change(sku.key, price=D("9.87"))])
        await stage.resync(["prices"])
        await stage.until(lambda: _health(stage, "vtex", "degraded"))
        tried = stage.shop.counts.injected["500"]
        await stage.until(lambda: stage.shop.counts.injected["500"] > tried)
        assert await _health(stage, "vtex", "degraded"), "though its events can be read"
        stage.shop.faults.set([])
        await stage.until(lambda: all(sku.price == D("9.87") for sku in stage.shop.state()))
        await stage.until(lambda: _health(stage, "vtex", "ok"))


async def _health(stage: Stage, platform: str, health: str) -> bool:
    [row] = await stage.sql("select health from connection where platform = :platform", platform=platform)
    return row.health == health


async def test_the_shops_own_texts_stay_where_the_option_says_so(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1), options=Options(overwrite_enriched=False), selling=True) as stage:
        [before] = stage.shop.state()
        stage.erp.change([Change(before.key, name="Outro nome", price=D("4.44"))])
        await stage.resync(["products", "prices"])
        await stage.until(lambda: stage.shop.state()[0].price == D("4.44"))
        await stage.quiet()
        assert stage.shop.state()[0].product_name == before.product_name
        await stage.change(options=Options(), flows=["products"])
        stage.erp.change([Change(before.key, name="Mais um nome")])
        await stage.resync(["products"])
        await stage.until(lambda: stage.shop.state()[0].product_name == "Mais um nome")


async def test_changed_settings_work_on_nothing_until_they_have_passed_a_test(sqlite_database: str) -> None:
    async with staged(sqlite_database, seed=goods(1), selling=True) as stage:
        [shop] = await stage.sql("select id, revision from connection where platform = 'vtex'")
        await stage.store.writing(lambda c: c.execute(sa.text("update connection set revision = revision + 1 where platform = 'vtex'")))
        stage.erp.change([Change(stage.erp.state()[0].key, price=D("3.21"))])
        forget_counts(stage)
        await stage.resync(["prices"])
        await stage.until(lambda: stage.sql("select id from lane where name = 'read/prices' and not_before > 0 and lease is null"))
        assert stage.shop.state()[0].price != D("3.21") and not writes(stage)
        passed = [Check("stage", True, Text("", ""))]

        def test(c: sa.Connection) -> None:
            config.tested(c, shop.id, shop.revision + 1, config.Tested(passed), 0.0)
            links.revive(c, stage.tenant_id, [stage.integration_id], stage.clock.now().timestamp())

        await stage.store.writing(test)
        stage.runner.poke()
        await stage.until(lambda: stage.shop.state()[0].price == D("3.21"))


async def test_credentials_that_are_refused_stop_everything_and_are_not_tried_on(sqlite_database: str) -> None:
    """A wrong password: a few logins at most, health says so, and nothing hammers an account that could be locked."""
    async with staged(sqlite_database, seed=goods(2), settings={"winthor": {"password": "errada"}}) as stage:
        await stage.activate()
        await stage.until(lambda: stage.sql("select id from connection where health = 'reauth_required'"))
        await stage.until(lambda: _all_back_off(stage))
        logins = sum(stage.erp.counts.by_operation["POST /winthor/autenticacao/v1/login"].values())
        assert 1 <= logins <= 2
        assert not await stage.sql("select id from record")


async def _all_back_off(stage: Stage) -> bool:
    return not [row for row in await stage.sql("select name, lease from lane where lease is not null")]


@pytest.mark.trap("winthor.row-over-the-edge")
async def test_stock_of_a_row_that_moved_while_it_was_read(sqlite_database: str) -> None:
    """A packaging leaves WinThor's list while its second page is on its way: the first of page 2 is then the last of page 1."""
    listed = "GET /api/stock-vtex/v1/available/list"
    async with staged(sqlite_database, seed=goods(20), settings={"winthor": {"page_size": 5}}, selling=True) as stage:
        skus = sorted(sku.key for sku in stage.erp.state())
        stage.erp.change([Change(key, stock={"1": 7}, touch=False) for key in skus])
        body = msgspec.Raw(msgspec.json.encode({"kind": "unlisted", "key": next(sku.key for sku in stage.erp.state())}))
        stage.erp.stage(Staged(listed, "corrupt", body))
        await stage.resync(["stock"])
        await stage.quiet()
        held = {sku.key: sku.stock["1_main"] for sku in stage.shop.state()}
        assert [key for key, offered in held.items() if offered != 7] == []


async def test_each_packaging_has_its_own_weight(sqlite_database: str) -> None:
    """A dozen weighs as WinThor says of the dozen, and not as one unit (U10)."""
    packs = (
        SeedSku("50000", gtin(0), "UN", 1, D("3.10"), {"1": 20}, weight_kg=D("1.02")),
        SeedSku("50001", gtin(1), "DZ", 12, D("34.90"), {"1": 5}, weight_kg=D("12.30")),
    )
    seed = msgspec.structs.replace(goods(0), products=(product(0, skus=packs),))
    async with staged(sqlite_database, shop_name="fake_shop", seed=seed, selling=True) as stage:
        held: dict[str, Any] = stage.shop.held["sku"]
        assert sorted(D(body["want"]["weight_kg"]) for body in held.values()) == [D("1.02"), D("12.30")]


@pytest.mark.trap("engine.refresh-inactive", "engine.refresh-lifted")
async def test_options_that_are_saved_while_inactive_count_when_it_is_active_again(sqlite_database: str) -> None:
    """Also for what has not changed in the ERP, which an activation after a pause does not read."""
    async with faked(sqlite_database, seed=goods(2), selling=True) as stage:
        before = {sku.key: sku.stock["main"] for sku in stage.shop.state()}
        now = stage.clock.now().timestamp()
        await stage.store.writing(lambda c: trigger.deactivate(Scope(c, stage.tenant_id, stage.integration_id, now)))
        await stage.change(options=Options(stock_buffer=2), flows=["stock"])
        await stage.until(lambda: stage.sql("select id from lane where name = 'refresh/stock' and lease is null and not_before > 0"))
        await stage.activate()
        await stage.until(lambda: {sku.key: sku.stock["main"] + 2 for sku in stage.shop.state()} == before)
