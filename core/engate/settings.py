"""Settings of a connection: `msgspec.Struct`s with titles and helps in both languages, and secrets that cannot leak by accident."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, TypeVar, get_type_hints

import msgspec

from engate.address import wrong_base
from engate.errors import Invalid
from engate.fields import Field, fields_in, wrong
from engate.text import Text

S = TypeVar("S", bound=msgspec.Struct)


class Secret:
    """A value that is never printed, encoded or logged; only `reveal()` returns it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)


def field(
    pt: str,
    en: str,
    help_pt: str = "",
    help_en: str = "",
    *,
    host: bool = False,
    url: bool = False,
    choices: str = "",
    **constraints: Any,
) -> msgspec.Meta:
    """The title and help of a settings field: `Annotated[str, field("Endereço", "Address")]`; `constraints` as of `msgspec.Meta`.
    `host`: it decides where the secrets are sent, so changing it requires the secrets. `url`: an address, http or https; where it
    may be left out, "" is none. `choices` (of a mapping, of order fields): the kind as which the platform lists what it may hold."""
    extra: dict[str, Any] = {"x-title-en": en}
    if host:
        extra["x-host"] = True
    if url:
        extra["format"] = "uri"
    if choices:
        extra["x-choices"] = choices
    if help_en:
        extra["x-help-en"] = help_en
    return msgspec.Meta(title=pt, description=help_pt or None, extra_json_schema=extra, **constraints)


def called(**values: tuple[str, str]) -> msgspec.Meta:
    """Titles of a field's values: (Portuguese, English). The raw values are for programs."""
    return msgspec.Meta(extra_json_schema={"x-values": {value: list(words) for value, words in values.items()}})


def dec_hook(kind: type, value: Any) -> Any:
    if kind is Secret:
        if isinstance(value, str):
            return Secret(value)
        raise TypeError("Expected `str`")  # without the value: it may be the secret
    # msgspec's protocol for a type that is not ours; the same below
    raise NotImplementedError(f"cannot decode {kind.__name__}")


def schema_hook(kind: type) -> dict[str, Any]:
    if kind is Secret:
        return {"type": "string", "format": "password", "writeOnly": True}
    raise NotImplementedError(f"no schema for {kind.__name__}")


def json_schema(kind: type) -> dict[str, Any]:
    """The JSON Schema that the API serves for a settings, options or mapping struct."""
    return msgspec.json.schema(kind, schema_hook=schema_hook)


@cache
def fields_of(kind: type[msgspec.Struct]) -> dict[str, Field]:
    """The fields of a struct as its form shows them."""
    return fields_in(json_schema(kind)["$defs"][kind.__name__]["properties"])


def secret_fields(kind: type[msgspec.Struct]) -> frozenset[str]:
    """Which fields are secrets: they are stored encrypted, one by one, and never read back over the API."""
    return frozenset(name for name, hint in get_type_hints(kind).items() if hint is Secret or Secret in getattr(hint, "__args__", ()))


def host_fields(kind: type[msgspec.Struct]) -> frozenset[str]:
    """Which fields decide where the secrets go."""
    return _marked(kind, "x-host", True)


def belongs(kind: type[msgspec.Struct], settings: Iterable[str], secrets: Iterable[str]) -> None:
    """Raises Invalid unless every name is a field of the struct in the right half: a misspelt secret must not be stored unsealed."""
    hidden = secret_fields(kind)
    plain = {each.name for each in msgspec.structs.fields(kind)} - hidden
    for given, allowed, half, other in ((settings, plain, "settings", "secrets"), (secrets, hidden, "secrets", "settings")):
        for name in given:
            if name in allowed:
                continue
            if name in plain | hidden:
                text = Text(f"'{name}' não vai em {half}.", f"'{name}' does not go into {half}.")
                hint = Text(f"Envie-o em {other}.", f"Send it in {other}.")
            else:
                names = ", ".join(sorted(allowed))
                text = Text(f"'{name}' não existe.", f"There is no '{name}'.")
                hint = Text(f"Válidos: {names}.", f"Valid: {names}.")
            raise Invalid(text, hint, where=f"{half}.{name}")


def _marked(kind: type[msgspec.Struct], name: str, value: object) -> frozenset[str]:
    def says(hint: Any) -> bool:
        return any(
            isinstance(meta, msgspec.Meta) and (meta.extra_json_schema or {}).get(name) == value
            for meta in getattr(hint, "__metadata__", ())
        )

    return frozenset(field for field, hint in get_type_hints(kind, include_extras=True).items() if says(hint))


def load(kind: type[S], values: dict[str, Any]) -> S:
    """The settings struct from plain values. Raises `Invalid` with the field and what it should be."""
    try:
        made = msgspec.convert(values, kind, dec_hook=dec_hook)
    except msgspec.ValidationError as error:
        fault = wrong(fields_of(kind), values, error)
        raise Invalid(
            Text(f"Configuração inválida: {fault.text.pt}.", f"Invalid settings: {fault.text.en}."),
            Text("Corrija o campo e salve de novo; nada foi mudado.", "Fix the field and save again; nothing was changed."),
            where=fault.where,
        ) from None
    for name in sorted(_marked(kind, "format", "uri")):
        address = getattr(made, name)
        no_address = wrong_base(address) if address else None
        if no_address is not None:
            hint = Text("Use um endereço como https://servidor:porta", "Use an address like https://host:port")
            raise Invalid(no_address, hint, where=name)
    return made
