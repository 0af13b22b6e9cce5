"""The connection test. Of Webstore only the stock webhook can be called; the other lines say what people still have to do there."""

from __future__ import annotations

from engate import Text
from engate.model import Check
from engate_webstore.settings import WebstoreSettings
from engate_webstore.stock import StockWebhook


async def run(settings: WebstoreSettings, stock: StockWebhook | None) -> list[Check]:
    if stock is None:
        return [ADDRESS, NO_WEBHOOK]
    return [ADDRESS, await stock.probe(), _company(settings)]


ADDRESS = Check(
    "address",
    True,
    Text("O engate está pronto para a Webstore o chamar.", "engate is ready to be called by Webstore."),
    Text(
        "Informe à Webstore o endereço desta conexão e o token; o último contato aparece na conexão.",
        "Give Webstore this connection's address and the token; the connection shows its last contact.",
    ),
)
NO_WEBHOOK = Check(
    "stock_webhook",
    True,
    Text(
        "Sem webhook de estoque: a loja só recebe o estoque quando o consulta.",
        "No stock webhook: the shop gets stock only when it asks for it.",
    ),
)


def _company(settings: WebstoreSettings) -> Check:
    """A receiver checks whose message it is by the CNPJ in it (olist FACTS, section 4)."""
    if settings.document:
        return Check("document", True, Text("O webhook informa o CNPJ da empresa.", "The webhook tells the company's CNPJ."))
    return Check(
        "document",
        True,  # the rest works without it, and no receiver is known that insists
        Text("O webhook de estoque não informa o CNPJ da empresa.", "The stock webhook does not tell the company's CNPJ."),
        Text(
            "Preencha o CNPJ na conexão: a loja confere por ele de quem é a mensagem.",
            "Fill in the connection's CNPJ: the shop checks by it whose message it is.",
        ),
    )
