"""A buyer is taken out of an order while engate reads of it: on PostgreSQL two transactions meet, and the later one sees the earlier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.goods import goods
from tests.support.selling import asleep, entered, sell, state
from tests.support.stage import Stage, faked

from engate import personal
from engate.model import ErpOrder, Order
from engate.store.blobs import pack, unpack
from engate.store.tables import key_index, order, part

WAITING = "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database() and query"
WAITS = {"shop": f"{WAITING} not like '%JOIN%'", "erp": f"{WAITING} like '%JOIN%'"}
"""Who reads what the ERP says of orders finds them by their parts."""
XML = "<NFe><dest><xNome>Maria da Silva</xNome></dest></NFe>"


async def delivered(stage: Stage) -> str:
    await stage.selling()
    key = sell(stage)
    [own] = await entered(stage, key)
    stage.erp.invoice(own.key, xml=XML)
    stage.erp.ship(own.key, "BR1")
    stage.erp.progress("delivered", None)
    await state(stage, key, "delivered")
    await asleep(stage, key)
    return key


def taken_out(c: sa.Connection) -> None:
    """As far as the order's own row goes, by another process."""
    doc = c.execute(sa.select(order.c.doc)).scalar_one()
    c.execute(sa.delete(key_index).where(key_index.c.kind == "order"))
    c.execute(sa.update(order).values(doc=pack(personal.erased(unpack(doc, Order))), erased_at=1.0))


@pytest.mark.trap("engine.erased-while-read", "engine.erased-while-told")
@pytest.mark.parametrize("who", ["shop", "erp"])
async def test_what_is_read_while_a_buyer_is_taken_out_brings_nobody_back(new_database: Callable[..., str], who: str) -> None:
    """(SQLite has one writer anyway.)"""
    async with faked(new_database("postgresql", tables=True), seed=goods(1)) as stage:
        key = await delivered(stage)
        buyer = stage.shop.placed[key].buyer
        with stage.store.engine.begin() as erasing:
            taken_out(erasing)
            if who == "shop":
                stage.shop.progress("handling", [key])
            else:
                [own] = stage.erp.taken.values()
                stage.erp.invoice(own.key, xml=XML)
                stage.erp.progress("cancelled", [own.key])
            await stage.until(lambda: stage.sql(WAITS[who]))

        async def heard() -> Any:
            [row] = await stage.sql("select shop_state, p.erp_state from shop_order o join part p on p.order_id = o.id")
            return row.shop_state == "handling" if who == "shop" else row.erp_state == "cancelled"

        await stage.until(heard)
        with stage.store.read() as c:
            kept = unpack(c.execute(sa.select(order.c.doc)).scalar_one(), Order)
            erp = unpack(c.execute(sa.select(part.c.erp_doc)).scalar_one(), ErpOrder)
            keys = set(c.execute(sa.select(key_index.c.key).where(key_index.c.target == key)).scalars())
        assert who == "erp" or buyer.document not in keys
        assert buyer.name and kept.buyer.name == "" and kept.delivery.street == ""
        assert not any(note.xml for note in erp.invoices or ()) or who == "shop"
