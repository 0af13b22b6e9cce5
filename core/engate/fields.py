"""The fields of a form as people see them, read from its JSON Schema: titles, allowed values, and errors of what somebody sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from engate.text import Text

Side = Literal["erp", "storefront"]
TYPES = {
    "string": Text("um texto", "a text"),
    "integer": Text("um número inteiro", "a whole number"),
    "number": Text("um número", "a number"),
    "boolean": Text("true (sim) ou false (não)", "true or false"),
    "array": Text("uma lista", "a list"),
    "object": Text("campos com valores", "fields with values"),
}
EMPTY = Text("vazio", "empty")


class Field(NamedTuple):
    """A field of a mapping row, or an order field. `choices`: the kind of choices that its side lists; "": it is not listed.
    `about`: its JSON Schema."""

    name: str
    title: Text
    side: Side | None
    choices: str
    about: Mapping[str, Any]

    def value(self, value: Any) -> Text:
        """The title of a value."""
        if isinstance(value, bool):
            return Text("true", "true") if value else Text("false", "false")
        called = self.about.get("x-values", {}).get(value) if isinstance(value, str) else None
        return Text(*called) if called else Text(str(value), str(value))

    @property
    def takes(self) -> Text:
        """What the field may hold, as text for an error."""
        about = self.about
        if "enum" in about:
            said = [(Text(each, each) if each != "" else EMPTY, self.value(each)) for each in map(str, about["enum"])]
            return Text(
                "há: " + ", ".join(_called(key.pt, value.pt) for key, value in said),
                "there are: " + ", ".join(_called(key.en, value.en) for key, value in said),
            )
        kinds = [TYPES[each["type"]] for each in about.get("anyOf", [about]) if each.get("type") in TYPES]
        found = Text(" ou ".join(each.pt for each in kinds), " or ".join(each.en for each in kinds))
        if about.get("minLength"):
            found = Text(f"{found.pt} que não fique vazio", f"{found.en} that is not empty")
        if "maxLength" in about:
            most = about["maxLength"]
            found = Text(f"{found.pt} de até {most} caracteres", f"{found.en} of at most {most} characters")
        for name, pt, en in (("minimum", "a partir de", "from"), ("maximum", "até", "up to")):
            if name in about:
                found = Text(f"{found.pt} {pt} {about[name]}", f"{found.en} {en} {about[name]}")
        help = Text(about.get("description", ""), about.get("x-help-en", ""))
        return Text(_sentence("precisa ser", found.pt, help.pt), _sentence("it must be", found.en, help.en))


def _called(key: str, value: str) -> str:
    return key if value in (key, "") else f"{key} ({value})"


def _sentence(must: str, what: str, help: str) -> str:
    return ". ".join(filter(None, (f"{must} {what}" if what else "", help.rstrip("."))))


def fields_in(properties: Mapping[str, Any]) -> dict[str, Field]:
    return {
        name: Field(name, title_of(about, name), about.get("x-side"), about.get("x-choices", ""), about)
        for name, about in properties.items()
    }


def title_of(about: Mapping[str, Any], name: str) -> Text:
    pt = about.get("title", name)
    return Text(pt, about.get("x-title-en", pt))


def invalid(field: Field, value: Any) -> Text:
    """What is wrong with the value, as text for the person who fills in the form."""
    given = field.value(value) if isinstance(value, str | int | float) and value != "" else None
    takes = field.takes
    if isinstance(value, str) and _is_number(value) and _takes_numbers(field.about):
        return Text(f"'{value}' veio como texto: mande o número, sem aspas", f"'{value}' came as text: send the number, without quotes")
    if given is None:
        return Text(f"valor inválido: {takes.pt}", f"bad value: {takes.en}")
    return Text(f"'{given.pt[:SHOWN]}' não serve: {takes.pt}", f"'{given.en[:SHOWN]}' will not do: {takes.en}")


def _is_number(value: str) -> bool:
    return value.strip().removeprefix("-").isdecimal()


def _takes_numbers(about: Mapping[str, Any]) -> bool:
    return about.get("type") in ("integer", "number") or any(isinstance(one, int) for one in about.get("enum", ()))


SHOWN = 80
"""Characters shown of a typed value."""


# ---- a decoder's errors, in both languages ----


class Fault(NamedTuple):
    """What of a form cannot be accepted: the path, and the text that names the field."""

    where: str
    text: Text


MISSING, UNKNOWN = re.compile(r"missing required field `([^`]+)`"), re.compile(r"unknown field `([^`]*)`")
HIDDEN = "password"
"""The JSON Schema's format of fields that are never shown."""


