"""Products, variants, productSet, collections, metafields, files, publications."""

from typing import Any

import pytest

SET = """mutation($id: ProductSetIdentifiers, $i: ProductSetInput!, $s: Boolean = true) {
  productSet(identifier: $id, input: $i, synchronous: $s) {
    product { id handle title variants(first: 10) { nodes { id sku title price selectedOptions { name value } inventoryItem { id } } } }
    productSetOperation { id status } userErrors { code field message } } }"""
UPDATE = """mutation($id: ProductUpdateIdentifiers, $p: ProductUpdateInput, $m: [CreateMediaInput!]) {
  productUpdate(identifier: $id, product: $p, media: $m) { product { id title tags } userErrors { field message } } }"""
BULK_UPDATE = """mutation($p: ID!, $v: [ProductVariantsBulkInput!]!, $a: Boolean = false) {
  productVariantsBulkUpdate(productId: $p, variants: $v, allowPartialUpdates: $a) {
    productVariants { id price } userErrors { code field message } } }"""
BULK_CREATE = """mutation($p: ID!, $v: [ProductVariantsBulkInput!]!, $s: ProductVariantsBulkCreateStrategy = DEFAULT) {
  productVariantsBulkCreate(productId: $p, variants: $v, strategy: $s) {
    productVariants { id sku title } userErrors { code field message } } }"""
METAFIELDS = """mutation($m: [MetafieldsSetInput!]!) { metafieldsSet(metafields: $m) {
  metafields { key value compareDigest } userErrors { code field message elementIndex } } }"""
PUBLISH = "mutation($id: ID!, $i: [PublicationInput!]!) { publishablePublish(id: $id, input: $i) { userErrors { field message } } }"
BY_KEY = """query($v: String!) { productByIdentifier(identifier: {customId: {namespace: "engate", key: "erp_id", value: $v}}) {
  id title vendor variants(first: 10) { nodes { id sku } } metafields(first: 10) { nodes { namespace key value } }
  collections(first: 10) { nodes { id } } media(first: 10) { nodes { id alt } } options { name values } } }"""
IDENTIFIER = {"customId": {"namespace": "engate", "key": "erp_id", "value": "100"}}


def option(value: str, name: str = "Embalagem") -> list[dict[str, str]]:
    return [{"optionName": name, "name": value}]


def input_of(*variants: tuple[str, str, str], **fields: Any) -> dict[str, Any]:
    """variants: (option value, sku, price)"""
    return {
        "title": "Café",
        "productOptions": [{"name": "Embalagem", "values": [{"name": value} for value, _, _ in variants]}],
        "variants": [{"optionValues": option(value), "sku": sku, "price": price} for value, sku, price in variants],
        **fields,
    }


TWO = (("UN", "100-1", "10.50"), ("CX", "100-2", "100.00"))


# ---- productSet ----


async def test_product_set_is_an_upsert_by_custom_id(api: Any) -> None:
    await api.define()
    first = (await api.ok(SET, id=IDENTIFIER, i=input_of(*TWO)))["product"]
    assert [(one["sku"], one["title"], one["price"]) for one in first["variants"]["nodes"]] == [
        ("100-1", "UN", "10.50"),
        ("100-2", "CX", "100.00"),
    ]
    second = (await api.ok(SET, id=IDENTIFIER, i=input_of(*TWO, title="Café novo")))["product"]
    assert second["id"] == first["id"] and second["title"] == "Café novo"
    assert [one["id"] for one in second["variants"]["nodes"]] == [one["id"] for one in first["variants"]["nodes"]]
    found = await api.ok(BY_KEY, v="100")
    assert found["id"] == first["id"] and found["options"] == [{"name": "Embalagem", "values": ["UN", "CX"]}]
    assert (await api.ok(BY_KEY, v="101")) is None


async def test_without_a_definition_there_is_no_custom_id(api: Any) -> None:
    assert "type 'id' is required" in (await api.refused(BY_KEY, v="100"))["message"]
    await api.define(key="erp_id", kind="single_line_text_field")
    assert (await api.refused(BY_KEY, v="100"))["code"] == "BAD_REQUEST"


