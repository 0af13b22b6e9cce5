"""SKUs, EANs, images, activation and specifications."""

from typing import Any

import pytest

PVT = "/api/catalog/pvt"
SYSTEM = "/api/catalog_system"
SKU = f"{PVT}/stockkeepingunit"
IMAGE = {"Name": "frente", "Url": "https://img.example/1.jpg"}


async def active(api: Any, sku: int) -> bool:
    return (await api.ok("GET", f"{SKU}/{sku}"))["IsActive"]


# ---- creating and replacing ----


async def test_a_sku_is_created_inactive(api: Any) -> None:
    product = await api.create_product()
    assert (await api("POST", SKU, api.sku_body(product, IsActive=True))).status_code == 400
    sku = await api.create_sku(product)
    doc = await api.ok("GET", f"{SKU}/{sku}")
    assert (doc["IsActive"], doc["UnitMultiplier"], doc["MeasurementUnit"], doc["CommercialConditionId"]) == (False, 1, "un", 1)
    assert doc["CreationDate"] == "2026-11-27T12:00:00"


REFUSED = [
    {"ProductId": 99}, {"ProductId": None}, {"Name": "x" * 201}, {"Name": ""}, {"RefId": "x" * 51}, {"PackagedWeightKg": 0},
    {"PackagedWeightKg": 1.5}, {"PackagedWeightKg": None}, {"PackagedWeightKg": "10"}, {"PackagedHeight": None}, {"PackagedLength": "1"},
    {"PackagedWidth": True}, {"CommercialConditionId": 0}, {"MeasurementUnit": "dz"}, {"ActivateIfPossible": "x"}, {"UnitMultiplier": "2"},
]  # fmt: skip


@pytest.mark.parametrize("fields", REFUSED)
async def test_a_sku_is_refused(api: Any, fields: dict[str, Any]) -> None:
    product = await api.create_product()
    sku = await api.create_sku(product)
    assert (await api("POST", SKU, api.sku_body(product, RefId="new") | fields)).status_code == 400
    assert (await api("PUT", f"{SKU}/{sku}", api.sku_body(product) | fields)).status_code == 400
    assert await api.ok("GET", f"{SYSTEM}/pvt/sku/stockkeepingunitids?page=1&pagesize=10") == [sku]


@pytest.mark.parametrize("name", ["ProductId", "Name", "PackagedHeight", "PackagedLength", "PackagedWidth", "PackagedWeightKg"])
async def test_required_fields_of_a_sku(api: Any, name: str) -> None:
    product = await api.create_product()
    sku = await api.create_sku(product)
    body = api.sku_body(product, RefId="new")
    del body[name]
    assert (await api("POST", SKU, body)).status_code == 400
    assert (await api("PUT", f"{SKU}/{sku}", body)).status_code == 400


async def test_the_limits_of_a_sku_are_inclusive(api: Any) -> None:
    await api.create_sku(Name="x" * 200, RefId="r" * 50, PackagedWeightKg=1, MeasurementUnit="m²")


@pytest.mark.parametrize("key", [0, -1, 2**31, 1.5, "7"])
async def test_a_sku_id_is_a_positive_int32(api: Any, key: object) -> None:
    product = await api.create_product()
    assert (await api("POST", SKU, api.sku_body(product, Id=key))).status_code == 400


async def test_an_own_sku_id_is_taken_once_and_an_unknown_one_is_404(api: Any) -> None:
    assert await api.create_sku(Id=2**31 - 1) == 2**31 - 1
    product = next(iter(api.sandbox.shop.products))
    assert (await api("POST", SKU, api.sku_body(product, RefId="other", Id=2**31 - 1))).status_code == 409
    assert (await api("GET", f"{SKU}/7")).status_code == 404
    assert (await api("PUT", f"{SKU}/7", api.sku_body(product))).status_code == 404


