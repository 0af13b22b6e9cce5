"""Every path and every body the plugin sends, against the vendor's own schemas (reference data beside the project, see the design)."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from engate.model import (
    Brand,
    Category,
    Cut,
    Image,
    Invoice,
    Item,
    OrderChange,
    OrderPart,
    PartItem,
    Price,
    Product,
    Sku,
    StockLevel,
    Tracking,
    Warehouse,
)
from engate_vtex import endpoints as at
from engate_vtex import stock, translate, translate_changes, translate_orders

FOLDER = Path(os.environ.get("ENGATE_CONTRACTS", Path(__file__).resolve().parents[3].parent / "shared" / "contracts")) / "vtex"
FILES = {"commerce": ("catalog-api.json", "logistics-api.json", "orders-api.json"), "pricing": ("pricing-api.json",)}

if not FOLDER.is_dir():
    if os.environ.get("ENGATE_REQUIRE_CONTRACTS") == "1":
        raise RuntimeError(f"no contracts at {FOLDER}")
    pytest.skip(f"no contracts at {FOLDER} (ENGATE_CONTRACTS)", allow_module_level=True)


@cache
def document(name: str) -> dict[str, Any]:
    return msgspec.json.decode((FOLDER / name).read_bytes())


def shape(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "{}", path)


def operation(endpoint: at.Endpoint) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the document, the operation) of an endpoint."""
    for name in FILES[endpoint.host]:
        for path, operations in document(name)["paths"].items():
            if shape(path) == shape(endpoint.path) and endpoint.method.lower() in operations:
                return document(name), operations[endpoint.method.lower()]
    raise AssertionError(f"{endpoint.method} {endpoint.path} is in no schema")


