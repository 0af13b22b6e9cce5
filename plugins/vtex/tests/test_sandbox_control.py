"""What the control protocol says and does: visibility, seeds, sales, state and spoiling."""

from typing import Any

import pytest
from plugins.vtex.tests.conftest import BUYER

PVT = "/api/catalog/pvt"
SEED = {
    "branches": [{"key": "1", "name": "Matriz", "cnpj": "1"}, {"key": "3", "name": "Filial", "cnpj": "2"}],
    "categories": [{"key": "d", "name": "Casa", "level": "department"}, {"key": "s", "name": "Jardim", "level": "section", "parent": "d"}],
    "brands": [{"key": "b", "name": "Acme"}],
    "products": [
        {
            "key": "P10", "name": "Mangueira", "description": "Verde", "department": "d", "section": "s", "category": None, "brand": "b",
            "weight_kg": "1.25", "height_cm": "10", "width_cm": "20", "length_cm": "30.5",
            "skus": [
                {"code": "P10-UN", "ean": "7891", "packaging": "UN", "units": 1, "price": "19.90", "stock": {"1": 4, "3": 6}},
                {"code": "P10-CX", "ean": "", "packaging": "CX", "units": 12, "price": "200", "stock": {"1": 0}},
            ],
        }
    ],
}  # fmt: skip


async def skus(api: Any) -> dict[str, dict[str, Any]]:
    state = (await api.client.get("/_sandbox/state")).json()
    return {sku["key"]: {"missing": (), "visible": True} | sku for sku in state}


async def visible(api: Any) -> int:
    return sum(sku["visible"] for sku in (await skus(api)).values())


# ---- visibility: each condition removed from one SKU of three ----


async def product_of(api: Any, sku: int) -> dict[str, Any]:
    doc = await api.ok("GET", f"{PVT}/stockkeepingunit/{sku}")
    return await api.ok("GET", f"{PVT}/product/{doc['ProductId']}")


async def deactivate_sku(api: Any, sku: int) -> None:
    doc = await api.ok("GET", f"{PVT}/stockkeepingunit/{sku}")
    await api.ok("PUT", f"{PVT}/stockkeepingunit/{sku}", {**doc, "IsActive": False})


async def deactivate_product(api: Any, sku: int) -> None:
    product = await product_of(api, sku)
    await api.ok("PUT", f"{PVT}/product/{product['Id']}", {**product, "IsActive": False})


async def hide_product(api: Any, sku: int) -> None:
    product = await product_of(api, sku)
    await api.ok("PUT", f"{PVT}/product/{product['Id']}", {**product, "IsVisible": False})


async def deactivate_brand(api: Any, sku: int) -> None:
    product = await product_of(api, sku)
    brand = await api.create_brand(9, Active=False)
    await api.ok("PUT", f"{PVT}/product/{product['Id']}", {**product, "BrandId": brand})


async def deactivate_category(api: Any, sku: int) -> None:
    product = await product_of(api, sku)
    category = await api.create_category(Name="Parada", IsActive=False)
    await api.ok("PUT", f"{PVT}/product/{product['Id']}", {**product, "CategoryId": category})


async def deactivate_department(api: Any, sku: int) -> None:
    product = await product_of(api, sku)
    department = await api.create_category(Name="Parado", IsActive=False)
    category = await api.create_category(Name="Filha", FatherCategoryId=department)
    await api.ok("PUT", f"{PVT}/product/{product['Id']}", {**product, "CategoryId": category})


async def drop_policy(api: Any, sku: int) -> None:
    product = await product_of(api, sku)
    await api.ok("POST", f"{PVT}/product/{product['Id']}/salespolicy/2")
    await api.ok("DELETE", f"{PVT}/product/{product['Id']}/salespolicy/1")


async def drop_price(api: Any, sku: int) -> None:
    await api.ok("DELETE", api.prices(sku))


async def empty_stock(api: Any, sku: int) -> None:
    await api.ok("PATCH", f"{api.inventory(sku)}/quantity", {"quantity": 0, "unlimitedQuantity": False})


async def reserve_all(api: Any, sku: int) -> None:
    await api.sell(items=[{"sku": "S2", "quantity": 10, "price": "100.00"}])


async def deactivate_warehouse(api: Any, sku: int) -> None:
    await empty_stock(api, sku)
    await api.ok("PATCH", f"{api.inventory(sku, api.second)}/quantity", {"quantity": 9, "unlimitedQuantity": False})
    await api.ok(
        "POST", "/api/logistics/pvt/configuration/warehouses", {"id": api.second, "name": "2", "warehouseDocks": [], "isActive": False}
    )