async def test_a_reference_is_of_one_sku_and_may_be_left_out(api: Any) -> None:
    product = await api.create_product()
    first = await api.create_sku(product, RefId="R")
    assert (await api("POST", SKU, api.sku_body(product, RefId="R"))).status_code == 409
    second = await api.create_sku(product, RefId=None)
    third = await api.create_sku(product, RefId="")
    assert (await api("PUT", f"{SKU}/{second}", api.sku_body(product, RefId="R"))).status_code == 409
    await api.ok("PUT", f"{SKU}/{first}", api.sku_body(product, RefId="R2"))
    await api.ok("PUT", f"{SKU}/{third}", api.sku_body(product, RefId="R"))  # the old reference is free again


async def test_looking_a_sku_up(api: Any) -> None:
    product = await api.create_product()
    first, second = await api.create_sku(product, RefId="A 1/b"), await api.create_sku(product, RefId="B")
    await api.ok("POST", f"{SKU}/{first}/ean/7891234567895")
    found = await api.ok("GET", f"{SKU}?RefId=A%201/b")
    assert (found["Id"], found["Ean"]) == (first, "7891234567895")
    assert (await api("GET", f"{SKU}?RefId=C")).status_code == 404
    assert (await api("GET", SKU)).status_code == 400
    assert await api.ok("GET", f"{SYSTEM}/pvt/sku/stockkeepingunitidbyrefid/B") == str(second)
    assert (await api("GET", f"{SYSTEM}/pvt/sku/stockkeepingunitidbyrefid/C")).status_code == 404
    by_refs = f"{SYSTEM}/pub/sku/stockkeepingunitidsbyrefids"
    assert await api.ok("POST", by_refs, ["B", "A 1/b", "C"]) == {"B": str(second), "A 1/b": str(first)}
    assert (await api("POST", by_refs, ["B", "B"])).status_code == 500
    assert (await api.ok("GET", f"{SYSTEM}/pvt/sku/stockkeepingunitbyean/7891234567895"))["Id"] == first
    assert (await api("GET", f"{SYSTEM}/pvt/sku/stockkeepingunitbyean/1")).status_code == 404
    assert (await api.ok("GET", f"{SYSTEM}/pvt/sku/stockkeepingunitbyid/{second}"))["AlternateIds"] == {"RefId": "B"}
    assert await api.ok("GET", f"{SYSTEM}/pvt/sku/stockkeepingunitids?page=2&pagesize=1") == [second]


async def test_a_put_without_is_active_deactivates_and_wipes(api: Any) -> None:
    sku = await api.create_visible(ManufacturerCode="M", UnitMultiplier=2)
    assert await active(api, sku)
    body = api.sku_body((await api.ok("GET", f"{SKU}/{sku}"))["ProductId"])
    del body["IsActive"]
    await api.ok("PUT", f"{SKU}/{sku}", body)
    doc = await api.ok("GET", f"{SKU}/{sku}")
    assert (doc["IsActive"], doc["ManufacturerCode"], doc["UnitMultiplier"]) == (False, "", 1)


# ---- EANs ----


async def test_eans_are_added_and_removed_and_belong_to_one_sku(api: Any) -> None:
    product = await api.create_product()
    first, second = await api.create_sku(product, RefId="A"), await api.create_sku(product, RefId="B")
    for ean in ("111", "222", "111"):
        await api.ok("POST", f"{SKU}/{first}/ean/{ean}")
    assert await api.ok("GET", f"{SKU}/{first}/ean") == ["111", "222"]
    assert (await api("POST", f"{SKU}/{second}/ean/111")).status_code == 409
    await api.ok("DELETE", f"{SKU}/{first}/ean/111")
    await api.ok("POST", f"{SKU}/{second}/ean/111")
    await api.ok("DELETE", f"{SKU}/{first}/ean")
    assert await api.ok("GET", f"{SKU}/{first}/ean") == []
    assert (await api("POST", f"{SKU}/9/ean/1")).status_code == 404


