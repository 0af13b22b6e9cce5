"""The stock webhook: what it tells of which product, what counts as a refusal, and that its address stays a secret."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from api.tests.doors import Doored
from plugins.webstore.tests.test_coupled import ask, held, pull, read, simple, store
from plugins.webstore.tests.test_coupled import states as states_of
from plugins.webstore.tests.test_plugin_catalog import NOTHING, loaded, put
from tests.support.goods import goods

from engate.model import Problem
from engate.store.tables import cause, record
from engate.testing.facts import Change
from engate.text import Text
from engate_webstore_sandbox import stock

QUERY = "k=ALSO%20SECRET&empty="


async def mapped(house: Doored) -> dict[str, str]:
    """Code -> the store's id."""
    await pull(house)
    return {row["codigo"]: row["identificador"] for row in house.shop.control.mapping()}


async def link(house: Doored, kind: str, key: str, remote: str) -> None:
    await house.api("PUT", f"/integrations/{house.id}/links/{kind}/{key}", {"remote": remote})


async def told(house: Doored, code: str = "1000-UN", units: int = 3) -> list[Any]:
    """What the store's webhook was told of it by a change in the ERP: (sent, answered) of each call."""
    before = len(house.shop.exchanges.listed())
    house.erp.change([Change(code, stock={"1": units})])
    await house.api("POST", f"/integrations/{house.id}/resync", {"flows": ["stock"]})

    def calls() -> list[Any]:
        return [each for each in house.shop.exchanges.listed()[before:] if each.service == stock.NAME]

    return await house.until(calls)


async def answers(house: Doored) -> str:
    """Whatever is kept, or shown, of what was tried."""

    def look(c: sa.Connection) -> list[Any]:
        return [*c.execute(sa.select(cause)), *c.execute(sa.select(record.c.answer).where(record.c.answer != ""))]

    kept = await house.installation.store.reading(look)
    return str([kept, *[await house.api("GET", path) for path in (f"/connections/{house.shop_id}", f"/integrations/{house.id}")]])


@pytest.mark.trap("webstore.secret-address")
@pytest.mark.parametrize("answer", ["404", "403", "error"])
async def test_what_a_refusal_quotes_of_the_address_reaches_nobody(tmp_path: Path, answer: str) -> None:
    async with store(tmp_path) as house:
        url = house.shop.describe().secrets["stock_webhook"]
        await house.api("PATCH", f"/connections/{house.shop_id}", {"secrets": {"stock_webhook": f"{url}?{QUERY}"}})
        await house.api("POST", f"/connections/{house.shop_id}/test", {})
        await link(house, "sku", "1000-UN", (await mapped(house))["1000-UN"])
        house.shop.settings.echoes = True
        house.shop.stock.answers += [answer] * 3
        [first, *_] = await told(house)
        assert stock.KEY in first.said and "ALSO SECRET" in first.said
        shown = await house.until(lambda: refusal(house, answer))
        assert not [secret for secret in (stock.KEY, "ALSO", "SECRET") if secret in shown]


async def refusal(house: Doored, answer: str) -> str | None:
    """All that is kept and shown, once this answer is."""
    shown = await answers(house)
    return shown if {"error": "webstore.stock", "404": "http.404", "403": "forbidden"}[answer] in shown else None


async def test_an_address_that_is_none_is_refused_and_one_that_fails_says_its_status(tmp_path: Path) -> None:
    async with store(tmp_path, live=False) as house:
        house.shop.settings.echoes = True
        path = f"/connections/{house.shop_id}"
        for wrong in ("hooks.webstore.com.br/S3CR3T", "https://a b/S3CR3T", "ftp://h/S3CR3T", "https://h//S3CR3T", "https://u:S3CR3T@h/x"):
            said = await house.client.patch(
                path, json={"secrets": {"stock_webhook": wrong}}, headers={"authorization": f"Bearer {house.key}"}
            )
            assert said.status_code == 422 and "S3CR3T" not in said.text and "webhook" in said.text, said.text
        await house.api("PATCH", path, {"secrets": {"stock_webhook": f"{house.shop.base_url}/hook/S3CR3T?k=S3CR3T"}})
        tested = await house.api("POST", f"{path}/test", {})
        [line] = [check for check in tested["checks"] if not check["ok"]]
        assert "404" in str(line)
        assert "S3CR3T" not in str(tested) + str(await house.api("GET", path))
        assert (await house.shop.push.call("info", {}, house.shop.settings)).ok


