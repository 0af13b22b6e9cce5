"""The conformance suite catches a plugin that is wrong: each of these does one thing that has hurt somebody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.support.scoped import BY_SCOPE, SCOPED, TabledErp

from engate.errors import AuthFailed, EngateError, NotSent, Rejected
from engate.model import Absent, Batch, Check, Choice, Item, Order, OrderEvent, OrderPart, Page, Query, ShopOrderRef
from engate.testing import conformance
from engate.testing.fake_erp.plugin import FakeErp
from engate.testing.fake_erp.sandbox import FakeErpSandbox
from engate.testing.fake_shop.plugin import FakeShop
from engate.testing.fake_shop.sandbox import FakeShopSandbox
from engate.testing.fakes import FAKE_ERP, FAKE_SHOP, lacking
from engate.text import Text

WORDS = Text("não", "no")


async def _from_the_start(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
    """Loses the second page when it resumes."""
    pages = [page async for page in FakeErp.list_products(self, Query(since=query.since, keys=query.keys))]
    for page in pages[2:] if query.cursor else pages:
        yield page


async def _all(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
    """Ignores the keys."""
    async for page in FakeErp.list_products(self, Query(since=query.since, cursor=query.cursor)):
        yield page


async def _day_first(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
    """Stamps that do not sort: backwards."""
    since = f"{10**12 - int(query.since):012d}" if query.since else None
    async for page in FakeErp.list_stock(self, Query(since=since, cursor=query.cursor, keys=query.keys)):
        yield Page(page.items, page.cursor, f"{10**12 - int(page.watermark):012d}" if page.watermark else None)


START = datetime(2026, 1, 15)
BRAZILIAN = "%d/%m/%Y %H:%M:%S"


def _as_people_write(list_hook: Any) -> Any:
    """Stamps that begin with the day: they sort right for as long as the month is the same."""

    async def listed(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
        since = f"{int((datetime.strptime(query.since, BRAZILIAN) - START).total_seconds()):012d}" if query.since else None
        async for page in list_hook(self, msgspec.structs.replace(query, since=since)):
            stamp = (START + timedelta(seconds=int(page.watermark))).strftime(BRAZILIAN) if page.watermark else None
            yield Page(page.items, page.cursor, stamp)

    return listed


async def _never_fails(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
    """An error is an empty list."""
    try:
        async for page in FakeErp.list_products(self, query):
            yield page
    except EngateError:
        yield Page([])


async def _locked_out(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
    try:
        async for page in FakeErp.list_products(self, query):
            yield page
    except EngateError:
        raise AuthFailed(WORDS) from None


async def _tells(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
    try:
        async for page in FakeErp.list_products(self, query):
            yield page
    except EngateError:
        secret = self.settings.password.reveal()
        raise NotSent(Text(f"não com {secret}", f"not with {secret}")) from None


async def _another(self: FakeShop, batch: Batch[Any]) -> None:
    """Creates anew whatever it does not know the key of."""
    fresh = [Item(f"{item.key}-2", item.want, refs=item.refs) if item.uncertain else item for item in batch.items]
    mine = Batch(fresh)
    await FakeShop.push_products(self, mine)
    for item, sent in zip(batch.items, fresh, strict=True):
        batch.accepted(item, mine.outcomes[sent.key].remote)


async def _always_accepted(self: FakeShop, batch: Batch[Any]) -> None:
    try:
        await FakeShop.push_stock(self, batch)
    finally:
        for item in batch.items:
            batch.accepted(item, item.key)


async def _final(self: FakeShop, batch: Batch[Any]) -> None:
    """A lost answer is a no."""
    mine = Batch(batch.items)
    await FakeShop.push_prices(self, mine)
    for item in batch.items:
        batch.failed(item, Rejected(WORDS)) if mine.outcomes[item.key].error else batch.accepted(item, item.key)


async def _surely_not_sent(self: FakeErp, part: OrderPart) -> Any:
    try:
        return await FakeErp.import_order(self, part)
    except EngateError:
        raise NotSent(WORDS) from None


async def _again(self: FakeErp, part: OrderPart) -> Any:
    """Tries again by itself."""
    try:
        return await FakeErp.import_order(self, part)
    except EngateError:
        await FakeErp.import_order(self, part)
        raise


async def _found_nowhere(self: FakeErp, part: OrderPart) -> Any:
    return Absent()


async def _one_more(self: FakeShop, shop_order: ShopOrderRef, part: OrderPart, shipment: Any, invoice: Any) -> None:
    """Each time another shipment."""
    self.count = getattr(self, "count", 0) + 1  # type: ignore[attr-defined]
    more = msgspec.structs.replace(shipment.tracking, code=f"BR{self.count}")  # type: ignore[attr-defined]
    await FakeShop.send_tracking(self, shop_order, part, msgspec.structs.replace(shipment, key=f"k{self.count}", tracking=more), invoice)  # type: ignore[attr-defined]


async def _by_address(self: FakeShop, query: Query) -> AsyncIterator[Page[OrderEvent]]:
    """Names orders as its own interface addresses them."""
    async for page in FakeShop.read_order_events(self, query):
        items = [msgspec.structs.replace(event, order=f"fake://order/{event.order}") for event in page.items]
        yield Page(items, page.cursor, page.watermark)


async def _no_lines(self: FakeErp) -> list[Check]:
    return []


async def _another_name(self: FakeErp) -> str:
    """Each process calls the account otherwise."""
    return f"company {id(self)}"


async def _long_facts(self: FakeShop) -> dict[str, str]:
    return {"plan": "x" * 1000}


async def _any_choice(self: FakeErp, kind: str) -> AsyncIterator[Page[Choice]]:
    """What is not known has the choices of something else."""
    async for page in FakeErp.list_choices(self, kind if kind != "no-such-kind" else "branches"):
        yield page


async def _remembers(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
    """Its cursors are places in its own memory: another process is at the end with them."""
    places = self.__dict__.setdefault("places", {})
    if query.cursor is not None and query.cursor not in places:
        return
    async for page in FakeErp.list_products(self, msgspec.structs.replace(query, cursor=places.get(query.cursor))):
        name = f"place-{len(places)}"
        places[name] = page.cursor
        yield Page(page.items, name if page.cursor is not None else None, page.watermark)


async def _behind(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
    """Takes `since` for what is over already."""
    since = f"{int(query.since) + 1:012d}" if query.since else None
    async for page in FakeErp.list_prices(self, msgspec.structs.replace(query, since=since)):
        yield page


async def _own_clock(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
    """Its watermark is when it read, by a clock that goes before."""
    async for page in FakeErp.list_prices(self, query):
        yield Page(page.items, page.cursor, f"{int(page.watermark) + 1000:012d}" if page.watermark else None)


async def _nameless(self: FakeShop, query: Query) -> AsyncIterator[Page[Any]]:
    async for page in FakeShop.read_listing(self, query):
        yield Page([msgspec.structs.replace(row, reference="") for row in page.items])


async def _another_sku(self: FakeShop, batch: Batch[Any]) -> None:
    fresh = [Item(f"{item.key}-2", item.want, refs=item.refs) if item.uncertain else item for item in batch.items]
    mine = Batch(fresh)
    await FakeShop.push_skus(self, mine)
    for item, sent in zip(batch.items, fresh, strict=True):
        outcome = mine.outcomes[sent.key]
        batch.failed(item, outcome.error) if outcome.error else batch.accepted(item, outcome.remote)


async def _without_freight(self: FakeErp, part: OrderPart) -> Any:
    return await FakeErp.import_order(self, msgspec.structs.replace(part, total=part.total - part.freight))


async def _before_discount(self: FakeShop, key: str) -> Order:
    order = await FakeShop.read_order(self, key)
    return msgspec.structs.replace(order, total=order.total + order.discount)


async def _of_another_name(self: FakeShop, query: Query) -> AsyncIterator[Page[OrderEvent]]:
    async for page in FakeShop.read_orders(self, query):
        yield Page([msgspec.structs.replace(row, order=row.order.lower()) for row in page.items], page.cursor, page.watermark)


async def _refused(self: FakeShop, shop_order: ShopOrderRef, part: OrderPart, shipment: Any, invoice: Any) -> None:
    """Whatever goes wrong is a no."""
    try:
        await FakeShop.send_tracking(self, shop_order, part, shipment, invoice)
    except EngateError:
        raise Rejected(WORDS) from None


WRONG = (
    ("list_products-resumes", FAKE_ERP, {"list_products": _from_the_start}),
    ("list_products-keys", FAKE_ERP, {"list_products": _all}),
    ("list_stock-stamps", FAKE_ERP, {"list_stock": _day_first}),
    ("list_stock-stamps", FAKE_ERP, {"list_stock": _as_people_write(FakeErp.list_stock)}),
    ("list_fulfilment-stamps", FAKE_ERP, {"list_fulfilment": _as_people_write(FakeErp.list_fulfilment)}),
    ("list_products-html", FAKE_ERP, {"list_products": _never_fails}),
    ("list_products-reset", FAKE_ERP, {"list_products": _never_fails}),
    ("list_products-drips", FAKE_ERP, {"list_products": _never_fails}),
    ("list_products-401", FAKE_ERP, {"list_products": _tells}),
    ("list_products-403", FAKE_ERP, {"list_products": _locked_out}),
    ("read_order_events-keys", FAKE_SHOP, {"read_order_events": _by_address}),
    ("push_products-twice", FAKE_SHOP, {"push_products": _another}),
    ("push_stock-403", FAKE_SHOP, {"push_stock": _always_accepted}),
    ("push_stock-html", FAKE_SHOP, {"push_stock": _always_accepted}),
    ("push_prices-reset", FAKE_SHOP, {"push_prices": _final}),
    ("import_order-lost answer", FAKE_ERP, {"import_order": _surely_not_sent}),
    ("import_order-lost answer", FAKE_ERP, {"import_order": _again}),
    ("import_order-found", FAKE_ERP, {"find_order": _found_nowhere}),
    ("send_tracking-repeatable", FAKE_SHOP, {"send_tracking": _one_more}),
    ("test_connection-lines", FAKE_ERP, {"test_connection": _no_lines}),
    ("identity-same", FAKE_ERP, {"identity": _another_name}),
    ("learn-facts", FAKE_SHOP, {"learn": _long_facts}),
    ("list_choices-choices", FAKE_ERP, {"list_choices": _any_choice}),
    ("list_products-killed", FAKE_ERP, {"list_products": _remembers}),
    ("list_prices-since", FAKE_ERP, {"list_prices": _behind}),
    ("list_prices-meanwhile", FAKE_ERP, {"list_prices": _own_clock}),
    ("read_listing-pushed", FAKE_SHOP, {"read_listing": _nameless}),
    ("read_orders-known", FAKE_SHOP, {"read_orders": _of_another_name}),
    ("read_order-sums", FAKE_SHOP, {"read_order": _before_discount}),
    ("import_order-sums", FAKE_ERP, {"import_order": _without_freight}),
    ("push_skus-lost answer", FAKE_SHOP, {"push_skus": _another_sku}),
    ("send_tracking-lost answer", FAKE_SHOP, {"send_tracking": _refused}),
)


def _heedless(hook: str) -> Any:
    """Gives what it has, whatever the scope."""

    async def listed(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
        async for page in getattr(FakeErp, hook)(self, msgspec.structs.replace(query, scope="1" if hook == "list_stock" else "")):
            yield page

    return listed


def _by_another_name(hook: str) -> Any:
    """The same list for every scope; only its rows say that they are of it."""
    of = "warehouse" if hook == "list_stock" else "table"

    async def listed(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
        first = "1" if hook == "list_stock" else ""
        mine = msgspec.structs.replace(query, scope=first, keys=query.keys and tuple(key.partition("#")[0] for key in query.keys))
        async for page in getattr(FakeErp, hook)(self, mine):
            rows = [msgspec.structs.replace(row, key=f"{row.key}#{query.scope}", **{of: query.scope}) for row in page.items]
            yield Page(rows, page.cursor, page.watermark)

    return listed


async def _keys_of_a_sku(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
    """The key of a level is its SKU's, in every branch the same."""
    async for page in FakeErp.list_stock(self, query):
        yield Page([msgspec.structs.replace(row, key=row.sku) for row in page.items], page.cursor, page.watermark)


