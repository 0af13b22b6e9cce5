"""What the shop is told of products: nothing without its price, nothing that the ERP has switched off, and always the same product."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from api.tests.doors import Doored
from plugins.webstore.tests.test_coupled import ask, changed, held, pull, push, read, sell, simple, states, store, varied
from tests.support.goods import goods, gtin

from engate.model import Problem
from engate.testing.facts import Change
from engate.text import Text

D = Decimal
REFUSED, NOTHING, NOT_FOUND = 31, 20, 32


async def loaded(house: Doored, *flows: str) -> None:
    """The ERP's data of now is engate's."""
    for flow in flows:
        await house.api("POST", f"/integrations/{house.id}/resync", {"flows": [flow]})
    await house.until(lambda: read(house))


async def put(house: Doored, kind: str, key: str, flow: str, **fields: Any) -> None:
    """Somebody changes this in the ERP."""
    house.erp.put(kind, msgspec.structs.replace(house.erp.doc(kind, key), **fields))
    await loaded(house, flow)


async def listed(house: Doored, **filters: Any) -> list[str]:
    """The codes of what a search answers."""
    said = await house.shop.push.call("produtos.pesquisa", filters, house.shop.settings)
    assert said.ok or said.code == NOTHING, said
    return [row["produto"]["codigo"] for row in said.retorno.get("produtos", ())]


async def ids(house: Doored, kind: str) -> dict[str, int]:
    return {row["key"]: row["id"] for row in (await house.api("GET", f"/integrations/{house.id}/records?kind={kind}"))["items"]}


async def code(house: Doored, service: str, **fields: Any) -> int:
    return (await house.shop.push.call(service, fields, house.shop.settings)).code


@pytest.mark.trap("webstore.without-a-price")
async def test_what_has_no_price_yet_is_not_there_yet(tmp_path: Path) -> None:
    async with store(tmp_path, live=False) as house:
        prices = {key: house.erp.rows["price"].pop(key) for key in ("1000-UN", "1001-CX")}
        await house.api("POST", f"/integrations/{house.id}/activate", {"everything": True})
        await house.until(lambda: read(house))
        assert (await pull(house)).failed == {}
        assert {key: price for key, (_, price, _) in held(house).items()} == {"1001-UN": D(10)}
        skus = await ids(house, "sku")
        for key in prices:
            assert await code(house, "produto.obter", id=skus[key]) == await code(house, "produto.obter.estoque", id=skus[key]) == NOT_FOUND
        house.erp.rows["price"] |= prices
        await loaded(house, "prices")
        assert (await pull(house, "changed")).failed == {}
        assert {key: price for key, (_, price, _) in held(house).items()} == {"1000-UN": D("10.50"), "1001-UN": D(10), "1001-CX": D(100)}
        assert {sku.key: sku.product for sku in house.shop.state()}["1001-UN"] == "1001", "it had been one of several before"


async def test_what_costs_nothing_is_off(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await pull(house)
        for key in ("1000-UN", "1001-CX"):
            await changed(house, Change(key, price=D(0)), "prices")
        assert (await pull(house, "changed")).failed == {}
        assert {sku.key: sku.visible for sku in house.shop.state()} == {"1000-UN": False, "1001-UN": True}


@pytest.mark.trap("webstore.one-product")
async def test_a_product_that_gets_a_second_packaging_stays_the_same_product(tmp_path: Path) -> None:
    async with store(tmp_path, simple(1, 7)) as house:
        await pull(house)
        [before] = house.shop.goods.products.values()
        house.erp.seed(msgspec.structs.replace(goods(0), products=(varied(1),)))
        await loaded(house, "products", "prices", "stock")
        await changed(house, Change("1001-UN", price=D("99.00")), "prices")
        for what in ("changed", "all"):
            assert (await pull(house, what)).failed == {}
        assert {key: (price, units) for key, (_, price, units) in held(house).items()} == {"1001-UN": (D(99), 5), "1001-CX": (D(100), 2)}
        [after] = house.shop.goods.products.values()
        assert after.id == before.id
        assert await states(house, "price") == {"settled"}


@pytest.mark.trap("webstore.order-by-id")
async def test_an_order_may_name_a_simple_product_by_its_id(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await pull(house)
        house.shop.settings.item_by = "id_produto"
        for number, sku in enumerate(("1000-UN", "1001-CX"), 1):
            key = sell(house, number, sku, price=str(held(house)[sku][1]))
            house.shop.progress("paid", [key])
            assert (await push(house, key))[0].verdict == "ok"
            [entered] = await house.until(lambda key=key: house.in_erp(key))
            assert [item.sku for item in entered.items] == [sku]


@pytest.mark.trap("webstore.off")
async def test_a_variation_that_is_off_in_the_erp_is_not_sold(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await pull(house)
        await put(house, "sku", "1001-CX", "products", active=False)
        skus = await ids(house, "sku")
        assert (await ask(house, "produto.obter.estoque", id=skus["1001-CX"]))["produto"]["saldo"] == "0"
        assert (await ask(house, "produto.obter", id=skus["1001-CX"]))["produto"]["situacao"] == "I"
        assert (await pull(house, "changed")).failed == {}
        assert set(held(house)) == {"1000-UN", "1001-UN"}
        await put(house, "sku", "1001-UN", "products", active=False)
        await pull(house, "changed")
        assert {sku.key for sku in house.shop.state() if sku.visible} == {"1000-UN"}
        await put(house, "sku", "1001-CX", "products", active=True)
        await pull(house, "changed")
        assert {sku.key for sku in house.shop.state() if sku.visible} == {"1000-UN", "1001-CX"}


async def test_a_search_finds_what_it_was_asked_for(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        assert await listed(house) == ["1000-UN", "1001"]
        assert await listed(house, gtin=gtin(0)) == ["1000-UN"]
        assert await listed(house, gtin=gtin(71)) == ["1001-CX"]
        assert await listed(house, gtin=gtin(3)) == []
        assert await listed(house, pesquisa="1001-CX") == ["1001-CX"]
        assert await listed(house, pesquisa="1001") == ["1001"]
        assert await listed(house, pesquisa="1000") == [], "that is no code which was ever told"
        assert await listed(house, pesquisa="1001-CX", gtin=gtin(51)) == []
        [row] = (await ask(house, "produtos.pesquisa", pesquisa="1001-CX"))["produtos"]
        told = (await ask(house, "produto.obter", id=row["produto"]["id"]))["produto"]
        assert (row["produto"]["tipoVariacao"], row["produto"]["preco"], told["codigo"]) == ("V", "100.00", "1001-CX")
        await put(house, "product", "1000", "products", active=False)
        assert await listed(house, situacao="A") == ["1001"]
        assert await listed(house, situacao="I") == ["1000-UN"]
        assert await listed(house, situacao="E") == []
        for wrong in ({"dataCriacao": "01/01/2030 00:00:00"}, {"idTag": "3"}, {"idListaPreco": "1"}, {"situacao": "X"}):
            assert await code(house, "produtos.pesquisa", **wrong) == REFUSED


async def test_stock_that_the_erp_does_not_count_is_told_as_the_number_that_was_set(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await put(house, "stock", "1000-UN@1", "stock", unlimited=True, quantity=D(0))
        await pull(house)
        assert held(house)["1000-UN"][2] == 9999


DETAILS = {
    "descricao_complementar": "Boa", "unidade": "KG", "ncm": "10063021", "peso_liquido": "1.2", "peso_bruto": "1.5", "dias_preparacao": "2",
    "alturaEmbalagem": "10", "larguraEmbalagem": "20", "comprimentoEmbalagem": "30", "gtin": gtin(0),
}  # fmt: skip


async def described(house: Doored) -> dict[str, Any]:
    """The simple product as it is answered."""
    await put(
        house, "product", "1000", "products", description="Boa", unit="KG", ncm="10063021", net_weight_kg=D("1.2"), preparation_days=2
    )
    return (await ask(house, "produto.obter", id=(await ids(house, "product"))["1000"]))["produto"]


async def test_a_product_is_told_with_all_that_the_erp_says_of_it(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        told = await described(house)
        assert {name: told[name] for name in DETAILS} == DETAILS
        [row] = (await ask(house, "produtos.pesquisa", pesquisa="1000-UN"))["produtos"]
        assert row["produto"]["unidade"] == "KG"
        several = (await ask(house, "produto.obter", id=(await ids(house, "product"))["1001"]))["produto"]
        assert several["unidade"] == "UN" and not {"ncm", "peso_liquido", "dias_preparacao"} & set(several), "of these the ERP says nothing"


async def test_of_a_packaging_the_net_weight_is_that_of_all_that_is_in_it(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await put(house, "product", "1001", "products", net_weight_kg=D("0.5"))
        told = (await ask(house, "produto.obter", id=(await ids(house, "sku"))["1001-CX"]))["produto"]
        assert told["peso_liquido"] == "6"


@pytest.mark.trap("webstore.left-out")
async def test_what_does_not_travel_is_not_told_and_the_shop_keeps_its_own(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await described(house)
        await pull(house)
        path = f"/integrations/{house.id}"
        await house.api("PATCH", path, {"options": {"product_fields": [], "send_preparation_days": False}})
        await put(house, "product", "1000", "products", description="Outra", name="Outro")
        told = (await ask(house, "produto.obter", id=(await ids(house, "product"))["1000"]))["produto"]
        assert not set(DETAILS) & set(told) and (told["nome"], told["codigo"]) == ("Outro", "1000-UN")
        [row] = (await ask(house, "produtos.pesquisa", gtin=gtin(71)))["produtos"]
        several = (await ask(house, "produto.obter", id=(await ids(house, "product"))["1001"]))["produto"]
        assert row["produto"]["codigo"] == "1001-CX" and "gtin" not in {*row["produto"], *several["variacoes"][0]["variacao"]}
        assert (await pull(house)).failed == {}
        [kept] = [product.fields for product in house.shop.goods.products.values() if not product.varied]
        assert (kept["nome"], kept["descricao_complementar"], kept["dias_preparacao"]) == ("Outro", "Boa", 2)
        await house.api("PATCH", path, {"options": {"product_fields": ["name", "description"]}})
        await house.until(lambda: told_again(house, "Outra"))


@pytest.mark.trap("engine.last-told-empty")
async def test_what_was_the_shops_own_is_not_emptied_while_what_is_new_waits(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await house.api("PATCH", f"/integrations/{house.id}", {"options": {"product_fields": ["name"]}})
        await pull(house)
        odd = Problem("erp.odd", Text("Estranho.", "Odd."), Text("Corrija.", "Fix it."))
        await put(house, "product", "1000", "products", description="Boa", problems=(odd,))
        await put(house, "sku", "1000-UN", "products", problems=(odd,))
        await house.api("PATCH", f"/integrations/{house.id}", {"options": {"product_fields": ["name", "description", "gtin"]}})
        told = (await ask(house, "produto.obter", id=(await ids(house, "product"))["1000"]))["produto"]
        assert not {"descricao_complementar", "gtin"} & set(told)


async def told_again(house: Doored, description: str) -> bool:
    """The shop asks for what has changed."""
    await pull(house, "changed")
    return any(product.fields["descricao_complementar"] == description for product in house.shop.goods.products.values())


async def test_of_a_product_that_is_off_nothing_is_there(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await put(house, "product", "1000", "products", active=False)
        told = (await ask(house, "produto.obter.estoque", id=(await ids(house, "product"))["1000"]))["produto"]
        assert told["saldo"] == "0"


async def switch(house: Doored, *flows: str, on: bool) -> None:
    for flow in flows:
        await house.api("PATCH", f"/integrations/{house.id}/flows/{flow}", {"enabled": on})


OF_FLOWS = {"preco", "preco_promocional", "anexos", "categoria", "marca"}


@pytest.mark.trap("webstore.flow-left-out", "engine.flow-off-no-change")
async def test_of_a_flow_that_is_off_nothing_is_told_and_the_shop_keeps_its_own(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await pull(house)
        await pull(house, "changed")
        before = {product.id: product.fields for product in house.shop.goods.products.values()}
        house.shop.corrupt("price", "1000-UN")
        mine = {key: price for key, (_, price, _) in held(house).items()}
        await changed(house, Change("1001-CX", price=D(50)), "prices")
        await switch(house, "prices", "images", "categories", "brands", on=False)
        assert await listed(house) == ["1000-UN", "1001"], "what has been there with its price stays there"
        await put(house, "product", "1000", "products", description="Outra")
        assert (await pull(house, "changed")).failed == {}
        unheard = await code(house, "lista.atualizacoes.produtos", dataAlteracao="01/01/2040")
        assert unheard == NOTHING, "what another flow had still to tell is no change"
        for key, price in mine.items():
            assert held(house)[key][1] == price
        after = {product.id: product.fields for product in house.shop.goods.products.values()}
        assert [after[id]["anexos"] for id in after] == [before[id]["anexos"] for id in before] and all(after[id]["anexos"] for id in after)
        for told in [(await ask(house, "produto.obter", id=id))["produto"] for id in (await ids(house, "product")).values()]:
            assert not OF_FLOWS & {*told, *(name for row in told["variacoes"] for name in row["variacao"])} and told["situacao"] == "A"
        assert (await ask(house, "produto.obter.estoque", id=(await ids(house, "product"))["1000"]))["produto"]["saldo"] == "7"
        await switch(house, "prices", "images", "categories", "brands", on=True)
        await put(house, "product", "1000", "products", description="Boa")
        assert (await pull(house, "changed")).failed == {}
        assert {key: price for key, (_, price, _) in held(house).items()} == {"1000-UN": D("10.50"), "1001-UN": D(10), "1001-CX": D(50)}


async def test_what_never_had_a_price_is_not_made_while_prices_are_the_shops_own(tmp_path: Path) -> None:
    async with store(tmp_path, live=False) as house:
        await switch(house, "prices", on=False)
        await house.api("POST", f"/integrations/{house.id}/activate", {"everything": True})
        await house.until(lambda: read(house))
        assert await listed(house) == [] and (await pull(house)).created == 0


async def test_the_brand_for_all_is_told_whatever_the_flow_of_brands_does(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await put(house, "product", "1000", "products", brand=None)
        await house.api("PATCH", f"/integrations/{house.id}", {"options": {"brand_for_all": "Casa"}})
        await switch(house, "brands", on=False)
        told = (await ask(house, "produto.obter", id=(await ids(house, "product"))["1000"]))["produto"]
        assert told["marca"] == "Casa"


async def test_what_was_off_when_its_flow_was_switched_off_is_the_shops_own(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await put(house, "product", "1000", "products", active=False)
        await pull(house)
        id = (await ids(house, "product"))["1000"]
        assert (await ask(house, "produto.obter.estoque", id=id))["produto"]["saldo"] == "0"
        await switch(house, "products", on=False)
        assert (await ask(house, "produto.obter.estoque", id=id))["produto"]["saldo"] == "7"
