"""Rows with types: each has its table's columns, in their order."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from engate.store.runs import Reading, Run
from engate.store.tables import reading, run


@pytest.mark.parametrize(("row", "table"), [(Reading, reading), (Run, run)], ids=["reading", "run"])
def test_a_row_has_the_columns_of_its_table(row: Any, table: sa.Table) -> None:
    assert row._fields == tuple(table.columns.keys())
