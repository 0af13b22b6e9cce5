"""What goes as one operation of the shop, and what goes by calls."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from plugins.shopify.tests.loads import ALL_OF_IT, MANY, Load, images, levels, prices, products, skus, used

from engate.model import Item, Outcome
from engate_shopify import bulk

pytestmark = pytest.mark.usefixtures("few_levels")


@pytest.mark.trap("shopify.bulk-published")
async def test_a_first_load_goes_as_operations_and_can_be_bought(shop: Any) -> None:
    made = await Load(shop, "products", products()).accepted()
    held = await Load(shop, "skus", skus(made, 2)).accepted()
    await Load(shop, "prices", prices(held)).accepted()
    await Load(shop, "stock", levels(shop, held, 5)).accepted()
    files = await Load(shop, "images", images(held)).accepted()
    calls = shop.calls()
    assert used(calls) == ALL_OF_IT and calls.count("bulkOperationRunMutation") == 5
    assert not {"productCreate", "publishablePublish", "productOptionsCreate", "productVariantsBulkUpdate", "inventoryActivate"} & set(
        calls
    )
    state = shop.api.sandbox.state()
    assert len(state) == 2 * MANY and all(sku.visible and sku.price == Decimal(10) for sku in state)
    assert {sku.key: sku.remote for sku in state} == {key: outcome.remote for key, outcome in held.items()}
    pictures = {variant.id: [file.id for file in variant.media] for variant in shop.api.sandbox.shop.all("ProductVariant")}
    assert pictures == {held[key.removesuffix("/0")].remote: [outcome.remote] for key, outcome in files.items()}


@pytest.mark.trap("shopify.bulk-threshold", "shopify.bulk-beside")
@pytest.mark.parametrize(("count", "may_defer"), [(bulk.WORTH - 1, True), (MANY, False)])
async def test_few_of_them_or_beside_an_operation_go_by_calls(shop: Any, count: int, may_defer: bool) -> None:
    await Load(shop, "products", products(count), may_defer=may_defer).accepted()
    assert not used(shop.calls())


async def test_what_changed_goes_as_an_operation_too(shop: Any, catalogue: dict[str, Outcome]) -> None:
    found = {sku.key: sku for sku in shop.api.sandbox.state()}
    by_key = {variant.sku: variant.product.id for variant in shop.api.sandbox.shop.all("ProductVariant")}
    old, new = products(), products(name="Outro nome")
    changed = [Item(n.key, n.want, have=o.want, remote=by_key[f"{n.key}-0"], turn=2) for n, o in zip(new, old, strict=True)]
    shop.calls()
    await Load(shop, "products", changed).accepted()
    heavier = [
        Item(i.key, msgspec.structs.replace(i.want, ean="7891000315507"), have=i.want, remote=catalogue[i.key].remote, refs=i.refs)
        for i in skus({key: Outcome("accepted", by_key[f"{key}-0"]) for key in (f"P{n}" for n in range(MANY))})
    ]
    await Load(shop, "skus", heavier).accepted()
    calls = shop.calls()
    assert calls.count("bulkOperationRunMutation") == 2 and not {"productUpdate", "productVariantsBulkUpdate", "product"} & set(calls)
    now = shop.api.sandbox.state()
    assert all(sku.product_name.startswith("Outro nome") and sku.ean == "7891000315507" for sku in now) and len(now) == len(found)


@pytest.mark.trap("shopify.bulk-token")
async def test_the_storage_gets_no_token(shop: Any) -> None:
    heard: list[Any] = []
    hold = shop.hold
    shop.hold = lambda exchange: (heard.append(exchange), hold(exchange))
    await Load(shop, "products", products()).accepted()
    storage = [exchange for exchange in heard if not exchange.path.endswith("graphql.json")]
    assert {exchange.method for exchange in storage} == {"POST", "GET"}
    token = shop.api.token
    assert all(token not in str(dict(exchange.request_headers)) for exchange in storage)
