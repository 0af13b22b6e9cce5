"""Lists by id: one row more than asked for tells whether there is a next page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec
import sqlalchemy as sa

T = TypeVar("T")


class Window(msgspec.Struct, frozen=True):
    """`after`: the id the last page ended with."""

    limit: int = 50
    after: int | None = None


class Rows(msgspec.Struct, Generic[T]):
    """`next`: the id the next page goes on after, None at the end."""

    items: list[T]
    next: int | None = None


def page(
    c: sa.Connection,
    query: sa.Select[Any],
    id: sa.ColumnElement[int],
    window: Window,
    show: Callable[[Any], T],
    *,
    newest_first: bool = False,
) -> Rows[T]:
    """`query` must select a column labelled or named `id`."""
    if window.after is not None:
        query = query.where(id < window.after if newest_first else id > window.after)
    rows = c.execute(query.order_by(id.desc() if newest_first else id).limit(window.limit + 1)).all()
    return cut(rows, window, show)


def cut(rows: Sequence[Any], window: Window, show: Callable[[Any], T]) -> Rows[T]:
    shown = rows[: window.limit]
    return Rows([show(row) for row in shown], shown[-1].id if len(rows) > window.limit else None)


def instant(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
