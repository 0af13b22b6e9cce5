"""The traps of the engine itself: what would lose or double an effect, hide the truth or stop a tenant without the guard."""

from __future__ import annotations

from tests.trap import Trap

CORE = "core/engate"

HTTP = "core/tests/test_http.py::"
BOUNDARY, QUARANTINE = "core/tests/test_boundary.py::", "tests/test_quarantine.py::"

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
        "limit = asyncio.timeout(max(0.0, self._deadline - spent.seconds))",
        "limit = asyncio.timeout(self._deadline)",
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
    # ---- what comes back from a plugin ----
    Trap(
        "engine.unknown-hook",
        "A misspelt hook is silently never called: it is named when the plugin is loaded.",
        f"{CORE}/specs.py",
        "    _no_other(connection, {spec.name for spec in mine})",
        "    pass",
        (f"{BOUNDARY}test_a_misspelt_hook_is_named_with_the_one_that_was_meant",),
    ),
    Trap(
        "engine.hook-async",
        "A plain function in the place of a coroutine fails in the first slice, far from its author.",
        f"{CORE}/specs.py",
        "        _fits(connection, spec)",
        "        pass",
        (f"{BOUNDARY}test_a_hook_is_async_and_gives_pages",),
    ),
    Trap(
        "engine.items-checked",
        "One record that a plugin built wrongly was stored, could not be read any more, and stopped its whole kind for ever.",
        f"{CORE}/boundary.py",
        "            good.append(check(item))",
        "            good.append(item)",
        (
            f"{BOUNDARY}test_a_wrong_item_is_told_apart_with_its_field_and_value",
            f"{BOUNDARY}test_whatever_a_plugin_gives_is_readable_afterwards",
        ),
    ),
    Trap(
        "engine.pages-checked",
        "A list in the place of a page, or a cursor that is none, is said with the hook's name and what was expected.",
        f"{CORE}/plugins.py",
        "received = boundary.page(spec.name, spec.answer, page)",
        "received = boundary.Received(page.items, page.cursor, page.watermark)",
        (f"{BOUNDARY}test_what_is_no_page_is_said_with_the_hooks_name",),
    ),
    Trap(
        "engine.answers-checked",
        "An order or an ERP's number of another shape would be stored and never read again.",
        f"{CORE}/plugins.py",
        "return boundary.answer(spec.name, spec.answer, given)",
        "return given",
        (f"{BOUNDARY}test_an_answer_is_what_its_hook_declares",),
    ),
    Trap(
        "engine.errors-attributed",
        "An error that a plugin raises itself belongs to a connection too: without that, health shows an old reason and nothing is said.",
        f"{CORE}/plugins.py",
        "error.connection_id = self._connection_id",
        "pass",
        (
            f"{BOUNDARY}test_an_error_is_attributed_to_the_side_and_the_hook_it_came_from",
            f"{BOUNDARY}test_the_errors_of_single_items_are_attributed_too",
        ),
    ),
    # ---- what cannot be used concerns its own record alone ----
    Trap(
        "engine.quarantine",
        "An item that is wrong is a record that waits with its cause; its last sound document stays, and is not sent meanwhile.",
        f"{CORE}/sync/reading.py",
        "docs = read.docs + quarantine.stand_ins(c, work, kind, read.broken)",
        "docs = read.docs",
        (
            f"{QUARANTINE}test_one_wrong_item_of_a_first_load_waits_alone_and_goes_when_the_plugin_is_mended[sqlite]",
            f"{QUARANTINE}test_the_last_sound_document_stays_and_is_not_sent_while_its_item_is_wrong",
        ),
    ),
    Trap(
        "engine.nameless",
        "An item that does not even say which record it is would be gone without a word.",
        f"{CORE}/sync/reading.py",
        "    quarantine.lost(c, row, read.broken, work.now())\n",
        "",
        (f"{QUARANTINE}test_an_item_that_does_not_say_which_one_it_is_is_told_by_the_run",),
    ),
    Trap(
        "engine.mended-plugin",
        "What was wrong with a plugin's item does not change in the ERP: a delta reading never brings it again after the plugin is mended.",
        f"{CORE}/sync/runner.py",
        "            await self._store.durably(records.read_broken_again)\n",
        "",
        (f"{QUARANTINE}test_a_process_that_starts_reads_again_what_a_plugin_built_wrongly[sqlite]",),
    ),
    Trap(
        "engine.unreadable-claim",
        "One stored document that cannot be read stopped every batch of its kind.",
        f"{CORE}/store/records.py",
        "            readable(row.doc, kind.struct),\n            row.have_doc,",
        "            readable(row.doc, kind.struct) or {}[row.id],\n            row.have_doc,",
        (f"{QUARANTINE}test_a_spoilt_document_stops_no_batch_and_is_read_again[sqlite]",),
    ),
    Trap(
        "engine.unreadable-have",
        "What the storefront last accepted may be unreadable too: then it is simply not known.",
        f"{CORE}/sync/pushing.py",
        "have = readable(row.have_doc, kind.struct) if not row.uncertain else None",
        "have = (readable(row.have_doc, kind.struct) or {}[row.id]) if row.have_doc and not row.uncertain else None",
        (f"{QUARANTINE}test_a_spoilt_document_stops_no_batch_and_is_read_again[sqlite]",),
    ),
    Trap(
        "engine.unreadable-revisit",
        "A document that cannot be read does not keep the others from what a changed option means for them.",
        f"{CORE}/store/records.py",
        "        if doc is None:\n            if row.cause_key",
        "        if doc is None:\n            raise ValueError\n            if row.cause_key",
        (f"{QUARANTINE}test_a_spoilt_document_does_not_stop_what_is_decided_anew",),
    ),
    Trap(
        "engine.unreadable-order",
        "An order whose stored document cannot be read would stand still for ever: the shop still has it.",
        f"{CORE}/sync/lanes.py",
        "    except Unreadable:\n        return await mend_order(work, key)",
        "    except Unreadable:\n        raise",
        (f"{QUARANTINE}test_an_order_whose_document_is_spoilt_is_read_from_the_shop_again[sqlite]",),
    ),
    Trap(
        "engine.broken-event",
        "A feed hands an event out once: one that is built wrongly still says which order it is about.",
        f"{CORE}/sync/events.py",
        "events = page.items + quarantine.events_of(page.broken, work.now())",
        "events = page.items",
        (f"{QUARANTINE}test_an_event_that_is_wrong_still_brings_its_order",),
    ),
    Trap(
        "engine.broken-fulfilment",
        "A listing by change date shows a change once: the watermark must not pass one that could not be taken in.",
        f"{CORE}/sync/fulfilment.py",
        "newest = since if held else ahead",
        "newest = ahead",
        (f"{QUARANTINE}test_what_the_erp_says_of_an_order_is_not_lost_when_it_was_built_wrongly",),
    ),
)
