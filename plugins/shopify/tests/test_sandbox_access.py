"""Tokens, versions, scopes, cost and bucket."""

from typing import Any

import pytest

from engate_shopify_sandbox import ShopifySandbox, access

SHOP = "{ shop { id } }"
FULL = "{ a: products(first: 250) { nodes { id } } b: products(first: 250) { nodes { id } }" \
       " c: products(first: 250) { nodes { id } } d: products(first: 250) { nodes { id } } %s }"  # fmt: skip


async def test_without_a_token_nothing_is_served(api: Any) -> None:
    for token in ("", "shpat_wrong"):
        answer = await api.post(SHOP, token=token)
        assert answer.status_code == 401
        assert "Invalid API key or access token" in answer.json()["errors"]


async def test_client_credentials_give_a_token_for_a_day(api: Any) -> None:
    secrets, settings = api.sandbox.describe().secrets, api.sandbox.describe().settings
    form = {"grant_type": "client_credentials", "client_id": settings["client_id"], "client_secret": secrets["client_secret"]}
    answer = await api.client.post("/admin/oauth/access_token", data=form)
    body = answer.json()
    assert (answer.status_code, body["expires_in"]) == (200, 86_399 + 1)
    assert "write_products" in body["scope"].split(",")
    api.token = body["access_token"]
    assert (await api.ok("{ currentAppInstallation { accessScopes { handle } } }"))["accessScopes"]
    await api.advance(86_399)
    assert (await api.post(SHOP)).status_code == 200
    await api.advance(1)
    assert (await api.post(SHOP)).status_code == 401
    assert (await api.client.post("/admin/oauth/access_token", json=form)).status_code == 200


@pytest.mark.parametrize("spoilt", [{"client_secret": "x"}, {"client_id": "x"}, {"grant_type": "password"}])
async def test_wrong_client_credentials_are_refused(api: Any, spoilt: dict[str, str]) -> None:
    form = {"grant_type": "client_credentials", "client_id": access.CLIENT_ID, "client_secret": access.CLIENT_SECRET}
    assert (await api.client.post("/admin/oauth/access_token", data={**form, **spoilt})).status_code == 400
    api.sandbox.access.same_organisation = False
    assert (await api.client.post("/admin/oauth/access_token", data=form)).json() == {"error": "shop_not_permitted"}


async def test_a_frozen_shop_answers_402(api: Any) -> None:
    api.sandbox.access.frozen = 402
    assert (await api.post(SHOP)).status_code == 402


# ---- versions ----


async def test_the_version_that_answers_is_told(api: Any) -> None:
    assert (await api.post(SHOP)).headers["X-Shopify-API-Version"] == "2026-10"
    assert (await api.post(SHOP)).headers["X-Request-ID"]
    versions = await api.ok("{ publicApiVersions { handle supported } }")
    assert [one["handle"] for one in versions if one["supported"]] == ["2026-01", "2026-04", "2026-07", "2026-10"]


async def test_a_version_that_is_gone_falls_forward(api: Any) -> None:
    assert (await api.post(SHOP, version="2025-01")).headers["X-Shopify-API-Version"] == "2026-01"
    assert (await api.post(SHOP, version="2026-01")).headers["X-Shopify-API-Version"] == "2026-01"
    await api.advance(40 * 86_400)  # past 2027-01-01, 17:00 UTC
    assert (await api.post(SHOP, version="2026-01")).headers["X-Shopify-API-Version"] == "2026-04"


@pytest.mark.parametrize("version", ["2026-05", "2031-01", "latest", "2026"])
async def test_a_version_that_never_was_is_not_found(api: Any, version: str) -> None:
    assert (await api.post(SHOP, version=version)).status_code == 404


async def test_an_unknown_path_is_not_found(api: Any) -> None:
    assert (await api.client.get("/admin/api/2026-10/products.json")).status_code == 404


# ---- scopes ----


async def test_a_scope_that_is_missing_is_an_access_denied_inside_a_200(api: Any) -> None:
    api.token = access.CATALOGUE_ONLY
    assert (await api.ok("{ products(first: 1) { nodes { id } } }")) == {"nodes": []}
    refused = await api.refused("{ orders(first: 1) { nodes { id } } }")
    assert refused["code"] == "ACCESS_DENIED" and "`read_orders` access scope" in refused["message"]
    handles = await api.ok("{ currentAppInstallation { accessScopes { handle } } }")
    assert handles["accessScopes"] == [{"handle": "read_products"}, {"handle": "write_products"}]


