"""What people are told of how much there is, is what there is: whatever the engine did before. On both databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engate.domain.digests import digest
from engate.domain.reasons import own
from engate.model import StockLevel
from engate.model.kinds import KINDS
from engate.store import causes, desired, links, pushes, runs
from engate.store.db import Store
from engate.store.desired import Decided, Part, Wanted
from engate.store.pushes import Settled, Wish
from engate.store.rows import RecordSet
from engate.store.tables import connection, integration, metadata, record, record_count, run, tenant
from engate.text import Text
from engate.views import running

STOCK = RecordSet(1, 1, "stock")
KEYS = [f"k{n}" for n in range(8)]
REASONS = [own("x", subject, Text("x", "x"), Text("", "")) for subject in ("a", "b")]
Do = Callable[[sa.Connection, int, list[str]], None]


@pytest.fixture
def store(database: str) -> Generator[Store]:
    made = Store(database)
    metadata.create_all(made.engine)
    yield made
    made.close()


@contextmanager
def emptied(store: Store) -> Generator[None]:
    """Two integrations of one tenant and nothing else, however it was left."""
    with store.write() as c:
        for table in reversed(metadata.sorted_tables):
            c.execute(sa.delete(table))
        c.execute(sa.insert(tenant).values(id=1, name="t", created_at=0))
        for id, role in ((1, "erp"), (2, "storefront"), (3, "storefront")):
            c.execute(sa.insert(connection).values(id=id, tenant_id=1, name=f"c{id}", platform="p", role=role, settings={}, created_at=0))
        for id in (1, 2):
            couple(c, id)
        for id in (1, 2, 3):
            values = {"id": id, "tenant_id": 1, "integration_id": 1, "flow": "stock", "trigger": "request", "state": "pushing"}
            c.execute(sa.insert(run).values(started_at=0, **values))
    yield


def couple(c: sa.Connection, id: int) -> None:
    values = {"id": id, "tenant_id": 1, "name": f"i{id}", "erp_id": 1, "storefront_id": id + 1, "options": {}, "mapping": {}}
    c.execute(sa.insert(integration).values(created_at=0, **values))


def some(c: sa.Connection, keys: list[str]) -> list[int]:
    return list(c.execute(sa.select(record.c.id).where(record.c.integration_id == 1, record.c.key.in_(keys))).scalars())


def want(c: sa.Connection, n: int, keys: list[str]) -> None:
    docs = [StockLevel(key, key, "1", Decimal(n)) for key in keys]
    rows = [Wanted(doc.key, doc.sku, doc, digest(doc, {}), REASONS[0] if n == 3 else None, 0.0) for doc in docs]
    desired.want(c, RecordSet(1, 1 + n // 4, "stock"), rows, run_id=1 + n % 3, now=1.0)


def push(c: sa.Connection, n: int, keys: list[str]) -> None:
    links.linked(c, RecordSet(1, 1, "sku"), [(key, key) for key in keys], 1.0)
    rows = pushes.claim(c, 1, KINDS["stock"], Wish(1 + n, 1e9, 1e9))
    pushes.mark_sent(c, [(row.id, row.want, row.want) for row in rows], 2.0)
    if n % 2:
        pushes.accept(c, STOCK, [Settled(r.id, r.key, r.want, r.doc, "", False, "", None, True) for r in rows], 3.0)


def wait(c: sa.Connection, n: int, keys: list[str]) -> None:
    pushes.wait_for(c, STOCK, [(id, REASONS[n % 2]) for id in some(c, keys)], 1.0, answered=bool(n % 3))


def again(c: sa.Connection, n: int, keys: list[str]) -> None:
    pushes.again(c, [(id, 1.0, bool(n % 2), "x") for id in some(c, keys)], 1.0)


def release(c: sa.Connection, n: int, _keys: list[str]) -> None:
    causes.release(c, 1, [REASONS[n % 2].key])


def revisit(c: sa.Connection, n: int, keys: list[str]) -> None:
    reason = REASONS[1] if n % 2 else None
    desired.revisit(c, STOCK, lambda doc, at: Decided(bytes([n]) * 16, reason), Part(keys), 1.0)


def remove(c: sa.Connection, _n: int, keys: list[str]) -> None:
    c.execute(sa.delete(record).where(record.c.integration_id == 1, record.c.key.in_(keys[:1])))


def forget(c: sa.Connection, n: int, _keys: list[str]) -> None:
    if n == 0:
        c.execute(sa.delete(integration).where(integration.c.id == 2))
        couple(c, 2)


def cancel(c: sa.Connection, n: int, _keys: list[str]) -> None:
    runs.cancel(c, 1 + n % 3, 1.0)


DONE: list[Do] = [want, want, want, push, push, wait, again, release, revisit, remove, forget, cancel]
STEP = st.tuples(st.sampled_from(DONE), st.integers(0, 7), st.lists(st.sampled_from(KEYS), min_size=1, unique=True))


@pytest.mark.trap("engine.counts-exact")
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=1, max_size=12))
def test_what_is_counted_is_what_there_is(store: Store, steps: list[tuple[Do, int, list[str]]]) -> None:
    with emptied(store):
        for do, n, keys in steps:
            with store.write() as c:
                do(c, n, keys)
        with store.read() as c:
            there = c.execute(sa.select(record.c.integration_id, record.c.kind, record.c.state, record.c.run_id)).all()
            for id in (1, 2):
                said = {
                    (kind, state): getattr(live, state)
                    for kind, live in running.records_of(c, id).items()
                    for state in running.LIVE
                    if getattr(live, state)
                }
                assert said == Counter((row.kind, row.state) for row in there if row.integration_id == id)
            for id in (1, 2, 3):
                found = runs.of_id(c, id)
                assert found is not None
                live = running.one_run(c, found).live
                assert {s: n for s in running.LIVE if (n := getattr(live, s))} == Counter(row.state for row in there if row.run_id == id)
            gauges = running.gauges(c, 1.0).records
            assert gauges == Counter((row.kind, row.state) for row in there)
            assert not c.execute(sa.select(record_count).where(record_count.c.n <= 0)).all(), "nothing is kept of what is gone"
