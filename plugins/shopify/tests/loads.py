"""Many at a time: batches as the engine makes them, and what the shop was called for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engate.model import Batch, Image, Item, Outcome, Price, Product, Sku, StockLevel
from engate_shopify import bulk

MANY = bulk.WORTH + 20


class Load:
    """One batch through push and check, as the engine does it: `have` is gone in a check."""

    def __init__(self, shop: Any, kind: str, items: list[Item[Any]], *, may_defer: bool = True) -> None:
        self.shop, self.kind = shop, kind
        self.batch: Batch[Any] = Batch(items, may_defer=may_defer)

    async def push(self) -> str | None:
        await getattr(self.shop.front, f"push_{self.kind}")(self.batch)
        return self.batch.ticket[0] if self.batch.ticket else None

    async def ask(self, front: Any = None) -> float | None:
        assert self.batch.ticket is not None
        again = [
            Item(i.key, i.want, remote=i.remote, refs=i.refs, uncertain=i.uncertain, unfinished=i.unfinished, more=i.more, turn=i.turn)
            for i in self.batch.unreported()
        ]
        check = Batch(again)
        seconds = await getattr(front or self.shop.front, f"check_{self.kind}")(self.batch.ticket[0], check)
        self.batch.outcomes |= check.outcomes
        return seconds

    async def run(self) -> dict[str, Outcome]:
        if await self.push() is not None:
            await self.run_on()
        assert not self.batch.unreported()
        return self.batch.outcomes

    async def run_on(self) -> None:
        while await self.ask() is not None:
            await self.shop.api.advance(3)

    async def accepted(self) -> dict[str, Outcome]:
        outcomes = await self.run()
        assert {outcome.state for outcome in outcomes.values()} == {"accepted"}, next(o for o in outcomes.values() if o.state != "accepted")
        return outcomes


def products(count: int = MANY, **fields: Any) -> list[Item[Product]]:
    made = {"name": "Produto", "description": "Torra média", "category": None, "brand": None} | fields
    return [Item(f"P{n}", Product(f"P{n}", **{**made, "name": f"{made['name']} {n}"}), turn=1) for n in range(count)]


def skus(outcomes: dict[str, Outcome], each: int = 1) -> list[Item[Sku]]:
    return [
        Item(f"{key}-{n}", Sku(f"{key}-{n}", key, f"{key} c/ {n + 1}", weight_kg=Decimal("0.5")), refs={"product": outcome.remote})
        for key, outcome in outcomes.items()
        for n in range(each)
    ]


def prices(outcomes: dict[str, Outcome], value: str = "10.00") -> list[Item[Price]]:
    return [Item(key, Price(key, key, Decimal(value)), refs={"sku": outcome.remote}) for key, outcome in outcomes.items()]


def levels(shop: Any, outcomes: dict[str, Outcome], units: int, *, have: int | None = None, turn: int = 1) -> list[Item[StockLevel]]:
    def level(key: str, quantity: int) -> StockLevel:
        return StockLevel(f"{key}/1", key, "1", Decimal(quantity))

    return [
        Item(
            f"{key}/1",
            level(key, units),
            have=None if have is None else level(key, have),
            refs={"sku": outcome.remote, "sku.more": outcome.more, "warehouse": str(shop.api.main)},
            turn=turn,
        )
        for key, outcome in outcomes.items()
    ]


def images(outcomes: dict[str, Outcome]) -> list[Item[Image]]:
    return [
        Item(f"{key}/0", Image(f"{key}/0", key, f"https://img.example/{key}.jpg", key), refs={"sku": outcome.remote})
        for key, outcome in outcomes.items()
    ]


def code_of(outcome: Outcome) -> str:
    assert outcome.error is not None
    return outcome.error.code


def used(calls: list[str]) -> set[str]:
    return set(calls) & {"stagedUploadsCreate", "bulkOperationRunMutation", "bulk upload", "bulk result"}


ALL_OF_IT = {"stagedUploadsCreate", "bulkOperationRunMutation", "bulk upload", "bulk result"}
