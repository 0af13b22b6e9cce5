"""Products, SKUs and images: few calls for what is new, nothing of the shop's own lost in what exists."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engate import Rejected, Unknown
from engate.model import Image, Item

PRODUCT = "/api/catalog/pvt/product"
SKU = "/api/catalog/pvt/stockkeepingunit"
PICTURE = "https://img.example/cafe.jpg"


async def refs(shop: Any) -> dict[str, str]:
    return {"category": await shop.category(), "brand": await shop.brand()}


async def files(shop: Any, sku: str) -> list[dict[str, Any]]:
    return await shop.call("GET", f"{SKU}/{sku}/file")


# ---- products ----


@pytest.mark.trap("vtex.null-with-200", "vtex.not-indexed")
async def test_a_new_product_costs_four_calls(shop: Any) -> None:
    item = Item("1001", shop.a_product(), refs=await refs(shop))
    shop.calls()
    product = await shop.accepted("products", item)
    assert shop.calls() == [
        "GET /api/catalog_system/pvt/products/productgetbyrefid/{ref} 200",
        f"POST {PRODUCT} 200",
        f"POST {PRODUCT}/{{product}}/salespolicy/{{policy}} 200",
        f"PUT {PRODUCT}/{{product}} 200",
    ]
    made = await shop.call("GET", f"{PRODUCT}/{product}")
    assert (made["Name"], made["RefId"], made["Description"]) == ("Café Torrado 500g", "1001", "Torra média")
    assert (made["IsActive"], made["IsVisible"], made["ShowWithoutStock"]) == (True, True, False)
    assert await shop.call("GET", f"{PRODUCT}/{product}/salespolicy") == [{"ProductId": int(product), "StoreId": 1}]


async def test_a_new_product_goes_into_the_trade_policy_of_the_connection(shop: Any) -> None:
    front = await shop.connect(trade_policy="2")
    item = Item("1001", shop.a_product(), refs=await refs(shop))
    shop.front = front
    product = await shop.accepted("products", item)
    assert 2 in [policy["StoreId"] for policy in await shop.call("GET", f"{PRODUCT}/{product}/salespolicy")]


@pytest.mark.trap("vtex.second-product")
async def test_a_product_is_linked_by_its_reference_not_created_twice(shop: Any) -> None:
    first = await shop.product()
    assert await shop.product() == first
    assert (await shop.writes())[f"POST {PRODUCT}"] == 1


async def test_two_products_of_one_name_do_not_collide(shop: Any) -> None:
    assert await shop.product(shop.a_product(key="1")) != await shop.product(shop.a_product(key="2"))


@pytest.mark.trap("vtex.reference-with-a-space")
async def test_a_reference_with_outer_spaces_is_trimmed(shop: Any) -> None:
    product = await shop.product(shop.a_product(key="1001 "))
    assert (await shop.call("GET", f"{PRODUCT}/{product}"))["RefId"] == "1001"


async def test_a_reference_with_a_slash_travels_whole(shop: Any) -> None:
    product = await shop.product(shop.a_product(key="10/01"))
    assert await shop.product(shop.a_product(key="10/01")) == product
    assert (await shop.writes())[f"POST {PRODUCT}"] == 1


async def test_linking_a_product_that_the_shop_had_changes_nothing_in_it(shop: Any) -> None:
    product = await shop.product()
    body = await shop.call("GET", f"{PRODUCT}/{product}")
    enriched = {**body, "Name": "Café Especial", "Description": "Notas de chocolate", "Score": 9, "KeyWords": "café, especial"}
    await shop.call("PUT", f"{PRODUCT}/{product}", {k: v for k, v in enriched.items() if v is not None})
    before = await shop.call("GET", f"{PRODUCT}/{product}")
    item = Item("1001", shop.a_product(), refs=await refs(shop))
    shop.calls()
    assert await shop.accepted("products", item) == product
    assert shop.calls() == ["GET /api/catalog_system/pvt/products/productgetbyrefid/{ref} 200"]
    assert await shop.call("GET", f"{PRODUCT}/{product}") == before


async def test_linking_puts_a_product_into_the_trade_policy_where_it_is_missing(shop: Any) -> None:
    product = await shop.product()
    await shop.call("DELETE", f"{PRODUCT}/{product}/salespolicy/1")
    assert await shop.product() == product
    assert await shop.call("GET", f"{PRODUCT}/{product}/salespolicy") == [{"ProductId": int(product), "StoreId": 1}]
    assert f"PUT {PRODUCT}/{{product}} 200" in shop.calls()[-1:]


@pytest.mark.trap("vtex.product-put-wipes")
async def test_a_change_writes_only_what_changed_and_keeps_what_the_shop_enriched(shop: Any) -> None:
    product = await shop.product()
    body = await shop.call("GET", f"{PRODUCT}/{product}")
    enriched = {
        **body,
        "Description": "Notas de chocolate",
        "Title": "Café especial em grãos",
        "Score": 9,
        "KeyWords": "grãos",
        "TaxCode": "T1",
    }
    await shop.call("PUT", f"{PRODUCT}/{product}", {k: v for k, v in enriched.items() if v is not None})
    before = await shop.call("GET", f"{PRODUCT}/{product}")
    want = shop.a_product(name="Café Torrado 1kg")
    item = Item("1001", want, have=shop.a_product(), remote=product, refs=await refs(shop))
    shop.calls()
    await shop.accepted("products", item)
    assert shop.calls() == [f"GET {PRODUCT}/{{product}} 200", f"PUT {PRODUCT}/{{product}} 200"]
    assert await shop.call("GET", f"{PRODUCT}/{product}") == {**before, "Name": "Café Torrado 1kg"}


async def test_a_name_follows_into_a_title_that_nobody_rewrote(shop: Any) -> None:
    product = await shop.product()
    want = shop.a_product(name="Café Torrado 1kg")
    await shop.accepted("products", Item("1001", want, have=shop.a_product(), remote=product, refs=await refs(shop)))
    assert (await shop.call("GET", f"{PRODUCT}/{product}"))["Title"] == "Café Torrado 1kg"


async def test_a_switched_off_product_keeps_everything_else(shop: Any) -> None:
    product = await shop.product()
    before = await shop.call("GET", f"{PRODUCT}/{product}")
    want = shop.a_product(active=False)
    await shop.accepted("products", Item("1001", want, have=shop.a_product(), remote=product, refs=await refs(shop)))
    assert await shop.call("GET", f"{PRODUCT}/{product}") == {**before, "IsActive": False}


async def test_another_category_brings_its_department(shop: Any) -> None:
    product = await shop.product()
    other = await shop.category("Mercearia")
    want = shop.a_product(category="d")
    item = Item("1001", want, have=shop.a_product(), remote=product, refs={**await refs(shop), "category": other})
    await shop.accepted("products", item)
    now = await shop.call("GET", f"{PRODUCT}/{product}")
    assert (str(now["CategoryId"]), str(now["DepartmentId"])) == (other, other)


async def test_a_product_that_stands_as_wanted_is_not_written(shop: Any) -> None:
    product = await shop.product()
    item = Item("1001", shop.a_product(), have=shop.a_product(), remote=product, refs=await refs(shop))
    shop.calls()
    await shop.accepted("products", item)
    assert shop.calls() == [f"GET {PRODUCT}/{{product}} 200"]


async def test_a_creation_without_an_answer_is_completed_not_repeated(shop: Any) -> None:
    await shop.faults({"kind": "500_applied", "operation": f"POST {PRODUCT}", "times": 1})
    error = await shop.refused("products", item := Item("1001", shop.a_product(), refs=await refs(shop)))
    assert isinstance(error, Unknown) and item.remote is None
    product = await shop.accepted("products", Item("1001", shop.a_product(), refs=await refs(shop), uncertain=True))
    assert (await shop.writes())[f"POST {PRODUCT}"] == 1
    assert await shop.call("GET", f"{PRODUCT}/{product}/salespolicy") == [{"ProductId": int(product), "StoreId": 1}]


async def test_a_creation_that_broke_off_half_way_keeps_its_link_and_is_completed(shop: Any) -> None:
    front, shop.front = shop.front, await shop.connect(trade_policy="77")
    item = Item("1001", shop.a_product(), refs=await refs(shop))
    assert isinstance(await shop.refused("products", item), Rejected)
    assert item.remote is not None
    shop.front = front
    for uncertain in (False, True):
        again = Item("1001", shop.a_product(), remote=item.remote, refs=await refs(shop), uncertain=uncertain)
        shop.calls()
        assert await shop.accepted("products", again) == item.remote
        assert [call.split(" ")[0] for call in shop.calls()] == ["GET", "POST", "PUT"]
        assert {"ProductId": int(item.remote), "StoreId": 1} in await shop.call("GET", f"{PRODUCT}/{item.remote}/salespolicy")
        await shop.call("DELETE", f"{PRODUCT}/{item.remote}/salespolicy/1")


async def test_a_product_that_was_left_half_made_gets_what_the_erp_changed_since(shop: Any) -> None:
    front, shop.front = shop.front, await shop.connect(trade_policy="77")
    item = Item("1001", shop.a_product(), refs=await refs(shop))
    await shop.refused("products", item)
    shop.front = front
    want = shop.a_product(name="Café Torrado 1kg", description="Torra escura")
    await shop.accepted("products", Item("1001", want, remote=item.remote, refs=await refs(shop), unfinished=item.unfinished))
    body = await shop.call("GET", f"{PRODUCT}/{item.remote}")
    assert (body["Name"], body["Title"], body["Description"]) == ("Café Torrado 1kg", "Café Torrado 1kg", "Torra escura")


async def test_an_update_without_an_answer_is_written_again(shop: Any) -> None:
    product = await shop.product()
    want = shop.a_product(name="Café Torrado 1kg")
    await shop.accepted("products", Item("1001", want, remote=product, refs=await refs(shop), uncertain=True))
    assert (await shop.call("GET", f"{PRODUCT}/{product}"))["Name"] == "Café Torrado 1kg"


async def test_a_product_without_its_category_is_refused(shop: Any) -> None:
    error = await shop.refused("products", Item("1001", shop.a_product(), refs={"brand": "1"}))
    assert isinstance(error, Rejected) and error.code == "category.unlinked" and error.hint.pt
    assert shop.calls() == []


# ---- SKUs ----


@pytest.mark.trap("vtex.weight-in-grams", "vtex.sku-born-active")
async def test_a_new_sku_costs_three_calls(shop: Any) -> None:
    product = await shop.product()
    shop.calls()
    sku = await shop.accepted("skus", Item("1001-1", shop.a_sku(), refs={"product": product}))
    assert shop.calls() == [f"GET {SKU} 404", f"POST {SKU} 200", f"POST {SKU}/{{sku}}/ean/{{ean}} 200"]
    made = await shop.call("GET", f"{SKU}/{sku}")
    assert (made["IsActive"], made["ActivateIfPossible"]) == (False, True)
    assert (made["PackagedWeightKg"], made["PackagedHeight"], made["PackagedWidth"], made["PackagedLength"]) == (550, 20, 10.5, 6)
    assert (made["RefId"], str(made["ProductId"])) == ("1001-1", product)
    assert await shop.call("GET", f"{SKU}/{sku}/ean") == ["7891000100103"]


async def test_an_ean_that_is_no_gtin_is_not_sent(shop: Any) -> None:
    sku = await shop.sku(shop.a_sku(ean="7891000100104"))
    assert await shop.call("GET", f"{SKU}/{sku}/ean") == []


async def test_a_sku_is_linked_by_its_reference_not_created_twice(shop: Any) -> None:
    first = await shop.sku()
    assert await shop.sku() == first
    assert (await shop.writes())[f"POST {SKU}"] == 1


async def test_linking_a_sku_that_the_shop_had_changes_nothing_in_it(shop: Any) -> None:
    sku = await shop.sku()
    body = await shop.call("GET", f"{SKU}/{sku}")
    await shop.call("PUT", f"{SKU}/{sku}", {**{k: v for k, v in body.items() if v is not None}, "Name": "Pacote", "PackagedWeightKg": 600})
    before = await shop.call("GET", f"{SKU}/{sku}")
    assert await shop.sku() == sku
    assert await shop.call("GET", f"{SKU}/{sku}") == before


async def test_linking_gives_an_ean_only_to_a_sku_that_has_none(shop: Any) -> None:
    sku = await shop.sku(shop.a_sku(ean=""))
    product = await shop.product()
    await shop.accepted("skus", Item("1001-1", shop.a_sku(), remote=sku, refs={"product": product}))
    assert await shop.call("GET", f"{SKU}/{sku}/ean") == ["7891000100103"]
    await shop.accepted("skus", Item("1001-1", shop.a_sku(ean="7891000055120"), remote=sku, refs={"product": product}))
    assert await shop.call("GET", f"{SKU}/{sku}/ean") == ["7891000100103"]


@pytest.mark.trap("vtex.sku-put-deactivates")
async def test_a_change_of_an_active_sku_leaves_it_active(shop: Any) -> None:
    sku = await shop.sellable()
    want, have = shop.a_sku(ean="", name="Café 500g Pacote"), shop.a_sku(ean="")
    before = await shop.call("GET", f"{SKU}/{sku}")
    assert before["IsActive"] is True
    shop.calls()
    await shop.accepted("skus", Item("1001-1", want, have=have, remote=sku, refs={"product": "1"}))
    assert shop.calls() == [f"GET {SKU}/{{sku}} 200", f"PUT {SKU}/{{sku}} 200"]
    assert await shop.call("GET", f"{SKU}/{sku}") == {**before, "Name": "Café 500g Pacote"}


async def test_a_change_of_the_weight_is_in_grams(shop: Any) -> None:
    sku = await shop.sku()
    item = Item("1001-1", shop.a_sku(weight_kg=Decimal("1.2345")), have=shop.a_sku(), remote=sku, refs={"product": "1"})
    await shop.accepted("skus", item)
    assert (await shop.call("GET", f"{SKU}/{sku}"))["PackagedWeightKg"] == 1235


@pytest.mark.trap("vtex.weight-of-nothing")
async def test_a_sku_without_weight_is_refused_before_any_call(shop: Any) -> None:
    error = await shop.refused("skus", Item("1001-1", shop.a_sku(weight_kg=Decimal(0)), refs={"product": "1"}))
    assert isinstance(error, Rejected) and error.code == "sku.weight"
    assert "peso" in error.hint.pt and "weight" in error.hint.en
    assert shop.calls() == []


async def test_a_sku_switched_off_and_on_again(shop: Any) -> None:
    sku = await shop.sellable()
    on, off = shop.a_sku(ean=""), shop.a_sku(ean="", active=False)
    await shop.accepted("skus", Item("1001-1", off, have=on, remote=sku, refs={"product": "1"}))
    now = await shop.call("GET", f"{SKU}/{sku}")
    assert (now["IsActive"], now["ActivateIfPossible"]) == (False, False)
    await shop.accepted("skus", Item("1001-1", on, have=off, remote=sku, refs={"product": "1"}))
    assert (await shop.call("GET", f"{SKU}/{sku}"))["IsActive"] is True


async def test_an_incomplete_sku_switched_on_waits_for_its_image(shop: Any) -> None:
    sku = await shop.sku(shop.a_sku(active=False))
    assert (await shop.call("GET", f"{SKU}/{sku}"))["ActivateIfPossible"] is False
    await shop.accepted("skus", Item("1001-1", shop.a_sku(), have=shop.a_sku(active=False), remote=sku, refs={"product": "1"}))
    now = await shop.call("GET", f"{SKU}/{sku}")
    assert (now["IsActive"], now["ActivateIfPossible"]) == (False, True)


@pytest.mark.trap("vtex.ean-alone")
async def test_a_new_ean_rewrites_nothing_else_also_where_a_field_is_the_shops_own(shop: Any) -> None:
    sku = await shop.sku()
    want, have, kept = shop.a_sku(ean="7891000055120"), shop.a_sku(name=""), frozenset({"name"})
    body = await shop.call("GET", f"{SKU}/{sku}")
    await shop.call("PUT", f"{SKU}/{sku}", {**{k: v for k, v in body.items() if v is not None}, "PackagedWeightKg": 600})
    await shop.accepted("skus", Item("1001-1", want, have=have, remote=sku, refs={"product": "1"}, kept=kept))
    assert (await shop.call("GET", f"{SKU}/{sku}"))["PackagedWeightKg"] == 600
    assert await shop.call("GET", f"{SKU}/{sku}/ean") == ["7891000055120"]


async def test_where_the_ean_is_the_shops_own_the_rest_is_sent_again_all_the_same(shop: Any) -> None:
    sku = await shop.sku()
    body = await shop.call("GET", f"{SKU}/{sku}")
    await shop.call("PUT", f"{SKU}/{sku}", {**{k: v for k, v in body.items() if v is not None}, "PackagedWeightKg": 600})
    item = Item("1001-1", shop.a_sku(), have=shop.a_sku(ean=""), remote=sku, refs={"product": "1"}, kept=frozenset({"ean"}))
    await shop.accepted("skus", item)
    assert (await shop.call("GET", f"{SKU}/{sku}"))["PackagedWeightKg"] == body["PackagedWeightKg"]


@pytest.mark.trap("vtex.ean-kept")
async def test_an_ean_that_is_the_shops_own_stays(shop: Any) -> None:
    sku = await shop.sku(shop.a_sku())
    want, have, kept = shop.a_sku(ean="7891000055120"), shop.a_sku(ean=""), frozenset({"ean"})
    item = Item("1001-1", want, have=have, remote=sku, refs={"product": "1"}, kept=kept)
    await shop.accepted("skus", item)
    assert await shop.call("GET", f"{SKU}/{sku}/ean") == ["7891000100103"]


@pytest.mark.trap("vtex.ean-not-updatable")
async def test_a_new_ean_takes_the_place_of_the_old_one(shop: Any) -> None:
    sku = await shop.sku()
    item = Item("1001-1", shop.a_sku(ean="7891000055120"), have=shop.a_sku(), remote=sku, refs={"product": "1"})
    shop.calls()
    await shop.accepted("skus", item)
    assert await shop.call("GET", f"{SKU}/{sku}/ean") == ["7891000055120"]
    assert [call for call in shop.calls() if call.startswith("PUT")] == []


async def test_an_ean_of_another_sku_is_for_a_person_and_the_link_stays(shop: Any) -> None:
    await shop.sku()
    product = await shop.product(shop.a_product(key="1002"))
    item = Item("1002-1", shop.a_sku(key="1002-1", product="1002"), refs={"product": product})
    error = await shop.refused("skus", item)
    assert isinstance(error, Rejected) and error.code == "sku.ean" and "7891000100103" in error.text.pt
    assert item.remote is not None


@pytest.mark.parametrize("uncertain", [False, True])
async def test_a_sku_that_was_left_half_made_gets_what_the_erp_changed_since(shop: Any, uncertain: bool) -> None:
    """Made, or found after an unknown outcome, and then refused for its EAN."""
    await shop.sku()
    product = await shop.product(shop.a_product(key="1002"))
    new: dict[str, Any] = {"key": "1002-1", "product": "1002"}
    item = Item("1002-1", shop.a_sku(**new), refs={"product": product}, uncertain=uncertain)
    if uncertain:
        await shop.faults({"kind": "500_applied", "operation": f"POST {SKU}", "times": 1})
        await shop.refused("skus", Item("1002-1", shop.a_sku(**new), refs={"product": product}))
        await shop.faults()
    assert (await shop.refused("skus", item)).code == "sku.ean"
    want = shop.a_sku(**new, ean="7891000055120", name="Pacote", weight_kg=Decimal("1.2"))
    await shop.accepted("skus", Item("1002-1", want, remote=item.remote, refs={"product": product}, unfinished=item.unfinished))
    body = await shop.call("GET", f"{SKU}/{item.remote}")
    assert (body["Name"], body["PackagedWeightKg"]) == ("Pacote", 1200)
    assert await shop.call("GET", f"{SKU}/{item.remote}/ean") == ["7891000055120"]


async def test_a_sku_that_the_shop_had_stays_the_shops_though_its_link_was_refused(shop: Any) -> None:
    await shop.sku()
    product = await shop.product(shop.a_product(key="1002"))
    new: dict[str, Any] = {"key": "1002-1", "product": "1002"}
    sku = await shop.accepted("skus", Item("1002-1", shop.a_sku(**new, ean="", name="Pacote da loja"), refs={"product": product}))
    item = Item("1002-1", shop.a_sku(**new), refs={"product": product})
    assert (await shop.refused("skus", item)).code == "sku.ean" and item.remote == sku and not item.unfinished
    await shop.accepted(
        "skus", Item("1002-1", shop.a_sku(**new, ean=""), remote=sku, refs={"product": product}, unfinished=item.unfinished)
    )
    assert (await shop.call("GET", f"{SKU}/{sku}"))["Name"] == "Pacote da loja"


async def test_a_sku_creation_without_an_answer_is_found_by_reference(shop: Any) -> None:
    product = await shop.product()
    await shop.faults({"kind": "timeout_applied", "operation": f"POST {SKU}", "times": 1})
    error = await shop.refused("skus", Item("1001-1", shop.a_sku(), refs={"product": product}))
    assert isinstance(error, Unknown)
    await shop.faults()
    sku = await shop.accepted("skus", Item("1001-1", shop.a_sku(), refs={"product": product}, uncertain=True))
    assert (await shop.writes())[f"POST {SKU}"] == 1
    assert await shop.call("GET", f"{SKU}/{sku}/ean") == ["7891000100103"]


# ---- images ----


def picture(key: str = "1001-1/0", **changes: Any) -> Image:
    return Image(**{"key": key, "sku": "1001-1", "url": PICTURE, "name": "Café Torrado", **changes})


async def test_the_image_of_a_sku_just_made_costs_one_call_and_activates_it(shop: Any) -> None:
    sku = await shop.sku()
    shop.calls()
    file = await shop.accepted("images", Item("1001-1/0", picture(), refs={"sku": sku}))
    assert shop.calls() == [f"POST {SKU}/{{sku}}/file 200"]
    (made,) = await files(shop, sku)
    assert (str(made["Id"]), made["IsMain"], made["Position"]) == (file, True, 0)
    assert (await shop.call("GET", f"{SKU}/{sku}"))["IsActive"] is True


@pytest.mark.trap("vtex.image-after-timeout")
async def test_after_a_timeout_the_image_is_looked_for(shop: Any) -> None:
    sku = await shop.sku()
    await shop.faults({"kind": "timeout_applied", "operation": f"POST {SKU}/{{skuId}}/file", "times": 1})
    error = await shop.refused("images", Item("1001-1/0", picture(), refs={"sku": sku}))
    assert isinstance(error, Unknown)
    file = await shop.accepted("images", Item("1001-1/0", picture(), refs={"sku": sku}, uncertain=True))
    assert [str(made["Id"]) for made in await files(shop, sku)] == [file]


async def test_the_shops_own_image_is_not_joined_by_ours(shop: Any) -> None:
    sku = await shop.sku()
    await shop.call("POST", f"{SKU}/{sku}/file", {"Name": "foto-da-loja", "Url": "https://x.example/a.png", "IsMain": True, "Position": 0})
    shop.front = await shop.connect()  # another process: it has not made this SKU
    (theirs,) = await files(shop, sku)
    assert await shop.accepted("images", Item("1001-1/0", picture(), refs={"sku": sku})) == str(theirs["Id"])
    assert await files(shop, sku) == [theirs]


async def test_a_second_image_does_not_take_the_main_place(shop: Any) -> None:
    sku = await shop.sku()
    both = [picture(), picture("1001-1/1", position=1, main=False, url="https://img.example/b.png")]
    batch = await shop.push("images", *(Item(image.key, image, refs={"sku": sku}) for image in both))
    assert {outcome.state for outcome in batch.outcomes.values()} == {"accepted"}
    made = await files(shop, sku)
    assert sorted((file["Position"], file["IsMain"]) for file in made) == [(0, True), (1, False)]


async def test_a_changed_address_replaces_the_file(shop: Any) -> None:
    sku = await shop.sku()
    file = await shop.accepted("images", Item("1001-1/0", picture(), refs={"sku": sku}))
    new = picture(url="https://img.example/novo.jpg")
    shop.calls()
    assert await shop.accepted("images", Item("1001-1/0", new, have=picture(), remote=file, refs={"sku": sku})) == file
    assert shop.calls() == [f"PUT {SKU}/{{sku}}/file/{{file}} 200"]
    assert len(await files(shop, sku)) == 1


async def test_a_file_that_somebody_deleted_is_made_again_when_it_changes(shop: Any) -> None:
    sku = await shop.sku()
    file = await shop.accepted("images", Item("1001-1/0", picture(), refs={"sku": sku}))
    await shop.call("DELETE", f"{SKU}/{sku}/file/{file}")
    new = picture(url="https://img.example/novo.jpg")
    again = await shop.accepted("images", Item("1001-1/0", new, have=picture(), remote=file, refs={"sku": sku}))
    assert [str(made["Id"]) for made in await files(shop, sku)] == [again]


@pytest.mark.trap("vtex.image-address")
async def test_an_address_that_vtex_cannot_fetch_is_refused_before_any_call(shop: Any) -> None:
    for url in ("ftp://img.example/a.jpg", "https://img.example/a.webp", "//servidor/fotos/a.jpg"):
        error = await shop.refused("images", Item("1001-1/0", picture(url=url), refs={"sku": "1"}))
        assert isinstance(error, Rejected) and error.code == "image.url" and url in error.text.pt
    assert shop.calls() == []


async def test_a_linked_image_is_left_as_it_is(shop: Any) -> None:
    assert await shop.accepted("images", Item("1001-1/0", picture(), remote="77", refs={"sku": "1"})) == "77"
    assert shop.calls() == []
