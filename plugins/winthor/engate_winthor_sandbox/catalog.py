"""The catalogue of winthor-compras-produto (`/api/purchases/v1`): departments, sections, categories, brands, products, packagings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from engate.testing.facts import Change, Level, Seed, SeedProduct, SeedSku
from engate.testing.sandbox import Answer, Call
from engate_winthor_sandbox import rules
from engate_winthor_sandbox.company import Parameters
from engate_winthor_sandbox.wire import ErpTime, Table, dumps, encoded, flag, number, page_of, paged, since_of

OFFER_LASTS = timedelta(days=365) - timedelta(seconds=1)
LEVELS: tuple[Level, ...] = ("department", "section", "category")


class Numbers:
    """WinThor's keys are numbers: a seed's key that is one is kept, any other gets the next free number of its kind."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], int] = {}
        self._next: dict[str, int] = {}

    def of(self, kind: str, key: str) -> int:
        if key.isascii() and key.isdigit():
            return int(key)
        number = self._given.get((kind, key))
        if number is None:
            number = self._given[kind, key] = self._next.get(kind, 900_000)
            self._next[kind] = number + 1
        return number


@dataclass(slots=True)
class Node:
    """A department, section, category or brand."""

    id: int
    name: str
    kind: str
    last_change: str
    parent: Node | None = None
    raw: bytes | None = None

    def reference(self) -> dict[str, object]:
        shape: dict[str, object] = {"id": self.id, "description": self.name}
        if self.kind == "section":
            shape["department"] = self.parent.reference() if self.parent else None
        return shape

    def encode(self) -> bytes:
        shape: dict[str, object] = {"id": self.id}
        match self.kind:
            case "department":
                shape |= {"name": self.name, "title": self.name, "description": self.name, "fatherCategoryId": None, "active": True,
                          "typeMerchandise": "RD", "updateStockGeneral": False}  # fmt: skip
            case "section":
                shape |= {"description": self.name, "department": self.parent.reference() if self.parent else None}
            case "category":
                shape |= {"name": self.name, "section": self.parent.reference() if self.parent else None, "subcategories": []}
            case _:
                shape["name"] = self.name
        shape["lastChange"] = self.last_change
        return dumps(shape)


@dataclass(slots=True)
class Sku:
    """A packaging (PCEMBALAGEM). `tax_figure` 0 is a product without taxation; `offer` is (price, first day, last moment), local."""

    key: str
    code: int
    product: Product
    packaging: str
    units: int
    ean: str
    price: Decimal
    offer: tuple[Decimal, datetime, datetime] | None
    last_change: str
    price_change: str
    tax_figure: int = 1
    own_weight: Decimal | None = None  # of this packaging; None: the product's
    raw: bytes | None = None
    price_raw: dict[tuple[str, int], bytes] = field(default_factory=dict)  # by branch and region, see prices
    region_prices: dict[int, Decimal] = field(default_factory=dict)  # of regions that are not the branch's own

    @property
    def order(self) -> tuple[int, int, int]:
        return self.product.id, self.units, self.code

    def effective(self, now: datetime) -> Decimal:
        """The price asked now; `now` is local."""
        if self.offer is not None and self.offer[1] <= now.replace(tzinfo=None) <= self.offer[2]:
            return self.offer[0]
        return self.price

    def encode(self) -> bytes:
        product = self.product
        return dumps({
            "id": self.code,
            "productRootId": product.id,
            "productSKUId": self.key,
            "name": self.packaging,
            "nameproduct": product.name,
            "listOfEAN": [self.ean] if self.ean else [],
            "unitMultiplier": self.units,
            "price": number(self.price),
            "isActive": not product.deleted,
            "isAvaiable": not product.deleted,
            "active": product.for_web,
            "isKit": False,
            **_sizes(self, "real"),
            **_sizes(self, ""),
            "volume": number(product.height * product.width * product.length),
            "lastChange": self.last_change,
        })  # fmt: skip


