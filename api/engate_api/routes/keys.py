"""Keys of a tenant. A key is shown once, when it is made."""

from __future__ import annotations

from operator import itemgetter
from typing import Literal

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from engate.logs import say
from engate.store import config
from engate.store.audit import Act
from engate.views import configured
from engate.views.configured import Key
from engate_api.auth import Caller, KeyMade, admin
from engate_api.changing import changing
from engate_api.installation import Installation
from engate_api.problems import documented
from engate_api.requests import Cursor, Id, Items, Limit, Name, items, window


class NewKey(msgspec.Struct, forbid_unknown_fields=True):
    name: Name
    role: Literal["admin", "operator", "read"]


@get("/keys", summary="Keys of the tenant", guards=[admin], responses=documented(400, 401, 403))
async def list_keys(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], limit: Limit = 50, cursor: Cursor = None
) -> Items[Key]:
    at = window(limit, cursor)
    return items(await installation.store.viewing(lambda c: configured.keys(c, caller.tenant_id, at)))


@post("/keys", summary="Make a key", guards=[admin], responses=documented(400, 401, 403))
async def create_key(installation: NamedDependency[Installation], caller: NamedDependency[Caller], data: JSONBody[NewKey]) -> KeyMade:
    now = installation.now()
    act = Act("key.created", itemgetter(0))
    id, key = await changing(installation, caller, act, lambda c: config.create_key(c, caller.tenant_id, data.name, data.role, now))
    say("key_made", by=caller.key_id, tenant=caller.tenant_id, key=id, name=data.name, role=data.role)
    return KeyMade(id, data.name, data.role, key)


@delete("/keys/{id:int}", summary="Revoke a key", guards=[admin], responses=documented(400, 401, 403, 404, 409))
async def revoke_key(installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id) -> None:
    now = installation.now()
    await changing(installation, caller, Act("key.revoked", id), lambda c: config.revoke_key(c, caller.tenant_id, id, now))
    say("key_revoked", by=caller.key_id, tenant=caller.tenant_id, key=id)


ROUTES = [list_keys, create_key, revoke_key]
