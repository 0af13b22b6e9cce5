"""Lists and catalogue of the WinThor sandbox (FACTS 3 and 4)."""

from __future__ import annotations

from typing import Any

import pytest

PURCHASES = "/api/purchases/v1"
PEN, BOX, NOTEBOOK = "7891234567895-101", "77101-101", "7899876543217-102"
START = "2026-11-27T09:00:00"
LISTS = [
    f"{PURCHASES}/productDepartments", f"{PURCHASES}/productSections", f"{PURCHASES}/productCategories/", f"{PURCHASES}/productBrands/",
    f"{PURCHASES}/products/", f"{PURCHASES}/skus/", "/api/stock-vtex/v1/available/list", "/api/wholesale/v1/price/list",
    "/api/wholesale/v1/customer/list", "/api/wholesale/v1/orders/list", "/winthor/cliente/v1/regiao", "/winthor/precos/v1/precos-regioes",
]  # fmt: skip
VENDA = ["/winthor/venda/v0/planos-pagamentos", "/winthor/venda/v0/tipos-cobrancas/pdv-sync"]
CHANGED_SINCE = [path for path in LISTS if "/price/" not in path and "/precos/" not in path]


async def ids(api: Any, path: str, **query: Any) -> list[Any]:
    return [row["id"] for row in await api.items(f"{PURCHASES}/{path}", **query)]


# ---- conventions ----


@pytest.mark.parametrize("path", LISTS)
async def test_envelope_and_pages(api: Any, path: str) -> None:
    await api.place()
    whole = await api.get(path, branchId="1,2", pageSize=1000)
    assert set(whole) == {"first", "items", "hasNext"}
    assert (whole["first"], whole["hasNext"]) == (True, False)
    assert whole["items"]
    size = "pagesize" if path.endswith("/regiao") else "pageSize"
    pages: list[Any] = []
    for page in range(1, len(whole["items"]) + 1):
        answer = await api.get(path, branchId="1,2", page=page, **{size: 1})
        assert answer["first"] is (page == 1)
        assert answer["hasNext"] is (page < len(whole["items"]))
        pages += answer["items"]
    assert pages == (await api.get(path, branchId="1,2", **{size: 1000}))["items"]
    assert (await api.get(path, branchId="1,2", page=1000, **{size: 1000})) == {"first": False, "items": [], "hasNext": False}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(("page", "size"), [("0", "10"), ("-1", "10"), ("x", "10"), ("1", "0"), ("1", "1001"), ("1", "x"), ("1.0", "10")])
async def test_pages_that_do_not_exist(api: Any, path: str, page: str, size: str) -> None:
    name = "pagesize" if path.endswith("/regiao") else "pageSize"
    refused = await api.http.get(path, params={"branchId": "1", "page": page, name: size})
    assert refused.status_code == 400
    assert set(refused.json()) == {"code", "message", "detailedMessage"}
    wrong = name if page == "1" else "page"
    assert refused.json()["detailedMessage"].startswith(f"{wrong}:")


async def test_page_size_is_ten_by_default(api: Any) -> None:
    await api.control("seed", {"products": [api.product(str(key)) for key in range(500, 515)]})
    answer = await api.get(f"{PURCHASES}/products/")
    assert (len(answer["items"]), answer["hasNext"]) == (10, True)
    assert len((await api.get(f"{PURCHASES}/products/", page=2))["items"]) == 8


@pytest.mark.parametrize("path", CHANGED_SINCE)
@pytest.mark.parametrize(
    "stamp",
    ["2026-11-27", "2026-11-27T09:00", "2026-11-27T09:00:00Z", "2026-11-27T09:00:00-03:00", "2026-11-27 09:00:00", "2026-02-30T00:00:00",
     "27/11/2026 09:00:00", "2026-11-27T09:00:00.000", "1795780800"],
)  # fmt: skip
async def test_last_change_has_one_format(api: Any, path: str, stamp: str) -> None:
    refused = await api.http.get(path, params={"branchId": "1", "lastChange": stamp})
    assert refused.status_code == 400
    assert refused.json()["detailedMessage"].startswith("lastChange:")


