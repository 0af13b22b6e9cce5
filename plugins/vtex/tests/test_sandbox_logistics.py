"""Docks, warehouses, inventory, the 423 lock and reservations."""

import asyncio
import time
from typing import Any

import pytest

PVT = "/api/logistics/pvt"
WAREHOUSES = f"{PVT}/configuration/warehouses"
DOCKS = f"{PVT}/configuration/docks"
ENTRY = {"dockId": "d1", "name": "Doca", "time": "1.00:00:00", "cost": "5.50", "translateDays": "dias", "costToDisplay": "5,50"}
DOCK = {
    "id": "d1", "name": "Doca", "priority": 0, "dockTimeFake": "00:00:00", "timeFakeOverhead": "00:00:00", "salesChannels": ["1"],
    "salesChannel": "1", "freightTableIds": [], "wmsEndPoint": None,
    "address": {"postalCode": "01001000", "country": {"acronym": "BRA", "name": "Brazil"}, "city": "SP", "state": "SP",
                "neighborhood": "Sé", "street": "Rua A", "number": "1", "complement": "", "coordinates": [[-46.6, -23.5]]},
}  # fmt: skip


async def put(api: Any, path: str, body: dict[str, Any]) -> Any:
    """An update that waits for the lock of the one before it to be over: its milliseconds belong to real time."""
    deadline = time.monotonic() + 5
    while (answer := await api("PUT", path, body)).status_code == 423 and time.monotonic() < deadline:
        pass
    assert answer.status_code == 200, answer.text
    return answer.json()


async def balance(api: Any, sku: int, warehouse: str = "1_main") -> tuple[int, int]:
    lines = (await api.ok("GET", f"{PVT}/inventory/skus/{sku}"))["balance"]
    return next((line["totalQuantity"], line["reservedQuantity"]) for line in lines if line["warehouseId"] == warehouse)


# ---- docks and warehouses ----


async def test_docks_and_warehouses_are_created_updated_and_listed(api: Any) -> None:
    assert await api.ok("POST", DOCKS, DOCK) is True
    assert (await api.ok("GET", f"{DOCKS}/d1"))["address"]["location"] == {"longitude": -46.6, "latitude": -23.5}
    assert [dock["id"] for dock in await api.ok("GET", DOCKS)] == ["dock_main", "dock_second", "d1"]
    for name in ("Um", "Dois"):
        await api.ok("POST", WAREHOUSES, {"id": "w1", "name": name, "warehouseDocks": [ENTRY]})
    listed = {doc["id"]: doc for doc in await api.ok("GET", WAREHOUSES)}
    assert list(listed) == ["1_main", "1_second", "w1"]
    assert (listed["w1"]["name"], listed["w1"]["isActive"], listed["w1"]["warehouseDocks"][0]["cost"]) == ("Dois", True, 5.5)
    assert await api.ok("GET", f"{WAREHOUSES}/w1") == listed["w1"]
    assert (await api("GET", f"{WAREHOUSES}/w2")).status_code == 404
    assert (await api("GET", f"{DOCKS}/d2")).status_code == 404


@pytest.mark.parametrize(
    "fields",
    [{"id": "a b"}, {"id": ""}, {"id": 5}, {"name": ""}, {"name": None}, {"warehouseDocks": "d1"}, {"warehouseDocks": ["d1"]},
     {"warehouseDocks": [ENTRY | {"time": "3"}]}, {"warehouseDocks": [ENTRY | {"cost": 5}]}, {"warehouseDocks": [ENTRY | {"cost": "5,00"}]},
     {"warehouseDocks": [{**ENTRY, "costToDisplay": None}]}, {"isActive": "yes"}, {"priority": "1"}],
)  # fmt: skip
async def test_a_warehouse_is_refused(api: Any, fields: dict[str, Any]) -> None:
    body = {"id": "w1", "name": "Um", "warehouseDocks": [ENTRY]}
    assert (await api("POST", WAREHOUSES, body | fields)).status_code == 400
    for name in body:
        assert (await api("POST", WAREHOUSES, {key: value for key, value in body.items() if key != name})).status_code == 400
    assert len(await api.ok("GET", WAREHOUSES)) == 2


