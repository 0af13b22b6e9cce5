"""Collections for categories, the vendor for brands, products.

All that engate makes carries the ERP's key in a metafield of type id, which is unique in the shop: it is looked for before it is made.
"""

from __future__ import annotations

from typing import Any

from engate import NotSent, Rejected, Text
from engate.model import Batch, Brand, Category, Item, Product
from engate_shopify import checks, translate
from engate_shopify import operations as op
from engate_shopify.client import Once, Shopify, faults_of, refused

OWNERS = ("PRODUCT", "COLLECTION")


async def define(shop: Shopify, definition: dict[str, Any]) -> None:
    """One that is there already is fine."""
    payload = await shop.graphql(op.DEFINE, definition=definition)
    faults = [fault for fault in faults_of(payload) if fault.get("code") != "TAKEN"]
    if faults:
        raise refused("definition", faults)


class Definitions:
    """The metafield definitions that lookups by the ERP's key need: made once a process, whoever asks first."""

    def __init__(self, shop: Shopify) -> None:
        self._shop = shop
        self.made = Once(self._make)

    async def _make(self) -> bool:
        for owner in OWNERS:
            await define(self._shop, translate.definition(owner))
        return True


class Publication:
    """Where products are published to."""

    def __init__(self, shop: Shopify) -> None:
        self._shop = shop
        self.found = Once(self._find)

    async def _find(self) -> str:
        try:
            return self._shop.settings.publication or await checks.publication(self._shop)
        except checks.Failed as failed:
            raise NotSent(failed.text, failed.hint, code="publication") from None


class Categories:
    """Flat collections: Shopify has no tree of them."""

    def __init__(self, shop: Shopify, batch: Batch[Category], definitions: Definitions) -> None:
        self._shop, self._batch, self._definitions = shop, batch, definitions

    async def push(self, item: Item[Category]) -> str:
        await self._definitions.made.get()
        title = translate.name_within(item.want.name, "category", item.key)
        collection = item.remote or await self._find(item)
        if collection is None:
            body = {"title": title, "metafields": [translate.metafield(item.want.key)]}
            made = await self._shop.do(op.COLLECTION_CREATE, "collection", collection=body)
            self._batch.linked(item, made["collection"]["id"], made=True)
            return made["collection"]["id"]
        if "name" in translate.to_write(item, ("name",)):
            await self._shop.do(op.COLLECTION_UPDATE, "collection", collection={"id": collection, "title": title})
        return collection

    async def _find(self, item: Item[Category]) -> str | None:
        found = await self._shop.graphql(op.COLLECTION_BY_ID, identifier=translate.custom_id(item.want.key))
        if found is not None:
            self._batch.linked(item, found["id"], made=item.uncertain)
        return found and found["id"]


async def push_brand(item: Item[Brand]) -> str:
    """A brand is a word in each product: its name is its key. Products of a renamed one are sent again by their own change."""
    return translate.name_within(item.want.name, "brand", item.key)


class Products:
    """The products of one batch."""

    def __init__(self, shop: Shopify, batch: Batch[Product], definitions: Definitions, publication: Publication) -> None:
        self._shop, self._batch, self._definitions, self._publication = shop, batch, definitions, publication

    async def push(self, item: Item[Product]) -> str:
        await self._definitions.made.get()
        publication = await self._publication.found.get()
        product = item.remote or await self._find(item)
        if product is None:
            body = translate.product_create(item.want, item.refs)
            made = await self._shop.do(op.PRODUCT_CREATE, "product", product=body)
            product = str(made["product"]["id"])
            self._batch.linked(item, product, made=True)
            await self._publish(product, publication)
            return product
        await self._update(item, product)
        if item.have is None and item.made:  # one that people made is shown or hidden as they have it
            await self._publish(product, publication)
        return product

    async def _find(self, item: Item[Product]) -> str | None:
        found = await self._shop.graphql(op.PRODUCT_BY_ID, identifier=translate.custom_id(item.want.key))
        if found is not None:
            self._batch.linked(item, found["id"], made=item.uncertain)
        return found and found["id"]

    async def _update(self, item: Item[Product], product: str) -> None:
        fields = translate.to_write(item, translate.PRODUCT_OWNED)
        body = translate.product_fields(item.want, item.refs, fields)
        if "category" in fields and (left := await self._left(item)) is not None:
            body["collectionsToLeave"] = [left]
        if item.have is None and not item.made:
            body["metafields"] = [translate.metafield(item.want.key)]  # from now on it is found by the ERP's key
        if body:
            await self._shop.do(op.PRODUCT_UPDATE, "product", product={"id": product, **body})

    async def _left(self, item: Item[Product]) -> str | None:
        """The collection of the category that it had: the others are the merchandisers'."""
        had = item.have and item.have.category
        if not had or had == item.want.category:
            return None
        found: dict[str, Any] | None = await self._shop.graphql(op.COLLECTION_BY_ID, identifier=translate.custom_id(had))
        return found["id"] if found else None

    async def _publish(self, product: str, publication: str) -> None:
        """Without it nobody sees the product, whatever its status says."""
        await self._shop.do(op.PUBLISH, "publish", id=product, input=[{"publicationId": publication}])


def gone(item: Item[Any], product: str) -> Rejected:
    return Rejected(
        Text(f"{item.key}: a Shopify não tem mais o produto {product}.", f"{item.key}: Shopify has no product {product} any more."),
        Text("Desvincule o produto na integração e reenvie.", "Unlink the product in the integration, then retry."),
        code="product.missing",
    )
