"""The journal of calls as people read it: what was said of an order and of a SKU, to whom it is shown, and what nobody may see in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from api.tests.doors import KEY, Doored, doored
from api.tests.test_buyers import BUYER, delivered, in_files, opened, shows, sold, waits

from engate.testing.facts import Change


async def calls(house: Doored, query: str = "", **more: Any) -> list[Any]:
    return (await house.api("GET", f"/calls?limit=500&{query}", **more))["items"]


async def role(house: Doored, name: str) -> str:
    return (await house.api("POST", "/keys", {"name": name, "role": name}))["key"]


@pytest.mark.trap("engine.calls-read-key", "engine.calls-stranger")
async def test_what_was_said_of_an_order_is_shown_to_whoever_may_see_it(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        order = await sold(house, 1, BUYER)
        await house.until(lambda: house.in_erp(order))
        operator, reader = await role(house, "operator"), await role(house, "read")
        hooks = {"find_order", "import_order", "send_handling"}

        async def told() -> bool:
            return hooks <= {each["hook"] for each in await calls(house, f"order={order}", key=operator)}

        await house.until(told)
        found = await calls(house, f"order={order}", key=operator)
        assert all(each["order"] == order for each in found)
        assert [each["id"] for each in found] == sorted((each["id"] for each in found), reverse=True)
        sent = next(each for each in found if each["hook"] == "import_order")
        assert (sent["method"], sent["path"], sent["outcome"], sent["attempt"]) == ("POST", "/orders", "ok", 1)
        assert sent["integration"] == house.id and sent["connection"] == house.erp_id and sent["status"] in (200, 201)
        assert order in sent["request"] and '"key"' in sent["answer"] and sent["outcome_title"]["pt"] == "Deu certo"
        assert sent["hook_title"]["pt"] == "enviar o pedido ao ERP" and sent["ms"] >= 0 and sent["at"]
        seen = await calls(house, f"order={order}", key=reader)
        assert {each["id"] for each in found} <= {each["id"] for each in seen}
        for each in seen:
            assert each["path"] is each["request"] is each["answer"] is each["headers"] is None and each["outcome"] == "ok"
        stranger = (await house.api("POST", "/tenants", {"name": "Outra"}, key=KEY))["admin_key"]
        for query in ("", f"order={order}", f"integration={house.id}", f"connection={house.erp_id}", "key=1"):
            assert await calls(house, query, key=stranger) == []
        await house.api("POST", f"/connections/{house.erp_id}/calls", {}, key=stranger, status=404)
        await house.api("POST", f"/connections/{house.erp_id}/calls", {}, key=reader, status=403)


async def test_calls_are_found_by_what_they_were_about_and_how_they_ended(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        house.erp.switches.refuses = f"Cliente {BUYER.name}, CPF 529.982.247-25: bloqueado"
        order = await sold(house, 1, BUYER)
        await house.until(lambda: waits(house, order))
        [refused] = await calls(house, f"order={order}&outcome=refused")
        assert refused["hook"] == "import_order" and refused["code"] == f"http.{refused['status']}" and "bloqueado" in refused["answer"]
        assert refused["outcome_title"]["pt"] == "Recusada pela plataforma"
        sku = min(house.shop.state(), key=lambda each: each.key)
        erp_key = house.erp.state()[0].key
        house.erp.change([Change(erp_key, price=Decimal("77.00"))])
        await house.api("POST", f"/integrations/{house.id}/resync", {"flows": ["prices"]})

        async def pushed() -> bool:
            return any(each["hook"] == "push_prices" and "77" in each["request"] for each in await calls(house, f"key={erp_key}"))

        await house.until(pushed)
        price = next(each for each in await calls(house, f"key={erp_key}") if each["hook"] == "push_prices")  # the newest
        assert {"kind": "sku", "key": erp_key} in price["records"] and "77" in price["request"] and price["connection"] == house.shop_id
        own = next(each["key"] for each in price["records"] if each["kind"] == "price")
        assert price["id"] in {each["id"] for each in await calls(house, f"kind=price&key={own}&integration={house.id}&outcome=ok")}
        assert await calls(house, f"kind=price&key={own}&outcome=unknown") == [] and sku.key
        assert await calls(house, "until=2026-01-01") == [] and await calls(house, "since=2026-01-01")
        page = await house.api("GET", "/calls?limit=2")
        assert len(page["items"]) == 2 and page["next_cursor"]
        rest = await house.api("GET", f"/calls?limit=2&cursor={page['next_cursor']}")
        assert rest["items"][0]["id"] < page["items"][1]["id"]
        for query, names in (("outcome=bad", "unknown"), ("kind=shoe&key=1", "stock"), ("kind=sku", "key")):
            problem = await house.api("GET", f"/calls?{query}", status=422)
            assert names in problem["hint"] + str(problem["errors"]), query


@pytest.mark.trap("engine.calls-of-buyers")
async def test_a_buyer_is_in_no_call_any_more_and_was_handed_out_before(tmp_path: Path) -> None:
    """The order is read from the shop by calls, which answer with its buyer."""
    async with doored(tmp_path, live=True) as house:
        order = await sold(house, 1, BUYER)
        await house.until(lambda: house.in_erp(order))
        assert shows(str(await calls(house, f"order={order}")))
        who = {"document": BUYER.document}
        [told] = (await house.api("POST", "/buyers/export", who))["orders"]
        assert shows(str(told["calls"]))
        await delivered(house, order)

        async def over() -> bool:
            return not (await house.api("POST", "/buyers/erase", who))["under_way"]

        await house.until(over)
        found = await calls(house, f"order={order}")
        assert found and shows(str(found)) == [] and all(each["request"] == each["path"] == "" for each in found)
        assert in_files(tmp_path) == []


@pytest.mark.trap("engine.calls-by-value")
async def test_no_secret_and_no_session_is_in_what_is_kept(tmp_path: Path) -> None:
    """Every call of both accounts is kept meanwhile, logins and the installing of webhooks among them."""
    async with doored(tmp_path, live=True) as house:
        for id in (house.erp_id, house.shop_id):
            until = (await house.api("POST", f"/connections/{id}/calls", {"minutes": 5}))["calls_until"]
            assert until and (await house.api("GET", f"/connections/{id}"))["calls_until"] == until
        house.installation.registry.forget()
        await house.api("POST", f"/connections/{house.erp_id}/test", {})
        await house.api("POST", f"/connections/{house.shop_id}/test", {})
        password = house.erp.describe().secrets["password"]
        house.erp.switches.refuses = f"bloqueado para {password}"  # a platform repeats what it was sent
        order = await sold(house, 1, BUYER)
        await house.until(lambda: waits(house, order))
        [refused] = await calls(house, f"order={order}&outcome=refused")
        assert "bloqueado para ***" in refused["answer"]
        await house.api("POST", f"/integrations/{house.id}/resync", {"flows": ["products"]})

        async def listed() -> bool:
            return "list_skus" in {each["hook"] for each in await calls(house)}

        await house.until(listed)
        url = await house.url()
        found = await calls(house)
        assert {"test_connection", "list_products", "read_order"} <= {each["hook"] for each in found}
        hidden = [*house.erp.describe().secrets.values(), *house.shop.describe().secrets.values(), url.rpartition("/")[2]]
        with closing(sqlite3.connect(tmp_path / "engate.db")) as c:
            kept = b"\n".join(opened(row[0]) for row in c.execute("SELECT said FROM call")).decode("utf-8", "replace")
        assert len(kept) > 10_000 and [secret for secret in hidden if secret in kept or secret in str(found)] == []
        ended = await house.api("POST", f"/connections/{house.erp_id}/calls", {"minutes": 0})
        assert ended["calls_until"] is None
        for minutes in (-1, 1441):
            await house.api("POST", f"/connections/{house.erp_id}/calls", {"minutes": minutes}, status=400)


async def test_who_wants_none_keeps_none(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True, settings={"calls_days": 0}) as house:
        order = await sold(house, 1, BUYER)
        await house.until(lambda: house.in_erp(order))
        assert await calls(house) == []
        assert (await house.api("POST", f"/connections/{house.erp_id}/calls", {}, status=422))["code"] == "calls_off"


def test_the_struct_of_a_call_has_titles_for_every_outcome() -> None:
    from typing import get_args

    from engate.calls import Outcome
    from engate.titles import CALLS

    assert set(CALLS) == set(get_args(Outcome)) and msgspec.json.encode(dict(CALLS))
