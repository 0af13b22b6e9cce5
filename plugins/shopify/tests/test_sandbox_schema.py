"""The reduced schema is a part of the vendor's own: same types, same arguments, same enum values. Held against its text, type by type."""

import gzip
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from graphql import DirectiveDefinitionNode, NonNullTypeNode, UnionTypeDefinitionNode, parse, print_ast

from engate.testing import contracts
from engate_shopify_sandbox import graph, registry, scopes

SDL = "admin_2026-10.sdl.graphql.gz"
DEFINITION = re.compile(
    r"^(?:(?:type|interface|input|enum) (\w+)\b[^\n]*\{\n.*?^\}|union (\w+) =.*?(?=\n\n)|scalar (\w+)\b[^\n]*|directive @(\w+).*?(?=\n\n))",
    re.M | re.S,
)
Definitions = Mapping[str, str]


def definitions(text: str) -> dict[str, str]:
    return {next(filter(None, found.groups())): found[0] for found in DEFINITION.finditer(text + "\n\n")}


@pytest.fixture(scope="module")
def vendor() -> Definitions:
    where = contracts.folder("shopify") / SDL
    if not where.is_file():
        if contracts.required():
            raise FileNotFoundError(f"no contracts in {where}")
        pytest.skip(f"no contracts in {where} (ENGATE_CONTRACTS)")
    return definitions(gzip.open(where, "rt", encoding="utf-8").read())


def test_it_is_a_part_of_the_vendors_schema(vendor: Definitions) -> None:
    own = definitions(graph.SCHEMA.read_text("utf-8"))
    assert len(vendor) > 3000 and len(own) > 300
    assert own.keys() == {name for name in graph.schema().type_map if not name.startswith("__")} - BUILT_IN | {"idempotent"}
    assert [problem for text in own.values() for problem in differences(text, vendor)] == []


BUILT_IN = {"ID", "String", "Int", "Float", "Boolean"}


@pytest.mark.parametrize(
    ("sdl", "expected"),
    [
        ("type Product { id: ID! colour: String }", "Product.colour is not there"),
        ("type Product { id: String! }", "Product.id: String! is ID!"),
        ("type Product { bodyHtml: String }", "Product.bodyHtml is deprecated"),
        ("type Product implements Colourful { id: ID! }", "Product does not implement Colourful"),
        ("type Product { variants(size: Int): ProductVariantConnection! }", "Product.variants(size) is not there"),
        ("type Product { variants(reverse: Boolean = true): ProductVariantConnection! }", "Product.variants(reverse) has another default"),
        ("type Product { inCollection: Boolean! }", "Product.inCollection(id) is required"),
        ("input ProductCreateInput { colour: String }", "ProductCreateInput.colour is not there"),
        ("input UniqueMetafieldValueInput { key: String! }", "UniqueMetafieldValueInput.value is required"),
        ("input ProductSetIdentifiers { id: ID }", "ProductSetIdentifiers is one-of in one of them only"),
        ("enum ProductStatus { GONE }", "ProductStatus.GONE is not there"),
        ("union PaymentDetails = CardPaymentDetails | Shop", "PaymentDetails has no member Shop"),
        ("directive @idempotent(key: String) on FIELD", "idempotent(key): String is String!"),
        ("enum Product { ID }", "Product is something else"),
        ("type Nothing { id: ID }", "Nothing is not there"),
    ],
)
def test_a_difference_is_seen(vendor: Definitions, sdl: str, expected: str) -> None:
    assert expected in list(differences(sdl, vendor))


def differences(text: str, vendor: Definitions) -> Iterator[str]:
    own: Any = parse(text).definitions[0]
    name = own.name.value
    if name not in vendor:
        yield f"{name} is not there"
        return
    theirs: Any = parse(vendor[name]).definitions[0]
    if type(own) is not type(theirs):
        yield f"{name} is something else"
    elif isinstance(own, UnionTypeDefinitionNode):
        yield from (f"{name} has no member {one}" for one in _names(own.types) - _names(theirs.types))
    elif isinstance(own, DirectiveDefinitionNode):
        yield from _arguments(name, own.arguments, theirs.arguments)
    else:
        yield from (f"{name} does not implement {one}" for one in _names(_of(own, "interfaces")) - _names(_of(theirs, "interfaces")))
        if _is_one_of(own) != _is_one_of(theirs):
            yield f"{name} is one-of in one of them only"
        yield from _parts(name, own, theirs)


