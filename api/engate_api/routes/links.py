"""Links: which ERP key stands for which storefront key."""

from __future__ import annotations

from typing import Annotated

import msgspec
import sqlalchemy as sa
from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from engate.errors import Invalid
from engate.model.kinds import KINDS
from engate.operations import linking, links, trigger
from engate.operations.scope import Scope
from engate.store import config
from engate.store.audit import Act
from engate.store.rows import RecordSet
from engate.text import Text
from engate.views import records
from engate.views.records import Link
from engate_api.auth import Caller, admin, operator, reader
from engate_api.changing import changing
from engate_api.installation import Installation
from engate_api.integration import id_form
from engate_api.problems import documented
from engate_api.requests import Cursor, Id, Items, Limit, Word, confirmed, items, known, window


class Remote(msgspec.Struct, forbid_unknown_fields=True):
    remote: Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]


class Unlinked(msgspec.Struct):
    unlinked: int


@get("/integrations/{id:int}/links", summary="Links", guards=[reader], responses=documented(400, 401, 403, 404, 422))
async def list_links(
    installation: NamedDependency[Installation],
    caller: NamedDependency[Caller],
    id: Id,
    limit: Limit = 50,
    cursor: Cursor = None,
    kind: Word = None,
) -> Items[Link]:
    at = window(limit, cursor)
    if kind is not None:
        known(kind, KINDS, "kind")

    def find(c: sa.Connection) -> Items[Link]:
        config.integration_row(c, caller.tenant_id, id)
        return items(records.links(c, id, at, kind))

    return await installation.store.viewing(find)


@put(
    "/integrations/{id:int}/links/{kind:str}/{key:path}",
    summary="Say what stands for what; whatever waited for it goes on",
    guards=[operator],
    responses=documented(400, 401, 403, 404, 422),
)
async def put_link(
    installation: NamedDependency[Installation],
    caller: NamedDependency[Caller],
    id: Id,
    kind: FromPath[str],
    key: FromPath[str],
    data: JSONBody[Remote],
) -> Link:
    known(kind, KINDS, "kind")
    erp_key, now = _key(key), installation.now()
    if kind in linking.SHEETS and not linking.has_form(data.remote, await id_form(installation, caller, id)):
        hint = Text("Copie o ID como a loja o mostra.", "Copy the id as the shop shows it.")
        raise Invalid(linking.no_id(data.remote), hint, where="remote")

    def go(c: sa.Connection) -> Link:
        config.integration_row(c, caller.tenant_id, id)
        trigger.link_by_hand(c, RecordSet(caller.tenant_id, id, kind), erp_key, data.remote, now)
        made = records.one_link(c, id, kind, erp_key)
        assert made is not None
        return made

    made = await changing(installation, caller, Act("link.changed", (kind, erp_key), id), go)
    await installation.dispatch.wake(id)
    return made


@delete(
    "/integrations/{id:int}/links/{kind:str}/{key:path}",
    summary="Forget a link; its record is looked for by reference again",
    guards=[operator],
    responses=documented(400, 401, 403, 404, 422),
)
async def delete_link(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, kind: FromPath[str], key: FromPath[str]
) -> None:
    known(kind, KINDS, "kind")
    erp_key, now = _key(key), installation.now()

    def go(c: sa.Connection) -> None:
        config.integration_row(c, caller.tenant_id, id)
        if not links.unlink(c, RecordSet(caller.tenant_id, id, kind), erp_key, now):
            raise config.not_found("Ligação", "link")

    await changing(installation, caller, Act("link.deleted", (kind, erp_key), id), go)
    await installation.dispatch.wake(id)


@delete(
    "/integrations/{id:int}/links",
    summary="Forget every link",
    status_code=200,
    guards=[admin],
    responses=documented(400, 401, 403, 404, 409),
)
async def delete_links(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, confirm: Word = None
) -> Unlinked:
    now = installation.now()

    def go(c: sa.Connection) -> int:
        confirmed(confirm, config.integration_row(c, caller.tenant_id, id).name)
        return links.unlink_all(Scope.of(c, caller.tenant_id, id, now))

    def asked(count: int) -> dict[str, int]:
        return {"links": count}

    count = await changing(installation, caller, Act("links.deleted", ("", ()), id, asked), go)
    await installation.dispatch.wake(id)
    return Unlinked(count)


def _key(path: str) -> str:
    """The rest of the path: keys may hold slashes."""
    key = path.removeprefix("/")
    if not 1 <= len(key) <= 200:
        raise config.not_found("Ligação", "link")
    return key


ROUTES = [list_links, put_link, delete_link, delete_links]
