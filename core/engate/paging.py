"""Pages that the server numbers, read without losing a row.

"Page 7 of 100 rows" names a place, not rows: a row that leaves page 1 while page 2 is fetched moves another over the edge, and nobody sees
it. Rows sorted by a key that does not change are read in windows that overlap: each must hold a row that was read before, else the place
is wrong and an earlier window is read. Where rows are not sorted, or windows cannot overlap, the list is read again until a pass brings
nothing new.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise, permutations
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from engate.errors import Unavailable
from engate.text import Text

T = TypeVar("T")
PASSES = 4
TRIES = 3
"""Windows in a row that bring nothing new although the server says that there is more."""
LEAST = 5
"""Rows a page: windows of fewer cannot overlap and still get on."""
CURSOR = 380
"""Characters: keys of the last rows are left out where they make it longer."""


class Fetched(NamedTuple, Generic[T]):
    """One page as the server gave it. `rows`: decoded, in the server's order. `more`: whether it says that there is a next one, None where
    it does not (then a short page is the last). `body`: the raw answer, by which a server that repeats itself is seen. `answer`: whatever
    the caller wants back with the rows (the response, for its `date` and its totals).
    """

    rows: list[T]
    more: bool | None
    body: bytes
    answer: Any = None


class Part(NamedTuple, Generic[T]):
    """Rows that were not handed out before; there may be none. `cursor`: where to go on, at most 380 characters, None at the end: what
    `Page.cursor` wants. `whole`: nothing can have slipped between pages. `answer`: what `Fetched.answer` was.
    """

    rows: list[T]
    cursor: str | None
    whole: bool
    answer: Any = None


Fetch = Callable[[int, int], Awaitable[Fetched[T]]]
"""(page, rows a page) -> what the server answers."""


class _Place(msgspec.Struct, array_like=True):
    """Where a reading is: rows up to `end` have been read, the last of them with these `keys`. `loose`: pages do not overlap."""

    attempt: int = 1
    loose: bool = False
    end: int = 0
    size: int = LEAST
    keys: list[str] = []

    def cursor(self) -> str:
        keys = list(self.keys)
        while len(made := msgspec.json.encode(msgspec.structs.replace(self, keys=keys))) > CURSOR:
            keys = keys[1:]
        return made.decode()


def _place(cursor: str | None, size: int) -> _Place:
    """A cursor that is none of ours (any more) begins anew: reading twice loses nothing."""
    try:
        return msgspec.json.decode(cursor, type=_Place) if cursor else _Place(size=size)
    except msgspec.DecodeError:
        return _Place(size=size)


class Numbered(Generic[T]):
    """One reading of one list whose pages have numbers.

        async def list_brands(self, query):
            async def fetch(page, size):
                answer = await self.http.call("GET", "/brands", params={"page": page, "size": size, "since": query.since})
                said = answer.json(Rows)
                return Fetched(said.rows, said.more, answer.body, answer)

            async for part in Numbered(fetch, lambda row: row.code, 200).pages(query.cursor):
                newest = max((row.changed for row in part.rows), default=None)
                yield Page([Brand(row.code, row.name) for row in part.rows], part.cursor, newest)

    `fetch(page, size)`: pages begin with 1; `size` is the rows a page to ask for, which varies: windows overlap, so that a row that leaves
    an earlier page moves none past the edge. `key`: what identifies a row, as text; its parts are split by "-" or a space. Ask for the rows
    in the order of this key where the server can: a list in another order is read again until a pass brings nothing new (at most four).
    `size`: the most rows a page that the server gives; where it gives fewer, that counts.

    A new one for each call of a hook. A reading that resumes may hand out the last rows of the page before once more: engate keeps an item
    once, whatever comes twice.
    """

    def __init__(self, fetch: Fetch[T], key: Callable[[T], str], size: int) -> None:
        self._fetch, self._key, self._size = fetch, key, max(size, LEAST)
        self._order = _Order()
        self._seen: set[str] = set()
        self._last: T | None = None
        self._before = b""
        self._stuck = 0

    async def pages(self, cursor: str | None = None) -> AsyncIterator[Part[T]]:
        """From the beginning, or from where `cursor` (of a `Part`, through `Query.cursor`) was. One that is not ours begins anew. Raises
        what `fetch` raises, and `Unavailable` where the server gives the same page again and says that there is more."""
        at = _place(cursor, self._size)
        self._seen.update(at.keys)
        while True:
            from_start, fresh, windows, ended = at.end == 0, 0, 0, False
            self._before = b""
            while True:
                rows, ended, got = await self._window(at)
                fresh, windows = fresh + len(rows), windows + 1
                if ended:
                    break
                if rows or at.attempt == 1:
                    yield Part(rows, at.cursor(), whole=False, answer=got.answer)
            stable = not at.loose or (from_start and windows == 1) or (at.attempt > 1 and from_start and not fresh)
            last = stable or at.attempt >= PASSES
            at = _Place(at.attempt + 1, loose=True, end=0, size=at.size)
            yield Part(rows, None if last else at.cursor(), whole=stable, answer=got.answer)
            if last:
                return

    async def _window(self, at: _Place) -> tuple[list[T], bool, Fetched[T]]:
        """(rows not handed out before, whether this is the end of the list, the answer). Moves `at` on."""
        got, keys, page, size = await self._joined(at)
        at.loose = at.loose or not self._order.add(keys)
        rows = [row for row, key in zip(got.rows, keys, strict=True) if self._is_new(at, row, key)]
        new = any(key not in self._seen for key in keys)
        self._seen.update(keys)
        more = got.more if got.more is not None else bool(got.rows) and (at.loose or new or len(got.rows) >= size)
        if page == 1 and at.end == 0 and more and len(got.rows) < size:
            at.size = size = max(1, len(got.rows))  # the server's own limit
        at.end = page * size
        if keys and (new or not at.keys):
            at.keys, self._last = keys[-3:], got.rows[-1]
        self._stuck = 0 if new else self._stuck + 1
        at.loose = at.loose or (more and self._stuck >= TRIES)
        return rows, not more, got

    async def _joined(self, at: _Place) -> tuple[Fetched[T], list[str], int, int]:
        """The next page, and an earlier one as long as it does not hold a row that was read before."""
        back = 0
        while True:
            chosen = None if at.loose else overlapping(max(at.end - back, 0), at.size)
            at.loose = chosen is None
            page, size = chosen or (at.end // at.size + 1, at.size)
            got = await self._got(page, size)
            keys = [self._key(row) for row in got.rows]
            if at.loose or page == 1 or any(key in self._seen for key in keys):
                return got, keys, page, size
            back = max(at.size, back * 2)

    async def _got(self, page: int, size: int) -> Fetched[T]:
        got = await self._fetch(page, size)
        if self._before and got.body == self._before:
            if got.more:
                raise Unavailable(
                    Text("A plataforma repetiu a mesma página de uma lista.", "The platform answered the same page of a list again."),
                    Text(
                        "Atualize o serviço da plataforma ou avise o suporte dela.", "Update the platform's service, or tell its support."
                    ),
                    code="contract",
                )
            got = got._replace(rows=[], more=False)
        self._before = got.body
        return got

    def _is_new(self, at: _Place, row: T, key: str) -> bool:
        """Some lists have several rows of one key: those at the edge of a page are handed out though the key is known."""
        if key not in self._seen:
            return True
        if at.loose:
            return at.attempt == 1
        return bool(at.keys) and key == at.keys[-1] and row != self._last


def overlapping(end: int, size: int) -> tuple[int, int] | None:
    """(page, rows a page) of the window of at most `size` rows that holds row `end` and most behind it; None: there is none."""
    if end == 0:
        return 1, size
    sizes = range(size, max(size // 2, size - 64), -1)
    best = max(sizes, key=lambda rows: ((end - 1) // rows + 1) * rows, default=size)
    page = (end - 1) // best + 1
    return (page, best) if page * best > end else None


class _Order:
    """Whether rows come sorted by their key: by its parts in any order of these, as numbers or text, up or down. Seen from the rows of
    single pages, for a server may ignore what it is asked for."""

    def __init__(self) -> None:
        self._rules: list[_Rule] | None = None

    def add(self, keys: list[str]) -> bool:
        if keys:
            rows = [key.replace(" ", "-").split("-") for key in keys]
            if self._rules is None:
                self._rules = _rules(len(rows[0]))
            if len({len(row) for row in rows}) > 1:
                self._rules = []
            numbers = _numbers(rows) if self._rules else None
            self._rules = [rule for rule in self._rules if rule.holds(numbers if rule.numbers else rows)]
        return self._rules is None or bool(self._rules)


class _Rule(NamedTuple):
    part: Callable[[Any], Any]
    numbers: bool
    up: bool

    def holds(self, rows: list[Any] | None) -> bool:
        if rows is None:
            return False
        row = map(self.part, rows)
        return all(a <= b for a, b in pairwise(row)) if self.up else all(a >= b for a, b in pairwise(row))


def _rules(parts: int) -> list[_Rule]:
    orders = list(permutations(range(parts))) if parts <= 3 else [tuple(range(parts))]
    return [_Rule(itemgetter(*order), numbers, up) for order in orders for numbers in (True, False) for up in (True, False)]


def _numbers(rows: list[list[str]]) -> list[tuple[int, ...]] | None:
    try:
        return [tuple(map(int, row)) for row in rows]
    except ValueError:
        return None
