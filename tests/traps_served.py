"""The traps of shops that fetch from us and hand their orders in: see `engate.sync.handing` and `engate.sync.placing`."""

from __future__ import annotations

from tests.trap import Trap

CORE = "core/engate"
SERVED, FETCHES = "tests/test_served.py::", "api/tests/test_served.py::"
PLACES = "api/tests/test_placed.py::"

SHOPS_THAT_FETCH: tuple[Trap, ...] = (
    Trap(
        "engine.served-not-pushed",
        "A shop that fetches its products would get them twice, and the second time in a way that it does not expect.",
        f"{CORE}/sync/pushing.py",
        "    return served.TO_FETCH if is_served else None",
        "    return None",
        (f"{FETCHES}test_what_the_shop_fetches_is_never_pushed_and_waits_in_words",),
    ),
    Trap(
        "engine.served-link",
        "Stock that is pushed waits for a key that nobody will tell: without a cause no person knows that they are to say it.",
        f"{CORE}/sync/pushing.py",
        "    if served.hangs_on_served(work, kind):",
        "    if False:",
        (f"{FETCHES}test_what_the_shop_fetches_is_never_pushed_and_waits_in_words",),
    ),
    Trap(
        "engine.served-durable",
        "What was handed out and is not noted waits for ever, and nobody can say what the shop holds.",
        f"{CORE}/sync/door.py",
        "    await desk.close(given)\n",
        "",
        (f"{FETCHES}test_what_the_shop_fetches_is_never_pushed_and_waits_in_words",),
    ),
    Trap(
        "engine.served-answered",
        "What a refused call would have carried never left: noted as held, it is not handed out again.",
        f"{CORE}/sync/desk.py",
        "        if reply.status >= 400 or not self._used:",
        "        if not self._used:",
        (f"{FETCHES}test_an_answer_that_did_not_go_settles_nothing",),
    ),
    Trap(
        "engine.served-meanwhile",
        "What the ERP changed between the look and the answer is not what was handed out: taken for it, the change never gets there.",
        f"{CORE}/sync/handing.py",
        "untouched = families.as_they_were(c, [each.row for each in self._given.values()])",
        "untouched = set(self._given)",
        (f"{SERVED}test_what_changed_before_the_answer_left_is_not_settled",),
    ),
    Trap(
        "engine.served-since",
        "An answer that was lost on its way is asked for again: what was noted as held with it must be in it once more.",
        f"{CORE}/store/families.py",
        "        return (each.c.answered_at >= since.at) | (differs & (",
        "        return (differs & (",
        (f"{SERVED}test_an_answer_that_was_lost_on_its_way_is_told_again",),
    ),
    Trap(
        "engine.served-fresh",
        "What changed and was never fetched is told whatever the shop's clock says of it.",
        f"{CORE}/store/families.py",
        "fetchable = each.c.kind.in_(since.served) & (each.c.cause_id.is_(None) | (each.c.cause_id == since.fetch))",
        "fetchable = sa.false()",
        (f"{SERVED}test_what_was_never_fetched_is_told_whatever_is_asked_for",),
    ),
    Trap(
        "engine.served-walk",
        "A page that is full ends with its last product: what was looked at after it belongs to the next one.",
        f"{CORE}/sync/handing.py",
        "                chosen, more = chosen[:most], chosen[most - 1]",
        "                chosen = chosen[:most]",
        (f"{SERVED}test_what_a_full_page_has_no_room_for_is_in_the_next_one",),
    ),
    Trap(
        "engine.served-active",
        "An integration that was switched off, or never on, hands out nothing.",
        f"{CORE}/sync/handing.py",
        "        if snapshot is None or not snapshot.active or not snapshot.connected:",
        "        if snapshot is None or not snapshot.connected:",
        (f"{FETCHES}test_nothing_is_handed_out_of_an_inactive_integration_or_of_another_one",),
    ),
    Trap(
        "engine.served-own",
        "Whoever calls one tenant's address must never see another one's catalogue.",
        f"{CORE}/store/config.py",
        "sa.select(integration.c.id).where(integration.c.storefront_id == storefront_id, kept)).scalar()",
        "sa.select(integration.c.id).where(kept)).scalar()",
        (f"{FETCHES}test_nothing_is_handed_out_of_an_inactive_integration_or_of_another_one",),
    ),
    Trap(
        "engine.served-pilot",
        "A pilot is a promise: of a shop that sells already only the listed SKUs are touched, also where it fetches them itself.",
        f"{CORE}/sync/handing.py",
        "if pilots is None or sku.key in pilots]",
        "]",
        (f"{FETCHES}test_a_pilot_hands_out_its_skus_alone",),
    ),
    Trap(
        "engine.contact-verified",
        "A call that says nothing is no sign of life of the shop: its silence would be hidden.",
        f"{CORE}/sync/desk.py",
        "        if reply.status >= 400 or not self._used:",
        "        if reply.status >= 400:",
        (f"{FETCHES}test_the_last_contact_is_that_of_a_call_that_was_answered",),
    ),
    Trap(
        "engine.contact-minute",
        "A shop that calls a hundred times a minute must not cost a hundred commits besides.",
        f"{CORE}/sync/desk.py",
        "        noted = self._contacted_at is not None and self._at < self._contacted_at + CONTACT",
        "        noted = False",
        (f"{FETCHES}test_the_last_contact_is_that_of_a_call_that_was_answered",),
    ),
    Trap(
        "engine.placed-untouched",
        "An order that is handed in has its row before its lane has seen it: taken for what was worked on, it would never enter the ERP.",
        f"{CORE}/sync/orders.py",
        "order.doc if order is not None and not orders.untouched(order) else None",
        "order.doc if order is not None else None",
        (f"{PLACES}test_an_order_that_is_handed_in_has_its_number_at_once_and_enters_once",),
    ),
    Trap(
        "engine.placed-live",
        "An order taken for an integration that never went live lies there while its shop believes that it is being worked on.",
        f"{CORE}/sync/placing.py",
        "if deliveries.hears(each, came) and not each.archived)",
        "if not each.archived)",
        (f"{PLACES}test_nothing_is_taken_before_the_integration_went_live_and_nothing_else_is_known",),
    ),
)
