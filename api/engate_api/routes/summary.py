"""Where an integration stands, and what its records wait for."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import sqlalchemy as sa
from litestar import get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter

from engate.domain.snapshot import Snapshot
from engate.errors import Invalid
from engate.model.kinds import KINDS
from engate.operations import trigger
from engate.operations.scope import Scope
from engate.store import config
from engate.store.audit import Act
from engate.store.tables import cause
from engate.text import Text
from engate.views import configured, explain, queue, records, summary
from engate.views.explain import OrderExplained, SkuExplained
from engate.views.paging import Window
from engate.views.queue import Waiting
from engate.views.records import Record
from engate.views.summary import Summary
from engate_api.auth import Caller, operator, reader
from engate_api.changing import changing
from engate_api.installation import Installation
from engate_api.problems import Refused, documented
from engate_api.requests import CauseId, Id, Items, Number, Word, items, known, window
from engate_api.seen import in_the_open, seen

State = Annotated[Literal["to_send", "sent", "waiting", "settled"] | None, QueryParameter(name="state")]
Owner = Annotated[Literal["person", "storefront", "engate"] | None, QueryParameter(name="owner")]
Sort = Annotated[Literal["impact", "age"], QueryParameter(name="sort")]


class Retry(msgspec.Struct, forbid_unknown_fields=True):
    """Either these records, or all records that wait for this cause."""

    records: Annotated[list[Number], msgspec.Meta(min_length=1, max_length=500)] | None = None
    cause: Number | None = None


class Retried(msgspec.Struct):
    retried: int


@get("/integrations/{id:int}/summary", summary="Where it stands, in numbers", guards=[reader], responses=documented(400, 401, 403, 404))
async def get_summary(installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id) -> Summary:
    """What there is too much of to be counted for everybody is as of `counted_at`."""
    await installation.store.viewing(lambda c: config.integration_row(c, caller.tenant_id, id))
    at = installation.now()
    return await installation.tempered.get(("summary", caller.tenant_id, id), lambda c: summary.summary(c, _snapshot(c, caller, id), at))


def of_whom(owner: Owner = None, sort: Sort = "impact") -> queue.Filters:
    """Which causes, in which order."""
    return queue.Filters(owner, sort)


QUEUED = {"at": Provide(window, sync_to_thread=False), "filters": Provide(of_whom, sync_to_thread=False)}


@get(
    "/integrations/{id:int}/causes",
    summary="What is waited for, by whom and by how many",
    guards=[reader],
    dependencies=QUEUED,
    responses=documented(400, 401, 403, 404),
)
async def list_causes(
    installation: NamedDependency[Installation],
    caller: NamedDependency[Caller],
    id: Id,
    filters: NamedDependency[queue.Filters],
    at: NamedDependency[Window],
) -> Items[Waiting]:
    """What holds up most comes first: money of orders, orders, SKUs, then age."""

    def find(c: sa.Connection) -> Items[Waiting]:
        config.integration_row(c, caller.tenant_id, id)
        return items(queue.listing(c, [id], at, filters))

    return await _shown(installation, caller, await installation.tempered.get(("causes", caller.tenant_id, id, at, filters), find))


@get(
    "/causes",
    summary="What is waited for, over all integrations",
    guards=[reader],
    dependencies=QUEUED,
    responses=documented(400, 401, 403),
)
async def list_all_causes(
    installation: NamedDependency[Installation],
    caller: NamedDependency[Caller],
    filters: NamedDependency[queue.Filters],
    at: NamedDependency[Window],
) -> Items[Waiting]:
    """The work queue of a support desk: `owner=person` is what somebody must do. Deleted integrations count while their orders go on."""

    def find(c: sa.Connection) -> Items[Waiting]:
        return items(queue.listing(c, config.integrations_of(c, caller.tenant_id), at, filters))

    return await _shown(installation, caller, await installation.tempered.get(("causes", caller.tenant_id, None, at, filters), find))


async def _shown(installation: Installation, caller: Caller, causes: Items[Waiting]) -> Items[Waiting]:
    """What is counted for everybody, as this one may see it: words about one order name its buyer."""

    def first(each: Waiting) -> list[tuple[int, str]]:
        return [(each.integration, each.first.key)] if each.first is not None and each.first.kind == "order" else []

    return Items(await seen(installation, caller, causes.items, first, lambda each: [each.id]), causes.next_cursor)


def of_records(kind: Word = None, record_state: State = None, cause_id: CauseId = None, q: Word = None) -> records.Filters:
    """Which records."""
    if kind is not None:
        known(kind, KINDS, "kind")
    return records.Filters(kind, record_state, cause_id, q)


FOUND = {"at": Provide(window, sync_to_thread=False), "filters": Provide(of_records, sync_to_thread=False)}


@get(
    "/integrations/{id:int}/records",
    summary="Search records",
    guards=[reader],
    dependencies=FOUND,
    responses=documented(400, 401, 403, 404, 422),
)
async def list_records(
    installation: NamedDependency[Installation],
    caller: NamedDependency[Caller],
    id: Id,
    filters: NamedDependency[records.Filters],
    at: NamedDependency[Window],
) -> Items[Record]:
    """`q`: the key (or how it begins), the shop's id, or the EAN."""

    def find(c: sa.Connection) -> Items[Record]:
        config.integration_row(c, caller.tenant_id, id)
        return items(records.listing(c, id, at, filters))

    return await installation.store.viewing(find)


