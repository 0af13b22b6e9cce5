"""Sessions, credits, refusals, the connection test, the choices."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import pytest

from engate import AuthFailed, Forbidden, Invalid, Rejected, Unavailable
from engate.model import Query
from engate.settings import load
from engate_shopify.settings import ShopifySettings
from engate_shopify_sandbox import access


async def lines(front: Any) -> dict[str, bool]:
    return {check.name: check.ok for check in await front.test_connection()}


async def test_every_line_of_the_connection_test_is_green(shop: Any) -> None:
    assert set((await lines(shop.front)).values()) == {True}
    assert (await shop.front.identity()).endswith(".myshopify.com")
    assert await shop.front.learn() == {"plan": "Basic", "api": "2026-10"}


@pytest.mark.trap("shopify.token-ends")
async def test_client_credentials_open_a_session_and_renew_it(shop: Any) -> None:
    async with AsyncExitStack() as stack:
        front = await shop.connect(stack, access_token="")
        assert set((await lines(front)).values()) == {True}
        await shop.api.advance(25 * 3600)
        assert await front.identity() == await shop.front.identity()
    assert sum(counts["401"] for counts in shop.api.sandbox.counts.by_operation.values()) == 0


@pytest.mark.trap("shopify.app-refused")
async def test_a_refused_app_is_one_line(shop: Any) -> None:
    async with AsyncExitStack() as stack:
        front = await shop.connect(stack, access_token="", client_secret="wrong")
        assert await lines(front) == {"access": False}
        with pytest.raises(AuthFailed):
            await front.identity()


@pytest.mark.trap("shopify.scopes", "shopify.denied-in-200", "shopify.errors-in-200")
async def test_a_scope_that_is_missing_is_named_and_is_forbidden(shop: Any) -> None:
    async with AsyncExitStack() as stack:
        front = await shop.connect(stack, access_token=access.CATALOGUE_ONLY)
        said = {check.name: check for check in await front.test_connection()}
        assert not said["scopes"].ok and "write_inventory" in said["scopes"].text.en
        with pytest.raises(Forbidden):
            await front.read_order("1")


@pytest.mark.trap("shopify.protected-data")
async def test_protected_data_that_is_off_is_a_line(shop: Any) -> None:
    await shop.sellable()
    await shop.sell()
    await shop.api.setting("protected_data=off")
    assert (await lines(shop.front))["orders"] is False


@pytest.mark.trap("shopify.version-gone")
async def test_a_version_that_is_gone_is_a_line(shop: Any) -> None:
    await shop.api.advance(400 * 86_400)
    async with AsyncExitStack() as stack:
        assert (await lines(await shop.connect(stack)))["version"] is False


@pytest.mark.trap("shopify.frozen")
async def test_a_frozen_shop_is_no_wrong_record(shop: Any) -> None:
    await shop.api.setting("frozen=402")
    with pytest.raises(Unavailable):
        await shop.front.identity()


async def test_an_order_that_is_not_there_is_missing(shop: Any) -> None:
    with pytest.raises(Rejected) as error:
        await shop.front.read_order("999999999")
    assert error.value.code == "order.missing"


async def test_a_throttled_call_waits_and_goes_again(shop: Any) -> None:
    await shop.api.setting("throttle=3")
    assert await shop.front.identity()
    assert len(shop.calls()) > 1


async def test_choices(shop: Any) -> None:
    await shop.sellable()
    await shop.sell()
    kinds = ("warehouses", "payments", "shippings", "price_lists", "nothing")
    found = {kind: [choice.key async for page in shop.front.read_choices(kind) for choice in page.items] for kind in kinds}
    assert set(found["warehouses"]) == {shop.api.main, shop.api.second}
    assert found["payments"] and found["shippings"] and found["price_lists"]
    assert found["nothing"] == []


async def test_the_listing_goes_on_after_its_cursor(shop: Any) -> None:
    await shop.sellable("S1")
    await shop.sellable("S2")
    pages = [page async for page in shop.front.read_listing(Query())]
    items = [item for page in pages for item in page.items]
    assert [item.reference for item in items] == ["S1", "S2"]
    first = items[0].sku.rpartition("/")[2]
    rest = [item.reference async for page in shop.front.read_listing(Query(cursor=first)) for item in page.items]
    assert rest == ["S2"]


def test_settings_want_one_way_in() -> None:
    with pytest.raises(Invalid) as error:
        load(ShopifySettings, {"shop": "loja"})
    assert error.value.where == "client_id"
    assert load(ShopifySettings, {"shop": "loja.myshopify.com", "access_token": "x"}).address == "https://loja.myshopify.com"
