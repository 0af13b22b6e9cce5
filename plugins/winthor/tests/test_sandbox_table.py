"""The table under every listing of the WinThor sandbox: whatever happens to it, a listing is what a plain sort and filter would give."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engate_winthor_sandbox.wire import MAX_CACHED, Page, Table, paged


@dataclass
class Line:
    key: int
    odd: bool
    last_change: str
    raw: bytes | None = None

    def encode(self) -> bytes:
        return msgspec.json.encode([self.key, self.odd, self.last_change])


KEYS = st.integers(0, 12)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS),
        st.tuples(st.just("touch"), KEYS),
        st.tuples(st.just("drop"), KEYS),
        st.tuples(st.just("flag"), KEYS),
        st.tuples(st.just("read"), st.integers(0, 30)),
    ),
    max_size=40,
)


@given(STEPS)
def test_listings_are_those_of_a_plain_sort(steps: list[tuple[str, int]]) -> None:
    table: Table[Line] = Table()
    plain: dict[int, Line] = {}
    for moment, (step, value) in enumerate(steps):
        stamp = f"{moment:04d}"
        if step == "put":
            line = Line(value, value % 2 == 1, stamp)
            table.put(value, line)
            plain[value] = line
        elif step == "read":
            for name, keep in (("all", None), ("odd", lambda line: line.odd)):
                for since in (None, f"{value:04d}"):
                    expected = [plain[key] for key in sorted(plain) if keep is None or keep(plain[key])]
                    expected = [line for line in expected if since is None or line.last_change >= since]
                    assert table.select(name, keep, since) == expected
        elif value in plain:
            if step == "touch":
                table.touch(value, stamp)
            elif step == "drop":
                table.drop(value)
                del plain[value]
            else:
                plain[value].odd = not plain[value].odd
                plain[value].raw = None
                table.reshaped()


def test_a_page_is_encoded_once_and_again_after_a_change() -> None:
    table: Table[Line] = Table()
    for key in (3, 1, 2):
        table.put(key, Line(key, odd=False, last_change="a"))
    first = paged(table.select("all", None, None), Page(1, 2)).body
    assert first == b'{"first":true,"items":[[1,false,"a"],[2,false,"a"]],"hasNext":true}'
    table.touch(2, "b")
    assert paged(table.select("all", None, None), Page(1, 2)).body == b'{"first":true,"items":[[1,false,"a"],[2,false,"b"]],"hasNext":true}'


def test_remembered_listings_are_few() -> None:
    table: Table[Line] = Table()
    for key in range(3):
        table.put(key, Line(key, odd=False, last_change=str(key)))
    for name in range(3 * MAX_CACHED):
        assert len(table.select(name, lambda line: line.key > 0, "1")) == 2
        assert len(table.view(name, lambda line: line.key > 0)) == 2
    assert max(len(table._views), len(table._answers)) <= MAX_CACHED  # noqa: SLF001
