"""What people read costs little however much there is: the statements of every GET route, at 33,000 SKUs, along an index each."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from api.tests.conftest import Caller, House, housed
from api.tests.test_access import DOOR, ROUTES
from sqlalchemy import event
from tests.support import bulk

from engate.store.db import Store
from engate.store.tables import order, record
from engate_api.tempered import Tempered

STEPS_MOST = 400_000
"""Of SQLite's machine, for one answer: about 5 ms. A sort or a scan of a large table takes millions."""
STATEMENTS_MOST = 60
WHOLE = frozenset({"/integrations/{id:int}/links.csv"})
"""Answers that hold every record by what they are: of these each statement takes few steps."""
SAME = frozenset({"/integrations/{id:int}/orders.csv"})
"""Answers that are the pages of another list, one after the other."""
SHEETS: dict[str, list[Any]] = {"kind": ["sku", "product"]}
AT: dict[str, str] = {
    "{key:str}": "o7", "{flow:str}": "stock", "{kind:str}": "sku", "{key:path}": "7", "{any:path}": "7"
}  # fmt: skip
ASKED: dict[str, list[Any]] = {
    "limit": [50],
    "cursor": [None],  # of the first page
    "kind": ["sku", "stock", "brand"],
    "state": ["settled", "waiting", "to_send", "delivered", "in_erp"],
    "cause": [None],  # the fullest
    "q": ["1", "10", "7", "r33", "ean33", "o1", "e77", "note77", "ref5", "529982247", "nada"],
    "attention": ["true", "false"],
    "owner": ["person", "engate"],
    "sort": ["impact", "age"],
    "channel": ["web"],
    "since": ["2026-01-01"],
    "until": ["2026-12-31"],
    "integration": [1],
    "key": [1],
    "what": ["connection", "connection.tested"],
    "connection": [1],
    "order": ["o9"],
    "outcome": ["ok", "refused", "unknown"],
}
"""What each query parameter is asked with: alone, and two by two."""


class Big(NamedTuple):
    """A large tenant, and a small one whose rows are older than all of its."""

    house: House
    tenants: dict[str, tuple[Caller, int]]
    store: Store


@contextmanager
def big(folder: Path, url: str | None = None, *, share: int = 1) -> Generator[Big]:
    with housed(folder, url) as house:
        store: Store = house.client.app.state.installation.store
        tenants: dict[str, tuple[Caller, int]] = {}
        for name, part in (("small", 2_000), ("large", share)):
            admin = house.tenant(name)
            tenants[name] = (admin, house.couple(admin))
            bulk.fill(store, admin.get("/me")["tenant"]["id"], tenants[name][1], share=part)
        with store.write() as c:
            c.exec_driver_sql("ANALYZE")
        yield Big(house, tenants, store)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Generator[Big]:
    with big(tmp_path_factory.mktemp("large")) as made:
        yield made


GETS = [path for method, path, _ in ROUTES if method == "GET" and path not in DOOR and path not in SAME]


class Heard:
    """The statements that the API runs meanwhile, but for those of the lanes."""

    def __init__(self, store: Store) -> None:
        self.statements: list[tuple[str, Any]] = []
        self._store = store

    def _hear(self, _c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        mine = threading.current_thread().name.startswith(("store-view", "store-glance"))
        if mine and not many and statement.lstrip().upper().startswith(("SELECT", "WITH")):
            self.statements.append((statement, parameters))

    def __enter__(self) -> Heard:
        event.listen(self._store.views, "before_cursor_execute", self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self._store.views, "before_cursor_execute", self._hear)


def questions(big: Big, who: str, path: str, *, pairs: bool) -> list[tuple[str, dict[str, Any]]]:
    """(path, query) of the ways to ask a route: each parameter by itself, and with another."""
    admin, id = big.tenants[who]
    at = path.replace("{id:int}", str(id), 1)
    if path.startswith(("/connections/", "/runs/")):
        listed = "/connections" if path.startswith("/connections/") else f"/integrations/{id}/runs"
        at = path.replace("{id:int}", str(admin.get(listed)["items"][0]["id"]))
    if "/mapping/" in path:
        at = at.replace("{kind:str}", "payments")
    for name, value in AT.items():
        at = at.replace(name, "o7" if "explain/order" in path else value)
    assert "{" not in at, f"say in AT what stands for it: {at}"
    described = big.house.nobody.get("/schema/openapi.json")["paths"]
    asked = next(item["get"] for name, item in described.items() if _plain(name) == _plain(path))
    names = [each["name"] for each in asked.get("parameters", ()) if each["in"] == "query"]
    assert set(names) <= ASKED.keys(), f"say in ASKED what to ask {path} with"
    values = {name: _values(big, admin, at, name) for name in names}
    alone = [{name: value} for name in names for value in values[name]]
    together = [{one: value, two: other} for one, two in itertools.combinations(names, 2) for value in values[one] for other in values[two]]
    ways = ({}, *alone, *(together if pairs else ()))
    return [(at, query) for query in ways if at != "/calls" or "kind" not in query or "key" in query]


def _plain(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.strip("/").split("/"))


def _values(big: Big, admin: Caller, at: str, name: str) -> list[Any]:
    if name == "cursor":
        first = admin.get(at)["next_cursor"]
        return [first] if first else []
    if name == "cause":
        waiting = record if at.endswith("/records") else order
        fullest = sa.select(waiting.c.cause_id).where(waiting.c.cause_id.is_not(None)).group_by(waiting.c.cause_id)
        with big.store.read() as c:
            return list(c.execute(fullest.order_by(sa.func.count().desc()).limit(1)).scalars())
    if at == "/calls" and name in ("connection", "integration"):
        return [admin.get(f"/{name}s")["items"][0]["id"]]
    if name == "state":  # of a record, or of an order
        return ASKED[name][:3] if at.endswith("/records") else ASKED[name][3:]
    return SHEETS[name] if at.endswith("links.csv") else ASKED[name]


def heard(big: Big, who: str, path: str, *, pairs: bool = True) -> Generator[tuple[str, list[tuple[str, Any]]]]:
    admin = big.tenants[who][0]
    for at, query in questions(big, who, path, pairs=pairs):
        big.house.client.app.state.installation.tempered = Tempered(big.store)  # nothing is known from before
        with Heard(big.store) as listening:
            answer = admin.call("GET", at, params=query)
        assert answer.is_success or answer.status_code == 404, answer.text
        yield f"{who}: {at} {query}", listening.statements


def plan_of(c: sa.Connection, statement: str, parameters: Any) -> list[str]:
    return [row[3] for row in c.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)]


