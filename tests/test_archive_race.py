"""An integration is deleted while its shop tells of an order: on PostgreSQL two transactions meet, and the later one sees the earlier."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.goods import goods, sale
from tests.support.stage import faked
from tests.test_sharing import WAITS

from engate.store import archive

SKU = "1000-50000"


@pytest.mark.trap("engine.archived-while-heard")
async def test_an_order_that_is_heard_of_while_its_integration_is_deleted_is_not_taken_in(new_database: Callable[..., str]) -> None:
    """(SQLite has one writer anyway.)"""
    async with faked(new_database("postgresql", tables=True), seed=goods(1)) as stage:
        await stage.selling()
        await stage.pushed()
        with stage.store.engine.begin() as deleting:
            archive.put_away(deleting, stage.tenant_id, stage.integration_id, stage.clock.now().timestamp())
            stage.shop.sell([sale(1, (SKU, 1, "10.00"))])
            await stage.until(lambda: stage.sql(WAITS))
        heard = "select id from lane where name = 'events' and lease is not null"

        async def passed() -> bool:
            return not await stage.sql(heard)

        await stage.until(passed)
        assert await stage.sql("select id from inbox") == [] and stage.erp.taken == {}
