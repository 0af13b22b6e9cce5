"""The traps of operations that outlast a call: a storefront takes a batch, gives a ticket and tells the outcome later."""

from __future__ import annotations

from tests.trap import Trap

CORE = "core/engate"
OPERATIONS = "tests/test_operations.py::"

TRAPS: tuple[Trap, ...] = (
    Trap(
        "engine.operation-kept",
        "A ticket that is not stored before its records can be claimed again is submitted a second time.",
        f"{CORE}/sync/pushing.py",
        "    if told.rest is None:",
        "    if False:",
        (f"{OPERATIONS}test_a_load_as_one_operation_settles_line_by_line",),
    ),
    Trap(
        "engine.operation-rest",
        "An operation that is over and said nothing of a line leaves a doubt: nobody waits for that line for ever.",
        f"{CORE}/sync/operations.py",
        "told = told._replace(rest=NOBODY_SAID)",
        "pass",
        (f"{OPERATIONS}test_each_line_has_its_own_outcome_and_what_is_not_told_is_unknown",),
    ),
    Trap(
        "engine.operation-claims",
        "While an operation lives its records are not sent again, however long it takes and whatever is wished meanwhile.",
        f"{CORE}/store/pushes.py",
        "free = record.c.cause_id.is_(None) & record.c.operation_id.is_(None)",
        "free = record.c.cause_id.is_(None)",
        (f"{OPERATIONS}test_a_wish_that_changes_meanwhile_waits_until_the_operation_is_over",),
    ),
    Trap(
        "engine.operation-beside",
        "While an operation of a kind lives, what comes next goes by calls, a few at a time: the price of today does not wait for a load.",
        f"{CORE}/sync/pushing.py",
        "may_defer = not operations.any_open(c, work.integration_id, kind)",
        "may_defer = True",
        (f"{OPERATIONS}test_what_comes_beside_a_load_goes_by_calls_of_its_own",),
    ),
    Trap(
        "engine.operation-bulk",
        "A load in batches as large as a call takes is a hundred operations, of which a storefront runs few at a time.",
        f"{CORE}/sync/pushing.py",
        "return Room(self.bulk, self.bulk, self.bulk) if may_defer and self.bulk else self",
        "return self",
        (f"{OPERATIONS}test_what_comes_beside_a_load_goes_by_calls_of_its_own",),
    ),
    Trap(
        "engine.operation-gathers",
        "What is new is many times dearer by calls beside a load than in the next one, and nobody waits for it as for a price.",
        f"{CORE}/sync/pushing.py",
        "beside = room.bulk > 0 and not may_defer",
        "beside = False",
        (f"{OPERATIONS}test_what_is_new_waits_for_the_next_operation",),
    ),
    Trap(
        "engine.operation-endless",
        "An operation that never ends would keep its records from every change for ever.",
        f"{CORE}/sync/operations.py",
        "if work.now() >= found.until or not told.batch.items:",
        "if not told.batch.items:",
        (f"{OPERATIONS}test_an_operation_that_never_ends_is_given_up_in_words",),
    ),
    Trap(
        "engine.operation-held",
        "Who lost the lane of an operation stores nothing of its answer: somebody else asks, and may have stored it already.",
        f"{CORE}/sync/operations.py",
        "if not lanes.leased(c, work.claim.id, work.lease):",
        "if False:",
        (f"{OPERATIONS}test_who_lost_the_lane_of_an_operation_stores_nothing_of_its_answer",),
    ),
    Trap(
        "engine.operation-asked-held",
        "Who lost the lane of an operation does not call the storefront for it any more.",
        f"{CORE}/sync/operations.py",
        "await work.store.durably(work.must_have_lease)",
        "pass",
        (f"{OPERATIONS}test_who_lost_the_lane_of_an_operation_does_not_even_ask",),
    ),
    Trap(
        "engine.operation-unchecked",
        "A plugin that defers a push and cannot be asked for it would keep its records under way for a day.",
        f"{CORE}/sync/pushing.py",
        "deferred = batch.ticket is not None and fault is None",
        "deferred = batch.ticket is not None",
        (f"{OPERATIONS}test_a_plugin_that_defers_what_it_cannot_ask_for_leaves_a_doubt",),
    ),
    Trap(
        "engine.operation-after-failure",
        "What a push hook meets after it handed over its ticket does not undo the submission.",
        f"{CORE}/sync/pushing.py",
        "None if deferred else fault",
        "None if deferred and failure is None else fault",
        (f"{OPERATIONS}test_a_ticket_counts_even_if_the_push_fails_after_it",),
    ),
    Trap(
        "engine.operation-not-yet",
        "An operation that began is an answer: what was left of its batch must not wait as behind a plugin that comes to nothing.",
        f"{CORE}/sync/settling.py",
        "heard = told.rest is None or any(",
        "heard = any(",
        ("tests/test_operations.py::test_what_was_too_much_for_an_operation_goes_when_it_is_over",),
    ),
)
