"""Stock: absolute quantities per inventory item and location, each written on condition of what the shop holds.

Calls compare with what was just read, an operation with what engate last wrote. A quantity that changed in between (a sale) is refused as
stale and read anew, so what is written is never older than what it replaces.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from engate import NotSent, Text
from engate.model import Batch, Item, StockLevel, Warehouse
from engate_shopify import bulk, translate
from engate_shopify import operations as op
from engate_shopify.client import Shopify, faults_of, refused
from engate_shopify.groups import accepted_only, by_row, in_groups
from engate_shopify.pricing import gone_sku

ROUNDS = 5
LOT, READ = 250, 120
"""The levels that one call may write, and that one query may read within its points."""
HEADER = {"name": "available", "reason": "correction", "referenceDocumentUri": "gid://engate/StockLoad/erp"}
WORTH = 250
"""Levels from which an operation is faster: one call sets many."""


async def push_warehouse(item: Item[Warehouse]) -> str:
    """Locations are chosen in the mapping, never made."""
    return translate.linked(item, "warehouse", "o local (estoque)", "location")


class Stock:
    """The levels of one batch."""

    points = 0

    def __init__(self, shop: Shopify, batch: Batch[StockLevel]) -> None:
        self._shop, self._batch = shop, batch
        self._heard: set[tuple[str, str]] = set()

    async def push(self) -> None:
        """Many levels go as one operation, each compared with what the shop held when it last took ours. A level that was sold from since
        is refused as stale, and read."""
        accepted_only(self._batch, _check)
        chosen = [item for item in self._batch.unreported() if not item.uncertain and item.refs.get("sku.more")]
        plan = bulk.Plan(chosen, op.STOCK_SET_ONE, map(_line, chosen)) if bulk.worth(self._batch, chosen, WORTH) else None
        await bulk.push(self._shop, self._batch, self, plan)

    # ---- what an operation answers ----

    def heard(self, payload: Mapping[str, Any]) -> None:
        group: Mapping[str, Any] | None = payload["inventoryAdjustmentGroup"]
        for change in group.get("changes", ()) if group else ():
            self._heard.add((change["item"]["id"], change["location"]["id"]))

    async def finish(self) -> None:
        for item in self._batch.unreported():
            if (item.refs.get("sku.more", ""), item.refs["warehouse"]) in self._heard:
                self._batch.accepted(item, item.refs["sku.more"])

    # ---- by calls ----

    async def alone(self, items: Sequence[Item[StockLevel]]) -> None:
        places: dict[str, list[Item[StockLevel]]] = defaultdict(list)
        for item in items:
            places[item.refs["warehouse"]].append(item)
        lots = [held[start : start + LOT] for held in places.values() for start in range(0, len(held), LOT)]
        await in_groups(self._batch, self._shop.settings.at_once, lots, self._lot)

    async def _lot(self, items: Sequence[Item[StockLevel]]) -> None:
        """The levels of one location, until each has an outcome."""
        for round_ in range(ROUNDS):
            levels = await self._read(items)
            rows = [item for item in items if item.key in levels]
            stale = await self._set(rows, levels, round_) if rows else []
            if not stale:
                return
            items = stale
        moved = NotSent(
            Text("O saldo muda na Shopify enquanto é gravado.", "The quantity moves in Shopify while it is written."),
            Text("O engate tenta de novo sozinho.", "engate tries again by itself."),
            code="stock.moving",
        )
        for item in items:
            self._batch.failed(item, moved)

    async def _read(self, items: Sequence[Item[StockLevel]]) -> dict[str, tuple[str, int]]:
        """item key -> (inventory item, what is available). Items that need no write are reported here and left out."""
        location = items[0].refs["warehouse"]
        found: list[dict[str, Any] | None] = []
        for start in range(0, len(items), READ):
            asked = [item.refs["sku"] for item in items[start : start + READ]]
            found += await self._shop.graphql(op.LEVELS, ids=asked, location=location)
        levels: dict[str, tuple[str, int]] = {}
        for item, variant in zip(items, found, strict=True):
            if not variant:
                self._batch.failed(item, gone_sku(item))
            elif variant["requiresComponents"]:
                self._batch.failed(item, refused("stock", [{"message": "bundle", "field": ["requiresComponents"]}]))
            elif (level := variant["inventoryItem"]["inventoryLevel"]) is None or not level["isActive"]:
                await self._activate(item, variant["inventoryItem"]["id"])
            else:
                available = next(q["quantity"] for q in level["quantities"] if q["name"] == "available")
                if available == translate.units(item.want):
                    self._batch.accepted(item, variant["inventoryItem"]["id"])
                else:
                    levels[item.key] = (variant["inventoryItem"]["id"], available)
        return levels

    async def _activate(self, item: Item[StockLevel], inventory: str) -> None:
        """Activates an item at a location, with its first quantity."""
        units, location = translate.units(item.want), item.refs["warehouse"]
        key = translate.idempotency_key("activate", inventory, location, units, item.turn)
        payload = await self._shop.graphql(op.STOCK_ACTIVATE, item=inventory, location=location, available=units, key=key)
        if faults := faults_of(payload):
            self._batch.failed(item, refused("stock", faults))
        else:
            self._batch.accepted(item, inventory)

    async def _set(self, items: list[Item[StockLevel]], levels: dict[str, tuple[str, int]], round_: int) -> list[Item[StockLevel]]:
        """One call; answers what has to be read and sent again. One bad row keeps the others out: they go again without it."""
        rows = [_row(item, levels[item.key]) for item in items]
        body = {**HEADER, "quantities": rows}
        key = translate.idempotency_key("set", rows, [item.turn for item in items], round_)
        payload = await self._shop.graphql(op.STOCK_SET, input=body, key=key)
        faults = faults_of(payload)
        if not faults:
            for item in items:
                self._batch.accepted(item, levels[item.key][0])
            return []
        if all(str(fault.get("code") or "").startswith("IDEMPOTENCY_") for fault in faults):
            return items  # another attempt is under way or failed: what it left is read
        stale = [fault for fault in faults if fault.get("code") == "CHANGE_FROM_QUANTITY_STALE"]
        for row, found in by_row([fault for fault in faults if fault not in stale], len(items)).items():
            self._batch.failed(items[row], refused("stock", found))
        return [item for item in items if item.key not in self._batch.outcomes]


def _line(item: Item[StockLevel]) -> Mapping[str, Any]:
    before = translate.units(item.have) if item.have is not None else 0
    rows = [_row(item, (item.refs["sku.more"], before))]
    key = translate.idempotency_key("set", rows, [item.turn])
    return {"input": {**HEADER, "quantities": rows}, "key": key}


def _check(item: Item[StockLevel]) -> None:
    translate.linked(item, "sku", "o SKU", "SKU")
    translate.linked(item, "warehouse", "o local (estoque)", "location")
    translate.units(item.want)


def _row(item: Item[StockLevel], level: tuple[str, int]) -> dict[str, Any]:
    inventory, available = level
    return {
        "inventoryItemId": inventory,
        "locationId": item.refs["warehouse"],
        "quantity": translate.units(item.want),
        "changeFromQuantity": available,
    }
