"""Orders: the storefront's order, the part of it that becomes one ERP order, and the ERP's facts about it.

Money: `Decimal` in reais, two places. Quantities: `Decimal`, exact (0.95 kg); `value` of a line follows one rule (`quantity.worth`).
Instants are aware. `raw_state` keeps the platform's own word.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from engate.model.documents import inscribed
from engate.model.fiscal import Invoice
from engate.model.quantity import worth

ShopState = Literal[
    "received",  # exists, nothing decided
    "awaiting_payment",
    "held",  # paid, but the shop holds it (cancel window, review)
    "ready",  # may enter the ERP
    "handling",  # the shop knows that the ERP has it
    "invoiced",
    "cancel_requested",
    "cancelled",
    "unknown",  # an unknown state: stored and shown, never guessed
]
"""The storefront's state of an order."""

ErpState = Literal["held", "in_erp", "picking", "partly_invoiced", "invoiced", "shipped", "delivered", "cancelled", "rejected", "unknown"]
"""The ERP's state of an order. `held`: the ERP has it, but credit, limit or margin block it. `partly_invoiced`: more notes will follow;
`invoiced`: no more notes will follow, so what is not invoiced by then is cut."""


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    street: str = ""
    number: str = ""
    complement: str = ""
    district: str = ""
    city: str = ""
    state: str = ""
    zip_code: str = ""  # [0-9]{8}
    country: str = "BRA"
    receiver: str = ""


class Buyer(msgspec.Struct, frozen=True, omit_defaults=True):
    """`document` is a CPF or CNPJ, [0-9A-Z] only (a CNPJ may hold letters)."""

    name: str
    document: str
    email: str = ""
    phone: str = ""
    company: bool = False
    company_name: str = ""
    state_inscription: str = ""

    @property
    def contributor(self) -> bool:
        """Whether the buyer pays ICMS: it has a state inscription. A rural producer may be a person with a CPF."""
        return inscribed(self.state_inscription)


class OrderItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line, identified by `line`, because two lines may have the same SKU. `price`: the unit price after item discounts.

    A shop that names its articles only by the ERP's keys leaves `sku` empty: such a key must never be taken for one of the shop's ids.
    """

    line: str
    sku: str  # the storefront's SKU id; "": only `reference` names it
    reference: str  # the reference code it holds: the ERP's SKU key where engate linked it
    name: str
    quantity: Decimal
    price: Decimal
    freight: Decimal = Decimal(0)
    warehouse: str = ""  # the storefront's warehouse that serves it

    @property
    def value(self) -> Decimal:
        return worth(self.price, self.quantity)

    @property
    def named(self) -> str:
        """The name by which it is looked up: the SKU id, or the reference in a form that no id has."""
        return self.sku or f"\0{self.reference}"


class Payment(msgspec.Struct, frozen=True, omit_defaults=True):
    """`form` is the storefront's payment form as `read_choices("payments")` lists it."""

    form: str
    name: str
    value: Decimal
    installments: int = 1
    authorisation: str = ""
    nsu: str = ""
    tid: str = ""


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """A storefront order as it is now. `total` = items + freight + interest − discount.

    `refunded`: what the buyer got back so far of the charge, by changes, returns and refunds, as far as the shop tells.
    """

    key: str
    state: ShopState
    raw_state: str
    placed_at: datetime
    buyer: Buyer
    delivery: Address
    items: tuple[OrderItem, ...]
    payments: tuple[Payment, ...]
    items_total: Decimal
    freight: Decimal
    discount: Decimal  # positive
    interest: Decimal
    total: Decimal
    paid_at: datetime | None = None
    shipping: str = ""  # shipping method as `read_choices("shippings")` lists it
    channel: str = ""
    test: bool = False
    refunded: Decimal = Decimal(0)
    changed_at: str = ""  # the platform's own stamp
    number: str = ""  # what people in the shop call the order, if that is not its key: "#1001"


class OrderEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something happened to an order in the storefront. `key` identifies the event itself (a duplicate has the same).

    `doc`: the whole order, if the platform sends it with the event: then `read_order` is not called. Which one counts follows from
    `changed_at`: see `engate.domain.told`.
    """

    key: str
    order: str
    state: ShopState
    raw_state: str
    at: str = ""
    doc: Order | None = None


FieldValue = str | Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)] | float | bool
"""Values that an order field may hold."""


class PartItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line for the ERP: its own SKU key, units, unit price."""

    line: str
    sku: str
    quantity: Decimal
    price: Decimal

    @property
    def value(self) -> Decimal:
        return worth(self.price, self.quantity)


class OrderPart(msgspec.Struct, frozen=True, omit_defaults=True):
    """The share of a storefront order that becomes one ERP order. The money of the parts sums to the order, to the cent.

    `reference`: what the ERP order carries so that it can be found again: the storefront's key, and the part's number if there are several.
    `charge`, `terms` and `carrier` come from the pair mapping and are the ERP's own codes; `terms` is empty where the ERP has none.
    `fields`: the order fields (`Manifest.order_fields`), by the mapping at the time when the part was made. `attempt`: how often it was
    sent already; a part that was never sent cannot be in the ERP, which is what an ERP without a search needs to know.
    """

    reference: str
    order: Order
    branch: str
    items: tuple[PartItem, ...]
    freight: Decimal
    discount: Decimal
    interest: Decimal
    total: Decimal
    charge: str = msgspec.field(name="billing", default="")  # parts are stored under these names
    terms: str = msgspec.field(name="plan", default="")
    carrier: str = ""
    attempt: int = 0
    fields: Mapping[str, FieldValue] = {}


class PartRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """An ERP order that exists: its key there, its branch, and the reference it carries."""

    key: str
    branch: str
    reference: str


class Imported(msgspec.Struct, frozen=True, omit_defaults=True):
    """A definite yes of the ERP. `state`: if the answer tells it."""

    key: str
    state: ErpState = "in_erp"


class Found(msgspec.Struct, frozen=True, tag="found"):
    key: str
    state: ErpState = "in_erp"


class Absent(msgspec.Struct, frozen=True, tag="absent"):
    """The ERP answered for every place where the order could be, and it is not there."""


class Unsure(msgspec.Struct, frozen=True, tag="unsure"):
    """The search could not be completed: never permits a send."""

    reason: str


class Tracking(msgspec.Struct, frozen=True, omit_defaults=True):
    """`code` may be "": an own fleet has no code."""

    code: str = ""
    url: str = ""
    carrier: str = ""
    dispatched_at: datetime | None = None


class ErpItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """`quantity`: what the ERP attends; `cut`: what it was asked for in addition and will not deliver."""

    sku: str
    quantity: Decimal
    cut: Decimal = Decimal(0)


class Shipment(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was shipped together. `key`: unique among the shipments of one ERP order; `items`: what is in it, () = the whole order."""

    key: str
    tracking: Tracking = Tracking()
    items: tuple[ErpItem, ...] = ()


class ErpOrder(msgspec.Struct, frozen=True, omit_defaults=True):
    """The ERP's facts about one of its orders. `invoices`: None = not looked for (a listing); () = none published yet."""

    key: str
    branch: str
    state: ErpState
    raw_state: str
    reference: str = ""
    total: Decimal | None = None
    items: tuple[ErpItem, ...] = ()
    invoices: tuple[Invoice, ...] | None = None
    shipments: tuple[Shipment, ...] = ()
    delivered_at: datetime | None = None
    reason: str = ""
    changed_at: str = ""


class Cut(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of one line of the storefront's order will not be delivered: the line, the units, the unit price charged."""

    line: str
    quantity: Decimal
    price: Decimal


class OrderChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the ERP did not attend of one part. `refund`: the amount to give back, in reais, whatever the lines say.
    `cuts` may be empty where only the amount differs."""

    reference: str  # of the part: identifies the change among those of other parts
    cuts: tuple[Cut, ...]
    refund: Decimal
    reason: str


class ShopOrderRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """The storefront order that a `send_*` hook writes to, as last read."""

    key: str
    order: Order


class Listing(msgspec.Struct, frozen=True, omit_defaults=True):
    """One SKU that already exists in the storefront. `product`: the storefront's key of its product, if that has one."""

    sku: str
    reference: str = ""
    ean: str = ""
    name: str = ""
    active: bool = True
    product: str = ""