# ---- images ----


@pytest.mark.parametrize(
    "fields",
    [
        {"Url": "ftp://img.example/1.jpg"}, {"Url": "https://img.example/1.jpeg"}, {"Url": "https://img.example/1.jpg?v=2"}, {"Url": None},
        {"Url": "/1.png"}, {"Name": None}, {"IsMain": 1}, {"Position": "0"},
    ],
)  # fmt: skip
async def test_an_image_is_refused(api: Any, fields: dict[str, Any]) -> None:
    sku = await api.create_sku()
    assert (await api("POST", f"{SKU}/{sku}/file", IMAGE | fields)).status_code == 400
    assert await api.ok("GET", f"{SKU}/{sku}/file") == []
    file = (await api.ok("POST", f"{SKU}/{sku}/file", IMAGE))[0]
    assert (await api("PUT", f"{SKU}/{sku}/file/{file['Id']}", IMAGE | fields)).status_code == 400


@pytest.mark.parametrize("name", ["Name", "Url"])
async def test_required_fields_of_an_image(api: Any, name: str) -> None:
    sku = await api.create_sku()
    assert (await api("POST", f"{SKU}/{sku}/file", {key: value for key, value in IMAGE.items() if key != name})).status_code == 400


@pytest.mark.parametrize("url", ["http://img.example/1.jpg", "https://img.example/a.PNG", "https://img.example/a.gif"])
async def test_the_kinds_of_images(api: Any, url: str) -> None:
    sku = await api.create_sku()
    await api.ok("POST", f"{SKU}/{sku}/file", IMAGE | {"Url": url})


async def test_images_are_listed_replaced_and_removed(api: Any) -> None:
    sku = await api.create_sku()
    first = (await api.ok("POST", f"{SKU}/{sku}/file", IMAGE | {"IsMain": True}))[0]
    second = (await api.ok("POST", f"{SKU}/{sku}/file", IMAGE | {"Name": "verso", "IsMain": True, "Position": 4}))[0]
    assert (second["Position"], [file["IsMain"] for file in await api.ok("GET", f"{SKU}/{sku}/file")]) == (0, [False, True])
    changed = (await api.ok("PUT", f"{SKU}/{sku}/file/{first['Id']}", IMAGE | {"Label": "novo", "IsMain": True}))[0]
    assert changed["Id"] == first["Id"]
    assert [(file["Label"], file["IsMain"]) for file in await api.ok("GET", f"{SKU}/{sku}/file")] == [("novo", True), (None, False)]
    assert (await api("DELETE", f"{SKU}/{sku}/file/9")).status_code == 404
    assert (await api("PUT", f"{SKU}/{sku}/file/9", IMAGE)).status_code == 404
    await api.ok("DELETE", f"{SKU}/{sku}/file/{first['Id']}")
    assert len(await api.ok("GET", f"{SKU}/{sku}/file")) == 1
    await api.ok("DELETE", f"{SKU}/{sku}/file")
    assert await api.ok("GET", f"{SKU}/{sku}/file") == []


# ---- activation ----


async def test_the_first_image_activates_a_sku_that_asks_for_it(api: Any) -> None:
    product = await api.create_product()
    asking, other = await api.create_sku(product), await api.create_sku(product, RefId="S2", ActivateIfPossible=False)
    for sku in (asking, other):
        await api.ok("POST", f"{SKU}/{sku}/file", IMAGE)
    assert (await active(api, asking), await active(api, other)) == (True, False)
    await api.ok("PUT", f"{SKU}/{other}", api.sku_body(product, RefId="S2", IsActive=True))
    assert await active(api, other)


async def test_only_the_first_image_activates(api: Any) -> None:
    product = await api.create_product(IsActive=False)
    sku = await api.create_sku(product)
    await api.ok("POST", f"{SKU}/{sku}/file", IMAGE)
    body = await api.ok("GET", f"{PVT}/product/{product}")
    await api.ok("PUT", f"{PVT}/product/{product}", {**body, "IsActive": True})
    await api.ok("POST", f"{SKU}/{sku}/file", IMAGE)
    assert not await active(api, sku)


