"""The address of the stock webhook: what it takes, what it refuses, and how it fails when it is told to."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from plugins.webstore.tests.conftest import Store
from plugins.webstore.tests.erp import TOKEN, Erp


class Hook:
    """What an ERP sends. Products: a simple one, and one with a variation."""

    def __init__(self, store: Store, url: str, ids: dict[str, str]) -> None:
        self.store, self.url = store, url
        self.simple, self.parent, self.variation = ids["simple"], ids["parent"], ids["variation"]

    def body(self, mapped: str, saldo: Any = 5.5, parent: str = "", **more: Any) -> dict[str, Any]:
        data = {
            "tipoEstoque": "F", "saldo": saldo, "idProduto": 1, "sku": "C1", "skuMapeamento": mapped, "skuMapeamentoPai": parent,
        }  # fmt: skip
        data |= more.pop("dados", {})
        return {"cnpj": "11222333000181", "idEcommerce": 7071, "tipo": "estoque", "versao": "1.0.0", "dados": data, **more}

    async def send(self, *args: Any, **more: Any) -> httpx.Response:
        return await self.store.client.post(self.url, json=self.body(*args, **more))

    async def levels(self) -> dict[str, Any]:
        return {row["codigo"]: row["level"] for row in await self.store.look("levels")}


@pytest.fixture
async def hook(store: Store, erp: Erp) -> Hook:
    erp.simple(1)
    erp.varied(10, {11: {"Cor": "Azul"}})
    await store.do("pull")
    mapping = {row["codigo"]: row for row in await store.look("mapping")}
    url = (await store.look("describe"))["secrets"]["stock_webhook"]
    ids = {
        "simple": mapping["C1"]["identificador"], "parent": mapping["C11"]["identificador_pai"],
        "variation": mapping["C11"]["identificador"],
    }  # fmt: skip
    return Hook(store, url, ids)


async def test_levels_are_absolute_and_by_the_stores_own_id(hook: Hook) -> None:
    assert (await hook.send(hook.simple, 5.5)).status_code == 200
    assert (await hook.send(hook.variation, 3, hook.parent, dados={"tipoEstoque": "D"})).status_code == 200
    assert await hook.levels() == {"C1": "5.5", "C11": "3"}
    await hook.send(hook.simple, 5.5)
    await hook.send(hook.simple, -1)
    assert (await hook.levels())["C1"] == "-1"
    sku = next(sku for sku in await hook.store.look("state") if sku["key"] == "C1")
    assert (sku["stock"], sku["visible"], sku["missing"]) == ({"loja": -1}, False, ["no_stock"])
    ledger = await hook.store.look("ledger")
    assert (ledger["requests"], ledger["effects"]["webhooks_taken"]) == (4, 4)
    assert sum(ledger["writes"].values()) == 4


@pytest.mark.parametrize("unmapped", [404, 422, 200])
async def test_what_is_not_mapped_is_refused(hook: Hook, unmapped: int) -> None:
    await hook.store.set(unmapped=unmapped)
    before = await hook.levels()
    for mapped, parent in (
        ("", ""), ("1", ""), ("abc", ""), (hook.parent, ""), (hook.variation, ""), (hook.variation, "1"), (hook.simple, hook.parent),
    ):  # fmt: skip
        answer = await hook.send(mapped, 1, parent)
        assert (answer.status_code, "error" in answer.json()) == (unmapped, True), mapped
    assert await hook.levels() == before
    effects = await hook.store.effects()
    assert effects["webhooks_unmapped"] == 7 and "webhooks_taken" not in effects


@pytest.mark.parametrize(
    "more",
    [
        {"tipo": "produto"}, {"tipo": None}, {"versao": "2.0.0"}, {"versao": 1}, {"cnpj": "11.222.333/0001-81"}, {"cnpj": None},
        {"idEcommerce": None}, {"dados": {"saldo": "5"}}, {"dados": {"saldo": None}}, {"dados": {"saldo": True}},
        {"dados": {"tipoEstoque": "X"}}, {"dados": {"skuMapeamento": 900001}}, {"dados": {"skuMapeamentoPai": None}},
        {"dados": {"sku": None}}, {"dados": {"idProduto": None}},
    ],
)  # fmt: skip
async def test_what_is_not_as_the_facts_say_is_refused(hook: Hook, more: dict[str, Any]) -> None:
    before = await hook.levels()
    assert (await hook.send(hook.simple, 1, **more)).status_code == 400
    assert await hook.levels() == before


@pytest.mark.parametrize("body", [b"{", b"[]", b"estoque", b'{"dados": 1}'])
async def test_what_is_no_payload_is_refused(hook: Hook, body: bytes) -> None:
    assert (await hook.store.client.post(hook.url, content=body)).status_code == 400


async def test_another_company_or_integration(hook: Hook) -> None:
    await hook.store.set(cnpj="11222333000181", ecommerce=7071)
    assert (await hook.send(hook.simple, 1)).status_code == 200
    assert (await hook.send(hook.simple, 2, cnpj="44555666000199")).status_code == 403
    assert (await hook.send(hook.simple, 2, idEcommerce=1)).status_code == 403
    assert (await hook.levels())["C1"] == "1"


async def test_the_panel_tries_the_address(hook: Hook) -> None:
    client = hook.store.client
    assert (await client.get(hook.url)).json() == {"status": "OK"}
    assert (await client.head(hook.url)).status_code == 200
    assert (await client.post(hook.url)).json() == {"status": "OK"}
    assert not (await hook.store.look("ledger"))["writes"]


async def test_another_address_is_not_there(hook: Hook) -> None:
    for url in (hook.url.replace("48231/", "48232/"), hook.url.replace("k7-", "k8-"), hook.url + "/x", "/"):
        answer = await hook.store.client.post(url, json=hook.body(hook.simple, 1))
        assert answer.status_code == 404, url
    assert (await hook.levels())["C1"] == "10"


async def test_it_fails_as_it_is_told_to_in_turn(hook: Hook) -> None:
    await hook.store.set(stock_answers=["400", "503", "error"])
    answers = [await hook.send(hook.simple, 1) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 503, 200]
    assert answers[2].json()["status"] == "Erro" and (await hook.levels())["C1"] == "10"
    assert (await hook.send(hook.simple, 1)).status_code == 200 and (await hook.levels())["C1"] == "1"
    assert (await hook.store.told("configure", {"stock_answers": ["soon"]})).status_code == 422


@pytest.mark.parametrize(
    ("kind", "status", "level"), [("500", 500, "10"), ("500_applied", 500, "1"), ("429", 429, "10"), ("html", 200, "10")]
)
async def test_faults_hit_each_product_by_itself(hook: Hook, kind: str, status: int, level: str) -> None:
    await hook.store.do("faults", [{"kind": kind, "operation": "POST /webhook"}])
    assert (await hook.send(hook.simple, 1)).status_code == status
    assert (await hook.levels())["C1"] == level
    assert (await hook.send(hook.variation, 1, hook.parent)).status_code == status
    assert (await hook.send(hook.simple, 1)).status_code == 200 and (await hook.levels())["C1"] == "1"


async def test_nobody_answers_in_time(hook: Hook) -> None:
    await hook.store.do("faults", [{"kind": "timeout_applied", "operation": "POST /webhook"}])
    with pytest.raises(httpx.HTTPError):
        await hook.send(hook.simple, 1)
    assert (await hook.levels())["C1"] == "1"


async def test_the_ledger_shows_what_came(hook: Hook) -> None:
    await hook.send(hook.simple, 1, dados={"sku": TOKEN})
    await hook.send("77", 1)
    taken, refused = (row for row in await hook.store.look("exchanges") if row.get("direction") == "in")
    assert (taken["service"], taken["key"], taken["verdict"], taken["status"]) == ("estoque", hook.simple, "ok", 200)
    assert (refused["key"], refused["verdict"], refused["status"]) == ("77", "refused", 404)
    assert json.loads(taken["sent"])["dados"]["saldo"] == 1 and TOKEN not in taken["sent"]
