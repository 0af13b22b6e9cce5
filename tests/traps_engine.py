"""The traps of the engine itself: what would lose or double an effect, hide the truth or stop a tenant without the guard."""

from __future__ import annotations

from tests.trap import Trap

CORE = "core/engate"

ENGINE: tuple[Trap, ...] = (
    Trap(
        "engine.same-number",
        "An ERP writes the same number as 5 today and 5.0 tomorrow: nothing changed, and nothing is written.",
        f"{CORE}/store/records.py",
        "if old.doc != blob and unpack(old.doc, KINDS[kind].struct) != row.doc:",
        "if old.doc != blob:",
        ("core/tests/test_records.py::test_the_same_number_written_otherwise_writes_nothing",),
    ),
    Trap(
        "engine.exact-units",
        "SQLite makes a float of a decimal: pending units would drift by what it cannot hold.",
        f"{CORE}/store/tables.py",
        'sa.String(40) if dialect.name == "sqlite" else',
        'sa.Float() if dialect.name == "sqlite" else',
        ("core/tests/test_records.py::test_pending_units_are_kept_exactly",),
    ),
)