@pytest.mark.parametrize(
    ("remove", "token"),
    [
        (deactivate_sku, "sku_inactive"), (deactivate_product, "product_inactive"), (hide_product, "product_hidden"),
        (deactivate_brand, "brand_inactive"), (deactivate_category, "category_inactive"), (deactivate_department, "category_inactive"),
        (drop_policy, "no_trade_policy"), (drop_price, "no_price"), (empty_stock, "no_stock"), (reserve_all, "no_stock"),
        (deactivate_warehouse, "no_stock"),
    ],
)  # fmt: skip
async def test_a_condition_removed_from_one_sku_hides_exactly_that_one(api: Any, remove: Any, token: str) -> None:
    made = [await api.create_visible(ref) for ref in ("S1", "S2", "S3")]
    assert await visible(api) == 3
    await remove(api, made[1])
    assert await visible(api) == 2
    assert (await skus(api))["S2"]["missing"] == [token]
    refused = await api.client.post("/_sandbox/sell", json=[api.sale(number=7, items=[{"sku": "S2", "quantity": 1, "price": "100.00"}])])
    assert refused.status_code == 422
    assert f"sale 7: SKU S2 cannot be bought: {token}" in refused.json()["error"]


async def test_unlimited_stock_is_visible_and_sells_without_end(api: Any) -> None:
    sku = await api.create_visible(stock=0)
    assert await visible(api) == 0
    await api.ok("PATCH", f"{api.inventory(sku)}/quantity", {"quantity": 0, "unlimitedQuantity": True})
    assert await visible(api) == 1
    await api.sell(items=[{"sku": "S1", "quantity": 1_000_000, "price": "0.01"}])
    await api.sell(number=2)


async def test_nothing_is_visible_before_its_last_step(api: Any) -> None:
    """The order of the initial load; after each step the SKU is invisible until the last one is done."""
    product = await api.create_product()
    sku = await api.create_sku(product)
    seen = []
    for method, path, body in (
        ("POST", f"{PVT}/product/{product}/salespolicy/1", None),
        ("POST", f"{PVT}/stockkeepingunit/{sku}/file", {"Name": "a", "Url": "https://img.example/a.png"}),
        ("PUT", api.prices(sku), {"basePrice": 10}),
        ("PUT", api.inventory(sku), {"quantity": 1, "unlimitedQuantity": False, "leadTime": "00:00:00"}),
    ):
        seen.append(await visible(api))
        await api.ok(method, path, body)
    assert (seen, await visible(api)) == ([0, 0, 0, 0], 1)


# ---- describe, seed, state ----


async def test_describe_names_what_reaches_the_shop(api: Any) -> None:
    told = (await api.client.get("/_sandbox/describe")).json()
    assert (told["platform"], told["role"]) == ("vtex", "storefront")
    assert told["settings"]["pricing_url"] == f"{told['settings']['base_url']}/{told['settings']['account']}"
    assert told["settings"]["trade_policy"] == told["choices"]["price_lists"]["default"]["list"] == "1"
    warehouses = {doc["id"] for doc in await api.ok("GET", "/api/logistics/pvt/configuration/warehouses")}
    assert {row["warehouse"] for row in told["choices"]["warehouses"].values()} == warehouses
    assert set(told["choices"]["payments"]) == {"pix", "boleto", "credit_card", "debit_card", "voucher"}
    assert set(told["secrets"]) == {"app_key", "app_token"}


async def test_a_seed_is_a_shop_that_sells(api: Any) -> None:
    assert await api.control("seed", SEED) == {"products": 1, "skus": 2}
    held = await skus(api)
    unit, box = held["P10-UN"], held["P10-CX"]
    assert (unit["product"], unit["name"], unit["product_name"], unit["description"], unit["ean"]) == (
        "P10", "UN", "Mangueira", "Verde", "7891",
    )  # fmt: skip
    assert (unit["price"], unit["stock"], unit["visible"]) == ("19.90", {"1_main": 4, "1_second": 6}, True)
    assert (box["stock"], box["visible"], box["missing"]) == ({"1_main": 0}, False, ["no_stock"])
    found = await api.ok("GET", f"{PVT}/stockkeepingunit?RefId=P10-UN")
    assert (found["Id"], found["PackagedWeightKg"], found["Ean"]) == (int(unit["remote"]), 1250, "7891")
    tree = await api.ok("GET", "/api/catalog_system/pub/category/tree/2")
    assert tree[0]["children"][0]["name"] == "Jardim"
    assert (await api.ok("GET", "/api/catalog_system/pvt/products/productgetbyrefid/P10"))["CategoryId"] == tree[0]["children"][0]["id"]
    await api.sell(items=[{"sku": "P10-UN", "quantity": 10, "price": "19.90"}])


async def test_a_third_branch_has_no_warehouse(api: Any) -> None:
    branches = [*SEED["branches"], {"key": "9", "name": "Outra", "cnpj": "3"}]
    answer = await api.client.post("/_sandbox/seed", json={"branches": branches})
    assert answer.status_code == 422


async def test_state_tells_the_price_in_force(api: Any) -> None:
    sku = await api.create_visible(price=100)
    await api.ok("POST", api.prices(sku, "/fixed/1"), [{"value": 79.99, "minQuantity": 1}])
    assert (await skus(api))["S1"]["price"] == "79.99"


