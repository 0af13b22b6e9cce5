"""What people of the shop made stays, however often engate writes beside it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engate.clock import ManualClock
from engate.model import Image, Item, Price, Product, Sku
from engate_shopify_sandbox import ShopifySandbox


@pytest.fixture
def sandbox(clock: ManualClock) -> ShopifySandbox:
    """Without the bucket of points: four hundred calls would wait for it."""
    return ShopifySandbox(clock=clock, limits=False)


HELD = """query($id: ID!) { product(id: $id) { title tags
  collections(first: 50) { nodes { id } } media(first: 50) { nodes { id } }
  variants(first: 50) { nodes { id sku price inventoryItem { measurement { weight { value } } } } } } }"""


async def collections(shop: Any, product: str, count: int) -> set[str]:
    made: list[str] = []
    for n in range(count):
        got = await shop.api.ok(
            "mutation($c: CollectionCreateInput) { collectionCreate(collection: $c) { collection { id } userErrors { message } } }",
            c={"title": f"Vitrine {n}"},
        )
        made.append(got["collection"]["id"])
    await shop.api.ok(
        "mutation($p: ProductUpdateInput) { productUpdate(product: $p) { userErrors { message } } }",
        p={"id": product, "collectionsToJoin": made},
    )
    return set(made)


async def images(shop: Any, product: str, count: int) -> set[str]:
    before = {node["id"] for node in (await shop.api.ok(HELD, id=product))["media"]["nodes"]}
    media = [{"originalSource": f"https://foto.example/{n}.jpg", "mediaContentType": "IMAGE", "alt": f"Foto {n}"} for n in range(count)]
    await shop.api.ok(
        "mutation($p: ProductUpdateInput, $m: [CreateMediaInput!]) { productUpdate(product: $p, media: $m) { userErrors { message } } }",
        p={"id": product, "tags": ["verão"]}, m=media,
    )  # fmt: skip
    return {node["id"] for node in (await shop.api.ok(HELD, id=product))["media"]["nodes"]} - before


def a_sku(key: str, grams: int = 500) -> Sku:
    return Sku(key, "P1", f"Café {key}", weight_kg=Decimal(grams) / 1000)


@pytest.mark.trap("shopify.push-replaces")
async def test_a_hundred_pushes_of_one_sku_leave_the_other_nine_ten_collections_and_five_images(shop: Any) -> None:
    """With its product, price, stock and image now and then, as a working day brings them."""
    product = await shop.product()
    await shop.push("skus", *(Item(f"S{n}", a_sku(f"S{n}"), refs={"product": product}) for n in range(10)))
    theirs, photos = await collections(shop, product, 10), await images(shop, product, 5)
    before = await shop.api.ok(HELD, id=product)
    mine = next(node["id"] for node in before["variants"]["nodes"] if node["sku"] == "S3")
    assert len(photos) == 5 and len(before["variants"]["nodes"]) == 10
    have, was = a_sku("S3"), Product("P1", "Produto P1", "Torra média", "100", "5")
    picture = Image("S3/0", "S3", "https://img.example/s3.jpg", "Café")
    for n in range(1, 101):
        want = a_sku("S3", 500 + n)
        await shop.accepted("skus", Item("S3", want, have=have, remote=mine, refs={"product": product}, turn=n))
        have = want
        if n % 10 == 0:
            now = msgspec.structs.replace(was, description=f"Torra média, lote {n}")
            await shop.accepted("products", Item("P1", now, have=was, remote=product, refs={"brand": "Nossa Marca"}))
            await shop.accepted("prices", Item("S3", Price("S3", "S3", Decimal(n)), refs={"sku": mine}))
            await shop.accepted("stock", shop.level("S3", mine, n, turn=n))
            await shop.accepted("images", Item(picture.key, picture, refs={"sku": mine}, uncertain=True))
            was = now
    after = await shop.api.ok(HELD, id=product)
    assert theirs <= {node["id"] for node in after["collections"]["nodes"]}
    assert {node["id"] for node in before["collections"]["nodes"]} <= {node["id"] for node in after["collections"]["nodes"]}
    held = [node["id"] for node in after["media"]["nodes"]]
    assert photos <= set(held) and len(held) == 6, "five by hand, and one of the ERP's however often it was sent"
    assert after["tags"] == ["verão"]
    others = [[node for node in held["variants"]["nodes"] if node["id"] != mine] for held in (before, after)]
    assert others[0] == others[1] and len(others[1]) == 9
    [changed] = [node for node in after["variants"]["nodes"] if node["id"] == mine]
    assert changed["sku"] == "S3" and changed["inventoryItem"]["measurement"]["weight"]["value"] == 0.6
