"""Through engate: a store that pulls its products from engate's facade and hands its orders in, beside a fake ERP."""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from api.tests.doors import Doored, doored
from tests.support.goods import goods, gtin, product, sale

from engate.clock import Clock
from engate.store.tables import delivery
from engate.testing.facts import Change, SeedSku
from engate_webstore_sandbox import WebstoreSandbox, malformed
from engate_webstore_sandbox.push import Asked

D = Decimal
TAKEN = {"unknown_code"}
"""Malformed for an ERP that knows its products; here such an order waits for a person, and nothing is lost."""


WITHOUT_DOCUMENT = 4
"""Kinds that hand in nothing which could be kept: no document, an empty one, an empty body, a body of which not even the token can be read
(counted by its reason, as a stranger's is)."""


def simple(n: int, units: int = 7) -> Any:
    return product(n, skus=(SeedSku("UN", gtin(n), "UN", 1, D("10.50"), {"1": units}),))


def varied(n: int) -> Any:
    skus = (SeedSku("UN", gtin(50 + n), "UN", 1, D(10), {"1": 5}), SeedSku("CX", gtin(70 + n), "CX", 12, D(100), {"1": 2}))
    return product(n, skus=skus)


@asynccontextmanager
async def store(folder: Path, *products: Any, live: bool = True, clock: Clock | None = None) -> AsyncGenerator[Doored]:
    """Its panel has engate's address and the token; it does nothing by itself."""
    async with doored(folder, coupled=False, shop_class=WebstoreSandbox, clock=clock) as house:
        house.erp.rows.clear()
        house.erp.seed(msgspec.structs.replace(goods(0), products=products or (simple(0), varied(1))))
        await house.couple()
        house.shop.corrupt("setting", f"url={await house.url()}")
        house.shop.settings.push_at_once = False
        house.shop.settings.pace = False
        if live:
            await house.api("POST", f"/integrations/{house.id}/activate", {"everything": True})
            await house.until(lambda: read(house))
        yield house


async def read(house: Doored) -> bool:
    runs = (await house.api("GET", f"/integrations/{house.id}/runs"))["items"]
    return bool(runs) and all(run["state"] == "done" for run in runs)


async def status(house: Doored) -> str:
    return (await house.api("GET", f"/integrations/{house.id}"))["status"]


async def pull(house: Doored, what: str = "all") -> Any:
    return await house.shop.pull.run(what)


async def push(house: Doored, *keys: str, **asked: Any) -> list[Any]:
    return await house.shop.push.run(Asked(orders=list(keys) or None, **asked))


def held(house: Doored) -> dict[str, tuple[str, Decimal, Decimal]]:
    """Code -> (name, what it is sold for, units) of all that the store holds."""
    found: dict[str, tuple[str, Decimal, Decimal]] = {}
    for sku in house.shop.state():
        found[sku.key] = (sku.name, sku.price, sum((D(n) for n in sku.stock.values()), D(0)))
    return found


async def changed(house: Doored, change: Change, flow: str) -> None:
    house.erp.change([change])
    await house.api("POST", f"/integrations/{house.id}/resync", {"flows": [flow]})
    await house.until(lambda: read(house))


def sell(house: Doored, number: int, code: str = "1000-UN", units: int = 1, price: str = "10.50") -> str:
    return house.shop.sell([sale(number, (code, units, price))])[str(number)]


