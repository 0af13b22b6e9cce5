"""The rows WinThor answers, decoded straight into structs. Numbers are exact. Ids and flags stay as they come: WinThor writes them in
several ways."""

from decimal import Decimal
from typing import Any, Protocol, TypeVar, cast, get_type_hints

import msgspec

from engate_winthor.endpoints import ROWS

Id = int | str | None
Flag = bool | int | str | None
Number = Decimal | None
R = TypeVar("R", bound=msgspec.Struct)


class Row(msgspec.Struct, gc=False):
    """Rows hold no references that could form a cycle: left out of garbage collection, they cost a third less."""


class DepartmentRow(Row, rename=ROWS["department"]):
    id: Id = None
    name: str | None = None
    description: str | None = None
    active: Flag = None
    changed: str | None = None


class Linked(Row):
    """A row named inside another: only its id counts."""

    id: Id = None


class SectionRow(Row, rename=ROWS["section"]):
    id: Id = None
    description: str | None = None
    name: str | None = None
    department: Linked | None = None
    changed: str | None = None


class CategoryRow(Row, rename=ROWS["category"]):
    id: Id = None
    name: str | None = None
    section: Linked | None = None
    changed: str | None = None


class BrandRow(Row, rename=ROWS["brand"]):
    id: Id = None
    name: str | None = None
    changed: str | None = None


class ProductRow(Row, rename=ROWS["product"]):
    id: Id = None
    name: str | None = None
    description: str | None = None
    department: Id = None
    section: Id = None
    category: Id = None
    brand: Id = None
    visible: Flag = None
    active: Flag = None
    show_without_stock: Flag = None
    unit: Id = None
    net_weight: Number = None
    changed: str | None = None


class SkuRow(Row, rename=ROWS["sku"]):
    code: Id = None
    product: Id = None
    key: Id = None
    name: str | None = None
    product_name: str | None = None
    eans: list[Any] | Id = None
    units: Number = None
    is_active: Flag = None
    active: Flag = None
    real_weight: Number = None
    real_height: Number = None
    real_width: Number = None
    real_length: Number = None
    weight: Number = None
    height: Number = None
    width: Number = None
    length: Number = None
    changed: str | None = None


class PriceRow(Row, rename=ROWS["price"]):
    """`fixed`: undecoded, because it is the fixed price (routine 357) or only a flag that `price` is one."""

    branch: Id = None
    sku: Id = None
    price: Number = None
    fixed: msgspec.Raw = msgspec.Raw(b"null")
    region: Id = None
    offer: Number = None
    offer_start: str | None = None
    offer_end: str | None = None


class StockRow(Row, rename=ROWS["stock"]):
    """`unlimitedQuantity` is not read: it means "show when out of stock", not that the stock has no end."""

    sku: Id = None
    quantity: Number = None
    branch: Id = None
    changed: str | None = None


class BranchRow(Row, rename=ROWS["branch"]):
    id: Id = None
    name: str | None = None
    alias: str | None = None
    document: str | None = None


class RegionRow(Row, rename=ROWS["region"]):
    id: Id = None
    branch: Id = None
    description: str | None = None
    status: str | None = None


class PlanRow(Row, rename=ROWS["plan"]):
    id: Id = None
    description: str | None = None
    branch: Id = None
    active: Flag = None


class BillingRow(Row, rename=ROWS["billing"]):
    id: Id = None
    name: str | None = None
    branch: Id = None


class CustomerRow(Row, rename=ROWS["customer"]):
    id: Id = None
    document: str | None = None
    inscription: str | None = None
    active: Flag = None


class OrderItemRow(Row, rename=ROWS["order_item"]):
    product: Id = None
    packing: Id = None
    quantity: Number = None
    cut: Number = None
    delivery: Id = None


class OrderRow(Row, rename=ROWS["order"]):
    """`reference`: UNSET where the row has no such field at all. A null says that there is no reference; a missing field says nothing."""

    number: Id = None
    status: str | None = None
    branch: Id = None
    reference: Id | msgspec.UnsetType = msgspec.UNSET
    changed: str | None = None
    delivery: str | None = None
    total: Number = None
    tracking: Id = None
    carrier: Id = None
    items: list[OrderItemRow] | None = None


class InvoiceRow(Row, rename=ROWS["invoice_document"]):
    xml: str | None = None


class Rows:
    """The row types of one installation: the classes above, or the same with its own field names."""

    def __init__(self, names: dict[str, dict[str, str]]) -> None:
        self.department = _named(DepartmentRow, "department", names)
        self.section = _named(SectionRow, "section", names)
        self.category = _named(CategoryRow, "category", names)
        self.brand = _named(BrandRow, "brand", names)
        self.product = _named(ProductRow, "product", names)
        self.sku = _named(SkuRow, "sku", names)
        self.price = _named(PriceRow, "price", names)
        self.stock = _named(StockRow, "stock", names)
        self.branch = _named(BranchRow, "branch", names)
        self.region = _named(RegionRow, "region", names)
        self.plan = _named(PlanRow, "plan", names)
        self.billing = _named(BillingRow, "billing", names)
        self.customer = _named(CustomerRow, "customer", names)
        item = _named(OrderItemRow, "order_item", names)
        self.order = _named(OrderRow, "order", names, items=list[item] | None)
        self.invoice = _named(InvoiceRow, "invoice_document", names)


def _named(kind: type[R], name: str, names: dict[str, dict[str, str]], **types: Any) -> type[R]:
    """`kind` with other field names, where the installation has some."""
    if names[name] == ROWS[name] and not (types and names["order_item"] != ROWS["order_item"]):
        return kind
    hints = {**get_type_hints(kind), **types}
    fields = [(field, hints[field], default) for field, default in zip(kind.__struct_fields__, kind.__struct_defaults__, strict=True)]
    return cast("type[R]", msgspec.defstruct(kind.__name__, fields, bases=(Row,), rename=names[name], gc=False))


def text(value: object) -> str:
    """An id or a name as trimmed text; None, a field that is not there and 0 (no link) are ""."""
    found = "" if value is None or value is msgspec.UNSET else str(value).strip()
    return "" if found == "0" else found


class Identified(Protocol):
    id: Id


def id_of(row: Identified) -> str:
    return text(row.id)


def flag(value: Flag, default: bool) -> bool:
    """WinThor's flags: true/false, "S"/"N", "Y"/"N", "A"/"I", "true"/"false", 1/0."""
    if value is None or value == "":
        return default
    if isinstance(value, str):
        return value.strip().lower() in ("true", "s", "sim", "y", "a", "1")
    return bool(value)