def aliases(statement: str) -> set[str]:
    """By what names a statement calls the large tables."""
    words = statement.replace("(", " ").replace(")", " ").replace(",", " , ").split()
    found = {word for word in words if word in bulk.LARGE}
    named = zip(words, words[1:], words[2:], strict=False)
    return found | {third for first, second, third in named if first in bulk.LARGE and second == "AS"}


def steps_of(c: sa.Connection, statement: str, parameters: Any) -> int:
    counted = [0]

    def count() -> int:
        counted[0] += 1
        return 0

    raw: Any = c.connection.driver_connection
    raw.set_progress_handler(count, 100)
    try:
        c.exec_driver_sql(statement, parameters).all()
    finally:
        raw.set_progress_handler(None, 0)
    return counted[0] * 100


@pytest.mark.parametrize("who", ["large", "small"])
@pytest.mark.parametrize("path", GETS)
def test_every_answer_goes_along_an_index(filled: Big, path: str, who: str) -> None:
    """Neither reads a large table whole nor sorts it; and the machine that runs the statements takes few steps."""
    for asked, statements in heard(filled, who, path):
        with filled.store.read() as c:
            costs: list[tuple[int, str]] = []
            for statement, parameters in statements:
                names = aliases(statement)
                for line in plan_of(c, statement, parameters):
                    assert not (line.startswith("SCAN ") and line.split()[1] in names), f"{asked}: {line}\n{statement}"
                    ordered = "TEMP B-TREE FOR ORDER BY" in line or "TEMP B-TREE FOR RIGHT" in line or "TEMP B-TREE FOR LAST" in line
                    assert not (ordered and names), f"{asked}: {line}\n{statement}"
                costs.append((steps_of(c, statement, parameters), " ".join(statement.split())[:700]))
        total = max(costs)[0] if path in WHOLE else sum(steps for steps, _ in costs)
        assert total < STEPS_MOST, f"{asked}: {total} steps\n{sorted(costs)[-3:]}"
        assert len(statements) < STATEMENTS_MOST, f"{asked}: {len(statements)} statements"


def test_postgresql_too_goes_along_indexes(tmp_path: Path, postgres_database: str) -> None:
    """Of few rows, with sequential scans and sorts forbidden: what remains of them has no index to go along."""
    with big(tmp_path, postgres_database, share=200) as filled:
        for path in GETS:
            for asked, statements in heard(filled, "large", path, pairs=False):
                with filled.store.read() as c:
                    c.exec_driver_sql("SET LOCAL enable_seqscan = off")
                    c.exec_driver_sql("SET LOCAL enable_sort = off")
                    for statement, parameters in statements:
                        plan = c.exec_driver_sql("EXPLAIN (FORMAT JSON) " + statement, parameters).scalar_one()
                        for node in nodes(plan[0]["Plan"]):
                            where = f"{asked}: {node}\n{statement}"
                            assert node["Node Type"] != "Seq Scan" or node["Relation Name"] not in bulk.LARGE, where
                            assert node["Node Type"] != "Sort" or not large_below(node) or "troubles" in statement, where


def large_below(plan: dict[str, Any]) -> bool:
    return any(node.get("Relation Name") in bulk.LARGE for node in nodes(plan))


def nodes(plan: dict[str, Any]) -> Generator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)
