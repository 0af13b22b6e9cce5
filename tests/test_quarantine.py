"""What a plugin built wrongly, and stored documents that cannot be read, concern their own record: everything else goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from tests.support.goods import goods
from tests.support.selling import in_erp, sell, state
from tests.support.stage import Stage, faked

from engate.domain.options import Options
from engate.model import ErpOrder, OrderEvent, Page, Price, StockLevel
from engate.store import lanes
from engate.store.blobs import readable
from engate.testing.facts import Change, Fault
from engate.testing.fake_erp.plugin import FakeErp
from engate.testing.fake_shop.plugin import FakeShop
from engate.testing.fakes import FAKE_ERP, FAKE_SHOP, lacking

SPOILT = b"\0\xc1"
"""No document of any kind."""


def spoiling(base: type, hook: str, spoil: Callable[[Any], Any]) -> Any:
    """The plugin's hook, whose items go through `spoil`."""

    async def method(self: Any, query: Any) -> AsyncIterator[Any]:
        async for page in getattr(base, hook)(self, query):
            yield Page([spoil(item) for item in page.items], page.cursor, page.watermark)

    return method


class Spoilt:
    """Which items are wrong now, by their own or their SKU's key; how."""

    def __init__(self, **wrong: Any) -> None:
        self.keys: set[str] = set()
        self._wrong = wrong

    def __call__(self, item: Any) -> Any:
        return msgspec.structs.replace(item, **self._wrong) if {item.key, item.sku} & self.keys else item

    def erp(self, hook: str) -> Any:
        return lacking(FAKE_ERP, **{hook: spoiling(FakeErp, hook, self)})


async def cause_of(stage: Stage, kind: str, key: str) -> Any:
    rows = await stage.sql(
        "select c.code, c.text, r.state, r.doc from record r left join cause c on c.id = r.cause_id where r.kind = :kind and r.key = :key",
        kind=kind, key=key,
    )  # fmt: skip
    return rows[0] if rows else None


async def waits_with(stage: Stage, kind: str, key: str, code: str | None) -> bool:
    row = await cause_of(stage, kind, key)
    return row is not None and row.code == code


def stock(stage: Stage) -> dict[str, int]:
    return {sku.key: sku.stock.get("main", 0) for sku in stage.shop.state()}


async def first(stage: Stage, kind: str) -> Any:
    return (await stage.sql("select key, parent from record where kind = :kind order by key", kind=kind))[0]


# ---- items of a page ----


@pytest.mark.trap("engine.quarantine")
async def test_one_wrong_item_of_a_first_load_waits_alone_and_goes_when_the_plugin_is_mended(sqlite_database: str) -> None:
    spoilt = Spoilt(quantity="many")
    async with faked(sqlite_database, seed=goods(6), manifests=(spoilt.erp("list_stock"),), run=False) as stage:
        key = next(iter(stage.erp.state())).key
        spoilt.keys = {key}
        stage.start()
        await stage.activate()
        await stage.quiet()
        [bad] = await stage.sql("select r.key, r.parent, r.doc, c.code, c.owner, c.text from record r join cause c on c.id = r.cause_id")
        assert (bad.code, bad.owner, bad.parent) == ("plugin.item", "person", key)
        assert "list_stock" in str(bad.text) and "quantity" in str(bad.text) and "many" in str(bad.text)
        assert readable(bad.doc, StockLevel) is not None
        held = stock(stage)
        assert {sku for sku, units in held.items() if units} == set(held) - {key} and len(held) == 6
        spoilt.keys.clear()
        await stage.resync(["stock"])
        await stage.until(lambda: stock(stage)[key] > 0)
        await stage.until(lambda: waits_with(stage, "stock", bad.key, None))


@pytest.mark.trap("engine.quarantine")
async def test_the_last_sound_document_stays_and_is_not_sent_while_its_item_is_wrong(sqlite_database: str) -> None:
    spoilt = Spoilt(quantity=None)
    async with faked(sqlite_database, seed=goods(4), manifests=(spoilt.erp("list_stock"),)) as stage:
        await stage.selling()
        before = stock(stage)
        row = await first(stage, "stock")
        spoilt.keys = {row.key}
        stage.erp.change([Change(sku=row.parent, stock={"1": 7})])
        await stage.resync(["stock"])
        await stage.until(lambda: waits_with(stage, "stock", row.key, "plugin.item"))
        doc = readable((await cause_of(stage, "stock", row.key)).doc, StockLevel)
        assert doc is not None and doc.quantity == before[row.parent]
        await stage.change(options=Options(stock_buffer=3), flows=["stock"])  # decides every record anew
        await stage.until(lambda: {sku for sku in before if stock(stage)[sku] == before[sku] - 3} == set(before) - {row.parent})
        await stage.quiet()
        assert stock(stage)[row.parent] == before[row.parent] and await waits_with(stage, "stock", row.key, "plugin.item")
        spoilt.keys.clear()
        await stage.resync(["stock"])
        await stage.until(lambda: stock(stage)[row.parent] == 7 - 3)