@pytest.mark.parametrize(
    "fields", [{"id": "a b"}, {"name": ""}, {"dockTimeFake": "1h"}, {"timeFakeOverhead": None}, {"salesChannels": "1"}]
)
async def test_a_dock_is_refused(api: Any, fields: dict[str, Any]) -> None:
    assert (await api("POST", DOCKS, DOCK | fields)).status_code == 400
    assert (await api("POST", DOCKS, {key: value for key, value in DOCK.items() if key != "priority"})).status_code == 400


async def test_ids_that_differ_by_case_are_two_warehouses_sharing_stock(api: Any) -> None:
    sku = await api.create_sku()
    for key in ("west", "WEST"):
        await api.ok("POST", WAREHOUSES, {"id": key, "name": key, "warehouseDocks": []})
    await api.ok("PATCH", api.inventory(sku, "west") + "/quantity", {"quantity": 4, "unlimitedQuantity": False})
    assert (await balance(api, sku, "WEST"), len(await api.ok("GET", WAREHOUSES))) == ((4, 0), 4)


# ---- inventory ----


async def test_the_total_is_set_absolutely(api: Any) -> None:
    sku = await api.create_sku()
    body = {"quantity": 7, "unlimitedQuantity": False, "leadTime": "2.10:00:00", "dateUtcOnBalanceSystem": "2026-11-27T12:00:00"}
    assert await api.ok("PUT", api.inventory(sku), body) is True
    assert await balance(api, sku) == (7, 0)
    answer = await api("PATCH", f"{api.inventory(sku)}/quantity", {"quantity": 3, "unlimitedQuantity": False})
    assert (answer.status_code, answer.content) == (204, b"")
    place = (await api.ok("GET", f"{PVT}/inventory/items/{sku}/warehouses/1_main"))[0]
    assert (place["totalQuantity"], place["availableQuantity"], place["isUnlimited"], place["dockId"]) == (3, 3, False, "dock_main")
    lines = (await api.ok("GET", f"{PVT}/inventory/skus/{sku}"))["balance"]
    assert [(line["warehouseId"], line["totalQuantity"], line["leadTime"]) for line in lines] == [
        ("1_main", 3, "2.10:00:00"), ("1_second", 0, "00:00:00"),
    ]  # fmt: skip


@pytest.mark.parametrize("body", [{}, {"quantity": None, "leadTime": None, "unlimitedQuantity": None}, {"unlimitedQuantity": False}])
async def test_what_a_put_leaves_out_becomes_zero_with_200(api: Any, body: dict[str, Any]) -> None:
    sku = await api.create_sku()
    await api.ok("PUT", api.inventory(sku), {"quantity": 7, "unlimitedQuantity": True, "leadTime": "2.00:00:00"})
    assert await put(api, api.inventory(sku), body) is True
    line = (await api.ok("GET", f"{PVT}/inventory/skus/{sku}"))["balance"][0]
    assert (line["totalQuantity"], line["leadTime"], line["hasUnlimitedQuantity"]) == (0, "00:00:00", False)


async def test_unlimited_overrules_the_quantity(api: Any) -> None:
    sku = await api.create_sku()
    await api.ok("PUT", api.inventory(sku), {"quantity": 1, "unlimitedQuantity": True, "leadTime": "00:00:00"})
    assert await balance(api, sku) == (1_000_000, 0)


