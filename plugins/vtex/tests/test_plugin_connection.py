"""The manifest and its settings, the connection test, what a mapping can name, the listing, and the calls' budgets."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from engate import AuthFailed, Forbidden, Invalid, Rate, Secret, Storefront, Text, Unavailable
from engate.model import Check, Item, Price, Query
from engate.plugins import implemented
from engate.settings import json_schema, load, secret_fields
from engate.testing.facts import Fault
from engate_vtex import VtexSettings, checks, endpoints, listing, manifest
from engate_vtex.storefront import VtexStorefront
from engate_vtex_sandbox import sandbox

KEYS = {"account": "loja", "app_key": "K", "app_token": "T"}


def by_name(lines: list[Check]) -> dict[str, Check]:
    return {line.name: line for line in lines}


# ---- manifest and settings ----


def test_the_manifest_is_light() -> None:
    code = "import sys, engate_vtex; print([m for m in sys.modules if m in ('aiohttp', 'engate_vtex.storefront', 'engate_vtex.client')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert "engate_vtex" not in loaded
    assert (manifest.key, manifest.name, manifest.role) == ("vtex", "VTEX", "storefront")


def test_every_hook_of_a_storefront_but_one_is_implemented() -> None:
    """Declining a cancellation has no call in VTEX's contract: a person does it in the Admin. No push of it outlasts its call."""
    assert manifest.connection_class() is VtexStorefront
    specs = {name for name, value in vars(Storefront).items() if hasattr(value, "engate_spec") and not name.startswith("check_")}
    assert implemented(VtexStorefront) == specs - {"send_cancel_refusal"}


def test_settings_have_titles_and_helps_and_hide_their_secrets() -> None:
    assert secret_fields(VtexSettings) == {"app_key", "app_token"}
    settings = load(VtexSettings, {**KEYS, "rates": {"orders": {"per_second": 5}}})
    assert settings.app_key == Secret("K") and "K" not in repr(settings.app_key)
    assert settings.rates["orders"] == Rate(5)
    schema = json_schema(VtexSettings)["$defs"]["VtexSettings"]
    for field in schema["properties"].values():
        assert field["title"] and field["x-title-en"] and field["description"] and field["x-help-en"]
    assert schema["required"] == ["account", "app_key", "app_token"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account", "loja.com"),
        ("trade_policy", "um"),
        ("feed_visibility", 5),
        ("feed_retention", 60),
        ("at_once", 0),
        ("environment", "a/b"),
        ("base_url", "file:///etc/passwd"),
        ("pricing_url", "http://user:pw@host"),
        ("payments_url", "host"),
        ("rates", {"catalogue": {"per_second": 1}}),
    ],
)
def test_settings_that_cannot_work_are_refused(field: str, value: object) -> None:
    with pytest.raises(Invalid) as raised:
        load(VtexSettings, {**KEYS, field: value})
    assert field in raised.value.where


async def test_the_addresses_follow_from_the_account(shop: Any) -> None:
    front = await shop.connect(account="lojax", base_url="", pricing_url="", payments_url="")
    addresses = {name: http._base for name, http in front._vtex._hosts.items()}
    assert addresses == {
        "commerce": "https://lojax.vtexcommercestable.com.br",
        "pricing": "https://api.vtex.com/lojax",
        "payments": "https://lojax.vtexpayments.com.br",
    }
    assert await front.identity() == "lojax"


# ---- budgets ----


def test_every_call_has_its_published_budget() -> None:
    rates = endpoints.rates({})
    assert rates["catalog"] == Rate(750, 750)
    assert rates[endpoints.PRODUCT_CREATE.own_group] == Rate(250, 250)
    assert rates["pricing_write"] == Rate(2000 / 60, 450)
    assert rates["orders"].per_second == 100
    assert endpoints.PRODUCT_CREATE.groups == ("catalog", "POST /api/catalog/pvt/product")
    assert endpoints.ORDER.groups == ("orders",) and endpoints.PRICE_UPDATE.groups == ("pricing_write",)
    assert endpoints.FEED.groups == ("GET /api/orders/feed",)


def test_a_budget_can_be_replaced() -> None:
    rates = endpoints.rates({"catalog_endpoint": Rate(1), "orders": Rate(2)})
    assert rates[endpoints.SKU_CREATE.own_group] == Rate(1) and rates["orders"] == Rate(2, pause=60)
    assert rates["catalog"] == Rate(750, 750)


