"""Every field of the schema can be read: a field that is offered is answered, on things as they really come about."""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from engate_shopify_sandbox import graph

DEPTH = 4
FILL = {"first": "2", "names": '["available", "on_hand", "committed"]', "namespace": '"engate"', "key": '"note"', "ownerType": "PRODUCT"}
"""What an argument is given, where it is not an id."""
HUBS = {"Order", "Product", "ProductVariant", "Location", "InventoryItem", "LineItem", "Collection", "Company", "CompanyLocation",
        "Fulfillment",
        "FulfillmentOrder", "Refund", "Return", "PriceList"}  # fmt: skip
"""Reached from everywhere, and read as nodes of their own: elsewhere their id will do."""
SCHEMA = graph.schema()


def arguments(field: GraphQLField, ids: dict[str, str]) -> str | None:
    """None: something is mandatory that nobody can fill here."""
    given: list[str] = []
    for name, held in field.args.items():
        if name in FILL and (name == "first" or is_required_argument(held) or name == "namespace"):
            given.append(f"{name}: {FILL[name]}")
        elif is_required_argument(held):
            if name not in ids:
                return None
            given.append(f'{name}: "{ids[name]}"')
    return f"({', '.join(given)})" if given else ""


def selection(kind: Any, depth: int, above: tuple[str, ...], ids: dict[str, str]) -> str:
    if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
        parts = [
            f"... on {one.name} {{ {inner} }}" for one in SCHEMA.get_possible_types(kind) if (inner := selection(one, depth, above, ids))
        ]
        return " ".join(["__typename", *parts])
    if not isinstance(kind, GraphQLObjectType) or kind.name in above:
        return ""
    if above and kind.name in HUBS:
        return "id"
    return " ".join(fields(kind, depth, (*above, kind.name), ids))


def fields(kind: GraphQLObjectType, depth: int, above: tuple[str, ...], ids: dict[str, str]) -> Iterator[str]:
    for name, field in kind.fields.items():
        given, named = arguments(field, ids), get_named_type(field.type)
        if given is None:
            continue
        alias = f"{kind.name}_{name}: {name}"  # two types behind one interface may have a field of the same name and another type
        if is_leaf_type(named):
            yield f"{alias}{given}"
        elif depth > 0:
            inner = selection(named, depth - (not kind.name.endswith(("Connection", "Edge"))), above, ids)
            if inner:
                yield f"{alias}{given} {{ {inner} }}"


@pytest.fixture
async def full(api: Any) -> Any:
    """A shop with one of everything."""
    for owner in ("PRODUCT", "ORDER"):
        await api.define(owner)
    sku = await api.sellable("S1", stock=50)
    note = {"namespace": "engate", "key": "note", "type": "single_line_text_field", "value": "x"}
    await api.ok(
        "mutation($p: ProductUpdateInput, $m: [CreateMediaInput!]) { productUpdate(product: $p, media: $m) { userErrors { message } } }",
        p={"id": sku["product"], "metafields": [note], "category": "gid://shopify/TaxonomyCategory/aa-1"},
        m=[{"originalSource": "https://img.example/a.jpg", "mediaContentType": "IMAGE"}],
    )
    group = await api.ok(
        "mutation { collectionCreate(collection: {title: \"C\"}) { collection { id } userErrors { message } } }"
    )  # fmt: skip
    await api.ok(
        "mutation($p: ProductUpdateInput) { productUpdate(product: $p) { userErrors { message } } }",
        p={"id": sku["product"], "collectionsToJoin": [group["collection"]["id"]]},
    )
    items = [{"sku": "S1", "quantity": 2, "price": "100.00"}]
    sent, cancelled = [await api.sell(number, items) for number in (1, 2)]
    card = [{"tag": "credit_card", "value": "190.00"}]
    edited = await api.sell(3, items, discount="10.00", payments=card)
    await api.control("cancel", {"keys": [cancelled], "reason": "x"})
    place = (await api.ok("query($id: ID!) { order(id: $id) { fulfillmentOrders(first: 1) { nodes { id } } } }", id=sent))[
        "fulfillmentOrders"
    ]
    await api.ok(
        "mutation($f: FulfillmentInput!) { fulfillmentCreate(fulfillment: $f) { userErrors { message } } }",
        f={"lineItemsByFulfillmentOrder": [{"fulfillmentOrderId": place["nodes"][0]["id"]}], "trackingInfo": {"number": "BR1"}},
    )
    sent_as = (await api.ok("query($id: ID!) { order(id: $id) { fulfillments(first: 1) { id } } }", id=sent))["fulfillments"][0]["id"]
    await api.ok(
        "mutation($e: FulfillmentEventInput!) { fulfillmentEventCreate(fulfillmentEvent: $e) { userErrors { message } } }",
        e={"fulfillmentId": sent_as, "status": "DELIVERED"},
    )
    await api.ok('mutation { productSet(input: {title: "T"}, synchronous: false) { productSetOperation { id } userErrors { message } } }')
    await api.ok(
        "mutation($i: OrderInput!) { orderUpdate(input: $i) { userErrors { message } } }",
        i={"id": sent, "customAttributes": [{"key": "a", "value": "b"}]},
    )
    market = {"title": "Brasil", "status": "ACTIVE", "context": {"marketIds": ["gid://shopify/Market/1"]}}
    await api.ok("mutation($i: CatalogCreateInput!) { catalogCreate(input: $i) { userErrors { message } } }", i=market)
    for to, key in (("returned", sent), ("company", sent), ("held", edited)):
        await api.control("progress", {"to": to, "keys": [key]})
    begin = """mutation($id: ID!) { orderEditBegin(id: $id) {
      calculatedOrder { id lineItems(first: 1) { nodes { id } } } userErrors { message } } }"""
    edit = (await api.ok(begin, id=edited))["calculatedOrder"]
    await api.ok(
        "mutation($id: ID!, $l: ID!) { orderEditSetQuantity(id: $id, lineItemId: $l, quantity: 1) { userErrors { message } } }",
        id=edit["id"], l=edit["lineItems"]["nodes"][0]["id"],
    )  # fmt: skip
    await api.ok("mutation($id: ID!) { orderEditCommit(id: $id) { userErrors { message } } }", id=edit["id"])
    edit = (await api.ok(begin, id=edited))["calculatedOrder"]
    await api.ok(
        "mutation { webhookSubscriptionCreate(topic: PRODUCTS_UPDATE, webhookSubscription: {uri: \"https://x.example/\"}) "
        "{ userErrors { message } } }"
    )  # fmt: skip
    query = "{ products { edges { node { id } } } }"
    await api.ok("mutation($q: String!) { bulkOperationRunQuery(query: $q) { userErrors { message } } }", q=query)
    api.edit = edit["id"]
    api.group, api.orders = group["collection"]["id"], (sent, cancelled, edited)
    return {
        **sku,
        "inventoryItemId": sku["item"],
        "locationId": api.main,
        "publicationId": api.online,
        "catalogId": "gid://shopify/MarketCatalog/1",
    }


