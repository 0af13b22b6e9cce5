"""Lists by id: one row more than asked for shows whether there is a next page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec
import sqlalchemy as sa

T = TypeVar("T")


class Window(msgspec.Struct, frozen=True):
    """`after`: the id that the last page ended with."""

    limit: int = 50
    after: int | None = None


class Rows(msgspec.Struct, Generic[T]):
    """`next`: the id after which the next page begins, None at the end."""

    items: list[T]
    next: int | None = None


def page(
    c: sa.Connection,
    ids: sa.Select[Any],
    rows: sa.Select[Any],
    window: Window,
    *,
    newest_first: bool = False,
) -> Rows[Any]:
    """One page. `ids` selects only the id and columns of its index, so that only the tenant's own rows are read, even beside a large
    tenant. `rows` selects the rows themselves."""
    id: Any = ids.selected_columns[0]
    if window.after is not None:
        ids = ids.where(id < window.after if newest_first else id > window.after)
    found = c.execute(ids.order_by(id.desc() if newest_first else id).limit(window.limit + 1)).scalars().all()
    by_id = {row.id: row for row in c.execute(rows.where(id.in_(found[: window.limit])))} if found else {}
    shown = [by_id[each] for each in found[: window.limit] if each in by_id]
    return Rows(shown, found[window.limit - 1] if len(found) > window.limit else None)


def cut(rows: Sequence[Any], window: Window, show: Callable[[Any], T]) -> Rows[T]:
    """The rows of a page, from a result with one row more if there is a next page."""
    shown = rows[: window.limit]
    return Rows([show(row) for row in shown], shown[-1].id if len(rows) > window.limit else None)


def each(rows: Rows[Any], show: Callable[[Any], T]) -> Rows[T]:
    return Rows([show(row) for row in rows.items], rows.next)


def begins(column: sa.ColumnElement[str], start: str) -> sa.ColumnElement[bool]:
    """The column begins with `start`. Keys are in byte order, so this is one range of the index."""
    return (column >= start) & (column < start + LAST)


LAST = "\U0010ffff"
"""Sorts after every key: it ends the range of keys with the same beginning."""


def instant(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
