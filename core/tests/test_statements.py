"""Statements of the hot path: many values as one parameter, many rows straight through the driver. On both databases."""

from __future__ import annotations

from collections.abc import Collection, Generator

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from engate.store.conditions import is_, one_of
from engate.store.db import Store
from engate.store.many import execute_many
from engate.store.tables import Key

metadata = sa.MetaData()
thing = sa.Table(
    "statement_thing", metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("key", Key, unique=True),
    sa.Column("doc", sa.LargeBinary),
    sa.Column("at", sa.Double),
    sa.Column("note", sa.String),
)  # fmt: skip
OF_KEYS = sa.select(thing.c.id).where(one_of(thing.c.key, "keys")).order_by(thing.c.id)
OF_IDS = sa.update(thing).where(one_of(thing.c.id, "ids"), thing.c.at < sa.bindparam("before")).values(note="seen")
ADD = sa.insert(thing)
GONE = sa.delete(thing).where(is_(thing.c.id, "b_id"))
CHANGE = sa.update(thing).where(is_(thing.c.id, "b_id")).values(doc=sa.bindparam("b_doc"), at=None, note="changed")
LONG = "k" * 200
KEYS = [LONG, "a", "A", "", "ação", "it's", '"', "\\", "a,b", "{a}", "NULL", "1", "01"]


@pytest.fixture
def c(database: str) -> Generator[sa.Connection]:
    store = Store(database)
    metadata.create_all(store.engine)
    with store.write() as c:
        execute_many(
            c, ADD, [{"id": n, "key": key, "doc": key.encode() + b"\0", "at": n + 0.5, "note": None} for n, key in enumerate(KEYS)]
        )
        yield c
    metadata.drop_all(store.engine)
    store.close()


@pytest.mark.parametrize(
    "keys",
    [[], ["a"], KEYS, ("01", "1"), {"it's", "nobody"}, {"a": 1}.keys(), [LONG + "k"], [f"other {n}" for n in range(40_000)] + ["{a}"]],
    ids=len,
)
def test_many_values_are_one_parameter(c: sa.Connection, keys: Collection[str]) -> None:
    found = c.execute(OF_KEYS, {"keys": keys}).scalars().all()
    assert found == [n for n, key in enumerate(KEYS) if key in keys]


def test_numbers_and_other_conditions_beside_them(c: sa.Connection) -> None:
    c.execute(OF_IDS, {"ids": [0, 3, 8, 99], "before": 5.0})
    assert c.execute(sa.select(thing.c.id).where(thing.c.note == "seen").order_by(thing.c.id)).scalars().all() == [0, 3]


@pytest.mark.trap("engine.values-by-index")
@pytest.mark.parametrize(("statement", "values"), [(OF_KEYS, {"keys": ["a"]}), (OF_IDS, {"ids": [1], "before": 1.0})], ids=["keys", "ids"])
def test_the_index_is_used(c: sa.Connection, statement: sa.Select[tuple[int]] | sa.Update, values: dict[str, object]) -> None:
    sqlite = c.dialect.name == "sqlite"
    if not sqlite:
        c.exec_driver_sql("SET LOCAL enable_seqscan = off")  # a table of twelve rows is read whole else
    plans: list[str] = []

    def explained(c: sa.Connection, _cursor: object, sql: str, parameters: object, *_: object) -> tuple[str, object]:
        return f"EXPLAIN {'QUERY PLAN ' if sqlite else ''}{sql}", parameters

    event.listen(c, "before_cursor_execute", explained, retval=True)
    plans = [str(row) for row in c.execute(statement, values).fetchall()]
    event.remove(c, "before_cursor_execute", explained)
    assert any(("SEARCH statement_thing" if sqlite else "Index Cond") in line for line in plans), plans


def test_rows_go_as_they_are_and_what_the_statement_fixes_stays(c: sa.Connection) -> None:
    execute_many(c, CHANGE, [{"b_id": 1, "b_doc": b"\xff\0"}, {"b_id": 2, "b_doc": None}])
    execute_many(c, CHANGE, [])
    execute_many(c, GONE, [{"b_id": 4}, {"b_id": 5}])
    rows = c.execute(sa.select(thing.c.id, thing.c.doc, thing.c.at, thing.c.note).order_by(thing.c.id).limit(5)).all()
    assert [tuple(row) for row in rows] == [
        (0, LONG.encode() + b"\0", 0.5, None),
        (1, b"\xff\0", None, "changed"),
        (2, None, None, "changed"),
        (3, b"\0", 3.5, None),
        (6, b'"\0', 6.5, None),
    ]
