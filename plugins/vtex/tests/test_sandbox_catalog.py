"""Categories, brands, products and trade policies."""

from typing import Any

import pytest

PVT = "/api/catalog/pvt"
SYSTEM = "/api/catalog_system"


# ---- categories ----


async def test_a_category_is_created_read_and_replaced(api: Any) -> None:
    top = await api.create_category(Name="Casa & Jardim")
    child = await api.create_category(Name="Jardim", FatherCategoryId=top)
    read = await api.ok("GET", f"{PVT}/category/{child}?includeTreePath=true")
    assert (read["FatherCategoryId"], read["TreePath"], read["TreePathIds"]) == (top, ["Casa & Jardim", "Jardim"], [top, child])
    assert read["LinkId"] == "jardim"
    assert (await api.ok("GET", f"{PVT}/category/{child}"))["TreePath"] is None
    assert (await api.ok("GET", f"{PVT}/category/{top}"))["HasChildren"] is True
    body = {name: read[name] for name in read if name not in ("Id", "LinkId", "HasChildren") and not name.startswith("TreePath")}
    await api.ok("PUT", f"{PVT}/category/{child}", {**body, "Name": "Quintal", "FatherCategoryId": None})
    assert (await api.ok("GET", f"{PVT}/category/{top}"))["HasChildren"] is False


async def test_the_tree_goes_as_deep_as_asked(api: Any) -> None:
    top = await api.create_category(Name="A")
    middle = await api.create_category(Name="B", FatherCategoryId=top)
    await api.create_category(Name="C", FatherCategoryId=middle, IsActive=False)
    shallow = await api.ok("GET", f"{SYSTEM}/pub/category/tree/1")
    assert [[child["name"] for child in node["children"]] for node in shallow] == [["B"]]
    assert shallow[0]["children"][0]["hasChildren"] is True
    assert shallow[0]["children"][0]["children"] == []
    deep = await api.ok("GET", f"{SYSTEM}/pub/category/tree/3")
    assert deep[0]["children"][0]["children"][0]["name"] == "C"


@pytest.mark.parametrize("name", ["Name", "Keywords", "Title", "FatherCategoryId", "Score", "LomadeeCampaignCode", "IsActive"])
async def test_every_field_of_a_category_is_required(api: Any, name: str) -> None:
    key = await api.create_category()
    body = (await api.ok("GET", f"{PVT}/category/{key}")) | {"AdWordsRemarketingCode": None}
    del body[name], body["Id"]
    assert (await api("POST", f"{PVT}/category", body)).status_code == 400
    assert (await api("PUT", f"{PVT}/category/{key}", body)).status_code == 400


@pytest.mark.parametrize(
    "fields",
    [{"FatherCategoryId": 99}, {"StockKeepingUnitSelectionMode": "GRID"}, {"Name": " "}, {"Name": None}, {"Name": 5}, {"IsActive": "yes"},
     {"GlobalCategoryId": "1"}, {"FatherCategoryId": "1"}],
)  # fmt: skip
async def test_a_category_is_refused(api: Any, fields: dict[str, Any]) -> None:
    key = await api.create_category()
    body = (await api.ok("GET", f"{PVT}/category/{key}")) | fields
    assert (await api("PUT", f"{PVT}/category/{key}", body)).status_code == 400
    del body["Id"]
    assert (await api("POST", f"{PVT}/category", body)).status_code == 400


async def test_an_own_category_id_is_taken_once(api: Any) -> None:
    assert await api.create_category(Id=2) == 2
    body = await api.ok("GET", f"{PVT}/category/2")
    assert (await api("POST", f"{PVT}/category", body)).status_code == 409
    assert [await api.create_category(), await api.create_category()] == [1, 3]


async def test_an_unknown_category_is_404(api: Any) -> None:
    assert (await api("GET", f"{PVT}/category/9")).status_code == 404
    assert (await api("PUT", f"{PVT}/category/9", {})).status_code == 404


# ---- brands ----


