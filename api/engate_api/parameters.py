"""What a route takes: the parameters of its query and the fields of its body, and which values these can have."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from litestar.typing import FieldDefinition


@cache
def of(handler: HTTPRouteHandler) -> dict[str, FieldDefinition]:
    """All parameters of this route and of its dependencies, by their names in the code."""
    signatures = [handler.parsed_fn_signature, *(each.parsed_fn_signature for each in handler.resolve_dependencies().values())]
    return {name: field for each in signatures for name, field in each.parameters.items()}


@cache
def in_query(handler: HTTPRouteHandler) -> tuple[str, ...]:
    """The names of the query parameters, as the address has them."""
    return tuple(called(field, name) for name, field in of(handler).items() if isinstance(field.kwarg_definition, QueryParameter))


def called(field: FieldDefinition, name: str) -> str:
    return getattr(field.kwarg_definition, "name", None) or name


def values(annotation: Any) -> tuple[str, ...]:
    """The values of a `Literal` type, also inside a union; none for any other type."""
    if get_origin(annotation) is Literal:
        return tuple(str(each) for each in get_args(annotation))
    return tuple(value for each in get_args(annotation) if not isinstance(each, str) for value in values(each))


def in_body(handler: HTTPRouteHandler, name: str) -> Any:
    """The type of a field of the body; None: there is none of this name."""
    body = of(handler).get("data")
    kinds = [each for each in (body.annotation, *get_args(body.annotation)) if _is_struct(each)] if body is not None else []
    return get_type_hints(kinds[0], include_extras=True).get(name) if kinds else None


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
