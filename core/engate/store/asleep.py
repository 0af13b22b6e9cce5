"""Integrations that came out of a backup. It may be a copy of one that is at work elsewhere, so nothing of them calls, tells or writes to
anybody until a person activates them: no load, no order, no letter, no test of the accounts."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from engate.store.db import insert
from engate.store.tables import installation, integration, lane

NAME = "asleep/"


def _name(id: int) -> str:
    return f"{NAME}{id}"


IS_ASLEEP = sa.exists(sa.select(installation.c.name).where(installation.c.name == sa.literal(NAME) + sa.cast(integration.c.id, sa.String)))
"""Of a row of `integration`."""


def put_all(c: sa.Connection) -> int:
    """Returns how many of them were active."""
    active = int(c.execute(sa.select(sa.func.count()).select_from(integration).where(integration.c.active)).scalar_one())
    c.execute(sa.update(integration).values(active=False, shop=None))
    for id in c.execute(sa.select(integration.c.id)).scalars().all():
        c.execute(insert(c, installation).values(name=_name(id), value=b"").on_conflict_do_nothing(index_elements=["name"]))
    return active


FROM_THE_FIRST = (
    "SELECT count(*) FROM integration WHERE active",
    "INSERT INTO installation (name, value) SELECT 'asleep/' || id, '' FROM integration ON CONFLICT DO NOTHING",
    "UPDATE integration SET active = false",
)
"""For PostgreSQL's own tools, on the tables of any version: the same but for the shop, which the oldest does not know; and before it how
many were active."""


def wake(c: sa.Connection, tenant_id: int, id: int, now: float) -> None:
    """A person switches this one on: what of it fell asleep goes on, and so do the open orders of those that the tenant deleted."""
    archived = sa.select(integration.c.id).where(integration.c.tenant_id == tenant_id, integration.c.deleted_at.is_not(None))
    _let_go(c, [id, *c.execute(archived).scalars()], now)


def _let_go(c: sa.Connection, ids: Iterable[int], now: float) -> None:
    for id in ids:
        if c.execute(sa.delete(installation).where(installation.c.name == _name(id))).rowcount:
            mine = (lane.c.integration_id == id) & lane.c.due_at.is_(None)
            c.execute(sa.update(lane).where(mine).values(due_at=now, wanted=lane.c.wanted + 1))
