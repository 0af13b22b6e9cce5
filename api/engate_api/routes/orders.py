"""Orders: where each is, and everything that happened to it."""

from __future__ import annotations

from typing import Annotated

import msgspec
import sqlalchemy as sa
from litestar import Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody

from engate.operations import trigger
from engate.operations.scope import Scope
from engate.store import config
from engate.store.audit import Act
from engate.titles import ORDER_STATES
from engate.views import configured, orders, orders_csv
from engate.views.orders import Filters, OrderLine, OrderView
from engate.views.paging import Rows, Window
from engate_api.auth import Caller, operator, reader
from engate_api.changing import changing
from engate_api.installation import Installation
from engate_api.problems import Refused, documented
from engate_api.requests import CauseId, Cursor, Id, Items, Limit, Moment, OrderState, Word, items, known, moment, window
from engate_api.seen import in_the_open, seen

SHEET = "text/csv"
PAGE = 250
MOST = 20_000


async def asked(
    installation: NamedDependency[Installation],
    caller: NamedDependency[Caller],
    order_state: OrderState = None,
    attention: FromQuery[bool | None] = None,
    q: Word = None,
    cause: CauseId = None,
    channel: Word = None,
    since: Moment = None,
    until: Moment = None,
) -> Filters:
    """Which orders. A day is one of the tenant's zone."""
    if order_state is not None:
        known(order_state, ORDER_STATES, "state")
    zone = await installation.store.glancing(lambda c: config.zone_of(c, caller.tenant_id))
    placed = moment(since, zone, "since"), moment(until, zone, "until", end=True)
    return Filters(order_state, attention, q, cause, channel, *placed)


FILTERED = {"filters": Provide(asked)}


@get(
    "/integrations/{id:int}/orders",
    summary="Orders, newest first",
    guards=[reader],
    dependencies=FILTERED,
    responses=documented(400, 401, 403, 404, 422),
)
async def list_orders(
    installation: NamedDependency[Installation],
    caller: NamedDependency[Caller],
    id: Id,
    filters: NamedDependency[Filters],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Items[OrderLine]:
    """`q`: the shop's key (or how it begins), the ERP's number, a note's number or key, the buyer's name (a CPF, CNPJ or e-mail address is
    looked for by POST /search). A key that only reads sees no buyer. `since`, `until`: when it was placed, as a day (of the tenant's zone,
    the last one counts whole) or an instant; then those placed last come first."""
    at = window(limit, cursor)
    in_the_open(filters.q)

    def find(c: sa.Connection) -> Rows[OrderLine]:
        config.integration_row(c, caller.tenant_id, id)
        return orders.listing(c, caller.tenant_id, id, at, filters)

    found = await installation.store.viewing(find)
    found.items = await seen(installation, caller, found.items, lambda line: [(id, line.key)])
    return items(found)


@get(
    "/integrations/{id:int}/orders.csv",
    summary="The same orders as a spreadsheet",
    guards=[reader],
    dependencies=FILTERED,
    media_type=SHEET,
    responses=documented(400, 401, 403, 404, 422),
)
async def get_orders_sheet(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, filters: NamedDependency[Filters]
) -> Response[bytes]:
    """CSV with semicolons, for a spreadsheet in Portuguese, as the list shows them.

    The first 20,000; where there are more the last line says so."""
    in_the_open(filters.q)
    lines: list[OrderLine] = []
    at = Window(PAGE)

    def some(c: sa.Connection) -> Rows[OrderLine]:
        config.integration_row(c, caller.tenant_id, id)
        return orders.listing(c, caller.tenant_id, id, at, filters)

    while len(lines) < MOST:
        found = await installation.store.viewing(some)
        lines += await seen(installation, caller, found.items, lambda line: [(id, line.key)])
        if found.next is None:
            break
        at = Window(PAGE, found.next)
    zone = await installation.store.glancing(lambda c: config.zone_of(c, caller.tenant_id))
    sheet = orders_csv.written(lines[:MOST], zone, cut=len(lines) >= MOST)
    return Response(sheet, media_type=SHEET, headers={"Content-Disposition": 'attachment; filename="pedidos.csv"'})


@get(
    "/integrations/{id:int}/orders/{key:str}",
    summary="One order, with parts, documents and timeline",
    guards=[reader],
    responses=documented(400, 401, 403, 404),
)
async def get_order(installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, key: FromPath[str]) -> OrderView:
    found = await installation.store.viewing(lambda c: _find(c, caller, id, key))
    [order] = await seen(installation, caller, [found], lambda _: [(id, key)])
    return order


@post(
    "/integrations/{id:int}/orders/{key:str}/retry",
    summary="Look at the order again; a refused part may go once more",
    status_code=200,
    guards=[operator],
    responses=documented(400, 401, 403, 404, 409),
)
async def retry_order(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, key: FromPath[str]
) -> OrderView:
    now = installation.now()

    def go(c: sa.Connection) -> OrderView:
        stands = configured.why_not(c, caller.tenant_id, id)
        if stands is not None:
            raise Refused(409, *stands)
        trigger.retry_order(Scope.of(c, caller.tenant_id, id, now), key)
        return _find(c, caller, id, key)

    order = await changing(installation, caller, Act("order.retried", key, id, {}), go)
    await installation.dispatch.wake(id)
    return order


class Closing(msgspec.Struct, forbid_unknown_fields=True):
    """`note`: what was done, for whoever asks later ("Pix de R$ 22,02 devolvido em 26/11")."""

    note: Annotated[str, msgspec.Meta(min_length=3, max_length=500)]


@post(
    "/integrations/{id:int}/orders/{key:str}/tasks/close",
    summary="A person has seen to what stands open of an order",
    status_code=200,
    guards=[operator],
    responses=documented(400, 401, 403, 404),
)
async def close_tasks(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, key: FromPath[str], data: JSONBody[Closing]
) -> OrderView:
    """For money that was given back outside the shop, or a loss that is accepted. A new difference opens a new task."""
    now = installation.now()

    def go(c: sa.Connection) -> OrderView:
        config.integration_row(c, caller.tenant_id, id)
        trigger.close_tasks(Scope.of(c, caller.tenant_id, id, now), trigger.Done(key, data.note))
        return _find(c, caller, id, key)

    order = await changing(installation, caller, Act("order.tasks_closed", key, id, {}), go)
    await installation.dispatch.wake(id)
    return order


def _find(c: sa.Connection, caller: Caller, id: int, key: str) -> OrderView:
    config.integration_row(c, caller.tenant_id, id)
    return orders.one_order(c, caller.tenant_id, id, key)


ROUTES = [list_orders, get_orders_sheet, get_order, retry_order, close_tasks]
