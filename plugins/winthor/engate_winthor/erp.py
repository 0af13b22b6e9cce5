"""WinThor as engate's ERP: every hook, each handed to the module of its subject."""

from collections.abc import AsyncIterator, Mapping

from engate import Context, Erp, Text
from engate.model import (
    Absent,
    Brand,
    Category,
    Check,
    Choice,
    ErpOrder,
    Found,
    Image,
    Imported,
    OrderPart,
    Page,
    PartRef,
    Price,
    Product,
    Query,
    Sku,
    StockLevel,
    Unsure,
    Warehouse,
)
from engate_winthor import checks, listing, stock
from engate_winthor.catalog import Catalog
from engate_winthor.client import Client
from engate_winthor.fulfilment import Fulfilment
from engate_winthor.lists import Lists
from engate_winthor.orders import Orders
from engate_winthor.pricing import Prices
from engate_winthor.search import OrderSearch
from engate_winthor.stock import Stock


class Winthor(Erp):
    """One WTA installation and the branches of it that sell in the shop."""

    scoped = {"list_stock": "branches"}
    together = {"list_skus": frozenset({"image"})}
    reserves_held = True  # blocked and pending orders are out of ESTOQUE_DISPONIVEL (QTRESERV, QTBLOQUEADA)

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.client = Client(context)
        self.settings = self.client.settings
        self.settles_within = float(self.settings.settles_within)
        lists = Lists(self.client, self.overlap_seconds)
        self._search = OrderSearch(self.client)
        self._catalog = Catalog(self.client, lists)
        self._prices = Prices(self.client, lists)
        self._stock = Stock(self.client, lists)
        self._orders = Orders(self.client, self._search)
        self._fulfilment = Fulfilment(self.client, lists, self._orders)

    async def test_connection(self) -> list[Check]:
        return await checks.run(self.client, self._search)

    async def identity(self) -> str:
        return await checks.identity(self.client)

    def unavailable(self) -> Mapping[str, Text]:
        return checks.unavailable(self.settings)

    # -- master data --

    def list_choices(self, kind: str) -> AsyncIterator[Page[Choice]]:
        return listing.choices(self.client, kind)

    def list_warehouses(self, query: Query) -> AsyncIterator[Page[Warehouse]]:
        return stock.warehouses(self.client, query)

    def list_categories(self, query: Query) -> AsyncIterator[Page[Category]]:
        return self._catalog.categories(query)

    def list_brands(self, query: Query) -> AsyncIterator[Page[Brand]]:
        return self._catalog.brands(query)

    def list_products(self, query: Query) -> AsyncIterator[Page[Product]]:
        return self._catalog.products(query)

    def list_skus(self, query: Query) -> AsyncIterator[Page[Sku]]:
        return self._catalog.skus(query)

    def list_images(self, query: Query) -> AsyncIterator[Page[Image]]:
        return self._catalog.images(query)

    def list_prices(self, query: Query) -> AsyncIterator[Page[Price]]:
        return self._prices.pages(query)

    def list_stock(self, query: Query) -> AsyncIterator[Page[StockLevel]]:
        return self._stock.pages(query)

    # -- orders --

    def list_fulfilment(self, query: Query) -> AsyncIterator[Page[ErpOrder]]:
        return self._fulfilment.pages(query)

    async def find_order(self, part: OrderPart) -> Found | Absent | Unsure:
        return await self._orders.find_order(part)

    async def import_order(self, part: OrderPart) -> Imported:
        return await self._orders.import_order(part)

    async def import_cancellation(self, part: PartRef, reason: str) -> None:
        await self._orders.import_cancellation(part, reason)
