"""Personal data of buyers (LGPD): how it is masked in views, and how it is erased from what is stored. Pure.

Fields of personal data are masked by field. In foreign words a buyer is recognised by the data of the order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar, cast

import msgspec
from stdnum.br import cnpj, cpf

from engate.logs import masked
from engate.model import Address, Buyer, ErpOrder, Order
from engate.text import Text, squeezed

T = TypeVar("T")
MASK = "***"
GONE = "•••"
Mask = Callable[[str], str]


def mask_document(document: str) -> str:
    """A CPF or CNPJ of which only the middle digits are shown."""
    if len(document) == 11:
        return f"***.{document[3:6]}.{document[6:9]}-**"
    return f"**.{document[2:5]}.{document[5:8]}/****-**" if len(document) == 14 else _hidden(document)


def mask_email(address: str) -> str:
    """An address of which enough is shown to recognise it."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}{MASK}@{domain}" if domain else ""


def mask_phone(phone: str) -> str:
    return f"{MASK}{phone[-4:]}" if len(phone) > 6 else _hidden(phone)


def mask_name(name: str) -> str:
    return " ".join(f"{word[0]}{MASK}" for word in name.split())


def _hidden(value: str) -> str:
    return MASK if value else ""


BUYER: Mapping[str, Mask] = {
    "name": mask_name, "document": mask_document, "email": mask_email, "phone": mask_phone, "company_name": mask_name,
    "state_inscription": _hidden,
}  # fmt: skip
DELIVERY: Mapping[str, Mask] = {
    "street": _hidden, "number": _hidden, "complement": _hidden, "district": _hidden, "zip_code": _hidden, "receiver": mask_name,
}  # fmt: skip
"""City, state and country stay: alone they identify nobody."""
FIELDS = {"buyer": BUYER, "delivery": DELIVERY}
PROSE = ("note", "reason", "error", "answer")
"""Fields that hold foreign words; texts in both languages (pt, en) do too."""
SHORTEST_NUMBER = 8
"""Fewest digits of a number to search for: a shorter one is part of years, prices and instants."""
SHORTEST = 4
"""Fewest characters to search for in words: "10" is a house number and much else."""


class Words(NamedTuple):
    """Values that identify a buyer in words, each with its replacement. `pattern` None: there are none."""

    pattern: re.Pattern[str] | None
    masks: Mapping[str, str]

    def hidden(self, text: str) -> str:
        return self.pattern.sub(lambda found: self.masks.get(found[0].casefold(), GONE), text) if self.pattern is not None else text


def words_of(orders: Iterable[Order]) -> Words:
    """The values to mask in views."""
    return _words({said: mask for order in orders for said, mask in _said(order)})


def traces_of(orders: Iterable[Order]) -> Words:
    """The values to erase from any stored words."""
    return _words({said: GONE for order in orders for said, _ in _said(order)})


def traces_in(order: Order) -> Words:
    """The same for words about this order: also parts of the name."""
    names = f"{order.buyer.name} {order.buyer.company_name} {order.delivery.receiver}".split()
    apart = {name: GONE for name in names if len(name) > 2 and name.casefold() not in SMALL}
    return _words({**apart, **{said: GONE for said, _ in _said(order)}}, shortest=3)


SMALL = ("das", "dos", "ltda", "eireli", "cia")


def _said(order: Order) -> Iterable[tuple[str, str]]:
    for of, masks in ((order.buyer, BUYER), (order.delivery, DELIVERY)):
        for field, mask in masks.items():
            said = getattr(of, field)
            if said and field not in ("number", "complement", "district"):
                yield said, mask(said)
    document = order.buyer.document
    if len(document) == 11:
        yield f"{document[:3]}.{document[3:6]}.{document[6:9]}-{document[9:]}", mask_document(document)
    elif len(document) == 14:
        yield f"{document[:2]}.{document[2:5]}.{document[5:8]}/{document[8:12]}-{document[12:]}", mask_document(document)


def _words(masks: Mapping[str, str], shortest: int = SHORTEST) -> Words:
    named = [each for each in masks if len(each) >= shortest and not (each.isdigit() and len(each) < SHORTEST_NUMBER)]
    said = sorted(named, key=len, reverse=True)
    if not said:
        return Words(None, {})
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(each)}(?!\w)" for each in said), re.IGNORECASE)
    return Words(pattern, {each.casefold(): masks[each] for each in said})


# ---- what is shown ----


def shown(view: T, words: Words) -> T:
    """The view with the buyer masked."""
    return msgspec.convert(_masked(msgspec.to_builtins(view), words), type(view))


def _masked(value: Any, words: Words, *, prose: bool = False) -> Any:
    if isinstance(value, str):
        said = words.hidden(value)
        return masked(said) if prose else said
    if isinstance(value, list):
        return [_masked(each, words, prose=prose) for each in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    values = cast("dict[str, Any]", value)
    both = values.keys() == {"pt", "en"}
    whose = {name: _fields(each, FIELDS[name]) for name, each in values.items() if name in FIELDS and each is not None}
    rest = {name: _masked(each, words, prose=both or name in PROSE) for name, each in values.items() if name not in whose}
    return whose | rest


def _fields(values: dict[str, Any], masks: Mapping[str, Mask]) -> dict[str, Any]:
    return {name: masks[name](value) if name in masks else value for name, value in values.items()}


# ---- what is looked for ----

_MAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")


def names_somebody(asked: str) -> bool:
    """Whether the text holds a CPF, a CNPJ or an e-mail address, which must not be in a URL."""
    digits = squeezed(asked)
    return _MAIL.search(asked) is not None or (len(digits) == 11 and cpf.is_valid(digits)) or (len(digits) == 14 and cnpj.is_valid(digits))


# ---- what is erased ----


def erased(order: Order) -> Order:
    """The order without its buyer. What was sold, for how much, how it was paid and the state of delivery stay."""
    return msgspec.structs.replace(
        order,
        buyer=Buyer("", "", company=order.buyer.company),
        delivery=Address(state=order.delivery.state, country=order.delivery.country),
        payments=tuple(msgspec.structs.replace(each, authorisation="", nsu="", tid="") for each in order.payments),
    )


def erased_erp(said: ErpOrder) -> ErpOrder:
    """The ERP's order without the XML of its notes, which names the buyer."""
    notes = said.invoices
    bare = tuple(msgspec.structs.replace(note, xml="") for note in notes) if notes is not None else None
    return msgspec.structs.replace(said, invoices=bare, reason=GONE if said.reason else "")


def erased_text(text: Mapping[str, str], words: Words) -> dict[str, str]:
    """A text in both languages with these words erased."""
    return {language: masked(words.hidden(said)) for language, said in text.items()}


NOT_HERE = Text(
    "O ERP e a loja guardam os seus próprios dados deste comprador, e as notas fiscais ficam pelo prazo legal: apague ou anonimize lá o "
    "que a lei permitir. Cópias de segurança do engate feitas antes ainda têm os dados: substitua-as.",
    "The ERP and the shop hold their own data of this buyer, and fiscal notes stay for as long as the law wants: erase or anonymise there "
    "what the law allows. Backups of engate made before still hold the data: replace them.",
)
