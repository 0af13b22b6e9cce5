"""Health: a connection is as well as the lanes that need it, over any history of what they meet."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engate.store import health
from engate.store.db import Store
from engate.store.health import Trouble
from engate.store.tables import connection, integration, lane, metadata, tenant

LANES = (1, 2, 3)


@pytest.fixture
def store(sqlite_database: str) -> Generator[Store]:
    made = Store(sqlite_database)
    metadata.create_all(made.engine)
    with made.write() as c:
        c.execute(sa.insert(tenant).values(id=1, name="t", created_at=0))
        for id in (1, 2):
            c.execute(sa.insert(connection).values(id=id, tenant_id=1, name=f"c{id}", platform="p", role="erp", settings={}, created_at=0))
        about = {"id": 1, "tenant_id": 1, "name": "i", "erp_id": 1, "storefront_id": 2, "options": {}, "mapping": {}, "created_at": 0}
        c.execute(sa.insert(integration).values(**about))
        for id in LANES:
            c.execute(sa.insert(lane).values(id=id, tenant_id=1, integration_id=1, name=f"l{id}", prio=1))
    yield made
    made.close()


def shown(c: sa.Connection, id: int) -> tuple[str, str | None]:
    row: Any = c.execute(sa.select(connection.c.health, connection.c.health_cause).where(connection.c.id == id)).one()
    return row.health, row.health_cause["code"] if row.health_cause else None


STEPS = st.lists(
    st.tuples(st.sampled_from(LANES), st.sampled_from([None, (1, "slow"), (1, "down"), (2, "slow"), (None, "ours")])), max_size=20
)


@pytest.mark.trap("engine.trouble-stands")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(STEPS)
def test_a_connection_is_well_when_its_last_lane_is(store: Store, steps: list[tuple[int, tuple[int | None, str] | None]]) -> None:
    """A lane meets something, or gets through; the connection shows what one of those that still stand has met."""
    stands: dict[int, tuple[int | None, str]] = {}
    with store.write() as c:
        for id in (1, 2):
            health.passed(c, id)
        health.gone(c, 1)
        c.execute(sa.update(connection).values(health="ok", health_cause=None))
        for id, met in steps:
            if met is None:
                health.got_through(c, 1, id)
                stands.pop(id, None)
            else:
                if id in stands and stands[id][0] != met[0]:
                    health.got_through(c, 1, id)
                health.met(c, id, Trouble(met[0], {"code": met[1], "text": None, "hint": None}))
                stands[id] = met
            for side in (1, 2):
                codes = {code for blamed, code in stands.values() if blamed == side}
                state, code = shown(c, side)
                assert (state, code in codes) == ("degraded", True) if codes else (state, code) == ("ok", None)
