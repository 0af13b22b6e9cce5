"""Lists of WinThor: page by page, only what changed since, or the rows of a few things alone."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from engate.model import Page, Query
from engate_winthor.client import Client, watermark
from engate_winthor.endpoints import Paged

T = TypeVar("T", bound="Keyed")
R = TypeVar("R", bound=msgspec.Struct)
MANY = 50
"""From so many keys on, the whole list is fewer calls than one for each."""


class Keyed(Protocol):
    @property
    def key(self) -> str: ...


class RowList(NamedTuple, Generic[R]):
    """A list: how it is asked for, what its rows are, and what tells them apart."""

    call: Paged
    kind: type[R]
    key: Callable[[R], str]


class Lists:
    """`overlap_seconds`: how much earlier than the watermark the changes are asked for."""

    def __init__(self, client: Client, overlap_seconds: float) -> None:
        self._client, self._overlap = client, overlap_seconds

    async def pages(
        self,
        query: Query,
        of: RowList[R],
        made: Callable[[R], T],
        *,
        keep: Callable[[R], bool] | None = None,
        params: Mapping[str, object] | None = None,
    ) -> AsyncIterator[Page[T]]:
        """Pages of a list that knows what changed since. Rows that are not kept count for the watermark all the same."""
        asked: dict[str, object] = {
            **(params or {}),
            of.call.since: self._client.since(query.since, self._overlap) if query.keys is None else None,
        }
        async for part in self._client.pages(of.call, of.kind, of.key, asked, cursor=query.cursor):
            rows = part.rows if keep is None else [row for row in part.rows if keep(row)]
            stamps = [getattr(row, "changed", None) for row in part.rows] if query.keys is None else []
            yield Page(unique(made(row) for row in rows), part.cursor, watermark(stamps, part.now))

    async def picked(self, of: RowList[R], asks: Iterable[str], fits: Callable[[R, str], bool], params: Mapping[str, object]) -> list[R]:
        """The rows of a few things, asked one by one. Where the server ignores the filter, or for many, the whole list is read once."""
        call = of.call
        asks, found = [ask for ask in asks if ask], list[R]()
        if call.only and len(asks) < MANY:
            for ask in asks:
                rows = await self._asked(of, fits, ask, {**params, call.only: ask})
                if rows is None:
                    break
                found += rows
            else:
                return found
        return await self._client.all(of.call, of.kind, of.key, params)

    async def _asked(self, of: RowList[R], fits: Callable[[R, str], bool], ask: str, params: Mapping[str, object]) -> list[R] | None:
        """The rows of one thing; None as soon as a row of another shows that the filter is ignored."""
        found: list[R] = []
        async for part in self._client.pages(of.call, of.kind, of.key, params):
            if not all(fits(row, ask) for row in part.rows):
                return None
            found += part.rows
        return found


def unique(items: Iterable[T]) -> list[T]:
    """One item a key, the last: some lists answer a row for each branch."""
    return list({item.key: item for item in items}.values())
