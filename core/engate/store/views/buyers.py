"""Whose orders are: as they are looked up to be masked, and everything that is stored of one buyer."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from engate.model import Order
from engate.store.blobs import readable
from engate.store.tables import order


def of_orders(c: sa.Connection, tenant_id: int, places: Iterable[tuple[int, str]]) -> dict[tuple[int, str], Order]:
    """These orders (integration, key), as far as they can be read."""
    by_integration: dict[int, list[str]] = {}
    for id, key in places:
        by_integration.setdefault(id, []).append(key)
    found: dict[tuple[int, str], Order] = {}
    for id, keys in by_integration.items():
        mine = (order.c.tenant_id == tenant_id) & (order.c.integration_id == id) & order.c.key.in_(keys)
        for row in c.execute(sa.select(order.c.key, order.c.doc).where(mine)):
            doc = readable(row.doc, Order)
            if doc is not None:
                found[id, row.key] = doc
    return found
