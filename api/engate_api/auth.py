"""Who calls: a key in `Authorization: Bearer`. Only hashes are stored; a tenant's key is found by its hash, the installation's is compared
in constant time. Roles: admin > operator > read; the installation key may create tenants and nothing else."""

from __future__ import annotations

import time
from typing import Any, Literal, NamedTuple

import msgspec
import sqlalchemy as sa
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers.base import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult

from engate.store import config
from engate.store.audit import By
from engate.store.tables import api_key
from engate_api.installation import Installation

Role = Literal["admin", "operator", "read"]
RANK = {"read": 1, "operator": 2, "admin": 3}
NOTED_EVERY = 60.0
"""Seconds between two notes of a key's last use."""

Connected = ASGIConnection[Any, Any, Any, Any]


class KeyMade(msgspec.Struct):
    """`key` is shown in this answer only: engate stores its hash."""

    id: int
    name: str
    role: str
    key: str


class Caller(NamedTuple):
    """`tenant_id` 0 and role "installation" for the installation key: it belongs to no tenant."""

    key_id: int
    tenant_id: int
    role: str
    name: str

    @property
    def by(self) -> By:
        """The caller as the audit trail names it."""
        return By(self.tenant_id, self.key_id or None, self.name, self.role)


class Keys(AbstractAuthenticationMiddleware):
    """Finds the caller of every request but those marked `exclude_from_auth`."""

    async def authenticate_request(self, connection: Connected) -> AuthenticationResult:
        scheme, _, key = connection.headers.get("authorization", "").partition(" ")
        installation: Installation = connection.app.state.installation
        caller = await installation.store.glancing(lambda c: _who(c, key.strip())) if scheme.lower() == "bearer" and key else None
        if caller is None:
            raise NotAuthorizedException(headers={"WWW-Authenticate": "Bearer"})
        await _note_use(installation, caller)
        return AuthenticationResult(user=caller, auth=None)


def _who(c: sa.Connection, key: str) -> Caller | None:
    found = config.who(c, key)
    if found is not None:
        return Caller(found.id, found.tenant_id, found.role, found.name)
    return Caller(0, 0, "installation", "installation") if config.is_installation_key(c, key) else None


async def _note_use(installation: Installation, caller: Caller) -> None:
    """When a key was last used, to the minute: tells which keys nobody needs."""
    now = time.monotonic()
    if caller.key_id and now - installation.keys_noted.get(caller.key_id, -NOTED_EVERY) >= NOTED_EVERY:
        installation.keys_noted[caller.key_id] = now
        at = installation.now()
        await installation.store.durably(lambda c: c.execute(sa.update(api_key).where(api_key.c.id == caller.key_id).values(used_at=at)))


def _at_least(connection: Connected, role: Role) -> None:
    if RANK.get(connection.user.role, 0) < RANK[role]:
        raise PermissionDeniedException


def reader(connection: Connected, _handler: BaseRouteHandler) -> None:
    """Any key of a tenant: sees what is the tenant's, buyers masked for a `read` key (`seen.py`), and changes nothing."""
    _at_least(connection, "read")


def operator(connection: Connected, _handler: BaseRouteHandler) -> None:
    """The support desk: resyncs, retries, links, mappings, cancels, stops."""
    _at_least(connection, "operator")


def admin(connection: Connected, _handler: BaseRouteHandler) -> None:
    """Keys, credentials, what is coupled to what, going live."""
    _at_least(connection, "admin")


def installer(connection: Connected, _handler: BaseRouteHandler) -> None:
    if connection.user.role != "installation":
        raise PermissionDeniedException
