"""The traps of the engine itself: what would lose or double an effect, hide the truth or stop a tenant without the guard."""

from __future__ import annotations

from tests.trap import Trap

CORE = "core/engate"

HTTP = "core/tests/test_http.py::"

ENGINE: tuple[Trap, ...] = (
    # ---- calls ----
    Trap(
        "engine.forbidden",
        "A 403 is no lost session: one missing permission must neither cost a login nor stop everything else of the connection.",
        f"{CORE}/answers.py",
        "if status == 403:",
        "if False:",
        (f"{HTTP}test_a_permission_that_is_missing_is_named_and_costs_no_login",),
    ),
    Trap(
        "engine.session-taken",
        "Two systems that share a user end each other's sessions: after a login that succeeded, a 401 is not the credentials' fault.",
        f"{CORE}/http.py",
        "if renewals > 1 and (attempt >= ATTEMPTS or spent.seconds >= self._deadline):",
        "if renewals > 1:\n                    raise answers.refused(call, response.status)\n                if False:",
        (
            f"{HTTP}test_a_session_that_somebody_else_ends_again_and_again_is_not_the_credentials_fault",
            f"{HTTP}test_a_call_goes_through_as_soon_as_its_session_lasts",
        ),
    ),
    Trap(
        "engine.deadline",
        "A platform that sends a byte every few seconds keeps every timeout from striking, and holds the slots of everybody else.",
        f"{CORE}/http.py",
        "limit = asyncio.timeout(max(0.0, self._deadline - spent.seconds))",
        "limit = asyncio.timeout(None)",
        (f"{HTTP}test_an_answer_that_drips_ends_at_the_deadline",),
    ),
    Trap(
        "engine.deadline-of-attempts",
        "The deadline is of the call: five attempts that each use it up would take five times as long.",
        f"{CORE}/http.py",
        "again = error.code not in FINAL and attempt < ATTEMPTS and spent.seconds < self._deadline",
        "again = error.code not in FINAL and attempt < ATTEMPTS",
        (f"{HTTP}test_the_deadline_is_of_all_attempts_together",),
    ),
    Trap(
        "engine.most-bytes",
        "An answer of 4 GB, or a few MB that unpack to as much, takes the memory of the whole installation.",
        f"{CORE}/bodies.py",
        "            if size > most:",
        "            if False:",
        (f"{HTTP}test_an_answer_without_end_is_left_early_and_fills_no_memory",),
    ),
    Trap(
        "engine.origin",
        "A path may come from a setting: one that leads to another host would send the credentials there.",
        f"{CORE}/http.py",
        "        if wrong is not None:\n            raise _elsewhere(wrong)",
        "        if False:\n            raise _elsewhere(wrong)",
        (f"{HTTP}test_a_path_never_leads_to_another_address",),
    ),
    Trap(
        "engine.base-address",
        "An address is http or https and names a host, without a user and password that would show in every message.",
        f"{CORE}/http.py",
        '        if wrong is not None:\n            raise Invalid(wrong, Text("Corrija',
        '        if False:\n            raise Invalid(wrong, Text("Corrija',
        (f"{HTTP}test_an_address_that_is_none_is_refused",),
    ),
    Trap(
        "engine.settings-address",
        "A wrong address is told to whoever saves it, not to the lanes a minute later.",
        f"{CORE}/settings.py",
        "wrong = wrong_base(address) if address else None",
        "wrong = None",
        ("core/tests/test_secrets.py::test_an_address_is_http_and_names_a_host",),
    ),
    Trap(
        "engine.judge",
        "Platforms that answer everything with 200 say inside it that the session is dead or the rate is reached.",
        f"{CORE}/http.py",
        "if said is not None:",
        "if False:",
        (
            f"{HTTP}test_a_session_that_dies_inside_an_answer_is_renewed_and_the_call_goes_again",
            f"{HTTP}test_throttling_inside_an_answer_stops_the_group",
        ),
    ),
    Trap(
        "engine.judge-broke",
        "An answer that the plugin cannot read does not say that nothing was done: sent again, an order would be there twice.",
        f"{CORE}/http.py",
        'return answers.doubt(call, f"{response.status}, {type(error).__name__}")',
        "raise",
        (f"{HTTP}test_a_judge_that_cannot_read_an_answer_leaves_a_doubt_and_never_a_second_order",),
    ),
    Trap(
        "engine.batch-stops",
        "A permission that is missing for one item is missing for all: 250 more calls would only be refused too.",
        f"{CORE}/model/common.py",
        "except (AuthFailed, Forbidden) as error:",
        "except AuthFailed as error:",
        ("core/tests/test_batch.py::test_what_every_item_would_meet_is_met_once",),
    ),
)