async def test_a_simple_product_has_no_parent_though_its_product_was_linked(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        ids = await mapped(house)
        for kind, key in (("product", "1000"), ("sku", "1000-UN")):
            await link(house, kind, key, ids["1000-UN"])
        await told(house)
        await house.until(lambda: held(house)["1000-UN"][2] == 3)
        said = house.shop.exchanges.listed()[-1].sent
        erp = next(iter(product.erp for product in house.shop.goods.products.values() if not product.varied))
        assert '"skuMapeamentoPai":""' in said and f'"idProduto":{erp},' in said


async def test_an_error_that_is_empty_is_none(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await link(house, "sku", "1000-UN", (await mapped(house))["1000-UN"])
        house.shop.settings.stock_says = {"status": "OK", "error": None, "erro": ""}
        await told(house)
        await house.until(lambda: settled(house))


async def settled(house: Doored) -> bool:
    return "settled" in await states_of(house, "stock")


async def test_a_link_that_is_corrected_gets_the_stock(tmp_path: Path) -> None:
    async with store(tmp_path, simple(0, 7), simple(2, 20)) as house:
        ids = await mapped(house)
        await link(house, "sku", "1000-UN", ids["1002-UN"])
        await told(house)
        await house.until(lambda: held(house)["1002-UN"][2] == 3)
        await link(house, "sku", "1000-UN", ids["1000-UN"])
        await link(house, "sku", "1002-UN", ids["1002-UN"])
        await house.until(lambda: (held(house)["1000-UN"][2], held(house)["1002-UN"][2]) == (3, 20))


async def test_a_link_of_the_product_that_is_corrected_sends_what_was_refused(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        ids = await mapped(house)
        [parent] = {row["identificador_pai"] for row in house.shop.control.mapping() if row["identificador_pai"]}
        await link(house, "product", "1001", ids["1000-UN"])
        await link(house, "sku", "1001-CX", ids["1001-CX"])
        await told(house, "1001-CX", 8)
        await house.until(lambda: refusal(house, "404"))
        await link(house, "product", "1001", parent)
        await house.until(lambda: held(house)["1001-CX"][2] == 8)


SPOILT = (Problem("erp.odd", Text("Estranho.", "Odd."), Text("Corrija.", "Fix it.")),)
OFF: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "sku": ("sku", "1000-UN", "products", {"active": False}),
    "product": ("product", "1000", "products", {"active": False}),
    "free": ("price", "1000-UN", "prices", {"base": Decimal(0)}),
    "without a price": ("price", "1000-UN", "prices", {"base": Decimal(0), "problems": SPOILT}),
}
"""What turns a SKU off: kind and key in the ERP, the flow that reads it, how it is then."""


def level(house: Doored) -> Decimal:
    return held(house)["1000-UN"][2]


async def linked(house: Doored) -> None:
    """The shop has been told once."""
    await link(house, "sku", "1000-UN", (await mapped(house))["1000-UN"])
    await told(house)
    await house.until(lambda: level(house) == 3)
    await house.until(lambda: read(house))


@pytest.mark.trap("engine.off-by-stock", "engine.off-told-anew")
@pytest.mark.parametrize("way", OFF)
async def test_what_is_not_for_sale_any_more_is_told_to_be_gone_until_it_comes_back(tmp_path: Path, way: str) -> None:
    kind, key, flow, off = OFF[way]
    async with store(tmp_path) as house:
        await linked(house)
        before = house.erp.doc(kind, key)
        await put(house, kind, key, flow, **off)
        await house.until(lambda: level(house) == 0)
        house.erp.change([Change("1000-UN", stock={"1": 9})])
        await loaded(house, "stock")
        assert level(house) == 0
        house.erp.put(kind, before)
        await loaded(house, flow)
        await house.until(lambda: level(house) == 9)


async def test_what_is_off_when_it_is_linked_is_told_so(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await put(house, "sku", "1000-UN", "products", active=False)
        await put(house, "stock", "1000-UN@1", "stock", unlimited=True)
        await link(house, "sku", "1000-UN", (await mapped(house))["1000-UN"])
        await house.until(lambda: settled(house))
        assert level(house) == 0


async def switch(house: Doored, flow: str, *, on: bool) -> None:
    await house.api("PATCH", f"/integrations/{house.id}/flows/{flow}", {"enabled": on})


@pytest.mark.trap("engine.off-by-its-flow")
async def test_who_minds_the_prices_in_the_shop_is_told_the_stock_of_what_has_none(tmp_path: Path) -> None:
    async with store(tmp_path, simple(0), live=False) as house:
        house.shop.control.seed(msgspec.structs.replace(goods(0), products=(simple(0, 5),)))
        await switch(house, "prices", on=False)
        await house.api("POST", f"/integrations/{house.id}/activate", {"everything": True})
        await house.until(lambda: read(house))
        [ours] = house.shop.control.mapping()
        await link(house, "sku", "1000-UN", ours["identificador"])
        await house.until(lambda: settled(house))
        assert [sku.stock for sku in house.shop.state()] == [{"loja": 7}]


@pytest.mark.trap("engine.off-by-flow-anew")
@pytest.mark.parametrize("way", ["sku", "product", "free"])
async def test_what_a_flow_said_of_a_sale_counts_while_it_is_on(tmp_path: Path, way: str) -> None:
    kind, key, flow, off = OFF[way]
    async with store(tmp_path) as house:
        await linked(house)
        await put(house, kind, key, flow, **off)
        await house.until(lambda: level(house) == 0)
        await switch(house, flow, on=False)
        await house.until(lambda: level(house) == 3)
        await switch(house, flow, on=True)
        await house.until(lambda: level(house) == 0)


def kinds(house: Doored) -> list[str]:
    """What each message called the balance that it told."""
    return ["F" if '"tipoEstoque":"F"' in each.sent else "D" for each in house.shop.exchanges.listed() if each.service == stock.NAME]


async def options(house: Doored, **values: Any) -> Any:
    return await house.api("PATCH", f"/integrations/{house.id}", {"options": values})


@pytest.mark.trap("webstore.kind-of-stock")
async def test_the_webhook_says_physical_whichever_balance_it_tells_unless_it_was_set(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await linked(house)
        await options(house, stock_sent="physical")
        assert level(house) == 3, "this ERP does not say it"
        await put(house, "stock", "1000-UN@1", "stock", physical=Decimal(8))
        await house.until(lambda: level(house) == 8)
        await options(house, stock_sent="available")
        await house.until(lambda: level(house) == 3)
        assert set(kinds(house)) == {"F"}
        await house.api("PATCH", f"/connections/{house.shop_id}", {"settings": {"stock_kind": "D"}})
        await house.api("POST", f"/connections/{house.shop_id}/test", {})
        await told(house, units=4)
        await house.until(lambda: level(house) == 4)
        assert kinds(house)[-1] == "D"


@pytest.mark.trap("webstore.stock-off")
async def test_where_the_shop_minds_its_own_stock_nothing_is_told_of_it(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await linked(house)
        before = kinds(house)
        shown = await options(house, stock_sent="off")
        assert [flow["enabled"] for flow in shown["flows"] if flow["name"] == "stock"] == [False]
        house.erp.change([Change("1000-UN", stock={"1": 5})])
        await put(house, "price", "1000-UN", "prices", base=Decimal(11))
        [row, *_] = (await ask(house, "produtos.pesquisa", pesquisa="1000-UN"))["produtos"]
        for service, fields in (
            ("produto.obter.estoque", {"id": row["produto"]["id"]}),
            ("lista.atualizacoes.estoque", {"dataAlteracao": "01/01/2020"}),
        ):
            assert (await house.shop.push.call(service, fields, house.shop.settings)).code == NOTHING, service
        assert (await pull(house)).failed == {}
        assert level(house) == 3 and kinds(house) == before
        await options(house, stock_sent="available")
        await house.until(lambda: level(house) == 5)
