"""Letters to buyers: templates with words in braces, filled from the order. Pure.

A block of lines with words of the shipment is repeated for each shipment. A line whose words are all empty is left out: an own fleet has
no tracking code.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Literal, NamedTuple

from engate.domain.options import Options
from engate.domain.orders import Part, Stored
from engate.domain.settlement import reais, shipped_items
from engate.errors import Invalid
from engate.model import PartItem, Shipment
from engate.text import Text

What = Literal["shipped", "delivered"]
"""The state that a buyer is told of."""
WHATS: tuple[What, ...] = ("shipped", "delivered")
OF_ORDER = ("pedido", "cliente", "loja", "itens", "total", "nota", "chave")
OF_SHIPMENT = ("transportadora", "rastreio", "link")
_WORD = re.compile(r"\{([^{}\s]+)\}")


class Template(NamedTuple):
    subject: str
    body: str


class Words(NamedTuple):
    """The values of the words: of the order, and of each shipment."""

    order: Mapping[str, str]
    shipments: Sequence[Mapping[str, str]]


def template_of(options: Options, what: What) -> Template:
    if what == "shipped":
        return Template(options.mail_shipped_subject, options.mail_shipped_body)
    return Template(options.mail_delivered_subject, options.mail_delivered_body)


def wanted(options: Options, what: str) -> bool:
    return options.mail_shipped if what == "shipped" else options.mail_delivered


def any_wanted(options: Options) -> bool:
    return any(wanted(options, what) for what in WHATS)


def check(options: Options) -> None:
    """Raises `Invalid` where a template has an unknown word."""
    for what in WHATS:
        for part, text in template_of(options, what)._asdict().items():
            known = (*OF_ORDER, *OF_SHIPMENT) if part == "body" else OF_ORDER
            unknown = sorted({word for word in _WORD.findall(text) if word not in known})
            if unknown:
                names = ", ".join(f"{{{word}}}" for word in unknown)
                valid = ", ".join(f"{{{word}}}" for word in known)
                raise Invalid(
                    Text(f"O modelo de e-mail tem palavras desconhecidas: {names}.", f"The e-mail template has unknown words: {names}."),
                    Text(f"Palavras que podem estar aqui: {valid}.", f"Words that may stand here: {valid}."),
                    where=f"options.mail_{what}_{part}",
                )


def all_shipped(order: Stored) -> bool:
    """Whether everything that the ERP attends of the order has been shipped."""
    return all(_left(part) for part in order.parts if part.state not in OVER)


OVER = ("cancelled", "expired")


def _left(part: Part) -> bool:
    """Whether the part has been shipped whole. A shipment without items counts as everything."""
    erp = part.erp
    if erp is None or any(not shipment.items for shipment in erp.shipments):
        return True
    if not erp.shipments:
        return erp.state in ("shipped", "delivered")
    left = defaultdict[str, Decimal](Decimal)
    for item in _attended(part):
        left[item.sku] += item.quantity
    for shipment in erp.shipments:
        for item in shipment.items:
            left[item.sku] -= item.quantity
    return all(quantity <= 0 for quantity in left.values())


def _attended(part: Part) -> Sequence[PartItem]:
    """The part's lines as the ERP attends them."""
    said = part.erp.items if part.erp is not None else ()
    return shipped_items(part, [(item.sku, item.quantity) for item in said if item.quantity > 0])


def words_of(order: Stored, shop: str) -> Words:
    doc = order.doc
    documents = [document.invoice for part in order.parts for document in part.documents]
    notes = [note for note in documents if note.kind == "sale" and note.authorised]
    names = {item.line: item.name or item.reference for item in doc.items}
    attended = [item for part in order.parts if part.state not in OVER for item in _attended(part)]
    lines = [f"{_number(item.quantity)} x {names.get(item.line, item.sku)}" for item in attended]
    of_order = {
        "pedido": doc.key,
        "cliente": doc.buyer.name or doc.buyer.company_name,
        "loja": shop,
        "itens": "\n".join(lines),
        "total": reais(doc.total - doc.refunded),
        "nota": ", ".join(note.number for note in notes),
        "chave": ", ".join(note.key for note in notes if note.key),
    }
    shipments = [shipment for part in order.parts if part.erp is not None for shipment in part.erp.shipments]
    return Words(of_order, [_of_shipment(shipment) for shipment in shipments])


def _of_shipment(shipment: Shipment) -> dict[str, str]:
    tracking = shipment.tracking
    return {"transportadora": tracking.carrier, "rastreio": tracking.code, "link": tracking.url}


def _number(value: object) -> str:
    return f"{value:f}".rstrip("0").rstrip(".").replace(".", ",") if "." in f"{value:f}" else f"{value:f}"


def render(template: Template, words: Words) -> Template:
    made: list[str] = []
    for of_shipment, lines in groupby(template.body.splitlines(), lambda line: bool(_words(line) & set(OF_SHIPMENT))):
        block = list(lines)
        for shipment in (words.shipments or [{}]) if of_shipment else [{}]:
            made += [filled for line in block if (filled := _filled(line, {**words.order, **shipment})) is not None]
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(made)).strip()
    return Template(" ".join(_put(template.subject, words.order).split()), f"{body}\n")


def _words(line: str) -> set[str]:
    return set(_WORD.findall(line))


def _filled(line: str, values: Mapping[str, str]) -> str | None:
    """The line with its words filled. None: it has words, and all of them are empty."""
    names = _words(line)
    if names and not any(values.get(name) for name in names):
        return None
    return _put(line, values)


def _put(line: str, values: Mapping[str, str]) -> str:
    return _WORD.sub(lambda found: values.get(found.group(1), ""), line)


EXAMPLE = Words(
    {
        "pedido": "1234567", "cliente": "Maria da Silva", "loja": "", "itens": "1 x Arroz 5 kg\n2 x Feijão 1 kg", "total": "R$ 45,70",
        "nota": "1001", "chave": "35261112345678000195550010000010011000010019",
    },
    [{"transportadora": "Transportadora Exemplo", "rastreio": "AB123456789BR", "link": "https://rastreio.example/AB123456789BR"}],
)  # fmt: skip
"""Values for a preview without an order."""
