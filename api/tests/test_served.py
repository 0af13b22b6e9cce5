"""A shop that fetches its products from us, over HTTP: nothing is pushed, people see that it waits for the shop, and what was handed out
counts as held once the answer is certain to leave."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from api.tests.doors import Doored, doored
from tests.support.goods import goods, gtin

from engate.store.tables import connection
from engate.testing.facts import Change, SeedSku

FETCHED = frozenset({"product", "sku", "price", "image"})
D = Decimal


@asynccontextmanager
async def served(folder: Path, *, live: bool = True) -> AsyncGenerator[Doored]:
    """Products, SKUs, prices and images are fetched; categories, brands and stock are pushed."""
    async with doored(folder, coupled=False) as house:
        house.shop.switches.serves = FETCHED
        await house.couple()
        if live:
            await activate(house)
        yield house


async def activate(house: Doored, **how: Any) -> None:
    await house.api("POST", f"/integrations/{house.id}/activate", how or {"everything": True})
    await house.until(lambda: read(house))


async def read(house: Doored) -> bool:
    """What the ERP has was read, and every run has ended."""
    runs = (await house.api("GET", f"/integrations/{house.id}/runs"))["items"]
    return bool(runs) and all(run["state"] == "done" for run in runs)


async def changed(house: Doored, change: Change, flow: str) -> None:
    house.erp.change([change])
    await house.api("POST", f"/integrations/{house.id}/resync", {"flows": [flow]})
    await house.until(lambda: read(house))


async def waiting(house: Doored, kind: str) -> set[tuple[str, str | None]]:
    """(state, the code of what it waits for) of all records of a kind."""
    rows = (await house.api("GET", f"/integrations/{house.id}/records?kind={kind}"))["items"]
    return {(row["state"], row["cause"] and row["cause"]["code"]) for row in rows}


async def fetch(house: Doored, **more: Any) -> str | None:
    return await house.shop.fetch(await house.url(), **more)


async def buyable(house: Doored, key: str) -> bool:
    return (await house.api("GET", f"/integrations/{house.id}/explain/sku/{key}"))["buyable"]


def skus(house: Doored) -> list[str]:
    return sorted(house.erp.rows["sku"])


@pytest.mark.trap("engine.served-not-pushed", "engine.served-link", "engine.served-durable")
async def test_what_the_shop_fetches_is_never_pushed_and_waits_in_words(tmp_path: Path) -> None:
    async with served(tmp_path) as house:
        assert {kind for kind, _ in house.shop.puts} == {"warehouse", "category", "brand"}
        for kind in FETCHED:
            assert await waiting(house, kind) == {("waiting", "served.fetch")}
        assert await waiting(house, "stock") == {("waiting", "link.by_hand")}
        causes = {each["code"]: each for each in (await house.api("GET", f"/integrations/{house.id}/causes"))["items"]}
        assert causes["served.fetch"]["owner"] == "storefront" and "Aguarda a loja buscar" in causes["served.fetch"]["text"]["pt"]
        assert (causes["link.by_hand"]["owner"], causes["link.by_hand"]["records"]) == ("person", {"stock": len(house.erp.rows["stock"])})
        key = skus(house)[0]
        why = await house.api("GET", f"/integrations/{house.id}/explain/sku/{key}")
        assert "Aguarda a loja buscar" in why["verdict"]["text"]["pt"] and not why["buyable"]

        assert await fetch(house)
        for kind in FETCHED:
            assert await waiting(house, kind) == {("settled", None)}
        assert {kind: set(rows) for kind, rows in house.shop.held.items() if kind in FETCHED} == {
            kind: set(house.erp.rows[kind]) for kind in FETCHED
        }
        why = await house.api("GET", f"/integrations/{house.id}/explain/sku/{key}")
        assert why["prices"][0]["last_sent"]["base"] == str(house.erp.doc("price", key).base) and why["prices"][0]["answered_at"]
        assert {kind for kind, _ in house.shop.puts} == {"warehouse", "category", "brand"}

        await house.api("PUT", f"/integrations/{house.id}/links/sku/{key}", {"remote": house.shop.ids["sku", key]})
        await house.until(lambda: any(row["want"]["sku"] == key for row in house.shop.held.get("stock", {}).values()))
        await house.until(lambda: buyable(house, key))
        assert await waiting(house, "sku") == {("settled", None)} and ("waiting", "link.by_hand") in await waiting(house, "stock")


async def test_only_what_changed_is_fetched_again(tmp_path: Path) -> None:
    async with served(tmp_path) as house:
        began = await fetch(house)
        again = await fetch(house, since=began)
        assert again and len(house.shop.fetched) == 2, "what was handed out since it began is told once more"
        assert await fetch(house, since=again) and house.shop.fetched[2] == []
        key = skus(house)[1]
        await changed(house, Change(key, price=D("12.34")), "prices")
        assert await waiting(house, "price") == {("settled", None), ("waiting", "served.fetch")}
        assert await fetch(house, since=again)
        assert {k for kind, k in house.shop.fetched[3] if kind == "sku"} == {key}
        assert house.shop.held["price"][key]["want"]["base"] == "12.34" and await waiting(house, "price") == {("settled", None)}
        await changed(house, Change(key, stock={"1": 3}), "stock")
        status, levels = await house.shop.ask(f"{await house.url()}/level", key)
        assert status == 200 and [(each["want"]["quantity"], each["refs"]) for each in levels] == [("3", {"warehouse": "main"})]
        assert await fetch(house, limit=1) and [len({k for kind, k in page if kind == "product"}) for page in house.shop.fetched[4:]] == [
            1,
            1,
        ]


@pytest.mark.trap("engine.not-installed")
async def test_an_integration_is_not_installed_before_its_shop_has_been_here(tmp_path: Path) -> None:
    async with served(tmp_path) as house:
        assert (await house.api("GET", f"/integrations/{house.id}"))["status"] == "Não instalada"
        house.shop.switches.forged = True
        assert await fetch(house) is None
        assert (await house.api("GET", f"/integrations/{house.id}"))["status"] == "Não instalada"
        house.shop.switches.forged = False
        assert await fetch(house)
        assert (await house.api("GET", f"/integrations/{house.id}"))["status"] == "Ativa"


@pytest.mark.trap("engine.silent-shop")
async def test_a_shop_that_falls_silent_is_said(tmp_path: Path) -> None:
    async with served(tmp_path) as house:
        assert (await house.api("GET", f"/integrations/{house.id}"))["health"]["state"] == "ok", "before it is installed it is not silent"
        assert await fetch(house)
        assert (await house.api("GET", f"/integrations/{house.id}"))["health"]["state"] == "ok"
        at = connection.c.contacted_at
        earlier = sa.update(connection).where(connection.c.id == house.shop_id).values({at: at - 6 * 3600 - 1})
        await house.installation.store.writing(lambda c: c.execute(earlier))
        shown = (await house.api("GET", f"/integrations/{house.id}"))["health"]
        assert shown["state"] == "degraded" and "não chama o engate desde" in shown["reason"]["pt"]
        await house.api("PATCH", f"/integrations/{house.id}", {"options": {"silence_hours": 7}})
        assert (await house.api("GET", f"/integrations/{house.id}"))["health"]["state"] == "ok"
        await house.api("PATCH", f"/integrations/{house.id}", {"options": {"silence_hours": 1}})
        assert await fetch(house)
        assert (await house.api("GET", f"/integrations/{house.id}"))["health"]["state"] == "ok"


@pytest.mark.trap("engine.served-answered")
async def test_an_answer_that_did_not_go_settles_nothing(tmp_path: Path) -> None:
    async with served(tmp_path) as house:
        status, _ = await house.shop.ask(f"{await house.url()}/products/broken", {})
        assert status == 503 and await waiting(house, "price") == {("waiting", "served.fetch")}
        shown = await house.api("GET", f"/connections/{house.shop_id}")
        assert shown["contacted_at"] is None
        assert await fetch(house) and {k for kind, k in house.shop.fetched[0] if kind == "sku"} == set(skus(house))
        assert await waiting(house, "price") == {("settled", None)}


@pytest.mark.trap("engine.contact-verified", "engine.contact-minute")
async def test_the_last_contact_is_that_of_a_call_that_was_answered(tmp_path: Path) -> None:
    async with served(tmp_path) as house:
        house.shop.switches.forged = True
        assert await fetch(house) is None
        assert (await house.api("GET", f"/connections/{house.shop_id}"))["contacted_at"] is None
        house.shop.switches.forged = False
        assert await house.call("r", "reply", b'{"status": 200}') == 200
        assert (await house.api("GET", f"/connections/{house.shop_id}"))["contacted_at"] is None, "the desk was asked nothing"
        assert await fetch(house)
        first = (await house.api("GET", f"/connections/{house.shop_id}"))["contacted_at"]
        assert first and await fetch(house)
        assert (await house.api("GET", f"/connections/{house.shop_id}"))["contacted_at"] == first


@pytest.mark.trap("engine.served-active", "engine.served-own")
async def test_nothing_is_handed_out_of_an_inactive_integration_or_of_another_one(tmp_path: Path) -> None:
    async with served(tmp_path) as house:
        first = await house.url()
        mine = house.key, house.id, house.erp_id, house.shop_id
        await house.couple("Outra")
        assert (await house.shop.ask(f"{await house.url()}/products", {}))[0] == 503, "nobody can say, which is not the same as nothing"
        house.key, house.id, house.erp_id, house.shop_id = mine
        await house.api("POST", f"/integrations/{house.id}/deactivate", {})
        for path, asked in (("products", {}), ("level", skus(house)[0]), ("product", skus(house)[0])):
            assert (await house.shop.ask(f"{first}/{path}", asked))[0] == 503


@pytest.mark.trap("engine.served-pilot")
async def test_a_pilot_hands_out_its_skus_alone(tmp_path: Path) -> None:
    async with served(tmp_path, live=False) as house:
        two = tuple(SeedSku(code, gtin(int(code)), "UN", 1, D("10.00"), {"1": 5}) for code in ("1", "2"))
        house.erp.seed(goods(3, skus=two))
        first = skus(house)[0]
        await activate(house, pilot=[first])
        assert await fetch(house)
        assert {k for kind, k in house.shop.fetched[0] if kind == "sku"} == {first}
        status, levels = await house.shop.ask(f"{await house.url()}/level", skus(house)[1])
        assert (status, levels) == (200, [])


async def test_a_shop_that_is_sent_stock_alone_hears_by_it_that_a_sku_is_off(tmp_path: Path) -> None:
    async with served(tmp_path) as house:
        assert await fetch(house)
        key = skus(house)[0]

        def units() -> list[Decimal]:
            return [D(row["want"]["quantity"]) for row in house.shop.held.get("stock", {}).values() if row["want"]["sku"] == key]

        await house.api("PUT", f"/integrations/{house.id}/links/sku/{key}", {"remote": house.shop.ids["sku", key]})
        await house.until(units)
        [before] = units()
        await changed(house, Change(key, price=D(0)), "prices")
        await house.until(lambda: units() == [0])
        await house.api("PATCH", f"/integrations/{house.id}", {"options": {"stock_buffer": 1}})
        await changed(house, Change(key, price=D(7)), "prices")
        await house.until(lambda: units() == [before - 1])
