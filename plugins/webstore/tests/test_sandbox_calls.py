"""How the stand-in asks: addresses, bodies, the limit, what is asked again, and what its ledger shows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from plugins.webstore.tests.conftest import WAIT, Store
from plugins.webstore.tests.erp import TOKEN, Called, Erp, error, ok

from engate.clock import ManualClock

SUFFIXES = {
    "documented": {"produtos.pesquisa": True, "pedido.alterar.situacao": False, "lista.atualizacoes.estoque": False},
    "always": {"produtos.pesquisa": True, "pedido.alterar.situacao": True, "lista.atualizacoes.estoque": True},
    "never": {"produtos.pesquisa": False, "pedido.alterar.situacao": False, "lista.atualizacoes.estoque": False},
}


async def call(store: Store, service: str = "info", fields: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    return await store.do("call", {"service": service, "fields": fields or {}, "settings": settings})


def last(erp: Erp) -> Called:
    return erp.calls[-1]


@pytest.mark.parametrize(("php", "expected"), SUFFIXES.items())
async def test_services_end_in_php_or_not(store: Store, erp: Erp, php: str, expected: dict[str, bool]) -> None:
    for service, suffix in expected.items():
        await call(store, service, php=php)
        assert (last(erp).service, last(erp).php) == (service, suffix)


async def test_a_form(store: Store, erp: Erp) -> None:
    await call(store, "pedido.incluir", {"pedido": {"obs": "São & cia"}, "n": 1})
    called = last(erp)
    assert called.content == "application/x-www-form-urlencoded" and called.query == {}
    assert called.fields == {"formato": "JSON", "token": TOKEN, "pedido": '{"obs":"São & cia"}', "n": "1"}


async def test_a_json_body(store: Store, erp: Erp) -> None:
    await call(store, "pedido.incluir", {"pedido": {"obs": "São & cia"}, "n": 1}, body="json")
    called = last(erp)
    assert called.content == "application/json"
    assert called.fields == {"formato": "JSON", "token": TOKEN, "pedido": {"obs": "São & cia"}, "n": 1}


async def test_a_token_in_the_query(store: Store, erp: Erp) -> None:
    assert (await call(store, signed="query"))["verdict"] == "ok"
    assert last(erp).query == {"token": TOKEN} and "token" not in last(erp).fields


@pytest.mark.parametrize(("token", "code"), [("", 1), ("another", 2)])
async def test_a_token_that_is_not_the_erps(store: Store, token: str, code: int) -> None:
    said = await call(store, token=token)
    assert (said["verdict"], said["status"], said["code"]) == ("erro", 200, code)


@pytest.mark.parametrize(
    ("answer", "verdict", "code"),
    [
        (ok(), "ok", 0),
        (error(31, "nome"), "erro", 31),
        (error("31", "nome"), "erro", 31),
        ({"retorno": {"status": "Erro", "erros": {"erro": "um só"}}}, "erro", 0),
        ({"retorno": {"status": "Parcial"}}, "parcial", 0),
        ({"retorno": {"status": "Erro", "codigo_erro": [1]}}, "unreadable", 0),
        ({"retorno": {"status": "Erro", "codigo_erro": "x"}}, "unreadable", 0),
        ({"retorno": "OK"}, "unreadable", 0),
        ({"status": "OK"}, "unreadable", 0),
        ("<html>Bem-vindo</html>", "unreadable", 0),
        (404, "http", 0),
        (503, "http", 0),
    ],
)
async def test_what_an_answer_says(store: Store, erp: Erp, answer: Any, verdict: str, code: int) -> None:
    """A 200 alone says nothing."""
    erp.instead("info", answer)
    said = await call(store)
    assert (said["verdict"], said["code"]) == (verdict, code)
    assert said["status"] == (answer if isinstance(answer, int) else 200)


async def test_nobody_answers(store: Store) -> None:
    assert (await call(store, url="http://127.0.0.1:1/api2"))["verdict"] == "silent"


async def test_the_connection_breaks(store: Store, erp: Erp) -> None:
    async def leave(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    erp.instead("info", leave)
    assert (await call(store))["verdict"] == "silent"


async def test_without_an_address_nothing_is_asked(store: Store) -> None:
    await store.set(url="")
    for verb in ("pull", "call"):
        answer = await store.told(verb, {"service": "info"} if verb == "call" else None)
        assert answer.status_code == 422 and "configure first" in answer.text


# ---- again ----


@pytest.mark.parametrize("answer", [error(35), error(99), error(11), 500, 502, "<html></html>"])
async def test_what_passes_is_asked_again_later_each_time(store: Store, erp: Erp, clock: ManualClock, answer: Any) -> None:
    erp.simple(1)
    erp.instead("produtos.pesquisa", answer, answer)
    await store.set(tries=3, pause=10)
    pulling = asyncio.create_task(store.do("pull"))
    await store.until(lambda: len(erp.calls) == 1)
    await store.advance(9)
    await call(store)  # what waits has looked at the clock by now
    assert len(erp.of("produtos.pesquisa")) == 1
    await store.advance(1)
    await store.until(lambda: len(erp.of("produtos.pesquisa")) == 2)
    await store.advance(20)
    assert (await asyncio.wait_for(pulling, WAIT))["created"] == 1


async def test_tries_come_to_an_end(store: Store, erp: Erp) -> None:
    erp.instead("produtos.pesquisa", *[503] * 5)
    await store.set(tries=3, pause=0)
    assert not (await store.do("pull"))["complete"]
    assert len(erp.calls) == 3


@pytest.mark.parametrize("answer", [error(31), error(32), error(3), error(10), 404, 400])
async def test_a_definite_no_is_not_asked_again(store: Store, erp: Erp, answer: Any) -> None:
    erp.instead("produtos.pesquisa", answer)
    await store.set(tries=3, pause=0)
    assert not (await store.do("pull"))["complete"]
    assert len(erp.calls) == 1


@pytest.mark.parametrize("answer", [error(6), 429])
async def test_too_many_calls_wait_for_the_minute(store: Store, erp: Erp, answer: Any) -> None:
    erp.simple(1)
    erp.instead("produtos.pesquisa", answer)
    await store.set(tries=2)
    pulling = asyncio.create_task(store.do("pull"))
    await store.until(lambda: len(erp.calls) == 1)
    await store.advance(59)
    await call(store)
    assert len(erp.of("produtos.pesquisa")) == 1
    await store.advance(1)
    assert (await asyncio.wait_for(pulling, WAIT))["created"] == 1
    assert (await store.effects())["calls_refused_by_rate"] == 1


@pytest.mark.parametrize("code", [1, 2, 5, 7, 8])
async def test_an_account_that_is_stopped_rests_until_the_panel_is_touched(store: Store, erp: Erp, code: int) -> None:
    erp.simple(1)
    erp.instead("produtos.pesquisa", error(code))
    await store.do("pull")
    assert store.sandbox.client.stopped == code
    await store.set(products_every=60)
    assert store.sandbox.client.stopped == 0
    erp.instead("produtos.pesquisa", error(code))
    await store.do("pull")
    erp.calls.clear()
    for _ in range(3):
        await store.advance(60)
    assert (await call(store))["verdict"] == "ok"  # a person may
    assert [called.service for called in erp.calls] == ["info"]


# ---- the limit ----


async def test_it_keeps_to_the_limit_that_is_told(store: Store, erp: Erp, clock: ManualClock) -> None:
    erp.limit, erp.enforce = "5", clock.now
    for id in range(1, 7):
        erp.simple(id)  # two pages, and two calls each: 14
    pulling = asyncio.create_task(store.do("pull"))
    for calls in (5, 10):
        await store.until(lambda calls=calls: len(erp.calls) == calls)
        await store.until(lambda calls=calls: store.sandbox.client.pace.waits == calls // 5)
        await store.advance(60)
    assert (await asyncio.wait_for(pulling, WAIT))["created"] == 6
    assert len(erp.calls) == 14 and "calls_refused_by_rate" not in {k: v for k, v in (await store.effects()).items() if v}


@pytest.mark.parametrize("settings", [{"pace": False}, {}])
async def test_or_does_not(store: Store, erp: Erp, clock: ManualClock, settings: dict[str, Any]) -> None:
    """Told to, or of a stand-in without limits: the ERP then says 6."""
    erp.limit, erp.enforce = "5", clock.now
    store.sandbox.client.limits = bool(settings)
    await store.set(**settings)
    for id in range(1, 7):
        erp.simple(id)
    report = await store.do("pull")
    assert report["created"] == 1 and all("erro 6" in why for why in report["failed"].values())


async def test_a_quarter_of_the_limit_at_the_same_time(store: Store, erp: Erp) -> None:
    erp.limit = "8"
    await store.set(at_once=6)
    await call(store)
    assert store.sandbox.client.pace.most_at_once(6) == 2
    erp.limit = "0"  # limits nothing that could be kept to
    await call(store)
    assert store.sandbox.client.pace.most_at_once(6) == 6


async def test_batch_calls_have_a_limit_of_their_own(store: Store, erp: Erp) -> None:
    fields = {"contato": {"contatos": [{"contato": {"sequencia": "1", "nome": "Maria", "cpf_cnpj": "1"}}]}}
    for _ in range(5):
        await call(store, "contato.incluir", fields)
    sixth = asyncio.create_task(call(store, "contato.incluir", fields))
    await store.until(lambda: store.sandbox.client.pace.waits == 1)
    assert len(erp.of("contato.incluir")) == 5
    await store.advance(60)
    assert (await asyncio.wait_for(sixth, WAIT))["verdict"] == "ok"


# ---- the ledger ----


async def test_the_ledger_shows_every_exchange_and_no_token(store: Store, erp: Erp) -> None:
    erp.simple(1)
    await store.do("pull")
    erp.instead("info", ok(token=TOKEN))
    await call(store, fields={"texto": TOKEN})
    erp.instead("info", error(4, f"o token {TOKEN} é bom"))
    await call(store)
    rows = await store.look("exchanges")
    assert [(row["service"], row["key"], row["verdict"]) for row in rows] == [
        ("produtos.pesquisa", "1", "ok"), ("produto.obter", "1", "ok"), ("produto.obter.estoque", "1", "ok"), ("info", "", "ok"),
        ("info", "", "erro"),
    ]  # fmt: skip
    assert rows[0]["at"] == "2026-11-27T12:00:00Z" and rows[0]["sent"] == '{"pesquisa":"","pagina":1}' and "Produto 1" in rows[0]["said"]
    assert TOKEN not in str(rows) and TOKEN not in str(await store.look("settings"))
    counted = (await store.look("ledger"))["by_operation"]
    assert counted["CALL produto.obter"] == {"ok": 1} and counted["CALL info"] == {"ok": 1, "4": 1}


@pytest.mark.parametrize("kind", ["reset", "reset_applied"])
async def test_faults_of_its_own(store: Store, erp: Erp, kind: str) -> None:
    """The call never leaves, or nobody stays for its answer."""
    erp.simple(1)
    await store.do("faults", [{"kind": kind, "operation": "CALL produto.obter"}])
    assert list((await store.do("pull"))["failed"]) == ["1"]
    assert len(erp.of("produto.obter")) == (kind == "reset_applied")
    assert (await store.look("ledger"))["injected"] == {kind: 1}
    assert (await store.do("pull"))["created"] == 1
