"""Catalog: specification groups, fields, values, and the values of products and SKUs."""

from __future__ import annotations

from typing import Any

from engate.testing.sandbox import Answer, Call
from engate_vtex_sandbox.rules import catalog as catalog_rules
from engate_vtex_sandbox.rules import common as common_rules
from engate_vtex_sandbox.rules.common import document, whole
from engate_vtex_sandbox.shop import Product, Shop, Sku

FIELD_BOOLEANS = ("IsFilter", "IsRequired", "IsOnProductDetails", "IsStockKeepingUnit", "IsWizard", "IsActive", "IsTopMenuLinkActive",
                  "IsSideMenuLinkActive")  # fmt: skip


class Specifications:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def create_group(self, call: Call) -> Answer:
        body = document(call)
        common_rules.refuse_absent(body, "CategoryId", "Name")
        common_rules.refuse_type(body, int, "CategoryId")
        catalog_rules.refuse_blank_name(body["Name"])
        if body["CategoryId"] is not None:
            catalog_rules.refuse_product_category(self.shop, body["CategoryId"])
        return Answer(200, self._add_group(body["CategoryId"], body["Name"]))

    def _add_group(self, category: int | None, name: str) -> dict[str, Any]:
        key = self.shop.next_id("group")
        doc = {"Id": key, "CategoryId": category, "Name": name, "Position": len(self.shop.groups)}
        self.shop.groups[key] = doc
        return doc

    def groups_of_category(self, call: Call) -> Answer:
        category = whole(call, "categoryId")
        return Answer(200, [group for group in self.shop.groups.values() if group["CategoryId"] == category])

    def create_field(self, call: Call) -> Answer:
        body = document(call)
        common_rules.refuse_absent(body, "FieldTypeId", "FieldGroupId", "Name")
        common_rules.refuse_type(body, int, "CategoryId", "FieldGroupId", "Position")
        common_rules.refuse_type(body, bool, *FIELD_BOOLEANS)
        catalog_rules.refuse_blank_name(body["Name"])
        catalog_rules.refuse_long_field_name(body)
        catalog_rules.refuse_field_type(body["FieldTypeId"])
        catalog_rules.refuse_unknown_group(self.shop, body["FieldGroupId"])
        catalog_rules.refuse_foreign_group(self.shop.groups[body["FieldGroupId"]], body.get("CategoryId"))
        return Answer(200, self._add_field(body))

    def _add_field(self, body: dict[str, Any]) -> dict[str, Any]:
        key = self.shop.next_id("field")
        doc = {
            "Id": key, "FieldTypeId": body["FieldTypeId"], "CategoryId": body.get("CategoryId"), "FieldGroupId": body["FieldGroupId"],
            "Name": body["Name"], "Description": body.get("Description"), "Position": body.get("Position") or 0,
            **{name: bool(body.get(name)) for name in FIELD_BOOLEANS}, "DefaultValue": body.get("DefaultValue") or "",
        }  # fmt: skip
        self.shop.fields[key] = doc
        return doc

    def fields_of_category(self, call: Call) -> Answer:
        category = whole(call, "categoryId")
        return Answer(200, [
            {"Name": field["Name"], "CategoryId": field["CategoryId"], "FieldId": field["Id"], "IsActive": field["IsActive"],
             "IsStockKeepingUnit": field["IsStockKeepingUnit"]}
            for field in self.shop.fields.values() if field["CategoryId"] == category
        ])  # fmt: skip

    def create_value(self, call: Call) -> Answer:
        body = document(call)
        common_rules.refuse_absent(body, "FieldId", "Name")
        catalog_rules.refuse_unknown_field(self.shop, body["FieldId"])
        catalog_rules.refuse_values_of_free_field(self.shop.fields[body["FieldId"]])
        catalog_rules.refuse_blank_name(body["Name"])
        return Answer(200, self._add_value(body["FieldId"], body))

    def _add_value(self, field: int, body: dict[str, Any]) -> dict[str, Any]:
        key = self.shop.next_id("value")
        doc = {"FieldValueId": key, "FieldId": field, "Name": body["Name"], "Text": body.get("Text"),
               "IsActive": bool(body.get("IsActive", True)), "Position": body.get("Position") or 0}  # fmt: skip
        self.shop.field_values[key] = doc
        return doc

    # ---- values of products and SKUs ----

    def product_values(self, call: Call) -> Answer:
        return Answer(200, self._product(call).specifications)

    def add_product_value(self, call: Call) -> Answer:
        product = self._product(call)
        field, line = self._line(call, {"ProductId": product.id})
        catalog_rules.refuse_sku_field(field, product)
        _replace(product.specifications, line)
        return Answer(200, line)

    def add_sku_value(self, call: Call) -> Answer:
        key = whole(call, "skuId")
        catalog_rules.refuse_unknown_sku(self.shop, key)
        sku: Sku = self.shop.skus[key]
        _, line = self._line(call, {"SkuId": sku.id})
        _replace(sku.specifications, line)
        return Answer(200, line)

    def put_product_values(self, call: Call) -> Answer:
        """By name: the group, the field and the values that are missing are created."""
        product = self._product(call)
        body = document(call)
        common_rules.refuse_absent(body, "FieldName", "GroupName", "RootLevelSpecification", "FieldValues")
        common_rules.refuse_type(body, bool, "RootLevelSpecification")
        catalog_rules.refuse_blank_name(body["FieldName"])
        catalog_rules.refuse_blank_name(body["GroupName"])
        catalog_rules.refuse_without_values(body["FieldValues"])
        category = None if body["RootLevelSpecification"] else product.doc["CategoryId"]
        group = self._named(self.shop.groups, category, body["GroupName"]) or self._add_group(category, body["GroupName"])
        field = self._named(self.shop.fields, category, body["FieldName"]) or self._add_field(
            {"FieldTypeId": 7, "CategoryId": category, "FieldGroupId": group["Id"], "Name": body["FieldName"], "IsActive": True}
        )
        product.specifications = [line for line in product.specifications if line["FieldId"] != field["Id"]]
        lines: list[dict[str, Any]] = []
        for name in body["FieldValues"]:
            known = (value for value in self.shop.field_values.values() if value["FieldId"] == field["Id"] and value["Name"] == name)
            value = next(known, None) or self._add_value(field["Id"], {"Name": name})
            lines.append({"Id": self.shop.next_id("specification"), "ProductId": product.id, "FieldId": field["Id"],
                          "FieldValueId": value["FieldValueId"], "Text": name})  # fmt: skip
        product.specifications += lines
        return Answer(200, lines)

    def _named(self, table: dict[int, dict[str, Any]], category: int | None, name: str) -> dict[str, Any] | None:
        return next((doc for doc in table.values() if doc["CategoryId"] == category and doc["Name"] == name), None)

    def _product(self, call: Call) -> Product:
        key = whole(call, "productId")
        catalog_rules.refuse_unknown_product(self.shop, key)
        return self.shop.products[key]

    def _line(self, call: Call, owner: dict[str, int]) -> tuple[dict[str, Any], dict[str, Any]]:
        body = document(call)
        common_rules.refuse_absent(body, "FieldId")
        catalog_rules.refuse_unknown_field(self.shop, body["FieldId"])
        field = self.shop.fields[body["FieldId"]]
        values = {key: value for key, value in self.shop.field_values.items() if value["FieldId"] == field["Id"]}
        catalog_rules.refuse_without_field_value(field, body, values)
        value = values.get(body.get("FieldValueId") or 0)
        line = {"Id": self.shop.next_id("specification"), **owner, "FieldId": field["Id"]}
        if value is not None:
            line["FieldValueId"] = value["FieldValueId"]
        line["Text"] = value["Name"] if value is not None else body["Text"]
        return field, line


def _replace(lines: list[dict[str, Any]], line: dict[str, Any]) -> None:
    """One value per field."""
    lines[:] = [other for other in lines if other["FieldId"] != line["FieldId"]] + [line]
