"""What two transactions do at once on PostgreSQL: a statement sees what had been committed when it began, and no more."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from core.tests.beside import waits_or_done
from core.tests.orders_made import AT, order, part

from engate.domain.flows import FLOWS
from engate.domain.orders import Task
from engate.model import ErpItem, ErpOrder, OrderEvent, Sku
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.operations.trigger import Activation
from engate.store import archive, desired, health, inbox, lanes, links, orders, renames, runs, tasks
from engate.store.blobs import pack, unpack
from engate.store.db import Store
from engate.store.desired import Wanted
from engate.store.health import Trouble
from engate.store.lanes import Take
from engate.store.orders import OrderRow, Shop
from engate.store.rows import RecordSet
from engate.store.runs import Asked
from engate.store.tables import connection, flow, integration, lane, metadata, run, tenant
from engate.store.tables import inbox as events
from engate.store.tables import order as shop_order
from engate.store.tables import part as parts
from engate.text import Text

NOW, SKU = 1000.0, "p"
pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def store(database: str) -> Generator[Store]:
    """Two integrations of the same two accounts, of which the second one is to be activated in the place of the first."""
    made = Store(database)
    metadata.create_all(made.engine)
    with made.write() as c:
        c.execute(sa.insert(tenant).values(id=1, name="t", created_at=0))
        for id, role in ((1, "erp"), (2, "storefront")):
            c.execute(sa.insert(connection).values(id=id, tenant_id=1, name=role, platform="p", role=role, settings={}, created_at=0))
        for id, deleted_at in ((1, NOW), (2, None)):
            about = {"id": id, "tenant_id": 1, "name": f"i{id}", "erp_id": 1, "storefront_id": 2, "deleted_at": deleted_at}
            c.execute(sa.insert(integration).values(about | {"options": {}, "mapping": {}, "created_at": 0}))
        c.execute(sa.insert(lane), [{"tenant_id": 1, "integration_id": 2, "name": f"l{n}", "prio": 1} for n in (1, 2)])
        c.execute(sa.insert(flow), [{"integration_id": 2, "name": name} for name in FLOWS])
    yield made
    made.close()


def event(key: str) -> OrderEvent:
    return OrderEvent(key, "o1", "ready", "ready")


@pytest.mark.trap("engine.adopted-while-written")
def test_an_order_and_an_event_that_are_stored_while_an_archive_is_adopted_are_taken_over_too(store: Store) -> None:
    """By a lane of the archive that stores the order of an event of before. Else both would be deleted with the archive."""

    def adopts() -> int:
        with store.write() as c:
            return archive.adopt(c, 1, 2, NOW)

    with ThreadPoolExecutor(1) as beside:
        with store.write() as c:
            orders.keep(c, Shop(1, 1), order(), "received", NOW)
            inbox.receive(c, 1, 1, [event("later")], NOW)
            adopting = beside.submit(adopts)
            waits_or_done(store, adopting)
        assert adopting.result(20) == 1
    with store.read() as c:
        assert c.execute(sa.select(shop_order.c.integration_id)).scalars().all() == [2]
        assert c.execute(sa.select(events.c.integration_id)).scalars().all() == [2]


@pytest.mark.trap("engine.handled-unread")
def test_an_event_that_was_not_seen_yet_is_not_handled_with_the_others(store: Store) -> None:
    """Numbers of rows are drawn before their transactions commit: a lower one may be seen later."""
    with store.engine.begin() as late:
        inbox.receive(late, 1, 2, [event("paid")], NOW)
        with store.write() as c:
            inbox.receive(c, 1, 2, [event("placed")], NOW)
        with store.read() as c:
            seen = inbox.unhandled(c, 2, "o1").ids
    with store.write() as c:
        inbox.handled(c, seen, NOW)
        assert left(c) == ["paid"]


def left(c: sa.Connection) -> list[Any]:
    return list(c.execute(sa.select(events.c.key).where(events.c.handled_at.is_(None))).scalars())


@pytest.mark.trap("engine.through-at-once")
def test_a_connection_is_well_when_its_last_two_lanes_get_through_at_once(store: Store) -> None:
    """As those of two processes do after an outage."""
    with store.write() as c:
        for id in (1, 2):
            health.met(c, id, Trouble(1, {"code": "down"}))

    def gets_through() -> None:
        with store.write() as c:
            health.got_through(c, 2, 2)

    with ThreadPoolExecutor(1) as beside:
        with store.write() as c:
            health.got_through(c, 2, 1)
            through = beside.submit(gets_through)
            waits_or_done(store, through)
        through.result(20)
    with store.read() as c:
        assert c.execute(sa.select(connection.c.health).where(connection.c.id == 1)).scalar_one() == health.OK


@pytest.mark.trap("engine.retried-while-told")
def test_what_the_erp_says_while_a_person_retries_an_order_stays(store: Store) -> None:
    """The ERP lists it once: what is overwritten does not come again."""
    with store.write() as c:
        id = orders.keep(c, Shop(1, 2), order(), "received", NOW)
        orders.add_parts(c, OrderRow(1, 2, id), [part(1).doc], "invoiced")
        orders.update_part(c, 1, erp_key="7", erp_doc=erp())

    def retries() -> None:
        with store.write() as c:
            trigger.retry_order(Scope(c, 1, 2, NOW), "o1")

    with ThreadPoolExecutor(1) as beside:
        with store.write() as c:
            [row] = orders.part_by_erp(c, 2, ["7"])
            orders.update_part(c, row.id, erp_doc=erp(delivered_at=AT))
            retrying = beside.submit(retries)
            waits_or_done(store, retrying)
        retrying.result(20)
    assert said(store).delivered_at == AT


@pytest.mark.trap("engine.renamed-while-told")
def test_what_the_erp_says_while_a_sku_is_renamed_stays(store: Store) -> None:
    with store.write() as c:
        id = orders.keep(c, Shop(1, 2), order(), "received", NOW)
        orders.add_parts(c, OrderRow(1, 2, id), [part(1).doc], "in_erp")
        orders.update_part(c, 1, erp_key="7", erp_doc=erp())
        about = RecordSet(1, 2, "sku")
        desired.want(c, about, [Wanted(SKU, "p", Sku(SKU, "p", "s"), b"1", None, 0.0)], run_id=1, now=NOW)

    def renamed() -> None:
        with store.write() as c:
            renames.rename(c, 2, SKU, "new")

    with ThreadPoolExecutor(1) as beside:
        with store.write() as c:
            orders.update_part(c, 1, erp_doc=erp(delivered_at=AT))
            renaming = beside.submit(renamed)
            waits_or_done(store, renaming)
        renaming.result(20)
    assert (said(store).delivered_at, [item.sku for item in said(store).items]) == (AT, ["new"])


@pytest.mark.trap("engine.closed-while-settled")
def test_a_task_that_a_person_closes_while_its_amount_changes_is_opened_again(store: Store) -> None:
    """The person has seen the amount of before."""
    with store.write() as c:
        id = orders.keep(c, Shop(1, 2), order(), "received", NOW)
        tasks.settle(c, id, ["money"], [task(5)], NOW)

    def settles() -> None:
        with store.write() as c:
            tasks.settle(c, id, ["money"], [task(9)], NOW)

    with ThreadPoolExecutor(1) as beside:
        with store.write() as c:
            tasks.close(c, id, ["money"], "done", NOW)
            settling = beside.submit(settles)
            waits_or_done(store, settling)
        settling.result(20)
    with store.read() as c:
        assert [each.amount for each in tasks.still_open(c, id)] == [9]


def task(amount: int) -> Task:
    return Task("money", Decimal(amount), Text("t", "t"), Text("h", "h"))


def erp(**more: Any) -> bytes:
    """Of the ERP's order 7, which is the only part."""
    return pack(ErpOrder("7", "1", "invoiced", "F", items=(ErpItem(SKU, Decimal(1)),), invoices=(), **more))