def resolved(whole: dict[str, Any], part: Any) -> Any:
    """The schema with its references filled in, and OpenAPI's `nullable` as JSON Schema says it."""
    if isinstance(part, list):
        return [resolved(whole, entry) for entry in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        target: Any = whole
        for step in part["$ref"].removeprefix("#/").split("/"):
            target = target[step.replace("~1", "/")]
        return resolved(whole, target)
    made = {key: resolved(whole, value) for key, value in part.items() if key not in ("example", "examples")}
    if made.pop("nullable", False) and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    return made


def check(endpoint: at.Endpoint, body: object) -> None:
    whole, found = operation(endpoint)
    content = resolved(whole, found["requestBody"])["content"]
    media = next(kind for kind in content if kind.startswith("application/json"))
    jsonschema.validate(msgspec.json.decode(msgspec.json.encode(body)), content[media]["schema"])


@pytest.mark.parametrize("endpoint", [endpoint for endpoint in at.ALL if endpoint.host != "payments"], ids=lambda e: f"{e.method} {e.path}")
def test_the_path_is_the_vendors(endpoint: at.Endpoint) -> None:
    _, found = operation(endpoint)
    sends_body = "requestBody" in found
    assert not sends_body or endpoint.method not in ("GET", "DELETE")


CATEGORY = Category("1", "Cafés")
PRODUCT = Product("1", "Café", "Torra média")
SKU = Sku("1-1", "1", "UN", weight_kg=Decimal("0.5"), height_cm=Decimal("10.5"), width_cm=Decimal(2), length_cm=Decimal(3))
PRODUCT_READ = {"Id": 7, **translate.product_body(PRODUCT, "1", "2"), "DepartmentId": 1, "Score": None, "SupplierId": None, "TaxCode": ""}
SKU_READ = {"Id": 9, **translate.sku_body(SKU, "7"), "MeasurementUnit": "un", "UnitMultiplier": 1.0, "ModalType": None, "Videos": []}
NOTE = Invoice("K", "12", "1", "55", datetime(2026, 11, 21, tzinfo=UTC), Decimal("24.99"), "1", xml="<NFe/>")
RAW_ORDER = {"orderId": "1-01", "value": 2499, "items": [{"uniqueId": "U", "id": "9"}]}
WEIGHED = {"uniqueId": "U", "id": "9", "quantity": 2, "measurementUnit": "kg", "unitMultiplier": 0.5, "sellingPrice": 1000}
OLD_PRICE = {
    "basePrice": 1,
    "costPrice": 2,
    "listPrice": 3,
    "markup": 4,
    "fixedPrices": [{"tradePolicyId": "1", "value": 5.5, "listPrice": None, "minQuantity": 1, "dateRange": None}],
}


def a_part() -> OrderPart:
    items = (PartItem("U", "1-1", Decimal(1), Decimal("24.99")),)
    zero = Decimal(0)
    return OrderPart("1-01", msgspec.UNSET, "1", items, zero, zero, zero, Decimal("24.99"))  # type: ignore[arg-type]


BODIES: list[tuple[at.Endpoint, object]] = [
    (at.CATEGORY_CREATE, translate.category_body(CATEGORY, "3")),
    (at.CATEGORY_CREATE, translate.category_body(CATEGORY, None)),
    (at.CATEGORY_UPDATE, translate.category_update({"Id": 1, "Name": "A", "Score": None, "FatherCategoryId": None}, CATEGORY, {"name"})),
    (at.BRAND_CREATE, translate.brand_body(Brand("1", "Nike"), 2_000_000)),
    (at.BRAND_UPDATE, translate.brand_update({"Id": 3, "Name": "A", "Score": None, "LinkId": None}, Brand("1", "B"), {"name", "active"})),
    (at.PRODUCT_CREATE, translate.product_body(PRODUCT, "1", "2")),
    (at.PRODUCT_UPDATE, translate.product_whole(PRODUCT_READ, {"Name": "B"})),
    (at.SKU_CREATE, translate.sku_body(SKU, "7")),
    (at.SKU_UPDATE, translate.sku_whole(SKU_READ, translate.sku_update(SKU_READ, SKU, set(translate.SKU_OWNED)))),
    (at.FILE_CREATE, translate.image_body(Image("1-1/0", "1-1", "https://a/b.jpg", "Café"))),
    (at.FILE_UPDATE, translate.image_body(Image("1-1/0", "1-1", "https://a/b.jpg", "Café"))),
    (at.PRICE_UPDATE, translate.price_body(Item("1", Price("1", "1", Decimal("10.5"))), OLD_PRICE)),
    (at.PRICE_FIXED, translate.fixed_price(Price("1", "1", Decimal("10.5"), Decimal(12)), "2")),
    (at.STOCK_QUANTITY, translate.stock_body(StockLevel("1", "1", "1", Decimal(3)))),
    (at.WAREHOUSE_CREATE, stock.warehouse_body(Warehouse("1", "Matriz"), "1", {"id": "d", "name": "Doca"})),
    (at.FEED_CONFIGURE, translate_orders.feed_config(240, 345_600)),
    (at.HOOK_CONFIGURE, translate_orders.hook_config("https://engate.example/in/1/a", {"key": "secret"})),
    (at.FEED_COMMIT, {"handles": ["h"]}),
    (at.INVOICE, translate_orders.invoice_body(RAW_ORDER, NOTE, a_part())),
    (
        at.CHANGE,
        translate_changes.body({"items": [WEIGHED]}, OrderChange("1-01", (Cut("U", Decimal(1), Decimal(5)),), Decimal(6), "Sem estoque")),
    ),
    (at.CHANGE, translate_changes.body({"items": [WEIGHED]}, OrderChange("1-01", (Cut("U", Decimal("0.1"), Decimal(5)),), Decimal(1), ""))),
    (at.TRACKING, translate_orders.tracking_body(Tracking())),
    (at.DELIVERY, translate_orders.delivery_body("2026-11-24T15:30:00-03:00")),
]


@pytest.mark.parametrize(
    ("endpoint", "body"), BODIES, ids=lambda value: f"{value.method} {value.path}" if isinstance(value, at.Endpoint) else ""
)
def test_the_body_is_what_the_schema_wants(endpoint: at.Endpoint, body: object) -> None:
    check(endpoint, body)


def test_the_feeds_states_are_the_schemas_own_words() -> None:
    whole, found = operation(at.FEED_CONFIGURE)
    schema = resolved(whole, found["requestBody"])["content"]["application/json"]["schema"]
    listed = set(re.findall(r"- ([a-z-]+)", schema["properties"]["filter"]["properties"]["status"]["description"]))
    assert set(translate_orders.FEED_STATES) <= listed
