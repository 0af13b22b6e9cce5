"""A desk of which nothing may be asked: tests override what their plugin uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from engate import Desk, Known, Placed, Reply, Sight, Whole, Wholes
from engate.door import ALL, NOTHING
from engate.model import Order, OrderEvent, ShopState


class Unasked(Desk):
    async def deliver(
        self, key: str, events: Sequence[OrderEvent] = (), changed: Mapping[str, Sequence[str]] = NOTHING, orders: Sequence[Order] = ()
    ) -> bool:
        raise AssertionError(key)

    async def changed(self, kind: str, keys: Sequence[str]) -> None:
        raise AssertionError((kind, keys))

    async def refuse(self, reason: str, *, keep: bool = True) -> Reply:
        raise AssertionError(reason)

    async def reject(self, key: str, why: str, body: bytes) -> None:
        raise AssertionError(key, why)

    async def products(self, page: int = 1, limit: int = 100, since: datetime | None = None, sight: Sight = ALL) -> Wholes:
        raise AssertionError(page)

    async def product(self, of: str | int, sight: Sight = ALL) -> Whole | None:
        raise AssertionError(of)

    async def having(self, ean: str, sight: Sight = ALL) -> tuple[Whole, ...]:
        raise AssertionError(ean)

    async def sku(self, id: int) -> str | None:
        raise AssertionError(id)

    async def place(self, order: Order) -> Placed | None:
        raise AssertionError(order.key)

    async def order_of_note(self, id: int) -> Known | None:
        raise AssertionError(id)

    async def move(self, key: str, state: ShopState, raw_state: str) -> bool:
        raise AssertionError(key)

    async def order(self, of: str | int) -> Known | None:
        raise AssertionError(of)
