"""The OpenAPI document: whole, and kept to: schemathesis asks for everything it describes, with what fits and what does not."""

from __future__ import annotations

import re
from typing import Any

import pytest
import schemathesis
from api.tests.conftest import House, Loaded
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from engate_api import openapi

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 6
SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example]


def test_every_operation_is_described(loaded: Loaded) -> None:
    described = loaded.house.nobody.get("/schema/openapi.json")
    operations: dict[tuple[str, str], dict[str, Any]] = {
        (method, path): each for path, item in described["paths"].items() for method, each in item.items() if isinstance(each, dict)
    }
    assert len(operations) > 38
    for at, operation in operations.items():
        assert operation.get("summary"), at
        assert not operation["summary"].endswith("."), at
    problem = described["components"]["schemas"]["Problem"]
    assert {"code", "detail", "detail_en", "hint", "hint_en"} <= set(problem["properties"])
    assert described["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert "application/problem+json" in str(operations["get", "/integrations/{id}"]["responses"]["404"])


def test_what_is_described_holds(house: House) -> None:
    """Half of the cases ask for an integration, connection and key that are there."""
    admin = house.tenant("Loja")
    spare = admin.post("/keys", {"name": "outra", "role": "read"})["id"]
    here = house.couple(admin)
    schema = schemathesis.openapi.from_dict(house.nobody.get("/schema/openapi.json"))
    asked: dict[str, int] = {}

    def ask(operation: Any) -> None:
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=SLOW,
        )
        @given(case=operation.as_strategy())
        def one(case: Any) -> None:
            asked[operation.label] = asked.get(operation.label, 0) + 1
            if operation.path == "/keys/{id}":
                case.path_parameters["id"] = spare  # not our own
            elif "id" in case.path_parameters and asked[operation.label] % 2:
                case.path_parameters["id"] = here
            caller = house.installer if operation.path.startswith("/tenants") else admin
            sent = case.as_transport_kwargs(base_url="http://testserver.local")
            kept = {name: value for name, value in dict(sent.get("headers") or {}).items() if name.lower() != "authorization"}
            sent["headers"] = {**kept, "authorization": f"Bearer {caller.key}"}
            sent = {name: value for name, value in sent.items() if name in ("method", "url", "headers", "params", "json", "data")}
            if isinstance(sent.get("data"), (bytes, str)):
                sent["content"] = sent.pop("data")
            answer = house.client.request(**sent)
            house.seen.append(answer)
            case.validate_response(answer, checks=CHECKS)

        one()

    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        ask(found.ok())
    assert len(asked) > 38
    statuses = {answer.status_code for answer in house.seen}
    assert {200, 201, 204, 400, 404, 409, 422} <= statuses and 401 not in statuses
    assert len({(answer.request.method, answer.request.url.path) for answer in house.seen if answer.is_success}) > 25


def described(loaded: Loaded) -> dict[str, Any]:
    return loaded.house.nobody.get("/schema/openapi.json")


def test_every_operation_has_a_name_of_its_own_and_a_subject_that_is_described(loaded: Loaded) -> None:
    document = described(loaded)
    operations = [each for item in document["paths"].values() for each in item.values() if isinstance(each, dict)]
    names = [each["operationId"] for each in operations]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name)] == []  # a verb and what it is done to
    subjects = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert all(subjects.values()) and len(subjects) == len(document["tags"])
    assert [each["operationId"] for each in operations if len(each["tags"]) != 1 or each["tags"][0] not in subjects] == []
    assert set(subjects) == {each["tags"][0] for each in operations}, "a subject without operations"
    assert {"list_integrations", "get_order", "start_resync", "get_ready"} <= set(names)


@pytest.mark.trap("engine.page-loads-nothing")
def test_the_page_shows_every_operation_and_loads_nothing(loaded: Loaded) -> None:
    answer = loaded.house.nobody.call("GET", "/schema")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    page = answer.text
    assert re.findall(r"(?:src|href|url\(|@import|action)\s*=?\s*[\"'(]?\s*(?:https?:)?//", page) == []
    assert "<script" not in page and "<link" not in page and "<img" not in page and "default-src 'none'" in page
    targets = re.findall(r'href="([^"]+)"', page)
    anchors = set(re.findall(r'id="([^"]+)"', page))
    assert {target for target in targets if not target.startswith("#")} == {"/schema/openapi.json"}
    assert [target for target in targets if target.startswith("#") and target[1:] not in anchors] == []
    for path, item in described(loaded)["paths"].items():
        for operation in item.values():
            assert f'id="{operation["operationId"]}"' in page, path


def test_what_a_name_holds_is_shown_and_never_run() -> None:
    tag = {"name": "A <b> & c", "description": "<script>alert(1)</script>"}
    document = {"info": {"title": "<i>", "version": "1", "description": "&"}, "tags": [tag], "paths": {}, "components": {"schemas": {}}}
    page = "\n".join(openapi.page(document, "/schema/openapi.json"))
    assert "<script" not in page and "&lt;script&gt;" in page and "<i>" not in page
