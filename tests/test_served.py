"""What a shop fetches from us: whoever goes on page by page, and later asks for what has changed, holds what the rules want, whatever the
ERP does between two pages and wherever an answer is lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.stage import Stage, faked

from engate.domain.options import Options
from engate.door import Asked, Reply, Whole, Wholes
from engate.model import Image, Price, Problem, Product, Sku, StockLevel, Warehouse
from engate.model.kinds import KINDS
from engate.store import config, desired, pushes
from engate.store.desired import Wanted
from engate.store.rows import RecordSet
from engate.store.tables import connection, integration, record
from engate.sync import served
from engate.sync.desk import OpenDesk
from engate.sync.work import pair_of, rules_of
from engate.text import Text

D = Decimal
SERVES: dict[str, dict[str, object]] = {"fake_shop": {"serves": ["product", "sku", "price", "image", "stock"]}}
SPOILT = (Problem("erp.odd", Text("Estranho.", "Odd."), Text("Corrija.", "Fix it.")),)
BUFFER = 2
EXAMPLES = 8


class House:
    """An integration that no lane works on: readings are written as a lane would, and the shop's own calls come to the desk."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.now = stage, 1_790_000_000.0
        self.docs: dict[tuple[str, str], Any] = {}
        self.held: dict[tuple[str, str], Any] = {}

    async def live(self) -> None:
        def go(c: sa.Connection) -> None:
            c.execute(sa.update(integration).values(active=True))

        await self.stage.store.writing(go)

    async def emptied(self) -> None:
        """Nothing was ever read."""

        def clear(c: sa.Connection) -> None:
            c.execute(sa.delete(record))

        await self.stage.store.writing(clear)

    def tick(self) -> float:
        self.now += 1
        return self.now

    async def read(self, *docs: Any) -> None:
        """The ERP says this now."""
        at = self.tick()
        pair = pair_of(await self.stage.registry.coupling(self.stage.integration_id))

        def keep(c: sa.Connection) -> None:
            snapshot = config.snapshot(c, self.stage.integration_id)
            assert snapshot is not None
            for doc in docs:
                kind = next(kind for kind in KINDS.values() if kind.struct is type(doc))
                found = rules_of(c, snapshot, pair, kind.name).effective(kind.name, doc, at)
                row = Wanted(doc.key, kind.parent(doc) if kind.parent else None, doc, found.digest, found.reason, at)
                desired.want(c, self.of(kind.name), [row], run_id=1, now=at)

        await self.stage.store.writing(keep)
        for doc in docs:
            self.docs[_kind(doc), doc.key] = doc

    async def settled(self) -> set[str]:
        """The kinds of what counts as held by the shop."""
        rows = await self.stage.store.reading(lambda c: c.execute(sa.select(record.c.kind, record.c.state)).all())
        return {row.kind for row in rows if row.state == "settled"}

    async def told_apart(self) -> None:
        """The lanes have been at it: what waits for the shop waits for a cause."""

        def mark(c: sa.Connection) -> None:
            for kind in KINDS:
                ids = c.execute(sa.select(record.c.id).where(record.c.kind == kind, record.c.state == "to_send")).scalars().all()
                pushes.wait_for(c, self.of(kind), [(id, served.TO_FETCH) for id in ids], self.now, answered=False)

        await self.stage.store.writing(mark)

    def of(self, kind: str) -> RecordSet:
        return RecordSet(self.stage.tenant_id, self.stage.integration_id, kind)

    async def call(self) -> OpenDesk:
        """One call of the shop."""
        at = datetime.fromtimestamp(self.tick(), UTC)
        row = await self.stage.store.reading(lambda c: c.execute(sa.select(connection).where(connection.c.role == "storefront")).one())
        return OpenDesk(self.stage.registry, row, Asked("POST", "products", {}, {}, b"", at))

    def take(self, page: Wholes) -> None:
        for whole in page.items:
            for item in (whole.product, *(each for one in whole.skus for each in (one.sku, *one.prices, *one.stock, *one.images))):
                self.held[_kind(item.want), item.key] = item.want

    async def fetch(self, since: datetime | None, meanwhile: Callable[[], Any], dice: random.Random) -> datetime:
        """To the end; some calls end before the answer leaves, and some answers are lost on their way: both are asked again."""
        began: datetime | None = None
        number, pages, size = 1, 1, dice.randint(1, 3)
        while number <= pages:
            desk = await self.call()
            began = began or desk.asked.at
            page = await desk.products(number, size, since)
            await meanwhile()
            fate = dice.choice(["here", "here", "here", "crash", "refused", "lost"])
            if fate in ("here", "lost"):
                await desk.close(Reply(200))
            if fate == "refused":
                await desk.close(Reply(503))
            if fate == "here":
                self.take(page)
                number, pages = number + 1, page.pages
            await meanwhile()
        assert began is not None
        return began

    def wanted(self) -> dict[tuple[str, str], Any]:
        """What a shop that lacks nothing holds: the ERP's sound data; what is spoilt, as it was when the shop last got it."""
        found: dict[tuple[str, str], Any] = {}
        sound = {at: _effective(doc) if not doc.problems else self.held.get(at) for at, doc in self.docs.items()}
        for (kind, key), doc in self.docs.items():
            product = next(iter(each for each in _products_of(kind, doc, self.docs)), None)
            sku = doc if kind == "sku" else self.docs.get(("sku", getattr(doc, "sku", "")))
            skus = [each for (k, _), each in self.docs.items() if k == "sku" and product is not None and each.product == product]
            shown = sound.get(("product", product or "")) is not None and any(sound["sku", each.key] is not None for each in skus)
            if shown and (kind == "product" or (sku is not None and sound["sku", sku.key] is not None)) and sound[kind, key] is not None:
                found[kind, key] = sound[kind, key]
        return found


