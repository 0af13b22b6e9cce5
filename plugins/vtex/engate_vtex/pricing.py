"""Prices: the base price of a SKU, or one entry of a price table."""

from __future__ import annotations

from typing import Any

from engate.model import Item, Price
from engate_vtex import endpoints as at
from engate_vtex import translate
from engate_vtex.client import Vtex
from engate_vtex.skus import FreshSkus


class Prices:
    def __init__(self, vtex: Vtex, fresh: FreshSkus) -> None:
        self._vtex, self._fresh = vtex, fresh

    async def push(self, item: Item[Price]) -> str:
        sku = translate.linked(item, "sku", "o SKU", "SKU")
        if table := item.refs.get("price_list"):
            await self._vtex.call(at.PRICE_FIXED, sku=translate.numeric(sku), body=translate.fixed_price(item.want, table))
            return sku
        translate.positive(item.want)
        old = await self._read(item, sku)
        body = translate.price_body(item, old)
        if not translate.same_price(body, old):
            await self._vtex.call(at.PRICE_UPDATE, sku=translate.numeric(sku), body=body)
        return sku

    async def _read(self, item: Item[Price], sku: str) -> dict[str, Any] | None:
        """The price as it is, because the PUT deletes the fixed prices it does not carry. None where there is no price yet."""
        if sku in self._fresh and item.have is None and not item.uncertain:
            return None
        answer = await self._vtex.call(at.PRICE, sku=translate.numeric(sku), expect=(404,))
        return None if answer.status == 404 or not answer.body else answer.json(dict[str, Any] | None)
