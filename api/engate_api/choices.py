"""The values that a mapping may name on each side. A mapping that names another value is refused, and the answer lists the values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

import msgspec

from engate.domain.channels import Fields, wrong
from engate.domain.mapping import KINDS, PairMapping
from engate.fields import Fault, Field, Side
from engate.model import Choice
from engate.plugins import Coupling, Manifest, closing
from engate.settings import fields_of
from engate.text import Text
from engate_api.rows import in_words, refused

MOST_SHOWN = 60
NEAREST = 3


def kinds(coupling: Coupling) -> dict[str, Side]:
    """Every kind of choices that a mapping of these two can name -> whose it is; the names are unique over both sides."""
    named = [field for kind in KINDS.values() for field in kind.fields.values()]
    return {each.choices: each.side or "erp" for each in (*_fields(coupling.order_fields), *named) if each.choices}


def _fields(order_fields: Fields) -> Iterable[Field]:
    return fields_of(order_fields).values() if order_fields is not None else ()


async def read(coupling: Coupling, kind: str, side: Side) -> list[Choice]:
    """Empty where the platform of that side does not list its choices."""
    erp = side == "erp"
    if not coupling.can("list_choices" if erp else "read_choices"):
        return []
    found: list[Choice] = []
    told = coupling.erp.list_choices(kind) if erp else coupling.storefront.read_choices(kind)
    async with closing(told) as pages:
        async for page in pages:
            found += page.items
    return found


async def check(coupling: Coupling, mapping: PairMapping, names: Iterable[str], passed: Mapping[str, bool]) -> None:
    """Refuses the mapping (its kinds `names`) if it names what is not there.

    `passed`: side -> whether its connection passed its test; one that did not is not asked: activation checks again.
    """
    known: dict[tuple[str, Side], list[Choice]] = {}
    faults: list[Fault] = []
    for named in _named(mapping, set(names), coupling.order_fields):
        asked = (named.field.choices, named.field.side or "erp")
        if not passed[asked[1]]:
            continue
        if asked not in known:
            known[asked] = await read(coupling, *asked)
        choices = known[asked]
        if choices and named.value not in {choice.key for choice in choices}:
            faults.append(_unknown(named, choices))
    if faults:
        raise refused(
            Text("O mapeamento cita valores que não existem.", "The mapping names values that do not exist."),
            Text(
                "Escolha entre os valores listados; veja GET /integrations/{id}/choices.",
                "Choose among those listed; see GET /integrations/{id}/choices.",
            ),
            faults,
        )


def check_fields(mapping: PairMapping, erp: Manifest) -> None:
    """Refuses rows of channels that do not fit what this ERP wants with each order."""
    kind, faults = erp.order_fields, list[Fault]()
    for index, row in enumerate(mapping.channels):
        at, words = f"mapping.channels[{index}].fields", in_words(KINDS["channels"], msgspec.structs.asdict(row))
        if kind is None:
            pt = f"{words.pt}: {erp.name} não pede dados de pedidos por canal, e a linha não teria efeito: retire-a"
            en = f"{words.en}: {erp.name} asks for no facts of orders by channel, and the row would do nothing: take it out"
            faults.append(Fault(at, Text(pt, en)))
            continue
        for each in wrong(row.fields, kind):
            said = Text(f"{words.pt}: {each.title.pt}: {each.why.pt}", f"{words.en}: {each.title.en}: {each.why.en}")
            faults.append(Fault(".".join(filter(None, (at, each.name))), said))
    if faults:
        text = Text("O ERP não aceita estes dados de pedidos.", "The ERP does not take these facts of orders.")
        raise refused(text, _asked_for(erp), faults)


def _asked_for(erp: Manifest) -> Text:
    titles = [field.title for field in _fields(erp.order_fields)]
    if not titles:
        return Text("Retire as linhas de 'Canais de venda'.", "Take the rows of 'Sales channels' out.")
    pt, en = ", ".join(title.pt for title in titles), ", ".join(title.en for title in titles)
    return Text(f"Corrija a linha; {erp.name} pede: {pt}.", f"Fix the row; {erp.name} asks for: {en}.")


class _Named(NamedTuple):
    """A value of a row that one side may know. `row`: in words."""

    where: str
    row: Text
    field: Field
    value: str


def _named(mapping: PairMapping, names: set[str], order_fields: Fields) -> Iterator[_Named]:
    for kind in KINDS.values():
        for index, row in enumerate(getattr(mapping, kind.name) if kind.name in names else ()):
            values: dict[str, Any] = msgspec.structs.asdict(row)
            at, words = f"mapping.{kind.name}[{index}]", in_words(kind, values)
            for field in kind.fields.values():
                # "" of the shop's means none or every one; of the ERP's it is a choice that nobody made
                if field.choices and (values[field.name] or field.side == "erp"):
                    yield _Named(f"{at}.{field.name}", words, field, values[field.name])
            given = values.get("fields", {})
            for field in _fields(order_fields):
                if field.choices and field.name in given and given[field.name] != field.about.get("default"):
                    yield _Named(f"{at}.fields.{field.name}", words, field, str(given[field.name]))


def _unknown(named: _Named, choices: list[Choice]) -> Fault:
    row, title, value = named.row, named.field.title, named.value
    ordered = _nearest(value, choices)
    listed = ", ".join(f"{choice.key} ({choice.name})" if choice.name != choice.key else choice.key for choice in ordered[:MOST_SHOWN])
    more = f", … ({len(choices)})" if len(choices) > MOST_SHOWN else ""
    pt, en = (f"'{value}' não existe", f"'{value}' does not exist") if value else ("falta", "is missing")
    said = Text(f"{row.pt}: {title.pt} {pt}. Há: {listed}{more}", f"{row.en}: {title.en} {en}. There are: {listed}{more}")
    return Fault(named.where, said)


def _nearest(value: str, choices: list[Choice]) -> list[Choice]:
    """All choices, those with a similar spelling first."""
    spelt = {word.casefold(): choice for choice in choices for word in (choice.name, choice.key)}
    near = [spelt[word] for word in get_close_matches(value.casefold(), spelt, NEAREST)]
    return list(dict.fromkeys((*near, *choices)))
