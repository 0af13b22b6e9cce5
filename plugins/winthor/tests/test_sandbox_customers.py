"""Customers of the WinThor sandbox (FACTS 8)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

CUSTOMER, CUSTOMERS = "/api/wholesale/v1/customer/", "/api/wholesale/v1/customer/list"
LETTERED = "12.ABC.345/01DE-35"


async def post(api: Any, **given: Any) -> httpx.Response:
    return await api.http.post(CUSTOMER, json=api.customer(**given))


async def test_created_and_read_with_punctuation(api: Any) -> None:
    await api.advance(5)
    created = await post(api, personIdentificationNumber="52998224725")
    assert created.status_code == 201
    row = created.json()
    assert row == await api.get(CUSTOMER, customerId=row["id"])
    assert isinstance(row["id"], int)
    assert row["personIdentificationNumber"] == "529.982.247-25"
    assert (row["billingZipCode"], row["commercialZipCode"], row["businessPhone"]) == ("01310-100", "01310-100", "(11) 98765-4321")
    assert (row["name"], row["active"], row["regionId"], row["wholesalePriceUses"]) == ("Ana Souza", True, 1, "N")
    assert (row["sellerId"], row["activityId"], row["countryId"]) == (1, 1, 1058)
    assert row["lastChange"] == "2026-11-27T09:00:05"
    assert (await api.effects())["customers_created"] == 1


async def test_letters_of_a_cnpj_are_kept(api: Any) -> None:
    row = (await post(api, personIdentificationNumber="12abc34501de35", corporate=True)).json()
    assert row["personIdentificationNumber"] == LETTERED
    assert [found["id"] for found in await api.items(CUSTOMERS, personIdentificationNumber="12ABC34501DE35")] == [row["id"]]


async def test_same_document_and_inscription_updates(api: Any) -> None:
    first = (await post(api)).json()
    await api.advance(30)
    again = await post(api, personIdentificationNumber="52998224725", name="Ana Souza Lima")
    assert again.status_code == 200
    assert (again.json()["id"], again.json()["name"]) == (first["id"], "Ana Souza Lima")
    assert again.json()["lastChange"] == "2026-11-27T09:00:30"
    other = (await post(api, stateInscription="110042490114")).json()
    assert other["id"] != first["id"]
    effects = await api.effects()
    assert (effects["customers_created"], effects["customers_updated"]) == (2, 1)


async def test_parameter_4532_may_forbid_updates(api: Any) -> None:
    await post(api)
    await api.corrupt("parameter", "4532=N")
    refused = await post(api, name="Outra")
    assert (refused.status_code, refused.json()["code"]) == (400, "CUSTOMER_EXISTS")
    assert (await post(api, stateInscription="110042490114")).status_code == 201


@pytest.mark.parametrize(
    "field",
    ["name", "personIdentificationNumber", "stateInscription", "billingAddress", "billingZipCode", "businessDistrict", "commercialAddress",
     "commercialZipCode", "email", "squareId", "customerOrigin"],
)  # fmt: skip
@pytest.mark.parametrize("value", [None, ""])
async def test_mandatory_fields_are_named(api: Any, field: str, value: str | None) -> None:
    refused = await post(api, **{field: value})
    assert (refused.status_code, refused.json()["code"]) == (400, "CUSTOMER_INVALID")
    assert field in refused.json()["message"]
    assert [detail["detailedMessage"] for detail in refused.json()["details"]] == [field]


async def test_every_missing_field_is_named_at_once(api: Any) -> None:
    refused = await api.http.post(CUSTOMER, json={"name": "Ana"})
    assert len(refused.json()["details"]) == 10


@pytest.mark.parametrize(
    ("field", "size"),
    [("name", 60), ("stateInscription", 15), ("billingAddress", 40), ("businessDistrict", 40), ("commercialAddress", 40), ("email", 100),
     ("tradeName", 40), ("businessPhone", 13), ("commercialAddressNumber", 6), ("complementBilling", 80)],
)  # fmt: skip
async def test_too_long_a_field_is_refused_never_cut(api: Any, field: str, size: int) -> None:
    refused = await post(api, **{field: "9" * (size + 1)})
    assert refused.status_code == 400
    assert field in refused.json()["message"]
    assert (await post(api, **{field: "9" * size})).status_code == 201


async def test_null_is_a_field_that_was_not_sent(api: Any) -> None:
    row = (await post(api, sellerId=None, activityId=None, tradeName=None)).json()
    assert (row["sellerId"], row["activityId"]) == (1, 1)
    assert "tradeName" not in row


@pytest.mark.parametrize("document", ["123", "529.982.247-2", "12.ABC.345/01DE-3X", "ABCDEFGHIJK"])
async def test_document_is_a_cpf_or_a_cnpj(api: Any, document: str) -> None:
    refused = await post(api, personIdentificationNumber=document)
    assert (refused.status_code, refused.json()["detailedMessage"]) == (400, "personIdentificationNumber")


async def test_origin_is_vt(api: Any) -> None:
    refused = await post(api, customerOrigin="W")
    assert (refused.status_code, refused.json()["detailedMessage"]) == (400, "customerOrigin")


async def test_city_comes_from_the_cep_or_the_id_or_the_name(api: Any) -> None:
    unknown = {"commercialZipCode": "00000-000"}
    refused = await post(api, **unknown)
    assert (refused.status_code, refused.json()["detailedMessage"]) == (400, "cityId")
    assert (await post(api, **unknown, city="São Paulo")).status_code == 400
    assert (await post(api, **unknown, city="São Paulo", state="SP")).status_code == 201
    assert (await post(api, **unknown, cityId=3550308)).status_code == 200


async def test_square_and_seller_must_exist(api: Any) -> None:
    for field in ("squareId", "sellerId"):
        for value in (999, "x"):
            refused = await post(api, **{field: value})
            assert (refused.status_code, refused.json()["detailedMessage"]) == (400, field)
    assert (await post(api, sellerId=2, squareId="1")).json()["sellerId"] == 2


async def test_put_changes_what_is_sent(api: Any) -> None:
    number = (await post(api)).json()["id"]
    await api.advance(10)
    changed = await api.http.put(CUSTOMER, json={"id": number, "email": "nova@example.com"})
    assert changed.status_code == 200
    assert (changed.json()["email"], changed.json()["name"]) == ("nova@example.com", "Ana Souza")
    assert [row["id"] for row in await api.items(CUSTOMERS, lastChange="2026-11-27T09:00:10")] == [number]
    refused = await api.http.put(CUSTOMER, json={"id": number, "email": ""})
    assert (refused.status_code, refused.json()["details"][0]["detailedMessage"]) == (400, "email")
    for unknown in (999_999, None, "x"):
        assert (await api.http.put(CUSTOMER, json={"id": unknown, "email": "a@example.com"})).status_code == 404


async def test_put_of_a_document_moves_the_key_of_the_upsert(api: Any) -> None:
    number = (await post(api)).json()["id"]
    await api.http.put(CUSTOMER, json={"id": number, "stateInscription": "110042490114"})
    assert (await post(api, stateInscription="110042490114")).json()["id"] == number
    assert (await post(api)).json()["id"] != number


async def test_bodies_are_json_objects(api: Any) -> None:
    for method in ("POST", "PUT"):
        refused = await api.http.request(method, CUSTOMER, content="name=Ana")
        assert (refused.status_code, refused.json()["code"]) == (400, "BODY_INVALID")


async def test_single_read(api: Any) -> None:
    assert (await api.get(CUSTOMER, customerId=1))["name"] == "CONSUMIDOR FINAL"
    for unknown in ("99", "x"):
        missing = await api.http.get(CUSTOMER, params={"customerId": unknown})
        assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
    assert (await api.http.get(CUSTOMER)).status_code == 400


async def test_list_filters(api: Any) -> None:
    person = (await post(api, deliveryAddress="Rua B", deliveryZipCode="01311000")).json()["id"]
    company = (await post(api, personIdentificationNumber=LETTERED)).json()["id"]
    assert [row["id"] for row in await api.items(CUSTOMERS)] == [1, person, company]
    assert [row["id"] for row in await api.items(CUSTOMERS, personalType="J")] == [company]
    assert [row["id"] for row in await api.items(CUSTOMERS, personalType="F")] == [1, person]
    assert [row["id"] for row in await api.items(CUSTOMERS, personIdentificationNumber="529.982.247-25")] == [person]
    assert (await api.http.get(CUSTOMERS, params={"personalType": "X"})).status_code == 400


async def test_delivery_address_only_when_asked_for(api: Any) -> None:
    number = (await post(api, deliveryAddress="Rua B", deliveryZipCode="01311000")).json()["id"]
    plain = {row["id"]: row for row in await api.items(CUSTOMERS)}[number]
    assert not [name for name in plain if name.startswith("delivery")]
    full = {row["id"]: row for row in await api.items(CUSTOMERS, withDeliveryAddress="true")}[number]
    assert (full["deliveryAddress"], full["deliveryZipCode"]) == ("Rua B", "01311-000")
    await api.http.put(CUSTOMER, json={"id": number, "name": "Ana B", "deliveryAddress": "Rua C"})
    assert {row["id"]: row for row in await api.items(CUSTOMERS)}[number]["name"] == "Ana B"
