"""Orders that a shop hands in by itself, over HTTP: one number each, one order in the ERP, and what the shop is told when it asks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from api.tests.doors import Doored, doored

from engate.clock import ShiftedClock, SystemClock
from engate.model import Address, Buyer, Order, OrderItem, ShopState


def order(house: Doored, number: int = 1) -> Order:
    """As the shop has it; nobody was told of it."""
    house.shop.switches.calls = house.shop.switches.tells = False
    return house.shop.placed[house.sell(number)]


def order_of(house: Doored) -> Order:
    """Of a shop that has nothing yet to sell: the item is one of another system."""
    item = OrderItem("1", "S9", "", "Vela", Decimal(1), Decimal(10))
    return Order(
        "F9", "ready", "ready", house.shop.clock.now(), Buyer("Maria", "52998224725"), Address(), (item,), (), Decimal(10), Decimal(0),
        Decimal(0), Decimal(0), Decimal(10),
    )  # fmt: skip


async def place(house: Doored, given: Order) -> tuple[int | None, str | None]:
    return await house.shop.ask(f"{await house.url()}/place", given)


async def known(house: Doored, key: str) -> Any:
    return (await house.shop.ask(f"{await house.url()}/order", key))[1]


@pytest.mark.trap("engine.placed-untouched")
async def test_an_order_that_is_handed_in_has_its_number_at_once_and_enters_once(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        given = order(house)
        assert await known(house, given.key) is None
        status, number = await place(house, given)
        assert status == 200 and number and [await place(house, given) for _ in range(3)] == [(200, number)] * 3
        [row] = (await house.api("GET", f"/integrations/{house.id}/orders"))["items"]
        assert row["key"] == given.key
        await house.until(lambda: house.in_erp(given.key))
        assert house.shop.counts.by_operation.get("GET /orders/{key}") is None, "it came whole: nobody asks for it"
        [entered] = house.in_erp(given.key)
        assert await place(house, given) == (200, number)
        house.erp.progress("invoiced", [entered.key])
        house.erp.ship(entered.key, "BR1")
        await house.api("POST", f"/integrations/{house.id}/resync", {"flows": ["fulfilment"]})
        told = await house.until(lambda: _with_note(house, given.key))
        assert (told["number"], told["erp"], [note[1]["number"] for note in told["notes"]]) == (
            number, [entered.key], [note.number for note in house.erp.taken[entered.key].invoices or ()]
        )  # fmt: skip
        assert (told["state"], told["tracking"][0]["code"]) in {("invoiced", "BR1"), ("shipped", "BR1")} and told["notes"][0][1][
            "series"
        ] == "1"
        assert len(house.in_erp(given.key)) == 1
        [kept, *_] = [each for each in await house.deliveries() if each["path"] == "place"]
        assert (kept["outcome"], kept["times"], kept["orders"]) == ("taken", 5, [given.key])
        assert await house.installation.store.reading(lambda c: c.exec_driver_sql("select count(*) from inbox").scalar()) == 1


async def _with_note(house: Doored, key: str) -> Any:
    told = await known(house, key)
    return told if told["notes"] and told["tracking"] else None


@pytest.mark.trap("engine.placed-live")
async def test_nothing_is_taken_before_the_integration_went_live_and_nothing_else_is_known(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        given = order(house)
        first = await house.url()
        assert (await house.shop.ask(f"{first}/place", given))[0] == 200
        await house.couple("Outra")
        assert await place(house, msgspec.structs.replace(given, key="X1")) == (409, None)
        assert await known(house, given.key) is None and await known(house, "X1") is None
        assert (await house.api("GET", f"/integrations/{house.id}/orders"))["items"] == []


@asynccontextmanager
async def handing_in(folder: Path, *, live: bool = True) -> AsyncGenerator[Doored]:
    """Its shop hands its orders in and cannot be asked for them."""
    async with doored(folder, coupled=False, clock=ShiftedClock(timedelta(seconds=2))) as house:
        house.shop.switches.hands_in = True
        await house.couple()
        if live:
            await house.live()
        yield house


async def move(house: Doored, key: str, state: str) -> int | None:
    return (await house.shop.ask(f"{await house.url()}/move", {"key": key, "state": state, "raw_state": state}))[0]


async def switch(house: Doored, on: bool) -> None:
    await house.api("POST", f"/integrations/{house.id}/{'activate' if on else 'deactivate'}", {"everything": True} if on else {})


async def shown(house: Doored, key: str) -> Any:
    rows = (await house.api("GET", f"/integrations/{house.id}/orders"))["items"]
    return next((row for row in rows if row["key"] == key), None)


@pytest.mark.trap("engine.placed-again")
@pytest.mark.parametrize("first", ["awaiting_payment", "ready"])
async def test_an_order_that_comes_again_after_it_was_moved_brings_nothing_back(tmp_path: Path, first: ShopState) -> None:
    """Paid after it was placed, or cancelled: the first call's repetition comes late, before a lane has seen either and after."""
    async with handing_in(tmp_path) as house:
        given = msgspec.structs.replace(order(house), state=first, raw_state=first)
        then = "ready" if first == "awaiting_payment" else "cancelled"
        await switch(house, on=False)
        number = (await place(house, given))[1]
        assert await move(house, given.key, then) == 200
        assert await place(house, given) == (200, number)
        await switch(house, on=True)
        await house.until(lambda: _seen(house, given.key, then))
        assert await place(house, given) == (200, number)
        if then == "ready":
            await house.until(lambda: house.in_erp(given.key))
        row = await house.until(lambda: shown(house, given.key))
        assert row["raw_state"] == then and len(house.in_erp(given.key)) == (then == "ready")
        assert row["state"] in {"in_erp", "picking", "importing", "ready"} if then == "ready" else row["state"] in {"cancelled", "expired"}