async def _keys_of_all(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
    """Who asks for keys gets them, whosesoever they are."""
    scope = query.scope if query.keys is None else (query.keys[0].partition("@")[2])
    async for page in FakeErp.list_stock(self, msgspec.structs.replace(query, scope=scope)):
        yield page


async def _goes_on_elsewhere(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
    """A cursor is taken for one of the first branch."""
    async for page in FakeErp.list_stock(self, msgspec.structs.replace(query, scope="1") if query.cursor else query):
        yield page


async def _one_branch(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
    """Without a scope it knows its main branch alone."""
    async for page in FakeErp.list_stock(self, msgspec.structs.replace(query, scope=query.scope or "1")):
        yield page


async def _news_of_all(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
    """What has changed since, in any branch."""
    async for page in FakeErp.list_stock(self, msgspec.structs.replace(query, scope="" if query.since else query.scope)):
        yield page


async def _no_news(self: FakeErp, query: Query) -> AsyncIterator[Page[Any]]:
    """Every branch but the last one is read once and never again."""
    async for page in FakeErp.list_stock(self, query):
        yield Page([] if query.since and query.scope != "2" else page.items, page.cursor, page.watermark)


WRONG_BY_SCOPE = (
    ("list_stock", "whose warehouse is", _heedless("list_stock")),
    ("list_prices", "whose table is", _heedless("list_prices")),
    ("list_stock", "says the same of all", _by_another_name("list_stock")),
    ("list_prices", "says the same of all", _by_another_name("list_prices")),
    ("list_stock", "a key names one row", _keys_of_a_sku),
    ("list_stock", "asked for", _keys_of_all),
    ("list_stock", "asked for the scope '2'", _goes_on_elsewhere),
    ("list_stock", "without a scope", _one_branch),
    ("list_stock", "asked for the scope '1'", _news_of_all),
    ("list_stock", "does not hold what changed", _no_news),
)


@pytest.mark.trap("engine.scopes-conformance")
@pytest.mark.parametrize(("hook", "words", "wrong"), WRONG_BY_SCOPE, ids=[f"{hook}:{words}" for hook, words, _ in WRONG_BY_SCOPE])
async def test_what_is_wrong_by_scope_is_caught(hook: str, words: str, wrong: Any) -> None:
    """In a plugin that says that it is read by branch, or by price table."""
    manifest = lacking(FAKE_ERP, scoped=BY_SCOPE, **{hook: wrong})
    [case] = [case for case in conformance.cases(manifest, TabledErp) if str(case) == f"{hook}-scopes"]
    with pytest.raises(AssertionError, match=words):
        await case.run()


async def test_one_scope_is_too_few_to_tell_whether_it_is_heeded() -> None:
    [case] = [case for case in conformance.cases(SCOPED, FakeErpSandbox) if str(case) == "list_prices-scopes"]
    with pytest.raises(AssertionError, match="price_tables.*are the sandbox's own"):
        await case.run()


@pytest.mark.trap("engine.stamps-over-a-month")
@pytest.mark.parametrize(("name", "platform", "wrong"), WRONG, ids=[f"{name}:{next(iter(w.values())).__name__}" for name, _, w in WRONG])
async def test_what_is_wrong_is_caught(name: str, platform: Any, wrong: dict[str, Any]) -> None:
    box = FakeErpSandbox if platform is FAKE_ERP else FakeShopSandbox
    [case] = [case for case in conformance.cases(lacking(platform, **wrong), box) if str(case) == name]
    with pytest.raises(AssertionError):
        await case.run()
