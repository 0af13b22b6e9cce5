"""Errors in rows of a mapping, in the words of the form: which row is wrong, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from engate.domain.mapping import KINDS, Kind, PairMapping
from engate.errors import Invalid
from engate.fields import MISSING, SHOWN, UNKNOWN, Fault, Field, invalid, translated
from engate.model import FieldValue
from engate.text import Text
from engate_api.bodies import is_object
from engate_api.problems import FieldError, Refused

PLACE = re.compile(r"\$\.(\w+)\[(\d+)\](?:\.(\w+))?(?:\.(.+))?")


def refused(text: Text, hint: Text, faults: Sequence[Fault]) -> Refused:
    """The first fault is in the text too: some clients do not show the list of errors."""
    first, errors = faults[0].text, [FieldError.of(fault.where, fault.text) for fault in faults]
    return Refused(422, "mapping", Text(f"{text.pt} {first.pt}.", f"{text.en} {first.en}."), hint, errors=errors)


def in_words(kind: Kind, values: Mapping[str, Any]) -> Text:
    """ "Pagamentos, Forma de pagamento da loja '125'": the kind, and what its rows are told apart by."""
    said = [(kind.fields[name].title, kind.fields[name].value(values.get(name) or "")) for name in kind.key]
    return Text(
        ", ".join([kind.title.pt, *(f"{title.pt} '{value.pt[:SHOWN]}'" for title, value in said if value.pt)]),
        ", ".join([kind.title.en, *(f"{title.en} '{value.en[:SHOWN]}'" for title, value in said if value.en)]),
    )


def mapping_of(values: dict[str, Any]) -> PairMapping:
    """The mapping that somebody sent; what cannot be one names its row and field."""
    try:
        return msgspec.convert(values, PairMapping)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        place = _exact(values, place.strip("`"))
        raise Invalid(
            _said(values, place, message),
            Text("Corrija a linha e salve de novo; nada foi mudado.", "Fix the row and save again; nothing was changed."),
            where="mapping" + place.removeprefix("$"),
        ) from None


def _said(values: dict[str, Any], place: str, message: str) -> Text:
    found = PLACE.match(place)
    if found is None:
        why, there = translated(message), _listed(KINDS.values())
        return Text(f"Mapeamento inválido: {why.pt}. Há: {there.pt}.", f"Bad mapping: {why.en}. There are: {there.en}.")
    kind = KINDS[found[1]]
    row: Any = values[kind.name][int(found[2])]
    words = in_words(kind, row if is_object(row) else {})
    if unknown := UNKNOWN.search(message):
        name, there = unknown[1][:SHOWN], _listed(kind.fields.values())
        pt, en = f"não há um campo '{name}'. Há: {there.pt}", f"there is no field '{name}'. There are: {there.en}"
        return Text(f"{words.pt}: {pt}.", f"{words.en}: {en}.")
    missing = MISSING.search(message)
    name = missing[1] if missing else found[3]
    field = kind.fields.get(name or "")
    if field is None or not is_object(row):
        why = translated(message)
        return Text(f"{words.pt}: linha inválida: {why.pt}.", f"{words.en}: bad row: {why.en}.")
    title = field.title
    if missing:
        return Text(f"{words.pt}: falta '{title.pt}' ({name}).", f"{words.en}: '{title.en}' ({name}) is missing.")
    if found[4]:
        pt, en = "um texto, um número ou true/false", "a text, a number, or true or false"
        return Text(f"{words.pt}: {title.pt}: '{found[4]}' precisa ser {pt}.", f"{words.en}: {title.en}: '{found[4]}' must be {en}.")
    why = invalid(field, row[name])
    return Text(f"{words.pt}: {title.pt}: {why.pt}.", f"{words.en}: {title.en}: {why.en}.")


def _listed(named: Iterable[Kind | Field]) -> Text:
    """Names with their titles."""
    every = [(each.name, each.title) for each in named]
    return Text(", ".join(f"{name} ({title.pt})" for name, title in every), ", ".join(f"{name} ({title.en})" for name, title in every))


def _exact(values: dict[str, Any], place: str) -> str:
    """The place with the name of the order field that is wrong: the validation error says only that it is one of them."""
    found = PLACE.match(place)
    if found is None or not place.endswith("[...]"):
        return place
    for name, value in values[found[1]][int(found[2])][found[3]].items():
        try:
            msgspec.convert(value, FieldValue)
        except msgspec.ValidationError:
            return f"{place.removesuffix('[...]')}.{name[:SHOWN]}"
    return place


def once(mapping: PairMapping) -> None:
    """Refuses a mapping whose rows say the same thing twice: the last would overwrite the others."""
    if doubled := list(_doubled(mapping)):
        text = Text("O mapeamento usa um valor duas vezes.", "The mapping uses a value twice.")
        raise refused(text, Text("Deixe só uma das linhas apontadas.", "Keep only one of the rows named here."), doubled)


def _doubled(mapping: PairMapping) -> Iterator[Fault]:
    for kind in KINDS.values():
        rows = getattr(mapping, kind.name)
        for names in kind.unique:
            seen: set[tuple[str, ...]] = set()
            for index, row in enumerate(rows):
                values = tuple(getattr(row, name) for name in names)
                if values in seen:
                    words = in_words(kind, msgspec.structs.asdict(row))
                    called = [kind.fields[name].value(value) for name, value in zip(names, values, strict=True) if value]
                    pt, en = ", ".join(f"'{each.pt}'" for each in called), ", ".join(f"'{each.en}'" for each in called)
                    said = Text(f"{words.pt}: {pt} está em duas linhas", f"{words.en}: {en} is in two rows")
                    yield Fault(f"mapping.{kind.name}[{index}].{names[-1]}", said)
                seen.add(values)
