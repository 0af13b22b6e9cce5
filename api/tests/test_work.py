"""The operator's questions and levers: why not on the site, search, retry, links, resync, cancel."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from api.tests.conftest import Live, Loaded
from tests.support.goods import goods, gtin

from engate.domain import reasons
from engate.store import causes, outbox
from engate.store.db import Store
from engate.store.outbox import Message, Target
from engate.text import Text


def test_the_summary_counts_each_sku_once(loaded: Loaded) -> None:
    summary = loaded.admin.get(f"{loaded.path}/summary")
    skus = summary["skus"]
    assert skus["total"] == 8
    assert sorted(skus["attention"].values()) == [1, 1]
    assert (skus["awaiting"], skus["waiting"], skus["settled"]) == (0, 0, 6)
    assert summary["moving"] == 0
    assert summary["orders"] == {"invoiced": 1}
    assert summary["records"]["product"]["settled"] == 7
    assert summary["records"]["sku"] == {"to_send": 1, "sent": 0, "waiting": 1, "settled": 6}


def test_causes_with_what_waits_for_them(loaded: Loaded) -> None:
    items = loaded.admin.get(f"{loaded.path}/causes")["items"]
    found = {each["code"]: each for each in items}
    assert set(found) == set(loaded.admin.get(f"{loaded.path}/summary")["skus"]["attention"])
    for cause in found.values():
        assert cause["owner"] == "person"
        assert cause["hint"]["pt"] and cause["text"]["en"]
        assert sum(cause["records"].values()) == 1
        rows = loaded.admin.get(f"{loaded.path}/records", cause=cause["id"])["items"]
        assert [row["cause"]["code"] for row in rows] == [cause["code"]]


@pytest.mark.parametrize("by", ["sku", "ean", "remote", "product"])
def test_a_settled_sku_is_found_by_any_key(loaded: Loaded, by: str) -> None:
    state = next(sku for sku in loaded.house.shop.get("state") if sku["key"] == loaded.erp_keys["1002"])
    key = {"sku": state["key"], "ean": gtin(2), "remote": state["remote"], "product": "1002"}[by]
    said = loaded.admin.get(f"{loaded.path}/explain/sku/{key}")
    assert said["key"] == state["key"]
    assert said["state"] == "settled"
    assert said["remote"] == state["remote"]
    assert said["verdict"]["owner"] is None and said["verdict"]["since"] and "desde" in said["verdict"]["text"]["pt"]
    assert [link["kind"] for link in said["chain"]][:6] == ["category", "category", "category", "brand", "product", "sku"]
    assert said["sku"]["last_sent"]["key"] == state["key"]
    assert said["prices"] and said["stock"]
    assert loaded.admin.get(f"{loaded.path}/records", q=key, kind="sku")["items"] or by == "product"


def test_the_chain_stops_at_the_first_cause(loaded: Loaded) -> None:
    """No category in the ERP: the SKU itself could go, its product cannot."""
    unlinked = loaded.admin.get(f"{loaded.path}/explain/sku/{gtin(50)}")
    assert unlinked["verdict"]["where"]["kind"] == "product"
    assert unlinked["cause"]["owner"] == "person"
    assert unlinked["verdict"]["hint"]["pt"] and unlinked["verdict"]["hint"]["en"]
    assert unlinked["sku"]["state"] == "to_send"
    assert unlinked["sku"]["waits_for"] == {"kind": "product", "key": "1050"}
    light = loaded.admin.get(f"{loaded.path}/explain/sku/{gtin(51)}")
    assert light["verdict"]["where"] == {"kind": "sku", "key": light["key"]}
    assert light["product"]["state"] == "settled"
    missing = loaded.admin.refused("GET", f"{loaded.path}/explain/sku/nada", 404)
    assert "ERP" in missing["hint"]


def walk(loaded: Loaded, path: str, limit: int, **params: Any) -> list[Any]:
    found: list[Any] = []
    cursor = None
    while True:
        page = loaded.admin.get(f"{loaded.path}/{path}", limit=limit, **params, **({"cursor": cursor} if cursor else {}))
        assert len(page["items"]) <= limit
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize(("path", "key"), [("records", "id"), ("links", "key"), ("runs", "id"), ("causes", "id"), ("orders", "key")])
def test_pages_hold_everything_once(loaded: Loaded, path: str, key: str) -> None:
    whole = walk(loaded, path, 500)
    cut = walk(loaded, path, 3)
    assert whole
    assert [row[key] for row in cut] == [row[key] for row in whole]
    assert loaded.admin.refused("GET", f"{loaded.path}/{path}", 400, params={"cursor": "?"})["code"] == "bad_cursor"
    for limit in (0, 501, "x"):
        assert loaded.admin.refused("GET", f"{loaded.path}/{path}", 400, params={"limit": limit})["errors"]


def test_records_are_searched(loaded: Loaded) -> None:
    assert {row["state"] for row in walk(loaded, "records", 500, state="settled")} == {"settled"}
    assert {row["kind"] for row in walk(loaded, "records", 500, kind="price")} == {"price"}
    assert [row["key"] for row in walk(loaded, "records", 50, kind="product", q="1003")] == ["1003"]
    assert len(walk(loaded, "records", 50, kind="product", q="100")) == 6
    assert walk(loaded, "records", 50, kind="product", q="%") == []
    loaded.admin.refused("GET", f"{loaded.path}/records", 400, params={"state": "lost"})
    assert "sku" in loaded.admin.refused("GET", f"{loaded.path}/records", 422, params={"kind": "skus"})["hint"]


def test_orders_and_their_story(loaded: Loaded) -> None:
    items = loaded.admin.get(f"{loaded.path}/orders")["items"]
    assert [each["key"] for each in items] == [loaded.order]
    order = loaded.shown()
    part = order["parts"][0]
    assert part["erp_key"] and order["cause"] is None and not order["attention"]
    note = part["documents"][0]
    assert note["sent_at"] and len(note["key"]) == 44
    names = [step["name"] for step in order["timeline"]]
    assert names.index("imported") < names.index("handling") < names.index("document") < names.index("invoice_sent")
    assert all(step["text"]["pt"] and step["text"]["en"] for step in order["timeline"])
    for any_key in (loaded.order, part["erp_key"], note["key"], note["number"], "MARIADASILVA"):
        said = loaded.admin.get(f"{loaded.path}/explain/order/{any_key}")
        assert said["key"] == loaded.order, any_key
        assert said["state"] == "invoiced" and part["erp_key"] in said["verdict"]["text"]["pt"]
        assert [each["key"] for each in loaded.admin.get(f"{loaded.path}/orders", q=any_key)["items"]] == [loaded.order]
    assert loaded.admin.get(f"{loaded.path}/orders", attention="true")["items"] == []
    assert loaded.admin.get(f"{loaded.path}/orders", attention="false", state="invoiced")["items"]
    loaded.admin.refused("GET", f"{loaded.path}/explain/order/999", 404)
    loaded.admin.refused("GET", f"{loaded.path}/orders/999", 404)
    loaded.admin.refused("POST", f"{loaded.path}/orders/999/retry", 404)
    assert loaded.admin.post(f"{loaded.path}/orders/{loaded.order}/retry")["key"] == loaded.order


def test_a_resync_reads_and_changes_nothing(loaded: Loaded) -> None:
    writes = loaded.house.shop.get("ledger")["writes"]
    made = loaded.admin.call("POST", f"{loaded.path}/resync", {"flows": ["products", "prices"], "mode": "full"})
    assert made.status_code == 202
    runs = made.json()["runs"]
    assert len(runs) == 2
    loaded.house.until(lambda: all(loaded.admin.get(f"/runs/{run}")["state"] == "done" for run in runs))
    run = loaded.admin.get(f"/runs/{runs[0]}")
    assert (run["flow"], run["trigger"], run["full"], run["read"], run["changed"]) == ("products", "request", True, 16, 0)
    assert run["started_at"].endswith("Z") and run["error"] is None
    assert loaded.house.shop.get("ledger")["writes"] == writes
    some = loaded.admin.post(f"{loaded.path}/resync", {"flows": ["stock"], "skus": [loaded.good["key"]]})["runs"]
    loaded.house.until(lambda: loaded.admin.get(f"/runs/{some[0]}")["state"] == "done")
    assert loaded.admin.get(f"/runs/{some[0]}")["read"] == 1
    assert loaded.admin.refused("POST", f"{loaded.path}/resync", 422, {"skus": ["nada"]})["errors"][0]["where"] == "skus"
    assert "stock" in loaded.admin.refused("POST", f"{loaded.path}/resync", 422, {"flows": ["estoque"]})["hint"]
    loaded.admin.refused("POST", f"{loaded.path}/resync", 400, {"mode": "half"})
    assert loaded.admin.post(f"{loaded.path}/resync", {"flows": ["orders"]})["runs"] == []
    done = loaded.admin.post(f"/runs/{runs[0]}/cancel")
    assert done["state"] == "done"  # what has ended stays as it is


def test_mending_the_cause_and_asking_again(selling: Callable[..., Live]) -> None:
    """Links were taken away by hand; putting one back releases what waited."""
    house, admin, id = selling(goods(3))
    path = f"/integrations/{id}"
    link = next(each for each in admin.get(f"{path}/links")["items"] if each["kind"] == "category" and "/" in each["key"])
    at = f"{path}/links/category/{link['key']}"
    admin.post(f"{path}/deactivate")
    admin.delete(at)
    admin.refused("DELETE", at, 404)
    admin.post(f"{path}/activate", {})
    house.until(lambda: [each for each in admin.get(f"{path}/links", kind="category")["items"] if each["key"] == link["key"]])
    found = next(each for each in admin.get(f"{path}/links", kind="category")["items"] if each["key"] == link["key"])
    assert found["remote"] == link["remote"]  # looked for by reference, not made twice
    made = admin.put(at, {"remote": link["remote"]})
    assert (made["origin"], made["remote"]) == ("person", link["remote"])
    admin.refused("PUT", f"{path}/links/coisa/1", 422, {"remote": "1"})
    admin.refused("DELETE", f"{path}/links", 409)
    count = len(admin.get(f"{path}/links", limit=500)["items"])
    assert admin.delete(f"{path}/links", confirm="par") == {"unlinked": count}
    house.quiet(admin, id)
    assert len(admin.get(f"{path}/links", limit=500)["items"]) == count
    assert len(house.shop.get("state")) == 3


def test_retry_sends_again_what_waits(loaded: Loaded) -> None:
    cause = next(each for each in loaded.admin.get(f"{loaded.path}/causes")["items"] if "sku" in each["records"])
    assert loaded.admin.post(f"{loaded.path}/records/retry", {"cause": cause["id"]}) == {"retried": 1}
    loaded.admin.refused("POST", f"{loaded.path}/records/retry", 404, {"cause": cause["id"]})

    def again() -> list[Any]:  # the list of causes may be some moments old
        found = [each["id"] for each in loaded.admin.get(f"{loaded.path}/causes")["items"] if each["code"] == cause["code"]]
        return [row for id in found for row in loaded.admin.get(f"{loaded.path}/records", cause=id)["items"]]

    row = loaded.house.until(again)[0]
    assert loaded.admin.post(f"{loaded.path}/records/retry", {"records": [row["id"], 10**9]}) == {"retried": 1}
    loaded.admin.refused("POST", f"{loaded.path}/records/retry", 422, {})
    loaded.house.quiet(loaded.admin, loaded.id)


@pytest.mark.trap("engine.outbox-all-again")
def test_a_retry_brings_back_all_messages_however_many_there_are(
    selling: Callable[..., Live], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "AGAIN", 2)
    _, admin, id = selling(goods(1))
    tenant_id, target = admin.get("/me")["tenant"]["id"], Target(id, "observer", "removed")
    reason = reasons.own("outbox.given_up", "observer/removed", Text("a", "a"), Text("b", "b"))
    store, now = Store(f"sqlite:///{tmp_path}/engate.db"), time.time()  # what was given up a month ago is taken away
    with store.write() as c:
        outbox.write(c, tenant_id, [Message(target, f"{n}", {"hook": "on_run_finished", "event": {}}) for n in range(5)], now)
        cause_id = causes.ensure(c, tenant_id, id, {reason}, now)[reason.key]
        outbox.give_up(c, outbox.as_old_as(c, target, now), cause_id, now)
    store.close()
    [cause] = [each for each in admin.get(f"/integrations/{id}/causes")["items"] if each["code"] == reason.code]
    assert cause["messages"] == 5
    assert admin.post(f"/integrations/{id}/records/retry", {"cause": cause["id"]}) == {"retried": 5}
    admin.refused("POST", f"/integrations/{id}/records/retry", 404, {"cause": cause["id"]})


def test_after_a_cancel_nothing_more_is_sent(selling: Callable[..., Live]) -> None:
    house, admin, id = selling(goods(2))
    house.shop.post("faults", [{"kind": "latency", "milliseconds": 150, "times": 10000}])
    house.erp.post("seed", goods(60))
    products = admin.post(f"/integrations/{id}/resync", {"flows": ["products"]})["runs"][0]
    house.until(lambda: admin.get(f"/runs/{products}")["live"]["sent"] > 0)
    stopped = admin.post(f"/runs/{products}/cancel")
    assert stopped["state"] == "cancelled" and stopped["ended_at"]
    assert stopped["live"]["to_send"] == 0 and stopped["live"]["waiting"] > 0
    held = len(house.shop.get("state"))
    assert held < 60
    requests = house.shop.get("ledger")["requests"]
    house.until(lambda: house.shop.get("ledger")["requests"] > requests + 3)  # the feed is read all the same
    assert len(house.shop.get("state")) == held
    cause = next(each for each in admin.get(f"/integrations/{id}/causes")["items"] if each["code"] == "run.cancelled")
    assert cause["hint"]["pt"]
    house.shop.post("faults", [])
    assert admin.post(f"/integrations/{id}/records/retry", {"cause": cause["id"]})["retried"] == sum(cause["records"].values())
    house.until(lambda: len(house.shop.get("state")) == 60)


ORDERS_HAVE = "limit, cursor, state, attention, q, cause, channel, since, until"


@pytest.mark.trap("engine.known-parameters")
@pytest.mark.parametrize(
    ("at", "name", "hint"),
    [
        ("{path}/orders?status=ready", "status", f"Esta consulta conhece: {ORDERS_HAVE}."),
        ("{path}/choices?kind=payments", "kind", "Esta consulta não tem parâmetros."),
        ("/causes?owner=person&integration=1", "integration", "Esta consulta conhece: limit, cursor, owner, sort."),
    ],
)
def test_a_filter_that_no_list_has_is_refused_with_those_it_has(loaded: Loaded, at: str, name: str, hint: str) -> None:
    refused = loaded.admin.refused("GET", at.format(path=loaded.path), 400)
    assert (refused["code"], refused["hint"], refused["errors"][0]["where"]) == ("unknown_parameter", hint, f"query.{name}")


def test_who_watches_the_process_may_ask_as_they_like(loaded: Loaded) -> None:
    assert loaded.house.client.get("/health?at=1").is_success