@pytest.mark.parametrize("path", CHANGED_SINCE)
async def test_last_change_is_local_and_inclusive(api: Any, path: str) -> None:
    await api.place()
    every = await api.items(path, branchId="1,2")
    assert {row["lastChange"] for row in every} == {START}
    assert await api.items(path, branchId="1,2", lastChange="1900-01-01T00:00:00") == every
    assert await api.items(path, branchId="1,2", lastChange=START) == every
    assert await api.items(path, branchId="1,2", lastChange="2026-11-27T09:00:01") == []


@pytest.mark.parametrize("path", VENDA)
async def test_winthor_venda_has_its_own_names(api: Any, path: str) -> None:
    every = await api.get(path, pagina=1, tamanho=1000)
    assert len(every["items"]) > 3
    assert len((await api.get(path, page=1, pageSize=2))["items"]) == len(every["items"])  # names it does not know
    second = await api.get(path, pagina=2, tamanho=2)
    assert (second["items"], second["first"], second["hasNext"]) == (every["items"][2:4], False, True)
    assert (await api.http.get(path, params={"tamanho": 1001})).status_code == 400
    assert (await api.http.get(path, params={"pagina": 0})).status_code == 400
    assert (await api.get(path, dataUltimaAlteracao="2026-11-27T09:00:01"))["items"] == []
    assert (await api.get(path, dataUltimaAlteracao=START))["items"]
    assert (await api.http.get(path, params={"dataUltimaAlteracao": "2026-11-27"})).status_code == 400


# ---- the tree ----


async def test_departments(api: Any) -> None:
    rows = await api.items(f"{PURCHASES}/productDepartments")
    assert [(row["id"], row["name"], row["description"], row["active"]) for row in rows] == [
        (1, "PAPELARIA", "PAPELARIA", True), (2, "LIMPEZA", "LIMPEZA", True),
    ]  # fmt: skip
    assert [row["id"] for row in await api.items(f"{PURCHASES}/productDepartments", description="limp")] == [2]
    assert (await api.get(f"{PURCHASES}/productDepartments/2"))["name"] == "LIMPEZA"
    missing = await api.http.get(f"{PURCHASES}/productDepartments/9")
    assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
    assert (await api.http.get(f"{PURCHASES}/productDepartments/x")).status_code == 400


async def test_sections_categories_and_brands(api: Any) -> None:
    (section, _) = await api.items(f"{PURCHASES}/productSections")
    assert section == {"id": 10, "description": "ESCRITA", "department": {"id": 1, "description": "PAPELARIA"}, "lastChange": START}
    rows = await api.items(f"{PURCHASES}/productCategories/")
    assert rows[0]["section"] == {"id": 10, "description": "ESCRITA", "department": {"id": 1, "description": "PAPELARIA"}}
    assert rows[0]["subcategories"] == []
    assert await ids(api, "productCategories/", sectionId=20) == [200]
    assert (await api.http.get(f"{PURCHASES}/productCategories/", params={"sectionId": "x"})).status_code == 400
    assert await ids(api, "productBrands/") == [7, 8]


async def test_a_renamed_department_moves_and_shows_below(api: Any) -> None:
    await api.items(f"{PURCHASES}/productSections")
    await api.advance(60)
    await api.control("seed", {"categories": [{"key": "1", "name": "PAPEL", "level": "department"}]})
    assert await ids(api, "productDepartments", lastChange="2026-11-27T09:01:00") == [1]
    assert (await api.items(f"{PURCHASES}/productSections"))[0]["department"]["description"] == "PAPEL"


