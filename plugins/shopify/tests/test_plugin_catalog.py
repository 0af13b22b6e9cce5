"""Collections, products, variants, images, prices and stock."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from engate.model import Batch, Category, Image, Item, Price, Product, Sku
from engate_shopify import images


def a_sku(key: str, **fields: Any) -> Sku:
    return Sku(key, "P1", f"Café {key}", weight_kg=Decimal("0.5"), **fields)


async def variants(shop: Any, product: str) -> list[dict[str, Any]]:
    found = await shop.api.ok(
        "query($id: ID!) { product(id: $id) { variants(first: 50) { nodes { id sku barcode price selectedOptions { name value }"
        " inventoryItem { id tracked } } } } }", id=product,
    )  # fmt: skip
    return found["variants"]["nodes"]


@pytest.mark.trap("shopify.custom-id", "shopify.id-definition")
async def test_what_was_made_and_not_heard_of_is_found_by_the_erps_key(shop: Any) -> None:
    first = await shop.product()
    assert await shop.product() == first


@pytest.mark.trap("shopify.old-collection")
async def test_a_merchandisers_collection_survives_a_new_category(shop: Any) -> None:
    product = await shop.product()
    made = await shop.api.ok(
        "mutation($c: CollectionCreateInput) { collectionCreate(collection: $c) { collection { id } userErrors { message } } }",
        c={"title": "Ofertas"},
    )
    theirs = made["collection"]["id"]
    await shop.api.ok(
        "mutation($p: ProductUpdateInput) { productUpdate(product: $p) { userErrors { message } } }",
        p={"id": product, "collectionsToJoin": [theirs]},
    )
    other = await shop.accepted("categories", Item("200", Category("200", "Chás")))
    have, want = Product("P1", "Produto P1", "", "100", "5"), Product("P1", "Produto P1", "", "200", "5")
    await shop.accepted("products", Item("P1", want, have=have, remote=product, refs={"category": other, "brand": "Nossa Marca"}))
    held = await shop.api.ok("query($id: ID!) { product(id: $id) { collections(first: 9) { nodes { id } } } }", id=product)
    assert {node["id"] for node in held["collections"]["nodes"]} == {theirs, other}


@pytest.mark.trap("shopify.first-link")
async def test_the_shops_own_texts_survive_the_first_link(shop: Any) -> None:
    product = await shop.product()
    want = Product("P1", "OUTRO NOME", "", "100", "5")
    await shop.accepted("products", Item("P1", want, remote=product, refs={"brand": "Nossa Marca"}))
    found = await shop.api.ok("query($id: ID!) { product(id: $id) { title vendor } }", id=product)
    assert found == {"title": "Produto P1", "vendor": "Nossa Marca"}


@pytest.mark.trap("shopify.sku-place", "shopify.untracked", "shopify.default-variant")
async def test_skus_come_beside_what_is_there_and_nothing_is_deleted(shop: Any) -> None:
    product = await shop.product()
    refs = {"product": product}
    batch = await shop.push("skus", *(Item(key, a_sku(key, ean="7891000100103"), refs=refs) for key in ("A", "B")))
    later = await shop.push("skus", Item("C", a_sku("C"), refs=refs))
    held = await variants(shop, product)
    assert [variant["sku"] for variant in held] == ["A", "B", "C"]
    assert [variant["selectedOptions"][0]["name"] for variant in held] == ["Embalagem"] * 3
    assert all(variant["inventoryItem"]["tracked"] for variant in held)
    outcomes = batch.outcomes | later.outcomes
    assert [(outcomes[v["sku"]].remote, outcomes[v["sku"]].more) for v in held] == [(v["id"], v["inventoryItem"]["id"]) for v in held]


@pytest.mark.trap("shopify.default-variant-begun")
async def test_a_default_variant_whose_answer_was_lost_becomes_the_first_sku_all_the_same(shop: Any) -> None:
    """Its options were made, and nobody heard of it: a second variant beside it would be one that nobody can sell, at no price."""
    refs = {"product": await shop.product()}
    await shop.api.faults({"kind": "reset_applied", "operation": "POST graphql productOptionsCreate", "times": 1})
    items = [Item(key, a_sku(key), refs=refs) for key in ("A", "B")]
    batch = await shop.push("skus", *items)
    assert {outcome.state for outcome in batch.outcomes.values()} == {"unknown"}
    for item in items:
        item.uncertain = True
    await shop.accepted("skus", *items)
    assert [variant["sku"] for variant in await variants(shop, refs["product"])] == ["A", "B"]


@pytest.mark.trap("shopify.options")
async def test_a_grid_has_its_own_options_and_others_are_refused(shop: Any) -> None:
    product = await shop.product()
    colours = [Item(c, a_sku(c, options=(("Cor", c), ("Tamanho", "M"))), refs={"product": product}) for c in ("Azul", "Verde")]
    await shop.accepted("skus", *colours)
    held = await variants(shop, product)
    assert [[o["value"] for o in variant["selectedOptions"]] for variant in held] == [["Azul", "M"], ["Verde", "M"]]
    error = await shop.refused("skus", Item("X", a_sku("X", options=(("Voltagem", "110"),)), refs={"product": product}))
    assert error.code == "sku.options"


@pytest.mark.trap("shopify.same-option")
async def test_two_skus_of_one_name_are_two_variants(shop: Any) -> None:
    product = await shop.product()
    named = [Item(key, Sku(key, "P1", "Café UN"), refs={"product": product}) for key in ("A", "B")]
    await shop.accepted("skus", *named)
    values = [variant["selectedOptions"][0]["value"] for variant in await variants(shop, product)]
    assert values == ["Café UN", "Café UN (B)"]


@pytest.mark.trap("shopify.image-later")
async def test_an_image_sent_again_is_one_file(shop: Any) -> None:
    sku = await shop.sellable()
    image = Image("S1/0", "S1", "https://img.example/a.jpg", "Café")
    first = await shop.accepted("images", Item(image.key, image, refs={"sku": sku}))
    assert await shop.accepted("images", Item(image.key, image, refs={"sku": sku}, uncertain=True)) == first
    broken = Image("S1/1", "S1", "https://img.invalid/a.jpg", "Café", 1, False)
    assert (await shop.refused("images", Item(broken.key, broken, refs={"sku": sku}))).code == "image.failed"


@pytest.mark.trap("shopify.image-slow")
async def test_an_image_that_is_worked_on_is_asked_about_later_and_not_uploaded_again(shop: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(images, "PAUSE", 0.01)
    sku = await shop.sellable()
    await shop.api.setting("media_polls=50")
    good, bad = (
        Image(f"S1/{n}", "S1", url, "Café", n, n == 0) for n, url in enumerate(("https://i.example/a.jpg", "https://i.invalid/b.jpg"))
    )
    refs = {"sku": sku}
    batch: Batch[Image] = Batch([Item(image.key, image, refs=refs) for image in (good, bad)])
    await shop.front.push_images(batch)
    assert {outcome.error and outcome.error.code for outcome in batch.outcomes.values()} == {"image.processing"}
    await shop.api.setting("media_polls=0")
    shop.calls()
    for item, state, uploads in zip(batch.items, ("accepted", "rejected"), (0, 1), strict=True):
        later: Batch[Image] = Batch([Item(item.key, item.want, remote=item.remote, refs=refs, unfinished=True)])
        await shop.front.push_images(later)
        assert later.outcomes[item.key].state == state
        assert shop.calls().count("fileCreate") == uploads, "only what Shopify could not read is tried once more"


async def test_a_look_at_a_file_comes_after_a_pause_and_no_pause_after_the_last(shop: Any, monkeypatch: Any) -> None:
    sku = await shop.sellable()
    await shop.api.setting("media_polls=50")
    steps: list[str] = []

    async def pause(seconds: float) -> None:
        assert seconds > 0
        steps.append("pause")

    monkeypatch.setattr(images, "asyncio", SimpleNamespace(sleep=pause))
    monkeypatch.setattr(shop, "hold", lambda exchange: steps.append("look") if b"filesById" in exchange.request_body else None)
    image = Image("S1/0", "S1", "https://i.example/a.jpg", "Café")
    assert (await shop.refused("images", Item(image.key, image, refs={"sku": sku}))).code == "image.processing"
    assert steps == ["look", *["pause", "look"] * (images.LOOKS - 1)]


async def test_a_price_is_written_once_and_a_struck_one_of_the_shop_stays(shop: Any) -> None:
    sku = await shop.sellable(price="10.00")
    shop.calls()
    await shop.accepted("prices", Item("S1", Price("S1", "S1", Decimal("10.0")), refs={"sku": sku}))
    assert shop.calls() == ["nodes"]
    await shop.accepted("prices", Item("S1", Price("S1", "S1", Decimal("9.5"), Decimal(12)), refs={"sku": sku}))
    assert shop.state("S1").price == Decimal("9.50")
    assert (await shop.refused("prices", Item("S1", Price("S1", "S1", Decimal(0)), refs={"sku": sku}))).code == "price.value"


@pytest.mark.trap("shopify.price-list")
async def test_a_mapped_table_is_a_price_list(shop: Any) -> None:
    sku = await shop.sellable()
    table = next(iter(shop.api.sandbox.describe().choices["price_lists"].values()))
    remote = table if isinstance(table, str) else next(iter(table.values()))
    await shop.accepted("prices", Item("S1", Price("S1", "S1", Decimal(8), table="2"), refs={"sku": sku, "price_list": remote}))
    assert shop.state("S1").price == Decimal("100.00")


@pytest.mark.trap("shopify.bad-level")
async def test_one_bad_level_does_not_keep_the_others(shop: Any) -> None:
    one, two = await shop.sellable("S1"), await shop.sellable("S2")
    batch = await shop.push("stock", shop.level("S1", one, 3, turn=2), shop.level("S2", two, 2_000_000_000, turn=2))
    assert batch.outcomes["S1/1"].state == "accepted" and batch.outcomes["S2/1"].state == "rejected"
    assert shop.state("S1").stock[shop.api.main] == 3


@pytest.mark.trap("shopify.idempotent", "shopify.same-key")
async def test_the_same_quantity_is_not_written_and_a_former_one_is_again(shop: Any) -> None:
    sku = await shop.sellable(stock=10)
    shop.calls()
    await shop.accepted("stock", shop.level("S1", sku, 10, turn=2))
    assert shop.calls() == ["nodes"]
    for turn, units in ((3, 8), (4, 10), (5, 8)):
        await shop.accepted("stock", shop.level("S1", sku, units, turn=turn))
        assert shop.state("S1").stock[shop.api.main] == units


@pytest.mark.trap("shopify.no-level")
async def test_an_item_without_a_level_gets_one(shop: Any) -> None:
    sku = await shop.sellable()
    item = shop.level("S1", sku, 4)
    item.refs = {"sku": sku, "warehouse": shop.api.second}
    await shop.accepted("stock", item)
    assert shop.state("S1").stock[shop.api.second] == 4


@pytest.mark.trap("shopify.change-from")
async def test_a_sale_between_reading_and_writing_is_not_sold_twice(shop: Any) -> None:
    sku = await shop.sellable(stock=10)
    await shop.api.control("stage", [{"operation": "POST graphql nodes", "verb": "sell", "body": [shop.api.sale(1)]}])
    shop.calls()
    await shop.accepted("stock", shop.level("S1", sku, 7, turn=2))
    assert shop.calls().count("inventorySetQuantities") == 2
    assert shop.state("S1").stock[shop.api.main] == 7


async def test_a_lost_answer_of_a_stock_load_is_written_once(shop: Any) -> None:
    sku = await shop.sellable(stock=10)
    await shop.api.faults({"kind": "reset_applied", "operation": "POST graphql inventorySetQuantities", "times": 1})
    await shop.accepted("stock", shop.level("S1", sku, 7, turn=2))
    assert shop.state("S1").stock[shop.api.main] == 7


@pytest.mark.trap("shopify.dear-reading")
async def test_two_hundred_and_fifty_levels_go_in_one_call(shop: Any) -> None:
    """What there is has to be read in more than one."""
    sku = await shop.sellable(stock=10)
    found = await shop.api.ok("query($id: ID!) { productVariant(id: $id) { product { id } } }", id=sku)
    bodies = [{"optionValues": [{"optionName": "Embalagem", "name": f"{n}"}], "inventoryItem": {"sku": f"T{n}"}} for n in range(249)]
    made = await shop.api.ok(
        "mutation($p: ID!, $v: [ProductVariantsBulkInput!]!) { productVariantsBulkCreate(productId: $p, variants: $v) {"
        " productVariants { id sku } userErrors { message } } }", p=found["product"]["id"], v=bodies,
    )  # fmt: skip
    rows = [("S1", sku), *((variant["sku"], variant["id"]) for variant in made["productVariants"])]
    shop.calls()
    await shop.accepted("stock", *(shop.level(key, variant, 3, turn=2) for key, variant in rows))
    assert sorted(shop.calls()) == ["inventorySetQuantities", "nodes", "nodes", "nodes"]
    assert {sku.stock.get(shop.api.main) for sku in shop.api.sandbox.state() if sku.key == "S1"} == {3}
