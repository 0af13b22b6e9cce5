"""What tells one kind of record from another stands in `engate.model.kinds`: no other code of the engine asks whether a kind is this or
that one by its name. Statements may: a table's rows are of one kind."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from engate.model.kinds import KINDS

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = [ROOT / "core/engate" / part for part in ("domain", "store", "sync", "operations")]


def asked_by_name(source: str) -> list[str]:
    """Comparisons with the name of a kind."""
    found = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Compare))
    return [ast.unparse(node) for node in found if any(map(_names_kinds, _sides(node))) and not any(map(_column, _sides(node)))]


def _sides(node: ast.Compare) -> list[ast.expr]:
    """What is compared for being the same; whether a pair has a kind is another question."""
    if isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return [node.left, *node.comparators]
    one_of: list[ast.expr] = [each for each in node.comparators if isinstance(each, ast.Tuple | ast.Set | ast.List)]
    return one_of if isinstance(node.ops[0], ast.In | ast.NotIn) else []


def _names_kinds(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple | ast.Set | ast.List):
        return any(map(_names_kinds, node.elts))
    return isinstance(node, ast.Constant) and node.value in KINDS


def _column(node: ast.expr) -> bool:
    """`record.c.kind`."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "c"


@pytest.mark.parametrize("path", [path for folder in FOLDERS for path in sorted(folder.rglob("*.py"))], ids=lambda p: p.stem)
def test_no_code_of_the_engine_asks_for_a_kind_by_its_name(path: Path) -> None:
    assert asked_by_name(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ('if kind.name == "stock": ...', True),
        ('if kind in ("category", "product"): ...', True),
        ('x = "sku" != row.kind', True),
        ('mine = record.c.kind == "sku"', False),
        ('if "stock" in flows: ...', False),
        ('if kind.name == "listing": ...', False),
    ],
)
def test_the_rule_catches_what_it_is_for(source: str, caught: bool) -> None:
    assert bool(asked_by_name(source)) is caught
