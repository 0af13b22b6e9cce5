"""Orders that a shop hands in, and what it says of them later: who is waited for in the database."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from core.tests.orders_made import order
from sqlalchemy.exc import OperationalError

from engate.store import orders
from engate.store.db import Store
from engate.store.deliveries import Came
from engate.store.tables import connection, delivery, inbox, integration, metadata, tenant
from engate.sync import placing
from engate.sync.placing import Move

CAME = Came(1, 2, 10.0, "POST", "x", b"the call itself, with its token")


@pytest.fixture
def store(database: str) -> Generator[Store]:
    made = Store(database)
    metadata.create_all(made.engine)
    with made.write() as c:
        c.execute(sa.insert(tenant).values(id=1, name="t", created_at=0))
        for id, role in ((1, "erp"), (2, "storefront")):
            c.execute(sa.insert(connection).values(id=id, tenant_id=1, name=role, platform="p", role=role, settings={}, created_at=0))
        about = {"id": 1, "tenant_id": 1, "name": "i", "erp_id": 1, "storefront_id": 2, "shop": "p/#2", "created_at": 0}
        c.execute(sa.insert(integration).values(about | {"options": {}, "mapping": {}}))
    yield made
    made.close()


def soon(c: sa.Connection) -> sa.Connection:
    """Who would have to wait gives up at once instead."""
    c.exec_driver_sql("set local lock_timeout = '50ms'")
    return c


def count(store: Store, table: sa.Table) -> int:
    with store.read() as c:
        return c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_an_order_is_one_event_and_one_delivery_however_often_it_comes(store: Store) -> None:
    given = order()
    with store.write() as c:
        first, woken = placing.place(c, CAME, given)
        assert first is not None and not first.differs and woken == {1}
    for again, differs in ((given, False), (msgspec.structs.replace(given, changed_at="9"), False), (order(freight="1"), True)):
        with store.write() as c:
            assert placing.place(c, CAME, again) == (first._replace(differs=differs), set())
    assert count(store, inbox) == count(store, delivery) == 1
    with store.write() as c:
        assert placing.move(c, CAME, Move("o1", "cancelled", "cancelled")) == (True, {1})
        assert placing.move(c, CAME, Move("o1", "cancelled", "cancelled")) == (True, set()), "said before"
        assert placing.place(c, CAME, given) == (first, set()), "what it says was taken once"
        assert placing.place(c, CAME, order(state="cancelled")) == (first, set()), "what it says is so"
        assert placing.move(c, CAME, Move("o2", "cancelled", "cancelled")) == (False, set())
        looked = placing.known(c, CAME, "o1")
        assert looked is not None and looked.stored.doc.raw_state == "cancelled"
    assert count(store, inbox) == count(store, delivery) == 2


@pytest.mark.trap("engine.moved-one-by-one")
def test_what_is_said_of_one_order_is_written_one_after_the_other(store: Store) -> None:
    """SQLite has one writer."""
    if store.sqlite:
        return
    with store.write() as c:
        placing.place(c, CAME, order())
        with store.write() as other, pytest.raises(OperationalError, match="lock timeout"):
            placing.place(soon(other), CAME, order(state="cancelled"))
    with store.write() as c:
        placing.move(c, CAME, Move("o1", "held", "held"))
        with store.write() as other, pytest.raises(OperationalError, match="lock timeout"):
            orders.locked(soon(other), _number(other))


def _number(c: sa.Connection) -> int:
    id: Any = orders.id_of(c, 1, "o1")
    return id
