"""Categories and brands: linked before they are created, and never made twice."""

from __future__ import annotations

from typing import Any

import pytest

from engate import NotSent, Rejected, Text, Unavailable
from engate.model import Brand, Category, Item
from engate.turns import Once
from engate_vtex import catalog

BRAND = "/api/catalog/pvt/brand"
CATEGORY = "/api/catalog/pvt/category"


async def brands(shop: Any) -> list[dict[str, Any]]:
    return (await shop.call("GET", "/api/catalog_system/pvt/brand/pagedlist?pageSize=1000&page=1"))["items"]


# ---- categories ----


async def test_a_category_is_created_active_with_its_name_as_title(shop: Any) -> None:
    root = await shop.category("Bebidas")
    child = await shop.accepted("categories", Item("2", Category("2", " Cafés ", parent="Bebidas"), refs={"parent": root}))
    made = await shop.call("GET", f"{CATEGORY}/{child}")
    assert made["IsActive"] is True and made["ShowInStoreFront"] is True
    assert (made["Name"], made["Title"], made["Keywords"]) == ("Cafés", "Cafés", "Cafés")
    assert str(made["FatherCategoryId"]) == root


@pytest.mark.trap("vtex.second-category")
async def test_a_category_that_the_shop_has_is_linked_whatever_the_case_of_its_letters(shop: Any) -> None:
    first = await shop.category("Bebidas")
    shop.calls()
    assert await shop.category("  BEBIDAS") == first
    assert [call for call in shop.calls() if call.startswith("POST")] == []


async def test_one_name_under_two_parents_is_two_categories(shop: Any) -> None:
    a, b = await shop.category("Adulto"), await shop.category("Infantil")
    batch = await shop.push(
        "categories",
        Item("1", Category("1", "Camisas", parent="a"), refs={"parent": a}),
        Item("2", Category("2", "Camisas", parent="b"), refs={"parent": b}),
    )
    assert batch.outcomes["1"].remote != batch.outcomes["2"].remote


async def test_two_categories_of_one_name_in_a_batch_become_one(shop: Any) -> None:
    batch = await shop.push("categories", *(Item(str(n), Category(str(n), name)) for n, name in enumerate(("Chás", "chás", "Chás ") * 5)))
    assert len({outcome.remote for outcome in batch.outcomes.values()}) == 1
    assert (await shop.writes())[f"POST {CATEGORY}"] == 1


async def test_the_tree_is_read_once_per_batch(shop: Any) -> None:
    await shop.push("categories", *(Item(str(n), Category(str(n), f"Categoria {n}")) for n in range(20)))
    assert sum("tree" in call for call in shop.calls()) == 1


@pytest.mark.trap("vtex.category-whole")
async def test_renaming_a_category_keeps_what_the_shop_wrote(shop: Any) -> None:
    category = await shop.category("Bebidas")
    body = await shop.call("GET", f"{CATEGORY}/{category}")
    await shop.call("PUT", f"{CATEGORY}/{category}", {**body, "Title": "Bebidas geladas e quentes", "Score": 7})
    renamed = Item("k", Category("k", "Bebidas Finas"), have=Category("k", "Bebidas"), remote=category)
    await shop.accepted("categories", renamed)
    now = await shop.call("GET", f"{CATEGORY}/{category}")
    assert (now["Name"], now["Keywords"]) == ("Bebidas Finas", "Bebidas Finas")
    assert (now["Title"], now["Score"]) == ("Bebidas geladas e quentes", 7)


async def test_a_category_linked_by_hand_is_left_as_it_is(shop: Any) -> None:
    category = await shop.category("Bebidas")
    shop.calls()
    await shop.accepted("categories", Item("k", Category("k", "OUTRO NOME"), remote=category))
    assert shop.calls() == []


@pytest.mark.trap("vtex.category-moved")
async def test_a_category_that_moved_in_the_erp_is_for_a_person(shop: Any) -> None:
    a, b = await shop.category("Adulto"), await shop.category("Infantil")
    child = await shop.accepted("categories", Item("1", Category("1", "Camisas", parent="a"), refs={"parent": a}))
    moved = Item("1", Category("1", "Camisas", parent="b"), have=Category("1", "Camisas", parent="a"), remote=child, refs={"parent": b})
    error = await shop.refused("categories", moved)
    assert isinstance(error, Rejected) and error.code == "category.moved" and error.hint.pt
    body = await shop.call("GET", f"{CATEGORY}/{child}")
    assert str(body["FatherCategoryId"]) == a


async def test_a_category_that_was_moved_by_hand_is_fine(shop: Any) -> None:
    a, b = await shop.category("Adulto"), await shop.category("Infantil")
    child = await shop.accepted("categories", Item("1", Category("1", "Camisas", parent="a"), refs={"parent": a}))
    body = await shop.call("GET", f"{CATEGORY}/{child}")
    await shop.call("PUT", f"{CATEGORY}/{child}", {**body, "FatherCategoryId": int(b), "Score": 0})
    moved = Item("1", Category("1", "Camisas", parent="b"), have=Category("1", "Camisas", parent="a"), remote=child, refs={"parent": b})
    assert await shop.accepted("categories", moved) == child