async def test_keys_that_are_no_numbers_get_one(api: Any) -> None:
    await api.control("seed", {"brands": [{"key": "acme-x", "name": "X"}], "products": [api.product("P-1", brand="acme-x")]})
    (row,) = [row for row in await api.items(f"{PURCHASES}/products/") if row["name"] == "Produto P-1"]
    assert isinstance(row["id"], int)
    assert isinstance(row["brandId"], int)


# ---- products ----


async def test_product_fields(api: Any) -> None:
    row = await api.get(f"{PURCHASES}/products/101", callOrigin="W")
    assert row["name"] == "Caneta azul"
    assert row["description"] == "Descrição 101"
    assert (row["departmentId"], row["sectionId"], row["categoryId"], row["brandId"]) == (1, 10, 100, 7)
    assert (row["realHeight3"], row["realWidth3"], row["realLength3"], row["realWeightKg"]) == (10, 5, 2.5, 0.5)
    assert (row["unity"], row["netWeightKg"]) == ("UN", 0.5)
    assert (row["isVisible"], row["isActive"], row["showWithoutStock"], row["merchandiseType"]) == (True, True, False, "L")
    assert row["barCode"] == "7891234567895"
    assert (await api.get(f"{PURCHASES}/products/102"))["realWeightKg"] == 0


async def test_origin_w_leaves_out_what_is_not_for_the_web_or_not_linked_silently(api: Any) -> None:
    links = {"department": "300", "section": "301", "category": "302", "brand": "303"}
    await api.control("seed", {"products": [api.product(key, **{link: None}) for link, key in links.items()]})
    dangling = {"department": "310", "section": "311", "category": "312", "brand": "313"}
    await api.control("seed", {"products": [api.product(key, **{link: "999"}) for link, key in dangling.items()]})
    assert await ids(api, "products/", callOrigin="W") == [101, 102, 105]
    assert await ids(api, "products/") == [101, 102, 105]
    assert await ids(api, "products/", callOrigin="T") == [101, 102, 103, 104, 105, 300, 301, 302, 303, 310, 311, 312, 313]
    by_id = {row["id"]: row for row in await api.items(f"{PURCHASES}/products/", callOrigin="T")}
    assert (by_id[300]["departmentId"], by_id[301]["sectionId"], by_id[302]["categoryId"], by_id[303]["brandId"]) == (0, 0, None, None)
    assert by_id[104]["isVisible"] is False

    await api.control("seed", {"brands": [{"key": "999", "name": "NOVA"}]})
    assert 313 in await ids(api, "products/", callOrigin="W")


async def test_single_product_follows_the_same_rule(api: Any) -> None:
    for absent in ("103", "104", "9999", "x"):
        answer = await api.http.get(f"{PURCHASES}/products/{absent}", params={"callOrigin": "W"})
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert (await api.get(f"{PURCHASES}/products/104", callOrigin="T"))["isVisible"] is False


async def test_origin_is_w_or_t(api: Any) -> None:
    for path in ("products/", "products/101"):
        refused = await api.http.get(f"{PURCHASES}/{path}", params={"callOrigin": "X"})
        assert refused.status_code == 400
        assert refused.json()["detailedMessage"].startswith("callOrigin:")


async def test_flagged_off_for_the_web(api: Any) -> None:
    await api.advance(10)
    await api.change(PEN, for_web=False)
    assert await ids(api, "products/", callOrigin="W") == [102, 105]
    assert await ids(api, "products/", callOrigin="T", lastChange="2026-11-27T09:00:10") == [101]
    await api.advance(10)
    await api.change(NOTEBOOK, for_web=False, touch=False)
    assert await ids(api, "products/", callOrigin="W") == [105]
    assert await ids(api, "products/", callOrigin="T", lastChange="2026-11-27T09:00:20") == []
    await api.change(PEN, for_web=True)
    assert await ids(api, "products/", callOrigin="W") == [101, 105]


