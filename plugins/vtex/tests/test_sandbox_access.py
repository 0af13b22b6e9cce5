"""Who may call the sandbox, with which headers, and how often."""

from typing import Any

import httpx
import pytest

from engate.testing.sandbox import Operation
from engate_vtex_sandbox import VtexSandbox
from engate_vtex_sandbox.rates import MinuteWindow, Rates
from engate_vtex_sandbox.server import CATALOG_KEY, TOKENS

BRANDS = "/api/catalog_system/pvt/brand/list"
WAREHOUSES = "/api/logistics/pvt/configuration/warehouses"


@pytest.mark.parametrize("name", ["Content-Type", "Accept"])
async def test_each_required_header_is_required_on_a_get(api: Any, name: str) -> None:
    request = api.client.build_request("GET", BRANDS, headers=api.headers)
    del request.headers[name]
    answer = await api.client.send(request)
    assert answer.status_code == 400
    assert name in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "secrets",
    [
        {"X-VTEX-API-AppKey": "nobody"},
        {"X-VTEX-API-AppToken": "wrong"},
        {"X-VTEX-API-AppKey": ""},
    ],
)
async def test_a_bad_key_or_token_is_401_with_the_documented_body(api: Any, secrets: dict[str, str]) -> None:
    answer = await api("GET", BRANDS, headers={**api.headers, **secrets})
    assert answer.status_code == 401
    assert answer.json() == {"error": {"code": "1", "message": "Unauthorized access", "exception": None}}


async def test_a_key_without_the_role_is_403_for_its_api_alone(api: Any) -> None:
    headers = {**api.headers, "X-VTEX-API-AppKey": CATALOG_KEY, "X-VTEX-API-AppToken": TOKENS[CATALOG_KEY]}
    assert (await api("GET", BRANDS, headers=headers)).status_code == 200
    for path in (WAREHOUSES, api.prices(1), "/api/orders/feed/config"):
        assert (await api("GET", path, headers=headers)).status_code == 403


async def test_an_unknown_route_is_404_and_counted(api: Any) -> None:
    assert (await api("GET", "/api/nothing/here")).status_code == 404
    assert (await api("DELETE", BRANDS)).status_code == 404
    ledger = (await api.client.get("/_sandbox/ledger")).json()
    assert ledger["requests"] == 2
    assert sum(counts["404"] for counts in ledger["by_operation"].values()) == 2


async def test_another_account_has_no_prices_here(api: Any) -> None:
    assert (await api("GET", "/other/pricing/prices/1")).json()["error"]["message"] == "No such route"


async def test_a_body_that_is_absent_or_no_json_or_of_another_type_is_400(api: Any) -> None:
    for body in (None, b"  ", b"{", b"[]", b'"x"'):
        assert (await api("POST", "/api/catalog/pvt/brand", body)).status_code == 400
    for body in (b"{", b"{}"):
        assert (await api("POST", "/api/catalog_system/pub/sku/stockkeepingunitidsbyrefids", body)).status_code == 400


async def test_an_id_that_is_no_integer_is_400(api: Any) -> None:
    assert (await api("GET", "/api/catalog/pvt/product/abc")).status_code == 400


# ---- rates ----


def test_the_documented_figures() -> None:
    rates = Rates()
    assert (rates.catalog_account, rates.catalog_endpoint, rates.orders_account) == (45_000, 15_000, 6_000)
    assert rates.pricing_write == (pytest.approx(33.3, abs=0.1), 500)
    assert rates.pricing_delete == (pytest.approx(16.7, abs=0.1), 300)


def test_a_minute_window_starts_again_after_a_minute() -> None:
    window = MinuteWindow(2)
    assert [window.take(now) for now in (0.0, 1.0, 59.9, 60.0, 61.0, 62.0)] == [True, True, False, True, True, False]


def test_the_windows_are_the_documented_ones_to_the_request() -> None:
    """Driven without HTTP: 15,000 of one endpoint pass in a minute, three full endpoints exhaust the account."""
    rates = Rates(now=lambda: 0.0)

    def refused(path: str, times: int, method: str = "GET") -> int:
        operation = Operation(method, path, lambda _: None, "catalog")  # type: ignore[arg-type,return-value]
        return sum(rates.refuse_catalog_rate(operation) is not None for _ in range(times))

    assert [refused("/a", 15_000), refused("/a", 1), refused("/b", 15_000), refused("/c", 14_999), refused("/d", 1)] == [0, 1, 0, 0, 1]


