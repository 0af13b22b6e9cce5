"""The traps of the journal of calls: what it would tell, fill or break without the guard."""

from __future__ import annotations

from tests.trap import Trap

CORE = "core/engate"
TOLD = "core/tests/test_calls.py::"
SHOWN = "api/tests/test_calls.py::"
STORED = "core/tests/test_calls_store.py::"

TRAPS: tuple[Trap, ...] = (
    Trap(
        "engine.calls-secret",
        "A platform repeats the password in its refusal, escaped or encoded as it likes: whoever reads the journal reads it.",
        f"{CORE}/transcript.py",
        "        text = without_secrets(hidden.out_of(text))\n",
        "        text = without_secrets(text)\n",
        (f"{TOLD}test_a_secret_is_shown_in_none_of_its_forms",),
    ),
    Trap(
        "engine.calls-credentials",
        "What a plugin makes of its secrets and sends with every call comes back in an answer, and stands in no row of secrets.",
        f"{CORE}/http.py",
        "        self._hide(terms.headers)\n",
        "",
        (f"{TOLD}test_credentials_that_travel_with_every_call_are_shown_nowhere",),
    ),
    Trap(
        "engine.calls-cut",
        "A text that is cut in the midst of a secret shows its beginning: by value it is not found any more.",
        f"{CORE}/transcript.py",
        "        text = text[: max(0, min(MOST, len(text) - hidden.longest))]\n",
        "        text = text[:MOST]\n",
        (f"{TOLD}test_a_secret_at_the_place_of_the_cut_is_not_shown_in_part",),
    ),
    Trap(
        "engine.calls-login",
        "The answer to a login is the session itself, and nobody knows its value yet.",
        f"{CORE}/transcript.py",
        '    quiet = exchange.outcome == "ok" and (about.may_name_buyers or exchange.login)\n',
        '    quiet = exchange.outcome == "ok" and about.may_name_buyers\n',
        (f"{TOLD}test_a_login_is_told_without_what_it_carries_and_its_session_is_never_shown",),
    ),
    Trap(
        "engine.calls-by-value",
        "The secrets of a connection are known where it is built; a journal that is not told of them shows them.",
        f"{CORE}/sync/registry.py",
        "calls=self._calls.of(id, secrets.values())",
        "calls=self._calls.of(id, [])",
        (f"{SHOWN}test_no_secret_and_no_session_is_in_what_is_kept",),
    ),
    Trap(
        "engine.calls-never-fail",
        "A fault in whoever keeps calls fails the call: an order is sent and counts as not sent.",
        f"{CORE}/calls.py",
        "        except Exception as fault:  # a listener's fault must not fail the call\n",
        "        except ZeroDivisionError as fault:\n",
        (f"{TOLD}test_no_call_fails_because_somebody_listens",),
    ),
    Trap(
        "engine.calls-buyers",
        "A list of orders names buyers whom no key of an order finds again when one asks to be erased.",
        f"{CORE}/transcript.py",
        "        return masked(text) if about.may_name_buyers else text\n",
        "        return text\n",
        (f"{TOLD}test_what_may_name_buyers_that_nobody_would_find_is_not_kept_or_masked",),
    ),
    Trap(
        "engine.calls-of-buyers",
        "A buyer who asks to be erased stands in what was said of the order, request and answer, for a week.",
        f"{CORE}/store/buyers.py",
        "    calls.erase(c, row.tenant_id, row.integration_id, row.key)\n",
        "",
        (f"{SHOWN}test_a_buyer_is_in_no_call_any_more_and_was_handed_out_before",),
    ),
    Trap(
        "engine.calls-of-erased",
        "What waits to be written when a buyer is erased is written after it, and nobody erases it again.",
        f"{CORE}/store/calls.py",
        "NOTHING if _place(each) in erased else pack(each.line.said)",
        "pack(each.line.said)",
        (f"{STORED}test_what_is_said_of_an_order_is_gone_with_its_buyer_also_if_it_was_not_written_yet[sqlite]",),
    ),
    Trap(
        "engine.calls-erased-now",
        "While somebody erases a buyer, what was said of the order is written beside it: neither sees the other.",
        f"{CORE}/store/calls.py",
        "        if _place(each) not in busy:\n",
        "        if True:\n",
        (f"{STORED}test_an_order_that_somebody_erases_just_now_is_come_back_to",),
    ),
    Trap(
        "engine.calls-deleted",
        "An integration is deleted with its buyers, and what waits to be written brings them back.",
        f"{CORE}/store/calls.py",
        "if each.connection_id in tenants and (each.line.integration_id or 0) in living]",
        "if each.connection_id in tenants]",
        (f"{STORED}test_what_was_deleted_meanwhile_has_no_calls[sqlite]",),
    ),
    Trap(
        "engine.calls-chosen",
        "A first load makes hundreds of thousands of calls that went well: kept, they cost more than the load.",
        f"{CORE}/sync/calls.py",
        "        if shown >= (EXAMPLES if hook in CATALOGUE else FEW_EXAMPLES):\n",
        "        if False:\n",
        (f"{STORED}test_kept_is_what_did_not_end_well_what_is_about_an_order_and_a_few_examples[sqlite]",),
    ),
    Trap(
        "engine.calls-room",
        "A database that stands still while calls go on fills the memory with what was said.",
        f"{CORE}/sync/calls.py",
        "        if len(self._waiting) >= MOST_WAITING or self._bytes + weight > MOST_BYTES:\n",
        "        if False:\n",
        (f"{STORED}test_what_there_is_no_room_for_is_counted_and_nobody_waits[sqlite]",),
    ),
    Trap(
        "engine.calls-bound",
        "A platform that refuses everything fills the disk within days.",
        f"{CORE}/store/calls.py",
        "    if beyond <= 0:\n",
        "    if True:\n",
        (f"{STORED}test_one_sick_platform_fills_no_disk_and_examples_go_first[sqlite]",),
    ),
    Trap(
        "engine.calls-examples-first",
        "Where there are too many calls, those about orders go, and examples of what went well stay.",
        f"{CORE}/store/calls.py",
        "    for which in (mine & EXAMPLE, mine):\n",
        "    for which in (mine,):\n",
        (f"{STORED}test_one_sick_platform_fills_no_disk_and_examples_go_first[sqlite]",),
    ),
    Trap(
        "engine.calls-purged",
        "What was said stays for ever, and with it what it says of people.",
        f"{CORE}/store/calls.py",
        "call.c.at < before",
        "call.c.at < 0",
        (f"{STORED}test_calls_go_after_their_days[sqlite]",),
    ),
    Trap(
        "engine.calls-stranger",
        "The list of calls of one tenant shows those of all.",
        f"{CORE}/views/calls.py",
        "        mine = call.c.tenant_id == tenant_id\n",
        "        mine = call.c.tenant_id > 0\n",
        (f"{SHOWN}test_what_was_said_of_an_order_is_shown_to_whoever_may_see_it",),
    ),
)
