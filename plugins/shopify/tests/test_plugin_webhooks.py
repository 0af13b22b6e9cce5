"""The door: what Shopify sends us, as the sandbox sends it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from tests.support.desk import Door


async def told(door: Door, topic: str = "") -> None:
    """Until the sandbox has sent something (of this topic)."""
    await door.until(lambda: any(topic in asked.headers["x-shopify-topic"] for asked in door.asked))


@pytest.mark.trap("shopify.forged", "shopify.rotated-secret", "shopify.told-twice")
async def test_an_order_that_is_placed_is_told_and_verified(shop: Any) -> None:
    door = Door(lambda: shop.front)
    async with AsyncExitStack() as stack:
        url = await door.opened(stack)
        await shop.sellable()
        assert all(check.ok for check in await shop.front.install_webhooks(url))
        key = await shop.sell()
        await told(door)
        assert {event.order for event in door.desk.events.values()} == {key}
        assert not door.desk.refused
        asked = door.asked[0]
        await shop.front.answer(asked, door.desk)
        assert len(door.desk.events) == len({asked.headers["x-shopify-webhook-id"] for asked in door.asked})

        forged = msgspec.structs.replace(asked, body=asked.body + b" ")
        assert (await shop.front.answer(forged, door.desk)).status == 401
        unsigned = msgspec.structs.replace(asked, headers={})
        assert (await shop.front.answer(unsigned, door.desk)).status == 401
        assert door.desk.refused == ["signature", "signature"]
        rotated = await shop.connect(stack, client_secret="new", old_client_secret=shop.api.sandbox.describe().secrets["client_secret"])
        assert (await rotated.answer(asked, door.desk)).status == 200


@pytest.mark.trap("shopify.old-address")
async def test_webhooks_are_installed_once_and_those_of_another_address_go(shop: Any) -> None:
    assert all(check.ok for check in await shop.front.install_webhooks("https://engate.example/a"))
    shop.calls()
    await shop.front.install_webhooks("https://engate.example/a")
    assert shop.calls() == ["webhookSubscriptions"]
    await shop.front.install_webhooks("https://engate.example/b")
    calls = shop.calls()
    assert calls.count("webhookSubscriptionCreate") == calls.count("webhookSubscriptionDelete") == 6


async def test_without_the_secret_it_is_said_and_nothing_is_subscribed(shop: Any) -> None:
    async with AsyncExitStack() as stack:
        front = await shop.connect(stack, client_secret="", client_id="")
        [check] = await front.install_webhooks("https://engate.example/a")
    assert not check.ok and "chave secreta" in check.text.pt and "chave secreta" in check.hint.pt
    assert "POST graphql webhookSubscriptionCreate" not in (await shop.api.look("ledger"))["by_operation"]