async def test_a_creation_without_an_answer_is_found_by_name(shop: Any) -> None:
    await shop.faults({"kind": "reset_applied", "operation": f"POST {CATEGORY}"})
    batch = await shop.push("categories", Item("1", Category("1", "Bebidas")))
    assert batch.outcomes["1"].state == "unknown"
    again = await shop.accepted("categories", Item("1", Category("1", "Bebidas"), uncertain=True))
    assert (await shop.writes())[f"POST {CATEGORY}"] == 1
    assert (await shop.call("GET", f"{CATEGORY}/{again}"))["Name"] == "Bebidas"


async def test_a_category_without_a_name_is_refused(shop: Any) -> None:
    error = await shop.refused("categories", Item("9", Category("9", "  ")))
    assert isinstance(error, Rejected) and error.code == "category.name"
    assert shop.calls() == []


# ---- brands ----


@pytest.mark.trap("vtex.brand-with-a-space", "vtex.brand-number")
async def test_a_brand_is_created_active_and_trimmed(shop: Any) -> None:
    brand = await shop.accepted("brands", Item("1", Brand("1", "Três Corações ")))
    made = await shop.call("GET", f"{BRAND}/{brand}")
    assert (made["Name"], made["Active"]) == ("Três Corações", True)


async def test_a_brand_that_the_shop_has_is_linked(shop: Any) -> None:
    first = await shop.brand("Nestlé")
    assert await shop.accepted("brands", Item("1", Brand("1", " NESTLÉ "))) == first
    assert len(await brands(shop)) == 1


async def test_two_brands_of_one_name_in_a_batch_become_one(shop: Any) -> None:
    batch = await shop.push("brands", *(Item(str(n), Brand(str(n), name)) for n, name in enumerate(("Nike", "NIKE", "Nike ") * 5)))
    assert len({outcome.remote for outcome in batch.outcomes.values()}) == 1
    assert len(await brands(shop)) == 1


async def test_many_brands_get_numbers_of_their_own(shop: Any) -> None:
    await shop.call("POST", BRAND, {"Id": 2_000_007, "Name": "Da loja"})
    batch = await shop.push("brands", *(Item(str(n), Brand(str(n), f"Marca {n}")) for n in range(40)))
    assert {outcome.state for outcome in batch.outcomes.values()} == {"accepted"}
    assert len({brand["id"] for brand in await brands(shop)}) == 41


async def test_renaming_a_brand_keeps_what_the_shop_wrote(shop: Any) -> None:
    brand = await shop.brand("Nestle")
    body = await shop.call("GET", f"{BRAND}/{brand}")
    await shop.call("PUT", f"{BRAND}/{brand}", {**body, "Text": "A melhor marca"})
    await shop.accepted("brands", Item("1", Brand("1", "Nestlé"), have=Brand("1", "Nestle"), remote=brand))
    now = await shop.call("GET", f"{BRAND}/{brand}")
    assert (now["Name"], now["SiteTitle"], now["Text"], now["Active"]) == ("Nestlé", "Nestlé", "A melhor marca", True)


async def test_a_number_that_somebody_takes_meanwhile_is_tried_later(shop: Any) -> None:
    brands_of_batch = catalog.Brands(shop.front._vtex, None)  # type: ignore[arg-type]
    await brands_of_batch._list.get()
    await shop.call("POST", BRAND, {"Id": catalog.FIRST_BRAND, "Name": "Da loja"})
    with pytest.raises(NotSent) as raised:
        await brands_of_batch.push(Item("1", Brand("1", "Nossa")))
    assert raised.value.code == "brand.number_taken"
    assert await shop.accepted("brands", Item("1", Brand("1", "Nossa"))) == str(catalog.FIRST_BRAND + 1)


@pytest.mark.trap("vtex.pages-of-brands")
async def test_the_list_of_brands_is_read_to_its_end(shop: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(catalog, "BRAND_PAGE", 3)
    await shop.push("brands", *(Item(str(n), Brand(str(n), f"Marca {n}")) for n in range(8)))
    batch = await shop.push("brands", *(Item(str(n), Brand(str(n), f"MARCA {n}")) for n in range(8)))
    assert {outcome.state for outcome in batch.outcomes.values()} == {"accepted"}
    assert len(await brands(shop)) == 8


async def test_a_failing_list_fails_the_whole_batch_at_once() -> None:
    readings = 0

    async def read() -> str:
        nonlocal readings
        readings += 1
        raise Unavailable(Text("fora do ar", "down"))

    once = Once(read, keeps_failure=True)
    for _ in range(50):
        with pytest.raises(Unavailable):
            await once.get()
    assert readings == 1
