"""Orders for tests of pure order logic."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from engate.domain.mapping import PairMapping, PaymentRow, WarehouseRow
from engate.domain.orders import Document, Part, Stored
from engate.model import Address, Buyer, ErpOrder, ErpState, Invoice, Order, OrderItem, OrderPart, PartItem, Payment, ShopState, check_digit

D = Decimal
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
MAPPING = PairMapping(
    warehouses=(WarehouseRow("1", "main"), WarehouseRow("2", "second")),
    payments=(PaymentRow("pix", "PIX", "1"), PaymentRow("terms", "BK", "2", "placed")),
)


def item(line: str = "1", *, quantity: int | str = 1, price: str = "10.00", warehouse: str = "main", sku: str = "s1") -> OrderItem:
    return OrderItem(line, sku, f"ref-{sku}", f"Item {line}", D(quantity), D(price), warehouse=warehouse)


def order(
    *items: OrderItem,
    state: ShopState = "ready",
    freight: str = "0",
    discount: str = "0",
    interest: str = "0",
    total: str | None = None,
    form: str = "pix",
    **more: Any,
) -> Order:
    items = items or (item(),)
    goods = sum((i.value for i in items), D(0))
    charged = D(total) if total is not None else goods + D(freight) + D(interest) - D(discount)
    return Order(
        "o1", state, str(state), AT, more.pop("buyer", Buyer("Ana", "39053344705")), Address(), items,
        more.pop("payments", (Payment(form, form, charged),)), goods, D(freight), D(discount), D(interest), charged, **more,
    )  # fmt: skip


def invoice(number: str = "1", **more: Any) -> Invoice:
    body = f"352611112223330001815500100000{int(number):04d}1000000010"[:43].ljust(43, "0")
    given: dict[str, Any] = {
        "key": body + str(check_digit(body)),
        "number": number,
        "series": "1",
        "model": "55",
        "issuer": "11222333000181",
        "value": D("10.00"),
    } | more
    return Invoice(issued_at=AT, **given)


def part(
    no: int = 1,
    *,
    of: Order | None = None,
    state: str = "received",
    key: str | None = None,
    erp: ErpState | None = None,
    documents: tuple[tuple[Invoice, bool], ...] = (),
    said: dict[str, Any] | None = None,
    **more: Any,
) -> Part:
    """`key`: its number in the ERP; `documents`: (note, sent already)."""
    doc = OrderPart(f"o1/{no}", of or order(), str(no), (PartItem("1", "p", D(1), D(10)),), D(0), D(0), D(0), D(10))
    looked_for: dict[str, Any] = {"invoices": tuple(note for note, _ in documents)} if documents else {}
    told = ErpOrder(key, str(no), erp, str(erp), **(looked_for | (said or {}))) if key and erp else None
    given: dict[str, Any] = {
        "id": no, "no": no, "reference": doc.reference, "branch": str(no), "doc": doc, "state": state, "erp_key": key, "sending": False,
        "sent_at": None, "attempt": 1 if key else 0, "looks": 0, "erp_state": erp, "erp": told, "handling_sent_at": None,
        "tracking_sent_at": None, "delivery_sent_at": None, "cancel_sent_at": None,
        "documents": [Document(n, doc, 1.0 if sent else None) for n, (doc, sent) in enumerate(documents, 1)],
    }  # fmt: skip
    return Part(**(given | more))


def stored(state: ShopState, *parts: Part, form: str = "pix", was_ready: bool = True) -> Stored:
    return Stored(1, "o1", "received", order(state=state, form=form), was_ready, None, list(parts))
