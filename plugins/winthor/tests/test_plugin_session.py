"""The login: what is sent, how long it lives, and what a refusal or a dead service means."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web

from engate import AuthFailed, Unavailable
from engate.clock import ManualClock
from engate.model import Query
from engate_winthor import session

BRANDS = "/api/purchases/v1/productBrands/"
LOGIN = "/winthor/autenticacao/v1/login"


def no_brands(_: web.Request) -> Any:
    return {"items": [], "hasNext": False}


async def brands(erp: Any) -> None:
    assert [page.items async for page in erp.list_brands(Query())] == [[]]


# ---- session ----


def test_the_password_is_winthors_md5() -> None:
    assert session.digest("abc", "upper") == session.digest("ABC", "as_is") == "902FBDD2B1DF0C4F70B4A5D23525E932"
    assert session.digest("abc", "as_is") == "900150983CD24FB0D6963F7D28E17F72"


def jwt(**claims: float) -> str:
    payload = base64.urlsafe_b64encode(msgspec.json.encode(claims)).rstrip(b"=").decode()
    return f"eyJhbGciOiJIUzI1NiJ9.{payload}.signature"


def test_a_token_lives_its_own_lifetime_on_our_clock() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    far = now - timedelta(hours=3)  # the ERP's clock is three hours behind
    token = jwt(iat=far.timestamp(), exp=(far + timedelta(seconds=7200)).timestamp())
    assert session.expiry(token, now) == now + timedelta(seconds=7200) - session.MARGIN
    assert session.expiry(jwt(exp=now.timestamp() + 600), now) == now + timedelta(seconds=600) - session.MARGIN


@pytest.mark.parametrize("token", ["opaque", "a.b.c", jwt(), "a.é.c"])
def test_a_token_that_does_not_say_has_no_end(token: str) -> None:
    assert session.expiry(token, datetime.now(UTC)) is None


# ---- over HTTP ----


@pytest.mark.trap("winthor.bare-token")
@pytest.mark.parametrize(("scheme", "header"), [("bearer", "Bearer token"), ("bare", "token")])
async def test_the_form_of_the_token(quirky: Any, scheme: str, header: str) -> None:
    quirky.answers[BRANDS] = no_brands
    async with quirky.connection(auth_scheme=scheme) as erp:
        await brands(erp)
    assert [request.headers["authorization"] for request in quirky.asked if request.path == BRANDS] == [header]


@pytest.mark.parametrize(("case", "hashed"), [("upper", b"ABC1"), ("as_is", b"Abc1")])
async def test_the_password_travels_as_winthors_md5_and_never_as_itself(quirky: Any, case: str, hashed: bytes) -> None:
    quirky.answers[BRANDS] = no_brands
    async with quirky.connection(password="Abc1", password_case=case) as erp:
        await brands(erp)
    sent = msgspec.json.decode(await quirky.asked[0].read())
    assert sent == {"login": "ENGATE", "senha": hashlib.md5(hashed).hexdigest().upper()}


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_refused_login_is_tried_again_only_after_a_while(quirky: Any, status: int) -> None:
    quirky.answers[LOGIN] = lambda _: web.json_response({"code": "AUTHENTICATION_FAILED"}, status=status)
    clock = ManualClock(datetime(2026, 11, 21, tzinfo=UTC))
    async with quirky.connection(clock=clock) as erp:
        for _ in range(3):
            with pytest.raises(AuthFailed, match="refused"):
                await brands(erp)
        assert len(quirky.asked) == 1 and "segredo" not in repr(erp.settings)
        clock.advance(timedelta(minutes=16))
        with pytest.raises(AuthFailed):
            await brands(erp)
        assert len(quirky.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: web.Response(text="<html>Jetty</html>", content_type="text/html"),
        lambda _: web.json_response({"message": "starting"}, status=503),
        lambda _: {"message": "ok"},
        lambda _: {"accessToken": ""},
    ],
)
async def test_a_login_service_that_is_down_is_not_a_wrong_password(quirky: Any, answer: Any) -> None:
    quirky.answers[LOGIN] = answer
    async with quirky.connection() as erp:
        with pytest.raises(Unavailable) as caught:
            await erp.client.login.login(erp.client.guarded)
        assert "812" in caught.value.hint.pt


async def test_a_health_page_of_html_with_200_is_a_service_that_is_down(quirky: Any) -> None:
    for name in ("/winthor/autenticacao/v1", "/api/wholesale/v1", "/api/purchases/v1"):
        quirky.answers[f"{name}/health"] = lambda _: web.Response(text="OK")
    quirky.answers["/api/stock-vtex/v1/health"] = lambda _: web.Response(text="<html>Jetty</html>", content_type="text/plain")
    quirky.answers["/api/branch/v1/"] = lambda _: [{"id": "1", "aliasName": "Matriz"}, {"id": "2"}]
    quirky.answers["/api/wholesale/v1/orders/list"] = lambda _: []
    async with quirky.connection() as erp:
        lines = {check.name: check.ok for check in await erp.test_connection()}
    assert lines == {
        "service.gateway": True, "service.orders": True, "service.products": True, "service.stock": False,
        "login": True, "branch.1": True, "branch.2": True, "orders": True,
    }  # fmt: skip
    assert all("authorization" not in request.headers for request in quirky.asked if request.path.endswith("/health"))


@pytest.mark.trap("winthor.page-instead-of-404")
async def test_a_404_of_jetty_is_a_service_that_is_down_and_no_answer(quirky: Any) -> None:
    """A service that is being updated: neither is the invoice missing, nor has WinThor refused the order."""
    quirky.answers["/any"] = lambda _: web.Response(status=404, text="<html>Jetty 404</html>", content_type="text/html")
    async with quirky.connection() as erp:
        with pytest.raises(Unavailable):
            await erp.client.one("/any", dict, {})
        with pytest.raises(Unavailable):
            await erp.client.send("POST", "/any", {}, safe=False)
        assert await erp.client.one("/other", dict, {}) == []
