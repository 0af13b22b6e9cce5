"""The hook specs: the one page a plugin author reads. The verb tells the direction.

    list_*    read from the ERP                     push_*   master data into the storefront (check_*: how it goes on)
    read_*    read from the storefront              import_* storefront facts into the ERP (with find_order)
    send_*    the ERP's order facts into the shop   on_*     observers

Subclass `Erp` or `Storefront` and override what the platform can do: overriding is implementing, no decorator. The signatures are
checked by your type checker and again when the plugin is registered. What you do not override, the platform does not offer, and the
flows that need it are not offered either.

`list_*` and `read_*` (but `read_order`) are async generators of pages. The engine makes a page durable before it asks for the next one,
and may stop after any page: resume from `query.cursor`. `push_*` report each item on the batch; `@batch(max=…)` on the hook says how many
items it takes at a time; `batch.deferred(ticket, due)` says that the storefront works on them still, and `check_*` asks how it went.
Everything else is awaited and answers or raises one of `engate.errors`; an error that is none of those counts as *effect unknown*.
"""

# basedpyright: reportUnusedParameter=false
from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import pluggy

from engate.door import Asked, Desk, Reply
from engate.model import (
    Absent,
    Batch,
    Brand,
    Category,
    Check,
    Choice,
    ErpOrder,
    Found,
    Image,
    Imported,
    Invoice,
    Listing,
    Order,
    OrderChange,
    OrderEvent,
    OrderPart,
    Page,
    PartRef,
    Price,
    Product,
    Query,
    Shipment,
    ShopOrderRef,
    Sku,
    StockLevel,
    Unsure,
    Warehouse,
)
from engate.text import Text

if TYPE_CHECKING:
    from engate.context import Context

spec = pluggy.HookspecMarker("engate")
F = TypeVar("F", bound=Callable[..., Any])


def batch(*, max: int, bulk: int = 0) -> Callable[[F], F]:  # noqa: A002  # as authors read it: @batch(max=250)
    """On a `push_*` hook: how many items one batch may hold. Without it: 250 (50 warehouses). engate makes batches smaller where items
    take long, down to an eighth of it. `bulk`: how many where none of the kind is under way as an operation, so that the hook may begin
    one (`batch.may_defer`)."""
    if max < 1:
        raise ValueError("a batch holds at least one item")
    if bulk and bulk < max:
        raise ValueError("an operation is worth it for no fewer items than a batch holds: bulk >= max, or 0 for none")

    def mark(hook: F) -> F:
        vars(hook)["engate_batch"], vars(hook)["engate_bulk"] = max, bulk
        return hook

    return mark


Fiscal = Literal["nfe", "plain"]
Scope = Literal["branches", "price_tables"]


class Connection:
    """One tenant's account on a platform. Built once per connection and process; must not do I/O in `__init__`."""

    overlap_seconds: ClassVar[float] = 7200.0
    """How far before `query.since` the plugin itself reads again, where it does (25 h where stamps are dates). engate hands back the
    watermark as it was."""

    def __init__(self, context: Context) -> None:
        self.context = context

    async def test_connection(self) -> list[Check]:
        """What works with these credentials, line by line, changing nothing. Never raises for what a line can say."""
        raise NotImplementedError

    async def identity(self) -> str:
        """Which account this is ("store X", "company CNPJ"): changing credentials must not change it silently."""
        raise NotImplementedError

    async def learn(self) -> dict[str, str]:
        """Facts about the account that do not change by the hour: its plan, what it has bought, the version it serves. Asked after a passed
        test and daily; then `context.facts` holds them, and `unavailable` may go by them."""
        return {}

    async def answer(self, asked: Asked, desk: Desk) -> Reply:
        """A call that came from the platform: verify it, hand what it says to the desk, answer. Never calls the platform; has 5 s.
        Overriding it gives the connection an address of its own."""
        raise NotImplementedError

    def broke(self, asked: Asked) -> Reply | None:
        """What the platform is answered where `answer` raised or took too long, for a platform that reads no status. None: 503 where the
        same call may end well in a moment, else 500. The log has what happened; nothing of it belongs into the answer."""
        del asked
        return None

    async def install_webhooks(self, url: str) -> list[Check]:
        """Tells the platform to call below this address, and takes back what it was told of another one. Safe to call again: at activation
        and daily. A platform where people type the address in leaves this out."""
        del url
        return []

    def unavailable(self) -> Mapping[str, Text]:
        """Hooks that this account cannot serve though the plugin implements them, and why. Of `context.facts` only what is there counts."""
        return {}