async def test_the_catalogue_refuses_above_the_rate_of_an_endpoint(api: Any) -> None:
    api.sandbox.rates.catalog_endpoint = 2
    statuses = [(await api("GET", BRANDS)).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert (await api("GET", "/api/catalog_system/pvt/saleschannel/list")).status_code == 200
    assert (await api.client.get("/_sandbox/ledger")).json()["rate_limited"] == 1


async def test_the_catalogue_refuses_above_the_rate_of_the_account(api: Any) -> None:
    api.sandbox.rates.catalog_account = 2
    await api("GET", BRANDS)
    await api("GET", "/api/catalog_system/pvt/saleschannel/list")
    answer = await api("GET", "/api/catalog_system/pub/category/tree/3")
    assert answer.status_code == 429
    assert "Retry-After" not in answer.headers


async def test_pricing_writes_use_credits_and_say_when_they_end(api: Any) -> None:
    api.sandbox.rates.pricing_write = (0.001, 3)
    sku = await api.create_sku()
    answers = [await api("PUT", api.prices(sku), {"basePrice": 10}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["Ratelimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert all(answer.headers["Ratelimit-Limit"] == "3" and int(answer.headers["Ratelimit-Reset"]) > 0 for answer in answers)
    assert "Retry-After" not in answers[2].headers
    assert int(answers[3].headers["Retry-After"]) > 0
    assert (await api("POST", api.prices(sku, "/fixed/1"), [{"value": 9, "minQuantity": 1}])).status_code == 200  # a route of its own
    assert (await api("GET", api.prices(sku))).status_code == 200  # reads have no documented figure


async def test_pricing_deletes_have_their_own_rate(api: Any) -> None:
    api.sandbox.rates.pricing_delete = (0.001, 1)
    sku = await api.create_visible()
    assert (await api("DELETE", api.prices(sku, "/fixed/1"))).status_code == 200
    assert (await api("DELETE", api.prices(sku, "/fixed/1"))).status_code == 429


async def test_orders_limit_readings_of_an_order_alone(api: Any) -> None:
    api.sandbox.rates.orders_account = 1
    await api.create_visible()
    key = await api.sell()
    path = f"/api/oms/pvt/orders/{key}"
    assert [(await api("GET", path)).status_code for _ in range(2)] == [200, 429]
    assert (await api("POST", f"{path}/start-handling")).status_code == 204
    assert (await api("GET", "/api/oms/pvt/orders")).status_code == 200


async def test_without_limits_nothing_is_counted_against_a_rate() -> None:
    sandbox = VtexSandbox(limits=False)
    sandbox.rates.catalog_endpoint = 0
    async with sandbox.listening(), httpx.AsyncClient(base_url=sandbox.base_url) as client:
        secrets = sandbox.describe().secrets
        headers = {"X-VTEX-API-AppKey": secrets["app_key"], "X-VTEX-API-AppToken": secrets["app_token"]}
        headers |= {"Content-Type": "application/json", "Accept": "application/json"}
        assert (await client.get(BRANDS, headers=headers)).status_code == 200


async def test_injected_429_has_the_shape_of_its_api(api: Any) -> None:
    await api.control("faults", [{"kind": "429"}])
    assert (await api("GET", BRANDS)).status_code == 429
    answer = await api("GET", api.prices(1))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")


async def test_faults_are_keyed_by_the_body_of_a_creation_and_the_number_of_an_order(api: Any) -> None:
    await api.create_visible()
    key = await api.sell(number=41)
    await api.control(
        "faults", [{"kind": "500_applied", "operation": "POST /api/catalog/pvt/brand"}, {"kind": "500", "operation": "GET /api/oms"}]
    )
    brands = [{"Id": 50, "Name": "A", "Active": True}, {"Id": 51, "Name": "B", "Active": True}]
    assert [(await api("POST", "/api/catalog/pvt/brand", brand)).status_code for brand in (*brands, brands[0])] == [500, 500, 409]
    path = f"/api/oms/pvt/orders/{key}"
    assert [(await api("GET", f"{path}/payment-transaction")).status_code, (await api("GET", path)).status_code] == [500, 200]