# ---- documents ----


async def test_what_is_not_in_the_schema_is_refused(api: Any) -> None:
    body = await api("{ shop { colour } }")
    assert "data" not in body and "colour" in body["errors"][0]["message"]
    body = await api("query($n: Int!) { products(first: $n) { nodes { id } } }", n="many")
    assert "data" not in body and "cost" in body["extensions"]
    assert (
        await api.client.post("/admin/api/2026-10/graphql.json", content=b"{", headers={"X-Shopify-Access-Token": api.token})
    ).status_code == 400


async def test_money_is_a_string(api: Any) -> None:
    made = await api.product()
    text = """mutation($p: ID!, $v: [ProductVariantsBulkInput!]!) {
      productVariantsBulkUpdate(productId: $p, variants: $v) { userErrors { message } } }"""
    body = await api(text, p=made["id"], v=[{"id": made["variants"]["nodes"][0]["id"], "price": 10.5}])
    assert "data" not in body and "strings" in body["errors"][0]["message"]


# ---- cost ----


async def test_every_answer_carries_its_cost(api: Any) -> None:
    cost = (await api(SHOP))["extensions"]["cost"]
    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (1, 1)
    status = cost["throttleStatus"]
    assert (status["maximumAvailable"], status["restoreRate"]) == (2000.0, 100.0)
    assert status["currentlyAvailable"] <= 2000


async def test_a_connection_is_sized_by_first_and_paid_by_what_came(api: Any) -> None:
    await api.product()
    text = """{ products(first: 20) { pageInfo { hasNextPage } nodes { id variants(first: 3) { edges { node {
      id inventoryItem { id } } } } } } }"""
    cost = (await api(text))["extensions"]["cost"]
    assert cost["requestedQueryCost"] == 20 * (1 + 3 * 2)
    assert cost["actualQueryCost"] == 1 + 2
    made = (await api.product())["id"]
    text = """query($id: ID!) { node(id: $id) { id ... on Product { variants(first: 9) { nodes { id } } }
      ... on Shop { plan { shopifyPlus } } } }"""
    cost = (await api(text, id=made))["extensions"]["cost"]
    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (10, 2)  # the dearest of what it may be
    text = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    cost = (await api(text, ids=["gid://shopify/Product/1"] * 7))["extensions"]["cost"]
    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (7, 0)


async def test_a_mutation_is_ten_and_a_product_set_more(api: Any) -> None:
    body = await api('mutation { productCreate(product: {title: "A"}) { product { id } userErrors { message } } }')
    assert body["extensions"]["cost"]["requestedQueryCost"] == 10
    variants = [{"optionValues": [{"optionName": "Cor", "name": str(n)}]} for n in range(10)]
    options = [{"name": "Cor", "values": [{"name": str(n)} for n in range(10)]}]
    body = await api(
        "mutation($i: ProductSetInput!) { productSet(input: $i) { product { id } userErrors { message } } }",
        i={"title": "B", "variants": variants, "productOptions": options, "files": [{"originalSource": "https://img.example/a.jpg"}]},
    )
    assert body["extensions"]["cost"]["requestedQueryCost"] == 14  # 10 + 10 * 0.2 + 1.9, rounded up


