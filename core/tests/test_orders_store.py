"""Orders as stored: what only one of two may do."""

from __future__ import annotations

from collections.abc import Generator

import pytest
import sqlalchemy as sa

from engate.store import orders
from engate.store.db import Store
from engate.store.tables import connection, integration, metadata, order, part, tenant


@pytest.fixture
def store(database: str) -> Generator[Store]:
    made = Store(database)
    metadata.create_all(made.engine)
    with made.write() as c:
        c.execute(sa.insert(tenant).values(id=1, name="t", created_at=0))
        c.execute(sa.insert(connection).values(id=1, tenant_id=1, name="c", platform="p", role="erp", settings={}, created_at=0))
        about = {"id": 1, "tenant_id": 1, "name": "i", "erp_id": 1, "storefront_id": 1, "options": {}, "mapping": {}, "created_at": 0}
        c.execute(sa.insert(integration).values(**about))
        stored = {"shop_state": "ready", "raw_state": "ready", "doc": b"", "total": 1, "placed_at": 0, "read_at": 0, "created_at": 0}
        c.execute(sa.insert(order).values(id=1, tenant_id=1, integration_id=1, key="o", state="ready", changed_at=0, **stored))
        c.execute(
            sa.insert(part).values(
                id=1, tenant_id=1, integration_id=1, order_id=1, no=1, reference="o", branch="1", doc=b"", state="ready", attempt=0
            )
        )
    yield made
    made.close()


@pytest.mark.trap("engine.promise")
@pytest.mark.parametrize(
    ("was", "attempt"),
    [({"sending": True}, 0), ({"attempt": 1}, 0), ({"erp_key": "7"}, 0)],
    ids=["on its way", "tried meanwhile", "entered"],
)
def test_an_import_is_promised_once(store: Store, was: dict[str, object], attempt: int) -> None:
    with store.write() as c:
        orders.update_part(c, 1, **was)
        assert not orders.promise(c, 1, attempt)
        orders.update_part(c, 1, sending=False, attempt=0, erp_key=None)
        assert orders.promise(c, 1, 0) and not orders.promise(c, 1, 0)
