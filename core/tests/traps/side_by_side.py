"""The traps of two transactions at once: what one of them would lose of the other without the guard."""

from __future__ import annotations

from tests.trap import Trap

CORE = "core/engate"
RECORDS = "core/tests/test_records.py::"
TESTS = "core/tests/test_side_by_side.py::"

TRAPS: tuple[Trap, ...] = (
    Trap(
        "engine.adopted-while-written",
        "What a lane of an archive stores while another integration adopts its orders is not moved and would be deleted with the archive.",
        f"{CORE}/store/archive.py",
        "    c.execute(sa.select(integration.c.id).where(integration.c.id == old).with_for_update())\n    mine =",
        "    mine =",
        (f"{TESTS}test_an_order_and_an_event_that_are_stored_while_an_archive_is_adopted_are_taken_over_too[postgresql]",),
    ),
    Trap(
        "engine.handled-unread",
        "An event with a lower id may be stored after those that were read: handled with them, what it tells is lost.",
        f"{CORE}/store/inbox.py",
        '{"of_ids": ids, "of_at": now}',
        '{"of_ids": range(max(ids) + 1), "of_at": now}',
        (f"{TESTS}test_an_event_that_was_not_seen_yet_is_not_handled_with_the_others[postgresql]",),
    ),
    Trap(
        "engine.through-at-once",
        "After an outage the lanes of two processes get through at once: each sees the other's trouble, and the connection stays degraded.",
        f"{CORE}/store/health.py",
        "    c.execute(sa.select(connection.c.id).where(connection.c.id == row.trouble_of).with_for_update(key_share=True))\n",
        "",
        (f"{TESTS}test_a_connection_is_well_when_its_last_two_lanes_get_through_at_once[postgresql]",),
    ),
    Trap(
        "engine.accepted-elsewhere",
        "A push under way to the old place of a SKU: taken for what the new place holds, the shop's own texts there are overwritten.",
        f"{CORE}/store/moved.py",
        "    return sa.case((record.c.turn_of == ELSEWHERE, None), else_=doc)",
        "    return doc",
        (
            f"{RECORDS}test_what_is_accepted_at_the_old_place_says_nothing_of_the_new_one[sqlite-True-False]",
            f"{RECORDS}test_what_is_accepted_at_the_old_place_says_nothing_of_the_new_one[sqlite-False-False]",
        ),
    ),
    Trap(
        "engine.elsewhere-still",
        "After the SKU's link its product's is corrected too: the push under way is still one to the old place.",
        f"{CORE}/store/moved.py",
        "UNDECIDED = sa.case((record.c.turn_of == ELSEWHERE, record.c.turn_of), else_=None)",
        "UNDECIDED = None",
        (f"{RECORDS}test_what_is_accepted_at_the_old_place_says_nothing_of_the_new_one[sqlite-True-True]",),
    ),
    Trap(
        "engine.second-key-elsewhere",
        "The second key of the old place stands beside the key of the new one: stock goes to the old place for good.",
        f"{CORE}/store/links.py",
        ' & is_(link.c.remote, "b_remote")',
        "",
        (f"{RECORDS}test_what_is_accepted_at_the_old_place_says_nothing_of_the_new_one[sqlite-True-False]",),
    ),
    Trap(
        "engine.retried-while-told",
        "A person retries an order while the ERP says that it was shipped: written from what was read before, that is never told again.",
        f"{CORE}/operations/trigger.py",
        "orders.load(c, id, key, to_change=True)",
        "orders.load(c, id, key)",
        (f"{TESTS}test_what_the_erp_says_while_a_person_retries_an_order_stays[postgresql]",),
    ),
    Trap(
        "engine.renamed-while-told",
        "A SKU is renamed in the open orders while the ERP says something of one: it would be overwritten with what was read before.",
        f"{CORE}/store/renames.py",
        ".order_by(part.c.id).with_for_update()",
        ".order_by(part.c.id)",
        (f"{TESTS}test_what_the_erp_says_while_a_sku_is_renamed_stays[postgresql]",),
    ),
    Trap(
        "engine.closed-while-settled",
        "A person closes a task while its amount changes: it would stay closed with the new amount, which nobody has seen.",
        f"{CORE}/store/tasks.py",
        "_OF_ORDER.with_for_update()  #",
        "_OF_ORDER  #",
        (f"{TESTS}test_a_task_that_a_person_closes_while_its_amount_changes_is_opened_again[postgresql]",),
    ),
    Trap(
        "engine.pending-while-read",
        "An order takes units while a reading decides its SKU's stock: where the shop holds the number read, too much stays on sale.",
        f"{CORE}/sync/reading.py",
        "    if kind.counted and skus:\n",
        "    if kind.counted and skus and work.pair.stock_tells_all:\n",
        ("tests/test_side_by_side.py::test_units_that_an_order_takes_while_stock_is_read_are_not_offered",),
    ),
    Trap(
        "engine.asked-while-scheduled",
        "A person asks for some SKUs while the schedule starts: its reading would take the place of the one that the person asked for.",
        f"{CORE}/sync/reading.py",
        "    runs.lock(c, work.integration_id, flow.name)  #",
        "    pass  #",
        ("tests/test_side_by_side.py::test_what_a_person_asks_for_while_the_schedule_starts_is_read",),
    ),
    Trap(
        "engine.started-at-once",
        "Two runs of a flow that start at once: the first would go on without readings, and a full one would not be made up for.",
        f"{CORE}/store/runs.py",
        "    lock(c, integration_id, asked.flow)\n",
        "",
        (f"{TESTS}test_a_full_run_that_a_smaller_one_supersedes_as_it_starts_stays_due[postgresql]",),
    ),
    Trap(
        "engine.outdated-while-read",
        "A reading waits for a record that is decided by new options, and would overwrite that with what the old ones say.",
        f"{CORE}/sync/reading.py",
        "    work.must_be_current(c)  # last",
        "    # last",
        ("tests/test_side_by_side.py::test_what_was_decided_by_new_options_is_not_decided_by_the_old_ones_again",),
    ),
    Trap(
        "engine.listed-while-linked",
        "A person links a SKU while the shop's list is read: the list, which found it free, would take the place of the person's link.",
        f"{CORE}/store/links.py",
        "    lock(c, integration_id)\n",
        "",
        (f"{TESTS}test_what_a_person_links_while_the_shops_list_is_read_stays_linked[postgresql]",),
    ),
)
