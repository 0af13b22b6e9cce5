"""What the ERP did with orders: their state, their shipments and, once invoiced, their notes."""

from collections.abc import AsyncIterator

import msgspec

from engate import nfe
from engate.model import ErpOrder, Page, Query
from engate_winthor import translate_orders as translate
from engate_winthor.client import Client
from engate_winthor.lists import Lists, RowList
from engate_winthor.orders import Orders
from engate_winthor.rows import OrderRow
from engate_winthor.search import order_key


class Fulfilment:
    def __init__(self, client: Client, lists: Lists, orders: Orders) -> None:
        self._client, self._lists, self._orders = client, lists, orders
        self._contract, self._settings = client.contract, client.settings

    async def pages(self, query: Query) -> AsyncIterator[Page[ErpOrder]]:
        if query.keys is not None:
            for key in query.keys:
                yield Page([await self._with_invoices(row) for row in await self._orders.one(*_split(key))])
            return
        found, names = RowList(self._contract.orders, self._client.rows.order, order_key), self._contract.order_params
        params = {names.days: self._settings.fulfilment_days, names.documents: "true", found.call.branch: ",".join(self._settings.branches)}
        async for page in self._lists.pages(query, found, self._order, params=params):
            yield page

    def _order(self, row: OrderRow) -> ErpOrder:
        return translate.erp_order(row, self._client.instant, tuple(self._contract.delivered_words.split(",")))

    async def _with_invoices(self, row: OrderRow) -> ErpOrder:
        """A 404 is not an error: WinThor publishes the XML some time after it invoiced."""
        found = self._order(row)
        if found.state != "invoiced":
            return msgspec.structs.replace(found, invoices=())
        params: dict[str, object] = {self._contract.invoice_order: found.key, self._contract.invoice_base64: "false"}
        documents = await self._client.one(self._contract.invoice, self._client.rows.invoice, params)
        xmls = [document.xml for document in documents if document.xml]
        return msgspec.structs.replace(found, invoices=nfe.documents(xmls, translate.sold(row)))


def _split(key: str) -> tuple[str, str]:
    branch, _, number = key.partition("/")
    return branch, number
