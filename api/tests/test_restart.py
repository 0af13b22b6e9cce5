"""After a kill: what the dead process had in hand is taken up at once where nobody else can be at work, and only there."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from engate.clock import SystemClock
from engate.store.db import Store
from engate.store.tables import connection, integration, lane, tenant, token
from engate_api.embedded import opened
from engate_api.installation import open_store
from engate_api.settings import Settings


def leave_behind(store: Store) -> None:
    """An integration whose stock was being read, and whose session was being renewed, by a process that is no more."""
    held = {"lease": "dead/1", "lease_until": time.time() + 3600}
    with store.write() as c:
        c.execute(sa.insert(tenant).values(id=1, name="t", created_at=0))
        for id, role in ((1, "erp"), (2, "storefront")):
            c.execute(sa.insert(connection).values(id=id, tenant_id=1, name=role, platform="p", role=role, settings={}, created_at=0))
        about = {"id": 1, "tenant_id": 1, "name": "i", "erp_id": 1, "storefront_id": 2, "options": {}, "mapping": {}, "created_at": 0}
        c.execute(sa.insert(integration).values(**about))
        c.execute(sa.insert(lane).values(tenant_id=1, integration_id=1, name="read/stock", prio=2, due_at=1.0, **held))
        c.execute(sa.insert(token).values(connection_id=1, **held))


def in_hand(store: Store) -> list[Any]:
    with store.read() as c:
        return [row for of in (lane, token) for row in c.execute(sa.select(of.c.lease).where(of.c.lease == "dead/1"))]


def put_off(store: Store) -> bool:
    with store.read() as c:
        return bool(c.execute(sa.select(lane.c.not_before)).scalar())


@pytest.mark.trap("engine.free-at-start")
async def test_what_a_killed_process_had_in_hand_is_taken_up_at_the_start(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, database_url=f"sqlite:///{tmp_path}/engate.db")
    store = open_store(settings)
    leave_behind(store)
    async with opened(settings, SystemClock()):
        assert in_hand(store) == []
        async with asyncio.timeout(10):
            while not put_off(store):  # noqa: ASYNC110  # until its slice has ended: the connections are untested
                await asyncio.sleep(0.02)
    store.close()


@pytest.mark.trap("engine.free-only-ours")
async def test_where_another_machine_may_be_at_work_its_lease_is_waited_for(tmp_path: Path, postgres_database: str) -> None:
    """The lock of our own folder says nothing of them."""
    settings = Settings(data=tmp_path, database_url=postgres_database)
    store = open_store(settings)
    leave_behind(store)
    for _ in range(2):
        async with opened(settings, SystemClock()):
            assert len(in_hand(store)) == 2
    store.close()
