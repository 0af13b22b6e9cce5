"""The reduced schema is a part of the vendor's own: same types, same arguments, same enum values."""

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    is_required_argument,
    is_required_input_field,
    print_ast,
)

from engate.testing import contracts
from engate_shopify_sandbox import graph, registry, scopes

SDL = "admin_2026-10.sdl.graphql.gz"


@pytest.fixture(scope="module")
def vendor() -> GraphQLSchema:
    where = contracts.folder("shopify") / SDL
    if not where.is_file():
        if contracts.required():
            raise FileNotFoundError(f"no contracts in {where}")
        pytest.skip(f"no contracts in {where} (ENGATE_CONTRACTS)")
    return build_schema(gzip.open(where, "rt", encoding="utf-8").read(), assume_valid=True)


def test_it_is_a_part_of_the_vendors_schema(vendor: GraphQLSchema) -> None:
    own = graph.schema()
    types = {name: kind for name, kind in own.type_map.items() if not name.startswith("__")}
    assert len(types) > 100
    assert [problem for name, kind in types.items() for problem in differences(name, kind, vendor.type_map.get(name))] == []


def test_the_directive_is_the_vendors(vendor: GraphQLSchema) -> None:
    own, theirs = graph.schema().get_directive("idempotent"), vendor.get_directive("idempotent")
    assert own is not None and theirs is not None
    assert [*own.args] == [*theirs.args] and str(own.args["key"].type) == str(theirs.args["key"].type) and own.locations == theirs.locations


@pytest.mark.parametrize(
    ("sdl", "expected"),
    [
        ("type Product { id: ID! colour: String }", "Product.colour is not there"),
        ("type Product { id: String! }", "Product.id: String! is ID!"),
        ("type Query { a: Int } type Product { variants(size: Int): Int }", "Product.variants(size) is not there"),
        ("input ProductCreateInput { colour: String }", "ProductCreateInput.colour is not there"),
        ("enum ProductStatus { GONE }", "ProductStatus.GONE is not there"),
        ("type Nothing { id: ID }", "Nothing is not there"),
    ],
)
def test_a_difference_is_seen(vendor: GraphQLSchema, sdl: str, expected: str) -> None:
    made = build_schema(sdl, assume_valid=True)
    found = [one for name, kind in made.type_map.items() for one in differences(name, kind, vendor.type_map.get(name)) if name != "Query"]
    assert expected in found


def differences(name: str, own: Any, theirs: Any) -> Iterator[str]:
    if theirs is None or type(own) is not type(theirs):
        yield f"{name} is not there"
    elif isinstance(own, GraphQLEnumType):
        yield from (f"{name}.{value} is not there" for value in own.values if value not in theirs.values)
    elif isinstance(own, GraphQLUnionType):
        members = {one.name for one in theirs.types}
        yield from (f"{name} has no member {one.name}" for one in own.types if one.name not in members)
    elif isinstance(own, GraphQLInputObjectType):
        yield from _parts(name, own.fields, theirs.fields)
        yield from (
            f"{name}.{part} is required" for part, held in theirs.fields.items() if is_required_input_field(held) and part not in own.fields
        )
        if own.is_one_of != theirs.is_one_of:
            yield f"{name} is one-of in one of them only"
    elif isinstance(own, GraphQLObjectType | GraphQLInterfaceType):
        bases = {one.name for one in theirs.interfaces}
        yield from (f"{name} does not implement {one.name}" for one in own.interfaces if one.name not in bases)
        yield from _parts(name, own.fields, theirs.fields)
        for part in own.fields.keys() & theirs.fields.keys():
            yield from _arguments(f"{name}.{part}", own.fields[part].args, theirs.fields[part].args)


def _parts(name: str, own: Any, theirs: Any) -> Iterator[str]:
    for part, held in own.items():
        if part not in theirs:
            yield f"{name}.{part} is not there"
        elif str(held.type) != str(theirs[part].type):
            yield f"{name}.{part}: {held.type} is {theirs[part].type}"
        elif theirs[part].deprecation_reason is not None:
            yield f"{name}.{part} is deprecated"


def _arguments(name: str, own: Any, theirs: Any) -> Iterator[str]:
    for part, held in own.items():
        if part not in theirs:
            yield f"{name}({part}) is not there"
        elif str(held.type) != str(theirs[part].type):
            yield f"{name}({part}): {held.type} is {theirs[part].type}"
        elif _default(held) != _default(theirs[part]):
            yield f"{name}({part}) has another default"
    yield from (f"{name}({part}) is required" for part, held in theirs.items() if is_required_argument(held) and part not in own)


def _default(argument: Any) -> str | None:
    """As text: a schema that was read from SDL holds it as a document, one from introspection as a value."""
    if argument.default is None:
        return None
    return print_ast(argument.default.literal) if argument.default.literal is not None else str(argument.default.value)


def test_every_root_field_is_answered_and_has_its_scopes() -> None:
    own = graph.schema()
    assert own.query_type is not None and own.mutation_type is not None
    for kind in (own.query_type, own.mutation_type):
        names = set(kind.fields)
        assert names == {field for of, field in registry.FIELDS if of == kind.name}
        assert names <= scopes.ROOT.keys()


def test_no_function_answers_a_field_that_is_not_in_the_schema() -> None:
    types = graph.schema().type_map
    assert [f"{of}.{field}" for of, field in registry.FIELDS if field not in getattr(types.get(of), "fields", {})] == []
