"""Buyers' data (LGPD): who sees it, how it is asked for, what is handed out and what is taken out."""

from __future__ import annotations

import asyncio
import sqlite3
import zlib
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import sqlalchemy as sa
from api.tests.doors import Doored, doored
from api.tests.test_access import OPEN, ROUTES
from core.tests.orders_made import order as made_order
from tests.support.goods import BUYER, sale

from engate.clock import SystemClock
from engate.model import Buyer as BuyerOf
from engate.store import orders, whose
from engate.store.tables import flow
from engate.testing.facts import Buyer
from engate_api.auth import reader
from engate_api.embedded import opened as running
from engate_api.settings import Settings

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
            "/calls",
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


# ---- the rights of a buyer ----

XML = f"<NFe><dest><CPF>{BUYER.document}</CPF><xNome>{BUYER.name}</xNome><xLgr>{BUYER.street}</xLgr></dest></NFe>"
OTHER = Buyer(
    "João Pereira Lima", "39053344705", "joao@example.com", "1133334444", "Avenida Brasil", "5", "Sul", "Curitiba", "PR", "80000000"
)


async def sold(house: Doored, number: int, buyer: Buyer, **more: Any) -> str:
    first = min(house.shop.state(), key=lambda each: each.key)
    made = msgspec.structs.replace(sale(number, (first.key, 1, str(first.price))), buyer=buyer, **more)
    return house.shop.sell([made])[str(number)]


async def delivered(house: Doored, order: str) -> None:
    """Noted with an XML that names the buyer, sent and arrived."""
    await house.api("PATCH", f"/integrations/{house.id}/flows/fulfilment", {"every": 0.2})
    await house.until(lambda: house.in_erp(order))
    [own] = house.in_erp(order)
    house.erp.invoice(own.key, xml=XML if house.shop.placed[order].buyer.document == BUYER.document else "<NFe/>")
    house.erp.ship(own.key, f"BR{own.key}")
    house.erp.progress("delivered", [own.key])

    async def arrived() -> bool:
        return (await house.api("GET", f"/integrations/{house.id}/orders/{order}"))["state"] == "delivered"

    await house.until(arrived)


def in_files(folder: Path) -> list[str]:
    """What of the buyer stands in the database's files: as bytes, wherever that may be, or in what is stored compressed."""
    held = [path.read_bytes() for path in sorted(folder.glob("engate.db*"))]
    with closing(sqlite3.connect(folder / "engate.db")) as c:
        for (table,) in c.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            rows = c.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608  # names of tables
            held += [opened(value) for row in rows for value in row if isinstance(value, bytes)]
    return shows(b"\n".join(held).decode("utf-8", "replace"))


def opened(blob: bytes) -> bytes:
    """A document, or the body of a delivery."""
    for start in (0, 1):
        with suppress(zlib.error):
            return zlib.decompress(blob[start:])
    return blob