async def test_a_variant_that_is_forgotten_is_deleted(api: Any) -> None:
    await api.define()
    first = (await api.ok(SET, id=IDENTIFIER, i=input_of(*TWO)))["product"]
    await api.ok(SET, id=IDENTIFIER, i=input_of(TWO[1]))
    left = (await api.ok(BY_KEY, v="100"))["variants"]["nodes"]
    assert [one["sku"] for one in left] == ["100-2"] and left[0]["id"] == first["variants"]["nodes"][1]["id"]
    assert (await api.ok("query($id: ID!) { productVariant(id: $id) { id } }", id=first["variants"]["nodes"][0]["id"])) is None


async def test_metafields_files_and_collections_that_are_forgotten_go_too_and_omitted_lists_stay(api: Any) -> None:
    await api.define()
    collection = (await api.ok(
        """mutation($c: CollectionCreateInput) { collectionCreate(collection: $c) { collection { id } userErrors {
          message } } }""", c={"title": "Bebidas"}
    ))["collection"]["id"]  # fmt: skip
    erp_id = {"namespace": "engate", "key": "erp_id", "value": "100"}
    note = {"namespace": "engate", "key": "note", "type": "single_line_text_field", "value": "x"}
    files = [{"originalSource": f"https://img.example/{name}.jpg", "alt": name} for name in "ab"]
    await api.ok(SET, id=IDENTIFIER, i=input_of(*TWO, metafields=[erp_id, note], files=files, collections=[collection]))
    await api.ok(SET, id=IDENTIFIER, i={"title": "Café 2"})
    held = await api.ok(BY_KEY, v="100")
    assert (
        len(held["metafields"]["nodes"]),
        len(held["media"]["nodes"]),
        len(held["collections"]["nodes"]),
        len(held["variants"]["nodes"]),
    ) == (2, 2, 1, 2)
    await api.ok(
        SET,
        id=IDENTIFIER,
        i={"title": "Café 3", "metafields": [erp_id], "files": [{"id": held["media"]["nodes"][1]["id"]}], "collections": []},
    )
    held = await api.ok(BY_KEY, v="100")
    assert [one["key"] for one in held["metafields"]["nodes"]] == ["erp_id"]
    assert [one["alt"] for one in held["media"]["nodes"]] == ["b"] and held["collections"]["nodes"] == []


async def test_product_set_refusals_leave_everything_as_it_was(api: Any) -> None:
    await api.define()
    await api.ok(SET, id=IDENTIFIER, i=input_of(*TWO))

    async def code(**fields: Any) -> str:
        [error] = await api.faulty(SET, **fields)
        return error["code"]

    other = {"namespace": "engate", "key": "erp_id", "value": "999"}
    assert await code(id=IDENTIFIER, i={**input_of(*TWO), "metafields": [other]}) == "METAFIELD_MISMATCH"
    assert await code(id=IDENTIFIER, i={"title": "x", "variants": []}) == "PRODUCT_OPTIONS_INPUT_MISSING"
    assert await code(id=IDENTIFIER, i={"title": "x", "productOptions": []}) == "VARIANTS_INPUT_MISSING"
    assert await code(id=IDENTIFIER, i=input_of(("UN", "1", "-1"))) == "INVALID_VARIANT"
    assert await code(id={"handle": "x"}, i={"title": "x"}) == "MISSING_FIELD_REQUIRED"
    assert await code(id={"handle": "x"}, i={"title": "x", "handle": "y"}) == "INPUT_MISMATCH"
    assert await code(id={"id": "gid://shopify/Product/1"}, i={"title": "x"}) == "PRODUCT_DOES_NOT_EXIST"
    assert await code(i=input_of(("UN", "1", "1"), title=" ")) == "INVALID_PRODUCT"
    lost = input_of(*TWO)
    lost["variants"][0]["optionValues"] = option("PC")
    assert await code(id=IDENTIFIER, i=lost) == "OPTION_VALUE_DOES_NOT_EXIST"
    twice = input_of(*TWO)
    twice["variants"].append(twice["variants"][0])
    assert await code(id=IDENTIFIER, i=twice) == "INVALID_VARIANT"
    held = await api.ok(BY_KEY, v="100")
    assert (held["title"], [one["sku"] for one in held["variants"]["nodes"]]) == ("Café", ["100-1", "100-2"])


