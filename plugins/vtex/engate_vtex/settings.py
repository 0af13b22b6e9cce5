"""The settings of a VTEX connection."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from engate import Invalid, Text
from engate.limits import Rate
from engate.settings import Secret, called, field

FEED_RETENTION = (345_600, 1_209_600)
"""The bounds VTEX documents, in seconds: 4 to 14 days."""


RATE_GROUPS = frozenset({"catalog", "catalog_endpoint", "pricing_write", "orders"})


class VtexSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    account: Annotated[
        str,
        field(
            "Conta",
            "Account",
            "O nome da conta VTEX, como aparece em https://CONTA.myvtex.com.",
            "The VTEX account name, as it stands in https://ACCOUNT.myvtex.com.",
            host=True,
            pattern=r"^[A-Za-z0-9_-]+$",
        ),
    ]
    app_key: Annotated[
        Secret,
        field(
            "Chave do app ('App key')",
            "App key",
            "Crie uma chave só para o engate (Configurações da conta > Chaves de API): o feed de pedidos pertence à chave.",
            "Create a key for engate alone (Account settings > API keys): the order feed belongs to the key.",
        ),
    ]
    app_token: Annotated[
        Secret,
        field("Token do app ('App token')", "App token", "O token mostrado ao criar a chave.", "The token shown when the key was created."),
    ]
    trade_policy: Annotated[
        str,
        field(
            "Política comercial",
            "Trade policy",
            "O número da política comercial em que os produtos são vendidos (a principal é 1).",
            "The number of the trade policy the products are sold in (the main one is 1).",
            pattern=r"^[0-9]+$",
        ),
    ] = "1"
    dock: Annotated[
        str,
        field(
            "Doca",
            "Loading dock",
            "O ID da doca dos estoques que o engate criar. Vazio: a única doca ativa da conta.",
            "The ID of the loading dock for the warehouses engate creates. Empty: the account's only active dock.",
        ),
    ] = ""
    environment: Annotated[
        str,
        field(
            "Ambiente",
            "Environment",
            "O domínio da VTEX, sem .com.br.",
            "VTEX's domain, without .com.br.",
            host=True,
            pattern=r"^[a-z0-9.-]+$",
        ),
    ] = "vtexcommercestable"
    base_url: Annotated[
        str,
        field(
            "Endereço das APIs",
            "API address",
            "Só para um proxy ou ambiente de teste. Vazio: https://CONTA.AMBIENTE.com.br.",
            "Only for a proxy or a test environment. Empty: https://ACCOUNT.ENVIRONMENT.com.br.",
            host=True,
            url=True,
        ),
    ] = ""
    pricing_url: Annotated[
        str,
        field(
            "Endereço da API de preços",
            "Pricing API address",
            "Sem a palavra 'pricing' e a barra do fim. Vazio: https://api.vtex.com/CONTA.",
            "Without the word 'pricing' and the slash at its end. Empty: https://api.vtex.com/ACCOUNT.",
            host=True,
            url=True,
        ),
    ] = ""
    payments_url: Annotated[
        str,
        field(
            "Endereço da API de pagamentos",
            "Payments API address",
            "Vazio: https://CONTA.vtexpayments.com.br.",
            "Empty: https://ACCOUNT.vtexpayments.com.br.",
            host=True,
            url=True,
        ),
    ] = ""
    orders_by: Annotated[
        Literal["feed", "hook"],
        field(
            "Pedidos chegam por",
            "Orders arrive by",
            "Feed: o engate pergunta à VTEX. Hook: a VTEX avisa o engate na hora, o que pede um endereço público com https.",
            "Feed: engate asks VTEX. Hook: VTEX tells engate at once, which takes a public https address.",
        ),
        called(feed=("Feed", "Feed"), hook=("Hook", "Hook")),
    ] = "feed"
    feed_visibility: Annotated[
        int,
        field(
            "Visibilidade do feed (s)",
            "Feed visibility (s)",
            "Depois desse tempo a VTEX entrega de novo um evento lido e não confirmado.",
            "After this time VTEX delivers an event again that was read but not acknowledged.",
            ge=30,
            le=43_200,
        ),
    ] = 240
    feed_retention: Annotated[
        int,
        field(
            "Retenção do feed (s)",
            "Feed retention (s)",
            "Por quanto tempo a VTEX guarda um evento não lido.",
            "How long VTEX keeps an event that nobody reads.",
            ge=FEED_RETENTION[0],
            le=FEED_RETENTION[1],
        ),
    ] = FEED_RETENTION[1]
    at_once: Annotated[
        int,
        field(
            "Chamadas simultâneas",
            "Calls at once",
            "Chamadas em andamento, no máximo, por host.",
            "Most calls in flight per host.",
            ge=1,
            le=256,
        ),
    ] = 32
    rates: Annotated[
        dict[str, Rate],
        field(
            "Limites de chamadas",
            "Rate limits",
            "Troca o limite de um grupo: 'catalog', 'catalog_endpoint', 'pricing_write', 'orders'. Os outros seguem o que a VTEX publica.",
            "Replaces the limit of a group: 'catalog', 'catalog_endpoint', 'pricing_write', 'orders'. The others keep what VTEX publishes.",
        ),
    ] = {}

    def __post_init__(self) -> None:
        """So that a mistake is told to whoever saves it."""
        for name in self.rates.keys() - RATE_GROUPS:
            groups = ", ".join(sorted(RATE_GROUPS))
            raise Invalid(
                Text(f"A VTEX não tem o grupo de limites {name!r}.", f"VTEX has no group of limits {name!r}."),
                Text(f"Os grupos são: {groups}.", f"The groups are: {groups}."),
                where=f"rates.{name}",
            )