class Erp(Connection):
    """An ERP: the owner of the catalogue, prices, stock, customers and fiscal documents."""

    settles_within: float | None = None
    """Seconds after which an `import_order` that got no answer has surely happened or surely not; None = unknown: an operator decides."""

    fiscal: Fiscal = "nfe"
    """Which notes may go to the storefront. "nfe": authorised NF-e and NFC-e of production with a right access key. "plain": any
    authorised sale note with a number (no country's key is asked for)."""

    reserves_held: ClassVar[bool] = False
    """Whether an order that is `held` has its units out of the stock that is listed. Where it has not (a draft, say), engate takes them off
    until the ERP says that it goes on."""

    scoped: ClassVar[Mapping[str, Scope]] = {}
    """Hooks that read one branch or price table at a time: {"list_stock": "branches", "list_prices": "price_tables"}. engate then calls
    them once for each that is mapped, which `query.scope` names, each with its own watermark; prices of the default table once more, with
    the scope "". What is not mapped is not read. Of `list_stock` and `list_prices`."""

    together: ClassVar[Mapping[str, frozenset[str]]] = {}
    """Kinds that a hook's pages bring besides their own (`Page.also`): {"list_skus": frozenset({"image"})}. Where both are read whole at
    once (a first load, a resync of both), a complete pass of the hook stands for the reading of the others; what a delta brings is kept
    with it, and their own `list_*` hook is called as ever. Of "product", "sku" and "image", each of them later ones."""

    # -- list_*: read from the ERP, in pages --

    @spec(firstresult=True)
    def list_choices(self, kind: str) -> AsyncIterator[Page[Choice]]:
        """What a mapping can name: kind is "branches" | "charges" | "terms" | "carriers" | "price_tables", or one that a field
        of the manifest's `order_fields` names (`choices=`); an unknown kind is empty."""
        raise NotImplementedError

    @spec(firstresult=True)
    def list_warehouses(self, query: Query) -> AsyncIterator[Page[Warehouse]]:
        """The branches that hold stock (those the connection is configured for)."""
        raise NotImplementedError

    @spec(firstresult=True)
    def list_categories(self, query: Query) -> AsyncIterator[Page[Category]]:
        """Every node of the tree; keys are unique over all levels ("section/12"); parents may come after children."""
        raise NotImplementedError

    @spec(firstresult=True)
    def list_brands(self, query: Query) -> AsyncIterator[Page[Brand]]:
        raise NotImplementedError

    @spec(firstresult=True)
    def list_products(self, query: Query) -> AsyncIterator[Page[Product]]:
        """Every product meant for the shop, including those that cannot go yet (with `problems`): nothing is left out silently."""
        raise NotImplementedError

    @spec(firstresult=True)
    def list_skus(self, query: Query) -> AsyncIterator[Page[Sku]]:
        """The sellable packagings of those products. A kind of its own because ERPs stamp changes of products and packagings apart."""
        raise NotImplementedError

    @spec(firstresult=True)
    def list_images(self, query: Query) -> AsyncIterator[Page[Image]]:
        raise NotImplementedError

    @spec(firstresult=True)
    def list_prices(self, query: Query) -> AsyncIterator[Page[Price]]:
        raise NotImplementedError

    @spec(firstresult=True)
    def list_stock(self, query: Query) -> AsyncIterator[Page[StockLevel]]:
        """Sellable units per SKU and warehouse; what the ERP has reserved is already out."""
        raise NotImplementedError

    @spec(firstresult=True)
    def list_fulfilment(self, query: Query) -> AsyncIterator[Page[ErpOrder]]:
        """The ERP's orders that changed. With `query.keys` ("branch/key"): just these, with `invoices` looked for (XML and all).
        A listing may carry `invoices` too: they are kept. An order is known by its key, or else by the `reference` that it carries."""
        raise NotImplementedError

    # -- import_*: storefront facts into the ERP --

    @spec(firstresult=True)
    async def find_order(self, part: OrderPart) -> Found | Absent | Unsure:
        """Looks everywhere the order could be. `Absent` only if the whole place answered; anything less is `Unsure`.
        An ERP without a search answers `Absent` where `part.attempt` is 0 (it was never sent) and `Unsure` otherwise."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def import_order(self, part: OrderPart) -> Imported:
        """Creates the order, once, without any retry of its own. `NotSent` and `Rejected` only where that is certain.
        `part.fields` holds what `order_fields` asks for."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def import_cancellation(self, part: PartRef, reason: str) -> None:
        """Cancels an ERP order; one that is cancelled already is fine. `Rejected` where the ERP's state forbids it."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def import_order_change(self, part: PartRef, wanted: OrderPart) -> None:
        """The shop changed an order that the ERP has: its items and money become those of `wanted`. Safe to call again.
        `Rejected` where the ERP's state forbids it: then a person decides."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def finish_order(self, part: PartRef) -> None:
        """A step that the ERP needs after the import (post stock, receivables). Called until it answers; safe to call again."""
        raise NotImplementedError


