"""The fields of a mapping's rows and of an ERP's orders as people see them: titles, and what each may hold. Read from the JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, NamedTuple

import msgspec

from engate.settings import json_schema
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
    """A field of a row, or one of the ERP's order fields. `choices`: the kind that its side lists it as; "": nobody lists it.
    `about`: its JSON Schema."""

    name: str
    title: Text
    side: Side | None
    choices: str
    about: Mapping[str, Any]

    def value(self, value: Any) -> Text:
        """As people call it."""
        if isinstance(value, bool):
            return Text("true", "true") if value else Text("false", "false")
        called = self.about.get("x-values", {}).get(value) if isinstance(value, str) else None
        return Text(*called) if called else Text(str(value), str(value))

    @property
    def takes(self) -> Text:
        """What it may hold, for whoever gave it something else."""
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


@cache
def fields_of(kind: type[msgspec.Struct]) -> dict[str, Field]:
    """The fields of a struct."""
    return fields_in(json_schema(kind)["$defs"][kind.__name__]["properties"])


def title_of(about: Mapping[str, Any], name: str) -> Text:
    pt = about.get("title", name)
    return Text(pt, about.get("x-title-en", pt))


def invalid(field: Field, value: Any) -> Text:
    """What is wrong with it, in the words of whoever fills in a form."""
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
"""Characters of what somebody typed."""
