"""How orders of the WinThor sandbox move on, and their invoices (FACTS 9 and 10)."""

from __future__ import annotations

import base64
import re
from typing import Any
from xml.etree import ElementTree

import pytest

DOCUMENT = "/winthor/fiscal/v1/documentosfiscais/nfe/invoiceDocument"
PEN, BOX, NOTEBOOK = "7891234567895-101", "77101-101", "7899876543217-102"
NFE = "{http://www.portalfiscal.inf.br/nfe}"


async def document(api: Any, **query: Any) -> Any:
    return await api.http.get(DOCUMENT, params=query)


async def invoiced(api: Any, *items: tuple[str, float, float], **given: Any) -> tuple[str, ElementTree.Element]:
    """An order that went to F and its XML, once it can be read."""
    number = await api.place(*items, **given)
    assert await api.progress("invoiced", number) == 1
    await api.advance(2)
    answer = await document(api, orderId=number)
    assert answer.status_code == 200, answer.text
    return number, ElementTree.fromstring(answer.json()["invoiceXml"])


def text(root: ElementTree.Element, path: str) -> str:
    found = root.find(".//" + "/".join(NFE + step for step in path.split("/")))
    assert found is not None, path
    return found.text or ""


def texts(root: ElementTree.Element, path: str) -> list[str]:
    return [found.text or "" for found in root.findall(".//" + "/".join(NFE + step for step in path.split("/")))]


def check_digit(key: str) -> int:
    """The published rule, written out again: weights 2 to 9 from the right over ASCII - 48; 0 and 1 give 0."""
    total, weight = 0, 2
    for char in reversed(key[:43]):
        total += (ord(char) - 48) * weight
        weight = 2 if weight == 9 else weight + 1
    return 0 if total % 11 < 2 else 11 - total % 11


# ---- the way of an order ----


async def test_orders_move_on_and_their_stamp_with_them(api: Any) -> None:
    number = await api.place((PEN, 1, 2.5), (NOTEBOOK, 1, 19.9))
    seen: list[tuple[str, str]] = []
    for step in ("assembled", "invoiced", "shipped", "delivered"):
        await api.advance(60)
        assert await api.progress(step) == 1
        row = await api.read(number)
        (state,) = await api.control("orders")
        seen.append((row["orderStatus"], state["phase"]))
        assert row["lastChange"] == f"2026-11-27T09:0{len(seen)}:00"
        assert bool(row["trackingNumber"]) is (len(seen) >= 3)
        expected = ("PENDENTE", "PENDENTE", "EM TRANSITO", "ENTREGUE")[len(seen) - 1]
        assert {item["deliveryStatus"] for item in row["listOfOrderItem"]} == {expected}
        assert row["deliveryDate"] == ("2026-11-27T09:04:00" if len(seen) == 4 else "1900-01-01T00:00:00")
        assert await api.progress(step) == 0  # nothing is left to move
    assert seen == [("M", "in_erp"), ("F", "invoiced"), ("F", "shipped"), ("F", "delivered")]


async def test_only_what_can_move_moves(api: Any) -> None:
    first, second, third = await api.place(), await api.place(), await api.place()
    await api.cancel(third)
    assert await api.progress("shipped") == 0
    assert await api.progress("delivered") == 0
    assert await api.progress("assembled", first) == 1
    assert await api.progress("invoiced") == 2
    assert await api.progress("delivered", first) == 1
    assert await api.progress("shipped") == 1
    assert {order["key"]: order["phase"] for order in await api.control("orders")} == {
        first: "delivered", second: "shipped", third: "cancelled",
    }  # fmt: skip
    unknown = await api.http.post("/_sandbox/progress", json={"to": "paid"})
    assert unknown.status_code == 422
    assert (await api.http.post("/_sandbox/progress", json={"to": "invoiced", "keys": ["1"]})).status_code == 422


async def test_an_invoice_can_be_undone(api: Any) -> None:
    number, root = await invoiced(api, (NOTEBOOK, 2, 19.9))
    await api.progress("shipped")
    assert await api.progress("undone") == 0  # nobody undoes all of them
    assert await api.progress("undone", number) == 1
    row = await api.read(number)
    assert (row["orderStatus"], row["trackingNumber"], row["listOfOrderItem"][0]["deliveryStatus"]) == ("M", None, "PENDENTE")
    assert await api.quantity(NOTEBOOK) == 3  # reserved again
    assert (await document(api, orderId=number)).status_code == 404
    await api.progress("invoiced", number)
    await api.advance(2)
    again = ElementTree.fromstring((await document(api, orderId=number)).json()["invoiceXml"])
    assert text(again, "infProt/chNFe") != text(root, "infProt/chNFe")
    assert (await document(api, transactionId="700001")).status_code == 404
    assert await api.quantity(NOTEBOOK) == 3


# ---- the document ----


