"""What was asked of platforms and what they answered; and keeping all of it while somebody looks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
import sqlalchemy as sa
from litestar import get, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, QueryParameter

from engate.errors import Invalid
from engate.logs import masked
from engate.model.kinds import KINDS
from engate.store import calls as kept
from engate.store import config
from engate.store.audit import Act
from engate.text import Text
from engate.titles import CALLS
from engate.views import calls
from engate.views.calls import CallView, Filters, RecordKey
from engate.views.paging import instant
from engate_api.auth import RANK, Caller, operator, reader
from engate_api.changing import changing
from engate_api.installation import Installation
from engate_api.period import IN_PERIOD, OfIntegration, Period
from engate_api.problems import documented
from engate_api.requests import Cursor, Id, Items, Limit, Word, items, known, window
from engate_api.seen import Place, seen

ConnectionId = Annotated[int | None, QueryParameter(name="connection", ge=1, le=2**53)]


class Watch(msgspec.Struct, forbid_unknown_fields=True):
    """For how many minutes every call is kept, from now on; 0: no longer."""

    minutes: Annotated[int, msgspec.Meta(ge=0, le=1440)] = 60


class Watched(msgspec.Struct):
    """Until when; null: as usual."""

    calls_until: datetime | None


def asked(
    period: NamedDependency[Period],
    record: NamedDependency[RecordKey | None],
    integration_id: OfIntegration = None,
    connection_id: ConnectionId = None,
    order: Word = None,
    outcome: Word = None,
) -> Filters:
    """Which calls."""
    if outcome is not None:
        known(outcome, CALLS, "outcome")
    return Filters(integration_id, connection_id, order, record, outcome, *period)


def of_record(kind: Word = None, key: Word = None) -> RecordKey | None:
    if kind is not None:
        known(kind, KINDS, "kind")
    if key is not None:
        return RecordKey(kind or "sku", key)
    if kind is not None:
        raise Invalid(
            Text("Falta a chave do registro.", "The record's key is missing."),
            Text('Envie também "key": o código no ERP.', 'Send "key" too: the code in the ERP.'),
            where="key",
        )
    return None


ASKED = {**IN_PERIOD, "record": Provide(of_record, sync_to_thread=False), "filters": Provide(asked, sync_to_thread=False)}


@get(
    "/calls",
    summary="What was asked of platforms and what they answered, newest first",
    guards=[reader],
    dependencies=ASKED,
    responses=documented(400, 401, 403, 422),
)
async def list_calls(
    installation: NamedDependency[Installation],
    caller: NamedDependency[Caller],
    filters: NamedDependency[Filters],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Items[CallView]:
    """Kept for some days (`ENGATE_CALLS_DAYS`): every call that did not end well, every one about an order, of the others examples. `key`:
    of a record in the ERP, by default of a SKU, whose prices, stock and images are listed too; `kind` says of what else."""
    if installation.calls is not None:
        await installation.calls.flush()
    at = window(limit, cursor)
    found = await installation.store.viewing(lambda c: calls.listed(c, caller.tenant_id, at, filters))
    if RANK[caller.role] < RANK["operator"]:
        found.items = [_without_words(each) for each in found.items]
    found.items = await seen(installation, caller, found.items, _places)
    return items(found)


def _without_words(each: CallView) -> CallView:
    """The call as a `read` key sees it: without what was sent and answered."""
    return msgspec.structs.replace(each, operation=masked(each.operation), path=None, request=None, answer=None, headers=None)


def _places(each: CallView) -> list[Place]:
    return [(each.integration, each.order)] if each.integration is not None and each.order is not None else []


@post(
    "/connections/{id:int}/calls",
    summary="Keep every call of an account for a while",
    status_code=200,
    guards=[operator],
    responses=documented(400, 401, 403, 404, 409, 422),
)
async def keep_calls(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, data: JSONBody[Watch]
) -> Watched:
    """While somebody looks for a fault. It ends by itself."""
    if installation.calls is None:
        raise Invalid(
            Text("Esta instalação não guarda chamadas.", "This installation keeps no calls."),
            Text("Peça a quem administra o engate (ENGATE_CALLS_DAYS).", "Ask whoever runs engate (ENGATE_CALLS_DAYS)."),
            code="calls_off",
        )
    until = installation.now() + data.minutes * 60 if data.minutes else None

    def change(c: sa.Connection) -> None:
        config.connection_row(c, caller.tenant_id, id)
        kept.watch(c, id, until)

    await changing(installation, caller, Act("connection.calls_kept", id, asked={"minutes": data.minutes}), change)
    installation.calls.watch(id, until)
    return Watched(instant(until))


ROUTES = [list_calls, keep_calls]