def test_a_refusal_by_the_orders_api_is_a_minutes_rest() -> None:
    """Reading an order, the feed, and what is told to an order; the connection's own limits do not shorten it."""
    for rates in (endpoints.rates({}), endpoints.rates({"orders": Rate(5)})):
        for call in (endpoints.ORDER, endpoints.ORDERS, endpoints.FEED, endpoints.START_HANDLING, endpoints.INVOICE):
            assert [rates[group].pause for group in call.groups] == [60]
        assert rates["catalog"].pause == 1
    assert endpoints.rates({"orders": Rate(5, pause=90)})["orders"].pause == 90


@pytest.mark.trap("vtex.price-credits")
async def test_the_published_budgets_are_never_overrun(shop: Any) -> None:
    """With the sandbox enforcing VTEX's limits, a burst of price writes beyond the 500 credits meets no 429."""
    box = sandbox(limits=True)
    async with box.listening():
        urls = {"base_url": box.base_url, "pricing_url": f"{box.base_url}/{shop.described['settings']['account']}"}
        shop.front = await shop.connect(**urls, rates={})
        sku = await shop.sku()
        shop.traffic = None  # holding each call against the schema takes so long that credits come back meanwhile
        await shop.accepted("prices", *(Item(str(n), Price(str(n), "1001-1", Decimal(n)), refs={"sku": sku}) for n in range(1, 581)))
        assert shop.calls().count("PUT /pricing/prices/{sku} 200") == 580
        assert box.counts.rate_limited == 0


# ---- the connection test ----


@pytest.mark.trap("vtex.headers-on-reading")
async def test_everything_in_order_changes_nothing(shop: Any) -> None:
    await shop.control("reset", {})
    lines = await shop.front.test_connection()
    assert [line.name for line in lines if not line.ok] == []
    assert {"trade_policy", "catalog", "prices", "warehouses", "dock", "orders", "events"} <= set(by_name(lines))
    assert await shop.writes() == {}


async def test_a_wrong_key_is_said_once(shop: Any) -> None:
    front = await shop.connect(app_token="ERRADO")
    lines = await front.test_connection()
    assert len(lines) == 1 and not lines[0].ok
    assert "chave" in lines[0].hint.pt and "ERRADO" not in str(lines)


async def test_a_wrong_key_stops_a_batch(shop: Any) -> None:
    shop.front = await shop.connect(app_token="ERRADO")
    error = await shop.refused("products", Item("1", shop.a_product(), refs={"category": "1", "brand": "1"}))
    assert isinstance(error, AuthFailed) and "ERRADO" not in str(error)


async def test_a_trade_policy_that_does_not_exist_is_named(shop: Any) -> None:
    front = await shop.connect(trade_policy="77")
    line = by_name(await front.test_connection())["trade_policy"]
    assert not line.ok and "77" in line.text.pt and line.hint.pt


async def test_a_dock_that_does_not_exist_is_named(shop: Any) -> None:
    front = await shop.connect(dock="nenhuma")
    lines = by_name(await front.test_connection())
    assert not lines["dock"].ok and "nenhuma" in lines["dock"].text.pt
    assert lines["warehouses"].ok


async def test_a_feed_that_somebody_else_uses_is_named(shop: Any) -> None:
    config = {
        "filter": {"type": "FromWorkflow", "status": ["invoiced"]},
        "queue": {"visibilityTimeoutInSeconds": 240, "MessageRetentionPeriodInSeconds": 345_600},
    }
    await shop.call("POST", "/api/orders/feed/config", config)
    line = by_name(await shop.front.test_connection())["events"]
    assert not line.ok and "chave" in line.hint.pt


async def test_a_role_that_is_missing_is_named_and_the_other_lines_go_on(shop: Any) -> None:
    await shop.control("faults", [Fault("403", f"GET /{shop.described['settings']['account']}/pricing/tables", times=9)])
    lines = by_name(await shop.front.test_connection())
    assert not lines["prices"].ok and "Modify prices" in lines["prices"].hint.pt and "GET /pricing/tables" in lines["prices"].text.pt
    assert lines["events"].ok and len(lines) == len(checks.PROBES)
    assert (await shop.control("ledger"))["injected"] == {"403": 1}, "asked once: there is no session to renew"


