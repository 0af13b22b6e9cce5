"""Integrations restored from a backup. The original may still run elsewhere, so a restored one calls no platform and sends no message until
a person activates it: no load, no order, no letter, no test of the accounts."""

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
    """Puts all integrations to sleep. Returns how many were active."""
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
"""The same as SQL for PostgreSQL's own tools, on the tables of any version; the first statement counts the active ones. It leaves `shop`
as it is, because the oldest version lacks that column."""


def wake(c: sa.Connection, tenant_id: int, id: int, now: float) -> None:
    """A person activates this integration: its sleeping lanes go on, and so do the open orders of the tenant's archived integrations."""
    archived = sa.select(integration.c.id).where(integration.c.tenant_id == tenant_id, integration.c.deleted_at.is_not(None))
    _let_go(c, [id, *c.execute(archived).scalars()], now)


def _let_go(c: sa.Connection, ids: Iterable[int], now: float) -> None:
    for id in ids:
        if c.execute(sa.delete(installation).where(installation.c.name == _name(id))).rowcount:
            mine = (lane.c.integration_id == id) & lane.c.due_at.is_(None)
            c.execute(sa.update(lane).where(mine).values(due_at=now, wanted=lane.c.wanted + 1))