# ---- sales ----


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"items": [{"sku": "none", "quantity": 1, "price": "1.00"}]}, "no SKU has the reference none"),
        ({"items": [{"sku": "S1", "quantity": 11, "price": "1.00"}]}, "11 wanted, 10 available"),
        ({"items": [{"sku": "S1", "quantity": 0, "price": "1.00"}]}, "quantity 0"),
        ({"items": []}, "needs items"),
        ({"payments": [{"tag": "cash", "value": "100.00"}]}, "no payment form cash"),
        ({"payments": [{"tag": "pix", "value": "99.99"}]}, "the payments are 99.99, the order is 100"),
        ({"items": [{"sku": "S1", "quantity": 1, "price": "0.001"}]}, "not whole cents"),
        ({"discount": "100.01"}, "a discount of 100.01"),
        ({"shipping": "drone"}, "no shipping drone"),
        ({"chanel": "2"}, "unknown field `chanel`"),
        ({"buyer": {**BUYER, "state_inscription": "110042490114"}}, "no place for the state inscription of a person"),
    ],
)
async def test_a_sale_is_refused_and_says_why(api: Any, fields: dict[str, Any], reason: str) -> None:
    sku = await api.create_visible(stock=10)
    sale = api.sale(number=7) | ({"payments": [{"tag": "pix", "value": "11.00"}]} if "11 wanted" in reason else {}) | fields
    answer = await api.client.post("/_sandbox/sell", json=[sale])
    assert answer.status_code == 422
    assert reason in answer.json()["error"]
    assert (await api.client.get("/_sandbox/orders")).json() == []
    assert (await api.ok("GET", f"/api/logistics/pvt/inventory/skus/{sku}"))["balance"][0]["reservedQuantity"] == 0


async def test_a_sale_of_another_channel_to_a_company_that_pays_icms(api: Any) -> None:
    await api.create_visible()
    buyer = {**BUYER, "document": "11222333000181", "state_inscription": "110042490114"}
    order = await api.order(await api.sell(1, channel="2", buyer=buyer))
    assert (order["salesChannel"], order["clientProfileData"]["stateInscription"]) == ("2", "110042490114")
    usual = await api.order(await api.sell(2))
    assert (usual["salesChannel"], usual["clientProfileData"]["stateInscription"]) == ("1", None)


async def test_a_wrong_sale_stops_the_whole_call(api: Any) -> None:
    await api.create_visible()
    sales = [api.sale(1), api.sale(2, items=[{"sku": "none", "quantity": 1, "price": "1.00"}])]
    assert (await api.client.post("/_sandbox/sell", json=sales)).status_code == 422
    assert (await api.client.get("/_sandbox/orders")).json() == []


async def test_a_sale_in_the_past_and_what_orders_reports(api: Any) -> None:
    await api.create_visible()
    key = await api.sell(number=5, placed_at="2026-11-01T10:00:00-03:00")
    assert (await api.order(key))["creationDate"].startswith("2026-11-01T10:00:00")
    order = (await api.client.get("/_sandbox/orders")).json()[0]
    assert (order["key"], order["storefront_key"], order["number"], order["state"], order["phase"]) == (
        key, key, 5, "ready-for-handling", "open",
    )  # fmt: skip
    assert order["items"] == [["S1", 1, "100"]]
    assert (await api.client.get("/_sandbox/ledger")).json()["effects"]["orders_created"] == 1


async def test_a_discount_is_spread_to_the_last_cent(api: Any) -> None:
    await api.create_visible("S1", stock=100)
    await api.create_visible("S2", stock=100)
    items = [{"sku": "S1", "quantity": 1, "price": "0.01"}, {"sku": "S2", "quantity": 3, "price": "0.01"}]
    for discount in range(5):
        key = await api.sell(
            number=discount, items=items, discount=f"0.0{discount}", payments=[{"tag": "pix", "value": f"0.0{4 - discount}"}]
        )
        order = await api.order(key)
        assert order["value"] == 4 - discount
        assert sum(item["priceDefinition"]["total"] for item in order["items"]) == order["value"]
        assert all(item["priceDefinition"]["total"] >= 0 for item in order["items"])


# ---- spoiling ----


async def test_spoiling_a_sku(api: Any) -> None:
    await api.create_visible()
    before = (await skus(api))["S1"]
    for kind in ("stock", "price", "text"):
        await api.control("corrupt", {"kind": kind, "key": "S1"})
    after = (await skus(api))["S1"]
    assert all(before[name] != after[name] for name in ("stock", "price", "product_name"))
    for kind, key in (("stock", "none"), ("order", "none"), ("colour", "S1")):
        assert (await api.client.post("/_sandbox/corrupt", json={"kind": kind, "key": key})).status_code == 422


async def test_an_injected_refusal_is_in_the_platforms_words(api: Any) -> None:
    for kind, words in ((401, "Unauthorized access"), (403, "The credentials are not enabled to access the service.")):
        await api.control("faults", [{"kind": str(kind)}])
        answer = await api("GET", "/api/logistics/pvt/configuration/warehouses")
        assert (answer.status_code, answer.json()["error"]["message"]) == (kind, words)
