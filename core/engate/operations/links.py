"""Remove links; resume blocked lanes: what people ask of an integration beyond `engate.operations.trigger`."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from engate.domain.flows import FLOWS
from engate.model.kinds import KINDS, referring
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.store import lanes, moved, pushes
from engate.store.rows import RecordSet
from engate.store.tables import integration, link, reading, record
from engate.sync import served
from engate.sync.lanes import PROBES
from engate.sync.listed import LISTING


def unlink(c: sa.Connection, of: RecordSet, key: str, now: float) -> bool:
    """Removes a link: the record is looked for (or made) in the storefront anew. False: there was no such link.

    A push under way with the old key stores the link again when it is accepted.
    """
    tenant_id, id, kind = of
    which = (link.c.tenant_id == tenant_id) & (link.c.integration_id == id) & (link.c.kind == kind)
    gone = c.execute(sa.delete(link).where(which, link.c.key == key))
    if gone.rowcount == 0:
        return False
    if KINDS[kind].known_by_skus:
        _list_again(c, id, sa.select(record.c.key).where(record.c.integration_id == id, record.c.kind == "sku", record.c.parent == key))
    mine = (record.c.integration_id == id) & (record.c.kind == kind) & (record.c.key == key)
    c.execute(sa.update(record).where(mine).values(**moved.FOREIGN))
    moved.again(c, of, [key], now)
    again = [(f"push/{kind}", KINDS[kind].priority), *((f"refresh/{each.name}", each.priority) for each in referring(kind))]
    trigger.wake(Scope(c, tenant_id, id, now), again)
    return True


def unlink_all(scope: Scope) -> int:
    """Removes every link of an integration: everything is looked for by its reference again. Returns how many there were."""
    c, tenant_id, id, _ = scope
    gone = c.execute(sa.delete(link).where(link.c.tenant_id == tenant_id, link.c.integration_id == id))
    _list_again(c, id)
    c.execute(sa.update(record).where(record.c.integration_id == id).values(**moved.FOREIGN))
    trigger.wake(scope, [(f"push/{kind.name}", kind.priority) for kind in KINDS.values()])
    return gone.rowcount


def _list_again(c: sa.Connection, id: int, skus: sa.Select[tuple[str]] | None = None) -> None:
    """Has the shop's own list read again, which may tell the removed links. Links found there for these SKUs are removed too."""
    c.execute(sa.delete(reading).where(reading.c.integration_id == id, reading.c.kind == LISTING))
    if skus is not None:
        mine = (link.c.integration_id == id) & (link.c.kind == "sku") & (link.c.origin == "listed")
        c.execute(sa.delete(link).where(mine, link.c.key.in_(skus)))


def revive(c: sa.Connection, tenant_id: int, integration_ids: Iterable[int], now: float) -> None:
    """The credentials of these integrations work (again): lanes that backed off or stopped because of them go on."""
    ids = list(integration_ids)
    for id in ids:
        lanes.lift(c, id, lanes.backing_off(c, id))
        pushes.lift(c, id, list(KINDS))
        served.start_anew(c, id)
    look_after(c, tenant_id, ids, now)
    for id in c.execute(sa.select(integration.c.id).where(integration.c.id.in_(ids), integration.c.activated_at.is_not(None))).scalars():
        trigger.wake_all(Scope(c, tenant_id, id, now), FLOWS)


def look_after(c: sa.Connection, tenant_id: int, integration_ids: Iterable[int], now: float) -> None:
    """Wakes the probes of integrations that were activated once: among other things, platforms are told engate's address again."""
    ids = list(integration_ids)
    for id in c.execute(sa.select(integration.c.id).where(integration.c.id.in_(ids), integration.c.activated_at.is_not(None))).scalars():
        trigger.wake(Scope(c, tenant_id, id, now), PROBES)


def stop(scope: Scope) -> None:
    """Stops the integration: work under way is asked to end. `stopping` tells whether it still runs."""
    c, tenant_id, id, _ = scope
    c.execute(sa.update(integration).where(integration.c.tenant_id == tenant_id, integration.c.id == id).values(active=False))
    trigger.ask_to_end(c, id)
