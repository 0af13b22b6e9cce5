"""NF-e and NFC-e as an ERP publishes them: the XML stays unchanged, and the facts are read from it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Literal, NamedTuple
from xml.etree import ElementTree

from engate.errors import Unavailable
from engate.model import Invoice, InvoiceItem, gtin
from engate.text import Text

AUTHORISED = ("100", "150")
KEY_IN_TEXT = re.compile(r"NFe([0-9]{6}[0-9A-Z]{12}[0-9]{26})")


class Sold(NamedTuple):
    """One item of the ERP's order: its SKU key, and values by which a note's line is recognised."""

    sku: str
    product: str
    packing: str
    quantity: Decimal


class Line(NamedTuple):
    """One `det` of a note."""

    product: str
    ean: str
    quantity: Decimal


def documents(published: Iterable[str], sold: Sequence[Sold]) -> tuple[Invoice, ...]:
    """Every note of an order. One that cannot be read becomes an unauthorised note: it is shown and never sent, and does not hold up the
    others. Raises `Unavailable` where none can be read: the ERP may still be writing it."""
    found: list[Invoice] = []
    broken: list[Invoice] = []
    failure: Unavailable | None = None
    for text in published:
        try:
            found.append(invoice(plain(text), sold))
        except Unavailable as error:
            failure = error
            broken.append(_broken(text))
    if failure is not None and not found:
        raise failure
    return (*found, *broken)


def _broken(text: str) -> Invoice:
    """A note that cannot be read, with the number from its access key, if that can be found."""
    match = KEY_IN_TEXT.search(text)
    key = match[1] if match else ""
    series, number = (str(int(key[22:25])), str(int(key[25:34]))) if key else ("", "?")
    return Invoice(key, number, series, key[20:22], datetime.fromtimestamp(0, UTC), Decimal(0), key[6:20], authorised=False)


def invoice(xml: str, sold: Sequence[Sold] = ()) -> Invoice:
    """The fiscal document in `xml` (an `nfeProc`, or a bare `NFe`: that one is not authorised). Raises `Unavailable` else.
    `sold`: the items of the ERP's order, by which its lines are known."""
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise _unreadable("DTD")
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise _unreadable(str(error)) from None
    info = root.find(".//{*}infNFe")
    if info is None:
        raise _unreadable("infNFe")
    protocol = root.find(".//{*}protNFe/{*}infProt")
    key = info.get("Id", "").removeprefix("NFe") or _text(protocol, "chNFe")
    protocol_key = _text(protocol, "chNFe")
    try:
        return Invoice(
            key=key,
            number=_text(info, "ide/nNF"),
            series=_text(info, "ide/serie"),
            model=_text(info, "ide/mod"),
            issued_at=datetime.fromisoformat(_text(info, "ide/dhEmi")),
            value=Decimal(_text(info, "total/ICMSTot/vNF")),
            issuer=_text(info, "emit/CNPJ") or _text(info, "emit/CPF"),
            items=_items(_lines(info), sold),
            xml=xml,
            kind=_kind(_text(info, "ide/tpNF"), _text(info, "ide/finNFe")),
            authorised=_text(protocol, "cStat") in AUTHORISED and protocol_key in ("", key),
            production=_text(info, "ide/tpAmb") == "1",
        )
    except (ValueError, InvalidOperation) as error:
        raise _unreadable(str(error)) from None


def _lines(info: ElementTree.Element) -> list[Line]:
    products = info.findall("{*}det/{*}prod")
    return [Line(_text(prod, "cProd"), _text(prod, "cEAN"), Decimal(_text(prod, "qCom"))) for prod in products]


def _items(lines: Sequence[Line], sold: Sequence[Sold]) -> tuple[InvoiceItem, ...]:
    """The items by SKU key; () where one line is not recognised, because a part would pass for the whole. Also where they are more than the
    order attends: then the note counts in other units (a box of twelve as twelve)."""
    skus = [_sku_of(line, sold) for line in lines]
    if not all(skus):
        return ()
    attended: dict[str, Decimal] = {}
    for item in sold:
        attended[item.sku] = attended.get(item.sku, Decimal(0)) + item.quantity
    for sku, line in zip(skus, lines, strict=True):
        attended[sku] -= line.quantity
    if min(attended.values(), default=Decimal(0)) < 0:
        return ()
    return tuple(InvoiceItem(sku, line.quantity) for sku, line in zip(skus, lines, strict=True))


def _sku_of(line: Line, sold: Sequence[Sold]) -> str:
    """The SKU key of a line: a note has the product, and the packaging only by its EAN, if any. "" where several fit."""
    alike = [item for item in sold if item.product == line.product.lstrip("0")] if line.product else []
    has_ean = line.ean.isdigit()  # without one the note has "SEM GTIN"
    if not alike and has_ean:
        alike = [item for item in sold if _same(item.packing, line.ean)]
    if len({item.sku for item in alike}) > 1:
        # a line without a GTIN is a packaging whose code is no GTIN
        alike = [item for item in alike if (_same(item.packing, line.ean) if has_ean else not gtin(item.packing))]
    skus = {item.sku for item in alike}
    return skus.pop() if len(skus) == 1 else ""


def _same(packing: str, ean: str) -> bool:
    """Whether the codes are equal. The auxiliary code is a number without the EAN's leading zeros."""
    return packing.lstrip("0") == ean.lstrip("0")


def plain(xml: str) -> str:
    """The XML itself, whether the ERP sent it as it is or in base64."""
    if xml.lstrip("\ufeff \r\n\t").startswith("<"):
        return xml.lstrip("\ufeff")
    try:
        return base64.b64decode(xml, validate=True).decode("utf-8-sig")
    except (binascii.Error, UnicodeDecodeError):
        raise _unreadable("base64") from None


def _kind(direction: str, purpose: str) -> Literal["sale", "return", "other"]:
    if purpose == "4":
        return "return"
    return "sale" if direction == "1" and purpose == "1" else "other"


def _text(node: ElementTree.Element | None, path: str) -> str:
    found = None if node is None else node.find("/".join(f"{{*}}{name}" for name in path.split("/")))
    return (found.text or "").strip() if found is not None else ""


def _unreadable(what: str) -> Unavailable:
    return Unavailable(
        Text(
            f"O XML da nota que o ERP publicou não pôde ser lido ({what}).",
            f"The invoice XML that the ERP published cannot be read ({what}).",
        ),
        Text(
            "Confira o XML na tela de notas fiscais do ERP; o engate tenta de novo.",
            "Check the XML in the ERP's screen of fiscal notes; engate tries again.",
        ),
        code="invoice.unreadable",
    )
