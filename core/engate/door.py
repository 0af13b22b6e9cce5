"""The door: calls that come from a platform. What a plugin is given of such a call, what it answers, and all that it may touch meanwhile.

A connection that has a door overrides `Connection.answer`. It verifies the call first, hands what the call says to the desk, and answers;
it never calls the platform. When a method of the desk has returned, what it was given is on disk.
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
    name. `headers`: names in lower case. `body`: the bytes as they came, for a signature is over these."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: datetime


class Reply(msgspec.Struct, frozen=True):
    """What the platform is answered. `carries`: what the desk handed out is in it; False for an error that is told with a good status."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = MappingProxyType({})
    carries: bool = True


class WholeSku(NamedTuple):
    """One SKU with what hangs on it, each as a push hook would get it: `want`, `remote` (where it is linked), `refs`, but no `have`.
    What is in `kept` must not be in the answer."""

    sku: Item[Sku]
    prices: tuple[Item[Price], ...]
    stock: tuple[Item[StockLevel], ...]
    images: tuple[Item[Image], ...]


class Whole(NamedTuple):
    """A product as the shop should hold it: what the integration's rules make of the ERP's data. `categories`: from the root to its own;
    `brand`: None where it has none. What waits for a cause is as the shop last had it, and is missing if it never had it. `of`: how many
    SKUs the ERP has of it, also those that are not shown: what a product is must not change with what may be shown of it.
    `flows`: those that run. Of what belongs to another one nothing is to be said, which is not the same as none: images and stock are not
    there then, and a price is the one that the shop was told last."""

    product: Item[Product]
    skus: tuple[WholeSku, ...]
    categories: tuple[Category, ...]
    brand: Brand | None
    of: int
    flows: frozenset[str]


class Wholes(NamedTuple):
    """A page. It holds fewer than were asked for where products may not be shown yet. `pages`: how many there are now; `total`:
    products in all of them, at most."""

    items: tuple[Whole, ...]
    pages: int
    total: int


def anything(sku: WholeSku) -> bool:
    del sku
    return True


CHANGING = frozenset({"product", "sku", "price", "stock", "image"})
CARRIED = CHANGING | {"category", "brand"}


class Sight(NamedTuple):
    """What of the products a call is about. `kinds`: of these a change counts, where only changed ones are asked for; `hands_out`: of these
    the answer carries what is there, so that the shop holds it then. A list of names carries nothing. `shows`: a SKU that is told it is
    not ready for, and a product without another one, is as if it were not there yet."""

    kinds: frozenset[str] = CHANGING
    hands_out: frozenset[str] = CARRIED
    shows: Callable[[WholeSku], bool] = anything


ALL = Sight()


class Placed(NamedTuple):
    """An order that a shop handed in. `number`: ours, the same one whenever an order of this key comes. `differs`: an order of this key is
    there already and neither says nor ever said what this one says; nothing of it was taken."""

    number: int
    differs: bool


class Note(NamedTuple):
    """A fiscal document of an order. `id`: ours, which never means another one."""

    id: int
    invoice: Invoice


class Known(NamedTuple):
    """What is known of an order. `number`: ours; `order`: as the shop last told it; `state`: engate's word for it; `erp`: its numbers
    in the ERP; `notes`: those that a shop may be told of, the oldest first (a note that is not authorised, of the test environment, a
    return, of another company is none); `tracking`: as the ERP told it; `delivered_at`: when all of it was, as far as the ERP says."""

    number: int
    order: Order
    state: str
    erp: tuple[str, ...]
    notes: tuple[Note, ...]
    tracking: tuple[Tracking, ...]
    delivered_at: datetime | None


class Desk(ABC):
    """Where a plugin hands in what a verified call says: for every integration of the connection."""

    @abstractmethod
    async def deliver(
        self, key: str, events: Sequence[OrderEvent] = (), changed: Mapping[str, Sequence[str]] = NOTHING, orders: Sequence[Order] = ()
    ) -> bool:
        """One delivery: its raw body, what happened to orders, what changed in the ERP (as `changed`), whole orders; in one commit.

        `key` is the platform's own id of the delivery: one that came before changes nothing, and the answer is False."""

    @abstractmethod
    async def changed(self, kind: str, keys: Sequence[str]) -> None:
        """Just these are read from the ERP soon. `kind`: "product", "sku", "image", "price", "stock", ...; `keys`: the ERP's own."""

    @abstractmethod
    async def refuse(self, reason: str, *, keep: bool = True) -> Reply:
        """The call is not the platform's, or says nothing that can be used: counted by its reason (a few fixed words, nothing of the call).
        `keep`: the beginning of the last one's body is kept; not where a secret may stand in it. Answers a 401 to hand back."""

    @abstractmethod
    async def reject(self, key: str, why: str, body: bytes) -> None:
        """A verified call that says nothing that can be used: kept for people to see, with the reason, once for each key however often it
        comes. `body`: what of the call may be kept; leave out its secrets."""

    # ---- of a storefront that fetches by itself (`Storefront.served`) ----

    @abstractmethod
    async def products(self, page: int = 1, limit: int = 100, since: datetime | None = None, sight: Sight = ALL) -> Wholes:
        """Products of the integration that is live, page by page, in the order in which the ERP's came: whoever reads on until `pages` has
        skipped nothing that was there when they began. `since`: only those of which something has changed since then (or was never
        fetched); begin with the moment of your own last first page. Raises Unavailable while the integration is not active or one of its
        sides has not passed a test: nothing is known then, which is not the same as no products.

        When the answer is a 2xx or 3xx that `carries` it, what was given of the served kinds counts as held by the shop from then on."""

    @abstractmethod
    async def product(self, of: str | int, sight: Sight = ALL) -> Whole | None:
        """The product with this key of the ERP's, or with this `Item.id`, or of which such a SKU is part. Raises and is
        settled as `products`; where a SKU was named, of the SKUs that one alone."""

    @abstractmethod
    async def having(self, ean: str, sight: Sight = ALL) -> tuple[Whole, ...]:
        """The products of which a SKU has this EAN, each whole. Settled as `products`."""

    @abstractmethod
    async def sku(self, id: int) -> str | None:
        """The ERP's key of the SKU with this `Item.id`, or of the only SKU of the product with it; also of one that may not be shown (any
        more), and while nothing is handed out."""

    # ---- of a storefront that hands its orders in and asks what became of them ----

    @abstractmethod
    async def place(self, order: Order) -> Placed | None:
        """A whole order; on disk when this returns, and on its way into the ERP as any other. One whose key is known changes nothing: it
        may be an old one that comes late, and only `move` says what became of it. None: the integration has not gone live and the order
        is not known, nothing was taken."""

    @abstractmethod
    async def move(self, key: str, state: ShopState, raw_state: str) -> bool:
        """The shop says that an order which it handed in has another state now; what came last counts. Also of an integration that is
        inactive or archived. False: no such order is known, nothing was taken."""

    @abstractmethod
    async def order(self, of: str | int) -> Known | None:
        """What is known of the order with this key (the shop's own), or with this number (ours)."""

    @abstractmethod
    async def order_of_note(self, id: int) -> Known | None:
        """What is known of the order to which this fiscal document belongs (`Note.id`)."""
