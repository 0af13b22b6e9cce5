"""What the ERP wants with each order, by sales channel: delivered with the part, kept as it was, and never left out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.support.goods import goods
from tests.support.selling import asleep, entered, in_erp, sell, skus
from tests.support.stage import Stage, faked

from engate.domain.mapping import ChannelRow, PairMapping, PaymentRow
from engate.testing.facts import Fault
from engate.testing.fake_erp.plugin import FAKE_ERP_ASKING

SALE, RESALE = {"nature": "sale"}, {"nature": "resale", "seller": 9}


async def map_channels(stage: Stage, *rows: ChannelRow) -> None:
    await remap(stage, channels=rows)


async def remap(stage: Stage, **rows: Any) -> PairMapping:
    """Other rows of these kinds. Returns the mapping as it was."""
    snapshot = (await stage.sql("select mapping from integration"))[0].mapping
    held = msgspec.convert(msgspec.json.decode(snapshot) if isinstance(snapshot, str) else snapshot, PairMapping)
    await stage.change(mapping=msgspec.structs.replace(held, **rows), flows=["orders"])
    return held


async def offered(stage: Stage, key: str) -> int:
    """Units that the shop offers."""
    [sku] = [sku for sku in stage.shop.state() if sku.key == key]
    return int(sum(sku.stock.values()))


def placed(stage: Stage, number: int, channel: str, *, firm: bool = False) -> str:
    """An order of this channel, paid only after it is as it should be."""
    key = sell(stage, number=number, paid=False)
    order = stage.shop.placed[key]
    buyer = order.buyer
    if firm:
        buyer = msgspec.structs.replace(buyer, document="11222333000181", company=True, state_inscription="111.222.333.444")
    stage.shop.placed[key] = msgspec.structs.replace(order, channel=channel, buyer=buyer)
    stage.shop.progress("paid", [key])
    return key


async def given(stage: Stage, key: str) -> Any:
    """What the ERP got with the order, besides its lines."""
    [order] = await entered(stage, key)
    return stage.erp.fields[order.key]


async def words(stage: Stage, key: str) -> str:
    [row] = await stage.sql("select c.text, c.hint from shop_order o join cause c on c.id = o.cause_id where o.key = :key", key=key)
    return f"{row.text} {row.hint}"


async def test_the_erp_gets_what_the_row_of_the_channel_says(sqlite_database: str) -> None:
    async with faked(sqlite_database, seed=goods(1), manifests=(FAKE_ERP_ASKING,), selling=True) as stage:
        await map_channels(stage, ChannelRow(SALE), ChannelRow(RESALE, "b2b", "contributor"), ChannelRow({"nature": "export"}, "b2b"))
        assert await given(stage, placed(stage, 1, "web")) == SALE
        assert await given(stage, placed(stage, 2, "b2b")) == {"nature": "export"}
        assert await given(stage, placed(stage, 3, "b2b", firm=True)) == RESALE
        assert await given(stage, placed(stage, 4, "", firm=True)) == SALE


@pytest.mark.trap("engine.channel-required")
async def test_an_order_without_what_the_erp_requires_waits_and_enters_when_it_is_mapped(sqlite_database: str) -> None:
    """Never without it: nothing of the order goes to the ERP before."""
    async with faked(sqlite_database, seed=goods(1), manifests=(FAKE_ERP_ASKING,), selling=True) as stage:
        key = placed(stage, 1, "b2b")
        await stage.until(lambda: stage.waits(key, "mapping.channel"))
        assert "Natureza de opera" in await words(stage, key) and "b2b" in await words(stage, key)
        await map_channels(stage, ChannelRow(SALE, "web"))
        await asleep(stage, key)
        assert (await stage.order(key)).cause == "mapping.channel" and in_erp(stage, key) == [] and stage.erp.fields == {}
        await map_channels(stage, ChannelRow(SALE, "web"), ChannelRow(RESALE, "b2b"))
        assert await given(stage, key) == RESALE
        assert (await stage.order(key)).cause is None


async def test_an_erp_that_asks_for_nothing_is_told_nothing(sqlite_database: str) -> None:
    """A row that was left from another ERP, say: it would be refused there."""
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        await map_channels(stage, ChannelRow(SALE))
        assert await given(stage, placed(stage, 1, "b2b", firm=True)) == {}


async def test_what_was_not_sent_yet_goes_by_the_mapping_of_now(sqlite_database: str) -> None:
    """As charge and terms do: an order that waits for its payment is decided anew when it is paid."""
    async with faked(sqlite_database, seed=goods(1), manifests=(FAKE_ERP_ASKING,), selling=True) as stage:
        await map_channels(stage, ChannelRow(SALE))
        key = sell(stage, paid=False)
        await stage.until(lambda: parts_of(stage, key))
        await map_channels(stage, ChannelRow(RESALE))
        stage.shop.progress("paid", [key])
        assert await given(stage, key) == RESALE


@pytest.mark.trap("engine.mapped-anew")
async def test_a_mapping_put_right_while_the_erp_does_not_answer_counts(sqlite_database: str) -> None:
    """Nothing was sent yet: the order only could not be looked for."""
    async with faked(sqlite_database, seed=goods(1), manifests=(FAKE_ERP_ASKING,), selling=True) as stage:
        await map_channels(stage, ChannelRow(SALE))
        before = await remap(stage, payments=(PaymentRow("pix", "CARD", "1"),))
        stage.erp.faults.set([Fault("500", "GET /orders", times=10_000)])
        key = sell(stage)
        await stage.until(lambda: parts_of(stage, key))
        await remap(stage, payments=before.payments, channels=(ChannelRow(RESALE),))
        stage.erp.faults.set([])
        assert await given(stage, key) == RESALE
        assert stage.erp.mapped[in_erp(stage, key)[0].key][0] == "PIX"
        assert len(await parts_of(stage, key)) == 1 and await units(stage) == {}


@pytest.mark.trap("engine.waiting-holds")
@pytest.mark.parametrize("lacking", ["channels", "payments"])
async def test_an_order_that_waits_for_its_mapping_holds_its_units(sqlite_database: str, lacking: str) -> None:
    """They are sold: until somebody maps what is missing, nobody else may buy them."""
    async with faked(sqlite_database, seed=goods(1), manifests=(FAKE_ERP_ASKING,), selling=True) as stage:
        await map_channels(stage, ChannelRow(SALE))
        before = await remap(stage, **{lacking: ()})
        sku, _ = skus(stage)[0]
        had = await offered(stage, sku)
        key, gone = sell(stage, 2), sell(stage, 3, number=2)
        for each in (key, gone):
            await stage.until(lambda each=each: stage.waits(each, {"channels": "mapping.channel", "payments": "mapping.payment"}[lacking]))
        assert await units(stage) == {key: 2, gone: 3}
        await stage.until(lambda: offers(stage, sku, had - 5))
        stage.shop.cancel([gone], "desistiu")
        await stage.until(lambda: hold(stage, {key: 2}))
        await stage.until(lambda: offers(stage, sku, had - 2))
        await stage.change(mapping=before, flows=["orders"])
        await entered(stage, key)
        assert in_erp(stage, gone) == [] and gone not in await units(stage)


async def offers(stage: Stage, sku: str, wanted: int) -> bool:
    return await offered(stage, sku) == wanted


async def hold(stage: Stage, wanted: dict[str, int]) -> bool:
    return await units(stage) == wanted


async def units(stage: Stage) -> dict[str, int]:
    """Order -> units that it holds."""
    rows = await stage.sql("select o.key, u.quantity from unit u join shop_order o on o.id = u.order_id where u.freed_at is null")
    return {row.key: int(row.quantity) for row in rows}


async def parts_of(stage: Stage, key: str) -> list[str]:
    return (await stage.order(key)).parts


@pytest.mark.trap("engine.channel-stored")
@pytest.mark.trap("engine.mapped-stored")
async def test_a_later_mapping_does_not_reach_what_is_on_its_way_or_in_the_erp(sqlite_database: str) -> None:
    """Neither when the import is tried again, nor when the shop changes the order."""
    async with faked(sqlite_database, seed=goods(1), manifests=(FAKE_ERP_ASKING,), selling=True) as stage:
        await map_channels(stage, ChannelRow(SALE))
        stage.erp.faults.set([Fault("500", "POST /orders", times=1)])
        key = sell(stage, 2)
        await stage.until(lambda: tried(stage, key))
        await remap(stage, channels=(ChannelRow(RESALE),), payments=(PaymentRow("pix", "CARD", "1"),))
        assert await given(stage, key) == SALE
        [order] = in_erp(stage, key)
        mapped = stage.erp.mapped.pop(order.key)
        stage.shop.edit(key, {"1": 1})
        await stage.until(lambda: order.key in stage.erp.mapped)
        assert stage.erp.fields[order.key] == SALE and stage.erp.mapped[order.key] == mapped and mapped[0] == "PIX"


async def tried(stage: Stage, key: str) -> bool:
    rows = await stage.sql("select p.attempt from part p join shop_order o on o.id = p.order_id where o.key = :key", key=key)
    return bool(rows) and rows[0].attempt > 0
