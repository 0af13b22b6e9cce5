"""The buyer as a customer, and fiscal documents, without a server."""

import base64
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from engate import Rejected, Unavailable
from engate import nfe as fiscal
from engate.model import Address, Buyer, Order
from engate.settings import load
from engate_winthor import endpoints
from engate_winthor import translate_customers as translate
from engate_winthor.settings import Settings

D = Decimal

# ---- customers ----

SETTINGS = load(
    Settings, {"base_url": "http://wta", "login": "x", "password": "y", "branches": ["1"], "seller": "7", "square": "8", "activity": "9"}
)
BODY = endpoints.CustomerBody()


def order(*, buyer: Buyer | None = None, **address: Any) -> Order:
    to = {"street": "Rua A", "number": "10", "district": "Centro", "city": "São Paulo", "state": "SP", "zip_code": "01001-000", **address}
    who = buyer or Buyer("Ana Lima", "390.533.447-05", "ana@example.com", "+5511999990000")
    return Order("v1", "ready", "r", datetime.now(UTC), who, Address(**to), (), (), D(0), D(0), D(0), D(0), D(0))


def test_a_new_customer_has_every_mandatory_field() -> None:
    made, notes = translate.customer_body(order(), "PIX", BODY, SETTINGS)
    assert made == {
        "name": "Ana Lima", "tradeName": "Ana Lima", "personIdentificationNumber": "39053344705", "stateInscription": "ISENTO",
        "billingAddress": "Rua A", "billingAddressNumber": "10", "billingZipCode": "01001000", "billingPhone": "11999990000",
        "businessDistrict": "Centro", "commercialAddress": "Rua A", "commercialAddressNumber": "10", "commercialZipCode": "01001000",
        "commercialPhone": "11999990000", "city": "São Paulo", "state": "SP", "email": "ana@example.com", "squareId": 8, "sellerId": 7,
        "activityId": 9, "countryId": 1058, "customerOrigin": "VT", "billingId": "PIX", "corporate": False, "contributor": False,
        "finalCostumer": True,
    }  # fmt: skip
    assert notes == []


def test_a_company_with_letters_in_its_cnpj_and_an_inscription() -> None:
    buyer = Buyer("Loja", "12.ABC.345/01de-35", "a@b.c", company=True, company_name="Loja Ltda", state_inscription="111.222.333.444")
    made, _ = translate.customer_body(order(buyer=buyer), "", BODY, SETTINGS)
    assert (made["name"], made["tradeName"], made["personIdentificationNumber"]) == ("Loja Ltda", "Loja", "12ABC34501DE35")
    assert (
        made["corporate"] is True
        and made["contributor"] is True
        and made["finalCostumer"] is False
        and made["stateInscription"] == "111222333444"
    )


@pytest.mark.parametrize("written", ["", "Isento", "ISENTA", " isento ", "-", "000000"])
def test_who_has_no_inscription_is_no_contributor_however_that_is_written(written: str) -> None:
    buyer = Buyer("Loja", "11222333000181", "a@b.c", company=True, company_name="Loja Ltda", state_inscription=written)
    made, _ = translate.customer_body(order(buyer=buyer), "", BODY, SETTINGS)
    assert (made["stateInscription"], made["contributor"], made["finalCostumer"]) == ("ISENTO", False, True)


def test_a_rural_producer_is_a_contributor_with_a_cpf() -> None:
    """For the order's row of channels and for the customer's record alike."""
    buyer = Buyer("João", "39053344705", "a@b.c", state_inscription="P-01100424.3/002")
    made, _ = translate.customer_body(order(buyer=buyer), "", BODY, SETTINGS)
    assert buyer.contributor and (made["contributor"], made["finalCostumer"], made["corporate"]) == (True, False, False)


def test_what_does_not_fit_goes_to_the_notes_and_is_not_lost() -> None:
    street, name = "Avenida " + "muito " * 10 + "longa", "Ana " + "de " * 30 + "Lima"
    buyer = Buyer(name, "39053344705", "a@b.c", "+5511999990000")
    made, notes = translate.customer_body(
        order(street=street, number="1234567", complement="fundos", district="B" * 41, buyer=buyer), "", BODY, SETTINGS
    )
    assert (
        len(made["name"]) <= 60
        and len(made["billingAddress"]) <= 40
        and made["billingAddressNumber"] == "123456"
        and len(made["businessDistrict"]) == 40
    )
    assert f"Endereço: {street}" in notes and f"Nome: {name}" in notes and "Número: 1234567" in notes and f"Bairro: {'B' * 41}" in notes
    assert all(len(value) <= 40 for field, value in made.items() if field == "tradeName")