async def refused_and_not_activated(api: Any, sku: int, reason: str) -> None:
    """Neither the first image nor a PUT activates the SKU; a refused PUT changes nothing."""
    doc = await api.ok("GET", f"{SKU}/{sku}")
    if reason != "image":
        await api.ok("POST", f"{SKU}/{sku}/file", IMAGE)
    assert not await active(api, sku)
    answer = await api("PUT", f"{SKU}/{sku}", {**doc, "IsActive": True, "Name": "changed"})
    assert answer.status_code == 400
    assert answer.json()["Message"].endswith(f"cannot be activated: {reason}")
    assert await api.ok("GET", f"{SKU}/{sku}") == doc


async def test_activation_needs_an_image(api: Any) -> None:
    await refused_and_not_activated(api, await api.create_sku(), "image")


async def test_activation_needs_a_reference_or_an_ean(api: Any) -> None:
    sku = await api.create_sku(RefId="")
    await refused_and_not_activated(api, sku, "RefId or EAN")
    await api.ok("POST", f"{SKU}/{sku}/ean/111")
    await api.ok("PUT", f"{SKU}/{sku}", {**await api.ok("GET", f"{SKU}/{sku}"), "IsActive": True})


async def test_activation_needs_an_active_product(api: Any) -> None:
    await refused_and_not_activated(api, await api.create_sku(await api.create_product(IsActive=False)), "active product")


async def test_activation_needs_an_active_brand(api: Any) -> None:
    brand = await api.create_brand(5, Active=False)
    await refused_and_not_activated(api, await api.create_sku(await api.create_product(brand=brand)), "active brand")


async def test_activation_needs_every_level_of_the_category_active(api: Any) -> None:
    top = await api.create_category(IsActive=False)
    child = await api.create_category(FatherCategoryId=top, Name="B")
    await refused_and_not_activated(api, await api.create_sku(await api.create_product(child)), "active category")


# ---- specifications ----


async def field(api: Any, category: int, **fields: Any) -> int:
    group = await api.ok("POST", f"{PVT}/specificationgroup", {"CategoryId": category, "Name": "Ficha"})
    body = {"FieldTypeId": 1, "CategoryId": category, "FieldGroupId": group["Id"], "Name": "Voltagem", "IsActive": True} | fields
    return (await api.ok("POST", f"{PVT}/specification", body))["Id"]


async def test_activation_needs_the_required_specifications_of_every_level(api: Any) -> None:
    top = await api.create_category()
    child = await api.create_category(FatherCategoryId=top, Name="B")
    of_product, of_sku = await field(api, top, IsRequired=True), await field(api, child, IsRequired=True, IsStockKeepingUnit=True)
    product = await api.create_product(child)
    sku = await api.create_sku(product)
    await refused_and_not_activated(api, sku, "required specifications")
    await api.ok("POST", f"{PVT}/product/{product}/specification", {"FieldId": of_product, "Text": "x"})
    assert (await api("PUT", f"{SKU}/{sku}", api.sku_body(product, IsActive=True))).status_code == 400
    await api.ok("POST", f"{SKU}/{sku}/specification", {"FieldId": of_sku, "Text": "110"})
    await api.ok("PUT", f"{SKU}/{sku}", api.sku_body(product, IsActive=True))


