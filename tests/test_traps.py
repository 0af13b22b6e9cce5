"""The tables of traps, the marks on the tests and docs/traps.md say the same, and every guard is where its table says."""

from __future__ import annotations

import ast
import runpy
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from tests.mutants import choose
from tests.mutated import flat, mutated
from tests.trap import Trap, tables

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("tests", "core", "api", "plugins", "demo")  # pytest's testpaths
LEAST = 60
TABLES = tables()
TRAPS = choose(TABLES, [])


@cache
def marked() -> dict[str, tuple[str, ...]]:
    """Node id -> its marks, of every test function of the tree, as pytest would collect them: read from the source, which is quick."""
    return {node: marks for folder in FOLDERS for path in sorted((ROOT / folder).rglob("test_*.py")) for node, marks in _tests(path)}


def _tests(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    name = path.relative_to(ROOT).as_posix()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test"):
            yield f"{name}::{node.name}", tuple(mark for decorator in node.decorator_list for mark in _marks(decorator))


def _marks(decorator: ast.expr) -> list[str]:
    """The ids of `@pytest.mark.trap("id", ...)`; none of any other decorator."""
    if not (isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.trap"):
        return []
    ids = [argument.value for argument in decorator.args if isinstance(argument, ast.Constant) and isinstance(argument.value, str)]
    assert ids and len(ids) == len(decorator.args), f"only ids, written out: {ast.unparse(decorator)}"
    return ids


def test_there_are_enough_and_each_has_its_own_id() -> None:
    assert len(TRAPS) >= LEAST
    assert [name for name, count in Counter(trap.id for trap in TRAPS).items() if count > 1] == []
    assert [name for name, count in Counter(trap.words for trap in TRAPS).items() if count > 1] == []
    assert len({(trap.file, trap.guard, trap.disabled) for trap in TRAPS}) == len(TRAPS)


def beside(trap: Trap) -> str:
    """Where it belongs: to the platform that its id names; any other to the part that has the guard."""
    platform, part = trap.id.partition(".")[0], trap.file.partition("/")[0]
    return platform if (ROOT / "plugins" / platform).is_dir() else part


def test_each_stands_beside_what_it_guards() -> None:
    assert [(each.module, trap.id) for each in TABLES for trap in each.traps if beside(trap) != each.place] == []


def test_no_table_is_overlooked() -> None:
    written = {path for folder in FOLDERS for pattern in ("traps*.py", "traps*/**/*.py") for path in (ROOT / folder).rglob(pattern)}
    assert {path.relative_to(ROOT).as_posix() for path in written} == {each.module for each in TABLES}


def test_a_new_plugins_table_is_found_by_itself(tmp_path: Path) -> None:
    """Nothing lists the tables: the folder is enough, of one module or of several."""
    for name, id in (("red/tests/traps.py", "red.late"), ("blue/tests/traps/orders.py", "blue.late")):
        row = Trap(
            id, "It breaks.", "plugins/red/engate_red/erp.py", "if late:", "if False:", ("plugins/red/tests/test_red.py::test_late",)
        )
        path = tmp_path / "plugins" / name
        path.parent.mkdir(parents=True)
        path.write_text(f'"""The traps."""\n\nfrom tests.trap import Trap\n\nTRAPS = ({row!r},)\n', "utf-8")
    found = tables(tmp_path)
    assert [(each.place, each.words, [trap.id for trap in each.traps]) for each in found] == [
        ("blue", "The traps.", ["blue.late"]),
        ("red", "The traps.", ["red.late"]),
    ]
    assert [trap.id for trap in choose(found, ["red"])] == [trap.id for trap in choose(found, ["red.la"])] == ["red.late"]
    assert [trap.id for trap in choose(found, ["red", "blue"])] == [trap.id for trap in choose(found, [])] == ["blue.late", "red.late"]
    assert choose(found, ["late"]) == []


@pytest.mark.parametrize("place", ["core", "api"])
def test_the_traps_of_a_part_are_chosen_by_its_name(place: str) -> None:
    chosen = choose(TABLES, [place])
    assert chosen and {trap.file.partition("/")[0] for trap in chosen} == {place}


def functions(trap: Trap) -> list[str]:
    """Its tests without their parameters."""
    return [test.partition("[")[0] for test in trap.tests]


def test_every_test_of_the_table_exists_and_bears_the_traps_mark() -> None:
    tests = marked()
    assert [test for trap in TRAPS for test in functions(trap) if test not in tests] == []
    assert [(trap.id, test) for trap in TRAPS for test in functions(trap) if trap.id not in tests[test]] == []
    assert [trap.id for trap in TRAPS if not trap.tests] == []


def test_every_mark_is_in_the_table_with_that_test() -> None:
    table = {(trap.id, test) for trap in TRAPS for test in functions(trap)}
    assert [(mark, test) for test, marks in marked().items() for mark in marks if (mark, test) not in table] == []


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.id)
def test_its_guard_stands_once_and_goes(trap: Trap) -> None:
    source = (ROOT / trap.file).read_text("utf-8")
    mutant = mutated(source, trap.guard, trap.disabled)
    assert mutant is not None, f"the guard of {trap.id} does not stand once in {trap.file}: copy what stands there into its row"
    assert ast.dump(ast.parse(mutant)) != program(source), "the mutant is the same program"


@cache
def program(source: str) -> str:
    """Also sees to it that a mutant is made of the program that it says."""
    found = ast.dump(ast.parse(source))
    assert ast.dump(ast.parse(flat(source))) == found, "made flat it is another program"
    return found


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.id)
def test_it_is_told_in_one_sentence(trap: Trap) -> None:
    assert trap.words[0].isupper() and trap.words.endswith(".") and ". " not in trap.words and len(trap.words) <= 200
    assert "|" not in trap.words and "\n" not in trap.words


def test_the_page_is_fresh() -> None:
    generate = runpy.run_path(str(ROOT / "docs/generate.py"))
    assert generate["traps"]() == (ROOT / "docs/traps.md").read_text("utf-8"), "docs/traps.md is stale: make docs"
