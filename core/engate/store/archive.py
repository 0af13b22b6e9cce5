"""Archived integrations: deleted with open orders, which go on until they end. An integration of the same two accounts adopts them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa

from engate.model.kinds import KINDS
from engate.store import calls, config, outbox
from engate.store.db import insert
from engate.store.outbox import Heir
from engate.store.tables import (
    connection,
    document,
    inbox,
    integration,
    key_index,
    lane,
    link,
    order,
    part,
    reading,
    run,
    step,
    task,
    unit,
)

OVER = ("delivered", "cancelled", "expired", "ignored")
GOES_ON = ("events", "safety", "read/fulfilment")
"""Lanes of an archived integration, besides those of its orders."""


class Open(NamedTuple):
    """How many are not over: orders; parts that the ERP has; orders with events that were not read yet; open tasks."""

    orders: int
    parts_in_erp: int
    unread: int
    tasks: int


def open_of(c: sa.Connection, id: int) -> Open:
    def count(table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
        return int(c.execute(sa.select(sa.func.count()).select_from(table).where(table.c.integration_id == id, *where)).scalar_one())

    known = sa.select(order.c.key).where(order.c.integration_id == id)
    waiting = sa.select(sa.func.count(inbox.c.order_key.distinct())).where(inbox.c.integration_id == id, inbox.c.handled_at.is_(None))
    return Open(
        count(order, order.c.state.not_in(OVER)),
        count(part, part.c.erp_key.is_not(None), part.c.state.not_in(OVER)),
        int(c.execute(waiting.where(inbox.c.order_key.not_in(known))).scalar_one()),
        count(task, task.c.closed_at.is_(None)),
    )


def put_away(c: sa.Connection, tenant_id: int, id: int, now: float) -> None:
    """Archives the integration: its open orders go on, its name is free, and its catalogue is no longer read or pushed."""
    row = config.integration_row(c, tenant_id, id, to_change=True)
    name = f"{row.name[:170]} (excluída, {id})"
    config.update_integration(c, tenant_id, id, name=name, active=False, deleted_at=now)
    going = run.c.state.in_(("reading", "pushing"))
    c.execute(sa.update(run).where(run.c.integration_id == id, going).values(state="cancelled", ended_at=now))
    rest = lane.c.name.not_in(GOES_ON) & lane.c.name.not_like("order/%") & lane.c.name.not_like(f"{outbox.LANE}%")
    c.execute(sa.delete(lane).where(lane.c.integration_id == id, rest))


def is_archived(c: sa.Connection, id: int) -> bool:
    return c.execute(_STANDS, {"of_id": id}).scalar() is not None


_STANDS = sa.select(integration.c.deleted_at).where(integration.c.id == sa.bindparam("of_id")).with_for_update(read=True)
"""Locks the row: nobody deletes the integration before this transaction commits."""


def is_over(c: sa.Connection, id: int) -> bool:
    """Whether all its orders have ended and the outbox has been told."""
    return not any(open_of(c, id)) and not outbox.waiting(c, id)


def remove_if_over(c: sa.Connection, id: int, but: int) -> bool:
    """Deletes an archived integration that has nothing left to do. `but`: id of the lane that asks. Returns whether it was deleted."""
    # outbox lanes do not count: everything has been told
    at_it = lane.c.lease.is_not(None) & (lane.c.id != but) & lane.c.name.not_like(f"{outbox.LANE}%")
    held = sa.select(lane.c.id).where(lane.c.integration_id == id, at_it).limit(1)
    if not is_over(c, id) or c.execute(held).first() is not None:
        return False
    gone = sa.delete(integration).where(integration.c.id == id, integration.c.deleted_at.is_not(None))
    shop = c.execute(gone.returning(integration.c.storefront_id)).scalar()
    if shop is not None:
        config.forget_deliveries(c, shop)
    return shop is not None


_ARCHIVED = sa.select(integration).where(integration.c.tenant_id == sa.bindparam("of_tenant"), integration.c.deleted_at.is_not(None))
"""Built once: used for every event."""


def of_tenant(c: sa.Connection, tenant_id: int) -> list[Any]:
    """The tenant's archived integrations, the latest first."""
    return sorted(c.execute(_ARCHIVED, {"of_tenant": tenant_id}), key=lambda row: -row.id)


