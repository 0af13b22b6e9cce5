"""The traps of running an installation: what would lose it or hide its state from whoever runs it, without the guard."""

from __future__ import annotations

from tests.trap import Trap

CORE = "core/engate"
TROUBLE = "api/tests/test_trouble.py::"
BACKUP = "api/tests/test_backup.py::"
STARTING = "api/tests/test_starting.py::"
ENDING = "api/tests/test_ending.py::"
LOGS = "tests/test_logs.py::"

TRAPS: tuple[Trap, ...] = (
    Trap(
        "engine.readiness-reasons",
        "What a load would leave to people is not foretold: who goes live finds a thousand items waiting.",
        f"{CORE}/sync/readiness.py",
        "        if reason is not None:\n            first",
        "        if False:\n            first",
        ("api/tests/test_readiness.py::test_what_would_wait_is_counted_with_an_example",),
    ),
    Trap(
        "engine.readiness-weight",
        "SKUs without a weight are found only when the shop refuses them.",
        f"{CORE}/sync/readiness.py",
        "    if light:\n",
        "    if False:\n",
        ("api/tests/test_readiness.py::test_what_would_wait_is_counted_with_an_example",),
    ),
    Trap(
        "engine.readiness-images",
        "A shop that hides what has no image, and nobody who sends any: all is green, and nothing is to be seen.",
        f"{CORE}/sync/readiness.py",
        "    return coupling.hides_without_image and",
        "    return False and",
        ("api/tests/test_readiness.py::test_a_shop_that_hides_what_has_no_image_and_an_erp_that_serves_none",),
    ),
    Trap(
        "engine.key-file-binary",
        "A key file that was overwritten with something else ends the start with a traceback that names neither the file nor the way out.",
        f"{CORE}/secrets.py",
        "    except binascii.Error:\n",
        "    except KeyError:\n",
        (f"{TROUBLE}test_a_key_file_that_holds_no_key_is_named",),
    ),
    Trap(
        "engine.ready-disk",
        "A database on a full disk still answers: /ready says ok while nothing can be stored.",
        f"{CORE}/store/db.py",
        "            self._trouble = (found, time.monotonic())",
        "            pass",
        (f"{TROUBLE}test_a_full_disk_is_told_though_the_database_still_answers",),
    ),
    Trap(
        "engine.no-values-in-errors",
        "An error of the database repeats what was to be stored: buyers' addresses would stand in the log.",
        f"{CORE}/store/engines.py",
        '"hide_parameters": True',
        '"hide_parameters": False',
        (f"{TROUBLE}test_an_error_of_the_database_says_nothing_of_what_was_to_be_stored",),
    ),
    # ---- files ----
    Trap(
        "engine.private-database",
        "SQLite makes its file as the umask says, mostly readable by everybody on the machine: orders and addresses of buyers.",
        f"{CORE}/store/db.py",
        "            private.ensure(file)\n",
        "            pass\n",
        (f"{BACKUP}test_what_is_stored_is_closed_to_others_from_its_first_byte",),
    ),
    Trap(
        "engine.private-key",
        "A key that is closed to others after it was written was open for a moment, and stays so for whoever opened it then.",
        f"{CORE}/private.py",
        "MODE = 0o600",
        "MODE = 0o644",
        (f"{BACKUP}test_what_is_stored_is_closed_to_others_from_its_first_byte",),
    ),
    # ---- backup and restore ----
    Trap(
        "engine.restored-asleep",
        "A copy that was restored to look at something takes the shop's events, imports orders and writes to buyers beside the real one.",
        f"{CORE}/sync/runner.py",
        "        if snapshot.asleep:\n",
        "        if False:\n",
        (f"{BACKUP}test_a_restored_copy_calls_nobody_until_it_is_activated",),
    ),
    Trap(
        "engine.restored-awake",
        "What fell asleep with a restore and is not woken by the activation stays undone for ever.",
        f"{CORE}/operations/trigger.py",
        "    asleep.wake(c, tenant_id, id, now)\n",
        "",
        (f"{BACKUP}test_a_restored_copy_calls_nobody_until_it_is_activated",),
    ),
    # ---- starting, and being there ----
    Trap(
        "engine.worker-forgotten",
        "Each restart is another process: after a month the list of workers is a list of the dead.",
        f"{CORE}/store/upkeep.py",
        "audit.purge, lanes.forget_workers)",
        "audit.purge)",
        (f"{STARTING}test_a_worker_of_yesterday_is_forgotten",),
    ),
    Trap(
        "engine.disk-blames-nobody",
        "A full disk of the database shows as a fault of whatever platform was being read, and support writes to the wrong people.",
        f"{CORE}/sync/failing.py",
        "        if isinstance(self.error, Broken):\n            return None\n",
        "",
        (f"{TROUBLE}test_a_full_disk_is_no_fault_of_a_platform_nor_of_engate",),
    ),
    Trap(
        "engine.services-again",
        "A server that was killed under `engate services` stays away without a word, and every worker waits for it.",
        f"{CORE}/testing/services.py",
        "        keeper.watch(said)\n",
        "        pass\n",
        (f"{STARTING}test_a_server_of_ours_that_ends_by_itself_is_started_again",),
    ),
    # ---- ending ----
    Trap(
        "engine.end-database",
        "A database that hangs keeps the process from ending: its threads wait for an answer that does not come.",
        f"{CORE}/store/db.py",
        "                self._opened.cut()",
        "                pass",
        (f"{ENDING}test_a_process_ends_in_time_though_the_database_hangs",),
    ),
    # ---- the log ----
    Trap(
        "engine.log-bounded",
        "A stranger's path of some kilobytes keeps a pattern busy for minutes, and with it every lane of the process.",
        "core/engate/logs.py",
        'words = words if len(words) <= MOST else f"{words[:MOST]}…"',
        "pass",
        ("tests/test_logs.py::test_what_a_stranger_may_write_without_end_takes_no_time",),
    ),
    Trap(
        "engine.log-masked",
        "A platform repeats what it refuses: buyers' documents, addresses and our own tokens would stand in the log.",
        f"{CORE}/logs.py",
        "            line[name] = masked(value)",
        "            pass",
        (f"{LOGS}test_personal_data_and_secrets_are_masked_in_words_from_elsewhere",),
    ),
    Trap(
        "engine.log-after-commit",
        "A transaction that is rolled back and run again would tell twice what happened once, or never.",
        f"{CORE}/logs.py",
        "    if waiting is None:\n",
        "    if True:\n",
        (f"{LOGS}test_what_was_rolled_back_is_not_told",),
    ),
    Trap(
        "engine.described-as-rest",
        "A sandbox whose description REST refuses is green in every test of its plugin, and the first demo fails.",
        "core/engate/testing/connect.py",
        "    belongs(manifest.settings, (*said.settings, *said.unlimited), said.secrets)\n",
        "",
        ("tests/test_stage.py::test_what_a_sandbox_says_of_a_connection_is_refused_as_rest_refuses_it",),
    ),
    Trap(
        "engine.scopes-conformance",
        "A plugin that is asked branch by branch and lists all of them each time reads everything as often as there are branches.",
        "core/engate/testing/conformance/scopes.py",
        "    _alone(lists, hook)\n",
        "",
        ("tests/test_conformance_catches.py::test_what_is_wrong_by_scope_is_caught",),
    ),
    Trap(
        "engine.login-lost",
        "A login's answer is lost, and the order that was to follow it counts as perhaps sent: it waits for a search.",
        "core/engate/http.py",
        "            raise answers.no_session(error) from None\n",
        "            raise\n",
        ("core/tests/test_http_sessions.py::test_a_login_whose_answer_is_lost_leaves_no_doubt_of_the_call_that_it_was_for",),
    ),
)
