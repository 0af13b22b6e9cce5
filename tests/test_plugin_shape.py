"""Plugins have one shape: a subject stands in a file of the same name in each, and the file of the role only forwards.

The names are those of docs/plugin-author.md. Read from the folders, as the import rules are.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROLES = ("erp.py", "storefront.py")
SUBJECTS = {
    "__init__.py", "settings.py", *ROLES, "client.py", "endpoints.py", "checks.py", "listing.py", "catalog.py", "products.py", "skus.py",
    "images.py", "pricing.py", "stock.py", "orders.py", "fulfilment.py", "changes.py", "webhooks.py", "translate.py",
}  # fmt: skip
PURE = re.compile(r"translate_[a-z]+\.py")
OWN = {
    "shopify/bulk.py": "operations over a file of lines, which no other platform has",
    "shopify/groups.py": "items that one call takes together: every list of Shopify's has entries with their own errors",
    "shopify/operations.py": "its endpoints: one address, and a text for each operation",
    "vtex/events.py": "which of two sources tells what happened: the feed or the list of orders",
    "vtex/order_list.py": "VTEX's list of orders by date, read in spans of time",
    "webstore/contacts.py": "a service that Webstore calls",
    "webstore/envelope.py": "how the services that Webstore calls are spoken",
    "webstore/facade.py": "the services that Webstore calls: it asks us, and is called for stock alone",
    "winthor/customers.py": "an order goes under a customer, who is found or made first",
    "winthor/lists.py": "one way to read all lists: since a watermark, or a few keys",
    "winthor/order_fields.py": "what else its orders want, as the manifest says",
    "winthor/rows.py": "the rows it answers; their names differ by installation",
    "winthor/search.py": "orders have no filter by reference: one reading serves all who look",
    "winthor/session.py": "its login",
}
"""Files of a subject that the others do not have, with why."""
TESTS = re.compile(r"test_(plugin|sandbox)_[a-z_]+\.py|test_(conformance|coupled|to_write)\.py|(conftest|traps)\.py")
HELPERS = {
    "shopify/loads.py": "batches large enough for an operation",
    "webstore/erp.py": "the ERP that the sandbox alone is tested with",
}
"""Modules that several test modules of a plugin use, with why."""
MOST = 2
"""Statements of a hook in the file of the role."""
CALLS = {"call", "plain", "graphql", "lines", "http"}
"""Methods that go to the platform."""


def packages(root: Path) -> Iterator[tuple[str, Path]]:
    """(the plugin's name, its package) of every plugin."""
    for folder in sorted((root / "plugins").iterdir()):
        package = folder / f"engate_{folder.name}"
        if package.is_dir():
            yield folder.name, package


def odd_files(root: Path) -> set[str]:
    files = {f"{name}/{path.name}" for name, package in packages(root) for path in package.glob("*.py")}
    return {file for file in files if (alone := file.partition("/")[2]) not in SUBJECTS and not PURE.fullmatch(alone)}


def odd_tests(root: Path) -> set[str]:
    found = {(name, path) for name, package in packages(root) for path in (package.parent / "tests").rglob("*.py")}
    odd = {(name, path) for name, path in found if path.parent.name != "tests" or not TESTS.fullmatch(path.name)}
    return {f"{name}/{path.relative_to(root / 'plugins' / name / 'tests').as_posix()}" for name, path in odd}


def busy(root: Path) -> list[str]:
    """Functions of the files of the roles that do work themselves."""
    return [
        f"{name}/{role}:{function.name}"
        for name, package in packages(root)
        for role in ROLES
        if (package / role).exists()
        for function in ast.walk(ast.parse((package / role).read_text("utf-8")))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name != "__init__" and _works(function)
    ]


def _works(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    nodes = [node for statement in function.body for node in ast.walk(statement)]
    statements = [node for node in nodes if isinstance(node, ast.stmt) and not isinstance(node, ast.Delete) and not _docstring(node)]
    called = {node.func.attr for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}
    return len(statements) > MOST or bool(called & CALLS)


def _docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_files_have_the_agreed_names_or_a_reason() -> None:
    assert odd_files(ROOT) == OWN.keys()


def test_tests_have_the_agreed_names_or_a_reason() -> None:
    assert odd_tests(ROOT) == HELPERS.keys()


def test_the_file_of_the_role_only_forwards() -> None:
    assert busy(ROOT) == []


# The rules, broken: without these, a rule that sees nothing would pass for one that holds.

FORWARDS = '''class A:
    def __init__(self):
        a = 1
        b = 2
        self.http = context.http("x")
    async def f(self, part):
        """Why."""
        del part
        rows = Rows(self.client)
        await rows.push()
'''
WORKS = {
    "three statements": "class A:\n    def f(self):\n        a = 1\n        b = 2\n        return a\n",
    "three in a branch": "class A:\n    def f(self):\n        if a:\n            b = 1\n            return b\n",
    "a call": "class A:\n    async def f(self):\n        return await self.client.call('GET', '/a')\n",
    "a function beside": "def f():\n    a = 1\n    b = 2\n    return a\n",
}


def write(root: Path, files: dict[str, str]) -> None:
    for path, source in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(source, "utf-8")


@pytest.mark.parametrize("role", ROLES)
def test_what_only_forwards_passes(tmp_path: Path, role: str) -> None:
    write(tmp_path, {f"plugins/red/engate_red/{role}": FORWARDS, "plugins/red/engate_red/translate_orders.py": ""})
    assert (busy(tmp_path), odd_files(tmp_path)) == ([], set())


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("source", WORKS.values(), ids=WORKS.keys())
def test_what_works_itself_is_seen(tmp_path: Path, role: str, source: str) -> None:
    write(tmp_path, {f"plugins/red/engate_red/{role}": source})
    assert busy(tmp_path) == [f"red/{role}:f"]


def test_other_names_are_seen(tmp_path: Path) -> None:
    tests = {f"plugins/red/tests/{name}.py": "" for name in ("test_a", "test_plugin_a", "help", "deep/test_plugin_b")}
    write(tmp_path, {"plugins/red/engate_red/logistics.py": "", **tests})
    assert odd_files(tmp_path) == {"red/logistics.py"}
    assert odd_tests(tmp_path) == {"red/test_a.py", "red/help.py", "red/deep/test_plugin_b.py"}
