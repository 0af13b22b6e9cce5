"""Logistics: docks, warehouses, inventory, reservations and shipping policies.

Available = total - reserved. The platform never lowers the total by itself. After start-handling a reservation is acknowledged, and any
inventory update of its SKU drops it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from engate.testing.sandbox import Answer, Call
from engate_vtex_sandbox.rules import common as common_rules
from engate_vtex_sandbox.rules import logistics as logistics_rules
from engate_vtex_sandbox.rules.common import document, whole
from engate_vtex_sandbox.shop import UNLIMITED, Reservation, Shop, Sku, Stock, decimal, number
from engate_vtex_sandbox.shop import stamp_with_zone as stamp
from engate_vtex_sandbox.templates import dock_document, policy_document, reservation_document

DOCK_FIELDS = ("id", "name", "priority", "dockTimeFake", "timeFakeOverhead", "salesChannels", "salesChannel", "freightTableIds",
               "wmsEndPoint", "address")  # fmt: skip
MAIN_POLICY = "1"


class Logistics:
    def __init__(self, shop: Shop, now: Callable[[], datetime]) -> None:
        self.shop = shop
        self.now = now
        self.reservations: dict[str, list[Reservation]] = {}  # by lock id: one order's, dropped ones included
        self.policies: dict[str, dict[str, Any]] = {}

    # ---- docks and warehouses ----

    def put_dock(self, call: Call) -> Answer:
        body = document(call)
        common_rules.refuse_absent(body, *DOCK_FIELDS)
        logistics_rules.refuse_place_id(body["id"])
        logistics_rules.refuse_place_name(body["name"])
        for name in ("dockTimeFake", "timeFakeOverhead"):
            logistics_rules.refuse_span(body[name])
        common_rules.refuse_type(body, list, "salesChannels", "freightTableIds")
        self.add_dock(body)
        return Answer(200, b"true")

    def add_dock(self, body: dict[str, Any]) -> None:
        self.shop.docks[body["id"]] = dock_document(body)

    def docks(self, call: Call) -> Answer:
        del call
        return Answer(200, list(self.shop.docks.values()))

    def dock(self, call: Call) -> Answer:
        logistics_rules.refuse_unknown_dock(self.shop, call.params["dockId"])
        return Answer(200, self.shop.docks[call.params["dockId"]])

    def put_warehouse(self, call: Call) -> Answer:
        """Creates or updates by id; the case of an id counts."""
        body = document(call)
        common_rules.refuse_absent(body, "id", "name", "warehouseDocks")
        common_rules.refuse_type(body, list, "warehouseDocks")
        common_rules.refuse_type(body, int, "priority")
        common_rules.refuse_type(body, bool, "isActive")
        logistics_rules.refuse_place_id(body["id"])
        logistics_rules.refuse_place_name(body["name"])
        for dock in body["warehouseDocks"] or ():
            logistics_rules.refuse_warehouse_dock(dock)
            logistics_rules.refuse_span(dock["time"])
            logistics_rules.refuse_cost(dock["cost"])
        self.add_warehouse(body)
        return Answer(200)

    def add_warehouse(self, body: dict[str, Any]) -> None:
        docks = [{"dockId": dock["dockId"], "time": dock["time"], "cost": number(decimal(dock["cost"]))} for dock in body["warehouseDocks"]]
        self.shop.warehouses[body["id"]] = {
            "id": body["id"], "name": body["name"], "warehouseDocks": docks, "pickupPointIds": [], "priority": body.get("priority") or 0,
            "isActive": body.get("isActive", True),
        }  # fmt: skip

    def warehouses(self, call: Call) -> Answer:
        del call
        return Answer(200, list(self.shop.warehouses.values()))

    def warehouse(self, call: Call) -> Answer:
        logistics_rules.refuse_unknown_warehouse(self.shop, call.params["warehouseId"])
        return Answer(200, self.shop.warehouses[call.params["warehouseId"]])

    # ---- inventory ----

    def balance(self, call: Call) -> Answer:
        sku = self._sku(call, "skuId")
        return Answer(200, {"skuId": str(sku.id), "balance": [
            {
                "warehouseId": key, "warehouseName": doc["name"], "totalQuantity": stock.total, "reservedQuantity": stock.reserved,
                "hasUnlimitedQuantity": stock.unlimited, "timeToRefill": None, "dateOfSupplyUtc": None, "leadTime": stock.lead_time,
            }
            for key, doc in self.shop.warehouses.items() for stock in (sku.stock.get(key.lower()) or Stock(),)
        ]})  # fmt: skip

    def balance_in_warehouse(self, call: Call) -> Answer:
        sku, warehouse, stock = self._place(call, "skuId")
        docks = self.shop.warehouses[warehouse]["warehouseDocks"]
        return Answer(200, [{
            "skuId": str(sku.id), "warehouseId": warehouse, "dockId": docks[0]["dockId"] if docks else "", "totalQuantity": stock.total,
            "reservedQuantity": stock.reserved, "availableQuantity": stock.available, "isUnlimited": stock.unlimited,
            "salesChannel": [MAIN_POLICY], "deliveryChannel": ["delivery"], "keepSellingAfterExpiration": False,
        }])  # fmt: skip

    def put_inventory(self, call: Call) -> Answer:
        """Sets the absolute total. An absent or null quantity or lead time is set to zero, with the same 200."""
        sku, warehouse, stock = self._place(call, "skuId")
        body = document(call)
        quantity, unlimited, lead_time = body.get("quantity"), body.get("unlimitedQuantity"), body.get("leadTime")
        if quantity is not None:
            logistics_rules.refuse_quantity(quantity)
        if unlimited is not None:
            logistics_rules.refuse_unlimited(unlimited)
        if lead_time is not None:
            logistics_rules.refuse_span(lead_time)
        logistics_rules.refuse_balance_date(body.get("dateUtcOnBalanceSystem"))
        now = time.monotonic()
        logistics_rules.refuse_locked(self.shop, stock, sku.id, warehouse, now)
        stock.updated_at = now
        stock.lead_time = lead_time or "00:00:00"
        self._update(sku, stock, quantity or 0, unlimited=bool(unlimited))
        return Answer(200, b"true")

    def patch_quantity(self, call: Call) -> Answer:
        sku, _, stock = self._place(call, "skuId")
        body = document(call)
        logistics_rules.refuse_absent_quantity(body)
        logistics_rules.refuse_quantity(body["quantity"])
        logistics_rules.refuse_unlimited(body["unlimitedQuantity"])
        logistics_rules.refuse_balance_date(body.get("dateUtcOnBalanceSystem"))
        self._update(sku, stock, body["quantity"], unlimited=body["unlimitedQuantity"])
        return Answer(204)

    def _update(self, sku: Sku, stock: Stock, quantity: int, *, unlimited: bool) -> None:
        stock.unlimited = unlimited
        stock.total = UNLIMITED if unlimited else quantity
        for place in sku.stock.values():
            if place.reservations:
                place.reservations = [reservation for reservation in place.reservations if not reservation.acknowledged]

    def dispatched(self, call: Call) -> Answer:
        sku, warehouse, stock = self._place(call, "itemId")
        return Answer(200, [{
            "skuId": str(sku.id), "warehouseId": warehouse, "quantity": stock.total, "isUnlimitedQuantity": stock.unlimited,
            "totalReservedQuantity": stock.reserved, "availableQuantity": stock.available,
            "dispatchedReservationsQuantity": sum(one.quantity for one in stock.reservations if one.acknowledged),
        }])  # fmt: skip

    # ---- reservations ----

    def reserve(self, lock_id: str, sku: Sku, quantity: int) -> list[Reservation]:
        """Units for an order line, from the first warehouse that has them all, else from several. Raises ValueError when short."""
        names = self.shop.warehouse_names()
        stocks = {name: sku.stock_in(name) for name in names}
        whole_in = next((name for name in names if stocks[name].available >= quantity), None)
        wanted, taken = quantity, list[tuple[str, int]]()
        for name in names if whole_in is None else [whole_in]:
            units = min(wanted, stocks[name].available)
            if units:
                taken.append((name, units))
                wanted -= units
        if wanted:
            raise ValueError(f"SKU {sku.ref}: {quantity} wanted, {quantity - wanted} available")
        made: list[Reservation] = []
        for name, units in taken:
            reservation = Reservation(lock_id, sku, name, units, self.now())
            docks = self.shop.warehouses[name]["warehouseDocks"]
            reservation.dock = docks[0]["dockId"] if docks else ""
            stocks[name].reservations.append(reservation)
            made.append(reservation)
        self.reservations.setdefault(lock_id, []).extend(made)
        return made

    def confirm(self, lock_id: str) -> None:
        for reservation in self.reservations.get(lock_id, ()):
            reservation.status, reservation.confirmed_at = 2, self.now()

    def acknowledge(self, lock_id: str) -> None:
        for reservation in self.reservations.get(lock_id, ()):
            reservation.acknowledged = True

    def release(self, lock_id: str) -> None:
        for reservation in self.reservations.get(lock_id, ()):
            reservation.status, reservation.cancelled_at = 5, self.now()
            held = reservation.sku.stock_in(reservation.warehouse).reservations
            if reservation in held:
                held.remove(reservation)

    def reservation(self, call: Call) -> Answer:
        found = self.reservations.get(call.params["reservationId"])
        logistics_rules.refuse_unknown_reservation(found)
        return Answer(200, reservation_document(found or []))

    def reservations_in_warehouse(self, call: Call) -> Answer:
        """The body of this answer is not documented: README.md."""
        sku, warehouse, stock = self._place(call, "skuId")
        logistics_rules.refuse_many_reservations(len(stock.reservations))
        items = [
            {
                "LockId": one.lock_id, "ItemId": str(sku.id), "WarehouseId": warehouse, "Quantity": one.quantity,
                "SalesChannel": MAIN_POLICY, "ReservationDateUtc": stamp(one.created_at), "Status": one.status,
                "Acknowledged": one.acknowledged,
                "ConfirmedDateUtc": stamp(one.confirmed_at) if one.confirmed_at else None,
            }
            for one in stock.reservations
        ]  # fmt: skip
        return Answer(200, {"items": items, "paging": {"page": 1, "perPage": len(items), "total": len(items), "pages": 1}})

    # ---- shipping policies ----

    def add_shipping_policy(self, key: str, name: str, method: str) -> None:
        self.policies[key] = policy_document(key, name, method, self.shop.docks)

    def shipping_policies(self, call: Call) -> Answer:
        page = whole(call, "page") if "page" in call.query else 1
        size = whole(call, "perPage") if "perPage" in call.query else 15
        every = list(self.policies.values())
        paging = {"page": page, "perPage": size, "total": len(every), "pages": -(-len(every) // size)}
        return Answer(200, {"items": every[(page - 1) * size : page * size], "paging": paging})

    def shipping_policy(self, call: Call) -> Answer:
        found = self.policies.get(call.params["id"])
        logistics_rules.refuse_unknown_shipping_policy(found)
        return Answer(200, found)

    # ---- finding what a path names ----

    def _sku(self, call: Call, name: str) -> Sku:
        text = call.params[name]
        logistics_rules.refuse_leading_zero(text)
        logistics_rules.refuse_inventory_sku(self.shop, text)
        return self.shop.skus[int(text)]

    def _place(self, call: Call, name: str) -> tuple[Sku, str, Stock]:
        sku, warehouse = self._sku(call, name), call.params["warehouseId"]
        logistics_rules.refuse_inventory_warehouse(self.shop, warehouse)
        return sku, warehouse, sku.stock_in(warehouse)