@pytest.mark.trap("engine.nameless")
async def test_an_item_that_does_not_say_which_one_it_is_is_told_by_the_run(sqlite_database: str) -> None:
    def spoil(item: Any) -> Any:
        return {"price": 1} if item.sku == key else item

    manifest = lacking(FAKE_ERP, list_prices=spoiling(FakeErp, "list_prices", spoil))
    async with faked(sqlite_database, seed=goods(4), manifests=(manifest,), run=False) as stage:
        key = next(iter(stage.erp.state())).key
        stage.start()
        await stage.activate()
        await stage.quiet()
        [run] = await stage.sql("select state, error from run where flow = 'prices'")
        assert run.state == "done" and "plugin.item" in run.error and "list_prices" in run.error
        assert {sku.key for sku in stage.shop.state() if sku.price is not None} == {sku.key for sku in stage.erp.state()} - {key}


async def test_a_number_where_a_decimal_is_declared_is_no_fault(sqlite_database: str) -> None:
    def whole(price: Price) -> Price:
        return msgspec.structs.replace(price, base=int(price.base))

    manifest = lacking(FAKE_ERP, list_prices=spoiling(FakeErp, "list_prices", whole))
    async with faked(sqlite_database, seed=goods(2), manifests=(manifest,)) as stage:
        await stage.selling()
        assert not await stage.sql("select id from cause")


@pytest.mark.trap("engine.mended-plugin")
async def test_a_process_that_starts_reads_again_what_a_plugin_built_wrongly(sqlite_database: str) -> None:
    spoilt = Spoilt(base="free")
    async with faked(sqlite_database, seed=goods(3), manifests=(spoilt.erp("list_prices"),)) as stage:
        await stage.selling()
        row = await first(stage, "price")
        spoilt.keys = {row.key}
        await stage.resync(["prices"])
        await stage.until(lambda: waits_with(stage, "price", row.key, "plugin.item"))
        await stage.quiet()
        await stage.stop()
        spoilt.keys.clear()  # the plugin is mended, and the ERP's change is far behind every watermark
        await stage.store.writing(lambda c: c.exec_driver_sql("update reading set watermark = '9999' where kind in ('price', 'stock')"))
        stage.start()
        await stage.resync(["prices", "stock"], full=False)
        await stage.until(lambda: waits_with(stage, "price", row.key, None))
        marks = {mark.kind: mark.watermark for mark in await stage.sql("select kind, watermark from reading")}
        assert marks["stock"] == "9999", "nothing else is read whole"


# ---- stored documents ----


async def spoil(stage: Stage, sql: str, **values: object) -> None:
    await stage.store.writing(lambda c: c.execute(sa.text(sql), {"spoilt": SPOILT, **values}))


@pytest.mark.trap("engine.unreadable-claim", "engine.unreadable-have")
async def test_a_spoilt_document_stops_no_batch_and_is_read_again(database: str) -> None:
    pushed: list[tuple[str, Any, bool]] = []

    async def push_prices(self: Any, batch: Any) -> None:
        pushed.extend((item.key, item.have, item.uncertain) for item in batch.items)
        await FakeShop.push_prices(self, batch)

    async with faked(database, seed=goods(5), manifests=(lacking(FAKE_SHOP, push_prices=push_prices),)) as stage:
        await stage.selling()
        await stage.stop()
        pushed.clear()
        keys = [row.key for row in await stage.sql("select key from record where kind = 'price' order by key")]
        await stage.store.writing(lambda c: c.exec_driver_sql("update record set have = null where kind = 'price'"))
        await spoil(stage, "update record set doc = :spoilt where kind = 'price' and key = :key", key=keys[0])
        await spoil(stage, "update record set have_doc = :spoilt where kind = 'price' and key = :key", key=keys[1])
        wake = lanes.Wake(stage.tenant_id, stage.integration_id, "push/price", 3, 0.0)
        await stage.store.writing(lambda c: lanes.wake(c, [wake]))
        stage.start()
        await stage.until(lambda: waits_with(stage, "price", keys[0], "record.unreadable"))

        async def others() -> bool:
            return {row.state for row in await stage.sql("select state from record where kind = 'price' and key <> :key", key=keys[0])} == {
                "settled"
            }

        await stage.until(others)
        assert {key for key, _, _ in pushed} == set(keys[1:])
        assert [(have, uncertain) for key, have, uncertain in pushed if key == keys[1]] == [(None, False)], "not known, and sent once"
        await stage.resync(["prices"], full=False)

        async def mended() -> bool:
            row = await cause_of(stage, "price", keys[0])
            return row.code is None and row.state == "settled" and readable(row.doc, Price) is not None

        await stage.until(mended)