async def test_an_order_that_comes_again_and_says_something_else_is_not_taken(tmp_path: Path) -> None:
    async with handing_in(tmp_path) as house:
        given = order(house)
        number = (await place(house, given))[1]
        dearer = msgspec.structs.replace(given, freight=given.freight + 1, total=given.total + 1)
        assert await place(house, dearer) == (422, None)
        assert await place(house, msgspec.structs.replace(given, changed_at="9", placed_at=given.placed_at + timedelta(days=1))) == (
            200,
            number,
        )
        await house.until(lambda: house.in_erp(given.key))
        assert (await known(house, given.key))["order"]["total"] == str(given.total)


@pytest.mark.trap("engine.moved-last")
async def test_what_came_last_counts_whatever_the_clock_of_a_process_says(tmp_path: Path) -> None:
    """Two processes, one of them two seconds ahead: the cancellation comes by the other."""
    async with handing_in(tmp_path) as house:
        given = order(house)
        await switch(house, on=False)
        assert (await place(house, given))[0] == 200
        assert await move(house, given.key, "awaiting_payment") == 200
        assert isinstance(house.installation.clock, ShiftedClock)
        house.installation.clock = SystemClock()
        for state in ("held", "ready", "held", "cancelled"):
            assert await move(house, given.key, state) == 200
        assert await move(house, given.key, "cancelled") == 200
        said = await known(house, given.key)
        assert said["order"]["raw_state"] == "cancelled" and said["order"]["paid_at"]
        await switch(house, on=True)
        await house.until(lambda: _seen(house, given.key, "cancelled"))
        assert not house.in_erp(given.key)


