"""What the platforms of an integration told by themselves."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from litestar import get, post
from litestar.di import NamedDependency

from engate.store import config
from engate.store import deliveries as kept
from engate.store.audit import Act
from engate.sync import desk
from engate.views import delivered
from engate.views.delivered import Delivery
from engate_api.auth import Caller, operator, reader
from engate_api.changing import changing
from engate_api.installation import Installation
from engate_api.problems import documented
from engate_api.requests import Cursor, Id, Items, Limit, items, window
from engate_api.seen import seen


class Replayed(msgspec.Struct):
    """How many orders are looked at again, and how many keys are read again."""

    orders: int
    keys: int


@get(
    "/integrations/{id:int}/deliveries",
    summary="What its platforms told by themselves, newest first",
    guards=[reader],
    responses=documented(400, 401, 403, 404),
)
async def list_deliveries(
    installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, limit: Limit = 50, cursor: Cursor = None
) -> Items[Delivery]:
    """Kept for 30 days."""
    at = window(limit, cursor)
    found = await installation.store.viewing(lambda c: delivered.deliveries(c, caller.tenant_id, _sides(c, caller.tenant_id, id), at))
    found.items = await seen(installation, caller, found.items, lambda each: [(id, key) for key in each.orders])
    return items(found)


@post(
    "/integrations/{id:int}/deliveries/{delivery:int}/replay",
    summary="Look again at what a delivery was about",
    status_code=200,
    guards=[operator],
    responses=documented(400, 401, 403, 404, 409),
)
async def replay_delivery(installation: NamedDependency[Installation], caller: NamedDependency[Caller], id: Id, delivery: Id) -> Replayed:
    """Reads its orders from the shop and its keys from the ERP, as they are now. An order that a shop handed in while the integration was
    inactive is taken from the stored delivery, unless it came again since."""
    now = installation.now()

    def again(c: sa.Connection) -> Replayed:
        row = kept.one(c, caller.tenant_id, _sides(c, caller.tenant_id, id), delivery)
        return Replayed(*desk.replay(c, id, row, now))

    found = await changing(installation, caller, Act("delivery.replayed", delivery, id, msgspec.structs.asdict), again)
    await installation.dispatch.wake(id)
    return found


def _sides(c: sa.Connection, tenant_id: int, id: int) -> list[int]:
    row = config.integration_row(c, tenant_id, id)
    return [row.erp_id, row.storefront_id]


ROUTES = [list_deliveries, replay_delivery]
