"""Stock and prices of the WinThor sandbox (FACTS 5 and 6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

AVAILABLE, PRICES = "/api/stock-vtex/v1/available", "/api/wholesale/v1/price/list"
PEN, BOX, NOTEBOOK = "7891234567895-101", "77101-101", "7899876543217-102"
OFFERED = "105-105"


async def quantities(api: Any, **query: Any) -> dict[tuple[str, str], int]:
    rows = await api.items(f"{AVAILABLE}/list", **query)
    return {(row["warehouseBranchId"], row["productId"]): row["quantity"] for row in rows}


@pytest.mark.parametrize("path", [f"{AVAILABLE}/list", PRICES, "/winthor/precos/v1/precos-regioes", "/api/wholesale/v1/orders/list"])
@pytest.mark.parametrize("branch", [None, "", ","])
async def test_branch_is_required(api: Any, path: str, branch: str | None) -> None:
    refused = await api.http.get(path, params={} if branch is None else {"branchId": branch})
    assert refused.status_code == 400
    assert refused.json()["detailedMessage"].startswith("branchId:")


async def test_branches_are_texts_in_a_comma_list(api: Any) -> None:
    both = await quantities(api, branchId="1,2", usesPackagingSales="true")
    assert both[("1", PEN)] == 120
    assert both[("2", PEN)] == 7
    assert ("2", NOTEBOOK) not in both  # no PCEST row there
    assert {branch for branch, _ in await quantities(api, branchId="2")} == {"2"}
    assert await quantities(api, branchId="3") == {}


async def test_one_row_per_product_without_packaging_mode(api: Any) -> None:
    assert [key for _, key in await quantities(api, branchId="1")] == [PEN, NOTEBOOK, "103-103", "104-104", OFFERED]
    rows = await quantities(api, branchId="1", usesPackagingSales="true")
    assert [key for _, key in rows] == [PEN, BOX, NOTEBOOK, "103-103", "104-104", OFFERED]
    await api.corrupt("parameter", "FIL_UTILIZAVENDAPOREMBALAGEM:1=N")
    assert ("1", BOX) not in await quantities(api, branchId="1", usesPackagingSales="true")
    assert ("2", BOX) in await quantities(api, branchId="2", usesPackagingSales="true")


async def test_packagings_draw_from_the_same_units(api: Any) -> None:
    assert (await api.quantity(PEN), await api.quantity(BOX)) == (120, 10)
    assert (await api.quantity(PEN, "2"), await api.quantity(BOX, "2")) == (7, 0)
    await api.place((PEN, 1, 2.5))
    assert (await api.quantity(PEN), await api.quantity(BOX)) == (119, 9)
    await api.place((BOX, 2, 27.9))
    assert (await api.quantity(PEN), await api.quantity(BOX)) == (95, 7)


async def test_row_fields(api: Any) -> None:
    row = (await api.stock("2"))[BOX]
    assert row == {
        "productId": BOX, "quantity": 0, "unlimitedQuantity": False, "warehouseBranchId": "2", "warehouseBranchName": "FILIAL COM LETRAS",
        "unitMultiplier": 12, "lastChange": "2026-11-27T09:00:00", "createDate": "2026-11-27T09:00:00",
    }  # fmt: skip


async def test_weighed_goods_have_stock_by_the_gram(api: Any) -> None:
    await api.change(NOTEBOOK, stock={"1": "2.345"})
    assert await api.quantity(NOTEBOOK) == 2.345
    await api.corrupt("parameter", "2829:1=50")
    assert await api.quantity(NOTEBOOK) == 1.172


async def test_unlimited_means_shown_when_out_of_stock(api: Any) -> None:
    await api.change(NOTEBOOK, stock={"1": 0})
    await api.corrupt("show_without_stock", NOTEBOOK)
    row = (await api.stock())[NOTEBOOK]
    assert (row["quantity"], row["unlimitedQuantity"]) == (0, True)
    assert (await api.get("/api/purchases/v1/products/102"))["showWithoutStock"] is True
    await api.place((NOTEBOOK, 1, 19.9))
    (order,) = await api.control("orders")
    assert order["items"] == [[NOTEBOOK, 0, "19.9"]]  # nothing is sold without limit


async def test_parameter_2829_cuts_to_a_percentage_and_moves_no_stamp(api: Any) -> None:
    await api.advance(10)
    await api.corrupt("parameter", "2829:1=50")
    rows = await api.stock()
    assert (rows[PEN]["quantity"], rows[BOX]["quantity"], rows[NOTEBOOK]["quantity"]) == (60, 5, 2)
    assert await api.quantity(PEN, "2") == 7
    assert await api.stock(lastChange="2026-11-27T09:00:10") == {}
    await api.corrupt("parameter", "2829=10")
    assert (await api.quantity(PEN), await api.quantity(PEN, "2")) == (60, 0)


async def test_the_percentage_is_for_show_an_order_gets_what_is_there(api: Any) -> None:
    await api.corrupt("parameter", "2829=50")
    order = await api.read(await api.place((NOTEBOOK, 5, 19.9)))
    assert (order["listOfOrderItem"][0]["quantity"], order["listOfOrderItem"][0]["wantageQuantity"]) == (5, 0)


async def test_stock_changes_move_the_stamp_unless_told_not_to(api: Any) -> None:
    await api.stock()
    await api.advance(10)
    await api.change(BOX, stock={"1": 3})
    changed = await api.stock(lastChange="2026-11-27T09:00:10")
    assert {key: row["quantity"] for key, row in changed.items()} == {PEN: 36, BOX: 3}
    await api.advance(10)
    await api.change(NOTEBOOK, stock={"1": 4}, touch=False)
    assert await api.stock(lastChange="2026-11-27T09:00:20") == {}
    assert await api.quantity(NOTEBOOK) == 4
    await api.change(NOTEBOOK, stock={"2": 9})
    assert await api.quantity(NOTEBOOK, "2") == 9


async def test_origin_w_lists_what_the_web_sells(api: Any) -> None:
    assert list(await api.stock(callOrigin="W")) == [PEN, BOX, NOTEBOOK, OFFERED]
    assert len(await api.stock(callOrigin="WSH")) == 6
    await api.change(PEN, for_web=False)
    assert list(await api.stock(callOrigin="W")) == [NOTEBOOK, OFFERED]
    assert list(await api.stock(callOrigin="W", lastChange="1900-01-01T00:00:00")) == [NOTEBOOK, OFFERED]
    refused = await api.http.get(f"{AVAILABLE}/list", params={"branchId": "1", "callOrigin": "T"})
    assert (refused.status_code, refused.json()["detailedMessage"].split(":")[0]) == (400, "callOrigin")


async def test_filters(api: Any) -> None:
    assert list(await api.stock(productId=BOX)) == [BOX]
    assert list(await api.stock(productId="101")) == [PEN, BOX]
    await api.change(NOTEBOOK, category="200")
    assert list(await api.stock(categoryId=200)) == [NOTEBOOK]
    assert NOTEBOOK in await api.stock(departmentId=1)
    assert await api.stock(sectionId=20) == {}
    refused = await api.http.get(f"{AVAILABLE}/list", params={"branchId": "1", "sectionId": "x"})
    assert refused.status_code == 400


async def test_single(api: Any) -> None:
    assert (await api.get(f"{AVAILABLE}/1/{BOX}"))["quantity"] == 10
    assert (await api.get(f"{AVAILABLE}/2/101"))["productId"] == PEN
    for path in ("1/1-1", "2/102", "9/101", "1/x"):
        assert (await api.http.get(f"{AVAILABLE}/{path}")).status_code == 404


async def test_rows_show_the_name_their_branch_has_now(api: Any) -> None:
    await api.stock()
    await api.control("seed", {"branches": [{"key": "1", "name": "MATRIZ NOVA", "cnpj": "11222333000181"}]})
    assert (await api.stock())[PEN]["warehouseBranchName"] == "MATRIZ NOVA"
    assert (await api.control("describe"))["settings"]["branches"] == ["1", "2"]


# ---- prices ----


async def test_price_rows(api: Any) -> None:
    rows = await api.items(PRICES, branchId="1", useMultiplePricesPerProductPackage="true")
    assert [row["skuId"] for row in rows] == [PEN, BOX, NOTEBOOK, "103-103", "104-104", OFFERED]
    assert rows[1] == {
        "branchId": "1", "erpReferenceKey": 101, "skuId": BOX, "price": 27.9, "fixedPrice": False, "origin": 201, "priceRegion": 1,
        "unitMultiplier": 12, "taxFigureId": 1, "offerPrice": 0, "offerStartDate": "1900-01-01T00:00:00",
        "offerEndDate": "1900-01-01T00:00:00", "lastChange": "2026-11-27T09:00:00",
    }  # fmt: skip


async def test_one_price_per_product_unless_packagings_have_their_own(api: Any) -> None:
    assert [row["skuId"] for row in await api.items(PRICES, branchId="1")] == [PEN, NOTEBOOK, "103-103", "104-104", OFFERED]


async def test_prices_of_branches(api: Any) -> None:
    rows = await api.items(PRICES, branchId="2,1,9")
    assert [row["branchId"] for row in rows] == ["2"] * 5 + ["1"] * 5
    assert await api.items(PRICES, branchId="9") == []


async def test_prices_of_all_regions_come_only_where_they_are_asked_for(api: Any) -> None:
    """A region without a price of its own has the branch's."""
    world = api.sandbox.world
    world.prices.set_in_region(world.catalog.by_key[PEN], 7, Decimal("3.30"))
    assert {row["priceRegion"] for row in await api.items(PRICES, branchId="1")} == {1}
    rows = await api.items(PRICES, branchId="1", multiRegionPrice="true")
    assert [(row["skuId"], row["priceRegion"]) for row in rows[:4]] == [(PEN, 1), (PEN, 7), (NOTEBOOK, 1), (NOTEBOOK, 7)]
    assert [row["price"] for row in rows[:2]] == [2.5, 3.3] and rows[2]["price"] == rows[3]["price"]


