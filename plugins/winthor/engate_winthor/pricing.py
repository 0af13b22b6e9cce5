"""Prices: one list, read once for the default price and those of other regions, or twice."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from hashlib import blake2b

from engate.model import Page, Price, Query
from engate_winthor import translate
from engate_winthor.client import Client
from engate_winthor.lists import Lists, RowList, unique
from engate_winthor.rows import PriceRow, text


class Prices:
    def __init__(self, client: Client, lists: Lists) -> None:
        self._client, self._lists = client, lists
        self._contract = client.contract
        self._branch, self._region = client.settings.main_branch, client.settings.price_region

    async def pages(self, query: Query) -> AsyncIterator[Page[Price]]:
        """Always complete: the list has no changed-since, and an offer begins and ends without a change. A price table is a region.

        Only where the connection names its region can the default price be told from those of other regions; else they are read in a second
        pass. The cursor names the pass and its regions ("1/9f3a…:3"). With other regions the reading begins anew.
        """
        passes = self._passes(query.tables)
        if query.keys is not None:
            skus = dict.fromkeys(key.partition("@")[0] for key in query.keys)
            now = self._client.local(self._client.clock.now())
            found = [price for each in passes for row in await self._picked(skus, each) for price in self._prices(row, now, each)]
            yield Page(unique(price for price in found if price.key in query.keys))
            return
        places = [f"{index}/{blake2b(repr(passes).encode(), digest_size=4).hexdigest()}" for index in range(len(passes))]
        at, _, cursor = (query.cursor or "").partition(":")
        if at not in places:
            at, cursor = places[0], ""
        for index in range(places.index(at), len(passes)):
            each = passes[index]
            following = f"{places[index + 1]}:" if index + 1 < len(passes) else None
            list_of, params = self._list_of(each)
            async for part in self._client.pages(list_of.call, list_of.kind, list_of.key, params, cursor=cursor or None):
                prices = [price for row in part.rows for price in self._prices(row, part.now, each)]
                yield Page(unique(prices), f"{places[index]}:{part.cursor}" if part.cursor else following)
            cursor = ""

    def _passes(self, tables: Iterable[str]) -> list[Mapping[str, str]]:
        """Each a reading of the list: price table -> region ("" = whichever WinThor chose, when it was not asked for all)."""
        own, names_all = {"": self._region}, self._contract.price_regions
        others = {table: table for table in tables} if names_all else {}
        if own[""] and names_all:
            return [own | others]
        return [own, others] if others else [own]

    def _list_of(self, tables: Mapping[str, str]) -> tuple[RowList[PriceRow], dict[str, object]]:
        call, all_regions = self._contract.prices, any(tables.values())
        params: dict[str, object] = {call.branch: self._branch}
        if all_regions and self._contract.price_regions:
            params[self._contract.price_regions] = "true"
        key: Callable[[PriceRow], str] = lambda row: f"{text(row.sku)} {text(row.region)}" if all_regions else text(row.sku)  # noqa: E731
        return RowList[PriceRow](call, self._client.rows.price, key), params

    def _prices(self, row: PriceRow, now: str, tables: Mapping[str, str]) -> list[Price]:
        return [
            translate.price(row, now, table)
            for table, region in tables.items()
            if translate.of_region(row, self._branch, region) and (not table or text(row.region) == region)
        ]

    async def _picked(self, skus: Iterable[str], tables: Mapping[str, str]) -> list[PriceRow]:
        list_of, params = self._list_of(tables)
        return await self._lists.picked(list_of, skus, lambda row, ask: text(row.sku) == ask, params)
