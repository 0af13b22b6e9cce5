"""The door: calls that come from a platform. What a plugin gets of such a call, what it answers, and what it may use meanwhile.

A connection with a door overrides `Connection.answer`. It verifies the call first, hands its content to the desk, and answers; it never
calls the platform. When a method of the desk has returned, what it was given is on disk.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from engate.model import Brand, Category, Image, Invoice, Item, Order, OrderEvent, Price, Product, ShopState, Sku, StockLevel, Tracking

NOTHING: Mapping[str, Sequence[str]] = MappingProxyType({})


class Asked(msgspec.Struct, frozen=True):
    """One call. `path`: what follows the connection's address ("orders/create", "" for the address itself). `query`: the last value of each
    name. `headers`: names in lower case. `body`: the bytes as they came, which signatures cover."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: datetime


class Reply(msgspec.Struct, frozen=True):
    """The answer to the platform. `carries`: it contains what the desk handed out; False for an error sent with a good status."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = MappingProxyType({})
    carries: bool = True


class WholeSku(NamedTuple):
    """One SKU with its price, stock and images, each as a push hook would get it: `want`, `remote` (if linked), `refs`, but no `have`.
    Fields in `kept` must not be in the answer."""

    sku: Item[Sku]
    prices: tuple[Item[Price], ...]
    stock: tuple[Item[StockLevel], ...]
    images: tuple[Item[Image], ...]


class Whole(NamedTuple):
    """A product as the shop should have it, by the integration's rules. `categories`: from the root to its own; `brand`: None if it has
    none. A record that waits for a cause is shown as the shop last had it, and is missing if the shop never had it. `of`: how many SKUs the
    ERP has of it, including those not shown, so that a product's shape does not depend on what may be shown.
    `flows`: those that run. Say nothing of data of other flows, which is not the same as "none": images and stock are absent then, and
    prices are those last told to the shop."""

    product: Item[Product]
    skus: tuple[WholeSku, ...]
    categories: tuple[Category, ...]
    brand: Brand | None
    of: int
    flows: frozenset[str]


class Wholes(NamedTuple):
    """A page. It has fewer products than asked for where some may not be shown yet. `pages`: how many there are now; `total`: at most so
    many products in all pages."""

    items: tuple[Whole, ...]
    pages: int
    total: int


def anything(sku: WholeSku) -> bool:
    del sku
    return True


CHANGING = frozenset({"product", "sku", "price", "stock", "image"})
CARRIED = CHANGING | {"category", "brand"}


class Sight(NamedTuple):
    """Which data of products a call is about. `kinds`: kinds whose changes count, where only changed products are asked for; `hands_out`:
    kinds whose data the answer contains, so that the shop holds them then (none for a list of names). `shows`: whether a SKU is ready to be
    shown; one that is not, and a product without a ready SKU, are left out."""

    kinds: frozenset[str] = CHANGING
    hands_out: frozenset[str] = CARRIED
    shows: Callable[[WholeSku], bool] = anything


ALL = Sight()


class Placed(NamedTuple):
    """An order that a shop handed in. `number`: engate's, always the same for an order of this key. `differs`: an order of this key is
    stored and never had this content; nothing was taken."""

    number: int
    differs: bool


class Note(NamedTuple):
    """A fiscal document of an order. `id`: engate's, never reused."""

    id: int
    invoice: Invoice


class Known(NamedTuple):
    """What is known of an order. `number`: engate's; `order`: as the shop last told it; `state`: engate's; `erp`: its numbers in the ERP;
    `notes`: those that a shop may get, the oldest first (without notes that are unauthorised, of the test environment, returns, or of
    another company); `tracking`: as the ERP told it; `delivered_at`: when all of it was delivered, as far as the ERP tells."""

    number: int
    order: Order
    state: str
    erp: tuple[str, ...]
    notes: tuple[Note, ...]
    tracking: tuple[Tracking, ...]
    delivered_at: datetime | None


class Desk(ABC):
    """Where a plugin hands in the content of a verified call, for every integration of the connection."""

    @abstractmethod
    async def deliver(
        self, key: str, events: Sequence[OrderEvent] = (), changed: Mapping[str, Sequence[str]] = NOTHING, orders: Sequence[Order] = ()
    ) -> bool:
        """Stores one delivery in one commit: its raw body, events of orders, changed keys of the ERP (as `changed`), whole orders.

        `key`: the platform's id of the delivery. One that came before changes nothing, and the result is False."""

    @abstractmethod
    async def changed(self, kind: str, keys: Sequence[str]) -> None:
        """Has only these read from the ERP soon. `kind`: "product", "sku", "image", "price", "stock", ...; `keys`: the ERP's own."""

    @abstractmethod
    async def refuse(self, reason: str, *, keep: bool = True) -> Reply:
        """The call is not the platform's, or cannot be used. It is counted by its reason (a few fixed words, nothing of the call).
        `keep`: stores the beginning of the last one's body; False where it may hold a secret. Returns a 401 to answer with."""

    @abstractmethod
    async def reject(self, key: str, why: str, body: bytes) -> None:
        """A verified call that cannot be used: stored for people to see, with the reason, once for each key however often it comes.
        `body`: what of the call may be stored, without its secrets."""

    # ---- of a storefront that fetches by itself (`Storefront.served`) ----

    @abstractmethod
    async def products(self, page: int = 1, limit: int = 100, since: datetime | None = None, sight: Sight = ALL) -> Wholes:
        """Products of the live integration, page by page, in the order in which they came from the ERP: reading all `pages` skips nothing
        that existed at the start. `since`: only those that have changed since then (or were never fetched); pass the time of the first page
        of your last pass. Raises Unavailable while the integration is not active or one of its sides has not passed a test: that is
        not the same as no products.

        If the answer is a 2xx or 3xx that `carries` them, the given records of served kinds count as held by the shop from then on."""

    @abstractmethod
    async def product(self, of: str | int, sight: Sight = ALL) -> Whole | None:
        """The product with this ERP key (text) or `Item.id` (number), or the product of such a SKU, then with only that SKU. Raises and
        settles as `products` does."""

    @abstractmethod
    async def having(self, ean: str, sight: Sight = ALL) -> tuple[Whole, ...]:
        """The products that have a SKU with this EAN, each whole. Settles as `products` does."""

    @abstractmethod
    async def sku(self, id: int) -> str | None:
        """The ERP's key of the SKU with this `Item.id`, or of the only SKU of the product with it. Also for one that may not be shown (any
        more), and while nothing is handed out."""

    # ---- of a storefront that hands its orders in and asks what became of them ----

    @abstractmethod
    async def place(self, order: Order) -> Placed | None:
        """Takes a whole order. When this returns it is on disk and goes to the ERP like any other. An order with a known key changes
        nothing: it may be an old one that comes late, and only `move` tells changes. None: the integration has not gone live and the order
        is unknown, so nothing was taken."""

    @abstractmethod
    async def move(self, key: str, state: ShopState, raw_state: str) -> bool:
        """The shop tells a new state of an order that it handed in; the last one counts. Also for an inactive or archived integration.
        False: no such order is known, and nothing was taken."""

    @abstractmethod
    async def order(self, of: str | int) -> Known | None:
        """What is known of the order with this key (the shop's) or number (engate's)."""

    @abstractmethod
    async def order_of_note(self, id: int) -> Known | None:
        """What is known of the order that this fiscal document (`Note.id`) belongs to."""