def wrong(fields: Mapping[str, Field], values: Mapping[str, Any], error: msgspec.ValidationError) -> Fault:
    """What of `values` is wrong, by the field's title; with the choices where a field has few."""
    message, _, place = str(error).partition(" - at ")
    where = place.strip("`").removeprefix("$").lstrip(".")
    missing, unknown = MISSING.search(message), UNKNOWN.search(message)
    if missing and missing[1] in fields and not where:
        title = fields[missing[1]].title
        return Fault(missing[1], Text(f"falta '{title.pt}'", f"'{title.en}' is missing"))
    if unknown and not where:
        name, names = unknown[1][:SHOWN], ", ".join(fields)
        return Fault(name, Text(f"não há um campo '{name}'. Há: {names}", f"there is no field '{name}'. There are: {names}"))
    found = re.match(r"(\w+)(?:\[(\d+)\])?", where)
    field = fields.get(found[1]) if found else None
    if found is None or field is None:
        return Fault(where, translated(message))
    why = translated(message)
    if where == found[1] and field.about.get("format") != HIDDEN:
        why = invalid(field, values.get(where))
    elif where == found[0] and found[2] and "items" in field.about:
        one = {**field.about["items"], "x-values": field.about.get("x-values", {})}
        why = invalid(field._replace(about=one), values[found[1]][int(found[2])])
    return Fault(where, Text(f"{field.title.pt}: {why.pt}", f"{field.title.en}: {why.en}"))


NAMES = {
    "str": "texto", "int": "número inteiro", "float": "número", "bool": "sim ou não (true, false)", "array": "lista",
    "object": "objeto", "null": "nada (null)", "datetime": "data e hora", "date": "data", "decimal": "número", "uuid": "UUID",
}  # fmt: skip
"""The decoder's names of JSON types, in Portuguese."""
_SAID = tuple(
    (re.compile(pattern), pt)
    for pattern, pt in (
        (r"Expected `([^`]+)`, got `([^`]+)`", "precisa ser {0}, e veio {1}"),
        (r"Expected `([^`]+)` of length (\S+) (\d+)", "precisa ser {0} de tamanho {1} {2}"),
        (r"Expected `([^`]+)` of length (\d+)", "precisa ser {0} de tamanho {1}"),
        (r"Expected `([^`]+)` matching regex (.+)", "não tem a forma esperada: {1}"),
        (r"Expected `([^`]+)` (\S+) (\S+)", "precisa ser {0} {1} {2}"),
        (r"Expected `([^`]+)`(.*)", "precisa ser {0}"),
        (r"missing required field `([^`]+)`", "falta o campo '{0}'"),
        (r"unknown field `([^`]*)`", "não há um campo '{0}'"),
        (r"Invalid enum value (.+)", "{0} não existe"),
        (r"Invalid (?:RFC3339 encoded datetime|datetime)", "não é data e hora, como 2026-11-27T08:00:00-03:00"),
        (r"(?:JSON is malformed: .*?|Input data was truncated)(?: \(byte (\d+)\))?$", "o corpo não é JSON válido (posição {0})"),
    )
)


def translated(message: str) -> Text:
    """A decoder's error in both languages. An unknown one is a plugin's own and stays as it is."""
    for pattern, pt in _SAID:
        if found := pattern.search(message):
            words = [_named(group) if group is not None else "?" for group in found.groups()]
            return Text(pt.format(*words)[:SAID], message[:SAID])
    return Text(message[:SAID], message[:SAID])


SAID = 300
"""Characters kept of an unknown error."""


def _named(types: str) -> str:
    """ "int | null" is "número inteiro ou nada (null)"; what is no type stays."""
    return " ou ".join(NAMES.get(each, each) for each in types.split(" | "))