async def test_a_role_that_is_missing_stops_a_batch(shop: Any) -> None:
    await shop.control("faults", [Fault("403", "", times=9)])
    error = await shop.refused("products", Item("1", shop.a_product(), refs={"category": "1", "brand": "1"}))
    assert isinstance(error, Forbidden) and error.operation.startswith("GET /api/catalog_system") and "not enabled" in error.text.pt


@pytest.mark.trap("vtex.page-instead-of-404")
async def test_a_proxys_page_does_not_say_that_there_is_no_such_product(shop: Any) -> None:
    """A product that is there but was not found would be created a second time."""
    asked: list[str] = []

    async def page(request: web.BaseRequest) -> web.Response:
        asked.append(request.method)
        return web.Response(status=404, text="<html>not here</html>", content_type="text/html")

    runner = web.ServerRunner(web.Server(page, access_log=None))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        shop.traffic = None  # what a proxy answers is in no schema
        shop.front = await shop.connect(base_url=f"http://127.0.0.1:{runner.addresses[0][1]}")
        error = await shop.refused("products", Item("1", shop.a_product(), refs={"category": "1", "brand": "1"}))
    finally:
        await runner.cleanup()
    assert isinstance(error, Unavailable) and set(asked) == {"GET"}


async def test_a_server_that_is_down_is_a_line_not_an_error(shop: Any, monkeypatch: Any) -> None:
    async def down(_: Any) -> Text:
        raise Unavailable(Text("fora do ar", "down"), Text("espere", "wait"))

    monkeypatch.setattr(checks, "PROBES", (("catalog", down, ""),))
    (line,) = await shop.front.test_connection()
    assert (line.ok, line.text.pt, line.hint.pt) == (False, "fora do ar", "espere")


# ---- choices and listing ----


async def choices(shop: Any, kind: str) -> dict[str, str]:
    return {choice.key: choice.name async for page in shop.front.read_choices(kind) for choice in page.items}


async def test_a_mapping_can_name_what_the_sandbox_says_reaches_it(shop: Any) -> None:
    named = shop.described["choices"]
    assert {row["warehouse"] for row in named["warehouses"].values()} <= set(await choices(shop, "warehouses"))
    assert {row["form"] for row in named["payments"].values()} <= set(await choices(shop, "payments"))
    assert {row["shipping"] for row in named["carriers"].values()} <= set(await choices(shop, "shippings"))
    assert {row["list"] for row in named["price_lists"].values()} <= set(await choices(shop, "price_lists"))


async def test_an_unknown_kind_of_choice_is_empty(shop: Any) -> None:
    assert await choices(shop, "moons") == {}
    assert shop.calls() == []


async def test_an_empty_shop_lists_nothing_in_one_call(shop: Any) -> None:
    assert [page async for page in shop.front.read_listing(Query())] == []
    assert len(shop.calls()) == 1


async def test_the_listing_names_every_sku_and_resumes(shop: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(listing, "SKUS_PER_PAGE", 2)
    for number in range(5):
        await shop.sku(shop.a_sku(key=f"10{number}-1", product=f"10{number}", ean="7891000100103" if number == 0 else ""))
    pages = [page async for page in shop.front.read_listing(Query())]
    found = {listed.reference: listed for page in pages for listed in page.items}
    assert set(found) == {f"10{number}-1" for number in range(5)}
    assert (found["100-1"].ean, found["101-1"].ean) == ("7891000100103", "")
    assert "Café Torrado 500g" in found["100-1"].name and found["100-1"].active is False
    rest = [listed.sku async for page in shop.front.read_listing(Query(cursor=pages[0].cursor)) for listed in page.items]
    assert rest == [listed.sku for page in pages[1:] for listed in page.items]


async def test_the_listing_of_some_skus(shop: Any) -> None:
    sku = await shop.sku()
    shop.calls()
    (page,) = [page async for page in shop.front.read_listing(Query(keys=(sku, "999999")))]
    assert [listed.sku for listed in page.items] == [sku]
    assert len(shop.calls()) == 2


# ---- the whole way of a new SKU ----


async def test_a_new_sku_costs_ten_calls_in_all(shop: Any) -> None:
    await shop.sku(shop.a_sku(key="1-1", product="1", ean=""))
    shop.calls()
    await shop.sellable("2-1")
    made = [call for call in shop.calls() if "category" not in call and "brand" not in call]
    assert len(made) == 9  # and one for an EAN
    state = {row["key"]: row for row in await shop.control("state")}
    assert state["2-1"].get("visible", True) and Decimal(state["2-1"]["price"]) == 100