async def test_brands_are_listed_paged_and_replaced(api: Any) -> None:
    for key in (1, 2, 3):
        await api.create_brand(key)
    assert [line["name"] for line in await api.ok("GET", f"{SYSTEM}/pvt/brand/list")] == ["Marca 1", "Marca 2", "Marca 3"]
    page = await api.ok("GET", f"{SYSTEM}/pvt/brand/pagedlist?pageSize=2&page=2")
    assert [line["id"] for line in page["items"]] == [3]
    assert page["paging"] == {"page": 2, "perPage": 2, "total": 3, "pages": 2}
    await api.ok("PUT", f"{PVT}/brand/3", {"Id": 3, "Name": "Outra"})
    assert (await api.ok("GET", f"{PVT}/brand/3"))["Active"] is False
    assert (await api.ok("GET", f"{SYSTEM}/pvt/brand/3"))["name"] == "Outra"
    await api.create_brand(4, Name="Marca 3")  # the old name is free again


async def test_a_trailing_space_makes_another_brand_and_the_same_name_does_not(api: Any) -> None:
    await api.create_brand(1, Name="Acme")
    await api.create_brand(2, Name="Acme ")
    assert (await api("POST", f"{PVT}/brand", {"Id": 3, "Name": "Acme"})).status_code == 409
    assert (await api("PUT", f"{PVT}/brand/2", {"Id": 2, "Name": "Acme"})).status_code == 409
    assert len(await api.ok("GET", f"{SYSTEM}/pvt/brand/list")) == 2


@pytest.mark.parametrize(
    "body",
    [
        {"Name": "A"},
        {"Id": 7},
        {"Id": None, "Name": "A"},
        {"Id": "7", "Name": "A"},
        {"Id": 7, "Name": ""},
        {"Id": 7, "Name": "A", "Active": 1},
    ],
)
async def test_a_brand_is_refused(api: Any, body: dict[str, Any]) -> None:
    assert (await api("POST", f"{PVT}/brand", body)).status_code == 400
    assert await api.ok("GET", f"{SYSTEM}/pvt/brand/list") == []


async def test_a_brand_id_is_taken_once_and_an_unknown_one_is_404(api: Any) -> None:
    await api.create_brand(1)
    assert (await api("POST", f"{PVT}/brand", {"Id": 1, "Name": "B"})).status_code == 409
    for method, path in (("GET", f"{PVT}/brand/9"), ("PUT", f"{PVT}/brand/9"), ("GET", f"{SYSTEM}/pvt/brand/9")):
        assert (await api(method, path, {"Id": 9, "Name": "C"})).status_code == 404


# ---- products ----


async def test_a_product_put_replaces_everything(api: Any) -> None:
    key = await api.create_product(Description="boa", Title="t", ShowWithoutStock=True, Score=3)
    before = await api.ok("GET", f"{PVT}/product/{key}")
    assert (before["Description"], before["ShowWithoutStock"], before["Score"]) == ("boa", True, 3)
    body = {"Name": "Outra", "CategoryId": before["CategoryId"], "BrandId": before["BrandId"]}
    await api.ok("PUT", f"{PVT}/product/{key}", body)
    after = await api.ok("GET", f"{PVT}/product/{key}")
    assert (after["Description"], after["Title"], after["RefId"], after["Score"]) == ("", "", "", 0)
    assert (after["IsActive"], after["IsVisible"], after["ShowWithoutStock"]) == (False, False, False)
    assert await api.ok("GET", f"{SYSTEM}/pvt/products/productgetbyrefid/P1") is None


async def test_the_department_is_the_top_of_the_category(api: Any) -> None:
    top = await api.create_category()
    child = await api.create_category(Name="B", FatherCategoryId=top)
    key = await api.create_product(child)
    assert (await api.ok("GET", f"{PVT}/product/{key}"))["DepartmentId"] == top


async def test_names_create_the_path_and_the_brand_that_are_missing(api: Any) -> None:
    body = {"Name": "P", "CategoryPath": "Casa/Jardim", "BrandName": "Nova"}
    first = await api.ok("POST", f"{PVT}/product", body)
    second = await api.ok("POST", f"{PVT}/product", body)
    assert (first["CategoryId"], first["BrandId"]) == (second["CategoryId"], second["BrandId"])
    tree = await api.ok("GET", f"{SYSTEM}/pub/category/tree/2")
    assert [(node["name"], [child["name"] for child in node["children"]]) for node in tree] == [("Casa", ["Jardim"])]
    assert [line["name"] for line in await api.ok("GET", f"{SYSTEM}/pvt/brand/list")] == ["Nova"]


