"""Buyers are forgotten after their time, on both databases, wherever something of them was stored; and what was deleted is in no file."""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from core.tests.orders_made import AT, invoice
from core.tests.orders_made import order as made_order
from sqlalchemy import event
from tests.support import bulk

from engate.domain.reasons import Reason
from engate.model import Address, Buyer, ErpOrder, Invoice, OrderChange, OrderPart, Payment
from engate.store import buyers, causes, lanes, migrate, orders, upkeep, whose
from engate.store.blobs import pack, unpack
from engate.store.db import Store
from engate.store.deliveries import Came, keep
from engate.store.orders import Line, OrderRow, Shop
from engate.store.tables import (
    cause,
    connection,
    document,
    inbox,
    integration,
    lane,
    metadata,
    order,
    order_cause,
    outbox,
    part,
    task,
    tenant,
)
from engate.store.tables import delivery as deliveries
from engate.store.tables import order as shop_order
from engate.text import Text

DAY = 86400.0
NOW = AT.timestamp() + 2_000 * DAY
KEPT = 1_826 * DAY
BUYER = Buyer("Maria da Silva", "52998224725", "maria@example.com", "11999998888")
HOME = Address("Rua das Flores", "100", "", "Centro", "São Paulo", "SP", "01001000", receiver="Pedro Souza")
WORDS = ("Maria", "Silva", "52998224725", "529.982.247-25", "maria@example.com", "11999998888", "Rua das Flores", "01001000", "Pedro")
SAID = "Cliente MARIA DA SILVA (529.982.247-25, maria@example.com), Rua das Flores: tel. 11999998888"


@pytest.fixture
def store(database: str) -> Generator[Store]:
    made = Store(database)
    metadata.create_all(made.engine)
    with made.write() as c:
        known(c)
    yield made
    made.close()


def known(c: sa.Connection) -> None:
    """A tenant with an integration."""
    c.execute(sa.insert(tenant).values(id=1, name="t", created_at=0))
    for id, role in ((1, "erp"), (2, "storefront")):
        c.execute(sa.insert(connection).values(id=id, tenant_id=1, name=role, platform="p", role=role, settings={}, created_at=0))
    about = {"id": 1, "tenant_id": 1, "name": "i", "erp_id": 1, "storefront_id": 2, "options": {}, "mapping": {}, "created_at": 0}
    c.execute(sa.insert(integration).values(**about))


def stored(store: Store, key: str, state: str = "delivered", **more: Any) -> int:
    """An order with all that may hang on one, each place with something of its buyer."""
    doc = made_order(payments=(Payment("pix", "pix", made_order().total, tid="tid-9"),), buyer=BUYER)
    doc = msgspec.structs.replace(doc, key=key, delivery=HOME, number=f"#{key}", **more)
    note = invoice(xml=f"<xNome>{BUYER.name}</xNome><CPF>{BUYER.document}</CPF>" * 20)
    erp = ErpOrder("77", "1", "delivered", "delivered", reason=SAID, invoices=(note,))
    text = msgspec.to_builtins(Text(SAID, SAID))
    with store.write() as c:
        id = orders.keep(c, Shop(1, 1), doc, state, AT.timestamp())
        mine = {"tenant_id": 1, "integration_id": 1, "order_id": id}
        c.execute(
            sa.insert(part).values(
                **mine, no=1, reference=key, branch="1", state=state, erp_key=f"erp-{key}", erp_doc=pack(erp), change_refused=text,
                doc=pack(OrderPart(key, made_order(), "1", (), doc.total, doc.total, doc.total, doc.total)),
                change=pack(OrderChange(key, (), doc.total, SAID)),
            )
        )  # fmt: skip
        row = OrderRow(1, 1, id)
        part_id = c.execute(sa.select(part.c.id).where(part.c.order_id == id)).scalar_one()
        orders.keep_documents(c, row, part_id, [note], 0.0)
        orders.index(c, 1, "order", key, [f"erp-{key}", note.number])
        orders.note(c, row, Line("attention", Text(SAID, SAID)), 0.0)
        orders.note(c, row, Line("task_closed", Text("Pendência encerrada: Pix à Mariazinha", "Task closed: Pix à Mariazinha")), 0.0)
        closed = {"closed_at": 1.0, "closed_by": "person", "note": "Pix à Mariazinha"}
        c.execute(sa.insert(task).values(**mine, code="t", amount=1, text=text, hint=text, opened_at=0.0, **closed))
        orders.set_cause(c, row, Reason("answer:x", "x", "person", Text(SAID, SAID), Text("", "")), 0.0)
        orders.set_cause(c, row, None, 0.0)  # it went on; the words stay
        c.execute(
            sa.insert(lane).values(
                tenant_id=1, integration_id=1, name=f"order/{key}", prio=0, trouble={"text": text, "hint": text, "code": ""}
            )
        )
        told = {"tenant_id": 1, "integration_id": 1, "kind": "mail", "target": "buyers", "key": f"delivered/{key}", "payload": {}}
        c.execute(sa.insert(outbox).values(**told, since=0.0, due_at=0.0, error=f"550 {BUYER.email}"))
    return id