@pytest.mark.parametrize(
    "fields",
    [{"quantity": -1}, {"quantity": 2**31}, {"quantity": 1.5}, {"quantity": "7"}, {"quantity": True}, {"unlimitedQuantity": "no"},
     {"leadTime": "2 dias"}, {"leadTime": 0}, {"dateUtcOnBalanceSystem": "yesterday"}],
)  # fmt: skip
async def test_an_update_is_refused(api: Any, fields: dict[str, Any]) -> None:
    sku = await api.create_sku()
    body = {"quantity": 7, "unlimitedQuantity": False, "leadTime": "00:00:00"} | fields
    assert (await api("PUT", api.inventory(sku), body)).status_code == 400
    if "leadTime" not in fields:
        assert (await api("PATCH", f"{api.inventory(sku)}/quantity", body)).status_code == 400
    assert await balance(api, sku) == (0, 0)


@pytest.mark.parametrize("body", [{"quantity": 1}, {"unlimitedQuantity": False}, {"quantity": None, "unlimitedQuantity": False}])
async def test_a_patch_assumes_nothing(api: Any, body: dict[str, Any]) -> None:
    sku = await api.create_sku()
    assert (await api("PATCH", f"{api.inventory(sku)}/quantity", body)).status_code == 400


async def test_an_unknown_place_is_refused(api: Any) -> None:
    sku = await api.create_sku()
    body = {"quantity": 7, "unlimitedQuantity": False, "leadTime": "00:00:00"}
    for path in (api.inventory(sku, "nowhere"), api.inventory(99), api.inventory("x"), api.inventory(f"0{sku}")):
        assert (await api("PUT", path, body)).status_code == 400
        assert (await api("PATCH", f"{path}/quantity", body)).status_code == 400
    assert "start with 0" in (await api("PUT", api.inventory(f"0{sku}"), body)).json()["error"]["message"]


async def test_updates_of_one_place_at_once_lock_and_the_first_wins(api: Any) -> None:
    sku, other = await api.create_sku(), await api.create_sku(1, RefId="S2")
    bodies = [{"quantity": quantity, "unlimitedQuantity": False, "leadTime": "00:00:00"} for quantity in (1, 2, 3)]
    answers: list[Any] = []
    locked: list[Any] = []
    for _ in range(50):  # the lock lasts some milliseconds of real time: on a busy machine the last may come too late for it
        answers = await asyncio.gather(*(api("PUT", api.inventory(sku), body) for body in bodies))
        locked = [answer for answer in answers if answer.status_code == 423]
        if len(locked) == 2:
            break
    accepted = [answer.status_code for answer in answers].index(200)
    assert len(locked) == 2
    assert locked[0].headers["Content-Type"].startswith("text/plain")
    assert locked[0].text == f"Unable to acquire lock for key: {api.account}_item_logistics_{sku}_1_main."
    assert (await balance(api, sku))[0] == accepted + 1
    elsewhere = await asyncio.gather(api("PUT", api.inventory(other), bodies[0]), api("PUT", api.inventory(sku, api.second), bodies[0]))
    assert [answer.status_code for answer in elsewhere] == [200, 200]
    await put(api, api.inventory(sku), bodies[0])
    assert (await balance(api, sku))[0] == 1


# ---- reservations ----


async def test_an_order_reserves_and_the_total_stays(api: Any) -> None:
    sku = await api.create_visible(stock=5)
    key = await api.sell(items=[{"sku": "S1", "quantity": 2, "price": "100.00"}])
    assert await balance(api, sku) == (5, 2)
    place = (await api.ok("GET", f"{PVT}/inventory/items/{sku}/warehouses/1_main"))[0]
    assert (place["availableQuantity"], place["reservedQuantity"]) == (3, 2)
    lock = (await api.order(key))["items"][0]["lockId"]
    reservation = await api.ok("GET", f"{PVT}/inventory/reservations/{lock}")
    assert (reservation["LockId"], reservation["Status"]) == (lock, 2)
    assert [(one["item"]["id"], one["item"]["quantity"]) for one in reservation["SlaRequest"]] == [(str(sku), 2)]
    listed = await api.ok("GET", f"{PVT}/inventory/reservations/1_main/{sku}")
    assert [(one["LockId"], one["Quantity"]) for one in listed["items"]] == [(lock, 2)]
    assert (await api("GET", f"{PVT}/inventory/reservations/none")).status_code == 404


