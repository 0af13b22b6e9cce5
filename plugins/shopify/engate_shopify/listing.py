"""What the shop has: choices of a mapping, and the variants that exist."""

from __future__ import annotations

from collections.abc import AsyncIterator

from engate.model import Choice, Listing, Page, Query
from engate_shopify import operations as op
from engate_shopify.client import Shopify


async def choices(shop: Shopify, kind: str) -> AsyncIterator[Page[Choice]]:
    match kind:
        case "warehouses":
            async for rows in shop.pages(op.LOCATIONS):
                yield Page([Choice(row["id"], row["name"], row["isActive"]) for row in rows])
        case "price_lists":
            async for rows in shop.pages(op.PRICE_LISTS):
                yield Page([Choice(row["id"], f"{row['name']} ({row['currency']})") for row in rows])
        case "payments" | "shippings":
            yield Page(await _seen(shop, kind))
        case _:
            pass


async def _seen(shop: Shopify, kind: str) -> list[Choice]:
    """The values that the newest orders have: Shopify has no list of payment gateways or shipping methods."""
    found: dict[str, str] = {}
    for order in (await shop.graphql(op.GATEWAYS))["nodes"]:
        if kind == "payments":
            found |= {name: name for name in order["paymentGatewayNames"]}
        elif (line := order["shippingLine"]) is not None:
            found[line["code"] or line["title"]] = line["title"]
    return [Choice(key, name) for key, name in sorted(found.items())]


async def variants(shop: Shopify, query: Query) -> AsyncIterator[Page[Listing]]:
    """Variants by id, in windows: a list ends at 25,000, and an id does not change."""
    last = query.cursor or "0"
    while True:
        found = await shop.graphql(op.LISTING, query=f"id:>{last}")
        rows = found["nodes"]
        more = found["pageInfo"]["hasNextPage"] and rows
        last = str(rows[-1]["legacyResourceId"]) if rows else last
        items = [
            Listing(
                row["id"],
                row["sku"] or "",
                row["barcode"] or "",
                row["displayName"],
                active=row["product"]["status"] == "ACTIVE",
                product=row["product"]["id"],
            )
            for row in rows
        ]
        yield Page(items, cursor=last if more else None)
        if not more:
            return
