"""What the audit trail shows of each kind of thing: its current fields, so that a change is the difference afterwards.

The thing is about to be changed: its row is locked until the transaction ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from engate.domain.mapping import KINDS, PairMapping
from engate.domain.options import Options
from engate.store.tables import api_key, connection, flow, integration, link, mail_server, order, run, secret, task, tenant


class Thing(NamedTuple):
    """`of`: its id or key; for several links their kind and keys."""

    tenant_id: int
    of: Any
    integration_id: int | None


class Shown(NamedTuple):
    """`name`: what people call it. `defaults`: values of fields that are not set."""

    id: str
    name: str
    integration_id: int | None
    fields: dict[str, Any]
    defaults: dict[str, Any] = {}  # noqa: RUF012  # never changed


class Hidden(NamedTuple):
    """A secret: shows whether it was changed, and nothing else."""

    seal: bytes


def _tenant(c: sa.Connection, thing: Thing) -> Shown | None:
    row = _row(c, tenant, tenant.c.id == thing.of)
    return Shown(str(row.id), row.name, None, {"name": row.name, "zone": row.zone}) if row is not None else None


def _key(c: sa.Connection, thing: Thing) -> Shown | None:
    row = _row(c, api_key, api_key.c.tenant_id == thing.tenant_id, api_key.c.id == thing.of)
    if row is None:
        return None
    return Shown(str(row.id), row.name, None, {"name": row.name, "role": row.role, "revoked": row.revoked_at is not None})


def _connection(c: sa.Connection, thing: Thing) -> Shown | None:
    row = _row(c, connection, connection.c.tenant_id == thing.tenant_id, connection.c.id == thing.of)
    if row is None:
        return None
    sealed = c.execute(sa.select(secret.c.field, secret.c.sealed).where(secret.c.connection_id == row.id))
    fields = {"name": row.name, "platform": row.platform, "test": _test(row), "calls_to": f"address {row.door}"}
    fields |= {f"settings.{name}": value for name, value in row.settings.items()}
    return Shown(str(row.id), row.name, None, fields | {f"secrets.{each.field}": _hidden(each.sealed) for each in sealed})


def _test(row: Any) -> str | None:
    """How the last test ended; None: the current configuration was not tested."""
    if row.tested_at is None:
        return None
    failed = [check["name"] for check in row.checks or () if not check["ok"]]
    return "passed" if row.passed else f"failed: {', '.join(failed)}"


def _integration(c: sa.Connection, thing: Thing) -> Shown | None:
    row = _row(c, integration, integration.c.tenant_id == thing.tenant_id, integration.c.id == thing.of, integration.c.deleted_at.is_(None))
    if row is None:
        return None
    fields = {
        "name": row.name, "erp_connection": row.erp_id, "storefront_connection": row.storefront_id, "active": row.active,
        "pilot": row.pilot, "go_live_at": datetime.fromtimestamp(row.go_live_at, UTC).isoformat() if row.go_live_at is not None else None,
    }  # fmt: skip
    fields |= {f"options.{name}": value for name, value in row.options.items()}
    fields |= _mapped(msgspec.convert(row.mapping, PairMapping))
    for each in c.execute(sa.select(flow).where(flow.c.integration_id == row.id)):
        fields |= {f"flows.{each.name}.{name}": getattr(each, name) for name in ("every", "full_every")}
        fields[f"flows.{each.name}.off"] = not each.enabled
    return Shown(str(row.id), row.name, row.id, fields, OPTIONS)


OPTIONS = {f"options.{field.name}": msgspec.to_builtins(getattr(Options(), field.name)) for field in msgspec.structs.fields(Options)}


def _mapped(mapping: PairMapping) -> dict[str, Any]:
    rows = ((kind, row) for kind in KINDS.values() for row in getattr(mapping, kind.name))
    return {f"mapping.{kind.name}/{kind.key_of(row)}": msgspec.to_builtins(row) for kind, row in rows}


def _of_integration(c: sa.Connection, thing: Thing) -> Shown | None:
    """For acts on an integration that change none of its fields."""
    name = c.execute(sa.select(integration.c.name).where(_mine(thing))).scalar()
    return Shown(str(thing.of), name, thing.integration_id, {}) if name is not None else None


def _link(c: sa.Connection, thing: Thing) -> Shown | None:
    """`of`: (kind, key)."""
    kind, key = thing.of
    return Shown(f"{kind}/{key}", "", thing.integration_id, {"link": _remotes(c, thing, kind, [key]).get(key)})


def _links(c: sa.Connection, thing: Thing) -> Shown | None:
    """`of`: (kind, keys), at most 500 of them."""
    kind, keys = thing.of
    return Shown(kind, "", thing.integration_id, {f"{kind}/{key}": remote for key, remote in _remotes(c, thing, kind, keys).items()})


def _remotes(c: sa.Connection, thing: Thing, kind: str, keys: Iterable[str]) -> dict[str, dict[str, str]]:
    """Key -> its link: the shop's key and the origin."""
    mine = (link.c.tenant_id == thing.tenant_id) & (link.c.integration_id == thing.integration_id)
    found = sa.select(link.c.key, link.c.remote, link.c.origin).where(mine, link.c.kind == kind, link.c.key.in_(list(keys)))
    return {row.key: {"remote": row.remote, "origin": row.origin} for row in c.execute(found)}


