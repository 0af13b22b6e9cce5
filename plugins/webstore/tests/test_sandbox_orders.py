"""Orders: placed in the store, handed in as the facts ask for it, several times, out of order, and in disorder."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugins.webstore.tests.conftest import BUYER, START, Store
from plugins.webstore.tests.erp import Doc, Erp, error, ok, validate

from engate.testing.facts import Buyer
from engate_webstore_sandbox import malformed
from engate_webstore_sandbox.document import installments, order_document
from engate_webstore_sandbox.sales import Line, Order
from engate_webstore_sandbox.settings import Settings


@pytest.fixture(autouse=True)
async def goods(store: Store, erp: Erp) -> None:
    erp.simple(1, saldo=100)
    erp.simple(2, saldo=100)
    erp.varied(10, {11: {"Cor": "Azul"}})
    await store.do("pull")
    erp.calls.clear()


async def push(store: Store, *keys: str, **asked: Any) -> list[dict[str, Any]]:
    return await store.do("push", {**({"orders": list(keys)} if keys else {}), **asked})


def sent(erp: Erp) -> list[Doc]:
    return [called.document("pedido")["pedido"] for called in erp.of("pedido.incluir")]


# ---- the document ----


async def test_the_document(store: Store, erp: Erp) -> None:
    key = await store.sell(quantity=2, freight="9.90", discount="1.00", shipping="express", payments=[
        {"tag": "credit_card", "value": "20.00", "installments": 3}, {"tag": "voucher", "value": "9.90"},
    ])  # fmt: skip
    [answer] = await push(store, key)
    assert answer == {"key": key, "verdict": "ok", "erp": "9000", "number": "1"}
    [doc] = sent(erp)
    address = {
        "endereco": "Rua A", "numero": "10", "complemento": "ap 2", "bairro": "Centro", "cep": "01.001-000", "cidade": "São Paulo",
        "uf": "SP", "fone": "11999990000",
    }  # fmt: skip
    assert doc == {
        "data_pedido": "27/11/2026",
        "cliente": {
            "nome": "Maria da Silva", "tipo_pessoa": "F", "cpf_cnpj": "529.982.247-25", **address, "pais": "Brasil",
            "email": "maria@example.com", "atualizar_cliente": "S",
        },
        "endereco_entrega": {**address, "nome_destinatario": "Maria da Silva"},
        "itens": [{"item": {"codigo": "C1", "descricao": "Produto 1", "unidade": "UN", "quantidade": "2", "valor_unitario": "10.50"}}],
        "forma_pagamento": "credito",
        "meio_pagamento": "Cartão de crédito",
        "parcelas": [
            {"parcela": {"dias": 0, "data": "27/11/2026", "valor": "6.68", "forma_pagamento": "credito"}},
            {"parcela": {"dias": 30, "data": "27/12/2026", "valor": "6.66", "forma_pagamento": "credito"}},
            {"parcela": {"dias": 60, "data": "26/01/2027", "valor": "6.66", "forma_pagamento": "credito"}},
            {"parcela": {"dias": 0, "data": "27/11/2026", "valor": "9.90", "forma_pagamento": "outros"}},
        ],
        "forma_envio": "T", "forma_frete": "Entrega expressa", "frete_por_conta": "R", "valor_frete": "9.90", "valor_desconto": "1.00",
        "numero_pedido_ecommerce": key, "ecommerce": "Webstore", "situacao": "aprovado", "obs": f"Pedido {key} da loja 48231",
    }  # fmt: skip


async def test_a_company_and_long_words_are_cut(store: Store, erp: Erp) -> None:
    buyer = {
        **BUYER, "document": "11222333000181", "name": "n" * 99, "street": "e" * 99, "number": "1" * 99, "complement": "c" * 99,
        "district": "b" * 99, "city": "i" * 99, "phone": "9" * 99, "email": "m" * 99,
    }  # fmt: skip
    await push(store, await store.sell(buyer=buyer))
    [doc] = sent(erp)
    most = {"nome": 30, "endereco": 50, "numero": 10, "complemento": 50, "bairro": 30, "cidade": 30, "fone": 40, "email": 50}
    assert {name: len(doc["cliente"][name]) for name in most} == most
    assert len(doc["endereco_entrega"]["nome_destinatario"]) == 60
    assert (doc["cliente"]["tipo_pessoa"], doc["cliente"]["cpf_cnpj"]) == ("J", "11.222.333/0001-81")


async def test_a_sale_of_another_channel_to_whom_pays_icms(store: Store, erp: Erp) -> None:
    await push(store, await store.sell(channel="Marketplace", buyer={**BUYER, "state_inscription": "110042490114"}))
    [doc] = sent(erp)
    assert (doc["ecommerce"], doc["cliente"]["ie"]) == ("Marketplace", "110042490114")


async def test_the_day_is_that_of_sao_paulo(store: Store, erp: Erp) -> None:
    await push(store, await store.sell(placed_at="2026-11-28T02:59:00Z"))
    assert sent(erp)[0]["data_pedido"] == "27/11/2026"


async def test_items_by_the_erps_id(store: Store, erp: Erp) -> None:
    await store.set(item_by="id_produto")
    [answer] = await push(store, await store.sell(sku="C11", price="11.00"))
    item = sent(erp)[0]["itens"][0]["item"]
    assert answer["verdict"] == "ok" and item["id_produto"] == "11" and "codigo" not in item and item["descricao"] == "Produto 10 - Azul"


@pytest.mark.parametrize("wrap", [True, False])
@pytest.mark.parametrize("body", ["form", "json"])
async def test_wrapped_or_not_as_form_or_json(store: Store, erp: Erp, wrap: bool, body: str) -> None:
    await store.set(wrap=wrap, body=body)
    [answer] = await push(store, await store.sell())
    assert answer["verdict"] == "ok" and ("pedido" in erp.of("pedido.incluir")[0].document("pedido")) == wrap


@pytest.mark.parametrize("shape", ["object", "list", "inner"])
async def test_the_answer_comes_in_three_shapes(store: Store, erp: Erp, shape: str) -> None:
    erp.registro = shape
    key = await store.sell()
    [answer] = await push(store, key)
    assert (answer["erp"], answer["number"]) == ("9000", "1") == (store.order(key).erp, store.order(key).erp_number)


@pytest.mark.parametrize(
    ("registro", "verdict", "code"),
    [
        ({"sequencia": "1", "status": "Erro", "codigo_erro": "31", "erros": [{"erro": "nome"}]}, "erro", 31),
        ({"sequencia": "1", "status": "OK"}, "unreadable", 0),
        ([], "unreadable", 0),
        ("x", "unreadable", 0),
        ({"status": "Erro", "codigo_erro": "x"}, "unreadable", 0),
        ({"status": "OK", "id": {"n": 1}}, "unreadable", 0),
    ],
)
async def test_a_record_that_was_not_taken_is_not_handed_in(store: Store, erp: Erp, registro: Any, verdict: str, code: int) -> None:
    """Whatever the envelope says."""
    erp.instead("pedido.incluir", ok(registros={"registro": registro}))
    key = await store.sell()
    [answer] = await push(store, key)
    assert (answer["verdict"], answer.get("code", 0)) == (verdict, code)
    assert store.order(key).erp == "" and not store.order(key).confirmed


# ---- the buyer before the order ----


async def test_a_buyer_is_registered_once(store: Store, erp: Erp) -> None:
    await store.set(customer="before")
    for number in (1, 2):
        [answer] = await push(store, await store.sell(number))
        assert answer["verdict"] == "ok"
    services = [called.service for called in erp.calls]
    assert services == ["contatos.pesquisa", "contato.incluir", "pedido.incluir", "contatos.pesquisa", "pedido.incluir"]
    assert erp.calls[0].fields["cpf_cnpj"] == "529.982.247-25"
    [contact] = erp.contacts.values()
    assert contact["nome"] == "Maria da Silva" and contact["sequencia"] == "1"


@pytest.mark.parametrize("service", ["contatos.pesquisa", "contato.incluir"])
async def test_without_the_buyer_there_is_no_order(store: Store, erp: Erp, service: str) -> None:
    await store.set(customer="before")
    erp.instead(service, error(31, "não"))
    [answer] = await push(store, await store.sell())
    assert answer["code"] == 31 and not erp.of("pedido.incluir")


# ---- again, and out of order ----


async def test_an_order_is_handed_in_again_and_again(store: Store, erp: Erp) -> None:
    keys = [await store.sell(number) for number in (1, 2)]
    answers = await push(store, *keys, times=3)
    assert [answer["key"] for answer in answers] == keys * 3
    assert [doc["numero_pedido_ecommerce"] for doc in sent(erp)] == keys * 3
    assert all(doc == sent(erp)[0] for doc in sent(erp)[::2])
    assert store.order(keys[0]).sent == 3 and len(erp.orders) == 6  # an ERP that takes everything
    assert (store.order(keys[0]).erp, store.order(keys[0]).erp_ids) == ("9000", ["9000", "9002", "9004"])


async def test_all_at_the_same_time(store: Store, erp: Erp) -> None:
    await store.set(at_once=8)
    keys = [await store.sell(number) for number in (1, 2)]
    answers = await push(store, *keys, times=2, together=True)
    assert sorted(answer["key"] for answer in answers) == sorted(keys * 2) and len(erp.orders) == 4


@pytest.mark.parametrize("order", ["placed", "reversed", "shuffled"])
async def test_out_of_order(store: Store, erp: Erp, order: str) -> None:
    keys = [await store.sell(number) for number in range(1, 7)]
    await push(store, order=order)
    went = [doc["numero_pedido_ecommerce"] for doc in sent(erp)]
    assert sorted(went) == keys
    assert {"placed": went == keys, "reversed": went == keys[::-1], "shuffled": went not in (keys, keys[::-1])}[order]


async def test_only_what_is_not_confirmed_unless_it_is_named(store: Store, erp: Erp) -> None:
    first = await store.sell(1)
    await push(store)
    second = await store.sell(2)
    assert [answer["key"] for answer in await push(store)] == [second]
    assert [answer["key"] for answer in await push(store, first)] == [first]


async def test_as_it_was_when_it_was_placed(store: Store, erp: Erp) -> None:
    """An old version that comes late: nothing of what this side knows goes back."""
    key = await store.sell()
    await push(store, key)
    await push(store, key, as_placed=True)
    assert [doc["situacao"] for doc in sent(erp)] == ["aprovado", "aberto"]
    assert store.order(key).confirmed


async def test_an_old_version_that_comes_first_leaves_something_to_tell(store: Store, erp: Erp) -> None:
    key = await store.sell()
    await push(store, key, as_placed=True)
    assert store.order(key).told == "aberto" and not store.order(key).confirmed
    await store.set(orders_every=60)
    await store.advance(60)
    await store.until(lambda: store.order(key).confirmed)
    assert erp.orders["9000"]["situacao"] == "Aprovado" and len(erp.of("pedido.incluir")) == 1


async def test_as_it_first_went_whatever_was_told_since(store: Store, erp: Erp) -> None:
    """A first call that comes late: the state that was told since is not told again by it."""
    key = await store.sell()
    await push(store, key)
    await store.do("cancel", {"keys": [key], "reason": "x"})
    await push(store)
    assert store.order(key).told == "cancelado"
    await push(store, key, as_first=True)
    assert [doc["situacao"] for doc in sent(erp)] == ["aprovado", "aprovado"]
    assert store.order(key).told == "cancelado" and store.order(key).confirmed


async def test_an_order_that_is_there_has_its_state_told_by_itself(store: Store, erp: Erp) -> None:
    """Including it again is not known to change it."""
    erp.dedup = True
    key = await store.sell()
    await push(store, key, as_placed=True)
    [again] = await push(store, key)
    assert again["verdict"] == "ok" and not store.order(key).confirmed and not store.order(key).refused
    await push(store)
    assert store.order(key).confirmed and erp.orders["9000"]["situacao"] == "Aprovado" and len(erp.orders) == 1


async def test_a_duplicate_is_there_already(store: Store, erp: Erp) -> None:
    """Code 30: it looks for the number of its own and takes the order that it finds."""
    erp.dedup = True
    key = await store.sell()
    await store.do("faults", [{"kind": "reset_applied", "operation": "CALL pedido.incluir"}])
    [lost] = await push(store, key)
    assert lost["verdict"] == "lost" and store.order(key).erp == "" and len(erp.orders) == 1
    [found] = await push(store, key)
    assert (found["verdict"], found["erp"]) == ("ok", "9000") and len(erp.orders) == 1
    assert [called.service for called in erp.calls] == ["pedido.incluir", "pedido.incluir", "pedidos.pesquisa"]


@pytest.mark.parametrize("answer", [ok(pedidos="x"), ok(pedidos=[{"pedido": {"numero_ecommerce": "100001"}}]), ok(pedidos=""), error(4)])
async def test_a_search_that_cannot_be_read_found_nothing(store: Store, erp: Erp, answer: Any) -> None:
    await store.set(look_first=True)
    erp.instead("pedidos.pesquisa", answer)
    [sent_now] = await push(store, await store.sell())
    assert sent_now["verdict"] == "ok" and len(erp.of("pedido.incluir")) == 1


async def test_or_it_looks_first(store: Store, erp: Erp) -> None:
    await store.set(look_first=True)
    key = await store.sell()
    await store.do("faults", [{"kind": "reset_applied", "operation": "CALL pedido.incluir"}])
    await push(store, key)
    [answer] = await push(store, key)
    assert answer["verdict"] == "ok" and len(erp.orders) == 1 and store.order(key).erp == "9000"
    assert [called.service for called in erp.calls] == [
        "pedidos.pesquisa", "pedido.incluir", "pedidos.pesquisa", "pedido.alterar.situacao",
    ]  # fmt: skip


# ---- in disorder ----


def test_every_kind_of_the_document_breaks_what_the_facts_ask_for() -> None:
    assert {"no_name", "unknown_code", "bad_date", "bad_number", "broken_json", "broken_xml", "empty_body"} <= set(malformed.codes())


@pytest.mark.parametrize("kind", malformed.codes())
@pytest.mark.parametrize("body", ["form", "json"])
async def test_what_is_malformed_is_refused_by_an_erp_that_holds_to_the_facts(store: Store, erp: Erp, kind: str, body: str) -> None:
    await store.set(body=body)
    key = await store.sell()
    [answer] = await push(store, key, malformed=[kind])
    assert answer["verdict"] == "erro" and answer["malformed"] == kind
    assert answer["code"] in answer["allowed"] == (await store.look("malformed"))[kind], answer
    assert erp.orders == {} and store.order(key).refused and len(erp.calls) == 1
    [right] = await push(store, key)
    assert right["verdict"] == "ok" and store.order(key).refused == ""


async def test_kinds_are_taken_in_turn_and_routines_leave_such_orders_alone(store: Store, erp: Erp) -> None:
    keys = [await store.sell(number) for number in range(1, 4)]
    answers = await push(store, *keys, malformed=["no_name", "bad_date"])
    assert [answer["malformed"] for answer in answers] == ["no_name", "bad_date", "no_name"]
    good = await store.sell(4)
    await store.set(orders_every=60)
    await store.advance(60)
    await store.until(lambda: store.order(good).confirmed)
    assert [doc["numero_pedido_ecommerce"] for doc in sent(erp)] == [*keys, good]


async def test_an_order_that_only_went_malformed_is_left_alone_whatever_was_answered(store: Store, erp: Erp) -> None:
    """Nobody refused it: the round would hand the right one in."""
    spoilt, good = await store.sell(1), await store.sell(2)
    erp.instead("pedido.incluir", 503)
    await push(store, spoilt, malformed=["no_name"])
    assert not store.order(spoilt).refused
    await store.set(orders_every=60)
    await store.advance(60)
    await store.until(lambda: store.order(good).confirmed)
    assert [doc["numero_pedido_ecommerce"] for doc in sent(erp)] == [spoilt, good]


async def test_a_kind_that_there_is_not(store: Store, erp: Erp) -> None:
    await store.sell()
    answer = await store.told("push", {"malformed": ["nonsense"]})
    assert answer.status_code == 422 and "no_name" in answer.text and not erp.calls


async def test_malformed_and_taken_all_the_same_is_shown(store: Store, erp: Erp) -> None:
    """An ERP that takes it: then it is there."""
    erp.instead("pedido.incluir", ok(registros={"registro": {"status": "OK", "id": 5, "numero": 6}}))
    key = await store.sell()
    [answer] = await push(store, key, malformed=["no_name"])
    assert (answer["verdict"], answer["erp"], store.order(key).erp_number) == ("ok", "5", "6")


# ---- by itself ----


async def test_a_sale_is_told_when_it_happens(store: Store, erp: Erp) -> None:
    await store.set(push_at_once=True)
    key = await store.sell()
    await store.until(lambda: store.order(key).confirmed)
    assert len(erp.orders) == 1
    effects = await store.effects()
    assert (effects["orders_created"], effects["events_emitted"]) == (1, 1)


async def test_what_was_lost_goes_with_the_next_round(store: Store, erp: Erp) -> None:
    await store.set(push_at_once=True, orders_every=60)
    await store.do("faults", [{"kind": "drop_event", "times": 1000}])
    key = await store.sell()
    await store.advance(59)
    assert not erp.calls and (await store.effects())["events_dropped"] == 1
    await store.advance(1)
    await store.until(lambda: store.order(key).confirmed)
    for _ in range(2):
        await store.advance(60)
    await store.do("poll")
    assert len(erp.of("pedido.incluir")) == 1


async def test_what_failed_goes_again_and_what_was_refused_does_not(store: Store, erp: Erp) -> None:
    await store.set(push_at_once=True, orders_every=60)
    erp.instead("pedido.incluir", 503, error(31, "não"))
    failed, refused = await store.sell(1), await store.sell(2)
    await store.until(lambda: store.order(refused).sent == 1)
    assert not store.order(failed).refused and "31" in store.order(refused).refused
    await store.advance(60)
    await store.until(lambda: store.order(failed).confirmed)
    await store.advance(60)
    await store.do("poll")
    assert (store.order(failed).sent, store.order(refused).sent) == (2, 1)


async def test_an_event_comes_twice(store: Store, erp: Erp) -> None:
    await store.set(push_at_once=True)
    await store.do("faults", [{"kind": "duplicate_event"}])
    key = await store.sell()
    await store.until(lambda: store.order(key).sent == 2)
    assert len(erp.orders) == 2 and (await store.effects())["events_duplicated"] == 1


async def test_events_change_places(store: Store, erp: Erp) -> None:
    await store.set(push_at_once=True)
    await store.do("faults", [{"kind": "reorder_event"}])
    first = await store.sell(1)
    await store.do("faults", [])
    second = await store.sell(2)
    await store.until(lambda: store.order(first).confirmed)
    assert [doc["numero_pedido_ecommerce"] for doc in sent(erp)] == [second, first]


async def test_what_waits_for_another_goes_when_the_clock_moves(store: Store, erp: Erp) -> None:
    await store.set(push_at_once=True)
    await store.do("faults", [{"kind": "reorder_event"}])
    key = await store.sell()
    await store.do("poll")
    assert not erp.calls
    await store.advance(1)
    await store.until(lambda: store.order(key).confirmed)


async def test_corrupt_loses_what_is_on_its_way(store: Store, erp: Erp) -> None:
    await store.set(push_at_once=True)
    await store.do("faults", [{"kind": "reorder_event"}])
    key = await store.sell()
    assert await store.do("corrupt", {"kind": "order", "key": key}) == {"events_lost": 1}
    await store.advance(1)
    await store.do("poll")
    assert not erp.calls


# ---- what holds of every order ----

PRICES = st.decimals("0.01", "999", places=2)


def an_order(lines: list[tuple[int, Decimal]], payments: list[tuple[str, Decimal, int]]) -> Order:
    made = tuple(Line(f"C{nth}", str(nth), f"Produto {nth}", "UN", quantity, price) for nth, (quantity, price) in enumerate(lines))
    return Order(1, 1, Buyer(**BUYER), made, tuple(payments), Decimal(0), Decimal(0), "standard", START, True)


@given(
    lines=st.lists(st.tuples(st.integers(1, 99), PRICES), min_size=1, max_size=5),
    payments=st.lists(st.tuples(st.sampled_from(["pix", "credit_card", "voucher"]), PRICES, st.integers(1, 12)), min_size=1, max_size=3),
)
def test_a_document_can_be_taken_and_its_instalments_are_exact(
    lines: list[tuple[int, Decimal]], payments: list[tuple[str, Decimal, int]]
) -> None:
    order = an_order(lines, payments)
    doc = order_document(order, Settings())
    validate(doc, {line.codigo for line in order.lines}, set())
    assert sum(Decimal(row["valor"]) for row in installments(order)) == sum(value for _, value, _ in payments)
    items = [row["item"] for row in doc["itens"]]
    assert sum(Decimal(item["quantidade"]) * Decimal(item["valor_unitario"]) for item in items) == order.total
