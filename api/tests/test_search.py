"""One search for the support desk: what a key means, where it is and what is missing, over all integrations of a tenant."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from api.tests.doors import KEY, Doored, doored
from tests.support.goods import sale

from engate.testing.facts import Change


async def found(house: Doored, q: str) -> list[Any]:
    return (await house.api("GET", f"/search?q={q}"))["items"]


async def entered(house: Doored) -> str:
    key = house.sell(1)
    await house.until(lambda: house.in_erp(key))

    async def known() -> bool:
        return (await house.api("GET", f"/integrations/{house.id}/orders/{key}"))["state"] == "in_erp"

    await house.until(known)
    return key


async def test_an_order_is_found_by_every_number_that_people_have(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        key = await entered(house)
        order = await house.api("GET", f"/integrations/{house.id}/orders/{key}")
        for asked in (key, order["parts"][0]["erp_key"], order["parts"][0]["reference"], f"%23{key}", f"%20{key}%20", key[:-1]):
            [hit] = await found(house, asked)
            assert (hit["what"], hit["key"], hit["state"], hit["exact"]) == ("order", key, "in_erp", asked != key[:-1]), asked
            assert hit["text"]["pt"].startswith(f"Pedido {key}, par: No ERP"), asked


async def test_an_order_is_found_by_its_buyer(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        key = await entered(house)
        buyer = (await house.api("GET", f"/integrations/{house.id}/orders/{key}"))["doc"]["buyer"]
        name = buyer["name"]
        for asked in (name, name.upper(), name.split()[0].lower()):
            assert [hit["key"] for hit in await found(house, asked)] == [key], asked
        by_document = await house.api("POST", "/search", {"q": buyer["document"]})
        assert [hit["key"] for hit in by_document["items"]] == [key]


async def test_a_product_is_found_and_what_is_missing_is_said(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        [sku, *_] = sorted(house.shop.state(), key=lambda each: each.key)
        [hit] = await found(house, sku.ean)
        assert (hit["what"], hit["key"], hit["attention"]) == ("sku", sku.key, False)
        assert hit["text"]["pt"].startswith(f"SKU {sku.key} ({hit['name']}), par: Um comprador pode comprar agora por R$")
        house.erp.change([Change(sku.key, stock={"1": 0})])
        await house.api("POST", f"/integrations/{house.id}/resync", {"flows": ["stock"]})

        async def gone() -> bool:
            return (await found(house, sku.key))[0]["attention"]

        await house.until(gone)
        [hit] = await found(house, sku.key)
        assert "o estoque é zero" in hit["text"]["pt"] and "estoque" in hit["hint"]["pt"]


async def test_orders_by_period_channel_and_cause_and_as_a_spreadsheet(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        first = min(house.shop.state(), key=lambda sku: sku.key)
        days = {1: "2026-11-25T23:30:00-03:00", 2: "2026-11-26T00:30:00-03:00", 3: "2026-11-26T22:00:00-03:00"}
        keys: dict[int, str] = {}
        for number, at in days.items():
            made = sale(number, (first.key, 1, str(first.price)))
            more = {"placed_at": datetime.fromisoformat(at), "channel": "b2b" if number == 2 else "web"}
            keys[number] = house.shop.sell([msgspec.structs.replace(made, **more)])[str(number)]
        at = f"/integrations/{house.id}/orders"

        async def listed(asked: str) -> list[str]:
            return [order["key"] for order in (await house.api("GET", f"{at}?{asked}"))["items"]]

        async def all_there() -> bool:
            return len(await listed("")) == len(keys)

        await house.until(all_there)
        assert await listed("since=2026-11-26&until=2026-11-26") == [keys[3], keys[2]]
        assert await listed("until=2026-11-26T00:00:00-03:00") == [keys[1]]
        assert await listed("channel=b2b") == [keys[2]] and await listed("channel=b2b&since=2026-11-27") == []
        page = await house.api("GET", f"{at}?since=2026-11-25&limit=2")
        rest = await house.api("GET", f"{at}?since=2026-11-25&limit=2&cursor={page['next_cursor']}")
        assert [order["key"] for order in page["items"] + rest["items"]] == [keys[3], keys[2], keys[1]]
        wrong = await house.api("GET", f"{at}?since=ontem", status=422)
        assert wrong["errors"][0]["where"] == "since" and "2026-11-27" in wrong["hint"]
        sheet = (await house.client.get(f"{at}.csv?channel=b2b", headers={"authorization": f"Bearer {house.key}"})).content
        head, row = csv.reader(io.StringIO(sheet.decode("utf-8-sig")), delimiter=";")
        total = (await house.api("GET", f"{at}/{keys[2]}"))["total"]
        assert head[:4] == ["Pedido", "Número na loja", "Feito em", "Estado"]
        assert (row[0], row[2], row[4], row[5]) == (keys[2], "26/11/2026 às 00:30", total.replace(".", ","), "b2b")


async def test_what_begins_alike_is_named_and_what_is_not_there_is_said(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        keys = sorted(sku.key for sku in house.shop.state())
        hits = await found(house, keys[0][:3])
        assert [(hit["key"], hit["exact"], hit["state"]) for hit in hits if hit["what"] == "sku"] == [(key, False, None) for key in keys]
        none = await house.api("GET", "/search?q=nada-disso")
        assert none["items"] == [] and none["text"]["pt"].startswith("Nada encontrado: procurado 'nada-disso' como número do pedido")
        assert await found(house, "%20%23") == []


@pytest.mark.trap("engine.search-own")
async def test_another_tenants_things_are_not_found(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        key = await entered(house)
        other = (await house.api("POST", "/tenants", {"name": "Outra"}, key=KEY))["admin_key"]
        assert (await house.api("GET", f"/search?q={key}", key=other))["items"] == []