async def test_the_store_pulls_what_the_erp_has_and_is_installed_by_that(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        assert await status(house) == "Não instalada"
        report = await pull(house)
        assert (report.complete, report.listed, report.created, report.failed) == (True, 2, 2, {})
        assert await status(house) == "Ativa"
        assert {code: values[1:] for code, values in held(house).items()} == {
            "1000-UN": (D("10.50"), 7), "1001-UN": (D(10), 5), "1001-CX": (D(100), 2)
        }  # fmt: skip
        for kind in ("category", "brand", "product", "sku", "price"):
            assert await states(house, kind) == {"settled"}, kind
        again = await pull(house)
        assert (again.unchanged, again.updated, again.created) == (2, 0, 0)


@pytest.mark.trap("webstore.variation")
async def test_what_changed_is_pulled_again_and_nothing_else(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await pull(house)
        await pull(house, "changed")
        await changed(house, Change("1000-UN", price=D("12.30")), "prices")
        report = await pull(house, "changed")
        assert held(house)["1000-UN"][1] == D("12.30") and report.updated == 1
        await changed(house, Change("1001-CX", stock={"1": 9}), "stock")
        report = await pull(house, "levels")
        assert report.complete and held(house)["1001-CX"][2] == 9


async def states(house: Doored, kind: str) -> set[str]:
    return {row["state"] for row in (await house.api("GET", f"/integrations/{house.id}/records?kind={kind}"))["items"]}


async def ask(house: Doored, service: str, **fields: Any) -> Any:
    said = await house.shop.push.call(service, fields, house.shop.settings)
    assert said.ok, said
    return said.retorno


@pytest.mark.trap("webstore.list-only-looks", "webstore.carried")
async def test_only_what_an_answer_carried_counts_as_held(tmp_path: Path) -> None:
    async with store(tmp_path, varied(1)) as house:
        [row] = (await ask(house, "produtos.pesquisa"))["produtos"]
        product = row["produto"]["id"]
        assert await states(house, "price") == await states(house, "product") == {"waiting"}
        assert (await ask(house, "produto.obter.estoque", id=product))["produto"]["saldo"] == "7"
        assert await states(house, "price") == {"waiting"}, "stock was asked for"


@pytest.mark.trap("engine.served-one-sku")
async def test_of_a_variation_that_is_asked_for_the_others_are_not_told(tmp_path: Path) -> None:
    async with store(tmp_path, varied(1)) as house:
        items = (await house.api("GET", f"/integrations/{house.id}/records?kind=sku"))["items"]
        first = min(items, key=lambda row: row["key"])
        assert (await ask(house, "produto.obter", id=first["id"]))["produto"]["codigo"] == first["key"]
        prices = (await house.api("GET", f"/integrations/{house.id}/records?kind=price"))["items"]
        assert {row["key"]: row["state"] for row in prices} == {"1001-CX": "settled", "1001-UN": "waiting"}


@pytest.mark.trap("webstore.number")
async def test_an_order_enters_once_and_comes_back_with_its_note_and_tracking(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await pull(house)
        key = sell(house, 1)
        first, second = (await push(house, key, as_placed=True))[0], (await push(house, key))[0]
        assert first.verdict == second.verdict == "ok" and first.erp == second.erp
        house.shop.progress("paid", [key])
        await push(house)
        await house.until(lambda: house.in_erp(key))
        [entered] = house.in_erp(key)
        house.erp.progress("invoiced", [entered.key])
        house.erp.ship(entered.key, "BR1")
        await house.api("POST", f"/integrations/{house.id}/resync", {"flows": ["fulfilment"]})

        async def told() -> bool:
            await house.shop.poll.run([key])
            order = house.shop.sales.orders[key]
            return order.tracking == "BR1" and bool(order.notes)

        await house.until(told)
        assert len(house.in_erp(key)) == 1
        [note] = house.shop.sales.orders[key].notes.values()
        assert note.number == entered_note(house, entered.key)


def entered_note(house: Doored, key: str) -> str:
    return next(iter(house.erp.taken[key].invoices or ())).number


@pytest.mark.trap("webstore.malformed-kept", "webstore.required", "webstore.utf8", "webstore.token-kept")
async def test_what_is_malformed_is_refused_as_documented_and_kept(tmp_path: Path) -> None:
    async with store(tmp_path, simple(0, 99)) as house:
        await pull(house)
        for n, kind in enumerate(sorted(set(malformed.codes()) - TAKEN), 1):
            [sent] = await push(house, sell(house, n), malformed=[kind])
            assert sent.verdict == "erro" and sent.code in sent.allowed, sent
        assert (await house.api("GET", f"/integrations/{house.id}/orders"))["items"] == []
        rejected = [each for each in await house.deliveries() if each["outcome"] == "rejected"]
        assert len(rejected) >= len(malformed.codes()) - len(TAKEN) - WITHOUT_DOCUMENT and all(each["reason"] for each in rejected)
        assert {each["reason"] for each in await house.deliveries() if each["outcome"] == "refused"} == {"token", "content"}
        bodies = await house.installation.store.reading(lambda c: c.execute(sa.select(delivery.c.body)).scalars().all())
        assert len(bodies) > len(rejected) and not any(house.shop.settings.token.encode() in zlib.decompress(body) for body in bodies)
        [good] = await push(house, sell(house, 99))
        assert good.verdict == "ok"


@pytest.mark.trap("webstore.mapped-only")
async def test_stock_is_told_of_what_a_person_has_linked(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        await pull(house)
        for row in house.shop.control.mapping():
            code, own, parent = row["codigo"], row["identificador"], row["identificador_pai"]
            if parent:  # before its variations, so that these are told with it
                await house.api("PUT", f"/integrations/{house.id}/links/product/{code.split('-')[0]}", {"remote": parent})
            await house.api("PUT", f"/integrations/{house.id}/links/sku/{code}", {"remote": own})
        for code, units in (("1000-UN", 3), ("1001-CX", 8)):
            await changed(house, Change(code, stock={"1": units}), "stock")
            await house.until(lambda code=code, units=units: held(house)[code][2] == units)
        assert not house.shop.counts.effects["webhooks_unmapped"]


async def test_a_stock_webhook_that_is_not_there_is_a_line(tmp_path: Path) -> None:
    async with store(tmp_path, live=False) as house:
        shown = await house.api(
            "PATCH", f"/connections/{house.shop_id}", {"secrets": {"stock_webhook": f"{house.shop.base_url}/webhook/none"}}
        )
        assert "webhook/none" not in str(shown)
        tested = await house.api("POST", f"/connections/{house.shop_id}/test", {})
        assert not tested["passed"] and {check["name"] for check in tested["checks"] if not check["ok"]} == {"stock_webhook"}
        assert "webhook/none" not in str(tested)


async def test_a_stock_webhook_without_the_companys_number_is_a_line(tmp_path: Path) -> None:
    async with store(tmp_path, live=False) as house:
        await house.api("PATCH", f"/connections/{house.shop_id}", {"settings": {"document": ""}})
        tested = await house.api("POST", f"/connections/{house.shop_id}/test", {})
        [line] = [check for check in tested["checks"] if check["name"] == "document"]
        assert tested["passed"] and "CNPJ" in line["hint"]["pt"], "said, and no reason to stop the rest"


@pytest.mark.trap("webstore.token")
async def test_without_the_token_nothing_is_told(tmp_path: Path) -> None:
    async with store(tmp_path) as house:
        for token, code in (("", 1), ("x" * 32, 2)):
            said = await house.shop.push.call("produtos.pesquisa", {}, msgspec.structs.replace(house.shop.settings, token=token))
            assert said.code == code and "produtos" not in said.retorno
        assert await status(house) == "Não instalada"


@pytest.mark.parametrize(("service", "fields", "code"), [
    ("produtos.pesquisa", {"pagina": "7"}, 23), ("produtos.pesquisa", {"pesquisa": "NADA"}, 20), ("produto.obter", {"id": "999999"}, 32),
    ("pedido.obter", {"id": "999999"}, 32), ("pedidos.pesquisa", {"numeroEcommerce": "nada"}, 20), ("pedido.obter", {}, 10),
    ("nota.fiscal.obter", {"id": "12345600"}, 32), ("serviço.nenhum", {}, 3), ("produto.obter", {"id": "abc"}, 32),
])  # fmt: skip
async def test_what_is_not_there_is_answered_with_its_code(tmp_path: Path, service: str, fields: dict[str, Any], code: int) -> None:
    async with store(tmp_path) as house:
        assert (await house.shop.push.call(service, fields, house.shop.settings)).code == code
