"""The order feed: configuration, at least once, visibility, retention and the faults of events."""

from typing import Any

import pytest

FEED = "/api/orders/feed"
CONFIG = f"{FEED}/config"
QUEUE = {"visibilityTimeoutInSeconds": 240, "MessageRetentionPeriodInSeconds": 345_600}
FILTER = {"type": "FromWorkflow", "status": ["ready-for-handling"]}


@pytest.fixture(autouse=True)
async def sku(api: Any) -> int:
    return await api.create_visible(stock=50)


# ---- configuration ----


async def test_without_a_configuration_everything_is_404(api: Any) -> None:
    assert (await api("GET", f"{FEED}?maxlot=10")).status_code == 404
    assert (await api("POST", FEED, {"handles": ["x"]})).status_code == 404
    assert (await api("GET", CONFIG)).status_code == 404
    assert (await api("DELETE", CONFIG)).status_code == 404


async def test_the_configuration_is_read_back_with_a_small_m(api: Any) -> None:
    await api.ok("POST", CONFIG, {"filter": FILTER, "queue": QUEUE})
    read = await api.ok("GET", CONFIG)
    assert read["filter"] == FILTER
    assert read["queue"] == {"visibilityTimeoutInSeconds": 240, "messageRetentionPeriodInSeconds": 345_600}
    assert (read["quantity"], read["approximateAgeOfOldestMessageInSeconds"]) == (0, 0)
    await api.sell()
    await api.advance(60)
    await api.feed()
    read = await api.ok("GET", CONFIG)
    assert (read["quantity"], read["approximateAgeOfOldestMessageInSeconds"]) == (1, 60)  # what is invisible counts
    await api.ok("DELETE", CONFIG)
    assert (await api("GET", CONFIG)).status_code == 404


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"queue": QUEUE}), (400, {"filter": FILTER}), (400, {"filter": "x", "queue": QUEUE}), (400, {"filter": {}, "queue": QUEUE}),
        (400, {"filter": {"type": "FromAnywhere"}, "queue": QUEUE}), (400, {"filter": FILTER, "queue": 5}),
        (400, {"filter": FILTER | {"status": "ready"}, "queue": QUEUE}), (400, {"filter": FILTER | {"status": [1]}, "queue": QUEUE}),
        (409, {"filter": FILTER | {"expression": "value > 1"}, "queue": QUEUE}),
        (409, {"filter": FILTER | {"disableSingleFire": False}, "queue": QUEUE}),
        (409, {"filter": {"type": "FromOrders", "expression": "value > 1", "status": ["invoiced"]}, "queue": QUEUE}),
        (400, {"filter": {"type": "FromOrders", "expression": "value > 1"}, "queue": QUEUE}),
        (400, {"filter": FILTER, "queue": QUEUE | {"visibilityTimeoutInSeconds": 0}}),
        (400, {"filter": FILTER, "queue": QUEUE | {"visibilityTimeoutInSeconds": 43_201}}),
        (400, {"filter": FILTER, "queue": QUEUE | {"MessageRetentionPeriodInSeconds": 345_599}}),
        (400, {"filter": FILTER, "queue": QUEUE | {"MessageRetentionPeriodInSeconds": 1_209_601}}),
        (400, {"filter": FILTER, "queue": {"visibilityTimeoutInSeconds": 240, "messageRetentionPeriodInSeconds": 345_600}}),
    ],
)  # fmt: skip
async def test_a_configuration_is_refused(api: Any, status: int, body: dict[str, Any]) -> None:
    assert (await api("POST", CONFIG, body)).status_code == status
    assert (await api("GET", CONFIG)).status_code == 404


async def test_the_spelling_of_a_status_is_not_checked(api: Any) -> None:
    await api.configure_feed("redy-for-handling")
    await api.sell()
    assert await api.feed() == []


async def test_configuring_again_keeps_the_events(api: Any) -> None:
    await api.configure_feed()
    await api.sell()
    await api.configure_feed("invoiced")
    assert len(await api.feed()) == 4


async def test_each_app_key_has_a_feed_of_its_own(api: Any) -> None:
    await api.configure_feed()
    await api.sell()
    queues = api.sandbox.feed.queues
    assert list(queues) == [api.headers["X-VTEX-API-AppKey"]]
    queues["another-key"] = queues.pop(api.headers["X-VTEX-API-AppKey"])
    assert (await api("GET", f"{FEED}?maxlot=10")).status_code == 404


# ---- events ----


async def test_only_events_after_the_configuration_and_through_the_filter(api: Any) -> None:
    await api.sell()
    await api.configure_feed("ready-for-handling", "handling")
    key = await api.sell(number=2)
    await api.ok("POST", f"/api/oms/pvt/orders/{key}/start-handling")
    events = await api.feed()
    assert [(event["orderId"], event["lastState"], event["state"]) for event in events] == [
        (key, "payment-approved", "ready-for-handling"), (key, "start-handling", "handling"),
    ]  # fmt: skip
    assert set(events[0]) == {"eventId", "handle", "domain", "state", "lastState", "orderId", "lastChange", "currentChange"}
    assert (events[0]["domain"], events[0]["currentChange"]) == ("Fulfillment", "2026-11-27T12:00:00.000000Z")