@pytest.mark.trap("engine.moved-archived")
async def test_an_order_of_a_deleted_integration_can_still_be_cancelled(tmp_path: Path) -> None:
    async with handing_in(tmp_path) as house:
        given = order(house)
        number = (await place(house, given))[1]
        await house.until(lambda: house.in_erp(given.key))
        [entered] = house.in_erp(given.key)
        url = await house.url()
        await house.api("DELETE", f"/integrations/{house.id}?confirm=par&open_orders=archive")
        assert (await house.shop.ask(f"{url}/place", given)) == (200, number)
        assert (await house.shop.ask(f"{url}/place", msgspec.structs.replace(given, key="X1")))[0] == 409, "it takes no new ones"
        said = {"key": given.key, "state": "cancelled", "raw_state": "cancelled"}
        assert (await house.shop.ask(f"{url}/move", said))[0] == 200
        await house.until(lambda: house.erp.taken[entered.key].state == "cancelled")


async def test_an_order_of_an_integration_that_lost_its_shop_to_another_can_still_be_cancelled(tmp_path: Path) -> None:
    async with handing_in(tmp_path) as house:
        given = order(house)
        number = (await place(house, given))[1]
        await house.until(lambda: house.in_erp(given.key))
        lost = house.key, house.id, house.erp_id, house.shop_id
        await switch(house, on=False)
        await house.couple("Outra")
        await switch(house, on=True)
        house.key, house.id, house.erp_id, house.shop_id = lost
        assert await place(house, msgspec.structs.replace(given, key="X1")) == (409, None)
        assert await place(house, given) == (200, number) and await move(house, given.key, "cancelled") == 200
        assert (await known(house, given.key))["order"]["raw_state"] == "cancelled"
        assert await house.installation.store.reading(
            lambda c: c.exec_driver_sql(f"select count(*) from inbox where handled_at is null and integration_id = {house.id}").scalar()  # noqa: S608
        )
        assert await move(house, "nobody's", "cancelled") == 404


@pytest.mark.trap("engine.handed-in-not-asked")
async def test_a_shop_that_hands_its_orders_in_is_never_asked(tmp_path: Path) -> None:
    async with handing_in(tmp_path) as house:
        given = order(house)
        number = (await place(house, msgspec.structs.replace(given, state="awaiting_payment", raw_state="waits")))[1]
        await house.until(lambda: _seen(house, given.key, "waits"))
        assert await move(house, given.key, "ready") == 200
        await house.until(lambda: house.in_erp(given.key))
        for of in (given.key, number):
            said = (await house.shop.ask(f"{await house.url()}/order", of))[1]
            assert (said["number"], said["order"]["raw_state"]) == (number, "ready")
        assert await move(house, "nobody's", "ready") == 404
        assert not {"GET /feed", "GET /listed", "GET /orders/{key}"} & set(house.shop.counts.by_operation)
        assert len(house.in_erp(given.key)) == 1


async def test_an_order_that_nobody_heard_is_taken_by_a_replay(tmp_path: Path) -> None:
    async with handing_in(tmp_path, live=False) as house:
        given = order_of(house)
        assert await place(house, given) == (409, None)
        [kept] = await house.deliveries()
        assert kept["outcome"] == "unheard"
        path = f"/integrations/{house.id}/deliveries/{kept['id']}/replay"
        assert (await house.api("POST", path, {}, status=409))["code"] == "not_live"
        await house.live()
        assert await house.api("POST", path, {}) == {"orders": 1, "keys": 0}
        await house.until(lambda: shown(house, given.key))
        assert [(each["outcome"], each["orders"]) for each in await house.deliveries()] == [("taken", [given.key])]
        assert await house.api("POST", path, {}) == {"orders": 1, "keys": 0}, "it is looked at again"
        assert (await place(house, given))[0] == 200


async def _seen(house: Doored, key: str, raw_state: str) -> bool:
    """Its lane has worked on it as the shop says."""
    rows = (await house.api("GET", f"/integrations/{house.id}/orders"))["items"]
    return any(row["key"] == key and row["raw_state"] == raw_state for row in rows)


async def test_an_order_that_is_none_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        given = order(house)
        bad = msgspec.structs.replace(given, key="")
        assert (await place(house, bad))[0] == 500
        assert (await house.api("GET", f"/integrations/{house.id}/orders"))["items"] == []
