"""A stored document that cannot be read is said of its own record; everything else answers as ever."""

from __future__ import annotations

import time
from collections.abc import Generator

import pytest
import sqlalchemy as sa
from api.tests.conftest import House, Loaded, housed
from sqlalchemy.sql.elements import ColumnElement

from engate.store.tables import document, lane, order, part, record

SPOILT = b"\x00\xc1"
"""A byte that begins nothing in msgpack."""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Generator[Loaded]:
    """One of its own, whose lanes sleep: they would read what is spoilt again, and mend it."""
    with housed(tmp_path_factory.mktemp("unreadable")) as house:
        made = Loaded(house)
        for flow in ("orders", "fulfilment"):
            made.admin.patch(f"{made.path}/flows/{flow}", {"every": 86_400})
        house.until(lambda: not _soon(house))
        yield made


def _soon(house: House) -> list[str]:
    """Lanes of orders that would do something within a minute."""
    orders = lane.c.name.in_(("events", "read/fulfilment")) | lane.c.name.startswith("order/")
    with house.client.app.state.installation.store.read() as c:
        due = sa.select(lane.c.name).where(orders, lane.c.lease.is_not(None) | (lane.c.due_at < time.time() + 60))
        return list(c.execute(due).scalars())


@pytest.fixture
def spoil(loaded: Loaded) -> Generator[object]:
    store = loaded.house.client.app.state.installation.store
    kept: list[tuple[sa.Column[bytes], list[tuple[int, bytes]]]] = []

    def now(column: sa.Column[bytes], *where: ColumnElement[bool], value: bytes = SPOILT) -> None:
        table = column.table
        with store.write() as c:
            kept.append((column, list(c.execute(sa.select(table.c.id, column).where(*where)))))
            c.execute(sa.update(table).where(*where).values({column: value}))

    yield now
    with store.write() as c:
        for column, rows in reversed(kept):
            for id, value in rows:
                c.execute(sa.update(column.table).where(column.table.c.id == id).values({column: value}))


@pytest.mark.trap("engine.unreadable-shown")
@pytest.mark.parametrize("value", [SPOILT, b"", b"\x01not zlib", b"\x00\x80"], ids=["no msgpack", "empty", "no zlib", "another shape"])
def test_records_are_shown_with_what_is_wrong(loaded: Loaded, spoil: object, value: bytes) -> None:
    sku = loaded.good["key"]
    mine = record.c.key == sku
    spoil(record.c.doc, mine, record.c.kind == "sku", value=value)  # type: ignore[operator]
    spoil(record.c.have_doc, record.c.parent == sku, record.c.kind == "price", value=value)  # type: ignore[operator]
    rows = {(row["kind"], row["key"]): row for row in loaded.admin.get(f"{loaded.path}/records", limit=500)["items"]}
    wrong = rows["sku", sku]
    assert wrong["state"] == "settled" and wrong["name"] == ""
    assert wrong["cause"]["code"] == "record.unreadable" and wrong["cause"]["hint"]["pt"]
    assert [at for at, row in rows.items() if row["cause"] is not None and row["cause"]["code"] == "record.unreadable"] == [("sku", sku)]
    said = loaded.admin.get(f"{loaded.path}/explain/sku/{sku}")
    assert said["sku"]["doc"] == {} and said["sku"]["cause"]["code"] == "record.unreadable"
    assert said["verdict"]["code"] == "record.unreadable"
    assert said["prices"][0]["doc"] and said["prices"][0]["last_sent"] is None
    assert loaded.admin.get(f"{loaded.path}/summary")["skus"]["total"] == 8


def test_a_chain_goes_on_past_a_product_that_cannot_be_read(loaded: Loaded, spoil: object) -> None:
    sku = loaded.good["key"]
    product = loaded.admin.get(f"{loaded.path}/explain/sku/{sku}")["product"]["key"]
    spoil(record.c.doc, record.c.kind == "product", record.c.key == product)  # type: ignore[operator]
    said = loaded.admin.get(f"{loaded.path}/explain/sku/{sku}")
    assert [link["kind"] for link in said["chain"]][:2] == ["product", "sku"]
    assert said["verdict"]["where"] == {"kind": "product", "key": product}


@pytest.mark.parametrize("column", [order.c.doc, part.c.doc, part.c.erp_doc, document.c.doc], ids=str)
def test_an_order_is_shown_without_the_part_that_cannot_be_read(loaded: Loaded, spoil: object, column: sa.Column[bytes]) -> None:
    before = loaded.shown()
    spoil(column)  # type: ignore[operator]
    shown = loaded.shown()
    assert shown["cause"]["code"] == "record.unreadable"
    assert [each["erp_key"] for each in shown["parts"]] == [each["erp_key"] for each in before["parts"]]
    assert shown["timeline"] == before["timeline"]
    note = shown["parts"][0]["documents"][0]
    assert note["key"] == before["parts"][0]["documents"][0]["key"] and note["sent_at"]
    assert loaded.admin.get(f"{loaded.path}/explain/order/{loaded.order}")["verdict"]["code"] == "record.unreadable"
    assert [each["key"] for each in loaded.admin.get(f"{loaded.path}/orders")["items"]] == [loaded.order]