async def test_two_variants_with_one_custom_id_are_refused(api: Any) -> None:
    await api.define("PRODUCTVARIANT", "erp_sku")
    given = input_of(*TWO)
    for row in given["variants"]:
        row["metafields"] = [{"namespace": "engate", "key": "erp_sku", "value": "1"}]
    assert (await api.faulty(SET, i=given))[0]["code"] == "INVALID_METAFIELD"
    given["variants"][1]["metafields"][0]["value"] = "2"
    made = (await api.ok(SET, i=given))["product"]["variants"]["nodes"]
    text = (
        'query($v: String!) { productVariantByIdentifier(identifier: {customId: {namespace: "engate", key: "erp_sku", value: $v}}) { id } }'
    )
    assert [(await api.ok(text, v=value))["id"] for value in "12"] == [one["id"] for one in made]


async def test_quantities_of_an_existing_variant_only_where_it_is_stocked(api: Any) -> None:
    def with_stock(location: str) -> dict[str, Any]:
        given = input_of(TWO[0])
        given["variants"][0] |= {
            "inventoryQuantities": [{"locationId": location, "name": "available", "quantity": 3}],
            "inventoryItem": {"tracked": True},
        }
        return given

    await api.define()
    await api.ok(SET, id=IDENTIFIER, i=with_stock(api.main))
    [error] = await api.faulty(SET, id=IDENTIFIER, i=with_stock(api.second))
    assert "where it is stocked" in error["message"]
    assert (await api.look("state"))[0]["stock"] == {api.main: 3}


async def test_an_asynchronous_product_set_is_polled(api: Any) -> None:
    made = await api.ok(SET, i=input_of(*TWO), s=False)
    assert made["product"] is None and made["productSetOperation"]["status"] == "CREATED"
    text = """query($id: ID!) { productOperation(id: $id) { status product { id } ... on ProductSetOperation { userErrors { code } } } }"""
    seen = [await api.ok(text, id=made["productSetOperation"]["id"]) for _ in range(3)]
    assert [one["status"] for one in seen] == ["ACTIVE", "COMPLETE", "COMPLETE"] and seen[0]["product"] is None and seen[2]["product"]
    made = await api.ok(SET, i={"title": ""}, s=False)
    key = made["productSetOperation"]["id"]
    assert [await api.faulty(text, id=key) for _ in range(2)] == [[], [{"code": "INVALID_PRODUCT"}]]


# ---- productCreate, productUpdate ----


async def test_create_and_update(api: Any) -> None:
    await api.define()
    made = await api.product(metafields=[{"namespace": "engate", "key": "erp_id", "value": "7"}], tags=["a"])
    assert (made["handle"], made["status"], len(made["variants"]["nodes"])) == ("cafe", "ACTIVE", 1)
    assert (await api.product())["handle"] == "cafe-1"  # nothing keeps a product from being made twice
    identifier = {"customId": {"namespace": "engate", "key": "erp_id", "value": "7"}}
    changed = (await api.ok(UPDATE, id=identifier, p={"title": "Café 2", "tags": ["b"]}))["product"]
    assert changed == {"id": made["id"], "title": "Café 2", "tags": ["b"]}
    [error] = await api.faulty(UPDATE, id={"id": "gid://shopify/Product/9"}, p={"title": "x"})
    assert error["message"] == "Product does not exist"
    [error] = await api.faulty(UPDATE, p={"id": made["id"], "handle": "cafe-1"})
    assert "already in use" in error["message"]
    [error] = await api.faulty(UPDATE, p={"id": made["id"], "title": ""})
    assert error["field"] == ["product", "title"]


async def test_a_custom_id_belongs_to_one_product(api: Any) -> None:
    await api.define()
    erp_id = {"namespace": "engate", "key": "erp_id", "value": "7"}
    await api.product(metafields=[erp_id])
    errors = await api.faulty(
        "mutation($p: ProductCreateInput!) { productCreate(product: $p) { product { id } userErrors { field message } } }",
        p={"title": "Outro", "metafields": [erp_id]},
    )
    assert "already been assigned" in errors[0]["message"]