async def test_price_filters(api: Any) -> None:
    query = {"branchId": "1", "useMultiplePricesPerProductPackage": "true"}
    assert [row["skuId"] for row in await api.items(PRICES, productId=101, **query)] == [PEN, BOX]
    assert [row["skuId"] for row in await api.items(PRICES, productSKUERPReferenceKey=BOX, **query)] == [BOX]
    assert await api.items(PRICES, productSKUERPReferenceKey="9-9", **query) == []


async def test_prices_have_no_changed_since(api: Any) -> None:
    await api.advance(10)
    assert len(await api.items(PRICES, branchId="1", lastChange="2026-11-27T09:00:10")) == 5


async def test_price_change(api: Any) -> None:
    await api.items(PRICES, branchId="1")
    await api.advance(10)
    await api.change(NOTEBOOK, price="21.35")
    await api.change(PEN, price="3.00", touch=False)
    rows = {row["skuId"]: row for row in await api.items(PRICES, branchId="1")}
    assert (rows[NOTEBOOK]["price"], rows[NOTEBOOK]["lastChange"]) == (21.35, "2026-11-27T09:00:10")
    assert (rows[PEN]["price"], rows[PEN]["lastChange"]) == (3, "2026-11-27T09:00:00")


async def test_an_offer_has_its_price_and_days(api: Any) -> None:
    async def asked() -> str:
        return next(sku["price"] for sku in await api.control("state") if sku["key"] == OFFERED)

    (row,) = await api.items(PRICES, branchId="1", productId=105)
    assert (row["price"], row["offerPrice"]) == (10, 8)
    assert (row["offerStartDate"], row["offerEndDate"]) == ("2026-11-27T00:00:00", "2027-11-26T23:59:59")
    assert await asked() == "8.00"
    await api.change(OFFERED, price="7.50")
    (row,) = await api.items(PRICES, branchId="1", productId=105)
    assert (row["price"], row["offerPrice"]) == (10, 7.5)
    await api.advance(365 * 86_400)
    assert await asked() == "10.00"


async def test_parameter_2277_says_where_a_price_comes_from(api: Any) -> None:
    await api.items(PRICES, branchId="1,2")
    await api.corrupt("parameter", "2277:2=V")
    assert {(row["branchId"], row["origin"]) for row in await api.items(PRICES, branchId="1,2")} == {("1", 201), ("2", 2017)}


async def test_discount_policy(api: Any) -> None:
    path = "/api/wholesale/v1/price/discount-policy"
    rows = await api.items(path, branchId="1", callOrigin="WSH")
    assert rows[0]["skuId"] == PEN
    assert set(rows[0]["discountPolicy"]) == {"id", "discount", "startDate", "endDate", "deleted"}
    assert (await api.http.get(path, params={"branchId": "1"})).status_code == 400


async def test_region_prices(api: Any) -> None:
    rows = await api.items("/winthor/precos/v1/precos-regioes", branchId="1", saleType="S", merchanType="L")
    assert (rows[1]["barCodeId"], rows[1]["productId"], rows[1]["regionId"]) == (77101, 101, 1)
    assert [price["priceIndex"] for price in rows[1]["prices"]] == [1, 2, 3, 4, 5, 6, 7]
    assert rows[1]["prices"][0]["salePrice"] == 27.9
