"""Base prices and fixed prices."""

from typing import Any

import pytest

FIXED = {"tradePolicyId": "1", "value": 90.5, "minQuantity": 1}
DATES = {"from": "2026-11-27T08:00:00-03:00", "to": "2026-11-28T08:00:00-03:00"}


@pytest.fixture
async def sku(api: Any) -> int:
    return await api.create_sku()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"basePrice": 50.5}, (50.5, 50.5, 0)),
        ({"basePrice": 250, "costPrice": 10}, (250, 10, 2400)),
        ({"costPrice": 10, "markup": 50}, (15, 10, 50)),
        ({"basePrice": 15, "markup": 50}, (15, 10, 50)),
    ],
)
async def test_two_of_three_or_the_base_price_alone(api: Any, sku: int, body: dict[str, Any], expected: tuple[float, float, int]) -> None:
    await api.ok("PUT", api.prices(sku), body)
    price = await api.ok("GET", api.prices(sku))
    assert (price["basePrice"], price["costPrice"], price["markup"]) == expected
    assert (price["itemId"], price["listPrice"], price["fixedPrices"]) == (str(sku), None, [])


@pytest.mark.parametrize(
    "body",
    [
        {"basePrice": 1, "costPrice": 1, "markup": 0}, {"costPrice": 1}, {"markup": 10}, {}, {"listPrice": 10}, {"basePrice": -1},
        {"basePrice": "10.00"}, {"basePrice": 10, "markup": 1.5}, {"basePrice": 10, "listPrice": -1}, {"basePrice": 10, "costPrice": -1},
        {"basePrice": True}, {"basePrice": 10, "fixedPrices": "x"},
    ],
)  # fmt: skip
async def test_a_price_is_refused(api: Any, sku: int, body: dict[str, Any]) -> None:
    assert (await api("PUT", api.prices(sku), body)).status_code == 400
    assert (await api("GET", api.prices(sku))).status_code == 404


async def test_a_put_replaces_all_fixed_prices(api: Any, sku: int) -> None:
    await api.ok(
        "PUT", api.prices(sku), {"basePrice": 100, "listPrice": 120.0, "fixedPrices": [FIXED, FIXED | {"minQuantity": 5, "value": 80}]}
    )
    assert len((await api.ok("GET", api.prices(sku)))["fixedPrices"]) == 2
    await api.ok("PUT", api.prices(sku), {"basePrice": 100, "fixedPrices": [FIXED | {"tradePolicyId": "2"}]})
    assert [fixed["tradePolicyId"] for fixed in await api.ok("GET", api.prices(sku, "/fixed"))] == ["2"]
    await api.ok("PUT", api.prices(sku), {"basePrice": 100})
    assert await api.ok("GET", api.prices(sku, "/fixed")) == []


async def test_a_patch_merges_and_removes_nothing(api: Any, sku: int) -> None:
    await api.ok("PUT", api.prices(sku), {"basePrice": 100, "fixedPrices": [FIXED]})
    await api.ok("PATCH", api.prices(sku, "/fixed"), [FIXED | {"value": 70}, FIXED | {"minQuantity": 5, "value": 60}])
    await api.ok("PATCH", api.prices(sku, "/fixed"), [FIXED | {"dateRange": DATES, "value": 50}])
    fixed = await api.ok("GET", api.prices(sku, "/fixed/1"))
    assert [(one["minQuantity"], one["value"]) for one in fixed] == [(1, 70), (5, 60), (1, 50)]


async def test_fixed_prices_of_one_table(api: Any, sku: int) -> None:
    await api.ok("PUT", api.prices(sku), {"basePrice": 100, "fixedPrices": [FIXED]})
    await api.ok("POST", api.prices(sku, "/fixed/ouro"), [{"value": 60, "minQuantity": 1}])
    assert [one["tradePolicyId"] for one in await api.ok("GET", api.prices(sku, "/fixed/ouro"))] == ["ouro"]
    assert await api.ok("GET", f"/{api.account}/pricing/tables") == ["1", "2", "ouro"]
    await api.ok("DELETE", api.prices(sku, "/fixed/1"))
    assert [one["tradePolicyId"] for one in await api.ok("GET", api.prices(sku, "/fixed"))] == ["ouro"]


