"""The settings of a Webstore connection."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from engate import Invalid, Secret, Text, called, field
from engate.address import wrong_base, wrong_path

LEAST_TOKEN = 16


def _none() -> Secret:
    return Secret("")


class WebstoreSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    token: Annotated[
        Secret,
        field(
            "Token",
            "Token",
            "Escolha um segredo longo; é ele que se digita no painel da Webstore, em 'Já possuo cadastro no ERP'.",
            "Choose a long secret; it is what is typed in Webstore's panel, under 'Já possuo cadastro no ERP'.",
        ),
    ]
    store: Annotated[
        str,
        field(
            "Loja",
            "Store",
            "O número da loja na Webstore, para não confundir uma com outra.",
            "The store's number at Webstore, so that one is not taken for another.",
            pattern=r"^[0-9]{1,12}$",
            host=True,
        ),
    ]
    stock_webhook: Annotated[
        Secret,
        field(
            "URL do webhook de estoque",
            "URL of the stock webhook",
            "O endereço que o suporte da Webstore informa. Vazio: a loja só recebe o estoque quando o consulta.",
            "The address that Webstore's support hands out. Empty: the shop gets stock only when it asks for it.",
        ),
    ] = msgspec.field(default_factory=_none)
    document: Annotated[
        str,
        field(
            "CNPJ",
            "CNPJ",
            "O da empresa, como o webhook o informa; sem pontuação.",
            "The company's, as the webhook tells it; without punctuation.",
            pattern=r"^([0-9A-Z]{14})?$",
        ),
    ] = ""
    integration: Annotated[
        int,
        field(
            "ID da integração",
            "Id of the integration",
            "O 'idEcommerce' que o webhook de estoque informa.",
            "The 'idEcommerce' that the stock webhook tells.",
            ge=0,
        ),
    ] = 0
    stock_kind: Annotated[
        Literal["F", "D"],
        field(
            "Tipo de estoque",
            "Kind of stock",
            "Como o webhook chama o saldo que informa: físico, como na integração nativa, ou disponível. Qual dos saldos é informado, "
            "decide a opção 'Estoque enviado' da integração.",
            "What the webhook calls the balance that it tells: physical, as the native integration does, or available. Which balance is "
            "told is decided by the integration's option 'Stock sent'.",
        ),
        called(F=("Físico", "Physical"), D=("Disponível", "Available")),
    ] = "F"
    calls_a_minute: Annotated[
        int,
        field(
            "Chamadas por minuto",
            "Calls a minute",
            "Quantas a loja pode fazer; além disso recebe o erro 6 e tenta depois.",
            "How many the shop may make; beyond that it gets error 6 and tries later.",
            ge=1,
            le=6000,
        ),
    ] = 120
    unlimited_stock: Annotated[
        int,
        field(
            "Estoque ilimitado",
            "Unlimited stock",
            "O número informado à loja quando o ERP vende sem contar o estoque; a loja só conhece números.",
            "The number that the shop is told where the ERP sells without counting its stock; the shop knows numbers alone.",
            ge=1,
            le=999_999,
        ),
    ] = 9999
    option_name: Annotated[
        str,
        field(
            "Nome da opção",
            "Option name",
            "Como se chama a opção das embalagens que não têm cor, tamanho etc. no ERP.",
            "What the option of packagings is called that have no colour, size, ... in the ERP.",
            min_length=1,
            max_length=60,
        ),
    ] = "Embalagem"

    def __post_init__(self) -> None:
        """So that a mistake is told to whoever saves it."""
        if len(self.token.reveal()) < LEAST_TOKEN:
            raise Invalid(
                Text(f"O token tem menos de {LEAST_TOKEN} caracteres.", f"The token has fewer than {LEAST_TOKEN} characters."),
                Text("Quem o adivinha lê o catálogo e faz pedidos.", "Who guesses it reads the catalogue and places orders."),
                where="token",
            )
        wrong = _wrong_address(self.stock_webhook.reveal()) if self.stock_webhook else None
        if wrong is not None:
            raise Invalid(
                Text(f"URL do webhook de estoque: {wrong.pt}", f"URL of the stock webhook: {wrong.en}"),
                Text("Copie-a inteira do que o suporte da Webstore informou.", "Copy the whole of it from what Webstore's support said."),
                where="stock_webhook",
            )


def _wrong_address(url: str) -> Text | None:
    """What is wrong with the address. The words never repeat it: it is a secret."""
    wrong = wrong_base(url)
    return wrong if wrong is not None else wrong_path(urlsplit(url).path or "/")
