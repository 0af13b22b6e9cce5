"""The traps of who did what, and of buyers' data: what nobody could answer for, or would see too much of, without the guard."""

from __future__ import annotations

from tests.trap import Trap

CORE, API = "core/engate", "api/engate_api"
AUDIT = "api/tests/test_audit.py::"

PRIVACY: tuple[Trap, ...] = (
    Trap(
        "engine.audit-line",
        "Somebody changes an account or an integration, and nobody can tell afterwards who it was and what stood there before.",
        f"{API}/changing.py",
        "        audit.keep(c, caller.by, act.done(result), was, now)\n",
        "",
        (f"{AUDIT}test_whatever_a_person_changes_leaves_a_line",),
    ),
    Trap(
        "engine.audit-secret",
        "A trail that shows what was changed from what to what shows passwords too, for two years.",
        f"{CORE}/store/audited.py",
        '{f"secrets.{each.field}": _hidden(each.sealed) for each in sealed}',
        '{f"secrets.{each.field}": str(each.sealed) for each in sealed}',
        (f"{AUDIT}test_a_line_says_from_what_to_what_and_never_a_secret",),
    ),
    Trap(
        "engine.audit-same-transaction",
        "A line that is written beside its change tells of what never was, or says nothing of what is.",
        f"{API}/changing.py",
        "    return await installation.store.writing(go)\n",
        "    result = await installation.store.writing(work)\n    await installation.store.writing(go)\n    return result\n",
        (f"{AUDIT}test_a_change_and_its_line_are_there_together_or_not_at_all",),
    ),
    Trap(
        "engine.audit-purged",
        "Lines that are never forgotten fill the database, and keep what people did for longer than anybody may ask.",
        f"{CORE}/store/audit.py",
        "audit.c.at < now - KEPT",
        "audit.c.at < 0",
        (f"{AUDIT}test_lines_are_forgotten_after_two_years",),
    ),
)