@get(
    "/integrations/{id:int}/explain/sku/{any:path}",
    summary="Why is this product (not) on the site?",
    guards=[reader],
    responses=documented(400, 401, 403, 404),
)
async def explain_sku(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, any: FromPath[str]
) -> SkuExplained:
    """By any key: ERP code, SKU, EAN, the shop's id. The chain from category to stock, to the first thing in the way."""
    key = any.removeprefix("/")
    return await installation.store.viewing(lambda c: explain.sku(c, _snapshot(c, caller, id), key))


@get(
    "/integrations/{id:int}/explain/order/{any:path}",
    summary="Where is this order?",
    guards=[reader],
    responses=documented(400, 401, 403, 404),
)
async def explain_order(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, any: FromPath[str]
) -> OrderExplained:
    """By any key: the shop's, the ERP's, a note's number or key. (By CPF or CNPJ: POST /search.)"""
    key = any.removeprefix("/")
    in_the_open(key)
    explained = await installation.store.viewing(lambda c: explain.order_of(c, caller.tenant_id, id, key))
    [order] = await seen(installation, caller, [explained], lambda each: [(explained.integration, each.key)])
    return order


@post(
    "/integrations/{id:int}/records/retry",
    summary="Send again what waits",
    status_code=200,
    guards=[operator],
    responses=documented(400, 401, 403, 404, 409, 422),
)
async def retry_records(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, data: JSONBody[Retry]
) -> Retried:
    if (data.records is None) == (data.cause is None):
        raise Invalid(
            Text("Envie 'records' ou 'cause'.", "Send either 'records' or 'cause'."),
            Text(
                "Os ids estão nas listas de causas e de registros da integração.",
                "The ids stand in the integration's lists of causes and records.",
            ),
            where="records",
        )
    now, what = installation.now(), trigger.Retried(data.cause, data.records or ())

    def again(c: sa.Connection) -> trigger.Again:
        """Messages are retried also where the integration is inactive; records and orders are not."""
        made = trigger.retry(Scope.of(c, caller.tenant_id, id, now), what)
        stands = configured.why_not(c, caller.tenant_id, id) if made.things > made.messages else None
        if stands is not None:
            raise Refused(409, *stands)
        return made

    def go(c: sa.Connection) -> trigger.Again:
        config.integration_row(c, caller.tenant_id, id)
        if (
            data.cause is not None
            and c.execute(config.mine(cause, caller.tenant_id, cause.c.integration_id == id, cause.c.id == data.cause)).first() is None
        ):
            raise config.not_found("Causa", "cause")
        return again(c)

    of = data.cause or (data.records or [""])[0]

    def asked(made: trigger.Again) -> dict[str, object]:
        which = {"cause": data.cause} if data.cause is not None else {"records": data.records}
        return {**which, "things": made.things}

    act = Act("records.retried", of, id, asked)
    count, _, more = await changing(installation, caller, act, go)
    while more:
        further, _, more = await changing(installation, caller, act, again)
        count += further
    await installation.dispatch.wake(id)
    return Retried(count)


def _snapshot(c: sa.Connection, caller: Caller, id: int) -> Snapshot:
    config.integration_row(c, caller.tenant_id, id)
    found = config.snapshot(c, id)
    assert found is not None
    return found


ROUTES = [get_summary, list_causes, list_all_causes, list_records, explain_sku, explain_order, retry_records]
