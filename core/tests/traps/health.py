"""The traps of looking after accounts: trouble that is shown, and holds up no more than what it concerns."""

from __future__ import annotations

from tests.trap import Trap

CORE = "core/engate"
PROBE = "tests/test_probe.py::"
HEALTH = "core/tests/test_health.py::"
FORBID = "tests/test_forbidden.py::"

TRAPS: tuple[Trap, ...] = (
    Trap(
        "engine.facts-rebuild",
        "A connection that was built before something was learnt of its account would go by the old facts until the next restart.",
        f"{CORE}/sync/registry.py",
        "(snapshot.sides, snapshot.learned)",
        "(snapshot.sides, 0)",
        (f"{PROBE}test_what_an_account_can_do_follows_from_what_is_learnt_of_it[sqlite]",),
    ),
    Trap(
        "engine.facts-wake",
        "A lane of something that was not offered sleeps until somebody wakes it: a plan that was bought would change nothing.",
        f"{CORE}/sync/lanes.py",
        "    if learned:",
        "    if False:",
        (f"{PROBE}test_what_an_account_can_do_follows_from_what_is_learnt_of_it[sqlite]",),
    ),
    Trap(
        "engine.probe-shows",
        "A right that was taken away shows only when an order needs it, unless somebody looks before.",
        f"{CORE}/sync/probe.py",
        "    await work.store.durably(lambda c: health.met(c, work.claim.id, trouble))",
        "    pass",
        (f"{PROBE}test_a_line_that_fails_is_the_health_until_it_passes",),
    ),
    Trap(
        "engine.probe-installs",
        "A platform takes a subscription away after some failures, and tells nobody.",
        f"{CORE}/sync/probe.py",
        "    checks += await installed(account, work.registry.door_of(row))\n",
        "    checks += []\n",
        (f"{PROBE}test_a_subscription_that_was_lost_is_made_again",),
    ),
    Trap(
        "engine.trouble-stands",
        "A lane that does not get through is not well because another one is.",
        f"{CORE}/store/health.py",
        "if other is not None:",
        "if False:",
        (f"{HEALTH}test_a_connection_is_well_when_its_last_lane_is",),
    ),
    Trap(
        "engine.reauth-stands",
        "Refused credentials stay the word: an outage beside them must not set engate to trying them again.",
        f"{CORE}/store/health.py",
        "shown = (connection.c.id == id) & (connection.c.health != REFUSED)",
        "shown = connection.c.id == id",
        (f"{FORBID}test_refused_credentials_stay_the_word_whatever_else_fails",),
    ),
    Trap(
        "engine.forbidden-flow",
        "A permission that is missing is a person's: the flow says which, and waits minutes.",
        f"{CORE}/sync/failing.py",
        "    if isinstance(error, Forbidden):\n        subject",
        "    if False:\n        subject",
        (f"{FORBID}test_only_the_flow_that_lacks_it_waits_and_it_goes_on_when_a_person_asks[list_prices-fake_erp]",),
    ),
    Trap(
        "engine.forbidden-outlasts-readings",
        "A push that lacks a permission still lacks it after the next reading of its flow.",
        f"{CORE}/store/runs.py",
        "sa.case((flow.c.cause_id.in_(_LACKING), flow.c.cause_id), else_=None)",
        "None",
        (f"{FORBID}test_a_reading_of_the_flow_does_not_hide_what_its_push_lacks",),
    ),
    Trap(
        "engine.forbidden-items",
        "A permission that is missing for single items of a batch is as missing as for the whole.",
        f"{CORE}/sync/pushing.py",
        "for kind_of in (AuthFailed, Forbidden) for error",
        "for kind_of in (AuthFailed,) for error",
        (f"{FORBID}test_single_items_that_are_forbidden_stop_the_push_and_the_others_are_settled",),
    ),
)
