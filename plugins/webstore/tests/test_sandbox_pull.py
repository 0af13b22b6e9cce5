"""The product routine: every page, every product, its own ids, and nothing taken for good that is not."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plugins.webstore.tests.conftest import START, WAIT, Store
from plugins.webstore.tests.erp import Erp, error, ok

from engate.clock import ManualClock
from engate.testing.connect import PLAIN
from engate_webstore_sandbox import WebstoreSandbox


async def products(store: Store) -> dict[str, Any]:
    """By the ERP's id."""
    return {product["erp"]: product for product in await store.look("products")}


async def articles(store: Store) -> dict[str, Any]:
    """By code."""
    return {
        article["fields"]["codigo"]: article for product in (await products(store)).values() for article in product["articles"].values()
    }


async def test_every_page_to_the_stated_last_and_ids_of_its_own(store: Store, erp: Erp) -> None:
    for id in range(1, 8):
        erp.simple(id)
    report = await store.do("pull")
    assert (report["pages"], report["listed"], report["created"], report["levels"]) == (3, 7, 7, 7)
    assert report["complete"] and report["failed"] == {}
    assert [call.fields["pagina"] for call in erp.of("produtos.pesquisa")] == ["1", "2", "3"]
    held = await products(store)
    assert set(held) == {str(id) for id in range(1, 8)}
    assert [product["id"] for product in held.values()] == list(range(900_001, 900_008))


async def test_what_a_product_brings(store: Store, erp: Erp) -> None:
    erp.simple(1, saldo="10", reservado="3", preco_promocional="9.90", dias_preparacao=2, imagens_externas=[
        {"imagem_externa": {"url": "https://img.example/x.png"}}
    ])  # fmt: skip
    await store.do("pull")
    [product] = await store.look("products")
    assert product["fields"] == {
        "codigo": "C1", "nome": "Produto 1", "unidade": "UN", "gtin": "7890000000001", "ncm": "1006.30.21", "situacao": "A",
        "descricao_complementar": "<p>Bom</p>", "preco": "10.50", "preco_promocional": "9.90", "peso_liquido": "1.2", "peso_bruto": "1.5",
        "alturaEmbalagem": "10", "larguraEmbalagem": "20", "comprimentoEmbalagem": "30", "dias_preparacao": "2",
        "anexos": ["https://img.example/1.jpg"], "imagens_externas": ["https://img.example/x.png"],
    }  # fmt: skip
    assert await store.look("levels") == [{"id": product["id"], "parent": 0, "codigo": "C1", "level": "7"}]
    assert await store.look("state") == [
        {"key": "C1", "product": "C1", "name": "Produto 1", "product_name": "Produto 1", "description": "Bom", "ean": "7890000000001",
         "price": "9.90", "stock": {"loja": 7}, "remote": str(product["id"])}
    ]  # fmt: skip


@pytest.mark.parametrize(("stock", "level"), [("available", "7"), ("physical", "10"), ("off", None)])
async def test_which_stock_counts(store: Store, erp: Erp, stock: str, level: str | None) -> None:
    erp.simple(1, saldo=10, reservado="3")
    await store.set(stock=stock)
    await store.do("pull")
    assert [row["level"] for row in await store.look("levels")] == [level]
    assert bool(erp.of("produto.obter.estoque")) == (stock != "off")


async def test_a_second_run_updates_and_an_unchanged_one_changes_nothing(store: Store, erp: Erp) -> None:
    erp.simple(1)
    erp.simple(2)
    await store.do("pull")
    before = await products(store)
    assert (await store.do("pull"))["unchanged"] == 2
    assert await products(store) == before
    erp.products["1"]["nome"] = "Outro nome"
    erp.stock(2, "4.5")
    report = await store.do("pull")
    assert (report["created"], report["updated"], report["unchanged"]) == (0, 2, 0)
    after = await products(store)
    assert {erp: product["id"] for erp, product in after.items()} == {erp: product["id"] for erp, product in before.items()}
    assert after["1"]["fields"]["nome"] == "Outro nome" and (await articles(store))["C2"]["level"] == "4.5"
    effects = await store.effects()
    assert (effects["products_created"], effects["products_updated"], effects["products_unchanged"]) == (2, 2, 2)