@dataclass(slots=True)
class Product:
    """PCPRODUT. Links hold ids (None = no link, and an id nobody registered links to nothing); weights kg, sizes cm."""

    id: int
    name: str
    description: str
    department: int | None
    section: int | None
    category: int | None
    brand: int | None
    weight: Decimal
    height: Decimal
    width: Decimal
    length: Decimal
    for_web: bool
    last_change: str
    multiple: int = 1  # PCPRODUT.MULTIPLO, base units
    weighed: bool = False  # its stock is not in whole units
    show_without_stock: bool = False  # EXIBESEMESTOQUEECOMMERCE
    deleted: bool = False  # DTEXCLUSAO
    unit: str = "UN"  # UNIDADE: the base unit that packagings count
    net_weight: Decimal | None = None  # PESOLIQ; None: as the gross one
    skus: list[Sku] = field(default_factory=list)  # smallest packaging first
    raw: bytes | None = None

    def encode(self) -> bytes:
        smallest = self.skus[0] if self.skus else None
        return dumps({
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "descriptionShort": self.name[:25],
            "departmentId": self.department or 0,
            "sectionId": self.section or 0,
            "categoryId": self.category,
            "subcategoryId": None,
            "webDepartmentId": None,
            "webSectionId": None,
            "webCategoryId": None,
            "brandId": self.brand,
            "linkId": None,
            "isVisible": self.for_web,
            "isActive": not self.deleted,
            "showWithoutStock": self.show_without_stock,
            "supplierId": 1,
            "factoryId": str(self.id),
            "barCode": smallest.ean if smallest else "",
            "unity": self.unit,
            "realHeight3": number(self.height),
            "realWidth3": number(self.width),
            "realLength3": number(self.length),
            "realWeightKg": number(self.weight),
            "netWeightKg": number(self.weight if self.net_weight is None else self.net_weight),
            "merchandiseType": "L",
            "lastChange": self.last_change,
        })  # fmt: skip


def _sizes(sku: Sku, prefix: str) -> dict[str, object]:
    product = sku.product

    def name(size: str) -> str:
        return f"{prefix}{size[0].upper()}{size[1:]}" if prefix else size

    return {
        name("width"): number(product.width),
        name("height"): number(product.height),
        name("length"): number(product.length),
        name("weightKg"): number(product.weight if sku.own_weight is None else sku.own_weight),
    }


