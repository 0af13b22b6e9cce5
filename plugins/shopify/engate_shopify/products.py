"""Products: made, published and changed, one by one or as one operation. Each is found by the ERP's key, as categories are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engate import NotSent, Rejected, Text
from engate.checks import Failed
from engate.model import Batch, Item, Product
from engate.turns import Once
from engate_shopify import bulk, checks, translate
from engate_shopify import operations as op
from engate_shopify.catalog import Definitions
from engate_shopify.client import Shopify, faults_of

PUBLISHED_AT_ONCE = 50


class Publication:
    """Where products are published to."""

    def __init__(self, shop: Shopify) -> None:
        self._shop = shop
        self.found = Once(self._find)

    async def _find(self) -> str:
        try:
            return self._shop.settings.publication or await checks.publication(self._shop)
        except Failed as failed:
            raise NotSent(failed.text, failed.hint, code="publication") from None


class Products:
    """The products of one batch."""

    points = 0

    def __init__(self, shop: Shopify, batch: Batch[Product], definitions: Definitions, publication: Publication) -> None:
        self._shop, self._batch, self._definitions, self._publication = shop, batch, definitions, publication
        self._made: dict[str, str] = {}
        self._changed: set[str] = set()

    async def push(self) -> None:
        """New ones, or those that changed, as one operation where there are many of them."""
        await bulk.push(self._shop, self._batch, self, await self._plan())

    async def _plan(self) -> bulk.Plan[Product] | None:
        new = [item for item in self._batch.items if item.remote is None and not item.uncertain]
        changed = [item for item in self._batch.items if item.remote is not None and item.have is not None]
        chosen = max(new, changed, key=len)
        if not bulk.worth(self._batch, chosen):
            return None
        if chosen is new:
            await self._definitions.made.get()
            return bulk.Plan(new, op.PRODUCTS_CREATE, bulk.lines(self._batch, new, _create_line))
        left = {had: await self._collection(had) for had in {category_left(item) for item in changed} if had}
        return bulk.Plan(changed, op.PRODUCTS_UPDATE, bulk.lines(self._batch, changed, lambda item: _update_line(item, left)))

    # ---- what an operation answers ----

    def heard(self, payload: Mapping[str, Any]) -> None:
        product = payload["product"]
        held = product.get("metafield")
        if held is not None:
            self._made[held["value"]] = product["id"]
        else:
            self._changed.add(product["id"])

    async def finish(self) -> None:
        """Reports the items. New products are published first, fifty at a time."""
        waiting = self._batch.unreported()
        for item in waiting:
            if item.remote in self._changed:
                self._batch.accepted(item)
        made = [item for item in waiting if item.key in self._made]
        for item in made:
            self._batch.linked(item, self._made[item.key], unfinished=True)
        for start in range(0, len(made), PUBLISHED_AT_ONCE):
            part = made[start : start + PUBLISHED_AT_ONCE]
            body = {"publishablesToAdd": [item.remote for item in part]}
            payload = await self._shop.graphql(op.PUBLISH_MANY, id=await self._publication.found.get(), input=body)
            if not faults_of(payload):
                for item in part:
                    self._batch.accepted(item)

    # ---- by calls ----

    async def alone(self, items: Sequence[Item[Product]]) -> None:
        await self._batch.each(self._push, at_once=self._shop.settings.at_once, items=items)

    async def _push(self, item: Item[Product]) -> str:
        await self._definitions.made.get()
        publication = await self._publication.found.get()
        product = item.remote or await self._find(item)
        if product is None:
            body = translate.product_create(item.want, item.refs)
            made = await self._shop.do(op.PRODUCT_CREATE, "product", product=body)
            product = str(made["product"]["id"])
            self._batch.linked(item, product, unfinished=True)
            await self._publish(product, publication)
            return product
        await self._update(item, product)
        if item.have is None and item.unfinished:  # one that people made is shown or hidden as they have it
            await self._publish(product, publication)
        return product

    async def _find(self, item: Item[Product]) -> str | None:
        found = await self._shop.graphql(op.PRODUCT_BY_ID, identifier=translate.custom_id(item.want.key))
        if found is not None:
            self._batch.linked(item, found["id"], unfinished=item.uncertain)
        return found and found["id"]

    async def _update(self, item: Item[Product], product: str) -> None:
        had = category_left(item)
        left = {had: await self._collection(had)} if had else {}
        body = update_body(item, left)
        if body:
            await self._shop.do(op.PRODUCT_UPDATE, "product", product={"id": product, **body})

    async def _collection(self, category: str) -> str | None:
        found: dict[str, Any] | None = await self._shop.graphql(op.COLLECTION_BY_ID, identifier=translate.custom_id(category))
        return found["id"] if found else None

    async def _publish(self, product: str, publication: str) -> None:
        """Publishes the product: without that nobody sees it, whatever its status says."""
        await self._shop.do(op.PUBLISH, "publish", id=product, input=[{"publicationId": publication}])


def category_left(item: Item[Product]) -> str | None:
    """The category that the product leaves. Its other collections are not touched: people of the shop put it there."""
    had = item.have and item.have.category
    moves = had and had != item.want.category and "category" in translate.to_write(item, translate.PRODUCT_OWNED)
    return had if moves else None


def update_body(item: Item[Product], left: Mapping[str, str | None]) -> dict[str, Any]:
    """`left`: the collections of categories that products have left."""
    body = translate.product_fields(item.want, item.refs, translate.to_write(item, translate.PRODUCT_OWNED))
    if collection := left.get(category_left(item) or ""):
        body["collectionsToLeave"] = [collection]
    if item.have is None and not item.unfinished:
        body["metafields"] = [translate.metafield(item.want.key)]  # from now on it is found by the ERP's key
    return body


def _create_line(item: Item[Product]) -> Mapping[str, Any]:
    return {"product": translate.product_create(item.want, item.refs)}


def _update_line(item: Item[Product], left: Mapping[str, str | None]) -> Mapping[str, Any]:
    return {"product": {"id": item.remote, **update_body(item, left)}}


def gone(item: Item[Any], product: str) -> Rejected:
    return Rejected(
        Text(f"{item.key}: a Shopify não tem mais o produto {product}.", f"{item.key}: Shopify has no product {product} any more."),
        Text("Desvincule o produto na integração e reenvie.", "Unlink the product in the integration, then retry."),
        code="product.missing",
    )
