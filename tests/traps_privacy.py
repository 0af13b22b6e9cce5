"""The traps of who did what, and of buyers' data: what nobody could answer for, or would see too much of, without the guard."""

from __future__ import annotations

from tests.trap import Trap

CORE, API = "core/engate", "api/engate_api"
AUDIT, BUYERS = "api/tests/test_audit.py::", "api/tests/test_buyers.py::"

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
    Trap(
        "engine.buyer-masked",
        "A key that is given to whoever only looks at lists shows them every buyer's document, address and telephone.",
        f"{API}/seen.py",
        '    if RANK[caller.role] >= RANK["operator"]:\n',
        '    if RANK[caller.role] >= RANK["read"]:\n',
        (f"{BUYERS}test_a_key_that_only_reads_sees_no_buyer",),
    ),
    Trap(
        "engine.buyer-in-words",
        "A platform that refuses an order names its buyer: masked fields beside such words hide nothing.",
        f"{CORE}/personal.py",
        "self.pattern.sub(lambda found: self.masks.get(found[0].casefold(), GONE), text) if self.pattern is not None else text",
        "text",
        (f"{BUYERS}test_a_key_that_only_reads_sees_no_buyer",),
    ),
    Trap(
        "engine.buyer-in-address",
        "A CPF in the address of a request stays in the history of browsers and in the logs of every proxy.",
        f"{API}/seen.py",
        "asked is not None and personal.names_somebody(asked)",
        "False",
        (f"{BUYERS}test_a_document_or_an_address_is_asked_for_in_a_body",),
    ),
)
