"""Buyers' data (LGPD): who sees it, how it is asked for, what is handed out and what is taken out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from api.tests.doors import Doored, doored
from api.tests.test_access import OPEN, ROUTES
from tests.support.goods import BUYER

from engate_api.auth import reader

WORDS = (BUYER.name, BUYER.document, "529.982.247-25", BUYER.email, BUYER.phone, BUYER.street, BUYER.zip_code)
"""What of the buyer may stand in an answer."""
REFUSED = f"Cliente {BUYER.name}, CPF 529.982.247-25 ({BUYER.email}), {BUYER.street.upper()}: bloqueado"
READS = [path for method, path, guard in ROUTES if method == "GET" and path not in OPEN and guard is reader]


def shows(text: str) -> list[str]:
    return [word for word in WORDS if word.casefold() in text.casefold()]


async def got(house: Doored, path: str, key: str) -> str:
    answer = await house.client.get(path, headers={"authorization": f"Bearer {key}"})
    assert answer.is_success, f"{path}: {answer.text}"
    return answer.text


async def waits(house: Doored, order: str) -> bool:
    waiting = await house.api("GET", f"/integrations/{house.id}/orders?attention=true")
    return order in {line["key"] for line in waiting["items"]}


async def keys_of(house: Doored) -> dict[str, str]:
    return {role: (await house.api("POST", "/keys", {"name": role, "role": role}))["key"] for role in ("read", "operator")}


@pytest.mark.trap("engine.buyer-masked", "engine.buyer-in-words")
async def test_a_key_that_only_reads_sees_no_buyer(tmp_path: Path) -> None:
    """Every route that it may use; of an order that the ERP refuses in words that name the buyer, and of one that is in the ERP."""
    async with doored(tmp_path, live=True) as house:
        keys = await keys_of(house)
        taken = house.sell(1)
        await house.until(lambda: house.in_erp(taken))
        house.erp.switches.refuses = REFUSED
        order = house.sell(2)
        await house.until(lambda: waits(house, order))
        sku = min(house.shop.state(), key=lambda each: each.key).key
        run = (await house.api("GET", f"/integrations/{house.id}/runs"))["items"][0]["id"]
        given = {"{key:str}": order, "{kind:str}": "payments", "{key:path}": "pix", "{delivery:int}": "1"}
        whole: set[str] = set()
        for path in READS:
            at = path.replace("{id:int}", str({"runs": run, "connections": house.shop_id}.get(path.split("/")[1], house.id)), 1)
            at = at.replace("{any:path}", order if "explain/order" in path else sku)
            for name, value in given.items():
                at = at.replace(name, value)
            assert shows(await got(house, at, keys["read"])) == [], at
            if shows(await got(house, at, keys["operator"])):
                whole.add(path)
        at = "/integrations/{id:int}"
        lists = {
            f"{at}/orders",
            f"{at}/orders.csv",
            f"{at}/orders/{{key:str}}",
            f"{at}/explain/order/{{any:path}}",
            f"{at}/causes",
            "/causes",
        }
        assert whole == lists, "an operator sees it"
        for asked in (BUYER.name, BUYER.document, BUYER.email, order):
            for role, seen in (("read", False), ("operator", True)):
                hits = await house.api("POST", "/search", {"q": asked}, key=keys[role])
                assert {hit["key"] for hit in hits["items"]} >= {order}, asked
                assert bool(shows(str(hits["items"]))) is seen, (asked, role)
        shown = await house.api("GET", f"/integrations/{house.id}/orders/{order}", key=keys["read"])
        assert shown["doc"]["buyer"] == {
            "name": "M*** d*** S***", "document": "***.982.247-**", "email": "m***@example.com", "phone": "***8888",
        }  # fmt: skip
        assert shown["doc"]["delivery"]["city"] == BUYER.city and shown["doc"]["delivery"]["street"] == "***"
        assert "bloqueado" in shown["cause"]["text"]["pt"] and "***.982.247-**" in shown["cause"]["text"]["pt"]


@pytest.mark.trap("engine.buyer-in-address")
async def test_a_document_or_an_address_is_asked_for_in_a_body(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        order = house.sell(1)
        await house.until(lambda: house.in_erp(order))
        at = f"/integrations/{house.id}"
        for asked in (BUYER.document, "529.982.247-25", BUYER.email, "11222333000181", "11.222.333/0001-81"):
            q = str(httpx.QueryParams({"q": asked}))
            for path in (f"/search?{q}", f"{at}/orders?{q}", f"{at}/orders.csv?{q}"):
                problem = await house.api("GET", path, status=422)
                assert problem["code"] == "personal_in_address" and "POST /search" in problem["hint"], path
        assert (await house.api("GET", f"{at}/explain/order/{BUYER.document}", status=422))["code"] == "personal_in_address"
        for asked in (BUYER.document, "529.982.247-25", BUYER.email, BUYER.email.upper(), BUYER.email.partition("@")[0]):
            found = await house.api("POST", "/search", {"q": asked})
            assert [hit["key"] for hit in found["items"]] == [order], asked
        assert [hit["key"] for hit in (await house.api("GET", f"/search?q={order}"))["items"]] == [order]
        said: Any = await house.api("POST", "/search", {"frage": "x"}, status=400)
        assert said["errors"]