def _kind(doc: Any) -> str:
    return next(kind.name for kind in KINDS.values() if kind.struct is type(doc))


def _products_of(kind: str, doc: Any, docs: dict[tuple[str, str], Any]) -> list[str]:
    if kind == "product":
        return [doc.key]
    sku = doc if kind == "sku" else docs.get(("sku", getattr(doc, "sku", "")))
    return [sku.product] if sku is not None else []


def _effective(doc: Any) -> Any:
    return msgspec.structs.replace(doc, quantity=max(D(0), doc.quantity - BUFFER)) if isinstance(doc, StockLevel) else doc


def _something(dice: random.Random) -> Any:
    """A row of the ERP: new, changed, spoilt or mended."""
    n = dice.randint(0, 4)
    sku, problems = f"s{n}", SPOILT if dice.random() < 0.2 else ()
    match dice.choice(["product", "sku", "price", "stock", "image"]):
        case "product":
            n = dice.randint(0, 2)
            return Product(f"p{n}", f"Produto {dice.randint(1, 3)}", problems=problems)
        case "sku":
            return Sku(sku, f"p{n % 3}", f"SKU {dice.randint(1, 3)}", weight_kg=D(1), problems=problems)
        case "price":
            return Price(sku, sku, D(dice.randint(1, 3)), problems=problems)
        case "stock":
            return StockLevel(f"{sku}@1", sku, "1", D(dice.randint(0, 5)), problems=problems)
        case _:
            return Image(f"{sku}/0", sku, f"https://imagens.example.com/{dice.randint(1, 3)}.jpg", "0", problems=problems)


async def test_a_shop_that_goes_on_holds_what_the_rules_want(sqlite_database: str) -> None:
    async with faked(sqlite_database, run=False, settings=SERVES, options=Options(stock_buffer=BUFFER)) as stage:
        loop = asyncio.get_running_loop()

        @settings(max_examples=EXAMPLES, derandomize=True)
        @given(st.randoms(use_true_random=False))
        def example(dice: random.Random) -> None:
            asyncio.run_coroutine_threadsafe(_goes_on(stage, dice), loop).result()

        await asyncio.to_thread(example)


