"""The neutral facts a sandbox is seeded with and reports back, so that a demo or a test names no platform.

Money is `Decimal` in reais, travelling as a JSON string; weights kilograms, sizes centimetres; instants RFC 3339 with offset.
A field that a sandbox does not know is refused: to leave it out in silence would show something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

Count = int | Decimal
"""A quantity: whole ones travel as JSON integers, 0.95 kg as the string "0.95"."""
Level = Literal["department", "section", "category"]


class SeedCategory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    name: str
    level: Level
    parent: str | None = None


class SeedBrand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    name: str


class SeedBranch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    name: str
    cnpj: str
    city: str = "São Paulo"
    state: str = "SP"


class SeedSku(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One packaging of a product; `code` is the packaging's own code (where the ERP has one), `ean` a GTIN or "". `weight_kg`: gross, of
    this packaging; None: as the product's."""

    code: str
    ean: str
    packaging: str
    units: int
    price: Decimal
    stock: Mapping[str, Count]  # branch key -> sellable units of this packaging
    list_price: Decimal | None = None
    weight_kg: Decimal | None = None


class SeedProduct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`department`, `section`, `category`, `brand` are keys of the other tables; None is a link missing in the ERP. What follows `for_web`
    an ERP knows or does not. `net_weight_kg` None: as the gross one."""

    key: str
    name: str
    description: str
    department: str | None
    section: str | None
    category: str | None
    brand: str | None
    weight_kg: Decimal
    height_cm: Decimal
    width_cm: Decimal
    length_cm: Decimal
    skus: tuple[SeedSku, ...]
    for_web: bool = True
    unit: str = "UN"
    net_weight_kg: Decimal | None = None
    ncm: str = ""
    preparation_days: int | None = None


class Seed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an ERP sandbox holds. Sent in several POSTs when large: each adds to the state."""

    branches: tuple[SeedBranch, ...] = ()
    categories: tuple[SeedCategory, ...] = ()
    brands: tuple[SeedBrand, ...] = ()
    products: tuple[SeedProduct, ...] = ()