def held(store: Store) -> list[str]:
    """What of the buyer any column holds, what is compressed opened."""
    said: list[bytes] = []
    with store.read() as c:
        for table in metadata.sorted_tables:
            for row in c.execute(sa.select(table)):
                said += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    opened = [_opened(value) for value in said]
    text = b"\n".join(opened).decode("utf-8", "replace").casefold()
    return [word for word in WORDS if word.casefold() in text]


def _opened(value: bytes) -> bytes:
    for start in (0, 1):
        with suppress(zlib.error):
            return zlib.decompress(value[start:])
    return value


@pytest.mark.trap("engine.buyer-kept-so-long")
async def test_an_order_loses_its_buyer_after_its_time(store: Store) -> None:
    id = stored(store, "o1")
    assert held(store) == list(WORDS)
    await upkeep.forget_buyers(store, KEPT, AT.timestamp() + KEPT - 1)
    assert held(store) == list(WORDS), "not before"
    await upkeep.forget_buyers(store, KEPT, AT.timestamp() + KEPT + 1)
    assert held(store) == []
    with store.read() as c:
        row = c.execute(sa.select(order).where(order.c.id == id)).one()
        found = orders.load(c, 1, "o1")
        assert found is not None and found.erased and found.doc.total == made_order().total and found.doc.items == made_order().items
        assert found.doc.delivery == Address(state="SP") and row.erased_at == AT.timestamp() + KEPT + 1
        [note] = c.execute(sa.select(document.c.doc)).scalars()
        assert unpack(note, Invoice).key == invoice().key
        assert set(orders_by(c, "erp-o1")) == set(orders_by(c, "1")) == {"o1"}, "it is found by its own numbers still"
        assert (
            "Pix" not in str(c.execute(sa.select(task.c.note)).all()) and "Cliente" in c.execute(sa.select(cause.c.text)).scalar_one()["pt"]
        )


def orders_by(c: sa.Connection, key: str) -> list[str]:
    return list(c.execute(sa.text("SELECT target FROM key_index WHERE key = :key"), {"key": key}).scalars())


@pytest.mark.trap("engine.buyer-needed", "engine.buyer-needed-of-late")
@pytest.mark.parametrize("why", ["in_erp", "awaiting_payment", "task", "event", "invoiced"])
async def test_what_is_under_way_keeps_its_buyer_however_old_it_is(store: Store, why: str) -> None:
    state = why if why in ("in_erp", "awaiting_payment", "invoiced") else "delivered"
    id = stored(store, "o1", state)
    with store.write() as c:
        if why == "invoiced":  # of late, however long ago it was placed: its note and its letters may still have to go
            c.execute(sa.update(shop_order).values(changed_at=NOW - buyers.QUIET + 1))
        if why == "task":
            c.execute(sa.update(task).values(closed_at=None))
        if why == "event":
            event = {
                "tenant_id": 1,
                "integration_id": 1,
                "key": "e",
                "order_key": "o1",
                "raw_state": "",
                "received_at": NOW - buyers.QUIET + 1,
            }
            c.execute(sa.insert(inbox).values(**event))
    await upkeep.forget_buyers(store, KEPT, NOW)
    with store.write() as c:
        assert buyers.erase(c, [id], NOW) == []
        [mine] = whose.orders_of(c, whose.Whom(1, BUYER.document), whose.Spot(whose.ORDERS, 1), NOW).found
        assert (mine.key, mine.over) == ("o1", False)
    assert held(store) == list(WORDS)