def said(store: Store) -> ErpOrder:
    """What the ERP said last of the only part."""
    with store.read() as c:
        return unpack(c.execute(sa.select(parts.c.erp_doc)).scalar_one(), ErpOrder)


@pytest.mark.trap("engine.refresh-claimed")
def test_a_refresh_is_not_claimed_while_its_integration_is_being_activated(store: Store) -> None:
    """Who claims it then still sees the integration as inactive, and puts it off for a day."""
    with store.write() as c:
        c.execute(sa.insert(lane).values(tenant_id=1, integration_id=2, name="refresh/stock", prio=2, due_at=1.0))

    def claims() -> set[str]:
        with store.write() as c:
            return {claimed.name for claimed in lanes.claim(c, Take(NOW, 50, "somebody", 15.0))}

    with store.write() as c:
        trigger.activate(Scope(c, 1, 2, NOW), Activation(["stock"]))
        assert "refresh/stock" not in claims()
    assert "refresh/stock" in claims()


@pytest.mark.trap("engine.started-at-once")
def test_a_full_run_that_a_smaller_one_supersedes_as_it_starts_stays_due(store: Store) -> None:
    with store.write() as c:
        c.execute(sa.update(flow).values(full_at=5.0))

    def starts() -> int:
        with store.write() as c:
            return runs.start(c, 1, 2, Asked("stock", ["stock"], "request", full=False, keys=None), NOW)

    with ThreadPoolExecutor(1) as beside:
        with store.write() as c:
            first = runs.start(c, 1, 2, Asked("stock", ["stock"], "request", full=True, keys=None), NOW)
            starting = beside.submit(starts)
            waits_or_done(store, starting)
        second = starting.result(20)
    with store.read() as c:
        assert {row.id: row.state for row in c.execute(sa.select(run))} == {first: "cancelled", second: "reading"}
        assert runs.full_at(c, 2, "stock") is None


@pytest.mark.trap("engine.listed-while-linked")
def test_what_a_person_links_while_the_shops_list_is_read_stays_linked(store: Store) -> None:
    def lists() -> None:
        with store.write() as c:
            links.linked(c, RecordSet(1, 2, "sku"), links.free_pairs(c, 2, "sku", [(SKU, "listed")]), NOW, "listed")

    with ThreadPoolExecutor(1) as beside:
        with store.write() as c:
            links.lock(c, 2)
            links.linked(c, RecordSet(1, 2, "sku"), [(SKU, "said")], NOW, "person")
            listing = beside.submit(lists)
            waits_or_done(store, listing)
        listing.result(20)
    with store.read() as c:
        assert links.links_of(c, 2, ["sku"]) == {("sku", SKU): "said"}
