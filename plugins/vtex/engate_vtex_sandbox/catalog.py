"""Catalog: categories, brands, products and their trade policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engate.testing.sandbox import Answer, Call
from engate_vtex_sandbox.rules import catalog as catalog_rules
from engate_vtex_sandbox.rules import common as common_rules
from engate_vtex_sandbox.rules.common import document, whole
from engate_vtex_sandbox.shop import Category, Product, Shop, slug

CATEGORY_TEXTS = ("Name", "Keywords", "Title", "Description")
CATEGORY_BOOLEANS = ("ShowInStoreFront", "IsActive", "ActiveStoreFrontLink", "ShowBrandFilter")
CATEGORY_NUMBERS = ("FatherCategoryId", "GlobalCategoryId", "Score")
CATEGORY_FIELDS = (*CATEGORY_TEXTS, *CATEGORY_BOOLEANS, *CATEGORY_NUMBERS, "AdWordsRemarketingCode", "LomadeeCampaignCode",
                   "StockKeepingUnitSelectionMode")  # fmt: skip
PRODUCT_TEXTS = ("Name", "LinkId", "RefId", "Description", "DescriptionShort", "ReleaseDate", "KeyWords", "Title", "TaxCode",
                 "MetaTagDescription", "AdWordsRemarketingCode", "LomadeeCampaignCode", "CategoryPath", "BrandName")  # fmt: skip
PRODUCT_BOOLEANS = ("IsVisible", "IsActive", "ShowWithoutStock")
PRODUCT_NUMBERS = ("Id", "DepartmentId", "CategoryId", "BrandId", "SupplierId", "Score")
MOST_IDS = 250  # GetProductAndSkuIds
MOST_BRANDS = 20_000
POLICY_FORMAT = {"CurrencyDecimalDigits": 2, "CurrencyDecimalSeparator": ",", "CurrencyGroupSeparator": ".", "CurrencyGroupSize": 3,
                 "StartsWithCurrencySymbol": True}  # fmt: skip


class Catalog:
    def __init__(self, shop: Shop, base_url: Callable[[], str]) -> None:
        self.shop = shop
        self.base_url = base_url

    # ---- categories ----

    def category_tree(self, call: Call) -> Answer:
        levels = whole(call, "categoryLevels")
        return Answer(200, [self._branch(node, levels, "") for node in self.shop.categories.values() if node.parent is None])

    def _branch(self, node: Category, levels: int, path: str) -> dict[str, Any]:
        path = f"{path}/{slug(node.doc['Name'])}"
        return {
            "id": node.id,
            "name": node.doc["Name"],
            "hasChildren": bool(node.children),
            "url": self.base_url() + path,
            "children": [self._branch(child, levels - 1, path) for child in node.children] if levels > 0 else [],
            "Title": node.doc["Title"],
            "MetaTagDescription": node.doc["Description"],
        }

    def create_category(self, call: Call) -> Answer:
        body = document(call)
        self._check_category(body)
        common_rules.refuse_type(body, int, "Id")
        key = body.get("Id")
        if key is None:
            key = self.shop.next_id("category", self.shop.categories)
        catalog_rules.refuse_taken_id("Category", key, self.shop.categories)
        return Answer(200, self._category(self.shop.add_category({**_category_doc(body), "Id": key}), tree=False))

    def read_category(self, call: Call) -> Answer:
        key = whole(call, "categoryId")
        catalog_rules.refuse_unknown_category(self.shop, key)
        return Answer(200, self._category(self.shop.categories[key], tree=call.query.get("includeTreePath") == "true"))

    def update_category(self, call: Call) -> Answer:
        key = whole(call, "categoryId")
        catalog_rules.refuse_unknown_category(self.shop, key)
        body = document(call)
        self._check_category(body)
        category = self.shop.categories[key]
        parent = self.shop.categories.get(body["FatherCategoryId"])
        if parent is not category.parent:
            if category.parent is not None:
                category.parent.children.remove(category)
            if parent is not None:
                parent.children.append(category)
            category.parent = parent
        category.doc = {**_category_doc(body), "Id": key}
        return Answer(200, self._category(category, tree=False))

    def _check_category(self, body: dict[str, Any]) -> None:
        common_rules.refuse_absent(body, *CATEGORY_FIELDS)
        common_rules.refuse_null(body, *CATEGORY_TEXTS, *CATEGORY_BOOLEANS, "GlobalCategoryId")
        common_rules.refuse_type(body, str, *CATEGORY_TEXTS, "AdWordsRemarketingCode", "LomadeeCampaignCode")
        common_rules.refuse_type(body, bool, *CATEGORY_BOOLEANS)
        common_rules.refuse_type(body, int, *CATEGORY_NUMBERS)
        catalog_rules.refuse_blank_name(body["Name"])
        catalog_rules.refuse_selection_mode(body["StockKeepingUnitSelectionMode"])
        catalog_rules.refuse_unknown_parent(self.shop, body["FatherCategoryId"])

    def _category(self, category: Category, *, tree: bool) -> dict[str, Any]:
        names = [node.doc["Name"] for node in category.chain()] if tree else None
        return {
            **category.doc,
            "LinkId": slug(category.doc["Name"]),
            "HasChildren": bool(category.children),
            "TreePath": names,
            "TreePathIds": [node.id for node in category.chain()] if tree else None,
            "TreePathLinkIds": [slug(name) for name in names] if names is not None else None,
        }

    # ---- brands ----

    def create_brand(self, call: Call) -> Answer:
        body = document(call)
        self._check_brand(body)
        catalog_rules.refuse_taken_id("Brand", body["Id"], self.shop.brands)
        catalog_rules.refuse_taken_brand_name(self.shop, body["Name"], body["Id"])
        doc = _brand_doc(body, body["Id"])
        self.shop.add_brand(doc)
        return Answer(200, doc)

    def read_brand(self, call: Call) -> Answer:
        key = whole(call, "brandId")
        catalog_rules.refuse_unknown_brand(self.shop, key)
        return Answer(200, self.shop.brands[key])

    def update_brand(self, call: Call) -> Answer:
        key = whole(call, "brandId")
        catalog_rules.refuse_unknown_brand(self.shop, key)
        body = document(call)
        self._check_brand(body)
        catalog_rules.refuse_taken_brand_name(self.shop, body["Name"], key)
        self.shop.brand_by_name.pop(self.shop.brands[key]["Name"], None)
        doc = _brand_doc(body, key)
        self.shop.add_brand(doc)
        return Answer(200, doc)

    def list_brands(self, call: Call) -> Answer:
        del call
        return Answer(200, [_brand_line(doc) for doc in list(self.shop.brands.values())[:MOST_BRANDS]])

    def page_brands(self, call: Call) -> Answer:
        size, page = whole(call, "pageSize"), whole(call, "page")
        every = list(self.shop.brands.values())
        return Answer(200, {
            "items": [_brand_line(doc) for doc in every[(page - 1) * size : page * size]],
            "paging": {"page": page, "perPage": size, "total": len(every), "pages": -(-len(every) // size) if size else 0},
        })  # fmt: skip

    def read_brand_line(self, call: Call) -> Answer:
        key = whole(call, "brandId")
        catalog_rules.refuse_unknown_brand(self.shop, key)
        return Answer(200, _brand_line(self.shop.brands[key]))

    def _check_brand(self, body: dict[str, Any]) -> None:
        common_rules.refuse_absent(body, "Id", "Name")
        common_rules.refuse_null(body, "Id", "Name")
        common_rules.refuse_type(body, int, "Id", "Score")
        common_rules.refuse_type(body, str, "Name", "Text", "Keywords", "SiteTitle", "LinkId")
        common_rules.refuse_type(body, bool, "MenuHome", "Active")
        catalog_rules.refuse_blank_name(body["Name"])

    # ---- products ----

    def create_product(self, call: Call) -> Answer:
        body = document(call)
        common_rules.refuse_absent(body, "Name")
        catalog_rules.refuse_without_category(body)
        catalog_rules.refuse_without_brand(body)
        self._check_product(body)
        key = body.get("Id")
        if key is None:
            key = self.shop.next_id("product", self.shop.products)
        catalog_rules.refuse_taken_id("Product", key, self.shop.products)
        if body.get("CategoryId") is not None:
            catalog_rules.refuse_product_category(self.shop, body["CategoryId"])
        if body.get("BrandId") is not None:
            catalog_rules.refuse_product_brand(self.shop, body["BrandId"])
        category = body.get("CategoryId") or self._category_of_path(body["CategoryPath"])
        brand = body.get("BrandId") or self._brand_of_name(body["BrandName"])
        product = self.shop.put_product(self._product_doc(body, key, category, brand))
        return Answer(200, product.doc)

    def read_product(self, call: Call) -> Answer:
        return Answer(200, self.product(call).doc)

    def update_product(self, call: Call) -> Answer:
        """A full replace: what is absent is wiped, and booleans become false."""
        key = self.product(call).id
        body = document(call)
        common_rules.refuse_absent(body, "Name", "CategoryId", "BrandId")
        common_rules.refuse_null(body, "CategoryId", "BrandId")
        self._check_product(body)
        catalog_rules.refuse_product_category(self.shop, body["CategoryId"])
        catalog_rules.refuse_product_brand(self.shop, body["BrandId"])
        product = self.shop.put_product(self._product_doc(body, key, body["CategoryId"], body["BrandId"]))
        return Answer(200, product.doc)

    def product_by_ref(self, call: Call) -> Answer:
        """200 `null` when there is none (known issue 826702)."""
        ref = call.params["refId"]
        catalog_rules.refuse_ref_with_trailing_space(ref)
        found = self.shop.products_by_ref.get(ref)
        if not found:
            return Answer(200, b"null")
        product = self.shop.products[next(iter(found))]
        doc = {**product.doc, "ListStoreId": sorted(product.policies)}
        if doc["SupplierId"] is None:
            del doc["SupplierId"]  # this one operation types it as never null
        return Answer(200, doc)

    def product_and_sku_ids(self, call: Call) -> Answer:
        products = list(self.shop.products.values())
        if "categoryId" in call.query:
            category = whole(call, "categoryId")
            products = [product for product in products if product.doc["CategoryId"] == category]
        first = max(1, whole(call, "_from")) if "_from" in call.query else 1
        last = whole(call, "_to") if "_to" in call.query else first + 19
        last = min(last, first + MOST_IDS - 1)
        return Answer(200, {
            "data": {str(product.id): [sku.id for sku in product.skus] for product in products[first - 1 : last]},
            "range": {"total": len(products), "from": first, "to": last},
        })  # fmt: skip

    def product(self, call: Call) -> Product:
        key = whole(call, "productId")
        catalog_rules.refuse_unknown_product(self.shop, key)
        return self.shop.products[key]

    def _check_product(self, body: dict[str, Any]) -> None:
        common_rules.refuse_type(body, str, *PRODUCT_TEXTS)
        common_rules.refuse_type(body, bool, *PRODUCT_BOOLEANS)
        common_rules.refuse_type(body, int, *PRODUCT_NUMBERS)
        catalog_rules.refuse_blank_name(body["Name"])
        catalog_rules.refuse_long_product_name(body)
        catalog_rules.refuse_long_product_title(body)
        catalog_rules.refuse_long_tax_code(body)
        catalog_rules.refuse_long_product_ref(body)

    def _product_doc(self, body: dict[str, Any], key: int, category: int, brand: int) -> dict[str, Any]:
        return {
            "Id": key,
            "Name": body["Name"],
            "DepartmentId": self.shop.categories[category].chain()[0].id,
            "CategoryId": category,
            "BrandId": brand,
            "LinkId": body.get("LinkId") or slug(body["Name"]),
            "RefId": body.get("RefId") or "",
            "IsVisible": bool(body.get("IsVisible")),
            "Description": body.get("Description") or "",
            "DescriptionShort": body.get("DescriptionShort") or "",
            "ReleaseDate": body.get("ReleaseDate") or "",
            "KeyWords": body.get("KeyWords") or "",
            "Title": body.get("Title") or "",
            "IsActive": bool(body.get("IsActive")),
            "TaxCode": body.get("TaxCode") or "",
            "MetaTagDescription": body.get("MetaTagDescription") or "",
            "SupplierId": body.get("SupplierId"),
            "ShowWithoutStock": bool(body.get("ShowWithoutStock")),
            "AdWordsRemarketingCode": body.get("AdWordsRemarketingCode") or "",
            "LomadeeCampaignCode": body.get("LomadeeCampaignCode") or "",
            "Score": body.get("Score") or 0,
        }

    def _category_of_path(self, path: str) -> int:
        """The category a path of names leads to; what is missing is created, active."""
        parent: Category | None = None
        for name in path.split("/"):
            level = parent.children if parent else [node for node in self.shop.categories.values() if node.parent is None]
            found = next((node for node in level if node.doc["Name"] == name), None)
            parent = found or self.shop.add_category(new_category(self.shop, name, parent.id if parent else None))
        assert parent is not None  # "".split("/") is never empty
        return parent.id

    def _brand_of_name(self, name: str) -> int:
        key = self.shop.brand_by_name.get(name)
        if key is None:
            key = self.shop.next_id("brand", self.shop.brands)
            self.shop.add_brand(_brand_doc({"Name": name, "Active": True}, key))
        return key

    # ---- trade policies ----

    def list_policies(self, call: Call) -> Answer:
        del call
        return Answer(200, [
            {
                "Id": key, "Name": name, "IsActive": True, "ProductClusterId": None, "CountryCode": "BRA", "CultureInfo": "pt-BR",
                "TimeZone": "E. South America Standard Time", "CurrencyCode": "BRL", "CurrencySymbol": "R$", "CurrencyLocale": 1046,
                "CurrencyFormatInfo": POLICY_FORMAT, "Origin": None, "Position": key, "ConditionRule": None, "CurrencyDecimalDigits": 2,
            }
            for key, name in self.shop.policies.items()
        ])  # fmt: skip

    def product_policies(self, call: Call) -> Answer:
        product = self.product(call)
        return Answer(200, [{"ProductId": product.id, "StoreId": policy} for policy in sorted(product.policies)])

    def add_policy(self, call: Call) -> Answer:
        product = self.product(call)
        policy = whole(call, "tradepolicyId")
        catalog_rules.refuse_unknown_policy(self.shop, policy)
        product.policies.add(policy)
        return Answer(200)

    def drop_policy(self, call: Call) -> Answer:
        self.product(call).policies.discard(whole(call, "tradepolicyId"))
        return Answer(200)


def new_category(shop: Shop, name: str, parent: int | None, *, active: bool = True) -> dict[str, Any]:
    return {
        "Id": shop.next_id("category", shop.categories), "Name": name, "FatherCategoryId": parent, "Title": name, "Description": "",
        "Keywords": "", "IsActive": active, "LomadeeCampaignCode": "", "AdWordsRemarketingCode": "", "ShowInStoreFront": active,
        "ShowBrandFilter": True, "ActiveStoreFrontLink": True, "GlobalCategoryId": 0, "StockKeepingUnitSelectionMode": "LIST",
        "Score": None,
    }  # fmt: skip


def new_brand(shop: Shop, name: str) -> dict[str, Any]:
    return _brand_doc({"Name": name, "Active": True}, shop.next_id("brand", shop.brands))


def _category_doc(body: dict[str, Any]) -> dict[str, Any]:
    codes = {name: body[name] or "" for name in ("AdWordsRemarketingCode", "LomadeeCampaignCode")}
    return {**{name: body[name] for name in CATEGORY_FIELDS}, **codes}


def _brand_doc(body: dict[str, Any], key: int) -> dict[str, Any]:
    return {
        "Id": key,
        "Name": body["Name"],
        "Text": body.get("Text") or "",
        "Keywords": body.get("Keywords") or "",
        "SiteTitle": body.get("SiteTitle") or "",
        "AdWordsRemarketingCode": body.get("AdWordsRemarketingCode") or "",
        "LomadeeCampaignCode": body.get("LomadeeCampaignCode") or "",
        "Score": body.get("Score"),
        "MenuHome": bool(body.get("MenuHome")),
        "Active": bool(body.get("Active")),
        "LinkId": body.get("LinkId") or slug(body["Name"]),
    }


def _brand_line(doc: dict[str, Any]) -> dict[str, Any]:
    return {"id": doc["Id"], "name": doc["Name"], "isActive": doc["Active"], "title": doc["SiteTitle"],
            "metaTagDescription": doc["Text"], "imageUrl": None}  # fmt: skip
