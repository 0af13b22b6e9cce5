"""The configured branches as warehouses, and the stock in them."""

from collections.abc import AsyncIterator, Callable

from engate.model import Page, Query, StockLevel, Warehouse
from engate_winthor import translate
from engate_winthor.client import Client
from engate_winthor.listing import branches
from engate_winthor.lists import Lists, RowList
from engate_winthor.rows import StockRow, text


async def warehouses(client: Client, query: Query) -> AsyncIterator[Page[Warehouse]]:
    """The configured branches. One that WinThor does not know has a problem."""
    known = {text(row.id): row for row in await branches(client)}
    wanted = [branch for branch in client.settings.branches if query.keys is None or branch in query.keys]
    yield Page(
        [
            translate.warehouse(known[branch]) if branch in known else Warehouse(branch, branch, problems=(translate.UNKNOWN_BRANCH,))
            for branch in wanted
        ]
    )


class Stock:
    def __init__(self, client: Client, lists: Lists) -> None:
        self._client, self._lists = client, lists

    async def pages(self, query: Query) -> AsyncIterator[Page[StockLevel]]:
        stock = RowList[StockRow](self._client.contract.stock, self._client.rows.stock, _place)
        asked = [branch for branch in self._client.settings.branches if query.scope in ("", branch)]
        if not asked:  # mapped, and none of those that this connection sells from
            yield Page([])
            return
        params = {stock.call.branch: ",".join(asked)}
        ours: Callable[[StockRow], bool] = lambda row: text(row.branch) in asked  # noqa: E731
        if query.keys is None:
            async for page in self._lists.pages(query, stock, translate.stock, keep=ours, params=params):
                yield page
            return
        skus = dict.fromkeys(name.rpartition("@")[0] for name in query.keys)
        rows = await self._lists.picked(stock, skus, lambda row, ask: text(row.sku) == ask, params)
        missing = skus.keys() - {text(row.sku) for row in rows}
        if missing:
            # `productId` is the SKU key in the answer, but whether the filter takes that or the product's code is not documented.
            codes = dict.fromkeys(sku.rpartition("-")[2] for sku in missing)
            rows += await self._lists.picked(stock, codes, lambda row, ask: text(row.sku).rpartition("-")[2] == ask, params)
        found = {level.key: level for level in map(translate.stock, filter(ours, rows))}
        yield Page([found[key] for key in query.keys if key in found])


def _place(row: StockRow) -> str:
    return f"{text(row.sku)} {text(row.branch)}"
