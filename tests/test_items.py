"""What a push hook is given with each item: the number of the decision, second keys, and a product's SKUs together."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from tests.support.goods import goods, gtin, product
from tests.support.stage import Stage, faked

from engate import NotSent, Rejected, Text, Unknown, batch
from engate.store import lanes, pushes
from engate.testing.facts import Change, SeedSku
from engate.testing.fake_shop.plugin import FAKE_SHOP, FakeShop
from engate.testing.fakes import FAKE_ERP, lacking


async def stocked(stage: Stage, quantity: int) -> None:
    """The ERP says so, and the shop is told."""
    [sku] = stage.erp.state()
    stage.erp.change([Change(sku.key, stock={"1": quantity})])
    await stage.resync(["stock"], full=False)
    await stage.quiet()


async def test_ten_eight_ten_are_three_decisions_for_a_shop_that_remembers_calls(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1)) as stage:
        stage.shop.switches.remembers = True
        await stage.selling()
        for quantity in (10, 8, 10):
            await stocked(stage, quantity)
            [held] = stage.shop.state()
            assert held.stock == {"main": quantity}


class Turns:
    """A shop whose stock hook notes the turns it is given and answers what it is told to."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.answers: list[Any] = []

    def manifest(self) -> Any:
        turns = self

        async def push_stock(self: FakeShop, batch: Any) -> None:
            [item] = batch.items
            turns.seen.append(item.turn)
            error = turns.answers.pop(0) if turns.answers else None
            if error is not None:
                batch.failed(item, error)
                return
            await FakeShop.push_stock(self, batch)

        return lacking(FAKE_SHOP, push_stock=push_stock)


@pytest.mark.trap("engine.turn-stays")
async def test_a_retry_has_the_number_of_its_decision_and_a_refused_one_another(sqlite_database: str) -> None:
    """Not sent, then unknown, then accepted: one decision. What the shop refused is decided anew, with whatever comes next."""
    turns = Turns()
    turns.answers = [NotSent(Text("", "later")), Unknown(Text("", "?")), None, Rejected(Text("", "no"))]
    async with faked(sqlite_database, seed=goods(1), manifests=(turns.manifest(),)) as stage:
        await stage.selling()
        assert len(turns.seen) == 3 and len(set(turns.seen)) == 1
        await stocked(stage, 8)
        await stocked(stage, 7)
        first, refused, last = turns.seen[-3:]
        assert first < refused < last


@pytest.mark.trap("engine.moved-under-way")
async def test_what_the_shop_moved_while_a_push_was_under_way_goes_again_as_a_new_decision(sqlite_database: str) -> None:
    """A cancelled order gave units back between the push and its answer: what was accepted is not what the shop holds."""
    turns = Turns()
    stages: list[Stage] = []

    async def push_stock(self: FakeShop, batch: Any) -> None:
        [item] = batch.items
        turns.seen.append(item.turn)
        await FakeShop.push_stock(self, batch)
        if len(turns.seen) == 2:

            def moved(c: sa.Connection) -> None:
                pushes.resend(c, stages[0].integration_id, "stock", [item.want.sku])
                lanes.wake(c, [lanes.Wake(stages[0].tenant_id, stages[0].integration_id, "push/stock", 0, 0.0)])

            await stages[0].store.writing(moved)

    async with faked(sqlite_database, seed=goods(1), manifests=(lacking(FAKE_SHOP, push_stock=push_stock),)) as stage:
        stages.append(stage)
        await stage.selling()
        await stocked(stage, 8)
        await stage.until(lambda: len(turns.seen) == 3, 5)
        assert turns.seen[0] < turns.seen[1] < turns.seen[2]


async def test_a_record_that_is_read_again_after_it_was_forgotten_begins_beyond_its_last_turn(sqlite_database: str) -> None:
    turns = Turns()
    async with faked(sqlite_database, seed=goods(1), manifests=(turns.manifest(),)) as stage:
        await stage.selling()
        before = turns.seen[-1]
        await stage.until(lambda: stage.clock.now().timestamp() > before + 1)
        await stage.store.writing(lambda c: c.execute(sa.text("delete from record where kind = 'stock'")))
        await stage.resync(["stock"])
        await stage.until(lambda: len(turns.seen) == 2)
        assert turns.seen[1] > before


@pytest.mark.trap("engine.second-key", "engine.second-key-of-parent")
async def test_a_second_key_comes_back_with_the_sku_and_with_what_belongs_to_it(sqlite_database: str) -> None:
    skus: list[tuple[str | None, str]] = []

    async def push_skus(self: FakeShop, batch: Any) -> None:
        skus.extend((item.remote, item.more) for item in batch.items)
        await FakeShop.push_skus(self, batch)

    async with faked(sqlite_database, seed=goods(1), manifests=(lacking(FAKE_SHOP, push_skus=push_skus),)) as stage:
        stage.shop.switches.second_keys = True
        await stage.activate()
        await stage.until(
            lambda: all(sku.visible for sku in stage.shop.state()) and stage.shop.state(), 8
        )  # it takes stock by that key alone
        assert skus == [(None, "")]
        [sku] = stage.erp.state()
        stage.erp.put("sku", msgspec.structs.replace(stage.erp.doc("sku", sku.key), width_cm=Decimal(77)))
        await stage.resync(["products"])
        await stage.until(lambda: len(skus) == 2)
        remote, more = skus[1]
        assert more == f"stock-of-{remote}"


