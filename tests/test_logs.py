"""The lines of the log: each stands in the table, holds no secret and nobody's data, and is there for whoever looks for it."""

from __future__ import annotations

import ast
import json
import logging
import runpy
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import sqlalchemy as sa
import structlog
from tests.support.goods import goods, sale
from tests.support.stage import SHORT, Stage, faked

from engate import logs
from engate.errors import EngateError
from engate.log_events import EVENTS, FIELDS
from engate.store.db import Store
from engate.testing.facts import Change, Fault
from engate.text import Text

ROOT = Path(__file__).resolve().parent.parent


# ---- the table ----


class Call(NamedTuple):
    at: str
    event: str
    fields: frozenset[str]


def calls() -> Iterator[Call]:
    """Every call of `say` and `say_after`, read from the source."""
    for path in sorted(file for part in ("core/engate", "api/engate_api") for file in (ROOT / part).rglob("*.py")):
        if path.name == "logs.py":
            continue
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if name not in ("say", "say_after") or not isinstance(node, ast.Call):
                continue
            said = node.args[1 if name == "say_after" else 0] if node.args else None
            if isinstance(said, ast.Constant) and isinstance(said.value, str):
                yield Call(f"{path.relative_to(ROOT)}:{node.lineno}", said.value, frozenset(_fields(tree, node)))


def _fields(tree: ast.Module, call: ast.Call) -> Iterator[str]:
    for each in call.keywords:
        if each.arg is not None:
            yield "exception" if each.arg == "exc_info" else each.arg
        else:
            yield from _shared(tree, call, each.value)


def _shared(tree: ast.Module, call: ast.Call, given: ast.expr) -> Iterator[str]:
    """`**about`: what stands in it, where it was last written before the call."""
    if isinstance(given, ast.Call):  # about._asdict(): a class of this module
        assert isinstance(given.func, ast.Attribute) and isinstance(given.func.value, ast.Name)
        given = given.func.value
    assert isinstance(given, ast.Name)
    written = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and node.lineno < call.lineno
        and any(isinstance(target, ast.Name) and target.id == given.id for target in node.targets)
    ]
    last = max(written, key=lambda node: node.lineno).value
    if isinstance(last, ast.Dict):
        yield from (key.value for key in last.keys if isinstance(key, ast.Constant) and isinstance(key.value, str))
        return
    assert isinstance(last, ast.Call) and isinstance(last.func, ast.Name)
    made = next(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == last.func.id)
    yield from (line.target.id for line in made.body if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name))


def test_every_line_is_in_the_table_and_the_table_tells_of_no_other() -> None:
    found = list(calls())
    assert len(found) > 60
    assert [call.at for call in found if call.event not in EVENTS] == []
    assert [(call.at, extra) for call in found if (extra := sorted(call.fields - set(EVENTS[call.event].fields)))] == []
    told = {name: frozenset[str]().union(*(call.fields for call in found if call.event == name)) for name in EVENTS}
    told["library"] = frozenset(EVENTS["library"].fields)  # said by `logs` itself
    assert {name: sorted(set(event.fields) - told[name]) for name, event in EVENTS.items() if set(event.fields) - told[name]} == {}
    used = {field for event in EVENTS.values() for field in event.fields}
    assert used == set(FIELDS)


def test_the_page_of_the_log_is_what_the_table_says() -> None:
    made = runpy.run_path(str(ROOT / "docs/generate.py"))["lines_of_the_log"]()
    assert (ROOT / "docs/logs.md").read_text("utf-8") == made, "run make docs"


def test_nothing_is_logged_past_the_table() -> None:
    for part in ("core/engate", "api/engate_api", "plugins"):
        for path in (ROOT / part).rglob("*.py"):
            if path.name != "logs.py" and "tests" not in path.parts:
                assert "structlog" not in path.read_text("utf-8"), path


@pytest.fixture
def told() -> Iterator[list[Any]]:
    """The lines, whatever their level."""
    before = structlog.get_config()
    logs.configure("DEBUG")
    with structlog.testing.capture_logs() as lines:
        yield lines
    structlog.configure(**before)


