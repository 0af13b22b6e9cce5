"""The traps of leases: whoever lost a lane has no effect any more, neither outside nor in the database."""

from __future__ import annotations

from tests.trap import Trap

CORE = "core/engate"
GUARDS = "tests/test_guards.py::"
LOST = "tests/test_guards.py::test_who_lost_the_lane_of_an_order_does_nothing_more_outside"
LANES = "core/tests/test_lanes.py::"

TRAPS: tuple[Trap, ...] = (
    Trap(
        "engine.permit",
        "A slice that slept through its lease must not call: somebody else has the lane and may have done the same already.",
        f"{CORE}/sync/work.py",
        "        self.must_have_lease(c)\n        self.must_be_current(c)\n",
        "        pass\n",
        (f"{LOST}[send_invoice]", f"{LOST}[import_cancellation]", f"{GUARDS}test_what_was_decided_by_an_older_configuration_is_not_sent"),
    ),
    *(
        Trap(
            f"engine.permit-{hook.replace('_', '-')}",
            f"The lease is looked at right before `{hook}`, and not only when its answer is stored.",
            f"{CORE}/sync/steps.py",
            f"await {work}.permit()\n{space}await {work}.coupling.{side}.{hook}(",
            f"await {work}.coupling.{side}.{hook}(",
            (f"{LOST}[{hook}]",),
        )
        for hook, work, side, space in (
            ("finish_order", "step.work", "erp", "    "),
            ("import_cancellation", "step.work", "erp", "    "),
            ("send_cancellation", "step.work", "storefront", "        "),
            ("send_cancel_refusal", "step.work", "storefront", "    "),
            ("send_handling", "work", "storefront", "    "),
            ("send_invoice", "work", "storefront", "        "),
            ("send_tracking", "work", "storefront", "        "),
            ("send_delivery", "work", "storefront", "        "),
        )
    ),
    Trap(
        "engine.permit-import-order-change",
        "The lease is looked at right before `import_order_change`, and not only when its answer is stored.",
        f"{CORE}/sync/steps.py",
        "await work.permit()\n    try:\n        await work.coupling.erp.import_order_change(",
        "try:\n        await work.coupling.erp.import_order_change(",
        (f"{LOST}[import_order_change]",),
    ),
    Trap(
        "engine.permit-send-order-change",
        "The lease is looked at right before `send_order_change`, and not only when its answer is stored.",
        f"{CORE}/sync/steps.py",
        "await work.permit()\n    if part.change is None:",
        "if part.change is None:",
        (f"{LOST}[send_order_change]",),
    ),
    Trap(
        "engine.promise-held",
        "An import is promised in the transaction that finds the lane still ours: two who both look and find nothing would both send.",
        f"{CORE}/sync/imports.py",
        "    work.must_have_lease(c)\n    work.must_be_current(c)\n",
        "",
        (f"{LOST}[import_order]",),
    ),
    Trap(
        "engine.promise",
        "Only one can promise an import, whatever both believe to know of it.",
        f"{CORE}/store/orders.py",
        'part.c.erp_key.is_(None), ~part.c.sending, is_(part.c.attempt, "of_attempt"))',
        'sa.bindparam("of_attempt", type_=sa.Integer).is_not(None))',
        ("core/tests/test_orders_store.py::test_an_import_is_promised_once",),
    ),
    Trap(
        "engine.push-held",
        "A batch is claimed only by whoever has the lane: two would send older and newer values across each other.",
        f"{CORE}/sync/pushing.py",
        "    work.must_have_lease(c)\n",
        "",
        (f"{GUARDS}test_who_lost_the_lane_of_a_push_sends_no_further_batch",),
    ),
    Trap(
        "engine.push-doubt",
        "What was accepted after the lane was lost may have been overtaken by somebody else's push: it is not known, and goes again.",
        f"{CORE}/sync/pushing.py",
        "    if not lanes.leased(c, work.claim.id, work.lease):\n",
        "    if False:\n",
        (f"{GUARDS}test_who_lost_the_lane_of_a_push_sends_no_further_batch",),
    ),
    Trap(
        "engine.push-current",
        "A batch is decided by the options of the moment it is claimed, not of when the slice began.",
        f"{CORE}/sync/pushing.py",
        "    work.must_be_current(c)  # now: while this waited for a record, another lane may have decided it by newer rules\n",
        "",
        (f"{GUARDS}test_a_batch_is_decided_by_the_options_of_then",),
    ),
    Trap(
        "engine.page-held",
        "A page read by one who lost the lane may be older than what is stored by now, and no delta reading would mend it.",
        f"{CORE}/sync/reading.py",
        "    work.must_have_lease(c)  # the lane's new holder may have read newer pages\n",
        "",
        (f"{GUARDS}test_who_lost_the_lane_of_a_reading_keeps_no_page_of_it[read/stock]",),
    ),
    Trap(
        "engine.facts-held",
        "The same of what the ERP says of its orders.",
        f"{CORE}/sync/fulfilment.py",
        "    work.must_have_lease(c)  # the lane's new holder may have read newer facts\n",
        "",
        (f"{GUARDS}test_who_lost_the_lane_of_a_reading_keeps_no_page_of_it[read/fulfilment]",),
    ),
    Trap(
        "engine.page-current",
        "A page is decided by the options and mapping of the transaction that keeps it.",
        f"{CORE}/sync/reading.py",
        "    work.must_be_current(c)  # last: while this waited for a record, another lane may have decided it by newer rules\n",
        "",
        (f"{GUARDS}test_a_reading_that_began_before_the_options_changed_is_decided_by_the_new_ones",),
    ),
    Trap(
        "engine.settle-ours",
        "A lane is settled only by whoever holds it: a late one would call work done that somebody else is in the middle of.",
        f"{CORE}/store/lanes.py",
        '_OURS = (lane.c.id == _param("lane", sa.BigInteger)) & (lane.c.lease == _param("mine", sa.String))',
        '_OURS = (lane.c.id == _param("lane", sa.BigInteger)) & (_param("mine", sa.String) != "")',
        (f"{LANES}test_who_lost_the_lease_can_no_longer_settle_and_hears_of_it[sqlite]",),
    ),
    Trap(
        "engine.lost-is-cancelled",
        "A call in flight of a slice that lost its lane is ended at the next heartbeat.",
        f"{CORE}/sync/runner.py",
        "self._cancel(id for id in running if alive.get(id, True) is not False)",
        "self._cancel(id for id in running if alive.get(id, False) is not False)",
        (f"{GUARDS}test_a_call_in_flight_ends_when_its_lane_is_somebody_elses",),
    ),
)