async def test_what_the_erp_leaves_out_stays_and_what_it_empties_is_empty(store: Store, erp: Erp) -> None:
    doc = erp.simple(1, marca="Boa")
    await store.do("pull")
    less = {name: value for name, value in doc.items() if name not in ("ncm", "preco", "gtin")}
    erp.instead("produto.obter", ok(produto={**less, "marca": ""}))
    await store.do("pull")
    [product] = await store.look("products")
    assert (product["fields"]["ncm"], product["fields"]["marca"]) == ("1006.30.21", "")
    [article] = (await articles(store)).values()
    assert (article["fields"]["preco"], article["fields"]["gtin"]) == ("10.50", "7890000000001")


@pytest.mark.parametrize("one", ["list", "object"])
@pytest.mark.parametrize("grade", [{"Cor": "Azul"}, [{"Cor": "Azul"}], [{"chave": "Cor", "valor": "Azul"}]])
async def test_variations_are_articles_of_their_own(store: Store, erp: Erp, one: str, grade: Any) -> None:
    erp.one = one
    doc = erp.varied(10, {11: grade})
    if one == "object":
        doc["variacoes"] = doc["variacoes"][0]
    report = await store.do("pull")
    assert (report["created"], report["levels"], report["failed"]) == (1, 1, {})
    [product] = await store.look("products")
    [[id, article]] = product["articles"].items()
    assert int(id) == article["id"] != product["id"] and article["grade"] == {"Cor": "Azul"}
    assert article["fields"] == {"codigo": "C11", "nome": "Produto 11", "gtin": "7890000000011", "preco": "11.00", "preco_promocional": "0"}
    assert await store.look("mapping") == [{"codigo": "C11", "identificador": id, "identificador_pai": str(product["id"])}]
    assert [sku["name"] for sku in await store.look("state")] == ["Azul"]


async def test_variations_as_their_parent_tells_them(store: Store, erp: Erp) -> None:
    erp.varied(10, {11: {"Cor": "Azul"}, 12: {"Cor": "Verde"}})
    await store.set(variations="parent")
    await store.do("pull")
    assert [call.fields["id"] for call in erp.of("produto.obter")] == ["10"]
    assert {code: article["grade"] for code, article in (await articles(store)).items()} == {
        "C11": {"Cor": "Azul"},
        "C12": {"Cor": "Verde"},
    }


async def test_a_variation_is_no_product_and_brings_its_parent_where_that_is_not_listed(store: Store, erp: Erp) -> None:
    erp.varied(10, {11: {"Cor": "Azul"}})
    erp.simple(20)
    rows = [{"produto": {"id": "11", "tipoVariacao": "V"}}, {"produto": {"id": "20", "tipoVariacao": "N"}}]
    erp.instead("produtos.pesquisa", ok(pagina=1, numero_paginas=1, produtos=rows))
    report = await store.do("pull")
    assert (report["created"], report["failed"]) == (2, {})
    assert set(await products(store)) == {"10", "20"}


async def test_a_variation_of_no_product_is_named(store: Store, erp: Erp) -> None:
    erp.simple(11, tipoVariacao="V", idProdutoPai="0")
    report = await store.do("pull")
    assert report["created"] == 0 and "variation of no product" in report["failed"]["11"]


async def test_a_product_that_becomes_varied_sells_others_than_before(store: Store, erp: Erp) -> None:
    erp.simple(1)
    await store.do("pull")
    [before] = await store.look("products")
    erp.varied(1, {5: {"Cor": "Azul"}, 6: {"Cor": "Verde"}})
    await store.do("pull")
    [after] = await store.look("products")
    assert after["id"] == before["id"] and len(after["articles"]) == 2 and str(before["id"]) not in after["articles"]
    for id in (5, 6):
        del erp.products[str(id)]
    erp.simple(1)
    await store.do("pull")
    [again] = await store.look("products")
    assert again["id"] == before["id"] and list(again["articles"]) == [str(before["id"])]


async def test_a_code_that_two_products_have_is_refused(store: Store, erp: Erp) -> None:
    erp.simple(1, "X")
    erp.simple(2, "X")
    report = await store.do("pull")
    assert report["created"] == 1 and "another product" in report["failed"]["2"]
    [only] = await store.look("products")
    assert only["erp"] == "1"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"preco": "10,50"}, "a number was expected"),
        ({"peso_bruto": "NaN"}, "no number that can be"),
        ({"nome": "n" * 121}, "nome is longer"),
        ({"codigo": "c" * 31}, "codigo is longer"),
        ({"gtin": "1" * 15}, "gtin is longer"),
        ({"nome": ""}, "no nome"),
        ({"codigo": ""}, "no codigo"),
        ({"tipoVariacao": "P"}, "without one"),
        ({"id": "77"}, "another product was answered"),
        ({"nome": ["x"]}, "text was expected"),
    ],
)
async def test_what_cannot_be_taken_is_named_and_harms_no_other(store: Store, erp: Erp, fields: dict[str, Any], why: str) -> None:
    doc = erp.simple(1)
    erp.simple(2)
    erp.instead("produto.obter", ok(produto={**doc, **fields}))
    report = await store.do("pull")
    assert report["created"] == 1 and why in report["failed"]["1"], report
    assert set(await products(store)) == {"2"}


