"""Reads a folder of the public Brazilian e-commerce dataset as a catalogue: real products, order items and payments.

Files are found by pattern below the folder (`*_products_dataset.csv.xz` and its siblings, `.csv` too). The dataset holds no names, codes,
brands or stock, and 73 flat categories; how each of these is made is said where it is made. All of it is the same on every machine.
"""

from __future__ import annotations

import csv
import io
import lzma
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from engate.testing.assortment import BRANCHES
from engate.testing.facts import Sale, SaleItem, SalePayment, Seed, SeedBrand, SeedCategory, SeedProduct, SeedSku
from engate.testing.goods import gtin
from engate_demo.catalog import Catalog, Skus, buyer

Row = dict[str, str]
FORMS = {"credit_card": "credit_card", "boleto": "boleto", "voucher": "voucher", "debit_card": "debit_card"}
BRANDS = (
    "Aurora", "Boreal", "Cajuína", "Diamantina", "Estrela Guia", "Farol", "Girassol", "Horizonte", "Ipê", "Jangada", "Kairós", "Litoral",
    "Mirante", "Nascente", "Oriente", "Pampa", "Quilombo", "Ribeira", "Sabiá", "Tucano", "Umbu", "Vale Verde", "Xingu", "Zênite",
)  # fmt: skip
LEAST_STOCK = 50
RECENT = timedelta(hours=1)
OTHERS = "diversos"
SMALL_WORDS = frozenset(("a", "de", "do", "e"))


class Missing(Exception):
    """The folder does not hold a file that is needed; the text says which."""


class Line(NamedTuple):
    product: str
    price: Decimal
    freight: Decimal


class Source(NamedTuple):
    """The rows, by what they are asked for. `lines` and `payments` by order; `orders` in date order, then by order id."""

    products: list[Row]
    english: dict[str, str]  # category -> its English name, where there is one
    orders: list[Row]
    lines: dict[str, list[Line]]
    payments: dict[str, list[Row]]
    customers: dict[str, Row]


def read(folder: Path) -> Catalog:
    """The catalogue of a folder. Raises Missing."""
    source = _source(folder)
    sellable = {row["product_id"] for row in source.products if row["product_category_name"] and _weight(row)}
    orders = [
        order["order_id"]
        for order in source.orders
        if order["order_id"] in source.lines and all(line.product in sellable for line in source.lines[order["order_id"]])
    ]
    prices = _latest_prices(source)
    eans = {row["product_id"]: gtin(200_000_000 + nth) for nth, row in enumerate(source.products)}
    seed = _seed(source, Known(prices, eans, _units_sold(source, orders)))

    def sales(count: int, listed: Skus, now: datetime) -> list[Sale]:
        return list(_sales(source, orders[:count], Listed(eans, listed), now))

    share = 100 * (1 - len(prices.keys() & eans.keys()) / len(eans)) if eans else 0.0
    return Catalog(
        seed,
        sales,
        (
            f"{len(source.products)} products; the price of {share:.1f} % of them is generated, because no order item says one",
            f"{len(orders)} orders whose items can all be sold",
        ),
    )


# ---- files ----


def _source(folder: Path) -> Source:
    lines: dict[str, list[tuple[int, Line]]] = defaultdict(list)
    for row in _rows(folder, "order_items_dataset"):
        line = Line(row["product_id"], Decimal(row["price"]), Decimal(row["freight_value"]))
        lines[row["order_id"]].append((int(row["order_item_id"]), line))
    payments: dict[str, dict[int, Row]] = defaultdict(dict)
    for row in _rows(folder, "order_payments_dataset"):
        if row["order_id"] in lines:  # a complete table and a sample of it may both be there: their rows are the same
            payments[row["order_id"]][int(row["payment_sequential"])] = row
    orders = sorted(_rows(folder, "orders_dataset"), key=lambda row: (row["order_purchase_timestamp"], row["order_id"]))
    return Source(
        products=list(_rows(folder, "products_dataset")),
        english={row["product_category_name"]: row["product_category_name_english"] for row in _rows(folder, "category_name_translation")},
        orders=orders,
        lines={order: [line for _, line in sorted(found, key=lambda entry: entry[0])] for order, found in lines.items()},
        payments={order: [row for _, row in sorted(found.items())] for order, found in payments.items()},
        customers={row["customer_id"]: row for row in _rows(folder, "customers_dataset")},
    )


def _rows(folder: Path, name: str) -> Iterator[Row]:
    """Every row of every file of this name. The `*_` before the name keeps "orders" apart from "order_items"."""
    files = sorted(path for ending in ("csv.xz", "csv") for path in folder.rglob(f"*_{name}.{ending}"))
    if not files:
        raise Missing(f"{folder}: no file named *_{name}.csv.xz")
    for path in files:
        content = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
        yield from csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))


# ---- products ----


class Known(NamedTuple):
    """Of each product: its price, its EAN, and how many units the orders of the demo sell."""

    prices: dict[str, Decimal]
    eans: dict[str, str]
    sold: Counter[str]


def _seed(source: Source, known: Known) -> Seed:
    categories, keys = _tree(sorted({row["product_category_name"] for row in source.products if row["product_category_name"]}))
    products = tuple(_product(nth, row, source, keys, known) for nth, row in enumerate(source.products))
    return Seed(BRANCHES[:1], categories, tuple(SeedBrand(str(nth), name) for nth, name in enumerate(BRANDS, 1)), products)