async def test_all_of_many_are_forgotten_and_somebody_elses_of_today_is_not(store: Store) -> None:
    """More than go into one transaction; some ERPs never tell that an order arrived."""
    for n in range(buyers.ERASED_AT_ONCE + 5):
        stored(store, f"old{n}", "shipped" if n % 2 else "cancelled")
    young = msgspec.structs.replace(made_order(), key="new", placed_at=AT.replace(year=2031))
    with store.write() as c:
        orders.keep(c, Shop(1, 1), young, "delivered", NOW)
    await upkeep.forget_buyers(store, KEPT, NOW)
    assert held(store) == []
    with store.read() as c:
        found = orders.load(c, 1, "new")
        assert found is not None and found.doc.buyer == young.buyer


def test_a_buyer_is_found_by_whatever_is_theirs(store: Store) -> None:
    stored(store, "o1")
    stored(store, "o2", buyer=Buyer("M. Silva", "39053344705", "MARIA@example.com"))
    stored(store, "o3", buyer=Buyer("Maria da Silva", "11144477735", "outra@example.com"))
    bodies = [
        b'{"cpf": "529.982.247-25"}',
        b'{"mail": "maria\\u0040example.com"}',
        b"mail=MARIA%40example.com",
        b'{"cpf": "11144477735"}',
        b"",
    ]
    with store.write() as c:
        for n, body in enumerate(bodies):
            keep(c, Came(1, 2, 0.0, "POST", "orders", body), f"d{n}", {"orders": ["o3"] if body == b"" else []})
        c.execute(sa.update(integration).values(deleted_at=NOW))  # its orders go on
        whom = whose.Whom(1, BUYER.document, BUYER.email)
        here, calls = whose.Spot(whose.ORDERS, 1), whose.Spot(whose.DELIVERIES, 2)
        assert here in whose.spots(c, 1) and calls in whose.spots(c, 1) and whose.spots(c, 2) == []
        assert [each.key for each in whose.orders_of(c, whom, here, NOW).found] == ["o1", "o2"]
        found = whose.deliveries_of(c, whom, calls).found
        assert [kept.row.key for kept in found] == ["d0", "d1", "d2"]
        assert buyers.empty(c, [kept.row.id for kept in found]) == 3
        assert whose.deliveries_of(c, whom, calls).found == []
        assert c.execute(sa.select(sa.func.count()).select_from(deliveries)).scalar_one() == 5, "that they came is known"


@pytest.mark.trap("engine.deleted-stays")
def test_an_upgrade_takes_what_was_deleted_before_out_of_the_file(new_database: Callable[..., str]) -> None:
    """An older version left it in free pages."""
    url = new_database("sqlite")
    path = Path(url.removeprefix("sqlite:///"))
    store = Store(url)
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    with store.write() as c:
        config.attributes["connection"] = c
        command.upgrade(config, "0009")
    store.close()
    with closing(sqlite3.connect(path)) as c:
        c.execute("PRAGMA secure_delete=OFF")
        c.executemany("INSERT INTO tenant (name, created_at) VALUES (?, 0)", [(f"{BUYER.email} {n} {'x' * 100}",) for n in range(200)])
        c.commit()
        c.execute("DELETE FROM tenant")
        c.commit()
        c.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert BUYER.email.encode() in path.read_bytes()
    store = Store(url)
    migrate.upgrade(store)
    store.close()
    assert BUYER.email.encode() not in b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))


# ---- what it touches, and what it costs ----


