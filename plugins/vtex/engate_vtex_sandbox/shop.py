"""The state of the shop: plain slotted objects and dicts in the platform's own field names, with the indices that lookups need."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from decimal import Decimal
from typing import Any

UNLIMITED = 1_000_000  # the quantity the platform shows for an unlimited stock


class Category:
    __slots__ = ("children", "doc", "id", "parent")

    def __init__(self, doc: dict[str, Any], parent: Category | None) -> None:
        self.id: int = doc["Id"]
        self.doc = doc
        self.parent = parent
        self.children: list[Category] = []

    def chain(self) -> list[Category]:
        """From the department down to this category."""
        node: Category | None = self
        chain: list[Category] = []
        while node is not None:
            chain.append(node)
            node = node.parent
        return chain[::-1]


class Product:
    __slots__ = ("doc", "id", "policies", "skus", "specifications")

    def __init__(self, doc: dict[str, Any]) -> None:
        self.id: int = doc["Id"]
        self.doc = doc
        self.policies: set[int] = set()
        self.skus: list[Sku] = []
        self.specifications: list[dict[str, Any]] = []


class Price:
    """Money in reais. `fixed`: (price table, minimum quantity, from, to) -> fixed price as it was sent."""

    __slots__ = ("base", "cost", "fixed", "list", "markup")

    def __init__(self) -> None:
        self.base = Decimal(0)
        self.cost = Decimal(0)
        self.markup = 0
        self.list: Decimal | None = None
        self.fixed: dict[tuple[str, int, str, str], dict[str, Any]] = {}


class Reservation:
    """Units an order holds. Status: 1 authorized, 2 confirmed, 5 cancelled; acknowledged = dropped by the next update of the SKU."""

    __slots__ = ("acknowledged", "cancelled_at", "confirmed_at", "created_at", "dock", "freight", "lock_id", "price", "quantity", "sku",
                 "status", "warehouse", "zip_code")  # fmt: skip

    def __init__(self, lock_id: str, sku: Sku, warehouse: str, quantity: int, created_at: datetime) -> None:
        self.lock_id, self.sku, self.warehouse, self.quantity, self.created_at = lock_id, sku, warehouse, quantity, created_at
        self.status = 1
        self.acknowledged = False
        self.confirmed_at: datetime | None = None
        self.cancelled_at: datetime | None = None
        self.price = self.freight = Decimal(0)
        self.zip_code = self.dock = ""


class Stock:
    __slots__ = ("lead_time", "reservations", "total", "unlimited", "updated_at")

    def __init__(self) -> None:
        self.total = 0
        self.unlimited = False
        self.lead_time = "00:00:00"
        self.updated_at: float | None = None  # monotonic seconds of the last accepted PUT
        self.reservations: list[Reservation] = []

    @property
    def reserved(self) -> int:
        return sum(reservation.quantity for reservation in self.reservations)

    @property
    def available(self) -> int:
        return UNLIMITED if self.unlimited else max(0, self.total - self.reserved)


class Sku:
    """`stock` is by warehouse id in lower case: ids that differ by case alone share their stock (known issue 346163)."""

    __slots__ = ("doc", "eans", "files", "id", "price", "product", "specifications", "stock")

    def __init__(self, doc: dict[str, Any], product: Product) -> None:
        self.id: int = doc["Id"]
        self.doc = doc
        self.product = product
        self.eans: list[str] = []
        self.files: list[dict[str, Any]] = []
        self.specifications: list[dict[str, Any]] = []
        self.price: Price | None = None
        self.stock: dict[str, Stock] = {}

    @property
    def ref(self) -> str:
        return self.doc["RefId"]

    def stock_in(self, warehouse: str) -> Stock:
        return self.stock.setdefault(warehouse.lower(), Stock())


class Shop:
    def __init__(self, account: str) -> None:
        self.account = account
        self.categories: dict[int, Category] = {}
        self.brands: dict[int, dict[str, Any]] = {}
        self.brand_by_name: dict[str, int] = {}
        self.products: dict[int, Product] = {}
        self.products_by_ref: dict[str, dict[int, None]] = {}
        self.skus: dict[int, Sku] = {}
        self.sku_by_ref: dict[str, int] = {}
        self.sku_by_ean: dict[str, int] = {}
        self.groups: dict[int, dict[str, Any]] = {}
        self.fields: dict[int, dict[str, Any]] = {}
        self.field_values: dict[int, dict[str, Any]] = {}
        self.policies: dict[int, str] = {1: "Loja principal", 2: "Marketplaces"}
        self.warehouses: dict[str, dict[str, Any]] = {}
        self.docks: dict[str, dict[str, Any]] = {}
        self._next_ids = {"category": 1, "brand": 2_000_000, "product": 1, "sku": 1, "file": 500, "group": 1, "field": 1, "value": 1,
                          "specification": 1}  # fmt: skip

    def next_id(self, kind: str, taken: dict[int, Any] | None = None) -> int:
        """The platform's own next id, skipping those that callers chose."""
        key = self._next_ids[kind]
        while taken is not None and key in taken:
            key += 1
        self._next_ids[kind] = key + 1
        return key

    # ---- what makes a SKU buyable ----

    def chain_active(self, category: int) -> bool:
        return all(node.doc["IsActive"] for node in self.categories[category].chain())

    def missing_for_activation(self, sku: Sku) -> list[str]:
        """The conditions of activation a SKU lacks: reference or EAN, image, filled specifications, active product, brand and category."""
        product = sku.product.doc
        missing: list[str] = []
        if not sku.ref and not sku.eans:
            missing.append("RefId or EAN")
        if not sku.files:
            missing.append("image")
        if not product["IsActive"]:
            missing.append("active product")
        if not self.brands[product["BrandId"]]["Active"]:
            missing.append("active brand")
        if not self.chain_active(product["CategoryId"]):
            missing.append("active category")
        filled = {spec["FieldId"] for spec in sku.product.specifications} | {spec["FieldId"] for spec in sku.specifications}
        if any(field["Id"] not in filled for field in self.fields_of(product["CategoryId"]) if field["IsRequired"]):
            missing.append("required specifications")
        return missing

    def fields_of(self, category: int) -> list[dict[str, Any]]:
        """The fields that apply to a category: its own and those of the levels above."""
        levels = {node.id for node in self.categories[category].chain()}
        return [field for field in self.fields.values() if field["CategoryId"] is None or field["CategoryId"] in levels]

    def missing(self, sku: Sku, policy: int, now: datetime) -> tuple[str, ...]:
        """What keeps a SKU from being visible, as short tokens; empty: it can be bought."""
        product = sku.product.doc
        found = (
            ("sku_inactive", not sku.doc["IsActive"]),
            ("product_inactive", not product["IsActive"]),
            ("product_hidden", not product["IsVisible"]),
            ("brand_inactive", not self.brands[product["BrandId"]]["Active"]),
            ("category_inactive", not self.chain_active(product["CategoryId"])),
            ("no_trade_policy", policy not in sku.product.policies),
            ("no_price", self.selling_price(sku, str(policy), 1, now) is None),
            ("no_stock", not self.has_stock(sku)),
        )
        return tuple(token for token, is_missing in found if is_missing)

    def has_stock(self, sku: Sku) -> bool:
        active = {doc["id"].lower() for doc in self.warehouses.values() if doc["isActive"]}
        return any(stock.available for warehouse, stock in sku.stock.items() if warehouse in active)

    def selling_price(self, sku: Sku, table: str, quantity: int, now: datetime) -> Decimal | None:
        """The fixed price in force for the table and quantity (the largest minimum wins), else the base price."""
        if sku.price is None:
            return None
        best = -1
        value = sku.price.base
        for (name, minimum, start, end), fixed in sku.price.fixed.items():
            if name != table or minimum > quantity or minimum <= best:
                continue
            if start and not datetime.fromisoformat(start) <= now < datetime.fromisoformat(end):
                continue
            best, value = minimum, decimal(fixed["value"])
        return value

    # ---- adding (callers have checked the rules) ----

    def add_category(self, doc: dict[str, Any]) -> Category:
        parent = self.categories.get(doc["FatherCategoryId"])
        category = Category(doc, parent)
        self.categories[category.id] = category
        if parent is not None:
            parent.children.append(category)
        return category

    def add_brand(self, doc: dict[str, Any]) -> None:
        self.brands[doc["Id"]] = doc
        self.brand_by_name[doc["Name"]] = doc["Id"]

    def put_product(self, doc: dict[str, Any]) -> Product:
        product = self.products.get(doc["Id"])
        if product is None:
            product = self.products[doc["Id"]] = Product(doc)
        elif product.doc["RefId"]:
            self.products_by_ref[product.doc["RefId"]].pop(product.id)
        product.doc = doc
        if doc["RefId"]:
            self.products_by_ref.setdefault(doc["RefId"], {})[product.id] = None
        return product

    def put_sku(self, doc: dict[str, Any]) -> Sku:
        product = self.products[doc["ProductId"]]
        sku = self.skus.get(doc["Id"])
        if sku is None:
            sku = self.skus[doc["Id"]] = Sku(doc, product)
            product.skus.append(sku)
        else:
            self.sku_by_ref.pop(sku.ref, None)
            if sku.product is not product:
                sku.product.skus.remove(sku)
                product.skus.append(sku)
                sku.product = product
        sku.doc = doc
        if doc["RefId"]:
            self.sku_by_ref[doc["RefId"]] = sku.id
        return sku

    def add_ean(self, sku: Sku, ean: str) -> None:
        if ean not in sku.eans:
            sku.eans.append(ean)
        self.sku_by_ean[ean] = sku.id

    def drop_eans(self, sku: Sku, eans: list[str]) -> None:
        for ean in eans:
            sku.eans.remove(ean)
            self.sku_by_ean.pop(ean, None)

    def warehouse_names(self) -> list[str]:
        """Active warehouses, the one of the highest priority (lowest number) first."""
        active = [doc for doc in self.warehouses.values() if doc["isActive"]]
        return [doc["id"] for doc in sorted(active, key=lambda doc: doc["priority"])]


def decimal(value: Any) -> Decimal:
    """A JSON number as the exact decimal it was written as."""
    return Decimal(str(value))


def number(value: Decimal) -> int | float:
    """A decimal as the JSON number the platform writes: without a fraction where there is none."""
    return int(value) if value == value.to_integral_value() else float(value)


def stamp_with_zone(at: datetime) -> str:
    """An instant as orders and logistics write it."""
    return at.isoformat(timespec="microseconds")


def slug(text: str) -> str:
    """The link id made from a name."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
