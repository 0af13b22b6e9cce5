"""The traps of who did what, and of buyers' data: what nobody could answer for, or would see too much of, without the guard."""

from __future__ import annotations

from tests.trap import Trap

CORE, API = "core/engate", "api/engate_api"
AUDIT, BUYERS, STORED = "api/tests/test_audit.py::", "api/tests/test_buyers.py::", "core/tests/test_buyers_store.py::"

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
    Trap(
        "engine.buyer-erased",
        "A buyer who is taken out of the order stays in what finds it, in the words of platforms, in notes and in deliveries.",
        f"{CORE}/store/buyers.py",
        "    c.execute(sa.delete(key_index).where(found, key_index.c.key.not_in(keys)))\n",
        "",
        (f"{BUYERS}test_a_buyer_is_handed_out_and_taken_out_of_every_file",),
    ),
    Trap(
        "engine.buyer-stays-out",
        "A shop tells of an order again long after it is over, with its buyer: who was erased would be back.",
        f"{CORE}/sync/orders.py",
        "    doc = personal.erased(doc) if before is not None and before.erased else doc\n",
        "",
        (f"{BUYERS}test_a_buyer_is_handed_out_and_taken_out_of_every_file",),
    ),
    Trap(
        "engine.buyer-needed-of-late",
        "An order that was placed long ago and invoiced today loses its note and its letters before they are sent.",
        f"{CORE}/store/buyers.py",
        "(row.state not in DONE or row.changed_at > quiet)",
        "row.state not in DONE",
        (f"{STORED}test_what_is_under_way_keeps_its_buyer_however_old_it_is[sqlite-invoiced]",),
    ),
    Trap(
        "engine.buyer-needed",
        "An order that has not arrived still needs its buyer: without one it enters the ERP as nobody's.",
        f"{CORE}/store/buyers.py",
        "    if row.state not in OVER and (row.state not in DONE or row.changed_at > quiet):\n        return False\n",
        "",
        (f"{STORED}test_what_is_under_way_keeps_its_buyer_however_old_it_is[sqlite-in_erp]",),
    ),
    Trap(
        "engine.buyer-kept-so-long",
        "Without an end everybody who ever bought stays in the database, long after anybody may ask for it.",
        f"{CORE}/store/upkeep.py",
        "buyers.old_ones(c, now - kept, after)",
        "buyers.old_ones(c, 0.0, after)",
        (f"{STORED}test_an_order_loses_its_buyer_after_its_time[sqlite]",),
    ),
    Trap(
        "engine.buyer-kept-as-set",
        "A tenant whose ERP keeps the notes must not keep buyers for five years more: what is set has to be what is done.",
        f"{API}/embedded.py",
        "upkeep.keep(store, settings.buyers_kept)",
        "upkeep.keep(store, 1e9)",
        (f"{BUYERS}test_how_long_a_buyer_is_kept_is_a_setting",),
    ),
    Trap(
        "engine.deleted-deliveries",
        "Calls of a shop are kept by its account: they hold its buyers for weeks after the integration was deleted.",
        f"{CORE}/store/config.py",
        "    forget_deliveries(c, row.storefront_id)\n",
        "",
        (f"{BUYERS}test_what_is_deleted_with_its_integration_is_in_no_file",),
    ),
    Trap(
        "engine.deleted-bytes",
        "SQLite leaves what is deleted in its file until the place is needed: whoever has the file reads it.",
        f"{CORE}/store/engines.py",
        '"secure_delete=ON"',
        '"secure_delete=OFF"',
        (f"{BUYERS}test_what_is_deleted_with_its_integration_is_in_no_file",),
    ),
    Trap(
        "engine.deleted-stays",
        "What an older version deleted lies in the file of the new one.",
        f"{CORE}/store/migrate.py",
        "        store.clean(whole=True)\n",
        "        pass\n",
        (f"{STORED}test_an_upgrade_takes_what_was_deleted_before_out_of_the_file",),
    ),
)
