"""Runs one GraphQL request: limits of the input, scopes, idempotency, cost; and the envelope every answer has (FACTS sections 3, 4, 6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from graphql import ExecutionResult, GraphQLError, GraphQLResolveInfo, execute  # pyright: ignore[reportUnknownVariableType]

from engate.shapes import is_array, is_object
from engate_shopify_sandbox import codes, graph, registry, scopes
from engate_shopify_sandbox.context import Context
from engate_shopify_sandbox.cost import MOST, Bucket, Measure
from engate_shopify_sandbox.errors import LIMITS, Invalid, refuse
from engate_shopify_sandbox.idempotency import Keys

INPUT_MOST = 250
SET_VARIANTS = 2048
LISTS = {("productSet", "variants"): SET_VARIANTS, ("productSet", "inventoryQuantities"): 50_000}
"""Input lists with a limit of their own."""


class Asked(msgspec.Struct):
    """The body of a request."""

    query: str
    variables: dict[str, Any] | None = None
    operationName: str | None = None


@dataclass
class Run:
    """What a request did. `wrote`: a mutation that went through without user errors; `rows`: of the lists it asked for."""

    body: dict[str, Any]
    wrote: bool = False
    rows: int = 0


class Engine:
    def __init__(self, keys: Keys, bucket: Bucket) -> None:
        self.keys = keys
        self.bucket = bucket
        self.enforced = True

    # ---- before anything runs ----

    def measured(self, asked: Asked) -> Measure | list[GraphQLError]:
        return graph.prepare(graph.read(asked.query), asked.operationName, asked.variables or {})

    def throttled(self, asked: Asked, force: bool) -> dict[str, Any] | None:
        """The answer of a call that the bucket cannot pay; None: paid, or not to be judged by it."""
        measure = self.measured(asked)
        if isinstance(measure, list):
            return None
        requested = measure.cost()
        if requested > MOST or (not force and self.bucket.take(requested)):
            return None
        error = {"message": "Throttled", "extensions": {"code": "THROTTLED", "documentation": LIMITS}}
        return {"errors": [error], "extensions": {"cost": self.told(requested, None)}}

    def told(self, requested: int, actual: int | None) -> dict[str, Any]:
        return {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": self.bucket.status()}

    # ---- running ----

    def run(self, asked: Asked, context: Context) -> Run:
        measure = self.measured(asked)
        if isinstance(measure, list):
            return Run({"errors": [_shown(error) for error in measure], "extensions": {"cost": self.told(0, 0)}})
        requested = 0 if context.in_bulk else measure.cost()  # nobody pays for the lines of a bulk operation
        if requested > MOST:
            return Run(self._too_dear(requested))
        result = self.perform(asked, measure, context)
        actual = min(measure.cost(result.data), requested) if requested else 0
        if self.enforced and not context.in_bulk:
            self.bucket.give_back(requested - actual)
        body: dict[str, Any] = {}
        if result.data is not None:
            body["data"] = result.data
        if result.errors:
            body["errors"] = [_shown(error) for error in result.errors]
        body["extensions"] = {"cost": self.told(requested, actual)}
        return Run(body, _wrote(measure, result), _rows(result.data or {}))

    def perform(self, asked: Asked, measure: Measure, context: Context) -> ExecutionResult:
        document = graph.read(asked.query)
        assert document.node is not None
        result = execute(
            graph.schema(), document.node, context_value=context, variable_values=asked.variables or {},
            operation_name=asked.operationName, field_resolver=_Root(self, measure, context), type_resolver=registry.type_of,
        )  # fmt: skip
        assert isinstance(result, ExecutionResult)
        for error in result.errors or ():
            if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
                raise error.original_error  # a fault of the sandbox itself
        return result

    def _too_dear(self, requested: int) -> dict[str, Any]:
        message = f"Query cost is {requested}, which exceeds the single query max cost limit ({MOST})."
        error = {"code": "MAX_COST_EXCEEDED", "cost": requested, "maxCost": MOST, "documentation": LIMITS}
        return {"errors": [{"message": message, "extensions": error}], "extensions": {"cost": self.told(requested, None)}}

    # ---- a root field ----

    def field(self, info: GraphQLResolveInfo[Any], args: dict[str, Any], measure: Measure, context: Context) -> Any:
        """A query or a mutation: what is refused before its own function is asked, then the function."""
        name, is_mutation = info.field_name, info.parent_type.name == "Mutation"
        scopes.check(context, name)
        _check_lists(name, args)
        resolver = registry.FIELDS[info.parent_type.name, name]
        if not is_mutation:
            return resolver(context, None, args)
        key = self.keys.key_of(graph.schema(), name, info.field_nodes[0], measure.variables)
        if key is not None and (kept := self.keys.before(name, key, args)) is not None:
            return kept
        result = _mutated(resolver, context, name, args)
        if key is not None:
            self.keys.after(name, key, args, result)
        return result


class _Root:
    """The resolver of every field; the first level goes through the engine."""

    def __init__(self, engine: Engine, measure: Measure, context: Context) -> None:
        self.engine, self.measure, self.context = engine, measure, context

    def __call__(self, source: Any, info: GraphQLResolveInfo[Any], **args: Any) -> Any:
        if info.path.prev is None:
            return self.engine.field(info, args, self.measure, self.context)
        return registry.read(source, info, **args)


def _mutated(resolver: registry.Resolver, context: Context, name: str, args: dict[str, Any]) -> dict[str, Any]:
    """The payload: with empty user errors where there are none."""
    errors = scopes.USER_ERRORS.get(name, "userErrors")
    try:
        payload: dict[str, Any] = {errors: [], "userErrors": [], **resolver(context, None, args)}
        payload["userErrors"] = codes.fit(name, payload["userErrors"])
        return payload
    except Invalid as invalid:
        fitted = codes.fit(name, invalid.errors)
        return {errors: fitted, "userErrors": fitted}


def _check_lists(name: str, args: dict[str, Any]) -> None:
    for where, size in _lists(args, ()):
        most = LISTS.get((name, where[-1]), INPUT_MOST)
        if size > most:
            message = f"The input array size of {size} is greater than the maximum allowed of {most}."
            raise refuse("MAX_INPUT_SIZE_EXCEEDED", message, documentation=LIMITS)


def _lists(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    if is_object(value):
        for key, inner in value.items():
            yield from _lists(inner, (*path, key))
    elif is_array(value):
        yield path, len(value)
        for inner in value:
            yield from _lists(inner, path)


def _wrote(measure: Measure, result: ExecutionResult) -> bool:
    if measure.operation.operation.value != "mutation" or result.data is None or result.errors:
        return False
    payloads = [one for one in result.data.values() if one is not None]
    return bool(payloads) and not any(value for one in payloads for name, value in one.items() if name.endswith("serErrors"))


def _rows(data: dict[str, Any]) -> int:
    """Of the connections that were asked for by themselves."""
    found = [one for one in data.values() if is_object(one)]
    return sum(len(one.get("nodes") or one.get("edges") or ()) for one in found if "nodes" in one or "edges" in one)


def _shown(error: GraphQLError) -> dict[str, Any]:
    shown: dict[str, Any] = {"message": error.message}
    if error.locations:
        shown["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        shown["path"] = error.path
    if error.extensions:
        shown["extensions"] = error.extensions
    return shown
