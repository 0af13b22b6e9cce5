"""The traps of the mapping: what would be mapped wrong, twice or not at all without the guard."""

from __future__ import annotations

from tests.trap import Trap

CORE = "core/engate"
PURE = "core/tests/test_channels.py::"
REST = "api/tests/test_mapping.py::"
ENGINE = "tests/test_channels.py::"

TRAPS: tuple[Trap, ...] = (
    Trap(
        "engine.channel-specific",
        "A row for every channel that counts before the channel's own gives its orders another operation's taxes.",
        f"{CORE}/domain/channels.py",
        'for channel in (as_channel(order.channel), "") for who in buyers',
        'for who in buyers for channel in ("", as_channel(order.channel))',
        (f"{PURE}test_the_most_specific_row_counts_and_that_one_whole",),
    ),
    Trap(
        "engine.channel-spelling",
        "People type channels: B2B with a space after it would be no order's channel, and its orders would take the row of all others.",
        f"{CORE}/domain/mapping.py",
        "return channel.strip().casefold()",
        "return channel",
        (f"{PURE}test_a_channel_is_the_same_however_it_is_typed", f"{REST}test_a_channel_stands_in_one_row_however_it_is_typed"),
    ),
    Trap(
        "engine.channel-required",
        "An order that enters the ERP without what it requires of each order is refused there half made, or invoiced wrongly.",
        f"{CORE}/domain/channels.py",
        "    if faults:\n        return _unmapped(order, row, faults)\n",
        "",
        (
            f"{PURE}test_without_what_the_erp_requires_no_part_is_made",
            f"{ENGINE}test_an_order_without_what_the_erp_requires_waits_and_enters_when_it_is_mapped",
        ),
    ),
    Trap(
        "engine.channel-stored",
        "An order that is in the ERP keeps what it entered with: a mapping that was changed for orders to come would change its taxes.",
        f"{CORE}/sync/steps.py",
        "carrier=held.carrier, fields=held.fields",
        "carrier=held.carrier",
        (f"{ENGINE}test_a_later_mapping_does_not_reach_what_is_on_its_way_or_in_the_erp",),
    ),
    Trap(
        "engine.mapped-stored",
        "An order that is in the ERP would change its charge where a row was changed for orders to come and the shop took a line out.",
        f"{CORE}/sync/steps.py",
        "charge=held.charge, terms=held.terms, ",
        "",
        (f"{ENGINE}test_a_later_mapping_does_not_reach_what_is_on_its_way_or_in_the_erp",),
    ),
    Trap(
        "engine.mapped-anew",
        "A mapping that is put right while the ERP does not answer: the order would enter with what was wrong.",
        f"{CORE}/sync/orders.py",
        "(order.cause_id is None and not _unsent(order))",
        "order.cause_id is None",
        (f"{ENGINE}test_a_mapping_put_right_while_the_erp_does_not_answer_counts",),
    ),
    Trap(
        "engine.waiting-holds",
        "An order that waits for its mapping is sold all the same: its last unit would be offered to the next buyer.",
        f"{CORE}/sync/orders.py",
        "by_branch(doc, mapping, skus, branches) if live else {}",
        "by_branch(doc, mapping, skus, branches) if live and not isinstance(made, Reason) else {}",
        (f"{ENGINE}test_an_order_that_waits_for_its_mapping_holds_its_units",),
    ),
    Trap(
        "engine.part-names",
        "Parts of orders that were imported before an upgrade are read after it: a renamed field would lose their charge.",
        f"{CORE}/model/orders.py",
        'charge: str = msgspec.field(name="billing", default="")',
        'charge: str = ""',
        ("core/tests/test_blobs.py::test_parts_are_stored_under_the_names_they_always_had",),
    ),
    Trap(
        "engine.field-exact",
        "A number beyond 2^53 is another one to whoever reads JSON as JavaScript does: a form would save it changed.",
        f"{CORE}/model/orders.py",
        "msgspec.Meta(ge=-(2**53), le=2**53)",
        "msgspec.Meta(ge=-(2**63))",
        (f"{REST}test_a_value_that_no_field_may_hold_is_named",),
    ),
)
