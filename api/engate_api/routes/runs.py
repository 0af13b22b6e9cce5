"""Runs: one trigger of one flow each."""

from __future__ import annotations

import sqlalchemy as sa
from litestar import get, post
from litestar.di import NamedDependency

from engate.operations import trigger
from engate.store import config, lanes
from engate.store.audit import Act
from engate.views import running
from engate.views.running import Run
from engate_api.auth import Caller, operator, reader
from engate_api.changing import changing
from engate_api.installation import Installation
from engate_api.problems import documented
from engate_api.requests import Cursor, Id, Items, Limit, items, window
from engate_api.seen import seen
from engate_api.waiting import until_ended

OPEN = ("reading", "pushing")


@get("/integrations/{id:int}/runs", summary="Runs, newest first", guards=[reader], responses=documented(400, 401, 403, 404))
async def list_runs(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, limit: Limit = 50, cursor: Cursor = None
) -> Items[Run]:
    at = window(limit, cursor)

    def find(c: sa.Connection) -> Items[Run]:
        config.integration_row(c, caller.tenant_id, id)
        return items(running.runs(c, caller.tenant_id, id, at))

    found = await installation.tempered.get(("runs", caller.tenant_id, id, at), find)
    return Items(await seen(installation, caller, found.items, lambda _: ()), found.next_cursor)


@get("/runs/{id:int}", summary="One run, with the live state of its records", guards=[reader], responses=documented(400, 401, 403, 404))
async def get_run(installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id) -> Run:
    run = await installation.store.viewing(lambda c: running.one_run(c, trigger.run_row(c, caller.tenant_id, id)))
    [found] = await seen(installation, caller, [run], lambda _: ())
    return found


@post(
    "/runs/{id:int}/cancel",
    summary="Stop a run; answers when nothing more of it reaches the platforms",
    status_code=200,
    guards=[operator],
    responses=documented(400, 401, 403, 404, 409),
)
async def cancel_run(installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id) -> Run:
    """A run that has ended stays as it is."""
    now = installation.now()

    def cancel(c: sa.Connection) -> tuple[int, list[str]]:
        row = trigger.run_row(c, caller.tenant_id, id)
        return row.integration_id, trigger.cancel_run(c, row, now) if row.state in OPEN else []

    integration_id, names = await changing(installation, caller, Act("run.cancelled", id), cancel)
    if names:
        await installation.dispatch.wake(integration_id)
        await until_ended(installation, lambda c: lanes.cancelling(c, integration_id, names))
    return await get_run.fn(installation, caller, id)


ROUTES = [list_runs, get_run, cancel_run]
