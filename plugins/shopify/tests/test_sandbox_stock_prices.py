"""Stock with its idempotency keys, and prices per company."""

from typing import Any

SET_STOCK = """mutation($i: InventorySetQuantitiesInput!, $k: String!) { inventorySetQuantities(input: $i) @idempotent(key: $k) {
  inventoryAdjustmentGroup { reason referenceDocumentUri changes { name delta quantityAfterChange } } userErrors {
    code field message } } }"""
ACTIVATE = """mutation($i: ID!, $l: ID!, $a: Int, $k: String!) { inventoryActivate(inventoryItemId: $i, locationId: $l, available: $a)
  @idempotent(key: $k) { inventoryLevel { id quantities(names: ["available", "on_hand"]) { name quantity } }
    userErrors { field message } } }"""
LEVELS = """query($id: ID!) { inventoryItem(id: $id) { tracked inventoryLevels(first: 5) {
  nodes { location { id } quantities(names: ["available", "committed", "on_hand"]) { name quantity } } } } }"""
ADD = """mutation($l: ID!, $p: [PriceListPriceInput!]!) { priceListFixedPricesAdd(priceListId: $l, prices: $p) {
  prices { variant { sku } price { amount currencyCode } } userErrors { code field message } } }"""


async def levels(api: Any, item: str) -> dict[str, dict[str, int]]:
    nodes = (await api.ok(LEVELS, id=item))["inventoryLevels"]["nodes"]
    return {one["location"]["id"]: {row["name"]: row["quantity"] for row in one["quantities"]} for one in nodes}


# ---- stock ----


async def test_quantities_are_absolute_and_the_change_is_told(api: Any) -> None:
    sku = await api.sellable(stock=10)
    row = {"inventoryItemId": sku["item"], "locationId": api.main, "quantity": 7, "changeFromQuantity": 10}
    given = {"name": "available", "reason": "correction", "referenceDocumentUri": "gid://engate/StockLoad/1", "quantities": [row]}
    group = (await api.ok(SET_STOCK, i=given, k="k"))["inventoryAdjustmentGroup"]
    assert group["changes"][0] == {"name": "available", "delta": -3, "quantityAfterChange": 7}
    assert (await levels(api, sku["item"])) == {api.main: {"available": 7, "committed": 0, "on_hand": 7}}


async def test_without_the_directive_nothing_is_written(api: Any) -> None:
    sku = await api.sellable(stock=10)
    text = SET_STOCK.replace(" @idempotent(key: $k)", "").replace(", $k: String!", "")
    assert (await api.refused(text, i=api.quantities([(sku["item"], 1)]))) == {
        "code": "BAD_REQUEST", "message": "The @idempotent directive is required for this mutation but was not provided.",
    }  # fmt: skip
    assert (await api.refused(SET_STOCK, i=api.quantities([(sku["item"], 1)]), k=" "))["code"] == "BAD_REQUEST"
    assert (await levels(api, sku["item"]))[api.main]["available"] == 10


async def test_change_from_quantity_is_mandatory_and_null_is_no_check(api: Any) -> None:
    sku = await api.sellable(stock=10)
    given = api.quantities([(sku["item"], 1)])
    del given["quantities"][0]["changeFromQuantity"]
    assert (await api.refused(SET_STOCK, i=given, k="a"))["code"] == "INVALID_FIELD_ARGUMENTS"
    given["quantities"][0]["changeFromQuantity"] = 9
    [error] = await api.faulty(SET_STOCK, i=given, k="b")
    assert (error["code"], error["field"]) == ("CHANGE_FROM_QUANTITY_STALE", ["input", "quantities", "0", "changeFromQuantity"])
    given["quantities"][0]["changeFromQuantity"] = None
    await api.ok(SET_STOCK, i=given, k="c")
    assert (await levels(api, sku["item"]))[api.main]["available"] == 1


async def test_a_key_answers_its_first_result_again(api: Any) -> None:
    sku = await api.sellable(stock=10)
    given = api.quantities([(sku["item"], 4)])
    first = await api.ok(SET_STOCK, i=given, k="same")
    await api.set_stock([(sku["item"], 8)])
    assert (await api.ok(SET_STOCK, i=given, k="same")) == first
    assert (await levels(api, sku["item"]))[api.main]["available"] == 8  # 10 -> 4 -> 8 and not 4 again
    [error] = await api.faulty(SET_STOCK, i=api.quantities([(sku["item"], 5)]), k="same")
    assert error["code"] == "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"