@pytest.mark.parametrize(
    "answer",
    [error(4), error("31"), 404, 500, "<html>ok</html>", {}, {"retorno": []}, {"retorno": {"status": "Talvez"}},
     ok(pagina="2", numero_paginas="3", produtos=[]), ok(pagina="1", produtos=[]), ok(pagina="1", numero_paginas="x", produtos=[]),
     ok(pagina="1", numero_paginas="1", produtos=["x"]), ok(pagina="1", numero_paginas="1", produtos=[{"produto": {"nome": "x"}}]),
     ok(pagina="1", numero_paginas="1", produtos=[{"produto": {"id": [1]}}])],
)  # fmt: skip
async def test_a_page_that_cannot_be_read_breaks_the_run_off(store: Store, erp: Erp, answer: Any) -> None:
    erp.simple(1)
    erp.instead("produtos.pesquisa", answer)
    report = await store.do("pull")
    assert not report["complete"] and list(report["failed"]) == ["page 1"] and report["created"] == 0
    assert (await store.do("pull"))["created"] == 1


async def test_nothing_found_is_an_empty_catalogue(store: Store, erp: Erp) -> None:
    report = await store.do("pull")
    assert (report["complete"], report["pages"], report["listed"]) == (True, 0, 0)
    [row] = await store.look("exchanges")
    assert (row["service"], row["verdict"], row["code"]) == ("produtos.pesquisa", "erro", 20)


async def test_a_list_that_gets_shorter_ends_with_the_page_that_is_gone(store: Store, erp: Erp) -> None:
    for id in range(1, 5):
        erp.simple(id)
    erp.after["produtos.pesquisa"] = lambda: erp.products.pop("4")
    report = await store.do("pull")
    assert (report["complete"], report["pages"], report["created"]) == (True, 1, 3)
    assert (await store.look("exchanges"))[1]["code"] == 23


async def test_a_list_that_grows_is_read_on(store: Store, erp: Erp) -> None:
    for id in range(1, 4):
        erp.simple(id)
    erp.after["produtos.pesquisa"] = lambda: erp.simple(9)
    report = await store.do("pull")
    assert report["created"] == 3 and report["pages"] == 1  # one page was stated
    for id in range(4, 8):
        erp.simple(id)
    erp.after["produtos.pesquisa"] = lambda: [erp.simple(20 + n) for n in range(5)]
    report = await store.do("pull")
    assert (report["pages"], report["created"]) == (5, 10)


async def test_only_what_changed_since_the_last_run(store: Store, erp: Erp) -> None:
    for id in range(1, 5):
        erp.simple(id)
    first = await store.do("pull", {"what": "changed"})
    assert first["created"] == 4 and not erp.of("lista.atualizacoes.produtos")  # nothing to begin with: the whole list
    await store.advance(3600)
    erp.products["2"]["nome"] = "Novo"
    erp.changed = ["2"]
    erp.calls.clear()
    report = await store.do("pull", {"what": "changed"})
    assert (report["updated"], report["unchanged"]) == (1, 0)
    assert [call.fields.get("dataAlteracao") for call in erp.of("lista.atualizacoes.produtos")] == ["27/11/2026 09:00:00"]  # São Paulo
    assert [call.fields["id"] for call in erp.of("produto.obter")] == ["2"]
    erp.changed = []
    assert (await store.do("pull", {"what": "changed"}))["listed"] == 0
    assert erp.of("lista.atualizacoes.produtos")[-1].fields["dataAlteracao"] == "27/11/2026 10:00:00"


async def test_a_run_that_broke_off_moves_no_mark(store: Store, erp: Erp) -> None:
    erp.simple(1)
    await store.do("pull")
    await store.advance(3600)
    erp.instead("lista.atualizacoes.produtos", 500)
    assert not (await store.do("pull", {"what": "changed"}))["complete"]
    erp.changed = ["1"]
    await store.do("pull", {"what": "changed"})
    assert [call.fields["dataAlteracao"] for call in erp.of("lista.atualizacoes.produtos")] == ["27/11/2026 09:00:00"] * 2


