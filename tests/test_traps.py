"""The table of traps, the marks on the tests and docs/traps.md say the same, and every guard is where the table says."""

from __future__ import annotations

import ast
import runpy
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from tests.traps import TRAPS, Trap

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("tests", "core", "api", "plugins", "demo")  # pytest's testpaths
LEAST = 60


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
    assert source.count(trap.guard) == 1, "make the guard of tests/traps.py what stands in the file"
    mutant = source.replace(trap.guard, trap.disabled)
    assert ast.dump(ast.parse(mutant)) != ast.dump(ast.parse(source)), "the mutant is the same program"


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.id)
def test_it_is_told_in_one_sentence(trap: Trap) -> None:
    assert trap.words[0].isupper() and trap.words.endswith(".") and ". " not in trap.words and len(trap.words) <= 200
    assert "|" not in trap.words and "\n" not in trap.words


def test_the_page_is_fresh() -> None:
    generate = runpy.run_path(str(ROOT / "docs/generate.py"))
    assert generate["traps"]() == (ROOT / "docs/traps.md").read_text("utf-8"), "docs/traps.md is stale: make docs"
