"""The mapping in the trade's own words: charge and terms of a payment, price lists. (Parts of orders keep their stored names.)"""

# pyright: standard

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"

integration = sa.table("integration", sa.column("id", sa.BigInteger), sa.column("mapping", sa.JSON))
PAYMENT = {"billing": "charge", "plan": "terms"}
PRICE_LIST = {"policy": "list"}


def upgrade() -> None:
    c = op.get_bind()
    for row in c.execute(sa.select(integration.c.id, integration.c.mapping)).all():
        changed = _in_words(row.mapping)
        if changed != row.mapping:
            c.execute(sa.update(integration).where(integration.c.id == row.id).values(mapping=changed))


def _in_words(mapping: dict[str, Any]) -> dict[str, Any]:
    changed = {kind: rows for kind, rows in mapping.items() if kind != "price_tables"}
    if "payments" in mapping:
        changed["payments"] = [_renamed(row, PAYMENT) for row in mapping["payments"]]
    if "price_tables" in mapping:
        changed["price_lists"] = [_renamed(row, PRICE_LIST) for row in mapping["price_tables"]]
    return changed


def _renamed(row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in row.items()}
