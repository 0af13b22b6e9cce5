"""A function takes at most five parameters and fits a screen. Read from the folders, as the import rules are.

Counted is whatever a caller may give: keyword-only parameters, `*args` and `**kwargs` too, but not `self` and `cls`. What a framework
calls by its own rules has its signature from there: it is known by its decorator. Everything else that is larger stands below, with why.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MOST_PARAMETERS = 5
MOST_LINES = 60
HANDLERS = {"get", "post", "put", "patch", "delete"}
"""Litestar gives each of a request's parts to a parameter of its own."""

MANY_PARAMETERS = {
    # what a plugin author writes by name, few of many at a time, each with a default
    "core/engate/context.py:Context.http": "how a client behaves",
    "core/engate/http.py:Http.call": "one call",
    "core/engate/http.py:Http.lines": "one call",
    "core/engate/settings.py:field": "one field of a form; the last are msgspec's own",
    "core/engate/testing/connect.py:connected": "a connection of a plugin's own tests",
    "core/engate/testing/stage.py:staged": "a pair of a plugin's own tests",
    # what stands in a query, one parameter each, as of a route
    "api/engate_api/routes/orders.py:asked": "the filters of a list",
    "api/engate_api/routes/calls.py:asked": "the filters of a list",
    # the wiring of a process: each is what the object holds, and is given by name in one or two places
    "core/engate/sync/registry.py:Registry.__init__": "made once a process",
    "core/engate/sync/runner.py:Runner.__init__": "made once a process",
    "core/engate/sync/work.py:SliceContext.__init__": "made by the runner alone",
    "demo/engate_demo/command.py:play": "what tests change of a demo, by name",
}
"""Functions that may take more, with why."""

MANY_LINES = {
    "core/engate/store/migrations/versions/r0001_first.py:upgrade": "the tables as they were, written out",
    "plugins/vtex/engate_vtex_sandbox/sku_document.py:full": "one literal: the document as the contract shows it",
}
"""Functions that may be longer, with why."""


@dataclass(frozen=True)
class Function:
    name: str  # "<path>:<class>.<name>"
    parameters: int
    lines: int
    handler: bool


def functions(root: Path) -> list[Function]:
    """Of core, api, plugins and demo, without their tests: those read as they are written."""
    paths = [path for part in ("core", "api", "plugins", "demo") for path in sorted((root / part).rglob("*.py"))]
    found: list[Function] = []
    for path in paths:
        at = path.relative_to(root)
        if "tests" not in at.parts:
            found += _inside(ast.parse(path.read_text("utf-8"), str(at)), f"{at.as_posix()}:", in_class=False)
    return found


def _inside(node: ast.AST, where: str, *, in_class: bool) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            called = {_called(decorator) for decorator in child.decorator_list}
            parameters = _parameters(child.args) - (in_class and "staticmethod" not in called)
            lines = (child.end_lineno or child.lineno) - child.lineno + 1
            yield Function(where + child.name, parameters, lines, bool(called & HANDLERS))
            yield from _inside(child, f"{where}{child.name}.", in_class=False)
        elif isinstance(child, ast.ClassDef):
            yield from _inside(child, f"{where}{child.name}.", in_class=True)
        else:
            yield from _inside(child, where, in_class=in_class)


def _parameters(given: ast.arguments) -> int:
    return len([*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))])


def _called(decorator: ast.expr) -> str:
    """The last name of `@get(...)`, `@pytest.fixture`, `@staticmethod`."""
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    return named.attr if isinstance(named, ast.Attribute) else named.id if isinstance(named, ast.Name) else ""


def too_many(root: Path) -> dict[str, int]:
    return {each.name: each.parameters for each in functions(root) if each.parameters > MOST_PARAMETERS and not each.handler}


def too_long(root: Path) -> dict[str, int]:
    return {each.name: each.lines for each in functions(root) if each.lines > MOST_LINES}


def test_functions_take_few_parameters() -> None:
    assert {name: count for name, count in too_many(ROOT).items() if name not in MANY_PARAMETERS} == {}


def test_functions_fit_a_screen() -> None:
    assert {name: count for name, count in too_long(ROOT).items() if name not in MANY_LINES} == {}


def test_what_may_be_larger_is_there_and_is_larger() -> None:
    """A reason that nothing needs any more would hide the next one of that name."""
    assert MANY_PARAMETERS.keys() - too_many(ROOT).keys() == set()
    assert MANY_LINES.keys() - too_long(ROOT).keys() == set()


# The rules, broken: without these, a rule that sees nothing would pass for one that holds.

GOOD = {
    "core/engate/a.py": (
        "def f(a, b, c, d, e): ...\nclass A:\n    def f(self, a, b, c, d, e): ...\n    @classmethod\n    def g(cls, a, b, c, d, e): ...\n"
    ),
    "api/engate_api/a.py": "@get('/')\nasync def f(a, b, c, d, e, f): ...\n@litestar.put('/')\nasync def g(a, b, c, d, e, f): ...\n",
    "plugins/red/tests/test_a.py": "def f(a, b, c, d, e, f): ...\n",
    "plugins/red/engate_red/a.py": "def f():\n" + "    x = 1\n" * (MOST_LINES - 1),
}
MANY = {
    "positional": "def f(a, b, c, d, e, f): ...\n",
    "only by position": "def f(a, b, c, d, e, f, /): ...\n",
    "by name only": "def f(a, b, c, *, d, e, f): ...\n",
    "the rest": "def f(a, b, c, d, *e, **f): ...\n",
    "asynchronous": "async def f(a, b, c, d, e, f): ...\n",
    "in a function": "def g():\n    def f(a, b, c, d, e, f): ...\n",
    "under a condition": "if True:\n    def f(a, b, c, d, e, f): ...\n",
    "a method": "class A:\n    def f(self, a, b, c, d, e, f): ...\n",
    "a static method": "class A:\n    @staticmethod\n    def f(a, b, c, d, e, f): ...\n",
    "otherwise decorated": "@cache\ndef f(a, b, c, d, e, f): ...\n",
}


def write(root: Path, files: dict[str, str]) -> None:
    for path, source in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(source, "utf-8")


def test_what_is_allowed_passes(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    assert len(functions(tmp_path)) == 6
    assert too_many(tmp_path) == {} and too_long(tmp_path) == {}


@pytest.mark.parametrize("source", MANY.values(), ids=MANY.keys())
@pytest.mark.parametrize("path", ["core/engate/b.py", "api/engate_api/b.py", "plugins/red/engate_red/b.py", "demo/engate_demo/b.py"])
def test_six_parameters_are_seen(tmp_path: Path, path: str, source: str) -> None:
    write(tmp_path, {**GOOD, path: source})
    [(name, count)] = too_many(tmp_path).items()
    assert name.startswith(f"{path}:") and name.endswith("f") and count == MOST_PARAMETERS + 1


@pytest.mark.parametrize("head", ["def f():\n", "async def f():\n", "@get('/')\nasync def f():\n"])
def test_a_function_of_more_than_a_screen_is_seen(tmp_path: Path, head: str) -> None:
    write(tmp_path, {**GOOD, "core/engate/b.py": head + "    x = 1\n" * MOST_LINES})
    assert too_long(tmp_path) == {"core/engate/b.py:f": MOST_LINES + 1}
