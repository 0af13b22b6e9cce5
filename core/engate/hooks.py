"""The hook specs: the page that a plugin author reads. The verb tells the direction.

    list_*    read from the ERP                     push_*   master data into the storefront (check_*: how it goes on)
    read_*    read from the storefront              import_* storefront facts into the ERP (with find_order)
    send_*    the ERP's order facts into the shop   on_*     observers

Subclass `Erp` or `Storefront` and override what the platform can do: overriding is implementing, no decorator. The signatures are
checked by your type checker and again when the plugin is registered. A hook that you do not override is not offered, and neither are the
flows that need it.

`list_*` and `read_*` (except `read_order`) are async generators of pages. The engine stores a page before it asks for the next one, and
may stop after any page: resume from `query.cursor`. `push_*` report each item on the batch; `@batch(max=…)` on the hook says how many
items it takes at a time; `batch.deferred(ticket, due)` says that the storefront still works on them, and `check_*` asks for the outcome.
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


def batch(*, max: int, bulk: int = 0) -> Callable[[F], F]:  # noqa: A002  # authors write: @batch(max=250)
    """On a `push_*` hook: how many items one batch may hold. Without it: 250 (50 warehouses). engate makes batches smaller where items
    take long, down to an eighth of it. `bulk`: how many while no operation of the kind is open, so that the hook may begin one
    (`batch.may_defer`)."""
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
    """Seconds before `query.since` from which the plugin itself reads again, if it does (25 h where stamps are dates). engate passes the
    watermark unchanged."""

    def __init__(self, context: Context) -> None:
        self.context = context

    async def test_connection(self) -> list[Check]:
        """What works with these credentials, line by line. Changes nothing. Never raises for what a line can say."""
        raise NotImplementedError

    async def identity(self) -> str:
        """Which account this is ("store X", "company CNPJ"): changing credentials must not change it silently."""
        raise NotImplementedError

    async def learn(self) -> dict[str, str]:
        """Facts about the account that rarely change: its plan, what it has bought, the version it serves. Called after a passed test and
        daily; then `context.facts` holds them, and `unavailable` may use them."""
        return {}

    async def answer(self, asked: Asked, desk: Desk) -> Reply:
        """A call that came from the platform: verify it, hand its content to the desk, answer. Must not call the platform; has 5 s.
        Overriding it gives the connection an address of its own."""
        raise NotImplementedError

    def broke(self, asked: Asked) -> Reply | None:
        """The answer where `answer` raised or took too long, for a platform that does not read the status. None: 503 where the same call
        may soon succeed, else 500. The log has the error; put nothing of it into the answer."""
        del asked
        return None

    async def install_webhooks(self, url: str) -> list[Check]:
        """Registers this address at the platform for its calls, and removes other ones of engate. Safe to call again: at activation and
        daily. Leave it out where people type the address in."""
        del url
        return []

    def unavailable(self) -> Mapping[str, Text]:
        """Hooks that this account cannot serve though the plugin implements them, and why. A missing entry of `context.facts` means
        nothing."""
        return {}


class Erp(Connection):
    """An ERP: the owner of the catalogue, prices, stock, customers and fiscal documents."""

    settles_within: float | None = None
    """Seconds after which an unanswered `import_order` has certainly happened or certainly not; None = unknown: an operator decides."""

    fiscal: Fiscal = "nfe"
    """Which notes may go to the storefront. "nfe": authorised NF-e and NFC-e of production with a valid access key. "plain": any
    authorised sale note with a number (without an access key)."""

    reserves_held: ClassVar[bool] = False
    """Whether the units of a `held` order are already out of the listed stock. If not (for example for a draft), engate subtracts them
    until the ERP says that the order goes on."""

    scoped: ClassVar[Mapping[str, Scope]] = {}
    """Hooks that read one branch or price table at a time: {"list_stock": "branches", "list_prices": "price_tables"}. engate then calls
    them once for each mapped one, named by `query.scope`, each with its own watermark; prices of the default table once more, with the
    scope "". Unmapped ones are not read. Only for `list_stock` and `list_prices`."""

    together: ClassVar[Mapping[str, frozenset[str]]] = {}
    """Kinds that a hook's pages bring besides their own (`Page.also`): {"list_skus": frozenset({"image"})}. Where both are read whole at
    once (a first load, a resync of both), a complete pass of the hook stands for the reading of the others; what a delta brings is stored,
    and their own `list_*` hook is called as usual. Only for "product", "sku" and "image"; each may bring later ones."""

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
        """Every product meant for the shop, including those that cannot be sent yet (with `problems`): none is left out silently."""
        raise NotImplementedError

    @spec(firstresult=True)
    def list_skus(self, query: Query) -> AsyncIterator[Page[Sku]]:
        """The sellable packagings of those products. A separate kind because ERPs stamp changes of products and packagings separately."""
        raise NotImplementedError

    @spec(firstresult=True)
    def list_images(self, query: Query) -> AsyncIterator[Page[Image]]:
        raise NotImplementedError

    @spec(firstresult=True)
    def list_prices(self, query: Query) -> AsyncIterator[Page[Price]]:
        raise NotImplementedError

    @spec(firstresult=True)
    def list_stock(self, query: Query) -> AsyncIterator[Page[StockLevel]]:
        """Sellable units per SKU and warehouse, without what the ERP has reserved."""
        raise NotImplementedError

    @spec(firstresult=True)
    def list_fulfilment(self, query: Query) -> AsyncIterator[Page[ErpOrder]]:
        """The ERP's orders that changed. With `query.keys` ("branch/key"): only these, with their `invoices` (including XML).
        A listing may carry `invoices` too: they are stored. An order is recognised by its key, else by the `reference` that it carries."""
        raise NotImplementedError

    # -- import_*: storefront facts into the ERP --

    @spec(firstresult=True)
    async def find_order(self, part: OrderPart) -> Found | Absent | Unsure:
        """Looks everywhere the order could be. `Absent` only if every place answered; else `Unsure`.
        An ERP without a search answers `Absent` where `part.attempt` is 0 (it was never sent) and `Unsure` otherwise."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def import_order(self, part: OrderPart) -> Imported:
        """Creates the order once, without retries. `NotSent` and `Rejected` only where that is certain.
        `part.fields` holds what `order_fields` asks for."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def import_cancellation(self, part: PartRef, reason: str) -> None:
        """Cancels an ERP order; one that is cancelled already is no error. `Rejected` where the ERP's state forbids it."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def import_order_change(self, part: PartRef, wanted: OrderPart) -> None:
        """The shop changed an order that the ERP has: its items and money become those of `wanted`. Safe to call again.
        `Rejected` where the ERP's state forbids it: then a person decides."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def finish_order(self, part: PartRef) -> None:
        """A step that the ERP needs after the import (post stock, receivables). Called until it answers; must be safe to call again."""
        raise NotImplementedError


class Storefront(Connection):
    """A storefront: the owner of orders, and of what its people enrich."""

    requires: ClassVar[frozenset[str]] = frozenset()
    """References without which it accepts no product: of "category" and "brand". Products without them in the ERP then wait with one cause
    for all of them, and are not sent in vain."""

    after: ClassVar[frozenset[tuple[str, str]]] = frozenset()
    """Pairs of kinds: the first is accepted only after the second of the same SKU: ("stock", "price") where it takes no stock without a
    price. Only for "price", "stock" and "image"."""

    hides_without_image: ClassVar[bool] = False
    """It hides SKUs without an image. Where the ERP lists images, people are told of each SKU that has none."""

    products_by_sku: ClassVar[bool] = False
    """Products made in the shop carry no reference of the ERP, so `push_products` cannot find them. engate then reads
    `read_listing` once before the first push, and links products by their SKUs (`Listing.product`)."""

    id_form: ClassVar[str] = ""
    """What the shop's ids of products and SKUs look like, as a regular expression over the whole id ("" = anything): it keeps a
    person who links from using a name, or an EAN of 13 digits where ids are shorter."""

    fetches: ClassVar[frozenset[str]] = frozenset()
    """Hooks whose work its accounts can do by calling engate: push hooks whose records they fetch (`Desk.products`),
    `read_order_events` and `read_order` where they hand their orders in (`Desk.place`), and `send_handling`, `send_invoice`,
    `send_tracking`, `send_delivery` and `send_cancellation` where they ask for an order's state (`Desk.order`). These hooks need not be
    implemented."""

    def served(self) -> frozenset[str]:
        """Those of `fetches` that this account does by itself, by its settings; engate does not call them. The result must depend on
        nothing but the settings."""
        return self.fetches

    # -- push_*: master data into the storefront --

    @spec(firstresult=True)
    async def push_warehouses(self, batch: Batch[Warehouse]) -> None:
        """`refs["warehouse"]`: the mapped storefront warehouse, if any. An existing one stays as it is."""
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
        """`refs["sku"]`, `refs["warehouse"]`. `want.quantity`: all units that the storefront should offer."""
        raise NotImplementedError

    # -- check_*: an operation that outlasts its push (`batch.deferred`); changes nothing --

    @spec(firstresult=True)
    async def check_warehouses(self, ticket: str, batch: Batch[Warehouse]) -> float | None:
        """Reports the outcome of each item. Returns the seconds until the next call, or None: the operation is over."""
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
        """Events since the last time. A request for the next page means that this page is stored: acknowledge it only then."""
        raise NotImplementedError

    @spec(firstresult=True)
    def read_orders(self, query: Query) -> AsyncIterator[Page[OrderEvent]]:
        """Orders placed, paid or changed since `query.since`, from the platform's own list, which has events that a feed or webhook lost.
        Acknowledges nothing. `since` None: the first time; go back only `overlap_seconds`. An event's `key`: the same for the same order
        in the same state; a page's `watermark`: the platform's own time."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def read_order(self, key: str) -> Order:
        """The order as it is now. `Rejected` with code "order.missing" where the shop has no such order."""
        raise NotImplementedError

    # -- send_*: the ERP's order facts into the storefront; each is safe to call again --

    @spec(firstresult=True)
    async def send_handling(self, shop_order: ShopOrderRef) -> None:
        """The ERP has the order and reserved it. An order in handling or later is no error."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def send_invoice(self, shop_order: ShopOrderRef, invoice: Invoice, part: OrderPart) -> None:
        """The note of one part; `part.items`: its lines as invoiced. The same note again changes nothing."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def send_order_change(self, shop_order: ShopOrderRef, part: OrderPart, change: OrderChange) -> None:
        """Takes what the ERP does not attend out of the storefront's order and refunds it. Called before `send_invoice`, until the
        storefront shows the change: `NotSent` where it is only requested so far (called again later: look before requesting twice).
        `Rejected` where the storefront cannot: then a person refunds it."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def send_tracking(self, shop_order: ShopOrderRef, part: OrderPart, shipment: Shipment, invoice: Invoice | None) -> None:
        """One shipment of one part; `part.items`: the lines in it. `invoice`: the part's newest note in the shop, if there is one."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def send_delivery(self, shop_order: ShopOrderRef, part: OrderPart, delivered_at: str, invoice: Invoice | None) -> None:
        """`delivered_at`: RFC 3339."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def send_cancellation(self, shop_order: ShopOrderRef, reason: str) -> None:
        """Cancels the order. `NotSent` where it is only requested so far (called again later, until the storefront shows it as
        cancelled)."""
        raise NotImplementedError

    @spec(firstresult=True)
    async def send_cancel_refusal(self, shop_order: ShopOrderRef, reason: str) -> None:
        """Refuses a buyer's cancellation that the ERP no longer allows: the order goes on, and the buyer is told why."""
        raise NotImplementedError


class Observer:
    """An extension that is told of events. It cannot answer in a platform's place.

    `event` identifies what happened: it is the same when it is told again, and unique otherwise."""

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
"""The version of these hooks; a manifest names the one it was written for."""
SHOP_CHOICES = frozenset({"warehouses", "payments", "shippings", "price_lists"})
"""The kinds of `read_choices`."""