async def test_a_group_must_be_of_the_same_category(api: Any) -> None:
    top = await api.create_category()
    child = await api.create_category(FatherCategoryId=top, Name="B")
    group = await api.ok("POST", f"{PVT}/specificationgroup", {"CategoryId": top, "Name": "Ficha"})
    body = {"FieldTypeId": 1, "CategoryId": child, "FieldGroupId": group["Id"], "Name": "V"}
    assert (await api("POST", f"{PVT}/specification", body)).status_code == 400
    assert (await api("POST", f"{PVT}/specification", {**body, "CategoryId": top})).status_code == 200
    assert [one["Name"] for one in await api.ok("GET", f"{SYSTEM}/pvt/specification/groupbycategory/{top}")] == ["Ficha"]
    assert [one["Name"] for one in await api.ok("GET", f"{SYSTEM}/pub/specification/field/listByCategoryId/{top}")] == ["V"]


@pytest.mark.parametrize("fields", [{"FieldTypeId": 3}, {"FieldGroupId": 99}, {"Name": "x" * 101}, {"Name": ""}, {"IsRequired": 1}])
async def test_a_field_is_refused(api: Any, fields: dict[str, Any]) -> None:
    category = await api.create_category()
    group = await api.ok("POST", f"{PVT}/specificationgroup", {"CategoryId": category, "Name": "Ficha"})
    body = {"FieldTypeId": 1, "CategoryId": category, "FieldGroupId": group["Id"], "Name": "V"} | fields
    assert (await api("POST", f"{PVT}/specification", body)).status_code == 400


async def test_values_are_of_combo_radio_and_checkbox_fields_alone(api: Any) -> None:
    category = await api.create_category()
    text, combo = await field(api, category), await field(api, category, FieldTypeId=5, Name="Cor")
    assert (await api("POST", f"{PVT}/specificationvalue", {"FieldId": text, "Name": "Azul"})).status_code == 400
    assert (await api("POST", f"{PVT}/specificationvalue", {"FieldId": 99, "Name": "Azul"})).status_code == 400
    value = (await api.ok("POST", f"{PVT}/specificationvalue", {"FieldId": combo, "Name": "Azul"}))["FieldValueId"]
    path = f"{PVT}/product/{await api.create_product(category)}/specification"
    assert (await api("POST", path, {"FieldId": combo, "Text": "Azul"})).status_code == 400
    assert (await api("POST", path, {"FieldId": text})).status_code == 400
    await api.ok("POST", path, {"FieldId": combo, "FieldValueId": value})
    await api.ok("POST", path, {"FieldId": text, "Text": "a"})
    await api.ok("POST", path, {"FieldId": text, "Text": "b"})  # one value per field
    assert [line["Text"] for line in await api.ok("GET", path)] == ["Azul", "b"]


async def test_a_field_of_skus_takes_no_value_of_a_product(api: Any) -> None:
    category = await api.create_category()
    key = await field(api, category, IsStockKeepingUnit=True)
    path = f"{PVT}/product/{await api.create_product(category)}/specification"
    assert (await api("POST", path, {"FieldId": key, "Text": "x"})).status_code == 400
    assert (await api("POST", path, {"FieldId": 99, "Text": "x"})).status_code == 400


async def test_values_by_name_create_what_is_missing_and_replace_what_was(api: Any) -> None:
    product = await api.create_product()
    path = f"{PVT}/product/{product}/specificationvalue"
    body = {"FieldName": "Cor", "GroupName": "Ficha", "RootLevelSpecification": True, "FieldValues": ["Azul", "Verde"]}
    await api.ok("PUT", path, body)
    await api.ok("PUT", path, {**body, "FieldValues": ["Verde"]})
    assert [line["Text"] for line in await api.ok("GET", f"{PVT}/product/{product}/specification")] == ["Verde"]
    assert (len(api.sandbox.shop.fields), len(api.sandbox.shop.groups), len(api.sandbox.shop.field_values)) == (1, 1, 2)
    for fields in ({"FieldValues": []}, {"FieldValues": [1]}, {"FieldName": ""}, {"GroupName": None}, {"RootLevelSpecification": "x"}):
        assert (await api("PUT", path, body | fields)).status_code == 400
    for name in body:
        assert (await api("PUT", path, {key: value for key, value in body.items() if key != name})).status_code == 400
