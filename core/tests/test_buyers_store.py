"""Buyers are forgotten after their time, on both databases, wherever something of them was stored; and what was deleted is in no file."""

from __future__ import annotations

import sqlite3
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

from engate.model import Address, Buyer, ErpOrder, Invoice, OrderChange, OrderPart, Payment
from engate.store import buyers, migrate, orders, upkeep, whose
from engate.store.blobs import pack, unpack
from engate.store.causes import Reason
from engate.store.db import Store
from engate.store.deliveries import Came, keep
from engate.store.orders import Line, OrderRow, Shop
from engate.store.tables import cause, connection, document, inbox, integration, lane, metadata, order, outbox, part, task, tenant
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
        c.execute(sa.insert(tenant).values(id=1, name="t", created_at=0))
        for id, role in ((1, "erp"), (2, "storefront")):
            c.execute(sa.insert(connection).values(id=id, tenant_id=1, name=role, platform="p", role=role, settings={}, created_at=0))
        about = {"id": 1, "tenant_id": 1, "name": "i", "erp_id": 1, "storefront_id": 2, "options": {}, "mapping": {}, "created_at": 0}
        c.execute(sa.insert(integration).values(**about))
    yield made
    made.close()


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