# ---- what nobody may read ----


class Log:
    """What is written to stderr."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured, self._text = captured, ""

    @property
    def text(self) -> str:
        self._text += self._captured.readouterr().err
        return self._text

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Iterator[Log]:
    before = structlog.get_config()
    logs.configure("DEBUG", json=True)
    yield Log(capsys)
    structlog.configure(**before)


@pytest.mark.trap("engine.log-masked")
@pytest.mark.parametrize(
    "hidden",
    [
        "529.982.247-25", "52998224725", "11.444.777/0001-61", "maria.silva@example.com.br", "(11) 98765-4321", "+55 11 98765-4321",
        "very-secret", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "eng_0123456789abcdef", "shpat_0123456789abcdef",
        "11 98765-4321", "a b very long one",
    ],
)  # fmt: skip
def test_personal_data_and_secrets_are_masked_in_words_from_elsewhere(log: Log, hidden: str) -> None:
    said = {
        "very-secret": 'https://user:very-secret@erp.example/x password=very-secret {"app_token": "very-secret"} '
        "Authorization: Bearer very-secret",
        "a b very long one": """{"password": "a b very long one"} {'senha': 'a b very long one'}""",
    }.get(hidden, f"O cliente {hidden} foi recusado.")
    logs.say("order_waits", integration=1, order="1234-01", cause="x", owner="person", error=said)
    logs.say("request_broke", method="GET", path="/x", exc_info=RuntimeError(said))
    assert hidden not in log.text and log.text.count(logs.MASK) >= 2


@pytest.mark.trap("engine.log-bounded")
@pytest.mark.parametrize("piece", ["a-", "a", "1", "A1", "-eyJ", "a@", "senha ", "://", "/in/1", "'", '"token":"'])
def test_what_a_stranger_may_write_without_end_takes_no_time(log: Log, piece: str) -> None:
    """A path is of whoever calls. Unbounded, one of these took minutes, and the whole process waited."""
    for _ in range(20):
        logs.say("key_refused", method="GET", path=piece * 100_000, code="no_key")
    assert max(len(line["path"]) for line in log.lines()) <= 2 * logs.MOST


def test_keys_of_orders_and_products_stay_as_they_are(log: Log) -> None:
    """Whoever looks for an order looks for its number, whatever it resembles."""
    logs.say("order_taken_in", integration=1, order="52998224725", state="ready")
    logs.say("sku_key_changed", integration=1, old="7891000315507", new="11444777000161")
    logs.say(
        "slice_failed", integration=1, lane="order/52998224725", hook="import_order", error="EAN 7891000315507 e 12345678901 recusados"
    )
    text = log.text
    assert text.count("52998224725") == 2 and text.count("7891000315507") == 2 and "12345678901" in text and logs.MASK not in text


def test_the_address_of_a_door_is_not_told(log: Log) -> None:
    logs.say("request_broke", method="POST", path="/in/3/Zk9-secret-of-the-door/orders", exc_info=None)
    assert "secret-of-the-door" not in log.text and "/in/3/***/orders" in log.text


def test_what_libraries_say_is_a_line_of_the_same_form(log: Log) -> None:
    logging.getLogger("some.library").warning("could not reach %s", "https://user:very-secret@host")
    logging.getLogger("some.library").info("nobody asked")
    [line] = log.lines()
    assert (line["event"], line["logger"], line["level"]) == ("library", "some.library", "warning")
    assert "very-secret" not in line["error"]


def test_text_is_for_people_and_one_line_stays_one(log: Log) -> None:
    logs.configure("INFO")
    logs.say("slice_failed", integration=1, lane="order/1\n2026-01-01 forged", error="a\nb", code="unknown")
    [line] = log.text.splitlines()
    assert "slice_failed" in line and "integration=1" in line and "warning" in line


def test_a_level_that_was_not_asked_for_is_not_written(log: Log) -> None:
    logs.configure("ERROR", json=True)
    logs.say("order_taken_in", integration=1, order="1", state="ready")
    logs.say("plugin_fault", hook="push_stock")
    assert [line["event"] for line in log.lines()] == ["plugin_fault"]


# ---- nothing is told that did not happen ----


@pytest.mark.trap("engine.log-after-commit")
async def test_what_was_rolled_back_is_not_told(sqlite_database: str, told: list[Any]) -> None:
    store = Store(sqlite_database)

    def change(c: sa.Connection, name: str, fails: bool) -> None:
        logs.say_after(c, "order_taken_in", integration=1, order=name, state="ready")
        if fails:
            raise EngateError(Text("não", "no"))

    for door in (store.writing, store.durably):
        await door(lambda c: change(c, "kept", fails=False))
        with pytest.raises(EngateError):
            await door(lambda c: change(c, "lost", fails=True))
    with pytest.raises(EngateError), store.write() as c:
        change(c, "lost", fails=True)
    assert [line["order"] for line in told] == ["kept", "kept"]
    store.close()


# ---- what happens to an order and a load ----


def names(told: list[Any], of: str) -> list[Any]:
    return [line for line in told if line["event"] == of]


async def test_a_load_and_an_order_leave_their_lines(sqlite_database: str, told: list[Any]) -> None:
    async with faked(sqlite_database, seed=goods(2)) as stage:
        await stage.selling()
        sku = stage.erp.state()[0]
        stage.shop.sell([sale(1, (sku.key, 1, str(sku.price)))])
        await stage.until(stage.erp.orders)
        await stage.quiet()
        key = names(told, "order_taken_in")[0]["order"]
    started, ended = names(told, "run_started"), names(told, "run_ended")
    assert {line["flow"] for line in started} >= {"products", "prices", "stock"}
    products = next(line for line in ended if line["flow"] == "products")
    assert products["state"] == "done" and products["read"] >= 2 and products["changed"] >= 2 and products["pushed"] >= 2
    assert [line["order"] for line in names(told, "order_in_erp")] == [key]
    assert names(told, "order_in_erp")[0]["erp_key"]
    assert {line["order"] for line in names(told, "order_moved")} == {key}
    assert names(told, "worker_started") and names(told, "worker_ended")


async def until_told(stage: Stage, told: list[Any], event: str) -> Any:
    await stage.until(lambda: names(told, event))
    return names(told, event)[0]


async def test_an_error_of_a_platform_says_whose_it_is_and_when_it_goes_on(sqlite_database: str, told: list[Any]) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        stage.erp.faults.set([Fault("500", "GET", times=1_000)])
        await stage.resync(["stock"])
        await stage.until(lambda: "read/stock" in {line["lane"] for line in names(told, "slice_failed")})
        line = next(line for line in names(told, "slice_failed") if line["lane"] == "read/stock")
        assert line["hook"] == "list_stock" and line["tries"] == 1 and line["until"] > 0
        assert line["connection"] and line["code"] and line["error"]


async def test_credentials_that_are_refused_are_an_event_of_their_own(sqlite_database: str, told: list[Any]) -> None:
    async with faked(sqlite_database, seed=goods(1), selling=True) as stage:
        stage.shop.faults.set([Fault("401", "PUT", times=1_000)])
        stage.erp.change([Change(stage.erp.state()[0].key, price=Decimal("55.00"))])
        await stage.resync(["prices"])
        line = await until_told(stage, told, "login_refused")
        assert line["connection"] and line["log_level"] == "error"


async def test_a_slice_that_its_deadline_ended_is_an_event_of_its_own(sqlite_database: str, told: list[Any]) -> None:
    hasty = msgspec.structs.replace(SHORT, slice_most=1.0)
    async with faked(sqlite_database, seed=goods(1), delays=hasty) as stage:  # nothing is loaded before: that would be ended too
        stage.erp.faults.set([Fault("hang", "GET", times=1_000)])
        await stage.activate()

        def stopped() -> list[Any]:  # on a loaded machine the first ones before they have called anything
            return [line for line in names(told, "slice_stopped") if (line["lane"], line.get("hook")) == ("read/stock", "list_stock")]

        await stage.until(stopped)
        assert stopped()[0]["until"] > 0 and stopped()[0]["connection"]
        stage.erp.faults.set([])
