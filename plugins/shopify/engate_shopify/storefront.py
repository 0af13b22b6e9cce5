"""The Shopify storefront: every hook, each handed to the module of its subject."""

from __future__ import annotations

from collections.abc import AsyncIterator

from engate import Asked, Context, Desk, Reply, Storefront, batch
from engate.model import (
    Batch,
    Brand,
    Category,
    Check,
    Choice,
    Image,
    Invoice,
    Listing,
    Order,
    OrderChange,
    OrderEvent,
    OrderPart,
    Page,
    Price,
    Product,
    Query,
    Shipment,
    ShopOrderRef,
    Sku,
    StockLevel,
    Warehouse,
)
from engate_shopify import bulk, checks, listing, webhooks
from engate_shopify import operations as op
from engate_shopify.bulk import AT_A_TIME, MOST
from engate_shopify.catalog import Categories, Definitions, push_brand
from engate_shopify.changes import Changes
from engate_shopify.client import Shopify
from engate_shopify.fulfilment import Fulfilment
from engate_shopify.images import Images
from engate_shopify.orders import EVENTS_OVERLAP, Orders
from engate_shopify.pricing import Prices
from engate_shopify.products import Products, Publication
from engate_shopify.skus import Skus
from engate_shopify.stock import Stock, push_warehouse


class ShopifyStorefront(Storefront):
    """One Shopify shop.

    What people made in the shop carries no key of the ERP's: its products are known by their SKUs.
    Stock semantics: `available` is net of what orders have committed already; that is what is pushed and compared.
    """

    products_by_sku = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._shop = Shopify(context)
        self._definitions = Definitions(self._shop)
        self._publication = Publication(self._shop)
        self._orders = Orders(self._shop)
        self._fulfilment = Fulfilment(self._shop)
        self._changes = Changes(self._shop)

    async def test_connection(self) -> list[Check]:
        return await checks.run(self._shop)

    async def learn(self) -> dict[str, str]:
        return await checks.learn(self._shop)

    async def identity(self) -> str:
        return await checks.identity(self._shop)

    async def answer(self, asked: Asked, desk: Desk) -> Reply:
        return await webhooks.answer(self._shop.settings, asked, desk)

    async def install_webhooks(self, url: str) -> list[Check]:
        return await webhooks.install(self._shop, url)

    # -- master data --

    async def push_warehouses(self, batch: Batch[Warehouse]) -> None:
        await batch.each(push_warehouse)

    async def push_categories(self, batch: Batch[Category]) -> None:
        await batch.each(Categories(self._shop, batch, self._definitions).push, at_once=self._shop.settings.at_once)

    async def push_brands(self, batch: Batch[Brand]) -> None:
        await batch.each(push_brand)

    @batch(max=AT_A_TIME, bulk=MOST)
    async def push_products(self, batch: Batch[Product]) -> None:
        products = Products(self._shop, batch, self._definitions, self._publication)
        await bulk.sending(self._shop, batch, products, op.PRODUCTS_CREATE, op.PRODUCTS_UPDATE)

    @batch(max=AT_A_TIME, bulk=MOST)
    async def push_skus(self, batch: Batch[Sku]) -> None:
        await bulk.sending(self._shop, batch, Skus(self._shop, batch), op.PRODUCT_SET, op.VARIANTS_CHANGE)

    @batch(max=AT_A_TIME, bulk=MOST)
    async def push_images(self, batch: Batch[Image]) -> None:
        await bulk.sending(self._shop, batch, Images(self._shop, batch), op.VARIANTS_CHANGE)

    @batch(max=AT_A_TIME, bulk=MOST)
    async def push_prices(self, batch: Batch[Price]) -> None:
        await bulk.sending(self._shop, batch, Prices(self._shop, batch), op.VARIANTS_CHANGE)

    @batch(max=AT_A_TIME, bulk=MOST)
    async def push_stock(self, batch: Batch[StockLevel]) -> None:
        await bulk.sending(self._shop, batch, Stock(self._shop, batch), op.STOCK_SET_ONE)

    # -- what became of an operation --

    async def check_products(self, ticket: str, batch: Batch[Product]) -> float | None:
        return await bulk.check(self._shop, ticket, batch, Products(self._shop, batch, self._definitions, self._publication))

    async def check_skus(self, ticket: str, batch: Batch[Sku]) -> float | None:
        return await bulk.check(self._shop, ticket, batch, Skus(self._shop, batch))

    async def check_images(self, ticket: str, batch: Batch[Image]) -> float | None:
        return await bulk.check(self._shop, ticket, batch, Images(self._shop, batch))

    async def check_prices(self, ticket: str, batch: Batch[Price]) -> float | None:
        return await bulk.check(self._shop, ticket, batch, Prices(self._shop, batch))

    async def check_stock(self, ticket: str, batch: Batch[StockLevel]) -> float | None:
        return await bulk.check(self._shop, ticket, batch, Stock(self._shop, batch))

    # -- what the shop has --

    def read_choices(self, kind: str) -> AsyncIterator[Page[Choice]]:
        return listing.choices(self._shop, kind)

    def read_listing(self, query: Query) -> AsyncIterator[Page[Listing]]:
        return listing.variants(self._shop, query)

    # -- orders --

    def read_order_events(self, query: Query) -> AsyncIterator[Page[OrderEvent]]:
        return self._orders.changed(query, EVENTS_OVERLAP)

    def read_orders(self, query: Query) -> AsyncIterator[Page[OrderEvent]]:
        return self._orders.changed(query, self.overlap_seconds)

    async def read_order(self, key: str) -> Order:
        return await self._orders.read(key)

    async def send_handling(self, shop_order: ShopOrderRef) -> None:
        await self._fulfilment.send_handling(shop_order)

    async def send_invoice(self, shop_order: ShopOrderRef, invoice: Invoice, part: OrderPart) -> None:
        del part
        await self._fulfilment.send_invoice(shop_order, invoice)

    async def send_order_change(self, shop_order: ShopOrderRef, part: OrderPart, change: OrderChange) -> None:
        del part
        await self._changes.send(shop_order, change)

    async def send_tracking(self, shop_order: ShopOrderRef, part: OrderPart, shipment: Shipment, invoice: Invoice | None) -> None:
        del invoice
        await self._fulfilment.send_tracking(shop_order, part, shipment)

    async def send_delivery(self, shop_order: ShopOrderRef, part: OrderPart, delivered_at: str, invoice: Invoice | None) -> None:
        del invoice
        await self._fulfilment.send_delivery(shop_order, part, delivered_at)

    async def send_cancellation(self, shop_order: ShopOrderRef, reason: str) -> None:
        await self._fulfilment.send_cancellation(shop_order, reason)
