"""The settings of a Shopify connection."""

from __future__ import annotations

from typing import Annotated

import msgspec

from engate import Invalid, Secret, Text, field

VERSION = "2026-10"
"""The API version that every operation text is written for. One that is gone is served by another: the connection test compares."""


def _none() -> Secret:
    return Secret("")


class ShopifySettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    shop: Annotated[
        str,
        field(
            "Loja",
            "Shop",
            "O nome da loja, como aparece em https://LOJA.myshopify.com.",
            "The shop's name, as it stands in https://SHOP.myshopify.com.",
            host=True,
            pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*(\.myshopify\.com)?$",
        ),
    ]
    access_token: Annotated[
        Secret,
        field(
            "Token de acesso",
            "Access token",
            "Só para um app antigo, criado no Admin da loja. Vazio: o engate usa o ID e a chave secreta do app.",
            "Only for an old app, made in the shop's Admin. Empty: engate uses the app's id and secret.",
        ),
    ] = msgspec.field(default_factory=_none)
    client_id: Annotated[
        str,
        field(
            "ID do cliente do app", "App client id", "Dev Dashboard > app > Configurações.", "Dev Dashboard > app > Settings.", host=True
        ),
    ] = ""
    client_secret: Annotated[
        Secret,
        field(
            "Chave secreta do app",
            "App client secret",
            "Também assina os avisos (webhooks) da loja.",
            "It signs the shop's webhooks too.",
        ),
    ] = msgspec.field(default_factory=_none)
    old_client_secret: Annotated[
        Secret,
        field(
            "Chave secreta anterior",
            "Previous client secret",
            "Enquanto a chave é trocada, a Shopify ainda assina com a anterior por até uma hora.",
            "While the secret is rotated, Shopify still signs with the previous one for up to an hour.",
        ),
    ] = msgspec.field(default_factory=_none)
    publication: Annotated[
        str,
        field(
            "Canal de venda",
            "Sales channel",
            "O ID da publicação (gid://shopify/Publication/...). Vazio: a única que a loja tem.",
            "The publication's id (gid://shopify/Publication/...). Empty: the only one the shop has.",
        ),
    ] = ""
    option_name: Annotated[
        str,
        field(
            "Nome da opção",
            "Option name",
            "Como se chama a opção das embalagens que não têm cor, tamanho etc. no ERP.",
            "What the option of packagings is called that have no colour, size, ... in the ERP.",
            min_length=1,
            max_length=255,
        ),
    ] = "Embalagem"
    notify_customer: Annotated[
        bool,
        field("Avisar o comprador", "Notify the buyer", "E-mails da Shopify sobre o envio.", "Shopify's own mails about the shipment."),
    ] = True
    base_url: Annotated[
        str,
        field(
            "Endereço da API",
            "API address",
            "Só para um proxy ou ambiente de teste. Vazio: https://LOJA.myshopify.com.",
            "Only for a proxy or a test environment. Empty: https://SHOP.myshopify.com.",
            host=True,
            url=True,
        ),
    ] = ""
    at_once: Annotated[
        int,
        field("Chamadas simultâneas", "Calls at once", "Chamadas em andamento, no máximo.", "Most calls in flight.", ge=1, le=64),
    ] = 8

    def __post_init__(self) -> None:
        """So that a mistake is told to whoever saves it."""
        if not self.access_token and not (self.client_id and self.client_secret):
            raise Invalid(
                Text("Falta a credencial da loja.", "The shop's credentials are missing."),
                Text("Preencha o ID e a chave secreta do app, ou o token.", "Fill in the app's id and secret, or the token."),
                where="client_id",
            )

    @property
    def address(self) -> str:
        return self.base_url or f"https://{self.shop.removesuffix('.myshopify.com')}.myshopify.com"