def _run(c: sa.Connection, thing: Thing) -> Shown | None:
    row = _row(c, run, run.c.tenant_id == thing.tenant_id, run.c.id == thing.of)
    return Shown(str(row.id), row.flow, row.integration_id, {"state": row.state}) if row is not None else None


def _order(c: sa.Connection, thing: Thing) -> Shown | None:
    """The order's tasks. Their notes are left out: they may name the buyer."""
    mine = (order.c.tenant_id == thing.tenant_id) & (order.c.integration_id == thing.integration_id) & (order.c.key == thing.of)
    row = c.execute(sa.select(order.c.id, order.c.key).where(mine)).first()
    if row is None:
        return None
    todo = c.execute(sa.select(task.c.code, task.c.closed_by).where(task.c.order_id == row.id))
    return Shown(row.key, "", thing.integration_id, {f"tasks.{each.code}": each.closed_by or "open" for each in todo})


def _buyers(_c: sa.Connection, _thing: Thing) -> Shown | None:
    """Does not say which buyer."""
    return Shown("", "", None, {})


def _mail_server(c: sa.Connection, thing: Thing) -> Shown | None:
    row = _row(c, mail_server, mail_server.c.tenant_id == thing.tenant_id)
    if row is None:
        return None
    fields = {f"settings.{name}": value for name, value in row.settings.items()}
    fields |= {"secrets.password": _hidden(row.password)} if row.password is not None else {}
    return Shown("", row.settings.get("host", ""), None, fields)


def _row(c: sa.Connection, table: sa.Table, *where: sa.ColumnElement[bool]) -> Any | None:
    return c.execute(sa.select(table).where(*where).with_for_update(key_share=True)).first()


def _mine(thing: Thing) -> sa.ColumnElement[bool]:
    return (integration.c.tenant_id == thing.tenant_id) & (integration.c.id == thing.integration_id)


def _hidden(sealed: bytes) -> Hidden:
    """Each sealing differs, so giving the same secret again counts as a change."""
    return Hidden(blake2b(sealed, digest_size=8).digest())


SHOWN: Mapping[str, Callable[[sa.Connection, Thing], Shown | None]] = {
    "tenant": _tenant,
    "key": _key,
    "connection": _connection,
    "integration": _integration,
    "link": _link,
    "links": _links,
    "records": _of_integration,
    "run": _run,
    "order": _order,
    "delivery": _of_integration,
    "buyers": _buyers,
    "mail_server": _mail_server,
}
"""By the first word of the act."""
