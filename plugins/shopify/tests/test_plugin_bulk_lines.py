"""What the lines of an operation say, and what they must not do to a product."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from plugins.shopify.tests.loads import ALL_OF_IT, MANY, Load, code_of, images, levels, prices, products, skus, used

from engate import NotYet, Rejected
from engate.model import Item, Outcome, Product, Sku
from engate_shopify import bulk, stock
from engate_shopify import images as images_of_shop
from engate_shopify import operations as op
from engate_shopify_sandbox import metafields

pytestmark = pytest.mark.usefixtures("few_levels")


async def test_a_line_that_says_no_has_the_words_of_a_call(shop: Any) -> None:
    """The gid of a collection that nobody has: refused for good, either way."""

    def sent() -> list[Item[Product]]:
        items = products(category="9")
        for item in items[:3]:
            item.refs = {"category": "gid://shopify/Collection/1"}
        return items

    outcomes = await Load(shop, "products", sent()).run()
    refused = {key: outcome for key, outcome in outcomes.items() if outcome.state == "rejected"}
    assert sorted(refused) == ["P0", "P1", "P2"] and used(shop.calls()) == ALL_OF_IT
    by_call = await Load(shop, "products", sent()[:3], may_defer=False).run()
    assert not used(shop.calls())
    for key, outcome in refused.items():
        said, alone = outcome.error, by_call[key].error
        assert isinstance(said, Rejected) and isinstance(alone, Rejected)
        assert said.text.en and (said.text, said.hint, said.code, said.owner) == (alone.text, alone.hint, alone.code, alone.owner)


async def test_what_a_line_did_not_make_is_found_and_not_made_twice(shop: Any) -> None:
    await shop.product("P7")  # somebody has its key already
    outcomes = await Load(shop, "products", products()).run()
    assert {outcome.state for outcome in outcomes.values()} == {"accepted"}
    assert len(shop.api.sandbox.shop.all("Product")) == MANY, "P7 was found, not made a second time"


GARBLED = {
    "no JSON": b'{"data": {"productCreate"',
    "no text": b"\xff\xfe",
    "a list": b"[]",
    "no root": b'{"data": {}}',
    "two roots": b'{"data": {"a": {}, "b": {}}}',
    "nothing inside": b'{"data": {"productCreate": {"product": null, "userErrors": []}}}',
    "another shape": b'{"data": {"productCreate": [1]}}',
}


@pytest.mark.trap("shopify.bulk-garbled")
async def test_a_line_that_cannot_be_understood_costs_its_own_item_only(shop: Any) -> None:
    load = Load(shop, "products", products())
    await load.push()
    [operation] = shop.api.sandbox.bulk.operations.values()
    while not operation.finished:
        await load.ask()
    operation.out[3 : 3 + len(GARBLED)] = GARBLED.values()
    await load.run_on()
    assert {outcome.state for outcome in load.batch.outcomes.values()} == {"accepted"} and not load.batch.unreported()
    assert shop.calls().count(op.PRODUCT_BY_ID.name) == len(GARBLED), "they alone are looked up"
    assert len(shop.api.sandbox.shop.all("Product")) == MANY


@pytest.mark.trap("shopify.bulk-line")
async def test_a_line_that_names_what_it_wrote_and_says_no_is_not_believed(shop: Any) -> None:
    load = Load(shop, "products", products())
    await load.push()
    [operation] = shop.api.sandbox.bulk.operations.values()
    while not operation.finished:
        await load.ask()
    row = msgspec.json.decode(operation.out[3])
    row["data"]["productCreate"]["userErrors"] = [{"code": None, "field": ["product"], "message": "Something of it was refused"}]
    operation.out[3] = msgspec.json.encode(row)
    await load.run_on()
    assert shop.calls().count(op.PRODUCT_BY_ID.name) == 1 and load.batch.outcomes["P3"].state == "accepted"


async def test_a_line_that_is_refused_is_refused_alone(shop: Any, catalogue: dict[str, Outcome], monkeypatch: Any) -> None:
    """Somebody deletes a variant between its reading and the operation."""
    sandbox = shop.api.sandbox
    start = sandbox.bulk.start

    def deleted_meanwhile(operation: Any) -> Any:
        sandbox.shop.remove(sandbox.shop.things[catalogue["P5-0"].remote])
        return start(operation)

    monkeypatch.setattr(sandbox.bulk, "start", deleted_meanwhile)
    outcomes = await Load(shop, "prices", prices(catalogue)).run()
    states = {key: outcome.state for key, outcome in outcomes.items()}
    assert states.pop("P5-0") == "rejected" and set(states.values()) == {"accepted"}
    assert code_of(outcomes["P5-0"]) == "sku.missing"


@pytest.mark.trap("shopify.bulk-siblings")
async def test_what_people_put_into_a_new_product_stays(shop: Any) -> None:
    """`productSet` deletes what its lists leave out: a product that anybody has touched is not given to it."""
    made = await Load(shop, "products", products()).accepted()
    touched, pictured = made["P1"].remote, made["P2"].remote
    options = [{"name": "Cor", "values": [{"name": "Azul"}, {"name": "Verde"}]}]
    await shop.api.ok(op.OPTIONS_CREATE.text, id=touched, options=options)
    body = [{"optionValues": [{"optionName": "Cor", "name": "Verde"}], "inventoryItem": {"sku": "DELES"}}]
    await shop.api.ok(op.VARIANTS_CREATE.text, id=touched, variants=body)
    file = (await shop.api.ok(op.FILE_CREATE.text, files=[{"originalSource": "https://img.example/mao.jpg"}]))["files"][0]["id"]
    await shop.api.advance(60)
    await shop.api.ok(op.FILE_UPDATE.text, files=[{"id": file, "referencesToAdd": [pictured]}])
    collection = (await shop.api.ok(op.COLLECTION_CREATE.text, collection={"title": "Vitrine"}))["collection"]["id"]
    await shop.api.ok(op.PRODUCT_UPDATE.text, product={"id": made["P3"].remote, "collectionsToJoin": [collection]})
    outcomes = await Load(shop, "skus", skus(made)).run()
    things = shop.api.sandbox.shop.things
    assert {variant.sku for variant in things[touched].variants} >= {"DELES"} and outcomes["P1-0"].state == "accepted"
    assert [media.id for media in things[pictured].media] == [file] and outcomes["P2-0"].state == "accepted"
    assert list(things[collection].products) == [made["P3"].remote] and outcomes["P3-0"].state == "accepted"
    keys = {held.value for key in made for held in things[made[key].remote].metafields.values()}
    assert keys == set(made), "they can still be found by the ERP's key"


@pytest.mark.trap("shopify.bulk-lists")
async def test_what_happens_to_a_product_between_look_and_line_stays(shop: Any, monkeypatch: Any) -> None:
    """The product lane moves it to another category; a person gives it a metafield."""
    made = await Load(shop, "products", products()).accepted()
    product, sandbox = made["P1"].remote, shop.api.sandbox
    old, new = [(await shop.api.ok(op.COLLECTION_CREATE.text, collection={"title": title}))["collection"]["id"] for title in "AB"]
    await shop.api.ok(op.PRODUCT_UPDATE.text, product={"id": product, "collectionsToJoin": [old]})
    load = Load(shop, "skus", skus(made))
    start = sandbox.bulk.start

    def meanwhile(operation: Any) -> Any:
        sandbox.shop.things[new].products[product] = sandbox.shop.things[old].products.pop(product)
        metafields.put(sandbox.shop, sandbox.shop.things[product], {"key": "cor", "type": "single_line_text_field", "value": "azul"}, [])
        return start(operation)

    monkeypatch.setattr(sandbox.bulk, "start", meanwhile)
    await load.accepted()
    assert not sandbox.shop.things[old].products and list(sandbox.shop.things[new].products) == [product]
    assert {held.value for held in sandbox.shop.things[product].metafields.values()} == {"P1", "azul"}


@pytest.mark.trap("shopify.bulk-sibling-waits")
async def test_no_variant_is_made_beside_an_operation_whose_line_would_delete_it(shop: Any) -> None:
    """The line of P1 names the SKUs of its batch alone; another one of P1 came later. (One in doubt waits for the operation anyway.)"""
    made = await Load(shop, "products", products()).accepted()
    load = Load(shop, "skus", skus(made))
    assert await load.push() is not None
    another = Item("P1-x", Sku("P1-x", "P1", "P1 c/ 12"), refs={"product": made["P1"].remote})
    beside = await Load(shop, "skus", [another], may_defer=False).run()
    assert (beside["P1-x"].state, code_of(beside["P1-x"])) == ("not_sent", "bulk.later")
    await load.run_on()
    later = await Load(shop, "skus", [Item(another.key, another.want, refs=another.refs)]).accepted()
    held = {variant.sku: variant.id for variant in shop.api.sandbox.shop.things[made["P1"].remote].variants}
    assert held == {"P1-0": load.batch.outcomes["P1-0"].remote, "P1-x": later["P1-x"].remote}


@pytest.mark.trap("shopify.bulk-compared")
async def test_what_was_sold_since_is_not_sold_twice(shop: Any, catalogue: dict[str, Outcome]) -> None:
    await Load(shop, "prices", prices(catalogue)).accepted()
    await Load(shop, "stock", levels(shop, catalogue, 10)).accepted()
    await shop.api.control("sell", [shop.api.sale(1, [{"sku": "P4-0", "quantity": 3, "price": "10.00"}])])
    assert shop.state("P4-0").stock[shop.api.main] == 7
    load = Load(shop, "stock", levels(shop, catalogue, 8, have=10, turn=2))
    await load.push()
    await load.ask()
    lines = [msgspec.json.decode(line) for line in list(shop.api.sandbox.bulk.operations.values())[-1].lines]
    assert {line["input"]["quantities"][0]["changeFromQuantity"] for line in lines} == {10}
    while await load.ask() is not None:
        await shop.api.advance(3)
    assert {outcome.state for outcome in load.batch.outcomes.values()} == {"accepted"}
    assert all(sku.stock[shop.api.main] == 8 for sku in shop.api.sandbox.state())


@pytest.mark.trap("shopify.bulk-partial")
@pytest.mark.parametrize("kind", ["TIMEOUT", "INTERNAL_SERVER_ERROR"])
async def test_a_part_of_the_answer_settles_nothing(shop: Any, kind: str) -> None:
    await shop.api.setting(f"bulk_error={kind}")
    outcomes = await Load(shop, "products", products()).run()
    assert {outcome.state for outcome in outcomes.values()} == {"unknown"}
    assert all(outcome.error is not None and kind in outcome.error.text.en for outcome in outcomes.values())
    made = len(shop.api.sandbox.shop.all("Product"))
    assert 0 < made < MANY
    again = [Item(i.key, i.want, uncertain=True, turn=1) for i in products()]
    await Load(shop, "products", again).accepted()
    assert len(shop.api.sandbox.shop.all("Product")) == MANY


@pytest.mark.trap("shopify.bulk-entries")
async def test_a_line_of_a_large_product_has_no_more_entries_than_a_list_may(shop: Any) -> None:
    product = await shop.product("P1")
    wants = [Sku(f"S{n}", "P1", f"c/ {n}") for n in range(260)]
    made: dict[str, Outcome] = {}
    for part in (wants[:130], wants[130:]):
        made |= await Load(shop, "skus", [Item(want.key, want, refs={"product": product}) for want in part]).accepted()
    heavier = [
        Item(w.key, msgspec.structs.replace(w, weight_kg=Decimal(1)), have=w, remote=made[w.key].remote, refs={"product": product})
        for w in wants
    ]
    for load in (Load(shop, "skus", heavier), Load(shop, "prices", prices(made))):
        assert await load.push() is not None
        lines = list(shop.api.sandbox.bulk.operations.values())[-1].lines
        assert [len(msgspec.json.decode(line)["variants"]) for line in lines] == [250, 10]
        shop.calls()
        await load.run_on()
        assert "productVariantsBulkUpdate" not in shop.calls(), "no line was refused"
    assert all(sku.price == Decimal(10) for sku in shop.api.sandbox.state())


@pytest.mark.trap("shopify.bulk-look")
@pytest.mark.parametrize("kind", ["products", "skus", "prices", "stock", "images"])
async def test_a_full_batch_is_looked_at_within_its_hooks_time(shop: Any, monkeypatch: Any, kind: str) -> None:
    """40 s of what the shop restores, with an empty bucket and images that take every look."""
    restored = 6 if kind == "prices" else 13  # fewer than all of them fit
    monkeypatch.setattr(bulk, "WORTH", 20)
    monkeypatch.setattr(stock, "WORTH", 20)
    made = await Load(shop, "products", products()).accepted()
    items: list[Item[Any]] = products(name="Outro")
    for item in items:
        item.key, item.want = f"N{item.key}", msgspec.structs.replace(item.want, key=f"N{item.key}")
    if kind != "products":
        items = skus(made)
    if kind in ("prices", "stock", "images"):
        held = await Load(shop, "skus", items).accepted()
        items = prices(held) if kind == "prices" else levels(shop, held, 5) if kind == "stock" else images(held)
    monkeypatch.setattr(images_of_shop, "PAUSE", 0)
    await shop.api.setting(f"media_polls={images_of_shop.LOOKS - 1}")
    points: list[int] = []
    told = shop.api.sandbox.engine.told
    monkeypatch.setattr(shop.api.sandbox.engine, "told", lambda *cost: (points.append(cost[1] or 0), told(*cost))[1])
    shop.api.sandbox.bucket.restore = restored
    await shop.front.identity()  # any answer tells the rate
    points.clear()
    load = Load(shop, kind, items)
    assert await load.push() is not None and load.batch.unreported()
    assert 0 < sum(points) <= 40 * restored
    left = [outcome.error for outcome in load.batch.outcomes.values()]
    assert all(isinstance(error, NotYet) for error in left) and bool(left) == (kind in ("skus", "prices", "images"))


@pytest.mark.trap("shopify.bulk-family")
async def test_the_skus_of_a_product_are_not_parted_by_what_a_batch_may_cost(shop: Any) -> None:
    """The rest of its SKUs would meet a product that is no longer as engate made it."""
    items = skus(await Load(shop, "products", products()).accepted(), 2)
    shop.api.sandbox.bucket.restore = 13
    await shop.front.identity()
    load = Load(shop, "skus", items)
    assert await load.push() is not None
    taken = [item.refs["product"] for item in load.batch.unreported()]
    assert len(taken) == 118 and all(taken.count(product) == 2 for product in taken), "of 117 that fit"
