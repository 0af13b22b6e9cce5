"""Conditions whose value is given when the statement runs.

Statements of the hot path are built once: building one costs more than running it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def is_(column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    return column == sa.bindparam(name)


def one_of(column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    return column.in_(sa.bindparam(name, expanding=True))
