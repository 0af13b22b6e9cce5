"""The connection test: one line per thing that must work, changing nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from engate import Text
from engate.checks import Failed, Probe, lines_of
from engate.model import Check
from engate_vtex import endpoints as at
from engate_vtex import translate_orders, webhooks
from engate_vtex.client import Vtex
from engate_vtex.orders import Orders
from engate_vtex.stock import read_docks, read_warehouses


async def run(vtex: Vtex) -> list[Check]:
    probes = [Probe(name, partial(look, vtex), _grant(role)) for name, look, role in PROBES]
    return await lines_of(probes, _RENEW)


_RENEW = Text(
    "Crie uma chave nova em Configurações da conta > Chaves de API e cole os dois valores.",
    "Create a new key in Account settings > API keys and paste both values.",
)


def _grant(role: str) -> Text:
    return Text(f"Dê à chave um perfil com: {role}.", f"Give the key a role with: {role}.")


async def _trade_policy(vtex: Vtex) -> Text:
    policies = (await vtex.call(at.POLICIES)).json()
    found = next((policy for policy in policies if str(policy["Id"]) == vtex.settings.trade_policy), None)
    if found is None or not found.get("IsActive", True):
        raise Failed(
            Text(
                f"A política comercial {vtex.settings.trade_policy} não existe ou está inativa.",
                f"The trade policy {vtex.settings.trade_policy} does not exist or is inactive.",
            ),
            Text(
                "Corrija o número na conexão; as políticas estão em Configurações da loja.",
                "Correct the number in the connection; see Store settings.",
            ),
        )
    return Text(f"Política comercial {found['Id']}: {found['Name']}", f"Trade policy {found['Id']}: {found['Name']}")


async def _brands(vtex: Vtex) -> Text:
    total = (await vtex.call(at.BRANDS, query={"pageSize": 1, "page": 1})).json()["paging"]["total"]
    return Text(f"Catálogo acessível ({total} marcas).", f"Catalogue within reach ({total} brands).")


async def _skus(vtex: Vtex) -> Text:
    await vtex.call(at.SKU_IDS, query={"page": 1, "pagesize": 1})
    return Text("SKUs acessíveis.", "SKUs within reach.")


async def _prices(vtex: Vtex) -> Text:
    tables = (await vtex.call(at.PRICE_TABLES)).json(list[str])
    return Text(f"Preços acessíveis ({len(tables)} tabelas).", f"Prices within reach ({len(tables)} tables).")


async def _warehouses(vtex: Vtex) -> Text:
    warehouses = [warehouse for warehouse in await read_warehouses(vtex) if warehouse.get("isActive", True)]
    if not warehouses:
        raise Failed(
            Text("A conta não tem estoque ativo.", "The account has no active warehouse."),
            Text(
                "Crie um em Envio > Estoques, ou deixe o engate criar um por filial.",
                "Create one in Shipping > Warehouses, or let engate create one per branch.",
            ),
        )
    names = ", ".join(str(warehouse["id"]) for warehouse in warehouses[:5])
    return Text(f"{len(warehouses)} estoques ativos: {names}", f"{len(warehouses)} active warehouses: {names}")


async def _dock(vtex: Vtex) -> Text:
    docks = [str(dock["id"]) for dock in await read_docks(vtex) if dock.get("isActive", True)]
    wanted = vtex.settings.dock
    if not docks or (wanted and wanted not in docks):
        raise Failed(
            Text(f"A doca {wanted or 'ativa'} não existe na conta.", f"The account has no {wanted or 'active'} loading dock."),
            Text(
                "Crie a doca em Envio > Docas, ou corrija o ID na conexão.",
                "Create it in Shipping > Loading docks, or correct the id in the connection.",
            ),
        )
    return Text(f"Docas ativas: {', '.join(docks[:5])}", f"Active loading docks: {', '.join(docks[:5])}")


async def _orders(vtex: Vtex) -> Text:
    await vtex.call(at.ORDERS, query={"page": 1, "per_page": 1})
    return Text("Pedidos acessíveis.", "Orders within reach.")


async def _events(vtex: Vtex) -> Text:
    return await (_hook(vtex) if vtex.settings.orders_by == "hook" else _feed(vtex))


async def _hook(vtex: Vtex) -> Text:
    held = await webhooks.config(vtex)
    if held is None:
        return Text("Hook ainda não configurado: o engate o cria ao ativar.", "Hook not configured yet: engate makes it on activation.")
    if not webhooks.is_ours(held):
        raise Failed(webhooks.SOMEBODY_ELSES.text, _ITS_OWN_KEY)
    return Text("Hook configurado.", "Hook configured.")


_ITS_OWN_KEY = Text(
    "Crie uma chave só para o engate, ou escolha 'Feed' na conexão. Até o teste passar nada é enviado nem recebido.",
    "Create a key for engate alone, or choose 'Feed' in the connection. Until the test passes nothing is sent or taken in.",
)


async def _feed(vtex: Vtex) -> Text:
    config = await Orders(vtex).feed_config()
    if config is None:
        return Text("Feed ainda não configurado: o engate o cria ao ativar.", "Feed not configured yet: engate makes it on activation.")
    if not translate_orders.tells_all(config):
        raise Failed(
            Text(
                "O feed desta chave está configurado para outra coisa: outro sistema pode usá-lo.",
                "This key's feed is configured for something else.",
            ),
            Text(
                "Crie uma chave só para o engate: o feed pertence à chave.", "Create a key for engate alone: the feed belongs to the key."
            ),
        )
    return Text(
        f"Feed configurado, {config.get('quantity', 0)} eventos à espera.", f"Feed configured, {config.get('quantity', 0)} events waiting."
    )


PROBES: tuple[tuple[str, Callable[[Vtex], Awaitable[Text]], str], ...] = (
    ("trade_policy", _trade_policy, "Catalog: Sales Channel"),
    ("catalog", _brands, "Catalog: Brands Management, Product and SKU Management"),
    ("skus", _skus, "Catalog: SKUs"),
    ("prices", _prices, "Pricing: Read prices, Modify prices"),
    ("warehouses", _warehouses, "Logistics: Logistics full access"),
    ("dock", _dock, "Logistics: Logistics full access"),
    ("orders", _orders, "OMS: List orders, View order, Change order workflow status, Notify invoice, Cancel order, Change order"),
    ("events", _events, "OMS: Feed v3 and Hook Admin"),
)
"""(name, what to read, the License Manager resources it needs)"""
