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
    Trap(
        "engine.short-of-total",
        "A list that ends before the platform's own count: the watermark would move over rows that nobody saw.",
        f"{CORE}/sync/whole.py",
        "if seen.total is not None and seen.entities < seen.total:",
        "if False:",
        ("tests/test_reading.py::test_a_list_that_ends_before_the_erps_own_count_moves_no_watermark",),
    ),
    Trap(
        "engine.short-of-known",
        "An empty first page of a full ERP looks like an ERP with nothing in it.",
        f"{CORE}/sync/whole.py",
        "if row.full and seen.entities * HALF < known and seen.entities != seen.short:",
        "if False:",
        (
            "tests/test_reading.py::test_half_of_what_is_known_is_not_believed_at_once",
            "tests/test_reading.py::test_an_empty_list_of_a_full_erp_is_not_believed_at_once",
        ),
    ),
    Trap(
        "engine.short-fulfilment",
        "A truncated list of the ERP's orders: a note on a lost page would never be sent.",
        f"{CORE}/sync/fulfilment.py",
        "if total is not None and read < total else None",
        "if False else None",
        ("tests/test_reading.py::test_a_truncated_list_of_erp_orders_moves_no_watermark",),
    ),
    Trap(
        "engine.short-outlasts",
        "One list of a run ended too early, the next met an error and went through later: that the first was short must stay said.",
        f"{CORE}/store/runs.py",
        "if is_short(of_id(c, run_id)):",
        "if False:",
        ("tests/test_reading.py::test_a_short_list_is_not_forgotten_when_the_next_one_fails_for_a_while",),
    ),
)