@pytest.mark.trap("engine.unreadable-revisit")
async def test_a_spoilt_document_does_not_stop_what_is_decided_anew(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(5), selling=True) as stage:
        before = stock(stage)
        row = await first(stage, "stock")
        await spoil(stage, "update record set doc = :spoilt where kind = 'stock' and key = :key", key=row.key)
        await stage.change(options=Options(stock_buffer=2), flows=["stock"])
        await stage.until(lambda: {sku for sku in before if stock(stage)[sku] == before[sku] - 2} == set(before) - {row.parent})
        assert await waits_with(stage, "stock", row.key, "record.unreadable")
        await stage.resync(["stock"], full=False)
        await stage.until(lambda: stock(stage)[row.parent] == before[row.parent] - 2)


# ---- orders ----


@pytest.mark.trap("engine.unreadable-order")
async def test_an_order_whose_document_is_spoilt_is_read_from_the_shop_again(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(3), selling=True) as stage:
        key, other = sell(stage, number=1), sell(stage, number=2)
        await state(stage, key, "in_erp")
        await state(stage, other, "in_erp")
        await spoil(stage, "update shop_order set doc = :spoilt where key = :key", key=key)
        await spoil(stage, "update part set erp_doc = :spoilt")
        stage.erp.progress("invoiced", None)
        await state(stage, other, "invoiced")
        await state(stage, key, "invoiced")
        assert len(in_erp(stage, key)) == 1


async def test_a_part_that_never_went_out_is_made_anew(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(3), selling=True) as stage:
        stage.erp.faults.set([Fault("500", "GET /orders", times=10_000)])
        key = sell(stage, number=1)
        await stage.until(lambda: stage.sql("select id from part"))
        await stage.stop()
        await spoil(stage, "update part set doc = :spoilt")
        stage.erp.faults.set([])
        stage.start()
        await state(stage, key, "in_erp")
        assert len(in_erp(stage, key)) == 1


async def test_a_part_that_went_out_and_cannot_be_read_is_for_a_person_and_never_sent_again(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(3), selling=True) as stage:
        key, other = sell(stage, number=1), sell(stage, number=2)
        await state(stage, key, "in_erp")
        await state(stage, other, "in_erp")
        await spoil(stage, "update part set doc = :spoilt where order_id = (select id from shop_order where key = :key)", key=key)
        stage.erp.progress("invoiced", None)
        await stage.until(lambda: stage.waits(key, "order.unreadable"))
        await state(stage, other, "invoiced")
        assert len(in_erp(stage, key)) == 1


@pytest.mark.trap("engine.broken-event")
async def test_an_event_that_is_wrong_still_brings_its_order(sqlite_database: str) -> None:
    def wrong(event: OrderEvent) -> OrderEvent:
        return msgspec.structs.replace(event, state="whatever", raw_state=None)

    manifest = lacking(FAKE_SHOP, read_order_events=spoiling(FakeShop, "read_order_events", wrong))
    async with faked(sqlite_database, seed=goods(2), manifests=(manifest,)) as stage:
        await stage.selling()
        key = sell(stage)
        await state(stage, key, "in_erp")
        assert len(in_erp(stage, key)) == 1


@pytest.mark.trap("engine.broken-fulfilment")
async def test_what_the_erp_says_of_an_order_is_not_lost_when_it_was_built_wrongly(sqlite_database: str) -> None:
    """A listing by change date shows it once: the watermark waits for a plugin that can tell it."""
    wrong = True

    def spoil_order(order: ErpOrder) -> ErpOrder:
        return msgspec.structs.replace(order, total="a lot") if wrong and order.key == mine else order

    mine = ""
    manifest = lacking(FAKE_ERP, list_fulfilment=spoiling(FakeErp, "list_fulfilment", spoil_order))
    async with faked(sqlite_database, seed=goods(2), manifests=(manifest,)) as stage:
        await stage.selling()
        key, other = sell(stage, number=1), sell(stage, number=2)
        await state(stage, key, "in_erp")
        await state(stage, other, "in_erp")
        mine = in_erp(stage, key)[0].key
        stage.erp.progress("invoiced", [mine])
        await stage.until(lambda: stage.waits(key, "plugin.item"))
        stage.erp.progress("invoiced", [in_erp(stage, other)[0].key])  # what changed later is what a watermark would be at
        await state(stage, other, "invoiced")
        wrong = False
        await state(stage, key, "invoiced")
        await stage.until(lambda: stage.waits(key, None))
        assert [len(in_erp(stage, each)) for each in (key, other)] == [1, 1]