@pytest.mark.parametrize(
    "fields",
    [
        {"Name": "x" * 151}, {"Title": "x" * 151}, {"TaxCode": "x" * 151}, {"RefId": "x" * 101}, {"Name": ""}, {"CategoryId": 99},
        {"BrandId": 99}, {"CategoryId": None}, {"BrandId": None}, {"IsActive": "true"}, {"Score": 1.5}, {"RefId": 12},
    ],
)  # fmt: skip
async def test_a_product_is_refused(api: Any, fields: dict[str, Any]) -> None:
    key = await api.create_product()
    body = await api.ok("GET", f"{PVT}/product/{key}")
    assert (await api("PUT", f"{PVT}/product/{key}", {**body, **fields})).status_code == 400
    del body["Id"]
    assert (await api("POST", f"{PVT}/product", {**body, **fields})).status_code == 400
    assert len(api.sandbox.shop.products) == 1


async def test_the_limits_of_a_product_are_inclusive(api: Any) -> None:
    await api.create_product(Name="x" * 150, RefId="r" * 100, Title="t" * 150, TaxCode="c" * 150)


@pytest.mark.parametrize("name", ["Name", "CategoryId", "BrandId"])
async def test_a_product_needs_name_category_and_brand(api: Any, name: str) -> None:
    key = await api.create_product()
    body = await api.ok("GET", f"{PVT}/product/{key}")
    del body[name], body["Id"]
    assert (await api("POST", f"{PVT}/product", body)).status_code == 400
    assert (await api("PUT", f"{PVT}/product/{key}", body)).status_code == 400


async def test_an_own_product_id_is_taken_once_and_an_unknown_one_is_404(api: Any) -> None:
    assert await api.create_product(Id=77) == 77
    body = await api.ok("GET", f"{PVT}/product/77")
    assert (await api("POST", f"{PVT}/product", body)).status_code == 409
    assert (await api("GET", f"{PVT}/product/78")).status_code == 404
    assert (await api("PUT", f"{PVT}/product/78", body)).status_code == 404


async def test_product_by_reference(api: Any) -> None:
    key = await api.create_product(RefId="A-1")
    await api.ok("POST", f"{PVT}/product/{key}/salespolicy/1")
    path = f"{SYSTEM}/pvt/products/productgetbyrefid"
    found = await api.ok("GET", f"{path}/A-1")
    assert (found["Id"], found["ListStoreId"]) == (key, [1])
    missing = await api("GET", f"{path}/A-2")
    assert (missing.status_code, missing.content) == (200, b"null")
    spaced = await api("GET", f"{path}/A-1%20")
    assert (spaced.status_code, spaced.content) == (400, b"")


async def test_product_and_sku_ids_come_at_most_250_at_a_time(api: Any) -> None:
    other = await api.create_category(Name="Outra")
    first = await api.create_product()
    sku = await api.create_sku(first)
    second = await api.create_product(other, RefId="P2")
    everything = await api.ok("GET", f"{SYSTEM}/pvt/products/GetProductAndSkuIds?_from=1&_to=1000")
    assert everything["data"] == {str(first): [sku], str(second): []}
    assert everything["range"] == {"total": 2, "from": 1, "to": 250}
    of_category = await api.ok("GET", f"{SYSTEM}/pvt/products/GetProductAndSkuIds?categoryId={first}")
    assert of_category["range"]["total"] == len(of_category["data"])
    page = await api.ok("GET", f"{SYSTEM}/pvt/products/GetProductAndSkuIds?_from=2&_to=2")
    assert list(page["data"]) == [str(second)]


# ---- trade policies ----


async def test_policies_of_a_product(api: Any) -> None:
    key = await api.create_product()
    path = f"{PVT}/product/{key}/salespolicy"
    assert await api.ok("GET", path) == []
    await api.ok("POST", f"{path}/1")
    await api.ok("POST", f"{path}/2")
    await api.ok("DELETE", f"{path}/2")
    assert await api.ok("GET", path) == [{"ProductId": key, "StoreId": 1}]
    assert (await api("POST", f"{path}/9")).status_code == 404
    assert [policy["Id"] for policy in await api.ok("GET", f"{SYSTEM}/pvt/saleschannel/list")] == [1, 2]