async def test_a_changed_variation_brings_its_product(store: Store, erp: Erp) -> None:
    erp.varied(10, {11: {"Cor": "Azul"}})
    await store.do("pull")
    erp.products["10"]["variacoes"][0]["variacao"]["preco"] = "12.00"
    erp.changed = ["11"]
    assert (await store.do("pull", {"what": "changed"}))["updated"] == 1
    assert (await articles(store))["C11"]["fields"]["preco"] == "12.00"


async def test_levels_by_the_list_of_changes(store: Store, erp: Erp) -> None:
    erp.varied(10, {11: {"Cor": "Azul"}})
    erp.simple(1)
    await store.do("pull", {"what": "levels"})
    assert erp.of("lista.atualizacoes.estoque")[0].fields["dataAlteracao"] == "27/11/2026"
    await store.do("pull")
    for id, level in ((1, "3"), (11, "2.5"), (99, "1")):
        erp.stock(id, level)
    erp.changed = ["1", "11", "99"]
    report = await store.do("pull", {"what": "levels"})
    assert report["levels"] == 2 and report["failed"] == {"99": "no product of this store"}
    assert {row["codigo"]: row["level"] for row in await store.look("levels")} == {"C1": "3", "C11": "2.5"}


async def test_a_product_that_the_store_had_is_found_by_its_code(store: Store, erp: Erp) -> None:
    await store.do("seed", {"products": [{
        "key": "P", "name": "Antigo", "description": "", "department": None, "section": None, "category": None, "brand": None,
        "weight_kg": "1", "height_cm": "1", "width_cm": "1", "length_cm": "1",
        "skus": [{"code": "C1", "ean": "1", "packaging": "UN", "units": 1, "price": "1.00", "stock": {"1": 2, "2": 3}}],
    }]})  # fmt: skip
    [before] = await store.look("products")
    assert before["erp"] == "" and [row["level"] for row in await store.look("levels")] == ["5"]
    erp.simple(1)
    assert (await store.do("pull"))["updated"] == 1
    [after] = await store.look("products")
    assert (after["id"], after["erp"], after["fields"]["nome"]) == (before["id"], "1", "Produto 1")


async def test_several_at_the_same_time(store: Store, erp: Erp) -> None:
    for id in range(1, 20):
        erp.simple(id)
    met = asyncio.Barrier(4)

    async def meet(_request: object) -> None:
        await asyncio.wait_for(met.wait(), WAIT)

    erp.instead("produto.obter", meet, meet, meet, meet)
    await store.set(at_once=4)
    assert (await store.do("pull"))["created"] == 19
    assert erp.most_under_way == 4


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ids=st.lists(st.integers(1, 10_000), unique=True, max_size=12),
    page_size=st.integers(1, 5),
    one=st.sampled_from(["list", "object"]),
    added=st.lists(st.tuples(st.integers(1, 4), st.integers(20_000, 30_000)), max_size=4, unique_by=lambda pair: pair[1]),
    at_once=st.integers(1, 3),
)
async def test_whatever_the_pages_nothing_is_missed_and_nothing_stands_twice(
    ids: list[int], page_size: int, one: str, added: list[tuple[int, int]], at_once: int
) -> None:
    """What was there when the run began is there afterwards, whatever is added at the end meanwhile; the next run brings the rest."""
    async with Erp(page_size=page_size, one=one).listening() as erp:
        for id in ids:
            erp.simple(id)
        late = dict(added)

        def add(page: int = 1) -> None:
            if page in late:
                erp.simple(late[page])
            erp.after["produtos.pesquisa"] = lambda: add(page + 1)

        erp.after["produtos.pesquisa"] = add
        sandbox = WebstoreSandbox(clock=ManualClock(START))
        async with sandbox.listening(), httpx.AsyncClient(base_url=sandbox.base_url, verify=PLAIN) as client:
            store = Store(client, sandbox, erp)
            await store.set(url=erp.url, at_once=at_once)
            report = await store.do("pull")
            held = [product["erp"] for product in await store.look("products")]
            assert report["complete"] and report["failed"] == {}
            assert len(held) == len(set(held)) and set(held) >= {str(id) for id in ids}
            erp.after.clear()
            await store.do("pull")
            held = [product["erp"] for product in await store.look("products")]
            assert sorted(held) == sorted(erp.products)
            assert sorted(row["codigo"] for row in await store.look("levels")) == sorted(doc["codigo"] for doc in erp.products.values())