@pytest.mark.trap("engine.second-key-kept")
async def test_a_link_that_a_person_made_gets_its_second_key_and_stays_the_persons(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        await stage.store.writing(lambda c: c.execute(sa.text("update link set origin = 'person' where kind = 'sku'")))
        stage.shop.switches.second_keys = True
        [sku] = stage.erp.state()
        stage.erp.put("sku", msgspec.structs.replace(stage.erp.doc("sku", sku.key), width_cm=Decimal(77)))
        await stage.resync(["products"])
        await stage.quiet()
        [row] = await stage.sql("select remote, more, origin from link where kind = 'sku'")
        assert (row.more, row.origin) == (f"stock-of-{row.remote}", "person")


def packed(count: int, packings: int) -> Any:
    """Products with so many SKUs each. Their keys do not stand together: every product's first SKU is listed before any second one."""

    def skus(n: int) -> tuple[SeedSku, ...]:
        return tuple(
            SeedSku(f"{packing}{n:03d}", gtin(100 * n + packing), f"CX {packing}", packing + 1, Decimal(10), {"1": 5})
            for packing in range(packings)
        )

    seed = goods(count)
    return msgspec.structs.replace(seed, products=tuple(product(n, skus=skus(n)) for n in range(count)))


@pytest.mark.trap("engine.together", "engine.together-most")
@pytest.mark.parametrize(
    ("database", "most", "packings", "sizes"),
    [("sqlite", 10, 4, [8] * 5), ("sqlite", 3, 4, [3, 1] * 10), ("postgresql", 3, 4, [3, 1] * 10), ("sqlite", 100, 4, [40])],
    ids=["sqlite-whole", "sqlite-too-many", "postgresql-too-many", "sqlite-all"],
    indirect=["database"],
)
async def test_the_skus_of_a_product_come_in_one_batch(database: str, most: int, packings: int, sizes: list[int]) -> None:
    """As many products as fit whole; only one that has more SKUs than the hook takes is cut."""
    batches: list[list[str]] = []

    @batch(max=most)
    async def push_skus(self: FakeShop, batch: Any) -> None:
        batches.append([item.want.product for item in batch.items])
        await FakeShop.push_skus(self, batch)

    async with faked(database, seed=packed(10, packings), manifests=(lacking(FAKE_SHOP, push_skus=push_skus),)) as stage:
        stage.erp.switches.page_size = 1000
        await stage.selling()
        assert [len(found) for found in batches] == sizes
        if most >= packings:
            held = [product for found in batches for product in set(found)]
            assert len(held) == len(set(held)), "a product was cut"


async def test_what_a_buyer_chooses_by_is_read_and_sent_when_it_changes(sqlite_database: str) -> None:
    async with faked(sqlite_database, run=False) as stage:
        stage.erp.switches.options = True
        stage.erp.seed(goods(2))
        stage.start()
        await stage.selling()
        held = stage.shop.held["sku"]
        assert [row["want"]["options"] for row in held.values()] == [[["Embalagem", "UN"]]] * 2
        key = min(held)
        doc = stage.erp.doc("sku", key)
        stage.erp.put("sku", msgspec.structs.replace(doc, options=(("Cor", "Azul"), ("Tamanho", "M"))))
        before = len(stage.shop.puts)
        await stage.resync(["products"])
        await stage.quiet()
        assert stage.shop.puts[before:] == [("sku", key)]
        assert held[key]["want"]["options"] == [["Cor", "Azul"], ["Tamanho", "M"]]


# ---- a kind that goes after another one of the same SKU (V6) ----


@pytest.mark.trap("engine.after-another", "engine.after-another-goes-on")
async def test_the_stock_of_a_sku_waits_for_its_price_where_the_shop_says_so(database: str) -> None:
    careful = lacking(FAKE_SHOP, after=frozenset({("stock", "price")}))
    async with faked(database, seed=goods(2), manifests=(careful,)) as stage:
        stage.shop.switches.needs_price = True
        late = sorted(sku.key for sku in stage.erp.state())[1]
        price = stage.erp.doc("price", late)
        stage.erp.remove("price", late)
        await stage.activate()
        await stage.until(lambda: _on_sale(stage) == 1)
        await stage.quiet()
        rows = await stage.sql("select r.parent, c.code, c.owner from record r join cause c on c.id = r.cause_id")
        assert [(row.parent, row.code, row.owner) for row in rows] == [(late, "waiting.other", "engate")]
        stage.erp.put("price", price)
        await stage.resync(["prices"], full=False)
        await stage.until(lambda: _on_sale(stage) == 2)
        assert stage.shop.counts.by_operation["PUT /{kind}/{key:.+}"]["422"] == 0, "nothing was sent in vain"


def _on_sale(stage: Stage) -> int:
    return sum(sku.visible for sku in stage.shop.state())


async def test_where_nobody_sends_prices_stock_does_not_wait_for_them(sqlite_database: str) -> None:
    careful = lacking(FAKE_SHOP, after=frozenset({("stock", "price")}))
    async with faked(sqlite_database, seed=goods(1), manifests=(careful, lacking(FAKE_ERP, "list_prices"))) as stage:
        await stage.activate()
        await stage.until(lambda: len(stage.shop.held.get("stock", {})) == 1)
