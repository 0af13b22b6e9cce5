"""An order as engate stores it: the shop's order, its parts in the ERP, what was sent to whom, and its tasks."""

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
    given_back_before: Decimal = Decimal(0)  # refunded to the buyer before the change
    shipped: frozenset[str] = frozenset()  # keys of the shipments that the shop knows


class Document(msgspec.Struct):
    id: int
    invoice: Invoice
    sent_at: float | None


class Stored(msgspec.Struct):
    """An order as a slice of work sees it. `charged`: what the buyer paid when its parts were made, None without parts;
    `refunded_before`: what the shop had refunded by then."""

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
    """(code, amount) of tasks that are open or were closed by a person."""
    seen_to: frozenset[str] = frozenset()
    """Codes of the tasks that a person closed."""
    told_cause: int | None = None
    """The cause that people were last told of, until it is over."""
    erased: bool = False
    """Its buyer was erased and is not stored again."""

    @property
    def was_paid(self) -> bool:
        """Whether the buyer has paid: the order was ready once, or the shop tells when it was paid."""
        return self.was_ready or self.doc.paid_at is not None


class Task(msgspec.Struct, frozen=True):
    """`amount`: reais that were charged and are neither invoiced nor refunded (negative: too much was). One for each code and order."""

    code: str
    amount: Decimal
    text: Text
    hint: Text

    def reason(self, order_key: str) -> Reason:
        """The reason why the order waits for a person while this task is open."""
        return Reason(f"task:{self.code}:{self.amount}:{order_key}"[:200], self.code, "person", self.text, self.hint)