@pytest.mark.trap("engine.buyer-in-own-causes")
async def test_a_common_word_stays_in_what_has_nothing_to_do_with_the_order(store: Store) -> None:
    """A buyer who is called like half of all messages."""
    shop = Buyer("Loja", "11222333000181", "loja@example.com", company=True, company_name="Loja")
    id = stored(store, "o1", buyer=shop)
    of_order = Reason("answer:y", "y", "person", Text("Cliente Loja bloqueado", "Buyer Loja is blocked"), Text("", ""))
    of_record = Reason("answer:z", "z", "person", Text("A Loja recusou o item", "The Loja refused the item"), Text("", ""))
    with store.write() as c:
        orders.set_cause(c, OrderRow(1, 1, id), of_order, 0.0)
        orders.set_cause(c, OrderRow(1, 1, id), None, 0.0)
        causes.ensure(c, 1, 1, {of_record}, 0.0)
        assert buyers.erase(c, [id], NOW) == [(1, "o1")]
        texts = {row.code: row.text for row in c.execute(sa.select(cause.c.code, cause.c.text))}
        assert (texts["y"]["pt"], texts["z"]) == ("Cliente ••• bloqueado", msgspec.to_builtins(of_record.text))


def plans(store: Store, work: Callable[[sa.Connection], object]) -> list[str]:
    """Of every statement that it runs, how the database finds the rows."""
    said: list[tuple[str, Any]] = []

    def hear(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        said.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", hear)
    try:
        with store.write() as c:
            work(c)
    finally:
        event.remove(store.engine, "before_cursor_execute", hear)
    found: list[str] = []
    with store.read() as c:
        if not store.sqlite:
            c.exec_driver_sql("SET LOCAL enable_seqscan = off")
            c.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
        for statement, parameters in said:
            if statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE")):
                rows = c.exec_driver_sql(("EXPLAIN QUERY PLAN " if store.sqlite else "EXPLAIN ") + statement, parameters).all()
                found += [f"{row[3] if store.sqlite else row[0]} <- {' '.join(statement.split())[:200]}" for row in rows]
    return found


@pytest.mark.trap("engine.erased-along-indexes")
def test_an_order_is_erased_along_indexes(store: Store) -> None:
    """Nothing of an integration is read whole: neither the keys of its search, nor its causes, its lanes or its letters."""
    ids = [stored(store, f"o{n}") for n in range(3)]
    lines = plans(store, lambda c: buyers.erase(c, ids, NOW))
    assert len(lines) > 30
    for line in lines:
        plan = line.partition(" <- ")[0]
        assert not plan.startswith("SCAN ") and "Seq Scan" not in plan, line
        assert not plan.endswith(("(integration_id=?)", "Index Cond: (integration_id = '1'::bigint)")), line


def test_a_batch_costs_the_same_however_many_orders_there_are(new_database: Callable[..., str]) -> None:
    """While it writes nobody else does on SQLite: steps of its machine, at 200 and at 4,000 orders beside those that are erased."""
    steps: list[int] = []
    for share in (100, 5):
        made = Store(new_database("sqlite"))
        metadata.create_all(made.engine)
        with made.write() as c:
            known(c)
        bulk.fill(made, 1, 1, share=share)
        ids = [stored(made, f"mine{n}") for n in range(buyers.ERASED_AT_ONCE)]
        with made.write() as c:
            c.exec_driver_sql("ANALYZE")
            counted = [0]
            raw: Any = c.connection.driver_connection
            raw.set_progress_handler(lambda counted=counted: counted.__setitem__(0, counted[0] + 1), 100)
            try:
                assert len(buyers.erase(c, ids, NOW)) == len(ids)
            finally:
                raw.set_progress_handler(None, 0)
        made.close()
        steps.append(counted[0] * 100)
    assert steps[1] < 1.5 * steps[0] and steps[1] < MOST_STEPS, steps


MOST_STEPS = 400_000
"""About 5 ms of SQLite's machine."""


@pytest.mark.trap("engine.old-ones-paged")
async def test_what_is_old_and_not_over_is_looked_at_without_writing(store: Store) -> None:
    """Page by page, the oldest first; each transaction that erases has few of them."""
    many = buyers.LOOKED_AT + 10
    doc = made_order()
    with store.write() as c:
        for n in range(many):
            orders.keep(c, Shop(1, 1), msgspec.structs.replace(doc, key=f"open{n}"), "in_erp", AT.timestamp())
    for n in range(2 * buyers.ERASED_AT_ONCE + 1):
        stored(store, f"over{n}")
    with store.read() as c:
        first = buyers.old_ones(c, NOW)
        assert first.ids == [] and first.after is not None, "a look ends after so many, whatever it found"
        second = buyers.old_ones(c, NOW, first.after)
        assert len(second.ids) == 2 * buyers.ERASED_AT_ONCE + 1 and second.after is None
    at_once: list[int] = []
    event.listen(store.engine, "begin", lambda _c: at_once.append(0))

    def hear(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        at_once[-1] += statement.startswith("UPDATE shop_order")

    event.listen(store.engine, "before_cursor_execute", hear)
    await upkeep.forget_buyers(store, KEPT, NOW)
    assert sorted(filter(None, at_once)) == [1, buyers.ERASED_AT_ONCE, buyers.ERASED_AT_ONCE]


# ---- who works on it meanwhile ----


@pytest.mark.trap("engine.erased-at-rest")
def test_an_order_that_is_in_work_is_passed_over(store: Store) -> None:
    """Whoever works on it has read its buyer, and writes what it knows when its call is answered."""
    id = stored(store, "o1")
    with store.write() as c:
        c.execute(sa.update(lane).values(lease="somebody", lease_until=time.time() + 60))
        assert buyers.erase(c, [id], NOW) == []
        c.execute(sa.update(lane).values(lease_until=time.time() - 1))
        assert buyers.erase(c, [id], NOW) == [(1, "o1")]


def test_nobody_begins_to_work_on_an_order_that_is_being_erased(new_database: Callable[..., str]) -> None:
    """It would read the buyer who is gone a moment later. (SQLite has one writer anyway.)"""
    made = Store(new_database("postgresql", tables=True))
    with made.write() as c:
        known(c)
    id = stored(made, "o1")
    with made.write() as c:
        c.execute(sa.update(lane).values(due_at=0.0))
    take = lanes.Take(1.0, 10, "mine", 60.0)
    with made.engine.begin() as erasing:
        assert buyers.erase(erasing, [id], NOW) == [(1, "o1")]
        with made.write() as c:
            assert lanes.claim(c, take) == []
    with made.write() as c:
        assert [claim.name for claim in lanes.claim(c, take)] == ["order/o1"]
    made.close()


# ---- whose calls are ----


@pytest.mark.trap("engine.delivery-of-its-shop")
def test_a_call_is_about_the_orders_of_its_own_shop(store: Store) -> None:
    """Two shops of a tenant count their orders from 1."""
    stored(store, "o1")
    other = Buyer("João Lima", "39053344705", "joao@example.com")
    with store.write() as c:
        about = {"id": 3, "tenant_id": 1, "name": "other", "platform": "p", "role": "storefront", "settings": {}, "created_at": 0}
        c.execute(sa.insert(connection).values(**about))
        more = {"id": 2, "tenant_id": 1, "name": "j", "erp_id": 1, "storefront_id": 3, "options": {}, "mapping": {}, "created_at": 0}
        c.execute(sa.insert(integration).values(**more))
        orders.keep(c, Shop(1, 2), msgspec.structs.replace(made_order(), key="o1", buyer=other), "delivered", AT.timestamp())
        for shop, body in ((2, b'{"of": "maria"}'), (3, b'{"of": "joao"}')):
            keep(c, Came(1, shop, 0.0, "POST", "orders", body), "d1", {"orders": ["o1"]})
        whom = whose.Whom(1, BUYER.document)
        assert [kept.needed for kept in whose.deliveries_of(c, whom, whose.Spot(whose.DELIVERIES, 2)).found] == [True]
        assert whose.deliveries_of(c, whom, whose.Spot(whose.DELIVERIES, 3)).found == []
        # an integration of the same shop that was deleted: its orders go on
        c.execute(sa.update(connection).where(connection.c.id.in_((2, 3))).values(identity="one shop"))
        assert len(whose.deliveries_of(c, whom, whose.Spot(whose.DELIVERIES, 3)).found) == 1


@pytest.mark.trap("engine.delivery-alone")
def test_what_came_while_nobody_listened_goes_unless_it_is_an_order_of_its_own(store: Store) -> None:
    id = stored(store, "o1")
    said = f'{{"mail": "{BUYER.email}"}}'.encode()
    with store.write() as c:
        for n, about in enumerate(({"orders": ["o1"]}, {"orders": ["o2"], "handed_in": True}, {"orders": ["o1"], "handed_in": True}, {})):
            keep(c, Came(1, 2, 0.0, "POST", "orders", said), f"d{n}", about)
        c.execute(sa.update(deliveries).values(outcome="unheard"))
        whom, calls = whose.Whom(1, email=BUYER.email), whose.Spot(whose.DELIVERIES, 2)
        before = whose.deliveries_of(c, whom, calls).found
        assert [(kept.row.key, kept.needed, kept.alone) for kept in before] == [
            ("d0", True, False), ("d1", False, True), ("d2", True, False), ("d3", False, False)
        ]  # fmt: skip
        assert buyers.erase(c, [id], NOW)
        after = whose.deliveries_of(c, whom, calls).found
        assert [(kept.row.key, kept.needed, kept.alone) for kept in after] == [
            ("d0", False, False), ("d1", False, True), ("d2", False, False), ("d3", False, False)
        ]  # fmt: skip


# ---- an upgrade ----


def test_an_upgrade_knows_for_what_orders_wait_and_forgets_what_nobody_waits_for(new_database: Callable[..., str]) -> None:
    for kind in ("sqlite", "postgresql"):
        made = Store(new_database(kind))
        config = Config()
        config.set_main_option("script_location", str(migrate.SCRIPTS))
        with made.write() as c:
            config.attributes["connection"] = c
            command.upgrade(config, "0012")
            known(c)
            for n in range(1, 6):
                words = {"text": {"pt": "a", "en": "a"}, "hint": {"pt": "", "en": ""}, "since": 0.0}
                c.execute(sa.insert(cause).values(id=n, tenant_id=1, integration_id=1, key=f"k{n}", code="c", owner="person", **words))
            times = {"placed_at": 0.0, "read_at": 0.0, "created_at": 0.0, "changed_at": 0.0}
            row = {
                "tenant_id": 1,
                "integration_id": 1,
                "shop_state": "",
                "raw_state": "",
                "doc": b"",
                "total": 1,
                "state": "in_erp",
                **times,
            }
            c.execute(sa.insert(order).values(id=1, key="o1", cause_id=1, told_cause=2, **row))
            c.execute(sa.insert(order).values(id=2, key="o2", told_cause=99, **row))
            told = {"tenant_id": 1, "integration_id": 1, "kind": "mail", "target": "buyers", "payload": {}, "since": 0.0, "due_at": 0.0}
            c.execute(sa.insert(outbox).values(key="shipped/o2", cause_id=3, **told))
            c.execute(sa.text("UPDATE flow SET cause_id = 4"))
            c.execute(sa.text("INSERT INTO flow (integration_id, name, enabled, cause_id) VALUES (1, 'orders', :yes, 4)"), {"yes": True})
        migrate.upgrade(made)
        with made.read() as c:
            assert {tuple(row) for row in c.execute(sa.select(order_cause.c.order_id, order_cause.c.cause_id))} == {(1, 1), (1, 2), (2, 3)}
            assert sorted(c.execute(sa.select(cause.c.id)).scalars()) == [1, 2, 3, 4]
        made.close()


@pytest.mark.trap("engine.buyer-anothers")
def test_another_buyer_whose_address_or_number_holds_theirs_is_another() -> None:
    ana = whose.Whom(1, "52998224725", "ana@loja.com")
    hers = (
        b'"ana@loja.com"',
        b"to=ana%40loja.com&",
        b"%22ana%40loja.com%22",
        rb'"a\nana\u0040loja.com"',
        b"<ANA@loja.com>",
        b"529.982.247-25",
    )
    for body in hers:
        assert ana.in_bodies.search(body), body
    for body in (b"mariana@loja.com", b"ana@loja.com.br", b"x.ana@loja.com", b"ana@loja.community", b"1529982247250", b"ana-ana@loja.com"):
        assert not ana.in_bodies.search(body), body
