"""No place for an operation, another process, a storage or a platform that fails."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from decimal import Decimal
from typing import Any

import pytest
from plugins.shopify.tests.loads import MANY, Load, levels, prices, products, skus, used

from engate import AuthFailed, NotYet, Unavailable
from engate.model import Item, Outcome
from engate_shopify import bulk

pytestmark = pytest.mark.usefixtures("few_levels")


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
