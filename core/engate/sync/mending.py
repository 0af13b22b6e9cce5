"""An order whose stored document cannot be read (an older version stored a wrongly built one) is read from the shop again."""

from __future__ import annotations

import sqlalchemy as sa

from engate import personal
from engate.domain import reasons
from engate.logs import say
from engate.model import Order, OrderEvent
from engate.store import inbox, orders
from engate.sync.outbox import KeyedOrder, order_waits, outlet_of
from engate.sync.work import NextTurn, SliceContext
from engate.text import Text


async def mend_order(work: SliceContext, key: str) -> NextTurn:
    """Reads the document from the shop again, and makes the parts again if none was sent. A part that was sent needs a person."""
    say("order_unreadable", integration=work.integration_id, order=key)
    if work.coupling.hands_in_orders:  # such a shop cannot be asked
        await work.store.durably(lambda c: _tell(c, work, key))
        return NextTurn()
    doc = await work.coupling.storefront.read_order(key)
    mended = await work.store.durably(lambda c: _mended(c, work, key, doc))
    return NextTurn(due=work.now()) if mended else NextTurn()


def _mended(c: sa.Connection, work: SliceContext, key: str, doc: Order) -> bool:
    work.must_have_lease(c)
    doc = personal.erased(doc) if orders.is_erased(c, work.integration_id, key) else doc
    id = orders.keep(c, work.orders_of, doc, "received", work.now())
    if orders.forget_unreadable_parts(c, id):
        # handled like a new event of the shop: missing parts are made anew
        event = OrderEvent(f"mended/{key[:160]}/{work.now()}", key, doc.state, doc.raw_state)
        inbox.receive(c, work.tenant_id, work.integration_id, [event], work.now())
        return True
    order_waits(c, outlet_of(work), KeyedOrder(work.order_row(id), key), _unreadable(key), work.now())
    return False


def _tell(c: sa.Connection, work: SliceContext, key: str) -> None:
    work.must_have_lease(c)
    id = orders.id_of(c, work.integration_id, key)
    assert id is not None
    order_waits(c, outlet_of(work), KeyedOrder(work.order_row(id), key), _unreadable(key), work.now())


def _unreadable(key: str) -> reasons.Reason:
    return reasons.own(
        "order.unreadable", key,
        Text("Os dados guardados deste pedido não podem ser lidos.", "The stored data of this order cannot be read."),
        Text("Acompanhe este pedido no ERP e na loja, e avise o suporte do engate.",
             "Follow this order in the ERP and in the shop, and tell engate's support."),
    )  # fmt: skip