def of_shop(c: sa.Connection, tenant_id: int, storefront_id: int) -> list[int]:
    """The archived integrations of the shop behind this connection, the latest first."""
    archived = of_tenant(c, tenant_id)
    if not archived:
        return []
    shop = config.shop_of(config.connection_row(c, tenant_id, storefront_id))
    return [row.id for row in archived if _shop(c, row.storefront_id) == shop]


def owners(c: sa.Connection, tenant_id: int, storefront_id: int, keys: Iterable[str]) -> dict[str, int]:
    """Order key -> the archived integration of the same shop that owns the order and gets its events."""
    ids = of_shop(c, tenant_id, storefront_id)
    if not ids:
        return {}
    found = sa.select(order.c.key, order.c.integration_id).where(order.c.integration_id.in_(ids), order.c.key.in_(list(keys)))
    return {row.key: row.integration_id for row in c.execute(found)}


def known(c: sa.Connection, id: int, keys: Iterable[str]) -> set[str]:
    return set(c.execute(sa.select(order.c.key).where(order.c.integration_id == id, order.c.key.in_(list(keys)))).scalars())


def adopt(c: sa.Connection, tenant_id: int, id: int, now: float) -> int:
    """Takes over the orders of archived integrations of the same two accounts, with their rows in other tables. Returns how many."""
    row = config.integration_row(c, tenant_id, id, to_change=True)
    pair = (_shop(c, row.erp_id), _shop(c, row.storefront_id))
    before = [each.id for each in of_tenant(c, tenant_id) if (_shop(c, each.erp_id), _shop(c, each.storefront_id)) == pair]
    return sum(_move(c, Heir(tenant_id, old, id), now) for old in before)


def _shop(c: sa.Connection, connection_id: int) -> str:
    return config.shop_of(c.execute(sa.select(connection).where(connection.c.id == connection_id)).one())


def _move(c: sa.Connection, heir: Heir, now: float) -> int:
    """Causes are not moved: what an order waits for is found anew. Rows that the new integration has are not overwritten."""
    _, old, new = heir
    # its orders first, as a lane locks them. Then it waits for transactions that are writing an order, an event or a message of it: what is
    # not moved is deleted with this row
    c.execute(sa.select(order.c.id).where(order.c.integration_id == old).order_by(order.c.id).with_for_update())
    c.execute(sa.select(integration.c.id).where(integration.c.id == old).with_for_update())
    mine = sa.select(order.c.key).where(order.c.integration_id == new)
    moved = sa.update(order).where(order.c.integration_id == old, order.c.key.not_in(mine)).values(integration_id=new, cause_id=None)
    count = c.execute(moved).rowcount
    theirs = sa.select(order.c.id).where(order.c.integration_id == new)
    for table in (part, document, step, task, unit):
        c.execute(sa.update(table).where(table.c.integration_id == old, table.c.order_id.in_(theirs)).values(integration_id=new))
    there = sa.select(inbox.c.key).where(inbox.c.integration_id == new)
    c.execute(sa.update(inbox).where(inbox.c.integration_id == old, inbox.c.key.not_in(there)).values(integration_id=new))
    _copy(c, key_index, old, new, key_index.c.kind == "order")
    _copy(c, link, old, new)
    _copy(c, reading, old, new, reading.c.kind.not_in(list(KINDS)))  # how far orders have been read, on both sides
    outbox.move(c, heir, now)
    calls.move(c, old, new)
    c.execute(sa.delete(integration).where(integration.c.id == old))
    return count


def _copy(c: sa.Connection, table: sa.Table, old: int, new: int, *where: sa.ColumnElement[bool]) -> None:
    names = [column.name for column in table.columns if column.name not in ("id", "integration_id")]
    rows = sa.select(sa.literal(new), *(table.c[name] for name in names)).where(table.c.integration_id == old, *where)
    c.execute(insert(c, table).from_select(["integration_id", *names], rows).on_conflict_do_nothing())