def _tree(names: list[str]) -> tuple[tuple[SeedCategory, ...], dict[str, tuple[str, str, str | None]]]:
    """Department: the first word of the flat name ("moveis"); section: its first two words that say something ("moveis cozinha"); category:
    the whole name. A name of one word is all three. What has no name has department and section "Diversos", and no category link.

    Answers the nodes, and by flat name the keys of department, section and category.
    """
    nodes: dict[tuple[str, str], SeedCategory] = {}
    others = _node(nodes, "department", OTHERS, None)
    keys: dict[str, tuple[str, str, str | None]] = {"": (others, _node(nodes, "section", OTHERS, others), None)}
    for name in names:
        words = name.split("_")
        telling = [word for word in words if word not in SMALL_WORDS]
        department = _node(nodes, "department", telling[0], None)
        section = _node(nodes, "section", " ".join(telling[:2]), department)
        keys[name] = (department, section, _node(nodes, "category", " ".join(words), section))
    return tuple(nodes.values()), keys


def _node(nodes: dict[tuple[str, str], SeedCategory], level: str, name: str, parent: str | None) -> str:
    made = nodes.get((level, name))
    if made is None:
        made = nodes[level, name] = SeedCategory(str(len(nodes) + 1), name.capitalize(), level, parent)  # pyright: ignore[reportArgumentType]
    return made.key


def _product(
    nth: int,
    row: Row,
    source: Source,
    keys: dict[str, tuple[str, str, str | None]],
    known: Known,
) -> SeedProduct:
    """Code: its place in the file. Name: category, brand and code. Brand, generated price and stock follow from the product's id."""
    product, flat = row["product_id"], row["product_category_name"]
    luck = int.from_bytes(blake2b(product.encode(), digest_size=8).digest(), "big")
    brand = luck % len(BRANDS)
    code = str(100_001 + nth)
    kind = flat.replace("_", " ").capitalize() if flat else "Produto"
    department, section, category = keys[flat]
    stock = LEAST_STOCK + luck // 97 % 150 + known.sold[product]
    sku = SeedSku(code, known.eans[product], "UN", 1, known.prices.get(product) or _generated_price(luck), {BRANCHES[0].key: stock})
    english = source.english.get(flat, flat).replace("_", " ")
    return SeedProduct(
        key=code,
        name=f"{kind} {BRANDS[brand]} {code}",
        description=f"{kind} ({english or 'no category'}) {BRANDS[brand]}, código {code}, com {row['product_photos_qty'] or 0} fotos.",
        department=department,
        section=section,
        category=category,
        brand=str(brand + 1),
        weight_kg=_weight(row),
        height_cm=_size(row, "height"),
        width_cm=_size(row, "width"),
        length_cm=_size(row, "length"),
        skus=(sku,),
    )


def _weight(row: Row) -> Decimal:
    """In kilograms; 0 where the source has no weight."""
    return Decimal(row["product_weight_g"] or 0) / 1000


def _size(row: Row, name: str) -> Decimal:
    return Decimal(row[f"product_{name}_cm"] or 10)


def _generated_price(luck: int) -> Decimal:
    """9.90 to 408.90."""
    return Decimal(9 + luck // 13 % 400) + Decimal("0.90")


def _latest_prices(source: Source) -> dict[str, Decimal]:
    """Product -> the price of its latest order item."""
    return {line.product: line.price for order in source.orders for line in source.lines.get(order["order_id"], ())}


def _units_sold(source: Source, orders: list[str]) -> Counter[str]:
    """So that even selling every order leaves the least stock."""
    return Counter(line.product for order in orders for line in source.lines[order])


# ---- orders ----


class Listed(NamedTuple):
    """What the shop sells: SKUs by EAN, and the EAN of each of the source's products."""

    eans: dict[str, str]
    skus: Skus


def _sales(source: Source, orders: list[str], listed: Listed, now: datetime) -> Iterator[Sale]:
    """Dates are shifted by a constant: the last order was placed an hour ago. Each row of the source is a line of one unit."""
    if not orders:
        return
    placed = {order["order_id"]: _instant(order) for order in source.orders}
    shift = now - RECENT - placed[orders[-1]]
    customer_of = {order["order_id"]: order["customer_id"] for order in source.orders}
    for number, order in enumerate(orders, 1):
        customer = source.customers[customer_of[order]]
        city, state = customer["customer_city"].title(), customer["customer_state"]
        items = tuple(SaleItem(listed.skus[listed.eans[line.product]].key, 1, line.price, line.freight) for line in source.lines[order])
        total = sum((item.price + item.freight for item in items), Decimal(0))
        yield Sale(
            number=number,
            buyer=buyer(number, city, state, f"{customer['customer_zip_code_prefix']}000"),
            items=items,
            payments=_payments(source.payments.get(order, []), total),
            placed_at=placed[order] + shift,
        )


def _payments(rows: list[Row], total: Decimal) -> tuple[SalePayment, ...]:
    """What is paid is the sum of items and freight. The source's rows where they amount to that, else one payment of its largest row's
    form and instalments; a form that the source does not name is a credit card."""
    paid = [
        SalePayment(FORMS.get(row["payment_type"], "credit_card"), Decimal(row["payment_value"]), max(1, int(row["payment_installments"])))
        for row in rows
        if Decimal(row["payment_value"])
    ]
    if paid and sum((one.value for one in paid), Decimal(0)) == total:
        return tuple(paid)
    largest = max(paid, key=lambda one: one.value, default=SalePayment("credit_card", total))
    return (SalePayment(largest.tag, total, largest.installments),)


def _instant(order: Row) -> datetime:
    return datetime.fromisoformat(order["order_purchase_timestamp"]).replace(tzinfo=UTC)
