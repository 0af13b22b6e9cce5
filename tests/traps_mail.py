"""The traps of letters to buyers: what would be sent twice, never, to whom it should not, or with a password in the open."""

from __future__ import annotations

from tests.trap import Trap

CORE, API = "core/engate", "api/engate_api"
TESTS, TEXTS, REST = "tests/test_mail.py::", "core/tests/test_mails.py::", "api/tests/test_mail.py::"

MAIL: tuple[Trap, ...] = (
    Trap(
        "mail.owed",
        "A letter is owed in the transaction in which the order becomes what it tells of, or a crash right after would swallow it.",
        f"{CORE}/sync/orders.py",
        "        mailing.owe(c, work, order, whole)\n",
        "",
        (f"{TESTS}test_a_buyer_hears_once_of_the_shipping_and_once_of_the_delivery",),
    ),
    Trap(
        "mail.once",
        "An order may come to a state more than once, long after the outbox has forgotten the first letter.",
        f"{CORE}/store/orders.py",
        ".where(column.is_(None)).values({column: sa.bindparam(",
        ".values({column: sa.bindparam(",
        (f"{TESTS}test_an_order_that_comes_to_a_state_again_is_written_of_no_second_time",),
    ),
    Trap(
        "mail.switch",
        "Most shops write to their buyers themselves: engate does not unless it is told to.",
        f"{CORE}/sync/mailing.py",
        " or not mails.wanted(work.snapshot.options, what):\n        return\n",
        ":\n        return\n",
        (f"{TESTS}test_a_switch_that_is_off_sends_nothing",),
    ),
    Trap(
        "mail.off-meanwhile",
        "A letter that could not go for days must not go after somebody has switched it off.",
        f"{CORE}/sync/mailing.py",
        "if order is None or not mails.wanted(snapshot.options, what):",
        "if order is None:",
        (f"{TESTS}test_what_was_switched_off_before_it_went_is_not_sent",),
    ),
    Trap(
        "mail.same-id",
        "A server may take a letter and die before it says so: the second one has the same id, by which mail systems drop it.",
        f"{CORE}/sync/mailing.py",
        'id = mailman.vault.name(f"mail/{snapshot.id}/{what}/{order.key}")',
        'id = mailman.vault.name(f"mail/{snapshot.id}/{what}/{order.key}/{row.tries}")',
        (f"{TESTS}test_one_that_was_taken_without_an_answer_goes_again_as_the_same_letter",),
    ),
    Trap(
        "mail.shown",
        "A server that takes nothing would be known only after three days.",
        f"{CORE}/sync/telling.py",
        "    cause_id = _cause(c, post, shown) if shown is not None else None\n",
        "    cause_id = None\n",
        (f"{TESTS}test_a_server_that_takes_nothing_is_said_and_tried_again",),
    ),
    Trap(
        "mail.address",
        "An address that does not exist would be tried for three days, which costs the sender its good name.",
        f"{CORE}/smtp.py",
        "    if code >= 500 and BAD_ADDRESS in words[:20]:",
        "    if False:",
        (f"{TESTS}test_an_address_that_does_not_exist_is_tried_once_and_said",),
    ),
    Trap(
        "mail.no-further-login",
        "A login that was refused and is tried for every letter locks the account.",
        f"{CORE}/sync/mailing.py",
        "    if kept.refused is not None:",
        "    if False:",
        (f"{TESTS}test_a_login_that_is_refused_waits_for_a_person_and_is_not_tried_again",),
    ),
    Trap(
        "mail.trusted",
        "Who stands between would be told the password and every buyer's address.",
        f"{CORE}/smtp.py",
        "                timeout=TIMEOUT,\n",
        "                timeout=TIMEOUT,\n                validate_certs=False,\n",
        (f"{TESTS}test_a_server_that_nobody_vouches_for_is_told_nothing",),
    ),
    Trap(
        "mail.one-line",
        "A line break in a buyer's name or an order's number would begin another header: another recipient.",
        f"{CORE}/smtp.py",
        'return " ".join("".join(c if c.isprintable() else " " for c in text).split())',
        "return text",
        (f"{TEXTS}test_what_a_buyer_typed_begins_no_other_header",),
    ),
    Trap(
        "mail.password-stays",
        "Whoever may change the server's address but does not know the password would have it sent to their own.",
        f"{API}/routes/mail.py",
        "    if moved and before.server.password:",
        "    if False:",
        (f"{REST}test_a_stored_password_does_not_follow_to_another_address",),
    ),
    Trap(
        "mail.go-on",
        "Letters that waited for the server would wait on after it was mended, until somebody finds their cause.",
        f"{API}/routes/mail.py",
        "    await _go_on(installation, caller)\n    return shown(kept)",
        "    return shown(kept)",
        (f"{REST}test_letters_that_waited_for_the_server_go_when_it_is_mended",),
    ),
)
