"""Links that people import as a sheet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

import msgspec
import sqlalchemy as sa

from engate.domain.sheet import MOST_KEY, Line
from engate.operations import trigger
from engate.store import links
from engate.store.rows import RecordSet
from engate.store.tables import link, record
from engate.text import Text

T = TypeVar("T")
AT_ONCE = 500
SHEETS = ("product", "sku")
"""Kinds whose records people link one by one, each to one thing only."""


class Wrong(msgspec.Struct):
    """A line that was left out, and why."""

    line: int
    key: str
    remote: str
    text: Text


class Looked(NamedTuple):
    """`ready`: lines to be linked; `empty`: lines without an id of the shop."""

    ready: list[Line]
    unchanged: int
    empty: int
    wrong: list[Wrong]


def look(c: sa.Connection, of: RecordSet, lines: Sequence[Line], form: str = "") -> Looked:
    """Checks a sheet. A key counts once, an id of the shop can be linked to one record only, and a record with another link keeps it.
    `form`: what the shop's ids look like (`Storefront.id_form`)."""
    filled = [line for line in lines if line.remote]
    wrong = [_wrong(line, UNPRINTABLE) for line in filled if not (line.key + line.remote).isprintable()]  # a database cannot store a NUL
    filled = [line for line in filled if (line.key + line.remote).isprintable()]
    known = _known(c, of, [line.key for line in filled])
    taken = _taken(c, of, [line.remote for line in filled])
    keys, remotes = dict[str, Line](), dict[str, Line]()
    looked = Looked([], 0, len(lines) - len(filled) - len(wrong), wrong)
    unchanged = 0
    for line in filled:
        why = _why_not(line, known, taken, (keys.get(line.key), remotes.get(line.remote)))
        why = why or (no_id(line.remote) if not has_form(line.remote, form) else None)
        if why is not None:
            looked.wrong.append(_wrong(line, why))
            continue
        keys[line.key] = remotes[line.remote] = line
        if known[line.key] == line.remote:
            unchanged += 1
        else:
            looked.ready.append(line)
    return looked._replace(unchanged=unchanged)


def has_form(remote: str, form: str) -> bool:
    return not form or re.fullmatch(form, remote, re.ASCII) is not None


def no_id(remote: str) -> Text:
    return Text(f"'{remote[:MOST_KEY]}' não é um ID desta loja.", f"'{remote[:MOST_KEY]}' is no id of this shop.")


UNPRINTABLE = Text("Há um caractere que não se imprime.", "There is a character that cannot be printed.")


def _wrong(line: Line, why: Text) -> Wrong:
    return Wrong(line.number, line.key[:MOST_KEY], line.remote[:MOST_KEY], why)


def _why_not(line: Line, known: dict[str, str], taken: dict[str, str], before: tuple[Line | None, Line | None]) -> Text | None:
    same_key, same_remote = before
    if max(len(line.key), len(line.remote)) > MOST_KEY:
        return Text(f"Mais de {MOST_KEY} caracteres.", f"More than {MOST_KEY} characters.")
    if line.key not in known:
        return Text(f"O ERP não tem '{line.key}'.", f"The ERP has no '{line.key}'.")
    if same_key is not None:
        return Text(f"'{line.key}' já está na linha {same_key.number}.", f"'{line.key}' stands in line {same_key.number} already.")
    if same_remote is not None:
        return Text(
            f"O ID '{line.remote}' já está na linha {same_remote.number}, para '{same_remote.key}'.",
            f"The id '{line.remote}' stands in line {same_remote.number} already, for '{same_remote.key}'.",
        )
    other = taken.get(line.remote, line.key)
    if other != line.key:
        return Text(
            f"O ID '{line.remote}' já está ligado a '{other}'; desfaça aquela ligação antes.",
            f"The id '{line.remote}' is linked to '{other}' already; delete that link first.",
        )
    return None


def _known(c: sa.Connection, of: RecordSet, keys: Sequence[str]) -> dict[str, str]:
    """Those of these keys that the ERP has, each with its link or ""."""
    both = (link.c.integration_id == record.c.integration_id) & (link.c.kind == record.c.kind) & (link.c.key == record.c.key)
    mine = (record.c.integration_id == of.integration_id) & (record.c.kind == of.kind)
    asked = sa.select(record.c.key, link.c.remote).select_from(record.outerjoin(link, both)).where(mine)
    return {row.key: row.remote or "" for some in pieces(keys) for row in c.execute(asked.where(record.c.key.in_(some)))}


def _taken(c: sa.Connection, of: RecordSet, remotes: Sequence[str]) -> dict[str, str]:
    mine = (link.c.integration_id == of.integration_id) & (link.c.kind == of.kind)
    asked = sa.select(link.c.key, link.c.remote).where(mine)
    return {row.remote: row.key for some in pieces(remotes) for row in c.execute(asked.where(link.c.remote.in_(some)))}


def link_all(c: sa.Connection, of: RecordSet, lines: Sequence[Line], now: float) -> list[Wrong]:
    """Links at most 500 lines of a checked sheet. Returns the lines left out, because somebody has linked them otherwise since."""
    links.lock(c, of.integration_id)
    looked = look(c, of, lines)
    if looked.ready:
        trigger.links_said(c, of, [(line.key, line.remote) for line in looked.ready], now)
    return looked.wrong


def pieces(all_: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(all_), AT_ONCE):
        yield all_[start : start + AT_ONCE]
