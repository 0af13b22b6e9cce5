"""An order as engate knows it: what the shop says, its parts in the ERP, what was told to whom, and what stands open for a person."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engate.domain.reasons import Reason
from engate.model import ErpOrder, Invoice, Order, OrderChange, OrderPart
from engate.text import Text


class Part(msgspec.Struct):
    """A part as a slice of work sees it."""

    id: int
    no: int
    reference: str
    branch: str
    doc: OrderPart
    state: str
    erp_key: str | None
    sending: bool
    sent_at: float | None
    attempt: int
    looks: int
    erp_state: str | None
    erp: ErpOrder | None
    handling_sent_at: float | None
    tracking_sent_at: float | None
    delivery_sent_at: float | None
    cancel_sent_at: float | None
    documents: list[Document]
    finished_at: float | None = None
    change: OrderChange | None = None
    change_sent_at: float | None = None
    change_refused: Text | None = None
    given_back_before: Decimal = Decimal(0)  # what the buyer had back before the change
    shipped: frozenset[str] = frozenset()  # keys of the shipments that the shop knows


class Document(msgspec.Struct):
    id: int
    invoice: Invoice
    sent_at: float | None


class Stored(msgspec.Struct):
    """An order as a slice of work sees it. `charged`: what the buyer paid when its parts were made, None where none were;
    `refunded_before`: what the shop had given back by then."""

    id: int
    key: str
    state: str
    doc: Order
    was_ready: bool
    cause_id: int | None
    parts: list[Part]
    charged: Decimal | None = None
    refunded_before: Decimal = Decimal(0)
    refusal_sent_at: float | None = None
    tasks: list[tuple[str, Decimal]] = []
    """(code, amount) of what stands: open, or closed by a person who has seen to just that."""
    seen_to: frozenset[str] = frozenset()
    """Codes of the tasks that a person closed."""
    told_cause: int | None = None
    """What people were told last that it waits for, until that is over."""
    erased: bool = False
    """Its buyer was taken out of it, and stays out."""

    @property
    def was_paid(self) -> bool:
        """Whether the buyer paid once: we saw it ready, or the shop says so of an order that was cancelled before we saw it."""
        return self.was_ready or self.doc.paid_at is not None


class Task(msgspec.Struct, frozen=True):
    """`amount`: reais that were charged and are neither invoiced nor given back (negative: too much was). One of a code in an order."""

    code: str
    amount: Decimal
    text: Text
    hint: Text

    def reason(self, order_key: str) -> Reason:
        """Why the order waits for a person as long as this is open."""
        return Reason(f"task:{self.code}:{self.amount}:{order_key}"[:200], self.code, "person", self.text, self.hint)