async def test_texts_weight_and_category_change(api: Any) -> None:
    await api.items(f"{PURCHASES}/skus/")
    await api.advance(10)
    await api.change(NOTEBOOK, name="Caderno capa dura", description="200 folhas", weight_kg="0.3", category="200")
    row = await api.get(f"{PURCHASES}/products/102")
    assert (row["name"], row["description"], row["realWeightKg"], row["categoryId"]) == ("Caderno capa dura", "200 folhas", 0.3, 200)
    assert row["lastChange"] == "2026-11-27T09:00:10"
    (sku,) = [sku for sku in await api.items(f"{PURCHASES}/skus/") if sku["productSKUId"] == NOTEBOOK]
    assert (sku["nameproduct"], sku["weightKg"]) == ("Caderno capa dura", 0.3)
    await api.change(NOTEBOOK, category="")
    assert await ids(api, "products/", callOrigin="W") == [101, 105]


async def test_deleted_product_is_listed_as_inactive(api: Any) -> None:
    await api.advance(10)
    await api.corrupt("deleted", NOTEBOOK)
    (row,) = await api.items(f"{PURCHASES}/products/", lastChange="2026-11-27T09:00:10")
    assert (row["id"], row["isActive"], row["isVisible"]) == (102, False, True)
    (sku,) = [sku for sku in await api.items(f"{PURCHASES}/skus/") if sku["productRootId"] == 102]
    assert (sku["isActive"], sku["isAvaiable"]) == (False, False)


# ---- packagings ----


async def test_all_packagings_only_when_asked_for(api: Any) -> None:
    smallest = [row["productSKUId"] for row in await api.items(f"{PURCHASES}/skus/", branchId="1")]
    assert smallest == [PEN, NOTEBOOK, "103-103", "104-104", "105-105"]
    assert [row["productSKUId"] for row in await api.items(f"{PURCHASES}/skus/", branchId="1", useAllPackages="N")] == smallest
    every = [row["productSKUId"] for row in await api.items(f"{PURCHASES}/skus/", branchId="1", useAllPackages="Y")]
    assert every == [PEN, BOX, NOTEBOOK, "103-103", "104-104", "105-105"]


async def test_all_packagings_only_where_the_branch_sells_by_packaging(api: Any) -> None:
    await api.corrupt("parameter", "FIL_UTILIZAVENDAPOREMBALAGEM:2=N")
    assert BOX not in [row["productSKUId"] for row in await api.items(f"{PURCHASES}/skus/", branchId="2", useAllPackages="Y")]
    assert BOX in [row["productSKUId"] for row in await api.items(f"{PURCHASES}/skus/", branchId="1", useAllPackages="Y")]


async def test_sku_fields(api: Any) -> None:
    pen, box, *_ = await api.items(f"{PURCHASES}/skus/", useAllPackages="Y")
    assert (pen["id"], pen["productRootId"], pen["productSKUId"], pen["listOfEAN"]) == (7891234567895, 101, PEN, ["7891234567895"])
    assert (pen["name"], pen["nameproduct"], pen["unitMultiplier"], pen["price"]) == ("UN", "Caneta azul", 1, 2.5)
    assert (box["id"], box["productSKUId"], box["listOfEAN"], box["name"], box["unitMultiplier"]) == (77101, BOX, [], "CX C/12", 12)
    assert (pen["isActive"], pen["active"], pen["isKit"]) == (True, True, False)
    assert (pen["realHeight"], pen["height"], pen["realWeightKg"], pen["weightKg"], pen["volume"]) == (10, 10, 0.5, 0.5, 125)


async def test_price_change_moves_the_packaging_not_the_product(api: Any) -> None:
    await api.advance(10)
    await api.change(BOX, price="25.00")
    query = {"lastChange": "2026-11-27T09:00:10"}
    assert [row["price"] for row in await api.items(f"{PURCHASES}/skus/", useAllPackages="Y", **query)] == [25]
    assert await ids(api, "products/", callOrigin="T", **query) == []


