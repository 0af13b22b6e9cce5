"""Orders that a store hands in through engate: said again and late, said wrongly, and what the store is told of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from api.tests.doors import Doored
from plugins.webstore.tests.test_coupled import D, ask, pull, push, sell, simple, store

from engate.clock import ShiftedClock
from engate.operations import trigger
from engate.store.rows import RecordSet
from engate.store.tables import integration
from engate.store.tables import order as shop_order
from engate_webstore_sandbox.document import order_document


def document(house: Doored, key: str, **changes: Any) -> dict[str, Any]:
    return {**order_document(house.shop.sales.orders[key], house.shop.settings, state="aprovado"), **changes}


def of_item(house: Doored, key: str, **changes: Any) -> dict[str, Any]:
    doc = document(house, key)
    return document(house, key, itens=[{"item": {**doc["itens"][0]["item"], **changes}}])


async def hand_in(house: Doored, doc: object) -> Any:
    return await house.shop.push.call("pedido.incluir", {"pedido": {"pedido": doc}}, house.shop.settings)


async def state_of(house: Doored, key: str) -> tuple[str, str]:
    rows = (await house.api("GET", f"/integrations/{house.id}/orders"))["items"]
    return next(((row["state"], row["raw_state"]) for row in rows if row["key"] == key), ("", ""))


@pytest.mark.trap("webstore.included-otherwise")
async def test_a_first_call_that_comes_late_brings_nothing_back(tmp_path: Path) -> None:
    """Cancelled since. The buyer's data are kept once however often it comes."""
    async with store(tmp_path) as house:
        await pull(house)
        await house.api("POST", f"/integrations/{house.id}/deactivate", {})
        key = sell(house, 1)
        [first] = await push(house, key)
        house.shop.control.cancel([key], house.shop.settings)
        [told] = await push(house)
        [again] = await push(house, key, as_first=True)
        assert (first.verdict, told.verdict, again.verdict, again.erp) == ("ok", "ok", "ok", first.erp)
        [other] = [await hand_in(house, document(house, key, valor_frete="99.00"))]
        assert other.code == 30, "it says something else than what was taken: the store looks it up and tells the state"
        bodies = [each for each in await house.deliveries() if each["outcome"] == "taken" and each["key"].startswith("place/")]
        assert [each["times"] for each in bodies] == [2]
        await house.api("POST", f"/integrations/{house.id}/activate", {"everything": True})
        await house.until(lambda: _is(house, key, "cancelado"))
        assert not house.in_erp(key)


@pytest.mark.trap("webstore.day-of-going-live")
async def test_an_order_of_the_day_on_which_the_shop_went_live_enters(tmp_path: Path) -> None:
    """The store tells the day alone."""
    async with store(tmp_path) as house:
        await pull(house)
        now = house.installation.now()
        await house.installation.store.writing(lambda c: c.execute(sa.update(integration).values(go_live_at=now)))
        key = sell(house, 1)
        await push(house, key)
        await house.until(lambda: house.in_erp(key))


async def _is(house: Doored, key: str, raw_state: str) -> bool:
    state, raw = await state_of(house, key)
    return raw == raw_state and state in {"cancelled", "expired"}


WRONG: dict[str, Any] = {
    "slash": {"numero_pedido_ecommerce": "2026/123"},
    "nul": {"numero_pedido_ecommerce": "A\0B"},
    "nul in a form": {"forma_pagamento": "pix\0"},
    "dots": {"numero_pedido_ecommerce": ".."},
    "far": {"data_pedido": "31/12/9999 23:00:00"},
    "old": {"data_pedido": "01/01/0001"},
    "freight of half a cent": {"valor_frete": "1.005"},
    "discount of half a cent": {"valor_desconto": "0.001"},
    "instalment of half a cent": {"parcelas": [{"parcela": {"valor": "1.005"}}]},
    "freight that nobody pays": {"valor_frete": "1000000001"},
}
WRONG_ITEM: dict[str, Any] = {
    "nul in a code": {"codigo": "1000-UN\0"},
    "superscript": {"codigo": "", "id_produto": "²"},
    "id cut short": {"codigo": "", "id_produto": "9" * 16},
    "more than there can be": {"quantidade": "1000000000000"},
    "price that nobody pays": {"valor_unitario": "1000000000000"},
    "underscore": {"valor_unitario": "1_0"},
    "exponent": {"quantidade": "1E-5"},
    "tiny": {"quantidade": "0.00001"},
    "other digits": {"quantidade": "٣"},
    "sign": {"valor_unitario": "+10"},
    "not finite": {"valor_unitario": "NaN"},
}


