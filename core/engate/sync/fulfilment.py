"""Reading what the ERP says of orders: each change is stored on its part and wakes the order's lane."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from engate import personal
from engate.boundary import Received
from engate.domain import reasons
from engate.domain.reasons import Reason
from engate.model import ErpOrder, Query
from engate.plugins import closing
from engate.store import orders, renames, runs
from engate.store.blobs import pack, readable
from engate.sync import whole
from engate.sync.events import ORDER_PRIORITY, lane_of
from engate.sync.outbox import Entered, KeyedOrder, order_waits, outlet_of
from engate.sync.stock import Share, follow
from engate.sync.work import NextTurn, SliceContext
from engate.text import Text

KIND = "order"
NO_ORDER = frozenset({"cancelled", "rejected"})


async def fulfilment_slice(work: SliceContext) -> NextTurn:
    """One delta reading of the ERP's orders. It is small and frequent, so it starts anew when interrupted."""
    since = await work.store.reading(lambda c: runs.watermark_of(c, work.integration_id, KIND))
    ahead, held, read, total = since, False, 0, None
    async with closing(work.coupling.erp.list_fulfilment(Query(since=since))) as pages:
        async for page in pages:
            ahead = max(filter(None, (ahead, page.watermark)), default=None)
            read += len(page.items) + len(page.broken)
            total = min((said for said in (total, page.total) if said is not None), default=None)
            if page.items or page.broken:
                held |= await work.store.writing(lambda c, page=page: _keep(c, work, page))
    short = whole.of_count(KIND, read, total) if total is not None and read < total else None
    # an item about one of our orders that could not be taken in must be listed again
    newest = since if held else ahead
    await work.store.writing(lambda c: _read(c, work, since, newest, short))
    return NextTurn(due=work.now() + work.snapshot.every["fulfilment"])


def _read(c: sa.Connection, work: SliceContext, since: str | None, ahead: str | None, short: Reason | None) -> None:
    """The watermark moves only if the list was whole."""
    if short is None:
        if ahead != since:
            runs.keep_place(c, work.integration_id, KIND, watermark=ahead)
        whole.unsay(c, work, KIND)
    else:
        whole.say(c, work, "fulfilment", short)


def _keep(c: sa.Connection, work: SliceContext, page: Received[ErpOrder]) -> bool:
    """Stores a page. Returns whether an item about one of our orders cannot be used."""
    work.must_have_lease(c)  # the lane's new holder may have read newer facts
    now = renames.as_now(c, work.integration_id, page.items)
    said = {erp.key: erp for erp in now}
    woken: set[str] = set(_adopted(c, work, now))
    for row in orders.part_by_erp(c, work.integration_id, list(said)):
        erp = _to_keep(row, said[row.erp_key])
        before = readable(row.erp_doc, ErpOrder)
        if erp.branch != row.branch or (before is not None and _same(before, erp)):
            continue
        if erp.invoices:
            orders.keep_documents(c, work.order_row(row.order_id), row.id, erp.invoices, work.now())
        orders.update_part(c, row.id, erp_state=erp.state, erp_doc=pack(erp))
        if before is None or before.state != erp.state:
            follow(c, work, Share(row.order_id, row.branch), erp.state)
        woken.add(row.key)
    work.wake(c, *((lane_of(key), ORDER_PRIORITY) for key in woken))
    return _broken(c, work, page)


def _to_keep(row: Any, said: ErpOrder) -> ErpOrder:
    """The ERP's order as it is kept: without the buyer where the stored order was erased."""
    return personal.erased_erp(said) if row.erased_at is not None else said


def _broken(c: sa.Connection, work: SliceContext, page: Received[ErpOrder]) -> bool:
    """Orders with an unusable item wait, with its error as the cause. Returns whether there are any."""
    problems = {each.key: each.problem for each in page.broken if each.key is not None}
    rows = orders.part_by_erp(c, work.integration_id, list(problems)) if problems else []
    for row in rows:
        reason = reasons.of_problem(problems[row.erp_key])
        order_waits(c, outlet_of(work), KeyedOrder(work.order_row(row.order_id), row.key), reason, work.now())
    return bool(rows)


def _adopted(c: sa.Connection, work: SliceContext, said: list[ErpOrder]) -> list[str]:
    """Takes over orders that carry our reference and whose number is unknown: the import was not answered, or answered without one.
    Returns the keys of the shop's orders."""
    mine = {(erp.reference, erp.branch): erp for erp in said if erp.reference and erp.state not in NO_ORDER}
    found: list[str] = []
    for row in orders.part_by_reference(c, work.integration_id, [reference for reference, _ in mine]) if mine else ():
        erp = mine.get((row.reference, row.branch))
        if erp is None:
            continue
        doc = pack(_to_keep(row, erp))
        if not orders.update_unentered(c, row.id, erp_key=erp.key, erp_state=erp.state, erp_doc=doc, sending=False, state="in_erp"):
            continue
        follow(c, work, Share(row.order_id, row.branch), erp.state)
        orders.index(c, work.integration_id, "order", row.key, [erp.key])
        outlet_of(work).imported(c, Entered(row.key, row.no, erp.key), work.now())
        text = Text(f"Encontrado no ERP com o número {erp.key}.", f"Found in the ERP as {erp.key}.")
        orders.note(c, work.order_row(row.order_id), orders.Line("found", text, row.no), work.now())
        orders.set_cause(c, work.order_row(row.order_id), None, work.now())
        found.append(row.key)
    return found


def _same(before: ErpOrder, now: ErpOrder) -> bool:
    return _facts(before) == _facts(now) and (now.invoices is None or now.invoices == before.invoices)


def _facts(erp: ErpOrder) -> tuple[object, ...]:
    return erp.state, erp.shipments, erp.delivered_at, erp.changed_at, erp.items, erp.total