@pytest.mark.parametrize(
    "fields",
    [
        {"tradePolicyId": 1}, {"tradePolicyId": ""}, {"tradePolicyId": None}, {"value": None}, {"value": "9"}, {"value": -1},
        {"minQuantity": 0}, {"minQuantity": None}, {"minQuantity": 1.5}, {"listPrice": "9"}, {"dateRange": "today"},
        {"dateRange": {"from": DATES["from"]}},
        {"dateRange": {"from": DATES["to"], "to": DATES["from"]}}, {"dateRange": {"from": DATES["from"], "to": DATES["from"]}},
        {"dateRange": {"from": "2026-11-27T08:00:00", "to": "2026-11-28T08:00:00"}},
        {"dateRange": {"from": "2026-11-27", "to": "2026-11-28"}},
    ],
)  # fmt: skip
async def test_a_fixed_price_is_refused(api: Any, sku: int, fields: dict[str, Any]) -> None:
    await api.ok("PUT", api.prices(sku), {"basePrice": 100})
    entry = FIXED | fields
    assert (await api("PUT", api.prices(sku), {"basePrice": 1, "fixedPrices": [entry]})).status_code == 400
    assert (await api("PATCH", api.prices(sku, "/fixed"), [entry])).status_code == 400
    if "tradePolicyId" not in fields:
        assert (await api("POST", api.prices(sku, "/fixed/1"), [entry])).status_code == 400
    assert (await api.ok("GET", api.prices(sku)))["basePrice"] == 100


async def test_a_fixed_price_is_an_object(api: Any, sku: int) -> None:
    await api.ok("PUT", api.prices(sku), {"basePrice": 100})
    assert (await api("PATCH", api.prices(sku, "/fixed"), ["x"])).status_code == 400
    assert (await api("PATCH", api.prices(sku, "/fixed"), FIXED)).status_code == 400


async def test_the_computed_price(api: Any, sku: int) -> None:
    await api.ok("PUT", api.prices(sku), {"basePrice": 100, "listPrice": 130, "fixedPrices": [FIXED | {"minQuantity": 5, "value": 80}]})
    assert (await api.ok("GET", api.prices(sku, "/computed/1?quantity=4")))["sellingPrice"] == 100
    computed = await api.ok("GET", api.prices(sku, "/computed/1?quantity=5"))
    assert (computed["sellingPrice"], computed["listPrice"], computed["tradePolicyId"]) == (80, 130, "1")
    assert (await api.ok("GET", api.prices(sku, "/computed/2?quantity=5")))["sellingPrice"] == 100


async def test_a_dated_price_holds_between_its_dates_on_the_sandbox_clock(api: Any, sku: int) -> None:
    dated = {"value": 10, "minQuantity": 1, "dateRange": {"from": "2026-11-27T10:00:00-03:00", "to": "2026-11-27T11:00:00-03:00"}}
    await api.ok("PUT", api.prices(sku), {"basePrice": 100})
    await api.ok("POST", api.prices(sku, "/fixed/1"), [dated])
    seen = []
    for _ in range(3):  # 12:00, 13:00 and 14:00 UTC
        seen.append((await api.ok("GET", api.prices(sku, "/computed/1")))["sellingPrice"])
        await api.advance(3600)
    assert seen == [100, 10, 100]


async def test_what_has_no_price_or_is_no_sku_is_404(api: Any, sku: int) -> None:
    for method, rest, body in (
        ("GET", "", None), ("DELETE", "", None), ("GET", "/fixed", None), ("PATCH", "/fixed", [FIXED]), ("GET", "/fixed/1", None),
        ("POST", "/fixed/1", [FIXED]), ("DELETE", "/fixed/1", None), ("GET", "/computed/1", None),
    ):  # fmt: skip
        assert (await api(method, api.prices(sku, rest), body)).status_code == 404, (method, rest)
        assert (await api(method, api.prices(99, rest), body)).status_code == 404, (method, rest)
    assert (await api("PUT", api.prices(99), {"basePrice": 1})).status_code == 404


async def test_a_deleted_price_is_gone(api: Any, sku: int) -> None:
    await api.ok("PUT", api.prices(sku), {"basePrice": 100, "fixedPrices": [FIXED]})
    await api.ok("DELETE", api.prices(sku))
    assert (await api("GET", api.prices(sku))).status_code == 404
