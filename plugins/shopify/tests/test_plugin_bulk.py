"""Many at a time: one operation of the shop, what its lines say, and what is pushed by calls because they do not say it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engate import AuthFailed, NotYet, Rejected, Unavailable
from engate.model import Batch, Image, Item, Outcome, Price, Product, Sku, StockLevel
from engate_shopify import bulk, stock
from engate_shopify import images as images_of_shop
from engate_shopify import operations as op
from engate_shopify_sandbox import metafields

MANY = bulk.WORTH + 20


class Load:
    """One batch through push and check, as the engine does it: `have` is gone in a check."""

    def __init__(self, shop: Any, kind: str, items: list[Item[Any]], *, may_defer: bool = True) -> None:
        self.shop, self.kind = shop, kind
        self.batch: Batch[Any] = Batch(items, may_defer=may_defer)

    async def push(self) -> str | None:
        await getattr(self.shop.front, f"push_{self.kind}")(self.batch)
        return self.batch.ticket[0] if self.batch.ticket else None

    async def ask(self, front: Any = None) -> float | None:
        assert self.batch.ticket is not None
        again = [
            Item(i.key, i.want, remote=i.remote, refs=i.refs, uncertain=i.uncertain, made=i.made, more=i.more, turn=i.turn)
            for i in self.batch.unreported()
        ]
        check = Batch(again)
        seconds = await getattr(front or self.shop.front, f"check_{self.kind}")(self.batch.ticket[0], check)
        self.batch.outcomes |= check.outcomes
        return seconds

    async def run(self) -> dict[str, Outcome]:
        if await self.push() is not None:
            await self.run_on()
        assert not self.batch.unreported()
        return self.batch.outcomes

    async def run_on(self) -> None:
        while await self.ask() is not None:
            await self.shop.api.advance(3)

    async def accepted(self) -> dict[str, Outcome]:
        outcomes = await self.run()
        assert {outcome.state for outcome in outcomes.values()} == {"accepted"}, next(o for o in outcomes.values() if o.state != "accepted")
        return outcomes


def products(count: int = MANY, **fields: Any) -> list[Item[Product]]:
    made = {"name": "Produto", "description": "Torra média", "category": None, "brand": None} | fields
    return [Item(f"P{n}", Product(f"P{n}", **{**made, "name": f"{made['name']} {n}"}), turn=1) for n in range(count)]


def skus(outcomes: dict[str, Outcome], each: int = 1) -> list[Item[Sku]]:
    return [
        Item(f"{key}-{n}", Sku(f"{key}-{n}", key, f"{key} c/ {n + 1}", weight_kg=Decimal("0.5")), refs={"product": outcome.remote})
        for key, outcome in outcomes.items()
        for n in range(each)
    ]


def prices(outcomes: dict[str, Outcome], value: str = "10.00") -> list[Item[Price]]:
    return [Item(key, Price(key, key, Decimal(value)), refs={"sku": outcome.remote}) for key, outcome in outcomes.items()]


def levels(shop: Any, outcomes: dict[str, Outcome], units: int, *, have: int | None = None, turn: int = 1) -> list[Item[StockLevel]]:
    def level(key: str, quantity: int) -> StockLevel:
        return StockLevel(f"{key}/1", key, "1", Decimal(quantity))

    return [
        Item(
            f"{key}/1",
            level(key, units),
            have=None if have is None else level(key, have),
            refs={"sku": outcome.remote, "sku.more": outcome.more, "warehouse": str(shop.api.main)},
            turn=turn,
        )
        for key, outcome in outcomes.items()
    ]


def images(outcomes: dict[str, Outcome]) -> list[Item[Image]]:
    return [
        Item(f"{key}/0", Image(f"{key}/0", key, f"https://img.example/{key}.jpg", key), refs={"sku": outcome.remote})
        for key, outcome in outcomes.items()
    ]


def code_of(outcome: Outcome) -> str:
    assert outcome.error is not None
    return outcome.error.code


def used(calls: list[str]) -> set[str]:
    return set(calls) & {"stagedUploadsCreate", "bulkOperationRunMutation", "bulk upload", "bulk result"}


ALL_OF_IT = {"stagedUploadsCreate", "bulkOperationRunMutation", "bulk upload", "bulk result"}


@pytest.fixture(autouse=True)
def few_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "WORTH", bulk.WORTH)


@pytest.fixture
async def catalogue(shop: Any) -> AsyncIterator[dict[str, Outcome]]:
    """The outcomes of a load of products and their SKUs."""
    made = await Load(shop, "products", products()).accepted()
    yield await Load(shop, "skus", skus(made)).accepted()


# ---- the way there ----


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


# ---- what lines say ----


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


# ---- places, processes, storage ----


@pytest.mark.trap("shopify.bulk-pieces")
async def test_where_all_places_are_taken_all_of_it_goes_by_calls_piece_by_piece(shop: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(bulk, "AT_A_TIME", 5)
    await shop.api.setting("bulk_most=0")
    items = products()
    items[10].uncertain = True
    load = Load(shop, "products", items)
    assert await load.push() is None
    assert {outcome.state for outcome in load.batch.outcomes.values()} == {"accepted"} and not load.batch.unreported()


@pytest.mark.trap("shopify.bulk-places")
async def test_what_the_time_of_a_hook_does_not_reach_was_not_tried(shop: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(bulk, "AT_A_TIME", 5)
    monkeypatch.setattr(bulk, "PATIENCE", -1.0)
    await shop.api.setting("bulk_most=0")
    load = Load(shop, "products", products())
    assert await load.push() is None and not load.batch.unreported()
    left = [outcome.error for outcome in load.batch.outcomes.values() if outcome.state != "accepted"]
    assert len(left) == MANY - 5 and all(isinstance(error, NotYet) for error in left)


async def test_linked_by_listing_they_stream_by_calls(shop: Any, catalogue: dict[str, Outcome], monkeypatch: Any) -> None:
    """`remote` without `have`: no operation fits."""
    monkeypatch.setattr(bulk, "AT_A_TIME", 25)
    by_key = {variant.sku: variant.product.id for variant in shop.api.sandbox.shop.all("ProductVariant")}
    items = [
        Item(i.key, i.want, remote=catalogue[i.key].remote, refs=i.refs)
        for i in skus({key: Outcome("accepted", by_key[f"{key}-0"]) for key in (f"P{n}" for n in range(MANY))})
    ]
    shop.calls()
    await Load(shop, "skus", items).accepted()
    assert not used(shop.calls())


@pytest.mark.trap("shopify.bulk-go-on")
async def test_a_piece_that_nobody_answers_is_the_last_one(shop: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(bulk, "AT_A_TIME", 5)
    await shop.api.setting("bulk_most=0")
    await shop.api.faults({"kind": "401", "operation": "POST graphql productByIdentifier", "times": 999})
    load = Load(shop, "products", products())
    assert await load.push() is None
    errors = [outcome.error for outcome in load.batch.outcomes.values()]
    assert sum(isinstance(error, NotYet) for error in errors) == MANY - 5 and any(isinstance(error, AuthFailed) for error in errors)


@pytest.mark.trap("shopify.bulk-lost-ticket")
async def test_a_lost_ticket_does_not_overwrite_a_newer_price(shop: Any, catalogue: dict[str, Outcome]) -> None:
    """We die after the start, and the ERP changes its prices; the operation comes to its lines much later."""
    await shop.api.setting("bulk_paused=on")
    lost = Load(shop, "prices", prices(catalogue, "10.00"))
    assert await lost.push() is not None
    newer = Load(shop, "prices", prices(catalogue, "12.00"))
    for item in newer.batch.items:
        item.uncertain = True
    assert await newer.push() is None
    assert {type(outcome.error) for outcome in newer.batch.outcomes.values()} == {NotYet}
    await shop.api.setting("bulk_paused=off")
    await lost.run_on()
    assert {sku.price for sku in shop.api.sandbox.state()} == {Decimal(10)}
    newer.batch.outcomes.clear()
    await newer.accepted()
    assert {sku.price for sku in shop.api.sandbox.state()} == {Decimal(12)}


async def test_what_is_in_doubt_does_not_wait_for_an_operation_of_another_kind(shop: Any, catalogue: dict[str, Outcome]) -> None:
    await shop.api.setting("bulk_paused=on")
    assert await Load(shop, "stock", levels(shop, catalogue, 5)).push() is not None
    [some, *_] = prices(catalogue)
    some.uncertain = True
    await Load(shop, "prices", [some]).accepted()


async def test_the_ticket_is_asked_by_another_process_and_nothing_is_submitted_again(shop: Any) -> None:
    load = Load(shop, "products", products())
    assert await load.push() is not None
    shop.calls()
    async with AsyncExitStack() as stack:
        other = await shop.connect(stack)
        while await load.ask(other) is not None:
            await shop.api.advance(3)
    assert {outcome.state for outcome in load.batch.outcomes.values()} == {"accepted"}
    ledger = await shop.api.look("ledger")
    assert ledger["writes"]["POST graphql bulkOperationRunMutation"] == 1 and len(shop.api.sandbox.shop.all("Product")) == MANY


@pytest.mark.trap("shopify.bulk-upload", "shopify.bulk-down")
@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("500", "POST /staged-uploads/"),
        ("reset", "POST /staged-uploads/"),
        ("500", "POST graphql stagedUploadsCreate"),
        ("429", "POST graphql stagedUploadsCreate"),
    ],
)
async def test_while_the_platform_is_down_nothing_was_sent_and_the_lane_hears_of_it(shop: Any, kind: str, operation: str) -> None:
    await shop.api.faults({"kind": kind, "operation": operation, "times": 99})
    load = Load(shop, "products", products())
    with pytest.raises(Unavailable):
        await load.push()
    assert {outcome.state for outcome in load.batch.outcomes.values()} == {"not_sent"} and not load.batch.unreported()
    assert all(isinstance(outcome.error, Unavailable) for outcome in load.batch.outcomes.values()), "the core counts them as unanswered"
    assert not shop.api.sandbox.shop.all("Product")


@pytest.mark.trap("shopify.bulk-storage")
async def test_an_upload_whose_signature_expired_is_no_lost_permission(shop: Any) -> None:
    await shop.api.setting("storage_expired=1")
    load = Load(shop, "products", products())
    assert await load.push() is None
    await load.accepted()
    assert "productCreate" in shop.calls()


async def test_where_nothing_can_be_staged_its_items_go_by_calls(shop: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(bulk.STAGED, "mimeType", "text/csv")
    load = Load(shop, "products", products())
    assert await load.push() is None
    await load.accepted()
    assert "productCreate" in shop.calls()


@pytest.mark.trap("shopify.bulk-result")
async def test_a_result_that_cannot_be_fetched_is_asked_for_again(shop: Any) -> None:
    load = Load(shop, "products", products())
    await load.push()
    while "bulk result" not in shop.calls():
        await shop.api.setting("storage_expired=1")
        with suppress(Unavailable):
            assert await load.ask() is not None
        await shop.api.advance(3)
    assert len(load.batch.unreported()) == MANY
    await shop.api.setting("storage_expired=0")
    assert await load.ask() is None
    assert {outcome.state for outcome in load.batch.outcomes.values()} == {"accepted"}


@pytest.mark.trap("shopify.bulk-planning")
async def test_a_reading_that_fails_before_anything_is_sent_leaves_no_doubt(shop: Any, catalogue: dict[str, Outcome]) -> None:
    await shop.api.faults({"kind": "500", "operation": "POST graphql nodes", "times": 99})
    load = Load(shop, "prices", prices(catalogue))
    with pytest.raises(Unavailable):
        await load.push()
    assert {outcome.state for outcome in load.batch.outcomes.values()} == {"not_sent"} and not load.batch.unreported()


@pytest.mark.trap("shopify.bulk-file")
@pytest.mark.parametrize("code", ["INTERNAL_FILE_SERVER_ERROR", "NO_SUCH_FILE"])
async def test_a_passing_refusal_of_the_operation_is_no_refusal_of_its_items(shop: Any, code: str) -> None:
    await shop.api.setting(f"bulk_refusal={code}")
    load = Load(shop, "products", products())
    assert await load.push() is None
    assert {outcome.state for outcome in load.batch.outcomes.values()} == {"not_sent"} and not load.batch.unreported()
    assert not shop.api.sandbox.shop.all("Product")
    await Load(shop, "products", products()).accepted()


@pytest.mark.trap("shopify.bulk-refusal")
@pytest.mark.parametrize("code", ["INVALID_MUTATION", "INVALID_STAGED_UPLOAD_FILE"])
async def test_where_the_operation_is_refused_for_good_its_items_go_by_calls(shop: Any, code: str) -> None:
    await shop.api.setting(f"bulk_refusal={code}")
    load = Load(shop, "products", products())
    assert await load.push() is None
    await load.accepted()
    assert "productCreate" in shop.calls()


async def test_what_does_not_fit_into_the_file_goes_by_calls(shop: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(bulk, "LARGEST", 20_000)
    await Load(shop, "products", products()).accepted()
    assert 0 < len(next(iter(shop.api.sandbox.bulk.operations.values())).lines) < MANY
    assert len(shop.api.sandbox.shop.all("Product")) == MANY