class Storefront(Connection):
    """A storefront: the owner of orders, and of what its people enrich."""

    requires: ClassVar[frozenset[str]] = frozenset()
    """References without which it takes no product: of "category" and "brand". Products that have none in the ERP then wait with one cause
    for all of them, and are not sent in vain."""

    after: ClassVar[frozenset[tuple[str, str]]] = frozenset()
    """Kinds that it takes only after another one of the same SKU: ("stock", "price") where it knows no stock of what has no price. Of
    "price", "stock" and "image"."""

    hides_without_image: ClassVar[bool] = False
    """It shows no buyer a SKU that has no image. Where the ERP lists images, people hear of each SKU of which it has none."""

    products_by_sku: ClassVar[bool] = False
    """Products that people made in the shop carry no reference of the ERP's: `push_products` cannot find them. engate then reads
    `read_listing` once before the first push, and links products by their SKUs (`Listing.product`)."""

    id_form: ClassVar[str] = ""
    """What the shop's ids of products and SKUs look like, as a regular expression over the whole id ("" = anything): a person who links by
    hand, or by a sheet, cannot take a name for one, nor an EAN of 13 digits where ids are shorter."""

    fetches: ClassVar[frozenset[str]] = frozenset()
    """Hooks of which its accounts can do the work by calling us: push hooks whose records they fetch (`Desk.products`),
    `read_order_events` and `read_order` where they hand their orders in (`Desk.place`), and `send_handling`, `send_invoice`,
    `send_tracking`, `send_delivery` and `send_cancellation` where they ask what became of an order (`Desk.order`). They need not be
    there."""

    def served(self) -> frozenset[str]:
        """Those of `fetches` of which this account does so, by its settings; engate calls none of them. What is said here holds as long as
        the settings do."""
        return self.fetches

    # -- push_*: master data into the storefront --

    @spec(firstresult=True)
    async def push_warehouses(self, batch: Batch[Warehouse]) -> None:
        """`refs["warehouse"]` is the mapped storefront warehouse, if any. One that exists is left as it is."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def push_categories(self, batch: Batch[Category]) -> None:
        """`refs["parent"]` is the parent's storefront key; roots have none. Parents come in an earlier batch."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def push_brands(self, batch: Batch[Brand]) -> None:
        raise NotImplementedError

    @spec(firstresult=True)
    async def push_products(self, batch: Batch[Product]) -> None:
        """`refs["category"]`, `refs["brand"]`. Look by reference before creating."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def push_skus(self, batch: Batch[Sku]) -> None:
        """`refs["product"]`. Look by reference before creating."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def push_images(self, batch: Batch[Image]) -> None:
        """`refs["sku"]`."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def push_prices(self, batch: Batch[Price]) -> None:
        """`refs["sku"]`, and `refs["price_list"]` where the pair mapping names one."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def push_stock(self, batch: Batch[StockLevel]) -> None:
        """`refs["sku"]`, `refs["warehouse"]`. `want.quantity` is what the storefront should offer in all."""
        raise NotImplementedError

    # -- check_*: an operation that outlasts its push (`batch.deferred`); asks only, changes nothing --

    @spec(firstresult=True)
    async def check_warehouses(self, ticket: str, batch: Batch[Warehouse]) -> float | None:
        """Reports what became of the items, line by line. Answers the seconds until it is to be called again, or None: it is over."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def check_categories(self, ticket: str, batch: Batch[Category]) -> float | None:
        raise NotImplementedError

    @spec(firstresult=True)
    async def check_brands(self, ticket: str, batch: Batch[Brand]) -> float | None:
        raise NotImplementedError

    @spec(firstresult=True)
    async def check_products(self, ticket: str, batch: Batch[Product]) -> float | None:
        raise NotImplementedError

    @spec(firstresult=True)
    async def check_skus(self, ticket: str, batch: Batch[Sku]) -> float | None:
        raise NotImplementedError

    @spec(firstresult=True)
    async def check_images(self, ticket: str, batch: Batch[Image]) -> float | None:
        raise NotImplementedError

    @spec(firstresult=True)
    async def check_prices(self, ticket: str, batch: Batch[Price]) -> float | None:
        raise NotImplementedError

    @spec(firstresult=True)
    async def check_stock(self, ticket: str, batch: Batch[StockLevel]) -> float | None:
        raise NotImplementedError

    # -- read_*: read from the storefront --

    @spec(firstresult=True)
    def read_choices(self, kind: str) -> AsyncIterator[Page[Choice]]:
        """What a mapping can name: kind is "warehouses" | "payments" | "shippings" | "price_lists"; an unknown kind is empty."""
        raise NotImplementedError

    @spec(firstresult=True)
    def read_listing(self, query: Query) -> AsyncIterator[Page[Listing]]:
        """The SKUs that exist in the shop already; an empty shop gives no items."""
        raise NotImplementedError

    @spec(firstresult=True)
    def read_order_events(self, query: Query) -> AsyncIterator[Page[OrderEvent]]:
        """What happened since the last time. Asking for the page after it says that a page is durable: only then acknowledge it."""
        raise NotImplementedError

    @spec(firstresult=True)
    def read_orders(self, query: Query) -> AsyncIterator[Page[OrderEvent]]:
        """Orders placed, paid or changed since `query.since`, from the platform's own list and not from what it tells by itself: finds what
        a feed or a hook lost. Acknowledges nothing. `since` None: the first time, only `overlap_seconds` back. An event's `key` is the
        same for the same order in the same state; a page's `watermark` is the platform's own time."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def read_order(self, key: str) -> Order:
        """The order as it is now. `Rejected` with code "order.missing" where the shop has no such order."""
        raise NotImplementedError

    # -- send_*: the ERP's order facts into the storefront; each is safe to call again --

    @spec(firstresult=True)
    async def send_handling(self, shop_order: ShopOrderRef) -> None:
        """The ERP has the order and reserved it. Already handling or later is fine."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def send_invoice(self, shop_order: ShopOrderRef, invoice: Invoice, part: OrderPart) -> None:
        """The note of one part; `part.items` are its lines as they were invoiced. The same note again changes nothing."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def send_order_change(self, shop_order: ShopOrderRef, part: OrderPart, change: OrderChange) -> None:
        """What the ERP does not attend leaves the storefront's order, and its money goes back to the buyer. Called before `send_invoice`.
        Until the storefront shows it; `NotSent` where it is only requested so far (called again later: look before asking twice).
        `Rejected` where the storefront cannot: then a person gives the money back."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def send_tracking(self, shop_order: ShopOrderRef, part: OrderPart, shipment: Shipment, invoice: Invoice | None) -> None:
        """One shipment of one part; `part.items` are the lines in it. `invoice`: the part's newest note in the shop, if it has one."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def send_delivery(self, shop_order: ShopOrderRef, part: OrderPart, delivered_at: str, invoice: Invoice | None) -> None:
        """`delivered_at`: RFC 3339."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def send_cancellation(self, shop_order: ShopOrderRef, reason: str) -> None:
        """Until the storefront shows the order as cancelled; `NotSent` where it is only requested so far (called again later)."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def send_cancel_refusal(self, shop_order: ShopOrderRef, reason: str) -> None:
        """The buyer asked for a cancellation that the ERP no longer allows: the order goes on, and the buyer is told why."""
        raise NotImplementedError


class Observer:
    """An extension that watches. The only role it may take: it can never answer in a platform's place.

    `event` names what happened: the same when it is told again, and another for anything else."""

    @spec
    async def on_order_imported(self, order: str, erp_keys: list[str], event: str) -> None:
        raise NotImplementedError

    @spec
    async def on_attention(self, what: str, cause: str, event: str) -> None:
        """`what`: "order/<key>" or "<kind>/<key>"; `cause`: its code."""
        raise NotImplementedError

    @spec
    async def on_run_finished(self, run: int, flow: str, counts: dict[str, int], event: str) -> None:
        raise NotImplementedError


ROLES: tuple[type, ...] = (Erp, Storefront, Observer)
HOOK_API = 4
"""The version of this page; a manifest names the one it was written for."""
SHOP_CHOICES = frozenset({"warehouses", "payments", "shippings", "price_lists"})
"""The kinds of `read_choices`."""
