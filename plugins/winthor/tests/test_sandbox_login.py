"""Login, sessions and services of the WinThor sandbox (FACTS 1 and 2)."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from engate_winthor_sandbox import WinthorSandbox
from engate_winthor_sandbox.auth import Account

LOGIN, LOGGED_IN = "/winthor/autenticacao/v1/login", "/winthor/autenticacao/v1/logado"
DEPARTMENTS = "/api/purchases/v1/productDepartments"


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


async def test_token_is_a_jwt_that_lives_14400_seconds_of_the_sandbox_clock(api: Any) -> None:
    token = await api.login()
    assert token.count(".") == 2
    assert claims(token)["iat"] == int(api.clock.now().timestamp())
    assert claims(token)["exp"] - claims(token)["iat"] == 14_400

    await api.advance(14_399)
    assert (await api.http.get(DEPARTMENTS)).status_code == 200
    await api.advance(1)
    refused = await api.http.get(DEPARTMENTS)
    assert (refused.status_code, refused.json()["code"]) == (401, "AUTHENTICATION_FAILED")
    assert "expired" in refused.json()["description"]


async def test_without_credentials(api: Any) -> None:
    del api.http.headers["Authorization"]
    refused = await api.http.get(DEPARTMENTS)
    assert refused.status_code == 401
    assert refused.json()["code"] == "AUTHENTICATION_FAILED"
    assert refused.json()["description"].startswith("Authentication credentials not found")


async def test_a_made_up_token(api: Any) -> None:
    refused = await api.http.get(DEPARTMENTS, headers={"Authorization": "Bearer a.b.c"})
    assert refused.status_code == 401
    assert refused.json() == {"code": "AUTHENTICATION_FAILED", "description": "Authentication credentials are not valid"}


async def test_bare_token_is_taken_too(api: Any) -> None:
    token = await api.login()
    assert (await api.http.get(DEPARTMENTS, headers={"Authorization": token})).status_code == 200


@pytest.mark.parametrize("wrong", ["typed as is", "lower-case hex", "plain", "login", "missing"])
async def test_wrong_credentials(empty_api: Any, wrong: str) -> None:
    api = empty_api
    body = {
        "typed as is": {"login": "INTEGRACAO", "senha": api.hashed(upper=False)},
        "lower-case hex": {"login": "INTEGRACAO", "senha": api.hashed().lower()},
        "plain": {"login": "INTEGRACAO", "senha": "Senha-do-wta"},
        "login": {"login": "OUTRO", "senha": api.hashed()},
        "missing": {"username": "INTEGRACAO", "password": api.hashed()},
    }[wrong]
    refused = await api.http.post(LOGIN, json=body)
    assert (refused.status_code, refused.json()["code"]) == (401, "AUTHENTICATION_FAILED")
    assert (await api.effects())["logins_refused"] == 1


async def test_password_hashed_as_typed_where_the_installation_does() -> None:
    account = Account(upper_cased=False)
    async with WinthorSandbox(account=account).listening() as sandbox, httpx.AsyncClient(base_url=sandbox.base_url) as http:
        described = (await http.get("/_sandbox/describe")).json()
        assert described["settings"]["password_case"] == "as_is"
        password = described["secrets"]["password"]
        for hashed, status in ((password.upper(), 401), (password, 200)):
            senha = hashlib.md5(hashed.encode()).hexdigest().upper()
            assert (await http.post(LOGIN, json={"login": "INTEGRACAO", "senha": senha})).status_code == status


async def test_login_needs_a_json_object(empty_api: Any) -> None:
    for content in ("", "senha=1", "[]"):
        refused = await empty_api.http.post(LOGIN, content=content)
        assert (refused.status_code, refused.json()["code"]) == (400, "BODY_INVALID")


async def test_logado_and_logout(api: Any) -> None:
    assert (await api.http.get(LOGGED_IN)).status_code == 200
    other = api.http.headers["Authorization"]
    await api.login()
    assert (await api.http.post("/winthor/autenticacao/v1/logout")).status_code == 200
    assert (await api.http.get(LOGGED_IN)).status_code == 401
    assert (await api.http.get(LOGGED_IN, headers={"Authorization": other})).status_code == 200


async def test_restart_of_the_gateway_ends_every_session(api: Any) -> None:
    await api.corrupt("sessions", "all")
    assert (await api.http.get(DEPARTMENTS)).status_code == 401


async def test_every_service_answers_health_to_anybody(empty_api: Any) -> None:
    for prefix in (
        "/winthor/autenticacao/v1", "/api/purchases/v1", "/api/stock-vtex/v1", "/api/wholesale/v1", "/api/branch/v1", "/winthor/venda/v0",
        "/winthor/precos/v1", "/winthor/cliente/v1", "/winthor/fiscal/v1",
    ):  # fmt: skip
        answer = await empty_api.http.get(f"{prefix}/health")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")


async def test_a_service_that_is_down_answers_a_jetty_page_sometimes_with_200(api: Any) -> None:
    await api.corrupt("service", "/api/stock-vtex/v1")
    answers = [await api.http.get("/api/stock-vtex/v1/available/list", params={"branchId": "1"}) for _ in range(3)]
    assert {answer.headers["content-type"].split(";")[0] for answer in answers} == {"text/html"}
    assert sorted(answer.status_code for answer in answers) == [200, 503, 503]
    assert all("Jetty" in answer.text for answer in answers)
    assert (await api.http.get("/api/stock-vtex/v1/health")).headers["content-type"].startswith("text/html")
    assert (await api.http.get(DEPARTMENTS)).status_code == 200
    await api.corrupt("service_up", "/api/stock-vtex/v1")
    assert (await api.http.get("/api/stock-vtex/v1/available/list", params={"branchId": "1"})).json()["first"] is True


async def test_date_header_is_the_clock_of_the_erp(api: Any) -> None:
    async def date() -> datetime:
        return parsedate_to_datetime((await api.http.get(DEPARTMENTS)).headers["Date"])

    start = datetime(2026, 11, 27, 12, 0, 0, tzinfo=UTC)
    assert await date() == start
    await api.advance(3600)
    assert await date() == start + timedelta(hours=1)


async def test_more_requests_at_once_than_jetty_has_threads(api: Any) -> None:
    held = api.sandbox.counts.in_flight  # this many calls are being answered, beside the one that asks
    held["held"] = 63
    assert (await api.http.get(DEPARTMENTS)).status_code == 200
    held["held"] = 64
    refused = await api.http.get(DEPARTMENTS)
    assert refused.status_code == 503
    assert refused.headers["content-type"].startswith("text/html")
    assert (await api.control("ledger"))["rate_limited"] == 1
    api.sandbox.limits = False
    assert (await api.http.get(DEPARTMENTS)).status_code == 200
