"""The control protocol: how the store is reached and set, what it sells, and what it does by itself."""

from __future__ import annotations

from typing import Any

import pytest
from plugins.webstore.tests.conftest import BUYER, Store
from plugins.webstore.tests.erp import TOKEN, Erp

SEED = {
    "branches": [{"key": "1", "name": "Matriz", "cnpj": "1"}],
    "categories": [{"key": "d", "name": "Casa", "level": "department"}],
    "brands": [{"key": "b", "name": "Acme"}],
    "products": [
        {
            "key": "P10", "name": "Mangueira", "description": "Verde", "department": "d", "section": None, "category": None, "brand": "b",
            "weight_kg": "1.25", "height_cm": "10", "width_cm": "20", "length_cm": "30.5",
            "skus": [
                {"code": "P10-UN", "ean": "7891", "packaging": "UN", "units": 1, "price": "19.90", "stock": {"1": 4, "3": 6}},
                {"code": "P10-CX", "ean": "", "packaging": "CX", "units": 12, "price": "200", "stock": {"1": 0}},
            ],
        }
    ],
}  # fmt: skip


async def test_how_it_is_reached(store: Store) -> None:
    said = await store.look("describe")
    assert (said["platform"], said["role"]) == ("webstore", "storefront")
    assert said["settings"] == {"store": "48231", "document": "11222333000181", "integration": 7071, "calls_a_minute": 1200}
    assert said["secrets"] == {
        "token": TOKEN, "stock_webhook": f"{store.sandbox.base_url}/webhook/48231/k7-stock-of-48231/estoque",
    }  # fmt: skip
    assert said["choices"]["warehouses"] == {"main": {"warehouse": "loja"}, "second": {"warehouse": "loja"}}
    await store.set(**said["caller"], url=store.erp.url)
    assert set(said["choices"]["payments"]) == {"pix", "boleto", "credit_card", "debit_card", "voucher"}
    assert set(said["choices"]["carriers"]) == {"standard", "express"}


async def test_a_store_that_already_sells(store: Store, erp: Erp) -> None:
    assert await store.do("seed", SEED) == {"products": 1, "skus": 2}
    one, two = await store.look("state")
    assert one == {
        "key": "P10-UN", "product": "P10", "name": "UN", "product_name": "Mangueira", "description": "Verde", "ean": "7891",
        "price": "19.90", "stock": {"loja": 10}, "remote": one["remote"],
        "product_remote": one["product_remote"],
    }  # fmt: skip
    assert (two["visible"], two["missing"]) == (False, ["no_stock"])
    assert "taken" in (await store.told("seed", SEED)).text
    key = await store.sell(sku="P10-UN", price="19.90")
    await store.do("push", {"orders": [key]})
    assert erp.of("pedido.incluir")[0].document("pedido")["pedido"]["itens"][0]["item"]["codigo"] == "P10-UN"


async def test_what_the_erp_prices_at_nothing_is_sold_for_nothing(store: Store, erp: Erp) -> None:
    erp.simple(1, preco="0.00")
    await store.do("pull")
    [one] = await store.look("state")
    assert one["price"] == "0.00" and "missing" not in one


@pytest.mark.parametrize(
    ("fields", "missing"),
    [({"situacao": "I"}, "inactive"), ({"preco": ""}, "no_price"), ({"saldo": 0}, "no_stock")],
)  # fmt: skip
async def test_what_keeps_a_product_from_being_bought(store: Store, erp: Erp, fields: dict[str, Any], missing: str) -> None:
    erp.simple(1, **fields)
    erp.simple(2)
    await store.do("pull")
    one, two = await store.look("state")
    assert (one["visible"], one["missing"]) == (False, [missing]) and "missing" not in two
    sale = {"number": 1, "buyer": BUYER, "items": [{"sku": "C1", "quantity": 1, "price": "1"}], "payments": [{"tag": "pix", "value": "1"}]}
    answer = await store.told("sell", [sale])
    assert answer.status_code == 422 and missing in answer.text


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"items": []}, "needs items"),
        ({"payments": []}, "needs items"),
        ({"shipping": "drone"}, "no shipping"),
        ({"items": [{"sku": "X", "quantity": 1, "price": "10.50"}]}, "no product has the code X"),
        ({"items": [{"sku": "C1", "quantity": 0, "price": "10.50"}]}, "quantity 0"),
        ({"items": [{"sku": "C1", "quantity": 4, "price": "10.50"}] * 3, "payments": [{"tag": "pix", "value": "126"}]}, "there are not 12"),
        ({"payments": [{"tag": "beads", "value": "10.50"}]}, "no payment form"),
        ({"payments": [{"tag": "pix", "value": "10.49"}]}, "the payments are"),
        ({"discount": "99"}, "a discount of"),
    ],
)
async def test_what_cannot_be_bought(store: Store, erp: Erp, fields: dict[str, Any], why: str) -> None:
    erp.simple(1)
    await store.do("pull")
    sale = {
        "number": 1, "buyer": BUYER, "items": [{"sku": "C1", "quantity": 1, "price": "10.50"}],
        "payments": [{"tag": "pix", "value": "10.50"}], **fields,
    }  # fmt: skip
    answer = await store.told("sell", [sale])
    assert answer.status_code == 422 and why in answer.text
    assert await store.look("orders") == [] and [row["level"] for row in await store.look("levels")] == ["10"]


