"""What the ERP wants with each order, by sales channel: delivered with the part, kept as it was, and never left out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.platforms.fake_erp.plugin import FAKE_ERP_ASKING
from tests.support.goods import goods
from tests.support.selling import asleep, entered, in_erp, sell
from tests.support.stage import Stage, faked

from engate.sync.mapping import ChannelRow, PairMapping
from engate.testing.world import Fault

SALE, RESALE = {"nature": "sale"}, {"nature": "resale", "seller": 9}


async def map_channels(stage: Stage, *rows: ChannelRow) -> None:
    snapshot = (await stage.sql("select mapping from integration"))[0].mapping
    held = msgspec.json.decode(snapshot) if isinstance(snapshot, str) else snapshot
    mapping = msgspec.structs.replace(msgspec.convert(held, PairMapping), channels=rows)
    await stage.change(mapping=mapping, flows=["orders"])


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
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
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


async def parts_of(stage: Stage, key: str) -> list[str]:
    return (await stage.order(key)).parts


@pytest.mark.trap("engine.channel-stored")
async def test_a_later_mapping_does_not_reach_what_is_on_its_way_or_in_the_erp(sqlite_database: str) -> None:
    """Neither when the import is tried again, nor when the shop changes the order."""
    async with faked(sqlite_database, seed=goods(1), manifests=(FAKE_ERP_ASKING,), selling=True) as stage:
        await map_channels(stage, ChannelRow(SALE))
        stage.erp.faults.set([Fault("500", "POST /orders", times=1)])
        key = sell(stage, 2)
        await stage.until(lambda: tried(stage, key))
        await map_channels(stage, ChannelRow(RESALE))
        assert await given(stage, key) == SALE
        [order] = in_erp(stage, key)
        del stage.erp.fields[order.key]
        stage.shop.edit(key, {"1": 1})
        await stage.until(lambda: order.key in stage.erp.fields)
        assert stage.erp.fields[order.key] == SALE


async def tried(stage: Stage, key: str) -> bool:
    rows = await stage.sql("select p.attempt from part p join shop_order o on o.id = p.order_id where o.key = :key", key=key)
    return bool(rows) and rows[0].attempt > 0
