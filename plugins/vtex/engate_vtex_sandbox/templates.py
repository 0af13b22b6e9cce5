"""Long answers whose fields are mostly fixed: docks, shipping policies, reservations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from engate_vtex_sandbox.shop import Reservation, decimal, number, stamp_with_zone

NEVER = "0001-01-01T00:00:00+00:00"
LOCK_TIME = timedelta(days=10)
EVERY_DAY = range(7)
OPEN = [{"dayOfWeek": day, "openingTime": "00:00:00", "closingTime": "23:59:59"} for day in EVERY_DAY]


def dock_document(body: dict[str, Any]) -> dict[str, Any]:
    address = dict(body["address"] or {})
    coordinates = address.pop("coordinates", None) or [[0, 0]]
    flat = coordinates[0] if isinstance(coordinates[0], list) else coordinates
    longitude, latitude = [*flat, 0, 0][:2]
    return {
        "pickupStoreInfo": {
            "isPickupStore": False, "storeId": None, "friendlyName": None, "address": None, "additionalInfo": None, "dockId": None,
            "distance": None, "businessHours": None, "pickupHolidays": None, "sellerId": None, "isThirdPartyPickup": False,
        },
        "storeId": None,
        "pickupInStoreInfo": {"isActice": False, "additionalInfo": None},
        "deliveryFromStoreInfo": {"isActice": False, "deliveryRadius": 0, "deliveryFee": 0, "deliveryTime": "00:00:00", "maximumWeight": 0},
        "address": {**address, "reference": None, "location": {"latitude": latitude, "longitude": longitude}},
        "location": None,
        "shippingRatesProviders": [],
        "deliveryAgreementsIds": [],
        **{name: body[name] for name in ("id", "name", "priority", "dockTimeFake", "timeFakeOverhead", "salesChannels", "salesChannel",
                                         "freightTableIds", "wmsEndPoint")},
        "isActive": True,
    }  # fmt: skip


def policy_document(key: str, name: str, method: str, docks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    day = {"deliveryRanges": [{"startTime": "00:00:00", "endTime": "23:59:59", "listPrice": 0, "deliveryCapacity": None}]}
    return {
        "id": key,
        "name": name,
        "shippingMethod": method,
        "weekendAndHolidays": {"saturday": True, "sunday": False, "holiday": False},
        "maxDimension": {"largestMeasure": 0, "maxMeasureSum": 0},
        "numberOfItemsPerShipment": 0,
        "minimumValueAceptable": 0,
        "maximumValueAceptable": 0,
        "additionalTime": "00:00:00",
        "additionalPrice": {"method": 0, "value": 0},
        "deliveryScheduleSettings": {
            "useDeliverySchedule": False, "dayOfWeekForDelivery": [{"dayOfWeek": number_of, **day} for number_of in EVERY_DAY],
            "maxRangeDelivery": 0, "dayOfWeekBlockeds": [],
        },
        "carrierSchedule": [],
        "cubicWeightSettings": {"volumetricFactor": 0, "minimunAcceptableVolumetricWeight": 0},
        "modalSettings": {"modals": [], "useOnlyItemsWithDefinedModal": False},
        "businessHourSettings": {"carrierBusinessHours": OPEN, "isOpenOutsideBusinessHours": True},
        "pickupPointsSettings": {"pickupPointIds": [], "pickupPointTags": [], "sellers": []},
        "processingStatus": {"status": 1, "errorMessage": None, "errorsMetadata": None},
        "deliveryChannel": "delivery",
        "calculationType": 0,
        "isActive": True,
        "lastIndexedAt": None,
        "shippingHoursSettings": {"shippingHours": OPEN, "acceptOrdersOutsideShippingHours": True},
        "carrierInfo": {
            "carrierAccountName": "", "deliveryAgreementId": None, "readyToUse": True,
            "linkedDocks": [{"id": dock["id"], "name": dock["name"]} for dock in docks.values()],
        },
    }  # fmt: skip


def reservation_document(held: list[Reservation]) -> dict[str, Any]:
    """One order's reservation: an entry of SlaRequest for each SKU and warehouse."""
    first = held[0]
    return {
        "LastUpdateDateUtc": stamp_with_zone(first.cancelled_at or first.confirmed_at or first.created_at),
        "SalesChannel": "1",
        "LockId": first.lock_id,
        "ReservationDateUtc": stamp_with_zone(first.created_at),
        "MaximumConfirmationDateUtc": stamp_with_zone(first.created_at + LOCK_TIME),
        "Status": first.status,
        "SlaRequest": [
            {
                "item": {
                    "id": str(one.sku.id), "groupItemId": None, "quantity": one.quantity, "price": number(one.price),
                    "additionalHandlingTime": "00:00:00", "kitItem": [], "unlimitedQuantity": False, "dockId": one.dock,
                    "wareHouseId": one.warehouse, "provider": None,
                    "dimension": {
                        "weight": number(decimal(one.sku.doc["PackagedWeightKg"])), "height": one.sku.doc["PackagedHeight"],
                        "width": one.sku.doc["PackagedWidth"], "length": one.sku.doc["PackagedLength"], "maxSumDimension": 0,
                    },
                },
                "slaType": "delivery", "listPrice": number(one.freight), "promotionalPrice": number(one.freight),
                "wareHouseId": one.warehouse, "dockId": one.dock, "kitReservation": None, "wmsEndPoint": None,
                "location": {"zipCode": one.zip_code, "country": "BRA", "point": None, "inStore": {"IsCheckedIn": False, "StoreId": None}},
                "deliveryChannel": "delivery", "isExternal": False,
            }
            for one in held
        ],
        "CanceledDateUtc": stamp_with_zone(first.cancelled_at) if first.cancelled_at else NEVER,
        "AuthorizedDateUtc": stamp_with_zone(first.created_at),
        "ConfirmedDateUtc": stamp_with_zone(first.confirmed_at) if first.confirmed_at else NEVER,
        "Errors": [],
        "IsSucess": True,
    }  # fmt: skip
