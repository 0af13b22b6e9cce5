"""Pages that the server numbers: whatever moves while they are read, a row that is there all the time is handed out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engate.errors import Unavailable
from engate.paging import Fetched, Numbered, Part, overlapping

Rows = list[int]


class Server:
    """A list of numbers. `most`: its own limit of a page; `says`: whether it says that there is more; `moves`: by call."""

    def __init__(self, rows: Rows, *, most: int = 1000, says: bool = True, by_key: bool = True) -> None:
        self.rows, self.most, self.says, self.by_key = rows, most, says, by_key
        self.asked: list[tuple[int, int]] = []
        self.moves: dict[int, Callable[[], None]] = {}

    async def fetch(self, page: int, size: int) -> Fetched[int]:
        self.asked.append((page, size))
        if move := self.moves.get(len(self.asked)):
            move()
        size = min(size, self.most)
        rows = sorted(self.rows) if self.by_key else list(self.rows)
        shown = rows[(page - 1) * size : page * size]
        return Fetched(shown, page * size < len(rows) if self.says else None, f"{page} {shown}".encode())

    def leave(self, *rows: int) -> Callable[[], None]:
        def move() -> None:
            for row in rows:
                self.rows.remove(row)

        return move

    def read(self, size: int, cursor: str | None = None) -> list[Part[int]]:
        async def go() -> list[Part[int]]:
            return [part async for part in Numbered(self.fetch, str, size).pages(cursor)]

        return asyncio.run(go())


def handed(parts: list[Part[int]]) -> Rows:
    return [row for part in parts for row in part.rows]


@pytest.mark.parametrize("says", [True, False])
@pytest.mark.parametrize("most", [3, 7, 1000])
@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 37, 60, 200])
def test_every_row_is_handed_out_whatever_the_size_of_the_pages(count: int, most: int, says: bool) -> None:
    parts = Server(list(range(count)), most=most, says=says).read(5)
    assert sorted(set(handed(parts))) == list(range(count))
    assert parts[-1].cursor is None and all(part.cursor for part in parts[:-1])


@pytest.mark.parametrize(("size", "calls"), [(100, 230), (500, 42), (1000, 22)])
def test_the_overlap_costs_next_to_nothing(size: int, calls: int) -> None:
    server = Server(list(range(20_000)))
    assert handed(server.read(size)) == list(range(20_000)) and len(server.asked) <= calls


@given(st.integers(1, 10**6), st.integers(5, 1000))
def test_a_window_holds_the_last_row_and_more(end: int, size: int) -> None:
    chosen = overlapping(end, size)
    if chosen is not None:
        page, rows = chosen
        assert rows <= size and (page - 1) * rows < end < page * rows


@pytest.mark.trap("winthor.row-over-the-edge")
@pytest.mark.parametrize("call", [2, 3, 4])
@pytest.mark.parametrize("gone", [(0,), (1, 2), (0, 1, 2, 3, 4)])
def test_a_row_that_leaves_an_earlier_page_takes_no_other_with_it(gone: tuple[int, ...], call: int) -> None:
    server = Server(list(range(23)))
    server.moves[call] = server.leave(*gone)
    parts = server.read(5)
    assert set(handed(parts)) >= set(range(23)) - set(gone) and parts[-1].whole


def test_the_last_row_of_a_page_leaves() -> None:
    server = Server(list(range(23)))
    server.moves[2] = server.leave(4)
    assert set(handed(server.read(5))) == set(range(23))


def test_rows_that_come_in_before_us_are_no_loss() -> None:
    server = Server(list(range(10, 33)))
    server.moves[3] = lambda: server.rows.extend(range(5))
    assert set(handed(server.read(5))) >= set(range(10, 33))


@pytest.mark.parametrize("pages", range(1, 6))
def test_a_reading_goes_on_after_any_page_though_rows_left_meanwhile(pages: int) -> None:
    server = Server(list(range(23)))
    before = server.read(5)[:pages]
    server.leave(0, 1, 3)()
    assert set(handed(before)) | set(handed(server.read(5, before[-1].cursor))) >= set(range(23))


@pytest.mark.parametrize("cursor", ["7", "1:7", "nonsense", "[1]"])
def test_a_cursor_of_another_release_begins_anew(cursor: str) -> None:
    assert set(handed(Server(list(range(23))).read(5, cursor))) == set(range(23))


def test_an_unsorted_list_is_read_until_a_pass_brings_nothing_new() -> None:
    server = Server([7, 3, 9, 1, 8, 2, 6, 4, 12, 11, 10], by_key=False)

    def to_the_end() -> None:
        server.rows.append(server.rows.pop(0))

    server.moves[2] = to_the_end
    parts = server.read(5)
    assert set(handed(parts)) == set(server.rows) and parts[-1].whole


def test_a_list_that_shrinks_while_it_is_read_ends() -> None:
    server = Server(list(range(40)))
    server.moves[4] = lambda: server.rows.__delitem__(slice(3, None))
    parts = server.read(5)
    assert parts[-1].cursor is None and set(handed(parts)) >= {0, 1, 2}


def test_a_list_that_never_holds_still_ends() -> None:
    server = Server([])

    async def restless(page: int, size: int) -> Fetched[int]:
        server.asked.append((page, size))
        rows = [n * 37 % 101 + len(server.asked) * 1000 for n in range(size)]
        return Fetched(rows, page < 6, str(rows).encode())

    async def read() -> list[Part[int]]:
        return [part async for part in Numbered(restless, str, 5).pages()]

    parts = asyncio.run(read())
    assert parts[-1].cursor is None and not parts[-1].whole and len(server.asked) < 60


def test_a_platform_that_repeats_its_page_is_an_error_and_no_endless_loop() -> None:
    async def same(page: int, size: int) -> Fetched[int]:
        del page, size
        return Fetched([1], True, b"same")

    async def read() -> list[Part[int]]:
        return [part async for part in Numbered(same, str, 5).pages()]

    with pytest.raises(Unavailable) as caught:
        asyncio.run(read())
    assert caught.value.code == "contract"


@settings(max_examples=400)
@given(
    st.integers(0, 60), st.integers(1, 12), st.booleans(),
    st.dictionaries(st.integers(2, 25), st.tuples(st.booleans(), st.integers(0, 120)), max_size=6),
)  # fmt: skip
def test_a_row_that_is_there_all_the_time_is_never_lost(count: int, size: int, says: bool, happens: dict[int, tuple[bool, int]]) -> None:
    """Rows come and go anywhere between two calls."""
    server = Server([n * 2 for n in range(count)], says=says)
    gone: set[int] = set()

    def move(comes: bool, place: int) -> None:
        if comes:
            row = place * 2 + 1
            if row not in server.rows:
                server.rows.append(row)
        elif server.rows:
            gone.add(row := sorted(server.rows)[place % len(server.rows)])
            server.rows.remove(row)

    for call, (comes, place) in happens.items():
        server.moves[call] = lambda comes=comes, place=place: move(comes, place)
    assert set(handed(server.read(size))) >= {n * 2 for n in range(count)} - gone