async def test_collections_are_joined_and_left(api: Any) -> None:
    create = (
        "mutation($c: CollectionCreateInput) { collectionCreate(collection: $c) { collection { id handle } userErrors { field message } } }"
    )
    made = [(await api.ok(create, c={"title": title}))["collection"] for title in ("Bebidas", "Cafés")]
    product = await api.product(collectionsToJoin=[made[0]["id"]])
    await api.ok(UPDATE, p={"id": product["id"], "collectionsToJoin": [made[1]["id"]], "collectionsToLeave": [made[0]["id"]]})
    text = """query($h: String!) { collectionByIdentifier(identifier: {handle: $h}) { title productsCount { count }
      products(first: 5) { nodes { id } } } }"""
    assert (await api.ok(text, h="bebidas"))["productsCount"]["count"] == 0
    assert (await api.ok(text, h="cafes"))["products"]["nodes"] == [{"id": product["id"]}]
    [error] = await api.faulty(UPDATE, p={"id": product["id"], "collectionsToJoin": ["gid://shopify/Collection/1"]})
    assert error["field"] == ["product", "collectionsToJoin", "0"]
    update = (
        "mutation($c: CollectionUpdateInput) { collectionUpdate(collection: $c) { collection { title } userErrors { field message } } }"
    )
    assert (await api.ok(update, c={"id": made[0]["id"], "title": "Bebidas frias"}))["collection"]["title"] == "Bebidas frias"
    [error] = await api.faulty(update, c={"id": made[0]["id"], "handle": "cafes"})
    assert error["message"] == "Handle has already been taken"
    found = await api.ok('{ collections(first: 5, query: "title:cafés") { nodes { handle } } }')
    assert found["nodes"] == [{"handle": "cafes"}]


async def test_tags_add_without_overwriting(api: Any) -> None:
    made = await api.product(tags=["a"])
    for name, tags in (("tagsAdd", ["b", "a"]), ("tagsRemove", ["a"])):
        text = f"""mutation($id: ID!, $t: [String!]!) {{ {name}(id: $id, tags: $t) {{ node {{ ... on Product {{ tags }}
          }} userErrors {{ message }} }} }}"""
        node = (await api.ok(text, id=made["id"], t=tags))["node"]
    assert node == {"tags": ["b"]}


# ---- variants ----


async def test_variants_are_created_beside_the_default_one_that_then_goes(api: Any) -> None:
    made = await api.product(productOptions=[{"name": "Embalagem", "values": [{"name": "UN"}]}])
    rows = [{"optionValues": option("CX"), "price": "100.00", "inventoryItem": {"sku": "CX1", "tracked": True}}]
    created = (await api.ok(BULK_CREATE, p=made["id"], v=rows))["productVariants"]
    assert [(one["sku"], one["title"]) for one in created] == [("CX1", "CX")]
    [error] = await api.faulty(BULK_CREATE, p=made["id"], v=rows)
    assert error["code"] == "VARIANT_ALREADY_EXISTS"
    [error] = await api.faulty(BULK_CREATE, p=made["id"], v=[{"price": "1"}])
    assert error["code"] == "NEED_TO_ADD_OPTION_VALUES"
    alone = await api.product()
    text = """mutation($p: ID!, $o: [OptionCreateInput!]!) { productOptionsCreate(productId: $p, options: $o) {
      product { options { name values } variants(first: 5) { nodes { title } } } userErrors { code message } } }"""
    shown = (await api.ok(text, p=alone["id"], o=[{"name": "Embalagem", "values": [{"name": "UN"}]}]))["product"]
    assert shown == {"options": [{"name": "Embalagem", "values": ["UN"]}], "variants": {"nodes": [{"title": "UN"}]}}