async def test_every_state_of_an_order_is_an_event(api: Any, sku: int) -> None:
    await api.configure_feed()
    invoiced, cancelled = await api.handling(), await api.sell(number=2, paid=False)
    await api.ok("POST", f"/api/oms/pvt/orders/{invoiced}/invoice", api.invoice(sku))
    await api.control("cancel", {"keys": [cancelled]})
    states: dict[str, list[str]] = {invoiced: [], cancelled: []}
    for event in [*await api.feed(), *await api.feed()]:
        states[event["orderId"]].append(event["state"])
    assert states[invoiced] == [
        "order-created", "payment-pending", "payment-approved", "ready-for-handling", "start-handling", "handling", "invoice", "invoiced",
    ]  # fmt: skip
    assert states[cancelled] == ["order-created", "payment-pending", "cancel", "canceled"]


@pytest.mark.parametrize("query", ["", "?maxlot=", "?maxlot=0", "?maxlot=11", "?maxlot=x", "?maxLot=5"])
async def test_a_lot_has_one_to_ten(api: Any, query: str) -> None:
    await api.configure_feed()
    assert (await api("GET", f"{FEED}{query}")).status_code == 400


async def test_a_lot_brings_no_more_than_asked(api: Any) -> None:
    await api.configure_feed("ready-for-handling")
    for number in range(12):
        await api.sell(number=number)
    assert [len(await api.feed(most)) for most in (3, 10, 10)] == [3, 9, 0]


async def test_what_is_not_committed_comes_back_after_the_timeout(api: Any) -> None:
    await api.configure_feed("ready-for-handling", visibility=240)
    for number in range(2):
        await api.sell(number=number)
    first = await api.feed()
    await api.commit(first[:1])
    await api.advance(239)
    assert await api.feed() == []
    await api.advance(1)
    again = await api.feed()
    assert [event["eventId"] for event in again] == [first[1]["eventId"]]
    await api.commit(first)  # the handle of the reading before counts no more
    await api.advance(240)
    third = await api.feed()
    assert [event["eventId"] for event in third] == [first[1]["eventId"]]
    await api.commit(third)
    await api.advance(240)
    assert await api.feed() == []


async def test_a_late_commit_counts_until_somebody_reads_again(api: Any) -> None:
    await api.configure_feed("ready-for-handling")
    for number in range(2):
        await api.sell(number=number)
    events = await api.feed()
    await api.advance(240)
    other = await api.feed(1)
    await api.commit(events)
    await api.advance(240)
    assert [event["eventId"] for event in await api.feed()] == [other[0]["eventId"]]


@pytest.mark.parametrize("body", [{}, {"handles": []}, {"handles": None}, {"handles": [1]}, {"handles": "x"}])
async def test_a_commit_is_refused(api: Any, body: dict[str, Any]) -> None:
    await api.configure_feed()
    assert (await api("POST", FEED, body)).status_code == 400


async def test_events_die_after_the_retention_period(api: Any) -> None:
    await api.configure_feed("ready-for-handling")
    await api.sell()
    await api.advance(345_599)
    await api.sell(number=2)
    assert len(await api.feed()) == 2
    await api.advance(240)
    assert [event["orderId"][-4:] for event in await api.feed()] == ["9-01"]


async def test_a_feed_without_new_events_loses_its_configuration(api: Any) -> None:
    await api.configure_feed("ready-for-handling")
    await api.advance(345_599)
    await api.sell()
    await api.advance(345_599)
    assert (await api("GET", CONFIG)).status_code == 200
    await api.advance(1)
    assert (await api("GET", CONFIG)).status_code == 404
    await api.sell(number=2)
    await api.configure_feed("ready-for-handling")
    assert await api.feed() == []


# ---- faults of events ----


async def test_a_duplicated_event(api: Any) -> None:
    await api.configure_feed("ready-for-handling")
    await api.control("faults", [{"kind": "duplicate_event"}])
    key = await api.sell()
    events = await api.feed()
    assert [event["orderId"] for event in events] == [key, key]
    assert events[0]["eventId"] != events[1]["eventId"]
    ledger = (await api.client.get("/_sandbox/ledger")).json()
    assert (ledger["injected"], ledger["effects"]["events_duplicated"]) == ({"duplicate_event": 1}, 1)


async def test_a_dropped_event(api: Any) -> None:
    await api.configure_feed("ready-for-handling")
    await api.control("faults", [{"kind": "drop_event", "rate": 0.5, "seed": 3}])
    keys = {number: await api.sell(number=number) for number in range(20)}
    arrived = {event["orderId"] for _ in range(3) for event in await api.feed()}
    dropped = (await api.client.get("/_sandbox/ledger")).json()["effects"]["events_dropped"]
    assert 0 < dropped == len(keys) - len(arrived)


async def test_a_reordered_event_is_overtaken_by_the_next_one_but_never_lost(api: Any) -> None:
    await api.configure_feed("order-created", "ready-for-handling")
    await api.control("faults", [{"kind": "reorder_event"}])
    await api.sell()
    assert [event["state"] for event in await api.feed()] == ["ready-for-handling", "order-created"]
    await api.configure_feed("order-created")
    key = await api.sell(number=2)
    assert [event["orderId"] for event in await api.feed()] == [key]  # alone, it comes when it is asked for


async def test_a_corrupted_order_has_lost_its_events(api: Any) -> None:
    await api.configure_feed("ready-for-handling")
    lost, kept = await api.sell(), await api.sell(number=2)
    assert await api.control("corrupt", {"kind": "order", "key": lost}) == {"events_lost": 1}
    assert [event["orderId"] for event in await api.feed()] == [kept]
