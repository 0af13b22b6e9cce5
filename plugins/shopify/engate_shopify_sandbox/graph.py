"""The reduced schema, and a document made ready to run: parsed, validated, its variables coerced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values
from graphql.utilities import value_from_ast_untyped

from engate_shopify_sandbox.cost import Measure

SCHEMA = Path(__file__).with_name("schema.graphql")


@cache
def schema() -> GraphQLSchema:
    built = build_schema(SCHEMA.read_text("utf-8"))
    for kind in built.type_map.values():
        if isinstance(kind, GraphQLScalarType) and kind.name in _SCALARS:
            parse_value, serialize = _SCALARS[kind.name]
            _teach(kind, parse_value, serialize)
    return built


def _teach(kind: GraphQLScalarType, parse_value: Any, serialize: Any) -> None:
    """A number in a document stays a number, so that a money written without quotes is refused like one in a variable."""
    kind.coerce_input_value = parse_value
    kind.coerce_input_literal = lambda node: parse_value(value_from_ast_untyped(node))
    kind.coerce_output_value = serialize


def _money(value: Any) -> Decimal:
    """A decimal string: FACTS section 5."""
    if not isinstance(value, str):
        raise GraphQLError(f"Money and decimals are strings, not {value!r}")
    try:
        found = Decimal(value)
    except InvalidOperation:
        raise GraphQLError(f"'{value}' is no decimal number") from None
    if not found.is_finite():
        raise GraphQLError(f"'{value}' is no decimal number")
    return found


def show_money(value: Any) -> str:
    """As the platform prints it: two decimals in a Money of a variant, as many as there are where there are more."""
    exact = Decimal(value)
    cents = exact.quantize(Decimal("0.01"))
    return f"{cents:f}" if cents == exact else f"{exact.normalize():f}"


def _decimal(value: Any) -> str:
    """Amounts of a MoneyV2 have at least one decimal: "10.0"."""
    text = f"{Decimal(value).normalize():f}"
    return text if "." in text else f"{text}.0"


def parse_instant(value: Any) -> datetime:
    if not isinstance(value, str):
        raise GraphQLError("an instant is an ISO 8601 string")
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise GraphQLError(f"'{value}' is no ISO 8601 instant") from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def show_instant(value: Any) -> str:
    return value if isinstance(value, str) else value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _url(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise GraphQLError(f"Invalid url '{value}', missing scheme")
    return value


def _whole(value: Any) -> int:
    return int(value)


_SCALARS: dict[str, tuple[Any, Any]] = {
    "Money": (_money, show_money),
    "Decimal": (_money, _decimal),
    "DateTime": (parse_instant, show_instant),
    "URL": (_url, str),
    "UnsignedInt64": (_whole, str),
    "HTML": (str, str),
}


@dataclass(frozen=True)
class Document:
    """`errors`: why it cannot be run."""

    node: DocumentNode | None
    errors: tuple[GraphQLError, ...] = ()

    def operations(self) -> list[OperationDefinitionNode]:
        return [one for one in self.node.definitions if isinstance(one, OperationDefinitionNode)] if self.node else []

    def fragments(self) -> dict[str, FragmentDefinitionNode]:
        if self.node is None:
            return {}
        return {one.name.value: one for one in self.node.definitions if isinstance(one, FragmentDefinitionNode)}

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        found = [one for one in self.operations() if name is None or (one.name is not None and one.name.value == name)]
        return found[0] if len(found) == 1 else None


_KNOWN: dict[str, Document] = {}
_REMEMBERED = 2000


def read(text: str) -> Document:
    """Documents come again and again: each is read once."""
    found = _KNOWN.get(text)
    if found is None:
        if len(_KNOWN) >= _REMEMBERED:
            _KNOWN.clear()
        found = _KNOWN[text] = _read(text)
    return found


def _read(text: str) -> Document:
    try:
        node = parse(text)
    except GraphQLError as error:
        return Document(None, (error,))
    return Document(node, tuple(validate(schema(), node)))


def root_field(operation: OperationDefinitionNode) -> str:
    """The first field of an operation: what the ledger calls it by."""
    first = next((node for node in operation.selection_set.selections if isinstance(node, FieldNode)), None)
    return first.name.value if first is not None else "?"


def prepare(document: Document, name: str | None, variables: dict[str, Any]) -> Measure | list[GraphQLError]:
    """The operation with its variables coerced, or what is wrong."""
    if document.errors:
        return list(document.errors)
    operation = document.operation(name)
    if operation is None:
        return [GraphQLError("An operation name is required" if name is None else f"No operation named {name!r}")]
    coerced = get_variable_values(schema(), operation.variable_definitions or (), variables)
    if isinstance(coerced, list):
        return coerced
    return Measure(schema(), operation, document.fragments(), coerced)
