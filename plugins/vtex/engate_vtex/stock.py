"""Warehouses and stock.

Stock goes by PATCH quantity, not by PUT inventory: the PUT needs a lead time as well, and one that engate does not know would overwrite
the shop's own with zero. Both are absolute totals, so a repeat after an unknown outcome is harmless.
"""

from __future__ import annotations

import re
from typing import Any

from engate import Rejected, Text
from engate.model import Batch, Item, StockLevel, Warehouse
from engate.turns import Once, Turns
from engate_vtex import endpoints as at
from engate_vtex import translate
from engate_vtex.client import Vtex


class Warehouses:
    """The warehouses of one batch."""

    def __init__(self, vtex: Vtex, batch: Batch[Warehouse]) -> None:
        self._vtex, self._batch = vtex, batch
        self._known = Once(self._read, keeps_failure=True)
        self._turns = Turns()

    async def push(self, item: Item[Warehouse]) -> str:
        mapped = item.refs.get("warehouse") or item.remote
        wanted = mapped or warehouse_id(item.want.key)
        async with self._turns.of(wanted.casefold()):
            known = await self._known.get()
            if wanted.casefold() not in known:
                if mapped:
                    raise _missing(item, mapped)
                await self._create(item.want, wanted)
                known[wanted.casefold()] = wanted
            self._batch.linked(item, known[wanted.casefold()])
            return known[wanted.casefold()]

    async def _read(self) -> dict[str, str]:
        """The warehouses by their id in lower case: "Loja" and "loja" would be two warehouses that share their stock."""
        return {warehouse["id"].casefold(): warehouse["id"] for warehouse in await read_warehouses(self._vtex)}

    async def _create(self, want: Warehouse, warehouse: str) -> None:
        dock = choose_dock(await read_docks(self._vtex), self._vtex.settings.dock)
        await self._vtex.call(at.WAREHOUSE_CREATE, body=warehouse_body(want, warehouse, dock))


async def read_warehouses(vtex: Vtex) -> list[dict[str, Any]]:
    return (await vtex.call(at.WAREHOUSES)).json(list[dict[str, Any]])


async def read_docks(vtex: Vtex) -> list[dict[str, Any]]:
    return (await vtex.call(at.DOCKS)).json(list[dict[str, Any]])


def warehouse_id(key: str) -> str:
    """An id from the ERP's key: no spaces, always the same case."""
    return re.sub(r"[^a-z0-9_-]+", "-", key.strip().lower())


def choose_dock(docks: list[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """The dock of the setting, else the only active one. Out of several none is guessed."""
    active = [dock for dock in docks if dock.get("isActive", True)]
    found = [dock for dock in active if dock["id"] == wanted] if wanted else active
    if len(found) != 1:
        what = f"{wanted!r}" if wanted else f"{len(active)}"
        raise Rejected(
            Text(
                f"Não dá para escolher a doca do estoque novo ({what} na conta).",
                f"The new warehouse's loading dock cannot be chosen ({what} in the account).",
            ),
            Text(
                "Informe na conexão o ID de uma doca ativa (Admin > Envio > Docas).",
                "Set the id of an active dock in the connection (Admin > Shipping > Loading docks).",
            ),
            code="warehouse.dock",
        )
    return found[0]


def warehouse_body(want: Warehouse, warehouse: str, dock: dict[str, Any]) -> translate.Body:
    return {
        "id": warehouse,
        "name": translate.trimmed(want.name) or want.key,
        "warehouseDocks": [
            {
                "dockId": dock["id"],
                "name": dock.get("name") or dock["id"],
                "time": "0.00:00:00",
                "cost": "0.00",
                "translateDays": "dias",
                "costToDisplay": "0,00",
            }
        ],
        "priority": 0,
        "isActive": True,
    }


def _missing(item: Item[Warehouse], mapped: str) -> Rejected:
    return Rejected(
        Text(
            f"O estoque {mapped} da filial {item.want.name} não existe na VTEX.",
            f"The warehouse {mapped} of branch {item.want.name} does not exist in VTEX.",
        ),
        Text(
            "Corrija o mapeamento de filiais, ou crie o estoque no Admin (Envio > Estoques).",
            "Correct the mapping of branches, or create the warehouse in the Admin (Shipping > Warehouses).",
        ),
        code="warehouse.missing",
    )


class Stock:
    def __init__(self, vtex: Vtex) -> None:
        self._vtex = vtex

    async def push(self, item: Item[StockLevel]) -> str:
        sku = translate.linked(item, "sku", "o SKU", "SKU")
        warehouse = translate.linked(item, "warehouse", "o estoque", "warehouse")
        await self._vtex.call(at.STOCK_QUANTITY, sku=translate.numeric(sku), warehouse=warehouse, body=translate.stock_body(item.want))
        return sku
