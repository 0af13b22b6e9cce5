"""What the shop has: its SKUs, and the values a mapping can name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from engate.model import Choice, Listing, Page, Query
from engate_vtex import endpoints as at
from engate_vtex.client import Vtex
from engate_vtex.stock import read_warehouses
from engate_vtex.translate_orders import inner

SKUS_PER_PAGE = 100
"""Each SKU costs a call of its own for its reference and EAN, so a page stays small; VTEX would give 1,000 ids."""
POLICIES_PER_PAGE = 100


async def skus(vtex: Vtex, query: Query) -> AsyncIterator[Page[Listing]]:
    """The SKUs, by pages of ids. A new SKU gets a higher id, so a page that was read stays as it was."""
    if query.keys is not None:
        yield Page(await _details(vtex, query.keys))
        return
    page = int(query.cursor or 0) + 1
    while ids := (await vtex.call(at.SKU_IDS, query={"page": page, "pagesize": SKUS_PER_PAGE})).json(list[int]):
        yield Page(await _details(vtex, ids), cursor=str(page))
        page += 1


async def _details(vtex: Vtex, ids: Any) -> list[Listing]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_listing(vtex, str(sku))) for sku in ids]
    return [listing for task in tasks if (listing := task.result()) is not None]


async def _listing(vtex: Vtex, sku: str) -> Listing | None:
    """None: deleted since the ids were listed."""
    answer = await vtex.call(at.SKU_CONTEXT, sku=sku, expect=(404,))
    if answer.status == 404:
        return None
    raw = answer.json(dict[str, Any])
    other = inner(raw, "AlternateIds")
    return Listing(
        sku=str(raw["Id"]),
        reference=other.get("RefId") or "",
        ean=other.get("Ean") or "",
        name=raw.get("NameComplete") or raw.get("SkuName") or "",
        active=bool(raw.get("IsActive")),
    )


# ---- choices ----


async def choices(vtex: Vtex, kind: str) -> AsyncIterator[Page[Choice]]:
    if read := _CHOICES.get(kind):
        yield Page(await read(vtex))


async def _warehouses(vtex: Vtex) -> list[Choice]:
    return [Choice(raw["id"], raw.get("name") or raw["id"], bool(raw.get("isActive", True))) for raw in await read_warehouses(vtex)]


async def _payments(vtex: Vtex) -> list[Choice]:
    systems = (await vtex.call(at.PAYMENT_SYSTEMS)).json(list[dict[str, Any]])
    return [Choice(str(raw["id"]), raw.get("name") or str(raw["id"]), bool(raw.get("isAvailable", True))) for raw in systems]


async def _shippings(vtex: Vtex) -> list[Choice]:
    """The shipping policies: each names a carrier, and an order says by which it goes."""
    found: list[Choice] = []
    page, pages = 1, 1
    while page <= pages:
        answer = (await vtex.call(at.SHIPPING_POLICIES, query={"page": page, "perPage": POLICIES_PER_PAGE})).json(dict[str, Any])
        pages = inner(answer, "paging").get("pages") or 1
        for policy in answer.get("items") or ():
            found.append(Choice(policy["id"], _policy_name(policy), bool(policy.get("isActive", True))))
        page += 1
    return found


def _policy_name(policy: dict[str, Any]) -> str:
    name, method = policy.get("name") or policy["id"], policy.get("shippingMethod")
    return f"{name} ({method})" if method and method != name else name


async def _price_lists(vtex: Vtex) -> list[Choice]:
    return [Choice(table, table) for table in (await vtex.call(at.PRICE_TABLES)).json(list[str])]


_CHOICES: dict[str, Callable[[Vtex], Awaitable[list[Choice]]]] = {
    "warehouses": _warehouses,
    "payments": _payments,
    "shippings": _shippings,
    "price_lists": _price_lists,
}
