"""SKUs.

A new one costs three calls: look by reference, create, EAN. What exists is read whole, changed in the ERP's fields only and sent back
whole.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any

from engate import Answered, Rejected, Text
from engate.clock import Clock
from engate.model import Batch, Item, Sku, gtin
from engate_vtex import endpoints as at
from engate_vtex import translate
from engate_vtex.client import Vtex

FRESH = timedelta(minutes=10)


class FreshSkus:
    """SKUs this process created minutes ago: nobody can have given them a price or an image yet, so neither needs to be looked for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: OrderedDict[str, datetime] = OrderedDict()

    def add(self, sku: str) -> None:
        while self._made and next(iter(self._made.values())) < self._clock.now() - FRESH:
            self._made.popitem(last=False)
        self._made[sku] = self._clock.now()

    def __contains__(self, sku: str) -> bool:
        made = self._made.get(sku)
        return made is not None and made >= self._clock.now() - FRESH


class Skus:
    """The SKUs of one batch."""

    def __init__(self, vtex: Vtex, batch: Batch[Sku], fresh: FreshSkus) -> None:
        self._vtex, self._batch, self._fresh = vtex, batch, fresh

    async def push(self, item: Item[Sku]) -> str:
        product = translate.linked(item, "product", "o produto", "product")
        new = translate.sku_body(item.want, product)
        sku = item.remote
        if sku is None:
            found = await self._vtex.find(at.SKU_BY_REF, query={"RefId": new["RefId"]})
            if found is None:
                return await self._create(item, new)
            sku = str(found["Id"])
            self._batch.linked(item, sku, unfinished=item.uncertain)
        await self._update(item, sku)
        await self._replace_ean(item, sku)
        return sku

    async def _create(self, item: Item[Sku], new: translate.Body) -> str:
        sku = str((await self._vtex.call(at.SKU_CREATE, body=new)).json()["Id"])
        self._batch.linked(item, sku, unfinished=True)
        self._fresh.add(sku)
        if ean := gtin(item.want.ean):
            await self._add_ean(item.want, sku, ean)
        return sku

    async def _update(self, item: Item[Sku], sku: str) -> None:
        fields = translate.to_write(item, translate.SKU_OWNED)
        recoded = item.have is not None and item.have.key != item.want.key
        if not recoded and (not fields or _only_ean(item)):
            return
        body = (await self._vtex.call(at.SKU, sku=sku)).json()
        reactivate = item.have is not None and not item.have.active
        changes = translate.sku_update(body, item.want, fields, reactivate=reactivate)
        if recoded:  # a reference that a person gave it stays as it is otherwise
            changes["RefId"] = translate.sku_reference(item.want)
        if not translate.differs(body, changes):
            return
        try:
            await self._save(sku, body, changes)
        except Answered as refused:
            if refused.status != 400 or not (changes.get("IsActive") and reactivate):
                raise
            await self._save(sku, body, {**changes, "IsActive": False})  # not complete yet: VTEX activates it at its next image

    async def _save(self, sku: str, body: dict[str, Any], changes: translate.Body) -> None:
        await self._vtex.call(at.SKU_UPDATE, sku=sku, body=translate.sku_whole(body, changes))

    # ---- EAN: not updatable, so a new one is added before the old one goes ----

    async def _replace_ean(self, item: Item[Sku], sku: str) -> None:
        if "ean" in item.kept:
            return
        new, old = gtin(item.want.ean), gtin(item.have.ean) if item.have is not None else ""
        if item.have is not None and new == old:
            return
        held: list[str] = (await self._vtex.call(at.EANS, sku=sku)).json(list[str]) if new or old else []
        if new and new not in held and (item.have is not None or item.uncertain or not held):
            await self._add_ean(item.want, sku, new)
        if old and old in held:
            await self._vtex.call(at.EAN_DELETE, sku=sku, ean=old)

    async def _add_ean(self, want: Sku, sku: str, ean: str) -> None:
        try:
            await self._vtex.call(at.EAN_CREATE, sku=sku, ean=ean)
        except Answered as refused:
            raise Rejected(
                Text(
                    f"A VTEX recusou o EAN {ean} do SKU {want.key}: ele já deve estar em outro SKU.",
                    f"VTEX refused the EAN {ean} of SKU {want.key}: another SKU probably has it.",
                ),
                Text(
                    "Procure o EAN no Admin (Catálogo > SKUs) e corrija a embalagem no ERP ou o outro SKU na VTEX.",
                    "Search the EAN in the Admin (Catalog > SKUs) and correct the packaging in the ERP or the other SKU in VTEX.",
                ),
                code="sku.ean",
            ) from refused


def _only_ean(item: Item[Sku]) -> bool:
    """Whether only the EAN changed, which has calls of its own. Fields that are the shop's own are not compared."""
    want, have = item.want, item.have
    if have is None or "ean" in item.kept or want.ean == have.ean:
        return False
    return all(getattr(want, name) == getattr(have, name) for name in translate.SKU_OWNED if name not in item.kept)
