"""A guard is found however the formatter wrote it, one that is gone is missed, and a mutant differs by the guard alone."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from tests.mutated import flat, mutated

WIDE, NARROW = 140, 40
CASES = {
    "a condition": (
        "if self._error is not None and self._clock.now() < self._at + self._cooling:",
        "if False:",
        "class A:\n    def f(self):\n        {guard}\n            raise self._error\n        return 1\n",
    ),
    "the end of a condition": (
        " and self._clock.now() < self._at",
        "",
        "def f(self):\n    if self._error is not None{guard}:\n        return 1\n",
    ),
    "what is returned": (
        "return batch.may_defer and len(items) >= (least or WORTH)",
        "return batch.may_defer",
        "def f(batch, items, least):\n    {guard}\n",
    ),
    "what is assigned": (
        "rank = (priority.get(), self.turn() if turn is None else turn)",
        "rank = ()",
        "def f(self, priority, turn):\n    {guard}\n    return rank\n",
    ),
    "arguments": (
        "        self._hide(terms.headers, answer.headers, known=self._known)\n",
        "",
        "class A:\n    def f(self, terms, answer):\n{guard}        return terms\n",
    ),
    "one argument of many": (", refunded=given_back(raw)", "", "order = Order(key=raw.key, number=raw.number{guard}, items=raw.items)\n"),
    "the last argument, as it stands broken": (
        "    refunded=given_back(raw),\n",
        "    refunded=0,\n",
        "order = Order(key=raw.key, number=raw.number,\n{guard})\n",
    ),
    "a tuple": ('"order-creation-error", "ready-for-handling"', '"order-creation-error"', "STATES = {guard}, 'handling'\n"),
    "a dictionary": ('"duplicateResolutionMode": "REPLACE"', "", "made = {{'handle': product.handle, {guard}}}\n"),
    "a conditional expression": (
        'password.upper() if case == "upper" else password',
        "password",
        "digest = hashed(salted({guard}), of=the_login_of_the_user)\n",
    ),
    "a chain": (
        ".where(column.is_(None)).values(at=now)",
        ".values(at=now)",
        "statement = sa.update(order).where(order.c.id == key){guard}.returning(order.c.id)\n",
    ),
    "several statements": (
        "        await self._list(product)\n        await self._save(product, made, {})\n",
        "        await self._save(product, made, {})\n",
        "class A:\n    async def f(self, product, made):\n{guard}        return product\n",
    ),
    "more statements than there were": (
        "    return await installation.store.writing(go)\n",
        "    result = await installation.store.writing(work)\n    await installation.store.writing(go)\n    return result\n",
        "async def f(installation, work, go):\n{guard}",
    ),
    "a statement with its comment": (
        "        return None  # what is refused is the operation\n",
        "        return True\n",
        "def f(codes):\n    if codes & PASSING and not codes & BUSY and codes:\n{guard}    return False\n",
    ),
    "managers": (
        "with suppress(*GARBLED), opened(file) as lines:",
        "with opened(file) as lines:",
        "def f(file):\n    {guard}\n        return lines\n",
    ),
    "what an error is": (
        "except UNREADABLE_BY_THE_PLATFORM as error:",
        "except KeyError as error:",
        "try:\n    f()\n{guard}  # why\n    pass\n",
    ),
}


def formatted(source: str, width: int) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--isolated", f"--line-length={width}", "--stdin-filename=a.py", "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout


def program(source: str | None) -> str:
    assert source is not None, "the guard was not found"
    return ast.dump(ast.parse(source))


@pytest.mark.parametrize(("guard", "disabled", "source"), CASES.values(), ids=CASES.keys())
def test_a_guard_is_found_when_the_formatter_has_broken_its_line(guard: str, disabled: str, source: str) -> None:
    whole = source.format(guard=guard)
    meant = program(source.format(guard=disabled))
    narrow = formatted(whole, NARROW)
    assert narrow != whole
    for text in (whole, formatted(whole, WIDE), narrow):
        assert program(mutated(text, guard, disabled)) == meant


@pytest.mark.parametrize(("guard", "disabled", "source"), CASES.values(), ids=CASES.keys())
def test_a_guard_that_was_copied_from_broken_lines_is_found_when_they_are_joined(guard: str, disabled: str, source: str) -> None:
    """Its row holds what the file held then, with its commas; the parentheses around the whole are left out of a row."""
    whole = source.format(guard=guard)
    broken = guard.replace("(", "(\n            ").replace(")", ",\n        )").replace("(\n            ,\n        )", "()")
    assert program(mutated(whole, broken, disabled)) == program(source.format(guard=disabled))


def test_one_that_stands_deeper_than_its_row_says_is_replaced_as_deep() -> None:
    source = "def f(a):\n    if a:\n        if late:\n            return 1\n        return 2\n"
    row = ("    if late:\n        return 1\n", "    if a:\n        return 3\n")
    assert program(mutated(source, *row)) == program("def f(a):\n    if a:\n        if a:\n            return 3\n        return 2\n")


@pytest.mark.parametrize(
    "source",
    [
        "x = f(a)\n",
        "if a is not b:\n    x = f(a, c)\n",
        "if a is not b:\n    x = f(c, b)\n",
        "if a is not b:\n    x = f(a, b).g\n",
        "# if a is not b:\n#     x = f(a, b)\n",
        "if a is not b:\n    x = f(a, b)\nif a is not b:\n    x = f(a, b)\n",
        "if a isnot b:\n    x = f(a, b)\n".replace("isnot", "is"),
    ],
    ids=["gone", "another argument", "in another order", "more than it was", "a comment of it", "twice", "a word less"],
)
def test_one_that_is_not_there_once_is_seen(source: str) -> None:
    guard = "if a is not b:\n    x = f(a, b)\n"
    assert mutated("if a is not b:\n    x = f(a, b)\n", guard, "") is not None
    assert mutated(source, guard, "") is None


PROGRAM = '''
"""A docstring  with   space,
and a break."""
ONE = (1,)
TWO = (
    1,
    2,
)
ALONE = (
    a,
)
CALLED = f(a,)
SLICES = x[a,], x[
    a, b,
], [a,], {a,}, {a: b,}
NEEDED = a and (
    b or c
)
NOT_NEEDED = (
    a
    and b
    or (c)
)
LAZY = (
    each
    for each in a  # a comment
    if (
        each
    )
)
GIVEN = f(
    a=(
        b if c else d
    ), *e,
    **g,
)
KEYED = f(a=(
    1, 2,
))
JOINED = (
    "a"
    f"{b!r:>{c}} {{d}} {f(a, b)}"
    "#"
)
CUT = a \\
    + b
STRING = f"""
{a}  ,
)
"""


@decorated(
    a,
)
def f(
    a,
    *,
    b=(
        1
    ),
):
    # a comment of its own
    if (
        found := a
    ) or b:
        return (
            yield a
        )
    assert (
        a
    ), b
    with (
        a as b,
        c,
    ):
        from d import (
            e,
        )
    for x in (
        a,
        b,
    ):
        x[1:(
            2
        )] = lambda: (
            a, b
        )
    match a:
        case (
            1, 2,
        ):
            pass
    return (
        *a,
        b,
    )
'''


def test_what_is_made_flat_is_the_same_program() -> None:
    made = flat(PROGRAM)
    assert program(made) == program(PROGRAM)
    simple = [
        node
        for node in ast.walk(ast.parse(made))
        if isinstance(node, ast.stmt) and not hasattr(node, "body") and not isinstance(node, ast.Match)
    ]
    broken = [ast.get_source_segment(made, node) or "" for node in simple if node.lineno != node.end_lineno]
    assert len(broken) == 2 and all('"""' in each for each in broken), "only strings hold breaks"


def test_a_text_of_several_lines_stays_as_it_is_whatever_its_letters() -> None:
    source = 'def f() -> None:\n    """São Paulo,\n    Minas"""\n    return 1\n'
    assert flat(source) == source
