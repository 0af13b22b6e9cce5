"""Connections: a tenant's accounts on platforms. Secrets go in and never come out."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import msgspec
import sqlalchemy as sa
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from engate.errors import Invalid
from engate.logs import say
from engate.model import Check
from engate.operations import links
from engate.plugins import Manifest
from engate.settings import belongs, host_fields, secret_fields
from engate.store import config
from engate.store.audit import Act
from engate.store.config import Given
from engate.store.tables import connection
from engate.sync import door, probe
from engate.text import Text
from engate.views import configured
from engate.views.configured import Connection, Door, Doors
from engate_api.auth import Caller, admin, operator, reader
from engate_api.changing import changing
from engate_api.installation import Installation
from engate_api.problems import NEEDED, FieldError, Refused, documented
from engate_api.requests import Cursor, Id, Items, Limit, Name, items, known, window
from engate_api.seen import seen


class NewConnection(msgspec.Struct, forbid_unknown_fields=True):
    name: Name
    platform: Name
    settings: dict[str, Any] = {}
    secrets: dict[str, str] = {}


class ConnectionChanges(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays; null removes a setting or secret."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    settings: dict[str, Any] = {}
    secrets: dict[str, str | None] = {}


class TestResult(msgspec.Struct):
    """`identity`: the account these credentials reach."""

    passed: bool
    identity: str
    checks: list[Check]


@get("/connections", summary="Connections of the tenant", guards=[reader], responses=documented(400, 401, 403))
async def list_connections(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], limit: Limit = 50, cursor: Cursor = None
) -> Items[Connection]:
    at = window(limit, cursor)
    found = await installation.store.viewing(lambda c: configured.connections(c, caller.tenant_id, at, _doors(installation, caller)))
    found.items = await seen(installation, caller, found.items, lambda _: ())
    return items(found)


@post("/connections", summary="Configure an account on a platform", guards=[admin], responses=documented(400, 401, 403, 409, 422))
async def create_connection(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], data: JSONBody[NewConnection]
) -> Connection:
    known(data.platform, installation.registry.platforms, "platform")
    manifest = installation.registry.manifest(data.platform)
    belongs(manifest.settings, data.settings, data.secrets)
    new, now = config.NewConnection(data.name, Given(manifest, {**data.settings, **data.secrets})), installation.now()

    def create(c: sa.Connection) -> Connection:
        id = config.create_connection(c, installation.vault, caller.tenant_id, new, now)
        return configured.one_connection(c, caller.tenant_id, id, _doors(installation, caller))

    made = await changing(installation, caller, Act("connection.created", attrgetter("id")), create)
    about = {"by": caller.key_id, "tenant": caller.tenant_id, "connection": made.id}
    say("connection_made", **about, platform=data.platform, name=data.name)
    return made


@get("/connections/{id:int}", summary="One connection", guards=[reader], responses=documented(400, 401, 403, 404))
async def get_connection(installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id) -> Connection:
    found = await installation.store.viewing(lambda c: configured.one_connection(c, caller.tenant_id, id, _doors(installation, caller)))
    [shown] = await seen(installation, caller, [found], lambda _: ())
    return shown


@patch(
    "/connections/{id:int}",
    summary="Change a connection; changed settings or secrets must be tested again",
    guards=[admin],
    responses=documented(400, 401, 403, 404, 409, 422),
)
async def change_connection(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, data: JSONBody[ConnectionChanges]
) -> Connection:
    row = await installation.store.viewing(lambda c: config.connection_row(c, caller.tenant_id, id))
    changes = {**data.settings, **data.secrets}
    manifest = installation.registry.manifest(row.platform) if changes else None
    if manifest is not None:
        belongs(manifest.settings, data.settings, data.secrets)
        _known_again(manifest, row.settings, data)

    def change(c: sa.Connection) -> Connection:
        if data.name is not msgspec.UNSET:
            config.rename(c, connection, caller.tenant_id, id, data.name)
        if manifest is not None:
            config.update_connection(c, installation.vault, caller.tenant_id, id, Given(manifest, changes))
        return configured.one_connection(c, caller.tenant_id, id, _doors(installation, caller))

    changed = await changing(installation, caller, Act("connection.changed", id), change)
    what = ", ".join([*(["name"] if data.name is not msgspec.UNSET else []), *sorted(changes)])
    say("connection_changed", by=caller.key_id, tenant=caller.tenant_id, connection=id, what=what)
    return changed


@delete(
    "/connections/{id:int}",
    summary="Forget a connection that no integration uses",
    guards=[admin],
    responses=documented(400, 401, 403, 404, 409),
)
async def delete_connection(installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id) -> None:
    await changing(installation, caller, Act("connection.deleted", id), lambda c: config.delete_connection(c, caller.tenant_id, id))
    say("connection_deleted", by=caller.key_id, tenant=caller.tenant_id, connection=id)


@post(
    "/connections/{id:int}/webhook-address",
    summary="Give the platform another address to call; the old one is gone at once",
    status_code=200,
    guards=[admin],
    responses=documented(400, 401, 403, 404),
)
async def renew_webhook_address(installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id) -> Connection:
    """The platform is told of it at once where the plugin can do that and an integration was activated; else type it in there."""
    now = installation.now()

    def change(c: sa.Connection) -> list[int]:
        config.new_address(c, caller.tenant_id, id)
        used_by = configured.integrations_of(c, caller.tenant_id, id)
        links.look_after(c, caller.tenant_id, used_by, now)
        return used_by

    for each in await changing(installation, caller, Act("connection.readdressed", id), change):
        await installation.dispatch.wake(each)
    say("connection_changed", by=caller.key_id, tenant=caller.tenant_id, connection=id, what="webhook address")
    return await get_connection.fn(installation, caller, id)


def _doors(installation: Installation, caller: Caller) -> Doors:
    def door_of(row: Any) -> Door:
        platform = installation.registry.platforms.get(row.platform)
        if platform is None or platform.manifest is None or not door.has_door(platform.manifest.connection_class()):
            return Door()
        url = installation.registry.door_of(row)
        return Door(why_not=NO_PUBLIC_URL) if url is None else Door(url if caller.role == "admin" else None)

    return door_of


NO_PUBLIC_URL = Text(
    "A plataforma não avisa o engate: defina ENGATE_PUBLIC_URL com o endereço pelo qual ela o alcança.",
    "The platform does not call engate: set ENGATE_PUBLIC_URL to the address at which it reaches it.",
)


def _known_again(manifest: Manifest, before: dict[str, Any], data: ConnectionChanges) -> None:
    """Stored secrets do not follow to another address: whoever changes it has to give them anew."""
    moved = [name for name in host_fields(manifest.settings) if name in data.settings and data.settings[name] != before.get(name)]
    missing = sorted(secret_fields(manifest.settings) - data.secrets.keys()) if moved else []
    if missing:
        raise Refused(
            422,
            "secrets_needed",
            Text(
                f"{', '.join(sorted(moved))} mudou: envie também os segredos.", f"{', '.join(sorted(moved))} changed: send the secrets too."
            ),
            Text("Credenciais guardadas não são enviadas a outro endereço.", "Stored credentials are not sent to another address."),
            errors=[FieldError.of(f"secrets.{name}", NEEDED) for name in missing],
        )


# ---- the test ----


@post(
    "/connections/{id:int}/test",
    summary="Test the credentials, line by line",
    status_code=200,
    guards=[operator],
    responses=documented(400, 401, 403, 404, 409, 422),
)
async def test_connection(installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id) -> TestResult:
    """Changes nothing on the platform."""
    row = await installation.store.viewing(lambda c: config.connection_row(c, caller.tenant_id, id))
    found = await probe.tried(await installation.registry.connection(id))
    checks, identity = found.checks, found.identity
    used_by = await installation.store.viewing(lambda c: configured.integrations_of(c, caller.tenant_id, id))
    if identity and row.identity and identity != row.identity and used_by:
        checks.append(probe.other_account(row.identity, identity))
        identity = row.identity
    now = installation.now()

    def keep(c: sa.Connection) -> bool:
        if identity and all(check.ok for check in checks):
            checks.extend(_taken(c, row, identity, used_by))
        passed = config.tested(c, id, row.revision, config.Tested(checks, identity, found.calls_us), now)
        if passed:
            config.probed(c, id, row.revision, found.facts, now)
            links.revive(c, caller.tenant_id, used_by, now)
        return passed

    def asked(passed: bool) -> dict[str, bool]:
        return {"passed": passed}

    passed = await changing(installation, caller, Act("connection.tested", id, asked=asked), keep)
    _say_tested(caller, row, checks)
    if passed:
        for each in used_by:
            await installation.dispatch.wake(each)
    return TestResult(passed, identity or row.identity, checks)


def _say_tested(caller: Caller, row: Any, checks: list[Check]) -> None:
    """The first line that failed, if one did."""
    about = {"by": caller.key_id, "tenant": caller.tenant_id, "connection": row.id, "platform": row.platform}
    failed = next((check for check in checks if not check.ok), None)
    if failed is None:
        say("connection_tested", **about)
    else:
        say("connection_test_failed", **about, line=failed.name, error=failed.text.en, hint=failed.hint.en or None)


def _taken(c: sa.Connection, row: Any, identity: str, used_by: list[int]) -> list[Check]:
    """What the account turned out to be is another integration's shop: lines that do not pass."""
    shop, lines = config.shop_of(row, identity), list[Check]()
    for id in used_by if row.role == "storefront" else ():
        try:
            config.refuse_taken(c, row.tenant_id, id, shop)
            config.moved_shop(c, row.tenant_id, id, shop)
        except Invalid as error:
            lines.append(Check(error.code, False, error.text, error.hint))
    return lines


ROUTES = [list_connections, create_connection, get_connection, change_connection, delete_connection, test_connection, renew_webhook_address]
