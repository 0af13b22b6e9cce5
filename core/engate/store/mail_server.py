"""A tenant's mail server. The password is stored sealed and opened only for sending."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from engate.errors import EngateError
from engate.secrets import Vault
from engate.settings import load
from engate.smtp import MailServer
from engate.store import runs
from engate.store.db import insert
from engate.store.tables import integration, mail_server
from engate.text import Text


class Kept(NamedTuple):
    """`refused`: the error that a person has to correct before the next try. `revision`: raised with each change."""

    server: MailServer
    refused: EngateError | None
    revision: int


def kept(c: sa.Connection, vault: Vault, tenant_id: int) -> Kept | None:
    row = c.execute(sa.select(mail_server).where(mail_server.c.tenant_id == tenant_id)).first()
    if row is None:
        return None
    password = vault.open(row.password, _place(tenant_id)).decode() if row.password is not None else ""
    return Kept(load(MailServer, {**row.settings, "password": password}), _error(row.refused), row.revision)


def exists(c: sa.Connection, tenant_id: int) -> bool:
    return c.execute(sa.select(mail_server.c.tenant_id).where(mail_server.c.tenant_id == tenant_id)).first() is not None


def put(c: sa.Connection, vault: Vault, tenant_id: int, server: MailServer) -> None:
    """Stores the server in place of the old one. The old one's refusal is forgotten."""
    settings = {name: value for name, value in msgspec.structs.asdict(server).items() if name != "password"}
    password = server.password.reveal()
    values = {
        "settings": settings,
        "key_id": vault.key_id,
        "password": vault.seal(password.encode(), _place(tenant_id)) if password else None,
        "refused": None,
    }
    s = insert(c, mail_server).values(tenant_id=tenant_id, **values)
    c.execute(s.on_conflict_do_update(index_elements=["tenant_id"], set_={**values, "revision": mail_server.c.revision + 1}))


def delete(c: sa.Connection, tenant_id: int) -> None:
    c.execute(sa.delete(mail_server).where(mail_server.c.tenant_id == tenant_id))


def refused(c: sa.Connection, tenant_id: int, kept: Kept, error: EngateError | None) -> bool:
    """Stores that the server refuses letters until a person corrects it (`error`), or that it accepts them (None). False: the server was
    changed meanwhile."""
    said = runs.error_of(error) if error is not None else None
    mine = (mail_server.c.tenant_id == tenant_id) & (mail_server.c.revision == kept.revision)
    return c.execute(sa.update(mail_server).where(mine).values(refused=said)).rowcount == 1


def integrations_of(c: sa.Connection, tenant_id: int) -> list[Any]:
    """All integrations of the tenant, including archived ones (`deleted_at`)."""
    columns = (integration.c.id, integration.c.name, integration.c.options, integration.c.deleted_at)
    return list(c.execute(sa.select(*columns).where(integration.c.tenant_id == tenant_id)))


def _error(said: dict[str, Any] | None) -> EngateError | None:
    return EngateError(Text(**said["text"]), Text(**said["hint"]), code=said["code"]) if said is not None else None


def _place(tenant_id: int) -> str:
    return f"{tenant_id}/mail/password"
