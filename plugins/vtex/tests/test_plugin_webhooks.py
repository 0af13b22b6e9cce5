"""Orders by hook: what VTEX calls, how the hook is made, and what stands in for it while there is none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from tests.support.desk import Door

from engate.model import OrderEvent, Query

HOOK, FEED = "/api/orders/hook/config", "/api/orders/feed/config"
HANDED = "/api/orders/feed"


async def told(door: Door, count: int) -> list[OrderEvent]:
    await door.until(lambda: len(door.desk.events) >= count)
    return list(door.desk.events.values())


@pytest.fixture
async def door(shop: Any) -> AsyncIterator[Door]:
    made = Door(lambda: shop.front)
    shop.front = await shop.connect(orders_by="hook")
    async with AsyncExitStack() as stack:
        await made.opened(stack)
        yield made


async def events(shop: Any) -> set[str]:
    return {event.order async for page in shop.front.read_order_events(Query()) for event in page.items}


@pytest.mark.trap("vtex.hook-secret", "vtex.hook-ping")
async def test_what_the_hook_tells_is_taken_in_and_nothing_else(shop: Any, door: Door) -> None:
    [line] = await shop.front.install_webhooks(door.url)
    assert line.ok and not door.desk.refused
    await shop.sellable()
    key = await shop.sell(("1001-1", 1, "100.00"))
    heard = await told(door, 2)
    assert {event.order for event in heard} == {key}
    assert {event.raw_state for event in heard} >= {"ready-for-handling"} and {event.state for event in heard} >= {"ready"}
    asked = door.asked[-1]
    for headers in ({}, {**asked.headers, "key": "x"}, {**asked.headers, "key": "é"}):
        assert (await shop.front.answer(msgspec.structs.replace(asked, headers=headers), door.desk)).status == 401
    for body in (b"", b"[]", b"{}", b'{"OrderId": 5}', b'{"OrderId": ""}'):
        assert (await shop.front.answer(msgspec.structs.replace(asked, body=body), door.desk)).status == 401
    assert door.desk.refused == ["signature"] * 3 + ["content"] * 5


@pytest.mark.trap("vtex.hook-told-twice")
async def test_what_is_told_twice_is_one_event_and_the_same_state_at_another_time_is_another(shop: Any, door: Door) -> None:
    await shop.front.install_webhooks(door.url)
    await shop.sellable()
    await shop.faults({"kind": "duplicate_event", "rate": 1.0, "times": 9})
    await shop.sell(("1001-1", 1, "100.00"))
    before = len(await told(door, 2))
    body = msgspec.json.decode(door.asked[-1].body)
    again = msgspec.structs.replace(door.asked[-1], body=msgspec.json.encode(body))
    assert (await shop.front.answer(again, door.desk)).status == 200
    assert len(door.desk.events) == before
    later = msgspec.structs.replace(again, body=msgspec.json.encode(body | {"LastChange": "2026-11-28T10:00:00Z"}))
    await shop.front.answer(later, door.desk)
    assert len(door.desk.events) == before + 1


async def test_what_is_installed_as_it_should_be_is_left_alone(shop: Any, door: Door) -> None:
    await shop.front.install_webhooks(door.url)
    shop.calls()
    await shop.front.install_webhooks(door.url)
    assert shop.calls() == [f"GET {HOOK} 200"]
    held = await shop.call("GET", HOOK)
    assert held["filter"]["type"] == "FromWorkflow" and "ready-for-handling" in held["filter"]["status"]


@pytest.mark.trap("vtex.hook-of-yesterday")
async def test_another_address_another_token_or_another_filter_make_it_anew(shop: Any, door: Door) -> None:
    await shop.front.install_webhooks(door.url)
    held = await shop.call("GET", HOOK)
    await shop.front.install_webhooks(f"{door.url}b")
    assert (await shop.call("GET", HOOK))["hook"]["url"] == f"{door.url}b"
    old = {**held, "hook": {"url": door.url, "headers": {**held["hook"]["headers"], "key": "of the token before"}}}
    for wrong in (old, {**held, "filter": {"type": "FromWorkflow", "status": ["invoiced"]}}):
        await shop.call("POST", HOOK, wrong)
        [line] = await shop.front.install_webhooks(door.url)
        assert line.ok and await shop.call("GET", HOOK) == held


@pytest.mark.trap("vtex.hook-of-somebody-else")
async def test_a_hook_of_another_system_is_left_alone_and_said(shop: Any, door: Door) -> None:
    theirs = {"filter": {"type": "FromWorkflow", "status": ["invoiced"]}, "hook": {"url": door.url, "headers": {"key": "theirs"}}}
    await shop.call("POST", HOOK, theirs)
    [line] = await shop.front.install_webhooks(f"{door.url}b")
    assert not line.ok and "outro sistema" in line.text.pt and await shop.call("GET", HOOK) == theirs
    [tested] = [line for line in await shop.front.test_connection() if line.name == "events"]
    assert not tested.ok and tested.text == line.text
    assert await events(shop) == set() and (await shop.call("GET", FEED))["quantity"] == 0, "the feed stands in for it"


async def test_an_address_without_tls_is_said_before_vtex_refuses_it(shop: Any, door: Door) -> None:
    [line] = await shop.front.install_webhooks("http://engate.example/in/1/a")
    assert not line.ok and "https" in line.text.pt
    assert not any("POST" in call for call in shop.calls())


async def test_a_refusal_of_vtex_is_a_line(shop: Any, door: Door) -> None:
    [line] = await shop.front.install_webhooks("http://127.0.0.1:9/in/1/a")
    assert not line.ok and line.name == "hook"


@pytest.mark.trap("vtex.hook-gone")
async def test_while_there_is_no_hook_the_feed_tells_and_a_new_hook_ends_it(shop: Any, door: Door) -> None:
    await shop.front.install_webhooks(door.url)
    await shop.sellable(stock=50)
    await shop.call("DELETE", HOOK)
    assert await events(shop) == set()  # the feed begins here
    key = await shop.sell(("1001-1", 1, "100.00"))
    assert await events(shop) == {key}
    waiting = await shop.sell(("1001-1", 1, "100.00"), number=2)
    await shop.front.install_webhooks(door.url)
    assert await events(shop) == {waiting}, "what the feed had still to tell is told"
    assert await shop.call("GET", FEED, fine=False) == {"error": {"code": "1", "message": ANY_FEED, "exception": None}}


ANY_FEED = "There is no feed configuration for this app key"


@pytest.mark.trap("vtex.hook-lost")
async def test_what_the_hook_never_told_is_found_in_the_list(shop: Any, door: Door) -> None:
    await shop.front.install_webhooks(door.url)
    await shop.sellable()
    await shop.faults({"kind": "drop_event", "rate": 1.0, "times": 1_000})
    key = await shop.sell(("1001-1", 1, "100.00"))
    await shop.control("advance", {"seconds": 300})
    assert await events(shop) == {key} and not door.desk.events
    assert not any(HANDED in call and FEED not in call for call in shop.calls()), "nobody reads a feed beside it"
    assert await events(shop) == set() and shop.calls() == [], "asked seldom"


async def test_going_back_to_the_feed_takes_the_hook_away(shop: Any, door: Door) -> None:
    await shop.front.install_webhooks(door.url)
    shop.front = await shop.connect()
    assert await shop.front.install_webhooks(door.url) == []
    assert "error" in await shop.call("GET", HOOK, fine=False)
    await shop.sellable()
    assert await events(shop) == set()
    key = await shop.sell(("1001-1", 1, "100.00"))
    assert await events(shop) == {key}
