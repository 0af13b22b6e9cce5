"""Control protocol of the WinThor sandbox: description, seed, change, cancel, faults by order, drift, ledger."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import httpx
import pytest

ORDERS = "/api/wholesale/v1/orders/"
PEN, BOX, NOTEBOOK = "7891234567895-101", "77101-101", "7899876543217-102"


async def sku(api: Any, key: str) -> dict[str, Any]:
    return next(row for row in await api.control("state") if row["key"] == key)


def test_found_by_entry_point() -> None:
    (entry,) = entry_points(group="engate.sandboxes", name="winthor")
    sandbox = entry.load()
    assert (sandbox.platform, sandbox.role) == ("winthor", "erp")


async def test_description_reaches_the_sandbox(api: Any) -> None:
    described = await api.control("describe")
    settings = described["settings"]
    assert settings["base_url"] == api.sandbox.base_url
    assert (settings["login"], settings["password_case"], settings["auth_scheme"]) == ("INTEGRACAO", "upper", "bearer")
    assert settings["branches"] == ["1", "2"]
    assert settings["timezone"] == "America/Sao_Paulo"
    assert "{ean}" in settings["image_url"]
    assert described["secrets"] == {"password": "Senha-do-wta"}
    assert described["choices"]["warehouses"] == {"main": {"branch": "1"}, "second": {"branch": "2"}}
    assert set(described["choices"]["payments"]) == {"pix", "boleto", "credit_card", "debit_card", "voucher"}
    assert described["choices"]["carriers"]["standard"] == {"carrier": "501"}
    for terms in described["choices"]["payments"].values():
        await api.place(chargingId=terms["charge"], paymentPlanId=terms["terms"])
    await api.place(customer={"id": settings["default_customer"]}, seller=settings["seller"])


async def test_an_empty_installation_has_a_branch_of_its_own(empty_api: Any) -> None:
    assert (await empty_api.control("describe"))["settings"]["branches"] == ["1"]
    await empty_api.control("seed", {"branches": [{"key": "10", "name": "DEZ", "cnpj": "11.222.333/0001-81"}]})
    assert (await empty_api.control("describe"))["choices"]["warehouses"] == {"main": {"branch": "10"}}


async def test_seeds_add_up(api: Any) -> None:
    answer = await api.control("seed", {"products": [api.product("600")]})
    assert answer == {"products": 6, "skus": 7}
    assert (await sku(api, "600-600"))["stock"] == {"1": 10}
    await api.control("seed", {"branches": [{"key": "3", "name": "TRES", "cnpj": "11222333000343"}]})
    assert (await api.control("describe"))["settings"]["branches"] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "seed",
    [
        {"branches": [{"key": "99", "name": "X", "cnpj": "1"}]},
        {"branches": [{"key": "100", "name": "X", "cnpj": "1"}]},
        {"products": [{"key": "1"}]},
    ],
)
async def test_seeds_that_cannot_be(api: Any, seed: dict[str, Any]) -> None:
    assert (await api.http.post("/_sandbox/seed", json=seed)).status_code == 422


async def test_seeded_packagings_hold_units(api: Any) -> None:
    wrong = {"code": "1", "ean": "", "packaging": "X", "units": 0, "price": "1", "stock": {}}
    body = {"products": [{**_product(api, "601"), "skus": [wrong]}]}
    assert (await api.http.post("/_sandbox/seed", json=body)).status_code == 422
    assert (
        await api.http.post(
            "/_sandbox/seed", json={"products": [{**_product(api, "601"), "skus": [wrong | {"units": 1, "stock": {"99": 1}}]}]}
        )
    ).status_code == 422


def _product(api: Any, key: str) -> dict[str, Any]:
    import msgspec

    return msgspec.to_builtins(api.product(key))


async def test_state_is_what_the_api_answers(api: Any) -> None:
    assert await sku(api, PEN) == {
        "key": PEN, "product": "101", "name": "UN", "product_name": "Caneta azul", "description": "Descrição 101", "ean": "7891234567895",
        "price": "2.50", "stock": {"1": 120, "2": 7}, "remote": PEN,
    }  # fmt: skip
    await api.corrupt("parameter", "2829:1=50")
    await api.place((PEN, 20, 2.5))
    for branch in ("1", "2"):
        rows = await api.stock(branch)
        for state in await api.control("state"):
            assert state["stock"].get(branch) == (rows[state["key"]]["quantity"] if state["key"] in rows else None)
    assert (await sku(api, BOX))["stock"] == {"1": 4, "2": 0}


async def test_state_names_what_is_missing(api: Any) -> None:
    assert (await sku(api, NOTEBOOK))["missing"] == ["weight"]
    assert (await sku(api, "103-103"))["missing"] == ["category_link"]
    bare = {link: None for link in ("department", "section", "category", "brand")}
    await api.control("seed", {"products": [api.product("602", **bare)]})
    assert (await sku(api, "602-602"))["missing"] == ["department_link", "section_link", "category_link", "brand_link"]
    assert (await sku(api, "104-104"))["visible"] is False
    assert "visible" not in await sku(api, PEN)  # true, and defaults are left out
    await api.corrupt("deleted", PEN)
    assert (await sku(api, PEN))["visible"] is False


async def test_orders_reported(api: Any) -> None:
    number = await api.place((NOTEBOOK, 7, 19.9), hub="v9-01")
    (order,) = await api.control("orders")
    assert order == {
        "key": number, "storefront_key": "v9-01", "state": "L", "phase": "in_erp", "total": "99.50", "items": [[NOTEBOOK, 5, "19.9"]],
    }  # fmt: skip
    await api.progress("invoiced")
    await api.progress("shipped")
    (order,) = await api.control("orders")
    assert (order["state"], order["phase"], len(order["invoices"]), len(order["tracking"])) == ("F", "shipped", 1, 1)


async def test_an_erp_user_cancels(api: Any) -> None:
    kept, cancelled, invoiced = await api.place(), await api.place(), await api.place()
    await api.progress("invoiced", invoiced)
    await api.advance(5)
    assert await api.control("cancel", {"keys": [cancelled, invoiced], "reason": "sem limite"}) == {"cancelled": 1}
    assert {order["key"]: order["state"] for order in await api.control("orders")} == {kept: "L", cancelled: "C", invoiced: "F"}
    assert (await api.read(cancelled))["lastChange"] == "2026-11-27T09:00:05"
    assert (await api.control("cancel", {"keys": [cancelled]})) == {"cancelled": 0}
    assert (await api.http.post("/_sandbox/cancel", json={"keys": ["1"]})).status_code == 422


async def test_control_refuses_what_it_does_not_know(api: Any) -> None:
    for name, body in {
        "change": [{"sku": "1-1", "price": "1"}],
        "corrupt": {"kind": "meteor", "key": "1"},
    }.items():
        assert (await api.http.post(f"/_sandbox/{name}", json=body)).status_code == 422
    for kind, key in {
        "stock": "1-1", "order": "1", "service": "/api/none", "customer_blocked": "9", "parameter": "9999=1",
    }.items():  # fmt: skip
        assert (await api.http.post("/_sandbox/corrupt", json={"kind": kind, "key": key})).status_code == 422
    assert (await api.http.post("/_sandbox/change", json=[{"sku": PEN, "stock": {"9": 1}}])).status_code == 422


# ---- drift nobody is told of ----


async def test_silent_drift_moves_no_stamp(api: Any) -> None:
    await api.items("/api/purchases/v1/products/", callOrigin="T")
    await api.stock()
    before = {row["key"]: row for row in await api.control("state")}
    await api.advance(10)
    await api.corrupt("stock", PEN)
    await api.corrupt("price", NOTEBOOK)
    await api.corrupt("text", NOTEBOOK)
    after = {row["key"]: row for row in await api.control("state")}
    assert after[PEN]["stock"]["1"] == before[PEN]["stock"]["1"] + 7
    assert after[NOTEBOOK]["price"] == "21.01"
    assert after[NOTEBOOK]["product_name"] == "Caderno (alterado)"
    since = {"lastChange": "2026-11-27T09:00:10"}
    assert await api.stock(**since) == {}
    for path in ("products/", "skus/"):
        assert await api.items(f"/api/purchases/v1/{path}", callOrigin="T", useAllPackages="Y", **since) == []
    assert await api.quantity(PEN) == 127
    assert (await api.get("/api/purchases/v1/products/102"))["name"] == "Caderno (alterado)"


async def test_a_delivery_that_got_lost(api: Any) -> None:
    number = await api.place()
    for step in ("invoiced", "shipped", "delivered"):
        await api.progress(step)
    await api.advance(10)
    await api.corrupt("order", number)
    row = await api.read(number)
    assert (row["trackingNumber"], row["deliveryDate"], row["lastChange"]) == (None, "1900-01-01T00:00:00", "2026-11-27T09:00:00")
    assert row["listOfOrderItem"][0]["deliveryStatus"] == "PENDENTE"


# ---- faults ----


async def test_faults_are_seeded_by_the_order_and_a_retry_gets_through(api: Any) -> None:
    await api.control("faults", [{"kind": "500", "operation": f"POST {ORDERS}", "rate": 0.5, "seed": 3}])
    hubs = [f"v{number}-01" for number in range(40)]
    first = {hub: (await api.post(api.order(hub=hub))).status_code for hub in hubs}
    assert 10 <= list(first.values()).count(500) <= 30  # about the half of them, each by its own key
    again = {hub: (await api.post(api.order(hub=hub))).status_code for hub, status in first.items() if status == 500}
    assert set(again.values()) == {200}
    assert len(await api.control("orders")) == 40

    await api.control("faults", [{"kind": "500", "operation": f"POST {ORDERS}", "rate": 0.5, "seed": 3}])
    assert {hub: (await api.post(api.order(hub=hub))).status_code for hub in hubs} == first


async def test_an_applied_fault_has_its_effect(api: Any) -> None:
    await api.control("faults", [{"kind": "500_applied", "operation": f"POST {ORDERS}"}])
    answer = await api.post(api.order())
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
    await api.control("faults", [{"kind": "timeout_applied", "operation": f"POST {ORDERS}"}])
    with pytest.raises(httpx.TransportError):
        await api.post(api.order())
    ledger = await api.control("ledger")
    assert ledger["effects"]["orders_created"] == 2
    assert ledger["injected"] == {"500_applied": 1, "timeout_applied": 1}
    assert ledger["writes"][f"POST {ORDERS}"] == 2


async def test_fault_keys_of_reads(api: Any) -> None:
    number = await api.place()
    await api.control("faults", [{"kind": "500"}])

    async def twice(method: str, path: str, query: dict[str, str] | None = None, body: Any = None) -> list[int]:
        return [(await api.http.request(method, path, params=query, json=body)).status_code for _ in range(2)]

    for page in ("1", "2"):
        assert await twice("GET", "/api/purchases/v1/products/", {"page": page}) == [500, 200]
        assert await twice("GET", "/winthor/venda/v0/planos-pagamentos", {"pagina": page}) == [500, 200]
    assert await twice("GET", ORDERS, {"orderId": number, "branchId": "1"}) == [500, 200]
    assert await twice("PUT", "/api/wholesale/v1/customer/", body={"id": "1", "name": "X"}) == [500, 200]
    assert await twice("POST", "/api/wholesale/v1/customer/", body=api.customer()) == [500, 201]
    assert await twice("POST", ORDERS, body=[]) == [500, 400]


async def test_an_injected_refusal_is_in_the_platforms_words(api: Any) -> None:
    for kind, code in (("401", "AUTHENTICATION_FAILED"), ("403", "FORBIDDEN")):
        await api.control("faults", [{"kind": kind, "operation": f"POST {ORDERS}"}])
        answer = await api.post(api.order())
        assert (answer.status_code, answer.json()["code"]) == (int(kind), code)
    assert await api.control("orders") == []
