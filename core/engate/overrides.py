"""A contract that is not public is kept in one place of its plugin, as a struct and tables of names, which an installation may override."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import msgspec

from engate.address import wrong_path
from engate.errors import Invalid
from engate.text import Text

T = TypeVar("T", bound=msgspec.Struct)
Names = Mapping[str, Mapping[str, str]]


def overridden(contract: T, rows: Names, overrides: Mapping[str, str], platform: str) -> tuple[T, dict[str, dict[str, str]]]:
    """The contract and the fields of its rows (row -> our name -> the platform's) with the leaves that an installation names by their
    dotted names. Invalid (`where` = "contract.<name>") for a name that fits nothing, or a path that leads elsewhere."""
    calls: dict[str, Any] = msgspec.to_builtins(contract)
    fields = {name: dict(own) for name, own in rows.items()}
    for name, value in overrides.items():
        head, _, leaf = name.partition(".")
        place = _place(calls, fields, name)
        leaf = leaf or head
        if place is None or not isinstance(place.get(leaf), str):
            raise Invalid(
                Text(f"O contrato do {platform} não tem {name!r}.", f"{platform}'s contract has no {name!r}."),
                Text("Veja os nomes na documentação do plugin.", "See the names in the plugin's documentation."),
                where=f"contract.{name}",
            )
        wrong = wrong_path(value) if place[leaf].startswith("/") else None
        if wrong is not None:
            raise Invalid(
                wrong,
                Text(f"Corrija {name!r} nos ajustes do contrato.", f"Correct {name!r} in the contract overrides."),
                where=f"contract.{name}",
            )
        place[leaf] = value
    return msgspec.convert(calls, type(contract)), fields


def _place(calls: dict[str, Any], fields: dict[str, dict[str, str]], name: str) -> dict[str, Any] | None:
    """The dict that holds the leaf of this dotted name."""
    head, _, leaf = name.partition(".")
    if not leaf:
        return calls
    found: object = fields.get(head, calls.get(head))
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None
