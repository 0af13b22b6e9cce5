"""The search syntax of `query:` arguments, as far as a connector needs it: `field:value`, comparisons, AND, OR, NOT, free text.

A field that the resource cannot be searched by is ignored and matches everything, as the platform does it: it only warns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeGuard

Fields = Mapping[str, Callable[[Any], Any]]
"""A field's name -> what an item holds there: a text, a number, an instant, or several."""
_TOKEN = re.compile(r"""\s*(?:(\()|(\))|(-)?(?:([A-Za-z_.]+):)?(>=|<=|>|<)?(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^\s()]+)))""")


def matcher(query: str | None, fields: Fields, text: Callable[[Any], str]) -> Callable[[Any], bool]:
    """`text`: what free words are looked for in."""
    if not query or not query.strip():
        return lambda item: True
    tokens = [match.groups() for match in _TOKEN.finditer(query) if match.group().strip()]
    return _Parser(tokens, fields, text).alternatives()


def values_of_only(field: str, query: str | None) -> list[str] | None:
    """The values, in lower case, where a query asks for nothing but this field, one or several by OR; None: it asks for more."""
    tokens = [match.groups() for match in _TOKEN.finditer(query or "") if match.group().strip()]
    found: list[str] = []
    for index, (opened, closed, minus, named, sign, single, double, bare) in enumerate(tokens):
        if index % 2:
            if bare != "OR" or named is not None:
                return None
            continue
        value = single if single is not None else double if double is not None else bare or ""
        if opened or closed or minus or sign or named != field or value.endswith("*") or "\\" in value:
            return None
        found.append(value.casefold())
    return found or None


class _Parser:
    def __init__(self, tokens: list[tuple[str | None, ...]], fields: Fields, text: Callable[[Any], str]) -> None:
        self.tokens, self.fields, self.text = tokens, fields, text
        self.at = 0

    def alternatives(self) -> Callable[[Any], bool]:
        parts = [self.all()]
        while self._word() == "OR":
            self.at += 1
            parts.append(self.all())
        return lambda item: any(part(item) for part in parts)

    def all(self) -> Callable[[Any], bool]:
        parts: list[Callable[[Any], bool]] = []
        while self.at < len(self.tokens) and self.tokens[self.at][1] is None and self._word() != "OR":
            if self._word() == "AND":
                self.at += 1
                continue
            parts.append(self.one())
        return lambda item: all(part(item) for part in parts)

    def one(self) -> Callable[[Any], bool]:
        if self._word() == "NOT":
            self.at += 1
            inner = self.one()
            return lambda item: not inner(item)
        opened, _, minus, field, sign, single, double, bare = self.tokens[self.at]
        self.at += 1
        if opened:
            group = self.alternatives()
            self.at += 1
            return group
        quoted = single if single is not None else double
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare or ""
        test = self._term(field, sign, value, exact=quoted is not None)
        return (lambda item: not test(item)) if minus else test

    def _word(self) -> str | None:
        if self.at >= len(self.tokens):
            return None
        _, _, minus, field, sign, _, _, bare = self.tokens[self.at]
        return bare if minus is None and field is None and sign is None else None

    def _term(self, field: str | None, sign: str | None, value: str, *, exact: bool) -> Callable[[Any], bool]:
        if field is None:
            return lambda item: value.casefold() in self.text(item).casefold()
        read = self.fields.get(field)
        if read is None:
            return lambda item: True
        if not exact and value == "*":
            return lambda item: bool(read(item))
        return lambda item: any(_compare(held, sign, value, exact=exact) for held in _several(read(item)))


def _several(value: Any) -> Iterable[Any]:
    return value if _is_many(value) else (value,)


def _is_many(value: object) -> TypeGuard[Iterable[Any]]:
    return isinstance(value, (list, tuple, set, frozenset))


def _compare(held: Any, sign: str | None, value: str, *, exact: bool) -> bool:
    if held is None:
        return False
    if isinstance(held, datetime):
        wanted: Any = _instant(value)
    elif isinstance(held, (int, Decimal)) and not isinstance(held, bool):
        wanted, held = _number(value), Decimal(held)
    else:
        held, wanted = str(held).casefold(), value.casefold()
        if sign is None and not exact and wanted.endswith("*"):
            return held.startswith(wanted[:-1])
    if wanted is None:
        return False
    match sign:
        case ">=":
            return held >= wanted
        case "<=":
            return held <= wanted
        case ">":
            return held > wanted
        case "<":
            return held < wanted
        case _:
            return held == wanted


def _instant(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _number(value: str) -> Decimal | None:
    try:
        return Decimal(value.rpartition("/")[2])
    except InvalidOperation:
        return None
