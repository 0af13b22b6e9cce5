"""The control protocol: a shop that already sells, staged acts, and faults of every kind."""

import asyncio
import time
from typing import Any

import httpx
import pytest

SEED = {
    "branches": [{"key": "1", "name": "Matriz", "cnpj": "11222333000181"}, {"key": "2", "name": "Filial", "cnpj": "11222333000262"}],
    "categories": [{"key": "c", "name": "Bebidas", "level": "department"}],
    "brands": [{"key": "b", "name": "Nossa Marca"}],
    "products": [
        {
            "key": "100", "name": "Café", "description": "Torra média", "department": "c", "section": None, "category": None, "brand": "b",
            "weight_kg": "0.5", "height_cm": "10", "width_cm": "10", "length_cm": "10",
            "skus": [
                {"code": "100-1", "ean": "7891", "packaging": "UN", "units": 1, "price": "10.00", "stock": {"1": 5, "2": 7}},
                {"code": "100-2", "ean": "", "packaging": "CX", "units": 12, "price": "100.00", "stock": {"1": 0}, "list_price": "120.00"},
            ],
        }
    ],
}  # fmt: skip
SHOP = "{ shop { id } }"


async def test_a_shop_that_already_sells(api: Any) -> None:
    assert (await api.control("seed", SEED)) == {"products": 1, "skus": 2}
    one, two = await api.look("state")
    assert one == {
        "key": "100-1", "product": "", "name": "UN", "product_name": "Café", "description": "Torra média", "ean": "7891", "price": "10.00",
        "stock": {api.main: 5, api.second: 7}, "remote": one["remote"],
    }  # fmt: skip
    assert (two["visible"], two["missing"]) == (False, ["no_stock"])
    text = (
        "{ products(first: 5) { nodes { vendor status collections(first: 5) { nodes { title } } media(first: 5) { nodes { status } } } } }"
    )
    assert (await api.ok(text))["nodes"] == [
        {
            "vendor": "Nossa Marca",
            "status": "ACTIVE",
            "collections": {"nodes": [{"title": "Bebidas"}]},
            "media": {"nodes": [{"status": "READY"}]},
        }
    ]
    key = await api.sell(items=[{"sku": "100-1", "quantity": 2, "price": "10.00"}])
    assert [(row["key"], row["items"]) for row in await api.look("orders")] == [(key.rpartition("/")[2], [["100-1", 2, "10.00"]])]
    await api.control("cancel", {"keys": [key.rpartition("/")[2]], "reason": "x"})
    assert [(row["phase"], row["items"]) for row in await api.look("orders")] == [("cancelled", [["100-1", 2, "10.00"]])]
    answer = await api.client.post("/_sandbox/seed", json={"branches": [{"key": "3", "name": "x", "cnpj": "x"}]})
    assert answer.status_code == 422


async def test_an_act_happens_between_two_calls(api: Any) -> None:
    await api.sellable()
    await api.control("stage", [{"operation": "POST graphql orders", "verb": "sell", "body": [api.sale(1)]}])
    text = "{ orders(first: 5) { nodes { id } } }"
    assert (await api.ok(text))["nodes"] == []
    assert len((await api.ok(text))["nodes"]) == 1


async def test_settings_that_are_none_are_refused(api: Any) -> None:
    for text in ("colour=red", "b2b"):
        answer = await api.client.post("/_sandbox/corrupt", json={"kind": "setting", "key": text})
        assert (answer.status_code == 422) == (text == "colour=red")
    await api.setting("frozen=423")
    assert (await api.post(SHOP)).status_code == 423
    await api.setting("frozen=0")
    await api.setting("plan=plus")
    assert (await api(SHOP))["extensions"]["cost"]["throttleStatus"]["maximumAvailable"] == 20_000.0


async def test_calls_can_be_throttled_at_will(api: Any) -> None:
    await api.setting("throttle=1")
    assert (await api.refused(SHOP))["code"] == "THROTTLED"
    assert await api.ok(SHOP)


async def test_an_internal_error_inside_a_200_says_nothing_of_the_effect(api: Any) -> None:
    text = 'mutation { productCreate(product: {title: "A"}) { product { id } userErrors { message } } }'
    for name, made in (("internal", 0), ("internal_applied", 1)):
        await api.setting(f"{name}=1")
        answer = await api.post(text)
        [error] = answer.json()["errors"]
        assert answer.status_code == 200 and error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert error["extensions"]["requestId"] == answer.headers["X-Request-ID"]
        assert len((await api.ok("{ products(first: 5) { nodes { id } } }"))["nodes"]) == made
    effects = (await api.look("ledger"))["effects"]
    assert effects["rows_listed"] == 1


async def test_limits_can_be_off(api: Any) -> None:
    api.sandbox.limits = api.sandbox.engine.enforced = False
    for _ in range(5):
        assert (await api(SHOP))["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"] == 2000


# ---- faults of every kind ----


@pytest.mark.parametrize(("kind", "status"), [("401", 401), ("429", 429), ("500", 500), ("500_applied", 500)])
async def test_a_fault_hits_once_and_the_retry_gets_through(api: Any, kind: str, status: int) -> None:
    await api.faults({"kind": kind})
    assert (await api.post(SHOP)).status_code == status
    assert (await api.post(SHOP)).status_code == 200


@pytest.mark.parametrize("kind", ["reset", "reset_applied", "timeout_applied"])
async def test_a_lost_connection(api: Any, kind: str) -> None:
    await api.faults({"kind": kind, "operation": "POST graphql productCreate", "milliseconds": 1})
    with pytest.raises(httpx.TransportError):
        await api.post('mutation { productCreate(product: {title: "A"}) { product { id } userErrors { message } } }')
    held = (await api.ok("{ products(first: 5) { nodes { id } } }"))["nodes"]
    assert len(held) == (0 if kind == "reset" else 1)
    assert (await api.look("ledger"))["writes"] == ({} if kind == "reset" else {"POST graphql productCreate": 1})


async def test_a_page_instead_of_json_and_a_slow_answer(api: Any) -> None:
    await api.faults({"kind": "html"}, {"kind": "latency", "milliseconds": 30})
    answer = await api.post(SHOP)
    assert answer.status_code == 200 and "html" in answer.headers["Content-Type"]
    start = time.monotonic()
    assert (await api.post(SHOP)).status_code == 200
    assert time.monotonic() - start >= 0.03


@pytest.mark.parametrize("kind", ["drip", "huge", "hang"])
async def test_answers_that_never_end(api: Any, kind: str) -> None:
    await api.faults({"kind": kind, "milliseconds": 10, "megabytes": 0})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await api.post(SHOP)
    assert (await api.look("ledger"))["injected"] == {kind: 1}
