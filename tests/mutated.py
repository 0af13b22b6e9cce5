"""Finds a guard however its file is formatted, and puts something else in its place. `docs/decisions/traps.md` says why so.

A source is made flat first: the same program, in which a formatter's choices do not show. In that a guard is found whatever the white space
between its tokens.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import lru_cache
from keyword import iskeyword
from token import COMMENT, DEDENT, INDENT, NAME, NEWLINE, NL, OP, STRING
from tokenize import TokenInfo
from typing import NamedTuple

OPENING, CLOSING = ("(", "[", "{"), (")", "]", "}")
PARTS = {"=", ",", ":", *OPENING}
"""After one of these, and before one of `ENDS`, parentheses hold a whole expression, which means the same without them."""
ENDS = {",", ":", "as", *CLOSING}
STATEMENTS = {"return", "if", "elif", "while", "assert", "except", "with", "import"}
"""So do they after one of these outside of brackets."""
LISTS = {"with", "import"}
"""After these what they hold is no tuple, which is left in its parentheses."""
MAKES_MORE = {"for", "yield", ":="}
"""What may stand in parentheses and means something else, or nothing, without them."""
ATOM = re.compile(r"(\s*)(\w+|[^\w\s])")
LAST_COMMA = re.compile(r",(?=\s*(?:[)\]}]|$))")
A_COMMA = r"(?:\s*,)?"
BEGINS, IS_OVER = r"(?<![\w.])", r"(?=[\s)\]},:]|\Z)"
"""For a guard with white space before it, or behind it: nothing may hang on it there."""


def mutated(source: str, guard: str, disabled: str) -> str | None:
    """The source, flat, with `disabled` in the place of the guard; None where the guard does not stand in it exactly once."""
    plain = flat(source)
    found = list(re.finditer(_pattern(guard), plain))
    if len(found) != 1:
        return None
    start, end = found[0].span()
    space, rest = _space_around(guard)
    instead = _as_deep(disabled.removeprefix(space).removesuffix(rest), space, plain[plain.rfind("\n", 0, start) + 1 : start])
    made = plain[:start] + instead + plain[end:]
    return made if _is_valid(made) else plain[:start] + instead.replace("\n", " ") + plain[end:]  # its breaks were within a statement


def _is_valid(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


@lru_cache(maxsize=1000)
def flat(source: str) -> str:
    """Each statement on one line, without the comments in its midst, and without the commas and parentheses that only let it be broken."""
    lines = source.split("\n")
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type not in (INDENT, DEDENT)]
    left_out = _let_it_be_broken(tokens)
    made: list[str] = []
    begins, depth, end = True, 0, (1, 0)  # `end`: of the token before
    for number, token in enumerate(tokens):
        if token.type == NEWLINE or (token.type == NL and depth == 0):
            made.append("\n")
            begins = True
        elif token.type != NL and (token.type != COMMENT or depth == 0):
            row, column = token.start
            made.append(lines[row - 1][:column] if begins else lines[row - 1][end[1] : column] if row == end[0] else " ")
            made.append("" if number in left_out else _written(lines, token))
            begins = False
        end = _end(token)
        depth += _deeper(token)
    return "".join(made)


def _deeper(token: TokenInfo) -> int:
    """1 where it opens brackets, -1 where it closes them."""
    return (token.string in OPENING) - (token.string in CLOSING) if token.type == OP else 0


def _written(lines: list[str], token: TokenInfo) -> str:
    """As it stands in the source; `token.string` differs in f-strings."""
    (first, start), (last, end) = token.start, _end(token)
    if first == last:
        return lines[first - 1][start:end]
    return "\n".join([lines[first - 1][start:], *lines[first : last - 1], lines[last - 1][:end]])


def _end(token: TokenInfo) -> tuple[int, int]:
    """Counted from the text of a string: Python 3.12.1 tells a wrong column where it has several lines and letters that are not ASCII."""
    if token.type != STRING:
        return token.end
    (row, column), (*before, last) = token.start, token.string.split("\n")
    return row + len(before), len(last) if before else column + len(last)


class Brackets(NamedTuple):
    before: TokenInfo
    opening: int  # numbers of tokens
    closing: int
    last: int  # the one before the closing one
    after: TokenInfo
    broken: bool  # there is a line break behind the opening one
    kind: str  # the opening one
    inside: list[str]  # what stands directly between them
    nested: bool  # in other brackets


def _let_it_be_broken(tokens: list[TokenInfo]) -> set[int]:
    """The numbers of the tokens that are there for the formatter's sake."""
    found: set[int] = set()
    for each in _brackets(tokens):
        if each.broken and _needless(each):
            found |= {each.opening, each.closing}
        if tokens[each.last].string == "," and not _makes_a_tuple(each):
            found.add(each.last)
    return found


def _brackets(tokens: list[TokenInfo]) -> Iterator[Brackets]:
    shown = [number for number, token in enumerate(tokens) if token.type not in (NL, COMMENT)]
    opened: list[tuple[int, list[str]]] = []  # where in `shown` each opens, and what stands in it
    for at, number in enumerate(shown):
        token = tokens[number]
        if _deeper(token) > 0:
            opened.append((at, []))
        elif _deeper(token) < 0:
            start, inside = opened.pop()
            opening, broken = shown[start], tokens[shown[start] + 1].type in (NL, COMMENT)
            before, after = tokens[shown[start - 1]], tokens[shown[at + 1]]
            kind, nested = tokens[opening].string, bool(opened)
            yield Brackets(before, opening, number, shown[at - 1], after, broken, kind, inside, nested)
        elif opened:
            opened[-1][1].append(token.string)


def _needless(each: Brackets) -> bool:
    before, ends = each.before, each.after.type == NEWLINE or each.after.string in ENDS
    opens = before.string in STATEMENTS and not each.nested if before.type == NAME else before.type == OP and before.string in PARTS
    if each.kind != "(" or not opens or not ends or MAKES_MORE.intersection(each.inside):
        return False
    return "," not in each.inside or before.string in LISTS


def _makes_a_tuple(each: Brackets) -> bool:
    """Its last comma does, as it is the only one."""
    before = each.before
    of_a_value = before.type == STRING or before.string in CLOSING or (before.type == NAME and not iskeyword(before.string))
    may_be_one = of_a_value if each.kind == "[" else each.kind == "(" and not of_a_value and before.string not in LISTS
    return may_be_one and each.inside.count(",") == 1


def _pattern(guard: str) -> str:
    """White space may be any between two tokens, and a comma before a closing bracket may be there or not."""
    bare, (space, rest) = guard.strip(), _space_around(guard)
    made, word = "", False
    for between, atom in ATOM.findall(LAST_COMMA.sub("", bare)):
        is_word = re.match(r"\w", atom) is not None
        gap = r"\s+" if word and is_word and between else r"\s*" if made else ""
        made += (A_COMMA if atom in CLOSING else "") + gap + re.escape(atom)
        word = is_word
    last = A_COMMA if bare.endswith(",") else ""
    return (BEGINS if space and re.match(r"\w", bare) else "") + made + last + (IS_OVER if rest else "")


def _space_around(text: str) -> tuple[str, str]:
    return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]


def _as_deep(text: str, meant: str, there: str) -> str:
    """Its further lines as much deeper as its first is, where that is the first of its line."""
    if not meant or there.strip():
        return text
    more = len(there) - len(meant.rpartition("\n")[2])
    first, *lines = text.splitlines(keepends=True) or [""]
    return first + "".join(" " * (len(line) - len(line.lstrip(" ")) + more) + line.lstrip(" ") for line in lines)
