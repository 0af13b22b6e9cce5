"""What a mapping can name on each side, and whether it does: a typo is refused with the list of what there is."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import aclosing
from typing import Any

import msgspec

from engate.model import Choice
from engate.plugins import Coupling
from engate.sync.options import MAPPED, PairMapping
from engate.text import Text
from engate_api.problems import FieldError, Refused

MOST_SHOWN = 60
KINDS: dict[str, str] = {kind: side for _, _, side, kind in MAPPED}
"""choices kind -> side; the names are unique over both sides."""


async def read(coupling: Coupling, kind: str) -> list[Choice]:
    """Empty where that side cannot say."""
    erp = KINDS[kind] == "erp"
    if not coupling.can("list_choices" if erp else "read_choices"):
        return []
    found: list[Choice] = []
    async with aclosing(coupling.erp.list_choices(kind) if erp else coupling.storefront.read_choices(kind)) as pages:  # pyright: ignore[reportArgumentType]
        async for page in pages:
            found += page.items
    return found


async def check(coupling: Coupling, mapping: PairMapping, names: Iterable[str], passed: dict[str, bool]) -> None:
    """Refuses the mapping (its kinds `names`) if it names what is not there.

    `passed`: side -> whether its connection passed its test; one that did not is not asked: activation checks again.
    """
    once(mapping)
    read_already: dict[str, list[Choice]] = {}
    errors: list[FieldError] = []
    wanted = set(names)
    for name, field, side, kind in MAPPED:
        rows = getattr(mapping, name)
        if name not in wanted or not rows or not passed[side]:
            continue
        if kind not in read_already:
            read_already[kind] = await read(coupling, kind)
        choices = read_already[kind]
        errors += _unknown(name, field, rows, choices) if choices else []
    if errors:
        raise Refused(
            422,
            "mapping",
            Text("O mapeamento cita valores que não existem.", "The mapping names values that do not exist."),
            Text(
                "Escolha entre os valores listados; veja GET /integrations/{id}/choices.",
                "Choose among those listed; see GET /integrations/{id}/choices.",
            ),
            errors=errors,
        )


def once(mapping: PairMapping) -> None:
    """Refuses a mapping that uses a value twice where it may stand for one thing only."""
    if doubled := _doubled(mapping):
        raise Refused(
            422,
            "mapping",
            Text("O mapeamento usa um valor duas vezes.", "The mapping uses a value twice."),
            Text("Um para um: o último sobrescreveria os outros.", "One to one: the last would overwrite the others."),
            errors=doubled,
        )


UNIQUE = {"warehouses": ("branch",), "price_tables": ("table", "policy"), "payments": ("form",), "carriers": ("shipping",)}
"""Prices are absolute: two sources of one target overwrite each other. Several branches may share a warehouse, which offers their sum, and
several forms a billing code."""


def _doubled(mapping: PairMapping) -> list[FieldError]:
    found: list[FieldError] = []
    for name, fields in UNIQUE.items():
        for field in fields:
            seen: set[str] = set()
            for index, row in enumerate(getattr(mapping, name)):
                value = getattr(row, field)
                if value in seen:
                    found.append(FieldError(f"mapping.{name}[{index}].{field}", f"'{value}' está repetido / is there twice"))
                seen.add(value)
    return found


def _unknown(name: str, field: str, rows: Iterable[msgspec.Struct], choices: list[Choice]) -> list[FieldError]:
    valid = {choice.key for choice in choices}
    listed = ", ".join(f"{choice.key} ({choice.name})" if choice.name != choice.key else choice.key for choice in choices[:MOST_SHOWN])
    more = f", … ({len(choices)})" if len(choices) > MOST_SHOWN else ""
    found: list[tuple[int, Any]] = [(index, getattr(row, field)) for index, row in enumerate(rows)]
    return [
        FieldError(f"mapping.{name}[{index}].{field}", f"'{value}' não existe / does not exist. Válidos / valid: {listed}{more}")
        for index, value in found
        if value not in valid
    ]
