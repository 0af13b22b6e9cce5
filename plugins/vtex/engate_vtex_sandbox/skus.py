"""Catalog: SKUs, their EANs and images."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from engate.testing.sandbox import Answer, Call
from engate_vtex_sandbox import sku_document
from engate_vtex_sandbox.rules import catalog as catalog_rules
from engate_vtex_sandbox.rules import common as common_rules
from engate_vtex_sandbox.rules.common import document, listing, whole
from engate_vtex_sandbox.shop import Shop, Sku

TEXTS = ("Name", "RefId", "CreationDate", "EstimatedDateArrival", "ManufacturerCode", "MeasurementUnit", "ModalType")
BOOLEANS = ("IsActive", "ActivateIfPossible", "IsKit", "KitItensSellApart")
NUMBERS = ("Height", "Length", "Width", "WeightKg", "CubicWeight", "RewardValue", "UnitMultiplier")
MOST_ON_A_PAGE = 1000


class Skus:
    def __init__(self, shop: Shop, now: Callable[[], datetime]) -> None:
        self.shop = shop
        self.now = now

    def create(self, call: Call) -> Answer:
        body = document(call)
        common_rules.refuse_absent(body, "ProductId", "Name", "PackagedHeight", "PackagedLength", "PackagedWidth", "PackagedWeightKg")
        catalog_rules.refuse_active_on_create(body)
        self._check(body, own=0)
        key = body.get("Id")
        if key is None:
            key = self.shop.next_id("sku", self.shop.skus)
        catalog_rules.refuse_sku_id(key)
        catalog_rules.refuse_taken_id("SKU", key, self.shop.skus)
        doc = sku_doc(body, key, body.get("CreationDate") or stamp(self.now()))
        return Answer(200, self.shop.put_sku(doc).doc)

    def read(self, call: Call) -> Answer:
        return Answer(200, self.sku(call).doc)

    def read_by_query(self, call: Call) -> Answer:
        """The SKU of a reference code, with its first EAN beside the fields of the plain read."""
        common_rules.refuse_absent(call.query, "RefId")
        sku = self._of_ref(call.query["RefId"])
        return Answer(200, {**sku.doc, "Ean": sku.eans[0] if sku.eans else ""})

    def update(self, call: Call) -> Answer:
        """A full replace; without IsActive the SKU is deactivated."""
        sku = self.sku(call)
        body = document(call)
        common_rules.refuse_absent(body, "ProductId", "Name", "PackagedHeight", "PackagedLength", "PackagedWidth", "PackagedWeightKg")
        self._check(body, own=sku.id)
        doc = sku_doc(body, sku.id, body.get("CreationDate") or sku.doc["CreationDate"])
        before = sku.doc
        self.shop.put_sku(doc)
        if doc["IsActive"]:
            try:
                catalog_rules.refuse_activation(self.shop, sku)
            except Exception:
                self.shop.put_sku(before)
                raise
        return Answer(200, doc)

    def id_by_ref(self, call: Call) -> Answer:
        return Answer(200, f'"{self._of_ref(call.params["refId"]).id}"'.encode())

    def ids_by_refs(self, call: Call) -> Answer:
        """Unknown references are left out."""
        refs = listing(call)
        catalog_rules.refuse_repeated_refs(refs)
        found = ((ref, self.shop.sku_by_ref.get(str(ref))) for ref in refs)
        return Answer(200, {ref: str(key) for ref, key in found if key is not None})

    def by_ean(self, call: Call) -> Answer:
        key = self.shop.sku_by_ean.get(call.params["ean"])
        catalog_rules.refuse_unknown_sku(self.shop, key)
        return Answer(200, sku_document.full(self.shop, self.shop.skus[key or 0]))

    def by_id(self, call: Call) -> Answer:
        return Answer(200, sku_document.full(self.shop, self.sku(call)))

    def all_ids(self, call: Call) -> Answer:
        size, page = min(whole(call, "pagesize"), MOST_ON_A_PAGE), whole(call, "page")
        return Answer(200, list(self.shop.skus)[(page - 1) * size : page * size])

    def sku(self, call: Call) -> Sku:
        key = whole(call, "skuId")
        catalog_rules.refuse_unknown_sku(self.shop, key)
        return self.shop.skus[key]

    def _of_ref(self, ref: str) -> Sku:
        key = self.shop.sku_by_ref.get(ref)
        catalog_rules.refuse_unknown_sku(self.shop, key)
        return self.shop.skus[key or 0]

    def _check(self, body: dict[str, Any], own: int) -> None:
        common_rules.refuse_null(body, "ProductId", "Name")
        common_rules.refuse_type(body, str, *TEXTS)
        common_rules.refuse_type(body, bool, *BOOLEANS)
        common_rules.refuse_type(body, (int, float), *NUMBERS)
        common_rules.refuse_type(body, int, "CommercialConditionId")
        catalog_rules.refuse_blank_name(body["Name"])
        catalog_rules.refuse_sku_product(self.shop, body["ProductId"])
        catalog_rules.refuse_long_sku_name(body)
        catalog_rules.refuse_long_sku_ref(body)
        catalog_rules.refuse_dimension(body)
        catalog_rules.refuse_weight(body)
        catalog_rules.refuse_commercial_condition(body)
        catalog_rules.refuse_measurement_unit(body)
        catalog_rules.refuse_taken_sku_ref(self.shop, body.get("RefId"), own)

    # ---- EANs ----

    def eans(self, call: Call) -> Answer:
        return Answer(200, self.sku(call).eans)

    def add_ean(self, call: Call) -> Answer:
        sku, ean = self.sku(call), call.params["ean"]
        catalog_rules.refuse_taken_ean(self.shop, ean, sku.id)
        self.shop.add_ean(sku, ean)
        return Answer(200)

    def drop_ean(self, call: Call) -> Answer:
        sku = self.sku(call)
        self.shop.drop_eans(sku, [ean for ean in sku.eans if ean == call.params["ean"]])
        return Answer(200)

    def drop_eans(self, call: Call) -> Answer:
        sku = self.sku(call)
        self.shop.drop_eans(sku, list(sku.eans))
        return Answer(200)

    # ---- images ----

    def files(self, call: Call) -> Answer:
        return Answer(200, self.sku(call).files)

    def add_file(self, call: Call) -> Answer:
        """The first image activates the SKU when it asks for it (ActivateIfPossible) and nothing else is missing."""
        sku = self.sku(call)
        body = document(call)
        self._check_file(body)
        file = file_doc(body, self.shop.next_id("file"), sku, len(sku.files), self.shop.account)
        if file["IsMain"]:
            self._demote_others(sku)
        sku.files.append(file)
        if len(sku.files) == 1 and sku.doc["ActivateIfPossible"] and not self.shop.missing_for_activation(sku):
            sku.doc["IsActive"] = True
        return Answer(200, [file])

    def update_file(self, call: Call) -> Answer:
        sku, key = self.sku(call), whole(call, "skuFileId")
        catalog_rules.refuse_unknown_file(sku, key)
        body = document(call)
        self._check_file(body)
        index = next(index for index, file in enumerate(sku.files) if file["Id"] == key)
        file = file_doc(body, key, sku, index, self.shop.account)
        if file["IsMain"]:
            self._demote_others(sku)
        sku.files[index] = file
        return Answer(200, [file])

    def drop_file(self, call: Call) -> Answer:
        sku, key = self.sku(call), whole(call, "skuFileId")
        catalog_rules.refuse_unknown_file(sku, key)
        sku.files = [file for file in sku.files if file["Id"] != key]
        return Answer(200)

    def drop_files(self, call: Call) -> Answer:
        self.sku(call).files = []
        return Answer(200)

    def _check_file(self, body: dict[str, Any]) -> None:
        common_rules.refuse_absent(body, "Name", "Url")
        common_rules.refuse_null(body, "Name")
        common_rules.refuse_type(body, str, "Name", "Label", "Text")
        common_rules.refuse_type(body, bool, "IsMain")
        common_rules.refuse_type(body, int, "Position")
        catalog_rules.refuse_image_url(body["Url"])

    def _demote_others(self, sku: Sku) -> None:
        for file in sku.files:
            file["IsMain"] = False


def sku_doc(body: dict[str, Any], key: int, created: str) -> dict[str, Any]:
    return {
        "Id": key,
        "ProductId": body["ProductId"],
        "IsActive": bool(body.get("IsActive")),
        "ActivateIfPossible": bool(body.get("ActivateIfPossible")),
        "Name": body["Name"],
        "RefId": body.get("RefId") or "",
        "PackagedHeight": body["PackagedHeight"],
        "PackagedLength": body["PackagedLength"],
        "PackagedWidth": body["PackagedWidth"],
        "PackagedWeightKg": body["PackagedWeightKg"],
        "Height": body.get("Height") or 0,
        "Length": body.get("Length") or 0,
        "Width": body.get("Width") or 0,
        "WeightKg": body.get("WeightKg") or 0,
        "CubicWeight": body.get("CubicWeight") or 0,
        "IsKit": bool(body.get("IsKit")),
        "CreationDate": created,
        "RewardValue": body.get("RewardValue") or 0,
        "EstimatedDateArrival": body.get("EstimatedDateArrival"),
        "ManufacturerCode": body.get("ManufacturerCode") or "",
        "CommercialConditionId": body.get("CommercialConditionId") or 1,
        "MeasurementUnit": body.get("MeasurementUnit") or "un",
        "UnitMultiplier": body.get("UnitMultiplier") or 1,
        "ModalType": body.get("ModalType"),
        "KitItensSellApart": bool(body.get("KitItensSellApart")),
        "Videos": body.get("Videos") or [],
    }


def file_doc(body: dict[str, Any], key: int, sku: Sku, index: int, account: str) -> dict[str, Any]:
    is_main = bool(body.get("IsMain"))
    location = f"{account}.vteximg.com.br/arquivos/ids/{key + 154_000}/{body['Name']}"
    return {
        "Id": key, "ArchiveId": key + 154_000, "SkuId": sku.id, "Name": body["Name"], "IsMain": is_main, "Text": body.get("Text") or "",
        "Label": body.get("Label"), "Url": f"https://{location}", "FileLocation": location,
        "Position": 0 if is_main else body.get("Position") or index,
    }  # fmt: skip


def stamp(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%S")
