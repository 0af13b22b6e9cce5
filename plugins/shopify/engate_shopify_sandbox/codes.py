"""Codes of user errors: the same fault has another name in another payload, for each has an enum of its own."""

from __future__ import annotations

from functools import cache

from graphql import GraphQLEnumType, GraphQLObjectType

from engate_shopify_sandbox import graph
from engate_shopify_sandbox.cost import named_type
from engate_shopify_sandbox.errors import UserError

BY_PLACE = (("metafields", ("INVALID_METAFIELD",)), ("variants", ("INVALID_VARIANT",)))
ELSEWHERE = ("INVALID_INPUT", "INVALID", "INVALID_VALUE")


def fit(mutation: str, errors: list[UserError]) -> list[UserError]:
    """Each with a code that the mutation's own enum has; without one where it has no codes."""
    known = _codes(mutation)
    return [{**error, "code": _fitting(error, known)} for error in errors]


def _fitting(error: UserError, known: frozenset[str]) -> str | None:
    code = error.get("code")
    if code is None or code in known:
        return code
    assert code in _every(), f"{code} is no code of the schema"
    path = error.get("field") or []
    wished = [name for place, names in BY_PLACE if place in path for name in names]
    return next((name for name in (*wished, *ELSEWHERE) if name in known), None)


@cache
def _codes(mutation: str) -> frozenset[str]:
    """The codes of the user errors of a mutation's payload."""
    root = graph.schema().mutation_type
    assert root is not None
    payload = named_type(root.fields[mutation].type)
    assert isinstance(payload, GraphQLObjectType)
    errors = next(named_type(field.type) for name, field in payload.fields.items() if name.endswith("serErrors"))
    code = errors.fields.get("code") if isinstance(errors, GraphQLObjectType) else None
    kind = named_type(code.type) if code is not None else None
    return frozenset(kind.values) if isinstance(kind, GraphQLEnumType) else frozenset()


@cache
def _every() -> frozenset[str]:
    kinds = graph.schema().type_map.values()
    return frozenset(value for kind in kinds if isinstance(kind, GraphQLEnumType) for value in kind.values)
