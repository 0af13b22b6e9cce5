"""The traps of the engine itself: what would lose or double an effect, hide the truth or stop a tenant without the guard."""

from __future__ import annotations

from tests.trap import Trap

CORE, API = "core/engate", "api/engate_api"

ENGINE: tuple[Trap, ...] = (
    # ---- the database's doors, and what people read ----
    Trap(
        "engine.counts-exact",
        "Counts that the database keeps must follow a record that another run takes over, or a run shows records that are not its own.",
        f"{CORE}/store/tables.py",
        "WHEN OLD.run_id IS NOT NEW.run_id BEGIN",
        "WHEN 0 BEGIN",
        ("core/tests/test_counts.py::test_what_is_counted_is_what_there_is[sqlite]",),
    ),
    Trap(
        "engine.views-apart",
        "A few slow views of people would hold all the threads that the lanes read with, and the engine would stand still.",
        f"{CORE}/store/db.py",
        "self._in_thread(self._viewers, self.look, work)",
        "self._in_thread(self._readers, self.look, work)",
        ("core/tests/test_upkeep.py::test_views_keep_neither_lanes_nor_glances_waiting[sqlite]",),
    ),
    Trap(
        "engine.statistics",
        "A planner that knows of no rows reads tables whole that have grown meanwhile.",
        f"{CORE}/store/upkeep.py",
        "if await store.reading(_due):",
        "if False:",
        ("core/tests/test_upkeep.py::test_whoever_keeps_them_notices_by_itself[sqlite]",),
    ),
    Trap(
        "engine.ready-in-time",
        "A database that hangs never answers: whoever asks whether it is there must not wait for it.",
        f"{API}/routes/operations.py",
        'await installation.store.glancing(lambda c: c.execute(sa.text("SELECT 1")), READY_SECONDS)',
        'await installation.store.viewing(lambda c: c.execute(sa.text("SELECT 1")))',
        ("api/tests/test_hangs.py::test_a_database_that_hangs_is_named_within_two_seconds",),
    ),
    Trap(
        "engine.redis-lost",
        "A Redis that hangs would cost every call of a worker its whole timeout.",
        f"{API}/budget.py",
        "self._until = time.monotonic() + LOST_FOR",
        "self._until = 0.0",
        ("api/tests/test_hangs.py::test_work_goes_on_without_a_redis_that_hangs",),
    ),
)