async def test_an_update_before_handling_keeps_the_reservation(api: Any) -> None:
    sku = await api.create_visible(stock=5)
    await api.sell()
    await api.ok("PATCH", f"{api.inventory(sku)}/quantity", {"quantity": 4, "unlimitedQuantity": False})
    assert await balance(api, sku) == (4, 1)


@pytest.mark.parametrize("update", ["PUT", "PATCH"])
async def test_any_update_after_start_handling_drops_the_acknowledged_reservations(api: Any, update: str) -> None:
    sku = await api.create_visible(stock=5)
    await api.handling()
    await api.sell(number=2)
    dispatched = f"{PVT}/inventory/items/{sku}/warehouses/1_main/dispatched"
    read = (await api.ok("GET", dispatched))[0]
    assert (read["totalReservedQuantity"], read["dispatchedReservationsQuantity"], read["availableQuantity"]) == (2, 1, 3)
    assert await balance(api, sku) == (5, 2)
    path = api.inventory(sku, api.second) + ("/quantity" if update == "PATCH" else "")
    await api.ok(update, path, {"quantity": 0, "unlimitedQuantity": False, "leadTime": "00:00:00"})
    assert await balance(api, sku) == (5, 1)


async def test_an_order_invoiced_without_handling_keeps_its_reservation(api: Any) -> None:
    sku = await api.create_visible(stock=5)
    key = await api.sell()
    await api.ok("POST", f"/api/oms/pvt/orders/{key}/invoice", api.invoice(sku))
    await api.ok("PATCH", f"{api.inventory(sku)}/quantity", {"quantity": 4, "unlimitedQuantity": False})
    assert ((await api.order(key))["status"], await balance(api, sku)) == ("invoiced", (4, 1))


async def test_a_cancellation_frees_the_reservation(api: Any) -> None:
    sku = await api.create_visible(stock=5)
    key = await api.sell()
    await api.ok("POST", f"/api/oms/pvt/orders/{key}/cancel", {"reason": "x"})
    assert await balance(api, sku) == (5, 0)
    reservation = await api.ok("GET", f"{PVT}/inventory/reservations/00-{key}")
    assert reservation["Status"] == 5


async def test_reservations_above_two_thousand_are_not_listed(api: Any) -> None:
    sku = await api.create_visible(stock=3_000)
    held = api.sandbox.shop.skus[sku].stock_in("1_main").reservations
    for number in range(2_000):
        api.sandbox.logistics.reserve(f"lock-{number}", api.sandbox.shop.skus[sku], 1)
    path = f"{PVT}/inventory/reservations/1_main/{sku}"
    assert len((await api.ok("GET", path))["items"]) == len(held) == 2_000
    api.sandbox.logistics.reserve("one-more", api.sandbox.shop.skus[sku], 1)
    assert (await api("GET", path)).status_code == 400


# ---- choices ----


async def test_shipping_policies_and_payment_forms_can_be_read(api: Any) -> None:
    listed = await api.ok("GET", f"{PVT}/shipping-policies?page=1&perPage=1")
    assert (listed["paging"]["total"], len(listed["items"])) == (2, 1)
    key = api.sandbox.describe().choices["carriers"]["standard"]["shipping"]
    assert (await api.ok("GET", f"{PVT}/shipping-policies/{key}"))["id"] == key
    assert (await api("GET", f"{PVT}/shipping-policies/none")).status_code == 404
    forms = {str(form["id"]) for form in await api.ok("GET", "/api/pvt/merchants/payment-systems")}
    assert {row["form"] for row in api.sandbox.describe().choices["payments"].values()} == forms
