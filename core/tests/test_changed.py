"""Keys that the ERP told have changed, until they have been read; and deliveries, until they are old."""

from __future__ import annotations

from collections.abc import Generator

import pytest
import sqlalchemy as sa

from engate.store import changed, config, deliveries, runs
from engate.store.db import Store
from engate.store.deliveries import Came
from engate.store.runs import Asked
from engate.store.tables import connection, delivery, integration, metadata

NOW = 1_790_000_000.0
KINDS = ["price"]


@pytest.fixture
def store(database: str) -> Generator[Store]:
    made = Store(database)
    metadata.create_all(made.engine)
    with made.write() as c:
        tenant_id, _ = config.create_tenant(c, "Loja", NOW)
        for id, role in ((1, "erp"), (2, "storefront")):
            about = {"id": id, "tenant_id": tenant_id, "name": role, "platform": "p", "role": role, "settings": {}, "created_at": NOW}
            c.execute(sa.insert(connection).values(**about))
        c.execute(
            sa.insert(integration).values(
                id=1, tenant_id=tenant_id, name="i", erp_id=1, storefront_id=2, options={}, mapping={}, created_at=NOW
            )
        )
    yield made
    made.close()


def start(c: sa.Connection, *, full: bool = False) -> int:
    """A run of what waits, or of everything."""
    keys = None if full else changed.waiting(c, 1, KINDS)
    made = runs.start(c, 1, 1, Asked("prices", KINDS, "webhook", full, keys), NOW + 10)
    changed.taken(c, 1, keys or {}, made)
    return made


@pytest.mark.trap("engine.told-again")
def test_a_key_that_is_told_again_while_it_is_read_waits_again(store: Store) -> None:
    with store.write() as c:
        changed.note(c, 1, "price", ["a", "b", "a"], NOW)
        run = start(c)
        assert changed.waiting(c, 1, KINDS) == {}
        changed.note(c, 1, "price", ["b"], NOW + 11)
        changed.been_read(c, 1, "price", run, all_since=None)
        assert changed.waiting(c, 1, KINDS) == {"price": ["b"]}


def test_keys_of_a_run_that_another_one_took_the_place_of_are_not_lost(store: Store) -> None:
    with store.write() as c:
        changed.note(c, 1, "price", ["a"], NOW)
        start(c)
        runs.start(c, 1, 1, Asked("prices", KINDS, "request", full=False, keys={"price": ["z"]}), NOW + 20)
        assert changed.waiting(c, 1, KINDS) == {"price": ["a"]}


def test_what_was_told_before_a_full_reading_is_in_it(store: Store) -> None:
    with store.write() as c:
        changed.note(c, 1, "price", ["early"], NOW)
        run = start(c, full=True)
        changed.note(c, 1, "price", ["late"], NOW + 11)
        changed.been_read(c, 1, "price", run, all_since=NOW + 10)
        assert changed.waiting(c, 1, KINDS) == {"price": ["late"]}


def test_a_run_takes_so_many_keys_and_the_rest_the_next(store: Store) -> None:
    keys = [f"{number:04d}" for number in range(changed.AT_ONCE + 1)]
    with store.write() as c:
        changed.note(c, 1, "price", keys, NOW)
        run = start(c)
        changed.been_read(c, 1, "price", run, all_since=None)
        assert [len(each) for each in changed.waiting(c, 1, KINDS).values()] == [1]


def test_deliveries_go_after_a_month(store: Store) -> None:
    with store.write() as c:
        for number, days in ((1, 31), (2, 29)):
            came = Came(1, 2, NOW - days * 86400, "POST", "orders", b"{}")
            assert deliveries.keep(c, came, f"d{number}", {}) is not None
        assert deliveries.purge(c, NOW) is False
        assert c.execute(sa.select(delivery.c.key)).scalars().all() == ["d2"]


def test_reasons_of_refusals_are_few(store: Store) -> None:
    with store.write() as c:
        for number in range(deliveries.REASONS + 5):
            deliveries.refused(c, Came(1, 2, NOW, "POST", "orders", b"x"), f"reason {number}")
        rows = c.execute(sa.select(delivery.c.reason, delivery.c.times).order_by(delivery.c.id)).all()
    assert len(rows) == deliveries.REASONS + 1
    assert tuple(rows[-1]) == ("…", 5)
