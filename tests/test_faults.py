"""The short form of `make faults`."""

from __future__ import annotations

import pytest

from tests import faults


@pytest.mark.parametrize("case", [("erp", "dripping"), ("shop", "forbidden")], ids=" ".join)
async def test_a_sick_platform_harms_nobody_else_says_why_and_recovers(sqlite_database: str, case: tuple[str, str]) -> None:
    undisturbed, endured = await faults.run(sqlite_database, faults.PAIRS[0], [case], seed=1, orders=24)
    assert faults.wrong(max(undisturbed, 4.0), endured) == []
    assert all(each.said < faults.SAYS_WITHIN and each.words for each in endured)
