"""The sheet of links: whatever a spreadsheet makes of it is read back."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engate.domain.sheet import HEAD, Line, read, written
from engate.errors import Invalid

CELL = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20).map(str.strip).filter(bool)


@given(st.lists(st.tuples(CELL, CELL, CELL | st.just("")), max_size=8))
def test_what_is_written_is_read_back(rows: list[tuple[str, str, str]]) -> None:
    assert read(written(rows)) == [Line(nth, key, remote) for nth, (key, _, remote) in enumerate(rows, 2)]


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_every_form_in_which_spreadsheets_save_it(delimiter: str, encoding: str) -> None:
    made = io.StringIO()
    csv.writer(made, delimiter=delimiter).writerows([HEAD, ("10", "Pão; de açúcar, ½", " 77 "), ("", "", ""), ("11", "", ""), ("12",)])
    assert read(made.getvalue().encode(encoding)) == [Line(2, "10", "77"), Line(4, "11", ""), Line(5, "12", "")]


def test_columns_are_told_by_their_names_in_any_order() -> None:
    assert read(b"remote,other,key\n9,x,A\n") == [Line(2, "A", "9")]


@pytest.mark.parametrize(
    "body", [b"", b"\n", b"a;b;c\n1;2;3\n", b"key;nome\n1;2\n", b"\x00\x01\xff", b'key;remote\n1;"' + b"x" * 200_000], ids=range(6)
)
def test_what_is_no_such_sheet_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        read(body)


@pytest.mark.parametrize("name", ["=1+1", "+55", "-x", "@sum"])
def test_no_name_of_the_erp_runs_in_a_spreadsheet(name: str) -> None:
    [_, row] = csv.reader(written([(name, name, name)]).decode("utf-8-sig").splitlines(), delimiter=";")
    assert row == [f'="{name}"', f"'{name}", f'="{name}"']


@pytest.mark.parametrize("key", ["00123", "7891000000106", "10-12", '1"2', "=cmd|x"])
def test_a_key_stays_as_it_is_in_a_spreadsheet(key: str) -> None:
    [_, row] = csv.reader(written([(key, "", "")]).decode("utf-8-sig").splitlines(), delimiter=";")
    assert row[0].startswith('="') and row[0].endswith('"') and read(written([(key, "", key)])) == [Line(2, key, key)]


def test_a_quotation_mark_that_nobody_closes_swallows_no_line() -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        read(b'key;name;remote\nA;"x;1\nB;;2\nC;;3\n')