def _parts(name: str, own: Any, theirs: Any) -> Iterator[str]:
    known = {one.name.value: one for one in (*_of(theirs, "fields"), *_of(theirs, "values"))}
    mine = {one.name.value: one for one in (*_of(own, "fields"), *_of(own, "values"))}
    for part, held in mine.items():
        if part not in known:
            yield f"{name}.{part} is not there"
            continue
        if any(one.name.value == "deprecated" for one in known[part].directives or ()):
            yield f"{name}.{part} is deprecated"
        if hasattr(held, "type") and print_ast(held.type) != print_ast(known[part].type):
            yield f"{name}.{part}: {print_ast(held.type)} is {print_ast(known[part].type)}"
        yield from _arguments(f"{name}.{part}", _of(held, "arguments"), _of(known[part], "arguments"))
    if "Input" in type(own).__name__:
        yield from (f"{name}.{part} is required" for part, held in known.items() if _is_required(held) and part not in mine)


def _arguments(name: str, own: Any, theirs: Any) -> Iterator[str]:
    known, mine = ({one.name.value: one for one in side or ()} for side in (theirs, own))
    for part, held in mine.items():
        if part not in known:
            yield f"{name}({part}) is not there"
        elif print_ast(held.type) != print_ast(known[part].type):
            yield f"{name}({part}): {print_ast(held.type)} is {print_ast(known[part].type)}"
        elif _default(held) != _default(known[part]):
            yield f"{name}({part}) has another default"
    yield from (f"{name}({part}) is required" for part, held in known.items() if _is_required(held) and part not in mine)


def _of(node: Any, name: str) -> Any:
    return getattr(node, name, None) or ()


def _names(nodes: Any) -> set[str]:
    return {one.name.value for one in nodes or ()}


def _is_one_of(node: Any) -> bool:
    return "oneOf" in _names(node.directives)


def _is_required(node: Any) -> bool:
    return isinstance(node.type, NonNullTypeNode) and node.default_value is None


def _default(node: Any) -> str | None:
    return print_ast(node.default_value) if node.default_value is not None else None


# ---- what answers it ----


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


@pytest.mark.parametrize(
    "name", ["catalog", "collection", "fulfillmentOrder", "inventoryLevel", "location", "refund", "return", "webhookSubscription"]
)
async def test_what_is_not_there_is_null(api: Any, name: str) -> None:
    made = name[0].upper() + name[1:]
    type_of = {"Catalog": "MarketCatalog"}.get(made, made)
    assert await api.ok(f"query($id: ID!) {{ {name}(id: $id) {{ id }} }}", id=f"gid://shopify/{type_of}/987654321") is None


async def test_a_location_is_found_by_its_id(api: Any) -> None:
    main = f"gid://shopify/Location/{str(api.main).rpartition('/')[2]}"
    assert await api.ok("query($id: ID!) { location(id: $id) { id } }", id=main) == {"id": main}


@pytest.mark.parametrize(
    ("name", "before", "after"), [("catalogs", 1, 1), ("companyLocations", 1, 1), ("files", 0, 0), ("inventoryItems", 0, 1)]
)
async def test_a_list_is_as_long_as_what_there_is(api: Any, name: str, before: int, after: int) -> None:
    """The shop begins with a business buyer's catalogue."""
    asked = f"{{ {name}(first: 5) {{ nodes {{ id }} pageInfo {{ hasNextPage }} }} }}"
    assert len((await api.ok(asked))["nodes"]) == before
    await api.sellable("S1")
    assert len((await api.ok(asked))["nodes"]) == after
