"""Rows of a mapping as people know them: which row is wrong, and what of it, by the titles that its form shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from engate.errors import Invalid
from engate.sync.mapping import KINDS, Kind, PairMapping
from engate.text import Text
from engate_api.problems import FieldError, Refused

PLACE = re.compile(r"\$\.(\w+)\[(\d+)\](?:\.(\w+))?")
MISSING, UNKNOWN = re.compile(r"missing required field `(\w+)`"), re.compile(r"unknown field `([^`]*)`")
SHOWN = 80


class Fault(NamedTuple):
    """What of a mapping cannot be accepted: its path, and the words that name row and field."""

    where: str
    text: Text


def refused(text: Text, hint: Text, faults: Sequence[Fault]) -> Refused:
    """The first fault stands in the text too: not everybody is shown the list."""
    first, errors = faults[0].text, [FieldError(fault.where, str(fault.text)) for fault in faults]
    return Refused(422, "mapping", Text(f"{text.pt} {first.pt}.", f"{text.en} {first.en}."), hint, errors=errors)


def in_words(kind: Kind, values: Mapping[str, Any]) -> Text:
    """ "Pagamentos, Forma de pagamento da loja '125'": the kind, and what its rows are told apart by."""
    said = [(kind.fields[name].title, str(values.get(name) or "")[:SHOWN]) for name in kind.key]
    return Text(
        ", ".join([kind.title.pt, *(f"{title.pt} '{value}'" for title, value in said if value)]),
        ", ".join([kind.title.en, *(f"{title.en} '{value}'" for title, value in said if value)]),
    )


def mapping_of(values: dict[str, Any]) -> PairMapping:
    """The mapping that somebody sent; what cannot be one names its row and field."""
    try:
        return msgspec.convert(values, PairMapping)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        place = place.strip("`")
        raise Invalid(
            _said(values, place, message),
            Text("Os campos de cada linha estão em GET /integrations/schema.", "What each row holds: GET /integrations/schema."),
            where="mapping" + place.removeprefix("$"),
        ) from None


def _said(values: dict[str, Any], place: str, message: str) -> Text:
    found = PLACE.match(place)
    if found is None:
        kinds = ", ".join(f"{kind.name} ({kind.title.pt} / {kind.title.en})" for kind in KINDS.values())
        return Text(f"Mapeamento inválido: {message}. Há: {kinds}.", f"Bad mapping: {message}. There are: {kinds}.")
    kind = KINDS[found[1]]
    row: Any = values[kind.name][int(found[2])]
    words = in_words(kind, row if isinstance(row, dict) else {})
    if unknown := UNKNOWN.search(message):
        listed = ", ".join(f"{each.name} ({each.title.pt} / {each.title.en})" for each in kind.fields.values())
        name = unknown[1][:SHOWN]
        return Text(f"{words.pt}: não há um campo '{name}'. Há: {listed}.", f"{words.en}: there is no field '{name}'. There are: {listed}.")
    missing = MISSING.search(message)
    name = missing[1] if missing else found[3]
    field = kind.fields[name].title if name in kind.fields else Text("linha", "row")
    if missing:
        return Text(f"{words.pt}: falta '{field.pt}' ({name}).", f"{words.en}: '{field.en}' ({name}) is missing.")
    return Text(f"{words.pt}: '{field.pt}' inválido: {message}.", f"{words.en}: bad '{field.en}': {message}.")


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
                    twice = ", ".join(f"'{value}'" for value in values)
                    said = Text(f"{words.pt}: {twice} está em duas linhas", f"{words.en}: {twice} is in two rows")
                    yield Fault(f"mapping.{kind.name}[{index}].{names[-1]}", said)
                seen.add(values)
