"""What the platforms of an integration told by themselves, as people see it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from engate.store import config
from engate.store.tables import delivery
from engate.store.views.paging import Rows, Window, each, instant, page


class Delivery(msgspec.Struct):
    """`key`: the platform's id of it. `outcome`: taken | unheard (no integration was live) | refused (`reason` says why). `times`: it
    came so often; what is refused for one reason is one row. `bytes`: of the last body."""

    id: int
    connection: int
    key: str
    received_at: datetime | None
    method: str
    path: str
    bytes: int
    outcome: str
    reason: str
    times: int
    orders: list[str]
    changed: dict[str, list[str]]


def deliveries(c: sa.Connection, tenant_id: int, connection_ids: Sequence[int], window: Window) -> Rows[Delivery]:
    """Newest first."""
    mine = config.mine(delivery, tenant_id, delivery.c.connection_id.in_(connection_ids))
    return each(page(c, mine.with_only_columns(delivery.c.id), mine, window, newest_first=True), _shown)


def _shown(row: Any) -> Delivery:
    about: dict[str, Any] = row.about
    return Delivery(
        row.id, row.connection_id, row.key, instant(row.received_at), row.method, row.path, row.size, row.outcome, row.reason, row.times,
        about.get("orders", []), about.get("changed", {}),
    )  # fmt: skip
