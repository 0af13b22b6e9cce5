"""The audit trail: who changed what."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from engate.store import config
from engate.store.audit import ACTS, KINDS
from engate.store.views import audit
from engate.store.views.audit import Filters, Line
from engate_api.auth import Caller, admin
from engate_api.installation import Installation
from engate_api.problems import documented
from engate_api.requests import Cursor, Items, Limit, Moment, Word, items, known, moment, window

IntegrationId = Annotated[int | None, QueryParameter(name="integration", ge=1, le=2**53)]
KeyId = Annotated[int | None, QueryParameter(name="key", ge=1, le=2**53)]


async def asked(
    installation: NamedDependency[Installation],
    caller: NamedDependency[Caller],
    integration_id: IntegrationId = None,
    key_id: KeyId = None,
    since: Moment = None,
    until: Moment = None,
    what: Word = None,
) -> Filters:
    """Which lines. A day is one of the tenant's zone."""
    if what is not None:
        known(what, (*KINDS, *ACTS), "what")
    zone = await installation.store.glancing(lambda c: config.zone_of(c, caller.tenant_id))
    return Filters(integration_id, key_id, moment(since, zone, "since"), moment(until, zone, "until", end=True), what)


@get(
    "/audit",
    summary="Who changed what, newest first",
    guards=[admin],
    dependencies={"filters": Provide(asked)},
    responses=documented(400, 401, 403, 422),
)
async def list_audit(
    installation: NamedDependency[Installation],
    caller: NamedDependency[Caller],
    filters: NamedDependency[Filters],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Items[Line]:
    """`what`: an act ("connection.changed"), or a kind of thing ("connection"). `key`: the id of the key that did it. Kept for two years;
    secrets are never in it."""
    at = window(limit, cursor)
    return items(await installation.store.viewing(lambda c: audit.trail(c, caller.tenant_id, at, filters)))


ROUTES = [list_audit]
