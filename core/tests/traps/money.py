"""The traps of an order's money: what was charged, invoiced and given back, and what nobody explains."""

from __future__ import annotations

from tests.trap import Trap

CORE = "core/engate"

TRAPS: tuple[Trap, ...] = (
    Trap(
        "engine.task-stays",
        "What was paid and nobody invoices must stay a person's task, whatever the order's next steps do.",
        f"{CORE}/store/orders.py",
        '        reason = todo[0].reason(c.execute(_KEY, {"of_id": row.id}).scalar_one()) if todo else reason\n',
        "        reason = reason\n",
        ("tests/test_settlement.py::test_a_cut_that_the_shop_cannot_take_is_a_task_until_the_money_is_back[refused]",),
    ),
    Trap(
        "engine.cut-before-note",
        "A note of less than the shop's order never closes it: what was not attended has to leave the order first.",
        f"{CORE}/domain/next_step.py",
        '    if final and change_is_due(order, part, s):\n        return "change_in_shop"',
        '    if False:\n        return "change_in_shop"',
        ("tests/test_settlement.py::test_what_was_not_attended_leaves_the_shops_order_before_the_note",),
    ),
    Trap(
        "engine.no-note-while-changing",
        "A change and a note that cross leave the shop's order with the wrong total.",
        f"{CORE}/domain/next_step.py",
        'return None if _another_is_changing(order, part) else "invoice"',
        'return "invoice"',
        ("tests/test_settlement.py::test_a_note_of_another_part_waits_for_a_change_that_is_under_way",),
    ),
    Trap(
        "engine.change-stored-first",
        "The shop shows our own change before we know that it is through: it must not be taken for one of the buyer's.",
        f"{CORE}/sync/steps.py",
        "        await work.store.durably(lambda c: orders.update_part(c, part.id, change=pack(wanted), given_back_before=before))",
        "        pass",
        ("tests/test_settlement.py::test_a_note_of_another_part_waits_for_a_change_that_is_under_way",),
    ),
    Trap(
        "engine.changed-in-shop",
        "An order edited in the shop after its import: what the buyer gave up would be shipped all the same.",
        f"{CORE}/domain/next_step.py",
        "    if part.erp_state not in BILLED and settlement.differs(order, part):",
        "    if False:",
        (
            "tests/test_settlement.py::test_a_change_in_the_shop_is_made_in_the_erp",
            "tests/test_settlement.py::test_a_change_that_the_erp_cannot_take_is_attention_with_both_versions",
        ),
    ),
    Trap(
        "engine.above-the-charge",
        "A note of more than the buyer paid is somebody's loss: never silently.",
        f"{CORE}/domain/next_step.py",
        "    if final and notes_go and latest_sent(part) is None and _must_be_asked(order, part, s):",
        "    if False:",
        ("tests/test_settlement.py::test_more_than_was_charged_is_asked_or_borne_and_never_silent",),
    ),
    Trap(
        "engine.taxes-on-top",
        "ST and IPI make a note larger than the charge: that is no difference that anybody owes.",
        f"{CORE}/domain/settlement.py",
        "return value if value < part.doc.total or (above(part, notes) and not bear) else part.doc.total",
        "return value",
        ("tests/test_settlement.py::test_taxes_on_top_of_the_note_are_not_the_buyers",),
    ),
    Trap(
        "engine.charged-before-the-cancellation",
        "A shop's total may fall with the cancellation: the buyer was said to have paid nothing.",
        f"{CORE}/domain/settlement.py",
        "    charged, before = order.charged, order.refunded_before\n",
        "    charged, before = order.doc.total, order.refunded_before\n",
        ("plugins/shopify/tests/test_coupled.py::test_what_a_cancelled_order_had_paid_is_said_though_its_total_is_nothing_now",),
    ),
    Trap(
        "engine.erp-total",
        "An order whose total in the ERP is another than was charged is invoiced wrongly: somebody must see both sums before that.",
        f"{CORE}/sync/orders.py",
        "    task = task or settlement.disagreement(order, situation.options.erp_total_cents)\n",
        "",
        ("tests/test_settlement.py::test_an_erp_order_of_another_total_is_a_task_with_both_sums_until_it_is_put_right",),
    ),
    Trap(
        "engine.erp-total-tolerated",
        "Taxes are rounded by document: a difference of a cent a line is nobody's work.",
        f"{CORE}/domain/settlement.py",
        "> CENT * cents * len(part.doc.items)]",
        "> CENT * cents]",
        ("tests/test_settlement.py::test_what_is_tolerated_counts_by_line[1-0.02-False]",),
    ),
    Trap(
        "engine.erp-total-of-what-was-sent",
        "What the ERP cut is not in its total any more: the notes tell of that, and a second task would have nobody's answer.",
        f"{CORE}/domain/settlement.py",
        "    return not said or said == _units((item.sku, item.quantity) for item in part.doc.items)",
        "    return True",
        ("tests/test_settlement.py::test_an_erp_order_of_another_total_is_a_task_with_both_sums_until_it_is_put_right",),
    ),
)
