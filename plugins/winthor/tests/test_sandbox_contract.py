"""Answers of the WinThor sandbox against TOTVS's own schemas, which stay outside the project (see ENGATE_CONTRACTS)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

ROOT = Path(__file__).resolve().parents[3]
CONTRACTS = Path(os.environ.get("ENGATE_CONTRACTS") or ROOT.parent / "shared" / "contracts")
SCHEMAS = CONTRACTS / "winthor" / "openapi"
BASE = "https://raw.githubusercontent.com/totvs/ttalk-standard-message/master/jsonschema/"
DEPARTMENTS, CANCEL = "/api/purchases/v1/productDepartments", "/api/wholesale/v1/orders"


@pytest.fixture
def schemas() -> Registry[Any]:
    """The vendor's files under the addresses their `$ref`s use."""
    if not SCHEMAS.is_dir():
        reason = f"the vendor's schemas are not here: set ENGATE_CONTRACTS ({SCHEMAS.name} of winthor)"
        if os.environ.get("ENGATE_REQUIRE_CONTRACTS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    folders = {".schema.json": "schemas/", "totvsApiTypesBase.json": "apis/types/"}
    resources: list[tuple[str, Resource[Any]]] = []
    for path in SCHEMAS.glob("*.json"):
        folder = next((folder for ending, folder in folders.items() if path.name.endswith(ending)), "apis/")
        name = path.name.replace(".schema.json", ".json")
        contents = json.loads(path.read_text("utf-8"))
        resources.append((f"{BASE}{folder}{name}", Resource.from_contents(contents, default_specification=DRAFT4)))
    return Registry().with_resources(resources)


def conform(schemas: Registry[Any], reference: str, value: object) -> None:
    Draft4Validator({"$ref": f"{BASE}{reference}"}, registry=schemas).validate(value)


async def test_departments(api: Any, schemas: Registry[Any]) -> None:
    listed = await api.get(DEPARTMENTS)
    assert len(listed["items"]) == 2
    conform(schemas, "schemas/ProductDepartment_1_000.json#/definitions/PagedDepartments", listed)
    conform(schemas, "schemas/ProductDepartment_1_000.json#/definitions/Department", await api.get(f"{DEPARTMENTS}/1"))


async def test_errors(api: Any, schemas: Registry[Any]) -> None:
    number = await api.place()
    await api.progress("invoiced")
    answers = [
        await api.http.get(DEPARTMENTS, params={"page": 0}),
        await api.http.get(f"{DEPARTMENTS}/99"),
        await api.cancel(number),
        await api.cancel("1"),
        await api.cancel(""),
        await api.http.post("/api/wholesale/v1/customer/", json={}),
        await api.post({}),
    ]
    assert [answer.status_code for answer in answers] == [400, 404, 400, 404, 400, 400, 400]
    for answer in answers:
        conform(schemas, "apis/types/totvsApiTypesBase.json#/definitions/ErrorModel", answer.json())


async def test_cancel_takes_what_the_operation_declares(api: Any, schemas: Registry[Any]) -> None:
    operation = schemas[f"{BASE}apis/WholeSaleOrderCancel_v1_000.json"].contents
    parameters = operation["components"]["parameters"].values()
    required = {parameter["name"] for parameter in parameters if parameter["required"]}
    assert required == {"id", "sendMessageRca", "reasonCancellation"}
    statuses = set(operation["paths"]["/orders"]["delete"]["responses"])
    number = await api.place()
    for name in required:
        refused = await api.cancel(number, **{name: None})
        assert refused.status_code == 400
        assert name in refused.json()["message"]
    assert str((await api.cancel(number)).status_code) in statuses