async def test_an_update_is_all_or_none_unless_partial(api: Any) -> None:
    await api.define()
    made = (await api.ok(SET, i=input_of(*TWO)))["product"]
    ids = [one["id"] for one in made["variants"]["nodes"]]
    rows = [{"id": ids[0], "price": "11.00"}, {"id": ids[1], "price": "-1"}, {"price": "1"}]
    errors = await api.faulty(BULK_UPDATE, p=made["id"], v=rows)
    assert [error["code"] for error in errors] == ["GREATER_THAN_OR_EQUAL_TO", "PRODUCT_VARIANT_ID_MISSING"]
    assert errors[0]["field"] == ["variants", "1", "price"]
    prices = "query($id: ID!) { product(id: $id) { variants(first: 5) { nodes { price } } } }"
    assert [one["price"] for one in (await api.ok(prices, id=made["id"]))["variants"]["nodes"]] == ["10.50", "100.00"]
    assert len(await api.faulty(BULK_UPDATE, p=made["id"], v=rows, a=True)) == 2
    assert [one["price"] for one in (await api.ok(prices, id=made["id"]))["variants"]["nodes"]] == ["11.00", "100.00"]
    [error] = await api.faulty(BULK_UPDATE, p=made["id"], v=[{"id": ids[0], "inventoryQuantities": []}])
    assert error["code"] == "NO_INVENTORY_QUANTITIES_ON_VARIANTS_UPDATE"


async def test_a_variant_of_another_product_is_refused_and_the_last_one_stays(api: Any) -> None:
    one, two = await api.product("A"), await api.product("B")
    foreign = two["variants"]["nodes"][0]["id"]
    [error] = await api.faulty(BULK_UPDATE, p=one["id"], v=[{"id": foreign, "price": "1.00"}])
    assert error["code"] == "PRODUCT_VARIANT_DOES_NOT_EXIST"
    text = "mutation($p: ID!, $v: [ID!]!) { productVariantsBulkDelete(productId: $p, variantsIds: $v) { userErrors { code message } } }"
    assert (await api.faulty(text, p=one["id"], v=[foreign]))[0]["code"] == "AT_LEAST_ONE_VARIANT_DOES_NOT_BELONG_TO_THE_PRODUCT"
    assert (await api.faulty(text, p=two["id"], v=[foreign]))[0]["code"] == "CANNOT_DELETE_LAST_VARIANT"


async def test_skus_are_searched_for_and_need_not_be_unique(api: Any) -> None:
    await api.ok(SET, i=input_of(("UN", "A 1", "1"), ("CX", "A-2", "1")))
    await api.ok(SET, i=input_of(("UN", "A-2", "1")))
    text = "query($q: String!) { productVariants(first: 10, query: $q) { nodes { sku } } }"
    for query, expected in (
        ("sku:A-2", 2), ("sku:'A 1'", 1), ("sku:'A 1' OR sku:A-2", 3), ("sku:A*", 3), ("sku:B", 0), ("sku:A-2 AND price:3", 2),
        ("-sku:A-2", 1),
    ):  # fmt: skip
        assert len((await api.ok(text, q=query))["nodes"]) == expected, query


async def test_a_search_can_lag_and_a_custom_id_does_not(api: Any) -> None:
    await api.define()
    await api.setting("index_delay=60")
    await api.ok(SET, id=IDENTIFIER, i=input_of(*TWO))
    text = '{ productVariants(first: 5, query: "sku:100-1") { nodes { sku } } }'
    assert (await api.ok(text))["nodes"] == [] and (await api.ok(BY_KEY, v="100"))["title"] == "Café"
    await api.advance(60)
    assert (await api.ok(text))["nodes"] == [{"sku": "100-1"}]


async def test_products_are_paged_by_their_stamp(api: Any) -> None:
    for title in "ABC":
        await api.product(title)
        await api.advance(60)
    text = """query($q: String!, $a: String) { products(first: 1, after: $a, query: $q, sortKey: UPDATED_AT) {
      nodes { title updatedAt } pageInfo { hasNextPage endCursor } } }"""
    since = "updated_at:>='2026-11-27T12:01:00Z'"
    first = await api.ok(text, q=since)
    assert first["nodes"][0]["title"] == "B" and first["pageInfo"]["hasNextPage"]
    second = await api.ok(text, q=since, a=first["pageInfo"]["endCursor"])
    assert second["nodes"] == [{"title": "C", "updatedAt": "2026-11-27T12:02:00Z"}] and not second["pageInfo"]["hasNextPage"]
    assert (await api.refused(text, q="", a="rubbish"))["message"].startswith("Invalid cursor")


# ---- metafields ----


