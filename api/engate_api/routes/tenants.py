"""Tenants, and who I am."""

from __future__ import annotations

from typing import Annotated

import msgspec
import sqlalchemy as sa
from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from engate.local import BRASILIA
from engate.logs import say
from engate.store import audit, config
from engate.store.audit import Act
from engate.store.tables import tenant
from engate_api.auth import Caller, KeyMade, admin, installer, reader
from engate_api.changing import changing
from engate_api.installation import Installation
from engate_api.problems import documented
from engate_api.requests import Id, Name

Zone = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class NewTenant(msgspec.Struct, forbid_unknown_fields=True):
    """`zone`: the time zone in which its people read times ("America/Manaus")."""

    name: Name
    zone: Zone = BRASILIA


class TenantChanges(msgspec.Struct, forbid_unknown_fields=True):
    """`zone`: the time zone in which its people read times."""

    zone: Zone


class RecoveryKey(msgspec.Struct, forbid_unknown_fields=True):
    name: Name = "recovery"


class Tenant(msgspec.Struct):
    """`admin_key` is answered this once."""

    id: int
    name: str
    admin_key: str


class TenantRef(msgspec.Struct):
    id: int
    name: str
    zone: str


class Me(msgspec.Struct):
    tenant: TenantRef
    role: str


@post("/tenants", summary="Create a tenant (installation key)", guards=[installer], responses=documented(400, 401, 403, 409, 422))
async def create_tenant(installation: NamedDependency[Installation], caller: NamedDependency[Caller], data: JSONBody[NewTenant]) -> Tenant:
    now = installation.now()

    def create(c: sa.Connection) -> tuple[int, str]:
        id, key = config.create_tenant(c, data.name, now, data.zone)
        audit.keep(c, caller.by._replace(tenant_id=id), Act("tenant.created", id), None, now)
        return id, key

    id, key = await installation.store.writing(create)
    say("tenant_made", by="installation", tenant=id, name=data.name)
    return Tenant(id, data.name, key)


@post(
    "/tenants/{id:int}/keys",
    summary="An admin key for a tenant that lost its own (installation key)",
    guards=[installer],
    responses=documented(400, 401, 403, 404),
)
async def recover_tenant_key(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, data: JSONBody[RecoveryKey]
) -> KeyMade:
    """Its other keys stay as they are. The log and the tenant's audit trail say that it was made."""
    now = installation.now()

    def recover(c: sa.Connection) -> tuple[int, str]:
        made, key = config.recovery_key(c, id, data.name, now)
        audit.keep(c, caller.by._replace(tenant_id=id), Act("key.recovered", made), None, now)
        return made, key

    made, key = await installation.store.writing(recover)
    say("key_recovered", by="installation", tenant=id, key=made, name=data.name)
    return KeyMade(made, data.name, "admin", key)


@get("/me", summary="Whose key this is", guards=[reader], responses=documented(401, 403))
async def get_me(installation: NamedDependency[Installation], caller: NamedDependency[Caller]) -> Me:
    own = await installation.store.viewing(lambda c: c.execute(tenant.select().where(tenant.c.id == caller.tenant_id)).one())
    return Me(TenantRef(own.id, own.name, own.zone), caller.role)


@patch("/me", summary="Say in which time zone the tenant's people read times", guards=[admin], responses=documented(400, 401, 403, 422))
async def change_me(installation: NamedDependency[Installation], caller: NamedDependency[Caller], data: JSONBody[TenantChanges]) -> Me:
    await changing(installation, caller, Act("tenant.changed", caller.tenant_id), lambda c: config.set_zone(c, caller.tenant_id, data.zone))
    return await get_me.fn(installation, caller)


ROUTES = [create_tenant, recover_tenant_key, get_me, change_me]