async def test_document_is_published_a_while_after_the_invoice(api: Any) -> None:
    number = await api.place()
    assert (await document(api, orderId=number)).status_code == 404
    await api.progress("invoiced")
    for seconds in (0, 1.9):
        await api.advance(seconds)
        missing = await document(api, orderId=number)
        assert (missing.status_code, missing.json()["code"]) == (404, "INVOICE_NOT_FOUND")
    await api.advance(0.1)
    assert set((await document(api, orderId=number)).json()) == {"invoiceXml"}
    await api.corrupt("parameter", "invoice_window=60")
    second = await api.place()
    await api.progress("invoiced")
    await api.advance(59)
    assert (await document(api, orderId=second)).status_code == 404
    await api.advance(1)
    assert (await document(api, orderId=second)).status_code == 200


async def test_document_needs_an_order_or_a_transaction(api: Any) -> None:
    missing = await document(api)
    assert (missing.status_code, missing.json()["detailedMessage"].split(":")[0]) == (400, "orderId")
    for query in ({"orderId": "1"}, {"orderId": "x"}, {"transactionId": "1"}, {"transactionId": "x"}):
        assert (await document(api, **query)).status_code == 404
    number, _ = await invoiced(api)
    by_order, by_transaction = await document(api, orderId=number), await document(api, transactionId="700001")
    assert by_order.json() == by_transaction.json()


async def test_document_in_base64(api: Any) -> None:
    number, _ = await invoiced(api)
    plain = (await document(api, orderId=number)).json()["invoiceXml"]
    packed = (await document(api, orderId=number, returnBase64="true")).json()["invoiceXml"]
    assert base64.b64decode(packed).decode() == plain


async def test_document_is_an_authorised_production_sale_note(api: Any) -> None:
    number, root = await invoiced(api, (PEN, 3, 2.45), (BOX, 1, 27.9), otherExpenses=12.34)
    assert root.tag == f"{NFE}nfeProc"
    for path, expected in {
        "ide/mod": "55", "ide/serie": "1", "ide/nNF": "1", "ide/tpAmb": "1", "ide/finNFe": "1", "ide/tpNF": "1",
        "ide/dhEmi": "2026-11-27T09:00:00-03:00", "emit/CNPJ": "11222333000181", "infProt/tpAmb": "1", "infProt/cStat": "100",
        "ICMSTot/vProd": "35.25", "ICMSTot/vOutro": "12.34", "ICMSTot/vNF": "47.59", "detPag/vPag": "47.59",
    }.items():  # fmt: skip
        assert text(root, path) == expected, path
    assert text(root, "ICMSTot/vNF") == (await api.read(number))["totalValue"]
    assert texts(root, "det/prod/cProd") == ["101", "101"]
    assert texts(root, "det/prod/cEAN") == ["7891234567895", "SEM GTIN"]
    assert texts(root, "det/prod/qCom") == ["3.0000", "1.0000"]
    assert texts(root, "det/prod/vProd") == ["7.35", "27.90"]
    assert texts(root, "det/prod/vOutro") == ["12.34"]
    (order,) = await api.control("orders")
    assert order["invoices"] == [text(root, "infProt/chNFe")]
    assert (await api.effects())["invoices_issued"] == 1


@pytest.mark.parametrize(("branch", "uf", "cnpj"), [("1", "35", "11222333000181"), ("2", "41", "12ABC34501DE35")])
async def test_access_key(api: Any, branch: str, uf: str, cnpj: str) -> None:
    for serial in (1, 2, 3):
        _, root = await invoiced(api, (PEN, 1, 2.5), branchId=branch)
        key = text(root, "infProt/chNFe")
        assert re.fullmatch(r"[0-9]{6}[A-Z0-9]{12}[0-9]{26}", key)
        assert key[:35] == f"{uf}2611{cnpj}55001{serial:09d}1"
        assert key[35:43] == text(root, "ide/cNF")
        assert int(key[43]) == check_digit(key) == int(text(root, "ide/cDV"))
        (note,) = root.findall(f".//{NFE}infNFe")
        assert note.get("Id") == f"NFe{key}"
        assert text(root, "emit/CNPJ") == cnpj


async def test_the_month_of_the_key_is_local(api: Any) -> None:
    await api.advance(4 * 86_400 - 9 * 3600 - 1)  # 23:59:59 of November 30 in São Paulo: December in UTC
    _, root = await invoiced(api)
    assert text(root, "infProt/chNFe")[2:6] == "2611"
    assert text(root, "ide/dhEmi") == "2026-11-30T23:59:59-03:00"


async def test_cuts_are_not_on_the_note(api: Any) -> None:
    await api.change(PEN, stock={"1": 0})
    _, root = await invoiced(api, (PEN, 1, 2.5), (NOTEBOOK, 9, 10))
    assert texts(root, "det/prod/cProd") == ["102"]
    assert text(root, "det/prod/qCom") == "5.0000"
    assert text(root, "ICMSTot/vNF") == "50.00"


async def test_buyer_is_the_customer_or_the_consumer_of_the_order(api: Any) -> None:
    customer = (await api.http.post("/api/wholesale/v1/customer/", json=api.customer(name="Ana & Filhos"))).json()["id"]
    _, root = await invoiced(api, customer={"id": customer})
    assert (text(root, "dest/CPF"), text(root, "dest/xNome")) == ("52998224725", "Ana & Filhos")
    consumer = [{"taxId": "12.ABC.345/01DE-35", "customerName": "Loja Nova"}]
    _, root = await invoiced(api, listConsumerData=consumer)
    assert (text(root, "dest/CNPJ"), text(root, "dest/xNome")) == ("12ABC34501DE35", "Loja Nova")