async def test_an_order_as_it_stands_in_the_store(store: Store, erp: Erp) -> None:
    erp.simple(1)
    await store.do("pull")
    key = await store.sell(7, quantity=2, freight="3", discount="1")
    assert await store.look("orders") == [
        {"key": key, "storefront_key": key, "state": "Pago", "phase": "open", "total": "23.00", "items": [["C1", 2, "10.50"]], "number": 7}
    ]
    await store.do("push")
    assert (await store.look("orders"))[0]["phase"] == "in_erp"
    assert [row["level"] for row in await store.look("levels")] == ["8"]


async def test_goods_by_weight(store: Store, erp: Erp) -> None:
    erp.simple(1, saldo="2.5", unidade="KG")
    await store.do("pull")
    sale = {
        "number": 1, "buyer": BUYER, "items": [{"sku": "C1", "quantity": "0.95", "price": "10.50"}],
        "payments": [{"tag": "pix", "value": "9.98"}],
    }  # fmt: skip
    await store.do("sell", [sale])
    await store.do("push")
    item = erp.of("pedido.incluir")[0].document("pedido")["pedido"]["itens"][0]["item"]
    assert (item["quantidade"], item["unidade"]) == ("0.95", "KG")
    assert [row["level"] for row in await store.look("levels")] == ["1.55"]


@pytest.mark.parametrize(
    "given", [{"php": "sometimes"}, {"tries": 0}, {"nonsense": 1}, {"pace": "yes"}, {"products_every": -1}, {"unmapped": 99}]
)  # fmt: skip
async def test_settings_that_there_are_not(store: Store, given: dict[str, Any]) -> None:
    before = await store.look("settings")
    assert (await store.told("configure", given)).status_code == 422
    assert await store.look("settings") == before


async def test_settings_in_words(store: Store) -> None:
    await store.do("corrupt", {"kind": "setting", "key": "pace=false"})
    await store.do("corrupt", {"kind": "setting", "key": "products_every=1.5"})
    held = await store.look("settings")
    assert (held["pace"], held["products_every"], "token" in held) == (False, 1.5, False)


async def test_spoiling(store: Store, erp: Erp) -> None:
    erp.simple(1)
    await store.do("pull")
    for kind in ("stock", "price", "text"):
        await store.do("corrupt", {"kind": kind, "key": "C1"})
    [sku] = await store.look("state")
    assert (sku["stock"], sku["price"], sku["product_name"]) == ({"loja": 17}, "11.73", "Produto 1 (adulterado)")
    assert (await store.told("corrupt", {"kind": "mood", "key": "C1"})).status_code == 422
    assert (await store.do("pull"))["updated"] == 1
    assert (await store.look("state"))[0]["product_name"] == "Produto 1"


@pytest.mark.parametrize(
    ("setting", "service"),
    [("products_every", "produtos.pesquisa"), ("changes_every", "produtos.pesquisa"), ("levels_every", "lista.atualizacoes.estoque")],
)
async def test_routines_run_every_so_often(store: Store, erp: Erp, setting: str, service: str) -> None:
    """A routine over changes begins with the whole list."""
    erp.simple(1)
    await store.set(**{setting: 60})
    await store.advance(59)
    await store.do("call", {"service": "info"})
    assert not erp.of(service)
    await store.advance(1)
    await store.until(lambda: bool(erp.of(service)))
    await store.set(**{setting: 0})
    erp.calls.clear()
    await store.advance(600)
    await store.do("call", {"service": "info"})
    assert not erp.of(service)


async def test_nothing_by_itself_before_the_panel_knows_an_address(store: Store, erp: Erp) -> None:
    erp.simple(1)
    await store.set(url="", products_every=60)
    await store.advance(600)
    assert not await store.look("exchanges")
    await store.set(url=erp.url)
    await store.advance(60)
    await store.until(lambda: bool(erp.of("produtos.pesquisa")))


@pytest.mark.parametrize("verb", ["pull", "push", "poll", "call"])
async def test_words_that_nobody_knows(store: Store, verb: str) -> None:
    assert (await store.told(verb, {"nonsense": True})).status_code == 422


async def test_what_is_fetched(store: Store) -> None:
    answer = await store.told("pull", {"what": "prices"})
    assert answer.status_code == 422 and "changed" in answer.text
