"""Products, SKUs and images.

A new SKU costs about ten calls in all, so each step is one: look by reference, create, put into the trade policy, save the product again
(VTEX may not index it otherwise), look up the SKU, create it, EAN, image. What exists is read whole, changed in the ERP's fields only and
sent back whole.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any

from engate import Answered, Rejected, Response, Text
from engate.clock import Clock
from engate.model import Batch, Image, Item, Product, Sku, gtin
from engate.turns import Turns
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
        found = await self._find(new["RefId"])
        if found is None:
            return await self._create(item, new)
        self._batch.linked(item, str(found["Id"]), made=item.uncertain)
        await self._update(
            item, str(found["Id"]), category, brand, listed=int(self._vtex.settings.trade_policy) in (found.get("ListStoreId") or ())
        )
        return str(found["Id"])

    async def _find(self, ref: str) -> dict[str, Any] | None:
        """VTEX answers 200 with null for a reference it does not know."""
        return _found(await self._vtex.call(at.PRODUCT_BY_REF, ref=ref, expect=(404,)))

    async def _create(self, item: Item[Product], new: translate.Body) -> str:
        made = (await self._vtex.call(at.PRODUCT_CREATE, body=new)).json()
        product = str(made["Id"])
        self._batch.linked(item, product, made=True)
        await self._list(product)
        await self._save(product, made, {})
        return product

    async def _update(self, item: Item[Product], product: str, category: str, brand: str, *, listed: bool) -> None:
        """`listed`: it is in the trade policy for certain. A creation that broke off half-way is completed here."""
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


class Skus:
    """The SKUs of one batch."""

    def __init__(self, vtex: Vtex, batch: Batch[Sku], fresh: FreshSkus) -> None:
        self._vtex, self._batch, self._fresh = vtex, batch, fresh

    async def push(self, item: Item[Sku]) -> str:
        product = translate.linked(item, "product", "o produto", "product")
        new = translate.sku_body(item.want, product)
        sku = item.remote
        if sku is None:
            found = _found(await self._vtex.call(at.SKU_BY_REF, query={"RefId": new["RefId"]}, expect=(404,)))
            if found is None:
                return await self._create(item, new)
            sku = str(found["Id"])
            self._batch.linked(item, sku, made=item.uncertain)
        await self._update(item, sku)
        await self._replace_ean(item, sku)
        return sku

    async def _create(self, item: Item[Sku], new: translate.Body) -> str:
        sku = str((await self._vtex.call(at.SKU_CREATE, body=new)).json()["Id"])
        self._batch.linked(item, sku, made=True)
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
        held = (await self._vtex.call(at.EANS, sku=sku)).json(list[str]) if new or old else []
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


class Images:
    """The images of one batch. Those of one SKU take turns."""

    def __init__(self, vtex: Vtex, fresh: FreshSkus) -> None:
        self._vtex, self._fresh = vtex, fresh
        self._turns = Turns()

    async def push(self, item: Item[Image]) -> str:
        sku = translate.linked(item, "sku", "o SKU", "SKU")
        body = translate.image_body(item.want)
        async with self._turns.of(sku):
            if item.remote is not None and item.have is None and not item.uncertain:
                return item.remote
            if item.remote is not None and await self._replace(sku, item.remote, body):
                return item.remote
            files = await self._files(item, sku)
            if ours := translate.our_file(files, item.want):
                return ours
            if (theirs := translate.shop_file(files, item.want)) and item.have is None and not item.uncertain:
                return theirs
            return await self._create(
                sku, translate.image_body(item.want, main=item.want.main and not any(file.get("IsMain") for file in files))
            )

    async def _files(self, item: Item[Image], sku: str) -> list[dict[str, Any]]:
        """What the SKU has: after a timeout our image may be among it, and at the first link the shop's own."""
        if sku in self._fresh and not item.uncertain:
            return []
        answer = await self._vtex.call(at.FILES, sku=sku, expect=(404,))
        return [] if answer.status == 404 else answer.json(list[dict[str, Any]])

    async def _replace(self, sku: str, file: str, body: translate.Body) -> bool:
        """False where somebody has deleted the file."""
        answer = await self._vtex.call(at.FILE_UPDATE, sku=sku, file=file, body=body, expect=(404,))
        return answer.status != 404

    async def _create(self, sku: str, body: translate.Body) -> str:
        answer = (await self._vtex.call(at.FILE_CREATE, sku=sku, body=body)).json()
        made = answer if isinstance(answer, list) else [answer]
        return str(next((file for file in reversed(made) if file.get("Name") == body["Name"]), made[-1])["Id"])


def _found(answer: Response) -> dict[str, Any] | None:
    if answer.status == 404 or not answer.body:
        return None
    return answer.json(dict[str, Any] | None)


def _only_ean(item: Item[Sku]) -> bool:
    """Whether the EAN is all that changed: it has calls of its own. Of what is the shop's own nobody knows what it was."""
    want, have = item.want, item.have
    if have is None or "ean" in item.kept or want.ean == have.ean:
        return False
    return all(getattr(want, name) == getattr(have, name) for name in translate.SKU_OWNED if name not in item.kept)