async def _goes_on(stage: Stage, dice: random.Random) -> None:
    house = House(stage)
    await house.live()
    await house.emptied()

    async def meanwhile() -> None:
        for _ in range(dice.choice([0, 0, 1, 2])):
            await house.read(_something(dice))
        if dice.random() < 0.3:
            await house.told_apart()

    async def nothing() -> None:
        pass

    await house.read(Warehouse("1", "Matriz"), *(_something(dice) for _ in range(12)))
    house.docs.pop(("warehouse", "1"))
    since: datetime | None = None
    for _ in range(2):
        since = await house.fetch(since, meanwhile, dice)
    await house.fetch(since, nothing, dice)
    assert house.held == house.wanted()


@pytest.mark.trap("engine.served-fresh")
async def test_what_was_never_fetched_is_told_whatever_is_asked_for(sqlite_database: str) -> None:
    """A shop whose clock is ahead of ours asks for what changes tomorrow."""
    async with faked(sqlite_database, run=False, settings=SERVES) as stage:
        house = House(stage)
        await house.live()
        await house.read(Product("p0", "Produto"), Sku("s0", "p0", "SKU", weight_kg=D(1)))
        tomorrow = datetime.fromtimestamp(house.now + 86400, UTC)
        desk = await house.call()
        assert [whole.product.key for whole in (await desk.products(since=tomorrow)).items] == ["p0"]
        await desk.close(Reply(200))
        assert (await (await house.call()).products(since=tomorrow)).items == ()


@pytest.mark.trap("engine.served-meanwhile")
async def test_what_changed_before_the_answer_left_is_not_settled(sqlite_database: str) -> None:
    """The shop gets the old price: the new one waits for it, also where the shop asks for what changes after its clock."""
    async with faked(sqlite_database, run=False, settings=SERVES) as stage:
        house = House(stage)
        await house.live()
        await house.read(Product("p0", "Produto"), Sku("s0", "p0", "SKU", weight_kg=D(1)), Price("s0", "s0", D(1)))
        desk = await house.call()
        [given] = (await desk.products()).items
        await house.read(Price("s0", "s0", D(2)))
        await desk.close(Reply(200))
        assert _price(given) == D(1) and await house.settled() == {"product", "sku"}
        tomorrow = datetime.fromtimestamp(house.now + 86400, UTC)
        desk = await house.call()
        [given] = (await desk.products(since=tomorrow)).items
        await desk.close(Reply(200))
        assert _price(given) == D(2) and await house.settled() == {"product", "sku", "price"}


def _price(whole: Whole) -> Decimal:
    return whole.skus[0].prices[0].want.base


@pytest.mark.trap("engine.served-since")
async def test_an_answer_that_was_lost_on_its_way_is_told_again(sqlite_database: str) -> None:
    """We know that it left, the shop knows only when it asked."""
    async with faked(sqlite_database, run=False, settings=SERVES) as stage:
        house = House(stage)
        await house.live()
        await house.read(Product("p0", "Produto"), Sku("s0", "p0", "SKU", weight_kg=D(1)))
        lost = await house.call()
        assert await _products(lost) == ["p0"] and await house.settled() == {"product", "sku"}
        assert await _products(await house.call(), since=lost.asked.at) == ["p0"]
        later = datetime.fromtimestamp(house.tick(), UTC)
        assert await _products(await house.call(), since=later) == []


@pytest.mark.trap("engine.served-pages")
async def test_what_a_full_page_has_no_room_for_is_in_the_next_one(sqlite_database: str) -> None:
    async with faked(sqlite_database, run=False, settings=SERVES) as stage:
        house = House(stage)
        await house.live()
        began = datetime.fromtimestamp(house.now, UTC)
        for n in range(3):
            await house.read(Product(f"p{n}", "Produto"), Sku(f"s{n}", f"p{n}", "SKU", weight_kg=D(1)))
        for since in (None, began):
            desk = await house.call()
            first = await desk.products(limit=2, since=since)
            assert ([whole.product.key for whole in first.items], first.pages, first.total) == (["p0", "p1"], 2, 3)
            assert await _products(await house.call(), page=2, limit=2, since=since) == ["p2"]
            assert await _products(await house.call(), page=3, limit=2, since=since) == []


async def _products(desk: OpenDesk, **asked: Any) -> list[str]:
    """Of one page, whose answer left."""
    found = [whole.product.key for whole in (await desk.products(**asked)).items]
    await desk.close(Reply(200))
    return found
