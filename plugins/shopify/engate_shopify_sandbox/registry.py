"""Which function answers which field of the schema.

A field without a function of its own is read off the object: `updatedAt` from a key or an attribute `updated_at`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from graphql import GraphQLResolveInfo

from engate.shapes import is_object

if TYPE_CHECKING:
    from engate_shopify_sandbox.context import Context

Resolver = Callable[["Context", Any, dict[str, Any]], Any]
Answers = Mapping[str, Callable[[Any], Any]]
"""What an object says of each of its fields."""
FIELDS: dict[tuple[str, str], Resolver] = {}
_UPPER = re.compile(r"(?<!^)(?=[A-Z])")


def inner(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object inside an input; empty where it was not given."""
    return given.get(name) or {}


def listed(given: Mapping[str, Any], name: str) -> list[Any]:
    """A list inside an input; empty where it was not given."""
    return given.get(name) or []


def field(*names: str) -> Callable[[Resolver], Resolver]:
    """`names`: "Type.field"."""

    def register(resolver: Resolver) -> Resolver:
        for name in names:
            kind, _, own = name.partition(".")
            assert (kind, own) not in FIELDS, f"{name} is answered twice"
            FIELDS[kind, own] = resolver
        return resolver

    return register


def query(name: str) -> Callable[[Resolver], Resolver]:
    return field(f"QueryRoot.{name}")


def mutation(name: str) -> Callable[[Resolver], Resolver]:
    return field(f"Mutation.{name}")


def snake(name: str) -> str:
    return _UPPER.sub("_", name).lower()


def read(source: Any, info: GraphQLResolveInfo[Any], **args: Any) -> Any:
    """The resolver of every field; what each type answers stands in the modules."""
    resolver = FIELDS.get((info.parent_type.name, info.field_name))
    if resolver is not None:
        return resolver(info.context, source, args)
    if is_object(source):
        return source.get(info.field_name)
    return getattr(source, snake(info.field_name))


def type_of(source: Any, *_: Any) -> str:
    """The concrete type of an object behind an interface or a union."""
    return source["__typename"] if is_object(source) else source.typename