class Catalog:
    def __init__(self, time: ErpTime, parameters: Parameters) -> None:
        self.time = time
        self.parameters = parameters
        self.numbers = Numbers()
        self.nodes: dict[str, Table[Node]] = {kind: Table() for kind in (*LEVELS, "brand")}
        self.products: Table[Product] = Table()
        self.skus: Table[Sku] = Table()
        self.by_key: dict[str, Sku] = {}

    # ---- what the rules of the platform look at ----

    def missing_links(self, product: Product) -> list[str]:
        links = {"department": product.department, "section": product.section, "category": product.category, "brand": product.brand}
        return [f"{kind}_link" for kind, link in links.items() if link is None or link not in self.nodes[kind].rows]

    def online(self, product: Product) -> bool:
        """Whether `callOrigin=W` lists it: flagged for the web and linked to all four. What is left out is left out silently."""
        return product.for_web and not self.missing_links(product)

    def sku_of(self, reference: str) -> Sku | None:
        """By SKU key, or by product code: then its smallest packaging."""
        if (sku := self.by_key.get(reference)) is not None:
            return sku
        product = self.products.rows.get(int(reference)) if reference.isascii() and reference.isdigit() else None
        return product.skus[0] if product and product.skus else None

    # ---- control ----

    def seed(self, seed: Seed) -> list[Product]:
        """Adds or replaces; answers the seeded products."""
        stamp = self.time.stamp()
        for category in sorted(seed.categories, key=lambda category: LEVELS.index(category.level)):
            above = LEVELS[LEVELS.index(category.level) - 1] if category.level != "department" else None
            parent = self.nodes[above].rows.get(self.numbers.of(above, category.parent)) if above and category.parent else None
            self._put_node(category.level, category.key, category.name, stamp, parent)
        for brand in seed.brands:
            self._put_node("brand", brand.key, brand.name, stamp, None)
        products = [self._put_product(product, stamp) for product in seed.products]
        self.reshaped()
        return products

    def reshaped(self) -> None:
        self.products.reshaped()
        self.skus.reshaped()

    def _put_node(self, kind: str, key: str, name: str, stamp: str, parent: Node | None) -> None:
        """Replaces in place, because the nodes below point to it and show its name."""
        node_id, table = self.numbers.of(kind, key), self.nodes[kind]
        if (node := table.rows.get(node_id)) is None:
            table.put(node_id, Node(node_id, name, kind, stamp, parent))
            return
        node.name, node.parent = name, parent
        table.touch(node_id, stamp)
        table.reshaped()
        for below in self.nodes.values():
            below.forget_encoded()

    def _link(self, kind: str, key: str | None) -> int | None:
        return self.numbers.of(kind, key) if key else None

    def _put_product(self, seeded: SeedProduct, stamp: str) -> Product:
        product_id = self.numbers.of("product", seeded.key)
        if (old := self.products.rows.get(product_id)) is not None:
            for sku in old.skus:
                self.by_key.pop(sku.key, None)
                self.skus.drop(sku.order)
        product = Product(
            product_id, seeded.name, seeded.description, self._link("department", seeded.department), self._link("section", seeded.section),
            self._link("category", seeded.category), self._link("brand", seeded.brand), seeded.weight_kg, seeded.height_cm, seeded.width_cm,
            seeded.length_cm, seeded.for_web, stamp, unit=seeded.unit, net_weight=seeded.net_weight_kg,
        )  # fmt: skip
        taken: set[int] = set()
        for seeded_sku in seeded.skus:
            sku = self._sku(product, seeded_sku, stamp, taken)
            taken.add(sku.code)
            product.skus.append(sku)
            self.by_key[sku.key] = sku
            self.skus.put(sku.order, sku)
        product.skus.sort(key=lambda sku: sku.order)
        self.products.put(product_id, product)
        return product

    def _sku(self, product: Product, seeded: SeedSku, stamp: str, taken: Iterable[int]) -> Sku:
        """CODAUXILIAR is a number and holds the EAN where there is one; a packaging without, or sharing it, has its own code."""
        code = self.numbers.of("packaging", seeded.ean or seeded.code)
        if code in taken:
            code = self.numbers.of("packaging", seeded.code)
        if code in taken:
            code = self.numbers.of("packaging", f"{product.id}/{seeded.code}")
        price, offer = seeded.price, None
        if seeded.list_price is not None and seeded.list_price > seeded.price:
            today = self.time.local().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
            price, offer = seeded.list_price, (seeded.price, today, today + OFFER_LASTS)
        made = Sku(f"{code}-{product.id}", code, product, seeded.packaging, seeded.units, seeded.ean, price, offer, stamp, stamp)
        made.own_weight = seeded.weight_kg
        return made

    def change(self, sku: Sku, change: Change) -> None:
        """The product's half of a change (prices and stock have their own). `touch=False` leaves every stamp where it is."""
        product, stamp = sku.product, self.time.stamp()
        fields: dict[str, Any] = {
            "name": change.name,
            "description": change.description,
            "weight": change.weight_kg,
            "for_web": change.for_web,
            "category": None if change.category is None else self._link("category", change.category),
        }
        asked = {name for name, value in fields.items() if value is not None} | ({"category"} if change.category == "" else set[str]())
        if not asked:
            return
        for name in asked:
            setattr(product, name, fields[name])
        product.raw = None
        for packaging in product.skus:
            packaging.raw = None
        if change.touch:
            self.products.touch(product.id, stamp)
            if asked & {"weight", "for_web"}:  # columns the packaging shows too
                for packaging in product.skus:
                    self.skus.touch(packaging.order, stamp)
        if asked & {"for_web", "category"}:
            self.reshaped()

    # ---- operations ----

    def list_nodes(self, kind: str):
        table = self.nodes[kind]

        def handler(call: Call) -> Answer:
            page, since = page_of(call.query), since_of(call.query)
            text = call.query.get("description", "").lower() if kind == "department" else ""
            section = call.query.get("sectionId", "") if kind == "category" else ""
            if section:
                rules.whole_number("sectionId", section)

            def keep(row: Node) -> bool:
                return text in row.name.lower() and (not section or (row.parent is not None and row.parent.id == int(section)))

            return paged(table.select((text, section), keep, since), page)

        return handler

    def read_department(self, call: Call) -> Answer:
        wanted = call.params["id"]
        rules.whole_number("id", wanted)
        row = self.nodes["department"].rows.get(int(wanted))
        rules.found(row is not None, "Departamento")
        return Answer(body=encoded(row))  # pyright: ignore

    def list_products(self, call: Call) -> Answer:
        page, since = page_of(call.query), since_of(call.query)
        origin = self._origin(call)
        return paged(self.products.select(origin, self.online if origin == "W" else None, since), page)

    def read_product(self, call: Call) -> Answer:
        origin, wanted = self._origin(call), call.params["id"]
        product = self.products.rows.get(int(wanted)) if wanted.isascii() and wanted.isdigit() else None
        rules.found(product is not None and (origin == "T" or self.online(product)), "Produto")
        return Answer(body=encoded(product))  # pyright: ignore

    def list_skus(self, call: Call) -> Answer:
        """All packagings only with `useAllPackages=Y`, in a branch that sells by packaging; else the smallest of each product."""
        page, since = page_of(call.query), since_of(call.query)
        everything = flag(call.query, "useAllPackages") and self.parameters.sells_by_packaging(call.query.get("branchId"))
        return paged(self.skus.select(everything, None if everything else smallest_packaging, since), page)

    def _origin(self, call: Call) -> str:
        origin = call.query.get("callOrigin", "W")
        rules.one_of("callOrigin", origin, ("W", "T"))
        return origin


def smallest_packaging(sku: Sku) -> bool:
    return sku.product.skus[0] is sku
