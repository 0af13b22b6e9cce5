"""Orders in: the feed, and the order itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from engate import Rejected, Text, Unavailable
from engate.model import Order, OrderEvent, Page
from engate_vtex import endpoints as at
from engate_vtex import translate_orders as translate
from engate_vtex.client import Vtex

LOT = 10
"""The most one reading of the feed gives."""


class Orders:
    def __init__(self, vtex: Vtex) -> None:
        self._vtex = vtex
        self._configured = False

    # ---- the feed ----

    async def events(self) -> AsyncGenerator[Page[OrderEvent]]:
        """Reads until the feed is empty. A page is acknowledged when the next one is asked for: by then the caller has stored it."""
        await self._ensure_feed()
        while items := await self._read_feed():
            yield Page([translate.event(item) for item in items])
            await self._acknowledge(items)

    async def _ensure_feed(self) -> None:
        """Makes sure, once per process, that the feed exists and tells what we need. Later a reading answers 404 when it is gone."""
        if self._configured:
            return
        settings = self._vtex.settings
        config = await self.feed_config()
        if config is None or not (
            translate.tells_all(config) and translate.keeps(config, settings.feed_visibility, settings.feed_retention)
        ):
            await self._configure_feed()
        self._configured = True

    async def feed_config(self) -> dict[str, Any] | None:
        return await self._vtex.find(at.FEED_CONFIG)

    async def left(self) -> AsyncGenerator[Page[OrderEvent]]:
        """What a feed of ours still holds after a hook has taken its place. The feed is deleted once it holds nothing, not even events that
        were read and not acknowledged. If it stayed, two weeks of events would be read on the day the hook is lost."""
        if await self._own_feed() is None:
            return
        async with aclosing(self.events()) as pages:
            async for page in pages:
                yield page
        held = await self._own_feed()
        if held is not None and held.get("quantity") == 0:
            await self._vtex.call(at.FEED_DROP, expect=(404,))
            self._configured = False

    async def _own_feed(self) -> dict[str, Any] | None:
        settings, held = self._vtex.settings, await self.feed_config()
        ours = held is not None and translate.tells_all(held) and translate.keeps(held, settings.feed_visibility, settings.feed_retention)
        return held if ours else None

    async def _configure_feed(self) -> None:
        settings = self._vtex.settings
        await self._vtex.call(at.FEED_CONFIGURE, body=translate.feed_config(settings.feed_visibility, settings.feed_retention))

    async def _read_feed(self) -> list[dict[str, Any]]:
        """One lot of events. A feed that had no events for its retention period loses its configuration (404), and is made again."""
        answer = await self._vtex.call(at.FEED, query={"maxlot": LOT}, expect=(404,))
        if answer.status == 404:
            await self._configure_feed()
            answer = await self._vtex.call(at.FEED, query={"maxlot": LOT}, expect=(404,))
        if answer.status == 404:
            raise Unavailable(
                Text("A VTEX não mantém o feed de pedidos desta chave.", "VTEX does not keep this key's order feed."),
                Text("Dê à chave o recurso 'Feed v3 and Hook Admin' (OMS).", "Grant the key the resource 'Feed v3 and Hook Admin' (OMS)."),
                code="feed.missing",
            )
        return answer.json(list[dict[str, Any]] | None) or []

    async def _acknowledge(self, items: list[dict[str, Any]]) -> None:
        """Acknowledges every handle, also those of duplicates and of unknown states: an event that is not acknowledged comes back for
        ever."""
        await self._vtex.call(at.FEED_COMMIT, body={"handles": [item["handle"] for item in items]})

    # ---- the order ----

    async def read(self, key: str) -> Order:
        return translate.order(await self.raw(key))

    async def raw(self, key: str) -> dict[str, Any]:
        """The order's document as VTEX answers it."""
        answer = await self._vtex.call(at.ORDER, order=key, expect=(404,))
        if answer.status == 404:
            raise Rejected(
                Text(f"O pedido {key} não existe na VTEX.", f"The order {key} does not exist in VTEX."),
                Text(
                    "A VTEX mostra pedidos de até dois anos; confira o número no Admin.",
                    "VTEX shows orders of two years; check the number in the Admin.",
                ),
                code="order.missing",
            )
        return answer.json(dict[str, Any])
