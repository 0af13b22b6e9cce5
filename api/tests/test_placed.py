"""Orders that a shop hands in by itself, over HTTP: one number each, one order in the ERP, and what the shop is told when it asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from api.tests.doors import Doored, doored

from engate.model import Order


def order(house: Doored, number: int = 1) -> Order:
    """As the shop has it; nobody was told of it."""
    house.shop.switches.calls = house.shop.switches.tells = False
    return house.shop.placed[house.sell(number)]


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
        assert house.shop.books.by_operation.get("GET /orders/{key}") is None, "it came whole: nobody asks for it"
        [entered] = house.in_erp(given.key)
        assert await place(house, given) == (200, number)
        house.erp.progress("invoiced", [entered.key])
        house.erp.ship(entered.key, "BR1")
        await house.api("POST", f"/integrations/{house.id}/resync", {"flows": ["fulfilment"]})
        told = await house.until(lambda: _with_note(house, given.key))
        assert (told["number"], told["erp"], [note["number"] for note in told["notes"]]) == (
            number, [entered.key], [note.number for note in house.erp.taken[entered.key].invoices or ()]
        )  # fmt: skip
        assert (told["state"], told["tracking"][0]["code"]) in {("invoiced", "BR1"), ("shipped", "BR1")} and told["notes"][0][
            "series"
        ] == "1"
        assert len(house.in_erp(given.key)) == 1
        [kept, *_] = [each for each in await house.deliveries() if each["path"] == "place"]
        assert (kept["outcome"], kept["times"], kept["orders"]) == ("taken", 5, [given.key])


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


async def test_an_order_that_changes_before_it_was_worked_on_enters_as_it_is_last(tmp_path: Path) -> None:
    """While the integration is switched off orders are taken in and wait; the newest of what was handed in counts."""
    async with doored(tmp_path, live=True) as house:
        given = order(house)
        await house.api("POST", f"/integrations/{house.id}/deactivate", {})
        waits = msgspec.structs.replace(given, state="awaiting_payment", raw_state="awaiting_payment", changed_at="000001")
        paid = msgspec.structs.replace(given, changed_at="000002")
        assert (await place(house, waits)) == (await place(house, paid)) == (await place(house, waits))
        await house.api("POST", f"/integrations/{house.id}/activate", {"everything": True})
        await house.until(lambda: house.in_erp(given.key))
        assert len(house.in_erp(given.key)) == 1


@pytest.mark.trap("engine.handed-in-last", "engine.handed-in-not-asked")
async def test_a_shop_that_hands_its_orders_in_is_never_asked_and_what_it_said_last_counts(tmp_path: Path) -> None:
    async with doored(tmp_path, coupled=False) as house:
        house.shop.switches.hands_in = True
        await house.couple()
        await house.live()
        given = order(house)
        url = await house.url()
        waits = msgspec.structs.replace(given, state="awaiting_payment", raw_state="waits", changed_at="1")
        number = (await place(house, waits))[1]
        await house.until(lambda: _seen(house, given.key, "waits"))
        move = {"key": given.key, "state": "ready", "raw_state": "paid", "changed_at": "3"}
        assert (await house.shop.ask(f"{url}/move", move))[0] == 200
        assert (await place(house, msgspec.structs.replace(waits, raw_state="reviewed", changed_at="2"))) == (200, number)
        await house.until(lambda: house.in_erp(given.key))
        for of in (given.key, number):
            said = (await house.shop.ask(f"{url}/order", of))[1]
            assert (said["number"], said["order"]["raw_state"]) == (number, "paid")
        assert (await house.shop.ask(f"{url}/move", move | {"key": "nobody's"}))[0] == 404
        assert not {"GET /feed", "GET /listed", "GET /orders/{key}"} & set(house.shop.books.by_operation)
        assert len(house.in_erp(given.key)) == 1


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