async def test_a_key_that_failed_needs_a_new_one(api: Any) -> None:
    sku = await api.sellable(stock=10)
    given = api.quantities([(sku["item"], 4)])
    given["quantities"][0]["changeFromQuantity"] = 1
    for code in ("CHANGE_FROM_QUANTITY_STALE", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"):
        assert (await api.faulty(SET_STOCK, i=given, k="k"))[0]["code"] == code
    await api.setting("concurrent=1")
    assert (await api.faulty(SET_STOCK, i=given, k="new"))[0]["code"] == "IDEMPOTENCY_CONCURRENT_REQUEST"
    assert (await api.faulty(SET_STOCK, i=given, k="new"))[0]["code"] == "CHANGE_FROM_QUANTITY_STALE"


async def test_251_quantities_are_refused(api: Any) -> None:
    refused = await api.refused(SET_STOCK, i=api.quantities([(f"gid://shopify/InventoryItem/{n}", 1) for n in range(251)]), k="k")
    assert refused["code"] == "MAX_INPUT_SIZE_EXCEEDED"


async def test_one_bad_item_fails_the_batch(api: Any) -> None:
    one, two = await api.sellable("S1"), await api.sellable("S2")
    bundle = await api.sellable("S3")
    api.sandbox.shop.things[bundle["variant"]].requires_components = True
    rows = [(one["item"], 1), ("gid://shopify/InventoryItem/1", 1), (two["item"], -1), (bundle["item"], 1), (one["item"], 2)]
    errors = await api.faulty(SET_STOCK, i=api.quantities(rows), k="k")
    assert [(error["code"], error["field"][2]) for error in errors] == [
        ("INVALID_INVENTORY_ITEM", "1"), ("INVALID_QUANTITY_NEGATIVE", "2"), ("NON_MUTABLE_INVENTORY_ITEM", "3"),
        ("NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", "4"),
    ]  # fmt: skip
    assert (await levels(api, one["item"]))[api.main]["available"] == 10
    for field, value, code in (("reason", "because", "INVALID_REASON"), ("name", "committed", "INVALID_NAME"),
                               ("referenceDocumentUri", "no uri", "INVALID_REFERENCE_DOCUMENT")):  # fmt: skip
        [error] = await api.faulty(SET_STOCK, i=api.quantities([(one["item"], 1)], **{field: value}), k=field)
        assert error["code"] == code


async def test_a_level_must_be_activated_first(api: Any) -> None:
    sku = await api.sellable()
    given = api.quantities([(sku["item"], 5)])
    given["quantities"][0]["locationId"] = api.second
    [error] = await api.faulty(SET_STOCK, i=given, k="a")
    assert "not stocked at the location" in error["message"]
    level = (await api.ok(ACTIVATE, i=sku["item"], l=api.second, a=3, k="b"))["inventoryLevel"]
    assert level["quantities"] == [{"name": "available", "quantity": 3}, {"name": "on_hand", "quantity": 3}]
    await api.ok(SET_STOCK, i=given, k="c")
    assert (await levels(api, sku["item"]))[api.second]["available"] == 5
    await api.ok(ACTIVATE, i=sku["item"], l=api.second, a=None, k="d")
    [error] = await api.faulty(ACTIVATE, i=sku["item"], l=api.second, a=9, k="e")
    assert "already active" in error["message"]
    assert (await api.refused(ACTIVATE.replace("@idempotent(key: $k)", "").replace(", $k: String!", ""), i=sku["item"], l=api.second))[
        "code"
    ] == "BAD_REQUEST"


async def test_on_hand_is_what_is_there_and_available_what_is_not_sold(api: Any) -> None:
    sku = await api.sellable(stock=10)
    await api.sell(items=[{"sku": "S1", "quantity": 3, "price": "100.00"}])
    assert (await levels(api, sku["item"]))[api.main] == {"available": 7, "committed": 3, "on_hand": 10}
    given = api.quantities([(sku["item"], 20)], name="on_hand")
    await api.ok(SET_STOCK, i=given, k="k")
    assert (await levels(api, sku["item"]))[api.main] == {"available": 17, "committed": 3, "on_hand": 20}


# ---- prices ----


async def test_fixed_prices_of_a_price_list(api: Any) -> None:
    sku = await api.sellable()
    [row] = (await api.look("describe"))["choices"]["price_lists"].values()
    price = {"variantId": sku["variant"], "price": {"amount": "80.00", "currencyCode": "BRL"}}
    for amount in ("80.00", "75.50"):  # a second time replaces
        price["price"]["amount"] = amount
        made = (await api.ok(ADD, l=row["list"], p=[price]))["prices"]
    assert made == [{"variant": {"sku": "S1"}, "price": {"amount": "75.5", "currencyCode": "BRL"}}]
    read = "query($id: ID!) { priceList(id: $id) { fixedPricesCount prices(first: 5) { nodes { originType price { amount } } } } }"
    assert (await api.ok(read, id=row["list"]))["prices"]["nodes"] == [{"originType": "FIXED", "price": {"amount": "75.5"}}]
    update = """mutation($l: ID!, $a: [PriceListPriceInput!]!, $d: [ID!]!) { priceListFixedPricesUpdate(priceListId: $l, pricesToAdd: $a,
      variantIdsToDelete: $d) { deletedFixedPriceVariantIds userErrors { code message } } }"""
    await api.ok(update, l=row["list"], a=[], d=[sku["variant"]])
    assert (await api.ok(read, id=row["list"]))["prices"]["nodes"] == [{"originType": "RELATIVE", "price": {"amount": "100.0"}}]
    assert (await api.faulty(update, l=row["list"], a=[], d=[sku["variant"]]))[0]["code"] == "PRICE_NOT_FIXED"


async def test_price_refusals(api: Any) -> None:
    sku = await api.sellable()
    [row] = (await api.look("describe"))["choices"]["price_lists"].values()
    price = {"variantId": sku["variant"], "price": {"amount": "80.00", "currencyCode": "USD"}}
    assert (await api.faulty(ADD, l=row["list"], p=[price]))[0]["code"] == "PRICE_LIST_CURRENCY_MISMATCH"
    price = {"variantId": "gid://shopify/ProductVariant/1", "price": {"amount": "80.00", "currencyCode": "BRL"}}
    assert (await api.faulty(ADD, l=row["list"], p=[price]))[0]["code"] == "VARIANT_NOT_FOUND"
    assert (await api.faulty(ADD, l="gid://shopify/PriceList/1", p=[]))[0]["code"] == "PRICE_LIST_NOT_FOUND"
    assert (await api.refused(ADD, l=row["list"], p=[price] * 251))["code"] == "MAX_INPUT_SIZE_EXCEEDED"


async def test_catalogs_and_companies_where_b2b_is_on(api: Any) -> None:
    companies = "{ companies(first: 5) { nodes { externalId locations(first: 5) { nodes { id } } } } }"
    [company] = (await api.ok(companies))["nodes"]
    place = company["locations"]["nodes"][0]["id"]
    create = """mutation($i: CatalogCreateInput!) { catalogCreate(input: $i) { catalog { id title ... on CompanyLocationCatalog {
      companyLocationsCount { count } } } userErrors { code message } } }"""
    given = {"title": "Empresa 2", "status": "ACTIVE", "context": {"companyLocationIds": [place]}}
    catalog = (await api.ok(create, i=given))["catalog"]
    assert catalog["companyLocationsCount"] == {"count": 1}
    lists = """mutation($i: PriceListCreateInput!) { priceListCreate(input: $i) { priceList { id catalog { id } }
      userErrors { code message } } }"""
    wanted = {
        "name": "E2",
        "currency": "BRL",
        "catalogId": catalog["id"],
        "parent": {"adjustment": {"type": "PERCENTAGE_DECREASE", "value": 10}},
    }
    assert (await api.ok(lists, i=wanted))["priceList"]["catalog"]["id"] == catalog["id"]
    assert (await api.faulty(lists, i={**wanted, "name": "E3"}))[0]["code"] == "CATALOG_TAKEN"
    await api.setting("b2b=off")
    assert (await api.refused(companies))["code"] == "ACCESS_DENIED"
    assert (await api.faulty(create, i=given))[0]["code"] == "UNPERMITTED_ENTITLEMENTS_DIRECT_CATALOG_ASSIGNMENT"
