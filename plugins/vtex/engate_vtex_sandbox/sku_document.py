"""The full SKU as `stockkeepingunitbyid` and `stockkeepingunitbyean` answer it."""

from __future__ import annotations

from typing import Any

from engate_vtex_sandbox.shop import Shop, Sku


def full(shop: Shop, sku: Sku) -> dict[str, Any]:
    doc, product = sku.doc, sku.product.doc
    brand = shop.brands[product["BrandId"]]
    chain = shop.categories[product["CategoryId"]].chain()
    path = "/" + "/".join(str(node.id) for node in chain) + "/"
    alternate = {name: value for name, value in (("Ean", sku.eans[0] if sku.eans else ""), ("RefId", sku.ref)) if value}
    return {
        "Id": sku.id,
        "ProductId": sku.product.id,
        "NameComplete": f"{product['Name']} {doc['Name']}",
        "ComplementName": "",
        "ProductName": product["Name"],
        "ProductDescription": product["Description"],
        "ProductRefId": product["RefId"],
        "TaxCode": product["TaxCode"],
        "SkuName": doc["Name"],
        "IsActive": doc["IsActive"],
        "IsTransported": True,
        "IsInventoried": True,
        "IsGiftCardRecharge": False,
        "ImageUrl": sku.files[0]["Url"] if sku.files else "",
        "DetailUrl": f"/{product['LinkId']}/p",
        "CSCIdentification": None,
        "BrandId": str(product["BrandId"]),
        "BrandName": brand["Name"],
        "Dimension": {
            "cubicweight": doc["CubicWeight"], "height": doc["PackagedHeight"], "length": doc["PackagedLength"],
            "weight": doc["PackagedWeightKg"], "width": doc["PackagedWidth"],
        },
        "RealDimension": {
            "realCubicWeight": 0, "realHeight": doc["Height"], "realLength": doc["Length"], "realWeight": doc["WeightKg"],
            "realWidth": doc["Width"],
        },
        "ManufacturerCode": doc["ManufacturerCode"],
        "IsKit": doc["IsKit"],
        "KitItems": [],
        "Services": [],
        "Categories": [],
        "CategoriesFullPath": [path],
        "Attachments": [],
        "Collections": [],
        "SkuSellers": [
            {"SellerId": "1", "StockKeepingUnitId": sku.id, "SellerStockKeepingUnitId": str(sku.id), "IsActive": True,
             "FreightCommissionPercentage": 0, "ProductCommissionPercentage": 0}
        ],
        "SalesChannels": sorted(sku.product.policies),
        "Images": [{"ImageUrl": file["Url"], "ImageName": file["Label"], "FileId": file["Id"]} for file in sku.files],
        "SkuSpecifications": [],
        "ProductSpecifications": [],
        "ProductClustersIds": "",
        "ProductCategoryIds": path,
        "IsDirectCategoryActive": chain[-1].doc["IsActive"],
        "ProductGlobalCategoryId": chain[-1].doc["GlobalCategoryId"],
        "ProductCategories": {str(node.id): node.doc["Name"] for node in chain},
        "CommercialConditionId": doc["CommercialConditionId"],
        "RewardValue": doc["RewardValue"],
        "AlternateIds": alternate,
        "AlternateIdValues": list(alternate.values()),
        "EstimatedDateArrival": doc["EstimatedDateArrival"],
        "MeasurementUnit": doc["MeasurementUnit"],
        "UnitMultiplier": doc["UnitMultiplier"],
        "InformationSource": None,
        "ModalType": doc["ModalType"],
        "KeyWords": product["KeyWords"],
        "ReleaseDate": product["ReleaseDate"],
        "ProductIsVisible": product["IsVisible"],
        "ShowIfNotAvailable": product["ShowWithoutStock"],
        "IsProductActive": product["IsActive"],
        "ProductFinalScore": product["Score"],
    }  # fmt: skip
