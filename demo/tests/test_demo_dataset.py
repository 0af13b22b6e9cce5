"""The reader of the public order dataset: on a folder made here, and on the real one where it is."""

from __future__ import annotations

import lzma
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from stdnum import ean
from stdnum.br import cpf

from engate.testing.facts import SeedProduct
from engate_demo.catalog import Catalog, Listed
from engate_demo.dataset import Missing, read

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
REAL = Path(os.environ.get("ENGATE_DATA_DIR") or Path(__file__).resolve().parents[2] / "shared/data/olist")
PRODUCTS = (
    "product_id,product_category_name,product_name_lenght,product_description_lenght,product_photos_qty,"
    "product_weight_g,product_length_cm,product_height_cm,product_width_cm\n"
    "p1,moveis_cozinha_area_de_servico,1,1,2,1500,30,20,10\n"
    "p2,artes,1,1,1,200,,,\n"
    "p3,,,,,900,10,10,10\n"
    "p4,artes,1,1,1,0,10,10,10\n"
    "p5,artes,1,1,1,,10,10,10\n"
)
TABLES = {
    "x_products_dataset": PRODUCTS,
    "product_category_name_translation": "\ufeffproduct_category_name,product_category_name_english\r\nartes,art\r\n",
    "deeper/x_orders_dataset": (
        "order_id,customer_id,order_status,order_purchase_timestamp\n"
        "late,c1,canceled,2018-05-02 10:00:00\n"
        "b,c2,delivered,2018-05-01 10:00:00\n"
        "a,c3,unavailable,2018-05-01 10:00:00\n"
        "heavy,c4,delivered,2018-04-01 10:00:00\n"
        "empty,c5,unavailable,2018-04-01 10:00:00\n"
    ),
    "deeper/x_order_items_dataset": (
        "order_id,order_item_id,product_id,price,freight_value\n"
        "late,1,p1,12.50,3.00\n"
        "a,2,p2,20.0,1.5\n"
        "a,1,p2,20.0,1.5\n"
        "b,1,p1,99.00,7.00\n"
        "heavy,1,p1,1.00,0\n"
        "heavy,2,p4,1.00,0\n"
    ),
    "deeper/x_order_payments_dataset": (
        "order_id,payment_sequential,payment_type,payment_installments,payment_value\n"
        "a,2,voucher,1,3.0\n"
        "a,1,credit_card,8,40.0\n"
        "b,1,boleto,1,50.00\n"
        "b,2,credit_card,3,50.00\n"
        "late,1,not_defined,1,0.00\n"
    ),
    "deeper/x_customers_dataset": (
        "customer_id,customer_zip_code_prefix,customer_city,customer_state\n"
        "c1,01001,sao paulo,SP\nc2,20231,rio de janeiro,RJ\nc3,80010,curitiba,PR\nc4,80010,curitiba,PR\nc5,80010,curitiba,PR\n"
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deeper").mkdir()
    for name, text in TABLES.items():
        (tmp_path / f"{name}.csv.xz").write_bytes(lzma.compress(text.encode()))
    (tmp_path / "x_order_payments_dataset.csv").write_text("\n".join(TABLES["deeper/x_order_payments_dataset"].split("\n")[:2]) + "\n")
    return tmp_path


def listed(catalog: Catalog) -> dict[str, Listed]:
    return {sku.ean: Listed(product.key, sku.price) for product in catalog.seed.products for sku in product.skus}


def by_key(catalog: Catalog) -> dict[str, SeedProduct]:
    return {product.key: product for product in catalog.seed.products}


def test_a_flat_category_becomes_three_levels(folder: Path) -> None:
    catalog = read(folder)
    nodes = {node.key: node for node in catalog.seed.categories}
    furniture = by_key(catalog)["100001"]
    assert [nodes[key].name for key in (furniture.department, furniture.section, furniture.category) if key] == [
        "Moveis", "Moveis cozinha", "Moveis cozinha area de servico",
    ]  # fmt: skip
    art = by_key(catalog)["100002"]
    assert [nodes[key].name for key in (art.department, art.section, art.category) if key] == ["Artes"] * 3
    assert nodes[art.category or ""].parent == art.section
    assert nodes[art.section or ""].parent == art.department


def test_what_the_source_lacks_is_lacking_in_the_erp(folder: Path) -> None:
    products = by_key(read(folder))
    assert products["100003"].category is None
    assert products["100003"].section is not None
    assert [key for key, product in products.items() if not product.weight_kg] == ["100004", "100005"]
    assert products["100001"].weight_kg == Decimal("1.5")


def test_the_latest_price_counts_and_every_product_has_stock(folder: Path) -> None:
    products = by_key(read(folder))
    assert products["100001"].skus[0].price == Decimal("12.50")
    assert products["100002"].skus[0].price == Decimal("20.0")
    assert products["100003"].skus[0].price > 0
    assert all(quantity >= 50 for product in products.values() for quantity in product.skus[0].stock.values())
    assert "40.0 % of them is generated" in read(folder).notes[0]


def test_orders_whose_items_can_all_be_sold_come_in_the_order_of_their_dates(folder: Path) -> None:
    catalog = read(folder)
    sales = catalog.sales(10, listed(catalog), NOW)
    # a, b, late: "heavy" holds a SKU without weight
    assert [sale.buyer.city for sale in sales] == ["Curitiba", "Rio De Janeiro", "Sao Paulo"]
    assert [sale.placed_at for sale in sales] == [NOW - timedelta(hours=25), NOW - timedelta(hours=25), NOW - timedelta(hours=1)]
    assert [sale.number for sale in sales] == [1, 2, 3]
    assert [len(sale.items) for sale in sales] == [2, 1, 1]
    assert all(cpf.is_valid(sale.buyer.document) for sale in sales)
    assert sales[2].buyer.zip_code == "01001000"
    assert len(catalog.sales(2, listed(catalog), NOW)) == 2


def test_an_order_is_paid_in_full_as_the_source_says_it_was_paid(folder: Path) -> None:
    catalog = read(folder)
    a, b, late = (sale.payments for sale in catalog.sales(10, listed(catalog), NOW))
    assert [(one.tag, one.value, one.installments) for one in a] == [("credit_card", Decimal(40), 8), ("voucher", Decimal(3), 1)]
    assert [(one.tag, one.value, one.installments) for one in b] == [("boleto", Decimal(106), 1)]  # the source's rows amount to less
    assert [(one.tag, one.value) for one in late] == [("credit_card", Decimal("15.50"))]


def test_a_folder_without_a_table_says_which(folder: Path) -> None:
    (folder / "deeper/x_customers_dataset.csv.xz").unlink()
    with pytest.raises(Missing, match="customers_dataset"):
        read(folder)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the dataset is not at {REAL} (ENGATE_DATA_DIR says where it is)")
def test_the_real_dataset_has_the_counts_that_are_published() -> None:
    catalog = read(REAL)
    products = catalog.seed.products
    assert len(products) == 32_951
    assert {len(product.skus) for product in products} == {1}
    assert sum(product.category is None for product in products) == 610
    assert sum(not product.weight_kg for product in products) == 6
    assert sum(not product.weight_kg and product.category is not None for product in products) == 5
    assert Counter(node.level for node in catalog.seed.categories)["category"] == 73
    eans = {product.skus[0].ean for product in products}
    assert len(eans) == 32_951
    assert all(ean.is_valid(code) for code in list(eans)[:500])
    assert min(quantity for product in products for quantity in product.skus[0].stock.values()) >= 50
    sales = catalog.sales(10_000, listed(catalog), NOW)
    assert len(sales) == 7_218
    assert [sale.placed_at for sale in sales] == sorted(sale.placed_at for sale in sales if sale.placed_at)
    assert sales[-1].placed_at == NOW - timedelta(hours=1)
    for sale in sales:
        assert sum(one.value for one in sale.payments) == sum(item.price + item.freight for item in sale.items)
