"""Conditions whose value is given when the statement runs.

Statements of the hot path are built once: building one costs more than running it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


def is_(column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    return column == sa.bindparam(name)


def one_of(column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    """The column has one of the values of a collection, bound as one parameter. With a parameter for each value, SQLAlchemy and the
    database would prepare the statement anew for each number of values."""
    return _OneOf(column, sa.bindparam(name, type_=_Values(column.type)))


class _OneOf(FunctionElement[Any]):
    type: Any = sa.types.NULLTYPE  # for a Boolean SQLAlchemy appends "= 1", and SQLite then uses no index
    inherit_cache = True


@compiles(_OneOf, "sqlite")
def _on_sqlite(element: _OneOf, compiler: Any, **how: Any) -> str:
    column, values = (compiler.process(clause, **how) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608  # both are rendered by SQLAlchemy


@compiles(_OneOf, "postgresql")
def _on_postgresql(element: _OneOf, compiler: Any, **how: Any) -> str:
    column, values = (compiler.process(clause, **how) for clause in element.clauses)
    return f"{column} = ANY({values})"


class _Values(sa.types.TypeDecorator[Collection[Any]]):
    """JSON on SQLite, an array on PostgreSQL."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, of: Any) -> None:
        super().__init__()
        self.of = of

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        # of a column of 200 characters a cast would cut longer values, which then would be found
        each = sa.Text() if isinstance(self.of, sa.String) else self.of
        stored: Any = sa.Text() if dialect.name == "sqlite" else ARRAY(each)
        return dialect.type_descriptor(stored)

    def process_bind_param(self, value: Collection[Any] | None, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        return msgspec.json.encode(list(value)).decode() if dialect.name == "sqlite" else list(value)
