"""Traps of the hot path's statements. Each guard is one exact text of the code, so that a mutant can take it out."""

from __future__ import annotations

from tests.trap import Trap

TESTS = "core/tests/test_statements.py::"

TRAPS = (
    Trap(
        "engine.values-by-index",
        'Of a condition that it takes for a boolean, SQLAlchemy writes "= 1" behind it: SQLite then reads whole tables for each page.',
        "core/engate/store/conditions.py",
        "    type: Any = sa.types.NULLTYPE",
        "    type: Any = sa.Boolean()",
        (f"{TESTS}test_the_index_is_used[sqlite-keys]",),
    ),
)
