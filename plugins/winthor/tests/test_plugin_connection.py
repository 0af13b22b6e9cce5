"""The connection against the sandbox: its lines, its sessions, its identity."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from engate import AuthFailed, Invalid, NotSent, Rejected
from engate.model import Query
from engate.settings import load
from engate.testing.facts import Fault
from engate_winthor import manifest

Gather = Callable[[Any], Awaitable[list[Any]]]


# ---- the connection ----


@pytest.mark.trap("winthor.password-hash", "winthor.password-case")
async def test_every_line_of_a_good_connection(erp: Any, control: Any) -> None:
    checks = await erp.test_connection()
    assert all(check.ok for check in checks), checks
    assert [check.name for check in checks] == [
        "service.gateway", "service.orders", "service.products", "service.stock", "login", "branch.1", "branch.2", "orders",
    ]  # fmt: skip
    assert (await control("ledger"))["writes"].keys() <= {"POST /winthor/autenticacao/v1/login"}


async def test_a_branch_that_does_not_exist_is_a_line(connect: Any) -> None:
    async with connect(branches=["1", "77"]) as erp:
        lines = {check.name: check for check in await erp.test_connection()}
        assert lines["branch.1"].ok and not lines["branch.77"].ok and lines["branch.77"].hint.pt


@pytest.mark.trap("winthor.user-locked")
async def test_a_wrong_password_is_a_line_and_is_tried_once(connect: Any, control: Any) -> None:
    async with connect(password="errada") as erp:
        lines = {check.name: check for check in await erp.test_connection()}
        assert (
            lines["service.orders"].ok
            and not lines["login"].ok
            and not any(name.startswith("branch") for name in lines)
            and "WTA" in lines["login"].hint.pt
        )
        for _ in range(3):
            with pytest.raises(AuthFailed):
                await erp.identity()
        assert await control.count("POST /winthor/autenticacao/v1/login") == 1  # more could lock the user
        assert not (await erp.test_connection())[4].ok
        assert await control.count("POST /winthor/autenticacao/v1/login") == 2  # a person may always try


@pytest.mark.trap("winthor.health-page")
@pytest.mark.parametrize("kind", ["html", "500", "reset"])
async def test_a_service_that_is_down_is_a_line(erp: Any, control: Any, kind: Any) -> None:
    await control("faults", [Fault(kind, "GET /api/stock-vtex/v1/health")])
    lines = {check.name: check for check in await erp.test_connection()}
    assert not lines["service.stock"].ok and lines["service.orders"].ok and lines["login"].ok


async def test_a_login_service_that_is_down_is_a_line(erp: Any, control: Any) -> None:
    await control("faults", [Fault("html", "POST /winthor/autenticacao/v1/login")])
    lines = {check.name: check for check in await erp.test_connection()}
    assert not lines["login"].ok and "812" in lines["login"].hint.pt


async def test_branches_that_cannot_be_read_are_a_line(erp: Any, connect: Any) -> None:
    async with connect(contract={"branches.path": "/not/installed"}) as other:
        lines = {check.name: check for check in await other.test_connection()}
        assert lines["login"].ok and not lines["branches"].ok


async def test_an_unknown_zone_or_contract_is_named_at_once(connect: Any) -> None:
    for wrong, where in (
        ({"timezone": "Brasil/Nenhures"}, "timezone"),
        ({"contract": {"orders.nothing": "x"}}, "contract.orders.nothing"),
        ({"base_url": "file:///etc/passwd"}, "base_url"),
        ({"image_url": "javascript:alert(1)"}, "image_url"),
    ):
        with pytest.raises(Invalid) as caught:
            async with connect(**wrong):
                pass
        assert caught.value.where == where


@pytest.mark.trap("winthor.contract-path")
@pytest.mark.parametrize("name", ["login.path", "orders.path", "create_order", "health.stock"])
@pytest.mark.parametrize("path", ["@evil:1/x", "//evil/x", "http://evil/x", "x", "", "/x\r\nHost: evil", "\\\\evil"])
async def test_an_overridden_path_stays_on_the_erp(settings: Any, name: str, path: str) -> None:
    """Refused when it is saved: the password's hash would be sent to another host."""
    with pytest.raises(Invalid) as caught:
        load(manifest.settings, {**settings, "contract": {name: path}})
    assert caught.value.where == f"contract.{name}"
    assert load(manifest.settings, {**settings, "contract": {name: "/outro/caminho"}})


async def test_the_identity_is_the_company(erp: Any, connect: Any) -> None:
    assert await erp.identity() == "CNPJ 11222333"
    async with connect(branches=["77"], price_branch="77") as other:
        with pytest.raises(Rejected) as caught:
            await other.identity()
        assert caught.value.code == "branch.unknown"


@pytest.mark.trap("winthor.session-ends")
async def test_a_session_that_ended_is_renewed_once(erp: Any, control: Any, gather: Gather) -> None:
    await gather(erp.list_brands(Query()))
    await control("advance", {"seconds": 86400})  # the ERP's clock only: our side thinks that the token lives
    assert len(await gather(erp.list_brands(Query()))) == 1
    assert await control.count("POST /winthor/autenticacao/v1/login") == 2


@pytest.mark.parametrize("kind", ["reset", "html", "500"])
async def test_a_login_that_fails_leaves_the_order_certainly_unsent(erp: Any, control: Any, part: Any, kind: Any) -> None:
    """Even an answer that was lost: it was the login's, and the order never left."""
    await control("faults", [Fault(kind, "POST /winthor/autenticacao/v1/login")])
    with pytest.raises(NotSent):
        await erp.client.login.login(erp.client.open)
    await erp.import_order(part())
    assert len(await control("orders")) == 1


async def test_how_long_an_order_may_stay_undecided_is_a_setting(erp: Any, connect: Any) -> None:
    assert erp.settles_within == 120.0
    async with connect(settles_within=30) as other:
        assert other.settles_within == 30.0