@pytest.mark.trap("engine.buyer-erased", "engine.buyer-stays-out")
async def test_a_buyer_is_handed_out_and_taken_out_of_every_file(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        house.shop.switches.whole = True
        house.erp.switches.refuses = REFUSED
        first = await sold(house, 1, BUYER)
        await house.until(lambda: waits(house, first))
        house.erp.switches.refuses = ""
        at = f"/integrations/{house.id}/orders"
        await house.api("POST", f"{at}/{first}/retry", {})
        await delivered(house, first)
        others = await sold(house, 2, OTHER)
        await delivered(house, others)
        second = await sold(house, 3, BUYER)
        await house.until(lambda: house.in_erp(second))
        who = {"email": BUYER.email.upper()}
        told = await house.api("POST", "/buyers/export", who)
        assert {each["order"]["key"] for each in told["orders"]} == {first, second}
        assert told["orders"][0]["order"]["doc"]["buyer"]["document"] == BUYER.document and told["orders"][0]["integration_name"] == "par"
        assert XML in [note["xml"] for note in told["orders"][0]["notes"]]
        assert told["deliveries"] and all(first in each["body"] or second in each["body"] for each in told["deliveries"])
        assert in_files(tmp_path) == list(WORDS)
        done = await house.api("POST", "/buyers/erase", who)
        assert done["erased"] == [{"integration": house.id, "key": first}] and done["cleaned"] and done["deliveries"]
        assert done["under_way"] == [{"integration": house.id, "key": second}]
        assert (await house.api("GET", f"{at}/{second}"))["doc"]["buyer"]["name"] == BUYER.name, "it still needs its buyer"
        await delivered(house, second)

        async def over() -> bool:
            """The shop's own word of it has been heard too."""
            return not (await house.api("POST", "/buyers/erase", {"document": "529.982.247-25"}))["under_way"]

        await house.until(over)
        assert in_files(tmp_path) == []
        assert "O ERP e a loja" in done["elsewhere"]["pt"]
        shown = await house.api("GET", f"{at}/{first}")
        assert shown["erased_at"] and shown["doc"]["buyer"] == {"name": "", "document": ""} and shown["total"] and shown["timeline"]
        assert shown["parts"][0]["documents"][0]["key"] and not shown["parts"][0]["documents"][0]["has_xml"]
        kept = await house.api("GET", f"{at}/{others}")
        assert kept["doc"]["buyer"]["name"] == OTHER.name and kept["erased_at"] is None, "somebody else's"
        assert (await house.api("POST", "/search", {"q": OTHER.document}))["items"][0]["key"] == others
        assert (await house.api("POST", "/search", {"q": BUYER.document}))["items"] == []
        assert (await house.api("POST", "/buyers/export", who))["orders"] == []
        trail = (await house.api("GET", "/audit?what=buyers"))["items"]
        assert [line["what"] for line in trail][:2] == ["buyers.exported", "buyers.erased"]
        assert shows(str(trail)) == []
        # the shop and the ERP tell of it again
        house.shop.progress("cancel_requested", [first])
        house.erp.progress("delivered", [own.key for own in house.in_erp(first)])

        async def heard() -> bool:
            return (await house.api("GET", f"{at}/{first}"))["shop_state"] == "cancel_requested"

        await house.until(heard)
        assert shows(str(await house.api("GET", f"{at}/{first}"))) == []


@pytest.mark.trap("engine.cause-of-several", "engine.cause-in-the-queue")
async def test_a_cause_of_several_orders_is_masked_by_the_words_of_each(tmp_path: Path) -> None:
    """Two buyers wait for the same refusal, which names the later one of them."""
    async with doored(tmp_path, live=True) as house:
        keys = await keys_of(house)
        house.erp.switches.refuses = REFUSED
        first = await sold(house, 1, OTHER)
        await house.until(lambda: waits(house, first))
        second = await sold(house, 2, BUYER)
        await house.until(lambda: waits(house, second))
        at = f"/integrations/{house.id}"
        [cause] = (await house.api("GET", "/causes", key=keys["operator"]))["items"]
        assert cause["orders"] == 2 and cause["first"]["key"] == first and shows(str(cause))
        for path in ("/causes", f"{at}/causes", f"{at}/orders", f"{at}/orders.csv", f"{at}/orders/{second}", f"{at}/explain/order/{first}"):
            assert shows(await got(house, path, keys["read"])) == [], path
        hits = await house.api("POST", "/search", {"q": first}, key=keys["read"])
        assert hits["items"] and shows(str(hits)) == []
        # they go on, and something else of the integration still waits for it
        house.erp.switches.refuses = ""
        await house.installation.store.writing(lambda c: c.execute(sa.update(flow).values(cause_id=cause["id"])))
        for key in (first, second):
            await house.api("POST", f"{at}/orders/{key}/retry", {})
            await house.until(lambda key=key: house.in_erp(key))
        [left] = (await house.api("GET", "/causes", key=keys["read"]))["items"]
        assert left["id"] == cause["id"] and left["first"] is None and shows(str(left)) == []


@pytest.mark.trap("engine.few-a-request")
async def test_much_of_one_buyer_is_handed_out_and_taken_out_some_at_a_time(tmp_path: Path) -> None:
    """A company that buys every day. What was not answered is asked for again, and nothing is done twice."""
    many = whose.FOUND + 10
    async with doored(tmp_path) as house:
        tenant = (await house.api("GET", "/me"))["tenant"]["id"]
        whom, placed = BuyerOf(BUYER.name, BUYER.document, BUYER.email), datetime.now(UTC).timestamp()

        def fill(c: sa.Connection) -> None:
            for n in range(many):
                doc = msgspec.structs.replace(made_order(), key=f"o{n}", buyer=whom)
                orders.keep(c, orders.Shop(tenant, house.id), doc, "delivered", placed)

        await house.installation.store.writing(fill)
        who: dict[str, str] = {"document": BUYER.document}
        told = await house.api("POST", "/buyers/export", who)
        rest = await house.api("POST", "/buyers/export", who | {"cursor": told["next_cursor"]})
        assert (len(told["orders"]), len(rest["orders"]), rest["next_cursor"]) == (whose.FOUND, 10, None)
        done = await house.api("POST", "/buyers/erase", who)
        assert len(done["erased"]) == whose.FOUND and not done["cleaned"]
        more = who | {"cursor": done["next_cursor"]}
        last = await house.api("POST", "/buyers/erase", more)
        assert (len(last["erased"]), last["next_cursor"], last["cleaned"]) == (10, None, True)
        again = await house.api("POST", "/buyers/erase", more)
        assert (again["erased"], again["under_way"], again["cleaned"]) == ([], [], True)
        assert in_files(tmp_path) == []
        erased = [line for line in (await house.api("GET", "/audit?what=buyers"))["items"] if line["what"] == "buyers.erased"]
        named = [key for line in erased for change in line["changes"] if change["field"] == "erased" for key in change["after"]]
        assert sorted(named) == sorted(f"{house.id}/o{n}" for n in range(many)), "each once, and whole"
        for cursor in ("x", "orders.999.0", "orders.1", "keys.1.2", "orders.-1.0"):
            refused = await house.api("POST", "/buyers/export", who | {"cursor": cursor}, status=400)
            assert refused["code"] == "bad_cursor", cursor


async def test_who_a_buyer_is_is_said_rightly_and_by_an_admin(tmp_path: Path) -> None:
    async with doored(tmp_path) as house:
        keys = await keys_of(house)
        for what in ("export", "erase"):
            at = f"/buyers/{what}"
            await house.api("POST", at, {"document": BUYER.document}, key=keys["operator"], status=403)
            assert (await house.api("POST", at, {}, status=422))["errors"][0]["where"] == "document"
            assert "CPF" in (await house.api("POST", at, {"document": "52998224726"}, status=422))["detail"]
            assert (await house.api("POST", at, {"email": "maria@"}, status=422))["errors"][0]["where"] == "email"
        done = await house.api("POST", "/buyers/erase", {"email": "ninguem@example.com"})
        assert done["erased"] == done["under_way"] == [] and done["deliveries"] == 0


@pytest.mark.trap("engine.deleted-deliveries", "engine.deleted-bytes")
async def test_what_is_deleted_with_its_integration_is_in_no_file(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        house.shop.switches.whole = True
        order = await sold(house, 1, BUYER)
        await delivered(house, order)
        assert in_files(tmp_path) == list(WORDS[:2]) + list(WORDS[3:])
        await house.api("DELETE", f"/integrations/{house.id}?confirm=par&open_orders=forget")
        assert in_files(tmp_path) == []


@pytest.mark.trap("engine.buyer-kept-as-set")
async def test_how_long_a_buyer_is_kept_is_a_setting(tmp_path: Path) -> None:
    """Five years if nobody says otherwise; whoever sets less has the older ones forgotten by the next start."""
    async with doored(tmp_path, live=True) as house:
        order = await sold(house, 1, BUYER, placed_at=datetime.now(UTC) - timedelta(days=40))
        await delivered(house, order)

        async def heard() -> bool:
            return (await house.api("GET", f"/integrations/{house.id}/summary"))["inbox_unhandled"] == 0

        await house.until(heard)
        assert in_files(tmp_path)
    settings = Settings(data=tmp_path, database_url=f"sqlite:///{tmp_path}/engate.db", keep_buyers_days=30)
    async with running(settings, SystemClock()), asyncio.timeout(20):
        while in_files(tmp_path):  # noqa: ASYNC110  # files
            await asyncio.sleep(0.05)
