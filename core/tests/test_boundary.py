"""What a plugin is held against: its class when it is loaded, and everything that its hooks give back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engate.boundary import MOST_CURSOR, Broken, Received, checker, page, stand_in
from engate.clock import SystemClock
from engate.context import Context
from engate.errors import EngateError, NotSent, PluginFault, Rejected
from engate.hooks import Erp, Observer, Storefront
from engate.http import Services
from engate.model import (
    Absent,
    Address,
    Batch,
    Brand,
    Buyer,
    Category,
    Found,
    Image,
    Imported,
    Item,
    Listing,
    Order,
    OrderEvent,
    OrderItem,
    Page,
    Price,
    Problem,
    Product,
    Query,
    Sku,
    StockLevel,
)
from engate.model.kinds import KINDS
from engate.plugins import Coupling, check_readings, closing, fetched, implemented
from engate.specs import implemented_by
from engate.store.blobs import pack, unpack
from engate.sync.quarantine import events_of
from engate.testing.connect import CountingJournal, MemoryTokens
from engate.text import Text

D = Decimal
NOTHING = Problem("plugin.item", Text("a", "a"), Text("b", "b"))


# ---- the class, when it is loaded ----


def wrong(role: type, **methods: Any) -> str:
    """What is said of a class with these methods."""
    made: Any = type("Acme", (role,), methods)
    with pytest.raises(TypeError) as caught:
        implemented(made)
    return str(caught.value)


async def _push(self: Any, batch: Any) -> None: ...


async def _pages(self: Any, query: Any) -> AsyncIterator[Any]:
    yield Page([])


@pytest.mark.trap("engine.unknown-hook")
@pytest.mark.parametrize(
    ("role", "name", "meant"),
    [
        (Storefront, "push_price", "push_prices"), (Storefront, "push_stocks", "push_stock"),
        (Storefront, "check_price", "check_prices"), (Storefront, "send_invoices", "send_invoice"),
        (Storefront, "read_ordrs", "read_orders"), (Erp, "list_product", "list_products"), (Erp, "import_orders", "import_order"),
        (Erp, "find_orders", "find_order"), (Observer, "on_order_import", "on_order_imported"),
    ],
)  # fmt: skip
def test_a_misspelt_hook_is_named_with_the_one_that_was_meant(role: type, name: str, meant: str) -> None:
    with pytest.raises(TypeError) as caught:
        implemented_by(type("Acme", (role,), {name: _push}), (role,))
    assert f"Acme.{name}" in str(caught.value) and f"did you mean {meant}?" in str(caught.value)


def test_a_hook_of_the_other_side_is_named() -> None:
    assert "hook of Storefront" in wrong(Erp, push_prices=_push)


@pytest.mark.trap("engine.hook-async")
def test_a_hook_is_async_and_gives_pages() -> None:
    def push_prices(self: Any, batch: Any) -> None: ...

    async def list_brands(self: Any, query: Any) -> list[Any]:
        return []

    def list_skus(self: Any, query: Any) -> list[Any]:
        return []

    assert "async def" in wrong(Storefront, push_prices=push_prices)
    assert "async generator" in wrong(Erp, list_brands=list_brands)
    assert "async generator" in wrong(Erp, list_skus=list_skus)
    assert "should be (self, batch)" in wrong(Storefront, push_prices=_pages)


def test_what_is_right_is_taken() -> None:
    def list_brands(self: Any, query: Any) -> AsyncIterator[Page[Brand]]:
        return _pages(self, query)

    async def _list_anything(self: Any) -> None: ...

    made = type("Acme", (Erp,), {"list_brands": list_brands, "list_skus": _pages, "_list_anything": _list_anything, "listed": 1})
    assert implemented(made) == {"list_brands", "list_skus"}


# ---- items ----

GOOD: list[Any] = [
    Category("c", "n", "p"), Brand("b", "n"), Product("p", "n", "d", "c", "b"), Sku("s", "p", "n", "", D(12), D("0.5")),
    Image("s/0", "s", "https://x/1.jpg", "n"), Price("s/1", "s", D("1.50"), D("2.00"), "1"), StockLevel("s/1", "s", "1", D(5)),
    Listing("9", "s"), Imported("1"), Found("1"), Absent(),
]  # fmt: skip


@pytest.mark.parametrize("item", GOOD, ids=lambda item: type(item).__name__)
def test_a_sound_item_comes_back_as_it_is(item: Any) -> None:
    assert checker(type(item))(item) == item


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(-(10**12), 10**12))
def test_a_number_in_a_decimal_field_becomes_one(price: Decimal, whole: int) -> None:
    made = checker(Price)(Price("k", "s", whole, price))  # type: ignore[arg-type]
    assert (type(made.base), made.base, made.list_price) == (Decimal, whole, price)
    assert unpack(pack(made), Price) == made


WRONG: list[tuple[type, Any, str, str]] = [
    (StockLevel, StockLevel("k", "s", "w", "many"), "quantity", "many"),  # type: ignore[arg-type]
    (Price, Price(7, "s", D(1)), "key", "7"),  # type: ignore[arg-type]
    (Price, Price("k", "s", None), "base", "None"),  # type: ignore[arg-type]
    (Price, Price("k", "s", D("NaN")), "base", "NaN"),
    (Price, Price("k", "s", D("-Infinity")), "base", "Infinity"),
    (Price, Price("", "s", D(1)), "key", "''"),
    (Price, Price("k", "s" * 201, D(1)), "sku", "sss"),
    (Price, Price("k\0", "s", D(1)), "key", "x00"),
    (Brand, Brand("k", "\ud800"), "name", "ud800"),
    (Brand, Brand("k", object()), "name", "object"),  # type: ignore[arg-type]
    (Brand, Brand("k", "n", problems=(Problem("c", "oops", Text("", "")),)), "problems", "oops"),  # type: ignore[arg-type]
    (Brand, {"key": "k", "name": "n"}, "", "{'key'"),
    (Brand, Category("k", "n"), "", "Category"),
    (Brand, None, "", "None"),
]  # fmt: skip


@pytest.mark.trap("engine.items-checked")
@pytest.mark.parametrize(("kind", "item", "field", "value"), WRONG)
def test_a_wrong_item_is_told_apart_with_its_field_and_value(kind: type, item: Any, field: str, value: str) -> None:
    good = next(each for each in GOOD if type(each) is kind)
    found = page("list_things", kind, Page([good, item, good], "c", "w"))
    assert (found.items, found.cursor, found.watermark) == ([good, good], "c", "w")
    [broken] = found.broken
    said = broken.problem.text
    assert broken.problem.code == "plugin.item" and broken.problem.hint.pt
    assert "list_things" in said.pt and field in said.pt and value in said.pt and len(said.pt) < 300


def test_a_long_value_is_shortened() -> None:
    [broken] = page("list_brands", Brand, Page([Brand("k", ["x" * 5000])])).broken  # type: ignore[list-item]
    assert len(broken.problem.text.pt) < 300


def an_order(**other: Any) -> Order:
    values: dict[str, Any] = {
        "key": "1", "state": "ready", "raw_state": "paid", "placed_at": datetime(2026, 1, 1, tzinfo=UTC),
        "buyer": Buyer("Ana", "39053344705"), "delivery": Address(), "items": (OrderItem("0", "9", "s", "n", D(1), D(5)),), "payments": (),
        "items_total": D(5), "freight": D(0),
        "discount": D(0), "interest": D(0), "total": D(5),
    }  # fmt: skip
    return Order(**values | other)


anything: st.SearchStrategy[Any] = st.one_of(
    st.text(max_size=5), st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=300), st.binary(max_size=9), st.decimals(),
    st.just(object()), st.lists(st.text(max_size=3), max_size=2), st.datetimes(),
    st.builds(Brand, st.text(max_size=3), st.text(max_size=3)),
)  # fmt: skip


@pytest.mark.trap("engine.items-checked")
@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from([kind.struct for kind in KINDS.values()]), st.text(max_size=4) | anything, st.lists(anything, min_size=12, max_size=12)
)
def test_whatever_a_plugin_gives_is_readable_afterwards(kind: type[Any], key: Any, values: list[Any]) -> None:
    """Sound items, and what is stored in the place of the others, with and without a last sound document."""
    names = [field.name for field in msgspec.structs.fields(kind)]
    item = kind(**dict(zip(names, [key, *values], strict=False)))
    found = page("list_things", kind, Page([item]))
    assert len(found.items) + len(found.broken) == 1
    last = kind(**{field.name: "x" if field.type is str else D(1) for field in msgspec.structs.fields(kind) if field.required})
    for doc in found.items:
        assert unpack(pack(doc), kind) == doc and 0 < len(doc.key) <= 200
    for broken in found.broken:
        if broken.key is not None:
            for doc in (stand_in(kind, broken, None), stand_in(kind, broken, last)):
                assert unpack(pack(doc), kind) == doc and doc.problems == (broken.problem,)
                assert page("x", kind, Page([doc])).items == [doc] or last.key != doc.key


def test_what_stands_in_keeps_what_can_be_read() -> None:
    item = Sku("k", "p", "Caneta", 7891, D(12), "heavy", D("NaN"))  # type: ignore[arg-type]
    made = stand_in(Sku, Broken("k", item, NOTHING), None)
    assert made == Sku("k", "p", "Caneta", units=D(12), problems=(NOTHING,))
    assert stand_in(Sku, Broken("k", {"key": "k", "name": "Caneta"}, NOTHING), None) == Sku("k", "", "Caneta", problems=(NOTHING,))
    last = Sku("k", "p", "Antes", weight_kg=D(1))
    assert stand_in(Sku, Broken("k", item, NOTHING), last) == msgspec.structs.replace(last, problems=(NOTHING,))


# ---- hooks ----


def a_context(connection_id: int | None) -> Context:
    class NoTransport:
        pass

    transport: Any = NoTransport()
    services = Services(
        account="acme", clock=SystemClock(), transport=transport, tokens=MemoryTokens(), journal=CountingJournal(),
        connection_id=connection_id,
    )  # fmt: skip
    return Context(msgspec.Struct(), services)


def coupled(erp: dict[str, Any] | None = None, shop: dict[str, Any] | None = None) -> Coupling:
    return Coupling(type("E", (Erp,), erp or {})(a_context(11)), type("S", (Storefront,), shop or {})(a_context(22)))


def gives(*pages: Any) -> Callable[..., Any]:
    async def hook(self: Any, query: Any) -> AsyncIterator[Any]:
        for each in pages:
            yield each

    return hook


def answers(value: Any, *names: str) -> Callable[..., Any]:
    """A hook with these parameters that answers so."""
    places = ", ".join(("self", *names))
    space: dict[str, Any] = {"value": value}
    exec(f"async def hook({places}):\n    if isinstance(value, BaseException):\n        raise value\n    return value", space)  # noqa: S102
    return space["hook"]


async def read(pages: Any) -> list[Received[Any]]:
    async with closing(pages) as all_of_them:
        return [each async for each in all_of_them]


BAD_PAGES: list[tuple[Any, str]] = [
    ([Brand("1", "n")], "Page"), (None, "Page"), (Page(None), "list"), (Page("ab"), "list"), (Page([], 7), "cursor"),  # type: ignore[arg-type]
    (Page([], None, datetime(2026, 1, 1)), "watermark"), (Page([], "c" * (MOST_CURSOR + 1)), "cursor"),  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.trap("engine.pages-checked")
@pytest.mark.parametrize(("given", "expected"), BAD_PAGES)
async def test_what_is_no_page_is_said_with_the_hooks_name(given: Any, expected: str) -> None:
    with pytest.raises(PluginFault) as caught:
        await read(coupled({"list_brands": gives(given)}).erp.list_brands(Query()))
    error = caught.value
    assert "list_brands" in error.text.pt and expected in error.text.pt and error.hint.pt
    assert (error.connection_id, error.hook) == (11, "list_brands")


async def test_a_listing_that_is_a_list_is_said() -> None:
    """Of a plain function that only claims to give pages."""

    def read_listing(self: Any, query: Any) -> AsyncIterator[Any]:
        return [Listing("1")]  # type: ignore[return-value]

    with pytest.raises(PluginFault) as caught:
        await read(coupled(shop={"read_listing": read_listing}).storefront.read_listing(Query()))
    assert "read_listing" in caught.value.text.pt and "list" in caught.value.text.pt and caught.value.connection_id == 22


ANSWERS: list[tuple[str, str, tuple[str, ...], Any, bool]] = [
    ("erp", "find_order", ("part",), Absent(), True), ("erp", "find_order", ("part",), Found("1"), True),
    ("erp", "find_order", ("part",), None, False), ("erp", "find_order", ("part",), Found(""), False),
    ("erp", "import_order", ("part",), Imported("1"), True), ("erp", "import_order", ("part",), "1", False),
    ("erp", "import_order", ("part",), Imported(1), False), ("erp", "import_order", ("part",), Imported("1", "done"), False),  # type: ignore[arg-type]
    ("storefront", "read_order", ("key",), an_order(), True), ("storefront", "read_order", ("key",), {}, False),
    ("storefront", "read_order", ("key",), an_order(total="5.00"), True),
    ("storefront", "read_order", ("key",), an_order(total="five"), False),
    ("storefront", "read_order", ("key",), an_order(placed_at=datetime(2026, 1, 1)), False),
    ("storefront", "read_order", ("key",), an_order(items=[{"line": "0"}]), False),
    ("storefront", "send_handling", ("shop_order",), "anything", True),
    ("storefront", "check_stock", ("ticket", "batch"), None, True), ("storefront", "check_stock", ("ticket", "batch"), 60, True),
    ("storefront", "check_stock", ("ticket", "batch"), 0.5, True), ("storefront", "check_stock", ("ticket", "batch"), -1, False),
    ("storefront", "check_stock", ("ticket", "batch"), "60", False),
    ("storefront", "check_stock", ("ticket", "batch"), float("nan"), False),
    ("storefront", "check_stock", ("ticket", "batch"), True, False),
]  # fmt: skip


@pytest.mark.trap("engine.answers-checked")
@pytest.mark.parametrize(("side", "hook", "names", "value", "sound"), ANSWERS)
async def test_an_answer_is_what_its_hook_declares(side: str, hook: str, names: tuple[str, ...], value: Any, sound: bool) -> None:
    made = {hook: answers(value, *names)}
    coupling = coupled(made) if side == "erp" else coupled(shop=made)
    call = getattr(getattr(coupling, side), hook)
    given = [None] * len(names)
    if sound:
        await call(*given)
        return
    with pytest.raises(PluginFault) as caught:
        await call(*given)
    assert hook in caught.value.text.pt and caught.value.hook == hook
    assert caught.value.connection_id == (11 if side == "erp" else 22)


UNREACHABLE = ("gid://shop/Order/1", "1/2", "1\\2", "1\n2", ".", "..")
REACHABLE = ("1", "v12-01", "#1001", "a?b&c=d", "100%", "%2F", " é ", "a..b", "1;2,3:4@5")


@pytest.mark.trap("engine.order-keys-reached")
@pytest.mark.parametrize("key", UNREACHABLE)
async def test_an_orders_key_that_no_address_can_hold_is_the_plugins_fault(key: str) -> None:
    """Of the order and of a page of events that has no other: nobody could ever ask for it. Beside good ones it concerns itself alone."""
    event = OrderEvent("e2", key, "ready", "paid")
    good = OrderEvent("e1", "1", "ready", "paid")
    beside = page("read_order_events", OrderEvent, Page([good, event]))
    assert beside.items == [good] and "número" in beside.broken[0].problem.hint.pt and events_of(beside.broken, 0.0) == []
    coupling = coupled(shop={"read_order": answers(an_order(key=key), "key"), "read_order_events": gives(Page([event]))})
    for call in (coupling.storefront.read_order(key), read(coupling.storefront.read_order_events(Query()))):
        with pytest.raises(PluginFault) as caught:
            await call
        assert repr(key) in caught.value.text.pt and "número" in caught.value.hint.pt and caught.value.connection_id == 22


@pytest.mark.parametrize("key", REACHABLE)
async def test_an_orders_key_may_be_anything_else(key: str) -> None:
    assert page("read_order_events", OrderEvent, Page([OrderEvent("e", key, "ready", "paid")])).broken == ()


async def test_a_persons_data_is_not_in_the_words() -> None:
    wrong_buyer = an_order(buyer=Buyer("Ana Lima", 39053344705))  # type: ignore[arg-type]
    with pytest.raises(PluginFault) as caught:
        await coupled(shop={"read_order": answers(wrong_buyer, "key")}).storefront.read_order("1")
    said = f"{caught.value} {caught.value.text} {caught.value.hint}"
    assert "buyer.document" in said and "39053344705" not in said and "Ana" not in said


ERRORS = [NotSent(Text("a", "a")), Rejected(Text("a", "a")), ValueError("x")]


@pytest.mark.trap("engine.errors-attributed")
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_an_error_is_attributed_to_the_side_and_the_hook_it_came_from(error: Exception) -> None:
    async def list_brands(self: Any, query: Any) -> AsyncIterator[Any]:
        yield Page([])
        raise error

    coupling = coupled({"list_brands": list_brands, "import_order": answers(error, "part")}, {"read_order": answers(error, "key")})
    for call, hook, side in (
        (coupling.storefront.read_order("1"), "read_order", 22),
        (coupling.erp.import_order(None), "import_order", 11),  # type: ignore[arg-type]
        (read(coupling.erp.list_brands(Query())), "list_brands", 11),
    ):
        fresh(error)
        with pytest.raises(EngateError) as caught:
            await call
        assert (caught.value.connection_id, caught.value.hook) == (side, hook)


def fresh(error: Exception) -> None:
    if isinstance(error, EngateError):
        error.connection_id, error.hook = None, ""


async def test_an_error_that_knows_its_connection_keeps_it() -> None:
    error = NotSent(Text("a", "a"))
    error.connection_id = 7
    with pytest.raises(NotSent):
        await coupled(shop={"read_order": answers(error, "key")}).storefront.read_order("1")
    assert (error.connection_id, error.hook) == (7, "read_order")


@pytest.mark.trap("engine.errors-attributed")
@pytest.mark.parametrize("breaks", [False, True])
async def test_the_errors_of_single_items_are_attributed_too(breaks: bool) -> None:
    async def push_brands(self: Any, batch: Batch[Brand]) -> None:
        first, second, third = batch.items
        batch.failed(first, NotSent(Text("a", "a")))
        batch.failed(second, ValueError("no error of ours"))  # type: ignore[arg-type]
        batch.accepted(third, 7)  # type: ignore[arg-type]
        if breaks:
            raise RuntimeError

    batch = Batch([Item(key, Brand(key, key)) for key in "abc"])
    try:
        await coupled(shop={"push_brands": push_brands}).storefront.push_brands(batch)
    except PluginFault as fault:
        assert breaks and (fault.connection_id, fault.hook) == (22, "push_brands")
    errors = [outcome.error for outcome in batch.outcomes.values() if outcome.error is not None]
    assert [(error.connection_id, error.hook) for error in errors] == [(22, "push_brands")] * 2
    assert [outcome.state for outcome in batch.outcomes.values()] == ["not_sent", "unknown", "accepted"]
    assert batch.outcomes["c"].remote == "7"


@pytest.mark.parametrize(
    "said",
    [
        {"scoped": {"list_stock": "price_tables"}},
        {"scoped": {"list_products": "branches"}},
        {"together": {"list_stock": frozenset({"price"})}},
        {"together": {"list_orders": frozenset({"price"})}},
        {"together": {"list_skus": frozenset({"brand"})}},
        {"together": {"list_skus": frozenset({"price"})}, "scoped": {"list_prices": "price_tables"}},
    ],
)
def test_how_an_erp_is_read_is_said_in_words_that_engate_knows(said: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(said))):
        check_readings(type("E", (Erp,), said))


def test_kinds_that_a_page_brings_are_declared_and_sound() -> None:
    price = Price("1", "1", Decimal(3))
    brought = page("list_skus", Sku, Page([], also={"price": [price, "?"]}), frozenset({"price"})).brought
    assert brought["price"].items == [price] and len(brought["price"].broken) == 1
    with pytest.raises(PluginFault, match="price"):
        page("list_skus", Sku, Page([], also={"stock": []}), frozenset({"price"}))


def test_what_a_shop_fetches_is_named_by_its_class() -> None:
    fetches = {"fetches": frozenset({"push_prices", "push_stock"})}
    assert coupled(shop=fetches).served == {"push_prices", "push_stock"}
    narrower = {**fetches, "served": lambda self: frozenset({"push_prices"})}
    assert coupled(shop=narrower).served == {"push_prices"}
    with pytest.raises(PluginFault, match="push_images"):
        coupled(shop={**fetches, "served": lambda self: frozenset({"push_images"})})
    with pytest.raises(TypeError, match="send_order_change"):
        fetched(type("S", (Storefront,), {"fetches": frozenset({"send_invoice", "send_order_change"})}))
