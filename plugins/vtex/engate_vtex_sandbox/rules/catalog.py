"""Rules of the Catalog API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engate.shapes import is_array
from engate_vtex_sandbox import refusals
from engate_vtex_sandbox.rules.common import INT32

if TYPE_CHECKING:
    from engate_vtex_sandbox.shop import Product, Shop, Sku

SELECTION_MODES = ("SPECIFICATION", "LIST")
UNITS = frozenset(
    ["un", "kg", "g", "mg", "m", "m²", "m³", "cm", "cm²", "cm³", "mm", "mm²", "mm³", "oz", "lb", "ft", "ft²", "ft³", "in", "in²", "in³"]
)
IMAGES = (".jpg", ".png", ".gif")
PRODUCT_NAME = 150
PRODUCT_REF = 100
SKU_NAME = 200
SKU_REF = 50
FIELD_NAME = 100
FIELD_TYPES = (1, 2, 4, 5, 6, 7, 8, 9)
TYPES_WITH_VALUES = (5, 6, 7)


def refuse_taken_id(kind: str, key: int, taken: Mapping[int, object]) -> None:
    if key in taken:
        raise refusals.message(409, f"{kind} {key} already exists")


# ---- categories and brands ----


def refuse_unknown_category(shop: Shop, key: int | None) -> None:
    if key not in shop.categories:
        raise refusals.message(404, f"Category {key} not found")


def refuse_unknown_parent(shop: Shop, key: int | None) -> None:
    if key is not None and key not in shop.categories:
        raise refusals.message(400, f"FatherCategoryId {key} does not exist")


def refuse_selection_mode(mode: object) -> None:
    if mode not in SELECTION_MODES:
        raise refusals.message(400, "StockKeepingUnitSelectionMode must be SPECIFICATION or LIST")


def refuse_blank_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip():
        raise refusals.message(400, "Name must not be empty")


def refuse_unknown_brand(shop: Shop, key: int | None) -> None:
    if key not in shop.brands:
        raise refusals.message(404, f"Brand {key} not found")


def refuse_taken_brand_name(shop: Shop, name: str, own: int) -> None:
    """Names are compared as they are: a trailing space makes another brand."""
    if shop.brand_by_name.get(name, own) != own:
        raise refusals.message(409, f"A brand named {name!r} already exists")


# ---- products ----


def refuse_unknown_product(shop: Shop, key: int) -> None:
    if key not in shop.products:
        raise refusals.message(404, f"Product {key} not found")


def refuse_long(body: Mapping[str, Any], name: str, limit: int) -> None:
    value = body.get(name)
    if isinstance(value, str) and len(value) > limit:
        raise refusals.message(400, f"{name} is limited to {limit} characters")


def refuse_long_product_name(body: Mapping[str, Any]) -> None:
    refuse_long(body, "Name", PRODUCT_NAME)


def refuse_long_product_title(body: Mapping[str, Any]) -> None:
    refuse_long(body, "Title", PRODUCT_NAME)


def refuse_long_tax_code(body: Mapping[str, Any]) -> None:
    refuse_long(body, "TaxCode", PRODUCT_NAME)


def refuse_long_product_ref(body: Mapping[str, Any]) -> None:
    refuse_long(body, "RefId", PRODUCT_REF)


def refuse_without_category(body: Mapping[str, Any]) -> None:
    if body.get("CategoryId") is None and not body.get("CategoryPath"):
        raise refusals.message(400, "CategoryId or CategoryPath is required")


def refuse_without_brand(body: Mapping[str, Any]) -> None:
    if body.get("BrandId") is None and not body.get("BrandName"):
        raise refusals.message(400, "BrandId or BrandName is required")


def refuse_product_category(shop: Shop, key: object) -> None:
    if key not in shop.categories:
        raise refusals.message(400, f"CategoryId {key} does not exist")


def refuse_product_brand(shop: Shop, key: object) -> None:
    if key not in shop.brands:
        raise refusals.message(400, f"BrandId {key} does not exist")


def refuse_ref_with_trailing_space(ref: str) -> None:
    """Known issue 977033: 400 with an empty body."""
    if ref != ref.rstrip():
        raise refusals.empty(400)


def refuse_unknown_policy(shop: Shop, policy: int) -> None:
    if policy not in shop.policies:
        raise refusals.message(404, f"Trade policy {policy} not found")


# ---- SKUs ----


def refuse_unknown_sku(shop: Shop, key: int | None) -> None:
    if key not in shop.skus:
        raise refusals.message(404, "SKU not found")


def refuse_sku_product(shop: Shop, key: object) -> None:
    if key not in shop.products:
        raise refusals.message(400, f"ProductId {key} does not exist")


def refuse_active_on_create(body: Mapping[str, Any]) -> None:
    if body.get("IsActive"):
        raise refusals.message(400, "A SKU is created inactive: IsActive must be false")


def refuse_sku_id(key: object) -> None:
    """The id of a SKU is an int32."""
    if not isinstance(key, int) or isinstance(key, bool) or not 0 < key <= INT32:
        raise refusals.message(400, "Id must be a positive 32-bit integer")


def refuse_long_sku_name(body: Mapping[str, Any]) -> None:
    refuse_long(body, "Name", SKU_NAME)


def refuse_long_sku_ref(body: Mapping[str, Any]) -> None:
    refuse_long(body, "RefId", SKU_REF)


def refuse_taken_sku_ref(shop: Shop, ref: object, own: int) -> None:
    if ref and shop.sku_by_ref.get(str(ref), own) != own:
        raise refusals.message(409, f"RefId {ref} is registered in SKU {shop.sku_by_ref[str(ref)]}")


def refuse_dimension(body: Mapping[str, Any]) -> None:
    for name in ("PackagedHeight", "PackagedLength", "PackagedWidth"):
        value = body.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise refusals.message(400, f"{name} must be a number")


def refuse_weight(body: Mapping[str, Any]) -> None:
    """Whole grams, whatever the name says; zero and null are refused."""
    value = body.get("PackagedWeightKg")
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise refusals.message(400, "PackagedWeightKg must be an integer greater than 0")


def refuse_commercial_condition(body: Mapping[str, Any]) -> None:
    if body.get("CommercialConditionId") == 0:
        raise refusals.message(400, "CommercialConditionId does not accept 0")


def refuse_measurement_unit(body: Mapping[str, Any]) -> None:
    unit = body.get("MeasurementUnit")
    if unit is not None and unit not in UNITS:
        raise refusals.message(400, f"MeasurementUnit {unit!r} is not accepted")


def refuse_activation(shop: Shop, sku: Sku) -> None:
    missing = shop.missing_for_activation(sku)
    if missing:
        raise refusals.message(400, f"SKU {sku.id} cannot be activated: {', '.join(missing)}")


def refuse_repeated_refs(refs: list[Any]) -> None:
    """The documented answer to repeated references is a 500."""
    if len(set(refs)) != len(refs):
        raise refusals.message(500, "The list has repeated reference ids")


def refuse_taken_ean(shop: Shop, ean: str, own: int) -> None:
    if shop.sku_by_ean.get(ean, own) != own:
        raise refusals.message(409, f"EAN {ean} is registered in SKU {shop.sku_by_ean[ean]}")


def refuse_image_url(url: object) -> None:
    if not isinstance(url, str) or not url.startswith(("http://", "https://")) or not url.lower().endswith(IMAGES):
        raise refusals.message(400, "Url must start with http:// or https:// and end with .jpg, .png or .gif")


def refuse_unknown_file(sku: Sku, key: int) -> None:
    if all(file["Id"] != key for file in sku.files):
        raise refusals.message(404, f"File {key} not found")


# ---- specifications ----


def refuse_unknown_group(shop: Shop, key: object) -> None:
    if key not in shop.groups:
        raise refusals.message(400, f"FieldGroupId {key} does not exist")


def refuse_foreign_group(group: Mapping[str, Any], category: int | None) -> None:
    """The group must be of the same category: a parent's fails (known issue 1109219)."""
    if group["CategoryId"] != category:
        raise refusals.message(400, "The specification group belongs to another category")


