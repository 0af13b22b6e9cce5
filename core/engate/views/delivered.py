"""Deliveries of an integration's platforms, as people see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from engate import titles
from engate.store import config
from engate.store.tables import delivery
from engate.text import NO_TEXT, Text
from engate.views.paging import Rows, Window, instant


class Delivery(msgspec.Struct):
    """`key`: the platform's id of it. `outcome`: taken | unheard (no integration was live) | rejected (it cannot be used) | refused (it is
    not the platform's); `reason` says why. `times`: how often it came; all calls refused for one reason are one row. `bytes`: of the last
    body."""

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
    outcome_title: Text = NO_TEXT

    def __post_init__(self) -> None:
        self.outcome_title = titles.state(titles.DELIVERIES, self.outcome)


def deliveries(c: sa.Connection, tenant_id: int, connection_ids: Sequence[int], window: Window) -> Rows[Delivery]:
    """Newest first. Each connection is read by its index; an integration has two."""
    before = delivery.c.id < window.after if window.after is not None else sa.true()
    found: list[int] = []
    for connection_id in connection_ids:
        ids = sa.select(delivery.c.id).where(delivery.c.connection_id == connection_id, before)
        found += c.execute(ids.order_by(delivery.c.id.desc()).limit(window.limit + 1)).scalars()
    shown = sorted(found, reverse=True)[: window.limit]
    rows = {row.id: row for row in c.execute(config.mine(delivery, tenant_id, delivery.c.id.in_(shown)))}
    return Rows([_shown(rows[id]) for id in shown if id in rows], shown[-1] if len(found) > window.limit else None)


def _shown(row: Any) -> Delivery:
    about: dict[str, Any] = row.about
    return Delivery(
        row.id, row.connection_id, row.key, instant(row.received_at), row.method, row.path, row.size, row.outcome, row.reason, row.times,
        about.get("orders", []), about.get("changed", {}),
    )  # fmt: skip