def test_no_number_is_said() -> None:
    made, _ = translate.customer_body(order(number=""), "", BODY, SETTINGS)
    assert made["billingAddressNumber"] == made["commercialAddressNumber"] == "S/N"


@pytest.mark.parametrize(
    ("buyer", "address", "code"),
    [
        (Buyer("Ana", "39053344705"), {}, "customer.email"),
        (None, {"street": " "}, "customer.street"),
        (None, {"district": ""}, "customer.district"),
        (None, {"zip_code": ""}, "customer.zip_code"),
        (Buyer("", "39053344705", "a@b.c"), {}, "customer.name"),
    ],
)  # fmt: skip
def test_a_mandatory_field_is_never_invented(buyer: Buyer | None, address: dict[str, str], code: str) -> None:
    with pytest.raises(Rejected) as caught:
        translate.customer_body(order(buyer=buyer, **address), "", BODY, SETTINGS)
    assert caught.value.code == code and "302" in caught.value.hint.pt


@pytest.mark.parametrize(
    ("typed", "kept"), [("+55 (11) 99999-0000", "11999990000"), ("5511999990000", "11999990000"), ("55 3333-4444", "5533334444")]
)
def test_phones(typed: str, kept: str) -> None:
    assert translate.phone(typed) == kept


def test_documents_as_people_write_them() -> None:
    assert translate.punctuated("39053344705") == "390.533.447-05" and translate.punctuated("12ABC34501DE35") == "12.ABC.345/01DE-35"


def test_the_delivery_stands_on_the_order() -> None:
    note = translate.delivery_note(order(number="", complement="apto 3", receiver="Bia"))
    assert note == "Entrega: Rua A, S/N, apto 3, Centro, São Paulo/SP, CEP 01001000, a/c Bia"


# ---- fiscal ----

KEY = "35261111222333000262550010000000011950079195"


def nfe(**values: str) -> str:
    v = {
        "key": KEY,
        "type": "1",
        "purpose": "1",
        "environment": "1",
        "status": "100",
        "protocol": KEY,
        "emission": "2026-11-21T15:55:11-03:00",
        **values,
    }
    return (
        '<nfeProc xmlns="http://www.portalfiscal.inf.br/nfe"><NFe><infNFe Id="NFe{key}"><ide><mod>55</mod><serie>1</serie><nNF>17</nNF>'
        "<dhEmi>{emission}</dhEmi><tpNF>{type}</tpNF><tpAmb>{environment}</tpAmb><finNFe>{purpose}</finNFe></ide>"
        "<emit><CNPJ>11222333000262</CNPJ></emit><total><ICMSTot><vNF>27.40</vNF></ICMSTot></total></infNFe></NFe>"
        "<protNFe><infProt><chNFe>{protocol}</chNFe><cStat>{status}</cStat></infProt></protNFe></nfeProc>"
    ).format(**v)


def test_the_facts_of_a_note() -> None:
    xml = nfe()
    found = fiscal.invoice(xml)
    assert (found.key, found.number, found.series, found.model, found.issuer) == (KEY, "17", "1", "55", "11222333000262")
    assert found.value == D("27.40") and found.issued_at == datetime(2026, 11, 21, 18, 55, 11, tzinfo=UTC) and found.xml == xml
    assert found.kind == "sale" and found.authorised and found.production


@pytest.mark.parametrize(
    ("values", "field", "expected"),
    [
        ({"purpose": "4"}, "kind", "return"), ({"type": "0"}, "kind", "other"), ({"purpose": "2"}, "kind", "other"),
        ({"environment": "2"}, "production", False), ({"status": "110"}, "authorised", False), ({"status": "150"}, "authorised", True),
        ({"protocol": "3" * 44}, "authorised", False),
    ],
)  # fmt: skip
def test_what_is_no_authorised_production_sale_says_so(values: dict[str, str], field: str, expected: object) -> None:
    assert getattr(fiscal.invoice(nfe(**values)), field) == expected


SOLD = [
    fiscal.Sold("7891000100103-101", "101", "7891000100103", D(3)),  # UN
    fiscal.Sold("77101-101", "101", "77101", D(1)),  # CX C/12 of the same product, without a GTIN
    fiscal.Sold("7899876543217-102", "102", "7899876543217", D(2)),
]