def refuse_long_field_name(body: Mapping[str, Any]) -> None:
    refuse_long(body, "Name", FIELD_NAME)


def refuse_field_type(kind: object) -> None:
    if kind not in FIELD_TYPES:
        raise refusals.message(400, "FieldTypeId must be one of 1, 2, 4, 5, 6, 7, 8, 9")


def refuse_unknown_field(shop: Shop, key: object) -> None:
    if key not in shop.fields:
        raise refusals.message(400, f"FieldId {key} does not exist")


def refuse_values_of_free_field(field: Mapping[str, Any]) -> None:
    if field["FieldTypeId"] not in TYPES_WITH_VALUES:
        raise refusals.message(400, "Only fields of type 5, 6 or 7 have values")


def refuse_without_field_value(field: Mapping[str, Any], body: Mapping[str, Any], values: Mapping[int, object]) -> None:
    """Types 5 to 7 take a FieldValueId of the field, the others Text."""
    if field["FieldTypeId"] in TYPES_WITH_VALUES:
        if body.get("FieldValueId") not in values:
            raise refusals.message(400, "FieldValueId of this field is required")
    elif not body.get("Text"):
        raise refusals.message(400, "Text is required")


def refuse_without_values(values: object) -> None:
    if not is_array(values) or not values or not all(isinstance(value, str) and value for value in values):
        raise refusals.message(400, "FieldValues must be a list of texts")


def refuse_sku_field(field: Mapping[str, Any], product: Product) -> None:
    if field["IsStockKeepingUnit"]:
        raise refusals.message(400, f"Field {field['Id']} is of SKUs, not of product {product.id}")