def documents(ids: dict[str, str], nodes: list[str]) -> Iterator[tuple[str, str]]:
    root = SCHEMA.query_type
    assert root is not None
    for name, field in root.fields.items():
        given = arguments(field, ids) if "id" not in field.args else None
        if given is None:
            continue
        inner = selection(get_named_type(field.type), DEPTH, ("QueryRoot",), ids)
        yield name, f"{{ {name}{given} {{ {inner} }} }}"
    for key in nodes:
        kind = SCHEMA.type_map[key.split("/")[3]]
        yield kind.name, f'{{ node(id: "{key}") {{ ... on {kind.name} {{ {selection(kind, DEPTH, (), ids)} }} }} }}'


async def test_every_field_is_answered(api: Any, full: dict[str, str]) -> None:
    ids = {**full, "id": api.group}
    things = [key for key, thing in api.sandbox.shop.things.items() if "Node" in {one.name for one in _interfaces(thing.typename)}]
    one_of_a_kind = {key.split("/")[3]: key for key in reversed([api.edit, *things])}
    last = [key for kind in ("LineItem", "FulfillmentOrder") for key in [[*api.sandbox.shop.of_kind[kind]][-1]]]
    read: set[str] = set()
    for name, text in documents(ids, [*one_of_a_kind.values(), *last, *api.orders]):
        answer = await api.post(text)
        assert answer.status_code == 200, (name, answer.status_code, text[:200])
        body = answer.json()
        codes = {error.get("extensions", {}).get("code") for error in body.get("errors", ())}
        assert not codes, (name, body["errors"][:2])
        _names(body["data"], read)
    read |= {"OrderAgreement_order", "OrderTransaction_parentTransaction"}  # the same type again, inside itself
    offered = {f"{kind.name}_{name}" for kind, name, _ in _offered()}
    unread = sorted(name for name in offered - read if name.partition("_")[0] not in NEVER)
    assert unread == []


def _interfaces(name: str) -> list[Any]:
    return list(getattr(SCHEMA.type_map.get(name), "interfaces", ()))


def _names(value: Any, read: set[str]) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            read.add(name)
            _names(inner, read)
    elif isinstance(value, list):
        for inner in value:
            _names(inner, read)


def _offered() -> Iterator[tuple[GraphQLObjectType, str, GraphQLField]]:
    for kind in SCHEMA.type_map.values():
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__") and kind.name not in ("QueryRoot", "Mutation"):
            if kind.name.endswith(("Payload", "Error")):
                continue
            yield from ((kind, name, field) for name, field in kind.fields.items())


NEVER = {
    "ExchangeLineItem", "ExchangeLineItemEdge", "MediaWarning", "OrderRiskAssessment", "TaxLine", "ShippingLine",
    "InventoryAdjustmentGroup", "InventoryChange", "Job", "OrderEditSession", "StagedMediaUploadTarget", "StagedUploadParameter",
}  # fmt: skip
"""Types that are not read off a node: tests of their own have them, or nothing here makes one."""
