"""The connection test: one line per thing that must work, changing nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from engate import Text
from engate.checks import Failed, Probe, lines_of
from engate.model import Check
from engate_shopify import operations as op
from engate_shopify.client import Shopify
from engate_shopify.settings import VERSION

SCOPES = (
    "write_products",
    "write_publications",
    "write_files",
    "write_inventory",
    "read_locations",
    "write_orders",
    "write_order_edits",
    "write_merchant_managed_fulfillment_orders",
)
"""What the hooks need. One that writes may read too."""


async def run(shop: Shopify) -> list[Check]:
    return await lines_of([Probe(name, partial(look, shop)) for name, look in PROBES])


async def _access(shop: Shopify) -> Text:
    found = await shop.graphql(op.SHOP)
    return Text(f"Loja {found['name']} ({found['myshopifyDomain']}).", f"Shop {found['name']} ({found['myshopifyDomain']}).")


async def _version(shop: Shopify) -> Text:
    """A version that is gone is served by the oldest one left. Only a header says so."""
    answered = (await shop.answer(op.SHOP)).headers.get("x-shopify-api-version", VERSION)
    if answered != VERSION:
        raise Failed(
            Text(
                f"A loja responde com a versão {answered} da API, não {VERSION}.", f"The shop answers with API {answered}, not {VERSION}."
            ),
            Text("Atualize o engate: a versão dele saiu do ar.", "Update engate: its version is out of service."),
        )
    return Text(f"Versão {answered} da API.", f"API version {answered}.")


async def _scopes(shop: Shopify) -> Text:
    held = {scope["handle"] for scope in (await shop.graphql(op.SCOPES))["accessScopes"]}
    missing = [scope for scope in SCOPES if scope not in held and scope.replace("read_", "write_", 1) not in held]
    if missing:
        raise Failed(
            Text(f"Faltam escopos: {', '.join(missing)}.", f"Scopes are missing: {', '.join(missing)}."),
            Text("Dê os escopos ao app e reinstale-o na loja.", "Grant the app these scopes and install it in the shop again."),
        )
    return Text(f"{len(held)} escopos.", f"{len(held)} scopes.")


async def _locations(shop: Shopify) -> Text:
    names = [row["name"] async for page in shop.pages(op.LOCATIONS) for row in page if row["isActive"]]
    if not names:
        raise Failed(
            Text("A loja não tem local ativo.", "The shop has no active location."),
            Text("Crie um em Configurações > Locais.", "Create one in Settings > Locations."),
        )
    return Text(f"{len(names)} locais: {', '.join(names[:5])}", f"{len(names)} locations: {', '.join(names[:5])}")


async def publication(shop: Shopify) -> str:
    """The publication of the products: the one of the settings, or the only one there is."""
    ids = [row["id"] for row in (await shop.graphql(op.PUBLICATIONS))["nodes"]]
    chosen = shop.settings.publication
    if (chosen and chosen not in ids) or (not chosen and len(ids) != 1):
        pt, en = (", e o da conexão não é um deles", ", and the connection's is none of them") if chosen else ("", "")
        raise Failed(
            Text(f"A loja tem {len(ids)} canais de venda{pt}.", f"The shop has {len(ids)} publications{en}."),
            Text(f"Informe na conexão um destes: {', '.join(ids[:10])}", f"Enter one of these in the connection: {', '.join(ids[:10])}"),
        )
    return chosen or ids[0]


async def _publication(shop: Shopify) -> Text:
    found = await publication(shop)
    return Text(f"Canal de venda {found}.", f"Publication {found}.")


async def _currency(shop: Shopify) -> Text:
    """The shop's currency must be the real: orders and prices are in reais."""
    currency = (await shop.graphql(op.SHOP))["currencyCode"]
    if currency != "BRL":
        raise Failed(
            Text(f"A moeda da loja é {currency}, não BRL.", f"The shop's currency is {currency}, not BRL."),
            Text("Mude a moeda em Configurações > Geral.", "Change the currency in Settings > General."),
        )
    return Text("Moeda BRL.", "Currency BRL.")


async def _orders(shop: Shopify) -> Text:
    """Orders must be readable with the buyer's data: some plans do not give it."""
    await shop.graphql(op.LAST_ORDER)
    return Text("Pedidos e dados do comprador acessíveis.", "Orders and buyers' data within reach.")


async def identity(shop: Shopify) -> str:
    """The shop as Shopify itself names it: a domain of its own may change."""
    return str((await shop.graphql(op.SHOP))["myshopifyDomain"]).lower()


async def learn(shop: Shopify) -> dict[str, str]:
    """What support asks first. Rates, buyers' data and companies depend on the plan; the version says whether ours is still served."""
    answer = await shop.answer(op.PLAN)
    plan = answer.json(dict[str, Any])["data"]["shop"]["plan"]["publicDisplayName"]
    return {"plan": str(plan), "api": answer.headers.get("x-shopify-api-version", VERSION)}


PROBES: tuple[tuple[str, Callable[[Shopify], Awaitable[Text]]], ...] = (
    ("access", _access),
    ("version", _version),
    ("scopes", _scopes),
    ("locations", _locations),
    ("publication", _publication),
    ("currency", _currency),
    ("orders", _orders),
)
