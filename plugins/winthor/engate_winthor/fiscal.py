"""NF-e and NFC-e as WinThor publishes them: the XML is carried untouched, the facts are read from it."""

import base64
import binascii
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Literal
from xml.etree import ElementTree

from engate import Text, Unavailable
from engate.model import Invoice

AUTHORISED = ("100", "150")


def invoice(xml: str) -> Invoice:
    """The fiscal document in `xml` (an `nfeProc`, or a bare `NFe`: that one is not authorised). `Unavailable` where it is no such thing."""
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
            xml=xml,
            kind=_kind(_text(info, "ide/tpNF"), _text(info, "ide/finNFe")),
            authorised=_text(protocol, "cStat") in AUTHORISED and protocol_key in ("", key),
            production=_text(info, "ide/tpAmb") == "1",
        )
    except (ValueError, InvalidOperation) as error:
        raise _unreadable(str(error)) from None


def plain(xml: str) -> str:
    """The XML itself, whether WinThor sent it as it is or in base64."""
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
            f"O XML da nota que o WinThor publicou não pôde ser lido ({what}).",
            f"The invoice XML that WinThor published cannot be read ({what}).",
        ),
        Text("Confira o XML na rotina de notas fiscais; o engate tenta de novo.", "Check the XML in WinThor; engate tries again."),
        code="invoice.unreadable",
    )