@pytest.mark.trap("webstore.half-a-cent")
async def test_what_no_order_can_hold_is_refused_and_kept(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await pull(house)
        key = sell(house, 1)
        wrong = {name: document(house, key, **changes) for name, changes in WRONG.items()}
        wrong |= {name: of_item(house, key, **changes) for name, changes in WRONG_ITEM.items()}
        for n, (name, doc) in enumerate(wrong.items(), 1):
            said = await hand_in(house, doc)
            assert (said.verdict, said.code) == ("erro", 31), (name, said)
            assert len([each for each in await house.deliveries() if each["outcome"] == "rejected"]) == n, name
        deep = await house.client.post(
            f"{await house.url()}/pedido.incluir.php", data={"token": house.shop.settings.token, "pedido": "[" * 100_000}
        )
        assert deep.status_code == 200 and deep.json()["retorno"]["codigo_erro"] == 3
        assert (await house.api("GET", f"/integrations/{house.id}/orders"))["items"] == []
        [row, *_] = [each for each in await house.deliveries() if each["outcome"] == "rejected"]
        replayed = await house.api("POST", f"/integrations/{house.id}/deliveries/{row['id']}/replay", {}, status=409)
        assert replayed["code"] == "nothing_to_replay"


async def test_a_unit_price_may_have_more_places_than_cents(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await pull(house)
        key = sell(house, 1)
        assert (await hand_in(house, of_item(house, key, valor_unitario="10.5050", quantidade="2.000"))).ok
        said = (await ask(house, "pedidos.pesquisa", numeroEcommerce=key))["pedidos"][0]["pedido"]
        assert said["valor"] == f"{D('21.01') + house.shop.sales.orders[key].freight}"


async def test_what_breaks_on_our_side_is_told_in_the_stores_own_words(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await pull(house)
        key = sell(house, 1)
        [sent] = await push(house, key)
        await house.until(lambda: house.in_erp(key))
        await house.installation.store.writing(lambda c: c.execute(sa.update(shop_order).values(doc=b"?")))
        said = await house.shop.push.call("pedido.obter", {"id": sent.erp}, house.shop.settings)
        assert (said.verdict, said.status, said.code) == ("erro", 200, 35)
        assert "doc" not in str(said.errors)


@pytest.mark.trap("webstore.code-alone")
async def test_a_line_names_the_erps_code_and_never_an_id_of_the_shop(tmp_path: Path) -> None:
    """The number under which the store has one article is the code of another (of an ERP whose codes are numbers)."""
    async with store(tmp_path) as house:
        await pull(house)
        of, now = RecordSet(1, house.id, "sku"), house.installation.now()
        await house.installation.store.writing(lambda c: trigger.link_by_hand(c, of, "1000-UN", "1001-UN", now))
        key = sell(house, 1, "1001-UN", price="10.00")
        await push(house, key)
        await house.until(lambda: house.in_erp(key))
        [entered] = house.in_erp(key)
        assert [item.sku for item in entered.items] == ["1001-UN"]


async def test_while_nothing_may_be_handed_out_the_store_is_told_to_ask_later(tmp_path: Path) -> None:
    """Not that there are no products: it would take its own off sale. Orders are taken all the same."""
    async with store(tmp_path) as house:
        await pull(house)
        id = (await ask(house, "produtos.pesquisa"))["produtos"][0]["produto"]["id"]
        asked = {
            "produtos.pesquisa": {}, "produto.obter": {"id": id}, "produto.obter.estoque": {"id": id},
            "lista.atualizacoes.estoque": {"dataAlteracao": "01/11/2026"},
        }  # fmt: skip
        await house.api("POST", f"/integrations/{house.id}/deactivate", {})
        for service, fields in asked.items():
            assert (await house.shop.push.call(service, fields, house.shop.settings)).code == 35, service
        house.shop.settings.item_by = "id_produto"
        [sent] = await push(house, sell(house, 1))
        assert sent.verdict == "ok"
        await house.api("POST", f"/integrations/{house.id}/activate", {"everything": True})
        await ask(house, "produtos.pesquisa")
        await house.api("PATCH", f"/connections/{house.shop_id}", {"settings": {"calls_a_minute": 5999}})
        assert (await house.shop.push.call("produtos.pesquisa", {}, house.shop.settings)).code == 35, "saved, and not tested yet"


@pytest.mark.trap("engine.notes-gate")
async def test_the_store_hears_of_the_newest_note_that_counts_and_its_number_stays_its_own(tmp_path: Path) -> None:
    async with store(tmp_path, simple(0)) as house:
        await pull(house)
        key = sell(house, 1, units=3)
        [sent] = await push(house, key)
        await house.until(lambda: house.in_erp(key))
        [entered] = house.in_erp(key)
        house.erp.invoice(entered.key, more=True, production=False)
        first = house.erp.invoice(entered.key, more=True, items={"1000-UN": 1}, value=entered.total / 3)
        told = await house.until(lambda: _note(house, sent.erp, first.number))
        house.erp.invoice(entered.key, more=True, kind="return")
        second = house.erp.invoice(entered.key, items={"1000-UN": 2}, value=entered.total - entered.total / 3)
        house.erp.invoice(entered.key, issuer="99999999000191", kind="other")
        newer = await house.until(lambda: _note(house, sent.erp, second.number))
        assert newer != told
        for id, note in ((told, first), (newer, second)):
            said = (await ask(house, "nota.fiscal.obter", id=id))["nota_fiscal"]
            assert (said["numero"], said["chave_acesso"], str(said["id_venda"])) == (note.number, note.key, sent.erp)
        kept = await house.installation.store.reading(lambda c: c.exec_driver_sql("select id from document").scalars().all())
        assert len(kept) == 5
        for id in set(kept) - {told, newer}:
            assert (await house.shop.push.call("nota.fiscal.obter", {"id": id}, house.shop.settings)).code == 32


async def _note(house: Doored, order: str, number: str) -> int:
    """The id of the note that the order tells, once it is this one."""
    await house.api("POST", f"/integrations/{house.id}/resync", {"flows": ["fulfilment"]})
    id = (await ask(house, "pedido.obter", id=order))["pedido"]["id_nota_fiscal"]
    found = (await ask(house, "nota.fiscal.obter", id=id))["nota_fiscal"]["numero"] if id else ""
    return id if found == number else 0


async def test_an_order_is_told_back_with_its_labels_address_and_days(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await pull(house)
        key = sell(house, 1)
        [sent] = await push(house, key)
        await house.until(lambda: house.in_erp(key))
        [entered] = house.in_erp(key)
        house.erp.invoice(entered.key)
        house.erp.ship(entered.key, "BR1")
        house.erp.progress("delivered", [entered.key])
        await house.api("POST", f"/integrations/{house.id}/resync", {"flows": ["fulfilment"]})

        async def told() -> Any:
            said = (await ask(house, "pedido.obter", id=sent.erp))["pedido"]
            return said if said["data_entrega"] and said["data_faturamento"] else None

        said = await house.until(told)
        buyer = house.shop.sales.orders[key].buyer
        assert said["endereco_entrega"] | {"cep": ""} == {
            "endereco": buyer.street, "numero": buyer.number, "complemento": buyer.complement, "bairro": buyer.district, "cep": "",
            "cidade": buyer.city, "uf": buyer.state, "nome_destinatario": buyer.name,
        }  # fmt: skip
        assert (said["data_faturamento"], said["data_entrega"]) == ("26/11/2026", "27/11/2026")
        waits = sell(house, 2)
        await house.api("POST", f"/integrations/{house.id}/deactivate", {})
        [other] = await push(house, waits, as_placed=True)
        for slug, label in (("aberto", "Em aberto"), ("enviado", "Enviado"), ("nao_entregue", "Não entregue")):
            assert (await house.shop.push.call("pedido.alterar.situacao", {"id": other.erp, "situacao": slug}, house.shop.settings)).ok
            assert (await ask(house, "pedido.obter", id=other.erp))["pedido"]["situacao"] == label


@pytest.mark.trap("webstore.too-fast")
async def test_who_asks_too_often_is_told_so_and_is_answered_a_minute_later(tmp_path: Path) -> None:
    clock = ShiftedClock()
    async with store(tmp_path, clock=clock, live=False) as house:
        await house.api("PATCH", f"/connections/{house.shop_id}", {"settings": {"calls_a_minute": 3}})
        await house.api("POST", f"/connections/{house.shop_id}/test", {})

        async def codes(n: int) -> list[int]:
            return [(await house.shop.push.call("info", {}, house.shop.settings)).code for _ in range(n)]

        assert await codes(5) == [0, 0, 0, 6, 6]
        clock.advance(timedelta(seconds=30))
        assert await codes(1) == [6]
        clock.advance(timedelta(seconds=31))
        assert await codes(4) == [0, 0, 0, 6]