async def test_metafields_are_set_25_at_a_time_all_or_none(api: Any) -> None:
    made = await api.product()
    row = {"ownerId": made["id"], "namespace": "engate", "key": "a", "type": "single_line_text_field", "value": "x"}
    [error] = await api.faulty(METAFIELDS, m=[row] * 26)
    assert error["code"] == "LESS_THAN_OR_EQUAL_TO"
    errors = await api.faulty(METAFIELDS, m=[row, {**row, "key": "b", "value": ""}, {**row, "key": "c", "type": "url", "value": "no"}])
    assert [(error["code"], error["elementIndex"]) for error in errors] == [("BLANK", 1), ("INVALID_VALUE", 2)]
    read = 'query($id: ID!) { product(id: $id) { metafield(namespace: "engate", key: "a") { value compareDigest } } }'
    assert (await api.ok(read, id=made["id"]))["metafield"] is None
    await api.ok(METAFIELDS, m=[row])
    digest = (await api.ok(read, id=made["id"]))["metafield"]["compareDigest"]
    [error] = await api.faulty(METAFIELDS, m=[{**row, "value": "y", "compareDigest": "old"}])
    assert error["code"] == "STALE_OBJECT"
    await api.ok(METAFIELDS, m=[{**row, "value": "y", "compareDigest": digest}])
    assert (await api.ok(read, id=made["id"]))["metafield"]["value"] == "y"


async def test_a_definition_is_made_once_and_binds_the_type(api: Any) -> None:
    await api.define()
    text = """mutation($d: MetafieldDefinitionInput!) { metafieldDefinitionCreate(definition: $d) { createdDefinition {
      id } userErrors { code message } } }"""
    definition = {"name": "x", "namespace": "engate", "key": "erp_id", "type": "id", "ownerType": "PRODUCT"}
    assert (await api.faulty(text, d=definition))[0]["code"] == "TAKEN"
    assert (await api.faulty(text, d={**definition, "key": "b", "type": "colourful"}))[0]["code"] == "INCLUSION"
    made = await api.product()
    row = {"ownerId": made["id"], "namespace": "engate", "key": "erp_id", "type": "single_line_text_field", "value": "x"}
    assert (await api.faulty(METAFIELDS, m=[row]))[0]["code"] == "INVALID_TYPE"
    found = await api.ok('{ metafieldDefinitions(first: 5, ownerType: PRODUCT, namespace: "engate") { nodes { key type { name } } } }')
    assert found["nodes"] == [{"key": "erp_id", "type": {"name": "id"}}]


# ---- files ----

FILE = "query($id: ID!) { node(id: $id) { ... on MediaImage { fileStatus image { url } fileErrors { code } } } }"
CREATE_FILES = "mutation($f: [FileCreateInput!]!) { fileCreate(files: $f) { files { id alt } userErrors { code field message } } }"


async def test_an_image_is_ready_some_time_after_it_was_sent(api: Any) -> None:
    [made] = (await api.ok(CREATE_FILES, f=[{"originalSource": "https://img.example/a.jpg", "alt": "a"}]))["files"]
    seen = [(await api.ok(FILE, id=made["id"])) for _ in range(3)]
    assert [one["fileStatus"] for one in seen] == ["UPLOADED", "PROCESSING", "READY"]
    assert seen[0]["image"] is None and (await api.ok(FILE, id=made["id"]))["image"]["url"].startswith("https://cdn.shopify.com/")
    [slow] = (await api.ok(CREATE_FILES, f=[{"originalSource": "https://img.example/b.jpg"}]))["files"]
    await api.advance(10)
    assert (await api.ok(FILE, id=slow["id"]))["fileStatus"] == "READY"


async def test_an_image_that_cannot_be_fetched_fails_later(api: Any) -> None:
    [made] = (await api.ok(CREATE_FILES, f=[{"originalSource": "https://img.invalid/a.jpg"}]))["files"]
    await api.advance(10)
    body = await api.ok(FILE, id=made["id"])
    assert body["fileStatus"] == "FAILED" and body["fileErrors"] == [{"code": "IMAGE_DOWNLOAD_FAILURE"}]


