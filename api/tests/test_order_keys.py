"""The addresses of an order reach it whatever its key is, as far as the boundary lets keys in (`engate.boundary.is_segment`)."""

from __future__ import annotations

from collections.abc import Generator
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from api.tests.conftest import Loaded

from engate.boundary import is_segment
from engate.store.tables import order

WORST = ["#1001", "a?b&c=d", "100%", " é ", "a..b", "1;2,3:4@5", "+1+", "retry", "tasks", "x" * 200]
"""Not "%2F": the test client decodes a path twice, which the real server does not."""


@pytest.fixture(params=WORST, ids=lambda key: key[:20])
def key(request: pytest.FixtureRequest, loaded: Loaded) -> Generator[str]:
    """One more order, with this key; nothing works on it."""
    store = loaded.house.client.app.state.installation.store
    assert is_segment(request.param)
    with store.write() as c:
        row = c.execute(sa.select(order).where(order.c.key == loaded.order)).one()._asdict()
        del row["id"]
        c.execute(sa.insert(order).values(**row | {"key": request.param}))
    yield request.param
    with store.write() as c:
        c.execute(sa.delete(order).where(order.c.key == request.param))


def test_an_order_is_reached_by_the_worst_key_there_can_be(loaded: Loaded, key: str) -> None:
    at = f"{loaded.path}/orders/{quote(key, safe='')}"
    assert loaded.admin.get(at)["key"] == key
    assert loaded.admin.get(f"{loaded.path}/explain/order/{quote(key, safe='')}")["order"]["key"] == key
    assert loaded.admin.post(f"{at}/tasks/close", {"note": "nada em aberto"})["key"] == key
