"""Reading what the ERP says of orders: each change is stored on its part and wakes the order's lane."""

from __future__ import annotations

import sqlalchemy as sa

from engate.model import ErpOrder, Page, Query
from engate.plugins import closing
from engate.store import orders, runs
from engate.store.blobs import pack, unpack
from engate.sync.events import ORDER_PRIORITY, lane_of
from engate.sync.work import Later, Work

KIND = "order"


async def fulfilment_slice(work: Work) -> Later:
    """One delta over the ERP's orders. Small and frequent: it starts anew when interrupted."""
    since = await work.store.reading(lambda c: runs.watermark_of(c, work.integration_id, KIND))
    ahead = since
    async with closing(work.coupling.erp.list_fulfilment(Query(since=since))) as pages:
        async for page in pages:
            ahead = max(filter(None, (ahead, page.watermark)), default=None)
            await work.store.writing(lambda c, page=page: _keep(c, work, page))
    await work.store.writing(lambda c: runs.set_watermark(c, work.integration_id, KIND, ahead, work.now()))
    return Later(due=work.now() + work.snapshot.every["fulfilment"])


def _keep(c: sa.Connection, work: Work, page: Page[ErpOrder]) -> None:
    said = {erp.key: erp for erp in page.items}
    woken: set[str] = set()
    for id, order_key, erp_key, branch, blob in orders.part_by_erp(c, work.integration_id, list(said)):
        erp = said[erp_key]
        before = unpack(blob, ErpOrder) if blob else None
        if erp.branch != branch or (before is not None and _same(before, erp)):
            continue
        orders.update_part(c, id, erp_state=erp.state, erp_doc=pack(erp))
        woken.add(order_key)
    work.wake(c, *((lane_of(key), ORDER_PRIORITY) for key in woken))


def _same(before: ErpOrder, now: ErpOrder) -> bool:
    return (before.state, before.shipments, before.delivered_at, before.changed_at) == (
        now.state,
        now.shipments,
        now.delivered_at,
        now.changed_at,
    )
