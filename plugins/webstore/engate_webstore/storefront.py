"""The Webstore storefront: every hook, each handed to the module of its subject. The shop calls us; only stock is sent to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cached_property

from engate import Asked, Context, Desk, Reply, Storefront
from engate.model import Batch, Check, Choice, Page, StockLevel
from engate_webstore import checks
from engate_webstore.facade import Facade
from engate_webstore.settings import WebstoreSettings
from engate_webstore.stock import StockWebhook

WAREHOUSE = "loja"
FETCHED = frozenset({"push_categories", "push_brands", "push_products", "push_skus", "push_images", "push_prices"})
HANDED_IN = frozenset({"read_order_events", "read_order"})
ASKED_ABOUT = frozenset({"send_handling", "send_invoice", "send_tracking", "send_delivery", "send_cancellation"})


class WebstoreStorefront(Storefront):
    """One store at Webstore.

    The store fetches products with their prices, and asks what became of its orders (`pedido.obter`, `nota.fiscal.obter`). Stock is sent by
    the webhook for SKUs that a person has linked to a product of the shop; it is also answered when the store asks.
    """

    fetches = FETCHED | HANDED_IN | ASKED_ABOUT | {"push_stock"}
    id_form = r"[0-9]{1,12}"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        settings: WebstoreSettings = context.settings
        self._settings = settings
        self._facade = Facade(settings)

    @cached_property
    def _stock(self) -> StockWebhook | None:
        """Made when it is first needed: a wrong address of the webhook must not keep the facade from working."""
        return StockWebhook(self.context, self._settings) if self._settings.stock_webhook else None

    async def test_connection(self) -> list[Check]:
        return await checks.run(self._settings, self._stock)

    async def identity(self) -> str:
        return f"loja {self._settings.store}"

    def served(self) -> frozenset[str]:
        return self.fetches - {"push_stock"} if self._settings.stock_webhook else self.fetches

    async def read_choices(self, kind: str) -> AsyncIterator[Page[Choice]]:
        """A store has one stock, without a name. There is no list of its forms of payment."""
        yield Page([Choice(WAREHOUSE, "Estoque da loja")] if kind == "warehouses" else [])

    async def answer(self, asked: Asked, desk: Desk) -> Reply:
        return await self._facade.answer(asked, desk)

    def broke(self, asked: Asked) -> Reply:
        del asked
        return self._facade.broke()

    async def push_stock(self, batch: Batch[StockLevel]) -> None:
        if self._stock is not None:
            await self._stock.push(batch)