def det(product: str, ean: str, quantity: str) -> str:
    return f"<det><prod><cProd>{product}</cProd><cEAN>{ean}</cEAN><qCom>{quantity}</qCom></prod></det>"


def with_lines(*lines: str, **values: str) -> str:
    return nfe(**values).replace("<total>", f"{''.join(lines)}<total>")


@pytest.mark.parametrize(
    ("lines", "items"),
    [
        ([("102", "7899876543217", "2.0000")], [("7899876543217-102", "2")]),
        ([("102", "SEM GTIN", "1.0000")], [("7899876543217-102", "1")]),  # the order has one packaging of it
        ([("000102", "", "0.9500")], [("7899876543217-102", "0.95")]),
        ([("X-9", "7899876543217", "1.0000")], [("7899876543217-102", "1")]),  # a code of their own: the EAN says it
        (
            [("101", "7891000100103", "3.0000"), ("101", "SEM GTIN", "1.0000")],
            [("7891000100103-101", "3"), ("77101-101", "1")],
        ),
        (
            [("102", "7899876543217", "1.0000"), ("102", "7899876543217", "1.0000")],
            [("7899876543217-102", "1"), ("7899876543217-102", "1")],
        ),
        ([("101", "7899876543217", "1.0000")], []),  # two packagings, and the EAN of neither
        ([("999", "SEM GTIN", "1.0000")], []),
        ([("999", "", "1.0000"), ("102", "7899876543217", "1.0000")], []),  # a part would pass for all of it
        ([("", "SEM GTIN", "1.0000")], []),
        ([], []),
    ],
)
def test_the_items_of_a_note(lines: list[tuple[str, str, str]], items: list[tuple[str, str]]) -> None:
    found = fiscal.invoice(with_lines(*(det(*line) for line in lines)), SOLD)
    assert [(item.sku, item.quantity) for item in found.items] == [(sku, D(quantity)) for sku, quantity in items]


def test_packagings_that_the_note_does_not_tell_apart() -> None:
    boxes = [fiscal.Sold("77101-101", "101", "77101", D(1)), fiscal.Sold("77102-101", "101", "77102", D(1))]
    assert fiscal.invoice(with_lines(det("101", "SEM GTIN", "1")), boxes).items == ()


def test_a_note_of_more_than_the_order_attends_is_counted_otherwise() -> None:
    """A box of twelve on the order may be twelve units on the note."""
    fits, more = (with_lines(*(det("102", "7899876543217", one) for one in each)) for each in (["1", "1"], ["2", "1"]))
    assert [len(note.items) for note in fiscal.documents([fits, fits, more], SOLD)] == [2, 2, 0]


def test_an_unreadable_note_does_not_hide_the_others() -> None:
    good, broken = with_lines(det("102", "7899876543217", "2")), nfe().partition("<emit>")[0]
    first, told = fiscal.documents([broken, good], SOLD)
    assert first.authorised and first.items
    assert (told.authorised, told.key, told.number, told.series, told.model, told.issuer) == (False, KEY, "1", "1", "55", KEY[6:20])
    assert fiscal.documents(["bm90IGFuIFhNTA", good], SOLD)[1].number == "?"


def test_of_unreadable_notes_alone_the_reading_is_tried_again() -> None:
    with pytest.raises(Unavailable) as caught:
        fiscal.documents([nfe().partition("<emit>")[0]], SOLD)
    assert caught.value.code == "invoice.unreadable"
    assert fiscal.documents([], SOLD) == ()


def test_a_note_without_protocol_is_not_authorised() -> None:
    bare = nfe()[: nfe().index("<protNFe>")] + "</nfeProc>"
    assert not fiscal.invoice(bare).authorised


@pytest.mark.parametrize("xml", ["<a>", "<a/>", "no xml", nfe(emission="ontem"), '<!DOCTYPE a [<!ENTITY b "c">]>' + nfe()])
def test_what_is_no_note_is_unavailable(xml: str) -> None:
    with pytest.raises(Unavailable) as caught:
        fiscal.invoice(xml)
    assert caught.value.code == "invoice.unreadable"


def test_base64_or_plain() -> None:
    assert fiscal.plain(base64.b64encode(b"<a>\xc3\xa3</a>").decode()) == "<a>ã</a>" and fiscal.plain("<a/>") == "<a/>"
    with pytest.raises(Unavailable):
        fiscal.plain("what?")
