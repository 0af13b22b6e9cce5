"""The traps of lanes: whose turn it is, and how one tenant, one account or one clock would hold up the others."""

from __future__ import annotations

from tests.trap import Trap

CORE = "core/engate"
LANES = "core/tests/test_lanes.py::"
FAIR = "tests/test_fairness.py::"
RETRY = "tests/test_retry.py::"

TRAPS: tuple[Trap, ...] = (
    Trap(
        "engine.account-share",
        "The integrations of one ERP account hold a part of the slots at most: one that drips would hold them all.",
        f"{CORE}/store/lanes.py",
        ".where(_within(due.c.own, due.c.nth, OF_ACCOUNT))",
        "",
        (f"{LANES}test_one_alone_leaves_half_of_the_slots_free_and_whoever_comes_has_them[sqlite]",),
    ),
    Trap(
        "engine.tenant-share",
        "A tenant of many accounts leaves a part of the slots to the others.",
        f"{CORE}/store/lanes.py",
        "        .where(_within(own, fair.c.turn, OF_TENANT))\n",
        "",
        (f"{LANES}test_a_tenant_of_many_accounts_leaves_a_quarter_free_and_its_accounts_share[sqlite]",),
    ),
    Trap(
        "engine.share-of-one",
        "Who holds nothing may always have one lane: else a full installation would shut out whoever comes.",
        f"{CORE}/store/lanes.py",
        " | ((held == 0) & (nth == 1))",
        "",
        (f"{LANES}test_who_holds_nothing_may_have_the_last_slot[sqlite]",),
    ),
    Trap(
        "engine.held-elsewhere",
        "Lanes that other workers hold count when it is said whose turn it is.",
        f"{CORE}/store/lanes.py",
        ".order_by(lane.c.prio, held + fair.c.turn, lane.c.ready_at)",
        ".order_by(lane.c.prio, fair.c.turn, lane.c.ready_at)",
        (f"{LANES}test_what_other_runners_hold_counts[sqlite]",),
    ),
    Trap(
        "engine.first-of-each",
        "A claim looks at the first lanes of every integration: the oldest of all may all be one tenant's.",
        f"{CORE}/store/lanes.py",
        "where(first.c.integration_id == waiting.c.integration_id, first",
        "where(first",
        (f"{LANES}test_thousands_of_due_orders_of_one_do_not_hide_the_others[sqlite]",),
    ),
    Trap(
        "engine.turn-of-tenants",
        "Turns are counted by tenant: one with many accounts would come before everybody else with each of them.",
        f"{CORE}/store/lanes.py",
        "turn = sa.func.row_number().over(partition_by=due.c.tenant_id, order_by",
        "turn = sa.func.row_number().over(order_by",
        (f"{LANES}test_a_tenant_of_many_accounts_comes_no_more_often[sqlite]",),
    ),
    Trap(
        "engine.order-slots",
        "Some slots serve only orders: the catalogues of many tenants would make every order wait.",
        f"{CORE}/sync/runner.py",
        "for_orders = min(self._order_slots, free)",
        "for_orders = 0",
        (f"{FAIR}test_an_order_enters_though_the_catalogues_of_many_tenants_hold_every_other_slot",),
    ),
    Trap(
        "engine.orders-alone",
        "What is read from an ERP right after its orders hangs with it: in the slots of orders it would keep every order out.",
        f"{CORE}/sync/runner.py",
        "TTL, ORDERS_ALONE, left",
        "TTL, 1, left",
        (f"{FAIR}test_an_order_enters_though_the_catalogues_of_many_tenants_hold_every_other_slot",),
    ),
    Trap(
        "engine.slow-is-shown",
        "A platform that hangs is named while it hangs: nobody waits two minutes for a word.",
        f"{CORE}/sync/runner.py",
        "                await self._show_slow()\n",
        "",
        (f"{FAIR}test_what_hangs_is_named_in_health_while_it_hangs_and_forgotten_when_it_is_well",),
    ),
    Trap(
        "engine.slice-most",
        "A slice that never ends is ended: its slot is needed.",
        f"{CORE}/sync/runner.py",
        "whole = asyncio.timeout(self._delays.slice_most)",
        "whole = asyncio.timeout(None)",
        (f"{FAIR}test_a_push_that_is_ended_in_flight_is_sent_again",),
    ),
    Trap(
        "engine.off-ends-calls",
        "Deactivating ends what is in flight: the slots of a tenant whose platform hangs are free again.",
        f"{CORE}/operations/trigger.py",
        "    ask_to_end(c, id, but=(EVENTS, SAFETY))\n",
        "",
        (f"{FAIR}test_deactivating_ends_calls_in_flight_at_once",),
    ),
    Trap(
        "engine.off-at-once",
        "What a person asks to end ends at once, not at the next heartbeat.",
        f"{CORE}/sync/runner.py",
        "if asked and self._running:",
        "if False:",
        (f"{FAIR}test_deactivating_ends_calls_in_flight_at_once",),
    ),
    Trap(
        "engine.lift",
        "What a person asks for waits for no back-off: `retried: 10` and nothing for a quarter of an hour is no answer.",
        f"{CORE}/operations/trigger.py",
        "    lanes.lift(c, id, unique)\n",
        "",
        (f"{RETRY}test_a_reading_that_backs_off_for_an_hour_goes_when_a_person_asks[resync]",),
    ),
    Trap(
        "engine.lift-records",
        "The records of a flow back off each on its own: a resync is for them too.",
        f"{CORE}/store/pushes.py",
        "c.execute(sa.update(record).where(mine, waits).values(not_before=0, tries=0))",
        "pass",
        (f"{RETRY}test_a_push_that_backs_off_for_an_hour_goes_when_a_person_asks[test]",),
    ),
    Trap(
        "engine.lift-in-hand",
        "A person who asks while the lane is just failing is not forgotten when it backs off.",
        f"{CORE}/store/lanes.py",
        'sa.case((lane.c.tries == 0, 0.0), else_=_param("until"))',
        '_param("until")',
        (f"{LANES}test_a_person_lifts_a_back_off_also_of_a_lane_that_is_just_failing[sqlite]",),
    ),
    Trap(
        "engine.clock-set-back",
        "A clock that was an hour ahead and is set right: nothing would be due for an hour, and no restart would help.",
        f"{CORE}/sync/runner.py",
        "            await self._store.writing(lambda c: clocks.pull_back(c, seconds, now))\n",
        "",
        ("tests/test_clock.py::test_after_the_clock_is_set_right_everything_is_due_again[sqlite-running]",),
    ),
)