async def test_the_same_file_sent_twice_is_two_files_unless_it_replaces(api: Any) -> None:
    product = await api.product()
    media = [{"originalSource": "https://img.example/a.jpg", "mediaContentType": "IMAGE", "alt": "a"}]
    for _ in range(2):
        await api.ok(UPDATE, p={"id": product["id"]}, m=media)
    count = "query($id: ID!) { product(id: $id) { mediaCount { count } } }"
    assert (await api.ok(count, id=product["id"]))["mediaCount"]["count"] == 2
    replacing = {"originalSource": "https://img.example/b.jpg", "filename": "b.jpg", "duplicateResolutionMode": "REPLACE"}
    ids = {(await api.ok(CREATE_FILES, f=[replacing]))["files"][0]["id"] for _ in range(2)}
    assert len(ids) == 1
    [error] = await api.faulty(CREATE_FILES, f=[{"originalSource": "https://img.example/b.jpg", "duplicateResolutionMode": "REPLACE"}])
    assert error["code"] == "MISSING_FILENAME_FOR_DUPLICATE_MODE_REPLACE"
    [error] = await api.faulty(CREATE_FILES, f=[{"originalSource": "a.jpg"}])
    assert error["field"] == ["files", "0", "originalSource"]


async def test_a_file_is_attached_once_it_is_ready(api: Any) -> None:
    product = await api.product()
    [made] = (await api.ok(CREATE_FILES, f=[{"originalSource": "https://img.example/a.jpg"}]))["files"]
    text = "mutation($f: [FileUpdateInput!]!) { fileUpdate(files: $f) { files { id } userErrors { code message } } }"
    attach = [{"id": made["id"], "referencesToAdd": [product["id"]], "alt": "nova"}]
    assert (await api.faulty(text, f=attach))[0]["code"] == "NON_READY_STATE"
    await api.advance(10)
    await api.ok(text, f=attach)
    body = await api.ok("query($id: ID!) { product(id: $id) { media(first: 5) { nodes { id alt status } } } }", id=product["id"])
    assert body["media"]["nodes"] == [{"id": made["id"], "alt": "nova", "status": "READY"}]


# ---- publications and the state ----


async def test_nothing_is_visible_before_it_is_published_and_active(api: Any) -> None:
    sku = await api.sellable("S1")
    [state] = await api.look("state")
    assert state.get("visible", True) and state["key"] == "S1" and state["remote"] == sku["variant"] and state["price"] == "100.00"
    await api.ok(PUBLISH.replace("publishablePublish", "publishableUnpublish"), id=sku["product"], i=[{"publicationId": api.online}])
    await api.ok(UPDATE, p={"id": sku["product"], "status": "DRAFT"})
    await api.set_stock([(sku["item"], 0)])
    [state] = await api.look("state")
    assert not state["visible"] and state["missing"] == ["product_draft", "not_published", "no_stock"]
    [error] = await api.faulty(PUBLISH, id=sku["product"], i=[{"publicationId": "gid://shopify/Publication/99"}])
    assert error["field"] == ["input", "0", "publicationId"]
    await api.ok(PUBLISH, id=sku["product"], i=[{"publicationId": api.online}])
    assert (await api.look("state"))[0]["missing"] == ["product_draft", "no_stock"]
    text = """query($id: ID!, $p: ID!) { product(id: $id) { publishedOnPublication(publicationId: $p)
      resourcePublications(first: 5) { nodes { publication { id } isPublished } } } }"""
    body = await api.ok(text, id=sku["product"], p=api.online)
    assert body == {
        "publishedOnPublication": True,
        "resourcePublications": {"nodes": [{"publication": {"id": api.online}, "isPublished": True}]},
    }


async def test_the_state_names_the_erp_key_of_the_product(api: Any) -> None:
    await api.define()
    await api.ok(SET, id=IDENTIFIER, i=input_of(*TWO))
    assert {(row["key"], row["product"]) for row in await api.look("state")} == {("100-1", "100"), ("100-2", "100")}


@pytest.mark.parametrize("kind", ["stock", "price", "text"])
async def test_corrupt_spoils_silently(api: Any, kind: str) -> None:
    await api.sellable("S1")
    [before] = await api.look("state")
    stamp = "{ products(first: 1) { nodes { updatedAt } } }"
    stamps = await api.ok(stamp)
    await api.advance(60)
    await api.control("corrupt", {"kind": kind, "key": "S1"})
    [after] = await api.look("state")
    assert after != before and (await api.ok(stamp)) == stamps
