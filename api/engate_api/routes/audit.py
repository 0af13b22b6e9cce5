"""The audit trail: who changed what."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from engate.store.audit import ACTS, KINDS
from engate.views import audit
from engate.views.audit import Filters, Line
from engate_api.auth import Caller, admin
from engate_api.installation import Installation
from engate_api.period import IN_PERIOD, OfIntegration, Period
from engate_api.problems import documented
from engate_api.requests import Cursor, Items, Limit, Word, items, known, window

KeyId = Annotated[int | None, QueryParameter(name="key", ge=1, le=2**53)]


def asked(period: NamedDependency[Period], integration_id: OfIntegration = None, key_id: KeyId = None, what: Word = None) -> Filters:
    """Which lines."""
    if what is not None:
        known(what, (*KINDS, *ACTS), "what")
    return Filters(integration_id, key_id, *period, what)


@get(
    "/audit",
    summary="Who changed what, newest first",
    guards=[admin],
    dependencies={**IN_PERIOD, "filters": Provide(asked, sync_to_thread=False)},
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
