"""The Shopify storefront: every hook, each handed to the module of its subject."""

from __future__ import annotations

from collections.abc import AsyncIterator

from engate import Context, Storefront
from engate.model import (
    Batch,
    Brand,
    Category,
    Check,
    Choice,
    Image,
    Listing,
    Page,
    Price,
    Product,
    Query,
    Sku,
    StockLevel,
    Warehouse,
)
from engate_shopify import checks, listing
from engate_shopify import operations as op
from engate_shopify.catalog import Categories, Definitions, Products, Publication, push_brand
from engate_shopify.client import Shopify
from engate_shopify.images import Images
from engate_shopify.pricing import Prices
from engate_shopify.stock import Stock, push_warehouse
from engate_shopify.variants import Skus


class ShopifyStorefront(Storefront):
    """One Shopify shop.

    Stock semantics: `available` is net of what orders have committed already; that is what is pushed and compared.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._shop = Shopify(context)
        self._definitions = Definitions(self._shop)
        self._publication = Publication(self._shop)

    async def test_connection(self) -> list[Check]:
        return await checks.run(self._shop)

    async def identity(self) -> str:
        """The shop as Shopify itself names it: a domain of its own may change."""
        return str((await self._shop.graphql(op.SHOP))["myshopifyDomain"]).lower()

    # -- master data --

    async def push_warehouses(self, batch: Batch[Warehouse]) -> None:
        await batch.each(push_warehouse)

    async def push_categories(self, batch: Batch[Category]) -> None:
        await batch.each(Categories(self._shop, batch, self._definitions).push, at_once=self._shop.settings.at_once)

    async def push_brands(self, batch: Batch[Brand]) -> None:
        await batch.each(push_brand)

    async def push_products(self, batch: Batch[Product]) -> None:
        push = Products(self._shop, batch, self._definitions, self._publication).push
        await batch.each(push, at_once=self._shop.settings.at_once)

    async def push_skus(self, batch: Batch[Sku]) -> None:
        await Skus(self._shop, batch).push()

    async def push_images(self, batch: Batch[Image]) -> None:
        await batch.each(Images(self._shop, batch).push, at_once=self._shop.settings.at_once)

    async def push_prices(self, batch: Batch[Price]) -> None:
        await Prices(self._shop, batch).push()

    async def push_stock(self, batch: Batch[StockLevel]) -> None:
        await Stock(self._shop, batch).push()

    # -- what the shop has --

    def read_choices(self, kind: str) -> AsyncIterator[Page[Choice]]:
        return listing.choices(self._shop, kind)

    def read_listing(self, query: Query) -> AsyncIterator[Page[Listing]]:
        return listing.variants(self._shop, query)
