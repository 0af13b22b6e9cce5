"""Products.

A new one costs four calls: look by reference, create, put into the trade policy, save again (VTEX may not index it otherwise). What exists
is read whole, changed in the ERP's fields only and sent back whole.
"""

from __future__ import annotations

from typing import Any

from engate.model import Batch, Item, Product
from engate_vtex import endpoints as at
from engate_vtex import translate
from engate_vtex.client import Vtex


class Products:
    """The products of one batch."""

    def __init__(self, vtex: Vtex, batch: Batch[Product]) -> None:
        self._vtex, self._batch = vtex, batch

    async def push(self, item: Item[Product]) -> str:
        category = translate.linked(item, "category", "a categoria", "category")
        brand = translate.linked(item, "brand", "a marca", "brand")
        new = translate.product_body(item.want, category, brand)
        if item.remote is not None:
            await self._update(item, item.remote, category, brand, listed=False)
            return item.remote
        found = await self._vtex.find(at.PRODUCT_BY_REF, ref=new["RefId"])
        if found is None:
            return await self._create(item, new)
        self._batch.linked(item, str(found["Id"]), unfinished=item.uncertain)
        await self._update(
            item, str(found["Id"]), category, brand, listed=int(self._vtex.settings.trade_policy) in (found.get("ListStoreId") or ())
        )
        return str(found["Id"])

    async def _create(self, item: Item[Product], new: translate.Body) -> str:
        made = (await self._vtex.call(at.PRODUCT_CREATE, body=new)).json()
        product = str(made["Id"])
        self._batch.linked(item, product, unfinished=True)
        await self._list(product)
        await self._save(product, made, {})
        return product

    async def _update(self, item: Item[Product], product: str, category: str, brand: str, *, listed: bool) -> None:
        """`listed`: it is known to be in the trade policy. A creation that broke off half-way is completed here."""
        fields = translate.to_write(item, translate.PRODUCT_OWNED)
        listed = listed or item.have is not None
        if not fields and listed:
            return
        body = (await self._vtex.call(at.PRODUCT, product=product)).json()
        changes = translate.product_update(body, item.want, category, brand, fields)
        if not listed:
            await self._list(product)
        if translate.differs(body, changes) or not listed:
            await self._save(product, body, changes)

    async def _list(self, product: str) -> None:
        await self._vtex.call(at.PRODUCT_POLICY, product=product, policy=self._vtex.settings.trade_policy)

    async def _save(self, product: str, body: dict[str, Any], changes: translate.Body) -> None:
        """A PUT is a full replace, and what makes VTEX index a product whose trade policy is new."""
        await self._vtex.call(at.PRODUCT_UPDATE, product=product, body=translate.product_whole(body, changes))
