"""Links as a sheet: one line for each record of the ERP, in whose last column people write the shop's id.

The sheet is CSV as spreadsheets write it: UTF-8 (with or without BOM) or Windows-1252; columns are separated by semicolons, commas or tabs
and named in the first line. Pure: nothing is looked up here.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engate.errors import Invalid
from engate.text import Text

HEAD = ("Código ERP", "Nome", "ID na loja")
KEY, REMOTE = ("código erp", "codigo erp", "erp key", "key"), ("id na loja", "shop id", "remote")
MOST_LINES = 100_000
MOST_KEY = 200
TEXT = re.compile(r'="((?:[^"]|"")*)"')
"""A formula that is a text."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters of cells that a spreadsheet would run as a formula."""


class Line(NamedTuple):
    """`number`: as the spreadsheet counts lines; the first line is the head."""

    number: int
    key: str
    remote: str


def written(lines: Iterable[tuple[str, str, str]]) -> bytes:
    """The sheet of (the ERP's key, name, the shop's id or ""). What a spreadsheet would take for a formula, number or date becomes text."""
    return table(HEAD, ((as_text(key), harmless(name), as_text(remote)) for key, name, remote in lines))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """CSV as a spreadsheet in Portuguese opens it. The cells are written unchanged: see `as_text` and `harmless`."""
    made = io.StringIO()
    writer = csv.writer(made, delimiter=";", lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows(rows)
    return made.getvalue().encode("utf-8-sig")


def harmless(words: str) -> str:
    """A foreign text as a cell that a spreadsheet does not run."""
    return f"'{words}" if words.startswith(FORMULA) else words


def as_text(key: str) -> str:
    """A key as a cell that keeps its zeros, digits and dashes: a formula that is a text."""
    changed = key[:1].isdigit() or key.startswith(FORMULA)
    return '="{}"'.format(key.replace('"', '""')) if changed else key


def read(body: bytes) -> list[Line]:
    """The lines of a sheet. Raises Invalid where it is no such sheet."""
    rows = csv.reader(io.StringIO(_text(body), newline=""), delimiter=_delimiter(body), strict=True)
    try:
        head = [name.strip().casefold() for name in next(rows, list[str]())]
        key, remote = _column(head, KEY), _column(head, REMOTE)
        found = [Line(rows.line_num, _cell(row, key), _cell(row, remote)) for row in rows if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise _unreadable(Text(f"linha {rows.line_num}: {error}", f"line {rows.line_num}: {error}")) from None
    if len(found) > MOST_LINES:
        raise _unreadable(Text(f"mais de {MOST_LINES} linhas", f"more than {MOST_LINES} lines"))
    return found


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def _delimiter(body: bytes) -> str:
    head = body.partition(b"\n")[0]
    return max((";", ",", "\t"), key=lambda each: head.count(each.encode()))


def _column(head: Sequence[str], names: Sequence[str]) -> int:
    for name in names:
        if name in head:
            return head.index(name)
    raise _unreadable(Text(f"falta a coluna '{names[0]}'", f"there is no column '{names[0]}'"))


def _cell(row: Sequence[str], at: int) -> str:
    cell = row[at].strip() if at < len(row) else ""
    text = TEXT.fullmatch(cell)
    return text[1].replace('""', '"').strip() if text is not None else cell


def _unreadable(why: Text) -> Invalid:
    return Invalid(
        Text(f"A planilha não pode ser lida: {why.pt}.", f"The sheet cannot be read: {why.en}."),
        Text(
            f"Baixe a planilha das ligações, preencha a coluna '{HEAD[2]}' e salve como CSV.",
            f"Download the links' sheet, fill in the column '{HEAD[2]}' and save it as CSV.",
        ),
        where="body",
    )
