"""The catalogue, prices and stock, read from the sandbox."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from engate import Unavailable
from engate.http import ATTEMPTS
from engate.model import Query
from engate.plugins import discover
from engate.testing.connect import CountingJournal
from engate.testing.facts import Change, Fault

UN, BOX = "7891000100103-1", "17891000061197-5"
Gather = Callable[[Any], Awaitable[list[Any]]]


def test_the_platform_is_discovered() -> None:
    found = discover()["winthor"]
    assert found.failure == "" and found.manifest is not None and found.manifest.role == "erp"


@pytest.mark.trap("winthor.bare-array", "winthor.branch-99")
async def test_choices(erp: Any, gather: Gather) -> None:
    async def keys(kind: str) -> list[str]:
        return [choice.key for choice in await gather(erp.list_choices(kind))]

    assert await keys("branches") == ["1", "2"]  # and not 99, which stands for all of them
    assert {"PIX", "CRED"} <= set(await keys("charges")) and {"1", "2", "3"} <= set(await keys("terms"))
    assert await keys("price_tables") == ["1", "2"]
    assert await keys("carriers") == [] and await keys("whatever") == []
    plans = {choice.key: choice for choice in await gather(erp.list_choices("terms"))}
    assert not plans["8"].active and plans["1"].active and plans["1"].name == "A VISTA"


async def test_warehouses_are_the_configured_branches(connect: Any, gather: Gather) -> None:
    async with connect(branches=["2", "77"]) as erp:
        first, second = await gather(erp.list_warehouses(Query()))
        assert (first.key, first.name, first.document, first.problems) == ("2", "Filial Dois", "11222333000262", ())
        assert second.key == "77" and [problem.code for problem in second.problems] == ["branch.unknown"]
        assert [found.key for found in await gather(erp.list_warehouses(Query(keys=("2",))))] == ["2"]


async def test_one_tree_of_three_lists(erp: Any, gather: Gather) -> None:
    found = {node.key: node for node in await gather(erp.list_categories(Query()))}
    assert {key: node.parent for key, node in found.items()} == {
        "department/1": None, "section/1": "department/1", "category/1": "section/1",
    }  # fmt: skip
    assert found["category/1"].name == "Sucos de uva"
    assert [node.key for node in await gather(erp.list_categories(Query(keys=("section/1",))))] == ["section/1"]


async def test_the_tree_goes_on_where_it_stopped(erp: Any) -> None:
    cursors = [page.cursor async for page in erp.list_categories(Query())]
    assert cursors == ["section:1", "category:1", None]
    again = [item.key async for page in erp.list_categories(Query(cursor="section:1")) for item in page.items]
    assert again == ["section/1", "category/1"]


async def test_brands(erp: Any, gather: Gather) -> None:
    assert [(brand.key, brand.name) for brand in await gather(erp.list_brands(Query()))] == [("1", "Boa Uva")]
    assert await gather(erp.list_brands(Query(keys=("9",)))) == []


@pytest.mark.trap("winthor.left-out-silently", "winthor.missing-link", "winthor.not-for-the-shop")
async def test_products_for_the_shop_and_nothing_left_out_silently(erp: Any, gather: Gather) -> None:
    found = {product.key: product for product in await gather(erp.list_products(Query()))}
    assert sorted(found) == ["1", "2", "3", "5"]  # 4 is not meant for the shop; 3 has no links and must be seen
    assert [problem.code for problem in found["3"].problems] == ["link.department", "link.section", "link.category", "link.brand"]
    assert found["1"].problems == () and found["1"].category == "category/1" and found["1"].brand == "1"
    assert found["1"].name == "Produto 1" and found["1"].description == "Descrição 1"


async def test_single_products(erp: Any, gather: Gather) -> None:
    found = await gather(erp.list_products(Query(keys=("3", "4", "999", "1"))))
    assert [product.key for product in found] == ["3", "1"] and len(found[0].problems) == 4


@pytest.mark.trap("winthor.all-packagings", "winthor.sku-key")
async def test_every_packaging_is_a_sku(erp: Any, gather: Gather) -> None:
    found = {sku.key: sku for sku in await gather(erp.list_skus(Query()))}
    assert {UN, BOX} <= set(found) and len(found) == 6
    assert found[BOX].units == 12 and found[BOX].product == "5"
    sku = found[UN]
    assert (sku.ean, sku.weight_kg, sku.height_cm, sku.width_cm, sku.length_cm) == (
        "7891000100103", Decimal("1.255"), Decimal("10.5"), Decimal(20), Decimal(30),
    )  # fmt: skip
    assert [sku.key for sku in await gather(erp.list_skus(Query(keys=(BOX,))))] == [BOX]


async def test_many_keys_are_one_reading(connect: Any, control: Any, gather: Gather) -> None:
    async with connect() as erp:
        keys = tuple(f"{number}-{number}" for number in range(100, 200)) + (UN,)
        assert [sku.key for sku in await gather(erp.list_skus(Query(keys=keys)))] == [UN]
        assert await control.count("GET /api/purchases/v1/skus/") == 1


async def test_images_follow_from_the_packagings(connect: Any, gather: Gather) -> None:
    async with connect(image_url="https://i.example.com/{code}/{sku}.jpg") as erp:
        assert erp.unavailable() == {}
        found = {image.key: image for image in await gather(erp.list_images(Query()))}
        assert found[f"{UN}/0"].url == f"https://i.example.com/1/{UN}.jpg" and found[f"{UN}/0"].sku == UN
        assert [image.key for image in await gather(erp.list_images(Query(keys=(f"{BOX}/0",))))] == [f"{BOX}/0"]


@pytest.mark.trap("winthor.no-images")
@pytest.mark.parametrize("template", ["", "https://i.example.com/one-for-all.jpg"])
async def test_without_an_address_there_are_no_images(connect: Any, template: str) -> None:
    async with connect(image_url=template) as erp:
        assert "list_images" in erp.unavailable()


@pytest.mark.trap("winthor.price-per-packaging")
async def test_prices_are_what_the_erp_says(erp: Any, control: Any, gather: Gather) -> None:
    found = {price.key: price.base for price in await gather(erp.list_prices(Query()))}
    assert found == {state["key"]: Decimal(state["price"]) for state in await control("state")}
    assert [(price.sku, price.base) for price in await gather(erp.list_prices(Query(keys=(BOX,))))] == [(BOX, Decimal("110.25"))]


async def test_prices_are_always_complete(erp: Any, gather: Gather) -> None:
    """No changed-since exists for them: a watermark would hide every change behind it."""
    pages = [page async for page in erp.list_prices(Query(since="2062-01-01T00:00:00"))]
    assert sum(len(page.items) for page in pages) == 6 and all(page.watermark is None for page in pages)


@pytest.mark.trap("winthor.stock-per-packaging", "winthor.stock-of-every-branch")
async def test_stock_of_every_configured_branch(erp: Any, control: Any, gather: Gather) -> None:
    found = {level.key: level.quantity for level in await gather(erp.list_stock(Query()))}
    assert found == {f"{state['key']}@{branch}": units for state in await control("state") for branch, units in state["stock"].items()}
    assert len(found) == 12


async def test_stock_of_other_branches_is_not_read(connect: Any, gather: Gather) -> None:
    async with connect(branches=["2"]) as erp:
        assert {level.warehouse for level in await gather(erp.list_stock(Query()))} == {"2"}


async def test_single_stock_levels(erp: Any, control: Any, gather: Gather) -> None:
    await control("change", [Change(BOX, stock={"1": 4})])
    found = await gather(erp.list_stock(Query(keys=(f"{BOX}@1", f"{UN}@2", "0-0@1"))))
    assert [(level.key, level.quantity) for level in found] == [(f"{BOX}@1", 4), (f"{UN}@2", 3)]


async def test_only_what_changed_since(erp: Any, control: Any, gather: Gather) -> None:
    marks = [page.watermark async for page in erp.list_products(Query())]
    await control("advance", {"seconds": 3600})
    await control("change", [Change("7891000315507-2", name="Produto Dois")])
    since = max(mark for mark in marks if mark)
    later = (await anext(erp.list_products(Query(since=f"{since}")))).items
    assert "Produto Dois" in {product.name for product in later}
    beyond = [page async for page in erp.list_products(Query(since="2062-01-01T00:00:00"))]
    assert [(page.items, page.watermark, page.cursor) for page in beyond] == [([], None, None)]


async def test_a_watermark_with_a_zone_is_read_as_the_erps_local_time(erp: Any) -> None:
    assert erp.client.since("2026-11-21T15:00:00+00:00", 60) == "2026-11-21T11:59:00"
    assert erp.client.since("2026-11-21T12:00:00.500", 0) == "2026-11-21T12:00:00" and erp.client.since(None, 0) is None


async def test_reading_by_keys_moves_no_watermark(erp: Any) -> None:
    for pages in (erp.list_products(Query(keys=("1",))), erp.list_brands(Query(keys=("1",))), erp.list_stock(Query(keys=(f"{UN}@1",)))):
        assert [page.watermark async for page in pages] == [None]


async def test_an_interrupted_reading_goes_on(connect: Any) -> None:
    async with connect(page_size=5) as erp:
        first = await anext(erp.list_skus(Query()))
        assert len(first.items) == 5 and first.cursor
        rest = [page async for page in erp.list_skus(Query(cursor=first.cursor))]
        keys = [sku.key for page in [first, *rest] for sku in page.items]
        assert len(set(keys)) == 6 and rest[-1].cursor is None


@pytest.mark.parametrize("hook", ["list_categories", "list_brands", "list_products", "list_skus", "list_prices", "list_stock"])
async def test_pages_of_one_row_bring_everything(connect: Any, gather: Gather, hook: str) -> None:
    async with connect(page_size=1) as small, connect() as large:
        assert sorted(i.key for i in await gather(getattr(small, hook)(Query()))) == sorted(
            i.key for i in await gather(getattr(large, hook)(Query()))
        )


@pytest.mark.trap("winthor.page-with-200")
@pytest.mark.parametrize("kind", ["429", "500", "reset", "html"])
async def test_a_passing_fault_is_read_again(erp: Any, control: Any, gather: Gather, kind: Any) -> None:
    await control("faults", [Fault(kind, "GET /api/purchases/v1/productBrands/")])
    assert len(await gather(erp.list_brands(Query()))) == 1
    assert await control.count("GET /api/purchases/v1/productBrands/") == 2


async def test_a_page_of_html_is_never_data(erp: Any, control: Any, gather: Gather) -> None:
    await control("faults", [Fault("html", "GET /api/stock-vtex/v1/available/list", times=ATTEMPTS)])
    with pytest.raises(Unavailable):
        await gather(erp.list_stock(Query()))


async def test_calls_at_once_are_few_and_one_login_serves_them(connect: Any, gather: Gather) -> None:
    journal = CountingJournal()
    async with connect(journal=journal) as erp:
        await gather(erp.list_products(Query()))
        await gather(erp.list_brands(Query()))
        assert erp.settings.at_once == 8 and [method for method, _, _ in journal.calls] == ["POST", "GET", "GET"]


async def test_images_come_with_their_packagings(connect: Any) -> None:
    async with connect(image_url="https://imagens.example.com/{code}.jpg") as erp:
        pages = [page async for page in erp.list_skus(Query())]
        alone = [item async for page in erp.list_images(Query()) for item in page.items]
        assert [image for page in pages for image in page.also["image"]] == alone and alone
    async with connect(image_url="") as erp:
        assert not [image async for page in erp.list_skus(Query()) for image in page.also["image"]]