class Change(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One change by an ERP user. `touch=False`: the platform's change stamp does not move (a field outside any watermark)."""

    sku: str  # the ERP's SKU key, as `state` reports it
    price: Decimal | None = None
    stock: Mapping[str, Count] | None = None
    name: str | None = None
    description: str | None = None
    weight_kg: Decimal | None = None
    category: str | None = None
    for_web: bool | None = None
    touch: bool = True


class Buyer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    document: str  # CPF or CNPJ, [0-9A-Z] only
    email: str
    phone: str
    street: str
    number: str
    district: str
    city: str
    state: str
    zip_code: str
    complement: str = ""
    state_inscription: str = ""  # of a buyer who pays ICMS; a shop whose orders have no place for it refuses the sale


class SaleItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sku: str  # the ERP's SKU key: what the storefront holds as its reference code
    quantity: Count
    price: Decimal  # unit price
    freight: Decimal = Decimal(0)  # of the line


class SalePayment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tag: str  # "pix" | "boleto" | "credit_card" | "debit_card" | "voucher": as in `describe`
    value: Decimal
    installments: int = 1


class Sale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order somebody places and pays in the shop. `number` seeds the faults and is returned beside the shop's own key."""

    number: int
    buyer: Buyer
    items: tuple[SaleItem, ...]
    payments: tuple[SalePayment, ...]
    discount: Decimal = Decimal(0)
    shipping: str = "standard"
    placed_at: datetime | None = None  # None: the sandbox's now
    paid: bool = True
    channel: str = ""  # through what the buyer came, in the platform's own word; "": its usual one


class SkuState(msgspec.Struct, frozen=True, omit_defaults=True):
    """A SKU as one side holds it; the demo compares both. `key` is the ERP's SKU key on both sides (reference code in a storefront),
    `product` the ERP's product key.

    `name`: of the SKU (its packaging), in an ERP's sandbox exactly as the plugin makes `Sku.name` of it. `price`: in the default table,
    None without one. `stock`: by branch key in an ERP, by warehouse key in a storefront. `visible`: in a storefront, it can be bought now;
    in an ERP, it is meant for the web and active. `missing`: in a storefront, the conditions that keep it from being visible; in an ERP,
    what its data lacks so that it cannot be sold, each in a word or two ("category link"): what the plugin gives a `Problem` for. `remote`:
    the side's own id; `product_remote`: that of its product, where it is another.
    """

    key: str
    product: str
    name: str
    product_name: str
    description: str
    ean: str
    price: Decimal | None
    stock: Mapping[str, Count]
    visible: bool = True
    missing: tuple[str, ...] = ()
    remote: str = ""
    product_remote: str = ""


class OrderState(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order as one side holds it. In the ERP `storefront_key` is what the importer wrote; several rows may share it (a duplicate!)."""

    key: str
    storefront_key: str
    state: str  # the platform's own word
    phase: Literal["open", "in_erp", "invoiced", "shipped", "delivered", "cancelled"]
    total: Decimal
    items: tuple[tuple[str, Count, Decimal], ...]  # (ERP SKU key, quantity, unit price)
    number: int = 0
    invoices: tuple[str, ...] = ()  # access keys known to this side
    tracking: tuple[str, ...] = ()


class Description(msgspec.Struct, frozen=True):
    """What reaches this sandbox: `settings` and `secrets` of a connection, integration `options`, and its half of each mapping row by tag.

    `choices`: kind of rows -> tag -> this side's fields of one row: `choices["payments"]["pix"]` of both sides merged is one row of the
    pair mapping `payments`. A tag that the other side does not have makes no row. Those in use: of `warehouses` "main" and "second" (an
    ERP: `{"branch": key}`, a shop: `{"warehouse": key}`), of `payments` "pix", "credit_card", "debit_card", "boleto" and "voucher"
    (`charge` and `terms`; `form`), of `carriers` "standard" and "express" (`carrier`; `shipping`). Tags of `price_lists` are each shop's
    own: a test that needs such a row adds it. `unlimited`: settings that lift the connection's own rates, for a sandbox started with limits
    off. `caller`: of a platform that works by calling engate, what it is told of that: the verb `configure` takes it together with `url`,
    the address of its connection; `by_call`: settings with which it calls engate, where it is asked without them. `flat`: a SKU has no name
    of its own there, and a product of one SKU goes by its code. `operations`: what faults are aimed at: "import_order" (ERP) -> the
    operation's name.
    """

    platform: str
    role: Literal["erp", "storefront"]
    settings: dict[str, object]
    secrets: dict[str, str]
    choices: dict[str, dict[str, dict[str, object]]]
    options: dict[str, object] = {}
    unlimited: dict[str, object] = {}
    caller: dict[str, object] | None = None
    flat: bool = False
    by_call: dict[str, object] = {}
    operations: dict[str, str] = {}


class Ledger(msgspec.Struct, frozen=True):
    """What really reached the sandbox, counted by the server itself."""

    requests: int  # every platform request, refused ones included; the control protocol is not counted
    by_operation: dict[str, dict[str, int]]  # "POST /path/{id}" -> status ("200", "429", "reset", ...) -> count
    writes: dict[str, int]  # operation -> requests that changed state
    rate_limited: int  # refusals by rate (429), injected ones excluded
    injected: dict[str, int]  # fault kind -> times it happened
    aborted: dict[str, int]  # operation -> requests whose client was gone when the answer was ready
    in_flight: dict[str, int]
    effects: dict[str, int]  # platform-neutral: orders_created, rows_listed (by listings), events_emitted, events_duplicated, ...


FaultKind = Literal[
    "latency", "late", "401", "403", "429", "500", "500_applied", "timeout_applied", "reset", "reset_applied", "html", "drip", "huge",
    "hang", "duplicate_event", "reorder_event", "drop_event",
]  # fmt: skip


class Fault(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Injected where `operation` matches ("" = all; else the operation's name or a prefix of it) for the share `rate` of keys.

    The key is the order number for order operations and events, else the path with the body's own key. Which keys are hit follows from
    (`seed`, `kind`, key) alone, so a run can be repeated; each key is hit `times` times, so a retry gets through.

    `latency`: it waits, then acts. `late`: it acts, and answers later. `401`, `403`: the session, or its right to this operation, is
    refused. `drip`: the right answer, one byte at a time. `huge`: a body that never ends. `hang`: no answer at all. The last three go on
    until the client leaves.
    """

    kind: FaultKind
    operation: str = ""
    rate: float = 1.0
    times: int = 1
    seed: int = 0
    milliseconds: int = 0  # latency, late, timeout_applied: how long; drip: between two bytes
    megabytes: int = 64  # huge: sent as fast as the client takes them; what follows comes slowly
