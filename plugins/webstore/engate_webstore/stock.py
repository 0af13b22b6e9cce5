"""The stock webhook: the shop is told what may be sold of each product that is linked to one of its own.

Contract: olist FACTS, section 4.A.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from engate import Context, EngateError, Rejected, Text
from engate.http import Http
from engate.model import Batch, Check, Item, StockLevel
from engate_webstore.settings import WebstoreSettings

VERSION = "1.0.0"
AVAILABLE = "D"
"""`tipoEstoque`: what the ERP has reserved is out of what engate knows."""


class StockWebhook:
    def __init__(self, context: Context, settings: WebstoreSettings) -> None:
        self._settings = settings
        at = urlsplit(settings.stock_webhook.reveal())
        self._path, self._query = at.path or "/", dict(parse_qsl(at.query))
        self._http: Http = context.http(f"{at.scheme}://{at.netloc}", timeout=20.0)

    async def push(self, batch: Batch[StockLevel]) -> None:
        await batch.each(self._tell, at_once=4)

    async def probe(self) -> Check:
        """As the ERP's own panel tries an address (contract: FACTS, section 4): a GET that is answered with 200."""
        try:
            await self._http.call("GET", self._path, operation="webhook", params=self._query, media="")
        except EngateError as error:
            hint = Text("Confira o endereço com o suporte da Webstore.", "Check the address with Webstore's support.")
            return Check("stock_webhook", False, error.text, hint)
        return Check("stock_webhook", True, Text("O webhook de estoque responde.", "The stock webhook answers."))

    async def _tell(self, item: Item[StockLevel]) -> str:
        told = self._payload(item)
        answer = await self._http.call("POST", self._path, operation="estoque", params=self._query, body=told, safe=True, media="")
        _accepted(answer.body)
        return item.refs["sku"]

    def _payload(self, item: Item[StockLevel]) -> dict[str, Any]:
        data = {
            "tipoEstoque": AVAILABLE,
            "saldo": float(item.want.quantity),
            "idProduto": int(item.refs["sku.id"]),
            "sku": item.want.sku,
            "skuMapeamento": item.refs["sku"],
            "skuMapeamentoPai": item.refs.get("product", ""),
        }
        return {
            "cnpj": self._settings.document,
            "idEcommerce": self._settings.integration,
            "tipo": "estoque",
            "versao": VERSION,
            "dados": data,
        }


def _accepted(body: bytes) -> None:
    """200 is received (contract); what is answered besides is only read for an error that it names."""
    if b'"error"' in body or b'"erro"' in body:
        said = body[:200].decode(errors="replace")
        raise Rejected(
            Text(f"A Webstore recusou o estoque: {said}", f"Webstore refused the stock: {said}"),
            Text("Confira o ID do produto ligado na loja.", "Check the product id that it is linked to in the shop."),
            code="webstore.stock",
        )
