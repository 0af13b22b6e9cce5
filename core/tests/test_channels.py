"""Which row of channels an order takes, and that nothing goes to the ERP without what it requires."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest
from core.tests.orders_made import MAPPING, order

from engate.domain.channels import row_for, with_fields, wrong
from engate.domain.mapping import ChannelRow, PairMapping
from engate.domain.reasons import Reason
from engate.domain.splitting import split
from engate.errors import Invalid
from engate.model import Buyer, OrderPart
from engate.settings import field
from engate.text import Text

SHOPPER = Buyer("Ana", "39053344705")
FIRM = Buyer("Loja", "11222333000181", company=True, company_name="Loja Ltda", state_inscription="111.222.333.444")
ROWS = {
    "own, contributors": ChannelRow({"n": 1}, "b2b", "contributor"),
    "own, all": ChannelRow({"n": 2}, "b2b"),
    "every, contributors": ChannelRow({"n": 3}, "", "contributor"),
    "every, all": ChannelRow({"n": 4}),
}
"""From the most specific on."""


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    nature: Annotated[str, field("Natureza de operação", "Nature of the operation", min_length=1)]
    seller: Annotated[int, field("Vendedor", "Seller", ge=1)] = 1


@pytest.mark.parametrize(
    ("inscription", "pays"),
    [
        ("111.222.333.444", True), ("P-01100424.3/002", True), ("0623079040081", True), ("", False), ("ISENTO", False), (" isento ", False),
        ("Isenta", False), ("ISENTO 123", False), ("-", False), ("0", False), ("000.000.000", False), ("NÃO CONTRIBUINTE", False),
    ],
)  # fmt: skip
def test_who_has_a_state_inscription_pays_icms_and_nobody_else(inscription: str, pays: bool) -> None:
    """A rural producer may be a person with a CPF."""
    assert msgspec.structs.replace(FIRM, state_inscription=inscription).contributor is pays
    assert msgspec.structs.replace(SHOPPER, state_inscription=inscription).contributor is pays


@pytest.mark.trap("engine.channel-specific")
@pytest.mark.parametrize(
    ("channel", "buyer", "takes"),
    [
        ("b2b", FIRM, ["own, contributors", "own, all", "every, contributors", "every, all"]),
        ("b2b", SHOPPER, ["own, all", "every, all"]),
        ("web", FIRM, ["every, contributors", "every, all"]),
        ("web", SHOPPER, ["every, all"]),
        ("", FIRM, ["every, contributors", "every, all"]),
    ],
)
def test_the_most_specific_row_counts_and_that_one_whole(channel: str, buyer: Buyer, takes: list[str]) -> None:
    """One after the other is taken away: the next one counts, however they are sorted."""
    one = order(channel=channel, buyer=buyer)
    left = dict(ROWS)
    for name in takes:
        for rows in (tuple(left.values()), tuple(reversed(left.values()))):
            assert row_for(one, PairMapping(channels=rows)) == ROWS[name]
        del left[name]
    assert row_for(one, PairMapping(channels=tuple(left.values()))) is None


@pytest.mark.trap("engine.channel-spelling")
@pytest.mark.parametrize(("typed", "told"), [("B2B ", "b2b"), ("b2b", " B2B"), ("Atacado São João", "ATACADO SÃO JOÃO")])
def test_a_channel_is_the_same_however_it_is_typed(typed: str, told: str) -> None:
    row = ChannelRow({"n": 1}, typed)
    assert row_for(order(channel=told), PairMapping(channels=(ChannelRow({"n": 2}), row))) == row


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"nature": "sale"}, []),
        ({"nature": "sale", "seller": 2}, []),
        ({}, ["nature"]),
        ({"seller": 2}, ["nature"]),
        ({"nature": "sale", "selller": 2}, ["selller"]),
        ({"natureza": "sale"}, ["natureza", "nature"]),
        ({"nature": ""}, ["nature"]),
        ({"nature": 1}, ["nature"]),
        ({"nature": "sale", "seller": 0}, ["seller"]),
        ({"nature": "sale", "seller": "2"}, ["seller"]),
    ],
)
def test_what_is_wrong_is_named_by_the_title_of_its_field(given: dict[str, Any], faults: list[str]) -> None:
    found = wrong(given, Asked)
    assert [each.name for each in found] == faults
    titles = {"nature": "Natureza de operação", "seller": "Vendedor"}
    assert all(each.title.pt == titles.get(each.name, each.name) and each.why.pt and each.why.en for each in found)


class Together(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seller: Annotated[int, field("Vendedor", "Seller")] = 1
    fail: str = ""

    def __post_init__(self) -> None:
        if self.fail:
            raise Invalid(Text("Assim não.", "Not so.")) if self.fail == "said" else ValueError("not so")


@pytest.mark.parametrize("fail", ["said", "plain"])
def test_what_a_plugin_holds_against_the_whole_row_is_a_reason_that_names_the_row(fail: str) -> None:
    [fault] = wrong({"fail": fail}, Together)
    assert (fault.name, fault.title.pt) == ("", "a linha") and fault.why.pt in ("Assim não.", "not so")
    found = with_fields(parts(), order(), PairMapping(channels=(ChannelRow({"fail": fail}),)), Together)
    assert isinstance(found, Reason) and "a linha (" in found.text.pt


def parts() -> list[OrderPart]:
    made = split(order(), MAPPING, {"s1": "erp-1"})
    assert not isinstance(made, Reason)
    return made


def test_parts_carry_what_the_row_says() -> None:
    row = ChannelRow({"nature": "sale", "seller": 7})
    made = with_fields(parts(), order(), PairMapping(channels=(row,)), Asked)
    assert not isinstance(made, Reason) and [part.fields for part in made] == [{"nature": "sale", "seller": 7}]
    assert with_fields(parts(), order(), PairMapping(channels=(row,)), None) == parts(), "an ERP that asks for nothing is told nothing"


@pytest.mark.trap("engine.channel-required")
@pytest.mark.parametrize(
    ("rows", "where"),
    [
        ((), "uma linha deste canal"),
        ((ChannelRow({"seller": 2}, "b2b"),), "canal: b2b"),
        ((ChannelRow({"seller": 2}),), "a linha usada (canal: -;"),
    ],
)
def test_without_what_the_erp_requires_no_part_is_made(rows: tuple[ChannelRow, ...], where: str) -> None:
    """In the words of whoever maps: channel, buyer, field, and where to fill it in."""
    found = with_fields(parts(), order(channel="b2b", buyer=FIRM), PairMapping(channels=rows), Asked)
    assert isinstance(found, Reason) and found.code == "mapping.channel" and found.owner == "person"
    assert "'b2b'" in found.text.pt and "contribuinte do ICMS" in found.text.pt and "Natureza de operação" in found.text.pt
    assert "Canais de venda" in found.hint.pt and where in found.hint.pt
