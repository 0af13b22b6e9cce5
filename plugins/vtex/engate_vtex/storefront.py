"""The VTEX storefront: every hook, each handed to the module of its subject."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from engate import Asked, Context, Desk, Reply, Storefront
from engate.model import (
    Batch,
    Brand,
    Category,
    Check,
    Choice,
    Image,
    Invoice,
    Item,
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
from engate_vtex import checks, listing, webhooks
from engate_vtex.catalog import Brands, Categories
from engate_vtex.changes import Changes
from engate_vtex.client import Vtex
from engate_vtex.events import Events
from engate_vtex.fulfilment import Fulfilment
from engate_vtex.images import Images
from engate_vtex.order_list import OrderList
from engate_vtex.orders import Orders
from engate_vtex.pricing import Prices
from engate_vtex.products import Products
from engate_vtex.skus import FreshSkus, Skus
from engate_vtex.stock import Stock, Warehouses

T = TypeVar("T")


class VtexStorefront(Storefront):
    """One VTEX account.

    Stock semantics: what is pushed is the total; VTEX itself takes its open reservations off it. Orders that the ERP has not reserved yet
    must already be out of the number (an update after start-handling drops that SKU's acknowledged reservations).
    """

    requires = frozenset({"category", "brand"})
    hides_without_image = True
    id_form = r"[0-9]{1,10}"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._vtex = Vtex(context)
        self._fresh = FreshSkus(context.clock)
        self._orders = Orders(self._vtex)
        self._order_list = OrderList(self._vtex, context.clock, self.overlap_seconds)
        self._events = Events(self._vtex, self._orders, context.clock)
        self._fulfilment = Fulfilment(self._vtex, self._orders)
        self._changes = Changes(self._vtex, self._orders)

    async def test_connection(self) -> list[Check]:
        return await checks.run(self._vtex)

    async def identity(self) -> str:
        """The account: every address and key belongs to it."""
        return self._vtex.settings.account.lower()

    async def answer(self, asked: Asked, desk: Desk) -> Reply:
        return await webhooks.answer(self._vtex.settings, asked, desk)

    async def install_webhooks(self, url: str) -> list[Check]:
        return await webhooks.install(self._vtex, url)

    # -- master data --

    async def push_warehouses(self, batch: Batch[Warehouse]) -> None:
        await self._each(batch, Warehouses(self._vtex, batch).push)

    async def push_categories(self, batch: Batch[Category]) -> None:
        await self._each(batch, Categories(self._vtex, batch).push)

    async def push_brands(self, batch: Batch[Brand]) -> None:
        await self._each(batch, Brands(self._vtex, batch).push)

    async def push_products(self, batch: Batch[Product]) -> None:
        await self._each(batch, Products(self._vtex, batch).push)

    async def push_skus(self, batch: Batch[Sku]) -> None:
        await self._each(batch, Skus(self._vtex, batch, self._fresh).push)

    async def push_images(self, batch: Batch[Image]) -> None:
        await self._each(batch, Images(self._vtex, self._fresh).push)

    async def push_prices(self, batch: Batch[Price]) -> None:
        await self._each(batch, Prices(self._vtex, self._fresh).push)

    async def push_stock(self, batch: Batch[StockLevel]) -> None:
        await self._each(batch, Stock(self._vtex).push)

    async def _each(self, batch: Batch[T], push: Callable[[Item[T]], Awaitable[str]]) -> None:
        await batch.each(push, at_once=self._vtex.settings.at_once)

    # -- what the shop has --

    def read_choices(self, kind: str) -> AsyncIterator[Page[Choice]]:
        return listing.choices(self._vtex, kind)

    def read_listing(self, query: Query) -> AsyncIterator[Page[Listing]]:
        return listing.skus(self._vtex, query)

    # -- orders --

    def read_order_events(self, query: Query) -> AsyncIterator[Page[OrderEvent]]:
        return self._events.pages(query)

    def read_orders(self, query: Query) -> AsyncIterator[Page[OrderEvent]]:
        return self._order_list.pages(query)

    async def read_order(self, key: str) -> Order:
        return await self._orders.read(key)

    async def send_handling(self, shop_order: ShopOrderRef) -> None:
        await self._fulfilment.send_handling(shop_order)

    async def send_invoice(self, shop_order: ShopOrderRef, invoice: Invoice, part: OrderPart) -> None:
        await self._fulfilment.send_invoice(shop_order, invoice, part)

    async def send_order_change(self, shop_order: ShopOrderRef, part: OrderPart, change: OrderChange) -> None:
        await self._changes.send(shop_order, part, change)

    async def send_tracking(self, shop_order: ShopOrderRef, part: OrderPart, shipment: Shipment, invoice: Invoice | None) -> None:
        del part
        await self._fulfilment.send_tracking(shop_order, invoice, shipment.tracking)

    async def send_delivery(self, shop_order: ShopOrderRef, part: OrderPart, delivered_at: str, invoice: Invoice | None) -> None:
        del part
        await self._fulfilment.send_delivery(shop_order, invoice, delivered_at)

    async def send_cancellation(self, shop_order: ShopOrderRef, reason: str) -> None:
        await self._fulfilment.send_cancellation(shop_order, reason)
