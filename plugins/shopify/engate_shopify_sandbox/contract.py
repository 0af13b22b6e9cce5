"""The vendor's schema as tests hold calls against it: each text with its variables.

Answers need no look of their own: the sandbox makes them by its reduced schema, which a test holds against the vendor's.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from graphql import GraphQLSchema, OperationDefinitionNode, build_schema, parse, validate
from graphql.execution.values import get_variable_values

from engate.testing.contracts import Exchange, Problem, Verdict
from engate_shopify_sandbox import graph

SDL = "admin_2026-10.sdl.graphql.gz"
NO_SCHEMA: Mapping[str, str] = {}


class Call(msgspec.Struct):
    query: str
    variables: dict[str, Any] = {}


def served() -> set[str]:
    """What the sandbox offers: "mutation productCreate"."""
    return _roots(graph.schema())


def load(folder: Path) -> GraphContract:
    return GraphContract(build_schema(gzip.open(folder / SDL, "rt", encoding="utf-8").read(), assume_valid=True))


class GraphContract:
    """One schema, and what was held against it."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._texts: dict[str, tuple[OperationDefinitionNode, list[str]]] = {}
        self.requests = self.answers = 0
        self.covered: set[str] = set()

    def operations(self) -> set[str]:
        return _roots(self._schema)

    def text(self, query: str) -> list[str]:
        """What is wrong with the text alone. A text is read once, however often it is sent."""
        return self._read(query)[1]

    def call(self, query: str, variables: dict[str, Any]) -> list[str]:
        operation, wrong = self._read(query)
        self.requests += 1
        self.covered |= set(_fields(operation))
        if wrong:
            return wrong
        made = get_variable_values(self._schema, operation.variable_definitions or (), variables)
        return [error.message for error in made] if isinstance(made, list) else []

    def validate(self, exchange: Exchange) -> Verdict:
        call = msgspec.json.decode(exchange.request_body, type=Call)
        wrong = self.call(call.query, call.variables)
        problems = tuple(Problem("request", "", message) for message in wrong)
        return Verdict(", ".join(_fields(self._read(call.query)[0])), problems)

    def report(self, of: Iterable[str] | None = None) -> str:
        counted = self.operations() if of is None else set(of)
        return f"validated: {self.requests} calls with their variables, {len(self.covered & counted)}/{len(counted)} operations"

    def _read(self, query: str) -> tuple[OperationDefinitionNode, list[str]]:
        if query not in self._texts:
            document = parse(query)
            [operation] = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
            self._texts[query] = operation, [error.message for error in validate(self._schema, document)]
        return self._texts[query]


def _fields(operation: OperationDefinitionNode) -> list[str]:
    names = (getattr(field, "name", None) for field in operation.selection_set.selections)
    return [f"{operation.operation.value} {name.value}" for name in names if name is not None]


def _roots(schema: GraphQLSchema) -> set[str]:
    assert schema.query_type is not None and schema.mutation_type is not None
    kinds = {"query": schema.query_type, "mutation": schema.mutation_type}
    return {f"{kind} {name}" for kind, root in kinds.items() for name in root.fields}