async def test_a_thousand_points_are_a_query_and_one_more_is_not(api: Any) -> None:
    assert "errors" not in await api(FULL % "")
    body = await api(FULL % "shop { id }")
    assert body["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"
    assert "data" not in body and body["extensions"]["cost"]["requestedQueryCost"] == 1001


async def test_throttled_is_a_200_and_the_wait_it_names_is_enough(api: Any) -> None:
    now = [100.0]
    api.sandbox.bucket.now = lambda: now[0]
    api.sandbox.bucket.give_back = lambda cost: None  # nothing comes back, so that two calls empty the bucket
    for _ in range(2):
        assert "errors" not in await api(FULL % "")
    body = await api(FULL % "")
    assert "data" not in body and body["errors"] == [
        {"message": "Throttled", "extensions": {"code": "THROTTLED", "documentation": "https://shopify.dev/api/usage/limits"}}
    ]
    cost = body["extensions"]["cost"]
    assert (cost["requestedQueryCost"], cost["actualQueryCost"], cost["throttleStatus"]["currentlyAvailable"]) == (1000, None, 0)
    now[0] += (cost["requestedQueryCost"] - 0) / cost["throttleStatus"]["restoreRate"]
    assert "errors" not in await api(FULL % "")
    assert (await api.look("ledger"))["rate_limited"] == 1


async def test_what_was_not_spent_is_given_back(api: Any) -> None:
    now = [0.0]
    api.sandbox.bucket.now = lambda: now[0]
    for _ in range(20):  # 20,000 points asked of an empty shop
        assert "errors" not in await api(FULL % "")
    assert (await api(SHOP))["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"] == 1999


@pytest.mark.parametrize(("plan", "status"), [("standard", (2000, 100)), ("advanced", (4000, 200)), ("plus", (20_000, 1000))])
def test_the_bucket_is_the_plans(plan: str, status: tuple[int, int]) -> None:
    box = ShopifySandbox(plan=plan)
    assert (box.bucket.maximum, box.bucket.restore) == status


# ---- limits ----


async def test_a_list_of_251_is_refused(api: Any) -> None:
    refused = await api.refused("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=["gid://shopify/Product/1"] * 251)
    assert refused["code"] == "MAX_INPUT_SIZE_EXCEEDED"


@pytest.mark.parametrize("size", ["first: 251", "first: 0", "first: 5, last: 5", ""])
async def test_a_page_needs_a_size_of_at_most_250(api: Any, size: str) -> None:
    assert (await api.refused(f"{{ products({size or 'reverse: true'}) {{ nodes {{ id }} }} }}"))["code"] == "BAD_REQUEST"


async def test_nobody_pages_past_the_reach(api: Any) -> None:
    await api.setting("pages_reach=2")
    for title in "ABC":
        await api.product(title)
    first = await api.ok("{ products(first: 2) { nodes { title } pageInfo { endCursor hasNextPage } } }")
    assert first["pageInfo"]["hasNextPage"]
    text = "query($c: String!) { products(first: 2, after: $c) { nodes { title } } }"
    assert "limited to 2 objects" in (await api.refused(text, c=first["pageInfo"]["endCursor"]))["message"]
    assert (await api.ok("{ productsCount { count precision } }")) == {"count": 2, "precision": "AT_LEAST"}


async def test_ids_of_another_kind_are_refused(api: Any) -> None:
    made = await api.product()
    text = "query($id: ID!) { productVariant(id: $id) { id } }"
    assert (await api.refused(text, id=made["id"]))["code"] == "RESOURCE_NOT_FOUND"
    assert (await api.refused(text, id="17"))["message"] == "Invalid global id '17'"
    assert (await api.ok(text, id="gid://shopify/ProductVariant/17")) is None


# ---- ledger and faults ----


async def test_the_ledger_counts_by_root_field_and_tells_writes_from_reads(api: Any) -> None:
    await api.product()
    await api.ok("query Anything { shop { id } }")
    await api.faulty('mutation { productCreate(product: {title: ""}) { userErrors { message } } }')
    ledger = await api.look("ledger")
    assert ledger["by_operation"] == {"POST graphql productCreate": {"200": 2}, "POST graphql shop": {"200": 1}}
    assert ledger["writes"] == {"POST graphql productCreate": 1}
    assert ledger["in_flight"] == {}


async def test_faults_are_aimed_at_a_root_field(api: Any) -> None:
    await api.faults({"kind": "500_applied", "operation": "POST graphql productCreate"}, {"kind": "429", "operation": "POST graphql shop"})
    answer = await api.post('mutation { productCreate(product: {title: "A"}) { product { id } userErrors { message } } }')
    assert answer.status_code == 500
    answer = await api.post(SHOP)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2.0")
    assert len((await api.ok("{ products(first: 5) { nodes { id } } }"))["nodes"]) == 1
    assert (await api.post(SHOP)).status_code == 200
    await api.faults({"kind": "403"})
    assert (await api.refused(SHOP))["code"] == "ACCESS_DENIED"


async def test_control_protocol(api: Any) -> None:
    assert (await api.look("health")) == {"platform": "shopify", "role": "storefront"}
    said = await api.look("describe")
    assert said["settings"]["base_url"] == api.sandbox.base_url and said["settings"]["shop"].endswith(".myshopify.com")
    assert {kind: set(rows) for kind, rows in said["choices"].items()} == {
        "warehouses": {"main", "second"}, "payments": {"pix", "boleto", "credit_card", "debit_card", "voucher"},
        "carriers": {"standard", "express"}, "price_lists": {"wholesale"},
    }  # fmt: skip
    locations = await api.ok("{ locations(first: 10) { nodes { id name } } }")
    assert {one["id"] for one in locations["nodes"]} == {api.main, api.second}
