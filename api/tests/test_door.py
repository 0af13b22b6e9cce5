"""Calls that come from a platform: who may come in, what becomes of what they say, and that they are answered in time."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from api.tests.conftest import LOG
from api.tests.doors import SELDOM, Doored, doored

from engate.model import OrderEvent
from engate.sync import door
from engate.testing.facts import Change

WRONG = "x" * 43


def event(key: str, of: str) -> bytes:
    return msgspec.json.encode(OrderEvent(key, of, "ready", "ready"))


async def unhandled(house: Doored) -> int:
    return (await house.api("GET", f"/integrations/{house.id}/summary"))["inbox_unhandled"]


@pytest.mark.trap("engine.delivered-once")
async def test_an_order_that_the_shop_calls_about_enters_at_once_and_once(tmp_path: Path) -> None:
    """The shop was told of our address when the integration went live; it calls twice about everything; its feed is not read."""
    async with doored(tmp_path) as house:
        assert (await house.api("GET", f"/connections/{house.shop_id}"))["facts"] == {"plan": "plus"}
        await house.live()
        assert set(house.shop.hooks.values()) == {f"{await house.url()}/{topic}" for topic in ("orders", "stock")}
        house.shop.switches.twice = True
        key = house.sell()
        await house.until(lambda: house.in_erp(key))
        await house.until(lambda: house.shop.placed[key].state == "handling" and len(house.shop.called) == 4)
        assert {status for _, status in house.shop.called} == {200} and len(house.in_erp(key)) == 1
        kept = await house.deliveries()
        assert [(each["times"], each["outcome"], each["orders"], each["path"]) for each in kept] == [(2, "taken", [key], "orders")] * 2
        assert kept[0]["id"] > kept[1]["id"]
        for number in (1, 2):
            assert await house.call("again", "orders", event(f"again-{number}", key)) == 200
        assert (await _heard(house, key))[2:] == ["again-1"], "the delivery is told apart, whatever is in it"
        kept = await house.deliveries()
        paged = await house.api("GET", f"/integrations/{house.id}/deliveries?limit=1")
        again = await house.api("GET", f"/integrations/{house.id}/deliveries?limit=1&cursor={paged['next_cursor']}")
        assert (paged["items"], again["items"]) == (kept[:1], kept[1:2]) and again["next_cursor"]


@pytest.mark.trap("engine.door-name", "engine.door-counter")
async def test_whoever_does_not_know_the_address_learns_nothing(tmp_path: Path) -> None:
    """Wrong in any way: the same answer, byte for byte, whether there is such a connection or not."""
    async with doored(tmp_path, live=True) as house:
        url = await house.url()
        name = url.rpartition("/")[2]
        before = [f"/in/{house.shop_id}/{name}"]
        made = await house.api("POST", f"/connections/{house.shop_id}/webhook-address", {})
        assert made["webhook_url"] != url and made["webhook_url"].startswith(url.removesuffix(name))
        paths = [
            *before,
            f"/in/{house.shop_id}/{WRONG}",
            f"/in/{house.shop_id}/ção",
            f"/in/{house.erp_id}/{name}",
            f"/in/999/{name}",
            f"/in/zero/{name}",
            f"/in/{house.erp_id}/{door.name_of(house.installation.vault, _row(house.erp_id))}",
        ]
        answers: list[Any] = []
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
            for path in paths:
                answer = await house.client.request(method, f"{path}/orders", content=b"{}")
                answers.append((answer.status_code, answer.content, sorted(set(answer.headers) - {"date"})))
        assert {answer[:2] for answer in answers} == {(404, b"")} and len({str(answer) for answer in answers}) == 1
        await house.until(lambda: made["webhook_url"] in house.shop.hooks["orders"])
        assert (await house.client.post(f"{made['webhook_url']}/orders")).status_code == 401
        await house.api("DELETE", f"/integrations/{house.id}?confirm=par&open_orders=forget")
        assert (await house.client.post(f"{made['webhook_url']}/orders")).status_code == 404


class _Row:
    tenant_id, door = 1, 1

    def __init__(self, id: int) -> None:
        self.id = id


def _row(id: int) -> Any:
    return _Row(id)


async def test_the_address_is_for_admins_and_stands_in_no_log(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        name = (await house.url()).rpartition("/")[2]
        reads = (await house.api("POST", "/keys", {"name": "r", "role": "read"}))["key"]
        shown = await house.api("GET", f"/connections/{house.shop_id}", key=reads)
        assert shown["webhook_url"] is shown["webhook_why_not"] is None
        assert (await house.api("GET", f"/connections/{house.erp_id}"))["webhook_url"] is None
        for path, body in (("orders", b"no json"), ("reply", msgspec.json.encode({"status": 9000})), ("nothing", b"")):
            await house.call(f"odd-{path}", path, body)
        assert [status for _, status in house.shop.called[-3:]] == [500, 500, 404]
        assert "door_" in LOG.getvalue() and name not in LOG.getvalue()
        assert name not in str(await house.deliveries())


async def test_without_a_public_address_nobody_is_told_and_the_connection_says_so(tmp_path: Path) -> None:
    async with doored(tmp_path, public=False) as house:
        await house.api("POST", f"/integrations/{house.id}/activate", {"everything": True})
        await house.until(lambda: house.shop.state() and all(sku.visible for sku in house.shop.state()))
        shown = await house.api("GET", f"/connections/{house.shop_id}")
        assert shown["webhook_url"] is None and "ENGATE_PUBLIC_URL" in shown["webhook_why_not"]["pt"]
        assert house.shop.hooks == {} and shown["health"]["state"] == "ok"


@pytest.mark.trap("engine.door-body")
async def test_a_body_without_end_is_left_early(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        url = await house.url()
        path = url[url.index("/in/") :]
        port = int(url.split(":")[2].partition("/")[0])
        said = await house.client.post(f"{url}/orders", content=b"x" * (3 * 1024 * 1024))
        assert said.status_code == 413
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"POST {path}/orders HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        heard = asyncio.create_task(reader.read(64))
        sent = 0
        with suppress(ConnectionError):  # it may close before we have heard why
            while not heard.done() and sent < 64 * 1024 * 1024:
                writer.write(chunk)
                await writer.drain()
                sent += len(chunk)
                await asyncio.sleep(0)
        assert sent < 64 * 1024 * 1024
        writer.close()
        await asyncio.gather(heard, return_exceptions=True)
        assert not await house.deliveries()


@pytest.mark.trap("engine.refused-few")
async def test_a_stranger_with_the_address_fills_no_disk(tmp_path: Path) -> None:
    """Whatever is not signed is counted, in one row."""
    async with doored(tmp_path, live=True) as house:
        house.shop.switches.forged = True
        for number in range(12):
            assert await house.call(f"f{number}", "orders", event(f"f{number}", "F1") + b" " * 10_000) == 401
        [row] = await house.deliveries()
        assert (row["outcome"], row["reason"], row["times"], row["orders"]) == ("refused", "signature", 12, [])
        stored = await house.installation.store.reading(lambda c: c.exec_driver_sql("select sum(length(body)) from delivery").scalar_one())
        assert stored <= 2048 and await unhandled(house) == 0


@pytest.mark.trap("engine.door-in-time")
async def test_it_answers_while_the_lanes_have_every_reading_thread(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        await house.call("warm", "nothing", b"")
        store = house.installation.store
        busy = [asyncio.ensure_future(store.reading(lambda c: time.sleep(2.5))) for _ in range(8)]
        began = time.monotonic()
        house.shop.hooks["test"] = house.shop.hooks["orders"]
        house.shop.tell("test", event("busy", "F9"))
        await house.until(lambda: len(house.shop.called) == 2)
        assert (house.shop.called[-1][1], time.monotonic() - began < 1.0) == (200, True)
        await asyncio.gather(*busy)


@pytest.mark.trap("engine.door-cut")
async def test_a_plugin_that_takes_too_long_is_cut_and_what_it_delivered_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "SECONDS", 0.3)
    async with doored(tmp_path, live=True) as house:
        assert await house.call("slow", "slow", b"") == 503
        assert [each["key"] for each in await house.deliveries()] == ["slow"]


@pytest.mark.trap("engine.told-keys", "engine.told-keys-schedule")
async def test_what_is_told_to_have_changed_is_read_and_nothing_else(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        read_at = time.time() - 600
        mark = "update flow set read_at = ? where name = 'stock'"
        await house.installation.store.writing(lambda c: c.exec_driver_sql(mark, (read_at,)))
        rows = {row["want"]["sku"]: key for key, row in house.shop.held["stock"].items()}
        sku, key = sorted(rows.items())[0]
        house.erp.change([_changed(sku, 77)])
        assert await house.call("c1", "stock", msgspec.json.encode({"stock": [key], "price": []})) == 200
        await house.until(lambda: next(each for each in house.shop.state() if each.key == sku).stock["main"] == 77)
        run = await house.until(lambda: _webhook_run(house))
        assert (run["flow"], run["read"], run["pushed"], run["state"]) == ("stock", 1, 1, "done")
        await house.until(lambda: _read_due(house, read_at + SELDOM))  # the schedule is not put off
        left = await house.installation.store.reading(lambda c: c.exec_driver_sql("select count(*) from told_key").scalar_one())
        assert left == 0
        assert await house.call("c2", "stock", msgspec.json.encode({"stocks": [key]})) == 500


def _changed(sku: str, units: int) -> Change:
    return Change(sku, stock={"1": units})


async def _webhook_run(house: Doored) -> Any:
    runs = await house.api("GET", f"/integrations/{house.id}/runs")
    return next((run for run in runs["items"] if run["trigger"] == "webhook" and run["state"] == "done"), None)


async def _read_due(house: Doored, at: float) -> bool:
    sql = "select due_at from lane where name = 'read/stock'"
    due = await house.installation.store.reading(lambda c: c.exec_driver_sql(sql).scalar_one())
    return due is not None and abs(due - at) < 1.0


async def test_what_was_told_before_the_integration_was_live_counts_when_it_comes_again(tmp_path: Path) -> None:
    async with doored(tmp_path) as house:
        assert await house.call("early", "orders", event("e-early", "F00001")) == 200
        assert [each["outcome"] for each in await house.deliveries()] == ["unheard"]
        await house.live()
        house.shop.switches.calls = False
        key = house.sell()
        assert key == "F00001" and not house.in_erp(key)
        assert await house.call("early", "orders", event("e-early", key)) == 200
        await house.until(lambda: house.in_erp(key))
        [row] = await house.deliveries()
        assert (row["outcome"], row["times"]) == ("taken", 2)
        looked = sum(house.shop.counts.by_operation["GET /orders/{key}"].values())
        replayed = await house.api("POST", f"/integrations/{house.id}/deliveries/{row['id']}/replay", {})
        assert replayed == {"orders": 1, "keys": 0}
        await house.until(lambda: sum(house.shop.counts.by_operation["GET /orders/{key}"].values()) > looked)
        await house.api("POST", f"/integrations/{house.id}/deliveries/999/replay", {}, status=404)


@pytest.mark.trap("engine.door-archive")
async def test_an_archived_integration_hears_of_its_open_orders_and_of_no_other(tmp_path: Path) -> None:
    async with doored(tmp_path, live=True) as house:
        key = house.sell()
        await house.until(lambda: house.shop.placed[key].state == "handling" and len(house.shop.called) == 2)
        await house.until(lambda: _all_handled(house))
        await house.api("DELETE", f"/integrations/{house.id}?confirm=par&open_orders=archive")
        other = house.sell(2)
        await house.until(lambda: len(house.shop.called) == 3)
        assert not await _heard(house, other)
        house.shop.cancel([key], "Desistiu")
        await house.until(lambda: house.in_erp(key)[0].state == "cancelled")
        assert not house.in_erp(other)


async def _heard(house: Doored, key: str) -> list[str]:
    """The events of an order that were taken in."""
    sql = "select key from inbox where order_key = ? order by id"
    return await house.installation.store.reading(lambda c: list(c.exec_driver_sql(sql, (key,)).scalars()))


async def _all_handled(house: Doored) -> bool:
    return await unhandled(house) == 0
