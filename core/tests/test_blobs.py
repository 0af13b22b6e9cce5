"""Stored documents and digests."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from core.tests.orders_made import order
from hypothesis import given
from hypothesis import strategies as st

from engate.domain.digests import digest
from engate.model import Order, OrderPart, PartItem, Price, Product, Sku
from engate.model.common import Problem
from engate.store.blobs import Unreadable, pack, readable, unpack
from engate.text import Text

texts = st.text(max_size=600)
money = st.decimals(0, 10**6, places=4, allow_nan=False)


@given(texts, texts, st.booleans(), st.none() | texts)
def test_what_is_packed_comes_back(key: str, description: str, active: bool, category: str | None) -> None:
    doc = Product(key, "n", description, category, active=active)
    assert unpack(pack(doc), Product) == doc


def test_long_documents_are_compressed_and_old_ones_still_read() -> None:
    doc = Product("1", "n", "texto " * 500)
    assert len(pack(doc)) < 300
    assert unpack(b"\0" + msgspec.msgpack.encode(doc), Product) == doc


def test_a_field_that_the_model_got_later_reads_as_its_default() -> None:
    assert unpack(b"\0" + msgspec.msgpack.encode({"key": "1", "name": "n"}), Product) == Product("1", "n")


class PartBefore(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part as releases before this one stored it."""

    reference: str
    order: Order
    branch: str
    items: tuple[PartItem, ...]
    freight: Decimal
    discount: Decimal
    interest: Decimal
    total: Decimal
    billing: str = ""
    plan: str = ""
    carrier: str = ""
    attempt: int = 0


@pytest.mark.trap("engine.part-names")
def test_parts_are_stored_under_the_names_they_always_had() -> None:
    """An order that was imported before an upgrade is still followed after it."""
    no, some = Decimal(0), Decimal(4)
    old = PartBefore("o1", order(), "1", (PartItem("1", "p", Decimal(1), some),), no, no, no, some, "PIX", "3", "501", 2)
    new = unpack(pack(old), OrderPart)
    assert (new.charge, new.terms, new.carrier, new.attempt, new.fields) == ("PIX", "3", "501", 2, {})
    assert unpack(pack(new), PartBefore) == old
    asked = msgspec.structs.replace(new, fields={"nature": "sale", "seller": 7, "direct": True})
    assert unpack(pack(asked), OrderPart) == asked


@pytest.mark.parametrize(
    "blob",
    [
        b"", b"\0", b"\1", b"\7what", b"\1not zlib", pack(Product("1", "n", "texto " * 500))[:-9], pack({"key": 7, "name": "n"}),
        pack({"key": "7"}), pack([]), pack(Price("k", "s", Decimal(1))), b"\0" + msgspec.msgpack.encode({"key": b"\xff", "name": "n"}),
        b"\0\x82\xa3key\xa1\xff\xa4name\xa1n",
    ],
)  # fmt: skip
def test_a_document_that_cannot_be_read_has_a_name(blob: bytes) -> None:
    """Whatever is wrong with the bytes: those who meet it leave out one record and go on."""
    with pytest.raises(Unreadable):
        unpack(blob, Product)
    assert readable(blob, Product) is None
    assert readable(None, Product) is None


@given(money, st.integers(0, 6))
def test_the_scale_of_a_decimal_means_nothing(value: Decimal, zeros: int) -> None:
    other = value.quantize(Decimal(1).scaleb(-(4 + zeros)))
    assert digest(Price("k", "s", value), {}) == digest(Price("k", "s", other), {})


def test_problems_and_new_fields_at_their_default_do_not_count() -> None:
    problem = Problem("p", Text("a", "a"), Text("b", "b"))
    assert digest(Sku("k", "p", "n"), {}) == digest(Sku("k", "p", "n", problems=(problem,)), {})

    class Sku2(Sku, frozen=True):
        grade: str = ""

    assert digest(Sku("k", "p", "n"), {}) == digest(Sku2("k", "p", "n"), {})


@given(st.dictionaries(st.sampled_from("abc"), st.text(max_size=4)))
def test_references_count_whatever_their_order(refs: dict[str, str]) -> None:
    doc = Sku("k", "p", "n")
    assert digest(doc, refs) == digest(doc, dict(reversed(refs.items())))
    assert not refs or digest(doc, refs) != digest(doc, {})


def test_every_field_counts() -> None:
    base = Sku("k", "p", "n")
    others = [
        Sku("k2", "p", "n"), Sku("k", "p2", "n"), Sku("k", "p", "n2"), Sku("k", "p", "n", ean="7"), Sku("k", "p", "n", active=False),
        Sku("k", "p", "n", weight_kg=Decimal(1)), Sku("k", "p", "n", height_cm=Decimal(1)), Sku("k", "p", "n", units=Decimal(2)),
    ]  # fmt: skip
    assert len({digest(doc, {}) for doc in [base, *others]}) == len(others) + 1


def test_a_digest_means_the_same_in_every_process_and_version() -> None:
    """Stored digests are compared with fresh ones: a change here would push every record of every shop again."""
    assert digest(Sku("k", "p", "n", weight_kg=Decimal("1.50")), {"product": "7"}).hex() == DIGEST


DIGEST = "5441f7d0c97cd29bf53646354922926b"
