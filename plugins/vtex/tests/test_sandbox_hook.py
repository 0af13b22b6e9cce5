"""The order hook: configuration, ping, notifications, retries, and the faults of events."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

CONFIG = "/api/orders/hook/config"
FILTER = {"type": "FromWorkflow", "status": ["ready-for-handling", "canceled"]}


def config(url: str, **changes: Any) -> dict[str, Any]:
    return {"filter": FILTER, "hook": {"url": url, "headers": {"key": "secret", "x-mine": "a"}}} | changes


async def listening(api: Any, listener: Any) -> None:
    """Configured, and the ping forgotten."""
    await api.ok("POST", CONFIG, config(listener.url))
    await api.create_visible(stock=50)
    listener.came.clear()


async def test_it_is_tried_with_a_ping_and_read_back(api: Any, listener: Any) -> None:
    assert (await api("GET", CONFIG)).status_code == (await api("DELETE", CONFIG)).status_code == 404
    await api.ok("POST", CONFIG, config(listener.url))
    [(ping, headers)] = listener.came
    assert ping == {"hookConfig": "ping"} and "x-mine" not in headers
    assert await api.ok("GET", CONFIG) == config(listener.url)
    await api.ok("DELETE", CONFIG)
    assert (await api("GET", CONFIG)).status_code == 404


async def test_a_ping_that_is_not_answered_with_200_is_refused(api: Any, listener: Any) -> None:
    listener.status = 204
    assert (await api("POST", CONFIG, config(listener.url))).status_code == 400
    assert (await api("POST", CONFIG, config("http://127.0.0.1:9/orders"))).status_code == 400
    assert (await api("GET", CONFIG)).status_code == 404


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"hook": {"url": "https://x.example", "headers": {}}}), (400, {"filter": FILTER}), (400, config("http://shop.example/x")),
        (400, config("orders")), (400, config("", hook="x")), (400, config("", hook={"url": "https://x.example"})),
        (400, config("", hook={"url": "https://x.example", "headers": {"a": 1}})), (400, config("https://x.example", filter="x")),
        (409, config("https://x.example", filter=FILTER | {"disableSingleFire": False})),
    ],
)  # fmt: skip
async def test_a_configuration_is_refused(api: Any, status: int, body: dict[str, Any]) -> None:
    assert (await api("POST", CONFIG, body)).status_code == status


async def test_what_the_filter_lets_through_is_told_with_the_headers(api: Any, listener: Any) -> None:
    await listening(api, listener)
    key = await api.sell()
    await listener.heard(1)
    [(body, headers)] = listener.came
    assert (body["OrderId"], body["State"], body["Domain"]) == (key, "ready-for-handling", "Fulfillment")
    assert body["Origin"]["Account"] == api.account and body["LastChange"] and (headers["key"], headers["x-mine"]) == ("secret", "a")


async def attempted(api: Any, so_often: int) -> float | None:
    """Until so many attempts have failed. Answers in how many seconds the next one is due; None: there will be none."""
    for _ in range(500):
        effects = (await api.client.get("/_sandbox/ledger")).json()["effects"]
        if effects.get("webhooks_failed", 0) >= so_often:
            waiting = api.sandbox.hooks.pump.waiting
            return (waiting[0].due - api.sandbox.clock.now()).total_seconds() if waiting else None
        await asyncio.sleep(0.01)
    raise AssertionError("nothing was tried")


async def test_what_is_not_answered_with_200_comes_again_at_gaps_that_double(api: Any, listener: Any) -> None:
    await listening(api, listener)
    listener.status = 500
    await api.sell()
    gaps = []
    for attempt in range(1, 10):
        gaps.append(await attempted(api, attempt))
        await api.advance(gaps[-1] or 0)
    assert gaps == [60, 120, 240, 480, 960, 1920, 3840, 7680, None]
    assert len({str(body) for body in await listener.heard(9)}) == 1


async def test_what_was_answered_does_not_come_again(api: Any, listener: Any) -> None:
    await listening(api, listener)
    listener.status = 500
    await api.sell()
    listener.status = 200 if await attempted(api, 1) else 0
    await api.advance(60)
    await listener.heard(2)
    await api.sell(2)
    await listener.heard(3)
    assert api.sandbox.hooks.pump.waiting == []


async def test_three_days_without_a_notification_end_it(api: Any, listener: Any) -> None:
    await listening(api, listener)
    await api.advance(3 * 86_400 - 1)
    await api.ok("GET", CONFIG)
    await api.sell()
    await listener.heard(1)
    await api.advance(3 * 86_400 - 1)
    await api.ok("GET", CONFIG)
    await api.advance(1)
    assert (await api("GET", CONFIG)).status_code == 404
    await api.sell(2)
    assert api.sandbox.hooks.pump.waiting == []


async def test_the_faults_of_events(api: Any, listener: Any) -> None:
    await listening(api, listener)
    await api.control("faults", [{"kind": "duplicate_event", "times": 1}])
    await api.sell(1)
    first, again = await listener.heard(2)
    assert first == again
    await api.control("faults", [{"kind": "reorder_event", "times": 1}])
    late = await api.sell(2)
    await api.control("faults", [])
    early = await api.sell(3)
    assert (await listener.heard(3))[-1]["OrderId"] == early
    await api.advance(10)
    assert (await listener.heard(4))[-1]["OrderId"] == late
    await api.control("faults", [{"kind": "drop_event", "times": 1}])
    await api.sell(4)
    effects = (await api.client.get("/_sandbox/ledger")).json()["effects"]
    assert (effects["events_dropped"], effects["events_duplicated"], effects["events_reordered"]) == (1, 1, 1)
    assert effects["webhooks_delivered"] == len(listener.came) == 4


async def test_an_order_can_be_lost_on_its_way(api: Any, listener: Any) -> None:
    await listening(api, listener)
    listener.status = 500
    key = await api.sell()
    await attempted(api, 1)
    assert (await api.control("corrupt", {"kind": "order", "key": key})) == {"events_lost": 1}
    assert api.sandbox.hooks.pump.waiting == []
