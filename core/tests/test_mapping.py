"""Kinds of mapping are declared once: how rows are found, told apart and checked follows from the schema that the API serves."""

from __future__ import annotations

import msgspec
import pytest

from engate.domain.mapping import KINDS, ChannelRow, PairMapping, PaymentRow, PriceListRow, WarehouseRow, removed, with_row
from engate.domain.options import touched
from engate.settings import json_schema

WHOLE = PairMapping(
    warehouses=(WarehouseRow("1", "main"),),
    payments=(PaymentRow("pix", "PIX", "1"), PaymentRow("", "FREE")),
    price_lists=(PriceListRow("T2", "p2"),),
    channels=(ChannelRow({"n": 1}), ChannelRow({"n": 2}, "a/b", "contributor"), ChannelRow({"n": 3}, "contributor")),
)


def test_every_kind_says_what_its_rows_are() -> None:
    assert list(KINDS) == ["warehouses", "payments", "carriers", "price_lists", "channels"]
    for kind in KINDS.values():
        assert kind.title.pt and kind.title.en != kind.title.pt
        assert {name for names in kind.unique for name in names} <= kind.fields.keys()
        assert all(each.title.pt and each.title.en != each.title.pt for each in kind.fields.values())
    choices = [(each.side, each.choices) for kind in KINDS.values() for each in kind.fields.values() if each.choices]
    assert choices == [
        ("erp", "branches"), ("storefront", "warehouses"), ("storefront", "payments"), ("erp", "charges"), ("erp", "terms"),
        ("storefront", "shippings"), ("erp", "carriers"), ("erp", "price_tables"), ("storefront", "price_lists"),
    ]  # fmt: skip
    shown = json_schema(PairMapping)["$defs"]
    assert shown["PaymentRow"]["properties"]["charge"]["x-choices"] == "charges"
    assert shown["PairMapping"]["properties"]["channels"]["x-unique"] == [["buyers", "channel"]]


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("warehouses", ["1"]),
        ("payments", ["pix", ""]),
        ("price_lists", ["T2"]),
        ("channels", ["all", "contributor/a/b", "all/contributor"]),
    ],
)
def test_a_row_is_found_by_its_key(kind: str, keys: list[str]) -> None:
    rows = getattr(WHOLE, kind)
    assert [KINDS[kind].key_of(row) for row in rows] == keys
    for key, row in zip(keys, rows, strict=True):
        assert KINDS[kind].of_key(key) == {name: getattr(row, name) for name in KINDS[kind].key}
        without = with_row(WHOLE, kind, key, None)
        assert removed(WHOLE, without) == [(kind, key)] and getattr(without, kind) == tuple(each for each in rows if each != row)
        again = with_row(without, kind, key, row)
        assert getattr(again, kind)[-1] == row and removed(WHOLE, again) == removed(again, WHOLE) == []


def test_a_changed_row_touches_the_flows_of_its_kind() -> None:
    other = msgspec.structs.replace(WHOLE, channels=())
    assert touched(PairMapping, WHOLE, other) == {"orders"}
    assert touched(PairMapping, WHOLE, msgspec.structs.replace(WHOLE, price_lists=())) == {"prices"}
    assert touched(PairMapping, WHOLE, msgspec.structs.replace(WHOLE, warehouses=())) == {"warehouses", "stock", "orders"}
    assert touched(PairMapping, WHOLE, WHOLE) == frozenset()
