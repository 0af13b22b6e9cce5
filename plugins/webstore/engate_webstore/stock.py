"""The stock webhook: it tells the shop the stock of each product that is linked to one of the shop's.

Its address is a secret: whoever has it can change the stock. An answer may repeat the address (an error page names the path), so errors say
only the status of an answer, and whether it names an error. Contract: olist FACTS, section 4.A.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from engate import Context, EngateError, Forbidden, Rejected, Response, Text
from engate.answers import NOT_JSON
from engate.errors import Answered
from engate.http import Http
from engate.model import Batch, Check, Item, StockLevel
from engate.shapes import is_object
from engate_webstore.settings import WebstoreSettings
from engate_webstore.translate import units

VERSION = "1.0.0"
CHECK_ID = Text("Confira o ID do produto ligado na loja.", "Check the product id that it is linked to in the shop.")
ASK_SUPPORT = Text("Confira o endereço com o suporte da Webstore.", "Check the address with Webstore's support.")


class StockWebhook:
    def __init__(self, context: Context, settings: WebstoreSettings) -> None:
        self._settings = settings
        at = urlsplit(settings.stock_webhook.reveal())
        self._path, self._query = at.path or "/", parse_qs(at.query, keep_blank_values=True)
        self._http: Http = context.http(f"{at.scheme}://{at.netloc}", timeout=20.0)

    async def push(self, batch: Batch[StockLevel]) -> None:
        await batch.each(self._tell, at_once=4)

    async def probe(self) -> Check:
        """Tries the address as the ERP's panel does (contract: olist FACTS, section 4): a GET that is answered with 200."""
        try:
            await self._call("GET", "webhook")
        except EngateError as error:
            return Check("stock_webhook", False, error.text, ASK_SUPPORT)
        return Check("stock_webhook", True, Text("O webhook de estoque responde.", "The stock webhook answers."))

    async def _tell(self, item: Item[StockLevel]) -> str:
        _accepted(await self._call("POST", "estoque", self._payload(item)))
        return item.refs["sku"]

    async def _call(self, method: str, operation: str, body: object = None) -> Response:
        try:
            return await self._http.call(method, self._path, operation=operation, params=self._query, body=body, safe=True, media="")
        except Answered as error:
            raise _refused(error.status) from None
        except Forbidden:
            text = Text("A Webstore não permite avisar o estoque (403).", "Webstore does not allow stock to be told (403).")
            raise Forbidden(text, ASK_SUPPORT, operation=f"{method} {operation}") from None

    def _payload(self, item: Item[StockLevel]) -> dict[str, Any]:
        """A simple product goes by the number of its product, as it is fetched by that; a variation by its own and its parent's."""
        varied = int(item.refs["product.of"]) > 1
        data = {
            "tipoEstoque": self._settings.stock_kind,
            "saldo": float(units(item.want, self._settings.unlimited_stock)),
            "idProduto": int(item.refs["sku.id" if varied else "product.id"]),
            "sku": item.want.sku,
            "skuMapeamento": item.refs["sku"],
            "skuMapeamentoPai": item.refs.get("product", "") if varied else "",
        }
        return {
            "cnpj": self._settings.document,
            "idEcommerce": self._settings.integration,
            "tipo": "estoque",
            "versao": VERSION,
            "dados": data,
        }


def _refused(status: int) -> Rejected:
    text = Text(f"A Webstore recusou o estoque: resposta {status}.", f"Webstore refused the stock: it answered {status}.")
    return Rejected(text, CHECK_ID, code=f"http.{status}")


def _accepted(answer: Response) -> None:
    """By the contract 200 means received. The body is read only for an error that it names."""
    try:
        said = msgspec.json.decode(answer.body)
    except NOT_JSON:
        return
    if is_object(said) and (said.get("error") or said.get("erro")):
        text = Text("A Webstore recusou o estoque: a resposta informa um erro.", "Webstore refused the stock: its answer names an error.")
        raise Rejected(text, CHECK_ID, code="webstore.stock")