# ---- what the ERP's people do ----


async def documents(api: Any, number: str) -> list[str]:
    """The XML of every note of an order."""
    await api.advance(2)
    found = (await document(api, orderId=number)).json()
    return [one["invoiceXml"] for one in found] if isinstance(found, list) else [found["invoiceXml"]]


async def test_an_item_is_cut_before_it_is_invoiced(api: Any) -> None:
    """Three sold, one attended."""
    number = await api.place((PEN, 3, 2.5), (NOTEBOOK, 1, 19.9))
    available = await api.quantity(PEN)
    await api.advance(60)
    await api.corrupt("cut", f"{number}/1=1")
    row = await api.read(number)
    assert [(item["quantity"], item["wantageQuantity"]) for item in row["listOfOrderItem"]] == [(1, 2), (1, 0)]
    assert (row["lastChange"], row["totalValue"]) == ("2026-11-27T09:01:00", "22.40")
    assert await api.quantity(PEN) == available + 2
    await api.progress("invoiced", number)
    (xml,) = await documents(api, number)
    root = ElementTree.fromstring(xml)
    assert (texts(root, "det/prod/qCom"), text(root, "ICMSTot/vNF")) == (["1.0000", "1.0000"], "22.40")
    for wrong in (f"{number}/1=1", "1/1=1"):  # invoiced by now; no such order
        assert (await api.http.post("/_sandbox/corrupt", json={"kind": "cut", "key": wrong})).status_code == 422


@pytest.mark.parametrize(("weight", "cut", "total"), [("0.95", 0.05, "18.91"), ("1.08", 0, "21.49")])
async def test_an_item_is_weighed(api: Any, weight: str, cut: float, total: str) -> None:
    number = await api.place((NOTEBOOK, 1, 19.9))
    await api.corrupt("weighed", f"{number}/1={weight}")
    (item,) = (await api.read(number))["listOfOrderItem"]
    assert (item["quantity"], item["wantageQuantity"]) == (float(weight), cut)
    await api.progress("invoiced", number)
    (xml,) = await documents(api, number)
    root = ElementTree.fromstring(xml)
    assert (text(root, "det/prod/qCom"), text(root, "ICMSTot/vNF")) == (f"{weight}00", total)


async def test_an_item_is_cancelled_and_with_the_last_one_the_order(api: Any) -> None:
    number = await api.place((PEN, 3, 2.5), (NOTEBOOK, 1, 19.9))
    await api.corrupt("item_cancelled", f"{number}/1")
    row = await api.read(number)
    assert ([item["sequence"] for item in row["listOfOrderItem"]], row["totalValue"], row["orderStatus"]) == ([2], "19.90", "L")
    await api.corrupt("item_cancelled", f"{number}/2")
    assert (await api.read(number))["orderStatus"] == "C"


async def test_an_order_may_have_several_notes(api: Any) -> None:
    number, _ = await invoiced(api, (PEN, 3, 2.5), (NOTEBOOK, 1, 19.9), otherExpenses=5)
    await api.corrupt("note_split", f"{number}=2")
    first, second = [ElementTree.fromstring(xml) for xml in await documents(api, number)]
    assert (texts(first, "det/prod/cProd"), text(first, "ICMSTot/vNF")) == (["101"], "12.50")
    assert (texts(second, "det/prod/cProd"), text(second, "ICMSTot/vNF")) == (["102"], "19.90")
    assert len({text(root, "infProt/chNFe") for root in (first, second)}) == 2
    (order,) = await api.control("orders")
    assert order["invoices"] == [text(root, "infProt/chNFe") for root in (first, second)]
    packed = (await document(api, orderId=number, returnBase64="true")).json()
    assert base64.b64decode(packed[1]["invoiceXml"]).startswith(b"<?xml")
    assert (await document(api, transactionId="700002")).json()["invoiceXml"]
    await api.progress("undone", number)
    assert (await document(api, orderId=number)).status_code == (await document(api, transactionId="700002")).status_code == 404


async def test_notes_that_are_not_like_the_others(api: Any) -> None:
    number, own = await invoiced(api)
    await api.corrupt("note_foreign", number)
    await api.corrupt("note_unreadable", number)
    good, foreign, broken = await documents(api, number)
    assert text(ElementTree.fromstring(good), "infProt/chNFe") == text(own, "infProt/chNFe")
    key = text(ElementTree.fromstring(foreign), "infProt/chNFe")
    assert key[6:20] == "99888777000161" and int(key[43]) == check_digit(key)
    with pytest.raises(ElementTree.ParseError):
        ElementTree.fromstring(broken)
    for kind, wrong in (("note_split", f"{number}=1"), ("note_foreign", "1")):
        assert (await api.http.post("/_sandbox/corrupt", json={"kind": kind, "key": wrong})).status_code == 422