async def test_packagings_that_share_an_ean_have_their_own_keys(api: Any) -> None:
    pair = [
        {"code": f"88{units}", "ean": "7890000000017", "packaging": f"CX {units}", "units": units, "price": "9.00", "stock": {"1": units}}
        for units in (1, 6)
    ]
    await api.control("seed", {"products": [api.product("400", skus=pair)]})
    rows = [row for row in await api.items(f"{PURCHASES}/skus/", useAllPackages="Y") if row["productRootId"] == 400]
    assert [row["productSKUId"] for row in rows] == ["7890000000017-400", "886-400"]
    assert [row["listOfEAN"] for row in rows] == [["7890000000017"]] * 2


async def test_a_reseeded_product_loses_its_old_packagings(api: Any) -> None:
    await api.control("seed", {"products": [api.product("101")]})
    rows = [row["productSKUId"] for row in await api.items(f"{PURCHASES}/skus/", useAllPackages="Y")]
    assert "101-101" in rows
    assert PEN not in rows
    assert list(await api.stock("1")) == ["101-101", NOTEBOOK, "103-103", "104-104", "105-105"]
    assert "101-101" in await api.stock("2")  # kept in branch 2 before: now without stock
    assert await api.quantity("101-101", "2") == 0


# ---- branches, regions, plans, billing codes ----


async def test_branches_come_bare_and_with_99(api: Any) -> None:
    rows = await api.get("/api/branch/v1/")
    assert [row["id"] for row in rows] == ["1", "2", "99"]
    (second,) = await api.get("/api/branch/v1/", id="2")
    assert second["corporateIdentificationNumber"] == "12.ABC.345/01DE-35"
    assert (second["city"], second["state"]) == ("Curitiba", "PR")
    assert await api.get("/api/branch/v1/", lastChange="2026-11-27T09:00:01") == []
    assert (await api.http.get("/api/branch/v1/", params={"lastChange": "ontem"})).status_code == 400


async def test_regions(api: Any) -> None:
    rows = await api.items("/winthor/cliente/v1/regiao", pagesize=10)
    assert [(row["branchId"], row["status"]) for row in rows] == [("1", "A"), ("2", "A")]
    assert len({row["regionId"] for row in rows}) == 2
    assert [row["branchId"] for row in await api.items("/winthor/cliente/v1/regiao", branchId="2")] == ["2"]


async def test_plans_and_billing_codes(api: Any) -> None:
    plans = {row["codigo"]: row for row in (await api.get("/winthor/venda/v0/planos-pagamentos", tamanho=100))["items"]}
    assert (plans[3]["prazos"], plans[3]["numeroParcelas"], plans[3]["tipoPrazo"]["sigla"], plans[3]["tipoVenda"]) == (
        [30, 60, 90],
        3,
        "N",
        "VP",
    )
    assert (plans[8]["ativo"], plans[9]["tipoPrazo"]["sigla"], plans[1]["codigoFilial"]) == (False, "B", "99")
    path = "/winthor/venda/v0/tipos-cobrancas/pdv-sync"
    codes = {row["id"]: row for row in (await api.get(path, tamanho=100, usaPlPagAutoServico="true", statusPlPag="A"))["items"]}
    assert codes["CH"]["planoPagamentos"] == [{"codigo": 2}]
    assert codes["BK"]["cobranca"] == "BOLETO BANCARIO"
    assert all(len(code) <= 4 for code in codes)
    every = {row["id"]: row for row in (await api.get(path, tamanho=100, usaPlPagAutoServico="true"))["items"]}
    assert every["CH"]["planoPagamentos"] == [{"codigo": 2}, {"codigo": 8}]
    without = (await api.get(path, tamanho=100))["items"]
    assert all(row["planoPagamentos"] == [] for row in without)
    assert (await api.http.get(path, params={"statusPlPag": "X"})).status_code == 400
